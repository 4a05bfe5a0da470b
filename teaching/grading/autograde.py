"""Grading with nbgrader, one student at a time, without running a submission in nbgrader's own process."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from teaching.grading import limits

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 10 * 2**20  # bytes of a notebook that is handed in
HOUR = 3600  # seconds for one student, in all


class JudgeAnswers(NbGraderPreprocessor):
    """Give each graded cell the points that its answer earns; takes the place of nbgrader's Execute.

    Of a submission, only the text of the answer cells is used. All other cells come from source/.
    """

    def preprocess(self, nb, resources):
        """Write points and verdict into the graded cells of a submission."""
        names = resources["nbgrader"]
        source = nbformat.read(Path("source", names["assignment"], f"{names['notebook']}.ipynb"), 4)
        wrong = json.loads(Path("wrong_answers.json").read_text(encoding="utf-8"))
        code = [cell for cell in source.cells if cell.cell_type == "code"]
        given = [cell.source for cell in code if utils.is_locked(cell) and not utils.is_grade(cell)]
        stubs, answers = (
            {cell.metadata.nbgrader.grade_id: cell.source for cell in cells if utils.is_solution(cell)}
            for cells in (code, nb.cells)
        )
        with Judge() as judge:
            for cell in filter(utils.is_grade, nb.cells):
                number = cell.metadata.nbgrader.grade_id.removeprefix("points-")
                stub, answer = stubs[f"answer-{number}"], answers.get(f"answer-{number}")
                if answer is None:
                    verdict = {"share": 0, "said": "its answer cell is missing from the notebook"}
                elif answer.strip() == stub.strip():
                    verdict = {"share": 0, "said": "not attempted"}
                else:
                    trial = wrong.get(number.replace("-", "."), "")
                    verdict = judge({"given": given, "stub": stub, "answer": answer, "wrong": trial})
                points = round(verdict["share"] * cell.metadata.nbgrader.points, 2)
                cell.outputs = [
                    new_output("stream", name="stdout", text=verdict["said"]),
                    new_output("execute_result", {"text/plain": str(points)}, execution_count=None),
                ]
        return nb, resources


class Judge:
    """Asks `judge.py`, which runs in the Python that nbgrader would run notebooks with."""

    command = ("-m", "teaching.grading.judge")

    def __init__(self):
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process:
            self.process.stdin.close()
            self.process.wait()

    def __call__(self, job):
        if self.process is None:  # a notebook without answers needs none
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self.process = subprocess.Popen([python(), *self.command], env=environment(), text=True, **pipes)
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        verdict = json.loads(self.process.stdout.readline() or '{"broken": "the judge has ended"}')
        if "broken" in verdict:
            raise RuntimeError(verdict["broken"])
        return verdict


def python():
    """The Python of the course's own environment, which the kernel of .teach starts."""
    return KernelSpecManager().get_kernel_spec("python3").argv[0]


def environment():
    """Where this package is found, and the program with which nbgrader looks after its database."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}


class NotGraded(Exception):
    """A submission that cannot be graded; the message says why."""


def make(lesson, folder):
    """Make the assignment of a lesson, as nbgrader lays it out."""
    if folder.exists():
        raise SystemExit(
            f"{folder} is there already, perhaps with submissions and grades, so nothing was changed. "
            "To make the assignment anew, rename or remove that folder first."
        )
    with tempfile.TemporaryDirectory() as temporary:
        new = Path(temporary, lesson)
        command = [python(), "-m", "teaching.grading.assignment", lesson, new]
        if subprocess.call(command, env=environment()):
            raise SystemExit("The assignment could not be made; the lines above say why.")
        shutil.copy(Path(__file__).with_name("nbgrader_config.py"), new)
        nbgrader("generate_assignment", lesson, folder=new)
        shutil.copytree(new, folder)


def nbgrader(*arguments, folder):
    """Run nbgrader in the folder of an assignment."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    options = {"cwd": folder, "env": environment(), "timeout": HOUR}
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        told = [line.strip() for line in done.stderr.splitlines() if re.match(r"\s*[\w.]+: ", line)]
        raise NotGraded(f"nbgrader says: {told[-1] if told else done.stderr.strip()[-300:]}")


def grade(lesson, folder):
    """Grade what lies in submitted/, student by student; the rows of grades.csv."""
    if problem := limits.missing():
        raise SystemExit(problem)
    students = sorted(path for path in folder.glob("submitted/*") if path.is_dir())
    if not students:
        raise SystemExit(
            f"There is nothing to grade: put each notebook at {folder}/submitted/STUDENT/{lesson}/, where "
            "STUDENT is a name of your choice."
        )
    rows = []
    for student in students:
        began = time.monotonic()
        row = {"student": student.name}
        try:
            row |= graded(lesson, folder, student)
        except (NotGraded, subprocess.TimeoutExpired, OSError) as error:
            row["remarks"] = f"NOT GRADED: {error}"
        row["seconds"] = round(time.monotonic() - began)
        earned = f"{row['points']:g} of {row['of']:g} points" if "points" in row else ""
        print(f"{student.name}: {earned} ({row['seconds']} s) {row['remarks']}", flush=True)
        rows.append(row)
        save(rows, folder / "grades.csv")
    return rows


def save(rows, path):
    """Write a table, at once."""
    columns = list(dict.fromkeys(key for row in rows for key in row if key not in ("remarks", "seconds")))
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*columns, "seconds", "remarks"])
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def graded(lesson, folder, student):
    """Grade one student in a copy of the assignment; only its results come back."""
    if not re.fullmatch(r"[\w.@-]+", student.name):
        raise NotGraded("the folder's name may have letters, digits and . _ - @ only; rename it")
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        copy, place = Path(temporary), Path("submitted", student.name, lesson)
        for path in ("nbgrader_config.py", "wrong_answers.json", "gradebook.db"):
            shutil.copy(folder / path, copy)
        shutil.copytree(folder / "source", copy / "source")
        (copy / place).mkdir(parents=True)
        for notebook in (folder / "source" / lesson).glob("*.ipynb"):
            take(folder / place / notebook.name, copy / place)
        if (folder / place / "timestamp.txt").exists():  # lies there if an exchange collected it
            take(folder / place / "timestamp.txt", copy / place)
        nbgrader("autograde", lesson, f"--student={student.name}", folder=copy)
        result = copy / "autograded" / student.name
        row = points(lesson, copy, student.name)
        shutil.copy(copy / "gradebook.db", folder / "gradebook.part")
        os.replace(folder / "gradebook.part", folder / "gradebook.db")
        shutil.rmtree(folder / "autograded" / student.name, ignore_errors=True)
        shutil.copytree(result, folder / "autograded" / student.name)
    return row


def take(file, target):
    """Copy a file that was handed in, if it is one and no link to another."""
    for path in (file, file.parent, file.parents[1]):
        if path.is_symlink():
            raise NotGraded(f"{path.name} is a link to somewhere else")
    if not file.is_file():
        raise NotGraded(f"there is no {file.name} in {file.parent.name}/")
    if file.stat().st_size > LARGEST:
        raise NotGraded(f"{file.name} is larger than {LARGEST // 2**20} MB")
    shutil.copy(file, target)


def points(lesson, copy, student):
    """The points of one student, and what the judge said where it is not what answers are usually told."""
    row, remarks = {}, []
    with Gradebook(f"sqlite:///{copy / 'gradebook.db'}") as gradebook:
        submission = gradebook.find_submission(lesson, student)
        for notebook in submission.notebooks:
            path = copy / "autograded" / student / lesson / f"{notebook.name}.ipynb"
            cells = filter(utils.is_grade, nbformat.read(path, 4).cells)
            said = {cell.metadata.nbgrader.grade_id: cell.outputs[0].text for cell in cells}
            for grade in sorted(notebook.grades, key=lambda grade: list(said).index(grade.name)):
                number = grade.name.removeprefix("points-").replace("-", ".")
                row[number] = grade.score
                if not re.match("correct|not yet|not attempted", said[grade.name]):
                    remarks.append(f"{number}: {said[grade.name]}")
        row |= {"points": submission.score, "of": submission.max_score}
    return row | {"remarks": "; ".join(remarks)}
