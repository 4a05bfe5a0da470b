"""What the attention lab shows: weights, what they do to the answer, as an SVG and in words."""

from dataclasses import dataclass

import numpy as np

from course_utils.labs.attention.network import effective
from course_utils.labs.core.drawing import (
    ATTENTION,
    BAND,
    CARD,
    INK,
    LETTERS,
    LINE,
    SOFT,
    full_width,
    image,
    number,
    number_table,
    path,
    rect,
    sentences,
    text,
    write,
)

FILM_LEFT, FILM_WIDTH = 40, 716  # where the frames begin, and how wide they are together
PALE_ATTENTION, WARN = "#9ADBC4", "#D55E00"
WEIGHT_HEIGHT = 84  # of the weight 1
IMAGE_WIDTH = 318
CLASS_HEIGHT = 21
HALO = "#fff;paint-order:stroke;stroke:#000;stroke-width:3.5px;stroke-linejoin:round"  # on any pixels
MOST_CLASSES = 10  # classes shown
BARS = (  # fill, line and dashes of each head in turn
    (ATTENTION, ATTENTION, ""),
    (CARD, ATTENTION, ""),
    (PALE_ATTENTION, ATTENTION, ""),
    (CARD, ATTENTION, "3 2"),
)


@dataclass(frozen=True)
class Attention:
    """What attention does to one clip or image: all that the picture and its words need.

    `weights` is (steps, heads), `shown` says which steps truly show the digit, `before` and `after` are the
    answers of the network as it is and as it is set; `after` is None where no step is left.

    Its two kinds say how steps are `named`, what the `setting` is, how `fitting` steps are to what is looked
    for (as the end of a sentence), and the rows of a `table`: (label, a number for each of `columns`).
    """

    name: str
    where: str  # "clip 3" or "scene 5"
    weights: np.ndarray
    visible: np.ndarray
    before: np.ndarray
    after: np.ndarray | None
    classes: tuple
    truth: int | None
    head: int
    temperature: float
    uniform: bool
    images: tuple
    hidden: tuple
    unit = "step"
    most_listed = None  # steps whose weights the words name; None: all

    @property
    def heads(self):
        return self.weights.shape[1]

    @property
    def looked_at(self):
        """The weights that are looked at: of one head, or the mean over all."""
        return self.weights[:, self.head - 1] if self.head else self.weights.mean(1)

    @property
    def drawn(self):
        """What is drawn: (name, weights) of each head, or of the one that is looked at."""
        if self.heads == 1:
            return [("", self.looked_at)]
        if self.head:
            return [(f"head {self.head}", self.looked_at)]
        if self.heads > len(BARS):
            return [("mean", self.looked_at)]
        return [(f"head {h + 1}", self.weights[:, h]) for h in range(self.heads)]

    @property
    def columns(self):
        """What the table has numbers of: the same, or where that is several, with or just their mean."""
        if len(self.drawn) == 1:
            return self.drawn
        return [*(self.drawn if self.heads == 2 else ()), ("mean", self.looked_at)]

    @property
    def strongest(self):
        """The positions of the visible steps, the most attended first."""
        order = np.argsort(-self.looked_at, kind="stable")
        return [int(i) for i in order if self.visible[i]]


@dataclass(frozen=True)
class Frames(Attention):
    """A clip: the steps are its frames, `read` of them so far."""

    read: int
    shown: np.ndarray | None
    unit = "frame"

    def named(self, steps):
        return f"frame{'s' * (len(steps) > 1)} {among([str(i + 1) for i in steps])}"

    @property
    def setting(self):
        yield f"{self.read} of {len(self.weights)} frames read"
        if self.shown is not None:
            true = np.flatnonzero(self.shown)
            yield f"the digit shows on {self.named(true) if len(true) else 'no frame'}"

    def fitting(self, steps):
        """Whether the digit shows on these frames."""
        if self.shown is not None and not (self.shown & self.visible).any():
            return ". No frame that it may look at shows the digit, yet the weights must sum to 1."
        if self.shown is None or not steps:
            return "."
        right = int(self.shown[steps].sum())
        if len(steps) == 1:
            return f", which {'shows' if right else 'does not show'} the digit."
        return f"; {so_many(right, len(steps))} show{'s' * (right == 1)} the digit."

    @property
    def table(self):
        heads, count = [weights for _, weights in self.columns], self.visible.sum()
        if self.shown is not None:
            share = self.visible & self.shown
            yield "on frames with the digit", [number(w[share].sum()) for w in heads]
            yield "plain average gives them", [number(share.sum() / max(count, 1))] * len(heads)
        yield "effective number of frames", [number(effective(w), 1) for w in heads]
        if self.strongest:
            even = [effective(w) > 0.97 * count > 1 for w in heads]
            yield "most attended frame", ["none" if e else f"{w.argmax() + 1}" for w, e in zip(heads, even)]


@dataclass(frozen=True)
class Places(Attention):
    """An image of `shape` pixels: the steps are cells, `side` by `side`; `place` is where the object is."""

    shape: tuple
    place: tuple
    unit, most_listed = "cell", 4

    @property
    def side(self):
        return round(len(self.weights) ** 0.5)

    def named(self, steps):
        places = [divmod(i, self.side) for i in steps]
        cells = among([f"row {row + 1} column {column + 1}" for row, column in places])
        return f"the cell{'s' * (len(steps) > 1)} in {cells}"

    @property
    def cell(self):
        """Row and column of the cell that holds the object's centre."""
        cells = np.add(self.place, 0.5) * self.side / self.shape
        return cells.clip(0, self.side - 1).astype(int).tolist()

    def centre(self, weights):
        """Where the weights have their centre, in pixels (row, column)."""
        grid = weights.reshape(self.side, self.side)
        cells = (np.arange(self.side) + 0.5) / self.side
        return grid.sum(1) @ cells * self.shape[0] - 0.5, grid.sum(0) @ cells * self.shape[1] - 0.5

    def distance(self, weights):
        return float(np.hypot(*np.subtract(self.centre(weights), self.place)))

    def around(self, weights, reach):
        """The weight on the object's cell and those up to `reach` cells away."""
        row, column = self.cell
        grid = weights.reshape(self.side, self.side)
        return grid[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1].sum()

    @property
    def setting(self):
        row, column = self.place
        yield f"{self.side} by {self.side} cells; the object is at pixel row {row:g}, column {column:g}"

    def fitting(self, steps):
        """How near to the object these cells are."""
        if not steps:
            return "."
        away = [int(np.abs(np.subtract(divmod(i, self.side), self.cell)).max()) for i in steps]
        if len(steps) == 1:
            near = {0: "where the object is", 1: "next to the object"}
            return f", {near.get(away[0], 'away from the object')}."
        return f"; {so_many(sum(far <= 1 for far in away), len(steps))} on or next to the object."

    @property
    def table(self):
        heads = [weights for _, weights in self.columns]
        yield "weight on the object's cell", [number(self.around(w, 0)) for w in heads]
        yield "with its neighbours", [number(self.around(w, 1)) for w in heads]
        yield "effective number of cells", [number(effective(w), 1) for w in heads]
        if self.strongest:
            plain = self.visible / self.visible.sum()
            yield "centre to object, pixels", [number(self.distance(w), 1) for w in heads]
            yield "that of a plain average", [number(self.distance(plain), 1)] * len(heads)


# ---------------------------------------------------------------------------------------------------
# In words


def among(names):
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def so_many(some, count):
    if some in (0, count):
        return "none" if not some else "both" if count == 2 else "all"
    return f"{some} of them"


def answered(seen, shares):
    """An answer in words: '7 (0.98), which is right'."""
    best = int(shares.argmax())
    verdict = "" if seen.truth is None else f", which is {'right' if best == seen.truth else 'wrong'}"
    return f"{seen.classes[best]} ({number(shares[best])}){verdict}"


def notes(seen):
    """(level, heading, sentence) of what there is to see."""
    if seen.after is None:
        so_far = " read so far" if isinstance(seen, Frames) and seen.read < len(seen.weights) else ""
        words = (
            f"Every {seen.unit}{so_far} is hidden. Softmax has nothing to share out, so there is no answer. "
            f"At least one {seen.unit} must stay: show one again."
        )
        return [("broken", "✕ Nothing left to attend to.", words)]
    found = [("hint", "● What you see.", f"{_where(seen)} {_answer(seen)}")]
    if seen.uniform or 0.2 < seen.temperature < 10:
        return found
    name, words = "Low", f"differences grow, until attention picks one {seen.unit} and drops all others."
    if seen.temperature >= 10:
        name = "High"
        words = "the scores differ by so little that attention becomes a plain average (average pooling)."
    return [*found, ("hint", f"● {name} temperature.", f"Divided by {seen.temperature:g}, {words}")]


def _where(seen):
    """Where the weights go, in a sentence."""
    weights, order, count = seen.looked_at, seen.strongest, int(seen.visible.sum())
    first, most = seen.named(order[:1]), weights[order[0]]
    if count == 1:
        return f"Only {first} is left, so its weight is 1 whatever its score."
    if effective(weights) > 0.97 * count:
        return f"All {count} {seen.unit}s weigh nearly the same: a plain average{seen.fitting([])}"
    many = 1 + int(np.searchsorted(np.cumsum(weights[order]), 0.8))
    if most < 0.9 and many <= 4:
        total, together = number(weights[order[:many]].sum()), seen.named(sorted(order[:many]))
        return f"Most of the weight ({total}) is on {together}{seen.fitting(order[:many])}"
    words = "Nearly all weight" if most >= 0.9 else "The weight is spread; the most"
    return f"{words} ({number(most)}) is on {first}{seen.fitting(order[:1])}"


def _answer(seen):
    """What becomes of the answer."""
    same = seen.before.argmax() == seen.after.argmax()
    if np.abs(seen.before - seen.after).max() < 0.005:
        untouched = seen.visible.all() and seen.temperature == 1 and not seen.uniform
        return f"The answer is {answered(seen, seen.after)}{', as without your settings' * (not untouched)}."
    turns, was = ("stays", number(seen.before.max())) if same else ("turns to", answered(seen, seen.before))
    return f"The answer {turns} {answered(seen, seen.after)}; without your settings it was {was}."


def words(seen):
    """What is looked at and where the weights go, for those who cannot see the picture."""
    parts = [f"{seen.where}, {seen.name}, temperature {seen.temperature:g}{', uniform' * seen.uniform}"]
    parts += seen.setting
    if seen.hidden:
        parts.append(f"hidden: {seen.named(seen.hidden)}")
    listed = [i for i in seen.strongest[: seen.most_listed] if seen.looked_at[i] >= 0.005]
    of = f" of head {seen.head}" if seen.head else ", mean of the heads" if seen.heads > 1 else ""
    weights = [f"{seen.named([i])}: {number(seen.looked_at[i])}" for i in sorted(listed)]
    return sentences([*parts, f"weights{of}: {'; '.join(weights) or 'none'}"])


def outcome(seen):
    """The answers and the table, for those who cannot see the picture."""
    parts = [] if seen.truth is None else [f"true class {seen.classes[seen.truth]}"]
    parts.append(f"answer of the network as it is: {answered(seen, seen.before)}")
    parts.append("no answer" if seen.after is None else f"answer as set here: {answered(seen, seen.after)}")
    for label, values in seen.table:
        named = [f"{name} {value}".strip() for (name, _), value in zip(seen.columns, values)]
        parts.append(f"{label}: {', '.join(named)}")
    return sentences(parts)


# ---------------------------------------------------------------------------------------------------
# As a picture


def draw(seen):
    """The pictures, as SVG: the weights, and below them the answers; for an image both are one picture."""
    if isinstance(seen, Places):
        drawn, height = _places(seen)
        return full_width(height, f"{words(seen)} {outcome(seen)}", drawn), ""
    answer, tall = _class_shares(seen, 0, 14, 376)
    table, deep = _table(seen, 396, 14, 364)
    film, height = _frames(seen)
    below = full_width(14 + max(tall, deep), outcome(seen), answer + table)
    return full_width(height, words(seen), film), below


def _cross(x, y, wide, tall):
    """A cross over what attention may not see."""
    d = f"M{x:.1f},{y:.1f} l{wide:.1f},{tall:.1f} M{x + wide:.1f},{y:.1f} l{-wide:.1f},{tall:.1f}"
    return path(d, "#fff", 4) + path(d, WARN, 2)


def _weight_bar(x, y, wide, tall, kind):
    if tall < 1.6:
        return rect(x, y + tall - 1, wide, 1, ATTENTION)
    fill, line, dashes = BARS[kind % len(BARS)]
    extra = f'stroke-width="1.6" stroke-dasharray="{dashes}"'
    return rect(x, y, wide, tall, fill, line, 1, extra)


def _marker(x, y, half=6):
    """A triangle that points at a frame."""
    return path(f"M{x - half:.1f},{y:.1f} h{2 * half:.1f} l{-half:.1f},9 Z", INK, 0.8, INK)


def _frames(seen):
    count = len(seen.weights)
    cell = FILM_WIDTH / count
    side = min(cell - 4, 60)
    drawn = [write(0, 14, _title(seen), weight=600)]
    if seen.shown is not None:
        drawn += [_marker(FILM_LEFT + 10, 26), write(FILM_LEFT + 22, 35, "the digit shows here", fill=SOFT)]
    heads = [w for _, w in seen.drawn]
    for h, (name, _) in enumerate(seen.drawn if len(heads) > 1 else ()):
        x = FILM_LEFT + 190 + 90 * h
        drawn += [_weight_bar(x, 25, 12, 11, h), write(x + 18, 35, name, fill=SOFT)]
    top = 56
    base = top + side + 38 + WEIGHT_HEIGHT
    drawn.append(write(0, base - WEIGHT_HEIGHT - 14, "weight", fill=SOFT))
    for share in (0, 0.5, 1):
        y = base - share * WEIGHT_HEIGHT
        drawn.append(path(f"M{FILM_LEFT - 4},{y:.1f} H{FILM_LEFT + FILM_WIDTH}", LINE, 1))
        drawn.append(write(FILM_LEFT - 8, y + 4.5, f"{share:g}", "end", SOFT))
    for t in range(count):
        middle = FILM_LEFT + (t + 0.5) * cell
        x = middle - side / 2
        read, hidden = t < seen.read, t in seen.hidden
        if seen.shown is not None and seen.shown[t]:
            drawn.append(_marker(middle, top - 13, min(6, cell / 2 - 1.5)))
        drawn.append(image(x, top, side, side, seen.images[t], f' opacity="{1 if read else 0.2}"', 1))
        dashes = "" if read else 'stroke-dasharray="3 3"'
        drawn.append(rect(x, top, side, side, "none", SOFT, 0, dashes))
        if hidden:
            drawn.append(_cross(x, top, side, side))
        if read and not hidden:
            drawn += _frame_bars(heads, t, middle, base, cell)
        else:
            long, short = ("hidden", "×") if hidden else ("unread", "·")
            drawn.append(write(middle, base - 6, long if cell >= 44 else short, "middle", SOFT))
        step = 1 if cell >= 22 else 5
        if t == 0 or (t + 1) % step == 0:
            drawn.append(write(middle, base + 19, t + 1, "middle"))
    drawn.append(write(0, base + 19, "frame", fill=SOFT))
    return drawn, base + 24


def _frame_bars(heads, t, middle, base, cell):
    """The bars of all heads under one frame, with numbers where there is room."""
    wide = min(26, (cell - 6) / len(heads))
    for h, weights in enumerate(heads):
        x, tall = middle + (h - len(heads) / 2) * wide, weights[t] * WEIGHT_HEIGHT
        yield _weight_bar(x + 1, base - tall, wide - 2, tall, h)
        label = number(weights[t])
        if len(heads) > 1:
            label = "1" if weights[t] >= 0.995 else label.lstrip("0")
        fits = len(label) * 7.4 <= (cell if len(heads) == 1 else wide + 1)
        if weights[t] >= 0.005 and (fits or (weights[t] == weights.max() and weights[t] > 0.3)):
            bold = 600 if weights[t] >= 0.1 else 400
            yield write(x + wide / 2, base - tall - 5, label, "middle", weight=bold)


def _places(seen):
    side, weights = seen.side, seen.looked_at
    tall = IMAGE_WIDTH * seen.shape[0] / seen.shape[1]
    x0, y0 = 4, 26
    wide, high = IMAGE_WIDTH / side, tall / side
    drawn = [
        write(0, 14, _title(seen), weight=600),
        image(x0, y0, IMAGE_WIDTH, tall, seen.images[0], ' opacity="1.0"', 1),
    ]
    for i, weight in enumerate(weights):
        x, y = x0 + i % side * wide, y0 + i // side * high
        shade = f'fill-opacity="{0.85 * weight**0.5:.3f}" stroke-opacity="0.35" stroke-width="0.8"'
        drawn.append(rect(x, y, wide, high, ATTENTION, "#fff", 0, shade))
        if i in seen.hidden:
            drawn.append(_cross(x + 3, y + 3, wide - 6, high - 6))

    def spot(place):
        row, column = np.add(place, 0.5) / seen.shape
        return x0 + column * IMAGE_WIDTH, y0 + row * tall

    drawn.append(_plus(*spot(seen.place)))
    for name, w in seen.drawn if seen.strongest else ():
        drawn.append(_ring(*spot(seen.centre(w)), name.removeprefix("head ").removeprefix("mean")))
    for i in seen.strongest[:4]:
        if weights[i] >= 0.05:
            x, y = x0 + (i % side + 0.5) * wide, y0 + (i // side + 1) * high - 5
            drawn.append(text(x, y, number(weights[i]), LETTERS, "middle", HALO, 600))
    y = y0 + tall + 22
    drawn += [_plus(x0 + 10, y - 5), write(x0 + 24, y, "the object")]
    drawn += [_ring(x0 + 122, y - 5, ""), write(x0 + 138, y, "centre of the attention")]
    answer, deep = _class_shares(seen, 344, 14, 416)
    table, more = _table(seen, 344, 14 + deep + 18, 416)
    return drawn + answer + table, max(y + 12, 14 + deep + 18 + more)


def _plus(x, y):
    d = f"M{x - 9:.1f},{y:.1f} h18 M{x:.1f},{y - 9:.1f} v18"
    return path(d, "#fff", 6) + path(d, "#111", 2.6)


def _ring(x, y, name):
    circles = ((8, ATTENTION, "#111", 1), (8, "none", "#fff", 2), (9.6, "none", "#111", 1.2))
    drawn = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" style="fill:{fill};stroke:{line};stroke-width:{width}"/>'
        for r, fill, line, width in circles
    )
    return drawn + (text(x, y + 4.5, name, LETTERS, "middle", "#111", 700) if name else "")


def _title(seen):
    true = "" if seen.truth is None else f", true class {seen.classes[seen.truth]}"
    heads = f", head {seen.head} of {seen.heads}" if seen.head else ""
    return f"{seen.where[:1].upper()}{seen.where[1:]}{true} · {seen.name}{heads}"


def _class_shares(seen, x0, y0, wide):
    """The shares of the classes, as the network is and as it is set; what is drawn, and how tall it is."""
    best = seen.before if seen.after is None else np.maximum(seen.before, seen.after)
    chosen = set(np.argsort(-best, kind="stable")[:MOST_CLASSES].tolist()) | ({seen.truth} - {None})
    names = {c: n if len(n) <= 16 else f"{n[:15]}…" for c, n in enumerate(seen.classes)}
    true = 50 if seen.truth is not None else 0
    left = x0 + true + 10 + 8 * max(len(names[c]) for c in chosen)
    long = x0 + wide - 92 - left
    drawn = [write(x0, y0, "Answer", weight=600)]
    for x, fill, line, label in (
        (x0 + 66, "none", SOFT, "network as it is"),
        (x0 + 196, ATTENTION, ATTENTION, "as set here"),
    ):
        drawn += [rect(x, y0 - 10, 12, 11, fill, line), write(x + 18, y0, label, fill=SOFT)]
    for row, c in enumerate(sorted(chosen)):
        y = y0 + 12 + row * CLASS_HEIGHT
        if c == seen.truth:
            drawn.append(rect(x0, y, wide, CLASS_HEIGHT - 1, BAND))
            drawn.append(write(x0 + 4, y + 15, "true ▸", fill=INK, weight=600))
        drawn.append(write(left - 6, y + 15, names[c], "end", weight=600 if c == seen.truth else 400))
        drawn.append(rect(left, y + 2, max(seen.before[c] * long, 1), 6, "none", SOFT))
        after, bold = "none", 400
        if seen.after is not None:
            drawn.append(rect(left, y + 11, max(seen.after[c] * long, 1), 7, ATTENTION))
            after, bold = number(seen.after[c]), 600 if c == seen.after.argmax() else 400
        shares = f"{number(seen.before[c])} → {after}"
        drawn.append(write(x0 + wide - 2, y + 15, shares, "end", weight=bold))
    drawn.append(path(f"M{left:.1f},{y0 + 11} v{CLASS_HEIGHT * len(chosen)}", SOFT, 1))
    return drawn, 16 + CLASS_HEIGHT * len(chosen)


def _table(seen, x, y, wide):
    """The numbers; what is drawn, and how tall it is."""
    names = [name for name, _ in seen.columns]
    drawn, last = number_table(x, y, wide, [*seen.table], names)
    return drawn, last - y + 10 + 22 * (not names[0])
