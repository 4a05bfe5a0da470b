"""What the folder lab knows of a folder: its clips as they are read, and how they are divided."""

import inspect
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from course_utils.datasets.base import SPLITS, whole_number
from course_utils.datasets.own.clips import Clips, checked_how, read_clips, read_frames, read_videos
from course_utils.datasets.own.decoder import in_order

READERS = {"video": read_videos, "frames": read_frames}
HOW = ("frames", "rate", "size", "fit", "channels")  # options that a clip is read by
ALSO = ("cache", "seconds", "memory", "client")  # options that change nothing in a clip


class Folder:
    """A folder of clips, read in one way after another; parameters as of `FolderLab`."""

    def __init__(self, path, kind, options):
        if not isinstance(kind, str) or kind not in READERS:
            raise ValueError(f"kind={kind!r} cannot be: use 'video' or 'frames', as the lab shows clips.")
        known = inspect.signature(READERS[kind]).parameters
        usable = [name for name in known if name not in ("path", "features")]
        for name in options:
            if name not in usable:
                raise ValueError(f"{name}= is no option of this lab, which has {', '.join(usable)}.")
        given = {name: known[name].default for name in usable} | options
        self.path, self.kind, self.groups = path, kind, given["groups"]
        self.seed = whole_number("seed", given["seed"], 0, 2**31, "Any of them will do.")
        self.how = checked_how(*(given.get(name) for name in HOW))
        self._also = {name: given[name] for name in ALSO}
        self.read, self.divided = lru_cache(64)(self.read), lru_cache(256)(self.divided)

    def read(self, frames, height, width, fit, channels):
        """The clips as they are with these settings.

        Raises
        ------
        ValueError, DataError
            As `datasets.from_folder` does.
        """
        how = checked_how(frames, self.how["rate"], (height, width), fit, channels)
        return read_clips(self.path, self.kind, how, **self._also)

    def divided(self, how, by_pattern, seed):
        """The `Division` of the clips, read as `how` tells: (frames, height, width, fit, channels).

        Raises
        ------
        ValueError, DataError
            As `datasets.from_folder` does.
        """
        clips, misfit = self.read(*how), ""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            names, labels, groups, part = clips.divided(self.groups if by_pattern else None, seed)
        if not by_pattern and self.groups is not None:
            try:
                groups = np.array(clips.grouped(self.groups))
            except ValueError as problem:
                misfit = str(problem)
        return Division(clips, names, labels, groups, part, misfit, tuple(str(each.message) for each in told))


@dataclass(frozen=True, eq=False)
class Division:
    """The clips of a folder, and which part each of them is in.

    `labels`, `groups` and `part` are arrays with an entry for each clip. The groups are those of the pattern,
    even where clips were divided each on its own; `misfit` says why the pattern gives none, and `warned`
    what the splitter warned of.
    """

    clips: Clips
    classes: tuple
    labels: np.ndarray
    groups: np.ndarray
    part: np.ndarray
    misfit: str
    warned: tuple

    @cached_property
    def names(self):
        return list(self.clips.abouts)

    @cached_property
    def lengths(self):
        """The real frames of each clip."""
        return np.array([about.length for about in self.clips.abouts.values()])

    @cached_property
    def spread(self):
        """Group -> how many of its clips are in train, validation and test; groups as people count."""
        names, owners = np.unique(self.groups, return_inverse=True)
        counts = np.zeros((len(names), len(SPLITS)), int)
        np.add.at(counts, (owners, self.part), 1)
        found = dict(zip(names.tolist(), counts))
        return {name: found[name] for name in sorted(found, key=in_order)}

    @cached_property
    def leaking(self):
        """The groups that have clips in more than one part."""
        return [name for name, counts in self.spread.items() if (counts > 0).sum() > 1]

    @cached_property
    def known(self):
        """How many clips of the test part belong to a group that is in the training part, too."""
        train = set(self.groups[self.part == 0].tolist())
        return sum(group in train for group in self.groups[self.part == 2].tolist())

    def chosen(self, part, label):
        """The places of the clips of a part (0, 1 or 2) and of a class (its number, or None for all)."""
        return np.flatnonzero((self.part == part) & ((label is None) | (self.labels == label)))

    def count(self, label, part):
        """How many clips, and how many groups, a class has in a part; None stands for all of them."""
        these = np.ones(len(self.part), bool)
        for given, every in ((label, self.labels), (part, self.part)):
            these &= given is None or every == given
        return int(these.sum()), len(set(self.groups[these].tolist()))
