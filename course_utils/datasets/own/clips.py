"""Clips of your own: a folder of videos, or of folders of images."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.datasets.base import SPLITS, DataError, Dataset, Split, whole_number
from course_utils.datasets.own.cache import Cache, key_of
from course_utils.datasets.own.folders import by_class, checked_path
from course_utils.datasets.own.splitting import (
    by_group,
    class_names,
    groups_by,
    together,
    told,
    told_of_split,
)
from course_utils.datasets.own.workers import digest_of, done_by, features_of, read_clip

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif", ".m4v")
KINDS = {"video": "files such as walk/anna 1.mp4", "frames": "folders of images such as walk/anna 1/0001.png"}


def read_videos(
    path, frames=16, rate=None, size=(64, 64), fit="pad", channels=1, groups=None, features=None, seed=0,
    cache=None, seconds=60, memory=2**31, client=None,
):  # fmt: skip
    r"""Clips from a folder that has a folder of videos for each class.

    Each file is read once, by a process of its own, and kept in a cache; later calls read that, and an
    interrupted one goes on. The arrays stay on disk (`numpy.memmap`), so that a folder may be far larger than
    the memory. Clips that show the same stay in one part. Clips added later may move others to another part.

    Parameters
    ----------
    path : str or Path
        Holds a folder for each class, named like it.
    frames : int
        Frames of a clip, spread evenly over its time. Zeros follow a shorter clip; `mask` tells them.
    rate : float or None
        Frames a second, instead of spread evenly: the first `frames` of them.
    size : (int, int)
        Height and width.
    fit : {"pad", "crop"}
        How an image of another shape gets there: with black beside it, or cut to its middle. It is never
        squeezed.
    channels : {1, 3}
        Grey or colour.
    groups : str or None
        A regular expression with one group, searched in "class/clip": what it finds says which clips belong
        together, because they show the same person or recording. They are never divided among train and test.
        None: each clip is on its own.
    features : str, Path or None
        A model saved as .keras, which turns frames (time, height, width, channels) between 0 and 1 into
        features (time, ...). They take the place of the frames, and are kept in the cache, too.
    seed : int
        The same seed gives the same split.
    cache : str, Path or None
        Where to keep what was read. None: in the folder `.clips` of `path`.
    seconds, memory : float, int
        How long reading one clip may take, and how many bytes it may need.
    client : None, "local", str or distributed.Client
        Who reads. None: this machine. Else the workers of a Dask cluster: its address, a client, or "local"
        for a cluster on this machine. All must see the files under the same path. The result is the same.

    Returns
    -------
    Dataset
        `y["class"]` is the number of the class, x between 0 and 1, `lengths` the frames that are real.

    Raises
    ------
    ValueError
        If an argument cannot be, or the folder has too few classes or clips for three parts.
    DataError
        If no clip of a class can be read, the cache cannot be written, or a cluster cannot do what it should.

    Examples
    --------
    >>> data = read_videos("gestures", frames=16, size=(48, 64), groups=r"/([^\W\d_]+)")
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (24, 16, 48, 64, 1)
    """
    how = checked_how(frames, rate, size, fit, channels)
    return _read(path, "video", how, groups, features, seed, cache, seconds, memory, client)


def read_frames(
    path, frames=16, size=(64, 64), fit="pad", channels=1, groups=None, features=None, seed=0, cache=None,
    seconds=60, memory=2**31, client=None,
):  # fmt: skip
    """Clips from a folder that has, for each class, a folder with a folder of images for each clip.

    The images are sorted as people count: 2 before 10. Only those that are taken are opened; files that are
    no images are passed over. All else, the parameters too, is as in `read_videos`.

    Examples
    --------
    >>> data = read_frames("gestures", frames=16, size=(48, 64))
    """
    how = checked_how(frames, None, size, fit, channels)
    return _read(path, "frames", how, groups, features, seed, cache, seconds, memory, client)


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def checked_how(frames, rate, size, fit, channels):
    """How a clip is read, as the decoder is told it."""
    if rate is not None and not (_is_number(rate) and 0 < rate <= 1000):
        raise ValueError(f"rate={rate!r} cannot be: use frames a second from above 0 to 1,000, or None.")
    frames = whole_number("frames", frames, 1, 4096, "16 are enough to begin with.")
    if not (isinstance(size, (tuple, list)) and len(size) == 2):
        raise ValueError(f"size={size!r} cannot be: use (height, width) in pixels, for instance (48, 64).")
    height, width = (whole_number("size", side, 8, 1024, "It is (height, width) in pixels.") for side in size)
    if fit not in ("pad", "crop"):
        raise ValueError(f'fit={fit!r} cannot be: use "pad" (black beside the image) or "crop" (its middle).')
    if isinstance(channels, bool) or channels not in (1, 3):
        raise ValueError(f"channels={channels!r} cannot be: use 1 (grey) or 3 (colour).")
    rate = None if rate is None else float(rate)
    return {
        "frames": frames,
        "rate": rate,
        "height": height,
        "width": width,
        "fit": fit,
        "channels": int(channels),
    }


@dataclass(frozen=True, eq=False)
class Clips:
    """The clips of a folder as they were read, before they are divided.

    Attributes
    ----------
    root : Path
    how : dict
        How they were read, as `checked_how` gives it.
    cache : Cache
    keys, abouts : dict
        Name "class/clip" -> its name in the cache, and what is known of it.
    skipped : dict of str
        Name of what was left out -> why, and what to do.
    """

    root: Path
    how: dict
    cache: Cache
    keys: dict
    abouts: dict
    skipped: dict

    @property
    def classes(self):
        """The names of the classes, in the order in which people count."""
        return class_names(name.partition("/")[0] for name in self.abouts)

    def grouped(self, pattern):
        """The name of the group of each clip; copies of a clip share one, whatever `pattern` finds."""
        groups = groups_by(pattern, list(self.abouts))
        return [groups[first] for first in together([about.digest for about in self.abouts.values()], groups)]

    def divided(self, pattern, seed):
        """The names of the classes; and of each clip the number of its class, its group and its part."""
        groups, names = self.grouped(pattern), self.classes
        owners = [name.partition("/")[0] for name in self.abouts]
        labels = np.array([names.index(owner) for owner in owners])
        return names, labels, np.array(groups), by_group(owners, groups, seed)


def read_clips(path, kind, how, cache=None, seconds=60, memory=2**31, client=None):
    """The `Clips` of a folder; those not in the cache yet are read. Parameters as of `read_videos`."""
    root = _checked_folder(path)
    memory = whole_number("memory", memory, 2**26, 2**50, "It is in bytes.")
    if not (_is_number(seconds) and seconds > 0):
        raise ValueError(f"seconds={seconds!r} cannot be: use a number above 0, for instance 60.")
    clips, skipped = _clips(root, kind)
    kept = Cache(Path(cache).expanduser() if cache else root / ".clips")
    keys, lost = _keys(clips, how)
    abouts = {name: about for name, key in keys.items() if (about := kept.about(key))}
    missing = [(name, str(clips[name].absolute())) for name in keys if name not in abouts]
    for name, result in done_by(client, missing, "clips read", read_clip, how, float(seconds), memory):
        found = result()
        if isinstance(found, str):
            lost[name] = found
        else:
            kept.keep(keys[name], *found)
            abouts[name] = kept.about(keys[name])
    abouts = {name: abouts[name] for name in keys if name in abouts}  # in order, whoever was done first
    lost = {name: lost[name] for name in clips if name in lost}
    _check_classes(root, abouts, len(clips), lost)
    return Clips(root, how, kept, {name: keys[name] for name in abouts}, abouts, skipped | lost)


def _read(path, kind, how, groups, features, seed, cache, seconds, memory, client):
    seed = whole_number("seed", seed, 0, 2**31, "Any of them will do.")
    clips = read_clips(path, kind, how, cache, seconds, memory, client)
    keys = clips.keys
    if features is not None:
        keys = _featured(clips.cache, keys, Path(features).expanduser().resolve(), client)
    return _dataset(clips, keys, features is not None, groups, seed)


def _checked_folder(path):
    root = checked_path(path)
    if not os.path.isdir(root):  # unlike `Path.is_dir`, it takes names of any length
        here = "there is a file of that name" if os.path.exists(root) else "there is no such folder"
        told = f"cannot be: {here}. Give the folder that holds a folder for each class."
        raise ValueError(f"path={str(path)!r} {told}")
    return root


def _clips(root, kind):
    """Name "class/clip" -> where it is; and the names of what is no clip -> why."""
    found, skipped = by_class(root)
    clips = {}
    for name, clip in found:
        if clip.is_dir() and clip.is_symlink():
            skipped[name] = "it is a link to a folder: copy the folder itself"
        elif kind == "frames" and not clip.is_dir():
            skipped[name] = "it is a file; with kind='frames' each clip is a folder of images"
        elif kind == "video" and clip.is_dir():
            skipped[name] = "it is a folder; with kind='video' each clip is a file"
        elif kind == "video" and clip.suffix.lower() not in VIDEOS:
            skipped[name] = f"it is none of {', '.join(VIDEOS)}: convert it"
        else:
            clips[name] = clip
    classes = {name.partition("/")[0] for name in clips}
    if len(classes) < 2:
        found = f"only {min(classes)!r}" if classes else "none"
        raise ValueError(
            f"path={str(root)!r} needs a folder of clips for each of two classes or more, and has {found}. "
            f"Expected are {KINDS[kind]}. Left out: {told(skipped, len(skipped), 3)}."
        )
    return clips, skipped


def _keys(clips, how):
    """Clip -> its name in the cache, which changes with its files; clips that cannot be opened -> why."""
    keys, lost = {}, {}
    for name, clip in clips.items():
        if not clip.exists():
            lost[name] = "it is a link that leads nowhere: copy the file itself"
        elif not (clip.is_file() or clip.is_dir()):
            lost[name] = "it is no file but a device or a pipe: remove it"
        elif clip.is_file() and not clip.stat().st_size:
            lost[name] = "it is empty: copy it again"
        elif not os.access(clip, os.R_OK):
            lost[name] = "it cannot be opened: see who may read it"
        else:
            try:
                files = sorted(clip.iterdir()) if clip.is_dir() else [clip]
                state = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
                keys[name] = key_of(str(clip.resolve()), state, how)
            except OSError as problem:
                lost[name] = f"it cannot be opened ({problem.strerror}): see who may read it"
    return keys, lost


def _check_classes(root, abouts, number, lost):
    """Leave out clips that two classes have; refuse a folder in which a class has no clip left."""
    classes_of = {}
    for name, about in abouts.items():
        classes_of.setdefault(about.digest, {}).setdefault(name.partition("/")[0], name)
    for name, about in list(abouts.items()):
        others = [other for kind, other in classes_of[about.digest].items() if kind != name.partition("/")[0]]
        if others:
            lost[name] = f"it shows the same as {others[0]}, which is of another class: decide on one"
            del abouts[name]
    names = {name.partition("/")[0] for name in lost} - {name.partition("/")[0] for name in abouts}
    if names:
        raise DataError(
            f"No clip of {', '.join(sorted(names))} in {root} can be read. Left out: {told(lost, number, 3)}."
        )


def _featured(kept, keys, path, client):
    """Make the features of clips that are not in the cache yet. Clip -> its name there."""
    digest = digest_of(path)
    made = {name: key_of(key, digest) for name, key in keys.items()}
    missing = ((name, kept.clip(keys[name])) for name, key in made.items() if kept.about(key) is None)
    for name, result in done_by(client, missing, "clips run through the CNN", features_of, str(path), digest):
        frames = kept.about(keys[name]).length
        try:
            array = result()
        except DataError:
            raise
        except Exception as problem:  # whatever a model may say to what it is shown
            first = " ".join(re.sub(r"\x1b\[\d*m", "", str(problem)).split())[:200]
            raise ValueError(f"features={str(path)!r} cannot read the frames of {name}: {first}") from problem
        if len(array.shape) < 2 or len(array) != frames:
            raise ValueError(
                f"features={str(path)!r} makes {array.shape} of the {frames} frames of {name}: it must give "
                f"features for each frame, ({frames}, ...)."
            )
        kept.keep(made[name], array)
    return made


def _dataset(clips, keys, featured, pattern, seed):
    """Divide the clips, and lay those of each part side by side in one file that is not read into memory."""
    every, abouts = np.array(list(clips.abouts)), clips.abouts
    names, labels, groups, part = clips.divided(pattern, seed)
    lengths = np.array([about.length for about in abouts.values()])
    splits = {}
    for number, split in enumerate(SPLITS):
        own = np.random.default_rng(seed).permutation(np.flatnonzero(part == number))
        inside = [keys[name] for name in every[own]]
        x = clips.cache.side_by_side(key_of(inside), inside, clips.how["frames"])
        splits[split] = Split(x, {"class": labels[own]}, lengths[own], names=every[own], groups=groups[own])
    sizes = Counter(size for about in abouts.values() for size in about.sizes)
    widths = [f"{w} x {h} ({n})" for (w, h), n in sizes.most_common(5)] + ["and others"] * (len(sizes) > 5)
    noted = {name: "; ".join(about.notes) for name, about in abouts.items() if about.notes}
    axes = "time, height, width, channels" if not featured else "time, features"
    card = {
        "x": f"(clip, {axes}), float32",
        "source": str(clips.root.resolve()),
        "content": ", ".join(f"{name} {np.sum(labels == n)}" for n, name in enumerate(names)),
        "sizes": f"width x height (clips): {', '.join(widths)}",
        "skipped": told(clips.skipped, len(every) + len(clips.skipped)),
        "noted": told(noted, len(every)),
        "split": told_of_split(names, labels, part, groups if pattern else None),
    }
    called = clips.root.resolve().name
    return Dataset(called, *splits.values(), {"class": names}, card, lambda split, epoch: splits[split])
