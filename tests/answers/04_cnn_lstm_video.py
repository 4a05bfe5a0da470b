keras.utils.set_random_seed(4)
digits = datasets.moving_digits(clips=(8, 8, 10))
ours = hybrid()
reader = after_every_frame(ours)


def sorted_features():
    """800 clips of 2 frames with 3 features, class by class."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(800, 2, 3)).astype("float32"), np.repeat(np.arange(8), 100)


# ---- 04.1, predict the shapes

SHAPES = {"maps": (None, None, 16, 16, 8), "flat": (None, None, 2048), "every": (None, None, 20), "last": (None, 20)}

right("04.1")(SHAPES)
right("04.1")(dict(reversed(SHAPES.items())))
right("04.1")({name: keras.Input(shape[1:]).shape for name, shape in SHAPES.items()})

wrong("04.1", "stride 2 halves height and width")(SHAPES | {"maps": (None, None, 32, 32, 8)})
wrong("04.1", "stride 2 halves height and width")(SHAPES | {"maps": (None, None, 15, 15, 8)})
wrong("04.1", "a layer on every frame leaves batch and time")(SHAPES | {"maps": (None, 16, 16, 8)})
wrong("04.1", "there is one map for each filter")(SHAPES | {"maps": (None, None, 16, 16, 3)})
wrong("04.1", "batch and time stay")(SHAPES | {"flat": (None, 2048)})
wrong("04.1", "height, width and channels are multiplied")(SHAPES | {"flat": (None, None, 256)})
wrong("04.1", "the steps stay")(SHAPES | {"every": (None, 20)})
wrong("04.1", "without return_sequences")(SHAPES | {"last": (None, None, 20)})
wrong("04.1", "last: give a tuple")(SHAPES | {"last": "(None, 20)"})
wrong("04.1", "right so far; still to fill in: flat, every, last")(dict.fromkeys(SHAPES, ...) | {"maps": SHAPES["maps"]})
wrong("04.1", "without return_sequences")(dict.fromkeys(SHAPES, ...) | {"last": (None, 1, 20)})

# ---- 04.2, where the weights sit

right("04.2")(lambda features, units: 4 * units * (features + units + 1))
right("04.2")(lambda features, units: 4 * (features * units + units**2 + units))


@right("04.2")
def _(features, units):
    shapes = [(features, 4 * units), (units, 4 * units), (4 * units,)]
    return sum(np.prod(shape) for shape in shapes)


wrong("04.2", "you left out the biases")(lambda features, units: 4 * units * (features + units))
wrong("04.2", "three gates, and the candidate")(lambda features, units: 3 * units * (features + units + 1))
wrong("04.2", "three gates, and the candidate")(lambda features, units: units * (features + units + 1))
wrong("04.2", "Keras counts 74,112, and you 37,248")(lambda features, units: 4 * units * (features + 1))
wrong("04.2", "Keras counts 74,112, and you 74,496")(lambda features, units: 4 * units * (features + units + 2))
wrong("04.2", "Keras counts 74,112, and you 73,732")(lambda features, units: 4 * (units * (features + units) + 1))

# ---- 04.3, fix the bridge


def bridge(*end, lower=None, upper=None, begin=None):
    """A network with these layers behind the CNN."""

    def build():
        clips = keras.Input((None, 24, 24, 1))
        frames = PerFrame(keras.Sequential([*(begin or look)(), *(part() for part in end)]))(clips)
        memory = (lower or (lambda: layers.LSTM(64, return_sequences=True)))()(frames)
        memory = (upper or (lambda: layers.LSTM(64)))()(memory)
        return keras.Model(clips, answers(memory, DIGITS))

    return build


FLAT = layers.Flatten
SMALL = lambda: layers.Dense(48)  # noqa: E731

right("04.3")(bridge(FLAT, SMALL))
right("04.3")(bridge(FLAT))
right("04.3")(bridge(lambda: layers.MaxPooling2D(2), FLAT, SMALL))
right("04.3")(bridge(lambda: layers.Conv2D(4, 1), FLAT, lower=lambda: layers.Bidirectional(layers.LSTM(32, return_sequences=True))))
right("04.3")(bridge(FLAT, SMALL, upper=lambda: layers.GRU(64)))
right("04.3")(bridge(FLAT, SMALL, lower=lambda: keras.Sequential([layers.LSTM(64, return_sequences=True)])))


@right("04.3")
def _():  # rows and columns told apart
    clips = keras.Input((None, 24, 24, 1))
    maps = PerFrame(keras.Sequential(look()))(clips)
    sides = [PerFrame(keras.Sequential([layers.AveragePooling2D(size), layers.Flatten()]))(maps) for size in ((6, 1), (1, 6))]
    states = layers.LSTM(64, return_sequences=True)(layers.Concatenate()(sides))
    return keras.Model(clips, answers(layers.LSTM(64)(states), DIGITS))


wrong("04.3", "further down get nearly equal answers")(bridge(lambda: layers.AveragePooling2D((6, 1)), FLAT))
wrong("04.3", "further to the right get nearly equal answers")(bridge(lambda: layers.AveragePooling2D((1, 6)), FLAT))
wrong("04.3", "its place got lost")(bridge(layers.GlobalAveragePooling2D))
wrong("04.3", "its place got lost")(bridge(layers.GlobalMaxPooling2D, lambda: layers.Dense(200)))
wrong("04.3", "its place got lost")(bridge(lambda: layers.MaxPooling2D(2), layers.GlobalMaxPooling2D))
wrong("04.3", "its place got lost")(bridge(lambda: layers.MaxPooling2D(3, strides=2), layers.GlobalMaxPooling2D))
wrong("04.3", "stay under 400,000")(bridge(FLAT, lambda: layers.Dense(400)))
wrong("04.3", "your code raised ValueError")(bridge(FLAT, SMALL, lower=lambda: layers.LSTM(64)))
wrong("04.3", "the digit answer to 3 frames has the shape (2, 3, 10)")(
    bridge(FLAT, SMALL, upper=lambda: layers.LSTM(64, return_sequences=True))
)
wrong("04.3", "there is no LSTM left")(
    bridge(FLAT, SMALL, lower=lambda: layers.Dense(64), upper=layers.GlobalMaxPooling1D)
)
wrong("04.3", "your code raised ValueError")(bridge(SMALL))


@wrong("04.3", "get the same answer")
def _():  # the mean of the features answers; an LSTM is there, and its states are averaged away
    clips = keras.Input((None, 24, 24, 1))
    frames = PerFrame(keras.Sequential(look() + joint()))(clips)
    memory = layers.GlobalAveragePooling1D()(frames)
    memory = layers.LSTM(64)(layers.Reshape((1, 96))(memory))
    return keras.Model(clips, answers(memory, DIGITS))


@wrong("04.3", "answer with a dict")
def _():
    clips = keras.Input((None, 24, 24, 1))
    frames = PerFrame(keras.Sequential(look() + joint()))(clips)
    return keras.Model(clips, layers.Dense(8, activation="softmax")(layers.LSTM(64)(frames)))


# ---- 04.4, an answer after every frame

SEE, MEMORY, MOTION = ours.get_layer("frames").network, ours.get_layer("memory"), ours.get_layer("motion")


def zeros():
    return [np.zeros((1, 96), "float32")] * 2


@right("04.4")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), state or zeros())
    return np.asarray(MOTION(h))[0], state


@right("04.4")
def _(frame, state):
    kernel, recurrent, bias = MEMORY.get_weights()
    h, c = (np.zeros(96), np.zeros(96)) if state is None else state
    i, f, g, o = np.split(np.asarray(SEE(frame[None]))[0] @ kernel + h @ recurrent + bias, 4)
    i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    c = f * c + i * np.tanh(g)
    h = o * np.tanh(c)
    weight, start = MOTION.get_weights()
    logits = np.exp(h @ weight + start)
    return logits / logits.sum(), (h, c)


@right("04.4")
def _(frame, state):
    features = SEE(frame[np.newaxis])
    (h, c) = state if state is not None else zeros()
    h, (_, c) = MEMORY.cell(features, [h, c])
    return ops.squeeze(MOTION(h), axis=0), [h, c]


@wrong("04.4", "frame 1 was right, so the state is not carried on")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), zeros())
    return np.asarray(MOTION(h))[0], state


@wrong("04.4", "frame 1 was right, so the state is not carried on")
def _(frame, state):
    h, (_, c) = MEMORY.cell(SEE(frame[None]), state or zeros())
    return np.asarray(MOTION(h))[0], [c, h]


@wrong("04.4", "frame 1 was right, so the state is not carried on")
def _(frame, state):
    state = state or zeros()
    h, _ = MEMORY.cell(SEE(frame[None]), state)
    return np.asarray(MOTION(h))[0], state


@wrong("04.4", "the state holds")
def _(frame, state):  # all frames so far
    clip = [*(state or []), frame]
    return reader(np.stack(clip)[None])["motion"][0, -1], clip


@wrong("04.4", "A network reads a batch, even of one frame")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame), state or zeros())
    return np.asarray(MOTION(h))[0], state


@wrong("04.4", "A network reads a batch, even of one frame")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), state or [np.zeros(96)] * 2)
    return np.asarray(MOTION(h[0]))[0], state


@wrong("04.4", "after frame 1 has the shape (1, 8), but should have (8,)")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), state or zeros())
    return MOTION(h), state


@wrong("04.4", "after frame 1 has the shape (10,)")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), state or zeros())
    return ours.get_layer("digit")(h)[0], state


@wrong("04.4", "return two things")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), state or zeros())
    return np.asarray(MOTION(h))[0]


@wrong("04.4", "the answer after frame 1 is off by")
def _(frame, state):
    h, state = MEMORY.cell(SEE(frame[None]), state or [np.ones((1, 96), "float32")] * 2)
    return np.asarray(MOTION(h))[0], state


kept, film, films = [None], [], {}


@wrong("04.4", "something is kept outside the state")
def _(frame, state):  # a film for each clip, in a place of its own
    key = int(state[0]) if state else len(films)
    films.setdefault(key, []).append(frame)
    return reader(np.stack(films[key])[None])["motion"][0, -1], [key]


@wrong("04.4", "is not all in what you return")
def _(frame, state):  # the film so far, in a place of its own
    film[:] = [*(film if state else []), frame]
    return reader(np.stack(film)[None])["motion"][0, -1], [len(film)]


@wrong("04.4", "something is kept outside the state")
def _(frame, state):  # in a place of its own
    h, kept[0] = MEMORY.cell(SEE(frame[None]), kept[0] or zeros())
    return np.asarray(MOTION(h))[0], kept[0]


# ---- 04.6, time in the first kernel


def kernel(*front, **how):
    how = {"strides": (1, 2, 2), "activation": "relu", **how}
    return lambda: keras.Sequential([*(part() for part in front), layers.Conv3D(16, (3, 5, 5), **how)])


def pad(before, after):
    return lambda: layers.ZeroPadding3D(((before, after), (2, 2), (2, 2)))


class Centred(layers.Layer):
    """Each frame without its mean."""

    def call(self, clips):
        return clips - ops.mean(clips, axis=(2, 3), keepdims=True)


right("04.6")(kernel(pad(2, 0)))
right("04.6")(kernel(Centred, pad(2, 0)))


@right("04.6")
def _():
    see = PerFrame(layers.Conv2D(16, 5, strides=2, padding="same"))

    def layer(clips):
        padded = ops.pad(clips, [(0, 0), (2, 0), (0, 0), (0, 0), (0, 0)])
        return see(ops.concatenate([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=-1))

    return layer


@right("04.6")
def _():
    see = layers.Conv3D(16, (3, 3, 3), padding="valid")
    return lambda clips: see(ops.concatenate([ops.zeros_like(clips[:, :1])] * 2 + [ops.convert_to_tensor(clips)], axis=1))


@right("04.6")
def _():
    see = layers.Conv3D(16, (3, 5, 5), padding="same", use_bias=False)
    return lambda clips: see(ops.pad(clips, [(0, 0), (1, 0), (0, 0), (0, 0), (0, 0)]))[:, :-1]


wrong("04.6", "frame 2 changes the output at frame 1: that is the future")(kernel(padding="same"))
wrong("04.6", "that is the future")(kernel(pad(1, 1)))
wrong("04.6", "look the same to it")(
    lambda: keras.Sequential([layers.ZeroPadding3D(((2, 0), (0, 0), (0, 0))), layers.AveragePooling3D((3, 1, 1), strides=1),
                              layers.Conv3D(16, (1, 5, 5), padding="same")])
)  # fmt: skip
wrong("04.6", "that is the future")(lambda: keras.Sequential([Centred(), layers.Conv3D(16, (3, 5, 5), padding="same")]))
wrong("04.6", "that is the future")(kernel(pad(0, 2)))
wrong("04.6", "axis 1 is 4 instead of 6")(kernel())
wrong("04.6", "A Conv2D reads images")(lambda: keras.Sequential([layers.Conv2D(16, 5, strides=2, padding="same")]))
wrong("04.6", "frame 1 does not reach the output at frame 2: see three frames")(
    lambda: PerFrame(layers.Conv2D(16, 5, strides=2, padding="same"))
)
wrong("04.6", "three frames, not more")(
    lambda: keras.Sequential([layers.ZeroPadding3D(((4, 0), (2, 2), (2, 2))), layers.Conv3D(16, 5, strides=(1, 2, 2))])
)
wrong("04.6", "its output has the shape (2, 6, 24, 24, 8)")(
    lambda: keras.Sequential([layers.ZeroPadding3D(((2, 0), (1, 1), (1, 1))), layers.Conv3D(8, 3)])
)
wrong("04.6", "axis 1 is 3 instead of 6")(kernel(pad(2, 0), strides=2))
wrong("04.6", "does not reach the output")(
    lambda: keras.Sequential([layers.ZeroPadding3D(((1, 0), (2, 2), (2, 2))), layers.Conv3D(16, (2, 5, 5))])
)
wrong("04.6", "make the weights once")(
    lambda: lambda clips: layers.Conv3D(16, (3, 5, 5))(ops.pad(clips, [(0, 0), (2, 0), (2, 2), (2, 2), (0, 0)]))
)
wrong("04.6", "the output for another")(
    lambda: (lambda see: lambda clips: see(clips) + ops.mean(clips))(kernel(pad(2, 0))())
)
wrong("04.6", "return a function or a Keras layer")(lambda: 16)


@wrong("04.6", "does not take clips of 2 frames")
def _():
    see = kernel(pad(2, 0))()
    return lambda clips: ops.reshape(see(clips), (-1, 6, 12, 12, 16))


# ---- 04.7, a validation split that reads zero

right("04.7")(lambda x, y: (lambda order: (x[order], y[order]))(np.random.default_rng(1).permutation(len(y))))


@right("04.7")
def _(features, labels):
    order = np.arange(800).reshape(8, 100).T.ravel()  # one clip of each class after the other
    return features[order], labels[order]


@right("04.7")
def _(features, labels):
    pairs = list(zip(features, labels))
    np.random.default_rng(2).shuffle(pairs)
    return [np.array([part for part, _ in pairs]), [label for _, label in pairs]]


@right("04.7")
def _(features, labels):
    from sklearn.utils import shuffle

    return shuffle(ops.convert_to_tensor(features).numpy(), labels, random_state=0)


def shuffled(array, seed):
    return array[np.random.default_rng(seed).permutation(len(array))]


wrong("04.7", "about a quarter should be held out")(lambda x, y: (x, y))
wrong("04.7", "do not belong together")(lambda x, y: (shuffled(x, 0), y))
wrong("04.7", "do not belong together")(lambda x, y: (x, shuffled(y, 0)))
wrong("04.7", "do not belong together")(lambda x, y: (shuffled(x, 0), shuffled(y, 1)))
wrong("04.7", "about a quarter should be held out")(lambda x, y: (x[::-1], y[::-1]))
wrong("04.7", "about a quarter should be held out")(lambda x, y: (np.roll(x, 200, axis=0), np.roll(y, 200)))
wrong("04.7", "the features has the shape (600, 2, 3)")(lambda x, y: (x[:600], y[:600]))
wrong("04.7", "some clips are gone")(lambda x, y: (lambda drawn: (x[drawn], y[drawn]))(np.random.default_rng(0).integers(800, size=800)))
wrong("04.7", "return two arrays")(lambda x, y: shuffled(x, 0))


@wrong("04.7", "about a quarter should be held out")
def _(features, labels):  # shuffled, and sorted again
    order = np.random.default_rng(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    return features[order], labels[order]
