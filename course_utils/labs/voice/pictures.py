"""The picture of the voice lab: sound, spectrogram, answers and units over one time axis."""

import html

import numpy as np

from course_utils.labs.core import drawing as d
from course_utils.labs.voice.reading import CHUNK, RATE, shares

LEFT, RIGHT = 92, 752  # of what has a time axis, out of `drawing.FULL`
SOUND, IMAGE, CURVE, GAP = 54, 92, 62, 9
VIRIDIS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], float)


def colours(values):
    """Bytes (..., 3) for numbers from 0 to 1, dark to light."""
    at = np.asarray(values, float).clip(0, 1) * (len(VIRIDIS) - 1)
    low = np.minimum(at.astype(int), len(VIRIDIS) - 2)
    return (VIRIDIS[low] + (at - low)[..., None] * (VIRIDIS[low + 1] - VIRIDIS[low])).astype("uint8")


def across(chunk, count):
    """Where a chunk begins, from left to right."""
    return LEFT + (RIGHT - LEFT) * chunk / count


def runs(says):
    """(first chunk, one after the last) of each stretch in which it says speech."""
    turns = np.flatnonzero(np.diff(np.r_[0, np.asarray(says, int), 0]))
    return list(zip(turns[::2].tolist(), turns[1::2].tolist()))


def bars(says, y, tall, fill, count, extra=""):
    return [
        d.rect(across(a, count), y, across(b, count) - across(a, count), tall, fill, "none", 1, extra)
        for a, b in runs(says)
    ]


def curve(values, y, low, high, line):
    """Steps, one a chunk, in a row that begins at y."""
    count, points = len(values), []
    heights = y + CURVE - CURVE * ((np.asarray(values) - low) / (high - low)).clip(0, 1)
    for n, height in enumerate(heights):
        points += [(across(n, count), height), (across(n + 1, count), height)]
    return d.path(d.through(points), line, 1.5)


def label(y, words, more=""):
    said = [d.write(LEFT - 8, y, words, "end")]
    return said + ([d.write(LEFT - 8, y + 15, more, "end", d.SOFT)] if more else [])


def waveform(samples, y):
    columns = np.array_split(samples, 330)
    high = max(float(np.abs(samples).max()), 1e-6)
    low, top = ([each(part) / high for part in columns] for each in (np.min, np.max))
    places = [LEFT + (RIGHT - LEFT) * (n + 0.5) / len(columns) for n in range(len(columns))]
    middle = y + SOUND / 2
    points = "".join(
        f"M{x:.1f},{middle - a * SOUND / 2:.1f} V{middle - b * SOUND / 2 + 0.6:.1f}"
        for x, a, b in zip(places, top, low)
    )
    return d.path(points, d.INK, 1.2)


def draw(heard):
    """The SVG of all rows, and the table below it."""
    scene, count = heard.scene, len(heard.answers)
    y, parts = 16, []
    if scene.spoken is not None:
        parts += [*bars(scene.spoken, y - 8, 5, d.INK, count), *label(y, "speech")]
    y += 6
    parts += [waveform(scene.samples, y), *label(y + SOUND / 2, "sound")]
    y += SOUND + GAP
    parts.append(d.image(LEFT, y, RIGHT - LEFT, IMAGE, d.uri(colours(scene.spectrogram))))
    parts += [*label(y + 12, "8 kHz"), *label(y + IMAGE, "0")]
    y += IMAGE + GAP
    rows = {"answer": (heard.answers, heard.threshold, heard.says)} | heard.others
    for name, (values, threshold, says) in rows.items():
        at = y + CURVE * (1 - threshold)
        line = "var(--cl-lstm)" if name == "answer" else "var(--cl-other)"
        parts += bars(says, y, CURVE, d.BAND, count)
        parts += [
            curve(values, y, 0, 1, line),
            d.path(f"M{LEFT},{at:.1f} H{RIGHT}", d.SOFT, 1, extra='stroke-dasharray="5 4"'),
        ]
        parts += label(y + CURVE / 2, name, "– – threshold" if name == "answer" else "")
        y += CURVE + GAP
    for unit in heard.units:
        parts += [d.path(f"M{LEFT},{y + CURVE / 2} H{RIGHT}", d.LINE, 1)]
        parts += [
            curve(heard.hidden[:, unit], y, -1, 1, "var(--cl-lstm)"),
            *label(y + CURVE / 2, f"unit {unit}", "−1 to 1"),
        ]
        y += CURVE + GAP
    if heard.reset and heard.reset < count:
        x = across(heard.reset, count)
        parts += [
            d.path(f"M{x:.1f},16 V{y}", d.INK, 1.6, extra='stroke-dasharray="2 3"'),
            d.write(x + 4, 12, "state emptied"),
        ]
    first, last = scene.silence
    if last > first:
        x, wide = across(first, count), across(last, count) - across(first, count)
        parts.append(d.rect(x, 16, wide, y - 16, "none", d.SOFT, 2, 'stroke-dasharray="4 3"'))
    lasts = count * CHUNK / RATE
    apart = next(seconds for seconds in (1, 2, 5, 10) if lasts / seconds <= 12)
    for second in range(0, int(lasts) + 1, apart):
        x = LEFT + (RIGHT - LEFT) * second / lasts
        where = "end" if x > RIGHT - 12 else "middle"
        parts += [d.path(f"M{x:.1f},{y} v5", d.SOFT, 1), d.write(x, y + 19, f"{second} s", where, d.SOFT)]
    return d.svg(d.FULL, y + 26, words(heard), parts), table(heard)


def per_cent(share):
    return "–" if share is None else f"{100 * share:.0f} %"


def table(heard):
    """Speech missed and pauses taken for speech, a row for each detector."""
    rows = {"the detector": heard.says} | {name: says for name, (_, _, says) in heard.others.items()}
    lines = "".join(
        f'<tr><th scope="row" class="cl-left">{html.escape(name)}</th>'
        + "".join(f"<td>{per_cent(share)}</td>" for share in shares(says, heard.scene.spoken))
        + f"<td>{len(runs(says))}</td></tr>"
        for name, says in rows.items()
    )
    names = "".join(f"<th>{name}</th>" for name in ("speech missed", "pauses taken for it", "stretches"))
    head = f'<tr><th class="cl-left">in this sound</th>{names}</tr>'
    return f'<table class="cl-table">{head}{lines}</table>'


def words(heard):
    """What there is to see."""
    missed, false = shares(heard.says, heard.scene.spoken)
    told = [
        heard.about,
        f"threshold {heard.threshold:g}, hold-over {heard.hold} chunks",
        f"the detector misses {per_cent(missed)} of the speech, takes {per_cent(false)} of the pauses for it",
        f"below, units {', '.join(map(str, heard.units))} of its memory",
    ]
    if heard.reset:
        told.append(f"its state is emptied before chunk {heard.reset}")
    first, last = heard.scene.silence
    if last > first:
        told.append(f"chunks {first} to {last - 1} are silent")
    for name, (_, _, says) in heard.others.items():
        missed, false = shares(says, heard.scene.spoken)
        told.append(f"{name} misses {per_cent(missed)} and takes {per_cent(false)}")
    return d.sentences(told)
