"""What the scripts of this folder share: tune, train every row with every seed, time the training.

The models are not written a second time: `definitions_of` reads them out of the lesson's own cells.

Each script describes its tables as a `Study` and calls `main`. Two trainings run side by side, on one thread
each; with `--cluster`, as many as a Dask cluster has workers. Of the peak learning rates, each network gets
the one with its own best validation score after all epochs, the mean of two seeds that no table uses. Where
the best is the lowest or the highest tried, one further out is tried, until it is neither. The test part is
scored once.
"""

import argparse
import ast
import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import jupytext

from course_utils import check, results, worker

TUNING_SEEDS = (100, 101)
FURTHEST = 256  # times above and below the rates that a study starts with; beyond, the search ends
UNTRAINED = ("No network", "No training")  # how rows begin that are measured, and neither tuned nor trained
PATIENCE = 60  # seconds without any worker, after which a cluster is given up; a restart takes a few


@dataclass(frozen=True)
class Study:
    """The tables of one lesson. A row whose name begins with "No network" or "No training" is not tuned.

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
        as it is called in other processes. `part` is "validation" or "test". What it gives under "files",
        name -> bytes, is kept beside the table; it writes nothing itself, as it may run on another machine.
    ready : callable
        (table, row, quick) -> a compiled model, a list of batches, and how many of these one training (or
        whatever the column of seconds is about) takes.
    traced : bool
        Whether toys are traced too: that takes longer than a few batches, but less than many.
    reads : dict
        Table -> a tuple of stored tables whose learning rates `measure` reads.
    """

    lesson: str
    seeds: dict
    uses: dict
    peaks: tuple
    scores: tuple
    rows_of: callable
    measure: callable
    ready: callable
    traced: bool = False
    reads: dict = dataclasses.field(default_factory=dict)


# ----------------------------------------------------------------------------------- a lesson's definitions


def definition_cells(lesson):
    """The source of every cell of a lesson tagged `definition`, in order."""
    cells = jupytext.read(results.ROOT / "notebooks" / "source" / f"{lesson}.py").cells
    return [cell.source for cell in cells if "definition" in cell.metadata.get("tags", [])]


def needed(lesson, names):
    """The statements of a lesson's cells tagged `definition` that bind `names` and all that these build on.

    Parameters
    ----------
    lesson : str
        For instance "04_cnn_lstm_video".
    names : iterable of str
        Functions, classes and constants of the lesson.

    Returns
    -------
    list of ast.stmt
        In the order of the lesson, without docstrings.

    Raises
    ------
    KeyError
        If no such cell binds one of the names.
    """
    statements = [node for cell in definition_cells(lesson) for node in ast.parse(cell).body]
    binders = {name: node for node in statements for name in bound_by(node)}
    if missing := sorted(set(names) - binders.keys()):
        raise KeyError(
            f"names={missing} are bound by no cell of {lesson} tagged definition. Those bind: "
            f"{', '.join(sorted(binders))}."
        )
    waiting, found = list(names), set()
    while waiting:
        node = binders[waiting.pop()]
        if node not in found:
            found.add(node)
            waiting += [
                part.id for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in binders
            ]
    kept = [node for node in statements if node in found]
    for node in kept:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return kept


def bound_by(node):
    """The names that a statement binds: those of a definition, an import or an assignment."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def definitions_of(lesson, names):
    """Run what `names` need of a lesson (see `needed`), and nothing else.

    Returns
    -------
    dict
        What was bound. A table can therefore not use what its digest does not follow.
    """
    bound = {"__name__": lesson}
    code = ast.fix_missing_locations(ast.Module(needed(lesson, names), type_ignores=[]))
    exec(compile(code, f"{lesson}.py (cells tagged definition)", "exec"), bound)
    return bound


def digest(lesson, names):
    """Changes with the definitions that `names` need, not with comments, docstrings or the order of cells.

    Tells whether a table is older than the models it is about.
    """
    parts = sorted(map(ast.dump, needed(lesson, names)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# ------------------------------------------------------------------------------------------ numbers on disk


class Journal:
    """Numbers measured so far for one table, kept in a `.part` file, so that a stopped run can go on.

    A journal made from other definitions (another digest) is thrown away.
    """

    def __init__(self, path, digest):
        self.path, self.numbers = Path(path), {"definitions": digest}
        if self.path.exists():
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found.get("definitions") == self.numbers["definitions"]:
                self.numbers = found

    def measure(self, pool, function, jobs):
        """Call `function(*job)` for every job that is not in the journal, in the processes of the pool.

        Parameters
        ----------
        pool : concurrent.futures.Executor
            Runs the jobs.
        function : callable
            Returns a dict of plain numbers, and perhaps of "files": name -> bytes, to be kept beside the
            journal.
        jobs : list of tuple
            The arguments of each call.

        Returns
        -------
        dict
            job -> its numbers.
        """
        waiting = {pool.submit(function, *job): job for job in jobs if str(job) not in self.numbers}
        for future in concurrent.futures.as_completed(waiting):
            numbers = dict(future.result())
            for name, content in numbers.pop("files", {}).items():
                (self.path.parent / name).write_bytes(content)
            self.numbers[str(waiting[future])] = numbers
            write(self.path, self.numbers)
            finished = sum(str(job) in self.numbers for job in jobs)
            print(f"{finished} of {len(jobs)}:", waiting[future], numbers, flush=True)
        return {job: self.numbers[str(job)] for job in jobs}


def weights_of(model):
    """The bytes of a `.weights.h5` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.weights.h5")
        model.save_weights(path)
        return path.read_bytes()


def save(study, table, runs, seeds, tuning, folder, machine):
    """Write a table, with where it comes from.

    Parameters
    ----------
    study, table : Study, str
        What was trained.
    runs : dict
        Row -> a list with a dict of numbers for each seed. `parameters` must not depend on the seed.
    seeds : list of int
        In the order of the runs.
    tuning : dict
        Row -> {peak learning rate tried: mean score on the validation part}.
    folder : path
        Where to write it.
    machine : str
        What trained it.
    """
    import tensorflow as tf

    rows = []
    for model, numbers in runs.items():
        columns = {key: [round(run[key], 9 if key == "peak" else 4) for run in numbers] for key in numbers[0]}
        rows.append({"model": model, **columns, "parameters": numbers[0]["parameters"]})
    provenance = {
        "command": "make results",
        "seeds": seeds,
        **where(machine),
        "python": platform.python_version(),
        "versions": {"tensorflow": tf.__version__}
        | {package: version(package) for package in ("keras", "numpy", "scikit-learn")},
        "uses": sorted(study.uses[table]),
        "definitions": digest(study.lesson, study.uses[table]),
        "tuning": tuning,
    }
    write(folder / f"{table}.json", {"rows": rows, "provenance": provenance})


def add_column(name, column, values, folder):
    """Write one more column, `values[model]`, into a table, such as times measured in a run of their own.

    When and on what machine goes into the provenance, under the name of the column.
    """
    table = results.load(name, folder)
    for row in table.rows:
        if row["model"] in values:
            row[column] = values[row["model"]]
    provenance = table.provenance | {column: where(worker.machine())}
    write(Path(folder) / f"{name}.json", {"rows": table.rows, "provenance": provenance})


def where(machine):
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine}


def write(path, content):
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


# ------------------------------------------------------------------------------------------ what is trained


def needs_network(row):
    return not row.startswith(UNTRAINED)


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


def train_all(study, tables, quick, pool, folder, machines=()):
    """Tune every network, train every row of the tables with every seed, write the tables.

    Parameters
    ----------
    study, tables, quick : Study, list of str, bool
        What to train.
    pool : concurrent.futures.Executor
        Runs the trainings.
    folder : path
        Where the tables go.
    machines : list of str
        Those of the cluster, if the pool is that of a cluster.
    """
    journals = []
    for table in tables:
        if machines:
            reads = study.reads.get(table, ())  # looked at now, because the table before may be one of them
            sent = functools.partial(worker.measure, study.lesson, reads, worker.course(reads))
            study = dataclasses.replace(study, measure=sent)
        journal = Journal(folder / f"{table}.part", digest(study.lesson, study.uses[table]))
        journals.append(journal)
        rows, seeds = study.rows_of(table, quick), list(range(1 if quick else study.seeds[table]))
        tuning = tune(study, table, quick, journal, pool)
        peaks = {row: best(scores) for row, scores in tuning.items()}
        jobs = [(table, row, seed, peaks.get(row), "test", quick) for seed in seeds for row in rows]
        found = journal.measure(pool, study.measure, jobs)
        runs = {row: [numbers for job, numbers in found.items() if job[1] == row] for row in rows}
        save(study, table, runs, seeds, tuning, folder, "; ".join(machines) or worker.machine())
    for journal in journals:
        journal.path.unlink()


def time_training(study, table, quick):
    """Seconds that one training takes: its batches times the time of one. The models are timed in turn.

    Returns row -> a number for each of five rounds. A slow minute of the machine falls on all rows alike.
    A first round is not counted: TensorFlow is still setting up then.
    """
    rows = [row for row in study.rows_of(table, quick) if not row.startswith("No training")]
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


def one_thread():
    """For toy sizes, which take less time than another process needs to import TensorFlow."""
    return concurrent.futures.ThreadPoolExecutor(1)


def two_processes():
    os.environ["COURSE_THREADS"] = "1"  # for each of them
    spawn = multiprocessing.get_context("spawn")  # a fork would share TensorFlow's threads
    return concurrent.futures.ProcessPoolExecutor(2, spawn, check.setup)


@contextlib.contextmanager
def cluster(address):
    """Run trainings in the workers of a Dask cluster; what is wrong with it ends the script with a sentence.

    If a worker dies, Dask gives its training to another one; a training with which four have died ends all.

    Parameters
    ----------
    address : str
        That of the scheduler, such as "tcp://host:8786".

    Yields
    ------
    tuple
        The executor, and a list with a description of each kind of machine.
    """
    from distributed import Client, KilledWorker
    from distributed.comm import get_address_host_port

    try:
        get_address_host_port(address)  # a client that finds out by itself leaves a traceback behind
        client = Client(address, timeout=5, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SystemExit(
            f"No Dask scheduler answers at --cluster={address!r} ({error}): give the address that "
            "`dask scheduler` prints, such as tcp://host:8786."
        ) from None
    over = threading.Event()
    try:
        machines = look_at_workers(client, address)
        pool = client.get_executor(pure=False)
        threading.Thread(target=give_up_without_workers, args=(client, pool, over), daemon=True).start()
        yield pool, machines
    except concurrent.futures.CancelledError:
        raise SystemExit(
            f"The cluster at {address} is gone: its scheduler has ended, or for {PATIENCE} seconds there was "
            "no worker. What is finished is kept; start the cluster and run the same command again to go on."
        ) from None
    except KilledWorker as error:
        raise SystemExit(
            f"{error.allowed_failures + 1} workers of {address} have died with the same training, the last "
            f"was {error.last_worker.address}: its log may tell why, often it is too little memory. What is "
            "finished is kept; run the same command again to go on."
        ) from None
    except worker.Refused as error:
        raise SystemExit(f"{error} What is finished is kept; run the same command again to go on.") from None
    finally:
        over.set()
        client.close()  # the cluster forgets what still waits


def look_at_workers(client, address):
    """Their kinds of machines; ends the script if there is no worker, or one that must not train."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if not workers:
        raise SystemExit(
            f"The cluster at {address} has no worker: start some in the course's environment with "
            f"`dask worker {address} --nworkers N --nthreads 1`, N being the number of cores."
        )
    courses = client.run(worker.course, workers=list(workers), on_error="return")
    for at, found in courses.items():
        name = workers[at]["name"]
        if isinstance(found, Exception):
            raise SystemExit(
                f"Worker {name} cannot import the course ({found}): start it with the "
                "Python of its course, or with PYTHONPATH set to the course's folder."
            )
        if told := worker.objection(name, workers[at]["nthreads"], found, worker.course()):
            raise SystemExit(told)
    return sorted(set(client.run(worker.machine).values()))


def give_up_without_workers(client, pool, over):
    """Cancel all trainings once there has been no worker for long: Dask itself would wait for ever."""
    seen = time.monotonic()
    with contextlib.suppress(Exception):  # with the scheduler gone, everything is cancelled anyway
        while not over.wait(1):
            if client.nthreads():
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE:
                pool.shutdown(wait=False)
                return


def main(study, description, arguments=None):
    """Do what the command line asks for; the tables go to data/results, quick ones to a temporary folder."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="toy size, into a temporary folder")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--times", action="store_true", help="measure the times again, keep the scores")
    place.add_argument(
        "--cluster", metavar="ADDRESS", help="train on a Dask cluster; times are still measured here"
    )
    parser.add_argument(
        "--table", choices=study.seeds, action="append", help="only this one; may be repeated"
    )
    given = parser.parse_args(arguments)
    tables = given.table or list(study.seeds)
    folder = Path(tempfile.mkdtemp(prefix="results-")) if given.quick else results.FOLDER
    check.setup()
    if given.quick:
        import tensorflow as tf

        tf.config.run_functions_eagerly(not study.traced)
    if given.cluster is not None:
        with cluster(given.cluster) as (pool, machines):
            train_all(study, tables, given.quick, pool, folder, machines)
    elif not given.times:
        with one_thread() if given.quick else two_processes() as pool:
            train_all(study, tables, given.quick, pool, folder)
    for table in tables:
        add_column(table, "seconds", time_training(study, table, given.quick), folder)
    print(f"Tables written to {folder}.")
