"""An LSTM, step by step, in NumPy."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Gates:
    """One LSTM, in one direction, step by step: everything is (steps, units), in the order of time."""

    title: str
    input: np.ndarray
    forget: np.ndarray
    output: np.ndarray
    candidate: np.ndarray
    cell: np.ndarray
    hidden: np.ndarray

    @property
    def most_changing(self):
        """The unit whose cell state covers the widest range, its beginning at 0 included."""
        return int((self.cell.max(0).clip(min=0) - self.cell.min(0).clip(max=0)).argmax())


def run_lstm(title, given, kernel, recurrent, bias, backward=False):
    """An LSTM step by step: `Gates` from Keras's weights, whose blocks stand in the order i, f, c, o.

    `backward` reads the last step first; what comes out is in the order of time all the same.
    """
    order = slice(None, None, -1 if backward else 1)
    hidden = cell = np.zeros(recurrent.shape[0])
    steps = []
    for arriving in (given @ kernel + bias)[order]:
        i, f, g, o = np.split(arriving + hidden @ recurrent, 4)
        i, f, o = (0.5 + 0.5 * np.tanh(z / 2) for z in (i, f, o))  # the sigmoid, without overflow
        g = np.tanh(g)
        cell = f * cell + i * g
        hidden = o * np.tanh(cell)
        steps.append((i, f, o, g, cell, hidden))
    return Gates(title, *(np.array(kind)[order] for kind in zip(*steps, strict=True)))
