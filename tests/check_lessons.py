"""`make check`: whether each lesson runs, prints what is stored, and says what is true. For instructors.

Prints a table, and writes the same, with every cell that failed, to check.html: a page that needs no network.
"""

import argparse
import concurrent.futures
import html
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import strict  # noqa: E402

import course  # noqa: E402

ADVICE = {
    "runs": "Open the lesson with `python course.py edit` and run it up to this cell. If you have changed "
    "nothing, packages may be damaged: remove the folder .venv, and run this command again.",
    "outputs match": "If the lesson was changed on purpose, build it: `python course.py notebooks {number}`. "
    "If nothing was changed, your processor adds up in another order: please report it, with this page.",
    "claims hold": "The text of the lesson states this, and in this run it was not so. Whether that hangs on "
    "the seed, `python course.py check {number} --seeds 5` tells. Until it is corrected, tell your class.",
    "exercises sound": "A solution is refused, or a stub that nobody has filled in is judged. Leave this "
    "exercise out, or bring back the lesson that you were given: `git checkout {lesson}`.",
}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #8888; }
.number { text-align: right; }
td { white-space: nowrap; }
.no { font-weight: bold; }
.no::before { content: "✗ "; }
.yes::before { content: "✓ "; }
pre { padding: .6rem; overflow-x: auto; border: 1px solid #8888; white-space: pre-wrap; }
.both { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
img { max-width: 100%; background: white; }
"""
WORDS = {True: "yes", False: "NO", None: "?"}


def in_terminal(runs, seeds):
    """The table of all lessons as lines of text."""
    wide = max(len(run.lesson) for run in runs)
    heads = [*strict.QUESTIONS, "seconds", "memory"] + [f"{len(seeds)} seeds"] * bool(seeds)
    lines = ["  ".join([" " * wide, *heads])]
    for run in runs:
        words = [*map(WORDS.get, run.answers().values()), f"{run.seconds:.0f}", f"{run.gigabytes:.1f} GB"]
        words += [told_of_seeds(run.lesson, seeds)] * bool(seeds)
        padded = [f"{word:>{len(head)}}" for word, head in zip(words, heads)]
        lines.append("  ".join([f"{run.lesson:{wide}}", *padded]))
    return "\n".join(lines)


def told_of_seeds(lesson, seeds):
    """In how many of the runs with other seeds a lesson held: "5 of 5"."""
    held = [runs[lesson].ok for runs in seeds.values()]
    return f"{sum(held)} of {len(held)}"


def fragile(seeds):
    """Sentences on the cells that failed with other seeds: which, with how many, and how."""
    failed = {}
    for shift, runs in seeds.items():
        for run in runs.values():
            for cell in run.failures[:1]:  # later ones may only follow from it
                failed.setdefault((run.lesson, cell["number"]), []).append((shift, last_line(cell)))
    for (lesson, number), found in sorted(failed.items()):
        shifts = ", ".join(f"+ {shift}" for shift, _ in found)
        yield f"{lesson}, cell {number}, with seeds {shifts} ({len(found)} of {len(seeds)}): {found[0][1]}"


def last_line(cell):
    """What an error says of itself, or in what outputs differ."""
    lines = [line.strip() for line in plain(cell["error"]).splitlines() if line.strip()]
    return (lines[0] if cell["differs"] else lines[-1]) if lines else cell["why"]


def advice(run, cell):
    text = ADVICE[strict.asked(cell)]
    return text.format(number=run.lesson[:2], lesson=f"notebooks/{run.lesson}.ipynb")


def told_of_failures(run):
    """The cells of a lesson that failed, up to one that broke: source, what differs, what to do."""
    parts = []
    for number, cell in enumerate(run.failures, 1):
        parts += [f"{run.lesson}, cell {cell['number']}: {cell['why']}", indented(cell["source"])]
        parts += [indented(plain(cell["error"]), 40), advice(run, cell), ""]
        later = len(run.failures) - number
        if strict.asked(cell) == "runs" and later:
            parts.append(f"After it, {later} more cells failed, which may only follow from it.\n")
            break
    return "\n".join(parts)


def indented(text, lines=12):
    """The first lines of a text, moved in."""
    every = text.strip("\n").splitlines()
    kept = every[:lines] + [f"... ({len(every) - lines} more lines)"] * (len(every) > lines)
    return "\n".join(f"    {line}" for line in kept)


# ------------------------------------------------------------------------------------------------- the page


def as_html(outputs):
    """Outputs of a cell: pictures as pictures, everything else as text."""
    parts = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            png = "".join(data["image/png"]).replace("\n", "")
            parts.append(f'<img alt="the picture that the cell draws" src="data:image/png;base64,{png}">')
        text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", []))
        parts.append(f"<pre>{html.escape(plain(''.join(text)))}</pre>" if text else "")
    return "\n".join(parts) or "<p>nothing</p>"


def plain(text):
    """A text without the escape sequences that colour a terminal."""
    return strict.ESCAPES.sub("", text)


def page(runs, seeds, when):
    """The report as one page that needs no other file."""
    heads = ["lesson", *strict.QUESTIONS, "seconds", "memory"] + [f"{len(seeds)} other seeds"] * bool(seeds)
    rows = []
    for run in runs:
        words = [WORDS[held].lower() for held in run.answers().values()]
        answers = [f'<td class="{word}">{word}</td>' for word in words]
        name = f'<a href="#{run.lesson}">{run.lesson}</a>' if run.failures else run.lesson
        numbers = [f"{run.seconds:.0f}", f"{run.gigabytes:.1f} GB"]
        numbers += [told_of_seeds(run.lesson, seeds)] * bool(seeds)
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(answers)}{cells}</tr>')
    failed = [run for run in runs if run.failures]
    held = f"Lessons that fail: {len(failed)} of {len(runs)}"
    kinds = ["", *[""] * len(strict.QUESTIONS), *["number"] * 3]
    head = "".join(f'<th scope="col" class="{kind}">{each}</th>' for kind, each in zip(kinds, heads))
    sentences = "".join(f"<li>{html.escape(each)}</li>" for each in fragile(seeds))
    shaky = f"<h2>What hangs on the seed</h2><ul>{sentences}</ul>" if sentences else ""
    sections = "".join(section(run) for run in failed)
    return f"""<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{held}</title><style>{STYLE}</style>
<h1>{held}</h1><p>CNN meets LSTM, version {course.version()}, checked on {when}.</p>
<div class="wide" tabindex="0" role="region" aria-label="all lessons">
<table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>
</div>
{shaky}{sections}
</html>
"""


def section(run):
    """Every cell of a lesson that failed: its source, what is stored, what was found, what to do."""
    parts = [f'<h2 id="{run.lesson}">{run.lesson}</h2>']
    for number, cell in enumerate(run.failures):
        what = html.escape(f"Cell {cell['number']}: {cell['why']}")
        parts.append(f"<details {'open' if number == 0 else ''}><summary>{what}</summary>")
        do = re.sub(r"`(.+?)`", r"<code>\1</code>", html.escape(advice(run, cell)))
        parts.append(f"<p>{do}</p><pre>{html.escape(cell['source'])}</pre>")
        both = {"Expected": cell["stored"], "Found": cell["found"]}
        sides = "".join(f"<div><h3>{head}</h3>{as_html(outputs)}</div>" for head, outputs in both.items())
        parts.append(f'<div class="both">{sides}</div>')
        parts.append(f"<pre>{html.escape(plain(cell['error']))}</pre></details>")
    return "".join(parts)


# ---------------------------------------------------------------------------------------------- the command


def with_seeds(paths, count):
    """Run the claims of lessons with other seeds: shift -> lesson -> Run."""
    jobs = [(path, shift) for shift in range(1, count + 1) for path in paths]
    found = {shift: {} for shift in range(1, count + 1)}

    def run_one(job):
        path, shift = job
        run = strict.check_notebook(path, claims_only=True, COURSE_SEED_SHIFT=str(shift))
        state = "ok" if run.ok else "FAILED"
        print(f"  {run.lesson:32} {state:6} {run.seconds:4.0f} s  seeds + {shift}", flush=True)
        return shift, run

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for shift, run in pool.map(run_one, jobs):
            found[shift][run.lesson] = run
    return found


def main(arguments=None):
    """Check what is asked for, print the table, write the page; returns how many lessons do not hold."""
    parser = argparse.ArgumentParser(prog="python course.py check", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="lesson", help="such as 04; default: all")
    more = "try the claims with N other seeds, too"
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help=more)
    options = parser.parse_args(arguments)
    if not 0 <= options.seeds <= 99:
        parser.error(f"--seeds {options.seeds}: from 1 to 99, such as 5")
    paths = [course.find_lesson(name) for name in options.lessons] or course.lessons_to_run()
    print(f"Running {len(paths)} lesson{'s' * (len(paths) > 1)}, two at a time", flush=True)
    runs = strict.check_notebooks(paths)
    seeds = with_seeds(paths, options.seeds)
    failed = [run for run in runs if run.failures]
    for run in failed:
        print(f"\n{told_of_failures(run)}")
    print(f"\n{in_terminal(runs, seeds)}")
    print(*[f"\n{sentence}" for sentence in fragile(seeds)], sep="")
    report = course.ROOT / "check.html"
    report.write_text(page(runs, seeds, time.strftime("%Y-%m-%d %H:%M")), encoding="utf-8")
    print(f"\nThe same as a page, with all cells that failed: {report.name}")
    shaky = {run.lesson for runs in seeds.values() for run in runs.values() if not run.ok}
    return len(shaky.union(run.lesson for run in failed))


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
