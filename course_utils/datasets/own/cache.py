"""What was read of clips, kept on disk: a file for each clip, and the clips of a part side by side."""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.datasets.base import DataError

FORMAT = 2  # of the files; another number makes them anew


def key_of(*parts):
    """A name that changes with what can be written as JSON."""
    return hashlib.sha256(json.dumps([FORMAT, *parts]).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class About:
    """Of a clip: a digest of its frames, their number, the sizes (width, height) they had, and notes."""

    digest: str
    length: int
    sizes: list
    notes: list


class Cache:
    """Clips in a folder, each an .npz file (frames, sizes, notes) whose name tells how it was made.

    Parameters
    ----------
    folder : Path
        Made when something is written. Whoever deletes it loses time only.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def about(self, name):
        """What is known of a clip, for which it is read whole; None if it is missing or damaged."""
        try:
            with np.load(self._file(name), allow_pickle=False) as kept:
                frames, sizes = kept["frames"], [tuple(map(int, size)) for size in kept["sizes"]]
                digest = hashlib.sha256(frames.tobytes()).hexdigest()
                return About(digest, len(frames), sizes, kept["notes"].tolist())
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def clip(self, name):
        """The frames of a clip that is there, or its features."""
        with np.load(self._file(name), allow_pickle=False) as kept:
            return kept["frames"]

    def keep(self, name, frames, sizes=(), notes=()):
        """Write a clip.

        Raises
        ------
        DataError
            If the folder cannot be written.
        """
        with self._written(self._file(name)) as out:
            np.savez(out, frames=frames, sizes=np.array(sizes), notes=np.array(notes, "U"))

    def side_by_side(self, key, names, frames):
        """Clips as one array (clip, time, ...), float32, that stays on disk; zeros follow short clips.

        Parameters
        ----------
        key : str
            A name for the array.
        names : list of str
            The clips, all in the cache.
        frames : int
            The length of the time axis.
        """
        shape = (len(names), frames, *self.clip(names[0]).shape[1:])
        with contextlib.suppress(OSError, ValueError, EOFError):
            array = np.load(self.folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
            if array.shape == shape:
                return array
        with self._written(self.folder / f"{key}.npy") as out:
            np.lib.format.write_array_header_1_0(
                out, {"descr": "<f4", "fortran_order": False, "shape": shape}
            )
            for name in names:
                clip = self.clip(name)
                whole = np.zeros(shape[1:], "<f4")
                whole[: len(clip)] = clip / np.float32(255) if clip.dtype == np.uint8 else clip
                out.write(whole.tobytes())
        return np.load(self.folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)

    def _file(self, name):
        return self.folder / "clips" / f"{name}.npz"

    @contextlib.contextmanager
    def _written(self, file):
        """A file open for writing that takes its name when it is whole, whoever else writes the same."""
        out = None
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as out:
                yield out
            os.replace(out.name, file)
        except OSError as problem:
            if out:
                with contextlib.suppress(OSError):
                    os.unlink(out.name)
            raise DataError(
                f"{file.parent} cannot be written ({problem.strerror}): give a folder with room as cache=."
            ) from None
