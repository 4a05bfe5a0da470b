"""Cases that are data: bad inputs and what is said of them, states of labs and what is shown in them.

Bad inputs are in `bad_inputs/`.

A case is a line of code, and indented below it who complains and in which words, some left out as ` ... `:

    moving_digits(frames=0)
        ValueError: frames=0 cannot be ... 1 to 64

Everything else in a file is Python that the lines of code need.

States of labs are in `told/`. Below a state stands what a part of the lab then says, what it must not say,
and which button is pressed; what stands below that holds afterwards:

    lab2;task=reviews;joint=flatten
        notes: ✕ Does not fit. ... the time axis is gone.
        press: Keep the steps
        notes lacks: Does not fit
"""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "bad_inputs"
TOLD = FOLDER.parent / "told"
CASE = re.compile(r"^(\S.*)\n {4}([\w.]+): (.*)$", re.MULTILINE)
STATE = re.compile(r"^(\S+)\n((?: {4}.+\n)+)", re.MULTILINE)


def read(name):
    """The cases of a file, as parameters (code, who complains, words), and its Python."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return [pytest.param(*case, id=case[0]) for case in CASE.findall(text)], CASE.sub("", text)


def pattern(words):
    """What finds these words, of which some are left out as `...`."""
    return "(?s:" + ".*".join(map(re.escape, re.split(r" ?\.\.\. ?", words))) + ")"


def of_rules(name, rules):
    """The cases of a file in which the rules of a test complain; each rule must have one."""
    found = [case.values for case in read(name)[0]]
    by_name = {rule.__name__: rule for rule in rules}
    assert {who for _, who, _ in found} == by_name.keys()
    return [pytest.param(by_name[who], code, words, id=code) for code, who, words in found]


def states(name):
    """The states of a file in which nothing else is said of them."""
    text = (TOLD / f"{name}.txt").read_text(encoding="utf-8")
    return re.findall(r"^\w+;\S+$", text, re.MULTILINE)


def told(name):
    """The states of a file, as parameters (state, list of (part, words))."""
    text = (TOLD / f"{name}.txt").read_text(encoding="utf-8")
    lines = {state: re.findall(r" {4}(.+?): (.+)\n", said) for state, said in STATE.findall(text)}
    return [pytest.param(state, said, id=f"{name} {state}") for state, said in lines.items()]
