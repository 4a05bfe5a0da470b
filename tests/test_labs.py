"""The labs, tested by turning their dials and looking at what comes out."""

import itertools
import re
import threading
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from course_utils import datasets, labs
from course_utils.labs import base, blocks, diagram, trainer, video

# ------------------------------------------------------------------------------------------- states


def any_of(block):
    return st.builds(block, **{name: st.sampled_from(dial.choices) for name, dial in block.dials().items()})


STATES = st.builds(
    labs.VideoState,
    clip=any_of(blocks.Clip),
    convolutions=st.lists(any_of(blocks.Convolution), min_size=1, max_size=4).map(tuple),
    joint=any_of(blocks.Joint),
    lstm=any_of(blocks.Memory),
    answer=any_of(blocks.Answer),
    budget=any_of(blocks.Budget),
    seed=st.integers(0, 999),
)
CONV = blocks.Convolution
NASTY = [
    labs.OURS.change("clip", (1, 8, 1)),
    labs.OURS.change("clip", (32, 128, 3)).change("lstm", (512, 3, True)).change("joint", "flatten"),
    labs.OURS.change("convolutions", [CONV(16, 11, 1, 1, "valid")]).change("clip.size", 8),
    labs.OURS.change("convolutions", [CONV(4, 1, 4, 4)] * 4).change("clip.size", 8),
    labs.OURS.change("convolutions", [CONV(128, 11, 4, 4, "valid")] * 4),
    labs.OURS.change("convolutions", [CONV(4, 8 - 1, 1, 4, "valid"), CONV(4, 1, 1, 2)]).change(
        "clip.size", 8
    ),
    labs.OURS.change("convolutions", [CONV(128, 1)] * 4).change("clip.size", 128).change("joint", "flatten"),
    labs.TEXTBOOK.change("clip", (8, 128, 3)),
    labs.POOLED.change("convolutions", [CONV(4, 1)]).change("answer", "move"),
]


def with_examples(test):
    for state in NASTY:
        test = example(state)(test)
    return test


def drawn_shapes(svg):
    """The shapes written into a diagram, in the order of the stages; it must be valid XML with a label."""
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert len(root.get("aria-label")) > 30
    assert not re.search(r"\b(nan|inf)\b", svg)
    groups = [group for group in root.iter("{http://www.w3.org/2000/svg}g") if group.get("data-shape")]
    for group in groups:
        shape = group.get("data-shape").split(",")
        assert "×".join(shape) in "".join(group.itertext())
    return sorted((g.get("data-stage"), tuple(map(int, g.get("data-shape").split(",")))) for g in groups)


def keras_shapes(state):
    """The shapes of the real model, walked through layer by layer; nothing is allocated."""
    model = video.model(state)
    frames = (state.clip.frames,)
    network = model.get_layer("per_frame").network
    shapes = [(*frames, *layer.output.shape[1:]) for layer in network.layers]
    kinds = [type(layer).__name__ for layer in network.layers]
    if "Dense" in kinds:  # normalisation and ReLU are drawn with their dense layer
        del shapes[kinds.index("Dense") : -1]
    names = ("LSTM", "Bidirectional")
    shapes += [tuple(layer.output.shape[1:]) for layer in model.layers if type(layer).__name__ in names]
    shapes += [tuple(output.shape[1:]) for output in model.output.values()]
    return sorted(shapes), model.count_params(), tuple(model.input.shape[1:])


@settings(max_examples=200)
@with_examples
@given(STATES)
def test_a_diagram_shows_the_shapes_and_parameters_of_the_real_model(state):
    made = video.compose(state)
    shapes = drawn_shapes(diagram.diagram(made))
    assert diagram.alt(made)
    if made.broken:
        with (
            pytest.raises(ValueError, match="does not fit"),
            keras.StatelessScope(initialize_variables=False),
        ):
            video.model(state)
        assert shapes == sorted((fact.title, fact.shape) for fact in made.facts)
        assert made.notes[0].level == "broken"
        assert video.compose(made.notes[0].fixed).broken is None
        return
    found = []

    def build():  # in a thread of its own, with which Keras's list of variables without values ends
        with keras.StatelessScope(initialize_variables=False):
            found.append(keras_shapes(state))

    worker = threading.Thread(target=build)
    worker.start()
    worker.join()
    expected, parameters, clip = found[0]
    assert sorted(shape for _, shape in shapes) == expected
    assert made.parameters == parameters
    assert made.facts[0].shape == clip
    for note in made.notes:
        assert note.fixed is None or video.compose(note.fixed).broken is None


@given(STATES)
def test_a_state_survives_its_string(state):
    assert labs.VideoState.parse(str(state)) == state
    assert labs.VideoState.parse(f"  {state}\n") == state


GOOD = str(labs.OURS)


@given(
    st.one_of(
        st.text(max_size=60),
        st.text(max_size=20).map(lambda text: f"video1;{text}"),
        st.tuples(st.integers(0, len(GOOD)), st.text(max_size=3)).map(lambda cut: GOOD[: cut[0]] + cut[1]),
        st.tuples(st.integers(0, len(GOOD) - 1), st.characters()).map(
            lambda c: GOOD[: c[0]] + c[1] + GOOD[c[0] + 1 :]
        ),
        st.integers(5, 5000).map(lambda n: f"video1;seed={'9' * n}"),
    )
)
def test_a_bad_string_is_explained(text):
    said = ""
    try:
        state = labs.VideoState.parse(text)
    except ValueError as problem:
        said = str(problem)
    if said:
        assert said[0].isupper() or said[0] == "'"
        assert said.endswith(".")
        assert len(said) < 300
    else:
        assert labs.VideoState.parse(str(state)) == state


def test_a_preset_with_an_impossible_value_names_what_is_allowed():
    with pytest.raises(ValueError, match="kernel cannot be 6: it can be 1, 2, 3"):
        labs.ArchitectureLab(convolutions=[(16, 6)])
    with pytest.raises(ValueError, match="frames cannot be 0: it can be 1 to 32"):
        labs.ArchitectureLab(clip=(0, 24))
    with pytest.raises(ValueError, match="5 rows"):
        labs.ArchitectureLab(convolutions=[16] * 5)


# -------------------------------------------------------------------------------- numbers, by slow means


@pytest.mark.parametrize(
    "rows",
    [
        [(4, 5, 2), (4, 3, 2), (4, 3)],
        [(4, 3, 1, 2, "valid"), (4, 3, 1, 2, "valid")],
        [(4, 7, 1, 3), (4, 1, 2), (4, 2)],
        [(4, 2, 4), (4, 3)],
    ],
)
def test_the_receptive_field_is_what_a_nudged_pixel_reaches(rows):
    size = 48
    state = labs.OURS.change("clip.size", size).change("convolutions", rows).change("joint", "flatten")
    network = video.model(state).get_layer("per_frame").network
    maps = keras.Model(network.input, network.layers[-2].output)
    for weight in maps.weights:  # with weights of one, more light anywhere in the field gives more everywhere
        weight.assign(np.ones(weight.shape) * (len(weight.shape) > 1))
    line = np.ones((size + 1, size, size, 1), "float32")
    line[np.arange(size), np.arange(size)] += 1  # clip r has a brighter row r; the last one has none
    out = maps.predict(line, verbose=0)
    middle = out[:, out.shape[1] // 2, out.shape[2] // 2, 0]
    reached = np.flatnonzero(middle[:-1] != middle[-1])
    fact = [fact for fact in video.compose(state).facts if len(fact.shape) == 4][-1]
    assert np.ptp(reached) + 1 == fact.sees


def counted(state):
    """Multiply-adds, counted one output number at a time."""
    total, (frames, side, _, channels) = 0, state.clip.shape
    for row in state.convolutions:
        reach = row.kernel if row.padding == "valid" else 1
        for _ in itertools.product(range(0, side - reach + 1, row.stride), repeat=2):
            total += frames * row.filters * row.kernel**2 * channels
        side, channels = len(range(0, side - reach + 1, row.stride)) // row.pool, row.filters
    width = side * side * channels if state.joint.kind_of in ("flatten", "dense") else channels
    if state.joint.kind_of == "dense":
        total += frames * width * state.joint.units
        width = state.joint.units
    for _ in range(state.lstm.layers):
        for _ in range(frames * (1 + state.lstm.both)):
            total += 4 * state.lstm.units * (width + state.lstm.units)
        width = state.lstm.units * (1 + state.lstm.both)
    return total + sum(width * count for count in state.answer.classes.values())


@pytest.mark.parametrize(
    "state",
    [
        labs.OURS,
        labs.TEXTBOOK,
        labs.POOLED,
        labs.OURS.change("lstm", (32, 2, True)).change("clip", (5, 40, 3)),
    ],
    ids=["ours", "textbook", "pooled", "deep"],
)
def test_multiply_adds_are_those_counted_by_hand(state):
    assert video.compose(state).multiply_adds == counted(state)


def test_the_textbook_on_large_frames_has_the_matrix_of_29_million_weights():
    made = video.compose(labs.TEXTBOOK.change("clip", (8, 128, 3)))
    lstm = next(fact for fact in made.facts if fact.kind == "lstm")
    assert lstm.parameters == 29_557_248
    assert "29,491,200 weights" in made.notes[0].text
    assert video.compose(made.notes[0].fixed).parameters < made.parameters / 5


# -------------------------------------------------------------------------------------- architecture lab


@pytest.fixture
def lab():
    return labs.ArchitectureLab("ours")


@pytest.mark.parametrize("path", list(labs.ArchitectureLab("ours").controls))
def test_each_dial_changes_state_and_picture(lab, path):
    control, before = lab.controls[path], lab.picture.value
    if path.startswith("convolutions.3"):
        lab.count.value = 4
        before = lab.picture.value
    options = getattr(control, "options", None)
    if options:
        control.value = next(value for _, value in options if value != control.value)
    elif isinstance(control.value, bool):
        control.value = not control.value
    else:
        control.value += 1
    assert lab.state.get(path) == control.value
    assert (lab.picture.value != before) == (path not in ("seed", "convolutions.0.padding.same"))
    assert lab.line.value == str(lab.state)
    assert control.description
    drawn_shapes(lab.picture.value)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=5, max_size=15))
def test_no_walk_over_the_dials_raises(moves):
    lab = labs.ArchitectureLab("textbook")
    dials = [*lab.controls.values(), lab.count]
    for which, where in moves:
        control = dials[which % len(dials)]
        options = getattr(control, "options", None)
        values = (
            [v for _, v in options]
            if options
            else ([False, True] if isinstance(control.value, bool) else range(1, 33))
        )
        control.value = values[where % len(values)]
        drawn_shapes(lab.picture.value)
        assert labs.VideoState.parse(lab.line.value) == lab.state
        assert lab.count.value == len(lab.state.convolutions)


def test_the_fix_button_mends_what_does_not_fit(lab):
    lab.state = NASTY[4]
    words, button = lab.notes[0]
    assert "Does not fit" in words.value
    assert "height and width" in words.value
    assert button.layout.display != "none"
    button.click()
    assert lab.composition.broken is None
    assert "does not fit" not in lab.picture.value


def test_advice_on_what_fits_but_teaches(lab):
    assert "It fits" in lab.notes[0][0].value
    lab.controls["joint.normalise"].value = False
    assert "normalises the joint" in lab.notes[0][0].value
    lab.notes[0][1].click()
    assert lab.state == labs.OURS
    lab.controls["joint.kind_of"].value = "average"
    assert "throws away where" in lab.notes[0][0].value
    assert lab.controls["joint.units"].disabled
    lab.controls["clip.frames"].value = 1
    assert "length 1" in lab.notes[1][0].value


def test_rows_that_were_hidden_come_back_as_they_were(lab):
    lab.controls["convolutions.2.filters"].value = 48
    lab.count.value = 1
    assert lab.controls["convolutions.1.kernel"].layout.display == "none"
    lab.count.value = 3
    assert lab.state == labs.OURS.change("convolutions.2.filters", 48)


def test_a_string_pasted_into_a_second_lab_gives_the_same_picture(lab):
    lab.controls["lstm.units"].value = 32
    second = labs.ArchitectureLab("textbook")
    second.line.value = lab.line.value
    assert second.picture.value == lab.picture.value
    second.line.value = "video1;clip=f99"
    assert "1 to 32" in second.message.value
    assert second.picture.value == lab.picture.value
    second.back.click()
    assert second.state == labs.TEXTBOOK
    assert second.message.value == ""


def test_the_seed_decides_the_weights(lab):
    first, again = lab.model().get_weights(), lab.model().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    lab.controls["seed"].value = 1
    assert not np.array_equal(first[0], lab.model().get_weights()[0])


# ------------------------------------------------------------------------------------ what a notebook shows


def test_a_lab_shows_itself_live_and_without_a_kernel(lab):
    bundle = lab._repr_mimebundle_()
    assert bundle["text/plain"] == "ArchitectureLab: run this cell to use the lab."
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert re.search(r'alt="[^"]{40,}"', bundle["text/html"])
    assert "image/png" in bundle


def test_a_lab_without_a_picture_of_itself_says_so_in_words():
    bundle = labs.ArchitectureLab("ours", seed=999)._repr_mimebundle_()
    assert "image/png" not in bundle
    assert "Run this cell" in bundle["text/html"]


@pytest.mark.parametrize("file", sorted(base.PREVIEWS.glob("*.png")), ids=lambda file: file.stem)
def test_no_preview_is_stale(file):
    told = Image.open(file).text
    state = labs.VideoState.parse(told["state"])
    kind = "architecture" if file.stem.startswith("architecture") else "training"
    fresh = labs.ArchitectureLab(state)
    expected = fresh.fingerprint() if kind == "architecture" else str(state)
    assert told["picture"] == expected, "make it anew: python tests/browser/screenshots.py"
    assert file.stat().st_size < 200_000


# ------------------------------------------------------------------------------------------ training lab

SMALL = labs.OURS.change("convolutions", [(4, 5, 4)]).change("joint", ("dense", 8)).change("lstm", 8)


@pytest.fixture(scope="module")
def data():
    return datasets.moving_digits(clips=(352, 64, 40))


@pytest.fixture(scope="module")
def trained(data):
    lab = labs.TrainingLab(SMALL, data, epochs=2)
    lab.start()
    assert lab.wait(120)
    return lab


def test_a_training_shows_its_budget_first(data):
    lab = labs.TrainingLab(SMALL, data, epochs=3, share="half")
    assert "3 epochs × 192 clips = 18 batches of 32" in lab.budget.value
    assert "guess" in lab.budget.value
    assert "still empty" in lab.picture.value


def test_a_training_ends_with_curves_and_a_row(trained):
    assert trained.run.status == "done"
    assert trained.run.problem == ""
    assert trained.progress.value == 1.0
    assert set(trained.run.history) == {"digit", "motion", "val_digit", "val_motion"}
    assert all(len(scores) == 2 for scores in trained.run.history.values())
    assert trained.picture.value.count('data-curve="validation"') == 2
    assert "2 of 2" in trained.table.value
    assert "Run A, 2 of 2 epochs" in trained.alt
    ET.fromstring(trained.picture.value)


def test_the_same_state_gives_the_same_numbers_whatever_else_runs(trained, data):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
    other.compile("sgd", "mse")
    noise = threading.Thread(
        target=lambda: other.fit(np.ones((640, 4)), np.ones((640, 4)), epochs=3, verbose=0)
    )
    noise.start()
    keras.utils.set_random_seed(7)
    second = labs.TrainingLab(str(trained.state), data)
    second.step()  # one epoch, a pause, and the rest: it makes no difference
    assert second.wait(120)
    assert second.run.status == "paused"
    assert second.run.epochs == 1
    assert second.buttons["start"].description == "▶ Resume"
    assert not second.buttons["start"].disabled
    second.start()
    assert second.wait(120)
    noise.join()
    assert second.run.history == trained.run.history


def test_runs_are_kept_named_and_compared(trained):
    trained.name.value = "another seed"
    trained.controls["seed"].value = 5
    trained.buttons["step"].click()
    assert trained.wait(120)
    assert [run.letter for run in trained.runs] == ["A", "B"]
    assert trained.runs[1].name == "another seed"
    assert trained.runs[1].history["val_digit"][0] != trained.runs[0].history["val_digit"][0]
    assert "earlier run A" in trained.alt
    trained.buttons["reset"].click()
    assert "another seed" in trained.table.value
    assert trained.progress.value == 0


def test_a_training_lab_follows_the_architecture_lab(lab, data):
    training = labs.TrainingLab(lab, data, epochs=3)
    lab.controls["lstm.units"].value = 48
    assert training.state == lab.state
    assert lab.state.budget.epochs == 3
    assert "LSTM 48" in training.composed.value
    training.line.value = str(labs.POOLED)
    assert lab.state.joint.kind_of == "max"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("clip", (12, 24)), "12 frames of 24×24"),
        (("clip", (8, 24, 3)), "3 channels"),
        (("answer", "move"), "asks for digit (10 classes) and motion (8 classes)"),
        (("convolutions", [(4, 11, 4, 4, "valid")] * 2), "does not fit"),
    ],
)
def test_what_cannot_be_trained_is_explained_and_mended(data, change, said):
    training = labs.TrainingLab(SMALL.change(*change), data)
    assert said in training.notes[0][0].value
    assert training.buttons["start"].disabled
    training.start()
    assert training.runs == []
    training.notes[0][1].click()
    assert not training.buttons["start"].disabled


def test_a_failure_is_explained_and_loses_nothing(data):
    class Spoiled:
        train, validation, class_names = data.train, data.validation, data.class_names

        def recompose(self, epoch):
            clips = data.recompose(epoch)
            if epoch == 1:
                clips.x[70] = np.nan  # in the third batch
            return clips

    training = labs.TrainingLab(SMALL, Spoiled(), epochs=2)
    training.start()
    assert training.wait(120)
    assert training.run.status == "failed"
    assert "no longer a number, in epoch 2" in training.notes[0][0].value
    assert training.run.epochs == 1
    assert training.run.scores
    assert all(np.isfinite(w).all() for w in training.run.model.get_weights())
    assert not training.buttons["start"].disabled


def test_a_training_that_takes_too_long_asks_first(data):
    training = labs.TrainingLab(SMALL, data, epochs=30)
    training._go(None)
    training.trainer.patience = 0
    assert training.wait(120)
    assert training.run.status == "paused"
    assert "Press Resume" in training.notes[0][0].value
    training.reset()
    assert training.runs == []


def test_the_recipe_is_the_one_the_course_teaches():
    model = trainer.compiled(SMALL, 1400)
    rate = model.optimizer._learning_rate
    assert model.optimizer.clipnorm == 1.0
    assert float(rate(0)) < 1e-4
    assert float(rate(100)) == pytest.approx(2e-3, rel=1e-3)
    assert float(rate(1400)) == pytest.approx(0, abs=1e-6)
