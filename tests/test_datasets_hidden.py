"""Hidden digits: where and when they show, that nothing else betrays them, and what bad input is told."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score
from test_datasets import SMALL, keep_the_promises_of_clips, splits

from course_utils.datasets import SPLITS, hidden_digit, moving_digits
from course_utils.datasets.clips import _digits, _resize

# Of train, validation, test and epoch 3: the digits and their places; the weighted sum of all pixels.
DIGESTS = ["b6764805a5b4", "69cffd8d898e", "42d600149c41", "5324531962de"]
PIXELS = [-177.679, 56.618, 5.140, -104.865]
POOLS = {"train": slice(100, 500), "validation": slice(50, 100), "test": slice(0, 50)}

options = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(8, 28)).flatmap(
    lambda some: st.fixed_dictionaries(
        {
            "digits": st.just(some[0]),
            "visible": st.just(some[1]),
            "frames": st.integers(some[0] * some[1], 9),
            "size": st.just(some[2]),
            "digit_size": st.integers(4, some[2]),
            "clutter": st.integers(0, 6),
            "clips": st.tuples(st.integers(1, 95), st.integers(1, 95), st.integers(1, 95)),
            "seed": st.integers(0, 2**32 - 1),
        }
    )
)


def crops(split, clip, times, size):
    """What the given frames of a clip show where the digit is said to be."""
    for time in times:
        row, column = (split.centre[clip, time] - (size - 1) / 2).astype(int)
        yield split.x[clip, time, row : row + size, column : column + size, 0]


@given(options=options)
@settings(max_examples=25, deadline=None)
def test_hidden_digits_keep_their_promises_under_any_options(options):
    data = hidden_digit(**options)
    names = ("digit",) if options["digits"] == 1 else ("first", "second")
    for split, count in zip(splits(data), options["clips"], strict=True):
        keep_the_promises_of_clips(split, count, options["frames"], options["size"])
        assert 0 <= split.x.min() <= split.x.max() <= 1
        assert tuple(split.y) == names == tuple(data.class_names)
        if len(names) == 2:
            assert np.all(split.y["first"] != split.y["second"])
        assert split.shown.shape == (count, options["frames"])
        assert np.all(split.shown.sum(axis=1) == options["digits"] * options["visible"])
        half = (options["digit_size"] - 1) / 2
        places = split.centre[split.shown]
        assert places.min() >= half
        assert places.max() <= options["size"] - 1 - half
        assert np.isnan(split.centre[~split.shown]).all()


@pytest.mark.parametrize("digits", [1, 2])
def test_digits_are_where_and_when_they_are_said_to_be_and_nowhere_else(digits):
    data = hidden_digit(digits=digits, clutter=0, clips=SMALL)
    known = [{image.tobytes() for image in images} for images in _resize(_digits(), 16)]
    for split in splits(data):
        assert not split.x[~split.shown].any()
        for clip in range(40):
            shows = np.flatnonzero(split.shown[clip]).reshape(digits, 3)
            for number, times in zip(split.y.values(), shows):  # the first label is that of what shows first
                assert np.array_equal(times, times[0] + np.arange(3)), "in frames that follow each other"
                for time, seen in zip(times, crops(split, clip, times, 16), strict=True):
                    assert split.x[clip, time].sum() == pytest.approx(seen.sum()), "nothing is beside it"
                    assert seen.tobytes() in known[number[clip]], "it is of the class that the label says"


@pytest.fixture(scope="module")
def unseen():
    return hidden_digit().test


def test_the_frames_that_show_a_digit_differ(unseen):
    brightest = unseen.x.max(axis=(2, 3, 4))
    for clip, light, shown in zip(unseen.x, brightest, unseen.shown, strict=True):
        frames = {frame.tobytes() for frame in clip[shown]}
        assert len(frames) == 3
        assert np.ptp(light[shown]) > 0
    moved = np.ptp(unseen.centre[unseen.shown].reshape(-1, 3, 2), axis=1)
    assert (moved.max(axis=1) > 0).mean() > 0.95, "it shows in another place"


def test_each_frame_shows_the_digit_in_another_handwriting():
    train = hidden_digit(clutter=0, clips=SMALL).train
    written = [
        {seen.tobytes() for seen in crops(train, clip, np.flatnonzero(train.shown[clip]), 16)}
        for clip in range(160)
    ]
    assert np.mean([len(each) == 3 for each in written]) > 0.9


def test_a_single_digit_alone_is_what_lessons_01_and_03_were_written_for():
    data = hidden_digit(visible=1, frames=1, clutter=0)
    parts = [*splits(data), data.recompose(3)]
    chosen = [
        part.y["digit"].astype("int64").tobytes() + part.centre.astype("float64").tobytes() for part in parts
    ]
    assert [hashlib.sha256(each).hexdigest()[:12] for each in chosen] == DIGESTS
    # The last bits of a pixel depend on the processor.
    shares = [np.cos(np.arange(part.x.size)) @ part.x.ravel() for part in parts]
    np.testing.assert_allclose(shares, PIXELS, atol=0.01)


def test_a_digit_shows_at_any_time_and_at_any_place():
    train = hidden_digit(clips=(2400, 1, 1)).train
    begins = np.bincount(train.shown.argmax(axis=1), minlength=10)
    assert begins.shape == (10,)
    assert begins.min() > 0.75 * begins.mean()
    places = train.centre[train.shown]
    for axis in (0, 1):
        assert set(places[:, axis]) == set(np.arange(7.5, 16))


def test_all_frames_of_two_digits_are_used_and_either_may_come_early():
    train = hidden_digit(digits=2, clips=(2400, 1, 1)).train
    often = train.shown.mean(axis=0)
    assert often.min() > 0.1
    np.testing.assert_allclose(often, often[::-1], atol=0.05)


def likeness_to_a_neighbour(x):
    """The higher correlation of a frame with the one before or after it, one of them moved as fits best."""
    x = x - x.mean(axis=(2, 3), keepdims=True)
    waves = np.fft.fft2(x, s=(48, 48))
    together = np.fft.ifft2(waves[:, 1:] * waves[:, :-1].conj()).real.max(axis=(2, 3))
    length = np.sqrt((x**2).sum(axis=(2, 3)))
    alike = together / (length[:, 1:] * length[:, :-1])
    return np.maximum(np.pad(alike, ((0, 0), (0, 1))), np.pad(alike, ((0, 0), (1, 0))))


def largest_piece(x):
    """Pixels of the largest connected piece of each frame."""
    frames = (label(frame > 0.1, np.ones((3, 3)))[0] for frame in x.reshape(-1, 24, 24))
    return np.reshape([np.bincount(frame.ravel())[1:].max() for frame in frames], x.shape[:2])


CUES = {
    "ink": (lambda x: x.sum(axis=(2, 3)), 0.05),
    "lit pixels": (lambda x: (x > 0.1).sum(axis=(2, 3)), 0.1),
    "brightest pixel": (lambda x: x.max(axis=(2, 3)), 0.05),
    "brightness where lit": (lambda x: x.sum(axis=(2, 3)) / (x > 0.1).sum(axis=(2, 3)), 0.05),
    "like its neighbour": (likeness_to_a_neighbour, 0.37),
    "largest piece": (largest_piece, 0.32),
}


@pytest.mark.parametrize(("cue", "most"), CUES.values(), ids=CUES)
def test_no_single_cue_is_enough_to_find_the_digit(unseen, cue, most):
    assert abs(roc_auc_score(unseen.shown.ravel(), cue(unseen.x[..., 0]).ravel()) - 0.5) < most


def test_clutter_is_new_in_every_frame():
    train = hidden_digit(clips=SMALL).train
    for clip, shown in zip(train.x, train.shown, strict=True):
        frames = [frame.tobytes() for frame in clip[~shown]]
        assert len(set(frames)) == len(frames) == 9


@pytest.mark.parametrize("name", SPLITS)
def test_clutter_is_cut_from_digits_of_its_own_split(name):
    split = getattr(hidden_digit(visible=1, frames=2, size=16, clutter=1, clips=(60, 60, 60)), name)
    pool = _resize(_digits(), 16)[:, POOLS[name]].reshape(-1, 16, 16)
    windows = np.lib.stride_tricks.sliding_window_view(pool, (8, 8), axis=(1, 2))
    known = windows.reshape(-1, 64)[windows.reshape(-1, 64).any(axis=1)]
    known = known / np.linalg.norm(known, axis=1, keepdims=True)  # whatever the brightness of a frame
    for frame in split.x[~split.shown][..., 0]:
        places = np.lib.stride_tricks.sliding_window_view(frame, (8, 8)).reshape(-1, 64)
        whole = places[np.isclose(places.sum(axis=1), frame.sum(), atol=1e-4)]
        assert (known @ (whole / np.linalg.norm(whole, axis=1, keepdims=True)).T).max() > 0.99999


def test_other_clips_have_no_hidden_digit():
    assert moving_digits(clips=SMALL).test.shown is None
