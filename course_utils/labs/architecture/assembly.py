"""From stages to code, and from code, line by line, to the Keras model and what is known of every stage."""

import random
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

import course_utils.labs.architecture.blocks as blocks
from course_utils.labs.core.lock import LOCK


@dataclass(frozen=True)
class Fact(blocks.Stage):
    """One stage of the built model; its `lines` know the shapes that they give.

    `shape` is what it puts out, without the batch; None is any number. A stage that could not be applied has
    a `reason`, and `ways` are changes that help: (what a button says, the state). A model that can be looked
    into has the Keras `layers`, and the symbolic tensors that they were `given` and that they give; where
    `each` is true, these belong to one frame (from `Composition.piece` on).
    """

    shape: tuple = ()
    parameters: int = 0
    untrained: int = 0  # of these: moving averages of batch normalisation
    multiply_adds: int = 0
    largest: int = 0  # weights in its largest matrix
    sees: tuple | None = None  # pixels in height and in width that one feature depends on
    sees_steps: int = 1  # frames, words or hours that it depends on
    each: bool = False  # whether it is done for every frame by itself
    up_to: bool = False  # whether each step depends on the steps up to it alone
    branch: int = 0  # 0: the trunk; 1 and 2: side by side
    reason: str = ""
    ways: tuple = ()
    layers: tuple = ()
    given: object = None
    gives: object = None


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


def _sum_of(cost):
    return property(lambda self: sum(getattr(fact, cost) for fact in self.all))


class Composition:
    """What there is to know of a state: its code is run, line by line.

    Attributes
    ----------
    script : list of (str, tuple or None)
        The lines of the script, and the shape that each gives.
    facts, answers : list of Fact
    broken : Fact or None
        The stage that could not be applied.
    model : keras.Model or None
    piece : KerasTensor or None
        One frame, where every frame is looked at by itself.
    """

    def __init__(self, state, per_frame=None):
        import keras

        from course_utils.layers import PerFrame

        self.state, self.script, self.facts, self.answers = state, [], [], []
        self.broken = self.model = self.piece = None
        self._names = {"keras": keras, "layers": keras.layers, "PerFrame": per_frame or PerFrame}
        self._sources = {}  # name -> the number of the line of `lines` whose tensor it stands for
        self._up_to = False
        self._now = self._outer = ""  # the name of what the last line gave; of the clip, within a frame
        self._branch = 0
        self._field = ((1, 1) if state.kind.in_space else None, 1, 1, 1)  # sees, jump; steps seen, their jump
        with suppress(_Broken):
            self._assemble()

    @property
    def all(self):
        return [*self.facts, *self.answers]

    @property
    def lines(self):
        """The lines that make a layer, each with the fact that it belongs to."""
        return [(line, fact) for fact in self.all for line in fact.lines]

    parameters, untrained, multiply_adds = map(_sum_of, ("parameters", "untrained", "multiply_adds"))

    def _assemble(self):
        kind, entry = self.state.kind, self.state.entry
        layer = f'keras.Input({entry.arguments}, name="{kind.input}")'
        self._say(kind.input, layer, note=True)
        shape, self._sources[kind.input] = self._shape(), 0
        line = blocks.Line(layer, kind="Input", shape=shape)
        stage = blocks.Stage(kind.entry, "input", kind.heading, entry.detail, (line,))
        self.facts.append(self._fact(stage, shape))
        begins, piece = None, kind.piece
        for stage in blocks.stages(self.state):
            if stage == blocks.FRAME:
                if self._now == "x":  # the name is needed within the piece
                    self._say("states", "x")
                self.script += [("", None), (f"# for one {piece}", None)]
                self._outer = self._now
                self.piece = self._say(piece, f"keras.Input({self._shape()[1:]})")
            elif stage == blocks.CLIPS:
                self._say(f"per_{piece}", f"keras.Model({piece}, {self._now})", keep=True)
                self.script += [("", None), (f"# the same on every {piece}", None)]
                self._say("x", f"PerFrame(per_{piece})({self._outer})", note=True)
                self._outer = ""
            elif stage == blocks.BRANCH:
                if not begins and self._now == "x":
                    self._say("vectors", "x")
                begins = begins or (self._now, self._field)
                if self._branch:
                    self._say("seen", self._now)
                    self.script += [("", None), ("# beside it: the LSTM", None)]
                (self._now, self._field), self._up_to = begins, False
                self._branch += 1
            else:
                if stage is blocks.JOIN:
                    self._branch = 0
                    self.script.append(("", None))
                self._apply(stage, self.facts)
        self._answer()

    def _say(self, to, expression, note=False, keep=False):
        """Run a line of the script. `note` writes the shape beside it, `keep` leaves the flow as it was."""
        value = self._names[to] = eval(expression, self._names)  # made by this package from checked dials
        self.script.append((f"{to} = {expression}", tuple(value.shape[1:]) if note else None))
        self._sources[to] = self._sources.get(expression, self._sources.get(self._now))
        if not keep:
            self._now = to
        return value

    def _shape(self):
        return tuple(self._names[self._now].shape[1:])

    def _full(self, shape):
        """A shape within a frame, with the frames in front."""
        return (*self._names[self._outer].shape[1:2], *shape) if self._outer else tuple(shape)

    def _apply(self, stage, facts):
        before, given = self._shape(), self._names[self._now]
        layers, lines, multiply_adds, largest = [], [], 0, 0
        number = len(self.lines)
        column = prod(before[-3::2]) if stage.along == "columns" else 0  # height × channels
        for line in stage.lines:
            of, call = line.of or (self._now,), line.layer.format(column=column)
            layer = eval(call, self._names)
            try:
                if stage.part == "attention" and len(before) == 1:
                    raise ValueError("a vector has no steps")
                values = [self._names[name] for name in of]
                value = layer(values if len(of) > 1 else values[0])
            except ValueError as problem:
                self._break(stage, before, str(problem))
            shape = tuple(value.shape[1:])
            if 0 in shape or shape == (None,):
                self._break(stage, before, "nothing is left")
            words = f"[{', '.join(of)}]" if len(of) > 1 else of[0]
            self.script.append((f"{line.to} = {call}({words})", shape))
            layers.append(layer)
            known = {"layer": call, "kind": type(layer).__name__, "shortens": stage.shortens and not lines}
            known |= {"shape": self._full(shape), "given": tuple(self._sources[name] for name in of)}
            lines.append(replace(line, **known))
            self._names[line.to], self._sources[line.to] = value, number + len(lines) - 1
            matrices = [prod(w.shape) for w in layer.trainable_weights if len(w.shape) > 1]
            multiply_adds += sum(matrices) * self._times(layer, self._full(shape), before)
            largest = max([largest, *matrices])
            if line.to == "x":
                self._now = "x"
        self._look(stage)
        weights = [w for layer in layers for w in layer.weights]
        costs = {"parameters": sum(prod(w.shape) for w in weights), "multiply_adds": multiply_adds}
        costs |= {"untrained": sum(prod(w.shape) for w in weights if not w.trainable), "largest": largest}
        kept = {"layers": tuple(layers), "given": given, "gives": value}
        facts.append(self._fact(replace(stage, lines=tuple(lines)), shape, **costs, **kept))

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
        state, (size, stride) = self.state, stage.window or (1, 1)
        if stage.along in ("space", "both") and sees:
            more, jump = (size - 1) * jump, jump * stride
            if stage.along == "both":  # the state is convolved once more at every step
                more += (size - 1) * jump * (state.steps - 1)
            sides = state.entry.sides
            sees = tuple(min(seen + more, side) for seen, side in zip(sees, sides)) if stage.window else sides
        if stage.along == "columns":
            sees = state.entry.sides[0], sees[1]
        elif stage.along == "time" and stage.window:
            steps, step_jump = steps + (size - 1) * step_jump, step_jump * stride
        elif stage.along in ("time", "both"):
            steps = state.steps
            backwards = stage.part == "lstm" and state.lstm.both
            self._up_to = stage.part in ("lstm", "convlstm") and not backwards
            if sees and state.joint.kind_of in blocks.STEPWISE and stage.along == "time":
                sees = state.entry.sides  # the steps are all cells or columns of a frame
        self._field = (sees, jump, min(steps, state.steps), step_jump)

    def _fact(self, stage, shape, **known):
        shape, (sees, _, sees_steps, _) = self._full(shape), self._field
        known |= {"each": bool(self._outer), "up_to": self._up_to and len(shape) > 1, "branch": self._branch}
        return Fact(**vars(stage), shape=shape, sees=sees, sees_steps=sees_steps, **known)

    def _answer(self):
        shape, state = self._shape(), self.state
        before = state.entry.shape[:1] if state.answers_each else ()  # the axes in front of the classes
        kept = state.over_frames and state.joint.kind_of in blocks.STEPWISE
        no_frames = before == (None,) and (kept or any(line.shortens for line, _ in self.lines))
        if before and state.order == "convlstm" and state.lstm.hands_on == "last":
            no_frames = True  # cells of the last map, be they as many as there are frames
        if shape[:-1] != before or no_frames:
            needed, head = "a step per frame" if before else "one vector", next(blocks.heads(state))
            self._break(replace(head, title="Answer", detail=f"{needed} needed"), shape, "")
        self.script.append(("", None))
        for head in blocks.heads(state):
            self._apply(head, self.answers)
        first, *more = state.classes
        pairs = ", ".join(f'"{name}": {name}' for name in state.classes)
        outputs = f"{{{pairs}}}" if more else first
        call = f"keras.Model({state.kind.input}, {outputs})"
        self.model = eval(call, self._names)
        self.script.append((f"model = {call}", None))

    def _break(self, stage, before, problem):
        reason, *ways = obstacle(self.state, stage, before, problem)
        where = {"each": bool(self._outer), "branch": self._branch}
        self.broken = Fact(**vars(stage), reason=reason, ways=tuple(ways), **where)
        raise _Broken


def obstacle(state, stage, before, problem):
    """Why a stage cannot be applied to what came before, then changes that help: (words, state)."""
    vector, sizes = len(before) == 1, before[-1 - stage.axes : -1]
    grid = "grid as " * state.kind.in_space
    steps = (f"Keep the {grid}steps", state.change("joint.kind_of", "steps"))
    every = ("Return all states", state.change("lstm.hands_on", "all"))
    pooled = ("Global max pooling", state.change("joint.kind_of", "max"))
    if stage.axes and stage.path != "order" and not vector and None not in sizes:
        return _too_large(state, stage, sizes)
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
        words = f"The LSTM reads steps, and the joint leaves one vector of {before[0]:,} features: "
        return words + "the time axis is gone.", steps
    if stage.part == "cnn" and vector:
        return "The convolution runs over the states, and the LSTM returns its last one only.", every
    if state.answers_each and (stage.title == "Concatenate" or stage.part == "answer"):
        return _not_each(state, before, every, steps)
    if stage.title == "Concatenate":
        return "Side by side, both must give a vector, and one of them gives steps.", pooled
    if stage.part == "answer":
        sizes = "×".join("T" if size is None else f"{size:,}" for size in before)
        return f"One answer is asked for, and {sizes} features arrive: steps, not one vector.", pooled
    sound = state.default(state.task, state.order, state.attention)
    return f"{stage.title}: {problem.splitlines()[0][:200]}", ("Start from what fits", sound)


def _too_large(state, stage, sizes):
    """Why a window does not fit on maps of these sizes, then changes that help."""
    path, pools = stage.path, stage.title == "Max pool"
    row, number = state.get(path), int(path.partition(".")[2]) + 1
    name, what, where = "kernel", "kernel", "Convolution"
    if pools:
        name, what, where = "pool", "pooling", "The pooling after convolution"
    window, side = getattr(row, name), max(min(sizes), 1)
    names = ("height", "width") if stage.axes == 2 else ("time",)
    tight = " and ".join(axis for axis, size in zip(names, sizes, strict=True) if size < window)
    wanted, left = (" × ".join(map(str, each)) for each in ([window] * len(sizes), sizes))
    left += " is left" if set(sizes) == {1} else " are left"
    yield f"{where} {number}: the {what} needs {wanted}, and only {left}: it does not fit in {tight}."
    if not pools and row.padding == "valid":
        yield f"Use same padding in row {number}", state.change(f"{path}.padding", "same")
    for size in reversed(row.dials()[name].choices):
        if size <= side and (pools or size % 2 or side < 3):
            words = "no pooling" if pools and size == 1 else f"a {what} of {size}"
            yield f"Use {words} in row {number}", state.change(f"{path}.{name}", size)


def _not_each(state, before, every, steps):
    """Why there is no step for each frame, which is to be answered, then changes that help."""
    given = "another number of steps" if before[0] is None else blocks.count(before[0], "step")
    given = "one vector" if len(before) == 1 else given
    words = f"An answer is asked for after each frame (here {state.steps}), and it is given {given}."
    if state.order == "convlstm" and state.lstm.hands_on == "last":
        words = "An answer is asked for after each frame, and the ConvLSTM returns its last state only."
    elif state.order == "parallel":
        words = "Side by side, and asked after each frame, both must give a vector for each frame."
    ways = [("No attention", state.change("attention", False))]
    if state.order == "lstm-cnn":
        same = tuple(replace(row, stride=1, pool=1, padding="same") for row in state.convolutions)
        ways += [steps, ("Keep the number of steps", state.change("convolutions", same))]
    else:
        dense = ("Flatten + dense 96", state.change("joint", blocks.Joint()))
        ways += [dense] * (state.joint.kind_of in blocks.STEPWISE) + [every]
    ways = [way for way in ways if way[1] != state]
    return words, *ways, ("Answer once", state.change("answer.each", False))


def build(state):
    """The `Composition` of a state, with real weights. Where it does not fit, a ValueError says why."""
    with LOCK, _seeded(state.seed):
        built = Composition(state)
    if built.broken:
        raise ValueError(f"This does not fit. {built.broken.reason}")
    return built


def model(state):
    """The Keras model of a state, ready to compile."""
    return build(state).model


# ------------------------------------------------------ What there is to know without a single weight


def compose(state):
    """The `Composition` of a state, without its model. Budget and seed make no difference."""
    return _compose(replace(state, budget=blocks.Budget(), seed=0))


def dialled(state):
    """A state that takes any number of frames, with the number that is dialled; others as they are."""
    return state.change("clip.any_number", False)


def _untraced(network):
    """`PerFrame` over a model, which knows the shapes that it gives: nothing has to be traced for them."""
    import keras

    from course_utils.layers import PerFrame

    def gives(clips, **_):
        return keras.KerasTensor((*clips.shape[:2], *network.output.shape[1:]), network.output.dtype)

    layer = PerFrame(network)
    layer.compute_output_spec = gives
    return layer


@lru_cache(maxsize=512)
def _compose(state):
    """Facts only. Under a StatelessScope no weight is allocated, so 100 million of them cost nothing; the
    thread ends with whatever Keras noted down for them. It cannot take the lock, which its caller may hold.
    """

    def work():
        import keras

        with _seeded(state.seed), keras.StatelessScope(initialize_variables=False):
            composition = Composition(state, _untraced)
        composition.model = composition.piece = composition._names = None
        return composition

    with LOCK, ThreadPoolExecutor(1) as worker:
        composition = worker.submit(work).result()
    counted = compose(dialled(state)) if state.clip.any_number else composition
    if counted.broken:  # longer clips would fit
        counted = composition
    nothing = {"layers": (), "given": None, "gives": None}
    for facts, costs in ((composition.facts, counted.facts), (composition.answers, counted.answers)):
        pairs = zip(facts, costs, strict=False)  # costs are those of the frames that are dialled
        facts[:] = [replace(cost, shape=fact.shape, lines=fact.lines, **nothing) for fact, cost in pairs]
    return composition


# -------------------------------------------- Its code, its names, and how wide it is at another size

PER_FRAME = "from course_utils.layers import PerFrame  # TimeDistributed, with time folded into the batch"
WIDE = 100  # characters of a line of code with its shape beside it


def code(state):
    """The script that builds a state's model: run in a fresh cell it gives the same layers and weights."""
    script = compose(state).script
    folded = any("PerFrame" in text for text, _ in script)
    lines = ["import keras", "from keras import layers", *["", PER_FRAME] * folded]
    lines += ["", f"keras.utils.set_random_seed({state.seed})", ""]
    edge = max((len(text) for text, shape in script if shape and len(text) < WIDE - 24), default=0)
    for text, shape in script:
        sizes = ", ".join("time" if size is None else str(size) for size in shape or ())
        lines.append(f"{text:<{edge}}  # (batch, {sizes})" if shape else text)
    return "\n".join(lines) + "\n"


def summary(composition):
    """One sentence about a composition that fits."""
    state, last = composition.state, composition.facts[-1]
    steps = blocks.count(state.steps, state.kind.step)
    maps = [fact for fact in composition.facts if fact.part in ("cnn", "convlstm")]
    seen, answer = "", "Each" if state.answers_each else "The"
    if maps and state.over_frames:
        of = blocks.times(state.entry.sides)
        seen = f"A feature of the last maps sees up to {blocks.times(maps[-1].sees)} of {of} pixels. "
    elif maps and maps[-1].sees_steps < state.steps:
        seen = f"A feature of the last maps sees up to {maps[-1].sees_steps} of {steps}. "
    if state.answers_each and last.up_to and state.order != "lstm-cnn":  # its convolution looks ahead
        return f"{seen}Each answer has seen the frames up to its own."
    most = "up to " if state.answers_each else ""
    return f"{seen}{answer} answer has seen {most}{last.sees_steps} of {steps}."


def short_name(state):
    """A name for a composition, short enough for a table."""
    joint, kind = blocks.JOINTS[state.joint.kind_of], "ConvLSTM" if state.order == "convlstm" else "conv"
    if state.joint.kind_of == "dense":
        joint = f"dense {state.joint.units}" + " (no norm)" * (not state.joint.normalise)
    cnn = [f"{len(state.convolutions)} {kind}" + " (batch norm)" * state.normalises_batches]
    cnn += [joint] * (state.joint.kind_of != "steps")
    deep = f" ×{state.lstm.layers}" if state.lstm.layers > 1 else ""
    lstm = [f"{'Bi' * state.lstm.both}LSTM {state.lstm.units}{deep}"]
    ordered = {"cnn": cnn, "convlstm": cnn, "lstm": lstm, "lstm-cnn": lstm + cnn}.get(state.order, cnn + lstm)
    ordered += ["attention"] * state.attention + ["an answer per frame"] * state.answers_each
    words = ", ".join(ordered)
    return f"side by side: {words}" if state.order == "parallel" else words


def match(state, parameters):
    """Scale the width of a composition until it has about so many parameters: (the state, its parameters).

    The LSTM's units are scaled where there is an LSTM, else those of the dense joint, else the filters.
    """

    def scaled(size):
        if state.has_lstm:
            return state.change("lstm.units", size)
        if state.joint.kind_of == "dense":
            return state.change("joint.units", size)
        widths = blocks.Convolution.dials()["filters"].choices
        rows = state.convolutions
        most = max(row.filters for row in rows)
        wide = [min(widths, key=lambda w: abs(w - row.filters * size / most)) for row in rows]
        return state.change("convolutions", [replace(row, filters=w) for row, w in zip(rows, wide)])

    def size_of(size):
        return compose(scaled(size)).parameters

    nearest = bisect_left(range(513), parameters, 1, 512, key=size_of)  # parameters grow with the size
    best = min({max(nearest - 1, 1), nearest}, key=lambda size: abs(size_of(size) - parameters))
    return scaled(best), size_of(best)
