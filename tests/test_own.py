"""Data of one's own: what is read, how it is divided, and that nothing broken harms the rest."""

import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.datasets import from_folder
from course_utils.datasets.own.decoder import Unreadable, in_order, moments, shown_at
from course_utils.datasets.own.decoding import Decoder
from course_utils.datasets.own.splitting import by_group

HOW = {"frames": 8, "rate": None, "height": 16, "width": 24, "fit": "pad", "channels": 1}


def parts_of(data):
    return data.train, data.validation, data.test


def image(column, top=10, height=30, width=40):
    picture = np.zeros((height, width), "uint8")
    picture[top:20, column : column + 4] = 255
    return Image.fromarray(picture)


@pytest.fixture
def moves(tmp_path):
    """Two classes of clips, six people each, two takes of each: a bar goes left, or right."""
    root = tmp_path / "my clips é 数"
    for name in ("left", "right"):
        for person in range(6):
            for take in (1, 2):
                folder = root / name / f"p{person} take {take}"
                folder.mkdir(parents=True)
                for t in range(9 + take):
                    image(36 - 3 * t if name == "left" else 3 * t, 2 * person).save(folder / f"frame {t}.png")
    return root


def test_frames_are_read_in_the_order_of_their_numbers(moves):
    data = from_folder(moves, "frames", frames=11, size=(30, 40))
    for split in parts_of(data):
        for clip, label, length in zip(split.x, split.y["class"], split.lengths, strict=True):
            where = clip[:length, 15, :, 0].argmax(axis=1)
            right = data.class_names["class"][label] == "right"
            assert where.tolist() == [3 * t if right else 36 - 3 * t for t in range(length)]
            assert not clip[length:].any()


def test_people_are_not_divided_and_every_class_is_in_every_part(moves):
    data = from_folder(moves, "frames", frames=4, size=(16, 24), groups=r"/(p\d)")
    splits = parts_of(data)
    assert all(set(split.y["class"]) == {0, 1} for split in splits)
    assert sum(map(len, splits)) == 24
    again = from_folder(moves, "frames", frames=4, size=(16, 24), groups=r"/(p\d)")
    np.testing.assert_array_equal(again.test.x, data.test.x)


@pytest.mark.parametrize("groups", [None, r"/(p\d)"])
def test_each_clip_tells_its_name_and_its_group(moves, groups):
    data = from_folder(moves, "frames", frames=11, size=(30, 40), groups=groups)
    names = []
    for split in parts_of(data):
        assert split.names.shape == split.groups.shape == (len(split),)
        for clip, label, length, name, group in zip(
            split.x, split.y["class"], split.lengths, split.names, split.groups, strict=True
        ):
            kind, person, take = re.fullmatch(r"(left|right)/p(\d) take (\d)", name).groups()
            assert kind == data.class_names["class"][label]
            assert length == 9 + int(take)
            assert clip[0].any(axis=(1, 2)).argmax() == 2 * int(person)  # each person's bar has a height
            assert group == (f"p{person}" if groups else name)
        names += split.names.tolist()
    assert sorted(names) == sorted(f"{clip.parent.name}/{clip.name}" for clip in moves.glob("[lr]*/*"))


def test_people_whose_names_are_written_differently_are_one_group(moves):
    for name in ("left", "right"):
        for written, plain in zip(("JÖRG", "Jo\u0308rg", "jörg", "Eva", "EVA", "eva"), range(6), strict=True):
            for take in (1, 2):
                folder = moves / name / f"p{plain} take {take}"
                folder.rename(folder.with_name(f"{written} {plain} take {take}"))
        for take in range(4):
            folder = moves / name / f"Bob {take}"
            folder.mkdir()
            image(30 if name == "left" else 5, take).save(folder / "0.png")
    data = from_folder(moves, "frames", frames=4, size=(16, 24), groups=r"/([^\W\d_]+)")
    assert data.card["split"].startswith("3 groups, such as bob, eva, jörg; train left ")
    (moves / "Left" / "x").mkdir(parents=True)
    image(3).save(moves / "Left" / "x" / "0.png")
    with pytest.raises(ValueError, match="the classes 'Left' and 'left' differ in case"):
        from_folder(moves, "frames", frames=4, size=(16, 24))


def test_a_few_clips_are_enough(tmp_path):
    for name, shade in (("dark", 0), ("light", 100)):
        for n in range(3):
            (tmp_path / name / str(n)).mkdir(parents=True)
            Image.new("L", (16, 16), shade + 9 * n).save(tmp_path / name / str(n) / "0.png")
            (tmp_path / name / str(n) / "notes.txt").write_text("no image, and passed over")
    data = from_folder(tmp_path, "frames", frames=1, size=(16, 16))
    assert [len(split) for split in parts_of(data)] == [2, 2, 2]
    assert data.card["skipped"] == "nothing"


@pytest.mark.parametrize("seed", range(20))
def test_a_group_is_in_one_part_only(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 30, 200)
    labels = rng.integers(0, 3, 200)
    part = by_group(labels.astype(str), groups, seed)
    assert all(len(set(part[groups == group])) == 1 for group in set(groups))
    assert all(set(labels[part == number]) == set(labels) for number in range(3))


def test_copies_of_a_clip_stay_in_one_part(moves):
    for person in range(6):
        for take in (1, 2):
            shutil.copytree(
                moves / "left" / f"p{person} take {take}", moves / "left" / f"copy of p{person} take {take}"
            )
    data = from_folder(moves, "frames", frames=10, size=(30, 40))
    shown = [{clip.tobytes() for clip in split.x} for split in parts_of(data)]
    assert sum(map(len, parts_of(data))) == 36
    assert sum(map(len, shown)) == 24
    owner = {name: group for split in parts_of(data) for name, group in zip(split.names, split.groups)}
    assert owner["left/p3 take 2"] == owner["left/copy of p3 take 2"] == "left/copy of p3 take 2"
    shutil.copytree(moves / "left" / "p0 take 1", moves / "right" / "p9 take 1")
    data = from_folder(moves, "frames", frames=10, size=(30, 40))
    assert sum(map(len, parts_of(data))) == 34
    assert data.card["skipped"].startswith("3 of 37: left/copy of p0 take 1, left/p0 take 1: it shows")


def test_a_spoilt_cache_is_made_again(moves):
    fresh = from_folder(moves, "frames", frames=4, size=(16, 24))
    want = np.array(fresh.train.x)
    for n, file in enumerate(sorted((moves / ".clips").rglob("*.np*"))):
        file.write_bytes(file.read_bytes()[: (0, 50, 100)[n % 3]])
    np.testing.assert_array_equal(from_folder(moves, "frames", frames=4, size=(16, 24)).train.x, want)


def test_what_cannot_be_read_is_told_and_the_rest_kept(moves):
    (moves / "left" / "p0 take 1" / "frame 3.png").write_bytes(b"nonsense")
    (moves / "right" / "p1 take 1").joinpath("frame 2.png").unlink()
    (moves / "left" / "empty").mkdir()
    (moves / "up").mkdir()
    (moves / "notes.txt").write_text("about this folder")
    (moves / "right" / ".DS_Store").write_text("hidden")
    data = from_folder(moves, "frames", frames=4, size=(16, 24))
    assert sum(map(len, parts_of(data))) == 23
    for told in (
        "up: it is empty, so there is no such class",
        "notes.txt: it lies beside",
        "its frame frame 3.png cannot be read",
        "left/empty: it has no frames",
    ):
        assert told in data.card["skipped"]
    assert ".DS_Store" not in data.card["skipped"]


def test_what_was_read_is_read_again_after_a_change_only(moves, monkeypatch):
    asked = []
    read = Decoder.read
    monkeypatch.setattr(
        Decoder, "read", lambda self, clip, **how: asked.append(Path(clip).name) or read(self, clip, **how)
    )
    from_folder(moves, "frames", frames=4, size=(16, 24))
    assert len(asked) == 24
    asked.clear()
    image(0).save(moves / "left" / "p0 take 1" / "frame 99.png")
    from_folder(moves, "frames", frames=4, size=(16, 24))
    assert asked == ["p0 take 1"]


def test_a_broken_image_never_ends_or_holds_up_the_kernel(tmp_path):
    """Random corruption of a good file: read as a clip of the right shape, or told."""
    rng, said = random.Random(0), []
    image(5).save(tmp_path / "good.png")
    good = (tmp_path / "good.png").read_bytes()
    clip = tmp_path / "clip"
    clip.mkdir()
    with Decoder(seconds=20, memory=2**31) as decoder:
        for _ in range(100):
            bad = bytearray(good)[: rng.randrange(1, len(good) + 1)]
            for _ in range(rng.choice((0, 1, 5, 50))):
                bad[rng.randrange(len(bad))] = rng.randrange(256)
            (clip / "0.png").write_bytes(bytes(bad))
            try:
                shape = decoder.read(clip, **HOW)[0].shape
            except Unreadable as problem:
                said.append(str(problem))
            else:
                assert shape == (1, 16, 24, 1)
    assert len(said) > 50
    assert all("0.png cannot be read" in problem for problem in said)


def test_a_decoder_that_takes_too_long_is_stopped_and_the_next_file_read(moves):
    with Decoder(seconds=0.01, memory=2**31) as decoder:
        with pytest.raises(Unreadable, match="longer than"):
            decoder.read(moves / "left" / "p0 take 1", **HOW)
        decoder.seconds = 20
        assert len(decoder.read(moves / "left" / "p0 take 1", **HOW)[0]) == 8


def test_an_image_is_never_squeezed(tmp_path):
    clip = tmp_path / "wide"
    clip.mkdir()
    Image.new("L", (80, 20), 255).save(clip / "0.png")
    with Decoder(20, 2**31) as decoder:
        padded = decoder.read(clip, **HOW | {"height": 20, "width": 20})[0][0, ..., 0]
        cropped = decoder.read(clip, **HOW | {"height": 20, "width": 20, "fit": "crop"})[0][0, ..., 0]
    assert padded[:7].max() == padded[-7:].max() == 0
    assert padded[8:12].min() == 255
    assert cropped.min() == 255


def test_moments_are_even_in_time_however_uneven_the_frames():
    def places(times, frames, rate):
        times = np.array(times)
        return list(shown_at(moments(times, frames, rate), zip(times, range(len(times)), strict=True)))

    assert places([0, 1, 2, 3, 4, 5, 6, 7, 8], 5, None) == [0, 2, 4, 6, 8]
    assert places([0, 0.1, 0.2, 0.3, 1.0, 2.0], 3, None) == [0, 4, 5]
    assert places([10, 10.5, 11, 11.5, 12], 99, 1) == [0, 2, 4]
    assert sorted(["10", "2", "1a", "1"], key=in_order) == ["1", "1a", "2", "10"]


# ------------------------------------------------------------------------------------------------------ texts


def table(path, rows):
    path.write_text("\n".join(["body,mood,author", *rows]), encoding="utf-8-sig")
    return path


def test_equal_words_and_equal_authors_stay_in_one_part(tmp_path):
    # text n has the same words as n + 40 and n + 80, and its author wrote text n + 20, too
    rows = [f'"day {n % 40}{"!" * (n // 40)}",{("calm", "angry")[n % 2]},a{n % 20}' for n in range(120)]
    data = from_folder(
        table(tmp_path / "letters.csv", rows), "text", text="body", label="mood", groups="author"
    )
    numbers = [{int(text.rstrip("!").split()[1]) % 20 for text in split.x} for split in parts_of(data)]
    assert sum(map(len, numbers)) == 20
    assert sum(map(len, parts_of(data))) == 120


def test_texts_that_cannot_be_used_are_told(tmp_path):
    rows = [f'"text {n}",{("calm", "angry")[n % 2]},a{n}' for n in range(20)]
    bad = ["short,calm", '"",calm,a1', '"TEXT  1",calm,a9']
    data = from_folder(table(tmp_path / "letters.csv", rows + bad), "text", text="body", label="mood")
    assert sum(map(len, parts_of(data))) == 19
    for told in (
        "line 22: it has 2 cells",
        "line 23: text, label or group is empty",
        "its text has several labels",
    ):
        assert told in data.card["skipped"]
    folder = tmp_path / "folder"
    for name in ("calm", "angry"):
        (folder / name).mkdir(parents=True)
        for n in range(5):
            (folder / name / f"{n}.txt").write_text(f"{name} {n}", encoding="utf-8")
    (folder / "calm" / "old.txt").write_bytes("schön".encode("latin-1"))
    data = from_folder(folder, "text")
    assert sum(map(len, parts_of(data))) == 10
    assert "calm/old.txt: byte 4 is not UTF-8" in data.card["skipped"]
    with pytest.raises(
        ValueError, match=r"text='text' is no column of letters.csv, which has body, mood, author"
    ):
        from_folder(tmp_path / "letters.csv", "text")


# ----------------------------------------------------------------------------------------------------- series


@pytest.fixture
def meter(tmp_path):
    times = np.arange("2026-01-01", "2026-03-01", dtype="datetime64[h]")
    rows = [f"{time},{n},{n % 7}" for n, time in enumerate(times)]
    del rows[300:310]
    random.Random(0).shuffle(rows)
    (tmp_path / "meter.csv").write_text("\n".join(["hour,kWh,day", *rows, rows[0], "yesterday,1,2"]))
    return tmp_path / "meter.csv"


def test_windows_keep_to_their_time_and_reach_over_no_gap(meter):
    data = from_folder(meter, "series", values=["kWh", "day"], time="hour", before=48, ahead=24)
    hour = np.timedelta64(1, "h")
    begins = [split.start.min() for split in parts_of(data)]
    ends = [split.start.max() + 24 * hour for split in parts_of(data)]
    assert ends[0] <= begins[1] < ends[1] <= begins[2]
    seen = data.train
    assert seen.x.shape[1:] == (48, 2)
    steps = np.diff(np.concatenate([seen.x[..., 0], seen.y["kWh"]], axis=1), axis=1)
    np.testing.assert_allclose(steps, steps[0, 0], rtol=1e-2)  # the counter rises by one at every step
    for told in ("stands there twice", "'yesterday' is no time", "windows that reach over a gap"):
        assert told in data.card["skipped"]
    each = np.unique(np.round(np.concatenate([seen.x[..., 0].ravel(), seen.y["kWh"].ravel()]), 4))
    assert abs(each.mean()) < 0.01  # the scale is that of the training steps, not of the test's
    assert abs(each.std() - 1) < 0.01


@pytest.fixture
def steps(tmp_path):
    """Sensor values of eight people, at 50 Hz with jitter; each walks and runs in turn."""
    rng, rows = np.random.default_rng(0), []
    for person in range(8):
        for n in range(400):
            at = person * 1000 + n * 0.02 + rng.uniform(-0.002, 0.002)
            activity = ("walk", "run")[n // 100 % 2]
            rows.append(f"{at:.6f},{n + (0.5 if activity == 'run' else 0)},{person},{activity}")
    (tmp_path / "steps.csv").write_text("\n".join(["t,x,person,activity", *rows]))
    return tmp_path / "steps.csv"


def test_windows_of_a_sensor_have_one_label_and_keep_people_apart(steps):
    data = from_folder(steps, "series", values="x", time="t", groups="person", label="activity", before=30)
    people = [set(np.floor(split.start.astype(int) / 1e9 + 0.01)) for split in parts_of(data)]
    assert sum(map(len, people)) == len(set.union(*people)) == 8
    # of the 13 windows in 400 steps, those that begin at 90 and at 180 reach over a change
    assert sum(map(len, parts_of(data))) == 8 * 11
    assert "16 windows with several labels or none" in data.card["skipped"]
    assert data.class_names["class"] == ("run", "walk")
    assert data.card["split"].startswith("8 groups, such as 0, 1, 2; train run ")
    scale = float(data.card["scale"].split(" and ")[-1])
    for split in parts_of(data):
        assert split.x.shape[1:] == (30, 1)
        np.testing.assert_allclose(np.diff(split.x[..., 0], axis=1) * scale, 1, atol=1e-3)
        first = split.x[:, 0, 0] * scale + float(data.card["scale"].split()[4])
        np.testing.assert_array_equal(np.rint(2 * first) % 2 == 1, split.y["class"] == 0)


def test_several_series_are_split_at_one_time_and_never_joined(tmp_path):
    hours = np.arange("2026-01-01", "2026-01-21", dtype="datetime64[h]")
    rows = [f"{hour},{1000 * meter + n},{meter}" for meter in (1, 2) for n, hour in enumerate(hours)]
    (tmp_path / "meters.csv").write_text("\n".join(["hour,kWh,meter", *rows]))
    path = tmp_path / "meters.csv"
    data = from_folder(path, "series", values="kWh", time="hour", groups="meter", before=24)
    for split in parts_of(data):
        assert len(np.unique(split.start)) == len(split) / 2  # both meters
    joined = np.concatenate([data.train.x[..., 0], data.train.y["kWh"]], axis=1)
    assert np.ptp(np.diff(joined, axis=1)) < 1e-4  # never from one meter into the other
    assert data.train.start.max() < data.validation.start.min()
    assert data.validation.start.max() < data.test.start.min()


def test_a_class_that_time_keeps_from_a_part_is_told(tmp_path):
    rows = [f"{n},{n},{'walk' if n < 200 else 'run'}" for n in range(1000)]
    (tmp_path / "steps.csv").write_text("\n".join(["t,x,activity", *rows]))
    with pytest.raises(ValueError, match="validation would have no window of walk"):
        from_folder(tmp_path / "steps.csv", "series", values="x", time="t", label="activity", before=30)
