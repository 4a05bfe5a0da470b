import re

# ---- 13.1, frames in order


def parts(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


right("13.1")(lambda names: sorted(names, key=parts))
right("13.1")(lambda names: sorted(names, key=lambda name: re.sub(r"\d+", lambda found: found[0].zfill(12), name)))
right("13.1")(lambda names: tuple(sorted(names, key=parts)))
right("13.1")(lambda names: np.array(sorted(names, key=parts)))


@right("13.1")
def _(names):
    names.sort(key=parts)  # in place, and returned
    return names


@right("13.1")
def _(names):  # by taking the least again and again
    left, found = list(names), []
    while left:
        found.append(min(left, key=parts))
        left.remove(found[-1])
    return found


wrong("13.1", "the order of letters")(lambda names: sorted(names))
wrong("13.1", "your function returns None")(lambda names: names.sort(key=parts))
wrong("13.1", "as people count")(lambda names: sorted(names, key=len))
wrong("13.1", "as people count")(lambda names: sorted(names, key=lambda name: (len(name), name)))
wrong("13.1", "as people count")(lambda names: sorted(names, key=lambda name: int(re.findall(r"\d+", name)[0])))
wrong("13.1", "as people count")(lambda names: sorted(names, key=lambda name: int(re.findall(r"\d+", name)[-1])))
wrong("13.1", "as people count")(lambda names: sorted(names, key=parts, reverse=True))
wrong("13.1", "as people count")(lambda names: sorted(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)]))
wrong("13.1", "as people count")(lambda names: names)
wrong("13.1", "the order of letters")(lambda names: sorted(names, key=lambda name: re.sub(r"\d+", lambda found: found[0].zfill(3), name)))
wrong("13.1", "as people count")(lambda names: sorted(names, key=lambda name: (re.sub(r"\d+", "", name), [int(n) for n in re.findall(r"\d+", name)])))
wrong("13.1", "the order of letters")(lambda names: sorted(names, key=lambda name: [int(n) if re.fullmatch(r"-?\d+", n) else n for n in re.split(r"(-?\d+)", name)]))
wrong("13.1", "the order of letters")(lambda names: sorted(names, key=lambda name: re.sub(r"\d+", lambda found: found[0].zfill(4), name)))
wrong("13.1", "as people count")(lambda names: sorted(names, key=lambda name: [int(p[:5]) if p.isdigit() else p for p in re.split(r"(\d+)", name)]))
wrong("13.1", "the order of letters")(lambda names: sorted(names, key=lambda name: parts(name)[:4]))
wrong("13.1", "each name should be there once")(lambda names: sorted(names[1:], key=parts))
wrong("13.1", "return a list of the names")(lambda names: [parts(name) for name in sorted(names, key=parts)])
wrong("13.1", "return a list of the names")(lambda names: [int(re.findall(r"\d+", name)[-1]) for name in names])
wrong("13.1", "return a list of the names")(lambda names: ",".join(sorted(names, key=parts)))

# ---- 13.2, a split by person


@right("13.2")
def _(groups, seed):
    people = np.unique(groups)
    return np.isin(groups, np.random.default_rng(seed).choice(people, round(len(people) / 5), replace=False))


@right("13.2")
def _(groups, seed):
    from sklearn.model_selection import GroupShuffleSplit

    _, at = next(GroupShuffleSplit(1, test_size=0.2, random_state=seed).split(groups, groups=groups))
    found = np.zeros(len(groups), bool)
    found[at] = True
    return found


@right("13.2")
def _(groups, seed):
    import random

    people = sorted(set(groups.tolist()))
    random.Random(seed).shuffle(people)
    return [group in people[: len(people) // 5] for group in groups.tolist()]


@right("13.2")
def _(groups, seed):
    people, which = np.unique(groups, return_inverse=True)
    return (np.random.RandomState(seed).permutation(len(people)) < len(people) * 0.2)[which]


@right("13.2")
def _(groups, seed):
    from sklearn.model_selection import GroupKFold

    _, at = next(GroupKFold(5, shuffle=True, random_state=seed).split(groups, groups=groups))
    return np.isin(np.arange(len(groups)), at)


wrong("13.2", "stand on both sides")(lambda groups, seed: np.random.default_rng(seed).random(len(groups)) < 0.2)
wrong("13.2", "stand on both sides")(lambda groups, seed: np.arange(len(groups)) % 5 == seed % 5)
wrong("13.2", "all seeds give the same people")(lambda groups, seed: np.isin(groups, np.unique(groups)[: len(np.unique(groups)) // 5]))
wrong("13.2", "all seeds give the same people")(
    lambda groups, seed: np.isin(groups, np.random.default_rng(0).choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))
)
wrong("13.2", "of the people are in the test part")(
    lambda groups, seed: ~np.isin(groups, np.random.default_rng(seed).choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))
)
wrong("13.2", "of the people are in the test part")(lambda groups, seed: groups == np.random.default_rng(seed).choice(groups))
wrong("13.2", "of the people are in the test part")(lambda groups, seed: np.zeros(len(groups), bool))
wrong("13.2", "the same seed should give the same split")(
    lambda groups, seed: np.isin(groups, np.random.default_rng().choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))
)
wrong("13.2", "give True or False for each clip")(
    lambda groups, seed: np.isin(groups, np.random.default_rng(seed).choice(np.unique(groups), 4, replace=False)).astype(int)
)
wrong("13.2", "has the shape")(lambda groups, seed: np.random.default_rng(seed).choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))


@wrong("13.2", "40 seeds give only 20")
def _(groups, seed):  # neighbours in the alphabet
    people = np.unique(groups)
    return np.isin(groups, np.roll(people, 7 * seed)[: round(len(people) / 5)])


@wrong("13.2", "40 seeds give only 5")
def _(groups, seed):  # every fifth
    return np.isin(groups, np.unique(groups)[seed % 5 :: 5])


@wrong("13.2", "40 seeds give only 20")
def _(groups, seed):  # a fixed shuffled ring
    people = np.random.default_rng(7).permutation(np.unique(groups))
    return np.isin(groups, np.roll(people, seed)[: round(len(people) / 5)])


@wrong("13.2", "never drawn")
def _(groups, seed):  # of the first twelve alone
    people = np.unique(groups)
    some = people[: len(people) * 3 // 5]
    return np.isin(groups, np.random.default_rng(seed).choice(some, round(len(people) / 5), replace=False))


wrong("13.2", "40 seeds give only 4")(
    lambda groups, seed: np.isin(groups, np.random.default_rng(seed % 4).choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))
)
wrong("13.2", "40 seeds give only 14")(
    lambda groups, seed: np.isin(groups, np.random.default_rng(seed // 3).choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))
)
wrong("13.2", "of the people are in the test part")(
    lambda groups, seed: np.isin(groups, np.random.default_rng(seed).choice(np.unique(groups), 4, replace=False))
)


@wrong("13.2", "leave the groups as they are")
def _(groups, seed):
    groups.sort()
    return np.isin(groups[::-1], np.random.default_rng(seed).choice(np.unique(groups), len(np.unique(groups)) // 5, replace=False))


# ---- 13.3, freeze it


def joined(cnn, units=8, memory=None):
    clips = keras.Input((None, 8, 8, 1))
    states = (memory or layers.LSTM(units))(PerFrame(cnn)(clips))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@right("13.3")
def _(cnn):
    cnn.trainable = False
    return joined(cnn)


@right("13.3")
def _(cnn):
    model = joined(cnn, 16)
    cnn.trainable = False  # afterwards, but before it is compiled
    return model


@right("13.3")
def _(cnn):
    for layer in cnn.layers:
        layer.trainable = False
    return joined(cnn, memory=layers.Bidirectional(layers.LSTM(4)))


@right("13.3")
def _(cnn):
    model = joined(cnn)
    model.layers[1].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@right("13.3")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(PerFrame(cnn)(clips, training=False))  # no harm beside it
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@right("13.3")
def _(cnn):
    cnn.trainable = False
    return joined(cnn, memory=layers.RNN(layers.LSTMCell(8)))


@right("13.3")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(layers.TimeDistributed(cnn)(clips))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@right("13.3")
def _(cnn):
    cnn.trainable = False
    return joined(cnn, memory=layers.RNN([layers.LSTMCell(8), layers.LSTMCell(6)]))


@right("13.3")
def _(cnn):
    cnn.trainable = False

    class Hybrid(keras.Model):
        def __init__(self):
            super().__init__()
            self.frames, self.memory, self.answer = PerFrame(cnn), layers.LSTM(8), layers.Dense(2, activation="softmax")

        def call(self, clips):
            return self.answer(self.memory(self.frames(clips)))

    return Hybrid()


wrong("13.3", "weights of the CNN")(joined)


@wrong("13.3", "without the other clips beside it")
def _(cnn):  # a reshape that mixes clips and frames
    cnn.trainable = False

    class Mixed(layers.Layer):
        def call(self, frames):
            return keras.ops.reshape(keras.ops.transpose(frames, (1, 0, 2)), keras.ops.shape(frames))

    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(Mixed()(PerFrame(cnn)(clips)))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@wrong("13.3", "without the other clips beside it")
def _(cnn):  # the mean of the batch is taken away
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    frames = PerFrame(cnn)(clips)
    states = layers.LSTM(8)(frames - keras.ops.mean(frames, axis=0, keepdims=True))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@wrong("13.3", "something reads pixels beside it")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    both = layers.Concatenate()([PerFrame(cnn)(clips), layers.Reshape((-1, 64))(clips)])
    return keras.Model(clips, layers.Dense(2, activation="softmax")(layers.LSTM(8)(both)))


def altered(cnn, change):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(layers.LSTM(8)(PerFrame(cnn)(change(clips)))))


wrong("13.3", "each frame as it is")(lambda cnn: altered(cnn, lambda clips: clips / 255))
wrong("13.3", "each frame as it is")(lambda cnn: altered(cnn, lambda clips: keras.ops.cumsum(clips, axis=1)))
wrong("13.3", "each frame as it is")(lambda cnn: altered(cnn, lambda clips: clips - keras.ops.roll(clips, 1, axis=1)))


@wrong("13.3", "give all four to the LSTM")
def _(cnn):  # one number a frame
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(keras.ops.mean(PerFrame(cnn)(clips), axis=-1, keepdims=True))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@wrong("13.3", "dense")
def _(cnn):  # the last layer frozen, too
    cnn.trainable = False
    model = joined(cnn)
    model.layers[-1].trainable = False
    return model


@wrong("13.3", "weights of the CNN")
def _(cnn):
    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(PerFrame(cnn)(clips, training=False))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@wrong("13.3", "running averages")
def _(cnn):
    for layer in cnn.layers:
        if not isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
        else:
            layer.gamma.trainable = layer.beta.trainable = False
    return joined(cnn)


@wrong("13.3", "weights of the CNN")
def _(cnn):
    cnn.layers[0].trainable = False  # the convolution alone
    return joined(cnn)


@wrong("13.3", "either: freeze the CNN alone")
def _(cnn):
    model = joined(cnn)
    model.trainable = False
    return model


@wrong("13.3", "do not depend on the CNN")
def _(cnn):
    copy = keras.models.clone_model(cnn)
    copy.trainable = False
    return joined(copy)


@wrong("13.3", "there is no LSTM")
def _(cnn):
    cnn.trainable = False
    return joined(cnn, memory=layers.GlobalAveragePooling1D())


@wrong("13.3", "do not depend on the order")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    mean = layers.GlobalAveragePooling1D(keepdims=True)(PerFrame(cnn)(clips))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(layers.LSTM(8)(mean)))


@wrong("13.3", "frame 1 of 5 changes nothing")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    states = layers.LSTM(8)(PerFrame(cnn)(clips[:, 1:]))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(states))


@wrong("13.3", "leave the number of frames open")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((5, 8, 8, 1))
    return keras.Model(clips, layers.Dense(2, activation="softmax")(layers.LSTM(8)(PerFrame(cnn)(clips))))


@wrong("13.3", "the sum of your two probabilities")
def _(cnn):
    cnn.trainable = False
    clips = keras.Input((None, 8, 8, 1))
    return keras.Model(clips, layers.Dense(2, activation="sigmoid")(layers.LSTM(8)(PerFrame(cnn)(clips))))


wrong("13.3", "return a keras.Model")(lambda cnn: cnn.weights)


@wrong("13.3", "has the shape (8, 5, 2)")
def _(cnn):
    cnn.trainable = False
    return joined(cnn, memory=layers.LSTM(8, return_sequences=True))


# ---- 13.4, when one class is rare


right("13.4")(lambda true, answers: np.mean([np.mean(answers[true == number] == number) for number in np.unique(true)]))
right("13.4")(lambda true, answers: float(np.mean([(true[true == c] == answers[true == c]).mean() for c in set(true.tolist())])))


@right("13.4")
def _(true, answers):
    from sklearn.metrics import recall_score

    return recall_score(true, answers, labels=np.unique(true), average="macro")


@right("13.4")
def _(true, answers):
    weight = 1 / np.bincount(true)[true]  # each class weighs as much as every other
    return (weight * (true == answers)).sum() / weight.sum()


wrong("13.4", "that is the accuracy")(lambda true, answers: np.mean(true == answers))
wrong("13.4", "mean precision")(lambda true, answers: np.mean([(true[answers == c] == c).mean() for c in np.unique(answers)]))
wrong("13.4", "is off by")(lambda true, answers: np.mean([np.mean(answers[true == c] == c) for c in range(true.max() + 1) if (true == c).any()][:2]))
wrong("13.4", "is off by")(lambda true, answers: np.mean([np.sum(answers[true == c] == c) / max(1, np.sum(true == c)) for c in range(true.max() + 1)]))
wrong("13.4", "is off by")(lambda true, answers: min(np.mean(answers[true == c] == c) for c in np.unique(true)))
wrong("13.4", "is off by")(lambda true, answers: sum(np.mean(answers[true == c] == c) for c in np.unique(true)))
wrong("13.4", "is off by")(lambda true, answers: 100 * np.mean([np.mean(answers[true == c] == c) for c in np.unique(true)]))
wrong("13.4", "has the shape")(lambda true, answers: [np.mean(answers[true == c] == c) for c in np.unique(true)])
wrong("13.4", "contains NaN")(lambda true, answers: np.mean([np.mean(answers[true == c] == c) for c in range(4)]))


@wrong("13.4", "is off by")
def _(true, answers):
    from sklearn.metrics import f1_score

    return f1_score(true, answers, average="macro")

# ---- 13.5, an answer after every frame


def its_parts(model):
    return model.layers[1].network, model.get_layer("memory"), model.layers[-1]


def zeros():
    return np.zeros((1, 64), "float32")


def carrying(change=lambda h, c: [h, c], begin=zeros, told=lambda answer, h, c: np.asarray(answer(h))[0], frame=lambda x: x[np.newaxis]):
    """The solution, with one part exchanged."""

    def make(model):
        cnn, memory, answer = its_parts(model)
        h, c = begin(), begin()

        def read(x):
            nonlocal h, c
            _, (h, c) = memory.cell(cnn(frame(x)), change(h, c))
            return told(answer, h, c)

        return read

    return make


right("13.5")(carrying())
right("13.5")(carrying(told=lambda answer, h, c: answer(h)[0]))  # a tensor
right("13.5")(carrying(told=lambda answer, h, c: [float(share) for share in np.asarray(answer(h))[0]]))
right("13.5")(carrying(frame=lambda x: keras.ops.expand_dims(x, 0)))


@right("13.5")
def _(model):  # a network for the step, one batch at a time
    cnn, memory, answer = its_parts(model)
    frame, h, c = keras.Input((32, 32, 1)), keras.Input((64,)), keras.Input((64,))
    x, (h2, c2) = memory.cell(cnn(frame), [h, c])
    step, state = keras.Model([frame, h, c], [answer(x), h2, c2]), [zeros(), zeros()]

    def read(x):
        told, *state[:] = step.predict_on_batch([x[None], *state])
        return told[0]

    return read


@right("13.5")
def _(model):  # predict, which is slow
    cnn, memory, answer = its_parts(model)
    frame, h, c = keras.Input((32, 32, 1)), keras.Input((64,)), keras.Input((64,))
    x, (h2, c2) = memory.cell(cnn(frame), [h, c])
    step, state = keras.Model([frame, h, c], [answer(x), h2, c2]), [zeros(), zeros()]

    def read(x):
        told, *state[:] = step.predict([x[None], *state], verbose=0)
        return told[0]

    return read


@right("13.5")
def _(model):  # an LSTM of its own that is stateful, with the same weights
    cnn, memory, answer = its_parts(model)
    own = layers.LSTM(64, stateful=True)
    own.build((1, 1, 64))
    own.set_weights(memory.get_weights())
    return lambda frame: np.asarray(answer(own(cnn(frame[None])[None])))[0]


@right("13.5")
def _(model):  # a clip of one frame, from the state of the one before
    _, memory, answer = its_parts(model)
    own = layers.LSTM(64, return_state=True)
    own.build((None, None, 64))
    own.set_weights(memory.get_weights())
    state = [keras.ops.zeros((1, 64))] * 2

    def read(frame):
        nonlocal state
        h, *state = own(model.layers[1](frame[None, None]), initial_state=state)
        return answer(h)[0]

    return read


@right("13.5")
def _(model):  # a layer around the model's own cell, which Keras calls twice a frame
    cnn, memory, answer = its_parts(model)
    layer, state = layers.RNN(memory.cell, return_state=True), [keras.ops.zeros((1, 64))] * 2

    def read(frame):
        h, *state[:] = layer(cnn(frame[None])[None], initial_state=state)
        return answer(h)[0]

    return read


@right("13.5")
def _(model):  # the gates by hand
    cnn, memory, answer = its_parts(model)
    kernel, recurrent, bias = memory.get_weights()
    h = c = np.zeros((1, 64))

    def read(frame):
        nonlocal h, c
        i, f, g, o = np.split(np.asarray(cnn(frame[None])) @ kernel + h @ recurrent + bias, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        z = h @ answer.kernel.numpy() + answer.bias.numpy()
        return (np.exp(z) / np.exp(z).sum())[0]

    return read


@right("13.5")
class _:
    def __init__(self, model):
        (self.cnn, self.memory, self.answer), self.state = its_parts(model), [zeros(), zeros()]

    def __call__(self, frame):
        h, self.state = self.memory.cell(self.cnn(frame[None]), self.state)
        return self.answer(h).numpy()[0]


@right("13.5")
def _(model):  # a graph
    import tensorflow as tf

    cnn, memory, answer = its_parts(model)
    state = [tf.zeros((1, 64))] * 2

    @tf.function
    def step(frame, h, c):
        h, (h, c) = memory.cell(cnn(frame[None]), [h, c])
        return answer(h)[0], h, c

    def read(frame):
        told, *state[:] = step(tf.convert_to_tensor(frame), *state)
        return told.numpy()

    return read


@right("13.5")
def _(model):  # a generator does it
    cnn, memory, answer = its_parts(model)

    def reading():
        told, state = None, [zeros(), zeros()]
        while True:
            frame = yield told
            h, state = memory.cell(cnn(frame[None]), state)
            told = answer(h)[0]

    film = reading()
    next(film)
    return film.send


wrong("13.5", "the answer is that to the newest frame alone")(carrying(change=lambda h, c: [zeros(), zeros()]))
wrong("13.5", "the answer is that to the newest frame alone")(lambda model: lambda frame: np.asarray(model(frame[None, None]))[0])
wrong("13.5", "the cell state c of the frame before is lost")(carrying(change=lambda h, c: [h, zeros()]))
wrong("13.5", "the hidden state h of the frame before is lost")(carrying(change=lambda h, c: [zeros(), c]))
wrong("13.5", "h and c have changed places")(carrying(change=lambda h, c: [c, h]))
wrong("13.5", "your answer after frame 1 is off by")(carrying(told=lambda answer, h, c: np.asarray(answer(c))[0]))  # from c
wrong("13.5", "your answer after frame 1 is off by")(carrying(begin=lambda: np.ones((1, 64), "float32")))
wrong("13.5", "your answer after frame 2 is off by")(carrying(change=lambda h, c: [h, h]))
wrong("13.5", "your answer after frame 1 is off by")(carrying(told=lambda answer, h, c: np.eye(2)[np.argmax(answer(h))]))
wrong("13.5", "your answer after frame 1 is off by")(carrying(frame=lambda x: x[np.newaxis] / 255))
@wrong("13.5", "with batch normalisation")
def _(model):  # in training mode
    cnn, memory, answer = its_parts(model)
    state = [zeros(), zeros()]

    def read(frame):
        h, state[:] = memory.cell(cnn(frame[None], training=True), state)
        return np.asarray(answer(h))[0]

    return read


wrong("13.5", "has the shape (1, 2)")(carrying(told=lambda answer, h, c: answer(h)))
wrong("13.5", "has the shape (64,)")(carrying(told=lambda answer, h, c: h[0]))
wrong("13.5", "has the shape ()")(carrying(told=lambda answer, h, c: int(np.argmax(answer(h)))))
wrong("13.5", "could not use your answer")(carrying(frame=lambda x: x))  # no batch of one
wrong("13.5", "return a function")(lambda model: model.layers[-1](zeros()))
wrong("13.5", "return a function")(lambda model: np.zeros((2,)))


@wrong("13.5", "use the CNN of the model that you were given")
def _(model):  # a copy, which reads all frames again
    copy, film = keras.models.clone_model(model), []
    copy.set_weights(model.get_weights())

    def read(frame):
        film.append(frame)
        return np.asarray(copy(np.stack(film)[None]))[0]

    return read


@wrong("13.5", "for 30 new frames the CNN read")
def _(model):  # all of them again
    seen = []

    def read(frame):
        seen.append(frame)
        return np.asarray(model(np.stack(seen)[None]))[0]

    return read


@wrong("13.5", "for 30 new frames the LSTM made")
def _(model):  # keeps what the CNN says of each, and starts the LSTM anew
    cnn, memory, answer = its_parts(model)
    seen = []

    def read(frame):
        seen.append(np.asarray(cnn(frame[None]))[0])
        return np.asarray(answer(memory(np.stack(seen)[None])))[0]

    return read


@wrong("13.5", "frame 5")
def _(model):  # the last four frames
    seen = []

    def read(frame):
        seen.append(frame)
        return np.asarray(model(np.stack(seen[-4:])[None]))[0]

    return read


@wrong("13.5", "frame 2 is off by")
def _(model):  # the mean of the answers to single frames
    told = []

    def read(frame):
        told.append(np.asarray(model(frame[None, None]))[0])
        return np.mean(told, axis=0)

    return read


SHARED = {}


@wrong("13.5", "two streamers of one model, fed in turn, disturb each other")
def _(model):  # one state for all
    cnn, memory, answer = its_parts(model)
    SHARED["state"] = [zeros(), zeros()]

    def read(frame):
        h, SHARED["state"] = memory.cell(cnn(frame[None]), SHARED["state"])
        return np.asarray(answer(h))[0]

    return read


@wrong("13.5", "two streamers of one model, fed in turn, disturb each other")
def _(model):  # the state hangs on the model
    cnn, memory, answer = its_parts(model)

    def read(frame):
        state = SHARED.setdefault(model, [zeros(), zeros()])
        h, SHARED[model] = memory.cell(cnn(frame[None]), state)
        return np.asarray(answer(h))[0]

    return read


@wrong("13.5", "two streamers of one model, fed in turn, disturb each other")
def _(model, state=[np.zeros((1, 64), "float32")] * 2):  # noqa: B008  a default is made once
    cnn, memory, answer = its_parts(model)

    def read(frame):
        h, state[:] = memory.cell(cnn(frame[None]), state)
        return np.asarray(answer(h))[0]

    return read


@wrong("13.5", "the model answers otherwise than before")
def _(model):  # leaves a trace in the model
    read = carrying()(model)
    asked = []

    def counted(frame):
        told = read(frame)
        asked.append(told)
        if len(asked) == 36:
            model.layers[-1].bias.assign_add([1.0, 0.0])
        return told

    return counted


@wrong("13.5", "your answer after frame 38")
def _(model):  # takes a frame equal to the one before for the same one
    read, seen, told = carrying()(model), None, None

    def once(frame):
        nonlocal seen, told
        if seen is None or not np.array_equal(seen, frame):
            seen, told = frame, read(frame)
        return told

    return once


@wrong("13.5", "your answer after frame 38")
def _(model):  # begins anew after sixteen frames
    cnn, memory, answer = its_parts(model)
    state, count = [zeros(), zeros()], 0

    def read(frame):
        nonlocal state, count
        state = [zeros(), zeros()] if count % 16 == 0 else state
        count += 1
        h, state = memory.cell(cnn(frame[None]), state)
        return np.asarray(answer(h))[0]

    return read
