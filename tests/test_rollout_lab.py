"""The rollout lab, tested by turning its dials and reading what its pictures say."""

import re

import keras
import numpy as np
import pytest
import small_labs
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops
from small_labs import heard, turn

from course_utils.datasets import MOTIONS
from course_utils.labs import RolloutLab
from course_utils.labs.rollout.network import edited, shifted

NETWORKS, IMAGES, SIZE = small_labs.predictors(), small_labs.blots(), 16
LAB = small_labs.rollout()  # built once
KEYS = {"Memory": "memory", "Two": "two", "Plain": "plain", "Looks ahead": "looks-ahead"}


@pytest.fixture
def lab():
    LAB.back.click()
    return LAB


def series(words, title):
    """The numbers that a picture's words give after a title."""
    return [float(value) for value in re.search(rf"{title}: ([^.]*\.[\d.; ]+)\.", words).group(1).split("; ")]


def predicted(model, clip, count):
    """Frames 2, 3... as Keras predicts them, from `count` true frames and then from its own."""
    read = clip[None, :count]
    made = model.predict_on_batch(read)[0]
    while len(read[0]) < len(clip) - 1:
        read = np.concatenate([read, made[None, -1:]], 1)
        made = np.concatenate([made, model.predict_on_batch(read)[0, -1:]])
    return made[: len(clip) - 1, ..., 0]


def flown(state):
    """The clip of a state, frame by frame, in plain Python."""
    numbers = [state.digit] + [state.second] * (state.second != "none")
    frames = np.zeros((state.given + state.ahead, SIZE, SIZE, 1), "float32")
    room = [SIZE - side for side in IMAGES.shape[1:]]
    for number, way in zip(numbers, (1, -1)):
        begin = (state.row, state.column)
        place = list(begin) if way == 1 else [most - at for most, at in zip(room, begin)]
        step = [way * state.speed * part for part in MOTIONS[state.direction]]
        for frame in frames:
            for row, column in np.ndindex(*IMAGES.shape[1:]):
                at = (place[0] + row) % SIZE, (place[1] + column) % SIZE
                frame[at] = max(frame[at], IMAGES[number, row, column])
            for axis in (0, 1):
                place[axis] += step[axis]
                if state.walls == "bounce" and not 0 <= place[axis] <= room[axis]:
                    place[axis] = -place[axis] if place[axis] < 0 else 2 * room[axis] - place[axis]
                    step[axis] = -step[axis]
    if state.bar:
        frames[:, :, 5:10] = 0.5
    return frames


# ------------------------------------------------------------------------------------ equal to the networks

STATES = st.tuples(
    st.sampled_from([*KEYS]),
    st.fixed_dictionaries(
        {
            "digit": st.integers(0, 2),
            "second": st.sampled_from(["none", 0, 1, 2]),
            "direction": st.sampled_from([word.replace(" ", "+") for word in MOTIONS]),
            "speed": st.integers(1, 3),
            "row": st.integers(0, 9),
            "column": st.integers(0, 10),
            "walls": st.sampled_from(["bounce", "wrap"]),
            "bar": st.sampled_from([0, 1]),
            "given": st.integers(2, 8),
            "ahead": st.integers(1, 10),
            "step": st.integers(1, 3),
        }
    ),
)


@settings(max_examples=30)
@given(STATES)
def test_any_state_shows_its_clip_and_what_the_network_predicts(state):
    name, dials = state
    LAB.state = f"rol1;network={KEYS[name]};" + ";".join(f"{dial}={value}" for dial, value in dials.items())
    seen, clip = LAB.seen(), flown(LAB.state)
    np.testing.assert_array_equal(seen.truth, clip[..., 0])
    count, model = dials["given"], NETWORKS[name]
    np.testing.assert_allclose(seen.single, model.predict_on_batch(clip[None])[0, :-1, ..., 0], atol=1e-4)
    free = predicted(model, clip, count)
    np.testing.assert_allclose(seen.lines["free running"][1], free[count - 1 :], atol=1e-4)
    words, true = heard(LAB.below), clip[count:, ..., 0]
    pairs = {"One step, from frame 2": (seen.single, clip[1:, ..., 0])}
    pairs[f"Free running, from frame {count + 1}"] = free[count - 1 :], true
    pairs[f"Copy last, from frame {count + 1}"] = clip[count - 1, ..., 0], true
    for title, (made, there) in pairs.items():
        np.testing.assert_allclose(series(words, title), ((made - there) ** 2).mean((1, 2)), atol=6e-4)


@pytest.mark.parametrize("name", ["Memory", "Two"])
@pytest.mark.parametrize(("count", "ahead"), [(8, 1), (3, 4)])
def test_states_are_those_of_the_cell_in_keras(lab, name, count, ahead):
    lab.state = f"rol1;network={KEYS[name]};digit=1;given={count};ahead={ahead};step=1"
    model, clip = NETWORKS[name], flown(lab.state)
    layer = model.get_layer("memory")
    read = clip.copy()
    read[count:, ..., 0] = predicted(model, clip, count)[count - 1 :]
    arriving = keras.Model(model.input, layer.input).predict(read[None], verbose=0)[0]
    states = [ops.zeros((1, SIZE, SIZE, layer.filters))] * 2
    for time, given_here in enumerate(arriving):
        _, states = layer.cell(given_here[None], states)
        for part, values in zip("hc", states):
            for channel in range(1, layer.filters + 1):
                lab.controls["part"].value, lab.controls["channel"].value = part, channel
                np.testing.assert_allclose(lab.seen().states[time], values[0, ..., channel - 1], atol=1e-4)


def a_convlstm_in_numpy(clip, kernel, recurrent, bias):
    """The hidden states of a ConvLSTM, pixel by pixel and tap by tap."""

    def convolved(image, weights):
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
        taps = np.ndindex(3, 3)
        return sum(padded[r : r + SIZE, c : c + SIZE] @ weights[r, c] for r, c in taps)

    h = c = np.zeros((SIZE, SIZE, recurrent.shape[2]))
    for frame in clip:
        i, f, g, o = np.split(convolved(frame, kernel) + convolved(h, recurrent) + bias, 4, -1)
        i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        yield h


def test_states_are_those_of_a_convlstm_in_numpy(lab):
    lab.state = "rol1;network=memory;digit=2;given=8;ahead=1;channel=2"
    weights = NETWORKS["Memory"].get_layer("memory").get_weights()
    expected = [*a_convlstm_in_numpy(flown(lab.state)[:8], *weights)]
    np.testing.assert_allclose(lab.seen().states[:8], np.stack(expected)[..., 1], atol=1e-4)


# ------------------------------------------------------------------------------------------------ the edit


def by_hand(kernel, edit, gate, channel):
    """An edited kernel, tap by tap."""
    changed, gates = kernel.copy(), ("input", "forget", "candidate", "output")
    units = kernel.shape[2]
    for row, column, source, number, unit in np.ndindex(3, 3, units, 4, units):
        if gate not in ("all", gates[number]) or channel not in (None, unit):
            continue
        there = {"right": (0, -1), "left": (0, 1), "up": (1, 0), "down": (-1, 0)}.get(edit, (0, 0))
        at, value = (row + there[0], column + there[1]), 0.0
        if min(at) >= 0 and max(at) <= 2:
            value = kernel[(*at, source, number * units + unit)]
        keep = edit != "none" and (edit != "centre" or (row, column) == (1, 1))
        changed[row, column, source, number * units + unit] = value if keep else 0
    return changed


@pytest.mark.parametrize("edit", ["none", "centre", "right", "left", "up", "down"])
@pytest.mark.parametrize(("gate", "alone"), [("all", 0), ("forget", 0), ("all", 1), ("output", 1)])
def test_an_edited_kernel_does_what_a_network_with_these_weights_does(lab, edit, gate, alone):
    text = f"rol1;network=two;digit=1;second=2;edit={edit};gate={gate};alone={alone};channel=2"
    lab.state = text
    model = keras.models.clone_model(NETWORKS["Two"])
    model.set_weights(NETWORKS["Two"].get_weights())
    cell = model.get_layer("memory").cell
    cell.recurrent_kernel.assign(by_hand(np.asarray(cell.recurrent_kernel), edit, gate, 1 if alone else None))
    clip, seen = flown(lab.state), lab.seen()
    np.testing.assert_allclose(seen.lines["one step"][1], predicted(model, clip, 12), atol=1e-4)
    np.testing.assert_allclose(seen.lines["free running"][1], predicted(model, clip, 5)[4:], atol=1e-4)
    as_trained = predicted(NETWORKS["Two"], clip, 5)[4:]
    np.testing.assert_allclose(seen.lines["as trained"][1], as_trained, atol=1e-4)
    assert np.abs(seen.free[4:] - as_trained).max() > 1e-5


def test_the_network_itself_stays_as_it_is(lab):
    before = NETWORKS["Memory"].get_weights()
    lab.state = "rol1;network=memory;digit=1;edit=none"
    for one, two in zip(before, NETWORKS["Memory"].get_weights()):
        np.testing.assert_array_equal(one, two)
    turn(lab, "edit", "trained")
    assert "as trained" not in lab.seen().lines


def test_a_centre_and_a_shift_of_kernels_of_any_size():
    for sides in ((1, 1), (2, 2), (5, 5), (3, 5)):
        kernel = np.arange(1.0, 1 + np.prod(sides) * 8).reshape(*sides, 1, 8)
        kept = np.argwhere(edited(kernel, "centre")[..., 0, 0])
        assert kept.tolist() == [[(side - 1) // 2 for side in sides]]
        assert not edited(kernel, "none").any()
        np.testing.assert_array_equal(edited(kernel, "trained"), kernel)
        np.testing.assert_array_equal(edited(kernel, "up")[:-1], kernel[1:])
        assert not edited(kernel, "up")[-1].any()


def test_the_taps_are_the_mean_sizes_of_the_weights(lab):
    lab.state = "rol1;network=memory;digit=0;channel=3;edit=left;gate=input"
    kernel = by_hand(
        np.asarray(NETWORKS["Memory"].get_layer("memory").cell.recurrent_kernel), "left", "input", None
    )
    sizes = np.abs(kernel.reshape(3, 3, 3, 4, 3)[..., 2]).mean((2, 3))
    told = re.search(r"row by row: ([\d.; ]+)\.", heard(lab.taps)).group(1)
    np.testing.assert_allclose(np.array(re.findall(r"[\d.]+", told), float).reshape(3, 3), sizes, atol=6e-4)
    assert "channel 3, shifted one pixel left, input gate alone" in heard(lab.taps)


# ------------------------------------------------------------------------------------------ rivals and words


def test_a_shift_is_exact_while_nothing_meets_a_wall(lab):
    lab.state = "rol1;network=memory;digit=1;direction=right;speed=1;row=2;column=0;given=3;ahead=7"
    seen = lab.seen()
    assert seen.motion == (0, 1)
    np.testing.assert_array_equal(seen.lines["shift"][1], seen.truth[3:])
    assert series(heard(lab.below), "Shift, from frame 4") == [0] * 7
    turn(lab, "walls", "wrap")
    turn(lab, "ahead", 10)
    turn(lab, "speed", 3)
    np.testing.assert_array_equal(lab.seen().lines["shift"][1], lab.seen().truth[3:])


def test_an_image_is_shifted_as_far_as_one_likes():
    image = np.arange(1, 13).reshape(3, 4)
    assert shifted(image, (1, 0)).tolist() == [[0] * 4, *image[:2].tolist()]
    assert shifted(image, (0, -1))[:, -1].tolist() == [0, 0, 0]
    for far in ((3, 0), (-3, 0), (-9, 1), (0, 4), (1, 30), (0, -30)):
        assert not shifted(image, far).any()
    np.testing.assert_array_equal(shifted(image, (4, -3), True), np.roll(image, (4, -3), (0, 1)))


def standing(bright=1.0):
    """A network that predicts that nothing moves."""
    frames = keras.Input((None, SIZE, SIZE, 1))
    return keras.Model(frames, layers.Rescaling(bright)(frames))


@pytest.mark.parametrize("walls", ["bounce", "wrap"])
def test_how_far_it_is_off_is_told_in_pixels(walls):
    lab = RolloutLab({"stands": standing()}, IMAGES)
    lab.state = (
        f"rol1;network=stands;digit=1;direction=right;speed=2;row=1;column=0;walls={walls};given=2;ahead=3"
    )
    words = heard(lab.remarks)
    assert "At frame 5, 3 frames after the last given one" in words
    assert (
        "is off by 6.0 pixels and has 100% of the true ink; one step ahead of true frames it is off by 2.0"
        in words
    )
    assert "It begins to drift at frame 3" in words
    lab.state = f"{lab.state};direction=up;step=4;speed=1"
    assert lab.seen().measured["free running"][1] == pytest.approx([1, 2, 3], abs=0.01)


def test_over_the_edge_of_a_torus_the_way_is_the_short_one():
    lab = RolloutLab({"stands": standing()}, IMAGES)
    lab.state = (
        "rol1;network=stands;digit=1;direction=left;speed=3;row=1;column=0;walls=wrap;given=2;ahead=4;step=6"
    )
    assert lab.seen().measured["free running"][1] == pytest.approx([3, 6, 7, 4], abs=0.01)


@pytest.mark.parametrize("bar", [0, 1])
def test_a_prediction_that_fades_has_no_place(bar):
    lab = RolloutLab({"fades": standing(0.3)}, IMAGES)
    lab.state = f"rol1;network=fades;digit=1;given=2;ahead=3;step=5;bar={bar}"
    assert "The free-running prediction has no ink at frame 5" in heard(lab.remarks)
    assert "free running none 0%" in re.sub(r"\.\d+ (?=none)", "", heard(lab.below))
    assert ("the bar left out" in heard(lab.remarks)) == bar


def test_a_network_that_looks_ahead_is_told_and_runs_free_all_the_same(lab):
    lab.state = "rol1;network=looks-ahead;digit=1"
    assert "It looks ahead" in heard(lab.remarks)
    assert "Memory not shown" in heard(lab.remarks)
    assert lab.seen().states is None
    lab.state = "rol1;network=plain;digit=1"
    assert "It looks ahead" not in heard(lab.remarks)


# ------------------------------------------------------------------------------------------------- dials


def test_the_step_stays_within_the_frames(lab):
    turn(lab, "step", 12)
    turn(lab, "ahead", 2)
    assert lab.state.step == lab.controls["step"].value == lab.controls["step"].max == 7
    turn(lab, "given", 2)
    assert lab.state.step == 4
    turn(lab, "given", 8)
    assert (lab.state.step, lab.controls["step"].max) == (4, 10)


def test_a_network_without_memory_has_no_dials_for_it(lab):
    lab.state = "rol1;network=memory;digit=1;channel=3;edit=centre"
    assert "Recurrent kernel: only the centre tap" in heard(lab.picture)
    lab.controls["network"].value = "plain"
    assert lab.memory.layout.display == "none"
    assert not {lab.controls[name] for name in ("channel", "edit")} & {*small_labs.visible(lab.view)}
    assert "kernel" not in heard(lab.picture) + heard(lab.remarks)
    lab.controls["network"].value = "two"  # has two channels
    assert lab.state.channel == lab.controls["channel"].value == lab.controls["channel"].max == 2
    assert lab.memory.layout.display is None
    assert "only the centre tap" in heard(lab.picture)


def test_what_was_run_is_not_run_again(lab, monkeypatch):
    lab.state = "rol1;network=memory;digit=2;edit=up"
    monkeypatch.setattr(lab._networks["memory"][1], "run", lambda *given: 1 / 0)
    for path, value in (("step", 3), ("part", "c"), ("channel", 2), ("edit", "up")):
        turn(lab, path, value)
    assert "Cell state, channel 2 after each frame" in heard(lab.picture)


@pytest.mark.parametrize("size", [1e-4, 90, 3e4, 1e12])
def test_predictions_of_any_size_are_drawn(size):
    lab = RolloutLab({"a": standing(size ** (1 / 9))}, IMAGES)
    for path, value in (("ahead", 1), ("given", 2), ("ahead", 10)):
        turn(lab, path, value)
        lines = re.findall(r' y="(-?[\d.]+)"', lab.picture.value + lab.below.value)
        assert 0 <= min(map(float, lines)) <= max(map(float, lines)) < 700
        assert max(map(len, re.findall(r">(\.?\d[^<]*)<", lab.picture.value))) <= 5


def test_numbers_that_leave_all_bounds_are_explained():
    frames = keras.Input((None, SIZE, SIZE, 1))
    lab = RolloutLab({"grows": keras.Model(frames, layers.Rescaling(1e6)(frames))}, IMAGES)
    lab.controls["ahead"].value = 10
    assert "This clip cannot be shown: networks: 'grows' gives NaN or infinite" in heard(lab.remarks)
    assert lab.picture.value == lab.below.value == ""
    lab.controls["ahead"].value = 1
    assert heard(lab.picture)


def test_a_network_may_be_sequential_and_end_in_its_memory():
    ends = keras.Sequential(
        [
            keras.Input((None, SIZE, SIZE, 1)),
            layers.ConvLSTM2D(1, 2, padding="same", return_sequences=True, use_bias=False, name="memory"),
        ]
    )
    lab = RolloutLab({"ends": ends}, IMAGES)
    clip = flown(lab.state)
    np.testing.assert_allclose(
        lab.seen().single, ends.predict(clip[None], verbose=0)[0, :-1, ..., 0], atol=1e-5
    )
    assert lab.controls["channel"].max == 1
    turn(lab, "edit", "centre")
    assert "channel 1" in heard(lab.picture)
