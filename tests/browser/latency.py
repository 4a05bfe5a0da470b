"""Measure how long a lab takes from a key press to the changed picture, in a real browser.

python tests/browser/latency.py        # 30 presses on each control; median and 90th percentile in ms
"""

import statistics
import tempfile
from pathlib import Path

import nbformat
from jupyter import Notebook, browser, server

CELLS = [
    "from course_utils import check\ncheck.setup()\nfrom course_utils import labs",
    "from course_utils.labs import video\nvideo._bare = video._bare.__wrapped__  # builds each model anew",
    "labs.ArchitectureLab('ours')",
]
CONTROLS = {  # name -> (how to find it, keys pressed in turn)
    "Frames": ('.cl-group:has-text("Clip") [role="slider"] >> nth=0', ("ArrowRight", "ArrowLeft")),
    "Frame size": ('.cl-group:has-text("Clip") [role="slider"] >> nth=1', ("ArrowRight", "ArrowLeft")),
    "Filters of convolution 1": (None, ("ArrowDown", "ArrowUp")),
    "Kernel of convolution 2": (None, ("ArrowDown", "ArrowUp")),
    "Stride of convolution 3": (None, ("ArrowDown", "ArrowUp")),
    "Number of convolutions": (None, ("ArrowDown", "ArrowUp")),
    "Joint": (None, ("ArrowDown", "ArrowUp")),
    "LSTM units": ('.cl-group:has-text("reads them in order") [role="slider"]', ("ArrowRight", "ArrowLeft")),
    "Both directions": (None, (" ", " ")),
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
    lab.locator(".cl-picture svg").wait_for()
    lab.evaluate(WATCH)
    results = {}
    for name, (where, keys) in CONTROLS.items():
        control = lab.locator(where) if where else lab.get_by_label(name, exact=True)
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
        cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "latency.ipynb")
        with server(folder, home) as (address, token), browser() as made:
            results = measure(Notebook(made, address, token, "latency.ipynb").run_all())
    every = [time for times in results.values() for time in times]
    print(f"{'control':28}{'median':>8}{'90 %':>8}  ms")
    for name, times in {**results, "all": every}.items():
        print(f"{name:28}{statistics.median(times):8.0f}{statistics.quantiles(times, n=10)[-1]:8.0f}")


if __name__ == "__main__":
    main()
