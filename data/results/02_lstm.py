"""Train the tables of lesson 02: several seeds of every model, with the lesson's own definitions.

    python data/results/02_lstm.py           # all of it: about three quarters of an hour on two quiet cores
    python data/results/02_lstm.py --times   # measure the times again, keep the scores
    python data/results/02_lstm.py --quick   # every step at toy size, into a temporary folder

In `02_wait_10`, `02_wait_80` and `02_wait_180` a marked symbol is to be recalled after so many steps; in
`02_hours` the volume of the next hour is to be told. Every network of a table gets the same sequences, the
same number of batches and the same tuning (see common.py).
"""

import dataclasses
from functools import cache

import numpy as np
from common import Study, main, needs_network

from course_utils import datasets, results

LESSON = "02_lstm"
RULE = "No network: "
RECALL = ["readers", "train_to_recall", "recalled", "marked", "WITHIN", "BATCHES"]
USES = {
    "02_wait_10": RECALL,
    "02_wait_80": RECALL,
    "02_wait_180": RECALL,
    "02_hours": ["rules", "hour_readers", "train_on_hours", "hourly_error", "hours", "EPOCHS"],
}


@cache
def definitions(table):
    return results.definitions(LESSON, USES[table])


@cache
def hourly(quick):
    """Windows of traffic; the first ones of each part suffice to be quick."""
    data = datasets.traffic(days=7, ahead=1)
    return dataclasses.replace(data, compose=lambda *which: data.compose(*which)[:300]) if quick else data


def wait_of(table):
    return int(table.rpartition("_")[2])


def rows_of(table, quick):
    """Row -> a function that makes the layers of the network; for a row without one, (parameters, rule)."""
    names = definitions(table)
    if table == "02_hours":
        rows = {RULE + name: rule for name, rule in names["rules"]().items()} | names["hour_readers"]()
    else:
        rows = names["readers"](names["WITHIN"] + wait_of(table))
    return {row: rows[row] for row in [next(iter(rows)), "LSTM"]} if quick else rows


def trained(table, row, peak, quick):
    names, reader = definitions(table), rows_of(table, quick)[row]
    if table == "02_hours":
        return names["train_on_hours"](reader, hourly(quick), peak, 1 if quick else names["EPOCHS"])[0]
    return names["train_to_recall"](reader, wait_of(table), peak, 50 if quick else names["BATCHES"])[0]


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its score on the validation or the test sequences."""
    import keras

    names = definitions(table)
    if not needs_network(row):
        parameters, rule = rows_of(table, quick)[row]
        data = hourly(quick)
        error = np.abs(rule(data) - names["hours"](data.test)[:, -1]).mean()
        return {"parameters": parameters, "error": float(1000 * error)}
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = trained(table, row, peak, quick)
    found = {"parameters": model.count_params(), "peak": peak}
    if table == "02_hours":
        error = names["hourly_error"](model, getattr(hourly(quick), part))
        return found | ({"error": error} if part == "test" else {"good": -error})
    split = {"validation": (500, wait_of(table), 1), "test": (2000, wait_of(table), 3)}[part]
    return found | {"right": names["recalled"](model, *names["marked"](*split))}


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    import keras

    names = definitions(table)
    keras.utils.set_random_seed(0)
    if table == "02_hours":
        data = hourly(quick)
        model = names["train_on_hours"](rows_of(table, quick)[row], data, epochs=1)[0]
        weeks = names["hours"](data.train)[:160, :, None]
        x, y, count = weeks[:, :-1], weeks[:, 1:], 50 * names["EPOCHS"]
    else:
        model = names["train_to_recall"](rows_of(table, quick)[row], wait_of(table), batches=1)[0]
        x, y = names["marked"](160, wait_of(table), 2)
        count = names["BATCHES"]
    return model, [(x[at : at + 32], y[at : at + 32]) for at in range(0, 160, 32)], count


STUDY = Study(
    lesson=LESSON,
    seeds={"02_wait_10": 5, "02_wait_80": 5, "02_wait_180": 5, "02_hours": 5},
    uses=USES,
    peaks=(4e-3, 1e-2),
    scores=("right", "good"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
