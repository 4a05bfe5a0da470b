"""What the tests of servers stand on."""

import os

import jupyter
import pytest


def cannot(why):
    """Skip what this machine cannot run, and say why; in continuous integration, that is a failure."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)


@pytest.fixture(scope="session")
def browser():
    """A Chromium."""
    if jupyter.chromium() is None:
        cannot("There is no Chromium on this machine (Debian: apt install chromium).")
    with jupyter.browser() as made:
        yield made
