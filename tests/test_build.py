"""The build: it runs what changed, and nothing else; a lesson follows the helpers that it imports."""

import os
import shutil

import build
import nbformat
import pytest
from lessons import ROOT
from small_course import notebook

import course_utils.labs

HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
"""
LESSON = (
    HEADER
    + """
# %% [markdown]
# # A lesson

# %%
import os
from course_utils import check
print(check.WORD, "progress.json" in os.environ["COURSE_PROGRESS"])

# %% tags=["lab"]
class Lab:
    def _repr_mimebundle_(self, **kwargs):
        return {"text/plain": "a lab", "application/vnd.jupyter.widget-view+json": {"model_id": "0"}}
Lab()
"""
)


@pytest.fixture
def sources(house, monkeypatch):
    """The sources of the small course: one lesson and the helpers it uses."""
    folder = house.NOTEBOOKS / "source"
    (folder / "04_clips.py").write_text(LESSON)
    package = house.ROOT / "course_utils"
    (package / "labs").mkdir(parents=True)
    files = {"__init__.py": "", "check.py": "from .words import WORD\n", "words.py": "WORD = 'hello'\n"}
    files |= {"labs/__init__.py": "", "labs/video.py": "from ..words import WORD\n"}
    for name, code in files.items():
        (package / name).write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(house.ROOT))
    return folder


def test_build_runs_strips_and_is_repeatable(sources):
    (source,) = build.select(["04"], sources)
    path = build.notebook_of(source)
    assert build.build(source)
    nb = nbformat.read(path, 4)
    assert nb.cells[1].outputs[0].text == "hello True\n"
    assert nb.cells[2].outputs[0].data == {"text/plain": "a lab"}
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2]
    assert path.stat().st_mtime_ns == source.stat().st_mtime_ns
    first = path.read_bytes()
    assert build.build(source)
    assert path.read_bytes() == first


def test_only_what_changed_is_built(sources):
    source = sources / "04_clips.py"
    root = sources.parents[1]
    path = build.notebook_of(source)
    nbformat.write(build.tidy(notebook("print(4)"), build.digest_of(source, root)), path)
    assert build.is_current(source, root)
    (root / "course_utils" / "labs" / "video.py").write_text("# this lesson does not import it\n")
    assert build.is_current(source, root)
    for change in ("course_utils/words.py", "data/results/04_a_table.json", "notebooks/source/04_clips.py"):
        before = build.digest_of(source, root)
        (root / change).parent.mkdir(parents=True, exist_ok=True)
        with (root / change).open("a") as file:
            file.write("# changed\n")
        assert build.digest_of(source, root) != before, change
    assert not build.is_current(source, root)


def test_the_table_of_progress_follows_all_lessons(sources):
    start, lesson = sources / "00_start.py", sources / "04_clips.py"
    start.write_text("check.progress()\n")
    before = build.digest_of(start, sources.parents[1])
    lesson.write_text(lesson.read_text() + "# another word\n")
    assert build.digest_of(start, sources.parents[1]) == before
    lesson.write_text(lesson.read_text() + '@check.exercise("04.9", "One more")\n')
    assert build.digest_of(start, sources.parents[1]) != before


@pytest.fixture
def labs(tmp_path):
    """A lesson with the gate lab, and the course's own helpers, free to be altered."""
    shutil.copytree(ROOT / "course_utils", tmp_path / "course_utils")
    source = tmp_path / "notebooks" / "source" / "02_lstm.py"
    source.parent.mkdir(parents=True)
    source.write_text("from course_utils.labs.gates import GateLab\n")
    return source


def changed(source, name):
    """Whether a lesson is built anew once this helper, or what it reads, is another one."""
    root, path = source.parents[2], source.parents[2] / "course_utils" / name
    before = build.digest_of(source, root)
    path.write_bytes(path.read_bytes() + b"\n")
    return build.digest_of(source, root) != before


def preview(lab):
    return sorted((ROOT / "course_utils/labs/previews").glob(f"{lab}-*.png"))[0].relative_to(
        ROOT / "course_utils"
    )


def test_a_lesson_with_a_lab_depends_on_its_folder_and_the_core(labs):
    for name in ("gates/pictures.py", "gates/lab.css", "core/dials.py", "core/lab.js", "core/pointer.css"):
        assert changed(labs, f"labs/{name}"), name
    assert changed(labs, preview("gate"))
    for name in ("attention/pictures.py", "attention/lab.css", "architecture/inside.py", "kernel/lab.css"):
        assert not changed(labs, f"labs/{name}"), name
    for name in ("gates/live.js", "gates/live.css", "gates/live.py", "core/live.js", "core/live.py"):
        assert not changed(labs, f"labs/{name}"), name
    assert not changed(labs, preview("attention"))


@pytest.mark.parametrize("lab", sorted(set(course_utils.labs.FOLDERS.values())))
def test_no_lab_knows_another_one_and_no_mathematics_a_picture(lab):
    def used(code):
        return {path.relative_to(ROOT / "course_utils").as_posix() for path in build.helpers_of(code)}

    inside = used(f"import course_utils.labs.{lab}")
    assert {name.split("/")[1] for name in inside if name.startswith("labs/")} == {"core", lab}
    for part in ("assembly", "convolution", "lstm", "models", "network", "reading"):
        if f"labs/{lab}/{part}.py" in inside:
            needed = used(f"import course_utils.labs.{lab}.{part}")
            assert not {f"labs/{lab}/pictures.py", f"labs/{lab}/lab.py", "labs/core/lab.py"} & needed, part


@pytest.mark.parametrize("line", ["from course_utils.labs import GateLab", "from course_utils import labs"])
def test_a_lesson_that_looks_a_lab_up_depends_on_all(labs, line):
    labs.write_text(line)
    for name in ("labs/attention/pictures.py", "labs/architecture/lab.css", preview("sentence")):
        assert changed(labs, name), name


def test_a_lesson_that_fails_keeps_its_old_notebook(sources, capsys):
    source = sources / "04_clips.py"
    source.write_text(LESSON + "\n# %%\nraise ValueError('no such clip')\n")
    before = build.notebook_of(source).read_bytes()
    assert not build.build(source)
    assert build.notebook_of(source).read_bytes() == before
    told = capsys.readouterr().out
    assert "FAILED" in told
    assert "no such clip" in told


def test_a_pair_is_aligned_only_if_it_agrees(sources):
    source = sources / "04_clips.py"
    path = build.notebook_of(source)
    source.write_text(HEADER + "\n# %%\nprint(4)\n")
    os.utime(source, (1000, 1000))
    build.align(source)
    assert path.stat().st_mtime == 1000
    nbformat.write(notebook("print(5)"), path)
    build.align(source)
    assert path.stat().st_mtime != 1000


def test_an_unknown_lesson_is_not_built(sources):
    with pytest.raises(SystemExit, match="04_clips"):
        build.select(["07"], sources)
