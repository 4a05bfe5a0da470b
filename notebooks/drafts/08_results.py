"""Train the table of lesson 08 (a draft): several seeds of every model, with the lesson's own definitions.

To use it, move it to data/results/08_camera_moves.py, and the lesson to notebooks/source.

Every network gets the same clips, the same epochs and the same tuning (see data/results/common.py). The table
beside this file was trained for lesson 04, with two learning rates in a fixed grid.
"""

import dataclasses
from functools import cache

from common import Study, definitions_of, main

LESSON = "08_camera_moves"
TABLE = "08_camera_moves"
USES = ["hybrid", "train", "scores", "EPOCHS", "moves_by_rule", "flowing", "channels", "conv3d"]


@cache
def data_of(quick):
    from course_utils import datasets

    data = datasets.camera_moves(clips=(160, 32, 32)) if quick else datasets.camera_moves()
    return dataclasses.replace(data, compose=cache(data.compose))  # all models train on the same epochs


@cache
def definitions():
    return definitions_of(LESSON, USES)


def rows_of(table, quick):
    """Row -> a function that builds the network; for the rule, data -> numbers."""
    names, only = definitions(), {"move": 8}
    rows = {
        "No network: flow": names["moves_by_rule"],
        "CNN -> LSTM": lambda: names["hybrid"](only),
        "3-frame CNN -> LSTM": lambda: names["flowing"](only),
        "Frames as channels": lambda: names["channels"](only),
        "Conv3D": lambda: names["conv3d"](only),
    }
    return dict(list(rows.items())[:2]) if quick else rows


def epochs_of(quick):
    return 1 if quick else definitions()["EPOCHS"]


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    import keras

    data, make, names = data_of(quick), rows_of(table, quick)[row], definitions()
    if peak is None:
        return make(data)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = make()
    names["train"](model, data, epochs=epochs_of(quick), peak=peak)
    return {"parameters": model.count_params(), "peak": peak, **names["scores"](model, getattr(data, part))}


def ready(table, row, quick):
    """The network of a row, the batches of one epoch, and how many batches one training has."""
    import keras

    data = data_of(quick)
    keras.utils.set_random_seed(0)
    model = rows_of(table, quick)[row]()
    definitions()["train"](model, data, epochs=1, steps_per_epoch=1)
    batches = [
        (data.train.x[at : at + 32], {name: y[at : at + 32] for name, y in data.train.y.items()})
        for at in range(0, len(data.train), 32)
    ]
    return model, batches, len(batches) * epochs_of(quick)


STUDY = Study(
    lesson=LESSON,
    seeds={TABLE: 5},
    uses={TABLE: USES},
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("move",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
