"""The lab's training panel: train what is composed, on a budget, and compare it with earlier runs."""

import html
import itertools
from dataclasses import replace

import ipywidgets as widgets

from course_utils.labs.architecture import memory
from course_utils.labs.architecture.advice import gigabytes, noted, obstacles
from course_utils.labs.architecture.assembly import compose, match, short_name
from course_utils.labs.architecture.blocks import count
from course_utils.labs.architecture.curves import curves, measure, measured, said_score
from course_utils.labs.architecture.inside_panel import offer
from course_utils.labs.architecture.trainer import Run, warm_up
from course_utils.labs.core.lab import Notes, classed, group, remark
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note, note

WORDS = {"loading": "reading the data", "measuring": "timing the first batches", "running": "training"}
STEPS = (
    "The learning rate is how far each step goes: where it is too large, the loss jumps or stays high; where "
    "too small, it hardly falls. The batch size is how many examples a step looks at."
)
START_UP = 10  # seconds until the first batch is trained
ACTIVE = ("loading", "measuring", "running")
UNDER_WAY = (*ACTIVE, "paused")


def _button(title, action):
    button = widgets.Button(description=title)
    button.on_click(lambda _: action())
    return button


def _row_of(*parts):
    return widgets.HBox(parts, layout={"flex_flow": "row wrap"})


class TrainingPanel:
    """Start, pause, one epoch at a time, and a table of the runs. It trains what `lab` is set to by then.

    Parameters
    ----------
    lab : ArchitectureLab
        Gives the state, and controls for its dials.
    report : callable
        Called when a run has something new to look into.
    """

    def __init__(self, lab, report):
        self._lab, self._report = lab, report
        self.runs, self.run = [], None  # `run` is the one under way, or the last one
        self._begun, self._speed, self._matched = 0, 1.0, None
        self._offering = False  # while the list of runs changes
        self._deleted = None  # (place, run): what was deleted last, until another run is chosen
        wide = {"layout": {"width": "auto"}, "style": {"description_width": "90px"}}
        plain = {"style": {"description_width": "initial"}}
        self.name = widgets.Text(description="Name", continuous_update=False, **wide)
        self.progress = widgets.FloatProgress(description="Progress", max=1.0, **wide)
        titles = {"start": "▶ Start", "pause": "Pause", "step": "One epoch", "stop": "Stop"}
        self.buttons = {key: _button(title, getattr(self, key)) for key, title in titles.items()}
        self.budget, self.composed, self.clock, self.picture, self.table = (widgets.HTML() for _ in range(5))
        self.picture.add_class("cl-picture")
        self.notes = Notes(lab)
        self.other = widgets.Dropdown(description="Run", options=[], layout={"width": "auto"}, **plain)
        self.other.observe(lambda _: self._chose(), "value")
        self.match = _button("Match its parameters", self.match_parameters)
        self.take = _button("Compose it again", self._taken)
        name = {"description": "Its name", "continuous_update": False, "layout": {"flex": "0 1 280px"}}
        self.new_name = widgets.Text(**name, **plain)
        self.new_name.observe(lambda change: self.rename(change["new"]), "value")
        self.discard = _button("Delete run", self.delete)
        self.matched = widgets.HTML()
        self.compare = _row_of(self.other, self.match, self.take, self.new_name, self.discard)
        dials = [lab.add_control(f"budget.{name}") for name in lab.state.budget.dials()]
        for dial in dials:
            dial.style.description_width = "90px"
        dials += [widgets.HTML(remark(STEPS)), self.budget]
        shown = self.composed, self.name, _row_of(*self.buttons.values()), self.progress, self.clock
        budget = group("other", "Budget", "how long, and in which steps", *dials)
        groups = widgets.GridBox([budget, group("other", "Training", "what is composed above", *shown)])
        shown = self.notes.view, self.picture, self.table, self.compare, self.matched
        self.view = widgets.VBox([classed(groups, "cl-halves"), *shown])

    # What the buttons do

    def start(self):
        """Train what is composed; take up a paused run where it stands."""
        self._go(None)

    def step(self):
        """Train one epoch more, then pause."""
        self._go(1)

    def pause(self):
        """Pause after the batch under way."""
        with LOCK:
            if self.run:
                self.run.pause()
            self.show()

    def stop(self):
        """End the run under way. What it has learned in whole epochs stays in the table."""
        with LOCK:
            if self.run:
                self.run.stop()
                if not self.run.epochs:
                    self.runs.remove(self.run)
                self.run = None
            self._tell()

    def wait(self, seconds=None):
        """Wait until the training is done or paused. False when `seconds` were not enough."""
        return self.run.wait(seconds) if self.run else True

    def match_parameters(self):
        """Scale the width of what is composed until it has about as many parameters as the chosen run, and
        take over what that run was allowed to cost.
        """
        with LOCK:
            if not (run := self._chosen):
                return
            state, size = match(self._lab.state, run.parameters)
            share = f"{size / run.parameters:.0%} of the parameters of run {run.letter}"
            if run.state.task != state.task:
                words = f"Run {run.letter} is of another task: equal size would say nothing."
            elif abs(size / run.parameters - 1) > 0.25:
                words = f"Cannot be matched: the nearest is {size:,}, {share}. Nothing was changed."
            else:
                before, state = self._lab.state, replace(state, budget=run.state.budget)
                self._lab.state = state
                changes = ", ".join(self._lab.turned(before))
                words = f"{size:,} parameters now: {share}, on the same budget."
                words += f" Set: {html.escape(changes)}." if changes else ""
            self._matched = self._lab.state
            self.matched.value = words

    def rename(self, name):
        """Give the chosen run another name; one that is empty or taken is refused."""
        with LOCK:
            run, name = self._chosen, name.strip()
            owner = next((other for other in self.runs if other.name == name), None)
            if run and owner is not run:
                refused = f"Run {owner.letter} has this name" if owner else "A run needs a name"
                words = note("warning", f"{refused}: run {run.letter} keeps its own.")
                if name and not owner:
                    run.name, words = name, f"Run {run.letter} has a new name."
                self._tell()
                self.matched.value = words
            self.new_name.value = run.name if run else name

    def delete(self):
        """Take the chosen run out of the table, unless it is under way; called again, bring it back."""
        with LOCK:
            run, deleted = self._chosen, self._deleted
            if deleted:
                place, run = deleted
                self.runs.insert(place, run)
                self._tell()
                self.other.value = run.letter
                self.matched.value = f"Run {run.letter} is back."
            elif run and not self._busy(run):
                deleted = self.runs.index(run), run
                self.runs.remove(run)
                self.run = None if run is self.run else self.run
                self._tell()
                self.other.value = None  # a second click deletes no other run
                self.matched.value, self._deleted = f"Run {run.letter} is deleted.", deleted
                self.show()

    def _chose(self):
        if self._offering:  # a list with new options chooses its first one for a moment
            return
        with LOCK:
            self.matched.value, self._deleted = "", None
            self._show_chosen()

    def _show_chosen(self):
        run = self._chosen
        self.new_name.value = run.name if run else ""
        self.match.disabled = self.take.disabled = self.new_name.disabled = run is None
        self.discard.description = f"Delete run {run.letter}" if run else "Delete run"
        if self._deleted:
            self.discard.description = f"Bring back run {self._deleted[1].letter}"
        self.discard.disabled = busy = self._busy(run) and not self._deleted
        self.discard.tooltip = "It is under way: end it with Stop first" if busy else "The others stay"

    def _busy(self, run):
        return bool(run) and run is self.run and run.status in UNDER_WAY

    def _taken(self):
        with LOCK:
            if run := self._chosen:
                self._lab.state = self._matched = run.state
                self.matched.value = f"Run {run.letter} is composed above."

    @property
    def _chosen(self):
        return next((run for run in self.runs if run.letter == self.other.value), None)

    def _go(self, epochs):
        with LOCK:
            state, run = self._lab.state, self.run
            if run is None or run.status in ("done", "failed", "stopped"):
                run = None if any(obstacles(state)) else self._new_run(state)
            if run:
                run.go(epochs)
            self.show()
            if self.run:
                self.other.value = self.run.letter

    def _new_run(self, state):
        wanted, taken = self.name.value.strip() or short_name(state), {run.name for run in self.runs}
        names = itertools.chain([wanted], (f"{wanted} ({number})" for number in itertools.count(2)))
        name = next(name for name in names if name not in taken)
        letter = chr(ord("A") + self._begun) if self._begun < 26 else f"#{self._begun + 1}"
        self.run = Run(name, letter, state, compose(state).parameters, self._tell)
        self._begun += 1
        self.runs.append(self.run)
        return self.run

    def _tell(self):
        with LOCK:
            run = self.run
            if run and run.left is not None and run.status == "running":
                self._speed = run.pace / _guess(run.state)
            self.show()
            self._report(self.runs)

    # What is shown

    def advice(self):
        """Why the composition cannot be trained, or what to think of before."""
        state = self._lab.state
        yield from (noted(state, fault) for fault in obstacles(state))
        run = self.run
        if not run:
            return
        if run.trouble:
            words = f"Run {run.letter} goes on, but something of it could not be drawn: {run.trouble}"
            yield Note("warning", words)
        if run.status == "failed":
            kept = f" The {run.epochs} epochs before are kept in the table." if run.epochs else ""
            yield Note("warning", f"Run {run.letter} ended: {run.problem}.{kept}")
        if run.status == "paused" and run.warned and run.done < 10:
            way_out = "or Stop and dial fewer epochs, fewer examples or a smaller network."
            words = f"This needs {_minutes(run.left)}. Press Resume to go on all the same, {way_out}"
            yield Note("warning", words)
        if run.status in UNDER_WAY and run.state != state:
            words = f"The dials have moved: run {run.letter} goes on as it began."
            yield Note("hint", f"{words} Stop it to train the new one.")

    def show(self):
        """Show the runs, and what can be done now. Whoever calls it holds the lock."""
        state, run = self._lab.state, self.run
        if state != self._matched:
            self._matched, self.matched.value = state, ""
        shown = run and (run.status in UNDER_WAY or run.state == state)  # else it is another one's progress
        if run and not shown and run.labels != list(state.classes):
            run = None  # what was trained answers another question
        composition = compose(state)
        status = run.status if run else "ready"
        notes = list(self.advice())
        self.notes.show(notes)
        stuck = status != "paused" and any(note.level == "stuck" for note in notes)
        self.buttons["start"].description = "▶ Resume" if status == "paused" else "▶ Start"
        self.buttons["start"].disabled = self.buttons["step"].disabled = status in ACTIVE or stuck
        self.buttons["pause"].disabled = status not in ACTIVE
        self.buttons["stop"].disabled = run is None
        self.name.placeholder = short_name(state)
        size = "does not fit yet" if composition.broken else f"{composition.parameters:,} parameters"
        self.composed.value = f"<b>{html.escape(short_name(state))}</b>, {size}"
        self.budget.value = self._budget()
        self.progress.value = run.passed / run.total if shown else 0.0
        self.clock.value = self._clock() if shown else "Not ready: see below." if stuck else "Ready."
        self.picture.value = curves(self.runs, run, state, (run.state if run else state).budget.epochs)
        self.table.value = self._table()
        before, self._offering = self.other.value, True
        offer(self.other, [(f"{run.letter}: {run.name}", run.letter) for run in self.runs])
        self._offering = False
        self._show_chosen() if self.other.value == before else self._chose()
        self.compare.layout.display = None if self.runs or self._deleted else "none"

    def _budget(self):
        state, run = self._lab.state, self.run
        budget, peak, left = state.budget, state.peak, None
        examples, _ = state.kind.size(state.entry)
        size, steps = budget.size(examples), budget.batches(examples)
        about = "" if state.kind.exact else "about "
        if run and run.steps and run.state == state:
            size, steps, about, left = run.size, run.steps, "", run.left
        total = budget.epochs * steps
        seconds = START_UP + _guess(state) * self._speed * total
        if left is not None:
            time = f"{_minutes(run.seconds + left)}, measured on this machine"
        elif self._speed != 1.0:
            time = f"{_minutes(seconds)}, judging by the last run"
        else:
            time = f"{_minutes(seconds)}: a guess until the first batches are timed"
        if not compose(state).broken:
            time += f". About {gigabytes(sum(memory.needed(state).values()))} of memory"
        rises = warm_up(total)
        rate = f"rises to {peak:g} in {count(rises, 'batch', 'es')}, then" if rises else f"of {peak:g}"
        return (
            f"{count(budget.epochs, 'epoch')} × {about}{size:,} {state.kind.examples} = "
            f"{about}{count(total, 'batch', 'es')} of {min(budget.batch, size)}. "
            f"The learning rate {rate} falls to 0. {time[:1].upper()}{time[1:]}."
        )

    def _clock(self):
        run, left = self.run, self.run.left
        epochs = f"{run.epochs} of {count(run.total, 'epoch')}"
        words = f"Run {run.letter}, {WORDS.get(run.status, run.status)}: {epochs}, {run.seconds:.0f} s"
        goes_on = left is not None and run.status in ("running", "paused")
        return f"{words}, {_minutes(left)} left." if goes_on else f"{words}."

    def _table(self):
        if not self.runs:
            return '<div class="cl-note">The runs you train are kept here, to be compared.</div>'
        scores = dict.fromkeys(key for run in self.runs for key in measured(run.state))
        labels = sorted(scores, key="loss".__eq__)
        rows = [_cells(run, labels) for run in self.runs]
        drawn = _row("th scope='col'", rows[0])
        for run, cells in zip(self.runs, rows):
            drawn += _row("td", cells.values(), f" title='{html.escape(str(run.state))}'")
        scored = " and ".join(dict.fromkeys([*map(measure, self.runs), *["loss"] * ("loss" in labels)]))
        budgets = [_budget_of(run) for run in self.runs if run.size]
        sizes = [run.parameters for run in self.runs]
        unlike = ["parameters"] * (max(sizes) > 1.1 * min(sizes))
        unlike += [name for name in (budgets or [{}])[0] if len({budget[name] for budget in budgets}) > 1]
        fair = f"; they are not equal in {', '.join(unlike)}" if unlike else ""
        caption = f"<caption>Runs: validation {scored} after the last finished epoch{fair}</caption>"
        return f"<div class='cl-wide'><table class='cl-table cl-runs'>{caption}{drawn}</table></div>"


def _cells(run, labels):
    """A row of the table: the heads of the columns and what stands below them."""
    known = {key: said_score(run.history[f"val_{key}"][-1], 3) for key in measured(run.state) if run.epochs}
    status = "" if run.status == "done" else f", {WORDS.get(run.status, run.status)}"
    return {
        "": run.letter,
        "name": html.escape(run.name),
        **{label: known.get(label, "–") for label in labels},
        "parameters": f"{run.parameters:,}",
        "time": f"{run.seconds:.0f} s",
        "epochs": f"{run.epochs} of {run.total}{status}",
        "examples": f"{run.size:,}" if run.size else "–",
        "batch": run.state.budget.batch,
        "rate": f"{run.state.peak:g}",
    }


def _row(tag, cells, about=""):
    cells = "".join(f"<{tag}>{cell}</{tag[:2]}>" for cell in cells)
    return f"<tr{about}>{cells}</tr>"


def _budget_of(run):
    """What runs must have in common to be compared."""
    state, goes_on = run.state, run.status in UNDER_WAY
    whole = {"data": state.entry, "what is asked": (*state.classes, state.answers_each)}
    whole |= {"epochs": run.total if goes_on else run.epochs, "examples": run.size}
    return whole | {"batch size": state.budget.batch, "learning rate": state.peak}


def _guess(state):
    """Seconds that a batch may take: work, and what every step of an LSTM costs beside it."""
    composition = compose(state)
    steps = sum(
        before.shape[0] or state.steps
        for before, fact in itertools.pairwise(composition.facts)
        if fact.part in ("lstm", "convlstm") and len(before.shape) > 1
    )
    return 0.01 + 0.0008 * steps + state.budget.batch * composition.multiply_adds * 3 / 1.6e10


def _minutes(seconds):
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"
