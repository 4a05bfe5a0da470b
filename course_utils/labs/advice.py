"""What the lab says of a composition: what does not fit, what is meaningless or costly, and a way out."""

from dataclasses import dataclass, replace
from itertools import pairwise

from course_utils.labs.assembly import survey
from course_utils.labs.blocks import JOINTS, Joint
from course_utils.labs.state import LabState

HUGE = 1_000_000  # weights in one matrix from which the lab warns
LONG = 400  # steps of an LSTM from which the lab warns


@dataclass(frozen=True)
class Note:
    """A sentence about a composition; `fix` is a button's label and `fixed` the state it leads to."""

    level: str
    text: str
    fix: str = ""
    fixed: LabState | None = None


def mend(state):
    """The smallest changes that let a broken composition fit: (what a button says, the state with them)."""
    said = []
    while broken := survey(state).broken:
        if len(said) == 8:
            return "Start from what fits", replace(state.default(state.task, state.order), seed=state.seed)
        said.append(broken.way_out)
        state = replace(broken.mended, budget=state.budget, seed=state.seed)
    return said[0] + f", and {len(said) - 1} more" * (len(said) > 1), state


def advise(state, made):
    """Notes on a composition, the most pressing first."""
    if made.broken:
        words, fixed = mend(state)
        maps = [
            fact for fact in made.facts if fact.part in ("input", "cnn", "convlstm") and len(fact.shape) > 1
        ]
        sides = " → ".join(str(fact.shape[-2]) for fact in maps)
        way = f" The side of the map went {sides}." if "left: it does not fit" in made.broken.reason else ""
        yield Note("broken", f"{made.broken.reason}{way}", words, fixed)
        return
    yield from _attends_to_nothing(state, made)
    worst = max(made.facts, key=lambda fact: fact.largest)
    if state.joint.kind_of in ("max", "average") and state.task == "digits" and state.order == "cnn-lstm":
        words = JOINTS[state.joint.kind_of].capitalize()
        yield Note(
            "warning",
            f"{words} keeps what is in a frame and throws away where it is. "
            "A motion is a change of where: the LSTM cannot get it back.",
            "Flatten + dense 96",
            state.change("joint", Joint()),
        )
    if worst.largest > HUGE:
        yield _huge(state, made, worst)
    yield from _steps_of_lstm(state, made)
    if state.task == "digits" and state.clip.frames == 1 and {"motion", "move"} & set(state.classes):
        words = "One frame is asked how it moves: nothing in it tells."
        yield Note("warning", words, "Read 8 frames", state.change("clip.frames", 8))
    dense = state.joint.kind_of == "dense" and not state.joint.normalise
    if state.task == "digits" and state.order == "cnn-lstm" and dense:
        yield Note(
            "warning",
            "Nothing normalises the joint: the LSTM gets vectors of any size, and hybrids like this one "
            "often fail to learn the motion.",
            "Add LayerNormalization",
            state.change("joint.normalise", True),
        )
    if (
        state.task == "digits"
        and state.order == "cnn"
        and state.clip.frames > 1
        and "motion" in state.classes
    ):
        yield Note(
            "hint",
            "The frames are taken together without their order: shuffle them, and the answer stays. "
            "No order, no motion.",
            "Let an LSTM read them",
            state.turn("order", "cnn-lstm"),
        )
    if state.has_cnn:
        yield from _skipped(state)


def _attends_to_nothing(state, made):
    """Attention over a single step, and why."""
    for before, fact in pairwise(made.facts):
        if fact.part == "attention" and before.shape[0] == 1:
            grid = state.task == "digits" and state.order == "cnn-lstm"
            fixed = state.change("joint.kind_of", "steps") if grid else longer(state)
            yield Note(
                "warning",
                "The sequence has length 1. Softmax over one number is always 1.0: attention weighs nothing, "
                f"and the LSTM reads one step{', which makes it a costly dense layer' * state.has_lstm}.",
                "Keep the grid as steps" if grid else f"Read more {state.step}s",
                fixed,
            )


def longer(state):
    """A state whose input has more than a few steps."""
    path, value = {
        "digits": ("clip.frames", 8),
        "reviews": ("text.tokens", 40),
        "traffic": ("series.days", 7),
    }[state.task]
    return state.change(path, value)


def _steps_of_lstm(state, made):
    """Too few steps for an LSTM, or so many that it takes long."""
    for before, fact in pairwise(made.facts):
        if fact.part != "lstm" or before.part == "lstm" or before.shape[0] is None:
            continue
        if before.shape[0] == 1 and not state.attention:
            fixed = longer(state)
            yield Note(
                "warning",
                "The LSTM reads a sequence of length 1: there is no order to remember.",
                f"Read more {state.step}s",
                fixed if fixed != state else None,
            )
        elif before.shape[0] > LONG:
            yield Note(
                "hint", f"The LSTM reads {before.shape[0]:,} steps, one after the other: training takes long."
            )


def _skipped(state):
    for number, row in enumerate(state.convolutions):
        if row.stride > row.kernel:
            wider = min(k for k in row.dials()["kernel"].choices if k >= row.stride and k % 2)
            better = state.change(f"convolutions.{number}.kernel", wider)
            if not survey(better).broken:
                yield Note(
                    "hint",
                    f"Convolution {number + 1} steps {row.stride} on and looks at {row.kernel}: "
                    "what lies between is never seen.",
                    f"Use a kernel of {wider}",
                    better,
                )


def _huge(state, made, worst):
    """A warning about one huge matrix, with the first change that makes the largest one clearly smaller."""
    share = worst.largest / made.parameters
    before = made.facts[made.facts.index(worst) - 1].shape[-1]
    text = f"One matrix in {worst.title} holds {worst.largest:,} weights, {share:.1%} of the model. "
    if worst.part != "input":
        text = f"{text[:-2]}: {before:,} features come in. "
    for why, label, path, value in _ways_out(state, worst):
        better = state.change(path, value)
        tried = survey(better)
        if not tried.broken and max(fact.largest for fact in tried.facts) < 0.6 * worst.largest:
            return Note("warning", text + why, label, better)
    return Note("warning", text.strip())


def _ways_out(state, worst):
    """Changes that make a network smaller, the gentlest first: (why, label, path, value)."""
    narrower = "Fewer units make it narrower."
    if worst.part == "input":
        yield "Rare words could share one vector.", "A vocabulary of 5,000", "text.words", 5000
        yield "Shorter vectors would do.", "Vectors of 64", "text.embedding", 64
    if worst.part == "lstm" and state.joint.kind_of != "flatten":
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
