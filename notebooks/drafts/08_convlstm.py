# %% [markdown]
# # Draft of lesson 08: recurrent convolution
#
# It stands outside all checks. What is written here needs no table: the idea, the cell by hand, sizes, the leak, rolling
# out, and the definitions for the second use. The first use, naming camera moves, is in `08_camera_moves.py`. To do: five seeds
# with searched rates, 10 and 30 epochs of the camera moves; the table of predicted frames; the family; the lab.

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["definition", "setup"]
import keras
import numpy as np
from keras import layers, ops

from course_utils import datasets
from course_utils.layers import PerFrame

# %% [markdown]
# # 08 · Recurrent convolution
#
# **What if the memory were an image?**
#
# ## 1 · The question
#
# A digit crosses the frame and bounces off a wall. Where will it be in the next frame, and in ten frames? You answer with a
# *picture*, and so should a network. An LSTM keeps what it knows in a list of numbers. Which of them belongs to which place?
#
# ## 2 · The idea
#
# To hand a frame to an LSTM, we flattened it. From then on, each unit has a weight of its own for every pixel: shift the picture by
# one pixel, and all products are others. What a CNN knows without learning, that the same pattern may be anywhere, the LSTM
# has to learn place by place.
#
# A **ConvLSTM** (Shi and others, 2015) keeps the LSTM and replaces each matrix product by a convolution, $*$. Input, hidden
# state and cell state are images:
#
# $$\begin{aligned}
# i_t &= \sigma(U_i * x_t + V_i * h_{t-1} + b_i) & f_t &= \sigma(U_f * x_t + V_f * h_{t-1} + b_f) \\
# g_t &= \tanh(U_g * x_t + V_g * h_{t-1} + b_g) & o_t &= \sigma(U_o * x_t + V_o * h_{t-1} + b_o) \\
# c_t &= f_t \odot c_{t-1} + i_t \odot g_t & h_t &= o_t \odot \tanh(c_t)
# \end{aligned}$$
#
# | Symbol | Meaning | Shape |
# |---|---|---|
# | $x_t$ | the frame | (height, width, channels) |
# | $h_t$, $c_t$ | hidden state and cell state: images, too | (height, width, filters) |
# | $U$ | kernel over the frame | (k, k, channels, filters) for each gate |
# | $V$ | recurrent kernel over the hidden state | (k, k, filters, filters) for each gate |
#
# The recurrent kernel is where motion can happen: a kernel whose weight lies left of its centre copies the state one pixel to the
# right, at every step. (The paper also lets the gates see the cell state, place by place, through weights of their own, the
# *peepholes*: $W_i \odot c_{t-1}$. Keras leaves them out.)
#
# ## 3 · By hand

# %%
def same(image, kernel):
    """image (height, width, channels), kernel (k, k, channels, filters); zeros outside."""
    k = len(kernel)
    before = (k - 1) // 2
    padded = np.pad(image, [(before, k - 1 - before)] * 2 + [(0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(0, 1))  # (height, width, channels, k, k)
    return np.einsum("hwcij,ijcf->hwf", views, kernel)


def convlstm_step(x, h, c, kernel, recurrent_kernel, bias):
    """One step: x (height, width, channels), h and c (height, width, filters) -> the next h and c."""
    i, f, g, o = np.split(same(x, kernel) + same(h, recurrent_kernel) + bias, 4, axis=-1)
    i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c

# %%
keras.utils.set_random_seed(0)
clip = np.random.default_rng(0).normal(size=(1, 5, 8, 7, 2)).astype("float32")  # 5 frames of 8 x 7, 2 channels
layer = layers.ConvLSTM2D(4, 3, padding="same", return_state=True)
_, h, c = layer(clip)
state = np.zeros((8, 7, 4)), np.zeros((8, 7, 4))
for frame in clip[0]:
    state = convlstm_step(frame, *state, *layer.get_weights())
apart = np.abs(np.stack(state) - np.stack([h[0], c[0]])).max()

# %% tags=["claim"]
check.claim("A ConvLSTM, by hand, equals Keras", apart, below=1e-4)

# %% [markdown]
# **How many weights?** The number does not depend on height and width, as with every convolution. *Predict*: a ConvLSTM with 16 filters
# and kernels of 5 × 5 over grey frames, and an LSTM with 16 units over flattened frames of 24 × 24. Which has more?

# %%
sizes = {
    "ConvLSTM, 16 filters": keras.Sequential([keras.Input((None, 24, 24, 1)), layers.ConvLSTM2D(16, 5, padding="same")]).count_params(),
    "LSTM, 16 units": keras.Sequential([keras.Input((None, 576)), layers.LSTM(16)]).count_params(),
    "LSTM, as many numbers of state": 4 * 24 * 24 * 16 * (576 + 24 * 24 * 16 + 1),
}
for name, size in sizes.items():
    print(f"{name}: {size:,}")

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.2", "Count the weights")
def check_sizes(count):
    for k, channels, filters in ((3, 1, 8), (5, 3, 2), (1, 4, 4)):
        right = keras.Sequential([keras.Input((None, 9, 9, channels)), layers.ConvLSTM2D(filters, k, padding="same")]).count_params()
        told = count(k, channels, filters)
        case = f"kernel {k} x {k}, {channels} channels, {filters} filters: "
        check.expect(np.size(told) == 1, f"{case}give one number")
        check.expect(told * 4 != right, f"{case}there are four gates, each with kernels of its own")
        check.expect(told != right - 4 * filters, f"{case}the biases are missing")
        check.expect(told == right, f"{case}you count {told}, Keras has {right}")

# %% [markdown]
# ### 08.2 · Count the weights
#
# Write `weights(k, channels, filters)`: how many weights a ConvLSTM has, biases included.

# %% tags=["exercise"]
def weights(k, channels, filters):
    return ...


check_sizes(weights)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def weights_solution(k, channels, filters):
    return 4 * filters * (k * k * (channels + filters) + 1)


check_sizes(weights_solution, record=False)

# %% [markdown]
# ## 5 · Predict the next frame
#
# Digits that bounce off the walls. At every frame the network draws the next one: it is trained on all frames of a clip at
# once, each with the frame after it as target.

# %% tags=["definition", "lab-data"]
bouncing = datasets.bouncing_digits()


def convlstm(filters=16, kernel=5):
    clips = keras.Input((None, 24, 24, 1))
    memory = layers.ConvLSTM2D(filters, kernel, padding="same", return_sequences=True, name="memory")(clips)
    draw = layers.Conv2D(1, 3, padding="same", activation="sigmoid")
    return keras.Model(clips, PerFrame(draw)(memory))  # (batch, time, 24, 24, 1)


def conv3d(filters=16):
    """No memory: each frame is drawn from the three frames before it, and these are padded in front alone."""
    x = clips = keras.Input((None, 24, 24, 1))
    for number, activation in ((filters, "relu"), (filters, "relu"), (1, "sigmoid")):
        x = layers.ZeroPadding3D(((2, 0), (2, 2), (2, 2)))(x)
        x = layers.Conv3D(number, (3, 5, 5), activation=activation)(x)
    return keras.Model(clips, x)


def flat(units=128):
    """The hybrid of lesson 04, and a CNN that draws a frame from the state of its LSTM."""
    look = [layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"), layers.Flatten(),
            layers.Dense(96), layers.LayerNormalization(), layers.ReLU()]  # fmt: skip
    draw = [layers.Dense(6 * 6 * 32, activation="relu"), layers.Reshape((6, 6, 32)),
            layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="sigmoid")]  # fmt: skip
    clips = keras.Input((None, 24, 24, 1))
    states = layers.LSTM(units, return_sequences=True)(PerFrame(keras.Sequential(look))(clips))
    return keras.Model(clips, PerFrame(keras.Sequential(draw))(states))

# %% [markdown]
# ### Rolling out
#
# One step ahead, every frame that the network reads is true. For ten frames it has to read its own: the free running of lesson 07.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.3", "Roll out")
def check_rollout(roll):
    def model(clip):  # draws the last frame, one brighter; counts how many frames it has read
        read.append(clip.shape)
        return np.asarray(clip) + np.arange(1, clip.shape[1] + 1)[:, np.newaxis, np.newaxis, np.newaxis]

    for given, ahead in ((3, 4), (1, 1), (5, 2)):
        read, start = [], np.random.default_rng(given).random((2, given, 4, 4, 1))
        drawn = roll(model, start.copy(), ahead)
        check.expect_shape("what you return", drawn, (2, ahead, 4, 4, 1))
        check.expect(read[0] == start.shape, f"first the network reads the {given} frames that are given; it reads {read[0]}")
        right, whole = [], start
        for _ in range(ahead):
            right.append(whole[:, -1] + whole.shape[1])
            whole = np.concatenate([whole, right[-1][:, np.newaxis]], axis=1)
        check.expect_close("the frames", drawn, np.stack(right, axis=1))

# %% [markdown]
# ### 08.3 · Roll out
#
# Write `roll(model, given, ahead)`. `model(clip)` takes (batch, time, height, width, 1) and draws, at every step, the frame after
# it. Start with the frames `given`; then let it read its own, until `ahead` new frames are drawn. Return these alone.

# %% tags=["exercise"]
def roll(model, given, ahead):
    return ...


check_rollout(roll)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def roll_solution(model, given, ahead):
    clip = given
    for _ in range(ahead):
        drawn = np.asarray(model(clip))[:, -1:]
        clip = np.concatenate([clip, drawn], axis=1)
    return clip[:, -ahead:]


check_rollout(roll_solution, record=False)

# %% [markdown]
# ## 6 · The famous leak
#
# A widely copied example stacks ConvLSTM layers and ends in `Conv3D(1, (3, 3, 3), padding="same")`, trained to draw frame t + 1 at
# step t. "same" pads on both sides, in time as well: the last layer reads the steps t - 1, t **and t + 1**, and step t + 1 has seen
# frame t + 1, its own target.

# %% tags=["definition"]
def leaking(filters=16):
    clips = keras.Input((None, 24, 24, 1))
    memory = layers.ConvLSTM2D(filters, 5, padding="same", return_sequences=True)(clips)
    return keras.Model(clips, layers.Conv3D(1, 3, padding="same", activation="sigmoid")(memory))

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.4", "Find the bug: does it see the future?")
def check_future(sees):
    keras.utils.set_random_seed(4)
    clips = keras.Input((None, 24, 24, 1))
    ahead = layers.Conv3D(1, (2, 1, 1), padding="valid")(layers.ZeroPadding3D(((0, 1), (0, 0), (0, 0)))(clips))
    cases = {"convlstm": (convlstm(4), False), "conv3d, padded in front": (conv3d(2), False), "leaking": (leaking(4), True),
             "one frame ahead, only": (keras.Model(clips, ahead), True)}  # fmt: skip
    for name, (model, right) in cases.items():
        told = sees(model)
        check.expect(isinstance(told, (bool, np.bool_)), "return True or False")
        words = "does see" if right else "does not see"
        check.expect(bool(told) == right, f"{name!r} {words} the future; you say {bool(told)}")

# %% [markdown]
# ### 08.4 · Find the bug: does it see the future?
#
# Write `sees_future(model)`: `True` if an answer at some step depends on a later frame. Do not look at the layers: **feed it two
# clips** of 6 random frames of 24 × 24 that are equal up to a frame and differ after it, and compare the answers.

# %% tags=["exercise"]
def sees_future(model):
    return ...


check_future(sees_future)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def sees_future_solution(model):
    clip = np.random.default_rng(0).random((1, 6, 24, 24, 1)).astype("float32")
    other = clip.copy()
    other[:, 3:] = np.random.default_rng(1).random((1, 3, 24, 24, 1))
    answers = [np.asarray(model(each))[:, :3] for each in (clip, other)]
    return bool(np.abs(answers[0] - answers[1]).max() > 1e-6)


check_future(sees_future_solution, record=False)

# %% [markdown]
# ## 7 · Four frames in, sixteen out
#
# As in lesson 07, an encoder reads, and a decoder writes, from the encoder's state; here both are ConvLSTMs, and the state is two
# images. The decoder has no input but its state: it gets zeros.

# %%
given = keras.Input((4, 24, 24, 1))
_, h, c = layers.ConvLSTM2D(16, 5, padding="same", return_state=True)(given)  # h, c: (batch, 24, 24, 16)
nothing = ops.zeros_like(ops.repeat(given[:, -1:], 16, axis=1))  # (batch, 16, 24, 24, 1)
states = layers.ConvLSTM2D(16, 5, padding="same", return_sequences=True)(nothing, initial_state=[h, c])  # (batch, 16, 24, 24, 16)
frames = PerFrame(layers.Conv2D(1, 3, padding="same", activation="sigmoid"))(states)  # (batch, 16, 24, 24, 1)
keras.Model(given, frames).output_shape

# %% [markdown]
# ## 8 · Why squared error blurs
#
# After one frame, a digit can go anywhere. The network must answer with one picture, and what has the smallest mean squared
# error is the **mean** of all pictures that may come: a smear. It is not that the network cannot draw; it was asked for a mean.
# To see it without a network: take one frame, let the digit go with each velocity, and average.

# %%
digit = bouncing.test.x[0, 0, ..., 0]
row, column = (np.abs(digit).sum(axis=axis).nonzero()[0][0] for axis in (1, 0))
steps = [(r, c) for r in range(-3, 4) for c in range(-3, 4) if (r, c) != (0, 0)]
futures = np.stack([np.roll(digit, step, axis=(0, 1)) for step in steps])  # far from the walls, a shift
mean = futures.mean(axis=0)
blur = ((futures - mean) ** 2).mean()
sharp = min(((futures - future) ** 2).mean() for future in futures)

# %% tags=["claim"]
check.claim("Of all answers, the blurred mean has the smaller squared error than any sharp one", sharp / blur, above=1.5)

# %% [markdown]
# What to do about it: see more frames (the velocity is known after two); ask for something else than a mean (a choice of the
# displacement, a sample from a generative model); judge by something else than squared error (structural similarity, where the
# digit is, whether it can still be read).
#
# ## 9 · The family
#
# | Network | Memory | Where it stands |
# |---|---|---|
# | LRCN (Donahue and others, 2015) | a list of numbers, over CNN features of each frame | lesson 04: to name what a clip shows |
# | ConvLSTM (Shi and others, 2015) | images | this lesson: rain radar was its first use |
# | ConvGRU (Ballas and others, 2016) | images, two gates and no cell state | fewer weights, much the same results |
# | CRNN (Shi, Bai and Yao, 2017) | a list of numbers, over the columns of a feature map | reading lines of text |
# | PredRNN (Wang and others, 2017) | images, and a second memory that passes through the layers, too | sharper long forecasts |
# | video Transformers (Arnab and others, 2021; Bertasius and others, 2021) | none: all patches of all frames look at each other | naming clips, with much data |
# | state-space models (Gu and Dao, 2023; for video Li and others, 2024) | a list of numbers per channel, updated linearly | long clips at constant memory |
#
# What is used today? For naming clips, Transformers and 3D CNNs trained on very many videos. For rain in the next hour, U-shaped CNNs
# and generative models took over from ConvLSTM (Ravuri and others, 2021). Where little data, little memory and a live answer after
# every frame come together, recurrent convolution is still a sound choice.
