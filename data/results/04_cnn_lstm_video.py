"""Train the tables of lesson 04: several seeds of every model, with the lesson's own definitions.

    python data/results/04_cnn_lstm_video.py           # all of it: about an hour on two quiet cores
    python data/results/04_cnn_lstm_video.py --times   # measure the times again, keep the scores
    python data/results/04_cnn_lstm_video.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, the same epochs and the same tuning (see common.py). The habits
are taken from the hybrid at the rate tuned for it. This rule and the number of epochs were fixed before any
score on these test clips was seen.
"""

import dataclasses
from functools import cache

from common import Study, main

from course_utils import results

LESSON = "04_cnn_lstm_video"
TRAINING = ["hybrid", "train", "scores", "EPOCHS"]
USES = {
    "04_moving_digits": [
        *TRAINING,
        "digits_by_rule",
        "averaged",
        "pixels",
        "textbook",
        "PerFrame",
        "pooled",
        "channels",
        "conv3d",
    ],
    "04_habits": TRAINING,
    "04_camera_moves": [*TRAINING, "moves_by_rule", "flowing", "channels", "conv3d"],
}


@cache
def data_of(table, quick):
    from course_utils import datasets

    loader = datasets.camera_moves if table == "04_camera_moves" else datasets.moving_digits
    data = loader(clips=(160, 32, 32)) if quick else loader()
    return dataclasses.replace(data, compose=cache(data.compose))  # all models train on the same epochs


@cache
def definitions(table):
    return results.definitions(LESSON, USES[table])


def rows_of(table, quick):
    """Row -> a pair (function that builds the network, further arguments of `train`).

    A row that needs no network has a function instead: data -> numbers. The first and the hybrid are enough
    to be quick.
    """
    rows = all_rows_of(table)
    return {row: rows[row] for row in [next(iter(rows)), "CNN -> LSTM"] if row in rows} if quick else rows


def all_rows_of(table):
    names = definitions(table)
    hybrid, only = names["hybrid"], {"move": 8}
    if table == "04_camera_moves":
        return {
            "No network: flow": names["moves_by_rule"],
            "CNN -> LSTM": (lambda: hybrid(only), {}),
            "3-frame CNN -> LSTM": (lambda: names["flowing"](only), {}),
            "Frames as channels": (lambda: names["channels"](only), {}),
            "Conv3D": (lambda: names["conv3d"](only), {}),
        }
    if table == "04_habits":
        return {
            "joint not normalised": (lambda: hybrid(normalise=False), {}),
            "gradients not clipped": (hybrid, {"clipnorm": None}),
            "no warm-up": (hybrid, {"warmup": 0}),
            "none of the three": (lambda: hybrid(normalise=False), {"clipnorm": None, "warmup": 0}),
        }
    return {
        "No network: rules": names["digits_by_rule"],
        "CNN, frames averaged": (names["averaged"], {}),
        "LSTM on pixels": (names["pixels"], {}),
        # Scored with its layers folded, which gives equal outputs in a fraction of the time; timed as posted.
        "Textbook CNN -> LSTM": (lambda: names["textbook"](wrap=names["PerFrame"]), {}),
        "CNN -> LSTM": (hybrid, {}),
        "CNN -> LSTM, pooled": (names["pooled"], {}),
        "Frames as channels": (names["channels"], {}),
        "Conv3D": (names["conv3d"], {}),
    }


def epochs_of(table, quick):
    return 1 if quick else definitions(table)["EPOCHS"]


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    import keras

    data, how, names = data_of(table, quick), rows_of(table, quick)[row], definitions(table)
    if callable(how):
        return how(data)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = how[0]()
    names["train"](model, data, epochs=epochs_of(table, quick), peak=peak, **how[1])
    return {"parameters": model.count_params(), "peak": peak, **names["scores"](model, getattr(data, part))}


def ready(table, row, quick):
    """The network of a row, the batches of one epoch, and how many batches one training has."""
    import keras

    data, names = data_of(table, quick), definitions(table)
    build = names["textbook"] if row == "Textbook CNN -> LSTM" else rows_of(table, quick)[row][0]
    keras.utils.set_random_seed(0)
    model = build()
    names["train"](model, data, epochs=1, steps_per_epoch=1)
    batches = [
        (data.train.x[at : at + 32], {name: y[at : at + 32] for name, y in data.train.y.items()})
        for at in range(0, len(data.train), 32)
    ]
    return model, batches, len(batches) * epochs_of(table, quick)


STUDY = Study(
    lesson=LESSON,
    seeds={"04_moving_digits": 5, "04_habits": 3, "04_camera_moves": 3},
    uses=USES,
    peaks=(2e-3, 4e-3),
    scores=("digit", "motion", "move"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
    peak_of={"04_habits": ("04_moving_digits", "CNN -> LSTM")},
)

if __name__ == "__main__":
    main(STUDY, __doc__)
