# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["definition"]
import dataclasses

import keras
import numpy as np
from keras import layers, ops

from course_utils import datasets, plotting, results

# %% tags=["definition", "lab-data"]
AHEAD, WEEK, QUANTILES = 24, 168, (0.1, 0.5, 0.9)
traffic = datasets.traffic(days=7, ahead=AHEAD)
MEAN, SPREAD = (float(measure(traffic.train.x[:, -1, 0])) for measure in (np.mean, np.std))

# %% tags=["definition", "lab-data"]
def known(split, calendar=True):
    """What is known when a forecast is made: past (window, 168, features), hours to come (window, 24, features)."""
    hours = split.start[:, np.newaxis] + np.arange(-WEEK, AHEAD)
    holiday = np.isin(hours.astype("datetime64[D]"), datasets.HOLIDAYS)[..., np.newaxis]
    lead = np.broadcast_to(np.eye(AHEAD), (len(split), AHEAD, AHEAD))  # how far ahead: 1 of 24
    if calendar:
        past = np.concatenate([split.x, holiday[:, :WEEK]], axis=-1)
        future = np.concatenate([lead, split.future, holiday[:, WEEK:]], axis=-1)
    else:
        past, future = split.x[..., :6], lead  # volume and weather alone
    return [past.astype("float32"), future.astype("float32")]

# %% tags=["definition", "lab-data"]
def forecaster(decode, calendar=True):
    """A network from what is known to three quantiles an hour: (batch, 24, 3), thousands of vehicles."""
    past_features, future_features = (12, AHEAD + 6) if calendar else (6, AHEAD)
    past, future = keras.Input((None, past_features)), keras.Input((AHEAD, future_features))
    rest = past_features - 1
    scaled = layers.Rescaling([1 / SPREAD] + [1.0] * rest, [-MEAN / SPREAD] + [0.0] * rest)(past)
    told = [keras.Input((AHEAD, 2))] if decode.__name__ == "fed_back" else []
    hours = decode(scaled, future, *told)
    return keras.Model([past, future, *told], layers.Rescaling(SPREAD, MEAN)(hours))


def answer(hours):
    """The same dense layers for every hour to come: (batch, 24, features) -> (batch, 24, 3)."""
    for _ in range(2):
        hours = layers.Dense(64, activation="relu")(hours)
    return layers.Dense(len(QUANTILES))(hours)

# %% tags=["definition", "lab-data"]
def convolved(past):
    """Steps of four hours each: (batch, 168, features) -> (batch, 42, 32)."""
    return layers.Conv1D(32, 6, strides=4, padding="same", activation="relu")(past)


def encode(past, units):
    """A convolution makes steps of four hours, an LSTM follows them: all its h, the last h, the last c."""
    return layers.LSTM(units, return_sequences=True, return_state=True)(convolved(past))


def direct(summarise):
    """All hours at once: a summary of the past is repeated beside what is known of each hour to come."""

    def decode(past, future):
        repeated = layers.RepeatVector(AHEAD)(summarise(past))
        return answer(layers.Concatenate()([repeated, future]))

    return decode

# %% tags=["definition", "lab-data"]
def stepwise(past, future, units=37):
    """Encoder and decoder: a second LSTM starts with the state of the first and goes over the hours to come."""
    _, h, c = encode(past, units)
    hours = layers.LSTM(units, return_sequences=True)(future, initial_state=[h, c])  # (batch, 24, units)
    return answer(layers.Concatenate()([hours, future]))


def attentive(past, future, units=32):
    """The same, and each hour to come asks the steps of the encoder: its own query, weights and context."""
    steps, h, c = encode(past, units)
    hours = layers.LSTM(units, return_sequences=True)(future, initial_state=[h, c])  # (batch, 24, units)
    query, key = (layers.Dense(32, use_bias=False)(z) for z in (hours, steps))
    scores = layers.Rescaling(1 / np.sqrt(32))(layers.Dot((2, 2))([query, key]))  # (batch, 24, 42)
    weights = layers.Softmax(name="weights")(scores)
    context = layers.Dot((2, 1))([weights, steps])  # (batch, 24, units)
    return answer(layers.Concatenate()([hours, context, future]))

# %% tags=["definition"]
def dilated(past):
    """In place of the LSTM causal convolutions, each over twice the time: the last step sees 63 steps back."""
    x = convolved(past)
    for n in range(5):
        wider = layers.Conv1D(37, 3, dilation_rate=2**n, padding="causal", activation="relu")(x)
        x = wider if n == 0 else layers.Add()([x, wider])
    return x[:, -1]


def unconvolved(past):
    """In place of the convolution four hours side by side: (batch, 168, features) -> (batch, 42, 4 * features)."""
    units = 53 if past.shape[-1] == 12 else 58  # as many parameters as the others have
    return layers.LSTM(units)(layers.Reshape((-1, 4 * past.shape[-1]))(past))


def linear_parts(past, future):
    """DLinear: one matrix for the trend, one for what is left, and the same for every day and week."""
    volume = layers.Reshape((WEEK, 1))(past[..., :1])
    trend = layers.AveragePooling1D(25, 1, padding="same")(volume)
    parts = [layers.Dense(AHEAD * 3)(layers.Flatten()(part)) for part in (trend, volume - trend)]
    return layers.Add()([*(layers.Reshape((AHEAD, 3))(part) for part in parts), answer(future)])

# %% tags=["definition"]
def lags(past):
    """Volume at the same hour one week, one day and two days before each hour to come: (batch, 24, 3)."""
    return layers.Concatenate()([past[:, at : at + AHEAD, :1] for at in (0, WEEK - 24, WEEK - 48)])


def by_lags(past, future):
    """No recurrence, no convolution: three numbers of the past and what is known of the hour."""
    return answer(layers.Concatenate()([future, lags(past)]))


def stepwise_with_lags(past, future):
    return stepwise(past, layers.Concatenate()([future, lags(past)]))

# %% tags=["definition"]
class FedBack(layers.Layer):
    """One step of a decoder that reads the hour before: as it was told, or else as it answered itself."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = [units, units, 1], 3
        self.lstm = layers.LSTMCell(units)
        self.dense = [layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(3)]

    def build(self, shape):
        self.lstm.build((None, shape[-1] - 1))
        for layer, size in zip(self.dense, (self.lstm.units, 64, 64)):
            layer.build((None, size))

    def call(self, inputs, states):
        future, volume, is_told = inputs[:, :-2], inputs[:, -2:-1], inputs[:, -1:]
        h, c, answered = states
        before = is_told * volume + (1 - is_told) * answered
        hour, (h, c) = self.lstm(ops.concatenate([future, before], axis=-1), [h, c])
        for layer in self.dense:
            hour = layer(hour)
        return hour, [h, c, hour[:, 1:2]]  # the median goes back in

# %% tags=["definition"]
def fed_back(past, future, told, units=38):
    """Encoder and decoder; each hour to come also reads the volume of the hour before."""
    _, h, c = encode(past, units)
    decoder = layers.RNN(FedBack(units), return_sequences=True)
    return decoder(layers.Concatenate()([future, told]), initial_state=[h, c, past[:, -1, :1]])


def told(split, share, seed):
    """Volume of the hour before each hour to come, told in this share of the hours; else 0. And whether it is told."""
    before = np.concatenate([split.x[:, -1:, 0], split.y["volume"][:, :-1]], axis=1)
    coin = np.random.default_rng(seed).random(before.shape) < share
    return np.stack([(before - MEAN) / SPREAD * coin, coin], axis=-1).astype("float32")

# %% tags=["definition", "lab-data"]
EPOCHS, BATCH, BATCHES = 15, 64, 50


def pinball(true, quantiles):
    """Quantile loss; true (batch, 24, 1), quantiles (batch, 24, 3)."""
    below, q = true - quantiles, ops.array(QUANTILES)
    return ops.mean(ops.maximum(q * below, (q - 1) * below), axis=-1)


def inputs(model, split, share=0, seed=0):
    """What a network of this kind is given."""
    given = known(split, calendar=model.inputs[1].shape[-1] > AHEAD)
    return given if len(model.inputs) == 2 else [*given, told(split, share, seed)]


def first(split, count):
    """The first windows of a split."""
    y = {"volume": split.y["volume"][:count]}
    return dataclasses.replace(split, x=split.x[:count], y=y, future=split.future[:count], start=split.start[:count])

# %% tags=["definition", "lab-data"]
def train(model, data=traffic, peak=4e-3, epochs=EPOCHS, share=lambda done: 0.0):
    """50 batches an epoch, each time of other windows; `share` of the hours told, by the part of the training done."""
    schedule = keras.optimizers.schedules.CosineDecay(0.0, epochs * BATCHES, warmup_target=peak, warmup_steps=BATCHES)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), pinball)
    history = {"loss": []}
    for epoch in range(epochs):
        part = first(data.recompose(epoch), BATCH * BATCHES)
        given = inputs(model, part, share(epoch / epochs), epoch)
        volume = part.y["volume"][..., np.newaxis]
        history["loss"] += model.fit(given, volume, batch_size=BATCH, shuffle=False, verbose=0).history["loss"]
    return history


def errors(model, split, share=0):
    """How far the median is off, in vehicles: (window, 24)."""
    quantiles = model.predict(inputs(model, split, share), batch_size=256, verbose=0)
    return 1000 * np.abs(quantiles[..., 1] - split.y["volume"])

# %% tags=["definition"]
TELLING = {"truth": lambda done: 1.0, "own answers": lambda done: 0.0, "both": lambda done: max(0.0, 1 - done / 0.6)}


def networks():
    """Name -> (decode, share of the hours told in training)."""
    usual = TELLING["own answers"]
    plain = {
        "DLinear": linear_parts,
        "Dense layers on three lags": by_lags,
        "LSTM": direct(unconvolved),
        "Dilated CNN": direct(dilated),
        "CNN -> LSTM": direct(lambda past: encode(past, 54)[1]),
        "Encoder-decoder": stepwise,
        "Encoder-decoder, attention": attentive,
        "Encoder-decoder, three lags": stepwise_with_lags,
    }
    fed = {f"Encoder-decoder fed back, trained on {name}": (fed_back, share) for name, share in TELLING.items()}
    return {name: (decode, usual) for name, decode in plain.items()} | fed

# %% tags=["definition"]
def rules():
    """Name -> function from data and calendar to (parameters, volume told for the test hours)."""
    return {
        "last hour": lambda data, calendar: (0, np.repeat(data.test.x[:, -1:, 0], AHEAD, axis=1)),
        "same hour yesterday": lambda data, calendar: (0, data.test.x[:, -AHEAD:, 0]),
        "same hour last week": lambda data, calendar: (0, data.test.x[:, :AHEAD, 0]),
        "linear regression": linear_regression,
        "gradient boosting": gradient_boosting,
    }


def linear_regression(data, calendar):
    """All 24 hours at once from all hours of the week, the weather now and one column for each hour of the week."""
    from sklearn.linear_model import Ridge

    def columns(split):
        past, future = known(split)
        turn = np.eye(WEEK)[(split.start.astype(int) + 96) % WEEK]  # 0 is Monday, 0:00
        return np.concatenate([past[..., 0], past[:, -1, 1:6], *([turn, future[..., -1]] if calendar else [])], axis=1)

    model = Ridge(1.0).fit(columns(data.train), data.train.y["volume"])
    return model.coef_.size + AHEAD, model.predict(columns(data.test))

# %% tags=["definition"]
def gradient_boosting(data, calendar):
    """A row for each hour to come: the same hour of seven days, the last six hours, the weather, what is known of it."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    def rows(split):
        past, future = known(split, calendar)
        days = np.stack([past[:, at : at + AHEAD, 0] for at in range(0, WEEK, AHEAD)], axis=-1)
        now = np.concatenate([past[:, -6:, 0], past[:, -1, 1:6]], axis=1)
        lead = future[..., :AHEAD].argmax(axis=-1, keepdims=True)  # as one number: trees divide a column
        columns = [lead, future[..., AHEAD:], days, np.repeat(now[:, np.newaxis], AHEAD, axis=1)]
        return np.concatenate(columns, axis=-1).reshape(len(split) * AHEAD, -1)

    model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=300, random_state=0)
    part = first(data.train, 4000)  # a third of the windows, which overlap: more of them change nothing
    model.fit(rows(part), part.y["volume"].reshape(-1))
    nodes = sum(len(tree.nodes) for stage in model._predictors for tree in stage)
    return nodes, model.predict(rows(data.test)).reshape(-1, AHEAD)
