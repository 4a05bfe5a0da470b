# ---- 05.1, shapes and weights

SHAPES = {"vectors": (None, 50, 32), "states": (None, 50, 48), "maps": (None, 46, 10), "pooled": (None, 10), "weights": 2410}

right("05.1")(SHAPES)
right("05.1")(SHAPES | {"weights": 10 * (5 * 2 * 24 + 1)})
right("05.1")(dict(reversed(SHAPES.items())) | {"weights": np.int64(2410)})

wrong("05.1", "two directions")(SHAPES | {"states": (None, 50, 24), "weights": 1210})
wrong("05.1", "all states are returned")(SHAPES | {"states": (None, 48)})
wrong("05.1", "one vector for each word")(SHAPES | {"vectors": (None, 32)})
wrong("05.1", "one vector for each word")(SHAPES | {"vectors": (None, 1000, 32)})
wrong("05.1", "how many windows of 5")(SHAPES | {"maps": (None, 50, 10)})
wrong("05.1", "how many windows of 5")(SHAPES | {"maps": (None, 45, 10)})
wrong("05.1", "one number for each filter")(SHAPES | {"pooled": (None, 46)})
wrong("05.1", "has not 2400 weights")(SHAPES | {"weights": 2400})
wrong("05.1", "has not 60 weights")(SHAPES | {"weights": 60})
wrong("05.1", "vectors: give a tuple")(SHAPES | {"vectors": "50, 32"})
wrong("05.1", "right so far; still to fill in: pooled, weights")(SHAPES | {"pooled": ..., "weights": ...})
wrong("05.1", "has not 1210 weights")(dict.fromkeys(SHAPES, ...) | {"weights": 1210})

# ---- 05.2, the maximum over words only

right("05.2")(lambda maps, real: np.where(real[..., None], maps, maps.min()).max(axis=1))
right("05.2")(lambda maps, real: np.array([text[words].max(axis=0) for text, words in zip(maps, real)]))
right("05.2")(lambda maps, real: np.max(maps, axis=1, where=real[..., None], initial=-np.inf))


@right("05.2")
def _(maps, real):
    maps[~real] = np.nan
    return np.nanmax(maps, axis=1)


wrong("05.2", "the zeros of the padding win")(lambda maps, real: (maps * real[..., None]).max(axis=1))
wrong("05.2", "padding included")(lambda maps, real: maps.max(axis=1))
wrong("05.2", "the maximum is off by")(lambda maps, real: np.where(real[..., None], maps, -1).max(axis=1))
wrong("05.2", "the maximum is off by")(lambda maps, real: np.where(real[..., None], -np.inf, maps).max(axis=1))
wrong("05.2", "what you return has the shape (6, 9)")(lambda maps, real: np.where(real[..., None], maps, -np.inf).max(axis=2))
wrong("05.2", "what you return has the shape (4,)")(lambda maps, real: maps[real].max(axis=0))
wrong("05.2", "the maximum is off by")(
    lambda maps, real: (maps * real[..., None]).sum(axis=1) / real.sum(axis=1)[:, None]
)
wrong("05.2", "the maximum is off by")(lambda maps, real: np.where(real[..., None], maps, -np.inf).argmax(axis=1))
wrong("05.2", "your code raised ValueError")(lambda maps, real: np.where(real, maps, -np.inf).max(axis=1))
wrong("05.2", "the maximum is off by")(lambda maps, real: np.abs(maps * real[..., None]).max(axis=1))

# ---- 05.3, which word said so


@right("05.3")
def _(maps, weights):
    return np.bincount(maps.argmax(axis=0), weights * maps.max(axis=0), minlength=len(maps))


@right("05.3")
def _(maps, weights):
    return (np.where(maps == maps.max(axis=0), maps, 0) * weights).sum(axis=1)


@right("05.3")
def _(maps, weights):
    credit = [0.0] * len(maps)
    for column, weight in zip(maps.T, weights):
        step = int(np.argmax(column))
        credit[step] += weight * column[step]
    return credit


@wrong("05.3", "add them up")
def _(maps, weights):
    found = np.zeros(len(maps))
    found[maps.argmax(axis=0)] += weights * maps.max(axis=0)
    return found


@wrong("05.3", "all parts together")
def _(maps, weights):  # by what a step brings, not by where the filter is highest
    found, brings = np.zeros(len(maps)), maps * weights
    np.add.at(found, brings.argmax(axis=0), brings.max(axis=0))
    return found


@wrong("05.3", "the part of each step is off by")
def _(maps, weights):  # each filter's credit to the step that is highest in sum
    found = np.zeros(len(maps))
    found[maps.sum(axis=1).argmax()] = weights @ maps.max(axis=0)
    return found


@wrong("05.3", "the part of each step is off by")
def _(maps, weights):  # spread over the steps
    share = maps / maps.sum(axis=0)
    return share @ (weights * maps.max(axis=0))


wrong("05.3", "all parts together")(lambda maps, weights: maps @ weights)
wrong("05.3", "what you return has the shape (3,)")(lambda maps, weights: weights * maps.max(axis=0))
wrong("05.3", "all parts together")(lambda maps, weights: np.bincount(maps.argmax(axis=0), np.abs(weights) * maps.max(axis=0), len(maps)))
wrong("05.3", "all parts together")(lambda maps, weights: np.bincount(maps.argmax(axis=0), weights, len(maps)))
wrong("05.3", "all parts together")(lambda maps, weights: np.bincount(maps.argmax(axis=0), minlength=len(maps)))
wrong("05.3", "what you return has the shape")(lambda maps, weights: np.bincount(maps.argmax(axis=1), minlength=40))
wrong("05.3", "all parts together")(lambda maps, weights: (maps * weights).max(axis=1))

# ---- 05.4, what each reader can see

CAN = {"bag": "P", "kernel": "PQS", "memory": "PQRS"}

right("05.4")(CAN)
right("05.4")({"bag": "p", "kernel": "S, Q, P", "memory": "P Q R S"})
right("05.4")({"memory": list("PQRS"), "kernel": ("P", "Q", "S"), "bag": {"P"}})

wrong("05.4", "bag: the two of Q look the same to it")(CAN | {"bag": "PQ"})
wrong("05.4", "bag: the two of Q look the same to it")(CAN | {"bag": "PQRS"})
wrong("05.4", "kernel: the two of R look the same to it")(CAN | {"kernel": "PQRS"})
wrong("05.4", "kernel: it can tell apart 3 of the pairs, you named 2")(CAN | {"kernel": "PQ"})
wrong("05.4", "kernel: it can tell apart 3 of the pairs, you named 1")(CAN | {"kernel": "P"})
wrong("05.4", "memory: it can tell apart 4 of the pairs, you named 3")(CAN | {"memory": "PQR"})
wrong("05.4", "bag: it can tell apart 1 of the pairs, you named 0")(CAN | {"bag": ""})
wrong("05.4", "bag: give letters of P, Q, R, S")(CAN | {"bag": "a dull film"})
wrong("05.4", "right so far; still to fill in: memory")(CAN | {"memory": ...})
wrong("05.4", "kernel: the two of R look the same to it")({"bag": ..., "kernel": "R", "memory": ...})
wrong("05.4", "give a dict with bag, kernel, memory")("P, PQS, PQRS")

# ---- 05.5, far without a memory


def stack(*dilations, filters=32, width=3, padding="same", more=()):
    return lambda: keras.Sequential(
        [layers.Conv1D(filters, width, padding=padding, dilation_rate=d, activation="relu") for d in dilations]
        + [part() for part in more]
    )


right("05.5")(stack(1, 2, 4, 4))
right("05.5")(stack(*[1] * 8))
right("05.5")(stack(1, 2, 4, 8, width=2, padding="causal"))
right("05.5")(lambda: keras.Sequential([keras.Input((30, 32)), *stack(1, 3, 4, filters=48)().layers]))
right("05.5")(stack(1, 2, 4, 4, filters=1))

wrong("05.5", "1, 2, 3, 4, 5, 6, 7 steps after it: each of the 8 is needed")(stack(8))
wrong("05.5", "1, 2, 3, 5, 6, 7 steps after it")(stack(4, 4))
wrong("05.5", "up to 1 steps after it; 8 are needed")(stack(1))
wrong("05.5", "up to 7 steps after it; 8 are needed")(stack(1, 2, 4))
wrong("05.5", "up to 4 steps after it; 8 are needed")(stack(1, 1, 1, 1))
wrong("05.5", "a kernel is 17 words wide; at most 3 are allowed")(stack(1, width=17))
wrong("05.5", "what comes out has the shape (4, 8, 32)")(stack(1, 2, 4, 4, padding="valid"))
wrong("05.5", "60,000 are allowed")(stack(1, 2, 4, 8, filters=128))
wrong("05.5", "use Conv1D layers only")(stack(1, more=[lambda: layers.LSTM(32, return_sequences=True)]))
wrong("05.5", "use Conv1D layers only")(stack(1, 2, more=[lambda: layers.MaxPooling1D(4)]))
wrong("05.5", "it has no layers yet")(keras.Sequential)
wrong("05.5", "return a keras.Sequential")(lambda: [layers.Conv1D(64, 3, padding="same", dilation_rate=8)])
wrong("05.5", "up to 4 steps after it; 8 are needed")(stack(2, 2))
wrong("05.5", "what comes out has the shape (4, 15, 32)")(
    lambda: keras.Sequential([layers.Conv1D(32, 3, strides=2, padding="same"), *stack(4, 4)().layers])
)

# ---- 05.6, another answer each day


def steady_with(*parts, padding="same", highest=None):
    def build():
        ids = keras.Input((None,), dtype="int32")
        real = ops.not_equal(ids, 0)
        x = layers.Embedding(WORDS, 16, mask_zero="mask_zero" in parts)(ids)
        x = layers.LSTM(16, return_sequences=True)(x, mask=real if "mask" in parts else None)
        x = keep(x, real) if "keep" in parts else x
        x = layers.Conv1D(16, 3, padding=padding, activation="relu")(x)
        x = (highest or peaks)(x, real) if "peaks" in parts else layers.GlobalMaxPooling1D()(x)
        return keras.Model(ids, layers.Dense(1, activation="sigmoid")(x))

    return build


def above_all(x, real):
    return ops.max(ops.where(real[..., None], x, -1e9), axis=1)


right("05.6")(steady_with("mask", "keep", "peaks"))
right("05.6")(steady_with("mask_zero", "keep", "peaks", highest=above_all))
right("05.6")(steady_with("mask", "peaks", padding="causal"))  # which never looks ahead
right("05.6")(steady_with("peaks", padding="causal"))  # nor does the LSTM: without a mask it is right, too

for parts in (
    {"mask_zero": True},
    {"mask_zero": True, "keep": True},
    {"mask": True},
    {"mask": True, "keep": True},
    {"mask": True, "peaks": True},
    {"peaks": True},
    {"keep": True},
):
    wrong("05.6", "zeros on the right")(steady_with(*parts))
wrong("05.6", "zeros on the right")(steady_with("mask", "keep", "peaks", highest=lambda x, real: layers.GlobalAveragePooling1D()(x)))


@wrong("05.6", "keep the LSTM and the Conv1D")
def _():
    ids = keras.Input((None,), dtype="int32")
    states = layers.LSTM(16)(layers.Embedding(WORDS, 16, mask_zero=True)(ids))
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(states))


@wrong("05.6", "all sentences get the same answer")
def _():
    ids = keras.Input((None,), dtype="int32")
    x = layers.LSTM(16, return_sequences=True)(layers.Embedding(WORDS, 16)(ids))
    x = layers.Conv1D(16, 3)(x)
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(0 * layers.GlobalMaxPooling1D()(x)))


@wrong("05.6", "the answer has the shape (32, 20, 1)")
def _():
    ids = keras.Input((None,), dtype="int32")
    x = layers.LSTM(16, return_sequences=True)(layers.Embedding(WORDS, 16, mask_zero=True)(ids))
    return keras.Model(ids, layers.Dense(1, activation="sigmoid")(layers.Conv1D(16, 3, padding="same")(x)))


# ---- 05.7, a vocabulary that knows too much


@right("05.7")
def _(train, test):
    read = layers.TextVectorization(max_tokens=8000, output_sequence_length=40)
    read.adapt(train.astype(str))
    return [read(train.astype(str)), read(test.astype(str))]


@right("05.7")
def _(train, test):
    read = reader(train)
    return tuple(map(read, (train.astype(str), test.astype(str))))


@right("05.7")
def _(train, test):  # without Keras
    words = sorted({word for text in train for word in text.split()})
    number = {word: n for n, word in enumerate(words, start=2)}
    rows = [[[number.get(word, 1) for word in text.split()] for text in part] for part in (train, test)]
    return tuple(np.array([row + [0] * (LENGTH - len(row)) for row in part]) for part in rows)


def both(make):
    return lambda train, test: (lambda read: (read(train.astype(str)), read(test.astype(str))))(make(train, test))


wrong("05.7", "one vocabulary for both")(lambda train, test: tuple(reader(part)(part.astype(str)) for part in (train, test)))
wrong("05.7", "'superb' occurs in the test only")(both(lambda train, test: reader(np.concatenate([train, test]))))
wrong("05.7", "'superb' occurs in the test only")(both(lambda train, test: reader(np.concatenate([test, train]), 30_000)))
wrong("05.7", "words of the training texts are unknown")(both(lambda train, test: reader(test)))
wrong("05.7", "words of the training texts are unknown")(both(lambda train, test: reader(train, 4)))
wrong("05.7", "the training numbers has the shape (3, 20)")(both(lambda train, test: reader(train, length=20)))
wrong("05.7", "return two arrays")(lambda train, test: reader(train)(train.astype(str)))
wrong("05.7", "the test numbers has the shape (3, 40)")(lambda train, test: [reader(train)(train.astype(str))] * 2)
wrong("05.7", "the training numbers has the shape (3,)")(lambda train, test: (train, test))


@wrong("05.7", "words of the training texts are unknown")
def _(train, test):  # adapted in two goes: what came first is forgotten
    read = reader(train)
    read.adapt(test.astype(str))
    return read(train.astype(str)), read(test.astype(str))
