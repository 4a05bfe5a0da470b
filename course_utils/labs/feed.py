"""The data a composition is trained on: composed for its state, in the form of its input. No widgets here."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from course_utils import datasets

BATCH = 32
ROOM = 4e8  # bytes that the training clips may take
SPLIT = (3200, 400)  # clips to train on and to validate with


@dataclass(eq=False)
class Feed:
    """Training and validation data of one state.

    Attributes
    ----------
    size : int
        Training examples in an epoch.
    epoch : callable
        `epoch(3)` gives (x, {label: y}) of epoch 3: the same every time.
    validation : tuple
        (x, {label: y}).
    names : dict
        The words of the classes of each label; empty where numbers are forecast.
    shown : list or None
        What to show for each validation example; None where that is x itself.
    noun : str
        What an example is called.
    peak : float
        The highest learning rate.
    baseline : dict
        For each label the score of an answer without any network, and what it is called.
    """

    size: int
    epoch: object
    validation: tuple
    names: dict
    noun: str
    peak: float
    baseline: dict
    shown: list | None = None
    loss: str = "sparse_categorical_crossentropy"
    metric: str = "accuracy"
    scale: float = 1.0  # from the metric to what is shown

    @property
    def count(self):
        """Validation examples."""
        return len(self.validation[0])

    def example(self, number):
        """(x, {label: y}, what to show) of a validation example."""
        x, y = self.validation
        shown = x[number] if self.shown is None else self.shown[number]
        return x[number], {label: values[number] for label, values in y.items()}, shown

    def batches(self, share=1.0):
        """Batches in an epoch, of all examples or a share of them."""
        return max(1, round(-(-self.size // BATCH) * share))


def feed(state):
    """The data for a state. Equal inputs share it; the one read last is kept."""
    if state.task == "digits":
        clip = state.clip
        moves = state.answer.labels == "move"
        return _clips(clip.frames, clip.size, moves).of(state.classes)
    if state.task == "reviews":
        return _reviews(state.text.source, state.text.tokens, state.text.words)
    return _traffic(state.series.days, state.series.ahead)


def clips_that_fit(frames, size):
    """How many training clips of this size there is room for."""
    return max(80, min(SPLIT[0], int(ROOM / (frames * size * size * 4)) // 80 * 80))


@dataclass(eq=False)
class _Clips:
    data: object
    made: dict = field(default_factory=dict)

    def of(self, classes):
        """The feed that asks for these labels."""
        if tuple(classes) not in self.made:
            data, names = self.data, self.data.class_names

            def asked(split):
                return split.x, {label: split.y[label] for label in classes}

            self.made[tuple(classes)] = Feed(
                len(data.train),
                lambda number: asked(data.recompose(number)),
                asked(data.validation),
                {label: names[label] for label in classes},
                "clip",
                4e-3,
                {label: (1 / count, "guessing") for label, count in classes.items()},
            )
        return self.made[tuple(classes)]


@lru_cache(maxsize=1)
def _clips(frames, size, moves):
    count = clips_that_fit(frames, size)
    counts = (count, min(SPLIT[1], count), 8)
    if moves:
        return _Clips(datasets.camera_moves(frames, size, clips=counts))
    return _Clips(datasets.moving_digits(frames, size, digit_size=min(16, size), clips=counts))


@lru_cache(maxsize=1)
def _reviews(source, tokens, words):
    from keras import layers

    data = datasets.reviews(source)
    read = layers.TextVectorization(max_tokens=words, output_sequence_length=tokens)
    read.adapt(data.train.x.astype(str))
    vocabulary = np.array(read.get_vocabulary())

    def numbers(split):
        """Words as numbers, on the right; what is too short is filled up with zeros on the left."""
        after = np.concatenate([np.asarray(read(part)) for part in np.array_split(split.x.astype(str), 20)])
        lengths = (after > 0).sum(axis=1)
        return np.array([np.roll(row, tokens - n) for row, n in zip(after, lengths, strict=True)], "int32")

    x, y = numbers(data.train), data.train.y
    check = numbers(data.validation)
    most = float(np.bincount(data.validation.y["sentiment"]).max() / len(check))
    return Feed(
        len(x),
        _shuffled(x, y),
        (check, data.validation.y),
        data.class_names,
        "review",
        2e-3,
        {"sentiment": (most, "guessing")},
        [[vocabulary[token] if token else "" for token in row] for row in check],
    )


@lru_cache(maxsize=1)
def _traffic(days, ahead):
    data = datasets.traffic(days, ahead)
    train, check = data.train, data.validation
    hours, (back, name) = (
        np.arange(ahead),
        (168, "same hour last week") if days >= 7 else (24, "same hour yesterday"),
    )
    error = float(np.abs(check.x[:, hours % back - back, 0] - check.y["volume"]).mean()) * 1000
    return Feed(
        len(train),
        _shuffled(train.x, train.y),
        (check.x, check.y),
        {},
        "window",
        2e-3,
        {"volume": (error, name)},
        loss="mean_absolute_error",
        metric="mean_absolute_error",
        scale=1000,
    )


def _shuffled(x, y):
    def epoch(number):
        order = np.random.default_rng((17, number)).permutation(len(x))
        return x[order], {label: values[order] for label, values in y.items()}

    return epoch
