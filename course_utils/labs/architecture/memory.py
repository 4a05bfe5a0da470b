"""How much memory a training takes, judged by the shapes of its tensors, and how much there is."""

from itertools import pairwise
from math import prod
from pathlib import Path

import psutil

from course_utils.labs.architecture.assembly import compose, dialled
from course_utils.labs.architecture.tasks import SPLIT

LIMIT, USED = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))


def needed(state):
    """Bytes that training a composition takes beyond what the kernel has already: an estimate.

    Parameters
    ----------
    state : LabState
        One that fits.

    Returns
    -------
    dict
        "activations", "weights", "data" and "Keras" -> bytes.
    """
    composition = compose(dialled(state))
    values = [prod(line.shape) for line, _ in composition.lines]
    kept = sum(values) + 3 * max(values) + sum(_recurrent(composition))
    weights = 6 * composition.parameters  # with gradients, clipped copies, Adam's two averages and a copy
    activations = 4 * state.budget.batch * kept
    shape = state.change("clip.channels", 1).entry.shape  # the course's clips are grey
    each, (examples, reading) = 4 * state.steps * prod(shape[1:]), state.kind.size(state.entry)
    # The training examples, those of the epoch under way, and Keras's copy of them.
    data = reading + 3 * each * examples + 2 * each * min(SPLIT[1], examples)
    return {"activations": activations, "weights": 4 * weights, "data": data, "Keras": 2e8}


def _recurrent(composition):
    """Numbers that an LSTM or a ConvLSTM keeps of every step beside what it gives, for each layer."""
    for before, fact in pairwise(composition.facts):
        if fact.part == "lstm" and len(before.shape) > 1:
            both = 1 + composition.state.lstm.both
            yield before.shape[0] * (10 * both * composition.state.lstm.units + before.shape[1])
        elif fact.part == "convlstm" and fact.title != "Max pool":
            maps = fact.shape if len(fact.shape) == len(before.shape) else (before.shape[0], *fact.shape)
            yield 16 * prod(maps)


def available():
    """Bytes that this process may still take: of the machine, or of the container it runs in."""
    free = psutil.virtual_memory().available
    if LIMIT.exists() and (limit := LIMIT.read_text().strip()).isdecimal():
        free = min(free, int(limit) - int(USED.read_text()))
    return free
