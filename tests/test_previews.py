"""The pictures that stand in for the labs where no kernel runs: each is named and drawn as its lab is now."""

import hashlib
from urllib.parse import unquote_plus

import numpy as np
import pytest
from PIL import Image

from course_utils import labs
from course_utils.labs.attention import pictures as attention_pictures
from course_utils.labs.core.lab import PREVIEWS
from course_utils.labs.gates import pictures as gates_pictures
from course_utils.labs.kernel import pictures as kernel_pictures
from course_utils.labs.sentence import pictures as sentence_pictures
from course_utils.labs.sentence.models import WINDOW, Look, Word, visible


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


FINGERPRINTS = {  # kind of lab -> from a state string, what its picture looks like
    "architecture": lambda state: labs.ArchitectureLab(state).fingerprint(),
    "attention": attention_pictures.fingerprint,
    "gate": gates_pictures.fingerprint,
    "kernel": kernel_pictures.fingerprint,
    "sentence": sentence_fingerprint,
}
FILES = sorted(PREVIEWS.glob("*.png"))


def test_there_are_previews():
    assert {file.stem.split("-")[0] for file in FILES} == FINGERPRINTS.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_preview_is_stale(file):
    told, kind = Image.open(file).text, file.stem.split("-")[0]
    look = hashlib.sha256(f"{told['state']} {told['hidden']}".encode()).hexdigest()[:8]
    assert file.stem == f"{kind}-{look}"
    assert told["picture"] == FINGERPRINTS[kind](told["state"]), "make it anew: tests/browser/screenshots.py"
    assert file.stat().st_size < 200_000
