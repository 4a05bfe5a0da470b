"""Your own data: a folder of videos or frames, a table of texts, or a series becomes a `Dataset`."""

import inspect

from course_utils.datasets.own.clips import read_frames, read_videos
from course_utils.datasets.own.series import read_series
from course_utils.datasets.own.texts import read_texts

__all__ = ["from_folder", "read_frames", "read_series", "read_texts", "read_videos"]

READERS = {"video": read_videos, "frames": read_frames, "text": read_texts, "series": read_series}


def from_folder(path, kind, **options):
    r"""Read your own data from a folder or a table.

    What cannot be used is left out, file by file, and `card["skipped"]` says why and what to do.

    Parameters
    ----------
    path : str or Path
        "video" and "frames": a folder that has a folder for each class. "text": the same with .txt files, or
        a CSV file. "series": a CSV file.
    kind : {"video", "frames", "text", "series"}
        "video": each clip is a file, such as walk/anna 1.mp4. "frames": each clip is a folder of images, such
        as walk/anna 1/0001.png. "text": each text has a class. "series": numbers with their times.
    **options
        Those of the reader of that kind; its docstring lists them: `read_videos`, `read_frames`, `read_texts`
        and `read_series` in `course_utils.datasets.own`.

    Returns
    -------
    Dataset
        As every loader returns it: train, validation and test, the names of the classes, and a card.

    Raises
    ------
    ValueError
        If an argument cannot be, or there is too little for three parts.
    DataError
        If nothing can be read, or the cache cannot be written.

    Examples
    --------
    >>> data = from_folder("gestures", "video", frames=16, size=(48, 64), groups=r"/([^\W\d_]+)")
    >>> data.train.x.shape                       # (clip, time, height, width, channels)
    (24, 16, 48, 64, 1)
    >>> data = from_folder("letters.csv", "text", text="body", label="mood", groups="author")
    >>> data = from_folder("meter.csv", "series", values=["kWh", "temperature"], time="hour", ahead=24)
    """
    if not isinstance(kind, str) or kind not in READERS:
        raise ValueError(f"kind={kind!r} cannot be: use {', '.join(map(repr, READERS))}.")
    known = inspect.signature(READERS[kind]).parameters
    for name in options:
        if name not in known or name == "path":
            others = ", ".join(option for option in known if option != "path")
            raise ValueError(f"{name}= is no option of kind={kind!r}, which has {others}.")
    for name, option in known.items():
        if option.default is option.empty and name not in ("path", *options):
            raise ValueError(
                f"kind={kind!r} needs {name}=, too: see course_utils.datasets.own.{READERS[kind].__name__}."
            )
    data = READERS[kind](path, **options)
    if data.card["skipped"] != "nothing":
        print(f"{data.name}: some of it is left out; card['skipped'] says what, and why.")
    return data
