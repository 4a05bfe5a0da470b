"""Training one composition in a thread: it can be watched, paused and taken up again. No widgets here."""

import math
import threading
import time
from dataclasses import dataclass, field

from course_utils.labs import assembly
from course_utils.labs.feed import BATCH, feed
from course_utils.labs.state import LabState

WARM_UP = 100  # batches


@dataclass
class Run:
    """One training: what was trained, on how much, and how it went.

    `history` maps "digit" (training score), "val_digit" (validation score) and so on to one number per
    finished epoch. `live` holds (epochs passed, {label: score}) within the epoch that is under way. Scores
    are accuracies, or mean absolute errors in vehicles per hour. `feed` and `built` come with training.
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
    feed: object = None
    built: assembly.Assembly | None = None

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
        return {label: self.history[f"val_{label}"][-1] for label in self.labels if self.epochs}


class Trainer:
    """Trains `run.state` batch by batch on the data its task has, and calls `report()` as it goes.

    The numbers depend on the state alone: initialisers and dropout are seeded from it, and the order of the
    examples is the data's own. Keras's global seed is not used.
    """

    def __init__(self, run, report, patience=180):
        self.run, self.report, self.patience = run, report, patience
        self.total = run.state.budget.epochs
        self.steps = None  # batches in an epoch, once the data is there
        self.done = 0  # batches
        self.warned = False
        self._per_batch = []
        self._changed = threading.Condition()
        self._until = math.inf  # epochs or parts of one that may be trained before the next pause
        self._stop = False
        self._idle = True  # paused or ended, and reported
        self._thread = None
        self._said = 0.0

    @property
    def passed(self):
        """Epochs behind us, with the part of the one under way."""
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
        """End the run where it is; what is trained stays in the run."""
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
        check = self.run.feed.count / BATCH / 3 * (self.total - self.run.epochs)
        return self.pace * (self.steps * self.total - self.done + check)

    # The work, in its own thread

    def _work(self):
        try:
            finished = self._train()
            status = "done" if finished else "stopped"
        except Exception as error:
            first = (str(error).strip() or "no message").splitlines()[0]
            self.run.problem = self.run.problem or f"{type(error).__name__}: {first[:200]}"
            status = "failed"
        self.run.live.clear()
        self.run.status = status
        self.report()
        with self._changed:
            self._idle = True
            self._changed.notify_all()

    def _train(self):
        run = self.run
        data = run.feed = feed(run.state)
        self.steps = data.batches(run.state.budget.fraction)
        run.built = assembly.build(run.state)
        model = compiled(run, self.steps * self.total)
        for epoch in range(self.total):
            all_x, all_y = data.epoch(epoch)
            seen, summed = 0, dict.fromkeys(run.labels, 0.0)  # Keras scores each batch by itself
            for step in range(self.steps):
                if not self._may_go_on():
                    return False
                begun = time.perf_counter()
                part = slice(step * BATCH, (step + 1) * BATCH)
                x, y = all_x[part], one_or_all({label: values[part] for label, values in all_y.items()})
                logs = model.train_on_batch(x, y, return_dict=True)
                took = time.perf_counter() - begun
                if not math.isfinite(logs["loss"]):
                    self._lost(epoch)
                run.seconds += took
                if self.done:  # the first batch also compiles
                    self._per_batch.append(took)
                self.done += 1
                seen += len(x)
                for label, score in self._scores(logs).items():
                    summed[label] += score * len(x)
                trained = {label: total / seen for label, total in summed.items()}
                if step >= 7:  # fewer batches say too little
                    run.live.append((epoch + (step + 1) / self.steps, trained))
                if self.done == 4 and self.left > self.patience and not self.warned:
                    self.warned = True
                    self.pause()
                self._tell()
            begun = time.perf_counter()
            x, y = data.validation
            checked = model.evaluate(x, one_or_all(y), batch_size=200, verbose=0, return_dict=True)
            for label in run.labels:
                run.history.setdefault(label, []).append(trained[label])
                run.history.setdefault(f"val_{label}", []).append(self._scores(checked)[label])
            run.live.clear()
            self.kept = model.get_weights()
            run.seconds += time.perf_counter() - begun
            self._tell(now=True)
        return True

    def _may_go_on(self):
        """Wait while paused. False when the run was stopped. Never reports while it holds the condition."""
        if self.passed >= self._until and not self._stop:
            self.run.status = "paused"
            self.report()
            with self._changed:
                self._idle = self.passed >= self._until
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._stop or self.passed < self._until)
        if not self._stop:
            self.run.status = "running" if self._per_batch else "measuring"
        return not self._stop

    def _lost(self, epoch):
        self.run.problem = f"the loss is no longer a number, in epoch {epoch + 1}"
        if self.run.epochs:
            self.run.model.set_weights(self.kept)
            self.run.problem += f"; the weights of epoch {self.run.epochs} are kept"
        raise FloatingPointError(self.run.problem)

    def _scores(self, logs):
        data = self.run.feed
        several = len(self.run.labels) > 1
        return {
            label: float(logs[f"{label}_{data.metric}" if several else data.metric]) * data.scale
            for label in self.run.labels
        }

    def _tell(self, now=False):
        if now or time.monotonic() - self._said > 0.25:
            self._said = time.monotonic()
            self.report()


def one_or_all(labels):
    """The labels as Keras wants them: those of a model with one answer stand alone."""
    return labels if len(labels) > 1 else next(iter(labels.values()))


def compiled(run, steps):
    """A run's model with the course's recipe: Adam, clipped, a warm-up, then a cosine down to zero."""
    import keras

    warm_up = min(WARM_UP, max(1, steps // 4))
    rate = keras.optimizers.schedules.CosineDecay(
        run.feed.peak / WARM_UP, max(1, steps - warm_up), warmup_target=run.feed.peak, warmup_steps=warm_up
    )
    run.model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        loss=one_or_all(dict.fromkeys(run.labels, run.feed.loss)),
        metrics=one_or_all({label: [run.feed.metric] for label in run.labels}),
    )
    return run.model
