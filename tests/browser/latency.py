"""Measure how long a lab takes from a key press to the changed picture, in a real browser.

python tests/browser/latency.py        # 30 presses on each control; median and 90th percentile in ms
"""

import re
import statistics
import tempfile
from pathlib import Path

from jupyter import Notebook, browser, server, write

FRESH = """
from course_utils.labs import assembly, base
turn = base.Lab.state.fset
def afresh(lab, state):
    assembly._survey.cache_clear()  # every press builds its model anew
    turn(lab, state)
base.Lab.state = base.Lab.state.setter(afresh)
"""
CELLS = [
    "from course_utils import check\ncheck.setup()\nfrom course_utils import labs",
    FRESH,
    "labs.ArchitectureLab('ours')",
]
SLIDE, PICK, TICK = ("ArrowRight", "ArrowLeft"), ("ArrowDown", "ArrowUp"), (" ", " ")
CONTROLS = {  # name -> (the card it is in, keys pressed in turn)
    "Frames": ("Clip", SLIDE),
    "Frame size": ("Clip", SLIDE),
    "Any number of frames": ("Clip", TICK),
    "Order": ("Compose", PICK),
    "Attention": ("Compose", TICK),
    "Filters of convolution 1": ("CNN", PICK),
    "Kernel of convolution 2": ("CNN", PICK),
    "Stride of convolution 3": ("CNN", PICK),
    "Max pool of convolution 1": ("CNN", PICK),
    "Padding of convolution 1": ("CNN", PICK),
    "Number of convolutions": ("CNN", PICK),
    "Joint": ("Joint", PICK),
    "Units": ("LSTM", SLIDE),
    "Layers": ("LSTM", PICK),
    "Both directions": ("LSTM", TICK),
    "Hands on": ("LSTM", PICK),
    "Dropout": ("Answer", PICK),
    "Task": ("Compose", PICK),
}
WATCH = """lab => {
    const place = lab.querySelector('.cl-picture');
    window.presses = [];
    let begun = 0;
    document.addEventListener('keydown', () => { begun = performance.now(); }, true);
    new MutationObserver(() => {
        if (!begun) return;
        const from = begun;
        begun = 0;
        requestAnimationFrame(() => window.presses.push(performance.now() - from));
    }).observe(place, {childList: true, subtree: true});
}"""


def measure(notebook, presses=30):
    lab = notebook.labs().first
    lab.locator(".cl-picture svg").first.wait_for()
    lab.evaluate(WATCH)
    results = {}
    for name, (card, keys) in CONTROLS.items():
        head = notebook.page.locator(".cl-head", has_text=re.compile(f"^{card} ?"))
        inside = lab.locator(".cl-group", has=head)
        control = inside.get_by_label(name, exact=True)
        control.focus()
        times = []
        for i in range(presses):
            control.press(keys[i % 2])
            notebook.page.wait_for_function(
                "seen => window.presses.length > seen", arg=len(times), timeout=5000
            )
            times = notebook.page.evaluate("window.presses")
        results[name] = times
        notebook.page.evaluate("window.presses = []")
    return results


def main():
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        folder = home / "lessons"
        folder.mkdir()
        write(folder / "latency.ipynb", CELLS)
        with server(folder, home) as (address, token), browser() as made:
            results = measure(Notebook(made, address, token, "latency.ipynb").run_all())
    every = [time for times in results.values() for time in times]
    print(f"{'control':28}{'median':>8}{'90 %':>8}  ms")
    for name, times in {**results, "all": every}.items():
        print(f"{name:28}{statistics.median(times):8.0f}{statistics.quantiles(times, n=10)[-1]:8.0f}")


if __name__ == "__main__":
    main()
