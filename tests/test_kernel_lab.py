"""The kernel lab, tested by turning its dials and reading what its pictures say."""

import re
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from course_utils.labs.kernel.convolution import convolve, ready_made
from course_utils.labs.kernel.lab import KERNELS, KernelLab


def bar(rows, columns):
    """A bright upright bar on black."""
    image = np.zeros((rows, columns))
    image[2:-2, columns // 2 : columns // 2 + 3] = 1
    return image


IMAGES = {
    "A bar": bar(16, 16),
    "small": bar(8, 8),
    "wide": np.random.default_rng(0).random((8, 20)),
    "large": np.random.default_rng(1).random((28, 28)).astype("float32"),
}
BROKEN = "ker1;image=small;size=5;dilation=2;padding=valid"


@pytest.fixture
def lab():
    return KernelLab(IMAGES)


def words(drawn):
    """What a picture says; it must be valid XML and show no number that is none."""
    root = ET.fromstring(drawn)
    assert root.get("role") == "img"
    said = root.get("aria-label")
    assert not re.search(r"\b(nan|inf)\b", " ".join([said, *root.itertext()]))
    return said


def said(lab):
    return f"{words(lab.picture.value)} {words(lab.output.value)}"


def plain(*made):
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(one.value for one in made)).split())


def notes(lab):
    return plain(*(line for line, _ in lab.notes.lines), lab.remarks)


def turn(lab, name, value):
    lab.controls[name].value = value
    return said(lab)


# ---------------------------------------------------------------------------------------- equal to Keras


def keras_gives(image, kernel, stride, padding, dilation, bias, relu):
    """The same by a Conv2D layer. It refuses stride with dilation: there, the gaps are filled with zeros."""
    if stride > 1 and dilation > 1:
        gaps = np.zeros([dilation * (len(kernel) - 1) + 1] * 2)
        gaps[::dilation, ::dilation] = kernel
        kernel, dilation = gaps, 1
    layer = keras.layers.Conv2D(
        1,
        len(kernel),
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        activation="relu" if relu else None,
        dtype="float64",
    )
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


def test_keras_refuses_stride_with_dilation_as_the_lab_says(lab):
    with pytest.raises(ValueError, match="dilation"):
        keras.layers.Conv2D(1, 3, strides=2, dilation_rate=2)
    lab.state = "ker1;stride=2;dilation=2"
    assert "Keras refuses a stride and a dilation above 1" in notes(lab)


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


def test_every_dial_changes_the_pictures(lab):
    before = said(lab), lab.picture.value + lab.output.value
    for name, value in {
        "image": "wide",
        "row": 2,
        "column": 3,
        "kernel": "laplace",
        "activation": "relu",
        "size": 5,
        "stride": 2,
        "padding": "same",
        "dilation": 2,
        "bias": -0.5,
    }.items():
        after = turn(lab, name, value), lab.picture.value + lab.output.value
        assert all(new != old for new, old in zip(after, before)), name
        before = after
    assert str(lab.state) == (
        "ker1;image=wide;kernel=laplace;size=5;stride=2;padding=same;dilation=2;"
        "activation=relu;row=2;column=3;bias=-0.5"
    )
    lab.back.click()
    assert str(lab.state).startswith("ker1;image=a-bar;kernel=vertical;size=3;stride=1;padding=valid")


def test_the_window_and_the_sum_behind_one_value(lab):
    lab.state = "ker1;image=a-bar;row=7;column=7;bias=0.5"
    assert "stands on rows 7 to 9 and columns 7 to 9" in said(lab)
    assert "Row 7, column 7 is 4.50" in said(lab)  # 1 + 2 + 1, and the bias
    told = plain(lab.sum)
    assert "sum of the products 4.00" in told
    assert re.search(r"4\.00 \+ 0\.50 \(bias\) = 4\.50", told)
    assert "ReLU" not in told
    lab.state = "ker1;image=a-bar;row=7;column=11;bias=-0.5;activation=relu"
    told = plain(lab.sum)
    assert re.search(r"−4\.00 − 0\.50 \(bias\) = −4\.50", told)
    assert re.search(r"the larger of 0 and −4\.50 = 0\.00", told)
    assert "Row 7, column 11 is 0.00" in said(lab)
    assert "Then ReLU sets what is below 0 to 0: " in notes(lab)
    assert "Then the bias adds −0.50 everywhere" in notes(lab)


def test_padding_is_marked_and_explained(lab):
    lab.state = "ker1;padding=same;row=1;column=1"
    assert "5 of its 9 numbers on padding" in said(lab)
    assert lab.sum.value.count("ck-zero") == 5
    assert "5 of the 9 numbers lie on padding" in notes(lab)
    assert "1 above, 1 below, 1 left, 1 right" in said(lab)
    assert "stands on rows 0 to 2" in said(lab)
    turn(lab, "stride", 2)
    assert "0 above, 1 below, 0 left, 1 right" in said(lab)  # as TensorFlow puts it
    assert "on padding" not in said(lab)


def test_size_and_cost_in_numbers(lab):
    lab.state = "ker1;image=large;size=3;dilation=2"
    told = plain(lab.costs)
    assert "⌊(28 + 0 − 2·(3 − 1) − 1) / 1⌋ + 1 = 24" in told
    assert "24 × 24 × 1" in told
    for count in ("5,184", "451,584", "576", "452,160", "10"):
        assert re.search(rf"(?<![\d,]){count}(?![\d,])", told)
    turn(lab, "image", "wide")
    told = plain(lab.costs)
    assert "⌊(8 + 0 − 2·(3 − 1) − 1) / 1⌋ + 1 = 4" in told
    assert "⌊(20 + 0 − 2·(3 − 1) − 1) / 1⌋ + 1 = 16" in told


def test_the_window_stays_where_there_is_output(lab):
    turn(lab, "row", 14)
    assert lab.controls["row"].max == 14
    turn(lab, "stride", 3)
    assert lab.controls["row"].max == 5
    assert lab.state.row == 5
    assert "The last 1 row and 1 column of the image are never under the window" in notes(lab)
    turn(lab, "stride", 1)
    assert "never under the window" not in notes(lab)
    assert lab.controls["row"].max == 14
    assert lab.state.row == 5


def test_a_single_place_leaves_nothing_to_move():
    lab = KernelLab({"nine": bar(9, 9)}, start="ker1;size=5;dilation=2")
    assert "Feature map of image nine, 1 by 1" in said(lab)
    assert lab.controls["row"].disabled
    lab.controls["row"].value = 2
    assert lab.state.row == lab.controls["row"].value == 1
    turn(lab, "padding", "same")
    assert not lab.controls["row"].disabled
    assert lab.controls["row"].max == 9


# ------------------------------------------------------------------------------------------ the numbers


def test_fields_follow_the_list_and_the_list_follows_the_fields(lab):
    shown = lambda: [f.value for f in lab.fields if f.layout.display is None]  # noqa: E731
    assert shown() == [-1, 0, 1, -2, 0, 2, -1, 0, 1]
    assert lab.fields[1].description == "Kernel row 1 column 2"
    turn(lab, "kernel", "mean")
    assert shown() == [0.11] * 9
    assert "1/9, shown as 0.11" in notes(lab)
    lab.fields[4].value = -3.5
    assert lab.controls["kernel"].value == "own"
    assert shown() == [0.11] * 4 + [-3.5] + [0.11] * 4
    assert "your own: 0.11 0.11 0.11; 0.11 −3.5 0.11; 0.11 0.11 0.11" in said(lab)
    turn(lab, "size", 5)
    assert lab.fields[5].description == "Kernel row 2 column 1"
    assert len(shown()) == 25
    lab.fields[0].value = 7
    turn(lab, "size", 3)
    turn(lab, "kernel", "sharpen")
    assert shown() == [0, -1, 0, -1, 5, -1, 0, -1, 0]
    turn(lab, "kernel", "own")
    turn(lab, "size", 5)
    assert shown()[0] == 7
    assert shown()[12] == -3.5


def test_your_own_begins_with_what_is_there(lab):
    turn(lab, "kernel", "laplace")
    turn(lab, "kernel", "own")
    assert [f.value for f in lab.fields[:9]] == [0, 1, 0, 1, -4, 1, 0, 1, 0]
    assert "The numbers of your own kernel sum to 0.00" in notes(lab)
    for field in lab.fields[:9]:
        field.value = 0
    assert "All numbers of the kernel are 0" in notes(lab)


def test_numbers_out_of_range_are_brought_into_it(lab):
    lab.fields[0].value = 99
    assert lab.fields[0].value == 9.99
    lab.fields[1].value = -1.236
    assert lab.fields[1].value == -1.24
    lab.fields[1].value = float("nan")
    assert lab.fields[1].value == -1.24
    turn(lab, "bias", -50)
    assert lab.controls["bias"].value == -9.99
    assert lab.state.bias == -9.99


def test_what_does_not_fit_is_explained_and_mended(lab):
    lab.state = BROKEN
    lab.fields[3].value = 2.5
    assert "reaches over 9 by 9 pixels, but the image has only 8 rows and 8 columns" in notes(lab)
    assert "has no place in it" in said(lab)
    assert "No feature map" in said(lab)
    assert "Nothing to compute" in plain(lab.sum)
    assert "+ 1 = 0" in plain(lab.costs)
    assert "output shape none" in plain(lab.costs)
    assert lab.controls["row"].disabled
    (_, button) = lab.notes.lines[0]
    assert button.description == "Use padding same"
    button.click()
    assert lab.state.padding == "same"
    assert lab.fields[3].value == 2.5
    assert "Feature map of image small, 8 by 8" in said(lab)
    assert not lab.controls["row"].disabled
    lab.state = BROKEN.replace("small", "wide")
    assert "the image has only 8 rows." in notes(lab)


# ------------------------------------------------------------------------------------------ state strings


@settings(max_examples=80)
@given(st.data())
def test_any_setting_is_drawn_and_written(data):
    lab = LAB
    lab.back.click()
    shown = {}
    for _ in range(5):
        for one in (lab.picture, lab.output):  # no two pictures with the same words
            assert shown.setdefault(words(one.value), one.value) == one.value
        name = data.draw(st.sampled_from([*lab.controls, "field", "field"]))
        if name == "field":
            lab.fields[data.draw(st.integers(0, lab.state.size**2 - 1))].value = data.draw(NUMBERS)
            continue
        control = lab.controls[name]
        choices = [choice[1] for choice in getattr(control, "options", ())]
        if name in ("row", "column"):
            choices = range(control.min, control.max + 1)
        control.value = data.draw(st.sampled_from(choices) if choices else NUMBERS)
    assert lab.state_class.parse(str(lab.state)) == lab.state
    assert lab.line.value == lab.copy_state.text == str(lab.state)
    assert len(said(lab)) > 100
    assert notes(lab).strip()
    seen = lab.seen()
    if seen.fits:
        total = (seen.patch * lab.state.numbers).sum() + lab.state.bias
        relu = lab.state.activation == "relu"
        assert seen.value == pytest.approx(max(total, 0) if relu else total)


LAB = KernelLab(IMAGES)


@settings(max_examples=150)
@given(st.data())
def test_a_state_survives_its_string(data):
    image = data.draw(st.sampled_from(["a-bar", "small", "wide", "large"]))
    own = data.draw(st.lists(NUMBERS, min_size=25, max_size=25) | st.lists(NUMBERS, min_size=9, max_size=9))
    drawn = {
        name: data.draw(st.sampled_from(f.metadata["dial"].choices))
        for name, f in LAB.state_class.__dataclass_fields__.items()
        if name not in ("image", "bias", "own")
    }
    state = LAB.state_class(image=image, bias=data.draw(NUMBERS), own=own, **drawn)
    assert LAB.state_class.parse(str(state)) == state
    assert len(str(state)) < 400


def test_a_lab_starts_and_ends_at_its_start():
    lab = KernelLab(IMAGES, start="ker1;image=wide;kernel=own;own=0,0,0,0,1,0,0,0,-2")
    assert lab.fields[8].value == -2
    lab.fields[8].value = 3
    lab.back.click()
    assert lab.fields[8].value == -2
    assert lab.controls["image"].value == "wide"


# ------------------------------------------------------------------------------------------- what is given


def test_an_image_is_kept_as_it_was_given():
    image = bar(8, 8)
    lab = KernelLab({"a": image})
    before = lab.output.value
    image[:] = 0.5
    lab.state = lab.state
    assert lab.output.value == before
