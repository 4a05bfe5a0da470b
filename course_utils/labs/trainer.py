"""Training one composition in a thread: it can be watched, paused and taken up again. No widgets here."""

import math
import threading
import time
from dataclasses import dataclass, field

from course_utils.labs import video

BATCH = 32
WARM_UP, TOP_RATE = 100, 2e-3


@dataclass
class Run:
    """One training: what was trained, on how much, and how it went.

    `history` maps "digit" (training accuracy), "val_digit" (validation accuracy) and so on to one number per
    finished epoch. `live` holds (epochs passed, {label: accuracy}) within the epoch that is under way.
    """

    name: str
    letter: str
    state: video.VideoState
    parameters: int
    history: dict = field(default_factory=dict)
    live: list = field(default_factory=list)
    seconds: float = 0.0
    status: str = "ready"  # ready, measuring, running, paused, done, stopped, failed
    problem: str = ""
    model: object = None

    @property
    def labels(self):
        return list(self.state.answer.classes)

    @property
    def epochs(self):
        """Epochs finished."""
        return len(next(iter(self.history.values()), ()))

    @property
    def scores(self):
        """Validation accuracy after the last finished epoch, for each label."""
        return {label: self.history[f"val_{label}"][-1] for label in self.labels if self.epochs}


class Trainer:
    """Trains `run.state` on `data`, batch by batch, and calls `report()` as it goes.

    The numbers depend on the state alone: initialisers are seeded from it, and the order of the clips is the
    data's own. Keras's global seed is not used.
    """

    def __init__(self, run, data, report, patience=180):
        self.run, self.data, self.report, self.patience = run, data, report, patience
        self.total = run.state.budget.epochs
        self.steps = max(1, round(math.ceil(len(data.train) / BATCH) * run.state.budget.fraction))
        self.done = 0  # batches
        self.warned = False
        self._per_batch = []
        self._changed = threading.Condition()
        self._until = 0  # batches that may be trained before the next pause
        self._stop = False
        self._idle = True  # paused or ended, and reported
        self._thread = None
        self._said = 0.0

    # Orders, from any thread

    def go(self, epochs=None):
        """Train on: to the end, or for so many epochs."""
        with self._changed:
            whole = self.steps * self.total
            self._until = (
                whole if epochs is None else min(whole, (self.done // self.steps + epochs) * self.steps)
            )
            self._idle = False
            self.run.status = "running" if self._per_batch else "measuring"
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def pause(self):
        with self._changed:
            self._until = self.done
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
    def left(self):
        """Seconds still to go, or None before the first batches were timed."""
        if not self._per_batch:
            return None
        recent = sorted(self._per_batch[-60:])
        check = len(self.data.validation) / BATCH / 3 * (self.total - self.run.epochs)
        return recent[len(recent) // 2] * (self.steps * self.total - self.done + check)

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
        model = self.run.model = compiled(self.run.state, self.steps * self.total)
        for epoch in range(self.total):
            clips = self.data.recompose(epoch)
            seen, right = 0, dict.fromkeys(self.run.labels, 0.0)  # Keras scores each batch by itself
            for step in range(self.steps):
                if not self._may_go_on():
                    return False
                begun = time.perf_counter()
                part = slice(step * BATCH, (step + 1) * BATCH)
                x, y = clips.x[part], {label: values[part] for label, values in clips.y.items()}
                logs = model.train_on_batch(x, y, return_dict=True)
                took = time.perf_counter() - begun
                if not math.isfinite(logs["loss"]):
                    self._lost(epoch)
                self.run.seconds += took
                if self.done:  # the first batch also compiles
                    self._per_batch.append(took)
                self.done += 1
                seen += len(x)
                for label, score in self._scores(logs).items():
                    right[label] += score * len(x)
                trained = {label: total / seen for label, total in right.items()}
                if step >= 7:  # fewer clips say too little
                    self.run.live.append((epoch + (step + 1) / self.steps, trained))
                if self.done == 4 and self.left > self.patience and not self.warned:
                    self.warned = True
                    self.pause()
                self._tell()
            begun = time.perf_counter()
            checked = model.evaluate(
                self.data.validation.x, self.data.validation.y, batch_size=200, verbose=0, return_dict=True
            )
            for label in self.run.labels:
                self.run.history.setdefault(label, []).append(trained[label])
                self.run.history.setdefault(f"val_{label}", []).append(self._scores(checked)[label])
            self.run.live.clear()
            self.kept = model.get_weights()
            self.run.seconds += time.perf_counter() - begun
            self._tell(now=True)
        return True

    def _may_go_on(self):
        """Wait while paused. False when the run was stopped. Never reports while it holds the condition."""
        if self.done >= self._until and not self._stop:
            self.run.status = "paused"
            self.report()
            with self._changed:
                self._idle = self.done >= self._until
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._stop or self.done < self._until)
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
        labels = self.run.labels
        return {
            label: float(logs[f"{label}_accuracy" if len(labels) > 1 else "accuracy"]) for label in labels
        }

    def _tell(self, now=False):
        if now or time.monotonic() - self._said > 0.25:
            self._said = time.monotonic()
            self.report()


def compiled(state, steps):
    """The model of a state with the course's recipe: Adam, clipped, a warm-up, then a cosine down to zero."""
    import keras

    model = video.model(state)
    warm_up = min(WARM_UP, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(
        TOP_RATE / WARM_UP, max(1, steps - warm_up), warmup_target=TOP_RATE, warmup_steps=max(1, warm_up)
    )
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        loss=dict.fromkeys(state.answer.classes, "sparse_categorical_crossentropy"),
        metrics={label: ["accuracy"] for label in state.answer.classes},
    )
    return model
