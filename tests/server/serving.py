"""Servers that tests start, and stop again."""

import contextlib
import os
import signal

import psutil
from jupyter import wait_until_up


@contextlib.contextmanager
def serving(command, address, log, cwd):
    """A server that answers at an address; stopped as by Ctrl-C, and whatever it started with it."""
    with log.open("w") as out:
        process = psutil.Popen(command, stdout=out, stderr=out, cwd=cwd, start_new_session=True)
    try:
        wait_until_up(address, process, log)
        yield process
    finally:
        started = process.children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(60)
        for one in [process, *started]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
