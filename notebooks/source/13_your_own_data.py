# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 04_cnn_lstm_video
#     objectives:
#     - exercise: '13.1'
#       say: Put the frames of a folder in order
#     - exercise: '13.2'
#       say: Split clips so that no person is on both sides
#     - exercise: '13.3'
#       say: Freeze a CNN so that training leaves it alone
#     - exercise: '13.4'
#       say: Score answers when one class is rare
#     - exercise: '13.5'
#       say: Answer frame by frame, without reading any frame twice
#     question: How do your own clips become an honest, saved and running hybrid?
#     seconds: 80
#     title: Your own data
#   jupytext:
#     notebook_metadata_filter: kernelspec,course,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---
# %% [markdown]
# # 13 · Your own data
#
# **How do your own clips become an honest, saved and running hybrid?**
#
# The data of the other lessons came ready to use. Yours lies in a folder: phone videos, numbered frames, a file that does not open. In this
# lesson you read such a folder, split it so that the score does not lie, put an LSTM on a CNN that was trained elsewhere, ask why it
# answers as it does, and let it answer while frames come in. It builds on [lesson 04](04_cnn_lstm_video.ipynb). You will need
# about 120 minutes; running all of it takes about a minute and a half.
#
# | You will be able to | Exercise |
# |---|---|
# | put the frames of a folder in order | 13.1 |
# | split clips so that no person is on both sides | 13.2 |
# | freeze a CNN so that training leaves it alone | 13.3 |
# | score answers when one class is rare | 13.4 |
# | answer frame by frame, without reading any frame twice | 13.5 |
#
# This lesson needs a few packages more. If the second cell below cannot import `av`: in the course's folder, run
# `python course.py own my_clips` once. It installs them, and puts a notebook for your own folder beside this one. Then restart the kernel.

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["definition", "setup"]
import av
import keras
import numpy as np
from keras import layers
from scipy import ndimage

from course_utils import datasets, plotting, results
from course_utils.labs.folder import FolderLab
from course_utils.layers import PerFrame

# %% [markdown]
# ## 1 · The question
#
# Here is what somebody asks in a forum, every week: *I have 200 videos, 30 seconds each, 25 frames a second, 1280 × 720, two classes.
# How do I train a CNN -> LSTM on them?* All of it together, as bytes: 200 × 750 frames × 1280 × 720 × 3 = 415 GB. So the first questions are:
# how many frames, how large? And then: is 200 a lot or a little?
#
# To find answers we need clips whose truth we know. In ours, somebody counts, one digit after the other. **Up or down?** That is the class.

# %% tags=["definition"] jupyter={"source_hidden": true}
FPS, SIDE = 24, 48  # frames a second; height and width of a frame in pixels
WHOSE = {"elsewhere": "train", "train": "validation", "validation": "validation", "test": "test"}  # part -> drawings


def hands(part, people, rng):
    """Ten drawings of each person, with a slant of their own: (people, 10, 24, 24)."""
    seed = int(rng.integers(2**31))
    pool = datasets.bouncing_digits(frames=1, size=24, digit_size=20, speed=1, clips=(2000, 500, 500), seed=seed)
    pool = getattr(pool, WHOSE[part])
    of = [np.flatnonzero(pool.y["digit"] == number) for number in range(10)]
    drawn = np.stack([pool.x[rng.choice(each, people), 0, :, :, 0] for each in of], axis=1)
    for person, slant in enumerate(rng.uniform(-0.25, 0.25, people)):
        turn = [[1, 0, 0], [0, 1, 0], [0, slant, 1]]  # (digit, row, column): each row moves sideways
        drawn[person] = ndimage.affine_transform(drawn[person], turn, offset=[0, 0, -11.5 * slant], order=1)
    return drawn

# %% tags=["definition"] jupyter={"source_hidden": true}
def counting(part, people, clips=5, seconds=3, frames=16, seed=0):
    """People who count, each in one recording: one hand, one wall, one pace, one direction; cut into clips.

    Returns x (people, clips, frames, 48, 48, 1) from 0 to 1, up (people,) and digit (people, clips, frames).
    """
    rng = np.random.default_rng((seed, list(WHOSE).index(part)))
    hand = hands(part, people, rng)
    walls = datasets.camera_moves(frames=1, size=SIDE, clips=(people,) * 3, seed=int(rng.integers(2**31)))
    walls = np.clip(0.3 + 0.1 * getattr(walls, "test" if part == "test" else "train").x[:, 0], 0, 0.6)
    up = rng.permutation(np.arange(people) % 2 == 0)
    pace = rng.integers(9, 19, people)  # frames until the next number
    at = np.linspace(0, seconds * FPS - 1, frames).round().astype(int) + np.arange(clips)[:, None] * seconds * FPS
    count = (rng.integers(500, size=(people, 1, 1)) + at) // pace[:, None, None]
    digit = np.where(up[:, None, None], count, -count) % 10
    corner = rng.integers(8, 17, (people, 1, 2)) + rng.integers(-2, 3, (people, count.max() + 1, 2))
    x = np.repeat(np.repeat(walls[:, None, None], clips, axis=1), frames, axis=2)
    for person, clip, frame in np.ndindex(digit.shape):
        row, column = corner[person, count[person, clip, frame]]
        x[person, clip, frame, row : row + 24, column : column + 24, 0] += 0.6 * hand[person, digit[person, clip, frame]]
    x += rng.normal(0, 0.02, x.shape)
    return np.clip(x, 0, 1).astype("float32"), up.astype(int), digit

# %%
x, up, digit = counting("train", 8)
x.shape  # (people, clips, time, height, width, channels)

# %% tags=["question"]
first = [int(np.flatnonzero(up == way)[0]) for way in (1, 0)]
plotting.strip(x[first, 0], ["up", "down"])

# %% [markdown]
# Each person makes *one recording*, with one handwriting, in front of one wall (a photograph), at one pace, in one direction; it is cut
# into five clips of 3 seconds. No single frame tells the direction. The people of the test have other handwriting and other walls.
#
# *Predict*: a network is trained on 100 such clips, from the pixels up. How many of the *new* people's clips will it name? (Chance is .5.)
#
# <a id="idea"></a>
#
# ## 2 · The idea
#
# A hybrid for data of your own is made in seven steps, and each has a way to fool you:
#
# | Step | What can go wrong | Section |
# |---|---|---|
# | Read the folder | files left out in silence; frames in the wrong order; images squeezed | 3 |
# | Look at it | you train on what you never saw | 4 |
# | Split it | the same person, place or recording on both sides: the score is memory | 5 |
# | Take a CNN that can see already | it is not as frozen as you think | 6, 7 |
# | Ask why | it looks at the wall | 8 |
# | Choose and score | a choice made on the test; 40 videos that tell less than you think | 9, 10 |
# | Save it, run it | it gives different answers on another machine, without an error | 11, 12 |
#
# One thought goes through all of them. **What counts is not how many clips you have, but how many *independent* ones.** A thousand clips
# of four people are four people.
#
# <a id="folder"></a>
#
# ## 3 · From a folder to clips
#
# We make a folder like yours: a folder for each class, files named after person and take, in two containers, and
# some files that are broken.

# %% tags=["definition"] jupyter={"source_hidden": true}
def shrunk(x, side=32):
    """The same clips with smaller frames."""
    small = keras.ops.image.resize(x.reshape(-1, *x.shape[-3:]), (side, side), antialias=True)
    return np.asarray(small).reshape(*x.shape[:-3], side, side, 1)


def write_video(path, frames, codec="libx264", **options):
    """Frames (time, height, width, 1) from 0 to 1 as a file; its ending says the container."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=FPS, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for image in np.rint(255 * frames[..., 0]).astype("uint8"):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        file.mux(stream.encode())

# %% tags=["lab-data"] jupyter={"source_hidden": true}
import atexit
import shutil
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp(prefix="lesson_13_"), "counting")
atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)  # once the kernel ends: until then the lab reads it
films, ups, _ = counting("train", 24, clips=4, frames=3 * FPS)
for person, clip in np.ndindex(films.shape[:2]):
    name = f"{'up' if ups[person] else 'down'}/p{person + 1} take {clip + 1}"
    path = folder / (name + (".webm" if clip == 3 else ".mp4"))
    path.parent.mkdir(parents=True, exist_ok=True)
    how = {"codec": "libvpx-vp9", "crf": "30", "b": "0", "speed": "6"} if clip == 3 else {"crf": "18"}
    write_video(path, films[person, clip], **how)
intact = next((folder / "up").glob("*.mp4"))
(folder / "up" / "p25 take 1.mp4").write_bytes(intact.read_bytes()[:4000])  # a copy that broke off
(folder / "up" / "p26 take 1.mp4").write_bytes(b"")
(folder / "down" / "notes.docx").write_text("p3 coughs")
print(*sorted(path.name for path in (folder / "up").iterdir())[:6], "...", sep="\n")

# %% [markdown]
# `datasets.from_folder` reads it. Each clip becomes 16 frames, spread evenly over its time; grey; 32 × 32 pixels, padded with black if the
# shape differs (`fit="crop"` cuts instead; nothing is ever squeezed). What was read is kept on disk in `.clips`, so the next call takes
# no time. The arrays stay on disk, too: a folder may be larger than the memory. (If lengths differ and the pace matters, add
# `rate=5`: five frames a second, the first `frames` of them, so choose enough for your longest clip. Shorter ones are padded; `data.train.mask` says which frames are real, and goes into the LSTM as in lesson 04.) `groups` is a regular expression: what it finds in
# `class/file` says who belongs together, here the person, `p` and a number.

# %%
data = datasets.from_folder(folder, "video", frames=16, size=(32, 32), groups=r"/(p\d+)")
print(data.train.x.shape, data.card["skipped"], data.card["split"], sep="\n")

# %% [markdown]
# Read the card before anything else. Is what was left out what you expect? Does each class stand in each part? Videos are decoded in a process of
# their own, since a broken file can end a decoder; you get a sentence, not a dead kernel.
#
# **Frames as images.** Many tools write a clip as a folder of images: `1.png`, `2.png`, ... Listed by name, they come as 1, 10, 11, 2.

# %% jupyter={"source_hidden": true}
from PIL import Image

stills = folder.parent / "stills"
stills.mkdir()
for number, frame in enumerate(films[first[0], 0, ::6, :, :, 0], 1):
    Image.fromarray(np.rint(255 * frame).astype("uint8")).save(stills / f"{number}.png")
by_name = sorted(path.name for path in stills.iterdir())
shown = np.stack([np.asarray(Image.open(stills / name)) for name in by_name]) / 255
plotting.strip(shown[None, ..., None], [", ".join(name.removesuffix(".png") for name in by_name)],
               "Twelve frames in the order of their names: 1, 10, 11, 12, 2, 3. The count jumps.")  # fmt: skip

# %% [markdown]
# Nothing fails, and nothing warns you. In this clip most steps from frame to frame even survive, so that a score might not show it, either.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("13.1", "Frames in order")
def check_order(in_order):
    cases = [
        ["10.png", "9.png", "1.png", "2.png"],
        [f"frame {n}.jpg" for n in (100, 20, 3)],
        ["take2_frame1.png", "take10_frame1.png", "take2_frame11.png", "take2_frame9.png"],
        ["clip07_0010.png", "clip07_0009.png", "clip07_0100.png"],
        ["b2.png", "a10.png", "b1.png", "a9.png"],
        ["2_1000.png", "2_999.png", "1_0010.png", "1_9.png"],
        ["p1 b1.png", "p1 a2.png", "p2 a1.png"],
        ["clip-10.png", "clip-2.png"],
        ["10000.png", "9999.png"],
        ["1700000010.png", "1700000009.png", "999999.png"],
        ["s1_e2_f10.png", "s1_e2_f9.png"],
        ["3.png"],
    ]
    right = [["1.png", "2.png", "9.png", "10.png"], ["frame 3.jpg", "frame 20.jpg", "frame 100.jpg"],
             ["take2_frame1.png", "take2_frame9.png", "take2_frame11.png", "take10_frame1.png"],
             ["clip07_0009.png", "clip07_0010.png", "clip07_0100.png"], ["a9.png", "a10.png", "b1.png", "b2.png"],
             ["1_9.png", "1_0010.png", "2_999.png", "2_1000.png"], ["p1 a2.png", "p1 b1.png", "p2 a1.png"],
             ["clip-2.png", "clip-10.png"], ["9999.png", "10000.png"],
             ["999999.png", "1700000009.png", "1700000010.png"], ["s1_e2_f9.png", "s1_e2_f10.png"], ["3.png"]]  # fmt: skip
    for names, wanted in zip(cases, right):
        given = list(names)
        found = in_order(given)
        check.expect(not isinstance(found, str) and all(isinstance(name, str) for name in found), "return a list of the names")
        found = list(found)
        check.expect(sorted(found) == sorted(names), f"of {names} you return {found}: each name should be there once")
        check.expect(found != sorted(names) or found == wanted, f"{found} is the order of letters: as text, '10' comes before '9'")
        check.expect(found == wanted, f"of {names} you make {found}; as people count it is {wanted}")

# %% [markdown]
# ### 13.1 · Find the bug: frames sorted 1, 10, 2
#
# (In each exercise, write your answer in place of each `...` and run the cell: its last line checks it. Some have a hint, folded under
# the exercise; a solution is folded in the cell after it.)
#
# Write `in_order(names)`. `names` is a list of file names; return them as a list, in the order in which people count. Numbers may stand anywhere in a name, there may be
# several, with zeros in front or without.
#
# <details><summary>Hint</summary>
#
# `re.split(r"(\d+)", "take2_frame11.png")` gives `['take', '2', '_frame', '11', '.png']`: text and number take turns. Make the numbers `int`, and
# use such a list as `key` of `sorted`. (`names.sort()` sorts in place, and returns None.)
#
# </details>

# %% tags=["exercise"]
import re


def in_order(names):
    return ...


check_order(in_order)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def in_order_solution(names):
    def parts(name):
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]

    return sorted(names, key=parts)


check_order(in_order_solution, record=False)

# %% [markdown]
# <a id="lab"></a>
#
# ## 4 · Lab: look before you train
#
# The lab reads a folder and shows what is in it: clips, lengths, classes, who stands in which part, what was left out. Things to try:
#
# 1. Go through the clips of one person. What do they share, apart from the direction?
# 2. *Predict*, then do: let each clip be split on its own. How many people stand on both sides?
# 3. Take 4 frames instead of 16. Can *you* still tell up from down?
# 4. Read the list of what was left out. Would you have missed those files?
# 5. Type the path of a folder of your own, or of a folder that does not exist.

# %% tags=["lab", "nbval-ignore-output"]
lab = FolderLab(folder, "video", frames=16, size=(32, 32), groups=r"/(p\d+)")
lab

# %% [markdown]
# **Stop here if you like** (about 42 minutes so far).
#
# <a id="split"></a>
#
# ## 5 · The split that lies
#
# (In the tables: the mean of five seeds, lowest and highest in brackets.) Each recording gives several clips. Split the *clips* at random, and other clips of the same recording are in the training part.
# *Predict*: how good is a rule that looks for the training clip with the most similar *average* frame, and answers with its direction? An average
# frame cannot show any direction.

# %%
split_table = results.load("13_split")
print(split_table)
plotting.table(sorted(split_table.rows, key=lambda row: "LSTM on" in row["model"]), {"model": "model, how the last fifth was chosen", "told": "on the last fifth", "right": "on new people"},
               "40 recordings of five clips. Each seed leaves out another fifth; 'new people' are 100 others")  # fmt: skip

# %% [markdown]
# - **By clip, whatever sees pixels looks perfect.** The average frame names all clips, and so does a network trained from the pixels up. Both recognise the
#   *recording*. On new people, both are at chance.
# - **By recording, the part that was left out says so.** By clip, you learn it from your users.
# - **Eight people are few.** By recording, the network from scratch has between .40 and .65, the average frame up to .83, though chance is .5 in each fold. How few, section 10 counts.
# - **Features can carry the person, too**: the mean of the 64 that the CNN of section 6 makes of a frame is told .905 by clip, .615 by recording, .57 on new people. The LSTM on ten probabilities,
#   what that CNN takes each frame for, has .925, .895 and .94: here the split hardly matters.
#
# What belongs together? Everything that shares something with the answer that will be different later: person, place, camera, day, recording.

# %% tags=["claim"] jupyter={"source_hidden": true}
near, scratch, probable = ([split_table.row(f"{name}, {how}")["model"] for how in ("by clip", "by recording")] for name in
                           ("No network: nearest mean frame", "CNN -> LSTM from scratch", "LSTM on probabilities"))  # fmt: skip
check.claim("By clip, the average frame names all, and so does the network from scratch", [split_table.low(near[0], "told"), split_table.low(scratch[0], "told")], above=0.999, stored=True)
check.claim("On new people, both are at chance", [split_table.mean(near[0], "right"), split_table.mean(scratch[0], "right")], within=(0.45, 0.58), stored=True)
check.claim("By recording, the left-out fifth says so", [split_table.mean(near[1], "told"), split_table.mean(scratch[1], "told")], within=(0.5, 0.65), stored=True)
check.claim("By recording, from .40 (the lowest fold)", split_table.low(scratch[1], "told"), within=(0.395, 0.405), stored=True)
check.claim("to .65", split_table.high(scratch[1], "told"), within=(0.645, 0.655), stored=True)
check.claim("and the average frame up to .83", split_table.high(near[1], "told"), within=(0.82, 0.83), stored=True)
carried = [split_table.row(f"No network: nearest mean of 64 features, {how}")["model"] for how in ("by clip", "by recording")]
check.claim("Mean features: .905 by clip", split_table.mean(carried[0], "told"), within=(0.9045, 0.9055), stored=True)
check.claim(".615 by recording", split_table.mean(carried[1], "told"), within=(0.6145, 0.6155), stored=True)
check.claim(".57 on new people", [split_table.mean(name, "right") for name in carried], within=(0.563, 0.574), stored=True)
check.claim("The LSTM on probabilities is told .925 by clip", split_table.mean(probable[0], "told"), within=(0.9245, 0.9255), stored=True)
check.claim(".895 by recording", split_table.mean(probable[1], "told"), within=(0.8945, 0.8955), stored=True)
check.claim("and has .94 on new people", split_table.mean(probable[1], "right"), within=(0.935, 0.945), stored=True)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("13.2", "A split by person")
def check_split(test_part):
    rng = np.random.default_rng(0)
    for seed in range(6):
        groups = np.array([f"p{n}" for n in rng.integers(60, size=300)]) if seed % 2 else np.repeat([f"p{n}" for n in range(20)], 5)
        given, people = groups.copy(), len(np.unique(groups))
        part = test_part(groups, seed)
        check.expect_shape("the answer for 300 clips" if seed % 2 else "the answer for 100 clips", part, groups.shape)
        part = np.asarray(part)
        check.expect(part.dtype == bool, f"give True or False for each clip; you give {part.dtype}")
        check.expect((groups == given).all(), "leave the groups as they are: you have changed them")
        divided = sorted(set(groups[part]) & set(groups[~part]))
        check.expect(not divided, f"{len(divided)} people stand on both sides, for instance {divided[:1]}")
        share = len(set(groups[part])) / people
        check.expect(abs(share - 0.2) <= 0.04, f"{share:.2f} of the people are in the test part; a fifth of them should be")
        again = np.asarray(test_part(groups, seed))
        check.expect((again == part).all(), "the same seed should give the same split: make a generator from it")
    groups = np.repeat([f"p{n}" for n in range(20)], 5)
    parts = np.array([np.asarray(test_part(groups, seed))[::5] for seed in range(100, 140)])  # (seed, person)
    kinds = len(np.unique(parts, axis=0))
    check.expect(kinds > 1, "all seeds give the same people: shuffle, so that the order of the folder does not decide")
    check.expect(kinds > 30, f"40 seeds give only {kinds} different splits: draw people at random, with a generator made from the seed")
    check.expect(parts.any(axis=0).sum() > 16, "some people are never drawn: each of them should have the same chance")

# %% [markdown]
# ### 13.2 · A split by person
#
# Write `test_part(groups, seed)`. `groups` is an array with the person of each clip. Return an array of bool, True for the clips of the
# test part: a fifth of the *people*, rounded, drawn at random, with all of their clips. The same seed must give the same people. (Leave the classes aside.)
#
# <details><summary>Hint</summary>
#
# `np.unique(groups)` lists the people. `np.random.default_rng(seed).choice(people, number, replace=False)` draws some. `np.isin` tells which clips
# are theirs. (A `set` of words has another order each time Python starts.)
#
# </details>

# %% tags=["exercise"]
def test_part(groups, seed):
    return ...


check_split(test_part)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def test_part_solution(groups, seed):
    people = np.unique(groups)
    drawn = np.random.default_rng(seed).choice(people, round(len(people) / 5), replace=False)
    return np.isin(groups, drawn)


check_split(test_part_solution, record=False)

# %% [markdown]
# `from_folder` splits about 60 : 20 : 20 by group, class by class (with few people, less exactly: of our 12 a class, 6, 3 and 3). For a series, it splits by time, and cuts windows afterwards.
#
# <a id="elsewhere"></a>
#
# ## 6 · A CNN that was trained elsewhere
#
# From scratch, 100 clips teach the recordings, and nothing of counting. What the network lacks is not memory, but eyes: it has to find out from a hundred
# answers, up or down, that there are *digits*. There are thousands of digits elsewhere. So somebody has trained a CNN to name single digits,
# written by other people, in front of walls. We take it as it is.

# %% tags=["definition"]
def frame_cnn(momentum=None):
    """(height, width, 1) -> 64 features; with a momentum, batch normalisation after each convolution."""
    network = keras.Sequential()
    for filters, size in ((16, 5), (32, 3), (64, 3)):
        network.add(layers.Conv2D(filters, size, strides=2, padding="same"))
        if momentum is not None:
            network.add(layers.BatchNormalization(momentum=momentum))
        network.add(layers.ReLU())
    for layer in (layers.Flatten(), layers.Dense(64), layers.LayerNormalization(), layers.ReLU()):
        network.add(layer)
    return network


def reader(momentum=None):
    """Names the digit in one frame."""
    cnn = frame_cnn(momentum)
    return keras.Sequential([keras.Input((32, 32, 1)), cnn, layers.Dense(10, activation="softmax")])

# %% tags=["definition"]
def hybrid(cnn):
    """CNN -> LSTM over any number of frames of 32 x 32, in grey."""
    clips = keras.Input((None, 32, 32, 1))
    frames = PerFrame(cnn)(clips)  # (batch, time, features)
    return keras.Model(clips, layers.Dense(2, activation="softmax")(layers.LSTM(64, name="memory")(frames)))


def on_features(width, order=True):
    """What follows a frozen CNN: an LSTM, or the average over time, which knows no order."""
    features = keras.Input((None, width))
    over_time = layers.LSTM(64, name="memory") if order else layers.GlobalAveragePooling1D()
    return keras.Model(features, layers.Dense(2, activation="softmax")(over_time(features)))

# %%
eyes = reader()
eyes.load_weights(results.FOLDER / "13_reader.weights.h5")
eyes.trainable = False
eyes.save(folder.parent / "eyes.keras")
reader_table = results.load("13_reader")
reader_table.rows[0]["right"]  # share of new people's digits that it names, frame by frame

# %% [markdown]
# A frozen CNN gives the same numbers for the same frame, for ever. So run it **once**, keep what it says, and train only what follows. Here that
# is an LSTM on ten probabilities a frame. (`PerFrame`, from lesson 04, runs a network on every frame of a clip.) `features=` does it for a folder; a clip is then 16 × 10 numbers instead of 16 × 1,024.

# %%
seen = datasets.from_folder(folder, "video", frames=16, size=(32, 32), groups=r"/(p\d+)", features=folder.parent / "eyes.keras")
seen.train.x.shape  # (clip, time, probabilities)

# %% tags=["question"]
import matplotlib.pyplot as plt

fig, panels = plt.subplots(1, 2, figsize=(8.6, 3.2), layout="constrained", sharey=True)
for axes, way in zip(panels, ("up", "down")):
    clip = seen.train.x[np.flatnonzero(seen.train.y["class"] == seen.class_names["class"].index(way))[0]]
    axes.imshow(clip.T, cmap="Blues", vmin=0, vmax=1, aspect="auto", origin="lower")
    axes.set(title=way, xlabel="frame", yticks=range(10), xticks=range(0, 16, 3), xticklabels=range(1, 17, 3))
panels[0].set_ylabel("digit")
plotting.Picture(fig, "Probabilities of the ten digits, frame by frame, for two clips. Counting up, dark steps climb and begin again at 0; counting down, they descend. "
                 "A few frames are taken for other digits.")  # fmt: skip

# %% [markdown]
# *Predict*: this picture is all that the LSTM gets. What does it have to learn? And could you write it down yourself?

# %% tags=["definition"] jupyter={"source_hidden": true}
def train(model, x, y, peak=1.6e-2, epochs=40, batch=16):
    """Adam with clipped gradients; the rate warms up, then falls to zero."""
    steps = -(-len(x) // batch) * epochs
    warm = min(50, steps // 4)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warm, warmup_target=peak, warmup_steps=warm)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)


def pairs(probabilities):
    """How often one digit follows another, from frame to frame: (clip, 100)."""
    return np.einsum("nta,ntb->nab", probabilities[:, :-1], probabilities[:, 1:]).reshape(-1, 100)


def by_rule(probabilities, furthest=1):
    """Up (1) or down (0), without labels: are there more steps up than down, of at most `furthest`?"""
    step = (np.arange(10) - np.arange(10)[:, np.newaxis]) % 10  # from digit (row) to digit (column)
    up, down = (step > 0) & (step <= furthest), step >= 10 - furthest
    return (pairs(probabilities) @ (1.0 * up - down).ravel() > 0).astype(int)


def turned_pairs(features):
    """Pairs of features forwards, minus the same pairs backwards: what has no direction cancels."""
    forwards = np.einsum("nta,ntb->nab", features[:, :-1], features[:, 1:])
    return (forwards - forwards.transpose(0, 2, 1))[:, *np.triu_indices(features.shape[-1], 1)]

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(1)
head = on_features(10)
train(head, np.asarray(seen.train.x), seen.train.y["class"])
right = {part: np.mean(head.predict(getattr(seen, part).x, verbose=0).argmax(-1) == getattr(seen, part).y["class"]) for part in ("train", "test")}
print(f"{right['train']:.2f} of the {len(seen.train)} training clips, {right['test']:.2f} of {len(seen.test)} test clips, all of other people")

# %% [markdown]
# (24 test clips tell little, section 10.) Joined again, CNN and LSTM are one network from pixels
# to answer, and it gives what the two gave apart:

# %%
whole = hybrid(eyes)
for layer, trained in zip(whole.layers[-2:], head.layers[-2:]):  # the LSTM, and the last layer
    layer.set_weights(trained.get_weights())
apart = np.abs(whole.predict(data.test.x, verbose=0) - head.predict(seen.test.x, verbose=0)).max()

# %% tags=["claim"]
check.claim("Features first, or all at once: the same answers", apart, below=1e-3)

# %% [markdown]
# **What does it bring, at 20, 100 and 500 labelled clips?** In the table below, all networks get the same clips and the same tuning. Some rows
# ask what the LSTM is worth: an *average* over time, which knows no order; a *regression on pairs*, which counts how often each digit follows each
# other, from frame to frame, 100 numbers a clip; and a *rule without any label*, which weighs the steps up, from one digit to the next, against those down. ("Turned pairs" are explained below.)

# %% jupyter={"source_hidden": true}
table_20 = results.load("13_20")
table_100 = results.load("13_100")
table_500 = results.load("13_500")
print(table_100)
seeds = {"20 clips": table_20, "100 clips": table_100, "500 clips": table_500}
rows = [row | {"name": row["model"].replace(" of the CNN that names digits", "")} | {many: table.row(row["model"])["right"] for many, table in seeds.items()} for row in table_100.rows]
plotting.table(rows, {"name": "model", "parameters": "parameters"} | {many: many for many in seeds}, "Direction named, share of 200 clips of 100 new people; chance is .5. With 20 and 100 clips, each seed trains on other people")

# %% [markdown]
# - **From scratch: chance, even with 500 clips.** A frozen CNN that was never trained is no better, and a twin of ours, trained on the very same frames to say *where* the digit stands, is not, either.
# - **Frozen, it becomes a small problem.** On ten probabilities the LSTM names .63, .91 and .95. On the 64 features one layer earlier: chance, .79 and .96. (The columns train for 60, 40 and 16 epochs; three times as long changed nothing.)
# - **A symmetry is worth many clips.** Run backwards, a clip has the other label. So count *turned pairs*: how often feature $a$ is followed by $b$, less how often $b$ by $a$. On these, a regression has .97 with
#   *twenty* clips, from the same 64 features. And the LSTM, given each clip also backwards with the other label, climbs from chance to .76 (on probabilities to .84), and with 100 clips from .79 to .94. What they lacked was not a name for each feature. (From the twin's, even turned pairs yield chance.)
# - **Fine-tuning**, all layers learn on, at a rate searched anew: no gain beyond the spread of the seeds. Try it last. **Order is all**: the average stays at chance.
# - **And no LSTM was needed.** The rule, which needs no label, is ahead of all LSTMs, with 500 clips by a hair. There we were lucky: what our CNN names is what the question is made of. So before you train: can you say in words what
#   tells the classes apart? What may be done to a clip, and what becomes of its label?

# %% tags=["claim"] jupyter={"source_hidden": true}
scratch, probable, inner, places, untrained = (table_100.row(name)["model"] for name in ("CNN -> LSTM from scratch", "LSTM on probabilities", "LSTM on 64 features of the CNN that names digits",
    "LSTM on 64 features of a CNN that finds places", "LSTM on 64 features of an untrained CNN"))  # fmt: skip
check.claim("From scratch, on an untrained CNN, or on one that finds places: chance at 20, 100 and 500", [table.mean(name, "right") for table in (table_20, table_100, table_500)
            for name in (scratch, untrained, places)], within=(0.45, 0.55), stored=True)  # fmt: skip
check.claim("On probabilities .63, .91, .95", [table_20.mean(probable, "right") - 0.63, table_100.mean(probable, "right") - 0.91, table_500.mean(probable, "right") - 0.95],
            within=(-0.006, 0.006), stored=True)  # fmt: skip
check.claim("On 64 features chance, .79, .96", [table_20.mean(inner, "right") - 0.5, table_100.mean(inner, "right") - 0.79, table_500.mean(inner, "right") - 0.96],
            within=(-0.006, 0.006), stored=True)  # fmt: skip
tuned = table_100.row("LSTM on probabilities, then all fine-tuned")["model"]
check.claim("Fine-tuning: little difference", [table.mean(tuned, "right") - table.mean(probable, "right") for table in (table_20, table_100, table_500)], within=(-0.03, 0.05), stored=True)
check.claim("The average stays at chance", [table.mean("Average of probabilities", "right") for table in (table_20, table_100, table_500)], within=(0.45, 0.55), stored=True)
turned, turned_places, backwards = (table_100.row(name)["model"] for name in ("No network: regression on turned pairs, 64 features of the CNN that names digits",
    "No network: regression on turned pairs, 64 features of a CNN that finds places", "LSTM on 64 features of the CNN that names digits, also backwards"))  # fmt: skip
check.claim("On turned pairs .97 with twenty clips", table_20.mean(turned, "right"), within=(0.965, 0.975), stored=True)
check.claim("The LSTM with clips also backwards: .76 with 20, .94 with 100", [table_20.mean(backwards, "right") - 0.76, table_100.mean(backwards, "right") - 0.94], within=(-0.005, 0.005), stored=True)
check.claim("on probabilities to .84", table_20.mean("LSTM on probabilities, also backwards", "right"), within=(0.833, 0.843), stored=True)
check.claim("Turned pairs of the twin's features: chance", [table.mean(turned_places, "right") for table in (table_20, table_100, table_500)], within=(0.45, 0.55), stored=True)
rule = table_100.row("No network: steps counted, no labels")["model"]
check.claim("The rule, without a label, is ahead of all LSTMs", [table.mean(rule, "right") - max(table.mean(row["model"], "right") for row in table.rows if "LSTM" in row["model"])
            for table in (table_20, table_100, table_500)], above=0, stored=True)  # fmt: skip

# %% [markdown]
# If you are online, a CNN that was trained on a million photographs is two lines (they download its weights, so they are not run here):
#
# ```python
# cnn = keras.applications.MobileNetV3Small(include_top=False, pooling="avg", input_shape=(224, 224, 3))  # wants colours from 0 to 255
# keras.Sequential([keras.Input((224, 224, 3)), keras.layers.Rescaling(255), cnn]).save("eyes.keras")  # from_folder gives 0 to 1
# ```
#
# Then `from_folder(..., size=(224, 224), channels=3, features="eyes.keras")`. Look up what range each network wants: a wrong one gives no error.
#
# **How frozen is frozen?** `trainable = False` before you compile. What does *not* do it, in Keras 3.15: to call the CNN as
# `cnn(x, training=False)` when you build the model (it freezes neither the weights nor, under `fit`, the statistics of batch normalisation).

# %% tags=["definition"] jupyter={"source_hidden": true}
def of_grey(model, cnn, value, limits):
    """What a model says of an even grey, if each of the CNN's features is how far that grey exceeds a limit."""
    before, pixel, some = cnn.get_weights(), np.zeros((3, 3, 1, 4)), np.ones(4)
    pixel[1, 1] = 1
    cnn.set_weights([pixel, -np.array(limits), some, 0 * some, 0 * some, some])
    answer = np.asarray(model(np.full((1, 5, 8, 8, 1), value, "float32")))
    cnn.set_weights(before)
    return answer

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("13.3", "Freeze it")
def check_frozen(frozen_hybrid):
    x, y = np.random.default_rng(0).normal(1, 3, (8, 5, 8, 8, 1)).astype("float32"), np.arange(8) % 2
    cnn = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(), layers.GlobalMaxPooling2D()])
    model = frozen_hybrid(cnn)
    check.expect(isinstance(model, keras.Model), "return a keras.Model")
    check.expect_shape("the answer for 8 clips", model(x), (8, 2))
    check.expect_close("the sum of your two probabilities", np.sum(model(x), axis=1), np.ones(8))
    try:
        fewer = model(x[:, :3])
    except ValueError:
        fewer = None
    check.expect(fewer is not None, "leave the number of frames open, None: yours does not take clips of 3 frames")
    check.expect_close("the answer for clip 1 without the other clips beside it", model(x[:1]), np.asarray(model(x))[:1])
    check.expect(any(isinstance(layer, layers.LSTMCell) for layer in model._flatten_layers()), "there is no LSTM in the model")
    after, before = np.asarray(model(x)), cnn.get_weights()
    cnn.set_weights([0 * weight for weight in before])
    blind = np.asarray(model(x))
    cnn.set_weights(before)
    two, three, five = (of_grey(model, cnn, value, [3.5, 3.5, 3.5, 3.5]) for value in (2, 3, 5))
    first, last = (of_grey(model, cnn, 5, limits) for limits in ([3, 3, 4, 4], [4, 4, 3, 3]))
    check.expect(np.abs(blind - after).max() > 1e-6, "the answers do not depend on the CNN that you were given: use it, not another one")
    check.expect(np.ptp(blind, axis=0).max() < 1e-5, "with a CNN that answers 0 to every frame, clips still get different answers: something reads pixels beside it")
    check.expect(np.abs(two - three).max() < 1e-6 < np.abs(five - three).max(), "give the CNN each frame as it is, neither scaled nor combined with others")
    check.expect(np.abs(first - last).max() > 1e-6, "the answers stay if the CNN's features change places: give all four to the LSTM, not their mean")
    for frame in range(5):
        other = x.copy()
        other[:, frame] *= -1
        check.expect(np.abs(np.asarray(model(other)) - after).max() > 1e-7, f"frame {frame + 1} of 5 changes nothing: the CNN should see every frame")
    check.expect(np.abs(np.asarray(model(x[:, ::-1].copy())) - after).max() > 1e-7, "the answers do not depend on the order of the frames: let the LSTM read them")
    others = [weight for weight in model.weights if not any(weight is own for own in cnn.weights)]
    theirs = [weight.numpy() for weight in others]
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, batch_size=4, verbose=0)
    moved = [weight.path for weight, old in zip(cnn.weights, before) if np.abs(weight.numpy() - old).max() > 1e-7]
    averages = [path for path in moved if "moving" in path]
    check.expect(len(moved) == len(averages), f"fit has changed {len(moved)} weights of the CNN, such as {moved[:1]}: freeze it before the model is compiled")
    check.expect(not moved, "fit has changed the running averages of batch normalisation: under fit, training=False does not hold; set trainable = False")
    still = [weight.path for weight, old in zip(others, theirs) if np.abs(weight.numpy() - old).max() <= 1e-7]
    check.expect(not still, f"fit has not changed {still[:1]}, either: freeze the CNN alone")

# %% [markdown]
# ### 13.3 · Freeze it
#
# Write `frozen_hybrid(cnn)`: a model from clips (batch, time, 8, 8, 1) to two probabilities: the given CNN on each frame (`PerFrame`), an LSTM, a Dense layer. The CNN makes
# four features of a frame, and has batch normalisation. The check compiles your model and calls `fit`, which must change the LSTM, and nothing in the CNN.
#
# <details><summary>Hint</summary>
#
# Freeze the CNN before the model is compiled. `cnn.weights` lists all that it has, `cnn.trainable_weights` what gradients may change. The running
# averages of batch normalisation are not among the latter, and are changed by `fit` all the same; `trainable = False` stops that, too.
#
# </details>

# %% tags=["exercise"]
def frozen_hybrid(cnn):
    return ...


check_frozen(frozen_hybrid)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def frozen_hybrid_solution(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(PerFrame(cnn)(clips))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


check_frozen(frozen_hybrid_solution, record=False)

# %% [markdown]
# **Stop here if you like** (about 70 minutes so far).
#
# <a id="normalisation"></a>
#
# ## 7 · "It trains well and evaluates badly"
#
# A complaint as old as batch normalisation: accuracy 1.00 while training, and far less on the *very same clips* afterwards. The layer has two modes.
# In training it takes mean and variance from the batch; afterwards it takes running averages, which each batch moves a little:
#
# $$\mu_\text{run} \leftarrow m\,\mu_\text{run} + (1 - m)\,\mu_\text{batch}, \qquad y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta$$
#
# $x$ (batch, height, width, channels); $\mu$, $\sigma^2$, $\gamma$, $\beta$ (channels,); momentum $m$, in Keras .99. By hand, three batches and both modes:

# %%
rng = np.random.default_rng(0)
layer = layers.BatchNormalization(momentum=0.9)
mean, variance = np.zeros(2), np.ones(2)  # where the running averages start
for _ in range(3):
    batch = rng.normal(3, 2, (16, 4, 4, 2)).astype("float32")
    trained = layer(batch, training=True)
    by_hand = (batch - batch.mean((0, 1, 2))) / np.sqrt(batch.var((0, 1, 2)) + 1e-3)
    mean = 0.9 * mean + 0.1 * batch.mean((0, 1, 2))
    variance = 0.9 * variance + 0.1 * batch.var((0, 1, 2))
later = layer(batch, training=False)
apart = [np.abs(trained - by_hand).max(), np.abs(later - (batch - mean) / np.sqrt(variance + 1e-3)).max()]

# %% tags=["claim"]
check.claim("Both modes by hand equal Keras", apart, below=1e-4)

# %% [markdown]
# After $n$ batches, $m^n$ of the running averages is still where they started. *Predict*: 100 clips make 7 batches an epoch. After how many epochs
# is less than a hundredth left, with $m$ = .99? With .9? Now put the layer behind each convolution:

# %%
modes_table = results.load("13_batchnorm")
print(modes_table)
columns = {"model": "CNN -> LSTM, 100 clips, 40 epochs", "training mode": "same clips, training mode", "inference mode": "same clips, inference mode", "right": "new people"}
plotting.table(modes_table.rows, columns, "Share of clips whose direction is named. Training mode: model(clips, training=True), 16 at a time")

# %% [markdown]
# - **Momentum .99**: in training mode, all 100 clips are named; in inference mode, of *the same clips*, .60 to .98, depending on the seed. (Less than a hundredth
#   would be left after 66 epochs; the 280 batches of 40 leave .99²⁸⁰ = .06.)
# - **Momentum .9**: all of them in both modes; 7 epochs were enough. Only the momentum was changed.
# - **That was not the larger trouble.** On new people, both are at chance. If the clips that you trained on are right in inference mode, and others wrong, the network has learned yours by heart, and no momentum helps.
# - **Fine-tuned** from a CNN that names digits, all clips are named in both modes, whatever the momentum, and with normalisation frozen or not: the averages were
#   right from the start. But new people are hardly above chance. **The same CNN, frozen altogether: .86** (on its 64 features; that of section 6 has no batch normalisation). And if the LSTM learns first,
#   alone, and then all layers: .82 in place of .59, at the same rate. So let the LSTM learn first.

# %% tags=["claim"] jupyter={"source_hidden": true}
late, soon = (modes_table.row(f"from scratch, momentum {momentum}")["model"] for momentum in (0.99, 0.9))
tuned_rows = [modes_table.row(f"fine-tuned, {what}")["model"] for what in ("momentum 0.99", "momentum 0.9", "normalisation frozen")]
check.claim("All clips in training mode, .40 less in inference mode at the lowest", modes_table.low(late, "training mode") - modes_table.low(late, "inference mode"),
            within=(0.395, 0.405), stored=True)  # fmt: skip
check.claim("and .98 at the highest", modes_table.high(late, "inference mode"), within=(0.975, 0.985), stored=True)
check.claim("With .9 all of them", modes_table.low(soon, "inference mode"), above=0.999, stored=True)
check.claim("On new people, both from scratch are at chance", [modes_table.mean(name, "right") for name in (late, soon)], within=(0.47, 0.52), stored=True)
check.claim("On new people far fewer than on those", [modes_table.low(name, "inference mode") - modes_table.high(name, "right") for name in (soon, *tuned_rows)], above=0.3, stored=True)
check.claim("Fine-tuned, all clips in both modes", [modes_table.low(name, mode) for name in tuned_rows for mode in ("training mode", "inference mode")], above=0.999, stored=True)
check.claim("but new people hardly above chance", [modes_table.mean(name, "right") for name in tuned_rows], within=(0.55, 0.61), stored=True)
check.claim("The same CNN, frozen: .86", modes_table.mean("CNN frozen", "right"), within=(0.855, 0.865), stored=True)
after = modes_table.row("fine-tuned, after the LSTM alone")["model"]
check.claim("If the LSTM learns first: .82", modes_table.mean(after, "right"), within=(0.815, 0.829), stored=True)
check.claim("in place of .59", modes_table.mean(tuned_rows[1], "right"), within=(0.585, 0.595), stored=True)
check.claim("at the same rate", modes_table.row(after)["peak"][0] / modes_table.row(tuned_rows[1])["peak"][0], equals=1, stored=True)
check.claim("better in each seed", modes_table.low("CNN frozen", "right") - max(modes_table.high(name, "right") for name in tuned_rows), above=0.1, stored=True)

# %% [markdown]
# Two remedies: a lower momentum, or a layer with one mode only (`LayerNormalization`, as at the end of our CNN; `GroupNormalization`).
#
# <a id="why"></a>
#
# ## 8 · Why did it say so?
#
# **Grad-CAM** (Selvaraju and others, 2017) asks where in the maps of a convolution a little more would have changed the answer most. Through
# `PerFrame` it works frame by frame: from the maps $A$ (time, height, width, channels) of the second convolution on, through the rest of the CNN and the LSTM, to the
# answer $p$. Each channel is weighed by its mean slope in that frame, $w_{tc} = \text{mean}_{ij}\, \partial \log p / \partial A_{tijc}$; the heat is their sum,
# cut at 0. (The paper takes the score before the softmax.)

# %% tags=["definition"]
def grad_cam(cnn, head, clips, wanted):
    """Heat (clip, time, 8, 8): where in each frame the answers `wanted` come from. cnn is a `reader`, head an LSTM on its ten numbers."""
    import tensorflow as tf

    frame, dense = cnn.layers
    front, back = keras.Sequential(frame.layers[:4]), keras.Sequential([*frame.layers[4:], dense])
    maps = tf.convert_to_tensor(front(clips.reshape(-1, 32, 32, 1)))  # (clip * time, 8, 8, 32)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        answers = head(tf.reshape(back(maps), (*clips.shape[:2], 10)))  # (clip, 2)
        score = tf.reduce_sum(tf.math.log(tf.gather(answers, wanted, axis=1, batch_dims=1)))
    slope = tape.gradient(score, maps)
    weight = tf.reduce_mean(slope, axis=(1, 2), keepdims=True)  # (clip * time, 1, 1, 32)
    heat = tf.nn.relu(tf.reduce_sum(weight * maps, axis=-1))
    return heat.numpy().reshape(*clips.shape[:2], 8, 8)

# %% tags=["question"] jupyter={"source_hidden": true}
new, new_up, _ = counting("test", 100, clips=1)
new, names = shrunk(new[:, 0]), data.class_names["class"]
wanted = np.where(new_up == 1, names.index("up"), names.index("down"))  # the right answers
heat = grad_cam(eyes, head, new, wanted)
fig, panels = plt.subplots(2, 16, figsize=(9.8, 1.8), layout="constrained")
for step, (above, below) in enumerate(panels.T):
    above.imshow(new[0, step, ..., 0], cmap="gray", vmin=0, vmax=1)
    below.imshow(heat[0, step], cmap="inferno", vmin=0)  # its own scale, as places are compared within a frame
    above.set_title(step + 1, fontsize=10)
    for axes in (above, below):
        axes.set(xticks=[], yticks=[])
panels[0, 0].set_ylabel("frame"), panels[1, 0].set_ylabel("heat")
plotting.Picture(fig, "The 16 frames of a new person's clip, and below each its heat, in a scale of its own: bright places, often at the digit.")

# %% [markdown]
# Bright places are often at the digit, so it is tempting to believe the picture. Three checks:
#
# - **Count**, over all frames of new clips: how much of a frame's heat lies on the digit?
# - **Randomise the weights** (Adebayo and others, 2018). A map that looks the same when the network knows nothing shows the picture, not its reasons.
# - **Cover** what is marked (here with the wall), and see what happens to the answers. Only this one changes the cause.
#
# *Predict*: we mark places with Grad-CAM, and with a filter that knows no network at all, but marks strong edges. Which of the two marks what the answer needs?

# %% jupyter={"source_hidden": true}
def by_places(pixels, what):
    return what(pixels[..., 0].reshape(100, 16, 8, 4, 8, 4), axis=(3, 5))  # (clip, time, 8, 8)


wall = new.min(axis=1, keepdims=True)  # nothing is darker than the wall
ink = by_places(new - wall > 0.2, np.any)
slopes = [np.abs(np.diff(new, axis=axis, append=new.take([-1], axis=axis))) for axis in (2, 3)]


def marking(*maps):
    """Share of a frame's map that lies on the digit, and of right answers once the top 5 % of each frame are covered: means over the maps."""
    shares, rights = [], []
    for found in maps:
        hot = found > np.quantile(found, 0.95, axis=(2, 3), keepdims=True)  # 3 or 4 of the 64 places of each frame
        covered = np.where(np.kron(hot, np.ones((1, 1, 4, 4)))[..., np.newaxis] > 0, wall, new)
        answers = head.predict(eyes.predict(covered.reshape(-1, 32, 32, 1), verbose=0).reshape(100, 16, 10), verbose=0)
        total = found.sum(axis=(2, 3))  # 0 in a few frames
        shares.append(np.mean((found * ink).sum(axis=(2, 3))[total > 0] / total[total > 0]))
        rights.append(np.mean(answers.argmax(-1) == wanted))
    return {"on digits": np.mean(shares), "right": np.mean(rights)}

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
keras.utils.set_random_seed(3)
marked = {"all places alike: nothing covered": marking(np.ones(heat.shape)), "Grad-CAM": marking(heat),
          "Grad-CAM, random weights": marking(*(grad_cam(reader(), head, new, wanted) for _ in range(3))),
          "no network: the strongest edges": marking(by_places(sum(slopes), np.mean)),
          "random places": marking(*np.random.default_rng(0).random((3, *heat.shape)))}  # fmt: skip
plotting.table([{"model": name} | row for name, row in marked.items()], {"model": "what marks places", "on digits": "share of it on digits", "right": "right once its top 5 % of each frame are covered"})

# %% tags=["claim"] jupyter={"source_hidden": true}
grad, edge, chance = marked["Grad-CAM"], marked["no network: the strongest edges"], marked["random places"]
check.claim("The heat lies on digits more than random places do", grad["on digits"] - chance["on digits"], above=0.02)
check.claim("So do edges", edge["on digits"] - chance["on digits"], above=0.15)
check.claim("Covering the heat costs more than covering random places", chance["right"] - grad["right"], above=0.03)
check.claim("With random weights, covering the heat costs more than covering random places, too", chance["right"] - marked["Grad-CAM, random weights"]["right"], above=0.01)
check.claim("Covering the strongest edges costs still more", grad["right"] - edge["right"], above=0)

# %% [markdown]
# The heat lies on digits more often than by chance, and covering it costs right answers. But with random weights (three networks), maps cost right answers, too; and
# the strongest edges, which know nothing of the network, cost most, and lie on digits as often. So here Grad-CAM is no better a guide than "look where the ink is". **Believe a map after you have covered what it marks**, and something simpler beside it.
#
# <a id="videos"></a>
#
# ## 9 · 200 videos of 30 seconds
#
# Back to the question of section 1, with our world: videos of 30 s, a frozen CNN, 120 labelled videos to train on, 100 of other people to test.
#
# **How many frames?** First for the clips of 3 s (100 labelled), then for whole videos. *Predict*: 16 frames out of 3 s are enough. What becomes of 16 frames out of 30 s?

# %% jupyter={"source_hidden": true}
frames_table = results.load("13_frames")
videos_table = results.load("13_videos")
print(videos_table)
seen_by = {"rule": "rule: steps counted", "far": "rule: steps of 1 to 3 (or 4)", "pairs": "regression on pairs", "LSTM": "LSTM"}
how = {"rule": "No network: steps counted", "pairs": "No network: regression on pairs", "LSTM": "LSTM"}


def line(table, read, far=None):
    names = {column: f"{what}, {read}" for column, what in (how | {"far": far}).items()}
    stored = {row["model"]: row["right"] if np.ptp(row["right"]) else row["right"][0] for row in table.rows}
    return {"model": read} | {column: stored.get(name, "") for column, name in names.items()}


lines = [line(frames_table, f"{count} frames of 3 s", "No network: steps of 1 to 3 counted") for count in (16, 8, 4, 2)]
lines += [line(videos_table, read, "No network: steps of 1 to 4 counted") for read in ("16 frames of 30 s", "first 3 s alone", "160 frames of 30 s", "ten clips of 3 s, mean of answers")]
plotting.table(lines, {"model": "what is read"} | seen_by, "Share of new people's clips of 3 s, or videos of 30 s, whose direction is named")

# %% [markdown]
# - **Looks must be close enough to tell the classes apart.** A digit stays for 9 to 18 frames of the video. With 8 looks in 3 s, hardly any is missed, and they do no worse than 16. With 4,
#   the count moves by 1 to 3 from look to look: the LSTM has .81, the regression on pairs .90, and a rule that counts such moves .95. With 2, there is one move, of 3 to 8, and four up is six
#   down: nobody is above .55.
# - **16 frames of 30 s are one look every two seconds.** The count moves by 2 to 6. A rule that counts moves up to 4, and a regression on pairs, have .92: the looks hold much of the answer. The LSTM
#   learns less of it, .84, with a seed of .69. From the first three seconds *alone*, with as many frames, it has .92.
# - **Ten clips, and the mean of their answers: 1.00 in each seed.** One LSTM over the same 160 frames has .98: two videos of 100 are no difference to build on. Ten clips also are ten times the training examples, though not ten times as many people.
# - **No LSTM is needed**: over 160 frames, rule and regression have 1.00.
#
# For your videos of 30 s, 160 frames at 16 / 3 a second are ten clips of 3 s:
#
# ```python
# long = datasets.from_folder("my_videos", "video", frames=160, rate=16 / 3, size=(32, 32), groups=..., features="eyes.keras")
# clips, labels = np.reshape(long.train.x, (-1, 16, 10)), np.repeat(long.train.y["class"], 10)  # train the head on these
# answers = head.predict(np.reshape(long.test.x, (-1, 16, 10))).reshape(-1, 10, 2).mean(axis=1)  # one answer a video
# ```

# %% tags=["claim"] jupyter={"source_hidden": true}
clip16, clip8, clip4, clip2 = (frames_table.row(f"LSTM, {count} frames of 3 s")["model"] for count in (16, 8, 4, 2))
check.claim("8 frames do no worse than 16", frames_table.mean(clip8, "right") - frames_table.mean(clip16, "right"), within=(0, 0.03), stored=True)
far4 = frames_table.row("No network: steps of 1 to 3 counted, 4 frames of 3 s")["model"]
check.claim("With 4, a rule that counts such moves .95", frames_table.mean(far4, "right"), within=(0.945, 0.955), stored=True)
check.claim("4 frames: .81", frames_table.mean(clip4, "right"), within=(0.8, 0.815), stored=True)
pairs4, pairs2 = (frames_table.row(f"No network: regression on pairs, {count} frames of 3 s")["model"] for count in (4, 2))
check.claim("the regression on pairs .90", frames_table.mean(pairs4, "right"), within=(0.89, 0.905), stored=True)
rules2 = [frames_table.row(f"No network: {rule}, 2 frames of 3 s")["model"] for rule in ("steps counted", "steps of 1 to 3 counted")]
check.claim("2 frames: nobody above .55", [frames_table.high(name, "right") for name in (clip2, pairs2, *rules2)], below=0.5501, stored=True)
of16, of160, first3, ten = (videos_table.row(f"LSTM, {name}")["model"] for name in ("16 frames of 30 s", "160 frames of 30 s", "first 3 s alone", "ten clips of 3 s, mean of answers"))
check.claim("16 frames of 30 s: .84", videos_table.mean(of16, "right"), within=(0.835, 0.845), stored=True)
check.claim("with a seed of .69", videos_table.low(of16, "right"), within=(0.685, 0.695), stored=True)
check.claim("The first three seconds alone: .92, better in each seed", videos_table.low(first3, "right") - videos_table.high(of16, "right"), within=(0.01, 0.03), stored=True)
check.claim(".92 in the mean", videos_table.mean(first3, "right"), within=(0.915, 0.925), stored=True)
check.claim("Ten clips: 1.00 in each seed", videos_table.low(ten, "right"), above=0.999, stored=True)
check.claim("One LSTM over 160 frames: .98", videos_table.mean(of160, "right"), within=(0.975, 0.985), stored=True)
few_pairs, all_pairs = (videos_table.row(f"No network: regression on pairs, {count} frames of 30 s")["model"] for count in (16, 160))
few_rule = videos_table.row("No network: steps of 1 to 4 counted, 16 frames of 30 s")["model"]
all_rule = videos_table.row("No network: steps counted, 160 frames of 30 s")["model"]
check.claim("Rule and pairs on 16 frames: .92", [videos_table.mean(name, "right") for name in (few_rule, few_pairs)], within=(0.915, 0.925), stored=True)
check.claim("On 160 frames 1.00", [videos_table.mean(name, "right") for name in (all_rule, all_pairs)], above=0.995, stored=True)

# %% [markdown]
# **Are 200 many?** Train on a quarter, half and all of your training people. If the score still climbs, label more people; if not, more will not help. (The columns of section 6 are such a curve.)
#
# **How large, how compressed?** Take the smallest size at which *you* still see the answer: look at the frames after shrinking, not before. With 16 frames of 32 × 32, in grey, the
# 415 GB are 200 × 16 × 1,024 = 3.3 MB. As for compression, a clip of ours is 166 kB raw; here it went through a file:

# %% jupyter={"source_hidden": true}
files_table = results.load("13_files")
altered_table = results.load("13_augment")
print(files_table)
stored = {row["model"]: row["right"] for row in files_table.rows}
rules = [row for row in files_table.rows if row["model"].startswith("No network")]
lines = [{"model": row["model"].removeprefix("No network: steps counted; "), "kB": row["kB"][0], "rule": row["right"][0]} for row in rules]
lines = [line | {what: stored.get(f"{line['model']}; trained on {what}", "") for what in ("no file", "the same")} for line in lines]
columns = {"model": "file", "kB": "kB a clip", "rule": "rule: steps counted", "no file": "LSTM, trained on no file", "the same": "LSTM, trained on the same"}
plotting.table(lines, columns, "New people's clips; 100 labelled ones. crf: the encoder's scale of loss, for H.264 from 0 to 51, for VP9 to 63. The CNN has never seen a file")

# %% [markdown]
# - **Down to crf 35, a fortieth of the raw bytes, no loss shows**: .91 to .93, as without a file. VP9: .91 and .88, with fewer bytes.
# - **At crf 45, .84**, lower in each seed, and .88 if the LSTM learns from such files. The rule has .99: the digits are still there. **At crf 51, .63 and .58**, the rule .77: now digits are gone, and the
#   files are hardly smaller.
#
# So look at frames *after* reading, and keep the originals.
#
# **More clips from few: augmentation.** Alter a clip so that its class stays. Which of these may one do here? *Predict*: a reversed clip; a mirrored one.

# %%
print(altered_table)
plotting.table(altered_table.rows, {"model": "copies added to 100 clips", "right": "new people"}, "As many training steps in each row")

# %% [markdown]
# - **Shifted by a few pixels**: .96 in place of .90, better in each seed.
# - **Backwards with the same label**: chance. Counting up, backwards, *is* counting down: half of the training data now says the opposite. With the *other* label: .94.
# - **Mirrored**: no difference beyond the seeds here. For gestures to the left and right it would be as wrong as backwards is for us. Ask of each alteration:
#   would I give the altered clip the same label?

# %% tags=["claim"] jupyter={"source_hidden": true}
raw = files_table.row("no file; trained on the same")["model"]
kinds = {name: [files_table.row(f"{name}; trained on {what}")["model"] for what in ("no file", "the same")]
         for name in ("mp4, H.264, crf 18", "mp4, H.264, crf 35", "mp4, H.264, crf 45", "mp4, H.264, crf 51", "webm, VP9, crf 50")}  # fmt: skip
fine, coarse, worst = ([files_table.mean(name, "right") for name in kinds[f"mp4, H.264, crf {crf}"]] for crf in (35, 45, 51))
check.claim("Down to crf 35: .91", min(files_table.mean(raw, "right"), *fine, *(files_table.mean(name, "right") for name in kinds["mp4, H.264, crf 18"])), within=(0.91, 0.92), stored=True)
check.claim("to .93", max(files_table.mean(raw, "right"), *fine, *(files_table.mean(name, "right") for name in kinds["mp4, H.264, crf 18"])), within=(0.925, 0.935), stored=True)
check.claim("a fortieth of the bytes", files_table.mean(raw, "kB") - 39 * files_table.mean(kinds["mp4, H.264, crf 35"][0], "kB"), within=(0, 4), stored=True)
vp9 = kinds["webm, VP9, crf 50"][0]
check.claim("VP9: .91 and .88", [files_table.mean(name, "right") - value for name, value in zip(kinds["webm, VP9, crf 50"], (0.91, 0.88))], within=(-0.005, 0.005), stored=True)
check.claim("fewer bytes", files_table.mean(kinds["mp4, H.264, crf 35"][0], "kB") - files_table.mean(vp9, "kB"), above=1, stored=True)
check.claim("crf 45: .84", coarse[0], within=(0.835, 0.845), stored=True)
check.claim("lower in each seed", np.subtract(files_table.row(raw)["right"], files_table.row(kinds["mp4, H.264, crf 45"][0])["right"]), above=0.05, stored=True)
check.claim("and .88", coarse[1], within=(0.875, 0.885), stored=True)
check.claim("crf 51: .63", worst[0], within=(0.62, 0.63), stored=True)
check.claim("and .58", worst[1], within=(0.57, 0.58), stored=True)
rule45, rule51 = (files_table.row(f"No network: steps counted; mp4, H.264, crf {crf}")["model"] for crf in (45, 51))
check.claim("The rule: .99 at crf 45, .77 at 51", [files_table.mean(rule45, "right") - 0.99, files_table.mean(rule51, "right") - 0.77], within=(-0.005, 0.005), stored=True)
plain, moved, mirror = (altered_table.row(name)["model"] for name in ("as they are", "shifted", "mirrored"))
back, swapped = (altered_table.row(f"backwards, {label} label")["model"] for label in ("same", "other"))
check.claim("Shifted: .96", altered_table.mean(moved, "right"), within=(0.955, 0.965), stored=True)
check.claim("in place of .90", altered_table.mean(plain, "right"), within=(0.89, 0.905), stored=True)
check.claim("better in each seed", altered_table.low(moved, "right") - altered_table.high(plain, "right"), above=0.02, stored=True)
check.claim("Backwards with the same label: chance", altered_table.mean(back, "right"), within=(0.45, 0.57), stored=True)
check.claim("With the other label .94", altered_table.mean(swapped, "right"), within=(0.93, 0.945), stored=True)
check.claim("Mirrored: little difference", altered_table.mean(mirror, "right") - altered_table.mean(plain, "right"), within=(-0.03, 0.03), stored=True)

# %% [markdown]
# <a id="score"></a>
#
# ## 10 · What can 40 test videos tell?
#
# 37 of 40 are right: .925. How good is the network really? **Wilson's interval** (1927), at 95 %, has all accuracies that could well have given 37 of 40.

# %%
from scipy.stats import binomtest

for right_ones, of in ((37, 40), (370, 400), (3700, 4000)):
    low, high = binomtest(right_ones, of).proportion_ci(method="wilson")
    print(f"{right_ones} of {of}: {low:.2f} to {high:.2f}")

# %% [markdown]
# So with 40 videos, .925 and .85 lie within one interval. And the formula thinks that the 40 are independent: 40 clips of eight people tell still less. The remedy is to use
# *every* video for a test, once: **cross-validation by group**. Train five times, each time without a fifth of the people.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
everything = {"x": np.concatenate([seen.train.x, seen.validation.x, seen.test.x])}
everything["y"] = np.concatenate([part.y["class"] for part in (seen.train, seen.validation, seen.test)])
everything["who"] = np.concatenate([part.groups for part in (seen.train, seen.validation, seen.test)])
people = np.unique(everything["who"])
folds, answered = np.random.default_rng(0).permutation(len(people)) % 5, np.zeros(len(everything["y"]), int)
for fold in range(5):
    out = np.isin(everything["who"], people[folds == fold])
    keras.utils.set_random_seed(fold)
    model = on_features(10)
    train(model, everything["x"][~out], everything["y"][~out], epochs=20)
    answered[out] = model.predict(everything["x"][out], verbose=0).argmax(-1)
    print(f"fold {fold + 1}: {(answered == everything['y'])[out].mean():.2f} of {out.sum()} clips")
plotting.answers(everything["y"], {"five folds": [answered]}, f"{len(answered)} clips of {len(people)} people, each tested once")

# %% [markdown]
# ("mean recall" is the mean over the classes, see 13.4; "95 %" is Wilson's interval, as if the clips were independent, so it is too narrow.) Whatever you choose (frames, size, epochs, model), choose it by validation *within* the
# training part. A test part that helped to choose is a validation part.
#
# **When one class is rare**, accuracy is blind: of 200 videos, 10 show a fall. A network that never says "fall" is right in .95. Look at the **recall** of each
# class (of those that are one, how many are named?), at its **precision** (of those named so, how many are?), and at the confusion matrix. In training, `class_weight={0: 1, 1: 19}` lets each fall count as
# 19 clips. In a network that names all of its training clips, as ours do, that need not help (Byrd & Lipton 2019): with 10 clips of "up" among 200, recall was .45 without and .47 with it.
# To say "up" from a probability of .02 on raised it to .59, and lowered precision (if 1 of 20 is "up") from .82 to .67. Which mistake costs more, you have to say.

# %% tags=["claim"] jupyter={"source_hidden": true}
rare_table = results.load("13_rare")
alike, weighted = (rare_table.row(name)["model"] for name in ("all clips count alike", "each rare clip counts 19 times"))
check.claim("Recall of the rare class: .45", rare_table.mean(alike, "recall from 0.5"), within=(0.447, 0.457), stored=True)
check.claim("with class weights .47", rare_table.mean(weighted, "recall from 0.5"), within=(0.469, 0.479), stored=True)
check.claim("From .02 on, recall is .59", rare_table.mean(alike, "recall from 0.02"), within=(0.583, 0.593), stored=True)
check.claim("Precision: .82, then .67", [rare_table.mean(alike, "precision from 0.5") - 0.82, rare_table.mean(alike, "precision from 0.02") - 0.667], within=(-0.005, 0.005), stored=True)
check.claim("All training clips are named, or nearly", [rare_table.low(name, "fits") for name in (alike, weighted)], above=0.99, stored=True)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("13.4", "When one class is rare")
def check_balanced(balanced):
    rng = np.random.default_rng(1)
    cases = [(rng.permutation(np.r_[np.arange(4), rng.integers(4, size=60)]), rng.integers(4, size=64)) for _ in range(4)]
    cases += [(np.r_[np.zeros(95, int), np.ones(5, int)], np.zeros(100, int)), (np.arange(3), np.arange(3)), (np.array([3, 3, 12, 12]), np.array([3, 12, 12, 12])), (np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2]))]
    for true, answers in cases:
        found = balanced(true.copy(), answers.copy())
        check.expect_shape("the answer", found, ())
        classes = np.unique(true)
        wanted = np.mean([(answers[true == c] == c).mean() for c in classes])
        precisions = [(true[answers == c] == c).mean() for c in np.unique(answers)]
        alike = abs(float((true == answers).mean()) - wanted) < 1e-9
        check.expect(alike or not abs(found - (true == answers).mean()) <= 1e-9, "that is the accuracy: the frequent class drowns the rare one")
        other = abs(np.mean(precisions) - wanted) < 1e-9
        check.expect(other or not abs(found - np.mean(precisions)) <= 1e-9, "that is the mean precision: divide by how many *are* of a class")
        check.expect_close(f"the mean recall for classes {classes.tolist()}", found, wanted, 1e-6)

# %% [markdown]
# ### 13.4 · When one class is rare
#
# Write `balanced(true, answers)`, the **balanced accuracy**: the recall of each class that occurs in `true`, and of these the mean. Both are
# arrays of class numbers (clips,). Always "no fall" then scores .5, not .95.
#
# <details><summary>Hint</summary>
#
# `np.unique(true)` lists the classes. For one of them, `answers[true == number] == number` says which of its clips are named.
#
# </details>

# %% tags=["exercise"]
def balanced(true, answers):
    return ...


check_balanced(balanced)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def balanced_solution(true, answers):
    return np.mean([np.mean(answers[true == number] == number) for number in np.unique(true)])


check_balanced(balanced_solution, record=False)

# %% [markdown]
# **Stop here if you like** (about 99 minutes so far).
#
# <a id="save"></a>
#
# ## 11 · Save it, and load it elsewhere
#
# The network works here. What does another program need, besides the file that you save?
#
# - **Keras, and the code of `PerFrame`**: the file holds layers, options and weights, but no code. Copy `course_utils/layers.py`, and import it first.
# - **What your frames look like.** The network does not know. Give it pixels up to 255 in place of 1, or twice the pace, and it answers without an
#   error. So write beside it: how many frames, over how many seconds, which size, grey or colour, which range, and the names of the classes.
#
# Below, the other program is a process of its own that cannot import the course. At first it forgets `PerFrame`.

# %% jupyter={"source_hidden": true}
import json
import subprocess
import sys

place = folder.parent
card = {"classes": list(names), "frames": 16, "seconds": 3, "size": [32, 32], "channels": "grey", "pixels": [0, 1]}
(place / "counting.json").write_text(json.dumps(card), encoding="utf-8")
shutil.copy(sys.modules["course_utils.layers"].__file__, place / "per_frame.py")  # the code of PerFrame
few = np.array(data.test.x)  # 24 clips
answers = np.asarray(whole(few))  # to compare with
np.save(place / "clips.npy", few)

# %% jupyter={"source_hidden": true}
whole.save(place / "counting.keras")
OTHER = """
import sys
sys.modules["course_utils"] = None  # an import of the course fails
import keras, numpy as np
try:
    keras.saving.load_model("counting.keras")
except TypeError as error:
    print("It could not locate PerFrame:", "Could not locate class 'PerFrame'" in str(error))
import per_frame  # tells Keras what PerFrame is
network = keras.saving.load_model("counting.keras")
np.save("answers.npy", network(np.load("clips.npy")))
"""
done = subprocess.run([sys.executable, "-c", OTHER], cwd=place, capture_output=True, text=True, timeout=120)
print(done.stdout.strip() or done.stderr)
elsewhere = np.abs(np.load(place / "answers.npy") - answers).max()

# %% [markdown]
# **Weights only.** `save_weights` keeps the numbers and no layers; whoever loads them builds the same network first. *Predict*: we build
# it without the `LayerNormalization`, and load. What happens?

# %%
whole.save_weights(place / "counting.weights.h5")
lacking = reader()
lacking.layers[0].pop(-2)  # no LayerNormalization
same, lacking = hybrid(reader()), hybrid(keras.Sequential([keras.Input((32, 32, 1)), *lacking.layers]))
for network in (same, lacking):
    network.load_weights(place / "counting.weights.h5")
same_off, lacking_off = (np.abs(np.asarray(network(few)) - answers).max() for network in (same, lacking))

# %% tags=["claim"]
check.claim("Another program, with one file of the course, gives the same answers", elsewhere, below=1e-4)
check.claim("So do the weights in a new network", same_off, below=1e-4)
check.claim("With one layer missing they load, and the answers are others", lacking_off, above=0.003)

# %% [markdown]
# No error: weights that no layer asks for are passed over. (A layer that finds none does raise one.) So **keep a few clips with their answers
# beside the file, and compare after every load, export or update**; some with unsure answers, since sure ones hardly move.
#
# <a id="streaming"></a>
#
# ## 12 · An answer after every frame
#
# A camera does not send clips. Frames come one by one (at the pace that the network knows from training: here 16 in 3 seconds, so every fourth or fifth of 24 a second), and you want an answer after each. You could read the last 16 again every time: 16 times the
# work. But all that an LSTM knows of old frames is $h$ and $c$. So carry these, from $h_0 = c_0 = 0$:
#
# $$z_t = \text{CNN}(x_t) \qquad h_t, c_t = \text{LSTM}(z_t, h_{t-1}, c_{t-1}) \qquad y_t = \text{softmax}(W h_t + b)$$
#
# | Symbol | In Keras | Shape |
# |---|---|---|
# | $x_t$, $z_t$ | a frame, and `model.layers[1].network` of it | (1, 32, 32, 1), (1, features) |
# | $h_t$, $c_t$ | `_, (h, c) = model.get_layer("memory").cell(z, [h, c])`: one step of the layer | (1, 64) each |
# | $y_t$ | `model.layers[-1](h)` | (1, 2) |

# %% tags=["definition"] jupyter={"source_hidden": true}
def reads_of(model):
    """Count what the CNN and the LSTM of a hybrid read, however it is called: returns a function without arguments."""
    import tensorflow as tf

    def counted(call, count):
        def read(inputs, *args, **kwargs):
            count.assign_add(tf.shape(inputs)[0])
            return call(inputs, *args, **kwargs)

        return read

    parts, counts = (model.layers[1].network, model.get_layer("memory").cell), (tf.Variable(0), tf.Variable(0))
    for part, count in zip(parts, counts):
        part.call = counted(part.call, count)
    return lambda: np.array([int(count) for count in counts])


def step_by_step(model, film, change=lambda h, c: [h, c]):
    """What a hybrid says after each frame, if `change` is done to the state in between."""
    cnn, memory, answer = model.layers[1].network, model.get_layer("memory"), model.layers[-1]
    h, c, told = *np.zeros((2, 1, memory.units), "float32"), []
    for frame in film:
        _, (h, c) = memory.cell(cnn(frame[np.newaxis]), change(h, c))
        told.append(np.asarray(answer(h))[0])
    return np.array(told)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("13.5", "An answer after every frame")
def check_streamer(streamer):
    keras.utils.set_random_seed(6)
    model, frames = hybrid(frame_cnn()), np.random.default_rng(6).random((2, 8, 32, 32, 1)).astype("float32")
    film, other = frames
    whole = np.array([np.asarray(model(film[np.newaxis, :n]))[0] for n in range(1, 9)])
    mistakes = {"the answer is that to the newest frame alone: h and c of the frame before are lost": lambda h, c: [0 * h, 0 * c],
                "the cell state c of the frame before is lost": lambda h, c: [h, 0 * c],
                "the hidden state h of the frame before is lost": lambda h, c: [0 * h, c],
                "h and c have changed places: h comes first": lambda h, c: [c, h]}  # fmt: skip
    mistakes = {reason: step_by_step(model, film, change) for reason, change in mistakes.items()}
    others, count = step_by_step(model, other), reads_of(model)
    read = streamer(model)
    check.expect(callable(read), "return a function that takes one frame")
    for n, frame in enumerate(film):
        told = read(frame)
        check.expect_shape(f"what your function returns for frame {n + 1}", told, (2,))
        for reason, wrong in mistakes.items():
            check.expect(n == 0 or np.abs(np.asarray(told) - wrong[n]).max() > 1e-6, f"frame {n + 1}: {reason}")
        check.expect_close(f"your answer after frame {n + 1}", told, whole[n])
    one, two = streamer(model), streamer(model)
    apart = [np.abs(np.asarray([one(a), two(b)]) - [x, y]).max() for a, b, x, y in zip(film, other, whole, others)]
    check.expect(max(apart) < 1e-5, "two streamers of one model, fed in turn, disturb each other: each needs a state of its own, which starts at 0")
    before = count()
    for number in range(30):
        last = one(film[number // 2 % 8])
    seen, steps = count() - before
    check.expect_close("your answer after frame 38", last, np.asarray(model(film[np.newaxis, np.r_[:8, np.arange(30) // 2 % 8]]))[0])
    check.expect(30 <= seen <= 45, f"for 30 new frames the CNN read {seen}: " + ("it must not read old ones again" if seen > 45 else "use the CNN of the model that you were given"))
    check.expect(steps <= 75, f"for 30 new frames the LSTM made {steps} steps: carry h and c in place of starting anew")  # a layer makes up to 60
    normal = hybrid(frame_cnn(0.9))
    reading, wanted = streamer(normal), [np.asarray(normal(film[np.newaxis, :n]))[0] for n in (1, 2, 3)]
    check.expect_close("with batch normalisation, your answers to three frames (in inference mode)", [np.asarray(reading(frame)) for frame in film[:3]], wanted)
    check.expect(np.abs(np.asarray(model(film[np.newaxis]))[0] - whole[-1]).max() < 1e-5, "the model answers otherwise than before: a streamer must leave it as it is")

# %% [markdown]
# ### 13.5 · An answer after every frame
#
# Write `streamer(model)`, for any model that `hybrid` makes. It returns a *function* that takes one frame (32, 32, 1) and returns an array (2,):
# what `model` says of all frames that this function got so far. It uses the model's own CNN, and reads no frame twice. Two streamers of one model can follow two films in turn.
#
# <details><summary>Hint</summary>
#
# A function inside a function can keep the state: `nonlocal h, c`. `frame[np.newaxis]` makes a batch of one; `[0]` takes the answer out of it.
#
# </details>

# %% tags=["exercise"]
def streamer(model):
    return ...


check_streamer(streamer)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def streamer_solution(model):
    cnn, memory, answer = model.layers[1].network, model.get_layer("memory"), model.layers[-1]
    h = c = np.zeros((1, memory.units), "float32")

    def read(frame):
        nonlocal h, c
        _, (h, c) = memory.cell(cnn(frame[np.newaxis]), [h, c])
        return np.asarray(answer(h))[0]

    return read


check_streamer(streamer_solution, record=False)

# %% [markdown]
# For other programs, make the step a network: frame, $h$ and $c$ go in; the answer and the next $h$ and $c$ come out. It shares the trained layers, has no
# loop, and needs no `PerFrame`. Here it reads 200 frames, one after the other.

# %%
def step_model(model):
    cnn, memory, answer = model.layers[1].network, model.get_layer("memory"), model.layers[-1]
    frame = keras.Input((32, 32, 1), name="frame")
    h, c = (keras.Input((memory.units,), name=name) for name in "hc")
    _, (next_h, next_c) = memory.cell(cnn(frame), [h, c])
    return keras.Model([frame, h, c], [answer(next_h), next_h, next_c])


film = few.reshape(-1, 32, 32, 1)[:200]
step, state, so_far = step_model(whole), [np.zeros((1, 64), "float32")] * 2, []
for frame in film:
    told, *state = step.predict_on_batch([frame[np.newaxis], *state])
    so_far.append(told[0])
stream_off = max(np.abs(whole(film[np.newaxis, :n])[0] - so_far[n - 1]).max() for n in (1, 2, 3, 16, 100, 200))

# %% tags=["claim"]
check.claim("After 1, 2, 3, 16, 100 and 200 frames, the step answers as the whole clip does", stream_off, below=1e-4)

# %% [markdown]
# *Predict*: which takes longer for one more frame, a step by `predict_on_batch`, a window of 16 frames by `predict_on_batch`, or a step by `predict`?

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
import time

import psutil


def milliseconds(call, times):
    call()
    start, before = time.perf_counter(), psutil.Process().memory_info().rss
    for _ in range(times):
        call()
    return 1000 * (time.perf_counter() - start) / times, (psutil.Process().memory_info().rss - before) / 1e6


inputs, window = [film[:1], *state], film[np.newaxis, :16]
ways = {"step, predict_on_batch": milliseconds(lambda: step.predict_on_batch(inputs), 1000),
        "window of 16, predict_on_batch": milliseconds(lambda: whole.predict_on_batch(window), 200),
        "step, predict": milliseconds(lambda: step.predict(inputs, verbose=0), 20)}  # fmt: skip
for name, (took, grown) in ways.items():
    print(f"{name}: {took:.1f} ms a frame; memory grew by {grown:.0f} MB")

# %% tags=["claim"]
check.claim("A step by predict takes far longer", ways["step, predict"][0] - 5 * ways["step, predict_on_batch"][0], above=0)
check.claim("In 1,000 steps by predict_on_batch, memory does not grow", ways["step, predict_on_batch"][1], below=10)

# %% [markdown]
# `predict` prepares for many batches, at each call. And so small a network takes less time than the call around it, so here the window costs less than
# 16 steps; the larger the CNN, the more a step saves. The size of the state and the memory used stay the same, however long the film.
#
# **Trained on 3 seconds, reading 30?** The LSTM that learned from first 3 seconds (section 9) is right for .92 of the people after these, and for .96 if it reads on to 30. But it does not forget: 3 seconds after 15 of
# *another* person, it says that one's direction for .95. So where a new recording begins, begin anew with $h = c = 0$.

# %% tags=["claim"] jupyter={"source_hidden": true}
first3 = videos_table.row("LSTM, first 3 s alone")["model"]
check.claim("Reading on to 30 s: .96 in place of .92", videos_table.mean(first3, "carried") - videos_table.mean(first3, "right"), within=(0.03, 0.045), stored=True)
check.claim("3 s after another person, that one's direction for .95", videos_table.mean(first3, "the other's") - videos_table.mean(first3, "right"), within=(0.025, 0.04), stored=True)

# %% [markdown]
# <a id="export"></a>
#
# ## 13 · Optional: without Keras
#
# About 4 minutes.
#
# Where there is no Keras, the network travels in another format: `model.export("moves")` writes a SavedModel, for TensorFlow;
# `model.export("moves.onnx", format="onnx")` a file for the small ONNX Runtime; `model.export("moves.tflite", format="litert")` one for
# LiteRT, on phones. *Predict*: which exports still give the same answers, at any number of frames, one clip and three at a time? (The last two columns were told how many clips there are, always 1 or always 3.)

# %%
exported = results.load("13_export")
formats = [key for key in exported.rows[0] if key.startswith("error")]


def in_words(off):
    return "fails" if np.isnan(off) else "equal" if off < 1e-4 else f"WRONG, by {off:.2f}"


exports = [{"model": row["model"].removeprefix("No training: ")} | {key: in_words(row[key][0]) for key in formats} for row in exported.rows]
plotting.table(exports, {"model": "network"} | {key: key.removeprefix("error ") for key in formats}, "Random weights. Largest difference from Keras at 5, 8 and 12 frames, or at the fixed 8")

# %% [markdown]
# - **`TimeDistributed` over any number of frames: wrong, without an error.** In the graph that is exported, it goes over as many
#   steps as there are *clips*. `PerFrame` does not; or tell `Input` the number of frames.
# - **LiteRT wants to know how many clips come at a time**, wherever there is a loop (LSTM, GRU, ConvLSTM): with that left open, it needs operations that it does not have by itself. Say so in the signature,
#   here for one clip: `input_signature=[keras.InputSpec(shape=(1, None, 32, 32, 1), dtype="float32")]`. The number of frames may stay free. Without a loop
#   (`unroll=True` and a fixed length, attention, one step), nothing need be said.
# - **ONNX: "The model provided has never called."** Call the network once, for instance `model(clips[:1])`. A loaded one was not called yet.
# - **Nothing helps?** Export the step, and write the loop yourself.
#
# **Half the bits?** `keras.config.set_dtype_policy("mixed_float16")`, the last layer with `dtype="float32"`. Most CPUs get slower: measure, and compare answers.

# %% tags=["claim"] jupyter={"source_hidden": true}
spread = exported.row("No training: TimeDistributed -> LSTM, any length")["model"]
check.claim("TimeDistributed over any number of frames is wrong as a SavedModel", exported.mean(spread, "error SavedModel"), above=0.05, stored=True)
check.claim("and as LiteRT for one clip", exported.mean(spread, "error LiteRT, always 1"), above=0.05, stored=True)
check.claim("All others are equal as a SavedModel, in ONNX, and in LiteRT for a fixed number of clips", [exported.mean(row["model"], each) for row in exported.rows
            for each in ("error SavedModel", "error ONNX", "error LiteRT, always 1", "error LiteRT, always 3") if row["model"] != spread], below=1e-4, stored=True)  # fmt: skip
loops = [row["error LiteRT"][0] for row in exported.rows if "LSTM" in row["model"] and "unroll" not in row["model"]]
check.claim("With a loop and an open number of clips, LiteRT fails", np.mean(np.isnan(loops)), above=0.99, stored=True)

# %% [markdown]
# <a id="service"></a>
#
# ## 14 · Optional: a tiny service
#
# About 8 minutes.
#
# A camera elsewhere sends frames; a service keeps $h$ and $c$ of each camera and answers after every frame. It needs neither Keras nor this course:
# ONNX Runtime has the step. What comes from outside may be wrong, or malicious. So the first half of the program only refuses: a body is
# read up to a limit, a PNG's header before its pixels, and each refusal says why. No pickle, no code and no name of a file comes from a client.

# %%
REFUSE = '''
"""POST /sessions begins; POST /sessions/NAME takes a frame, a grey PNG, and answers."""
import io, json, secrets, socket, sys, threading, uvicorn
import numpy as np, onnxruntime
from fastapi import FastAPI, HTTPException, Request
from PIL import Image
CARD, STEP = json.load(open("counting.json", encoding="utf-8")), onnxruntime.InferenceSession("step.onnx")
MOST_BYTES, MOST_SESSIONS = 10_000, 50

async def frame_in(request):
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"A frame may have {MOST_BYTES:,} bytes at most.")
    try:
        image = Image.open(io.BytesIO(body), formats=["PNG"])  # its head; no pixels yet
        fits = image.mode == "L" and list(image.size) == CARD["size"]
        frame = np.asarray(image, "float32") if fits else None
    except Exception:  # a decoder may throw anything
        raise HTTPException(415, "This is not a PNG, or a damaged one.") from None
    if frame is None:
        raise HTTPException(422, f"Frames are grey (L), {CARD['size']}; this one is {image.mode}, {list(image.size)}.")
    return frame[None, :, :, None] / 255  # pixels from 0 to 1
'''

# %%
ANSWER = '''
app, sessions = FastAPI(), {}  # name -> h and c; first the one unused for longest
@app.post("/sessions", status_code=201)
async def begin():
    sessions[name := secrets.token_urlsafe(16)] = np.zeros((2, 1, 64), "float32")  # a name that nobody guesses
    if len(sessions) > MOST_SESSIONS:
        del sessions[next(iter(sessions))]
    return {"session": name, **CARD}

@app.post("/sessions/{name}")
async def read(name: str, request: Request):
    frame = await frame_in(request)
    if name not in sessions:
        raise HTTPException(404, "Unknown session, or forgotten: begin a new one.")
    h, c = sessions.pop(name)
    answer, *sessions[name] = STEP.run(None, {"frame": frame, "h": h, "c": c})  # now the last
    return dict(zip(CARD["classes"], answer[0].tolist()))

server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
door = socket.create_server(("127.0.0.1", 0))  # this machine only, any free port
door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each answer leaves at once
print(door.getsockname()[1], flush=True)  # tells which; it ends when its input is closed, or who started it dies
threading.Thread(target=lambda: (sys.stdin.read(), setattr(server, "should_exit", True)), daemon=True).start()
server.run(sockets=[door])
'''

# %% jupyter={"source_hidden": true}
import contextlib
import http.client
import io
import threading
import warnings

(place / "service.py").write_text(REFUSE.lstrip() + ANSWER, encoding="utf-8")
with warnings.catch_warnings(action="ignore"):  # NumPy warns of how Keras calls it
    step.export(str(place / "step.onnx"), format="onnx", verbose=False)


def start():
    """Run the service; returns its process and its port. It must be there within a minute."""
    with open(place / "service.log", "w") as log:
        process = subprocess.Popen([sys.executable, "service.py"], cwd=place, stdin=-1, stdout=-1, stderr=log, text=True)
    too_long = threading.Timer(60, process.kill)
    too_long.start()
    said = process.stdout.readline()
    too_long.cancel()
    if not said:
        raise RuntimeError(f"The service did not start: {(place / 'service.log').read_text()}")
    return process, int(said)


process, port = start()

# %%
def send(path, body=b""):  # the client needs the standard library alone
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", path, body)
        reply = connection.getresponse()
        return reply.status, json.load(reply)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * pixels).astype("uint8")).save(file, "PNG")
    return file.getvalue()


clients = [send("/sessions")[1]["session"] for _ in range(2)]
told = np.zeros((2, 16, 2))  # (client, frame, class)
for number in range(16):
    for client, name in enumerate(clients):  # two clients in turn
        status, answer = send(f"/sessions/{name}", png(few[3 * client, number, ..., 0]))
        told[client, number] = list(answer.values())
alone = np.stack([whole(np.rint(255 * few[[0, 3], :n]) / 255) for n in range(1, 17)], axis=1)
served_off, between = np.abs(told - alone).max(), np.abs(alone[0] - alone[1]).max()

# %%
grey = few[0, 0, ..., 0]
bad = {"not an image": b"hello", "half a PNG": png(grey)[:200], "64 x 64": png(np.zeros((64, 64))),
       "colour": png(np.zeros((32, 32, 3))), "too large": bytes(10_001)}  # fmt: skip
replies = {what: send(f"/sessions/{clients[0]}", body) for what, body in bad.items()}
replies["unknown session"] = send("/sessions/guessed", png(grey))
for _ in range(50):  # as many as there may be
    send("/sessions")
replies["forgotten session"] = send(f"/sessions/{clients[0]}", png(grey))
process.stdin.close()
ended = process.wait(timeout=30)
plotting.table([{"sent": what, "status": str(status), "answer": said["detail"]} for what, (status, said) in replies.items()],
               ["sent", "status", "answer"], "Forgotten: 50 newer sessions have begun since")  # fmt: skip

# %% [markdown]
# Refused with a sentence, each time, and the service goes on. **Before you put it on the internet**, it needs what every service needs: encryption, a login,
# a limit on requests. And its sessions live in one process: a second one beside it would not know them.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Each client gets what its whole clip gets, after every frame", served_off, below=1e-4)
check.claim("though the two clips differ", between, above=0.02)
check.claim("The service ended by itself", ended, equals=0)

# %% [markdown]
# <a id="breaks"></a>
#
# ## 15 · Where it breaks
#
# Choose something else, or take care, when
#
# - **you can write the rule down.** Here, with 16 or 8 frames, a rule that needs no label of a clip was ahead of our LSTMs. Ask what your classes are made of.
# - **the average over time does as well.** Then order does not matter: keep the average, it is simpler and needs less data.
# - **no CNN knows your images.** Thermal cameras, microscopes, depth: weights from photographs may help or not; measure them against a CNN that was never trained.
# - **labels differ between people who label.** Then agreement between them is the best score there is. Measure it first.
# - **the world moves on.** Another camera, another season: keep a test part from the latest recordings.
# - **there are faces, voices, homes.** Features are not anonymous: people can be found again in them, and in the model. Ask before you share clips, features or weights.
#
# ## 16 · The checklist
#
# From a folder to an honest table, on one page. `python course.py own NAME` lays a notebook that does it with your folder.
#
# 1. **Question**: what is one example (a clip, a video, a person)? What would somebody answer who saw only one frame, only the background, only the length?
# 2. **Read**: classes, counts, lengths, sizes; what was left out, and why. Look at twenty clips after shrinking.
# 3. **Split** by person, place, recording or day, before anything else. Put the test away.
# 4. **Baselines**: the most frequent class; one frame; the average over time; a rule, if you know one.
# 5. **Eyes**: a trained CNN, frozen (check that `cnn.trainable_weights` is empty), its features kept. Only then fine-tune, at a low rate.
# 6. **Train** with several seeds; choose by validation. Augment only by what keeps the class.
# 7. **Table**: every model with the same clips and the same effort; balanced accuracy; interval; folds by group.
# 8. **Why**: where does it look, and what remains with random weights?
# 9. **Save**: model, class names, frames, size, range of pixels, and 10 clips with the right answers, to test it elsewhere.
# 10. **Run**: the same answers as here, on those 10 clips, after every step: loaded, exported, streaming.
#
# ## 17 · Summary
#
# - **Independent examples** are what counts. Split by what will be new later; by clip, memory looks like skill.
# - **A frozen CNN from elsewhere**, run once, makes of few clips a small problem. `trainable = False` freezes; `training=False` does not.
# - **Batch normalisation** has two modes, and its averages need many batches to arrive.
# - **Looks close enough to tell the classes apart**; many short clips and the mean of their answers, instead of few frames of a long video.
# - **Intervals and folds**: 40 test videos tell little.
# - **Exported is not equal**, until you have compared answers.
#
# **Next**: `python course.py own NAME`, and your own folder.
#
# ## Sources
#
# - Wilson 1927, *Probable Inference, the Law of Succession, and Statistical Inference*, Journal of the American Statistical Association 22(158):
#   [doi 10.1080/01621459.1927.10502953](https://doi.org/10.1080/01621459.1927.10502953).
# - Ioffe & Szegedy 2015, *Batch Normalization*, ICML: [arXiv 1502.03167](https://arxiv.org/abs/1502.03167). Keras: the page of `BatchNormalization` on
#   `trainable`, and the guide [Transfer learning and fine-tuning](https://keras.io/guides/transfer_learning/).
# - Selvaraju and others 2017, *Grad-CAM*, ICCV: [arXiv 1610.02391](https://arxiv.org/abs/1610.02391). Adebayo and others 2018, *Sanity Checks for Saliency Maps*,
#   NeurIPS: [arXiv 1810.03292](https://arxiv.org/abs/1810.03292).
# - Donahue and others 2015, *Long-term Recurrent Convolutional Networks*, CVPR: [arXiv 1411.4389](https://arxiv.org/abs/1411.4389): 16-frame clips of longer videos,
#   whose answers are averaged.
# - Yosinski, Clune, Bengio & Lipson 2014, *How transferable are features in deep neural networks?*, NIPS: [arXiv 1411.1792](https://arxiv.org/abs/1411.1792).
# - Byrd & Lipton 2019, *What is the Effect of Importance Weighting in Deep Learning?*, ICML: [arXiv 1812.03372](https://arxiv.org/abs/1812.03372).
# - Kaufman, Rosset, Perlich & Stitelman 2012, *Leakage in Data Mining*, ACM TKDD 6(4): [doi 10.1145/2382577.2382579](https://doi.org/10.1145/2382577.2382579).
