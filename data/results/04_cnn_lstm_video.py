"""Train the tables of lesson 04: several seeds of every model, with the lesson's own definitions.

    python data/results/04_cnn_lstm_video.py           # all of it: about an hour on two quiet cores
    python data/results/04_cnn_lstm_video.py --times   # measure the times again, keep the scores
    python data/results/04_cnn_lstm_video.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, epochs and recipe. The recipe's peak learning rate is the one
of three with the best validation score on average over all networks of the moving digits, after a quarter of
the epochs, with a seed that no table uses. The tables are scored on the test clips. Two trainings
run side by side, on one thread each. These tables are provisional: trial scores on the test clips were seen
before the number of epochs and this way of tuning were settled.
"""

import argparse
import concurrent.futures
import multiprocessing
import statistics
import tempfile
import time
from functools import cache
from pathlib import Path

from course_utils import check, results

LESSON = "04_cnn_lstm_video"
PEAKS = (1e-3, 2e-3, 4e-3)
TUNING_SEED = 100
SEEDS = {"04_moving_digits": 4, "04_camera_moves": 2, "04_habits": 2}


@cache
def data_of(table, quick):
    from course_utils import datasets

    loader = datasets.camera_moves if table == "04_camera_moves" else datasets.moving_digits
    return loader(clips=(160, 32, 32)) if quick else loader()


@cache
def definitions():
    return results.definitions(LESSON)


def rows_of(table, quick):
    """Row -> a pair (function that builds the network, further arguments of `train`).

    A row that needs no network has a function instead: data -> numbers. Two rows are enough to be quick.
    """
    rows = all_rows_of(table)
    return dict(list(rows.items())[:2]) if quick else rows


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


def tune(epochs, quick, journal, pool):
    """The peak learning rate that suits all networks together best."""
    table, brief = "04_moving_digits", max(1, epochs // 4)
    networks = [row for row, how in rows_of(table, quick).items() if not callable(how)]
    trials = [
        (table, row, TUNING_SEED, peak, brief, "validation", quick)
        for peak in (PEAKS[:1] if quick else PEAKS)
        for row in networks
    ]
    found = journal.measure(pool, measure, trials)

    def mean_score(peak):
        runs = [numbers for numbers in found.values() if numbers["peak"] == peak]
        return statistics.mean(run[name] for run in runs for name in data_of(table, quick).class_names)

    return max({trial[3] for trial in trials}, key=mean_score)


def train_all(epochs, quick, journal, pool, folder):
    """Tune the recipe, train every row of every table with every seed, write the tables."""
    peak = tune(epochs, quick, journal, pool)
    jobs = [
        (table, row, seed, peak, epochs, "test", quick)
        for table, count in SEEDS.items()
        for seed in range(1 if quick else count)
        for row in rows_of(table, quick)
    ]
    found = journal.measure(pool, measure, jobs)
    for table, count in SEEDS.items():
        rows = rows_of(table, quick)
        runs = {row: [n for job, n in found.items() if job[:2] == (table, row)] for row in rows}
        results.save(table, LESSON, runs, list(range(1 if quick else count)), folder)


def time_training(table, epochs, quick, rounds=5, steps=10):
    """Seconds that one training takes: its batches times the time of one. The models are timed in turn.

    Returns row -> a number for each round. A slow minute of the machine falls on all rows alike.
    """
    import keras

    data, rows, names = data_of(table, quick), rows_of(table, quick), definitions()
    if "Textbook CNN -> LSTM" in rows:
        rows["Textbook CNN -> LSTM"] = (names["textbook"], {})
    batches, models, timed = data.batches(32), {}, {row: [] for row in rows}
    for row, how in rows.items():
        if not callable(how):
            keras.utils.set_random_seed(0)
            models[row] = how[0]()
            names["train"](models[row], data, epochs=1, steps_per_epoch=1)  # compiles it
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
