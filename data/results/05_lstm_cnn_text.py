"""Train the tables of lesson 05: several seeds of every model, with the lesson's own definitions.

    python data/results/05_lstm_cnn_text.py           # all of it: about 45 minutes on two quiet cores
    python data/results/05_lstm_cnn_text.py --times   # measure the times again, keep the scores
    python data/results/05_lstm_cnn_text.py --quick   # every step at toy size, into a temporary folder

A seed decides on the split, on the weights and on the order of the batches. Every network of a table gets the
same texts, the same epochs and the same tuning (see common.py). Of all epochs, those weights are kept that
did best on the validation texts. In `05_leak` the same model is fitted to as many long reviews, split in
three ways.
"""

import dataclasses
import string
from functools import cache, partial

import numpy as np
from common import Study, definitions_of, main

from course_utils import datasets
from course_utils.datasets.texts import _reviews

LESSON = "05_lstm_cnn_text"
NETWORKS = ["cnn", "lstm", "lstm_cnn", "cnn_lstm", "train", "accuracy", "reader"]
USES = {
    "05_sentences": [*NETWORKS, "bag_of_words", "EPOCHS"],
    "05_order": [*NETWORKS, "twins", "EPOCHS"],
    "05_long": [*NETWORKS, "bag_of_words"],
    "05_leak": ["bag_of_words"],
}
LONG_EPOCHS = 3  # for the other tables: as in the lesson
LONGER = "LSTM, last state, 30 epochs"
LONG_WORDS, LONG_LENGTH = 10_000, 200  # of a whole review, every model reads the last 200 words
TWINS = {"train": 3000, "validation": 300, "test": 1000}  # pairs of sentences


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


@cache
def texts_of(table, seed, quick):
    """Three parts, each with texts and labels."""
    source = "sentences" if table == "05_sentences" else "long"
    data = datasets.reviews(source, seed=seed)
    few = {"train": 300, "validation": 60, "test": 60} if quick else dict.fromkeys(TWINS)
    return {
        part: dataclasses.replace(split, x=split.x[:n], y={"sentiment": split.y["sentiment"][:n]})
        for part, n in few.items()
        for split in [getattr(data, part)]
    }


def last_words(read, texts, length):
    """Word numbers (review, length), zeros on the right; of a longer review the last words."""
    numbers = np.zeros((len(texts), length), "int32")
    for start in range(0, len(texts), 500):
        for row, words in enumerate(np.asarray(read(texts[start : start + 500].astype(str))), start):
            words = words[words > 0][-length:]
            numbers[row, : len(words)] = words
    return numbers


@cache
def numbers_of(table, seed, quick):
    """Three parts as pairs (word numbers, labels)."""
    names = definitions(table)
    if table == "05_order":
        parts = {
            part: names["twins"](20 if quick else pairs, (seed, number))
            for number, (part, pairs) in enumerate(TWINS.items())
        }
        read = names["reader"](parts["train"][0], None, 30)
        return {part: (np.asarray(read(x.astype(str))), y) for part, (x, y, _) in parts.items()}
    parts = texts_of(table, seed, quick)
    if table == "05_sentences":
        read = names["reader"](parts["train"].x)
        numbers = {part: np.asarray(read(split.x.astype(str))) for part, split in parts.items()}
    else:
        read = names["reader"](parts["train"].x, LONG_WORDS, None)
        length = 20 if quick else LONG_LENGTH
        numbers = {part: last_words(read, split.x, length) for part, split in parts.items()}
    return {part: (x, parts[part].y["sentiment"]) for part, x in numbers.items()}


def rows_of(table, quick):
    """Row -> a function that builds the network; for a row without a network, (seed, quick) -> numbers."""
    rows = all_rows_of(table)
    few = [row for row in rows if "network" in row or row in ("LSTM -> CNN", "CNN, pooled -> LSTM")]
    return {row: rows[row] for row in few} if quick else rows


def all_rows_of(table):
    if table == "05_leak":
        return {
            "No network: split at random": partial(leaking, how="at random"),
            "No network: stretches of the file apart": partial(leaking, how="neighbours"),
            "No network: films apart": partial(leaking, how="films"),
        }
    names = definitions(table)
    lstm_cnn, cnn, lstm, cnn_lstm = (names[name] for name in ("lstm_cnn", "cnn", "lstm", "cnn_lstm"))
    if table == "05_order":
        how = {"words": 100, "width": 32, "dropout": 0.0}
        return {
            "CNN": partial(cnn, filters=95, **how),
            "CNN, kernels 9 wide": partial(cnn, filters=119, widths=(9,), **how),
            "LSTM, last state": partial(lstm, units=81, **how),
            LONGER: partial(lstm, units=81, **how),
            "LSTM, maximum": partial(lstm, units=81, every=True, **how),
            "LSTM -> CNN": partial(lstm_cnn, **how),
            "CNN -> LSTM": partial(cnn_lstm, units=61, **how),
            "CNN -> LSTM, maximum": partial(cnn_lstm, units=61, every=True, **how),
        }
    how = {} if table == "05_sentences" else {"words": LONG_WORDS}
    rows = {  # each network has as many weights behind its embedding as the others, within one in a hundred
        "No network: single words": partial(counting, table, ngrams=(1, 1)),
        "No network: words and pairs": partial(counting, table, ngrams=(1, 2)),
        "No network: naive Bayes weights": partial(counting, table, ngrams=(1, 2), bayes=True),
        "CNN": partial(cnn, **how),
        "LSTM, last state": partial(lstm, **how),
        "LSTM, maximum": partial(lstm, every=True, **how),
        "LSTM -> CNN": partial(lstm_cnn, **how),
        "CNN -> LSTM": partial(cnn_lstm, **how),
    }
    if table == "05_long":
        return rows | {
            "CNN, pooled -> LSTM": partial(cnn_lstm, pool=4, **how),
            "CNN, pooled -> LSTM, maximum": partial(cnn_lstm, pool=4, every=True, **how),
        }
    return rows | {
        "CNN -> LSTM, maximum": partial(cnn_lstm, every=True),
        "LSTM -> CNN, no mask": partial(lstm_cnn, masked=False),
        "LSTM -> CNN, no dropout": partial(lstm_cnn, dropout=0.0),
    }


def last_part(text, length):
    """The last words of a text, as text; what is punctuation alone is no word, for the networks neither."""
    return " ".join([word for word in text.split() if word.strip(string.punctuation)][-length:])


def counting(table, seed, quick, ngrams, bayes=False):
    """Bag of words on the texts of a table, of long reviews on as much as the networks read."""
    parts = texts_of(table, seed, quick)
    if table == "05_long":
        parts = {
            part: dataclasses.replace(
                split, x=np.array([last_part(text, LONG_LENGTH) for text in split.x], object)
            )
            for part, split in parts.items()
        }
    return definitions(table)["bag_of_words"](**parts, ngrams=ngrams, bayes=bayes)


def leaking(seed, quick, how):
    """Bag of words on long reviews, as many for training however they are split."""
    parts = texts_of("05_long", seed, quick)
    texts, labels, *_ = _reviews("long")  # in the order of the file
    order = np.random.default_rng(seed).permutation(len(texts))
    chosen = {}
    if how == "at random":
        pieces = np.split(order, np.cumsum([len(split) for split in parts.values()]))
        chosen = dict(zip(parts, pieces[:-1], strict=True))
    elif how == "neighbours":  # the same test, but nothing is left out of training
        test = {*parts["validation"].x, *parts["test"].x}
        chosen = {"train": [number for number in order if texts[number] not in test][: len(parts["train"])]}
    changed = {
        part: dataclasses.replace(parts[part], x=texts[numbers], y={"sentiment": labels[numbers]})
        for part, numbers in chosen.items()
    }
    return definitions("05_leak")["bag_of_words"](**parts | changed, ngrams=(1, 1))


def epochs_of(table, row, quick):
    if quick:
        return 1
    if row == LONGER:
        return 30
    return LONG_EPOCHS if table == "05_long" else definitions(table)["EPOCHS"]


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test texts."""
    import keras

    build = rows_of(table, quick)[row]
    if "No network" in row:
        return build(seed, quick)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    data = numbers_of(table, seed, quick)
    names, model = definitions(table), build()
    names["train"](model, data, peak=peak, epochs=epochs_of(table, row, quick))
    scores = {
        "parameters": model.count_params(),
        "peak": peak,
        "accuracy": names["accuracy"](model, data[part]),
    }
    if table == "05_order":
        far = names["twins"](len(data[part][1]) // 2, (seed, list(TWINS).index(part)))[2]
        for name, chosen in (("near", far <= 4), ("far", far > 4)):
            scores[name] = names["accuracy"](model, [values[chosen] for values in data[part]])
    return scores


def ready(table, row, quick):
    """The network of a row, the batches of one epoch, and how many these are."""
    import keras

    keras.utils.set_random_seed(0)
    model, (x, y) = rows_of(table, quick)[row](), numbers_of(table, 0, quick)["train"]
    few = (x[:64], y[:64])
    definitions(table)["train"](model, {"train": few, "validation": few}, epochs=1)
    labels = keras.utils.to_categorical(y) if model.output_shape[-1] == 2 else y
    full = range(0, max(1, len(x) - 63), 64)  # batches of one size, so that all take the same time
    return model, [(x[at : at + 64], labels[at : at + 64]) for at in full], -(-len(x) // 64)


STUDY = Study(
    lesson=LESSON,
    seeds={"05_sentences": 5, "05_order": 5, "05_long": 4, "05_leak": 5},
    uses=USES,
    peaks=(1e-3, 2e-3, 4e-3),
    scores=("accuracy",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
