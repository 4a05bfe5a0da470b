"""The sentence lab: type a sentence and see what networks make of it, word by word and filter by filter."""

import hashlib
import html
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.labs.core.arguments import named
from course_utils.labs.core.dials import Dial, Several, State, brief, dial, plain
from course_utils.labs.core.lab import Lab, group, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note, note
from course_utils.labs.sentence import pictures
from course_utils.labs.sentence.models import (
    HIDDEN,
    WINDOW,
    Answers,
    Judge,
    Look,
    Reader,
    Word,
    shortened,
    unseen,
    visible,
)

STYLE = Path(__file__).with_name("lab.css")
KEPT = 2_000  # characters of the text that the state string holds
REMEMBERED = 20  # typed sentences that the list of examples keeps
CACHED = 40  # answers of networks, and texts
STRONGEST = "strongest"  # in the list of filters: whichever it is


@dataclass(frozen=True)
class Typed(Dial):
    """Any text; a state string holds as much of it as fits."""

    allowed = "it is a str"

    def check(self, value):
        if not isinstance(value, str):
            raise self.refusal(value)
        return value

    def write(self, value):
        return kept(value)

    def read(self, token):
        return token


@dataclass(frozen=True)
class Count(Dial):
    """A number from 0 up; with choices (None,) also None."""

    allowed = "it is a number from 0"

    def check(self, value):
        value = plain(value)
        if not (value is None and self.choices) and (type(value) is not int or value < 0):
            raise self.refusal(value)
        return value

    kind = int


@dataclass(frozen=True)
class SentenceState(State):
    """What a sentence lab is set to. Each lab makes a subclass that knows its models and how it reads.

    Attributes
    ----------
    text : str
        The sentence as it was typed.
    model : str
        The name of the model that is looked into.
    filter : int or None
        The filter that is looked at, counted from 0; None for the strongest.
    read : int or None
        After how many words; None for all of them.
    off : tuple of int
        The filters that are switched off.
    """

    text: str = dial("", "Text", kind=Typed)
    model: str = dial("", "Model", kind=Typed)
    filter: int | None = dial(None, "Filter", (None,), kind=Count)
    read: int | None = dial(None, "Read", (None,), kind=Count)
    off: tuple = dial((), "Off", kind=Several, number=Count("Off"), separator=".", once=True)

    version = "sen1"
    spelled = ("text", "model")
    judges: ClassVar = {}  # of each lab, by name
    first: ClassVar = ""  # the one to begin with
    count_words: ClassVar = len  # of a text

    def __post_init__(self):
        super().__post_init__()
        if self.judges:
            self._fit()

    def _fit(self):
        """What the lab does not have is told; what is beyond the text is all of it."""
        if not self.model:
            object.__setattr__(self, "model", self.first)
        if self.model not in self.judges:
            names = ", ".join(f"'{name}'" for name in self.judges)
            raise ValueError(f"This lab has no model {brief(self.model)}: there are {names}.")
        filters = self.judges[self.model].filters
        for one in (self.filter, *self.off):
            if one is not None and one >= filters:
                has = f"filters 0 to {filters - 1}" if filters else "no filters"
                raise ValueError(f"'{self.model}' has no filter {one}: it has {has}.")
        if self.off and self.judges[self.model].weights is None:
            raise ValueError(
                f"Filters of '{self.model}' cannot be switched off: its answer is no sum of them."
            )
        if self.read is not None and self.read >= self.count_words(self.text):
            object.__setattr__(self, "read", None)

    def turn(self, path, value):
        """Another text is read to its end; another model has other filters."""
        more = {"text": {"read": None}, "model": {"filter": None, "off": ()}}.get(path, {})
        return replace(self, **{path: value}, **more)


def kept(text):
    """As much of a text as a state string holds, whole words where that can be."""
    head = text[:KEPT]
    return text if len(text) <= KEPT else head[: max(head.rfind(" "), 0) or KEPT]


# ---------------------------------------------------------------------------------------------------
# The lab


class SentenceLab(Lab):
    """Type a sentence and see what networks answer after each word, and which filters fire on which phrase.

    Parameters
    ----------
    models : dict
        Name -> a `keras.Model` from numbers of words (batch, words) to P(positive) (batch, 1), or a function
        from a list of texts, as far as they are read, to an array of P(positive). A Keras model can be looked
        into by the names of its layers: "filters" is a `Conv1D` with padding "same"; "pooled" gives
        (batch, filters), the maximum of each over the real words; "answer" is
        `Dense(1, activation="sigmoid")` and reads "pooled". Then logit = bias + the sum of weight * pooled,
        which is taken apart. An LSTM before the filters is called "states".
    read : keras.layers.TextVectorization
        Adapted, with output_mode "int".
    start : str
        The sentence to begin with.
    examples : tuple of str
        Sentences to choose from.

    Raises
    ------
    ValueError
        If the models or `read` cannot be used; the message tells how to mend it. No text raises anything.

    Notes
    -----
    Answers are kept: make a new lab after training a model further.

    Examples
    --------
    >>> SentenceLab({"CNN": cnn, "LSTM → CNN": hybrid}, read, start="not a good film")
    """

    state_class = SentenceState
    title = "Sentence lab"

    def __init__(self, models, read, start="", examples=()):
        named("models", models, "{'CNN': model}")
        if not isinstance(start, str):
            raise ValueError(f"start={brief(start)} cannot be: it is a sentence, a str.")
        if not isinstance(examples, (tuple, list)) or not all(isinstance(one, str) for one in examples):
            raise ValueError(f"examples={brief(examples)} cannot be: it is a tuple of sentences, each a str.")
        self._reader = Reader(read)
        self._judges = {name: Judge(name, model, self._reader) for name, model in models.items()}
        self._typed, self._examples = [], tuple(dict.fromkeys(examples))
        self._read = lru_cache(CACHED)(self._reader.read)
        self._answered = lru_cache(CACHED)(self._answered)
        self._remarks = lru_cache(CACHED)(self._remarks)
        first = max(self._judges.values(), key=_shown).name
        self.state_class = SentenceState.having(
            {}, judges=self._judges, first=first, count_words=self._count_words
        )
        super().__init__(self.state_class(start))
        self._make_controls()
        self.answers, self.course, self.table, self.phrases = (widgets.HTML() for _ in range(4))
        for picture in (self.answers, self.course, self.table, self.phrases):
            picture.add_class("cl-picture")
        self._lay_out()
        self.state = self.state

    def _count_words(self, text):
        return len(self._read(text).words)

    # Controls

    def _make_controls(self):
        wide = {"style": {"description_width": "88px"}, "layout": {"width": "auto"}}
        self.text = widgets.Text(
            description="Sentence", continuous_update=False, placeholder="Type here, then press Enter", **wide
        )
        self.example = widgets.Dropdown(description="Examples", **wide)
        self.model = widgets.Dropdown(description="Look into", options=list(self._judges), **wide)
        self.read = widgets.IntSlider(description="Words read", min=0, max=1, **wide)
        self.filter = widgets.Dropdown(description="Filter", **wide)
        self.off = widgets.Checkbox(
            description="Switch off this filter", indent=False, layout={"width": "auto"}
        )
        self.next_off = widgets.Button(description="Switch off the strongest")
        self.all_on = widgets.Button(description="All filters on")
        self.controls = {"text": self.text, "model": self.model, "read": self.read, "filter": self.filter}
        self.text.observe(lambda change: self._turned("text", change["new"]), "value")
        self.example.observe(lambda change: self._turned("text", change["new"]), "value")
        self.model.observe(lambda change: self._turned("model", change["new"]), "value")
        self.read.observe(lambda change: self._turned("read", change["new"]), "value")
        self.filter.observe(lambda change: self._turned("filter", self._number(change["new"])), "value")
        self.off.observe(lambda change: self._switched(change["new"]), "value")
        self.next_off.on_click(lambda _: self._switch_next())
        self.all_on.on_click(lambda _: self._turned("off", ()))

    def _lay_out(self):
        share = self.share_row()
        buttons = widgets.HBox([self.off, self.next_off, self.all_on])
        buttons.add_class("cs-buttons")
        two = widgets.Box([self.model, self.read])
        two.add_class("cs-two")
        answers = group("other", "Answers", "side by side, after the words that are read", self.answers)
        self._filters = group(
            "cnn", "Filters that fire", "on which phrase", self.filter, buttons, self.phrases, self.table
        )
        self._nothing = widgets.HTML()
        course = group("other", "Answer after each word", "as if the sentence ended there", self.course)
        for card in (answers, course, self._filters, share):
            card.add_class("cs-more")
        self.view = widgets.VBox(
            [
                style(STYLE),
                self.mark,
                group("other", "Sentence", "yours or an example", self.text, self.example, two),
                self.notes.view,
                answers,
                course,
                self._nothing,
                self._filters,
                share,
                self.message,
            ]
        )
        self.view.add_class("course-lab")

    def mirror(self):
        state, judge = self.state, self._judge
        self.text.value, self.model.value = state.text, state.model
        if state.text not in (*self._examples, *self._typed):
            self._typed = [*self._typed, state.text][-REMEMBERED:]
        options = [(_short(text), text) for text in self._examples]
        options += [(f"yours: {_short(text)}", text) for text in self._typed]
        if tuple(self.example.options) != tuple(options):
            self.example.options = options
        self.example.value = state.text
        count = len(self._reading.words)
        self.read.max, self.read.disabled = max(count, 1), count == 0
        self.read.value = count if state.read is None else state.read
        filters = [
            ("the strongest, whichever it is", STRONGEST),
            *((f"filter {n}", n) for n in range(judge.filters)),
        ]
        if tuple(self.filter.options) != tuple(filters):
            self.filter.options = filters
        self.filter.value = STRONGEST if state.filter is None else state.filter
        self.off.value = self._filter in state.off
        for part in (self.off, self.next_off, self.all_on):
            part.layout.display = "none" if judge.weights is None else None
        self.all_on.disabled = not state.off

    @staticmethod
    def _number(value):
        """The state's `filter` for an entry of the list."""
        return None if value == STRONGEST else value

    def _switched(self, off):
        with LOCK:
            if not self._quiet:
                one = self._filter
                rest = {*self.state.off, one} if off else set(self.state.off) - {one}
                self.state = replace(self.state, filter=one, off=tuple(rest))

    def _switch_next(self):
        with LOCK:
            look = self._look(self._now)
            if look and look.best:
                self._turned("off", (*self.state.off, look.best[0]))

    # What follows from the state

    @property
    def _reading(self):
        return self._read(self.state.text)

    @property
    def _judge(self):
        return self._judges[self.state.model]

    @property
    def _now(self):
        """Words that are read so far."""
        count = len(self._reading.words)
        return count if self.state.read is None else min(self.state.read, count)

    @property
    def _window(self):
        """(first, last): the words that are shown of the text; they stand still while few are scrubbed."""
        count = len(self._reading.words)
        first = max((self._now - WINDOW // 4) // (WINDOW // 2) * (WINDOW // 2), 0)
        first = min(first, max(count - WINDOW, 0))
        return first, min(first + WINDOW, count)

    def _answers(self, judge):
        """`Answers` of a model for the window."""
        return self._answered(judge.name, self.state.text, self._window[0])

    def _answered(self, name, text, first):
        try:
            return self._judges[name].answers(self._read(text), first)
        except Exception as problem:  # whatever a function raises, the learner reads it in a note
            return Answers(np.full(WINDOW + 1, np.nan), problem=f"{type(problem).__name__}: {problem}")

    def _look(self, now):
        """What the filters make of the first `now` words; None where there are none."""
        judge, state = self._judge, self.state
        answers, row = self._answers(judge), now - self._window[0]
        if answers.filters is None:
            return None
        look = Look(
            answers.filters[row, :now], judge.width, judge.weights, judge.bias, 0, state.off, judge.states
        )
        best = look.best
        chosen = state.filter if state.filter is not None else best[0] if best else 0
        return replace(look, filter=chosen)

    @property
    def _filter(self):
        look = self._look(self._now)
        return look.filter if look else 0

    # Picture

    @property
    def seen(self):
        """Everything that the pictures show, as plain data."""
        first, last = self._window
        rows = []
        for judge in self._judges.values():
            answers = self._answers(judge)
            off = self.state.off if judge is self._judge else ()
            rows.append(judge.positive(answers.pooled, off) if off else answers.positive)
        return pictures.Seen(
            self._reading.words,
            self._now,
            first,
            tuple(self._judges),
            tuple(judge.kind for judge in self._judges.values()),
            list(self._judges).index(self.state.model),
            np.array(rows)[:, : last - first + 1],
            self._look(self._now),
        )

    def show(self):
        with LOCK:
            drawn = draw(self.seen, *self._window)
            self.answers.value, self.course.value = drawn["answers"], drawn["course"]
            self.phrases.value, self.table.value = drawn.get("phrases", ""), drawn.get("table", "")
            self._filters.layout.display = None if self._judge.filters else "none"
            self._nothing.value = "" if self._judge.filters else note("hint", nothing(self._judge))
            self.mark.value = self.tag()
            self.notes.show([*self._problems(), *self._remarks(self.state.text)])

    def _remarks(self, text):
        return tuple(remarks(text, self._read(text), self._reader))

    def _problems(self):
        for judge in self._judges.values():
            if problem := self._answers(judge).problem:
                text = f"'{judge.name}' could not answer to this text. {shortened(problem, 300)}"
                yield Note("warning", text)

    @property
    def alt(self):
        return re.sub(r"\s+", " ", f"{visible(self._reading.text[:300])}: {drawn_words(self.seen)}")

    def fingerprint(self):
        return fingerprint(self.state)


def _shown(judge):
    """How much a model shows: the more, the larger."""
    return (judge.weights is not None, judge.filters > 0, bool(judge.states))


def draw(seen, first, last):
    """All pictures, by name."""
    drawn = {"answers": pictures.answers(seen), "course": pictures.after_each_word(seen)}
    if seen.look is not None:
        drawn["phrases"] = pictures.sentence(seen, first, last)
        drawn["table"] = pictures.ledger(seen)
    return drawn


def drawn_words(seen):
    """What the models answer, in words."""
    return html.unescape(re.search(r'aria-label="([^"]*)"', pictures.answers(seen))[1])


def nothing(judge):
    """Why a model shows its answers alone."""
    if judge.kind:
        return f"'{judge.name}' has no layer called 'filters': it shows its answers, and nothing inside."
    return f"'{judge.name}' is no network of layers: it shows its answers, and nothing inside."


def fingerprint(state):
    """Changes whenever the lab would be drawn otherwise, and not with the weights of its models.

    It is made from the pictures of invented numbers, so that it can be told without any model.
    """
    words = tuple(Word(w, w, True) for w in visible(kept(state.text)).split()[:WINDOW])
    read = len(words) if state.read is None else min(state.read, len(words))
    values = np.arange(read * 8).reshape(read, 8) * 7 % 11 / 4.0
    weights = np.array([2, -1, 0.5, -0.25, 1, -2, 0.125, 0])
    look = Look(values, 3, weights, 0.25, 1, (2,), "one way")
    after = np.arange(3 * (len(words) + 1)).reshape(3, -1) % 9 / 8
    kinds = ((), ("cnn",), ("lstm", "cnn"))
    seen = pictures.Seen(words, read, 0, ("A", "B", "C"), kinds, 2, after, look)
    drawn = "".join(draw(seen, 0, len(words)).values())
    return hashlib.sha256(f"{state} {drawn}".encode()).hexdigest()[:16]


def remarks(typed, reading, reader):
    """What there is to say of the text, the most surprising first."""
    text, words = reading.text, reading.words
    unknown = list(dict.fromkeys(word.label for word in words if not word.known))
    known = f"the vocabulary of {len(reader.vocabulary):,}"
    if not words:
        yield _of_nothing(text)
    elif not any(word.known for word in words):
        yield Note(
            "warning",
            f"None of these words is in {known}: {_some(unknown, reader)}. The networks see one and the same "
            f"placeholder, [?], {_times(len(words))}, and would answer alike to any other unknown words.",
        )
    elif unknown:
        yield Note(
            "hint",
            f"Not in the vocabulary: {_some(unknown, reader)}; the networks see one and the same "
            f"placeholder, [?], for {'each' if len(unknown) > 1 else 'it'}.",
        )
    if reading.cut:
        total, most = len(words) + reading.cut, len(words)
        why = "" if reader.steps else " (more would be too slow here)"
        yield Note(
            "warning",
            f"Only the first {most:,} of {total:,} words are read{why}; {reading.cut:,} are cut off.",
        )
    if count := unseen(text):
        yield Note(
            "warning",
            f"The text holds {count:,} control character{'s' * (count > 1)} that no page shows; here a dot "
            f"({HIDDEN}) stands for each. A word with one inside is another word to the models.",
        )
    foreign = [word for word in unknown if not word.replace(HIDDEN, "").isascii()]
    if foreign:
        yield Note(
            "hint",
            f"Beyond ASCII: {_some(foreign, reader)}. The vectorization strips ASCII punctuation alone and "
            "splits at spaces, so an emoji is left as a word, and a sentence without spaces is one word.",
        )
    if kept(typed) != typed:
        yield Note(
            "hint",
            f"The state string holds the first {len(kept(typed)):,} of {len(typed):,} characters; the "
            "field keeps them all.",
        )


def _of_nothing(text):
    if text.strip():
        short = shortened(visible(text.strip()), 30)
        why = f"Nothing is left of '{short}' once punctuation is stripped."
    else:
        why = "There is nothing to read."
    return Note(
        "hint",
        f"{why} What you see is what each model answers to nothing at all: its bias, and what it makes of "
        "padding.",
    )


def _short(text):
    return visible(shortened(text, 90)) or "(nothing)"


def _times(count):
    return "once" if count == 1 else f"{count} times"


def _some(words, reader, most=8):
    """The first of these words, and how many more there are."""
    named = ", ".join(map(reader.spelled, words[:most]))
    return f"{named} and {len(words) - most:,} more" if len(words) > most else named
