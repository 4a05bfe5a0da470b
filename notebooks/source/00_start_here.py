# ---
# jupyter:
#   course:
#     minutes: 20
#     needs: []
#     objectives:
#     - exercise: '00.1'
#       say: Answer an exercise and read what the check says
#     - exercise: '00.2'
#       say: Choose an order of layers by where the information sits
#     question: How does this course work, and does it work on my machine?
#     seconds: 40
#     title: Start here
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
# # 00 · Start here
#
# **How does this course work, and does it work on my machine?**
#
# Convolutional networks (CNNs) read **space**: what is in a picture, which phrase stands in a sentence.
# LSTMs read **time**: what came before what. This course teaches how to combine them, in which order, for
# which data, and when to use neither.
#
# You need Python and a little Keras. In twenty minutes you will have checked your set-up, met the four
# things every lesson is made of, and trained your first hybrid. Run a cell with **Shift + Enter**.

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% [markdown]
# That line stands at the top of every lesson. It fixes seeds and threads, so that you get the same numbers
# every time you run a lesson on your machine.
#
# ## 1 · Is everything there?

# %% tags=["setup"]
import os
import platform
import time

import keras
import matplotlib.pyplot as plt
import tensorflow as tf
from keras import layers
from matplotlib.patches import FancyBboxPatch

from course_utils import datasets, plotting
from course_utils.labs import ArchitectureLab
from course_utils.layers import PerFrame

# %% tags=["nbval-ignore-output"]
cores = os.cpu_count()
memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None
print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}.")
print(
    f"{cores} processor cores: "
    + ("enough." if cores >= 2 else "lessons will run, at about half the speed they state.")
)
if memory:
    print(
        f"{memory:.0f} GB of memory: "
        + ("enough." if memory >= 4 else "close other programs; a lesson needs 2 GB.")
    )
print("No graphics card is needed.")

# %%
for load in (datasets.moving_digits, datasets.camera_moves):
    data = load(clips=(80, 16, 16))
    print(f"found: {data.name}, from {data.card['source']}")

# %% [markdown]
# The data comes inside installed packages: nothing is downloaded, now or later. If something is missing,
# the message above says which command brings it.
#
# ## 2 · The map
#
# Two kinds of layers, and a handful of ways to put them together. This is the whole course in one picture.

# %% jupyter={"source_hidden": true}
HYBRIDS = [
    ("CNN → LSTM", "video: see each frame, then follow time", "04", ["CNN", "LSTM"]),
    ("LSTM → CNN", "text: read in order, then look for phrases", "05", ["LSTM", "CNN"]),
    ("CNN → LSTM → attention", "long clips: look back at what mattered", "06", ["CNN", "LSTM", "attention"]),
    ("CNN → LSTM → LSTM", "time series: read a past, write a future", "07", ["CNN", "LSTM", "LSTM"]),
    ("ConvLSTM", "flow: a CNN inside the LSTM's gates", "08", ["ConvLSTM"]),
]
COLOURS = {"CNN": plotting.CNN, "LSTM": plotting.LSTM, "attention": plotting.ATTENTION, "ConvLSTM": "#8A5A9E"}
fig, ax = plt.subplots(figsize=(9.5, 4.4))
for y, (_, use, lesson, parts) in zip(range(0, -5, -1), HYBRIDS):
    for column, part in enumerate(parts):
        style = {"boxstyle": "round,pad=0.05", "fc": COLOURS[part] + "22", "ec": COLOURS[part], "lw": 2}
        ax.add_patch(FancyBboxPatch((1.7 * column, y - 0.27), 1.25, 0.54, **style))
        ax.text(1.7 * column + 0.62, y, part, ha="center", va="center")
        if column:
            ends = {"xy": (1.7 * column - 0.08, y), "xytext": (1.7 * column - 0.38, y)}
            ax.annotate("", arrowprops={"arrowstyle": "-|>", "color": "#222222", "lw": 1.5}, **ends)
    ax.text(5.3, y, use, va="center")
    ax.text(-0.4, y, lesson, va="center", ha="right", weight="bold")
ax.text(-0.4, 0.65, "lesson", ha="right", color="#555555")
ax.set(xlim=(-1.1, 10.4), ylim=(-4.5, 0.9))
ax.axis("off")
plotting.Picture(
    fig, "Five hybrids: " + "; ".join(f"lesson {n}: {name} for {use}" for name, use, n, _ in HYBRIDS)
)

# %% [markdown]
# Lessons 01 to 03 lay the ground (convolution, LSTM, and the joint between them); 04 to 08 are the hybrids
# above; the rest goes further. Of these, 01, 04, 05 and 06 are ready; the others follow.
#
# ## 3 · The four things every lesson is made of
#
# **Predict, then run.** Before a cell that shows something, you are asked what you expect. Being wrong here
# is worth more than being right.
#
# *Predict*: a clip of 8 frames of 24 × 24 pixels in grey, as an array. How many axes? In which order?

# %%
digits = datasets.moving_digits(clips=(80, 16, 16))
digits.train.x.shape

# %% [markdown]
# **(clip, time, height, width, channels)**, always in this order.
#
# **Claims.** When a lesson states something about a result, the sentence is *checked* against your run. If
# it is not true on your machine, the cell fails and shows you the number. What a lesson's argument rests on is
# tested this way.

# %%
brightness = {"lowest": float(digits.train.x.min()), "highest": float(digits.train.x.max())}
brightness

# %% tags=["claim"]
check.claim("Pixels are never below 0", brightness["lowest"], within=(0, 0.01))
check.claim("and never above 1", brightness["highest"], within=(0.9, 1))

# %% [markdown]
# **Labs.** Dials that alter a network, with a picture that follows at once. Move a slider with the mouse or
# the arrow keys. Later labs also train what you compose and let you look inside. The *joint* is what stands between CNN and LSTM. *Predict*: what happens to the number of
# parameters if it only flattens the feature maps, without a dense layer? And what does the lab say if you
# pool until nothing is left of the frame?

# %% tags=["lab"]
ArchitectureLab("ours", hide=("task", "order", "attention", "presets", "train", "inside"))

# %% [markdown]
# **Exercises.** Replace each `...` and run the cell. The check answers *not attempted*, *not yet* (and
# why), or *correct*. Under each one there is a hint, and a folded solution; try first. What you solve is
# kept in a small file on your machine and shown at the end of this page.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("00.1", "The shape of a clip")
def check_batch(answer):
    check.expect(isinstance(answer, tuple), "give a tuple of five numbers, such as (1, 2, 3, 4, 5)")
    check.expect(len(answer) == 5, f"a batch of clips has five axes, and you gave {len(answer)}")
    for axis, name, told, right in zip(
        range(5), ("clip", "time", "height", "width", "channels"), answer, (32, 12, 64, 48, 3)
    ):
        check.expect(told == right, f"axis {axis} ({name}) is not {told}")


# %% [markdown]
# ### 00.1 · The shape of a clip
#
# What is the shape of a batch of 32 colour clips, each with 12 frames that are 64 pixels high and 48 wide?
#
# <details><summary>Hint</summary>
#
# Clip, time, height, width, channels. Colour has three channels: red, green, blue.
#
# </details>

# %% tags=["exercise"]
shape = (..., ..., ..., ..., ...)
check_batch(shape)

# %% tags=["solution"] jupyter={"source_hidden": true}
check_batch((32, 12, 64, 48, 3), record=False)

# %% tags=["check"] jupyter={"source_hidden": true}
ORDERS = {"CNN only", "LSTM only", "CNN -> LSTM"}


@check.exercise("00.2", "What does the answer depend on?")
def check_orders(answer):
    check.expect(
        set(answer) == {"which digit", "which way", "both"}, "answer for: which digit, which way, both"
    )
    for order in answer.values():
        check.expect(order in ORDERS, f"{order!r} is none of: {', '.join(sorted(ORDERS))}")
    needs = {"which digit": {"space"}, "which way": {"time"}, "both": {"space", "time"}}
    reads = {"CNN only": {"space"}, "LSTM only": {"time"}, "CNN -> LSTM": {"space", "time"}}
    for question, order in answer.items():
        missing, spare = needs[question] - reads[order], reads[order] - needs[question]
        check.expect(
            not missing,
            f"{question!r} depends on {' and '.join(sorted(missing))}, which {order} does not read",
        )
        check.expect(
            not spare, f"{order} works for {question!r}, but there is a simpler one that reads all it needs"
        )


# %% [markdown]
# ### 00.2 · What does the answer depend on?
#
# One digit moves over the screen. For each of three questions choose the *simplest* of `"CNN only"` (looks
# at frames, forgets their order), `"LSTM only"` (follows order, reads raw pixels) and `"CNN -> LSTM"`:
# *which digit* is it, *which way* does it move, and *both*.
#
# <details><summary>Hint</summary>
#
# Is the answer visible in a single frame? Would it survive shuffling the frames?
#
# </details>

# %% tags=["exercise"]
choice = {"which digit": ..., "which way": ..., "both": ...}
check_orders(choice)

# %% tags=["solution"] jupyter={"source_hidden": true}
check_orders({"which digit": "CNN only", "which way": "LSTM only", "both": "CNN -> LSTM"}, record=False)

# %% [markdown]
# ## 4 · Your first hybrid
#
# Small clips, six frames of 16 × 16. The world wraps around: what leaves on one side comes back on the other.
# Which of eight ways does the digit move? A CNN reads every frame; an LSTM reads what the CNN saw. Ten lines of
# plain Keras, and one layer of the course's own: `PerFrame` runs a network on each frame of a clip.

# %%
small = datasets.moving_digits(frames=6, size=16, digit_size=10, clips=(1600, 200, 400))
plotting.animate(
    small.train.x[:4], titles=[small.class_names["motion"][k] for k in small.train.y["motion"][:4]]
)

# %%
keras.utils.set_random_seed(0)
cnn = keras.Sequential([
    layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),  # 8 x 8 places, 8 features each
    layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),  # 4 x 4 places, 16 features each
    layers.Flatten(),
    layers.Dense(48),
    layers.LayerNormalization(),  # all frames on one scale; lesson 04 shows why
])  # fmt: skip
model = keras.Sequential([
    keras.Input((None, 16, 16, 1)),  # (batch, time, height, width, channels)
    PerFrame(cnn),  # (batch, time, 48): the same CNN on every frame
    layers.LSTM(48),  # (batch, 48): the last hidden state
    layers.Dense(8, activation="softmax"),  # (batch, 8)
])  # fmt: skip

# %% [markdown]
# *Predict*: guessing scores 1/8. How far will eight rounds over 1,600 clips bring it, on digits it has
# never seen?

# %% tags=["nbval-ignore-output"]
model.compile(
    keras.optimizers.Adam(0.005, clipnorm=1), "sparse_categorical_crossentropy", metrics=["accuracy"]
)
start = time.perf_counter()
history = model.fit(small.train.x, small.train.y["motion"], epochs=8, batch_size=32, verbose=0,
                    validation_data=(small.validation.x, small.validation.y["motion"]))  # fmt: skip
print(f"{time.perf_counter() - start:.0f} seconds")
plotting.curves({"first hybrid": history}, "val_accuracy", ylabel="share of validation clips named correctly")

# %% tags=["nbval-ignore-output"]
live = {"motion": model.evaluate(small.test.x, small.test.y["motion"], verbose=0)[1]}
live

# %% tags=["claim"]
check.claim("My first hybrid names the motion of digits it has never seen", live["motion"], above=0.75)

# %% [markdown]
# You have trained a CNN → LSTM. Lesson 04 takes it apart: which part does what, what happens when you
# remove one, who its rivals are, and when not to use it.
#
# ## 5 · Your progress

# %%
check.progress()

# %% [markdown]
# This table fills as you solve exercises, over all lessons. It lives in `work/progress.json`; deleting that
# file loses the ticks and nothing else.
#
# **Where next?** If convolutions are new to you, open `01_convolution.ipynb` in the file browser on the left;
# if you know them, `04_cnn_lstm_video.ipynb`.
