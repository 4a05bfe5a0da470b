"""The tasks of the lab, each one record, and how their data become what a network is trained on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
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
    read: Callable  # of an entry and labels: the `Feed`
    size: Callable  # of an entry, before it is read: (training examples, bytes that reading takes)
    without: Callable  # of x and a step: x when no more steps have come, and how, in words
    usual: Callable = lambda order: {}  # of an order: blocks that begin otherwise than by their defaults
    lighter: tuple = ()  # what makes it smaller: (what a button says, the path of a dial, its values)
    peak: float = 2e-3  # the highest learning rate, as in its lesson
    unit: str = ""  # what a forecast is counted in; empty where classes are asked for
    scale: float = 1.0  # how many of that unit a 1 in the data is
    piece: str = "frame"  # what `PerFrame` goes over
    exact: bool = False  # whether `size` gives the right number of examples, not about so many

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
    return TASKS[task].read(entry, labels)


def clips_that_fit(clip):
    """How many training clips of this size there is room for."""
    return max(80, min(SPLIT[0], int(ROOM / (clip.frames * prod(clip.sides) * 4)) // 80 * 80))


def _read_clips(clip, labels):
    count = clips_that_fit(clip)
    counts = (count, min(SPLIT[1], count), 8)
    if "move" in labels:
        data = datasets.camera_moves(clip.frames, clip.size, clips=counts)
    else:
        data = datasets.moving_digits(clip.frames, clip.size, digit_size=min(16, clip.size), clips=counts)
    return Feed(data, {label: (1 / len(data.class_names[label]), "guessing") for label in labels})


def _read_reviews(text, labels):
    from keras import layers

    data = datasets.reviews(text.source)
    read = layers.TextVectorization(max_tokens=text.words, output_sequence_length=text.tokens)
    read.adapt(list(data.train.x))

    def numbers(split):
        """Words as numbers, on the right; what is too short is filled up with zeros on the left."""
        parts = np.array_split(split.x, 20)  # an array of str is as wide as its longest
        after = np.concatenate([np.asarray(read(part.astype(str))) for part in parts])
        lengths = (after > 0).sum(axis=1)
        rows = zip(after, text.tokens - lengths, strict=True)
        return replace(split, x=np.array([np.roll(row, left) for row, left in rows], "int32"))

    train, validation = numbers(data.train), numbers(data.validation)

    def compose(split, epoch):
        order = np.random.default_rng((17, epoch)).permutation(len(train))
        return replace(train, x=train.x[order], y={label: y[order] for label, y in train.y.items()})

    data = replace(data, train=train, validation=validation, test=None, compose=compose)
    most = np.bincount(validation.y["sentiment"]).max() / len(validation)
    return Feed(data, {"sentiment": (float(most), "guessing")}, read.get_vocabulary())


def _read_traffic(series, labels):
    data = datasets.traffic(series.days, series.ahead)
    check, hours = data.validation, np.arange(series.ahead)
    back, name = (168, "same hour last week") if series.days >= 7 else (24, "same hour yesterday")
    error = float(np.abs(check.x[:, hours % back - back, 0] - check.y["volume"]).mean()) * 1000
    return Feed(data, {"volume": (error, name)})


# ------------------------------------------------- An example of which only the first steps have come


def _black_frames(x, step):
    how = "the frames to come are replaced by black ones: the network needs all of them"
    return np.concatenate([x[:step], np.zeros_like(x[step:])]), how


def _padded_words(x, step):
    return np.concatenate(
        [np.zeros_like(x[step:]), x[:step]]
    ), "as if the review ended here (padding on the left)"


def _same_hour(x, step):
    how = "the hours to come are replaced by this one: the network needs all of them"
    return np.concatenate([x[:step], np.repeat(x[step - 1 : step], len(x) - step, axis=0)]), how


# ------------------------------------------------------------------------------------------ The tasks

REVIEWS = {"sentences": (6800, 1e8), "long": (20000, 4e8)}  # training examples and bytes while read: about

TASKS = {
    "digits": Task(
        "moving digits",
        heading="Clip",
        entry="clip",
        input="clip",
        axes=("time", "height", "width", "channels"),
        step="frame",
        example="clip",
        examples="clips",
        classes=lambda state: state.answer.classes,
        read=_read_clips,
        size=lambda clip: (clips_that_fit(clip), 0),
        exact=True,
        without=_black_frames,
        lighter=(("Read {} frames", "clip.frames", (16, 8, 4)), ("{} pixels", "clip.size", (64, 48, 32, 24))),
        peak=4e-3,
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
        read=_read_reviews,
        size=lambda text: REVIEWS[text.source],
        without=_padded_words,
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
        read=_read_traffic,
        size=lambda series: (12200, 0),
        without=_same_hour,
        usual=lambda order: {"convolutions": (Convolution(32, 5, pool=2),) * 2, "lstm": Memory(64)},
        lighter=(("Read {} days", "series.days", (7,)),),
        unit="vehicles",
        scale=1000,
        piece="day",
    ),
}
