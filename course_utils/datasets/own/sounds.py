"""Sound of one's own: WAV and FLAC files, as one channel of 16,000 samples a second, and what was changed."""

import struct
import warnings
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np

from course_utils.datasets.base import DataError
from course_utils.datasets.own import flac

RATE = 16_000
LONGEST = 600  # seconds that are read at once


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound, and what was done to it while it was read.

    Attributes
    ----------
    samples : array (sample,), float32
        From -1 to 1, 16,000 a second.
    name : str
        The name of the file.
    told : tuple of str
        What was changed: channels mixed into one, another rate, few bits, samples cut off.
    """

    samples: np.ndarray
    name: str
    told: tuple[str, ...] = ()

    @property
    def seconds(self):
        """How long it lasts."""
        return len(self.samples) / RATE

    def __repr__(self):
        facts = [f"{self.name}: {self.seconds:.1f} s at {RATE:,} samples a second"]
        return "\n  ".join([*facts, *self.told])


def read_sound(path, start=0, seconds=None):
    """Read a WAV or a FLAC file.

    Parameters
    ----------
    path : str or path
        The file.
    start : number
        Seconds to leave out at the beginning.
    seconds : number, optional
        How many to read; by default all that follow. At most 600 at once.

    Returns
    -------
    Sound
        One channel, 16,000 samples a second, float32. Print it: it tells what was changed.

    Raises
    ------
    DataError
        If the file cannot be read as sound; the message says why, and what to do.

    Examples
    --------
    >>> read_sound("lecture.wav", start=60, seconds=10)
    lecture.wav: 10.0 s at 16,000 samples a second
      2 channels, mixed into one
      44,100 samples a second, made 16,000
    """
    path = Path(path)
    start = _number("start", start, 0, "Seconds to leave out at the beginning; 0 leaves out none.")
    if seconds is not None:
        seconds = _number("seconds", seconds, 0.001, f"At most {LONGEST} are read at once.", LONGEST)
    data = _bytes_of(path)
    try:
        reader = _flac if data[:4] == b"fLaC" else _wav
        rate, length, read, bits, told = reader(path, data)
        _fits(length / rate, start, seconds)
        first = round(start * rate)
        last = length if seconds is None else min(length, first + max(1, round(seconds * rate)))
        samples = read(first, last)
    except DataError as problem:
        raise DataError(f"{path}: {problem}") from None
    return prepared(samples, rate, bits, path, told)


def _number(name, value, low, hint, high=float("inf")):
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (real and low <= value <= high):
        most = f"from {low} to {high}" if np.isfinite(high) else f"from {low} up"
        raise ValueError(f"{name}={value!r} cannot be: use a number of seconds {most}. {hint}")
    return float(value)


def _bytes_of(path):
    """The file's bytes; of a WAV file they are only looked at, not kept."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            rest = file.read() if head[:4] == b"fLaC" else b""
    except OSError as problem:
        why = "it is a folder" if path.is_dir() else (problem.strerror or "it cannot be read").lower()
        raise DataError(f"{path}: {why}. Give the path of a WAV or FLAC file.") from None
    if not head:
        raise DataError(f"{path}: the file is empty (0 bytes). Record or copy it again.")
    if head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"fLaC"):
        known = {b"OggS": "Ogg", b"ID3\x03": "MP3", b"ID3\x04": "MP3", b"\x1aE\xdf\xa3": "WebM or Matroska"}
        looks = known.get(head[:4], "MP4 or M4A" if head[4:8] == b"ftyp" else "")
        looks = f"looks like {looks}" if looks else f"begins with {head[:4]!r}, whatever its name says"
        raise DataError(
            f"{path}: this is neither WAV nor FLAC: it {looks}. Save it as WAV or FLAC, for instance with "
            "Audacity, or with `ffmpeg -i FILE sound.wav`."
        )
    return head + rest


def _flac(path, data):
    rate, _, bits, length, *_ = flac.header(data)
    if not length or not rate:
        raise DataError("its header does not say how long it is. Save it again, as WAV or FLAC.")

    def read(first, last):
        samples, _, _ = flac.read(data, first, last - first)
        return samples / float(1 << bits - 1)

    return rate, length, read, bits, []


def _wav(path, _):
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", wavfile.WavFileWarning)  # also of chunks that say who recorded it
            try:
                rate, samples = wavfile.read(path, mmap=True)
            except ValueError as problem:
                if "mmap" not in str(problem) and "24" not in str(problem):
                    raise
                rate, samples = wavfile.read(path)  # 24 bits
    except (ValueError, struct.error, EOFError, OverflowError, ZeroDivisionError) as problem:
        why = str(problem).strip().splitlines() or ["it ends too early"]
        raise DataError(
            f"it is called WAV and cannot be read as such: {why[0]} Save it as WAV with 16 bits (PCM)."
        ) from None
    if not rate:
        raise DataError("its header says 0 samples a second. Save it again.")
    kind, bits = samples.dtype, samples.dtype.itemsize * 8

    def read(first, last):
        part = np.asarray(samples[first:last])
        part = part[:, np.newaxis] if part.ndim == 1 else part
        if kind.kind == "u":
            return (part.astype(float) - 128) / 128
        return part.astype(float) if kind.kind == "f" else part / float(1 << bits - 1)

    short = any("prematurely" in str(each.message) for each in warned)
    broken = [f"it breaks off after {len(samples) / rate:.1f} s: its header promises more"] if short else []
    return rate, len(samples), read, bits, broken


def _fits(lasts, start, seconds):
    if not lasts:
        raise DataError("it holds no sample. Record it again.")
    if start >= lasts:
        raise DataError(f"it lasts {lasts:,.1f} s, so nothing is left after start={start:g}. Lower start.")
    if seconds is None and lasts - start > LONGEST:
        raise DataError(
            f"it lasts {lasts / 60:,.0f} minutes, and at most {LONGEST // 60} are read at once. Read a "
            f"part: read_sound(path, start={start:g}, seconds={LONGEST}), then start={start + LONGEST:g}, ..."
        )


def prepared(samples, rate, bits, path, told=()):
    """One channel of 16,000 a second, and what was changed."""
    from scipy.signal import resample_poly

    told = list(told)
    odd = ~np.isfinite(samples)
    if odd.any():
        where = np.flatnonzero(odd.any(axis=1))[0] / rate
        raise DataError(
            f"{path}: {odd.sum():,} of its samples are NaN or infinite, the first after {where:.3f} s. What "
            "wrote it went wrong: save it again, with 16 bits, or leave that part out: start=, seconds=."
        )
    if samples.shape[1] > 1:
        told.append(f"{samples.shape[1]} channels, mixed into one")
    if bits == 8:
        told.append("8 bits a sample: what is softer than 1/128 is lost, and it hisses")
    mono = samples.mean(axis=1)
    if rate != RATE:
        told.append(f"{rate:,} samples a second, made {RATE:,}")
        if rate < RATE:
            told.append(f"it holds nothing above {rate // 2:,} Hz, and what is made of it does not either")
        shared = gcd(rate, RATE)
        mono = resample_poly(mono, RATE // shared, rate // shared)
    if np.abs(mono).max() > 1:
        told.append(f"louder than 1 (up to {np.abs(mono).max():.3g}), cut off there")
    if not np.abs(mono).max() and np.abs(samples).max():
        told.append("its channels cancel each other: all of it is silent. Save one of them by itself")
    elif not np.abs(mono).max():
        told.append("every sample is 0: was the microphone on?")
    return Sound(mono.clip(-1, 1).astype("float32"), path.name, tuple(told))
