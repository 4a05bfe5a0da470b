"""Pictures of what goes on inside a network, as HTML and SVG: frames, sentences, maps, gates, sums."""

import html

import numpy as np

from course_utils.labs.core.drawing import (
    ATTENTION,
    BLUE,
    BROWN,
    CNN,
    INK,
    SOFT,
    VERMILLION,
    VIOLET,
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
)

NUMBERS = 7  # the widest kernel that is shown in numbers
NAMED = 12  # channels whose sums are written out
KINDS = {  # field of `Gates` -> what its picture says
    "input": "<b>input gate i</b>: 1 lets the new in, 0 keeps it out",
    "forget": "<b>forget gate f</b>: 1 keeps, 0 erases (untrained: about 0.73)",
    "output": "<b>output gate o</b>: 1 shows the memory, 0 hides it",
    "candidate": "<b>candidate g</b>: what would be new, −1 to 1",
    "cell": "<b>cell state c</b> = f·c + i·g: the memory",
    "hidden": "<b>hidden state h</b> = o·tanh(c): what is handed on",
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
    over = box("patch", *window, tall, wide) if window else ""
    seen = "; outlined: what the selected value sees" if window else ""
    large = picture(grey(frames[now]), f"Frame {now + 1} of {count}{seen}.", "max-width:230px", over)
    strip = picture(
        grey(frames.transpose(1, 0, 2, 3).reshape(tall, count * wide, -1)),
        f"All {count} frames side by side, frame {now + 1} outlined.",
        "margin-top:6px",
        box("now", 0, now, 1, now + 1, 1, count),
    )
    return large + strip * (count > 1)


def sentence(words, now, window):
    """The review: the current word marked, coming words pale, what the selected value sees underlined."""
    parts = []
    for place, word in enumerate(words):
        if word:
            said = html.escape(str(word))
            said = f"<mark>{said}</mark>" if place == now else said
            said = f"<u>{said}</u>" if window and window[1] <= place < window[3] else said
            parts.append(f'<span class="ci-coming">{said}</span>' if place > now else said)
    seen = " Underlined in blue: what the selected value sees." if window else ""
    said = say(f"Marked: this word. Pale: still to come.{seen}")
    return f'<div class="ci-text">{" ".join(parts)}</div>{said}'


def plotted(curves, wide):
    """Points for curves that share their axes, and the labels of the axis upwards."""
    low, top = min(0.0, *(float(curve.min()) for curve in curves)), max(float(c.max()) for c in curves)
    span = max(top - low, 1e-9)
    made = [
        [(30 + wide * i / max(len(c) - 1, 1), 130 - 110 * (v - low) / span) for i, v in enumerate(c)]
        for c in curves
    ]
    return made, [text(26, y, number(v, 1), 12, "end", SOFT) for y, v in ((24, top), (134, low))]


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
    said = f"Hour {now + 1} of {len(volumes)}: {number(volumes[now])} thousand vehicles."
    shaded = " Shaded: what the selected value sees." if window else ""
    drawn = figure(320, 140, f"The traffic so far. {said}", parts)
    return drawn + say(f"{said} Pale: still to come.{shaded}")


def bars(label, shares, words, truth):
    """One bar a class; the likeliest is bold, the true one has a tick and the word."""
    best, tall = int(np.argmax(shares)), 17
    parts = [text(0, 13, label, 12, "start", weight=600)]
    for answer, share in enumerate(shares):
        y, bold = 22 + tall * answer, 700 if answer == best else 400
        true = " ✓ true" * (answer == truth)
        parts.append(text(76, y + 12, words[answer], 12, "end", weight=bold))
        parts.append(rect(80, y + 2, max(55 * float(share), 0.5), 12, INK if answer == best else "#9aa2ad"))
        parts.append(text(84 + 55 * float(share), y + 12, f"{share:.0%}{true}", 12, "start", weight=bold))
    said = f"{label}: the answer is {words[best]} with {shares[best]:.0%}; true is {words[truth]}."
    return figure(212, 28 + tall * len(shares), said, parts)


def course(label, shares, words, truth, now):
    """What a network answers after each frame: a cell a frame, darker where surer, ticked where true."""
    wide, best = min(470 / len(shares), 58), shares.argmax(axis=1)
    parts = [text(0, 12, f"{label} after each frame", 12, "start", weight=600)]
    for step, (answer, row) in enumerate(zip(best, shares, strict=True)):
        x, share = step * wide, float(row[answer])
        # At most 0.6: the words over it stay legible in either theme.
        outline = f'stroke-width="{2.2 if step == now else 0.4}" fill-opacity="{0.6 * share:.2f}"'
        parts.append(rect(x + 1, 19, wide - 2, 20, "#8a9099", INK, 0, outline))
        size = f"{min(11, 1.9 * wide / max(len(words[answer]), 1)):.1f}"
        parts.append(text(x + wide / 2, 33, words[answer], size))
        parts.append(text(x + wide / 2, 51, "✓" if answer == truth else "·", fill=SOFT))
    said = f"{label} after each frame: {', '.join(words[answer] for answer in best)}; true is {words[truth]}."
    return figure(472, 54, said, parts)


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
    said = f"{len(values)} hours to come. Forecast (dashed) and truth are {error:,.0f} vehicles an hour apart"
    drawn = figure(370, 140, f"{label}: {said} on average.", parts)
    return drawn + say(f"{said}{' on average' * (len(values) > 1)}.")


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


def numbers(values, title, fits, heads=(), best=None):
    """A small table of numbers with colour; large ones as colour only. What is padding is hatched."""
    values, fits = np.atleast_2d(values), np.atleast_2d(fits)
    colours, digits = tint(values, BLUE, BROWN, strength=0.55), 2 if np.abs(values).max() >= 0.1 else 3
    if max(values.shape) > NUMBERS:
        said = f"{title}: {' by '.join(map(str, values.shape))} numbers as colours."
        return f"<div>{say(title)}{picture(tint(values, BLUE, BROWN), said, 'width:160px')}</div>"
    rows = "".join(f"<th>{html.escape(str(head))}</th>" for head in heads)
    for row, colour_row in enumerate(colours):
        rows += "</tr><tr>"
        for column, colour in enumerate(colour_row):
            kind = "" if fits[row, column] else "ci-pad"
            kind = "ci-best" if best == (row, column) else kind
            shade = f"rgb({','.join(map(str, colour))})"
            words = number(values[row, column], digits)
            rows += f'<td class="{kind}" style="background:{shade}">{words}</td>'
    return f"<table><caption>{title}</caption><tr>{rows}</tr></table>"


def pooled(one, heads):
    """The window of a pooling and its largest value."""
    window = np.atleast_2d(one.patch)
    best = np.unravel_index(window.argmax(), window.shape)
    table = numbers(one.patch, "window: what it was given", one.inside, heads, tuple(map(int, best)))
    said = f"<span>largest value: <b>{number(one.value, 3)}</b></span>"
    return f'<div class="ci-sum">{table}<big>→</big>{said}</div>'


def summed(one, channel, heads):
    """Patch, kernel and products of one channel, then the sum over all of them."""
    patch, kernel, every = one.patch[..., channel], one.kernel[..., channel], np.ones(one.inside.shape, bool)
    told = f"products, sum {signed(one.products[channel], 3)}"
    tables = [
        numbers(patch, f"patch, channel {channel}", one.inside, heads),
        numbers(kernel, f"kernel, channel {channel}", every),
        numbers(patch * kernel, told, every),
    ]
    order = np.argsort(-np.abs(one.products), kind="stable")
    told = ", ".join(f"{signed(one.products[c], 3)} (ch. {c})" for c in order[:NAMED])
    if len(order) > NAMED:
        told += f", the {len(order) - NAMED} others together {signed(one.products[order[NAMED:]].sum(), 3)}"
    count = f"all {len(order)} channels" if len(order) > 1 else "the one channel"
    edge = "The white edge" if patch.shape[-1] > NUMBERS else "Hatched"
    padding = "" if one.inside.all() else f" {edge}: zeros of the padding."
    return (
        f'<div class="ci-sum{" ci-wide" * (patch.shape[-1] > 5)}">{"<big>×</big>".join(tables[:2])}'
        f"<big>=</big>{tables[2]}</div>"
        + say(f"Sum of each channel: {told}.{padding}")
        + f'<div class="ci-sum"><span>sum over {count} <b>{signed(one.products.sum(), 3)}</b>, bias '
        f"<b>{signed(one.bias, 3)}</b>, together <b>{signed(one.total, 3)}</b>{normalised(one)}; "
        f"ReLU {'leaves it' if one.normalised > 0 else 'makes it 0'}: <b>{number(one.value, 3)}</b>"
        "</span></div>"
    )


def normalised(one):
    """What batch normalisation makes of a sum; empty where there is none."""
    if not one.norm:
        return ""
    gamma, beta, mean, deviation = (number(value, 3) for value in one.norm)
    worked = f"γ·(x − μ)/σ + β = {gamma}·({number(one.total, 3)} − {mean})/{deviation} + {beta}"
    return f"; batch normalisation: {worked} = <b>{signed(one.normalised, 3)}</b>"


def gates(lstm, place, step):
    """Six heat maps of units by steps, a cursor at the step."""
    figures = []
    for name, said in KINDS.items():
        values = getattr(lstm, name).T
        scale = max(1.0, float(np.abs(values).max()))
        units, steps = values.shape
        alt = f"{name} of {lstm.title}: {units} units (down) by {steps} steps, mean {values.mean():.2f}."
        over = box("now", 0, place[0], 1, place[1], 1, steps)
        tall = min(max(70, 2 * units), 110)
        heat = picture(tint(values, VERMILLION, VIOLET, scale), alt, f"height:{tall}px", over)
        most = f" (full colour: ±{scale:.1f})" if name == "cell" else ""
        mean = number(values[:, place[0] : place[1]].mean())
        figures.append(f"<div>{heat}{say(f'{said}{most}; mean here {mean}')}</div>")
    words = f"{units} units from top to bottom, {steps} steps from left to right; the box is at {step}."
    return f'<div class="ci-six">{"".join(figures)}</div>' + say(f"{words} White 0, vermillion 1, violet −1.")


def attended(weights, place, words=()):
    """Green bars over the steps, the current ones outlined; `words` names the steps, if they have names."""
    wide, tall, count = 700, 96, len(weights)
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
    said = f"Attention over {count} steps, together 1: the largest weight, {top:.2f}, is at step {best + 1}"
    said += f", the word '{words[best]}'." if words and words[best] else "."
    return figure(wide, tall, said, parts) + say(html.escape(said))
