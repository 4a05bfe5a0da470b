"""The live labs of the book: they compute what the labs in Python do, say the same, and need no kernel."""

import json
import random
import re
from collections import defaultdict

import cases
import keras
import numpy as np
import pytest
import small_labs
import soak
from playwright.sync_api import expect
from test_screen import LOOKS

from course_utils.labs import GateLab
from course_utils.labs.gates import live as gates_live
from course_utils.labs.gates import pictures as gates_pictures
from course_utils.labs.gates.lstm import FIELDS, ORDER
from course_utils.labs.kernel import live as kernel_live
from course_utils.labs.kernel import pictures as kernel_pictures

COUNT = 200  # random states of each lab
LINES = "ifgoch"
MAKE = {"kernel": small_labs.kernel, "hand": GateLab, "trained": small_labs.gate}
NAME = {"kernel": "kernel", "hand": "gates", "trained": "gates"}
EXPORT = {"kernel": kernel_live.export, "gates": gates_live.export}
SETTINGS = {  # states in which much is to be seen
    "kernel": (
        "ker1;image=digit",
        "ker1;image=photograph;kernel=sharpen;size=5;padding=same;dilation=2;row=1;column=30;bias=-0.5",
        "ker1;image=square;kernel=own;stride=3;padding=same;activation=relu;own=-9.99,0,1,0,9.99,0,0,1,0",
        "ker1;kernel=mean;size=5;stride=3;dilation=2",
    ),
    "gates": (
        "gat1;cell=latch;step=3",
        "gat1;cell=alternator;input=noise-then-a-pulse;step=16;i=shut;f=open;o=shut;gate=g",
        "gat1;cell=leaky-counter;input=own;step=40;f=open;own=" + ",".join(["-1", "0.5"] * 20),
        "gat1;cell=alternator;input=own;step=1;i=open;own=-1,0.25,1,0",
    ),
}


@pytest.fixture(scope="module")
def labs():
    """The labs in Python, by name."""
    return {name: make() for name, make in MAKE.items()}


@pytest.fixture(params=MAKE)
def kind(request):
    return request.param


@pytest.fixture
def lab(kind, labs):
    labs[kind].back.click()
    return labs[kind]


@pytest.fixture
def live(kind, lab, open_live):
    """The page with the same lab, live."""
    return open_live(NAME[kind], EXPORT[NAME[kind]](lab))


@pytest.fixture(scope="module")
def data():
    """What the book gives the labs of the lessons."""
    return {name: json.loads(json.dumps(export())) for name, export in EXPORT.items()}


@pytest.fixture(params=EXPORT)
def book(request, data, open_live):
    """A page with the lab of a lesson."""
    return open_live(request.param, data[request.param])


def walk(lab, seed=0):
    """States at random, as a learner could reach them: every few changes one."""
    rng, states = random.Random(seed), []
    while len(states) < COUNT:
        for _ in range(4):
            soak.change(lab, rng)[1]()
        states.append(str(lab.state))
    return states


# ---------------------------------------------------------------------------------------- equal to Python

SEEN = {
    "kernel": """const state = lab.read(text, data), seen = lab.look(state, data);
        const words = [lab.inputWords(seen), lab.outputWords(seen)];
        words.push(...(seen.output ? [lab.whatIsSeen(seen), ...lab.hints(seen)] : [lab.noFit(seen)]));
        return { text: lab.written(state, data), words, output: seen.output, patch: seen.patch,
            kernel: seen.numbers, value: seen.value };""",
    "gates": """const state = lab.read(text, data), seen = lab.look(state, data);
        const words = [lab.courseWords(seen), lab.whatIsSeen(seen), ...lab.hints(seen), lab.outcome(seen)];
        words.push(...lab.memoryTable(seen).flat(), ...seen.terms.map(term => term.name));
        const { course, free, left, parts, total, squashed } = seen;
        return { text, words, course, free, left, parts, total, squashed,
            terms: seen.terms.map(term => term.value) };""",
}


def near(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def alike(ours, theirs):
    """The same words, and numbers that differ at most by how a half is rounded."""
    number = r"[+−]?\d+(?:\.\d+)?"
    assert [re.sub(number, "#", line) for line in ours] == [re.sub(number, "#", line) for line in theirs]
    found = [re.findall(number, " ".join(lines).replace("−", "-")) for lines in (ours, theirs)]
    np.testing.assert_allclose(*(np.array(numbers, float) for numbers in found), rtol=0, atol=0.011)


def keras_map(state, image):
    """The feature map by a Conv2D layer, which refuses stride with dilation: zeros fill the gaps there."""
    kernel, dilation = state.numbers, state.dilation
    if state.stride > 1:
        kernel = np.zeros([dilation * (state.size - 1) + 1] * 2)
        kernel[::dilation, ::dilation], dilation = state.numbers, 1
    how = {"strides": state.stride, "padding": state.padding, "dilation_rate": dilation}
    how["activation"] = "relu" if state.activation == "relu" else None
    layer = keras.layers.Conv2D(1, len(kernel), dtype="float64", **how)
    layer.build((1, *image.shape, 1))
    layer.set_weights([kernel[..., None, None], np.array([state.bias])])
    return np.asarray(layer(image[None, ..., None]))[0, ..., 0]


def test_the_live_kernel_lab_computes_what_numpy_and_keras_do(labs, open_live):
    lab = labs["kernel"]
    page = open_live("kernel", kernel_live.export(lab))
    states = walk(lab)
    told = page.module(f"return given[0].map(text => {{ {SEEN['kernel']} }})", states)
    fitting = 0
    for text, ours in zip(states, told, strict=True):
        lab.state = text
        seen = lab.seen()
        words = [kernel_pictures.input_words(seen), kernel_pictures.output_words(seen)]
        assert ours["text"] == text
        near(ours["kernel"], lab.state.numbers)
        if seen.fits:
            fitting += 1
            near(ours["output"], seen.output)
            near(ours["output"], keras_map(lab.state, seen.image))
            near(ours["patch"], seen.patch)
            near(ours["value"], seen.value)
            words += [kernel_pictures.what_is_seen(seen), *kernel_pictures.hints(seen)]
        else:
            assert ours["output"] is None
            words.append(kernel_pictures.no_fit(seen))
        alike(ours["words"], words)
    assert COUNT / 2 < fitting < COUNT


def keras_course(weights, clamps, sequences):
    """Hidden states (sequence, step, unit) by an LSTM layer; the ends of short sequences are padded."""
    kernel, recurrent, bias = (w.astype("float64") for w in weights)
    units = len(recurrent)
    for gate, value in clamps:
        block = slice(ORDER.index(gate) * units, (ORDER.index(gate) + 1) * units)
        kernel[:, block] = recurrent[:, block] = 0
        bias[block] = 2000 * value - 1000
    layer = keras.layers.LSTM(units, return_sequences=True, dtype="float64")
    layer.build((None, None, 1))
    layer.set_weights([kernel, recurrent, bias])
    padded = [np.pad(x, (0, 40 - len(x))) for x in sequences]
    return np.asarray(layer(np.array(padded)[..., None]))


@pytest.mark.parametrize("kind", ["hand", "trained"])
def test_the_live_gate_lab_computes_what_numpy_and_keras_do(kind, labs, open_live):
    lab = labs[kind]
    page = open_live("gates", gates_live.export(lab))
    states = walk(lab)
    told = page.module(f"return given[0].map(text => {{ {SEEN['gates']} }})", states)
    alone = defaultdict(list)  # cell and clamps -> sequences and hidden states
    for text, ours in zip(states, told, strict=True):
        lab.state = text
        seen = lab.seen()
        for course, theirs in ((ours["course"], seen.course), (ours["free"], seen.free)):
            assert (course is None) == (theirs is None)
            for key in LINES if course else "":
                near(course[key], getattr(theirs, FIELDS[key]))
        for part in ("left", "parts", "total", "squashed"):
            near(ours[part], getattr(seen, part))
        near(ours["terms"], [value for *_, value in seen.terms])
        words = [gates_pictures.words(seen), gates_pictures.what_is_seen(seen), *gates_pictures.hints(seen)]
        words += [gates_pictures._outcome(seen), *sum(gates_pictures.memory_table(seen), ())]
        alike(ours["words"], words + [name for name, *_ in seen.terms])
        alone[lab.state.cell, tuple(seen.clamps.items())].append((seen.x, ours["course"]["h"]))
    for (cell, clamps), runs in alone.items():
        theirs = keras_course(lab._cells[cell][1][1], clamps, [x for x, _ in runs])
        for (x, ours), hidden in zip(runs, theirs, strict=True):
            near(ours, hidden[: len(x)])


# ------------------------------------------------------------------------------------------ state strings

WALK = """
let seed = 7;
const rng = n => { seed = (seed * 48271) % 2147483647; return seed % n; };
const any = dial => dial.kind === 'choice' ? dial.choices[rng(dial.choices.length)] : (rng(1999) - 999) / 100;
const dials = data.dials.filter(dial => dial.kind !== 'several');
let state = lab.read(data.start, data);
return Array.from({ length: given[0] }, () => {
    for (let turns = 0; turns < 4; turns += 1) {
        const dial = dials[rng(dials.length)];
        try {
            state = lab.read(lab.written(lab.turn(state, dial.name, any(dial), data), data), data);
        } catch { /* does not go with the others */ }
        if (data.inputs) state = lab.turn(state, 'value', (rng(201) - 100) / 100, data);
    }
    return lab.written(state, data);
});"""


def test_states_go_to_and_fro(lab, live):
    states = walk(lab, seed=1)
    back = live.module("return given[0].map(text => lab.written(lab.read(text, data), data))", states)
    assert back == states
    made = live.module(WALK, COUNT)
    assert len(set(made)) > COUNT * 0.8
    for text in made:
        assert str(lab.state_class.parse(text)) == text


def refused(lab, text):
    """The state that Python reads in a string, or what it says of it."""
    try:
        return str(lab.state_class.parse(text)), ""
    except ValueError as problem:
        return None, str(problem)


READ = """return given[0].map(text => {
    try {
        return [lab.written(lab.read(text, data), data), ''];
    } catch (problem) {
        return [null, problem.message];
    }
});"""
PASTED = [case.values[0].partition(" ") for case in cases.read("states")[0]]


def test_what_is_no_state_is_told_in_the_same_words(kind, lab, live):
    name = "kernel" if kind == "kernel" else "gate"
    bad = [pasted for lab_name, _, pasted in PASTED if lab_name == name]
    bad += [
        "",
        ";",
        "=" * 99,
        "ker1",
        "gat1",
        "it's",
        *(f"{lab.state};{end}" for end in ("row", "=5", "f=%ff")),
    ]
    answers = [refused(lab, text) for text in bad]
    assert sum(state is None for state, _ in answers) > 10
    assert [tuple(answer) for answer in live.module(READ, bad)] == answers


def test_a_mangled_string_is_read_as_in_python(lab, live):
    rng = random.Random(5)
    texts = [soak.spoiled(text, rng) for text in walk(lab, seed=2)]
    answers = [refused(lab, text) for text in texts]
    told = live.module(READ, texts)
    assert [state for state, _ in told] == [state for state, _ in answers]
    assert sum(state is not None for state, _ in answers) > 3


def test_a_bad_string_is_explained_beside_the_line_and_changes_nothing(book):
    line, before = book.lab.get_by_label("State", exact=True), book.words()
    book.set("nonsense")
    expect(line).to_have_value("nonsense")
    expect(line).to_have_attribute("aria-invalid", "true")
    expect(line).to_have_accessible_description(re.compile("Not a state. .* begins with .* stays as it was."))
    assert book.words() == before
    good = book.data["start"].replace("5", "7").replace("12", "7")
    book.set(good)
    expect(line).not_to_have_attribute("aria-invalid", "true")
    expect(line).to_have_accessible_description("")
    expect(line).to_have_value(good)
    assert book.words() != before


def test_a_lab_begins_as_it_is_told_or_says_why_not(data, open_live):
    page = open_live("gates", data["gates"], "gat1;cell=alternator;step=2")
    assert page.words()[0].startswith("Alternator, reading two pulses, step 2 of 16")
    for name in ("Undo", "Redo"):
        expect(page.lab.get_by_role("button", name=name)).to_have_attribute("aria-disabled", "true")
    page = open_live("kernel", data["kernel"], "ker1;image=other")
    said = "Image cannot be 'other': it can be digit, photograph or square."
    expect(page.lab.get_by_text(said)).to_be_visible()
    assert page.words()[0].startswith("Image digit, 24 by 24 pixels")


# ------------------------------------------------------------------------------------ keyboard, mouse, touch


def test_the_kernel_lab_is_worked_with_the_keyboard(data, open_live):
    page = open_live("kernel", data["kernel"])
    lab, image, output = page.lab, *(page.lab.locator("svg[role=img]").nth(i) for i in range(2))

    def press(name, key):
        lab.get_by_label(name, exact=True).press(key)
        return image.get_attribute("aria-label"), output.get_attribute("aria-label")

    assert "Row 13, column 12 is" in press("Output row", "ArrowRight")[1]
    assert "Kernel horizontal edge (Sobel)" in press("Kernel", "ArrowDown")[1]
    assert "Kernel your own: −1 −1.5 −1;" in press("Kernel row 1 column 2", "ArrowUp")[1]
    expect(lab.get_by_label("Kernel", exact=True)).to_have_value("your own")
    field = lab.get_by_label("Kernel row 1 column 2", exact=True)
    field.fill("99")
    assert "Kernel your own: −1 9.99 −1;" in output.get_attribute("aria-label")
    expect(field).to_have_value("99")
    assert "Bias 0.5," in press("Bias", "ArrowUp")[1]
    expect(field).to_have_value("9.99")
    assert "activation ReLU" in press("Activation", "ArrowDown")[1]
    assert "stride 2" in press("Stride", "ArrowDown")[0]
    assert "A rim of zeros around it" in press("Padding", "ArrowDown")[0]
    assert "5 by 5 kernel" in press("Kernel size", "ArrowDown")[0]
    assert "dilation 2" in press("Dilation", "ArrowDown")[0]
    expect(lab.get_by_text("Keras refuses a stride and a dilation above 1")).to_be_visible()

    # Arrow keys on either picture move the window; a screen reader is told what was computed.
    book = "ker1;image=square;padding=same;row=9;column=9"
    page.set(book)
    for at, label in enumerate(("The image.", "The feature map.")):
        lab.get_by_role("application", name=re.compile(f"^{label}")).press("ArrowRight")
        expect(lab.locator("[aria-live]")).to_contain_text(f"Row 9, column {10 + at} is 0.00.")

    # Undo, redo, the way back, and the clipboard.
    lab.get_by_role("button", name="Undo").press("Enter")
    expect(lab.get_by_label("State", exact=True)).to_have_value(re.compile("row=9;column=10"))
    lab.get_by_role("button", name="Redo").press("Enter")
    expect(lab.get_by_label("State", exact=True)).to_have_value(re.compile("row=9;column=11"))
    lab.get_by_role("button", name="Back to the start").press("Enter")
    expect(lab.get_by_label("State", exact=True)).to_have_value(data["kernel"]["start"])


@pytest.mark.parametrize("clipboard", [True, False])
def test_a_state_is_copied_whether_or_not_the_page_has_a_clipboard(clipboard, book):
    if not clipboard:
        book.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    line = book.lab.get_by_label("State", exact=True)
    copy = book.lab.get_by_role("button", name="Copy", exact=True)
    book.set("nonsense")
    copy.press("Enter")
    expect(book.lab.get_by_text("Copied")).to_be_visible()
    expect(copy).to_be_focused()
    line.focus()
    book.page.keyboard.press("ControlOrMeta+A")
    book.page.keyboard.press("ControlOrMeta+V")
    expect(line).to_have_value(book.data["start"])


def test_a_kernel_that_does_not_fit_is_explained_and_helped(labs, open_live):
    page = open_live("kernel", kernel_live.export(labs["kernel"]), "ker1;image=noise;size=5;dilation=2")
    expect(page.lab.locator(".ll-note", has_text="the image has only 8 rows")).to_be_visible()
    assert page.words()[1].startswith("No feature map of image noise")
    page.lab.get_by_role("button", name="Use padding same").press("Enter")
    assert page.words()[1].startswith("Feature map of image noise, 8 by 20")
    expect(page.lab.get_by_text("Does not fit.")).to_be_hidden()


def test_the_gate_lab_is_worked_with_the_keyboard(data, open_live):
    page = open_live("gates", data["gates"])
    lab, course = page.lab, page.lab.locator("svg[role=img]").first

    def press(name, key):
        lab.get_by_label(name, exact=True).press(key)
        return course.get_attribute("aria-label")

    assert "step 6 of 16" in press("Time step", "ArrowRight")
    expect(lab.locator("[aria-live]")).to_contain_text("At step 6 the memory 0.91 is kept")
    assert "reading your own sequence" in press("Value here", "ArrowRight")
    expect(lab.get_by_label("Sequence", exact=True)).to_have_value("your own")
    assert "reading two pulses" in press("Sequence", "Home")
    assert "Forget gate held shut" in press("Forget gate f", "ArrowDown")
    expect(lab.locator(".ll-note", has_text="Without your clamps c would be 0.91 here.")).to_be_visible()
    lab.get_by_role("button", name="All as computed").press("Enter")
    assert "All gates as computed" in course.get_attribute("aria-label")
    expect(lab.get_by_label("Unit", exact=True)).to_be_hidden()
    assert press("Cell", "ArrowDown").startswith("Leaky counter")
    lab.get_by_label("Sum behind", exact=True).press("ArrowDown")
    expect(lab.get_by_text("The sum behind the candidate g")).to_be_visible()


def test_units_of_a_trained_layer_are_chosen(labs, open_live):
    page = open_live("gates", gates_live.export(labs["trained"]))
    page.lab.get_by_label("Unit", exact=True).press("End")
    assert "unit 3 of 3" in page.words()[0]
    page.lab.get_by_label("Cell", exact=True).press("ArrowDown")
    expect(page.lab.get_by_label("Unit", exact=True)).to_be_hidden()


@pytest.mark.parametrize("touch", [False, True])
def test_pictures_are_pointed_at(touch, data, open_live):
    def point(page, box, x, y):
        way = page.page.touchscreen.tap if touch else page.page.mouse.click
        way(box["x"] + x * box["width"], box["y"] + y * box["height"])

    page = open_live("kernel", data["kernel"], height=2000, has_touch=touch)
    line = page.lab.get_by_label("State", exact=True)
    # A pixel of the image becomes the centre of the window; of the feature map, a pixel itself is chosen.
    for at, count, place in ((0, 24, "row=7;column=3$"), (1, 22, "row=8;column=4$")):
        point(page, page.lab.locator("canvas").nth(at).bounding_box(), 3.5 / count, 7.5 / count)
        expect(line).to_have_value(re.compile(place))
    page.page.keyboard.press("ArrowDown")  # the keyboard goes on where the pointer was
    expect(line).to_have_value(re.compile("row=9;column=4$"))

    page = open_live("gates", data["gates"], height=2000, has_touch=touch)
    point(page, page.lab.locator("svg[role=img]").first.bounding_box(), 0.5, 0.3)
    step = page.lab.get_by_label("Time step", exact=True)
    expect(step).to_have_value("7")
    page.page.keyboard.press("ArrowRight")
    expect(step).to_have_value("8")


def test_a_drag_moves_the_window_and_the_time(data, open_live):
    for name, part, pattern in (("kernel", "canvas", "row=14;column=22"), ("gates", "svg", "step=16")):
        page = open_live(name, data[name])
        box, mouse = page.lab.locator(part).first.bounding_box(), page.page.mouse
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        mouse.down()
        mouse.move(box["x"] + box["width"] * 2, box["y"] + box["height"] * 0.61, steps=5)
        mouse.up()
        assert re.search(pattern, page.lab.get_by_label("State", exact=True).input_value())
        assert page.page.evaluate("getSelection().toString()") == ""


# -------------------------------------------------------------------------------------------------- looks


@pytest.mark.parametrize("width", [320, 400, 900, 1400])
def test_everything_fits_and_can_be_read(width, data, open_live):
    for name, states in SETTINGS.items():
        for theme in ("light", "dark"):
            page = open_live(name, data[name], theme=theme, width=width, height=2600)
            for state in states:
                page.set(state)
                assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
                assert page.lab.evaluate(LOOKS) == [], (state, theme)


def test_dark_is_what_the_theme_or_else_the_system_says(data, open_live):
    ground = "lab => getComputedStyle(lab).backgroundColor"
    dark = open_live("gates", data["gates"], theme="dark").lab.evaluate(ground)
    light = open_live("gates", data["gates"]).lab.evaluate(ground)
    assert dark != light
    for scheme, theme, seen in (("dark", "light", light), ("dark", "", dark), ("light", "", light)):
        page = open_live("gates", data["gates"], theme=theme, color_scheme=scheme)
        assert page.lab.evaluate(ground) == seen


def test_every_control_has_a_name_and_shows_its_focus(book):
    controls = book.lab.locator("select, input, button, [tabindex]")
    named = [one for one in controls.all() if one.is_visible()]
    assert len(named) > 10
    for one in named:
        assert one.evaluate("one => one.labels?.length || one.ariaLabel || one.textContent.trim()")
        if one.is_enabled():
            one.focus()
            book.page.keyboard.press("Shift")  # the keyboard is at work
            assert one.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    assert len({one.evaluate("one => one.id") for one in book.lab.locator("[id]").all()}) > 10


# ------------------------------------------------------------------------------------------------- answers

WATCH = """lab => {
    window.presses = [];
    let begun = 0;
    addEventListener('keydown', () => { begun = performance.now(); presses.push(0); }, true);
    new MutationObserver(() => {
        lab.getBoundingClientRect(); // laid out anew
        presses[presses.length - 1] = performance.now() - begun;
    }).observe(lab, { subtree: true, childList: true, attributes: true });
}"""
EACH = COUNT // 8  # of two keys on each of four controls
KEYS = {
    "kernel": ("Output row", "Kernel", "Stride", "Padding"),
    "gates": ("Time step", "Value here", "Forget gate f", "Cell"),
}


def test_every_key_is_answered(book):
    """The page changes at each press, whatever the control."""
    book.lab.evaluate(WATCH)
    for name in KEYS[book.name]:
        control = book.lab.get_by_label(name, exact=True)
        slides = control.evaluate("control => control.type === 'range'")
        control.focus()
        for key in (("ArrowRight", "ArrowLeft") if slides else ("ArrowDown", "ArrowUp")) * EACH:
            book.page.keyboard.press(key)
    times = book.page.evaluate("presses")
    assert len(times) == COUNT
    assert min(times) > 0
