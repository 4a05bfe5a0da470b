"""What the lab says of a composition: what does not fit, what is meaningless or costly, and a way out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, islice, pairwise, product
from math import ceil, log2, prod

from course_utils.labs.architecture import memory
from course_utils.labs.architecture.assembly import compose, dialled
from course_utils.labs.architecture.blocks import JOINTS, KERNELS, WIDTHS, Joint, count, times
from course_utils.labs.architecture.state import NEAREST
from course_utils.labs.core.notes import Note

HUGE = 1_000_000  # weights in one matrix from which the lab warns
MOMENTUM = 0.99  # of BatchNormalization
LONG = 400  # steps of an LSTM from which the lab warns
MOVING = {"motion", "move"}  # labels of which no single frame tells
TRIED = 6  # ways to fix what does not fit that are looked at, before the first one is taken
GRAVE = ("broken", "stuck", "warning")  # levels of what a fix must not bring about


@dataclass(frozen=True)
class Fault:
    """What is wrong with a composition. `topic` is the kind of fault; `ways` are changes that help, the
    gentlest first: (what a button says, the state) and perhaps a sentence why.
    """

    topic: str
    level: str
    text: str
    ways: Iterable = ()
    lessened: bool = False  # whether the ways may leave some of it


def advise(state):
    """Notes on a composition: what its preset stands for, then the most pressing first."""
    composition = compose(state)
    if state.preset in NEAREST:
        yield Note("hint", NEAREST[state.preset])
    if composition.broken:
        reason = composition.broken.reason + _way_there(composition)
        yield noted(state, Fault("broken", "broken", reason, _fitting(state)))
    else:
        yield from (noted(state, fault) for fault in faults(state))


def noted(state, fault):
    """A fault as a note, with the first change that fixes it and brings no other grave one; if each brings
    one, with the first that fixes it.
    """
    known, best = topics(state), None
    for words, better, *why in fault.ways:
        found = topics(better)
        if "broken" in found or (fault.topic in found and not fault.lessened):
            continue
        best = best or (words, better, why)
        if found <= known:
            best = words, better, why
            break
    words, better, why = best or ("", None, ())
    return Note(fault.level, " ".join([fault.text, *why]), words, better)


def topics(state):
    """What is gravely wrong with a state, as a set of topics."""
    return {fault.topic for fault in (*faults(state), *obstacles(state)) if fault.level in GRAVE}


def _fitting(state):
    """The smallest changes that let a broken composition fit: (what a button says, the state with them)."""
    fixed = None
    for words, fixed in islice(repairs(state), TRIED):
        yield words[0] + f", and {len(words) - 1} more" * (len(words) > 1), fixed
    if not fixed:
        yield "Start from what fits", _usual(state, attention=False)


def _usual(state, attention=None):
    usual = state.default(state.task, state.order, state.attention if attention is None else attention)
    return replace(usual, seed=state.seed, budget=state.budget)


def repairs(state, deep=8):
    """Every way to let a broken composition fit: (what is changed, the state), the gentlest first."""
    broken = compose(state).broken
    if not broken:
        yield [], state
    elif deep:
        for words, better in broken.ways:
            for more, fixed in repairs(replace(better, budget=state.budget, seed=state.seed), deep - 1):
                yield [words, *more], fixed


def _way_there(composition):
    """How large the maps were, before there was too little left for a window."""
    if "left: it does not fit" not in composition.broken.reason:
        return ""
    entry = max(number for number, fact in enumerate(composition.facts) if fact.part == "input")
    maps = [fact for fact in composition.facts[entry:] if fact.part in ("input", "cnn", "convlstm")]
    sides = [_sides(composition.state, fact) for fact in maps]
    sizes = " → ".join(f"{min(each)}" for each in sides)
    what = f"number of {composition.state.kind.step}s"
    if composition.state.over_frames:
        what = "shorter " * (len(set(sides[0])) > 1) + "side of the map"
    return f" The {what} went {sizes}." if len(maps) > 1 else ""


def _sides(state, fact):
    """The axes of a map over which the convolutions run."""
    return fact.shape[-3:-1] if state.over_frames else fact.shape[-2:-1]


def _lower(state, *changes):
    """Those of the changes (what a button says, the path of a dial, its value) that turn a dial down."""
    for words, path, value in changes:
        if state.get(path) > value:
            yield words, state.change(path, value)


# ------------------------------------------------------------------------- Faults of what is composed


def faults(state):
    """What is meaningless or costly in a composition, as far as it fits; the most pressing first."""
    composition = compose(dialled(state))
    follows = state.over_frames and state.order == "cnn-lstm"  # an LSTM has to follow what moves
    yield from _attends_to_nothing(state, composition)
    if follows:
        yield from _loses_place(state, composition)
    yield from _huge(state, composition)
    yield from _steps_of_lstm(state, composition)
    if state.kind.in_space and state.steps == 1 and MOVING & {*state.classes}:
        words = "One frame is asked how it moves: nothing in it tells."
        yield Fault("one frame", "warning", words, [("Read 8 frames", state.change("clip.frames", 8))])
    if follows and state.joint.kind_of == "dense" and not state.joint.normalise:
        words = "Nothing normalises the joint: the LSTM gets vectors of any size, and hybrids like this one "
        words += "often fail to learn the motion."
        ways = [("Add LayerNormalization", state.change("joint.normalise", True))]
        yield Fault("unnormalised", "warning", words, ways)
    if not composition.broken:
        yield from _narrow(state, composition)
    if state.order == "cnn" and state.steps > 1 and MOVING & {*state.classes} and not state.answers_each:
        words = "The frames are taken together without their order: shuffle them, and the answer stays. "
        words += "No order, no motion."
        ways = [("Let an LSTM read them", state.turn("order", "cnn-lstm"))]
        yield Fault("no order", "hint", words, ways)
    if state.has_cnn:
        yield from _windows(state, composition)
    number = state.budget.batches(state.kind.size(state.entry)[0])
    if state.normalises_batches and (left := MOMENTUM**number) > 0.02:
        words = "Batch normalisation answers by moving averages, which take in 1 % of each training batch. "
        words += f"After one epoch, {count(number, 'batch', 'es')}, they still hold {left:.0%} of their "
        words += "initial values: the first validation scores may be poor, and say little."
        yield Fault("lagging averages", "hint", words)
    if state.answers_each and state.steps > 1 and not composition.broken and composition.answers[0].up_to:
        words = "The score is the mean over all frames, the first ones included, in which there is little to "
        words += "see: it is lower than that of an answer at the end."
        yield Fault("each frame", "hint", words)


def _attends_to_nothing(state, composition):
    """Attention over a single step, and why."""
    for before, fact in pairwise(composition.facts):
        if fact.part == "attention" and before.shape[0] == 1:
            also = ", and the LSTM reads one step, which makes it a costly dense layer" * state.has_lstm
            words = "The sequence has length 1. Softmax over one number is always 1.0: attention weighs "
            yield Fault("attends to nothing", "warning", f"{words}nothing{also}.", _longer(state))


def _longer(state):
    """Changes that leave more than one step."""
    if state.over_frames and state.order == "cnn-lstm" and state.attention:
        yield "Keep the grid as steps", state.change("joint.kind_of", "steps")
    usual = type(state.entry)()
    if state.steps < usual.steps:
        longer = state.change(f"{state.kind.entry}.{usual.length}", getattr(usual, usual.length))
        yield f"Read more {state.kind.step}s", longer
    yield from _less_shrinking(state)


def _less_shrinking(state):
    """Changes of the convolutions, the last one first, that leave larger maps or more steps."""
    for number in range(len(state.convolutions), 0, -1):
        path = f"convolutions.{number - 1}"
        yield from _lower(
            state,
            (f"Use a pooling of 2 in row {number}", f"{path}.pool", 2),
            (f"Use no pooling in row {number}", f"{path}.pool", 1),
            (f"Use stride 1 in row {number}", f"{path}.stride", 1),
        )
    gentle = tuple(replace(row, pool=1, stride=1) for row in state.convolutions)
    if gentle != state.convolutions:
        yield "Use no pooling and stride 1", state.change("convolutions", gentle)


def _loses_place(state, composition):
    """What throws away where something is in a frame, before an LSTM could follow it."""
    lost = "throws away most of where it is. "
    lost += "A motion is a change of where: an LSTM learns it later, or not at all."
    if state.joint.kind_of in ("max", "average"):
        words = f"{JOINTS[state.joint.kind_of].capitalize()} keeps what is in a frame and {lost}"
        others = [("", state), *((f". {more}", better) for more, better in _less_shrinking(state))]
        ways = [(f"Flatten + dense 96{more}", better.change("joint", Joint())) for more, better in others]
        yield Fault("no place", "warning", words, ways)
    elif any(fact.title == "Max pool" and fact.shape[-3:-1] == (1, 1) != before.shape[-3:-1]
             for before, fact in pairwise(composition.facts)):  # fmt: skip
        words = f"The max pooling leaves a map of 1×1: it keeps what is in a frame and {lost}"
        yield Fault("no place", "warning", words, _less_shrinking(state))


def _steps_of_lstm(state, composition):
    """Too few steps for an LSTM, or so many that it takes long."""
    for before, fact in pairwise(composition.facts):
        if fact.part != "lstm" or before.part == "lstm" or len(before.shape) < 2:
            continue
        if before.shape[0] == 1 and not state.attention:
            any_number = None in state.entry.shape
            words = "The LSTM reads a sequence of length 1: there is no order to remember."
            words += " Any number of frames may come, but it is trained on 1." * any_number
            yield Fault("one step", "warning", words, _longer(state))
        elif before.shape[0] > LONG:
            words = f"The LSTM reads {before.shape[0]:,} steps, one after the other: training takes long."
            yield Fault("many steps", "hint", words)


def _narrow(state, composition):
    """A vector of so few numbers that the answers can hardly be told apart by it."""
    least = ceil(log2(prod(state.classes.values())))  # as many as yes or no would need
    ends = [fact for fact in composition.facts if fact.part == "lstm" and not fact.branch]
    worst = min([composition.facts[-1], *ends], key=lambda fact: fact.shape[-1])
    if worst.shape[-1] < least:
        numbers, asked = count(worst.shape[-1], "number"), sum(state.classes.values())
        what = f"to forecast {asked} hours" if state.kind.forecasts else f"to tell {asked} classes apart"
        words = f"{worst.title} gives {numbers}, and that is all there is {what}."
        yield Fault("narrow", "warning", words, _wider(state, least))


def _wider(state, least):
    """Changes that let more numbers through."""
    units, last = _usual(state).lstm.units, len(state.convolutions) - 1
    if state.has_lstm:
        yield f"LSTM of {units} units", state.change("lstm.units", units)
    if state.joint.kind_of == "dense":
        yield "Dense of 96 units", state.change("joint.units", 96)
    filters = next(n for n in WIDTHS if n >= 2 * least)
    wider = state.change(f"convolutions.{last}.filters", max(filters, state.convolutions[last].filters))
    yield f"Use {filters} filters in row {last + 1}", wider
    yield f"LSTM of {units} units, {filters} filters", wider.change("lstm.units", units)


def _windows(state, composition):
    """Convolutions that skip some of their input, and those that reach further than there is anything."""
    for before, fact in pairwise(composition.facts):
        if fact.part not in ("cnn", "convlstm") or fact.title == "Max pool" or fact.path == "order":
            continue
        row, sides, place = state.get(fact.path), _sides(state, before), int(fact.path.partition(".")[2]) + 1
        reach = 2 * min(sides) - 1  # a wider kernel has numbers that never meet anything but padding

        def way(kernel, path=f"{fact.path}.kernel"):
            return f"Use a kernel of {kernel}", state.change(path, kernel)

        if row.stride > row.kernel:
            words = f"Convolution {place} steps {row.stride} on and looks at {row.kernel}: "
            words += "what lies between is never seen."
            wider = way(min(k for k in KERNELS if k >= row.stride and k % 2))
            yield Fault("skips", "hint", words, [wider], lessened=True)
        if row.padding == "same" and row.kernel > reach:
            there = "there is only" if set(sides) == {1} else "there are only"
            words = f"Convolution {place} looks at {times([row.kernel] * len(sides))}, and {there} "
            words += f"{times(sides)}: the edge of its kernel never meets anything but padding."
            smaller = way(max(k for k in KERNELS if k <= reach and k % 2))
            yield Fault("padding", "hint", words, [smaller, *_less_shrinking(state)], lessened=True)


def _huge(state, composition):
    """One huge matrix, with changes that make the largest one clearly smaller."""
    worst = max(composition.facts, key=lambda fact: fact.largest)
    if worst.largest <= HUGE:
        return
    share = worst.largest / composition.parameters
    text = f"One matrix in {worst.title} holds {worst.largest:,} weights, {share:.1%} of the model"
    if worst.part != "input":
        text += f": {composition.facts[composition.facts.index(worst) - 1].shape[-1]:,} features come in"

    def helps(way):
        return max(fact.largest for fact in compose(way[1]).facts) < 0.6 * worst.largest

    yield Fault("huge", "warning", f"{text}.", filter(helps, _smaller(state, worst)), lessened=True)


def _smaller(state, worst):
    """Changes that make a network smaller, the gentlest first: (what a button says, the state, why)."""
    narrower, fewer = "Fewer units make it narrower.", "A longer stride leaves fewer positions."
    if worst.part == "input":
        yield "A vocabulary of 5,000", state.change("text.words", 5000), "Rare words could share one vector."
        yield "Vectors of 64", state.change("text.embedding", 64), "Shorter vectors would do."
    if worst.part == "lstm" and state.joint.kind_of != "flatten":
        yield "LSTM of 96 units", state.change("lstm.units", 96), narrower
    if state.joint.kind_of == "flatten":
        why = "A dense layer of 96 at the joint makes the vector short before the LSTM sees it."
        yield "Flatten + dense 96", state.change("joint", Joint()), why
    for stride in (2, 3, 4):
        yield from ((words, better, fewer) for words, better in _longer_strides(state, stride))
    if state.joint.kind_of == "dense" and state.joint.units > 64:
        yield "Dense of 64 units", state.change("joint.units", 64), narrower


def _longer_strides(state, stride):
    for number, row in enumerate(state.convolutions):
        if row.stride < stride:
            longer = state.change(f"convolutions.{number}.stride", stride)
            yield f"Stride {stride} in convolution {number + 1}", longer


# -------------------------------------------------------- What keeps a composition from being trained


def obstacles(state):
    """Why a state cannot be trained on the course's data and on this machine."""
    clip, largest = state.clip, state.kind.largest
    both = ("Ask for digit and motion", state.change("answer.labels", "digit+motion"))
    digit = ("Ask for the digit", state.change("answer.labels", "digit"))
    broken, counted = compose(state).broken, compose(dialled(state)).broken

    def square(size):
        return state.change("clip", replace(clip, size=size, width=0))

    if broken:
        yield Fault("broken", "stuck", "It has to fit first: see above the picture.")
    elif counted:
        words = f"With {count(clip.frames, 'frame')}, as dialled, it does not fit. {counted.reason}"
        longer, repaired = [n for n in (8, 16, 32) if n > clip.frames], repairs(dialled(state))
        ways = [(f"Read {n} frames", state.change("clip.frames", n)) for n in longer]
        mended = ((", ".join(changes), fixed.change("clip.any_number", True)) for changes, fixed in repaired)
        yield Fault("too few frames", "stuck", words, chain(ways, mended))
    if state.entry is clip:
        if clip.channels != 1:
            way = "One channel", state.change("clip.channels", 1)
            yield Fault("colour", "stuck", "The course's clips are grey.", [way])
        if "action" in state.classes:
            yield Fault("classes", "stuck", "No clips of the course have these 5 classes.", [both, digit])
        if len(set(clip.sides)) > 1 or clip.size > largest:
            words = f"The course's clips of {state.kind.title} are square, and at most {largest} pixels high."
            sizes = dict.fromkeys([*(min(side, largest) for side in clip.sides), 64, 48, 32, 24])
            ways = [(f"{size}×{size} pixels", square(size)) for size in sizes]
            yield Fault("frame size", "stuck", words, [*ways, ("Start from what fits", _usual(state))])
    if not broken and not counted:
        parts, free = memory.needed(state), memory.available()
        if (whole := sum(parts.values())) > free:
            words = f"Training would take {gigabytes(whole)} of memory, most of it for its "
            words += f"{max(parts, key=parts.get)}, and {gigabytes(free)} are free."
            yield Fault("memory", "stuck", words, _lighter(state))


def gigabytes(size):
    return f"{size / 1e9:.1f} GB"


def _lighter(state):
    """Changes that take less memory, single ones first."""
    usual, rows = _usual(state), range(len(state.convolutions))
    yield from _lower(state, *((f"Batches of {n}", "budget.batch", n) for n in (16, 8)))
    for words, path, values in state.kind.lighter:
        yield from _lower(state, *((words.format(n), path, n) for n in values))
    if state.has_cnn:
        for row, n in product(rows, (64, 32, 16)):
            yield from _lower(state, (f"Use {n} filters in row {row + 1}", f"convolutions.{row}.filters", n))
    if state.has_lstm:
        units = usual.lstm.units
        yield from _lower(state, (f"LSTM of {units} units", "lstm.units", units))
    if state.has_cnn:
        yield from _longer_strides(state, 2)
        if state.joint.kind_of == "flatten":
            yield "Flatten + dense 96", state.change("joint", Joint())
    smaller = replace(state, clip=usual.clip, text=usual.text, series=usual.series)
    yield "Clips, texts and series as usual", smaller
    yield "Start from what fits", usual
