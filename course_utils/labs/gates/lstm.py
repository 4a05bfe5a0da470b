"""The mathematics of the gate lab: an LSTM whose gates can be held, and where its memory stems from."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_utils.labs.core.lstm import run_lstm

TERMS = 3  # of a sum that are named one by one
ORDER = ("i", "f", "g", "o")  # how Keras lays the four blocks of its weights side by side; it calls g c
FIELDS = {"i": "input", "f": "forget", "g": "candidate", "o": "output", "c": "cell", "h": "hidden"}


def run(weights, x, clamps=None):
    """An LSTM with one input feature, step by step.

    Parameters
    ----------
    weights : sequence of array
        As Keras gives them: kernel (1, 4 * units), recurrent kernel (units, 4 * units), bias (4 * units,),
        their blocks in the order i, f, candidate, o. The bias may be left out.
    x : sequence of float
        One number for each step.
    clamps : dict, optional
        "i", "f" or "o" -> the value, 0 or 1, at which this gate is held in all units.

    Returns
    -------
    Gates
        i, f, g, o, c and h as `input`, `forget`, `candidate`, `output`, `cell` and `hidden`, each an array
        (steps, units).
    """
    kernel, recurrent, *bias = (np.array(w, "float64") for w in weights)
    bias = bias[0] if bias else np.zeros(kernel.shape[1])
    units = len(recurrent)
    for gate, value in (clamps or {}).items():
        block = slice(ORDER.index(gate) * units, (ORDER.index(gate) + 1) * units)
        kernel[:, block] = recurrent[:, block] = 0
        bias[block] = 2000 * value - 1000  # so far out, the sigmoid is exactly 0 or 1
    return run_lstm("", np.asarray(x, "float64")[:, None], kernel, recurrent, bias)


def half_life(forget):
    """After how many steps half of the memory is gone, if the forget gate stays as it is."""
    if forget >= 1:
        return np.inf
    return float(np.log(0.5) / np.log(forget)) if forget > 0 else 0.0


@dataclass(frozen=True, eq=False)
class UnitAtStep:
    """One unit of one cell at one step of one input; `unit` and `step` count from 0.

    `course` is what happens with the gates held as `clamps` say, `free` without.
    """

    cell: str
    input: str
    weights: tuple
    x: np.ndarray
    clamps: dict
    unit: int
    step: int
    gate: str

    @cached_property
    def course(self):
        return run(self.weights, self.x, self.clamps)

    @cached_property
    def free(self):
        return run(self.weights, self.x) if self.clamps else None

    @property
    def units(self):
        return self.course.cell.shape[1]

    @property
    def unit_words(self):
        return f", unit {self.unit + 1} of {self.units}" if self.units > 1 else ""

    def line(self, key, free=False):
        """x, i, f, g, o, c or h of the unit at every step."""
        if key == "x":
            return self.x
        return getattr(self.free if free else self.course, FIELDS[key])[:, self.unit]

    def now(self, key):
        return float(self.line(key)[self.step])

    @property
    def before(self):
        """The memory c that this step began with."""
        return float(self.line("c")[self.step - 1]) if self.step else 0.0

    @property
    def left(self):
        """What is left now of each step up to this one: the product of the forget gates since."""
        return np.append(np.cumprod(self.line("f")[self.step : 0 : -1])[::-1], 1.0)

    @property
    def parts(self):
        """How much of the memory now was written at each step up to this one; they sum to c."""
        upto = slice(self.step + 1)
        return self.left * self.line("i")[upto] * self.line("g")[upto]

    @property
    def largest(self):
        """The steps that most of the memory stems from, the largest part first."""
        parts = np.abs(self.parts)
        return [int(s) for s in np.argsort(-parts, kind="stable")[:TERMS] if parts[s] >= 0.005]

    @property
    def terms(self):
        """The sum in front of the gate that is looked at: (name, factors or None, value) of each term.

        U are the weights of the input and V those of the hidden state before, as in lesson 02.
        """
        kernel, recurrent, *bias = self.weights
        column = ORDER.index(self.gate) * self.units + self.unit
        from_input, from_hidden = float(kernel[0][column]), recurrent[:, column].astype("float64")
        h = self.course.hidden[self.step - 1] if self.step else np.zeros(self.units)
        x, products = self.now("x"), h * from_hidden
        order = np.argsort(-np.abs(products), kind="stable")
        name = "h before · V" if self.units == 1 else "h · V of unit {}"
        terms = [("x · U", (x, from_input), x * from_input)]
        terms += [(name.format(k + 1), (h[k], from_hidden[k]), float(products[k])) for k in order[:TERMS]]
        if self.units > TERMS:
            rest = float(products[order[TERMS:]].sum())
            terms.append((f"h · V of {self.units - TERMS} more", None, rest))
        return [*terms, ("bias b", None, float(bias[0][column]) if bias else 0.0)]

    @property
    def total(self):
        return sum(value for *_, value in self.terms)

    @property
    def squashed(self):
        """What the sum makes of the gate, if it is not held."""
        return float(np.tanh(self.total) if self.gate == "g" else 0.5 + 0.5 * np.tanh(self.total / 2))


# ---------------------------------------------------------------------------------------------------
# Cells and inputs that are there without any training


def _by_hand(i, f, g, o):
    """The weights of one unit, each gate as (weight of x, weight of h, bias), as Keras lays them out."""
    kernel, recurrent, bias = np.array([i, f, g, o], "float32").T
    return kernel[None], recurrent[None], bias


OPEN = (0.0, 0.0, 8.0)  # whatever comes
CELLS = {
    "latch": (
        "Keeps the last input above 0.5, and lets all others pass by.",
        # Below 0.5 the input gate is shut and the forget gate open; above it is the other way round.
        _by_hand(i=(30, 0, -15), f=(-30, 0, 15), g=(1.5, 0, 0), o=OPEN),
    ),
    "leaky counter": (
        "Adds up its inputs, and forgets a tenth of the sum at every step.",
        _by_hand(i=OPEN, f=(0, 0, np.log(9)), g=(0.5, 0, 0), o=OPEN),
    ),
    "alternator": (
        "Every input above 0.5 turns the sign of the memory: it sees by h what sign is next.",
        _by_hand(i=(30, 0, -15), f=(-30, 0, 15), g=(0, -5, 0.8), o=OPEN),
    ),
}
INPUTS = {
    "two pulses": (0, 0, 1, 0, 0, 0, 0, 0, 0.7, 0, 0, 0, 0, 0, 0, 0),
    "single pulse": (0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "noise, then a pulse": (
        0.2, -0.3, 0.1, 0.35, -0.15, 0.25, -0.3, 0.05, 0.9, -0.2, 0.3, 0.15, -0.35, 0.2, -0.1, 0.3,
    ),
    "alternating": (0.8, -0.8) * 8,
}  # fmt: skip
