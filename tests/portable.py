"""Whether the lessons hold on other processors: run by `make portable`, before a release.

Each processor adds up in its own order; that alters the last digits, and training makes more of them.
One machine can compute as several others do, by settings of its libraries. Under each setting every
lesson runs strictly: it must print what is stored. Under moved seeds of the weights, its claims must hold.
"""

import argparse
import concurrent.futures
import json
import re
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import strict  # noqa: E402

import course  # noqa: E402

KEPT = ROOT / ".portable"  # what was found, and the reports; a run that was stopped goes on from there
SETTINGS = {
    "AVX2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",
    },
    "no oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "1 thread": {"COURSE_THREADS": "1"},
    "4 threads": {"COURSE_THREADS": "4"},
}
SHIFTS = (11, 12)
FEATURES = """
import json
from numpy._core._multiarray_umath import __cpu_features__
print(json.dumps(__cpu_features__))
"""


def seeds(text):
    """The shifts that `1-10` or `11,12` name."""
    found = set()
    for part in text.split(","):
        bounds = re.fullmatch(r"\s*([0-9]+)(?:-([0-9]+))?\s*", part)
        low, high = (int(bounds[1]), int(bounds[2] or bounds[1])) if bounds else (1, 0)
        if not 0 < low <= high <= 999:
            raise argparse.ArgumentTypeError(f"{text!r} names no seeds from 1 to 999; write 1-10 or 11,12")
        found.update(range(low, high + 1))
    return sorted(found)


def refused(variables):
    """Why NumPy will not compute as the variables ask, or None; a name it does not know changes nothing."""
    asked = variables.get("NPY_DISABLE_CPU_FEATURES")
    if not asked:
        return None
    features = json.loads(course.answer([course.PYTHON, "-c", FEATURES], **variables))
    wrong = [name for name in asked.split(",") if features.get(name, True)]
    return f"NumPy does not turn off {', '.join(wrong)} on this processor" if wrong else None


def key(lesson, variables):
    """Names one run: a lesson, what it was built from, the packages, the setting."""
    built = course.read(lesson)["metadata"].get("build")
    return json.dumps([lesson.stem, built, course.stamp(), sorted(variables.items())])


def table(names, columns, found):
    """Rows of lessons, columns of settings: ok, FAILED or not run, with the seconds each took."""
    wide = max(map(len, names))
    lines = [" " * wide + "".join(f"  {column:>12}" for column in columns)]
    for name in names:
        words = []
        for column in columns:
            run = found.get((name, column))
            words.append(f"{'ok' if run['ok'] else 'FAILED'} {run['seconds']:4} s" if run else "not run")
        lines.append(f"{name:{wide}}" + "".join(f"  {word:>12}" for word in words))
    return "\n".join(lines)


def failures(report):
    """The lines of a report of nbval that name a cell, an error, or a difference."""
    telling = r"Cell \d+: |[\w.]*(Error|ClaimFailed)\b|<<<|>>>|[-+] |.*mismatch"
    plain = re.sub(r"\x1b\[[\d;]*m", "", report)
    return "\n".join(line for line in plain.splitlines() if re.match(telling, line))


def main(arguments=None):
    """Run what is asked for and print the table; return the number of runs that failed."""
    parser = argparse.ArgumentParser(prog="python course.py portable", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=seeds, default=SHIFTS, help="shifts of the seeds, such as 1-10")
    parser.add_argument("--lesson", action="append", default=[], help="a lesson, such as 03; default: all")
    options = parser.parse_args(arguments)
    lessons = [course.find_lesson(name) for name in options.lesson] or course.lessons_to_run()
    columns = SETTINGS | {f"seeds + {shift}": {"COURSE_SEED_SHIFT": str(shift)} for shift in options.seeds}
    reasons = {column: reason for column in columns if (reason := refused(columns[column]))}

    KEPT.mkdir(exist_ok=True)
    journal = KEPT / "found.json"
    kept = json.loads(journal.read_text(encoding="utf-8")) if journal.exists() else {}
    found, turn, started = {}, threading.Lock(), time.time()

    def check(column, lesson):
        variables, name = columns[column], key(lesson, columns[column])
        if not kept.get(name, {}).get("ok"):  # a run that failed is tried again
            claims_only = "COURSE_SEED_SHIFT" in variables
            run = strict.check_notebook(lesson, claims_only, **variables)
            path = KEPT / f"{lesson.stem} {column}.txt"
            path.write_text(run.report, encoding="utf-8")
            with turn:
                kept[name] = {"ok": run.ok, "seconds": round(run.seconds)}
                journal.write_text(json.dumps(kept, indent=1), encoding="utf-8")
                report = f"FAILED, report in {path.relative_to(ROOT)}\n{failures(run.report)}"
                verdict = "ok" if run.ok else report
                print(f"  {lesson.stem:24} {column:12} {run.seconds:4.0f} s  {verdict}", flush=True)
        found[lesson.stem, column] = kept[name]

    todo = [(column, lesson) for column in columns if column not in reasons for lesson in lessons]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(check, *zip(*todo)))
    print("\n" + table([lesson.stem for lesson in lessons], list(columns), found))
    for column, reason in reasons.items():
        print(f"{column} was not run: {reason}.")
    print(f"{time.time() - started:.0f} s. What was ok before was not run again.")
    return sum(not run["ok"] for run in found.values()) + len(reasons)


if __name__ == "__main__":
    sys.exit(main())
