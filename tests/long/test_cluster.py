"""The tables' trainings on a Dask cluster: a real one, of processes in another folder than the course."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import common
import pytest
from clusters import ONE, running, waited_for

from course_utils import results, worker

TOY_LESSON = """
# %% tags=["definition"]
import keras

def network():
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((4,)), dense(3, "tanh"), keras.layers.Dropout(0.5), dense(1)])
"""
# One training waits for the test. All take their time between seed and network: Dask's heartbeat, twice a
# second, must not draw from the generator that was seeded.
TOY_SCRIPT = '''
import os, time
from pathlib import Path
import numpy as np
from common import Study, definitions_of, main, weights_of

def rows_of(table, quick):
    return dict.fromkeys(["No network: none", "Network"])

def measure(table, row, seed, peak, part, quick):
    if row.startswith("No network"):
        return {"parameters": 0, "sum": 1.0}
    if part == "validation":
        return {"good": -abs(peak - 2e-3)}
    import keras
    keras.utils.set_random_seed(seed)
    marks = Path(os.environ["TOY_MARKS"])
    if seed == 1 and (marks / "hold").exists():
        (marks / "pid.new").write_text(str(os.getpid()))
        (marks / "pid.new").rename(marks / "pid")
        while (marks / "hold").exists():
            time.sleep(0.05)
    time.sleep(1.2)
    model = definitions_of("00_toy", ["network"])["network"]()
    model.compile(keras.optimizers.SGD(peak), "mse")
    x = np.random.normal(size=(8, 4))
    model.fit(x, x.sum(axis=1), epochs=2, verbose=0)
    total = 1e6 * float(model.predict(x, verbose=0).sum())
    found = {"parameters": model.count_params(), "peak": peak, "sum": total}
    if seed == 0:
        found["files"] = {f"{table}.weights.h5": weights_of(model)}
    return found

def ready(table, row, quick):
    model = definitions_of("00_toy", ["network"])["network"]()
    model.compile("sgd", "mse")
    return model, [(np.ones((2, 4)), np.ones(2))], 3

USES = {"00_toy": ["network"]}
STUDY = Study("00_toy", {"00_toy": 2}, USES, (1e-3, 2e-3, 4e-3), ("good",), rows_of, measure, ready)
if __name__ == "__main__":
    main(STUDY, "A toy.")
'''

LOCAL = """
import importlib, common
common.check.setup()
with common.one_thread() as pool:
    common.train_all(importlib.import_module("00_toy").STUDY, ["00_toy"], False, pool, common.results.FOLDER)
"""  # two processes would import TensorFlow twice more; what they measure can be pickled, and a test says so


def toy_course(root):
    """A copy of the course with one toy lesson."""
    no_labs = shutil.ignore_patterns("labs")
    shutil.copytree(results.ROOT / "course_utils", root / "course_utils", ignore=no_labs)
    (root / "data" / "results").mkdir(parents=True)
    (root / "notebooks" / "source").mkdir(parents=True)
    shutil.copy(common.__file__, root / "data" / "results")
    (root / "data" / "results" / "00_toy.py").write_text(TOY_SCRIPT)
    (root / "notebooks" / "source" / "00_toy.py").write_text(TOY_LESSON)
    return root


def test_a_table_is_the_same_to_the_digit_though_a_worker_was_killed(cluster, tmp_path):
    mine, theirs = toy_course(tmp_path / "mine"), toy_course(tmp_path / "theirs")
    marks = tmp_path / "marks"
    marks.mkdir()
    (marks / "hold").touch()
    script, variables = mine / "data" / "results" / "00_toy.py", {"TOY_MARKS": str(marks)}
    environment = os.environ | variables | {"PYTHONPATH": str(mine)}
    command, log = [sys.executable, script, "--cluster", cluster.address], tmp_path / "client.log"
    with cluster.workers(2, *ONE, course=theirs, **variables):
        with running(command, log, cwd=tmp_path, env=environment) as client:
            waited_for((marks / "pid").exists, client)
            os.kill(int((marks / "pid").read_text()), signal.SIGKILL)
            (marks / "hold").unlink()
            assert client.wait(200) == 0, log.read_text()
        assert len(cluster.client.nthreads()) == 1
    weights = script.with_name("00_toy.weights.h5")
    made, kept = results.load("00_toy", script.parent), weights.read_bytes()
    assert not list(theirs.rglob("*.h5"))
    assert "6 of 6: " in log.read_text()
    weights.unlink()
    run = subprocess.run([sys.executable, "-c", LOCAL], env=environment, cwd=script.parent, timeout=200)
    assert run.returncode == 0
    local = results.load("00_toy", script.parent)
    assert len(set(made.row("Network")["sum"])) == 2
    assert all(row.pop("seconds") for row in made.rows)
    assert made.rows == local.rows
    assert made.provenance["tuning"] == local.provenance["tuning"]
    assert weights.read_bytes() == kept
    assert not list(script.parent.glob("*.part"))


def refused(cluster):
    """What is said of a cluster that must not be used."""
    with pytest.raises(SystemExit) as told, common.cluster(cluster.address):
        pass
    return str(told.value)


def test_workers_that_could_give_other_numbers_are_refused(cluster, tmp_path):
    assert f"{cluster.address} has no worker: start" in refused(cluster)
    with cluster.workers(1, "--nthreads", "2", "--no-nanny"):
        assert "Worker w0 has nthreads=2, but must have 1" in refused(cluster)
        assert "`dask worker ADDRESS --nworkers N --nthreads 1`" in refused(cluster)
    with cluster.workers(1, *ONE, COURSE_SEED_SHIFT="3"):
        assert "Worker w0 has another course than this machine; different are COURSE_SEED" in refused(cluster)
    other = toy_course(tmp_path / "other")
    with cluster.workers(1, *ONE, course=other):
        assert " course_utils/labs/__init__.py, " in refused(cluster)
        assert " more: bring both to the same version, then restart the worker." in refused(cluster)
    (other / "course_utils" / "worker.py").unlink()
    with cluster.workers(1, *ONE, course=other):
        assert "Worker w0 cannot import the course (ModuleNotFoundError(" in refused(cluster)


def last_words(address, *calls):
    """With what a run on the cluster ends, of which the last call does not come back."""

    def run():
        with common.cluster(address) as (pool, _):
            for call in calls:
                call(pool)

    with pytest.raises(SystemExit) as told:
        run()
    return str(told.value)


def test_a_worker_that_joins_later_is_looked_at_too(cluster):
    job = ("01_digits", "No network: pixels", 0, None, "test", True)
    with contextlib.ExitStack() as first, contextlib.ExitStack() as later:
        first.enter_context(cluster.workers(1, *ONE))
        told = last_words(
            cluster.address,
            lambda pool: first.close(),
            lambda pool: later.enter_context(cluster.workers(1, "--nthreads", "2", "--no-nanny")),
            lambda pool: pool.submit(worker.measure, "01_convolution", (), worker.course(), *job).result(),
        )
    assert told.startswith("Worker w0 has nthreads=2, but must have 1")
    assert "What is finished is kept" in told


def test_a_training_that_kills_every_worker_ends(cluster):
    """Without nannies: one gives up a worker that dies before it has told that it started."""
    with cluster.workers(4, *ONE):
        told = last_words(cluster.address, lambda pool: pool.submit(os._exit, 1).result())
    assert told.startswith(f"4 workers of {cluster.address} have died with the same training, the last was")


def test_a_cluster_that_is_gone_ends_with_a_sentence_and_loses_nothing(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "PATIENCE", 1)
    journal = common.Journal(tmp_path / "some.part", "digest")
    with cluster.workers(1, *ONE):
        told = last_words(
            cluster.address,
            lambda pool: journal.measure(pool, dict, [((("score", 1),),)]),
            lambda pool: journal.measure(pool, os._exit, [(1,)]),
        )
    assert told.startswith(f"The cluster at {cluster.address} is gone: ")
    assert told.endswith("run the same command again to go on.")
    with cluster.workers(1, *ONE):
        told = last_words(
            cluster.address,
            lambda pool: (pool.submit(time.sleep, 60), cluster.scheduler.kill())[0].result(),
        )
    assert told.startswith(f"The cluster at {cluster.address} is gone: ")
    assert common.Journal(journal.path, "digest").numbers == journal.numbers
    assert {"score": 1} in journal.numbers.values()


@pytest.mark.parametrize("address", ["nonsense", "", "http://127.0.0.1:1"])
def test_an_address_that_cannot_be_is_named(address):
    assert last_words(address).startswith(f"No Dask scheduler answers at --cluster={address!r} (")


def test_an_address_where_nobody_answers_is_named_and_nothing_else_is_said():
    begun = time.monotonic()
    code = "import common\nwith common.cluster('tcp://127.0.0.1:1'):\n    pass"
    paths = os.pathsep.join(map(str, (results.ROOT, results.FOLDER)))
    environment = os.environ | {"PYTHONPATH": paths}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ran.returncode == 1
    assert ran.stderr.startswith("No Dask scheduler answers at --cluster='tcp://127.0.0.1:1' (")
    assert ran.stderr.endswith("): give the address that `dask scheduler` prints, such as tcp://host:8786.\n")
    assert ran.stderr.count("\n") == 1
    assert time.monotonic() - begun < 60
