"""What the folder lab shows: a clip as a strip of film, the split, lengths, and what was left out."""

import html
from dataclasses import dataclass

import numpy as np

from course_utils.datasets.base import SPLITS
from course_utils.labs.core.drawing import (
    BAND,
    FULL,
    INK,
    LINE,
    SOFT,
    full_width,
    grey,
    image,
    number,
    path,
    rect,
    sentences,
    svg,
    uri,
    write,
)
from course_utils.labs.folder.reading import Division

MOST_FRAMES, MOST_GROUPS, MOST_FILES = 64, 20, 10  # shown of each
WIDEST, TALLEST, GAP = 92, 130, 4  # of a frame, and between two
HALF, ROW = 400, 19
COLUMNS = (156, 262, 336)  # where the marks of each part begin
MARK, BARS = 9, 84  # the side of the mark of a clip, the height of the chart
FILL = "var(--cl-other)"
DASHED = 'stroke-dasharray="4 3"'


@dataclass(frozen=True, eq=False)
class Seen:
    """A folder as it is divided, and the clip `at`, the `place`th of those that could be looked at.

    `images` is its real frames (time, height, width, channels), uint8; `dealt` says how clips were divided.
    """

    division: Division
    at: int
    images: np.ndarray
    place: tuple
    part: str
    dealt: str

    @property
    def name(self):
        return self.division.names[self.at]

    @property
    def group(self):
        return self.division.groups[self.at]

    @property
    def label(self):
        return self.division.classes[self.division.labels[self.at]]


def plural(count, what):
    return f"{count:,} {what}{'s' * (count != 1)}"


def cut(name, most):
    """A name in so many letters; where it is longer, its middle is left out: many begin alike."""
    head = most // 3
    return name if len(name) <= most else f"{name[:head]}…{name[head + 1 - most :]}"


def draw(seen):
    """The clip, the split and the lengths, as SVG."""
    return film(seen), split(seen), lengths(seen)


# ---------------------------------------------------------------------------------------------------
# The clip


def film(seen):
    """The frames of the clip in their order; those that are padding are crossed out."""
    frames, real = seen.division.clips.how["frames"], len(seen.images)
    height, width = seen.images.shape[1:3]
    shown = min(frames, MOST_FRAMES)
    columns = min(shown, 8 if shown <= 16 else 16)
    wide = min(WIDEST, (FULL - columns * GAP) / columns, TALLEST * width / height)
    tall, top = wide * height / width, 46
    thin = -(-max(height, width) // 128)  # more pixels than these cannot be seen
    drawn = [write(0, 14, cut(seen.name, 80), weight=600), write(0, 33, _of_clip(seen), fill=SOFT)]
    for frame in range(shown):
        x, y = frame % columns * (wide + GAP), top + frame // columns * (tall + 20)
        if frame < real:
            drawn.append(image(x, y, wide, tall, uri(grey(seen.images[frame, ::thin, ::thin] / 255))))
            drawn.append(rect(x, y, wide, tall, "none", LINE))
        else:
            drawn.append(rect(x, y, wide, tall, BAND, SOFT, 0, DASHED))
            cross = f"M{x:.1f},{y:.1f} l{wide:.1f},{tall:.1f} m0,{-tall:.1f} l{-wide:.1f},{tall:.1f}"
            drawn.append(path(cross, SOFT, 1))
        drawn.append(write(x + wide / 2, y + tall + 14, frame + 1, "middle", INK if frame < real else SOFT))
    bottom = top + -(-shown // columns) * (tall + 20) + 14
    told = [f"{frames - shown:,} more frames"] * (frames > shown)
    told += ["crossed out: padding"] * (real < frames)
    drawn.append(write(0, bottom, " · ".join([_sizes(seen), *told]), fill=SOFT))
    return full_width(bottom + 6, words(seen), drawn)


def _of_clip(seen):
    frames, (place, count) = seen.division.clips.how["frames"], seen.place
    group = "" if seen.group == seen.name else f"group {cut(seen.group, 30)} · "
    real = f"{len(seen.images)} of {plural(frames, 'frame')} real"
    return f"class {cut(seen.label, 30)} · {group}{seen.part}, clip {place} of {count} · {real}"


def _sizes(seen):
    """The size that a clip was recorded in, and the one it is read in."""
    how, recorded = seen.division.clips.how, seen.division.clips.abouts[seen.name].sizes
    sizes = ", ".join(f"{tall} × {wide}" for wide, tall in recorded[:3]) + ", ..." * (len(recorded) > 3)
    colour = "grey" if how["channels"] == 1 else "colour"
    made = f"{how['height']} × {how['width']} (height × width, {how['fit']}, {colour})"
    return f"Recorded as {sizes}, read as {made}"


def words(seen):
    """The clip, for those who cannot see it."""
    frames, real = seen.division.clips.how["frames"], len(seen.images)
    bright = "; ".join(number(one.mean() / 255) for one in seen.images[:MOST_FRAMES])
    parts = [f"clip {seen.name}: {_of_clip(seen)}", _sizes(seen), f"mean brightness of real frames: {bright}"]
    parts += [f"frames {real + 1} to {frames} are padding"] * (real < frames)
    return sentences(parts)


# ---------------------------------------------------------------------------------------------------
# The split


def split(seen):
    """Which part the clips of each group are in, a mark for each clip."""
    division, y = seen.division, 40
    spread, more = list(division.spread.items()), len(division.spread) - MOST_GROUPS
    drawn = [write(0, 14, "Where the clips of each group are", weight=600)]
    drawn += [write(x, y - 4, part, fill=SOFT) for x, part in zip(COLUMNS, SPLITS)]
    drawn += [write(0, y - 4, plural(len(spread), "group"), fill=SOFT)]
    for group, counts in spread[:MOST_GROUPS]:
        leaks, y = group in division.leaking, y + ROW
        if group == seen.group:
            drawn.append(rect(0, y - 14, HALF, ROW, BAND, SOFT, 3))
        drawn.append(write(4, y, f"{'▲ ' * leaks}{cut(group, 15)}", weight=600 if leaks else 400))
        drawn.append(path(f"M0,{y + 5} H{HALF}", LINE, 0.7))
        for x, end, count in zip(COLUMNS, (*COLUMNS[1:], HALF), counts):
            fits = count * (MARK + 2) <= end - x - 6
            drawn += [rect(x + k * (MARK + 2), y - 9, MARK, MARK, FILL) for k in range(count if fits else 1)]
            if not fits:
                drawn.append(write(x + MARK + 5, y, f"× {count:,}"))
    y += 22
    told = ["▲ in more than one part"] * bool(division.leaking)
    told += [f"and {plural(more, 'more group')}"] * (more > 0)
    if told:
        drawn.append(write(0, y, " · ".join(told), fill=SOFT))
    return svg(HALF, y + 4, _split_words(seen), drawn)


def _split_words(seen):
    division, parts = seen.division, []
    for group, counts in list(division.spread.items())[:MOST_GROUPS]:
        found = ", ".join(f"{part} {count}" for part, count in zip(SPLITS, counts) if count)
        parts.append(f"{group}: {found}{', in more than one part' * (group in division.leaking)}")
    more = len(division.spread) - MOST_GROUPS
    told = [f"and {plural(more, 'more group')}"] * (more > 0)
    return sentences([f"clips of each group, {seen.dealt}: {'; '.join(parts)}", *told])


# ---------------------------------------------------------------------------------------------------
# Lengths, counts, and what was left out


def lengths(seen):
    """How many clips have how many real frames; the clip that is looked at is marked."""
    frames, every = seen.division.clips.how["frames"], seen.division.lengths
    bins = min(frames, 32)
    place = lambda length: (length - 1) * bins // frames  # noqa: E731
    counts, wide, base = np.bincount(place(every), minlength=bins), HALF / bins, 44 + BARS
    drawn = [write(0, 14, "Real frames of a clip", weight=600)]
    for at, count in enumerate(counts):
        if not count:
            continue
        tall, x = max(BARS * count / counts.max(), 1), at * wide + wide / 2
        here = at == place(len(seen.images))
        bar = rect(at * wide + 1, base - tall, wide - 2, tall, INK if here else FILL)
        drawn += [bar, write(min(max(x, 8), HALF - 12), base - tall - 5, f"{count:,}", "middle")]
        if here:
            drawn.append(path(f"M{x:.1f},{base + 2} l5,8 h-10 z", INK, 1, INK))
    drawn.append(path(f"M0,{base} H{HALF}", SOFT, 1))
    ends = (0, "start", 1), (HALF, "end", frames), (HALF / 2, "middle", f"▲ this clip: {len(seen.images)}")
    drawn += [write(x, base + 24, said, anchor, SOFT) for x, anchor, said in ends]
    found = {int(length): int((every == length).sum()) for length in np.unique(every)[::-1]}
    told = [f"{plural(length, 'real frame')}: {plural(count, 'clip')}" for length, count in found.items()]
    label = sentences(["Lengths of the clips", "; ".join(told[:MOST_GROUPS])])
    return svg(HALF, base + 30, label, drawn)


def table(seen):
    """How many clips and groups each class has in each part: HTML."""
    division, rows = seen.division, ""
    for label, name in [*enumerate(division.classes), (None, "all")]:
        cells = (division.count(label, part) for part in (*range(len(SPLITS)), None))
        told = "".join(f"<td>{clips:,} ({groups:,})</td>" for clips, groups in cells)
        rows += f'<tr><th class="cl-left" scope="row">{html.escape(name)}</th>{told}</tr>'
    heads = "".join(f'<th scope="col">{part}</th>' for part in (*SPLITS, "all"))
    caption = "<caption>Clips of each class (and groups)</caption>"
    return f'<table class="cl-table co-counts">{caption}<tr><td></td>{heads}</tr>{rows}</table>'


def left_out(seen):
    """What was left out and what was noted, file by file, each with its reason: HTML."""
    clips = seen.division.clips
    noted = {name: "; ".join(about.notes) for name, about in clips.abouts.items() if about.notes}
    every = len(clips.abouts) + len(clips.skipped)
    return _files("Left out", clips.skipped, every) + _files("Read, with a note", noted, len(clips.abouts))


def _files(title, each, number):
    caption = f"{title}: {len(each):,} of {number:,}" if each else f"{title}: nothing"
    rows = "".join(
        f'<tr><th class="cl-left" scope="row">{html.escape(name)}</th>'
        f'<td class="cl-left">{html.escape(why)}</td></tr>'
        for name, why in list(each.items())[:MOST_FILES]
    )
    if len(each) > MOST_FILES:
        more = f"and {len(each) - MOST_FILES:,} more: the card of datasets.from_folder tells all"
        rows += f'<tr><td class="cl-left" colspan="2">{more}</td></tr>'
    return f'<table class="cl-table co-files"><caption>{caption}</caption>{rows}</table>'
