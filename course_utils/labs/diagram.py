"""A composition as an SVG: volumes to scale, shapes on the arrows, the LSTM unrolled, where the cost sits."""

import html
from math import sqrt

WIDTH = 800
SHADES = {  # front, side, line
    "cnn": ("#9CCBE6", "#4E9FCD", "#0072B2"),
    "lstm": ("#F3C09A", "#E38B4A", "#D55E00"),
    "other": ("#D3D7DC", "#A5ACB5", "#767D87"),
}
CARD = "var(--jp-layout-color1, #fff)"
INK = "var(--jp-ui-font-color1, #1f1f1f)"
SOFT = "var(--jp-ui-font-color2, #5b5b5b)"
BAD = "#e0233f"


def number(value):
    """A count in few characters: 7,296, 46.1 k or 2.65 M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f} {letter}"
    return f"{value:,}"


def times(shape):
    return "×".join(str(size) for size in shape)


def alt(made):
    """What the diagram says, in words."""
    frames, size = made.state.clip.frames, made.state.clip.size
    chain = ", then ".join(f"{fact.title} gives {times(fact.shape)}" for fact in made.facts[1:])
    start = f"A clip of {frames} frames of {size} by {size} pixels"
    if made.broken:
        return f"{start}. {chain or 'Nothing is applied'}. There it breaks: {made.broken.title} does not fit."
    most = max(made.all, key=lambda fact: fact.parameters)
    answers = " and ".join(f"{fact.title} ({fact.detail})" for fact in made.answers)
    share = most.parameters / made.parameters
    return (
        f"{start}: {chain}; the answers are {answers}. {made.parameters:,} parameters in all, most of them "
        f"({share:.0%}) in {most.title}; {number(made.multiply_adds)} multiply-adds a clip."
    )


# ---------------------------------------------------------------------------------------------------
# Pieces


def svg(height, words, inside):
    """A whole picture, with what it says in words for those who cannot see it."""
    label = html.escape(words, quote=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'{head} role="img" aria-label="{label}">{inside}</svg>'


def text(x, y, words, size=12, anchor="middle", fill=INK, weight=400, extra=""):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f'style="fill:{fill}" {extra}>{html.escape(str(words))}</text>'
    )


def rect(x, y, w, h, fill, line="none", radius=0, extra=""):
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius}" '
        f'style="fill:{fill};stroke:{line}" {extra}/>'
    )


def path(d, line=SOFT, width=1.2, fill="none", extra=""):
    return f'<path d="{d}" style="fill:{fill};stroke:{line};stroke-width:{width}" {extra}/>'


def arrow(x1, y1, x2, y2, line=SOFT, width=1.4):
    """A straight arrow, its head included."""
    dx, dy = x2 - x1, y2 - y1
    length = max(sqrt(dx * dx + dy * dy), 1e-6)
    ux, uy = dx / length, dy / length
    bx, by = x2 - 5 * ux, y2 - 5 * uy
    wx, wy = 3.2 * uy, 3.2 * ux
    head = f"M{x2:.1f},{y2:.1f} L{bx - wx:.1f},{by + wy:.1f} L{bx + wx:.1f},{by - wy:.1f} Z"
    return path(f"M{x1:.1f},{y1:.1f} L{bx:.1f},{by:.1f}", line, width) + path(head, line, 0.5, line)


def pair(x, y, first, second, size, anchor="start"):
    """Two words of one line: the first bold, the second soft."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" style="fill:{INK}">'
        f'<tspan font-weight="700">{html.escape(first)}</tspan>'
        f'<tspan dx="8" style="fill:{SOFT}">{html.escape(second)}</tspan></text>'
    )


def marks(fact):
    """Names a piece of the picture after its stage and shape, for tests and readers of the page's source."""
    return f'data-stage="{html.escape(fact.title)}" data-shape="{",".join(map(str, fact.shape))}"'


def shape_label(x, y, fact, anchor="middle"):
    """The shape a stage puts out."""
    return f"<g {marks(fact)}>{text(x, y, times(fact.shape), 12, anchor, INK, 600)}</g>"


def volume(x, middle, side, depth, kind):
    """A box whose front face is `side` x `side`, centred at (x, middle), `depth` pixels deep."""
    front, shade, line = SHADES[kind]
    left, top = x - (side + depth) / 2, middle - (side - depth) / 2
    right, bottom = left + side, top + side
    lid = f"M{left:.1f},{top:.1f} l{depth:.1f},{-depth:.1f} h{side:.1f} l{-depth:.1f},{depth:.1f} Z"
    wall = f"M{right:.1f},{top:.1f} l{depth:.1f},{-depth:.1f} v{side:.1f} l{-depth:.1f},{depth:.1f} Z"
    drawn = path(lid, line, 0.8, shade, 'stroke-linejoin="round"') + path(
        wall, line, 0.8, shade, 'stroke-linejoin="round"'
    )
    return drawn + rect(left, top, side, side, front, line), (left, top, right, bottom)


def bar(x, middle, features, kind):
    """A vector as a bar, its height growing with the square root of the features."""
    front, _, line = SHADES[kind]
    tall = min(8 + 2.4 * sqrt(features), 96)
    ticks = "".join(
        path(f"M{x - 5:.1f},{middle - tall / 2 + tall * i / 6:.1f} h10", line, 0.5)
        for i in range(1, 6)
        if tall > 20
    )
    return rect(x - 5, middle - tall / 2, 10, tall, front, line, 2) + ticks, (
        x - 5,
        middle - tall / 2,
        x + 5,
        middle + tall / 2,
    )


# ---------------------------------------------------------------------------------------------------
# The two lanes


def space_lane(made):
    """What happens to every frame. Returns the SVG, where it ends, and where the vector leaves it."""
    stages = [fact for fact in made.facts if fact.kind != "lstm"]
    columns = len(stages) + bool(made.broken)
    frames, size = made.state.clip.frames, made.state.clip.size
    cards = min(frames, 5) - 1
    left, right, top = 8, WIDTH - 8 - 4 * cards, 4 + 4 * cards
    pitch = min((right - left) / columns, 118)
    narrow = pitch < 96
    side_most = min(66, pitch - 26)
    scale = side_most / size
    head = 62 if narrow else 50
    middle, height = top + head + 54, head + 186
    parts = []
    for card in range(cards, 0, -1):
        parts.append(
            rect(
                left + 4 * card,
                top - 4 * card,
                right - left,
                height,
                CARD,
                "#0072B2",
                8,
                'stroke-opacity="0.45"',
            )
        )
    parts.append(rect(left, top, right - left, height, CARD, "#0072B2", 8))
    plural = f"the same network on each of the {frames} frames" if frames > 1 else "one frame"
    parts.append(rect(left + 12, top + 11, 11, 11, "#0072B2", radius=2))
    parts.append(pair(left + 29, top + 21, "CNN", plural, 13))
    offset = left + (right - left - pitch * columns) / 2
    boxes, label_y, words_y = [], top + head, top + head + 118
    for place, fact in enumerate(stages):
        x = offset + pitch * (place + 0.5)
        if len(fact.shape) == 4:
            depth = min(1.5 + 1.35 * sqrt(fact.shape[3]), pitch * 0.22)
            drawn, box = volume(x, middle, max(fact.shape[1] * scale, 2), depth, fact.kind)
        else:
            drawn, box = bar(x, middle, fact.shape[-1], fact.kind)
        tip = f"{fact.title} {fact.detail}: {times(fact.shape)}, {fact.parameters:,} parameters"
        parts.append(f"<g><title>{html.escape(tip)}</title>{drawn}</g>")
        boxes.append(box)
        parts.append(_words(x, words_y, fact, pitch, left + 8 if place == 0 else None))
    parts.append(_field(boxes[0], stages, size))
    for place, fact in enumerate(stages):
        last = place == len(stages) - 1
        gap = offset + pitch * (place + 1)
        if last and not made.broken:
            break
        after = boxes[place + 1] if not last else (gap + pitch / 2 - 24, 0, 0, 0)
        start = boxes[place][2] + (
            min(1.5 + 1.35 * sqrt(fact.shape[-1]), pitch * 0.22) if len(fact.shape) == 4 else 0
        )
        if not last:
            parts.append(_look(boxes[place], after, stages[place + 1], scale))
        if after[0] - start > 9:
            parts.append(arrow(start + 2, middle, after[0] - 2, middle))
        y = label_y - 16 * (narrow and place % 2)
        parts.append(
            path(f"M{gap:.1f},{y + 5:.1f} V{middle - 4:.1f}", SOFT, 0.8, "none", 'stroke-dasharray="1.5 3"')
        )
        parts.append(shape_label(max(gap, left + 52), y, fact))
    if made.broken:
        x = offset + pitch * (len(stages) + 0.5)
        parts.append(
            rect(x - 24, middle - 30, 48, 60, "none", BAD, 4, 'stroke-width="2" stroke-dasharray="5 3"')
        )
        parts.append(text(x, middle + 9, "✕", 26, fill=BAD, weight=700))
        parts.append(text(x, words_y, made.broken.title, 12.5, weight=600))
        parts.append(text(x, words_y + 15, made.broken.detail, 11, fill=SOFT))
        parts.append(text(x, words_y + 31, "does not fit", 12, weight=700))
    return "".join(parts), top + height, offset + pitch * (len(stages) - 0.5)


def _words(x, y, fact, pitch, names_at):
    """The lines under a volume; under the clip stand the names of the lines."""
    size = 12.5 if pitch > 80 else 11.5
    head = text(x, y, fact.title, size, weight=600) + text(
        x, y + 15, fact.detail, min(11, size - 1), fill=SOFT
    )
    if names_at:
        names = enumerate(("parameters", "multiply-adds", "sees"))
        where, anchor = (x, "middle") if pitch > 80 else (names_at, "start")
        return head + "".join(
            text(where, y + 31 + 14 * i, name, 11, anchor, SOFT, extra='font-style="italic"')
            for i, name in names
        )
    sees = f"{fact.sees}×{fact.sees}" + (" px" if pitch > 80 else "")
    lines = (f"{fact.parameters:,}", number(fact.multiply_adds), sees)
    return head + "".join(text(x, y + 31 + 14 * i, words, 12) for i, words in enumerate(lines))


def _field(box, stages, size):
    """On the clip's first frame: the patch that one feature of the last maps depends on."""
    maps = [fact for fact in stages if len(fact.shape) == 4]
    if len(maps) < 2:
        return ""
    left, top, right, bottom = box
    share = maps[-1].sees / size
    w = (right - left) * share
    x, y = (left + right - w) / 2, (top + bottom - w) / 2
    tip = f"<title>one feature of the last maps sees {maps[-1].sees}×{maps[-1].sees} pixels</title>"
    dashes = 'stroke-width="1.6" stroke-dasharray="3 2"'
    return f"<g>{tip}{rect(x, y, w, w, 'none', '#0072B2', 0, dashes)}</g>"


def _look(box, after, fact, scale):
    """The window on one volume and the feature it becomes on the next."""
    if fact.window is None:
        return ""
    left, top, right, bottom = box
    w = min(fact.window[0] * scale, right - left)
    x, y = left + (right - left - w) * 0.62, top + (bottom - top - w) * 0.3
    tx = after[0] + (after[2] - after[0]) * 0.5
    ty = after[1] + (after[3] - after[1]) * 0.3
    line = SHADES["cnn"][2]
    corners = " ".join(f"M{x + w:.1f},{corner:.1f} L{tx:.1f},{ty:.1f}" for corner in (y, y + w))
    rays = path(corners, SHADES["cnn"][1], 1)
    return (
        rays
        + rect(x, y, w, w, "#0072B2", line, 0, 'fill-opacity="0.3"')
        + rect(tx - 1.2, ty - 1.2, 2.4, 2.4, line)
    )


def time_lane(made, top, enters):
    """The LSTM unrolled over the frames, and the answers. Returns the SVG and where it ends."""
    layers = [fact for fact in made.facts if fact.kind == "lstm"]
    state = made.state
    frames, units, count = state.clip.frames, state.lstm.units, state.lstm.layers
    ghost = not layers
    cell = 20 + 0.8 * sqrt(units)
    step_y = cell + 34
    height = 78 + count * step_y
    opacity = 'opacity="0.35"' if ghost else ""
    parts = [rect(8, top, WIDTH - 16, height, CARD, "#D55E00", 8)]
    order = "in order, and again backwards" if state.lstm.both else "in order"
    steps = f"reads the {frames} vectors {order}" if frames > 1 else "reads one vector"
    parts.append(rect(20, top + 11, 11, 11, "#D55E00", radius=2))
    parts.append(pair(37, top + 21, "LSTM", steps, 13))
    shown = list(range(1, frames + 1)) if frames <= 10 else [1, 2, 3, 4, 0, frames - 2, frames - 1, frames]
    x0, x1 = 184, 604
    pitch = min((x1 - x0) / len(shown), 76)
    xs = [x0 + pitch * (i + 0.5) for i in range(len(shown))]
    inputs_y = top + 48
    sequence = [fact for fact in made.facts if fact.kind != "lstm"][-1]
    body = []
    for x, step in zip(xs, shown, strict=True):
        if step:
            body.append(rect(x - 12, inputs_y - 6, 24, 11, SHADES["other"][0], SHADES["other"][2], 2))
            body.append(text(x, inputs_y - 11, f"t = {step}" if pitch > 44 else step, 11, fill=SOFT))
            body.append(arrow(x, inputs_y + 6, x, inputs_y + 29, SOFT, 1.2))
        else:
            body.append(text(x, inputs_y + 3, "…", 15, fill=SOFT))
    wide = min(pitch - 18, 40)
    for row in range(count):
        y = inputs_y + 30 + row * step_y
        body.extend(_cells(xs, shown, y, cell, wide, state.lstm.both, row < count - 1))
        if row < count - 1:
            body.extend(
                arrow(x, y + cell, x, y + step_y - 1, SOFT, 1.2)
                for x, step in zip(xs, shown, strict=True)
                if step
            )
    parts.append(f"<g {opacity}>{''.join(body)}</g>")
    if not ghost:
        down = f"M{enters:.1f},{top - 14:.1f} V{top - 4:.1f}"
        parts.append(path(down, SOFT, 1.4))
        parts.append(arrow(enters, top - 16, enters, top + 2))
        parts.append(
            f"<g {marks(sequence)}>{pair(20, inputs_y + 4, times(sequence.shape), 'time × features', 12)}</g>"
        )
        for row, fact in enumerate(layers):
            y = inputs_y + 30 + row * step_y + cell / 2
            sees = f"sees {fact.sees_frames} frame{'s' * (fact.sees_frames != 1)}"
            parts.append(text(20, y - 8, fact.title, 12.5, "start", weight=600))
            parts.append(text(20, y + 7, f"{fact.parameters:,} parameters", 11.5, "start"))
            parts.append(text(20, y + 21, f"{number(fact.multiply_adds)} multiply-adds", 11.5, "start"))
            if row == count - 1:
                parts.append(text(20, y + 35, sees, 11.5, "start"))
            else:
                parts.append(shape_label(xs[0] - 7, y + cell / 2 + 22, fact, "end"))
        y = inputs_y + 30 + (count - 1) * step_y + cell / 2
        parts.append(_answers(made, xs[-1] + wide / 2, y, layers[-1], top, height, cell / 2 + 2))
    return "".join(parts), top + height


def _cells(xs, shown, y, cell, wide, both, sequences):
    """One LSTM layer, a cell for each step, with the state handed along."""
    front, _, line = SHADES["lstm"]
    drawn = []
    for i, (x, step) in enumerate(zip(xs, shown, strict=True)):
        if step:
            last = step == shown[-1] and not sequences
            drawn.append(
                rect(x - wide / 2, y, wide, cell, front, line, 5, 'stroke-width="2.4"' if last else "")
            )
        else:
            drawn.append(text(x, y + cell / 2 + 4, "…", 15, fill=SOFT))
        if i:
            gap = (xs[i - 1] + (wide / 2 if shown[i - 1] else 7), x - (wide / 2 if step else 7))
            middle = y + cell / 2
            if both:
                drawn.append(arrow(gap[0] + 1, middle - 5, gap[1] - 1, middle - 5, line, 1.6))
                drawn.append(arrow(gap[1] - 1, middle + 5, gap[0] + 1, middle + 5, line, 1.6))
            else:
                drawn.append(arrow(gap[0] + 1, middle, gap[1] - 1, middle, line, 1.6))
    return drawn


def _answers(made, x, y, last, top, height, cell_gap):
    """The last state and what is read off it."""
    parts, left, wide, tall, dark = [], 648, 136, 44, "#1f1f1f"
    together = (tall + 8) * len(made.answers) - 8
    first = min(max(y - together / 2, top + 30), top + height - 10 - together)
    for i, fact in enumerate(made.answers):
        middle = first + i * (tall + 8) + tall / 2
        parts.append(arrow(x + 2, y, left - 2, middle))
        parts.append(rect(left, middle - tall / 2, wide, tall, SHADES["other"][0], SHADES["other"][2], 5))
        name = text(
            left + wide / 2,
            middle - 4,
            f"{fact.title}: {times(fact.shape)} classes",
            12,
            fill=dark,
            weight=600,
        )
        parts.append(f"<g {marks(fact)}>{name}</g>")
        parts.append(text(left + wide / 2, middle + 12, f"{fact.parameters:,} parameters", 11.5, fill=dark))
    return "".join(parts) + shape_label(x + 5, y - cell_gap, last, "start")


# ---------------------------------------------------------------------------------------------------
# Where the cost sits


def cost_bar(made, top, title, amount, unit):
    """A stacked bar: how `amount(fact)` is shared among the stages."""
    total = sum(amount(fact) for fact in made.all)
    parts = [text(8, top + 13, title, 12.5, "start", weight=600)]
    parts.append(text(WIDTH - 8, top + 13, f"{total:,} {unit}", 12.5, "end", weight=600))
    x, y, tall = 8.0, top + 20, 24
    for fact in made.all:
        share = amount(fact) / max(total, 1)
        w = share * (WIDTH - 16)
        if w < 0.3:
            continue
        front, _, line = SHADES[fact.kind]
        tip = f"<title>{html.escape(fact.title)}: {amount(fact):,} {unit}, {share:.1%}</title>"
        parts.append(f"<g>{tip}{rect(x, y, w, tall, front, line, 2)}")
        for words in (f"{fact.title} {share:.0%}", fact.title):
            if w > 7 * len(words) + 8:
                parts.append(text(x + w / 2, y + 16, words, 12, fill="#1f1f1f"))
                break
        parts.append("</g>")
        x += w
    return "".join(parts), top + 48


def diagram(made):
    """The whole picture of a composition, as an SVG string."""
    lane, bottom, enters = space_lane(made)
    memory, bottom2 = time_lane(made, bottom + 16, enters)
    sure = "so far" if made.broken else "in all"
    first, bottom3 = cost_bar(
        made, bottom2 + 12, "Where the parameters sit", lambda f: f.parameters, f"parameters {sure}"
    )
    second, bottom4 = cost_bar(
        made, bottom3 + 8, "Where the work is done", lambda f: f.multiply_adds, f"multiply-adds a clip {sure}"
    )
    key = (
        "Height and width are to scale. Depth and bars grow with the square root of channels and features; "
        "dashed: what one last feature sees."
    )
    foot = text(8, bottom4 + 16, key, 11, "start", SOFT)
    return svg(bottom4 + 22, alt(made), f"{lane}{memory}{first}{second}{foot}")
