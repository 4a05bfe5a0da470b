# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 03_joining
#     - 04_cnn_lstm_video
#     objectives:
#     - exercise: '05.1'
#       say: Predict the shapes and the weights of an LSTM -> CNN
#     - exercise: '05.2'
#       say: Take the maximum over words only, whatever the padding (optional)
#     - exercise: '05.3'
#       say: Compute how much each place of a sentence adds to the answer
#     - exercise: '05.4'
#       say: Say which sentences a bag of words, a kernel and a memory can tell apart
#     - exercise: '05.5'
#       say: Build a CNN that sees as far as a task needs (optional)
#     - exercise: '05.6'
#       say: Find out why an answer changes with the padding, and fix it
#     - exercise: '05.7'
#       say: Recognise a vocabulary that was made with the test texts
#     question: 'LSTM first, CNN first, or only one of them: when does the order of the layers matter?'
#     seconds: 80
#     title: 'Text: LSTM → CNN, CNN → LSTM, or one alone'
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
# # 05 · Text: LSTM → CNN, CNN → LSTM, or one alone
#
# **LSTM first, CNN first, or only one of them: when does the order of the layers matter?**
#
# In [lesson 04](04_cnn_lstm_video.ipynb) a CNN looked at each frame and an LSTM remembered. Here the order is turned
# around: the LSTM reads the words first, and a convolution looks for phrases *among its hidden states*. You will build
# this network, compare it with the opposite order, with each part alone and with counted words, and look at what an
# answer rests on. The lesson builds on [02](02_lstm.ipynb), the LSTM, and [03](03_joining.ipynb), how parts are joined.
# You will need about 120 minutes; running all of it takes about a minute and a half.
#
# | You will be able to | Exercise |
# |---|---|
# | predict the shapes and the weights of an LSTM → CNN | 05.1 |
# | say which sentences a bag of words, a kernel and a memory can tell apart | 05.4 |
# | build a CNN that sees as far as a task needs (optional) | 05.5 |
# | recognise a vocabulary that was made with the test texts | 05.7 |
# | find out why an answer changes with the padding, and fix it | 05.6 |
# | take the maximum over words only, whatever the padding (optional) | 05.2 |
# | compute how much each place of a sentence adds to the answer | 05.3 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import re
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from course_utils import datasets, plotting, results
from course_utils.labs.sentence import SentenceLab

# %% [markdown]
# ## 1 · The question
#
# Two sentences about a film. Which one is praise?
#
# > **A** it is *not* the dull story i feared : it is charming
# >
# > **B** it is the dull story i feared : it is *not* charming
#
# A and B consist of **the same words**. A model that only counts words cannot tell them apart. A model that looks at
# three words at a time sees "not charming" in B. In A it sees "not the dull", but only because the two words happen to
# stand close together.
#
# **Predict.** Four models: one counts words, one is a CNN that looks for phrases of three to five words, one is LSTM →
# CNN, one is CNN → LSTM. Which is best on sentences such as A and B? And which is best on real reviews? Section 5 and
# section 8 have the answers.

# %% [markdown]
# <a id="idea"></a>
#
# ## 2 · The idea


# %% jupyter={"source_hidden": true}
def box(x, y, text, colour):
    style = {"boxstyle": "round,pad=0.4", "fc": colour + "22", "ec": colour, "lw": 2}
    ax.text(x, y, text, ha="center", va="center", bbox=style)


def arrow(start, end, text="", colour=plotting.INK):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.7})
    ax.text(start[0] + 0.12, (start[1] + end[1]) / 2, text, va="center")


# %% jupyter={"source_hidden": true}
fig, ax = plt.subplots(figsize=(9.8, 4.6), layout="constrained")
for t, word in enumerate(["it", "is", "not", "the", "dull", "story"]):
    ax.text(2 * t, 0, word, ha="center", va="center", style="italic")
    arrow((2 * t, 0.2), (2 * t, 0.75), f"$e_{t + 1}$")
    box(2 * t, 1.05, "LSTM", plotting.LSTM)
    arrow((2 * t, 1.35), (2 * t, 2.05), f"$h_{t + 1}$")
    box(2 * t, 2.35, "Conv", plotting.CNN)
for t in range(5):
    arrow((2 * t + 0.55, 1.05), (2 * t + 1.45, 1.05))
for t in (2, 4):  # the window of one convolution
    arrow((2 * t, 1.45), (6 + 0.15 * (t - 3), 2.05), colour=plotting.CNN)
arrow((5, 2.75), (5, 3.3))
box(5, 3.6, "maximum over time, filter by filter: $m$", "#555555")
arrow((7.6, 3.6), (9.4, 3.6))
box(10.1, 3.6, "praise?", "#555555")
ax.set(xlim=(-1.2, 11.4), ylim=(-0.3, 4))
ax.axis("off")
plotting.Picture(fig, "Six words. An LSTM reads their embeddings and hands on its state at every word. A convolution "
                 "looks at three neighbouring states at a time; of each filter the highest value over time is kept, "
                 "and from these comes the answer.")  # fmt: skip

# %% [markdown]
# Each word $w_t$ is looked up in a table, the **embedding**, and becomes a vector $e_t$. An LSTM reads
# these vectors and hands on *all* its hidden states, one for each word. A **convolution over time** with
# $K$ filters looks at three neighbouring states at a time. Of each filter only the **maximum over time**
# counts: did this filter find, anywhere, what it looks for? A dense layer weighs these maxima:
#
# $$h_t, c_t = \mathrm{LSTM}(e_t, h_{t-1}, c_{t-1}), \qquad a_{t,k} = \mathrm{ReLU}\Big(\sum_{j=-1}^{1} h_{t+j} \cdot W_{j,k} + b_k\Big)$$
# $$m_k = \max_t a_{t,k}, \qquad p = \sigma\Big(\sum_k v_k\, m_k + v_0\Big)$$
#
# | Symbol | Meaning | Shape here |
# |---|---|---|
# | $w_t$ | number of the word at time step $t$ | () |
# | $e_t$ | its embedding | (64,) |
# | $h_t$, $c_t$ | hidden state and cell state after this word | (64,) each |
# | $W_{j,k}$, $b_k$ | kernel of filter $k$ at offset $j$, and its bias | (64,), () |
# | $a_{t,k}$ | feature map of filter $k$: how well it fits around step $t$ | () for each of 64 filters |
# | $m$ | the best fit of each filter | (64,) |
# | $v_k$, $v_0$ | weight of filter $k$ in the answer, and a bias | () each |
# | $p$ | probability of praise; $\sigma$ is the sigmoid | () |
#
# Word numbers have the shape (batch, time); all that follows has (batch, time, channels). Remember two consequences. The
# kernel is three steps wide, but each state *has read everything before it*: the filter may react to "dull,
# and a *not* came earlier". And because of the maximum, the logit (what goes into $\sigma$) is a **sum over filters**,
# each of which got its value from one place. So it can be taken apart exactly. Section 10 does this.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("05.1", "Shapes and weights")
def check_shapes(answer):
    vectors = layers.Embedding(1000, 32)(keras.Input((50,), dtype="int32"))
    states = layers.Bidirectional(layers.LSTM(24, return_sequences=True))(vectors)
    convolution = layers.Conv1D(10, 5)
    maps = convolution(states)
    truth = {"vectors": vectors, "states": states, "maps": maps, "pooled": layers.GlobalMaxPooling1D()(maps)}
    ask = {"vectors": "one vector for each word", "states": "all states are returned, and there are two directions",
           "maps": "how many windows of 5 lie wholly within the text, and how many filters look at each?",
           "pooled": "the maximum over time leaves one number for each filter"}  # fmt: skip
    for name, found in check.filled(answer, [*truth, "weights"]):
        if name == "weights":
            check.expect(found == convolution.count_params(), f"the convolution has not {found} weights: each filter has "
                         "a number for each of 5 steps and each channel of the states, and a bias")  # fmt: skip
            continue
        check.expect(isinstance(found, tuple), f"{name}: give a tuple such as (None, 50, 32)")
        check.expect(found == truth[name].shape, f"{name} is not {found}: {ask[name]}")


# %% [markdown]
# ### 05.1 · Shapes and weights
#
# Texts of 50 words, so word numbers of the shape (None, 50), go through an embedding with 32 numbers a word
# (`vectors`), an LSTM of 24 units that reads in **both directions** and returns all states (`states`), a
# `Conv1D` with 10 filters that are 5 steps wide, with padding `valid` (`maps`), and the global maximum
# (`pooled`). Give the four shapes, with `None` for the batch, and the number of `weights` of the
# convolution.
#
# <details><summary>Hint</summary>
#
# `Bidirectional` puts the states of both directions side by side. Padding `valid` only counts windows that
# lie wholly within the text: how often does a window of 5 fit into 50?
#
# </details>

# %% tags=["exercise"]
shapes = {"vectors": ..., "states": ..., "maps": ..., "pooled": ..., "weights": ...}
check_shapes(shapes)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_shapes(
    {
        "vectors": (None, 50, 32),
        "states": (None, 50, 48),
        "maps": (None, 46, 10),
        "pooled": (None, 10),
        "weights": 5 * 48 * 10 + 10,
    },
    record=False,
)

# %% [markdown]
# ## 3 · By hand
#
# A convolution over time in NumPy: put three neighbours side by side, multiply with the kernel, add over the three
# steps `j` and the channels `c` (`einsum` sums over the letters that do not appear after its arrow). Padding `same`
# puts one zero step before and one after, so that as many steps come out as go in.


# %%
def convolve(states, kernel, bias):
    """states (batch, time, channels), kernel (3, channels, filters) -> (batch, time, filters)"""
    time_steps = states.shape[1]
    padded = np.pad(states, ((0, 0), (1, 1), (0, 0)))
    windows = np.stack(
        [padded[:, j : j + time_steps] for j in range(3)], axis=2
    )  # (batch, time, 3, channels)
    return np.maximum(np.einsum("btjc,jck->btk", windows, kernel) + bias, 0)


rng = np.random.default_rng(0)
states = rng.normal(size=(5, 12, 6)).astype("float32")  # 5 sentences, 12 words, 6 units
convolution = layers.Conv1D(4, 3, padding="same", activation="relu")
by_keras = np.asarray(convolution(states))
by_hand = convolve(states, *convolution.get_weights())
maximum = np.asarray(layers.GlobalMaxPooling1D()(by_keras))
print("states", states.shape, "-> maps", by_hand.shape, "-> maxima", maximum.shape)

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("The convolution by hand equals Keras's", np.abs(by_hand - by_keras).max(), below=1e-5)
check.claim("The maximum over time needs no layer", np.abs(by_hand.max(axis=1) - maximum).max(), below=1e-5)

# %% [markdown]
# (The LSTM by hand is in [lesson 02](02_lstm.ipynb#gates). Here it returns the state of every step:
# `return_sequences=True`.)
#
# ## 4 · Build it
#
# ### From words to numbers
#
# `TextVectorization` writes all letters in lower case, takes out punctuation ("don't" becomes *dont*), and gives
# the most frequent words of the **training** texts a number. All others share the number 1,
# *unknown*; 0 is padding.


# %% tags=["definition"]
# `make results` runs this cell on its own, too: hence the imports.
import keras
import numpy as np
from keras import layers, ops

WORDS, LENGTH = 8_000, 40  # words in the vocabulary, words read of a sentence


def reader(texts, words=WORDS, length=LENGTH):
    """From texts to word numbers; only the words of these texts have a number."""
    read = layers.TextVectorization(max_tokens=words, output_sequence_length=length)
    read.adapt(texts.astype(str))
    return read


# %% [markdown]
# ### The network
#
# First the small parts. Sentences have different lengths, and a batch is one array, so short ones are filled up with
# zeros. `keep` and `peaks` make sure that only words count. Section 7 shows what happens without them. (`**how` hands `words` and
# `width` on to `begin`.)


# %% tags=["definition"]
def begin(words=WORDS, width=64, dropout=0.5):
    """Word numbers (batch, time) -> themselves, True where there is a word, and a vector for each word."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    real = ops.not_equal(ids, 0)  # (batch, time)
    vectors = layers.Embedding(words, width, name="embedding")(ids)  # (batch, time, 64)
    return ids, real, layers.Dropout(dropout)(vectors)


def keep(x, real):
    """Zero in all channels where there is no word."""
    return x * ops.cast(real, x.dtype)[..., None]


def peaks(x, real):
    """The highest value of every channel over the words; x must not be negative."""
    return layers.GlobalMaxPooling1D(name="pooled")(keep(x, real))


def finish(ids, vector, dropout=0.5):
    """One probability: that the review praises."""
    return keras.Model(
        ids, layers.Dense(1, activation="sigmoid", name="answer")(layers.Dropout(dropout)(vector))
    )


# %% tags=["definition"]
def lstm_cnn(units=64, filters=64, masked=True, dropout=0.5, **how):
    ids, real, x = begin(dropout=dropout, **how)
    real = real if masked else ops.ones_like(real)  # unmasked: padding counts as words
    states = layers.LSTM(units, return_sequences=True, name="states")(x, mask=real)  # (batch, time, 64)
    maps = layers.Conv1D(filters, 3, padding="same", activation="relu", name="filters")(keep(states, real))
    return finish(ids, peaks(maps, real), dropout)


# %% [markdown]
# Where are its weights?

# %%
plotting.table([{"layer": layer.name, "output": str(layer.output.shape), "parameters": layer.count_params()}
                for layer in lstm_cnn().layers if layer.count_params() or "pool" in layer.name], ["layer", "output", "parameters"])  # fmt: skip

# %% [markdown]
# Nine tenths of the weights are in the table of words. All that knows about order is in the other tenth. When we compare networks, they get the same embedding, and the same number of weights behind it.
#
# ### The competing models
#
# A CNN without an LSTM (Kim 2014): kernels three, four and five words wide, the
# maximum of each. An LSTM without a CNN, and the order of lesson 04, CNN first. Both can be read in two ways
# (their **readout**): at the *last* state, or by the *maximum* over all states.


# %% tags=["definition"]
def cnn(filters=59, widths=(3, 4, 5), dropout=0.5, **how):
    """No LSTM: kernels 3, 4 and 5 words wide, and the maximum over time (Kim 2014)."""
    ids, real, x = begin(dropout=dropout, **how)
    x = keep(x, real)
    maps = [
        layers.Conv1D(filters, k, padding="same", activation="relu", name=f"filters_{k}")(x) for k in widths
    ]
    return finish(ids, peaks(ops.concatenate(maps, axis=-1), real), dropout)


def lstm(units=79, every=False, dropout=0.5, **how):
    """No CNN: the last hidden state, or (`every`) the maximum over all, moved from -1..1 to 0..2 for `peaks`."""
    ids, real, x = begin(dropout=dropout, **how)
    states = layers.LSTM(units, return_sequences=every)(x, mask=real)
    return finish(ids, peaks(states + 1, real) if every else states, dropout)


def cnn_lstm(filters=64, units=64, pool=1, every=False, dropout=0.5, **how):
    """The order of lesson 04: the CNN reads phrases, the LSTM the sequence of them."""
    ids, real, x = begin(dropout=dropout, **how)
    maps = layers.Conv1D(filters, 3, padding="same", activation="relu", name="filters")(keep(x, real))
    # Of each `pool` steps one is left; it is a word if the first of them was.
    maps, real = layers.MaxPooling1D(pool, padding="same")(keep(maps, real)), real[:, ::pool]
    states = layers.LSTM(units, return_sequences=every, name="memory")(maps, mask=real)
    return finish(ids, peaks(states + 1, real) if every else states, dropout)


# %% [markdown]
# Training is one function for all networks; `peak` is the learning rate, here the same in every batch. It keeps the
# weights of the epoch that did best on the validation sentences, since on small data the later epochs mostly memorise
# the training sentences. Mind what follows: **the validation score of that epoch is the best of several**, so it
# is a little too high. Scores in our tables are measured on test sentences, once, with the weights that were kept.


# %% tags=["definition"]
EPOCHS = 6


def train(model, data, peak=1e-3, epochs=EPOCHS):
    """Adam; of all epochs, the weights of the one with the best validation score are kept."""
    parts = {part: list(data[part]) for part in ("train", "validation")}
    if model.output_shape[-1] == 2:  # one column for each class, as the textbook has it
        parts = {part: [ids, keras.utils.to_categorical(labels)] for part, (ids, labels) in parts.items()}
    model.compile(keras.optimizers.Adam(peak), "binary_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=epochs, restore_best_weights=True  # stops never early
    )
    how = {"batch_size": 64, "epochs": epochs, "verbose": 0, "callbacks": [best]}
    return model.fit(*parts["train"], validation_data=parts["validation"], **how).history


def accuracy(model, part):
    """Share of texts whose class is named correctly."""
    ids, labels = part
    praised = model.predict(ids, batch_size=256, verbose=0)[:, -1] > 0.5
    return float(np.mean(praised == labels))


# %% [markdown]
# **Stop here if you like** (about 25 minutes so far).
#
# ## 5 · When order decides
#
# We start with sentences in which order decides, and nothing else. They are made in **pairs of twins**. Each sentence
# has a word of praise, a word of blame, and a *not*, before the first or between the two. The *not* denies the next
# opinion that follows. So if it denies the word of blame, the sentence praises twice ("*not* dull ... charming"); if
# it denies the word of praise, the sentence blames twice. Twins have the same words and differ only in where the
# *not* stands, from one to eight words before the word it denies.


# %% tags=["definition"] jupyter={"source_hidden": true}
PRAISE, BLAME, FILLERS = (
    line.split()
    for line in (
        "touching powerful beautiful moving witty hilarious charming brilliant clever smart",
        "flat dull boring bad silly predictable cold dumb slow messy",
        "the a and of to is in that it with this film for an as its on by you about one has from at his story "
        "into what will time can characters some there your director how they them made see we two audience "
        "people between kind picture screen takes once old back scenes man point again place around now three",
    )
)


# %% tags=["definition"] jupyter={"source_hidden": true}
def twins(pairs, seed, length=30, reach=8):
    """Pairs of the same words: texts, 1 where they praise, and how far before its word `not` stands."""
    rng = np.random.default_rng(seed)
    texts, labels, distances = [], [], []
    for _ in range(pairs):
        far = rng.integers(1, reach + 1)
        first = rng.integers(far + 3, length - far - 8)  # the two opinions' places, not near the ends
        second = rng.integers(first + far + 5, length - 3)
        words = rng.choice(FILLERS, length).astype(object)
        words[first - far] = words[second - far]
        opinions = rng.permutation([rng.choice(PRAISE), rng.choice(BLAME)])
        words[[first, second]] = opinions
        for denied, place in zip(opinions, (first, second), strict=True):
            text = words.copy()
            text[place - far] = "not"
            texts.append(" ".join(text))
            labels.append(int(denied in BLAME))
            distances.append(int(far))
    return np.array(texts, object), np.array(labels), np.array(distances)


# %% tags=["lab-data"] jupyter={"source_hidden": true}
made = {part: twins(pairs, (0, i)) for i, (part, pairs) in enumerate(
    {"train": 3000, "validation": 300, "test": 1000}.items())}  # fmt: skip
read_twins = reader(made["train"][0], None, 30)
pairs = {
    part: (np.asarray(read_twins(texts.astype(str))), labels) for part, (texts, labels, _) in made.items()
}

# %%
for text, label, far in zip(*(values[:4] for values in made["test"]), strict=True):
    print(f"{'praise' if label else 'blame':6} not {far} before: {text[:88]}...")

# %% [markdown]
# **Predict** for each of three models, at which distances of the *not* it can name the class: one that
# counts single words; the CNN with kernels up to five words wide; LSTM → CNN. They are trained for three
# epochs.

# %% tags=["nbval-ignore-output", "lab-data"]
small = {"words": 100, "width": 32, "dropout": 0.0}
readers = {}
for name, build in {
    "CNN": lambda: cnn(filters=95, **small),  # as many weights as LSTM -> CNN
    "LSTM -> CNN": lambda: lstm_cnn(**small),
}.items():
    keras.utils.set_random_seed(0)
    readers[name] = build()
    train(readers[name], pairs, peak=3e-3, epochs=3)
counts = make_pipeline(TfidfVectorizer(token_pattern=r"\w+"), LogisticRegression()).fit(
    made["train"][0], made["train"][1]
)

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
texts, labels, far = made["test"]
named = {
    name: (model.predict(pairs["test"][0], verbose=0)[:, 0] > 0.5) == labels
    for name, model in readers.items()
}
named["single words"] = counts.predict(texts) == labels
fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
styles = {"CNN": (plotting.CNN, "s"), "LSTM -> CNN": (plotting.LSTM, "o"), "single words": ("#555555", "^")}
by_distance = {name: [right[far == d].mean() for d in range(1, 9)] for name, right in named.items()}
for name, (colour, marker) in styles.items():
    ax.plot(range(1, 9), by_distance[name], marker=marker, color=colour)
    ax.annotate(name, (8, by_distance[name][-1]), (8, 8 if name == "CNN" else -4), textcoords="offset points")
ax.set(xlabel="words from 'not' to what it denies", ylabel="accuracy", ylim=(0.4, 1.08), xlim=(0.7, 10))
ax.set_xticks(range(1, 9))
plotting.Picture(fig, "Accuracy against the distance of 'not', 1 to 8 words. " + "; ".join(
    f"{name}: {', '.join(f'{value:.2f}' for value in values)}" for name, values in by_distance.items()))  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim(
    "Counting single words: exactly half, since twins are the same bag",
    np.mean(named["single words"]),
    equals=0.5,
)
check.claim("The CNN sees a 'not' that lies within its kernel", np.mean(named["CNN"][far <= 4]), above=0.9)
check.claim("and none beyond", np.mean(named["CNN"][far > 4]), within=(0.42, 0.58))
check.claim("LSTM -> CNN classifies them correctly at any of these distances", np.mean(named["LSTM -> CNN"]), above=0.95)

# %% [markdown]
# This is what the idea was about. The widest kernel sees five words, so a *not* four words before is the
# farthest it can see. The states that the kernels of LSTM → CNN look at *have read the "not"*.
#
# Does that hold for any distance? Test it: longer sentences, and a *not* up to twenty words before. In
# training it was never more than eight, in sentences of thirty words. **Predict** the curve.

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
texts, labels, far = twins(600, (0, 3), length=60, reach=20)  # sentences of sixty words
read_long = reader(made["train"][0], None, 60)  # the same vocabulary, 60 words
answers = readers["LSTM -> CNN"].predict(np.asarray(read_long(texts.astype(str))), verbose=0)[:, 0] > 0.5
beyond = [float(np.mean((answers == labels)[far == d])) for d in range(1, 21)]
live = {name: float(np.mean((answers == labels)[at])) for name, at in (("beyond", far > 14), ("near", far <= 8))}
fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
ax.plot(range(1, 21), beyond, marker="o", color=plotting.LSTM)
ax.plot(range(1, 9), by_distance["LSTM -> CNN"], marker="s", linestyle="--", color=plotting.LSTM)
ax.annotate("30 words, as in training", (8, by_distance["LSTM -> CNN"][-1]), (8, -4), textcoords="offset points")
ax.annotate("60 words", (20, beyond[-1]), (8, -4), textcoords="offset points")
ax.axvline(8, color="#777777", linestyle=":")
ax.annotate("trained up to 8", (8, 0.1), (6, 0), textcoords="offset points")
ax.set(xlabel="words from 'not' to what it denies", ylabel="accuracy", ylim=(0, 1.08), xlim=(0.5, 23.5), xticks=range(2, 21, 2))
plotting.Picture(fig, "Accuracy of LSTM -> CNN, 'not' 1 to 20 words before. Sentences of 60 words: "
                 + ", ".join(f"{value:.2f}" for value in beyond) + ". Of 30 words, 1 to 8 before: "
                 + ", ".join(f"{value:.2f}" for value in by_distance["LSTM -> CNN"]))  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim(
    "LSTM -> CNN errs more where the 'not' is further than it has met", live["near"] - live["beyond"], above=0.05
)

# %% [markdown]
# An LSTM has no fixed limit, as a kernel has. How far it remembers depends on its gates, and so on training: at distances that it has not
# met in training, it errs more. (In part because in these sentences the two opinions, too, stand further apart. And where the two lines
# differ left of the mark, the longer sentence alone makes a difference.) If your sentences grow longer, so must those you train on.


# %% [markdown]
# ### And without a network?
#
# Single words do not suffice. But count *which word stands anywhere before which*: ordered pairs, at any distance.

# %% tags=["nbval-ignore-output"]
def ordered_pairs(text):
    words = text.split()
    return {f"{first} {second}" for place, first in enumerate(words) for second in words[place + 1 :]}


by_pairs = make_pipeline(CountVectorizer(analyzer=ordered_pairs, binary=True, min_df=2), LogisticRegression())
by_pairs.fit(*made["train"][:2])
live["pairs"] = by_pairs.score(*made["test"][:2])
live["pairs, beyond"] = by_pairs.score(texts[far > 14], labels[far > 14])
print(f"ordered pairs: {live['pairs']:.3f}; 60 words, 'not' 15 to 20 before: {live['pairs, beyond']:.3f}, LSTM -> CNN {live['beyond']:.3f}")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Ordered pairs classify nearly all correctly", live["pairs"], above=0.95)
check.claim("and more than LSTM -> CNN beyond its training", live["pairs, beyond"] - live["beyond"], above=0.02)

# %% [markdown]
# A linear model without kernel or memory, and it reaches further than the network. But somebody had to know that
# pairs in order are what matters. The networks found it from examples.

# %% tags=["check"] jupyter={"source_hidden": true}
text_pairs = {
    "P": ("a dull film", "a moving film"),
    "Q": ("not dull but moving", "not moving but dull"),
    "R": (
        "it is not what one would call dull and it is what one would call moving",
        "it is what one would call dull and it is not what one would call moving",
    ),
    "S": ("so bad that it is good", "so good that it is bad"),
}


def runs(text, width):
    """All runs of so many words, as a kernel of that width meets them, ends included."""
    words = [""] * (width // 2) + text.split() + [""] * (width // 2)
    return sorted(" ".join(words[i : i + width]) for i in range(len(words) - width + 1))


@check.exercise("05.4", "What can each model see?")
def check_readers(answer):
    seen = {"bag": lambda text: runs(text, 1), "kernel": lambda text: set(runs(text, 3)), "memory": str.split}
    for name, letters in check.filled(answer, seen):
        told = set("".join(map(str, letters)).upper()) - set(" ,")
        check.expect(told <= set(text_pairs), f"{name}: give letters of P, Q, R, S, such as 'PS'")
        look = seen[name]
        truth = {pair for pair, (one, other) in text_pairs.items() if look(one) != look(other)}
        for pair in sorted(told - truth):
            check.expect(False, f"{name}: the two of {pair} look the same to it")
        check.expect(
            told == truth, f"{name}: it can tell apart {len(truth)} of the pairs, you named {len(told)}"
        )


# %% [markdown]
# ### 05.4 · What can each model see?
#
# | Pair | one | the other |
# |---|---|---|
# | P | a dull film | a moving film |
# | Q | not dull but moving | not moving but dull |
# | R | it is not what one would call dull and it is what one would call moving | it is what one would call dull and it is not what one would call moving |
# | S | so bad that it is good | so good that it is bad |
#
# Three models: a `bag` that counts single words; a `kernel` exactly three words wide, with padding `same`
# and the maximum over time; a `memory` that reads word after word. Which pairs **can** each tell apart,
# with whatever weights? Give the letters, for instance `"PS"`.
#
# <details><summary>Hint</summary>
#
# For the kernel, write down all runs of three words of both sentences, with one empty place before the
# first word and one after the last. If the two lists hold the same runs, no filter can have another
# maximum.
#
# </details>

# %% tags=["exercise"]
can_tell = {"bag": ..., "kernel": ..., "memory": ...}
check_readers(can_tell)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_readers({"bag": "P", "kernel": "PQS", "memory": "PQRS"}, record=False)

# %% [markdown]
# ### Which order of the layers?
#
# Any network with an LSTM *could* solve the twins. Which ones *do*, in six epochs, with five seeds, each network at
# the learning rate that suits it best? (Each rate was halved or doubled until neither neighbour was better, on the
# validation sentences of two further seeds; of equal ones the lower middle was taken.) All have about as many
# weights. **Predict** for two of them: an LSTM of which only the *last* state is read, and the same LSTM of which the
# *maximum over all states* is read.

# %%
order = results.load("05_order")
print(order)
plotting.table(order.rows, {"model": "model", "near": "'not' up to 4 before", "far": "'not' 5 to 8 before",
                            "parameters": "parameters"}, "Accuracy on twins never seen in training; mean over the seeds (lowest to highest)")  # fmt: skip

# %% [markdown]
# Each column has about 1,000 test sentences, and the standard error of a difference is at most about 0.02. So most of
# this table is clear-cut.
#
# - **Reach.** The CNN with short kernels cannot see beyond them. With kernels *nine* wide it has no trouble
#   at all, without any memory. If you know how far a network must see, build it in: optional exercise 05.5 does it with
#   kernels of three.
# - **Readout.** An LSTM read at its *last* state does not learn the task in six epochs, at any rate tried. Two
#   changes help, each by itself: to read the *maximum over all states*, or to put a convolution in front. (One seed
#   of five is then still wrong for one in eight of the far sentences.) With *thirty* epochs, and the rate searched
#   anew, the last state alone does it, too, with every seed. Why, this table cannot say. (Biases for a long memory,
#   as in lesson 02, were not tried here.)
# - **Order.** LSTM → CNN and CNN → LSTM, both read by a maximum, solve the task with every seed.
#
# With the maximum, every network that contains an LSTM solves the task, in either order or without a convolution. LSTM
# → CNN has the maximum by design. So when somebody shows you that it finds what an LSTM misses, ask how *their* LSTM
# was read.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Beyond its kernels the CNN guesses", order.high("CNN", "far"), below=0.6, stored=True)
check.claim("Within them it does not", order.low("CNN", "near"), above=0.9, stored=True)
check.claim("With kernels nine wide it sees them all", order.low("CNN, kernels 9 wide", "far"), above=0.95, stored=True)
check.claim("LSTM -> CNN solves it with every seed", order.low("LSTM -> CNN", "far"), above=0.95, stored=True)
check.claim("Read at its last state, the LSTM does not learn it", order.high("LSTM, last state", "far"), below=0.6, stored=True)
check.claim("Read by the maximum, the same LSTM solves it", order.low("LSTM, maximum", "far"), above=0.95, stored=True)
check.claim("CNN -> LSTM, read by the maximum, solves it with every seed", order.low("CNN -> LSTM, maximum", "far"), above=0.9, stored=True)
check.claim("With thirty epochs the last state does it with every seed", order.low("LSTM, last state, 30 epochs", "far"), above=0.95, stored=True)
check.claim("Behind a convolution, it nearly does it in six", order.low("CNN -> LSTM", "far"), within=(0.85, 0.95), stored=True)

# %% [markdown]
# **Stop here if you like** (about 45 minutes so far).

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("05.5", "See far without a memory")
def check_far(build):
    keras.utils.set_random_seed(5)
    network = build()
    check.expect(isinstance(network, keras.Sequential), "return a keras.Sequential")
    check.expect(network.layers, "it has no layers yet")
    kinds = [type(layer).__name__ for layer in network.layers]
    check.expect(set(kinds) <= {"Conv1D", "InputLayer"}, f"use Conv1D layers only, not {', '.join(kinds)}")
    wide = [layer.kernel_size[0] for layer in network.layers if "Conv1D" in type(layer).__name__]
    check.expect(max(wide, default=0) <= 3, f"a kernel is {max(wide)} words wide; at most 3 are allowed")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 30, 32)).astype("float32")
    x = np.abs(x)
    network(x)  # so that it has weights
    for weight in network.weights:  # so that no filter is dead
        weight.assign(ops.abs(weight))
    before = np.asarray(network(x))
    check.expect_shape("what comes out", before, (4, 30, None))
    check.expect(
        network.count_params() <= 60_000, f"it has {network.count_params():,} weights; 60,000 are allowed"
    )
    changed = x.copy()
    changed[:, 10] += 5
    reach = np.flatnonzero(np.abs(np.asarray(network(changed)) - before).max(axis=(0, 2)) > 1e-7)
    last = int(reach.max()) - 10 if len(reach) else -1
    check.expect(
        last >= 8, f"a word changes what comes out up to {max(last, 0)} steps after it; 8 are needed"
    )
    skipped = sorted({*range(10, 19)} - {*reach.tolist()})
    check.expect(not skipped, f"a word does not change what comes out {', '.join(str(at - 10) for at in skipped)} steps after it: each of "
                 "the 8 is needed")  # fmt: skip


# %% [markdown]
# ### Optional: 05.5 · See far without a memory
#
# About 10 minutes; nothing later depends on it. The CNN of section 5 failed because its kernels were too short. Must
# it be an LSTM, then? Build a stack of `Conv1D` layers (a `keras.Sequential`), none wider than 3, that maps (batch,
# 30, 32) to (batch, 30, any number of filters), and whose output at step $t$ depends on the inputs $t - 8$ to $t$, on
# every one (so that a *not* up to **8 words** before is seen). At most 60,000 weights. (You could stack many layers.
# With fewer layers you need `dilation_rate`: a kernel that skips steps in between.)
#
# <details><summary>Hint</summary>
#
# With padding `same`, a kernel of width 3 and dilation $d$ sees the steps $t-d$, $t$, $t+d$. Stacked layers add up:
# choose dilations whose sum is at least 8. Padding `same` everywhere keeps 30 steps.
#
# </details>


# %% tags=["exercise"]
def far_sighted():
    return ...


check_far(far_sighted)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def far_sighted_solution():
    return keras.Sequential(
        [layers.Conv1D(64, 3, padding="same", dilation_rate=d, activation="relu") for d in (1, 2, 4, 4)]
    )


check_far(far_sighted_solution, record=False)

# %% [markdown]
# So a network needs *reach* here, not a memory. The reach of a stack is fixed when it is built, that of the LSTM is
# learned. And reach makes a solution possible, not certain: the stack must also find it by training. Try yours in
# place of the LSTM. Does it solve the twins with every seed?

# %% [markdown]
# ## 6 · Real sentences

# %% tags=["lab-data"]
reviews = datasets.reviews("sentences")
reviews

# %%
for i in range(6):
    verdict = reviews.class_names["sentiment"][reviews.train.y["sentiment"][i]]
    print(f"{verdict:9} {reviews.train.x[i][:96]}")

# %% [markdown]
# They are short, witty and often ironic. Cover the left column: how many do you get right?

# %% tags=["lab-data"]
read = reader(reviews.train.x)
parts = {"train": reviews.train, "validation": reviews.validation, "test": reviews.test}
sentences = {
    name: (np.asarray(read(part.x.astype(str))), part.y["sentiment"]) for name, part in parts.items()
}
unknown = {name: np.mean(ids[ids > 0] == 1) for name, (ids, _) in sentences.items()}
print(", ".join(f"{share:.1%} of the words in {name}" for name, share in unknown.items()), "are unknown")
sentences["train"][0][0]  # the first review: 0 is padding, 1 a word that is not in the vocabulary

# %% [markdown]
# ### Three ways in which a test can leak
#
# - **Vocabulary.** Which words get a number is learned too, and so from the training part alone: see
#   exercise 05.7.
# - **Duplicates.** Some texts occur twice in the file. Split at random, one copy may fall into training and one into
#   the test. `datasets.reviews` drops them, and keeps *near*-duplicates, which share a long run of words, in one
#   part.
# - **Films.** The second set of texts is long reviews from IMDB, up to 30 of one film. If they are split at random, a
#   model has read about *this very film* in training. Does that help a model that only counts words? The three rows
#   train on equally many reviews:

# %%
leak = results.load("05_leak")
print(leak)
plotting.table(leak.rows, {"model": "long reviews", "accuracy": "accuracy in the test"},
               "Logistic regression on counted words. Mean over five splits (lowest to highest)")  # fmt: skip

# %% [markdown]
# The standard error of a difference is about 0.009 here.
#
# - **At random**: the films of the test are in training, both their praise and their blame.
# - **Stretches of the file apart**: the file lists all reviews of one label, film by film, then those of the other. Whole stretches are
#   kept together. This looks careful, but when a film's bad reviews are in the test, its good ones may be in training.
# - **Films apart**: what `datasets.reviews("long")` does. The file does not name the films, so it looks for words that mark one, such as
#   the name of a character (see the [data card](../data/README.md)). It does not find every film: some films of the test are still in
#   training.
#
# Split at random, the accuracy is higher by more than one standard error: a sign of the leak, no proof. Between the other
# two there is no difference.

# %% tags=["claim"] jupyter={"source_hidden": true}
by_split = {row["model"].split(": ")[1]: np.mean(row["accuracy"]) for row in leak.rows}
gain = by_split["split at random"] - by_split["films apart"]
check.claim("Split at random, the accuracy is more than a standard error higher", gain, within=(0.0095, 0.03), stored=True)
lower = by_split["films apart"] - by_split["stretches of the file apart"]
check.claim("With stretches of the file apart it is lower, by less than that", lower, within=(0, 0.0095), stored=True)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("05.7", "Find the bug: a vocabulary that knows too much")
def check_vocabulary(prepare):
    train_texts = np.array(["a good film", "a bad film", "good good acting"], object)
    test_texts = np.array(["a superb film", "wretched acting"], object)
    made = prepare(train_texts.copy(), test_texts.copy())
    check.expect(
        isinstance(made, (tuple, list)) and len(made) == 2, "return two arrays: the training and the test numbers"
    )
    numbers = [np.asarray(part) for part in made]
    check.expect_shape("the training numbers", numbers[0], (3, LENGTH))
    check.expect_shape("the test numbers", numbers[1], (2, LENGTH))
    check.expect(
        numbers[0].min() == 0 and not np.any(numbers[0] == 1), "words of the training texts are unknown"
    )
    same = numbers[0][0, 0] == numbers[1][0, 0] and numbers[0][2, 2] == numbers[1][1, 1]
    check.expect(
        same, "the same word has one number in training and another in the test: use one vocabulary for both"
    )
    check.expect(
        numbers[1][0, 1] == 1, "'superb' occurs in the test only, and yet it has a number of its own"
    )
    check.expect(
        numbers[1][1, 0] == 1, "'wretched' occurs in the test only, and yet it has a number of its own"
    )


# %% [markdown]
# ### 05.7 · Find the bug: a vocabulary that knows too much
#
# A colleague proudly reports that her pipeline meets **no unknown word** in the test. Look at the two
# shares below, and fix `prepare`: it returns the word numbers of the training texts and of the test texts,
# each (texts, 40), with zeros on the right.


# %% jupyter={"source_hidden": true}
def share_unknown(numbers):
    numbers = np.asarray(numbers)
    return float(np.mean(numbers[numbers > 0] == 1))


everything = reader(np.concatenate([reviews.train.x, reviews.test.x]), 30_000)
honest = reader(reviews.train.x, 30_000)
knows = (
    share_unknown(everything(reviews.test.x.astype(str))),
    share_unknown(honest(reviews.test.x.astype(str))),
)
print(
    f"unknown words in the test: hers {knows[0]:.1%}, with a vocabulary from the training part {knows[1]:.1%}"
)

# %% tags=["claim"]
check.claim("Hers knows every word of the test", knows[0], equals=0)
check.claim("An honest one does not", knows[1], above=0.03)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `adapt` *learns*. Whatever learns must not see the test: not the vocabulary, not the mean and deviation of
# a normalisation, not the weights of rare words. One `reader`, made from the training texts, reads both.
#
# </details>


# %% tags=["exercise"]
def prepare(train_texts, test_texts):
    read = reader(np.concatenate([train_texts, test_texts]), 30_000)
    return read(train_texts.astype(str)), read(test_texts.astype(str))


check_vocabulary(prepare)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def prepare_solution(train_texts, test_texts):
    read = reader(train_texts, 30_000)
    return read(train_texts.astype(str)), read(test_texts.astype(str))


check_vocabulary(prepare_solution, record=False)

# %% [markdown]
# A word that occurs in the test alone has an embedding that was never trained, so here the score would
# hardly move. The harm is that the score says nothing about the next new text, which will have unknown words.
#
# ### The baseline: counted words
#
# A **bag of words**: how often does each word, and each pair of neighbours, occur? Rare ones count more (*TF-IDF*: term
# frequency, inverse document frequency; `sublinear_tf`: the tenth occurrence counts less than the first), and a
# logistic regression, which is one dense unit with a sigmoid, gives each a weight. It knows no order beyond two
# neighbours, has no memory, and is fitted in a second. This is a **baseline**: whatever is more complicated has to beat
# it.

# %% tags=["nbval-ignore-output", "lab-data"]
bag = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"(?u)\b\w+\b", sublinear_tf=True),
    LogisticRegression(C=3, max_iter=1000),
).fit(reviews.train.x, reviews.train.y["sentiment"])
bag_accuracy = bag.score(reviews.validation.x, reviews.validation.y["sentiment"])
terms, weights = bag[0].get_feature_names_out(), bag[1].coef_[0]
ranked = np.argsort(weights)
print("for praise:", ", ".join(terms[ranked[::-1][:12]]))
print("for blame: ", ", ".join(terms[ranked[:12]]))
print(f"accuracy on the validation sentences {bag_accuracy:.3f}")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Counting words and pairs has an accuracy of about 0.75", bag_accuracy, within=(0.72, 0.81))

# %% [markdown]
# The table of section 8 has a stronger baseline of the same kind. In place of TF-IDF, each word and pair that occurs
# gets the weight that **naive Bayes** would give it: the logarithm of how much more often it occurs in praise than in
# blame. A logistic regression then learns how much to trust each (after Wang & Manning 2012, who use a support vector machine). Both also choose $C$ on the
# validation part: the larger it is, the larger the weights may become.


# %% tags=["definition"] jupyter={"source_hidden": true}
def bag_of_words(train, validation, test, ngrams=(1, 2), bayes=False):
    """No network: logistic regression on counted words and pairs, weighted by TF-IDF or as naive Bayes does."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    how = {"ngram_range": ngrams, "token_pattern": r"(?u)\b\w+\b"}
    count = CountVectorizer(binary=True, **how) if bayes else TfidfVectorizer(min_df=2, sublinear_tf=True, **how)
    found, y = count.fit_transform(train.x), train.y["sentiment"]
    weight = np.ones((1, found.shape[1]))
    if bayes:  # the log of how much more often a word or pair occurs in praise than in blame
        praise, blame = (np.asarray(found[y == label].sum(axis=0)) + 1 for label in (1, 0))
        weight = np.log(praise / praise.sum()) - np.log(blame / blame.sum())
    x, tuned, asked = (count.transform(part.x).multiply(weight).tocsr() for part in (train, validation, test))
    fits = [LogisticRegression(C=c, max_iter=1000).fit(x, y) for c in (0.1, 0.3, 1, 3, 10, 30)]
    best = max(fits, key=lambda fit: fit.score(tuned, validation.y["sentiment"]))
    return {"parameters": best.coef_.size + 1, "accuracy": best.score(asked, test.y["sentiment"])}

# %% [markdown]
# **Stop here if you like** (about 60 minutes so far).
#
# ## 7 · The usual code, and its faults
#
# This network has been posted in many places, nearly unchanged: embedding, LSTM that returns its states, convolution,
# global maximum, two outputs with softmax, binary cross-entropy as the loss. Here is one of this kind:


# %% tags=["nbval-ignore-output"]
def textbook(words=WORDS):
    ids = keras.Input((None,), dtype="int32")  # (batch, time)
    x = layers.Embedding(words, 100)(ids)  # (batch, time, 100)
    x = layers.LSTM(128, return_sequences=True)(x)  # (batch, time, 128)
    x = layers.Conv1D(64, 3, activation="relu")(x)  # (batch, time - 2, 64)
    x = layers.GlobalMaxPooling1D()(x)  # (batch, 64)
    return keras.Model(ids, layers.Dense(2, activation="softmax")(x), name="textbook")


keras.utils.set_random_seed(0)
old = textbook()
history = train(old, sentences, epochs=3)
textbook_accuracy = max(history["val_accuracy"])
print(f"validation, the best of its epochs: {textbook_accuracy:.3f}; counted words {bag_accuracy:.3f}")
plotting.curves({"training": {"a": history["accuracy"]}, "validation": {"a": history["val_accuracy"]}}, "a",
                ylabel="accuracy")  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("The textbook network works, about as well as counting: its best epoch", textbook_accuracy - bag_accuracy,
            within=(-0.06, 0.03))  # fmt: skip
check.claim("After three epochs it knows the training sentences far better than new ones",
            history["accuracy"][-1] - history["val_accuracy"][-1], above=0.12)  # fmt: skip

# %% [markdown]
# It runs, it learns, nothing warns you. But it has four faults. It reads the padding, the mask that would prevent
# this would get lost on the way, nothing keeps it from memorising, and its loss does not fit its output (the loss is
# an optional part at the end of this section).
#
# ### It reads the padding
#
# Short sentences are filled up with zeros, here up to 40. To this network, 0 is a
# word like any other. Does its answer depend on how many zeros follow?

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
some = sentences["validation"][0][:300]


def padded(ids, right=0, left=0):
    return np.pad(ids, ((0, 0), (left, right)))


def change(model, **more):
    """How far the probabilities move when further zeros are added, at most."""
    before, after = (model.predict(ids, verbose=0)[:, -1] for ids in (some, padded(some, **more)))
    return float(np.abs(after - before).max())


moved = {
    f"{n} more zeros on the {side}": change(old, **{side: n}) for side in ("right", "left") for n in (20, 160)
}
plotting.table([{"sentences with": name, "largest change": value} for name, value in moved.items()],
               ["sentences with", "largest change"], "Probability of praise, textbook network, 300 sentences")  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Zeros on the right, after the last word, move some answers",
            moved["160 more zeros on the right"], above=0.001)  # fmt: skip
check.claim("Zeros on the left move some answers a lot", moved["160 more zeros on the left"], above=0.2)

# %% [markdown]
# Zeros on the right come after the last word. They matter where a filter finds its maximum among them; the
# network was trained with zeros there, so it has partly learned to cope with them. Zeros on the left
# reach every state: the LSTM has read a run of nothing before the first word.
#
# ### The mask gets lost on the way
#
# `Embedding(mask_zero=True)` sends a **mask** along: False where there is no word. The LSTM obeys it. And
# the convolution?

# %%
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    ids = layers.Input((None,), dtype="int32")
    x = layers.Embedding(WORDS, 8, mask_zero=True)(ids)
    maps = layers.Conv1D(4, 3, padding="same")(layers.LSTM(8, return_sequences=True)(x))
print(str(told[0].message).split(". ")[1])

# %% [markdown]
# The convolution drops it, with a warning that is easy to miss among others. From there on padding counts
# as words. At masked steps the LSTM repeats its last state. So the window around the last word sees that
# state twice if a zero follows, and once if none does; and the maximum can come from a window that lies
# wholly in the padding. The fix: carry the mask yourself, as `lstm_cnn` does, into the LSTM, before the
# convolution, *and* before the maximum.
#
# ### It has no dropout
#
# You saw the two curves diverge: nearly a million weights for fewer than seven thousand sentences. Dropout sets half
# of the numbers to zero at random in every batch, so that the network cannot rely on any one of them. (Whether mask
# and dropout help the accuracy, section 8 measures.)
#
# Now `ours`, with mask and dropout:

# %% tags=["nbval-ignore-output", "lab-data"]
keras.utils.set_random_seed(0)
ours = lstm_cnn()
history = train(ours, sentences, epochs=4)
ours_accuracy = max(history["val_accuracy"])
print(f"validation, the best of its epochs: ours {ours_accuracy:.3f}; counted words {bag_accuracy:.3f}")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("In its best epoch, ours has an accuracy of about 0.75", ours_accuracy, within=(0.71, 0.82))
zeros_move = max(change(ours, **{side: n}) for side in ("left", "right") for n in (20, 160))
check.claim("With up to 160 more zeros on either side, no probability moves by 0.00001", zeros_move, below=1e-5)

# %% [markdown]
# Padding on either side changes nothing now. The accuracy is about that of counting words.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("05.6", "Find the bug: a different answer each day")
def check_steady(build):
    keras.utils.set_random_seed(3)
    model = build()
    check.expect(isinstance(model, keras.Model), "return a keras.Model")
    kinds = {type(layer).__name__ for layer in model._flatten_layers()}
    check.expect({"LSTM", "Conv1D"} <= kinds, "keep the LSTM and the Conv1D among the model's layers")
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:  # a fresh network hardly tells one text from another
        weight.assign(rng.normal(scale=0.3, size=weight.shape))
    lengths = np.array([3, 5, 8, 12] * 4 + [20] * 16)
    ids = rng.integers(1, WORDS, size=(32, 20)) * (np.arange(20) < lengths[:, None])
    before = np.asarray(model(ids))
    check.expect_shape("the answer", before, (32, 1))
    check.expect(np.ptp(before) > 1e-3, "all sentences get the same answer: nothing is read any more")
    other = ids.copy()
    other[16:, 15] = other[16:, 15] % (WORDS - 1) + 1
    check.expect(np.abs(np.asarray(model(other)) - before)[16:].max() > 1e-4, "the sixteenth word of a text changes nothing: is all of it read?")
    moves = {n: np.abs(np.asarray(model(np.pad(ids, ((0, 0), (0, n))))) - before) for n in (2, 10, 60)}
    for n, move in moves.items():
        check.expect(move[:16].max() < 1e-5, f"with {n} more zeros on the right, an answer changes: padding still gets "
                     "into the LSTM, into the convolution or into the maximum")  # fmt: skip
    for n, move in moves.items():
        check.expect(move.max() < 1e-5, f"with {n} zeros on the right, the answer to a text that had none changes: "
                     "what do the window around its last word, and the maximum, see behind it?")  # fmt: skip
    shorter = np.abs(np.asarray(model(ids[:4, :12])) - before[:4]).max()
    check.expect(shorter < 1e-5, "in a batch padded to 12 words instead of 20, a sentence gets another answer: padding is still read")


# %% [markdown]
# ### 05.6 · Find the bug: a different answer each day
#
# In production, sentences arrive in batches, and each batch is padded to its own longest sentence. A colleague
# complains that the same sentence gets a different answer each day. Fix the network: its answer must not depend on
# how many zeros follow. Keep the LSTM and the convolution. (`mask_zero=True` alone will not do; the text above says
# why.)
#
# <details><summary>Hint</summary>
#
# Three places can read padding: the LSTM (give it `mask=real`), the convolution, whose window at the last
# word looks one step beyond it (what stands there?), and the maximum. `keep` and `peaks` of section 4 help
# with two of them; `real` is `ops.not_equal(ids, 0)`.
#
# </details>


# %% tags=["exercise"]
def moody():
    ids = keras.Input((None,), dtype="int32")
    x = layers.Embedding(WORDS, 16)(ids)
    x = layers.LSTM(16, return_sequences=True)(x)
    x = layers.Conv1D(16, 3, padding="same", activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(x))


check_steady(moody)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def steady():
    ids = keras.Input((None,), dtype="int32")
    real = ops.not_equal(ids, 0)
    x = layers.Embedding(WORDS, 16)(ids)
    x = keep(layers.LSTM(16, return_sequences=True)(x, mask=real), real)
    x = layers.Conv1D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(peaks(x, real)))


check_steady(steady, record=False)

# %% [markdown]
# **Stop here if you like** (about 75 minutes so far).

# %% [markdown]
# ### Optional: a maximum for any sign, and the loss
#
# About 13 minutes; nothing later depends on it.

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("05.2", "The maximum over words only")
def check_maximum(maximum):
    rng = np.random.default_rng(1)
    maps = rng.normal(-1, 1, size=(6, 9, 4))
    maps[..., 3] *= 1000
    real = np.arange(9) < np.array([9, 1, 4, 7, 2, 5])[:, None]
    real[3] = real[3, ::-1]  # padded on the left
    found = maximum(maps.copy(), real.copy())
    check.expect_shape("what you return", found, (6, 4))
    truth = np.where(real[..., None], maps, -np.inf).max(axis=1)
    zeroed = (maps * real[..., None]).max(axis=1)
    check.expect(
        not np.allclose(found, maps.max(axis=1)), "that is the maximum over all steps, padding included"
    )
    check.expect(not np.allclose(found, zeroed), "some values are 0 although no word gave a 0: these maps have not been "
                 "through a ReLU, and where all words are negative, the zeros of the padding win")  # fmt: skip
    check.expect_close("the maximum", found, truth)


# %% [markdown]
# #### 05.2 · The maximum over words only
#
# `ours` multiplies the maps with 0 where there is no word, and takes the maximum. That is right where no
# value is negative, as behind a ReLU. Write `word_maximum(maps, real)` in NumPy for maps of any sign:
# `maps` has the shape (batch, time, filters), `real` (batch, time) is True where there is a word; every
# text has at least one. Return (batch, filters).
#
# <details><summary>Hint</summary>
#
# What number can stand in the padding that never wins a maximum? `np.where(condition, a, b)` chooses
# element by element; `real[..., None]` has the shape (batch, time, 1).
#
# </details>


# %% tags=["exercise"]
def word_maximum(maps, real):
    return ...


check_maximum(word_maximum)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def word_maximum_solution(maps, real):
    return np.where(real[..., None], maps, -np.inf).max(axis=1)


check_maximum(word_maximum_solution, record=False)

# %% [markdown]
# #### Softmax and binary cross-entropy
#
# The textbook network has two outputs with softmax, the classes as (1, 0) or (0, 1), and binary cross-entropy. Averaged
# over both outputs that *should* be the usual cross-entropy, since the second probability is one minus the first. Take
# the logits (2, 1), the truth (1, 0), and compute it by hand. **Predict**: will Keras agree?

# %%
logits, truth = np.array([[2.0, 1.0]], "float32"), np.array([[1.0, 0.0]], "float32")
softmax = np.exp(logits) / np.exp(logits).sum()
sigmoid = 1 / (1 + np.exp(-logits))


def cross_entropy(p):
    return float(-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)))


by_keras = {
    "given what softmax returned": keras.losses.binary_crossentropy(truth, keras.activations.softmax(ops.array(logits))),
    "given the same numbers, as a copy": keras.losses.binary_crossentropy(truth, softmax),
}  # fmt: skip
by_keras = {name: float(loss[0]) for name, loss in by_keras.items()}
print(f"by hand on the softmax {cross_entropy(softmax):.3f}, on the sigmoid {cross_entropy(sigmoid):.3f}")
print("Keras,", ", ".join(f"{name} {loss:.3f}" for name, loss in by_keras.items()))

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Behind a softmax, Keras's binary loss is the sigmoid's",
            abs(by_keras["given what softmax returned"] - cross_entropy(sigmoid)), below=1e-5)  # fmt: skip
check.claim("The same probabilities without their history give the softmax's",
            abs(by_keras["given the same numbers, as a copy"] - cross_entropy(softmax)), below=1e-5)  # fmt: skip

# %% [markdown]
# For the sake of precision, Keras (on TensorFlow, which you are using) remembers the logits behind a
# softmax, and `binary_crossentropy` takes them *as if they belonged to a sigmoid*. So the network is
# trained as two independent yes-or-no answers, but used as one choice. Does that matter? Let a network
# without any input learn that 70 of 100 reviews are praise. What will it say?

# %% tags=["nbval-ignore-output"]
blank, class_of = np.ones((1000, 1)), keras.utils.to_categorical(np.arange(1000) < 700)
said = {}
for loss in ("binary_crossentropy", "categorical_crossentropy"):
    keras.utils.set_random_seed(0)
    guess = keras.Sequential([keras.Input((1,)), layers.Dense(2, activation="softmax")])
    guess.compile(keras.optimizers.SGD(2.0), loss)
    guess.fit(blank, class_of, batch_size=1000, epochs=60, verbose=0)
    said[loss] = float(guess.predict(blank[:1], verbose=0)[0, 1])
    print(f"{loss}: {said[loss]:.2f}")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Trained on 70 of 100, softmax with the binary loss says about 84", said["binary_crossentropy"],
            within=(0.83, 0.86))  # fmt: skip
check.claim("With the categorical loss it says 70", said["categorical_crossentropy"], within=(0.69, 0.71))

# %% [markdown]
# It names the same class, so nobody notices; but its probabilities are too close to 0 and 1. The fix: **one**
# output with a sigmoid and binary cross-entropy, or two with softmax and *categorical* cross-entropy.

# %% [markdown]
# ## 8 · All models on real sentences
#
# The networks of section 4, five seeds each. A seed decides on the split, the weights and the order of the batches;
# each network had six epochs and its own learning rate, searched as in section 5. All have the same number of weights
# behind the embedding, within 1 %. One of them is trained here, live; then come all:

# %% tags=["nbval-ignore-output", "lab-data"]
keras.utils.set_random_seed(0)
phrases = cnn()
history = train(phrases, sentences, epochs=4)
cnn_accuracy = max(history["val_accuracy"])
print(f"validation, the best of its epochs: CNN {cnn_accuracy:.3f}, ours {ours_accuracy:.3f}; counted words {bag_accuracy:.3f}")

# %%
table = results.load("05_sentences")
print(table)
plotting.compare(table.rows, score="accuracy")

# %% [markdown]
# **How large must a difference be?** A test part has $n = 853$ sentences. The standard error of the difference of two
# accuracies near $p$ is about $\sqrt{2\,p\,(1-p)/n}$, here about 0.02. The mean of five splits is more reliable than
# one split, but how much more cannot be read off the five scores: the splits share most of their training sentences
# (Nadeau and Bengio, 2003). So we stay careful, and use the rule of [lesson 04](04_cnn_lstm_video.ipynb#rivals) with
# the standard error of one split, for every row alike: **a difference within its standard error is no difference**,
# and one below twice as much is no proof.


# %% jupyter={"source_hidden": true}
def against(table, name, n):
    """The mean difference of each row from one of them, split by split, and whether it exceeds the standard error."""
    base = np.array(table.row(name)["accuracy"])
    error = float(np.sqrt(2 * base.mean() * (1 - base.mean()) / n))
    rows = []
    for row in table.rows:
        if row["model"] != name:
            differences = np.array(row["accuracy"]) - base
            clear = abs(differences.mean()) > error
            word = ("higher" if differences.mean() > 0 else "lower") if clear else "no difference"
            rows.append({"model": row["model"], "difference": list(differences), "so": word})
    return rows, error


compared, error = against(table, "LSTM -> CNN", len(reviews.test))
print(f"standard error of a difference: {error:.3f}")
plotting.table(compared, {"model": "against LSTM -> CNN", "difference": "difference of the accuracies", "so": "conclusion"},
               "Mean over the five splits (lowest to highest)")  # fmt: skip

# %% [markdown]
# - **No network differs from LSTM → CNN by more than the standard error**: neither CNN alone, nor LSTM alone, nor CNN → LSTM. With equal
#   readouts the order of the layers makes no difference that we can see.
# - **Readout.** Read at its last state instead of by the maximum, the LSTM is ahead in all five splits, by 0.017: a hint, not more. (Our
#   standard error is cautious: both networks answer the same sentences, which makes a difference surer than this formula says.)
# - **Mask and dropout** make none either: the faults of section 7 cost no accuracy here. The mask has another use,
#   which no score shows: the answer to a sentence does not depend on how it is padded.
# - **Counted words with naive Bayes weights** are ahead of LSTM → CNN in every split, in the mean by nearly two standard errors, and no
#   network has a higher mean.
#
# (Kim 2014 reports 0.761 for such a CNN with an embedding that was not pretrained. He tested by cross-validation in ten
# parts, with a hundred filters of each width, and trained on about 8,600 sentences; we have 6,822.)

# %% tags=["claim"] jupyter={"source_hidden": true}
unclear = [row["so"] == "no difference" for row in compared if "No network" not in row["model"]]
check.claim("No network differs from LSTM -> CNN by more than the standard error", np.mean(unclear), equals=1, stored=True)
mean_of = {row["model"]: np.mean(row["accuracy"]) for row in table.rows}
bayes = mean_of["No network: naive Bayes weights"]
check.claim("Naive Bayes weights are ahead of LSTM -> CNN by more than one and a half of it", bayes - mean_of["LSTM -> CNN"] - 1.5 * error, above=0, stored=True)
check.claim("and no network has a higher mean", bayes - max(mean_of[n] for n in mean_of if "No network" not in n), above=0, stored=True)

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("In every split the LSTM is ahead when read at its last state", np.min(np.subtract(table.row("LSTM, last state")["accuracy"],
            table.row("LSTM, maximum")["accuracy"])), above=0, stored=True)  # fmt: skip
check.claim("With a maximum in both, the order makes no difference", abs(table.mean("CNN -> LSTM, maximum", "accuracy")
            - table.mean("LSTM -> CNN", "accuracy")), below=0.01, stored=True)  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("In their best epochs, the CNN and `ours`, both trained in your run, differ little", cnn_accuracy - ours_accuracy, within=(-0.06, 0.06))

# %% [markdown]
# ## 9 · Long reviews: what the order buys
#
# Reviews from IMDB have about 170 words, some have a thousand. Here the order of the layers changes something else:
# **time**. LSTM → CNN walks through every word, one after the other. If the CNN comes first, its maps can be *pooled*
# before the LSTM: of every four neighbours the maximum is kept, and the LSTM has a quarter of the steps to take. All
# models below, those that count included, read the last 200 words of a review. The networks have three epochs, and four
# seeds. Seconds are those of one epoch; without a network, of the whole fit.

# %%
long = results.load("05_long")
print(long)
plotting.compare(long.rows, score="accuracy")

# %%
compared, error = against(long, "LSTM -> CNN", 2500)
print(f"standard error of a difference, with about 2,500 reviews in a test part: {error:.3f}")
plotting.table(compared, {"model": "against LSTM -> CNN", "difference": "difference of the accuracies", "so": "conclusion"},
               "Mean over the four splits (lowest to highest)")  # fmt: skip

# %% [markdown]
# - **Counted words** are clearly better than LSTM → CNN, and no network is better than they are.
# - **Time** is what pooling buys: with it before the LSTM, an epoch takes less than two thirds of the time. With the CNN in front, what is
#   pooled are phrases, not single words.
# - **Accuracy**: there is an effect of the readout, and none of the order alone. CNN, pooled → LSTM is better than
#   LSTM → CNN when it is read at its last state; but then two things differ, as LSTM → CNN ends in a maximum. With
#   equal readouts, a maximum over time in both, there is no difference.
# - **Readout**, again: for the twins an LSTM was best read by the maximum, here the same LSTM is better read at its
#   *last* state. Perhaps because a clue in one place is one thing, and an opinion spread over a whole review another
#   (not measured). Try both on your own data.

# %% tags=["claim"] jupyter={"source_hidden": true}
of = {row["model"]: np.mean(row["accuracy"]) for row in long.rows}
best = max(of[name] for name in of if "No network" not in name)
counted = max(of[name] for name in of if "No network" in name)
check.claim("Counted words are better than LSTM -> CNN by more than two standard errors", counted - of["LSTM -> CNN"] - 2 * error, above=0, stored=True)
check.claim("and no network is better than they are", counted - best, above=0, stored=True)
check.claim("Pooled before the LSTM, a training takes less than 0.67 of the time",
            long.mean("CNN, pooled -> LSTM, maximum", "seconds") / long.mean("LSTM -> CNN", "seconds"), below=0.67, stored=True)
check.claim("Read at its last state, CNN, pooled -> LSTM is better than LSTM -> CNN", of["CNN, pooled -> LSTM"] - of["LSTM -> CNN"] - 2 * error, above=0, stored=True)
check.claim("With equal readouts there is no difference", abs(of["CNN, pooled -> LSTM, maximum"] - of["LSTM -> CNN"]) - error, below=0, stored=True)
check.claim("The LSTM is better read at its last state than by the maximum", of["LSTM, last state"] - of["LSTM, maximum"] - 2 * error, above=0, stored=True)

# %% [markdown]
# <a id="inside"></a>
#
# ## 10 · Look inside
#
# ### Which phrase decided?
#
# The logit is a sum: $v_0$ plus, for each filter, its weight times its maximum, and each maximum comes from one
# window. So every part of the logit can be assigned to one *window*, exactly. (A sum over places holds for every
# network that ends in a maximum and one dense layer: for the CNN, and for an LSTM read by the maximum.) Take sentence
# A of section 1. **Predict**: what will the window around *dull* add, more for praise or for blame?


# %% jupyter={"source_hidden": true}
tap = keras.Model(ours.input, [ours.get_layer("filters").output, ours.get_layer("pooled").output])
v = np.asarray(ours.get_layer("answer").kernel)[:, 0]  # the weight of each filter in the answer
vocabulary = np.array(read.get_vocabulary())


def credit(sentence):
    """The words of a sentence, what the window around each adds to the logit, and the logit."""
    ids = np.asarray(read([sentence]))
    maps, top = (values[0] for values in tap.predict(ids, verbose=0))
    added = np.zeros(LENGTH)
    np.add.at(added, (maps * (ids[0] > 0)[:, None]).argmax(axis=0), v * top)
    p = float(ours.predict(ids, verbose=0)[0, 0])
    return [vocabulary[n] for n in ids[0] if n], added, np.log(p / (1 - p))


# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
pair = {
    "A": "it is not the dull story i feared : it is charming",
    "B": "it is the dull story i feared : it is not charming",
}
fig, axes = plt.subplots(2, 1, figsize=(8.4, 6), layout="constrained", sharey=True)
said = []
for ax, (name, sentence) in zip(axes, pair.items()):
    tokens, added, logit = credit(sentence)
    shown = added[: len(tokens)]
    ax.bar(range(len(tokens)), shown, color=plotting.CNN)
    ax.axhline(0, color=plotting.INK, lw=1)
    ax.set_xticks(range(len(tokens)), tokens, rotation=30, ha="right")
    ax.set(ylabel="added to the logit", title=f"{name}: logit {logit:+.2f}, {'praise' if logit > 0 else 'blame'}")
    said.append(f"{name} " + ", ".join(f"{w} {c:+.2f}" for w, c in zip(tokens, shown)))
plotting.Picture(fig, "Parts of the logit by place. " + "; ".join(said) + ".")

# %% tags=["claim"] jupyter={"source_hidden": true}
left_over = abs(added.sum() + float(ours.get_layer("answer").bias[0]) - logit)
check.claim("The parts and the bias add up to the logit", left_over, below=1e-3)

# %% [markdown]
# Compare the bars with your prediction. Read such a picture with care: a part belongs to a
# *window of states*, and a state has read all words before it. So the picture says where a filter fired, not for
# which word. (The optional part below measures how much of a window's value comes from the words before it.)


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("05.3", "How much does each place add?")
def check_credit(credit):
    rng = np.random.default_rng(2)
    for time_steps, filters in ((7, 3), (12, 20)):
        maps = np.maximum(rng.normal(size=(time_steps, filters)), 0) + 0.01 * rng.random(
            (time_steps, filters)
        )
        weights = rng.normal(size=filters)
        found = credit(maps.copy(), weights.copy())
        check.expect_shape("what you return", found, (time_steps,))
        truth, lost = np.zeros(time_steps), np.zeros(time_steps)
        for k in range(filters):
            truth[maps[:, k].argmax()] += weights[k] * maps[:, k].max()
            lost[maps[:, k].argmax()] = weights[k] * maps[:, k].max()
        check.expect(np.allclose(truth, lost) or not np.allclose(found, lost),
                     "where several filters choose the same step, it keeps the part of the last only: add them up")  # fmt: skip
        total = float(weights @ maps.max(axis=0))
        check.expect(abs(np.sum(found) - total) < 1e-6, f"all parts together are {np.sum(found):.3f}, but the filters' "
                     f"maxima times their weights make {total:.3f}")  # fmt: skip
        check.expect_close("the part of each step", found, truth, tolerance=1e-6)


# %% [markdown]
# ### 05.3 · How much does each place add?
#
# Write `credit_of_steps(maps, weights)` for one text: `maps` (time, filters) are the feature maps, `weights`
# (filters,) those of the answer. Return an array (time,): what each step adds to the logit. A filter adds its whole
# part at the one step where it is highest. Several filters may choose the same step: then it gets the sum.
#
# <details><summary>Hint</summary>
#
# `maps.argmax(axis=0)` gives one step for each filter. With `result[steps] += values`, a step that occurs
# twice is counted once; a loop, `np.add.at` or `np.bincount` count it twice.
#
# </details>


# %% tags=["exercise"]
def credit_of_steps(maps, weights):
    return ...


check_credit(credit_of_steps)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def credit_of_steps_solution(maps, weights):
    credit = np.zeros(len(maps))
    np.add.at(credit, maps.argmax(axis=0), weights * maps.max(axis=0))
    return credit


check_credit(credit_of_steps_solution, record=False)

# %% [markdown]
# ### Does it use a *not*?
#
# In section 5, LSTM → CNN learned to use a *not*. There every sentence depended on it. And here? We count the
# sentences with a word that denies: *not*, words that end in *n't*, *no*, *never*, *nothing*, *hardly* and the like.
# Then we delete these words from the test sentences: how many answers change? As a control, we delete as many *other*
# words, chosen at random; and we ask the counted words, too.

# %% jupyter={"source_hidden": true}
DENY = re.compile(r"not|no|never|none|nobody|nothing|nowhere|neither|nor|cannot|without|hardly|barely|scarcely|rarely|.*n't")


def denies(word):
    return DENY.fullmatch(word) is not None


def struck(text, rng=None):
    """The text without its words that deny; with `rng`, without as many others."""
    words = text.split()
    out = [place for place, word in enumerate(words) if denies(word)]
    if rng:
        others = [place for place, word in enumerate(words) if word.isalpha() and not denies(word)]
        out = rng.choice(others, min(len(out), len(others)), replace=False)
    return " ".join(word for place, word in enumerate(words) if place not in out)


# %% tags=["nbval-ignore-output"]
rng = np.random.default_rng(0)
deny = [text for text in reviews.test.x if any(map(denies, text.split()))]
live["denied"] = float(np.mean([any(map(denies, text.split())) for text in reviews.train.x]))
whole, without, control = (ours.predict(np.asarray(read(texts)), verbose=0)[:, 0] > 0.5 for texts in
                           (deny, [struck(text) for text in deny], [struck(text, rng) for text in deny]))  # fmt: skip
live |= {"turned": float(np.mean(whole != without)), "control": float(np.mean(whole != control))}
whole, without, control = (bag.predict(part) for part in (deny, [struck(text) for text in deny], [struck(text, rng) for text in deny]))
live |= {"bag turned": float(np.mean(whole != without)), "bag control": float(np.mean(whole != control))}
print(f"{live['denied']:.0%} of the training sentences have a word that denies. Of the {len(deny)} in the test, {live['turned']:.0%} "
      f"get another answer without these words, {live['control']:.0%} without as many others. Counted words: {live['bag turned']:.0%} and "
      f"{live['bag control']:.0%}.")  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Between a fifth and a quarter of the sentences have a word that denies", live["denied"], within=(0.2, 0.27))
check.claim("Without these words, most answers stay the same", live["turned"], below=0.2)
check.claim("and only slightly more change than in the control: by the network, by counted words",
            [live["turned"] - live["control"], live["bag turned"] - live["bag control"]], within=(-0.05, 0.12))  # fmt: skip

# %% [markdown]
# Most answers stay, and only slightly more change than in the control. The same holds for counted words, for which a
# *not* has one weight, and one more with each neighbour. So this gives no sign that the network learned to use it
# here, nor does it prove that it did not. **The architecture says what a network can learn; the data decide what it
# does.**
#
# (Irony, comparisons with other films, praise of one thing in a bad whole: to judge these, a model must
# have read much more text. That is what pretrained embeddings and language models bring: with pretrained
# embeddings, the CNN of Kim (2014) rises from 0.761 to 0.815.)
#
# **Stop here if you like** (about 95 minutes so far).
#
# ### Optional: what a filter looks for
#
# About 6 minutes; nothing later depends on it. Each filter reports the place where it fits best. So ask it: over all
# reviews, which phrases give it its highest values? We ask the filters with the largest effect for praise and for blame
# (their weight, times how much their maximum varies), in the training sentences and in the test sentences: of a CNN,
# those with kernels three words wide, and of `ours`. **Predict**: which network's phrases will be easier to read?

# %% jupyter={"source_hidden": true}
def firing(network, layer, filter, ids):
    """How strongly one filter fires at each word: (sentence, word)."""
    maps = keras.Model(network.input, network.get_layer(layer).output)
    return maps.predict(ids, batch_size=256, verbose=0)[..., filter] * (ids > 0)


def best_three(ids, fires):
    """The three words around the place where it fires most, 0 where there is none: (sentence, 3)."""
    middle = fires.argmax(axis=1)[:, np.newaxis]
    return np.take_along_axis(np.pad(ids, ((0, 0), (1, 1))), middle + np.arange(3), axis=1)


def strongest_phrases(network, layer, filter, part, count=4):
    """The phrases around its highest values, each from another sentence."""
    ids = sentences[part][0]
    fires = firing(network, layer, filter, ids)
    best = best_three(ids, fires)[np.argsort(-fires.max(axis=1))[:count]]
    return " / ".join(" ".join(vocabulary[words[words > 0]]) for words in best)


# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
largest, rows = {}, []
for name, network, layer in (("CNN", phrases, "filters_3"), ("LSTM -> CNN", ours, "filters")):
    pooled = keras.Model(network.input, network.get_layer("pooled").output)
    found = pooled.predict(sentences["train"][0], batch_size=256, verbose=0)
    weight = np.asarray(network.get_layer("answer").kernel)[:, 0]
    effect = (weight * found.std(axis=0))[: network.get_layer(layer).filters]  # (of the CNN, width 3)
    largest[name] = int(effect.argmax()), int(effect.argmin())
    for k in largest[name]:
        examples = {part: strongest_phrases(network, layer, k, part) for part in ("train", "test")}
        rows.append({"network": name, "filter": f"{k} ({weight[k]:+.2f})", **examples})
plotting.table(rows, {"network": "network", "filter": "filter", "train": "in training", "test": "in the test"},
               "In brackets: the filter's weight in the answer; plus is for praise")  # fmt: skip

# %% [markdown]
# The CNN's filters read like entries of a dictionary of praise and blame. Some phrases of `ours` seem to have nothing
# to do with either. What you see is the *window*; what the three states in it carry was read **before** it. Test that:
# give each network nothing but the three words under the window where its filter fired most. How strongly does the
# filter fire now?

# %% tags=["nbval-ignore-output"]
ids = sentences["test"][0]
alone = {}
for name, network, layer in (("CNN", phrases, "filters_3"), ("LSTM -> CNN", ours, "filters")):
    fires = firing(network, layer, largest[name][0], ids)
    without = firing(network, layer, largest[name][0], best_three(ids, fires))[:, 1]  # (sentence,)
    alone[name] = float(without.sum() / fires.max(axis=1).sum())
    print(f"{name}: the three words alone give {alone[name]:.0%} of what they give in their sentences")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("What a CNN's filter says comes from the words under it", alone["CNN"], within=(0.999, 1.001))
check.claim("Over LSTM states, part of it comes from the words before", alone["LSTM -> CNN"], below=0.85)

# %% [markdown]
# So with an LSTM in front, a window tells you where a filter fired, not for which words. That is the
# cost of the memory.
# %% [markdown]
# ## 11 · The lab: your own sentence
#
# Type a sentence, press Enter, and see at once: the answers of three models side by side, the answer after
# each word, and which filters of `ours` fire on which phrase. Things to try:
#
# 1. Sentences A and B of section 1. Which model is wrong?
# 2. Write praise that counted words take for blame. How few words do you need?
# 3. Step through a sentence with *Words read*. Which word changes the answer?
# 4. Switch off the filter with the largest part. Does the answer follow?
# 5. Nothing at all; one unknown word; your own language; an emoji. What can the models know of these?

# %% tags=["lab"]
lab = SentenceLab(
    {"words and pairs": lambda texts: bag.predict_proba(texts)[:, 1], "CNN": phrases, "LSTM → CNN": ours},
    read,
    start="it is not the dull story i feared : it is charming",
    examples=(
        "it is the dull story i feared : it is not charming",
        "a film of such grace that its silly title is soon forgiven",
        "you will not be bored for a single minute",
        "the director has made better films , and so has everybody else",
    ),
)
lab

# %% [markdown]
# ### Optional: the twins in the lab
#
# About 20 minutes; nothing later depends on it. The same lab with the models of section 5, which know few words. Move
# the *not* back and forth. At which distance does the CNN lose it? What if you use two *not*s, which no training
# sentence had?

# %% tags=["lab"]
twin_lab = SentenceLab(
    {"single words": lambda texts: counts.predict_proba(texts)[:, 1], "CNN": readers["CNN"],
     "LSTM → CNN": readers["LSTM -> CNN"]},
    read_twins,
    start="in this film not a dull story about two people on the screen and around them charming characters for you",
)  # fmt: skip
twin_lab

# %% [markdown]
# ## 12 · Where it breaks
#
# Choose something else when
#
# - **a few strong words decide.** Count words first. On these reviews no network of this lesson is more accurate, and
#   the fit takes seconds.
# - **phrases decide, wherever they stand.** A CNN alone is faster, and needs no memory.
# - **texts are long.** An LSTM walks word by word. Let a convolution and pooling shorten the sequence first, or
#   leave the LSTM out.
# - **irony or knowledge of the world decides.** Do not expect to learn it from seven thousand sentences. Use a pretrained
#   language model.
#
# LSTM → CNN lets a short phrase depend on what stands far before it. So does an LSTM alone, with one layer fewer. Try
# it first, with both readouts: the maximum where one place decides, the last state where the whole text does.
#
# | Ask | Yes | No |
# |---|---|---|
# | Do counted words with logistic regression suffice? | stop here | go on |
# | Is what decides within a few neighbouring words? | CNN | go on |
# | Is the distance limited, and do you know it? | dilated CNN | go on |
# | Are there hundreds of steps? | CNN, pooling → LSTM | LSTM, both readouts tried; or LSTM → CNN |
#
# ## 13 · Summary
#
# - LSTM → CNN: the LSTM hands on every state, a convolution looks for phrases among them, and the
#   maximum over time keeps the best fit of each filter.
# - Where order decides, a model must see it: ordered pairs, a kernel that is wide enough, or an LSTM. With the
#   maximum over all states every network with an LSTM learned the twins, in either order; read at the last state,
#   only the one with a convolution in front did in six epochs, nearly.
# - On short reviews, no network differs from LSTM → CNN by more than the standard error, and none is ahead of counted words with naive
#   Bayes weights.
# - On long reviews, a CNN in front can shorten the sequence by pooling, and that saves time.
# - Padding can get in at three places: LSTM, convolution, maximum. Carry the mask to each of them yourself.
# - Behind a maximum and one dense layer the logit is a sum over filters, and each part comes from one
#   window: it can be taken apart exactly. Behind an LSTM, the window is not all that was read.
# - (Optional part of section 7.) Softmax with binary cross-entropy gives probabilities that are too close to 0 and 1. One output, one sigmoid.
# - A test can leak through the vocabulary, through duplicates and through films. Say which leaks you could not rule
#   out.
# - A difference within the standard error of the test part is no difference.
#
# **Next**: [lesson 06](06_attention.ipynb) asks which of the states matter, and lets the network answer: attention.
#
# ## Sources
#
# - Kim 2014, *Convolutional Neural Networks for Sentence Classification*, EMNLP, sections 2 to 4: [arXiv
#   1408.5882](https://arxiv.org/abs/1408.5882). The CNN of section 4.
# - Zhang, Lee & Radev 2016, *Dependency Sensitive Convolutional Neural Networks for Modeling Sentences and
#   Documents*, NAACL, section 3: [arXiv 1611.02361](https://arxiv.org/abs/1611.02361). A CNN over the
#   states of an LSTM.
# - Zhou, Sun, Liu & Lau 2015, *A C-LSTM Neural Network for Text Classification*: [arXiv
#   1511.08630](https://arxiv.org/abs/1511.08630). The other order.
# - Wang & Manning 2012, *Baselines and Bigrams*, ACL: [P12-2018](https://aclanthology.org/P12-2018/). How
#   strong counted words are.
# - Nadeau & Bengio 2003, *Inference for the Generalization Error*, Machine Learning 52: [doi
#   10.1023/A:1024068626366](https://doi.org/10.1023/A:1024068626366). What scores over several splits can tell.
# - Srivastava et al. 2014, *Dropout*, JMLR 15: [jmlr.org](https://jmlr.org/papers/v15/srivastava14a.html).
# - Hochreiter & Schmidhuber 1997, *Long Short-Term Memory*, Neural Computation 9(8): [doi
#   10.1162/neco.1997.9.8.1735](https://doi.org/10.1162/neco.1997.9.8.1735).
# - Data: Pang & Lee 2005, *Seeing stars*, ACL ([cs/0506075](https://arxiv.org/abs/cs/0506075)); Maas et al.
#   2011, *Learning Word Vectors for Sentiment Analysis*, ACL
#   ([P11-1015](https://aclanthology.org/P11-1015/)); see the [data cards](../data/README.md).
