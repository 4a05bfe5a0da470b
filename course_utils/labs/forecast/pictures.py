"""What the forecast lab shows: the past with the attention on it, the hours to come, as SVG and in words."""

import math

import numpy as np

from course_utils.labs.core.drawing import (
    ATTENTION,
    BAND,
    CARD,
    FULL,
    INK,
    LINE,
    SOFT,
    full_width,
    number,
    path,
    rect,
    sentences,
    through,
    write,
)
from course_utils.labs.forecast.network import LAST_WEEK, WEEK, YESTERDAY

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LSTM = "var(--cl-lstm)"  # lighter in the dark theme
TINT = f"color-mix(in srgb, {LSTM} 22%, transparent)"
START, END, NAMES = 50, 752, 600  # where the past begins and ends, and where the hours to come do
PAST, AHEAD, WEIGHTS = 92, 168, 44  # heights
INTERVAL = "interval 0.1 to 0.9"
DASHED, DOTTED = 'stroke-dasharray="6 3"', 'stroke-dasharray="1.5 3"'
LOOKS = {  # name of a line -> colour, width, dashes
    "what came": (INK, 1.8, ""),
    "forecast": (LSTM, 3, ""),
    "without the clamp": (LSTM, 1.3, DASHED),
    LAST_WEEK: (SOFT, 1.5, DASHED),
    YESTERDAY: (SOFT, 1.8, DOTTED),
    INTERVAL: (LSTM, 0.8, ""),
}
BASELINES = (LAST_WEEK, YESTERDAY)


# ---------------------------------------------------------------------------------------------------
# In words


def day(time):
    """Tue 4 Sep."""
    date = time.astype("datetime64[D]").item()
    return f"{DAYS[date.weekday()]} {date.day} {MONTHS[date.month - 1]}"


def clock(time):
    """15:00."""
    return f"{time.astype(int) % 24:02d}:00"


def when(time):
    """Tue 4 Sep, 15:00."""
    return f"{day(time)}, {clock(time)}"


def vehicles(value, sign=""):
    """Thousands of vehicles as vehicles."""
    return f"{round(1000 * float(value)):{sign},d}".replace("-", "−")


def plural(count, what):
    return f"{count} {what}{'s' * (count != 1)}"


def heaviest(seen):
    """The step that the chosen hour attends to most, in words."""
    step = int(seen.attention.argmax())
    first, last = (ago + seen.hour - 1 for ago in seen.covers(step))
    begin, end = (seen.time(seen.hour - ago) for ago in (first, last - 1))
    ago = f"{first}" if first == last else f"{first} to {last}"
    return f"{when(begin)} to {clock(end)}, {ago} hours before that hour"


def clamp(seen):
    """What is clamped: 'Tue 28 Aug, 15:00: 0 instead of 4,250'."""
    real = vehicles(seen.volume[-seen.ago])
    return f"{when(seen.time(1 - seen.ago))}: {vehicles(seen.clamp)} instead of {real}"


def words(seen):
    """The past and the attention, for those who cannot see the picture."""
    parts = [
        f"{seen.name}, forecast from {when(seen.start)}",
        f"{seen.window} of {seen.hours} past hours handed to the network",
    ]
    if seen.ago:
        parts.append(f"clamped {plural(seen.ago, 'hour')} before, {clamp(seen)}")
    times = [seen.time(1 - ago) for ago in range(seen.hours, 0, -1)]
    by_day = {}
    for time, volume in zip(times, seen.volume):
        by_day.setdefault(day(time), []).append(volume)
    ranges = [f"{name} {vehicles(min(one))} to {vehicles(max(one))}" for name, one in by_day.items()]
    parts.append(f"vehicles per hour by day: {'; '.join(ranges)}")
    if seen.weights is None:
        return sentences([*parts, f"hour to come {seen.hour}: this network has no attention"])
    order = np.argsort(-seen.attention, kind="stable")[:4]
    some = [f"{when(seen.time(1 - seen.covers(k)[0]))} {number(seen.attention[k], 3)}" for k in order]
    hour = f"attention of hour {seen.hour} over {plural(len(seen.attention), 'step')}"
    return sentences([*parts, f"{hour}, heaviest: {heaviest(seen)}", f"steps by weight: {', '.join(some)}"])


def outcome(seen):
    """The hours to come and the errors, for those who cannot see the picture."""
    parts = [f"{plural(seen.horizon, 'hour')} to come from {when(seen.start)}, vehicles per hour"]
    for name, values in {"what came": seen.came, **seen.lines}.items():
        parts.append(f"{name}: {'; '.join(map(vehicles, values))}")
    if seen.interval is not None:
        spans = [f"{vehicles(low)} to {vehicles(high)}" for low, high in seen.interval.T]
        parts.append(f"interval: {'; '.join(spans)}")
    for title, rows in tables(seen):
        parts.append(f"{title}: {', '.join(f'{name} {value}' for name, value, _ in rows)}")
    return sentences(parts)


def tables(seen):
    """The numbers, in two tables: (title, rows), each row (label, number, whether it alone is the least)."""
    told = [vehicles(error) for error in seen.errors.values()]
    least = vehicles(min(seen.errors.values()))
    alone = told.count(least) == 1
    errors = [(name, value, alone and value == least) for name, value in zip(seen.errors, told)]
    yield f"Mean error over {plural(seen.horizon, 'hour')}, vehicles per hour", errors
    at = seen.hour - 1
    rows = [("what came", vehicles(seen.came[at]), False)]
    rows.append(("forecast", vehicles(seen.lines["forecast"][at]), False))
    if seen.interval is not None:
        low, high = seen.interval[:, at]
        rows.append((INTERVAL, f"{vehicles(low)} to {vehicles(high)}", False))
        share = f"{seen.within} of {seen.horizon}, {seen.within / seen.horizon:.0%}"
        rows.append(("hours within the interval", share, False))
    yield f"Hour {seen.hour}: {when(seen.time(seen.hour))}", rows


def notes(seen):
    """(level, heading, sentence) of what there is to see."""
    errors = {name: error for name, error in seen.errors.items() if name in BASELINES}
    compared = ", ".join(f"{name} by {vehicles(error)}" for name, error in errors.items())
    off = f"the forecast is off by {vehicles(seen.errors['forecast'])} vehicles per hour on average"
    told = f"Over {plural(seen.horizon, 'hour')} {off}; {compared}."
    if seen.interval is not None:
        told += f" Hours within the interval: {seen.within} of {seen.horizon}; it is meant to hold 8 of 10."
    yield "hint", "● What you see.", told
    if seen.ago:
        yield _clamp_note(seen)
    better = [name for name, error in errors.items() if error < seen.errors["forecast"]]
    if better:
        told = f"In this window {' and '.join(better)} beat{'s' * (len(better) == 1)} the network."
        yield "warning", "▲ No gain here.", told
    if seen.window < seen.hours:
        told = f"The network was trained on {seen.hours} past hours and gets {seen.window} here."
        if seen.window < WEEK <= seen.hours:
            told += " The same hour of last week is out of its sight."
        yield "warning", "▲ Shorter past.", told
    if seen.crossing:
        told = (
            f"At {plural(len(seen.crossing), 'hour')}, first at hour {seen.crossing[0]}, a higher quantile is"
        )
        told += " below a lower one. Nothing in the network keeps them in order."
        yield "warning", "▲ Quantiles cross.", told


def _clamp_note(seen):
    """What the clamp does, as a note."""
    if not seen.meddled:
        told = f"{clamp(seen)}. That changes nothing: the network gets only {seen.window} hours."
        return "warning", "▲ Clamped out of sight.", told
    hour, *forecasts = seen.change
    before, after = (round(float(value), 3) for value in forecasts)
    told = f"Hour {hour} ({when(seen.time(hour))}) changes most, by {vehicles(after - before, '+')}: "
    told += f"{vehicles(before)} before, {vehicles(after)} after."
    if before == after:
        told = "No hour to come changes by as much as one vehicle."
    return "hint", "● The clamp.", f"{clamp(seen)}. {told}"


# ---------------------------------------------------------------------------------------------------
# As a picture


def draw(seen):
    """The past and the hours to come, each as SVG."""
    past, tall = _past(seen)
    ahead, deep = _ahead(seen)
    return full_width(tall, words(seen), past), full_width(deep, outcome(seen), ahead)


def _scale(values, top, tall, end):
    """From a volume to its height in the picture, and the lines and numbers of the scale."""
    low, high = min(0.0, float(np.min(values))), max(1e-3, float(np.max(values)))
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(n * power for n in (1, 2, 5, 10) if high - low <= 4.0001 * n * power)
    ticks = step * np.arange(math.floor(low / step), math.ceil(high / step - 1e-6) + 1)
    up = lambda value: top + tall * (ticks[-1] - np.asarray(value)) / (ticks[-1] - ticks[0])  # noqa: E731
    drawn = [path(f"M{START},{up(tick):.1f} H{end}", LINE, 1) for tick in ticks]
    drawn += [
        write(START - 7, up(tick) + 4.5, vehicles(tick) if high < 100 else f"{1000 * tick:.1g}", "end", SOFT)
        for tick in ticks
    ]
    return up, drawn


def _past(seen):
    cell = (END - START) / seen.hours
    along = lambda ago: END - ago * cell  # noqa: E731
    top, base = 26, 26 + PAST
    shown = [*seen.volume, seen.clamp] if seen.ago else seen.volume
    up, drawn = _scale(shown, top, PAST, END)
    drawn = [write(0, 14, f"The past {seen.hours} hours, vehicles per hour", weight=600), *drawn]
    midnights = [ago for ago in range(seen.hours - 1, 0, -1) if clock(seen.time(1 - ago)) == "00:00"]
    for ago in midnights:
        drawn.append(path(f"M{along(ago):.1f},{top} V{base + 18}", LINE, 1.4))
    for ago, end in zip([seen.hours, *midnights], [*midnights, 0]):
        if (ago - end) * cell >= 76:
            x, name = along((ago + end) / 2), day(seen.time(1 - ago))
            drawn.append(write(x, base + 15, name, "middle", SOFT))
    points = [(along(ago - 0.5), up(volume)) for ago, volume in zip(range(seen.hours, 0, -1), seen.volume)]
    cut = seen.hours - seen.window
    if cut:
        wide = along(seen.window) - START
        drawn.append(rect(START, top, wide, PAST, BAND))
        drawn.append(path(through(points[: cut + 1]), SOFT, 1.2))
        drawn.append(write(START + wide / 2, top + 12, "not handed over", "middle", INK))
    drawn.append(path(through(points[cut:]), INK, 1.8))
    if seen.ago:
        drawn += _clamped(seen, *points[-seen.ago], up(seen.clamp))
    more, height = _attention(seen, along, base + 40)
    return [*drawn, *more], height


def _clamped(seen, x, real, set_to):
    """The clamped hour: a ring where it was, a diamond where it is, and what is said of it."""
    label = f"clamped: {clamp(seen)}"
    yield path(f"M{x:.1f},{real:.1f} V{set_to:.1f}", LSTM, 1.6)
    yield path(f"M{x - 4:.1f},{real:.1f} a4,4 0 1 0 8,0 a4,4 0 1 0 -8,0", INK, 1.4, CARD)
    yield _diamond(x, set_to)
    yield _diamond(FULL - 8 - 7.1 * len(label), 9.5)
    yield write(FULL - 2, 14, label, "end")


def _diamond(x, y, half=5):
    return path(f"M{x:.1f},{y - half:.1f} l{half},{half} l{-half},{half} l{-half},{-half} z", INK, 1, LSTM)


def _attention(seen, along, top):
    """The weights of the chosen hour over the steps, under the past; what is drawn, and the height."""
    hour = f"hour {seen.hour} ({when(seen.time(seen.hour))})"
    if seen.weights is None:
        return [write(0, top, f"This network has no attention to show for {hour}.", fill=SOFT)], top + 6
    weights, base = seen.attention, top + 30 + WEIGHTS
    steps, each = plural(len(weights), "step"), plural(seen.per_step, "hour")
    most = float(weights.max())
    drawn = [
        write(0, top, f"Attention of {hour}", weight=600),
        write(FULL - 2, top, f"over {steps} of {each}; dashed: even weights", "end", SOFT),
        write(0, top + 18, f"Heaviest: {heaviest(seen)}"),
        path(f"M{START},{base} H{END} M{START},{base - WEIGHTS} H{END}", LINE, 1),
        write(START - 7, base - WEIGHTS + 9, number(most, 3), "end", SOFT),
        write(START - 7, base + 3, "0", "end", SOFT),
    ]
    for step, weight in enumerate(weights):
        first, last = seen.covers(step)
        x, wide = along(first), along(last - 1) - along(first)
        tall = max(weight / most * WEIGHTS, 0.6)
        drawn.append(rect(x + 0.8, base - tall, max(wide - 1.6, 0.8), tall, ATTENTION))
    even = base - WEIGHTS / most / len(weights)
    drawn.append(path(f"M{along(seen.window):.1f},{even:.1f} H{END}", INK, 1.2, extra=DASHED))
    x = along(np.mean(seen.covers(int(weights.argmax()))) - 0.5)
    drawn.append(path(f"M{x - 5:.1f},{base + 11} h10 l-5,-8 Z", INK, 0.8, INK))
    return drawn, base + 14


def _ahead(seen):
    ahead, top, base = len(seen.truth), 26, 26 + AHEAD
    cell = (NAMES - START) / ahead
    lines = {**seen.lines, "what came": seen.came}
    lines["forecast"] = lines.pop("forecast")  # on top of the others
    interval = [] if seen.interval is None else [*seen.interval]
    up, scale = _scale(np.concatenate([seen.volume, *lines.values(), *interval]), top, AHEAD, NAMES)
    at = START + (np.arange(seen.horizon) + 0.5) * cell
    chosen = rect(START + (seen.hour - 1) * cell, top, cell, AHEAD + 20, BAND)
    title = f"The hours to come from {when(seen.start)} · {_cut(seen.name)}"
    drawn = [chosen, write(0, 14, title, weight=600), *scale, *_time_axis(seen, cell, top, base)]
    if interval:
        low, high = (_points(at, up(side), cell) for side in interval)
        drawn.append(path(f"{through([*low, *high[::-1]])} Z", LSTM, 0.8, TINT))
    ends = {INTERVAL: high[-1]} if interval else {}
    for name, values in lines.items():
        colour, width, dashes = LOOKS[name]
        points = _points(at, up(values), cell)
        drawn.append(path(through(points), colour, width, extra=dashes))
        ends[name] = points[-1]
    drawn += [_dot(*point) for point in zip(at, up(lines["what came"]))]
    drawn += _labels(ends, base - 26 * (seen.horizon < ahead))
    deep = base + 62
    for (heading, rows), x in zip(tables(seen), (0, 396)):
        drawn += _table(x, base + 62, 364, heading, rows)
        deep = max(deep, base + 62 + 22 * len(rows))
    return drawn, deep + 8


def _cut(name):
    return name if len(name) <= 40 else f"{name[:39]}…"


def _points(at, heights, cell):
    """The points of a line; a single one becomes a short line."""
    if len(at) == 1:
        return [(at[0] - 0.4 * cell, heights[0]), (at[0] + 0.4 * cell, heights[0])]
    return [*zip(at, heights)]


def _dot(x, y):
    return path(f"M{x - 2.4:.1f},{y:.1f} a2.4,2.4 0 1 0 4.8,0 a2.4,2.4 0 1 0 -4.8,0", INK, 1, INK)


def _time_axis(seen, cell, top, base):
    """Hours by number and by the clock, and the day where one begins."""
    yield write(0, base + 16, "hour", fill=SOFT)
    every = next(n for n in (1, 2, 4, 8, 16, 1000) if n * cell >= 20)
    apart = next(n for n in (3, 6, 12, 24, 1000) if n * cell >= 62)
    for hour in range(1, len(seen.truth) + 1):
        x, time = START + (hour - 0.5) * cell, seen.time(hour)
        if hour == seen.hour or (hour % every == 0 and abs(hour - seen.hour) * cell >= 20):
            yield write(x, base + 16, hour, "middle", *((INK, 600) if hour == seen.hour else (SOFT,)))
        if clock(time) == "00:00":
            yield path(f"M{x - cell / 2:.1f},{top} V{base + 20}", LINE, 1.4)
        if time.astype(int) % apart == 0 and x >= START + 20:
            yield write(x, base + 34, day(time) if clock(time) == "00:00" else clock(time), "middle", SOFT)
    end = START + seen.horizon * cell
    if seen.horizon < len(seen.truth):
        yield path(f"M{end:.1f},{top} V{base}", SOFT, 1.4)
        yield write(end + 6, base - 5, "← horizon", fill=SOFT)


def _labels(ends, base):
    """The name of each line beside its end (x, y), none on another one."""
    x, names = max(x for x, _ in ends.values()), sorted(ends, key=lambda name: ends[name][1])
    apart = 16 * np.arange(len(names))
    heights = np.clip([ends[name][1] for name in names], 30, base)
    heights = np.minimum(np.maximum.accumulate(heights - apart) + apart, base - apart[::-1])
    for name, y in zip(names, heights):
        (left, at), (colour, width, dashes) = ends[name], LOOKS[name]
        yield path(f"M{left + 4:.1f},{at:.1f} L{x + 22:.1f},{y:.1f}", colour, min(width, 1.5), extra=dashes)
        yield write(x + 26, y + 4.5, name, weight=600 if name in ("forecast", "what came") else 400)


def _table(x, y, wide, heading, rows):
    yield write(x, y, heading, weight=600)
    for name, value, best in rows:
        y += 22
        yield path(f"M{x},{y - 16} h{wide}", LINE, 1)
        yield write(x, y, name)
        if best:
            yield write(x + wide - 80, y, "least", "end", SOFT)
        yield write(x + wide - 2, y, value, "end", weight=600)
