"""The gate lab as a learner works with it, with the keyboard alone."""

import re
from itertools import combinations

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nfrom course_utils.labs.gates.lab import GateLab"
TRAINED = """
import keras
import numpy as np
keras.utils.set_random_seed(0)
layer = keras.layers.LSTM(6)
layer.build((None, None, 1))
lab = GateLab({"six units": layer}, {"noise": np.random.default_rng(0).uniform(-1, 1, 40)})
lab
"""
STATE = "gat1;cell=alternator;input=own;step=4;f=open;gate=g;own=0,1,0,0.85,-0.25"


def test_a_learner_scrubs_edits_clamps_and_shares(open_cells):
    notebook = open_cells("gates.ipynb", [SETUP, "GateLab()", "GateLab()", TRAINED, "lab.state.input"])
    notebook.run_all(180)
    lab, second, trained = (notebook.labs().nth(i) for i in range(3))
    picture, below = (lab.locator(".cl-picture svg").nth(i) for i in range(2))
    expect(lab.locator(".cl-picture svg")).to_have_count(2)

    # At either width the cards stand side by side or below each other.
    for width in (900, 1400):
        notebook.page.set_viewport_size({"width": width, "height": 1000})
        cards = [card.bounding_box() for card in lab.locator(".cl-group").all()]
        for one, other in combinations(cards, 2):
            beside = abs(one["x"] - other["x"]) >= min(one["width"], other["width"])
            assert beside or abs(one["y"] - other["y"]) >= min(one["height"], other["height"])

    # Time.
    step = lab.get_by_label("Time step", exact=True)
    before, after = press(step, "ArrowRight", picture)
    assert "step 5 of 16" in before
    assert "step 6 of 16" in after
    _, after = press(step, "End", picture)
    assert "step 16 of 16" in after
    press(step, "Home", picture)
    for number in range(2, 5):
        _, after = press(step, "ArrowRight", picture)
        assert f"step {number} of 16" in after
    expect(lab.get_by_text("At step 4 the memory 0.91 is kept")).to_be_visible()

    # The input at this step: by small steps, larger ones, and to the end.
    value = lab.get_by_label("Value here", exact=True)
    _, after = press(value, "ArrowRight", picture)
    assert "reading your own sequence" in after
    assert "1.00, 0.01, 0.00" in after
    _, after = press(value, "PageUp", picture)
    assert "1.00, 0.06, 0.00" in after
    _, after = press(value, "Home", picture)
    assert "1.00, −1.00, 0.00" in after
    expect(lab.get_by_label("Sequence", exact=True)).to_have_value("your own")

    # Another sequence, clamps, and what becomes of the memory.
    _, after = press(lab.get_by_label("Sequence", exact=True), "Home", picture)
    assert "reading two pulses" in after
    forget = lab.get_by_label("Forget gate f", exact=True)
    _, after = press(forget, "ArrowDown", picture)
    assert "Forget gate held shut" in after
    expect(lab.get_by_text("Without your clamps c would be 0.91 here.")).to_be_visible()
    expect(lab.get_by_text("nothing from before step 4 can remain")).to_be_visible()
    _, after = press(forget, "ArrowDown", picture)
    assert "Forget gate held open" in after
    _, after = press(lab.get_by_role("button", name="All as computed"), "Enter", picture)
    assert "All gates as computed" in after

    # Another cell, another sum.
    _, after = press(lab.get_by_label("Cell", exact=True), "ArrowDown", picture)
    assert after.startswith("Leaky counter")
    told = below.get_attribute("aria-label")
    assert "Forget gate f: x · U 0.00 times 0.00" in told
    lab.get_by_label("Sum behind", exact=True).press("ArrowDown")
    expect(below).to_have_attribute("aria-label", re.compile(r"Candidate g: x · U 0\.00 times 0\.50"))
    check_page(notebook)

    # The whole state is a string: pasted here and copied to the second lab it gives the same picture.
    line = lab.get_by_label("State", exact=True)
    line.fill(STATE)
    press(line, "Enter", picture)
    words = picture.get_attribute("aria-label")
    assert words.startswith("Alternator, reading your own sequence, step 4 of 5. Forget gate held open")
    paste_state(notebook, lab, second)
    paste_nonsense(second)
    lab.get_by_role("button", name="Back to the start").press("Enter")
    expect(picture).to_have_attribute("aria-label", before)

    # A layer of several units; scrubbing alone changes nothing that was given.
    picture = trained.locator(".cl-picture svg").first
    _, after = press(trained.get_by_label("Unit", exact=True), "ArrowRight", picture)
    assert "unit 2 of 6" in after
    for _ in range(6):
        press(trained.get_by_label("Time step", exact=True), "ArrowRight", picture)
    assert notebook.run_in_cell(4, "lab.state.input") == "'noise'"
    check_page(notebook)
