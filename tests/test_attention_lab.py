"""The attention lab, tested by turning its dials and reading what its picture says."""

import re
import xml.etree.ElementTree as ET

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_labs import (
    CLASSES,
    SIDE,
    SIZE,
    TIME,
    Attend,
    bright_clips,
    over_frames,
    over_places,
    scene,
    searchers,
    watchers,
)

from course_utils.labs import AttentionLab
from course_utils.labs.attention import pictures
from course_utils.labs.attention.network import effective

NETWORKS, PLACES = watchers(), searchers()
CLIPS, LABELS, SHOWN = bright_clips()


@pytest.fixture
def film():
    return AttentionLab(NETWORKS, CLIPS, LABELS, SHOWN, classes=CLASSES)


@pytest.fixture
def places():
    return AttentionLab(PLACES, scene=scene, classes=CLASSES)


def said(lab):
    """What the pictures say; they must be valid XML and show no number that is none."""
    told = []
    for drawn in filter(None, (lab.picture.value, lab.below.value)):
        root = ET.fromstring(drawn)
        assert root.get("role") == "img"
        told.append(root.get("aria-label"))
        assert not re.search(r"\b(nan|inf)\b", " ".join([told[-1], *root.itertext()]))
    return " ".join(told)


def notes(lab):
    return re.sub(r"<[^>]+>", "", lab.remarks.value)


def turn(lab, name, value):
    lab.controls[name].value = value
    return said(lab)


# ------------------------------------------------------------------------------------ equal to the networks


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answer_over_frames_is_that_of_the_network(film, name):
    short = name.lower().replace(" ", "-")
    expected = NETWORKS[name].predict(CLIPS, verbose=0)
    for clip in range(len(CLIPS)):
        film.state = f"att1;scene=frames;network={short};clip={clip + 1}"
        np.testing.assert_allclose(film.seen().after, expected[clip], atol=1e-5)
        np.testing.assert_allclose(film.seen().before, expected[clip], atol=1e-5)


@pytest.mark.parametrize("name", PLACES)
def test_the_answer_over_places_is_that_of_the_network(places, name):
    for place in ((0, 0, 0), (5, 7, 1), (11, 3, 2)):
        places.state = "att1;scene=places;network={};row={};column={};seed={}".format(name, *place)
        expected = PLACES[name].predict(scene(*place)[0][None], verbose=0)[0]
        np.testing.assert_allclose(places.seen().after, expected, atol=1e-5)


def test_a_mask_gives_the_answer_of_a_network_with_masked_scores(film):
    """Hidden and unread frames count as if their scores were minus infinity."""
    film.state = "att1;scene=frames;network=two-heads;clip=2;read=5;temperature=2.0;hidden=2.4"
    inner = keras.Model(NETWORKS["Two heads"].input, [NETWORKS["Two heads"].get_layer(n).output
                                                      for n in ("features", "scores")])  # fmt: skip
    features, scores = (np.asarray(made) for made in inner(CLIPS[1:2]))
    scores = np.where(np.isin(np.arange(TIME), [1, 3, 5])[:, None], -np.inf, scores / 2)
    sums = Attend()(features, scores)
    expected = np.asarray(NETWORKS["Two heads"].get_layer("answer")(sums))[0]
    np.testing.assert_allclose(film.seen().after, expected, atol=1e-5)


# ---------------------------------------------------------------------------------------------- frames


def test_what_is_seen_is_told_in_words(film):
    words = turn(film, "temperature", 0.5)
    assert "The digit shows on frames 3 and 4" in words
    assert "True class cat" in words
    assert 1.7 < float(re.search(r"Effective number of frames: ([\d.]+)\.", words)[1]) <= 2.1
    assert "On frames with the digit: 1.00. Plain average gives them: 0.33" in words
    assert "on frames 3 and 4; both show the digit" in notes(film)
    assert "Nearly all weight (0.95) is on frame 3" in turned_note(film, "temperature", 0.1)
    assert "which shows the digit" in notes(film)


def turned_note(lab, name, value):
    lab.controls[name].value = value
    return notes(lab)


def test_the_clip_can_be_scrubbed_through(film):
    film.state = "att1;scene=frames;network=by-brightness;clip=1;read=2"
    assert "2 of 6 frames read" in said(film)
    assert "No frame that it may look at shows the digit" in notes(film)
    assert "Only frame 1 is left" in turned_note(film, "read", 1)
    assert "Weights: frame 1: 1.00." in said(film)
    words = turn(film, "read", 3)
    assert "Most attended frame: 3" in words
    np.testing.assert_allclose(film.seen().weights.sum(0), 1)
    assert film.seen().weights[3:].sum() == 0
    assert "Watch out" not in notes(film)
    assert "those after it in mind" in turned_note(film, "network", "looks-ahead")


def test_temperature_goes_from_picking_one_to_a_plain_average(film):
    spread = []
    for temperature in film.controls["temperature"].options:
        turn(film, "temperature", temperature[1])
        spread.append(effective(film.seen().looked_at))
    assert spread == sorted(spread)
    assert spread[0] < 1.6
    assert spread[-1] > 5.9
    assert "average pooling" in notes(film)
    assert "picks one frame" in turned_note(film, "temperature", 0.1)
    turn(film, "uniform", True)
    np.testing.assert_allclose(film.seen().weights, 1 / 6)
    assert "All 6 frames weigh nearly the same" in notes(film)


def test_frames_are_hidden_by_boxes_and_by_the_button(film):
    film.toggles[2].value = True
    assert film.state.hidden == (3,)
    assert "Hidden: frame 3" in said(film)
    assert "Most attended frame: 4" in said(film)
    film.hide_top.click()
    assert film.state.hidden == (3, 4)
    assert [one.value for one in film.toggles] == [False, False, True, True, False, False]
    assert "No frame that it may look at shows the digit" in notes(film)
    film.toggles[2].value = False
    assert film.state.hidden == (4,)
    film.show_all.click()
    assert film.state.hidden == ()
    assert film.show_all.disabled


def test_hiding_every_frame_is_explained_and_not_an_error(film):
    for _ in range(TIME + 2):
        film.hide_top.click()
    assert len(film.state.hidden) == TIME
    assert film.seen().after is None
    assert "At least one frame must stay" in notes(film)
    assert "No answer" in said(film)
    film.show_all.click()
    assert "At least one" not in notes(film)
    film.state = "att1;scene=frames;network=by-brightness;clip=1;read=2;hidden=1.2"
    assert "Every frame read so far is hidden" in notes(film)


def test_heads_are_seen_together_or_one_by_one(film):
    head = film.controls["head"]
    assert head.layout.display == "none"
    words = turn(film, "network", "two-heads")
    assert head.layout.display is None
    assert [said for said, _ in head.options] == ["all heads", "head 1", "head 2"]
    assert re.search(r"Effective number of frames: head 1 [\d.]+, head 2 [\d.]+, mean [\d.]+\.", words)
    assert "Weights of head 2" in turn(film, "head", 2)
    both = film.seen()
    np.testing.assert_array_equal(both.looked_at, both.weights[:, 1])
    turn(film, "network", "by-brightness")
    assert film.state.head == 0
    assert head.layout.display == "none"


def test_a_setting_that_changes_the_answer_says_so(film):
    film.state = "att1;scene=frames;network=by-brightness;clip=1"
    before, seen = film.seen().before, film.seen()
    assert "your settings" not in notes(film)
    film.state = "att1;scene=frames;network=by-brightness;clip=1;temperature=0.5;hidden=1"
    assert "as without your settings" in notes(film)
    other = seen.__class__(**{**vars(seen), "after": before[::-1].copy()})
    assert "The answer turns to" in pictures.notes(other)[0][2]


# ---------------------------------------------------------------------------------------------- places


def test_attention_follows_the_object(places):
    places.controls["temperature"].value = 0.2
    for row, column in ((4, 7), (10, 1), (1, 10)):
        places.controls["row"].value, places.controls["column"].value = row, column
        seen = places.seen()
        assert seen.place == (row, column)
        assert seen.distance(seen.looked_at) < 1
        assert seen.around(seen.looked_at, 0) > 0.9
        assert f"the object is at pixel row {row}, column {column}" in said(places)
        assert "where the object is" in notes(places)
    before = said(places)
    places.another.click()
    assert places.state.seed == 1
    assert said(places) != before
    assert "True class dog" in said(places)


def test_the_most_attended_cell_is_hidden(places):
    strongest = places.seen().strongest[0]
    places.hide_top.click()
    row, column = divmod(strongest, SIDE)
    assert f"Hidden: the cell in row {row + 1} column {column + 1}" in said(places)
    assert f"cell row {row + 1}, column {column + 1}" in places.hidden_now.value
    assert places.seen().weights[strongest] == 0
    for _ in range(SIDE * SIDE):
        places.hide_top.click()
    assert "At least one cell must stay" in notes(places)
    places.show_all.click()
    assert "Nothing is hidden" in places.hidden_now.value


def test_the_centre_of_even_weights_is_that_of_the_image(places):
    places.controls["uniform"].value = True
    assert places.seen().centre(places.seen().looked_at) == pytest.approx(((SIZE - 1) / 2,) * 2)


def test_a_scene_that_fails_is_explained():
    def moody(row, column, seed):
        if seed:
            raise ZeroDivisionError("no such scene")
        return scene(row, column, seed)

    lab = AttentionLab(PLACES, scene=moody, classes=CLASSES)
    lab.another.click()
    assert "This scene cannot be shown: scene(4, 8, 1) fails with ZeroDivisionError: no such" in notes(lab)
    assert lab.picture.value == ""  # not that of another scene
    lab.hide_top.click()
    assert lab.state.hidden == ()
    lab.controls["seed"].value = 0
    assert "cannot be shown" not in notes(lab)
    unknown = AttentionLab(PLACES, scene=lambda *place: (*scene(*place)[:2], 3), classes=CLASSES)
    assert "its class is 3, but there are 0 to 2" in notes(unknown)


def test_a_clip_too_large_for_the_network_is_explained():
    clips = np.concatenate([CLIPS, CLIPS[:1] * 1e38])
    lab = AttentionLab({"a": over_frames()}, clips)
    lab.controls["clip"].value = 5
    assert "This clip cannot be shown: networks: &#x27;a&#x27; gives NaN or infinite" in notes(lab)
    assert lab.picture.value == ""
    lab.controls["clip"].value = 4
    assert "cannot be shown" not in notes(lab)
    assert said(lab)


# ------------------------------------------------------------------------------------------ state strings


@settings(max_examples=60)
@given(st.data())
def test_any_setting_is_drawn_and_weights_sum_to_one(data):
    lab = data.draw(st.sampled_from(LABS))
    for _ in range(3):
        name = data.draw(st.sampled_from([*lab.controls, "hide", "show"]))
        if name == "hide":
            lab.hide_top.click()
        elif name == "show":
            lab.show_all.click()
        else:
            control = lab.controls[name]
            choices = [o[1] for o in getattr(control, "options", ())] or (
                [False, True] if name == "uniform" else list(range(control.min, control.max + 1))
            )
            control.value = data.draw(st.sampled_from(choices))
    seen = lab.seen()
    np.testing.assert_allclose(seen.weights[seen.visible].sum(0), 1.0 if seen.visible.any() else 0.0)
    assert not seen.weights[~seen.visible].any()
    assert len(said(lab)) > 100
    assert notes(lab)
    assert lab.state_class.parse(str(lab.state)) == lab.state
    assert lab.line.value == lab.copy_state.text == str(lab.state)


LABS = [
    AttentionLab({"four": over_frames(4), "five": over_frames(5)}, CLIPS, shown=SHOWN),
    AttentionLab({"three": over_places(3)}, scene=lambda *place: scene(*place)[:2]),
    AttentionLab(NETWORKS, CLIPS, LABELS, SHOWN, classes=CLASSES),
    AttentionLab({"plain": over_frames()}, CLIPS),
    AttentionLab(PLACES, scene=scene, classes=CLASSES),
]
