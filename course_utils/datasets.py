"""The course's data, read from installed packages: images put in motion, movie reviews, traffic.

Every loader returns a `Dataset`: train, validation and test (each a `Split` of x and y), the names of
the classes, and a card that says where the data comes from. Everything runs offline and is seeded.
`python -m course_utils.datasets` writes data/README.md from data/manifest.toml.
"""

import csv
import hashlib
import html
import importlib.metadata
import importlib.util
import io
import re
import sys
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data"
SPLITS = ("train", "validation", "test")
MOTIONS = {  # what a digit does -> (rows, columns) per frame, in units of speed
    "right": (0, 1),
    "left": (0, -1),
    "up": (-1, 0),
    "down": (1, 0),
    "up right": (-1, 1),
    "up left": (-1, -1),
    "down right": (1, 1),
    "down left": (1, -1),
}
MOVES = {  # what the camera does -> (rows down, columns right, log of the distance, turn clockwise)
    "pan right": (0, 1, 0, 0),
    "pan left": (0, -1, 0, 0),
    "tilt up": (-1, 0, 0, 0),
    "tilt down": (1, 0, 0, 0),
    "zoom in": (0, 0, -0.6, 0),
    "zoom out": (0, 0, 0.6, 0),
    "roll right": (0, 0, 0, 1),
    "roll left": (0, 0, 0, -1),
}
REVIEWS = {  # source -> (words in a row that make near-duplicates, neighbours that stay together)
    "sentences": (8, 1),
    "long": (12, 250),
}
FILM = 30  # no film has more reviews in the collection (Maas et al. 2011)
WEATHER = {  # feature -> the words of the file that set it to 1
    "rain": ("Rain", "Drizzle", "Thunderstorm"),
    "snow": ("Snow",),
    "mist": ("Mist", "Fog", "Haze", "Smoke"),
}
CALENDAR = ("hour sine", "hour cosine", "weekday sine", "weekday cosine", "weekend")


class DataError(RuntimeError):
    """A data file cannot be used: its package is missing or is not the one the course was made with."""


# ------------------------------------------------------------------------------ what a loader returns


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset: clips, reviews or windows of a series, and what there is to say of each.

    Attributes
    ----------
    x : array
        Clips: (clip, time, height, width, channels), float32. Reviews: (review,), each a str.
        Windows: (window, hour, feature), float32, the hours gone by.
    y : dict of arrays
        One entry for each thing there is to name, for instance `y["digit"]` and `y["motion"]`, (clip,),
        int. Of windows `y["volume"]`, (window, hour), float32: the hours to come, right after those of x.
    lengths : array (clip,), int, or None
        How many frames of each clip are real; the frames after them are padding. None: all are.
    future : array (window, hour, feature), float32, or None
        What is known ahead of the hours to come: the calendar, named in `datasets.CALENDAR`.
    start : array (window,), datetime64[h], or None
        The first of the hours to come.
    centre : array (clip, time, 2), float32, or None
        Of clips with a hidden digit: row and column of its centre in pixels; NaN in frames without one.
    """

    x: np.ndarray
    y: dict[str, np.ndarray]
    lengths: np.ndarray | None = None
    future: np.ndarray | None = None
    start: np.ndarray | None = None
    centre: np.ndarray | None = None

    @property
    def shown(self):
        """Of clips with a hidden digit, a bool array (clip, time): True where a frame shows one."""
        return None if self.centre is None else ~np.isnan(self.centre[..., 0])

    @property
    def mask(self):
        """Of clips, a bool array (clip, time): True where a frame is real, False where it is padding."""
        if self.x.ndim != 5:
            what = "reviews, each one a str" if self.x.dtype == object else "windows, all hours of them real"
            raise AttributeError(f"only clips have a mask of frames: these are {what}")
        lengths = np.full(len(self), self.x.shape[1]) if self.lengths is None else self.lengths
        return np.arange(self.x.shape[1]) < lengths[:, None]

    def __len__(self):
        return len(self.x)

    def __repr__(self):
        return f"Split({self._size()}, y {', '.join(self.y)})"

    def _size(self):
        if self.x.dtype == object:
            words = [len(text.split()) for text in self.x]
            return (
                f"{len(self):,} reviews of {np.median(words):.0f} words (median) to {max(words):,} (longest)"
            )
        if self.start is not None:
            return f"{len(self):,} windows, x {self.x.shape}"
        real = "" if self.lengths is None else f", {self.lengths.min()} to {self.lengths.max()} real frames"
        return f"{len(self):,} clips, x {self.x.shape}{real}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Train, validation and test, the names of the classes, and a card. Show it to see what you hold.

    Attributes
    ----------
    name : str
    train, validation, test : Split
    class_names : dict of tuples of str
        `class_names["motion"][3]` is the word for a 3 in `y["motion"]`. Empty where a number is to be found.
    card : dict of str
        Where the data comes from, its licence, how it is split, what to cite.
    compose : callable
        `compose("train", 3)` makes the training part of epoch 3; see `recompose`.
    feature_names : tuple of str
        What stands along the last axis of x, where x is a series.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: dict[str, tuple[str, ...]]
    card: dict[str, str]
    compose: Callable[[str, int], Split]
    feature_names: tuple[str, ...] = ()

    def recompose(self, epoch):
        """Make the training part anew: other clips of the same images; the same texts or windows reordered.

        Parameters
        ----------
        epoch : int
            The same epoch always gives the same clips (texts, windows, in the same order), every other
            epoch gives others; `recompose(0)` equals `train`.

        Returns
        -------
        Split
        """
        return self.compose("train", _whole("epoch", epoch, 0, 10**6, "Count epochs from 0."))

    def __repr__(self):
        return "\n".join([self.name, *(f"  {key:<11} {text}" for key, text in self._facts().items())])

    def _repr_html_(self):
        cell = "<td style='text-align:left'>"
        facts = self._facts().items()
        rows = (f"<tr>{cell}<b>{key}</b></td>{cell}{html.escape(text)}</td></tr>" for key, text in facts)
        return f"<b>{self.name}</b><table>{''.join(rows)}</table>"

    def _facts(self):
        if self.train.x.dtype == object:
            facts = {"x": "(review,), each a str"}
        elif self.feature_names:
            facts = {"x": _told("(window, hour, feature)", self.train.x)}
            facts["features"] = ", ".join(self.feature_names)
            facts["future"] = f"(window, hour, feature): {', '.join(CALENDAR)} of the hours to come"
        else:
            facts = {"x": _told("(clip, time, height, width, channels)", self.train.x)}
        facts |= {name: getattr(self, name)._size() for name in SPLITS}
        for label, values in self.train.y.items():
            names = self.class_names.get(label)
            classes = names and f"{len(names)} classes: {', '.join(names)}"
            facts[f"y[{label!r}]"] = classes or _told("(window, hour)", values)
        return facts | self.card


def _told(axes, values):
    return f"{axes}, {values.dtype} from {values.min():.3g} to {values.max():.3g}"


# ------------------------------------------------------------------------------- moving digits


def moving_digits(frames=8, size=24, digit_size=16, speed=2, clips=(3200, 400, 800), seed=0):
    """Clips of a handwritten digit that travels over a torus. Two labels: which digit, which motion.

    The frame has no walls: what leaves on one side comes back on the other. A digit starts anywhere, so
    no single frame gives the motion away. Labels are balanced and independent. The digits of train,
    validation and test are different ones, whatever the seed.

    Parameters
    ----------
    frames : int or (int, int)
        Frames in a clip. A pair (shortest, longest) makes clips of unequal length, padded with
        zeros at the end; `lengths` and `mask` of each split say which frames are real.
    size : int
        Height and width of a frame in pixels.
    digit_size : int
        Height and width of the digit in it.
    speed : int
        Pixels from frame to frame; a diagonal moves that far along both axes.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> data = moving_digits(frames=8, clips=(320, 40, 80))
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (320, 8, 24, 24, 1)
    >>> data.class_names["motion"][data.train.y["motion"][0]] in MOTIONS
    True
    """
    shortest, longest = _frames(frames)
    size = _whole("size", size, 8, 128, "24 is small enough to train fast.")
    hint = "The digit has to fit in the frame: lower digit_size or raise size."
    digit_size = _whole("digit_size", digit_size, 4, size, hint)
    hint = "A digit that jumps half the frame or more seems to go the other way: lower speed or raise size."
    speed = _whole("speed", speed, 1, (size - 1) // 2, hint)
    seed = _whole("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    digits = _resize(_digits(), digit_size)  # (class, 500, row, column)
    test, validation, train = np.split(digits, [50, 100], axis=1)
    pools = {"train": train, "validation": validation, "test": test}
    limits = [len(MOTIONS) * 10 * pool.shape[1] for pool in pools.values()]
    counts = _counts(clips, limits, "That is 8 clips of each of its digits.", longest * size * size)
    velocities = np.array(list(MOTIONS.values())) * speed

    def compose(split, epoch=0):
        pool, n = pools[split], counts[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        order = rng.permutation(n)  # 80 in a row hold each pair of a digit and a motion once
        digit, motion = order % 10, (order + order // 40) % 8
        turns = rng.permuted(
            np.tile(np.arange(pool.shape[1]), (10, 1)), axis=1
        )  # each digit before any twice
        writing = turns[digit, order // 10 % pool.shape[1]]
        scene = np.zeros((n, size, size), "float32")
        scene[:, :digit_size, :digit_size] = pool[digit, writing]
        place = rng.integers(size, size=(n, 1, 2)) + np.arange(longest)[:, None] * velocities[motion][:, None]
        rows, columns = np.moveaxis((np.arange(size) - place[..., None]) % size, 2, 0)  # (clip, time, pixel)
        x = scene[np.arange(n)[:, None, None, None], rows[..., None], columns[:, :, None]][..., None]
        labels = {"digit": digit, "motion": motion}
        if shortest == longest:
            return Split(x, labels)
        padded = Split(x, labels, rng.integers(shortest, longest + 1, n))
        x[~padded.mask] = 0
        return padded

    return _dataset("moving_digits", compose, {"digit": tuple("0123456789"), "motion": tuple(MOTIONS)})


@cache
def _digits():
    """All digits by class (10, 500, 20, 20), without the margin of 4 pixels, in the order of the file."""
    table = np.loadtxt(_files("moving_digits")[0]["path"], delimiter=",", dtype="uint8")
    by_class = table[np.argsort(table[:, -1], kind="stable"), :-1].reshape(10, 500, 28, 28)
    return by_class[:, :, 4:-4, 4:-4].astype("float32") / 255


def _resize(images, size):
    """Resize square images (..., old, old): each new pixel is a weighted mean of old ones (no aliasing)."""
    old = images.shape[-1]
    centres = (np.arange(size) + 0.5) * old / size - 0.5
    weights = np.clip(1 - np.abs(np.arange(old) - centres[:, None]) / max(old / size, 1), 0, None)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
    return np.clip(weights @ images @ weights.T, 0, 1)


# ------------------------------------------------------------------------------- hidden digits


def hidden_digit(
    digits=1, visible=3, frames=12, size=24, digit_size=16, clutter=4, clips=(2400, 400, 800), seed=0
):
    """Clips of clutter in which a digit shows for a few frames in a row. Which digit is it?

    Every frame is made anew: the handwriting of the digit, its place, the clutter around and over it, and how
    bright the frame is. So no two frames are equal. Clutter is pieces of digits, half as high and wide as a
    digit. The digit takes the place of three pieces, so that the amount of ink does not tell where it is.
    With two digits, one appears after the other; they are never equal. The digits of train, validation and
    test are different ones, whatever the seed, in the clutter too.

    Parameters
    ----------
    digits : {1, 2}
        How many digits appear. One: `y["digit"]`. Two: `y["first"]` and `y["second"]`.
    visible : int
        Frames for which a digit shows.
    frames : int
        Frames in a clip.
    size : int
        Height and width of a frame in pixels.
    digit_size : int
        Height and width of the digit in it.
    clutter : int
        Pieces in each frame. With 0 the digit stands alone, and all frames are equally bright.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset
        `centre` of each split says where the digit is, frame by frame, and `shown` whether there is one.

    Examples
    --------
    >>> data = hidden_digit(clips=(320, 40, 80))
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (320, 12, 24, 24, 1)
    >>> data.train.shown.sum(axis=1)[:4]         # in how many of its 12 frames a clip shows its digit
    array([3, 3, 3, 3])
    """
    digits = _whole("digits", digits, 1, 2, "With two, ask which came first.")
    frames = _whole("frames", frames, digits, 64, "There has to be a frame for each digit.")
    hint = "The digits, one after the other, have to fit in the clip: lower visible or raise frames."
    visible = _whole("visible", visible, 1, frames // digits, hint)
    size = _whole("size", size, 8, 128, "24 is small enough to train fast.")
    hint = "The digit has to fit in the frame: lower digit_size or raise size."
    digit_size = _whole("digit_size", digit_size, 4, size, hint)
    clutter = _whole("clutter", clutter, 0, 64, "With 3 or fewer a digit stands alone in its frames.")
    seed = _whole("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    images = _resize(_digits(), digit_size)  # (class, 500, row, column)
    test, validation, train = np.split(images, [50, 100], axis=1)
    pools = {"train": train, "validation": validation, "test": test}
    limits = [len(MOTIONS) * 10 * pool.shape[1] for pool in pools.values()]
    counts = _counts(clips, limits, "That is 8 clips of each of its digits.", frames * size * size)
    side = digit_size // 2

    def compose(split, epoch=0):
        pool, n = pools[split], counts[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        order = rng.permutation(n)
        number = np.stack([order % 10, (order + 1 + order // 10 % 9) % 10])[:digits]  # (digit, clip)
        begin = np.sort(rng.integers(frames - digits * visible + 1, size=(digits, n)), axis=0)
        begin += visible * np.arange(digits)[:, None]
        x = np.zeros((n, frames, size, size), "float32")
        centre = np.full((n, frames, 2), np.nan, "float32")
        clip = np.arange(n)[:, None, None]
        for k in range(digits):
            for time in begin[k] + np.arange(visible)[:, None]:
                corner = rng.integers(size - digit_size + 1, size=(n, 2))
                image = pool[number[k], rng.integers(pool.shape[1], size=n)]
                x[clip, time[:, None, None], *_square(corner, digit_size)] = image
                centre[np.arange(n), time] = corner + (digit_size - 1) / 2
        for time in range(frames):
            taken = ~np.isnan(centre[:, time, :1, None])  # a digit takes the place of three pieces
            for number_of_piece in range(clutter):
                whole = pool[rng.integers(10, size=n), rng.integers(pool.shape[1], size=n)]
                cut = _square(rng.integers(digit_size - side + 1, size=(n, 2)), side)
                at = clip, time, *_square(rng.integers(size - side + 1, size=(n, 2)), side)
                x[at] = np.maximum(x[at], whole[clip, *cut] * ~(taken & (number_of_piece < 3)))
        if clutter:
            x *= rng.uniform(0.5, 1, size=(n, frames, 1, 1)).astype("float32")
        labels = dict(zip(("digit",) if digits == 1 else ("first", "second"), number, strict=True))
        return Split(x[..., None], labels, centre=centre)

    names = ("digit",) if digits == 1 else ("first", "second")
    return _dataset("hidden_digit", compose, dict.fromkeys(names, tuple("0123456789")))


def _square(corner, side):
    """Rows and columns of squares with these upper left corners (clip, 2), as an index takes them."""
    rows, columns = corner.T[..., None] + np.arange(side)
    return rows[..., None], columns[:, None]


# ------------------------------------------------------------------------------- camera moves


def camera_moves(frames=8, size=24, clips=(3000, 400, 800), seed=0):
    """Clips of a virtual camera over real photographs, in grey. One label: what the camera does.

    It pans, tilts, zooms or rolls. Place, tilt of the horizon, distance and amount of motion are random,
    so no single frame gives the move away. It is the camera that moves: pan right, and the picture goes
    left. The photographs of train, validation and test are different ones. Each clip is
    standardised: mean 0, variance 1.

    Parameters
    ----------
    frames : int
        Frames in a clip. More frames show the same move in finer steps.
    size : int
        Height and width of a frame in pixels.
    clips : (int, int, int)
        Clips to compose for train, validation and test.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> data = camera_moves(clips=(80, 16, 16))
    >>> data.validation.x.shape                  # (clip, time, height, width, channels)
    (16, 8, 24, 24, 1)
    >>> data.class_names["move"][4]
    'zoom in'
    """
    from scipy import ndimage

    frames = _whole("frames", frames, 1, 64, "Clips of unequal length are for moving_digits.")
    size = _whole("size", size, 8, 64, "24 is small enough to train fast.")
    seed = _whole("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    photos = _photos(size)
    limits = [250 * len(MOVES) * len(photos[split]) for split in SPLITS]
    counts = _counts(clips, limits, "More would show the same places again.", frames * size * size)
    moves = np.array(list(MOVES.values()), "float32")
    progress = np.arange(frames)[:, None] / max(frames - 1, 1) - 0.5  # the middle of the clip is at 0
    grid = np.arange(size) - (size - 1) / 2  # a pixel's place in the frame, seen from its centre

    def compose(split, epoch=0):
        n, sources = counts[split], photos[split]
        rng = np.random.default_rng((seed, SPLITS.index(split), epoch))
        order = rng.permutation(n)
        move, source = order % 8, order // 8 % len(sources)
        amount = rng.uniform(0.35, 0.7, (n, 1, 1))  # how far the middle of an edge travels, in half frames
        path = amount * moves[move][:, None] * progress  # (clip, frames, 4)
        down, right, distance, turn = np.moveaxis(path, 2, 0)[..., None, None]
        # Distances vary far more than any zoom: else the sharpness of one frame would betray it.
        zoom = np.exp(distance + rng.uniform(-0.6, 0.6, (n, 1, 1, 1)))
        angle = turn + rng.uniform(-np.pi, np.pi, (n, 1, 1, 1))
        sine, cosine = zoom * np.sin(angle), zoom * np.cos(angle)
        rows = grid[:, None] + down * size / 2  # (clip, frames, size, 1)
        columns = grid + right * size / 2  # (clip, frames, 1, size)
        x = np.empty((n, frames, size, size), "float32")
        for number, (photo, spots) in enumerate(sources):
            at = source == number
            place = rng.choice(spots, at.sum()).T[..., None, None, None]  # (2, clip, 1, 1, 1)
            r, c = rows[at], columns[at]
            seen = np.stack([r * cosine[at] + c * sine[at], c * cosine[at] - r * sine[at]]) + place
            x[at] = ndimage.map_coordinates(photo, seen, order=1, mode="nearest")  # between pixels: bilinear
        x -= x.mean(axis=(1, 2, 3), keepdims=True)
        x /= x.std(axis=(1, 2, 3), keepdims=True)
        return Split(x[..., None], {"move": move})

    return _dataset("camera_moves", compose, {"move": tuple(MOVES)})


@cache
def _photos(size):
    """For each split its photographs, as pairs (grey image, places (n, 2) where there is enough to see)."""
    from PIL import Image
    from scipy import ndimage

    photos = {split: [] for split in SPLITS}
    margin = int(1.6 * size)  # the farthest any camera looks from the middle of its path
    for file in _files("camera_moves"):
        image = Image.open(file["path"]).convert("L")
        shape = [round(side * 6 * size / min(image.size)) for side in image.size]  # short side: 6 frames
        photo = np.asarray(image.resize(shape, Image.Resampling.LANCZOS), "float32") / 255
        # A place is as good as its weaker direction: along a straight edge nothing seems to move.
        down, right = np.gradient(photo)
        a, b, c = (ndimage.uniform_filter(part, size) for part in (down**2, right**2, down * right))
        weaker = ((a + b) / 2 - np.hypot((a - b) / 2, c))[margin:-margin, margin:-margin]
        photos[file["split"]].append((photo, np.argwhere(weaker >= np.quantile(weaker, 2 / 3)) + margin))
    return photos


# --------------------------------------------------------------------------- movie reviews


def reviews(source="sentences", seed=0):
    """Movie reviews as their authors wrote them. One label: is it negative or positive?

    Only markup, blank space and garbled dashes and quotes are repaired. Duplicates are dropped.
    Near-duplicates, which share a run of 8 words (of long reviews: 12), are always in the same part.

    Long reviews are kept apart by film as well as the file allows: it does not name the films. The reviews
    of one film with one label stand side by side. So blocks of 250 are split, and a review that stands
    within 30 places of a later part is left out. Those with the other label stand elsewhere. They are found
    by names, which are words that occur among a few neighbours only, and left out with ten neighbours on
    each side. Films that no such name gives away may still be in two parts.

    Parameters
    ----------
    source : {"sentences", "long"}
        "sentences": 8,528 sentences from Rotten Tomatoes, in lower case, about 20 words each.
        "long": whole reviews from IMDB, about 170 words each; of 24,901 about 17,500 are used.
    seed : int
        The same seed always gives the same split: train 80 %, validation 10 %, test 10 % of each label,
        of long reviews before some are left out.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> data = reviews("sentences")
    >>> data.train.x.shape, type(data.train.x[0])                  # (review,), text
    ((6822,), <class 'str'>)
    >>> data.class_names["sentiment"][data.train.y["sentiment"][0]] in ("negative", "positive")
    True
    """
    if not isinstance(source, str) or source not in REVIEWS:
        raise ValueError(
            f'source={source!r} cannot be: use "sentences" (Rotten Tomatoes, one sentence each) or "long" '
            "(IMDB, whole reviews)."
        )
    seed = _whole("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    texts, labels, first, names = _reviews(source)
    part = np.empty(len(texts), int)
    rng = np.random.default_rng(seed)
    for label in (0, 1):
        own = labels[first] == label
        block = (first[own] - first[own].min()) // REVIEWS[source][1]  # what is in one block stays together
        _, group, sizes = np.unique(block, return_inverse=True, return_counts=True)
        turn = rng.permutation(len(sizes))
        middle = np.empty(len(sizes))  # of each group, when all stand in a row: from 0 to 1
        middle[turn] = (np.cumsum(sizes[turn]) - sizes[turn] / 2) / sizes.sum()
        part[own] = np.digitize(middle, (0.8, 0.9))[group]
    if source == "long":
        part[_later(part, labels, *names) > part] = -1  # left out

    def compose(split, epoch=0):
        number = SPLITS.index(split)
        order = np.random.default_rng((seed, number, epoch)).permutation(np.flatnonzero(part == number))
        return Split(texts[order], {"sentiment": labels[order]})

    return _dataset("reviews", compose, {"sentiment": ("negative", "positive")})


@cache
def _reviews(source):
    """Texts without duplicates, their labels, for each text the first one it must stay with, and `_names`."""
    content = _files("reviews")[0]["path"].read_bytes()
    long, _, sentences = content.rpartition(b",imdb\n")  # the long ones come first in the file
    content = (sentences if source == "sentences" else long.partition(b"\n")[2]).decode("utf-8")
    plain = bytes(code if chr(code).isalnum() else 32 for code in range(128)) + b" " * 128
    found = {}  # letters and digits of a text -> the text as it is first written, its words, all its labels
    for text, label, *_ in csv.reader(io.StringIO(content, newline="")):
        if not text.isascii():  # some dashes and quotes are in the code of old Windows
            text = re.sub("[\x80-\x9f]", lambda c: c[0].encode("latin-1").decode("cp1252", "ignore"), text)
        text = " ".join(text.replace("<br />", " ").split())
        words = text.lower().encode("ascii", "ignore").translate(plain).split()
        found.setdefault(b" ".join(words), (text, words, set()))[2].add(int(label))
    texts, words, labels = zip(*(entry for entry in found.values() if len(entry[2]) == 1), strict=True)

    owner = np.repeat(np.arange(len(words), dtype="uint64"), [len(text) for text in words])
    word = np.fromiter(map(zlib.crc32, chain.from_iterable(words)), "uint64", len(owner))
    length = REVIEWS[source][0]
    run = np.zeros(len(word) - length + 1, "uint64")  # a number for each run of so many words
    for i in range(length):
        run = run * np.uint64(0x9E3779B97F4A7C15) + word[i : len(run) + i]
    whole = owner[: len(run)] == owner[length - 1 :]  # a run ends in the text in which it begins
    run = np.sort(run[whole] >> 16 << 16 | owner[: len(run)][whole])  # equal runs are neighbours now
    again = np.flatnonzero(run[1:] >> 16 == run[:-1] >> 16)
    one, other = (run[place].astype("uint16") for place in (again, again + 1))
    first = np.arange(len(texts))
    while np.any(first[one] != first[other]):
        lower = np.minimum(first[one], first[other])
        np.minimum.at(first, one, lower)
        np.minimum.at(first, other, lower)
    labels = np.array([min(label) for label in labels])
    return np.array(texts, object), labels, first, _names(owner, word, labels)


def _names(owner, word, labels):
    """Where words stand that mark one film: the number of a text, the number of the word; for each place one.

    Such a word occurs with both labels, in 3 to 30 texts, and with each label among 30 neighbours only.
    """
    found = np.sort(word << 16 | owner)
    found = found[np.diff(found, prepend=found[-1:]) != 0]  # each word of a text once
    word, text = found >> 16, (found & 0xFFFF).astype(int)
    name = np.cumsum(np.diff(word, prepend=word[:1]) != 0)
    start = np.flatnonzero(np.diff(2 * name + labels[text], prepend=-1))  # words and texts are in order
    far = text[np.append(start[1:], len(text)) - 1] - text[start] >= FILM
    number = np.bincount(name)
    marks = (number >= 3) & (number <= FILM) & (np.bincount(name[start]) == 2)
    marks[name[start[far]]] = False
    return text[marks[name]], name[marks[name]]


def _later(part, labels, text, name):
    """For each text the last part that may hold a review of the same film: itself, neighbours, by name."""
    film = np.zeros(name.max() + 1, int)
    np.maximum.at(film, name, part[text])
    named = np.zeros(len(part), int)
    np.maximum.at(named, text, film[name])
    last = part.copy()
    for label in (0, 1):
        own = labels == label
        for found, reach in ((part, FILM), (named, FILM // 3)):
            around = np.pad(found[own], reach)
            near = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1).max(axis=1)
            last[own] = np.maximum(last[own], near)
    return last


# --------------------------------------------------------------------------- traffic


def traffic(days=7, ahead=24, seed=0):
    """Hourly traffic on a motorway: from the hours gone by, tell the volume of the hours to come.

    Volume is in thousands of vehicles per hour, so a mean absolute error times 1,000 is vehicles per
    hour. Temperature and clouds are standardised with mean and deviation of the training hours;
    rain, snow and mist are 0 or 1. The last 2,000 hours are for test, the 2,000 before for validation.
    A window belongs where its hours to come are; its hours gone by may reach back into the part before.

    Parameters
    ----------
    days : int
        Days gone by that x shows: 24 hours each.
    ahead : int
        Hours to come, in y and in `future`.
    seed : int
        The same seed always gives the training windows in the same order. Validation and test keep to time.

    Returns
    -------
    Dataset
        One window for each hour, except where an hour to come was not measured. In the past, a missing
        volume is that of the week before (in the first week: of the day before), missing weather that of
        the hour before. Nothing of a window's past is filled from its future.

    Examples
    --------
    >>> data = traffic(days=7, ahead=24)
    >>> data.test.x.shape, data.test.y["volume"].shape, data.test.future.shape      # (window, hour, feature)
    ((1927, 168, 11), (1927, 24), (1927, 24, 5))
    >>> data.feature_names[:3]
    ('volume', 'temperature', 'clouds')
    """
    days = _whole("days", days, 1, 14, "With 7, the same hour of last week is in sight.")
    ahead = _whole("ahead", ahead, 1, 48, "24 is the day to come.")
    seed = _whole("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    hours, table, measured = _traffic()
    validation, test, end = len(hours) - 4000, len(hours) - 2000, len(hours)
    parts = {"train": (24 * days, validation), "validation": (validation, test), "test": (test, end)}

    def compose(split, epoch=0):
        start = np.arange(parts[split][0], parts[split][1] - ahead + 1)
        start = start[measured[start[:, None] + np.arange(ahead)].all(axis=1)]
        if split == "train":
            start = np.random.default_rng((seed, epoch)).permutation(start)
        after = table[start[:, None] + np.arange(ahead)]
        before = table[start[:, None] + np.arange(-24 * days, 0)]
        volume, future = after[..., 0].copy(), after[..., -len(CALENDAR) :].copy()
        return Split(before, {"volume": volume}, future=future, start=hours[start])

    names = ("volume", "temperature", "clouds", *WEATHER, *CALENDAR)
    return _dataset("traffic", compose, {}, names)


@cache
def _traffic():
    """The hours (datetime64), the table of features (hour, feature) without gaps, and what was measured."""
    with zipfile.ZipFile(_files("traffic")[0]["path"]) as archive:
        rows = list(csv.DictReader(archive.read("traffic_hourly.zip").decode("ascii").splitlines()))
    hours = np.array([row["datetime"] for row in rows], "datetime64[h]")
    volume, temperature, clouds = (
        np.array([row[name] or "nan" for row in rows], "float64")
        for name in ("traffic_volume", "temp", "clouds_all")
    )
    sky = np.array([row["weather_main"] for row in rows])
    measured = ~np.isnan(volume)
    for hour in np.flatnonzero(~measured):
        volume[hour] = volume[hour - 168 if hour >= 168 else hour - 24]
        for weather in (temperature, clouds, sky):
            weather[hour] = weather[hour - 1]
    columns = [volume / 1000]
    columns += [(values - values[:-4000].mean()) / values[:-4000].std() for values in (temperature, clouds)]
    columns += [np.isin(sky, words) for words in WEATHER.values()]
    day = (hours.astype("datetime64[D]").astype(int) + 3) % 7  # Monday is 0
    for turn in (hours.astype(int) % 24 / 24, day / 7):
        columns += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
    return hours, np.stack([*columns, day >= 5], axis=1).astype("float32"), measured


# --------------------------------------------------------------------------- reading and checking


def _manifest():
    return tomllib.loads((DATA / "manifest.toml").read_text(encoding="utf-8"))


def _files(name):
    """The dataset's files as the manifest lists them, with their full path, found and unchanged."""
    entry = _manifest()[name]
    wanted = f"{entry['package']}=={entry['version']}"
    try:  # what is installed, without importing it: a file of the same name beside a notebook does not count
        package = importlib.metadata.distribution(entry["package"])
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            f"{name} reads its data from the package {wanted}, which is not installed. {_repair(wanted)}"
        ) from None
    files = []
    for file in entry["files"]:
        path = Path(package.locate_file(f"{entry['module']}/{file['path']}"))
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as problem:  # it is gone, a folder, or may not be read
            found = "a folder" if path.is_dir() else problem.strerror or "not readable"
        if found != file["sha256"]:
            raise DataError(
                f"{path} is not the file that the course was made with. Its sha256 should be "
                f"{file['sha256']} and is {found}. Needed is {wanted}, installed is {package.version}. "
                f"{_repair(wanted)}"
            )
        files.append({**file, "path": path})
    return files


def _repair(wanted):
    """The command that brings a package's files back into the environment of this kernel."""
    if Path(sys.prefix).resolve() == (DATA.parent / ".venv").resolve():
        where, command = "In the course's folder", "python course.py lab"
        does = ", which checks the installed packages and repairs them"
    elif importlib.util.find_spec("pip"):
        where, does = f"In the environment {sys.prefix}", ""
        command = f"python -m pip install --force-reinstall --no-deps {wanted}"
    else:
        where, does = "In a terminal", ""
        command = f'uv pip install --python "{sys.executable}" --no-deps --reinstall {wanted}'
    return f"{where} run `{command}`{does}. Then restart the kernel."


def _dataset(name, compose, class_names, feature_names=()):
    entry = _manifest()[name]
    card = {key: entry[key] for key in ("content", "split", "licence", "citation")}
    card = {"source": f"{entry['package']} {entry['version']}", **card}
    splits = [compose(split, 0) for split in SPLITS]
    return Dataset(name, *splits, class_names, card, compose, feature_names)


def _whole(name, value, low, high, hint):
    """`value` as an int if it is a whole number from low to high; otherwise a ValueError that helps."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not (whole and low <= value <= high):
        raise ValueError(f"{name}={value!r} cannot be: use a whole number from {low:,} to {high:,}. {hint}")
    return int(value)


def _frames(frames):
    if not isinstance(frames, (tuple, list)):
        return (_whole("frames", frames, 1, 64, "A pair like (4, 12) makes clips of unequal length."),) * 2
    if len(frames) != 2:
        raise ValueError(f"frames={frames!r} cannot be: use a number like 8 or a pair (shortest, longest).")
    longest = _whole("frames[1]", frames[1], 1, 64, "It is the length of the longest clip.")
    return _whole("frames[0]", frames[0], 1, longest, "It is the length of the shortest clip."), longest


def _counts(clips, limits, why, pixels):
    """Clips per split as ints, if the images can give that many and two gigabytes can hold them."""
    if not isinstance(clips, (tuple, list)) or len(clips) != 3:
        raise ValueError(f"clips={clips!r} cannot be: use three counts, (train, validation, test).")
    counts = [_whole(f"clips[{i}]", clips[i], 1, limits[i], f"({SPLITS[i]}) {why}") for i in range(3)]
    if sum(counts) * pixels * 4 > 2e9:
        raise ValueError(
            f"clips={clips!r} cannot be: these clips need {sum(counts) * pixels * 4 / 1e9:.1f} GB of memory, "
            "and 2 GB are allowed. Ask for fewer clips, fewer frames or a smaller size."
        )
    return dict(zip(SPLITS, counts, strict=True))


def cards_markdown():
    """Text of data/README.md: a card for each dataset of the manifest."""
    text = "# Data cards\n\nAll data come with installed packages, so every lesson runs offline.\n"
    text += "`python -m course_utils.datasets` writes this page from manifest.toml: edit that file.\n"
    for name, entry in _manifest().items():
        text += f"\n## {entry['title']}\n\n`datasets.{name}()`. {entry['about']}\n\n"
        text += f"- **Source**: {entry['package']} {entry['version']}: {entry['content']}\n"
        for key in ("shape", "labels", "split", "licence", "citation"):
            text += f"- **{key.capitalize()}**: {entry[key]}\n"
        columns = list(entry["files"][0])
        for row in (columns, ["---"] * len(columns), *(file.values() for file in entry["files"])):
            text += ("\n" if row is columns else "") + f"| {' | '.join(row)} |\n"
    return text


if __name__ == "__main__":
    (DATA / "README.md").write_text(cards_markdown(), encoding="utf-8", newline="\n")
