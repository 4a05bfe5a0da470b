"""The attention lab, tested by turning its dials and reading what its picture says."""

import keras
import numpy as np
import pytest
import small_labs
from small_labs import CLASSES, SIDE, SIZE, TIME, heard, scene, turn

from course_utils.labs import AttentionLab
from course_utils.labs.attention import pictures
from course_utils.labs.attention.network import effective

NETWORKS, PLACES = small_labs.watchers(), small_labs.searchers()
CLIPS, LABELS, SHOWN = small_labs.bright_clips()
FRAMES, SCENE = small_labs.frames(), small_labs.places()  # built once


@pytest.fixture
def film():
    FRAMES.back.click()
    return FRAMES


@pytest.fixture
def places():
    SCENE.back.click()
    return SCENE


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
    sums = small_labs.Attend()(features, scores)
    expected = np.asarray(NETWORKS["Two heads"].get_layer("answer")(sums))[0]
    np.testing.assert_allclose(film.seen().after, expected, atol=1e-5)


# ---------------------------------------------------------------------------------------------- frames


def test_what_is_not_read_or_hidden_weighs_nothing(film):
    for state, none in (("read=3", [3, 4, 5]), ("network=two-heads;read=4;hidden=1", [0, 4, 5])):
        film.state = f"att1;scene=frames;clip=1;{state}"
        np.testing.assert_allclose(film.seen().weights.sum(0), 1)
        assert not film.seen().weights[none].any()


def test_temperature_goes_from_picking_one_to_a_plain_average(film):
    spread = []
    for _, temperature in film.controls["temperature"].options:
        turn(film, "temperature", temperature)
        spread.append(effective(film.seen().looked_at))
    assert spread == sorted(spread)
    assert spread[0] < 1.6
    assert spread[-1] > 5.9
    turn(film, "uniform", True)
    np.testing.assert_allclose(film.seen().weights, 1 / 6)


def test_frames_are_hidden_by_boxes_and_by_the_button(film):
    film.toggles[2].value = True
    film.hide_top.click()
    assert film.state.hidden == (3, 4)
    assert [toggle.value for toggle in film.toggles] == [False, False, True, True, False, False]
    film.toggles[2].value = False
    assert film.state.hidden == (4,)
    film.show_all.click()
    assert film.state.hidden == ()
    assert film.show_all.disabled
    for _ in range(TIME + 2):
        film.hide_top.click()
    assert len(film.state.hidden) == TIME
    assert film.seen().after is None


def test_heads_are_seen_together_or_one_by_one(film):
    head = film.controls["head"]
    assert head.layout.display == "none"
    turn(film, "network", "two-heads")
    assert head.layout.display is None
    assert [said for said, _ in head.options] == ["all heads", "head 1", "head 2"]
    turn(film, "head", 2)
    both = film.seen()
    np.testing.assert_array_equal(both.looked_at, both.weights[:, 1])
    turn(film, "network", "by-brightness")
    assert film.state.head == 0
    assert head.layout.display == "none"


def test_an_answer_that_a_setting_turns_is_told(film):
    seen = film.seen()
    other = seen.__class__(**{**vars(seen), "after": seen.before[::-1].copy()})
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
    before = heard(places.picture)
    places.another.click()
    assert places.state.seed == 1
    assert heard(places.picture) != before


def test_the_most_attended_cell_is_hidden(places):
    strongest = places.seen().strongest[0]
    places.hide_top.click()
    assert places.state.hidden == (strongest + 1,)
    assert places.seen().weights[strongest] == 0
    for _ in range(SIDE * SIDE):
        places.hide_top.click()
    assert len(places.state.hidden) == SIDE * SIDE


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
    assert "This scene cannot be shown: scene(4, 8, 1) fails with ZeroDivisionError: no such" in heard(
        lab.remarks
    )
    assert lab.picture.value == ""  # not that of another scene
    lab.hide_top.click()
    assert lab.state.hidden == ()
    lab.controls["seed"].value = 0
    assert "cannot be shown" not in heard(lab.remarks)
    unknown = AttentionLab(PLACES, scene=lambda *place: (*scene(*place)[:2], 3), classes=CLASSES)
    assert "its class is 3, but there are 0 to 2" in heard(unknown.remarks)


def test_a_clip_too_large_for_the_network_is_explained():
    clips = np.concatenate([CLIPS, CLIPS[:1] * 1e38])
    lab = AttentionLab({"a": small_labs.over_frames()}, clips)
    lab.controls["clip"].value = 5
    assert "This clip cannot be shown: networks: 'a' gives NaN or infinite" in heard(lab.remarks)
    assert lab.picture.value == ""
    lab.controls["clip"].value = 4
    assert "cannot be shown" not in heard(lab.remarks)
    assert heard(lab.picture)


@pytest.mark.parametrize(
    "lab",
    [
        AttentionLab({"a": small_labs.over_frames(4), "b": small_labs.over_frames(5)}, CLIPS, shown=SHOWN),
        AttentionLab({"a": small_labs.over_places(3)}, scene=lambda *place: scene(*place)[:2]),
        AttentionLab({"a": small_labs.over_frames()}, CLIPS),
    ],
    ids=["many heads", "no class", "no labels"],
)
def test_many_heads_are_drawn_and_labels_can_be_left_out(lab):
    for network in lab.controls["network"].options:
        turn(lab, "network", network[1])
        for _, head in lab.controls["head"].options:
            turn(lab, "head", head)
            np.testing.assert_allclose(lab.seen().weights.sum(0), 1)
            assert len(heard(lab.film)) > 100
            assert heard(lab.remarks)
