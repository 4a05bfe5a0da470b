# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # My clips: from a folder to an honest table
#
# Fill in the next cell, then run everything from the top (*Run > Run All Cells*). Reading comes first and takes
# longest; what was read is kept in `.clips` beside your classes, so the second time is fast.
# Lesson 04 explains the networks, lesson 13 every step from a folder to this table.

# %%
FOLDER = "path/to/my folder"  # it holds a folder for each class, named like the class
KIND = "video"  # "video": each clip is a file; "frames": each clip is a folder of images
GROUPS = None  # which clips belong together: r"/([^\W\d_]+)" takes the letters that a file's name begins with
FRAMES, SIZE, CHANNELS = 16, (32, 32), 1  # frames of a clip; height and width; 1 grey, 3 colour
SEEDS, EPOCHS = (0, 1, 2), 60  # each network is trained once for each seed; most stop earlier

# %%
from course_utils import check, datasets, plotting

check.setup()

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression

from course_utils.layers import PerFrame

data = datasets.from_folder(FOLDER, KIND, groups=GROUPS, frames=FRAMES, size=SIZE, channels=CHANNELS)
NAMES = data.class_names["class"]
data

# %% [markdown]
# **Look at what is there.** Is what was left out (`skipped`) what you expect? Do people or recordings that belong
# together count as one group (`split`)? If nothing says who belongs together, the test measures memory.

# %%
first = [np.flatnonzero(data.train.y["class"] == number)[0] for number in range(len(NAMES))]
plotting.strip(data.train.x[np.array(first)], titles=NAMES, alt="A clip of each class, frame by frame.")

# %% [markdown]
# **Without a network.** The most frequent class, and a logistic regression on the average frame and on how much each
# place changes. What these reach needs no hybrid.


# %%
def still(split):
    """Average frame and average change of each place, in an image of 8x8; knows nothing of order."""
    found = []
    for clip, length in zip(split.x, split.lengths):
        small = np.asarray(keras.ops.image.resize(clip[:length], (8, 8), antialias=True))
        change = np.abs(np.diff(small, axis=0)).mean(axis=0) if length > 1 else np.zeros_like(small[0])
        found.append(np.concatenate([small.mean(axis=0).ravel(), change.ravel()]))
    return np.array(found)


frequent = np.bincount(data.train.y["class"]).argmax()
tried = [LogisticRegression(C=c, max_iter=2000).fit(still(data.train), data.train.y["class"]) for c in (0.01, 0.1, 1, 10)]
regression = max(tried, key=lambda model: model.score(still(data.validation), data.validation.y["class"]))
answers = {
    "most frequent class": [np.full(len(data.test), frequent)],
    "no order: logistic regression": [regression.predict(still(data.test))],
}

# %% [markdown]
# **The networks.** A CNN reads each frame. The hybrid follows the frames with an LSTM. Its rival averages them, so it
# cannot know their order: if it is as good, your classes need no memory, and the simpler network is the better one.


# %%
def frame_cnn():
    return keras.Sequential([
        layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.Flatten(), layers.Dropout(0.3), layers.Dense(64), layers.LayerNormalization(), layers.ReLU(),
    ])  # fmt: skip


def network(order):
    clips = keras.Input((FRAMES, *SIZE, CHANNELS), name="clips")  # (batch, time, height, width, channels)
    real = keras.Input((FRAMES,), dtype="bool", name="real")  # True where a frame is real
    frames = PerFrame(frame_cnn())(clips)  # (batch, time, 64)
    over_time = layers.LSTM(64) if order else layers.GlobalAveragePooling1D()
    x = over_time(frames, mask=real)  # (batch, 64)
    return keras.Model([clips, real], layers.Dense(len(NAMES), activation="softmax")(layers.Dropout(0.3)(x)))


class Batches(keras.utils.PyDataset):
    """Clips of a part, batch by batch, so that a folder may be larger than the memory; reshuffled each epoch."""

    def __init__(self, split, seed=None):
        super().__init__()
        self.split, self.random = split, None if seed is None else np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.split) // 16)

    def on_epoch_end(self):
        number = len(self.split)
        self.order = np.arange(number) if self.random is None else self.random.permutation(number)

    def __getitem__(self, at):
        own = np.sort(self.order[16 * at : 16 * at + 16])
        return (self.split.x[own], self.split.mask[own]), self.split.y["class"][own]


# %% [markdown]
# Training stops when the validation part has not improved for 15 epochs, and the best weights are kept. Rare classes
# count as much as frequent ones. The test part is not looked at here.


# %%
def train(order, seed):
    keras.utils.set_random_seed(seed)
    model = network(order)
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    counts = np.bincount(data.train.y["class"])
    weights = {number: len(data.train) / len(counts) / count for number, count in enumerate(counts)}
    best = keras.callbacks.EarlyStopping("val_loss", patience=15, restore_best_weights=True)
    log = model.fit(Batches(data.train, seed), validation_data=Batches(data.validation), epochs=EPOCHS,
                    class_weight=weights, callbacks=[best], verbose=0)  # fmt: skip
    print(f"{'CNN -> LSTM' if order else 'CNN -> average'}, seed {seed}: validation loss {min(log.history['val_loss']):.3f}")
    return model


models = {(order, seed): train(order, seed) for seed in SEEDS for order in (True, False)}

# %% [markdown]
# **The table.** The interval is Wilson's: what the accuracy of this network may be on all such clips, with 95 %
# confidence, *if* test clips were independent. Clips of one group are not, so it is wider in truth.

# %%
for (order, _), model in models.items():
    name = "CNN -> LSTM" if order else "CNN -> average"
    answers.setdefault(name, []).append(model.predict(Batches(data.test), verbose=0).argmax(axis=1))

true = data.test.y["class"]
plotting.answers(true, answers, caption=f"{len(true)} test clips; seeds {SEEDS}")

# %%
plotting.confusion(true, answers["CNN -> LSTM"][0], NAMES)

# %% [markdown]
# **Keep the best by its validation score** (not by the test). In another program, `keras.saving.load_model` needs
# the class `PerFrame`: lay a copy of `course_utils/layers.py` beside the model, and import it before you load.

# %%
kept = min(models, key=lambda key: models[key].evaluate(Batches(data.validation), verbose=0)[0])
models[kept].save("my_data.keras")
print("CNN -> LSTM" if kept[0] else "CNN -> average", "with seed", kept[1], "is kept in my_data.keras.")

# %% [markdown]
# ## Before you tell others
#
# - Who is in the test? Whoever is in the training, too, makes the score too high.
# - Does *CNN -> average* do as well? Then say so, and keep that one.
# - Is the interval narrower than the difference that you want to claim?
# - Did you choose anything by the test score? Then it is a validation score.
# - Do clips show faces, voices, names, homes? Ask before you share clips, features or the model: people can be found
#   again in each of them.
