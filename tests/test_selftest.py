"""The self-tests of the book: five sound questions a lesson, true by its tables, and their block of HTML."""

import html
import json
import re
from collections import Counter
from html.parser import HTMLParser

import lessons
import numpy as np
import pytest

from book import selftest
from course_utils import results

NAMES = [name for name in lessons.NAMES if any(c.cell_type == "code" for c in lessons.source(name).cells)]
VOID = {"input", "br", "img"}


def all_questions():
    return [question for name in NAMES for question in selftest.questions_of(name)]


def right_at(question):
    """The number of the right choice, from 0."""
    return [choice["right"] for choice in question["choices"]].index(True)


# ---------------------------------------------------------------- the questions


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_five_sound_questions(name):
    assert len(selftest.questions_of(name)) == 5


def test_there_are_no_other_files():
    assert sorted(path.name for path in selftest.FOLDER.iterdir()) == [f"{name}.toml" for name in NAMES]


def test_the_right_choice_has_no_favourite_place():
    questions = all_questions()
    found = Counter(map(right_at, questions))
    expected = Counter()
    for question in questions:
        for place in range(len(question["choices"])):
            expected[place] += 1 / len(question["choices"])
    assert {place: 0.7 < found[place] / expected[place] < 1.3 for place in expected} == dict.fromkeys(
        expected, True
    )


@pytest.mark.parametrize("name", NAMES)
def test_within_a_lesson_the_right_choices_stand_at_three_places_or_more(name):
    assert len(set(map(right_at, selftest.questions_of(name)))) >= 3


def test_the_right_choice_is_not_told_by_its_length():
    longest = shortest = 0
    for question in all_questions():
        lengths = [len(choice["say"]) for choice in question["choices"]]
        others = lengths[: right_at(question)] + lengths[right_at(question) + 1 :]
        longest += lengths[right_at(question)] > max(others)
        shortest += lengths[right_at(question)] < min(others)
        assert min(abs(np.subtract(others, lengths[right_at(question)]))) <= 8, question["ask"]
    assert max(longest, shortest) < 0.4 * len(all_questions())


# ---------------------------------------------------------------- numbers of tables that they speak of


FED_BACK = "Encoder-decoder fed back, trained on"
SAID = [  # lesson, words, lowest and highest mean that they allow, table, column, models
    ("01", "about one in three", 0.3, 0.37, "01_moved", "anywhere", "2 convolutions, flatten"),
    (
        "01",
        "flattened CNN loses nearly as much",
        0.3,
        0.37,
        "01_moved",
        "anywhere",
        "3 convolutions, flatten",
    ),
    ("01", "a global maximum keeps most", 0.8, 1, "01_moved", "anywhere", "3 convolutions, maximum"),
    ("02", "with about 0.95", 0.94, 0.96, "02_wait_180", "right", "A layer for each step, then dense"),
    ("02", "right in little more than a half", 0.5, 0.55, "02_wait_180", "right", "Dilated convolutions"),
    ("02", "nearly always, 180 steps later", 0.95, 1, "02_wait_180", "right", "LSTM, long memory"),
    ("03", "the maximum names 0.65 of", 0.645, 0.655, "03_bridges", "motion", "global maximum"),
    ("03", "and the average 0.35", 0.345, 0.355, "03_bridges", "motion", "global average"),
    ("03", "names two thirds of them", 0.65, 0.7, "03_longer", "motion", "global maximum"),
    ("07", "is 141 vehicles off", 140.5, 141.5, "07_without_calendar", "told h24", f"{FED_BACK} truth"),
    ("07", "and 354 if it reads", 353.5, 354.5, "07_without_calendar", "h24", f"{FED_BACK} truth"),
    ("07", "training alone: 245", 244.5, 245.5, "07_without_calendar", "h24", f"{FED_BACK} own answers"),
    ("08", "names .28 of the moves", 0.275, 0.285, "08_camera_moves", "move", "CNN -> LSTM"),
    ("08", "and .83 after 30", 0.825, 0.835, "08_camera_longer", "move", "CNN -> LSTM"),
    ("08", "a ConvLSTM over maps names .99", 0.985, 0.995, "08_camera_moves", "move", "ConvLSTM"),
    ("08", "over the same maps .53", 0.525, 0.535, "08_camera_flat", "move", "LSTM, flattened maps"),
    ("08", "as channels .99", 0.985, 0.995, "08_camera_moves", "move", "Frames as channels"),
]


def says(number, words):
    (path,) = selftest.FOLDER.glob(f"{number}_*.toml")
    return words in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("number", "words", "lowest", "highest", "table", "column", "model"), SAID, ids=[said[1] for said in SAID]
)
def test_what_is_said_of_a_row_stands_in_its_table(number, words, lowest, highest, table, column, model):
    assert says(number, words)
    assert lowest <= results.load(table).mean(model, column) <= highest


def test_what_is_said_of_several_rows_stands_in_their_tables():
    digits, longer = results.load("01_digits"), results.load("03_longer")
    assert says("01", "by about 0.05 on average")
    ahead = digits.mean("2 convolutions, flatten", "anywhere") - digits.mean("Dense", "anywhere")
    assert 0.045 < ahead < 0.055
    assert says("03", "the average from 0.62 to 0.99, by seed")
    assert [longer.low("global average", "motion"), longer.high("global average", "motion")] == pytest.approx(
        [0.62, 0.99], abs=0.005
    )
    assert says("06", "all six networks are above 0.95")
    assert min(np.mean(row["digit"]) for row in results.load("06_longer").rows) > 0.95


def test_what_is_said_of_the_search_for_a_rate_stands_in_the_tables():
    full, part = (results.load(name).provenance["tuning"] for name in ("04_moving_digits", "04_habits"))
    for rate, words, lost in (("0.004", "such a loss of 0.16", 0.16), ("0.002", "shrank to 0.04", 0.04)):
        assert says("04", words)
        found = full["CNN -> LSTM"]["0.004"] - part["joint not normalised"][rate]
        assert found == pytest.approx(lost, abs=0.005)


def test_lesson_13_says_no_numbers_of_results():
    text = (selftest.FOLDER / "13_your_own_data.toml").read_text(encoding="utf-8")
    *questions, by_hand = text.split("[[questions]]")[1:]  # the last one is computed from its own numbers
    assert "balanced accuracy" in by_hand
    assert re.findall(r"(?<![\d.])0?\.\d+", "".join(questions)) == []


# ---------------------------------------------------------------- the block


class Tags(HTMLParser):
    """Tags that are open, and the text of each element of a kind."""

    def __init__(self, block):
        super().__init__()
        self.open, self.problems, self.data = [], [], ""
        self.feed(block)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.data += data


@pytest.mark.parametrize("name", NAMES)
def test_a_block_is_sound_html_in_one_piece(name):
    block = selftest.html_of(name)
    tags = Tags(block)
    assert (tags.open, tags.problems) == ([], [])
    assert "\n\n" not in block
    data = json.loads(tags.data)
    assert data["lesson"] == name
    assert [right_at(question) for question in data["questions"]] == list(
        map(right_at, selftest.questions_of(name))
    )
    assert len({question["key"] for question in data["questions"]}) == 5


TEXT = r'''
[[questions]]
ask = """
Is `<b>` *bold*, a < b & c?

~~~python
if a < b:

    x = "</script>"  # 3 * 4 * 5
~~~
And then?
"""

[[questions.choices]]
say = "Yes: `a * b * c` & <b>"
right = true
why = "See [section 3](#shape), `[no](#link)`."

[[questions.choices]]
say = "No"
right = false
why = "See [here](#shape)."

[[questions.choices]]
say = "Perhaps"
right = false
why = "See [here](#shape)."
'''.replace("~", "`")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Write the file of a small lesson; returns the block that is made of it."""
    notebook = {
        "cells": [{"cell_type": "markdown", "source": ['<a id="shape"></a>\n', "\n", "## 3 · Shapes"]}]
    }
    (tmp_path / "00_small.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    monkeypatch.setattr(selftest, "FOLDER", tmp_path)
    monkeypatch.setattr(selftest, "LESSONS", tmp_path)

    def block(text=TEXT):
        (tmp_path / "00_small.toml").write_text(5 * text, encoding="utf-8")
        return selftest.html_of("00_small")

    return block


def test_words_are_escaped_and_marked_up(small):
    tags = Tags(small())
    assert (tags.open, tags.problems) == ([], [])
    question = json.loads(tags.data)["questions"][0]
    assert question["ask"] == (
        "<p>Is <code>&lt;b&gt;</code> <em>bold</em>, a &lt; b &amp; c?</p>"
        '<pre><code>if a &lt; b:&#10;&#10;    x = "&lt;/script&gt;"  # 3 * 4 * 5</code></pre><p>And then?</p>'
    )
    right = question["choices"][0]
    assert right["say"] == "Yes: <code>a * b * c</code> &amp; &lt;b&gt;"
    assert right["why"] == 'See <a href="#shape">section 3</a>, <code>[no](#link)</code>.'


def test_without_a_script_questions_and_answers_can_be_read(small):
    folded = small().partition("</script>")[2]
    assert folded.count("<details") == 1 + 5
    assert folded.count("A is right.") == 5
    text = html.unescape(re.sub(r"<[^>]+>", "", folded))
    assert 'x = "</script>"' in text
    assert "See section 3" in text


def test_an_answer_is_kept_for_a_question_as_it_was_worded(small):
    def keys(block):
        return [question["key"] for question in json.loads(Tags(block).data)["questions"]]

    before = keys(small())
    assert keys(small(TEXT.replace("See", "Look at"))) == before
    assert keys(small(TEXT.replace("Perhaps", "Hardly"))) != before


def test_places_are_anchors_and_headings_as_sphinx_names_them():
    places = selftest.places_of("04_cnn_lstm_video")
    assert places["rivals"] == places["compare-all-models-five-seeds-each"] == "7"
    assert places["what-the-lstm-s-units-respond-to"] == "10"
    assert places["sources"] == ""
