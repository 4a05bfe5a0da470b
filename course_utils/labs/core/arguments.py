"""Checks of what a lesson hands to a lab: dicts of names, and trained layers."""

import re

import numpy as np

from course_utils.labs.core.dials import brief


def short_names(names, taken=()):
    """For each name a short one that a state string can hold, and that is not `taken`."""
    short = []
    for number, name in enumerate(names, 1):
        made = re.sub(r"\W+", "-", name.lower()).strip("-")[:30] or f"number-{number}"
        short.append(made if made not in (*taken, *short) else f"{made}-{number}")
    return short


def named(argument, given, example):
    """What is given, if it is a dict whose keys are names; otherwise a ValueError shows an example of one."""
    if not isinstance(given, dict) or not given:
        raise ValueError(f"{argument} is {brief(given)}, but must be a dict of names, such as {example}")
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{argument} has the name {brief(name)}, but a name must be a str: {example}")
    return given


def diverged(weights):
    """What is wrong with the weights of a Keras layer or model, if some are no numbers; otherwise ""."""
    bad = [one.path for one in weights if not np.isfinite(np.asarray(one)).all()]
    if not bad:
        return ""
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return (
        f"has weights that are NaN or infinite, in {', '.join(map(repr, bad[:3]))}{more}: its training has "
        "diverged. Train it anew with a smaller learning rate, or with clipnorm=1 in the optimizer"
    )
