"""Measure how long a lab takes from a key press to the last picture that changes, in a real browser.

python tests/browser/latency.py        # 30 presses on each control; median and 90th percentile in ms
python tests/browser/latency.py kernel   # of another lab of `LABS`; shapes: with that view open
"""

import re
import statistics
import sys
import tempfile
from pathlib import Path

from jupyter import Notebook, browser, server, write

FRESH = """
from course_utils.labs.architecture import assembly
from course_utils.labs.core.lab import Lab
turn = Lab.state.fset
def afresh(lab, state):
    assembly._compose.cache_clear()  # every press builds its model anew
    turn(lab, state)
Lab.state = Lab.state.setter(afresh)
"""
SETUP = "from course_utils import check\ncheck.setup()\nfrom course_utils import labs\nimport numpy as np"
SLIDE, PICK, TICK = ("ArrowRight", "ArrowLeft"), ("ArrowDown", "ArrowUp"), (" ", " ")
ARCHITECTURE = {  # name of a control -> (the card it is in, keys pressed in turn)
    "Frames": ("Clip", SLIDE),
    "Height": ("Clip", SLIDE),
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
    "Returns": ("LSTM", PICK),
    "Dropout": ("Answer", PICK),
    "Task": ("Compose", PICK),
}
KERNEL = {
    "Output row": ("Image", SLIDE),
    "Kernel": ("Kernel", PICK),
    "Activation": ("Kernel", PICK),
    "Kernel size": ("Convolution", PICK),
    "Stride": ("Convolution", PICK),
    "Padding": ("Convolution", PICK),
    "Dilation": ("Convolution", PICK),
}
GATES = {
    "Sequence": ("Input", PICK),
    "Value here": ("Input", SLIDE),
    "Cell": ("LSTM", PICK),
    "Forget gate f": ("Clamp", PICK),
    "Input gate i": ("Clamp", PICK),
}
STATE = "from course_utils.labs.architecture.state import OURS\nstate = OURS.turn('attention', True)"
INSIDE = {
    "Frame": ("", SLIDE[::-1]),  # it begins at its end
    "Filter": ("Feature maps", SLIDE),
    "Row": ("Feature maps", SLIDE),
    "Channel": ("Feature maps", PICK),
    "Unit": ("Gates and memory of the LSTM", SLIDE),
}
SENTENCE = {
    "Examples": ("Sentence", PICK[::-1]),
    "Look into": ("Sentence", PICK),
    "Words read": (None, SLIDE[::-1]),
    "Filter": ("Filters that fire", PICK),
    "Switch off this filter": ("Filters that fire", TICK),
}
SMALL = "import small_labs"
TWO_HEADS = "lab = small_labs.{}()\nlab.controls['network'].index = 1\nlab"
ATTENTION = {
    "Score": ("Attention", PICK[::-1]),
    "Head": ("Attention", PICK),
    "Temperature": ("Attention", SLIDE),
    "Uniform weights: a plain average": ("Attention", TICK),
}
FORECAST = {
    "Network": ("Forecast", PICK),
    "Horizon": ("Forecast", SLIDE[::-1]),
    "Hour to come": ("Forecast", SLIDE),
    "Past window": ("Past", SLIDE[::-1]),
    "Hours ago": ("Past", SLIDE),
    "Its volume": ("Past", SLIDE),
    "Forecast origin": (None, SLIDE),
}
ROLLOUT = {
    "Digit": ("Clip", PICK),
    "Direction": ("Clip", PICK),
    "Speed": ("Clip", SLIDE),
    "Start row": ("Clip", SLIDE),
    "Walls": ("Clip", PICK),
    "A grey bar in front": ("Clip", TICK),
    "Network": ("Rollout", PICK),
    "Frames given": ("Rollout", SLIDE),
    "Frames to come": ("Rollout", SLIDE),
    "Shown": ("Memory", PICK),
    "Channel": ("Memory", SLIDE),
    "Recurrent kernel": ("Memory", PICK),
    "Edited in": ("Memory", PICK),
    "Frame looked at": (None, SLIDE),
}
FOLDER = {
    "Part": ("Clip", PICK),
    "Class": ("Clip", PICK),
    "Clip": ("Clip", SLIDE),
    "Frames": ("Reading", PICK),
    "Size": ("Reading", PICK),
    "Fit": ("Reading", PICK),
    "Channels": ("Reading", PICK),
    "Groups": ("Split", PICK[::-1]),
    "Seed": ("Split", SLIDE),
}
VOICE = {
    "Voice": ("Sound", PICK),
    "Noise": ("Sound", PICK),
    "SNR in dB": ("Sound", SLIDE),
    "Threshold": ("Answer", SLIDE),
    "Hold-over": ("Answer", SLIDE),
    "Emptied at": ("Memory", SLIDE),
}
LABS = {  # what is named on the command line -> (cells that show it, its controls)
    "architecture": ([FRESH, "labs.ArchitectureLab('ours')"], ARCHITECTURE),
    "shapes": (
        [FRESH, "labs.ArchitectureLab('ours', hide=('train', 'inside'), view='shapes')"],
        ARCHITECTURE,
    ),
    "kernel": (["labs.KernelLab({'noise': np.random.default_rng(0).random((32, 32))})"], KERNEL),
    "gates": (["labs.GateLab()"], GATES),
    "inside": ([f"import small_labs\n{STATE}\nsmall_labs.inside(state).view"], INSIDE),
    "sentence": ([SMALL, "lab = small_labs.sentence()\nlab.filter.value = 3\nlab"], SENTENCE),
    "frames": ([SMALL, TWO_HEADS.format("frames")], {**ATTENTION, "Clip": ("Clip", SLIDE)}),
    "places": ([SMALL, TWO_HEADS.format("places")], {**ATTENTION, "Row": ("Image", SLIDE)}),
    "rollout": ([SMALL, "lab = small_labs.rollout()\nlab.state = 'rol1;edit=centre'\nlab"], ROLLOUT),
    "folder": ([SMALL, "small_labs.folder()"], FOLDER),
    "voice": ([SMALL, "small_labs.voice()"], VOICE),
    "forecast": ([SMALL, "lab = small_labs.forecast()\nlab.state = 'for1;ago=5'\nlab"], FORECAST),
}
PICTURES = ".cl-picture, .ci-body .widget-html-content"
WATCH = """(lab, pictures) => {
    window.presses = [];
    let begun = 0;
    document.addEventListener('keydown', () => {
        begun = performance.now();
        window.presses.push(0);
    }, true);
    const seen = new MutationObserver(() => requestAnimationFrame(() => {
        if (window.presses.length) window.presses[window.presses.length - 1] = performance.now() - begun;
    }));
    const what = {childList: true, subtree: true};
    lab.querySelectorAll(pictures).forEach(picture => seen.observe(picture, what));
}"""


def measure(notebook, controls, presses=30):
    """Milliseconds from each press of a key to the last picture that it changes."""
    lab = notebook.labs().first
    lab.locator("[role=img]:visible").first.wait_for()
    lab.evaluate(WATCH, PICTURES)
    results = {}
    for name, (card, keys) in controls.items():
        head = notebook.page.locator(".cl-head", has_text=re.compile(f"^{card} ?"))
        inside = lab.locator(".cl-group", has=head) if card else lab
        control = inside.get_by_label(name, exact=True)
        control.focus()
        times = []
        for i in range(presses):
            control.press(keys[i % 2])
            notebook.page.wait_for_function("i => window.presses[i] > 0", arg=i, timeout=5000)
            notebook.settle()
            times = notebook.page.evaluate("window.presses")
        results[name] = times
        notebook.page.evaluate("window.presses = []")
    return results


def main(lab="architecture"):
    cells, controls = LABS[lab]
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        folder = home / "lessons"
        folder.mkdir()
        write(folder / "latency.ipynb", [SETUP, *cells])
        with server(folder, home) as (address, token), browser() as made:
            notebook = Notebook(made, address, token, "latency.ipynb").run_all()
            results = measure(notebook, controls)
    every = [time for times in results.values() for time in times]
    print(f"{'control':28}{'median':>8}{'90 %':>8}  ms")
    for name, times in {**results, "all": every}.items():
        print(f"{name:28}{statistics.median(times):8.0f}{statistics.quantiles(times, n=10)[-1]:8.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
