"""A composition as an SVG: tensors to scale, their shapes on the arrows, what each stage costs and sees."""

import html
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil, sqrt

from course_utils.labs.architecture.blocks import times
from course_utils.labs.core.drawing import (
    ATTENTION,
    CARD,
    CNN,
    DARK,
    INK,
    LSTM,
    SOFT,
    arrow,
    path,
    rect,
    svg,
    text,
)

WIDTH = 820
LEFT, RIGHT = 100, 72  # beside the columns: names of the lines, and room for arrows to the next row
EDGE = WIDTH - 10
SHADES = dict.fromkeys(("input", "joint", "answer"), ("#D3D7DC", "#A5ACB5", "#767D87")) | {
    "cnn": ("#9CCBE6", "#4E9FCD", CNN),
    "convlstm": ("#9CCBE6", "#F3C09A", LSTM),
    "lstm": ("#F3C09A", "#E38B4A", LSTM),
    "attention": ("#9ADBC4", "#4DBB97", ATTENTION),
}  # part -> front, side, line
BAD = "#e0233f"
TALL = 54  # pixels of the largest tensor
BAR = 380  # pixels that a bar of costs is wide at least


def counted(value):
    """A count in few characters: 7,296, 46.1 k or 2.65 M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {letter}"
    return f"{value:,}"


def alt(composition):
    """What the diagram says, in words."""
    first, *facts = composition.facts
    sides = ("", "on one side ", "on the other side ")
    chain = [f"{sides[fact.branch]}{fact.title} gives {times(fact.shape)}" for fact in facts]
    start = f"{first.title} of {times(first.shape)}"
    if composition.broken:
        stages = ", then ".join(chain) or "nothing is applied"
        return f"{start}: {stages}. There it breaks: {composition.broken.title} does not fit."
    most = max(composition.all, key=lambda fact: fact.parameters)
    answers = " and ".join(f"{fact.title} ({fact.detail})" for fact in composition.answers)
    answers += " after each frame" * composition.state.answers_each
    share = most.parameters / composition.parameters
    return (
        f"{start}: {', then '.join(chain)}; the answer is {answers}. "
        f"{composition.parameters:,} parameters in all{untrained(composition)}, most of them ({share:.0%}) "
        f"in {most.title}; {counted(composition.multiply_adds)} multiply-adds."
    )


def untrained(known):
    """How many parameters of a composition, or of a fact, are not trained, in words."""
    return f" ({known.untrained:,} of them moving averages, not trained)" if known.untrained else ""


# --------------------------------------------------------------------------------------------- Pieces


def pair(x, y, first, second, size, anchor="start"):
    """Two words of one line: the first bold, the second soft."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" style="fill:{INK}">'
        f'<tspan font-weight="700">{html.escape(first)}</tspan>'
        f'<tspan dx="7" style="fill:{SOFT}">{html.escape(second)}</tspan></text>'
    )


def staged(fact, drawn):
    """The shape that a stage puts out, drawn; tests find it by the stage."""
    shape = ",".join(map(str, fact.shape))
    return f'<g data-stage="{html.escape(fact.title)}" data-shape="{shape}">{drawn}</g>'


def shape_label(x, y, fact, room):
    """The shape a stage puts out, in two lines where there is little room."""
    halo = f"{INK};paint-order:stroke;stroke:{CARD};stroke-width:4px;stroke-linejoin:round"
    words, lines = times(fact.shape), ""
    if len(words) * 7 > room:
        middle = len(words) // 2 - 1
        cut = max(words.find("×", middle), words.rfind("×", 0, middle)) + 1
        lines, words = text(x, y - 14, words[:cut], 12, "middle", halo, 600), words[cut:]
    return staged(fact, lines + text(x, y, words, 12, "middle", halo, 600))


# ---------------------------------------------------------------------------------------------------
# Tensors. Each is drawn around (x, y) and given as (what is drawn, how far it reaches to the left and right).


def volume(x, y, tall, wide, channels, part):
    """Maps `tall` and `wide` pixels large, as deep as there are channels."""
    front, shade, line = SHADES[part]
    tall, wide, deep = max(tall, 2), max(wide, 2), min(1.5 + 1.35 * sqrt(channels), 24)
    left, top = x - (wide + deep) / 2, y - (tall - deep) / 2
    right, edge = left + wide, 'stroke-linejoin="round"'
    lid = f"M{left:.1f},{top:.1f} l{deep:.1f},{-deep:.1f} h{wide:.1f} l{-deep:.1f},{deep:.1f} Z"
    wall = f"M{right:.1f},{top:.1f} l{deep:.1f},{-deep:.1f} v{tall:.1f} l{-deep:.1f},{deep:.1f} Z"
    drawn = path(lid, line, 0.8, shade, edge) + path(wall, line, 0.8, shade, edge)
    return drawn + rect(left, top, wide, tall, front, line), (left, right + deep)


def bar(x, y, features, part, extra=""):
    """A vector, its height growing with the square root of its features."""
    front, _, line = SHADES[part]
    tall = min(8 + 2.2 * sqrt(features), 72)
    heights = [y - tall / 2 + tall * i / 6 for i in range(1, 6)] if tall > 20 else []
    ticks = "".join(path(f"M{x - 5:.1f},{height:.1f} h10", line, 0.5) for height in heights)
    return rect(x - 5, y - tall / 2, 10, tall, front, line, 2, extra) + ticks, (x - 5, x + 5)


def strip(x, y, share, steps, features, part):
    """A sequence: as wide as its share of the input's steps, as tall as the square root of its features."""
    front, _, line = SHADES[part]
    wide, tall = max(TALL * 1.2 * min(share, 1), 3), min(8 + 2.4 * sqrt(features), 70)
    left, top = x - wide / 2, y - tall / 2
    places = [left + wide * i / steps for i in range(1, steps)] if steps <= 24 else []
    ticks = "".join(path(f"M{place:.1f},{top:.1f} v{tall:.1f}", line, 0.5) for place in places)
    return rect(left, top, wide, tall, front, line, 1) + ticks, (left, left + wide)


def cells(x, y, steps, units, every, both):
    """An LSTM unrolled over its steps; the states it hands on stick out."""
    front, _, line = SHADES["lstm"]
    shown = min(steps, 4)
    wide, gap, tall = 12, 9, min(12 + 1.3 * sqrt(units), 46)
    left = x - (shown * wide + (shown - 1) * gap) / 2
    drawn = []
    for i in range(shown):
        cell, out = left + i * (wide + gap), every or i == shown - 1
        drawn.append(rect(cell, y - tall / 2, wide, tall, front, line, 3, 'stroke-width="2.2"' * out))
        if out:
            drawn.append(arrow(cell + wide / 2, y - tall / 2, cell + wide / 2, y - tall / 2 - 11, line, 1.3))
        if i and i == shown - 1 and steps > shown:
            drawn.append(text(cell - gap / 2, y + 4, "…", 11, fill=SOFT))
        elif i:
            drawn.append(arrow(cell - gap, y - 4 * both, cell, y - 4 * both, line, 1.2))
            if both:
                drawn.append(arrow(cell, y + 5, cell - gap, y + 5, line, 1.2))
    return "".join(drawn), (left, left + shown * wide + (shown - 1) * gap)


def fan(x, y, steps):
    """Attention: steps of different weight, added up."""
    front, _, line = SHADES["attention"]
    drawn, weights = [], (3.6,) if steps == 1 else (0.8, 3.6, 1.4, 0.8, 2.2)[:steps]
    for i, weight in enumerate(weights):
        at = y + 13 * (i - (len(weights) - 1) / 2)
        drawn.append(path(f"M{x - 22:.1f},{at:.1f} L{x + 8:.1f},{y:.1f}", line, weight))
        drawn.append(rect(x - 27, at - 4.5, 8, 9, front, line, 2))
    drawn.append(rect(x + 3, y - 11, 22, 22, front, line, 11))
    drawn.append(text(x + 14, y + 5, "Σ", 14, fill=DARK, weight=600))
    return "".join(drawn), (x - 27, x + 25)


def tensor(x, y, fact, composition):
    """What a stage puts out, to scale."""
    part, shape, state, facts = fact.part, fact.shape, composition.state, composition.facts
    steps = [1 if size is None else size for size in shape]
    read = facts[facts.index(fact) - 1].shape[0] or state.steps  # by the stage, step by step
    if part == "lstm":
        return cells(x, y, read, state.lstm.units, len(shape) == 2, state.lstm.both)
    if part == "attention":
        return fan(x, y, read)
    if state.kind.in_space and len(shape) >= 3:
        tall, wide = (TALL * side / max(state.entry.sides) for side in steps[-3:-1])
        return volume(x, y, tall, wide, steps[-1], part)
    if len(shape) == 3:
        return strip(x, y, steps[1] / 24, steps[1], steps[2], part)
    if len(shape) == 2 and not fact.each:
        length, longest = shape[0] or state.steps, state.steps
        if state.kind.in_space:
            longest = max(f.shape[0] or 1 for f in facts if len(f.shape) == 2)
        elif part == "convlstm":  # the hours of a day
            longest = 24
        return strip(x, y, length / longest, length, steps[1], part)
    if part == "input":
        return strip(x, y, 1, steps[0], 4, part)
    return bar(x, y, steps[-1], part, 'stroke-dasharray="3 2"' * (fact.title == "Dropout"))


# ------------------------------------------------------------------------------------ Rows of columns

MIDDLE, LINES, COSTS, ROW = 66, 116, 145, 208  # from the top of a row: arrows, words, numbers; its height
NAMES = {"cnn": "CNN", "convlstm": "ConvLSTM", "lstm": "LSTM"}  # of frames; others are called as the part


@dataclass
class Column:
    """One stage in the picture; the last one is what is broken, or the answers."""

    fact: object
    x: float
    top: float  # of its row
    pitch: float  # from column to column
    reach: tuple = ()


def lay_out(composition):
    """Rows: all in one if they fit, otherwise evenly. Side by side, each branch is a lane of rows."""
    lanes, rows = ([], []), []
    for fact in (*composition.facts, composition.broken or composition.answers[0]):
        second = fact.branch == 2 or (not fact.branch and lanes[0] and lanes[0][-1].branch)
        lanes[bool(second)].append(fact)
    most = 7 if lanes[1] else 6  # in one row; otherwise at most five
    for lane in filter(None, lanes):
        size = ceil(len(lane) / (1 if len(lane) <= most else ceil(len(lane) / 5)))
        for facts in (lane[i : i + size] for i in range(0, len(lane), size)):
            pitch = min((WIDTH - LEFT - {6: 8, 7: 24}.get(len(facts), RIGHT)) / len(facts), 150)
            top = 4 + len(rows) * ROW
            rows.append([Column(fact, LEFT + pitch * (i + 0.5), top, pitch) for i, fact in enumerate(facts)])
    return rows


def diagram(composition):
    """The whole picture of a composition, as an SVG string."""
    rows = lay_out(composition)
    parts = [_row(composition, row) for row in rows]
    parts.append(_arrows(rows))
    bottom = len(rows) * ROW + 12
    parts.append(text(8, bottom, _key(composition.state.kind), 12, "start", SOFT))
    return svg(WIDTH, bottom + 6, alt(composition), parts)


def _key(kind):
    if kind.in_space:
        grow = "a tensor's depth, its bar or its cells grow with the square root of the channels"
        return f"Height and width are to scale; {grow}."
    return f"Widths are to scale in {kind.step}s; heights grow with the square root of the features."


def _row(composition, row):
    state, end = composition.state, composition.broken or composition.answers[0]
    framed = groupby(row, lambda c: (c.fact.part, c.fact.each and not c.fact.reason))
    parts = [_box(state, part, each, list(columns)) for (part, each), columns in framed]
    if any(column.fact is not end and column.fact.part != "input" for column in row):
        seen = ("pixels seen",) * state.kind.in_space + (f"{state.kind.step}s seen",)
        for i, name in enumerate(("parameters", "multiply-adds", *seen)):
            y = row[0].top + COSTS + 13 * i
            parts.append(text(LEFT - 10, y, name, 12, "end", SOFT, extra='font-style="italic"'))
    for column in row:
        draw = _column if column.fact is not end else _broken if composition.broken else _answers
        parts.append(f'<g data-path="{column.fact.path}">{draw(composition, column)}</g>')
    return "".join(parts)


def _box(state, part, each, columns):
    """The frame around consecutive stages of one part; a pile of frames where it is done for every frame."""
    first, last = columns[0], columns[-1]
    left, line = first.x - first.pitch / 2 + 5, SHADES[part][2]
    wide, tall = last.x + first.pitch / 2 - 5 - left, ROW - 22
    drawn = [
        rect(left + 3 * i, first.top + 9 - 3 * i, wide, tall, CARD, line, 7, 'stroke-opacity="0.4"' * bool(i))
        for i in range(min(state.clip.frames, 4) - 1 if each else 0, -1, -1)
    ]
    name = NAMES.get(part, part.capitalize())
    remarks = {
        "cnn": "over the states" if state.order == "lstm-cnn" else f"over the {state.kind.step}s",
        "convlstm": "convolutions in the gates",
        "lstm": "in both directions" if state.lstm.both else "in order",
    }
    remark = f"for every {state.kind.piece}" if each else remarks.get(part, "")
    remark = remark if len(name) + len(remark) < (wide - 44) / 6.6 else ""
    drawn.append(rect(left + 9, first.top + 17, 10, 10, line, radius=2))
    return "".join([*drawn, pair(left + 24, first.top + 26, name, remark, 12.5)])


def _column(composition, column):
    fact = column.fact
    drawn, column.reach = tensor(column.x, column.top + MIDDLE, fact, composition)
    words = f"{fact.title} {fact.detail}: {times(fact.shape)}, {fact.parameters:,} parameters"
    tip = f"<title>{html.escape(words)}{untrained(fact)}</title>"
    costs = () if fact.part == "input" and not fact.parameters else _costs(composition, [fact])
    field = _field(composition, column) if fact is composition.facts[0] else ""
    return f"<g>{tip}{drawn}</g>{_below(column, fact.title, fact.detail, costs)}{field}"


def _below(column, title, detail, lines=()):
    """The words below a column."""
    parts = [text(column.x, column.top + LINES, title, 12.5, weight=600)]
    parts.append(text(column.x, column.top + LINES + 13, detail, 12, fill=SOFT))
    parts += [text(column.x, column.top + COSTS + 13 * i, words, 12) for i, words in enumerate(lines)]
    return "".join(parts)


def _costs(composition, facts):
    """What facts cost together, and what one feature of the last one sees, in space and in time."""
    yield f"{sum(fact.parameters for fact in facts):,}"
    yield counted(sum(fact.multiply_adds for fact in facts))
    if composition.state.kind.in_space:
        yield f"{times(facts[-1].sees)} px" if facts[-1].sees else ""
    yield f"{'up to' if facts[-1].up_to else f'{facts[-1].sees_steps} of'} {composition.state.steps}"


def _field(composition, column):
    """On the clip: the patch that one feature of the last maps depends on."""
    maps = [fact for fact in composition.facts if fact.part in ("cnn", "convlstm") and len(fact.shape) > 2]
    if not maps or not composition.state.kind.in_space:
        return ""
    tall, wide = (TALL * seen / max(composition.state.entry.sides) for seen in maps[-1].sees)
    deep = min(1.5 + 1.35 * sqrt(composition.state.entry.channels), 24)
    left, y = column.x - deep / 2 - wide / 2, column.top + MIDDLE + deep / 2 - tall / 2
    tip = f"<title>a feature of the last maps sees up to {times(maps[-1].sees)} pixels</title>"
    dashes = 'stroke-width="1.6" stroke-dasharray="3 2"'
    return f"<g>{tip}{rect(left, y, wide, tall, 'none', CNN, 0, dashes)}</g>"


def _broken(composition, column):
    x, y, stage = column.x, column.top + MIDDLE, column.fact
    column.reach = (x - 24, x + 24)
    box = rect(x - 24, y - 30, 48, 60, "none", BAD, 4, 'stroke-width="2" stroke-dasharray="5 3"')
    cross = text(x, y + 9, "✕", 26, fill=BAD, weight=700)
    words = text(x, column.top + LINES + 32, "does not fit", 12, weight=700)
    return box + cross + _below(column, stage.title, stage.detail) + words


def _answers(composition, column):
    x, answers, kind = column.x, composition.answers, composition.state.kind
    front, _, line = SHADES["answer"]
    wide, tall, parts = 98, 28, []
    column.reach = (x - wide / 2, x + wide / 2)
    for i, fact in enumerate(answers):
        y = column.top + MIDDLE + (tall + 8) * (i - (len(answers) - 1) / 2)
        parts.append(rect(x - wide / 2, y - tall / 2, wide, tall, front, line, 5))
        words = f"{fact.title}: {times(fact.shape)}"
        parts.append(staged(fact, text(x, y + 4.5, words, 12.5, fill=DARK, weight=600)))
    detail = f"{kind.step}s to come" if kind.forecasts else "softmax"
    detail = "for every frame" if composition.state.answers_each else detail
    return "".join(parts) + _below(column, "Dense", detail, _costs(composition, answers))


def _arrows(rows):
    """From stage to stage, from row to row, and to and from a second lane, each with the shape it carries."""
    parts, flat = [], [column for row in rows for column in row]
    starts = {id(row[0]) for row in rows}
    for before, after in pairwise(flat):
        a, b, y, down = before.reach[1] + 4, after.reach[0] - 3, before.top + MIDDLE, after.top + MIDDLE
        if id(after) not in starts:
            parts.append(arrow(a, y, b, y) + shape_label((a + b) / 2, y - 7, before.fact, b - a + 8))
            continue
        parts.append(path(f"M{a:.1f},{y:.1f} H{EDGE}", width=1.4))
        parts.append(shape_label((a + EDGE) / 2, y - 7, before.fact, EDGE - a + 8))
        if before.fact.branch != 1 or after.fact.branch != 2:
            parts.append(path(f"M{EDGE},{y:.1f} V{after.top + 2:.1f} H{LEFT - 6} V{down:.1f}", width=1.4))
            parts.append(arrow(LEFT - 6, down, b, down))
            continue
        fork = [column for column in flat if column.fact.part == "input" and not column.fact.branch][-1]
        side, low = fork.x - 0.3 * fork.pitch, fork.top + ROW - 8
        parts.append(path(f"M{side:.1f},{low - 5:.1f} V{low:.1f} H3 V{down:.1f}", width=1.4))
        parts.append(arrow(3, down, b, down))
        joined = next((column for column in flat[flat.index(after) :] if not column.fact.branch), None)
        if joined:
            turn = joined.top + 2
            parts.append(path(f"M{EDGE},{y:.1f} V{turn:.1f} H{joined.x:.1f}", width=1.4))
            parts.append(arrow(joined.x, turn, joined.x, joined.top + MIDDLE - 24))
    return "".join(parts)


# -------------------------------------------------------------------------------- Where the cost sits


def costs(composition):
    """How parameters and work are shared among the stages: two stacked bars, as HTML."""
    work, sure = f"multiply-adds per {composition.state.kind.example}", " so far" * bool(composition.broken)
    parameters = _cost_bar(composition, "parameters", f"parameters{sure}", untrained(composition))
    return parameters + _cost_bar(composition, "multiply_adds", work + sure)


def _cost_bar(composition, cost, unit, more=""):
    total, words, segments = getattr(composition, cost), [], []
    for fact in composition.all:
        amount = getattr(fact, cost)
        share = amount / max(total, 1)
        if share < 0.0005:
            continue
        words.append(f"{fact.title} {share:.0%}")
        front, _, line = SHADES[fact.part]
        label = next((label for label in (words[-1], fact.title) if share * BAR > 6.5 * len(label) + 8), "")
        segments.append(
            f'<i style="flex:{amount} 0 0;background:{front};border-color:{line}" '
            f'title="{html.escape(fact.title)}: {amount:,} {unit}, {share:.1%}">{html.escape(label)}</i>'
        )
    shares = html.escape(f"{total:,} {unit}{more}: {', '.join(words)}")
    drawn = f'<div class="cl-bar" role="img" aria-label="{shares}" title="{shares}">{"".join(segments)}</div>'
    return f'<div class="cl-cost"><span><b>{total:,}</b> {unit}</span>{drawn}</div>'
