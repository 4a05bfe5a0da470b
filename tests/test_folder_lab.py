"""The folder lab, tested by turning its dials, reading folders and counting by hand."""

import itertools
import re
import shutil

import numpy as np
import pytest
import small_labs
from corrupted_videos import bar, write_video
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.datasets import SPLITS, from_folder
from course_utils.labs import FolderLab

LAB = small_labs.folder()  # built once: tests begin by setting its state


@pytest.fixture
def lab():
    LAB.path.value = small_labs.people()
    LAB.back.click()
    return LAB


@pytest.fixture
def clips(tmp_path):
    """A folder of its own, to be altered."""
    small_labs.moving_bars(tmp_path / "clips")
    return tmp_path / "clips"


def read(lab, path):
    """Type a path and press Read; returns what the lab answers."""
    lab.path.value = str(path)
    small_labs.press(lab, "Read")
    return small_labs.heard(lab.answer)


# ---------------------------------------------------------------------------------- equal to from_folder


def told_by_hand(data):
    """What a dataset has: (class, part) -> how many clips, and the groups they are of."""
    found = {}
    for part, split in zip(SPLITS, (data.train, data.validation, data.test)):
        for label, group in zip(split.y["class"], split.groups):
            found.setdefault((data.class_names["class"][label], part), []).append(str(group))
    return {key: (len(groups), sorted(set(groups))) for key, groups in found.items()}


WAYS = st.fixed_dictionaries(
    {
        "frames": st.sampled_from((4, 8, 16)),
        "size": st.sampled_from(((16, 16), (32, 32))),
        "fit": st.sampled_from(("pad", "crop")),
        "channels": st.sampled_from((1, 3)),
        "groups": st.sampled_from((None, small_labs.GROUPS)),
        "seed": st.integers(0, 9),
    }
)


@settings(max_examples=15)
@given(WAYS)
def test_the_lab_shows_what_from_folder_gives(way):
    data = from_folder(small_labs.people(), "frames", **way)
    dialled = {"size": "{}x{}".format(*way["size"]), "groups": "pattern" if way["groups"] else "each"}
    LAB.state = LAB.state_class(**{**way, **dialled})
    table = small_labs.heard(LAB.counts)
    by_hand = told_by_hand(data)
    for name in ("left", "right"):
        numbers = [by_hand[name, part][0] for part in SPLITS]
        row = re.search(rf"{name} (\d+) \(\d+\) (\d+) \(\d+\) (\d+) \(\d+\) (\d+)", table)
        assert [int(number) for number in row.groups()] == [*numbers, sum(numbers)]
    if way["groups"]:
        for part in SPLITS:
            groups = {group for name in ("left", "right") for group in by_hand[name, part][1]}
            for group in groups:
                assert re.search(rf"[ ;]{group}: {part} \d+[;.]", LAB.split.value), group
    for part, split in zip(SPLITS, (data.train, data.validation, data.test)):
        LAB.controls["part"].value = part
        LAB.controls["clip"].value = LAB.controls["clip"].max
        seen = LAB.seen()
        assert seen.place == (len(split), len(split))
        (at,) = np.flatnonzero(split.names == seen.name)
        assert len(seen.images) == split.lengths[at]
        np.testing.assert_allclose(split.x[at][split.mask[at]], seen.images / np.float32(255))
        assert not split.x[at][~split.mask[at]].any()


@settings(max_examples=8)
@given(st.data())
def test_clips_groups_and_leaks_are_those_of_any_folder(tmp_path_factory, data):
    people = data.draw(st.lists(st.integers(1, 3), min_size=3, max_size=6))  # takes of each, in each class
    root, tall = tmp_path_factory.mktemp("clips"), itertools.count(1)
    for name, (person, takes) in itertools.product("ab", enumerate(people)):
        for take in range(takes):
            small_labs.bars(root / name / f"person {person}, {take}", 2, name == "a", next(tall) % 24 + 1)
    lab = FolderLab(root, "frames", frames=4, size=(24, 32), groups=r"/person (\d+)")
    count = 2 * sum(people)
    assert re.search(rf"all .* {count} \({len(people)}\)$", small_labs.heard(lab.counts))
    assert "in more than one part" not in lab.split.value
    lab.controls["groups"].value = "each"
    division = lab.seen().division
    parts = {}
    for name, part in zip(division.names, division.part):
        parts.setdefault(re.search(r"person (\d+)", name)[1], set()).add(int(part))
    torn = sorted(person for person, found in parts.items() if len(found) > 1)
    assert division.leaking == torn
    warned = small_labs.heard(lab.notes.view)
    assert (f"{len(torn)} of them are in more than one part" in warned) == bool(torn)
    assert lab.split.value.count(", in more than one part") == len(torn)


# ---------------------------------------------------------------------------------- the leak


def test_the_button_of_the_warning_keeps_groups_together(lab):
    lab.controls["groups"].value = "each"
    assert "6 groups: " in small_labs.heard(lab.notes.view)
    data = from_folder(small_labs.people(), "frames", frames=8, size=(16, 16))
    person = lambda split: [re.search(small_labs.GROUPS, name)[1] for name in split.names]  # noqa: E731
    known = sum(one in person(data.train) for one in person(data.test))
    told = f"{known} of the {len(data.test)} test clips belong to a group that is trained on, too"
    assert told in small_labs.heard(lab.notes.view)
    small_labs.press(lab, "Keep groups together")
    assert lab.controls["groups"].value == "pattern"
    assert "Watch out" not in small_labs.heard(lab.notes.view)
    lab.undo.click()
    assert told in small_labs.heard(lab.notes.view)


def test_without_a_pattern_nothing_is_said_of_groups(clips):
    lab = FolderLab(clips, "frames", frames=4, size=(16, 16))
    assert "No groups= was given" in small_labs.heard(lab.notes.view)
    assert lab.controls["groups"].options == (("each clip on its own", "each"),)
    assert "group " not in lab.picture.value
    assert "And 5 more groups." in small_labs.pictures(lab)[1]  # of 25 clips, 20 are shown


def test_few_groups_and_groups_of_one_clip_are_told(tmp_path):
    for move, person in itertools.product(("left", "right"), range(1, 4)):
        small_labs.bars(tmp_path / move / f"p{person}", 4, move == "left", 3 * person)
    lab = FolderLab(tmp_path, "frames", frames=4, size=(16, 16), groups=small_labs.GROUPS)
    told = small_labs.heard(lab.notes.view)
    assert "▲ Watch out. Less than 40 percent of left, right is for training, as groups are large." in told
    for clip in (tmp_path / "left").iterdir():
        clip.rename(clip.with_name(clip.name.replace("p", "p1")))
    lab = FolderLab(tmp_path, "frames", frames=4, size=(16, 16), groups=r"/(p\d+)")
    lab.controls["groups"].value = "each"
    assert "No group happens to be in two parts." in small_labs.heard(lab.notes.view)


def test_a_copy_of_a_clip_is_in_the_group_of_the_other(clips):
    shutil.copytree(clips / "left" / "p1 take 1", clips / "left" / "p6 take 3")
    lab = FolderLab(clips, "frames", frames=8, size=(24, 32), groups=small_labs.GROUPS)
    assert "p6" not in lab.split.value
    assert re.search(r"p1: \w+ 9;", lab.split.value)


# ---------------------------------------------------------------------------------- clip dials


def test_a_clip_that_only_more_frames_make_unreadable_comes_and_goes(lab):
    clip, frames, label = (lab.controls[name] for name in ("clip", "frames", "label"))
    frames.value, label.value = 4, "left"
    counts = []
    for part in SPLITS:
        lab.controls["part"].value = part
        counts.append(clip.max)
    assert sum(counts) == 13
    clip.value = clip.max
    frames.value = 8
    for part in SPLITS:
        lab.controls["part"].value = part
        assert lab.state.clip == clip.value <= clip.max
        counts.append(clip.max)
    assert sum(counts[3:]) == 12


def test_padding_is_crossed_out_and_numbered(lab):
    lab.state = "fol1;part=validation;label=right;clip=1"
    crosses = len(re.findall('<path d="M[^"]* l[^"]*m0,-', lab.picture.value))
    assert crosses == 3
    assert "crossed out: padding" in lab.picture.value
    assert lab.picture.value.count("<image") == 5
    lab.state = "fol1;part=train;label=all;clip=1"
    assert "crossed out" not in lab.picture.value
    assert lab.picture.value.count("<image") == 8


def test_what_was_asked_for_is_where_the_dials_begin(clips):
    how = {"frames": 5, "size": (24, 40), "fit": "crop", "channels": 3, "seed": 77}
    lab = FolderLab(clips, "frames", **how, groups=small_labs.GROUPS)
    shown = {name: lab.controls[name].value for name in (*how, "groups")}
    assert shown == {**how, "size": "24x40", "groups": "pattern"}
    assert lab.seen().images.shape == (5, 24, 40, 3)
    lab.controls["size"].value = "16x16"
    assert lab.seen().images.shape == (5, 16, 16, 3)


def test_a_long_clip_is_shown_in_part(clips):
    lab = FolderLab(clips, "frames", frames=100, size=(16, 16), groups=small_labs.GROUPS)
    assert "36 more frames" in lab.picture.value
    assert "10 of 100 frames real" in lab.picture.value


# ---------------------------------------------------------------------------------- other folders


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "give the path of your folder"),
        ("no such folder", "there is no such folder"),
        ("x" * 9999, "there is no such folder"),
        ("~nobody at all", "nobody's home is known by that name"),
        ("\0", "there is no such folder"),
        (__file__, "there is a file of that name"),
        ("{}/left", "it is a file; with kind='frames'"),
        ("{}/one", "has only 'left'"),
        ("{}/parts", "which are parts and no classes"),
        ("{}/few", "class 'left' has 1 group"),
        ("{}/unreadable", "No clip of left, right in"),
        ("{}/others", "does not occur in 'left/q1'"),
    ],
)
def test_a_folder_that_cannot_be_read_is_explained_and_the_last_one_stays(lab, clips, path, told):
    for name, move in itertools.product(("few", "others", "unreadable"), ("left", "right")):
        for person in range(1, 2 if name == "few" else 5):
            clip = clips.parent / name / move / f"{'q' if name == 'others' else 'p'}{person}"
            small_labs.bars(clip, 1, move == "left", person)
            if name == "unreadable":
                (clip / "1.png").write_text("no image")
    small_labs.bars(clips.parent / "one" / "left" / "p1", 1, True, 1)
    (clips.parent / "parts" / "train").mkdir(parents=True)
    lab.controls["frames"].value = 4
    before, state, controls = small_labs.pictures(lab), lab.state, lab.controls["label"].options
    root = clips if path == "{}/left" else clips.parent
    answer = read(lab, path.format(root))
    assert answer.startswith("✕ Not read. ")
    assert told in answer
    assert answer.endswith(f"The lab still shows {small_labs.people()}.")
    assert (small_labs.pictures(lab), lab.state, lab.controls["label"].options) == (before, state, controls)
    lab.undo.click()
    assert lab.state.frames == 8


def test_another_folder_is_read_with_the_dials_as_they_are(lab, clips):
    lab.state = "fol1;part=test;label=right;clip=2;frames=4;groups=each;seed=2"
    (clips / "left").rename(clips / "back")
    for person in range(1, 4):
        small_labs.bars(clips / "wait" / f"p{person} take 1", 3, True, 2 * person)
    assert read(lab, clips) == "✓ Read. 28 clips of 3 classes."
    assert str(lab.state) == "fol1;part=train;label=all;clip=1;frames=4;groups=each;seed=2"
    assert [name for name, _ in lab.controls["label"].options] == ["all", "back", "right", "wait"]
    assert (lab.undo.disabled, lab.redo.disabled) == (True, True)
    lab.controls["label"].value = "wait"
    assert "class wait" in small_labs.pictures(lab)[0]
    lab.back.click()
    assert str(lab.state) == "fol1;part=train;label=all;clip=1"
    with pytest.raises(ValueError, match="it can be all, back, right or wait"):
        lab.state = "fol1;label=left"
    assert "✓ Read." in read(lab, small_labs.people())
    lab.state = "fol1;label=left"


def test_what_has_changed_in_the_folder_is_seen_after_read(clips):
    lab = FolderLab(clips, "frames", frames=4, size=(16, 16), groups=small_labs.GROUPS)
    small_labs.bars(clips / "left" / "p8 take 1", 4, True, 23)
    lab.controls["seed"].value = 1
    assert "p8" not in lab.split.value
    assert read(lab, clips) == "✓ Read. 26 clips of 2 classes."
    assert "p8" in lab.split.value
    shutil.rmtree(clips / ".clips")
    lab.controls["clip"].value = 2
    assert "has changed since it was read: press Read" in small_labs.heard(lab.notes.view)
    assert small_labs.pictures(lab) == []
    read(lab, clips)
    assert "clip 1 of" in small_labs.pictures(lab)[0]


def test_a_pattern_that_finds_too_few_groups_is_told_and_can_be_put_aside(lab, clips):
    for clip in (clips / "left").iterdir():
        if clip.name[1] not in "12":
            shutil.rmtree(clip)
    lab.controls["groups"].value = "each"
    assert "✓ Read." in read(lab, clips)
    assert "groups: " in small_labs.heard(lab.notes.view)
    lab.controls["groups"].value = "pattern"
    assert "✕ Does not fit. class 'left' has 2 groups" in small_labs.heard(lab.notes.view)
    assert small_labs.pictures(lab) == []
    assert lab.alt.startswith("class 'left' has 2 groups")
    small_labs.press(lab, "Each clip on its own")
    assert lab.state.groups == "each"
    assert len(small_labs.pictures(lab)) == 3


def test_a_pattern_that_does_not_fit_the_names_is_told(lab, clips):
    for clip in [*clips.glob("left/*"), *clips.glob("right/*")]:
        clip.rename(clip.with_name(clip.name.replace("p", "q")))
    lab.controls["groups"].value = "each"
    assert "✓ Read." in read(lab, clips)
    told = small_labs.heard(lab.notes.view)
    assert "does not occur in 'left/q1 take 1': every clip needs one. So the lab cannot tell" in told


def test_videos_are_looked_at_with_what_was_noted_of_them(tmp_path):
    for name, person in itertools.product(("left", "right"), range(4)):
        (tmp_path / name).mkdir(exist_ok=True)
        clip = bar(20, down=person)
        write_video(tmp_path / name / f"p{person}.mp4", clip[:, :, ::-1] if name == "left" else clip)
    write_video(tmp_path / "left" / "p4.mp4", bar(1, down=4))
    (tmp_path / "left" / "p5.mp4").write_text("hello")
    lab = FolderLab(tmp_path, frames=8, rate=5, size=(24, 32), groups=small_labs.GROUPS)
    files = small_labs.heard(lab.files)
    assert re.search(r"Left out: 1 of 10 left/p5.mp4 it cannot be decoded .*: convert it again", files)
    assert files.endswith("Read, with a note: 1 of 9 left/p4.mp4 it has a single frame")
    assert "4 real frames: 8 clips; 1 real frame: 1 clip" in small_labs.pictures(lab)[2]
    assert "Recorded as 48 × 64, read as 24 × 32 (height × width, pad, grey)" in small_labs.pictures(lab)[0]


def test_of_many_files_and_long_names_a_part_is_shown(tmp_path):
    for move, person in itertools.product(("left", "right"), range(24)):
        clip = tmp_path / move / f"a person with a long name {person}"
        small_labs.bars(clip, 1, move == "left", person + 1)
        if person > 17:
            (clip / "1.png").write_text("no image")
    lab = FolderLab(tmp_path, "frames", frames=4, size=(24, 32), groups="/(.*)")
    files = small_labs.heard(lab.files)
    assert "Left out: 12 of 48" in files
    assert "and 2 more: the card of datasets.from_folder tells all" in files
    named = re.findall(r"a per…[^<]*", lab.split.value)
    assert len(named) == len(set(named)) == 18
    assert all(len(name) == 15 for name in named)


def test_names_are_shown_as_they_are(clips):
    (clips / "left" / "p1 take 1").rename(clips / "left" / 'p1 <b>&amp; "é" 数')
    (clips / "right").rename(clips / "<i>all")
    lab = FolderLab(clips, "frames", frames=4, size=(16, 16), groups=small_labs.GROUPS)
    assert str(lab.state_class(label="i-all")) == "fol1;part=train;label=i-all;clip=1"
    told = []
    for part in SPLITS:
        lab.state = f"fol1;part={part};label=left"
        told += [small_labs.turn(lab, "clip", clip + 1) for clip in range(lab.seen().place[1])]
    assert any('Clip left/p1 <b>&amp; "é" 数: class left · group p1' in words for words in told)
    assert "<i>all" in small_labs.heard(lab.counts)
