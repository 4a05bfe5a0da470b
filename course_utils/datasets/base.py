"""What every loader returns, and how a data file is found, checked and refused."""

import hashlib
import html
import importlib.metadata
import importlib.util
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "data"
RESTORE = "In the course's folder run `git checkout -- data`, or download the course again."
SPLITS = ("train", "validation", "test")


class DataError(RuntimeError):
    """A data file cannot be used: its package is missing or is not the one the course was made with."""


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a dataset: clips, texts or windows of a series, and what there is to say of each.

    Attributes
    ----------
    x : array
        Clips: (clip, time, height, width, channels), float32, or (clip, time, features). Texts: (text,), each
        a str. Windows: (window, step, feature), float32, the steps gone by.
    y : dict of arrays
        One entry for each thing there is to name, for instance `y["digit"]` and `y["motion"]`, (clip,),
        int. Of windows `y["volume"]`, (window, hour), float32: the hours to come, right after those of x.
    lengths : array (clip,), int, or None
        How many frames of each clip are real; the frames after them are padding. None: all are.
    future : array (window, hour, feature), float32, or None
        What is known ahead of the hours to come: the calendar, the last features of x.
    start : array (window,), datetime64[h], or None
        The first of the hours to come.
    centre : array (clip, time, 2), float32, or None
        Of clips with a hidden or a bouncing digit: row and column of its centre in pixels; NaN in frames
        without one. With two bouncing digits (clip, time, digit, 2): that of the first, and of the second.
    names : array (clip,), str, or None
        Of clips of your own: "class/clip", as they are called in the folder.
    groups : array (clip,), str, or None
        Of clips of your own: the group that each belongs to, which is whole in one part. It is called like
        what `groups=` finds in the name; without `groups=` each clip is on its own, and called like it.
        Copies of a clip share the group of the first.
    """

    x: np.ndarray
    y: dict[str, np.ndarray]
    lengths: np.ndarray | None = None
    future: np.ndarray | None = None
    start: np.ndarray | None = None
    centre: np.ndarray | None = None
    names: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def shown(self):
        """Of clips with a `centre`, a bool array (clip, time): True where a frame has a digit."""
        if self.centre is None:
            return None
        return ~np.isnan(self.centre).reshape(*self.centre.shape[:2], -1).any(axis=2)

    @property
    def mask(self):
        """Of clips, a bool array (clip, time): True where a frame is real, False where it is padding."""
        if self.x.ndim != 5 and self.lengths is None:
            what = "texts, each one a str" if self.x.dtype == object else "windows, all steps of them real"
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
            return f"{len(self):,} texts of {np.median(words):.0f} words (median) to {max(words):,} (longest)"
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
        return self.compose("train", whole_number("epoch", epoch, 0, 10**6, "Count epochs from 0."))

    def __repr__(self):
        return "\n".join([self.name, *(f"  {key:<11} {text}" for key, text in self._facts().items())])

    def _repr_html_(self):
        cell = "<td style='text-align:left'>"
        facts = self._facts().items()
        rows = (f"<tr>{cell}<b>{key}</b></td>{cell}{html.escape(text)}</td></tr>" for key, text in facts)
        return f"<b>{self.name}</b><table>{''.join(rows)}</table>"

    def _facts(self):
        if "x" in self.card:
            facts = {"x": self.card["x"]}
        elif self.train.x.dtype == object:
            facts = {"x": "(text,), each a str"}
        elif self.feature_names:
            facts = {"x": _axes_and_range("(window, hour, feature)", self.train.x)}
            facts["features"] = ", ".join(self.feature_names)
            known = self.feature_names[-self.train.future.shape[-1] :]
            facts["future"] = f"(window, hour, feature): {', '.join(known)} of the hours to come"
        else:
            facts = {"x": _axes_and_range("(clip, time, height, width, channels)", self.train.x)}
        facts |= {name: getattr(self, name)._size() for name in SPLITS}
        for label, values in self.train.y.items():
            names = self.class_names.get(label)
            classes = names and f"{len(names)} classes: {', '.join(names)}"
            facts[f"y[{label!r}]"] = classes or _axes_and_range("(window, hour)", values)
        return facts | self.card


def _axes_and_range(axes, values):
    return f"{axes}, {values.dtype} from {values.min():.3g} to {values.max():.3g}"


def read_manifest():
    return tomllib.loads((DATA / "manifest.toml").read_text(encoding="utf-8"))


def installed_files(name):
    """The dataset's files as the manifest lists them, with their full path, found and unchanged."""
    entry = read_manifest()[name]
    if "folder" in entry:  # it comes with the course, not with a package
        return [_unchanged(DATA / file["path"], file, "", RESTORE) for file in entry["files"]]
    wanted = f"{entry['package']}=={entry['version']}"
    try:  # what is installed, without importing it: a file of the same name beside a notebook does not count
        package = importlib.metadata.distribution(entry["package"])
    except importlib.metadata.PackageNotFoundError:
        raise DataError(
            f"{name} reads its data from the package {wanted}, which is not installed. {_repair(wanted)}"
        ) from None
    needed = f"Needed is {wanted}, installed is {package.version}. "
    return [
        _unchanged(
            Path(package.locate_file(f"{entry['module']}/{file['path']}")), file, needed, _repair(wanted)
        )
        for file in entry["files"]
    ]


def _unchanged(path, file, needed, repair):
    """The file's line of the manifest with its full path, if it has the sha256 that is stated there."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:  # it is gone, a folder, or may not be read
        found = "a folder" if path.is_dir() else problem.strerror or "not readable"
    if found != file["sha256"]:
        raise DataError(
            f"{path} is not the file that the course was made with. Its sha256 should be "
            f"{file['sha256']} and is {found}. {needed}{repair}"
        )
    return {**file, "path": path}


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


def assemble(name, compose, class_names, feature_names=()):
    entry = read_manifest()[name]
    card = {key: entry[key] for key in ("content", "split", "licence", "citation")}
    card = {"source": source_of(entry), **card}
    splits = [compose(split, 0) for split in SPLITS]
    return Dataset(name, *splits, class_names, card, compose, feature_names)


def source_of(entry):
    """Where a dataset of the manifest comes from, in words."""
    return entry["command"] if "folder" in entry else f"{entry['package']} {entry['version']}"


def whole_number(name, value, low, high, hint):
    """`value` as an int if it is a whole number from low to high; otherwise a ValueError that helps."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not (whole and low <= value <= high):
        raise ValueError(f"{name}={value!r} cannot be: use a whole number from {low:,} to {high:,}. {hint}")
    return int(value)


def cards_markdown():
    """Text of data/README.md: a card for each dataset of the manifest."""
    text = (
        "# Data cards\n\nAll data come with installed packages, or lie in this folder, so every lesson runs "
    )
    text += "offline.\n"
    text += "`python -m course_utils.datasets` writes this page from manifest.toml: edit that file.\n"
    for name, entry in read_manifest().items():
        text += f"\n## {entry['title']}\n\n`datasets.{entry.get('loader', name)}()`. {entry['about']}\n\n"
        text += f"- **Source**: {source_of(entry)}: {entry['content']}\n"
        for key in ("shape", "labels", "split", "licence", "citation"):
            text += f"- **{key.capitalize()}**: {entry[key]}\n"
        columns = list(entry["files"][0])
        for row in (columns, ["---"] * len(columns), *(file.values() for file in entry["files"])):
            text += ("\n" if row is columns else "") + f"| {' | '.join(row)} |\n"
    return text
