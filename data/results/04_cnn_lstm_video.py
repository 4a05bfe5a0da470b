"""Train the tables of lesson 04: several seeds of every model, with the lesson's own definitions.

    python data/results/04_cnn_lstm_video.py           # all of it: about an hour on two quiet cores
    python data/results/04_cnn_lstm_video.py --times   # measure the times again, keep the scores
    python data/results/04_cnn_lstm_video.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, the same epochs and the same tuning: of the peak learning rates
in PEAKS, each gets the one with its own best validation score after all epochs, with a seed that no table
uses. The habits are taken from the hybrid at the rate tuned for it. This rule and the number of epochs were
fixed before any score on these test clips was seen. Two trainings run side by side, on one thread each.
"""

import argparse
import concurrent.futures
import dataclasses
import multiprocessing
import statistics
import tempfile
import time
from functools import cache
from pathlib import Path

from course_utils import check, results

LESSON = "04_cnn_lstm_video"
PEAKS = (2e-3, 4e-3)
TUNING_SEED = 100
SEEDS = {"04_moving_digits": 5, "04_habits": 3, "04_camera_moves": 3}


@cache
def data_of(table, quick):
    from course_utils import datasets

    loader = datasets.camera_moves if table == "04_camera_moves" else datasets.moving_digits
    data = loader(clips=(160, 32, 32)) if quick else loader()
    return dataclasses.replace(data, compose=cache(data.compose))  # all models train on the same epochs


@cache
def definitions():
    return results.definitions(LESSON)


def rows_of(table, quick):
    """Row -> a pair (function that builds the network, further arguments of `train`).

    A row that needs no network has a function instead: data -> numbers. The first and the hybrid are enough
    to be quick.
    """
    rows = all_rows_of(table)
    return {row: rows[row] for row in [next(iter(rows)), "CNN -> LSTM"] if row in rows} if quick else rows


def all_rows_of(table):
    names = definitions()
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


def measure(table, row, seed, peak, epochs, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    import keras

    data, how, names = data_of(table, quick), rows_of(table, quick)[row], definitions()
    if callable(how):
        return how(data)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = how[0]()
    names["train"](model, data, epochs=epochs, peak=peak, **how[1])
    return {"parameters": model.count_params(), "peak": peak, **names["scores"](model, getattr(data, part))}


def tune(table, epochs, quick, journal, pool):
    """The best peak learning rate for each network of a table: row -> rate."""
    networks = [row for row, how in rows_of(table, quick).items() if not callable(how)]
    trials = [
        (table, row, TUNING_SEED, peak, epochs, "validation", quick)
        for peak in (PEAKS[:1] if quick else PEAKS)
        for row in networks
    ]
    found = journal.measure(pool, measure, trials)

    def score(trial):
        return statistics.mean(found[trial][name] for name in data_of(table, quick).class_names)

    return {row: max((t for t in trials if t[1] == row), key=score)[3] for row in networks}


def train_all(epochs, quick, journal, pool, folder):
    """Tune every network, train every row of every table with every seed, write the tables."""
    peaks = {}
    for table, count in SEEDS.items():
        rows, seeds = rows_of(table, quick), list(range(1 if quick else count))
        if table == "04_habits":
            peaks |= dict.fromkeys(rows, peaks["CNN -> LSTM"])
        else:
            peaks = tune(table, epochs, quick, journal, pool)
        jobs = [(table, row, seed, peaks.get(row), epochs, "test", quick) for seed in seeds for row in rows]
        found = journal.measure(pool, measure, jobs)
        runs = {row: [n for job, n in found.items() if job[1] == row] for row in rows}
        results.save(table, LESSON, runs, seeds, folder)


def time_training(table, epochs, quick, rounds=5, steps=10):
    """Seconds that one training takes: its batches times the time of one. The models are timed in turn.

    Returns row -> a number for each round. A slow minute of the machine falls on all rows alike.
    """
    import keras

    data, rows, names = data_of(table, quick), rows_of(table, quick), definitions()
    if "Textbook CNN -> LSTM" in rows:
        rows["Textbook CNN -> LSTM"] = (names["textbook"], {})
    models, timed = {}, {row: [] for row in rows}
    batches = [
        (data.train.x[at : at + 32], {name: y[at : at + 32] for name, y in data.train.y.items()})
        for at in range(0, len(data.train), 32)
    ]
    for row, how in rows.items():
        if not callable(how):
            keras.utils.set_random_seed(0)
            models[row] = how[0]()
            names["train"](models[row], data, epochs=1, steps_per_epoch=1)
            for _ in range(3):  # the first batch compiles it
                models[row].train_on_batch(*batches[0])
    for _ in range(rounds):
        for row, how in rows.items():
            start = time.perf_counter()
            if callable(how):
                how(data)
                timed[row].append(time.perf_counter() - start)
                continue
            for step in range(steps):
                models[row].train_on_batch(*batches[step % len(batches)])
            timed[row].append((time.perf_counter() - start) / steps * len(batches) * epochs)
    return {row: [round(seconds, 2) for seconds in times] for row, times in timed.items()}


def main(quick, times_only):
    folder = Path(tempfile.mkdtemp(prefix="results-")) if quick else results.FOLDER
    check.setup()
    epochs = 1 if quick else definitions()["EPOCHS"]
    if not times_only:
        journal = results.Journal(folder / f"{LESSON}.part", LESSON)
        spawn = multiprocessing.get_context("spawn")  # a fork would share TensorFlow's threads
        with concurrent.futures.ProcessPoolExecutor(2, spawn, check.setup, (1,)) as pool:
            train_all(epochs, quick, journal, pool, folder)
        journal.path.unlink()
    for table in SEEDS:
        results.add_column(table, "seconds", time_training(table, epochs, quick), folder)
    print(f"Tables written to {folder}.")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="toy size, into a temporary folder")
    options.add_argument("--times", action="store_true", help="measure the times again, keep the scores")
    given = options.parse_args()
    main(given.quick, given.times)
