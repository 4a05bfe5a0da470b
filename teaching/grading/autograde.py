"""Makes an assignment and grades it, with nbgrader, but runs no submission in nbgrader's own process."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.apps import NbGraderAPI
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets.config import PyFileConfigLoader

from teaching.grading import limits

ROOT = Path(__file__).resolve().parents[2]
# nbgrader looks for alembic, which makes its database, on the path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
LARGEST = 10 * 2**20  # bytes of all that a student hands in
NOTHING = {"share": 0, "said": "not attempted", "seconds": 0}  # what is told of an answer that was not run


class Judge:
    """Asks `judge.py`, which runs in the Python of the kernel that nbgrader would start."""

    command = ("-m", "teaching.grading.judge")
    process = None

    def __call__(self, job):
        """The verdict on one answer; `judge.py` says what a job is."""
        if self.process is None or self.process.poll() is not None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self.process = subprocess.Popen([python(), *self.command], env=environment(), text=True, **pipes)
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        verdict = json.loads(self.process.stdout.readline() or '{"broken": "the judge has ended"}')
        if "broken" in verdict:
            raise RuntimeError(verdict["broken"])
        return verdict


class JudgeAnswers(NbGraderPreprocessor):
    """Give each graded cell the points that its answer earns; takes the place of nbgrader's Execute.

    Of a submission, only the text of the answer cells is used. All other cells come from source/.
    """

    judge = Judge()  # one for all submissions, as loading Keras takes long

    def preprocess(self, nb, resources):
        """Write points and verdict into the graded cells of a submission."""
        nb.metadata.seconds = 0
        names = resources["nbgrader"]
        source = nbformat.read(Path("source", names["assignment"], f"{names['notebook']}.ipynb"), 4)
        wrong = json.loads(Path("wrong_answers.json").read_text(encoding="utf-8"))
        code = [cell for cell in source.cells if cell.cell_type == "code"]
        given = [cell.source for cell in code if utils.is_locked(cell) and not utils.is_grade(cell)]
        stubs, answers = (
            {cell.metadata.nbgrader.grade_id: cell.source for cell in cells if utils.is_solution(cell)}
            for cells in (code, nb.cells)
        )
        for cell in filter(utils.is_grade, nb.cells):
            number = number_of(cell)
            name = f"answer-{number.replace('.', '-')}"
            if name not in answers:
                verdict = NOTHING | {"said": "its answer cell is missing from the notebook"}
            elif answers[name].strip() == stubs[name].strip():
                verdict = NOTHING
            else:
                job = {"given": given, "stub": stubs[name], "answer": answers[name]}
                verdict = self.judge(job | {"wrong": wrong.get(number, "")})
            nb.metadata.seconds += verdict["seconds"]
            points = round(verdict["share"] * cell.metadata.nbgrader.points, 2)
            cell.outputs = [
                new_output("stream", name="stdout", text=verdict["said"]),
                new_output("execute_result", {"text/plain": str(points)}, execution_count=None),
            ]
        return nb, resources


def number_of(cell):
    """The exercise that a graded cell belongs to, such as 04.2."""
    return cell.metadata.nbgrader.grade_id.removeprefix("points-").replace("-", ".")


def python():
    """The Python of the course's own environment, which the kernel of .teach starts."""
    return KernelSpecManager().get_kernel_spec("python3").argv[0]


def environment():
    """Variables under which that Python finds this package."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


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
        nbgrader(new, "generate_assignment", lesson)
        shutil.copytree(new, folder)


def nbgrader(folder, command, *arguments):
    """Let nbgrader do something in the folder of an assignment."""
    with utils.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its database, about nbgrader's own code
        config = PyFileConfigLoader("nbgrader_config.py", ".").load_config()
        done = getattr(NbGraderAPI(config=config), command)(*arguments)
    if not done["success"]:
        errors = re.findall(r"^ *([\w.]+: .*)", done.get("log", "") or done["error"], re.M)
        raise NotGraded(f"nbgrader says: {errors[-1] if errors else done['error'][-300:]}")


def grade(lesson, folder):
    """Grade what lies in submitted/, student by student; the rows of points.csv."""
    if problem := limits.missing():
        raise SystemExit(problem)
    places = sorted(path / lesson for path in folder.glob("submitted/*") if path.is_dir())
    if not places:
        raise SystemExit(
            f"There is nothing to grade: put each notebook at {folder}/submitted/STUDENT/{lesson}/, where "
            "STUDENT is a name of your choice."
        )
    rows = []
    for place in places:
        student = place.parent.name
        try:
            refuse(place, f"assignment_{lesson[:2]}.ipynb")
            nbgrader(folder, "autograde", lesson, student)
            row = grades(folder / "autograded" / student / lesson / f"assignment_{lesson[:2]}.ipynb")
        except (NotGraded, OSError) as error:
            row = {"remarks": f"NOT GRADED: {error}"}
        earned = f"{row['points']:g} of {row['of']:g} points, {row['seconds']} s" if "points" in row else ""
        print(f"{student}: {earned} {row['remarks']}", flush=True)
        rows.append({"student": student} | row)
        save(rows, folder / "points.csv")
    return rows


def refuse(place, name):
    """Raise NotGraded if what was handed in is not a notebook of a usual size, or may be another's."""
    paths = [place.parent, place, *place.rglob("*")]
    if any(path.is_symlink() for path in paths):
        raise NotGraded("there is a link to somewhere else in it")
    if not (place / name).is_file():
        raise NotGraded(f"there is no {name} in {place.name}/")
    if sum(path.stat().st_size for path in paths) > LARGEST:
        raise NotGraded(f"it is larger than {LARGEST // 2**20} MB")


def grades(path):
    """The points in an autograded notebook, and what the judge said that answers are not usually told."""
    nb = nbformat.read(path, 4)
    cells = {number_of(cell): cell for cell in nb.cells if utils.is_grade(cell)}
    row = {number: float(cell.outputs[1].data["text/plain"]) for number, cell in cells.items()}
    of = sum(cell.metadata.nbgrader.points for cell in cells.values())
    said = {number: cell.outputs[0].text for number, cell in cells.items()}
    odd = [f"{n}: {text}" for n, text in said.items() if not re.match("correct|not yet|not attempted", text)]
    return row | {
        "points": sum(row.values()),
        "of": of,
        "seconds": round(nb.metadata.seconds),
        "remarks": "; ".join(odd),
    }


def save(rows, path):
    """Write the table, at once."""
    columns = list(max(rows, key=len))
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)
