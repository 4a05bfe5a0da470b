# ---
# jupyter:
#   course:
#     minutes: 20
#     needs: []
#     objectives:
#     - exercise: '00.1'
#       say: Answer an exercise and read what the check says
#     - exercise: '00.2'
#       say: Choose an order of layers by where the information sits
#     question: How does this course work, and does it work on my machine?
#     seconds: 40
#     title: Start here
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
# # 00 · Start here
#
# **How does this course work, and does it work on my machine?**
#
# Convolutional networks (CNNs) read **space**: what is in a picture, which phrase stands in a sentence.
# LSTMs read **time**: what came before what. This course teaches how to combine them, in which order, for
# which data, and when to use neither.
#
# You need Python and a little Keras. In twenty minutes you will have checked your set-up, met the four
# things every lesson is made of, and trained your first hybrid. Run a cell with **Shift + Enter**. Whenever a
# word is new to you, look it up in section 6.

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% [markdown]
# That line stands at the top of every lesson. It fixes seeds and threads, so that you get the same numbers
# every time you run a lesson on your machine.
#
# ## 1 · Is everything there?

# %% tags=["setup"]
import os
import platform
import time

import keras
import matplotlib.pyplot as plt
import tensorflow as tf
from keras import layers
from matplotlib.patches import FancyBboxPatch

from course_utils import datasets, plotting
from course_utils.labs import ArchitectureLab
from course_utils.layers import PerFrame

# %% tags=["nbval-ignore-output"]
cores = os.cpu_count()
memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else None
print(f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}.")
print(
    f"{cores} processor cores: "
    + ("enough." if cores >= 2 else "lessons will run, at about half the speed they state.")
)
if memory:
    print(
        f"{memory:.0f} GB of memory: "
        + ("enough." if memory >= 4 else "close other programs; a lesson needs 2 GB.")
    )
print("No graphics card is needed.")

# %%
for load in (datasets.moving_digits, datasets.camera_moves):
    data = load(clips=(80, 16, 16))
    print(f"found: {data.name}, from {data.card['source']}")

# %% [markdown]
# The data comes inside installed packages: nothing is downloaded, now or later. If something is missing,
# the message above says which command brings it.
#
# ## 2 · The map
#
# Two kinds of layers, and a handful of ways to put them together. This is the whole course in one picture.

# %% jupyter={"source_hidden": true}
HYBRIDS = [
    ("CNN → LSTM", "video: see each frame, then follow time", "04", ["CNN", "LSTM"]),
    ("LSTM → CNN", "text: read in order, then look for phrases", "05", ["LSTM", "CNN"]),
    ("CNN → LSTM → attention", "long clips: look back at what mattered", "06", ["CNN", "LSTM", "attention"]),
    ("CNN → LSTM → LSTM", "time series: read a past, write a future", "07", ["CNN", "LSTM", "LSTM"]),
    ("ConvLSTM", "flow: a CNN inside the LSTM's gates", "08", ["ConvLSTM"]),
]
COLOURS = {"CNN": plotting.CNN, "LSTM": plotting.LSTM, "attention": plotting.ATTENTION, "ConvLSTM": "#8A5A9E"}
fig, ax = plt.subplots(figsize=(9.5, 4.4))
for y, (_, use, lesson, parts) in zip(range(0, -5, -1), HYBRIDS):
    for column, part in enumerate(parts):
        style = {"boxstyle": "round,pad=0.05", "fc": COLOURS[part] + "22", "ec": COLOURS[part], "lw": 2}
        ax.add_patch(FancyBboxPatch((1.7 * column, y - 0.27), 1.25, 0.54, **style))
        ax.text(1.7 * column + 0.62, y, part, ha="center", va="center")
        if column:
            ends = {"xy": (1.7 * column - 0.08, y), "xytext": (1.7 * column - 0.38, y)}
            ax.annotate("", arrowprops={"arrowstyle": "-|>", "color": "#222222", "lw": 1.5}, **ends)
    ax.text(5.3, y, use, va="center")
    ax.text(-0.4, y, lesson, va="center", ha="right", weight="bold")
ax.text(-0.4, 0.65, "lesson", ha="right", color="#555555")
ax.set(xlim=(-1.1, 10.4), ylim=(-4.5, 0.9))
ax.axis("off")
plotting.Picture(
    fig, "Five hybrids: " + "; ".join(f"lesson {n}: {name} for {use}" for name, use, n, _ in HYBRIDS)
)

# %% [markdown]
# Lessons 01 to 03 lay the ground (convolution, LSTM, and the joint between them); 04 to 08 are the hybrids
# above. Lessons 01 to 06 are ready, 07 and 08 are planned:
#
# | Lesson | Title | It asks |
# |---|---|---|
# | 01 | [Convolution](01_convolution.ipynb) | What does a CNN see, and how far? |
# | 02 | [LSTM](02_lstm.ipynb) | How does an LSTM remember, and what does it forget? |
# | 03 | [Joining](03_joining.ipynb) | What fits between the two, and what breaks there? |
# | 04 | [CNN → LSTM for video](04_cnn_lstm_video.ipynb) | What does a clip show, and how does it move? |
# | 05 | [LSTM → CNN for text](05_lstm_cnn_text.ipynb) | What tells praise from blame? |
# | 06 | [Attention, done right](06_attention.ipynb) | Which frames and places does an answer hang on? |
#
# <a id="shape"></a>
#
# ## 3 · The four things every lesson is made of
#
# **Predict, then run.** Before a cell that shows something, you are asked what you expect. Being wrong here
# is worth more than being right.
#
# *Predict*: a clip of 8 frames of 24 × 24 pixels in grey, as an array. How many axes? In which order?

# %%
digits = datasets.moving_digits(clips=(80, 16, 16))
digits.train.x.shape

# %% [markdown]
# **(clip, time, height, width, channels)**, always in this order.
#
# **Claims.** When a lesson states something about a result, the sentence is *checked* against your run. If
# it is not true on your machine, the cell fails and shows you the number. What a lesson's argument rests on is
# tested this way.

# %%
brightness = {"lowest": float(digits.train.x.min()), "highest": float(digits.train.x.max())}
brightness

# %% tags=["claim"]
check.claim("Pixels are never below 0", brightness["lowest"], within=(0, 0.01))
check.claim("and never above 1", brightness["highest"], within=(0.9, 1))

# %% [markdown]
# **Labs.** Dials that alter a network, with a picture that follows at once. Move a slider with the mouse or
# the arrow keys. Later labs also train what you compose and let you look inside. The *joint* is what stands
# between CNN and LSTM. *Predict*: what happens to the number of parameters if it only flattens the feature maps,
# without a dense layer? And what does the lab say if you pool until nothing is left of the frame?

# %% tags=["lab"]
ArchitectureLab("ours", hide=("task", "order", "attention", "presets", "train", "inside", "shapes"))

# %% [markdown]
# **Exercises.** Replace each `...` and run the cell. The check answers *not attempted*, *not yet* (and
# why), or *correct*. Under each one there is a hint, and a folded solution; try first. What you solve is
# kept in a small file on your machine and shown in section 5.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("00.1", "The shape of a clip")
def check_batch(answer):
    check.expect(isinstance(answer, (tuple, list)), "give a tuple of five numbers, such as (1, 2, 3, 4, 5)")
    check.expect(len(answer) == 5, f"a batch of clips has five axes, and you gave {len(answer)}")
    right = {"clip": 32, "time": 12, "height": 64, "width": 48, "channels": 3}
    for axis, (name, size) in enumerate(right.items()):
        check.expect(answer[axis] in (size, ...), f"axis {axis} ({name}) is not {answer[axis]}")
    missing = [name for name, size in zip(right, answer) if size is ...]
    check.expect(not missing, f"right so far; still to fill in: {', '.join(missing)}")


# %% [markdown]
# ### 00.1 · The shape of a clip
#
# What is the shape of a batch of 32 colour clips, each with 12 frames that are 64 pixels high and 48 wide?
#
# <details><summary>Hint</summary>
#
# Clip, time, height, width, channels. Colour has three channels: red, green, blue.
#
# </details>

# %% tags=["exercise"]
shape = (..., ..., ..., ..., ...)
check_batch(shape)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_batch((32, 12, 64, 48, 3), record=False)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("00.2", "What does the answer depend on?")
def check_orders(answer):
    needs = {"which digit": {"space"}, "which way": {"time"}, "both": {"space", "time"}}
    reads = {"CNN only": {"space"}, "LSTM only": {"time"}, "CNN -> LSTM": {"space", "time"}}
    for question, order in check.filled(answer, needs):
        order = str(order).replace("→", "->")
        check.expect(order in reads, f"{order!r} is none of: {', '.join(reads)}")
        missing, spare = needs[question] - reads[order], reads[order] - needs[question]
        check.expect(
            not missing,
            f"{question!r} depends on {' and '.join(sorted(missing))}, which {order} does not read",
        )
        check.expect(
            not spare, f"{order} works for {question!r}, but there is a simpler one that reads all it needs"
        )


# %% [markdown]
# ### 00.2 · What does the answer depend on?
#
# One digit moves over the screen. For each of three questions choose the *simplest* of `"CNN only"` (looks
# at frames, forgets their order), `"LSTM only"` (follows order, reads raw pixels) and `"CNN -> LSTM"`:
# *which digit* is it, *which way* does it move, and *both*.
#
# <details><summary>Hint</summary>
#
# Is the answer visible in a single frame? Would it survive shuffling the frames?
#
# </details>

# %% tags=["exercise"]
choice = {"which digit": ..., "which way": ..., "both": ...}
check_orders(choice)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
check_orders({"which digit": "CNN only", "which way": "LSTM only", "both": "CNN -> LSTM"}, record=False)

# %% [markdown]
# ## 4 · Your first hybrid
#
# Small clips, six frames of 16 × 16. The world wraps around: what leaves on one side comes back on the other.
# Which of eight ways does the digit move? A CNN reads every frame; an LSTM reads what the CNN saw. Ten lines of
# plain Keras, and one layer of the course's own: `PerFrame` runs a network on each frame of a clip.

# %%
small = datasets.moving_digits(frames=6, size=16, digit_size=10, clips=(1600, 200, 400))
plotting.animate(
    small.train.x[:4], titles=[small.class_names["motion"][k] for k in small.train.y["motion"][:4]]
)

# %%
keras.utils.set_random_seed(0)
cnn = keras.Sequential([
    layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),  # 8 x 8 places, 8 features each
    layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),  # 4 x 4 places, 16 features each
    layers.Flatten(),
    layers.Dense(48),
    layers.LayerNormalization(),  # all frames on one scale; lesson 04 shows why
])  # fmt: skip
model = keras.Sequential([
    keras.Input((None, 16, 16, 1)),  # (batch, time, height, width, channels)
    PerFrame(cnn),  # (batch, time, 48): the same CNN on every frame
    layers.LSTM(48),  # (batch, 48): the last hidden state
    layers.Dense(8, activation="softmax"),  # (batch, 8)
])  # fmt: skip

# %% [markdown]
# *Predict*: guessing scores 1/8. How far will eight rounds over 1,600 clips bring it, on digits it has
# never seen?

# %% tags=["nbval-ignore-output"]
model.compile(
    keras.optimizers.Adam(0.005, clipnorm=1), "sparse_categorical_crossentropy", metrics=["accuracy"]
)
start = time.perf_counter()
history = model.fit(small.train.x, small.train.y["motion"], epochs=8, batch_size=32, verbose=0,
                    validation_data=(small.validation.x, small.validation.y["motion"]))  # fmt: skip
print(f"{time.perf_counter() - start:.0f} seconds")
plotting.curves({"first hybrid": history}, "val_accuracy", ylabel="share of validation clips named correctly")

# %% tags=["nbval-ignore-output"]
live = {"motion": model.evaluate(small.test.x, small.test.y["motion"], verbose=0)[1]}
live

# %% tags=["claim"]
check.claim("My first hybrid names the motion of digits it has never seen", live["motion"], above=0.75)

# %% [markdown]
# You have trained a CNN → LSTM. [Lesson 04](04_cnn_lstm_video.ipynb) takes it apart: which part does what, what
# happens when you remove one, who its rivals are, and when not to use it.
#
# ## 5 · Your progress

# %%
check.progress()

# %% [markdown]
# This table fills as you solve exercises, over all lessons. It lives in `work/progress.json`; deleting that
# file loses the ticks and nothing else.
#
# **Where next?** If convolutions are new to you, go on with [lesson 01](01_convolution.ipynb). If you know CNNs and
# LSTMs, with [lesson 03](03_joining.ipynb): how the two are joined. If you came for the hybrids, with
# [lesson 04](04_cnn_lstm_video.ipynb).

# %% [markdown]
# ## 6 · Glossary
#
# The words of lessons 01 to 06: seven tables, each in alphabetical order. *Symbol* is what the lessons write,
# in a formula or in Keras; shapes are those of the lesson that is linked, without the batch. A link opens the
# lesson at its top; if the lesson is open already, it goes to the section, or close to it.

# %% [markdown]
# ### Data and shapes
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Batch | – | first axis | Several examples in one array; a network must keep them apart. | [00 · 3] |
# | Channels | $m$ | last axis | The numbers that stand at one place, such as red, green, blue. | [01 · 2] |
# | Clip | – | (time, height, width, channels) | A short film, one frame after the other. | [00 · 3] |
# | Features | – | last axis | The numbers that a layer reads at one step. | [02 · 2] |
# | Height and width | – | pixels | The two axes of an image, rows before columns. | [00 · 3] |
# | Reshape | `reshape` | any | Merges or splits neighbouring axes; moves no number. | [03 · 3][fence] |
# | Time step | $x_t$ | (features,) | One place in an order: a frame, an hour, a word. | [02 · 2] |
#
# [00 · 3]: 00_start_here.ipynb#shape
# [01 · 2]: 01_convolution.ipynb#idea
# [02 · 2]: 02_lstm.ipynb#state
# [fence]: 03_joining.ipynb#When-reshape-is-right,-and-when-it-lies

# %% [markdown]
# ### Convolution
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Bias | $b$ | () | A number added to the weighted sum, one for each filter or unit. | [01 · 2] |
# | Conv3D | – | (time, height, width, channels) | A convolution that slides along time too. | [04 · 7] |
# | Convolution | $y$ | (n - k + 1,) | The weighted sum of a small window that slides along. | [01 · 2] |
# | Dense layer | – | (units,) | A layer with a weight of its own from each input to each output. | [01 · 1] |
# | Dilation | $d$ | pixels | How far apart a kernel's weights fall; it sees farther with as many weights. | [01 · 4] |
# | Equivariant | – | – | Shift the input, and the output shifts along with it. | [01 · 5][shift] |
# | Feature map | $y$ | (n - k + 1,) | What one filter answers, place by place. | [01 · 2] |
# | Filter | – | (k, k, channels) | A kernel over all channels; it makes one feature map. | [01 · 2] |
# | Frames as channels | – | (height, width, time) | All frames in one image, read by one Conv2D. | [04 · 7] |
# | Global max pooling | – | (channels,) | The maximum of a whole map: whether something was found, not where. | [01 · 5][pool] |
# | Kernel | $w$ | (k,) | The few weights that slide, the same at every place. | [01 · 2] |
# | Padding (of images) | `same` | pixels | Zeros around an image, so that it need not shrink. | [01 · 4] |
# | Pooling | – | – | Keeps one number, often the maximum, of several places. | [01 · 5][pool] |
# | Receptive field | $r_l$ | pixels | The part of the input that one number of a map can see. | [01 · 6] |
# | ReLU | – | unchanged | Leaves what is above 0 as it is and makes all else 0. | [01 · 8] |
# | Sharing (of parameters) | – | – | The same weights serve at every place or time step. | [01 · 5] |
# | Stride | $s$ | pixels | How far the kernel jumps; the output shrinks as many times. | [01 · 4] |
#
# [shift]: 01_convolution.ipynb#The-same-answer,-elsewhere
# [pool]: 01_convolution.ipynb#What-pooling-throws-away
# [01 · 2]: 01_convolution.ipynb#idea
# [01 · 8]: 01_convolution.ipynb#inside
# [01 · 4]: 01_convolution.ipynb#padding
# [01 · 1]: 01_convolution.ipynb#question
# [01 · 6]: 01_convolution.ipynb#receptive-field
# [01 · 5]: 01_convolution.ipynb#sharing
# [04 · 7]: 04_cnn_lstm_video.ipynb#rivals

# %% [markdown]
# ### LSTM
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Bidirectional | – | (steps, 2 · units) | Two LSTMs, reading forwards and backwards. | [02 · 6] |
# | Candidate | $g$ | (units,) | What could be written into the memory at this step. | [02 · 5] |
# | Cell state | $c_t$ | (units,) | The LSTM's memory, changed only by forgetting and by adding. | [02 · 5] |
# | Explode (of gradients) | – | – | To grow at each of many steps, without limit. | [02 · 4] |
# | Forget gate | $f$ | (units,) | The share of the old memory that stays. | [02 · 5] |
# | Gates | $i, f, o$ | (units,) | Numbers from 0 to 1 that let little or much through. | [02 · 5] |
# | GRU | $z, r$ | (units,) | Gated recurrent unit: two gates, and no separate cell state. | [02 · 6][gru] |
# | Hidden state | $h_t$ | (units,) | What goes on to the next step, and to the next layer. | [02 · 2] |
# | Input gate | $i$ | (units,) | The share of the candidate that is written. | [02 · 5] |
# | LSTM | – | (units,) | Long short-term memory: a recurrent layer whose memory is guarded by gates. | [02 · 5] |
# | Mask | – | (steps,) | Tells which steps are real; the LSTM passes over the others. | [02 · 6] |
# | Output gate | $o$ | (units,) | The share of the memory that shows in the hidden state. | [02 · 5] |
# | Plain recurrent cell | `SimpleRNN` | (units,) | Makes its whole state anew at each step. | [02 · 2] |
# | Return sequences | `return_sequences` | (steps, units) | Hands on every state, not only one. | [02 · 6] |
# | Stateful | `stateful` | – | Keeps the state for the next batch, until it is reset. | [02 · 6] |
# | Units | – | last axis | The numbers of a state; as many as you choose. | [02 · 2] |
# | Vanish (of gradients) | – | – | To shrink at each of many steps, until nothing is left. | [02 · 4] |
#
# [gru]: 02_lstm.ipynb#A-smaller-relative:-the-GRU
# [02 · 4]: 02_lstm.ipynb#fading
# [02 · 5]: 02_lstm.ipynb#gates
# [02 · 6]: 02_lstm.ipynb#outputs
# [02 · 2]: 02_lstm.ipynb#state

# %% [markdown]
# ### The joint
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Cells as steps | – | (time * height * width, channels) | Each place of each map becomes a step of the LSTM. | [03 · 4] |
# | Columns as steps | – | (time * width, 96) | Each column of a map becomes a step, as in reading a line. | [03 · 4] |
# | Concatenation | `Concatenate` | last axis | Lays the features of two branches together. | [03 · 6] |
# | ConvLSTM | – | (height, width, channels) | An LSTM with convolutions in its gates; its memory is an image. | 08, planned |
# | Flatten | – | (time, 288) | Merges height, width and channels; loses nothing. | [03 · 4][flat] |
# | Fold | `PerFrame` | (batch × time, ...) | Lays all frames into one long batch, to run a CNN on it once. | [03 · 3][fold] |
# | Global pooling | – | (time, 32) | The maximum or average of each whole map. | [03 · 4][whole] |
# | Joint, bridge | $z_n$ | (features,) | What makes steps for an LSTM out of a CNN's maps. | [03 · 2] |
# | Sequence to sequence | – | (steps, features) | One LSTM reads a past, another one writes a future. | 07, planned |
# | Side by side | – | – | CNN and LSTM read the same input; then they are joined. | [03 · 6] |
# | TimeDistributed | – | (time, ...) | Keras's way to run a layer on every frame. | [03 · 3][each] |
#
# [flat]: 03_joining.ipynb#Flatten,-and-flatten-with-a-dense-layer
# [fold]: 03_joining.ipynb#Fold-time-into-the-batch
# [whole]: 03_joining.ipynb#Global-pooling
# [each]: 03_joining.ipynb#TimeDistributed,-and-Conv3D
# [03 · 2]: 03_joining.ipynb#axes
# [03 · 4]: 03_joining.ipynb#bridges
# [03 · 6]: 03_joining.ipynb#side-by-side

# %% [markdown]
# ### Text
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Bag of words | – | (words,) | How often each word occurs, whatever the order. | [05 · 4][count] |
# | Convolution over time | $W_{j,k}$ | (64,) | A kernel that slides along the steps and reads neighbours together. | [05 · 2] |
# | Embedding | $e_t$ | (64,) | A learned table with a vector for each word. | [05 · 2] |
# | Logits | – | (classes,) | Scores before a softmax makes probabilities of them. | [05 · 5][logit] |
# | Maximum over time | $m_k$ | () | The best fit of a filter at any step. | [05 · 2] |
# | Padding (of sequences) | – | steps | Zeros that fill up the shorter ones of a batch. | [05 · 5][pad] |
# | Vocabulary | – | words | The words that have a number; others are unknown. | [05 · 4][leak] |
#
# [pad]: 05_lstm_cnn_text.ipynb#It-reads-the-padding
# [logit]: 05_lstm_cnn_text.ipynb#Softmax-and-binary-cross-entropy
# [count]: 05_lstm_cnn_text.ipynb#The-reader-that-counts
# [leak]: 05_lstm_cnn_text.ipynb#Three-ways-in-which-a-test-can-leak
# [05 · 2]: 05_lstm_cnn_text.ipynb#idea

# %% [markdown]
# ### Attention
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Additive | $w \cdot \tanh(W q + U k_t)$ | () | A score from a small network that reads query and key (Bahdanau). | [06 · 2] |
# | Attention | $\sum_t \alpha_t v_t$ | (64,) | Pooling that learns which steps to look at. | [06 · 2] |
# | Context | $c$ | (64,) | The weighted sum of the values: what attention has read. | [06 · 2] |
# | Heads | – | – | Several attentions at once, each with a question of its own. | [06 · 11] |
# | Key | $k_t$ | (64,) | What a step offers so that the query can find it. | [06 · 2] |
# | Position | – | (features,) | Learned numbers that tell a step its place in the order. | [06 · 8] |
# | Query | $q$ | (d,) | The question that is compared with every key. | [06 · 2] |
# | Scaled dot product | $\frac{q \cdot k_t}{\sqrt d}$ | () | A score: query times key, divided so that long vectors do not score higher. | [06 · 2] |
# | Score | $e_t$ | () | How well the key of a step fits the query. | [06 · 2] |
# | Softmax | $\frac{\exp e_t}{\sum_s \exp e_s}$ | (steps,) | Turns scores into positive weights with sum 1. | [06 · 2] |
# | Temperature | $\tau$ | () | Divides the scores; a low one picks, a high one evens out. | [06 · 3] |
# | Transformer | – | – | A network in which every step asks every other step. | [06 · 11] |
# | Value | $v_t$ | (64,) | What a step delivers when it is attended to. | [06 · 2] |
# | Weights (of attention) | $\alpha_t$ | () | How much each step counts; their sum is 1. | [06 · 2] |
#
# [06 · 3]: 06_attention.ipynb#by-hand
# [06 · 2]: 06_attention.ipynb#idea
# [06 · 8]: 06_attention.ipynb#order
# [06 · 11]: 06_attention.ipynb#transformer

# %% [markdown]
# ### Training and comparing
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Ablation | – | – | The same network, trained with one part taken away. | [04 · 6][part] |
# | Clipping | `clipnorm` | length | Shortening gradients that are too long. | [04 · 9] |
# | Dropout | – | share | Hiding numbers at random, so that none is relied on. | [05 · 5][drop] |
# | Epoch | `epochs` | – | One pass over all training examples. | [01 · 7] |
# | Gradient | – | as the input | How much an output moves if an input is changed a little. | [01 · 6] |
# | Layer normalisation | – | unchanged | Brings each step to mean 0 and variance 1. | [04 · 6] |
# | Leak | – | – | Something of the test that gets into training. | [05 · 4][leak] |
# | Learning rate | – | – | How large a step training takes each time. | [01 · 7][seed] |
# | Rival (baseline) | – | – | A simpler way to answer that a network has to beat. | [04 · 4] |
# | Seed | – | whole number | Where random numbers start; another one, another run. | [01 · 7][seed] |
# | Splits | – | – | Training, validation and test: parts that share no example. | [04 · 4] |
# | Warm-up | `warmup` | batches | Letting the learning rate grow at the start. | [04 · 9] |
#
# [seed]: 01_convolution.ipynb#All-four,-five-seeds
# [01 · 7]: 01_convolution.ipynb#learning
# [01 · 6]: 01_convolution.ipynb#receptive-field
# [part]: 04_cnn_lstm_video.ipynb#Take-one-part-away
# [04 · 4]: 04_cnn_lstm_video.ipynb#data
# [04 · 9]: 04_cnn_lstm_video.ipynb#habits
# [04 · 6]: 04_cnn_lstm_video.ipynb#joint
# [drop]: 05_lstm_cnn_text.ipynb#No-dropout
# [leak]: 05_lstm_cnn_text.ipynb#Three-ways-in-which-a-test-can-leak
