FRAMES, SERIES, LINE = (None, 12, 12, 1), (None, 16), (12, 30, 1)


def net(*stack, shape=FRAMES):
    """A function that builds a network, each layer of it anew; a tuple of layers runs on every frame."""

    def layer(part):
        if isinstance(part, tuple):
            return PerFrame(keras.Sequential([layer(inner) for inner in part]))
        name, *given = part if isinstance(part, list) else [part]
        how = given.pop() if given and isinstance(given[-1], dict) else {}
        return getattr(layers, name)(*given, **how)

    return lambda: keras.Sequential([keras.Input(shape), *map(layer, stack)])


EVERY, SAME = {"return_sequences": True}, {"padding": "same"}
LSTM, FLAT, POOL, HALVE = ["LSTM", 8], "Flatten", "GlobalMaxPooling2D", ["MaxPooling2D", 2]
CONV, STRIDED = ["Conv2D", 4, 3], ["Conv2D", 4, 3, {"strides": 2}]
ANSWER = ["Dense", 4, {"activation": "softmax"}]

# ---- 03.1, two LSTMs


@right("03.1")
def _():
    x = keras.Input((None, 16), name="steps")
    lower = layers.LSTM(8, return_sequences=True)
    return keras.Model(x, layers.LSTM(4)(lower(x)))


right("03.1")(net(["LSTM", 8, EVERY], ["LSTM", 4], shape=SERIES))
right("03.1")(lambda: keras.Sequential([keras.Input((None, 16)), layers.RNN(layers.LSTMCell(8), **EVERY), layers.LSTM(4)]))

wrong("03.1", "(3, 1, 8), not (3, 6, 8)")(net(LSTM, ["Reshape", (1, 8)], ["LSTM", 4], shape=SERIES))
wrong("03.1", "9 steps go in")(net(LSTM, ["RepeatVector", 6], ["LSTM", 4], shape=SERIES))
wrong("03.1", "two are to read")(net(["LSTM", 4], shape=SERIES))
wrong("03.1", "3 axes instead of 2")(net(["LSTM", 8, EVERY], ["LSTM", 4, EVERY], shape=SERIES))
wrong("03.1", "takes nothing but (None, 6, 16)")(net(["LSTM", 8, EVERY], ["LSTM", 4], shape=(6, 16)))
wrong("03.1", "wants 3 axes and is handed 2")(net(LSTM, ["LSTM", 4, EVERY], shape=SERIES))
wrong("03.1", "reads an array (3, 6, 4)")(net(["LSTM", 4, EVERY], ["LSTM", 4], shape=SERIES))
wrong("03.1", "(3, 8), but should have (3, 4)")(net(["LSTM", 8, EVERY], LSTM, shape=SERIES))
wrong("03.1", "begin with keras.Input")(lambda: keras.Sequential([layers.LSTM(8, **EVERY), layers.LSTM(4)]))

# ---- 03.2, an image layer for clips

right("03.2")(net((CONV, POOL), LSTM))
right("03.2")(net(["Conv3D", 4, (1, 3, 3)], (POOL,), LSTM))
wrong("03.2", "where is time?")(net(["Conv3D", 4, 3], (POOL,), LSTM))
wrong("03.2", "its own frame")(net(["Conv3D", 4, 3, SAME], (POOL,), LSTM))
wrong("03.2", "wants 3 axes")(net(CONV, POOL, LSTM, shape=(12, 12, 1)))

# ---- 03.3, from maps to features

right("03.3")(net((STRIDED, FLAT), LSTM))
right("03.3")(net((STRIDED,), ["Reshape", (-1, 100)], LSTM))
wrong("03.3", "where is time?")(net((STRIDED,), ["Reshape", (-1, 4)], LSTM))
wrong("03.3", "the places are to stay")(net((STRIDED, POOL), LSTM))
wrong("03.3", "the places were pooled away")(net((STRIDED, POOL, ["Dense", 100]), LSTM))

# ---- 03.4, who took the time axis


@right("03.4")
def _():
    x = keras.Input((None, 12, 12, 1))
    maps = layers.TimeDistributed(layers.Conv2D(4, 3, strides=2))(x)
    flat = layers.TimeDistributed(layers.Flatten())(maps)
    return keras.Model(x, layers.LSTM(8)(layers.Dense(16)(flat)))


right("03.4")(net((STRIDED, FLAT), ["Dense", 16], LSTM))
right("03.4")(net((STRIDED,), ["Reshape", (-1, 100)], ["Dense", 16], LSTM))

wrong("03.4", "where is time?")(net((STRIDED,), FLAT, ["Dense", 16], ["Reshape", (1, 16)], LSTM, shape=(6, 12, 12, 1)))
wrong("03.4", "its own frame")(net((STRIDED,), FLAT, ["Dense", 96], ["Reshape", (6, 16)], LSTM, shape=(6, 12, 12, 1)))
wrong("03.4", "takes nothing but")(net((STRIDED,), ["Reshape", (6, 100)], ["Dense", 16], LSTM, shape=(6, 12, 12, 1)))
wrong("03.4", "all 100 numbers of a frame at once")(net((STRIDED, ["Dense", 16], POOL), LSTM))
wrong("03.4", "wants 3 axes and is handed 2")(net((STRIDED,), FLAT, ["Dense", 16], LSTM, shape=(6, 12, 12, 1)))
wrong("03.4", "axis 2 is 100 instead of 16")(net((STRIDED, FLAT), LSTM))
wrong("03.4", "all 100 numbers of a frame at once")(net((STRIDED, POOL, ["Dense", 16]), LSTM))
wrong("03.4", "where is time?")(net((STRIDED,), ["Reshape", (-1, 4)], ["Dense", 16], LSTM))
wrong("03.4", "axis 2 is 400 instead of 16")(net((STRIDED, ["Dense", 16], FLAT), LSTM))
wrong("03.4", "there is none")(net((STRIDED, FLAT), ["Dense", 16], "GlobalAveragePooling1D", ["Dense", 8]))

# ---- 03.5, one clip

right("03.5")(lambda net, clip: net.predict(clip[np.newaxis, ..., np.newaxis], verbose=0)[0])
right("03.5")(lambda net, clip: np.squeeze(net(clip.reshape(1, -1, 12, 12, 1)), axis=0))
right("03.5")(lambda net, clip: net.predict(clip[None], verbose=0)[0])  # Keras adds the channel
right("03.5")(lambda net, clip: net(ops.expand_dims(np.stack([clip]), -1))[0])

wrong("03.5", "six answers for one clip")(lambda net, clip: net.predict(clip[..., np.newaxis], verbose=0))
wrong("03.5", "this is not the answer")(lambda net, clip: net.predict(clip[..., np.newaxis], verbose=0)[0])
wrong("03.5", "this is not the answer")(lambda net, clip: net.predict(clip[..., np.newaxis], verbose=0).mean(axis=0))
wrong("03.5", "(1, 4), but should have (4,)")(lambda net, clip: net(clip[np.newaxis, ..., np.newaxis]))
wrong("03.5", "the network wants (None, None, 12, 12, 1) and is handed")(lambda net, clip: net.predict(clip, verbose=0))
wrong("03.5", "(), but should have (4,)")(lambda net, clip: np.argmax(net(clip[None, ..., None])[0]))
wrong("03.5", "this is not the answer")(lambda net, clip: net(clip.transpose(0, 2, 1)[None, ..., None])[0])
wrong("03.5", "this is not the answer")(lambda net, clip: net(clip[::-1][None, ..., None])[0])
wrong("03.5", "this is not the answer")(lambda net, clip: net(clip[:, None, :, :, None])[-1])
wrong("03.5", "and is handed (1, 12, 12)")(lambda net, clip: net.predict(clip, batch_size=1, verbose=0)[0])

# ---- 03.6, one answer a clip

right("03.6")(net(["LSTM", 16], ANSWER, shape=SERIES))
right("03.6")(net(["LSTM", 8, EVERY], "GlobalAveragePooling1D", ANSWER, shape=SERIES))
right("03.6")(net(["LSTM", 8, EVERY], ANSWER, "GlobalAveragePooling1D", shape=SERIES))


@right("03.6")
def _():
    x = keras.Input((None, 16))
    return keras.Model(x, layers.Dense(4, activation="softmax")(layers.LSTM(8, return_sequences=True)(x)[:, -1]))


@wrong("03.6", "another frame 1 of 6 changes nothing")
def _():
    x = keras.Input((None, 16))
    return keras.Model(x, layers.Dense(4, activation="softmax")(layers.LSTM(8, return_sequences=True)(x)[:, 0]))


@wrong("03.6", "another frame 0 of 6 changes nothing")
def _():
    x = keras.Input((None, 16))
    return keras.Model(x, layers.Dense(4, activation="softmax")(layers.LSTM(8)(x[:, -1:])))


wrong("03.6", "weights for 48")(net(["LSTM", 8, EVERY], FLAT, ANSWER, shape=(6, 16)))
wrong("03.6", "the LSTM is to stay")(net("GlobalAveragePooling1D", ANSWER, shape=SERIES))
wrong("03.6", "the answers have the shape (5, 6, 4)")(net(["LSTM", 8, EVERY], ANSWER, shape=SERIES))
wrong("03.6", "the answers have the shape (5, 1, 4)")(net(LSTM, ["Reshape", (1, 8)], ANSWER, shape=SERIES))
wrong("03.6", "the answers have the shape (5, 8)")(net(LSTM, shape=SERIES))
wrong("03.6", "the answers have the shape (5, 48)")(net(["LSTM", 8, EVERY], "Flatten", shape=(6, 16)))

# ---- 03.7, three convolutions

THREE = [["Conv2D", filters, 3, SAME] for filters in (4, 8, 8)]
right("03.7")(net((THREE[0], HALVE, THREE[1], HALVE, THREE[2], FLAT), LSTM))
right("03.7")(net((CONV, HALVE, ["Conv2D", 8, 3], ["Conv2D", 8, 3], FLAT), LSTM))
wrong("03.7", "three of 3 x 3 are to stay")(net((CONV, HALVE, ["Conv2D", 8, 3], HALVE, ["Conv2D", 8, 1], FLAT), LSTM))

# ---- 03.8, frames of any size

SIZELESS = (None, None, None, 1)

right("03.8")(net((STRIDED, POOL), LSTM, shape=SIZELESS))
right("03.8")(net((STRIDED, "GlobalAveragePooling2D"), LSTM, shape=SIZELESS))
right("03.8")(net((["Resizing", 12, 12], STRIDED, FLAT), LSTM, shape=SIZELESS))
right("03.8")(net((STRIDED,), (POOL,), LSTM, shape=SIZELESS))

wrong("03.8", "where is time?")(net((STRIDED,), ["Reshape", (-1, 4)], LSTM, shape=SIZELESS))
wrong("03.8", "takes nothing but")(net((STRIDED, FLAT), LSTM))
wrong("03.8", "how many features come in is unknown")(net((STRIDED, FLAT), LSTM, shape=SIZELESS))
wrong("03.8", "there is none")(net((STRIDED, POOL), "GlobalMaxPooling1D", ["Dense", 8], shape=SIZELESS))
wrong("03.8", "where is time?")(net(["Conv3D", 4, 3], (POOL,), LSTM, shape=SIZELESS))
wrong("03.8", "it stops")(net((STRIDED, POOL), LSTM, shape=(None, None, 12, 1)))
wrong("03.8", "takes nothing but (None, 6,")(net((STRIDED, POOL), LSTM, shape=(6, None, None, 1)))


@wrong("03.8", "predict")
def _():  # right when called; in predict, it learns the sizes of the first clips only
    class Eager(layers.Layer):
        def call(self, maps):
            features = ops.max(maps, axis=(1, 2))
            return features if tf_is_eager() else features + ops.cast(maps.shape[1] or 0, "float32") + 1

        def compute_output_shape(self, shape):
            return (shape[0], shape[-1])

    frame_cnn = keras.Sequential([layers.Conv2D(4, 3, strides=2), Eager()])
    return keras.Sequential([keras.Input(SIZELESS), PerFrame(frame_cnn), layers.LSTM(8)])


def tf_is_eager():
    import tensorflow as tf

    return tf.executing_eagerly()


# ---- 03.9, two branches


def branches(joined, padding="same", every=True, after=0):
    def build():
        series = keras.Input((20, 8))
        near = layers.ZeroPadding1D((0, after))(layers.Conv1D(4, 3, padding=padding)(series))
        return keras.Model(series, joined(near, layers.LSTM(4, return_sequences=every)(series)))

    return build


def beside(near, before):
    return layers.Concatenate()([near, before])


right("03.9")(branches(beside))
right("03.9")(branches(beside, "causal"))
wrong("03.9", "(3, 38, 4)")(branches(lambda near, before: layers.Concatenate(axis=1)([near, before]), "valid"))
wrong("03.9", "(3, 18, 8)")(branches(lambda near, before: beside(near, layers.Cropping1D((2, 0))(before)), "valid"))
wrong("03.9", "9 to 11, or 10 to 12")(branches(beside, "valid", after=2))
wrong("03.9", "(3, 20, 4)")(branches(lambda near, before: layers.Add()([near, before])))
wrong("03.9", "along one axis only")(branches(beside, every=False))

# ---- 03.10, columns from left to right

COLUMNS, READER = (["Conv2D", 4, 3, SAME], HALVE), ["LSTM", 8, EVERY]

right("03.10")(net(*COLUMNS, ["Permute", (2, 1, 3)], ["Reshape", (15, 24)], READER, shape=LINE))
right("03.10")(net(*COLUMNS, ["Permute", (2, 3, 1)], ["Reshape", (-1, 24)], READER, shape=LINE))
right("03.10")(net(["Permute", (2, 1, 3)], *COLUMNS, ["Reshape", (15, 24)], READER, shape=LINE))
right("03.10")(net(*COLUMNS, ["Permute", (2, 1, 3)], ["TimeDistributed", layers.Flatten()], READER, shape=LINE))

wrong("03.10", "pieces of many columns")(net(*COLUMNS, ["Reshape", (15, 24)], READER, shape=LINE))
wrong("03.10", "the rows, from top to bottom")(net(*COLUMNS, ["Reshape", (6, 60)], READER, shape=LINE))
wrong("03.10", "Reshape cannot make (30, 24)")(net(*COLUMNS, ["Permute", (2, 1, 3)], ["Reshape", (30, 24)], READER, shape=LINE))
wrong("03.10", "pieces of many columns")(net(*COLUMNS, ["Permute", (3, 1, 2)], ["Reshape", (15, 24)], READER, shape=LINE))
wrong("03.10", "pieces of many columns")(net(*COLUMNS, ["Permute", (1, 3, 2)], ["Reshape", (15, 24)], READER, shape=LINE))
wrong("03.10", "pieces of many columns")(net(*COLUMNS, ["Permute", (3, 2, 1)], ["Reshape", (15, 24)], READER, shape=LINE))
wrong("03.10", "(3, 8), but should have (3, 15, 8)")(net(*COLUMNS, ["Permute", (2, 1, 3)], ["Reshape", (15, 24)], LSTM, shape=LINE))
wrong("03.10", "(3, 30, 48)")(net(COLUMNS[0], ["Permute", (2, 1, 3)], ["Reshape", (30, 48)], READER, shape=LINE))
wrong("03.10", "(3, 90, 4)")(net(*COLUMNS, ["Permute", (2, 1, 3)], ["Reshape", (-1, 4)], READER, shape=LINE))

# ---- 03.11, the shapes of a hybrid

HYBRID = {"maps": (None, 10, 16, 24, 8), "columns": (None, 240, 128), "states": (None, 240, 20),
          "phrases": (None, 238, 6), "best": (None, 6), "both": (None, 14)}  # fmt: skip

right("03.11")(HYBRID)
right("03.11")(dict(reversed(HYBRID.items())))
right("03.11")({name: keras.Input(shape[1:]).shape for name, shape in HYBRID.items()})

wrong("03.11", "a stride of 2 halves height and width")(HYBRID | {"maps": (None, 10, 32, 48, 8)})
wrong("03.11", "a stride of 2 halves height and width")(HYBRID | {"maps": (None, 10, 15, 23, 8)})
wrong("03.11", "not as many as it has")(HYBRID | {"maps": (None, 16, 24, 8)})
wrong("03.11", "each column of each frame is a step")(HYBRID | {"columns": (None, 24, 128)})
wrong("03.11", "each column of each frame is a step")(HYBRID | {"columns": (None, 160, 192)})
wrong("03.11", "replaces the features by its units")(HYBRID | {"states": (None, 20)})
wrong("03.11", "a kernel of 3 fits in two times less")(HYBRID | {"phrases": (None, 240, 6)})
wrong("03.11", "takes the steps away")(HYBRID | {"best": (None, 1, 6)})
wrong("03.11", "the two add up")(HYBRID | {"both": (None, 6)})
wrong("03.11", "best: give a tuple")(HYBRID | {"best": 6})
wrong("03.11", "right so far; still to fill in: phrases, both")(HYBRID | {"phrases": ..., "both": ...})
wrong("03.11", "the two add up")(dict.fromkeys(HYBRID, ...) | {"both": (None, 26)})

# ---- 03.12, rows as steps

right("03.12")(lambda maps: layers.Reshape((-1, 30))(maps))
right("03.12")(lambda maps: layers.Lambda(lambda x: ops.reshape(x, (ops.shape(x)[0], -1, 30)))(maps))
right("03.12")(lambda maps: layers.Reshape((-1, 30))(PerFrame(layers.Reshape((4, 30)))(maps)))

wrong("03.12", "those are columns, not rows")(lambda maps: layers.Reshape((-1, 20))(layers.Permute((1, 3, 2, 4))(maps)))
wrong("03.12", "other numbers than the rows")(lambda maps: layers.Reshape((-1, 30))(layers.Permute((1, 3, 2, 4))(maps)))
wrong("03.12", "other numbers than the rows")(lambda maps: layers.Reshape((-1, 30))(layers.Permute((2, 1, 3, 4))(maps)))
wrong("03.12", "is their number fixed in it")(lambda maps: layers.Reshape((8, 30))(maps))
wrong("03.12", "is their number fixed in it")(lambda maps: layers.Reshape((4, 30))(maps))
wrong("03.12", "a size is None")(lambda maps: ops.reshape(maps, (ops.shape(maps)[0], -1, 30)))
wrong("03.12", "that is 4 axes instead of 3")(lambda maps: layers.Reshape((-1, 4, 30))(maps))
wrong("03.12", "(3, 2, 120)")(lambda maps: PerFrame(layers.Flatten())(maps))
wrong("03.12", "(3, 48, 5)")(lambda maps: layers.Reshape((-1, 5))(maps))
wrong("03.12", "your code raised")(lambda maps: layers.Flatten()(maps)[:, :, 30])
wrong("03.12", "other numbers than the rows")(lambda maps: layers.Reshape((-1, 30))(2 * maps))

# ---- 03.13, the mask behind a convolution


def first(kernel, padding):
    return kernel - 1 if padding == "valid" else 0


right("03.13")(lambda mask, kernel, stride, padding: mask[:, first(kernel, padding) :: stride])


@right("03.13")
def _(mask, kernel, stride, padding):
    ends = np.arange(first(kernel, padding), mask.shape[1], stride)
    return ends < mask.sum(axis=1)[:, None]


@right("03.13")
def _(mask, kernel, stride, padding):
    ends = range(first(kernel, padding), mask.shape[1], stride)
    return np.array([[float(row[end]) for end in ends] for row in mask])


wrong("03.13", "the mask (")(lambda mask, kernel, stride, padding: mask)
wrong("03.13", "the mask (")(lambda mask, kernel, stride, padding: mask[:, ::stride])
wrong("03.13", "padding valid")(lambda mask, kernel, stride, padding: mask[:, kernel // 2 * (padding == "valid") :: stride])
wrong("03.13", "the mask (")(lambda mask, kernel, stride, padding: mask[:, kernel - 1 :: stride])
wrong("03.13", "and your mask says")(
    lambda mask, kernel, stride, padding: mask[:, : mask.shape[1] - first(kernel, padding) : stride]
)
wrong("03.13", "the mask (")(lambda mask, kernel, stride, padding: mask[:, first(kernel, padding) :])
wrong("03.13", "the mask (")(lambda mask, kernel, stride, padding: mask[:, first(kernel, padding) + stride - 1 :: stride])


@wrong("03.13", "and your mask says")
def _(mask, kernel, stride, padding):  # every step that an output touches is enough
    starts = np.arange(0, mask.shape[1] - first(kernel, padding), stride)
    return starts < mask.sum(axis=1)[:, None]


@wrong("03.13", "and your mask says")
def _(mask, kernel, stride, padding):  # never shorter than one step
    ends = np.arange(first(kernel, padding), mask.shape[1], stride)
    return ends < np.maximum(mask.sum(axis=1), kernel)[:, None]


# ---- 03.14, fold and unfold


def unfolded(outputs, *front):
    return [ops.reshape(out, (*front, *out.shape[1:])) for out in outputs]


@right("03.14")
def _(network, clips):
    batch, time_, *frame = clips.shape
    return unfolded(network.predict(clips.reshape(-1, *frame), verbose=0), batch, time_)


@right("03.14")
def _(network, clips):
    maps, vectors = network(np.concatenate(list(clips)))
    return np.reshape(maps, (*clips.shape[:2], *maps.shape[1:])), np.reshape(vectors, (*clips.shape[:2], -1))


@right("03.14")
def _(network, clips):
    frames = clips.swapaxes(0, 1)  # time first, and back
    outputs = network(frames.reshape(-1, *frames.shape[2:]))
    return [ops.swapaxes(out, 0, 1) for out in unfolded(outputs, *frames.shape[:2])]


@right("03.14")
def _(network, clips):
    outputs = network.predict_on_batch(ops.reshape(clips, (-1, *clips.shape[2:])))
    return unfolded(outputs, *clips.shape[:2])


@wrong("03.14", "have changed places")
def _(network, clips):
    batch, time_, *frame = clips.shape
    outputs = network(ops.reshape(clips, (-1, *frame)))
    return [ops.swapaxes(out, 0, 1) for out in unfolded(outputs, time_, batch)]


@wrong("03.14", "once is enough")
def _(network, clips):
    seen = [network(clips[:, t]) for t in range(clips.shape[1])]
    return [np.stack(part, axis=1) for part in zip(*seen)]


@wrong("03.14", "once is enough")
def _(network, clips):
    seen = [network.predict(clips[:, t], verbose=0) for t in range(clips.shape[1])]
    return [np.stack(part, axis=1) for part in zip(*seen)]


@wrong("03.14", "once is enough")
def _(network, clips):
    return [np.stack(part) for part in zip(*(network(clip) for clip in clips))]


@wrong("03.14", "(10, 6, 6, 3), but should have (2, 5, 6, 6, 3)")
def _(network, clips):
    return network(ops.reshape(clips, (-1, *clips.shape[2:])))


@wrong("03.14", "return a list of two tensors")
def _(network, clips):
    maps, _ = network(ops.reshape(clips, (-1, *clips.shape[2:])))
    return unfolded([maps], *clips.shape[:2])


@wrong("03.14", "have changed places")
def _(network, clips):
    batch, time_, *frame = clips.shape
    outputs = network(ops.reshape(ops.swapaxes(clips, 0, 1), (-1, *frame)))
    return unfolded(outputs, batch, time_)


@wrong("03.14", "the vectors of 2 clips of 5 frames has the shape (2, 15)")
def _(network, clips):
    maps, vectors = network(ops.reshape(clips, (-1, *clips.shape[2:])))
    return [*unfolded([maps], *clips.shape[:2]), ops.reshape(vectors, (len(clips), -1))]


@wrong("03.14", "your code raised")
def _(network, clips):
    return network(clips)


@wrong("03.14", "is off by")
def _(network, clips):
    outputs = network(ops.transpose(clips, (0, 1, 3, 2, 4)).numpy().reshape(-1, *clips.shape[2:]))
    return unfolded(outputs, *clips.shape[:2])


# ---- 03.15, side by side, aligned


def aligned(padding="causal", reads=None, convolution=True, lstm=True, before=None):
    def alongside(series):
        remembers = (reads or layers.LSTM(8, return_sequences=True))(series)
        sees = before(series) if before else series
        sees = layers.Conv1D(8, 3, activation="relu", padding=padding)(sees)
        kept = [remembers] * lstm + [sees] * convolution
        return layers.Concatenate()(kept) if len(kept) > 1 else kept[0]

    return alongside


right("03.15")(aligned())
right("03.15")(aligned("valid", before=lambda x: layers.ZeroPadding1D((2, 0))(x)))
right("03.15")(aligned("valid", before=lambda x: ops.pad(x, [(0, 0), (2, 0), (0, 0)])))


@right("03.15")
def _(series):
    states = layers.LSTM(4, return_sequences=True)(series)
    return ops.concatenate([layers.Conv1D(6, 3, padding="causal")(series), states], axis=-1)


wrong("03.15", "(1, 23, 16)")(colleague)
wrong("03.15", "it has seen the future")(aligned("same"))
wrong("03.15", "it has seen the future")(aligned("valid", before=lambda x: layers.ZeroPadding1D((0, 2))(x)))
wrong("03.15", "it has seen the future")(aligned("valid", before=lambda x: layers.ZeroPadding1D(1)(x)))
wrong("03.15", "the convolution's branch is gone")(aligned(convolution=False))
wrong("03.15", "nothing remembers")(aligned(lstm=False))


@wrong("03.15", "it has seen the future")
def _(series):
    return aligned(reads=layers.Bidirectional(layers.LSTM(8, return_sequences=True)))(series)


@wrong("03.15", "(1, 23, 16)")
def _(series):
    remembers = layers.LSTM(8, return_sequences=True)(series)
    return layers.Concatenate()([remembers[:, 2:], layers.Conv1D(8, 3)(series)])


@wrong("03.15", "the convolution's branch is gone")
def _(series):  # one after the other, not side by side
    return layers.LSTM(8, return_sequences=True)(layers.Conv1D(8, 3, padding="causal")(series))
