"""Every lab over data and untrained networks that are ready in seconds: for unit tests, browser and soak."""

import atexit
import functools
import html
import re
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import ipywidgets as widgets
import keras
import numpy as np
from keras import layers, ops
from PIL import Image

from course_utils import datasets, labs
from course_utils.labs.architecture import assembly
from course_utils.labs.architecture.blocks import Convolution
from course_utils.labs.architecture.inside_panel import STYLE, Inside
from course_utils.labs.architecture.state import LabState
from course_utils.labs.core.lab import style
from course_utils.layers import PerFrame

build = functools.cache(assembly.build)  # what looks into a model is traced once


# ------------------------------------------------------------------------------------ architecture


def small(task, order, attention=False):
    """A composition of this kind that is quick to build."""
    state = LabState.default(task, order, attention).change("lstm.units", 5)
    state = state.change("clip", (3, 8)).change("text", ("sentences", 10, 1000, 8)).change("series.days", 2)
    if state.kind.in_space and order != "lstm-cnn":
        state = state.change("convolutions", [Convolution(4, 3, 2), Convolution(6, 3)])
    return state.change("joint.units", 7)


def example(state, seed=0):
    """(x, truth, shown) as a feed gives it."""
    rng = np.random.default_rng(seed)
    truth = {label: int(rng.integers(count)) for label, count in state.classes.items()}
    if state.kind.in_space:
        clip = rng.random(state.clip.shape, "float32")
        clip = 4 * clip - 2 if state.task == "moves" else clip
        return clip, truth, clip
    if state.task == "reviews":
        words = ["", "", "", "not", "<bad>", "at", "all", "&", "a", "joy"]
        return np.array([0, 0, 0, *rng.integers(1, 1000, 7)], "int32"), truth, words
    hours = rng.normal(size=state.entry.shape).astype("float32")
    return hours, {"volume": rng.normal(size=state.series.ahead).astype("float32")}, hours


class Examples:
    """Examples made up for a state."""

    def __init__(self, state):
        self.state = state
        words = {label: tuple(f"{label} {n}" for n in range(k)) for label, k in state.classes.items()}
        self.names = {} if state.kind.forecasts else words

    def __len__(self):
        return 4

    def example(self, number):
        return example(self.state, number)


def run(state, letter="A"):
    """An untrained network, as the panel *Look inside* takes a run."""
    return SimpleNamespace(
        letter=letter, name="tried", built=build(state), state=state, epochs=1, examples=Examples(state)
    )


def inside(*states):
    """The panel *Look inside* over untrained networks: small ones of clips, reviews and traffic, or these."""
    panel = Inside()
    tasks = (("digits", "cnn-lstm"), ("reviews", "cnn"), ("traffic", "parallel", True))
    states = states or [small(*task) for task in tasks]
    panel.show([run(state, letter) for state, letter in zip(states, "ABC")])
    panel.view = widgets.VBox([style(STYLE), panel.view])
    panel.view.add_class("course-lab")
    return panel


# ------------------------------------------------------------------------------------ kernel and gates


def bar(tall, wide):
    """A bright bar on black."""
    image = np.zeros((tall, wide))
    image[tall // 5 : -tall // 5, wide // 2 - 1 : wide // 2 + 2] = 1
    return image


def kernel():
    """The kernel lab over an upright bar, a small square, and noise wider than tall."""
    noise = np.random.default_rng(0).random((8, 20))
    return labs.KernelLab({"a bar": bar(16, 12), "a square": bar(9, 9), "noise": noise})


def lstm(units, seed):
    """An untrained LSTM over one feature."""
    keras.utils.set_random_seed(seed)
    layer = layers.LSTM(units)
    layer.build((None, None, 1))
    return layer


def gate():
    """The gate lab over a layer of three units and one of one, and two sequences."""
    cells = {"3 units": lstm(3, 3), "1 units": lstm(1, 1)}
    return labs.GateLab(cells, {"noise": np.random.default_rng(0).uniform(-1, 1, 40), "brief": [0, 1, 0, 0]})


# ------------------------------------------------------------------------------------ sentence


STEPS = 8
CORPUS = ["a good film and a funny one", "not a good film", "the plot is bad , bad", "it is not fun at all"]
TEXT = "Not a good film, and NOT funny one"  # as many words as are read


def reader(steps=STEPS, **more):
    read = layers.TextVectorization(output_sequence_length=steps, **more)
    read.adapt(CORPUS)
    return read


READ = reader()


def over_words(*kind, steps=STEPS, words=None, both=False, width=3, seed=0):
    """An untrained network that meets the lab's contract, with weights large enough to tell words apart."""
    keras.utils.set_random_seed(seed)
    ids = keras.Input((steps,), dtype="int32")
    real = ops.not_equal(ids, 0)
    x = layers.Embedding(words or len(READ.get_vocabulary()), 5, embeddings_initializer="normal")(ids)
    if kind[0] == "lstm":
        lstm = layers.LSTM(4, return_sequences=len(kind) > 1)
        lstm = layers.Bidirectional(lstm, name="states") if both else lstm
        lstm.name = "states" if len(kind) > 1 else "memory"
        x = lstm(x, mask=real)
    if "cnn" in kind:
        x = layers.Conv1D(7, width, padding="same", activation="relu", name="filters")(x)
        x = layers.Multiply()([x, ops.cast(real, "float32")[..., None]])
        if kind[-1] == "lstm":
            x = layers.LSTM(4, name="memory")(x, mask=real)
        else:
            x = layers.Dropout(0.5)(layers.GlobalMaxPooling1D(name="pooled")(x))
    model = keras.Model(ids, layers.Dense(1, activation="sigmoid", name="answer")(x))
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 1, w.shape) for w in model.get_weights()])
    return model


def bag(texts):
    """P(positive) by counting: a model that is a function of texts."""
    scores = [sum(w in ("good", "fun") for w in re.findall(r"\w+", text.lower())) - 0.5 for text in texts]
    return 1 / (1 + np.exp(-np.array(scores)))


@functools.cache
def readers():
    """Every kind of model that the sentence lab takes, by name."""
    return {
        "Bag of words": bag,
        "CNN": over_words("cnn"),
        "LSTM": over_words("lstm"),
        "LSTM → CNN": over_words("lstm", "cnn"),
        "BiLSTM → CNN": over_words("lstm", "cnn", both=True, width=4),
        "CNN → LSTM": over_words("cnn", "lstm"),
    }


def sentence():
    """The sentence lab over all of them."""
    return labs.SentenceLab(readers(), READ, TEXT, ("a good film", "bad"))


# ------------------------------------------------------------------------------------ attention


TIME, SIZE, SIDE = 6, 12, 4
BRIGHT = slice(2, 9)  # where the bright square of a clip is
CLASSES = ("cat", "dog", "bird")


class Attend(layers.Layer):
    """The heads' sums of the features, weighted by the softmax of the scores, side by side."""

    def call(self, features, scores):
        sums = ops.einsum("bth,btu->bhu", ops.softmax(scores, axis=1), features)
        return ops.reshape(sums, (-1, sums.shape[1] * sums.shape[2]))


def head_on(inputs, features, heads, classes, score=None):
    """A network that attends to these features; `score` makes the first feature the score, times it."""
    wide = keras.initializers.RandomNormal(stddev=1.0, seed=heads)
    scores = layers.Dense(heads, kernel_initializer=wide, name="scores")
    answer = layers.Dense(classes, activation="softmax", kernel_initializer=wide, name="answer")
    model = keras.Model(inputs, answer(Attend()(features, scores(features))))
    if score is not None:
        weights = np.zeros(scores.kernel.shape)
        weights[0] = score
        scores.set_weights([weights, np.zeros(heads)])
    return model


def over_frames(heads=1, classes=3, score=None, ahead=False, time=TIME, seed=0):
    """Attention over the frames of a clip; its first feature is how bright a frame is."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((time, SIZE, SIZE, 1))
    flat = layers.Reshape((time, SIZE * SIZE))(inputs)
    rest = layers.LSTM(4, return_sequences=True)(flat)
    if ahead:
        rest = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(flat)
    mean = layers.AveragePooling1D(SIZE * SIZE, data_format="channels_first")(flat)
    return head_on(inputs, layers.Concatenate(name="features")([mean, rest]), heads, classes, score)


def over_places(heads=1, classes=3, score=None, seed=0):
    """Attention over 4 by 4 cells; the first feature is how bright a cell is."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((SIZE, SIZE, 1))
    mean = layers.AveragePooling2D(SIZE // SIDE)(inputs)
    rest = layers.Conv2D(4, SIZE // SIDE, SIZE // SIDE)(inputs)
    maps = layers.Concatenate()([mean, rest])
    return head_on(inputs, layers.Reshape((SIDE * SIDE, 5), name="features")(maps), heads, classes, score)


def bright_clips(count=4):
    """Clips in dim noise, with a bright square on frames 3 and 4 of the first, 4 and 5 of the second..."""
    rng = np.random.default_rng(0)
    clips = (rng.random((count, TIME, SIZE, SIZE, 1)) * 0.2).astype("float32")
    shown = np.zeros((count, TIME), bool)
    for i in range(count):
        shown[i, 2 + i % 4 : 4 + i % 4] = True
    for i, t in zip(*np.nonzero(shown)):
        clips[i, t, BRIGHT, BRIGHT] = 1
    return clips, np.arange(count) % 3, shown


def scene(row, column, seed):
    """A bright square of 3 by 3 on an image in dim noise."""
    image = np.random.default_rng(seed).random((SIZE, SIZE, 1)) * 0.1
    row, column = np.clip((row, column), 1, SIZE - 2)
    image[row - 1 : row + 2, column - 1 : column + 2] = 1
    return image, (int(row), int(column)), seed % 3


@functools.cache
def watchers():
    """Attention over frames: one head, two heads, and features that look ahead."""
    return {
        "By brightness": over_frames(1, score=60),
        "Two heads": over_frames(2, seed=1),
        "Looks ahead": over_frames(1, ahead=True, seed=2),
    }


@functools.cache
def searchers():
    """Attention over places, with one head and with two."""
    return {"one": over_places(1, score=40), "two": over_places(2, seed=1)}


def frames():
    """The attention lab over the frames of clips."""
    return labs.AttentionLab(watchers(), *bright_clips(), classes=CLASSES)


def places():
    """The attention lab over the places of a scene."""
    return labs.AttentionLab(searchers(), scene=scene, classes=CLASSES)


# ------------------------------------------------------------------------------------ forecast


def over_hours(kind, seed=0, stride=3, past=(None, 3), padding="same"):
    """A forecast of 24 hours: with "attention" and quantiles, "plain", or with "crossing" quantiles."""
    keras.utils.set_random_seed(seed)
    hours, future = keras.Input(past), keras.Input((24, 2))
    steps = layers.Conv1D(6, 4, stride, padding, activation="relu")(hours)
    steps, *state = layers.LSTM(6, return_sequences=True, return_state=True)(steps)
    made = layers.LSTM(6, return_sequences=True)(future, initial_state=state)
    if kind != "plain":
        weights = layers.Softmax(name="weights")(layers.Rescaling(8)(layers.Dot(2)([made, steps])))
        made = layers.Concatenate()([made, layers.Dot((2, 1))([weights, steps])])
    made = layers.Rescaling(2, 3)(layers.Dense(3 if kind == "crossing" else 1)(made))
    if kind == "attention":
        made = layers.Concatenate()([made - 0.5, made, made + 1])
    return keras.Model([hours, future], made)


def traffic(hours=168, count=60):
    """Hours gone by and to come, what came and when, of traffic with no surprises; half a day is missing."""
    time = np.arange("2018-07-02T03", "2018-07-14", dtype="datetime64[h]")
    clock = 2 * np.pi * (time.astype(int) % 24) / 24
    weekday = (time.astype("datetime64[D]").astype(int) + 3) % 7 < 5
    volume = 3 - (1.5 + weekday) * np.cos(clock)
    table = np.stack([volume, np.sin(clock), weekday], 1).astype("float32")
    origin = np.delete(168 + np.arange(72), slice(30, 42))[:count]
    after = origin[:, None] + np.arange(24)
    future = np.stack([np.sin(clock), np.cos(clock)], 1)[after]
    return table[origin[:, None] + np.arange(-hours, 0)], future, volume[after], time[origin]


@functools.cache
def forecasters():
    """Three kinds of network that forecast."""
    return {
        "Attention": over_hours("attention"),
        "Plain": over_hours("plain", 1),
        "Crossing": over_hours("crossing", 2, 1),
    }


def forecast():
    """The forecast lab over a week of traffic."""
    return labs.ForecastLab(forecasters(), *traffic())


# ------------------------------------------------------------------------------------ rollout


def over_frames_to_come(kind, seed=0, size=16, channels=3):
    """The next frame at every step: with a "memory", of two ConvLSTMs, "plain", or one that looks "ahead"."""
    keras.utils.set_random_seed(seed)
    wide = keras.initializers.RandomNormal(stddev=0.3)
    same = {"padding": "same", "return_sequences": True, "recurrent_initializer": wide}
    frames = made = keras.Input((None, size, size, 1))
    if kind == "two":
        made = layers.ConvLSTM2D(2, 3, name="before", **same)(made)
    if kind == "plain":
        made = layers.ZeroPadding3D(((1, 0), (1, 1), (1, 1)))(made)
        made = layers.Conv3D(channels, (2, 3, 3), activation="relu")(made)
    else:
        made = layers.ConvLSTM2D(channels, 3, name="memory", **same)(made)
    if kind == "two":
        made = layers.Concatenate()([frames, made])
    last = layers.Conv3D(1, (3 if kind == "ahead" else 1, 3, 3), padding="same", kernel_initializer=wide)
    return keras.Model(frames, layers.Activation("sigmoid")(last(made)))


@functools.cache
def predictors():
    """Four kinds of network that predict frames."""
    return {
        "Memory": over_frames_to_come("memory"),
        "Two": over_frames_to_come("two", 1, channels=2),
        "Plain": over_frames_to_come("plain", 2),
        "Looks ahead": over_frames_to_come("ahead", 3),
    }


def blots(count=3, tall=7, wide=6):
    """Images of a blot, each another one."""
    rng = np.random.default_rng(0)
    return (rng.random((count, tall, wide)) * (rng.random((count, tall, wide)) > 0.4)).astype("float32")


def rollout():
    """The rollout lab over small frames."""
    return labs.RolloutLab(predictors(), blots())


# ------------------------------------------------------------------------------------ folder


GROUPS = r"/(p\d)"


def moving_bars(root):
    """Two classes of moving bars, six people, two takes of each; one is short, one broken, one beside them.

    Frames are called 1.png to 10.png, and only a clip of all of them meets the broken frame.
    """
    for move in ("left", "right"):
        for person in range(1, 7):
            for take in (1, 2):
                count = 5 if (move, person, take) == ("right", 2, 1) else 10
                bars(root / move / f"p{person} take {take}", count, move == "left", 3 * person + take)
    bars(root / "left" / "p7 take 1", 10, True, 1)
    (root / "left" / "p7 take 1" / "2.png").write_text("no image")
    (root / "notes.txt").write_text("recorded in May")


def bars(folder, count, back, tall):
    """A clip as a folder of images: a bar that moves to the right, or back."""
    folder.mkdir(parents=True)
    for step in range(count):
        frame = np.zeros((24, 32), "uint8")
        frame[24 - tall :, 3 * step : 3 * step + 3] = 255
        Image.fromarray(frame[:, ::-1] if back else frame).save(folder / f"{step + 1}.png")


@functools.cache
def people():
    """A folder of these clips, there as long as this process is."""
    root = tempfile.TemporaryDirectory(prefix="clips")
    atexit.register(root.cleanup)
    moving_bars(Path(root.name))
    return root.name


def folder():
    """The folder lab over bars that people moved."""
    return labs.FolderLab(people(), "frames", frames=8, size=(16, 16), groups=GROUPS)


@functools.cache
def detector(units=8):
    """A detector of speech with weights drawn by a seed, and parts as those of lesson 11."""
    windows = keras.Input((None, 640))
    cnn = keras.Sequential([keras.Input((640,)), keras.layers.Dense(6, activation="relu")])
    h = keras.layers.LSTM(units, return_sequences=True, name="memory")(PerFrame(cnn, name="chunks")(windows))
    speech = keras.layers.Dense(1, activation="sigmoid", name="speech")(keras.layers.ReLU()(h))
    model, rng = keras.Model(windows, speech), np.random.default_rng(0)
    model.set_weights([rng.normal(size=each.shape) for each in model.get_weights()])
    return model


def loudness(chunks):
    """Decibels of each chunk."""
    return 10 * np.log10((chunks**2).mean(axis=2) + 1e-9)


def voice():
    """The voice lab over two recordings and a small detector."""
    return labs.VoiceLab(detector(), datasets.recordings("test")[:2], {"loudness": (loudness, -80, 0, -40)})


LABS = {
    "architecture": labs.ArchitectureLab,
    "kernel": kernel,
    "gate": gate,
    "sentence": sentence,
    "frames": frames,
    "places": places,
    "forecast": forecast,
    "rollout": rollout,
    "folder": folder,
    "voice": voice,
}


# ------------------------------------------------------------------------------------ what they show


def visible(widget):
    """A widget and all below it, as far as they are shown."""
    if widget.layout.display != "none":
        yield widget
        for child in getattr(widget, "children", ()):
            yield from visible(child)


def spoken(markup):
    """The words of the pictures in a piece of HTML, which must be sound, and then its text."""
    for drawn in re.findall(r"<svg.*?</svg>", markup, re.S):
        assert ET.fromstring(drawn).get("role") == "img"
    words = re.findall(r'role="img" aria-label="([^"]*)"', markup)
    spaced = re.sub(r"</(td|th|tr|text|div|caption)>", " ", markup)
    said = html.unescape(" ".join([*words, re.sub(r"<[^>]+>", "", spaced)]))
    assert not re.search(r"\b(nan|inf)\b", said), said
    return " ".join(said.split())


def heard(part):
    """What a part of a lab says, as far as it is shown."""
    values = [getattr(widget, "value", None) for widget in visible(part)]
    return " ".join(spoken(value) for value in values if isinstance(value, str))


def press(lab, label):
    """Press the button of a lab that is called so."""
    found = [one for one in visible(lab.view) if isinstance(one, widgets.Button) and one.description == label]
    found[0].click()


def nudge(control):
    """Set a control to another of its values."""
    options = getattr(control, "options", None)
    if options:
        values = [option[1] if isinstance(option, tuple) else option for option in options]
        control.value = next(value for value in values if value != control.value)
    elif isinstance(control.value, bool):
        control.value = not control.value
    elif isinstance(control, widgets.Text):
        control.value += " bad"
    else:
        control.value += 1 if control.value + 1 <= getattr(control, "max", 9) else -1


def turn(lab, path, value):
    """Turn a dial; returns what the lab's pictures then say."""
    lab.controls[path].value = value
    return " ".join(pictures(lab))


def pictures(lab):
    """What the pictures that a lab shows say, in order."""
    drawn = [w.value for w in visible(lab.view) if isinstance(getattr(w, "value", None), str)]
    return [html.unescape(words) for words in re.findall(r'role="img" aria-label="([^"]*)"', "".join(drawn))]
