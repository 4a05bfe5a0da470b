"""Runs lessons strictly: no cell may fail, and each must print what is stored. nbval compares.

For `make check`, `make test` and `make portable`. As a program, it runs one notebook and writes what became
of its cells: `python tests/strict.py notebooks/04_x.ipynb cells.json`.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import course  # noqa: E402

QUESTIONS = ("runs", "outputs match", "claims hold", "exercises sound")
ESCAPES = re.compile(r"\x1b\[[\d;]*m")  # colour a terminal
PARTS = {"claim": "claims hold", "exercise": "exercises sound", "solution": "exercises sound"}


@dataclass
class Run:
    """What became of a lesson.

    Attributes
    ----------
    lesson : str
        Its name.
    failures : list of dict
        The cells that failed, in order: `number` among all cells, `tags`, `source`, `why`, `error` (a
        traceback, or how the outputs differ), `stored` and `found` (outputs as in a notebook).
    seconds, gigabytes : float
        How long it took; the most memory that it, or its kernel, had.
    report : str
        What nbval printed.
    """

    lesson: str
    failures: list
    seconds: float
    gigabytes: float
    report: str

    @property
    def ok(self):
        return not self.failures

    def answers(self):
        """Each of `QUESTIONS` -> True, False, or None: nobody can tell, since a cell before it broke."""
        found = dict.fromkeys(QUESTIONS, True)
        for cell in self.failures:
            found[asked(cell)] = False
            if asked(cell) == "runs":  # what fails after it may only follow from it
                return {question: held and None for question, held in found.items()}
        return found


def asked(cell):
    """Which of `QUESTIONS` a cell that failed answers with no."""
    part = next((PARTS[tag] for tag in cell["tags"] if tag in PARTS), None)
    return part or ("outputs match" if cell["differs"] else "runs")


def check_notebook(path, claims_only=False, **variables):
    """Run one notebook in a process of its own, with a progress file of its own.

    Parameters
    ----------
    path : Path
        The notebook.
    claims_only : bool
        What it prints may differ; but no cell may fail, and so every claim must hold.
    **variables
        Set for its kernel.

    Returns
    -------
    Run
    """
    started, gigabytes = time.time(), float("nan")
    with tempfile.TemporaryDirectory() as folder:
        report, cells = Path(folder, "report.txt"), Path(folder, "cells.json")
        command = [course.PYTHON, __file__, path, cells, *(["--claims-only"] if claims_only else [])]
        env = course.environment(**variables)
        env["COURSE_PROGRESS"] = str(Path(folder, "progress.json"))
        with report.open("wb") as out:
            streams = {"stdout": out, "stderr": subprocess.STDOUT}
            process = subprocess.Popen(command, cwd=course.ROOT, env=env, **streams)
            if hasattr(os, "wait4"):  # tells the most memory that it or its kernel took
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = status
                gigabytes = used.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
            else:
                status = process.wait()
        text = report.read_text(encoding="utf-8", errors="replace")
        failures = json.loads(cells.read_text(encoding="utf-8")) if cells.exists() else []
    if status != 0 and not failures:
        lost = {"number": 1, "tags": [], "source": "", "why": "It could not be run at all", "differs": False}
        failures = [lost | {"error": text, "stored": [], "found": []}]
    return Run(path.stem, failures, time.time() - started, gigabytes, text)


def check_notebooks(paths):
    """Run notebooks two at a time, the longest first; prints a line as each of them ends.

    Returns
    -------
    list of Run
        In the order of `paths`.
    """
    slow = {path: course.read(path)["metadata"].get("course", {}).get("seconds", 0) for path in paths}
    runs, turn = {}, threading.Lock()

    def run_one(path):
        run = check_notebook(path)
        with turn:
            runs[path] = run
            state = "ok" if run.ok else "FAILED"
            print(f"  {run.lesson:32} {state:6} {run.seconds:4.0f} s  {run.gigabytes:.1f} GB", flush=True)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(run_one, sorted(slow, key=slow.get, reverse=True)))
    return [runs[path] for path in paths]


class Recorder:
    """A plugin of pytest that keeps the cells that failed."""

    def __init__(self):
        self.failures = []

    def pytest_exception_interact(self, node, call):
        if not hasattr(node, "cell"):  # the notebook itself could not be read
            return
        problem, cells = call.excinfo.value, node.parent.nb.cells
        self.failures.append(
            {
                "number": next(n for n, cell in enumerate(cells, 1) if cell is node.cell),
                "tags": node.cell.metadata.get("tags", []),
                "source": node.cell.source,
                "why": str(problem),
                "differs": str(problem).startswith("Cell outputs differ"),
                "error": str(getattr(problem, "inner_traceback", "") or ""),
                "stored": node.cell.outputs,
                "found": node.test_outputs or [],
            }
        )


def main(notebook, cells, claims_only=False):
    """Run one notebook here; returns pytest's exit status."""
    import pytest

    arguments = ["-q", "-p", "no:cacheprovider", "--color=no", "--nbval-current-env"]
    arguments += ["--nbval-lax" if claims_only else "--nbval", "--nbval-cell-timeout=300"]
    arguments.append(f"--nbval-sanitize-with={Path(__file__).with_name('nbval.cfg')}")
    recorder = Recorder()
    # pytest takes a [ in a path for the beginning of a parameter
    status = pytest.main([*arguments, os.path.relpath(notebook)], plugins=[recorder])
    Path(cells).write_text(json.dumps(recorder.failures), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3], claims_only="--claims-only" in sys.argv[3:]))
