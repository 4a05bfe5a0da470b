"""The architecture lab: turn the layers of a CNN -> LSTM and see at once what it becomes."""

import hashlib
from dataclasses import replace

import ipywidgets as widgets

from course_utils.labs import diagram, video
from course_utils.labs.base import STYLE, Lab, group
from course_utils.labs.video import PRESETS, VideoState

MOST_ROWS = 4


class ArchitectureLab(Lab):
    """Alter the layers of a CNN -> LSTM video classifier; shapes, cost and receptive field follow at once.

    Parameters
    ----------
    start : str or VideoState
        Where to begin: "ours" (the hybrid of lesson 04), "textbook", "pooled", a state string
        copied from another lab, or a state.
    **blocks
        Blocks to set otherwise than `start`: `clip=(frames, size)`,
        `convolutions=[(filters, kernel, stride, pool, padding), ...]`, `joint="flatten"` or
        `("dense", units, normalise)`, `lstm=(units, layers, both)`, `answer="move"`, `seed=0`.
        Later entries of a tuple may be left out.

    Examples
    --------
    >>> lab = ArchitectureLab("textbook", clip=(8, 48))
    >>> lab                      # in a notebook: the lab itself
    >>> lab.model().summary()    # the Keras model it is set to, not yet trained
    """

    state_class = VideoState
    title = "Architecture lab"

    def __init__(self, start="ours", **blocks):
        super().__init__(starting_state(start, blocks))
        self._begin, rows = self.state, list(self.state.convolutions)
        self._rows = rows + [video.Convolution(rows[-1].filters)] * (MOST_ROWS - len(rows))  # hidden rows too
        self.picture = widgets.HTML()
        self.picture.add_class("cl-picture")
        self.mark = widgets.HTML(layout={"display": "none"})
        self.view = widgets.VBox(
            [
                widgets.HTML(STYLE, layout={"display": "none"}),
                self.mark,
                self._panel(),
                self.advice_box,
                self.picture,
                widgets.HBox([self.line, self.seed, self.back]),
                self.message,
            ]
        )
        self.view.add_class("course-lab")
        self.state = self.state

    # Controls

    def _panel(self):
        self.count = widgets.Dropdown(
            options=[(f"{n} convolution{'s' * (n > 1)}", n) for n in (1, 2, 3, 4)],
            description="Number of convolutions",
            layout={"width": "auto"},
        )
        self.count.add_class("cl-bare")
        self.count.observe(self._counted, "value")
        self.presets = widgets.Dropdown(
            description="Start from",
            style={"description_width": "72px"},
            layout={"width": "auto"},
            options=[("choose …", ""), *((name, name) for name in PRESETS)],
        )
        self.presets.observe(self._preset, "value")
        self.back = widgets.Button(description="Back to the start")
        self.back.on_click(lambda _: setattr(self, "state", self._begin))
        self.seed = self.add_control("seed")

        def of(block):
            return [self.add_control(f"{block}.{name}") for name in type(getattr(self.state, block)).dials()]

        groups = {
            "clip": group("other", "Clip", "what comes in", *of("clip")),
            "cnn": group("cnn", "CNN", "the same on every frame", self.count, self._table()),
            "joint": group("other", "Joint", "a frame becomes a vector", *of("joint")),
            "lstm": group("lstm", "LSTM", "reads them in order", *of("lstm")),
            "answer": group("other", "Answer", "what is asked", *of("answer"), self.presets),
        }
        for path in ("joint.kind_of", "answer.labels"):
            self.controls[path].add_class("cl-bare")
        for name, box in groups.items():
            box.layout.grid_area = name
        panel = widgets.GridBox(list(groups.values()))
        panel.add_class("cl-groups")
        return panel

    def _table(self):
        """A row of dials for each convolution."""
        block = video.Convolution.dials()
        shown, self._state = self._state, self._state.change("convolutions", tuple(self._rows))
        cells = [widgets.HTML(one.label) for one in block.values()]
        self._cells = []
        for row in range(MOST_ROWS):
            made = [
                self.add_control(f"convolutions.{row}.{name}", f"{one.label} of convolution {row + 1}")
                for name, one in block.items()
            ]
            for cell in made:
                cell.layout.width = "auto"
            self._cells.append(made)
            cells.extend(made)
        self._state = shown
        grid = widgets.GridBox(cells, layout={"grid_template_columns": "1fr 1fr 0.8fr 1.1fr 1.1fr"})
        grid.add_class("cl-rows")
        return grid

    def mirror(self):
        rows = self.state.convolutions
        self._rows[: len(rows)] = rows
        for path, made in self.controls.items():
            _, _, rest = path.partition("convolutions.")
            if not rest or int(rest[0]) < len(rows):
                made.value = self.state.get(path)
        self.count.value = len(rows)
        for row, cells in enumerate(self._cells):
            for cell in cells:
                cell.layout.display = None if row < len(rows) else "none"
        for name, one in video.Joint.dials().items():
            if one.needs:
                self.controls[f"joint.{name}"].disabled = not one.needs(self.state.joint)
        self.presets.value = next((name for name, state in PRESETS.items() if state == self.state), "")

    def _counted(self, change):
        if not self._quiet:
            self.state = self.state.change("convolutions", tuple(self._rows[: change["new"]]))

    def _turned(self, path, value):
        name, _, rest = path.partition(".")
        row, _, dial = rest.partition(".")
        if name == "convolutions" and int(row) >= len(self.state.convolutions):
            self._rows[int(row)] = replace(self._rows[int(row)], **{dial: value})
        else:
            super()._turned(path, value)

    def _preset(self, change):
        if not self._quiet and change["new"]:
            self.state = PRESETS[change["new"]]

    # Picture

    @property
    def composition(self):
        """Shapes, parameters, multiply-adds and receptive field of what is dialled in."""
        return video.compose(self.state)

    def show(self):
        made = self.composition
        self.picture.value = diagram.diagram(made)
        self.mark.value = self.tag()
        self.show_notes(made.notes or (video.Note("fine", video.summary(made)),))

    def model(self):
        """The Keras model that is dialled in, untrained; its weights follow from the seed."""
        return video.model(self.state)

    @property
    def pictured(self):
        return self.state.change("budget", video.Budget())

    @property
    def alt(self):
        return diagram.alt(self.composition)

    def fingerprint(self):
        return hashlib.sha256(diagram.diagram(self.composition).encode()).hexdigest()[:16]


def starting_state(start, blocks):
    """The state a lab starts from: a preset by name, a state string or a state, and blocks that differ."""
    if isinstance(start, str):
        start = PRESETS[start] if start in PRESETS else VideoState.parse(start)
    for name, value in blocks.items():
        start = start.change(name, value)
    return start
