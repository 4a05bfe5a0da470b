"""Training one composition in a thread: it can be watched, paused and taken up again. No widgets here."""

import gc
import math
import threading
import time

import numpy as np

from course_utils.labs.architecture import assembly, inside
from course_utils.labs.architecture.tasks import BATCH, batches, feed

WARM_UP = 100  # batches
REPORT = 0.25  # seconds between two reports within an epoch


class _Stopped(Exception):
    """Ends `fit` where the run was stopped."""


class Run:
    """One training: what is trained, on how much, and how it went. It calls `report()` as it goes.

    The numbers depend on the state alone: initialisers and dropout are seeded from it, and the order of the
    examples is the data's own. Keras's global seed is not used.

    Attributes
    ----------
    history : dict
        "digit" (training score), "val_digit" (validation score) and so on -> one number per finished epoch.
        It is never altered: a finished epoch puts another in its place. Scores are accuracies, or mean
        absolute errors in vehicles per hour.
    live : list
        (epochs passed, {label: score}) within the epoch that is under way.
    status : str
        ready, loading, measuring, running, paused, done, stopped or failed; `problem` says why it failed.
    size : int
        Examples in an epoch.
    built, examples
        What is needed to look into the network.
    steps, done : int
        Batches in an epoch, None until the data is there; batches trained.
    trouble : str
        Why a report could not be drawn; the training goes on all the same.
    """

    def __init__(self, name, letter, state, parameters, report, patience=180):
        self.name, self.letter, self.state, self.parameters = name, letter, state, parameters
        self.report, self.patience = report, patience
        self.history, self.live, self.seconds = {}, [], 0.0
        self.status, self.problem, self.trouble = "ready", "", ""
        self.size, self.built, self.examples = 0, None, None
        self.steps, self.done, self.warned = None, 0, False
        self._per_batch = []
        self._checks = 0  # batches of the validation
        self._changed = threading.Condition()
        self._until = math.inf  # epochs or parts of one that may be trained before the next pause
        self._stop = False
        self._idle = True  # paused or ended, and reported
        self._thread = None
        self._begun = self._reported = 0.0

    @property
    def model(self):
        """The Keras model, once it is built."""
        return self.built and self.built.model

    @property
    def labels(self):
        return list(self.state.classes)

    @property
    def total(self):
        """Epochs in all."""
        return self.state.budget.epochs

    @property
    def epochs(self):
        """Epochs finished."""
        return len(next(iter(self.history.values()), ()))

    @property
    def passed(self):
        """Epochs behind us, with the part of the one under way."""
        return self.done / self.steps if self.steps else 0.0

    @property
    def scores(self):
        """Validation score after the last finished epoch, for each label."""
        history = self.history
        return {label: history[f"val_{label}"][-1] for label in self.labels} if history else {}

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
        check = self._checks / 3 * (self.total - self.epochs)
        return self.pace * (self.steps * self.total - self.done + check)

    # Orders, from any thread

    def go(self, epochs=None):
        """Train on: to the end, or for so many epochs."""
        with self._changed:
            self._until = math.inf if epochs is None else int(self.passed) + epochs
            self._idle = False
            self.status = "running" if self._per_batch else "measuring" if self.steps else "loading"
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def pause(self):
        with self._changed:
            self._until = self.passed
            self._changed.notify_all()

    def stop(self):
        """End the run where it is; what was learned in whole epochs stays in it."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()

    def wait(self, seconds=None):
        """Wait until the training is done, paused, stopped or failed; False when the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, seconds)

    # The work, in its own thread

    def _work(self):
        try:
            self._train()
            status = "done"
        except _Stopped:
            status = "stopped"
        except BaseException as error:  # whatever it is: nobody else would say that the thread has ended
            first = (str(error).strip() or "no message").splitlines()[0]
            self.problem = self.problem or f"{type(error).__name__}: {first[:200]}"
            status = "failed"
        if self.epochs and status != "done":
            self.model.set_weights(self._kept)
        self._kept = None
        gc.collect()  # the optimizer and the data
        self.live = []
        self.status = status
        self._tell(now=True)
        with self._changed:
            self._idle = True
            self._changed.notify_all()

    def _train(self):
        import keras

        kind, found = self.state.kind, feed(self.state)
        data, steps = found.data, batches(len(found.data.train), self.state.budget.fraction)
        self.size, self.examples = min(len(data.train), steps * BATCH), found.examples(self.labels)
        self._checks = len(data.validation) / BATCH
        self.built = assembly.build(self.state)
        self.steps = steps
        model = keras.Model(
            self.model.input, self.model.output
        )  # the same layers: the optimizer goes with it
        model.compile(
            recipe(kind.peak, steps * self.total),
            loss=one_or_all(dict.fromkeys(self.labels, kind.loss)),
            metrics=one_or_all({label: [kind.metric] for label in self.labels}),
        )
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=self._batch_begins,
            on_train_batch_end=self._batch_ends,
            on_epoch_end=self._epoch_ends,
        )
        check = self._part(data.validation, None)
        for epoch in range(self.total):  # each has other clips, or the same texts in another order
            x, y = self._part(data.recompose(epoch), self.size)
            how = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": [watch]}
            model.fit(x, y, initial_epoch=epoch, epochs=epoch + 1, validation_data=check, **how)

    def _part(self, split, size):
        """The first examples of a split, as a model with these labels takes them."""
        y = {label: split.y[label][:size] for label in self.labels}
        if self.state.answers_each:  # the same is true after each frame
            y = {label: np.repeat(true[:, None], self.state.steps, axis=1) for label, true in y.items()}
        return split.x[:size], one_or_all(y)

    def _batch_begins(self, batch, logs=None):
        """Wait while paused. Never reports while it holds the condition."""
        with self._changed:
            if paused := not self._free():
                self.status = "paused"
        if paused:
            self._tell(now=True)
            with self._changed:
                self._idle = not self._free()
                self._changed.notify_all()
                self._changed.wait_for(self._free)
        with self._changed:
            if self._stop:
                raise _Stopped
            self.status = "running" if self._per_batch else "measuring"
        self._begun = time.perf_counter()

    def _free(self):
        return self._stop or self.passed < self._until

    def _batch_ends(self, batch, logs):
        seconds = self._seconds()
        if not math.isfinite(logs["loss"]):
            self._lost()
        if self.done:  # the first batch also compiles
            self._per_batch.append(seconds)
        self.done += 1
        if batch >= 7:  # fewer batches say too little
            self.live.append((self.passed, self._scores(logs)))
        if self.done == 4 and self.left > self.patience and not self.warned:
            self.warned = True
            self.pause()
        self._tell()

    def _epoch_ends(self, epoch, logs):
        self._seconds()
        if not math.isfinite(logs["val_loss"]):
            self._lost()
        scores = self._scores(logs) | {f"val_{label}": s for label, s in self._scores(logs, "val_").items()}
        self.history = {label: [*self.history.get(label, ()), score] for label, score in scores.items()}
        self.live = []
        self._kept = self.model.get_weights()
        self._tell(now=True)

    def _seconds(self):
        """Seconds since a batch began or the one before ended."""
        now = time.perf_counter()
        passed, self._begun = now - self._begun, now
        self.seconds += passed
        return passed

    def _lost(self):
        where = inside.diverged(self.built)
        self.problem = f"the loss is no longer a number, in epoch {self.epochs + 1}"
        self.problem += f", and there are weights that are none in {where}" if where else ""
        self.problem += f"; the weights of epoch {self.epochs} are kept" if self.epochs else ""
        raise FloatingPointError(self.problem)

    def _scores(self, logs, part=""):
        labels, kind = self.labels, self.state.kind
        names = {label: f"{label}_{kind.metric}" if len(labels) > 1 else kind.metric for label in labels}
        return {label: float(logs[part + name]) * kind.scale for label, name in names.items()}

    def _tell(self, now=False):
        if now or time.monotonic() - self._reported > REPORT:
            self._reported = time.monotonic()
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
