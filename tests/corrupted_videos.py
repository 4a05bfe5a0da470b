"""Corrupt good videos at random, and read them: each ends in frames or in a sentence, and never in a crash.

python tests/corrupted_videos.py 1000      # about 4 minutes; prints how often each thing was said
"""

import random
import sys
import tempfile
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course_utils.datasets.own.decoder import Unreadable
from course_utils.datasets.own.decoding import Decoder

CONTAINERS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")
HOW = {"frames": 8, "rate": None, "height": 24, "width": 32, "fit": "pad", "channels": 1}


def bar(frames=20, down=0):
    """Frames (time, 48, 64) on which a bar goes right, two pixels a frame."""
    clip = np.zeros((frames, 48, 64), "uint8")
    for t in range(frames):
        clip[t, 16 + down : 32 + down, 2 * t : 2 * t + 8] = 255
    return clip


def write_video(path, clip, times=None, rate=25, aspect=None):
    """Write frames to the container that the name says; `times` in frames, where they are uneven."""
    codec = {".webm": "libvpx", ".gif": "gif"}.get(path.suffix, "mpeg4")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = clip.shape[1:3]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        for t, frame in enumerate(clip):
            picture = av.VideoFrame.from_ndarray(np.repeat(frame[..., np.newaxis], 3, axis=-1), "rgb24")
            picture.pts, picture.time_base = (times[t] if times else t), Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def corrupted(raw, rng):
    """Bytes of a file, cut off, or with bits turned, bytes removed, moved or put in."""
    raw, at = bytearray(raw), rng.randrange(len(raw))
    match rng.choice(("cut", "turn", "remove", "move", "put in")):
        case "cut":
            return bytes(raw[:at])
        case "turn":
            for _ in range(rng.choice((1, 5, 50))):
                raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        case "remove":
            del raw[at : at + rng.randrange(1, 200)]
        case "move":
            other = rng.randrange(len(raw))
            raw[at : at + 50], raw[other : other + 50] = raw[other : other + 50], raw[at : at + 50]
        case "put in":
            raw[at:at] = rng.randbytes(rng.randrange(1, 200))
    return bytes(raw)


def corruptions(number, seed=0):
    """What comes of so many corrupted files: "read" or what is said; and the seconds of the slowest."""
    rng, outcomes, slowest = random.Random(seed), Counter(), 0
    with tempfile.TemporaryDirectory() as folder, Decoder(seconds=20, memory=2**31) as decoder:
        good = [Path(folder, f"good{suffix}") for suffix in CONTAINERS]
        for path in good:
            write_video(path, bar())
        for trial in range(number):
            source = good[trial % len(good)]
            bad = Path(folder, f"bad{source.suffix}")
            bad.write_bytes(corrupted(source.read_bytes(), rng))
            start = time.monotonic()
            try:
                frames, _, _ = decoder.read(bad, **HOW)
            except Unreadable as problem:
                outcomes[str(problem)] += 1
            else:
                assert frames.dtype == np.uint8
                assert frames.shape[1:] == (24, 32, 1)
                assert 1 <= len(frames) <= 8
                outcomes["read"] += 1
            slowest = max(slowest, time.monotonic() - start)
    return outcomes, slowest


if __name__ == "__main__":
    outcomes, slowest = corruptions(int(sys.argv[1]))
    for said, count in outcomes.most_common():
        print(f"{count:5} {said}")
    print(f"The slowest took {slowest:.1f} s.")
