"""The folder lab as a learner works with it, with the keyboard alone."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nimport small_labs\nfrom pathlib import Path"
OTHER = """
folder = Path("other clips")
small_labs.moving_bars(folder)
(folder / "left").rename(folder / "back")
(Path("one") / "left").mkdir(parents=True)
"""


def test_a_learner_looks_at_clips_mends_a_leak_and_reads_another_folder(open_cells):
    cells = [SETUP, OTHER, "small_labs.folder()", "small_labs.folder()"]
    notebook = open_cells("folder.ipynb", cells).run_all(180)
    lab, second = (notebook.labs().nth(i) for i in range(2))
    expect(lab.locator(".cl-picture svg")).to_have_count(3)
    film, split, lengths = (lab.locator(".cl-picture svg").nth(i) for i in range(3))
    button = lambda name: lab.get_by_role("button", name=name, exact=True)  # noqa: E731
    dial = lambda name: lab.get_by_label(name, exact=True)  # noqa: E731

    def turn(name, key, picture):
        found = press(dial(name), key, picture)
        notebook.settle()  # the other pictures follow
        return found

    # Which clip.
    before, after = turn("Part", "ArrowDown", film)
    assert before.startswith("Clip left/p1 take 1: class left · group p1 · train, clip 1 of 12")
    assert "group p2 · validation, clip 1 of 8" in after
    _, after = turn("Class", "End", film)
    assert after.startswith("Clip right/p2 take 1")
    assert "5 of 8 frames real" in after
    assert "Frames 6 to 8 are padding" in after
    _, after = turn("Clip", "ArrowRight", film)
    assert "right/p2 take 2: class right · group p2 · validation, clip 2 of 4 · 8 of 8 frames" in after
    check_page(notebook)

    # How it is read; a frame that cannot be read is met by some of these, and told.
    _, after = turn("Frames", "End", film)
    assert "10 of 32 frames real" in after
    expect(lengths).to_have_attribute("aria-label", re.compile("10 real frames: 23 clips"))
    expect(lab.get_by_text("24 of 24 clips have fewer than 32 frames")).to_be_visible()
    expect(lab.get_by_role("row", name="left/p7 take 1 its frame 2.png cannot be read")).to_be_visible()
    _, after = turn("Frames", "Home", film)
    assert "4 of 4 frames real" in after
    expect(lab.get_by_text("Left out: 1 of 26")).to_be_visible()
    expect(lab.get_by_role("row", name="left 6 (3) 4 (2) 3 (2) 13 (7)")).to_be_visible()
    _, after = turn("Size", "ArrowDown", film)
    assert "read as 32 × 32 (height × width, pad, grey)" in after
    turn("Fit", "ArrowDown", film)
    _, after = turn("Channels", "ArrowDown", film)
    assert "crop, colour" in after
    check_page(notebook)

    # Who is in which part: a leak, and the button that mends it.
    _, after = turn("Groups", "Home", split)
    assert "in more than one part" in after
    expect(lab.get_by_text("of them are in more than one part")).to_be_visible()
    _, after = turn("Seed", "ArrowRight", split)
    assert "each clip on its own, seed 1" in after
    _, after = press(button("Keep groups together"), "Enter", split)
    assert "by the pattern /(p\\d), seed 1" in after
    assert "in more than one part" not in after
    expect(lab.get_by_text("groups is whole in one part")).to_be_visible()
    check_page(notebook)

    # The whole state is a string: pasted into the second lab it gives the same picture.
    paste_state(notebook, lab, second)
    paste_nonsense(second)

    # Another folder: what cannot be read is explained, what can is shown.
    path = dial("Folder")
    for typed, told in (("nowhere", "there is no such folder"), ("one", "and has none")):
        path.fill(typed)
        path.press("Tab")
        button("Read").press("Enter")
        expect(lab.get_by_text(told)).to_be_visible()
        expect(lab.get_by_text("✕ Not read.")).to_be_visible()
        assert "by the pattern" in split.get_attribute("aria-label")
    path.fill("other clips")
    path.press("Tab")
    _, after = press(button("Read"), "Enter", film)
    assert after.startswith("Clip back/p3 take 1")
    expect(lab.get_by_text("✓ Read.")).to_be_visible()
    _, after = turn("Class", "ArrowDown", film)
    assert "class back" in after
    notebook.settle()
    check_page(notebook)
