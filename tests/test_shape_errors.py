"""Mends of the shape errors of lesson 03: right ones pass; those that only silence the error are told why."""

import re
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from test_half_answers import cells

from course_utils import check


@cache
def gallery():
    """The set-up of lesson 03 and the checks of its ten errors, with what they need."""

    def wanted(cell):
        tags = set(cell.metadata.get("tags", ()))
        return tags & {"setup", "check"}

    names = {"check": check}
    exec(cells("03_joining", wanted), names)
    keras, layers = names["keras"], names["layers"]

    def asked():  # the network of 03.5, as in the cell that shows the error
        frame_cnn = keras.Sequential([layers.Conv2D(4, 3, padding="same"), layers.GlobalMaxPooling2D()])
        stack = [names["PerFrame"](frame_cnn), layers.LSTM(8), layers.Dense(4, activation="softmax")]
        return keras.Sequential([keras.Input((None, 12, 12, 1), name="clips"), *stack])

    names["asked"] = asked
    return SimpleNamespace(**names)


def of(*stack, shape=(None, 12, 12, 1)):
    """A function that builds a network of layers, each written as `(layers, PerFrame) -> layer`."""

    def build():
        g = gallery()
        made = [one(g.layers, g.PerFrame) for one in stack]
        return g.keras.Sequential([g.keras.Input(shape), *made])

    return build


def frames(*stack):
    """On every frame."""
    return lambda L, P: P(gallery().keras.Sequential([one(L, P) for one in stack]))


def lstm(units=8, **how):
    return lambda L, P: L.LSTM(units, **how)


def conv(filters=4, kernel=3, **how):
    return lambda L, P: L.Conv2D(filters, kernel, **how)


def layer(name, *args, **how):
    return lambda L, P: getattr(L, name)(*args, **how)


FLAT, HALF, POOL = layer("Flatten"), conv(strides=2), layer("MaxPooling2D", 2)
EVERY, ANSWER = lstm(return_sequences=True), layer("Dense", 4, activation="softmax")
COLUMNS = (conv(padding="same"), POOL)
LINE, SERIES, SIX = {"shape": (12, 30, 1)}, {"shape": (None, 16)}, {"shape": (6, 12, 12, 1)}
READER = lstm(return_sequences=True)

MENDS = {
    "stacked": [
        (of(EVERY, lstm(4), **SERIES), "correct"),
        (of(lstm(), layer("Reshape", (1, 8)), lstm(4), **SERIES), "(3, 1, 8), not (3, 6, 8)"),
        (of(lstm(), layer("RepeatVector", 6), lstm(4), **SERIES), "9 steps go in"),
        (of(lstm(4), **SERIES), "two are to read"),
        (of(EVERY, lstm(4, return_sequences=True), **SERIES), "3 axes instead of 2"),
    ],
    "per_frame": [
        (of(frames(conv(), layer("GlobalMaxPooling2D")), lstm()), "correct"),
        (of(layer("Conv3D", 4, (1, 3, 3)), frames(layer("GlobalMaxPooling2D")), lstm()), "correct"),
        (of(layer("Conv3D", 4, 3), frames(layer("GlobalMaxPooling2D")), lstm()), "where is time?"),
        (
            of(layer("Conv3D", 4, 3, padding="same"), frames(layer("GlobalMaxPooling2D")), lstm()),
            "its own frame",
        ),
        (of(conv(), layer("GlobalMaxPooling2D"), lstm(), shape=(12, 12, 1)), "wants 3 axes"),
    ],
    "maps": [
        (of(frames(HALF), frames(FLAT), lstm()), "correct"),
        (of(frames(HALF), layer("Reshape", (-1, 100)), lstm()), "correct"),
        (of(frames(HALF), layer("Reshape", (-1, 4)), lstm()), "where is time?"),
        (of(frames(HALF, layer("GlobalMaxPooling2D")), lstm()), "the places are to stay"),
    ],
    "flatten": [
        (of(frames(HALF), frames(FLAT), layer("Dense", 16), lstm()), "correct"),
        (
            of(frames(HALF), FLAT, layer("Dense", 16), layer("Reshape", (1, 16)), lstm(), **SIX),
            "where is time?",
        ),
        (
            of(frames(HALF), FLAT, layer("Dense", 96), layer("Reshape", (6, 16)), lstm(), **SIX),
            "its own frame",
        ),
        (
            of(frames(HALF), layer("Reshape", (6, 100)), layer("Dense", 16), lstm(), **SIX),
            "takes nothing but",
        ),
        (
            of(frames(HALF), layer("Dense", 16), frames(layer("GlobalMaxPooling2D")), lstm()),
            "all 100 numbers of a frame at once",
        ),
    ],
    "one": [
        (lambda net, clip: net.predict(clip[np.newaxis, ..., np.newaxis], verbose=0)[0], "correct"),
        (lambda net, clip: net.predict(clip[..., np.newaxis], verbose=0), "six answers for one clip"),
        (lambda net, clip: net.predict(clip[..., np.newaxis], verbose=0)[0], "this is not the answer"),
    ],
    "one_answer": [
        (of(lstm(16), ANSWER, **SERIES), "correct"),
        (of(EVERY, layer("GlobalAveragePooling1D"), ANSWER, **SERIES), "correct"),
        (of(EVERY, FLAT, ANSWER, shape=(6, 16)), "weights for 48"),
        (of(layer("GlobalAveragePooling1D"), ANSWER, **SERIES), "the LSTM is to stay"),
    ],
    "deep": [
        (
            of(
                frames(
                    conv(4, padding="same"),
                    POOL,
                    conv(8, padding="same"),
                    POOL,
                    conv(8, padding="same"),
                    FLAT,
                ),
                lstm(),
            ),
            "correct",
        ),
        (of(frames(conv(4), POOL, conv(8), POOL, conv(8, 1), FLAT), lstm()), "three of 3 x 3 are to stay"),
    ],
    "any_size": [
        (of(frames(HALF, layer("GlobalMaxPooling2D")), lstm(), shape=(None, None, None, 1)), "correct"),
        (of(frames(HALF), layer("Reshape", (-1, 4)), lstm(), shape=(None, None, None, 1)), "where is time?"),
        (of(frames(HALF, FLAT), lstm()), "takes nothing but"),
    ],
    "columns": [
        (of(*COLUMNS, layer("Permute", (2, 1, 3)), layer("Reshape", (15, 24)), READER, **LINE), "correct"),
        (of(*COLUMNS, layer("Permute", (2, 3, 1)), layer("Reshape", (-1, 24)), READER, **LINE), "correct"),
        (of(*COLUMNS, layer("Reshape", (15, 24)), READER, **LINE), "pieces of many columns"),
        (of(*COLUMNS, layer("Reshape", (6, 60)), READER, **LINE), "the rows, from top to bottom"),
    ],
}


def branches(joined, padding="same", every=True, after=0):
    """Two branches over (20, 8): a convolution, with zeros after it, and an LSTM, joined as told."""

    def build():
        keras, L = gallery().keras, gallery().layers
        series = keras.Input((20, 8))
        near = L.ZeroPadding1D((0, after))(L.Conv1D(4, 3, padding=padding)(series))
        return keras.Model(series, joined(L, near, L.LSTM(4, return_sequences=every)(series)))

    return build


MENDS["branches"] = [
    (branches(lambda L, near, far: L.Concatenate()([near, far])), "correct"),
    (branches(lambda L, near, far: L.Concatenate(axis=1)([near, far]), "valid"), "(3, 38, 4)"),
    (
        branches(lambda L, near, far: L.Concatenate()([near, L.Cropping1D((2, 0))(far)]), "valid"),
        "(3, 18, 8)",
    ),
    (branches(lambda L, near, far: L.Concatenate()([near, far]), "valid", after=2), "9 to 11, or 10 to 12"),
    (branches(lambda L, near, far: L.Add()([near, far])), "(3, 20, 4)"),
    (branches(lambda L, near, far: L.Concatenate()([near, far]), every=False), "along one axis only"),
]
TRIED = [(name, number) for name, mends in MENDS.items() for number in range(len(mends))]


@pytest.mark.parametrize(("name", "number"), TRIED, ids=str)
def test_a_mend_is_judged_by_what_the_network_then_does(name, number):
    mend, told = MENDS[name][number]
    verdict = getattr(gallery(), f"check_{name}")(mend, record=False)
    if told == "correct":
        assert verdict.status == "correct", verdict
    else:
        assert verdict.status == "not yet", verdict
        assert told in verdict.reason


def test_every_error_of_the_gallery_is_tried():
    found = {exercise.id for name in MENDS for exercise in [getattr(gallery(), f"check_{name}")]}
    assert found == {f"03.{number}" for number in range(1, 11)}


# ---- the exercises at the end of the lesson


def told(name, answer):
    verdict = getattr(gallery(), f"check_{name}")(answer, record=False)
    assert verdict.status == "not yet", verdict
    return verdict.reason


@pytest.mark.parametrize(
    ("bridge", "reason"),
    [
        (lambda L, maps: L.Reshape((-1, 20))(L.Permute((1, 3, 2, 4))(maps)), "those are columns, not rows"),
        (lambda L, maps: L.Reshape((-1, 30))(L.Permute((1, 3, 2, 4))(maps)), "other numbers than the rows"),
        (lambda L, maps: L.Reshape((4, 30))(maps), "is their number fixed in it"),
    ],
)
def test_rows_as_steps_with_other_axes(bridge, reason):
    assert reason in told("rows", lambda maps: bridge(gallery().layers, maps))


@pytest.mark.parametrize("start", [0, 1])
def test_a_mask_that_does_not_know_the_kernel(start):
    def behind(mask, kernel, stride, padding):
        return mask[:, (kernel // 2) * start * (padding == "valid") :: stride]

    assert re.search(r"the mask \(|and your mask says", told("mask", behind))


def test_frames_unfolded_in_another_order_than_folded():
    ops = gallery().ops

    def wrongly(network, clips):
        batch, time, *frame = clips.shape
        outputs = network(ops.reshape(clips, (batch * time, *frame)))
        apart = [ops.reshape(out, (time, batch, *out.shape[1:])) for out in outputs]
        return [ops.swapaxes(out, 0, 1) for out in apart]

    assert "have changed places" in told("fold", wrongly)


def test_a_loop_over_the_frames():
    def looped(network, clips):
        seen = [network(clips[:, t]) for t in range(clips.shape[1])]
        return [np.stack(part, axis=1) for part in zip(*seen)]

    assert "once is enough" in told("fold", looped)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"padding": "same"}, "it has seen the future"),
        ({"convolution": False}, "the convolution's branch is gone"),
        ({"lstm": False}, "nothing remembers"),
    ],
)
def test_branches_that_are_aligned_wrongly_or_gone(how, reason):
    L = gallery().layers

    def alongside(series):
        remembers = L.LSTM(8, return_sequences=True)(series)
        sees = L.Conv1D(8, 3, activation="relu", padding=how.get("padding", "causal"))(series)
        kept = [remembers] * how.get("lstm", True) + [sees] * how.get("convolution", True)
        return L.Concatenate()(kept) if len(kept) > 1 else kept[0]

    assert reason in told("alongside", alongside)
