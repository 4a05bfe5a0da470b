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


def needed(all_statements, answers):
    """The statements that the answers and the checks need, in order."""
    given, chosen = stored(answers) | {"right", "wrong"}, set()
    makes = [stored(code) for code, _ in all_statements]

    def want(names, before):
        for name in names - given:
            makers = [n for n, made in enumerate(makes) if name in made]
            earlier = [n for n in makers if n < before]
            for maker in earlier[-1:] or makers[:1]:  # a function may use what comes after it
                if maker not in chosen:
                    take(maker)

    def take(number):
        chosen.add(number)
        want(loaded(all_statements[number][0]), number)

    want(loaded(answers), len(all_statements))
    for number, (_, is_check) in enumerate(all_statements):
        if is_check:
            take(number)
    return [all_statements[number][0] for number in sorted(chosen)]
