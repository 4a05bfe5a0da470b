"""Training and validation curves of the runs as an SVG."""

import math

from course_utils.labs.architecture.diagram import WIDTH
from course_utils.labs.core.drawing import INK, SOFT, path, rect, svg, text, through

TALL, GAP = 190, 30
LINE = "var(--jp-border-color2, #d0d0d0)"


def alt(runs, current):
    if not current or not (current.epochs or current.live):
        return "Training curves, still empty: nothing has been trained yet."
    said = [f"Run {current.letter}, {current.epochs} of {current.total} epochs"]
    for label, score in current.scores.items():
        trained = current.history[label][-1]
        validation = f"{label}: validation {measure(current)} {said_score(score)}"
        said.append(f"{validation}, training {said_score(trained)}")
    for run in runs:
        if run is not current and run.epochs:
            scores = ", ".join(f"{label} {said_score(score)}" for label, score in run.scores.items())
            said.append(f"earlier run {run.letter}: {scores}")
    return "; ".join(said) + "."


def measure(run):
    """What a run's scores are called."""
    kind = run.state.kind
    return f"error in {kind.unit} per {kind.step}" if kind.forecasts else "accuracy"


def said_score(score):
    return f"{score:.2f}" if score <= 1 else f"{score:.0f}"


def curves(runs, current, state, epochs):
    """One panel a label, its score against epochs: the current run strong, earlier ones grey."""
    classes = (current.state if current else state).classes
    wide = (WIDTH - GAP * (len(classes) - 1)) / len(classes)
    lefts = [i * (wide + GAP) for i in range(len(classes))]
    panels = [_panel(left, wide, label, runs, current, epochs, state) for left, label in zip(lefts, classes)]
    return svg(WIDTH, TALL + 50, alt(runs, current), panels)


def sparkline(run):
    """The learning curve of a run, small: the validation scores of its first label."""
    scores = run.history.get(f"val_{run.labels[0]}", ())
    top = max([1, *scores])
    points = [(2 + 76 * i / max(len(scores) - 1, 1), 20 - 17 * score / top) for i, score in enumerate(scores)]
    line = _line(points, INK, 1.6, "") if points else ""
    words = " to ".join(map(said_score, scores[:1] + scores[-1:])) if scores else "nothing yet"
    return svg(80, 22, f"learning curve: {words}", [line], ' width="80" height="22"')


def _panel(x, wide, label, runs, current, epochs, state):
    shown = [run for run in runs if label in run.labels]
    run = current or (shown[-1] if shown else None)
    kind = (run.state if run else state).kind
    left, right, top, bottom = x + 40, x + wide - 26, 24, 24 + TALL - 20
    longest = max([epochs, *(run.epochs for run in shown)])
    known = [score for one in shown for score in one.history.get(f"val_{label}", ())]
    base, name = _baseline(run, label, state)
    high = 1.0 if not kind.forecasts else 100 * math.ceil(1.1 * max([base or 1000, *known]) / 100)

    def at(epoch, score):
        return left + (right - left) * epoch / longest, bottom - (bottom - top) * min(score / high, 1)

    lower = f"mean error, {kind.unit} an {kind.step} (lower is better)"
    unit = lower if kind.forecasts else "accuracy"
    parts = [text(left, 14, f"{label}: {unit}", 13, "start", INK, 600)]
    parts.append(text(right, 14, "― validation   ┄ training", 11, "end", SOFT))
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = at(0, share * high)[1]
        parts.append(path(f"M{left:.1f},{y:.1f} H{right:.1f}", LINE, 1))
        if share in (0, 0.5, 1):
            parts.append(text(left - 6, y + 4, f"{share * high:g}", 11, "end", SOFT))
    if base:
        y = at(0, base)[1]
        parts.append(path(f"M{left:.1f},{y:.1f} H{right:.1f}", SOFT, 1, "none", 'stroke-dasharray="1 4"'))
        parts.append(text(left + 4, y - 4, f"{name} {base:.3g}", 10.5, "start", SOFT))
    for tick in sorted({0, longest, *range(0, longest + 1, max(1, longest // 5))}):
        if tick in (0, longest) or longest - tick >= max(1, longest // 5) * 0.6:
            parts.append(text(at(tick, 0)[0], bottom + 16, tick, 11, "middle", SOFT))
    parts.append(text((left + right) / 2, bottom + 31, "epochs", 11, "middle", SOFT))
    ends = []
    for run in sorted(shown, key=lambda run: run is current):
        mine = run is current
        trained = [(i + 1, score) for i, score in enumerate(run.history.get(label, ()))]
        trained += [(epoch, scores[label]) for epoch, scores in list(run.live)]
        checked = [at(i + 1, score) for i, score in enumerate(run.history.get(f"val_{label}", ()))]
        if mine and trained:
            dashes = 'stroke-dasharray="4 3" data-curve="training"'
            parts.append(_line([at(*point) for point in trained], SOFT, 1.3, dashes))
        if checked:
            colour, width = (INK, 2.4) if mine else ("#9aa0a8", 1.4)
            parts.append(_line(checked, colour, width, 'data-curve="validation"'))
            ends.append((checked[-1], run.letter, mine))
            if mine:
                parts.extend(rect(px - 2.5, py - 2.5, 5, 5, INK, radius=2.5) for px, py in checked)
    low = 1e9
    for (px, py), letter, mine in sorted(ends, key=lambda end: -end[0][1]):
        low = min(py + 4, low - 13)
        parts.append(text(px + 7, low, letter, 12, "start", INK if mine else SOFT, 700 if mine else 400))
    return "".join(parts)


def _baseline(run, label, state):
    """The score without any network, and its name; None while the data is not read."""
    if run and run.examples:
        return run.examples.baseline[label]
    return (None, "") if state.kind.forecasts else (1 / state.classes.get(label, 2), "guessing")


def _line(points, colour, width, extra):
    if len(points) == 1:
        points = points * 2
    return path(through(points), colour, width, "none", f'stroke-linejoin="round" {extra}')
