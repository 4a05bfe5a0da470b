"""Texts of your own: a table with a column of texts and one of labels, or a folder for each class."""

import unicodedata

import numpy as np

from course_utils.datasets.base import SPLITS, Dataset, Split, whole_number
from course_utils.datasets.own.folders import by_class, checked_path
from course_utils.datasets.own.splitting import (
    alike,
    by_group,
    class_names,
    groups_by,
    together,
    told,
    told_of_split,
)
from course_utils.datasets.own.tables import read_table, read_text


def read_texts(path, text="text", label="label", groups=None, seed=0):
    """Texts, each with a class, from a CSV file, or from a folder with a folder of .txt files for each class.

    Texts of the same words stay in one part, as do those of one group. What cannot be used is left out, and
    `card["skipped"]` says why.

    Parameters
    ----------
    path : str or Path
        A CSV file whose first line names the columns, or a folder.
    text, label : str
        Of a CSV file: the columns with the text and with its class.
    groups : str or None
        Which texts belong together, such as those of one author: of a CSV file the column that says so, of a
        folder a regular expression with one group, searched in "class/file".
    seed : int
        The same seed gives the same split.

    Returns
    -------
    Dataset
        x is (text,), each a str; `y["class"]` is the number of the class.

    Raises
    ------
    ValueError
        If an argument cannot be, or there are too few classes or texts for three parts.

    Examples
    --------
    >>> data = read_texts("letters.csv", text="body", label="mood", groups="author")
    >>> data.class_names["class"]
    ('angry', 'calm')
    """
    source = checked_path(path)
    seed = whole_number("seed", seed, 0, 2**31, "Any of them will do.")
    if source.is_dir():
        found, skipped = _of_folder(source, groups)
    elif source.is_file():
        found, skipped = _of_table(source, text, label, groups)
    else:
        raise ValueError(f"path={str(path)!r} cannot be: there is no such file or folder.")
    all_rows, labels_of = len(found) + len(skipped), {}
    for place, words, name, _ in found:
        labels_of.setdefault(alike(words), {}).setdefault(name, place)
    for place, words, _, _ in found:
        if len(labels_of[alike(words)]) > 1:
            others = ", ".join(f"{name} ({where})" for name, where in labels_of[alike(words)].items())
            skipped[place] = f"its text has several labels: {others}; decide on one"
    found = [each[1:] for each in found if len(labels_of[alike(each[1])]) == 1]
    names = class_names(name for _, name, _ in found)
    if len(names) < 2:
        raise ValueError(
            f"path={str(path)!r} has texts of {len(names)} classes, and two are needed. Left out: "
            f"{told(skipped, all_rows, 3)}."
        )
    labels = np.array([names.index(name) for _, name, _ in found])
    owners = [own for *_, own in found]
    linked = together([_words(words) for words, *_ in found], owners)
    part = by_group([names[n] for n in labels], linked, seed)
    texts = np.array([words for words, *_ in found], object)

    def compose(split, epoch=0):
        number = SPLITS.index(split)
        order = np.random.default_rng((seed, number, epoch)).permutation(np.flatnonzero(part == number))
        return Split(texts[order], {"class": labels[order]})

    card = {
        "x": "(text,), each a str",
        "source": str(source.resolve()),
        "content": ", ".join(f"{name} {np.sum(labels == n):,}" for n, name in enumerate(names)),
        "skipped": told(skipped, all_rows),
        "split": told_of_split(names, labels, part, owners if groups else None),
    }
    return Dataset(source.stem, *map(compose, SPLITS), {"class": names}, card, compose)


def _words(words):
    """What two texts have in common that differ in punctuation, too; None if they have no words."""
    plain = (c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in alike(words))
    return " ".join("".join(plain).split()) or None


def _of_folder(root, groups):
    """Place, text, class and group of each file, and what was skipped."""
    inside, skipped = by_class(root)
    found = []
    for name, file in inside:
        if file.suffix.lower() != ".txt" or not file.is_file():
            skipped[name] = "it is no .txt file"
            continue
        try:
            found.append((name, read_text(file), file.parent.name))
        except ValueError as problem:
            skipped[name] = str(problem)
    owners = groups_by(groups, [name for name, *_ in found])
    return [(*each, owner) for each, owner in zip(found, owners, strict=True)], skipped


def _of_table(file, text, label, groups):
    """Place, text, class and group of each row, and what was skipped."""
    rows, skipped = read_table(file, {"text": text, "label": label} | ({"groups": groups} if groups else {}))
    found = []
    for place, row in rows:
        if all(row):
            found.append((place, *row[:2], alike(row[2]) if groups else None))
        else:
            skipped[place] = "text, label or group is empty"
    return found, skipped
