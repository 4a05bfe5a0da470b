"""The gate lab: one LSTM at work, step by step, with its gates held open or shut."""

from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from course_utils.labs.core.arguments import described, diverged, each, keyed, real_numbers
from course_utils.labs.core.dials import Real, Several, State, brief, dial
from course_utils.labs.core.lab import Lab, cards, classed, group, remark, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import observed
from course_utils.labs.gates import pictures
from course_utils.labs.gates.lstm import CELLS, INPUTS, ORDER, UnitAtStep
from course_utils.labs.gates.pictures import CLAMPS, NAMES

LENGTHS = range(4, 41)  # of an input
OWN = "own"
DIGITS = 2  # of every number of an input, so that slider and state string hold it as it is
STYLE = Path(__file__).with_name("lab.css")


# ---------------------------------------------------------------------------------------------------
# State


class GateState(State):
    """What a gate lab is set to. Each lab makes a subclass whose dials fit its cells and inputs."""

    version = "gat1"
    units, sequences = {}, {}  # of each cell and input by its name in the string
    spelled = ("cell", "input", "step")

    def __post_init__(self):
        super().__post_init__()
        if self.unit > self.units[self.cell]:
            has = "one unit" if self.units[self.cell] == 1 else f"{self.units[self.cell]} units"
            raise ValueError(f"Unit cannot be {self.unit}: cell '{self.cell}' has {has}.")
        if self.input == OWN and not self.own:
            raise ValueError("Input cannot be 'own' without a sequence: write one, such as own=0,1,0,0.5.")
        if self.step > len(self.sequence):
            raise ValueError(f"Step cannot be {self.step}: this input has {len(self.sequence)} steps.")

    @property
    def sequence(self):
        return self.own if self.input == OWN else self.sequences[self.input]

    @property
    def value(self):
        """The input at the chosen step."""
        return self.sequence[self.step - 1]

    def turn(self, path, value):
        if path == "cell":
            return replace(self, cell=value, unit=min(self.unit, self.units[value]))
        if path == "input":
            own = self.own if self.own or value != OWN else self.sequence
            length = len(own if value == OWN else self.sequences[value])
            return replace(self, input=value, own=own, step=min(self.step, length))
        if path == "value":
            values = list(self.sequence)
            values[self.step - 1] = round(value, DIGITS)
            if values == list(self.sequence):
                return self
            return replace(self, input=OWN, own=values)
        return super().turn(path, value)


def state_class(cells, inputs):
    """The states of one lab; `cells` is key -> (name, (about, weights)), `inputs` key -> (name, sequence)."""
    units = {key: len(weights[1]) for key, (_, (_, weights)) in cells.items()}
    cell_names = {key: name for key, (name, _) in cells.items()}
    input_names = {key: name for key, (name, _) in inputs.items()} | {OWN: "your own"}
    held = {"computed": "as computed", "shut": "shut (0)", "open": "open (1)"}
    clamps = {
        gate: dial("computed", f"{NAMES[gate].capitalize()} {gate}", CLAMPS, shown=held) for gate in "ifo"
    }
    dials = {
        "cell": dial(next(iter(cells)), "Cell", cells, shown=cell_names),
        "unit": dial(1, "Unit", range(1, max(units.values()) + 1), slider=True),
        "input": dial(next(iter(inputs)), "Sequence", input_names, shown=input_names),
        "step": dial(1, "Time step", range(1, LENGTHS[-1] + 1), slider=True),
        **clamps,
        "gate": dial("f", "Sum behind", ORDER, shown={g: f"{NAMES[g]} {g}" for g in ORDER}),
        "own": dial((), "Own", kind=Several, number=Real("A value", (-1, 1)), counts=(0, *LENGTHS)),
    }
    return GateState.having(dials, units=units, sequences={key: x for key, (_, x) in inputs.items()})


# ---------------------------------------------------------------------------------------------------
# The lab


class GateLab(Lab):
    """Watch the gates of one LSTM at work, step by step, and hold them open or shut.

    Keras keeps the weights of an LSTM side by side in four blocks, in the order i (input gate), f (forget
    gate), candidate (Keras: c, here: g) and o (output gate).

    Parameters
    ----------
    layers : dict of str to keras.layers.LSTM, optional
        Built, trained or not, with one input feature and the usual activations. Left out, there are three
        cells of one unit whose weights were set by hand: a latch, a leaky counter and an alternator.
    inputs : dict of str to sequence of float, optional
        Sequences of 4 to 40 numbers from -1 to 1, of which the lab takes two decimals; some instructive ones
        if left out.
    start : str, optional
        A state string to begin with, such as "gat1;cell=latch;input=two-pulses;step=5;f=open".

    Raises
    ------
    ValueError
        If layers, inputs or start cannot be used; the message says how to fix it.

    Notes
    -----
    What is left of a step is what it wrote into the cell state, as far as the forget gates since have let it
    pass. That a step also moves later gates, through the hidden state, shows in those gates alone.

    Examples
    --------
    >>> GateLab()                                             # in a notebook: the lab with cells set by hand
    >>> lab = GateLab({"trained": model.get_layer("lstm")}, {"a pulse": [0, 1, 0, 0, 0]})
    >>> lab.state = "gat1;cell=trained;input=a-pulse;step=3;i=shut"
    """

    title = "Gate lab"

    def __init__(self, layers=None, inputs=None, start=None):
        cells, inputs = CELLS, INPUTS if inputs is None else inputs
        if layers is not None:
            cells = each("layers", layers, _cell, "{'trained': model.get_layer('lstm')}")
        inputs = each("inputs", inputs, _sequence, "{'a pulse': [0, 1, 0, 0]}")
        self._cells, self._inputs = keyed(cells, (OWN,)), keyed(inputs, (OWN,))
        self.state_class = state_class(self._cells, self._inputs)
        first = self.state_class()
        super().__init__(replace(first, step=min(5, len(first.sequence))) if start is None else start)
        self._lay_out()
        self.state = self.state

    # Controls

    def _lay_out(self):
        controls = self.controls
        for name in ("cell", "unit", "input", "step", *"ifo", "gate"):
            self.add_control(name)
        controls["value"] = widgets.FloatSlider(
            min=-1, max=1, step=10**-DIGITS, description="Value here", layout={"width": "auto"}
        )
        controls["value"].observe(lambda change: self._turned("value", change["new"]), "value")
        for name, control in controls.items():
            control.style.description_width = "96px" if name in "ifo" else "84px"
        self.about = widgets.HTML()
        self.release = widgets.Button(description="All as computed")
        self.release.on_click(lambda _: self._release())
        edit = "Sets the input at this step; the sequence is then your own. Page keys go faster."
        reading = controls["input"], controls["value"], widgets.HTML(remark(edit))
        clamps = *(controls[gate] for gate in "ifo"), self.release
        dials = cards(
            "cg-cards",
            entry=group("other", "Input", "what the LSTM reads", *reading),
            cell=group("lstm", "LSTM", "a cell and its unit", controls["cell"], controls["unit"], self.about),
            clamp=group("lstm", "Clamp", "gates of all units", *clamps),
        )
        order = "Keras keeps the weights of all four side by side, in the order i, f, c (here g), o."
        sums = classed(widgets.HBox([controls["gate"], widgets.HTML(remark(order))]), "cg-gate")
        self.picture, self.below = (classed(widgets.HTML(), "cl-picture") for _ in range(2))
        self.remarks = widgets.HTML()
        step, course = classed(controls["step"], "cg-time"), self.picture
        areas = {"dials": dials, "time": step, "course": course, "notes": self.remarks}
        screen = cards("cg-screen", **areas, gate=sums, sum=self.below)
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def _release(self):
        with LOCK:
            self.state = replace(self.state, i="computed", f="computed", o="computed")

    def mirror(self):
        state, unit = self.state, self.controls["unit"]
        _, (about, weights) = self._cells[state.cell]
        unit.max = len(weights[1])
        unit.layout.display = None if unit.max > 1 else "none"
        self.controls["step"].max = len(state.sequence)
        self.about.value = remark(about)
        self.release.disabled = {state.i, state.f, state.o} == {"computed"}
        super().mirror()

    # Picture

    def seen(self):
        """What the pictures are about: the course of the cell as it is set."""
        state = self.state
        name, (_, weights) = self._cells[state.cell]
        clamps = {gate: CLAMPS[getattr(state, gate)] for gate in "ifo" if getattr(state, gate) != "computed"}
        sequence = "your own sequence" if state.input == OWN else self._inputs[state.input][0]
        x = np.array(state.sequence, "float64")
        return UnitAtStep(name, sequence, weights, x, clamps, state.unit - 1, state.step - 1, state.gate)

    def show(self):
        seen = self.seen()
        self.picture.value, self.below.value = pictures.draw(seen)
        self.remarks.value = observed(pictures.what_is_seen(seen), pictures.hints(seen))
        self.mark.value = self.tag()

    @property
    def alt(self):
        """What the lab shows, without any trained number: those differ from machine to machine."""
        return (
            "The course of one LSTM over time, one line below the other: input, the three gates, candidate, "
            "cell state and hidden state, and under the time axis what is left of each step; then the "
            "arithmetic of the chosen step in numbers. Dials choose input, cell and step, change the input, "
            "and hold gates open or shut."
        )


def _cell(layer):
    """What is said of a layer, and its weights."""
    import keras

    if not isinstance(layer, keras.layers.LSTM) or not layer.built or layer.cell.kernel.shape[0] != 1:
        raise ValueError(
            f"is {brief(layer)}, but must be a keras.layers.LSTM that is built on one feature: give the "
            'layer itself, such as model.get_layer("lstm")'
        )
    if problem := diverged(layer.weights):
        raise ValueError(problem)
    functions = keras.activations
    usual = {"activation": functions.tanh, "recurrent_activation": functions.sigmoid, "go_backwards": False}
    for option, value in usual.items():
        if getattr(layer, option) != value:
            raise ValueError(f'has another {option} than the lab computes: leave out "{option}"')
    weights = tuple(np.asarray(w) for w in layer.get_weights())
    units = len(weights[1])
    about = f"{units} unit{'s' * (units > 1)}, with the weights that this layer had when the lab was made."
    return about, weights


def _sequence(given):
    x = real_numbers(given)
    if x.ndim != 1 or len(x) not in LENGTHS or not np.abs(x).max() <= 1:
        raise ValueError(
            f"is {described(given)}, but must be a list of {LENGTHS[0]} to {LENGTHS[-1]} numbers from -1 to 1"
        )
    return tuple((x.round(DIGITS) + 0.0).tolist())
