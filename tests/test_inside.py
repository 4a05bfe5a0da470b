"""Looking inside: what is shown equals what Keras computes, and the panel follows every control."""

import itertools
import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import small_labs
from small_labs import build, example, run, small

from course_utils.labs.architecture import assembly, inside
from course_utils.labs.architecture import inside_pictures as pictures
from course_utils.labs.architecture.blocks import Convolution
from course_utils.labs.architecture.inside_panel import Inside
from course_utils.labs.architecture.state import ORDERS
from course_utils.labs.architecture.tasks import TASKS
from course_utils.labs.core.lstm import run_lstm
from course_utils.labs.core.pointer import CopyButton, MapPicker


def outputs(built, x):
    made = built.model(x[None], training=False)
    made = made if isinstance(made, dict) else {next(iter(built.state.classes)): made}
    return {label: np.asarray(values[0]) for label, values in made.items()}


def fitting():
    for task, order, attention in itertools.product(TASKS, ORDERS, (False, True)):
        if (task, order) != ("reviews", "convlstm"):
            yield pytest.param(task, order, attention, id=f"{task} {order}{' attention' * attention}")


# -------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(("task", "order", "attention"), list(fitting()))
def test_the_trace_of_a_composition_agrees_with_its_model(task, order, attention):
    state = small(task, order, attention)
    built = build(state)
    x = example(state)[0]
    trace = inside.trace(built, x)
    expected = outputs(built, x)
    answers, how = inside.answer_after(built, x, len(x))
    assert how.startswith("every ")
    for label, values in expected.items():
        np.testing.assert_allclose(trace.answers[label], values, atol=1e-5)
        np.testing.assert_allclose(answers[label], values, atol=1e-5)
    assert (trace.attention is not None) == attention
    if attention:
        assert trace.attention.sum() == pytest.approx(1, abs=1e-5)
    assert len(trace.maps) == sum(fact.part in ("cnn", "convlstm") for fact in built.facts)
    assert len(trace.lstms) == state.has_lstm
    check_sums(trace, state)


def check_sums(trace, state, seed=0):
    rng = np.random.default_rng(seed)
    for stage, maps in enumerate(trace.maps):
        step = int(rng.integers(state.steps))
        plane = maps.at(step, maps.gives)
        corners = [(0, 0, 0), tuple(n - 1 for n in plane.shape)]
        for row, column, filter in corners + [tuple(map(int, rng.integers(plane.shape))) for _ in range(6)]:
            if maps.kind == "recurrent":
                with pytest.raises(ValueError, match="not one sum"):
                    inside.explain(trace, stage, step, row, column, filter)
                continue
            one = inside.explain(trace, stage, step, row, column, filter)
            assert one.value == pytest.approx(plane[row, column, filter], abs=1e-4)
            assert not np.any(one.patch[~one.inside])
            assert one.inside.shape == one.patch.shape[: maps.axes]
            if maps.kind == "convolution":
                assert one.products.sum() + one.bias == pytest.approx(one.total, abs=1e-6)
                np.testing.assert_allclose((one.patch * one.kernel).sum(), one.products.sum(), atol=1e-4)


@pytest.mark.parametrize(
    "rows",
    [
        [(4, 5, 3, 1, "same")],
        [(4, 4, 2, 1, "same"), (4, 2, 2, 1, "valid")],
        [(4, 3, 1, 2, "valid"), (4, 3, 1, 1, "same")],
        [(4, 3, 4, 1, "same"), (4, 2, 1, 2, "same")],
        [(4, 5, 2, 1, "same", True), (4, 2, 1, 2, "valid", True)],
    ],
)
@pytest.mark.parametrize(("task", "order"), [("digits", "cnn-lstm"), ("traffic", "cnn"), ("reviews", "cnn")])
def test_sums_are_right_for_any_window(task, order, rows):
    state = small(task, order).change("convolutions", rows).change("clip", (3, 8, 12, 3))
    built = build(state)
    built.model.set_weights([weights + 0.1 for weights in built.model.get_weights()])  # all averages, too
    x = example(state, 3)[0]
    trace = inside.trace(built, x)
    check_sums(trace, state, 3)
    # What lies outside of what a value is said to see does not change it.
    stage = len(trace.maps) - 1
    maps = trace.maps[stage]
    row, column = (n // 2 for n in maps.at(0, maps.gives).shape[:2])
    top, left, bottom, right = inside.sees(trace, stage, row, column)
    other = example(state, 4)[0]
    if task == "digits":
        other[:, top:bottom, left:right] = x[:, top:bottom, left:right]
    else:
        other[left:right] = x[left:right]
    again = inside.trace(built, other).maps[stage]
    value, same = (m.at(0, m.gives)[row, column] for m in (maps, again))
    np.testing.assert_allclose(value, same, atol=1e-5)


@pytest.mark.parametrize(
    ("task", "order", "layers", "both", "every"),
    [
        ("digits", "lstm", 2, True, "last"),
        ("digits", "cnn-lstm", 1, True, "all"),
        ("digits", "parallel", 3, False, "last"),
        ("reviews", "lstm-cnn", 2, True, "all"),
        ("reviews", "cnn-lstm", 1, False, "last"),
        ("traffic", "lstm", 1, True, "last"),
        ("traffic", "parallel", 2, False, "last"),
    ],
)
def test_gates_give_what_the_keras_layer_gives(task, order, layers, both, every):
    state = small(task, order).change("lstm", (5, layers, both, every))
    built = build(state)
    x = example(state)[0]
    lstms = list(inside.trace(built, x).lstms)
    assert len(lstms) == layers * (1 + both)
    for fact in [fact for fact in built.facts if fact.part == "lstm"]:
        expected = keras.Model(built.model.input, fact.gives).predict_on_batch(x[None])[0]
        parts = [lstms.pop(0) for _ in range(1 + both)]
        if expected.ndim == 1:  # the backward one has read everything at the first step
            states = [part.hidden[0 if number else -1] for number, part in enumerate(parts)]
        else:
            states = [part.hidden for part in parts]
        np.testing.assert_allclose(np.concatenate(states, axis=-1), expected, atol=1e-5)
        for part in parts:
            for gate in (part.input, part.forget, part.output):
                assert gate.min() >= 0
                assert gate.max() <= 1
            np.testing.assert_allclose(part.hidden, part.output * np.tanh(part.cell), atol=1e-12)
    np.testing.assert_allclose(
        parts[0].cell[1:],
        parts[0].forget[1:] * parts[0].cell[:-1] + parts[0].input[1:] * parts[0].candidate[1:],
    )


def test_columns_are_read_from_left_to_right_frame_by_frame():
    state = small("digits", "cnn-lstm").change("joint.kind_of", "columns")
    built, x = build(state), example(state)[0]
    maps, lstm = inside.trace(built, x).maps[-1], next(fact for fact in built.facts if fact.part == "lstm")
    read = keras.Model(built.model.input, lstm.given).predict_on_batch(x[None])[0]
    frames, _, width, _ = maps.gives.shape
    for step, (frame, column) in enumerate(itertools.product(range(frames), range(width))):
        np.testing.assert_allclose(read[step], maps.gives[frame, :, column].ravel(), atol=1e-6)
    assert len(inside.trace(built, x).lstms[0].cell) == frames * width == step + 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("order", ["cnn", "lstm-cnn", "parallel"])
def test_an_answer_knows_nothing_of_later_steps(task, order):
    state = small(task, order)
    built = build(state)
    x, other = example(state)[0], example(state, 9)[0]
    for step in (1, 2, len(x) - 1):
        mixed = np.concatenate([x[:step], other[step:]])
        first, how = inside.answer_after(built, x, step)
        second, _ = inside.answer_after(built, mixed, step)
        assert "come" in how or "ended" in how
        for label in state.classes:
            np.testing.assert_array_equal(first[label], second[label])


def test_a_clip_that_ends_early_is_answered_as_by_a_network_for_short_clips():
    for order in ("cnn-lstm", "lstm", "convlstm", "parallel"):
        state = small("digits", order, attention=order == "lstm")
        built, brief = build(state), assembly.build(state.change("clip.frames", 2))
        brief.model.set_weights(built.model.get_weights())
        x = example(state)[0]
        answers, how = inside.answer_after(built, x, 2)
        assert how == "as if the clip ended here"
        for label, values in outputs(brief, x[:2]).items():
            np.testing.assert_allclose(answers[label], values, atol=1e-5)


def test_where_too_few_frames_are_left_black_ones_take_their_place():
    state = small("digits", "lstm-cnn").change("convolutions", [Convolution(4, 3, padding="valid")])
    built = build(state)
    x = example(state)[0]
    assert "black" in inside.answer_after(built, x, 2)[1]
    flat = build(state.change("joint.kind_of", "flatten"))
    assert "black" in inside.answer_after(flat, x, 2)[1]


def test_looking_inside_follows_the_training_and_leaves_the_model_alone():
    state = small("digits", "cnn-lstm", True)
    built = assembly.build(state)
    x = example(state)[0]
    before = inside.trace(built, x).answers, inside.answer_after(built, x, 2)[0]
    built.model.set_weights([weights + 0.1 for weights in built.model.get_weights()])
    expected = outputs(built, x)
    for label, values in expected.items():
        np.testing.assert_allclose(inside.trace(built, x).answers[label], values, atol=1e-6)
        assert not np.allclose(before[1][label], inside.answer_after(built, x, 2)[0][label])
    built.model.compile(
        "sgd", dict.fromkeys(state.classes, "sparse_categorical_crossentropy"), run_eagerly=True
    )
    built.model.train_on_batch(x[None], dict.fromkeys(state.classes, np.zeros(1)))


def value(words):
    return float(words.replace("−", "-"))


def read_curves(shown):
    """What a picture of gates shows: curves in the units of their axes, the axes, columns of numbers, alt."""
    root = ET.fromstring(re.search(r"<svg.*?</svg>", shown, re.S)[0])
    words = [(float(one.get("x")), float(one.get("y")), one.text) for one in root.iter() if one.text]
    labels = sorted((y - 5, value(said)) for x, y, said in words if x == pictures.START - 6)
    axes, curves = dict(zip(pictures.GATES, zip(labels[::2], labels[1::2]), strict=True)), {}
    for one in root.iter():
        if name := one.get("data-curve"):
            heights = np.array([float(y) for y in re.findall(r",([\d.]+)", one.get("d"))])
            (top, high), (bottom, low) = axes[name.split()[-1]]
            curves[name] = low + (bottom - heights) / (bottom - top) * (high - low)
    columns = [
        [value(said) for x, y, said in words if x == at and y > 40]
        for at in (pictures.UNIT_COLUMN, pictures.MEAN_COLUMN)
    ]
    return curves, {name: (low, high) for name, ((_, high), (_, low)) in axes.items()}, columns, root


@pytest.mark.parametrize("seed", range(12))
def test_the_curves_of_an_lstm_are_its_numbers(seed):
    rng = np.random.default_rng(seed)
    steps, units, backward = int(rng.integers(1, 60)), int(rng.integers(1, 9)), bool(seed % 2)
    size = float(rng.choice([0.1, 1, 3]))
    weights = [rng.normal(0, size, shape) for shape in ((3, 4 * units), (units, 4 * units), 4 * units)]
    given = rng.normal(size=(steps, 3))
    lstm = run_lstm("an LSTM", given, *weights, backward=backward)
    expected, cell = {name: getattr(lstm, name) for name in pictures.GATES}, lstm.cell
    assert lstm.most_changing == np.argmax([max(0, *c) - min(0, *c) for c in [[0, *c] for c in cell.T]])
    now, unit = int(rng.integers(steps)), int(rng.integers(units))
    curves, axes, columns, root = read_curves(pictures.gates(lstm, now, "hour 7", unit))
    for row, (name, values) in enumerate(expected.items()):
        low, high = axes[name]
        if name == "cell":
            assert low <= min(0, cell.min())
            assert high >= max(0, cell.max())
        else:
            assert (low, high) == (-1 if name in ("candidate", "hidden") else 0, 1)
        close = {"rtol": 0, "atol": 0.06 / pictures.ROW * (high - low)}  # y is written with one digit
        over = values.repeat(2, axis=0) if steps == 1 else values
        np.testing.assert_allclose(curves[name], over[:, unit], **close)
        np.testing.assert_allclose(curves[f"mean {name}"], over.mean(axis=1), **close)
        first, third = np.split(curves[f"half {name}"], 2)
        np.testing.assert_allclose([first, third[::-1]], np.quantile(over, [0.25, 0.75], axis=1), **close)
        shown = [column[row] for column in columns]
        np.testing.assert_allclose(shown, [values[now, unit], values[now].mean()], rtol=0, atol=0.00501)
    alt, course = root.get("aria-label"), cell[:, unit]
    assert f"unit {unit + 1} of {units}: over {steps} steps its cell state is lowest, " in alt
    ends = re.search(r"lowest, (\S+) at step (\d+), and highest, (\S+) at step (\d+)\. At hour 7: input", alt)
    assert [int(ends[2]), int(ends[4])] == [course.argmin() + 1, course.argmax() + 1]
    np.testing.assert_allclose([value(ends[1]), value(ends[3])], [course.min(), course.max()], atol=0.00501)


def test_an_answer_that_stays_is_written_once_and_ticked_where_it_is_true():
    words = ("left", "down right", "up")
    shares = np.eye(3)[[0, 0, 0, 1, 2, 2, 2, 2]] * 0.8
    root = ET.fromstring(pictures.course("motion", shares, words, 2, now=3))
    assert [one.text for one in root.iter() if one.text] == [
        "motion after each frame", "left", "down", "right", "up ✓",
    ]  # fmt: skip
    assert "left, left, left, down right, up, up, up, up; true is up" in root.get("aria-label")
    crowded = ET.fromstring(pictures.course("motion", shares.repeat(4, axis=0)[3:], words, 2, now=0))
    assert [one.text for one in crowded.iter() if one.text][-1] == "up ✓"


# ---------------------------------------------------------------------------------------------- panel


PARTS = ("seen", "answers", "caption", "sum", "gates", "attention")


def check_pictures(panel):
    for value in (getattr(panel, part).value for part in PARTS):
        small_labs.spoken(value)
        for image in re.findall(r"<img[^>]*>", value):
            assert len(re.search(r'alt="([^"]*)"', image)[1]) > 10
        assert all(len(label) > 10 for label in re.findall(r'role="img" aria-label="([^"]*)"', value))
    for picker in (panel.sheet, panel.picker):
        if picker.image:
            assert picker.label
            assert 0 <= picker.row < picker.rows
            assert 0 <= picker.column < picker.columns


@pytest.mark.parametrize("task", TASKS)
def test_the_panel_follows_every_control_for_any_order(task):
    panel = Inside()
    for order, attention in itertools.product(ORDERS, (False, True)):
        state = small(task, order, attention)
        try:
            one = run(state)
        except ValueError:
            continue
        panel.show([one])
        for control in (panel.example, panel.step, panel.filter, panel.row, panel.column, panel.unit):
            for end in (control.max, control.min):
                control.value = end
                assert panel.message.value == ""
        for dropdown in (panel.stage, panel.lstm, panel.channel):
            for _, value in dropdown.options:
                dropdown.value = value
                assert panel.message.value == ""
            check_pictures(panel)
        assert bool(panel.attention.value) >= attention


def test_a_clip_is_shown_from_black_to_white_whatever_its_numbers(monkeypatch):
    shown = []
    monkeypatch.setattr(pictures, "picture", lambda pixels, *_: shown.append(pixels[..., 0]) or "")
    clip = np.linspace(-3, 2, 36).reshape(4, 3, 3, 1)
    pictures.clip(clip, 1, None)
    large, strip = shown
    assert (strip.min(), strip.max()) == (0, 255)
    assert np.all(np.diff(np.sort(strip, axis=None).astype(int)) <= 8)
    np.testing.assert_array_equal(large, strip[:, 3:6])
    pictures.clip(np.full((4, 3, 3, 1), 0.5), 1, None)
    assert {*shown[-1].ravel()} == {127}


def drawn(panel):
    """What each part shows."""
    images = {"sheet": panel.sheet.image, "picker": panel.picker.image}
    return {name: getattr(panel, name).value for name in PARTS} | images


def changed(panel, control, value):
    """Which of the parts that are drawn became others."""
    before = drawn(panel)
    control.value = value
    assert panel.message.value == ""
    return {name for name, shown in drawn(panel).items() if shown != before[name]}


def test_each_control_changes_what_it_is_for():
    panel = Inside()
    state = small("digits", "cnn-lstm", True).change("lstm", (5, 1, True, "all"))
    panel.show([run(state), run(state.change("seed", 5), "B")])
    assert [letter for _, letter in panel.run.options] == ["A", "B"]
    whole = {"seen", "answers", "sum", "gates", "attention", "sheet", "picker"}
    assert changed(panel, panel.step, 1) >= whole
    assert changed(panel, panel.filter, 1 + (panel.filter.value == 1)) >= {"caption", "picker"}
    assert changed(panel, panel.row, 1 + 3 * (panel.row.value == 1)) == {"seen", "sum"}
    assert changed(panel, panel.stage, 1) >= {"sheet", "picker", "sum"}
    panel.channel.value = 2
    assert changed(panel, panel.channel, 3) == {"sum"}
    assert changed(panel, panel.lstm, 1) == {"gates"}
    assert changed(panel, panel.unit, 1 + (panel.unit.value == 1)) == {"gates"}
    assert changed(panel, panel.example, 2) >= {"seen", "answers", "gates", "sheet"}
    assert panel.run.value == "B"  # the newest
    assert changed(panel, panel.run, "A") >= {"answers", "gates", "sheet"}
    assert "frame 1" in panel.gates.value


def test_pointing_at_a_map_selects():
    panel = Inside()
    panel.show([run(small("digits", "cnn-lstm"))])
    panel.picker.row, panel.picker.column = 2, 3
    assert (panel.row.value, panel.column.value) == (3, 4)
    panel.sheet.row, panel.sheet.column = 0, 1
    assert panel.filter.value == 2
    assert "filter <b>2</b>" in panel.caption.value
    panel.row.value = 1
    assert panel.picker.row == 0
    panel.show([run(small("traffic", "cnn-lstm"))])
    panel.sheet.row, panel.sheet.column = 4, 7
    assert (panel.filter.value, panel.column.value, panel.picker.column) == (5, 8, 7)
    assert panel.message.value == ""


def test_a_sum_is_normalised_before_relu():
    panel = Inside()
    panel.show([run(small("digits", "cnn-lstm").change("convolutions.0.normalise", True))])
    told = re.sub("<.*?>", "", panel.sum.value)
    told = re.search(r"together (\S+); batch normalisation: γ·\(x − μ\)/σ \+ β = (.*) = (\S+); ReLU", told)
    before, worked, after = (words.replace("−", "-").replace("·", "*") for words in told.groups())
    assert before == f"+{worked[7:12]}"
    assert eval(worked) == pytest.approx(float(after), abs=2e-3)
    check_pictures(panel)


def test_a_network_opens_at_the_unit_whose_cell_state_changes_most():
    panel = Inside()
    panel.show([run(small("digits", "lstm").change("lstm", (5, 1, True, "last")))])
    forward, backward = panel._trace.lstms
    assert panel.unit.value == forward.most_changing + 1
    panel.lstm.value = 1
    assert panel.unit.value == backward.most_changing + 1
    panel.unit.value = chosen = 1 + (panel.unit.value == 1)
    panel.example.value = 2  # of the same network: looked at in the same unit
    assert panel.unit.value == chosen
    assert f"unit {chosen} of 5" in panel.gates.value


def test_words_begin_after_the_padding_and_stand_over_their_patch():
    panel = Inside()
    panel.show([run(small("reviews", "cnn"))])
    assert (panel.step.description, panel.step.max) == ("Word", 7)
    panel.step.value = 2
    assert "<mark>&lt;bad&gt;</mark>" in panel.seen.value
    assert panel.column.value == 5
    assert "<th>not</th><th>&lt;bad&gt;</th><th>at</th>" in panel.sum.value


def test_what_is_not_trained_or_cannot_be_shown_is_said_in_the_panel():
    panel = Inside()
    assert "Nothing is trained yet" in panel.message.value
    good = run(small("traffic", "lstm"))
    panel.show(
        [SimpleNamespace(**{**vars(good), "built": None}), SimpleNamespace(**{**vars(good), "epochs": 0})]
    )
    assert "Nothing is trained yet" in panel.message.value
    panel.show([good])
    assert panel.message.value == ""
    good.examples.example = lambda number: (np.zeros((3, 2), "float32"), {}, None)
    panel.example.value = 2
    assert "cannot be shown" in panel.message.value
    panel.show([])
    assert "Nothing is trained yet" in panel.message.value


def test_the_touch_widgets_fetch_nothing():
    for made in (MapPicker(label="A map"), CopyButton(text="lab2", label="Copy the code")):
        assert "http" not in made._esm
    assert made.label == "Copy the code"


def test_reports_recompute_nothing_that_stayed_as_it_was(monkeypatch):
    calls, real = [], inside.trace
    monkeypatch.setattr(inside, "trace", lambda *args: calls.append("trace") or real(*args))
    answer = inside.answer_after
    monkeypatch.setattr(inside, "answer_after", lambda *args: calls.append("answer") or answer(*args))
    panel, one = Inside(), run(small("digits", "cnn-lstm"))
    panel.show([one])
    panel.step.value = 2
    assert calls == ["trace"] + ["answer"] * 3
    for _ in range(3):
        panel.show([one])
    assert len(calls) == 4
    assert panel.step.value == 2
    one.epochs = 2
    panel.show([one])
    assert calls.count("trace") == 2


def test_a_network_that_diverged_names_the_layer_and_shows_no_number():
    state = small("digits", "cnn-lstm", True).change("lstm.hands_on", "all")
    built = assembly.build(state)
    one, sound = SimpleNamespace(**vars(run(state)) | {"built": built}), built.model.get_weights()
    parts = [(fact.title, layer) for fact in built.facts for layer in fact.layers if layer.weights]
    parts += [(f"the answer {label}", built.model.get_layer(label)) for label in state.classes]
    assert len(parts) == 9
    panel = Inside()
    for (title, layer), value in zip(parts, itertools.cycle((np.nan, np.inf))):
        layer.weights[-1].assign(np.full(layer.weights[-1].shape, value))
        panel.show([SimpleNamespace(**vars(one))])
        panel.example.value = 3 - panel.example.value
        assert "no longer numbers" in panel.message.value
        assert title in panel.message.value
        assert panel._body.layout.display == "none"
        built.model.set_weights(sound)
        panel.example.value = 3 - panel.example.value
        assert panel.message.value == ""
        assert panel._body.layout.display is None
    check_pictures(panel)
    kernel = parts[0][1].weights[0]
    kernel.assign(np.full(kernel.shape, 3e38))  # nine of them add up to more than there is
    panel.example.value = 3
    assert "All weights are numbers, but Conv 4" in panel.message.value
    built.model.set_weights([np.full_like(weights, np.nan) for weights in sound])
    panel.example.value = 4
    assert "in all layers" in panel.message.value
