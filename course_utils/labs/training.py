"""The training lab: train what is dialled in, on a budget, and compare it with what was trained before."""

import html

import ipywidgets as widgets

from course_utils.labs import video
from course_utils.labs.architecture import starting_state
from course_utils.labs.base import LOCK, STYLE, Lab, group
from course_utils.labs.curves import alt, curves
from course_utils.labs.trainer import BATCH, Run, Trainer
from course_utils.labs.video import Note, VideoState

LEFT = " class='cl-left'"
MOST = 60_000_000  # parameters; training keeps four numbers for each
WORDS = {
    "ready": "ready",
    "measuring": "timing the first batches",
    "running": "training",
    "paused": "paused",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
}


class TrainingLab(Lab):
    """Train a composition within a budget: start, pause, one epoch at a time, and compare the runs.

    Parameters
    ----------
    what : ArchitectureLab, VideoState or str
        What to train. A lab is followed: the next run trains what it is set to by then. A state, a
        state string or the name of a preset is trained as it is.
    data : Dataset
        From `course_utils.datasets`. Trained on `data.recompose(epoch)`, scored on `data.validation`; the
        test part is not touched.
    epochs, share
        The budget to begin with: 1 to 30 epochs of "all", "half" or a "quarter" of the clips.

    Examples
    --------
    >>> training = TrainingLab(lab, datasets.moving_digits())
    >>> training                                    # in a notebook: the lab itself
    >>> training.start(), training.wait()           # the same without pressing anything
    >>> training.runs[0].scores, training.runs[0].model
    """

    state_class = VideoState
    title = "Training lab"

    def __init__(self, what, data, epochs=None, share=None):
        self.source = what if isinstance(what, Lab) else None
        state = what.state if self.source else starting_state(what, {})
        for name, value in (("epochs", epochs), ("share", share)):
            if value is not None:
                state = state.change(f"budget.{name}", value)
        super().__init__(state)
        self.data, self.runs, self.trainer = data, [], None
        self._begun = 0
        wide = {"layout": {"width": "auto"}, "style": {"description_width": "72px"}}
        self.name = widgets.Text(description="Name", continuous_update=False, **wide)
        self.progress = widgets.FloatProgress(description="Progress", max=1.0, **wide)
        words = {"start": "▶ Start", "pause": "Pause", "step": "One epoch", "reset": "Reset"}
        self.buttons = {key: widgets.Button(description=said) for key, said in words.items()}
        for key, button in self.buttons.items():
            button.on_click(lambda _, key=key: getattr(self, key)())
        self.budget, self.composed, self.clock, self.picture, self.table = (widgets.HTML() for _ in range(5))
        self.picture.add_class("cl-picture")
        self.mark = widgets.HTML(layout={"display": "none"})
        dials = [self.add_control("budget.epochs"), self.add_control("budget.share")]
        buttons = widgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        what = "what is dialled in above" if self.source else "one composition"
        groups = widgets.GridBox(
            [
                group("other", "Budget", "what it may cost", *dials, self.name, self.budget),
                group("other", "Training", what, self.composed, buttons, self.progress, self.clock),
            ]
        )
        groups.add_class("cl-halves")
        self.view = widgets.VBox(
            [
                widgets.HTML(STYLE, layout={"display": "none"}),
                self.mark,
                groups,
                self.advice_box,
                self.picture,
                self.table,
                widgets.HBox([self.line, self.add_control("seed")]),
                self.message,
            ]
        )
        self.view.add_class("course-lab")
        if self.source:
            self.source.on_change(self._follow)
        self.state = self.state

    # One state, shared with the architecture lab

    def _follow(self, state):
        if state != self.state:
            self.state = state

    @Lab.state.setter
    def state(self, state):
        Lab.state.fset(self, state)
        if self.source and self.source.state != self.state:
            self.source.state = self.state

    # What the buttons do

    @property
    def run(self):
        """The run under way, or the last one."""
        return self.trainer.run if self.trainer else None

    def start(self):
        """Train what is dialled in; take up a paused run where it stands."""
        self._go(None)

    def step(self):
        """Train one epoch more, then pause."""
        self._go(1)

    def pause(self):
        """Pause after the batch under way; pressed again, go on."""
        if self.run and self.run.status == "paused":
            self.trainer.go()
        elif self.trainer:
            self.trainer.pause()
        self.show()

    def reset(self):
        """End the run under way. What it has learned in whole epochs stays in the table."""
        if self.trainer:
            self.trainer.stop()
            if not self.run.epochs:
                self.runs.remove(self.run)
            self.trainer = None
        self.show()

    def wait(self, seconds=None):
        """Wait until the training is done or paused. False when `seconds` were not enough."""
        return self.trainer.wait(seconds) if self.trainer else True

    def _go(self, epochs):
        with LOCK:
            self._begin(epochs)
            self.show()

    def _begin(self, epochs):
        if self.trainer is None or self.run.status in ("done", "failed", "stopped"):
            if any(one.level == "broken" for one in self.advice()):
                return
            made = video.compose(self.state)
            letter = _letter(self._begun)
            self._begun += 1
            run = Run(self._free_name(), letter, self.state, made.parameters)
            self.runs.append(run)
            self.trainer = Trainer(run, self.data, self.show)
        self.trainer.go(epochs)

    def _free_name(self):
        wanted = self.name.value.strip() or video.short_name(self.state)
        taken, name, count = {run.name for run in self.runs}, wanted, 2
        while name in taken:
            name, count = f"{wanted} ({count})", count + 1
        return name

    # What is shown

    def advice(self):
        """Why the composition cannot be trained on this data, or what to think of before."""
        yield from self._obstacles()
        run, trainer = self.run, self.trainer
        if not run:
            return
        if run.status == "failed":
            kept = f" The {run.epochs} epochs before are kept in the table." if run.epochs else ""
            yield Note("warning", f"Run {run.letter} ended: {run.problem}.{kept}")
        if run.status == "paused" and trainer.warned and trainer.done < 10:
            way_out = "or Reset and dial fewer epochs, fewer clips or a smaller network."
            yield Note(
                "warning",
                f"This needs {_minutes(trainer.left)}. Press Resume to go on all the same, {way_out}",
            )
        if run.status in ("running", "paused", "measuring") and run.state != self.state:
            yield Note(
                "hint",
                f"The dials have moved: run {run.letter} goes on as it began. Reset to train the new one.",
            )

    def _obstacles(self):
        state, made, x = self.state, video.compose(self.state), self.data.train.x
        asked = {label: len(names) for label, names in self.data.class_names.items()}
        if self.data.train.lengths is not None:
            yield Note(
                "broken",
                "These clips have unequal lengths and this lab uses no frame mask: give it equal ones.",
            )
        if made.broken:
            yield made.notes[0]
        if tuple(x.shape[1:]) != state.clip.shape:
            given, expected = _clips(x.shape[1:]), _clips(state.clip.shape)
            fix = self._fix("Take the data's clips", "clip", (x.shape[1], x.shape[2], x.shape[4]))
            yield Note("broken", f"The data has {given}, the composition expects {expected}.", *fix)
        if asked != state.answer.classes:
            fix = self._fix("Answer what the data asks", "answer", "+".join(asked))
            answers = _labels(state.answer.classes)
            yield Note(
                "broken", f"The data asks for {_labels(asked)}, the composition answers {answers}.", *fix
            )
        if made.parameters > MOST:
            yield Note(
                "broken",
                f"{made.parameters:,} parameters need about {made.parameters * 16 / 1e9:.1f} GB to train: "
                "weights, gradients and Adam's two averages.",
                *next(((note.fix, note.fixed) for note in made.notes if note.fixed), ()),
            )

    def _fix(self, label, name, value):
        try:
            return label, self.state.change(name, value)
        except ValueError:
            return ()

    def show(self):
        with LOCK:
            self._show()

    def _show(self):
        made, run = video.compose(self.state), self.run
        status = run.status if run else "ready"
        active = status in ("measuring", "running")
        notes = list(self.advice())
        self.show_notes(notes)
        stuck = status != "paused" and any(one.level == "broken" for one in notes)
        self.buttons["start"].description = "▶ Resume" if status == "paused" else "▶ Start"
        self.buttons["start"].disabled = self.buttons["step"].disabled = active or stuck
        self.buttons["pause"].disabled = not active
        self.buttons["reset"].disabled = run is None
        self.name.placeholder = video.short_name(self.state)
        self.composed.value = (
            f"<b>{html.escape(video.short_name(self.state))}</b>, {made.parameters:,} parameters"
        )
        self.budget.value = self._budget(made)
        self.progress.value = self.trainer.done / (self.trainer.steps * self.trainer.total) if run else 0.0
        self.clock.value = self._clock(status)
        self.picture.value = curves(
            self.runs, run, self.state.answer.classes, (run or self).state.budget.epochs
        )
        self.table.value = self._table()
        self.mark.value = self.tag()

    def _budget(self, made):
        budget, clips = self.state.budget, len(self.data.train)
        batches = max(1, round(-(-clips // BATCH) * budget.fraction))
        clips = min(clips, batches * BATCH)
        seconds = budget.epochs * clips * made.multiply_adds * 3 / 4e10 + budget.epochs * batches * 0.004 + 5
        if self.run and self.trainer.left is not None and self.run.state == self.state:
            total = self.run.seconds + self.trainer.left
            time = f"{_minutes(total)}, measured on this machine"
        else:
            time = f"{_minutes(seconds)}: a guess until the first batches are timed"
        said = f"{budget.epochs} epochs × {clips:,} clips = {budget.epochs * batches:,} batches of {BATCH}."
        return f"{said} {time.capitalize()}."

    def _clock(self, status):
        if not self.run:
            return "Ready."
        run, left = self.run, self.trainer.left
        epochs = f"{run.epochs} of {self.trainer.total} epochs"
        said = f"Run {run.letter}, {WORDS[status]}: {epochs}, {run.seconds:.0f} s"
        return said + (
            f", {_minutes(left)} left." if left is not None and status in ("running", "paused") else "."
        )

    def _table(self):
        if not self.runs:
            return '<div class="cl-note">The runs you train are kept here, to be compared.</div>'
        labels = list(dict.fromkeys(label for run in self.runs for label in run.labels))
        names = {
            "": 1,
            "name": 1,
            **dict.fromkeys(labels, 0),
            "parameters": 0,
            "seconds": 0,
            "epochs": 0,
            "status": 1,
        }
        head = "".join(
            f"<th scope='col'{LEFT * left}>{html.escape(name)}</th>" for name, left in names.items()
        )
        rows = []
        for run in self.runs:
            scores = [f"{run.scores[label]:.3f}" if label in run.scores else "–" for label in labels]
            epochs = f"{run.epochs} of {run.state.budget.epochs}"
            cells = [
                run.letter,
                run.name,
                *scores,
                f"{run.parameters:,}",
                f"{run.seconds:.0f}",
                epochs,
                WORDS[run.status],
            ]
            row = zip(cells, names.values(), strict=True)
            written = "".join(f"<td{LEFT * left}>{html.escape(cell)}</td>" for cell, left in row)
            rows.append(f"<tr title='{html.escape(str(run.state))}'>{written}</tr>")
        caption = "<caption>Runs: validation accuracy after the last finished epoch</caption>"
        return f"<table class='cl-table'>{caption}<tr>{head}</tr>{''.join(rows)}</table>"

    @property
    def alt(self):
        return alt(self.runs, self.run)


def _letter(number):
    return chr(ord("A") + number) if number < 26 else f"#{number + 1}"


def _minutes(seconds):
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


def _clips(shape):
    frames, height, width, channels = shape
    return f"{frames} frames of {height}×{width} in {channels} channel{'s' * (channels != 1)}"


def _labels(classes):
    return " and ".join(f"{label} ({count} classes)" for label, count in classes.items())
