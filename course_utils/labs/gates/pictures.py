"""What the gate lab shows: the course of one LSTM, the arithmetic of one step, as an SVG and in words."""

from itertools import groupby

import numpy as np

from course_utils.labs.core.drawing import (
    BAND,
    CARD,
    FULL,
    INK,
    LINE,
    SOFT,
    full_width,
    number,
    number_table,
    path,
    rect,
    sentences,
    signed,
    through,
    write,
)
from course_utils.labs.gates.lstm import half_life

START, END = 148, 696  # where the time axis begins and ends
LSTM = "var(--cl-lstm)"  # lighter in the dark theme
TINT = f"color-mix(in srgb, {LSTM} 22%, transparent)"
DASHED = 'stroke-dasharray="4 3"'
GAP = 16  # between the rows
NAMES = {
    "x": "input", "i": "input gate", "f": "forget gate", "o": "output gate", "g": "candidate",
    "c": "cell state", "h": "hidden state",
}  # fmt: skip
CLAMPS = {"computed": None, "shut": 0.0, "open": 1.0}
ROWS = {"x": 40, "i": 32, "f": 32, "o": 32, "g": 38, "c": 56, "h": 40}  # from the top, with their heights
MARKS = {"i": "circle", "f": "square", "o": "triangle", "g": "diamond", "h": "circle"}  # of h hollow


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


def memory_table(seen):
    """The numbers about the memory: (label, value)."""
    t, life = sub(seen.step + 1), half_life(seen.now("f"))
    steps = "infinite" if life == np.inf else "over 10,000" if life > 1e4 else number(life, 1)
    rows = [("half-life at this f, steps", steps)]
    if seen.step:
        rows.append(("left now of step 1", near(seen.left[0])))
    largest = seen.largest
    rows += [(f"of c{t} from step {s + 1}", signed(seen.parts[s])) for s in largest]
    if len(largest) <= seen.step:
        rest = seen.parts.sum() - seen.parts[largest].sum()
        rows.append((f"of c{t} from {'the other' if largest else 'all'} steps", signed(rest)))
    return [*rows, (f"all of c{t}, the sum", signed(seen.now("c")))]


def held(value):
    return "held open" if value else "held shut"


def what_is_seen(seen):
    """In a sentence or two, what happens at this step."""
    t, (f, i, o, c, h) = seen.step + 1, (seen.now(key) for key in "fioch")
    added = i * seen.now("g")
    if abs(seen.before) < 0.005:
        words = f"At step {t} the memory begins at {number(seen.before)}"
    else:
        what = "is dropped" if f <= 0.05 else "is kept" if f >= 0.95 else "fades"
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
    return words


def hints(seen):
    """What is worth knowing about an odd state, in sentences, the most telling first."""
    t, (f, i, o, c) = seen.step + 1, (seen.now(key) for key in "fioc")
    if f == 1 and i == 0:
        yield "Forget gate open and input gate shut: the memory c is carried on unchanged, exactly."
    if o < 0.01 and abs(c) >= 0.05:
        yield (
            f"The output gate is shut: h is {number(seen.now('h'))} although c is {number(c)}. The memory is "
            "there; this step just does not show it."
        )
    if f < 0.01 and abs(f * seen.before) < 0.005:
        yield f"The forget gate is shut: nothing from before step {t} can remain in c, which is i·g."
    if f == 1 and i > 0:
        yield "Nothing is forgotten: all that is written adds up, and c can leave −1 to 1."
    if abs(c) >= 2 and o >= 0.01:
        yield (
            f"c is {number(c)}, and tanh(c) {number(np.tanh(c))}: tanh is flat out here, so h hardly tells "
            "how large the memory is."
        )


def run_lengths(values):
    """Numbers one after another, equal ones counted: '0.00 (4 times), 1.00'."""
    runs = [(value, len(list(same))) for value, same in groupby(number(v) for v in values)]
    return ", ".join(value if count == 1 else f"{value} ({count} times)" for value, count in runs)


def words(seen):
    """The course over time, for those who cannot see the picture."""
    clamps = [f"{NAMES[gate]} {held(value)}" for gate, value in seen.clamps.items()]
    values = ", ".join(f"{key} {number(seen.now(key))}" for key in ROWS)
    left = "; ".join(
        f"step {s + 1}: {near(left)}" for s, left in enumerate(seen.left[-8:], max(seen.step - 7, 0))
    )
    parts = [
        f"{seen.cell}{seen.unit_words}, reading {seen.input}, step {seen.step + 1} of {len(seen.x)}",
        " and ".join(clamps) if clamps else "all gates as computed",
        f"at this step {values}",
        f"input x by step: {run_lengths(seen.x)}",
        f"memory c by step: {run_lengths(seen.line('c'))}",
    ]
    if seen.free:
        parts.append(f"without clamps: {run_lengths(seen.line('c', free=True))}")
    return sentences([*parts, f"what is left of each step now: {left}"])


def sums(seen):
    """The arithmetic of the step, for those who cannot see the picture."""
    t, last = sub(seen.step + 1), sub(seen.step)
    f, i, g, o, c, h = (number(seen.now(key)) for key in "figoch")
    terms = " plus ".join(
        f"{name} {f'{number(factors[0])} times {number(factors[1])} = ' if factors else ''}{number(value)}"
        for name, factors, value in seen.terms
    )
    memory = f"c{t} = f {f} times c{last} {number(seen.before)} + i {i} times g {g} = {c}"
    return sentences(
        [
            f"step {seen.step + 1}: {memory}",
            f"hidden state h{t} = o {o} times tanh of c{t} {number(np.tanh(seen.now('c')))} = {h}",
            f"{NAMES[seen.gate]} {seen.gate}: {terms} = z {number(seen.total)}; {_outcome(seen)}",
            *(f"{label}: {value}" for label, value in memory_table(seen)),
        ]
    )


def _outcome(seen):
    squash = "tanh" if seen.gate == "g" else "σ"
    result = f"{squash}(z) = {near(seen.squashed) if seen.gate != 'g' else number(seen.squashed)}"
    if seen.gate in seen.clamps:
        return f"{result}, but {held(seen.clamps[seen.gate])}: {seen.gate} = {seen.clamps[seen.gate]:g}"
    return f"{seen.gate} = {result}"


# ---------------------------------------------------------------------------------------------------
# As a picture


def draw(seen):
    """The course over time and the arithmetic of the step, each as SVG."""
    above, tall = _course(seen)
    below, deep = _arithmetic(seen)
    return full_width(tall, words(seen), above), full_width(deep, sums(seen), below)


def _cut(name):
    return name if len(name) <= 20 else f"{name[:19]}…"


def _course(seen):
    cell = (END - START) / len(seen.x)
    at = START + (np.arange(len(seen.x)) + 0.5) * cell
    here, drawn, y = at[seen.step], [], 30
    drawn.append(write(0, 14, f"{_cut(seen.cell)}{seen.unit_words} · {_cut(seen.input)}", weight=600))
    if seen.free:
        drawn.append(path("M470,10 h30", INK, 1.2, extra=DASHED))
        drawn.append(write(506, 14, "without your clamps", fill=SOFT))
    drawn.append(write(FULL, 14, f"step {seen.step + 1}", "end", weight=600))
    for key, tall in ROWS.items():
        drawn += _row(seen, key, at, y, tall)
        y += tall + GAP
    every = 1 if cell >= 22 else 5
    y += 8
    for t, x in enumerate(at):
        if t == seen.step:
            drawn.append(write(x, y, t + 1, "middle", weight=600))
        elif (t == 0 or (t + 1) % every == 0) and abs(t - seen.step) * cell >= 20:
            drawn.append(write(x, y, t + 1, "middle", SOFT))
    drawn.append(write(0, y, "step", fill=SOFT))
    y += 14
    drawn += _bars(at, cell, y, 34, seen.left, 1.0, ("left of each step", "product of f since"))
    y += 34 + GAP
    most = _nice(np.abs(seen.parts).max())
    drawn += _bars(at, cell, y, 44, seen.parts, most, (f"c{sub(seen.step + 1)} by origin", "left · i · g"))
    drawn.append(write(FULL, y + 26.5, number(seen.now("c")), "end", weight=600))
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
        yield path(f"M{START},{up(value):.1f} H{END}", LINE, 1.4 if value == 0 else 0.7)
    yield write(START - 7, y + 9, number(high, 0), "end", SOFT)
    yield write(START - 7, y + tall + 2, number(low, 0), "end", SOFT)
    middle = y + tall / 2 + 4.5
    lifted = middle - 8 if key in seen.clamps else middle
    yield write(0, lifted, key, weight=700)
    yield write(15, lifted, NAMES[key])
    if key in seen.clamps:
        yield write(15, lifted + 16, held(seen.clamps[key]), weight=600)
    if seen.free and key != "x":
        yield path(through(zip(at, up(seen.line(key, free=True)))), INK, 1.2, extra=DASHED)
    values = seen.line(key)
    if key == "x":
        stems = "".join(f"M{x:.1f},{up(0):.1f} V{v:.1f}" for x, v in zip(at, up(values)))
        yield path(stems, SOFT, 2) + _marks("circle", at, up(values), 2.6, SOFT, SOFT)
    else:
        if key == "c":
            area = f"{through(zip(at, up(values)))} V{up(0):.1f} H{at[0]:.1f} Z"
            yield path(area, "none", 0, TINT)
        yield path(through(zip(at, up(values))), LSTM, 2.6 if key == "c" else 1.6)
        if key in MARKS:
            yield _marks(MARKS[key], at, up(values), 2.6, LSTM, CARD if key == "h" else LSTM)
    yield _marks("circle", at[[seen.step]], up(values[[seen.step]]), 5, INK, "none")
    yield write(FULL, middle, number(seen.now(key)), "end", weight=600)


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
    yield write(0, y + tall / 2 - 3.5, names[0], weight=600)
    yield write(0, y + tall / 2 + 12.5, names[1], fill=SOFT)
    yield write(START - 7, y + 9, f"{most:g}", "end", SOFT)
    yield write(START - 7, y + tall + 2, number(-most, 1 if most < 1 else 0) if below else "0", "end", SOFT)
    yield path(f"M{START},{zero:.1f} H{END} M{START},{y:.1f} H{END}", LINE, 1)
    wide = min(cell - 2, 26)
    for x, value in zip(at, values):
        long = max(abs(value) * scale, 0.8)
        top = zero - long if value >= 0 else zero
        yield rect(x - wide / 2, top, wide, long, TINT, LSTM, 0, 'stroke-width="0.8"')


# The arithmetic


def _arithmetic(seen):
    t, last = sub(seen.step + 1), sub(seen.step)
    y = 26
    memory = [("f", seen.now("f")), "×", (f"c{last}", seen.before), "+", ("i", seen.now("i")), "×"]
    memory += [("g", seen.now("g")), "=", (f"c{t}", seen.now("c"))]
    shown = [("o", seen.now("o")), "×", (f"tanh c{t}", np.tanh(seen.now("c"))), "=", (f"h{t}", seen.now("h"))]
    drawn = [write(0, 14, f"The arithmetic at step {seen.step + 1}", weight=600)]
    drawn += [*_equation(0, y, memory), *_equation(FULL - 256, y, shown)]
    kept, added = seen.now("f") * seen.before, seen.now("i") * seen.now("g")
    drawn.append(_brace(0, 163, y + 46, f"kept: {signed(kept)}"))
    drawn.append(_brace(186, 349, y + 46, f"written: {signed(added)}"))
    left, tall = _sum(seen, y + 94)
    rows = [(label, [value]) for label, value in memory_table(seen)]
    right, last = number_table(500, y + 94, FULL - 500, rows)
    return drawn + left + right, max(y + 94 + tall, last + 8)


def _equation(x, y, pieces):
    """Boxes with a name and a number each, with signs between them."""
    for piece in pieces:
        if isinstance(piece, str):
            yield write(x + 11.5, y + 27, piece, "middle")
            x += 23
            continue
        name, value = piece
        result = pieces[-1] is piece
        yield rect(x, y, 70, 42, TINT if result else CARD, LSTM, 4, f'stroke-width="{2 if result else 1}"')
        yield write(x + 35, y + 16, name, "middle", SOFT if not result else INK)
        yield write(x + 35, y + 34, number(value), "middle", weight=600)
        x += 70


def _brace(x1, x2, y, words):
    d = f"M{x1 + 2},{y} v5 H{x2 - 2} v-5"
    return path(d, SOFT, 1) + write((x1 + x2) / 2, y + 20, words, "middle", SOFT)


def _sum(seen, y):
    """The terms in front of one gate, their sum, and what becomes of it; and how tall that is."""
    name = NAMES[seen.gate]
    drawn, top = [write(0, y, f"The sum behind the {name} {seen.gate}", weight=600)], y
    most = max(max(abs(value) for *_, value in seen.terms), 0.1)
    for label, factors, value in seen.terms:
        y += 22
        drawn.append(path(f"M0,{y - 16} H360", LINE, 1))
        drawn.append(write(0, y, label))
        if factors:
            drawn.append(write(210, y, f"{number(factors[0])} × {number(factors[1])}", "end", SOFT))
        drawn.append(write(268, y, signed(value), "end"))
        long = abs(value) / most * 40
        drawn.append(rect(320 - long * (value < 0), y - 10, max(long, 0.8), 10, TINT, LSTM))
    drawn.append(path(f"M320,{top + 8} V{y + 2}", SOFT, 1))
    y += 22
    drawn.append(path(f"M0,{y - 16} H360", INK, 1))
    drawn += [write(0, y, "sum z", weight=600), write(268, y, signed(seen.total), "end", weight=600)]
    y += 22
    drawn.append(write(0, y, _outcome(seen), weight=600))
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
    yield path(through(zip(along(z), up(heights))), SOFT, 1.6)
    yield _marks("circle", [along(seen.total)], [up(seen.squashed)], 4, INK, LSTM)
    yield write(x + wide / 2, y + tall + 17, f"{'tanh' if low else 'σ'}, z −6 to 6", "middle", SOFT)
