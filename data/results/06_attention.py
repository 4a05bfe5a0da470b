"""Train the tables of lesson 06: several seeds of every model, with the lesson's own definitions.

    python data/results/06_attention.py           # all of it: about half an hour on two quiet cores
    python data/results/06_attention.py --times   # measure the times again, keep the scores
    python data/results/06_attention.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, the same epochs and the same tuning (see common.py). The
networks over places all start from the frames' network of the same seed. Clutter and epochs were chosen with
a few probes of attention, before the first table; the longer one was added after it, its rates searched anew.
"""

import dataclasses
from functools import cache, lru_cache

import numpy as np
from common import Study, definitions_of, main, needs_network

from course_utils import datasets, results

LESSON = "06_attention"
NETWORKS = ["network", "attention", "train", "score", "weights_of", "EPOCHS"]
AFTER_LSTM = ["lstm_attention", "last_state", "lstm_maximum"]
USES = {
    "06_hidden_digit": [*NETWORKS, *AFTER_LSTM, "mean", "maximum", "digits_by_windows", "digits_by_svm"],
    "06_longer": [*NETWORKS, *AFTER_LSTM, "mean", "maximum"],
    "06_which_first": [*NETWORKS, *AFTER_LSTM, "attention_by_position", "first_of_two"],
    "06_places": [*NETWORKS, "mean", "maximum", "scenes", "over_places", "looks_at", "PLACES"],
}


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


@lru_cache(maxsize=1)
def data_of(table, quick):
    few = {"clips": (32, 20, 20)} if quick else {}
    if table == "06_places":
        data = definitions(table)["scenes"](**few)
    else:
        data = datasets.hidden_digit(digits=1 + (table == "06_which_first"), **few)
    return dataclasses.replace(data, compose=cache(data.compose))  # all models train on the same epochs


@cache
def frames_network(seed, quick):
    """What the networks over places start from: attention over frames, trained as in the first table."""
    import keras

    names = definitions("06_places")
    data = datasets.hidden_digit(**({"clips": (32, 20, 20)} if quick else {}))
    keras.utils.set_random_seed(seed)
    model = names["network"](names["attention"])
    peak = results.load("06_hidden_digit").row("Attention")["peak"][0]
    names["train"](model, data, peak=peak, epochs=epochs_of("06_hidden_digit", quick))
    return model


def rows_of(table, quick):
    """Row -> a function seed -> network, or for a row that needs no network: data -> numbers."""
    names = definitions(table)

    def over_frames(gather, frames=None):
        return lambda seed: names["network"](names[gather], frames)

    def over_places(gather):
        return lambda seed: names["over_places"](names[gather], frames_network(seed, quick))

    gathers = {
        "Attention": over_frames("attention"),
        "Mean": over_frames("mean"),
        "Maximum": over_frames("maximum"),
        "LSTM, last state": over_frames("last_state"),
        "LSTM, maximum": over_frames("lstm_maximum"),
        "LSTM, attention": over_frames("lstm_attention"),
    }
    rows = {
        "06_hidden_digit": {
            "No network: windows, told where": lambda data: names["digits_by_windows"](data),
            "No network: windows and SVM, told where": lambda data: names["digits_by_svm"](data),
            **gathers,
        },
        "06_longer": gathers,
        "06_which_first": {
            "Attention": over_frames("attention"),
            "LSTM, attention": over_frames("lstm_attention"),
            "LSTM, last state": over_frames("last_state"),
            "LSTM, maximum": over_frames("lstm_maximum"),
            "Attention, position added": over_frames("attention_by_position", 12),
        },
        "06_places": {
            "Attention": over_places("attention"),
            "Mean": over_places("mean"),
            "Maximum": over_places("maximum"),
        },
    }[table]
    few = [row for row in rows if row == "Attention" or not needs_network(row)]
    return {row: rows[row] for row in (few if quick else rows)}


def place_of_credit(model, x, row):
    """Where a network without attention found its answer: the centre of the places that spoke for its class.

    As in lesson 05, each feature gives the credit for its part of the logit to the place where it is highest;
    of a mean, to every place its share. Places that speak against the class do not count.
    """
    import keras

    features = keras.Model(model.input, model.get_layer("features").output).predict(x, verbose=0)
    named = model.predict(x, verbose=0).argmax(axis=1)
    parts = features * np.asarray(model.get_layer("answer").kernel).T[named][:, np.newaxis]  # (image, 36, 64)
    if row == "Maximum":
        parts *= np.arange(36)[:, np.newaxis] == features.argmax(axis=1)[:, np.newaxis]
    credit = np.maximum(parts.sum(axis=-1), 0)
    return credit @ definitions("06_places")["PLACES"] / credit.sum(axis=1, keepdims=True)


def epochs_of(table, quick):
    times = {"06_places": 0.5, "06_longer": 3}
    return 1 if quick else int(definitions(table)["EPOCHS"] * times.get(table, 1))


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its score on the validation or the test clips, and where it looks."""
    import keras

    data, make, names = data_of(table, quick), rows_of(table, quick)[row], definitions(table)
    if not needs_network(row):
        return make(data)
    if table == "06_places":
        frames_network(seed, quick)  # trained before the seed of this row is set
    keras.utils.set_random_seed(seed)
    model = make(seed)
    history = names["train"](model, data, peak=peak, epochs=epochs_of(table, quick))["validation"]
    if quick:
        history *= epochs_of(table, quick=False)  # one epoch stands for all
    split = getattr(data, part)
    found = {"parameters": model.count_params(), "peak": peak, "digit": names["score"](model, split)}
    if table == "06_places":
        at = names["looks_at"](model, split.x) if row == "Attention" else place_of_credit(model, split.x, row)
        found["error"] = float(np.median(np.hypot(*(at - split.centre[:, 0]).T)))
    elif "ttention" in row:
        where = names["first_of_two"](split.shown) if table == "06_which_first" else split.shown
        found["share"] = float((names["weights_of"](model, split.x) * where).sum(axis=1).mean())
    return found | {f"epoch {number}": right for number, right in enumerate(history, 1)}


def ready(table, row, quick):
    """The network of a row, the batches of one epoch, and how many batches one training has."""
    import keras

    data = data_of(table, quick)
    keras.utils.set_random_seed(0)
    model = rows_of(table, quick)[row](0)
    model.compile(keras.optimizers.Adam(clipnorm=1.0), "sparse_categorical_crossentropy")
    x, y = data.train.x, data.train.y[next(iter(data.class_names))]
    batches = [(x[at : at + 32], y[at : at + 32]) for at in range(0, len(x), 32)]
    return model, batches, len(batches) * epochs_of(table, quick)


STUDY = Study(
    lesson=LESSON,
    seeds={"06_hidden_digit": 5, "06_longer": 3, "06_which_first": 5, "06_places": 5},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("digit",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
    reads={"06_places": ("06_hidden_digit",)},
)

if __name__ == "__main__":
    main(STUDY, __doc__)
