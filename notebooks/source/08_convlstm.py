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
#       say: Measure what is still right in a predicted frame
#     - exercise: '08.5'
#       say: Find out whether a network sees the future
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
# | measure what is still right in a predicted frame | 08.4 |
# | find out whether a network sees the future | 08.5 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["definition", "setup"]
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
# A digit flies straight on and bounces off the walls. What will the next frame look like, and the tenth?

# %% tags=["definition", "lab-data"]
KINDS = {"one digit": {}, "two digits": {"digits": 2}, "a bar in front": {"bar": True}}


def worlds(frames=10, clips=(800, 100, 200)):
    """One data set for each kind of clip: one digit, two digits, one digit behind a bar."""
    return {name: datasets.bouncing_digits(frames=frames, clips=clips, speed=2, **kind) for name, kind in KINDS.items()}


short, long = worlds(), worlds(16, (10, 100, 200))  # 10 frames, to train on; 16, to predict ten from six

# %% tags=["question"]
plotting.strip(np.stack([data.test.x[2, :6] for data in long.values()]), list(long))

# %% [markdown]
# A digit moves by the same whole number of pixels from frame to frame, up to 2 down or up and up to 2 right or left, and is never still
# (5 · 5 - 1 = 24 velocities). Where two digits overlap, the brighter pixel is seen.
#
# **Predict before you go on.** Draw the seventh frame of each row. What do you need to know for that: what, where, how fast? From how many
# frames can you tell each? And behind the bar?
#
# <a id="idea"></a>
#
# ## 2 · The idea
#
# To hand a frame to an LSTM, we flattened it. From then on, each unit has a weight of its own for every pixel: shift the picture by
# one pixel, and every product changes. What a CNN knows without learning, that the same pattern may be anywhere, the LSTM
# has to learn place by place.
#
# A **ConvLSTM** (Shi and others, 2015) keeps the LSTM and replaces each matrix product by a convolution, $*$ (as in lesson 01: the
# kernel is not flipped). Input, hidden state and cell state are images:
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
# | $U$ | kernel, applied to the frame | (k, k, channels, filters) for each gate |
# | $V$ | recurrent kernel, applied to the hidden state | (k, k, filters, filters) for each gate |
# | $b$ | bias | (filters,) for each gate |
# | $\sigma$, $\odot$ | sigmoid; product place by place | |
#
# Motion can happen in the recurrent kernel: it carries what $h$ holds from one place to the next. (The paper also lets the gates see the
# cell state, place by place, through weights of their own, the *peepholes*: $W_i \odot c_{t-1}$. Keras leaves them out.)
#
# <a id="by-hand"></a>
#
# ## 3 · By hand
#
# First the convolution, with zeros around the image, so that what comes out is as large as what goes in. At each place, `einsum` sums
# over rows `i`, columns `j` and channels `c` of a window. Then one step of the cell, as in the formulas, and five steps beside Keras.

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
            check.expect_shape(f"{case}the kernel", kernel, (3, 3))
            check.expect_close(f"{case}the kernel", kernel, np.zeros((3, 3)), tolerance=1e6)
            kernel = np.asarray(kernel, dtype=float)

            def moved(kernel, image=image):
                return same(image, kernel[:, :, np.newaxis, np.newaxis])[1:-1, 1:-1, 0]

            goal = np.roll(image, (down, right), axis=(0, 1))[1:-1, 1:-1, 0]
            found = moved(kernel)
            against = np.abs(moved(kernel[::-1, ::-1]) - goal).max() < 1e-9 and (down, right) != (0, 0)
            check.expect(not against, f"{case}the picture moves the other way: to move it right, each place must take what lies to its left")
            across = np.abs(moved(kernel.T) - goal).max() < 1e-9 and abs(down) != abs(right)
            check.expect(not across, f"{case}rows and columns are exchanged: the first axis of a kernel goes down")
            check.expect_close(f"{case}the picture that your kernel makes", found, goal)

# %% [markdown]
# ### 08.1 · A kernel that moves the memory
#
# (In each exercise, write your answer in place of each `...` and run the cell: its last line checks it. Some have a hint, folded under
# the exercise; a solution is folded in the cell after it.)
#
# Suppose that $h$ holds a picture of the digit. Write `mover(down, right)`, where each argument is -1, 0 or 1: a kernel of shape (3, 3)
# such that `same` with this kernel moves a picture by that many pixels (-1 is up, or left).
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
# In a ConvLSTM, $V$ moves $h$ on its way into the gates; $c$ itself stays where it is. To move a picture that is kept in $c$, the network
# has to write it at the new place (the input gate opens there) and to erase it at the old one (the forget gate closes there).
#
# **How many weights?** The number does not depend on height and width, as with every convolution. *Predict*: a ConvLSTM with 16 filters
# and kernels of 5 × 5 over grey frames, and an LSTM with 16 units over flattened frames of 24 × 24. Which has more?

# %% jupyter={"source_hidden": true}
sizes = {
    "ConvLSTM, 16 filters": keras.Sequential([keras.Input((None, 24, 24, 1)), layers.ConvLSTM2D(16, 5, padding="same")]).count_params(),
    "LSTM, 16 units": keras.Sequential([keras.Input((None, 576)), layers.LSTM(16)]).count_params(),
    "LSTM with a state as large as that of the ConvLSTM (9,216 units)": 4 * 24 * 24 * 16 * (576 + 24 * 24 * 16 + 1),
}
for name, size in sizes.items():
    print(f"{name}: {size:,}")

# %% [markdown]
# The two small ones have some tens of thousands of weights each, but 16 numbers cannot hold a picture. An LSTM that could would have a third of a billion weights.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.2", "Count the weights")
def check_sizes(count):
    for k, channels, filters in ((3, 2, 8), (5, 3, 2), (1, 4, 4)):
        right = keras.Sequential([keras.Input((None, 9, 9, channels)), layers.ConvLSTM2D(filters, k, padding="same")]).count_params()
        told = count(k, channels, filters)
        case = f"kernel {k} x {k}, channels {channels}, filters {filters}: "
        check.expect_shape(f"{case}what you return", told, ())
        check.expect_close(f"{case}the number of weights", told, right, tolerance=1e12)
        check.expect(told * 4 != right, f"{case}there are four gates, each with kernels of its own")
        check.expect(told != right - 4 * filters, f"{case}the biases are missing")
        check.expect(told != right - 3 * filters, f"{case}each of the four gates has biases of its own")
        check.expect(told != right - 4 * k * k * filters**2, f"{case}the recurrent kernel is missing: each gate also sees the hidden state")
        check.expect(abs(told - right) < 0.5, f"{case}you count {told}, Keras has {right}")

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
# | `padding="same"` | With stride 1, the state is as large as the frame. With `"valid"` the *input* loses a rim, and the state is as large as what is left; the recurrent convolution always keeps the size. |
# | `return_sequences=True` | h of every step: (batch, time, height, width, filters). Otherwise h of the last. |
# | `return_state=True` | the last h and c as well, for instance to start a decoder (section 9) |
# | `stateful=True` | The last h and c of a batch start the next one: for a film that is read piece by piece. |
# | `recurrent_dropout=0.2` | In training, parts of $h_{t-1}$ are set to 0 before the gates see them, and the rest is scaled up. Which parts is drawn for each gate and clip, and stays the same at every step. |

# %%
keras.utils.set_random_seed(0)
film = np.random.default_rng(0).normal(size=(1, 6, 9, 9, 1)).astype("float32")
narrow = layers.ConvLSTM2D(2, 3, padding="valid", return_state=True)
print("valid:", [tuple(part.shape) for part in narrow(film)])

whole, pieces = layers.ConvLSTM2D(2, 3, padding="same"), layers.ConvLSTM2D(2, 3, padding="same", stateful=True)
whole(film), pieces(film[:, :3])
pieces.set_weights(whole.get_weights())
pieces.reset_state()
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
# Real photographs, seen through a simulated camera that does one of eight things: pan left or right, tilt up or down, zoom in or out,
# roll left or right. (When the camera pans right, the picture slides left; when it rolls right, the picture turns left.) The photographs of the test are never seen in training. One
# question: what does the camera do?

# %% tags=["definition"]
moves = datasets.camera_moves()

# %% tags=["question"]
names = moves.class_names["move"]
first_of = [int(np.flatnonzero(moves.train.y["move"] == k)[n]) for k, n in ((0, 4), (4, 3), (6, 2))]
plotting.animate(moves.train.x[first_of], titles=[names[moves.train.y["move"][i]] for i in first_of])

# %% [markdown]
# There is no *object* here. No single frame tells you the move; the answer lies in how every little patch shifts from one frame to the
# next. *Predict*: which of these will name the moves best?
#
# | Network | What it does with the 8 frames | What its last layer reads |
# |---|---|---|
# | **CNN -> LSTM**, the hybrid of lesson 04 | describes each frame by itself in 96 numbers; an LSTM reads these | (96,), the last hidden state |
# | **3-frame** CNN -> LSTM | the same, but the first kernel sees each frame beside the one before and the one after, as channels | (96,) |
# | **ConvLSTM** | reads maps of 12 × 12, one frame after the other | (96,), from its last hidden state, (12, 12, 12), through the rest of the CNN |
# | **Conv3D** | kernels three frames deep, then the maximum over time | (96,) |
# | **Frames as channels** | all frames as the 8 channels of one image | (96,) |
# | **No network** | four numbers for each clip, from a law of physics | (4,) |
#
# All networks share `look`, the CNN, and `joint`, which makes 96 numbers of its maps; `PerFrame` applies layers to each frame (lesson 04).

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
    image = layers.ConvLSTM2D(12, 3, padding="same")(PerFrame(first)(clips))  # (batch, 12, 12, 12)
    return keras.Sequential([second, third, *joint()])(image)


def flattened(clips):
    """A control: a plain LSTM in the place of the ConvLSTM reads the same maps of 12x12 as lists of 2,304 numbers."""
    return layers.LSTM(96)(PerFrame(keras.Sequential([look()[0], layers.Flatten()]))(clips))

# %% tags=["definition"]
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

# %% tags=["definition"] jupyter={"source_hidden": true}
def train_camera(model, data, peak=4e-3, epochs=10, warmup=100):
    """Clipped gradients, a warm-up, a rate that falls to zero (lesson 04); new clips in every epoch."""
    steps = -(-len(data.train) // 32) * epochs
    schedule = keras.optimizers.schedules.CosineDecay(0.0, max(1, steps - warmup), warmup_target=peak, warmup_steps=min(warmup, steps))
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(epochs):
        clips = data.recompose(epoch)
        model.fit(clips.x, clips.y["move"], batch_size=32, shuffle=False, verbose=0)

# %% [markdown]
# **The rule.** If brightness only moves, and never changes, then at every pixel the change over time is about minus the slope of the
# image times the motion there (the **optical flow**), as long as the motion is small (Horn and Schunck, 1981). A picture of one row shows why:

# %% jupyter={"source_hidden": true}
place = np.linspace(0, 10, 101)
brightness = lambda shift: np.exp(-((place - 5 - shift) ** 2) / 6)  # noqa: E731
fig, axes = plt.subplots(figsize=(7.5, 3), layout="constrained")
axes.plot(place, brightness(0), color=plotting.INK)
axes.plot(place, brightness(0.6), "--", color=plotting.INK)
axes.text(3.2, 0.85, "now"), axes.text(7.2, 0.72, "next frame")
for at, word, x in ((3, "slope up:\nit gets darker", 0.4), (7, "slope down:\nit gets brighter", 7.9)):
    low, high = np.exp(-((at - 5) ** 2) / 6), np.exp(-((at - 5.6) ** 2) / 6)
    axes.annotate("", (at, high), (at, low), arrowprops={"arrowstyle": "-|>", "color": plotting.LSTM, "lw": 2})
    axes.text(x, 0.45, word, color=plotting.LSTM)
axes.set(xlabel="pixels to the right", ylabel="brightness", xlim=(0, 10.5), yticks=(0, 1))
plotting.Picture(fig, "A hill of brightness along one row of pixels, now and in the next frame, moved a little to the right. Where the hill "
                 "goes up, the next frame is darker; where it goes down, brighter.")  # fmt: skip

# %% [markdown]
# In two dimensions, change = -(slope down × motion down + slope right × motion right). And here four numbers give the motion of all pixels:
# each *slides* down and right like all others; *growing* moves it away from the centre, in proportion to its distance, and *turning* moves it
# at a right angle to that. There are thousands of pixels, each with one equation, and four unknowns. **Least squares** finds the four numbers
# whose predicted changes are closest to those seen (`slopes` has what stands beside each unknown; the last line solves for all four).

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
simple = moves_by_rule(moves)

# %% tags=["claim"]
check.claim("Four numbers name the move nearly always", simple["move"], above=0.98)

# %% [markdown]
# That is what the networks have to beat. They were trained by `make results`, on new clips of the training photographs in each epoch; the peak
# learning rate was searched for each.

# %%
camera_table = results.load("08_camera_moves")
longer = results.load("08_camera_longer")
control = results.load("08_camera_flat")
thrice = longer.rows[0] | {"model": "CNN -> LSTM, three times as long"}
print(camera_table)
plotting.table([*camera_table.rows, *control.rows, thrice], {"model": "model", "parameters": "parameters", "move": "move named", "seconds": "seconds"},
               "What does the camera do? Eight moves, so chance is .125; 10 epochs, and 30 in the last row. Seconds: to train")  # fmt: skip

# %% [markdown]
# - **Described frame by frame in 96 numbers, motion is learned late.** After 10 epochs, the hybrid of lesson 04 names .28 of the moves
#   (.17 to .41); after 30, .83. Let its first kernel see three frames, and change nothing else: .98 after 10. Motion that is seen before a frame
#   becomes a list is learned far sooner.
# - **A ConvLSTM gets single frames, too, and names .99 of the moves.** It compares a map of 12 × 12 places with the next, so it is not the single
#   frame that hides the motion. Is it the memory? A control: a plain LSTM in its place, which reads the very same maps as lists, names .53, with
#   almost seven times as many weights. (It is late, too: in one trial, three times the epochs brought it near the hybrid's .83.)
# - **No memory is needed.** All frames as channels of one image are within half a percent of the ConvLSTM, and so is the rule, which has
#   40 parameters; the Conv3D has .98.

# %% tags=["claim"] jupyter={"source_hidden": true}
hybrid, three = (camera_table.row(name)["model"] for name in ("CNN -> LSTM", "3-frame CNN -> LSTM"))
check.claim("After 10 epochs the hybrid names .28 of the moves", camera_table.mean(hybrid, "move"), within=(0.275, 0.285), stored=True)
check.claim(".17 to .41 of them", [camera_table.low(hybrid, "move") - 0.17, camera_table.high(hybrid, "move") - 0.41], within=(-0.005, 0.005), stored=True)
check.claim("After 30 epochs .83, which is .55 more", longer.mean(hybrid, "move") - camera_table.mean(hybrid, "move"), within=(0.54, 0.56), stored=True)
check.claim("still behind three frames after 10", camera_table.low(three, "move") - longer.high(hybrid, "move"), above=0.05, stored=True)
check.claim("With three frames in its first kernel .98", camera_table.mean(three, "move"), within=(0.975, 0.985), stored=True)
check.claim("The Conv3D has .98", camera_table.mean("Conv3D", "move"), within=(0.975, 0.985), stored=True)
check.claim("The ConvLSTM names .99", camera_table.row("ConvLSTM")["move"], within=(0.99, 0.998), stored=True)
check.claim("An LSTM over the same maps as lists names .53, far fewer in every seed", camera_table.low("ConvLSTM", "move")
            - np.array(control.row("LSTM, flattened maps")["move"]), above=0.4, stored=True)  # fmt: skip
check.claim("with almost seven times as many weights", control.row("LSTM, flattened maps")["parameters"]
            / camera_table.row("ConvLSTM")["parameters"], within=(6.5, 7), stored=True)  # fmt: skip
check.claim("Frames as channels are within half a percent", camera_table.mean("Frames as channels", "move") - camera_table.mean("ConvLSTM", "move"),
            within=(-0.005, 0.005), stored=True)  # fmt: skip
check.claim("So is the rule", camera_table.mean("No network: flow", "move") - camera_table.mean("ConvLSTM", "move"), within=(-0.005, 0.005), stored=True)

# %% [markdown]
# **Stop here if you like** (about 42 minutes so far).
#
# <a id="frames"></a>
#
# ## 6 · Second use: the next frame
#
# At every frame the network draws the next one: that is the target, at all frames of a clip at once, and on all three kinds of clips
# together. There are three networks, with the same first and last part:
#
# - a **ConvLSTM**, whose memory is an image;
# - a **causal Conv3D** without memory, with as many weights: *causal* means that no kernel reaches into the future (section 8);
# - the hybrid of lesson 04, whose memory is a **list**, and a CNN that draws. It has 20 times as many weights.
#
# `patches` makes four channels of each block of 2 × 2 pixels, much as the paper does: the state then has 12 × 12 places, a quarter of the
# work, and no pixel is lost.

# %% tags=["definition", "lab-data"]
def patches():
    """Every frame, from 24x24 pixels to 12x12 places with the four pixels of each as channels; nothing is lost."""
    blocks = [layers.Reshape((12, 2, 12, 2)), layers.Permute((1, 3, 2, 4)), layers.Reshape((12, 12, 4))]
    return PerFrame(keras.Sequential([keras.Input((24, 24, 1)), *blocks]))


def draw(filters):
    """Every frame, from maps of 12x12 to four pixels for each place, and back to 24x24."""
    pixels = [layers.Conv2D(32, 3, padding="same", activation="relu"), layers.Conv2D(4, 3, padding="same", activation="sigmoid")]
    unfold = [layers.Reshape((12, 12, 2, 2)), layers.Permute((1, 3, 2, 4)), layers.Reshape((24, 24, 1))]
    return PerFrame(keras.Sequential([keras.Input((12, 12, filters)), *pixels, *unfold]))

# %% tags=["definition", "lab-data"]
def convlstm():
    """The memory is an image: 16 filters of 12x12."""
    clips = keras.Input((None, 24, 24, 1))
    memory = layers.ConvLSTM2D(16, 3, padding="same", return_sequences=True, name="memory")
    return keras.Model(clips, draw(16)(memory(patches()(clips))))


def causal3d():
    """No memory: it draws from the last seven frames. In time it is padded in front alone."""
    clips = keras.Input((None, 24, 24, 1))
    maps = patches()(clips)
    for _ in range(3):
        maps = layers.ZeroPadding3D(((2, 0), (1, 1), (1, 1)))(maps)
        maps = layers.Conv3D(14, 3, activation="relu")(maps)
    return keras.Model(clips, draw(14)(maps))


def flat():
    """The memory is a list of 96 numbers: the hybrid of lesson 04, and a CNN that draws."""
    clips = keras.Input((None, 24, 24, 1))
    frame = keras.Sequential([layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"), layers.Flatten(),
                              layers.Dense(96), layers.LayerNormalization(), layers.ReLU()])  # fmt: skip
    states = layers.LSTM(96, return_sequences=True)(PerFrame(frame)(patches()(clips)))
    maps = keras.Sequential([layers.Dense(12 * 12 * 16, activation="relu"), layers.Reshape((12, 12, 16))])
    return keras.Model(clips, draw(16)(PerFrame(maps)(states)))

# %% tags=["definition"] jupyter={"source_hidden": true}
def mixed(worlds, epoch):
    """Clips of all kinds, in random order; other ones in every epoch."""
    clips = np.concatenate([data.recompose(epoch).x for data in worlds.values()])
    return clips[np.random.default_rng(epoch).permutation(len(clips))]


def train_frames(model, worlds, peak=8e-3, epochs=6):
    """At every frame, the frame after it is the target. A pixel lies between 0 and 1, like a probability: binary cross-entropy."""
    batches = -(-sum(len(data.train) for data in worlds.values()) // 16)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, batches * epochs, warmup_target=peak, warmup_steps=batches // 2)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "binary_crossentropy")
    history = {"loss": []}
    for epoch in range(epochs):
        clips = mixed(worlds, epoch)
        history["loss"] += model.fit(clips[:, :-1], clips[:, 1:], batch_size=16, shuffle=False, verbose=0).history["loss"]
    return history

# %% [markdown]
# *Predict*: which of the three will draw the *next* frame best? And which will still be good when it reads its own frames?

# %%
shown = {"ConvLSTM": convlstm(), "Conv3D, causal": causal3d(), "CNN -> LSTM -> CNN": flat()}
for name, model in shown.items():
    print(f"{name}: {model.count_params():,} parameters; from {model.input_shape} to {model.output_shape}")

# %% [markdown]
# **No network.** Six rules are given the first six frames or more, and continue the clip. The code is folded.
#
# | Rule | What it does |
# |---|---|
# | black | draws nothing: it cannot be wrong about a place |
# | copy | repeats the last frame |
# | shift | by how many pixels must the last frame but one be moved to be closest to the last? Goes on with that |
# | phase correlation | looks for such a shift in the Fourier transforms of the two frames, a standard way to align images |
# | shift and bounce | what never moved stays (the bar); the rest is shifted, and turns back where ink would leave the frame |
# | box fit | knows this world: one or two boxes of 12 × 12 fly straight, and walls reflect them. A box has 65 ways along each axis (13 places to start, 5 velocities), so 65 × 65 paths; it takes the one or two that explain the frames best |

# %% tags=["definition"] jupyter={"source_hidden": true}
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
    """Such a shift by phase correlation, in whole pixels."""
    from skimage.registration import phase_cross_correlation

    pairs = zip(before[..., 0], after[..., 0])
    return np.array([phase_cross_correlation(second, first)[0] for first, second in pairs]).astype(int)

# %% tags=["definition"] jupyter={"source_hidden": true}
def paths(frames):
    """Where a box of 12x12 can be along one axis, frame by frame: 13 places to start, 5 velocities, reflected at walls."""
    start, velocity = (grid.reshape(-1, 1) for grid in np.meshgrid(np.arange(13), np.arange(-2, 3), indexing="ij"))
    return 12 - np.abs((start + velocity * np.arange(frames)) % 24 - 12)  # (65, frames)


def box_fit(given, ahead, best=40):
    """The one or two bouncing boxes that explain a clip (time, 24, 24) best, and where they go: (ahead, 24, 24)."""
    count, along = len(given), paths(len(given) + ahead)
    rows, columns = np.repeat(along, 65, axis=0), np.tile(along, (65, 1))  # all 4,225 paths
    still = (given == given[0]).all(axis=0) & (given[0] > 0)
    windows = np.lib.stride_tricks.sliding_window_view(np.where(still, 2, given), (12, 12), axis=(1, 2))
    held = windows[0][rows[:, 0], columns[:, 0]]
    for t in range(1, count):  # a box holds no more than the darkest that was ever seen along its path
        np.minimum(held, windows[t][rows[:, t], columns[:, t]], out=held)
    held[held > 1] = 0  # always behind the bar
    most = np.argsort(-held.sum(axis=(1, 2)), kind="stable")[:best]
    frames = np.zeros((best, count + ahead, 24, 24), "float32")
    for n, path in enumerate(most):
        for t, (row, column) in enumerate(zip(rows[path], columns[path])):
            frames[n, t, row : row + 12, column : column + 12] = held[path]
    seen, drawn = given[:, ~still].ravel(), frames[:, :count][:, :, ~still].reshape(best, -1)
    errors = np.stack([((np.maximum(drawn[n], drawn) - seen) ** 2).sum(axis=1) for n in range(best)])
    return np.where(still, given[0], frames[list(np.unravel_index(errors.argmin(), errors.shape))].max(axis=0)[count:])

# %% tags=["definition"] jupyter={"source_hidden": true}
def extent(frames, axis):
    """First and last row (axis 1) or column (axis 2) of each frame that is not black: (clip, 2)."""
    lit = (frames[..., 0] > 0).any(axis=3 - axis)
    return np.stack([lit.argmax(axis=1), 23 - lit[:, ::-1].argmax(axis=1)], axis=-1)


def go_on(given, ahead, motion, clever=False):
    """Move the last frame on by the same shift again and again; if clever, what stands still stays, and walls turn back."""
    still = given[:, -1] * (clever & (given == given[:, :1]).all(axis=1))
    before, frame = given[:, -2] - still, given[:, -1] - still
    by, frames = motion(before, frame), []
    for _ in range(ahead):
        for axis in (0, 1) if clever else ():
            edge = extent(frame, axis + 1) + by[:, axis, np.newaxis]
            by[:, axis] *= np.where((edge < 0).any(axis=1) | (edge > 23).any(axis=1), -1, 1)
        frame = shift(frame, by)
        frames.append(np.where(still > 0, still, frame))
    return np.stack(frames, axis=1)

# %% tags=["definition"] jupyter={"source_hidden": true}
def next_by_rule():
    """Name -> function from given frames and a number of frames ahead to these frames."""
    return {
        "black": lambda given, ahead: np.zeros_like(given[:, :1]).repeat(ahead, axis=1),
        "copy": lambda given, ahead: given[:, -1:].repeat(ahead, axis=1),
        "shift": lambda given, ahead: go_on(given, ahead, by_matching),
        "phase correlation": lambda given, ahead: go_on(given, ahead, by_phase),
        "shift and bounce": lambda given, ahead: go_on(given, ahead, by_matching, clever=True),
        "box fit": lambda given, ahead: np.stack([box_fit(clip, ahead) for clip in given[..., 0]])[..., np.newaxis],
    }

# %% [markdown]
# **One epoch is not enough.** We train a ConvLSTM for one epoch here. Beside it stands one that was trained for six: `make results` made
# it for the table in section 7, and kept its weights. Each frame is drawn from all true frames before it. *Predict*: what will a network
# draw that knows roughly where the digit is?

# %% tags=["lab-data"]
trained = {"ConvLSTM": convlstm(), "Conv3D, causal": causal3d()}
for name, model in trained.items():
    model.load_weights(results.FOLDER / f"08_next_frame_{'convlstm' if name == 'ConvLSTM' else 'causal3d'}.weights.h5")

# %%
keras.utils.set_random_seed(0)
live = convlstm()
history = train_frames(live, short, peak=0.064, epochs=1)

# %% tags=["nbval-ignore-output"]
clip = long["one digit"].test.x[:1]
drawn = {"after 1 epoch": live, "after 6 epochs": trained["ConvLSTM"]}
drawn = {name: model.predict(clip, verbose=0)[0, :-1] for name, model in drawn.items()}
plotting.strip(np.stack([clip[0, 1:], *drawn.values()]), ["true, from frame 2 on", *drawn])

# %% [markdown]
# After one epoch it draws a smear (section 10 shows what smears are good for). After six it is surer of the place, except after a bounce.

# %% [markdown]
# <a id="rolling"></a>
#
# ### Rolling out
#
# One step ahead, every frame that the network reads is true. To go ten frames ahead it has to read its own: the free running of lesson 07.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.3", "Roll out")
def check_rollout(roll):
    def answers(clip):  # at each step, something that depends on all frames so far, and on their order
        weights = np.arange(1, clip.shape[1] + 1)[:, np.newaxis, np.newaxis, np.newaxis]
        return np.cumsum(clip * weights, axis=1) / np.cumsum(weights, axis=0) + 0.1 * weights

    class Model:
        def __call__(self, clip, **options):
            clip = np.asarray(clip)
            read.append(clip.shape)
            if clip.ndim != 5:
                raise ValueError(f"the network takes (batch, time, height, width, 1), not {clip.shape}")
            return ops.convert_to_tensor(answers(clip))

        def predict(self, x, **options):
            return np.asarray(self(x))

    for given, ahead in ((3, 4), (1, 1), (5, 2)):
        read, start = [], np.random.default_rng(given).random((2, given, 4, 4, 1)).astype("float32")
        drawn = roll(Model(), start.copy(), ahead)
        case = f"{given} frames given, {ahead} ahead: "
        check.expect(read, f"{case}the network was never asked")
        check.expect(read[0] == start.shape, f"{case}first the network reads the frames that are given, {start.shape}; you give it {read[0]}")
        check.expect(ahead == 1 or len(read) > 1, f"{case}the network was asked once; for each new frame, ask it again")
        forgets = ahead > 1 and read[1][1] <= given
        check.expect(not forgets, f"{case}the second time, the network should read one frame more than the first: those given, and its own")
        check.expect_shape(f"{case}what you return", drawn, (2, ahead, 4, 4, 1))
        whole = start
        for _ in range(ahead):
            whole = np.concatenate([whole, answers(whole)[:, -1:]], axis=1)
        off = np.abs(np.asarray(drawn) - whole[:, given:]).max()
        check.expect(off < 1e-4, f"{case}these are not the frames that follow. Append the last step of each answer, behind all frames so "
                     "far, and return only what is new")  # fmt: skip

# %% [markdown]
# ### 08.3 · Roll out
#
# Write `roll(model, given, ahead)`. `model(clip)` takes (batch, time, height, width, 1) and draws, at every step, the frame after
# it; only the last of these is new. Start with the frames `given`. Then give it *all* frames so far, those given and its own, until
# `ahead` new frames are drawn. Return only the new ones. (`model.predict(clip, verbose=0)` works, too; `[:, -1:]` takes the last step and
# keeps the axis of time.)

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

# %% tags=["definition"] jupyter={"source_hidden": true}
def rolled_out(model, given, ahead):
    """As in the exercise."""
    clip = given
    for _ in range(ahead):
        clip = np.concatenate([clip, model.predict(clip, batch_size=100, verbose=0)[:, -1:]], axis=1)
    return clip[:, -ahead:]

# %% [markdown]
# *Predict*: what happens to a digit after the network has read ten of its own frames? (Six true frames are given; the ten that follow are shown.)

# %% tags=["nbval-ignore-output"]
hard = ("two digits", "a bar in front")
given, true = (np.stack([long[kind].test.x[2, part] for kind in hard]) for part in (slice(6), slice(6, None)))
rows = {"true": true} | {name: rolled_out(model, given, 10) for name, model in trained.items()}
rows |= {name: next_by_rule()[name](given, 10) for name in ("shift and bounce", "box fit")}
plotting.strip(np.concatenate([np.stack(each) for each in zip(*rows.values())]), [f"{kind}: {name}" for kind in hard for name in rows])

# %% [markdown]
# <a id="right"></a>
#
# ## 7 · What is still right?
#
# A sharp digit that hardly overlaps the true one has a larger squared error than no digit at all: it is wrong where the digit is, and where
# it is not. So we ask three more things: the **structural similarity** of Wang and others (2004), which compares means, contrasts and
# patterns of small windows (1 is equal; here of 7 × 7 pixels, and with one digit even *black* scores .4, as most of a frame is black); **how far off** the
# digit is; and whether one can still **read** it: the network of lesson 04, trained on digits of this size, is shown the ten predicted frames.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.4", "How far off?")
def check_off(far):
    rng = np.random.default_rng(5)
    for clips, steps, height, width in ((3, 4, 9, 9), (2, 1, 6, 11)):
        true, drawn = (rng.random((clips, steps, height, width, 1)) ** 4 for _ in range(2))
        result = far(true.copy(), drawn.copy())
        case = f"with {steps} steps of {height} x {width}: "
        check.expect_shape(f"{case}the array of distances", result, (steps,))

        def centres(frames):
            weights = frames[..., 0] / frames[..., 0].sum(axis=(2, 3), keepdims=True)
            rows, columns = np.arange(frames.shape[2])[:, np.newaxis], np.arange(frames.shape[3])
            return np.stack([(weights * rows).sum(axis=(2, 3)), (weights * columns).sum(axis=(2, 3))], axis=-1)

        apart = centres(drawn) - centres(true)
        each = np.sqrt((apart**2).sum(axis=-1))
        check.expect_close(f"{case}the array of distances", result, np.zeros(steps), tolerance=1e6)
        result = np.asarray(result, dtype=float)
        of_mean = np.sqrt((apart.mean(axis=0) ** 2).sum(axis=-1))
        check.expect(np.abs(result - of_mean).max() > 1e-6, f"{case}you average over the clips first: then too far left and too far right "
                     "cancel. Take the distance of each clip, then the mean")  # fmt: skip
        of_squares = np.sqrt((apart**2).sum(axis=-1).mean(axis=0))
        check.expect(clips == 1 or np.abs(result - of_squares).max() > 1e-6, f"{case}you take the mean of the squares: take the root of each "
                     "clip's, then the mean")  # fmt: skip
        check.expect(np.abs(result - np.abs(apart).sum(axis=-1).mean(axis=0)).max() > 1e-6, f"{case}you add rows and columns: the distance is "
                     "the root of the sum of their squares")  # fmt: skip
        check.expect_close(f"{case}the array of distances", result, each.mean(axis=0), tolerance=1e-6)

# %% [markdown]
# ### 08.4 · How far off?
#
# The **centre of brightness** of a frame is the mean of all pixel positions (row, column), each weighted by the brightness of its
# pixel. Write `distances(true, drawn)` for two arrays (clip, time, height, width, 1): return, for each step, the distance in pixels
# between the centre of the drawn frame and that of the true one, a mean over the clips: an array (time,). (Frames need not be square here, and
# none is all black.)
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

# %% tags=["definition"] jupyter={"source_hidden": true}
def quality(true, drawn):
    """Squared error, structural similarity, distance of the centres: three arrays (time,)."""
    from skimage.metrics import structural_similarity

    pairs = [zip(true[:, step, ..., 0], drawn[:, step, ..., 0]) for step in range(true.shape[1])]
    similar = [np.mean([structural_similarity(*pair, data_range=1.0) for pair in step]) for step in pairs]
    return ((true - drawn) ** 2).mean(axis=(0, 2, 3, 4)), np.array(similar), distances_of(true, drawn)


def distances_of(true, drawn):
    """As in the exercise, for what is brighter than what stands still; a frame without any light counts as centred."""
    centres, place, still = [], np.arange(24) - 11.5, true.min(axis=1, keepdims=True)
    for frames in (np.maximum(clips - still, 0)[..., 0] for clips in (true, drawn)):
        light = np.maximum(frames.sum(axis=(2, 3)), 1e-6)
        centres.append(np.stack([(frames.sum(axis=3) * place).sum(axis=2) / light, (frames.sum(axis=2) * place).sum(axis=2) / light]))
    return np.linalg.norm(centres[0] - centres[1], axis=0).mean(axis=0)

# %% jupyter={"source_hidden": true}
drawn_next = results.load("08_next_frame")

rows = []
for row in drawn_next.rows:
    thousandths = {kind: plotting.over_seeds([1000 * error for error in row[f"{kind}: next"]], "{:.1f}") for kind in KINDS}
    rows.append({"model": row["model"], "parameters": row["parameters"], **thousandths, "named": plotting.over_seeds(row["named"], "{:.3f}"),
                 "seconds": f"{np.mean(row['seconds']):.0f}"})  # fmt: skip
print(drawn_next)
plotting.table(rows, {"model": "model", "parameters": "parameters", **{kind: kind for kind in KINDS}, "named": "digit named", "seconds": "seconds"},
               f"Squared error of frames 7 to 16, each from all true frames before it, in thousandths. Digit named: one digit, ten frames rolled out "
               f"({drawn_next.mean('ConvLSTM', 'named, true'):.3f} from the true ones). Seconds: to train; of a rule, to predict and score")  # fmt: skip

# %% jupyter={"source_hidden": true}
SHOWN = {"ConvLSTM": (plotting.LSTM, "-o"), "Conv3D, causal": (plotting.CNN, "--s"), "CNN -> LSTM -> CNN": ("#CC79A7", "-.D"),
         "No network: shift and bounce": (plotting.INK, ":^"), "No network: box fit": ("#009E73", "-*"), "No network: black": ("#777777", ":")}  # fmt: skip
SCORES = {"error": "squared error, thousandths\n(low is good)", "similar": "structural similarity\n(high is good)",
          "off": "pixels off\n(low is good)"}  # fmt: skip
fig, axes = plt.subplots(3, 3, figsize=(9.8, 8), layout="constrained", sharex=True, sharey="row")
for column, kind in enumerate(KINDS):
    for part, (key, label) in zip(axes[:, column], SCORES.items()):
        for name, (colour, line) in SHOWN.items():
            values = (1000 if key == "error" else 1) * np.array([drawn_next.row(name)[f"{kind}: {key} {step}"] for step in (1, 2, 5, 10)])
            part.plot([1, 2, 5, 10], values.mean(axis=1), line, color=colour, label=name.removeprefix("No network: "))
            part.fill_between([1, 2, 5, 10], values.min(axis=1), values.max(axis=1), color=colour, alpha=0.15)
        part.set(ylabel=None if column else label, xticks=(1, 2, 5, 10))
    axes[0, column].set_title(kind)
    axes[2, column].set_xlabel("frames ahead, from six true ones")
for row in axes:
    row[0].set_ylim(0)
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fallen = ", ".join(f"{name} {1000 * drawn_next.mean(name, 'one digit: error 10'):.0f}" for name in SHOWN)
plotting.Picture(fig, "Squared error, similarity and pixels off, from 1 to 10 frames ahead, for each kind of clip. Box fit stays best in all. "
                 f"Squared error with one digit, ten frames ahead, in thousandths: {fallen.replace('No network: ', '')}.")  # fmt: skip

# %% [markdown]
# - **Who knows the world draws it.** Box fit has less than 1 thousandth with one digit or a bar and 2 with two digits. From six frames, ten ahead,
#   it is still far ahead of all others. Nothing learned comes near.
# - **One step ahead, it depends on what a rule knows.** With one digit a single shift is level with ConvLSTM and Conv3D; add the walls, and *shift
#   and bounce* is ahead of each network. With two digits no single shift is right, and ConvLSTM and Conv3D are ahead. With the bar they are
#   level in squared error.
# - **One step ahead, an image as memory is hardly better than no memory here.** With equally many weights, the ConvLSTM is 3 to 4 percent ahead of the Conv3D.
# - **A list as memory is worse one step ahead,** with 20 times as many weights: its error is a quarter to a half larger.
# - **Good one step ahead is not good ten steps ahead.** The order turns round. When the networks read their own frames, the list has the
#   smallest error of the three from the fifth frame on, and after ten less than two thirds of that of the ConvLSTM. With one digit or two, ConvLSTM
#   and Conv3D are then far worse than *black*. None of them was ever trained on frames of its own.
# - **A small error is not a digit.** From ten frames of the ConvLSTM .16 of the digits are named, from those of the list .11 (chance: .10);
#   from the true frames .895. From *copy* nearly as many, in the wrong places: squared error and a reader ask different things.
#
# (An empty frame counts as centred, so *black* is never far off. And six epochs are few: trained three times as long, one ConvLSTM and one
# Conv3D passed the single shift, but not *shift and bounce* with one digit; ten of their own frames on, only the Conv3D was better.)

# %% tags=["claim"] jupyter={"source_hidden": true}
kinds = [key.removesuffix(": next") for key in drawn_next.rows[0] if key.endswith(": next")]
after = {row["model"]: np.array([np.mean(row[f"{kind}: next"]) for kind in kinds]) for row in drawn_next.rows}
check.claim("Box fit has less than 1 thousandth with one digit or a bar, and about 2 with two", after["No network: box fit"] - (0.001, 0.0025, 0.001),
            below=0, stored=True)  # fmt: skip
check.claim("Nothing learned comes near", [after[name] - 8 * after["No network: box fit"] for name in ("ConvLSTM", "Conv3D, causal",
            "CNN -> LSTM -> CNN")], above=0, stored=True)  # fmt: skip
check.claim("From six frames, ten ahead, box fit is still far ahead of all", [drawn_next.low(name, f"{kind}: error 10")
            - 4 * drawn_next.mean("No network: box fit", f"{kind}: error 10") for kind in kinds for name in after if "box" not in name],
            above=0, stored=True)  # fmt: skip
check.claim("With one digit a single shift is level with ConvLSTM and Conv3D", [after["No network: shift"][0] - after[name][0]
            for name in ("ConvLSTM", "Conv3D, causal")], within=(-0.001, 0.001), stored=True)  # fmt: skip
check.claim("With the walls, shift and bounce is ahead of each network", [drawn_next.low(name, "one digit: next") - after["No network: shift and bounce"][0]
            for name in ("ConvLSTM", "Conv3D, causal", "CNN -> LSTM -> CNN")], above=0.003, stored=True)  # fmt: skip
check.claim("With two digits ConvLSTM and Conv3D are ahead of it, in every seed", [after["No network: shift and bounce"][1]
            - drawn_next.high(name, "two digits: next") for name in ("ConvLSTM", "Conv3D, causal")], above=0.01, stored=True)  # fmt: skip
check.claim("With the bar they are level in squared error", [after["No network: shift and bounce"][2] - after[name][2]
            for name in ("ConvLSTM", "Conv3D, causal")], within=(-0.001, 0.001), stored=True)  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
kinds = [key.removesuffix(": next") for key in drawn_next.rows[0] if key.endswith(": next")]
image, window, flattened_row = (np.array([np.mean(drawn_next.row(name)[f"{kind}: next"]) for kind in kinds]) for name in (
    "ConvLSTM", "Conv3D, causal", "CNN -> LSTM -> CNN"))  # fmt: skip
check.claim("The ConvLSTM is 3 to 4 percent ahead of the Conv3D", 1 - image / window, within=(0.025, 0.045), stored=True)
check.claim("The list has 20 times as many weights", drawn_next.row("CNN -> LSTM -> CNN")["parameters"]
            - 20 * drawn_next.row("ConvLSTM")["parameters"], within=(0, 17_000), stored=True)  # fmt: skip
check.claim("The list is a quarter to a half worse", flattened_row / image, within=(1.25, 1.51), stored=True)
check.claim("From the fifth own frame on, the list has the smallest error of the three, in every seed and kind",
            [drawn_next.low(name, f"{kind}: error {step}") - drawn_next.high("CNN -> LSTM -> CNN", f"{kind}: error {step}")
             for name in ("ConvLSTM", "Conv3D, causal") for kind in kinds for step in (5, 10)], above=0.004, stored=True)  # fmt: skip
check.claim("After ten, less than two thirds of that of the ConvLSTM", [0.667 * drawn_next.mean("ConvLSTM", f"{kind}: error 10")
            - drawn_next.mean("CNN -> LSTM -> CNN", f"{kind}: error 10") for kind in kinds], above=0, stored=True)  # fmt: skip
check.claim("After ten, with one digit or two, both are far worse than black, in every seed", [drawn_next.low(name, f"{kind}: error 10")
            - 1.25 * drawn_next.mean("No network: black", f"{kind}: error 10") for name in ("ConvLSTM", "Conv3D, causal")
            for kind in ("one digit", "two digits")], above=0, stored=True)  # fmt: skip
check.claim(".16 of the digits are named", drawn_next.mean("ConvLSTM", "named"), within=(0.155, 0.165), stored=True)
check.claim("from the list's .11", drawn_next.mean("CNN -> LSTM -> CNN", "named"), within=(0.105, 0.115), stored=True)
check.claim(".895 from the true frames, and nearly as many from copies", [drawn_next.mean("ConvLSTM", "named, true"), drawn_next.mean("No network: copy", "named")],
            within=(0.88, 0.9), stored=True)  # fmt: skip

# %% [markdown]
# **How many frames does it use?** Now the networks see only the last few frames before the one they draw.

# %% jupyter={"source_hidden": true}
few = {1: "last frame alone", 2: "last 2", 3: "last 3", 6: "last 6"}
rows = [{"model": name, "clips": kind, **{words: plotting.over_seeds([1000 * error for error in drawn_next.row(name)[f"{kind}: last {count}"]], "{:.1f}")
                                          for count, words in few.items()}}
        for kind in KINDS for name in trained]  # fmt: skip
plotting.table(rows, ["model", "clips", *few.values()], "Squared error of the next frame in thousandths, mean of four frames")

# %% [markdown]
# One frame tells where, but not where to, and the answer is a smear. The second frame takes away 3 to 4 tenths of the error, the third 7 to 10
# percent, and three more frames hardly anything. So these networks use little more than the last three frames. More could be had: box fit
# errs less than half as much from six to fifteen frames as from six.

# %% tags=["claim"] jupyter={"source_hidden": true}
kinds = [key.removesuffix(": next") for key in drawn_next.rows[0] if key.endswith(": next")]
from_last = {count: np.array([drawn_next.mean(name, f"{kind}: last {count}") for kind in kinds for name in ("ConvLSTM", "Conv3D, causal")])
             for count in (1, 2, 3, 6)}  # fmt: skip
check.claim("The second frame takes away 3 to 4 tenths", 1 - from_last[2] / from_last[1], within=(0.27, 0.43), stored=True)
check.claim("The third 7 to 10 percent", 1 - from_last[3] / from_last[2], within=(0.065, 0.105), stored=True)
helped = [drawn_next.mean("No network: box fit", f"{kind}: next") / drawn_next.mean("No network: box fit", f"{kind}: error 1") for kind in kinds]
check.claim("Three more frames bring the networks hardly anything, and box fit more than half of its error", np.repeat(helped, 2)
            - (from_last[6] / from_last[3] - 0.46), below=0, stored=True)  # fmt: skip

# %% [markdown]
# **Stop here if you like** (about 75 minutes so far).
#
# <a id="leak"></a>
#
# ## 8 · The famous leak
#
# A widely copied example (see Sources) stacks ConvLSTM layers and ends in `Conv3D(1, (3, 3, 3), padding="same")`, trained to draw frame
# t + 1 at step t. "same" pads on both sides, in time as well: the last layer reads the steps t - 1, t **and t + 1**. But step t + 1 has
# seen frame t + 1, which is what step t should predict. *Predict*: how does the error of such a network look, step by step?

# %%
keras.utils.set_random_seed(0)
frames = keras.Input((None, 24, 24, 1))
cheating = keras.Model(frames, draw(16)(layers.Conv3D(16, 3, padding="same", activation="relu")(patches()(frames))))
train_frames(cheating, short, epochs=1)
true = long["two digits"].test.x
errors = ((cheating.predict(true[:, :-1], verbose=0) - true[:, 1:]) ** 2).mean(axis=(0, 2, 3, 4))

# %% tags=["nbval-ignore-output"]
print("thousandths:", *(f"{1000 * error:.1f}" for error in errors))

# %% tags=["claim"]
check.claim("After one epoch, the error of all steps but the last is less than half of that of the ConvLSTM after six", errors[:-1]
            - 0.5 * drawn_next.mean("ConvLSTM", "two digits: next"), below=0)  # fmt: skip
check.claim("At the last step, whose next frame is not given, it is above that of the ConvLSTM", errors[-1]
            - 1.2 * drawn_next.mean("ConvLSTM", "two digits: next"), above=0)  # fmt: skip

# %% [markdown]
# Three convolutions, one epoch, and less than half of the error of the ConvLSTM after six: until the last step, where there is no next frame to
# copy. That is the step that you want when you predict. The cure is to pad in front alone, as `causal3d` does: then the network is **causal** in time.

# %% tags=["definition"]
def leaking(filters=16):
    clips = keras.Input((None, 24, 24, 1))
    memory = layers.ConvLSTM2D(filters, 5, padding="same", return_sequences=True)(clips)
    return keras.Model(clips, layers.Conv3D(1, 3, padding="same", activation="sigmoid")(memory))

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("08.5", "Find the bug: does it see the future?")
def check_future(sees):
    keras.utils.set_random_seed(4)
    clips = keras.Input((None, 24, 24, 1))
    in_front = layers.Conv3D(1, 3)(layers.ZeroPadding3D(((2, 0), (1, 1), (1, 1)))(clips))
    ahead = layers.Conv3D(1, (2, 1, 1), padding="valid")(layers.ZeroPadding3D(((0, 1), (0, 0), (0, 0)))(clips))
    further = layers.Lambda(lambda x: ops.concatenate([x[:, 2:], 0 * x[:, :2]], axis=1))(clips)
    cases = {"convlstm": (convlstm(), False), "causal3d": (causal3d(), False), "leaking": (leaking(4), True),
             "one frame ahead, only": (keras.Model(clips, ahead), True), "two frames ahead, only": (keras.Model(clips, further), True),
             "one Conv3D, padded in front": (keras.Model(clips, in_front), False)}  # fmt: skip
    for name, (model, right) in cases.items():
        told = sees(model)
        check.expect(np.ndim(told) == 0 and np.asarray(told).dtype == bool, f"return True or False; you return {told!r:.40}")
        words = "does see" if right else "does not see"
        advice = ". Take two clips that are equal up to a frame, and compare the answers up to there, and no further" * (not right)
        check.expect(bool(told) == right, f"{name!r} {words} the future; you say {bool(told)}{advice}")

# %% [markdown]
# ### 08.5 · Find the bug: does it see the future?
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
# ## 9 · Optional: four frames in, sixteen out
#
# About 2 minutes.
#
# A question that people ask: how can a network read 4 frames and answer with 16? As in lesson 07: an encoder reads, and a decoder writes,
# from the encoder's state. Here both are ConvLSTMs, and the state is two images. This decoder has no input but its state: it gets zeros.
# (We build it, for the shapes; it is not trained here.)

# %% jupyter={"source_hidden": true}
boxes = {"4 frames": (0, 0), "ConvLSTM2D\nencoder": (3.1, 0), "zeros": (4.6, 1.5), "ConvLSTM2D\ndecoder": (6.9, 0), "Conv2D\nfor each step": (10.4, 0),
         "16 frames": (13.6, 0)}  # fmt: skip
arrows = [("4 frames", "ConvLSTM2D\nencoder", "4, 24, 24, 1"), ("ConvLSTM2D\nencoder", "ConvLSTM2D\ndecoder", "h, c:\n24, 24, 16 each"),
          ("zeros", "ConvLSTM2D\ndecoder", "16, 24, 24, 1"), ("ConvLSTM2D\ndecoder", "Conv2D\nfor each step", "16, 24, 24, 16"),
          ("Conv2D\nfor each step", "16 frames", "16, 24, 24, 1")]  # fmt: skip
fig, axes = plt.subplots(figsize=(9.8, 2.6), layout="constrained")
for word, place in boxes.items():
    colour = plotting.LSTM if "LSTM" in word else plotting.CNN if "Conv" in word else plotting.INK
    axes.text(*place, word, ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "fc": "white", "ec": colour, "lw": 2})
for start, end, shape in arrows:
    (x, y), (to, height) = boxes[start], boxes[end]
    axes.annotate("", (to, height), (x, y), zorder=0, arrowprops={"arrowstyle": "-|>", "color": plotting.INK, "shrinkA": 24, "shrinkB": 40 - 14 * (y > 0)})
    middle = ((x + to) / 2 + 0.1, -0.75) if y == height else (7.1, 1.05)
    axes.text(*middle, shape, ha="center", va="center", fontsize=11)
axes.set(xlim=(-1, 14.7), ylim=(-1.2, 1.9))
axes.axis("off")
plotting.Picture(fig, "From 4 frames, 4 by 24 by 24 by 1, a ConvLSTM encoder makes h and c, 24 by 24 by 16 each. They start a ConvLSTM decoder, "
                 "which reads zeros, 16 by 24 by 24 by 1, and gives 16 by 24 by 24 by 16. A convolution for each step makes the 16 frames.")  # fmt: skip

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
# error is the **mean** of all pictures that may come: a smear. The network can draw; it was asked for the mean.
# You can see it without a network. Take one frame, let the digit go with each of the 24 velocities, and average. *Predict*: how much
# larger is the error of the best *sharp* answer, one of the 24?

# %% tags=["definition", "lab-data"]
def cut_out(data):
    """The first test digit of each class, as (10, 12, 12)."""
    first = [int(np.flatnonzero(data.test.y["digit"] == number)[0]) for number in range(10)]
    corners = (data.test.centre[first, 0] - 5.5).astype(int)
    return np.stack([data.test.x[n, 0, row : row + 12, column : column + 12, 0] for n, (row, column) in zip(first, corners)])

# %%
now = np.pad(cut_out(short["one digit"])[2], 6)  # 24x24, in the middle
steps = [(down, right) for down in range(-2, 3) for right in range(-2, 3) if (down, right) != (0, 0)]
futures = np.stack([np.roll(now, step, axis=(0, 1)) for step in steps])
mean = futures.mean(axis=0)
blurred = ((futures - mean) ** 2).mean()
sharp = min(((futures - future) ** 2).mean() for future in futures)

# %% jupyter={"source_hidden": true}
pictures = {"now": now, "up, left": futures[0], "right by 1": futures[12], "down, right": futures[23], "mean of 24": mean}
fig, panels = plt.subplots(1, 5, figsize=(8.6, 2.1), layout="constrained")
for axes, (title, picture) in zip(panels, pictures.items()):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    axes.set_title(title)
    axes.axis("off")
plotting.Picture(fig, "A handwritten two, three of its 24 possible next places, and the mean of all 24: a grey smear.")

# %% tags=["claim"]
check.claim("The best of the 24 has 1.7 times the error of the mean", sharp - 1.7 * blurred, within=(-0.0015, 0.0015))

# %% [markdown]
# For this digit, the best of the 24 has 1.7 times the error of the smear. (Binary cross-entropy, which we trained with, has the same best answer,
# pixel by pixel: the mean.) What to do about it: see more
# frames (two tell the velocity, unless a wall came between); ask for something else than a mean (where to move the last frame,
# or one sample of many); judge by something else than squared error (structural similarity, where the
# digit is, whether it can still be read).
#
# <a id="family"></a>
#
# ## 11 · The family

# %% jupyter={"source_hidden": true}
family = {"LRCN": (2015.0, 0), "ConvLSTM": (2015.5, 1), "ConvGRU": (2016.3, 1), "CRNN": (2017, 0), "PredRNN": (2017.9, 1),
          "video Transformers": (2021.2, 2), "Mamba": (2023.9, 0), "VideoMamba": (2024.2, 0)}  # fmt: skip
fig, axes = plt.subplots(figsize=(9.8, 2.8), layout="constrained")
for number, (name, (year, memory)) in enumerate(family.items()):
    colour = (plotting.INK, plotting.LSTM, plotting.CNN)[memory]
    axes.plot(year, memory, "osD"[memory], color=colour, markersize=9)
    axes.annotate(name, (year, memory), (0, 10 if number % 2 else -20), textcoords="offset points", ha="center")
axes.set(yticks=(0, 1, 2), ylim=(-0.6, 2.6), xlim=(2014, 2025.5), xlabel="year")
axes.set_yticklabels(["memory: a list", "memory: images", "no memory"])
plotting.Picture(fig, "Networks by year and by what they remember. A list of numbers: LRCN 2015, CRNN 2017, Mamba 2023, VideoMamba 2024. Images: ConvLSTM 2015, "
                 "ConvGRU 2016, PredRNN 2017. Nothing, all frames are seen at once: video Transformers 2021.")  # fmt: skip

# %% [markdown]
# | Network | Memory | Where it stands |
# |---|---|---|
# | LRCN (Donahue and others, 2015) | a list of numbers, over CNN features of each frame | lesson 04: to name what a clip shows |
# | ConvLSTM (Shi and others, 2015) | images | this lesson; it was introduced for rain radar, and trained with cross-entropy |
# | ConvGRU (Ballas and others, 2016, who call it GRU-RCN) | images, two gates and no cell state | fewer weights |
# | CRNN (Shi, Bai and Yao, 2017) | a list of numbers, over the columns of a feature map | reading lines of text; its sequence is the width of the image |
# | PredRNN (Wang and others, 2017) | images, and a second memory that goes up through the layers and on through time | long predictions |
# | video Transformers (Arnab and others, 2021; Bertasius and others, 2021) | none: patches of all frames look at each other | naming clips, after training on very many videos |
# | state-space models (Gu and Dao, 2023; for video Li and others, 2024) | a list of numbers per channel, updated linearly | long sequences: the work grows linearly with the length |
#
# Today, clips are mostly named by Transformers. For rain in the next hour there are U-shaped CNNs, Transformers and generative models;
# recurrent convolution survives inside some: MetNet (Sønderby and others, 2020) has a ConvLSTM, the generator of Ravuri and
# others (2021) has ConvGRUs. On moving digits the lead of recurrent networks is narrow, and has its price: in the comparison of Tan and
# others (2023), PredRNN++ has a squared error of 14.1 and draws 38 frames per second; a CNN, SimVPv2, has 15.1 and draws 282.

# %% [markdown]
# <a id="lab"></a>
#
# ## 12 · The lab
#
# Compose a clip, and watch each network predict it: from true frames, and from its own. Things to try:
#
# 1. *Predict*, then do: give it fewer frames. From how many on does it know the way?
# 2. Let the digit start near a wall. Does the network know the wall, or has it only seen many bounces? Take the walls away.
# 3. Scrub through the frames, and look at the channels of h and c. Which hold the digit, which where it was, which the bar?
# 4. Edit the recurrent kernel: all taps zero, only the centre, shifted by one pixel. What becomes of the next frame? And of ten?
# 5. Choose a speed of 3. The networks were trained up to 2.

# %% tags=["lab"]
lab = RolloutLab(trained, cut_out(short["one digit"]))
lab

# %% [markdown]
# <a id="breaks"></a>
#
# ## 13 · Where it breaks
#
# Choose something else, or take care, when
#
# - **the physics is known.** A rule that finds one shift, or four numbers, was as good as the networks or better where the world was
#   simple enough, and box fit was far better. Write down what you know first, and see what is left to learn.
# - **a few frames tell all.** Frames as channels, or a Conv3D, are simpler and need no memory.
# - **you want many frames.** A network that was trained one step ahead has never read its own mistakes (lesson 07: exposure bias). Train it
#   on the steps that you need, and measure at those steps.
# - **the future is open.** Squared error asks for the mean of all futures; ask for something else (section 10).
# - **only a name is wanted**, and one frame shows it. Then pool, and forget where it was: lesson 04.
# - **frames are large.** The state is as large as the frame, and every step waits for the one before. Cut them into patches first.
#
# ## 14 · Summary
#
# - **ConvLSTM**: an LSTM whose products are convolutions. $h$ and $c$ are images; the number of weights does not depend on the size of the
#   frame; a recurrent kernel can move what is remembered.
# - **Motion is between frames.** A network that describes each frame by itself in 96 numbers learns it late; three frames in one kernel, or
#   a ConvLSTM over maps, far sooner. A rule with four numbers needs next to no learning.
# - **Next frame**: measure against rules that know the world, one step and many steps ahead, with more than one kind of score.
# - **Rolling out** feeds a network its own mistakes. Good one step ahead does not mean good ten steps ahead.
# - **"same" in time leaks.** Feed two clips that differ only later, and compare.
# - **Squared error blurs**, because the best answer to "which one picture?" is the mean of all.
#
# **Next**: [lesson 11](11_at_work.ipynb) takes a hybrid apart that others use.
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
# - Horn & Schunck 1981, *Determining optical flow*, Artificial Intelligence 17. Wang, Bovik, Sheikh & Simoncelli 2004, *Image quality assessment: from error
#   visibility to structural similarity*, IEEE Transactions on Image Processing 13(4): [doi 10.1109/TIP.2003.819861](https://doi.org/10.1109/TIP.2003.819861).
# - The leak of section 8: keras-io, [issue 1003](https://github.com/keras-team/keras-io/issues/1003), and pull request 2382, which pads in front alone.
