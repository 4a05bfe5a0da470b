"""`make portable` sees a lesson that hangs on a setting, and does not run again what was ok."""

import argparse

import nbformat
import portable
import pytest
import strict
from small_course import notebook

CLAIM = 'import os\nassert os.environ.get("COURSE_SEED_SHIFT") != "11", "a fluke of one seed"'
THREADS = 'print(os.environ.get("COURSE_THREADS", 2))'


@pytest.fixture
def fragile(ready, monkeypatch):
    """A course of one lesson, which prints the number of threads; its claim fails under one shift."""
    for path in ready.NOTEBOOKS.glob("*.ipynb"):
        path.unlink()
    nb = notebook(CLAIM, "print(2)")
    nb.cells[1].source = THREADS
    nbformat.write(nb, ready.NOTEBOOKS / "07_fragile.ipynb")
    monkeypatch.setattr(strict, "course", ready)
    for name, value in (("course", ready), ("ROOT", ready.ROOT), ("KEPT", ready.ROOT / ".portable")):
        monkeypatch.setattr(portable, name, value)
    settings = {"2 threads": {"COURSE_THREADS": "2"}, "1 thread": {"COURSE_THREADS": "1"}}
    monkeypatch.setattr(portable, "SETTINGS", settings)
    return ready


def test_the_table_names_the_settings_that_alter_a_lesson(fragile, capsys, monkeypatch):
    assert portable.main(["--seeds", "11,12"]) == 2
    told = capsys.readouterr().out
    row = next(line for line in told.splitlines() if line.startswith("07_fragile "))
    assert [word for word in row.split() if word in ("ok", "FAILED")] == ["ok", "FAILED", "FAILED", "ok"]
    assert "a fluke of one seed" in told
    assert (portable.KEPT / "07_fragile 1 thread.txt").read_text(encoding="utf-8").count("mismatch")

    again = []  # what was ok is not run again, what failed is
    passes = strict.Run("07_fragile", [], 1.0, 0.1, "")
    monkeypatch.setattr(strict, "check_notebook", lambda *how, **setting: again.append(setting) or passes)
    assert portable.main(["--seeds", "11,12"]) == 0
    assert {*map(str, again)} == {"{'COURSE_THREADS': '1'}", "{'COURSE_SEED_SHIFT': '11'}"}
    assert len(again) == 2


def test_a_setting_that_numpy_ignores_is_refused():
    told = portable.refused({"NPY_DISABLE_CPU_FEATURES": "NO_SUCH_FEATURE"})
    assert told == "NumPy does not turn off NO_SUCH_FEATURE on this processor"
    assert portable.refused({"COURSE_THREADS": "1"}) is None


def test_seeds_are_read_as_people_write_them():
    assert portable.seeds("1-3, 12") == [1, 2, 3, 12]
    for wrong in ("", "0-2", "3-1", "x", "1-9999"):
        with pytest.raises(argparse.ArgumentTypeError, match="write 1-10 or 11,12"):
            portable.seeds(wrong)
