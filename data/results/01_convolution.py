"""Train the tables of lesson 01: several seeds of every model, with the lesson's own definitions.

    python data/results/01_convolution.py           # all of it: about ten minutes on two quiet cores
    python data/results/01_convolution.py --times   # measure the times again, keep the scores
    python data/results/01_convolution.py --quick   # every step at toy size, into a temporary folder

Every network gets the same images, the same epochs and the same tuning (see common.py). In `01_digits` the
digits stand anywhere, in training and in the test. In `01_moved` they stand in the middle in training and
validation; the test is asked twice, with digits in the middle and with digits anywhere.
"""

import dataclasses
from functools import cache, partial

from common import Study, definitions_of, main, needs_network

from course_utils import datasets

LESSON = "01_convolution"
NETWORKS = ["cnn", "TWO", "THREE", "dense_network", "train", "score", "by_pixels", "anywhere", "EPOCHS"]
USES = {"01_digits": [*NETWORKS, "THREE_THAT_SEE_LESS"], "01_moved": [*NETWORKS, "centred"]}


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


@cache
def data_of(quick):
    data = datasets.hidden_digit(visible=1, frames=1, clutter=0, **({"clips": (32, 20, 20)} if quick else {}))
    return dataclasses.replace(data, compose=cache(data.compose))  # all models train on the same epochs


def place_of(table):
    return definitions(table)["centred" if table == "01_moved" else "anywhere"]


def rows_of(table, quick):
    """Row -> a function that builds the network; for a row without one, data -> numbers."""
    import keras

    names, flatten = definitions(table), keras.layers.Flatten
    maximum, average = keras.layers.GlobalMaxPooling2D, keras.layers.GlobalAveragePooling2D
    rows = {
        "No network: pixels": partial(names["by_pixels"], place=place_of(table)),
        "Dense": names["dense_network"],
        "2 convolutions, flatten": partial(names["cnn"], names["TWO"], flatten),
        "2 convolutions, maximum": partial(names["cnn"], names["TWO"], maximum),
        "3 convolutions, flatten": partial(names["cnn"], names["THREE"], flatten),
        "3 convolutions, maximum": partial(names["cnn"], names["THREE"], maximum),
    }
    if table == "01_digits":
        sees_less = names["THREE_THAT_SEE_LESS"]
        rows["3 convolutions, average"] = partial(names["cnn"], names["THREE"], average)
        rows["3 convolutions, one 1 × 1, maximum"] = partial(names["cnn"], sees_less, maximum)
    few = ["No network: pixels", "2 convolutions, flatten", "Dense"][: 2 if table == "01_moved" else 3]
    return {row: rows[row] for row in (few if quick else rows)}


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test images."""
    import keras

    data, make, names = data_of(quick), rows_of(table, quick)[row], definitions(table)
    scored = ("centred", "anywhere") if table == "01_moved" else ("anywhere",)
    if not needs_network(row):
        found = make(data)
        return {"parameters": found["parameters"], **{name: found[name] for name in scored}}
    keras.utils.set_random_seed(seed)
    model = make()
    names["train"](model, data, place_of(table), peak)
    if part == "validation":
        scored = scored[:1]  # the peak is chosen where the network is trained
    split = getattr(data, part)
    return {
        "parameters": model.count_params(),
        "peak": peak,
        **{name: names["score"](model, split, names[name]) for name in scored},
    }


def ready(table, row, quick):
    """The network of a row, the batches of one epoch, and how many batches one training has."""
    import keras

    data = data_of(quick)
    keras.utils.set_random_seed(0)
    model = rows_of(table, quick)[row]()
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = place_of(table)(data.train), data.train.y["digit"]
    batches = [(x[at : at + 32], y[at : at + 32]) for at in range(0, len(x), 32)]
    return model, batches, len(batches) * definitions(table)["EPOCHS"]


STUDY = Study(
    lesson=LESSON,
    seeds={"01_digits": 5, "01_moved": 5},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("centred", "anywhere"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
