"""Walk at random over every lab, far longer than a test may take: no change may raise or leave a lab wrecked.

python tests/soak.py                          # 500 walks a lab in Python, 40 with a mouse, about 45 minutes
python tests/soak.py --walks 3000             # before a release
python tests/soak.py --walks 1 --seed 17      # one walk again
python tests/soak.py --installs 50            # interrupted installs too
"""

import argparse
import math
import multiprocessing
import os
import random
import re
import secrets
import sys
import time
import traceback
import xml.etree.ElementTree as ET
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS.parent), str(TESTS), str(TESTS / "browser")]

import ipywidgets as widgets  # noqa: E402
import small_labs  # noqa: E402

STEPS = 20
TRAINS = ("▶ Start", "▶ Resume", "One epoch")  # what they start outlasts a walk
ODD_TEXTS = (
    "", " ", "nonsense", ";;;", "lab2", "lab2;", "ker1;size=4", "gat1;step=0", "sen2;text=", "for1;hour=25",
    "rol1;step=19", "att1;scene=places", "lab2;clip=f0.s0", "ker1;own=1,2,3", "=" * 999, "'\"\\\n\t", "1e999",
    "🎬 好看 <b>film</b> & \u202e\x00", "not a good film " * 400, "\ud800",
)  # fmt: skip
ALONE = {
    "kernel": [["picture"], ["output"]],
    "gate": [["picture", "below"]],
    "forecast": [["picture", "below"]],
}
ODD_NUMBERS = (0, -1, 1, 10**9, -(10**9), float("nan"), float("inf"), 1e-300)


# ------------------------------------------------------------------------------------ in Python


def usable(lab):
    """What a learner could work: everything with a value, and buttons, as far as shown and enabled."""
    return [
        one
        for one in small_labs.visible(lab.view)
        if not getattr(one, "disabled", True) and one.description not in TRAINS
    ]


def spoiled(text, rng):
    """A state string with something changed, cut off or doubled."""
    at = rng.randrange(len(text) + 1)
    return rng.choice(
        (text[:at], text[at:], text[:at] + rng.choice("0;=.,x-9%+") + text[at:], text + ";" + text, text * 2)
    )


def change(lab, rng):
    """One change of a kind that a learner could make; returns what it was, and what makes it."""
    state = getattr(lab, "state", None)
    if state is not None and rng.random() < 0.15:
        odd = rng.choice((*ODD_TEXTS, None, 5, [], spoiled(str(state), rng), state))
        return f"lab.state = {odd!r}", lambda: assign(lab, odd)
    one = rng.choice(usable(lab))
    what = f"{type(one).__name__} {getattr(one, 'description', '')!r}"
    if isinstance(one, widgets.Button):
        # `click()` would catch what a callback raises, and only log it.
        return f"{what} clicked", lambda: [told(one) for told in one._click_handlers.callbacks]
    if isinstance(one, widgets.Text):
        value = rng.choice((*ODD_TEXTS, spoiled(str(state), rng), str(state)))
    elif isinstance(one, widgets.Checkbox):
        value = not one.value
    elif hasattr(one, "options"):
        value = rng.choice([each[1] if isinstance(each, tuple) else each for each in one.options])
    elif isinstance(one, widgets.FloatText):
        value = rng.choice((*ODD_NUMBERS, rng.uniform(-12, 12)))
    elif isinstance(one, widgets.FloatSlider):
        value = rng.uniform(one.min, one.max)
    else:
        value = rng.choice((one.min, one.max, rng.randint(one.min, one.max), 10**9, -(10**9)))
    return f"{what} = {value!r}", lambda: setattr(one, "value", value)


def assign(lab, odd):
    """What is no state is refused in words, and changes nothing."""
    before = lab.state
    try:
        lab.state = odd
    except (TypeError, ValueError) as problem:
        if len(str(problem)) < 20 or lab.state != before:
            raise


def check(lab, twin):
    """Whatever was done: what is shown is sound, and is what another lab shows in the same state."""
    drawn = [one.value for one in small_labs.visible(lab.view) if isinstance(one, widgets.HTML)]
    for svg in re.findall(r"<svg.*?</svg>", "".join(drawn), re.S):
        ET.fromstring(svg)
    words = small_labs.pictures(lab)
    shown = " ".join(words).replace("Input((None, ", "Input((")  # any number of frames, in Keras's own code
    assert not re.search(r"\b(nan|inf|None)\b", shown), words
    assert "cannot be shown" not in "".join(drawn)
    if twin is not None:
        for path, control in lab.controls.items():
            if control.layout.display != "none":
                assert near(control.value, lab.state.get(path)), path
        written = str(lab.state)
        assert str(lab.state_class.parse(written)) == written
        assert lab.copy_state.text == written
        assert lab.line.value == written or "Not a state" in lab.message.value, lab.line.value
        twin.state = written
        assert words[:1] == small_labs.pictures(twin)[:1], written


def near(shown, value):
    """Whether a control shows a value; a slider tells 0.30000000000000004."""
    return shown == value or (isinstance(value, float) and math.isclose(shown, value, abs_tol=1e-9))


def check_words(name, lab, told):
    """No two pictures of a kernel or of gates look different and say the same."""
    for parts in ALONE.get(name, ()):
        drawn = "".join(getattr(lab, part).value for part in parts)
        words = tuple(re.findall('aria-label="(.*?)"', drawn))
        assert told.setdefault(words, drawn) == drawn, words


def walk(name, seed, steps=STEPS):
    """One walk over a lab; returns what went wrong, or None."""
    rng, done, told = random.Random(f"{name} {seed}"), [], {}
    try:
        lab, twin = fresh(name)
        for _ in range(steps):
            what, make = change(lab, rng)
            done.append(what)
            make()
            check(lab, twin)
            check_words(name, lab, told)
    except Exception:
        return f"{name}, seed {seed}, step {len(done)}: {' | '.join(done)[-2000:]}\n{traceback.format_exc()}"
    return None


def fresh(name):
    """A lab, and another one to compare it with."""
    if name == "inside":
        return small_labs.inside(), None
    return small_labs.LABS[name](), TWINS.setdefault(name, small_labs.LABS[name]())


TWINS = {}


def walks(name, seeds):
    """All walks over one lab: how many failed, and what there is to tell."""
    started = time.monotonic()
    told = [problem for seed in seeds if (problem := walk(name, seed))]
    failed, took = len(told), time.monotonic() - started
    told.append(f"{name:13} {len(seeds):5} walks of {STEPS} changes, {failed} failed, {took:.0f} s")
    return failed, told


def all_walks(seeds):
    """The walks over every lab, two labs at a time; returns how many failed."""
    failures = 0
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for failed, told in pool.map(walks, [*small_labs.LABS, "inside"], repeat(seeds)):
            print("\n".join(told), flush=True)
            failures += failed
    return failures


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--walks", type=int, default=500, help="walks a lab in Python (500)")
    parser.add_argument("--mouse", type=int, default=40, help="walks with a mouse (40)")
    parser.add_argument("--installs", type=int, default=0, help="interrupted installs (0)")
    parser.add_argument("--seed", type=int, help="of the first walk; the next has the next number")
    options = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    print(f"The first walk has seed {seed}: --seed {seed} --walks 1 --mouse 0 walks it again.", flush=True)
    failed = all_walks(range(seed, seed + options.walks)) if options.walks else 0
    if options.mouse:
        import mouse_walks

        failed += mouse_walks.walks(range(seed, seed + options.mouse))
    if options.installs:
        import interrupted_installs

        failed += interrupted_installs.main(options.installs, seed)
    print(f"{failed} failures.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
