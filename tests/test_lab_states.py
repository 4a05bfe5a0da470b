"""What holds for every lab: bad states change nothing, every change can be undone, and input is named."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from course_utils import labs
from course_utils.labs.architecture.blocks import Clip, Memory
from course_utils.labs.core.dials import Block, State, dial, rows

READ = layers.TextVectorization(output_sequence_length=6, vocabulary=["good", "bad", "film"])


def network():
    """Attention over the four frames of a clip."""
    clip = keras.Input((4, 8, 8, 1))
    features = layers.Dense(3, name="features")(layers.Reshape((4, 64))(clip))
    weights = layers.Softmax(axis=1)(layers.Dense(1, name="scores")(features))
    summed = layers.Flatten()(layers.Dot(axes=1)([weights, features]))
    return keras.Model(clip, layers.Dense(2, activation="softmax", name="answer")(summed))


def bag(texts):
    return [0.25 + 0.5 * ("good" in text) for text in texts]


LABS = {
    "architecture": labs.ArchitectureLab("ours"),
    "attention": labs.AttentionLab({"plain": network()}, np.random.default_rng(0).random((3, 4, 8, 8, 1))),
    "gate": labs.GateLab(),
    "kernel": labs.KernelLab({"bar": np.eye(12), "dot": np.pad([[1.0]], 5)}),
    "sentence": labs.SentenceLab({"bag": bag, "other": bag}, READ, "a good film", ("bad", "")),
}
TURNS = {  # two dials of each lab, and where to turn them
    "architecture": (("lstm.units", 40), ("clip.frames", 9)),
    "attention": (("clip", 2), ("temperature", 0.5)),
    "gate": (("step", 7), ("value", -0.25)),
    "kernel": (("kernel", "own"), ("bias", 0.5)),
    "sentence": (("text", "bad film"), ("read", 1)),
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


def try_state(lab, odd):
    """Whether the lab takes this state; if not, it must show what it showed and say what is wrong."""
    before, state = shown(lab), lab.state
    try:
        lab.state = odd
    except (TypeError, ValueError) as problem:
        refused = str(problem)
    else:
        return True
    assert len(refused) > 30
    assert lab.state is state
    assert shown(lab) == before
    return False


def test_what_is_no_state_is_refused_and_the_lab_goes_on(kind, lab):
    refused = [odd for odd in ODD if not try_state(lab, odd)]
    assert len(refused) > len(ODD) / 2
    turn(lab, TURNS[kind])
    before = shown(lab)
    lab.undo.click()
    assert shown(lab) != before
    lab.redo.click()
    assert shown(lab) == before


TOKENS = st.sampled_from([part for text in STRINGS for part in text.replace("=", ";=;").split(";")])


@settings(max_examples=60)
@given(
    st.sampled_from(list(LABS)), st.lists(TOKENS | st.text(max_size=5), max_size=6), st.sampled_from(";=., ")
)
def test_a_mangled_string_is_refused_or_gives_a_state_that_survives_its_string(name, parts, glue):
    lab = LABS[name]
    if try_state(lab, f"{str(lab.state).split(';')[0]};{glue.join(parts)}"):
        assert lab.state_class.parse(str(lab.state)) == lab.state
        assert lab.line.value == str(lab.state)


def test_every_change_can_be_undone_and_redone(kind, lab):
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


def test_a_number_is_read_whole_or_told_as_it_was_typed():
    assert Plain.parse("pla1;seed=00000000000000007").seed == 7
    for text, told in (
        ("seed=1000000000", "Seed cannot be 1000000000: it can be 0 to 999."),
        ("block=f1000000000", "'f1000000000' in block: filters cannot be 1000000000: it can be 1 to 256."),
        ("seed=" + "9" * 5000, "Seed cannot be '99999"),
        ("share=0.75", "Share cannot be 0.75: it can be 0.5 or 1.0."),
        ("share=2x", "Share cannot be '2x': it can be 0.5 or 1.0."),
        ("name=b", "Name cannot be 'b'"),
        ("block=g7", "'g7' in block is not understood: it takes parts such as f256, valid"),
    ):
        with pytest.raises(ValueError) as info:  # noqa: PT011
            Plain.parse(f"pla1;{text}")
        assert told in str(info.value)
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


@given(st.builds(Plain, st.integers(0, 999), st.sampled_from((0.5, 1.0)), st.sampled_from(("a", "1;=+ é"))))
def test_a_name_with_signs_survives_the_string(state):
    assert Plain.parse(str(state)) == state


def test_numbers_of_numpy_are_taken_as_those_of_python():
    assert Plain(np.int64(3), np.float64(1.0), np.str_("a"), (np.int32(5),), [np.int8(2)]) == Plain(
        3, 1.0, "a", 5, [2]
    )


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"seed": None}, "seed cannot be None: it can be 0 to 999"),
        ({"seed": True}, "seed cannot be True"),
        ({"seed": 3.0}, "seed cannot be 3.0"),
        ({"seed": np.arange(2)}, "seed cannot be array"),
        ({"block": None}, "block: filters cannot be None: it can be 1 to 256"),
        ({"block": (8, "same", 3)}, r"block cannot be \(8, 'same', 3\): its parts are filters, padding"),
        ({"rows": 16}, "rows cannot be 16: it is a list of rows"),
        ({"rows": "f16"}, "rows cannot be 'f16': it is a list of rows"),
        ({"rows": [8, None]}, "rows, row 2: filters cannot be None"),
        ({"rows": [8, (8, "same", 3)]}, "rows, row 2 cannot be"),
        ({"rows": [8] * 3}, "rows has 3 rows: there can be 1 to 2"),
    ],
)
def test_a_value_of_another_kind_is_told_with_its_place(fields, told):
    with pytest.raises(ValueError, match=told):
        Plain(**fields)


def test_more_than_a_hundred_names_are_a_list_and_not_all_are_told():
    lab = labs.KernelLab({f"image {n}": np.eye(9) for n in range(120)})
    lab.controls["image"].value = "image-119"
    assert lab.state.image == "image-119"
    with pytest.raises(ValueError, match=r"image-0, image-1, .*image-9 \.\.\. or image-119 \(120 in all\)"):
        lab.state = "ker1;image=none"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: labs.ArchitectureLab(None), "start is None, but must be 'ours', 'pooled', .* or a state"),
        (lambda: labs.ArchitectureLab(5), "start is 5, but must be"),
        (lambda: labs.ArchitectureLab("hours"), "start is 'hours', but must be 'ours'"),
        (lambda: labs.ArchitectureLab(LABS["gate"].state), "begins with 'lab2;', not with 'gat1'"),
        (lambda: labs.ArchitectureLab(frames=8), "has no block 'frames': it has task, order, .* clip"),
        (lambda: labs.ArchitectureLab(hide=None), "hide is None, but must be a tuple of names"),
        (lambda: labs.ArchitectureLab(hide=3), "hide is 3, but must be"),
        (lambda: labs.ArchitectureLab(hide=("task", ["lstm"])), r"hide=\['lstm'\] cannot be: there are"),
        (lambda: labs.ArchitectureLab(convolutions=16), "convolutions cannot be 16: it is a list of rows"),
        (lambda: labs.ArchitectureLab(clip=(8, 24, 0, 1, True, 5)), "its parts are frames, size, width"),
        (lambda: labs.ArchitectureLab(lstm=None), "lstm: units cannot be None"),
        (lambda: labs.ArchitectureLab(task=None), "task cannot be None: it can be digits, reviews"),
        (lambda: labs.GateLab(start=5), "start is 5, which is no state of this lab"),
        (lambda: labs.KernelLab({"a": np.eye(9)}, start=[]), r"start is \[\], which is no state of this lab"),
    ],
)
def test_an_argument_of_another_kind_is_named(make, told):
    with pytest.raises((TypeError, ValueError), match=told):
        make()
