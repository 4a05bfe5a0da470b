"""The rollout lab as a learner works with it, with the keyboard alone."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nimport small_labs"


def test_a_learner_composes_rolls_out_edits_and_shares(open_cells):
    cells = [SETUP, "small_labs.rollout()", "small_labs.rollout()"]
    notebook = open_cells("rollout.ipynb", cells).run_all(180)
    lab, second = (notebook.labs().nth(i) for i in range(2))
    expect(lab.locator(".cl-picture svg")).to_have_count(3)
    film, errors = (lab.locator(".cr-drawn svg").nth(i) for i in range(2))
    button = lambda name: lab.get_by_role("button", name=name, exact=True)  # noqa: E731
    dial = lambda name: lab.get_by_label(name, exact=True)  # noqa: E731

    def turn(name, key, picture):
        found = press(dial(name), key, picture)
        notebook.settle()  # the other pictures follow
        return found

    # The clip.
    before, after = turn("Digit", "ArrowDown", film)
    assert before.startswith("Memory: image 0 from row 3, column 5, down right by 2 pixels a frame, bounces.")
    assert after.startswith("Memory: image 1 from row 3")
    _, after = turn("Second digit", "ArrowDown", film)
    assert "image 1 and image 0 from" in after
    expect(lab.get_by_text("of both digits together")).to_be_visible()
    turn("Direction", "ArrowDown", film)
    turn("Speed", "End", film)
    turn("Start row", "Home", film)
    _, after = turn("Start column", "ArrowRight", film)
    assert "from row 0, column 6, down left by 3 pixels a frame, bounces" in after
    _, after = turn("Walls", "ArrowDown", film)
    assert "no walls" in after
    _, after = turn("A grey bar in front", "Space", film)
    assert "no walls, bar." in after
    expect(lab.get_by_text("the bar left out")).to_be_visible()
    check_page(notebook)

    # Frames: given, to come, and the one that is looked at.
    _, after = turn("Frames given", "ArrowRight", errors)
    assert "Free running, from frame 7" in after
    _, after = turn("Frames to come", "Home", film)
    assert "6 frames given, 1 to come; frame 7 is marked" in after
    _, after = turn("Frame looked at", "ArrowLeft", errors)
    assert "At frame 6: " in after
    expect(lab.get_by_text("Frame 6 is one of the 6 given ones")).to_be_visible()
    turn("Frames to come", "End", film)
    _, after = turn("Frame looked at", "ArrowRight", errors)
    assert "At frame 7: " in after

    # The memory: what it holds, and an edited kernel.
    _, after = turn("Shown", "ArrowDown", film)
    assert "Cell state, channel 1 after each frame" in after
    _, after = turn("Channel", "End", film)
    assert "Cell state, channel 3" in after
    taps = lab.locator(".cr-taps svg")
    _, after = turn("Recurrent kernel", "ArrowDown", taps)
    assert "channel 3, all taps zero" in after
    expect(lab.get_by_text("The edit.")).to_be_visible()
    expect(errors).to_have_attribute("aria-label", re.compile("As trained, from frame 7"))
    _, after = turn("Edited in", "ArrowDown", film)
    assert "all taps zero: no look back, input gate alone." in after
    _, after = turn("Edit the shown channel alone", "Space", film)
    assert "input gate alone, channel 3 alone." in after
    check_page(notebook)

    # Other networks: one of fewer channels, one without memory, one that looks ahead.
    _, after = turn("Network", "ArrowDown", film)
    assert "Cell state, channel 2 after" in after
    _, after = turn("Network", "ArrowDown", film)
    assert "channel" not in after
    expect(dial("Channel")).to_be_hidden()
    expect(taps).to_have_count(0)
    turn("Network", "ArrowDown", film)
    expect(lab.get_by_text("It looks ahead.")).to_be_visible()
    turn("Network", "Home", film)
    check_page(notebook)

    # The whole state is a string: pasted into the second lab it gives the same picture.
    paste_state(notebook, lab, second)
    paste_nonsense(second)
    _, after = press(button("Back to the start"), "Enter", film)
    assert after.startswith("Memory: image 0 from row 3, column 5")
    check_page(notebook)
