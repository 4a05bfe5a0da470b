"""The tasks of the lab, each one record, and how their data become what a network is trained on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import prod

import numpy as np

from course_utils import datasets
from course_utils.labs.architecture.blocks import Answer, Budget, Convolution, Memory

ROOM = 4e8  # bytes that the training clips may take
KEPT = 16e6  # bytes of validation examples that are kept with a run
SPLIT = (3200, 400)  # clips to train on and to validate with


@dataclass(frozen=True)
class Task:
    """All that the lab has to know of a task."""

    title: str  # in the dial
    heading: str  # of what comes in
    entry: str  # the field of `LabState` that says what comes in
    input: str  # the name of the input in the code
    axes: tuple  # of what comes in
    step: str  # what a step of the input is called
    example: str  # what is answered once
    examples: str  # what training examples are called
    classes: Callable  # of a state: the number of outputs for each label
    data: Callable  # of an entry and labels: the code that reads the data, and gives it the name `data`
    baseline: Callable  # of the data and an entry: label -> (score without any network, what it is called)
    size: Callable  # of an entry, before it is read: (training examples, bytes that reading takes)
    without: Callable  # of x and a step: x when no more steps have come, and how, in words
    usual: Callable = lambda order: {}  # of an order: blocks that begin otherwise than by their defaults
    lighter: tuple = ()  # what makes it smaller: (what a button says, the path of a dial, its values)
    peak: float = 2e-3  # the highest learning rate, as in its lesson
    unit: str = ""  # what a forecast is counted in; empty where classes are asked for
    scale: float = 1.0  # how many of that unit a 1 in the data is
    piece: str = "frame"  # what `PerFrame` goes over
    exact: bool = False  # whether `size` gives the right number of examples, not about so many
    largest: int = 128  # side of its frames in pixels, at most

    @property
    def in_space(self):
        """Whether every step is an image."""
        return "height" in self.axes

    @property
    def in_words(self):
        return len(self.axes) == 1

    @property
    def forecasts(self):
        return bool(self.unit)

    @property
    def metric(self):
        return "mean_absolute_error" if self.forecasts else "accuracy"

    @property
    def loss(self):
        return self.metric if self.forecasts else "sparse_categorical_crossentropy"


# ----------------------------------------------------------------------------------------------- Data


@dataclass(frozen=True, eq=False)
class Examples:
    """What is kept of the data of a run, to look into it: validation examples and what is known of them."""

    x: np.ndarray  # as the network reads them
    y: dict  # label -> what is true of them
    names: dict  # label -> the words of its classes; empty where numbers are forecast
    baseline: dict  # label -> the score of an answer without any network, and what it is called
    vocabulary: list | None = None  # the word behind each number of x, where x is text

    def __len__(self):
        return len(self.x)

    def example(self, number):
        """(x, {label: y}, what to show) of an example."""
        x = self.x[number]
        words = self.vocabulary and [self.vocabulary[token] if token else "" for token in x]
        return x, {label: values[number] for label, values in self.y.items()}, words or x


@dataclass(frozen=True, eq=False)
class Feed:
    """A dataset in the numbers that networks read, its baseline, and the vocabulary of a text."""

    data: datasets.Dataset
    baseline: dict
    vocabulary: list | None = None

    def examples(self, labels):
        """The first validation examples, as many as there is room to keep, in arrays of their own."""
        check, names = self.data.validation, self.data.class_names
        count = max(1, int(KEPT / check.x[:1].nbytes))
        y = {label: check.y[label][:count].copy() for label in labels}
        known = {label: names[label] for label in labels if label in names}
        return Examples(check.x[:count].copy(), y, known, self.baseline, self.vocabulary)


def feed(state):
    """The data for a state. What was read last is kept for the next state with the same input."""
    return _feed(state.task, state.entry, tuple(state.classes))


@lru_cache(maxsize=1)
def _feed(task, entry, labels):
    """Runs the code that a learner is shown: it leaves `data`, and of texts a layer that can `read` them."""
    from keras import layers

    kind, names = TASKS[task], {"layers": layers}
    exec(kind.data(entry, labels), names)  # made by this package from checked dials
    data, vocabulary = names["data"], names["read"].get_vocabulary() if "read" in names else None
    return Feed(data, kind.baseline(data, entry), vocabulary)


def clips_that_fit(clip):
    """How many training clips of this size there is room for."""
    return max(80, min(SPLIT[0], int(ROOM / (clip.frames * prod(clip.sides) * 4)) // 80 * 80))


# The code that reads the data of a task: it gives a `Dataset` with the name `data`, in numbers

IMPORT = "\nfrom course_utils import datasets\n\n"


def _clips(loader, clip, more=""):
    count = clips_that_fit(clip)
    counts = count, min(SPLIT[1], count), 8
    return f"{IMPORT}data = datasets.{loader}({clip.frames}, {clip.size}, {more}clips={counts})\n"


def _reviews(text, labels):
    return f"""\
from dataclasses import replace

import numpy as np
{IMPORT}texts = datasets.reviews("{text.source}")
read = layers.TextVectorization(max_tokens={text.words}, output_sequence_length={text.tokens})
read.adapt(list(texts.train.x))  # only the words of these texts have a number


def numbers(split):
    \"\"\"A split with numbers for its words, filled up with zeros on the left.\"\"\"
    rows = np.asarray(read(list(split.x)))  # filled up on the right
    rows = [np.roll(row, np.sum(row == 0)) for row in rows]
    return replace(split, x=np.array(rows, "int32"))


data = replace(
    texts,
    train=numbers(texts.train),
    validation=numbers(texts.validation),
    compose=lambda split, epoch: numbers(texts.compose(split, epoch)),
)
"""


# What an answer without any network scores: label -> (the score, what it is called)


def _guessing(data, entry):
    counts = {label: np.bincount(y) for label, y in data.validation.y.items()}
    return {label: (float(count.max() / count.sum()), "guessing") for label, count in counts.items()}


def _same_hour_before(data, series):
    check, hours = data.validation, np.arange(series.ahead)
    back, name = (168, "same hour last week") if series.days >= 7 else (24, "same hour yesterday")
    error = float(np.abs(check.x[:, hours % back - back, 0] - check.y["volume"]).mean()) * 1000
    return {"volume": (error, name)}


# ------------------------------------------------- An example of which only the first steps have come

NEEDED = "the network needs all of them"


def _first(x, step, how, left=False, mode="constant"):
    """The first steps of x, filled up as `numpy.pad` does in this mode; and how, in words."""
    missing = len(x) - step
    ends = (missing, 0) if left else (0, missing)
    return np.pad(x[:step], [ends, *[(0, 0)] * (x.ndim - 1)], mode), how


# ------------------------------------------------------------------------------------------ The tasks

REVIEWS = {"sentences": (6800, 1e8), "long": (13800, 4e8)}  # training examples and bytes while read: about
FILLED = "the frames to come are replaced by {} ones: " + NEEDED

DIGITS = Task(
    "moving digits",
    heading="Clip",
    entry="clip",
    input="clip",
    axes=("time", "height", "width", "channels"),
    step="frame",
    example="clip",
    examples="clips",
    classes=lambda state: state.answer.classes,
    data=lambda clip, labels: _clips("moving_digits", clip, f"digit_size={min(16, clip.size)}, "),
    baseline=_guessing,
    size=lambda clip: (clips_that_fit(clip), 0),
    exact=True,
    without=partial(_first, how=FILLED.format("black")),
    lighter=(("Read {} frames", "clip.frames", (16, 8, 4)), ("{} pixels", "clip.size", (64, 48, 32, 24))),
    peak=4e-3,
)

TASKS = {
    "digits": DIGITS,
    "moves": replace(
        DIGITS,
        title="camera moves",
        classes=lambda state: {"move": len(datasets.MOVES)},
        data=lambda clip, labels: _clips("camera_moves", clip),
        without=partial(_first, how=FILLED.format("grey")),
        largest=64,
    ),
    "reviews": Task(
        "reviews",
        heading="Review",
        entry="text",
        input="words",
        axes=("time",),
        step="word",
        example="review",
        examples="reviews",
        classes=lambda state: {"sentiment": 2},
        data=_reviews,
        baseline=_guessing,
        size=lambda text: REVIEWS[text.source],
        without=partial(_first, how="as if the review ended here (padding on the left)", left=True),
        usual=lambda order: {
            "convolutions": (Convolution(64, 3, pool=2 if order == "cnn-lstm" else 1),),
            "lstm": Memory(64),
            "answer": Answer(dropout=30),
            "budget": Budget(4),
        },
        lighter=(
            ("Read {} words", "text.tokens", (200, 100, 40)),
            ("Vectors of {}", "text.embedding", (64,)),
        ),
    ),
    "traffic": Task(
        "traffic",
        heading="Hours",
        entry="series",
        input="hours",
        axes=("time", "features"),
        step="hour",
        example="forecast",
        examples="windows",
        classes=lambda state: {"volume": state.series.ahead},
        data=lambda series, labels: f"{IMPORT}data = datasets.traffic({series.days}, {series.ahead})\n",
        baseline=_same_hour_before,
        size=lambda series: (12200, 0),
        without=partial(_first, how=f"the hours to come are replaced by this one: {NEEDED}", mode="edge"),
        usual=lambda order: {"convolutions": (Convolution(32, 5, pool=2),) * 2, "lstm": Memory(64)},
        lighter=(("Read {} days", "series.days", (7,)),),
        unit="vehicles",
        scale=1000,
        piece="day",
    ),
}
