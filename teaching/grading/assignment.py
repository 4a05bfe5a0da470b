"""The exercises of a lesson as a notebook for nbgrader, and the same with all solutions.

    python -m teaching.grading.assignment 04_cnn_lstm_video assignment/04_cnn_lstm_video

Of the lesson, only what its checks use is taken over. A network that the lesson trains is replaced by the
untrained one with which `tests/answers` tries the checks, so that nothing is trained when a class is graded.
"""

import ast
import itertools
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat.v4 as new

from teaching.grading.limits import SECONDS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import lessons  # noqa: E402

POINTS = 10
LEFT_OUT = {"06.6"}  # its answer depends on a network that everybody trains on a machine of their own
SETUP = "from course_utils import check\n\ncheck.setup()"
TITLE = f"""# {{title}}: exercises to hand in

Each exercise gives {POINTS} points. Where an answer has several blanks, each that is filled in rightly earns its share.

- Write each answer into its cell, in place of what stands there. The cell is graded by itself, with the locked cells:
  what else it uses, such as an import or a function of yours, belongs **in the same cell**.
- Write plain Python, without lines that begin with `%` or `!`. An answer has {SECONDS} seconds.
- No network here is trained, and no check needs that. Where a text speaks of other cells, it means the lesson's.
- The cell behind an answer raises an error until the answer is right."""  # noqa: E501


@dataclass(frozen=True)
class Statement:
    """One statement of a lesson: its text, the number of its cell, and its code."""

    text: str
    cell: int
    code: object

    @property
    def is_check(self):
        return self.text.startswith("@check.exercise(")


def statements(source, cell=None):
    """The statements of a cell, as they stand there."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
        code = compile(ast.Module([node], []), "lesson", "exec")
        yield Statement("\n".join(lines[first - 1 : node.end_lineno]), cell, code)


def joined(texts):
    """Statements as one cell, with empty lines around definitions."""
    whole = "\n".join(f"\n\n{text}\n\n" if re.match(r"def |class |@", text) else text for text in texts)
    return re.sub(r"\n{3,}", "\n\n\n", whole).strip()


@dataclass(frozen=True)
class Exercise:
    """Where an exercise stands in its lesson: the numbers of its cells; `call` ends its stub."""

    number: str
    check: int
    heading: int
    stub: int
    call: str
    solution: str


def exercises(cells):
    """The exercises of a lesson, in order."""
    checks = {}
    for index, cell in enumerate(cells):
        if found := re.search(r'^@check\.exercise\(\s*"([\d.]+)".*\ndef (\w+)', cell.source, re.M):
            checks[found[2]] = found[1], index
        if "exercise" in lessons.tags(cell):
            call = cell.source.splitlines()[-1]  # such as check_shapes(shapes)
            number, check = checks[call.partition("(")[0]]
            if number not in LEFT_OUT:
                heading = max(n for n in range(index) if heading_of(number, cells[n].source))
                solution = next(cell.source for cell in cells[index:] if "solution" in lessons.tags(cell))
                yield Exercise(number, check, heading, index, call, solution)


def heading_of(number, text):
    """Where the heading of an exercise stands in a text, if it does."""
    return re.search(rf"^#+ .*\b{number} ·", text, re.M)


def tried(lesson):
    """The statements of `tests/answers/NN_name.py`; first, stand-ins for what the lesson trains."""
    return list(statements((lessons.ROOT / "tests" / "answers" / f"{lesson}.py").read_text("utf-8")))


def trial_of(statement):
    """("right" or "wrong", number) of an answer in `tests/answers`; None of what answers are made with."""
    found = re.match(r'@?(right|wrong)\("([\d.]+)"', statement.text)
    return found and found.groups()


def code_of(cells, chosen):
    """The statements of a lesson without solutions and claims; of its checks, those of these exercises."""
    checks = {exercise.check for exercise in chosen}
    return [
        statement
        for index, cell in enumerate(cells)
        if cell.cell_type == "code" and not lessons.tags(cell) & {"exercise", "solution", "claim"}
        for statement in statements(cell.source, index)
        if not statement.is_check or index in checks
    ]


def taken_over(lesson, cells, chosen):
    """The statements of a lesson that these exercises use, and behind them the stand-ins, two lists."""
    there, uses = code_of(cells, chosen), set()
    for exercise in chosen:
        for code in (cells[exercise.stub].source, answer(exercise)):
            uses |= lessons.loaded(code) - lessons.stored(code)

    def needed(instead):
        code = compile("\n".join([*(each.text for each in instead), *sorted(uses)]), "uses", "exec")
        found = lessons.needed([(each.code, each.is_check) for each in there], code)
        return [each for each in there if each.code in found]

    instead, stand_ins = [], list(itertools.takewhile(lambda each: not trial_of(each), tried(lesson)))
    wanted = uses.union(*(lessons.loaded(each.code) for each in needed(stand_ins)))
    for statement in reversed(stand_ins):
        if lessons.stored(statement.code) & wanted:
            instead.insert(0, statement)
            wanted |= lessons.loaded(statement.code)
    return needed(instead), instead


def wrong_answers(lesson):
    """Exercise -> code that calls `wrong(number, reason)(answer)`, among the names of the assignment."""
    cells = lessons.source(lesson).cells
    chosen = list(exercises(cells))
    there, kept = code_of(cells, []), taken_over(lesson, cells, chosen)[0]
    found = {}
    for exercise in chosen:
        mine = [each for each in tried(lesson) if trial_of(each) in (None, ("wrong", exercise.number))]
        code = compile("\n".join(each.text for each in mine), "wrong", "exec")
        needed = lessons.needed([(each.code, False) for each in there], code)
        texts = {each.text for each in kept}
        more = [each for each in there if each.code in needed and each.text not in texts]
        found[exercise.number] = "\n".join(each.text for each in [*more, *mine])
    return found


def answer(exercise):
    """The solution of an exercise, under the name that its stub gives, and no more than that needs."""
    *body, last = statements(exercise.solution)
    given = ast.get_source_segment(last.text, ast.parse(last.text).body[0].value.args[0])
    code = lessons.needed([(each.code, False) for each in body], compile(given, "answer", "eval"))
    name = re.search(r"\((\w+)\)", exercise.call)[1]
    kept = [each.text for each in body if each.code in code]
    return joined([*kept, *([f"{name} = {given}"] if name != given else []), exercise.call])


def notebook(lesson, solved):
    """The assignment of a lesson; with `solved`, its solutions stand in place of the stubs."""
    source = lessons.source(lesson)
    cells, chosen = source.cells, list(exercises(source.cells))
    if not chosen:
        raise SystemExit(f"{lesson} has no exercises to hand in. Choose another lesson.")
    kept, instead = taken_over(lesson, cells, chosen)
    owner = {n: each for each in chosen for n in (each.check, *range(each.heading, each.stub))}
    setup = {statement.text for statement in statements(SETUP)}

    def locked(found, name):
        texts = dict.fromkeys(each.text for each in found if each.text not in setup)
        return [cell(joined(texts), name, locked=True)] if texts else []

    made = [new.new_markdown_cell(TITLE.format(title=source.metadata["course"]["title"]), id="title")]
    made.append(cell(SETUP, "setup", locked=True))
    made += locked([*(each for each in kept if each.cell not in owner), *instead], "given")
    for each in chosen:
        name = each.number.replace(".", "-")
        between = cells[each.heading : each.stub]
        text = "\n\n".join(part.source for part in between if part.cell_type == "markdown")
        made.append(new.new_markdown_cell(text[heading_of(each.number, text).start() :], id=f"text-{name}"))
        made += locked([part for part in kept if owner.get(part.cell) is each], f"check-{name}")
        written = answer(each) if solved else cells[each.stub].source
        made.append(cell(written, f"answer-{name}", solution=True))
        graded = f'verdict = {each.call}\nassert verdict.status == "correct", verdict'
        made.append(cell(graded, f"points-{name}", grade=True, locked=True, points=POINTS))
    return new.new_notebook(cells=made, metadata={"kernelspec": source.metadata["kernelspec"]})


def cell(source, name, **about):
    """A code cell with nbgrader's metadata; `about` says what kind it is."""
    kind = {"grade": False, "locked": False, "solution": False, "task": False} | about
    told = {"grade_id": name, "schema_version": 3} | kind
    return new.new_code_cell(source, id=name, metadata={"nbgrader": told})


def main(lesson, folder):
    """Write both notebooks in nbgrader's layout, and what the judge tries the checks with."""
    for part, solved in (("source", False), ("solution", True)):
        path = Path(folder, part, lesson, f"assignment_{lesson[:2]}.ipynb")
        text = new.writes(notebook(lesson, solved))
        path.parent.mkdir(parents=True)
        path.write_text(text + "\n", encoding="utf-8")
    text = json.dumps(wrong_answers(lesson), indent=1)
    Path(folder, "wrong_answers.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
