"""The forecast lab, tested by turning its dials and reading what its pictures say."""

import re

import keras
import numpy as np
import pytest
import small_labs
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from small_labs import heard, turn

from course_utils.labs import ForecastLab

NETWORKS = small_labs.forecasters()
PAST, FUTURE, TRUTH, START = small_labs.traffic()
LAB = small_labs.forecast()  # built once


@pytest.fixture
def lab():
    LAB.back.click()
    return LAB


def series(words, title):
    """The numbers that a picture's words give after a title, in vehicles per hour."""
    found = re.search(rf"{title}: ([\d,−; ]+)\.", words).group(1)
    return [int(value.replace(",", "").replace("−", "-")) for value in found.split("; ")]


def number_of(words):
    return int(words.replace(",", ""))


def predicted(name, origin, window=168, ago=0, volume=0):
    """The forecast of a network as Keras predicts it, of a past that is cut and changed here."""
    past = PAST[origin - 1 : origin].copy()
    if ago:
        past[0, -ago, 0] = volume / 1000
    return NETWORKS[name].predict_on_batch([past[:, -window:], FUTURE[origin - 1 : origin]])[0]


# ------------------------------------------------------------------------------------ equal to the networks

STATES = st.tuples(
    st.sampled_from([*NETWORKS]),
    st.integers(1, 60),
    st.integers(1, 7),
    st.integers(0, 168),
    st.integers(0, 5500),
)


@settings(max_examples=50)
@given(STATES, st.integers(1, 24), st.integers(1, 24))
def test_any_state_shows_what_the_network_predicts(state, horizon, hour):
    name, origin, days, ago, volume = state
    hour, window = min(hour, horizon), 24 * days
    text = f"for1;network={name.lower()};origin={origin};horizon={horizon};hour={hour};window={window}"
    LAB.state = f"{text};ago={ago};volume={volume}"
    expected = predicted(name, origin, window, ago, volume)
    shown = series(heard(LAB.below), "Forecast")
    assert len(shown) == horizon
    np.testing.assert_allclose(shown, 1000 * expected[:horizon, expected.shape[1] // 2], atol=1.01)
    np.testing.assert_allclose(LAB.seen().after, expected, atol=1e-4)
    np.testing.assert_allclose(LAB.seen().before, predicted(name, origin, window), atol=1e-4)
    errors = [f"{1000 * error:,.0f}" for error in LAB.seen().errors.values()]
    assert heard(LAB.below).count(" least ") == (errors.count(min(errors, key=number_of)) == 1)


@pytest.mark.parametrize(("name", "per_step"), [("Attention", 3), ("Crossing", 1)])
def test_the_attention_is_the_output_of_the_layer(lab, name, per_step):
    model = NETWORKS[name]
    inner = keras.Model(model.inputs, model.get_layer("weights").output)
    for origin, window, hour in ((1, 168, 1), (20, 24, 7), (60, 96, 24)):
        lab.state = f"for1;network={name.lower()};origin={origin};window={window};hour={hour}"
        given_past = PAST[origin - 1 : origin, -window:]
        expected = inner.predict([given_past, FUTURE[origin - 1 : origin]], verbose=0)[0, hour - 1]
        np.testing.assert_allclose(lab.seen().attention, expected, atol=1e-5)
        step = int(expected.argmax())
        begin = START[origin - 1] - window + step * per_step
        ago = (START[origin - 1] + hour - 1 - begin).astype(int)
        words = heard(lab.picture)
        assert f"{begin.astype(int) % 24:02d}:00 to {(begin + per_step).astype(int) % 24:02d}:00" in words
        ends = f"{ago}" if per_step == 1 else f"{ago} to {ago - per_step + 1}"
        assert f"{ends} hours before that hour" in words
        bars = re.findall(r'<rect [^>]*?height="([\d.]+)"[^>]*?fill:#009E73', lab.picture.value)
        np.testing.assert_allclose(np.array(bars, float) / 44, expected / expected.max(), atol=0.02)


def test_a_clamp_changes_one_number_of_one_past(lab, monkeypatch):
    _, network = lab._networks["attention"]
    handed, run = [], network.run
    monkeypatch.setattr(network, "run", lambda past, future: handed.append(past) or run(past, future))
    lab.state = "for1;network=attention;origin=7;ago=31;volume=4440;window=48"
    (real, changed), *_ = handed
    np.testing.assert_array_equal(real, PAST[6, -48:])
    assert np.argwhere(real != changed).tolist() == [[17, 0]]
    assert changed[17, 0] == np.float32(4.44)
    assert lab._past_hours[6, -31, 0] == PAST[6, -31, 0]


# --------------------------------------------------------------------------------------- errors and baselines


def test_errors_are_those_of_numpy(lab):
    for origin, horizon, ago in ((1, 24, 0), (40, 5, 3), (60, 1, 168)):
        lab.state = f"for1;network=attention;origin={origin};horizon={horizon};ago={ago}"
        came = TRUTH[origin - 1, :horizon]
        expected = {
            "forecast": predicted("Attention", origin, 168, ago)[:horizon, 1],
            "same hour last week": PAST[origin - 1, :horizon, 0],
            "same hour yesterday": PAST[origin - 1, -24:, 0][:horizon],
        }
        if ago:
            expected["without the clamp"] = predicted("Attention", origin)[:horizon, 1]
        seen, words = lab.seen(), heard(lab.below)
        assert seen.errors.keys() == expected.keys()
        for name, line in expected.items():
            assert seen.errors[name] == pytest.approx(np.abs(line - came).mean(), abs=1e-4)
            assert f"{name} {round(1000 * seen.errors[name]):,}" in words
        low, _, high = predicted("Attention", origin, 168, ago)[:horizon].T
        within = int(((low <= came) & (came <= high)).sum())
        assert f"hours within the interval {within} of {horizon}" in words
        assert series(words, "What came") == [round(1000 * value) for value in came]


def test_a_baseline_beats_or_does_not(lab):
    both = "In this window same hour last week and same hour yesterday beat the network."
    assert both in heard(lab.remarks)
    close = predicted("Plain", 1)[:, 0]
    best = ForecastLab({"a": NETWORKS["Plain"]}, PAST[:1], FUTURE[:1], close[None], START[:1])
    assert "No gain here" not in heard(best.remarks)
    assert "the forecast is off by 0 vehicles" in heard(best.remarks)


def test_without_a_whole_week_there_is_no_last_week():
    past, *rest = small_labs.traffic(48)
    lab = ForecastLab(NETWORKS, past, *rest)
    assert lab.state.window == 48
    assert "last week" not in heard(lab.view)
    assert "In this window same hour yesterday beats the network." in heard(lab.remarks)
    assert lab.controls["ago"].max == 48


def test_one_day_of_past_and_one_window_are_enough():
    past, *rest = small_labs.traffic(24)
    lab = ForecastLab({"a": NETWORKS["Plain"]}, past[:1], *(part[:1] for part in rest))
    assert lab.earlier.disabled
    assert lab.later.disabled
    assert heard(lab.picture)


# ------------------------------------------------------------------------------------------------- dials


def test_a_day_is_24_hours_in_time_not_24_windows(lab):
    for origin, there in ((1, 25), (29, 41), (30, 42), (10, 31)):  # 12 hours are missing after window 30
        lab.controls["origin"].value = origin
        lab.later.click()
        assert lab.state.origin == there
        assert START[there - 1] - START[origin - 1] >= np.timedelta64(24, "h")
        assert there == 1 or START[there - 2] - START[origin - 1] < np.timedelta64(24, "h")
    turn(lab, "origin", 42)
    lab.earlier.click()
    assert lab.state.origin == 30
    turn(lab, "origin", 24)
    assert lab.earlier.disabled
    lab._move(-1)
    assert lab.state.origin == 24
    turn(lab, "origin", 60)
    assert lab.later.disabled
    assert not lab.earlier.disabled


def test_the_hour_stays_within_the_horizon(lab):
    turn(lab, "hour", 20)
    turn(lab, "horizon", 6)
    assert lab.state.hour == lab.controls["hour"].value == lab.controls["hour"].max == 6
    turn(lab, "horizon", 24)
    assert lab.state.hour == 6
    assert lab.controls["hour"].max == 24


def test_a_volume_is_set_once_an_hour_is_chosen(lab):
    volume = lab.controls["volume"]
    assert volume.disabled
    assert lab.restore.disabled
    assert volume.max == 5500  # the largest there is
    turn(lab, "ago", 5)
    assert not volume.disabled
    turn(lab, "volume", 4444)
    assert lab.state.volume == volume.value == 4444
    lab.restore.click()
    assert lab.state.ago == 0
    assert volume.disabled


def test_a_clamp_to_what_was_changes_nothing(lab):
    real = round(1000 * float(PAST[0, -5, 0]))
    lab.state = f"for1;origin=1;ago=5;volume={real}"
    seen = lab.seen()
    assert np.abs(seen.after - seen.before).max() < 0.001
    same = ForecastLab({"a": NETWORKS["Plain"]}, np.round(PAST, 3), FUTURE, TRUTH, START)
    same.state = f"for1;origin=1;ago=5;volume={real}"
    assert "No hour to come changes by as much as one vehicle" in heard(same.remarks)


def test_a_past_of_whole_numbers_can_be_clamped_to_others():
    lab = ForecastLab({"a": NETWORKS["Plain"]}, PAST.astype(int), FUTURE, TRUTH, START)
    lab.state = "for1;origin=1;ago=1;volume=1500"
    past = PAST[:1].astype(int).astype("float32")
    past[0, -1, 0] = 1.5
    expected = NETWORKS["Plain"].predict_on_batch([past, FUTURE[:1]])[0]
    np.testing.assert_allclose(lab.seen().after, expected, atol=1e-5)


def test_the_greatest_change_is_told(lab):
    lab.state = "for1;network=attention;origin=3;ago=1;volume=5500"
    change = (predicted("Attention", 3, 168, 1, 5500) - predicted("Attention", 3))[:, 1]
    hour, by = int(np.abs(change).argmax()) + 1, 1000 * change[np.abs(change).argmax()]
    told = re.search(r"Hour (\d+) .*? changes most, by ([+−\d,]+): ", heard(lab.remarks))
    assert int(told.group(1)) == hour
    assert int(told.group(2).replace("−", "-").replace(",", "")) == pytest.approx(by, abs=1.01)


def test_a_window_that_makes_the_numbers_leave_all_bounds_is_explained():
    past = PAST.copy()
    past[5, :, 1] = 3e38
    model = small_labs.over_hours("plain")
    grows = keras.Model(model.inputs, model.output + 1e5 * ops.max(model.inputs[0]))
    lab = ForecastLab({"a": grows}, past, FUTURE, TRUTH, START)
    lab.controls["origin"].value = 6
    assert "This window cannot be shown: networks: 'a' gives NaN or infinite" in heard(lab.remarks)
    assert lab.picture.value == lab.below.value == ""
    lab.controls["origin"].value = 7
    assert "cannot be shown" not in heard(lab.remarks)
    assert heard(lab.picture)


@pytest.mark.parametrize("size", [1e-4, 1, 90, 3e4])
def test_forecasts_of_any_size_are_drawn(size):
    model = small_labs.over_hours("crossing")
    made = keras.Model(model.inputs, model.output * size)
    lab = ForecastLab({"a": made}, PAST, FUTURE, TRUTH, START)
    for horizon in (1, 2, 24):
        turn(lab, "horizon", horizon)
        heights = [float(y) for y in re.findall(r' y="(-?[\d.]+)"', lab.below.value)]
        assert 0 <= min(heights) <= max(heights) < 400
