"""A Dask cluster of processes in another folder than the course, for tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

from distributed import Client

from course_utils import results

ONE = ("--nthreads", "1", "--no-nanny")  # options of a worker that is not started again when it dies


@contextlib.contextmanager
def running(command, log, **settings):
    """A process with a session of its own, which ends with the block, and with it all that it has started."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, **settings
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def waited_for(condition, process, seconds=200):
    """Until a condition holds; fails if that takes too long or the process has ended."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        assert process is None or process.poll() is None
        time.sleep(0.05)


class Cluster:
    """A scheduler, and workers that come and go."""

    def __init__(self, folder, scheduler, address, client):
        self.folder, self.scheduler, self.address, self.client = folder, scheduler, address, client

    @contextlib.contextmanager
    def workers(self, number, *options, course=results.ROOT, **variables):
        """So many more workers, each started by itself, in another folder than the course."""
        before = len(self.client.nthreads())
        with contextlib.ExitStack() as stack:
            for name in range(number):
                command = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, *options]
                command += ["--local-directory", self.folder, "--no-dashboard", "--name", f"w{name}"]
                environment = os.environ | {"PYTHONPATH": str(course)} | variables
                log = self.folder / f"w{name}.log"
                stack.enter_context(running(command, log, cwd=self.folder, env=environment))
            waited_for(lambda: len(self.client.nthreads()) == before + number, self.scheduler)
            yield
        if self.scheduler.poll() is None:
            waited_for(lambda: len(self.client.nthreads()) == before, self.scheduler)


@contextlib.contextmanager
def scheduler(folder):
    """A scheduler without workers yet."""
    file = folder / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--scheduler-file", file]
    with running(command, folder / "scheduler.log", cwd=folder) as process:
        waited_for(lambda: file.exists() and file.read_text().strip().endswith("}"), process)
        address = json.loads(file.read_text())["address"]
        client = Client(address, set_as_default=False)
        yield Cluster(folder, process, address, client)
        client.close()
