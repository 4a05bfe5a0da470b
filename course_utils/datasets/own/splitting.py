"""Splits that do not lie: what belongs together stays in one part, and every class is in each."""

import re
import unicodedata
import warnings
from collections import Counter

import numpy as np

from course_utils.datasets.base import SPLITS
from course_utils.datasets.own.decoder import in_order

SHARES = (0.6, 0.2, 0.2)  # of each class: to train, for validation, for the test
DRAWS = 20  # of so many divisions, the most even is taken


def by_group(labels, groups, seed):
    """Part of each example, 0 (train), 1 (validation) or 2 (test): about 60, 20 and 20 percent of each class.

    Groups are dealt out one by one, the largest first, each to the part that lacks most of its classes.
    (`StratifiedGroupKFold` of scikit-learn divides so, too, and takes a minute for a thousand groups.)

    Parameters
    ----------
    labels, groups : sequence
        Of each example: its class, and the recording or person that it comes from. Examples of one group are
        in one part. Large groups and small classes make the parts less even; a warning tells of a class that
        has less than 40 percent to train.
    seed : int
        The same seed gives the same split.

    Raises
    ------
    ValueError
        If a class has fewer than three groups, or the groups cannot be divided so that each part has every
        class.
    """
    classes, labels = np.unique(labels, return_inverse=True)
    names, owners = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (owners, labels), 1)
    for name, number in zip(classes, (counts > 0).sum(axis=0)):
        if number < 3:
            raise ValueError(
                f"class {str(name)!r} has {number} group{'' if number == 1 else 's'} (single examples, or "
                "what belongs together), but train, validation and test need one each: add others, or "
                "leave the class out."
            )
    wanted = np.outer(SHARES, counts.sum(axis=0))  # (part, class)
    best, evenness = None, 0.0
    for draw in range(DRAWS if len(names) <= 1000 else 1):  # many groups come out even at once
        order = np.random.default_rng((seed, draw)).permutation(len(names))
        part, have = np.zeros(len(names), int), np.zeros_like(wanted)
        for group in order[np.argsort(-counts[order].sum(axis=1), kind="stable")]:
            part[group] = np.argmax((1 - have / wanted) @ counts[group])
            have[part[group]] += counts[group]
        if (have / wanted).min() > evenness:
            best, evenness = part, (have / wanted).min()
            few = classes[have[0] < 0.4 * counts.sum(axis=0)]
    if best is None:
        raise ValueError(
            "these groups cannot be divided so that train, validation and test have every class, as single "
            "groups hold too much: record more people or places, or choose smaller groups."
        )
    if len(few):
        told = f"less than 40 percent of {', '.join(few)} is for training, as groups are large"
        warnings.warn(told, stacklevel=2)
    return best[owners]


def alike(name):
    """What names have in common that differ in case, blank space or the form of letters alone, as é may."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def class_names(labels):
    """The classes, in the order in which people count.

    Raises
    ------
    ValueError
        If two of them are alike.
    """
    names, seen = sorted(set(labels), key=in_order), {}
    for name in names:
        if (other := seen.setdefault(alike(name), name)) != name:
            raise ValueError(
                f"the classes {other!r} and {name!r} differ in case, blank space or the form of letters "
                "alone: give them one name."
            )
    return tuple(names)


def groups_by(pattern, names):
    """What a regular expression with one group finds in each name; None: every name is its own group.

    Raises
    ------
    ValueError
        If it is none, or finds nothing in a name.
    """
    if pattern is None:
        return names
    try:
        found = [re.search(pattern, unicodedata.normalize("NFC", name)) for name in names]
    except (re.error, TypeError) as problem:
        raise ValueError(
            f"groups={pattern!r} is no regular expression ({problem}). For clips such as {names[0]!r}, "
            r'r"/([^\W\d_]+)" takes the letters that the name begins with.'
        ) from None
    for name, match in zip(names, found, strict=True):
        if match is None or not match.groups() or not match[1]:
            what = "does not occur" if match is None else "has no group in brackets that finds something"
            raise ValueError(f"groups={pattern!r} {what} in {name!r}: every clip needs one.")
    return [alike(match[1]) for match in found]


def together(*links):
    """For each example a number, which all have that are linked by an equal entry in one of the lists.

    Parameters
    ----------
    links : lists of hashable
        One entry for each example; None links nothing.

    Returns
    -------
    list of int
        The number of the first example that belongs to the same group.
    """
    owner = list(range(len(links[0])))

    def first(at):
        while owner[at] != at:
            owner[at] = owner[owner[at]]
            at = owner[at]
        return at

    for link in links:
        seen = {}
        for at, entry in enumerate(link):
            if entry is not None:
                ends = sorted((first(at), first(seen.setdefault(entry, at))))
                owner[ends[1]] = ends[0]
    return [first(at) for at in range(len(owner))]


def told(each, number, most=100):
    """What is to be said of some of so many: how many they are, and which, reason by reason."""
    reasons = {}
    for name, why in each.items():
        reasons.setdefault(why, []).append(name)
    lines = []
    for why, names in reasons.items():
        more = f" and {len(names) - most:,} more" if len(names) > most else ""
        lines.append(f"{', '.join(names[:most])}{more}: {why}")
    return f"{len(each):,} of {number:,}: {'; '.join(lines)}" if each else "nothing"


def told_of_split(names, labels, part, groups):
    """The groups, and how many examples of each class each part has, in words; groups may be None."""
    counts = [Counter(np.asarray(labels)[part == number].tolist()) for number in range(len(SPLITS))]
    parts = [
        f"{split} {', '.join(f'{name} {number[at]:,}' for at, name in enumerate(names))}"
        for split, number in zip(SPLITS, counts)
    ]
    if groups is None:
        return f"each on its own, without groups=; {'; '.join(parts)}"
    few = sorted({str(group) for group in groups}, key=in_order)
    return f"{len(few):,} groups, such as {', '.join(few[:3])}; {'; '.join(parts)}"
