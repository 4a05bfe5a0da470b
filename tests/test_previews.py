"""The pictures that stand in for the labs where no kernel runs: each is named and drawn as its lab is now."""

import hashlib

import pytest
from PIL import Image

from course_utils import labs
from course_utils.labs.attention import pictures as attention_pictures
from course_utils.labs.core.lab import PREVIEWS
from course_utils.labs.gates import pictures as gates_pictures
from course_utils.labs.kernel import pictures as kernel_pictures
from course_utils.labs.sentence import lab as sentence

FINGERPRINTS = {  # kind of lab -> from a state string, what its picture looks like
    "architecture": lambda state: labs.ArchitectureLab(state).fingerprint(),
    "attention": attention_pictures.fingerprint,
    "gate": gates_pictures.fingerprint,
    "kernel": kernel_pictures.fingerprint,
    "sentence": lambda state: sentence.fingerprint(sentence.SentenceState.parse(state)),
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
