"""Tables over many seeds: trained by `make results`, kept in data/results/, shown by the lessons.

A lesson trains one or two models before your eyes. What it says about several seeds of many models
comes from here: numbers with the command, versions and date that made them (see data/results/common.py).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "results"


@dataclass(frozen=True)
class Results:
    """A table over seeds, and where it comes from.

    Attributes
    ----------
    rows : list of dict
        One for each model: `{"model": str, "parameters": int, "seconds": [...], "digit": [...]}`;
        every list holds one number for each seed.
    provenance : dict
        Command, seeds, versions, machine, date, what of the lesson the table uses and its digest, and the
        validation score at each learning rate tried.

    Examples
    --------
    >>> table = results.load("04_moving_digits")
    >>> table.mean("CNN -> LSTM", "motion")
    1.0
    """

    rows: list
    provenance: dict

    def row(self, model):
        """The row of one model, by its exact name."""
        for row in self.rows:
            if row["model"] == model:
                return row
        known = ", ".join(repr(row["model"]) for row in self.rows)
        raise KeyError(f"model={model!r} is not in this table. It has: {known}.")

    def mean(self, model, score):
        """Mean over the seeds."""
        return float(np.mean(self.row(model)[score]))

    def low(self, model, score):
        """The worst (lowest) seed."""
        return float(np.min(self.row(model)[score]))

    def high(self, model, score):
        """The best (highest) seed."""
        return float(np.max(self.row(model)[score]))

    def __repr__(self):
        p = self.provenance
        return (
            f"{len(self.rows)} models, {len(p['seeds'])} seeds each; trained on {p['date']} "
            f"with `{p['command']}` (Keras {p['versions']['keras']}; {p['machine']})"
        )


def load(name, folder=FOLDER):
    """Read a table from data/results/.

    Parameters
    ----------
    name : str
        For instance "04_moving_digits".
    folder : path
        Where the tables are.

    Raises
    ------
    FileNotFoundError
        If there is no such table; the message lists those there are.
    """
    path = Path(folder) / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in Path(folder).glob("*.json"))) or "none yet"
        raise FileNotFoundError(
            f"There is no table {name!r} in {folder}. Tables: {known}. `make results` makes them."
        )
    return Results(**json.loads(path.read_text(encoding="utf-8")))
