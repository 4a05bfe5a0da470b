"""Pictures of what goes on inside a network, as HTML and SVG: frames, sentences, maps, gates, sums."""

import html
from functools import lru_cache
from itertools import pairwise

import numpy as np

from course_utils.labs.core.drawing import (
    ATTENTION,
    BLUE,
    BROWN,
    CARD,
    CNN,
    INK,
    LINE,
    SOFT,
    full_width,
    grey,
    number,
    path,
    rect,
    signed,
    svg,
    text,
    through,
    tint,
    uri,
    write,
)

UNIT, SHADE = "var(--cl-lstm)", "color-mix(in srgb, var(--cl-other) 38%, transparent)"
DASHED = 'stroke-dasharray="5 3"'
NUMBERS = 7  # the widest kernel that is shown in numbers
NAMED = 12  # channels whose sums are written out
START, END, ROW, GAP = 198, 628, 42, 18  # of the gates: where time begins and ends, a row and what is between
UNIT_COLUMN, MEAN_COLUMN = 700, 756  # where its columns of numbers end
GATES = {  # field of `Gates` -> its name, what it says, the ends of its axis
    "input": ("input gate i", "1 lets the new in", (0, 1)),
    "forget": ("forget gate f", "1 keeps, 0 erases", (0, 1)),
    "output": ("output gate o", "1 shows the memory", (0, 1)),
    "candidate": ("candidate g", "what would be new", (-1, 1)),
    "cell": ("cell state c", "f·c + i·g: the memory", None),
    "hidden": ("hidden state h", "o·tanh(c): handed on", (-1, 1)),
}


def picture(pixels, alt, style="", over=""):
    """An array of bytes as an image of hard pixels; `over` is drawn on top of it."""
    image = f'<img alt="{html.escape(alt)}" src="{uri(pixels)}">'
    return f'<div class="ci-pic" style="{style}">{image}{over}</div>'


def box(kind, top, left, bottom, right, rows, columns):
    """An outline over a picture of `rows` by `columns`."""
    edges = {"top": top / rows, "left": left / columns, "height": (bottom - top) / rows}
    edges["width"] = (right - left) / columns
    return f'<i class="ci-{kind}" style="{";".join(f"{k}:{100 * v:.2f}%" for k, v in edges.items())}"></i>'


def say(words):
    return f'<div class="ci-say">{words}</div>'


def figure(wide, tall, words, parts):
    """A picture that fills its card, and grows no larger than it is legible."""
    return svg(wide, tall, words, parts, f' style="width:100%;max-width:{1.1 * wide:.0f}px"')


def line(points, colour, width=1.8, more=""):
    """A curve through points; a single one is a dot."""
    points = list(points) * (2 if len(points) == 1 else 1)
    return path(through(points), colour, width, extra=f'stroke-linecap="round" {more}')


# --------------------------------------------------------------------- What comes in, and the answers


def clip(frames, now, window):
    """The frame of this step, large, with the patch that the selected value sees; below it all frames."""
    count, tall, wide, _ = frames.shape
    low, high = min(frames.min(), 0), max(frames.max(), 1)  # standardised clips reach beyond 0 and 1
    frames = (frames - low) / (high - low)
    over = box("patch", *window, tall, wide) if window else ""
    seen = "; outlined: what the selected value sees" if window else ""
    large = picture(grey(frames[now]), f"Frame {now + 1} of {count}{seen}.", "max-width:230px", over)
    alt = f"All {count} frames side by side, frame {now + 1} outlined."
    outline = box("now", 0, now, 1, now + 1, 1, count)
    strip = picture(grey(np.hstack(frames)), alt, "margin-top:6px", outline)
    return large + strip * (count > 1)


def sentence(words, now, window):
    """The review: the current word marked, coming words pale, what the selected value sees underlined."""
    parts = []
    for place, word in enumerate(words):
        if word:
            marked = html.escape(str(word))
            marked = f"<mark>{marked}</mark>" if place == now else marked
            marked = f"<u>{marked}</u>" if window and window[1] <= place < window[3] else marked
            parts.append(f'<span class="ci-coming">{marked}</span>' if place > now else marked)
    seen = " Underlined in blue: what the selected value sees." if window else ""
    marked = say(f"Marked: this word. Pale: still to come.{seen}")
    return f'<div class="ci-text">{" ".join(parts)}</div>{marked}'


def plotted(curves, wide):
    """Points for curves that share their axes, and the labels of the axis upwards."""
    low, top = min(0.0, *(float(curve.min()) for curve in curves)), max(float(c.max()) for c in curves)
    span = max(top - low, 1e-9)
    points = [
        [(30 + wide * i / max(len(c) - 1, 1), 130 - 110 * (v - low) / span) for i, v in enumerate(c)]
        for c in curves
    ]
    return points, [text(26, y, number(v, 1), 12, "end", SOFT) for y, v in ((24, top), (134, low))]


def series(hours, now, window):
    """The volumes of the hours gone by, those after `now` pale, with what the selected value sees shaded."""
    volumes = hours[:, 0]
    (points,), parts = plotted([volumes], 285)
    if window:
        left, right = points[window[1]][0], points[window[3] - 1][0]
        parts.append(rect(left - 1, 14, right - left + 2, 122, CNN, extra='fill-opacity="0.3"'))
    parts += [line(points[now:], SOFT, more='opacity="0.6"'), line(points[: now + 1], INK)]
    x, y = points[now]
    parts += [line([(x, 14), (x, 136)], CNN), rect(x - 3, y - 3, 6, 6, CNN)]
    alt = f"Hour {now + 1} of {len(volumes)}: {number(volumes[now])} thousand vehicles."
    shaded = " Shaded: what the selected value sees." if window else ""
    drawn = figure(320, 140, f"The traffic so far. {alt}", parts)
    return drawn + say(f"{alt} Pale: still to come.{shaded}")


def bars(label, shares, words, truth):
    """One bar a class; the likeliest is bold, the true one has a tick and the word."""
    best, rows = int(np.argmax(shares)), f"<b>{html.escape(label)}</b>"
    for answer, share in enumerate(shares):
        kind = ' class="ci-best"' * (answer == best)
        bar = f'<i style="width:calc({share:.3f} * (100% - 76px))"></i>'
        true = " ✓ true" * (answer == truth)
        rows += f"<span{kind}>{html.escape(words[answer])}</span><span{kind}>{bar}{share:.0%}{true}</span>"
    alt = f"{label}: the answer is {words[best]} with {shares[best]:.0%}; true is {words[truth]}."
    return f'<div class="ci-bars" role="img" aria-label="{html.escape(alt)}">{rows}</div>'


def course(label, shares, words, truth, now):
    """What a network answers after each frame: a cell a frame, darker where surer.

    An answer that stays is written once, below all its frames, with a tick if it is true.
    """
    wide, best, lowest = min(390 / len(shares), 58), shares.argmax(axis=1), 0
    parts = [text(0, 12, f"{label} after each frame", 12, "start", weight=600)]
    for step, (answer, row) in enumerate(zip(best, shares, strict=True)):
        outline = f'stroke-width="{2.2 if step == now else 0.4}" fill-opacity="{float(row[answer]):.2f}"'
        parts.append(rect(step * wide + 1, 19, wide - 2, 14, "#8a9099", INK, 0, outline))
    for first, last in pairwise([0, *np.flatnonzero(np.diff(best)) + 1, len(best)]):
        answer, letters = words[best[first]] + " ✓" * bool(best[first] == truth), wide * (last - first) / 6
        lines = [answer] if len(answer) <= letters else answer.split()
        parts.append(path(f"M{first * wide + 2:.1f},38 H{last * wide - 2:.1f}", SOFT, 1))
        if max(map(len, lines)) <= letters + 1:
            lowest = max(lowest, len(lines))
            middle = wide * (first + last) / 2
            parts += [text(middle, 50 + 12 * i, word, 11) for i, word in enumerate(lines)]
    alt = f"{label} after each frame: {', '.join(words[answer] for answer in best)}; true is {words[truth]}."
    return figure(392, 42 + 12 * lowest, alt, parts)


def forecast(label, values, truth):
    """Forecast and truth of the hours to come."""
    (guessed, true), parts = plotted([values, truth], 270)
    parts += [line(guessed, INK, 2.4, 'stroke-dasharray="5 4"'), line(true, SOFT)]
    ends = [guessed[-1][1], true[-1][1]]
    if abs(ends[0] - ends[1]) < 14:  # the names would stand on each other
        ends[int(ends[0] <= ends[1])] = min(ends) + 14
    parts.append(text(305, ends[0] + 4, "forecast", 12, "start", weight=700))
    parts.append(text(305, ends[1] + 4, "truth", 12, "start"))
    error = float(np.abs(values - truth).mean()) * 1000
    alt = f"{len(values)} hours to come. Forecast (dashed) and truth are {error:,.0f} vehicles an hour apart"
    drawn = figure(370, 140, f"{label}: {alt} on average.", parts)
    return drawn + say(f"{alt}{' on average' * (len(values) > 1)}.")


# ----------------------------------------------------------------------- Maps, sums, gates, attention


def sheet(planes, scale):
    """All maps of one step side by side: the bytes, and how many stand in a column and in a row."""
    tall, wide, count = planes.shape
    across = int(np.ceil(np.sqrt(1.7 * count * tall / wide)))
    down, times = -(-count // across), max(1, 440 // (across * (wide + 2)))
    tiles = np.full((down * across, tall * times + 4, wide * times + 4, 4), (138, 144, 153, 90), "uint8")
    tiles[count:] = 0
    pixels = tint(planes, BLUE, BROWN, scale).transpose(2, 0, 1, 3).repeat(times, 1).repeat(times, 2)
    tiles[:count, 2:-2, 2:-2, :3], tiles[:count, 2:-2, 2:-2, 3] = pixels, 255
    rows = tiles.reshape(down, across, *tiles.shape[1:]).transpose(0, 2, 1, 3, 4)
    return rows.reshape(down * tiles.shape[1], -1, 4), down, across


def numbers(values, title, fits=True, heads=(), best=None):
    """A small table of numbers with colour; large ones as colour only. What is padding is hatched."""
    values = np.atleast_2d(values)
    fits, digits = np.broadcast_to(fits, values.shape), 2 if np.abs(values).max() >= 0.1 else 3
    if max(values.shape) > NUMBERS:
        alt = f"{title}: {' by '.join(map(str, values.shape))} numbers as colours."
        return f"<div>{say(title)}{picture(tint(values, BLUE, BROWN), alt, 'width:160px')}</div>"
    rows = "".join(f"<th>{html.escape(str(head))}</th>" for head in heads)
    for row, colours in enumerate(tint(values, BLUE, BROWN, strength=0.55)):
        rows += "</tr><tr>"
        for column, colour in enumerate(colours):
            kind = "" if fits[row, column] else "ci-pad"
            kind = "ci-best" if best == (row, column) else kind
            shade = f"rgb({','.join(map(str, colour))})"
            words = number(values[row, column], digits)
            rows += f'<td class="{kind}" style="background:{shade}">{words}</td>'
    return f"<table><caption>{title}</caption><tr>{rows}</tr></table>"


def pooled(pooling, heads):
    """The window of a pooling and its largest value."""
    window = np.atleast_2d(pooling.patch)
    best = np.unravel_index(window.argmax(), window.shape)
    table = numbers(pooling.patch, "window: what it was given", pooling.inside, heads, tuple(map(int, best)))
    largest = f"<span>largest value: <b>{number(pooling.value, 3)}</b></span>"
    return f'<div class="ci-sum">{table}<big>→</big>{largest}</div>'


def summed(working, channel, heads):
    """Patch, kernel and products of one channel, then the sum over all of them."""
    patch, kernel = working.patch[..., channel], working.kernel[..., channel]
    tables = [
        numbers(patch, f"patch, channel {channel + 1}", working.inside, heads),
        numbers(kernel, f"kernel, channel {channel + 1}"),
        numbers(patch * kernel, f"products, sum {signed(working.products[channel], 3)}"),
    ]
    order = np.argsort(-np.abs(working.products), kind="stable")
    sums = [f"{signed(working.products[c], 3)} (ch. {c + 1})" for c in order[:NAMED]]
    if others := len(order[NAMED:]):
        sums.append(f"the {others} others together {signed(working.products[order[NAMED:]].sum(), 3)}")
    normalised = ""
    if working.norm:
        gamma, beta, mean, deviation = (number(value, 3) for value in working.norm)
        formula = f"γ·(x − μ)/σ + β = {gamma}·({number(working.total, 3)} − {mean})/{deviation} + {beta}"
        normalised = f"; batch normalisation: {formula} = <b>{signed(working.normalised, 3)}</b>"
    count = f"all {len(order)} channels" if len(order) > 1 else "the one channel"
    edge = "The white edge" if patch.shape[-1] > NUMBERS else "Hatched"
    padding = "" if working.inside.all() else f" {edge}: zeros of the padding."
    return (
        f'<div class="ci-sum{" ci-wide" * (patch.shape[-1] > 5)}">{"<big>×</big>".join(tables[:2])}'
        f"<big>=</big>{tables[2]}</div>"
        + say(f"Sum of each channel: {', '.join(sums)}.{padding} Every number is rounded.")
        + f'<div class="ci-sum"><span>sum over {count} <b>{signed(working.products.sum(), 3)}</b>, bias '
        f"<b>{signed(working.bias, 3)}</b>, together <b>{signed(working.total, 3)}</b>{normalised}; "
        f"ReLU {'leaves it' if working.normalised > 0 else 'makes it 0'}: <b>{number(working.value, 3)}</b>"
        "</span></div>"
    )


def gates(lstm, now, step, unit):
    """Gates and states of a unit over the steps, before those of all units; their numbers at the step `now`.

    `now` and `unit` count from 0; `step` is what the step is called.
    """
    (steps, units), readings = lstm.cell.shape, []
    x, half = _over_time(now, steps), 3.5 * len(step)
    parts = [_all_units(lstm), path(f"M{x:.1f},24 V{24 + len(GATES) * (ROW + GAP)}", SOFT, 1.4)]
    parts.append(write(min(max(x, START + half), END - half), 16, step, "middle", weight=600))
    parts.append(write(UNIT_COLUMN, 16, f"unit {unit + 1}", "end", weight=600))
    parts.append(path(f"M{UNIT_COLUMN - 44},22 H{UNIT_COLUMN}", UNIT, 2.2))
    for name, top, ends in _gate_rows(lstm):
        values = getattr(lstm, name)
        own, mean = number(values[now, unit]), number(values[now].mean())
        points = _curve(values[:, unit], top, ends)
        parts.append(line(points, UNIT, 2.2, f'data-curve="{name}"'))
        parts.append(rect(x - 3.5, points[now][1] - 3.5, 7, 7, UNIT, CARD, 3.5))
        parts.append(write(UNIT_COLUMN, top + 27, own, "end", weight=600))
        parts.append(write(MEAN_COLUMN, top + 27, mean, "end"))
        readings.append(f"{GATES[name][0]} {own} (mean {mean})")
    cell, most = lstm.cell[:, unit], lstm.most_changing
    low, high = (f"{number(cell[at])} at step {at + 1}" for at in (cell.argmin(), cell.argmax()))
    alt = f"{lstm.title}, unit {unit + 1} of {units}: over {steps} steps its cell state is lowest, {low}, "
    alt += f"and highest, {high}. At {step}: {', '.join(readings)}."
    hint = f"The cell state of unit {most + 1} changes most. An untrained forget gate stands near 0.73."
    return full_width(50 + len(GATES) * (ROW + GAP), alt, parts) + say(hint)


def _over_time(step, steps):
    return START + (END - START) * step / max(steps - 1, 1)


def _curve(values, top, ends):
    """Points of a course over the steps in a row at `top`; a single step goes from end to end."""
    values, (low, high) = np.repeat(values, 2) if len(values) == 1 else values, ends
    down = top + ROW * (high - values) / (high - low)
    return [(_over_time(i, len(values)), y) for i, y in enumerate(down)]


def _gate_rows(lstm):
    """(field, its top in the picture, the ends of its axis); that of c holds the c of all units."""
    reach = np.floor(min(lstm.cell.min(), 0) * 10) / 10, max(np.ceil(lstm.cell.max() * 10), 1) / 10
    return [(name, 32 + i * (ROW + GAP), ends or reach) for i, (name, (*_, ends)) in enumerate(GATES.items())]


@lru_cache(maxsize=8)
def _all_units(lstm):
    """What is the same for every step and unit: the axes, the middle half of the units, their mean."""
    parts = [rect(0, 6, 14, 11, SHADE), write(20, 16, "middle half of all units")]
    parts.append(write(MEAN_COLUMN, 16, "mean", "end"))
    parts.append(path(f"M{MEAN_COLUMN - 36},22 H{MEAN_COLUMN}", INK, 1.4, extra=DASHED))
    for name, top, ends in _gate_rows(lstm):
        values, (title, meaning, _) = getattr(lstm, name), GATES[name]
        parts += [write(0, top + 17, title, weight=600), write(0, top + 35, meaning, fill=SOFT)]
        for end in {*ends, 0}:
            y = _curve(np.array([end]), top, ends)[0][1]
            parts.append(path(f"M{START},{y:.1f} H{END}", LINE, 1))
            if end in ends:
                parts.append(write(START - 6, y + 5, number(end, int(name == "cell")), "end", SOFT))
        low, high = (_curve(np.quantile(values, share, axis=1), top, ends) for share in (0.25, 0.75))
        parts.append(path(through(low + high[::-1]), "none", 0, SHADE, f'data-curve="half {name}"'))
        mean = _curve(values.mean(axis=1), top, ends)
        parts.append(line(mean, INK, 1.4, f'{DASHED} data-curve="mean {name}"'))
    steps = len(lstm.cell)
    every = next(every for every in (1, 5, 10, 20, 50, 100, 1000) if steps <= 12 * every)
    below = 44 + len(GATES) * (ROW + GAP)
    for tick in {1, *range(every, steps - every // 2, every), steps}:
        parts.append(write(_over_time(tick - 1, steps), below, tick, "middle", SOFT))
    return "".join([*parts, write(START - 14, below, "step", "end", SOFT)])


def attended(weights, place, words=()):
    """Green bars over the steps, the current ones outlined; `words` names the steps, if they have names."""
    wide, tall, count = 700, 98, len(weights)
    each, top, best = (wide - 4) / count, float(weights.max()), int(weights.argmax())
    parts = []
    for step, weight in enumerate(weights):
        x, high = 2 + each * step, 62 * float(weight) / top
        parts.append(rect(x + each * 0.08, 80 - high, max(each * 0.84, 0.5), high, ATTENTION))
        if count <= 12 or step == best:
            parts.append(text(min(max(x + each / 2, 14), wide - 14), 74 - high, f"{weight:.2f}"))
    x, span = 2 + each * place[0], each * (place[1] - place[0])
    parts.append(rect(x, 2, max(span, 3), 80, "none", INK, 0, 'stroke-width="1.5"'))
    parts.append(text(2, 94, "step 1", 12, "start", SOFT))
    parts.append(text(wide - 2, 94, f"step {count}", 12, "end", SOFT))
    alt = f"Attention over {count} steps, together 1: the largest weight, {top:.2f}, is at step {best + 1}"
    alt += f", the word '{words[best]}'." if words and words[best] else "."
    return figure(wide, tall, alt, parts) + say(html.escape(alt))
