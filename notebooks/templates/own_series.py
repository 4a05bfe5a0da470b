# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # My series: from a table to an honest forecast
#
# Fill in the next cell, then run everything from the top (*Run > Run All Cells*). Lesson 07 explains each
# step. To name what goes on, rather than to predict, there is another template: `make own NAME=x ARGS="--kind sensor"`.

# %%
FILE = "path/to/my series.csv"
VALUES = ["value"]  # the columns to read; the first one is predicted
TIME = "time"  # the column of times, all equally far apart
GROUPS = None  # the column that says whose series it is, if there are several
BEFORE, AHEAD = 48, 12  # steps that are read, and steps that are predicted
SEASON = 24  # after how many steps things repeat, at most BEFORE: with hours, 24 is a day
SEEDS, EPOCHS = (0, 1, 2), 40  # each network is trained once for each seed; most stop earlier

# %%
from course_utils import check, datasets, plotting

check.setup()

import keras
import numpy as np
from keras import layers
from sklearn.linear_model import Ridge

data = datasets.from_folder(FILE, "series", values=VALUES, time=TIME, groups=GROUPS, before=BEFORE, ahead=AHEAD)
data

# %% [markdown]
# **Look at what is there.** Are the gaps and the times (`content`, `skipped`, `split`) what you expect? All values are
# standardised: 1 is one standard deviation of the training part, which the card names.

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
parts = {"train": data.train, "validation": data.validation, "test": data.test}
for (name, split), mark in zip(parts.items(), "o^s"):
    axes.plot(split.start, split.y[VALUES[0]][:, 0], mark, label=name, ms=2)
axes.set(ylabel=f"{VALUES[0]}, standardised")
axes.legend(ncols=3, loc="lower right", bbox_to_anchor=(1, 1), markerscale=3)
figure.autofmt_xdate()
plotting.Picture(figure, f"{VALUES[0]} over time, in the training, the validation and the test part.")

# %% [markdown]
# **Without a network.** The last value goes on; what stood there one season ago comes again; a linear regression on
# all that the network sees.


# %%
def flat(split):
    return split.x.reshape(len(split), -1)


def error(model):
    return np.abs(model.predict(flat(data.validation)) - data.validation.y[VALUES[0]]).mean()


linear = min((Ridge(c).fit(flat(data.train), data.train.y[VALUES[0]]) for c in (0.1, 1, 10, 100, 1000)), key=error)
if SEASON > BEFORE:
    raise ValueError(f"SEASON={SEASON} must not exceed BEFORE={BEFORE}: raise BEFORE, or name a shorter season.")
back = [BEFORE - SEASON + step % SEASON for step in range(AHEAD)]  # the same step of the last season that is known
answers = {
    "last value": [np.repeat(data.test.x[:, -1:, 0], AHEAD, axis=1)],
    f"{SEASON} steps ago": [data.test.x[:, back, 0]],
    "linear regression": [linear.predict(flat(data.test))],
}

# %% [markdown]
# **The networks.** Each predicts the change from the last value. CNN -> LSTM; an LSTM alone; dense layers on all
# steps, which remember nothing and are often as good.


# %%
def network(kind):
    x = past = keras.Input((BEFORE, len(VALUES)), name="past")  # (batch, time, feature)
    if kind == "dense layers":
        x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    else:
        if kind == "CNN -> LSTM":
            x = layers.Conv1D(32, 5, padding="causal", activation="relu")(x)
            x = layers.LayerNormalization()(x)
        x = layers.LSTM(64)(x)
    return keras.Model(past, layers.Dense(AHEAD)(x) + past[:, -1, :1])  # (batch, AHEAD)


# %% [markdown]
# Training stops when the validation part has not improved for 6 epochs, and the best weights are kept. The test part
# is not looked at here.


# %%
def train(kind, seed):
    keras.utils.set_random_seed(seed)
    model = network(kind)
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), "mean_absolute_error")
    best = keras.callbacks.EarlyStopping("val_loss", patience=6, restore_best_weights=True)
    log = model.fit(data.train.x, data.train.y[VALUES[0]], epochs=EPOCHS, batch_size=64, verbose=0, callbacks=[best],
                    validation_data=(data.validation.x, data.validation.y[VALUES[0]]))  # fmt: skip
    print(f"{kind}, seed {seed}: validation error {min(log.history['val_loss']):.3f}")
    return model


models = {(kind, seed): train(kind, seed) for seed in SEEDS for kind in ("CNN -> LSTM", "LSTM", "dense layers")}

# %% [markdown]
# **The table**: mean absolute error in standard deviations. Windows that follow one another share most of their steps, so
# thousands of windows are not thousands of tests: the halves of the test time show how much a score depends on *when*.

# %%
for (kind, _), model in models.items():
    answers.setdefault(kind, []).append(model.predict(data.test.x, batch_size=256, verbose=0))

true, rows = data.test.y[VALUES[0]], []
early = data.test.start <= np.sort(data.test.start)[len(data.test) // 2]
for name, each in answers.items():
    errors = [np.abs(found - true) for found in each]
    rows.append({"model": name, "error": [float(e.mean()) for e in errors],
                 "first half": [float(e[early].mean()) for e in errors], "second half": [float(e[~early].mean()) for e in errors],
                 "first step": [float(e[:, 0].mean()) for e in errors], "last step": [float(e[:, -1].mean()) for e in errors]})  # fmt: skip
plotting.table(rows, list(rows[0]), caption=f"{len(true):,} test windows; seeds {SEEDS}; lower is better")

# %% [markdown]
# **Keep the best by its validation score** (not by the test), with the scale that it expects.

# %%
validation = data.validation.x, data.validation.y[VALUES[0]]
kept = min(models, key=lambda key: models[key].evaluate(*validation, verbose=0))
models[kept].save("my_data.keras")
print(*kept, "is kept in my_data.keras. It reads and predicts standardised values:", data.card["scale"])

# %% [markdown]
# ## Before you tell others
#
# - Does a column hold what is not known yet at that time? Then the score is a dream.
# - Does *so many steps ago* or the linear regression do as well? Then say so, and keep that.
# - Do both halves of the test time say the same?
# - Did you choose anything by the test score? Then it is a validation score.
