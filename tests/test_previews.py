"""The pictures that stand in for the labs where no kernel runs: each is named and drawn as its lab is now."""

import functools
import hashlib
from urllib.parse import unquote_plus

import numpy as np
import pytest
import small_labs
from PIL import Image

from course_utils import datasets, labs
from course_utils.datasets.own.cache import About
from course_utils.datasets.own.clips import Clips, checked_how
from course_utils.labs.attention import pictures as attention_pictures
from course_utils.labs.attention.network import attend
from course_utils.labs.core.lab import PREVIEWS
from course_utils.labs.folder import pictures as folder_pictures
from course_utils.labs.folder.reading import Division
from course_utils.labs.forecast import pictures as forecast_pictures
from course_utils.labs.forecast.network import Forecast
from course_utils.labs.gates import pictures as gates_pictures
from course_utils.labs.gates.lstm import UnitAtStep
from course_utils.labs.kernel import pictures as kernel_pictures
from course_utils.labs.kernel.lab import state_class
from course_utils.labs.rollout import pictures as rollout_pictures
from course_utils.labs.rollout.network import Rollout
from course_utils.labs.sentence import pictures as sentence_pictures
from course_utils.labs.sentence.models import WINDOW, Look, Word, visible
from course_utils.labs.voice import pictures as voice_pictures
from course_utils.labs.voice.reading import Heard, Scene, lasts


def sentence_fingerprint(state):
    """Changes when a sentence lab of this state would be drawn otherwise, whatever its models answer."""
    parts = dict(part.split("=") for part in state.split(";")[1:])
    words = tuple(Word(w, w, True) for w in visible(unquote_plus(parts["text"])).split()[:WINDOW])
    read = min(int(parts.get("read", WINDOW)), len(words))
    values = np.arange(read * 8).reshape(read, 8) * 7 % 11 / 4.0
    weights = np.array([2, -1, 0.5, -0.25, 1, -2, 0.125, 0])
    look = Look(values, 3, weights, 0.25, 1, (2,), "one way")
    after = np.arange(3 * (len(words) + 1)).reshape(3, -1) % 9 / 8
    kinds = ((), ("cnn",), ("lstm", "cnn"))
    seen = sentence_pictures.Seen(words, read, 0, ("A", "B", "C"), kinds, 2, after, look)
    drawn = (sentence_pictures.answers, sentence_pictures.after_each_word)
    drawn += (sentence_pictures.sentence, sentence_pictures.ledger)
    return hashlib.sha256(f"{state} {''.join(draw(seen) for draw in drawn)}".encode()).hexdigest()[:16]


def fingerprint(state, drawn):
    return hashlib.sha256("".join((state, *drawn)).encode()).hexdigest()[:16]


# Labs of trained networks are drawn from invented numbers: those of training differ between machines.


def attention_fingerprint(state):
    steps, answer = 16, np.array([0.7, 0.2, 0.1])
    scores = np.stack([np.arange(steps), np.arange(steps)[::-1]], 1) / 4
    visible = np.arange(steps) != 3
    common = {
        "name": "sample", "where": "sample 1", "weights": attend(scores, 1.0, visible), "visible": visible,
        "before": answer, "after": answer[::-1], "classes": ("a", "b", "c"), "truth": 0, "head": 0,
        "temperature": 1.0, "uniform": False, "images": ("",) * steps, "hidden": (3,),
    }  # fmt: skip
    sample = attention_pictures.Frames(**common, read=14, shown=np.arange(steps) % 4 == 0)
    if "scene=places" in state:
        sample = attention_pictures.Places(**common, shape=(32, 32), place=(20, 9))
    return fingerprint(state, attention_pictures.draw(sample))


def folder_fingerprint(state):
    at = np.arange(12)
    names = [f"{'ab'[n % 2]}/p{n // 3}, {n}" for n in at]
    abouts = {name: About(name, 5 + n % 4, [(40, 30)], ["a note"] * (n == 3)) for n, name in enumerate(names)}
    clips = Clips(None, checked_how(8, None, (16, 24), "pad", 1), None, {}, abouts, {"a/p9": "it is empty"})
    groups = np.array([f"p{n // 3}" for n in at])
    division = Division(clips, ("a", "b"), at % 2, groups, at // 4, "", ())
    images = (np.arange(5 * 16 * 24) * 7 % 256).astype("uint8").reshape(5, 16, 24, 1)
    sample = folder_pictures.Seen(division, 2, images, (3, 4), "train", "sample")
    tables = folder_pictures.table(sample), folder_pictures.left_out(sample)
    return fingerprint(state, (*folder_pictures.draw(sample), *tables))


def forecast_fingerprint(state):
    volume, truth = (1 + np.arange(count) % 24 / 6 for count in (168, 24))
    answer = truth[:, None] + np.array([-0.5, 0.25, 0.75])
    weights = (1 + np.arange(24 * 48) % 7).reshape(24, 48) / 192
    start = np.datetime64("2018-07-09T15")
    times = {"window": 144, "horizon": 20, "hour": 5, "ago": 30}
    sample = Forecast("sample", start, volume, truth, answer, answer + 0.5, weights, **times, clamp=0.5)
    return fingerprint(state, forecast_pictures.draw(sample))


def rollout_fingerprint(state):
    frames = (np.arange(9 * 64) * 7 % 11 / 10).reshape(9, 8, 8)
    made, states = frames[1:] * 0.75, frames - 0.5
    words = {
        "name": "sample",
        "scene": "scene",
        "held": "hidden state, channel 2",
        "edit": "only the centre tap",
    }
    more = {"given": 4, "step": 6, "wrap": False, "hidden": slice(1, 3), "digits": 2, "ahead": True}
    sample = Rollout(
        truth=frames,
        single=made,
        free=made / 2,
        trained=made / 4,
        states=states,
        mixes=False,
        **words,
        **more,
    )
    taps = rollout_pictures.taps(states[:, :, :3].transpose(1, 2, 0), "as trained")
    return fingerprint(state, (*rollout_pictures.draw(sample), taps))


def gate_fingerprint(state):
    weights = tuple(np.linspace(-1, 1, n).reshape(shape) for n, shape in ((8, (1, 8)), (16, (2, 8)), (8, 8)))
    x = np.round(np.sin(np.arange(12)), 2)
    sample = UnitAtStep("sample", "sample", weights, x, {"f": 1.0}, 1, 7, "f")
    return fingerprint(state, gates_pictures.draw(sample))


def kernel_fingerprint(state):
    image = (np.arange(120.0) % 11 / 10).reshape(10, 12)
    plain = np.arange(-60.0, 60.0).reshape(10, 12) / 10
    layer = {"padding": "same", "dilation": 2, "activation": "relu", "bias": 0.5, "row": 1, "column": 3}
    settings = state_class({"sample": ("sample", image)})
    settings = settings(kernel="own", own=tuple(np.arange(-4.0, 5.0) / 4), **layer)
    sample = kernel_pictures.FeatureMap(settings, "sample", image, plain)
    pictures = ("input_picture", "output_picture", "arithmetic", "costs")
    return fingerprint(state, (getattr(kernel_pictures, picture)(sample) for picture in pictures))


def voice_fingerprint(state):
    count = lasts(datasets.recordings("test")[0])  # pauses that change length change the picture, too
    wave = np.sin(np.arange(count * 512) / 9) * np.linspace(0, 1, count * 512)
    answers, hidden = np.linspace(0, 1, count), np.sin(np.arange(4.0 * count)).reshape(count, 4)
    there = Scene(wave.astype("float32"), np.arange(count) > 8, (3, 6))
    others = {"energy": (answers[::-1], 0.3, answers[::-1] > 0.3)}
    sample = Heard(there, "sample", answers, 0.5, answers > 0.5, hidden, (0, 1, 2, 3), 4, 2, others)
    return fingerprint(state, voice_pictures.draw(sample))


FINGERPRINTS = {  # kind of lab -> from a state string, what its picture looks like
    "architecture": lambda state: labs.ArchitectureLab(state).fingerprint(),
    "attention": attention_fingerprint,
    "folder": folder_fingerprint,
    "forecast": forecast_fingerprint,
    "gate": gate_fingerprint,
    "kernel": kernel_fingerprint,
    "rollout": rollout_fingerprint,
    "sentence": sentence_fingerprint,
    "voice": voice_fingerprint,
}


@functools.cache
def controls(kind):
    """The labels of the controls that a lab shows, in their order."""
    lab = small_labs.LABS["frames" if kind == "attention" else kind]()
    return tuple(getattr(widget, "description", "") for widget in small_labs.visible(lab.view))


def look(kind, state):
    """Changes when the lab of a preview would be drawn otherwise, or has other controls."""
    return fingerprint(FINGERPRINTS[kind](state), controls(kind))


FILES = sorted(PREVIEWS.glob("*.png"))


def test_there_are_previews():
    assert {file.stem.split("-")[0] for file in FILES} == FINGERPRINTS.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_preview_is_stale(file):
    told, kind = Image.open(file).text, file.stem.split("-")[0]
    name = hashlib.sha256(f"{told['state']} {told['hidden']}".encode()).hexdigest()[:8]
    assert file.stem == f"{kind}-{name}"
    assert told["picture"] == look(kind, told["state"]), "make it anew: tests/browser/screenshots.py"
    assert file.stat().st_size < 200_000


@pytest.mark.parametrize(
    ("kind", "pictures", "size"),
    [
        ("attention", attention_pictures, "WEIGHT_HEIGHT"),
        ("folder", folder_pictures, "BARS"),
        ("forecast", forecast_pictures, "PAST"),
        ("gate", gates_pictures, "GAP"),
        ("kernel", kernel_pictures, "SIDE"),
        ("rollout", rollout_pictures, "CHART"),
        ("voice", voice_pictures, "CURVE"),
    ],
)
def test_a_fingerprint_changes_with_the_state_and_with_the_drawing(kind, pictures, size, monkeypatch):
    before = FINGERPRINTS[kind]("a state")
    assert before != FINGERPRINTS[kind]("another state")
    monkeypatch.setattr(pictures, size, 60)
    assert before != FINGERPRINTS[kind]("a state")
