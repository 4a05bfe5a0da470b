"""What holds for every test: no window opens, and a learner's progress is out of reach."""

import os
import sys
from pathlib import Path

import hypothesis
import pytest
from small_course import small_course

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, and no deadline: the machines that run this are slow and shared.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """Every test has a progress file of its own."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture
def house(tmp_path):
    """The course.py of a small course, as a module."""
    return small_course(tmp_path)


@pytest.fixture
def ready(house):
    """The same with the packages of this environment, as after a first `lab`."""
    house.PYTHON, house.STAMP = Path(sys.executable), house.ROOT / "stamp"
    house.OWN_STAMP = house.ROOT / "own-stamp"
    house.STAMP.write_text(house.stamp())
    house.OWN_STAMP.write_text(house.own_stamp())
    return house
