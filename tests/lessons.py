"""The lessons as the tests read them: every file once, so a test changes only its own copy."""

import functools
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SOURCES = NOTEBOOKS / "source"
NAMES = sorted(path.stem for path in SOURCES.glob("[0-9][0-9]_*.py"))
PAGES = "90"  # from this number on no lessons, but workshops and pages to look things up in


@functools.cache
def source(name):
    """The source of a lesson as a notebook."""
    return jupytext.read(SOURCES / f"{name}.py")


@functools.cache
def built(name):
    """The notebook built from it."""
    return jupytext.read(NOTEBOOKS / f"{name}.ipynb")


def tags(cell):
    return set(cell.metadata.get("tags", []))
