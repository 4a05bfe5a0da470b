"""All that can be pointed at, clicked or dragged in the labs, tried with a real mouse."""

import json
import re

import pytest
from playwright.sync_api import expect

SETUP = "from course_utils import check\ncheck.setup(threads=1)\nimport json\nimport small_labs"
MAPS = """
import keras
import numpy as np

def all_maps(letter):
    "Every value of every map of a run as Keras computes it for its first example: (step, row, column, filter)."
    run = next(run for run in lab.inside._runs if run.letter == letter)
    x, _, _ = run.feed.example(0)
    made = []
    for tap in run.built.taps:
        if tap.fact.part == "cnn":
            model = keras.Model(run.built.piece if tap.each else run.built.model.input, tap.gives)
            values = model.predict(x if tap.each else x[None], verbose=0)
            made.append(values if values.ndim == 4 else values[:, None])
    return json.dumps([values.astype(float).round(5).tolist() for values in made])
"""


@pytest.fixture(scope="module")
def architecture(open_for_all):
    cells = [SETUP, MAPS, "lab = small_labs.architecture()\nlab", "..."]
    notebook = open_for_all("maps.ipynb", cells).run_all(180)
    notebook.labs().get_by_role("button", name="Look inside").click()
    return notebook


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
        words = re.compile(rf"Selected: row {row} of {self.rows}, column {column} of {self.columns},")
        expect(self.view).to_have_attribute("aria-label", words)

    def wait_longer_than_the_map(self):
        """Until a timer has ended that begins now, and lasts longer than that for a resting mouse."""
        self.notebook.page.evaluate("() => new Promise(done => setTimeout(done, 200))")
        self.notebook.settle()


def selected(notebook):
    """Filter, row and column as the sliders show them, and the value to which the shown sum leads."""
    found = {}
    for name in ("Filter", "Row", "Column"):
        handle = notebook.labs().get_by_role("slider", name=name, exact=True)
        found[name] = int(float(handle.get_attribute("aria-valuenow"))) if handle.is_visible() else 0
    shown = notebook.labs().locator(".ci-sum b").last.inner_text()
    return *found.values(), number(shown)


def check_sum(notebook, maps, step, row, column, filter):
    """The sum that is shown is that of this pixel and this filter."""
    notebook.settle()
    assert selected(notebook)[:3] == (filter, row, column)
    expected = maps[min(step, len(maps) - 1)][row][column][filter]
    assert selected(notebook)[3] == pytest.approx(expected, abs=6e-4)


def look_into(notebook, letter, stage):
    lab = notebook.labs()
    lab.get_by_label("Run", exact=True).last.select_option(index="ABC".index(letter))
    notebook.settle()
    lab.get_by_label("Maps of", exact=True).select_option(index=stage)
    notebook.settle()
    return json.loads(notebook.run_in_cell(3, f"print(all_maps({letter!r}))"))[stage]


SCREENS = {"large": (1400, 1), "narrow and fine": (900, 2)}


@pytest.mark.parametrize("screen", SCREENS)
def test_the_sum_belongs_to_the_pixel_under_the_mouse(screen, architecture):
    notebook, (width, ratio) = architecture, SCREENS[screen]
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
