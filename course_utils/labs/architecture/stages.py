"""From a state to its stages: the order in which the blocks are passed, for each task. No Keras here."""

from math import prod

from course_utils.labs.architecture.blocks import ATTENTION, Line, Stage, one
from course_utils.labs.architecture.state import FEATURES

FRAME, CLIPS = (
    "a CNN for one frame",
    "the CNN on every frame",
)  # marks between which the code is for one frame
BRANCH = "from here on side by side"
JOIN = Stage(
    "order", "joint", "Concatenate", "both sides", (Line("layers.Concatenate()", "[seen, x]"),), None, "time"
)


def stages(state):
    """The stages of a state in their order, up to the answer. Marks stand where one frame begins and ends."""
    if state.task == "reviews":
        yield from state.text.stages()
    if state.order == "parallel":
        yield BRANCH
        yield from _cnn(state, 1 + (state.task == "digits"))
        if state.task == "digits":
            yield one(
                "joint", "joint", "Mean", "of all frames", "layers.GlobalAveragePooling1D()", None, "time"
            )
        yield BRANCH
        yield from _lstm(state)
        yield from _weighed(state, state.lstm.hands_on == "all")
        yield JOIN
    elif state.order == "convlstm":
        yield from _convlstm(state)
    else:
        parts = {"cnn": [_cnn], "lstm": [_lstm], "cnn-lstm": [_cnn, _lstm], "lstm-cnn": [_lstm, _cnn]}[
            state.order
        ]
        frames = state.task == "digits" and parts[0] is _cnn
        for part in parts:
            yield from part(state, 2 if frames else 1)
        every = (parts[-1] is _lstm and state.lstm.hands_on == "all") or (frames and parts[-1] is _cnn)
        yield from _weighed(state, every)
    yield from state.answer.stages()


def _cnn(state, axes):
    if axes == 2:
        yield FRAME
    for number, row in enumerate(state.convolutions):
        yield from row.stages(f"convolutions.{number}", axes)
    channels = state.convolutions[-1].filters
    steps = state.joint.kind_of == "steps" and axes == 2
    if not steps:
        yield from state.joint.stages(axes, channels)
    if axes == 2:
        yield CLIPS
    if steps:
        yield from state.joint.stages(axes, channels)


def _lstm(state, axes=1):
    if state.task == "digits" and axes == 1:
        pixels = prod(state.clip.shape[1:])
        yield one("clip", "input", "Reshape", "pixels in a row", f"layers.Reshape((-1, {pixels}))", None)
    yield from state.lstm.stages()


def _convlstm(state):
    axes, channels = 1 + (state.task == "digits"), state.convolutions[-1].filters
    if state.task == "traffic":
        hours = f"layers.Reshape(({state.series.days}, 24, {FEATURES}))"
        yield one("series", "input", "Reshape", "days of 24 hours", hours)
    last, every = len(state.convolutions) - 1, state.lstm.hands_on == "all"
    for number, row in enumerate(state.convolutions):
        path = "order" if state.task == "reviews" else f"convolutions.{number}"  # words are no axis of space
        yield from row.recurrent_stages(path, axes, number < last or every)
    each = every and state.joint.kind_of != "steps"
    if each:
        yield FRAME
    yield from state.joint.stages(2 if every and not each else axes, channels)
    if each:
        yield CLIPS
    yield from _weighed(state, every)


def _weighed(state, every):
    """From steps to one vector: by attention, or by the mean where every step is handed on."""
    if state.attention:
        yield ATTENTION
    elif every:
        detail = {"cnn": "of all frames", "convlstm": "of all steps"}.get(state.order, "of all states")
        yield one("pool", "joint", "Mean", detail, "layers.GlobalAveragePooling1D()", None, "time")


def heads(state):
    """The layers that answer, one for each label."""
    softmax = "" if state.task == "traffic" else 'activation="softmax", '
    return {name: f'layers.Dense({count}, {softmax}name="{name}")' for name, count in state.classes.items()}
