"""What the scripts of this folder share: tune, train every row with every seed, time the training.

Each script describes its tables as a `Study` and calls `main`. Two trainings run side by side, on one thread
each. Of the peak learning rates, each network gets the one with its own best validation score after all
epochs, the mean of two seeds that no table uses. Where the best is the lowest or the highest tried, one
further out is tried, until it is neither. The test part is scored once.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from course_utils import check, results

TUNING_SEEDS = (100, 101)
FURTHEST = 16  # times above and below the rates that a study starts with; beyond, the search ends


@dataclass(frozen=True)
class Study:
    """The tables of one lesson. A row whose name begins with "No network" is not tuned.

    Attributes
    ----------
    lesson : str
        Its name, such as "04_cnn_lstm_video".
    seeds : dict
        Table -> number of seeds.
    uses : dict
        Table -> the names of the lesson's definitions that it is made with, and that its digest follows.
    peaks : tuple of float
        The peak learning rates that are tried first, in steps of 2.
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
    """

    lesson: str
    seeds: dict
    uses: dict
    peaks: tuple
    scores: tuple
    rows_of: callable
    measure: callable
    ready: callable


def needs_network(row):
    return not row.startswith("No network")


def best(scores):
    """The peak with the highest score; of several such, the (lower) one in their middle."""
    equal = sorted(peak for peak, score in scores.items() if score == max(scores.values()))
    return equal[(len(equal) - 1) // 2]


def further(scores, peaks):
    """The peaks to try next: one beyond the best, if none was tried there and it is not too far out."""
    peak = best(scores)
    beyond = [peak / 2] * (peak == min(scores)) + [peak * 2] * (peak == max(scores))
    return [peak for peak in beyond if min(peaks) / FURTHEST <= peak <= max(peaks) * FURTHEST]


def tune(study, table, quick, journal, pool):
    """Score every network of a table at several peak learning rates: row -> {peak: validation score}."""
    seeds = TUNING_SEEDS[:1] if quick else TUNING_SEEDS
    tried = {row: {} for row in study.rows_of(table, quick) if needs_network(row)}
    waiting = [(row, peak) for peak in study.peaks[: 1 if quick else None] for row in tried]
    while waiting:
        trials = {at: [(table, at[0], seed, at[1], "validation", quick) for seed in seeds] for at in waiting}
        found = journal.measure(pool, study.measure, [trial for each in trials.values() for trial in each])
        for (row, peak), each in trials.items():
            scores = [found[trial][name] for trial in each for name in study.scores if name in found[trial]]
            tried[row][peak] = round(statistics.mean(scores), 5)
        waiting = [(row, peak) for row in tried if not quick for peak in further(tried[row], study.peaks)]
    return tried


def train_all(study, tables, quick, pool, folder):
    """Tune every network, train every row of the tables with every seed, write the tables."""
    journals = []
    for table in tables:
        journal = results.Journal(folder / f"{table}.part", results.digest(study.lesson, study.uses[table]))
        journals.append(journal)
        rows, seeds = study.rows_of(table, quick), list(range(1 if quick else study.seeds[table]))
        tuning = tune(study, table, quick, journal, pool)
        peaks = {row: best(scores) for row, scores in tuning.items()}
        jobs = [(table, row, seed, peaks.get(row), "test", quick) for seed in seeds for row in rows]
        found = journal.measure(pool, study.measure, jobs)
        runs = {row: [numbers for job, numbers in found.items() if job[1] == row] for row in rows}
        results.save(table, study.lesson, runs, seeds, study.uses[table], tuning, folder)
    for journal in journals:
        journal.path.unlink()


def time_training(study, table, quick):
    """Seconds that one training takes: its batches times the time of one. The models are timed in turn.

    Returns row -> a number for each of five rounds. A slow minute of the machine falls on all rows alike.
    A first round is not counted: TensorFlow is still setting up then.
    """
    rows = study.rows_of(table, quick)
    models = {row: study.ready(table, row, quick) for row in rows if needs_network(row)}
    timed = {row: [] for row in rows}
    rounds, steps = (2, 1) if quick else (6, 10)
    for _ in range(rounds):
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
    parser.add_argument(
        "--table", choices=study.seeds, action="append", help="only this one; may be repeated"
    )
    given = parser.parse_args()
    tables = given.table or list(study.seeds)
    folder = Path(tempfile.mkdtemp(prefix="results-")) if given.quick else results.FOLDER
    check.setup()
    if not given.times:
        spawn = multiprocessing.get_context("spawn")  # a fork would share TensorFlow's threads
        os.environ["COURSE_THREADS"] = "1"  # for each of the two processes
        workers = 1 if given.quick else 2  # each has to import TensorFlow
        with concurrent.futures.ProcessPoolExecutor(workers, spawn, check.setup) as pool:
            train_all(study, tables, given.quick, pool, folder)
    for table in tables:
        results.add_column(table, "seconds", time_training(study, table, given.quick), folder)
    print(f"Tables written to {folder}.")
