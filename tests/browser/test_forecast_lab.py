"""The forecast lab as a learner works with it, with the keyboard alone."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nimport small_labs"


def test_a_learner_moves_shortens_clamps_and_shares(open_cells):
    cells = [SETUP, "small_labs.forecast()", "small_labs.forecast()"]
    notebook = open_cells("forecast.ipynb", cells).run_all(180)
    lab, second = (notebook.labs().nth(i) for i in range(2))
    expect(lab.locator(".cl-picture svg")).to_have_count(2)
    past, ahead = (lab.locator(".cl-picture svg").nth(i) for i in range(2))
    button = lambda name: lab.get_by_role("button", name=name, exact=True)  # noqa: E731
    dial = lambda name: lab.get_by_label(name, exact=True)  # noqa: E731

    # The origin, by hours and by days.
    before, after = press(dial("Forecast origin"), "ArrowRight", past)
    assert "forecast from Mon 9 Jul, 03:00" in before
    assert "forecast from Mon 9 Jul, 04:00" in after
    expect(lab.get_by_text("Mon 9 Jul 2018, 04:00")).to_be_visible()
    expect(button("A day earlier")).to_be_disabled()
    _, after = press(button("A day later"), "Enter", past)
    assert "forecast from Tue 10 Jul, 04:00" in after
    _, after = press(button("A day earlier"), "Enter", past)
    assert "forecast from Mon 9 Jul, 04:00" in after
    press(dial("Forecast origin"), "End", past)
    expect(button("A day later")).to_be_disabled()

    # The horizon, and the hour whose attention is drawn.
    _, after = press(dial("Hour to come"), "End", past)
    assert "Attention of hour 24" in after
    _, after = press(dial("Horizon"), "ArrowLeft", ahead)
    assert after.startswith("23 hours to come")
    expect(past).to_have_attribute("aria-label", re.compile("Attention of hour 23"))
    _, after = press(dial("Horizon"), "Home", ahead)
    assert after.startswith("1 hour to come")
    expect(lab.get_by_text("Over 1 hour the forecast is off by")).to_be_visible()
    press(dial("Horizon"), "End", ahead)

    # A shorter past, a clamped hour, and one out of sight.
    _, after = press(dial("Past window"), "Home", past)
    assert "24 of 168 past hours handed" in after
    expect(lab.get_by_text("Shorter past.")).to_be_visible()
    expect(button("Restore it")).to_be_disabled()
    _, after = press(dial("Hours ago"), "ArrowRight", past)
    assert "Clamped 1 hour before" in after
    expect(lab.get_by_text("The clamp.")).to_be_visible()
    before, after = press(dial("Its volume"), "ArrowRight", past)
    assert ": 0 instead of" in before
    assert ": 10 instead of" in after
    press(dial("Hours ago"), "End", past)
    expect(lab.get_by_text("Clamped out of sight.")).to_be_visible()
    _, after = press(button("Restore it"), "Enter", past)
    assert "Clamped" not in after

    # Other networks: one without attention and interval, one whose quantiles cross.
    _, after = press(dial("Network"), "ArrowDown", past)
    assert "this network has no attention" in after
    _, after = press(dial("Network"), "ArrowDown", past)
    assert "over 24 steps" in after
    expect(lab.get_by_text("Quantiles cross.")).to_be_visible()
    check_page(notebook)

    # The whole state is a string: pasted into the second lab it gives the same picture.
    paste_state(notebook, lab, second)
    paste_nonsense(second)
    _, after = press(button("Back to the start"), "Enter", past)
    assert after.startswith("Attention, forecast from Mon 9 Jul, 03:00")
    check_page(notebook)
