"""Train the tables of lesson 03: several seeds of every joint, with the lesson's own definitions.

    python data/results/03_joining.py           # all of it: about an hour on two quiet cores
    python data/results/03_joining.py --times   # measure the times again, keep the scores
    python data/results/03_joining.py --quick   # every step at toy size, into a temporary folder

Every network has the same CNN and gets the same clips, the same epochs and the same tuning (see common.py).
The number of epochs was fixed before any score on these test clips was seen. For three times the epochs the
rates are searched anew.
"""

import dataclasses
from functools import cache, lru_cache, partial

from common import Study, definitions_of, main

LESSON = "03_joining"
USES = {
    "03_bridges": ["joined", "BRIDGES", "side_by_side", "order_blind", "train", "scores", "EPOCHS"],
}
USES["03_longer"] = USES["03_bridges"]


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


@cache
def data_of(quick):
    from course_utils import datasets

    data = datasets.moving_digits(**({"clips": (32, 16, 16)} if quick else {}))
    compose = lru_cache(8)(data.compose)  # all models train on the same epochs; of the longer, a few are kept
    return dataclasses.replace(data, compose=compose)


def rows_of(table, quick):
    """Row -> a function that builds the network."""
    names = definitions(table)
    bridges = {name: partial(names["joined"], bridge) for name, bridge in names["BRIDGES"].items()}
    rows = bridges | {"side by side": names["side_by_side"], "CNN, frames averaged": names["order_blind"]}
    few = list(rows)[: 1 if table == "03_longer" else 2]
    return {name: rows[name] for name in (few if quick else rows)}


def epochs_of(table, quick):
    return 1 if quick else definitions(table)["EPOCHS"] * (3 if table == "03_longer" else 1)


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    import keras

    data, names = data_of(quick), definitions(table)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = rows_of(table, quick)[row]()
    names["train"](model, data, peak=peak, epochs=epochs_of(table, quick))
    return {"parameters": model.count_params(), "peak": peak, **names["scores"](model, getattr(data, part))}


def ready(table, row, quick):
    """The network of a row, the batches of one epoch, and how many batches one training has."""
    import keras

    data, names = data_of(quick), definitions(table)
    keras.utils.set_random_seed(0)
    model = rows_of(table, quick)[row]()
    names["train"](model, data, epochs=1, steps_per_epoch=1)
    batches = [
        (data.train.x[at : at + 32], {name: y[at : at + 32] for name, y in data.train.y.items()})
        for at in range(0, len(data.train), 32)
    ]
    return model, batches, len(batches) * epochs_of(table, quick)


STUDY = Study(
    lesson=LESSON,
    seeds={"03_bridges": 5, "03_longer": 3},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("digit", "motion"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
