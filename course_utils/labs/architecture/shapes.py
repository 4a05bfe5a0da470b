"""A composition as a table of shapes: what each layer gives, axis by axis, and what it changed."""

import re
import textwrap
from dataclasses import dataclass
from itertools import chain, groupby
from math import prod

from course_utils.labs.architecture.diagram import BAD, SHADES, WIDTH, pair
from course_utils.labs.core.drawing import ATTENTION, CNN, DARK, INK, LSTM, SOFT, path, rect, svg, text

# ------------------------------------------------------------------------------- From tensors to rows

LAST = {  # what a layer calls its last axis; others leave the name
    **dict.fromkeys(("Conv1D", "Conv2D", "ConvLSTM1D", "ConvLSTM2D"), "channels"),
    **dict.fromkeys(("Dense", "LSTM", "Bidirectional"), "units"),
    **dict.fromkeys(("Embedding", "Flatten", "Concatenate"), "features"),
}
PLACES = {"time": 0, "days": 0, "steps": 0, "height": 1, "width": 2, "hours": 2}  # columns of axes
END = 3  # of all others
COUNTS = {2: "two", 3: "three"}


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor; `size` is None for any length, `made_of` names the axes that live on in it."""

    name: str
    size: int | None
    made_of: tuple = ()
    changed: bool = False

    @property
    def length(self):
        return "any" if self.size is None else f"{self.size:,}"


@dataclass(frozen=True)
class Row:
    """One layer: its call as in the code, the axes of what it gives, and what it changed, in words.

    Where it does not fit it gives no axes, and the words say why.
    """

    call: str
    part: str
    axes: tuple
    note: str
    each: bool = False  # whether it is applied to every frame by itself
    branch: int = 0
    follows: bool = False  # whether it is applied to what the row before gives

    @property
    def shape(self):
        return tuple(axis.size for axis in self.axes)

    @property
    def numbers(self):
        """How many numbers there are for one example, as it is written."""
        known = f"{prod(size for size in self.shape if size is not None):,}"
        return f"any × {known}" if None in self.shape else known

    @property
    def words(self):
        if not self.axes:
            return f"{self.call} does not fit. {self.note}"
        axes = ", ".join(f"{axis.name} {axis.length}" for axis in self.axes)
        return f"{self.call} gives batch, {axes}; {self.numbers} numbers; {self.note}."


def rows(composition):
    """A row for each layer of a composition in the order of the code, from the input to the answers.

    Parameters
    ----------
    composition : assembly.Composition
        Where it does not fit, the rows go as far as it goes.

    Returns
    -------
    list of Row

    Examples
    --------
    >>> [f"{axis.name} {axis.length}" for axis in rows(compose(PRESETS["ours"]))[4].axes]  # of Flatten
    ['time 8', 'features 1,152']
    """
    done, state = [], composition.state
    for line, fact in composition.lines:
        if given := [done[number].axes for number in line.given]:
            axes, note = _applied(state, line, fact.part, given)
        else:
            axes, note = list(map(Axis, state.kind.axes, line.shape)), f"time counts {state.kind.step}s"
        follows = line.given[-1:] == (len(done) - 1,)
        done.append(Row(bare(line.layer), fact.part, tuple(axes), note, fact.each, fact.branch, follows))
    return done


def bare(layer):
    """A layer's call without the modules in front."""
    return layer.replace("keras.", "").replace("layers.", "")


def _applied(state, line, part, given):
    """The axes and the note of a layer, applied to tensors with the axes `given`: it changes the last."""
    kind, lengths = line.kind, {axis.name: axis.size for axis in given[-1]}
    names = _names(state, line, part, list(lengths))
    kept = names[:-1] if kind in LAST else names  # what a layer of LAST gives last, it computes anew
    gone = tuple(name for name in lengths if name not in kept)
    columns = {"steps": gone[:-2], "features": gone[-2:]} if names == ["steps", "features"] else {}
    axes = []
    for name, size in zip(names, line.shape, strict=True):
        lives_on = name in lengths and name in kept
        merges = kind in ("Flatten", "Reshape", "Concatenate")
        made_of = (name,) if lives_on else columns.get(name, gone) if merges else ()
        same = lengths.get(name, -1) == size and len(made_of) < 2
        axes.append(Axis(name, size, made_of, not same or (size is None and line.shortens)))
    return axes, _note(state, kind, given, axes, gone)


def _names(state, line, part, before):
    """The names of the axes that a layer gives, from the names that it is given."""
    kind, count, last = line.kind, len(line.shape), LAST.get(line.kind, before[-1])
    if part == "answer" and kind == "Dense":
        last = f"{state.kind.step}s ahead" if state.kind.forecasts else "classes"
    elif part == "attention" and kind == "Dense" and line.shape[-1] == 1:
        last = "score"
    if kind == "Dot":
        return ["score", last]
    if kind == "Permute":
        return [*before[:-3], before[-2], before[-3], last]
    if kind == "Reshape" and part == "joint":
        return ["steps", "features" if before[-2] == "height" else last]
    if kind == "Reshape":
        return ["time", "features"] if state.kind.in_space else ["days", "hours", last]
    if kind in ("Embedding", "Flatten") or kind.startswith("Global"):
        return [*before[: count - 1], last]  # where it is done for every frame, the frames stay in front
    return [*before[len(before) - count : -1], last]  # where only the last state stays, the first one goes


def _note(state, kind, given, axes, gone):
    """What a layer changed, in a few words."""
    first, last = axes[0], axes[-1]
    merged = [axis.length for axis in given[-1] if axis.name in gone]
    if kind == "Embedding":
        return f"each {state.kind.step} becomes a vector of {last.length}"
    if first.name == "steps" and "steps" not in [axis.name for axis in given[-1]]:
        become = f"become{'s' * (len(first.made_of) == 1)} {f'{first.length} ' * (first.size is not None)}"
        columns = f", {' × '.join(last.made_of)} {last.length} features" * (len(last.made_of) > 1)
        return f"{' × '.join(first.made_of)} {become}steps{columns}"
    if kind == "Permute":
        return f"{axes[-3].name} and {axes[-2].name} change places"
    if first.name == "days" and kind == "Reshape":
        return f"time becomes {first.length} days of {axes[1].length} hours"
    if kind in ("Flatten", "Reshape"):
        return f"{COUNTS[len(merged)]} axes become one: {' × '.join(merged)} = {last.length}"
    if kind == "Concatenate":
        return f"side by side: {' + '.join(branch[-1].length for branch in given)} = {last.length}"
    if kind == "Softmax":
        return "scores become weights that sum to 1"
    return ", ".join(_changes(kind, gone, given[-1], axes)) or "the shape stays"


def _changes(kind, gone, before, axes):
    """Which axes in front of the last one are gone, and how the others changed in length or in name."""
    names = [name for name in gone if name != before[-1].name]
    are = "is" if names in (["time"], ["height"], ["width"]) else "are"
    left = {"GlobalMax": "the largest", "GlobalAve": "the mean", "Dot": "the weighted sum"}
    if names:
        yield f"{' and '.join(names)} {are} gone: only {left.get(kind[:9], 'the last state')}"
    old, changes = {axis.name: axis for axis in before}, {}
    for axis in axes:
        if axis.changed and axis.name in old:
            was = old[axis.name]
            change = f"{was.length} → {axis.length}"
            if axis.size is None:
                change = "shortened"
            elif axis.name in PLACES and was.size == 2 * axis.size:
                change = "halved"
            changes.setdefault(change, []).append(axis.name)
    yield from (f"{' and '.join(names)} {change}" for change, names in changes.items())
    if axes[-1].name not in old:
        yield f"{before[-1].length} {before[-1].name} become {axes[-1].length} {axes[-1].name}"


# ----------------------------------------------------------------------------- From rows to a picture

LOOKS = {  # axis -> its tint, its line, the dashes of the line
    "time": ("#F3C09A", LSTM, ""),
    "days": ("#F3C09A", LSTM, "5 2"),
    "steps": ("#F7D99B", "#B07900", ""),
    "height": ("#C9E7F8", "#3D9BD0", ""),
    "width": ("#9CC3E6", CNN, ""),
    "hours": ("#9CC3E6", CNN, "5 2"),
    "channels": ("#EBC9DC", "#B0578A", ""),
    "features": ("#F6F0A8", "#8C8200", ""),
    "units": ("#9ADBC4", ATTENTION, ""),
    "score": ("#9ADBC4", ATTENTION, "5 2"),
    "classes": ("#D3D7DC", "#5F666E", ""),
    "hours ahead": ("#D3D7DC", "#5F666E", "5 2"),
}
CODE = f"{INK};font-family:var(--jp-code-font-family, monospace)"
CALL, BATCH, FIRST = 20, 280, 326  # from the left: the call, the batch, the first column
TITLES, ROW, HEADING, BOX = 28, 43, 24, 32  # heights
MARGIN = (ROW - BOX) / 2


def alt(composition):
    """The whole picture in words: every layer, every axis, what changed."""
    parts = ["Shapes, axis by axis."]
    for number, (heading, members) in enumerate(_groups(composition)):
        parts += [f"{' '.join(heading) or 'Then'}:"] * bool(number)
        parts += [row.words for row in members]
    return " ".join(parts)


def picture(composition):
    """The shapes of a composition as an SVG string: a row a layer, a box an axis.

    Parameters
    ----------
    composition : assembly.Composition
        Where it does not fit, the last row says why.

    Returns
    -------
    str
        Its `aria-label` says every shape. Each row is a group with `data-shape` and `data-axes`.
    """
    columns = _Columns(rows(composition))
    titles = (
        (CALL, "Layer", "start"),
        (BATCH, "What it gives, axis by axis", "start"),
        (columns.numbers, f"Numbers per {composition.state.kind.example}", "end"),
        (columns.note, "What changed", "start"),
    )
    parts = [text(x, 18, words, 11.5, anchor, SOFT, 600) for x, words, anchor in titles]
    y, above, bottom = TITLES, None, 0
    for heading, members in _groups(composition):
        top = y
        if heading:
            parts.append(pair(CALL - 8, y + 16, *heading, 12))
            y += HEADING
        for row in members:
            parts.append(_links(columns, above, row, bottom, y + MARGIN) if row.follows else "")
            parts.append(_drawn(columns, row, y + ROW / 2))
            above, y = row, y + ROW
            bottom = y - MARGIN
        if members[0].each:
            parts.insert(0, rect(3, top, WIDTH - 6, y - top, "none", SHADES["answer"][2], 7))
            y += 6
    words = "A bold border marks an axis that the layer changed. A line leads to where an axis lives on."
    parts.append(text(8, y + 14, words, 11, "start", SOFT))
    return svg(WIDTH, y + 22, alt(composition), parts)


def _groups(composition):
    """(heading, rows) of what is applied together: for every frame, side by side, or plainly."""
    piece, before, every = composition.state.kind.piece, 0, rows(composition)
    if broken := composition.broken:
        call = bare(broken.lines[0].layer)
        every.append(Row(call, broken.part, (), broken.reason, broken.each, broken.branch))
    for (branch, each), members in groupby(every, key=lambda row: (row.branch, row.each)):
        heading = ()
        if branch == 0 and before:
            heading = ("Both sides", "joined")
        elif branch == 2:
            heading = ("On the other side", "applied to what the first side was given")
        elif branch and not before:
            heading = ("On one side", f"for every {piece}" if each else "the CNN")
        elif each:
            stays = "the days stay as they are" if piece == "day" else "time stays as it is"
            heading = (f"For every {piece}", f"PerFrame: {stays}")
        before = branch
        yield heading, list(members)


class _Columns:
    """Where the axes of all rows stand: an axis has the same column in every row."""

    def __init__(self, table):
        used = sorted({place for row in table for span in _spans(row) for place in span})
        self.wide = min(244 / len(used), 100) - 3
        self._left = {place: FIRST + i * (self.wide + 3) for i, place in enumerate(used)}
        self.numbers = max(self._left.values()) + self.wide + 72  # their right edge
        self.note = self.numbers + 11

    def reach(self, row, axis):
        """From where to where the box of an axis goes; axes that become one have a wide one."""
        first, last = _spans(row)[axis]
        return self._left[first], self._left[last] + self.wide


def _spans(row):
    """The first and the last column of each axis, from left to right, also where axes changed places."""
    merged = [axis.made_of if len(axis.made_of) > 1 else (axis.name,) for axis in row.axes]
    places = [
        [PLACES.get(name, END if names is merged[-1] or len(names) > 1 else 0) for name in names]
        for names in merged
    ]
    in_order = iter(sorted(chain.from_iterable(places)))
    spans = [[next(in_order) for _ in own] for own in places]
    return [(span[0], span[-1]) for span in spans]


def _lines(x, y, words, letters, size, fill):
    """Words in as many lines as they need, centred at the height y; products and counts stay whole."""
    words = re.sub(r" ([×→=+]) ", "\u00a0\\1\u00a0", words)
    words = re.sub(r"(?<=\d) (?=[a-z])", "\u00a0", words)
    lines = textwrap.wrap(words, letters, subsequent_indent="  " * (fill is CODE), break_on_hyphens=False)
    top = y - (size + 1.5) * (len(lines) - 1) / 2 + size / 3
    return "".join(
        text(x + 8 * (line[0] == " "), top + (size + 1.5) * i, line.strip(), size, "start", fill)
        for i, line in enumerate(lines)
    )


def _drawn(columns, row, y):
    """A row around the height y, with a mark in the colour of its part."""
    mark = rect(8, y - BOX / 2, 4, BOX, SHADES[row.part][2], radius=2)
    parts = [mark, _lines(CALL, y, row.call, 40, 10.5, CODE)]
    if not row.axes:
        border = 'stroke-width="2" stroke-dasharray="5 3"'
        parts.append(rect(BATCH, y - BOX / 2 - 2, WIDTH - 8 - BATCH, BOX + 4, "none", BAD, 4, border))
        return "".join([*parts, _lines(BATCH + 12, y, f"✕ {row.note}", 84, 11.5, INK)])
    box = 'stroke-dasharray="3 3" stroke-opacity="0.5"'
    parts.append(rect(BATCH, y - BOX / 2, 40, BOX, "none", SOFT, 4, box))
    parts.append(text(BATCH + 20, y + 4, "batch", 11, fill=SOFT))
    for number, axis in enumerate(row.axes):
        left, right = columns.reach(row, number)
        tint, line, dashes = LOOKS.get(axis.name, LOOKS["classes"])
        border = f'stroke-width="{3 if axis.changed else 1}" stroke-dasharray="{dashes or "none"}"'
        parts.append(rect(left, y - BOX / 2, right - left, BOX, tint, line, 4, border))
        middle, weight = (left + right) / 2, 700 if axis.changed else 500
        parts.append(text(middle, y - 1, axis.length, 13, fill=DARK, weight=weight))
        parts.append(text(middle, y + 11.5, axis.name, 10.5, fill=DARK))
    *times, known = row.numbers.rsplit(" ", 1)
    parts.append(text(columns.numbers, y + 4 + 6 * len(times), known, 11.5, "end"))
    parts += [text(columns.numbers, y - 3, words, 11.5, "end") for words in times]
    parts.append(_lines(columns.note, y, row.note, int((WIDTH - 8 - columns.note) / 5.9), 11, SOFT))
    axes, shape = (",".join(map(str, each)) for each in ([axis.name for axis in row.axes], row.shape))
    return f'<g data-axes="{axes}" data-shape="{shape}">{"".join(parts)}</g>'


def _links(columns, above, row, bottom, top):
    """Lines from the axes of the row above to those in which they live on."""
    parts = []
    names = [axis.name for axis in above.axes]
    for number, axis in enumerate(row.axes):
        left, right = columns.reach(row, number)
        for name in axis.made_of:
            start, stop = columns.reach(above, names.index(name))
            narrow = (start + stop) / 2 if stop - start <= right - left else (left + right) / 2
            x = min(max(narrow, left), right)
            parts.append(path(f"M{narrow:.1f},{bottom:.1f} L{x:.1f},{top:.1f}", LOOKS[name][1], 1.6))
    return "".join(parts)
