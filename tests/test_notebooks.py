"""Hygiene of the lessons: pairs, headers, outputs, alt text, exercises, and claims that can fail.

Each rule is a function that takes a lesson and returns complaints. It is tried on a small made-up
lesson that breaks it, and held against every real lesson.
"""

import ast
import builtins
import copy
import dataclasses
import functools
import itertools
import json
import re

import cases
import jupytext
import lessons
import nbformat
import numpy as np
import pytest
from lessons import loaded, stored, tags

from course_utils import check, results

TAGS = {"setup", "definition", "claim", "exercise", "check", "solution", "question", "lab", "lab-data"}
TAGS |= {"exact", "nbval-ignore-output"}
PICTURES = {"image/png", "image/jpeg", "image/gif", "image/svg+xml"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


@dataclasses.dataclass
class Lesson:
    """A notebook, its source as a notebook, and the names of all lessons."""

    name: str
    notebook: nbformat.NotebookNode
    source: nbformat.NotebookNode
    lessons: list

    @property
    def number(self):
        return int(self.name[:2])

    @property
    def is_page(self):
        """Whether it is a workshop or a page, for which the template does not hold."""
        return self.name >= lessons.PAGES

    @property
    def code(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def text(self):
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]


def read_lesson(name):
    """One of the lessons, read once: rules do not change it."""
    return Lesson(name, lessons.built(name), lessons.source(name), lessons.NAMES)


def hidden(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def head(cell):
    """The start of a cell, to find it by."""
    return repr(cell.source.strip().split("\n")[0][:60])


def tree(cell):
    return parsed(cell.source)


@functools.cache
def parsed(code):
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.Module([], [])


def outputs(cell):
    """(type, text) of all that a cell printed or showed."""
    for output in cell.get("outputs", []):
        for kind, content in output.get("data", {"text/plain": output.get("text", "")}).items():
            yield kind, content if isinstance(content, str) else json.dumps(content)


# ---- the pair and the header


def pair_agrees(lesson):
    def look(cell):
        return cell.cell_type, cell.source.rstrip("\n"), sorted(tags(cell)), hidden(cell)

    pairs = itertools.zip_longest(*(map(look, nb.cells) for nb in (lesson.source, lesson.notebook)))
    for number, (ours, theirs) in enumerate(pairs):
        if ours != theirs:
            yield f"cell {number} differs between source and notebook: build it again"
    for key in ("course", "kernelspec"):
        if lesson.source.metadata.get(key) != lesson.notebook.metadata.get(key):
            yield f"the header's {key} differs between source and notebook: build it again"


def header_is_complete(lesson):
    course = lesson.notebook.metadata.get("course", {})
    page = lesson.is_page
    for key, kind in (("title", str), ("question", str), ("minutes", int), ("seconds", int)):
        if page and key == "minutes" and key not in course:
            continue
        if not isinstance(course.get(key), kind) or not course[key]:
            yield f"the header's {key} is {course.get(key)!r}"
    if len(course.get("question") or "") > 100:
        yield f"the header's question has {len(course['question'])} characters; at most 100 fit"
    for need in course.get("needs", [] if page else ["(missing)"]):
        if need not in lesson.lessons or need >= lesson.name:
            yield f"the header needs {need}, which is no earlier lesson"
    for objective in course.get("objectives") or ([] if page else [{}]):
        if not isinstance(objective.get("say"), str) or objective.get("exercise") not in dict(
            exercises(lesson)
        ):
            yield f"the objective {objective} needs 'say', and an 'exercise' of this lesson"
    if lesson.notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernelspec is not python3"


def headings_are_there(lesson):
    found = [line for cell in lesson.text for line in re.findall(r"^#+ .*$", cell.source, flags=re.MULTILINE)]
    if sum(line.startswith("# ") for line in found) != 1 or not found[0].startswith("# "):
        yield "there must be one heading of the first level, at the top"
    after = 0
    for wanted in ("Where it breaks", "Summary", "Sources") if lesson.number and not lesson.is_page else ():
        at = [n for n, line in enumerate(found) if wanted.lower() in line.lower()]
        if not at or at[-1] < after:
            yield f"the heading {wanted!r} is missing or stands too early"
        after = max([after, *at])


def setup_comes_first(lesson):
    first = lesson.code[0] if lesson.code else None
    if first is None and lesson.is_page:
        return  # a page to read, such as the glossary
    if first is None or "setup" not in tags(first) or "check.setup()" not in first.source:
        yield "the first code cell is not the set-up, tagged 'setup'"
    elif "import keras" in first.source.split("check.setup()")[0]:
        yield "Keras is imported before check.setup()"


# ---- cells and outputs


def cells_were_run_in_order(lesson):
    counts = [cell.execution_count for cell in lesson.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the cells were not run once, in order: {counts}"


def nothing_went_wrong(lesson):
    for cell in lesson.code:
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{head(cell)} shows a traceback: {output.ename}"
            if output.get("name") == "stderr":
                yield f"{head(cell)} wrote to stderr: {output.text[:80]!r}"


def nothing_is_left_over(lesson):
    if "widgets" in lesson.notebook.metadata:
        yield "the notebook keeps widget state"
    for cell in lesson.code:
        if any(kind == WIDGET_VIEW for kind, _ in outputs(cell)):
            yield f"{head(cell)} keeps a widget view"
        if "execution" in cell.metadata:
            yield f"{head(cell)} keeps execution times"
    for cell in lesson.text:
        if cell.get("attachments"):
            yield f"{head(cell)} keeps an attachment"


def pictures_have_alt(lesson):
    no_alt = re.compile(r"<img(?![^>]*\balt=(\"[^\"]*\w[^\"]*\"|'[^']*\w[^']*'))[^>]*", flags=re.IGNORECASE)
    for cell in lesson.code:
        for output in cell.outputs:
            data = output.get("data", {})
            if PICTURES & set(data) and "<img" not in "".join(data.get("text/html", "")):
                yield f"{head(cell)} shows a picture without text/html that carries its alt"
            if no_alt.search("".join(data.get("text/html", ""))):
                yield f"{head(cell)} shows an <img> without alt"
    for cell in lesson.text:
        if re.search(r"!\[\s*\]", cell.source) or no_alt.search(cell.source):
            yield f"{head(cell)} has a picture without alt"


def cells_are_short_and_plain(lesson):
    for cell in lesson.code:
        if cell.source.strip() and not tree(cell).body:
            yield f"{head(cell)} is not plain Python"
        most = 40 if tags(cell) & {"lab", "check"} else 25
        if len(cell.source.splitlines()) > most:
            yield f"{head(cell)} has {len(cell.source.splitlines())} lines; at most {most} are read in one go"


def tags_are_known(lesson):
    for cell in lesson.notebook.cells:
        if tags(cell) - TAGS:
            yield f"{head(cell)} has unknown tags {sorted(tags(cell) - TAGS)}"
        if "solution" in tags(cell) and not hidden(cell):
            yield f"{head(cell)} is a solution that is not hidden"
        if "solution" in tags(cell) and not cell.source.startswith("# Solution\n"):
            yield f"{head(cell)} shows its first line although folded: let it be '# Solution'"
        if "check" in tags(cell) and not hidden(cell):
            yield f"{head(cell)} is a check that is not hidden"
    for cell in lesson.code:
        if "nbval-ignore-output" in tags(cell) and tags(cell) & {"exercise", "solution", "claim"}:
            yield f"{head(cell)} is tagged nbval-ignore-output, so that nobody would see its verdict change"
        if calls(cell, "claim") and "claim" not in tags(cell):
            yield f"{head(cell)} makes a claim without the tag 'claim'"
    ignored = sum("nbval-ignore-output" in tags(cell) for cell in lesson.code)
    if 4 * ignored > len(lesson.code):
        yield f"{ignored} of {len(lesson.code)} cells are tagged nbval-ignore-output: more than a quarter"


NUMBER = re.compile(r"(?<![\w.])(\d*\.\d+)(?:e[-+]?\d+)?(?![\w./])")


def digits_hang_on_no_processor(lesson):
    """What is compared shows at most three significant digits, unless they are exact.

    Exact are those that stand in the source, that come from a stored table, or that an author calls so.
    """
    tables = {node.targets[0].id for node in loading(lesson)}
    for cell in lesson.code:
        names = loaded(tree(cell)) | stored(tree(cell))
        if tags(cell) & {"nbval-ignore-output", "exact"} or tables & names:
            continue
        shown = [text for kind, text in outputs(cell) if kind == "text/plain"]
        found = {match[0]: match[1] for text in shown for match in NUMBER.finditer(text)}
        for number, digits in found.items():
            if len(digits.replace(".", "").lstrip("0")) > 3 and number not in cell.source:
                yield f"{head(cell)} prints {number}, which another processor may alter: round or tag it"


def file_is_small(lesson):
    size = len(nbformat.writes(lesson.notebook).encode())
    if size > 2_000_000:
        yield f"the notebook has {size:,} bytes; at most 2,000,000 are good to clone"


def nothing_private_is_shown(lesson):
    path = re.compile(
        r"(?<![\w.:/<-])/(home|Users|work|tmp|root|usr|opt|var|mnt|private)/\w|\b[A-Z]:\\\w|file://"
    )
    host = re.compile(r"pypi\.org|pythonhosted\.org|anaconda\.(org|com)|npmjs\.org|--(extra-)?index-url")
    for cell in lesson.notebook.cells:
        shown = [text for kind, text in outputs(cell) if kind not in PICTURES]
        for text in [cell.source, *(re.sub(r"base64,[\w+/=]+", "", text) for text in shown)]:
            for found in (path.search(text), host.search(text)):
                if found:
                    yield f"{head(cell)} shows {text[found.start() : found.start() + 40]!r}"


# ---- exercises


def exercises(lesson):
    """[(number, name of the check function), ...] as in ``@check.exercise("04.1", ...)``."""
    found = []
    for cell in lesson.code:
        for node in tree(cell).body:
            for mark in getattr(node, "decorator_list", []):
                if isinstance(mark, ast.Call) and getattr(mark.func, "attr", "") == "exercise":
                    found.append((mark.args[0].value, node.name))
    return found


def calls(cell, name):
    """The calls of a function in a cell, whether as ``name(...)`` or ``check.name(...)``."""
    nodes = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
    return [node for node in nodes if name in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))]


def exercises_are_whole(lesson):
    found = exercises(lesson)
    if lesson.number and not lesson.is_page and len(found) < 5:
        yield f"there are {len(found)} exercises; a lesson has at least five"
    if len(dict(found)) < len(found):
        yield f"a number is given twice: {[number for number, _ in found]}"
    for number, function in found:
        if number[:2] != lesson.name[:2] and not lesson.is_page:  # a workshop keeps those of its lesson
            yield f"exercise {number} has the number of another lesson"
        yield from (
            f"exercise {number}: {problem}" for problem in exercise_problems(lesson, number, function)
        )


def exercise_problems(lesson, number, function):
    cells = lesson.notebook.cells

    def says(cell, pattern):
        return any(
            re.search(pattern, text, re.MULTILINE) for kind, text in outputs(cell) if kind == "text/plain"
        )

    def places(kind, test):
        return [n for n, cell in enumerate(cells) if cell.cell_type == kind and test(cell)]

    prompt = places("markdown", lambda cell: re.search(rf"\b{re.escape(number)}\b", cell.source))
    stub = places("code", lambda cell: "exercise" in tags(cell) and calls(cell, function))
    solution = places("code", lambda cell: "solution" in tags(cell) and calls(cell, function))
    if len(stub) != 1 or len(solution) != 1:
        yield f"{len(stub)} stubs and {len(solution)} solutions call {function}; there must be one of each"
        return
    stub, solution = stub[0], solution[0]
    if not prompt or prompt[0] > stub:
        yield f"no text before the stub names {number}"
    elif not places(
        "markdown", lambda cell: "<details>" in cell.source and cell in cells[prompt[0] : solution]
    ):
        yield "there is no hint in <details>"
    if solution < stub:
        yield "the solution comes before the stub"
    if not says(cells[stub], rf"^Exercise {re.escape(number)} .*: (not attempted|not yet)(:|$)"):
        yield "the stub does not say 'not attempted' or 'not yet'"
    if not says(cells[solution], rf"^Solution of {re.escape(number)}: passes its check$"):
        yield "the solution does not pass its check"
    for call in calls(cells[solution], function):
        if not any(k.arg == "record" and getattr(k.value, "value", None) is False for k in call.keywords):
            yield "the solution is checked without record=False"
    for call in calls(cells[stub], function):
        if call.keywords:
            yield "the stub's check has options; the learner's progress would be lost"


def handout_can_be_run(lesson):
    """Without the solutions, no cell takes a name that only a solution gives."""
    kept = [cell for cell in lesson.code if "solution" not in tags(cell)]
    given = set().union(*(stored(tree(cell)) for cell in kept))
    taken_away = set().union(*(stored(tree(cell)) for cell in lesson.code if cell not in kept)) - given
    for cell in kept:
        missing = taken_away & loaded(tree(cell))
        if missing:
            yield f"{head(cell)} takes {', '.join(sorted(missing))} from a solution, which handouts lack"


RULES = [
    pair_agrees,
    header_is_complete,
    headings_are_there,
    setup_comes_first,
    cells_were_run_in_order,
    nothing_went_wrong,
    nothing_is_left_over,
    pictures_have_alt,
    cells_are_short_and_plain,
    tags_are_known,
    digits_hang_on_no_processor,
    file_is_small,
    nothing_private_is_shown,
    exercises_are_whole,
    handout_can_be_run,
]
by_name = {"argvalues": RULES, "ids": lambda rule: rule.__name__}
LESSONS = lessons.NAMES


def test_there_are_lessons_and_each_has_its_pair():
    assert sorted(path.stem for path in lessons.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")) == LESSONS
    assert LESSONS


def test_no_exercise_has_the_number_of_another_one():
    given = [number for name in LESSONS for number, _ in exercises(read_lesson(name))]
    assert sorted(given) == sorted(set(given))


@pytest.mark.parametrize("rule", **by_name)
@pytest.mark.parametrize("name", LESSONS)
def test_lesson(name, rule):
    assert list(rule(read_lesson(name))) == []


# ---- claims: run apart from their lessons, in worlds where the numbers are others


class Unknown(float):
    """Stands for what a claim takes from the lesson: a number, a dict of numbers, an array, a function.

    Whatever is looked up in it is another such number; ``world`` says which, given the way to it.
    """

    def __new__(cls, world, path=()):
        self = super().__new__(cls, world(path))
        self.world, self.path = world, path
        return self

    def __getitem__(self, key):
        return Unknown(self.world, (*self.path, str(key)))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __call__(self, *args, **kwargs):
        return self[str((args, kwargs))] if args or kwargs else self

    def __iter__(self):
        return iter([self["first"], self["second"]])


def number_worlds():
    """Worlds for live numbers: all alike (none, huge, below zero), and all different, rising or falling."""
    for same in (0.0, 1e6, -1e6):
        yield lambda path, same=same: same
    for step in (1e3, -1e3):
        seen = {}
        yield lambda path, step=step, seen=seen: step * seen.setdefault(path, len(seen) + 1)


def row_worlds(rows):
    """Rows in which no model differs from the mean, or in which each has another model's numbers."""
    numbers = [{k: v for k, v in row.items() if isinstance(v, (int, float, list))} for row in rows]
    keys = set().union(*numbers)
    alike = {key: float(np.mean([np.mean(row[key]) for row in numbers if key in row])) for key in keys}
    yield [
        {**row, **{k: [alike[k]] * len(v) if isinstance(v, list) else alike[k] for k, v in own.items()}}
        for row, own in zip(rows, numbers)
    ]
    for shift in range(1, len(rows)):
        yield [
            {**row, **{k: rows[n - shift].get(k, row[k]) for k in numbers[n]}} for n, row in enumerate(rows)
        ]


def loading(lesson):
    """The assignments of a lesson that load tables from data/results/."""
    assigned = [node for cell in lesson.code for node in tree(cell).body if isinstance(node, ast.Assign)]
    return [node for node in assigned if "results.load(" in ast.unparse(node.value)]


def loaded_tables(lesson):
    """Name -> what ``name = results.load("...")`` gives in the lesson."""
    given = {node.targets[0].id: ast.unparse(node.value) for node in loading(lesson)}
    return {name: eval(code) for name, code in given.items() if code.startswith("results.load(")}


def free_names(code):
    """The names that code takes from outside."""
    return loaded(code) - stored(code) - set(dir(builtins)) - {"np", "check"}


def judged(code, tables, world):
    """Run a cell; the number of each claim -> whether it held."""
    held = []

    class Judge:
        expect_error = staticmethod(check.expect_error)

        @staticmethod
        def claim(*args, **kwargs):
            try:
                check.claim(*args, **kwargs)
                held.append(True)
            except check.ClaimFailed:
                held.append(False)

    space = {name: tables.get(name) or Unknown(world, (name,)) for name in free_names(code)}
    exec(compile(code, "<claim>", "exec"), {**space, "np": np, "check": Judge})
    return dict(enumerate(held))


def never_fails(code, tables):
    """The claims of a cell that hold in every world tried, so that they say nothing."""
    worlds = [(tables, world) for world in number_worlds()]
    for name in tables.keys() & free_names(code):
        for rows in row_worlds(tables[name].rows):
            changed = copy.copy(tables[name])
            object.__setattr__(changed, "rows", rows)
            tuning = tables[name].provenance["tuning"].items()
            apart = {model: {peak: n for n, peak in enumerate(scores)} for model, scores in tuning}
            object.__setattr__(changed, "provenance", {**changed.provenance, "tuning": apart})
            worlds.append(({**tables, name: changed}, lambda path: 0.0))
    runs = [judged(code, *world) for world in worlds]
    return sorted(n for n in runs[0] if all(run.get(n, True) for run in runs)) if runs[0] else ["no claim"]


LAB_CELLS = {"setup", "definition", "lab", "lab-data"}  # those that tests/browser/screenshots.py keeps


def names_a_lab_lacks(cells):
    """The names that these cells take from others of the lesson, so that its labs cannot be opened alone."""
    known, lacking = set(dir(builtins)), set()
    for code in cells:
        known |= stored(code)
        lacking |= loaded(code) - known
    return lacking


@pytest.mark.parametrize("name", LESSONS)
def test_the_cells_of_labs_need_no_other_cell(name):
    cells = [cell for cell in read_lesson(name).source.cells if cell.cell_type == "code"]
    assert names_a_lab_lacks([cell.source for cell in cells if LAB_CELLS & tags(cell)]) == set()


def test_a_lab_that_needs_another_cell_is_found():
    assert names_a_lab_lacks(["import math\ndef area(r): return math.pi * r**2 * scale"]) == {"scale"}


@pytest.mark.parametrize("name", LESSONS)
def test_every_claim_can_fail_and_those_about_tables_hold(name):
    lesson = read_lesson(name)
    tables = loaded_tables(lesson)
    for code in [cell.source for cell in lesson.code if "claim" in tags(cell)]:
        assert never_fails(code, tables) == [], code
        if free_names(code) <= tables.keys():
            assert all(judged(code, tables, None).values()), code


# ---- the rules themselves, on a small lesson


SMALL = (cases.FOLDER / "notebooks_lesson.txt").read_text(encoding="utf-8")


def small_lesson():
    """A lesson that keeps every rule."""
    source = jupytext.reads(SMALL, fmt="py:percent")
    lesson = Lesson("04_video", source, source, ["03_joining", "04_video"])
    for count, cell in enumerate(lesson.code, 1):
        cell.execution_count, shows = count, cell.metadata.pop("shows", None)
        cell.outputs = [nbformat.v4.new_output("display_data", shows)] if shows else []
    lesson.source = copy.deepcopy(source)
    return lesson


def at(lesson, wanted):
    """The first cell with a tag, or else with a text."""
    cells = lesson.notebook.cells
    return next(c for c in cells if (wanted in tags(c) if wanted in TAGS else wanted in c.source))


@pytest.mark.parametrize(("rule", "code", "told"), cases.of_rules("notebooks", RULES))
def test_a_rule_sees_what_breaks_it(rule, code, told):
    lesson = small_lesson()
    assert list(rule(lesson)) == []
    metadata = lesson.notebook.metadata
    own = {"at": functools.partial(at, lesson), "cells": lesson.notebook.cells, "lesson": lesson}
    eval(code, {**globals(), **own, "metadata": metadata, "course": metadata.course})
    assert told in "\n".join(rule(lesson))


TABLE = results.load("00_some", cases.FOLDER)
CLAIMS = [  # code of a cell, its claims that hold in every world
    ('check.claim("x", table.mean("ours", "digit") - table.mean("rival", "digit"), above=0.1)', []),
    ('tried = table.provenance["tuning"]["ours"]\ncheck.claim("x", tried["0.002"], above=0.9)', []),
    ('top = max(table.rows, key=lambda r: r["digit"])\ncheck.claim("x", top["parameters"], equals=100)', []),
    ('check.claim("x", live["ours"]["motion"] - live["rival"]["motion"], below=0.1)', []),
    ('check.claim("x", error, above=-1e300)\ncheck.claim("y", error, above=0)', [0]),
    ('check.claim("x", table.mean("ours", "digit"), below=2)', [0]),
    ("score = 0.91", ["no claim"]),
]


@pytest.mark.parametrize(("code", "idle"), CLAIMS)
def test_a_claim_that_cannot_fail_is_found(code, idle):
    assert never_fails(code, {"table": TABLE}) == idle
