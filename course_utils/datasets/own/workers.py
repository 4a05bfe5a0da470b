"""Where clips are read and run through a CNN: in threads of this process, or on a Dask cluster."""

import concurrent.futures
import contextlib
import functools
import hashlib
import importlib.util
import itertools
import logging
import os
import platform
import threading
import time
from pathlib import Path

import numpy as np

from course_utils.datasets.base import DATA, DataError
from course_utils.datasets.own.decoder import Unreadable
from course_utils.datasets.own.decoding import Decoder

AHEAD = 4  # jobs handed out for each worker, so that none waits, and memory stays bounded
GONE = "The cluster is gone. What was done is kept: start it again, and the same call goes on."
PATIENCE = 5  # seconds between two lines that tell how far it is; what is faster passes in silence

of_thread = threading.local()


# ----------------------------------------------------------------------------------------- what a worker does


def read_clip(path, how, seconds, memory):
    """A clip as an array, its sizes before, and notes; or, as a string, why it cannot be read.

    Each thread has a decoder of its own.
    """
    if not os.path.lexists(path):
        raise DataError(
            f"The machine {platform.node()} finds no {path}: all machines of a cluster must see the folder "
            "under the same path. Share it, and give its full path."
        )
    decoder = getattr(of_thread, "decoder", None)
    if decoder is None or (decoder.seconds, decoder.memory) != (seconds, memory):
        decoder = of_thread.decoder = Decoder(seconds, memory)
    try:
        return decoder.read(path, **how)
    except Unreadable as problem:
        return str(problem)


def features_of(frames, path, digest):
    """What a saved model makes of each frame of a clip: (time, ...), float32."""
    return np.asarray(_model(path, digest)(frames / np.float32(255), training=False), "float32")


@functools.lru_cache(1)
def _model(path, digest):
    import keras

    if digest_of(path) != digest:
        raise DataError(
            f"features={path!r} has another content on a worker: give all machines the same file."
        )
    return keras.saving.load_model(path)


def digest_of(path):
    """The sha256 of a file.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as problem:
        raise DataError(
            f"features={str(path)!r} cannot be read ({problem.strerror}): give a model saved as .keras."
        ) from None


# ---------------------------------------------------------------------------------------- who the workers are


@contextlib.contextmanager
def executor(client):
    """Something with `submit`, how many jobs it does at a time, and what tells whether anybody does them.

    Parameters
    ----------
    client : None, "local", str or distributed.Client
        None: threads of this process. "local": a Dask cluster on this machine, a process for each core. Else
        the address of a scheduler, or a client.

    Raises
    ------
    DataError
        If Dask is not installed, the address does not answer, or a worker lacks the course.
    """
    if client is None:
        number = os.cpu_count() or 1
        with concurrent.futures.ThreadPoolExecutor(number) as pool:
            yield pool, number, lambda: True
        return
    try:
        import distributed
    except ImportError:
        told = "client= needs the package distributed: `python course.py own my_clips` installs it."
        raise DataError(told) from None
    if not isinstance(client, (str, distributed.Client)):
        told = 'use None, "local", the address of a scheduler, or a distributed.Client'
        raise ValueError(f"client={client!r} cannot be: {told}.")
    with contextlib.ExitStack() as stack:
        if client == "local":
            quiet = {"dashboard_address": ":0", "silence_logs": logging.ERROR}
            cluster = stack.enter_context(distributed.LocalCluster(threads_per_worker=1, **quiet))
            client = stack.enter_context(cluster.get_client())
        elif isinstance(client, str):
            try:
                distributed.comm.get_address_host_port(client)  # a client would leave a traceback behind
                client = stack.enter_context(distributed.Client(client, timeout=5, set_as_default=False))
            except (OSError, ValueError) as problem:
                raise DataError(
                    f"client={client!r} does not answer ({problem}): give the address that `dask scheduler` "
                    "prints, such as tcp://host:8786."
                ) from None
        at = client.scheduler.address
        found = client.run(importlib.util.find_spec, __name__, on_error="return")
        if not found:
            raise DataError(f"The cluster at {at} has no workers: start some with `dask worker {at}`.")
        for worker, spec in found.items():
            if spec is None or isinstance(spec, Exception):
                raise DataError(
                    f"The worker {worker} cannot import the course: start it with PYTHONPATH={DATA.parent}, "
                    "or wherever the course lies on its machine."
                )
        yield client.get_executor(pure=False), sum(client.nthreads().values()), client.nthreads


def done_by(client, jobs, what, function, *more):
    """Call `function(job, *more)` for each of many jobs, few of them at a time.

    Parameters
    ----------
    client : see `executor`
        It is opened if there are jobs.
    jobs : iterable of (str, job)
        May be a generator, so that not all jobs are in memory at once.
    what : str
        What is done, for the line that tells how far it is.
    function, *more
        What is called, and what it gets besides the job.

    Yields
    ------
    str, callable
        The name of a job that is done, and what returns its result or raises its error.

    Raises
    ------
    DataError
        See `executor`; or if the cluster is gone.
    """
    jobs = iter(jobs)
    first = next(jobs, None)
    if first is None:
        return
    jobs, waiting, done = itertools.chain([first], jobs), {}, 0
    start = told = seen = time.monotonic()
    with executor(client) as (pool, number, somebody):
        while True:
            for name, job in itertools.islice(jobs, AHEAD * number - len(waiting)):
                waiting[pool.submit(function, job, *more)] = name
            if not waiting:
                return
            ready = concurrent.futures.wait(waiting, PATIENCE, concurrent.futures.FIRST_COMPLETED).done
            for future in ready:
                yield waiting.pop(future), functools.partial(result_of, future)
                done += 1
            now = time.monotonic()
            if ready or somebody():
                seen = now
            elif now - seen > 10 * PATIENCE:  # Dask itself would wait for ever
                pool.shutdown(wait=False, cancel_futures=True)
                raise DataError(GONE)
            if now - told > PATIENCE:
                told = now
                print(f"{what}: {done:,} after {told - start:.0f} s", flush=True)


def result_of(future):
    """What a job returned; DataError if its cluster is gone, or if it has ended several workers."""
    try:
        return future.result()
    except concurrent.futures.CancelledError:
        raise DataError(GONE) from None
    except Exception as problem:
        if type(problem).__name__ == "KilledWorker":
            raise DataError(f"{GONE} With one job, several workers have ended ({problem}).") from None
        raise
