"""The voice lab as a learner works with it: it plays, and the picture can be pointed at with a real mouse."""

import re

import pytest
from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nimport small_labs"
LEFT, RIGHT = 92 / 760, 752 / 760  # where time begins and ends in the picture


def test_a_learner_listens_draws_silence_empties_the_state_and_shares(open_cells):
    notebook = open_cells("voice.ipynb", [SETUP, "small_labs.voice()", "small_labs.voice()"]).run_all(180)
    lab, second = (notebook.labs().nth(i) for i in range(2))
    stage, audio, line = (lab.locator(each) for each in (".cv-stage", "audio", ".cl-state input"))
    picture = stage.locator("svg")
    expect(picture).to_have_attribute("aria-label", re.compile("^Fr_f in hiss at 5 dB"))
    dial = lambda name: lab.get_by_label(name, exact=True)  # noqa: E731
    button = lambda name: lab.get_by_role("button", name=name, exact=True)  # noqa: E731
    mouse, lasts = notebook.page.mouse, audio.evaluate("one => one.duration")
    assert lasts == pytest.approx(14.2, abs=0.2)

    def at(share):
        box = stage.bounding_box()
        return box["x"] + box["width"] * (LEFT + (RIGHT - LEFT) * share), box["y"] + 60

    def drag(first, last):
        mouse.move(*at(first))
        mouse.down()
        mouse.move(*at((first + last) / 2))
        mouse.move(*at(last))
        mouse.up()

    # Play and scrub.
    stage.scroll_into_view_if_needed()
    now = lambda: audio.evaluate("one => one.currentTime")  # noqa: E731
    mouse.click(*at(0.5))
    assert now() == pytest.approx(lasts / 2, abs=0.1)
    drag(0.2, 0.3)
    assert now() == pytest.approx(0.3 * lasts, abs=0.1)
    stage.press("ArrowRight")
    assert now() == pytest.approx(0.3 * lasts + 0.032, abs=0.1)
    audio.evaluate("one => { one.muted = true; }")
    stage.press("Space")
    begun = now()
    expect(audio).to_have_js_property("paused", False)
    notebook.page.wait_for_function(
        "([one, from]) => one.currentTime > from + 0.3", arg=[audio.element_handle(), begun]
    )
    stage.press("Space")
    expect(audio).to_have_js_property("paused", True)
    expect(stage).to_have_attribute("aria-label", re.compile(r"at \d+\.\d\d of 14\.\d seconds"))

    # Draw silence, and empty the state.
    button("Draw silence").click()
    drag(0.25, 0.5)
    expect(picture).to_have_attribute("aria-label", re.compile(r"Chunks 1[01]\d to 2[12]\d are silent"))
    button("Empty the state").click()
    mouse.click(*at(0.6))
    expect(picture).to_have_attribute("aria-label", re.compile(r"Its state is emptied before chunk 26\d"))
    expect(line).to_have_value(
        re.compile(r"^voi1;voice=fr_f;noise=hiss;snr=5;reset=26\d;silent=1[01]\d;until=2[12]\d$")
    )
    button("As it was").click()
    expect(line).to_have_value("voi1;voice=fr_f;noise=hiss;snr=5")
    expect(picture).not_to_have_attribute("aria-label", re.compile("emptied|silent"))

    # Dials.
    _, after = press(dial("Noise"), "End", picture)
    assert "in babble at 5 dB" in after
    _, after = press(dial("SNR in dB"), "Home", picture)
    assert "at −10 dB" in after
    _, after = press(dial("Hold-over"), "ArrowRight", picture)
    assert "hold-over 1 chunks" in after
    _, after = press(dial("Compare"), "End", picture)
    assert "Loudness misses" in after
    expect(lab.get_by_role("row", name=re.compile("^loudness"))).to_be_visible()
    check_page(notebook)
    paste_nonsense(lab)
    paste_state(notebook, lab, second)


MICROPHONE = """
import numpy as np
from course_utils.labs.voice import Microphone
microphone = Microphone()
microphone
"""
HEARD = """
begins = np.flatnonzero(np.diff((microphone.sound.samples > 0.3).astype(int)) > 0)
len(microphone.sound.samples) / 16_000, int(np.diff(begins).max())
"""
SAVED = "sum(len(str(value)) for value in microphone.get_state().values())"  # with the notebook, if one wants


def test_a_microphone_is_asked_for_and_its_sound_used(open_cells):
    notebook = open_cells("microphone.ipynb", [SETUP, MICROPHONE, "..."]).run_all(180)
    box = notebook.page.locator(".cv-microphone")
    said, audio = box.get_by_role("status"), box.locator("audio")
    press = lambda name: box.get_by_role("button", name=name, exact=True).click()  # noqa: E731
    expect(said).to_have_text("Nothing is recorded until you press Record.")

    # A page that may not use it says so, and what to do.
    press("Record")
    expect(said).to_contain_text("may not use the microphone. Allow it for this page")
    expect(said).to_contain_text("datasets.read_sound")
    notebook.page.context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"])

    press("Record")
    expect(said).to_contain_text("Recording: 2 of at most 30 seconds.")
    expect(audio).to_be_hidden()
    press("Stop")
    expect(said).to_contain_text("on this page only")
    audio.evaluate("one => one.duration || new Promise(told => one.onloadedmetadata = told)")
    lasts = audio.evaluate("one => one.duration")
    assert 1.4 < lasts < 10
    assert notebook.run_in_cell(2, "microphone.sound is None") == "True"
    small = notebook.run_in_cell(2, SAVED)

    press("Use it")
    expect(said).to_contain_text("Used:")
    seconds, apart = map(float, notebook.run_in_cell(2, HEARD).strip("()").split(","))
    assert seconds == pytest.approx(lasts, abs=0.01)
    assert apart == pytest.approx(8000, abs=200), "Chromium's own microphone beeps every half second"
    assert int(notebook.run_in_cell(2, SAVED)) - int(small) < 1000, "the sound is not in the widget's state"

    press("Record again")
    expect(said).to_contain_text("Recording: 1 of")
    press("Stop")
    expect(said).to_contain_text("on this page only")
    press("Use it")
    expect(said).to_contain_text("Used:")
