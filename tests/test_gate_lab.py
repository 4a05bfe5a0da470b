"""The gate lab, tested against Keras, and by turning its dials and reading what its pictures say."""

import re
import xml.etree.ElementTree as ET
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

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


@pytest.fixture
def lab():
    return GateLab()


@pytest.fixture
def several():
    return GateLab(LAYERS, {"long": LONG, "short": SHORT})


def said(lab):
    """What the pictures say; they must be valid XML and show no number that is none."""
    told = []
    for drawn in (lab.picture.value, lab.below.value):
        root = ET.fromstring(drawn)
        assert root.get("role") == "img"
        told.append(root.get("aria-label"))
        assert not re.search(r"\b(nan|inf)\b|−0\.00", " ".join([told[-1], *root.itertext()]))
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', drawn)) * 640 / 760 >= 11
    return " ".join(told)


def plain(markup):
    return re.sub(r"<[^>]+>", "", markup.value).replace("&#x27;", "'")


def turn(lab, name, value):
    lab.controls[name].value = value
    return said(lab)


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


@pytest.mark.parametrize("gate", ["i", "f", "g", "o"])
def test_the_sum_behind_a_gate_gives_the_gate(several, gate):
    for unit, step in product((1, 5, 8), (1, 2, 33)):
        several.state = f"gat1;cell=eight-units;unit={unit};input=long;step={step};gate={gate}"
        seen = several.seen()
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


def test_a_clamp_is_drawn_beside_the_course_without_it(lab):
    assert "without" not in said(lab)
    words = turn(lab, "f", "shut")
    assert "Forget gate held shut" in words
    assert "Without clamps: 0.00 (2 times), 0.91 (6 times)" in words
    assert "stroke-dasharray" in lab.picture.value
    assert "Without your clamps c would be 0.91 here" in plain(lab.remarks)
    assert "nothing from before step 5 can remain" in plain(lab.remarks)
    assert not lab.release.disabled
    assert "Input gate held open and forget gate held shut" in turn(lab, "i", "open")
    lab.release.click()
    assert lab.controls["f"].value == "computed"
    assert lab.release.disabled
    assert "stroke-dasharray" not in lab.picture.value


def test_odd_states_are_explained(lab):
    lab.state = "gat1;cell=leaky-counter;input=single-pulse;step=6;o=shut"
    assert "h is 0.00 although c is 0." in plain(lab.remarks)
    lab.state = "gat1;cell=latch;input=two-pulses;step=6;i=shut;f=open"
    assert "carried on unchanged, exactly" in plain(lab.remarks)
    own = ",".join(["1"] * 16)
    lab.state = f"gat1;cell=leaky-counter;input=own;step=16;f=open;own={own}"
    assert "all that is written adds up" in plain(lab.remarks)
    assert "tanh is flat out here" in plain(lab.remarks)
    assert "Half-life at this f, steps: infinite" in said(lab)


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


def test_the_memory_is_the_sum_of_what_is_left_of_each_step(several):
    for step in range(1, 41):
        several.state = f"gat1;cell=eight-units;unit=4;input=long;step={step}"
        seen = several.seen()
        assert len(seen.parts) == step
        assert seen.left[-1] == 1
        assert seen.parts.sum() == pytest.approx(seen.now("c"), abs=1e-9)
        forget = seen.line("f")
        assert seen.left[0] == pytest.approx(np.prod(forget[1:step]))


def test_what_is_left_is_told_in_numbers(lab):
    lab.state = "gat1;cell=leaky-counter;input=single-pulse;step=5"
    words = said(lab)
    assert "step 3: 0.81; step 4: 0.90; step 5: 1.00" in words
    assert "Half-life at this f, steps: 6.6" in words
    assert "Left now of step 1: 0.66" in words
    assert "Of c₅ from step 3: +0.37. Of c₅ from the other steps: +0.00. All of c₅, the sum: +0.37" in words


# ---------------------------------------------------------------------------------------------- dials


def test_time_is_scrubbed_and_every_step_is_another_picture(lab):
    told = {turn(lab, "step", step) for step in range(1, 17)}
    assert len(told) == 16
    words = turn(lab, "step", 3)
    assert "At this step x 1.00, i 1.00, f 0.00, o 1.00, g 0.91, c 0.91, h 0.72" in words
    assert "C₃" not in words
    assert "c₃ = f 0.00 times c₂ 0.00 + i 1.00 times g 0.91 = 0.91" in words
    assert "+0.91 is written" in plain(lab.remarks)


def test_an_edited_value_makes_the_sequence_the_learners_own(lab):
    words = turn(lab, "value", -0.75)
    assert lab.state.input == OWN
    assert lab.controls["input"].value == OWN
    assert "reading your own sequence" in words
    assert "1.00, 0.00, −0.75, 0.00" in words
    assert str(lab.state) == ("gat1;cell=latch;input=own;step=5;own=0,0,1,0,-0.75,0,0,0,0.7,0,0,0,0,0,0,0")
    turn(lab, "input", "single-pulse")
    assert lab.controls["value"].value == 0
    assert "−0.75" in turn(lab, "input", OWN)  # it is still there


def test_your_own_sequence_begins_as_the_one_that_was_shown(several):
    several.controls["step"].value = 40
    assert several.state.own == ()
    turn(several, "input", OWN)
    assert several.state.own == tuple(LONG)
    turn(several, "input", "short")
    assert several.state.step == several.controls["step"].max == several.controls["step"].value == 4


def test_a_value_set_to_what_it_is_changes_nothing(several):
    before = several.state
    several.state = several.state.turn("value", several.state.value + 1e-9)
    assert several.state == before


def test_another_cell_has_other_units(several):
    unit = several.controls["unit"]
    assert unit.layout.display is None
    assert unit.max == 8
    assert "unit 7 of 8" in turn(several, "unit", 7)
    assert "unit 2 of 2" in turn(several, "cell", "no-bias")
    turn(several, "cell", "one")
    assert several.state.unit == 1
    assert unit.layout.display == "none"
    assert "8 units" in (turn(several, "cell", "eight-units"), plain(several.about))[1]


def test_the_gate_in_the_sum_is_chosen(lab):
    assert "Forget gate f: x · U 0.00 times −30.00 = 0.00 plus h before · V" in said(lab)
    assert "Candidate g: x · U 0.00 times 1.50" in turn(lab, "gate", "g")
    turn(lab, "i", "open")
    assert re.search(r"Input gate i: .*σ\(z\) = under 0.005, but held open: i = 1", turn(lab, "gate", "i"))


# ------------------------------------------------------------------------------------------ state strings

LABS = [GateLab(), GateLab(LAYERS, {"long": LONG, "short": SHORT})]


@settings(max_examples=80)
@given(st.data())
def test_any_setting_is_drawn_and_comes_back_from_its_string(data):
    lab = data.draw(st.sampled_from(LABS))
    lab.back.click()
    pictures = {}
    for _ in range(3):
        name = data.draw(st.sampled_from([*lab.controls]))
        control = lab.controls[name]
        if name == "value":
            control.value = data.draw(st.integers(-100, 100)) / 100
        else:
            choices = [o[1] for o in getattr(control, "options", ())]
            choices = choices or list(range(control.min, control.max + 1))
            control.value = data.draw(st.sampled_from(choices))
        pictures[lab.picture.value, lab.below.value] = said(lab)
    assert len(set(pictures.values())) == len(pictures)  # other words whenever the picture is another one
    assert len(said(lab)) > 200
    assert "What you see" in plain(lab.remarks)
    assert lab.state_class.parse(str(lab.state)) == lab.state
    assert lab.line.value == lab.copy_state.text == str(lab.state)
    for name, control in lab.controls.items():
        assert control.value == lab.state.get(name)
    seen = lab.seen()
    for gate, value in seen.clamps.items():
        assert seen.now(gate) == value


@settings(max_examples=80)
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=40), st.data())
def test_any_sequence_comes_back_from_its_string(values, data):
    lab = LABS[0]
    own = ",".join(f"{value:.2f}" for value in values)
    step = data.draw(st.integers(1, len(values)))
    lab.state = f"gat1;input=own;step={step};own={own}"
    assert lab.state.own == tuple(round(value, 2) for value in values)
    assert lab.state_class.parse(str(lab.state)) == lab.state
    assert len(said(lab)) > 200


# ------------------------------------------------------------------------------------------- what is given


def test_names_become_short_ones_and_start_is_where_it_begins():
    inputs = {"own": SHORT, "Ünder_scored & Co.": SHORT, "under": SHORT, "UNDER": SHORT, "!": SHORT}
    lab = GateLab(LAYERS, inputs, start="gat1;cell=one;step=2;input=under")
    assert list(lab.state_class.sequences) == ["own-1", "ünder_scored-co", "under", "under-4", "number-5"]
    assert "One, reading under, step 2 of 4" in said(lab)
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
