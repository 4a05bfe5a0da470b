"""Set-up of a lesson, exercises that answer, claims that can fail, and the learner's progress."""

import contextlib
import dataclasses
import datetime
import functools
import html
import io
import json
import numbers
import os
import re
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SYMBOLS = {"not attempted": "○", "not yet": "→", "correct": "✓"}
COLOURS = {"not attempted": "#777777", "not yet": "#D55E00", "correct": "#009E73"}


def setup():
    """Make Keras repeatable and quiet. The first call of every lesson, before Keras is imported.

    Pins the number of threads, asks for deterministic operations, applies the figure style.
    The same lesson then gives the same numbers, bit by bit, each time it runs on one machine.

    Two environment variables let `make portable` check that what a lesson says hangs on neither:
    `COURSE_THREADS` (default 2), threads inside one operation and operations at a time, and
    `COURSE_SEED_SHIFT` (default 0), added to each seed given to `keras.utils.set_random_seed`.

    Raises
    ------
    ValueError
        If one of the variables is not a whole number in its range.
    RuntimeError
        If Keras runs on another backend, or TensorFlow already with another number of threads.
    """
    threads = _whole_number("COURSE_THREADS", default=2, least=1)
    shift = _whole_number("COURSE_SEED_SHIFT", default=0, least=0)
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet():
        import keras
        import tensorflow as tf

        from course_utils import plotting

        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"Keras already runs on {keras.backend.backend()}: restart the kernel, run this cell first"
            )
        threading = tf.config.threading
        running = (threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
        if running != (threads, threads):
            try:
                threading.set_intra_op_parallelism_threads(threads)
                threading.set_inter_op_parallelism_threads(threads)
            except RuntimeError:
                raise RuntimeError(
                    "TensorFlow is running already, with other thread counts: restart the kernel and run "
                    "this cell first, otherwise the numbers of this lesson cannot be repeated"
                ) from None
        tf.config.experimental.enable_op_determinism()
        tf.get_logger().setLevel("ERROR")  # no advice about retracing: models here are small and many
        if shift:
            _shift_seeds(keras.utils, shift)
        keras.utils.set_random_seed(0)
        tf.zeros(1) + 1  # the first operation starts TensorFlow: let it chatter here
        plotting.use_style()
    print("Ready: Keras on TensorFlow, repeatable results.")


def _whole_number(variable, default, least):
    """The value of an environment variable."""
    text = os.environ.get(variable) or str(default)
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < least:
        raise ValueError(
            f"The environment variable {variable} is {text!r}, but must be a whole number from {least} up. "
            "Leave it unset for the course's own value."
        )
    return int(text)


def _shift_seeds(utils, shift):
    """Let `set_random_seed` add a shift to every seed; setting up twice shifts once."""
    unshifted = getattr(utils.set_random_seed, "__wrapped__", utils.set_random_seed)
    utils.set_random_seed = functools.wraps(unshifted)(lambda seed: unshifted(seed + shift))


@contextlib.contextmanager
def _quiet():
    """Swallow what is written to stderr, by C++ too; show it if the block fails."""
    tap = _Tap()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            with contextlib.redirect_stderr(tap):
                tap.to = log
                yield
            failed = False
        finally:
            tap.to = None
            log.flush()
            os.dup2(saved, 2)
            os.close(saved)
            if failed:
                log.seek(0)
                sys.stderr.write(log.read())


class _Tap(io.TextIOBase):
    """Writes to a file, and once that is gone to stderr: a logger born in the block keeps its stream."""

    to = None

    def write(self, text):
        return (self.to or sys.stderr).write(text)

    def flush(self):
        (self.to or sys.stderr).flush()


class NotYet(AssertionError):
    """The answer is not right yet; the message says why."""


class _NotAttempted(Exception):
    """A learner's function is still a stub."""


class _LearnerError(Exception):
    """A learner's function raised; the cause is its exception."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a check says about an answer: ``status``, ``reason``, and ``note`` on the progress file."""

    exercise: str
    title: str
    status: str
    reason: str = ""
    note: str = ""

    def __repr__(self):
        parts = [f"Exercise {self.exercise} {self.title}", self.status, self.reason]
        return ": ".join(part for part in parts if part) + (f"\n{self.note}" if self.note else "")

    def _repr_html_(self):
        reason = html.escape(f": {self.reason}" if self.reason else "")
        note = f"<br><em>{html.escape(self.note)}</em>" if self.note else ""
        style = f"border-left:5px solid {COLOURS[self.status]};padding:4px 10px;white-space:pre-line"
        name = f"{SYMBOLS[self.status]} Exercise {self.exercise} {html.escape(self.title)}"
        return f'<div style="{style}">{name}: <strong>{self.status}</strong>{reason}{note}</div>'


@dataclasses.dataclass(frozen=True)
class Exercise:
    """A check with a number and a title. Call it with an answer and get a :class:`Verdict`."""

    id: str
    title: str
    check: types.FunctionType

    def __call__(self, answer, record=True):
        """Judge ``answer``; with ``record=False`` (solutions) progress is left alone."""
        status, reason = self._judge(answer)
        note = _save(self.id, status) if record and status != "not attempted" else ""
        return Verdict(self.id, self.title, status, reason, note)

    def _judge(self, answer):
        try:
            if _unfilled(answer):
                return "not attempted", ""
            self.check(_guard(answer))
        except _NotAttempted:
            return "not attempted", ""
        except NotYet as error:
            return "not yet", str(error)
        except _LearnerError as error:
            return "not yet", f"your code raised {_brief(error.__cause__)}"
        except Exception as error:
            return "not yet", f"the check could not use your answer: {_brief(error)}"
        return "correct", ""


def exercise(id, title):
    """Turn a function that examines an answer into an :class:`Exercise`.

    Examples
    --------
    >>> @exercise("04.1", "Predict the shapes")
    ... def check_shapes(answer):
    ...     expect(answer["frames"] == (8, 24, 24, 1), "a clip has 8 frames of 24 x 24, with one channel")
    >>> check_shapes({"frames": ...})
    Exercise 04.1 Predict the shapes: not attempted
    """
    if not isinstance(id, str) or not re.fullmatch(r"\d\d\.\d+", id):
        raise ValueError(f"id is {id!r}, but must be lesson and number, such as '04.1'")
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"title is {title!r}, but must be a few words")
    return lambda check: Exercise(id, title, check)


def _unfilled(answer):
    """True for ``...`` and None, alone or within containers; a shape such as (None, 96) is an answer."""
    if answer is None or answer is Ellipsis:
        return True
    if isinstance(answer, np.ndarray) and answer.dtype == object:
        answer = answer.tolist()
    if isinstance(answer, dict):
        return any(_unfilled(value) for value in answer.values())
    return isinstance(answer, (list, tuple, set)) and not _is_shape(answer) and any(map(_unfilled, answer))


def _is_shape(value):
    whole = [isinstance(size, numbers.Integral) for size in value]
    return isinstance(value, tuple) and any(whole) and all(w or v is None for w, v in zip(whole, value))


def _guard(answer):
    """Wrap the functions in an answer, so that stubs and errors in them are told apart from the check's."""
    if type(answer) in (list, tuple):
        return type(answer)(map(_guard, answer))
    if type(answer) is dict:
        return {key: _guard(value) for key, value in answer.items()}
    if not isinstance(answer, (types.FunctionType, types.MethodType, functools.partial)):
        return answer

    def guarded(*args, **kwargs):
        try:
            result = answer(*args, **kwargs)
        except (NotImplementedError, _NotAttempted):
            raise _NotAttempted from None
        except Exception as error:
            raise _LearnerError from error
        if _unfilled(result):
            raise _NotAttempted
        return result

    return functools.update_wrapper(guarded, answer)


def _brief(error):
    """Type and first telling line; Keras puts the place first, and colours into its messages."""
    text = re.sub(r"\x1b\[\d*m|^Exception encountered when calling.*$", "", str(error), flags=re.MULTILINE)
    told = text.strip().splitlines()
    return f"{type(error).__name__}: {told[0]}" if told else type(error).__name__


def expect(condition, reason):
    """Within a check: the answer is 'not yet' right, with this reason, unless the condition holds."""
    if not np.size(condition) or not np.all(condition):
        raise NotYet(reason)


def expect_shape(name, value, shape):
    """Within a check: ``value`` (an array, a tensor, or a tuple of sizes) has this shape; None is any size.

    Examples
    --------
    >>> expect_shape("frame features", np.zeros((32, 96)), (None, 96))
    """
    if hasattr(value, "shape"):
        found = tuple(value.shape)
    else:
        found = value if isinstance(value, tuple) and _is_shape(value) else np.shape(value)
    wrong = [axis for axis, (f, s) in enumerate(zip(found, shape)) if s is not None and f != s]
    if len(found) != len(shape):
        detail = f"that is {len(found)} axes instead of {len(shape)}"
    else:
        detail = "; ".join(f"axis {axis} is {found[axis]} instead of {shape[axis]}" for axis in wrong)
    if detail:
        free = " (None: any size)" if None in shape else ""
        raise NotYet(f"{name} has the shape {found}, but should have {tuple(shape)}{free}: {detail}")


def expect_close(name, value, expected, tolerance=1e-5):
    """Within a check: every number of ``value`` is at most ``tolerance`` away from ``expected``."""
    value, expected = np.asarray(value, dtype=float), np.asarray(expected, dtype=float)
    expect_shape(name, value, expected.shape)
    if np.isnan(value).any():
        raise NotYet(f"{name} contains NaN (not a number)")
    difference = np.max(np.abs(value - expected), initial=0.0)
    if not difference <= tolerance:
        raise NotYet(f"{name} is off by {difference:.4g}; at most {tolerance:g} is allowed")


class ClaimFailed(AssertionError):
    """A sentence of the course is not true of the numbers at hand."""


def claim(sentence, value, *, above=None, below=None, equals=None, within=None):
    """State something about a number, and fail with the number when it is not so.

    Parameters
    ----------
    sentence : str
        What the lesson says. Printed when it holds.
    value : number or array
        The evidence. Every number in an array has to satisfy the bounds.
    above, below, equals : number
        Bounds, at least one; ``above`` and ``below`` exclude the bound itself.
    within : pair of numbers
        Lowest and highest value allowed, both included.

    Examples
    --------
    >>> claim("The hybrid names most digits", 0.91, above=0.87)
    Claim holds: The hybrid names most digits
    """
    limits = {"above": above, "below": below, "equals": equals, "within": within}
    limits = {name: np.asarray(limit, dtype=float) for name, limit in limits.items() if limit is not None}
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError(f"sentence is {sentence!r}, but must say something")
    if not limits:
        raise ValueError("a claim needs a bound that can fail: above=, below=, equals= or within=")
    for name, limit in limits.items():
        shape, words = ((2,), "two numbers (low, high)") if name == "within" else ((), "a number")
        if limit.shape != shape or not np.isfinite(limit).all() or np.any(np.diff(limit.ravel()) < 0):
            raise ValueError(f"{name} is {limit.tolist()}, but must be {words}")
    values = np.asarray(value, dtype=float).ravel()
    room = {  # how far each value is from leaving its bounds; below zero it has left them
        "above": lambda limit: values - limit,
        "below": lambda limit: limit - values,
        "equals": lambda limit: -np.abs(values - limit),
        "within": lambda limit: np.minimum(values - limit[0], limit[1] - values),
    }
    room = {name: room[name](limit) for name, limit in limits.items()}
    inside = [r > 0 if name in ("above", "below") else r >= 0 for name, r in room.items()]  # NaN is neither
    least = np.nan_to_num(np.min(list(room.values()), axis=0), nan=-np.inf)
    worst = float(values[np.argmin(least)]) if values.size else float("nan")
    numbers = {name: limit.tolist() for name, limit in limits.items()}
    if os.environ.get("COURSE_CLAIMS"):
        with open(os.environ["COURSE_CLAIMS"], "a", encoding="utf-8") as log:
            log.write(json.dumps({"sentence": sentence, "value": worst, "bounds": numbers}) + "\n")
    if not values.size or not np.all(inside):
        words = ", ".join(f"{name} {limit}" for name, limit in numbers.items())
        raise ClaimFailed(f"{sentence}: the value is {worst:.6g}, but should be {words}")
    print(f"Claim holds: {sentence}")


@contextlib.contextmanager
def expect_error(kind, match=None):
    """Show an error on purpose: print its type and first line instead of a traceback.

    Examples
    --------
    >>> with expect_error(ValueError):
    ...     int("three")
    ValueError: invalid literal for int() with base 10: 'three'
    """
    try:
        yield
    except kind as error:
        if match is not None and not re.search(match, str(error)):
            raise AssertionError(f"expected a message like {match!r}, but got {_brief(error)}") from error
        print(_brief(error))
    else:
        raise AssertionError(f"expected {kind.__name__}, but there was no error")


def progress():
    """Show how far the learner is: a row for each lesson, with its exercises."""
    from course_utils.plotting import Table

    try:
        with _locked(_progress_file()) as path:
            status, note = _load(path)
    except OSError as error:
        status, note = {}, f"Your progress cannot be read: {error.strerror}."
    rows = []
    for path in sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py")):
        source = path.read_text(encoding="utf-8")
        title = re.search(r"^#\s+title:\s*(.+?)\s*$", source, flags=re.MULTILINE)
        ids = re.findall(r'^@check\.exercise\(\s*"(\d\d\.\d+)"', source, flags=re.MULTILINE)
        states = [status.get(id, "not attempted") for id in ids]
        done = states.count("correct")
        name = title[1].strip("'\"") if title else path.stem[3:]
        signs = "  ".join(f"{SYMBOLS[state]} {id}" for id, state in zip(ids, states))
        bar = "■" * done + "□" * (len(ids) - done)
        rows.append([f"{path.stem[:2]} {name}", f"{bar} {done} of {len(ids)}", signs])
    legend = ", ".join(f"{symbol} {word}" for word, symbol in SYMBOLS.items())
    headings = ["Lesson", "Correct", "Exercises"]
    return Table(headings, rows, [False] * 3, f"Your progress ({legend}). {note}".strip())


def _progress_file():
    return Path(os.environ.get("COURSE_PROGRESS") or ROOT / "work" / "progress.json")


@contextlib.contextmanager
def _locked(path):
    """One process at a time; the lock goes when its file is closed, even by a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "ab") as lock:
        if os.name == "nt":
            import msvcrt

            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _load(path):
    """The saved statuses, and a sentence if the file was damaged and had to be set aside."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if all(status in SYMBOLS for status in saved["exercises"].values()):
            return saved["exercises"], ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    aside = path.with_name(f"{path.stem}-damaged-{datetime.datetime.now():%Y%m%d-%H%M%S-%f}{path.suffix}")
    os.replace(path, aside)
    return {}, f"Your progress file was damaged. It was set aside as {aside.name}, and a new one begun."


def _save(id, status):
    """Note a status unless the exercise was correct before; return a sentence if that went wrong."""
    try:
        with _locked(_progress_file()) as path:
            saved, note = _load(path)
            if saved.get(id) not in ("correct", status):
                temporary = path.with_name(path.name + ".tmp")
                text = json.dumps({"exercises": {**saved, id: status}}, indent=1, sort_keys=True)
                temporary.write_text(text + "\n", encoding="utf-8")
                os.replace(temporary, path)  # at once: a reader sees the old file or the new one
            return note
    except OSError as error:
        return f"Your progress could not be saved: {error.strerror}. Nothing else is lost."
