"""Lay a learner's copies of the lessons, then become the JupyterLab; JupyterHub runs this as the learner."""

import os
import sys
from pathlib import Path

import course

os.umask(0o077)  # whatever a learner writes is for this learner alone
folder = Path.home() / "cnn-meets-lstm"
folder.mkdir(exist_ok=True)
if not (folder / "data").exists():
    (folder / "data").symlink_to(course.ROOT / "data")  # lessons link to the texts in there
course.WORK = folder / "work"
course.lay_copies()
os.environ["COURSE_PROGRESS"] = str(course.WORK / "progress.json")
# A short path, because the name of a socket may have 107 letters.
os.environ["JUPYTER_RUNTIME_DIR"] = str(Path.home() / ".jupyter-run")
os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])
