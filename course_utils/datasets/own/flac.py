"""Reads FLAC, the lossless compression of sound (RFC 9639), in NumPy: nothing that could crash the kernel."""

import hashlib

import numpy as np

from course_utils.datasets.base import DataError

SIZES = {1: 192, **{n: 576 << n - 2 for n in range(2, 6)}, **{n: 256 << n - 8 for n in range(8, 16)}}
FIXED = (
    (),
    (1,),
    (2, -1),
    (3, -3, 1),
    (4, -6, 4, -1),
)  # what each predictor multiplies the samples before by


class _Bits:
    """The bits of one frame, read from the left."""

    def __init__(self, data):
        self.bits = np.unpackbits(np.frombuffer(data, np.uint8))
        places = np.where(self.bits, np.arange(len(self.bits)), len(self.bits))
        self.next_one = np.minimum.accumulate(places[::-1])[::-1].tolist()
        self.at = 0

    def take(self, count):
        """The next `count` bits as a number without a sign."""
        bits = self.bits[self.at : self.at + count]
        if len(bits) < count:
            raise IndexError("the file ends within a frame")
        self.at += count
        return int("".join(map(str, bits)) or "0", 2)

    def signed(self, count):
        """The same with a sign (two's complement)."""
        value = self.take(count)
        return value - (1 << count) if count and value >> count - 1 else value

    def many(self, places, widths):
        """Numbers without a sign that begin at `places`; `widths` says how many bits each has."""
        values = np.zeros(len(places), np.int64)
        for n in range(int(widths.max(initial=0))):
            here = widths > n
            values[here] = values[here] * 2 + self.bits[places[here] + n]
        return values


def read(data, start=0, count=None):
    """The samples of a FLAC file.

    Parameters
    ----------
    data : bytes
        The whole file.
    start, count : int
        The first sample to hand back, and how many; None: to the end. All frames up to there are read.

    Returns
    -------
    array (sample, channel) of int64, sample rate, bits for each sample

    Raises
    ------
    DataError
        If this is no FLAC file, or it is damaged.
    """
    rate, channels, bits, total, digest, at = header(data)
    longest = (
        int.from_bytes(data[15:18]) + 16 if data[4] & 127 == 0 and any(data[15:18]) else 65_536 * channels
    )
    blocks, have, end = [], 0, total if count is None else min(total, start + count)
    try:
        while have < end:
            block, used = _frame(data[at : at + longest], channels, bits)
            blocks.append(block)
            have, at = have + len(block), at + used
    except (IndexError, KeyError, ValueError, OverflowError) as problem:
        raise DataError(
            f"it is damaged after sample {have:,} ({problem}). Copy it again, "
            "or read only what is before, with seconds=."
        ) from None
    samples = np.concatenate([np.zeros((0, channels), np.int64), *blocks])[:end]
    whole = samples.astype("<i4").view(np.uint8).reshape(len(samples), channels, 4)[..., : -(-bits // 8)]
    if len(samples) == total and any(digest) and hashlib.md5(whole.tobytes()).digest() != digest:
        raise DataError("it is damaged: its samples are not those that it was made of")
    return samples[start:], rate, bits


def header(data):
    """Rate, channels, bits, number of samples, MD5 of all samples, and where the first frame begins."""
    at, info = 4, None
    while data[:4] == b"fLaC" and at + 4 <= len(data):
        last, kind, size = data[at] >> 7, data[at] & 127, int.from_bytes(data[at + 1 : at + 4])
        if kind == 0:
            info = data[at + 4 : at + 4 + size]
        at += 4 + size
        if last:
            break
    if not info or len(info) < 34 or at > len(data):
        raise DataError("it does not begin as a FLAC file does")
    packed = int.from_bytes(info[10:18])
    rate, channels, bits = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    return rate, channels, bits, packed & (1 << 36) - 1, info[18:34], at


def _frame(data, channels, bits):
    """One frame: its samples (sample, channel), and how many bytes it has."""
    if len(data) < 6 or data[0] != 0xFF or data[1] >> 2 != 0x3E:
        raise ValueError("no frame begins there")
    code, pairing = data[2] >> 4, data[3] >> 4
    at = 4 + max(1, 8 - (data[4] ^ 0xFF).bit_length())  # the number of the frame, as UTF-8 writes it
    more = {6: 1, 7: 2}.get(code, 0)
    size = int.from_bytes(data[at : at + more]) + 1 if more else SIZES[code]
    at += more + {12: 1, 13: 2, 14: 2}.get(data[2] & 15, 0) + 1  # a rate of its own, and a checksum
    reader = _Bits(data[at : at + size * channels * (bits + 1) // 8 + 64])
    wide = {8: (0, 1), 9: (1, 0), 10: (0, 1)}.get(pairing, (0,) * channels)  # the side needs a bit more
    parts = [_subframe(reader, size, bits + more) for more in wide]
    if pairing == 8:
        parts[1] = parts[0] - parts[1]
    elif pairing == 9:
        parts[0] = parts[1] + parts[0]
    elif pairing == 10:
        middle = parts[0] * 2 + (parts[1] & 1)
        parts = [(middle + parts[1]) >> 1, (middle - parts[1]) >> 1]
    return np.stack(parts, axis=1), at + -(-reader.at // 8) + 2


def _subframe(reader, size, bits):
    """The samples of one channel: a constant, as they are, or a prediction and what it is off by."""
    kind = reader.take(8) >> 1
    wasted = 0
    if reader.bits[reader.at - 1]:
        wasted = reader.next_one[reader.at] - reader.at + 1
        reader.at += wasted
    bits -= wasted
    if kind == 0:
        samples = np.full(size, reader.signed(bits), np.int64)
    elif kind == 1:
        samples = np.array([reader.signed(bits) for _ in range(size)], np.int64)
    else:
        order = kind - 8 if 8 <= kind <= 12 else kind - 31
        if not 0 <= order <= 32 or kind < 8 or 12 < kind < 32:
            raise ValueError(f"a part of the kind {kind} is not known")
        first = [reader.signed(bits) for _ in range(order)]
        shift, weights = 0, FIXED[order] if kind <= 12 else ()
        if kind > 12:
            width, shift = reader.take(4) + 1, reader.signed(5)
            weights = [reader.signed(width) for _ in range(order)]
        samples = _predicted(first, weights, shift, _residual(reader, size, order), kind <= 12)
    return samples << wasted


def _residual(reader, size, order):
    """What the prediction is off by: Rice codes, in parts with a parameter each."""
    width = 4 + reader.take(2)
    parts = 1 << reader.take(4)
    ones, starts, widths, plain = [], [], [], []
    for part in range(parts):
        count = size // parts - order * (part == 0)
        width_here = reader.take(width)
        if width_here == (1 << width) - 1:  # as they are
            each = reader.take(5)
            plain.append((len(ones), [reader.signed(each) for _ in range(count)]))
            ones += [reader.at - 1] * count
            starts += [reader.at - 1] * count
            widths += [0] * count
            continue
        at, next_one = reader.at, reader.next_one
        for _ in range(count):
            starts.append(at)
            one = next_one[at]
            ones.append(one)
            at = one + 1 + width_here
        widths += [width_here] * count
        reader.at = at
    ones, starts, widths = np.array(ones, int), np.array(starts, int), np.array(widths, int)
    values = (ones - starts << widths) + reader.many(ones + 1, widths)
    values = values >> 1 ^ -(values & 1)
    for place, as_they_are in plain:
        values[place : place + len(as_they_are)] = as_they_are
    return values


def _predicted(first, weights, shift, residual, fixed):
    """Samples from the first ones, and from what the prediction of each later one is off by."""
    order = len(first)
    if fixed:  # differences of differences: sum them up as often
        values, start = residual, np.array(first, np.int64)
        for depth in range(order, 0, -1):
            values = np.cumsum(np.concatenate([np.diff(start, depth - 1)[-1:], values]))[1:]
        return np.concatenate([start, values])
    samples = list(first)
    backwards = list(weights)[::-1]
    for off in residual.tolist():
        samples.append(off + (sum(map(int.__mul__, backwards, samples[-order:])) >> shift))
    return np.array(samples, np.int64)
