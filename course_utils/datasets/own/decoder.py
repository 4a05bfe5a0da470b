"""A process of its own that decodes clips: a broken file can end it, and never the kernel.

Run as a script: one request, a line of JSON, comes in on standard input; the answer is a line of JSON,
followed by the frames as bytes. It imports nothing of the course, and nothing that a file holds is executed.
"""

import contextlib
import json
import os
import re
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

WHOLE = 0.9  # a video that can be decoded to less than this share of its length is broken off


class Unreadable(Exception):
    """A clip cannot be used; the message says why, and what to do."""


def in_order(name):
    """A key that sorts names as people count: frame 2 before frame 10."""
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else part) for part in re.split(r"(\d+)", name)
    ]


def is_hidden(name):
    return name.startswith(".") or name in ("Thumbs.db", "desktop.ini", "__MACOSX")


# ----------------------------------------------------------------------------------------------- which frames


def moments(times, frames, rate):
    """The times to look at: `frames` of them, evenly apart; or `rate` a second, at most `frames`.

    Parameters
    ----------
    times : array
        When each frame of the clip is shown first, in seconds, rising.
    frames : int
        How many; of a shorter clip, each of its frames once.
    rate : float or None
        How many a second.

    Returns
    -------
    array
        Rising.
    """
    if rate:
        return np.arange(times[0], times[-1] + 1e-6, 1 / rate)[:frames]
    return times if len(times) <= frames else np.linspace(times[0], times[-1], frames)


def shown_at(looks, frames):
    """For each moment the frame that is shown then, of (time, frame) pairs in order."""
    at, last = 0, None
    for time, frame in frames:
        while at < len(looks) and last is not None and looks[at] + 1e-6 < time:
            yield last
            at += 1
        last = frame
    if last is not None:
        yield from [last] * (len(looks) - at)


# ----------------------------------------------------------------------------------------------------- images


def frames_of_images(folder, frames):
    """Images of a folder, evenly from those in the order of their numbers; passes over other files."""
    kinds = Image.registered_extensions() | {".heic": "", ".heif": ""}
    names = [name for name in os.listdir(folder) if not is_hidden(name)]
    names = sorted((name for name in names if Path(name).suffix.lower() in kinds), key=in_order)
    if names:
        for place in moments(np.arange(len(names)), frames, None):
            yield image_of(folder / names[int(place + 1e-6)])


def image_of(path):
    """An image, upright."""
    try:
        with Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise Unreadable(
                    f"its frame {path.name} holds several images: such a file is a clip of kind='video'"
                )
            return ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        why = str(problem).partition(str(path.parent))[0].strip(" '") or type(problem).__name__
        told = f"its frame {path.name} cannot be read ({why}): convert, replace or remove it"
        raise Unreadable(told) from None


# ----------------------------------------------------------------------------------------------------- videos


def frames_of_video(path, frames, rate, notes):
    """Frames of a video at the moments asked for, upright; `notes` gets what there is to say of it.

    The file is gone through twice, first for its times alone. Only what is asked for becomes an image.
    """
    try:
        import av
    except ImportError:
        raise Unreadable(
            "videos need the package av: `python course.py own my_clips` installs it"
        ) from None
    decoded, turned = [0], False

    def counted(container):
        for frame in container.decode(container.streams.video[0]):
            if frame.time is not None and not frame.is_corrupt:
                decoded[0] += 1
                yield frame.time, frame

    try:
        with av.open(str(path)) as container:
            times = times_of(container)
            if container.format.name == "gif" and not path.read_bytes().rstrip(b"\0").endswith(b";"):
                raise Unreadable("it breaks off: copy or convert it again")  # a GIF does not state its length
        with av.open(str(path)) as container:
            for frame in shown_at(moments(times, frames, rate), counted(container)):
                image, turn = upright(frame, container.streams.video[0].sample_aspect_ratio)
                turned |= turn
                yield image
    except av.FFmpegError as problem:
        why = problem.strerror or type(problem).__name__
        raise Unreadable(f"it cannot be decoded ({why}): convert it again from the original") from None
    asked = times[times <= times[0] + frames / rate] if rate else times
    if decoded[0] < WHOLE * len(asked):
        raise Unreadable(f"only {decoded[0]} of its {len(times)} frames can be decoded: convert it again")
    notes += told_of(times, rate) + ["it was recorded turned, and is set upright"] * turned


def times_of(container):
    """When each frame is shown, in seconds, rising; found without decoding."""
    if not container.streams.video:
        raise Unreadable("it has no video: it may be a sound file, or only be named like a video")
    stream = container.streams.video[0]
    packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
    stamps = [packet.pts if packet.pts is not None else packet.dts for packet in packets]
    times = np.unique([float(stamp * stream.time_base) for stamp in stamps if stamp is not None])
    if not len(times):
        raise Unreadable("it has no frames: remove it, or convert it again from the original")
    ends = times[-1] + max(float((packet.duration or 0) * packet.time_base) for packet in packets)
    if stream.duration:
        stated = float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    else:  # of a file with sound, the length may be that of the sound
        stated = (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0
    if ends < WHOLE * stated:
        raise Unreadable(f"it breaks off after {ends:.1f} of {stated:.1f} s: copy or convert it again")
    return times


def told_of(times, rate):
    """What a learner should know of the times of a video."""
    gaps = np.diff(times)
    if not len(gaps):
        return ["it has a single frame"]
    notes = []
    if gaps.max() > 2 * gaps.min():
        notes.append(
            f"its frames are {gaps.min():.2g} to {gaps.max():.2g} s apart; each moment shows the frame before"
        )
    if rate and rate * np.median(gaps) > 1.05:
        notes.append(
            f"it has {1 / np.median(gaps):.3g} frames a second, fewer than rate={rate:g}: some are repeated"
        )
    return notes


def upright(frame, aspect):
    """A frame as an image, with square pixels, as the camera was held; and whether it was turned for that."""
    image = Image.fromarray(
        frame.reformat(format="rgb24", threads=1).to_ndarray()
    )  # more would be started anew
    if aspect and aspect != 1:
        image = image.resize((max(1, round(image.width * aspect)), image.height))
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image, False
    a, b, _, c, d = np.frombuffer(matrix, "i4")[
        :5
    ]  # x' = a x + c y, y' = b x + d y; see tkhd in ISO 14496-12
    lying = abs(b) > abs(a)
    if lying:
        image, a, d = image.transpose(Image.Transpose.TRANSPOSE), c, b
    image = ImageOps.mirror(image) if a < 0 else image
    image = ImageOps.flip(image) if d < 0 else image
    return image, bool(lying or a < 0 or d < 0)


# --------------------------------------------------------------------------------------------- the whole clip


def to_array(image, height, width, fit, channels):
    """An image as (height, width, channels), uint8: with black beside it ("pad"), or its middle ("crop")."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) / 257).astype("uint8"))
    elif image.mode in ("I", "F"):
        raise Unreadable(
            f"its pixels are of the kind {image.mode!r}, whose white is unknown: save them with 8 bits"
        )
    elif image.has_transparency_data:  # shown on black
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    image = image.convert("L" if channels == 1 else "RGB")
    resize = ImageOps.pad if fit == "pad" else ImageOps.fit
    return np.asarray(resize(image, (width, height), Image.Resampling.BOX)).reshape(height, width, channels)


def read(path, frames, rate, height, width, fit, channels):
    """A clip as an array (time, height, width, channels), uint8; the sizes of its frames before; notes."""
    path, notes, sizes, kept = Path(path), [], set(), []
    images = frames_of_images(path, frames) if path.is_dir() else frames_of_video(path, frames, rate, notes)
    for image in images:
        sizes.add(image.size)
        kept.append(to_array(image, height, width, fit, channels))
    if not kept:
        raise Unreadable("it has no frames: remove it, or convert it again from the original")
    return np.stack(kept), sorted(sizes), notes


def main(memory):
    """Answer requests until the input ends, with no more than so many bytes of memory."""
    if os.name == "posix":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS may refuse
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    answers = os.fdopen(os.dup(1), "wb")
    answers.write(b"ready\n")
    answers.flush()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1), os.dup2(silence, 2)  # what a decoder prints must not get between the answers
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        try:
            clip, sizes, notes = read(**json.loads(line))
            head, body = {"shape": clip.shape, "sizes": sizes, "notes": notes}, clip.tobytes()
        except Unreadable as problem:
            head, body = {"problem": str(problem)}, b""
        except MemoryError:
            head, body = (
                {"problem": "it needs more memory than it may have: make it smaller, or allow more"},
                b"",
            )
        answers.write(json.dumps(head).encode() + b"\n" + body)
        answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
