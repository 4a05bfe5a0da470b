"""Training and validation curves of the runs as an SVG."""

import math

from course_utils.labs.architecture.diagram import WIDTH
from course_utils.labs.core.drawing import INK, LINE, SOFT, path, rect, svg, through, write

TALL, GAP = 170, 24  # of a panel, and between two
LEFT, RIGHT, TOP = 42, 22, 54  # beside and above the curves: numbers, letters of runs, legend and title
STRONG, THIN = (INK, 2.4), (SOFT, 1.3)
DASHES, DOTS = 'stroke-dasharray="4 3"', 'stroke-dasharray="1 4"'


def alt(runs, current):
    if not current or not (current.epochs or current.live):
        return "Training curves, still empty: nothing has been trained yet."
    parts = [f"Run {current.letter}, {current.epochs} of {current.total} epochs"]
    for key in measured(current.state) if current.epochs else ():
        trained, checked = (said_score(current.history[part + key][-1]) for part in ("", "val_"))
        name = f"validation {measure(current)}" if key in current.labels else "validation"
        parts.append(f"{key}: {name} {checked}, training {trained}")
    for run in runs:
        if run is not current and run.epochs:
            scores = ", ".join(f"{label} {said_score(score)}" for label, score in run.scores.items())
            parts.append(f"earlier run {run.letter}: {scores}")
    return "; ".join(parts) + "."


def measured(state):
    """What there are curves of, as the history of a run calls it."""
    kind = state.kind
    return [*state.classes, *["loss"] * (kind.loss != kind.metric)]


def measure(run):
    """What a run's scores are called."""
    kind = run.state.kind
    return f"error in {kind.unit} per {kind.step}" if kind.forecasts else "accuracy"


def said_score(score, digits=2):
    return f"{score:.{digits if score < 10 else 0}f}"


def curves(runs, current, state, epochs):
    """Scores and loss against epochs, a panel each: the current run strong, others thin."""
    state = current.state if current else state
    keys = measured(state)
    wide = (WIDTH - GAP * (len(keys) - 1)) / len(keys)
    panels = [_panel(i * (wide + GAP), wide, key, runs, current, epochs, state) for i, key in enumerate(keys)]
    return svg(WIDTH, TOP + TALL + 40, alt(runs, current), [_legend(), *panels], ' style="max-width:980px"')


def _legend():
    """What each kind of line means, once for all panels."""
    parts, x = [], LEFT
    for words, (colour, width), dashes in (
        ("validation", STRONG, ""),
        ("training", (INK, 1.3), DASHES),
        ("validation of other runs", THIN, ""),
        ("without a network", THIN, DOTS),
    ):
        parts += [path(f"M{x},12 h26", colour, width, "none", dashes), write(x + 32, 16, words, fill=SOFT)]
        x += 56 + 6.7 * len(words)
    return "".join(parts)


def _panel(x, wide, key, runs, current, epochs, state):
    labels = list(state.classes)  # the loss is a sum over all of them
    same = [run for run in runs if (run.labels == labels if key == "loss" else key in run.labels)]
    kind, run = state.kind, current or (same[-1] if same else None)
    left, right, top, bottom = x + LEFT, x + wide - RIGHT, TOP, TOP + TALL
    longest = max([epochs, *(run.epochs for run in same)])
    base, name = _baseline(run, key, state)
    title, high, beyond = f"{key}: accuracy", 1.0, 0.0
    if lower := key == "loss" or kind.forecasts:
        title = f"{key}: mean error, {kind.unit} an {kind.step}" if kind.forecasts else key
        unit, usual = (100, base or 1000) if kind.forecasts else (1, base)
        known = [score for run in same for score in run.history.get(f"val_{key}", ())]
        known += [score for run in same for _, score in _trained(run, key)]
        title, most = f"{title} (lower is better)", max([usual, *known])
        high = unit * math.ceil(min(1.1 * most, 3 * usual) / unit)
        beyond = most if most > high else 0.0

    def at(epoch, score):
        return left + (right - left) * epoch / longest, bottom - (bottom - top) * min(score / high, 1)

    parts = [write(left, top - 12, title, weight=600)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = at(0, share * high)[1]
        parts.append(path(f"M{left:.1f},{y:.1f} H{right:.1f}", LINE, 1))
        if share in (0, 0.5, 1):
            parts.append(write(left - 6, y + 4.5, f"{share * high:g}", "end", SOFT))
    if base:
        y = at(0, base)[1]
        parts.append(path(f"M{left:.1f},{y:.1f} H{right:.1f}", *THIN, "none", DOTS))
        side = -5 if lower else 14  # curves that learn are on the other side
        parts.append(write(right, y + side, f"{name} {base:.3g}", "end", SOFT))
    for tick in sorted({0, longest, *range(0, longest + 1, max(1, longest // 5))}):
        if tick in (0, longest) or longest - tick >= max(1, longest // 5) * 0.6:
            parts.append(write(at(tick, 0)[0], bottom + 17, tick, "middle", SOFT))
    parts.append(write((left + right) / 2, bottom + 34, "epochs", "middle", SOFT))
    ends = []
    for run in sorted(same, key=lambda run: run is current):
        mine = run is current
        trained = _trained(run, key)
        checked = [at(i + 1, score) for i, score in enumerate(run.history.get(f"val_{key}", ()))]
        if mine and trained:
            points = [at(*point) for point in trained]
            parts.append(_line(points, INK, 1.3, f'{DASHES} data-curve="training"'))
        if checked:
            parts.append(_line(checked, *(STRONG if mine else THIN), 'data-curve="validation"'))
            ends.append((checked[-1], run.letter, mine))
            if mine or len(checked) == 1:
                colour = INK if mine else SOFT
                parts.extend(rect(px - 2.5, py - 2.5, 5, 5, colour, radius=2.5) for px, py in checked)
    if beyond:
        parts.append(write(right, top + 13, f"▲ up to {said_score(beyond)}", "end"))
    lowest = {}  # place on the axis -> how low the next letter may stand
    for (px, py), letter, mine in sorted(ends, key=lambda end: -end[0][1]):
        low = max(min(py + 4, lowest.get(px, bottom + 4)), top + 4)
        lowest[px] = low - 13
        parts.append(write(px + 7, low, letter, "start", INK if mine else SOFT, 700 if mine else 400))
    return "".join(parts)


def _trained(run, key):
    """(epochs passed, training score) of every epoch, and within the one under way."""
    whole = [(i + 1, score) for i, score in enumerate(run.history.get(key, ()))]
    return whole + [(epoch, scores[key]) for epoch, scores in list(run.live)]


def _baseline(run, key, state):
    """The score or the loss without any network, and its name; None while the data is not read."""
    if key == "loss":
        return sum(math.log(number) for number in state.classes.values()), "guessing"
    if run and run.examples:
        return run.examples.baseline[key]
    return (None, "") if state.kind.forecasts else (1 / state.classes[key], "guessing")


def _line(points, colour, width, extra):
    if len(points) == 1:
        points = points * 2
    return path(through(points), colour, width, "none", f'stroke-linejoin="round" {extra}')
