"""The glossary, and every relative link of the course, against what is really there.

Where a link into a lesson goes was tried in JupyterLab 4.6. It gives each heading the name "its text, with
- for each space", and looks for the part of the link behind # as the browser spells it. The browser spells
anything but plain ASCII in percent signs, which JupyterLab does not undo: a heading with a · cannot be
reached. Hence the ``<a id="gates"></a>`` above such headings, whose names can.
"""

import dataclasses
import functools
import itertools
import os
import re
import urllib.parse
from pathlib import Path

import cases
import jupytext
import lessons
import nbformat
import pytest
from lessons import PAGES, ROOT

START, GLOSSARY = "00_start_here", "91_glossary"
COLUMNS = ["Term", "Symbol", "Shape or unit", "In a sentence", "Lesson"]
ANCHOR = re.compile(r'<a id="([^"]*)"></a>')


# ---- lessons, their sections and what can be linked to


@dataclasses.dataclass
class Section:
    """From a heading to the next one that is not below it."""

    level: int
    title: str
    text: str
    number: str  # of the section, or the one around it: "6" of "## 6 · The lab"


@dataclasses.dataclass
class Lesson:
    name: str
    notebook: nbformat.NotebookNode

    @property
    def markdown(self):
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "markdown"]

    @property
    def text(self):
        return "\n".join(cell.source for cell in self.notebook.cells)

    @functools.cached_property
    def lines(self):
        """(line, whether it can be a heading or an anchor), over all cells."""
        found = []
        for cell in self.notebook.cells:
            fenced = False
            for line in cell.source.split("\n"):
                fenced ^= line.startswith("```")
                found.append((line, cell.cell_type == "markdown" and not fenced))
        return found

    def headings(self):
        """(number of the line, level, title as shown)."""
        for n, (line, can_be) in enumerate(self.lines):
            if can_be and (found := re.match(r"(#+) +(.*?)\s*$", line)):
                yield n, len(found[1]), re.sub(r"[*`]", "", found[2])

    @functools.cached_property
    def targets(self):
        """Name behind the # of a link -> the section where it leads, for all that JupyterLab finds."""
        found, number, above = {}, "", []
        headings = list(self.headings())
        for k, (n, level, title) in enumerate(headings):
            if level == 2:
                number = (re.match(r"(\d+) ·", title) or [""])[0].split(" ")[0]
            end = next((m for m, other, _ in headings[k + 1 :] if other <= level), len(self.lines))
            text = "\n".join(line for line, _ in self.lines[n:end])
            section = Section(level, title, text, number)
            above = [line for line, can_be in self.lines[max(0, n - 2) : n] if can_be]
            names = [name for line in above for name in ANCHOR.findall(line)]
            for name in [title.replace(" ", "-"), *names]:
                if as_the_browser_spells(name) == name:
                    found.setdefault(name, section)
        return found

    def anchors(self):
        return [name for line, can_be in self.lines if can_be for name in ANCHOR.findall(line)]


def as_the_browser_spells(fragment):
    """The part behind # as ``location.hash`` gives it."""
    return urllib.parse.quote(fragment, safe="!#$%&'()*+,-./:;=?@[\\]^_{|}~")


@functools.cache
def read_course():
    """Name -> lesson, from the sources."""
    return {name: Lesson(name, lessons.source(name)) for name in lessons.NAMES}


# ---- the glossary


@dataclasses.dataclass
class Row:
    table: str
    cells: list
    definitions: dict  # label of a link -> where it goes

    @property
    def term(self):
        return self.cells[0]

    @property
    def link(self):
        """(lesson, number of the section, where the link goes) or None where the last column is no link."""
        found = re.fullmatch(r"\[(\d\d) · (\d+)\](?:\[([^\]]+)\])?", self.cells[-1])
        return found and (found[1], found[2], self.definitions.get(found[3] or found[0][1:-1], ""))


def glossary(lesson):
    """The rows of all tables; each stands under a heading of its own."""
    found, table = [], ""
    for said in lesson.markdown:
        definitions = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", said, re.M))
        for line in said.split("\n"):
            if line.startswith("## "):
                table = line[3:]
            elif line.startswith("|"):
                found.append(
                    Row(table, [cell.strip() for cell in line.strip("| ").split(" | ")], definitions)
                )
    return found


def terms(rows):
    return [row for row in rows if row.cells != COLUMNS and set("".join(row.cells)) - set("-|")]


def rows_are_whole(rows, course):
    for table in {row.table for row in rows}:
        if sum(row.table == table and row.cells == COLUMNS for row in rows) != 1:
            yield f"the table {table} has not the columns {COLUMNS}"
    for row in terms(rows):
        if len(row.cells) != len(COLUMNS) or not all(row.cells):
            yield f"{row.term!r} has not {len(COLUMNS)} filled columns: {row.cells}"


def terms_are_unique_and_sorted(rows, course):
    names = [row.term.lower() for row in terms(rows)]
    yield from (f"{name!r} stands there twice" for name in sorted(set(names)) if names.count(name) > 1)
    for table in {row.table for row in rows}:
        inside = [row.term.lower() for row in terms(rows) if row.table == table]
        for one, other in itertools.pairwise(inside):
            if one > other:
                yield f"{other!r} stands behind {one!r}; the order is that of the alphabet"


def sentences_are_short(rows, course):
    for row in terms(rows):
        said = row.cells[3]
        if len(said.split()) > 20 or not said.endswith("."):
            yield f"{row.term!r}: one sentence of at most 20 words, not {said!r}"


def links_lead_to_their_section(rows, course):
    ready = {name[:2] for name in course}
    for row in terms(rows):
        if row.link is None:
            planned = re.fullmatch(r"(\d\d), planned", row.cells[-1])
            if not planned or planned[1] in ready:
                yield f"{row.term!r} has no link, and no planned lesson: {row.cells[-1]!r}"
            continue
        (lesson, number, target), found = row.link, linked(row, course)
        section = found and found[1].number
        if not target.startswith(lesson):
            yield f"{row.term!r} says lesson {lesson}, and links to {target!r}"
        elif section != number:  # `test_links_of_a_lesson` tells of links that lead nowhere
            yield f"{row.term!r} says section {number}, and {target} is in section {section}"


def linked(row, course):
    """The lesson and the section that a row links to, or None."""
    file, _, fragment = row.link[2].partition("#") if row.link else ("", "", "")
    lesson = course.get(file.removesuffix(".ipynb"))
    return (lesson, lesson.targets[fragment]) if lesson and fragment in lesson.targets else None


def says(text, term):
    """Whether a text has a term, in the singular or the plural, also as one name of Keras."""
    words = [re.escape(re.sub(r"s$", "", word)) + "(?:s|es)?" for word in term.lower().split()]
    return re.search(r"\b" + r"[\s_*`#]+".join(words) + r"\b", text.lower().replace("_", " ")) is not None


def terms_are_in_their_section(rows, course):
    for row in terms(rows):
        found = linked(row, course)
        parts = re.split(r", | and ", re.sub(r"\(.*?\)", "", row.term).strip()) if found else []
        for part in parts:
            if not says(found[1].text, part):
                yield f"{part!r} is not in {found[0].name}, section {found[1].title!r}"


def symbols_are_in_their_lesson(rows, course):
    for row in terms(rows):
        found = linked(row, course)
        formulas = " ; ".join(re.findall(r"\$\$?(.+?)\$\$?", "\n".join(found[0].markdown))) if found else ""
        for sign, name in re.findall(r"\$(.+?)\$|`(.+?)`", row.cells[1]) if found else []:
            if sign and not re.search(rf"(?<![A-Za-z\\]){re.escape(sign)}(?![A-Za-z])", formulas):
                yield f"{row.term!r}: {found[0].name} has no formula with ${sign}$"
            if name and not re.search(rf"\b{re.escape(name)}\b", found[0].text):
                yield f"{row.term!r}: {found[0].name} does not say {name}"
        if row.cells[1] != "–" and not re.search(r"\$.+\$|`.+`", row.cells[1]):
            yield f"{row.term!r} has the symbol {row.cells[1]!r}: a formula, code, or –"


RULES = [
    rows_are_whole,
    terms_are_unique_and_sorted,
    sentences_are_short,
    links_lead_to_their_section,
    terms_are_in_their_section,
    symbols_are_in_their_lesson,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_glossary(rule):
    course = read_course()
    assert list(rule(glossary(course[GLOSSARY]), course)) == []


def test_the_glossary_is_a_page_not_a_book():
    assert 60 <= len(terms(glossary(read_course()[GLOSSARY]))) <= 130


def test_the_list_of_lessons_under_the_map_has_them_all():
    text = read_course()[START].text
    listed = re.findall(r"^\| (\d\d) \| \[(.+?)\]\((\w+)\.ipynb\) \|", text, re.M)
    after = [item for item in read_course().items() if START < item[0] < PAGES]
    assert listed == [(name[:2], lesson.notebook.metadata.course.title, name) for name, lesson in after]


# ---- every relative link


def without_code(text):
    return re.sub(r"^```.*?^```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$|^    .*?$", "", text, flags=re.M | re.S)


def links(text):
    """Where the links and pictures of one markdown text go; a label without a definition gives None."""
    text = without_code(text)
    definitions = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.M))
    yield from re.findall(r"\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)", text)
    yield from re.findall(r"(?:href|src)=\"([^\"]+)\"", text)
    yield from definitions.values()
    for shown, label in re.findall(r"\[([^\]\[]+)\]\[([^\]\[]*)\]", text):
        if (label or shown) not in definitions:
            yield f"[{label or shown}]"


def slug(title):
    """The name that GitHub gives a heading of a markdown file."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def broken_links(text, folder, course, root=ROOT):
    """What is wrong with the relative links of one markdown text that is read in a folder."""
    for target in links(text):
        file, _, fragment = target.partition("#")
        if target.startswith("["):
            yield f"{target} has no definition"
        elif re.match(r"[a-z]+:", target):
            continue
        elif not file:
            yield f"{target}: name the file too"
        elif file.endswith(".ipynb"):
            yield from broken_lesson_link(target, folder, course)
        elif not (path := Path(os.path.normpath(root / folder / file))).exists():  # there need be no work/
            yield f"{target} is not there, seen from {folder or 'the top'}"
        elif folder in ("notebooks", "work") and not file.startswith("../"):
            yield f"{target} is not there, seen from a copy in work/"
        elif fragment:
            headings = re.findall(r"^#+ +(.*?)\s*$", path.read_text(encoding="utf-8"), re.M)
            if fragment not in map(slug, headings):
                yield f"{target}: no such heading"


def broken_lesson_link(target, folder, course):
    file, _, fragment = target.partition("#")
    at, name = os.path.split(os.path.normpath(os.path.join(folder, file)))
    name = name.removesuffix(".ipynb")
    if at not in ("notebooks", "work") or name not in course:
        yield f"{target} is no lesson"
    elif folder in ("notebooks", "work") and file != f"{name}.ipynb":
        yield f"{target}: a lesson links to another one in its own folder"
    elif fragment and fragment not in course[name].targets:
        hint = "write an <a id> above the heading" if not fragment.isascii() else "no such place"
        yield f"{target}: {hint}"


@pytest.mark.parametrize("folder", ["notebooks", "work"])
@pytest.mark.parametrize("name", sorted(read_course()))
def test_links_of_a_lesson(name, folder):
    course = read_course()
    found = [bad for text in course[name].markdown for bad in broken_links(text, folder, course)]
    assert found == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_a_page(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert list(broken_links(text, "", read_course())) == []


@pytest.mark.parametrize("name", sorted(read_course()))
def test_anchors_stand_once_and_above_a_heading(name):
    lesson = read_course()[name]
    assert list(loose_anchors(lesson)) == []


def loose_anchors(lesson):
    names = lesson.anchors()
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"{name} stands there twice"
        if as_the_browser_spells(name) != name:
            yield f"{name} is spelled otherwise by a browser"
        elif name not in lesson.targets:
            yield f"{name} does not stand above a heading"


# ---- the rules themselves, on a small course

SMALL = (cases.FOLDER / "glossary_page.txt").read_text(encoding="utf-8")
GATES = (cases.FOLDER / "glossary_lesson.txt").read_text(encoding="utf-8")


def small(old="", new="", gates=GATES):
    """A course of two; in its glossary, something may be replaced."""
    assert old in SMALL
    texts = {"02_lstm": gates, GLOSSARY: SMALL.replace(old, new, 1)}
    return {name: Lesson(name, jupytext.reads(text, fmt="md")) for name, text in texts.items()}


@pytest.mark.parametrize(("rule", "code", "told"), cases.of_rules("glossary", RULES))
def test_a_rule_sees_what_breaks_it(rule, code, told):
    assert list(rule(glossary(small()[GLOSSARY]), small())) == []
    course = eval(code)
    assert told in "\n".join(rule(glossary(course[GLOSSARY]), course))


def test_where_a_link_can_lead():
    text = "## 1 · A\n### Sub\n~~~\n# no\n~~~\n\n```python\n# a comment\n```\n\n## 2 · B\n### `Yes` *it* is"
    targets = Lesson("a", jupytext.reads(text.replace("~", "`"), fmt="md")).targets
    assert set(targets) == {"Sub", "Yes-it-is"}  # no name with a ·
    assert "comment" in targets["Sub"].text
    assert "Yes" not in targets["Sub"].text
    assert (targets["Sub"].number, targets["Yes-it-is"].number) == ("1", "2")


@pytest.mark.parametrize(("rule", "code", "told"), cases.of_rules("links", [broken_links, loose_anchors]))
def test_bad_links_and_anchors_are_seen(rule, code, told):
    assert told in "\n".join(rule(*eval(code)))
