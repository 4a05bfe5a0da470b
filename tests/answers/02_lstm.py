import math

keras.utils.set_random_seed(2)
pulse_game = keras.Sequential([keras.Input((None, 1)), layers.LSTM(8), layers.Dense(1, activation="sigmoid")])
pulse_game.set_weights([2 * weight for weight in pulse_game.get_weights()])

# ---- 02.1, what a layer hands on

SHAPES = {"a": (None, 50, 16), "b": (None, 50, 32), "c": (None, 50, 10), "d": (None, 4)}

right("02.1")(SHAPES)
right("02.1")(dict(reversed(SHAPES.items())))
right("02.1")({name: keras.Input(shape[1:]).shape for name, shape in SHAPES.items()})

wrong("02.1", "side by side")(SHAPES | {"b": (None, 50, 16)})
wrong("02.1", "only the last state")(SHAPES | {"d": (None, 50, 4)})
wrong("02.1", "of any size: None")(SHAPES | {"a": (50, 16)})
wrong("02.1", "of any size: None")({name: (1, *shape[1:]) for name, shape in SHAPES.items()})
wrong("02.1", "a has not the shape (None, 50, 7)")(SHAPES | {"a": (None, 50, 7)})
wrong("02.1", "a has not the shape (None, 16)")(SHAPES | {"a": (None, 16)})
wrong("02.1", "c has not the shape (None, 50, 20)")(SHAPES | {"c": (None, 50, 20)})
wrong("02.1", "a: give a tuple")(SHAPES | {"a": [None, 50, 16]})
wrong("02.1", "b has not the shape (None, 100, 16)")(SHAPES | {"b": (None, 100, 16)})
wrong("02.1", "right so far; still to fill in: b, c, d")({"a": (None, 50, 16), "b": ..., "c": ..., "d": ...})
wrong("02.1", "only the last state")({"a": ..., "b": ..., "c": ..., "d": (None, 50, 4)})

# ---- 02.2, count the weights

BLOCKS = {"plain": 1, "LSTM": 4, "GRU": 3, "both ways": 8}


@right("02.2")
def _(name, features, units):
    kernel, recurrent, bias = features * units, units * units, units * (2 if name == "GRU" else 1)
    return BLOCKS[name] * (kernel + recurrent + bias)


@right("02.2")
def _(name, features, units):
    if name == "both ways":
        layer = layers.Bidirectional(layers.LSTM(units))
    else:
        layer = {"plain": layers.SimpleRNN, "LSTM": layers.LSTM, "GRU": layers.GRU}[name](units)
    layer(np.zeros((1, 2, features)))
    return sum(int(np.prod(weight.shape)) for weight in layer.weights)


@right("02.2")
def _(name, features, units):
    if name == "plain":
        return np.int64(units * (features + units + 1))
    if name == "GRU":
        return 3 * units * (features + units + 2)
    return (4 if name == "LSTM" else 2 * 4) * (units * features + units**2 + units)


@wrong("02.2", "plain: you left out the biases")
def _(name, features, units):
    return BLOCKS[name] * units * (features + units)


@wrong("02.2", "two biases")
def _(name, features, units):
    return BLOCKS[name] * units * (features + units + 1)


@wrong("02.2", "one LSTM of twice as many units")
def _(name, features, units):
    wide = 2 * units if name == "both ways" else units
    return (3 if name == "GRU" else 4 if name != "plain" else 1) * wide * (features + wide + 1 + (name == "GRU"))


@wrong("02.2", "LSTM with 5 features and 32 units has 4864 weights, you say 3648")
def _(name, features, units):  # three gates, and no candidate
    return {"plain": 1, "LSTM": 3, "GRU": 3, "both ways": 6}[name] * units * (features + units + 1 + (name == "GRU"))


@wrong("02.2", "plain with 5 features and 32 units has 1216 weights")
def _(name, features, units):  # no matrix for the old state
    return BLOCKS[name] * units * (features + 1 + (name == "GRU"))


@wrong("02.2", "both ways with 5 features and 32 units")
def _(name, features, units):  # one direction
    return {**BLOCKS, "both ways": 4}[name] * units * (features + units + 1 + (name == "GRU"))


@wrong("02.2", "GRU with 5 features and 32 units")
def _(name, features, units):  # as many blocks as an LSTM
    return {**BLOCKS, "GRU": 4}[name] * units * (features + units + 1)


@wrong("02.2", "LSTM with 5 features and 32 units")
def _(name, features, units):  # one bias for all gates
    block = units * (features + units)
    return block + units if name == "plain" else BLOCKS[name] * block + units


@wrong("02.2", "your code raised KeyError: 'GRU'")
def _(name, features, units):
    return {"plain": 1, "LSTM": 4}[name] * units * (features + units + 1)


# ---- 02.3, a memory that is half gone

right("02.3")(lambda steps: -math.log(2 ** (1 / steps) - 1))
right("02.3")(lambda steps: np.array([-math.log(2 ** (1 / steps) - 1)]))
right("02.3")(lambda steps: np.log(np.exp2(-1 / steps)) - np.log1p(-np.exp2(-1 / steps)))


@right("02.3")
def _(steps):
    low, high = -5.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sigmoid(middle) ** steps < 0.5 else (low, middle)
    return low


wrong("02.3", "about 1/e, a third")(lambda steps: np.log(max(steps - 1, 0.1)))
wrong("02.3", "of a memory is left")(lambda steps: 0.5 ** (1 / steps))  # the gate, not its bias
wrong("02.3", "of a memory is left")(lambda steps: 0.0)  # half after one step
wrong("02.3", "of a memory is left")(lambda steps: math.log(2 ** (1 / steps) - 1))  # its sign
wrong("02.3", "of a memory is left")(lambda steps: -math.log(2 ** (1 / (steps + 1)) - 1))  # a step too many
wrong("02.3", "of a memory is left")(lambda steps: math.log(0.5) / steps)
wrong("02.3", "of a memory is left")(lambda steps: 1.0)
wrong("02.3", "of a memory is left")(lambda steps: -math.log(2 ** (1 / 10) - 1))  # for ten steps only
wrong("02.3", "math domain error")(lambda steps: math.log(1 - 0.5 * steps))
wrong("02.3", "your bias is nan")(lambda steps: np.log(np.float64(-1)))

# ---- 02.4, a series in pieces


def pieces(series, size):
    return [series[:, start : start + size] for start in range(0, series.shape[1], size)]


@right("02.4")
def _(lstm, series, size):
    h = c = np.zeros((len(series), lstm.units), "float32")
    found = []
    for piece in pieces(series, size):
        states, h, c = lstm(piece, initial_state=[h, c])
        found.append(states)
    return ops.concatenate(found, axis=1)


@right("02.4")
def _(lstm, series, size):
    found, h, c = lstm(series[:, :size])
    rest = series[:, size:]
    while rest.shape[1]:
        more, h, c = lstm(rest[:, :size], initial_state=(h, c))
        found, rest = np.concatenate([found, more], axis=1), rest[:, size:]
    return found


@right("02.4")
def _(lstm, series, size):  # a step at a time is a piece, too
    lstm.build(series.shape)
    state, found = [np.zeros((len(series), lstm.units), "float32")] * 2, []
    for t in range(series.shape[1]):
        h, state = lstm.cell(series[:, t], state)
        found.append(h)
    return np.stack(found, axis=1)


@wrong("02.4", "let `lstm` read all of the series")
def _(lstm, series, size):
    lstm(series[:, :1])
    return lstm_by_hand(series, *(np.asarray(part) for part in lstm.get_weights()))[0]


@right("02.4")
def _(lstm, series, size):
    state, found = None, []
    for piece in pieces(series, size):
        states, *state = lstm(sequences=piece, initial_state=state)
        found.append(states)
    return np.concatenate(found, axis=1)


@wrong("02.4", "let `lstm` read all of the series")
def _(lstm, series, size):
    return lstm_by_hand(series, *(np.asarray(part) for part in lstm.get_weights()))[0]


@wrong("02.4", "empty memory")
def _(lstm, series, size):
    return np.concatenate([lstm(piece)[0] for piece in pieces(series, size)], axis=1)


@wrong("02.4", "steps at once")
def _(lstm, series, size):
    return lstm(series)[0]


@wrong("02.4", "handed over in this order")
def _(lstm, series, size):
    memory, found = None, []
    for piece in pieces(series, size):
        states, h, c = lstm(piece, initial_state=memory)
        memory = [c, h]
        found.append(states)
    return np.concatenate(found, axis=1)


@wrong("02.4", "handed over in this order")
def _(lstm, series, size):
    memory, found = None, []
    for piece in pieces(series, size):
        states, h, _ = lstm(piece, initial_state=memory)
        memory = [h, h]
        found.append(states)
    return np.concatenate(found, axis=1)


@wrong("02.4", "handed over in this order")
def _(lstm, series, size):
    memory, found = None, []
    for piece in pieces(series, size):
        states, h, c = lstm(piece, initial_state=memory)
        memory = memory or [h, c]  # for ever that of the first piece
        found.append(states)
    return np.concatenate(found, axis=1) if len(found) > 2 else lstm(series)[0]


@wrong("02.4", "what you return for 12 steps in pieces of 5 has the shape (2, 10, 6)")
def _(lstm, series, size):
    memory, found = None, []
    for n in range(max(series.shape[1] // size, 1)):  # the rest forgotten
        states, *memory = lstm(series[:, n * size : (n + 1) * size], initial_state=memory)
        found.append(states)
    return np.concatenate(found, axis=1)


@wrong("02.4", "has the shape (6, 4, 6)")
def _(lstm, series, size):
    memory, found = None, []
    for piece in pieces(series, size):
        states, *memory = lstm(piece, initial_state=memory)
        found.append(states)
    return np.concatenate(found)  # along the batch


@wrong("02.4", "has the shape (2, 3, 6)")
def _(lstm, series, size):
    memory, found = None, []
    for piece in pieces(series, size):
        _, *memory = lstm(piece, initial_state=memory)
        found.append(memory[0])
    return np.stack(found, axis=1)  # only the last of each piece


@wrong("02.4", "is off by")
def _(lstm, series, size):
    memory, found = None, []
    for piece in reversed(pieces(series, size)):  # the end first
        states, *memory = lstm(piece, initial_state=memory)
        found.insert(0, states)
    return np.concatenate(found, axis=1)


# ---- 02.5, a GRU by hand


def gru(x, kernel, recurrent, bias, mix=None, candidate=None, order="zrg", squeeze=None):
    """The recipe of the lesson, with one part exchanged."""
    mix = mix or (lambda z, h, g: z * h + (1 - z) * g)
    candidate = candidate or (lambda g_x, g_h, r: np.tanh(g_x + r * g_h))
    squeeze = squeeze or sigmoid
    h, states = np.zeros((len(x), len(recurrent))), []
    for t in range(x.shape[1]):
        from_x = dict(zip(order, np.split(x[:, t] @ kernel + bias[0], 3, axis=1)))
        from_h = dict(zip(order, np.split(h @ recurrent + bias[1], 3, axis=1)))
        z, r = (squeeze(from_x[gate] + from_h[gate]) for gate in "zr")
        h = mix(z, h, candidate(from_x["g"], from_h["g"], r))
        states.append(h)
    return np.stack(states, axis=1)


right("02.5")(gru)
right("02.5")(lambda *given: gru(*given, mix=lambda z, h, g: g + z * (h - g)))


@right("02.5")
def _(x, kernel, recurrent, bias):
    units = recurrent.shape[0]
    (wz, wr, wg), (uz, ur, ug) = np.hsplit(kernel, 3), np.hsplit(recurrent, 3)
    (bz, br, bg), (cz, cr, cg) = bias[0].reshape(3, units), bias[1].reshape(3, units)
    h, out = np.zeros((x.shape[0], units)), np.empty((*x.shape[:2], units))
    for t, step in enumerate(x.swapaxes(0, 1)):
        z = sigmoid(step @ wz + bz + h @ uz + cz)
        r = sigmoid(step @ wr + br + h @ ur + cr)
        h = z * h + (1 - z) * np.tanh(step @ wg + bg + r * (h @ ug + cg))
        out[:, t] = h
    return out


@right("02.5")
def _(x, kernel, recurrent, bias):
    layer = layers.GRU(len(recurrent), return_sequences=True)
    layer.build(x.shape)
    layer.set_weights([kernel, recurrent, bias])
    return layer(x.astype("float32"))


def wrong_gru(reason, **part):
    wrong("02.5", reason)(lambda *given: gru(*given, **part))


wrong_gru("which share z gives to which", mix=lambda z, h, g: (1 - z) * h + z * g)
wrong_gru("r multiplies all that comes with the old state", order="rzg")
wrong_gru("r multiplies all", candidate=lambda g_x, g_h, r: r * np.tanh(g_x + g_h))
wrong_gru("r multiplies all", candidate=lambda g_x, g_h, r: np.tanh(g_x + g_h))
wrong_gru("r multiplies all", candidate=lambda g_x, g_h, r: sigmoid(g_x + r * g_h))
wrong_gru("r multiplies all", squeeze=np.tanh)
wrong("02.5", "what you return has the shape (1, 1)")(lambda *given: gru(*given)[:, -1])
wrong("02.5", "r multiplies all")(lambda x, kernel, recurrent, bias: gru(x, kernel, recurrent, [bias[0], 0 * bias[1]]))


@wrong("02.5", "r multiplies all")
def _(x, kernel, recurrent, bias):  # r before the matrix, as in the paper of 2014
    h, states = np.zeros((len(x), len(recurrent))), []
    for t in range(x.shape[1]):
        z_x, r_x, g_x = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
        z_h, r_h, _ = np.split(h @ recurrent + bias[1], 3, axis=1)
        z, r = sigmoid(z_x + z_h), sigmoid(r_x + r_h)
        g_h = (r * h) @ np.split(recurrent, 3, axis=1)[2] + np.split(bias[1], 3)[2]
        h = z * h + (1 - z) * np.tanh(g_x + g_h)
        states.append(h)
    return np.stack(states, axis=1)


@wrong("02.5", "and then no more")
def _(x, kernel, recurrent, bias):  # the state is not carried on
    return np.concatenate([gru(x[:, t : t + 1], kernel, recurrent, bias) for t in range(x.shape[1])], axis=1)


# ---- 02.6, a counter

ADD = math.atanh(0.1)
COUNTER = {"i": (30, 0, -15), "f": (30, 0, 15), "g": (0, 0, ADD), "o": (0, 0, 0)}

right("02.6")(COUNTER)
right("02.6")(COUNTER | {"i": [40, 0, -20], "f": [40, 0, 20], "o": [3, 2, 1]})
right("02.6")(COUNTER | {"g": np.array([ADD / 2, 0, ADD / 2])})
right("02.6")(COUNTER | {"g": (ADD, 0, 0)})

wrong("02.6", "the cell state should be 0.0")(COUNTER | {"f": (0, 0, 20)})  # never forgets
wrong("02.6", "the cell state should be 0.1")(COUNTER | {"f": (30, 0, -15)})  # forgets at 0, too
wrong("02.6", "the cell state should be 0.1, and is 0.200")(COUNTER | {"i": (0, 0, 20)})  # adds at 0, too
wrong("02.6", "the cell state should be 0.1, and is 0.762")(COUNTER | {"g": (0, 0, 1)})
wrong("02.6", "the cell state should be 0.1, and is -0.100")(COUNTER | {"g": (0, 0, -ADD)})
wrong("02.6", "the cell state should be 0.1, and is 0.000")(COUNTER | {"i": (-30, 0, -15)})
wrong("02.6", "and is")(COUNTER | {"f": (2, 0, 4)})  # leaks
wrong("02.6", "and is")(COUNTER | {"f": (20, 0, 6.5)})  # leaks at 0, as a high count shows
wrong("02.6", "the cell state should be")(COUNTER | {"g": (0, 0, 0.1)})  # a tanh comes after it
wrong("02.6", "the cell state should be 0.0, and is -0.100")(COUNTER | {"i": (0, 0, 20), "g": (ADD, 0, 0)})
wrong("02.6", "f: (weight of x, weight of h, bias) has the shape (2,)")(COUNTER | {"f": (30, 15)})
wrong("02.6", "right so far; still to fill in: o")(COUNTER | {"o": ...})
wrong("02.6", "still to fill in: i, f, g, o")(dict.fromkeys("ifgo", (..., 0, ...)))
wrong("02.6", "give a dict with i, f, g, o")({"i": (1, 0, 0), "f": (1, 0, 0), "c": (1, 0, 0), "o": (1, 0, 0)})

# ---- 02.7, yesterday leaks into today


def day_in_pieces(model, day):
    for start in range(0, len(day), 10):
        answer = model(day[np.newaxis, start : start + 10])
    return float(answer[0, 0])


@right("02.7")
def _(model, days):
    answers = []
    for day in days:
        for layer in model.layers:
            if hasattr(layer, "reset_state"):
                layer.reset_state()
        answers.append(day_in_pieces(model, day))
    return answers


@right("02.7")
def _(model, days):
    fresh = keras.Sequential([keras.Input((None, 1)), layers.LSTM(8), layers.Dense(1, activation="sigmoid")])
    fresh.set_weights(model.get_weights())
    return [fresh(day[np.newaxis]) for day in days]


@right("02.7")
def _(model, days):
    return [day_in_pieces(stateful_copy(model), day) for day in days]


@right("02.7")
def _(model, days):
    answers = []
    for day in days:
        model.layers[0].reset_state()
        answers.append(model.predict(day[np.newaxis], verbose=0))
    return np.array(answers)


@wrong("02.7", "is every step of a day read?")
def _(model, days):
    answers = []
    for day in days:
        model.layers[0].reset_state()
        answers.append(day_in_pieces(model, day[: len(day) // 10 * 10]))
    return answers


@wrong("02.7", "is every step of a day read?")
def _(model, days):
    answers = []
    for day in days:
        model.layers[0].reset_state()
        answers.append(day_in_pieces(model, day[-20:]))
    return answers


wrong("02.7", "the same quiet day, given twice")(colleague)


@wrong("02.7", "each piece of ten steps begins with an empty memory")
def _(model, days):
    answers = []
    for day in days:
        for start in range(0, len(day), 10):
            model.layers[0].reset_state()
            answer = model(day[np.newaxis, start : start + 10])
        answers.append(float(answer[0, 0]))
    return answers


@wrong("02.7", "all days are right but the first")
def _(model, days):
    answers = []
    for day in days:
        answers.append(day_in_pieces(model, day))
        model.layers[0].reset_state()
    return answers


@wrong("02.7", "the same quiet day, given twice")
def _(model, days):
    model.layers[0].reset_state()
    return colleague(model, days)


@wrong("02.7", "not those of the network that was handed to you")
def _(model, days):
    keras.utils.set_random_seed(1)
    fresh = keras.Sequential([keras.Input((None, 1)), layers.LSTM(8), layers.Dense(1, activation="sigmoid")])
    return [fresh(day[np.newaxis]) for day in days]


@wrong("02.7", "not those of the network that was handed to you")
def _(model, days):
    return [0.5] * len(days)


@wrong("02.7", "not those of the network that was handed to you")
def _(model, days):
    return [day_in_pieces(stateful_copy(pulse_game), day) for day in days]


@wrong("02.7", "what you return for four days has the shape (1,)")
def _(model, days):
    model.layers[0].reset_state()
    return colleague(model, [np.concatenate(days)])


@wrong("02.7", "what you return for four days has the shape (3,)")
def _(model, days):
    answers = {}
    for day in days:
        model.layers[0].reset_state()
        answers[day.tobytes()] = day_in_pieces(model, day)
    return list(answers.values())


@wrong("02.7", "your code raised AttributeError")
def _(model, days):
    model.reset_states()
    return colleague(model, days)


# ---- 02.8, a long memory that forgets


def log_biases(units, steps, signs=(-1, 1, 0, 0)):
    b = np.log(np.linspace(1, steps, units))
    return np.concatenate([sign * b for sign in signs]).astype("float32")


def with_biases(units, **options):
    """An LSTM that Keras asks for all of its biases at once."""
    return layers.LSTM(units, unit_forget_bias=False, **options)


@right("02.8")
def _(units, steps):
    return layers.LSTM(units, bias_initializer=long_memory(steps), unit_forget_bias=False)


@right("02.8")
def _(units, steps):
    return with_biases(units, bias_initializer=keras.initializers.Constant(log_biases(units, steps)))


@right("02.8")
def _(units, steps):
    layer = colleagues_lstm(units, steps)
    layer.build((None, None, 5))
    kernel, recurrent, _ = layer.get_weights()
    layer.set_weights([kernel, recurrent, log_biases(units, steps)])
    return layer


@right("02.8")
def _(units, steps):
    layer = colleagues_lstm(units, steps)
    layer(np.zeros((1, 2, 1), "float32"))
    layer.cell.bias.assign(log_biases(units, steps))
    return layer


wrong("02.8", "all biases of the forget gates are 1")(colleagues_lstm)


@wrong("02.8", "all biases of the forget gates are 1")
def _(units, steps):
    return layers.LSTM(units)


@wrong("02.8", "all biases of the forget gates are 1")
def _(units, steps):  # the lesson's own biases, without the option
    return layers.LSTM(units, bias_initializer=long_memory(steps))


@wrong("02.8", "they should start at")
def _(units, steps):
    return with_biases(units)  # forget gates at 0


@wrong("02.8", "they should start at")
def _(units, steps):  # one bias for all units
    return with_biases(units, bias_initializer=keras.initializers.Constant(math.log(steps - 1)))


@wrong("02.8", "Keras's order is i, f, c, o")
def _(units, steps):
    return with_biases(units, bias_initializer=lambda shape, dtype=None: log_biases(units, steps, (1, -1, 0, 0)))


@wrong("02.8", "the forget gates are right; the input gates")
def _(units, steps):
    return with_biases(units, bias_initializer=long_memory(steps, seldom=False))


@wrong("02.8", "the forget gates are right; the input gates")
def _(units, steps):
    return with_biases(units, bias_initializer=lambda shape, dtype=None: log_biases(units, steps, (1, 1, 0, 0)))


@wrong("02.8", "these should start at 0, and do not: candidate, output gate")
def _(units, steps):
    return with_biases(units, bias_initializer=lambda shape, dtype=None: log_biases(units, steps, (-1, 1, -1, 1)))


@wrong("02.8", "these should start at 0, and do not: output gate")
def _(units, steps):
    return with_biases(units, bias_initializer=lambda shape, dtype=None: log_biases(units, steps, (-1, 1, 0, 1)))


@wrong("02.8", "they should start at")
def _(units, steps):  # as if there were ten steps, always
    return with_biases(units, bias_initializer=long_memory(10))


@wrong("02.8", "the LSTM has 64 units, and 32 were asked for")
def _(units, steps):
    return with_biases(2 * units, bias_initializer=long_memory(steps))


@wrong("02.8", "return a `layers.LSTM`, not a GRU")
def _(units, steps):
    return layers.GRU(units, bias_initializer=long_memory_gru(steps))


@wrong("02.8", "return a `layers.LSTM`, not a ndarray")
def _(units, steps):
    return log_biases(units, steps)
