"""The state of the lab as plain data: which task, which order of blocks, and what fits by default."""

import re
from dataclasses import dataclass, field, replace

from course_utils.labs.architecture.blocks import (
    Answer,
    Budget,
    Clip,
    Convolution,
    Joint,
    Memory,
    Series,
    Text,
)
from course_utils.labs.architecture.tasks import TASKS
from course_utils.labs.core.dials import State, dial, rows

ORDERS = {
    "cnn": "CNN only",
    "lstm": "LSTM only",
    "cnn-lstm": "CNN → LSTM",
    "lstm-cnn": "LSTM → CNN",
    "convlstm": "ConvLSTM",
    "parallel": "side by side",
}
THREE = (Convolution(16, 5, 2), Convolution(32, 3, 2), Convolution(32, 3))


@dataclass(frozen=True)
class LabState(State):
    """A hybrid for one of the tasks: what comes in, the blocks and their order, what is asked, a budget."""

    task: str = dial("digits", "Task", TASKS, shown={name: task.title for name, task in TASKS.items()})
    order: str = dial("cnn-lstm", "Order", ORDERS, shown=ORDERS)
    attention: bool = dial(False, "Attention", (False, True))
    clip: Clip = field(default=Clip())
    text: Text = field(default=Text())
    series: Series = field(default=Series())
    convolutions: tuple = rows(THREE, Convolution, 4)
    joint: Joint = field(default=Joint())
    lstm: Memory = field(default=Memory())
    answer: Answer = field(default=Answer())
    budget: Budget = field(default=Budget())
    seed: int = dial(0, "Seed", range(1000))

    version = "lab2"
    decides, spelled = ("task", "order", "attention"), ("task", "order", "seed")

    @classmethod
    def default(cls, task="digits", order="cnn-lstm", attention=False):
        """A sound composition of this task and order; a state string tells only what differs from it."""
        kind = TASKS[task]
        usual = dict(kind.usual(order))
        if order == "convlstm":
            usual["convolutions"] = (Convolution(8, 5, 2), Convolution(16, 3, 2))[: 1 + kind.in_space]
        elif order == "lstm-cnn" and kind.in_space:
            usual["convolutions"] = (Convolution(64, 3),)
        pooled = order in ("cnn", "lstm-cnn", "parallel") and not (kind.in_space and order != "lstm-cnn")
        if (order == "cnn-lstm" and not kind.in_space) or (attention and pooled and order != "parallel"):
            usual["joint"] = Joint("steps")
        elif pooled and not kind.forecasts:
            usual["joint"] = Joint("max")
        every = order == "lstm-cnn" or (attention and order != "cnn")
        usual["lstm"] = replace(usual.get("lstm", Memory()), hands_on="all" if every else "last")
        return cls(task, order, attention, **usual)

    @classmethod
    def parse(cls, text):
        """As for any state. Older strings ask moving digits for the camera's move, which is a task now."""
        if isinstance(text, str):
            text = re.sub(r"answer=move\b([^;]*)", r"answer=digit+motion\1;task=moves", text)
        return super().parse(text)

    def turn(self, path, value):
        """`change` as a learner means it: a new task begins with what is sound there; with another order or
        attention, whatever was not touched becomes what fits.
        """
        changed = self.change(path, value)
        if path not in self.decides:
            return changed
        old, new = (s.default(s.task, s.order, s.attention) for s in (self, changed))
        if path == "task":
            return replace(new, seed=self.seed)
        touched = self.convolutions != old.convolutions
        return replace(
            changed,
            convolutions=self.convolutions if touched else new.convolutions,
            joint=replace(self.joint, kind_of=new.joint.kind_of),
            lstm=replace(self.lstm, hands_on=new.lstm.hands_on),
        )

    @property
    def kind(self):
        """The `Task`."""
        return TASKS[self.task]

    @property
    def entry(self):
        """The block that says what comes in."""
        return getattr(self, self.kind.entry)

    @property
    def preset(self):
        """The name of the preset that it is, on whatever budget; empty where it is none."""
        same = (name for name, preset in PRESETS.items() if replace(preset, budget=self.budget) == self)
        return next(same, "")

    @property
    def peak(self):
        """The highest learning rate."""
        return self.budget.rate or self.kind.peak

    @property
    def steps(self):
        """Steps of the input."""
        return self.entry.steps

    @property
    def classes(self):
        """What is asked: the number of outputs for each label."""
        return self.kind.classes(self)

    @property
    def over_frames(self):
        """Whether convolutions run over the height and width of frames; otherwise over the steps."""
        return self.kind.in_space and self.order not in ("lstm", "lstm-cnn")

    @property
    def has_cnn(self):
        return self.order != "lstm"

    @property
    def has_lstm(self):
        return self.order not in ("cnn", "convlstm")

    @property
    def answers_each(self):
        """Whether it answers after each frame."""
        return self.kind.in_space and self.answer.each

    @property
    def normalises_batches(self):
        return self.has_cnn and any(row.normalise for row in self.convolutions)

    def idle(self, path):
        """Whether the dial at `path` (or a whole block) changes nothing in this composition."""
        block, _, name = path.partition(".")
        if block in {task.entry for task in TASKS.values()}:
            return block != self.kind.entry
        if block == "convolutions":
            return not self.has_cnn
        if block == "joint":
            return not self.has_cnn or bool(name in ("units", "normalise") and self.joint.kind_of != "dense")
        if block == "lstm":
            return not self.has_lstm and not (self.order == "convlstm" and name in ("", "hands_on"))
        if path == "answer.each":
            return not self.kind.in_space
        return path == "answer.labels" and self.classes != self.answer.classes


OURS = LabState()
TEXTBOOK = OURS.change("convolutions", [(32, 3, 1, 2, "valid"), (64, 3, 1, 2, "valid")]).change("lstm", 128)
TEXTBOOK = TEXTBOOK.change("joint.kind_of", "flatten")
LARGE = TEXTBOOK.change("clip", (8, 128, 0, 3, True)).change("answer", "action")
TEXT = LabState.default("reviews", "lstm-cnn").change("text", ("sentences", 50, 10000, 100))
PRESETS = {
    "ours": OURS,
    "pooled": OURS.change("joint.kind_of", "max"),
    "textbook": TEXTBOOK,
    "textbook, 128 pixels": LARGE,
    "textbook text": TEXT.change("lstm.units", 128).change("answer", Answer()),
    "textbook attention": LARGE.change("clip", (1, 128, 0, 3))
    .change("attention", True)
    .change("lstm.hands_on", "all"),
    "seq2seq": LabState.default("traffic").change("convolutions", [(32, 5, 4)]).change("lstm.units", 37),
    "next frame": LabState.default("moves", "convlstm")
    .change("lstm.hands_on", "all")
    .change("answer.each", True),
}
NEAREST = {  # presets that come only near to what they are called, and where that is built
    "seq2seq": "This is as near as the lab comes to lesson 07: all hours are answered at once, from one "
    "state. There is no second LSTM that starts from the state of the first, and no answer is fed back. "
    "Lesson 07 builds both.",
    "next frame": "This is as near as the lab comes to the next frame of lesson 08: it names a class after "
    "each frame. The next frame would be an image for each step. Lesson 08 builds that.",
}
