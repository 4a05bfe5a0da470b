# %% [markdown]
# # Draft of lesson 07: a real series
#
# Once the end of lesson 02, and the start of the lesson on forecasting. It stands outside all checks. The table is
# `07_hours.json`, which `07_results.py` makes from the cells tagged `definition` here.

# %%
from pathlib import Path

from course_utils import check

check.setup()

# %% tags=["definition"]
import keras
import numpy as np
from keras import layers, ops

from course_utils import datasets, plotting, results


def long_memory(steps):
    """Biases log(T - 1) with which an LSTM starts out remembering; T grows from 2 to steps + 1 over its units."""

    def biases(shape, dtype=None):
        b = np.log(np.linspace(1, steps, shape[-1] // 4))
        return ops.convert_to_tensor(np.concatenate([-b, b, 0 * b, 0 * b]), dtype)  # i, f, c, o

    return biases


# %% [markdown]
# ## A real series
#
# Two years of traffic on a motorway, hour by hour: seven days are shown, the next hour is asked for. All readers get the
# same 168 numbers, nothing else: no calendar, no weather (these are for lesson 07). At *every* hour of
# the week the network tells the next one (`return_sequences=True`), so one week gives 168 lessons to learn from. In the
# test only the hour after the seven days counts.

# %%
traffic = datasets.traffic(days=7, ahead=1)
traffic

# %% tags=["definition"]
def hours(split):
    """Volume of a week, hour by hour, and of the hour after it: (window, 169), thousands an hour."""
    return np.concatenate([split.x[..., 0], split.y["volume"]], axis=1)


def hour_readers():
    """Name -> layers that hand on something at every step, for series of any length."""
    every, remembering = {"return_sequences": True}, {"bias_initializer": long_memory(168), "unit_forget_bias": False}
    return {
        "Plain cell": lambda: [layers.SimpleRNN(72, **every)],
        "LSTM": lambda: [layers.LSTM(36, **every)],
        "LSTM, long memory": lambda: [layers.LSTM(36, **remembering, **every)],
        "Dilated convolutions": lambda: [
            layers.Conv1D(18, 3, dilation_rate=2**n, padding="causal", activation="relu") for n in range(7)
        ],
    }


# %% tags=["definition"]
EPOCHS = 10


def train_on_hours(reader, data, peak=5e-3, epochs=EPOCHS):
    """At every hour of a week, tell the volume of the next; 1,600 weeks of the training years an epoch."""
    weeks = hours(data.train)
    scale = [keras.Input((None, 1)), layers.Rescaling(1 / weeks.std(), -weeks.mean() / weeks.std())]
    back = layers.Rescaling(weeks.std(), weeks.mean())
    model = keras.Sequential([*scale, *reader(), layers.Dense(1), back])
    schedule = keras.optimizers.schedules.CosineDecay(peak, epochs * 50)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1), "mae")
    history = []
    for epoch in range(epochs):
        chosen = weeks[np.random.default_rng(epoch).choice(len(weeks), min(1600, len(weeks)), replace=False), :, None]
        model.fit(chosen[:, :-1], chosen[:, 1:], batch_size=32, shuffle=False, verbose=0)
        history.append(hourly_error(model, data.validation))
    return model, {"validation": history}


def hourly_error(model, split):
    """Mean absolute error of the hour after each week, in vehicles an hour."""
    weeks = hours(split)
    told = model.predict(weeks[:, :-1, None], batch_size=256, verbose=0)[:, -1, 0]
    return float(1000 * np.mean(np.abs(told - weeks[:, -1])))


# %% [markdown]
# Without a network there are two rules (it will be as in the hour before, or as in the same hour a week ago) and two
# regressions on all 168 hours, one linear, one of boosted trees. They are the baselines to beat.

# %% tags=["definition"]
def rules():
    """Name -> function from all data to (parameters, what is predicted for the test); none needs a network."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    def fitted(regression):
        def predicted(data):
            weeks = hours(data.train)
            regression.fit(weeks[:, :-1], weeks[:, -1])
            return size(regression), regression.predict(hours(data.test)[:, :-1])

        return predicted

    def size(regression):
        """Coefficients; for trees, their nodes: boosting stops early, when a tenth of the weeks, held back, says so."""
        if hasattr(regression, "coef_"):
            return regression.coef_.size + 1
        return sum(len(tree.nodes) for stage in regression._predictors for tree in stage)

    boosted = HistGradientBoostingRegressor(max_iter=300, random_state=0)
    return {
        "the hour before": lambda data: (0, hours(data.test)[:, -2]),
        "same hour, a week ago": lambda data: (0, hours(data.test)[:, 0]),
        "linear regression": fitted(Ridge(1.0)),
        "gradient boosting": fitted(boosted),
    }


# %% [markdown]
# **Predict**: does the long memory help here?

# %%
here = Path("notebooks/drafts") if Path("notebooks/drafts").is_dir() else Path()
hours_table = results.load("07_hours", here)
print(hours_table)
plotting.table(hours_table.rows, {"model": "model", "error": "vehicles off (mean)", "parameters": "parameters", "seconds": "seconds"},
               "Error in the test hours; mean over the seeds (lowest to highest). Parameters of the trees: their nodes")  # fmt: skip

# %% [markdown]
# Be honest before you are proud:
#
# - **Boosted trees** on the 168 hours have the smallest error. **Dilated convolutions** are so near that the difference means
#   little: the standard error over the test hours is about 3.4 vehicles.
# - The **plain cell**, a hopeless case in the game, is *ahead* of the LSTM. What the next hour depends on, the last few hours and
#   the daily rhythm, is within its reach.
# - The **long memory**, which won the game, is far behind, hardly better than the rule of a week ago. Its gates are set to
#   keep long and write seldom, and here every hour counts. **A start is an assumption about your data.** Right, it decides
#   everything; wrong, it costs, at least within the same number of batches.
#
# So there are two kinds of sequences. In some, *something must be kept through long noise*: there, gates and their biases
# decide. In others, *what lies near, and a rhythm*, says it all: there a window does, and the strongest baseline is no
# network.
#
# To do before this is a lesson: search the learning rates (all four networks took the highest of two), give every model the
# calendar and the weather, and compare with paired differences over the test hours.

# %% tags=["claim"]
trees = "No network: gradient boosting"
names = ("Plain cell", "LSTM", "LSTM, long memory", "Dilated convolutions")
check.claim("Boosted trees are ahead of every network's mean",
            [hours_table.mean(name, "error") - hours_table.mean(trees, "error") for name in names], above=0,
            stored=True)  # fmt: skip
check.claim("Dilated convolutions come next", [hours_table.mean(name, "error") - hours_table.mean("Dilated convolutions", "error")
            for name in names[:3]], above=2, stored=True)  # fmt: skip
check.claim("The plain cell is ahead of the LSTM", hours_table.mean("LSTM", "error") - hours_table.mean("Plain cell", "error"),
            above=5, stored=True)  # fmt: skip
check.claim("The long memory is far behind the LSTM as Keras makes it",
            hours_table.low("LSTM, long memory", "error") - hours_table.high("LSTM", "error"), above=20,
            stored=True)  # fmt: skip
check.claim("and within a sixth of the rule of a week ago", hours_table.mean("LSTM, long memory", "error")
            - 0.83 * hours_table.mean("No network: same hour, a week ago", "error"), above=0, stored=True)  # fmt: skip
