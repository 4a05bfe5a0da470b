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

    Two environment variables let `make portable` check that what a lesson says depends on neither:
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
    if "ipykernel" in sys.modules:  # a learner looks at [*] until something is printed
        print("Loading Keras and TensorFlow; this can take a minute.", flush=True)
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
    """What a check says about an answer: ``status``, ``reason``, and ``note`` on the progress file.

    The verdict on a ``solution`` names it as such, so that nobody takes it for their own answer's.
    """

    exercise: str
    title: str
    status: str
    reason: str = ""
    note: str = ""
    solution: bool = False

    def _parts(self):
        """Name, symbol, colour, and what is said."""
        if self.solution and self.status == "correct":
            return f"Solution of {self.exercise}", "", COLOURS["not attempted"], "passes its check"
        name = f"{'Solution of' if self.solution else 'Exercise'} {self.exercise} {self.title}"
        return name, f"{SYMBOLS[self.status]} ", COLOURS[self.status], self.status

    def __repr__(self):
        name, _, _, status = self._parts()
        parts = [name, status, self.reason]
        return ": ".join(part for part in parts if part) + (f"\n{self.note}" if self.note else "")

    def _repr_html_(self):
        name, symbol, colour, status = self._parts()
        reason = html.escape(f": {self.reason}" if self.reason else "")
        note = f"<br><em>{html.escape(self.note)}</em>" if self.note else ""
        style = f"border-left:5px solid {colour};padding:4px 10px;white-space:pre-line"
        name = symbol + html.escape(name)
        return f'<div style="{style}">{name}: <strong>{status}</strong>{reason}{note}</div>'


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
        return Verdict(self.id, self.title, status, reason, note, solution=not record)

    def _judge(self, answer):
        try:
            if _blank(answer):
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
    if not isinstance(id, str) or not re.fullmatch(r"[0-9]{2}\.[0-9]+", id):
        raise ValueError(f"id is {_shown(id)}, but must be lesson and number, such as '04.1'")
    _need_words("title", title)

    def mark(check):
        if not isinstance(check, types.FunctionType):
            raise ValueError(f"check is {_shown(check)}, but must be a function that examines an answer")
        return Exercise(id, title, check)

    return mark


def _holes(answer):
    """For each leaf of nested containers: is it ``...`` or None? A shape such as (None, 96) is one leaf."""
    if isinstance(answer, np.ndarray) and answer.dtype == object:
        answer = answer.tolist()
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (list, tuple, set)) and answer and not _is_shape(answer):
        for part in answer:
            yield from _holes(part)
    else:
        yield answer is None or answer is Ellipsis


def _blank(answer):
    """True if nothing is filled in yet."""
    return all(_holes(answer))


def _is_shape(value):
    sizes = [isinstance(size, numbers.Integral) for size in value]
    known = any(sizes) and all(is_size or size is None for is_size, size in zip(sizes, value))
    return isinstance(value, (tuple, list)) and known


def filled(answer, names):
    """Within a check: go over the parts of a dict that are filled in, then be 'not yet' if some are not.

    Parameters
    ----------
    answer : dict
        The learner's answer, with ``...`` where nothing is filled in yet.
    names : iterable of str
        The keys that the answer should have, in the order in which they are judged.

    Yields
    ------
    (str, object)
        Name and value of each part without a hole.

    Examples
    --------
    >>> for name, shape in filled({"frames": (8, 24, 24, 1), "maps": ...}, ["frames", "maps"]):
    ...     expect_shape(name, shape, (8, 24, 24, 1))
    Traceback (most recent call last):
    NotYet: right so far; still to fill in: maps
    """
    names = list(names)
    keys = set(answer) if isinstance(answer, dict) else None
    expect(keys == set(names), f"give a dict with {', '.join(map(str, names))}")
    blank = [name for name in names if any(_holes(answer[name]))]
    for name in names:
        if name not in blank:
            yield name, answer[name]
    begun = "right so far; " if len(blank) < len(names) else ""
    expect(not blank, f"{begun}still to fill in: {', '.join(map(str, blank))}")


_EMPTY = (lambda: None).__code__  # its operations are also those of `def stub(...): pass`


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
        if result is None and getattr(answer, "__code__", _EMPTY).co_code[::2] != _EMPTY.co_code[::2]:
            raise NotYet("your function returns None: end it with `return` and the answer")
        if _blank(result):
            raise _NotAttempted
        return result

    return functools.update_wrapper(guarded, answer)


def _brief(error):
    """Type and first telling line; Keras puts the place first, and colours into its messages."""
    try:
        text = str(error)
    except Exception:  # a learner's own exception may not be able to
        text = ""
    text = re.sub(r"\x1b\[\d*m|^Exception encountered when calling.*$", "", text, flags=re.MULTILINE)
    lines = text.strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _shown(value):
    """A value as a message shows it: in one line, and short."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _numbers(value):
    """``value`` as an array of floats; None for what is no array of real numbers, such as text."""
    try:
        array = np.asarray(value)
        real = array.dtype.kind in "biufV" or all(isinstance(v, numbers.Real) for v in array.flat)
        return array.astype(float) if real else None
    except Exception:  # ragged lists, symbolic tensors
        return None


def _need_numbers(name, value):
    array = _numbers(value)
    if array is None:
        raise ValueError(f"{name} is {_shown(value)}, but must be a number or an array of numbers")
    return array


def _need_words(name, value):
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {_shown(value)}, but must be a few words")


def _holds(condition):
    if isinstance(condition, (list, tuple)):
        return len(condition) > 0 and all(map(_holds, condition))
    if isinstance(condition, (str, bytes)):
        raise TypeError("text is neither true nor false")
    if isinstance(condition, numbers.Number) or hasattr(condition, "__array__"):
        values = np.asarray(condition)
        return values.size > 0 and bool(np.all(values) and np.all(values == values))  # NaN is not true
    return bool(condition)


def expect(condition, reason):
    """Within a check: the answer is 'not yet' right, with this reason, unless the condition holds.

    Parameters
    ----------
    condition : bool, or array or list of bool
        All of it has to be true. What is empty, None or NaN is not.
    reason : str
        What the learner reads.

    Examples
    --------
    >>> expect(np.array([1, 2]) > 0, "both are above 0")
    """
    _need_words("reason", reason)
    try:
        holds = _holds(condition)
    except Exception:
        raise ValueError(
            f"condition is {_shown(condition)}, but must be True or False, or an array of them"
        ) from None
    if not holds:
        raise NotYet(reason)


def expect_shape(name, value, shape):
    """Within a check: ``value`` (an array, a tensor, or a tuple of sizes) has this shape; None is any size.

    Examples
    --------
    >>> expect_shape("frame features", np.zeros((32, 96)), (None, 96))
    """
    _need_words("name", name)
    sizes = isinstance(shape, (tuple, list))
    if not sizes or not all(s is None or isinstance(s, numbers.Integral) for s in shape):
        raise ValueError(f"shape is {_shown(shape)}, but must be a tuple of whole numbers or None")
    try:
        shaped = hasattr(value, "shape")
        plain = isinstance(value, tuple) and _is_shape(value)
        found = tuple(value.shape) if shaped else value if plain else np.shape(value)
    except Exception:  # a ragged list; a tensor whose number of axes is unknown
        raise NotYet(f"{name} is {_shown(value)}, which has no shape: give an array or a tensor") from None
    wrong = [axis for axis, (f, s) in enumerate(zip(found, shape)) if s is not None and f != s]
    if len(found) != len(shape):
        detail = f"that is {len(found)} axes instead of {len(shape)}"
    else:
        detail = "; ".join(f"axis {axis} is {found[axis]} instead of {shape[axis]}" for axis in wrong)
    if detail:
        free = " (None: any size)" if None in shape else ""
        raise NotYet(f"{name} has the shape {found}, but should have {tuple(shape)}{free}: {detail}")


def expect_close(name, value, expected, tolerance=1e-5):
    """Within a check: every number of ``value`` is at most ``tolerance`` away from ``expected``.

    Examples
    --------
    >>> expect_close("the mean", np.mean([1, 2]), 1.5)
    """
    expected, allowed = _need_numbers("expected", expected), _need_numbers("tolerance", tolerance)
    if allowed.shape or not 0 <= allowed < np.inf:
        raise ValueError(f"tolerance is {_shown(tolerance)}, but must be a number from 0 up")
    found = _numbers(value)
    if found is None:
        raise NotYet(f"{name} is {_shown(value)}, but should be numbers")
    expect_shape(name, found, expected.shape)
    if np.isnan(found).any():
        raise NotYet(f"{name} contains NaN (not a number)")
    difference = np.max(np.abs(found - expected), initial=0.0)
    if not difference <= tolerance:
        raise NotYet(f"{name} is off by {difference:.2g}; at most {tolerance:g} is allowed")


class ClaimFailed(AssertionError):
    """A sentence of the course is not true of the numbers at hand."""


def claim(sentence, value, *, above=None, below=None, equals=None, within=None, stored=False):
    """State something about a number, and fail with the number when it is not so.

    Parameters
    ----------
    sentence : str
        What the lesson says. Printed when it holds.
    value : number or array
        The evidence. Every number in an array has to satisfy the bounds.
    above, below, equals : number
        The bound; ``above`` and ``below`` exclude the bound itself.
    within : pair of numbers
        Lowest and highest value allowed, both included. Give one of the four.
    stored : bool
        True if all of the value comes from a table in data/results, False if it was computed in this run.

    Examples
    --------
    >>> claim("The hybrid names most digits", 0.91, above=0.87)
    Holds in your run: The hybrid names most digits
    >>> claim("So it does with five seeds", table.mean("hybrid", "digit"), above=0.87, stored=True)
    Holds in the stored table: So it does with five seeds
    """
    limits = {"above": above, "below": below, "equals": equals, "within": within}
    limits = {name: _need_numbers(name, limit) for name, limit in limits.items() if limit is not None}
    _need_words("sentence", sentence)
    if len(limits) != 1:
        raise ValueError("a claim needs one bound that can fail: above=, below=, equals= or within=")
    [(name, limit)] = limits.items()
    shape, words = ((2,), "two numbers (low, high)") if name == "within" else ((), "a number")
    if limit.shape != shape or not np.isfinite(limit).all() or np.any(np.diff(limit.ravel()) < 0):
        raise ValueError(f"{name} is {limit.tolist()}, but must be {words}")
    values = _need_numbers("value", value).ravel()
    room = {  # how far each value is from leaving its bound; below zero it has left it
        "above": lambda: values - limit,
        "below": lambda: limit - values,
        "equals": lambda: -np.abs(values - limit),
        "within": lambda: np.minimum(values - limit[0], limit[1] - values),
    }[name]()
    inside = room > 0 if name in ("above", "below") else room >= 0  # NaN is neither
    worst = float(values[np.argmin(np.nan_to_num(room, nan=-np.inf))]) if values.size else float("nan")
    if not values.size or not inside.all():
        raise ClaimFailed(f"{sentence}: the value is {worst:.6g}, but should be {name} {limit.tolist()}")
    print(f"Holds in {'the stored table' if stored else 'your run'}: {sentence}")


@contextlib.contextmanager
def expect_error(kind, match=None):
    """Show an error on purpose: print its type and first line instead of a traceback.

    Parameters
    ----------
    kind : type, or tuple of types
        The exceptions that are expected; others are raised as usual.
    match : str, optional
        A regular expression that the message has to contain.

    Examples
    --------
    >>> with expect_error(ValueError):
    ...     int("three")
    ValueError: invalid literal for int() with base 10: 'three'
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not kinds or not all(isinstance(k, type) and issubclass(k, BaseException) for k in kinds):
        raise ValueError(f"kind is {_shown(kind)}, but must be a type of exception, such as ValueError")
    try:
        pattern = re.compile("" if match is None else match)
    except (TypeError, re.error):
        raise ValueError(f"match is {_shown(match)}, but must be a regular expression") from None
    try:
        yield
    except kinds as error:
        if not pattern.search(str(error)):
            raise AssertionError(f"expected a message like {match!r}, but got {_brief(error)}") from error
        print(_brief(error))
    else:
        names = " or ".join(k.__name__ for k in kinds)
        raise AssertionError(f"expected {names}, but there was no error")


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
        if not ids:
            continue  # a page to read, such as the glossary
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
        saved = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark in front
        if all(status in SYMBOLS for status in saved["exercises"].values()):
            return saved["exercises"], ""
    except FileNotFoundError:
        return {}, ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
