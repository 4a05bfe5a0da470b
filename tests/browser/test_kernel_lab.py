"""The kernel lab as a learner works with it, with the keyboard alone."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = """
import numpy as np
from course_utils.labs.kernel.lab import KernelLab

bar = np.zeros((16, 12))
bar[3:13, 5:8] = 1
images = {"bar": bar, "nine": bar[:9, :9], "ramp": np.tile(np.linspace(0, 1, 8), (8, 1))}
"""


def test_a_learner_edits_moves_sets_and_shares(open_cells):
    notebook = open_cells("kernel.ipynb", [SETUP, "KernelLab(images)", "KernelLab(images)"]).run_all(180)
    lab, second = (notebook.labs().nth(i) for i in range(2))
    image, output = (lab.locator(".cl-picture svg").nth(i) for i in range(2))
    expect(lab.locator(".cl-picture svg")).to_have_count(2)
    expect(output).to_have_attribute("aria-label", re.compile("Feature map of image bar, 14 by 10"))

    # A number of the kernel is typed, then stepped; the list follows. A ready-made one; the fields follow.
    kernel, field = (lab.get_by_label(name, exact=True) for name in ("Kernel", "Kernel row 1 column 2"))
    expect(field).to_have_value("0")
    field.fill("2.5")
    field.press("Enter")
    expect(output).to_have_attribute("aria-label", re.compile("Kernel your own: −1 2.5 1;"))
    expect(kernel).to_have_value("your own")
    _, after = press(field, "ArrowUp", output)
    assert "−1 3 1;" in after
    field.fill("99")
    field.press("Enter")
    expect(output).to_have_attribute("aria-label", re.compile("Kernel your own: −1 9.99 1;"))
    expect(field).to_have_value("9.99")
    _, after = press(kernel, "ArrowUp", output)
    assert "Kernel shift left: 0 0 0; 0 0 1; 0 0 0" in after
    expect(field).to_have_value("0")
    expect(lab.get_by_text("all moves 1 pixel to the left")).to_be_visible()
    _, after = press(kernel, "ArrowUp", output)
    assert "Kernel sharpen: 0 −1 0;" in after
    bias = lab.get_by_label("Bias", exact=True)
    bias.fill("-0.75")
    bias.press("Enter")
    expect(output).to_have_attribute("aria-label", re.compile("Bias −0.75"))
    _, after = press(lab.get_by_label("Activation", exact=True), "ArrowDown", output)
    assert "activation ReLU" in after
    expect(lab.get_by_text("ReLU: the larger of 0 and")).to_be_visible()

    # The window moves, and the sum is written out for where it stands.
    _, after = press(lab.get_by_label("Output row", exact=True), "End", image)
    assert "stands on rows 14 to 16" in after
    _, after = press(lab.get_by_label("Stride", exact=True), "ArrowDown", image)
    assert "stands on rows 13 to 15" in after
    _, after = press(lab.get_by_label("Stride", exact=True), "ArrowUp", image)
    assert "stands on rows 7 to 9" in after
    _, after = press(lab.get_by_label("Output row", exact=True), "Home", image)
    assert "stands on rows 1 to 3" in after
    _, after = press(lab.get_by_label("Output column", exact=True), "ArrowRight", image)
    assert "columns 6 to 8" in after
    expect(lab.get_by_text("Output row 1, column 6")).to_be_visible()

    # How the window moves.
    _, after = press(lab.get_by_label("Padding", exact=True), "ArrowDown", image)
    assert "A rim of zeros around it: 1 above, 1 below, 1 left, 1 right" in after
    expect(lab.get_by_text("3 of the 9 numbers lie on padding")).to_be_visible()
    _, after = press(lab.get_by_label("Stride", exact=True), "ArrowDown", output)
    assert "Feature map of image bar, 8 by 6" in after
    _, after = press(lab.get_by_label("Dilation", exact=True), "ArrowDown", image)
    assert "dilation 2" in after
    expect(lab.get_by_text("Keras refuses a stride and a dilation above 1")).to_be_visible()
    _, after = press(lab.get_by_label("Kernel size", exact=True), "ArrowDown", output)
    assert "Kernel sharpen: 0 0 −0.5 0 0;" in after
    expect(lab.get_by_label("Kernel row 5 column 5")).to_be_visible()

    # What does not fit is explained, and repaired by a button.
    press(lab.get_by_label("Image", exact=True), "ArrowDown", image)
    press(lab.get_by_label("Padding", exact=True), "ArrowUp", image)
    expect(output).to_have_attribute("aria-label", re.compile("Feature map of image nine, 1 by 1"))
    press(lab.get_by_label("Image", exact=True), "ArrowDown", image)
    expect(lab.get_by_text("the image has only 8 rows and 8 columns")).to_be_visible()
    expect(output).to_have_attribute("aria-label", re.compile("No feature map"))
    check_page(notebook)
    lab.get_by_role("button", name="Use padding same").press("Enter")
    expect(output).to_have_attribute("aria-label", re.compile("Feature map of image ramp, 4 by 4"))
    expect(lab.get_by_text("Does not fit.")).to_be_hidden()

    # The whole state is a string: pasted into the second lab it gives the same pictures.
    paste_state(notebook, lab, second)
    words = output.get_attribute("aria-label")
    expect(second.locator(".cl-picture svg").nth(1)).to_have_attribute("aria-label", words)
    paste_nonsense(second)
    lab.get_by_role("button", name="Back to the start").press("Enter")
    expect(output).to_have_attribute("aria-label", re.compile("Kernel vertical edge"))
    check_page(notebook)
