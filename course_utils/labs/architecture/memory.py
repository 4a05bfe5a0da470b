"""How much memory a training takes, judged by the shapes of its tensors, and how much there is."""

from itertools import pairwise
from math import prod
from pathlib import Path

import psutil

from course_utils.labs.architecture.assembly import dialled, survey
from course_utils.labs.architecture.data import BATCH, SPLIT, clips_that_fit
from course_utils.labs.architecture.state import FEATURES

LIMIT, USED = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
EXAMPLES = {"sentences": 6800, "long": 20000, "traffic": 12200}  # before the data is read: about
READING = {"sentences": 1e8, "long": 4e8}  # bytes that reviews take while they become numbers


def examples(state):
    """Training examples of a task: exact for clips, about right for reviews and hours."""
    if state.task == "digits":
        return clips_that_fit(state.clip.frames, state.clip.size)
    return EXAMPLES[state.text.source if state.task == "reviews" else "traffic"]


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
    made = survey(dialled(state))
    values = [prod(tensor.shape) for tensor in made.tensors]
    kept = sum(values) + 3 * max(values) + sum(_recurrent(made))
    weights = 6 * made.parameters  # with gradients, their clipped copies, Adam's two averages and a copy
    return {
        "activations": 4 * BATCH * kept,
        "weights": 4 * weights,
        "data": _data(state),
        "Keras": 2e8,
    }


def _recurrent(made):
    """Numbers that an LSTM or a ConvLSTM keeps of every step beside what it gives, for each layer."""
    for before, fact in pairwise(made.facts):
        if fact.part == "lstm" and len(before.shape) > 1:
            both = 1 + made.state.lstm.both
            yield before.shape[0] * (10 * both * made.state.lstm.units + before.shape[1])
        elif fact.part == "convlstm" and fact.title != "Max pool":
            maps = fact.shape if len(fact.shape) == len(before.shape) else (before.shape[0], *fact.shape)
            yield 16 * prod(maps)


def _data(state):
    """Bytes of the training examples, of those of the epoch under way, and of Keras's copy of them."""
    width = {"digits": 1, "reviews": 1, "traffic": FEATURES}[state.task]
    pixels = state.clip.size**2 if state.task == "digits" else 1
    each = 4 * state.steps * pixels * width
    texts = READING[state.text.source] if state.task == "reviews" else 0
    return texts + 3 * each * examples(state) + 2 * each * min(SPLIT[1], examples(state))


def available():
    """Bytes that this process may still take: of the machine, or of the container it runs in."""
    free = psutil.virtual_memory().available
    if LIMIT.exists() and (limit := LIMIT.read_text().strip()).isdecimal():
        free = min(free, int(limit) - int(USED.read_text()))
    return free
