"""Walks with a mouse and keys at random over all labs of one notebook: a part of `make soak`."""

import random
import tempfile
import time
import traceback
from pathlib import Path

import small_labs
from jupyter import Notebook, browser, server, write

CELL = "import small_labs\nlab = small_labs.{}\nlab{}"
SHOWN = {
    **{name: CELL.format(f"LABS[{name!r}]()", "") for name in small_labs.LABS},
    "architecture": CELL.format("LABS['architecture'](hide=('train',))", ""),  # no training is started
    "inside": CELL.format("inside()", ".view"),
}
KEYS = (
    "Tab", "Shift+Tab", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "Enter",
    " ", "Escape", "Backspace", "Delete", "0", "1", "d", "m", "x", "-", ".",
)  # fmt: skip
STEPS = 30


def walk(notebook, number, seed):
    """Move, click, drag, turn the wheel and press keys at random over a lab; returns what went wrong."""
    rng, page, done = random.Random(f"mouse {seed}"), notebook.page, []
    lab, cells = notebook.labs().nth(number), page.locator(".jp-Notebook .jp-CodeCell")
    count = cells.count()

    def spot(beyond=0):
        """Somewhere on the part of the lab that can be seen: below the last one, a click adds a cell."""
        box = lab.bounding_box()
        top, bottom = max(box["y"], 60), min(box["y"] + box["height"], 990)
        if bottom - top < 100:
            lab.evaluate("lab => lab.scrollIntoView({block: 'start'})")
            return spot(beyond)
        return rng.uniform(box["x"] - beyond, box["x"] + box["width"] + beyond), rng.uniform(top, bottom)

    try:
        for _ in range(STEPS):
            kind = rng.choice(("move", "click", "click", "double", "drag", "wheel", "key", "key", "key"))
            done.append(kind)
            if kind == "key":
                done[-1] = key = rng.choice(KEYS)
                if page.evaluate("Boolean(document.activeElement.closest('.course-lab'))"):
                    page.keyboard.press(key)
                continue
            x, y = spot()
            page.mouse.move(x, y, steps=3)
            if kind in ("click", "double"):
                page.mouse.click(x, y, click_count=1 + (kind == "double"))
            elif kind == "drag":
                page.mouse.down()
                page.mouse.move(*spot(60), steps=6)
                page.mouse.up()
            elif kind == "wheel":
                page.mouse.wheel(0, rng.choice((-300, 300)))
        page.keyboard.press("Escape")
        notebook.settle(60)
        problems = notebook.new_problems()
        assert not problems, "\n".join(problems)
        assert cells.count() == count, "a key in a lab has changed the notebook's cells"
    except Exception:
        return f"mouse in lab {number}, seed {seed}: {' '.join(done)}\n{traceback.format_exc()}"
    return None


def walks(seeds):
    """Walks with a mouse over all labs in turn; returns how many failed."""
    started, failed = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "lessons"
        folder.mkdir()
        write(folder / "soak.ipynb", list(SHOWN.values()))
        with server(folder, Path(home)) as (address, token), browser() as chromium:
            notebook = Notebook(chromium, address, token, "soak.ipynb").run_all()
            for seed in seeds:
                if problem := walk(notebook, seed % len(SHOWN), seed):
                    print(problem, flush=True)
                    failed += 1
    took = time.monotonic() - started
    told = f"{'mouse':13} {len(seeds):5} walks of {STEPS} moves, {failed} failed, {took:.0f} s"
    print(told, flush=True)
    return failed
