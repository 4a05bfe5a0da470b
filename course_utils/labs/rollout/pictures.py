"""What the rollout lab shows: frames over time, errors and the taps of a kernel, as SVG and in words."""

import numpy as np

from course_utils.labs.core.drawing import (
    BAND,
    FULL,
    INK,
    LINE,
    SOFT,
    VERMILLION,
    full_width,
    grey,
    image,
    number,
    number_table,
    path,
    rect,
    sentences,
    svg,
    through,
    tint,
    uri,
    write,
)
from course_utils.labs.rollout.network import COPY, FREE, ONE, SHIFT, TRAINED

LEFT, MOST, GAP = 106, 56, 2  # where frames begin, how wide one is at most, pixels between them
CHART, CHART_LEFT, CHART_RIGHT, TABLE = 118, 46, 318, 452
TAPS = 80  # the side of the picture of a kernel
LSTM = "var(--cl-lstm)"  # lighter in the dark theme
DASHED, DOTTED = 'stroke-dasharray="6 3"', 'stroke-dasharray="1.5 3"'
LOOKS = {  # name of a line -> colour, width, dashes
    ONE: (LSTM, 1.4, ""),
    FREE: (LSTM, 3, ""),
    TRAINED: (LSTM, 1.6, DASHED),
    SHIFT: (SOFT, 1.6, DASHED),
    COPY: (SOFT, 1.8, DOTTED),
}


# ---------------------------------------------------------------------------------------------------
# In words


def plural(count, what):
    return f"{count} {what}{'s' * (count != 1)}"


def error(value):
    """A mean squared error in at most five letters."""
    value = float(value)
    if value < 0.9995:
        return number(value, 3).lstrip("0")
    return number(value, 1) if value < 999 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


def pixels(far):
    return "none" if np.isnan(far) else number(far, 1)


def percent(share):
    return "none" if np.isnan(share) else f"{share:.0%}" if share < 10 else "> 999%"


def places(seen, frames):
    """The middle of the ink of each frame, as (row, column)."""
    middles = seen.ink(frames)[1]
    return "; ".join("no ink" if np.isnan(r) else f"({number(r, 1)}, {number(c, 1)})" for r, c in middles)


def words(seen):
    """The frames, for those who cannot see the picture."""
    parts = [
        f"{seen.name}: {seen.scene}",
        f"{seen.given} frames given, {len(seen) - seen.given} to come; frame {seen.step} is marked",
        f"middle of the ink (row, column) in frames 1 to {len(seen)}: {places(seen, seen.truth)}",
    ]
    parts += [
        f"{name}, from frame {first}: {places(seen, made)}" for name, (first, made) in seen.lines.items()
    ]
    if seen.edit:
        parts.append(f"recurrent kernel: {seen.edit}")
    if seen.states is not None:
        ranges = [f"{number(s.min())} to {number(s.max())}" for s in seen.states]
        parts.append(f"{seen.held} after each frame, least to greatest: {'; '.join(ranges)}")
    return sentences(parts)


def outcome(seen):
    """The errors, for those who cannot see the picture."""
    parts = ["mean squared error of each frame"]
    for name, (first, _) in seen.lines.items():
        parts.append(f"{name}, from frame {first}: {'; '.join(map(error, seen.errors(name)))}")
    rows = [f"{name} error {e}, off by {far} pixels, ink {ink}" for name, (e, far, ink) in table(seen)]
    return sentences([*parts, f"at frame {seen.step}: {', '.join(rows)}"])


def table(seen):
    """The numbers of the frame that is looked at: (name, (error, pixels off, share of ink)) of each line."""
    for name in seen.lines:
        found = seen.at(name, seen.step)
        yield name, [form(value) for form, value in zip((error, pixels, percent), found)] if found else "–––"


def notes(seen):
    """(level, heading, sentence) of what there is to see."""
    yield "hint", "● What you see.", _seen_there(seen)
    if seen.edit:
        now, before = (seen.errors(name).mean() for name in (FREE, TRAINED))
        told = f"Recurrent kernel: {seen.edit}. Mean error of the frames to come: {error(now)}"
        yield "hint", "● The edit.", f"{told}, as trained {error(before)}."
    better = [name for name in (SHIFT, COPY) if seen.errors(name).mean() < seen.errors(FREE).mean()]
    if better:
        told = f"Over the frames to come, {' and '.join(better)} {'have' if better[1:] else 'has'}"
        yield "warning", "▲ No gain here.", f"{told} a smaller mean error than the network."
    if seen.ahead:
        told = "A prediction of this network depends on frames after it, even on its own target. Its row "
        yield "warning", "▲ It looks ahead.", f"{told}“{ONE}” is no prediction; free running, it cannot look."
    if seen.mixes:
        told = "Beside its layer “memory”, another layer mixes frames. It cannot be read frame by frame, so "
        yield "warning", "▲ Memory not shown.", f"{told}its memory is not shown and cannot be changed."


def _seen_there(seen):
    """How far off the network is at the frame that is looked at, and from where on."""
    step, free, single = seen.step, seen.at(FREE, seen.step), seen.at(ONE, seen.step)
    if free is None:
        told = f"Frame {step} is one of the {seen.given} given ones"
    elif np.isnan(free[1]):
        lacks = "truth" if np.isnan(free[2]) else "free-running prediction"
        told = f"The {lacks} has no ink at frame {step}"
    else:
        told = f"At frame {step}, {plural(step - seen.given, 'frame')} after the last given one, the "
        told += f"free-running prediction is {off(free[1])} and has {percent(free[2])} of the true ink"
    if single is not None and not np.isnan(single[1]):
        told += f"; one step ahead of true frames it is {off(single[1])}"
    drift = "No free-running prediction is more than one pixel off"
    if seen.drift is not None:
        drift = (
            f"It begins to drift at frame {seen.drift}: there it is more than one pixel off, or without ink"
        )
    both, bar = " of both digits together" * (seen.digits > 1), ", the bar left out" * bool(seen.hidden)
    return f"{told}. {drift}. Measured is the middle of the ink{both}{bar}."


def off(far):
    return f"off by {number(far, 1)} pixel{'s' * (number(far, 1) != '1.0')}"


# ---------------------------------------------------------------------------------------------------
# As a picture


def draw(seen):
    """The rows of frames, and the errors below them, each as SVG."""
    film, tall = _film(seen)
    chart, deep = _errors(seen)
    return full_width(tall, words(seen), film), full_width(deep, outcome(seen), chart)


def _film(seen):
    count = len(seen)
    cell = min(MOST, (FULL - 4 - LEFT) / count)
    side = cell * seen.truth.shape[1] / (seen.truth.shape[1] + GAP)
    x = lambda frame: LEFT + (frame - 1) * cell  # noqa: E731
    rows = [("truth", 1, seen.truth)]
    rows += [(name, *seen.lines[name]) for name in (ONE, FREE, SHIFT, COPY)]
    y, drawn = 54, [write(0, 14, f"{_cut(seen.name)} · {seen.scene}", weight=600)]
    ends = {"given": (1, seen.given), "to come": (seen.given + 1, count)}
    for word, (first, last) in ends.items():
        drawn.append(path(f"M{x(first):.1f},27 v-4 H{x(last) + side:.1f} v4", SOFT, 1))
        if (last - first + 1) * cell > 8 * len(word):
            drawn.append(write((x(first) + x(last) + side) / 2, 36, word, "middle", SOFT))
    for frame in range(1, count + 1):
        bold = (INK, 600) if frame == seen.step else (SOFT,)
        drawn.append(write(x(frame) + side / 2, 51, frame, "middle", *bold))
    drawn.append(write(0, 51, "frame", fill=SOFT))
    for name, first, frames in rows:
        drawn += [write(0, y + side / 2 + 4.5, name, weight=600 if name == FREE else 400)]
        drawn.append(_strip(x(first), y, cell, side, frames, lambda row: grey(row[..., None])))
        y += cell
        if name == FREE:
            y += 12
            if first > 2 or count > 3:
                drawn.append(write(0, y, "its error", fill=SOFT))
            for k, value in enumerate(seen.errors(FREE)):
                bold = (INK, 600) if first + k == seen.step else (SOFT,)
                drawn.append(write(x(first + k) + side / 2, y, error(value), "middle", *bold))
            y += 6
    if seen.states is not None:
        scale = max(float(np.abs(seen.states).max()), 1e-6)
        letters, top = seen.held.split(", "), y + side / 2 + 4.5
        drawn += [write(0, top - 8 + 16 * line, word) for line, word in enumerate(letters)]
        tinted = lambda row: tint(row, VERMILLION, scale=scale)  # noqa: E731
        drawn.append(_strip(x(1), y, cell, side, seen.states, tinted))
        y += cell
        drawn.append(write(LEFT, y + 14, _legend(scale), fill=SOFT))
    marked = rect(x(seen.step) - 2.5, 40, side + 5, y - 38, BAND, SOFT, 3)
    cut = x(seen.given + 1) - (cell - side) / 2
    drawn.append(path(f"M{cut:.1f},54 V{y}", SOFT, 1.2, extra=DASHED))
    return [marked, *drawn], y + (20 if seen.states is not None else 4)


def _legend(scale):
    most = number(scale)
    return f"vermillion: above 0, to {most} · white: 0 · brown: below 0, to {number(-scale)}"


def _strip(x, y, cell, side, frames, colour):
    """Frames (time, size, size) side by side as one image, with gaps between them, and a rim around each."""
    count, size, _ = frames.shape
    spread = np.pad(frames, ((0, 0), (0, 0), (0, GAP))).transpose(1, 0, 2).reshape(size, -1)
    alpha = np.tile(np.repeat([255, 0], [size, GAP]), count).astype("uint8")
    pixels = np.dstack([colour(spread), np.broadcast_to(alpha, spread.shape)])
    rims = (f"M{x + k * cell:.2f},{y:.2f} h{side:.2f} v{side:.2f} h{-side:.2f} z" for k in range(count))
    return image(x, y, count * cell, side, uri(pixels)) + path("".join(rims), LINE, 1)


def _cut(name):
    return name if len(name) <= 30 else f"{name[:29]}…"


def _errors(seen):
    top, base = 26, 26 + CHART
    most = max(float(max(seen.errors(name).max() for name in seen.lines)), 1e-3)
    power = 10.0 ** np.floor(np.log10(most / 2))
    tick = next(n * power for n in (1, 2, 5, 10) if most <= 2 * n * power * 1.0001)
    wide = (CHART_RIGHT - CHART_LEFT) / max(len(seen) - 1, 1)
    at = lambda frame: CHART_LEFT + (frame - 1.5) * wide  # noqa: E731
    up = lambda value: base - CHART * np.asarray(value) / (2 * tick)  # noqa: E731
    drawn = [write(0, 14, "Mean squared error of each frame", weight=600)]
    if seen.step > 1:
        drawn.insert(0, rect(at(seen.step) - wide / 2, top, wide, CHART + 20, BAND))
    for value in (0, tick, 2 * tick):
        drawn.append(path(f"M{CHART_LEFT},{up(value):.1f} H{CHART_RIGHT}", LINE, 1))
        drawn.append(write(CHART_LEFT - 6, up(value) + 4.5, error(value) if value else "0", "end", SOFT))
    cut = at(seen.given + 1) - wide / 2
    drawn.append(path(f"M{cut:.1f},{top} V{base}", SOFT, 1.2, extra=DASHED))
    for frame in range(2, len(seen) + 1):
        bold = (INK, 600) if frame == seen.step else (SOFT,)
        if frame == seen.step or len(seen) <= 12 or (frame % 2 == 0 and abs(frame - seen.step) > 1):
            drawn.append(write(at(frame), base + 16, frame, "middle", *bold))
    ends = {}
    for name, (first, _) in reversed(seen.lines.items()):
        colour, width, dashes = LOOKS[name]
        points = [(at(first + k), up(value)) for k, value in enumerate(seen.errors(name))]
        points = (
            points
            if len(points) > 1
            else [(points[0][0] - 4, points[0][1]), (points[0][0] + 4, points[0][1])]
        )
        drawn.append(path(through(points), colour, width, extra=dashes))
        ends[name] = points[-1]
    drawn += _names(ends, base)
    rows = [*table(seen)]
    numbers, last = number_table(TABLE, 14, FULL - TABLE, rows, ("error", "off, px", "ink"))
    drawn += [*numbers, write(TABLE + 90, 14, f"frame {seen.step}", fill=SOFT)]
    return drawn, max(base + 22, last + 8)


def _names(ends, base):
    """The name of each line beside its end (x, y), none on another one."""
    names = sorted(ends, key=lambda name: ends[name][1])
    apart = 16 * np.arange(len(names))
    heights = np.clip([ends[name][1] for name in names], 30, base)
    heights = np.minimum(np.maximum.accumulate(heights - apart) + apart, base - apart[::-1])
    for name, y in zip(names, heights):
        (left, at), (colour, width, dashes) = ends[name], LOOKS[name]
        yield path(
            f"M{left + 3:.1f},{at:.1f} L{CHART_RIGHT + 20},{y:.1f}", colour, min(width, 1.5), extra=dashes
        )
        yield write(CHART_RIGHT + 24, y + 4.5, name, weight=600 if name == FREE else 400)


def taps(kernel, told):
    """The mean size of the weights at each tap of a kernel (rows, columns, ...), as SVG."""
    sizes = np.abs(kernel).reshape(*kernel.shape[:2], -1).mean(2)
    rows, columns = sizes.shape
    cell, most = TAPS / max(rows, columns), max(float(sizes.max()), 1e-9)
    drawn = [image(0, 0, columns * cell, rows * cell, uri(tint(sizes, VERMILLION, scale=most)))]
    drawn.append(
        path(f"M0.5,0.5 h{columns * cell - 1:.1f} v{rows * cell - 1:.1f} h{1 - columns * cell:.1f} z", LINE)
    )
    listed = "; ".join(" ".join(number(size, 3) for size in row) for row in sizes)
    label = f"Mean size of the weights at each tap, {told}, row by row: {listed}."
    return svg(round(columns * cell), rows * cell, label, drawn, ' style="display:block"')
