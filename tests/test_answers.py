"""Answers to every exercise, as learners give them: the wrong ones are told why, the right ones pass.

`answers/NN_name.py` holds them, as code that runs among the names of its lesson:

    @wrong("02.5", "which share z gives")     # part of what the learner should read
    def _(x, kernel, recurrent, bias): ...

    right("02.1")({"a": (None, 50, 16), ...})

Of the lesson, only the statements run that make what the checks and the answers use; no training. A name
that the answers give themselves, such as an untrained network, stands in for the lesson's.
"""

import ast
import re
from functools import cache
from pathlib import Path

import lessons
import pytest
from lessons import needed, stored, tags

from course_utils import check

FOLDER = Path(__file__).resolve().parent / "answers"
NUMBER = re.compile(r'^@check\.exercise\(\s*"(\d\d\.\d+)"', flags=re.MULTILINE)


def numbers(lesson):
    return NUMBER.findall((lessons.SOURCES / f"{lesson}.py").read_text(encoding="utf-8"))


def statements(lesson):
    """(code, is it a check?) for each statement of a lesson, in order; no exercise, solution or claim."""
    for cell in lessons.source(lesson).cells:
        if cell.cell_type == "code" and not tags(cell) & {"exercise", "solution", "claim"}:
            for node in ast.parse(cell.source).body:
                code = compile(ast.Module([node], []), lesson, "exec")
                yield code, ast.unparse(node).startswith("@check.exercise(")


@cache
def tried(lesson):
    """{number: (the check, [(line, answer, what is to be read; None for a right one), ...])}."""
    path = FOLDER / f"{lesson}.py"
    answers = compile(path.read_text(encoding="utf-8"), path, "exec")
    given = {}

    def collect(number, reason=None):
        def add(answer):
            line = getattr(getattr(answer, "__code__", None), "co_firstlineno", "")
            given.setdefault(number, []).append((line, answer, reason))
            return answer

        return add

    names = {"check": check, "__name__": lesson}
    for code in needed(list(statements(lesson)), answers):
        exec(code, names)
    names |= {"right": collect, "wrong": collect}
    exec(answers, names)
    checks = {value.id: value for value in names.values() if isinstance(value, check.Exercise)}
    return {number: (checks[number], given.get(number, [])) for number in numbers(lesson)}


def complaint(judge, answer, reason):
    """What is wrong with the verdict on an answer, or None."""
    verdict = judge(answer, record=False)
    if reason is None:
        return None if verdict.status == "correct" else f"is right, but the check says {verdict}"
    if verdict.status != "not yet" or reason not in verdict.reason:
        return f"should be told {reason!r}, but the check says {verdict}"
    return None


@pytest.mark.filterwarnings("ignore")  # Keras and NumPy warn of what some of these answers do
@pytest.mark.parametrize(
    ("lesson", "number"), [(lesson, number) for lesson in lessons.NAMES for number in numbers(lesson)]
)
def test_answers_are_judged_rightly(lesson, number):
    judge, answers = tried(lesson)[number]
    found = [(line, answer, complaint(judge, answer, reason)) for line, answer, reason in answers]
    misjudged = [f"line {line}: {answer} {words}" for line, answer, words in found if words]
    assert not misjudged, "\n".join(misjudged)
    reasons = [reason for _, _, reason in answers]
    assert len(reasons) - reasons.count(None) >= 6
    assert reasons.count(None) >= 3


def test_only_what_is_needed_is_run():
    lesson = ["import math", "slow = train()", "def check(): return radius * math.pi", "radius = slow"]
    compiled = [(compile(line, "lesson", "exec"), line.startswith("def")) for line in lesson]
    run = needed(compiled, compile("radius = 3", "answers", "exec"))
    assert [sorted(stored(code)) for code in run] == [["math"], ["check"]]


@pytest.mark.parametrize(
    ("answer", "reason"), [(3, "not 3"), (4, None), (3, "another reason"), (..., "not attempted")]
)
def test_a_wrong_verdict_is_found(answer, reason):
    judge = check.exercise("04.1", "Three")(lambda answer: check.expect(answer == 3, f"{answer} is no 3"))
    assert complaint(judge, answer, reason)
    assert complaint(judge, 3, None) is None
    assert complaint(judge, 4, "is no 3") is None
