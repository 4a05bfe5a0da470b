"""What the live gate lab of the book needs; it is drawn by `live.js`."""

from course_utils.labs.core.live import settings
from course_utils.labs.gates.lab import GateLab


def export(lab=None):
    """The data of a live gate lab: its states, cells with their weights, and inputs.

    Parameters
    ----------
    lab : GateLab, optional
        That of the cells set by hand, the first of lesson 02, if left out.

    Returns
    -------
    dict
        For JSON. Weights are those of Keras: kernel (4 * units), recurrent (units, 4 * units) and bias
        (4 * units), their blocks in the order i, f, candidate, o.
    """
    lab = lab or GateLab()
    cells = {
        key: {"name": name, "about": about, **_weights(*weights)}
        for key, (name, (about, weights)) in lab._cells.items()
    }
    inputs = {key: {"name": name, "values": list(values)} for key, (name, values) in lab._inputs.items()}
    return {**settings(lab), "cells": cells, "inputs": inputs}


def _weights(kernel, recurrent, bias=None):
    flat = [0.0] * kernel.shape[1] if bias is None else bias.tolist()
    return {"kernel": kernel[0].tolist(), "recurrent": recurrent.tolist(), "bias": flat}
