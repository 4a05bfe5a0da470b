"""Answers that are half right: the checks of lessons 05 and 06 let none pass, and say what is missing."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import jupytext
import numpy as np
import pytest

from course_utils import check

SOURCES = Path(__file__).resolve().parent.parent / "notebooks" / "source"
HALVES_OF_05_6 = [
    {"mask_zero": True},
    {"mask_zero": True, "keep": True},
    {"mask": True},
    {"mask": True, "keep": True},
    {"mask": True, "peaks": True},
    {"peaks": True},
]


def cells(lesson, wanted):
    """The code of the cells of a lesson for which `wanted` holds, in order, without the set-up call."""
    found = [cell.source for cell in jupytext.read(SOURCES / f"{lesson}.py").cells if wanted(cell)]
    return "\n\n".join(source for source in found if "check.setup()" not in source)


@cache
def text_lesson():
    """Definitions and checks of lesson 05."""
    tags = {"setup", "definition", "check"}
    names = {"check": check}
    exec(cells("05_lstm_cnn_text", lambda cell: tags & set(cell.metadata.get("tags", ()))), names)
    return SimpleNamespace(**names)


@cache
def attention_lesson():
    """Definitions and those checks of lesson 06 that need no trained network."""
    checks = ("check_bahdanau", "check_choice", "check_order", "check_gather")

    def wanted(cell):
        tags = set(cell.metadata.get("tags", ()))
        return tags & {"setup", "definition"} or (
            "check" in tags and any(name in cell.source for name in checks)
        )

    names = {"check": check}
    exec(cells("06_attention", wanted), names)
    rng = np.random.default_rng(0)
    names["hidden"] = SimpleNamespace(
        test=SimpleNamespace(x=rng.random((20, 12, 24, 24, 1), dtype="float32"))
    )
    return SimpleNamespace(**names)


def reason(check_of, answer):
    verdict = check_of(answer, record=False)
    assert verdict.status == "not yet", verdict
    return verdict.reason


@pytest.mark.filterwarnings("ignore::UserWarning")  # Keras tells that the convolution destroys a mask
@pytest.mark.parametrize("parts", HALVES_OF_05_6, ids=lambda parts: "+".join(parts))
def test_padding_kept_out_of_two_places_of_three(parts):
    lesson = text_lesson()
    keras, layers, ops = lesson.keras, lesson.layers, lesson.ops

    def build():
        ids = keras.Input((None,), dtype="int32")
        real = ops.not_equal(ids, 0)
        x = layers.Embedding(lesson.WORDS, 16, mask_zero="mask_zero" in parts)(ids)
        x = layers.LSTM(16, return_sequences=True)(x, mask=real if "mask" in parts else None)
        x = lesson.keep(x, real) if "keep" in parts else x
        x = layers.Conv1D(16, 3, padding="same", activation="relu")(x)
        x = lesson.peaks(x, real) if "peaks" in parts else layers.GlobalMaxPooling1D()(x)
        return keras.Model(ids, layers.Dense(1, activation="sigmoid")(x))

    assert "zeros on the right" in reason(lesson.check_steady, build)


def test_credit_that_loses_a_filter():
    def credit(maps, weights):
        found = np.zeros(len(maps))
        found[maps.argmax(axis=0)] += weights * maps.max(axis=0)
        return found

    assert "add them up" in reason(text_lesson().check_credit, credit)


def test_a_vocabulary_for_each_part():
    def prepare(train, test):
        return tuple(text_lesson().reader(part)(part.astype(str)) for part in (train, test))

    assert "one vocabulary for both" in reason(text_lesson().check_vocabulary, prepare)


def test_one_direction_instead_of_two():
    shapes = {
        "vectors": (None, 50, 32),
        "states": (None, 50, 24),
        "maps": (None, 46, 10),
        "pooled": (None, 10),
    }
    answer = {**shapes, "weights": 1210}
    assert "two directions" in reason(text_lesson().check_shapes, answer)


def test_weights_masked_after_the_softmax():
    def bahdanau(query, keys, mask, W, U, w):
        weights = attention_lesson().softmax(np.tanh(W @ query + keys @ U.T) @ w, axis=0) * mask
        return weights, weights @ keys

    assert "mask the scores before the softmax" in reason(attention_lesson().check_bahdanau, bahdanau)


@pytest.mark.parametrize(
    ("turn", "least", "told"),
    [(0, 1e-5, "axis 1"), (1, 1e-2, "compare the probabilities"), (1, 0, "seventh digit")],
)
def test_an_order_that_is_tested_wrongly(turn, least, told):
    def knows_order(model, clips):
        other = np.flip(clips, axis=turn)
        return bool(np.abs(model.predict(clips, verbose=0) - model.predict(other, verbose=0)).max() > least)

    assert told in reason(attention_lesson().check_order, knows_order)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Keras tells that a softmax over one number is 1
@pytest.mark.parametrize(("axis", "told"), [(0, "other clips stand beside it"), (-1, "over which axis")])
def test_a_softmax_over_the_wrong_axis(axis, told):
    def gather(features):
        layers = attention_lesson().layers
        scores = layers.Dense(1)(layers.Dense(32, activation="tanh")(features))
        return layers.Flatten()(layers.Dot(axes=1)([layers.Softmax(axis=axis)(scores), features]))

    assert told in reason(attention_lesson().check_gather, gather)
