"""The notes for instructors in `teaching/`: headings, minutes, plans, lab states and links.

A page has the minutes of each section, rounded, of what is needed and of what is optional. Where a text or a
plan names sections, it counts what is needed of them; of a section that is optional as a whole, all of it.
"""

import functools
import itertools
import re

import cases
import lessons
import numpy as np
import pytest
import small_labs
import test_glossary
import test_length

from course_utils import datasets, labs

FOLDER = lessons.ROOT / "teaching"
SOURCES = {name: lessons.source(name) for name in lessons.NAMES}
NAMES = [name for name in SOURCES if any(cell.cell_type == "code" for cell in SOURCES[name].cells)]
LABS = "Lab states worth opening"
HEADINGS = [
    "In one sentence",
    "Timing",
    "Misconceptions to expect",
    "Questions to ask, with answers",
    LABS,
    "When short of time",
]
NAMED = r"(\d[\d, toand]*)"  # sections: 1, 1 and 3, 1 to 4, 6
PLAN = r"^##+ ([^\n]*?) \((under )?(\d+) minutes\)"


@functools.cache
def page(name):
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def table(text):
    """The rows of the first table of a text, without its head: a list of cells each."""
    rows = re.search(r"^\|[-:| ]+\|\n((?:\|.*\|\n)*)|\Z", text, re.MULTILINE)[1] or ""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def labs_of(notebook):
    """The code of the cells that show a lab."""
    return [cell.source for cell in notebook.cells if "lab" in lessons.tags(cell)]


def counted(notebook):
    """Section -> the minutes of what is needed and of what is optional; None: nothing. The last is All."""
    found = {}
    for part in test_length.parts(notebook):
        found.setdefault(part.section or "Opening", ([], []))[part.optional].append(part.minutes)
    found["All"] = [[*itertools.chain(*parts)] for parts in zip(*found.values())]
    return {section: [sum(part) if part else None for part in both] for section, both in found.items()}


def minutes_of(notebook, named):
    """The minutes of the sections that are named, rounded; None where there is no such section."""
    by_number = {section.split(" · ")[0]: both for section, both in counted(notebook).items()}
    numbers = []
    for part in re.split(r", | and ", named):
        first, _, last = part.partition(" to ")
        numbers += range(int(first), int(last or first) + 1)
    if not {*map(str, numbers)} <= by_number.keys():
        return None
    both = [by_number[str(number)] for number in numbers]
    return round(sum(optional if needed is None else needed for needed, optional in both))


# ---- the rules: each takes a page and its lesson, or the plans and all lessons, and returns complaints


def headings_are_the_same_everywhere(text, notebook):
    right = [heading for heading in HEADINGS if heading != LABS or labs_of(notebook)]
    found = re.findall(r"^## (.*)$", text, re.MULTILINE)
    if found != right:
        yield f"the headings are {found}, and should be {right}"


def minutes_are_counted(text, notebook):
    right = [
        [section, *("–" if minutes is None else f"{round(minutes)}" for minutes in both)]
        for section, both in counted(notebook).items()
    ]
    found = table(text.partition("## Timing")[2])
    if found != right:
        only = [[row for row in one if row not in other] for one, other in ((found, right), (right, found))]
        yield f"the table of minutes has {only[0]}; counted are {only[1]}"
    for named, said in re.findall(rf"[Ss]ections? {NAMED} \((\d+) minutes\)", " ".join(text.split())):
        if int(said) != (minutes := minutes_of(notebook, named)):
            yield f"sections {named} take {minutes} minutes, not {said}"


def plans_fit(text, notebooks):
    """A plan is a table below a heading that ends in its limit: (90 minutes), or (under 240 minutes)."""
    for title, under, limit, plan in re.findall(rf"{PLAN}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL):
        total = 0
        for *_, where, named, said in table(plan):
            lesson = re.search(r"(\w+)\.(?:md|ipynb)\)", where)
            if "Sum" in where and int(said) != total:
                yield f"{title}: the sum is {total}, not {said}"
            if lesson and int(said) != (right := minutes_of(notebooks[lesson[1]], named)):
                yield f"{title}: sections {named} of {lesson[1]} take {right} minutes, not {said}"
            total += 0 if "Sum" in where else int(said)
        if not total or total > int(limit) - bool(under):
            yield f"{title}: {total} minutes, and there are {under}{limit}"


RULES = [headings_are_the_same_everywhere, minutes_are_counted]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_its_lesson_has(name):
    assert page(name).startswith(f"# {name[:2]} · {SOURCES[name].metadata['course']['title']}\n")
    assert [complaint for rule in RULES for complaint in rule(page(name), SOURCES[name])] == []


def test_the_plans_fit_their_time():
    assert len(re.findall(PLAN, page("README"), re.MULTILINE)) == 5 + 1 + 3  # sessions, a day, paths
    assert list(plans_fit(page("README"), SOURCES)) == []


def test_each_page_is_listed_and_its_links_lead_somewhere():
    assert {path.stem for path in FOLDER.glob("[0-9]*.md")} == set(NAMES)
    assert [re.search(r"\((\w+)\.md\)", row[0])[1] for row in table(page("README"))] == NAMES
    course = test_glossary.read_course()
    for name in ("README", "servers", *NAMES):
        assert list(test_glossary.broken_links(page(name), "teaching", course)) == []


# ---- lab states: each lab has the names and sizes of its lesson, over small data and untrained networks


def sentence():
    kinds = {"CNN": ("cnn",), "LSTM → CNN": ("lstm", "cnn")}
    models = {name: small_labs.over_words(*kind, steps=40) for name, kind in kinds.items()}
    models = {"words and pairs": small_labs.bag, **models}
    return labs.SentenceLab(models, small_labs.reader(40), "it is the dull story i feared : it is charming")


def frames():
    heads = {"additive": 1, "scaled dot": 1, "two heads": 2}
    networks = {name: small_labs.over_frames(count, 10, time=12) for name, count in heads.items()}
    return labs.AttentionLab(networks, np.random.default_rng(0).random((40, 12, 12, 12, 1), "float32"))


def forecast():
    test = datasets.traffic(days=7, ahead=24).test
    kinds = {"attention": "attention", "no attention": "plain"}
    networks = {name: small_labs.over_hours(kind) for name, kind in kinds.items()}
    return labs.ForecastLab(networks, test.x[..., :3], test.future[..., :2], test.y["volume"], test.start)


def rollout():
    kinds = {"ConvLSTM": "memory", "Conv3D, causal": "plain"}
    networks = {name: small_labs.over_frames_to_come(kind, 0, 24, 16) for name, kind in kinds.items()}
    return labs.RolloutLab(networks, small_labs.blots(10, 12, 12))


def folder():
    return labs.FolderLab(small_labs.people(), "frames", frames=16, size=(32, 32), groups=small_labs.GROUPS)


def voice():
    loudness = {"energy": (small_labs.loudness, -80, 0, -40)}
    return labs.VoiceLab(small_labs.detector(128), datasets.recordings("test"), loudness)


def kernel():
    sides = {"digit": 24, "photograph": 32, "square": 24}
    return labs.KernelLab({name: small_labs.bar(side, side) for name, side in sides.items()})


KINDS = {  # what a lab is called -> how its states begin, and what makes it
    "Architecture": ("lab2", labs.ArchitectureLab),
    "Kernel": ("ker1", kernel),
    "Gate": ("gat1", labs.GateLab),
    "Sentence": ("sen2", sentence),
    "Attention": ("att1", frames),
    "Forecast": ("for1", forecast),
    "Rollout": ("rol1", rollout),
    "Folder": ("fol1", folder),
    "Voice": ("voi1", voice),
}


@pytest.mark.parametrize("name", [name for name in NAMES if labs_of(SOURCES[name])])
def test_a_lab_takes_each_state_of_its_page(name):
    version, make = KINDS[re.search(r"(\w+)Lab\(", labs_of(SOURCES[name])[0])[1]]
    states, lab = re.findall(r"`(\w{3}\d;[^`]*)`", page(name)), make()
    start = lab.state
    assert 2 <= len(states) <= 4
    assert {state.split(";")[0] for state in states} == {version}
    for state in states:
        lab.state = state
        assert lab.state != start


# ---- the rules themselves, on a page for the small lesson of the test of lengths

SMALL = (cases.FOLDER / "teaching_page.txt").read_text(encoding="utf-8")
LESSON = test_length.small()


def small(old="", new=""):
    assert old in SMALL
    return SMALL.replace(old, new, 1)


@pytest.mark.parametrize(("rule", "code", "told"), cases.of_rules("teaching", [*RULES, plans_fit]))
def test_a_rule_sees_what_breaks_it(rule, code, told):
    given = {"04_video": LESSON} if rule is plans_fit else LESSON
    assert list(rule(small(), given)) == []
    assert told in "\n".join(rule(eval(code), given))
