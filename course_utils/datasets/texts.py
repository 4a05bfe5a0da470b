"""Movie reviews: single sentences and whole ones, without duplicates, the films of the test apart."""

import csv
import io
import re
import zlib
from functools import cache
from itertools import chain

import numpy as np

from course_utils.datasets.base import SPLITS, Split, assemble, installed_files, whole_number

REVIEWS = {  # source -> (words in a row that make near-duplicates, neighbours that stay together)
    "sentences": (8, 1),
    "long": (12, 250),
}
FILM = 30  # no film has more reviews in the collection (Maas et al. 2011)


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
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")
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

    return assemble("reviews", compose, {"sentiment": ("negative", "positive")})


@cache
def _reviews(source):
    """Texts without duplicates, their labels, for each text the first one it must stay with, and `_names`."""
    content = installed_files("reviews")[0]["path"].read_bytes()
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
    early, late = (run[place].astype("uint16") for place in (again, again + 1))
    first = np.arange(len(texts))
    while np.any(first[early] != first[late]):
        lower = np.minimum(first[early], first[late])
        np.minimum.at(first, early, lower)
        np.minimum.at(first, late, lower)
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
