"""That a test fails when the page's console or a widget tells of an error, though nothing else is amiss."""

import pytest

CELL = """
import ipywidgets as widgets
from course_utils.labs.core.pointer import MapPicker

class Deaf(MapPicker):
    _esm = "export default { render({ el }) { el.onpointermove = () => { throw Error('planted'); }; } }"

deaf = Deaf(layout={"width": "200px", "height": "50px"})
button = widgets.Button(description="Divide by zero")
button.on_click(lambda _: 1 / 0)
slider = widgets.IntSlider(description="Look up")
slider.observe(lambda _: {}["planted"], "value")
widgets.VBox([button, slider, deaf.add_class("deaf")])
"""
PLANTED = {
    "a console error": lambda page: page.evaluate("console.error('planted')"),
    "a thrown error": lambda page: page.evaluate("setTimeout(() => { throw Error('planted'); })"),
    "a rejection": lambda page: page.evaluate("void Promise.reject(Error('planted'))"),
    "a widget's pointer": lambda page: page.locator(".deaf").hover(),
    "a callback": lambda page: page.get_by_role("button", name="Divide by zero").click(),
    "an observer": lambda page: page.get_by_role("slider").press("ArrowRight"),
}


@pytest.fixture(scope="module")
def notebook(open_for_all):
    return open_for_all("console.ipynb", [CELL]).run_all(60)


@pytest.mark.xfail(raises=AssertionError, reason="an error is planted")
@pytest.mark.parametrize("planted", PLANTED)
def test_an_error_fails_a_test(planted, notebook):
    PLANTED[planted](notebook.page)
    notebook.settle()


def test_what_failed_one_test_does_not_fail_the_next(notebook):
    assert notebook.new_problems() == []
