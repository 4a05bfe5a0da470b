"""Lessons as a learner meets them: opened in JupyterLab, run, and their labs worked with the keyboard."""

import re

import pytest
from jupyter import COURSE
from playwright.sync_api import expect
from screenshots import labs_only


def check_page(notebook):
    assert notebook.errors() == []
    assert notebook.new_problems() == []
    assert notebook.pictures_without_words() == []


def press(control, key, picture, what="aria-label"):
    """Press a key on a control; returns the picture's words before and after, once they differ."""
    before = picture.get_attribute(what)
    control.press(key)
    expect(picture).not_to_have_attribute(what, before, timeout=10_000)
    return before, picture.get_attribute(what)


def paste_state(notebook, lab, second):
    """Copy the state of a lab with its button into another, which then shows the same picture."""
    words = lab.locator(".cl-picture svg").first.get_attribute("aria-label")
    lab.get_by_role("button", name="Copy", exact=True).press("Enter")
    line = second.get_by_label("State", exact=True)
    before = line.input_value()
    line.focus()
    notebook.page.keyboard.press("ControlOrMeta+A")
    notebook.page.keyboard.press("ControlOrMeta+V")
    expect(line).not_to_have_value(before)  # what is pasted comes by and by
    line.press("Enter")
    expect(second.locator(".cl-picture svg").first).to_have_attribute("aria-label", words)


def paste_nonsense(lab):
    """What is no state is told, and changes nothing."""
    picture = lab.locator(".cl-picture svg").first
    words, line = picture.get_attribute("aria-label"), lab.get_by_label("State", exact=True)
    line.fill("nonsense")
    line.press("Enter")
    expect(lab.get_by_text("A state of this lab begins with")).to_be_visible(timeout=20_000)
    expect(picture).to_have_attribute("aria-label", words)


def test_lesson_00_opens_and_runs(open_lesson):
    notebook = open_lesson("00_start_here.ipynb")
    notebook.run_all(180)
    check_page(notebook)


def test_lesson_04_runs_and_its_labs_work(open_lesson):
    notebook = open_lesson("04_cnn_lstm_video.ipynb")
    notebook.run_all(400)
    check_page(notebook)

    # Dials by keyboard, and the picture follows; what does not fit is explained and repaired.
    lab = notebook.lab_with("Compose")
    picture = lab.locator(".cl-picture svg").first
    expect(picture).to_have_attribute("role", "img")
    before, after = press(lab.get_by_label("Kernel of convolution 1"), "ArrowUp", picture)
    assert "parameters in all" in before
    assert "parameters in all" in after
    state = lab.get_by_label("State", exact=True)
    state.fill("lab2;clip=f8.s24;convolutions=f16.k5.s4.valid,f32.k7.valid")
    state.press("Enter")
    expect(lab.get_by_text("Does not fit.")).to_be_visible()
    lab.get_by_role("button", name=re.compile("^Use ")).press("Enter")
    expect(lab.get_by_text("Does not fit.")).to_be_hidden()

    # One epoch of a small model, trained from the lab: the curve grows.
    state.fill("lab2;convolutions=f4.k5.s4;joint=dense.u8;lstm=u8;budget=e3.quarter")
    state.press("Enter")
    expect(lab.get_by_text("1 conv, dense 8, LSTM 8")).to_be_visible()
    curves = lab.locator(".cl-picture svg:visible").nth(1)
    expect(curves).to_have_attribute("aria-label", re.compile("still empty"))
    lab.get_by_role("button", name="One epoch").press("Enter")
    expect(curves).to_have_attribute("aria-label", re.compile("Run A, 1 of"), timeout=300_000)
    expect(lab.locator("table.cl-table")).to_contain_text("1 conv, dense 8, LSTM 8")
    check_page(notebook)


LABS = {  # lesson -> how many labs it has
    "01_convolution": 1,
    "02_lstm": 2,
    "03_joining": 1,
    "05_lstm_cnn_text": 2,
    "06_attention": 2,
    "07_forecasting": 1,
    "08_convlstm": 1,
    "13_your_own_data": 1,
}


def turn_a_dial(lesson, lab):
    if lesson.startswith("01"):
        lab.get_by_label("Stride", exact=True).press("ArrowDown")
    elif lesson.startswith("02"):
        lab.get_by_label("Time step", exact=True).press("ArrowRight")
    elif lesson.startswith("03"):
        lab.get_by_label("Filters of convolution 1").press("ArrowDown")
    elif lesson.startswith("05"):
        line = lab.get_by_label("Sentence", exact=True)
        line.fill("a dull story that is not moving")
        line.press("Enter")
    elif lesson.startswith("06"):
        lab.get_by_label("Temperature", exact=True).press("End")
    elif lesson.startswith("07"):
        lab.get_by_role("slider", name="Hour to come").press("End")
    elif lesson.startswith("08"):
        lab.get_by_label("A grey bar in front").check()
    else:
        lab.get_by_label("Clip", exact=True).press("ArrowRight")


@pytest.mark.parametrize(("lesson", "labs"), LABS.items())
def test_the_labs_of_a_lesson_work_with_what_it_trains(lesson, labs, open_cells, jupyterlab):
    """Only the cells that its labs need are run."""
    labs_only(COURSE / "notebooks" / "source" / f"{lesson}.py", jupyterlab[3])
    notebook = open_cells(f"{lesson}.ipynb")
    notebook.run_all(400)
    check_page(notebook)
    assert notebook.labs().count() == labs
    for number in range(labs):
        lab = notebook.labs().nth(number)
        pictures = [lab.locator(".cl-picture svg").nth(1 if lesson.startswith("08") else 0)]  # 0: its kernel
        if lesson.startswith("03"):  # the shapes are the panel that is open
            pictures.append(lab.get_by_role("img", name=re.compile("^Shapes, axis by axis")))
        before = [picture.get_attribute("aria-label") for picture in pictures]
        turn_a_dial(lesson, lab)
        for picture, words in zip(pictures, before):
            expect(picture).not_to_have_attribute("aria-label", words, timeout=10_000)
    check_page(notebook)
