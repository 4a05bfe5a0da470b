# ---
# jupyter:
#   course:
#     minutes: 60
#     needs: []
#     objectives:
#     - exercise: '00.1'
#       say: Answer an exercise and read what the check says
#     - exercise: '00.2'
#       say: Choose the network with the fewest parts for what a question depends on
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
# Convolutional networks (CNNs) find **patterns of neighbours**: a shape in an image, a phrase in a sentence. LSTMs
# follow **order**: what came before what. This course teaches how to combine them, in which order, for which data, and
# when to use neither.
#
# You need Python and a little Keras. In this lesson you check your set-up, meet the four things that every
# lesson is made of, and train your first hybrid: a CNN and an LSTM in one network. You will need about 60 minutes.
# Run a cell with **Shift + Enter**. Look up words that are new to you in the [glossary](91_glossary.ipynb).
#
# Work in the folder `work/`, which holds your own copies of the lessons. `python course.py lab` puts them there and
# opens them, also in a conda environment; on Binder they are there from the start. Updating the course does not
# change a lesson that you have begun.

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% [markdown]
# That cell stands at the top of every lesson. It fixes the random seeds and the number of threads, so that a lesson
# gives the same numbers each time you run it from the top on your machine (menu *Kernel*, *Restart Kernel and Run All
# Cells*). A training cell that you run twice trains the network further.
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
from course_utils.labs.architecture import ArchitectureLab
from course_utils.layers import PerFrame

# %% tags=["nbval-ignore-output"]
cores = os.cpu_count()
memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None
print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}.")
print(
    f"{cores} processor cores: "
    + ("enough." if cores >= 2 else "lessons will run, but take about twice as long as they state.")
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
# The data come with installed packages: nothing is downloaded while you work. If a file or a package is missing
# or damaged, stop JupyterLab and run `python course.py lab` again: it repairs the set-up.
#
# ## 2 · The map
#
# The course combines two kinds of layers, CNN and LSTM, and later adds a third, attention. Here are all combinations
# in one picture. You do not need to know all of these words yet.

# %% tags=["question"] jupyter={"source_hidden": true}
HYBRIDS = [
    ("CNN → LSTM", "video: see each frame, then follow time", "04", ["CNN", "LSTM"]),
    ("LSTM → CNN", "text: read in order, then look for phrases", "05", ["LSTM", "CNN"]),
    ("CNN → LSTM → attention", "long clips: look back at what mattered", "06", ["CNN", "LSTM", "attention"]),
    ("CNN → LSTM → LSTM", "time series: read a past, write a future", "07", ["CNN", "LSTM", "LSTM"]),
    ("ConvLSTM", "flow: an LSTM whose memory is an image", "08", ["ConvLSTM"]),
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
# Lessons 01 to 03 teach the parts (convolution, LSTM, and the joint between them); lessons 04 to 08 teach the
# hybrids above; lesson 11 rebuilds one that others use, and lesson 13 starts from a folder of your own clips.
#
# | Lesson | Title | It asks |
# |---|---|---|
# | 01 | [Convolution](01_convolution.ipynb) | What does a CNN see, and how far? |
# | 02 | [LSTM](02_lstm.ipynb) | How does an LSTM remember, and what does it forget? |
# | 03 | [Joining](03_joining.ipynb) | What fits between the two, and what breaks there? |
# | 04 | [CNN → LSTM for video](04_cnn_lstm_video.ipynb) | What does a clip show, and how does it move? |
# | 05 | [Text: LSTM → CNN, CNN → LSTM, or one alone](05_lstm_cnn_text.ipynb) | Is a review positive or negative? |
# | 06 | [Attention, done right](06_attention.ipynb) | Which frames and places does an answer depend on? |
# | 07 | [Forecasting from sequence to sequence](07_forecasting.ipynb) | What comes in the next 24 hours, and how sure are we? |
# | 08 | [Recurrent convolution](08_convlstm.ipynb) | What if the memory were an image? |
# | 11 | [A hybrid at work](11_at_work.ipynb) | How does a small network decide, every 32 ms, whether somebody is speaking? |
# | 13 | [Your own data](13_your_own_data.ipynb) | How do your own clips become an honest, saved and running hybrid? |
#
# When Keras stops you with a shape error, open the [workshop on shape errors](90_shape_errors.ipynb).
#
# <a id="shape"></a>
#
# ## 3 · The four things every lesson is made of
#
# **Predict, then run.** Before a cell shows a result, you are asked what you expect. You learn most where you
# were wrong.
#
# *Predict*: one array holds 80 grey clips, each of 8 frames of 24 × 24 pixels. How many axes does it have, and in
# which order?

# %%
digits = datasets.moving_digits(clips=(80, 16, 16))
digits.train.x.shape

# %% [markdown]
# **(clip, time, height, width, channels)**, always in this order. Grey has one channel, so the last number is 1. Several
# clips in one array are a **batch**; in comments the first axis has that name.
#
# **Claims.** When a lesson builds on a result, a cell checks it: *in your run* means with the numbers that your machine
# has just computed, *in the stored table* with the results of longer runs that come with the course. If a sentence does
# not hold, its cell fails and shows the number. Then run the lesson again from the top. If the cell still fails, go on:
# another processor can change results a little.

# %%
brightness = {"lowest": float(digits.train.x.min()), "highest": float(digits.train.x.max())}
brightness

# %% tags=["claim"]
check.claim("Pixels are never below 0", brightness["lowest"], within=(0, 0.01))
check.claim("and never above 1", brightness["highest"], within=(0.9, 1))

# %% [markdown]
# **Labs.** In a lab you change a network with sliders and menus, and a picture follows at once. Use the mouse or the
# arrow keys. Later labs also train what you have built and let you look inside. The *joint* is the layers between CNN
# and LSTM: they turn the CNN's images (*feature maps*) into one row of numbers for each frame. *Parameters* are the
# numbers that training changes. *Predict*: how many more or fewer are there if the joint only flattens the maps,
# without a dense layer? Then raise the pooling, which makes the maps smaller, until the lab reports an error. What
# does it say?

# %% tags=["lab"]
ArchitectureLab("ours", hide=("task", "order", "attention", "presets", "train", "inside", "shapes"))

# %% [markdown]
# **Exercises.** Replace each `...` and run the cell. The check answers *not attempted*, *not yet* (and
# why), or *correct*. Each exercise has a hint and a folded solution; try first. (*Passes its check* under a solution
# speaks of the solution, not of your answer.) What you have solved is saved on your machine and shown in section 5.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("00.1", "The shape of a clip")
def check_batch(answer):
    check.expect(isinstance(answer, (tuple, list)), "give a tuple of five numbers, such as (1, 2, 3, 4, 5)")
    check.expect(len(answer) == 5, f"a batch of clips has five axes, and you gave {len(answer)}")
    right = {"clip": 32, "time": 12, "height": 64, "width": 48, "channels": 3}
    for axis, (name, size) in enumerate(right.items()):
        check.expect(answer[axis] in (size, ...), f"axis {axis} ({name}) is not {answer[axis]!r}")
    missing = [name for name, size in zip(right, answer) if size is ...]
    check.expect(not missing, f"right so far; still to fill in: {', '.join(missing)}")


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
# Solution
check_batch((32, 12, 64, 48, 3), record=False)

# %% [markdown]
# **Stop here if you like** (about 40 minutes so far).
#
# <a id="hybrid"></a>
#
# ## 4 · Your first hybrid
#
# Small clips: six frames of 16 × 16 pixels, in which a digit moves, always the same way within a clip. When it leaves
# the frame on one side, it comes back on the other. There are two questions about each clip: **which digit** is it
# (ten classes), and **which way** does it move (eight)?

# %%
small = datasets.moving_digits(frames=6, size=16, digit_size=10, clips=(3200, 200, 400))
ways = [small.class_names["motion"][k] for k in small.train.y["motion"][:4]]
plotting.animate(small.train.x[:4], titles=[f"{k}, {way}" for k, way in zip(small.train.y["digit"][:4], ways)])

# %% [markdown]
# A CNN reads each frame, and an LSTM reads what the CNN found. The LSTM's last hidden state goes to two dense layers,
# one for each question. This is plain Keras: each layer is called like a function on an array (Keras says *tensor*).
# Only `PerFrame` belongs to the course; it runs a network on each frame of a clip.


# %%
def frame_cnn():
    return keras.Sequential([
        layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),  # 8 x 8 places, 8 features each
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),  # 4 x 4 places, 16 features each
        layers.Flatten(),
        layers.Dense(48),
        layers.LayerNormalization(),  # scales the 48 numbers of each frame alike; lesson 04 measures its worth
    ])  # fmt: skip


def two_answers(clip, summary):
    digit = layers.Dense(10, activation="softmax", name="digit")(summary)
    motion = layers.Dense(8, activation="softmax", name="motion")(summary)
    return keras.Model(clip, {"digit": digit, "motion": motion})


keras.utils.set_random_seed(0)
clip = keras.Input((None, 16, 16, 1))  # (batch, time, height, width, channels)
features = PerFrame(frame_cnn())(clip)  # (batch, time, 48): the same CNN on every frame
state = layers.LSTM(48)(features)  # (batch, 48): the last hidden state
hybrid = two_answers(clip, state)

# %% [markdown]
# The **accuracy** is the share of clips answered correctly. Guessing gives 0.1 for the digit and 0.125 for the
# motion. *Predict*: which accuracies does the hybrid reach after ten epochs (passes over the 3,200 training clips),
# on digits it has never seen? Which question is harder?


# %% tags=["nbval-ignore-output"]
def train(model):
    model.compile(keras.optimizers.Adam(0.005, clipnorm=1), "sparse_categorical_crossentropy",
                  metrics={"digit": "accuracy", "motion": "accuracy"})  # fmt: skip
    return model.fit(small.train.x, small.train.y, epochs=10, batch_size=32, verbose=0,
                     validation_data=(small.validation.x, small.validation.y)).history  # fmt: skip


start = time.perf_counter()
history = train(hybrid)
print(f"{time.perf_counter() - start:.0f} seconds")
runs = {question: {"accuracy": history[f"val_{question}_accuracy"]} for question in ("digit", "motion")}
plotting.curves(runs, "accuracy", ylabel="accuracy on validation clips")


# %% tags=["nbval-ignore-output"]
def score(model):
    found = model.evaluate(small.test.x, small.test.y, verbose=0, return_dict=True)
    return {question: round(found[f"{question}_accuracy"], 3) for question in ("digit", "motion")}


live = {"CNN -> LSTM": score(hybrid)}
live

# %% tags=["claim"]
check.claim("The hybrid recognises most digits that it has never seen", live["CNN -> LSTM"]["digit"], above=0.6)
check.claim("and nearly every motion", live["CNN -> LSTM"]["motion"], above=0.9)

# %% [markdown]
# Does the hybrid need both of its parts? Decide first, in an exercise; then try it.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("00.2", "What does the answer depend on?")
def check_orders(answer):
    needs = {"which digit": {"shape"}, "which way": {"order"}, "both": {"shape", "order"}}
    made_for = {"CNN only": {"shape"}, "LSTM only": {"order"}, "CNN -> LSTM": {"shape", "order"}}
    for question, network in check.filled(answer, needs):
        network = " ".join(str(network).replace("→", "->").replace("->", " -> ").split())
        check.expect(network in made_for, f"{network!r} is none of: {', '.join(made_for)}")
        missing, spare = needs[question] - made_for[network], made_for[network] - needs[question]
        depends = f"{question!r} depends on {' and '.join(sorted(missing))}, and {network} has no part made for that"
        check.expect(not missing, depends)
        check.expect(not spare, f"{network} works for {question!r}, but one of its two parts is enough")


# %% [markdown]
# ### 00.2 · What does the answer depend on?
#
# There are three questions: *which digit* is it, *which way* does it move, and *both*. For each, choose the network with
# the *fewest parts* that should answer well: `"CNN only"` (finds shapes in each frame, ignores the order of the frames),
# `"LSTM only"` (follows the order; it reads raw pixels, and has no part made for shapes) or `"CNN -> LSTM"`.
#
# <details><summary>Hint</summary>
#
# Does a single frame show the answer? Then you need nothing for order. Would another order of the frames change the
# answer? Then you need the LSTM. *Where* a digit is can be read from raw pixels; *which* digit it is, wherever it stands,
# is easier with a CNN.
#
# </details>

# %% tags=["exercise"]
choice = {"which digit": ..., "which way": ..., "both": ...}
check_orders(choice)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_orders({"which digit": "CNN only", "which way": "LSTM only", "both": "CNN -> LSTM"}, record=False)

# %% [markdown]
# Now try it. Removing a part, or replacing it by something simpler, and training again is called an **ablation**. *CNN
# only* averages the features over the frames in place of the LSTM. *LSTM only* reads raw pixels, without the CNN and the
# two layers of the joint. Both are trained just like the hybrid.

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
average = layers.GlobalAveragePooling1D()(PerFrame(frame_cnn())(clip))  # (batch, 48)
cnn_only = two_answers(clip, average)
train(cnn_only)
live["CNN only"] = score(cnn_only)

keras.utils.set_random_seed(0)
pixels = layers.Reshape((-1, 16 * 16))(clip)  # (batch, time, 256)
lstm_only = two_answers(clip, layers.LSTM(48)(pixels))
train(lstm_only)
live["LSTM only"] = score(lstm_only)

networks = {"CNN -> LSTM": hybrid, "CNN only": cnn_only, "LSTM only": lstm_only}
plotting.table([{"model": name, **live[name], "parameters": networks[name].count_params()} for name in networks],
               ["model", "digit", "motion", "parameters"])  # fmt: skip

# %% tags=["claim"]
check.claim("A CNN that averages over the frames cannot recognise the motion", live["CNN only"]["motion"], below=0.4)
gain = live["CNN only"]["digit"] - live["CNN -> LSTM"]["digit"]
check.claim("but recognises hardly fewer digits than the hybrid", gain, above=-0.1)
check.claim("The LSTM alone recognises nearly every motion", live["LSTM only"]["motion"], above=0.9)
lead = live["CNN -> LSTM"]["digit"] - live["LSTM only"]["digit"]
check.claim("but fewer digits than the hybrid, after as many epochs", lead, above=0.05)

# %% [markdown]
# A clip played backwards gives the same average, so this CNN cannot tell left from right, however long you train it.
# Other CNNs can: lesson 04 has two that read several frames at once. The LSTM alone follows the motion, but names
# fewer digits. The hybrid answers both questions, yet it need not be the best choice. The two networks above, one for
# each question, do about as well together, with over twice the weights. And in [lesson 04](04_cnn_lstm_video.ipynb) a
# method without any network does at least as well; that lesson compares them all, and shows when not to use the
# hybrid.
#
# ## 5 · Your progress

# %%
check.progress()

# %% [markdown]
# The table covers all lessons and fills as you solve exercises. It is stored in `work/progress.json`; if you delete
# that file, you lose the ticks and nothing else.
#
# **Where next?** If convolutions are new to you, continue with [lesson 01](01_convolution.ipynb). If you know CNNs and
# LSTMs, continue with [lesson 03](03_joining.ipynb), on how to join them. If you came for the hybrids, go to
# [lesson 04](04_cnn_lstm_video.ipynb).
