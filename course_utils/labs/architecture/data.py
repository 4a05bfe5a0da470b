"""The data a composition is trained on: composed for its state, in the form of its input. No widgets here."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import datasets

BATCH = 32
ROOM = 4e8  # bytes that the training clips may take
KEPT = 16e6  # bytes of validation examples that are kept with a run
SPLIT = (3200, 400)  # clips to train on and to validate with


@dataclass(frozen=True, eq=False)
class Examples:
    """What is kept of the data of a run, to look into it: validation examples and what is known of them.

    Attributes
    ----------
    x : array
        The examples, as the network reads them.
    y : dict of arrays
        What is true of them.
    names : dict
        The words of the classes of each label; empty where numbers are forecast.
    baseline : dict
        For each label the score of an answer without any network, and what it is called.
    vocabulary : list of str or None
        The word behind each number of x, where x is text.
    """

    x: np.ndarray
    y: dict
    names: dict
    baseline: dict
    vocabulary: list | None = None

    def __len__(self):
        return len(self.x)

    def example(self, number):
        """(x, {label: y}, what to show) of an example."""
        x = self.x[number]
        words = self.vocabulary and [self.vocabulary[token] if token else "" for token in x]
        return x, {label: values[number] for label, values in self.y.items()}, words or x

    def first(self):
        """The first examples, as many as there is room to keep, in arrays of their own."""
        count = max(1, min(len(self), int(KEPT / self.x[:1].nbytes)))
        y = {label: values[:count].copy() for label, values in self.y.items()}
        return Examples(self.x[:count].copy(), y, self.names, self.baseline, self.vocabulary)


@dataclass(frozen=True, eq=False)
class Feed:
    """Training and validation data of one state.

    Attributes
    ----------
    size : int
        Training examples in an epoch.
    epoch : callable
        `epoch(3)` gives (x, {label: y}) of epoch 3: the same every time.
    validation : Examples
    peak : float
        The highest learning rate.
    """

    size: int
    epoch: object
    validation: Examples
    peak: float
    loss: str = "sparse_categorical_crossentropy"
    metric: str = "accuracy"
    scale: float = 1.0  # from the metric to what is shown

    def batches(self, share=1.0):
        """Batches in an epoch, of all examples or a share of them."""
        return max(1, round(-(-self.size // BATCH) * share))


def feed(state):
    """The data for a state. What was read last is kept for the next state with the same input."""
    if state.task == "digits":
        data = _clips(state.clip.frames, state.clip.size, state.answer.labels == "move")
        return _asked(data, state.classes)
    if state.task == "reviews":
        return _reviews(state.text.source, state.text.tokens, state.text.words)
    return _traffic(state.series.days, state.series.ahead)


def clips_that_fit(frames, size):
    """How many training clips of this size there is room for."""
    return max(80, min(SPLIT[0], int(ROOM / (frames * size * size * 4)) // 80 * 80))


@lru_cache(maxsize=1)
def _clips(frames, size, moves):
    count = clips_that_fit(frames, size)
    counts = (count, min(SPLIT[1], count), 8)
    if moves:
        return datasets.camera_moves(frames, size, clips=counts)
    return datasets.moving_digits(frames, size, digit_size=min(16, size), clips=counts)


def _asked(data, classes):
    """Clips with the labels that are asked for."""

    def asked(split):
        return split.x, {label: split.y[label] for label in classes}

    guessing = {label: (1 / count, "guessing") for label, count in classes.items()}
    names = {label: data.class_names[label] for label in classes}
    validation = Examples(*asked(data.validation), names, guessing)
    return Feed(len(data.train), lambda number: asked(data.recompose(number)), validation, 4e-3)


@lru_cache(maxsize=1)
def _reviews(source, tokens, words):
    from keras import layers

    data = datasets.reviews(source)
    read = layers.TextVectorization(max_tokens=words, output_sequence_length=tokens)
    read.adapt(list(data.train.x))

    def numbers(split):
        """Words as numbers, on the right; what is too short is filled up with zeros on the left."""
        parts = np.array_split(split.x, 20)  # an array of str is as wide as its longest
        after = np.concatenate([np.asarray(read(part.astype(str))) for part in parts])
        lengths = (after > 0).sum(axis=1)
        return np.array([np.roll(row, tokens - n) for row, n in zip(after, lengths, strict=True)], "int32")

    x, y = numbers(data.train), data.train.y

    def epoch(number):
        order = np.random.default_rng((17, number)).permutation(len(x))
        return x[order], {label: values[order] for label, values in y.items()}

    check = data.validation.y
    most = float(np.bincount(check["sentiment"]).max() / len(check["sentiment"]))
    known = data.class_names, {"sentiment": (most, "guessing")}, read.get_vocabulary()
    return Feed(len(x), epoch, Examples(numbers(data.validation), check, *known), 2e-3)


@lru_cache(maxsize=1)
def _traffic(days, ahead):
    data = datasets.traffic(days, ahead)
    check, hours = data.validation, np.arange(ahead)
    back, name = (168, "same hour last week") if days >= 7 else (24, "same hour yesterday")
    error = float(np.abs(check.x[:, hours % back - back, 0] - check.y["volume"]).mean()) * 1000

    def epoch(number):
        part = data.recompose(number)
        return part.x, part.y

    validation = Examples(check.x, check.y, {}, {"volume": (error, name)})
    kind = "mean_absolute_error"
    return Feed(len(data.train), epoch, validation, 2e-3, loss=kind, metric=kind, scale=1000)
