"""What the scripts of this folder share: tune, train every row with every seed, time the training.

Each script describes its tables as a `Study` and calls `main`. Two trainings run side by side, on one thread
each. Of the peak learning rates, each network gets the one with its own best validation score after all
epochs, with a seed that no table uses; the test part is scored once.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from course_utils import check, results

TUNING_SEED = 100


@dataclass(frozen=True)
class Study:
    """The tables of one lesson. A row whose name begins with "No network" is not tuned.

    Attributes
    ----------
    lesson : str
        Its name, such as "04_cnn_lstm_video".
    seeds : dict
        Table -> number of seeds.
    peaks : tuple of float
        The peak learning rates that each network may choose from.
    scores : tuple of str
        What the choice goes by: the mean of those scores that a row has.
    rows_of : callable
        (table, quick) -> a dict with a key for each row; quick: two rows are enough.
    measure : callable
        (table, row, seed, peak, part, quick) -> a dict of numbers; a function of the script's own module,
        as it is called in other processes. `part` is "validation" or "test".
    ready : callable
        (table, row, quick) -> a compiled model, a list of batches, and how many of these one training (or
        whatever the column of seconds is about) takes.
    peak_of : dict
        Table -> row of an earlier table, whose peak all its rows take instead of one of their own.
    """

    lesson: str
    seeds: dict
    peaks: tuple
    scores: tuple
    rows_of: callable
    measure: callable
    ready: callable
    peak_of: dict = field(default_factory=dict)


def needs_network(row):
    return not row.startswith("No network")


def tune(study, table, quick, journal, pool):
    """The best peak learning rate for each network of a table: row -> rate."""
    networks = [row for row in study.rows_of(table, quick) if needs_network(row)]
    peaks = study.peaks[:1] if quick else study.peaks
    trials = [(table, row, TUNING_SEED, peak, "validation", quick) for peak in peaks for row in networks]
    found = journal.measure(pool, study.measure, trials)

    def score(trial):
        return statistics.mean(found[trial][name] for name in study.scores if name in found[trial])

    return {row: max((t for t in trials if t[1] == row), key=score)[3] for row in networks}


def train_all(study, quick, journal, pool, folder):
    """Tune every network, train every row of every table with every seed, write the tables."""
    peaks = {}
    for table, count in study.seeds.items():
        rows, seeds = study.rows_of(table, quick), list(range(1 if quick else count))
        if table in study.peak_of:
            peaks |= dict.fromkeys(rows, peaks[study.peak_of[table]])
        else:
            peaks |= tune(study, table, quick, journal, pool)
        jobs = [(table, row, seed, peaks.get(row), "test", quick) for seed in seeds for row in rows]
        found = journal.measure(pool, study.measure, jobs)
        runs = {row: [numbers for job, numbers in found.items() if job[1] == row] for row in rows}
        results.save(table, study.lesson, runs, seeds, folder)


def time_training(study, table, quick, steps=10):
    """Seconds that one training takes: its batches times the time of one. The models are timed in turn.

    Returns row -> a number for each of five rounds. A slow minute of the machine falls on all rows alike.
    A first round is not counted: TensorFlow is still setting up then.
    """
    rows = study.rows_of(table, quick)
    models = {row: study.ready(table, row, quick) for row in rows if needs_network(row)}
    timed = {row: [] for row in rows}
    for _ in range(2 if quick else 6):
        for row, seconds in timed.items():
            start = time.perf_counter()
            if row in models:
                model, batches, count = models[row]
                for step in range(steps):
                    model.train_on_batch(*batches[step % len(batches)])
                seconds.append((time.perf_counter() - start) / steps * count)
            else:
                study.measure(table, row, 0, None, "test", quick)
                seconds.append(time.perf_counter() - start)
    return {row: [round(number, 2) for number in seconds[1:]] for row, seconds in timed.items()}


def main(study, description):
    """Do what the command line asks for; the tables go to data/results, quick ones to a temporary folder."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="toy size, into a temporary folder")
    parser.add_argument("--times", action="store_true", help="measure the times again, keep the scores")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="results-")) if given.quick else results.FOLDER
    check.setup()
    if not given.times:
        journal = results.Journal(folder / f"{study.lesson}.part", study.lesson)
        spawn = multiprocessing.get_context("spawn")  # a fork would share TensorFlow's threads
        os.environ["COURSE_THREADS"] = "1"  # for each of the two processes
        with concurrent.futures.ProcessPoolExecutor(2, spawn, check.setup) as pool:
            train_all(study, given.quick, journal, pool, folder)
        journal.path.unlink()
    for table in study.seeds:
        results.add_column(table, "seconds", time_training(study, table, given.quick), folder)
    print(f"Tables written to {folder}.")
