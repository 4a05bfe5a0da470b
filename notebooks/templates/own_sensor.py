# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # My sensor: name what goes on
#
# A table with times, measured values, a label for each row and, if you have it, the person or machine. Fill in the next
# cell, then run everything from the top (*Run > Run All Cells*). Lesson 04 explains CNN -> LSTM.

# %%
FILE = "path/to/my sensor.csv"
VALUES = ["x", "y", "z"]  # the columns that were measured
TIME, LABEL = "time", "activity"  # the columns of the time and of what goes on
GROUPS = "person"  # the column that says whose rows they are; None divides by time instead
STEPS = 100  # of a window: at 50 rows a second, 100 are two seconds
SEEDS, EPOCHS = (0, 1, 2), 40  # each network is trained once for each seed; most stop earlier

# %%
from course_utils import check, datasets, plotting

check.setup()

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data = datasets.from_folder(FILE, "series", values=VALUES, time=TIME, label=LABEL, groups=GROUPS, before=STEPS)
NAMES = data.class_names["class"]
data

# %% [markdown]
# **Look at what is there.** A window of each class. Is what was left out (`skipped`) what you expect? Could you name
# what goes on?

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, len(NAMES), figsize=(3 * len(NAMES), 2.5), sharey=True, squeeze=False, layout="constrained")
for number, (name, ax) in enumerate(zip(NAMES, axes[0])):
    window = data.train.x[data.train.y["class"] == number][0]  # (time, feature)
    for column, values in zip(VALUES, window.T):
        ax.plot(values, label=column)
    ax.set(title=name, xlabel="step")
axes[0, 0].set(ylabel="standardised")
axes[0, -1].legend()
plotting.Picture(figure, f"A window of each class: {', '.join(NAMES)}; the columns {', '.join(VALUES)} over its steps.")

# %% [markdown]
# **Without a network.** The most frequent class, and a logistic regression on mean, deviation, lowest and highest value
# of each column and on its mean change. It knows nothing of order.


# %%
def summary(x):
    change = np.abs(np.diff(x, axis=1)).mean(axis=1)
    return np.concatenate([x.mean(axis=1), x.std(axis=1), x.min(axis=1), x.max(axis=1), change], axis=1)


tried = [
    make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000)).fit(summary(data.train.x), data.train.y["class"])
    for c in (0.01, 0.1, 1, 10)
]
regression = max(tried, key=lambda model: model.score(summary(data.validation.x), data.validation.y["class"]))
frequent = np.bincount(data.train.y["class"]).argmax()
answers = {
    "most frequent class": [np.full(len(data.test), frequent)],
    "no order: logistic regression": [regression.predict(summary(data.test.x))],
}

# %% [markdown]
# **The networks.** Convolutions over time find short patterns. The hybrid follows them with an LSTM; its rival averages
# them. If that is as good, order beyond a few steps does not matter here.


# %%
def network(order):
    window = keras.Input((STEPS, len(VALUES)), name="window")  # (batch, time, feature)
    x = layers.Conv1D(32, 5, padding="same", activation="relu")(window)
    x = layers.LayerNormalization()(layers.Conv1D(32, 5, strides=2, padding="same", activation="relu")(x))
    x = (layers.LSTM(32) if order else layers.GlobalAveragePooling1D())(x)  # (batch, 32)
    return keras.Model(window, layers.Dense(len(NAMES), activation="softmax")(layers.Dropout(0.3)(x)))


def train(order, seed):
    keras.utils.set_random_seed(seed)
    model = network(order)
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    counts = np.bincount(data.train.y["class"])
    weights = {number: len(data.train) / len(counts) / count for number, count in enumerate(counts)}
    best = keras.callbacks.EarlyStopping("val_loss", patience=8, restore_best_weights=True)
    log = model.fit(data.train.x, data.train.y["class"], epochs=EPOCHS, class_weight=weights, callbacks=[best], verbose=0,
                    validation_data=(data.validation.x, data.validation.y["class"]))  # fmt: skip
    print(f"{'CNN -> LSTM' if order else 'CNN -> average'}, seed {seed}: validation loss {min(log.history['val_loss']):.3f}")
    return model


models = {(order, seed): train(order, seed) for seed in SEEDS for order in (True, False)}

# %% [markdown]
# **The table.** Windows of one person are alike, so the number of *persons* in the test says how far to trust a score;
# the interval (Wilson's, for independent windows) is too narrow.

# %%
for (order, _), model in models.items():
    name = "CNN -> LSTM" if order else "CNN -> average"
    answers.setdefault(name, []).append(model.predict(data.test.x, verbose=0).argmax(axis=1))

true = data.test.y["class"]
plotting.answers(true, answers, caption=f"{len(true)} test windows; seeds {SEEDS}")

# %%
plotting.confusion(true, answers["CNN -> LSTM"][0], NAMES)

# %% [markdown]
# **Keep the best by its validation score** (not by the test), with the scale that it expects.

# %%
validation = data.validation.x, data.validation.y["class"]
kept = min(models, key=lambda key: models[key].evaluate(*validation, verbose=0)[0])
models[kept].save("my_data.keras")
print("CNN -> LSTM" if kept[0] else "CNN -> average", "with seed", kept[1], "is kept in my_data.keras.")
print("It reads standardised values:", data.card["scale"])

# %% [markdown]
# ## Before you tell others
#
# - Is a person or machine of the test in the training, too? Without `GROUPS`, yes.
# - Does the logistic regression do as well? Then say so, and keep that.
# - How many persons are in the test? With five, one odd person moves the score by up to a fifth.
# - Did you choose anything by the test score? Then it is a validation score.
# - Movements tell who somebody is. Ask before you share data or the model.
