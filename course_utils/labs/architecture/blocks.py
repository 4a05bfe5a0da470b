"""The vocabulary of blocks, from which code, model, diagram and controls follow, and the order they stand in.

A block holds its dials (see `core.dials`) and says in `stages` what it stands for. A stage is written in
Keras: its lines are shown to the learner as code, and the very same lines build the model.
"""

from dataclasses import dataclass
from functools import partial
from math import ceil, prod

from course_utils.datasets import MOTIONS
from course_utils.datasets.series import FEATURES
from course_utils.labs.core.dials import Block, Small, dial

SIZES = (8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 160, 192, 224)
WIDTHS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256)
KERNELS = (1, 2, 3, 4, 5, 7, 9, 11)
RATES = (0, 10, 20, 30, 40, 50)


@dataclass(frozen=True)
class Line:
    """One layer: the Keras expression that makes it, what it is applied to, and the name of what it gives.

    An empty `of` is whatever the line before gave; `{column}` in the expression stands for how many numbers
    a column of the maps has that its stage is given. Once it is built, it knows the `kind` of its layer, the
    `shape` that it gives (without the batch; None is any number), the numbers of the lines whose tensors it
    was `given`, and whether it `shortens` the steps.
    """

    layer: str
    of: tuple = ()
    to: str = "x"
    kind: str = ""
    shape: tuple = ()
    given: tuple = ()
    shortens: bool = False


@dataclass(frozen=True)
class Stage:
    """What is drawn as one column. `part` groups columns: input, cnn, joint, lstm, attention or answer.

    `window` is the (size, stride) with which it looks at its input, None where it looks at all of it;
    `along` tells whether that is in "space", in "time" or in "both"; with "columns" it puts the numbers of
    every column of a map together.
    """

    path: str
    part: str
    title: str
    detail: str
    lines: tuple
    window: tuple | None = (1, 1)
    along: str = "space"
    axes: int = 0  # of the window
    shortens: bool = False  # whether its first layer gives fewer steps, along the one axis of its window


def stage(path, part, title, detail, *layers, **look):
    """A stage whose layers are applied one after the other."""
    return Stage(path, part, title, detail, tuple(map(Line, layers)), **look)


def count(number, noun, plural="s"):
    return f"{number:,} {noun}{plural * (number != 1)}"


def times(shape):
    """A shape in words: 8×24×24×1, with T for any number of steps."""
    return "×".join("T" if size is None else f"{size}" for size in shape)


# -------------------------------------------------------------------------------------- What comes in


class Entry(Block):
    """What comes in; `length` is the dial that says how many steps it has. It is a tensor of some `shape`."""

    length = ""
    spelled = 2

    @property
    def steps(self):
        return getattr(self, self.length)

    @property
    def arguments(self):
        """Those of `keras.Input`, as code."""
        return f"{self.shape}"

    def stages(self):
        """What comes before all other blocks."""
        return ()

    def stages_for_convlstm(self):
        """What makes maps of it, one after the other."""
        return ()


PIXELS = {n: f"{n} px" for n in SIZES}


@dataclass(frozen=True)
class Clip(Entry):
    """A clip: frames, each square unless it has a width of its own."""

    frames: int = dial(8, "Frames", range(1, 33), "f", slider=True)
    size: int = dial(24, "Height", SIZES, "s", slider=True, shown=PIXELS)
    width: int = dial(0, "Width", (0, *SIZES), "w", slider=True, shown={0: "as high"} | PIXELS)
    channels: int = dial(1, "Channels", (1, 3), "c", shown={1: "1 (grey)", 3: "3 (colour)"})
    any_number: bool = dial(False, "Any number of frames", (False, True), "any")

    length = "frames"

    @property
    def sides(self):
        """Height and width of a frame."""
        return self.size, self.width or self.size

    @property
    def shape(self):
        """(time, height, width, channels); time is None where any number of frames may come."""
        return (None if self.any_number else self.frames, *self.sides, self.channels)

    @property
    def detail(self):
        return f"{times(self.sides)} px"


TOKENS = (1, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400)
VECTORS = (2, 4, 8, 16, 24, 32, 48, 64, 96, 100, 128, 200, 300)


@dataclass(frozen=True)
class Text(Entry):
    """A review: the numbers of its words, cut or padded to one length, each word a vector."""

    source: str = dial("sentences", "Reviews", ("sentences", "long"), shown={"long": "long reviews"})
    tokens: int = dial(40, "Words", TOKENS, "t", slider=True)
    words: int = dial(10000, "Vocabulary", (1000, 2000, 5000, 10000, 20000), "v")
    embedding: int = dial(64, "Embedding", VECTORS, "e", slider=True)

    length = "tokens"

    @property
    def shape(self):
        return (self.tokens,)

    @property
    def detail(self):
        return count(self.tokens, "word")

    @property
    def arguments(self):
        return f'{self.shape}, dtype="int32"'

    def stages(self):
        layer = f"layers.Embedding({self.words}, {self.embedding})"
        yield stage("text", "input", f"Embedding {self.embedding}", "a vector a word", layer, along="time")


@dataclass(frozen=True)
class Series(Entry):
    """Hours of traffic and weather gone by; the hours to come are asked for."""

    days: int = dial(7, "Days", range(1, 15), "d", slider=True)
    ahead: int = dial(24, "Ahead", (1, 6, 12, 24, 48), "h")

    length = "days"

    @property
    def steps(self):
        return 24 * self.days

    @property
    def shape(self):
        return (self.steps, len(FEATURES))

    @property
    def detail(self):
        return count(self.days, "day")

    def stages_for_convlstm(self):
        layer = f"layers.Reshape(({self.days}, 24, {len(FEATURES)}))"
        yield stage("series", "input", "Reshape", "days of 24 hours", layer)


# ------------------------------------------------------------------------------------------------ CNN


@dataclass(frozen=True)
class Convolution(Block):
    """A convolution with ReLU, perhaps batch normalisation between them, and a max pooling after it if asked
    for; in ConvLSTM, the one in its gates, with the normalisation after it.
    """

    filters: int = dial(16, "Filters", WIDTHS, "f")
    kernel: int = dial(3, "Kernel", KERNELS, "k")
    stride: int = dial(1, "Stride", (1, 2, 3, 4), "s")
    pool: int = dial(1, "Max pool", (1, 2, 3, 4), "p", shown={1: "none"})
    padding: str = dial("same", "Padding", ("same", "valid"))
    normalise: bool = dial(False, "Batch norm", (False, True), "n")

    spelled = 2

    def stages(self, path, axes, recurrent=False, sequences=False):
        """Convolution and pooling over the `axes` (2: height and width of a frame, 1: the steps).

        If `recurrent`, a ConvLSTM over maps with so many axes; it hands on `sequences` or the last step.
        """
        part, name, along, pooled = "cnn", "Conv", _along(axes), _along(axes)
        if recurrent:
            part, name, along, pooled = "convlstm", "ConvLSTM", "both", "space"
        arguments = [f"{self.filters}, {self.kernel}"]
        arguments += [f"strides={self.stride}"] * (self.stride > 1)
        arguments += ['padding="same"'] * (self.padding == "same")
        arguments += ["return_sequences=True"] * sequences
        arguments += ['activation="relu"'] * (not recurrent and not self.normalise)
        layers = [f"layers.{name}{axes}D({', '.join(arguments)})"]
        layers += ["layers.BatchNormalization()"] * self.normalise
        layers += ["layers.ReLU()"] * (not recurrent and self.normalise)
        size = "{0}×{0}" if axes == 2 else "{} wide"
        detail = size.format(self.kernel) + f", stride {self.stride}" * (self.stride > 1)
        detail += ", norm" * self.normalise
        shortens = axes == 1 and (self.stride > 1 or (self.kernel > 1 and self.padding == "valid"))
        look = {"window": (self.kernel, self.stride), "along": along, "axes": axes, "shortens": shortens}
        yield stage(path, part, f"{name} {self.filters}", detail, *layers, **look)
        if self.pool > 1:
            pool = f"(1, {', '.join([str(self.pool)] * axes)})" if sequences else f"{self.pool}"
            layer = f"layers.MaxPooling{axes + sequences}D({pool})"
            look |= {"window": (self.pool, self.pool), "along": pooled, "shortens": axes == 1}
            yield stage(path, part, "Max pool", size.format(self.pool), layer, **look)


def _along(axes):
    return "space" if axes == 2 else "time"


# ---------------------------------------------------------------------------------------------- Joint

JOINTS = {
    "flatten": "flatten",
    "dense": "flatten + dense",
    "max": "global max pooling",
    "average": "global average pooling",
    "steps": "keep the grid as steps",
    "columns": "columns as steps",
}
POOLINGS = {"max": ("Global max", "Max"), "average": ("Global mean", "Average")}
STEPWISE = ("steps", "columns")  # joints that hand on more steps than frames


@dataclass(frozen=True)
class Joint(Block):
    """How feature maps become what the next part reads: one vector, or steps."""

    kind_of: str = dial("dense", "Joint", tuple(JOINTS), shown=JOINTS)
    units: int = dial(96, "Units", range(1, 513), "u", slider=True)
    normalise: bool = dial(True, "LayerNormalization", (False, True), "n")

    def stages(self, axes, channels, timed=False):
        """From maps with so many axes, time in front of them where `timed`, and channels.

        Where there are steps, keeping them needs no layer: a map with one axis is a row of columns.
        """
        joint, whole = partial(stage, "joint", "joint"), {"window": None, "along": _along(axes)}
        if self.kind_of == "columns" and axes == 2:
            swap = f"layers.Permute({(1, 3, 2, 4) if timed else (2, 1, 3)})"
            column = "layers.Reshape((-1, {column}))"
            yield joint("Reshape", "columns as steps", swap, column, along="columns")
        elif self.kind_of in STEPWISE:
            if axes + timed > 1:
                yield joint("Reshape", "cells as steps", f"layers.Reshape((-1, {channels}))")
        elif self.kind_of in POOLINGS:
            title, name = POOLINGS[self.kind_of]
            where = "over the map" if axes == 2 else "over the steps"
            yield joint(title, where, f"layers.Global{name}Pooling{axes}D()", **whole)
        else:
            yield joint("Flatten", "one vector", "layers.Flatten()", **whole)
        if self.kind_of == "dense":
            layers = [f"layers.Dense({self.units})", "layers.LayerNormalization()", "layers.ReLU()"]
            detail = "norm, ReLU" if self.normalise else "ReLU"
            yield joint(f"Dense {self.units}", detail, *(layers if self.normalise else layers[::2]))


# --------------------------------------------------------------------------------- LSTM and attention

HANDED_ON = {"last": "last state", "all": "all states"}


@dataclass(frozen=True)
class Memory(Block):
    """The LSTM layers that read the steps in order; the last one hands on its last state or all of them."""

    units: int = dial(96, "Units", range(1, 513), "u", slider=True)
    layers: int = dial(1, "Layers", (1, 2, 3), "l")
    both: bool = dial(False, "Both directions", (False, True), "b")
    hands_on: str = dial("last", "Returns", HANDED_ON, shown=HANDED_ON)

    def stages(self):
        for number in range(1, self.layers + 1):
            every = number < self.layers or self.hands_on == "all"
            layer = f"layers.LSTM({self.units}{', return_sequences=True' * every})"
            if self.both:
                layer = f"layers.Bidirectional({layer})"
            title, detail = f"{'Bi' * self.both}LSTM {self.units}", "all states" if every else "last state"
            yield stage("lstm", "lstm", title, detail, layer, window=None, along="time")


WEIGHING = (
    Line('layers.Dense(32, activation="tanh")', to="scores"),
    Line("layers.Dense(1)", ("scores",), "scores"),
    Line('layers.Softmax(axis=1, name="attention")', ("scores",), "weights"),
    Line("layers.Dot(axes=1)", ("weights", "x")),
    Line("layers.Flatten()"),
)
ATTENTION = Stage("attention", "attention", "Attention", "weighs the steps", WEIGHING, None, "time")


# --------------------------------------------------------------------------------------------- Answer

COUNTS = {"digit": 10, "motion": len(MOTIONS), "action": 5}  # classes of each label
ASKED = {
    "digit+motion": "digit, motion",
    "digit": "digit",
    "motion": "motion",
    "action": "5 actions",
}


@dataclass(frozen=True)
class Answer(Block):
    """What is asked about a clip, once or after each frame (other tasks ask one thing, and only clips after
    each frame), and the dropout before the answer.
    """

    labels: str = dial("digit+motion", "Asked", tuple(ASKED), shown=ASKED)
    dropout: int = dial(0, "Dropout", RATES, "d", shown={0: "none"} | {n: f"{n} %" for n in RATES[1:]})
    each: bool = dial(False, "After each frame", (False, True), "each")

    @property
    def classes(self):
        """The number of classes of each label that is asked for."""
        return {label: COUNTS[label] for label in self.labels.split("+")}

    def stages(self):
        if self.dropout:
            layer = f"layers.Dropout({self.dropout / 100:g})"
            yield stage("answer", "answer", "Dropout", f"{self.dropout} %", layer)


SHARES = {"quarter": 4, "half": 2, "all": 1}  # and what all examples are divided by
PEAKS = (0, 0.0001, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.02, 0.05, 0.2)


@dataclass(frozen=True)
class Budget(Block):
    """How long a training lasts, how far each of its steps goes, and after how many examples it takes one."""

    epochs: int = dial(10, "Epochs", range(1, 31), "e", slider=True)
    share: str = dial("all", "Examples", SHARES, shown={"quarter": "a quarter"})
    rate: float = dial(0, "Learning rate", PEAKS, "r", Small, shown={0: "as in the lesson"})
    batch: int = dial(32, "Batch size", (8, 16, 32, 64, 128, 256), "b")

    def size(self, examples):
        """How many of the training examples are seen in an epoch."""
        return examples // SHARES[self.share]

    def batches(self, examples):
        """Batches in an epoch; the last one may be smaller."""
        return ceil(self.size(examples) / self.batch)


# ---------------------------------------------------------------------------- The order of the blocks

FRAME, CLIPS = "a CNN for one frame", "the CNN on every frame"  # marks: code for one frame is between them
BRANCH = "from here on side by side"
BOTH = (Line("layers.Concatenate()", ("seen", "x")),)
JOIN = Stage("order", "joint", "Concatenate", "both sides", BOTH, None, "time")


def stages(state):
    """The stages of a state in their order, up to the answer. Marks stand where one frame begins and ends."""
    every = state.lstm.hands_on == "all"
    yield from state.entry.stages()
    if state.order == "parallel":
        yield BRANCH
        yield from _cnn(state)
        if state.kind.in_space and not state.answers_each:
            yield _mean("joint", "of all frames")
        yield BRANCH
        yield from _lstm(state)
        yield from _weighed(state, every)
        yield JOIN
    elif state.order == "convlstm":
        yield from _convlstm(state, every)
        yield from _weighed(state, every)
    else:
        parts = state.order.split("-")
        for part in parts:
            yield from _cnn(state) if part == "cnn" else _lstm(state)
        yield from _weighed(state, every if parts[-1] == "lstm" else state.over_frames)
    yield from state.answer.stages()


def _cnn(state):
    frames, axes = state.over_frames, 1 + state.over_frames
    yield from [FRAME] * frames
    for number, row in enumerate(state.convolutions):
        yield from row.stages(f"convolutions.{number}", axes)
    timed = frames and state.joint.kind_of in STEPWISE  # it makes steps of all frames at once
    joint = state.joint.stages(axes, state.convolutions[-1].filters, timed)
    yield from [CLIPS, *joint] if timed else [*joint, *[CLIPS] * frames]


def _lstm(state):
    if state.kind.in_space and state.order != "cnn-lstm":
        layer = f"layers.Reshape((-1, {prod(state.entry.shape[1:])}))"
        yield stage(state.kind.entry, "input", "Reshape", "pixels in a row", layer, window=None)
    yield from state.lstm.stages()


def _convlstm(state, every):
    axes, last = 1 + state.kind.in_space, len(state.convolutions) - 1
    yield from state.entry.stages_for_convlstm()
    for number, row in enumerate(state.convolutions):
        path = "order" if state.kind.in_words else f"convolutions.{number}"  # words are no axis of space
        yield from row.stages(path, axes, recurrent=True, sequences=number < last or every)
    each = every and state.joint.kind_of not in STEPWISE
    joint = state.joint.stages(axes, state.convolutions[-1].filters, timed=every and not each)
    yield from [*[FRAME] * each, *joint, *[CLIPS] * each]


def _weighed(state, every):
    """From steps to one vector: by attention, or by the mean where every step is handed on and not asked."""
    if state.attention:
        yield ATTENTION
    elif every and not state.answers_each:
        detail = {"cnn": "of all frames", "convlstm": "of all steps"}.get(state.order, "of all states")
        yield _mean("order", detail)


def _mean(path, detail):
    layer = "layers.GlobalAveragePooling1D()"
    return stage(path, "joint", "Mean", detail, layer, window=None, along="time")


def heads(state):
    """The stages that answer, one for each label."""
    noun = f"{state.kind.step}s" if state.kind.forecasts else "classes"
    softmax = "" if state.kind.forecasts else 'activation="softmax", '
    for name, size in state.classes.items():
        line = Line(f'layers.Dense({size}, {softmax}name="{name}")', to=name)
        yield Stage("answer", "answer", name, f"{size} {noun}", (line,))
