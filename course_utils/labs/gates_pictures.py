"""What the gate lab shows: the course of one LSTM, the arithmetic of one step, as an SVG and in words."""

import hashlib
import html
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from course_utils.labs.diagram import CARD, INK, SOFT, path, rect, text
from course_utils.labs.inside import Gates, run_lstm
from course_utils.labs.inside_pictures import number, signed

WIDTH, SIZE = 760, 13.2  # at 640 pixels the text is still 11 high
LEFT, RIGHT = 148, 696  # where the time axis begins and ends
ORANGE, PALE = "#D55E00", "color-mix(in srgb, #D55E00 22%, transparent)"
LINE = "var(--cl-line)"
BAND = "color-mix(in srgb, var(--cl-other) 22%, transparent)"
GAP = 16  # between the rows
LARGEST = 3  # contributions told one by one
ORDER = ("i", "f", "g", "o")  # how Keras lays the four blocks of its weights side by side; it calls g c
FIELDS = {"i": "input", "f": "forget", "g": "candidate", "o": "output", "c": "cell", "h": "hidden"}
NAMES = {
    "x": "input", "i": "input gate", "f": "forget gate", "o": "output gate", "g": "candidate",
    "c": "cell state", "h": "hidden state",
}  # fmt: skip
CLAMPS = {"computed": None, "shut": 0.0, "open": 1.0}
ROWS = {"x": 40, "i": 32, "f": 32, "o": 32, "g": 38, "c": 56, "h": 40}  # from the top, with their heights
MARKS = {"i": "circle", "f": "square", "o": "triangle", "g": "diamond", "h": "circle"}  # of h hollow


def run(weights, x, clamps=None):
    """An LSTM with one input feature, step by step.

    Parameters
    ----------
    weights : sequence of array
        As Keras gives them: kernel (1, 4 * units), recurrent kernel (units, 4 * units), bias (4 * units,),
        their blocks in the order i, f, candidate, o. The bias may be left out.
    x : sequence of float
        One number for each step.
    clamps : dict, optional
        "i", "f" or "o" -> the value, 0 or 1, at which this gate is held in all units.

    Returns
    -------
    inside.Gates
        i, f, g, o, c and h as `input`, `forget`, `candidate`, `output`, `cell` and `hidden`, each an array
        (steps, units).
    """
    kernel, recurrent, *bias = (np.array(w, "float64") for w in weights)
    bias = bias[0] if bias else np.zeros(kernel.shape[1])
    units = len(recurrent)
    for gate, value in (clamps or {}).items():
        block = slice(ORDER.index(gate) * units, (ORDER.index(gate) + 1) * units)
        kernel[:, block] = recurrent[:, block] = 0
        bias[block] = 2000 * value - 1000  # so far out, the sigmoid is exactly 0 or 1
    return run_lstm("", np.asarray(x, "float64")[:, None], kernel, recurrent, bias)


def half_life(forget):
    """After how many steps half of the memory is gone, if the forget gate stays as it is."""
    if forget >= 1:
        return np.inf
    return float(np.log(0.5) / np.log(forget)) if forget > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Seen:
    """One unit of one cell at one step of one input; `unit` and `step` count from 0.

    `course` is what happens with the gates held as `clamps` say, `free` without.
    """

    cell: str
    input: str
    weights: tuple
    x: np.ndarray
    clamps: dict
    unit: int
    step: int
    gate: str
    course: Gates = field(init=False)
    free: Gates | None = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "course", run(self.weights, self.x, self.clamps))
        object.__setattr__(self, "free", run(self.weights, self.x) if self.clamps else None)

    @property
    def units(self):
        return self.course.cell.shape[1]

    def line(self, key, free=False):
        """x, i, f, g, o, c or h of the unit at every step."""
        return (
            self.x if key == "x" else getattr(self.free if free else self.course, FIELDS[key])[:, self.unit]
        )

    def now(self, key):
        return float(self.line(key)[self.step])

    @property
    def before(self):
        """The memory c that this step began with."""
        return float(self.line("c")[self.step - 1]) if self.step else 0.0

    @property
    def left(self):
        """What is left now of each step up to this one: the product of the forget gates since."""
        return np.append(np.cumprod(self.line("f")[self.step : 0 : -1])[::-1], 1.0)

    @property
    def parts(self):
        """How much of the memory now was written at each step up to this one; they sum to c."""
        upto = slice(self.step + 1)
        return self.left * self.line("i")[upto] * self.line("g")[upto]

    @property
    def largest(self):
        """The steps that most of the memory stems from, the largest part first."""
        parts = np.abs(self.parts)
        return [int(s) for s in np.argsort(-parts, kind="stable")[:LARGEST] if parts[s] >= 0.005]

    @property
    def terms(self):
        """The sum in front of the gate that is looked at: (name, factors or None, value) of each term."""
        kernel, recurrent, *bias = self.weights
        column = ORDER.index(self.gate) * self.units + self.unit
        w, u = float(kernel[0][column]), recurrent[:, column].astype("float64")
        h = self.course.hidden[self.step - 1] if self.step else np.zeros(self.units)
        x, products = self.now("x"), u * h
        order = np.argsort(-np.abs(products), kind="stable")
        name = "u · h before" if self.units == 1 else "u · h of unit {}"
        terms = [("w · x", (w, x), w * x)]
        terms += [(name.format(k + 1), (u[k], h[k]), float(products[k])) for k in order[:LARGEST]]
        if self.units > LARGEST:
            rest = float(products[order[LARGEST:]].sum())
            terms.append((f"u · h of {self.units - LARGEST} more", None, rest))
        return [*terms, ("bias b", None, float(bias[0][column]) if bias else 0.0)]

    @property
    def total(self):
        return sum(value for *_, value in self.terms)

    @property
    def squashed(self):
        """What the sum makes of the gate, if it is not held."""
        return float(np.tanh(self.total) if self.gate == "g" else 0.5 + 0.5 * np.tanh(self.total / 2))

    @property
    def table(self):
        """The numbers about the memory: (label, value)."""
        t, life = sub(self.step + 1), half_life(self.now("f"))
        said = "infinite" if life == np.inf else "over 10,000" if life > 1e4 else number(life, 1)
        rows = [("half-life at this f, steps", said)]
        if self.step:
            rows.append(("left now of step 1", near(self.left[0])))
        told = self.largest
        rows += [(f"of c{t} from step {s + 1}", signed(self.parts[s])) for s in told]
        if len(told) <= self.step:
            rest = self.parts.sum() - self.parts[told].sum()
            rows.append((f"of c{t} from {'the other' if told else 'all'} steps", signed(rest)))
        return [*rows, (f"all of c{t}, the sum", signed(self.now("c")))]


# ---------------------------------------------------------------------------------------------------
# In words


def sub(value):
    """A number as an index below the line."""
    return str(value).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def near(value):
    """A share of one, that says 1.00 or 0.00 only where nothing is missing or left."""
    if 0.9999 < value < 1:
        return "over 0.9999"
    if 0.995 <= value < 1:
        return f"{value:.4f}"
    if 0 < value < 0.005:
        return "under 0.005"
    return number(value)


def held(value):
    return "held open" if value else "held shut"


def notes(seen):
    """(heading, sentence) of what there is to see."""
    t, (f, i, o, c, h) = seen.step + 1, (seen.now(key) for key in "fioch")
    added = i * seen.now("g")
    if abs(seen.before) < 0.005:
        words = f"At step {t} the memory begins at {number(seen.before)}"
    elif f <= 0.05:
        words = f"At step {t} the memory {number(seen.before)} is dropped (f is {near(f)})"
    else:
        what = "is kept" if f >= 0.95 else "fades"
        words = f"At step {t} the memory {number(seen.before)} {what} (f is {near(f)})"
    if abs(added) >= 0.005:
        words += f", {signed(added)} is written"
    else:
        why = f"the input gate is shut: i is {near(i)}" if i < 0.05 else "the candidate g is near 0"
        words += f", nothing is written ({why})"
    words += f", so c is {number(c)}; the output gate lets {near(o)} of tanh(c) out, so h is {number(h)}."
    if seen.free:
        free = float(seen.line("c", free=True)[seen.step])
        same = abs(free - c) < 0.005
        words += f" Without your clamps c would be {'the same' if same else number(free)} here."
    return [("● What you see.", words), *(("● Worth knowing.", one) for one in _odd(seen)[:2])]


def _odd(seen):
    """What is worth knowing about an odd state, in sentences, the most telling first."""
    t, f, i, o, c = seen.step + 1, seen.now("f"), seen.now("i"), seen.now("o"), seen.now("c")
    told = []
    if f == 1 and i == 0:
        told.append("Forget gate open and input gate shut: the memory c is carried on unchanged, exactly.")
    if o < 0.01 and abs(c) >= 0.05:
        told.append(
            f"The output gate is shut: h is {number(seen.now('h'))} although c is {number(c)}. The memory is "
            "there; this step just does not show it."
        )
    if f < 0.01 and abs(f * seen.before) < 0.005:
        told.append(f"The forget gate is shut: nothing from before step {t} can remain in c, which is i·g.")
    if f == 1 and i > 0:
        told.append("Nothing is forgotten: all that is written adds up, and c can leave −1 to 1.")
    if abs(c) >= 2 and o >= 0.01:
        told.append(
            f"c is {number(c)}, and tanh(c) {number(np.tanh(c))}: tanh is flat out here, so h hardly tells "
            "how large the memory is."
        )
    return told


def listed(values):
    """Numbers one after another, equal ones counted: '0.00 (4 times), 1.00'."""
    runs = [(said, len(list(same))) for said, same in groupby(number(v) for v in values)]
    return ", ".join(said if count == 1 else f"{said} ({count} times)" for said, count in runs)


def words(seen):
    """The course over time, for those who cannot see the picture."""
    unit = f", unit {seen.unit + 1} of {seen.units}" if seen.units > 1 else ""
    clamps = [f"{NAMES[gate]} {held(value)}" for gate, value in seen.clamps.items()]
    values = ", ".join(f"{key} {number(seen.now(key))}" for key in ROWS)
    left = "; ".join(
        f"step {s + 1}: {near(left)}" for s, left in enumerate(seen.left[-8:], max(seen.step - 7, 0))
    )
    parts = [
        f"{seen.cell}{unit}, reading {seen.input}, step {seen.step + 1} of {len(seen.x)}",
        " and ".join(clamps) if clamps else "all gates as computed",
        f"at this step {values}",
        f"input x by step: {listed(seen.x)}",
        f"memory c by step: {listed(seen.line('c'))}",
    ]
    if seen.free:
        parts.append(f"without clamps: {listed(seen.line('c', free=True))}")
    return _sentences([*parts, f"what is left of each step now: {left}"])


def sums(seen):
    """The arithmetic of the step, for those who cannot see the picture."""
    t, last = sub(seen.step + 1), sub(seen.step)
    f, i, g, o, c, h = (number(seen.now(key)) for key in "figoch")
    terms = " plus ".join(
        f"{name} {f'{number(made[0])} times {number(made[1])} = ' if made else ''}{number(value)}"
        for name, made, value in seen.terms
    )
    memory = f"c{t} = f {f} times c{last} {number(seen.before)} + i {i} times g {g} = {c}"
    return _sentences(
        [
            f"step {seen.step + 1}: {memory}",
            f"hidden state h{t} = o {o} times tanh of c{t} {number(np.tanh(seen.now('c')))} = {h}",
            f"{NAMES[seen.gate]} {seen.gate}: {terms} = z {number(seen.total)}; {_outcome(seen)}",
            *(f"{label}: {value}" for label, value in seen.table),
        ]
    )


def _outcome(seen):
    squash = "tanh" if seen.gate == "g" else "σ"
    said = f"{squash}(z) = {near(seen.squashed) if seen.gate != 'g' else number(seen.squashed)}"
    if seen.gate in seen.clamps:
        return f"{said}, but {held(seen.clamps[seen.gate])}: {seen.gate} = {seen.clamps[seen.gate]:g}"
    return f"{seen.gate} = {said}"


def _sentences(parts):
    return f"{'. '.join(f'{part[:1].upper()}{part[1:]}' for part in parts)}."


# ---------------------------------------------------------------------------------------------------
# As a picture


def draw(seen):
    """The course over time and the arithmetic of the step, each as SVG."""
    return _svg(*_course(seen), words(seen)), _svg(*_arithmetic(seen), sums(seen))


def _svg(drawn, height, said):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
    label = f'role="img" aria-label="{html.escape(said, quote=True)}"'
    return f'{head} style="max-width:880px" {label}>{"".join(drawn)}</svg>'


def _say(x, y, said, anchor="start", fill=INK, weight=400):
    return text(x, y, said, SIZE, anchor, fill, weight)


def _cut(name):
    return name if len(name) <= 20 else f"{name[:19]}…"


def _course(seen):
    cell = (RIGHT - LEFT) / len(seen.x)
    at = LEFT + (np.arange(len(seen.x)) + 0.5) * cell
    here, drawn, y = at[seen.step], [], 30
    unit = f", unit {seen.unit + 1} of {seen.units}" if seen.units > 1 else ""
    drawn.append(_say(0, 14, f"{_cut(seen.cell)}{unit} · {_cut(seen.input)}", weight=600))
    if seen.free:
        drawn += [path("M470,10 h30", INK, 1.2, extra='stroke-dasharray="4 3"')]
        drawn.append(_say(506, 14, "without your clamps", fill=SOFT))
    drawn.append(_say(WIDTH, 14, f"step {seen.step + 1}", "end", weight=600))
    for key, tall in ROWS.items():
        drawn += _row(seen, key, at, y, tall)
        y += tall + GAP
    every = 1 if cell >= 22 else 5
    y += 8
    for t, x in enumerate(at):
        if t == seen.step:
            drawn.append(_say(x, y, t + 1, "middle", weight=600))
        elif (t == 0 or (t + 1) % every == 0) and abs(t - seen.step) * cell >= 20:
            drawn.append(_say(x, y, t + 1, "middle", SOFT))
    drawn.append(_say(0, y, "step", fill=SOFT))
    y += 14
    drawn += _bars(at, cell, y, 34, seen.left, 1.0, ("left of each step", "product of f since"))
    y += 34 + GAP
    most = _nice(np.abs(seen.parts).max())
    drawn += _bars(at, cell, y, 44, seen.parts, most, (f"c{sub(seen.step + 1)} by origin", "left · i · g"))
    drawn.append(_say(WIDTH, y + 26.5, number(seen.now("c")), "end", weight=600))
    y += 44 + 6
    band = rect(here - cell / 2, 20, cell, y - 20, BAND)
    return [band, *drawn], y + 2


def _nice(value, least=0.1):
    """The next round number above, for the end of a scale."""
    return next(
        n for n in (least, 0.2, 0.5, 1, 2, 3, 4, 5, 10, 20, 50, np.ceil(value)) if n >= max(value, least)
    )


def _range(seen, key):
    if key in "ifo":
        return 0.0, 1.0
    if key != "c":
        return -1.0, 1.0
    most = max(np.abs(seen.line("c", free)).max() for free in ((False, True) if seen.free else (False,)))
    return -_nice(most, 1), _nice(most, 1)


def _row(seen, key, at, y, tall):
    """One line over time with its name, its scale and its value at the chosen step."""
    low, high = _range(seen, key)
    up = lambda values: y + tall * (high - np.asarray(values)) / (high - low)  # noqa: E731
    for value in {low, 0.0, high}:
        yield path(f"M{LEFT},{up(value):.1f} H{RIGHT}", LINE, 1.4 if value == 0 else 0.7)
    yield _say(LEFT - 7, y + 9, number(high, 0), "end", SOFT)
    yield _say(LEFT - 7, y + tall + 2, number(low, 0), "end", SOFT)
    middle = y + tall / 2 + 4.5
    lifted = middle - 8 if key in seen.clamps else middle
    yield _say(0, lifted, key, weight=700)
    yield _say(15, lifted, NAMES[key])
    if key in seen.clamps:
        yield _say(15, lifted + 16, held(seen.clamps[key]), weight=600)
    if seen.free and key != "x":
        yield path(_through(at, up(seen.line(key, free=True))), INK, 1.2, extra='stroke-dasharray="4 3"')
    values = seen.line(key)
    if key == "x":
        stems = "".join(f"M{x:.1f},{up(0):.1f} V{v:.1f}" for x, v in zip(at, up(values)))
        yield path(stems, SOFT, 2) + _marks("circle", at, up(values), 2.6, SOFT, SOFT)
    else:
        if key == "c":
            area = f"{_through(at, up(values))} V{up(0):.1f} H{at[0]:.1f} Z"
            yield path(area, "none", 0, PALE)
        yield path(_through(at, up(values)), ORANGE, 2.6 if key == "c" else 1.6)
        if key in MARKS:
            yield _marks(MARKS[key], at, up(values), 2.6, ORANGE, CARD if key == "h" else ORANGE)
    yield _marks("circle", at[[seen.step]], up(values[[seen.step]]), 5, INK, "none")
    yield _say(WIDTH, middle, number(seen.now(key)), "end", weight=600)


def _through(at, heights):
    return "M" + " L".join(f"{x:.1f},{v:.1f}" for x, v in zip(at, heights))


def _marks(kind, at, heights, r, line, fill):
    """All marks of a line, as one path."""
    shapes = {
        "circle": f"m{-r},0 a{r},{r} 0 1 0 {2 * r},0 a{r},{r} 0 1 0 {-2 * r},0",
        "square": f"m{-r},{-r} h{2 * r} v{2 * r} h{-2 * r} z",
        "triangle": f"m{-r - 0.8},{r} h{2 * r + 1.6} l{-r - 0.8},{-2 * r - 1} z",
        "diamond": f"m0,{-r - 1} l{r + 1},{r + 1} l{-r - 1},{r + 1} l{-r - 1},{-r - 1} z",
    }
    return path("".join(f"M{x:.1f},{v:.1f} {shapes[kind]}" for x, v in zip(at, heights)), line, 1.4, fill)


def _bars(at, cell, y, tall, values, most, names):
    """Bars under the time axis for the steps so far, upwards or both ways."""
    below = values.min() < -0.005
    zero, scale = (y + tall / 2, tall / 2 / most) if below else (y + tall, tall / most)
    yield _say(0, y + tall / 2 - 3.5, names[0], weight=600)
    yield _say(0, y + tall / 2 + 12.5, names[1], fill=SOFT)
    yield _say(LEFT - 7, y + 9, f"{most:g}", "end", SOFT)
    yield _say(LEFT - 7, y + tall + 2, number(-most, 1 if most < 1 else 0) if below else "0", "end", SOFT)
    yield path(f"M{LEFT},{zero:.1f} H{RIGHT} M{LEFT},{y:.1f} H{RIGHT}", LINE, 1)
    wide = min(cell - 2, 26)
    for x, value in zip(at, values):
        long = max(abs(value) * scale, 0.8)
        yield rect(
            x - wide / 2,
            zero - long if value >= 0 else zero,
            wide,
            long,
            PALE,
            ORANGE,
            0,
            'stroke-width="0.8"',
        )


# The arithmetic


def _arithmetic(seen):
    t, last = sub(seen.step + 1), sub(seen.step)
    y = 26
    memory = [("f", seen.now("f")), "×", (f"c{last}", seen.before), "+", ("i", seen.now("i")), "×"]
    memory += [("g", seen.now("g")), "=", (f"c{t}", seen.now("c"))]
    shown = [("o", seen.now("o")), "×", (f"tanh c{t}", np.tanh(seen.now("c"))), "=", (f"h{t}", seen.now("h"))]
    drawn = [_say(0, 14, f"The arithmetic at step {seen.step + 1}", weight=600)]
    drawn += [*_equation(0, y, memory), *_equation(WIDTH - 256, y, shown)]
    kept, added = seen.now("f") * seen.before, seen.now("i") * seen.now("g")
    drawn.append(_brace(0, 163, y + 46, f"kept: {signed(kept)}"))
    drawn.append(_brace(186, 349, y + 46, f"written: {signed(added)}"))
    left, tall = _sum(seen, y + 94)
    right, deep = _table(seen, 500, y + 94)
    return drawn + left + right, y + 94 + max(tall, deep)


def _equation(x, y, pieces):
    """Boxes with a name and a number each, with signs between them."""
    for piece in pieces:
        if isinstance(piece, str):
            yield _say(x + 11.5, y + 27, piece, "middle")
            x += 23
            continue
        name, value = piece
        result = pieces[-1] is piece
        yield rect(x, y, 70, 42, PALE if result else CARD, ORANGE, 4, f'stroke-width="{2 if result else 1}"')
        yield _say(x + 35, y + 16, name, "middle", SOFT if not result else INK)
        yield _say(x + 35, y + 34, number(value), "middle", weight=600)
        x += 70


def _brace(x1, x2, y, said):
    d = f"M{x1 + 2},{y} v5 H{x2 - 2} v-5"
    return path(d, SOFT, 1) + _say((x1 + x2) / 2, y + 20, said, "middle", SOFT)


def _sum(seen, y):
    """The terms in front of one gate, their sum, and what becomes of it; and how tall that is."""
    name = NAMES[seen.gate]
    drawn, top = [_say(0, y, f"The sum behind the {name} {seen.gate}", weight=600)], y
    most = max(max(abs(value) for *_, value in seen.terms), 0.1)
    for label, factors, value in seen.terms:
        y += 22
        drawn.append(path(f"M0,{y - 16} H360", LINE, 1))
        drawn.append(_say(0, y, label))
        if factors:
            drawn.append(_say(210, y, f"{number(factors[0])} × {number(factors[1])}", "end", SOFT))
        drawn.append(_say(268, y, signed(value), "end"))
        long = abs(value) / most * 40
        drawn.append(rect(320 - long * (value < 0), y - 10, max(long, 0.8), 10, PALE, ORANGE))
    drawn.append(path(f"M320,{top + 8} V{y + 2}", SOFT, 1))
    y += 22
    drawn.append(path(f"M0,{y - 16} H360", INK, 1))
    drawn += [_say(0, y, "sum z", weight=600), _say(268, y, signed(seen.total), "end", weight=600)]
    y += 22
    drawn.append(_say(0, y, _outcome(seen), weight=600))
    drawn += _curve(seen, 378, top + 22)
    return drawn, y - top + 8


def _curve(seen, x, y):
    """The sigmoid or tanh, with a dot at z."""
    wide, tall, low = 92, 60, -1 if seen.gate == "g" else 0
    z = np.linspace(-6, 6, 41)
    heights = np.tanh(z) if low else 0.5 + 0.5 * np.tanh(z / 2)
    up = lambda values: y + tall * (1 - np.asarray(values)) / (1 - low)  # noqa: E731
    along = lambda values: x + wide * (np.clip(values, -6, 6) + 6) / 12  # noqa: E731
    yield path(f"M{x},{up(low):.1f} h{wide} M{x},{up(1):.1f} h{wide} M{along(0):.1f},{y} v{tall}", LINE, 1)
    yield path(_through(along(z), up(heights)), SOFT, 1.6)
    yield _marks("circle", [along(seen.total)], [up(seen.squashed)], 4, INK, ORANGE)
    yield _say(x + wide / 2, y + tall + 17, f"{'tanh' if low else 'σ'}, z −6 to 6", "middle", SOFT)


def _table(seen, x, y):
    """The numbers about the memory; what is drawn, and how tall it is."""
    top, drawn = y, [_say(x, y, "In numbers", weight=600)]
    for label, value in seen.table:
        y += 22
        drawn.append(path(f"M{x},{y - 16} H{WIDTH}", LINE, 1))
        drawn += [_say(x, y, label), _say(WIDTH - 2, y, value, "end", weight=600)]
    return drawn, y - top + 8


# ---------------------------------------------------------------------------------------------------
# Has the look changed?


def fingerprint(state):
    """Changes when a lab of this state would be drawn otherwise, whatever the trained numbers are."""
    weights = tuple(np.linspace(-1, 1, n).reshape(shape) for n, shape in ((8, (1, 8)), (16, (2, 8)), (8, 8)))
    x = np.round(np.sin(np.arange(12)), 2)
    sample = Seen("sample", "sample", weights, x, {"f": 1.0}, 1, 7, "f")
    return hashlib.sha256("".join((state, *draw(sample))).encode()).hexdigest()[:16]
