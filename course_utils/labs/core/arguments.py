"""Checks of what a lesson hands to a lab: dicts of names, and trained layers."""

import re

import numpy as np

from course_utils.labs.core.dials import brief


def keyed(given, taken=()):
    """Key -> (name, value) for a dict of names: a state string can hold a key, and none is `taken`."""
    keys = []
    for number, name in enumerate(given, 1):
        key = re.sub(r"\W+", "-", name.lower()).strip("-")[:30] or f"number-{number}"
        keys.append(key if key not in (*taken, *keys) else f"{key}-{number}")
    return dict(zip(keys, given.items()))


def named(argument, given, example):
    """What is given, if it is a dict whose keys are names; otherwise a ValueError shows an example of one."""
    if not isinstance(given, dict) or not given:
        raise ValueError(f"{argument} is {brief(given)}, but must be a dict of names, such as {example}")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{argument} has the name {brief(name)}, but a name must be a str: {example}")
    return given


def each(argument, given, check, example):
    """Name -> what `check` makes of its value; what it refuses is told with the argument and the name."""
    checked = {}
    for name, value in named(argument, given, example).items():
        try:
            checked[name] = check(value)
        except ValueError as problem:
            raise ValueError(f"{argument}: '{name}' {problem}") from None
    return checked


def tried(call, where):
    """What a network gives when it is called; where it fails, a ValueError says how and `where`."""
    try:
        return call()
    except ValueError:
        raise
    except Exception as problem:
        said = " ".join(str(problem).split())[:200]
        raise ValueError(
            f"fails {where} with {type(problem).__name__}: {said}. It must take any number of them"
        ) from problem


def real_numbers(given):
    """A copy of what is given as an array of real numbers, or an empty array where it is none."""
    try:
        array = np.array(given)
    except (TypeError, ValueError):  # rows of unequal length
        return np.zeros(0)
    return array if array.dtype.kind in "biuf" else np.zeros(0)


def described(given):
    """What somebody gave, in few words: numbers by their shape and range."""
    array = real_numbers(given)
    if not array.size:
        return brief(given)
    return f"of shape {array.shape}, from {float(array.min()):g} to {float(array.max()):g}"


def diverged(weights):
    """What is wrong with the weights of a Keras layer or model, if some are no numbers; otherwise ""."""
    bad = [weight.path for weight in weights if not np.isfinite(np.asarray(weight)).all()]
    if not bad:
        return ""
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return (
        f"has weights that are NaN or infinite, in {', '.join(map(repr, bad[:3]))}{more}: its training has "
        "diverged. Train it anew with a smaller learning rate, or with clipnorm=1 in the optimizer"
    )
