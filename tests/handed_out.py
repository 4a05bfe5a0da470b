"""The zip file for a class, used as learners use it: installed anew, every lesson run, no exercise solved.

    .venv/bin/python tests/handed_out.py

Takes some ten minutes, so no other command runs it: try it before a release. Two lessons at a time; prints
a line for each, and fails if one has something wrong.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import course  # noqa: E402

SETUP = "import course; course.prepare(own=True); course.lay_copies()"


def verdict(folder, path):
    """What is wrong with a lesson of an unpacked handout once it was run; nothing if all is well."""
    python = folder / course.PYTHON.relative_to(course.ROOT)
    options = ["--to=notebook", "--execute", "--inplace", "--log-level=ERROR"]
    command = [python, "-m", "nbconvert", *options, path]
    env = course.environment(PYTHONPATH=str(folder), MPLBACKEND="Agg", COURSE_PROGRESS=str(path) + ".json")
    env["PATH"] = str(python.parent) + os.pathsep + env["PATH"]
    done = subprocess.run(command, cwd=folder / "work", env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        return "\n".join(done.stderr.strip().splitlines()[-12:])
    cells = course.read(path)["cells"]
    exercises = [cell for cell in cells if "exercise" in cell["metadata"].get("tags", [])]
    told = re.compile(r"Exercise [\d.]+ .*: not (attempted|yet)")
    solved = ["".join(cell["source"]) for cell in exercises if not told.search(str(cell["outputs"]))]
    return "\n".join(f"neither 'not attempted' nor 'not yet' is said of\n{source}" for source in solved)


def main():
    """Hand out, unpack, install, run; returns the number of lessons with something wrong."""
    with tempfile.TemporaryDirectory() as place:
        course.HANDOUT = Path(place, "handout")
        course.handout(None)
        (archive,) = course.HANDOUT.glob("*.zip")
        zipfile.ZipFile(archive).extractall(Path(place, "learner"))
        folder = Path(place, "learner", archive.stem)
        subprocess.run(
            [sys.executable, "-c", SETUP], cwd=folder, env=course.environment(PYTHONPATH=""), check=True
        )
        paths = [path for path in sorted((folder / "work").glob("*.ipynb")) if not path.stem.startswith("91")]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = dict(zip(paths, pool.map(lambda path: verdict(folder, path), paths)))
    for path, wrong in found.items():
        print(f"  {path.stem:32} {wrong or 'runs, and no exercise is solved'}", flush=True)
    return sum(map(bool, found.values()))


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
