"""Sentences for the learner, each of a level, and perhaps with a button that does something about it."""

import html
from dataclasses import dataclass

from course_utils.labs.core.dials import State

SYMBOLS = {
    "broken": "✕ Does not fit.",
    "stuck": "✕ Cannot be trained.",
    "warning": "▲ Watch out.",
    "hint": "● Worth knowing.",
    "fine": "✓ It fits.",
}


@dataclass(frozen=True)
class Note:
    """A sentence about a state; `fix` is a button's label and `fixed` the state it leads to."""

    level: str
    text: str
    fix: str = ""
    fixed: State | None = None


def note(level, text, title=None):
    """A sentence with a symbol and a word in front (or a `title`), so that colour never says it alone."""
    title = html.escape(title or SYMBOLS[level])
    return f'<div class="cl-note {level}" role="status"><b>{title}</b> {html.escape(text)}</div>'


def observed(sentence, hints):
    """What there is to see, and the first two of the hints about it."""
    return note("hint", sentence, "● What you see.") + "".join(note("hint", hint) for hint in [*hints][:2])
