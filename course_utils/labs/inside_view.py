"""The panel that looks inside a trained network: one example, step by step, down to a single sum."""

import base64
import html
import io
from functools import partial

import ipywidgets as widgets
import numpy as np
from PIL import Image

from course_utils.labs import inside
from course_utils.labs.base import LOCK, group, note
from course_utils.labs.touch import MapPicker

BLUE, VERMILLION, GREEN = (0, 114, 178), (213, 94, 0), (0, 158, 115)
VIOLET, BROWN = (78, 42, 132), (140, 81, 10)  # below zero: in the LSTM, in the CNN
INK, SOFT = "var(--cl-ink)", "var(--cl-soft)"
NUMBERS = 7  # the widest kernel that is shown in numbers
NAMED = 12  # channels whose sums are written out
KINDS = {  # field of inside.Gates -> what its picture says
    "input": "<b>input gate i</b>: 1 lets the new in, 0 keeps it out",
    "forget": "<b>forget gate f</b>: 1 keeps, 0 erases",
    "output": "<b>output gate o</b>: 1 shows the memory, 0 hides it",
    "candidate": "<b>candidate g</b>: what would be new, −1 to 1",
    "cell": "<b>cell state c</b> = f·c + i·g: the memory",
    "hidden": "<b>hidden state h</b> = o·tanh(c): what is handed on",
}
STYLE = """<style>
.course-lab .ci-top, .course-lab .ci-two, .course-lab .ci-maps, .course-lab .ci-dials, .course-lab .ci-six {
  display: grid; gap: 0 14px; overflow: visible; }
.course-lab .ci-top { grid-template-columns: 1.4fr 1fr 1.6fr; }
.course-lab .ci-two { grid-template-columns: minmax(0, 1fr) minmax(0, 1.5fr); gap: 8px; margin: 6px 0; }
.course-lab .ci-maps { grid-template-columns: minmax(0, 1.55fr) minmax(0, 1fr); }
.course-lab .ci-line { grid-template-columns: minmax(0, 1fr); gap: 7px; }
.course-lab .ci-dials { grid-template-columns: 1fr 1fr; }
.course-lab .ci-six { grid-template-columns: repeat(3, minmax(0, 1fr)); }
.course-lab .ci-group { margin-bottom: 6px; }
.course-lab .cl-attention { border-top-color: #009E73; }
.course-lab .ci-pic { position: relative; line-height: 0; }
.course-lab .ci-pic img { width: 100%; height: 100%; image-rendering: pixelated; border-radius: 2px;
  box-shadow: 0 0 0 1px var(--cl-line); }
.course-lab .ci-pic i { position: absolute; box-sizing: border-box; pointer-events: none; }
.course-lab i.ci-now { border: 2px solid #111; min-width: 6px;
  box-shadow: 0 0 0 1px #fff, inset 0 0 0 1px #fff; }
.course-lab i.ci-patch { border: 2px solid #fff; box-shadow: 0 0 0 2px #0072B2, inset 0 0 0 1px #0072B2; }
.course-lab .ci-say { font-size: 12px; color: var(--cl-soft); line-height: 1.35; margin: 3px 0; }
.course-lab .ci-say b { color: var(--cl-ink); }
.course-lab .ci-text { font-size: 14px; line-height: 1.9; }
.course-lab .ci-coming { opacity: .55; }
.course-lab .ci-text mark { background: #F0E442; color: #111; padding: 1px 4px; border-radius: 3px; }
.course-lab .ci-text u { text-decoration: none; border-bottom: 3px solid #0072B2; }
.course-lab .ci-sum { display: flex; flex-wrap: wrap; align-items: end; gap: 4px 8px; font-size: 13px; }
.course-lab .ci-sum table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.course-lab .ci-sum caption { text-align: left; font-size: 12px; color: var(--cl-soft); white-space: nowrap; }
.course-lab .ci-sum td { width: 37px; height: 20px; padding: 0; text-align: center; font-size: 11px;
  color: #111; border: 1px solid #fff; }
.course-lab .ci-wide td { width: 29px; font-size: 9.5px; }
.course-lab .ci-sum th { font-size: 11px; font-weight: 400; color: var(--cl-soft); padding: 0 3px; }
.course-lab .ci-sum td.ci-pad {
  background: repeating-linear-gradient(45deg, #ccc 0 3px, #fff 3px 6px) !important; }
.course-lab .ci-sum td.ci-best { outline: 2px solid #111; outline-offset: -2px; font-weight: 700; }
.course-lab .ci-sum big { font-size: 18px; color: var(--cl-soft); }
@container (max-width: 640px) {
  .course-lab .ci-two, .course-lab .ci-maps, .course-lab .ci-top { grid-template-columns: minmax(0, 1fr); }
  .course-lab .ci-six { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
</style>"""


# ---------------------------------------------------------------------------------------------------
# Pictures


def tint(values, above, below=BROWN, scale=None, strength=1.0):
    """Colours for numbers: white at 0, `above` at `scale` (the largest of all, or one for each channel)."""
    scale = np.abs(values).max() if scale is None else scale
    share = (values / np.maximum(scale, 1e-9)).clip(-1, 1)[..., None] * strength
    ends = np.where(share < 0, below, above)
    return (255 + np.abs(share) * (ends - 255.0)).astype("uint8")


def uri(pixels):
    """A PNG of an array (height, width, 3 or 4) of bytes."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def picture(pixels, alt, style="", over=""):
    """An array of bytes as an image of hard pixels; `over` is drawn on top of it."""
    image = f'<img alt="{html.escape(alt)}" src="{uri(pixels)}">'
    return f'<div class="ci-pic" style="{style}">{image}{over}</div>'


def box(kind, top, left, bottom, right, rows, columns):
    """An outline over a picture of `rows` by `columns`."""
    edges = {"top": top / rows, "left": left / columns, "height": (bottom - top) / rows}
    edges["width"] = (right - left) / columns
    return f'<i class="ci-{kind}" style="{";".join(f"{k}:{100 * v:.2f}%" for k, v in edges.items())}"></i>'


def grey(frame):
    """The bytes of a frame (height, width, 1 or 3) of numbers from 0 to 1."""
    return np.broadcast_to((frame.clip(0, 1) * 255).astype("uint8"), (*frame.shape[:2], 3))


def say(words):
    return f'<div class="ci-say">{words}</div>'


def number(value, digits=2, sign=""):
    """A number as it is read: with a real minus, and never a zero below zero."""
    return f"{round(float(value), digits) + 0.0:{sign}.{digits}f}".replace("-", "−")


def signed(value, digits=2):
    return number(value, digits, "+")


def svg(wide, tall, words, parts):
    size = f'viewBox="0 0 {wide} {tall}" style="width:100%;max-width:{1.1 * wide:.0f}px"'
    words = f'role="img" aria-label="{html.escape(words)}"'
    return f'<svg {size} {words} xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def text(x, y, words, anchor="start", colour=INK, more=""):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" text-anchor="{anchor}" style="fill:{colour};{more}">'
        f"{html.escape(str(words))}</text>"
    )


def bar(x, y, wide, tall, colour, more=""):
    edges = f'x="{x:.1f}" y="{y:.1f}" width="{max(wide, 0.5):.1f}" height="{tall:.1f}"'
    return f'<rect {edges} style="fill:{colour};{more}"/>'


def line(points, colour, more=""):
    points = list(points) * (2 if len(points) == 1 else 1)
    return (
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="none" '
        f'style="stroke:{colour};stroke-width:1.8;stroke-linecap:round;{more}"/>'
    )


# ---------------------------------------------------------------------------------------------------
# What comes in, and the answers


def clip(frames, now, window):
    """The frame of this step, large, with the patch that the selected value sees; below it all frames."""
    count, tall, wide, _ = frames.shape
    over = box("patch", *window, tall, wide) if window else ""
    seen = "; outlined: what the selected value sees" if window else ""
    large = picture(grey(frames[now]), f"Frame {now + 1} of {count}{seen}.", "max-width:230px", over)
    strip = picture(
        grey(frames.transpose(1, 0, 2, 3).reshape(tall, count * wide, -1)),
        f"All {count} frames side by side, frame {now + 1} outlined.",
        "margin-top:6px",
        box("now", 0, now, 1, now + 1, 1, count),
    )
    return large + strip * (count > 1)


def sentence(words, now, window):
    """The review: the current word marked, coming words pale, what the selected value sees underlined."""
    parts = []
    for number, word in enumerate(words):
        if word:
            said = html.escape(str(word))
            said = f"<mark>{said}</mark>" if number == now else said
            said = f"<u>{said}</u>" if window and window[1] <= number < window[3] else said
            parts.append(f'<span class="ci-coming">{said}</span>' if number > now else said)
    seen = " Underlined in blue: what the selected value sees." if window else ""
    return f'<div class="ci-text">{" ".join(parts)}</div>' + say(
        f"Marked: this word. Pale: still to come.{seen}"
    )


def plotted(curves, wide):
    """Points for curves that share their axes, and the labels of the axis upwards."""
    low, top = min(0.0, *(float(curve.min()) for curve in curves)), max(float(c.max()) for c in curves)
    span = max(top - low, 1e-9)
    made = [
        [(30 + wide * i / max(len(c) - 1, 1), 130 - 110 * (v - low) / span) for i, v in enumerate(c)]
        for c in curves
    ]
    return made, [text(26, y, number(v, 1), "end", SOFT) for y, v in ((24, top), (134, low))]


def series(volumes, now, window):
    """The volumes of the hours gone by, those after `now` pale, with what the selected value sees shaded."""
    (points,), parts = plotted([volumes], 285)
    if window:
        left, right = points[window[1]][0], points[window[3] - 1][0]
        parts.append(bar(left - 1, 14, right - left + 2, 122, "#0072B2", "fill-opacity:.3"))
    parts += [line(points[now:], SOFT, "opacity:.6"), line(points[: now + 1], INK)]
    x, y = points[now]
    parts += [line([(x, 14), (x, 136)], "#0072B2"), bar(x - 3, y - 3, 6, 6, "#0072B2")]
    said = f"Hour {now + 1} of {len(volumes)}: {number(volumes[now])} thousand vehicles."
    shaded = " Shaded: what the selected value sees." if window else ""
    return svg(320, 140, f"The traffic so far. {said}", parts) + say(f"{said} Pale: still to come.{shaded}")


def bars(label, shares, words, truth):
    """One bar a class; the likeliest is bold, the true one has a tick and the word."""
    best, tall = int(np.argmax(shares)), 17
    parts = [text(0, 13, label, more="font-weight:600")]
    for number, share in enumerate(shares):
        y, bold = 22 + tall * number, "font-weight:700" * (number == best)
        true = " ✓ true" * (number == truth)
        parts.append(text(76, y + 12, words[number], "end", more=bold))
        parts.append(bar(80, y + 2, 55 * float(share), 12, INK if number == best else "#9aa2ad"))
        parts.append(text(84 + 55 * float(share), y + 12, f"{share:.0%}{true}", more=bold))
    said = f"{label}: the answer is {words[best]} with {shares[best]:.0%}; true is {words[truth]}."
    return svg(212, 28 + tall * len(shares), said, parts)


def forecast(label, values, truth):
    """Forecast and truth of the hours to come."""
    (guessed, true), parts = plotted([values, truth], 270)
    parts += [line(guessed, INK, "stroke-dasharray:5 4;stroke-width:2.4"), line(true, SOFT)]
    ends = [guessed[-1][1], true[-1][1]]
    if abs(ends[0] - ends[1]) < 14:  # the names would stand on each other
        ends[int(ends[0] <= ends[1])] = min(ends) + 14
    parts += [text(305, ends[0] + 4, "forecast", more="font-weight:700"), text(305, ends[1] + 4, "truth")]
    error = float(np.abs(values - truth).mean()) * 1000
    said = f"{len(values)} hours to come. Forecast (dashed) and truth are {error:,.0f} vehicles an hour apart"
    return svg(370, 140, f"{label}: {said} on average.", parts) + say(
        f"{said}{' on average' * (len(values) > 1)}."
    )


# ---------------------------------------------------------------------------------------------------
# Maps, sums, gates, attention


def sheet(planes, scale):
    """All maps of one step side by side: the bytes, and how many stand in a column and in a row."""
    tall, wide, count = planes.shape
    across = int(np.ceil(np.sqrt(1.7 * count * tall / wide)))
    down, times = -(-count // across), max(1, 440 // (across * (wide + 2)))
    tiles = np.full((down * across, tall * times + 4, wide * times + 4, 4), (138, 144, 153, 90), "uint8")
    tiles[count:] = 0
    pixels = tint(planes, BLUE, BROWN, scale).transpose(2, 0, 1, 3).repeat(times, 1).repeat(times, 2)
    tiles[:count, 2:-2, 2:-2, :3], tiles[:count, 2:-2, 2:-2, 3] = pixels, 255
    rows = tiles.reshape(down, across, *tiles.shape[1:]).transpose(0, 2, 1, 3, 4)
    return rows.reshape(down * tiles.shape[1], -1, 4), down, across


def numbers(values, title, fits, heads=(), best=None):
    """A small table of numbers with colour; large ones as colour only. What is padding is hatched."""
    values, fits = np.atleast_2d(values), np.atleast_2d(fits)
    colours, digits = tint(values, BLUE, BROWN, strength=0.55), 2 if np.abs(values).max() >= 0.1 else 3
    if max(values.shape) > NUMBERS:
        said = f"{title}: {' by '.join(map(str, values.shape))} numbers as colours."
        return f"<div>{say(title)}{picture(tint(values, BLUE, BROWN), said, 'width:160px')}</div>"
    rows = "".join(f"<th>{html.escape(str(head))}</th>" for head in heads)
    for row, colour_row in enumerate(colours):
        rows += "</tr><tr>"
        for column, colour in enumerate(colour_row):
            kind = "" if fits[row, column] else "ci-pad"
            kind = "ci-best" if best == (row, column) else kind
            shade = f"rgb({','.join(map(str, colour))})"
            rows += (
                f'<td class="{kind}" style="background:{shade}">{number(values[row, column], digits)}</td>'
            )
    return f"<table><caption>{title}</caption><tr>{rows}</tr></table>"


def pooled(one, heads):
    """The window of a pooling and its largest value."""
    window = np.atleast_2d(one.patch)
    best = np.unravel_index(window.argmax(), window.shape)
    table = numbers(one.patch, "window: what it was given", one.inside, heads, tuple(map(int, best)))
    said = f"<span>largest value: <b>{number(one.value, 3)}</b></span>"
    return f'<div class="ci-sum">{table}<big>→</big>{said}</div>'


def summed(one, channel, heads):
    """Patch, kernel and products of one channel, then the sum over all of them."""
    patch, kernel, every = one.patch[..., channel], one.kernel[..., channel], np.ones(one.inside.shape, bool)
    told = f"products, sum {signed(one.products[channel], 3)}"
    tables = [
        numbers(patch, f"patch, channel {channel}", one.inside, heads),
        numbers(kernel, f"kernel, channel {channel}", every),
        numbers(patch * kernel, told, every),
    ]
    order = np.argsort(-np.abs(one.products), kind="stable")
    told = ", ".join(f"{signed(one.products[c], 3)} (ch. {c})" for c in order[:NAMED])
    if len(order) > NAMED:
        told += f", the {len(order) - NAMED} others together {signed(one.products[order[NAMED:]].sum(), 3)}"
    count = f"all {len(order)} channels" if len(order) > 1 else "the one channel"
    edge = "The white edge" if patch.shape[-1] > NUMBERS else "Hatched"
    padding = "" if one.inside.all() else f" {edge}: zeros of the padding."
    return (
        f'<div class="ci-sum{" ci-wide" * (patch.shape[-1] > 5)}">{"<big>×</big>".join(tables[:2])}'
        f"<big>=</big>{tables[2]}</div>"
        + say(f"Sum of each channel: {told}.{padding}")
        + f'<div class="ci-sum"><span>sum over {count} <b>{signed(one.products.sum(), 3)}</b>, bias '
        f"<b>{signed(one.bias, 3)}</b>, together <b>{signed(one.total, 3)}</b>; "
        f"ReLU {'leaves it' if one.total > 0 else 'makes it 0'}: <b>{number(one.value, 3)}</b></span></div>"
    )


def gates(lstm, place, step):
    """Six heat maps of units by steps, a cursor at the step."""
    figures = []
    for name, said in KINDS.items():
        values = getattr(lstm, name).T
        scale = max(1.0, float(np.abs(values).max()))
        units, steps = values.shape
        alt = f"{name} of {lstm.title}: {units} units (down) by {steps} steps, mean {values.mean():.2f}."
        over = box("now", 0, place[0], 1, place[1], 1, steps)
        tall = min(max(70, 2 * units), 110)
        heat = picture(tint(values, VERMILLION, VIOLET, scale), alt, f"height:{tall}px", over)
        most = f" (full colour: ±{scale:.1f})" if name == "cell" else ""
        mean = number(values[:, place[0] : place[1]].mean())
        figures.append(f"<div>{heat}{say(f'{said}{most}; mean here {mean}')}</div>")
    words = f"{units} units from top to bottom, {steps} steps from left to right; the box is at {step}."
    return f'<div class="ci-six">{"".join(figures)}</div>' + say(f"{words} White 0, vermillion 1, violet −1.")


def attended(weights, place):
    """Green bars over the steps, the current ones outlined."""
    wide, tall, count = 700, 96, len(weights)
    each, top, best = (wide - 4) / count, float(weights.max()), int(weights.argmax())
    parts = []
    for number, weight in enumerate(weights):
        x, high = 2 + each * number, 62 * float(weight) / top
        parts.append(bar(x + each * 0.08, 80 - high, each * 0.84, high, "#009E73"))
        if count <= 12 or number == best:
            parts.append(text(min(max(x + each / 2, 14), wide - 14), 74 - high, f"{weight:.2f}", "middle"))
    x, span = 2 + each * place[0], each * (place[1] - place[0])
    parts.append(bar(x, 2, max(span, 3), 80, "none", f"stroke:{INK};stroke-width:1.5"))
    parts.append(text(2, 94, "step 1", colour=SOFT) + text(wide - 2, 94, f"step {count}", "end", SOFT))
    said = f"Attention over {count} steps, together 1: the largest weight, {top:.2f}, is at step {best + 1}."
    return svg(wide, tall, said, parts) + say(said)


# ---------------------------------------------------------------------------------------------------
# The panel


def _slider(label):
    style = {"description_width": "64px"}
    return widgets.IntSlider(min=0, max=1, description=label, style=style, layout={"width": "auto"})


def _list(label):
    return widgets.Dropdown(description=label, style={"description_width": "64px"}, layout={"width": "auto"})


def _classed(made, *names):
    for name in names:
        made.add_class(name)
    return made


def _offer(dropdown, options):
    """Set the options of a list; what was chosen stays chosen if it is still there."""
    if tuple(dropdown.options) != tuple(options):
        chosen = dropdown.value
        dropdown.options = options
        values = [value for _, value in options]
        dropdown.value = chosen if chosen in values else values[0] if values else None


def _reach(slider, last):
    """Let a slider go from 0 to `last`; hide it where there is only one position."""
    slider.max = max(last, 1)
    slider.value = min(slider.value, last)
    slider.layout.display = None if last else "none"


class Inside:
    """Look into trained networks, one example at a time. `view` is what a notebook shows.

    Everything can be turned with the keyboard, and read again from the controls: `inside.step.value = 3`.
    """

    def __init__(self):
        self._runs, self._traces, self._answered, self._quiet = [], {}, {}, False
        self.run, self.stage, self.lstm, self.channel = map(_list, ("Run", "Maps of", "LSTM", "Channel"))
        self.step, self.filter, self.row, self.column = map(_slider, ("Step", "Filter", "Row", "Column"))
        self.step.min = 1
        self.example = widgets.BoundedIntText(min=0, description="Example", layout={"width": "auto"})
        self.example.style.description_width = "64px"
        self.message, self.seen, self.answers, self.sum = (widgets.HTML() for _ in range(4))
        self.gates, self.attention, self.caption = (widgets.HTML() for _ in range(3))
        self.sheet, self.picker = MapPicker(), MapPicker()
        for control, action in (
            *((one, self._load) for one in (self.run, self.example)),
            (self.stage, self._strongest),
            *((one, self._draw) for one in (self.filter, self.lstm)),
            *((one, self._point) for one in (self.row, self.column, self.channel)),
            (self.step, self._stepped),
        ):
            control.observe(partial(self._turned, action), "value")
        self.sheet.observe(partial(self._turned, self._chosen), ["row", "column"])
        self.picker.observe(partial(self._turned, self._picked), ["row", "column"])
        self._lay_out()
        self.show([])

    def _lay_out(self):
        top = _classed(widgets.Box([self.run, self.example, self.step]), "ci-top")
        self._seen_card = group("other", "What comes in", "at this step", self.seen)
        answers = group("other", "What it would answer now", "after the steps so far", self.answers)
        dials = _classed(widgets.Box([self.stage, self.filter, self.row, self.column]), "ci-dials")
        self._pictures = _classed(widgets.Box([self.sheet, self.picker]), "ci-maps")
        sums = [self.channel, self.sum]
        remark = "point at a value, or move it with the sliders"
        self._cnn = group("cnn", "Feature maps", remark, dials, self.caption, self._pictures, *sums)
        self._lstm = group("lstm", "Gates and memory of the LSTM", "at every step", self.lstm, self.gates)
        self._attention = group(
            "attention", "Attention", "how much each step of the whole counts", self.attention
        )
        for part in (self._cnn, self._lstm, self._attention):
            part.add_class("ci-group")
        halves = _classed(widgets.Box([self._seen_card, answers]), "ci-two")
        self._body = widgets.VBox([halves, self._cnn, self._lstm, self._attention])
        self.view = widgets.VBox([widgets.HTML(STYLE), top, self.message, self._body])

    def show(self, runs):
        """Offer the trained ones among these runs.

        Parameters
        ----------
        runs : list
            With `letter`, `name`, `built`, `epochs` and `feed`; what has no epoch behind it is left out.
        """
        with LOCK:
            self._runs = [run for run in runs if run.built is not None and run.epochs]
            self._traces, self._answered = {}, {}
            self._safely(self._offer_runs)

    def _offer_runs(self):
        _offer(self.run, [(f"{run.letter}: {run.name}", run.letter) for run in self._runs])
        for part in (self._body, self.run, self.example, self.step):
            part.layout.display = None if self._runs else "none"
        if self._runs:
            self._load()
        else:
            words = "Nothing is trained yet. Train a network, then look inside it here."
            self.message.value = note("hint", words)

    def _turned(self, action, _):
        with LOCK:
            if not self._quiet and self._runs:
                self._safely(action)

    def _safely(self, action):
        self._quiet = True  # what is set below sets off nothing
        try:
            self.message.value = ""
            action()
        except Exception as problem:  # whatever it is, the learner reads it here: a log nobody sees
            self.message.value = note("warning", f"This cannot be shown. {type(problem).__name__}: {problem}")
        finally:
            self._quiet = False

    # From the controls to what is shown

    def _load(self):
        """Take up a run and an example."""
        run = next(run for run in self._runs if run.letter == self.run.value)
        self.example.max = run.feed.count - 1
        number, self._state, self._built, self._names = (
            self.example.value,
            run.state,
            run.built,
            run.feed.names,
        )
        self._x, self._truth, self._shown = run.feed.example(number)
        if (key := (run.letter, run.epochs, number)) not in self._traces:
            self._traces[key] = inside.trace(run.built, self._x)
        self._key, self._trace = key, self._traces[key]
        words = np.flatnonzero([bool(word) for word in self._shown]) if self._state.task == "reviews" else [0]
        self._first = int(words[0]) if len(words) else 0  # where the padding ends
        last = len(self._x) - self._first
        if self.step.max != last:
            self.step.max = max(last, 2)
            self.step.value = last
        self.step.layout.display = None if last > 1 else "none"
        self.step.description = self._state.step.capitalize()
        stages = [(maps.title, number) for number, maps in enumerate(self._trace.maps)]
        new = tuple(self.stage.options) != tuple(stages)
        _offer(self.stage, stages)
        _offer(self.lstm, [(lstm.title, number) for number, lstm in enumerate(self._trace.lstms)])
        for part, there in ((self._cnn, self._trace.maps), (self._lstm, self._trace.lstms)):
            part.layout.display = None if there else "none"
        self.lstm.layout.display = None if len(self._trace.lstms) > 1 else "none"
        self._attention.layout.display = "none" if self._trace.attention is None else None
        self._answer()
        self._strongest() if new and stages else self._stepped()

    @property
    def _now(self):
        """The step of the input, from 0."""
        return min(self._first + self.step.value, len(self._x)) - 1

    @property
    def _maps(self):
        return self._trace.maps[self.stage.value]

    def _strongest(self):
        """Begin with the largest value of these maps at this step."""
        planes = self._maps.at(self._now, self._maps.gives)
        self._follow()
        if planes.shape[0] == 1:
            self.filter.max = planes.shape[-1]
            self.filter.value = int(planes[0, self.column.value].argmax())
        else:
            spot = np.unravel_index(planes.argmax(), planes.shape)
            for slider, value in zip((self.row, self.column, self.filter), spot, strict=True):
                slider.max = max(slider.max, int(value))
                slider.value = int(value)
        self._draw()

    def _stepped(self):
        self._follow()
        self._answer()
        self._draw()

    def _follow(self):
        """Where time runs along the map, the selected column is that of the step."""
        if self._trace.maps and self._maps.axes == 1 and not self._maps.timed:
            column = inside.place(self._now, self._maps.steps, len(self._maps.gives))[0]
            self.column.max = max(self.column.max, column)
            self.column.value = column

    def _answer(self):
        key = (*self._key, self.step.value)
        if key not in self._answered:
            self._answered[key] = inside.answer_after(self._built, self._x, self._now + 1)
        answers, how = self._answered[key]
        if self._state.task == "traffic":
            shown = [forecast(label, values, self._truth[label]) for label, values in answers.items()]
        else:
            shown = [
                bars(label, v, self._names[label], int(self._truth[label])) for label, v in answers.items()
            ]
        grid = f"display:grid;gap:4px;grid-template-columns:repeat({len(shown)},minmax(0,1fr))"
        words = say(html.escape(f"{how[:1].upper()}{how[1:]}."))
        self.answers.value = f'<div style="{grid}">{"".join(shown)}</div>{words}'

    def _draw(self):
        """Draw the maps, gates and attention at this step."""
        at = f"{self._state.step} {self.step.value}"
        if self._trace.maps:
            self._draw_maps()
        if self._trace.lstms:
            lstm = self._trace.lstms[self.lstm.value]
            spot = inside.place(self._now, len(self._x), len(lstm.cell))
            self.gates.value = gates(lstm, spot, at)
        if (weights := self._trace.attention) is not None:
            self.attention.value = attended(weights, inside.place(self._now, len(self._x), len(weights)))
        self._point()

    def _draw_maps(self):
        maps = self._maps
        planes = maps.at(self._now, maps.gives)
        rows, columns, filters = planes.shape
        for slider, count in ((self.filter, filters), (self.row, rows), (self.column, columns)):
            _reach(slider, count - 1)
        flat, chosen = rows == 1, self.filter.value
        scale = np.abs(maps.gives).max(tuple(range(maps.gives.ndim - 1)))  # one for each filter
        self._pictures.add_class("ci-line") if flat else self._pictures.remove_class("ci-line")
        pixels, down, across = (tint(planes[0], BLUE, BROWN, scale).transpose(1, 0, 2), filters, columns)
        if not flat:
            pixels, down, across = sheet(planes, scale)
        with self.sheet.hold_sync():
            self.sheet.image, self.sheet.rows, self.sheet.columns = uri(pixels), down, across
            self.sheet.aspect = (
                700 / min(max(4 * filters, 70), 200) if flat else pixels.shape[1] / pixels.shape[0]
            )
            what = "one row for each filter" if flat else "one tile for each filter"
            self.sheet.label = f"All {filters} feature maps of {maps.title}, {what}. Select one."
        with self.picker.hold_sync():
            one = planes[..., chosen]
            self.picker.image = uri(tint(one, BLUE, BROWN, scale[chosen]))
            self.picker.rows, self.picker.columns = rows, columns
            size = f"{rows} by {columns} values from {number(one.min())} to {number(one.max())}."
            self.picker.label = f"Feature map of filter {chosen}, {size}"
        when = "after the last step"
        if maps.timed or flat:
            when = f"at {self._state.step} {self.step.value}" if maps.timed else "over all steps"
        below = "below it, larger, that" if flat else "beside it, larger, that"
        brown = ", brown below 0" * bool((planes < 0).any())
        self.caption.value = say(
            f"All {filters} maps {when}; {below} of filter <b>{chosen}</b>. "
            f"White is 0{brown}, full blue the largest value of each filter."
        )

    def _chosen(self):
        """A filter was selected on the sheet; where it has only one axis, a column with it."""
        row, column = self.sheet.row, self.sheet.column
        if self.picker.rows == 1:
            self.filter.value, self.column.value = row, column
        else:
            self.filter.value = row * self.sheet.columns + column
        self._draw()

    def _picked(self):
        self.row.value, self.column.value = self.picker.row, self.picker.column
        self._point()

    def _point(self):
        """Show where the selected value comes from."""
        window = None
        if self._trace.maps:
            row, column, chosen = self.row.value, self.column.value, self.filter.value
            self._mark(row, column, chosen)
            window = inside.sees(self._trace, self.stage.value, row, column)
            self._explain(row, column, chosen)
        draw = {"digits": clip, "reviews": sentence}.get(self._state.task)
        shown = self._shown if draw else self._shown[:, 0]
        self.seen.value = (draw or series)(shown, self._now, window)

    def _mark(self, row, column, chosen):
        flat, across = self.picker.rows == 1, self.sheet.columns
        for picker, place in (
            (self.picker, (row, column)),
            (self.sheet, (chosen, column) if flat else divmod(chosen, across)),
        ):
            with picker.hold_sync():
                picker.row, picker.column = place

    def _explain(self, row, column, chosen):
        maps = self._maps
        self.channel.layout.display = "none"
        try:
            one = inside.explain(self._trace, self.stage.value, self._now, row, column, chosen)
        except ValueError as problem:
            self.sum.value = say(html.escape(str(problem)))
            return
        heads = self._heads(maps, column) if maps.axes == 1 else ()
        if maps.kind == "pooling":
            self.sum.value = pooled(one, heads)
            return
        count = len(one.products)
        _offer(self.channel, [("the one that counts most", -1), *((f"{c}", c) for c in range(count))])
        self.channel.layout.display = None if count > 1 else "none"
        channel = int(np.abs(one.products).argmax()) if self.channel.value == -1 else self.channel.value
        self.sum.value = summed(one, channel, heads)

    def _heads(self, maps, column):
        """What stands above a patch along time: words where there are words, otherwise positions."""
        size, stride, before = (int(each[1]) for each in maps.window)
        count = maps.at(0, maps.given).shape[1]
        places = column * stride - before + np.arange(size)
        words = self._state.task == "reviews" and count == len(self._x)
        named = lambda i: (self._shown[i] or "·") if words else i  # noqa: E731
        return [named(i) if 0 <= i < count else "" for i in places]
