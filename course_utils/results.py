"""Tables over many seeds: trained by `make results`, kept in data/results/, shown by the lessons.

A lesson trains one or two models before your eyes. What it says about several seeds of many models
comes from here: numbers with the command, versions and date that made them. The models are not written a
second time: `definitions` reads them out of the lesson's own cells.
"""

import ast
import concurrent.futures
import hashlib
import json
import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "results"


@dataclass(frozen=True)
class Results:
    """A table over seeds, and where it comes from.

    Attributes
    ----------
    rows : list of dict
        One for each model: `{"model": str, "parameters": int, "seconds": [...], "digit": [...]}`;
        every list holds one number for each seed.
    provenance : dict
        Command, seeds, versions, machine, date, what of the lesson the table uses and its digest, and the
        validation score at each learning rate tried.

    Examples
    --------
    >>> table = results.load("04_moving_digits")
    >>> table.mean("CNN -> LSTM", "motion")
    1.0
    """

    rows: list
    provenance: dict

    def row(self, model):
        """The row of one model, by its exact name."""
        for row in self.rows:
            if row["model"] == model:
                return row
        known = ", ".join(repr(row["model"]) for row in self.rows)
        raise KeyError(f"model={model!r} is not in this table. It has: {known}.")

    def mean(self, model, score):
        """Mean over the seeds."""
        return float(np.mean(self.row(model)[score]))

    def low(self, model, score):
        """The worst (lowest) seed."""
        return float(np.min(self.row(model)[score]))

    def high(self, model, score):
        """The best (highest) seed."""
        return float(np.max(self.row(model)[score]))

    def __repr__(self):
        p = self.provenance
        return (
            f"{len(self.rows)} models, {len(p['seeds'])} seeds each; trained on {p['date']} "
            f"with `{p['command']}` (Keras {p['versions']['keras']}; {p['machine']})"
        )


def load(name, folder=FOLDER):
    """Read a table from data/results/.

    Parameters
    ----------
    name : str
        For instance "04_moving_digits".
    folder : path
        Where the tables are.

    Raises
    ------
    FileNotFoundError
        If there is no such table; the message lists those there are.
    """
    path = Path(folder) / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in Path(folder).glob("*.json"))) or "none yet"
        raise FileNotFoundError(
            f"There is no table {name!r} in {folder}. Tables: {known}. `make results` makes them."
        )
    return Results(**json.loads(path.read_text(encoding="utf-8")))


def definition_cells(lesson):
    """The source of every cell of a lesson tagged `definition`, in order."""
    import jupytext

    cells = jupytext.read(ROOT / "notebooks" / "source" / f"{lesson}.py").cells
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
    binders = {name: node for node in statements for name in _bound(node)}
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


def _bound(node):
    """The names that a statement binds: those of a definition, an import or an assignment."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def definitions(lesson, names):
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
            Returns a dict of plain numbers.
        jobs : list of tuple
            The arguments of each call.

        Returns
        -------
        dict
            job -> its numbers.
        """
        waiting = {pool.submit(function, *job): job for job in jobs if str(job) not in self.numbers}
        for future in concurrent.futures.as_completed(waiting):
            self.numbers[str(waiting[future])] = future.result()
            _write(self.path, self.numbers)
            print(waiting[future], future.result(), flush=True)
        return {job: self.numbers[str(job)] for job in jobs}


def save(name, lesson, runs, seeds, uses, tuning, folder=FOLDER, command="make results"):
    """Write a table, with where it comes from.

    Parameters
    ----------
    name, lesson : str
        Of the table, and of the lesson whose definitions the models come from.
    runs : dict
        Model -> a list with a dict of numbers for each seed. `parameters` must not depend on the seed.
    seeds : list of int
        In the order of the runs.
    uses : list of str
        The names of the lesson that the table is made with; its digest follows these.
    tuning : dict
        Model -> {peak learning rate tried: mean score on the validation part}.
    folder : path
        Where to write it.
    command : str
        What makes this table.
    """
    rows = []
    for model, numbers in runs.items():
        columns = {key: [round(run[key], 6 if key == "peak" else 4) for run in numbers] for key in numbers[0]}
        rows.append({"model": model, **columns, "parameters": numbers[0]["parameters"]})
    provenance = {
        "command": command,
        "seeds": seeds,
        **_where(),
        "python": platform.python_version(),
        "versions": {"tensorflow": _tensorflow()}
        | {p: version(p) for p in ("keras", "numpy", "scikit-learn")},
        "uses": sorted(uses),
        "definitions": digest(lesson, uses),
        "tuning": tuning,
    }
    _write(Path(folder) / f"{name}.json", {"rows": rows, "provenance": provenance})


def add_column(name, column, values, folder=FOLDER):
    """Write one more column, `values[model]`, into a table, such as times measured in a run of their own.

    When and on what machine goes into the provenance, under the name of the column.
    """
    table = load(name, folder)
    for row in table.rows:
        row[column] = values[row["model"]]
    provenance = table.provenance | {column: _where()}
    _write(Path(folder) / f"{name}.json", {"rows": table.rows, "provenance": provenance})


def _where():
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine}


def _tensorflow():
    try:
        return version("tensorflow")
    except PackageNotFoundError:
        return version("tensorflow-cpu")


def _write(path, content):
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    new.replace(path)
