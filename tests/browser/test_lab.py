"""The architecture lab as a learner works with it, by key and mouse, from the first dial to a second lab."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nfrom course_utils import labs"
SMALL = (
    "lab2;task=digits;order=cnn-lstm;clip=f4.s12;convolutions=f4.k5.s4;joint=dense.u8;lstm=u8;"
    "budget=e12.quarter;seed=0"
)
COUNT = "model.count_params(), tuple(model.output['digit'].shape)"


def set_state(lab, state):
    line = lab.get_by_label("State", exact=True)
    line.fill(state)
    line.press("Enter")
    expect(line).to_have_value(state)


def open_panel(lab, name):
    lab.get_by_role("button", name=name).press("Enter")


def test_a_learner_composes_trains_looks_inside_and_shares(open_cells):
    cells = [SETUP, "labs.ArchitectureLab()", "labs.ArchitectureLab('textbook text')", "...", "..."]
    notebook = open_cells("lab.ipynb", cells).run_all(180)
    lab, second = notebook.labs().nth(0), notebook.labs().nth(1)
    picture = lab.locator(".cl-picture svg").first

    # Compose, with the keyboard alone.
    before, after = press(lab.get_by_label("Filters of convolution 1"), "ArrowDown", picture)
    assert "201,042 parameters in all" in before
    assert "Conv 20 gives 8×12×12×20" in after
    _, after = press(lab.get_by_label("Order"), "ArrowDown", picture)
    assert "LSTM 96 gives 8×96, then Conv 20 gives 4×20" in after
    _, after = press(lab.get_by_label("Attention"), " ", picture)
    assert "Attention gives 32" in after
    _, after = press(lab.get_by_label("Task"), "ArrowDown", picture)
    assert "move (8 classes)" in after
    _, after = press(lab.get_by_label("Task"), "ArrowDown", picture)
    assert after.startswith("Review of 40")

    # Something impossible is drawn up to where it breaks, told, and repaired by the button.
    set_state(lab, "lab2;task=reviews;order=cnn-lstm;joint=max;seed=0")
    expect(lab.get_by_text("Does not fit.")).to_be_visible()
    expect(lab.get_by_text("the time axis is gone")).to_be_visible()
    expect(picture).to_have_attribute("aria-label", re.compile("There it breaks: LSTM 64 does not fit"))
    lab.get_by_role("button", name="Keep the steps").press("Enter")
    expect(lab.get_by_text("Does not fit.")).to_be_hidden()
    expect(picture).to_have_attribute("aria-label", re.compile("LSTM 64 gives 64"))

    # The code, copied into a new cell, builds the model of the picture.
    set_state(lab, SMALL)
    expect(picture).to_have_attribute("aria-label", re.compile(r"Clip of 4×12×12×1"))
    total = re.search(r"([\d,]+) parameters in all", picture.get_attribute("aria-label"))[1].replace(",", "")
    open_panel(lab, "Keras code")
    expect(lab.locator(".cl-code").first).to_contain_text("layers.LSTM(8)")
    lab.locator("pre.cl-code").first.click()
    lab.get_by_role("button", name="Copy model").click()
    expect(lab.get_by_text("Copied", exact=True)).to_be_visible()
    assert notebook.run_in_cell(3, paste=True) == ""
    assert notebook.run_in_cell(4, COUNT) == f"({total}, (None, 10))"

    # Every axis of every tensor, in words that follow a dial.
    open_panel(lab, "Shapes, axis by axis")
    axes = lab.get_by_role("img", name=re.compile("^Shapes, axis by axis"))
    before, after = press(lab.get_by_label("Filters of convolution 1"), "ArrowDown", axes)
    assert "gives batch, time 4, height 3, width 3, channels 4" in before
    assert "gives batch, time 4, height 3, width 3, channels 6" in after
    check_page(notebook)
    set_state(lab, SMALL)

    # Train, pause, resume; the notebook stays usable meanwhile.
    open_panel(lab, "Train and compare")
    curves = lab.locator(".cl-picture svg:visible").nth(1)
    expect(curves).to_have_attribute("aria-label", re.compile("still empty"))
    lab.get_by_role("button", name="One epoch").click()
    expect(lab.get_by_text(re.compile("Run A, paused: 1 of 12"))).to_be_visible(timeout=120_000)
    expect(curves).to_have_attribute("aria-label", re.compile("Run A, 1 of 12 epochs"))
    lab.get_by_role("button", name="Resume").press("Enter")
    lab.get_by_role("button", name="Pause").click()
    expect(lab.get_by_text(re.compile(r"Run A, paused: \d+ of 12"))).to_be_visible(timeout=60_000)
    lab.get_by_role("button", name="Resume").press("Enter")
    assert notebook.run_in_cell(4, "6 * 7") == "42"
    expect(lab.get_by_text(re.compile("Run A, done: 12 of 12"))).to_be_visible(timeout=120_000)

    # A second run of another order at equal size, beside the first.
    press(lab.get_by_label("Order"), "ArrowUp", picture)
    lab.get_by_role("button", name="Match its parameters").click()
    expect(lab.get_by_text(re.compile("parameters of run A"))).to_be_visible()
    lab.get_by_role("button", name="▶ Start").click()
    expect(lab.get_by_text(re.compile("Run B, done: 12 of 12"))).to_be_visible(timeout=120_000)
    expect(curves).to_have_attribute("aria-label", re.compile("earlier run A"))
    expect(lab.locator("table.cl-table tr")).to_have_count(3)
    lab.get_by_role("button", name="Stop").click()
    expect(lab.get_by_text("Ready.", exact=True)).to_be_visible()
    lab.get_by_label("Run", exact=True).first.select_option(index=0)
    lab.get_by_role("button", name="Compose it again").click()
    expect(lab.get_by_label("State", exact=True)).to_have_value(SMALL)

    # Look inside what was trained.
    open_panel(lab, "Look inside")
    lab.get_by_label("Run", exact=True).last.select_option(index=0)
    expect(lab.get_by_role("img", name=re.compile("^Frame 4 of 4"))).to_be_visible()
    lab.get_by_label("Frame", exact=True).press("ArrowLeft")
    expect(lab.get_by_role("img", name=re.compile("^Frame 3 of 4"))).to_be_visible()
    expect(lab.get_by_text("as if the clip ended here")).to_be_visible()
    gates = lab.get_by_text("forget gate f")
    expect(gates).to_be_visible()
    total = lab.get_by_text(re.compile("together .*ReLU"))
    before = total.inner_text()
    lab.get_by_label("Filter", exact=True).press("ArrowRight")
    expect(total).not_to_have_text(before)
    chosen = lab.locator(".ct-map").last
    box = chosen.bounding_box()
    for share, place in ((0.1, "row 1 of 3, column 1"), (0.9, "row 3 of 3, column 3")):
        chosen.click(position={"x": share * box["width"], "y": share * box["height"]})
        expect(chosen).to_have_attribute("aria-label", re.compile(rf"Selected: {place} of 3\."))
    check_page(notebook)

    # The whole state is a string: pasted into the second lab it gives the same picture.
    paste_state(notebook, lab, second)
    paste_nonsense(second)
    check_page(notebook)


def test_a_click_on_a_stage_of_the_picture_leads_to_its_dials(open_cells):
    lab = open_cells("click.ipynb", [SETUP, "labs.ArchitectureLab()"]).run_all(180).labs().first
    dials = {"convolutions.1": "Filters of convolution 2", "joint": "Joint", "answer": "Asked"}
    for stage, dial in dials.items():
        lab.locator(f"[data-path='{stage}'] text").first.click()
        expect(lab.get_by_label(dial, exact=True)).to_be_focused()


def test_a_learner_turns_the_learning_rate_and_clears_up_among_the_runs(open_cells):
    notebook = open_cells("runs.ipynb", [SETUP, "labs.ArchitectureLab()", "...", "...", "..."]).run_all(180)
    lab = notebook.labs().first
    line = lab.get_by_label("State", exact=True)
    set_state(lab, SMALL.replace("e12", "e2"))
    lab.get_by_role("button", name="▶ Start").press("Enter")
    expect(lab.get_by_text(re.compile("Run A, done: 2 of 2"))).to_be_visible(timeout=120_000)
    expect(
        lab.get_by_role("img", name=re.compile("Run A, 2 of 2 epochs.*; loss: validation"))
    ).to_be_visible()
    loss = lab.locator(".cl-runs td").nth(4).inner_text()

    # Steps that are too large, told beside the dial, in the line with the state and over the table.
    rate = lab.get_by_label("Learning rate")
    expect(rate.locator("option:checked")).to_have_text("as in the lesson")
    expect(lab.get_by_text(re.compile("The learning rate is how far each step goes"))).to_be_visible()
    rate.press("End")
    expect(line).to_have_value(re.compile("budget=e2.quarter.r2e-01;"))
    expect(lab.get_by_text(re.compile("The learning rate rises to 0.2 in"))).to_be_visible()
    lab.get_by_role("button", name="▶ Start").press("Enter")
    expect(lab.get_by_text(re.compile("Run B, done: 2 of 2"))).to_be_visible(timeout=120_000)
    expect(lab.get_by_text(re.compile(r"they are not equal in learning rate"))).to_be_visible()

    # A run gets another name, keeps it where the next one is no name, and goes.
    chosen, name = lab.get_by_label("Run", exact=True).first, lab.get_by_label("Its name")
    chosen.select_option(index=1)
    expect(name).to_have_value("1 conv, dense 8, LSTM 8 (2)")
    name.fill("too steep")
    name.press("Enter")
    expect(lab.locator(".cl-runs")).to_contain_text("too steep")
    expect(chosen.locator("option:checked")).to_have_text("B: too steep")
    name.fill(" ")
    name.press("Enter")
    expect(lab.get_by_text("A run needs a name")).to_be_visible()
    expect(name).to_have_value("too steep")
    lab.get_by_role("button", name="Delete run B").press("Enter")
    expect(lab.get_by_text("Run B is deleted.")).to_be_visible()
    expect(lab.locator(".cl-runs tr")).to_have_count(2)
    lab.get_by_role("button", name="Bring back run B").press("Enter")
    expect(lab.locator(".cl-runs tr")).to_have_count(3)
    lab.get_by_role("button", name="Delete run B").press("Enter")
    expect(lab.locator(".cl-runs tr")).to_have_count(2)

    # The code of the other, pasted into cells, gives the numbers of the lab.
    chosen.select_option(index=0)
    expect(lab.get_by_role("button", name="Delete run A")).to_be_enabled()
    lab.get_by_role("button", name="Compose it again").press("Enter")
    expect(line).to_have_value(SMALL.replace("e12", "e2"))
    open_panel(lab, "Keras code")
    for cell, part in ((2, "Copy model"), (3, "Copy training")):
        lab.get_by_role("button", name=part).click()
        expect(lab.get_by_text("Copied", exact=True).last).to_be_visible()
        told = notebook.run_in_cell(cell, paste=True)
    assert "Epoch 2/2" in told
    assert notebook.run_in_cell(4, "round(model.history.history['val_loss'][0], 3)") == f"{float(loss):g}"
    check_page(notebook)
