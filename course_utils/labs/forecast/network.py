"""The mathematics of the forecast lab: networks run on a past of any length, and how far off they are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_utils.labs.core.arguments import diverged, tried

DAY, WEEK = 24, 168
LEVELS = (0.1, 0.5, 0.9)  # of the quantiles
LAST_WEEK, YESTERDAY = "same hour last week", "same hour yesterday"


class Network:
    """One trained network: its forecast, and the weights of its attention if it has a layer "weights"."""

    def __init__(self, model, past, future):
        import keras
        import tensorflow as tf

        if not isinstance(model, keras.Model):
            raise ValueError(f"is {type(model).__name__}, but must be a Keras model")
        if problem := diverged(model.weights):
            raise ValueError(problem)
        wanted = (None, None, past.shape[1]), (None, *future.shape)
        inputs = tuple(tuple(entry.shape) for entry in getattr(model, "inputs", None) or ())
        if inputs != wanted or not isinstance(model.input, list | tuple):
            raise ValueError(
                f"takes {list(inputs)}, but must take [past, future] of shapes {list(wanted)}, as in "
                f"keras.Model([past, future], ...) with past = keras.Input((None, {past.shape[1]}))"
            )
        if isinstance(model.output, list | tuple | dict):
            raise ValueError(
                f"gives {len(model.output)} outputs, but must give the forecast alone: attention is found "
                'at the layer of the name "weights"'
            )
        outputs = {layer.name: layer.output for layer in model.layers if layer.name == "weights"}
        self._inner = keras.Model(model.inputs, {"answer": model.output, **outputs})
        compiled = tf.function(lambda *given: self._inner([*given], training=False))
        signature = [tf.TensorSpec(shape, "float32") for shape in wanted]  # one trace for all lengths
        self._run = compiled.get_concrete_function(*signature)
        for hours in range(DAY, len(past) + 1, DAY):
            self._check(past[-hours:], future)

    def _check(self, past, future):
        """Whether what comes out has the shape that it must have."""
        where = f"for {len(past)} past hours"
        answer, weights = tried(lambda: self.run(past[None], future), where)
        if answer.shape[1:] not in ((len(future), 1), (len(future), len(LEVELS))):
            raise ValueError(
                f"answers {answer.shape} {where}, but must answer (batch, {len(future)}, 1), or (batch, "
                f"{len(future)}, 3) with the quantiles 0.1, 0.5 and 0.9: end it with layers.Dense(1) or (3)"
            )
        if weights is None:
            return
        if weights.ndim != 3 or weights.shape[1] != len(future) or len(past) % weights.shape[2]:
            raise ValueError(
                f"has a layer 'weights' that gives {weights.shape} {where}, but must give (batch, "
                f'{len(future)}, steps), each step some whole hours: use padding="same" and strides that '
                f"divide {DAY}"
            )
        if np.abs(weights.sum(-1) - 1).max() > 1e-3 or weights.min() < 0:
            raise ValueError(
                "has a layer 'weights' that is no softmax over the steps: end the scores with "
                'layers.Softmax(name="weights")'
            )

    def run(self, past, future):
        """What some pasts (batch, hours, features) give, all with one future (ahead, features).

        Returns
        -------
        answer : array (batch, ahead, 1 or 3)
        weights : array (batch, ahead, steps), or None without attention
        """
        import tensorflow as tf

        future = np.broadcast_to(future, (len(past), *future.shape))
        pasts, futures = (tf.constant(values, "float32") for values in (past, future))
        made = {name: np.asarray(values) for name, values in self._run(pasts, futures).items()}
        if not all(np.isfinite(values).all() for values in made.values()):
            raise ValueError("gives NaN or infinite numbers; train it anew, with a smaller learning rate")
        return made["answer"], made.get("weights")


def clamped(past, ago, volume):
    """A past (hours, features) in which the volume `ago` hours before its end is another one."""
    changed = past.copy()
    changed[len(past) - ago, 0] = volume
    return changed


@dataclass(frozen=True, eq=False)
class Forecast:
    """One forecast and what it is compared with; volumes are in thousands of vehicles per hour.

    `volume` (hours,) is the real past, `truth` (ahead,) what came; `before` and `after` (ahead, 1 or 3) are
    the forecasts without and with the clamp, `weights` (ahead, steps) the attention with it, or None. Hours
    to come count from 1, hours gone by from 1 backwards; `ago` is 0 where nothing is clamped, and
    `clamp` is the volume there.
    """

    name: str
    start: np.datetime64
    volume: np.ndarray
    truth: np.ndarray
    before: np.ndarray
    after: np.ndarray
    weights: np.ndarray | None
    window: int
    horizon: int
    hour: int
    ago: int
    clamp: float

    @property
    def hours(self):
        return len(self.volume)

    def time(self, hour):
        """When an hour to come begins; 0 is the last hour gone by."""
        return self.start + (hour - 1)

    @property
    def meddled(self):
        """Whether an hour that the network gets is clamped."""
        return 0 < self.ago <= self.window

    @property
    def lines(self):
        """What is compared with the truth: name -> volume of each hour up to the horizon."""
        kept = {"forecast": middle(self.after)}
        if self.meddled:
            kept["without the clamp"] = middle(self.before)
        hours = np.arange(len(self.truth))
        if self.hours >= WEEK:
            kept[LAST_WEEK] = self.volume[-WEEK:][hours % WEEK]
        kept[YESTERDAY] = self.volume[-DAY:][hours % DAY]
        return {name: values[: self.horizon] for name, values in kept.items()}

    @property
    def came(self):
        """The truth up to the horizon."""
        return self.truth[: self.horizon]

    @cached_property
    def errors(self):
        """Name of each line -> its mean absolute error up to the horizon."""
        return {name: float(np.abs(values - self.came).mean()) for name, values in self.lines.items()}

    @property
    def interval(self):
        """The quantiles 0.1 and 0.9, each (horizon,), or None."""
        return self.after[: self.horizon, [0, -1]].T if self.after.shape[1] > 1 else None

    @property
    def within(self):
        """How many of the hours lie within the interval."""
        low, high = self.interval
        return int(((low <= self.came) & (self.came <= high)).sum())

    @property
    def crossing(self):
        """The hours at which a higher quantile is below a lower one."""
        crossed = (np.diff(self.after[: self.horizon]) < 0).any(1)
        return (1 + np.flatnonzero(crossed)).tolist()

    @property
    def change(self):
        """The hour that the clamp changes most, and its forecast without and with the clamp."""
        before, after = middle(self.before), middle(self.after)
        most = int(np.abs(after - before)[: self.horizon].argmax())
        return most + 1, before[most], after[most]

    @property
    def attention(self):
        """The weights of the steps for the chosen hour."""
        return self.weights[self.hour - 1]

    @property
    def per_step(self):
        """How many hours a step covers."""
        return self.window // self.weights.shape[1]

    def covers(self, step):
        """How long before the forecast origin a step's first and last hour are, in hours."""
        first = self.window - step * self.per_step
        return first, first - self.per_step + 1


def middle(answer):
    """The forecast itself: the median where there are quantiles."""
    return answer[:, answer.shape[1] // 2]
