# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 04_cnn_lstm_video
#     - 07_forecasting
#     objectives:
#     - exercise: '08.1'
#       say: Write a recurrent kernel that moves what a ConvLSTM remembers
#     - exercise: '08.2'
#       say: Count the weights of a ConvLSTM
#     - exercise: '08.3'
#       say: Let a network read its own frames
#     - exercise: '08.4'
#       say: Find out whether a network sees the future
#     - exercise: '08.5'
#       say: Measure what is still right in a predicted frame
#     question: What if the memory were an image?
#     seconds: 80
#     title: Recurrent convolution
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
# # 08 · Recurrent convolution
#
# **What if the memory were an image?**
#
# An LSTM keeps what it knows in a list of numbers. That suits a word, or an hour of traffic. But to remember a *frame*, the network of
# lesson 04 had to press it into a list first. In this lesson the memory itself becomes an image: a **ConvLSTM**. You compute one by
# hand, name the moves of a camera, predict the next frame of a flying digit, and let the network read its own predictions. It
# builds on [lesson 04](04_cnn_lstm_video.ipynb) and, for the decoder, on [lesson 07](07_forecasting.ipynb). You will need about 120
# minutes; running all of it takes about a minute and a half.
#
# | You will be able to | Exercise |
# |---|---|
# | write a recurrent kernel that moves what a ConvLSTM remembers | 08.1 |
# | count the weights of a ConvLSTM | 08.2 |
# | let a network read its own frames | 08.3 |
# | find out whether a network sees the future | 08.4 |
# | measure what is still right in a predicted frame | 08.5 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["definition", "setup"]
import dataclasses

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

from course_utils import datasets, plotting, results
from course_utils.labs.rollout import RolloutLab
from course_utils.layers import PerFrame

# %% [markdown]
# ## 1 · The question
#
# A digit flies straight on and bounces off the walls. Where will it be in the next frame, and in ten frames? You answer with a
# *picture*, and so should a network.

# %% tags=["definition", "lab-data"]
KINDS = {"one digit": {}, "two digits": {"digits": 2}, "a bar in front": {"bar": True}}


def worlds(frames=12, clips=(800, 100, 200)):
    """One data set for each kind of clip: one digit, two digits, one digit behind a bar."""
    return {name: datasets.bouncing_digits(frames=frames, clips=clips, **kind) for name, kind in KINDS.items()}


short, long = worlds(), worlds(16, (10, 100, 200))  # to train on; to predict ten frames from six

# %% tags=["question"]
plotting.animate(np.stack([data.test.x[0] for data in long.values()]), titles=list(long))

# %% [markdown]
# **Predict before you go on.** Cover the last ten frames of a strip with your hand. What do you need to know of the first six to draw
# them: what, where, how fast? From how many frames can you tell each? And behind the bar?
#
# <a id="idea"></a>
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
# <a id="by-hand"></a>
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

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.1", "A kernel that moves the memory")
def check_mover(mover):
    rng = np.random.default_rng(1)
    image = rng.random((7, 8, 1))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            kernel = mover(down, right)
            case = f"mover({down}, {right}): "
            check.expect(kernel is not ..., f"{case}still to fill in: kernel")
            check.expect_shape(f"{case}the kernel", kernel, (3, 3))
            kernel = np.asarray(kernel, dtype=float)

            def moved(kernel, image=image):
                return same(image, kernel[:, :, np.newaxis, np.newaxis])[1:-1, 1:-1, 0]

            goal = np.roll(image, (down, right), axis=(0, 1))[1:-1, 1:-1, 0]
            found = moved(kernel)
            against = np.abs(moved(kernel[::-1, ::-1]) - goal).max() < 1e-9 and (down, right) != (0, 0)
            check.expect(not against, f"{case}the picture moves the other way: to move it right, each place must take what lies on its *left*")
            across = np.abs(moved(kernel.T) - goal).max() < 1e-9 and abs(down) != abs(right)
            check.expect(not across, f"{case}rows and columns are exchanged: the first axis of a kernel goes down")
            check.expect_close(f"{case}the picture that your kernel makes", found, goal)

# %% [markdown]
# ### 08.1 · A kernel that moves the memory
#
# (In each exercise, write your answer in place of each `...` and run the cell: its last line checks it. A hint is folded under the
# exercise, a solution in the cell after it.)
#
# Suppose that a state holds a picture of the digit. Write `mover(down, right)`, for -1, 0 or 1 each: a kernel of shape (3, 3) such
# that `same` with this kernel moves a picture by so many pixels at every step (-1 is up, or left).
#
# <details><summary>Hint</summary>
#
# One entry is 1, all others are 0. `kernel[1, 1] = 1` leaves the picture where it is. Each place of the result looks at its
# neighbours through the kernel: which neighbour has what should arrive here?
#
# </details>

# %% tags=["exercise"]
def mover(down, right):
    return ...


check_mover(mover)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def mover_solution(down, right):
    kernel = np.zeros((3, 3))
    kernel[1 - down, 1 - right] = 1
    return kernel


check_mover(mover_solution, record=False)

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
# <a id="options"></a>
#
# ## 4 · What its options do
#
# | Option of `ConvLSTM2D` | What it does |
# |---|---|
# | `padding="same"` | The state is as large as the frame. With `"valid"` the *input* loses a rim, and the state is as large as what is left; the recurrent convolution always keeps the size. |
# | `return_sequences=True` | h of every step: (batch, time, height, width, filters). Otherwise h of the last. |
# | `return_state=True` | the last h and c as well, for instance to start a decoder (section 8) |
# | `stateful=True` | The last h and c of a batch start the next one: for a film that is read piece by piece. |
# | `recurrent_dropout=0.2` | In training, parts of $h_{t-1}$ are set to 0 before the gates see them: other parts for each gate and clip, the same at every step. (In early Keras 3, before August 2024, it did nothing.) |

# %%
keras.utils.set_random_seed(0)
film = np.random.default_rng(0).normal(size=(1, 6, 9, 9, 1)).astype("float32")
narrow = layers.ConvLSTM2D(2, 3, padding="valid", return_state=True)
print("valid:", [tuple(part.shape) for part in narrow(film)])

whole, pieces = layers.ConvLSTM2D(2, 3, padding="same"), layers.ConvLSTM2D(2, 3, padding="same", stateful=True)
whole(film), pieces(film[:, :3])
pieces.set_weights(whole.get_weights())
pieces.reset_states()
for piece in (film[:, :3], film[:, 3:]):
    h = pieces(piece)
in_pieces = np.abs(h - whole(film)).max()

# %% tags=["claim"]
check.claim("Two pieces with stateful=True end as the whole film does", in_pieces, below=1e-5)

# %% [markdown]
# **Stop here if you like** (about 30 minutes so far).
#
# <a id="camera"></a>
#
# ## 5 · First use: what does the camera do?
#
# Real photographs, seen through a camera that pans, tilts, zooms or rolls. The photographs of the test are never seen in
# training. One question: what does the camera do?

# %% tags=["definition"]
moves = datasets.camera_moves()

# %% tags=["question"]
names = moves.class_names["move"]
first_of = [int(np.flatnonzero(moves.train.y["move"] == k)[n]) for k, n in ((0, 4), (4, 3), (6, 2))]
plotting.animate(moves.train.x[first_of], titles=[names[moves.train.y["move"][i]] for i in first_of])

# %% [markdown]
# There is no *object* here. A single frame shows nothing that a name could hang on; the answer lies in how every little patch shifts from
# one frame to the next. *Predict*: which of these will name the moves best?
#
# - The **hybrid** of lesson 04. Its CNN sees one frame at a time, and describes it in 96 numbers before the LSTM sees the next.
# - The hybrid with **three frames** in its first kernel: each frame beside the one before and the one after it, as channels.
# - A **ConvLSTM** over feature maps of 12 × 12: it can compare places with places.
# - No recurrence: a **Conv3D**, and all **frames as channels** of one image.
# - No network: a **rule** of physics.

# %% tags=["definition"]
def look():
    """What every frame goes through, as in lesson 04: from 24x24 pixels to 6x6 places with 32 features each."""
    return [
        layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),  # 12, 12, 16
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 6, 6, 32
        layers.Conv2D(32, 3, padding="same", activation="relu"),  # 6, 6, 32
    ]


def joint():
    """From 6x6x32 features to 96 numbers on one scale."""
    return [layers.Flatten(), layers.Dense(96), layers.LayerNormalization(), layers.ReLU()]


def neighbours(clips):
    """Every frame beside the one before and the one after it, as channels: three frames of time."""
    padded = ops.pad(clips, [(0, 0), (1, 1), (0, 0), (0, 0), (0, 0)])
    return ops.concatenate([padded[:, :-2], clips, padded[:, 2:]], axis=-1)

# %% tags=["definition"]
def per_frame(clips):
    """The hybrid of lesson 04: (batch, time, 24, 24, channels) -> (batch, 96)."""
    return layers.LSTM(96)(PerFrame(keras.Sequential(look() + joint()))(clips))


def recurrent(clips):
    """A ConvLSTM between the first and the second convolution; its last hidden state is an image."""
    first, second, third = look()
    image = layers.ConvLSTM2D(24, 3, padding="same")(PerFrame(first)(clips))  # (batch, 12, 12, 24)
    return keras.Sequential([second, third, *joint()])(image)


def conv3d(clips):
    """No recurrence: two kernels that are three frames deep, and the maximum over time."""
    first, second, third = look()
    maps = PerFrame(first)(neighbours(clips))  # equals a Conv3D with a (3, 5, 5) kernel
    maps = PerFrame(second)(neighbours(maps))  # equals a Conv3D with a (3, 3, 3) kernel
    return layers.GlobalMaxPooling1D()(PerFrame(keras.Sequential([third, *joint()]))(maps))


def channels(clips):
    """No recurrence: the eight frames become eight channels of one image."""
    image = layers.Permute((2, 3, 1))(layers.Reshape((8, 24, 24))(clips))  # (batch, 24, 24, 8)
    return keras.Sequential(look() + joint())(image)

# %% tags=["definition"]
def cameras():
    """Name -> what happens between clips and the last layer."""
    return {
        "CNN -> LSTM": per_frame,
        "3-frame CNN -> LSTM": lambda clips: per_frame(neighbours(clips)),
        "ConvLSTM": recurrent,
        "Conv3D": conv3d,
        "Frames as channels": channels,
    }


def camera(summarise):
    """A network that names the move: (batch, 8, 24, 24, 1) -> (batch, 8 moves)."""
    clips = keras.Input((8, 24, 24, 1))
    return keras.Model(clips, layers.Dense(8, activation="softmax")(summarise(clips)))


def train_camera(model, data, peak=4e-3, epochs=10, warmup=100):
    """Clipped gradients, a warm-up, a rate that falls to zero (lesson 04); new clips in every epoch."""
    steps = -(-len(data.train) // 32) * epochs
    schedule = keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - warmup), warmup_target=peak, warmup_steps=min(warmup, steps))
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(epochs):
        clips = data.recompose(epoch)
        model.fit(clips.x, clips.y["move"], batch_size=32, shuffle=False, verbose=0)

# %% [markdown]
# **The rule.** If brightness only moves, and never changes, then at every pixel the change over time is minus the slope of the
# image times the motion there (Horn and Schunck, 1981). A picture of one row shows why:

# %% jupyter={"source_hidden": true}
place = np.linspace(0, 10, 101)
brightness = lambda shift: np.exp(-((place - 5 - shift) ** 2) / 6)  # noqa: E731
fig, axes = plt.subplots(figsize=(7.5, 3), layout="constrained")
axes.plot(place, brightness(0), color=plotting.INK)
axes.plot(place, brightness(0.6), "--", color=plotting.INK)
axes.text(3.2, 0.85, "now"), axes.text(7.2, 0.72, "next frame")
for at, word, side in ((3, "slope up: it gets darker", -2.9), (7, "slope down: it gets brighter", 0.8)):
    low, high = np.exp(-((at - 5) ** 2) / 6), np.exp(-((at - 5.6) ** 2) / 6)
    axes.annotate("", (at, high), (at, low), arrowprops={"arrowstyle": "-|>", "color": plotting.LSTM, "lw": 2})
    axes.text(at + side, (low + high) / 2 - 0.12, word, color=plotting.LSTM)
axes.set(xlabel="pixels to the right", ylabel="brightness", xlim=(0, 10.5), yticks=(0, 1))
plotting.Picture(fig, "A hill of brightness along one row of pixels, now and in the next frame, moved a little to the right. Where the hill "
                 "goes up, the next frame is darker; where it goes down, brighter.")  # fmt: skip

# %% [markdown]
# Here the motion of all pixels together has four numbers: sliding down, sliding right, growing, turning. There are thousands of
# pixels and four unknowns. **Least squares** finds the four numbers whose predicted changes are closest to those seen.

# %% tags=["definition"]
def flow(clips):
    """How a clip slides down, slides right, grows and turns clockwise: the four numbers that explain it best."""
    x = clips[..., 0]
    down, right = np.gradient((x[:, 1:] + x[:, :-1]) / 2, axis=(2, 3))
    place = (np.arange(x.shape[2]) - (x.shape[2] - 1) / 2).astype("float32")
    rows, columns = place[:, None], place
    slopes = np.stack([down, right, rows * down + columns * right, columns * down - rows * right], axis=-1)
    slopes, change = slopes.reshape(len(x), -1, 4), (x[:, :-1] - x[:, 1:]).reshape(len(x), -1, 1)
    turned = slopes.swapaxes(1, 2)
    return np.linalg.solve(turned @ slopes, turned @ change)[..., 0]


def moves_by_rule(data):
    """No network: logistic regression on the four numbers of `flow`."""
    from sklearn.linear_model import LogisticRegression

    scale = flow(data.train.x).std(axis=0)
    fitted = LogisticRegression(max_iter=1000).fit(flow(data.train.x) / scale, data.train.y["move"])
    right = fitted.score(flow(data.test.x) / scale, data.test.y["move"])
    return {"parameters": fitted.coef_.size + fitted.intercept_.size, "move": right}

# %%
# TABLES 08_camera_moves (10 epochs), 08_camera_longer (30)

# %% [markdown]
# <a id="frames"></a>
#
# ## 6 · Second use: the next frame
#
# At every frame the network draws the next one. It is trained on all frames of a clip at once, each with the frame after it as
# target, on all three kinds of clips together.

# %% tags=["definition", "lab-data"]
def convlstm(filters=16):
    """A ConvLSTM on maps of 12x12: each frame is halved before it, and doubled after it."""
    clips = keras.Input((None, 24, 24, 1))
    maps = PerFrame(layers.Conv2D(8, 4, strides=2, padding="same", activation="relu"))(clips)  # (batch, time, 12, 12, 8)
    states = layers.ConvLSTM2D(filters, 3, padding="same", return_sequences=True, name="memory")(maps)
    return keras.Model(clips, PerFrame(layers.Conv2DTranspose(1, 6, strides=2, padding="same", activation="sigmoid"))(states))


def causal3d(filters=16):
    """No memory: each frame is drawn from the seven frames before it; padded in front alone, in time."""
    clips = keras.Input((None, 24, 24, 1))
    maps = PerFrame(layers.Conv2D(8, 4, strides=2, padding="same", activation="relu"))(clips)  # (batch, time, 12, 12, 8)
    for _ in range(3):
        maps = layers.ZeroPadding3D(((2, 0), (1, 1), (1, 1)))(maps)
        maps = layers.Conv3D(filters, 3, activation="relu")(maps)
    return keras.Model(clips, PerFrame(layers.Conv2DTranspose(1, 6, strides=2, padding="same", activation="sigmoid"))(maps))


def flat(units=96):
    """The hybrid of lesson 04, and a CNN that draws a frame from the state of its LSTM."""
    look = [layers.Conv2D(8, 4, strides=2, padding="same", activation="relu"),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"), layers.Flatten(),
            layers.Dense(96), layers.LayerNormalization(), layers.ReLU()]  # fmt: skip
    draw = [layers.Dense(6 * 6 * 16, activation="relu"), layers.Reshape((6, 6, 16)),
            layers.Conv2DTranspose(8, 4, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 6, strides=2, padding="same", activation="sigmoid")]  # fmt: skip
    clips = keras.Input((None, 24, 24, 1))
    states = layers.LSTM(units, return_sequences=True)(PerFrame(keras.Sequential(look))(clips))
    return keras.Model(clips, PerFrame(keras.Sequential(draw))(states))

# %% tags=["definition"]
def mixed(worlds, epoch):
    """Clips of all kinds, in random order; other ones in every epoch."""
    clips = np.concatenate([data.recompose(epoch).x for data in worlds.values()])
    return clips[np.random.default_rng(epoch).permutation(len(clips))]


def train_frames(model, worlds, peak=8e-3, epochs=20):
    """At every frame, the frame after it is the target: pixels as shares of white, so binary cross-entropy."""
    batches = -(-sum(len(data.train) for data in worlds.values()) // 32)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, batches * epochs, warmup_target=peak, warmup_steps=batches // 2)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "binary_crossentropy")
    history = {"loss": []}
    for epoch in range(epochs):
        clips = mixed(worlds, epoch)
        history["loss"] += model.fit(clips[:, :-1], clips[:, 1:], batch_size=32, shuffle=False, verbose=0).history["loss"]
    return history

# %% [markdown]
# *Predict*: which of these three can, after training, draw the *next* frame best? And which stays good when it reads its own
# frames? All three halve each frame by a convolution with stride 2, and double it again at the end.

# %%
shown = {"ConvLSTM": convlstm(), "Conv3D": causal3d(), "CNN -> LSTM -> CNN": flat()}
for name, model in shown.items():
    print(f"{name}: {model.count_params():,} parameters; answers {model.output_shape}")

# %% [markdown]
# **No network.** Five rules are told the first frames, and continue the clip. *Copy* repeats the last frame. *Shift* finds the whole
# number of pixels that takes the last frame but one closest to the last, and goes on with it. *Phase correlation* finds the same
# shift from the Fourier transforms of the two frames, as video codecs and telescopes do. *Shift and bounce* is shift, and turns back
# at the walls. And *black* draws nothing at all: it cannot be wrong about a place.

# %% tags=["definition"]
def shift(frames, by):
    """Frames (clip, 24, 24, 1) moved by (down, right) of each clip; what leaves is gone, what comes in is black."""
    rows, columns = (np.arange(24) - by[:, axis, np.newaxis] for axis in (0, 1))  # where each pixel comes from
    inside = ((rows >= 0) & (rows < 24))[:, :, np.newaxis] & ((columns >= 0) & (columns < 24))[:, np.newaxis]
    clip = np.arange(len(frames))[:, np.newaxis, np.newaxis]
    moved = frames[clip, rows.clip(0, 23)[:, :, np.newaxis], columns.clip(0, 23)[:, np.newaxis]]
    return moved * inside[..., np.newaxis]


def by_matching(before, after):
    """The shift of up to 4 pixels each way that takes one frame closest to the next: (clip, 2)."""
    steps = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 2, indexing="ij"), -1).reshape(-1, 2)
    errors = [((shift(before, np.tile(step, (len(before), 1))) - after) ** 2).sum(axis=(1, 2, 3)) for step in steps]
    return steps[np.argmin(errors, axis=0)]


def by_phase(before, after):
    """The same by phase correlation, in whole pixels."""
    from skimage.registration import phase_cross_correlation

    pairs = zip(before[..., 0], after[..., 0])
    return np.array([phase_cross_correlation(second, first)[0] for first, second in pairs]).astype(int)

# %% tags=["definition"]
def extent(frames, axis):
    """First and last row (axis 1) or column (axis 2) of each frame that is not black: (clip, 2)."""
    lit = (frames[..., 0] > 0).any(axis=3 - axis)
    return np.stack([lit.argmax(axis=1), 23 - lit[:, ::-1].argmax(axis=1)], axis=-1)


def go_on(given, ahead, motion, bounces=False):
    """Move the last frame on by the same shift again and again; if it bounces, turn back before ink leaves the frame."""
    by, frame, frames = motion(given[:, -2], given[:, -1]), given[:, -1], []
    for _ in range(ahead):
        if bounces:
            for axis in (0, 1):
                edge = extent(frame, axis + 1) + by[:, axis, np.newaxis]
                by[:, axis] *= np.where((edge < 0).any(axis=1) | (edge > 23).any(axis=1), -1, 1)
        frame = shift(frame, by)
        frames.append(frame)
    return np.stack(frames, axis=1)


def next_by_rule():
    """Name -> function from given frames and a number of frames ahead to these frames."""
    return {
        "black": lambda given, ahead: np.zeros_like(given[:, :1]).repeat(ahead, axis=1),
        "copy": lambda given, ahead: given[:, -1:].repeat(ahead, axis=1),
        "shift": lambda given, ahead: go_on(given, ahead, by_matching),
        "phase correlation": lambda given, ahead: go_on(given, ahead, by_phase),
        "shift and bounce": lambda given, ahead: go_on(given, ahead, by_matching, bounces=True),
    }

# %% [markdown]
# <a id="rolling"></a>
#
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
# <a id="right"></a>
#
# ## 7 · What is still right?
#
# Squared error counts pixels. If a digit is drawn sharp and *one pixel off*, it costs more than no digit at all (nearly twice as
# much: it is wrong where the digit is, and where it is not). So we ask three more things: the **structural similarity** of Wang and others
# (2004), which compares means, contrasts and patterns of small windows (1 is equal); **how far off** the digit is; and whether one can
# still **read** it: the network of lesson 04 is shown the ten predicted frames.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.5", "How far off?")
def check_off(far):
    rng = np.random.default_rng(5)
    for clips, steps, height, width in ((3, 4, 9, 9), (2, 1, 6, 11)):
        true, drawn = (rng.random((clips, steps, height, width, 1)) ** 4 for _ in range(2))
        result = far(true.copy(), drawn.copy())
        check.expect(result is not ..., "still to fill in: what you return")
        case = f"with {steps} steps of {height} x {width}: "
        check.expect_shape(f"{case}the distances", result, (steps,))

        def centres(frames):
            weights = frames[..., 0] / frames[..., 0].sum(axis=(2, 3), keepdims=True)
            rows, columns = np.arange(frames.shape[2])[:, np.newaxis], np.arange(frames.shape[3])
            return np.stack([(weights * rows).sum(axis=(2, 3)), (weights * columns).sum(axis=(2, 3))], axis=-1)

        apart = centres(drawn) - centres(true)
        each = np.sqrt((apart**2).sum(axis=-1))
        result = np.asarray(result, dtype=float)
        of_mean = np.sqrt((apart.mean(axis=0) ** 2).sum(axis=-1))
        check.expect(np.abs(result - of_mean).max() > 1e-6, f"{case}you average over the clips first: then too far left and too far right "
                     "cancel. Take the distance of each clip, then the mean")  # fmt: skip
        check.expect(np.abs(result - np.abs(apart).sum(axis=-1).mean(axis=0)).max() > 1e-6, f"{case}you add rows and columns: the distance is "
                     "the root of the sum of their squares")  # fmt: skip
        check.expect_close(f"{case}the distances", result, each.mean(axis=0), tolerance=1e-6)

# %% [markdown]
# ### 08.5 · How far off?
#
# The **centre of brightness** of a frame is the mean of all pixel positions (row, column), each weighted by the brightness of its
# pixel. Write `distances(true, drawn)` for two arrays (clip, time, height, width, 1): return, for each step, the distance in pixels
# between the centre of the drawn frame and that of the true one, a mean over the clips: an array (time,).
#
# <details><summary>Hint</summary>
#
# `weights = frames[..., 0] / frames[..., 0].sum(axis=(2, 3), keepdims=True)`. The row of the centre is
# `(weights * rows).sum(axis=(2, 3))`, with `rows = np.arange(height)[:, np.newaxis]`.
#
# </details>

# %% tags=["exercise"]
def distances(true, drawn):
    return ...


check_off(distances)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def centres(frames):
    weights = frames[..., 0] / frames[..., 0].sum(axis=(2, 3), keepdims=True)
    rows, columns = np.arange(frames.shape[2])[:, np.newaxis], np.arange(frames.shape[3])
    return np.stack([(weights * rows).sum(axis=(2, 3)), (weights * columns).sum(axis=(2, 3))], axis=-1)


def distances_solution(true, drawn):
    return np.linalg.norm(centres(drawn) - centres(true), axis=-1).mean(axis=0)


check_off(distances_solution, record=False)

# %% tags=["definition"]
def quality(true, drawn):
    """Squared error, structural similarity, distance of the centres: three arrays (time,)."""
    from skimage.metrics import structural_similarity

    pairs = [zip(true[:, step, ..., 0], drawn[:, step, ..., 0]) for step in range(true.shape[1])]
    similar = [np.mean([structural_similarity(*pair, data_range=1.0) for pair in step]) for step in pairs]
    return ((true - drawn) ** 2).mean(axis=(0, 2, 3, 4)), np.array(similar), distances_of(true, drawn)


def distances_of(true, drawn):
    """As in the exercise; a frame without any light counts as centred."""
    centres, place = [], np.arange(24) - 11.5
    for frames in (true[..., 0], drawn[..., 0]):
        light = np.maximum(frames.sum(axis=(2, 3)), 1e-6)
        centres.append(np.stack([(frames.sum(axis=3) * place).sum(axis=2) / light, (frames.sum(axis=2) * place).sum(axis=2) / light]))
    return np.linalg.norm(centres[0] - centres[1], axis=0).mean(axis=0)

# %%
# TABLE 08_next_frame

# %% [markdown]
# <a id="leak"></a>
#
# ## 8 · The famous leak
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
# <a id="forecaster"></a>
#
# ## 9 · Four frames in, sixteen out
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
# <a id="blur"></a>
#
# ## 10 · Why squared error blurs
#
# After one frame, a digit can go anywhere. The network must answer with one picture, and what has the smallest mean squared
# error is the **mean** of all pictures that may come: a smear. It is not that the network cannot draw; it was asked for a mean.
# To see it without a network: take one frame, let the digit go with each velocity, and average.

# %%
digit = short["one digit"].test.x[0, 0, ..., 0]
row, column = (np.abs(digit).sum(axis=axis).nonzero()[0][0] for axis in (1, 0))
steps = [(r, c) for r in range(-3, 4) for c in range(-3, 4) if (r, c) != (0, 0)]
futures = np.stack([np.roll(digit, step, axis=(0, 1)) for step in steps])  # far from the walls, a shift
mean = futures.mean(axis=0)
blur = ((futures - mean) ** 2).mean()
sharp = min(((futures - future) ** 2).mean() for future in futures)

# %% tags=["claim"]
check.claim("Of all answers, the blurred mean has the smaller squared error than any sharp one", sharp / blur, above=1.5)

# %% [markdown]
# (Binary cross-entropy, which we trained with, has the same best answer, pixel by pixel: the mean.) What to do about it: see more
# frames (the velocity is known after two); ask for something else than a mean (a choice of the
# displacement, a sample from a generative model); judge by something else than squared error (structural similarity, where the
# digit is, whether it can still be read).
#

# <a id="family"></a>
#
# ## 11 · The family
#
# | Network | Memory | Where it stands |
# |---|---|---|
# | LRCN (Donahue and others, 2015) | a list of numbers, over CNN features of each frame | lesson 04: to name what a clip shows |
# | ConvLSTM (Shi and others, 2015) | images | this lesson; it was introduced for rain radar, and trained with cross-entropy |
# | ConvGRU (Ballas and others, 2016, who call it GRU-RCN) | images, two gates and no cell state | fewer weights |
# | CRNN (Shi, Bai and Yao, 2017) | a list of numbers, over the columns of a feature map | reading lines of text; its sequence is the width of the image |
# | PredRNN (Wang and others, 2017) | images, and a second memory that goes up through the layers and on through time | long predictions |
# | video Transformers (Arnab and others, 2021; Bertasius and others, 2021) | none: patches of all frames look at each other | naming clips, after training on very many videos |
# | state-space models (Gu and Dao, 2023; for video Li and others, 2024) | a list of numbers per channel, updated linearly | long sequences, in time that grows with their length |
#
# What is used today? To name clips, mostly Transformers that were trained on very many videos; 3D CNNs came before. For rain in
# the next hour, mostly U-shaped CNNs, Transformers and generative models. Recurrent convolution survives inside some of them: MetNet
# (Sønderby and others, 2020) has a ConvLSTM, the generator of Ravuri and others (2021) has ConvGRUs. And on moving digits, recurrent
# networks still lead when all are trained for equally long: in the comparison of Tan and others (2023), after 2,000 epochs, PredRNN++ has
# a squared error of 14.1 and runs at 38 frames per second, a plain CNN (SimVPv2) 15.1 at 282, a ConvLSTM 22.4 at 113.

# %% [markdown]
# <a id="lab"></a>
#
# ## 12 · The lab
#
# LAB
#
# ## Sources
#
# - Shi, Chen, Wang, Yeung, Wong & Woo 2015, *Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting*, NIPS: [arXiv
#   1506.04214](https://arxiv.org/abs/1506.04214). The input and forget gates see $c_{t-1}$ through peepholes, the output gate $c_t$.
# - Srivastava, Mansimov & Salakhutdinov 2015, *Unsupervised Learning of Video Representations using LSTMs*, ICML: moving digits: [arXiv
#   1502.04681](https://arxiv.org/abs/1502.04681).
# - Donahue and others 2015, *Long-term Recurrent Convolutional Networks for Visual Recognition and Description*, CVPR: [arXiv
#   1411.4389](https://arxiv.org/abs/1411.4389). Ballas, Yao, Pal & Courville 2016, *Delving Deeper into Convolutional Networks for Learning Video
#   Representations*, ICLR: [arXiv 1511.06432](https://arxiv.org/abs/1511.06432). Shi, Bai & Yao 2017, *An End-to-End Trainable Neural Network for
#   Image-based Sequence Recognition*, TPAMI 39(11): [arXiv 1507.05717](https://arxiv.org/abs/1507.05717). Wang, Long, Wang, Gao & Yu 2017,
#   *PredRNN*, NIPS.
# - Arnab and others 2021, *ViViT: A Video Vision Transformer*, ICCV: [arXiv 2103.15691](https://arxiv.org/abs/2103.15691). Bertasius, Wang & Torresani 2021,
#   *Is Space-Time Attention All You Need for Video Understanding?*, ICML: [arXiv 2102.05095](https://arxiv.org/abs/2102.05095).
# - Gu & Dao 2023, *Mamba: Linear-Time Sequence Modeling with Selective State Spaces*: [arXiv 2312.00752](https://arxiv.org/abs/2312.00752). Li and others 2024,
#   *VideoMamba*: [arXiv 2403.06977](https://arxiv.org/abs/2403.06977).
# - Ravuri and others 2021, *Skilful precipitation nowcasting using deep generative models of radar*, Nature 597: [doi
#   10.1038/s41586-021-03854-z](https://doi.org/10.1038/s41586-021-03854-z). Sønderby and others 2020, *MetNet*: [arXiv 2003.12140](https://arxiv.org/abs/2003.12140).
# - Tan and others 2023, *OpenSTL: A Comprehensive Benchmark of Spatio-Temporal Predictive Learning*, NeurIPS Datasets and Benchmarks: [arXiv
#   2306.11249](https://arxiv.org/abs/2306.11249), and its table of video benchmarks.
# - Mathieu, Couprie & LeCun 2016, *Deep multi-scale video prediction beyond mean square error*, ICLR: [arXiv 1511.05440](https://arxiv.org/abs/1511.05440). Denton &
#   Fergus 2018, *Stochastic Video Generation with a Learned Prior*, ICML: [arXiv 1802.07687](https://arxiv.org/abs/1802.07687).
# - Horn & Schunck 1981, *Determining optical flow*, Artificial Intelligence 17. Wang, Bovik, Sheikh & Simoncelli 2004, *Image quality assessment: from error
#   visibility to structural similarity*, IEEE Transactions on Image Processing 13(4): [doi 10.1109/TIP.2003.819861](https://doi.org/10.1109/TIP.2003.819861).
# - The leak of section 8: keras-io, [issue 1003](https://github.com/keras-team/keras-io/issues/1003), and pull request 2382, which pads in front alone.
