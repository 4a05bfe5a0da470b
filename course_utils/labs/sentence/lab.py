"""The sentence lab: type a sentence and see what networks make of it, word by word and filter by filter."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.labs.core.arguments import named
from course_utils.labs.core.dials import Dial, Several, State, brief, dial
from course_utils.labs.core.lab import Lab, cards, classed, group, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note, note
from course_utils.labs.sentence import pictures
from course_utils.labs.sentence.models import WINDOW, Answers, Judge, Look, Reader, kept, shortened, visible

STYLE = Path(__file__).with_name("lab.css")
REMEMBERED = 20  # typed sentences that the list of examples keeps
CACHED = 40  # answers of networks, and texts
STRONGEST = "strongest"  # in the list of filters: whichever it is


@dataclass(frozen=True)
class Typed(Dial):
    """Any text; a state string holds as much of it as fits."""

    kind, allowed = str, "it is a str"

    def check(self, value):
        if not isinstance(value, str):
            raise self.refusal(value)
        return value

    def write(self, value):
        return kept(value)


class SentenceState(State):
    """What a sentence lab is set to. Each lab makes a subclass whose dials fit its models and how it reads.

    `filter` is looked at, and those in `off` are switched off: they are counted from 1.
    """

    version = "sen2"
    decides, spelled = ("text",), ("text", "model")
    judges: ClassVar = {}  # by name
    count_words: ClassVar = len  # of a text

    def __post_init__(self):
        super().__post_init__()
        judge = self.judges[self.model]
        for number in (self.filter, *self.off):
            if number != STRONGEST and number > judge.filters:
                has = f"filters 1 to {judge.filters}" if judge.filters else "no filters"
                raise ValueError(f"'{self.model}' has no filter {number}: it has {has}.")
        if self.off and judge.weights is None:
            raise ValueError(
                f"Filters of '{self.model}' cannot be switched off: its answer is no sum of them."
            )
        object.__setattr__(self, "read", min(self.read, self.count_words(self.text)))

    @classmethod
    def parse(cls, text):
        """As for all labs; in strings of version sen1, filters are counted from 0."""
        if isinstance(text, str) and text.strip().startswith("sen1;"):
            old = re.compile(r"(?<=;)(?:filter|off)=[^;]*")
            text = "".join(text.split())
            counted = old.sub(lambda part: re.sub(r"\d+", lambda n: f"{int(n[0]) + 1}", part[0]), text)
            text = counted.replace("sen1", cls.version, 1)
        return super().parse(text)

    def turn(self, path, value):
        """Another text is read to its end; another model has other filters."""
        if path == "text":
            return replace(self, text=value, read=self.count_words(value))
        if path == "model":
            return replace(self, model=value, filter=STRONGEST, off=())
        return super().turn(path, value)


def state_class(judges, most, count_words):
    """The states of one lab. `judges` are its models by name, of which at most `most` words are read."""
    numbers = range(1, max(judge.filters for judge in judges.values()) + 1)
    shown = {STRONGEST: "the strongest, whichever it is", **{n: f"filter {n}" for n in numbers}}
    number = Dial("Off", tuple(numbers) or (1,))
    # The lab begins with the model in which most can be seen.
    first = max(judges.values(), key=lambda j: (j.weights is not None, j.filters > 0, bool(j.states)))
    dials = {
        "text": dial("", "Text", kind=Typed),
        "model": dial(first.name, "Model", judges),
        "filter": dial(STRONGEST, "Filter", shown, shown=shown),
        "read": dial(most, "Words read", range(most + 1), slider=True),
        "off": dial((), "Off", kind=Several, number=number, separator=".", once=True),
    }
    return SentenceState.having(dials, judges=judges, count_words=staticmethod(count_words))


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
        If the models or `read` cannot be used; the message tells how to fix it. No text raises anything.

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
        if not isinstance(examples, (tuple, list)) or not all(isinstance(text, str) for text in examples):
            raise ValueError(f"examples={brief(examples)} cannot be: it is a tuple of sentences, each a str.")
        self._reader = Reader(read)
        self._judges = {name: Judge(name, model, self._reader) for name, model in models.items()}
        self._typed, self._examples = [], tuple(dict.fromkeys(examples))
        self._read = lru_cache(CACHED)(self._reader.read)
        self._answered = lru_cache(CACHED)(self._answered)
        self._remarks = lru_cache(CACHED)(lambda text: [*self._reader.remarks(text, self._read(text))])
        self.state_class = state_class(
            self._judges, self._reader.most, lambda text: len(self._read(text).words)
        )
        super().__init__(self.state_class(start))
        self._lay_out()
        self.state = self.state

    # Controls

    def _lay_out(self):
        wide, hint = {"width": "auto"}, "Type here, then press Enter"
        self.text = widgets.Text(
            description="Sentence", continuous_update=False, placeholder=hint, layout=wide
        )
        self.example = widgets.Dropdown(description="Examples", layout=wide)
        for control in (self.text, self.example):
            control.observe(lambda change: self._turned("text", change["new"]), "value")
        self.controls["text"] = self.text
        self.model, self.read, self.filter = map(self.add_control, ("model", "read", "filter"))
        self.model.description, self._every_filter = "Look into", self.filter.options
        for control in (self.text, self.example, self.model, self.read, self.filter):
            control.style.description_width = "88px"
        self.off = widgets.Checkbox(description="Switch off this filter", indent=False, layout=wide)
        self.off.observe(lambda change: self._switched(change["new"]), "value")
        self.next_off = widgets.Button(description="Switch off the strongest")
        self.next_off.on_click(lambda _: self._switch_next())
        self.all_on = widgets.Button(description="All filters on")
        self.all_on.on_click(lambda _: self._turned("off", ()))
        self.answers, self.course, self.table, self.phrases = (
            classed(widgets.HTML(), "cl-picture") for _ in range(4)
        )
        buttons = classed(widgets.HBox([self.off, self.next_off, self.all_on]), "cs-buttons")
        filters = self.filter, buttons, self.phrases, self.table
        self._filters = group("cnn", "Filters that fire", "on which phrase", *filters)
        self._nothing = widgets.HTML()
        typed = self.text, self.example, self.model
        screen = cards(
            "cs-screen",
            sentence=group("other", "Sentence", "yours or an example, and who reads it", *typed),
            read=classed(self.read, "cs-read"),
            notes=self.notes.view,
            answers=group("other", "Answers", "side by side, after the words that are read", self.answers),
            course=group("other", "Answer after each word", "as if the sentence ended there", self.course),
            inside=widgets.VBox([self._nothing, self._filters], layout={"margin": "0"}),
        )
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def mirror(self):
        state, judge = self.state, self._judge
        if state.text not in (*self._examples, *self._typed):
            self._typed = [*self._typed, state.text][-REMEMBERED:]
        examples = [(_short(text), text) for text in self._examples]
        examples += [(f"yours: {_short(text)}", text) for text in self._typed]
        filters = self._every_filter[: 1 + judge.filters]
        for control, options in ((self.example, tuple(examples)), (self.filter, filters)):
            if control.options != options:
                control.options = options
        self.example.value = state.text
        count = len(self._reading.words)
        self.read.max, self.read.disabled = max(count, 1), count == 0
        super().mirror()
        self.off.value = self._filter in state.off
        for part in (self.off, self.next_off, self.all_on):
            part.layout.display = "none" if judge.weights is None else None
        self.all_on.disabled = not state.off

    def _switched(self, off):
        with LOCK:
            if not self._quiet:
                number = self._filter
                others = set(self.state.off) - {number}
                self.state = replace(self.state, filter=number, off=(*others, *[number] * off))

    def _switch_next(self):
        with LOCK:
            if (look := self._look) and look.best:
                self._turned("off", (*self.state.off, look.best[0] + 1))

    # What follows from the state

    @property
    def _reading(self):
        return self._read(self.state.text)

    @property
    def _judge(self):
        return self._judges[self.state.model]

    @property
    def _window(self):
        """(first, last): the words that are shown of the text; they stand still while few are scrubbed."""
        count = len(self._reading.words)
        first = max((self.state.read - WINDOW // 4) // (WINDOW // 2) * (WINDOW // 2), 0)
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

    @property
    def _look(self):
        """What the filters make of the words that are read; None where there are no filters."""
        judge, state = self._judge, self.state
        answers, row = self._answers(judge), state.read - self._window[0]
        if answers.filters is None:
            return None
        values = answers.filters[row, : state.read]
        look = Look(values, judge.width, judge.weights, judge.bias, 0, self._off, judge.states)
        return replace(look, filter=(look.best or [0])[0] if state.filter == STRONGEST else state.filter - 1)

    @property
    def _filter(self):
        """The number of the filter that is looked at."""
        return self._look.filter + 1 if self._look else 0

    @property
    def _off(self):
        """Where the filters that are switched off stand among all."""
        return tuple(number - 1 for number in self.state.off)

    # Picture

    @property
    def seen(self):
        """Everything that the pictures show, as plain data."""
        first, last = self._window
        rows = {name: self._answers(judge).positive for name, judge in self._judges.items()}
        if self._off:
            rows[self.state.model] = self._judge.positive(self._answers(self._judge).pooled, self._off)
        return pictures.Seen(
            words=self._reading.words,
            read=self.state.read,
            first=first,
            names=tuple(rows),
            kinds=tuple(judge.kind for judge in self._judges.values()),
            chosen=[*rows].index(self.state.model),
            after=np.array([*rows.values()])[:, : last - first + 1],
            look=self._look,
        )

    def show(self):
        seen, judge = self.seen, self._judge
        self.answers.value, self.course.value = pictures.answers(seen), pictures.after_each_word(seen)
        self.phrases.value = pictures.sentence(seen) if seen.look else ""
        self.table.value = pictures.ledger(seen) if seen.look else ""
        self._filters.layout.display = None if judge.filters else "none"
        self._nothing.layout.display = "none" if judge.filters else None
        why = "has no layer called 'filters'" if judge.kind else "is no network of layers"
        nothing = f"'{judge.name}' {why}: it shows its answers, and nothing inside."
        self._nothing.value = "" if judge.filters else note("hint", nothing)
        self.mark.value = self.tag()
        self.notes.show([*self._problems(), *self._remarks(self.state.text)])

    def _problems(self):
        for judge in self._judges.values():
            if problem := self._answers(judge).problem:
                text = f"'{judge.name}' could not answer to this text. {shortened(problem, 300)}"
                yield Note("warning", text)

    @property
    def alt(self):
        words = f"{visible(self._reading.text[:300])}: {pictures.answers_in_words(self.seen)}"
        return re.sub(r"\s+", " ", words)


def _short(text):
    return visible(shortened(text, 90)) or "(nothing)"
