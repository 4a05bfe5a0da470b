"""Training and validation curves of the runs as an SVG."""

from course_utils.labs.diagram import INK, SOFT, WIDTH, path, rect, svg, text

TALL, GAP = 190, 30
LINE = "var(--jp-border-color2, #d0d0d0)"


def alt(runs, current):
    if not current or not (current.epochs or current.live):
        return "Training curves, still empty: nothing has been trained yet."
    said = [f"Run {current.letter}, {current.epochs} of {current.state.budget.epochs} epochs"]
    for label, score in current.scores.items():
        said.append(f"{label}: validation accuracy {score:.2f}, training {current.history[label][-1]:.2f}")
    for run in runs:
        if run is not current and run.epochs:
            said.append(
                f"earlier run {run.letter}: " + ", ".join(f"{k} {v:.2f}" for k, v in run.scores.items())
            )
    return "; ".join(said) + "."


def curves(runs, current, classes, epochs):
    """One panel a label, accuracy against epochs: the current run strong, earlier ones grey."""
    wide = (WIDTH - GAP * (len(classes) - 1)) / len(classes)
    panels = []
    for number, (label, count) in enumerate(classes.items()):
        panels.append(_panel(number * (wide + GAP), wide, label, count, runs, current, epochs))
    words = alt(runs, current)
    return svg(TALL + 50, words, "".join(panels))


def _panel(x, wide, label, count, runs, current, epochs):
    left, right, top, bottom = x + 34, x + wide - 26, 24, 24 + TALL - 20
    longest = max([epochs, *(run.epochs for run in runs)])

    def at(epoch, score):
        return left + (right - left) * epoch / longest, bottom - (bottom - top) * score

    parts = [text(left, 14, f"{label}: accuracy", 13, "start", INK, 600)]
    parts.append(text(right, 14, "― validation   ┄ training", 11, "end", SOFT))
    for score in (0, 0.25, 0.5, 0.75, 1):
        y = at(0, score)[1]
        parts.append(path(f"M{left:.1f},{y:.1f} H{right:.1f}", LINE, 1))
        if score in (0, 0.5, 1):
            parts.append(text(left - 6, y + 4, score, 11, "end", SOFT))
    y = at(0, 1 / count)[1]
    parts.append(path(f"M{left:.1f},{y:.1f} H{right:.1f}", SOFT, 1, "none", 'stroke-dasharray="1 4"'))
    parts.append(text(left + 4, y - 4, f"guessing {1 / count:.2f}", 10.5, "start", SOFT))
    for tick in sorted({0, longest, *range(0, longest + 1, max(1, longest // 5))}):
        if tick in (0, longest) or longest - tick >= max(1, longest // 5) * 0.6:
            parts.append(text(at(tick, 0)[0], bottom + 16, tick, 11, "middle", SOFT))
    parts.append(text((left + right) / 2, bottom + 31, "epochs", 11, "middle", SOFT))
    ends = []
    for run in [run for run in runs if run is not current] + [current] * bool(current):
        if label not in run.labels:
            continue
        mine = run is current
        trained = [(i + 1, score) for i, score in enumerate(run.history.get(label, ()))]
        trained += [(epoch, scores[label]) for epoch, scores in list(run.live)]
        checked = [at(i + 1, score) for i, score in enumerate(run.history.get(f"val_{label}", ()))]
        if mine and trained:
            parts.append(
                _line(
                    [at(*point) for point in trained],
                    SOFT,
                    1.3,
                    'stroke-dasharray="4 3" data-curve="training"',
                )
            )
        if checked:
            parts.append(
                _line(checked, INK if mine else "#9aa0a8", 2.4 if mine else 1.4, 'data-curve="validation"')
            )
            ends.append((checked[-1], run.letter, mine))
            if mine:
                parts.extend(rect(px - 2.5, py - 2.5, 5, 5, INK, radius=2.5) for px, py in checked)
    low = 1e9
    for (px, py), letter, mine in sorted(ends, key=lambda end: -end[0][1]):
        low = min(py + 4, low - 13)
        parts.append(text(px + 7, low, letter, 12, "start", INK if mine else SOFT, 700 if mine else 400))
    return "".join(parts)


def _line(points, colour, width, extra):
    if len(points) == 1:
        points = points * 2
    return path(
        "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points),
        colour,
        width,
        "none",
        f'stroke-linejoin="round" {extra}',
    )
