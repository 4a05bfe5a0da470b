"""Hands in notebooks to an assignment, as students do."""

import nbformat

from teaching.grading.autograde import Judge


def judge(**changed):
    """A judge with other limits, such as SECONDS=3."""
    found = Judge()
    changes = "; ".join(f"limits.{name} = {value}" for name, value in changed.items())
    found.command = ("-c", f"from teaching.grading import judge, limits; {changes}; judge.main()")
    return found


def released(folder, part="release"):
    """The notebook of an assignment: as released, or in its folder solution."""
    [path] = (folder / part).glob("*/*.ipynb")
    return nbformat.read(path, 4)


def solutions(folder):
    """Exercise -> the right answer."""
    cells = released(folder, "solution").cells
    return {cell.id.removeprefix("answer-"): cell.source for cell in cells if cell.id.startswith("answer-")}


def hand_in(folder, student, answers, change=None):
    """Put a notebook with these answers, changed by `change`, into submitted/; returns its path."""
    nb = released(folder)
    for cell in nb.cells:
        number = cell.id.removeprefix("answer-")
        if number in answers and number != cell.id:
            cell.source = answers[number]
    if change:
        change(nb)
    [original] = (folder / "release").glob("*/*.ipynb")
    path = folder / "submitted" / student / original.parent.name / original.name
    path.parent.mkdir(parents=True)
    nbformat.write(nb, path)
    return path
