"""Train the tables of lesson 04: several seeds of every model, with the lesson's own definitions.

    python data/results/04_cnn_lstm_video.py           # all of it: about an hour on two quiet cores
    python data/results/04_cnn_lstm_video.py --times   # measure the times again, keep the scores
    python data/results/04_cnn_lstm_video.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, the same epochs and the same tuning (see common.py); so does
each row of `04_habits`, the hybrid with a part of the training recipe left out. `04_longer` trains the pooled
hybrid for three times the epochs, its rate searched anew. The number of epochs and the three first peaks were
fixed before any score on these test clips was seen.
"""

import dataclasses
from functools import cache, lru_cache

from common import Study, definitions_of, main

LESSON = "04_cnn_lstm_video"
TRAINING = ["train", "scores", "EPOCHS"]
USES = {
    "04_moving_digits": [
        *TRAINING,
        "digits_by_rule",
        "averaged",
        "pixels",
        "textbook",
        "PerFrame",
        "hybrid",
        "pooled",
        "channels",
        "conv3d",
    ],
    "04_habits": [*TRAINING, "hybrid"],
    "04_longer": [*TRAINING, "pooled"],
}


@cache
def data_of(quick):
    from course_utils import datasets

    data = datasets.moving_digits(clips=(32, 16, 16)) if quick else datasets.moving_digits()
    compose = lru_cache(10)(data.compose)  # all models train on the same epochs; of the longer, some are kept
    return dataclasses.replace(data, compose=compose)


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


def rows_of(table, quick):
    """Row -> a pair (function that builds the network, further arguments of `train`).

    A row that needs no network has a function instead: data -> numbers. A few are enough to be quick.
    """
    rows = all_rows_of(table)
    quick_rows = {"04_moving_digits": ["No network: rules", "CNN -> LSTM"]}  # 04_longer has the pooled one
    return {row: rows[row] for row in quick_rows.get(table, list(rows)[:1])} if quick else rows


def all_rows_of(table):
    names = definitions(table)
    if table == "04_longer":
        return {"CNN -> LSTM, pooled": (names["pooled"], {})}
    hybrid = names["hybrid"]
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
    return 1 if quick else definitions(table)["EPOCHS"] * (3 if table == "04_longer" else 1)


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    import keras

    data, how, names = data_of(quick), rows_of(table, quick)[row], definitions(table)
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

    data, names = data_of(quick), definitions(table)
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
    seeds={"04_moving_digits": 5, "04_habits": 5, "04_longer": 3},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("digit", "motion"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
