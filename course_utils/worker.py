"""What a Dask worker does for `make results ARGS="--cluster ADDRESS"`: train a row, with its own course.

Names and numbers are sent to it, never code. It compares its course with the one that asks, because numbers
of another version must not slip into a table.
"""

import functools
import hashlib
import importlib
import json
import os
import platform
import random
import sys
from importlib import metadata

from course_utils import check, results

CODE = ("course_utils/**/*.py", "data/results/*.py", "notebooks/source/*.py")
PACKAGES = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn", "scikit-image")
VARIABLES = ("COURSE_SEED_SHIFT", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA")  # that change numbers


class Refused(Exception):
    """A worker whose numbers could differ; the message says which, why and what to do."""


def course(tables=()):
    """What the numbers of this process depend on: the course's files, packages and settings.

    Parameters
    ----------
    tables : iterable of str
        Stored tables whose learning rates are read in training.

    Returns
    -------
    dict
        Its name -> a version, a setting or a digest. Files are read once, as Python imports them once: a
        worker that runs on after its course has changed still tells the course that it trains with.
    """
    return code() | {f"the learning rates in data/results/{table}.json": peaks(table) for table in tables}


@functools.cache
def code():
    """The part of `course` that stays as it was when this process first used it."""
    root = results.ROOT
    files = {path.relative_to(root).as_posix(): path for pattern in CODE for path in root.glob(pattern)}
    digests = {
        name: hashlib.sha256(path.read_text(encoding="utf-8").encode()).hexdigest()
        for name, path in sorted(files.items())
    }
    versions = {name: installed(name) for name in PACKAGES}
    return digests | versions | {name: os.environ.get(name) for name in VARIABLES}


def installed(package):
    """Its version; None if it is not there. TensorFlow has an edition for machines without a GPU."""
    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def peaks(table):
    """The learning rate of each row of a stored table, as text; None without the table."""
    try:
        rows = results.load(table).rows
    except FileNotFoundError:
        return None
    return json.dumps({row["model"]: row.get("peak") for row in rows})


def machine():
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def objection(name, threads, found, wanted):
    """Why a worker must not train: a sentence, or None.

    Parameters
    ----------
    name : str
        The worker's.
    threads : int
        How many tasks it runs at a time.
    found, wanted : dict
        Its `course`, and that of the process that asks.
    """
    if threads != 1:
        return (
            f"Worker {name} has nthreads={threads}, but must have 1, because trainings in one process share "
            "Keras's seed: start it with `dask worker ADDRESS --nworkers N --nthreads 1`."
        )
    different = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    if different:
        more = f" and {len(different) - 3} more" if len(different) > 3 else ""
        return (
            f"Worker {name} has another course than this machine; different are {', '.join(different[:3])}"
            f"{more}: bring both to the same version, then restart the worker."
        )
    return None


@functools.cache
def script_of(lesson):
    """The module of `data/results/LESSON.py` of this process's own course, imported after the set-up."""
    os.environ["COURSE_THREADS"] = "1"  # as in the processes of a run without a cluster
    check.setup()
    sys.path.insert(0, str(results.FOLDER))  # scripts import what they share from there
    return importlib.import_module(lesson)


def leave_random_alone():
    """Give Dask a generator of its own: its heartbeat draws from Python's, twice a second.

    Keras takes the seeds of layers from Python's generator, so a draw of another thread between setting a
    seed and making a layer changes the network. Modules imported later would draw from it again: call this
    before each job.
    """
    own, shared = random.Random(), random.random.__self__
    for path, module in list(sys.modules.items()):
        if path.split(".")[0] not in ("dask", "distributed", "tornado"):
            continue
        for name, value in list(vars(module).items()):
            if value is random:
                setattr(module, name, own)
            elif getattr(value, "__self__", None) is shared:  # from random import randint
                setattr(module, name, getattr(own, value.__name__))


def measure(lesson, tables, wanted, *job):
    """Call the `measure` of a lesson's script in this worker.

    Parameters
    ----------
    lesson : str
        For instance "06_attention".
    tables : tuple of str
        Stored tables whose learning rates are read.
    wanted : dict
        The `course` of the process that asks, with these tables.
    *job : tuple
        The arguments of `measure`; the last one is `quick`.

    Raises
    ------
    Refused
        If this worker has another course or several threads, or cannot import the script. A worker may join
        long after the others were looked at, therefore each job asks again.
    """
    from distributed import get_worker

    worker = get_worker()
    if told := objection(worker.name, worker.state.nthreads, course(tables), wanted):
        raise Refused(told)
    try:
        script = script_of(lesson)
    except Exception as error:
        raise Refused(
            f"Worker {worker.name} cannot import data/results/{lesson}.py ({type(error).__name__}: {error}): "
            "restart it with the Python of its course."
        ) from error
    import tensorflow as tf

    leave_random_alone()
    tf.config.run_functions_eagerly(job[-1] and not script.STUDY.traced)  # as without a cluster
    return script.STUDY.measure(*job)
