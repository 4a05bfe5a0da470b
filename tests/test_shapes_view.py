"""The shapes of the architecture lab: those of the real Keras model, each axis with the right name."""

import html
import itertools
import re
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_labs import (
    OURS,
    STATES,
    TEXTBOOK,
    TOO_SMALL,
    in_a_thread,
    nearly_usual,
    run_script,
    shown,
    with_examples,
)

from course_utils import labs
from course_utils.labs.architecture import assembly, shapes
from course_utils.labs.architecture.state import ORDERS, LabState
from course_utils.labs.architecture.tasks import TASKS

usual = LabState.default


def rows(state):
    return shapes.rows(assembly.compose(state))


def names(state):
    """The axes of each row in one string, without repetitions."""
    every = [" ".join(axis.name for axis in row.axes) for row in rows(state)]
    return [one for one, before in zip(every, [None, *every]) if one != before]


def note(state, call, number=0):
    """What is said of the layer whose call begins so."""
    return [row.note for row in rows(state) if row.call.startswith(call)][number]


def keras_layers(model, before=()):
    """(kind, shape) of all layers of a Keras model; those for one frame have the frames in front."""
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "PerFrame":
            yield from keras_layers(layer.network, (layer.output.shape[1],))
        elif kind != "InputLayer" or not before:
            yield kind.removesuffix("Layer"), (*before, *layer.output.shape[1:])


def boxes(svg):
    """The groups of a picture that hold a tensor, as (names, sizes, words); its drawing must be sound."""
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert not re.search(r"\b(nan|inf)\b", svg)
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        sizes = [None if size == "None" else int(size) for size in group.get("data-shape").split(",")]
        words = [one.text for one in group.iter("{http://www.w3.org/2000/svg}text")]
        yield group.get("data-axes").split(","), tuple(sizes), words


@settings(max_examples=120)
@with_examples
@given(st.one_of(STATES, nearly_usual()))
def test_the_shapes_of_any_state_are_those_of_its_model(state):
    made, svg = assembly.compose(state), shapes.picture(assembly.compose(state))
    label = ET.fromstring(svg).get("aria-label")
    assert label == shapes.alt(made)
    drawn = list(boxes(svg))
    table = shapes.rows(made)
    assert len(drawn) == len(table) == len(made.lines)
    for row, (axes, sizes, words) in zip(table, drawn, strict=True):
        assert (tuple(axes), sizes) == (tuple(axis.name for axis in row.axes), row.shape)
        assert len(set(axes)) == len(axes) == len(sizes)
        assert set(axes) <= shapes.LOOKS.keys()
        assert [word for word in words if word in shapes.LOOKS] == axes
        assert "batch" in words
        assert all(("any" if size is None else f"{size:,}") in words for size in sizes)
        said = ", ".join(f"{a} {'any' if size is None else f'{size:,}'}" for a, size in zip(axes, sizes))
        assert f"{row.call} gives batch, {said}; " in label
        assert row.note
        for sum_or_product, told in re.findall(r"([\d,]+(?: [×+] [\d,]+)+) = ([\d,]+)", row.note):
            worked = sum_or_product.replace(",", "").replace("×", "*")
            assert eval(worked) == int(told.replace(",", ""))
    if made.broken:
        assert f"does not fit. {made.broken.reason}" in label
        assert "✕" in svg
        return
    model = in_a_thread(lambda: run_script(assembly.code(state))["model"])
    ours = sorted(((row.call.partition("(")[0], row.shape) for row in table), key=str)
    assert ours == sorted(keras_layers(model), key=str)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (OURS, ["time height width channels", "time features", "time units", "units", "classes"]),
        (OURS.change("joint.kind_of", "max"),
         ["time height width channels", "time channels", "units", "classes"]),
        (OURS.change("joint.kind_of", "steps"),
         ["time height width channels", "steps channels", "units", "classes"]),
        (OURS.change("joint.kind_of", "columns"),
         ["time height width channels", "time width height channels", "steps features", "units", "classes"]),
        (OURS.turn("order", "lstm"), ["time height width channels", "time features", "units", "classes"]),
        (OURS.turn("order", "convlstm"),
         ["time height width channels", "height width channels", "features", "units", "classes"]),
        (OURS.turn("order", "convlstm").change("lstm.hands_on", "all").change("joint.kind_of", "average"),
         ["time height width channels", "time channels", "channels", "classes"]),
        (OURS.turn("order", "parallel").change("joint.kind_of", "max"),
         ["time height width channels", "time channels", "channels",
          "time features", "units", "features", "classes"]),
        (usual("digits", "lstm", True),
         ["time height width channels", "time features", "time units", "time score", "score units",
          "features", "classes"]),
        (usual("reviews", "lstm-cnn"),
         ["time", "time features", "time units", "time channels", "channels", "classes"]),
        (usual("reviews", "cnn-lstm"), ["time", "time features", "time channels", "units", "classes"]),
        (usual("reviews", "cnn", True),
         ["time", "time features", "time channels", "time units", "time score", "score channels",
          "features", "classes"]),
        (usual("reviews", "parallel"),
         ["time", "time features", "time channels", "channels", "units", "features", "classes"]),
        (usual("traffic", "cnn"), ["time features", "time channels", "features", "units", "hours ahead"]),
        (usual("traffic", "convlstm"),
         ["time features", "days hours features", "hours channels", "features", "units", "hours ahead"]),
        (usual("traffic", "convlstm", True),
         ["time features", "days hours features", "days hours channels", "days features", "days units",
          "days score", "score units", "features", "hours ahead"]),
        (usual("traffic", "convlstm").change("lstm.hands_on", "all").change("joint.kind_of", "steps"),
         ["time features", "days hours features", "days hours channels", "steps channels", "channels",
          "hours ahead"]),
    ],
)  # fmt: skip
def test_each_axis_has_its_name(state, expected):
    assert names(state) == expected


@pytest.mark.parametrize(
    ("state", "call", "said", "changed"),
    [
        (OURS, "Input", "time counts frames", ""),
        (OURS, "Conv2D(16", "height and width halved, channels 1 → 16", "height width channels"),
        (OURS, "Conv2D(32, 3, padding", "the shape stays", ""),
        (OURS, "Flatten", "three axes become one: 6 × 6 × 32 = 1,152", "features"),
        (OURS, "Dense(96)", "1,152 features become 96 units", "units"),
        (OURS, "LSTM", "time is gone: only the last state", ""),
        (OURS, "Dense(8", "96 units become 8 classes", "classes"),
        (OURS.change("joint.kind_of", "max"), "Global", "height and width are gone: only the largest", ""),
        (OURS.change("joint.kind_of", "steps"), "Reshape", "time × height × width become 288 steps", "steps"),
        (OURS.change("joint.kind_of", "columns"), "Permute", "width and height change places", ""),
        (OURS.change("joint.kind_of", "columns"), "Reshape",
         "time × width become 48 steps, height × channels 192 features", "steps features"),
        (OURS.turn("order", "convlstm").change("joint.kind_of", "columns"), "Reshape",
         "width becomes 6 steps, height × channels 96 features", "steps features"),
        (OURS.change("joint.kind_of", "steps"), "LSTM",
         "steps are gone: only the last state, 32 channels become 96 units", "units"),
        (TEXTBOOK, "Conv2D(32", "height and width 24 → 22, channels 1 → 32", "height width channels"),
        (OURS.turn("order", "cnn"), "GlobalAverage", "time is gone: only the mean", ""),
        (OURS.turn("order", "convlstm"), "ConvLSTM2D(16",
         "time is gone: only the last state, height and width halved, channels 8 → 16",
         "height width channels"),
        (OURS.turn("order", "parallel"), "Concatenate", "side by side: 96 + 96 = 192", "features"),
        (usual("traffic", "parallel"), "Concatenate", "side by side: 96 + 64 = 160", "features"),
        (usual("reviews", "lstm", True), "Dot", "time is gone: only the weighted sum", "score"),
        (usual("reviews", "lstm", True), "Softmax", "scores become weights that sum to 1", ""),
        (usual("digits", "cnn", True).change("joint.kind_of", "flatten"), "Flatten",
         "three axes become one: 6 × 6 × 32 = 1,152", "features"),
        (usual("reviews", "lstm"), "Embedding", "each word becomes a vector of 64", "features"),
        (usual("traffic", "convlstm"), "Reshape", "time becomes 7 days of 24 hours", "days hours"),
        (usual("traffic", "parallel", True), "Dense(32", "units 64 → 32", "units"),
    ],
)  # fmt: skip
def test_what_a_layer_changed_is_said_and_marked(state, call, said, changed):
    row = next(row for row in rows(state) if row.call.startswith(call))
    assert row.note == said
    assert " ".join(axis.name for axis in row.axes if axis.changed) == changed


def test_a_time_of_any_length_is_called_any():
    state = OURS.change("clip.any_number", True)
    assert [row.axes[0].length for row in rows(state)][:9] == ["any"] * 8 + ["96"]
    assert rows(state)[1].numbers == "any × 2,304"
    assert note(state.change("joint.kind_of", "steps"), "Reshape") == "time × height × width become steps"
    reads = usual("digits", "lstm-cnn").change("clip.any_number", True)
    assert note(reads, "Conv1D") == "96 units become 64 channels"
    assert note(reads.change("convolutions", [(64, 3, 2, 2)]), "MaxPooling1D") == "time shortened"
    for row in ((96, 3, 2), (96, 3, 1, 1, "valid")):
        assert note(reads.change("convolutions", [row]), "Conv1D").startswith("time shortened, ")
    one = reads.change("convolutions", [(96, 1, 1, 1, "valid")])
    assert note(one, "Conv1D") == "96 units become 96 channels"


@pytest.mark.parametrize(
    ("state", "last", "why"),
    [
        (TOO_SMALL, "Conv2D(128, 11, strides=4", "does not fit in height and width"),
        (usual("reviews", "cnn-lstm").change("joint.kind_of", "max"), "LSTM(64)", "the time axis is gone"),
        (usual("reviews", "cnn").change("joint.kind_of", "steps"), "Dense(2", "steps, not one vector"),
        (usual("reviews", "parallel").change("joint.kind_of", "steps"), "Concatenate()", "one of them gives"),
        (usual("reviews", "convlstm"), "ConvLSTM1D", "a review has one axis"),
    ],
)  # fmt: skip
def test_where_it_does_not_fit_the_last_row_says_why(state, last, why):
    svg = shapes.picture(assembly.compose(state))
    sentence = shapes.alt(assembly.compose(state)).rpartition(" numbers; ")[2]
    assert last in sentence
    assert why in sentence
    assert html.escape(last) in svg.replace("</tspan>", "")


def test_what_runs_on_every_frame_and_side_by_side_is_said():
    assert "For every frame PerFrame: time stays as it is: Conv2D" in shapes.alt(assembly.compose(OURS))
    assert ". Then: LSTM(96) gives" in shapes.alt(assembly.compose(OURS))
    days = assembly.compose(usual("traffic", "convlstm", True))
    assert "For every day PerFrame: the days stay as they are: Flatten" in shapes.alt(days)
    both = shapes.alt(assembly.compose(OURS.turn("order", "parallel")))
    for heading in ("On one side for every frame: Conv2D", "On the other side", "Both sides joined: Concat"):
        assert heading in both


def test_an_axis_stands_in_one_column_and_becomes_wide_where_it_takes_others_in():
    table = rows(OURS)
    columns = shapes._Columns(table)
    time_reaches = {columns.reach(row, 0) for row in table if row.axes[0].name == "time"}
    assert len(time_reaches) == 1
    conv, flat = table[3], table[4]
    assert columns.reach(flat, 1) == (columns.reach(conv, 1)[0], columns.reach(conv, 3)[1])
    *_, permuted, merged, _, _, _ = table = rows(OURS.change("joint.kind_of", "columns"))
    columns = shapes._Columns(table)
    for row in (permuted, merged):
        ends = [columns.reach(row, number) for number in range(len(row.axes))]
        assert all(left[1] < right[0] for left, right in itertools.pairwise(ends))
    assert columns.reach(merged, 0) == (columns.reach(permuted, 0)[0], columns.reach(permuted, 1)[1])


def test_the_panel_follows_the_dials_while_it_is_open():
    lab = labs.ArchitectureLab("ours", hide=("train", "inside"), view="shapes")
    assert [said for said, _ in lab.views.options] == ["Picture", "Shapes, axis by axis", "Keras code"]
    assert lab.axes in shown(lab.view)
    assert "units 96" in lab.axes.value
    lab.controls["lstm.units"].value = 33
    assert "units 33" in lab.axes.value
    assert lab.listing.value == ""
    lab.views.value = "code"
    before = lab.axes.value
    lab.controls["lstm.units"].value = 34
    assert lab.axes.value == before
    assert lab.axes not in shown(lab.view)
    lab.views.value = "shapes"
    assert "units 34" in lab.axes.value
    whole = labs.ArchitectureLab("ours")
    assert whole.views.value == "picture"
    assert whole.axes.value == ""


@pytest.mark.parametrize("task", TASKS)
def test_a_picture_takes_no_time(task):
    for order in ORDERS:
        made = assembly.compose(usual(task, order))
        begin = time.perf_counter()
        shapes.picture(made)
        assert time.perf_counter() - begin < 0.1
