"""All that can be pointed at, clicked or dragged in the labs, tried with a real mouse."""

import json
import re

import pytest
from playwright.sync_api import expect

SETUP = "from course_utils import check\ncheck.setup()\nimport json\nimport small_labs"
MAPS = """
import keras
import numpy as np

def all_maps(letter):
    "Every map of a run as Keras computes it for its first example: (step, row, column, filter)."
    run = next(run for run in panel._runs if run.letter == letter)
    x, _, _ = run.examples.example(0)
    made = []
    for fact in run.built.facts:
        if fact.part == "cnn":
            model = keras.Model(run.built.piece if fact.each else run.built.model.input, fact.gives)
            values = model.predict(x if fact.each else x[None], verbose=0)
            made.append(values if values.ndim == 4 else values[:, None])
    return json.dumps([values.astype(float).round(5).tolist() for values in made])
"""


@pytest.fixture(scope="module")
def panel(open_for_all):
    cells = [SETUP, MAPS, "panel = small_labs.inside()\npanel.view", "..."]
    return open_for_all("maps.ipynb", cells).run_all(180)


def number(words):
    return float(words.replace("−", "-"))


class Map:
    """A map on which the mouse selects a pixel: what it says is selected, and where its pixels are."""

    def __init__(self, notebook, which):
        self.notebook, self.mouse = notebook, notebook.page.mouse
        self.view = notebook.page.locator(".ct-map:visible").nth(which)
        self.view.scroll_into_view_if_needed()
        said = self.view.get_attribute("aria-label")
        self.rows, self.columns = map(int, re.search(r"row \d+ of (\d+), column \d+ of (\d+)", said).groups())

    def at(self, row, column):
        """The middle of a pixel, on the screen; parts of pixels lie beside it."""
        box = self.view.bounding_box()
        across, down = box["width"] / self.columns, box["height"] / self.rows
        return box["x"] + (column + 0.5) * across, box["y"] + (row + 0.5) * down

    def selects(self, row, column):
        words = re.compile(
            rf"Selected: row {row + 1} of {self.rows}, column {column + 1} of {self.columns}\."
        )
        expect(self.view).to_have_attribute("aria-label", words)

    def wait_longer_than_the_map(self):
        """Until a timer has ended that begins now, and lasts longer than that for a resting mouse."""
        self.notebook.page.evaluate("() => new Promise(done => setTimeout(done, 200))")
        self.notebook.settle()


def selected(notebook):
    """Filter, row and column from 0, as the sliders show them, and the value to which the shown sum leads."""
    found = {}
    for name in ("Filter", "Row", re.compile("^Column$|^At ")):  # along time it is a word, an hour, a step
        handle = notebook.labs().get_by_role("slider", name=name, exact=True)
        found[name] = int(float(handle.get_attribute("aria-valuenow"))) - 1 if handle.is_visible() else 0
    shown = notebook.labs().locator(".ci-sum b").last.inner_text()
    return *found.values(), number(shown)


def check_sum(notebook, maps, step, row, column, filter):
    """The sum that is shown is that of this pixel and this filter."""
    notebook.settle()
    assert selected(notebook)[:3] == (filter, row, column)
    expected = maps[min(step, len(maps) - 1)][row][column][filter]
    assert selected(notebook)[3] == pytest.approx(expected, abs=6e-4)


RUNS = ("A", "B", "C")  # of clips, reviews and traffic


def choose(notebook, letter, stage):
    lab = notebook.labs()
    lab.get_by_label("Run", exact=True).select_option(index=RUNS.index(letter))
    notebook.settle()
    lab.get_by_label("Maps of", exact=True).select_option(index=stage)
    notebook.settle()


def look_into(notebook, letter, stage):
    """Choose maps; returns their values."""
    choose(notebook, letter, stage)
    return json.loads(notebook.run_in_cell(3, f"print(all_maps({letter!r}))"))[stage]


SCREENS = {"large": (1400, 1), "narrow and fine": (900, 2)}


@pytest.mark.parametrize("screen", SCREENS)
def test_the_sum_belongs_to_the_pixel_under_the_mouse(screen, panel):
    notebook, (width, ratio) = panel, SCREENS[screen]
    devtools = notebook.page.context.new_cdp_session(notebook.page)
    size = {"width": width, "height": 1000, "deviceScaleFactor": ratio, "mobile": False}
    devtools.send("Emulation.setDeviceMetricsOverride", size)
    maps = look_into(notebook, "A", 0)
    sheet, one = Map(notebook, 0), Map(notebook, 1)
    step, filters = len(maps) - 1, len(maps[0][0][0])
    assert (one.rows, one.columns) == (len(maps[0]), len(maps[0][0])) == (4, 4)

    # Every filter by a click on its tile, also near the tile's edge.
    for filter in range(filters):
        place = divmod(filter, sheet.columns)
        for inwards in ((0, 0), (0.4, 0.4), (-0.4, -0.4)):
            x, y = sheet.at(place[0] + inwards[0], place[1] + inwards[1])
            sheet.mouse.click(x, y)
        sheet.selects(*place)
        check_sum(notebook, maps, step, *selected(notebook)[1:3], filter)

    # Every pixel where the mouse rests.
    for row, column in [(0, 0), (3, 3), (1, 2), (2, 0), (0, 3)]:
        one.mouse.move(*one.at(row, column))
        one.selects(row, column)
        check_sum(notebook, maps, step, row, column, filters - 1)
    devtools.send("Emulation.clearDeviceMetricsOverride")
    devtools.detach()


def test_a_click_holds_and_another_lets_go(panel):
    look_into(panel, "A", 0)
    one = Map(panel, 1)
    ghost = one.view.locator(".ct-ghost")
    one.mouse.move(*one.at(1, 1))
    one.selects(1, 1)
    one.mouse.click(*one.at(1, 1))
    one.mouse.move(*one.at(3, 2))
    expect(ghost).to_have_attribute("style", re.compile(r"top: min\(75%"))
    one.wait_longer_than_the_map()
    one.selects(1, 1)
    one.mouse.click(*one.at(0, 2))  # another pixel, held in turn
    one.selects(0, 2)
    one.mouse.move(*one.at(2, 0))
    one.wait_longer_than_the_map()
    one.selects(0, 2)
    one.mouse.click(*one.at(0, 2))
    one.mouse.move(*one.at(2, 0))
    one.selects(2, 0)

    # What is only passed is not selected, and whoever leaves takes nothing along.
    one.mouse.move(*one.at(3, 3))
    one.mouse.move(*one.at(-1, 3))
    expect(ghost).to_be_hidden()
    one.wait_longer_than_the_map()
    one.selects(2, 0)
    one.mouse.click(*one.at(3, 3), button="right")
    panel.page.keyboard.press("Escape")
    one.mouse.move(*one.at(-1, 3))


def test_a_drag_selects_as_far_as_the_edge(panel):
    maps = look_into(panel, "A", 0)
    one = Map(panel, 1)
    one.mouse.move(*one.at(2, 1))
    one.mouse.down()
    for place, row, column in (((1, 1), 1, 1), ((-9, -9), 0, 0), ((1, 40), 1, 3), ((9, 2), 3, 2)):
        one.mouse.move(*one.at(*place), steps=4)
        one.selects(row, column)
        check_sum(panel, maps, 9, row, column, selected(panel)[0])
    one.mouse.up()
    one.mouse.move(*one.at(0, 0))
    one.wait_longer_than_the_map()
    one.selects(3, 2)
    expect(one.view).to_be_focused()
    assert panel.page.evaluate("getSelection().toString()") == ""

    # The arrow keys go on from there, as far as the edge.
    for key, row, column in (("Up", 2, 2), ("Left", 2, 1), ("Down", 3, 1), ("Down", 3, 1), ("Right", 3, 2)):
        panel.page.keyboard.press(f"Arrow{key}")
        one.selects(row, column)
        check_sum(panel, maps, 9, row, column, selected(panel)[0])


@pytest.mark.parametrize("letter", ["B", "C"])
def test_maps_over_time_are_pointed_at_on_both_pictures(letter, panel):
    (maps,) = look_into(panel, letter, 0)  # one row: (column, filter)
    sheet, line = Map(panel, 0), Map(panel, 1)
    assert (sheet.rows, sheet.columns) == (len(maps[0][0]), len(maps[0]))
    for filter, column in ((0, 0), (sheet.rows - 1, sheet.columns - 1), (2, sheet.columns // 2)):
        sheet.mouse.click(*sheet.at(filter, column))
        sheet.selects(filter, column)
        line.selects(0, column)
        check_sum(panel, [maps], 0, 0, column, filter)
    line.mouse.click(*line.at(0, 1))
    line.selects(0, 1)
    check_sum(panel, [maps], 0, 0, 1, 2)


# ---------------------------------------------------------------------------------------- every control

CONTROLS = "input, select, textarea, button, [role=slider], [contenteditable]:not([inert]), pre[tabindex]"
STATES = {  # settings that together show every control
    "architecture": [
        "lab2;task=digits;order=cnn-lstm;convolutions=f8.k3,f8.k3;joint=dense.u8;seed=0",
        "lab2;task=reviews;order=cnn-lstm;joint=max;seed=0",
        "lab2;task=traffic;order=cnn-lstm;seed=0",
    ],
    "kernel": ["ker1;image=a-bar;size=5", "ker1;image=noise;size=5;dilation=2;padding=valid"],
    "gate": ["gat1;cell=3-units;input=noise;step=3;f=open"],
    "sentence": ["sen2;text=not+a+good+film;model=CNN;filter=1;off=2"],
    "frames": ["att1;scene=frames;network=two-heads;hidden=2"],
    "places": ["att1;scene=places;network=two;hidden=2"],
    "forecast": ["for1;network=attention;origin=27;horizon=12;hour=3;window=96;ago=30;volume=500"],
    "rollout": ["rol1;network=memory;digit=1;second=2;step=7;channel=2;edit=centre;gate=forget;alone=1"],
    "folder": ["fol1;part=train;label=right;clip=3;frames=16;seed=2", "fol1;part=test;label=all;groups=each"],
}
NAME = """one => one.ariaLabel || (one.localName === 'button' || one.localName === 'pre' ? one
    : one.closest('.jupyter-widgets').querySelector('label')).textContent.replaceAll('\\u200b', '')"""
UNDO, REDO = "Undo", "Redo"  # redo can be clicked after undo only
TRAINS = {"▶ Start", "One epoch"}  # clicked in the test of the architecture lab, like those below
ELSEWHERE = {"Pause", "Stop", "Match its parameters", "Compose it again", "Its name", "Delete run",
             "Copy model", "Copy training", "Keras code", "Keras code of the training"}
FIXES = {"Read 8 frames", "One channel"}  # buttons of notes that are not shown
ROWS = {f"{name} of convolution {row}" for name in ("Filters", "Kernel", "Stride", "Max pool", "Padding",
        "Batch norm") for row in (3, 4)}  # like the first two
INSIDE = {"Run", "Example", "Step", "Maps of", "Filter", "Row", "Column", "Channel", "LSTM", "Unit"}
VERIFY = """
def differences(name, seen):
    "What a fresh lab in one of these states shows otherwise than the page did."
    lab, found = small_labs.LABS[name](), []
    for did, state, titles, words in json.loads(seen):
        lab.state = state
        for tabs, title in zip((lab.views, lab.panels) if titles else (), titles):
            tabs.label = title
        if str(lab.state) != state or small_labs.pictures(lab) != words:
            found.append((did, state, str(lab.state), words, small_labs.pictures(lab)))
    return found
"""


@pytest.fixture(scope="module")
def everything(open_for_all):
    cells = [SETUP, VERIFY, *(f"small_labs.LABS[{name!r}]()" for name in STATES), "..."]
    return open_for_all("everything.ipynb", cells).run_all(180)


class Hand:
    """Works the controls of a lab with the mouse, and keeps what the lab shows after each."""

    def __init__(self, notebook, lab):
        self.notebook, self.lab, self.page, self.seen = notebook, lab, notebook.page, []

    def begin(self, state):
        """Set the lab to a state, with its first view and panel. Looking inside, a state is a run."""
        if state in RUNS:
            return choose(self.notebook, state, int(state == "A"))  # maps of several channels
        for tabs in self.lab.locator(".cl-panels").all():
            tabs.locator("button").first.click()
        line = self.lab.get_by_label("State", exact=True)
        line.fill(state)
        line.press("Enter")
        return self.notebook.settle()

    def look(self, did):
        self.notebook.settle()
        line = self.lab.get_by_label("State", exact=True)
        state = line.input_value() if line.count() else ""
        pictures = self.lab.locator(".cl-picture [role=img], .cl-picture[role=img], .cl-bar")
        words = [one.get_attribute("aria-label") for one in pictures.all() if one.is_visible()]
        titles = self.lab.locator(".cl-panels button.mod-active").all_inner_texts()
        self.seen.append((did, state, titles, words))

    def work_all(self, states):
        """Use every control in the first of these states that shows it; returns the names of those left."""
        controls = self.lab.locator(CONTROLS)
        left = set(range(controls.count()))
        for state in states:
            for at in sorted(left):
                self.begin(state)
                one = controls.nth(at)
                fixed = one.evaluate("one => Boolean(one.closest('[disabled]'))")
                if one.is_visible() and one.is_enabled() and not fixed:
                    self.work(one)
                    left.remove(at)
        return {controls.nth(at).evaluate(NAME) for at in left} - {""}

    def work(self, control):
        """Use one control as its kind is used."""
        kind = control.evaluate("one => one.getAttribute('role') || one.type || one.localName")
        name = control.evaluate(NAME)
        control.scroll_into_view_if_needed()
        getattr(self, f"_{kind.replace('-', '_')}")(control)
        self.look(f"{kind} {name}")

    def _slider(self, handle):
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]")
        readout = track.locator("xpath=following::*[contains(@class, 'widget-readout')][1]")
        ends = [float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max")]
        for end, beyond in ((1, 150), (0, -150)):
            self.notebook.settle()
            place, box = handle.bounding_box(), track.bounding_box()
            self.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
            self.page.mouse.down()
            self.page.mouse.move(box["x"] + end * box["width"] + beyond, place["y"] + 40, steps=5)
            self.page.mouse.up()
            self.look("slider to its end")
            assert float(handle.get_attribute("aria-valuenow")) == ends[end]
        box, before = track.bounding_box(), readout.inner_text()
        self.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
        self.look("slider clicked")
        assert float(handle.get_attribute("aria-valuenow")) > ends[0]
        assert readout.inner_text() != before

    def _div(self, readout):
        """The number beside a slider, which can be typed over."""
        shown = lambda: float(readout.inner_text().replace("−", "-"))  # noqa: E731
        handle = readout.locator("xpath=preceding::*[contains(@class, 'noUi-handle')][1]")
        ends = [float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max")]
        number = ends[0] if shown() != ends[0] else ends[1]
        for typed, taken in (("nonsense", shown()), (f"{number:.10g}", number)):
            readout.click()
            self.page.keyboard.press("ControlOrMeta+A")
            self.page.keyboard.type(typed)
            self.page.keyboard.press("Enter")
            self.notebook.settle()
            assert shown() == taken

    def _checkbox(self, box):
        before = box.is_checked()
        box.click()
        self.notebook.settle()
        assert box.is_checked() != before

    def _select_one(self, choice):
        before = choice.input_value()
        if choice.locator("option").count() == 1:
            return
        for key in ("ArrowDown", "ArrowUp"):
            choice.click()
            self.page.keyboard.press(key)
            self.page.keyboard.press("Enter")
            self.notebook.settle()
            if choice.input_value() != before:
                return
        raise AssertionError(f"{choice} has nothing else to choose")

    def _number(self, field):
        before = float(field.input_value())
        field.click()
        self.page.keyboard.press("ArrowUp")
        self.page.keyboard.press("Enter")
        self.notebook.settle()
        assert float(field.input_value()) > before

    def _text(self, field):
        before = field.input_value()
        field.click(click_count=3)
        self.page.keyboard.type("not a film")
        self.page.mouse.click(5, 500)
        self.notebook.settle()
        if field.evaluate("one => Boolean(one.closest('.cl-state'))"):
            expect(self.lab.get_by_text("✕ Not a state.")).to_be_visible()
            self.begin(before)
        assert field.input_value() in ("not a film", before)

    def _submit(self, button):
        words = button.inner_text()
        if words not in TRAINS:
            button.click()
        if words == UNDO:
            self.look("undone")
            redo = self.lab.get_by_role("button", name=REDO)
            redo.click()
            self.notebook.settle()
            expect(redo).to_be_disabled()
        if words.startswith("Copy"):
            expect(self.lab.get_by_text("Copied", exact=True)).to_be_visible()

    _button = _submit

    def _pre(self, code):
        code.click()


def lab_called(notebook, name):
    cell = notebook.panel.locator(".jp-Notebook .jp-Cell").nth(2 + list(STATES).index(name))
    return cell.locator(".course-lab")


@pytest.mark.parametrize("name", STATES)
def test_every_control_works_with_the_mouse(name, everything):
    hand = Hand(everything, lab_called(everything, name))
    left = hand.work_all(STATES[name]) - {REDO}
    assert left <= (ELSEWHERE | FIXES | ROWS | INSIDE if name == "architecture" else set())
    seen = json.dumps(hand.seen)
    assert everything.run_in_cell(2 + len(STATES), f"differences({name!r}, {seen!r})") == "[]"


@pytest.mark.parametrize("run", RUNS)
def test_every_control_that_looks_inside_works_with_the_mouse(run, panel):
    left = Hand(panel, panel.labs()).work_all([run])
    assert left == {"A": {"LSTM"}, "B": {"LSTM", "Row", "Unit"}, "C": {"LSTM", "Row"}}[run]
    assert panel.labs().get_by_text("cannot be shown").count() == 0


# ---------------------------------------------------------------------------------------- focus

OUTLINE = """lab => {
    const one = document.activeElement, style = getComputedStyle(one);
    if (!lab.contains(one)) return null;
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = of => channels(getComputedStyle(of).backgroundColor);
    let around = (one.closest('.noUi-target') ?? one).parentElement;
    while (ground(around)[3] === 0) around = around.parentElement;
    const [a, b] = [channels(style.outlineColor), ground(around)].map(light);
    const box = one.getBoundingClientRect(), reach = parseFloat(style.outlineOffset) + 1;
    let sides = 4;
    for (let up = one.parentElement; up && up !== lab.parentElement; up = up.parentElement) {
        const clips = getComputedStyle(up), edge = up.getBoundingClientRect();
        if (clips.overflowX !== 'visible' || clips.overflowY !== 'visible')
            sides = Math.min(sides, [box.left - reach >= edge.left, box.right + reach <= edge.right,
                box.top - reach >= edge.top, box.bottom + reach <= edge.bottom].filter(Boolean).length);
    }
    return {
        what: one.className + ' ' + (one.ariaLabel ?? one.closest('.jupyter-widgets').textContent),
        shown: style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2 && sides === 4,
        style: style.outlineStyle + ' ' + style.outlineWidth, sides,
        contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    };
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", STATES)
def test_every_stop_of_the_tab_key_has_a_visible_outline(name, theme, everything):
    lab = lab_called(everything, name)
    Hand(everything, lab).begin(STATES[name][0])
    everything.page.emulate_media(color_scheme=theme)
    light = "true" if theme == "light" else "false"
    expect(everything.page.locator("body")).to_have_attribute("data-jp-theme-light", light)
    lab.locator("input, select, [role=slider]").locator("visible=true").first.focus()
    stops = []
    while (stop := lab.evaluate(OUTLINE)) is not None and len(stops) < 200:
        stops.append(stop)
        everything.page.keyboard.press("Tab")
    assert 10 <= len(stops) < 200
    assert [stop for stop in stops if not stop["shown"] or stop["contrast"] < 3] == []


# ---------------------------------------------------------------------------------------- side by side

BOXES = """lab => {
    const origin = lab.getBoundingClientRect();
    return [...lab.querySelectorAll('*')].map(one => {
        const box = one.getBoundingClientRect(), {overflowX, overflowY, display} = getComputedStyle(one);
        const place = [box.left - origin.left, box.top - origin.top, box.width, box.height].map(Math.round);
        const name = one.getAttribute('class') ?? one.localName;
        return [name, ...place, overflowX, overflowY, display].join(' ');
    });
}"""


@pytest.mark.parametrize("name", STATES)
def test_a_lab_looks_the_same_whatever_labs_stand_beside_it(name, everything):
    lab = lab_called(everything, name)
    Hand(everything, lab).begin(STATES[name][0])
    together = lab.evaluate(BOXES)
    styles = everything.labs().locator("style")
    own = lab.locator("style").evaluate_all("own => window.own = own")
    assert own
    try:
        styles.evaluate_all("all => all.forEach(one => { one.sheet.disabled = !window.own.includes(one); })")
        alone = lab.evaluate(BOXES)
    finally:
        styles.evaluate_all("all => all.forEach(one => { one.sheet.disabled = false; })")
    assert [pair for pair in zip(together, alone) if pair[0] != pair[1]] == []
