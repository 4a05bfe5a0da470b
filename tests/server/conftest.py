"""What the tests of servers stand on: a browser, and the Python with the course's packages."""

import json
import os
from pathlib import Path

import jupyter
import pytest

import course


@pytest.fixture(scope="session")
def python():
    """The Python of .venv, in which the kernels of .teach run."""
    spec = course.TEACH / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    return Path(json.loads(spec.read_text(encoding="utf-8"))["argv"][0])


@pytest.fixture(scope="session")
def browser():
    """A Chromium; without one on the machine, the test is skipped."""
    if jupyter.chromium() is None and os.environ.get("CI") != "true":
        pytest.skip("There is no Chromium on this machine (apt install chromium).")
    with jupyter.browser() as made:
        yield made
