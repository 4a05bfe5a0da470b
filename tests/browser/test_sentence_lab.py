"""The sentence lab as a learner works with it, by keyboard alone."""

import re

from playwright.sync_api import expect
from test_lessons import check_page, paste_nonsense, press

SLOW = 20_000  # milliseconds that a busy machine may take
SETUP = """
from course_utils import check
check.setup()
import keras
from keras import layers, ops
from course_utils import labs

read = layers.TextVectorization(output_sequence_length=12)
read.adapt(["a good film and a funny one", "not a good film", "it is bad , and not funny at all"])

def network(*kind):
    keras.utils.set_random_seed(1)
    large = keras.initializers.RandomNormal(stddev=1.5)
    ids = keras.Input((12,), dtype="int32")
    real = ops.not_equal(ids, 0)
    x = layers.Embedding(len(read.get_vocabulary()), 6, embeddings_initializer=large)(ids)
    if kind[0] == "lstm":
        x = layers.LSTM(6, return_sequences=len(kind) > 1, name="states")(x, mask=real)
    if "cnn" in kind:
        x = x * ops.cast(real, "float32")[..., None]
        x = layers.Conv1D(8, 3, padding="same", activation="relu", name="filters")(x)
        x = layers.GlobalMaxPooling1D(name="pooled")(x * ops.cast(real, "float32")[..., None])
    return keras.Model(ids, layers.Dense(1, "sigmoid", kernel_initializer=large, name="answer")(x))

def bag(texts):
    return [0.9 if "good" in text else 0.2 for text in texts]
"""
LAB = """
models = {"Bag of words": bag, "LSTM": network("lstm"), "LSTM → CNN": network("lstm", "cnn")}
labs.SentenceLab(models, read, "a good film", ("not a good film", "it is bad"))
"""


def write(notebook, field, text):
    """Type a sentence in place of the old one, and press Enter."""
    field.focus()
    notebook.page.keyboard.press("ControlOrMeta+A")
    notebook.page.keyboard.press("Delete")
    notebook.page.keyboard.insert_text(text)
    notebook.page.keyboard.press("Enter")


def test_a_learner_types_scrubs_and_switches_filters_off(open_cells):
    notebook = open_cells("sentence.ipynb", [SETUP, LAB]).run_all(180)
    lab = notebook.labs().first
    field = lab.get_by_label("Sentence", exact=True)
    answers = lab.locator(".cs-answers")
    course = lab.locator(".cl-picture svg")
    phrases = lab.locator(".cs-text")
    expect(answers).to_have_attribute(
        "aria-label", re.compile(r"after 3 of 3 words: Bag of words 0.90 positive, LSTM 0.\d\d")
    )
    expect(course).to_have_attribute("aria-label", re.compile("P.positive. of LSTM → CNN after each word"))

    # A sentence of one's own; the field keeps text and focus.
    write(notebook, field, "it is not a zorb film")
    expect(answers).to_have_attribute(
        "aria-label", re.compile("after 6 of 6 words: Bag of words 0.20 negative")
    )
    expect(lab.get_by_text("Not in the vocabulary: 'zorb'")).to_be_visible(timeout=SLOW)
    expect(field).to_have_value("it is not a zorb film")
    expect(field).to_be_focused()

    # As if it ended sooner.
    read = lab.get_by_label("Words read", exact=True)
    for left in (5, 4):
        read.press("ArrowLeft")
        expect(answers).to_have_attribute("aria-label", re.compile(f"after {left} of 6 words"), timeout=SLOW)
    expect(course).to_have_attribute("aria-label", re.compile("stands after 4 of 6 words"))

    # One filter, then without it, then without the strongest, then with all again.
    chosen = lab.get_by_label("Filter", exact=True)
    _, after = press(chosen, "ArrowDown", phrases)
    assert after.startswith("Filter 1 ")
    share = answers.get_attribute("aria-label")
    _, after = press(lab.get_by_label("Switch off this filter"), " ", phrases)
    assert after.startswith("Filter 1 (switched off)")
    expect(lab.get_by_text(re.compile("Switched off: 1 "))).to_be_visible(timeout=SLOW)
    press(lab.get_by_role("button", name="Switch off the strongest"), "Enter", answers)
    lab.get_by_role("button", name="All filters on").press("Enter")
    expect(answers).to_have_attribute("aria-label", share)

    # Another model, an example, and what was typed again.
    _, after = press(lab.get_by_label("Look into", exact=True), "ArrowUp", course)
    assert "P(positive) of LSTM after each word" in after
    expect(phrases).to_be_hidden()
    expect(lab.get_by_text("it shows its answers, and nothing inside")).to_be_visible(timeout=SLOW)
    examples = lab.get_by_label("Examples", exact=True)
    examples.press("Home")
    expect(field).to_have_value("not a good film")
    examples.press("End")
    expect(field).to_have_value("it is not a zorb film")
    press(lab.get_by_label("Look into", exact=True), "ArrowDown", course)

    # Emoji, another script, markup, nothing at all, ten thousand words.
    strange = "good 🎬 好看的电影 <b>film</b>"
    write(notebook, field, strange)
    expect(lab.get_by_text("Beyond ASCII: '🎬', '好看的电影'")).to_be_visible(timeout=SLOW)
    expect(phrases).to_contain_text("<b>film</b>")
    expect(field).to_have_value(strange)
    write(notebook, field, "")
    expect(lab.get_by_text("There is nothing to read.")).to_be_visible(timeout=SLOW)
    write(notebook, field, "good film " * 5_000)
    expect(lab.get_by_text("Only the first 12 of 10,000 words are read; 9,988 are cut off.")).to_be_visible(
        timeout=SLOW
    )
    assert field.input_value() == "good film " * 5_000
    check_page(notebook)

    # The state is a line that can be pasted; what is no state is told.
    line = lab.get_by_label("State", exact=True)
    line.fill("sen2;text=not+a+good+film;model=LSTM+%E2%86%92+CNN;read=2;filter=3")
    line.press("Enter")
    expect(field).to_have_value("not a good film")
    expect(phrases).to_have_attribute("aria-label", re.compile("^Filter 3 "))
    paste_nonsense(lab)
    check_page(notebook)
