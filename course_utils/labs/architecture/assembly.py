"""From stages to code, and from code, line by line, to the Keras model and what is known of every stage."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from course_utils.labs.architecture.blocks import Line, Stage
from course_utils.labs.architecture.stages import BRANCH, CLIPS, FRAME, JOIN, heads, stages
from course_utils.labs.architecture.state import FEATURES, Budget, LabState
from course_utils.labs.core.lock import LOCK


def count(number, noun):
    return f"{number} {noun}{'s' * (number != 1)}"


ENTRIES = {  # task -> the input's name, the block that decides, title, detail, arguments of keras.Input
    "digits": lambda s: ("clip", "clip", "Clip", f"{s.clip.size}×{s.clip.size} px", f"{s.clip.shape}"),
    "reviews": lambda s: (
        "words",
        "text",
        "Review",
        count(s.text.tokens, "word"),
        f'({s.text.tokens},), dtype="int32"',
    ),
    "traffic": lambda s: (
        "hours",
        "series",
        "Hours",
        count(s.series.days, "day"),
        f"({s.steps}, {FEATURES})",
    ),
}


@dataclass(frozen=True)
class Fact:
    """One stage of the built model. `shape` is what it puts out, without the batch; None is any number."""

    path: str
    part: str
    title: str
    detail: str
    shape: tuple
    parameters: int = 0
    multiply_adds: int = 0
    largest: int = 0  # weights in its largest matrix
    window: tuple | None = (1, 1)
    sees: int | None = None  # pixels in height and width that one feature depends on
    sees_steps: int = 1  # frames, words or hours that it depends on
    each: bool = False  # whether it is done for every frame by itself
    up_to: bool = False  # whether each step depends on the steps up to it alone
    branch: int = 0  # 0: the trunk; 1 and 2: side by side


@dataclass(frozen=True)
class Tensor:
    """What a single line of the built model gives. `shape` is without the batch; None is any number."""

    line: Line
    part: str
    shape: tuple
    each: bool = False  # whether it is there for every frame by itself
    branch: int = 0  # 0: the trunk; 1 and 2: side by side


@dataclass(frozen=True)
class Break:
    """The stage that could not be applied, why, and changes that help: (what a button says, the state)."""

    path: str
    title: str
    detail: str
    part: str
    reason: str
    ways: tuple
    layer: str
    each: bool = False
    branch: int = 0


@dataclass(frozen=True)
class Tap:
    """Where a stage can be looked into: its layers, and the symbolic tensors it was given and gives.

    `each` tells that they belong to one frame (from `Assembly.piece` on), not to the whole input.
    """

    fact: Fact
    layers: tuple
    given: object
    gives: object

    @property
    def each(self):
        return self.fact.each


class _Broken(Exception):
    pass


@contextmanager
def _seeded(seed):
    """What `keras.utils.set_random_seed(seed)` means for weights, with nobody else's random numbers touched:
    Keras draws the seeds of initialisers and of dropout from Python's generator.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


class Assembly:
    """Runs the code of a state, line by line: the model, the script, and what is known of each stage.

    Attributes
    ----------
    script : list of (str, tuple or None)
        The lines of the script, and the shape that each gives.
    facts, answers : list of Fact
    tensors : list of Tensor
        One for each layer, answers included.
    taps : list of Tap
        One for each fact but the input.
    piece : KerasTensor or None
        One frame, where every frame is looked at by itself.
    broken : Break or None
    model : keras.Model or None
    """

    def __init__(self, state):
        import keras

        from course_utils.layers import PerFrame

        self.state, self.script, self.facts, self.answers = state, [], [], []
        self.tensors, self.taps, self.piece = [], [], None
        self.broken = self.model = None
        self._names = {"keras": keras, "layers": keras.layers, "PerFrame": PerFrame}
        self._up_to = False
        self._now = self._outer = ""  # the name of what the last line gave; of the clip, within a frame
        self._branch = 0
        self._field = (1 if state.task == "digits" else None, 1, 1, 1)  # sees, jump; steps seen, their jump
        with suppress(_Broken):
            self._assemble()

    def _assemble(self):
        state = self.state
        name, path, title, detail, arguments = ENTRIES[state.task](state)
        layer = f'keras.Input({arguments}, name="{name}")'
        self._say(name, layer, note=True)
        self._tensor(Line(layer), "input", self._shape())
        self._fact(Stage(path, "input", title, detail, ()), self._shape())
        begins, piece = None, "day" if state.task == "traffic" else "frame"
        for stage in stages(state):
            if stage == FRAME:
                if self._now == "x":  # the name is needed within the piece
                    self._say("states", "x")
                self.script += [("", None), (f"# for one {piece}", None)]
                self._outer = self._now
                self.piece = self._say(piece, f"keras.Input({self._shape()[1:]})")
            elif stage == CLIPS:
                self._say(f"per_{piece}", f"keras.Model({piece}, {self._now})", keep=True)
                self.script += [("", None), (f"# the same on every {piece}", None)]
                self._say("x", f"PerFrame(per_{piece})({self._outer})", note=True)
                self._outer = ""
            elif stage == BRANCH:
                if not begins and self._now == "x":
                    self._say("vectors", "x")
                begins = begins or (self._now, self._field)
                if self._branch:
                    self._say("seen", self._now)
                    self.script += [("", None), ("# beside it: the LSTM", None)]
                (self._now, self._field), self._up_to = begins, False
                self._branch += 1
            else:
                if stage is JOIN:
                    self._branch = 0
                    self.script.append(("", None))
                self._apply(stage)
        self._answer(name)

    def _say(self, to, expression, note=False, keep=False):
        """Run a line of the script. `note` writes the shape beside it, `keep` leaves the flow as it was."""
        value = self._names[to] = eval(expression, self._names)  # made by this package from checked dials
        self.script.append((f"{to} = {expression}", tuple(value.shape[1:]) if note else None))
        if not keep:
            self._now = to
        return value

    def _shape(self):
        return tuple(self._names[self._now].shape[1:])

    def _full(self, shape):
        """A shape within a frame, with the frames in front."""
        return (*self._names[self._outer].shape[1:2], *shape) if self._outer else tuple(shape)

    def _apply(self, stage):
        before, parameters, multiply_adds, largest = self._shape(), 0, 0, 0
        given, made = self._names[self._now], []
        for line in stage.lines:
            of = line.of or self._now
            layer = eval(line.layer, self._names)
            made.append(layer)
            try:
                if stage.part == "attention" and len(before) == 1:
                    raise ValueError("a vector has no steps")
                value = layer(eval(of, self._names))
            except ValueError as problem:
                self._break(stage, before, str(problem))
            shape = tuple(value.shape[1:])
            if 0 in shape or shape == (None,):
                self._break(stage, before, "nothing is left")
            self._names[line.to] = value
            self.script.append((f"{line.to} = {line.layer}({of})", shape))
            self._tensor(line, stage.part, self._full(shape))
            matrices = [prod(w.shape) for w in layer.trainable_weights if len(w.shape) > 1]
            parameters += layer.count_params()
            multiply_adds += sum(matrices) * self._times(layer, self._full(shape), before)
            largest = max([largest, *matrices])
            if line.to == "x":
                self._now = "x"
        self._look(stage)
        self._fact(stage, shape, parameters, multiply_adds, largest)
        self.taps.append(Tap(self.facts[-1], tuple(made), given, value))

    def _times(self, layer, after, before):
        """How often the matrices of a layer are applied in one pass. A look-up multiplies nothing."""
        kind = type(layer).__name__
        if kind == "Embedding":
            return 0
        if kind in ("LSTM", "Bidirectional"):
            return before[0] or 1
        if kind.startswith("ConvLSTM"):
            after = (before[0], *(after[1:] if layer.return_sequences else after))
        return prod(size or 1 for size in after[:-1])

    def _look(self, stage):
        """How much of the input one feature now depends on, in space and in steps."""
        sees, jump, steps, step_jump = self._field
        state = self.state
        if stage.along in ("space", "both") and sees:
            if stage.window is None:
                sees = state.clip.size
            else:
                window, stride = stage.window
                sees, jump = sees + (window - 1) * jump, jump * stride
                if stage.along == "both":  # the state is convolved once more at every step
                    sees += (window - 1) * jump * (state.steps - 1)
        if stage.along == "time" and stage.window:
            window, stride = stage.window
            steps, step_jump = steps + (window - 1) * step_jump, step_jump * stride
        elif stage.along in ("time", "both"):
            steps = state.steps
            backwards = stage.part == "lstm" and state.lstm.both
            self._up_to = stage.part in ("lstm", "convlstm") and not backwards
            if sees and state.joint.kind_of == "steps" and stage.along == "time":
                sees = state.clip.size  # the steps are cells of the whole frame
        self._field = (sees and min(sees, state.clip.size), jump, min(steps, state.steps), step_jump)

    def _tensor(self, line, part, shape):
        self.tensors.append(Tensor(line, part, shape, bool(self._outer), self._branch))

    def _fact(self, stage, shape, parameters=0, multiply_adds=0, largest=0):
        up_to = self._up_to and len(self._full(shape)) > 1
        looks = (stage.window, self._field[0], self._field[2], bool(self._outer), up_to, self._branch)
        told = (stage.path, stage.part, stage.title, stage.detail, self._full(shape))
        self.facts.append(Fact(*told, parameters, multiply_adds, largest, *looks))

    def _answer(self, entry):
        shape, state = self._shape(), self.state
        if len(shape) != 1:
            self._break(Stage("answer", "answer", "Answer", "one vector needed", ()), shape, "")
        self.script.append(("", None))
        for name, layer in heads(state).items():
            value = self._say(name, f"{layer}({self._now})", note=True, keep=True)
            self._tensor(Line(layer, to=name), "answer", tuple(value.shape[1:]))
            head = value.shape[-1] * (shape[0] + 1)
            told = (
                "answer",
                "answer",
                name,
                f"{value.shape[-1]} {'hours' if state.task == 'traffic' else 'classes'}",
            )
            looks = (None, *self._field[::2])
            self.answers.append(
                Fact(*told, tuple(value.shape[1:]), head, head - value.shape[-1], head, *looks)
            )
        names = list(state.classes)
        outputs = (
            names[0] if len(names) == 1 else "{" + ", ".join(f'"{name}": {name}' for name in names) + "}"
        )
        self.model = self._names["keras"].Model(self._names[entry], eval(outputs, self._names))
        self.script.append((f"model = keras.Model({entry}, {outputs})", None))

    def _break(self, stage, before, problem):
        reason, *ways = obstacle(self.state, stage, before, problem)
        told = (stage.path, stage.title, stage.detail, stage.part)
        layer = stage.lines[0].layer if stage.lines else next(iter(heads(self.state).values()))
        self.broken = Break(*told, reason, tuple(ways), layer, bool(self._outer), self._branch)
        raise _Broken


def obstacle(state, stage, before, problem):
    """Why a stage cannot be applied to what came before, then changes that help: (words, state)."""
    vector = len(before) == 1
    grid = "grid as " * (state.task == "digits")
    steps = (f"Keep the {grid}steps", state.change("joint.kind_of", "steps"))
    every = ("Hand on all states", state.change("lstm.hands_on", "all"))
    pooled = ("Global max pooling", state.change("joint.kind_of", "max"))
    if stage.axes and stage.path != "order" and not vector:
        number = int(stage.path.partition(".")[2])
        row, names = state.convolutions[number], ("height", "width") if stage.axes == 2 else ("time",)
        sizes = before[-1 - stage.axes : -1]
        if None not in sizes:
            reason, ways = row.obstacle(sizes, stage, names)
            what = "The pooling after convolution" if stage.title == "Max pool" else "Convolution"
            path = f"convolutions.{number}"
            mended = [(f"Use {words} in row {number + 1}", state.change(f"{path}.{name}", value))
                      for name, value, words in ways]  # fmt: skip
            return f"{what} {number + 1}: {reason}", *mended
    if stage.path == "order" and stage.part == "convlstm":
        words = "ConvLSTM: a review has one axis, its words, and a ConvLSTM needs one of space beside it."
        return words, ("Use CNN → LSTM", state.turn("order", "cnn-lstm"))
    if stage.title == "Flatten":
        words = "Flatten: the number of frames is open, and the vector would be of any length."
        return words, ("A fixed number of frames", state.change("clip.any_number", False)), pooled
    if stage.part == "attention" and vector:
        last = state.order not in ("cnn", "lstm-cnn")
        return "Attention: one vector is left, so there are no steps to weigh.", every if last else steps
    if stage.part == "lstm" and vector:
        words = (
            f"The LSTM reads steps, and the joint leaves one vector of {before[0]:,} features: "
            "the time axis is gone."
        )
        return words, steps
    if stage.part == "cnn" and vector:
        return "The convolution runs over the states, and the LSTM hands on its last one only.", every
    if stage.title == "Concatenate":
        return "Side by side, both must give a vector, and one of them gives steps.", pooled
    if stage.part == "answer":
        sizes = "×".join("T" if size is None else f"{size:,}" for size in before)
        return f"One answer is asked for, and {sizes} features arrive: steps, not one vector.", pooled
    sound = state.default(state.task, state.order, state.attention)
    return f"{stage.title}: {problem.splitlines()[0][:200]}", ("Start from what fits", sound)


def build(state):
    """The `Assembly` of a state, with real weights. Raises ValueError where it does not fit, saying why."""
    with LOCK, _seeded(state.seed):
        built = Assembly(state)
    if built.broken:
        raise ValueError(f"This does not fit. {built.broken.reason}")
    return built


def model(state):
    """The Keras model of a state, ready to compile."""
    return build(state).model


# ---------------------------------------------------------------------------------------------------
# What there is to know without a single weight


@dataclass(frozen=True)
class Composition:
    """What there is to know about a state, read off the real Keras model."""

    state: LabState
    facts: tuple
    answers: tuple
    tensors: tuple
    broken: Break | None
    script: tuple

    @property
    def all(self):
        return self.facts + self.answers

    @property
    def parameters(self):
        return sum(fact.parameters for fact in self.all)

    @property
    def multiply_adds(self):
        return sum(fact.multiply_adds for fact in self.all)


def survey(state):
    """The `Composition` of a state, without notes. Its budget and seed make no difference."""
    return _survey(replace(state, budget=Budget(), seed=0))


def dialled(state):
    """A state that takes any number of frames, with the number that is dialled; others as they are."""
    return state.change("clip.any_number", False)


@lru_cache(maxsize=512)
def _survey(state):
    """Facts only. Under a StatelessScope no weight is allocated, so 100 million of them cost nothing; the
    thread ends with whatever Keras noted down for them. It cannot take the lock, which its caller may hold.
    """

    def build(state):
        import keras

        with _seeded(state.seed), keras.StatelessScope(initialize_variables=False):
            built = Assembly(state)
        told = (built.facts, built.answers, built.tensors)
        return Composition(state, *map(tuple, told), built.broken, tuple(built.script))

    with LOCK, ThreadPoolExecutor(1) as worker:
        made = worker.submit(build, state).result()
    if not state.clip.any_number:
        return made
    counted = survey(dialled(state))  # costs are those of the frames that are dialled
    if counted.broken:  # longer clips would fit
        return made
    facts = (replace(count, shape=fact.shape) for fact, count in zip(made.facts, counted.facts, strict=False))
    return replace(made, facts=tuple(facts))
