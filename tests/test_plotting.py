"""Pictures: they draw what was given, alt text is always there, files are small, bad input is named."""

import base64
import io
import wave

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils import plotting

rng = np.random.default_rng(0)
CLIPS = rng.random((3, 8, 12, 10, 1))
MAPS = rng.random((6, 7, 10))
RUNS = {
    "CNN per frame, averaged": 0.90, "LSTM on pixels": 0.27, "Textbook CNN -> LSTM": 0.72,
    "Ours: CNN -> LSTM": 0.91, "Ours, pooled joint": 0.905, "Frames as channels": 0.78, "Conv3D": 0.77,
    "Attention, no LSTM": 0.55,
}  # fmt: skip
RUNS = {name: {"val_accuracy": [0.1, 0.5, score]} for name, score in RUNS.items()}
ROWS = [
    dict(zip(("model", "parameters", "seconds", "digit", "motion"), row))
    for row in (
        ("CNN per frame, averaged", 116000, [41, 46], [0.87, 0.89], [0.2, 0.24]),
        ("LSTM on pixels", 219000, [11, 12], [0.25, 0.29], [0.99, 0.99]),
        ("Ours: CNN -> LSTM", 149000, [20, 25], [0.91, 0.92], [1.0, 1.0]),
    )
]
TRUE, PREDICTED = np.array([0, 0, 0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1, 0, 0])
MOVES = ["pan left", "zoom in", "roll right"]
EVERY = {
    "strip": lambda: plotting.strip(CLIPS),
    "animate": lambda: plotting.animate(CLIPS),
    "feature_maps": lambda: plotting.feature_maps(MAPS),
    "curves": lambda: plotting.curves(RUNS, "val_accuracy"),
    "compare": lambda: plotting.compare(ROWS, ["digit", "motion"]),
    "confusion": lambda: plotting.confusion(TRUE, PREDICTED, MOVES),
}


def axes_of(picture):
    return picture.figure.axes


def image_data(axes):
    return np.asarray(axes.images[0].get_array())


# ---- every picture


@pytest.fixture(scope="module", params=EVERY)
def picture(request):
    """Each kind of picture."""
    return EVERY[request.param]()


MAPS_OF_THREE = np.zeros((4, 4, 3))
MAPS_OF_THREE[1, 1, 2] = 7


@pytest.mark.parametrize(
    ("picture", "alt"),
    [
        (plotting.strip(CLIPS, ["a", "b", "c"]), "3 clips of 8 frames: a; b; c."),
        (plotting.animate(CLIPS[0]), "1 clip of 8 frames."),
        (plotting.feature_maps(MAPS_OF_THREE, ["up", "down", "edge"]),
         "3 feature maps, with values from 0.00 to 7.00; the strongest answer is that of edge."),
        (plotting.curves({"collapsed": {"loss": [1.0, 2.0, np.nan]}}, "loss"),
         "loss: collapsed ends at 2 after 2 epochs."),
        (plotting.compare(ROWS),
         "3 models: digit from 0.270 (LSTM on pixels) to 0.915 (Ours: CNN -> LSTM); "
         "parameters from 116k (CNN per frame, averaged) to 219k (LSTM on pixels); "
         "seconds from 11.5 (LSTM on pixels) to 43.5 (CNN per frame, averaged)."),
        (plotting.confusion(TRUE, PREDICTED, MOVES),
         "Of 8 clips, 62% are named correctly; least often roll right (0%), "
         "which is most often taken for pan left (100%)."),
        (plotting.confusion([0, 1], [0, 1], MOVES), "Of 2 clips, 100% are named correctly."),
    ],
    ids=["strip", "animate", "feature_maps", "curves", "compare", "confusion", "no confusion"],
)  # fmt: skip
def test_every_picture_has_an_alt_text_of_its_own(picture, alt):
    assert repr(picture) == picture.alt == picture._repr_mimebundle_()["text/plain"] == alt


@pytest.mark.parametrize(("draw", "shown"), [(plotting.strip, CLIPS), (plotting.feature_maps, MAPS)])
def test_a_given_alt_is_taken_and_escaped(draw, shown):
    bundle = draw(shown, alt='a < b & "c"\n  over lines')._repr_mimebundle_()
    alt = "a &lt; b &amp; &quot;c&quot; over lines"
    assert bundle["text/html"].startswith(f'<img alt="{alt}" src="data:image/')
    assert bundle["text/plain"] == 'a < b & "c" over lines'
    assert f'src="data:image/png;base64,{bundle["image/png"]}"' in bundle["text/html"]


def test_a_picture_is_a_small_valid_png_with_white_corners_in_every_theme(picture):
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/html", "text/plain"}
    assert len(picture.png) < 40_000
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.format == "PNG"
    assert 100 < image.width <= 960
    assert image.height > 60
    corners = [(x, y) for x in (0, image.width - 1) for y in (0, image.height - 1)]
    assert {image.convert("RGB").getpixel(corner) for corner in corners} == {(255, 255, 255)}


def test_no_text_is_smaller_than_11_points(picture):
    texts = picture.figure.findobj(matplotlib.text.Text)
    assert min(text.get_fontsize() for text in texts if text.get_text()) >= 11


# ---- Picture


def test_picture_closes_a_figure_of_pyplot():
    fig, _ = plt.subplots()
    assert fig.number in plt.get_fignums()
    plotting.Picture(fig, "It rises.")
    assert fig.number not in plt.get_fignums()


def test_style_is_white_with_the_colours_of_the_course():
    plotting.use_style()
    assert matplotlib.rcParams["figure.facecolor"] == "white"
    colours = [entry["color"] for entry in matplotlib.rcParams["axes.prop_cycle"]]
    assert colours[:3] == [plotting.CNN, plotting.LSTM, plotting.ATTENTION]


# ---- clips


def frames_of(axes, count, width):
    """Take a film strip apart again."""
    film = image_data(axes)
    step = (film.shape[1] - width) // (count - 1)
    return np.stack([film[:, t * step : t * step + width, 0] for t in range(count)])


def test_strip_draws_each_frame_of_each_clip():
    axes = axes_of(plotting.strip(CLIPS, ["a", "b", "c"]))
    assert [ax.get_title(loc="left") for ax in axes] == ["a", "b", "c"]
    for ax, clip in zip(axes, CLIPS):
        np.testing.assert_array_equal(frames_of(ax, 8, 10), clip[..., 0])
    assert axes[-1].get_xlabel() == "frame"
    assert [label.get_text() for label in axes[-1].get_xticklabels()] == list("12345678")


@pytest.mark.parametrize("clips", [CLIPS, CLIPS[..., 0], CLIPS[0], CLIPS[0, ..., 0], np.repeat(CLIPS, 3, -1)])
def test_strip_takes_one_clip_or_many_grey_or_colour(clips):
    axes = axes_of(plotting.strip(clips))
    np.testing.assert_array_equal(frames_of(axes[0], 8, 10), CLIPS[0, ..., 0])


def test_standardised_clips_are_stretched_each_for_itself():
    clips = np.stack([CLIPS[0] * 4 - 2, CLIPS[1] * 40 - 20])
    axes = axes_of(plotting.strip(clips))
    for ax, clip in zip(axes, CLIPS):
        shown = frames_of(ax, 8, 10)
        assert (shown.min(), shown.max()) == (0, 1)
        np.testing.assert_allclose(np.corrcoef(shown.ravel(), clip.ravel())[0, 1], 1)


def gif_of(picture):
    html = picture._repr_mimebundle_()["text/html"]
    return Image.open(io.BytesIO(base64.b64decode(html.split("gif;base64,")[1].split('"')[0])))


@pytest.mark.parametrize("frames", [1, 8, 20, 21, 30])
def test_animations_show_every_frame_and_end_within_five_seconds(frames):
    clip = np.linspace(0, 1, frames)[:, None, None, None] * np.ones((1, 6, 6, 1))
    gif = gif_of(plotting.animate(clip))
    durations = []
    for frame in range(gif.n_frames):
        gif.seek(frame)
        durations.append(gif.info["duration"])
    assert gif.n_frames == frames
    assert 0 < sum(durations) * (1 + gif.info.get("loop", 0)) <= 5000
    assert "loop" not in gif.info or gif.info["loop"] > 0  # 0 would mean for ever


def test_animation_shows_the_pixels_enlarged_without_blur():
    clip = (np.arange(8 * 12 * 10).reshape(1, 8, 12, 10, 1) % 2).astype(float)
    gif = gif_of(plotting.animate(clip))
    gif.seek(3)
    shown = np.asarray(gif.convert("L"))
    zoom = 144 // 12
    inner = shown[24 : 24 + 144, : 10 * zoom].reshape(12, zoom, 10, zoom)
    assert (inner == inner[:, :1, :, :1]).all()
    np.testing.assert_array_equal(inner[:, 0, :, 0] > 127, clip[0, 3, ..., 0] > 0.5)
    assert (shown[24 + 144 :] < 128).any()  # the frame's number
    noise = rng.random((4, 8, 24, 24, 1))  # the worst case
    assert len(plotting.animate(noise, list("abcd")).gif) < 180_000


# ---- feature maps


def test_feature_maps_draw_each_channel_on_one_scale():
    axes = axes_of(plotting.feature_maps(MAPS))
    drawn = [ax for ax in axes if ax.images]
    assert [ax.get_title(loc="left") for ax in drawn] == [str(number) for number in range(10)]
    for channel, ax in enumerate(drawn):
        np.testing.assert_array_equal(image_data(ax), MAPS[..., channel])
        assert ax.images[0].get_clim() == (0, MAPS.max())


def test_signed_feature_maps_have_zero_in_the_middle():
    low, high = axes_of(plotting.feature_maps(MAPS - 0.9))[0].images[0].get_clim()
    assert low == -high == (MAPS - 0.9).min()


# ---- curves


class History:
    def __init__(self, **history):
        self.history = history


def test_curves_draw_the_numbers_given():
    axes = axes_of(plotting.curves({"ours": History(loss=[3, 2, 1]), "rival": {"loss": [3, 2.5]}}, "loss"))[0]
    assert [line.get_xydata().tolist() for line in axes.lines] == [
        [[1, 3], [2, 2], [3, 1]],
        [[1, 3], [2, 2.5]],
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def apart(boxes):
    """Whether none of these boxes lies over another."""
    return not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_curves_differ_in_more_than_colour_and_are_labelled_directly():
    axes = axes_of(plotting.curves(RUNS, "val_accuracy"))[0]
    looks = {(line.get_marker(), str(line.get_linestyle()), str(line._dash_pattern)) for line in axes.lines}
    assert len(looks) == len({line.get_marker() for line in axes.lines}) == 8
    assert [text.get_text() for text in axes.texts] == list(RUNS)
    assert axes.get_legend() is None
    # window extents of annotations include the arrow: compare the words alone
    assert apart([matplotlib.text.Text.get_window_extent(text) for text in axes.texts])
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    parts = ("CNN per frame, averaged", "LSTM on pixels", "Attention, no LSTM")
    assert [colours[name] for name in parts] == [plotting.CNN, plotting.LSTM, plotting.ATTENTION]
    assert colours["Ours: CNN -> LSTM"] not in (plotting.CNN, plotting.LSTM, plotting.ATTENTION)


def test_a_curve_that_ends_in_nan_is_labelled_at_its_last_number():
    picture = plotting.curves({"collapsed": {"loss": [1.0, 2.0, np.nan]}}, "loss")
    assert axes_of(picture)[0].texts[0].xy == (2, 2.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_spread_keeps_order_and_distance_and_moves_nothing_needlessly(places):
    moved = plotting._spread(places, 0.075)
    order = np.argsort(places, kind="stable")
    assert (np.diff(moved[order]) >= 0.075 - 1e-9).all()
    if len(places) < 2 or np.diff(np.sort(places)).min() >= 0.075:
        np.testing.assert_array_equal(moved, places)
    assert np.abs(moved - places).max() <= 0.075 * len(places)


# ---- compare


def test_compare_draws_means_and_spread_of_every_model():
    picture = plotting.compare(ROWS, ["digit", "motion"])
    axes = axes_of(picture)
    assert [ax.get_title(loc="left") for ax in axes] == ["digit", "motion", "parameters", "seconds"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [row["model"] for row in ROWS]
    for ax, key in zip(axes, ["digit", "motion", "parameters", "seconds"]):
        dots, _, (spread,) = ax.containers[0]
        values = [np.atleast_1d(row[key]) for row in ROWS]
        np.testing.assert_allclose(dots.get_xdata(), [v.mean() for v in values])
        ends = [segment[:, 0].tolist() for segment in spread.get_segments()]
        np.testing.assert_allclose(ends, [[v.min(), v.max()] for v in values])
    assert [ax.get_xscale() for ax in axes] == ["linear", "linear", "log", "log"]


def test_compare_takes_equal_numbers_for_all_seeds():
    row = {"model": "rule", "digit": [0.9563] * 5, "parameters": 40, "seconds": [0.1, 0.1, 0.1]}
    (spread,) = axes_of(plotting.compare([row], "digit"))[0].containers[0][2]
    np.testing.assert_allclose(spread.get_segments()[0][:, 0], 0.9563)


def test_compare_writes_the_numbers_and_marks_the_best_score():
    axes = axes_of(plotting.compare(ROWS))
    assert [text.get_text() for text in axes[0].texts] == ["0.880", "0.270", "0.915"]
    assert [text.get_weight() for text in axes[0].texts] == ["normal", "normal", "bold"]
    assert [text.get_text() for text in axes[1].texts] == ["116k", "219k", "149k"]


def test_compare_zooms_to_where_the_scores_lie():
    rows = [{**ROWS[0], "digit": [0.93, 0.935]}, {**ROWS[1], "digit": [0.94, 0.96]}]
    low, high = axes_of(plotting.compare(rows))[0].get_xlim()
    assert 0.9 < low < 0.93 < 0.96 < high < 1


def test_labels_of_compare_do_not_overlap_with_eight_models():
    rows = [{**ROWS[n % 3], "model": name} for n, name in enumerate(RUNS)]
    picture = plotting.compare(rows, ["digit", "motion"])
    boxes = [text.get_window_extent() for ax in axes_of(picture) for text in ax.texts]
    boxes += [label.get_window_extent() for label in axes_of(picture)[0].get_yticklabels()]
    assert len(boxes) == 5 * 8
    assert apart(boxes)


def test_a_baseline_without_parameters_can_be_compared():
    axes = axes_of(plotting.compare([*ROWS, {**ROWS[0], "model": "majority class", "parameters": 0}]))
    assert [ax.get_xscale() for ax in axes] == ["linear", "linear", "log"]
    assert axes[1].texts[-1].get_text() == "0"


# ---- confusion


def test_confusion_shows_shares_of_each_true_class():
    axes = axes_of(plotting.confusion(TRUE, PREDICTED, MOVES))[0]
    np.testing.assert_allclose(image_data(axes), [[0.75, 0.25, 0], [0, 1, 0], [1, 0, 0]])
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "75", (1, 0): "25", (1, 1): "100", (0, 2): "100"}
    assert [label.get_text() for label in axes.get_yticklabels()] == MOVES
    colours = {text.get_text(): text.get_color() for text in axes.texts}  # white on dark cells
    assert colours == {"75": "white", "25": plotting.INK, "100": "white"}


def test_class_names_do_not_overlap():
    names = [f"{move} {way}" for move in ("pan", "tilt", "zoom", "roll") for way in ("right", "left")]
    picture = plotting.confusion(np.arange(8), np.arange(8), names)
    for labels in (axes_of(picture)[0].get_yticklabels(), axes_of(picture)[0].get_xticklabels()):
        ends = [label.get_window_extent() for label in labels]
        # turned words lie side by side: compare their upper right corners with their height
        steps = np.hypot(np.diff([box.x1 for box in ends]), np.diff([box.y1 for box in ends]))
        assert steps.min() > 1.4 * 11 * picture.figure.dpi / 72


# ---- table


def test_table_aligns_numbers_and_gives_the_spread():
    columns = {"model": "Model", "parameters": "Parameters", "digit": "Digit"}
    assert repr(plotting.table(ROWS[:2], columns, "Two")).splitlines() == [
        "Two",
        "Model                    Parameters                   Digit",
        "CNN per frame, averaged     116,000  0.880 (0.870 to 0.890)",
        "LSTM on pixels              219,000  0.270 (0.250 to 0.290)",
    ]


def test_table_keeps_decimals_alike_within_a_cell():
    rows = [{"model": "a", "seconds": [9.9, 13.2]}, {"model": "b", "seconds": [0.5]}]
    lines = repr(plotting.table(rows, ["model", "seconds"])).splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines[1:]] == ["11.6 (9.9 to 13.2)", "0.500"]


def test_an_empty_cell_leaves_numbers_aligned():
    page = plotting.table([{"score": ""}, {"score": 0.5}], ["score"])._repr_html_()
    assert [page.count(f"text-align:{side}") for side in ("right", "left")] == [3, 1]  # left: the caption


@pytest.mark.parametrize(("value", "shown"), [(96, "96"), (999_600, "1M"), (149_000, "149k"), (0.5, "0.5")])
def test_large_numbers_are_short(value, shown):
    assert plotting._short(value) == shown


@pytest.mark.parametrize(
    ("values", "words"), [([2.16, 2.04, 2.4], "2.2 (2.0 to 2.4)"), ([7.61, 7.62], "7.6")]
)
def test_a_range_over_seeds_is_told_where_it_can_be_seen(values, words):
    assert plotting.over_seeds(values, "{:.1f}") == words


def test_table_in_html_is_escaped_with_caption_and_alignment():
    page = plotting.table([{"model": "<b>", "score": 12345.678}], ["model", "score"], "R & D")._repr_html_()
    assert ">R &amp; D</caption>" in page
    assert '<td style="text-align:left">&lt;b&gt;</td><td style="text-align:right">12,345.7</td>' in page
    assert page.count("<th ") == 2


def test_answers_are_scored_by_class_and_with_their_interval():
    """Of 40 examples, 10 are of class 1; one model names 37, the other takes all for class 0."""
    true = np.repeat([0, 1], [30, 10])
    good = np.where(np.arange(40) < 3, 1, true)
    found = {"good": [good, true], "frequent": [np.zeros(40, int)]}
    html = plotting.answers(true, found, "40 clips")._repr_html_()
    assert "40 clips" in html
    assert "0.963 (0.925 to 1.000)" in html  # accuracy, two seeds
    assert "0.975 (0.950 to 1.000)" in html  # mean recall
    assert "0.60 to 0.86" in html  # Wilson, 30 of 40
    assert ">0.500<" in html


def test_a_sound_can_be_played_and_says_what_it_is():
    made = plotting.Listen(np.sin(np.arange(8_000) / 9), 16_000, "a tone of  half a second")
    bundle = made._repr_mimebundle_()
    assert bundle["text/plain"] == repr(made) == "a tone of half a second"
    assert (
        '<audio controls aria-label="a tone of half a second" src="data:audio/wav;base64,'
        in bundle["text/html"]
    )
    with wave.open(io.BytesIO(made.wav)) as sound:
        assert (sound.getframerate(), sound.getnframes(), sound.getsampwidth()) == (16_000, 8_000, 2)
