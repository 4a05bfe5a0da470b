"""A small course of its own, for tests of what course.py and the build do to a course."""

import importlib.util
import shutil

import nbformat
from lessons import ROOT


def notebook(*cells, **metadata):
    """A notebook of code cells, each a source or a pair of source and tag, with what `print(n)` prints."""
    nb = nbformat.v4.new_notebook(metadata=metadata)
    for count, cell in enumerate(cells, 1):
        source, tag = cell if isinstance(cell, tuple) else (cell, None)
        made = nbformat.v4.new_code_cell(source, execution_count=count)
        if tag:
            made.metadata["tags"] = [tag]
        if source.startswith("print("):
            made.outputs = [nbformat.v4.new_output("stream", text=source[6:-1] + "\n")]
        nb.cells.append(made)
    return nb


def small_course(tmp_path):
    """A small course of its own, in a folder with an awkward name, and its course.py as a module."""
    root = tmp_path / "a course $x #1 [b]"
    (root / "notebooks" / "source").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "data").mkdir()
    files = "course.py", "pyproject.toml", *sorted(path.name for path in ROOT.glob("requirements*.lock"))
    for name in (*files, "data/manifest.toml", "notebooks/build.py", "tests/nbval.cfg"):
        shutil.copy(ROOT / name, root / name)
    (root / "CHANGELOG.md").write_text("## 0.2.0\n\n- 04: Five clips.\n\n## 0.1.0\n\n- 04: Four clips.\n")
    pair = {"formats": "ipynb,py:percent"}
    nbformat.write(
        notebook("print(1)", ("print(2)", "question"), ("print(42)", "solution"), jupytext=pair, course={}),
        root / "notebooks" / "00_start_here.ipynb",
    )
    nbformat.write(notebook("print(4)"), root / "notebooks" / "04_clips.ipynb")
    spec = importlib.util.spec_from_file_location("course_of_test", root / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
