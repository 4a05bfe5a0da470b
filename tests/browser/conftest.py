"""A JupyterLab server for all browser tests, started on a copy of the lessons."""

import os
import shutil
from functools import partial

import pytest
from jupyter import COURSE, Notebook, browser, chromium, server, write
from live_page import LivePage


def pytest_collection_modifyitems(items):
    if chromium() is None and os.environ.get("CI") != "true":
        for item in items:
            if item.path.is_relative_to(COURSE / "tests" / "browser"):
                item.add_marker(
                    pytest.mark.skip(reason="There is no Chromium on this machine (apt install chromium).")
                )


@pytest.fixture(scope="session")
def chrome():
    """The browser of all tests."""
    if chromium() is None:
        pytest.fail(
            "There is no Chromium on this machine: the browser tests need one (apt install chromium)."
        )
    with browser() as made:
        yield made


@pytest.fixture(scope="session")
def jupyterlab(chrome, tmp_path_factory):
    """(browser, address, token, folder) of a JupyterLab whose notebooks and settings are all temporary."""
    home, folder = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("lessons")
    for lesson in (COURSE / "notebooks").glob("*.ipynb"):
        shutil.copy(lesson, folder)
    if (COURSE / "notebooks" / "images").exists():
        shutil.copytree(COURSE / "notebooks" / "images", folder / "images")
    with server(folder, home) as (address, token):
        yield chrome, address, token, folder


OPENED = []  # the notebooks and the pages of the book that are open


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Whatever a test asserts, it fails when a page's console or a widget's callback told of an error."""
    try:
        return (yield)
    finally:
        problems = [problem for notebook in OPENED for problem in notebook.new_problems()]
        assert not problems, "\n\n".join(["The page or the kernel told of errors:", *problems])


def _opening(make):
    def opener(*given, **more):
        OPENED.append(make(*given, **more))
        return OPENED[-1]

    before = len(OPENED)
    yield opener
    while len(OPENED) > before:
        OPENED.pop().close()


def _notebooks(jupyterlab):
    def make(name, cells=None, **size):
        if cells is not None:
            write(jupyterlab[3] / name, cells)
        return Notebook(*jupyterlab[:3], name, **size)

    return _opening(make)


@pytest.fixture
def open_cells(jupyterlab):
    """Opens a notebook of these cells, or the one of that name; page and kernel are closed afterwards."""
    yield from _notebooks(jupyterlab)


@pytest.fixture(scope="module")
def open_for_all(jupyterlab):
    """The same for all tests of a module: what they open stays open until the last has run."""
    yield from _notebooks(jupyterlab)


@pytest.fixture
def open_live(chrome):
    """Opens a page with a live lab: its name, its data and, if need be, a state to begin with."""
    yield from _opening(partial(LivePage, chrome))


@pytest.fixture
def open_lesson(open_cells):
    """Opens a lesson by name."""

    def opener(name, **size):
        if not (COURSE / "notebooks" / name).exists():
            pytest.fail(f"notebooks/{name} is missing: build it with `make notebooks`")
        return open_cells(name, **size)

    return opener
