"""The checker: set-up, verdicts on every kind of answer, claims, and a progress file that survives."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cases
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils import check

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    path = tmp_path / "work" / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


@check.exercise("04.1", "Add up")
def check_three(answer):
    check.expect(answer == 3, f"one and two are not {answer}")


@check.exercise("04.2", "Write a function")
def check_double(function):
    check.expect_close("double(2)", function(2), 4)


def start(code, **environment):
    """Start code in a fresh interpreter, as a learner's kernel would."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)


# ---- set-up


SEEDED = """
from course_utils import check
check.setup()
check.setup()
import sys, matplotlib, numpy as np, keras, tensorflow as tf
pinned = tf.config.threading
print(pinned.get_intra_op_parallelism_threads(), pinned.get_inter_op_parallelism_threads())
keras.utils.set_random_seed(7)
print(keras.initializers.GlorotUniform()((2, 2)).numpy().tobytes().hex())
"""
TRAINING = f"""{SEEDED}
keras.utils.set_random_seed(19)
print(keras.initializers.GlorotUniform()((2, 2)).numpy().tobytes().hex())
print(matplotlib.rcParams["font.size"], keras.backend.backend())
layers = keras.layers
model = keras.Sequential([
    keras.Input((8, 12)), layers.Conv1D(8, 3), layers.Dropout(0.3), layers.LSTM(16),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")
x = np.random.default_rng(0).normal(size=(96, 8, 12)).astype("float32")
history = model.fit(x, np.arange(96) % 3, epochs=2, verbose=0).history["loss"]
print([loss.hex() for loss in history], keras.ops.sum(model.get_weights()[0]).numpy().tobytes().hex())
import os
os.environ["COURSE_THREADS"] = "1"
try:
    check.setup()
except RuntimeError as error:
    print("refused:", error)
"""


def test_setup_is_quiet_pins_threads_and_makes_training_equal_bit_by_bit():
    runs = [start(TRAINING), start(TRAINING), start(SEEDED, COURSE_SEED_SHIFT="12", COURSE_THREADS="1")]
    printed, errors = zip(*(run.communicate(timeout=600) for run in runs))
    assert errors == ("", "", "")
    assert printed[0] == printed[1]
    first, second, threads, seed_7, seed_19, style, losses, refused = printed[0].splitlines()
    assert first == second == "Ready: Keras on TensorFlow, repeatable results."
    assert (threads, style) == ("2 2", "11.0 tensorflow")
    assert losses.startswith("['0x1.")
    assert refused.startswith("refused:")
    assert "restart the kernel and run this cell first" in refused
    assert printed[2].splitlines()[2:] == ["1 1", seed_19] != ["1 1", seed_7]


def test_failing_import_shows_what_was_written_to_stderr(tmp_path):
    (tmp_path / "keras.py").write_text(
        'import os; os.write(2, b"libfoo is missing\\n"); raise ImportError("no keras")'
    )
    code = "import ipykernel; from course_utils import check; check.setup()"
    run = start(code, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode != 0
    assert stdout == "Loading Keras and TensorFlow; this can take a minute.\n"  # only in a kernel
    assert "libfoo is missing" in stderr
    assert "ImportError: no keras" in stderr


# ---- verdicts


@pytest.mark.parametrize(("code", "who", "words"), cases.read("verdicts")[0])
def test_each_kind_of_answer_gets_its_verdict(code, who, words):
    verdict = eval(code, names_of_verdicts())
    status, _, reason = words.partition(": ")
    assert verdict.status == status
    assert not reason or re.fullmatch(cases.pattern(reason), verdict.reason)


@functools.cache
def names_of_verdicts():
    names = {}
    exec(cases.read("verdicts")[1], names)
    return names


def test_keyboard_interrupt_is_not_swallowed():
    def stopped(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_double(stopped)


@given(
    st.recursive(
        st.none() | st.just(...) | st.booleans() | st.floats() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_makes_a_check_raise_and_holes_decide(answer):
    def blank(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return value is None or value is ... or (len(inner) > 0 and all(map(blank, inner)))

    status = check_double(answer).status
    assert status == ("not attempted" if blank(answer) else "not yet")


def test_a_forgotten_return_is_told_from_a_stub():
    judge = check.exercise("04.2", "Sort")(lambda sort: check.expect(sort([2, 1]) == [1, 2], "not sorted"))

    def forgets(numbers):
        numbers.sort()

    def stub(numbers):
        """To be written."""

    assert "your function returns None: end it with `return`" in judge(forgets).reason
    assert judge(stub).status == "not attempted"
    assert judge(sorted).status == "correct"


def test_verdicts_read_well_in_text_and_html():
    assert repr(check_three(3)) == "Exercise 04.1 Add up: correct"
    assert repr(check_three(...)) == "Exercise 04.1 Add up: not attempted"
    assert repr(check_three(4)) == "Exercise 04.1 Add up: not yet: one and two are not 4"
    for answer, sign in ((3, "✓"), (..., "○"), (4, "→")):
        verdict = check_three(answer)
        assert f"{sign} Exercise 04.1 Add up: <strong>{verdict.status}</strong>" in verdict._repr_html_()
    assert "are not &lt;script&gt;" in check_three("<script>")._repr_html_()


def test_the_verdict_on_a_solution_praises_nobody():
    verdict = check_three(3, record=False)
    assert (verdict.status, repr(verdict)) == ("correct", "Solution of 04.1: passes its check")
    page = verdict._repr_html_()
    assert "Solution of 04.1: <strong>passes its check</strong>" in page
    assert check.COLOURS["correct"] not in page
    assert check.COLOURS["not attempted"] in page
    failed = check_three(4, record=False)
    assert repr(failed) == "Solution of 04.1 Add up: not yet: one and two are not 4"
    assert "Solution of 04.1 Add up: <strong>not yet" in failed._repr_html_()


# ---- what checks are made of


@pytest.mark.parametrize("condition", [True, np.True_, [True, True], np.ones((2, 2), bool), [object()], 3])
def test_expect_holds(condition):
    check.expect(condition, "no")


@given(st.lists(st.integers(1, 4), max_size=4), st.data())
def test_expect_shape_accepts_just_the_shapes_that_fit(sizes, data):
    wanted = [data.draw(st.sampled_from([size, None])) for size in sizes]
    check.expect_shape("x", np.zeros(sizes), tuple(wanted))
    if any(wanted):
        axis = next(axis for axis, size in enumerate(wanted) if size)
        sizes[axis] += 1
        with pytest.raises(check.NotYet, match=f"axis {axis} is"):
            check.expect_shape("x", np.zeros(sizes), tuple(wanted))


def test_expect_close():
    check.expect_close("h", [1.0, 2.0], [1.0, 2.000001])
    check.expect_close("h", 3, 3.4, tolerance=0.5)


# ---- claims


def test_a_claim_that_holds_prints_its_sentence_and_one_that_fails_nothing(capsys):
    check.claim("The hybrid wins", np.array([[0.9], [0.95]]), above=0.87)
    check.claim("The hybrid wins", True, equals=True, stored=True)
    told = "Holds in your run: The hybrid wins\nHolds in the stored table: The hybrid wins\n"
    assert capsys.readouterr().out == told
    with pytest.raises(check.ClaimFailed):
        check.claim("The hybrid wins", 0.9, above=0.9)
    assert capsys.readouterr().out == ""


@given(st.floats(allow_nan=True), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_claims_agree_with_python(value, one, other):
    low, high = sorted((one, other))
    for bounds, truth in (
        ({"above": low}, value > low),
        ({"below": high}, value < high),
        ({"equals": low}, value == low),
        ({"within": (low, high)}, low <= value <= high),
    ):
        try:
            check.claim("x", value, **bounds)
            held = True
        except check.ClaimFailed:
            held = False
        assert held == truth, bounds


@pytest.mark.parametrize("kind", [ValueError, (KeyError, ValueError)])
def test_expect_error_prints_type_and_first_line(capsys, kind):
    with check.expect_error(kind, match="line"):
        raise ValueError("first line\nsecond line")
    assert capsys.readouterr().out == "ValueError: first line\n"


# ---- progress


def saved(path):
    return json.loads(path.read_text(encoding="utf-8"))["exercises"]


def test_progress_keeps_the_best_of_what_was_attempted(progress_file):
    check_three(...)
    assert check_three(3, record=False).status == "correct"
    assert not progress_file.exists()
    for answer, status in ((4, "not yet"), (3, "correct"), (4, "correct")):
        assert check_three(answer).status == ("correct" if answer == 3 else "not yet")
        assert saved(progress_file) == {"04.1": status}
    check_double(lambda x: 2 * x)
    assert saved(progress_file) == {"04.1": "correct", "04.2": "correct"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"exercises": []}',
        b'{"exercises": {"04.1": "brilliant"}}',
        b'{"exercises": {"04.1": ["correct"]}}',
        b"{}",
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_damaged_file_is_set_aside_and_a_sentence_says_so(progress_file, content):
    progress_file.parent.mkdir()
    kept = []
    for _ in range(2):
        progress_file.write_bytes(content)
        verdict = check_three(3)
        assert verdict.status == "correct"
        (aside,) = set(progress_file.parent.glob("progress-damaged-2*.json")).difference(kept)
        assert aside.read_bytes() == content
        assert f"It was set aside as {aside.name}" in repr(verdict)
        assert aside.name in verdict._repr_html_()
        assert saved(progress_file) == {"04.1": "correct"}
        kept.append(aside)
    assert check_double(lambda x: 2 * x).note == ""


def test_a_mark_in_front_of_the_file_does_no_harm(progress_file):
    progress_file.parent.mkdir()
    progress_file.write_bytes(b'\xef\xbb\xbf{"exercises": {"04.1": "correct"}}')
    assert check_double(lambda x: 2 * x).note == ""
    assert saved(progress_file) == {"04.1": "correct", "04.2": "correct"}


def test_a_place_that_cannot_be_written_gives_a_sentence_not_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    verdict = check_three(3)
    assert verdict.status == "correct"
    assert verdict.note.startswith("Your progress could not be saved: ")
    assert "Your progress cannot be read: " in repr(check.progress())


def test_a_full_disk_leaves_the_old_file_as_it_was(progress_file, monkeypatch):
    check_three(4)
    before = progress_file.read_bytes()

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert (
        check_three(3).note
        == "Your progress could not be saved: No space left on device. Nothing else is lost."
    )
    assert progress_file.read_bytes() == before


def test_the_new_file_replaces_the_old_at_once(progress_file, monkeypatch):
    check_three(4)
    seen = []
    replace = os.replace

    def watch(source, target):
        seen.append((saved(Path(target)), saved(Path(source))))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    check_three(3)
    assert seen == [({"04.1": "not yet"}, {"04.1": "correct"})]
    assert sorted(path.name for path in progress_file.parent.iterdir()) == [
        "progress.json",
        "progress.json.lock",
    ]


def test_two_processes_at_once_lose_nothing(progress_file):
    code = "from course_utils import check\nfor n in range(60): check._save(f'{}.{{n}}', 'correct')"
    writers = [start(code.format(lesson)) for lesson in ("01", "02")]
    assert [writer.communicate(timeout=120) for writer in writers] == [("", ""), ("", "")]
    assert len(saved(progress_file)) == 120


@pytest.fixture
def two_lessons(tmp_path, monkeypatch):
    source = tmp_path / "notebooks" / "source"
    source.mkdir(parents=True)
    exercise = '# %%\n@check.exercise("{}", "T")\ndef check_it(answer): ...\n'
    (source / "00_start.py").write_text(
        '# ---\n#     title: "Start <here>"\n# ---\n' + exercise.format("00.1")
    )
    (source / "04_video.py").write_text(
        "# ---\n#     title: Video\n# ---\n" + "".join(exercise.format(f"04.{n}") for n in (1, 2, 3))
    )
    (source / "91_words.py").write_text("# ---\n#     title: Words\n# ---\n")  # a page without exercises
    monkeypatch.setattr(check, "ROOT", tmp_path)


def test_progress_shows_every_lesson_with_words(two_lessons):
    check_three(3)
    check_double(lambda x: x)
    shown = repr(check.progress())
    assert "00 Start <here>  □ 0 of 1    ○ 00.1" in shown
    assert "04 Video         ■□□ 1 of 3  ✓ 04.1  → 04.2  ○ 04.3" in shown
    assert "✓ correct" in shown
    assert "Words" not in shown
    page = check.progress()._repr_html_()
    assert "Start &lt;here&gt;" in page
    assert "■□□ 1 of 3" in page


def test_progress_of_a_damaged_file_starts_again_and_says_so(two_lessons, progress_file):
    progress_file.parent.mkdir(exist_ok=True)
    progress_file.write_text("{")
    shown = repr(check.progress())
    assert "set aside" in shown
    assert "□□□ 0 of 3" in shown
