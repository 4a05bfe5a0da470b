"""What a class is given holds no solution, and all that a learner needs."""

import zipfile

import lessons
import nbformat
import pytest

import course

LINE = 25  # characters: shorter lines, such as `return x`, stand everywhere


def tagged(nb, tag):
    return [cell for cell in nb.cells if tag in cell.metadata.get("tags", [])]


def lines(cell):
    """The telling lines of a cell."""
    return {
        line.strip()
        for line in cell.source.splitlines()
        if len(line.strip()) >= LINE and "# " not in line[:2]
    }


def leaks(folder):
    """Solutions that some file of a folder holds: a whole one, or a line that nothing else has."""
    originals = [lessons.built(name) for name in lessons.NAMES]
    known = "\n".join(
        cell.source
        for nb in originals
        for cell in nb.cells
        if "solution" not in cell.metadata.get("tags", [])
    )
    files = {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in TEXTS}
    for path in folder.rglob("*.ipynb"):
        files[path] = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    for nb in originals:
        for cell in tagged(nb, "solution"):
            body = cell.source.partition("\n")[2].partition("\n\ncheck_")[0]
            for path, text in files.items():
                if body in text or any(line in text and line not in known for line in lines(cell)):
                    yield path, cell.source


TEXTS = {".py", ".md", ".json", ".js", ".css", ".toml", ".lock", ".cff", ".mplstyle", ".csv", ".txt"}


@pytest.fixture(scope="module")
def handed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "HANDOUT", folder)
        assert course.main(["handout"]) == 0
    return folder / "cnn-meets-lstm"


def test_no_file_holds_a_solution(handed):
    assert not list(leaks(handed))


def test_a_solution_that_is_left_in_is_seen(handed, tmp_path):
    (tmp_path / "notes.md").write_text(tagged(lessons.built(lessons.NAMES[2]), "solution")[0].source)
    (path, source), *others = leaks(tmp_path)
    assert path.name == "notes.md"
    assert "# Solution" in source
    assert not others


@pytest.mark.parametrize("name", lessons.NAMES)
def test_the_rest_of_a_lesson_is_there_and_not_run(handed, name):
    nb, original = nbformat.read(handed / "notebooks" / f"{name}.ipynb", 4), lessons.built(name)
    kept = [cell.source for cell in original.cells if "solution" not in cell.metadata.get("tags", [])]
    found = [cell.source for cell in nb.cells if cell.source != course.WITHOUT]
    assert found == kept
    assert len(nb.cells) - len(found) == bool(tagged(original, "solution"))
    shown = [cell for cell in nb.cells if cell.get("outputs")]
    assert all(course.PICTURED & set(cell.metadata.tags) for cell in shown)


def test_the_zip_file_holds_the_same(handed):
    with zipfile.ZipFile(handed.with_suffix(".zip")) as file:
        names = {name for name in file.namelist() if not name.endswith("/")}
    assert names == {str(path.relative_to(handed.parent)) for path in handed.rglob("*") if path.is_file()}
    assert {"course.py", "README.md", "requirements.lock", "course_utils/check.py"} <= {n[15:] for n in names}
    assert not any("tests" in name or "source" in name or "answers" in name for name in names)


def test_a_learners_copy_offers_what_works_in_it(ready, capsys):
    (ready.ROOT / "tests" / "nbval.cfg").unlink()
    (ready.ROOT / "tests").rmdir()
    assert ready.main(["check"]) == 1
    assert "It has lab, reset, own, help" in capsys.readouterr().err
    ready.main(["help"])
    assert "for instructors" not in capsys.readouterr().out
