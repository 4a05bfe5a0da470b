"""A lab in a notebook cell: the controls of its dials, notes, a line with the state, and a picture.

A lab is *state -> pure functions -> thin view*.
"""

import base64
import dataclasses
import hashlib
import html
import math
from itertools import zip_longest
from pathlib import Path

import ipywidgets as widgets

from course_utils.labs.core.dials import State, brief, is_range
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import note
from course_utils.labs.core.pointer import CopyButton

HERE = Path(__file__).parent
PREVIEWS = HERE.parent / "previews"
UNDO = 500  # steps that can be undone
NOTES = 3  # shown at once
LABEL = "74px"  # the width of what stands before a dial


def control(dial, value, label=None):
    """The ipywidget of a dial. `label` is read aloud in place of the visible heading (rows of a table)."""
    text = label or dial.label
    common = {"description": text, "style": {"description_width": LABEL}, "layout": {"width": "auto"}}
    options = [(dial.words(choice), choice) for choice in dial.choices]
    if dial.kind is bool:
        widget = widgets.Checkbox(value=value, indent=False, description=text, layout={"width": "auto"})
    elif dial.slider and is_range(dial.choices):
        widget = widgets.IntSlider(value=value, min=dial.choices[0], max=dial.choices[-1], **common)
    elif len(dial.choices) > 100 and is_range(dial.choices):
        widget = widgets.BoundedIntText(value=value, min=dial.choices[0], max=dial.choices[-1], **common)
    elif dial.slider:
        widget = widgets.SelectionSlider(value=value, options=options, **common)
        widget.add_class("cl-choice")
    else:
        widget = widgets.Dropdown(value=value, options=options, **common)
    if label:
        widget.add_class("cl-bare")
    return widget


def style(*sheets, script=None):
    """A widget that shows nothing: it styles a lab and runs a script beside it, both shared and its own."""
    rules, shared = ((HERE / f"lab.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    rules += "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    own = script.read_text(encoding="utf-8") if script else ""
    markup = f'<style onload="{html.escape(shared + own)}">{rules}</style>'
    return widgets.HTML(markup, layout={"display": "none"})


def heading(title, remark):
    """The title of a card, as HTML."""
    return f'<div class="cl-head">{html.escape(title)} <small>{html.escape(remark)}</small></div>'


def group(kind, title, remark, *children):
    """A titled card of controls; `kind` is 'cnn', 'lstm', 'attention' or 'other' and gives the colour."""
    return classed(widgets.VBox([widgets.HTML(heading(title, remark)), *children]), "cl-group", f"cl-{kind}")


def classed(widget, *names):
    """The widget, with CSS classes."""
    for name in names:
        widget.add_class(name)
    return widget


def cards(name, **areas):
    """Cards in a grid of the class `name`, each in the area that its style sheet calls so."""
    for area, card in areas.items():
        card.layout.grid_area = area
    return classed(widgets.GridBox(list(areas.values())), name)


def remark(words):
    """Small words beside a control, as HTML."""
    return f'<div class="cl-say">{html.escape(words)}</div>'


class Notes:
    """Some sentences for the learner, each with a button if something can be done about it."""

    def __init__(self, lab):
        self._lab, self._shown = lab, ()
        self.lines = [(widgets.HTML(layout={"flex": "1 1 auto"}), widgets.Button()) for _ in range(NOTES)]
        for number, (_, button) in enumerate(self.lines):
            button.on_click(lambda _, number=number: self.fix(number))
        self.view = widgets.VBox(
            [widgets.HBox(pair, layout={"align_items": "center"}) for pair in self.lines]
        )

    def show(self, notes):
        """Show the first notes."""
        self._shown = tuple(notes)[:NOTES]
        for (words, button), shown in zip_longest(self.lines, self._shown):
            words.value = note(shown.level, shown.text) if shown else ""
            words.layout.display = None if shown else "none"
            button.description = shown.fix if shown else ""
            button.layout.display = None if shown and shown.fix else "none"

    def fix(self, number=0):
        """Press the button of the note `number`."""
        with LOCK:
            if number < len(self._shown) and self._shown[number].fixed:
                self._lab.state = self._shown[number].fixed


class Lab:
    """A lab in a notebook cell: dials, a picture, and a state string that can be copied and pasted.

    Subclasses give `state_class`, make controls with `add_control` (path -> widget) and draw in `show()`.
    `lab.state` can be read and set; setting it moves the controls.

    Where nothing runs (GitHub, the book, a notebook just opened) a picture of the lab stands in for it.
    """

    state_class = State
    title = "Lab"
    hidden = frozenset()  # names of what learners do not see

    def __init__(self, start):
        try:
            self._state = self._begin = self.state_class.parse(start)
        except (TypeError, ValueError) as problem:
            message = f"start is {brief(start)}, which is no state of this lab. {problem}"
            raise type(problem)(message) from None
        self._past, self._future = [], []
        self._quiet = False
        self.controls = {}
        self.line = widgets.Text(
            description="State", continuous_update=False, layout={"width": "auto", "flex": "1 1 auto"}
        )
        self.line.style.description_width = "44px"
        self.line.add_class("cl-state")
        self.message = widgets.HTML()
        self.line.observe(self._pasted, "value")
        self.copy_state = CopyButton(label="Copy")
        self.undo, self.redo = (
            widgets.Button(description=label, disabled=True) for label in ("Undo", "Redo")
        )
        self.undo.on_click(lambda _: self._undone())
        self.redo.on_click(lambda _: self._redone())
        self.back = widgets.Button(description="Back to the start")
        self.back.on_click(lambda _: setattr(self, "state", self._begin))
        self.mark = widgets.HTML(layout={"display": "none"})  # holds `tag()`
        self.notes = Notes(self)

    # The state and its controls

    @property
    def state(self):
        """Everything this lab is set to, the seed included; `str(lab.state)` is the string to share.

        A string or a state can be assigned. ValueError or TypeError tells why one cannot be; where something
        fails, the lab stays as it was.
        """
        return self._state

    @state.setter
    def state(self, state):
        with LOCK:
            state = self.state_class.parse(state)
            if state == self._state:
                self._go(state, self._past, self._future)
            else:
                self._go(state, [*self._past, self._state][-UNDO:], [])

    def _go(self, *there):
        """Show a state, with what can be undone and redone from it; where that fails, all is as before."""
        here = self._state, self._past, self._future
        self._state, self._past, self._future = there
        try:
            self._draw()
        except BaseException as problem:
            self._state, self._past, self._future = here
            self._draw()
            message = f"{type(problem).__name__}: {problem}. The lab stays as it was."
            self.message.value = note("broken", message, "✕ Cannot be drawn.")
            raise

    def _draw(self):
        self._quiet = True
        try:
            self.mirror()
            self.line.value = self.copy_state.text = str(self._state)
            self.message.value = ""
            self.undo.disabled, self.redo.disabled = not self._past, not self._future
        finally:
            self._quiet = False
        self.show()

    def _undone(self):
        with LOCK:
            if self._past:
                self._go(self._past[-1], self._past[:-1], [self._state, *self._future])

    def _redone(self):
        with LOCK:
            if self._future:
                self._go(self._future[0], [*self._past, self._state], self._future[1:])

    def add_control(self, path, label=None, state=None):
        """A control for the dial at `path`, kept in step with the state both ways.

        It begins as in `state`, where that is not the lab's own.
        """
        state = state or self.state
        parent, _, name = path.rpartition(".")
        owner = state.get(parent)
        dial = next(f for f in dataclasses.fields(owner) if f.name == name).metadata["dial"]
        widget = self.controls[path] = control(dial, state.get(path), label)
        widget.observe(lambda change: self._turned(path, change["new"]), "value")
        return widget

    def share_row(self, *more):
        """The state as a line to copy and to paste into, `more`, undo, redo and the way back to the start."""
        row = widgets.HBox([self.line, self.copy_state, *more, self.undo, self.redo, self.back])
        row.add_class("cl-share")
        return row

    def mirror(self):
        """Let every control show the state."""
        for path, widget in self.controls.items():
            value = self.state.get(path)
            # A slider tells 0.30000000000000004; to write 0.3 back would end the drag.
            if not (isinstance(value, float) and math.isclose(widget.value, value, abs_tol=1e-9)):
                widget.value = value

    def _turned(self, path, value):
        with LOCK:
            if not self._quiet:
                self.state = self.state.turn(path, value)

    def _pasted(self, change):
        with LOCK:
            if self._quiet:
                return
            try:
                self.state = change["new"]
            except ValueError as problem:
                self.message.value = note("broken", f"{problem} The lab stays as it was.", "✕ Not a state.")

    def show(self):
        """Draw what the state means."""

    def show_seen(self, pictures, what):
        """Show pictures and notes of what `seen` gives; numbers that leave all bounds are told instead."""
        try:
            seen = self.seen()
        except ValueError as problem:
            self.picture.value = self.below.value = ""
            self.remarks.value = note("broken", f"This {what} cannot be shown: {problem}.", "✕ No picture.")
            return
        self.picture.value, self.below.value = pictures.draw(seen)
        notes = pictures.notes(seen)
        self.remarks.value = "".join(note(level, words, title) for level, title, words in notes)
        self.mark.value = self.tag()

    # What a notebook shows

    @property
    def alt(self):
        """What the lab's picture says, in words."""
        return self.title

    @property
    def pictured(self):
        """The state, as far as the picture depends on it."""
        return self.state

    @property
    def preview(self):
        """The PNG that stands in for the live lab, named after the lab and its state."""
        look = f"{self.pictured} {' '.join(sorted(self.hidden))}"
        digest = hashlib.sha256(look.encode()).hexdigest()[:8]
        return PREVIEWS / f"{type(self).__name__.removesuffix('Lab').lower()}-{digest}.png"

    def tag(self):
        """An invisible mark in the page, by which the screenshot tool knows which lab it is looking at."""
        marks = {"preview": self.preview.stem, "state": str(self.pictured)}
        marks["hidden"] = " ".join(sorted(self.hidden))
        return "<i hidden " + " ".join(f'data-{k}="{html.escape(v)}"' for k, v in marks.items()) + "></i>"

    def __repr__(self):
        return f"{type(self).__name__}: run this cell to use the lab."

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = {**self.view._repr_mimebundle_(), "text/plain": repr(self)}
        alt = html.escape(f"{self.title} (run this cell to use it). {self.alt}", quote=True)
        if self.preview.exists():
            png = base64.b64encode(self.preview.read_bytes()).decode()
            bundle["image/png"] = png
            bundle["text/html"] = (
                f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{png}">'
            )
        else:
            bundle["text/html"] = f"<p><b>Run this cell to use the lab.</b> {alt}</p>"
        return bundle
