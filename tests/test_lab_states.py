"""What holds for every lab: bad states change nothing, every change can be undone, and input is named."""

import dataclasses
import html
import math
import operator
import re

import cases
import ipywidgets as widgets
import keras
import numpy as np
import pytest
import small_labs
import soak
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import labs
from course_utils.labs.architecture.blocks import Clip, Memory
from course_utils.labs.core.dials import Block, Real, Several, State, dial, rows

LABS = {name: make() for name, make in small_labs.LABS.items()}
TURNS = {  # two dials of each lab, and where to turn them
    "architecture": (("lstm.units", 40), ("clip.frames", 9)),
    "kernel": (("kernel", "own"), ("bias", 0.5)),
    "gate": (("step", 7), ("value", -0.25)),
    "sentence": (("text", "bad film"), ("read", 1)),
    "frames": (("clip", 2), ("temperature", 0.5)),
    "places": (("row", 2), ("uniform", True)),
    "forecast": (("origin", 9), ("horizon", 6)),
    "rollout": (("speed", 3), ("edit", "centre")),
    "folder": (("seed", 3), ("groups", "each")),
    "voice": (("snr", 10), ("hold", 9)),
}


@pytest.fixture(params=LABS)
def kind(request):
    lab = LABS[request.param]
    lab.back.click()
    return request.param


@pytest.fixture
def lab(kind):
    return LABS[kind]


def shown(lab):
    """Everything that the page shows of a lab, but for what can be undone and redone."""
    found, waiting = [], [lab.view]
    while waiting:
        widget = waiting.pop()
        waiting += getattr(widget, "children", ())
        if widget not in (lab.undo, lab.redo):
            found.append((widget.model_id, widget.get_state(), widget.layout.get_state()))
    return found


def turn(lab, turns):
    for path, value in turns:
        lab.controls[path].value = value


# ------------------------------------------------------------------------------------- what a state shows

TOLD = ("architecture", "kernel", "gate", "frames", "places", "sentence", "forecast", "rollout", "folder")
TOLD = (*TOLD, "voice")
TOLD = {name: cases.told(name) for name in TOLD}
BY_HAND = labs.GateLab()  # over cells set by hand


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [pytest.param(name, *case.values, id=case.id) for name, found in TOLD.items() for case in found],
)
def test_what_a_state_shows_is_told(name, state, said):
    lab = BY_HAND if name == "gate" else LABS[name]
    lab.state = state
    parts = {"notes": lab.notes.view}
    for place, words in said:
        part, _, lacks = place.partition(" ")
        if part == "press":
            small_labs.press(lab, words)
            continue
        part = parts.get(part) or operator.attrgetter(part)(lab)
        heard = small_labs.heard(part) if isinstance(part, widgets.Widget) else str(part)
        assert bool(re.search(cases.pattern(words), heard)) != bool(lacks), (place, heard)


# -------------------------------------------------------------------------------------- bad states, undo


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no words")


STRINGS = [str(lab.state) for lab in LABS.values()]
ODD = [
    None, True, 5, -0.5, math.nan, b"lab2;", "", ";", "lab2", "lab2;task", "lab2;seed=1e3", [], (), {},
    {"task": 1}, np.zeros(3), np.nan, np.str_("x"), object(), Unspeakable(), labs.LabState, keras.Model(),
    *LABS.values(), *STRINGS, *(f"{text};{text}" for text in STRINGS),
    *(text[:-1] + "99999999999" for text in STRINGS), *(f"{text[:4]};seed={'9' * 5000}" for text in STRINGS),
    *(lab.state for lab in LABS.values()),
]  # fmt: skip


def try_state(lab, odd, before):
    """Whether the lab takes this state; if not, it shows what it showed `before` and says what is wrong."""
    state = lab.state
    try:
        lab.state = odd
    except (TypeError, ValueError) as problem:
        refused = str(problem)
    else:
        return True
    assert len(refused) > 30
    if isinstance(odd, str):
        assert refused.endswith(".")
        assert len(refused) < 500
    assert lab.state is state
    assert shown(lab) == before
    return False


def test_what_is_no_state_is_refused_and_the_lab_goes_on(kind, lab):
    before, taken = shown(lab), 0
    for odd in ODD:
        if try_state(lab, odd, before):
            before, taken = shown(lab), taken + 1
    assert taken < len(ODD) / 2
    turn(lab, TURNS[kind])
    before = shown(lab)
    lab.undo.click()
    assert shown(lab) != before
    lab.redo.click()
    assert shown(lab) == before


TOKENS = st.sampled_from([part for text in STRINGS for part in text.replace("=", ";=;").split(";")])


@settings(max_examples=100)
@given(
    st.sampled_from(list(LABS)),
    st.lists(TOKENS | st.text(max_size=5), max_size=6),
    st.sampled_from(";=., "),
    st.none() | st.randoms(use_true_random=False),
)
def test_a_mangled_string_is_refused_or_gives_a_state_that_survives_its_string(name, parts, glue, rng):
    lab = LABS[name]
    written = str(lab.state)
    text = soak.spoiled(written, rng) if rng else f"{written.split(';')[0]};{glue.join(parts)}"
    if try_state(lab, text, shown(lab)):
        assert lab.state_class.parse(str(lab.state)) == lab.state
        assert lab.line.value == str(lab.state)


def test_every_change_can_be_undone_and_redone(kind, lab):
    turn(lab, TURNS[kind])  # a sentence that was typed can be chosen from then on
    lab.back.click()
    seen = [shown(lab)]
    for step in TURNS[kind]:
        turn(lab, [step])
        seen.append(shown(lab))
    lab.undo.click()
    assert shown(lab) == seen[1]
    first = str(lab.state)
    lab.undo.click()
    assert shown(lab) == seen[0]
    lab.redo.click()
    assert shown(lab) == seen[1]
    lab.redo.click()
    assert shown(lab) == seen[2]
    assert lab.redo.disabled
    lab.undo.click()  # what was redone can be undone
    assert shown(lab) == seen[1]
    lab.redo.click()
    lab.back.click()
    assert shown(lab) == seen[0]
    lab.undo.click()  # going back to the start is a change like any other
    assert shown(lab) == seen[2]
    lab.state = lab.state  # no change
    assert not lab.redo.disabled
    lab.state = first
    assert lab.redo.disabled
    assert shown(lab) == seen[1]


def test_a_state_that_cannot_be_drawn_leaves_all_as_it_was(kind, lab, monkeypatch):
    turn(lab, TURNS[kind][:1])
    before, state, draw = shown(lab), lab.state, lab.show

    def show():
        draw()
        if lab.state != state:
            raise RuntimeError("out of ink")

    def told(lab):
        assert lab.state is state
        assert "RuntimeError: out of ink. The lab stays as it was." in lab.message.value
        lab.message.value = ""
        assert shown(lab) == before

    monkeypatch.setattr(lab, "show", show)
    with pytest.raises(RuntimeError, match="out of ink"):
        turn(lab, TURNS[kind][1:])
    told(lab)
    with pytest.raises(RuntimeError, match="out of ink"):
        lab.state = lab._begin
    told(lab)
    lab.undo.click()  # what a button raises is logged
    told(lab)
    monkeypatch.undo()
    lab.undo.click()
    assert lab.state == lab._begin


@pytest.mark.parametrize(("line", "error", "words"), cases.read("states")[0])
def test_a_string_that_does_not_fit_is_told_and_changes_nothing(line, error, words):
    """Each line of the file is the name of a lab and what is pasted into it."""
    name, _, pasted = line.partition(" ")
    lab = LABS[name]
    lab.back.click()
    before = lab.state
    lab.line.value = pasted
    message = html.unescape(re.sub(r"<[^>]+>", "", lab.message.value))
    assert "Not a state. " in message
    assert words.removeprefix("... ") in message
    assert lab.state is before
    with pytest.raises(eval(error)):
        lab.state = pasted
    turn(lab, TURNS[name][:1])
    assert "Not a state" not in lab.message.value


ROWS = {"convolutions": [(4, 3)] * 4, "joint": ("dense", 96)}  # with all dials of each row
BEGINNINGS = [
    ("architecture", labs.LabState(**ROWS)),
    ("architecture", labs.LabState.default("reviews", "lstm-cnn").change("joint", ("dense", 96))),
    ("architecture", labs.LabState.default("traffic", "convlstm").change("joint", ("dense", 96))),
    ("kernel", "ker1"),
    ("gate", "gat1;input=noise;step=9"),
    ("sentence", "sen2;text=Not+a+good+film;model=CNN;filter=2"),
    ("frames", "att1;network=two-heads"),
    ("places", "att1;network=two"),
    ("forecast", "for1;origin=5;ago=5"),
    ("rollout", "rol1;network=memory;digit=1;second=2;edit=left;gate=forget;alone=1"),
    ("folder", "fol1;part=test;label=right;clip=2;frames=4"),
    ("voice", "voi1;voice=fr_f;noise=hum;snr=0;silent=20;until=60;other=loudness"),
]
UNSEEN = ("seed", "text.source", *(f"budget.{name}" for name in ("epochs", "share", "rate", "batch")))


@pytest.mark.parametrize(("name", "state"), BEGINNINGS, ids=lambda value: str(value)[:40])
def test_each_dial_that_is_shown_changes_state_and_picture(name, state):
    lab, turned = LABS[name], set()
    for path, control in lab.controls.items():
        lab.state = state
        before = small_labs.pictures(lab)
        if control.layout.display == "none":
            continue
        small_labs.nudge(control)
        turned.add(path)
        assert control.description
        assert soak.near(control.value, lab.state.get(path)), path
        changed = small_labs.pictures(lab) != before
        assert changed == (name != "architecture" or path not in UNSEEN), path
        assert lab.line.value == str(lab.state)
    if name == "architecture":
        assert {path for path in lab.controls if lab.state_class.parse(state).idle(path)}.isdisjoint(turned)
        assert {"task", "order", "attention", "convolutions.0.filters", "joint.units", "seed"} <= turned
    else:
        assert turned == lab.controls.keys()


def test_a_string_pasted_into_another_lab_shows_the_same(kind, lab):
    turn(lab, TURNS[kind])
    second = small_labs.LABS[kind]()
    begin = drawn(second)
    second.line.value = lab.line.value
    assert drawn(second) == drawn(lab) != begin
    second.back.click()
    assert drawn(second) == begin


def drawn(lab):
    """All that a lab shows in HTML, its controls and its line left out."""
    return [widget.value for widget in small_labs.visible(lab.view) if isinstance(widget, widgets.HTML)]


def test_a_notebook_shows_the_lab_live_and_without_a_kernel(lab):
    bundle = lab._repr_mimebundle_()
    assert bundle["text/plain"] == f"{type(lab).__name__}: run this cell to use the lab."
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "run this cell" in bundle["text/html"].lower()
    assert html.escape(lab.alt) in bundle["text/html"]
    assert ("image/png" in bundle) == lab.preview.exists()


OF_WEIGHTS = {  # a lab over a network with weights drawn by a seed
    "attention": lambda seed: labs.AttentionLab(
        {"a": small_labs.over_frames(seed=seed)}, *small_labs.bright_clips()
    ),
    "gate": lambda seed: labs.GateLab({"a": small_labs.lstm(3, seed)}),
    "sentence": lambda seed: labs.SentenceLab(
        {"a": small_labs.over_words("cnn", seed=seed)}, small_labs.READ, small_labs.TEXT
    ),
    "forecast": lambda seed: labs.ForecastLab(
        {"a": small_labs.over_hours("attention", seed)}, *small_labs.traffic()
    ),
    "rollout": lambda seed: labs.RolloutLab(
        {"a": small_labs.over_frames_to_come("memory", seed)}, small_labs.blots()
    ),
}


@pytest.mark.parametrize("make", OF_WEIGHTS.values(), ids=OF_WEIGHTS)
def test_nothing_that_is_kept_depends_on_trained_numbers(make):
    """Mark and preview stay with other weights, not with another state."""
    first, second = make(0), make(5)
    assert drawn(first) != drawn(second)
    assert (first.tag(), first.preview, first.alt) == (second.tag(), second.preview, second.alt)
    dial = next(
        control for name, control in second.controls.items() if name in ("step", "clip", "read", "hour")
    )
    dial.value = 3
    assert first.tag() != second.tag()
    assert first.preview != second.preview


# ----------------------------------------------------------------------------------------------- dials


@dataclasses.dataclass(frozen=True)
class Small(Block):
    """A block for these tests."""

    filters: int = dial(8, "Filters", range(1, 257), "f")
    padding: str = dial("same", "Padding", ("same", "valid"))


@dataclasses.dataclass(frozen=True)
class Plain(State):
    """A state for these tests."""

    seed: int = dial(0, "Seed", range(1000))
    share: float = dial(0.5, "Share", (0.5, 1.0))
    name: str = dial("a", "Name", ("a", "1;=+ é"))
    block: Small = dataclasses.field(default=Small())
    rows: tuple = rows((Small(),), Small, 2)
    version = "pla1"


def test_a_number_is_read_whole():
    assert Plain.parse("pla1;seed=00000000000000007").seed == 7


@pytest.mark.parametrize(("code", "error", "words"), cases.read("dials")[0])
def test_a_value_that_cannot_be_is_told_with_its_place(code, error, words):
    with pytest.raises(eval(error), match=f"^{re.escape(words)}") as info:
        eval(code)
    assert len(str(info.value)) < 150


def subclasses(base):
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def test_each_token_of_a_block_is_for_one_dial():
    blocks = [cls for cls in subclasses(Block) if dataclasses.is_dataclass(cls)]
    assert {Small, Clip, Memory} <= set(blocks)
    for block in blocks:
        dials = block.dials().values()
        for token in (each.write(choice) for each in dials for choice in each.choices):
            assert sum(each.owns(token) for each in dials) == 1, (block, token)


def values_of(dial):
    """Any value of a dial."""
    if isinstance(dial, Several):
        sizes = st.sampled_from([count for count in dial.counts if count < 30])
        return sizes.flatmap(lambda n: st.lists(values_of(dial.number), min_size=n, max_size=n))
    if isinstance(dial, Real):
        low, high = dial.choices
        return st.integers(int(low * 100), int(high * 100)).map(lambda value: value / 100)
    return st.sampled_from(dial.choices) if dial.choices else st.text(max_size=80)


def paths(owner, before=""):
    """The path of every dial, and the dial."""
    for f in dataclasses.fields(owner):
        if "dial" in f.metadata:
            yield before + f.name, f.metadata["dial"]
        else:
            row = f.metadata.get("rows")
            yield from paths(row or type(f.default), f"{f.name}.0." if row else f"{f.name}.")


@settings(max_examples=200)
@given(st.sampled_from([*(lab.state_class for lab in LABS.values()), BY_HAND.state_class, Plain]), st.data())
def test_a_state_survives_its_string(kind, data):
    state, dials = kind.default(), dict(paths(kind))
    for path in data.draw(st.lists(st.sampled_from(list(dials)), max_size=8)):
        try:
            state = state.turn(path, data.draw(values_of(dials[path])))
        except ValueError:  # does not go with the others
            continue
    written = str(state)
    assert written.split(";")[0] == kind.version
    assert not re.search(r"\s", written)
    assert kind.parse(f"  {written}\n") == state


def test_numbers_of_numpy_are_taken_as_those_of_python():
    assert Plain(np.int64(3), np.float64(1.0), np.str_("a"), (np.int32(5),), [np.int8(2)]) == Plain(
        3, 1.0, "a", 5, [2]
    )


def test_more_than_a_hundred_names_are_a_list_and_not_all_are_told():
    lab = labs.KernelLab({f"image {n}": np.eye(9) for n in range(120)})
    lab.controls["image"].value = "image-119"
    assert lab.state.image == "image-119"
    with pytest.raises(ValueError, match=r"image-0, image-1, .*image-9 \.\.\. or image-119 \(120 in all\)"):
        lab.state = "ker1;image=none"
