"""Every argument that cannot be is named, with what is allowed; the cases are in `bad_inputs/`."""

import functools

import cases
import pytest

FILES = ("check", "datasets", "own", "layers", "plotting", "results")
FILES += ("labs", "kernel_lab", "gate_lab", "sentence_lab", "attention_lab", "forecast_lab", "rollout_lab")
FILES += ("folder_lab", "selftest")


@functools.cache
def names_of(file):
    names = {}
    exec(cases.read(file)[1], names)
    return names


@pytest.mark.parametrize(
    ("file", "code", "error", "words"),
    [pytest.param(file, *case.values, id=case.id) for file in FILES for case in cases.read(file)[0]],
)
def test_a_bad_input_is_named(file, code, error, words):
    names = names_of(file)
    with pytest.raises(eval(error, names), match="^" + cases.pattern(words)):
        eval(code, names)
