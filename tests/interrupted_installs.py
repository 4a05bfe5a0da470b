"""Interrupt the course's installation at random moments, and see one further run repair it.

`make soak ARGS='--installs 20'` runs this; not on Windows, which has other signals.
"""

import fcntl
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import course

# Those of the tests and of the build; `course.IMPORTS` are those of the lessons.
TOOLS = (
    "hypothesis", "nbformat", "nbval", "packaging", "playwright", "pytest", "xdist", "yaml", "ruff",
    "jupytext", "nbclient", "uv",
)  # fmt: skip


def start(clone):
    """Start a command that installs what is missing and then ends by itself."""
    with (clone / "output").open("w") as file:
        command, more = [sys.executable, "course.py", "lint"], {"stdout": file, "stderr": file}
        return subprocess.Popen(command, cwd=clone, start_new_session=True, **more)


def state(clone):
    """What an interruption left behind, in a few words."""
    packages = len(list(clone.glob(".venv/lib/*/site-packages/*.dist-info")))
    words = [f"{packages} packages" if (clone / ".venv").exists() else "no .venv"]
    if (clone / ".jupyter" / "install-under-way").exists():
        words.append("under way")
    if (clone / ".venv" / "course-stamp").exists():
        words.append("stamped")
    lock = clone / ".jupyter" / "install-lock"
    if lock.exists():
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                words.append("an installer still runs")
    return ", ".join(words)


def flaw(clone):
    """What is wrong after one further run; nothing if it ended well and everything can be imported."""
    status = start(clone).wait()
    if status:
        return f"the next run ended with {status}:\n{(clone / 'output').read_text()}"
    if (clone / ".jupyter" / "install-under-way").exists():
        return "the installation still counts as under way"
    python = clone / ".venv" / "bin" / "python"
    command = [python, "-c", "import " + ", ".join([*course.IMPORTS, *TOOLS])]
    done = subprocess.run(command, cwd=clone / "notebooks", capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def main(count=20, seed=0):
    """Interrupt `count` installations in a fresh clone; print a table, and return how many stay broken."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it may be ignored
    rng, failures = random.Random(seed), 0
    ways = itertools.cycle(itertools.product((signal.SIGKILL, signal.SIGINT), ("group", "parent alone")))
    print(f"{count} interrupted installs, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "course"
        subprocess.run(["git", "clone", "--quiet", course.ROOT, clone], check=True)
        started = time.monotonic()
        if start(clone).wait():
            raise SystemExit(f"This fails without any interruption:\n{(clone / 'output').read_text()}")
        whole = time.monotonic() - started
        print(f"one without interruption takes {whole:.0f} s", flush=True)
        done = 0
        while done < count:
            for name in (".venv", ".jupyter"):
                shutil.rmtree(clone / name, ignore_errors=True)
            # Early moments more often: packages are written first, and checked for most of the time.
            process, moment = start(clone), whole * rng.random() ** 2
            try:
                process.wait(moment)
                continue  # faster than the first one, so that there was nothing to interrupt
            except subprocess.TimeoutExpired:
                kind, whom = next(ways)
            (os.killpg if whom == "group" else os.kill)(process.pid, kind)
            process.wait()
            found, reason = state(clone), flaw(clone)
            done, failures = done + 1, failures + bool(reason)
            row = f"{done:3} {moment:6.1f} s  {kind.name:7} {whom:12} {found:50}"
            print(row, reason or "repaired", flush=True)
    print(f"{failures} of {count} stay broken", flush=True)
    return failures
