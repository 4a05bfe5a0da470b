"""What the kernel lab shows: image, feature map and the sum behind one of its cells, drawn and in words."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from course_utils.labs.core.dials import State
from course_utils.labs.core.drawing import (
    BLUE,
    CNN,
    INK,
    SOFT,
    VERMILLION,
    grey,
    image,
    number,
    path,
    rect,
    sentences,
    svg,
    tint,
    uri,
    write,
)
from course_utils.labs.core.window import under
from course_utils.labs.kernel.convolution import KERNELS

HALF = 400
INSET, TOP, SIDE = 28, 44, 366  # where the grids begin, and how wide and tall they are at most
RIM = "color-mix(in srgb, var(--cl-other) 18%, transparent)"
SEES = {  # ready-made kernel -> what its feature map tells
    "identity": "The kernel takes the pixel under its centre and nothing else: it copies the image.",
    "mean": "Every output is the mean of the {count} pixels under the window: the image is blurred.",
    "vertical": "Vertical edges stand out: above 0 (vermillion) where the image gets brighter from left to "
    "right, below 0 (blue) where it gets darker.",
    "horizontal": "Horizontal edges stand out: above 0 (vermillion) where the image gets brighter from top "
    "to bottom, below 0 (blue) where it gets darker.",
    "laplace": "Edges of any direction stand out: above 0 (vermillion) where a pixel is darker than those "
    "around it, below 0 (blue) where it is brighter.",
    "sharpen": "Every pixel is pushed away from those around it: edges become stronger, and values leave "
    "the range from 0 to 1.",
    "left": "The kernel takes a pixel to the right of its centre: all moves {moved} to the left.",
    "own": "The numbers of your own kernel sum to {total}: that is what it makes of an area of all ones.",
}


@dataclass(frozen=True)
class FeatureMap:
    """A `KernelState`, its image, and the output before activation, if there is one."""

    state: State
    name: str
    image: np.ndarray
    plain: np.ndarray | None

    @property
    def place(self):
        """Row and column of the output that is looked at, counted from 0."""
        return self.state.row - 1, self.state.column - 1

    @property
    def fits(self):
        return self.plain is not None

    @cached_property
    def output(self):
        return np.maximum(self.plain, 0) if self.state.activation == "relu" else self.plain

    @property
    def taps(self):
        """The rows and the columns under the numbers of the kernel."""
        return [axis.taps(at) for axis, at in zip(self.state.axes, self.place)]

    @cached_property
    def under(self):
        """The pixels under the numbers of the kernel, 0 on padding; and which lie on none."""
        return under(self.image, self.state.axes, self.place)

    @property
    def patch(self):
        return self.under[0]

    @property
    def on_padding(self):
        return ~self.under[1]

    @property
    def value(self):
        return self.output[self.place]

    @property
    def scale(self):
        """The number of the strongest colour: taken before ReLU, so that ReLU can be seen at work."""
        return float(np.abs(self.plain).max()) or 1.0


def short(value):
    """A number without needless digits: 1, −0.5 or 0.11."""
    return number(value).rstrip("0").rstrip(".")


def many(count, what):
    return f"{count} {what}{'s' * (count != 1)}"


# ---------------------------------------------------------------------------------------------------
# In words


def settings(state):
    rows = "; ".join(" ".join(map(short, row)) for row in state.numbers)
    bend = "ReLU" if state.activation == "relu" else "none"
    return (
        f"Kernel {KERNELS[state.kernel]}: {rows}. Bias {short(state.bias)}, stride {state.stride}, padding "
        f"{state.padding}, dilation {state.dilation}, activation {bend}."
    )


def input_words(seen):
    """What is under the window, for those who cannot see it."""
    state, size = seen.state, seen.state.size
    parts = [f"Image {seen.name}, {seen.image.shape[0]} by {seen.image.shape[1]} pixels"]
    (above, below), (left, right) = (axis.zeros for axis in state.axes)
    if state.padding == "same":
        parts.append(f"a rim of zeros around it: {above} above, {below} below, {left} left, {right} right")
    kernel = f"{size} by {size} kernel, stride {state.stride}, dilation {state.dilation}"
    if not seen.fits:
        parts.append(f"the {kernel}, has no place in it")
    else:
        at = [f"{taps[0] + 1} to {taps[-1] + 1}" for taps in seen.taps]
        out = int(seen.on_padding.sum())
        zeros = f", {out} of its {size * size} numbers on padding" if out else ""
        where = f"stands on rows {at[0]} and columns {at[1]}{zeros}".replace("-", "−")
        parts.append(f"the window of the {kernel}, {where}")
    return sentences(parts)


def output_words(seen):
    if not seen.fits:
        return f"No feature map of image {seen.name}: the kernel does not fit. {settings(seen.state)}"
    rows, columns = seen.output.shape
    low, high = number(seen.output.min()), number(seen.output.max())
    return (
        f"Feature map of image {seen.name}, {rows} by {columns}, with values from {low} to {high}. "
        f"Row {seen.state.row}, column {seen.state.column} is {number(seen.value)}. {settings(seen.state)}"
    )


def what_is_seen(seen):
    """In a sentence or three, what the feature map shows."""
    state = seen.state
    moved, total = many(state.dilation, "pixel"), number(state.numbers.sum())
    words = [SEES[state.kernel].format(count=state.numbers.size, moved=moved, total=total)]
    if not state.numbers.any():
        words = ["All numbers of the kernel are 0, so the image does not matter."]
    if state.bias:
        words.append(f"Then the bias adds {number(state.bias)} everywhere.")
    if state.activation == "relu":
        cut = int((seen.plain < 0).sum())
        words.append(f"Then ReLU sets what is below 0 to 0: {cut} of {seen.plain.size} values.")
    return " ".join(words)


def hints(seen):
    """What is worth knowing of these settings, the most surprising first."""
    state, count = seen.state, seen.state.size**2
    if state.stride > 1 and state.dilation > 1:
        yield (
            "Keras refuses a stride and a dilation above 1 in one Conv2D layer. The lab computes what it "
            "would give; in a network, use one of them."
        )
    if out := int(seen.on_padding.sum()):
        yield (
            f"{out} of the {count} numbers lie on padding. It counts as 0, which is black: beside "
            "bright pixels that makes an edge which is not in the image."
        )
    lost = [many(axis.unseen, what) for axis, what in zip(state.axes, ("row", "column")) if axis.unseen]
    if lost:
        yield f"The last {' and '.join(lost)} of the image are never under the window: it steps past them."
    if state.dilation > 1:
        size, span = state.size, state.axes[0].span
        yield (
            f"Dilation {state.dilation} leaves gaps: the same {count} numbers reach over {span} by {span} "
            f"pixels in place of {size} by {size}."
        )
    if state.stride > 1:
        every = f"{state.stride} pixels at a time"
        yield f"Stride {state.stride} moves the window {every}: fewer outputs, less work."
    if state.kernel == "mean":
        yield f"Each number of this kernel is 1/{count}, shown as {short(state.numbers[0, 0])}."


def no_fit(seen):
    """Why there is no output, naming the axis."""
    state = seen.state
    size, span = state.size, state.axes[0].span
    short = [f"{axis.n} {what}" for axis, what in zip(state.axes, ("rows", "columns")) if axis.span > axis.n]
    return (
        f"With dilation {state.dilation} the {size} by {size} kernel reaches over {span} by {span} pixels, "
        f"but the image has only {' and '.join(short)}. Padding valid keeps the kernel inside the image, "
        "so there is no place for it."
    )


# ---------------------------------------------------------------------------------------------------
# Image and feature map


def _borders(x, y, rows, columns, cell, extra='stroke-opacity="0.45"'):
    """The lines between pixels."""
    d = "".join(f"M{x:.2f},{y + i * cell:.2f} h{columns * cell:.2f} " for i in range(rows + 1))
    d += "".join(f"M{x + i * cell:.2f},{y:.2f} v{rows * cell:.2f} " for i in range(columns + 1))
    return path(d, "#808080", 0.7, extra=extra)


def _ticks(x, y, rows, columns, cell, left, top):
    """Numbers of rows and columns, as many as there is room for."""
    step = 1 if cell >= 20 else 5
    for i in (i for i in range(1, columns + 1) if i == 1 or i % step == 0):
        yield write(x + (i - 0.5) * cell, top - 5, i, "middle", SOFT)
    for i in (i for i in range(1, rows + 1) if i == 1 or i % step == 0):
        yield write(left - 5, y + (i - 0.5) * cell + 4.6, i, "end", SOFT)


def _outline(x, y, wide, tall, line, width):
    """A frame that is seen on dark and on light pixels."""
    casing = rect(x, y, wide, tall, "none", "#fff", 0, f'stroke-width="{2 * width:.1f}"')
    return casing + rect(x, y, wide, tall, "none", line, 0, f'stroke-width="{width}"')


def _tap(x, y, side):
    """A mark on a pixel that a number of the kernel is multiplied with."""
    return rect(x - side / 2, y - side / 2, side, side, CNN, "#fff")


def _scale(x, y, wide, source):
    """Which number has which colour."""
    return image(x, y, wide, 13, source), rect(x, y, wide, 13, "none", SOFT)


@lru_cache(64)
def _grey(data, shape):
    """The picture of an image, which stays the same however the window moves."""
    return uri(grey(np.frombuffer(data).reshape(shape)[..., None]))


def input_picture(seen):
    """The image with its padding, and the window on it."""
    state = seen.state
    rows, columns = state.axes
    tall, wide = (axis.n + sum(axis.zeros) for axis in state.axes)
    cell = SIDE / max(tall, wide)
    x, y = INSET + columns.zeros[0] * cell, TOP + rows.zeros[0] * cell
    drawn = [write(0, 14, f"Input: {seen.name}, {rows.n} × {columns.n}", weight=600)]
    drawn += _ticks(x, y, rows.n, columns.n, cell, INSET, TOP)
    if state.padding == "same":
        drawn.append(rect(INSET, TOP, wide * cell, tall * cell, RIM, INK, 0, 'stroke-dasharray="5 4"'))
        drawn.append(_borders(INSET, TOP, tall, wide, cell, 'stroke-dasharray="2 3" stroke-opacity="0.8"'))
    source = _grey(seen.image.tobytes(), seen.image.shape)
    drawn.append(image(x, y, columns.n * cell, rows.n * cell, source))
    drawn.append(_borders(x, y, rows.n, columns.n, cell))
    if seen.fits:
        down, right = (axis.first(at) for axis, at in zip(state.axes, seen.place))
        side = rows.span * cell
        drawn.append(_outline(x + right * cell, y + down * cell, side, side, CNN, 2.8))
        if state.dilation > 1:
            for i, j in product(*seen.taps):
                drawn.append(_tap(x + (j + 0.5) * cell, y + (i + 0.5) * cell, min(cell / 2, 9)))
    base = TOP + tall * cell + 22
    at = INSET
    if seen.fits:
        drawn += [_outline(at + 1, base - 11, 12, 12, CNN, 2.8), write(at + 20, base, "window")]
        at += 84
        if state.dilation > 1:
            drawn += [_tap(at + 5, base - 5, 9), write(at + 15, base, "its numbers")]
            at += 102
    if state.padding == "same":
        drawn.append(rect(at, base - 11, 13, 13, RIM, INK, 0, 'stroke-dasharray="3 2"'))
        drawn.append(write(at + 19, base, "zeros"))
    shades = uri(grey(np.linspace(0, 1, 6)[None, :, None]))
    drawn += [write(INSET + SIDE - 76, base, "0", "end"), write(INSET + SIDE, base, "1", "end")]
    drawn += _scale(INSET + SIDE - 71, base - 11, 58, shades)
    return svg(HALF, base + 10, input_words(seen), drawn)


def _on(colour):
    """Black or white, whichever is read better on a colour."""
    linear = (np.asarray(colour) / 255) ** 2.2
    return "#000" if linear @ (0.2126, 0.7152, 0.0722) > 0.18 else "#fff"


def output_picture(seen):
    """The feature map, with the cell that is computed."""
    if not seen.fits:
        box = rect(INSET, TOP, SIDE, 120, RIM, SOFT, 0, 'stroke-dasharray="5 4"')
        words = write(INSET + SIDE / 2, TOP + 65, "The kernel does not fit: no output.", "middle")
        title = write(0, 14, "Output: none", weight=600)
        return svg(HALF, TOP + 130, output_words(seen), [title, box, words])
    rows, columns = seen.output.shape
    cell = min(SIDE / max(rows, columns), 64)
    colours = tint(seen.output, VERMILLION, BLUE, seen.scale)
    drawn = [write(0, 14, f"Output: feature map, {rows} × {columns}", weight=600)]
    drawn += _ticks(INSET, TOP, rows, columns, cell, INSET, TOP)
    drawn.append(image(INSET, TOP, columns * cell, rows * cell, uri(colours)))
    drawn.append(_borders(INSET, TOP, rows, columns, cell))
    numbers = {place: number(value) for place, value in np.ndenumerate(seen.output)}
    if max(map(len, numbers.values())) * 7.4 <= cell:
        for (i, j), value in numbers.items():
            x, y = INSET + (j + 0.5) * cell, TOP + (i + 0.5) * cell + 4.6
            drawn.append(write(x, y, value, "middle", _on(colours[i, j])))
    row, column = seen.place
    drawn.append(_outline(INSET + column * cell, TOP + row * cell, cell, cell, "#111", 2.6))
    base = TOP + rows * cell + 22
    bar = uri(tint(np.linspace(-1, 1, 41)[None, :], VERMILLION, BLUE, 1.0))
    drawn += [_outline(INSET + 1, base - 11, 12, 12, "#111", 2.4), write(INSET + 20, base, "computed below")]
    most = number(seen.scale)
    right = INSET + SIDE - 8
    drawn += _scale(right - 170, base - 11, 160, bar)
    for share, label in ((0, f"−{most}"), (0.5, "0"), (1, most)):
        drawn.append(write(right - 170 + 160 * share, base + 17, label, "middle"))
    return svg(HALF, base + 24, output_words(seen), drawn)


# ---------------------------------------------------------------------------------------------------
# The sum behind one cell, and what the layer costs


def _grid(caption, values, colours, dashed=None):
    """A small table of numbers, coloured like the pictures."""
    lines = []
    for i, row in enumerate(values):
        cells = []
        for j, value in enumerate(row):
            if dashed is not None and dashed[i, j]:
                cells.append('<td class="ck-zero"><span class="cl-sr">padding </span>0</td>')
                continue
            shade = ",".join(str(int(c)) for c in colours[i, j])
            ink = _on(colours[i, j])
            cells.append(f'<td style="background:rgb({shade});color:{ink}">{number(value)}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="ck-grid"><caption>{caption}</caption>{"".join(lines)}</table>'


def arithmetic(seen):
    """Patch times kernel, summed up: HTML."""
    if not seen.fits:
        return '<div class="ck-sum">Nothing to compute: the kernel does not fit into the image.</div>'
    state = seen.state
    products = seen.patch * state.numbers
    total = products.sum()
    tables = (
        _grid("pixels", seen.patch, grey(seen.patch[..., None]), seen.on_padding),
        _grid("kernel", state.numbers, tint(state.numbers, VERMILLION, BLUE)),
        _grid("products", products, tint(products, VERMILLION, BLUE)),
    )
    plain = total + state.bias
    steps = [f"sum of the products <b>{number(total)}</b>"]
    sign = "−" if state.bias < 0 else "+"
    steps.append(f"{number(total)} {sign} {number(abs(state.bias))} (bias) = <b>{number(plain)}</b>")
    if state.activation == "relu":
        steps.append(f"ReLU: the larger of 0 and {number(plain)} = <b>{number(seen.value)}</b>")
    marked = "Dashed: padding. " if seen.on_padding.any() else ""
    return (
        f'<div class="cl-head ck-head">Output row {state.row}, column {state.column} '
        f"<small>{marked}Shown to two digits, computed with all.</small></div>"
        f'<div class="ck-row">{tables[0]}<i>×</i>{tables[1]}<i>=</i>{tables[2]}'
        f'<div class="ck-sum">{"".join(f"<div>{step}</div>" for step in steps)}</div></div>'
    )


def costs(seen):
    """Size of the output, work and weights, beside those of a dense layer: HTML."""
    rows, columns = seen.state.axes
    same = rows == columns
    sizes = [("rows and columns" if same else "rows", rows), *([] if same else [("columns", columns)])]
    lines = "".join(
        f'<div class="ck-formula">{what}: {axis.formula} = <b>{axis.length}</b></div>' for what, axis in sizes
    )
    letters = "n pixels, p padding, d dilation, k kernel size, s stride"
    outputs = rows.length * columns.length
    shape = f"{rows.length} × {columns.length} × 1" if seen.fits else "none"
    weights, dense = seen.state.size**2, seen.image.size * outputs
    table = [
        ("output shape", shape, f"{outputs:,}"),
        ("multiplications", f"{weights * outputs:,}", f"{dense:,}"),
        ("weights", f"{weights:,}", f"{dense:,}"),
        ("biases", "1", f"{outputs:,}"),
        ("parameters", f"{weights + 1:,}", f"{dense + outputs:,}"),
    ]
    body = "".join(
        f'<tr><th class="cl-left" scope="row">{what}</th><td>{ours}</td><td>{theirs}</td></tr>'
        for what, ours, theirs in table
    )
    return (
        f'<div class="ck-costs"><div><div class="cl-head">Output size</div>'
        f"<div>⌊(n + p − d·(k − 1) − 1) / s⌋ + 1</div>{lines}"
        f'<div class="ck-soft">{letters}; ⌊ ⌋ rounds down. The dense layer leads from every pixel to every '
        "output.</div></div>"
        '<table class="cl-table"><caption>In numbers</caption>'
        '<tr><td></td><th scope="col">convolution</th><th scope="col">dense layer</th></tr>'
        f"{body}</table></div>"
    )
