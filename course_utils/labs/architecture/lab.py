"""The architecture lab: compose a hybrid from its layers, see what it becomes, train it, look inside."""

import hashlib
import html
import re
from dataclasses import fields, replace
from pathlib import Path

import ipywidgets as widgets

from course_utils.labs.architecture import assembly, blocks, diagram, shapes, trainer
from course_utils.labs.architecture.advice import advise, obstacles
from course_utils.labs.architecture.inside_panel import Inside
from course_utils.labs.architecture.panel import TrainingPanel
from course_utils.labs.architecture.state import PRESETS, LabState
from course_utils.labs.architecture.tasks import TASKS
from course_utils.labs.core.dials import brief, listed
from course_utils.labs.core.lab import LABEL, Lab, cards, classed, group, heading, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note, note
from course_utils.labs.core.pointer import CopyButton

HERE = Path(__file__).parent
MOST_ROWS = 4
VIEWS = {"picture": "Picture", "shapes": "Shapes, axis by axis", "code": "Keras code"}  # of what is composed
PANELS = {"train": "Train and compare", "inside": "Look inside"}
CARDS = {  # block -> colour, title, what it is
    **{task.entry: ("other", task.heading, "what comes in") for task in TASKS.values()},
    "convolutions": ("cnn", "CNN", ""),
    "joint": ("other", "Joint", "maps to vectors"),
    "lstm": ("lstm", "LSTM", "reads the steps"),
    "answer": ("other", "Answer", "what is asked"),
}


class ArchitectureLab(Lab):
    """Compose CNN, LSTM and attention in any order; everything there is to know about it follows at once.

    Parameters
    ----------
    start : str or LabState
        Where to begin: the name of a preset ("ours", the hybrid of lesson 04; "textbook", "pooled",
        "textbook text", "textbook attention", "seq2seq", "next frame"...), a state string copied from
        another lab, or a state.
    hide : tuple of str
        What learners shall not see: dials ("lstm.layers", "task", "order", "attention", "seed"), whole blocks
        ("clip", "convolutions", "joint", "lstm", "answer"), "presets", "state", the views "shapes" and
        "code" beside the dials, or the panels "train" and "inside" below them.
    view : str
        What is shown beside the dials at first: "picture", "shapes" or "code".
    **blocks
        Blocks to set otherwise than `start`: `clip=(frames, height, width)`,
        `convolutions=[(filters, kernel, stride, pool, padding, normalise), ...]`, `joint="flatten"` or
        `("dense", units, normalise)`, `lstm=(units, layers, both, "last")`, `task="reviews"`,
        `order="lstm-cnn"`, `attention=True`, `seed=0`. Later entries of a tuple may be left out.

    Attributes
    ----------
    training : TrainingPanel
        `start()`, `pause()`, `step()`, `stop()`, `wait()`, and the `runs`.

    Raises
    ------
    ValueError, TypeError
        If a block cannot be what was asked for; the message names what is allowed.

    Examples
    --------
    >>> lab = ArchitectureLab("textbook", clip=(8, 48), hide=("task", "lstm.layers"))
    >>> lab                      # in a notebook: the lab itself
    >>> print(lab.code)          # the Keras code of what it is set to
    >>> lab.model().summary()    # the model that this code makes, not yet trained
    """

    state_class = LabState
    title = "Architecture lab"

    def __init__(self, start="ours", hide=(), view="picture", **blocks):
        super().__init__(starting_state(start, blocks))
        self.hidden = checked(hide, self)
        if not isinstance(view, str) or view not in VIEWS.keys() - self.hidden:
            allowed = listed(repr(name) for name in VIEWS if name not in self.hidden)
            raise ValueError(f"view={brief(view)} cannot be: it can be {allowed}.")
        self.changed = widgets.HTML()  # by another order or attention
        self.picture, self.axes = (classed(widgets.HTML(), "cl-picture") for _ in range(2))
        self.costs = classed(widgets.HTML(), "cl-costs")
        self.inside = Inside()
        self.training = TrainingPanel(self, self._look)
        self.listing, self.copy_code = widgets.HTML(), CopyButton(label="Copy model")
        self.fitting, self.copy_training = widgets.HTML(), CopyButton(label="Copy training")
        self.views, self.panels = self._tabs(VIEWS, view), self._tabs(PANELS)
        self.parts = {
            "picture": self.picture,
            "shapes": self.axes,
            "code": widgets.VBox([self.copy_code, self.listing, self.copy_training, self.fitting]),
            "train": self.training.view,
            "inside": self.inside.view,
        }
        panel = self._panel()
        share = self.share_row(self.add_control("seed"))
        share.layout.display = "none" if "state" in self.hidden else None
        views = [self.views] if len(self.views.options) > 1 else []
        seen = [*views, self.notes.view, self.changed, *(self.parts[name] for name in VIEWS)]
        seen = classed(widgets.VBox(seen), "cl-seen")
        screen = cards("cl-screen", dials=panel, costs=self.costs, seen=seen)
        always = [self.mark, screen, share, self.message]
        panels = [self.panels, *(self.parts[name] for name in PANELS)] if self.panels.options else []
        looks = style(HERE / "lab.css", HERE / "inside.css", script=HERE / "lab.js")
        self.view = classed(widgets.VBox([looks, *always, *panels]), "course-lab")
        self._open()
        self.state = self.state

    # Controls

    def _tabs(self, titles, value=None):
        """Buttons of which one is pressed: what is shown of `titles`, as far as it is not hidden."""
        options = [(title, name) for name, title in titles.items() if name not in self.hidden]
        tabs = widgets.ToggleButtons(options=options, **({"value": value} if value else {}))
        tabs.observe(lambda _: self._open(), "value")
        return classed(tabs, "cl-panels")

    def _panel(self):
        self.count = widgets.Dropdown(
            options=[(blocks.count(n, "convolution"), n) for n in range(1, MOST_ROWS + 1)],
            description="Number of convolutions",
            layout={"width": "auto"},
        )
        self.count.add_class("cl-bare")
        self.count.observe(lambda change: self._turned("convolutions", self._dialled(change["new"])), "value")
        self.presets = widgets.Dropdown(
            description="Start from",
            style={"description_width": LABEL},
            layout={"width": "auto", "display": "none" if "presets" in self.hidden else None},
            options=[("choose …", ""), *((name.replace("pixels", "px"), name) for name in PRESETS)],
        )
        self.presets.observe(self._preset, "value")
        dials = [classed(self.add_control(path), f"cl-of-{path}") for path in ("task", "order", "attention")]
        self.cards = {"whole": group("other", "Compose", "task and order", *dials, self.presets)}
        entries = {task.entry for task in TASKS.values()}
        for block, (kind, title, remark) in CARDS.items():
            if block == "convolutions":
                inside = [self.count, self._table()]
            else:
                inside = [self.add_control(f"{block}.{name}") for name in self.state.get(block).dials()]
            self.cards[block] = classed(group(kind, title, remark, *inside), f"cl-of-{block}")
            self.cards[block].layout.grid_area = "entry" if block in entries else block
        self.cards["whole"].layout.grid_area = "whole"
        self.cards["whole"].add_class("cl-whole")
        panel = classed(widgets.GridBox(list(self.cards.values())), "cl-groups")
        if {"task", "order", "attention", "presets"} <= self.hidden:
            self.cards["whole"].layout.display = "none"
            for block in entries:
                self.cards[block].layout.grid_area = "whole"
            self.cards["answer"].layout.grid_area = "entry"
            panel.add_class("cl-few")
        self.controls["joint.kind_of"].add_class("cl-bare")
        return panel

    def _table(self):
        """A row of dials for each convolution; those that are hidden keep what they were set to."""
        rows, dials = self.state.convolutions, blocks.Convolution.dials()
        hidden = [blocks.Convolution(rows[-1].filters)] * (MOST_ROWS - len(rows))
        start = self.state.change("convolutions", [*rows, *hidden])
        cells = [widgets.HTML(dial.label) for dial in dials.values()]
        for row in range(MOST_ROWS):
            for name, dial in dials.items():
                label = f"{dial.label} of convolution {row + 1}"
                cell = self.add_control(f"convolutions.{row}.{name}", label, start)
                cells.append(classed(cell, f"cl-of-convolutions-{row}"))
        columns = {"grid_template_columns": "1fr 0.9fr 0.8fr 1fr 1.1fr 40px"}
        return classed(widgets.GridBox(cells, layout=columns), "cl-rows")

    def _dialled(self, count):
        """The first rows, as their controls stand."""
        return [
            tuple(self.controls[f"convolutions.{row}.{name}"].value for name in blocks.Convolution.dials())
            for row in range(count)
        ]

    def mirror(self):
        state = self.state
        for path, control in self.controls.items():
            beyond = self._is_beyond(path)
            if not beyond:
                control.value = state.get(path)
            unused = beyond or path in self.hidden or state.idle(path)
            control.layout.display = "none" if unused else None
        self.count.value = len(state.convolutions)
        title = "ConvLSTM" if state.order == "convlstm" else "CNN"
        self.cards["convolutions"].children[0].value = heading(title, "")
        for block in CARDS:
            unused = block in self.hidden or state.idle(block)
            self.cards[block].layout.display = "none" if unused else None
        self.presets.value = state.preset

    def _is_beyond(self, path):
        """Whether a path leads to a convolution that there is not; its controls are hidden."""
        block, *where = path.split(".")
        return block == "convolutions" and bool(where) and int(where[0]) >= len(self.state.convolutions)

    def _turned(self, path, value):
        if not self._is_beyond(path):
            before = self.state
            super()._turned(path, value)
            if path in ("order", "attention") and not self._quiet:
                self.changed.value = along(before, self.state)

    def turned(self, before):
        """The dials that stand otherwise than in the state `before`, in words."""
        for path, control in self.controls.items():
            if not self._is_beyond(path) and before.get(path) != (value := self.state.get(path)):
                block, label = path.partition(".")[0], control.description.lower()
                named = label if block == "convolutions" else f"{block} {label}"
                yield f"{named} {before.get(path)} → {value}"

    def _preset(self, change):
        with LOCK:
            if not self._quiet and change["new"]:
                self.state = replace(PRESETS[change["new"]], budget=self.state.budget)

    def _open(self):
        for name, part in self.parts.items():
            part.layout.display = None if name in (self.views.value, self.panels.value) else "none"
        self._fill()
        self._look(self.training.runs)

    def _look(self, runs):
        """Look into the runs, where that panel is open."""
        if self.panels.value == "inside":
            self.inside.show(runs)

    # Picture

    @property
    def composition(self):
        """Shapes, parameters, multiply-adds and receptive field of what is composed."""
        return assembly.compose(self.state)

    def show(self):
        with LOCK:
            composition = self.composition
            self.picture.value, self.costs.value = diagram.diagram(composition), diagram.costs(composition)
            self._fill()
            self.mark.value, self.changed.value = self.tag(), ""
            fits = [] if composition.broken else [Note("fine", assembly.summary(composition))]
            self.notes.show([*advise(self.state), *fits])
            self.training.show()

    def _fill(self):
        """Draw the shapes or write the code, where they are looked at."""
        if self.views.value == "shapes":
            self.axes.value = shapes.picture(self.composition)
        elif self.views.value == "code":
            self.copy_code.text, self.copy_training.text = self.code, self.training_code
            self.listing.value = listing(self.code, "Keras code")
            self.fitting.value = listing(self.training_code, "Keras code of the training")

    @property
    def training_code(self):
        """The code that trains it as the panel does, to be run after `code`; a comment where it cannot be."""
        fault = next(obstacles(self.state), None)
        return f"# There is nothing to train yet. {fault.text}\n" if fault else trainer.script(self.state)

    @property
    def code(self):
        """The Keras code of what is composed; where it does not fit, as far as it goes."""
        return assembly.code(self.state)

    def model(self):
        """The Keras model that is composed, untrained; its weights follow from the seed."""
        return assembly.model(self.state)

    @property
    def pictured(self):
        return self.state.change("budget", blocks.Budget())

    @property
    def alt(self):
        return diagram.alt(self.composition)

    def fingerprint(self):
        drawn = diagram.diagram(self.composition) + diagram.costs(self.composition)
        return hashlib.sha256(drawn.encode()).hexdigest()[:16]


def listing(script, name):
    """Code as HTML, its comments paler."""
    soft = re.sub(r"(#[^\n]*)", r"<span>\1</span>", html.escape(script, quote=False))
    return f'<pre class="cl-code" tabindex="0" role="region" aria-label="{name}">{soft}</pre>'


def along(before, after):
    """What changed along with another order or attention, as a note; nothing is said where nothing did."""
    changes = []
    if before.joint != after.joint and after.has_cnn:
        changes.append(f"the joint is {blocks.JOINTS[after.joint.kind_of]}")
    if before.lstm != after.lstm and after.has_lstm:
        states = "all states" if after.lstm.hands_on == "all" else "the last state"
        changes.append(f"the LSTM returns {states}")
    if before.convolutions != after.convolutions and after.has_cnn:
        changes.append("the convolutions are those that fit here")
    return note("hint", f"Changed along: {', '.join(changes)}.") if changes else ""


def checked(hide, lab):
    """The names of what is hidden, as a frozenset; a ValueError tells which there are."""
    known = {"task", "order", "attention", "seed", "presets", "state", "shapes", "code", *PANELS, *CARDS}
    for block in CARDS.keys() - {"convolutions"}:
        known |= {f"{block}.{name}" for name in lab.state.get(block).dials()}
    names = (hide,) if isinstance(hide, str) else hide
    if not isinstance(names, (tuple, list, set, frozenset)):
        raise TypeError(f"hide is {brief(hide)}, but must be a tuple of names.")
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"hide={brief(name)} cannot be: there are {', '.join(sorted(known))}.")
    return frozenset(names)


def starting_state(start, blocks):
    """The state a lab starts from: a preset by name, a state string or a state, and blocks that differ."""
    try:
        state = LabState.parse(PRESETS.get(start, start) if isinstance(start, str) else start)
    except (TypeError, ValueError) as problem:
        message = f"start is {brief(start)}, but must be {listed(map(repr, PRESETS))}, or a state. {problem}"
        raise type(problem)(message) from None
    names = [f.name for f in fields(LabState)]
    for name in sorted(blocks, key=lambda name: (name not in LabState.decides, name != "task")):
        if name not in names:
            raise TypeError(f"ArchitectureLab has no block {name!r}: it has {', '.join(names)}.")
        turn = state.turn if name in LabState.decides else state.change
        state = turn(name, blocks[name])
    return state
