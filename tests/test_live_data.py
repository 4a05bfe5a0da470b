"""The data of the live labs: what lessons 01 and 02 show, as plain JSON."""

import ast
import json

import lessons
import numpy as np
import pytest
import small_labs

from course_utils import datasets
from course_utils.labs.gates import GateLab
from course_utils.labs.gates import live as gates
from course_utils.labs.gates.lstm import CELLS, INPUTS
from course_utils.labs.kernel import live as kernel

LAB = kernel._of_the_lesson()


def images_of_lesson_01():
    """The arguments of the lab, made by the lesson's own lines."""
    needed, given = {"single", "digit", "photo", "square", "stones"}, {"np": np, "datasets": datasets}
    for cell in lessons.source("01_convolution").cells:
        if cell.cell_type != "code" or not needed & lessons.stored(cell.source):
            continue
        for statement in ast.parse(cell.source).body:
            line = ast.unparse(statement)
            if isinstance(statement, ast.Assign) and needed & lessons.stored(line):
                exec(line, given)
    return given


def test_the_live_kernel_lab_shows_the_images_of_its_lesson():
    given, data = images_of_lesson_01(), kernel.export(LAB)
    names = {"digit": "digit", "photograph": "stones", "square": "square"}
    assert data["images"].keys() == names.keys()
    for key, name in names.items():
        np.testing.assert_array_equal(data["images"][key]["pixels"], given[name])


def test_the_live_gate_lab_has_the_cells_and_inputs_set_by_hand():
    data = gates.export()
    assert [cell["name"] for cell in data["cells"].values()] == list(CELLS)
    assert [tuple(given["values"]) for given in data["inputs"].values()] == list(INPUTS.values())
    weights = data["cells"]["latch"]
    np.testing.assert_array_equal(weights["kernel"], CELLS["latch"][1][0][0])
    np.testing.assert_array_equal(weights["bias"], CELLS["latch"][1][2])


def test_a_layer_without_bias_has_one_of_zeros():
    layer = small_labs.lstm(2, 0)
    layer = type(layer)(2, use_bias=False)
    layer.build((None, None, 1))
    (cell,) = gates.export(GateLab({"bare": layer}))["cells"].values()
    assert cell["bias"] == [0.0] * 8
    assert np.shape(cell["recurrent"]) == (2, 8)


@pytest.mark.parametrize(
    ("export", "lab"), [(kernel.export, LAB), (gates.export, GateLab()), (gates.export, small_labs.gate())]
)
def test_what_is_exported_is_plain_and_begins_as_the_lab(export, lab):
    data = export(lab)
    kept = json.loads(json.dumps(data, allow_nan=False))
    assert kept["start"] == str(lab.state)
    dials = {dial["name"]: dial for dial in kept["dials"]}
    assert list(dials) == list(lab.state_class.__dataclass_fields__)
    assert set(kept["spelled"]) <= dials.keys()
    assert {dial["kind"] for dial in dials.values()} <= {"choice", "real", "several"}
