"""Training one composition in a thread: it can be watched, paused and taken up again. No widgets here."""

import gc
import math
import threading
import time
from dataclasses import dataclass, field

from course_utils.labs.architecture import assembly, inside
from course_utils.labs.architecture.state import LabState
from course_utils.labs.architecture.tasks import BATCH, Examples, feed

WARM_UP = 100  # batches
REPORT = 0.25  # seconds between two reports within an epoch


@dataclass
class Run:
    """One training: what was trained, on how much, and how it went.

    `history` maps "digit" (training score), "val_digit" (validation score) and so on to one number per
    finished epoch; it is never altered, a finished epoch puts another in its place. `live` holds (epochs
    passed, {label: score}) within the epoch that is under way. Scores are accuracies, or mean absolute errors
    in vehicles per hour. What is needed to look into the network comes with training: `built` and `examples`.
    """

    name: str
    letter: str
    state: LabState
    parameters: int
    history: dict = field(default_factory=dict)
    live: list = field(default_factory=list)
    seconds: float = 0.0
    status: str = "ready"  # ready, loading, measuring, running, paused, done, stopped, failed
    problem: str = ""
    size: int = 0  # examples in an epoch
    examples: Examples | None = None
    built: assembly.Composition | None = None

    @property
    def model(self):
        """The Keras model, once it is built."""
        return self.built and self.built.model

    @property
    def labels(self):
        return list(self.state.classes)

    @property
    def epochs(self):
        """Epochs finished."""
        return len(next(iter(self.history.values()), ()))

    @property
    def scores(self):
        """Validation score after the last finished epoch, for each label."""
        history = self.history
        return {label: history[f"val_{label}"][-1] for label in self.labels} if history else {}


class _Stopped(Exception):
    """Ends `fit` where the run was stopped."""


class Trainer:
    """Trains `run.state` on the data its task has, and calls `report()` as it goes.

    The numbers depend on the state alone: initialisers and dropout are seeded from it, and the order of the
    examples is the data's own. Keras's global seed is not used.

    Attributes
    ----------
    passed : float
        Epochs behind us, with the part of the one under way.
    trouble : str
        Why a report could not be drawn; the training goes on all the same.
    """

    def __init__(self, run, report, patience=180):
        self.run, self.report, self.patience = run, report, patience
        self.total = run.state.budget.epochs
        self.steps = None  # batches in an epoch, once the data is there
        self.done = 0  # batches
        self.warned = False
        self.trouble = ""
        self._per_batch = []
        self._checks = 0  # batches of the validation
        self._changed = threading.Condition()
        self._until = math.inf  # epochs or parts of one that may be trained before the next pause
        self._stop = False
        self._idle = True  # paused or ended, and reported
        self._thread = None
        self._begun = self._said = 0.0

    @property
    def passed(self):
        return self.done / self.steps if self.steps else 0.0

    # Orders, from any thread

    def go(self, epochs=None):
        """Train on: to the end, or for so many epochs."""
        with self._changed:
            self._until = math.inf if epochs is None else int(self.passed) + epochs
            self._idle = False
            self.run.status = "running" if self._per_batch else "measuring" if self.steps else "loading"
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def pause(self):
        with self._changed:
            self._until = self.passed
            self._changed.notify_all()

    def stop(self):
        """End the run where it is; what was learned in whole epochs stays in the run."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()

    def wait(self, seconds=None):
        """Wait until the training is done, paused, stopped or failed; False when the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, seconds)

    @property
    def pace(self):
        """Seconds that a batch takes: the median of the last ones."""
        recent = sorted(self._per_batch[-60:])
        return recent[len(recent) // 2]

    @property
    def left(self):
        """Seconds still to go, or None before the first batches were timed."""
        if not self._per_batch:
            return None
        check = self._checks / 3 * (self.total - self.run.epochs)
        return self.pace * (self.steps * self.total - self.done + check)

    # The work, in its own thread

    def _work(self):
        run = self.run
        try:
            self._train()
            status = "done"
        except _Stopped:
            status = "stopped"
        except BaseException as error:  # whatever it is: nobody else would say that the thread has ended
            first = (str(error).strip() or "no message").splitlines()[0]
            run.problem = run.problem or f"{type(error).__name__}: {first[:200]}"
            status = "failed"
        if run.epochs and status != "done":
            run.model.set_weights(self._kept)
        self._kept = None
        gc.collect()  # the optimizer and the data
        run.live = []
        run.status = status
        self._tell(now=True)
        with self._changed:
            self._idle = True
            self._changed.notify_all()

    def _train(self):
        import keras

        run = self.run
        kind, found = run.state.kind, feed(run.state)
        data, steps = found.data, found.batches(run.state.budget.fraction)
        run.size, run.examples = min(len(data.train), steps * BATCH), found.examples(run.labels)
        self._checks = len(data.validation) / BATCH
        run.built = assembly.build(run.state)
        self.steps = steps
        model = keras.Model(run.model.input, run.model.output)  # the same layers: the optimizer goes with it
        model.compile(
            recipe(kind.peak, steps * self.total),
            loss=one_or_all(dict.fromkeys(run.labels, kind.loss)),
            metrics=one_or_all({label: [kind.metric] for label in run.labels}),
        )
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=self._batch_begins,
            on_train_batch_end=self._batch_ends,
            on_epoch_end=self._epoch_ends,
        )
        check = self._part(data.validation, None)
        for epoch in range(self.total):  # each has other clips, or the same texts in another order
            x, y = self._part(data.recompose(epoch), run.size)
            how = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": [watch]}
            model.fit(x, y, initial_epoch=epoch, epochs=epoch + 1, validation_data=check, **how)

    def _part(self, split, size):
        """The first examples of a split, as a model with these labels takes them."""
        return split.x[:size], one_or_all({label: split.y[label][:size] for label in self.run.labels})

    def _batch_begins(self, batch, logs=None):
        """Wait while paused. Never reports while it holds the condition."""
        with self._changed:
            if paused := not self._free():
                self.run.status = "paused"
        if paused:
            self._tell(now=True)
            with self._changed:
                self._idle = not self._free()
                self._changed.notify_all()
                self._changed.wait_for(self._free)
        with self._changed:
            if self._stop:
                raise _Stopped
            self.run.status = "running" if self._per_batch else "measuring"
        self._begun = time.perf_counter()

    def _free(self):
        return self._stop or self.passed < self._until

    def _batch_ends(self, batch, logs):
        took = self._took()
        if not math.isfinite(logs["loss"]):
            self._lost()
        if self.done:  # the first batch also compiles
            self._per_batch.append(took)
        self.done += 1
        if batch >= 7:  # fewer batches say too little
            self.run.live.append((self.passed, self._scores(logs)))
        if self.done == 4 and self.left > self.patience and not self.warned:
            self.warned = True
            self.pause()
        self._tell()

    def _epoch_ends(self, epoch, logs):
        self._took()
        if not math.isfinite(logs["val_loss"]):
            self._lost()
        run = self.run
        scores = self._scores(logs) | {f"val_{label}": s for label, s in self._scores(logs, "val_").items()}
        run.history = {label: [*run.history.get(label, ()), score] for label, score in scores.items()}
        run.live = []
        self._kept = run.model.get_weights()
        self._tell(now=True)

    def _took(self):
        """Seconds since a batch began or the one before ended."""
        now = time.perf_counter()
        took, self._begun = now - self._begun, now
        self.run.seconds += took
        return took

    def _lost(self):
        run = self.run
        where = inside.diverged(run.built)
        run.problem = f"the loss is no longer a number, in epoch {run.epochs + 1}"
        run.problem += f", and there are weights that are none in {where}" if where else ""
        run.problem += f"; the weights of epoch {run.epochs} are kept" if run.epochs else ""
        raise FloatingPointError(run.problem)

    def _scores(self, logs, part=""):
        labels, kind = self.run.labels, self.run.state.kind
        names = {label: f"{label}_{kind.metric}" if len(labels) > 1 else kind.metric for label in labels}
        return {label: float(logs[part + name]) * kind.scale for label, name in names.items()}

    def _tell(self, now=False):
        if now or time.monotonic() - self._said > REPORT:
            self._said = time.monotonic()
            try:
                self.report()
            except Exception as problem:  # a picture that fails is no reason to lose a training
                self.trouble = f"{type(problem).__name__}: {problem}"


def one_or_all(labels):
    """The labels as Keras wants them: those of a model with one answer stand alone."""
    return labels if len(labels) > 1 else next(iter(labels.values()))


def recipe(peak, steps):
    """The optimizer of lesson 04 for so many batches: clipped Adam, a warm-up, then a cosine down to zero.

    Parameters
    ----------
    peak : float
        The highest learning rate.
    steps : int
        Batches in all, at least 1.

    Returns
    -------
    keras.optimizers.Adam
    """
    import keras

    warm_up = min(WARM_UP, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warm_up else peak,
        steps - warm_up,
        warmup_target=peak if warm_up else None,
        warmup_steps=warm_up,
    )
    return keras.optimizers.Adam(schedule, clipnorm=1.0)
