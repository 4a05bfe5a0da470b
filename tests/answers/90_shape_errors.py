from keras import ops

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


@wrong("03.4", "the mask has axes for height and width")
def _():
    x = keras.Input((None, 12, 12, 1))
    maps = PerFrame(layers.Conv2D(4, 3, strides=2))(layers.Masking()(x))
    return keras.Model(x, layers.LSTM(8)(layers.Dense(16)(PerFrame(layers.Flatten())(maps))))


@wrong("03.4", "the mask has axes for height and width")
def _():
    x = keras.Input((None, 12, 12, 1))
    flat = layers.TimeDistributed(layers.Flatten())(layers.Masking()(x))
    return keras.Model(x, layers.LSTM(8)(layers.Dense(16)(flat)))


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


