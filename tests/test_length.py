"""How long the lessons are, and where they can be left: counted, not guessed.

    python tests/test_length.py          # minutes, words and cells of every lesson
    python tests/test_length.py 03       # of lesson 03, section by section

What is optional or folded away is left out: cells tagged `check` or `solution`, what is within <details>, and
sections whose heading says "Optional:".
"""

import dataclasses
import re
import sys

import cases
import jupytext
import lessons
import pytest
from lessons import tags

MOST = {"minutes": 120, "words": 5000, "cells": 110}
STRETCH = 45  # minutes from one stop to the next
STOP = re.compile(r"^\*\*Stop here if you like\*\* \(about (\d+) minutes so far\)\.\n?$", re.MULTILINE)


@dataclasses.dataclass
class Part:
    """What stands in one cell, or in the part of a text from one heading or stop to the next."""

    cell: int
    section: str = ""  # the heading of the second level above it
    optional: bool = False
    words: int = 0
    minutes: float = 0.0
    exercise: bool = False
    stop: int | None = None  # it begins with a stop, which says this many minutes
    says: int | None = None  # it begins an optional section, which says this many minutes; 0: none


def of_code(cell):
    """The minutes that a code cell takes: its lines, unless folded; a figure; a lab; an exercise."""
    lines = [line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")]
    seen = 0 if cell.metadata.get("jupyter", {}).get("source_hidden") else len(lines)
    figure, lab, exercise = "plotting." in cell.source, "lab" in tags(cell), "exercise" in tags(cell)
    return seen / 12 + 0.6 * figure + 20 * lab + 8 * exercise


def parts(notebook):
    """The parts of a lesson that are read, in order."""
    section, optional = "", 0  # the level of the heading that makes it optional
    for number, cell in enumerate(notebook.cells):
        if tags(cell) & {"check", "solution"}:
            continue
        if cell.cell_type == "code":
            yield Part(number, section, optional > 0, 0, of_code(cell), "exercise" in tags(cell))
            continue
        text = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.DOTALL)
        for said in re.split(r"^(?=#{2,} |\*\*Stop here)", text, flags=re.MULTILINE):
            heading, says = re.match(r"(#{2,}) (.*)\n*(.*)", said), None
            if heading:
                level = len(heading[1])
                section = heading[2] if level == 2 else section
                optional = 0 if level <= optional else optional
                if not optional and "Optional:" in heading[2]:
                    optional, told = level, re.search(r"[Aa]bout (\d+) minutes", heading[3])
                    says = int(told[1]) if told else 0
            words, stop = len(said.split()), STOP.match(said)
            minutes = words / 200 + 1.5 * said.count("*Predict")
            told = int(stop[1]) if stop else None
            if words:
                yield Part(number, section, optional > 0, words, minutes, False, told, says)


def count(found):
    """Minutes, words and cells of some parts."""
    return {
        "minutes": sum(part.minutes for part in found),
        "words": sum(part.words for part in found),
        "cells": len({part.cell for part in found}),
    }


# ---- the rules: each takes a notebook and returns complaints


def is_near(said, counted):
    return abs(said - counted) <= max(0.1 * counted, 2.5)  # half of the 5 to which one rounds


def limits_are_kept(notebook):
    for key, number in count([part for part in parts(notebook) if not part.optional]).items():
        if number > MOST[key]:
            yield f"{number:.0f} {key}; a lesson has at most {MOST[key]}"


def minutes_are_honest(notebook):
    counted = count([part for part in parts(notebook) if not part.optional])["minutes"]
    header = notebook.metadata["course"]["minutes"]
    if not is_near(header, counted):
        yield f"the header says {header} minutes, and {counted:.0f} are counted"
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for said in re.findall(r"need about (\d+)\s+minutes", text):
        if int(said) != header:
            yield f"the text says {said} minutes, the header {header}"
    sections = {part.section: part.says for part in parts(notebook) if part.says is not None}
    for section, said in sections.items():
        inside = [part for part in parts(notebook) if part.optional and part.section == section]
        if not is_near(said, count(inside)["minutes"]):
            yield f"{section!r} says {said} minutes, and {count(inside)['minutes']:.0f} are counted"


def stops_are_near(notebook):
    so_far = last = 0.0
    end = Part(-1, "the end", stop=0)
    for part in [*(part for part in parts(notebook) if not part.optional), end]:
        if part.stop is not None:
            if so_far - last > STRETCH:
                yield f"{so_far - last:.0f} minutes without a stop, before {part.section!r} is over"
            if part is not end and not is_near(part.stop, so_far):
                yield f"a stop says {part.stop} minutes so far, and {so_far:.0f} are counted"
            last = so_far
        so_far += part.minutes
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if text.count("**Stop here") != len(STOP.findall(text)):
        yield "a stop is a line of its own: **Stop here if you like** (about 40 minutes so far)."


def exercises_stand_where_they_belong(notebook):
    places = [part.section for part in parts(notebook) if part.exercise]
    for section in sorted(set(places)):
        if re.search(r"\bexercises?$", section.lower()):
            yield f"{section!r} is a section of exercises: let each follow what it assesses"
        if places.count(section) > (len(places) + 1) // 2:
            yield f"{places.count(section)} of {len(places)} exercises stand in {section!r}"


RULES = [limits_are_kept, minutes_are_honest, stops_are_near, exercises_stand_where_they_belong]
LESSONS = [name for name in lessons.NAMES if name < lessons.PAGES]


def complaints(notebook):
    return [complaint for rule in RULES for complaint in rule(notebook)]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_as_short_as_it_says(name):
    assert complaints(lessons.source(name)) == []


# ---- the counting and the rules themselves, on a small lesson

SMALL = (cases.FOLDER / "length_lesson.txt").read_text(encoding="utf-8")  # it keeps every rule


def small(old="", new=""):
    assert old in SMALL
    return jupytext.reads(SMALL.replace(old, new, 1), fmt="py:percent")


def test_what_is_counted():
    needed = [part for part in parts(small()) if not part.optional]
    assert count(needed)["cells"] == 10
    assert sum(part.words for part in needed) == 18 + 4 + 10 + 5 + 4
    lines = 3 / 12 + 2 / 12  # no comment, nothing folded
    assert count(needed)["minutes"] == pytest.approx(41 / 200 + 1.5 + lines + 0.6 + 20 + 3 * 8)
    optional = [part for part in parts(small()) if part.optional]
    assert {part.section for part in optional} == {"3 · Optional: more"}
    assert count(optional)["minutes"] == pytest.approx(20 + 11 / 200 + 1 / 12)


@pytest.mark.parametrize(("rule", "code", "told"), cases.of_rules("length", RULES))
def test_a_rule_sees_what_breaks_it(rule, code, told):
    assert list(rule(small())) == []
    assert told in "\n".join(rule(eval(code)))


# ---- for authors


def tell(names):
    """Print what is counted: of each lesson, or section by section of the one that is named."""
    for name in [name for name in LESSONS if name.startswith(tuple(names) or "")]:
        notebook = lessons.source(name)
        found = list(parts(notebook))
        rows = [(name, [part for part in found if not part.optional])]
        if names:
            sections = dict.fromkeys(part.section for part in found)
            rows += [(f"  {title}", [part for part in found if part.section == title]) for title in sections]
        for title, inside in rows:
            counted = count(inside)
            print(f"{title:50.50} " + "  ".join(f"{counted[key]:5.0f} {key}" for key in MOST))
        for complaint in complaints(notebook):
            print(f"    {complaint}")


if __name__ == "__main__":
    tell(sys.argv[1:])
