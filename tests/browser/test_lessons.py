"""Lessons as a learner meets them: opened in JupyterLab, run, and their labs worked with the keyboard."""

import re

from playwright.sync_api import expect


def check_page(notebook):
    assert notebook.errors() == []
    assert notebook.problems == []
    assert notebook.pictures_without_words() == []


def press(control, key, picture, what="aria-label"):
    """Press a key on a control; returns the picture's words before and after, once they differ."""
    before = picture.get_attribute(what)
    control.press(key)
    expect(picture).not_to_have_attribute(what, before, timeout=10_000)
    return before, picture.get_attribute(what)


def test_lesson_00_opens_and_runs(open_lesson):
    notebook = open_lesson("00_start_here.ipynb")
    notebook.run_all(180)
    check_page(notebook)


def test_lesson_04_runs_and_its_labs_work(open_lesson):
    notebook = open_lesson("04_cnn_lstm_video.ipynb")
    notebook.run_all(400)
    check_page(notebook)

    # Three dials by keyboard, and the picture follows.
    lab = notebook.lab_with("Answer")
    picture = lab.locator(".cl-picture svg")
    expect(picture).to_have_attribute("role", "img")
    before, after = press(lab.get_by_label("Filters of convolution 1"), "ArrowDown", picture)
    assert "parameters in all" in before
    assert "parameters in all" in after
    press(lab.get_by_label("Kernel of convolution 1"), "ArrowUp", picture)
    _, after = press(lab.locator('.cl-group:has-text("LSTM") [role="slider"]').last, "ArrowRight", picture)
    state = lab.get_by_label("State", exact=True)
    assert "LSTM" in after

    # Something impossible is drawn, explained, and mended by the button.
    state.fill("video1;clip=f8.s24;convolutions=f16.k5.s4.valid,f32.k7.valid")
    state.press("Enter")
    expect(lab.get_by_text("Does not fit.")).to_be_visible()
    lab.get_by_role("button", name=re.compile("^Use ")).press("Enter")
    expect(lab.get_by_text("Does not fit.")).to_be_hidden()
    state.fill("nonsense")
    state.press("Enter")
    expect(lab.get_by_text("A state of this lab begins with")).to_be_visible()

    # A small model, trained from the lab: the curve grows, a pause holds it, one more epoch goes on.
    state.fill("video1;clip=f8.s24;convolutions=f4.k5.s4;joint=dense.u8;lstm=u8;budget=e3.quarter")
    state.press("Enter")
    training = notebook.lab_with("Budget")
    expect(training.get_by_text("1 conv, dense 8, LSTM 8")).to_be_visible()
    curves = training.locator(".cl-picture svg")
    expect(curves).to_have_attribute("aria-label", re.compile("still empty"))
    training.get_by_role("button", name="One epoch").press("Enter")
    expect(curves).to_have_attribute("aria-label", re.compile("Run A, 1 of"), timeout=300_000)
    expect(training.get_by_text(re.compile("Run A, paused"))).to_be_visible(timeout=120_000)
    first = training.locator('[data-curve="validation"]').first.get_attribute("d")
    training.get_by_role("button", name="One epoch").press("Enter")
    expect(curves).to_have_attribute("aria-label", re.compile("Run A, 2 of"), timeout=300_000)
    expect(training.get_by_text(re.compile("Run A, paused"))).to_be_visible(timeout=120_000)
    assert training.locator('[data-curve="validation"]').first.get_attribute("d") != first
    training.get_by_role("button", name="Reset").press("Enter")
    expect(training.get_by_text("Ready.")).to_be_visible()
    expect(training.locator("table")).to_contain_text("1 conv, dense 8, LSTM 8")
    check_page(notebook)
