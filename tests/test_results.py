"""The tables in data/results: how they are read, resumed and kept in step with the lessons."""

import ast
import concurrent.futures
import importlib
import math
import pickle
import re
import shutil

import cases
import common
import lessons
import pytest

from course_utils import results

TABLES = sorted(path.stem for path in results.FOLDER.glob("*.json"))
LESSONS = {name[:2]: name for name in lessons.NAMES}


TABLE = results.load("00_some", cases.FOLDER)


def test_a_table_tells_mean_and_spread():
    assert TABLE.mean("ours", "digit") == pytest.approx(0.91)
    assert (TABLE.low("ours", "digit"), TABLE.high("ours", "digit")) == (0.9, 0.92)
    assert TABLE.row("rival")["parameters"] == 900
    assert "2 models, 2 seeds each" in repr(TABLE)
    assert "make results" in repr(TABLE)


def test_a_column_is_added_to_every_row(tmp_path):
    shutil.copy(cases.FOLDER / "00_some.json", tmp_path)
    common.add_column("00_some", "seconds", {"ours": [1.0], "rival": [2.0]}, tmp_path)
    again = results.load("00_some", tmp_path)
    assert [row["seconds"] for row in again.rows] == [[1.0], [2.0]]
    assert again.provenance.pop("seconds").keys() == {"date", "machine"}
    assert again.provenance == TABLE.provenance


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    calls = []

    def measure(row, seed):
        calls.append((row, seed))
        if (row, seed) == ("b", 1) and len(calls) < 5:
            raise KeyboardInterrupt("the lid of the laptop")
        return {"score": seed + len(row)}

    jobs = [(row, seed) for seed in (0, 1) for row in "ab"]
    path = tmp_path / "some.part"
    with concurrent.futures.ThreadPoolExecutor(1) as pool, pytest.raises(KeyboardInterrupt):
        common.Journal(path, "digest").measure(pool, measure, jobs)
    kept = set(calls) - {("b", 1)}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        calls[:] = [None] * 5
        found = common.Journal(path, "digest").measure(pool, measure, jobs)
    assert found == {job: {"score": job[1] + 1} for job in jobs}
    assert kept
    assert not kept & set(calls)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # the lesson's models have changed
        common.Journal(path, "another digest").measure(pool, measure, jobs)
    assert kept <= set(calls)


@pytest.fixture
def lesson_of(monkeypatch):
    """Sets the cells tagged definition; returns the name of the lesson."""

    def set_cells(*cells):
        monkeypatch.setattr(common, "definition_cells", lambda lesson: list(cells))
        return "any"

    return set_cells


def test_the_digest_follows_the_code_and_not_its_comments(lesson_of):
    def digest(*cells):
        return common.digest(lesson_of(*cells), ["a", "b"])

    assert digest("a = 1", "b = 2") == digest("b = 2  # two", "a = 1") == digest("a = 1\nb = 2")
    assert digest("a = 1", "b = 2") != digest("a = 2", "b = 2")
    f = "def a():\n  '{}'\n  return 1\nb = 2"
    assert digest(f.format("one")) == digest(f.format("two")) != digest(f.format("one").replace("1", "3"))


def test_a_table_sees_and_follows_what_it_uses_and_nothing_else(lesson_of):
    cells = [
        "import math\nSIZE = 3",
        "def used(x):\n    return helper(x) + SIZE",
        "def helper(x):\n    return math.floor(x)",
        "def other():\n    return SIZE",
    ]
    names = common.definitions_of(lesson_of(*cells), ["used"])
    assert names["used"](1.5) == 4
    assert "other" not in names
    before = common.digest("any", ["used"])
    lesson_of(*cells[:3], "def other():\n    return 7")
    assert common.digest("any", ["used"]) == before
    lesson_of(*cells[:2], "def helper(x):\n    return math.ceil(x)")
    assert common.digest("any", ["used"]) != before
    with pytest.raises(KeyError, match=r"'gone'.*helper, math, used"):
        common.digest("any", ["used", "gone"])


@pytest.mark.parametrize("optimum", [2e-4, 1e-3, 3e-3, 9e-3, 2e-2])
def test_a_learning_rate_is_searched_until_the_best_is_inside(optimum):
    starts = (2e-3, 4e-3, 8e-3)
    scores = {}
    waiting = list(starts)
    while waiting:
        scores |= {peak: -abs(math.log(peak / optimum)) for peak in waiting}
        waiting = common.further(scores, starts)
    assert min(scores) < common.best(scores) < max(scores)
    assert abs(math.log(common.best(scores) / optimum)) <= math.log(2) / 2


def test_the_search_ends_far_out_and_takes_the_middle_of_equals():
    starts = (2e-3, 4e-3, 8e-3)
    lowest = min(starts) / common.FURTHEST
    assert common.further({peak: -peak for peak in (lowest, 2 * lowest, *starts)}, starts) == []
    assert common.best(dict.fromkeys(starts, 1.0)) == 4e-3
    assert common.best({8e-3: 1.0, 16e-3: 0.9, 32e-3: 1.0}) == 8e-3
    assert common.further(dict.fromkeys(starts, 1.0), starts) == []


def test_there_are_tables():
    assert TABLES


@pytest.mark.parametrize("name", TABLES)
def test_a_table_belongs_to_the_models_as_the_lesson_has_them(name):
    table = results.load(name)
    source = table.provenance
    assert source["definitions"] == common.digest(LESSONS[name[:2]], source["uses"]), "run `make results`"
    for row in table.rows:
        scores = [key for key in row if key not in ("model", "parameters", "peak", "seconds")]
        assert scores
        assert all(len(row[key]) == len(table.provenance["seeds"]) for key in scores)
        distance = re.compile(r"error|told |week |h\d|kB|MB|ms|.*: (next|error|similar|off|last)")
        shares = [key for key in scores if not distance.match(key)]
        assert all(0 <= share <= 1 for key in shares for share in row[key])
        if common.needs_network(row["model"]):
            assert row["parameters"] > 0
            assert min(row["seconds"]) > 0


@pytest.mark.parametrize("name", TABLES)
def test_every_network_has_a_learning_rate_with_lower_and_higher_ones_tried(name):
    table = results.load(name)
    tuned = {row["model"] for row in table.rows if common.needs_network(row["model"])}
    tuning = table.provenance["tuning"]
    assert tuning.keys() == tuned
    for model, scores in tuning.items():
        (peak,) = set(table.row(model)["peak"])
        assert scores[str(peak)] == max(scores.values())
        assert min(map(float, scores)) < peak < max(map(float, scores)), f"{model}: widen the search"


SCRIPTS = sorted(results.FOLDER.glob("[0-9]*.py"))


def test_what_a_script_measures_can_be_measured_in_other_processes(monkeypatch):
    monkeypatch.setenv("COURSE_THREADS", "2")  # to have it back afterwards
    studies = [importlib.import_module(script.stem).STUDY for script in SCRIPTS]
    assert [pickle.loads(pickle.dumps(study.measure)) for study in studies] == [s.measure for s in studies]
    with common.two_processes() as pool:
        job = ("01_digits", "No network: pixels", 0, None, "test", True)
        assert pool.submit(studies[0].measure, *job).result().keys() == {"parameters", "anywhere"}


def claims_that_hide_their_source(cells):
    """Claims of a lesson that are about stored tables alone and do not say so, or say so and are not.

    A name is of the tables if it is bound to `results.load(...)`, or to something made of such names alone.
    """
    parts = [part for cell in cells for part in ast.walk(ast.parse(cell))]
    bound = [ast.unparse(part) for part in parts if isinstance(part, ast.Assign)]
    bound = [(lessons.stored(code), lessons.loaded(code), "results.load" in code) for code in bound]
    computed = set().union(*(names for names, *_ in bound))
    of_tables = set().union(*(names for names, _, loads in bound if loads))
    for names, used, _ in bound * 2:
        if is_of(of_tables, used & computed):
            of_tables |= names
    for part in parts:
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "check.claim":
            values = [*part.args[1:], *(word.value for word in part.keywords if word.arg != "stored")]
            used = set().union(*(lessons.loaded(ast.unparse(value)) for value in values)) & computed
            if any(word.arg == "stored" for word in part.keywords) != is_of(of_tables, used):
                yield ast.literal_eval(part.args[0])


def is_of(tables, used):
    return bool(used) and used <= tables


def test_what_hides_the_source_of_a_claim_is_seen():
    cells = [
        "table = results.load('x')\nlive = measure()\nsizes = [table.row(n)['parameters'] for n in 'ab']",
        "check.claim('a', table.mean('m', 's'), above=0)\ncheck.claim('b', live, above=0, stored=True)",
        "check.claim('c', max(sizes), above=0)\ncheck.claim('d', live - table.mean('m', 's'), above=0)",
        "check.claim('e', max(sizes), above=0, stored=True)\ncheck.claim('f', live, above=0)",
    ]
    assert list(claims_that_hide_their_source(cells)) == ["a", "b", "c"]


@pytest.mark.parametrize("lesson", sorted(LESSONS.values()))
def test_a_claim_says_whether_it_is_about_a_stored_table(lesson):
    cells = lessons.source(lesson).cells
    assert not list(claims_that_hide_their_source([c.source for c in cells if c.cell_type == "code"]))
