"""The course's data: real images, read from installed packages and put in motion here.

Every loader returns a `Dataset`: train, validation and test (each a `Split` of x and y), the names of
the classes, and a card that says where the data comes from. Everything runs offline and is seeded.
`python -m course_utils.datasets` writes data/README.md from data/manifest.toml.
"""

import hashlib
import html
import importlib.metadata
import importlib.util
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
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


class DataError(RuntimeError):
    """A data file cannot be used: its package is missing or is not the one the course was made with."""


# ------------------------------------------------------------------------------ what a loader returns


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset: clips and their labels.

    Attributes
    ----------
    x : array (clip, time, height, width, channels), float32
    y : dict of arrays (clip,), int
        One entry for each thing there is to name, for instance `y["digit"]` and `y["motion"]`.
    lengths : array (clip,), int, or None
        How many frames of each clip are real; the frames after them are padding. None: all are.
    """

    x: np.ndarray
    y: dict[str, np.ndarray]
    lengths: np.ndarray | None = None

    @property
    def mask(self):
        """Bool array (clip, time): True where a frame is real, False where it is padding."""
        lengths = np.full(len(self), self.x.shape[1]) if self.lengths is None else self.lengths
        return np.arange(self.x.shape[1]) < lengths[:, None]

    def __len__(self):
        return len(self.x)

    def __repr__(self):
        return f"Split({len(self):,} clips, x {self._shape()}, y {', '.join(self.y)})"

    def _shape(self):
        real = "" if self.lengths is None else f", {self.lengths.min()} to {self.lengths.max()} real frames"
        return f"{self.x.shape}{real}"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Train, validation and test, the names of the classes, and a card. Show it to see what you hold.

    Attributes
    ----------
    name : str
    train, validation, test : Split
    class_names : dict of tuples of str
        `class_names["motion"][3]` is the word for a 3 in `y["motion"]`.
    card : dict of str
        Where the data comes from, its licence, how it is split, what to cite.
    compose : callable
        `compose("train", 3)` makes the training clips of epoch 3; see `recompose`.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: dict[str, tuple[str, ...]]
    card: dict[str, str]
    compose: Callable[[str, int], Split]

    def recompose(self, epoch):
        """Compose new training clips from the same training images.

        Parameters
        ----------
        epoch : int
            The same epoch always gives the same clips, every other epoch gives others;
            `recompose(0)` equals `train`.

        Returns
        -------
        Split
        """
        return self.compose("train", _whole("epoch", epoch, 0, 10**6, "Count epochs from 0."))

    def __repr__(self):
        return "\n".join([self.name, *(f"  {key:<12}{text}" for key, text in self._facts().items())])

    def _repr_html_(self):
        cell = "<td style='text-align:left'>"
        facts = self._facts().items()
        rows = (f"<tr>{cell}<b>{key}</b></td>{cell}{html.escape(text)}</td></tr>" for key, text in facts)
        return f"<b>{self.name}</b><table>{''.join(rows)}</table>"

    def _facts(self):
        x = self.train.x
        facts = {"x": f"(clip, time, height, width, channels), {x.dtype} from {x.min():.3g} to {x.max():.3g}"}
        for name in SPLITS:
            split = getattr(self, name)
            facts[name] = f"{len(split):,} clips, x {split._shape()}"
        for label, names in self.class_names.items():
            facts[f"y[{label!r}]"] = f"{len(names)} classes: {', '.join(names)}"
        return facts | self.card


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


# --------------------------------------------------------------------------- reading and checking


def _manifest():
    return tomllib.loads((DATA / "manifest.toml").read_text(encoding="utf-8"))


def _files(name):
    """The dataset's files as the manifest lists them, with their full path, found and unchanged."""
    entry = _manifest()[name]
    wanted = f"{entry['package']}=={entry['version']}"
    mend = (
        "In the course's folder, `python course.py lab` installs it again from requirements.lock; "
        f"`python -m pip install {wanted}` brings this package alone. Then restart the kernel."
    )
    spec = importlib.util.find_spec(entry["module"])  # finds the package without importing it
    if spec is None:
        raise DataError(f"{name} reads its images from the package {wanted}, which is not installed. {mend}")
    files = []
    for file in entry["files"]:
        path = Path(spec.submodule_search_locations[0]) / file["path"]
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no such file"
        if found != file["sha256"]:
            raise DataError(
                f"{path} is not the file that the course was made with. Its sha256 should be "
                f"{file['sha256']} and is {found}. Needed is {wanted}, installed is "
                f"{importlib.metadata.version(entry['package'])}. {mend}"
            )
        files.append({**file, "path": path})
    return files


def _dataset(name, compose, class_names):
    entry = _manifest()[name]
    card = {key: entry[key] for key in ("content", "split", "licence", "citation")}
    card = {"source": f"{entry['package']} {entry['version']}", **card}
    return Dataset(name, *(compose(split, 0) for split in SPLITS), class_names, card, compose)


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
    text = "# Data cards\n\nThe images come with installed packages, so every lesson runs offline.\n"
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
