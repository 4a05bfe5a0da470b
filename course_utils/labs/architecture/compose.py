"""All there is to know of a state, its code and its names, and how wide it is at another size."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

from course_utils.labs.architecture.advice import advise
from course_utils.labs.architecture.assembly import Composition, survey
from course_utils.labs.architecture.blocks import JOINTS, Convolution


@dataclass(frozen=True)
class Advised(Composition):
    """A composition, with notes on it once somebody asks: a picture need not wait for them."""

    @cached_property
    def notes(self):
        return tuple(advise(self.state))


def compose(state):
    """Build a state's model symbolically; read off shapes, parameters, multiply-adds and receptive field."""
    made = survey(state)
    return Advised(**{f.name: getattr(made, f.name) for f in fields(made)} | {"state": state})


PER_FRAME = "from course_utils.layers import PerFrame  # TimeDistributed, with time folded into the batch"
WIDE = 100  # characters of a line of code with its shape beside it


def code(state):
    """The script that builds a state's model: run in a fresh cell it gives the same layers and weights."""
    script = compose(state).script
    folded = any("PerFrame" in text for text, _ in script)
    lines = ["import keras", "from keras import layers", *["", PER_FRAME] * folded]
    lines += ["", f"keras.utils.set_random_seed({state.seed})", ""]
    edge = max((len(text) for text, shape in script if shape and len(text) < WIDE - 24), default=0)
    for text, shape in script:
        beside = f"  # {shape_words(shape)}" if shape else ""
        lines.append(f"{text:<{edge}}{beside}" if beside else text)
    return "\n".join(lines) + "\n"


def shape_words(shape):
    return "(batch, " + ", ".join("time" if size is None else str(size) for size in shape) + ")"


def summary(made):
    """One sentence about a composition that fits."""
    state, last = made.state, made.facts[-1]
    maps = [fact for fact in made.facts if fact.part in ("cnn", "convlstm")]
    seen = ""
    if maps and state.task == "digits" and state.order != "lstm-cnn":
        side = maps[-1].sees
        seen = (
            f"A feature of the last maps sees {side}×{side} of {state.clip.size}×{state.clip.size} pixels. "
        )
    elif maps and maps[-1].sees_steps < state.steps:
        seen = f"A feature of the last maps sees {maps[-1].sees_steps} of {state.steps} {state.step}s. "
    return (
        f"{seen}The answer has seen {last.sees_steps} of {state.steps} {state.step}{'s' * (state.steps > 1)}."
    )


def short_name(state):
    """A name for a composition, short enough for a table."""
    joint = f"dense {state.joint.units}" if state.joint.kind_of == "dense" else JOINTS[state.joint.kind_of]
    joint += " (no norm)" * (state.joint.kind_of == "dense" and not state.joint.normalise)
    count = len(state.convolutions)
    cnn = [
        f"{count} {'ConvLSTM' if state.order == 'convlstm' else 'conv'}",
        *[joint] * (joint != JOINTS["steps"]),
    ]
    deep = f" ×{state.lstm.layers}" if state.lstm.layers > 1 else ""
    lstm = [f"{'Bi' * state.lstm.both}LSTM {state.lstm.units}{deep}"]
    ordered = {"cnn": cnn, "convlstm": cnn, "lstm": lstm, "lstm-cnn": lstm + cnn}.get(state.order, cnn + lstm)
    return ("side by side: " * (state.order == "parallel")) + ", ".join(
        ordered + ["attention"] * state.attention
    )


def match(state, parameters):
    """Scale the width of a composition until it has about so many parameters: (the state, its parameters).

    The LSTM's units are scaled where there is an LSTM, else those of the dense joint, else the filters.
    """

    def scaled(size):
        if state.has_lstm:
            return state.change("lstm.units", size)
        if state.joint.kind_of == "dense":
            return state.change("joint.units", size)
        widths = Convolution.dials()["filters"].choices
        rows = state.convolutions
        most = max(row.filters for row in rows)
        wide = (min(widths, key=lambda w: abs(w - row.filters * size / most)) for row in rows)
        return replace(
            state, convolutions=tuple(replace(row, filters=w) for row, w in zip(rows, wide, strict=True))
        )

    def count(size):
        return compose(scaled(size)).parameters

    low, high = 1, 512
    while low < high:  # parameters grow with the size
        middle = (low + high) // 2
        low, high = (middle + 1, high) if count(middle) < parameters else (low, middle)
    best = min({max(low - 1, 1), low}, key=lambda size: abs(count(size) - parameters))
    return scaled(best), count(best)
