"""The lessons as the tests read them: every file once, so a test changes only its own copy."""

import dis
import functools
import types
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


def loaded(code):
    """The global names that code reads, in its functions too."""
    code = code if isinstance(code, types.CodeType) else compile(code, "cell", "exec")
    own = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    return own.union(*(loaded(part) for part in code.co_consts if isinstance(part, types.CodeType)))


def stored(code):
    """The global names that code gives."""
    code = code if isinstance(code, types.CodeType) else compile(code, "cell", "exec")
    return {i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_NAME", "STORE_GLOBAL")}
