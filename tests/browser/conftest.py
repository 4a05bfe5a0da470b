"""A JupyterLab server for all browser tests, started on a copy of the lessons."""

import os
import shutil

import pytest
from jupyter import COURSE, Notebook, browser, chromium, server, write


def pytest_collection_modifyitems(items):
    if chromium() is None and os.environ.get("CI") != "true":
        for item in items:
            if item.path.is_relative_to(COURSE / "tests" / "browser"):
                item.add_marker(
                    pytest.mark.skip(reason="There is no Chromium on this machine (apt install chromium).")
                )


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory):
    """(browser, address, token, folder) of a JupyterLab whose notebooks and settings are all temporary."""
    if chromium() is None:
        pytest.fail(
            "There is no Chromium on this machine: the browser tests need one (apt install chromium)."
        )
    home, folder = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("lessons")
    for lesson in (COURSE / "notebooks").glob("*.ipynb"):
        shutil.copy(lesson, folder)
    if (COURSE / "notebooks" / "images").exists():
        shutil.copytree(COURSE / "notebooks" / "images", folder / "images")
    with server(folder, home) as (address, token), browser() as made:
        yield made, address, token, folder


@pytest.fixture
def open_lesson(jupyterlab):
    """Opens a lesson by name; its page and its kernel are closed afterwards."""
    opened = []

    def opener(name, **size):
        if not (COURSE / "notebooks" / name).exists():
            pytest.fail(f"notebooks/{name} is missing: build it with `make notebooks`")
        opened.append(Notebook(*jupyterlab[:3], name, **size))
        return opened[-1]

    yield opener
    for notebook in opened:
        notebook.close()


@pytest.fixture
def open_cells(jupyterlab):
    """Opens a notebook of these cells, or the one of that name; page and kernel are closed afterwards."""
    opened = []

    def opener(name, cells=None, **size):
        if cells is not None:
            write(jupyterlab[3] / name, cells)
        opened.append(Notebook(*jupyterlab[:3], name, **size))
        return opened[-1]

    yield opener
    for notebook in opened:
        notebook.close()
