"""The attention lab as a learner works with it, with the keyboard alone."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, paste_state, press

SETUP = "from course_utils import check\ncheck.setup()\nfrom course_utils import labs"
NETWORKS = """
import keras
import numpy as np
from keras import layers, ops

class Attend(layers.Layer):
    def call(self, features, scores):
        sums = ops.einsum("bth,btu->bhu", ops.softmax(scores, axis=1), features)
        return ops.reshape(sums, (-1, sums.shape[1] * sums.shape[2]))

def network(steps, heads, shape, brightness=40.0):
    keras.utils.set_random_seed(heads)
    x = keras.Input(shape)
    side = 1 if len(shape) == 4 else 3
    patches = x if len(shape) == 4 else layers.Permute((1, 3, 2, 4, 5))(layers.Reshape((4, 3, 4, 3, 1))(x))
    flat = layers.Reshape((steps, -1))(patches)
    mean = ops.mean(flat, axis=-1, keepdims=True)
    features = layers.Concatenate(name="features")([mean, layers.Dense(4)(flat)])
    scores = layers.Dense(heads, name="scores")
    answer = layers.Dense(3, activation="softmax", name="answer")(Attend()(features, scores(features)))
    kernel = np.zeros((5, heads))
    kernel[0] = brightness / np.arange(1, heads + 1)
    scores.set_weights([kernel, np.zeros(heads)])
    return keras.Model(x, answer)

rng = np.random.default_rng(0)
clips = rng.random((3, 6, 12, 12, 1)).astype("float32") * 0.2
shown = np.zeros((3, 6), bool)
for clip in range(3):
    shown[clip, 1 + clip : 3 + clip] = True
clips[shown, 2:9, 2:9] = 1

def scene(row, column, seed):
    image = np.random.default_rng(seed).random((12, 12, 1)) * 0.1
    row, column = (int(at) for at in np.clip((row, column), 1, 10))
    image[row - 1 : row + 2, column - 1 : column + 2] = 1
    return image, (row, column), seed % 3
"""
FRAMES = """
shape = (6, 12, 12, 1)
labs.AttentionLab({"one": network(6, 1, shape), "two heads": network(6, 2, shape)}, clips, [0, 1, 2], shown)
"""
PLACES = """
shape = (12, 12, 1)
labs.AttentionLab({"one": network(16, 1, shape), "two heads": network(16, 2, shape)}, scene=scene)
"""


def test_a_learner_scrubs_masks_moves_and_shares(open_cells):
    notebook = open_cells("attention.ipynb", [SETUP, NETWORKS, FRAMES, PLACES, FRAMES]).run_all(180)
    lab, places, second = (notebook.labs().nth(i) for i in range(3))
    picture, answers = (lab.locator(".cl-picture svg").nth(i) for i in range(2))
    expect(lab.locator(".cl-picture svg")).to_have_count(2)

    # The clip, and how far it is read.
    before, after = press(lab.get_by_label("Clip", exact=True), "ArrowRight", picture)
    assert "The digit shows on frames 2 and 3" in before
    assert "The digit shows on frames 3 and 4" in after
    _, after = press(lab.get_by_label("Frames read", exact=True), "Home", picture)
    assert "1 of 6 frames read" in after
    expect(lab.get_by_text("Only frame 1 is left")).to_be_visible()
    _, after = press(lab.get_by_label("Frames read", exact=True), "ArrowRight", picture)
    assert "2 of 6 frames read" in after
    expect(lab.get_by_text("No frame that it may look at shows the digit")).to_be_visible()
    _, after = press(lab.get_by_label("Frames read", exact=True), "End", picture)
    assert "6 of 6 frames read" in after

    # Heads, temperature, uniform weights.
    expect(lab.get_by_label("Head", exact=True)).to_be_hidden()
    _, after = press(lab.get_by_label("Score", exact=True), "ArrowDown", picture)
    assert "two heads" in after
    _, after = press(lab.get_by_label("Head", exact=True), "ArrowDown", picture)
    assert "Weights of head 1" in after
    _, after = press(lab.get_by_label("Temperature", exact=True), "ArrowRight", picture)
    assert "temperature 2" in after
    _, after = press(lab.get_by_label("Temperature", exact=True), "End", picture)
    assert "temperature 100" in after
    expect(lab.get_by_text("average pooling")).to_be_visible()
    press(lab.get_by_label("Temperature", exact=True), "Home", picture)
    expect(lab.get_by_text("picks one frame and drops all others")).to_be_visible()
    _, after = press(lab.get_by_label("Uniform weights"), " ", picture)
    assert "frame 1: 0.17" in after
    press(lab.get_by_label("Uniform weights"), " ", picture)

    # The mask: by box, by button, until nothing is left, and back.
    before, _ = press(lab.get_by_label("Hide frame 3"), " ", picture)
    expect(picture).to_have_attribute("aria-label", re.compile("Hidden: frame 3"))
    told = answers.get_attribute("aria-label")
    hide = lab.get_by_role("button", name="Hide the most attended frame")
    _, after = press(hide, "Enter", picture)
    assert "Hidden: frames 3 and 4" in after
    expect(lab.get_by_label("Hide frame 4")).to_be_checked()
    expect(answers).not_to_have_attribute("aria-label", told)
    for left in range(4):
        expect(lab.locator(".ca-hide input:checked")).to_have_count(2 + left)
        hide.press("Enter")
    expect(lab.get_by_text("At least one frame must stay")).to_be_visible()
    expect(answers).to_have_attribute("aria-label", re.compile("No answer"))
    lab.get_by_role("button", name="Show all again").press("Enter")
    expect(picture).to_have_attribute("aria-label", before)
    check_page(notebook)

    # The whole state is a string: pasted into the second lab it gives the same picture.
    paste_state(notebook, lab, second)
    paste_nonsense(second)
    lab.get_by_role("button", name="Back to the start").press("Enter")
    expect(picture).to_have_attribute("aria-label", re.compile("^Clip 1, one, temperature 1\\."))

    # The object is moved, and the attention goes with it.
    picture = places.locator(".cl-picture svg").first
    expect(picture).to_have_attribute("aria-label", re.compile("pixel row 4, column 8"))
    _, after = press(places.get_by_label("Row", exact=True), "ArrowRight", picture)
    assert "pixel row 5, column 8" in after
    _, after = press(places.get_by_label("Column", exact=True), "Home", picture)
    assert "pixel row 5, column 1" in after
    _, after = press(places.get_by_role("button", name="Another scene"), "Enter", picture)
    assert after.startswith("Scene 1")
    _, after = press(places.get_by_label("Scene", exact=True), "ArrowUp", picture)
    assert after.startswith("Scene 2")
    _, after = press(places.get_by_role("button", name="Hide the most attended cell"), "Enter", picture)
    assert "Hidden: the cell in row 2 column 1" in after
    check_page(notebook)
