"""The panel that looks inside a trained network: one example, step by step, down to a single sum."""

import html
from functools import cache, partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from course_utils.labs.architecture import inside
from course_utils.labs.architecture import inside_pictures as pictures
from course_utils.labs.core.drawing import BLUE, BROWN, number, tint, uri
from course_utils.labs.core.lab import classed, group
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import note
from course_utils.labs.core.pointer import MapPicker

STYLE = Path(__file__).with_name("inside.css")
WIDE = {"style": {"description_width": "64px"}, "layout": {"width": "auto"}}


def offer(dropdown, options):
    """Set the options of a list; what was chosen stays chosen if it is still there."""
    if tuple(dropdown.options) != tuple(options):
        chosen = dropdown.value
        dropdown.options = options
        values = [value for _, value in options]
        dropdown.value = chosen if chosen in values else values[0] if values else None


def _reach(slider, count):
    """Let a slider go from 1 to `count`; hide it where there is only one position."""
    slider.max = max(count, 2)
    slider.value = min(slider.value, count)
    slider.layout.display = None if count > 1 else "none"


def _select(slider, place):
    """Move a slider to a place that counts from 0, as far as that may be."""
    slider.max = max(slider.max, int(place) + 1)
    slider.value = int(place) + 1


class Inside:
    """Look into trained networks, one example at a time. `view` is what a notebook shows.

    Everything can be turned with the keyboard, and read again from the controls: `inside.step.value = 3`.
    What a learner sees counts from 1.
    """

    def __init__(self):
        self._runs, self._quiet, self._built = [], False, None
        self._key = None  # what is shown: network, epochs, example
        self.run, self.stage, self.lstm, self.channel = (
            widgets.Dropdown(description=name, **WIDE) for name in ("Run", "Maps of", "LSTM", "Channel")
        )
        self.step, self.filter, self.row, self.column, self.unit = (
            widgets.IntSlider(1, min=1, max=2, description=name, **WIDE)
            for name in ("Step", "Filter", "Row", "Column", "Unit")
        )
        self.example = widgets.BoundedIntText(1, min=1, description="Example", **WIDE)
        self.message, self.seen, self.answers, self.sum = (widgets.HTML() for _ in range(4))
        self.gates, self.attention, self.caption = (widgets.HTML() for _ in range(3))
        self.sheet, self.picker = MapPicker(), MapPicker()
        for control, action in (
            *((control, self._load) for control in (self.run, self.example)),
            (self.stage, self._strongest),
            (self.filter, self._draw_maps),
            *((control, self._point) for control in (self.row, self.column, self.channel)),
            (self.lstm, self._most_changing),
            (self.unit, self._draw_gates),
            (self.step, self._stepped),
        ):
            control.observe(partial(self._turned, action), "value")
        self.sheet.observe(partial(self._turned, self._chosen), ["row", "column"])
        self.picker.observe(partial(self._turned, self._picked), ["row", "column"])
        self._lay_out()
        self.show([])

    def _lay_out(self):
        top = classed(widgets.Box([self.run, self.example, self.step]), "ci-top")
        words = "The run as it was composed, as far as it is trained, whatever is dialled above by now."
        remark = classed(widgets.HTML(pictures.say(words)), "ci-remark")
        seen = group("other", "What comes in", "at this step", self.seen)
        answers = group("other", "What it would answer now", "after the steps so far", self.answers)
        dials = classed(widgets.Box([self.stage, self.filter, self.row, self.column]), "ci-dials")
        self._pictures = classed(widgets.Box([self.sheet, self.picker]), "ci-maps")
        shown = dials, self.caption, self._pictures, self.channel, self.sum
        hint = "point at a value, click to hold it, or use the sliders"
        self._cnn = group("cnn", "Feature maps", hint, *shown)
        units = classed(widgets.Box([self.lstm, self.unit]), "ci-dials")
        self._lstm = group("lstm", "Gates and memory of the LSTM", "over the steps", units, self.gates)
        hint = "how much each step of the whole counts"
        self._attention = group("attention", "Attention", hint, self.attention)
        comes = classed(widgets.Box([seen, answers]), "ci-comes")
        parts = classed(widgets.Box([self._cnn, self._lstm, self._attention]), "ci-parts")
        self._body = classed(widgets.Box([remark, comes, parts]), "ci-body")
        self.view = widgets.VBox([top, self.message, self._body])

    def show(self, runs):
        """Offer the trained ones among these runs.

        Parameters
        ----------
        runs : list
            With `letter`, `name`, `state`, `built`, `epochs` and `examples`; what has no epoch behind it is
            left out.
        """
        with LOCK:
            self._runs = [run for run in runs if run.built is not None and run.epochs]
            self._safely(self._offer_runs)

    def _offer_runs(self):
        known = {letter for _, letter in self.run.options}
        offer(self.run, [(f"{run.letter}: {run.name}", run.letter) for run in self._runs])
        if new := [run.letter for run in self._runs if run.letter not in known]:
            self.run.value = new[-1]
        for part in (self.run, self.example):
            part.layout.display = None if self._runs else "none"
        if self._runs:
            self._load()
        else:
            self._key, self.step.layout.display = None, "none"
            words = "Nothing is trained yet. Train a network, then look inside it here."
            self.message.value = note("hint", words)

    def _turned(self, action, _):
        with LOCK:
            if not self._quiet and self._runs:
                self._safely(action if self._key else self._load)

    def _safely(self, action):
        self._quiet = True  # what is set below sets off nothing
        try:
            self.message.value = ""
            action()
            self._body.layout.display = None if self._runs else "none"
        except inside.Diverged as problem:
            self._body.layout.display = "none"
            self.message.value = note("warning", f"There is nothing to look into. {problem}")
        except Exception as problem:  # whatever it is, the learner reads it here: a log nobody sees
            self.message.value = note("warning", f"This cannot be shown. {type(problem).__name__}: {problem}")
        finally:
            self._quiet = False

    # From the controls to what is shown

    def _load(self):
        """Take up a run and an example, unless they are shown already."""
        run = next(run for run in self._runs if run.letter == self.run.value)
        self.example.max = len(run.examples)
        key = run.built, run.epochs, self.example.value
        if key == self._key:
            return
        self._key, other = None, run.built is not self._built  # no key until all is drawn
        self._state, self._names = run.state, run.examples.names
        self._x, self._truth, self._shown = run.examples.example(self.example.value - 1)
        self._trace = inside.trace(run.built, self._x)
        self._after = cache(partial(inside.answer_after, run.built, self._x))  # so many steps
        self._built, words = run.built, self._shown if self._state.kind.in_words else ()
        self._first = next((place for place, word in enumerate(words) if word), 0)  # where the padding ends
        last = len(self._x) - self._first
        if self.step.max != last:
            self.step.max = max(last, 2)
            self.step.value = last
        self.step.layout.display = None if last > 1 else "none"
        self.step.description = self._state.kind.step.capitalize()
        stages = [(maps.title, number) for number, maps in enumerate(self._trace.maps)]
        new = tuple(self.stage.options) != tuple(stages)
        offer(self.stage, stages)
        offer(self.lstm, [(lstm.title, number) for number, lstm in enumerate(self._trace.lstms)])
        for part, there in ((self._cnn, self._trace.maps), (self._lstm, self._trace.lstms)):
            part.layout.display = None if there else "none"
        self.lstm.layout.display = None if len(self._trace.lstms) > 1 else "none"
        self._attention.layout.display = "none" if self._trace.attention is None else None
        if new and stages:
            self._strongest()
        if other and self._trace.lstms:
            self._most_changing()
        self._stepped()
        self._key = key

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
            _select(self.filter, planes[0, self.column.value - 1].argmax())
        else:
            spot = np.unravel_index(planes.argmax(), planes.shape)
            for slider, place in zip((self.row, self.column, self.filter), spot, strict=True):
                _select(slider, place)
        self._draw_maps()

    def _most_changing(self):
        """Begin with the unit of this LSTM whose cell state changes most."""
        _select(self.unit, self._trace.lstms[self.lstm.value].most_changing)
        self._draw_gates()

    def _stepped(self):
        self._follow()
        self._answer()
        self._draw_maps()
        self._draw_gates()
        if (weights := self._trace.attention) is not None:
            words = self._shown if self._state.kind.in_words and len(self._shown) == len(weights) else ()
            place = inside.place(self._now, len(self._x), len(weights))
            self.attention.value = pictures.attended(weights, place, words)

    def _follow(self):
        """Where time runs along the map, the selected column is that of the step."""
        if self._trace.maps and self._maps.axes == 1 and not self._maps.timed:
            _select(self.column, inside.place(self._now, self._maps.steps, len(self._maps.gives))[0])

    def _answer(self):
        (answers, how), shown, courses = self._after(self._now + 1), "", ""
        for label, values in answers.items():
            truth, names = self._truth[label], self._names.get(label)
            if self._state.kind.forecasts:
                drawn = pictures.forecast(label, values, truth)
            else:
                drawn = pictures.bars(label, values, names, int(truth))
            shown += f"<div>{drawn}</div>"
            if self._state.kind.in_space and len(self._x) > 1:
                shares = np.array([self._after(step + 1)[0][label] for step in range(len(self._x))])
                courses += pictures.course(label, shares, names, int(truth), self._now)
        words = pictures.say(html.escape(f"{how[:1].upper()}{how[1:]}."))
        self.answers.value = f'<div class="ci-answers">{shown}</div>{words}{courses}'

    @property
    def _at(self):
        return f"{self._state.kind.step} {self.step.value}"

    def _draw_gates(self):
        if self._trace.lstms:
            lstm = self._trace.lstms[self.lstm.value]
            steps, units = lstm.cell.shape
            _reach(self.unit, units)
            now, _ = inside.place(self._now, len(self._x), steps)
            self.gates.value = pictures.gates(lstm, now, self._at, self.unit.value - 1)

    def _draw_maps(self):
        if self._trace.maps:
            self._fill_maps()
        self._point()

    def _fill_maps(self):
        maps = self._maps
        planes = maps.at(self._now, maps.gives)
        rows, columns, filters = planes.shape
        for slider, count in ((self.filter, filters), (self.row, rows), (self.column, columns)):
            _reach(slider, count)
        where = self._state.kind.step if columns == maps.steps else "step"
        self.column.description = "Column" if maps.axes == 2 else f"At {where}"
        flat, chosen = rows == 1, self.filter.value - 1
        scale = np.abs(maps.gives).max(tuple(range(maps.gives.ndim - 1)))  # one for each filter
        if flat:
            self._pictures.add_class("ci-line")
            pixels, tile, beside = tint(planes[0], BLUE, BROWN, scale).transpose(1, 0, 2), "row", "below"
            down, across, aspect = filters, columns, 700 / min(max(4 * filters, 70), 200)
        else:
            self._pictures.remove_class("ci-line")
            (pixels, down, across), tile, beside = pictures.sheet(planes, scale), "tile", "beside"
            aspect = pixels.shape[1] / pixels.shape[0]
        with self.sheet.hold_sync():
            self.sheet.image, self.sheet.rows, self.sheet.columns = uri(pixels), down, across
            self.sheet.aspect = aspect
            what = f"All {filters} feature maps of {maps.title}, one {tile} for each filter"
            self.sheet.label = f"{what}. Select one."
        with self.picker.hold_sync():
            plane = planes[..., chosen]
            self.picker.image = uri(tint(plane, BLUE, BROWN, scale[chosen]))
            self.picker.rows, self.picker.columns = rows, columns
            low, high = (number(end) for end in (plane.min(), plane.max()))
            size = f"{rows} by {columns} values from {low} to {high}."
            self.picker.label = f"Feature map of filter {chosen + 1}, {size}"
        when = "over all steps" if flat else "after the last step"
        when = f"at {self._at}" if maps.timed else when
        brown = ", brown below 0" * bool((planes < 0).any())
        self.caption.value = pictures.say(
            f"All {filters} maps {when}; {beside} it, larger, that of filter <b>{chosen + 1}</b>. "
            f"White is 0{brown}, full blue the largest value of each filter."
        )

    def _chosen(self):
        """A filter was selected on the sheet; where it has only one axis, a column with it."""
        row, column = self.sheet.row, self.sheet.column
        if self.picker.rows == 1:
            self.filter.value, self.column.value = row + 1, column + 1
        else:
            self.filter.value = row * self.sheet.columns + column + 1
        self._draw_maps()

    def _picked(self):
        self.row.value, self.column.value = self.picker.row + 1, self.picker.column + 1
        self._point()

    def _point(self):
        """Show where the selected value comes from."""
        window, kind = None, self._state.kind
        if self._trace.maps:
            row, column, chosen = (slider.value - 1 for slider in (self.row, self.column, self.filter))
            tile = (chosen, column) if self.picker.rows == 1 else divmod(chosen, self.sheet.columns)
            for picker, place in ((self.picker, (row, column)), (self.sheet, tile)):
                with picker.hold_sync():
                    picker.row, picker.column = place
            window = inside.sees(self._trace, self.stage.value, row, column)
            self._explain(row, column, chosen)
        draw = pictures.clip if kind.in_space else pictures.sentence if kind.in_words else pictures.series
        self.seen.value = draw(self._shown, self._now, window)

    def _explain(self, row, column, chosen):
        maps = self._maps
        count = maps.given.shape[-1]
        self.channel.layout.display = None if maps.kind == "convolution" and count > 1 else "none"
        try:
            working = inside.explain(self._trace, self.stage.value, self._now, row, column, chosen)
        except ValueError as problem:
            self.sum.value = pictures.say(html.escape(str(problem)))
            return
        heads, along = (), maps.window[1]
        if maps.axes == 1:  # above a patch along time stand words, or else positions
            words = self._state.kind.in_words and along.n == len(self._x)
            names = self._shown if words else range(1, along.n + 1)
            heads = [(0 <= i < along.n and names[i]) or "·" for i in along.taps(column)]
        if maps.kind == "pooling":
            self.sum.value = pictures.pooled(working, heads)
            return
        offer(self.channel, [("the one that counts most", 0), *((f"{c}", c) for c in range(1, count + 1))])
        channel = self.channel.value or int(np.abs(working.products).argmax()) + 1
        self.sum.value = pictures.summed(working, channel - 1, heads)
