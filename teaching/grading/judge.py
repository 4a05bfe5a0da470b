"""Judges answers, each in a process of its own behind limits; runs in the course's own environment.

Reads jobs from its standard input, one JSON object a line, and writes one for each:

    given    the locked cells: the lesson's definitions and checks
    stub     the cell as it was handed out, which ends in a call such as check_shapes(shapes)
    answer   the cell as it was handed in
    wrong    code of wrong answers to this exercise, from tests/answers

What comes back has `share`, from 0 to 1, `said`, a line for student and teacher, and `seconds` of computing.
An answer that is data is written down by its process and judged in another one, which never runs the
student's code.
"""

import ast
import contextlib
import importlib
import json
import os
import re
import secrets
import select
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from course_utils import check
from teaching.grading import limits

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 2**20  # bytes that a process may report
WHOLE = {"check_counter"}  # checks whose parts are right only together: these answers earn all or nothing
TRIED = 3  # wrong answers with which a check is tried after a right one; some take seconds
SUSPECT = "LOOK AT THIS ANSWER: after it, the check takes wrong answers for right ones, too"


def main():
    """Serve jobs. Keras is loaded once; each answer begins with a copy of this process."""
    out = os.dup(1)
    os.dup2(2, 1)
    os.environ.update(MPLBACKEND="Agg", TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")
    with check._quiet():
        for module in ("keras", "tensorflow", "course_utils.datasets", "course_utils.plotting"):
            importlib.import_module(module)
    for line in sys.stdin:
        try:
            found = judge(json.loads(line))
        except RuntimeError as error:
            found = {"broken": str(error)}
        os.write(out, json.dumps(found).encode() + b"\n")


def judge(job):
    """The verdict on one answer; RuntimeError if that cannot be had here, whatever the answer."""
    if problem := limits.missing():
        raise RuntimeError(problem)
    job["check"], job["name"] = re.search(r"(\w+)\((\w+)\)\s*$", job["stub"]).groups()
    stub = ast.parse(job["stub"]).body
    if any(isinstance(node, ast.FunctionDef) and node.name == job["name"] for node in stub):
        return apart(judge_function, job)
    found = apart(write_down, job)
    if "data" not in found:
        return found
    verdict = apart(judge_data, job | {"data": found["data"]})
    return verdict | {"seconds": verdict["seconds"] + found["seconds"]}


# ------------------------------------------------------------------------------- in a process of its own


def write_down(job, names):
    """Run an answer that is data; nothing but the data leaves the process."""
    answer, trouble = run(job, names)
    try:
        return {"share": 0, "said": trouble} if answer is None else {"data": repr(plain(answer))}
    except TypeError as error:
        return {"share": 0, "said": f"not yet: {error}"}


def judge_data(job, names):
    """Judge data without running anything of the student's."""
    try:
        answer = ast.literal_eval(job["data"].replace("Ellipsis", "..."))  # which is how repr writes a blank
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {"share": 0, "said": "not yet: the answer is no plain data"}
    verdict = names[job["check"]](answer, record=False)
    if verdict.status == "correct":
        return {"share": 1, "said": "correct"}
    right, blanks = right_parts(job, names, answer)
    return {"share": len(right) / max(1, len(blanks)), "said": f"{verdict.status}: {verdict.reason}"}


def judge_function(job, names):
    """Judge a function beside the student's code; then see whether the check still knows wrong from right."""
    exercise = names[job["check"]]
    answer, trouble = run(job, names)
    if answer is None:
        return {"share": 0, "said": trouble}
    verdict = exercise(answer, record=False)
    if verdict.status != "correct":
        return {"share": 0, "said": f"{verdict.status}: {verdict.reason}"}
    wrong = []
    names["wrong"] = lambda number, reason: lambda answer: wrong.append((number, reason, answer))
    names["right"] = lambda number: id
    exec(compile(job["wrong"], "wrong answers", "exec"), names)
    mine = [(reason, answer) for number, reason, answer in wrong if number == exercise.id]
    for reason, answer in mine[:TRIED]:
        verdict = exercise(answer, record=False)
        if verdict.status != "not yet" or reason not in verdict.reason:
            return {"share": 0, "said": SUSPECT}
    return {"share": 1, "said": "correct"}


def run(job, names):
    """What the answer's cell gives, and what went wrong; among copied names, as the check uses these."""
    names, trouble = dict(names), "not attempted"
    names.pop(job["name"], None)
    try:
        exec(compile(job["answer"], "answer", "exec"), names)
    except BaseException as error:  # sys.exit() too
        trouble = f"not yet: your code raised {traceback.format_exception_only(error)[-1].strip()[:200]}"
    return names.get(job["name"]), trouble


def right_parts(job, names, answer):
    """The blanks of an answer that are filled in rightly, and all of them."""
    names = dict(names)
    with contextlib.suppress(Exception):
        exec(compile(job["stub"], "stub", "exec"), names)
    empty = names.get(job["name"])
    if job["check"] in WHOLE or not isinstance(empty, (dict, tuple)) or type(answer) is not type(empty):
        return [], []
    if isinstance(empty, tuple):
        blanks = [place for place, value in enumerate(empty) if value is ...]
        alone = [(*empty[:n], *answer[n : n + 1], *empty[n + 1 :]) for n in blanks]
    else:
        blanks = [key for key, value in empty.items() if value is ...]
        alone = [empty | {key: answer.get(key, ...)} for key in blanks]
    said = [names[job["check"]](part, record=False).reason for part in alone]
    return [blank for blank, reason in zip(blanks, said) if reason.startswith("right so far")], blanks


def plain(value):
    """The same data in Python's own types, which have no code of the student's."""
    if isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        kind = next(kind for kind in (list, tuple, set) if isinstance(value, kind))
        return kind(plain(part) for part in value)
    for kind in (bool, int, float, complex, str, bytes):
        if isinstance(value, kind):
            return kind(value)
    if value is None or value is ...:
        return value
    if hasattr(value, "__array__"):
        return plain(value.__array__().tolist())
    raise TypeError(f"a {type(value).__name__} is no plain data: give numbers, text, tuples, lists or dicts")


# ----------------------------------------------------------------------------------------- around it


def apart(work, job):
    """Let `work` judge in a copy of this process, behind limits, and stop it when it reaches one."""
    token = secrets.token_hex()  # tells the report from whatever else an answer may write
    with tempfile.TemporaryDirectory(prefix="answer-", ignore_cleanup_errors=True) as folder:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                report(work, job, folder, writing, token)
            finally:
                os._exit(1)
        os.close(writing)
        try:
            text, trouble = watch(reading, folder)
        finally:
            os.kill(child, signal.SIGKILL)  # does not change how it ended, if it has ended already
            _, status, usage = os.wait4(child, 0)
            os.close(reading)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        trouble = f"stopped after {limits.SECONDS} seconds"
    seconds = usage.ru_utime + usage.ru_stime
    try:
        found = json.loads(text.rpartition(token.encode())[2] if token.encode() in text else b"")
        if "broken" in found:
            raise RuntimeError(f"The lesson's own cells do not run here: {found['broken']}")
        if "data" in found:
            return {"data": str(found["data"]), "seconds": seconds}
        share, said = min(1, max(0, float(found["share"]))), " ".join(str(found["said"]).split())[:300]
    except (ValueError, TypeError, KeyError):
        ended = "its process ended without a verdict, perhaps for want of memory"
        share, said = 0, trouble or ended
    return {"share": share, "said": said, "seconds": seconds}


def report(work, job, folder, writing, token):
    """In the copy: take on the limits, run the lesson's cells, then the work; write down what it finds."""
    home = Path(folder, "home")
    home.mkdir()
    os.chdir(home)
    output = os.open(Path(folder, "output.txt"), os.O_WRONLY | os.O_CREAT)
    for target, stream in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2), (writing, 3)):
        os.dup2(target, stream)
    os.closerange(4, 1024)
    places = dict.fromkeys(["TMPDIR", "MPLCONFIGDIR", "KERAS_HOME"], folder)
    os.environ |= places | {"HOME": str(home), "COURSE_PROGRESS": str(home / "progress.json")}
    tempfile.tempdir = None
    names = {"__name__": "__main__", "display": print}
    try:
        limits.impose(folder, [sys.prefix, sys.base_prefix, ROOT / "course_utils", ROOT / "data"])
        for source in job["given"]:
            exec(compile(source, "given", "exec"), names)
    except Exception:
        found = {"broken": traceback.format_exc()[-1000:]}
    else:
        found = work(job, names)
    os.write(3, (token + json.dumps(found)).encode())
    os._exit(0)


def watch(reading, folder):
    """What the process reports until it ends or reaches a limit, and which limit that was."""
    text, end = b"", time.monotonic() + limits.PATIENCE
    while time.monotonic() < end:
        if select.select([reading], [], [], 0.5)[0]:
            piece = os.read(reading, 2**16)
            text += piece
            if not piece:
                return text, ""
            if len(text) > LONGEST:
                return b"", "not yet: the answer is too long"
        elif size(folder) > limits.DISK:
            return text, f"stopped: it wrote more than {limits.DISK // 2**20} MB"
    return text, f"stopped after waiting for {limits.PATIENCE} seconds"


def size(folder):
    """The bytes below a folder; a small file counts as a block."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += max(4096, os.lstat(os.path.join(inside, name)).st_size)
    return total


if __name__ == "__main__":
    main()
