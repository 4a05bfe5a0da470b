"""`make check` sees whatever a learner would stumble over, and says it to an instructor."""

import base64
import re
import sys

import check_lessons
import nbformat
import pytest
import strict
from small_course import notebook

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the memory of a child is not told on Windows")
PICTURE = '<img alt="{}" src="data:image/png;base64,{}">'
PIXEL = base64.b64encode(b"\x89PNG bytes").decode()


@pytest.fixture
def small(ready, monkeypatch):
    """A course without lessons, which is checked in place of this one."""
    for path in ready.NOTEBOOKS.glob("*.ipynb"):
        path.unlink()
    monkeypatch.setattr(strict, "course", ready)
    monkeypatch.setattr(check_lessons, "course", ready)
    return ready


def lesson(course, name, *cells):
    path = course.NOTEBOOKS / f"{name}.ipynb"
    nbformat.write(notebook(*cells), path)
    return path


@POSIX
def test_a_notebook_must_print_what_is_stored(small):
    """The bytes of a picture may differ, its alt text and what is printed may not."""
    import resource  # not on Windows

    show = f"from IPython.display import HTML\nHTML({PICTURE.format('a cat', 'AAAA/+==')!r})"

    def check(printed, alt):
        nb = notebook("held = b'1' * 300_000_000\nprint(4)", show)
        shown = {"text/html": PICTURE.format(alt, "BBBB"), "text/plain": "<IPython.core.display.HTML object>"}
        nb.cells[0].outputs = [nbformat.v4.new_output("stream", text=printed)]
        nb.cells[1].outputs = [nbformat.v4.new_output("execute_result", data=shown, execution_count=2)]
        nbformat.write(nb, small.NOTEBOOKS / "04_clips.ipynb")
        return strict.check_notebook(small.NOTEBOOKS / "04_clips.ipynb")

    run = check("4\n", "a cat")
    assert run.ok, run.report
    assert run.seconds > 0
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # a child begins as a copy of this process
    assert 0.3 < run.gigabytes < max(1, 1.1 * own)  # the kernel's memory counts
    run = check("5\n", "a dog")
    assert [cell["number"] for cell in run.failures] == [1, 2]
    assert run.answers() == dict(zip(strict.QUESTIONS, (True, False, True, True)))


def test_each_failure_is_told_with_what_to_do(small, capsys):
    data = {"image/png": PIXEL, "text/plain": "new"}
    drawn = f"from IPython.display import display\ndisplay({data}, raw=True)"
    nb = notebook(
        "print(1)",
        ("print(2)", "exercise"),
        drawn,
        ("raise AssertionError('CNN wins: .4')", "claim"),
        "print(3)",
    )
    nb.cells[1].outputs[0].text = "not attempted\n"
    nb.cells[2].outputs = [nbformat.v4.new_output("display_data", data={"text/plain": "old <b>"})]
    nbformat.write(nb, small.NOTEBOOKS / "04_clips.ipynb")
    lesson(small, "05_broken", "print(1)", "1 / 0", "never", ("never", "claim"))
    lesson(small, "06_whole", "print(1)")
    assert check_lessons.main([]) == 2
    told = capsys.readouterr().out
    rows = {
        row.split()[0]: row.split()[1:5]
        for row in told.rpartition("memory")[2].splitlines()
        if row[:1] == "0"
    }
    assert rows == {
        "04_clips": ["yes", "NO", "NO", "NO"],
        "05_broken": ["NO", "?", "?", "?"],
        "06_whole": ["yes"] * 4,
    }
    for words in (
        "04_clips, cell 4", "CNN wins: .4", "ZeroDivisionError", "1 / 0", "python course.py edit",
        "After it, 2 more cells failed", "check 04 --seeds 5", "git checkout notebooks/04",
    ):  # fmt: skip
        assert words in told
    page = (small.ROOT / "check.html").read_text(encoding="utf-8")
    assert "Lessons that fail: 2 of 3" in page
    assert f'src="data:image/png;base64,{PIXEL}"' in page
    assert "old &lt;b&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page), "the page needs another file"


def test_what_hangs_on_the_seed_is_named(small, capsys):
    shift = 'import os\nassert os.environ.get("COURSE_SEED_SHIFT") != "2", "a fluke of one seed"'
    lesson(small, "07_fragile", (shift, "claim"))
    assert check_lessons.main(["07", "--seeds", "2"]) == 1
    told = capsys.readouterr().out
    assert re.search(r"^07_fragile +yes +yes +yes +yes .* 1 of 2$", told, re.M)
    assert "07_fragile, cell 1, with seeds + 2 (1 of 2): AssertionError: a fluke of one seed" in told


@pytest.mark.parametrize("wrong", [["--seeds", "100"], ["--seeds", "some"]])
def test_other_numbers_of_seeds_are_refused(small, wrong, capsys):
    with pytest.raises(SystemExit):
        check_lessons.main(wrong)
    assert "--seeds" in capsys.readouterr().err
