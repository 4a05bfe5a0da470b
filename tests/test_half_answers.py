"""Answers that are half right: the checks of lessons 02, 05 and 06 let none pass, and say what is missing."""

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


# ---- lesson 02


@cache
def lstm_lesson():
    """Cells of lesson 02 that make what its checks use; the last exercise needs a trained network."""
    wanted = ("def sigmoid", "def lstm_by_hand", "check_handed", "check_counts", "check_bias", "check_pieces")
    wanted += ("check_gru", "check_counter")

    def kept(cell):
        tags = set(cell.metadata.get("tags", ()))
        mine = any(word in cell.source for word in wanted) and not tags & {"exercise", "solution"}
        return tags & {"setup"} or (mine and cell.cell_type == "code" and "def " in cell.source)

    names = {"check": check}
    exec(cells("02_lstm", kept), names)
    return SimpleNamespace(**names)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"b": (None, 50, 16)}, "side by side"),
        ({"d": (None, 50, 4)}, "only the last state"),
        ({"a": (50, 16)}, "the batch"),
    ],
)
def test_shapes_that_recurrent_layers_do_not_hand_on(changed, told):
    right = {"a": (None, 50, 16), "b": (None, 50, 32), "c": (None, 50, 10), "d": (None, 4)}
    assert told in reason(lstm_lesson().check_handed, right | changed)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (lambda name, n, u: u * (n + u) * {"plain": 1, "LSTM": 4, "GRU": 3, "both ways": 8}[name], "biases"),
        (
            lambda name, n, u: u * (n + u + 1) * {"plain": 1, "LSTM": 4, "GRU": 3, "both ways": 8}[name],
            "two biases",
        ),
    ],
)
def test_weights_counted_without_all_biases(count, told):
    assert told in reason(lstm_lesson().check_counts, count)


def test_a_bias_that_lasts_a_third_instead_of_a_half():
    assert "about 1/e, a third" in reason(lstm_lesson().check_bias, lambda steps: np.log(max(steps - 1, 0.1)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("memory", "told"), [("none", "empty memory"), ("whole", "steps at once")])
def test_pieces_without_memory_or_no_pieces(memory, told):
    def in_pieces(lstm, series, size):
        if memory == "whole":
            return lstm(series)[0]
        parts = [lstm(series[:, at : at + size])[0] for at in range(0, series.shape[1], size)]
        return np.concatenate(parts, axis=1)

    assert told in reason(lstm_lesson().check_pieces, in_pieces)


def test_a_gru_whose_gate_is_turned_around():
    def gru(x, kernel, recurrent, bias):
        squeeze, h, states = lstm_lesson().sigmoid, np.zeros((len(x), len(recurrent))), []
        for t in range(x.shape[1]):
            (z, r, g), (zh, rh, gh) = (
                np.split(part, 3, axis=1) for part in (x[:, t] @ kernel + bias[0], h @ recurrent + bias[1])
            )
            keep = squeeze(z + zh)
            h = (1 - keep) * h + keep * np.tanh(g + squeeze(r + rh) * gh)
            states.append(h)
        return np.stack(states, axis=1)

    assert "which share z gives to which" in reason(lstm_lesson().check_gru, gru)


def test_a_counter_that_never_forgets():
    cell = {"i": (30, 0, -15), "f": (0, 0, 20), "g": (0, 0, np.arctanh(0.1)), "o": (0, 0, 0)}
    assert "the cell state should be 0.0" in reason(lstm_lesson().check_counter, cell)
