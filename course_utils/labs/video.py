"""From a state to a model, to what there is to know about it, and to advice. No widgets here."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

from course_utils.labs.base import State, dial, rows
from course_utils.labs.blocks import JOINTS, Answer, Budget, Clip, Convolution, Joint, Memory, Seeds

HUGE = 1_000_000  # weights in one matrix from which the lab warns


@dataclass(frozen=True)
class VideoState(State):
    """A CNN -> LSTM video classifier: clip, convolutions, joint, LSTM, answer; a budget and the seed."""

    clip: Clip = field(default=Clip())
    convolutions: tuple = rows(
        (Convolution(16, 5, 2), Convolution(32, 3, 2), Convolution(32, 3)), Convolution, 4
    )
    joint: Joint = field(default=Joint())
    lstm: Memory = field(default=Memory())
    answer: Answer = field(default=Answer())
    budget: Budget = field(default=Budget())
    seed: int = dial(0, "Seed", range(1000))

    version = "video1"

    def blocks(self):
        """(path, block) in the order in which a clip passes them."""
        for number, row in enumerate(self.convolutions):
            yield f"convolutions.{number}", row
        yield "joint", self.joint
        yield "lstm", self.lstm


OURS = VideoState()
TEXTBOOK = VideoState(
    convolutions=(Convolution(32, 3, 1, 2, "valid"), Convolution(64, 3, 1, 2, "valid")),
    joint=Joint("flatten"),
    lstm=Memory(128),
)
POOLED = OURS.change("joint.kind_of", "max")
PRESETS = {"ours": OURS, "textbook": TEXTBOOK, "pooled": POOLED}


# ---------------------------------------------------------------------------------------------------
# State -> model


@dataclass(frozen=True)
class Fact:
    """One stage of the built model. `shape` is what it puts out, time first, without the batch."""

    path: str
    kind: str
    title: str
    detail: str
    shape: tuple
    parameters: int = 0
    multiply_adds: int = 0
    largest: int = 0  # weights in its largest matrix
    window: tuple | None = (1, 1)
    sees: int = 1  # pixels in height and width that one feature depends on
    sees_frames: int = 1


@dataclass(frozen=True)
class Break:
    """The stage that could not be applied, and why."""

    path: str
    title: str
    detail: str
    reason: str
    repairs: tuple = ()


@dataclass
class Build:
    """What came of a state: the facts in order, and either the model or the break."""

    facts: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    broken: Break | None = None
    model: object = None


class _Broken(Exception):
    pass


def assemble(state):
    """Build the Keras model of a state, as far as it goes.

    The frame network stands in a `PerFrame`, so the model is the one lesson 04 writes out. Its initialisers
    take their seeds from `state.seed` alone.
    """
    import keras

    from course_utils.layers import PerFrame

    seeds, built = Seeds(state.seed), Build()
    frames, size, _, channels = state.clip.shape
    built.facts.append(Fact("clip", "other", "Clip", f"{size}×{size} px", state.clip.shape))
    sees = jump = 1

    def apply(path, block, stage, x, times, prefix):
        nonlocal sees, jump
        if stage.window is None:
            sees = size
        else:
            window, stride = stage.window
            sees, jump = sees + (window - 1) * jump, jump * stride
        parameters = multiply_adds = largest = 0
        for layer in stage.layers:
            before = tuple(x.shape[1:])
            try:
                x = layer(x)
                fits = 0 not in x.shape[1:]
            except ValueError:
                fits = False
            if not fits:
                reason = block.obstacle(before, stage)
                broken = Break(path, stage.title, stage.detail, reason, tuple(block.repairs(before, stage)))
                built.broken = broken
                raise _Broken
            matrices = [prod(w.shape) for w in layer.trainable_weights if len(w.shape) > 1]
            parameters += layer.count_params()
            multiply_adds += sum(matrices) * times * prod(x.shape[1:-1] if times == frames and prefix else ())
            largest = max([largest, *matrices])
        built.facts.append(
            Fact(
                path,
                block.kind,
                stage.title,
                stage.detail,
                (*prefix, *x.shape[1:]),
                parameters,
                multiply_adds,
                largest,
                stage.window,
                min(sees, size),
                1 if prefix else frames,
            )
        )
        return x

    try:
        x = frame = keras.Input((size, size, channels))
        for path, block in state.blocks():
            if block is state.lstm:
                break
            for stage in block.stages(seeds):
                x = apply(path, block, stage, x, frames, (frames,))
        clips = keras.Input(state.clip.shape, name="clip")
        x = PerFrame(keras.Model(frame, x, name="frame_cnn"), name="per_frame")(clips)
        for stage in state.lstm.stages(seeds):
            x = apply("lstm", state.lstm, stage, x, frames, ())
    except _Broken:
        return built
    outputs = {}
    for label, head in state.answer.heads(seeds).items():
        outputs[label] = head(x)
        weights = head.count_params()
        count = outputs[label].shape[-1]
        built.answers.append(
            Fact(
                "answer",
                "other",
                label,
                f"{count} classes",
                tuple(outputs[label].shape[1:]),
                weights,
                prod(head.kernel.shape),
                prod(head.kernel.shape),
                None,
                size,
                frames,
            )
        )
    built.model = keras.Model(clips, outputs)
    return built


def model(state):
    """The Keras model of a state, ready to compile. Raises ValueError where it does not fit, saying why."""
    built = assemble(state)
    if built.broken:
        raise ValueError(f"{place(built.broken)}: {built.broken.reason}")
    return built.model


# ---------------------------------------------------------------------------------------------------
# State -> what there is to know


@dataclass(frozen=True)
class Note:
    """A sentence about a composition; `fix` is a button's label and `fixed` the state it leads to."""

    level: str
    text: str
    fix: str = ""
    fixed: VideoState | None = None


@dataclass(frozen=True)
class Composition:
    """What there is to know about a state, read off the real Keras model."""

    state: VideoState
    facts: tuple
    answers: tuple
    broken: Break | None
    notes: tuple = ()

    @property
    def all(self):
        return self.facts + self.answers

    @property
    def parameters(self):
        return sum(fact.parameters for fact in self.all)

    @property
    def multiply_adds(self):
        return sum(fact.multiply_adds for fact in self.all)


def compose(state):
    """Build a state's model symbolically; read off shapes, parameters, multiply-adds and receptive field."""
    return _compose(state.change("budget", Budget()).change("seed", 0), state)


def _compose(key, state):
    bare = _bare(key)
    return Composition(state, bare.facts, bare.answers, bare.broken, tuple(advise(state, bare)))


@lru_cache(maxsize=512)
def _bare(state):
    """Facts only. Under a StatelessScope no weight is allocated, so 100 million of them cost nothing; the
    thread ends with whatever Keras noted down for them.
    """

    def build():
        import keras

        with keras.StatelessScope(initialize_variables=False):
            built = assemble(state)
        return Composition(state, tuple(built.facts), tuple(built.answers), built.broken)

    with ThreadPoolExecutor(1) as worker:
        return worker.submit(build).result()


def place(broken):
    number = broken.path.partition(".")[2]
    what = "The pooling after convolution" if broken.title == "Max pool" else "Convolution"
    return f"{what} {int(number) + 1}"


def summary(made):
    """One sentence about a composition that fits."""
    maps = [fact for fact in made.facts if len(fact.shape) == 4]
    size, frames = made.state.clip.size, made.state.clip.frames
    sees = f"{maps[-1].sees}×{maps[-1].sees}"
    return (
        f"A feature of the last maps sees {sees} of {size}×{size} pixels of one frame; "
        f"the answer has seen all {frames} frames."
    )


def short_name(state):
    """A name for a composition, short enough for a table."""
    count, joint = len(state.convolutions), state.joint
    middle = (
        f"dense {joint.units}{'' if joint.normalise else ' (no norm)'}"
        if joint.kind_of == "dense"
        else JOINTS[joint.kind_of]
    )
    memory = f"{'Bi' if state.lstm.both else ''}LSTM {state.lstm.units}"
    return f"{count} conv, {middle}, {memory}" + (f" ×{state.lstm.layers}" if state.lstm.layers > 1 else "")


def mend(state):
    """The smallest changes that let a broken composition fit: (what they are, the state with them)."""
    done = []
    while broken := _bare(state).broken:
        name, value, words = broken.repairs[0]
        state = state.change(f"{broken.path}.{name}", value)
        done.append(f"{words} in row {int(broken.path.rpartition('.')[2]) + 1}")
    return ", ".join(done), state


def advise(state, made):
    """Notes on a composition, the most pressing first."""
    if made.broken:
        words, fixed = mend(state)
        sides = " → ".join(str(fact.shape[1]) for fact in made.facts)
        yield Note(
            "broken",
            f"{place(made.broken)}: {made.broken.reason} The side of a map went {sides}.",
            f"Use {words}",
            fixed,
        )
        return
    joint = state.joint
    if joint.kind_of in ("max", "average"):
        dense = state.change("joint", Joint())
        yield Note(
            "warning",
            f"{JOINTS[joint.kind_of].capitalize()} keeps what is in a frame and throws away where it is. "
            "A motion is a change of where: the LSTM cannot get it back.",
            "Flatten + dense 96",
            dense,
        )
    worst = max(made.facts, key=lambda fact: fact.largest)
    if worst.largest > HUGE:
        yield _huge(state, made, worst)
    if joint.kind_of == "dense" and not joint.normalise:
        yield Note(
            "warning",
            "Nothing normalises the joint: the LSTM gets vectors of any size, and hybrids like this one "
            "often fail to learn the motion.",
            "Add LayerNormalization",
            state.change("joint.normalise", True),
        )
    if state.clip.frames == 1:
        yield Note(
            "warning",
            "One frame is a sequence of length 1: there is no order for the LSTM to remember.",
            "Use 8 frames",
            state.change("clip.frames", 8),
        )
    for number, row in enumerate(state.convolutions):
        if row.stride > row.kernel:
            wider = min(k for k in row.dials()["kernel"].choices if k >= row.stride and k % 2)
            better = state.change(f"convolutions.{number}.kernel", wider)
            if not _bare(better).broken:
                yield Note(
                    "hint",
                    f"Convolution {number + 1} steps {row.stride} pixels and looks at {row.kernel}: "
                    "the pixels between are never seen.",
                    f"Use a {wider}×{wider} kernel",
                    better,
                )


def _huge(state, made, worst):
    """A warning about one huge matrix, with the first change that makes the largest one clearly smaller."""
    share = worst.largest / made.parameters
    facts = made.facts
    before = facts[facts.index(worst) - 1].shape[-1]
    text = (
        f"One matrix in {worst.title} holds {worst.largest:,} weights, {share:.1%} of the model: "
        f"{before:,} features come in. "
    )
    for why, label, path, value in _ways_out(state, worst):
        better = state.change(path, value)
        tried = _bare(better)
        if not tried.broken and max(fact.largest for fact in tried.facts) < 0.6 * worst.largest:
            return Note("warning", text + why, label, better)
    return Note("warning", text.strip())


def _ways_out(state, worst):
    """Changes that make a network smaller, the gentlest first: (why, label, path, value)."""
    narrower = "Fewer units make it narrower."
    if worst.kind == "lstm" and state.joint.kind_of != "flatten":
        yield narrower, "LSTM of 96 units", "lstm.units", 96
    if state.joint.kind_of == "flatten":
        why = "A dense layer of 96 at the joint makes the vector short before the LSTM sees it."
        yield why, "Flatten + dense 96", "joint", Joint()
    for stride in (2, 3, 4):
        for number, row in enumerate(state.convolutions):
            if row.stride < stride:
                label = f"Stride {stride} in convolution {number + 1}"
                yield (
                    "A longer stride leaves fewer positions.",
                    label,
                    f"convolutions.{number}.stride",
                    stride,
                )
    if state.joint.kind_of == "dense" and state.joint.units > 64:
        yield narrower, "Dense of 64 units", "joint.units", 64
