"""Looking into a trained network: what its parts make of one example. NumPy and Keras, no widgets here."""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from course_utils.labs.core.lstm import run_lstm
from course_utils.labs.core.window import Axis, under

# Models that look into a `Composition`, kept as long as it lives; they share its layers, so they train along.
_PROBES, _TWINS = WeakKeyDictionary(), WeakKeyDictionary()
MAPS = ("cnn", "convlstm")  # parts of a network that give feature maps


@dataclass(frozen=True, eq=False)
class Maps:
    """What a convolution, a pooling or a ConvLSTM was given, and the feature maps that it gives."""

    title: str
    kind: str  # "convolution", "pooling" or "recurrent"
    given: np.ndarray  # ([time,] [height,] width, channels), as `gives`
    gives: np.ndarray
    axes: int  # 2: height and width; 1: only a width; whatever stands before them is time (`timed`)
    window: tuple  # two `Axis`: how it moves along rows and columns
    weights: list  # kernel and bias as they were when the trace was taken
    norm: tuple | None  # of batch normalisation: γ, β, μ and σ of each filter
    steps: int  # of the input

    @property
    def timed(self):
        return self.gives.ndim == self.axes + 2

    def at(self, step, array):
        """One frame of `given` or `gives` as (rows, columns, channels), with one row where axes is 1."""
        maps = array[place(step, self.steps, len(array))[0]] if array.ndim == self.axes + 2 else array
        return maps if self.axes == 2 else maps[None]


@dataclass(frozen=True, eq=False)
class Trace:
    """What a network makes of one example, part by part."""

    state: object
    maps: tuple
    lstms: tuple
    attention: np.ndarray | None
    answers: dict


@dataclass(frozen=True, eq=False)
class Sum:
    """How one value of a feature map comes about. `products` are summed within each channel."""

    patch: np.ndarray
    inside: np.ndarray  # False where the patch reaches over the edge, into padding
    value: float
    kernel: np.ndarray | None = None
    products: np.ndarray | None = None
    bias: float = 0.0
    total: float = 0.0
    norm: tuple | None = None  # γ, β, μ and σ of batch normalisation
    normalised: float = 0.0  # what ReLU is given


class Diverged(ValueError):
    """A network whose weights, or what it makes of them, are no longer numbers."""


def place(step, steps, count):
    """From where to where `step` (from 0) of `steps` lies among the `count` steps of a part."""
    first = min(step * count // steps, count - 1)
    return first, max((step + 1) * count // steps, first + 1)


# ---------------------------------------------------------------------------------------------- Trace


def trace(built, x):
    """What every part of a network makes of one example.

    Parameters
    ----------
    built : assembly.Composition
        With its model, trained or not.
    x : array
        One example, without a batch axis.

    Returns
    -------
    Trace

    Raises
    ------
    Diverged
        If weights, or the numbers that a layer gives, are NaN or infinite; the message names the layers.
    """
    if where := diverged(built):
        raise Diverged(f"There are weights that are no longer numbers (NaN or infinite) in {where}.")
    whole, frames = _probes(built)
    answers, weights, parts = whole.predict_on_batch(np.asarray(x)[None])
    answers = {label: values[0] for label, values in answers.items()}
    parts = {number: [values[0] for values in ends] for number, ends in parts.items()}
    parts |= frames.predict_on_batch(x) if frames else {}
    maps, lstms = [], []
    for number, fact in enumerate(built.facts):
        given, gives = parts.get(str(number), (0, 0))
        _check_numbers(_name(fact), gives)
        if fact.part in MAPS:
            maps.append(_maps(built.state, fact, len(maps) + 1, given, gives))
        elif fact.part == "lstm":
            lstms += _gates(fact, len(lstms) + 1, given)
    for label, values in answers.items():
        _check_numbers(f"the answer {label}", values)
    return Trace(built.state, tuple(maps), tuple(lstms), np.ravel(weights[0]) if weights else None, answers)


def diverged(built):
    """Layers of a `Composition` with weights that are NaN or infinite, in words; empty if there are none."""
    layers = [(_name(fact), layer) for fact in built.facts for layer in fact.layers]
    layers += [(f"the answer {label}", built.model.get_layer(label)) for label in built.state.classes]
    weighted = [(name, layer.get_weights()) for name, layer in layers if layer.weights]
    lost = [name for name, weights in weighted if not all(np.isfinite(w).all() for w in weights)]
    return "all layers" if len(lost) == len(weighted) > 1 else " and ".join(dict.fromkeys(lost))


def _name(fact):
    """What the lab calls a layer: its column in the picture, and its row of dials if there are several."""
    _, _, row = fact.path.partition(".")
    return f"{fact.title}, {fact.detail}" + (f" (convolution {int(row) + 1})" if row else "")


def _check_numbers(name, values):
    if not np.isfinite(values).all():
        raise Diverged(f"All weights are numbers, but {name} gives NaN or infinite ones: they are too large.")


def _answers(built, outputs):
    """The outputs of a model as a dictionary, also where only one thing is asked."""
    return outputs if isinstance(outputs, dict) else {next(iter(built.state.classes)): outputs}


def _probes(built):
    """Two models that give what lies inside: one for the whole input, one for single frames (or None).

    The first gives the answers and the weights of attention; both give what layers were given and what they
    give, by the number of the fact.
    """
    import keras

    if built not in _PROBES:
        whole, frames, weights = {}, {}, []
        for number, fact in enumerate(built.facts):
            if fact.part in (*MAPS, "lstm"):
                (frames if fact.each else whole)[str(number)] = [fact.given, fact.gives]
            elif fact.part == "attention":
                weights = [layer.output for layer in fact.layers if layer.name == "attention"]
        outputs = [_answers(built, built.model.output), weights, whole]
        one_frame = keras.Model(built.piece, frames) if frames else None
        _PROBES[built] = keras.Model(built.model.input, outputs), one_frame
    return _PROBES[built]


def _maps(state, fact, number, given, gives):
    axes, pools, norm = 1 + state.over_frames, fact.title == "Max pool", None
    layer, *more = fact.layers
    kind = "pooling" if pools else "recurrent" if fact.part == "convlstm" else "convolution"
    size = (layer.pool_size if pools else layer.kernel_size)[-axes:]
    sides = zip(given.shape[-1 - axes : -1], size, layer.strides[-axes:])
    window = (Axis(1, 1), *(Axis(*side, layer.padding) for side in sides))[-2:]
    if more:  # batch normalisation, as it is after training: from its moving averages
        gamma, beta, mean, variance = more[0].get_weights()
        norm = gamma, beta, mean, np.sqrt(variance + more[0].epsilon)
    title = f"{number}. {fact.title}, {fact.detail}"
    return Maps(title, kind, given, gives, axes, window, layer.get_weights(), norm, state.steps)


def _gates(fact, number, given):
    """The gates of an LSTM; of a Bidirectional, forward and backward apart."""
    layer, given = fact.layers[0], given.astype("float64")
    if not hasattr(layer, "backward_layer"):
        return [run_lstm(f"{number}. {fact.title}", given, *layer.get_weights())]
    forward = run_lstm(f"{number}. {fact.title}, forward", given, *layer.forward_layer.get_weights())
    name = f"{number + 1}. {fact.title}, backward (from the end)"
    return [forward, run_lstm(name, given, *layer.backward_layer.get_weights(), backward=True)]


# ------------------------------------------------------------------------ The answer after some steps


def answer_after(built, x, step):
    """What the model would answer if only the first steps had come.

    Parameters
    ----------
    built : assembly.Composition
        With its model, trained or not.
    x : array
        One example, without a batch axis.
    step : int
        How many steps have come, at least 1.

    Returns
    -------
    dict of arrays, str
        The answers, and in words what stands in for the steps not yet come.

    Raises
    ------
    Diverged
        If an answer is NaN or infinite.
    """
    x, kind = np.asarray(x), built.state.kind
    how = f"every {kind.step} is read"
    outputs = _first_frames(built, x, step) if kind.in_space else None
    if outputs:
        how = how if step == len(x) else "as if the clip ended here"
    else:
        if step < len(x):
            x, how = kind.without(x, step)
        outputs, *_ = _probes(built)[0].predict_on_batch(x[None])
    for label, values in outputs.items():
        _check_numbers(f"the answer {label}", values)
    now = (0, step - 1) if built.state.answers_each else 0
    return {label: values[now] for label, values in outputs.items()}, how


def _first_frames(built, x, step):
    """The answers to the first frames alone, or None where the composition needs a fixed number, or more."""
    import keras

    if built not in _TWINS:  # the same layers over any number of frames
        clip, same = keras.Input((None, *x.shape[1:])), lambda layer: layer
        try:
            _TWINS[built] = keras.models.clone_model(built.model, clip, clone_function=same)
        except ValueError:
            _TWINS[built] = None
        # Traced for the first length alone, then once more for any: both now, not while the learner scrubs.
        for length in (len(x), max(len(x) - 1, 1)):
            _first_frames(built, x, length)
    twin = _TWINS[built]
    try:
        fits = twin and twin.compute_output_shape((1, step, *x.shape[1:]))
    except ValueError:  # too few for all windows of a convolution or pooling over time
        fits = None
    return _answers(built, twin.predict_on_batch(x[None, :step])) if fits else None


# --------------------------------------------------------------------------------- One value of a map


def explain(trace, stage, step, row, column, filter):
    """How one value of a feature map comes about.

    Parameters
    ----------
    trace : Trace
        Of one example.
    stage : int
        Which of `trace.maps`.
    step : int
        The step of the input, from 0: decides on the frame where maps are made for every frame.
    row, column, filter : int
        Where in the map; `row` is 0 where there is only one axis.

    Returns
    -------
    Sum

    Raises
    ------
    ValueError
        For a ConvLSTM, whose values come from gates and a state, not from one sum.
    """
    maps = trace.maps[stage]
    if maps.kind == "recurrent":
        what = "three gates, a candidate and the state before go into it"
        raise ValueError(f"A value of a ConvLSTM is not one sum: {what}.")
    given = maps.at(step, maps.given)
    patch, inside = under(given, maps.window, (row, column))
    flat = 0 if maps.axes == 1 else ...  # where there is no row
    if maps.kind == "pooling":
        window = patch[..., filter]
        return Sum(window[flat], inside[flat], float(window.max()))
    kernel, bias = (weights[..., filter] for weights in maps.weights)
    kernel = kernel.reshape(patch.shape)
    products = (patch * kernel).sum((0, 1), dtype="float64")
    total = normalised = float(products.sum() + bias)
    norm = maps.norm and tuple(float(values[filter]) for values in maps.norm)
    if norm:
        gamma, beta, mean, deviation = norm
        normalised = gamma * (total - mean) / deviation + beta
    value = max(normalised, 0.0)
    return Sum(patch[flat], inside[flat], value, kernel[flat], products, float(bias), total, norm, normalised)


def sees(trace, stage, row, column):
    """What a value of a map depends on in the input: (top, left, bottom, right), the last two excluded.

    None where there is no such window: behind an LSTM and in a ConvLSTM, which remember what came before.
    """
    chain = trace.maps[: stage + 1]
    if trace.state.order == "lstm-cnn" or any(maps.kind == "recurrent" for maps in chain):
        return None
    reach = [(row, row), (column, column)]
    for maps in reversed(chain):
        reach = [axis.covers(*ends) for axis, ends in zip(maps.window, reach)]
    (top, bottom), (left, right) = reach
    return top, left, bottom + 1, right + 1
