"""How long the lessons are, and where they can be left: counted, not guessed.

    python tests/test_length.py          # minutes, words and cells of every lesson
    python tests/test_length.py 03       # of lesson 03, section by section

What is optional or folded away is left out: cells tagged `check` or `solution`, what is within <details>, and
sections whose heading says "Optional:".
"""

import dataclasses
import re
import sys
from pathlib import Path

import jupytext
import pytest

SOURCES = Path(__file__).resolve().parent.parent / "notebooks" / "source"
PAGES = "90"  # from this number on no lessons, but pages to look things up in
NOT_YET = {"05"}  # lessons that still break a rule; it only ever shrinks
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


def tags(cell):
    return set(cell.metadata.get("tags", []))


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
LESSONS = sorted(path.stem for path in SOURCES.glob("[0-9][0-9]_*.py") if path.stem < PAGES)


def read(name):
    return jupytext.read(SOURCES / f"{name}.py")


def complaints(notebook):
    return [complaint for rule in RULES for complaint in rule(notebook)]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_as_short_as_it_says(name):
    found = complaints(read(name))
    if name[:2] in NOT_YET:
        assert found, f"{name} keeps every rule by now: take it out of NOT_YET"
    else:
        assert found == []


# ---- the counting and the rules themselves, on a small lesson

SMALL = """# ---
# jupyter:
#   course:
#     minutes: 50
# ---

# %% [markdown]
# # 04 · Video
#
# You will need about 50 minutes. *Predict*: how many?
#
# ## 1 · Build it

# %%
# four lines are read, and a figure
model = build()

# %% tags=["lab"]
lab()

# %% tags=["check"] jupyter={"source_hidden": true}
check.exercise("04.1")

# %% [markdown]
# ### 04.1 · Shapes
#
# <details><summary>Hint</summary>
#
# Count.
#
# </details>

# %% tags=["exercise"]
answer = ...

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
answer = 3

# %% [markdown]
# **Stop here if you like** (about 30 minutes so far).
#
# ## 2 · Look inside

# %% jupyter={"source_hidden": true}
folded = 1
plotting.strip(clips)

# %% tags=["exercise"]
answer = ...

# %% tags=["exercise"]
answer = ...

# %% [markdown]
# ## 3 · Optional: more
#
# This section takes about 20 minutes.

# %% tags=["lab"]
lab()

# %% [markdown]
# ## 4 · Summary
"""


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


def test_the_small_lesson_keeps_every_rule():
    assert complaints(small()) == []


BROKEN = [
    (limits_are_kept, "model = build()", "model = build()\n" * 1000, "minutes; a lesson has at most 120"),
    (limits_are_kept, "how many?", "word " * 5000, "words; a lesson has at most 5000"),
    (limits_are_kept, "# %%\n", "# %%\nx\n\n" * 110, "cells; a lesson has at most 110"),
    (minutes_are_honest, "minutes: 50", "minutes: 40", "the header says 40 minutes, and 47 are counted"),
    (minutes_are_honest, "need about 50 minutes", "need about 60\n# minutes", "the text says 60"),
    (minutes_are_honest, "about 20 minutes", "about 10 minutes", "'3 · Optional: more' says 10 minutes"),
    (minutes_are_honest, "takes about 20 minutes", "is long", "says 0 minutes, and 20 are counted"),
    (stops_are_near, "# **Stop here", "# Stop here", "47 minutes without a stop, before 'the end' is over"),
    (stops_are_near, "about 30 minutes so far", "about 20 minutes so far", "says 20 minutes so far, and 30"),
    (stops_are_near, "# **Stop here", "# You can **Stop here", "a line of its own"),
    (stops_are_near, "about 30 minutes so far).", "about 30 minutes).", "a line of its own"),
    (exercises_stand_where_they_belong, "Look inside", "Exercises", "section of exercises"),
    (exercises_stand_where_they_belong, "# ## 2 · Look", "# ### Look", "3 of 3 exercises stand in"),
]


@pytest.mark.parametrize(("rule", "old", "new", "told"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule, old, new, told):
    assert told in "\n".join(rule(small(old, new)))


def test_every_rule_is_tried():
    assert {rule for rule, *_ in BROKEN} == set(RULES)


# ---- for authors


def tell(names):
    """Print what is counted: of each lesson, or section by section of the one that is named."""
    for name in [name for name in LESSONS if name.startswith(tuple(names) or "")]:
        notebook = read(name)
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
