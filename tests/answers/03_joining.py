from keras import layers, ops

# ---- 03.16, which steps a frame reaches


def other_frame(clips, clip, frame):
    other = clips.copy()
    other[clip, frame] = np.random.default_rng(5).normal(size=clips.shape[2:])
    return other


@right("03.16")
def _(joint, clips, clip, frame):
    differs = joint(other_frame(clips, clip, frame)) != joint(clips)
    return np.argwhere(differs.any(axis=-1))


@right("03.16")
def _(joint, clips, clip, frame):
    before, after = joint(clips), joint(other_frame(clips, clip, frame))
    return {(c, s) for c, s in np.ndindex(before.shape[:2]) if np.abs(after[c, s] - before[c, s]).max() > 1e-6}


@right("03.16")
def _(joint, clips, clip, frame):
    other = clips.copy()
    other[clip, frame] = other[clip, frame][::-1] + np.arange(clips[0, 0].size).reshape(clips.shape[2:]) ** 2
    return list(zip(*np.nonzero(np.any(joint(other) != joint(clips), axis=2))))


@wrong("03.16", "in a way that the joint can see")
def _(joint, clips, clip, frame):  # escapes a joint that subtracts the mean
    other = clips.copy()
    other[clip, frame] += 1
    return np.argwhere((np.abs(joint(other) - joint(clips)) > 1e-9).any(axis=-1))


@wrong("03.16", "in a way that the joint can see")
def _(joint, clips, clip, frame):  # a black frame stays as it was
    other = clips.copy()
    other[clip, frame] = 0
    return np.argwhere((joint(other) != joint(clips)).any(axis=-1))


@wrong("03.16", "change a copy")
def _(joint, clips, clip, frame):
    before = joint(clips)
    clips[clip, frame] = np.random.default_rng(5).normal(size=clips.shape[2:])
    return np.argwhere((joint(clips) != before).any(axis=-1))


@wrong("03.16", "return pairs")
def _(joint, clips, clip, frame):  # every feature by itself
    return np.argwhere(joint(other_frame(clips, clip, frame)) != joint(clips))


@wrong("03.16", "return pairs")
def _(joint, clips, clip, frame):
    return (joint(other_frame(clips, clip, frame)) != joint(clips)).any(axis=-1)


@wrong("03.16", "and you found only")
def _(joint, clips, clip, frame):  # looks at its own clip only
    differs = joint(other_frame(clips, clip, frame)) != joint(clips)
    return [(clip, step) for step in np.flatnonzero(differs[clip].any(axis=-1))]


@wrong("03.16", "only frame 3 of clip 0 was to be changed")
def _(joint, clips, clip, frame):  # changes this frame in all clips
    other = clips.copy()
    other[:, frame] = np.random.default_rng(5).normal(size=clips[:, frame].shape)
    return np.argwhere((joint(other) != joint(clips)).any(axis=-1))


wrong("03.16", "and you found only")(lambda joint, clips, clip, frame: [(clip, frame)])
wrong("03.16", "and you found only")(lambda joint, clips, clip, frame: [])

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
wrong("03.12", "only inside a layer")(lambda maps: ops.reshape(maps, (ops.shape(maps)[0], -1, 30)))
wrong("03.12", "that is 4 axes instead of 3")(lambda maps: layers.Reshape((-1, 4, 30))(maps))
wrong("03.12", "(3, 2, 120)")(lambda maps: PerFrame(layers.Flatten())(maps))
wrong("03.12", "(3, 48, 5)")(lambda maps: layers.Reshape((-1, 5))(maps))
wrong("03.12", "your code raised")(lambda maps: layers.Flatten()(maps)[:, :, 30])
wrong("03.12", "other numbers than the rows")(lambda maps: layers.Reshape((-1, 30))(2 * maps))

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


@wrong("03.15", "it is late")
def _(series):  # zeros in front of both branches: the LSTM's states lag behind
    padded = layers.ZeroPadding1D((2, 0))(series)
    states = layers.LSTM(8, return_sequences=True)(padded)
    return layers.Concatenate()([states[:, :25], layers.Conv1D(8, 3)(padded)])


@wrong("03.15", "the convolution's branch is late")
def _(series):
    sees = layers.Conv1D(8, 2)(layers.ZeroPadding1D((2, 0))(series))[:, :25]
    return layers.Concatenate()([layers.LSTM(8, return_sequences=True)(series), sees])
