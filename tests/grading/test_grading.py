"""Assignments are graded fairly, and submissions that mean harm harm nobody; these tests run in .teach."""

import csv
import json
import re
import shutil
import textwrap
from functools import cache

import nbformat
import pytest
from attacks import ANSWERS, NOTEBOOKS, NOTHING
from classroom import hand_in, judge, released, solutions

from teaching.grading import limits
from teaching.grading.autograde import ROOT, JudgeAnswers, grade, make

VIDEO = "04_cnn_lstm_video"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
LESSONS.remove("91_glossary")  # has no exercises
PATIENT = judge(SECONDS=15, PATIENCE=3600)  # a busy machine stops nobody
IMPATIENT = judge(SECONDS=2, PATIENCE=3600)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """One judge for all tests."""
    monkeypatch.setattr(JudgeAnswers, "judge", PATIENT)


@pytest.fixture(scope="session")
def assignment(tmp_path_factory):
    """Gives a copy of the assignment of a lesson, which is made once."""

    @cache
    def made(lesson):
        folder = tmp_path_factory.mktemp("made") / lesson
        make(lesson, folder)
        return folder

    return lambda lesson: shutil.copytree(made(lesson), tmp_path_factory.mktemp("class") / lesson)


@pytest.mark.parametrize("lesson", LESSONS)
def test_solutions_get_full_marks_and_stubs_none(assignment, lesson):
    folder = assignment(lesson)
    answers = solutions(folder)
    assert not set(answers.values()) & {cell.source for cell in released(folder).cells}
    hand_in(folder, "all", answers)
    hand_in(folder, "none", {})
    everything, nothing = grade(lesson, folder)
    assert everything["points"] == everything["of"] == nothing["of"] == 10 * len(answers)
    assert nothing["points"] == 0
    assert not everything["remarks"] + nothing["remarks"]


@pytest.mark.parametrize(
    ("lesson", "number", "change", "points"),
    [
        (VIDEO, "04-1", 'shapes["maps"] = (None, 1)', 7.5),
        (VIDEO, "04-1", 'shapes["maps"] = shapes["flat"] = ...', 5),
        (VIDEO, "04-1", 'del shapes["last"]', 7.5),
        (VIDEO, "04-1", "shapes = dict(zip(shapes, [*shapes.values()][1:] + [()]))", 0),
        ("05_lstm_cnn_text", "05-1", 'shapes["weights"] = 0', 8),
        ("00_start_here", "00-1", "shape = (*shape[:3], 1, 2)", 6),
        ("02_lstm", "02-6", "counter_cell = dict(zip('fgoi', counter_cell.values()))", 0),
    ],
)
def test_each_blank_that_is_right_earns_its_share(assignment, lesson, number, change, points):
    folder = assignment(lesson)
    hand_in(folder, "some", {number: f"{solutions(folder)[number]}\n{change}"})
    [row] = grade(lesson, folder)
    assert row[number.replace("-", ".")] == row["points"] == points
    [saved] = csv.DictReader((folder / "points.csv").open())
    assert float(saved["points"]) == points


def test_an_answer_needs_its_cell_and_no_other(assignment):
    folder = assignment(VIDEO)

    def add_cells(nb):
        wrong = "raise RuntimeError('an experiment')"
        nb.cells = [part for cell in nb.cells for part in (nbformat.v4.new_code_cell(wrong), cell)]

    right = solutions(folder)["04-2"]
    hand_in(folder, "apart", {"04-2": f"import sys\n{right}\ndisplay(1 / 0)", "04-3": "1 / 0"}, add_cells)
    [row] = grade(VIDEO, folder)
    assert row["points"] == row["04.2"] == 10


def test_attacks_end_as_the_page_says(assignment):
    folder = assignment(VIDEO)
    tried = [(name, answers, None) for name, answers in ANSWERS.items()]
    tried += [(name, {"04-2": NOTHING}, change) for name, change in NOTEBOOKS.items()]
    for number, (_, answers, change) in enumerate(tried):
        placed = {
            exercise: code.replace("FOLDER", str(folder))
            .replace("COURSE", str(ROOT))
            .replace("/N/", f"/{VIDEO}/")
            for exercise, code in answers.items()
        }
        hand_in(folder, f"{number:02}", placed, change)
    honest = hand_in(folder, "honest", solutions(folder))
    linked = hand_in(folder, "linked", {})
    linked.unlink()
    linked.symlink_to(honest)
    hand_in(folder, "nested", {}).write_text("[" * 100_000)
    before = {path: path.read_bytes() for path in folder.glob("submitted/*/*/*")}

    rows = {row["student"]: row for row in grade(VIDEO, folder)}
    assert {path: path.read_bytes() for path in folder.glob("submitted/*/*/*")} == before
    assert rows["honest"]["points"] == 60
    names = {f"{number:02}": name for number, (name, *_) in enumerate(tried)}
    names |= {"linked": "hand in a link to the notebook of another", "nested": "hand in what is no notebook"}
    found = "\n".join(
        line(name, rows[student], said(folder, rows[student])) for student, name in names.items()
    )
    page = (ROOT / "teaching" / "grading.md").read_text(encoding="utf-8")
    assert found in page, f"the page should say:\n{found}"


def said(folder, row):
    """What was said to the one answer of a submission."""
    if row.get("remarks"):
        return re.sub(r"^04\.\d: ", "", row["remarks"])
    [path] = (folder / "autograded" / row["student"]).glob("*/*.ipynb")
    told = [cell.outputs[0].text for cell in nbformat.read(path, 4).cells if cell.get("outputs")]
    return next(text for text in told if text != "not attempted")


def line(name, row, text):
    """A line of the page's table; without paths, which differ, and not too long."""
    text = textwrap.shorten(re.sub(r"'/[^']*'", "'...'", text), 100, placeholder=" ...")
    text = text.replace("after 15 seconds", f"after {limits.SECONDS} seconds")  # fewer here, to save time
    return f"| {name} | {row['points']:.0f} | {text} |" if "points" in row else f"| {name} | – | {text} |"


CHECK = """
@check.exercise("04.9", "Three")
def check_it(it):
    check.expect(it() == 3, "it is not 3")
"""
JOB = {
    "given": ["from course_utils import check", CHECK],
    "stub": "def it():\n    return ...\n\n\ncheck_it(it)",
    "wrong": "wrong('04.9', 'it is not 3')(lambda: 4)",
}
LOOP = "import threading\ndef loop():\n    while True: pass\nthreading.Thread(target=loop).start()\n"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("def it(): return 3", "correct"),
        (LOOP + "def it(): return 3", "correct"),
        ("def it(): return 4", "not yet: it is not 3"),
        (
            "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
            "its process ended without a verdict",
        ),
        ("def it(): return bytearray(10**10)", "not yet: your code raised MemoryError"),
        (
            "open('big', 'wb').write(bytes(10**8))",
            "not yet: your code raised OSError: [Errno 27] File too large",
        ),
        ("it = 'no function'", "not yet: the check could not use your answer"),
        ("this is no Python", "not yet: your code raised SyntaxError"),
        ("", "not attempted"),
    ],
)
def test_limits(answer, told):
    verdict = IMPATIENT(JOB | {"answer": answer})
    assert verdict["said"].startswith(told)
    assert verdict["share"] == (told == "correct")


def test_small_files_count_by_blocks():
    verdict = PATIENT(JOB | {"answer": "for n in range(10**6): open(str(n), 'w').write('x')"})
    assert verdict["said"].startswith("stopped: it wrote more than 50 MB")
    assert verdict["share"] == 0


def test_a_sleeper_is_stopped():
    verdict = judge(PATIENCE=2)(JOB | {"answer": "import time\ndef it(): time.sleep(1000)"})
    assert verdict["said"] == "stopped after waiting for 2 seconds"
    assert verdict["share"] == 0


def test_a_lesson_that_does_not_run_is_no_fault_of_a_student():
    with pytest.raises(RuntimeError, match=r"(?s)do not run here: .*ZeroDivisionError"):
        PATIENT(JOB | {"given": ["1 / 0"], "answer": "it = 3"})


def test_nothing_is_overwritten(assignment):
    folder = assignment(VIDEO)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit, match="rename or remove that folder"):
        make(VIDEO, folder)
    with pytest.raises(SystemExit, match="There is nothing to grade"):
        grade(VIDEO, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    wrong = json.loads((folder / "wrong_answers.json").read_text())
    assert set(wrong) == {"04.1", "04.2", "04.3", "04.4", "04.6", "04.7"}
