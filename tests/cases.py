"""Bad inputs, and what is said of them: data files in `bad_inputs/`.

A case is a line of code, and indented below it who complains and in which words, some left out as ` ... `:

    moving_digits(frames=0)
        ValueError: frames=0 cannot be ... 1 to 64

Everything else in a file is Python that the lines of code need.
"""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "bad_inputs"
CASE = re.compile(r"^(\S.*)\n {4}([\w.]+): (.*)$", re.MULTILINE)


def read(name):
    """The cases of a file, as parameters (code, who complains, words), and its Python."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return [pytest.param(*case, id=case[0]) for case in CASE.findall(text)], CASE.sub("", text)


def pattern(words):
    """What is said, as a pattern."""
    return "(?s)^" + ".*".join(map(re.escape, re.split(r" ?\.\.\.(?: |$)", words)))


def of_rules(name, rules):
    """The cases of a file in which the rules of a test complain; each rule must have one."""
    found = [case.values for case in read(name)[0]]
    by_name = {rule.__name__: rule for rule in rules}
    assert {who for _, who, _ in found} == by_name.keys()
    return [pytest.param(by_name[who], code, words, id=code) for code, who, words in found]
