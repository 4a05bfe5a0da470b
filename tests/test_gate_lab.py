"""The gate lab, tested against Keras, and by turning its dials and reading what its pictures say."""

import re
from itertools import product

import numpy as np
import pytest
from keras import layers
from small_labs import heard, turn

from course_utils.labs.gates.lab import OWN, GateLab
from course_utils.labs.gates.lstm import CELLS, FIELDS, INPUTS, half_life, run


def trained(units, seed=0, size=1.5, **more):
    """An LSTM over one feature with weights at random; the more units, the smaller, or it is chaotic."""
    layer = layers.LSTM(units, **more)
    layer.build((None, None, 1))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(0, size / units**0.5, w.shape) for w in layer.get_weights()])
    return layer


LAYERS = {"Eight units": trained(8), "one": trained(1, 1), "no bias": trained(2, 2, use_bias=False)}
LONG = np.random.default_rng(0).uniform(-1, 1, 40).round(2).tolist()
SHORT = [0.5, -0.25, 1, 0]


LAB, SEVERAL = GateLab(), GateLab(LAYERS, {"long": LONG, "short": SHORT})  # built once


@pytest.fixture(params=[LAB])
def lab(request):
    """A lab at its start: that of the cells set by hand, or SEVERAL."""
    request.param.back.click()
    return request.param


several = pytest.mark.parametrize("lab", [SEVERAL], indirect=True)


# ------------------------------------------------------------------------------------------ equal to Keras


@pytest.mark.parametrize("units", [1, 2, 5, 16])
@pytest.mark.parametrize("bias", [True, False])
def test_the_course_is_that_of_keras(units, bias):
    for seed in range(6):
        layer = trained(
            units, seed, size=0.5 + seed / 2, use_bias=bias, return_sequences=True, return_state=True
        )
        x = np.random.default_rng(100 + seed).uniform(-1, 1, 4 + 7 * seed).astype("float32")
        hidden, last, cell = (np.asarray(made)[0] for made in layer(x[None, :, None]))
        course = run(layer.get_weights(), x)
        np.testing.assert_allclose(course.hidden, hidden, atol=1e-5)
        np.testing.assert_allclose(course.hidden[-1], last, atol=1e-5)
        np.testing.assert_allclose(course.cell[-1], cell, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_cells_set_by_hand_run_in_keras_too(name):
    layer = layers.LSTM(1, return_sequences=True)
    layer.build((None, None, 1))
    layer.set_weights(CELLS[name][1])
    for x in INPUTS.values():
        expected = np.asarray(layer(np.array(x, "float32")[None, :, None]))[0]
        np.testing.assert_allclose(run(CELLS[name][1], x).hidden, expected, atol=1e-5)


@several
@pytest.mark.parametrize("gate", ["i", "f", "g", "o"])
def test_the_sum_behind_a_gate_gives_the_gate(lab, gate):
    for unit, step in product((1, 5, 8), (1, 2, 33)):
        lab.state = f"gat1;cell=eight-units;unit={unit};input=long;step={step};gate={gate}"
        seen = lab.seen()
        assert seen.squashed == pytest.approx(seen.now(gate), abs=1e-9)
        assert len(seen.terms) == 6  # x, three units, the other five, bias
        assert seen.terms[-2][0] == "h · V of 5 more"


# --------------------------------------------------------------------------------------------- the clamps


def test_open_and_shut_hold_the_memory_exactly():
    weights, x = LAYERS["Eight units"].get_weights(), np.array(LONG)
    assert not run(weights, x, {"f": 1.0, "i": 0.0}).cell.any()  # it begins empty, and stays so
    course = run(weights, x, {"f": 0.0})
    np.testing.assert_array_equal(course.cell, course.input * course.candidate)
    course = run(weights, x, {"f": 1.0})
    np.testing.assert_allclose(course.cell, np.cumsum(course.input * course.candidate, 0), atol=1e-12)
    course = run(weights, x, {"o": 0.0})
    assert not course.hidden.any()
    assert course.cell.any()


@pytest.mark.parametrize(("gate", "value"), list(product("ifo", (0.0, 1.0))))
def test_a_clamped_gate_is_exactly_that_and_the_others_follow_their_sums(gate, value):
    weights = LAYERS["Eight units"].get_weights()
    given = [w.copy() for w in weights]
    course = run(weights, LONG, {gate: value})
    assert np.array_equal(getattr(course, FIELDS[gate]), np.full((40, 8), value))
    before = np.vstack([np.zeros(8), course.hidden[:-1]])
    z = np.array(LONG)[:, None] @ weights[0] + before @ weights[1] + weights[2]
    for other, block in zip("ifgo", np.split(z, 4, axis=1)):
        expected = np.tanh(block) if other == "g" else 1 / (1 + np.exp(-block))
        if other != gate:
            np.testing.assert_allclose(getattr(course, FIELDS[other]), expected, atol=1e-6)
    for before, after in zip(given, weights):
        np.testing.assert_array_equal(before, after)


# -------------------------------------------------------------------------------------------- the cells


def test_each_cell_set_by_hand_does_what_is_said_of_it():
    last = lambda name, x: run(CELLS[name][1], x).cell[:, 0]  # noqa: E731
    latch = last("latch", INPUTS["two pulses"])
    assert latch[2:8] == pytest.approx(np.tanh(1.5), abs=1e-3)
    assert latch[8:] == pytest.approx(np.tanh(1.5 * 0.7), abs=1e-2)
    assert np.ptp(last("latch", INPUTS["noise, then a pulse"])[8:]) < 0.02
    counter = last("leaky counter", INPUTS["single pulse"])[2:]
    np.testing.assert_allclose(counter[1:] / counter[:-1], 0.9, atol=1e-6)
    flips = last("alternator", np.tile([1, 0, 0], 8))[::3]
    np.testing.assert_array_equal(np.sign(flips), np.tile([1, -1], 4))


# --------------------------------------------------------------------------------- half-life and origin


def test_the_half_life_is_that_of_the_forget_gate():
    assert half_life(0.5) == pytest.approx(1)
    assert 0.9 ** half_life(0.9) == pytest.approx(0.5)
    assert half_life(1.0) == np.inf
    assert half_life(0.0) == 0


@several
def test_the_memory_is_the_sum_of_what_is_left_of_each_step(lab):
    for step in range(1, 41):
        lab.state = f"gat1;cell=eight-units;unit=4;input=long;step={step}"
        seen = lab.seen()
        assert len(seen.parts) == step
        assert seen.left[-1] == 1
        assert seen.parts.sum() == pytest.approx(seen.now("c"), abs=1e-9)
        forget = seen.line("f")
        assert seen.left[0] == pytest.approx(np.prod(forget[1:step]))


# ---------------------------------------------------------------------------------------------- dials


def test_time_is_scrubbed_and_every_step_is_another_picture(lab):
    assert len({turn(lab, "step", step) for step in range(1, 17)}) == 16
    for drawn in (lab.picture.value, lab.below.value):
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', drawn)) * 640 / 760 >= 11


def test_an_edited_value_makes_the_sequence_the_learners_own(lab):
    turn(lab, "value", -0.75)
    assert lab.state.input == lab.controls["input"].value == OWN
    assert str(lab.state) == "gat1;cell=latch;input=own;step=5;own=0,0,1,0,-0.75,0,0,0,0.7,0,0,0,0,0,0,0"
    turn(lab, "input", "single-pulse")
    assert lab.controls["value"].value == 0
    assert "−0.75" in turn(lab, "input", OWN)  # it is still there


def test_all_gates_are_released_together(lab):
    for gate, state in (("f", "shut"), ("i", "open")):
        turn(lab, gate, state)
    assert "stroke-dasharray" in lab.picture.value
    assert not lab.release.disabled
    lab.release.click()
    assert lab.controls["f"].value == lab.controls["i"].value == "computed"
    assert lab.release.disabled
    assert "stroke-dasharray" not in lab.picture.value


@several
def test_your_own_sequence_begins_as_the_one_that_was_shown(lab):
    lab.controls["step"].value = 40
    assert lab.state.own == ()
    turn(lab, "input", OWN)
    assert lab.state.own == tuple(LONG)
    turn(lab, "input", "short")
    assert lab.state.step == lab.controls["step"].max == lab.controls["step"].value == 4


@several
def test_a_value_set_to_what_it_is_changes_nothing(lab):
    before = lab.state
    lab.state = lab.state.turn("value", lab.state.value + 1e-9)
    assert lab.state == before


@several
def test_another_cell_has_other_units(lab):
    unit = lab.controls["unit"]
    assert unit.layout.display is None
    assert unit.max == 8
    assert "unit 7 of 8" in turn(lab, "unit", 7)
    assert "unit 2 of 2" in turn(lab, "cell", "no-bias")
    turn(lab, "cell", "one")
    assert lab.state.unit == 1
    assert unit.layout.display == "none"
    turn(lab, "cell", "eight-units")
    assert "8 units" in heard(lab.about)


# ------------------------------------------------------------------------------------------ state strings


# ------------------------------------------------------------------------------------------- what is given


def test_names_become_short_ones_and_start_is_where_it_begins():
    inputs = {"own": SHORT, "Ünder_scored & Co.": SHORT, "under": SHORT, "UNDER": SHORT, "!": SHORT}
    lab = GateLab(LAYERS, inputs, start="gat1;cell=one;step=2;input=under")
    assert list(lab.state_class.sequences) == ["own-1", "ünder_scored-co", "under", "under-4", "number-5"]
    assert "One, reading under, step 2 of 4" in heard(lab.picture)
    lab.controls["step"].value = 1
    lab.back.click()
    assert lab.state.step == 2
    for key in lab.state_class.sequences:
        lab.line.value = f"gat1;input={key};step=1"
        assert lab.state.input == key


# ------------------------------------------------------------------------------------ what a notebook shows


def test_the_layer_is_read_when_the_lab_is_made():
    layer = trained(2)
    lab = GateLab({"a": layer})
    before = lab.picture.value
    layer.set_weights([w * 0 for w in layer.get_weights()])
    lab.state = lab.state
    assert lab.picture.value == before
