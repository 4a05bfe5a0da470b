"""The commands that make the tables, at toy size."""

import json
import os
import subprocess
import sys

from course_utils import results

ONE_AFTER_THE_OTHER = """
import runpy, sys
scripts, sys.argv[1:] = sys.argv[1:], ["--quick"]
for script in scripts:
    runpy.run_path(script, run_name="__main__")
"""


def test_the_commands_that_make_the_tables_run_at_toy_size(tmp_path):
    """All in one process, as importing TensorFlow takes longer than most toys."""
    scripts = sorted(results.FOLDER.glob("[0-9]*.py"))
    paths = os.pathsep.join(map(str, (results.ROOT, results.FOLDER)))
    environment = os.environ | {"TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "PYTHONPATH": paths}
    command = [sys.executable, "-c", ONE_AFTER_THE_OTHER, *map(str, scripts)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    made = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("results-*/*.json")}
    assert made.keys() == {path.stem for path in results.FOLDER.glob("*.json")}
    for table, content in made.items():
        real = results.load(table)
        for row in content["rows"]:
            assert row.keys() == real.row(row["model"]).keys()
            assert row["parameters"] == real.row(row["model"])["parameters"] or "network" in row["model"]
