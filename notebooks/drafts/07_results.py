"""Train the table of lesson 07 (a draft): several seeds of every model, with the lesson's own definitions.

To use it, move it to data/results/07_forecasting.py, and the lesson to notebooks/source.

Every network gets the same weeks, the same epochs and the same tuning (see data/results/common.py). The table
beside this file was trained for lesson 02, with two learning rates in a fixed grid.
"""

import dataclasses
from functools import cache

import numpy as np
from common import Study, definitions_of, main, needs_network

from course_utils import datasets

LESSON = "07_forecasting"
TABLE = "07_hours"
USES = {TABLE: ["rules", "hour_readers", "train_on_hours", "hourly_error", "hours", "EPOCHS"]}


@cache
def definitions():
    return definitions_of(LESSON, USES[TABLE])


@cache
def hourly(quick):
    """Windows of traffic; the first ones of each part suffice to be quick."""
    data = datasets.traffic(days=7, ahead=1)
    return dataclasses.replace(data, compose=lambda *which: data.compose(*which)[:300]) if quick else data


def rows_of(table, quick):
    """Row -> a function that makes the layers of the network; for a row without one, the rule."""
    names = definitions()
    rows = {f"No network: {name}": rule for name, rule in names["rules"]().items()} | names["hour_readers"]()
    return {row: rows[row] for row in [next(iter(rows)), "LSTM"]} if quick else rows


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its error on the validation or the test weeks."""
    import keras

    names, data, make = definitions(), hourly(quick), rows_of(table, quick)[row]
    if not needs_network(row):
        parameters, predicted = make(data)
        error = np.abs(predicted - names["hours"](data.test)[:, -1]).mean()
        return {"parameters": parameters, "error": float(1000 * error)}
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = names["train_on_hours"](make, data, peak, 1 if quick else names["EPOCHS"])[0]
    error = names["hourly_error"](model, getattr(data, part))
    found = {"parameters": model.count_params(), "peak": peak}
    return found | ({"error": error} if part == "test" else {"good": -error})


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    import keras

    names, data = definitions(), hourly(quick)
    keras.utils.set_random_seed(0)
    model = names["train_on_hours"](rows_of(table, quick)[row], data, epochs=1)[0]
    weeks = names["hours"](data.train)[:160, :, None]
    batches = [(weeks[at : at + 32, :-1], weeks[at : at + 32, 1:]) for at in range(0, 160, 32)]
    return model, batches, 50 * names["EPOCHS"]


STUDY = Study(
    lesson=LESSON,
    seeds={TABLE: 5},
    uses=USES,
    peaks=(5e-3, 1e-2, 2e-2),
    scores=("good",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
