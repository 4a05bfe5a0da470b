# ---- 08.1, a kernel that moves the memory


def with_weight(down, right, value=1.0, kernel=None):
    kernel = np.zeros((3, 3)) if kernel is None else kernel
    kernel[down, right] = value
    return kernel


right("08.1")(lambda down, right: with_weight(1 - down, 1 - right))
right("08.1")(lambda down, right: np.roll([[0, 0, 0], [0, 1, 0], [0, 0, 0]], (-down, -right), axis=(0, 1)))
right("08.1")(lambda down, right: np.eye(9)[4 - 3 * down - right].reshape(3, 3))
right("08.1")(lambda down, right: [[int((i, j) == (1 - down, 1 - right)) for j in range(3)] for i in range(3)])
right("08.1")(lambda down, right: np.outer(np.eye(3)[1 - down], np.eye(3)[1 - right]))
right("08.1")(lambda down, right: ops.convert_to_tensor(with_weight(1 - down, 1 - right)))
right("08.1")(lambda down, right: np.flip(with_weight(1 + down, 1 + right)))


@right("08.1")
def _(down, right):  # found by trying
    image = np.random.default_rng(0).random((9, 9, 1))
    goal = np.roll(image, (down, right), axis=(0, 1))[2:-2, 2:-2]
    for n in range(9):
        kernel = np.eye(9)[n].reshape(3, 3)
        if np.allclose(same(image, kernel[..., None, None])[2:-2, 2:-2], goal):
            break
    return kernel


wrong("08.1", "moves the other way")(lambda down, right: with_weight(1 + down, 1 + right))
wrong("08.1", "rows and columns are exchanged")(lambda down, right: with_weight(1 - right, 1 - down))
wrong("08.1", "moves the other way")(lambda down, right: with_weight(1 + right, 1 + down))
wrong("08.1", "is off by")(lambda down, right: with_weight(1, 1))
wrong("08.1", "is off by")(lambda down, right: with_weight(1 - down, 1 + right))
wrong("08.1", "is off by")(lambda down, right: with_weight(1 + down, 1 - right))
wrong("08.1", "is off by")(lambda down, right: with_weight(1 - down, 1 - right, 2.0))
wrong("08.1", "is off by")(lambda down, right: with_weight(1 - down, 1 - right, -1.0))
wrong("08.1", "is off by")(lambda down, right: np.ones((3, 3)))
wrong("08.1", "is off by")(lambda down, right: np.zeros((3, 3)))
wrong("08.1", "is off by")(lambda down, right: with_weight(1 - down, 1 - right, kernel=np.full((3, 3), 0.1)))
wrong("08.1", "is off by")(lambda down, right: with_weight(1, 1, kernel=with_weight(1 - down, 1 - right)))  # one copy stays
wrong("08.1", "is off by")(lambda down, right: with_weight(-down, -right))  # from the corner
wrong("08.1", "has the shape (3, 3, 1, 1)")(lambda down, right: with_weight(1 - down, 1 - right)[:, :, None, None])
wrong("08.1", "has the shape (9,)")(lambda down, right: np.eye(9)[4 - 3 * down - right])
wrong("08.1", "has the shape (5, 5)")(lambda down, right: np.zeros((5, 5)))
wrong("08.1", "has the shape (2,)")(lambda down, right: [1 - down, 1 - right])
wrong("08.1", "contains NaN")(lambda down, right: np.full((3, 3), np.nan))
wrong("08.1", "should be numbers")(lambda down, right: [["a"] * 3] * 3)

# ---- 08.2, count the weights


right("08.2")(lambda k, channels, filters: 4 * (k**2 * channels * filters + k**2 * filters**2 + filters))
right("08.2")(lambda k, channels, filters: 4.0 * filters * (k * k * (channels + filters) + 1))
right("08.2")(lambda k, channels, filters: np.array(4 * filters * (k * k * (channels + filters) + 1)))
right("08.2")(lambda k, channels, filters: sum(np.prod(shape) for shape in ((k, k, channels, 4 * filters), (k, k, filters, 4 * filters), (4 * filters,))))


@right("08.2")
def _(k, channels, filters):
    layer = layers.ConvLSTM2D(filters, k)
    layer.build((None, None, 20, 20, channels))
    return layer.count_params()


@right("08.2")
def _(k, channels, filters):
    total = 0
    for _gate in "ifgo":
        total += keras.Sequential([keras.Input((9, 9, channels + filters)), layers.Conv2D(filters, k)]).count_params()
    return total


wrong("08.2", "there are four gates")(lambda k, channels, filters: filters * (k * k * (channels + filters) + 1))
wrong("08.2", "the biases are missing")(lambda k, channels, filters: 4 * filters * k * k * (channels + filters))
wrong("08.2", "the recurrent kernel is missing")(lambda k, channels, filters: 4 * filters * (k * k * channels + 1))
wrong("08.2", "you count 640")(lambda k, channels, filters: 4 * filters * (k * k * channels + 2))  # no recurrent kernel
wrong("08.2", "you count 2336")(lambda k, channels, filters: 4 * filters * (k * k * filters + 1))
wrong("08.2", "you count 992")(lambda k, channels, filters: 4 * filters * (k * (channels + filters) + 1))
wrong("08.2", "you count 2184")(lambda k, channels, filters: 3 * filters * (k * k * (channels + filters) + 1))  # a GRU
wrong("08.2", "you count 4640")(lambda k, channels, filters: 4 * filters * (k * k * channels * filters + 1))
wrong("08.2", "each of the four gates has biases of its own")(lambda k, channels, filters: 4 * filters * k * k * (channels + filters) + filters)
wrong("08.2", "you count 2944")(lambda k, channels, filters: 4 * filters * (k * k * (channels + filters) + 2))
wrong("08.2", "you count 352")(lambda k, channels, filters: 4 * filters * (channels + filters + 1))  # an LSTM
right("08.2")(lambda k, channels, filters: filters * 4 * (1 + (0.1 + 0.2) * 10 / 3 * k * k * (channels + filters)))  # rounding
wrong("08.2", "you count")(lambda k, channels, filters: 4 * filters * (k**4 + 1))
wrong("08.2", "has the shape (2,)")(lambda k, channels, filters: [4 * k * k * filters * channels, 4 * k * k * filters**2])
wrong("08.2", "should be numbers")(lambda k, channels, filters: "4 k² filters (channels + filters) + 4 filters")
wrong("08.2", "contains NaN")(lambda k, channels, filters: np.nan)

# ---- 08.3, roll out


def rolling(read=lambda clip, given: clip, keep=lambda clip, ahead: clip[:, -ahead:], more=0):
    """The solution, with one part exchanged."""

    def roll(model, given, ahead):
        clip = given
        for _ in range(ahead + more):
            clip = np.concatenate([clip, model(read(clip, given))[:, -1:]], axis=1)
        return keep(clip, ahead)

    return roll


right("08.3")(rolling())
right("08.3")(rolling(more=0, keep=lambda clip, ahead: ops.convert_to_tensor(clip[:, clip.shape[1] - ahead :])))


@right("08.3")
def _(model, given, ahead):  # predict; a list of frames
    frames = list(np.moveaxis(given, 1, 0))
    for _ in range(ahead):
        frames.append(model.predict(np.stack(frames, axis=1), verbose=0)[:, -1])
    return np.stack(frames[given.shape[1] :], axis=1)


@right("08.3")
def _(model, given, ahead):  # recursion
    if ahead == 0:
        return given[:, :0]
    new = model(given)[:, -1:]
    return np.concatenate([new, *[rest for rest in [recursive(model, np.concatenate([given, new], 1), ahead - 1)] if rest.size]], axis=1)


def recursive(model, given, ahead):
    if ahead == 0:
        return np.zeros((0,))
    new = np.asarray(model(given))[:, -1:]
    rest = recursive(model, np.concatenate([given, new], axis=1), ahead - 1)
    return np.concatenate([new, rest], axis=1) if rest.size else new


right("08.3")(recursive)


@right("08.3")
def _(model, given, ahead):  # tensors of Keras
    clip, new = given, []
    for _ in range(ahead):
        new.append(ops.convert_to_tensor(model(clip))[:, -1])
        clip = ops.concatenate([ops.cast(clip, new[-1].dtype), new[-1][:, None]], axis=1)
    return ops.stack(new, axis=1)


@right("08.3")
def _(model, given, ahead):  # room for all, filled step by step
    count = given.shape[1]
    clip = np.zeros((len(given), count + ahead, *given.shape[2:]))
    clip[:, :count] = given
    for step in range(count, count + ahead):
        clip[:, step] = model(clip[:, :step])[:, -1]
    return clip[:, count:]


@right("08.3")
def _(model, given, ahead):  # TensorFlow's way
    clip = given
    for _ in range(ahead):
        clip = np.concatenate([clip, model(clip).numpy()[:, -1:]], axis=1)
    return clip[:, given.shape[1] :]


@right("08.3")
def _(model, given, ahead):
    clip = given
    for _ in range(ahead):
        clip = np.append(clip, model.predict(x=clip, batch_size=2, verbose=0)[:, -1:], axis=1)
    return clip[:, -ahead:]


NOT_THOSE = "these are not the frames that follow"
wrong("08.3", NOT_THOSE)(rolling(read=lambda clip, given: np.concatenate([0 * clip[:, :-1], clip[:, -1:]], axis=1)))  # black but the last
wrong("08.3", NOT_THOSE)(rolling(read=lambda clip, given: clip[:, ::-1]))
wrong("08.3", NOT_THOSE)(rolling(read=lambda clip, given: clip[:, -1:].repeat(clip.shape[1], axis=1)))


@wrong("08.3", NOT_THOSE)
def _(model, given, ahead):  # its answers in place of the true frames
    clip = given
    for _ in range(ahead):
        clip = np.concatenate([given[:, :1], np.asarray(model(clip))], axis=1)
    return clip[:, -ahead:]


wrong("08.3", "the network was never asked")(lambda model, given, ahead: given[:, -1:].repeat(ahead, axis=1))
wrong("08.3", "the network was asked once")(lambda model, given, ahead: np.repeat(model(given)[:, -1:], ahead, axis=1))
wrong("08.3", "the network was asked once")(lambda model, given, ahead: model(given)[:, -ahead:])
wrong("08.3", "one frame more than the first")(rolling(read=lambda clip, given: clip[:, -given.shape[1] :]))  # forgets
wrong("08.3", "first the network reads the frames that are given")(rolling(read=lambda clip, given: clip[:, -1:]))
wrong("08.3", "first the network reads the frames that are given")(rolling(read=lambda clip, given: clip[:, :1]))
wrong("08.3", "one frame more than the first")(rolling(read=lambda clip, given: given))  # always the true ones
wrong("08.3", "has the shape (2, 7, 4, 4, 1)")(rolling(keep=lambda clip, ahead: clip))
wrong("08.3", "has the shape (2, 5, 4, 4, 1)")(rolling(keep=lambda clip, ahead: clip[:, -ahead - 1 :]))
wrong("08.3", "has the shape (2, 1, 4, 4, 1)")(rolling(keep=lambda clip, ahead: clip[:, -1:]))
wrong("08.3", "has the shape (2, 4, 4, 1)")(rolling(keep=lambda clip, ahead: clip[:, -1]))
wrong("08.3", "these are not the frames that follow")(rolling(keep=lambda clip, ahead: clip[:, ::-1][:, :ahead]))
wrong("08.3", "these are not the frames that follow")(rolling(more=1))
wrong("08.3", "these are not the frames that follow")(rolling(keep=lambda clip, ahead: clip[:, :ahead]))


@wrong("08.3", "first the network reads the frames that are given")
def _(model, given, ahead):  # the first of them only, then on
    clip = given[:, :-1] if given.shape[1] > 1 else given
    for _ in range(ahead + 1):
        clip = np.concatenate([clip, model(clip)[:, -1:]], axis=1)
    return clip[:, -ahead:]


@wrong("08.3", "these are not the frames that follow")
def _(model, given, ahead):  # takes the first answer, not the last
    clip = given
    for _ in range(ahead):
        clip = np.concatenate([clip, model(clip)[:, :1]], axis=1)
    return clip[:, -ahead:]


@wrong("08.3", "these are not the frames that follow")
def _(model, given, ahead):  # new frames in front
    clip = given
    for _ in range(ahead):
        clip = np.concatenate([model(clip)[:, -1:], clip], axis=1)
    return clip[:, :ahead][:, ::-1]


@wrong("08.3", "the network takes (batch, time, height, width, 1), not (2, 4, 4, 1)")
def _(model, given, ahead):  # without the axis of time
    return np.stack([model(given[:, -1]) for _ in range(ahead)], axis=1)


@wrong("08.3", "you give it (2, 6, 4, 4, 1)")
def _(model, given, ahead):  # everything twice
    clip = np.concatenate([given, given], axis=1)
    for _ in range(ahead):
        clip = np.concatenate([clip, model(clip)[:, -1:]], axis=1)
    return clip[:, -ahead:]


# ---- 08.4, how far off


def centre(frames):
    """(clip, time, 2): rows and columns, from 0."""
    frames = frames[..., 0]
    row = (frames.sum(axis=3) * np.arange(frames.shape[2])).sum(axis=2) / frames.sum(axis=(2, 3))
    column = (frames.sum(axis=2) * np.arange(frames.shape[3])).sum(axis=2) / frames.sum(axis=(2, 3))
    return np.stack([row, column], axis=-1)


right("08.4")(lambda true, drawn: np.sqrt(((centre(true) - centre(drawn)) ** 2).sum(axis=-1)).mean(axis=0))
right("08.4")(lambda true, drawn: np.hypot(*np.moveaxis(centre(true) - centre(drawn), -1, 0)).mean(axis=0))
right("08.4")(lambda true, drawn: list(np.linalg.norm(centre(true) - centre(drawn), axis=-1).mean(axis=0)))
right("08.4")(lambda true, drawn: ops.mean(ops.norm(ops.convert_to_tensor(centre(true) - centre(drawn)), axis=-1), axis=0))


@right("08.4")
def _(true, drawn):  # loops
    result = []
    for step in range(true.shape[1]):
        far = []
        for clip in range(len(true)):
            middles = []
            for frame in (true[clip, step, ..., 0], drawn[clip, step, ..., 0]):
                rows, columns = np.indices(frame.shape)
                middles.append((np.average(rows, weights=frame), np.average(columns, weights=frame)))
            far.append(np.hypot(middles[0][0] - middles[1][0], middles[0][1] - middles[1][1]))
        result.append(np.mean(far))
    return result


@right("08.4")
def _(true, drawn):
    from scipy.ndimage import center_of_mass

    middle = np.array([[[center_of_mass(frame[..., 0]) for frame in clip] for clip in frames] for frames in (true, drawn)])
    return np.linalg.norm(middle[0] - middle[1], axis=-1).mean(axis=0)


@right("08.4")
def _(true, drawn):  # from 1, not from 0: the same distances
    return np.linalg.norm((centre(true) + 1) - (centre(drawn) + 1), axis=-1).mean(axis=0)


wrong("08.4", "you average over the clips first")(lambda true, drawn: np.linalg.norm((centre(true) - centre(drawn)).mean(axis=0), axis=-1))
wrong("08.4", "you add rows and columns")(lambda true, drawn: np.abs(centre(true) - centre(drawn)).sum(axis=-1).mean(axis=0))
wrong("08.4", "you take the mean of the squares")(lambda true, drawn: np.sqrt((np.abs(centre(true) - centre(drawn)) ** 2).sum(-1).mean(axis=0)))
wrong("08.4", "the array of distances is off by")(lambda true, drawn: ((centre(true) - centre(drawn)) ** 2).sum(axis=-1).mean(axis=0))
wrong("08.4", "the array of distances is off by")(lambda true, drawn: np.abs(centre(true) - centre(drawn))[..., 0].mean(axis=0))  # rows alone
wrong("08.4", "the array of distances is off by")(lambda true, drawn: np.linalg.norm(centre(true) - centre(drawn), axis=-1).sum(axis=0))
wrong("08.4", "the array of distances is off by")(lambda true, drawn: np.linalg.norm(centre(true) - centre(drawn), axis=-1)[0])
wrong("08.4", "has the shape (3, 4)")(lambda true, drawn: np.linalg.norm(centre(true) - centre(drawn), axis=-1))
wrong("08.4", "has the shape (3,)")(lambda true, drawn: np.linalg.norm(centre(true) - centre(drawn), axis=-1).mean(axis=1))
wrong("08.4", "has the shape ()")(lambda true, drawn: np.linalg.norm(centre(true) - centre(drawn), axis=-1).mean())
wrong("08.4", "has the shape (4, 2)")(lambda true, drawn: np.abs(centre(true) - centre(drawn)).mean(axis=0))
wrong("08.4", "contains NaN")(lambda true, drawn: np.full(true.shape[1], np.nan))
wrong("08.4", "the array of distances is off by")(lambda true, drawn: np.zeros(true.shape[1]))
wrong("08.4", "the array of distances is off by")(lambda true, drawn: ((true - drawn) ** 2).mean(axis=(0, 2, 3, 4)))  # the squared error


@wrong("08.4", "the array of distances is off by")
def _(true, drawn):  # the brightest pixel
    places = []
    for frames in (true, drawn):
        flat = frames.reshape(*frames.shape[:2], -1).argmax(axis=-1)
        places.append(np.stack(np.unravel_index(flat, frames.shape[2:4]), axis=-1))
    return np.linalg.norm(places[0] - places[1], axis=-1).mean(axis=0)


@wrong("08.4", "the array of distances is off by")
def _(true, drawn):  # weighted, but not divided by the light
    rows, columns = np.indices(true.shape[2:4])
    middles = [np.stack([(frames[..., 0] * axis).mean(axis=(2, 3)) for axis in (rows, columns)], -1) for frames in (true, drawn)]
    return np.linalg.norm(middles[0] - middles[1], axis=-1).mean(axis=0)


@wrong("08.4", "the array of distances is off by")
def _(true, drawn):  # of the mean clip
    return np.linalg.norm(centre(true.mean(axis=0, keepdims=True)) - centre(drawn.mean(axis=0, keepdims=True)), axis=-1)[0]


# ---- 08.5, does it see the future


def seeing(change=slice(3, None), compare=slice(3), frames=6, other=lambda clip, rng: rng.random(clip.shape), told=bool):
    """The solution, with one part exchanged."""

    def sees(model):
        rng = np.random.default_rng(0)
        clip = rng.random((1, frames, 24, 24, 1)).astype("float32")
        changed = clip.copy()
        changed[:, change] = other(clip, rng)[:, change]
        first, second = (np.asarray(model(each))[:, compare] for each in (clip, changed))
        return told(np.abs(first - second).max() > 1e-6)

    return sees


right("08.5")(seeing())
right("08.5")(seeing(change=slice(5, None), compare=slice(5)))  # the last frame alone
right("08.5")(seeing(change=slice(1, None), compare=slice(1)))
right("08.5")(seeing(other=lambda clip, rng: np.zeros(clip.shape)))
right("08.5")(seeing(other=lambda clip, rng: clip[:, ::-1]))
right("08.5")(seeing(frames=12))
right("08.5")(seeing(told=np.bool_))
right("08.5")(seeing(told=ops.convert_to_tensor))


@right("08.5")
def _(model):  # a whole clip, and its beginning
    clip = np.random.default_rng(1).random((2, 6, 24, 24, 1)).astype("float32")
    return not np.allclose(model(clip)[:, :4], model(clip[:, :4]), atol=1e-5)


@right("08.5")
def _(model):  # at every step
    clip = np.random.default_rng(2).random((1, 6, 24, 24, 1)).astype("float32")
    for step in range(1, 6):
        other = clip.copy()
        other[:, step:] = 1 - other[:, step:]
        if not np.allclose(model.predict(clip, verbose=0)[:, :step], model.predict(other, verbose=0)[:, :step], atol=1e-6):
            return True
    return False


@right("08.5")
def _(model):  # by its gradient
    import tensorflow as tf

    clip = tf.random.stateless_uniform((1, 6, 24, 24, 1), (0, 1))
    with tf.GradientTape() as tape:
        tape.watch(clip)
        answer = tf.reduce_sum(model(clip)[:, 2])
    return bool(np.abs(tape.gradient(answer, clip)[:, 3:]).max() > 0)


wrong("08.5", "'two frames ahead, only' does see the future")(seeing(change=slice(5, None), compare=slice(4, 5)))
wrong("08.5", "'two frames ahead, only' does see the future")(seeing(change=slice(3, 4), compare=slice(2, 3)))
wrong("08.5", "'one Conv3D, padded in front' does not see the future")(lambda model: isinstance(model.layers[-1], (layers.Conv3D, layers.Lambda)))
wrong("08.5", "'one Conv3D, padded in front' does not see the future")(lambda model: model.count_params() < 8000)
wrong("08.5", "'leaking' does see the future; you say False")(lambda model: False)
wrong("08.5", "'convlstm' does not see the future; you say True")(lambda model: True)
wrong("08.5", "'convlstm' does not see the future; you say True")(seeing(compare=slice(None)))  # the steps that may differ, too
wrong("08.5", "'convlstm' does not see the future; you say True")(seeing(compare=slice(4)))
wrong("08.5", "'leaking' does see the future; you say False")(seeing(compare=slice(1)))  # too early to see it
wrong("08.5", "'leaking' does see the future; you say False")(seeing(change=slice(4, None), compare=slice(2)))
wrong("08.5", "'convlstm' does not see the future; you say True")(seeing(told=lambda differs: not differs))
wrong("08.5", "'leaking' does see the future; you say False")(seeing(other=lambda clip, rng: clip))  # twice the same
wrong("08.5", "'convlstm' does not see the future; you say True")(seeing(change=slice(None), compare=slice(3)))
wrong("08.5", "return True or False")(seeing(told=float))
wrong("08.5", "return True or False")(lambda model: "no")
wrong("08.5", "return True or False")(lambda model: np.array([False]))
wrong("08.5", "'causal3d' does not see the future")(lambda model: any(isinstance(layer, layers.Conv3D) for layer in model.layers))
wrong("08.5", "'one frame ahead, only' does see the future")(lambda model: any(getattr(layer, "padding", "") == "same" and isinstance(layer, layers.Conv3D) for layer in model.layers))
