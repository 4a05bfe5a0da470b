"""The labs, tested by turning their dials and looking at what comes out."""

import dataclasses
import gc
import html
import itertools
import math
import random
import re
import threading
import weakref
import xml.etree.ElementTree as ET

import cases
import common
import keras
import numpy as np
import psutil
import pytest
import small_labs
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_utils import datasets, labs
from course_utils.datasets.series import FEATURES
from course_utils.labs.architecture import (
    advice,
    assembly,
    blocks,
    diagram,
    inside,
    memory,
    panel,
    shapes,
    tasks,
    trainer,
)
from course_utils.labs.architecture import lab as lab_module
from course_utils.labs.architecture.curves import curves, measured
from course_utils.labs.architecture.state import NEAREST, ORDERS, LabState
from course_utils.labs.architecture.tasks import TASKS
from course_utils.labs.core.dials import Block, dial
from course_utils.labs.core.lock import LOCK

OURS, POOLED, TEXTBOOK = (labs.PRESETS[name] for name in ("ours", "pooled", "textbook"))
usual = LabState.default

# ------------------------------------------------------------------------------------------- states


def any_of(block):
    return st.builds(block, **{name: st.sampled_from(dial.choices) for name, dial in block.dials().items()})


BLOCKS = {block.name: type(block.default) for block in dataclasses.fields(LabState) if not block.metadata}
STATES = st.builds(
    LabState,
    task=st.sampled_from(list(TASKS)),
    order=st.sampled_from(list(ORDERS)),
    attention=st.booleans(),
    convolutions=st.lists(any_of(blocks.Convolution), min_size=1, max_size=4).map(tuple),
    seed=st.integers(0, 999),
    **{name: any_of(block) for name, block in BLOCKS.items()},
)


@st.composite
def nearly_usual(draw):
    """A sound composition of some task and order, with a few dials turned: most of them fit."""
    state = usual(*(draw(st.sampled_from(values)) for values in (list(TASKS), list(ORDERS), (False, True))))
    for _ in range(draw(st.integers(0, 5))):
        block = draw(st.sampled_from(["clip", "text", "series", "joint", "lstm", "answer", "convolutions.0"]))
        dials = type(state.get(block)).dials()
        name = draw(st.sampled_from(list(dials)))
        state = state.change(f"{block}.{name}", draw(st.sampled_from(dials[name].choices)))
    return state


CONV = blocks.Convolution


def with_examples(test):
    for state in cases.states("odd"):
        test = example(LabState.parse(state))(test)
    return test


def drawn_shapes(svg):
    """The shapes written into a diagram; it must be valid XML with a label, and show what it says it does."""
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 30
    assert not re.search(r"\b(nan|inf)\b", svg)
    groups = [group for group in root.iter("{http://www.w3.org/2000/svg}g") if group.get("data-shape")]
    paths = set(re.findall('data-path="(.*?)"', svg))  # a click leads there
    assert paths <= {f"convolutions.{row}" for row in range(4)} | {"order", "attention"} | set(BLOCKS)
    found = []
    for group in groups:
        shape = group.get("data-shape").split(",")
        assert "×".join(shape).replace("None", "T") in "".join(group.itertext())
        found.append(tuple(None if size == "None" else int(size) for size in shape))
    return sorted(found, key=str)


NORMS = ("LayerNormalization", "BatchNormalization")
WITHIN = (*NORMS, "Softmax", "Dot", "PerFrame", "Permute")  # parts of a stage, not its end


def made_by(tensor):
    """The layer that gives a symbolic tensor."""
    return tensor._keras_history.operation


def keras_layers(model, before=()):
    """(layer, shape of what it gives), those of one frame with the frames in front."""
    for layer in model.layers:
        if type(layer).__name__ == "PerFrame":
            yield from keras_layers(layer.network, (layer.output.shape[1],))
        elif not before or not isinstance(layer, keras.layers.InputLayer):
            yield layer, (*before, *layer.output.shape[1:])


def ends_a_stage(layer, heads):
    """Whether the diagram shows what a layer gives."""
    kind, after = type(layer).__name__, isinstance(layer, keras.layers.ReLU) and made_by(layer.input)
    within = kind in WITHIN or isinstance(after, keras.layers.BatchNormalization)
    return not within and (kind != "Dense" or layer.name in heads)


def run_script(script):
    """Run a script line by line in a fresh namespace; each shape it writes beside a line must be true."""
    names = {}
    for line in script.splitlines():
        exec(line, names)
        code, _, shape = line.partition("#")
        if shape.startswith(" (batch"):
            sizes = [None if n in ("batch", "time") else int(n) for n in shape.strip(" ()").split(", ")]
            assert list(names[code.split(" = ")[0]].shape) == sizes
    return names


def in_a_thread(work):
    """What work() returns, in a thread with which Keras's list of variables without values ends."""
    found = []

    def run():
        with keras.StatelessScope(initialize_variables=False):
            found.append(work())

    worker = threading.Thread(target=run)
    worker.start()
    worker.join()
    return found[0]


def check_advice(state, made):
    """Each button mends what its note says; another fault comes along only where nothing else helps."""
    known, notes = advice.topics(state), list(advice.advise(state))
    told = [(fault, advice.noted(state, fault)) for fault in advice.obstacles(state)]
    if made.broken:
        assert notes[0].level == "broken"
        assert notes[0].fixed != state
        every = itertools.islice(advice.repairs(state), advice.TRIED)
        told.append((advice.Fault("broken", "broken", "", list(every)), notes[0]))
    else:
        told += zip(advice.faults(state), notes, strict=True)
    for fault, note in told:
        if not note.fixed:
            continue
        if advice.topics(note.fixed) - known:
            for _, better, *_ in fault.ways:
                found = advice.topics(better)
                assert found - known or (fault.topic in found and not fault.lessened), fault
        assert fault.lessened or fault.topic not in advice.topics(note.fixed)
    for note in notes:
        assert (note.fixed is None) == (note.fix == "")
        assert note.fixed is None or assembly.compose(note.fixed).broken is None
        assert note.fixed is None or (note.fixed.budget, note.fixed.seed) == (state.budget, state.seed)


def boxes(svg):
    """The groups of a picture of shapes that hold a tensor, as (names, sizes, words)."""
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert not re.search(r"\b(nan|inf)\b", svg)
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        sizes = [None if size == "None" else int(size) for size in group.get("data-shape").split(",")]
        words = [text.text for text in group.iter("{http://www.w3.org/2000/svg}text")]
        yield group.get("data-axes").split(","), tuple(sizes), words


def check_axes(made):
    """The picture of the shapes says the axes of every row, and its sums are right; returns the rows."""
    table, svg, label = shapes.rows(made), shapes.picture(made), shapes.alt(made)
    assert ET.fromstring(svg).get("aria-label") == label
    drawn = list(boxes(svg))
    assert len(drawn) == len(table) == len(made.lines)
    for row, (axes, sizes, words) in zip(table, drawn, strict=True):
        assert (tuple(axes), sizes) == (tuple(axis.name for axis in row.axes), row.shape)
        assert len(set(axes)) == len(axes) == len(sizes)
        assert [word for word in words if word in shapes.LOOKS] == axes
        assert "batch" in words
        lengths = ["any" if size is None else f"{size:,}" for size in sizes]
        assert set(lengths) <= set(words)
        assert f"{row.call} gives batch, {', '.join(map(' '.join, zip(axes, lengths)))}; " in label
        assert row.note
        for sum_or_product, told in re.findall(r"([\d,]+(?: [×+] [\d,]+)+) = ([\d,]+)", row.note):
            assert eval(sum_or_product.replace(",", "").replace("×", "*")) == int(told.replace(",", ""))
    if made.broken:
        assert f"does not fit. {made.broken.reason}" in label
        assert "✕" in svg
    return table


def check(state):
    """Diagram, shapes, code, model and advice of a state agree."""
    made, script = assembly.compose(state), assembly.code(state)
    svg = diagram.diagram(made)
    drawn, table = drawn_shapes(svg), check_axes(made)
    assert diagram.alt(made)
    check_advice(state, made)
    if made.broken:
        assert drawn == sorted((fact.shape for fact in made.facts), key=str)
        assert "does not fit" in svg
        in_a_thread(lambda: run_script(script))  # as far as it goes
        nothing = keras.StatelessScope(initialize_variables=False)
        with pytest.raises(ValueError, match="does not fit"), nothing:
            assembly.model(state)
        return
    if made.parameters > 1e6 or made.multiply_adds > 1e7:
        model = in_a_thread(lambda: run_script(script)["model"])
    else:
        model, ours = run_script(script)["model"], assembly.model(state)
        weights = zip(model.get_weights(), ours.get_weights(), strict=True)
        assert all(np.array_equal(a, b) for a, b in weights)
        x = np.random.default_rng(0).integers(0, 2, (2, *[size or 3 for size in model.input.shape[1:]]))
        answers = zip(keras.tree.flatten(model(x)), keras.tree.flatten(ours(x)), strict=True)
        assert all(np.allclose(a, b, atol=1e-6) for a, b in answers)
    assert model.count_params() == made.parameters
    assert sum(np.prod(w.shape) for w in model.non_trainable_weights) == made.untrained
    found = list(keras_layers(model))
    assert sorted((shape for layer, shape in found if ends_a_stage(layer, state.classes)), key=str) == drawn
    named = [(type(layer).__name__.removesuffix("Layer"), shape) for layer, shape in found]
    assert sorted(named, key=str) == sorted(((row.call.split("(")[0], row.shape) for row in table), key=str)
    assert tuple(model.input.shape[1:]) == made.facts[0].shape


@settings(max_examples=70)
@with_examples
@given(STATES)
def test_diagram_shapes_code_model_and_advice_of_any_state_agree(state):
    check(state)


@settings(max_examples=110)
@given(nearly_usual())
def test_diagram_shapes_code_model_and_advice_of_a_sound_state_agree(state):
    check(state)


@pytest.mark.parametrize(
    ("name", "entry", "parameters"),
    [("textbook, 128 pixels", (None, 128, 128, 3), 29_577_285), ("textbook text", (50,), 1_142_018)],
)
def test_the_textbook_architectures_have_their_famous_sizes(name, entry, parameters):
    made = assembly.compose(labs.PRESETS[name])
    assert made.facts[0].shape == entry
    assert made.parameters == parameters
    assert f"{parameters:,} parameters in all" in diagram.diagram(made)


def test_every_task_and_order_begins_with_something_that_fits():
    for task, order, attention in itertools.product(TASKS, ORDERS, (False, True)):
        broken = assembly.compose(usual(task, order, attention)).broken
        assert bool(broken) == (task == "reviews" and order == "convlstm"), (task, order, attention)


@given(STATES, st.sampled_from(LabState.decides), st.data())
def test_another_task_order_or_attention_leaves_what_the_learner_set(state, path, data):
    dial = next(f for f in state.__dataclass_fields__.values() if f.name == path).metadata["dial"]
    turned = state.turn(path, data.draw(st.sampled_from(dial.choices)))
    assert turned.seed == state.seed
    if path != "task":
        assert (turned.clip, turned.text, turned.series) == (state.clip, state.text, state.series)
        assert turned.lstm.units == state.lstm.units
        assert turned.joint.units == state.joint.units


# -------------------------------------------------------------------------------- numbers, by slow means


def with_ones(model):
    """Weights of one, so that more light anywhere in the field gives more everywhere."""
    for weight in model.weights:
        weight.assign(np.ones(weight.shape) * 0.01 * (len(weight.shape) > 1))
    return model


def reached(model, axis, at):
    """How many steps along an axis of the input lie between the first and the last that reach an output."""
    shape = model.input.shape[1:]
    lit = np.zeros((shape[axis] + 1, *shape), "float32")
    for step in range(shape[axis]):  # the last one stays dark
        np.moveaxis(lit[step], axis, 0)[step] = 1
    values = np.asarray(model(lit))[(slice(None), *at)].reshape(len(lit), -1).sum(1)
    return np.ptp(np.flatnonzero(values[:-1] != values[-1])) + 1


FIELDS = OURS.change("clip", (1, 48, 64)).change("joint.kind_of", "flatten")


@pytest.mark.parametrize(
    ("state", "along", "axes"),
    [
        (FIELDS.change("convolutions", [(4, 5, 2), (4, 3, 2), (4, 3)]), None, (0, 1)),
        (FIELDS.change("convolutions", [(4, 3, 1, 2, "valid"), (4, 3, 1, 2, "valid")]), None, (0, 1)),
        (FIELDS.change("convolutions", [(4, 7, 1, 3), (4, 1, 2), (4, 2)]), None, (0, 1)),
        (FIELDS.change("convolutions", [(4, 2, 4), (4, 3)]), None, (0, 1)),
        (FIELDS.change("joint.kind_of", "columns"), "columns", (1, 2)),
        (usual("traffic", "cnn").change("convolutions", [(4, 5, 2), (4, 3, 1, 2), (4, 3)]), None, (0,)),
        (OURS.turn("order", "convlstm").change("convolutions", [(4, 3)]).change("clip", (4, 24)), None,
         (1, 2)),
    ],
)  # fmt: skip
def test_what_a_value_sees_is_what_a_nudged_pixel_reaches(state, along, axes):
    built = assembly.build(state)
    seen = [fact for fact in built.facts if fact.part in ("cnn", "convlstm")][-1]
    if along:
        seen = next(fact for fact in built.facts if fact.along == along)
    begins = built.piece if axes == (0, 1) else built.model.input  # one frame, or the whole
    model = with_ones(keras.Model(begins, seen.gives))
    middle = [size // 2 for size in model.output.shape[1:-1]]
    found = [reached(model, axis, middle if not along else middle[:1]) for axis in axes]
    assert found == (list(seen.sees) if state.kind.in_space else [seen.sees_steps])


def counted(state):
    """Multiply-adds of a CNN -> LSTM for clips, counted one output number at a time."""
    total, (frames, *sides, channels) = 0, state.clip.shape
    for row in state.convolutions:
        reach = row.kernel if row.padding == "valid" else 1
        places = [range(0, side - reach + 1, row.stride) for side in sides]
        for _ in itertools.product(*places):
            total += frames * row.filters * row.kernel**2 * channels
        sides, channels = [len(along) // row.pool for along in places], row.filters
    width = sides[0] * sides[1] * channels if state.joint.kind_of in ("flatten", "dense") else channels
    if state.joint.kind_of == "dense":
        total += frames * width * state.joint.units
        width = state.joint.units
    for _ in range(state.lstm.layers):
        for _ in range(frames * (1 + state.lstm.both)):
            total += 4 * state.lstm.units * (width + state.lstm.units)
        width = state.lstm.units * (1 + state.lstm.both)
    return total + sum(width * count for count in state.classes.values())


SENTENCE = usual("reviews", "lstm-cnn").change("text", ("sentences", 10, 1000, 8)).change("lstm.units", 5)
CONVLSTM = OURS.turn("order", "convlstm").change("convolutions", [(4, 3, 2)]).change("joint.kind_of", "max")
DEEP = OURS.change("lstm", (32, 2, True)).change("clip", (5, 40, 28, 3))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, counted(state)) for state in (OURS, TEXTBOOK, POOLED, DEEP)),
        # four gates, from the word's vector and from the state; four filters, three states wide; two classes
        (SENTENCE.change("convolutions", [(4, 3)]), 10 * (4 * 5 * (8 + 5) + 4 * 3 * 5) + 4 * 2),
        # frames, places, four gates of four filters, from the frame and from the state
        (CONVLSTM, 8 * (12 * 12) * (4 * 4) * 9 * (1 + 4) + 4 * 18),
    ],
    ids=["ours", "textbook", "pooled", "deep", "sentence", "convlstm"],
)
def test_multiply_adds_are_those_counted_by_hand(state, expected):
    assert assembly.compose(state).multiply_adds == expected


def test_parameters_are_matched_as_near_as_units_allow():
    target = assembly.compose(OURS).parameters
    for order in ("lstm", "lstm-cnn", "parallel", "cnn"):
        state, count = assembly.match(OURS.turn("order", order), target)
        assert count == assembly.compose(state).parameters
        assert count == pytest.approx(target, rel=0.03), order
        path = "joint.units" if order == "cnn" else "lstm.units"
        for nudge in (-1, 1):
            other = assembly.compose(state.change(path, state.get(path) + nudge)).parameters
            assert abs(other - target) >= abs(count - target)
    pooled = POOLED.turn("order", "cnn").change("joint.kind_of", "max")
    assert assembly.match(pooled, 60_000)[1] == pytest.approx(60_000, rel=0.2)


def drawn():
    """Numbers from each of the generators that a learner's cell may use, and weights that Keras draws."""
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    numbers = random.random(), np.random.random(3), keras.random.normal((3,)), *dense.get_weights()  # noqa: NPY002
    return [np.asarray(one).tolist() for one in numbers]


def test_no_control_of_the_lab_touches_the_learners_random_numbers():
    keras.utils.set_random_seed(3)
    expected = drawn()
    lab = labs.ArchitectureLab(SMALL)
    training, inside = lab.training, lab.inside
    assembly._compose.cache_clear()  # what was composed before draws nothing
    keras.utils.set_random_seed(3)
    before = random.getstate(), str(np.random.get_state())  # noqa: NPY002

    def untouched(what):
        assert random.getstate() == before[0], what
        assert str(np.random.get_state()) == before[1], what  # noqa: NPY002

    for path, control in lab.controls.items():
        if control.layout.display != "none":
            small_labs.nudge(control)
            untouched(path)
    for what in (lab.count, lab.presets):
        small_labs.nudge(what)
        untouched(what.description)
    for tabs in (lab.views, lab.panels):
        for title, _ in tabs.options:
            tabs.label = title
            untouched(title)
    lab.undo.click()
    for broken in ("lab2;convolutions=f16.k11.s4.p4.valid,f16.k11", POOLED, OURS.change("clip.channels", 3)):
        lab.state = broken
        lab.notes.fix()
        training.notes.fix()
        untouched("fix")
    lab.line.value = str(SMALL.change("answer.dropout", 20))
    for button in ("step", "start"):
        training.buttons[button].click()
        assert training.wait(120)
        untouched(button)
    lab.panels.value = "inside"
    for control in (inside.example, inside.step, inside.filter, inside.row):
        small_labs.nudge(control)
        untouched(control.description)
    training.match.click()
    training.take.click()
    training.buttons["stop"].click()
    untouched("the runs")
    lab.model()
    untouched("a model")
    assert drawn() == expected


# -------------------------------------------------------------------------------------- architecture lab


@pytest.fixture
def lab():
    return labs.ArchitectureLab("ours")


def test_what_changes_along_is_told_and_can_be_undone(lab):
    lab.controls["lstm.units"].value = 40
    lab.controls["order"].value = "lstm-cnn"
    assert "the joint is global max pooling" in lab.changed.value
    assert "returns all states" in lab.changed.value
    lab.controls["clip.frames"].value = 9
    assert lab.changed.value == ""
    wide = OURS.change("lstm.units", 40)
    for expected in (wide.turn("order", "lstm-cnn"), wide, OURS):
        lab.undo.click()
        assert lab.state == expected
    assert lab.undo.disabled


def test_what_one_step_depends_on_is_told(lab):
    def sees(title):
        fact = next(fact for fact in lab.composition.facts if fact.title.startswith(title))
        return fact.sees, fact.sees_steps, fact.up_to

    lab.state = usual("reviews", "lstm-cnn")
    assert sees("Conv") == (None, 40, True)
    assert ">words seen<" in lab.picture.value
    assert ">up to 40<" in lab.picture.value
    lab.controls["lstm.both"].value = True
    assert sees("Conv") == (None, 40, False)
    assert sees("Global max") == (None, 40, False)
    lab.state = OURS.change("joint.kind_of", "steps")
    assert sees("Reshape")[0] == (17, 17)
    assert sees("LSTM")[0] == (24, 24)  # it reads the cells of the whole frame
    lab.controls["joint.kind_of"].value = "columns"
    assert sees("LSTM")[0] == (24, 24)
    lab.state = OURS.change("clip", (8, 16, 48))
    assert sees("Conv 32")[0] == (9, 9)
    assert "sees up to 16×17 of 16×48 pixels" in lab.notes.lines[0][0].value


def test_rows_that_were_hidden_come_back_as_they_were(lab):
    lab.controls["convolutions.2.filters"].value = 48
    lab.count.value = 1
    assert lab.controls["convolutions.1.kernel"].layout.display == "none"
    lab.count.value = 3
    assert lab.state == OURS.change("convolutions.2.filters", 48)


def test_the_code_is_shown_and_ready_to_copy(lab):
    lab.views.value = "code"
    assert lab.copy_code.text == lab.code
    assert "keras.utils.set_random_seed(0)" in lab.listing.value
    lab.controls["lstm.units"].value = 33
    assert "layers.LSTM(33)" in lab.copy_code.text
    assert "layers.LSTM(33)" in lab.listing.value


def test_what_an_instructor_hides_is_not_shown():
    hide = ("task", "lstm.layers", "convolutions", "presets", "state", "train")
    lab = labs.ArchitectureLab("ours", hide=hide)
    seen = [*small_labs.visible(lab.view)]
    gone = [lab.controls["task"], lab.controls["lstm.layers"], lab.cards["convolutions"], lab.presets]
    assert not {*gone, lab.line, lab.training.view} & {*seen}
    assert [value for _, value in lab.panels.options] == ["inside"]
    assert {lab.inside.view, lab.controls["lstm.units"]} <= {*seen}
    hide = ("train", "inside", "shapes", "code", "task", "order", "attention", "presets")
    bare = labs.ArchitectureLab("ours", hide=hide)
    assert not {bare.cards["whole"], bare.panels, bare.views} & {*small_labs.visible(bare.view)}


# ------------------------------------------------------------------------------- new tasks and new blocks


def test_a_new_task_is_one_record(monkeypatch):
    """19 lines: 5 of code that reads the data, and a record of 14; nothing else knows of the task."""
    read = """
import numpy as np
from course_utils.datasets import Dataset, Split
part = Split(np.ones((64, {}, {}), "float32"), {{"rain": np.arange(64) % 2}})
data = Dataset("", part, part, part, {{"rain": ("dry", "wet")}}, {{}}, lambda split, epoch: part)
"""

    rain = tasks.Task(
        "series: rain or not",
        heading="Weather",
        entry="series",
        input="weather",
        axes=("time", "features"),
        step="hour",
        example="answer",
        examples="days",
        classes=lambda state: {"rain": 2},
        data=lambda series, labels: read.format(*series.shape),
        baseline=lambda data, series: {"rain": (0.5, "guessing")},
        size=lambda series: (64, 0),
        without=TASKS["traffic"].without,
    )
    task = LabState.__dataclass_fields__["task"].metadata["dial"]
    monkeypatch.setitem(TASKS, "rain", rain)
    monkeypatch.setitem(vars(task), "choices", (*task.choices, "rain"))
    lab = trained(usual("rain", "lstm-cnn").change("lstm", (4, 1, False, "all")).change("budget.epochs", 1))
    assert LabState.parse(str(lab.state)) == lab.state
    assert ("rain", "rain") in lab.controls["task"].options
    assert "It fits" in lab.notes.lines[0][0].value
    assert "multiply-adds per answer" in lab.costs.value
    assert 'keras.Input((168, 11), name="weather")' in lab.code
    assert "1 epoch × 64 days" in lab.training.budget.value
    assert lab.training.run.problem == ""
    assert "rain: accuracy" in lab.training.picture.value
    lab.views.value = "shapes"
    assert "classes 2" in lab.axes.value
    lab.panels.value = "inside"
    assert lab.inside.message.value == ""
    assert "wet" in lab.inside.answers.value


@dataclasses.dataclass(frozen=True)
class Noise(Block):
    level: int = dial(10, "Noise in %", (0, 10, 20))

    def stages(self):
        if self.level:
            layer = f"layers.GaussianNoise({self.level / 100:g})"
            yield blocks.stage("noise", "input", "Noise", f"{self.level} %", layer)


@dataclasses.dataclass(frozen=True)
class NoisyState(LabState):
    noise: Noise = dataclasses.field(default=Noise())


def test_a_new_block_is_a_class_and_three_lines(monkeypatch):
    """11 lines: a class of 8, a field of the state, its place in the order of the stages, and its card."""
    order = blocks.stages
    monkeypatch.setattr(blocks, "stages", lambda state: itertools.chain(state.noise.stages(), order(state)))
    monkeypatch.setitem(lab_module.CARDS, "noise", ("other", "Noise", ""))
    monkeypatch.setattr(labs.ArchitectureLab, "state_class", NoisyState)
    lab = labs.ArchitectureLab(NoisyState(noise=(20,)))
    assert str(lab.state) == "lab2;task=digits;order=cnn-lstm;seed=0;noise=20"
    assert "layers.GaussianNoise(0.2)(clip)" in lab.code
    assert "Noise gives 8×24×24×1" in lab.alt
    lab.controls["noise.level"].value = 0
    assert "Noise" not in lab.alt
    assert lab.model().count_params() == lab.composition.parameters


# ------------------------------------------------------------------------------------------ training

SMALL = OURS.change("convolutions", [(4, 5, 4)]).change("joint", ("dense", 8)).change("lstm", 8)
SMALL = SMALL.change("budget", (2, "quarter"))


@pytest.fixture(autouse=True)
def few_clips(monkeypatch):
    """Fewer clips than learners get, and a machine of a given size, in every training of this file.

    TensorFlow runs without graphs: to make one takes longer than these few batches.
    """
    monkeypatch.setattr(tasks, "SPLIT", (320, 64))
    monkeypatch.setattr(memory, "available", lambda: 8e9)
    tasks._feed.cache_clear()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
    tasks._feed.cache_clear()


@pytest.fixture
def in_graphs(few_clips):
    """As learners train."""
    tf.config.run_functions_eagerly(False)


def trained(state, **options):
    lab = labs.ArchitectureLab(state, **options)
    lab.training.start()
    assert lab.training.wait(120)
    return lab


def test_a_training_shows_its_budget_first(monkeypatch):
    training = labs.ArchitectureLab(SMALL.change("budget", (3, "half"))).training
    assert "3 epochs × 160 clips = 15 batches of 32" in training.budget.value
    assert "guess" in training.budget.value
    assert "still empty" in training.picture.value
    monkeypatch.setattr(tasks, "SPLIT", (80, 16))
    training = labs.ArchitectureLab(SMALL.change("budget", (1, "quarter"))).training
    assert "1 epoch × 20 clips = 1 batch of 20." in training.budget.value


def test_a_training_ends_with_curves_and_a_row():
    training = trained(SMALL.change("budget.share", "all")).training
    assert training.run.status == "done"
    assert training.run.problem == ""
    assert training.progress.value == 1.0
    names = ("digit", "motion", "loss")
    assert set(training.run.history) == {*names, *(f"val_{name}" for name in names)}
    assert all(len(scores) == 2 for scores in training.run.history.values())
    assert training.picture.value.count('data-curve="validation"') == 3
    assert training.picture.value.count('data-curve="training"') == 3
    assert "guessing 4.38" in training.picture.value  # log 10 + log 8
    assert re.search(r"; loss: validation \d\.\d\d, training \d\.\d\d\.", training.picture.value)
    assert f"<td>{training.run.history['val_loss'][-1]:.3f}</td>" in training.table.value
    assert "validation accuracy and loss" in training.table.value
    assert "2 of 2" in training.table.value
    assert "Run A, 2 of 2 epochs" in training.picture.value
    ET.fromstring(training.picture.value)


def test_the_loss_is_drawn_where_it_is_not_the_score_and_never_leaves_its_panel():
    state = usual("traffic", "cnn")
    assert measured(state) == ["volume"]
    assert measured(OURS) == ["digit", "motion", "loss"]
    run = trainer.Run("wild", "A", SMALL.change("answer.labels", "digit"), 1, None)
    run.history = {"digit": [0.1], "loss": [9.0], "val_digit": [0.1], "val_loss": [57.0]}
    drawn = curves([run], run, run.state, 2)
    assert "▲ up to 57" in drawn
    for line in re.findall('<path d="M([^"]+)"[^>]*data-curve', drawn):
        assert all(50 < float(point.split(",")[1]) < 230 for point in line.split(" L"))
    run.live = [(1 + part, {"digit": 0.2, "loss": 2.0}) for part in (0.4, 0.8)]  # of the epoch under way
    assert drawn.count(" L") < curves([run], run, run.state, 2).count(" L")


@pytest.mark.usefixtures("in_graphs")
def test_the_same_string_gives_the_same_numbers_whatever_else_runs():
    state = SMALL.change("answer.dropout", 20).change("budget.share", "all")
    first = trained(state).training.run
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    other.compile("sgd", "mse")
    noise = threading.Thread(
        target=lambda: other.fit(np.ones((640, 4)), np.ones((640, 4)), epochs=3, verbose=0)
    )
    noise.start()
    keras.utils.set_random_seed(7)
    second = labs.ArchitectureLab("textbook text")
    second.line.value = str(state)
    training = second.training
    training.step()  # one epoch, a pause, and the rest: it makes no difference
    assert training.wait(120)
    assert training.run.status == "paused"
    assert training.run.epochs == 1
    assert training.buttons["start"].description == "▶ Resume"
    assert not training.buttons["start"].disabled
    training.start()
    assert training.wait(120)
    noise.join()
    assert training.run.history == first.history
    assert first.model.count_params() == assembly.compose(state).parameters


def test_a_finished_run_lets_go_of_its_data_and_its_optimizer(monkeypatch):
    held = []

    def watched(make):
        def called(*args, **more):
            made = make(*args, **more)
            held.append(weakref.ref(made))
            return made

        return called

    monkeypatch.setattr(trainer, "feed", watched(tasks.feed))
    monkeypatch.setattr(keras.optimizers, "Adam", watched(keras.optimizers.Adam))
    monkeypatch.setattr(datasets, "moving_digits", watched(datasets.moving_digits))
    monkeypatch.setattr(tasks, "KEPT", 10 * 8 * 24 * 24 * 4)
    lab = trained(SMALL.change("budget", (1, "quarter")))
    tasks._feed.cache_clear()  # keeps what was read last, of whatever lab
    gc.collect()
    assert len(held) == 3
    assert [one() for one in held] == [None] * 3
    examples = lab.training.run.examples
    assert len(examples) == 10
    assert all(array.base is None for array in (examples.x, *examples.y.values()))
    lab.panels.value = "inside"
    lab.inside.example.value = 9
    assert lab.inside.message.value == ""
    assert "frame" in lab.inside.gates.value


def test_scores_can_be_read_at_any_moment():
    lab, found = labs.ArchitectureLab(SMALL), []

    def look(frame, event, arg):  # at each line of the trainer
        if frame.f_code.co_filename != trainer.__file__:
            return None
        try:
            found.append(tuple(lab.training.run.scores) if lab.training.run else ())
        except LookupError as problem:
            found.append(repr(problem))
        return look

    threading.settrace(look)
    lab.training.start()
    threading.settrace(None)
    assert lab.training.wait(120)
    assert lab.training.run.problem == ""
    assert set(found) == {(), ("digit", "motion")}


def locked():
    """Whether other threads have to wait for what this one does."""
    got = []

    def attempt():
        got.append(LOCK.acquire(blocking=False))
        if got[0]:
            LOCK.release()

    other = threading.Thread(target=attempt)
    other.start()
    other.join()
    return not got[0]


def test_what_threads_share_is_touched_one_at_a_time(monkeypatch):
    found = []

    def watched(name, function):
        def called(*args):
            found.append((name, locked()))
            return function(*args)

        return called

    monkeypatch.setattr(panel, "_guess", watched("guess", panel._guess))
    monkeypatch.setattr(trainer.Run, "stop", watched("stop", trainer.Run.stop))
    lab = trained(SMALL)
    lab.training.stop()
    assert set(found) == {("guess", True), ("stop", True)}


@pytest.mark.parametrize("problem", [SystemExit("out"), datasets.DataError("no mlxtend here")], ids=repr)
def test_a_training_that_is_broken_off_says_so(monkeypatch, problem):
    def broken(*args, **kwargs):
        raise problem

    monkeypatch.setattr(datasets, "moving_digits", broken)
    training = trained(SMALL).training
    assert training.run.status == "failed"
    assert f"{type(problem).__name__}: {problem}" in training.notes.lines[0][0].value
    assert not training.buttons["start"].disabled


def test_an_error_while_drawing_does_not_end_the_training(monkeypatch):
    draw, calls = panel.curves, itertools.count()

    def breaks_once(*args):
        if threading.current_thread() is not threading.main_thread() and next(calls) == 1:
            raise ValueError("no such colour")
        return draw(*args)

    monkeypatch.setattr(panel, "curves", breaks_once)
    training = trained(SMALL).training
    assert next(calls) > 2
    assert training.run.status == "done"
    assert training.run.epochs == 2
    assert "could not be drawn: ValueError: no such colour" in training.notes.lines[0][0].value


def test_a_stopped_run_is_what_its_whole_epochs_made_of_it(monkeypatch):
    monkeypatch.setattr(trainer, "REPORT", 0)
    lab = labs.ArchitectureLab(SMALL.change("budget.share", "all"))
    lab.training.step()
    assert lab.training.wait(120)
    run = lab.training.run
    after, draw = run.model.get_weights(), run.report

    def stops():
        draw()
        if run.passed > 1:
            run.stop()

    run.report = stops
    lab.training.start()
    assert lab.training.wait(120)
    assert run.status == "stopped"
    assert run.passed > 1
    assert run.epochs == 1
    assert all(np.array_equal(a, b) for a, b in zip(after, run.model.get_weights(), strict=True))


def test_progress_clock_and_budget_are_those_of_what_is_composed():
    lab = trained(SMALL.change("budget", (1, "quarter")))
    training = lab.training
    assert training.progress.value == 1.0
    assert "Run A, done: 1 of 1 epoch," in training.clock.value
    assert "<td>80</td>" in training.table.value
    assert "not equal" not in training.table.value
    lab.controls["lstm.units"].value = 9
    assert training.progress.value == 0.0
    assert training.clock.value == "Ready."
    lab.controls["clip.channels"].value = 3
    assert training.buttons["start"].disabled
    assert "Ready." not in training.clock.value
    lab.state = training.run.state
    assert training.progress.value == 1.0
    lab.controls["budget.share"].value = "half"
    training.step()
    assert training.wait(120)
    assert "<td>160</td>" in training.table.value
    assert "they are not equal in examples" in training.table.value
    training.other.value = "A"
    training.match.click()
    assert lab.state.budget == training.runs[0].state.budget
    assert "on the same budget" in training.matched.value


def test_the_learning_rate_and_the_batch_size_decide_the_steps():
    lab, asked = trained(SMALL.change("budget", (1, "quarter"))), []
    training = lab.training
    for path, value in (("rate", 0.0001), ("rate", 0.02), ("rate", 0.004), ("batch", 8)):
        lab.controls[f"budget.{path}"].value = value
        assert "rises to" in training.budget.value
        asked.append(training.budget.value)
        training.start()
        assert training.wait(120)
    assert len(set(asked)) == 4
    lesson, low, high, same, small = training.runs
    assert [run.steps for run in training.runs] == [3, 3, 3, 3, 10]
    assert "1 epoch × 80 clips = 10 batches of 8. The learning rate rises to 0.004 in 5 b" in asked[3]
    assert {run.size for run in training.runs} == {80}
    assert same.history == lesson.history  # 0.004 is what lesson 04 takes for these clips
    start = assembly.model(lab.state).get_weights()
    moved = [max(np.abs(a - b).max() for a, b in zip(start, run.model.get_weights(), strict=True))
             for run in (low, lesson, high)]  # fmt: skip
    assert moved == sorted(moved)
    assert moved[2] > 10 * moved[0]
    assert "they are not equal in batch size, learning rate" in training.table.value
    assert memory.needed(small.state)["activations"] * 4 == memory.needed(same.state)["activations"]


def test_a_budget_of_an_older_state_string_trains_as_it_did():
    state = LabState.parse("lab2;budget=e12.quarter")
    assert state.budget == blocks.Budget(12, "quarter", 0, 32)
    assert state.peak == 4e-3
    for rate, batch in itertools.product(blocks.PEAKS, (8, 32)):
        told = str(state.change("budget", (12, "quarter", rate, batch)))
        assert LabState.parse(told).budget == blocks.Budget(12, "quarter", rate, batch)
    assert "budget=e12.quarter.r4e-03.b8" in str(state.change("budget", (12, "quarter", 0.004, 8)))


def test_camera_moves_asked_of_digits_in_an_older_state_string_are_a_task_now():
    for order in ORDERS:
        state = LabState.parse(f"lab2;task=digits;order={order};clip=f8.s48;answer=move.d20.each1;seed=3")
        assert state == usual("moves", order).change("clip.size", 48).change(
            "answer", ("digit+motion", 20, True)
        ).change("seed", 3)
        assert state.classes == {"move": 8}
        assert LabState.parse(str(state)) == state


def test_a_preset_that_only_comes_near_says_so_as_long_as_it_stands(lab):
    assert NEAREST.keys() < labs.PRESETS.keys()
    for name, words in NEAREST.items():
        lab.presets.value = name
        lab.controls["budget.epochs"].value = 3
        assert lab.state.preset == name
        assert html.escape(words) in lab.notes.lines[0][0].value
        assert "It fits" in "".join(line.value for line, _ in lab.notes.lines)
        assert not lab.training.buttons["start"].disabled
        lab.controls["answer.dropout"].value = 20
        assert lab.state.preset == lab.presets.value == ""
        assert "as near as" not in lab.notes.lines[0][0].value


def test_a_preset_leaves_the_budget(lab):
    lab.controls["budget.epochs"].value = 3
    lab.presets.value = "pooled"
    assert lab.state == POOLED.change("budget.epochs", 3)
    assert lab.presets.value == "pooled"


def test_batch_normalisation_learns_averages_of_its_own():
    lab = labs.ArchitectureLab(SMALL.change("convolutions.0.normalise", True))
    assert "3 batches, they still hold 97% of their initial values" in lab.notes.lines[0][0].value
    assert "(8 of them moving averages, not trained)" in lab.picture.value
    lab.training.step()
    assert lab.training.wait(120)
    before, after = assembly.model(lab.state), lab.training.run.model
    pairs = zip(before.non_trainable_weights, after.non_trainable_weights, strict=True)
    assert all(not np.allclose(a, b) for a, b in pairs)
    assert keras.layers.BatchNormalization().momentum == advice.MOMENTUM
    assert lab.training.run.name == "1 conv (batch norm), dense 8, LSTM 8"


QUARTER = (1, "quarter")


@pytest.mark.parametrize(
    ("state", "label", "noun"),
    [
        (SMALL.change("answer.dropout", 20).change("budget.batch", 8), "digit", "clips"),
        (usual("moves", "lstm").change("lstm.units", 8).change("budget", (1, "half", 0.02)), "move", "clips"),
        (SMALL.change("answer.each", True).change("lstm.hands_on", "all").change("budget", QUARTER), "motion",
         "clips"),
        (SMALL.turn("order", "convlstm").change("answer.labels", "motion").change("clip", (3, 16))
         .change("budget", QUARTER), "motion", "clips"),
        (SMALL.change("joint.kind_of", "columns").change("answer.labels", "digit").change("clip", (1, 16))
         .change("budget", QUARTER), "digit", "clips"),
        (usual("reviews", "cnn").change("text", ("sentences", 10, 1000, 4)).change("budget", (2, "quarter")),
         "sentiment", "reviews"),
        (usual("traffic", "cnn").change("series", (1, 6)).change("budget", QUARTER), "volume", "windows"),
    ],
    ids=["two labels", "camera moves", "each frame", "ConvLSTM", "columns", "reviews", "traffic"],
)  # fmt: skip
@pytest.mark.usefixtures("in_graphs")
def test_every_task_is_trained_and_its_code_gives_the_same_numbers(state, label, noun):
    lab = trained(state)
    names = run_script(lab.code)
    exec(lab.training_code, names)
    run, epochs = lab.training.run, names["model"].history
    assert run.problem == ""
    assert noun in lab.training.budget.value
    base, name = run.examples.baseline[label]
    assert name in lab.training.picture.value
    assert (base > 100) == (label == "volume")
    assert epochs.epoch == [state.budget.epochs - 1]
    for key, values in run.history.items():
        part, score = ("val_", key[4:]) if key.startswith("val_") else ("", key)
        metric = state.kind.metric if len(run.labels) == 1 else f"{score}_{state.kind.metric}"
        (same,) = epochs.history[part + ("loss" if score == "loss" else metric)]
        scale = 1 if score == "loss" else state.kind.scale
        assert values[-1] == pytest.approx(same * scale, rel=1e-4, abs=1e-6)
    pairs = zip(run.model.get_weights(), names["model"].get_weights(), strict=True)
    assert all(np.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in pairs)


@pytest.mark.parametrize(
    "state", ["lab2", "lab2;clip=f8.s24.c3", "lab2;clip=f8.s8;convolutions=f8.k11.valid"]
)
def test_code_of_the_training_is_shown_beside_that_of_the_model(lab, state):
    lab.views.value, lab.state = "code", state
    assert lab.copy_training.text == lab.training_code
    assert ("model.fit(" in lab.copy_training.text) == (state == "lab2")
    assert "model.fit(" not in lab.copy_code.text
    compile(lab.copy_training.text, "training", "exec")


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    ("order", "joint"),
    [("cnn", "dense"), ("lstm", "dense"), ("cnn-lstm", "dense"), ("lstm-cnn", "steps"), ("parallel", "dense"),
     ("convlstm", "dense")],
)  # fmt: skip
def test_what_an_answer_after_each_frame_has_seen(order, joint, both):
    state = usual("digits", order).change("clip", (4, 12)).change("joint.kind_of", joint)
    state = state.change("convolutions", [CONV(4, 3)]).change("answer.each", True)
    state = state.change("lstm", (5, 1, both, "all"))
    network, clip = assembly.model(state), np.random.default_rng(0).random((1, 4, 12, 12, 1))
    others = np.repeat(clip, 4, axis=0)
    others[range(4), range(4)] += 1  # in each, another frame is brighter
    apart = np.abs(network(others)["digit"] - network(clip)["digit"]).max(axis=-1)
    seen = (apart > 1e-7).T  # of an answer: the frames that it has seen
    words = assembly.summary(assembly.compose(state))
    causal = not np.triu(seen, 1).any()
    if "up to its own" in words:
        assert causal
        assert np.tril(seen).sum() == 10
    else:
        assert f"Each answer has seen up to {seen.sum(axis=1).max()} of 4 frames" in words
    told = "lower than that of an answer at the end" in "".join(note.text for note in advice.advise(state))
    assert told == ("up to its own" in words or (order == "lstm-cnn" and not both))


def test_an_answer_after_each_frame_is_trained_on_each():
    lab = trained(SMALL.change("answer.each", True).change("lstm.hands_on", "all").change("budget.epochs", 1))
    run = lab.training.run
    assert run.problem == ""
    assert run.model.output["motion"].shape == (None, 8, 8)
    assert "the mean over all frames" in lab.notes.lines[0][0].value
    assert "digit: 8×10" in lab.picture.value
    assert "(8 classes) after each frame" in lab.alt
    x = run.examples.x[0]
    every = {label: np.asarray(values)[0] for label, values in run.model(x[None]).items()}
    for step in (1, 3, 8):
        answers, _ = inside.answer_after(run.built, x, step)
        for label, values in answers.items():
            np.testing.assert_allclose(values, every[label][step - 1], atol=1e-5)
    lab.panels.value = "inside"
    assert lab.inside.message.value == ""


def test_runs_are_kept_named_compared_and_matched():
    lab = trained(SMALL)
    training = lab.training
    training.name.value = "another seed"
    lab.controls["seed"].value = 5
    training.buttons["step"].click()
    assert training.wait(120)
    assert [run.letter for run in training.runs] == ["A", "B"]
    assert training.runs[1].name == "another seed"
    assert training.runs[1].history["digit"][0] != training.runs[0].history["digit"][0]
    assert "earlier run A" in training.picture.value
    training.buttons["stop"].click()
    assert "another seed" in training.table.value
    assert training.progress.value == 0
    lab.controls["order"].value = "lstm"
    assert training.other.value == training.runs[-1].letter
    training.other.value = "A"
    lab.controls["clip.size"].value = 48
    before = lab.state
    training.match.click()
    assert "Cannot be matched" in training.matched.value  # an LSTM on the pixels is larger even with one unit
    assert lab.state == before
    lab.state = SMALL.change("joint.units", 9)
    training.match.click()
    assert "parameters of run A" in training.matched.value
    assert lab.state.lstm.units < 8
    lab.controls["lstm.units"].value = 30
    assert training.matched.value == ""
    lab.controls["task"].value = "reviews"
    training.match.click()
    assert "another task" in training.matched.value
    assert "still empty" in training.picture.value
    training.take.click()
    assert lab.state == training.runs[0].state


def test_a_run_can_be_renamed_and_deleted_and_the_others_stay():
    lab = trained(SMALL.change("budget", (1, "quarter")))
    training, inside = lab.training, lab.inside
    lab.controls["seed"].value = 5
    training.start()
    assert training.wait(120)
    first, second = training.runs
    lab.panels.value = "inside"
    training.other.value = "B"
    assert inside.run.value == "B"
    assert training.new_name.value == second.name
    shown = []
    training.new_name.observe(lambda change: shown.append(change["new"]), "value")
    training.new_name.value = "  wider <b> "
    assert set(shown) == {"  wider <b> ", "wider <b>"}  # any other would replace what is typed meanwhile
    assert second.name == training.new_name.value == "wider <b>"
    assert "wider &lt;b&gt;" in training.table.value
    assert ("B: wider <b>", "B") in training.other.options
    assert ("B: wider <b>", "B") in inside.run.options
    assert "new name" in training.matched.value
    training.new_name.value = "wider <b> "
    assert training.new_name.value == "wider <b>"
    taken = "Run A has this name: run B keeps its own"
    for name, said in (("  ", "A run needs a name"), (first.name, taken)):
        training.new_name.value = name
        assert said in training.matched.value
        assert second.name == training.new_name.value == "wider <b>"
    training.other.value = "A"
    assert training.matched.value == ""
    assert training.new_name.value == first.name

    training.other.value = "B"
    assert training.discard.description == "Delete run B"
    training.discard.click()
    assert training.runs == [first]
    assert training.run is None
    assert "wider" not in training.table.value
    assert f"<td>{first.parameters:,}</td>" in training.table.value
    assert "Run B is deleted" in training.matched.value
    assert training.discard.description == "Bring back run B"  # whoever clicks twice loses nothing
    training.discard.click()
    assert training.runs == [first, second]
    assert training.other.value == "B"
    training.discard.click()
    assert training.other.value is None
    training.other.value = "A"
    assert training.discard.description == "Delete run A"
    assert inside.run.value == "A"
    assert inside.message.value == ""
    training.step()  # letters are never given twice
    assert training.wait(120)
    assert [run.letter for run in training.runs] == ["A", "C"]
    assert inside.run.value == "C"
    for letter in ("C", "A"):
        training.other.value = letter
        training.discard.click()
    assert training.runs == []
    assert "are kept here" in training.table.value
    assert "Nothing is trained yet" in inside.message.value
    training.discard.click()
    assert training.runs == [first]


def test_a_run_under_way_goes_on_when_the_dials_move_and_is_not_deleted():
    lab = labs.ArchitectureLab(SMALL)
    training = lab.training
    training.step()
    assert training.wait(120)
    assert training.run.status == "paused"
    lab.controls["lstm.units"].value = 9
    assert "The dials have moved" in training.notes.lines[0][0].value
    assert training.run.state.lstm.units == 8
    assert training.discard.disabled
    training.delete()
    assert len(training.runs) == 1
    training.stop()
    assert "The dials have moved" not in training.notes.lines[0][0].value
    assert not training.discard.disabled
    training.discard.click()
    assert training.runs == []


@pytest.mark.usefixtures("in_graphs")  # it goes by the time of a batch
def test_a_small_run_does_not_promise_that_a_large_one_takes_no_time():
    lab = trained(SMALL)
    lab.state = OURS
    assert "judging by the last run" in lab.training.budget.value
    seconds = int(re.search(r"[Aa]bout (\d+) s", lab.training.budget.value)[1])
    assert seconds > panel.START_UP


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("clip.channels", 3), "are grey"),
        (("clip", (8, 24, 48)), "are square"),
        (("clip", (4, 224)), "at most 128 pixels"),
        (("answer.labels", "action"), "5 classes"),
        (("convolutions", [(4, 11, 4, 4, "valid")] * 2), "It has to fit first"),
    ],
)
def test_what_cannot_be_trained_is_explained_and_mended(change, said):
    check_mended(labs.ArchitectureLab(SMALL.change(*change)), said)


def check_mended(lab, said):
    """What is dialled is not trained, which is told; buttons lead to something that can be."""
    training = lab.training
    assert re.search(said, training.notes.lines[0][0].value)
    assert training.buttons["start"].disabled
    training.start()
    assert training.runs == []
    lab.notes.fix()
    for _ in range(3):
        if training.buttons["start"].disabled:
            training.notes.fix()
    assert not training.buttons["start"].disabled


# Bytes by which ru_maxrss grew while three batches were trained, under Linux on two cores.


@pytest.mark.parametrize(("state", "told"), cases.told("memory"))
def test_the_memory_of_a_training_is_judged_within_a_factor_of_two(state, told, monkeypatch):
    monkeypatch.undo()  # as many clips as learners get
    ((_, peak),) = told
    ratio = sum(memory.needed(LabState.parse(state)).values()) / (float(peak) * 1e6)
    assert 0.5 < ratio < 2


@pytest.mark.parametrize(
    ("state", "most"),
    [("lab2;clip=f32.s128;convolutions=f256.k3;joint=max", "activations"),
     ("lab2;clip=f8.s128;convolutions=f64.k3;joint=flatten;lstm=u512.l3.b1", "weights")],
)  # fmt: skip
def test_what_does_not_fit_into_the_memory_is_refused_and_mended(state, most, monkeypatch):
    lab = labs.ArchitectureLab(state)
    assert re.search(r"About \d+\.\d GB of memory", lab.training.budget.value)
    check_mended(lab, rf"would take \d+\.\d GB of memory, most of it for its {most}")
    assert sum(memory.needed(lab.state).values()) < 8e9
    monkeypatch.setattr(memory, "available", lambda: 1e6)
    lab.training.start()
    assert lab.training.runs == []


def test_the_memory_that_is_free_is_that_of_the_container(monkeypatch, tmp_path):
    monkeypatch.undo()
    free = memory.available()
    assert 0 < free <= psutil.virtual_memory().total
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("3000000\n")
    used.write_text("1000000\n")
    monkeypatch.setattr(memory, "LIMIT", limit)
    monkeypatch.setattr(memory, "USED", used)
    assert memory.available() == 2_000_000
    limit.write_text("max\n")
    assert memory.available() > 2_000_000


def test_a_failure_is_explained_and_loses_nothing(monkeypatch):
    def spoiled(state):
        found = tasks.feed(state)

        def compose(split, epoch):
            part = found.data.compose(split, epoch)
            if epoch == 1:
                part.x[40] = np.nan  # in the second batch
            return part

        return dataclasses.replace(found, data=dataclasses.replace(found.data, compose=compose))

    monkeypatch.setattr(trainer, "feed", spoiled)
    # On some processors a convolution fused with its ReLU makes 0 of what is no number; an LSTM never does.
    training = trained(SMALL.change("order", "lstm")).training
    assert training.run.status == "failed"
    assert "no longer a number, in epoch 2" in training.notes.lines[0][0].value
    assert training.run.epochs == 1
    assert training.run.scores
    assert all(np.isfinite(w).all() for w in training.run.model.get_weights())
    assert not training.buttons["start"].disabled


def test_a_training_that_takes_too_long_asks_first():
    lab = labs.ArchitectureLab(SMALL.change("budget", (30, "all")))
    training = lab.training
    training.start()
    training.run.patience = 0
    assert training.wait(120)
    assert training.run.status == "paused"
    assert "Press Resume" in training.notes.lines[0][0].value
    training.stop()
    assert training.runs == []


class Enough(Exception):
    """Compiled: what would be trained does not matter."""


class OnlyCounted:
    """Data of so many training clips, for a recipe that asks how many there are."""

    def __init__(self, clips):
        self.train, self.class_names = range(clips), {"digit": tuple("0123456789")}

    def recompose(self, epoch):
        raise Enough


@pytest.mark.parametrize(("clips", "epochs"), [(3200, 14), (3200, 1), (320, 2), (64, 1), (32, 1), (80, 30)])
def test_the_recipe_is_that_of_lesson_04(clips, epochs):
    train = common.definitions_of("04_cnn_lstm_video", ["train"])["train"]
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(10, name="digit")])
    with pytest.raises(Enough):
        train(model, OnlyCounted(clips), 4e-3, epochs)
    taught, steps = model.optimizer, -(-clips // 32) * epochs
    state = OURS.change("answer.labels", "digit").change("budget.epochs", epochs)
    names = {"keras": keras, "math": math, "model": model, "data": OnlyCounted(clips)}
    exec(trainer.compiling(state), names)
    ours = model.optimizer
    assert names["steps"] == steps
    assert names["warm_up"] == trainer.warm_up(steps)
    rates = [[float(one._learning_rate(step)) for step in range(steps + 1)] for one in (ours, taught)]
    assert rates[0] == rates[1]
    taught, ours = taught.get_config(), ours.get_config()
    assert ours["clipnorm"] == 1.0
    assert {key for key in ours if ours[key] != taught[key]} <= {"name", "learning_rate"}


# ------------------------------------------------------------------------------------------ data of a lab


def test_reviews_are_read_from_the_right_end():
    feed = tasks.feed(usual("reviews", "lstm").change("text", ("sentences", 20, 1000, 8)))
    x = feed.data.recompose(0).x
    assert x.shape == (len(feed.data.train), 20)
    assert x.max() < 1000
    first = np.argmax(x > 0, axis=1)
    assert all((row[n:] > 0).all() for row, n in zip(x[:200], first[:200], strict=True))
    number, labels, words = feed.examples(["sentiment"]).example(3)
    assert [bool(word) for word in words] == list(number > 0)
    assert words[-1] != ""
    assert labels["sentiment"] in (0, 1)


def test_the_baseline_of_traffic_is_the_same_hour_of_last_week():
    feed = tasks.feed(usual("traffic", "lstm"))
    x, y = feed.data.validation.x, feed.data.validation.y
    guess = x[:, :24, 0]
    error = np.abs(guess - y["volume"]).mean() * 1000
    assert feed.baseline["volume"] == (pytest.approx(error), "same hour last week")
    assert x.shape[2] == len(FEATURES)


def test_what_is_said_of_the_data_before_it_is_read_is_nearly_right():
    for task, kind in TASKS.items():
        state = usual(task, "lstm")
        found = len(tasks.feed(state).data.train)
        assert found == pytest.approx(kind.size(state.entry)[0], rel=0 if kind.exact else 0.02)


def test_clips_of_any_size_fit_into_memory():
    for frames, size in itertools.product((1, 8, 32), (8, 24, 128, 224)):
        count = tasks.clips_that_fit(blocks.Clip(frames, size))
        assert 80 <= count <= 3200
        assert count == 80 or count * frames * size * size * 4 <= tasks.ROOM
