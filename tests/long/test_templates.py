"""Templates for data of one's own: laid once, and run from top to bottom on a folder of each kind."""

import csv
import re
import shutil

import jupytext
import nbclient
import numpy as np
import pytest
from corrupted_videos import bar, write_video
from lessons import ROOT

from course_utils import datasets

FAST = {"SEEDS, EPOCHS": "(0,), 2"}


def video(folder):
    for name in ("left", "right"):
        (folder / name).mkdir()
        for n in range(8):
            clip = bar(12, down=2 * n)
            write_video(folder / name / f"p{n}.mp4", clip if name == "right" else clip[:, :, ::-1])
    return {"FOLDER": str(folder), "FRAMES, SIZE, CHANNELS": "8, (24, 32), 1"}


def text(folder):
    reviews = datasets.reviews().train
    with (folder / "films.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["review", "mood"])
        rows.writerows(zip(reviews.x[:300], np.array(["bad", "good"])[reviews.y["sentiment"][:300]]))
    return {"FILE": str(folder / "films.csv"), "TEXT, LABEL": ("review", "mood")}


def series(folder):
    hours = np.arange("2026-01-01", "2026-02-10", dtype="datetime64[h]")
    rows = [f"{hour},{np.sin(n / 24 * 2 * np.pi):.3f},{n % 24}" for n, hour in enumerate(hours)]
    (folder / "meter.csv").write_text("\n".join(["time,kWh,hour", *rows]))
    return {"FILE": str(folder / "meter.csv"), "VALUES": ["kWh", "hour"]}


def sensor(folder):
    rows = []
    for person in range(4):
        for n in range(400):
            period, activity = ((5, "walk"), (2, "run"))[n // 100 % 2]
            rows.append(f"{n / 50:.2f},{np.sin(n / period):.3f},{person},{activity}")
    (folder / "steps.csv").write_text("\n".join(["time,x,person,activity", *rows]))
    return {"FILE": str(folder / "steps.csv"), "VALUES": ["x"], "STEPS": 20}


@pytest.mark.parametrize("kind", [video, text, series, sensor], ids=["video", "text", "series", "sensor"])
def test_a_template_runs_from_top_to_bottom(tmp_path, kind, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = jupytext.read(ROOT / "notebooks" / "templates" / f"own_{kind.__name__}.py")
    (tmp_path / "data").mkdir()
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    for name, value in (kind(tmp_path / "data") | FAST).items():
        given = value if isinstance(value, str) and name.count(",") else repr(value)
        line = f"{name} = {given}  ".replace("\\", "/")
        first.source, times = re.subn(rf"^{name} = [^#\n]*", line, first.source, flags=re.M)
        assert times == 1, name
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": tmp_path}}).execute()
    printed = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [str(output.get("data", {}).get("text/html")) for output in printed]
    assert not [output for output in printed if output.get("name") == "stderr"]
    assert (tmp_path / "my_data.keras").exists()
    assert any("seeds" in html and "LSTM" in html for html in shown)


def test_packages_added_by_half_are_not_trusted_and_no_network_harms_nothing(ready, monkeypatch):
    ready.OWN_STAMP.unlink()

    def interrupted(lock):
        raise KeyboardInterrupt

    def offline(lock):
        raise ready.Problem("The packages could not be installed.")

    monkeypatch.setattr(ready, "install", offline)
    assert ready.main(["own", "letters"]) == 1
    assert not ready.UNDER_WAY.exists()
    monkeypatch.setattr(ready, "install", interrupted)
    assert ready.main(["own", "letters"]) == 1
    assert ready.UNDER_WAY.exists()  # the next command makes .venv anew
    assert not ready.OWN_STAMP.exists()


def test_a_template_is_laid_once_and_never_over_another(ready):
    (ready.NOTEBOOKS / "templates").mkdir()
    for path in (ROOT / "notebooks" / "templates").glob("*.py"):
        shutil.copy(path, ready.NOTEBOOKS / "templates")
    assert ready.main(["own", "letters", "--kind", "text"]) == 0
    laid = ready.WORK / "letters.ipynb"
    assert ready.read(laid)["cells"][0]["source"][0] == "# My texts: from a table to an honest table\n"
    assert "jupytext" not in ready.read(laid)["metadata"]
    assert "letters.keras" in laid.read_text()
    assert ready.main(["own", "pictures", "--kind", "frames"]) == 0
    assert 'KIND = \\"frames\\"' in (ready.WORK / "pictures.ipynb").read_text()
    laid.write_text("mine")
    for wrong in ("letters", "a/b", "../x", "04_clips"):
        assert ready.main(["own", wrong]) == 1
    assert laid.read_text() == "mine"
