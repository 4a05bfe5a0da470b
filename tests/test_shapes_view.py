"""The shapes of the architecture lab: those of the real Keras model, each axis with the right name."""

import itertools
import re
import time

import cases
import pytest
import small_labs

from course_utils import labs
from course_utils.labs.architecture import assembly, shapes
from course_utils.labs.architecture.state import ORDERS, LabState
from course_utils.labs.architecture.tasks import TASKS

OURS, usual = LabState(), LabState.default


def rows(state):
    return shapes.rows(assembly.compose(state))


@pytest.mark.parametrize(("state", "told"), cases.told("shapes"))
def test_axes_have_their_names_and_what_a_layer_changed_is_said(state, told):
    table = rows(LabState.parse(state))
    for call, said in told:
        if call == "alt":
            assert re.search(cases.pattern(said), shapes.alt(assembly.compose(LabState.parse(state))))
        elif call == "axes":
            names = [" ".join(axis.name for axis in row.axes) for row in table]
            assert ", ".join(name for name, _ in itertools.groupby(names)) == said
        else:
            row = next(row for row in table if row.call.startswith(call))
            assert f"{row.note} [{' '.join(axis.name for axis in row.axes if axis.changed)}]" == said


def test_a_time_of_any_length_is_called_any():
    table = rows(OURS.change("clip.any_number", True))
    assert [row.axes[0].length for row in table][:9] == ["any"] * 8 + ["96"]
    assert table[1].numbers == "any × 2,304"


def test_where_it_does_not_fit_the_call_is_written():
    svg = shapes.picture(assembly.compose(LabState.parse("lab2;task=reviews;order=cnn;joint=steps")))
    assert "Dense(2, activation=&quot;softmax&quot;" in svg.replace("</tspan>", "")


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
    assert lab.axes in [*small_labs.visible(lab.view)]
    assert "units 96" in lab.axes.value
    lab.controls["lstm.units"].value = 33
    assert "units 33" in lab.axes.value
    assert lab.listing.value == ""
    lab.views.value = "code"
    before = lab.axes.value
    lab.controls["lstm.units"].value = 34
    assert lab.axes.value == before
    assert lab.axes not in [*small_labs.visible(lab.view)]
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
