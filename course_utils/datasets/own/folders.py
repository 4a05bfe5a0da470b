"""What lies in a folder, as a learner sees it."""

import os
from pathlib import Path

from course_utils.datasets.own.decoder import in_order, is_hidden

PARTS = {"train", "val", "valid", "validation", "test", "dev"}


def checked_path(path):
    """A path that a learner gave.

    Raises
    ------
    ValueError
        If it is none, or empty.
    """
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes) or not str(path).strip():
        raise ValueError(f"path={path!r} cannot be: give the path of your folder or file as text.")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        told = "nobody's home is known by that name"
        raise ValueError(f"path={str(path)!r} cannot be: {told}. Give the whole path.") from None


def visible(folder):
    """What is in a folder and not hidden, sorted as people count: 2 before 10."""
    found = [each for each in folder.iterdir() if not is_hidden(each.name)]
    return sorted(found, key=lambda each: in_order(each.name))


def by_class(root):
    """What the folders of the classes hold: (name "class/file", path) each; and the names of the rest -> why.

    Raises
    ------
    ValueError
        If the folder cannot be opened, or divides its data into parts, not into classes.
    """
    found, skipped = [], {}
    try:
        folders = visible(root)
    except OSError as problem:
        told = f"cannot be opened ({problem.strerror}): see who may read it"
        raise ValueError(f"path={str(root)!r} {told}.") from None
    names = {folder.name for folder in folders if folder.is_dir()}
    if names and {name.casefold() for name in names} <= PARTS:
        raise ValueError(
            f"path={str(root)!r} holds {', '.join(sorted(names))}, which are parts and no classes. Give "
            "a folder that has one folder for each class; train, validation and test are divided here."
        )
    for folder in folders:
        if not folder.is_dir():
            skipped[folder.name] = "it lies beside the folders of the classes: move it into one"
            continue
        try:
            inside = visible(folder)
        except OSError as problem:
            skipped[folder.name] = f"it cannot be opened ({problem.strerror}): see who may read it"
            continue
        if not inside:
            skipped[folder.name] = "it is empty, so there is no such class: fill or remove it"
        found += [(f"{folder.name}/{each.name}", each) for each in inside]
    return found, skipped
