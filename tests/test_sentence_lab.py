"""The sentence lab: what it shows equals what Keras computes, and nothing that is typed breaks it."""

import re
from html.parser import HTMLParser

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from keras import layers
from small_labs import READ, STEPS, TEXT, bag, reader, readers
from small_labs import over_words as network

from course_utils.labs import SentenceLab

MODELS = readers()
SUMS = ("CNN", "LSTM → CNN", "BiLSTM → CNN")
LAB = SentenceLab(MODELS, READ, TEXT, ("a good film", "bad"))  # built once: tests begin by setting its state


@pytest.fixture
def lab():
    LAB.state = LAB.state_class(TEXT, "LSTM → CNN")
    return LAB


def ids(text):
    return np.asarray(READ([text]))


def predicted(name, *texts):
    """P(positive) of each text, by the model itself."""
    model = MODELS[name]
    if not isinstance(model, keras.Model):
        return model(texts)
    return model.predict(np.asarray(READ(list(texts))), verbose=0)[:, 0]


class Page(HTMLParser):
    """What a piece of HTML shows: its text, its tags, the words of its pictures, the cells of its rows."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.words, self.rows, self.text = [], [], [], ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.words += [value for name, value in attrs if name == "aria-label"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def words(picture):
    return Page(picture.value).words[0]


def shown(lab):
    """Name -> P(positive) as the picture of the answers says it."""
    found = re.findall(r"(?:: |, )([^,:]+?) ([\d.]+) (?:positive|negative|undecided)", words(lab.answers))
    return {name: float(share) for name, share in found}


def said(lab):
    """All notes that a learner reads."""
    lines = [Page(line.value).text for line, _ in lab.notes.lines if line.layout.display != "none"]
    return " ".join(lines)


def number(text):
    return float(text.replace("−", "-"))


def total(lab):
    """The sum of what the rows of the table add, and the logit that stands under them."""
    page = Page(lab.table.value)
    adds = [number(row[5] if len(row) == 7 else row[2]) for row in page.rows[1:]]
    return sum(adds), number(re.search(r"Together ([+−][\d.]+)", page.text)[1])


def logit(share):
    return np.log(share / (1 - share))


# ------------------------------------------------------------------------------------------ what is shown


@pytest.mark.parametrize("text", [TEXT, "good", "a zzz film", ""])
def test_every_answer_is_what_the_model_predicts(lab, text):
    lab.text.value = text
    assert list(shown(lab)) == list(MODELS)
    for name, share in shown(lab).items():
        assert share == pytest.approx(predicted(name, text)[0], abs=0.0051)
    np.testing.assert_allclose(
        lab.seen.after[:, -1], [predicted(name, text)[0] for name in MODELS], atol=1e-5
    )


def test_the_answer_after_each_word_is_that_to_the_beginning_of_the_text(lab):
    beginnings = ["", *(" ".join(TEXT.split()[:count]) for count in range(1, STEPS + 1))]
    for row, name in zip(lab.seen.after, MODELS):
        np.testing.assert_allclose(row, predicted(name, *beginnings), atol=1e-5)
    told = words(lab.course)
    assert told.startswith("P(positive) of LSTM → CNN after each word: ")
    for label, share in zip(("nothing", "Not", "a"), predicted("LSTM → CNN", *beginnings)):
        assert f"{share:.2f} after {label}" in told


def test_scrubbing_shows_what_the_text_would_show_if_it_ended_there(lab):
    for count in (5, 1, 0):
        lab.read.value = count
        scrubbed = shown(lab), words(lab.phrases), lab.table.value
        assert f"after {count} of {STEPS} words" in words(lab.answers)
        lab.text.value = " ".join(TEXT.split()[:count])
        assert shown(lab) == scrubbed[0]
        assert words(lab.phrases) == scrubbed[1]
        assert lab.table.value == scrubbed[2]
        lab.text.value = TEXT
        assert lab.read.value == STEPS


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("text", [TEXT, "not a good film", "zzz"])
def test_the_answer_is_exactly_the_sum_of_what_its_filters_add(lab, name, text):
    lab.model.value, lab.text.value = name, text
    look, share = lab.seen.look, predicted(name, text)[0]
    assert look.adds.sum() + look.bias == pytest.approx(logit(share), abs=1e-4)
    rows, together = total(lab)
    assert together == pytest.approx(logit(share), abs=0.006)
    assert rows == pytest.approx(together, abs=0.005 * 10)
    assert f"{share:.2f}" in Page(lab.table.value).text


@pytest.mark.parametrize("name", SUMS)
def test_the_phrase_of_a_filter_is_the_window_of_its_largest_value(lab, name):
    lab.model.value = name
    model = MODELS[name]
    layer = model.get_layer("filters")
    values = keras.Model(model.input, layer.output).predict(ids(TEXT), verbose=0)[0]
    spoken = [word.strip(",") for word in TEXT.split()]
    for one in range(layer.filters):
        lab.filter.value = one + 1
        told = words(lab.phrases)
        if values[:, one].max() == 0:
            assert f"Filter {one + 1} does not fire" in told
            continue
        middle = values[:, one].argmax()
        left = (layer.kernel_size[0] - 1) // 2
        window = spoken[max(middle - left, 0) : middle - left + layer.kernel_size[0]]
        assert f"Filter {one + 1} fires most, {values[middle, one]:.2f}, on “{' '.join(window)}”" in told
        listed = ", ".join(f"{word} {value:.2f}" for word, value in zip(spoken, values[:, one]))
        assert f"Its values: {listed}." in told


def test_the_strongest_filters_are_listed_with_number_sign_and_phrase(lab):
    look = lab.seen.look
    order = [n for n in np.argsort(-np.abs(look.adds)) if look.adds[n]][:6]
    rows = Page(lab.table.value).rows[1:]
    assert [row[1] for row in rows[: len(order)]] == [f"filter {n + 1}" for n in order]
    for rank, (row, one) in enumerate(zip(rows, order), 1):
        sign = "+" if look.adds[one] > 0 else "−"
        assert row[0] == f"{rank}{sign}"
        assert row[5][0] == sign
        assert abs(number(row[3]) * number(row[4]) - number(row[5])) < 0.02
        assert row[2][1:].split("”")[0] in TEXT.replace(",", "")
    assert lab.filter.value == "strongest"
    assert f"Filter {order[0] + 1} fires most" in words(lab.phrases)


@pytest.mark.parametrize("name", SUMS)
def test_a_filter_that_is_switched_off_is_gone_from_the_answer(lab, name):
    lab.model.value = name
    model = MODELS[name]
    whole = model.get_layer("answer").get_weights()
    strongest = lab.seen.look.best[0]
    lab.off.value = True
    assert lab.filter.value == strongest + 1  # it stays the one that is looked at
    assert f"Filter {strongest + 1} (switched off)" in words(lab.phrases)
    kernel = whole[0].copy()
    kernel[strongest] = 0
    try:
        model.get_layer("answer").set_weights([kernel, whole[1]])
        without = predicted(name, *(" ".join(TEXT.split()[:count]) for count in range(STEPS + 1)))
    finally:
        model.get_layer("answer").set_weights(whole)
    np.testing.assert_allclose(lab.seen.after[lab.seen.chosen], without, atol=1e-5)
    assert shown(lab)[name] == pytest.approx(without[-1], abs=0.0051)
    assert f"Switched off: {strongest + 1}" in Page(lab.table.value).text
    assert total(lab)[1] == pytest.approx(logit(without[-1]), abs=0.006)
    lab.off.value = False
    assert shown(lab)[name] == pytest.approx(predicted(name, TEXT)[0], abs=0.0051)


def test_filters_are_switched_off_only_where_the_answer_is_their_sum(lab):
    lab.model.value = "CNN → LSTM"
    assert lab.off.layout.display == lab.next_off.layout.display == "none"
    lab.model.value = "CNN"
    assert lab.off.layout.display is None
    lab.model.value = "LSTM"
    assert lab.phrases.value == lab.table.value == ""


def test_the_strongest_can_be_switched_off_one_after_another_and_all_on_again(lab):
    order, before = list(lab.seen.look.best), shown(lab)
    for one in order[:3]:
        assert lab.seen.look.best[0] == one
        lab.next_off.click()
    assert lab.state.off == tuple(sorted(one + 1 for one in order[:3]))
    assert not lab.all_on.disabled
    lab.filter.value = order[1] + 1
    assert lab.off.value
    for _ in range(10):  # more than there are
        lab.next_off.click()
    assert total(lab)[1] == pytest.approx(lab.seen.look.bias, abs=0.006)
    lab.all_on.click()
    assert lab.state.off == ()
    assert shown(lab) == before


# ------------------------------------------------------------------------------------------ what is typed


def test_unknown_words_are_answered_alike(lab):
    lab.text.value = "a zorb film , Zorb and quux"
    before = shown(lab)
    lab.text.value = "a fnord film , xyzzy and foo"
    assert shown(lab) == before


def test_an_empty_sentence_leaves_nothing_to_read(lab):
    lab.text.value = "  "
    assert lab.read.disabled
    assert total(lab)[1] == pytest.approx(lab.seen.look.bias, abs=0.006)
    lab.text.value = TEXT
    assert not lab.read.disabled
    assert said(lab) == ""


def test_of_ten_thousand_words_the_first_are_read(lab):
    text = "good film " * 5_000
    lab.text.value = text
    assert f"Only the first {STEPS} of 10,000 words are read; {10_000 - STEPS:,} are cut off" in said(lab)
    assert lab.text.value == lab.state.text == text
    assert "The state string holds the first 1,999 of 50,000 characters" in said(lab)
    assert len(str(lab.state)) < 3_000
    for name, share in shown(lab).items():
        start = " ".join(text.split()[:STEPS]) if name == "Bag of words" else text
        assert share == pytest.approx(predicted(name, start)[0], abs=0.0051)


ALLOWED = {"div", "span", "b", "i", "bdi", "sup", "small", "svg", "line", "rect", "polyline"}
ALLOWED |= {"table", "caption", "thead", "tbody", "tr", "th", "td"}


TYPED = st.lists(st.sampled_from(["good", "film", ",", "zz", "🎬", "\x00", "not"]), max_size=30).map(" ".join)
MARKUP = "<script>good</script> <img src=x onerror=alert(1)> \"film\" & 'fun' </div>"


@settings(max_examples=60)
@given(st.text(max_size=60) | TYPED, st.integers(0, STEPS), st.sampled_from(list(MODELS)))
@example(MARKUP, 5, "LSTM → CNN")
@example("\ud800 half a character", 2, "CNN")
@example("a" * 500, 1, "LSTM → CNN")
@example("a\u00a0b\u3000c\x85d\u2028e", 3, "CNN")
@example("don't . , 'tis — good…", 2, "BiLSTM → CNN")
def test_whatever_is_typed_is_kept_and_shown(text, read, name):
    LAB.state = LAB.state_class("", name)
    LAB.text.value = text
    LAB.read.value = min(read, LAB.read.max)
    LAB.next_off.click()
    assert LAB.text.value == LAB.state.text == text
    assert LAB.example.value == text  # and can be found again
    assert LAB.state_class.parse(str(LAB.state)) == LAB.state
    notes = [line for line, _ in LAB.notes.lines]
    for picture in (LAB.answers, LAB.course, LAB.phrases, LAB.table, LAB.mark, *notes):
        assert set(Page(picture.value).tags) <= ALLOWED
        assert picture in notes or "nan" not in picture.value
        picture.value.encode()  # can be sent to the page


def test_what_was_typed_can_be_chosen_again(lab):
    lab.text.value = "my own words"
    lab.example.value = "a good film"
    assert lab.text.value == "a good film"
    labels = dict(zip(lab.example._options_values, lab.example._options_labels))
    assert labels["my own words"] == "yours: my own words"
    lab.example.value = "my own words"
    assert lab.state.text == "my own words"


def test_a_text_of_many_words_is_shown_in_a_window_that_follows_the_slider():
    read = reader(100)
    models = {"CNN": network("cnn", steps=100), "Bag of words": bag}
    lab = SentenceLab(models, read, "good bad film " * 30)
    assert lab.read.max == 90
    assert "Shown: words 51 to 90 of 90" in Page(lab.course.value).text
    whole = np.asarray(read([lab.state.text]))
    for count in (0, 3, 31, 57, 89):
        lab.read.value = count
        start = np.where(np.arange(100) < count, whole, 0)
        assert shown(lab)["CNN"] == pytest.approx(
            float(models["CNN"].predict(start, verbose=0)[0, 0]), abs=0.0051
        )
        assert shown(lab)["Bag of words"] == pytest.approx(
            bag([" ".join(lab.state.text.split()[:count])])[0], abs=0.0051
        )
        first, last = map(
            int, re.search(r"Shown: words (\d+) to (\d+)", Page(lab.course.value).text).groups()
        )
        assert first - 1 <= count <= last


def test_without_a_fixed_length_a_text_is_read_as_long_as_it_is():
    read = reader(None)
    model = network("lstm", "cnn", steps=None)
    lab = SentenceLab({"LSTM → CNN": model}, read, "good")
    for text in ("a good film and not a bad one and so on", "good", "", "film " * 500):
        lab.text.value = text
        start = read([" ".join(text.split()[:400])]) if text else np.zeros((1, 1), "int32")
        assert shown(lab)["LSTM → CNN"] == pytest.approx(
            float(model.predict(start, verbose=0)[0, 0]), abs=0.0051
        )
    assert "Only the first 400 of 500 words are read (more would be too slow here)" in said(lab)


def test_a_vectorization_of_ones_own_is_followed():
    """Words that come of the whole text, and not of the parts between spaces."""

    def glued(texts):
        import tensorflow as tf

        return tf.strings.regex_replace(tf.strings.lower(texts), "not (a )?", "not-")

    def parted(texts):
        import tensorflow as tf

        return tf.strings.regex_replace(tf.strings.lower(texts), "[-,]", " ")

    read = reader(standardize=glued)
    lab = SentenceLab(
        {"CNN": network("cnn", words=len(read.get_vocabulary())), "Bag": bag}, read, "Not a good plan"
    )
    assert [word.known for word in lab.seen.words] == [True, False]
    assert "not-good" in words(lab.phrases)

    read = reader(standardize=parted)
    lab = SentenceLab(
        {"CNN": network("cnn", words=len(read.get_vocabulary())), "Bag": bag}, read, "a Good-film zorb"
    )
    assert [word.named for word in lab.seen.words] == ["a", "good", "film", "zorb [?]"]


# ------------------------------------------------------------------------------------------ states


def test_a_pasted_state_sets_every_control(lab):
    lab.line.value = "sen2;text=not+a+good+film;model=CNN;filter=4;read=3;off=1.4"
    assert lab.message.value == ""
    told = lab.text.value, lab.model.value, lab.read.value, lab.filter.value, lab.off.value
    assert told == ("not a good film", "CNN", 3, 4, True)


def test_an_older_string_counts_filters_from_0(lab):
    lab.state = "sen1;text=off%3D1.4;model=CNN;filter=4;off=1.4"
    assert str(lab.state) == "sen2;text=off%3D1.4;model=CNN;filter=5;off=2.5"


def test_another_text_is_read_to_its_end_and_another_model_has_other_filters(lab):
    lab.filter.value, lab.read.value = 3, 2
    lab.off.value = True
    lab.text.value = "a good film"
    assert (lab.state.read, lab.read.value) == (3, 3)
    assert (lab.state.filter, lab.state.off) == (3, (3,))  # the same filter, on other words
    lab.model.value = "CNN"
    assert (lab.state.filter, lab.state.off) == ("strongest", ())


# ------------------------------------------------------------------------------------------ what is refused


def touchy(texts):
    if any("boom" in text for text in texts):
        raise RuntimeError("<no> boom")
    return np.full(len(texts), 0.25)


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        (touchy, "RuntimeError: <no> boom"),
        (lambda texts: [np.nan if "boom" in text else 0.25 for text in texts],
         "ValueError: models['mine']: it gives values from nan"),
    ],
    ids=["fails", "no number"],
)  # fmt: skip
def test_a_function_that_cannot_answer_to_a_text_is_told_and_loses_nothing(judge, problem):
    lab = SentenceLab({"mine": judge, "CNN": MODELS["CNN"]}, READ, "good")
    lab.text.value = "good boom film"
    assert f"'mine' could not answer to this text. {problem}" in said(lab)
    assert "mine no answer, CNN 0." in words(lab.answers)
    assert lab.text.value == "good boom film"
    lab.model.value = "mine"
    lab.read.value = 1
    lab.text.value = "good"
    assert "mine 0.25 negative" in words(lab.answers)


def test_a_chain_under_other_names_shows_no_sum():
    ids = keras.Input((STEPS,), dtype="int32")
    x = layers.Conv1D(4, 3, padding="same", name="filters")(layers.Embedding(40, 4)(ids))
    model = keras.Model(ids, layers.Dense(1, "sigmoid")(layers.GlobalMaxPooling1D()(x)))
    lab = SentenceLab({"mine": model}, READ, TEXT)
    assert "Together" not in Page(lab.table.value).text
    assert lab.next_off.layout.display == "none"
