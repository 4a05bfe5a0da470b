"""Training one composition in a thread: it can be watched, paused and taken up again. No widgets here."""

import gc
import math
import threading
import time
from functools import partial
from statistics import median_high
from types import SimpleNamespace

from course_utils.labs.architecture import assembly, inside
from course_utils.labs.architecture.blocks import SHARES
from course_utils.labs.architecture.tasks import feed

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
        "digit" (training score), "val_digit" (validation score), "loss", "val_loss" and so on -> one number
        per finished epoch. It is never altered: a finished epoch puts another in its place. Scores are
        accuracies, or mean absolute errors in vehicles per hour; the loss is as Keras has it.
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
        return median_high(self._per_batch[-60:])

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
        status = "running" if self._per_batch else "measuring" if self.steps else "loading"
        until = math.inf if epochs is None else int(self.passed) + epochs
        self._set(_until=until, _idle=False, status=status)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def pause(self):
        self._set(_until=self.passed)

    def stop(self):
        """End the run where it is; what was learned in whole epochs stays in it."""
        self._set(_stop=True)

    def _set(self, **values):
        with self._changed:
            vars(self).update(values)
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
        self._set(_idle=True)

    def _train(self):
        import keras

        source = feed(self.state)
        self.examples = source.examples(self.labels)
        self._checks = len(source.data.validation) / self.state.budget.batch
        self.built = assembly.build(self.state)
        # The same layers: the optimizer goes with it.
        model = keras.Model(self.model.input, self.model.output)
        watch = keras.callbacks.LambdaCallback(
            on_train_batch_begin=self._batch_begins,
            on_train_batch_end=self._batch_ends,
            on_epoch_end=self._epoch_ends,
        )
        fit = partial(model.fit, verbose=0, callbacks=[watch])
        names = {"keras": keras, "math": math, "data": source.data}
        names["model"] = SimpleNamespace(compile=model.compile, fit=fit)
        exec(compiling(self.state), names)  # the code that a learner is shown, made from checked dials
        self.size, self.steps = names["size"], names["steps"] // self.total
        exec(fitting(self.state), names)

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
        scores = self._scores(logs) | self._scores(logs, "val_")
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
        scores = {part + label: float(logs[part + name]) * kind.scale for label, name in names.items()}
        return scores | {f"{part}loss": float(logs[f"{part}loss"])}

    def _tell(self, now=False):
        if now or time.monotonic() - self._reported > REPORT:
            self._reported = time.monotonic()
            try:
                self.report()
            except Exception as problem:  # a picture that fails is no reason to lose a training
                self.trouble = f"{type(problem).__name__}: {problem}"


def warm_up(steps):
    """Batches in which the learning rate rises, of so many in all."""
    return min(WARM_UP, steps // 2)


def script(state):
    """The code that trains the model of a state as the lab does; it goes on where `assembly.code` ends."""
    data = state.kind.data(state.entry, tuple(state.classes))
    return f"import math\n{data}\n{compiling(state)}\n\n{fitting(state)}"


def compiling(state):
    """Optimizer, loss and metrics: clipped Adam as in lesson 04, a warm-up, then a cosine down to zero."""
    kind, budget, labels = state.kind, state.budget, tuple(state.classes)
    part = SHARES[budget.share]
    named, loss, metrics = "", f'"{kind.loss}"', f'["{kind.metric}"]'
    if len(labels) > 1:
        named = f"labels = {labels}\n".replace("'", '"')
        loss, metrics = (f'{{label: "{each}" for label in labels}}' for each in (kind.loss, kind.metric))
    return f"""\
epochs, batch_size, peak = {budget.epochs}, {budget.batch}, {state.peak:g}
size = len(data.train){f" // {part}" if part > 1 else ""}  # examples in an epoch
steps = epochs * math.ceil(size / batch_size)
warm_up = min({WARM_UP}, steps // 2)  # batches in which the learning rate rises
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up
)
{named}model.compile(
    keras.optimizers.Adam(rate, clipnorm=1.0),
    loss={loss},
    metrics={metrics},
)
"""


def fitting(state):
    """The loop over the epochs."""
    first, *more = state.classes
    name = "label" if more else f'"{first}"'
    y = f"split.y[{name}][:size]"
    if state.answers_each:  # what is true of a clip is true after each of its frames
        y = f"split.y[{name}][:size, None].repeat({state.steps}, axis=1)"
    y = f"{{label: {y} for label in labels}}" if more else y
    other = "has other clips" if state.kind.in_space else "in another order"
    return f"""\
def examples(split, size=None):
    \"\"\"(x, y) of the first examples, as this model takes them.\"\"\"
    return split.x[:size], {y}


validation = examples(data.validation)
for epoch in range(epochs):  # each {other}
    x, y = examples(data.recompose(epoch), size)
    model.fit(
        x, y, batch_size=batch_size, shuffle=False, validation_data=validation,
        initial_epoch=epoch, epochs=epoch + 1,
    )
"""
