keras.utils.set_random_seed(6)
hidden = datasets.hidden_digit(clips=(8, 8, 24))
looker = network(attention)
live = {"share": float((weights_of(looker, hidden.test.x) * hidden.test.shown).sum(axis=1).mean())}
learned, case = np.full((24, 12), 1 / 12), 0  # for 06.6: the digit is 3 if the first half has more weight


def answered(weights):
    return np.where(weights[:, :6].sum(axis=1) >= 0.49, 3, 5)


# ---- 06.1, attention by hand


def scores_of(query, keys, W, U, w):
    return np.tanh(W @ query + keys @ U.T) @ w


@right("06.1")
def _(query, keys, mask, W, U, w):
    powers = np.exp(scores_of(query, keys, W, U, w)) * mask
    weights = powers / powers.sum()
    return weights, weights @ keys


@right("06.1")
def _(query, keys, mask, W, U, w):
    weights = np.zeros(len(keys))
    weights[mask] = softmax(scores_of(query, keys[mask], W, U, w), axis=0)
    return [weights, (weights[:, None] * keys).sum(axis=0)]


@right("06.1")
def _(query, keys, mask, W, U, w):
    scores = [w @ np.tanh(W @ query + U @ key) if real else -np.inf for key, real in zip(keys, mask)]
    weights = softmax(np.array(scores), axis=0)
    return weights, sum(weight * key for weight, key in zip(weights, keys))


@wrong("06.1", "are the scores masked before it")
def _(query, keys, mask, W, U, w):
    weights = softmax(scores_of(query, keys, W, U, w), axis=0) * mask
    return weights, weights @ keys


@wrong("06.1", "a masked step has a weight other than 0")
def _(query, keys, mask, W, U, w):
    weights = softmax(scores_of(query, keys, W, U, w), axis=0)
    return weights, weights @ keys


@wrong("06.1", "a masked step has a weight other than 0")
def _(query, keys, mask, W, U, w):  # a score of 0 is not no weight
    weights = softmax(scores_of(query, keys, W, U, w) * mask, axis=0)
    return weights, weights @ keys


@wrong("06.1", "the weights is off by")
def _(query, keys, mask, W, U, w):
    weights = softmax(np.where(mask, (W @ query + keys @ U.T) @ w, -1e9), axis=0)
    return weights, weights @ keys


@wrong("06.1", "the weights do not sum to 1")
def _(query, keys, mask, W, U, w):
    weights = np.where(mask, scores_of(query, keys, W, U, w), 0)
    return weights, weights @ keys


@wrong("06.1", "the weights is off by")
def _(query, keys, mask, W, U, w):  # equal weights
    weights = mask / mask.sum()
    return weights, weights @ keys


@wrong("06.1", "the context has the shape (5, 8)")
def _(query, keys, mask, W, U, w):
    weights = softmax(np.where(mask, scores_of(query, keys, W, U, w), -1e9), axis=0)
    return weights, weights[:, None] * keys


@wrong("06.1", "the context is off by")
def _(query, keys, mask, W, U, w):
    weights = softmax(np.where(mask, scores_of(query, keys, W, U, w), -1e9), axis=0)
    return weights, keys[mask].mean(axis=0)


@wrong("06.1", "return two things")
def _(query, keys, mask, W, U, w):
    return softmax(np.where(mask, scores_of(query, keys, W, U, w), -1e9), axis=0) @ keys


@wrong("06.1", "your code raised ValueError")
def _(query, keys, mask, W, U, w):
    return scores_of(query, keys, U, W, w), keys[0]


@wrong("06.1", "a masked step has a weight other than 0")
def _(query, keys, mask, W, U, w):  # the mask the wrong way round
    weights = softmax(np.where(mask & (~mask).any(), -1e9, scores_of(query, keys, W, U, w)), axis=0)
    return weights, weights @ keys


@wrong("06.1", "a masked step has a weight other than 0")
def _(query, keys, mask, W, U, w):  # low, but not low enough
    weights = softmax(np.where(mask, scores_of(query, keys, W, U, w), -30), axis=0)
    return weights, weights @ keys


# ---- 06.2, something to choose from


def chooser(score=None, axis=1, read=None, steps=(36, 32), give=None, squeeze=True):
    """The solution, with one part exchanged."""

    def build():
        image = keras.Input((24, 24, 1))
        x = image
        for layer in look():
            x = layer(x)
        places = layers.Reshape(steps)(x)
        weights = layers.Softmax(axis=axis)((score or additive)(places))
        context = (read or (lambda w, v: layers.Flatten()(layers.Dot(axes=1)([w, v]))))(weights, places)
        given = give(places) if give else weights
        given = layers.Flatten()(given) if squeeze else given
        return keras.Model(image, [layers.Dense(10, activation="softmax", name="digit")(context), given])

    return build


right("06.2")(chooser())
right("06.2")(chooser(score=lambda x: layers.Dense(1)(x)))
right("06.2")(chooser(read=lambda w, v: ops.sum(w * v, axis=1)))
right("06.2")(chooser(score=lambda x: additive(layers.LSTM(16, return_sequences=True)(x))))


@right("06.2")
def _():  # on the map itself
    image = keras.Input((24, 24, 1))
    maps = keras.Sequential(look())(image)
    weights = ops.softmax(ops.reshape(layers.Conv2D(1, 1)(maps), (-1, 36)), axis=-1)
    context = ops.einsum("bs,bsf->bf", weights, ops.reshape(maps, (-1, 36, 32)))
    return keras.Model(image, [layers.Dense(10, activation="softmax")(context), weights])


wrong("06.2", "attention has 1 step")(posted)
wrong("06.2", "attention has 32 steps")(chooser(steps=(32, 36)))
wrong("06.2", "named from the context alone")(chooser(read=lambda w, v: layers.GlobalMaxPooling1D()(v)))
wrong("06.2", "named from the context alone")(chooser(give=lambda v: layers.Softmax(axis=1)(layers.Dense(1)(v))))
wrong("06.2", "named from the context alone")(chooser(read=lambda w, v: layers.GlobalAveragePooling1D()(v) * ops.sum(w, axis=1)))
wrong("06.2", "over which axis runs the softmax")(chooser(axis=-1))
wrong("06.2", "over which axis runs the softmax")(chooser(axis=0))
wrong("06.2", "over which axis runs the softmax")(chooser(give=lambda v: layers.Dense(1, activation="sigmoid")(v)))
wrong("06.2", "the weights has the shape (2, 36, 1)")(chooser(squeeze=False))
wrong("06.2", "equal weights")(chooser(score=lambda x: 0 * layers.Dense(1)(x)))
wrong("06.2", "needs fewer than 30,000")(chooser(score=lambda x: additive(layers.LSTM(64, return_sequences=True)(x))))
wrong("06.2", "give the model two outputs")(honest)
wrong("06.2", "named from the context alone")(chooser(read=lambda w, v: layers.Flatten()(w)))
wrong("06.2", "named from the context alone")(chooser(read=lambda w, v: ops.sum(w[:, ::-1] * v, axis=1)))
wrong("06.2", "named from the context alone")(
    chooser(read=lambda w, v: layers.Concatenate()([ops.sum(w * v, axis=1), layers.GlobalAveragePooling1D()(v)]))
)
wrong("06.2", "named from the context alone")(chooser(read=lambda w, v: ops.max(w * v, axis=1)))
wrong("06.2", "named from the context alone")(chooser(read=lambda w, v: layers.Flatten()(w * v)))


@wrong("06.2", "the digit has the shape (2, 36)")
def _():
    model = chooser()()
    return keras.Model(model.input, model.outputs[::-1])


# ---- 06.3, score it


@right("06.3")
def _(weights, shown):
    weights, shown = weights[shown.any(axis=1)], shown[shown.any(axis=1)]
    return (weights * shown).sum() / len(shown), shown.sum() / shown.size


@right("06.3")
def _(weights, shown):
    pairs = [(w[s].sum(), s.mean()) for w, s in zip(weights, shown) if s.any()]
    return np.mean(pairs, axis=0)


@right("06.3")
def _(weights, shown):
    some = shown.sum(axis=1) > 0
    share, chance = (np.sum(w * shown, axis=1) for w in (weights, np.full(weights.shape, 1 / weights.shape[1])))
    return share[some].mean(), chance[some].mean()


def pointed(share, chance):
    """Share and chance, each over the clips that `share` and `chance` choose."""
    return lambda weights, shown: ((weights * shown).sum(axis=1)[share(shown)].mean(), shown[chance(shown)].mean())


def anything(shown):
    return shown.any(axis=1)


def all_clips(shown):
    return slice(None)


wrong("06.3", "leave them out")(pointed(all_clips, all_clips))
wrong("06.3", "take the same clips as for the share")(pointed(anything, all_clips))
wrong("06.3", "leave them out")(pointed(all_clips, anything))
wrong("06.3", "you give chance 0.250")(lambda weights, shown: (pointed(anything, anything)(weights, shown)[0], 1 / shown.shape[1]))
wrong("06.3", "you give chance 0.500")(lambda weights, shown: (pointed(anything, anything)(weights, shown)[0], 0.5))
wrong("06.3", "the share is off by")(lambda weights, shown: (shown[np.arange(len(shown)), weights.argmax(axis=1)].mean(), 5 / 12))
wrong("06.3", "the share is off by")(lambda weights, shown: (weights[shown].mean(), shown[anything(shown)].mean()))
wrong("06.3", "return two numbers")(lambda weights, shown: (weights * shown)[anything(shown)].sum(axis=1).mean())
wrong("06.3", "right so far; still to fill in: chance")(lambda weights, shown: (pointed(anything, anything)(weights, shown)[0], ...))
wrong("06.3", "leave them out")(lambda weights, shown: (pointed(all_clips, all_clips)(weights, shown)[0], ...))
wrong("06.3", "leave them out")(lambda weights, shown: ((weights * shown / shown.sum(axis=1)[:, None]).sum(axis=1).mean(), 5 / 12))

# ---- 06.4, can it know the order

build, built = network, {}


def network_built_once(gather, frames=None):
    """The check draws the same weights for each answer: seventeen answers share what one needs."""
    key = gather.__code__, frames
    if key not in built:
        built[key] = build(gather, frames)
    return built[key]


globals()["network"] = network_built_once  # for the check; the cells above have the lesson's own


def differs(turn, least=1e-5):
    def test(model, clips):
        return bool(np.abs(np.asarray(model(clips)) - np.asarray(model(turn(clips)))).max() > least)

    return test


right("06.4")(differs(lambda clips: np.roll(clips, 3, axis=1)))
right("06.4")(differs(lambda clips: clips[:, [11, *range(1, 11), 0]]))


@right("06.4")
def _(model, clips):
    order = np.random.default_rng(0).permutation(clips.shape[1])
    one, other = (model.predict(x, verbose=0) for x in (clips[:4], clips[:4, order]))
    return not np.allclose(one, other, atol=1e-5)


wrong("06.4", "axis 1, and not the clips")(differs(lambda clips: clips[::-1]))
wrong("06.4", "axis 1, and not the clips")(differs(lambda clips: clips[:, :, ::-1]))
wrong("06.4", "compare the probabilities")(differs(lambda clips: clips[:, ::-1], 1e-2))
wrong("06.4", "sums in another order differ in the seventh digit")(differs(lambda clips: clips[:, ::-1], 0))
wrong("06.4", "of the untrained mean you say True")(lambda model, clips: True)
wrong("06.4", "of the untrained last_state you say False")(lambda model, clips: False)
wrong("06.4", "compare the probabilities")(
    lambda model, clips: bool((np.argmax(model(clips), -1) != np.argmax(model(clips[:, ::-1]), -1)).any())
)
wrong("06.4", "of the untrained attention_by_position you say False")(
    lambda model, clips: any(isinstance(layer, layers.LSTM) for layer in model.layers)
)
wrong("06.4", "answer with True or False")(lambda model, clips: float(np.abs(model(clips) - model(clips[:, ::-1])).max()))
wrong("06.4", "of the untrained last_state you say False")(
    lambda model, clips: bool(abs(np.mean(model(clips)) - np.mean(model(clips[:, ::-1]))) > 1e-5)
)
wrong("06.4", "of the untrained attention you say True")(
    lambda model, clips: any("softmax" in layer.name or isinstance(layer, layers.LSTM) for layer in model.layers)
)

wrong("06.4", "of the untrained convolution over time you say False")(
    lambda model, clips: any(isinstance(layer, (layers.LSTM, layers.EinsumDense)) for layer in model.layers)
)
wrong("06.4", "of the untrained attention_by_position you say False")(lambda model, clips: model.count_params() > 82_100)

# ---- 06.5, so good in training


def gathering(axis=1, score=None):
    def gather(features):
        scores = (score or (lambda x: layers.Dense(1)(layers.Dense(32, activation="tanh")(x))))(features)
        weights = layers.Softmax(axis=axis)(scores)
        return layers.Flatten()(layers.Dot(axes=1)([weights, features]))

    return gather


right("06.5")(gathering())
right("06.5")(gathering(score=lambda x: additive(x)))
right("06.5")(lambda features: ops.sum(ops.softmax(layers.Dense(1)(features), axis=1) * features, axis=1))
right("06.5")(lambda features: attend(additive(features), features))


@right("06.5")
def _(features):
    scores = ops.exp(layers.Dense(1)(layers.Dense(16, activation="relu")(features)))[..., 0]
    weights = scores / ops.sum(scores, axis=-1, keepdims=True)
    return ops.einsum("bt,btf->bf", weights, features)


wrong("06.5", "when other clips stand beside it")(colleague)
wrong("06.5", "over which axis do the weights sum to 1")(gathering(axis=-1))
wrong("06.5", "the same whatever the steps hold")(layers.GlobalAveragePooling1D())
wrong("06.5", "no weighted mean of the steps")(layers.GlobalMaxPooling1D())
wrong("06.5", "over which axis do the weights sum to 1")(lambda x: layers.LSTM(64)(x))
wrong("06.5", "the context has the shape (None, None, 64)")(
    lambda x: layers.Softmax(axis=1)(layers.Dense(1)(x)) * x
)
wrong("06.5", "over which axis do the weights sum to 1")(lambda x: ops.sum(layers.Dense(1, activation="sigmoid")(x) * x, axis=1))
wrong("06.5", "the same whatever the steps hold")(gathering(score=lambda x: 0 * layers.Dense(1)(x)))
wrong("06.5", "the same whatever the steps hold")(lambda x: x[:, -1] + 0 * layers.Dense(64)(x)[:, 0])
wrong("06.5", "the context has the shape (None, 1)")(lambda x: ops.sum(layers.Softmax(axis=1)(layers.Dense(1)(x)), axis=1))
wrong("06.5", "no weighted mean of the steps")(lambda x: ops.sum(layers.Softmax(axis=1)(layers.Dense(64)(x)) * x, axis=1))

wrong("06.5", "score each step by what it holds itself")(gathering(score=lambda x: ops.roll(additive(x), 1, axis=1)))
wrong("06.5", "score each step by what it holds itself")(gathering(score=lambda x: ops.softmax(additive(x), axis=1)))
wrong("06.5", "is a gradient stopped")(gathering(score=lambda x: ops.stop_gradient(additive(x))))

# ---- 06.6, two stories

LAST = np.eye(12)[11]

right("06.6")({"same": np.eye(12)[0], "other": LAST})
right("06.6")({"same": np.eye(12)[[0, 3]].mean(axis=0), "other": np.array([0] * 8 + [0.25] * 4)})
right("06.6")({"same": [0.5, 0.2, 0.3] + [0] * 9, "other": [0.4] + [0] * 9 + [0.3, 0.3]})
wrong("06.6", "'other': the answer is still 3")({"same": np.eye(12)[0], "other": np.eye(12)[1]})
wrong("06.6", "'same': the answer becomes 5")({"same": LAST, "other": ...})
wrong("06.6", "right so far; still to fill in: other")({"same": np.eye(12)[0], "other": ...})
wrong("06.6", "'same' moves 0.00 of the weight; move over 0.6")({"same": learned[case], "other": LAST})
wrong("06.6", "'same' moves 0.50 of the weight")({"same": np.array([1] * 6 + [0] * 6) / 6, "other": LAST})
wrong("06.6", "weights sum to 1; yours sum to 3.000")({"same": np.array([1, 1, 1] + [0] * 9), "other": LAST})
wrong("06.6", "no weight may be below 0; one is -1")({"same": np.array([2, -1] + [0] * 10), "other": LAST})
wrong("06.6", "the weights of 'other' has the shape (2,)")({"same": np.eye(12)[0], "other": (9, 11)})
