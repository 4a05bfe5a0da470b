"""The kernel lab, tested by turning its dials and reading what its pictures say."""

import keras
import numpy as np
import pytest
import small_labs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils.labs.kernel.convolution import convolve, ready_made
from course_utils.labs.kernel.lab import KERNELS, KernelLab

LAB = small_labs.kernel()  # built once: tests begin by setting its state


@pytest.fixture
def lab():
    LAB.back.click()
    return LAB


# ---------------------------------------------------------------------------------------- equal to Keras


def keras_gives(image, kernel, stride, padding, dilation, bias, relu):
    """The same by a Conv2D layer. It refuses stride with dilation: there, the gaps are filled with zeros."""
    if stride > 1 and dilation > 1:
        gaps = np.zeros([dilation * (len(kernel) - 1) + 1] * 2)
        gaps[::dilation, ::dilation] = kernel
        kernel, dilation = gaps, 1
    how = {"strides": stride, "padding": padding, "dilation_rate": dilation, "dtype": "float64"}
    layer = keras.layers.Conv2D(1, len(kernel), activation="relu" if relu else None, **how)
    layer.build((1, *image.shape, 1))
    layer.set_weights([kernel[..., None, None], np.array([bias])])
    return np.asarray(layer(image[None, ..., None]))[0, ..., 0]


SIDES = st.integers(8, 32)
NUMBERS = st.integers(-999, 999).map(lambda value: value / 100)


@settings(max_examples=200)
@given(st.data())
def test_the_convolution_is_that_of_keras(data):
    image = data.draw(arrays(float, data.draw(st.tuples(SIDES, SIDES)), elements=st.floats(0, 1)))
    size = data.draw(st.sampled_from((3, 5)))
    kernel = data.draw(arrays(float, (size, size), elements=NUMBERS))
    how = {
        "stride": data.draw(st.sampled_from((1, 2, 3))),
        "padding": data.draw(st.sampled_from(("valid", "same"))),
        "dilation": data.draw(st.sampled_from((1, 2))),
        "bias": data.draw(NUMBERS),
        "relu": data.draw(st.booleans()),
    }
    if how["padding"] == "valid" and how["dilation"] * (size - 1) + 1 > min(image.shape):
        with pytest.raises(ValueError, match="does not fit into an image"):
            convolve(image, kernel, **how)
        return
    ours = convolve(image, kernel, **how)
    np.testing.assert_allclose(ours, keras_gives(image, kernel, **how), rtol=0, atol=1e-5)


def test_keras_refuses_stride_with_dilation_as_the_lab_says():
    with pytest.raises(ValueError, match="dilation"):
        keras.layers.Conv2D(1, 3, strides=2, dilation_rate=2)


@pytest.mark.parametrize("size", [3, 5])
def test_ready_made_kernels_do_what_their_names_say(size):
    rng = np.random.default_rng(2)
    image, edge = rng.random((12, 12)), size // 2
    ramp = np.tile(np.arange(12.0), (12, 1))
    inside = image[edge:-edge, edge:-edge]
    made = {name: ready_made(name, size) for name in KERNELS if name != "own"}
    maps = {name: convolve(image, kernel) for name, kernel in made.items()}
    np.testing.assert_allclose(maps["identity"], inside)
    np.testing.assert_allclose(maps["left"], image[edge:-edge, edge + 1 : 13 - edge])
    np.testing.assert_allclose(maps["sharpen"], inside - maps["laplace"])
    assert made["mean"].sum() == pytest.approx(1)
    assert (convolve(ramp, made["vertical"]) > 0).all()
    np.testing.assert_allclose(convolve(ramp, made["horizontal"]), 0, atol=1e-9)
    np.testing.assert_allclose(convolve(ramp, made["laplace"]), 0, atol=1e-9)
    np.testing.assert_array_equal(made["horizontal"], made["vertical"].T)
    assert all(np.abs(kernel).max() <= 9.99 for kernel in made.values())


# ------------------------------------------------------------------------------------------- the dials


def test_the_window_stays_where_there_is_output(lab):
    row = lab.controls["row"]
    row.value = 14
    assert row.max == 14
    lab.controls["stride"].value = 3
    assert row.max == lab.state.row == 5
    lab.controls["stride"].value = 1
    assert (row.max, lab.state.row) == (14, 5)


def test_a_single_place_leaves_nothing_to_move(lab):
    lab.state = "ker1;image=a-square;size=5;dilation=2;row=1"
    row = lab.controls["row"]
    assert row.disabled
    row.value = 2
    assert lab.state.row == row.value == 1
    lab.controls["padding"].value = "same"
    assert not row.disabled
    assert row.max == 9


# ------------------------------------------------------------------------------------------ the numbers


def numbers(lab):
    """What the fields show, as many as there are."""
    return [field.value for field in lab.fields if field.layout.display is None]


def test_fields_follow_the_list_and_the_list_follows_the_fields(lab):
    kernel, size = lab.controls["kernel"], lab.controls["size"]
    assert numbers(lab) == [-1, 0, 1, -2, 0, 2, -1, 0, 1]
    assert lab.fields[1].description == "Kernel row 1 column 2"
    kernel.value = "mean"
    assert numbers(lab) == [0.11] * 9
    lab.fields[4].value = -3.5
    assert kernel.value == "own"
    assert numbers(lab) == [0.11] * 4 + [-3.5] + [0.11] * 4
    size.value = 5
    assert lab.fields[5].description == "Kernel row 2 column 1"
    assert len(numbers(lab)) == 25
    lab.fields[0].value = 7
    size.value, kernel.value = 3, "sharpen"
    assert numbers(lab) == [0, -1, 0, -1, 5, -1, 0, -1, 0]
    kernel.value = "own"
    lab.fields[4].value = -2  # of nine; the others are kept
    size.value = 5
    assert numbers(lab)[0] == 7
    assert numbers(lab)[12] == -2


def test_your_own_begins_with_what_is_there(lab):
    for kernel in ("laplace", "own"):
        lab.controls["kernel"].value = kernel
    assert numbers(lab) == [0, 1, 0, 1, -4, 1, 0, 1, 0]


def test_numbers_out_of_range_are_brought_into_it(lab):
    for field, typed, kept in ((0, 99, 9.99), (1, -1.236, -1.24), (1, float("nan"), -1.24)):
        lab.fields[field].value = typed
        assert lab.fields[field].value == kept
    lab.controls["bias"].value = -50
    assert lab.controls["bias"].value == lab.state.bias == -9.99


def test_the_value_that_is_shown_is_the_sum_behind_it(lab):
    for state in ("row=3", "size=5;padding=same;row=1;column=2", "dilation=2;stride=2;bias=0.5;row=2"):
        for activation in ("none", "relu"):
            lab.state = f"ker1;image=noise;{state};activation={activation}"
            seen = lab.seen()
            total = (seen.patch * lab.state.numbers).sum() + lab.state.bias
            assert seen.value == pytest.approx(max(total, 0) if activation == "relu" else total)


# ------------------------------------------------------------------------------------------ state strings


def test_a_lab_starts_and_ends_at_its_start_with_the_image_as_it_was_given():
    image = small_labs.bar(8, 8)
    lab = KernelLab({"a": image}, start="ker1;kernel=own;own=0,0,0,0,1,0,0,0,-2")
    before = lab.output.value
    assert lab.fields[8].value == -2
    lab.fields[8].value = 3
    assert lab.output.value != before
    image[:] = 0.5
    lab.back.click()
    assert lab.fields[8].value == -2
    assert lab.output.value == before
    lab.state = "ker1;size=5;dilation=2;padding=valid"
    assert "but the image has only 8 rows and 8 columns" in small_labs.heard(lab.notes.view)
