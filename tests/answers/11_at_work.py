import itertools
import re

# ---- 11.1, the kernels of a spectrum


def table(n, window=None, first=np.cos, second=np.sin, turns=None):
    m = np.arange(n)[:, None]
    k = np.arange(n // 2 + 1) if turns is None else turns(n)
    v = 0.5 - 0.5 * np.cos(2 * np.pi * m / n) if window is None else window(n)[:, None]
    return np.concatenate([v * first(2 * np.pi * k * m / n), v * second(2 * np.pi * k * m / n)], axis=1)


right("11.1")(table)
right("11.1")(lambda n: table(n, second=lambda x: -np.sin(x)))  # the detector's own sign
right("11.1")(lambda n: ops.convert_to_tensor(table(n).astype("float32")))
right("11.1")(lambda n: table(n).tolist())


@right("11.1")
def _(n):  # Keras, in float32 throughout
    m, k = ops.arange(n, dtype="float32")[:, None], ops.arange(n // 2 + 1, dtype="float32")
    v = 0.5 - 0.5 * ops.cos(2 * np.pi * m / n)
    return ops.concatenate([v * ops.cos(2 * np.pi * k * m / n), v * ops.sin(2 * np.pi * k * m / n)], axis=1)


@right("11.1")
def _(n):  # through the Fourier transform of single samples
    v = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    waves = np.fft.rfft(np.diag(v))
    return np.concatenate([waves.real, waves.imag], axis=1)


@right("11.1")
def _(n):
    made = np.zeros((n, n + 2))
    for m in range(n):
        v = np.sin(np.pi * m / n) ** 2
        for k in range(n // 2 + 1):
            made[m, k] = v * np.cos(2 * np.pi * k * m / n)
            made[m, n // 2 + 1 + k] = v * np.sin(2 * np.pi * k * m / n)
    return made


wrong("11.1", "the window is missing")(lambda n: table(n, np.ones))
wrong("11.1", "np.hanning divides by n - 1")(lambda n: table(n, np.hanning))
wrong("11.1", "the window is in there twice")(lambda n: table(n, lambda n: (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)) ** 2))
wrong("11.1", "cosines and sines alternate")(lambda n: np.stack([table(n)[:, : n // 2 + 1], table(n)[:, n // 2 + 1 :]], axis=2).reshape(n, n + 2))
wrong("11.1", "has the shape (10, 8)")(lambda n: table(n).T)
wrong("11.1", "has the shape (8, 8)")(lambda n: table(n, turns=lambda n: np.arange(n // 2)))
wrong("11.1", "has the shape (8, 18)")(lambda n: table(n, turns=lambda n: np.arange(n + 1)))
wrong("11.1", "the first kernel should be")(lambda n: table(n, first=np.sin, second=np.cos))
wrong("11.1", "the 2 is missing")(lambda n: table(n, turns=lambda n: np.arange(n // 2 + 1) / 2))  # half the pitch
wrong("11.1", "the sines are not")(lambda n: table(n, second=np.cos))
wrong("11.1", "the first kernel should be")(lambda n: table(n, np.hamming))
wrong("11.1", "NaN")(lambda n: table(n) * np.nan)

right("11.1")(lambda n: np.concatenate([(waves := np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n) * np.hanning(n + 1)[:-1, None]).real, waves.imag], axis=1))
right("11.1")(lambda n: ops.concatenate([ops.cast(table(n)[:, : n // 2 + 1], "float32"), ops.cast(table(n)[:, n // 2 + 1 :], "float32")], axis=1))
wrong("11.1", "the sines lack the window")(lambda n: np.concatenate([table(n)[:, : n // 2 + 1], table(n, np.ones)[:, n // 2 + 1 :]], axis=1))  # sines without window
wrong("11.1", "the sines are not")(lambda n: np.concatenate([table(n)[:, : n // 2 + 1], table(n)[:, : n // 2 : -1]], axis=1))  # sines from high to low


@wrong("11.1", "columns should be the cosines")
def _(n):  # each pair turned by an eighth of a vibration: the lengths stay
    k = np.arange(n // 2 + 1)
    turn = np.where((k == 0) | (k == n // 2), 0, np.pi / 4)
    return table(n, first=lambda x: np.cos(x + turn), second=lambda x: np.sin(x + turn))


# ---- 11.3, an LSTM moves in


def moved(a, b, c, d, order, to="ifgo", sort=(True, True, True), turn=np.transpose, bias=np.add):
    def put(x, really):
        blocks = np.split(x, 4)
        return np.concatenate([blocks[order.index(gate)] for gate in to]) if really else x

    return [turn(put(a, sort[0])), turn(put(b, sort[1])), put(bias(c, d), sort[2])]


right("11.3")(moved)
right("11.3")(lambda *given: tuple(moved(*given)))
right("11.3")(lambda *given: [ops.convert_to_tensor(each) for each in moved(*given)])


@right("11.3")
def _(weight_ih, weight_hh, bias_ih, bias_hh, order):
    units = len(bias_ih) // 4
    rows = [order.index(gate) * units + n for gate in "ifgo" for n in range(units)]
    return [weight_ih.T[:, rows], weight_hh.T[:, rows], bias_ih[rows] + bias_hh[rows]]


@right("11.3")
def _(weight_ih, weight_hh, bias_ih, bias_hh, order):  # in place
    places = [order.index(gate) for gate in "ifgo"]
    bias_ih += bias_hh
    for array in (weight_ih, weight_hh, bias_ih):
        blocks = array.reshape(4, len(array) // 4, -1)
        blocks[:] = blocks[places]
    return weight_ih.T, weight_hh.T, bias_ih


@right("11.3")
def _(weight_ih, weight_hh, bias_ih, bias_hh, order):  # a dictionary of gates, tensors of Keras
    def by_gate(array):
        blocks = dict(zip(order, ops.split(array, 4)))
        return ops.concatenate([blocks[gate] for gate in ("i", "f", "g", "o")])

    return [ops.transpose(by_gate(weight_ih)), ops.transpose(by_gate(weight_hh)), by_gate(bias_ih) + by_gate(bias_hh)]


@wrong("11.3", "sorted the wrong way round")
def _(a, b, c, d, order):
    def sort(x):
        blocks = np.split(x, 4)
        return np.concatenate([blocks["ifgo".index(gate)] for gate in order])

    return [sort(a).T, sort(b).T, sort(c + d)]


wrong("11.3", "your code raised")(lambda a, b, c, d, order: [np.concatenate(np.split(x.T, 4)) for x in (a, b, c + d)])
wrong("11.3", "a list of three")(lambda *given: dict(zip(("kernel", "recurrent_kernel", "bias"), moved(*given))))
wrong("11.3", "has the shape (16, 3)")(lambda *given: moved(*given, turn=lambda x: x))
wrong("11.3", "still in the order of the file")(lambda *given: moved(*given, sort=(False, False, False)))
wrong("11.3", "gates of the recurrent kernel are still in the order")(lambda *given: moved(*given, sort=(True, False, True)))
wrong("11.3", "the bias is not right")(lambda *given: moved(*given, sort=(True, True, False)))
wrong("11.3", "one of the two biases is missing")(lambda *given: moved(*given, bias=lambda c, d: c))
wrong("11.3", "one of the two biases is missing")(lambda *given: moved(*given, bias=lambda c, d: d))
wrong("11.3", "the bias is not right")(lambda *given: moved(*given, bias=lambda c, d: (c + d) / 2))
wrong("11.3", "the kernel is not right")(lambda *given: moved(*given, to="iofg"))  # ONNX's order
wrong("11.3", "the kernel is not right")(lambda *given: moved(*given, to="ifog"))
wrong("11.3", "the kernel is not right")(lambda *given: moved(*given, turn=lambda x: np.rot90(x, -1)))
wrong("11.3", "was reshaped")(lambda *given: moved(*given, turn=lambda x: x.reshape(x.shape[::-1])))
wrong("11.3", "has the shape (2, 16)")(lambda *given: [*moved(*given)[:2], np.stack(given[2:4])])
wrong("11.3", "a list of three")(lambda *given: [*moved(*given)[:2], given[2], given[3]])
wrong("11.3", "has the shape")(lambda a, b, c, d, order: moved(b, a, c, d, order))

# ---- 11.2, find the bug


def filled(kernel, bias, **how):
    layer = layers.Conv1D(len(kernel), kernel.shape[2], **({"activation": "relu"} | how))
    layer.build((None, None, kernel.shape[1]))
    layer.set_weights([kernel.transpose(2, 1, 0), bias])
    return layer


def with_zeros(left, right, padding="valid", **how):
    def ported(kernel, bias, strides):
        layer = filled(kernel, bias, strides=strides, padding=padding, **how)
        return keras.Sequential([layers.ZeroPadding1D((left, right)), layer]) if left or right else layer

    return ported


right("11.2")(with_zeros(1, 1))


@right("11.2")
def _(kernel, bias, strides):
    layer = filled(kernel, bias, strides=strides)
    return lambda x: layer(ops.pad(x, ((0, 0), (1, 1), (0, 0))))


@right("11.2")
def _(kernel, bias, strides):  # with stride 1 there are as many zeros at each end: leave steps out afterwards
    layer = filled(kernel, bias, padding="same")
    return lambda x: layer(x)[:, ::strides]


@right("11.2")
def _(kernel, bias, strides):  # a layer of one's own
    class Padded(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = filled(kernel, bias, strides=strides, activation=None)

        def call(self, x):
            return ops.relu(self.inner(ops.pad(x, [[0, 0], [1, 1], [0, 0]])))

    return Padded()


@right("11.2")
def _(kernel, bias, strides):  # functional, and a ReLU of its own
    x = keras.Input((None, kernel.shape[1]))
    return keras.Model(x, layers.ReLU()(filled(kernel, bias, strides=strides, activation=None)(layers.ZeroPadding1D(1)(x))))


@right("11.2")
def _(kernel, bias, strides):  # without a convolution
    def ported(x):
        x = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        starts = range(0, x.shape[1] - 2, strides)
        return np.stack([np.maximum(np.tensordot(x[:, n : n + 3], kernel, ((1, 2), (2, 1))) + bias, 0) for n in starts], axis=1)

    return ported


@right("11.2")
def _(kernel, bias, strides):  # built when it is called, weights given by name
    layer = layers.Conv1D(5, 3, strides, activation="relu", kernel_initializer=lambda *a, **k: ops.transpose(kernel, (2, 1, 0)), bias_initializer=lambda *a, **k: ops.convert_to_tensor(bias))
    return keras.Sequential([layers.ZeroPadding1D((1, 1)), layer])


wrong("11.2", "'list' object is not callable")(lambda kernel, bias, strides: [layers.ZeroPadding1D(1), filled(kernel, bias, strides=strides)])
wrong("11.2", "the output has the shape")(with_zeros(1, 0))  # right for even numbers of steps
wrong("11.2", "one zero at each end, the bias, the ReLU?")(lambda kernel, bias, strides: lambda x: filled(kernel, bias, strides=strides)(ops.pad(x, ((0, 0), (1, 1), (0, 0)), mode="reflect")))
wrong("11.2", "right with stride 1, wrong with stride 2")(lambda kernel, bias, strides: with_zeros(1, 1)(kernel, bias, strides) if strides == 1 else with_zeros(0, 2)(kernel, bias, strides))
wrong("11.2", "right with stride 1, wrong with stride 2")(lambda kernel, bias, strides: lambda x: filled(kernel, bias, padding="same")(x)[:, strides - 1 :: strides] if x.shape[1] % 2 == 0 else with_zeros(1, 1)(kernel, bias, strides)(x))
wrong("11.2", "right with stride 1, wrong with stride 2")(with_zeros(0, 0, "same"))
wrong("11.2", "the output has the shape")(with_zeros(0, 0))
wrong("11.2", "the output has the shape")(with_zeros(1, 1, "same"))
wrong("11.2", "one zero at each end, the bias, the ReLU?")(with_zeros(2, 0))
wrong("11.2", "one zero at each end, the bias, the ReLU?")(with_zeros(0, 2))
wrong("11.2", "one zero at each end, the bias, the ReLU?")(with_zeros(0, 0, "causal"))
wrong("11.2", "one zero at each end, the bias, the ReLU?")(with_zeros(1, 1, activation=None))
wrong("11.2", "runs backwards")(lambda kernel, bias, strides: with_zeros(1, 1)(kernel[:, :, ::-1], bias, strides))
wrong("11.2", "one zero at each end, the bias, the ReLU?")(lambda kernel, bias, strides: with_zeros(1, 1)(kernel, bias * 0, strides))
wrong("11.2", "the output has the shape")(lambda kernel, bias, strides: with_zeros(1, 1)(kernel, bias, 1))
wrong("11.2", "cannot read (batch, time, channels)")(lambda kernel, bias, strides: keras.Sequential([keras.Input((9, 9)), layers.Conv1D(5, 3)]))

# ---- 11.4, stretches of speech


@right("11.4")
def _(p, threshold, hold):
    said = np.concatenate([[0], p > threshold, [0]]).astype(int)
    turns = np.flatnonzero(np.diff(said)).reshape(-1, 2).tolist()
    found = turns[:1]
    for begin, end in turns[1:]:
        if begin - found[-1][1] <= hold:
            found[-1][1] = end
        else:
            found.append([begin, end])
    return found


@right("11.4")
def _(p, threshold, hold):  # fill the pauses first
    said = p > threshold
    at = np.flatnonzero(said)
    for one, other in np.stack([at[:-1], at[1:]], axis=1):
        if other - one - 1 <= hold:
            said[one:other] = True
    edges = np.flatnonzero(np.diff(np.r_[0, said.astype(int), 0]))
    return np.array(list(zip(edges[::2], edges[1::2]))).reshape(-1, 2)


def strung(join=lambda gap, hold: gap <= hold, over=lambda p, threshold: p > threshold, end=1, before=0, after=0):
    def stretches(p, threshold, hold):
        found = []
        for n in np.flatnonzero(over(p, threshold)):
            if found and join(n - found[-1][1], hold):
                found[-1] = (found[-1][0], n + 1)
            else:
                found.append((n, n + 1))
        return [(a - before * hold, b - 1 + end + after * hold) for a, b in found]

    return stretches


right("11.4")(strung())
right("11.4")(strung(over=lambda p, threshold: p >= threshold))
@right("11.4")
def _(p, threshold, hold):  # groups of equal answers
    runs, at = [], 0
    for speaks, group in itertools.groupby(p > threshold):
        length = len(list(group))
        runs.append([bool(speaks), at, at + length])
        at += length
    found = []
    for speaks, begin, end in runs:
        if speaks and found and begin - found[-1][1] <= hold:
            found[-1] = [found[-1][0], end]
        elif speaks:
            found.append([begin, end])
    return found


@right("11.4")
def _(p, threshold, hold):  # a pattern in a text
    text = "".join("x" if x > threshold else "." for x in p)
    return [match.span() for match in re.finditer(rf"x(?:\.{{0,{hold}}}x)*", text)]


@right("11.4")
def _(p, threshold, hold):  # vectorised: where the gap to the next speech is too long, a stretch ends
    at = np.flatnonzero(p > threshold)
    if not at.size:
        return np.zeros((0, 2), int)
    far = np.flatnonzero(np.diff(at) > hold + 1)
    return np.column_stack([at[np.r_[0, far + 1]], at[np.r_[far, len(at) - 1]] + 1])


def two_states(to_the_end):
    def stretches(p, threshold, hold):
        found, begun, silent = [], None, 0
        for n, value in enumerate(p):
            if value > threshold:
                begun, silent = n if begun is None else begun, 0
            elif begun is not None:
                silent += 1
                if silent > hold:
                    found.append((begun, n + 1 - silent))
                    begun = None
        return [*found, (begun, len(p) - silent)] if to_the_end and begun is not None else found

    return stretches


right("11.4")(two_states(to_the_end=True))
wrong("11.4", "the stretches are")(two_states(to_the_end=False))  # forgets the stretch that lasts to the end


@wrong("11.4", "a pause of 2 or fewer chunks joins")
def _(p, threshold, hold):  # joins two and two, and never a third
    ends = np.flatnonzero(np.diff(np.r_[0, (p > threshold).astype(int), 0])).reshape(-1, 2).tolist()
    found = []
    while ends:
        begin, end = ends.pop(0)
        if ends and ends[0][0] - end <= hold:
            end = ends.pop(0)[1]
        found.append((begin, end))
    return found


wrong("11.4", "pairs (first, last)")(lambda p, threshold, hold: (pair for pair in strung()(p, threshold, hold)))
wrong("11.4", "last is the chunk after the stretch")(lambda p, threshold, hold: [(begin, end - begin) for begin, end in strung()(p, threshold, hold)])  # length
wrong("11.4", "last is the chunk after the stretch")(strung(end=0))
wrong("11.4", "each stretch is a pair")(lambda p, threshold, hold: [slice(*pair) for pair in strung()(p, threshold, hold)])
wrong("11.4", "last is the chunk after the stretch")(strung(end=0))
wrong("11.4", "a pause of 1 or fewer chunks joins")(strung(join=lambda gap, hold: gap < hold or gap == 0))
wrong("11.4", "a pause of 1 or fewer chunks joins")(strung(join=lambda gap, hold: gap == 0))
wrong("11.4", "the stretches are")(strung(join=lambda gap, hold: gap <= hold + 1))
wrong("11.4", "only pauses between speech are filled; a stretch is not lengthened")(strung(after=1))
wrong("11.4", "only pauses between speech are filled; a stretch is not lengthened")(strung(before=1, join=lambda gap, hold: gap <= hold))
wrong("11.4", "the stretches are")(strung(over=lambda p, threshold: p > 0.5))
wrong("11.4", "the stretches are")(strung(over=lambda p, threshold: p > p.max() - 0.15))
wrong("11.4", "these are the pauses")(strung(over=lambda p, threshold: p < threshold))
wrong("11.4", "count in whole chunks")(lambda p, threshold, hold: [(begin * 0.032, end * 0.032) for begin, end in strung()(p, threshold, hold)])
wrong("11.4", "count in whole chunks")(lambda p, threshold, hold: [(begin, end + 0.4) for begin, end in strung()(p, threshold, hold)])
wrong("11.4", "the stretches are")(lambda p, threshold, hold: [(begin + 1, end + 1) for begin, end in strung()(p, threshold, hold)])
wrong("11.4", "each stretch is a pair")(lambda p, threshold, hold: (p > threshold).astype(int))
wrong("11.4", "the stretches are")(lambda p, threshold, hold: [])
wrong("11.4", "each stretch is a pair")(lambda p, threshold, hold: np.flatnonzero(p > threshold).tolist())

# ---- 11.5, chunk by chunk


def streamed(carry="hc", before=slice(-64, None), mirror=slice(-2, -66, -1), swap=False, keep=list):
    def stream(first, second, chunks):
        last, h, c = np.zeros(64, "float32"), ops.zeros((1, 128)), ops.zeros((1, 128))
        answers = []
        for chunk in chunks:
            z = first(np.concatenate([last, chunk, chunk[mirror]])[None, None])
            p, new_h, new_c = second([z, c, h] if swap else [z, h, c])
            h, c = new_h if "h" in carry else h, new_c if "c" in carry else c
            answers.append(float(np.asarray(p).ravel()[0]))
            if before is not None:
                last = chunk[before]
        return keep(answers)

    return stream


right("11.5")(streamed())
right("11.5")(streamed(keep=np.array))


@right("11.5")
def _(first, second, chunks):  # a generator, read to its end
    def answers():
        last, state = np.zeros(64, "float32"), [np.zeros((1, 128), "float32")] * 2
        for chunk in chunks:
            p, *state = second.predict([first.predict(np.r_[last, chunk, chunk[447:511][::-1]][None, None], verbose=0), *state], verbose=0)
            last = chunk[-64:]
            yield p[0, 0, 0]

    return np.fromiter(answers(), "float32")


wrong("11.5", "each answer is that of an empty state")(streamed(carry=""))
wrong("11.5", "should be the last 64 of the chunk before")(streamed(before=None))
wrong("11.5", "the mirror repeats the last sample")(streamed(mirror=slice(-1, -65, -1)))
wrong("11.5", "only h is handed on")(streamed(carry="h"))
wrong("11.5", "only c is handed on")(streamed(carry="c"))
wrong("11.5", "h and c change places")(streamed(swap=True))
wrong("11.5", "off by up to")(streamed(before=slice(0, 64)))
wrong("11.5", "off by up to")(streamed(mirror=slice(-64, None)))
wrong("11.5", "has the shape (5,)")(lambda first, second, chunks: streamed()(first, second, list(chunks)[:-1]))
wrong("11.5", "TypeError")(lambda first, second, chunks: [chunks[n] for n in range(6)])
wrong("11.5", "has the shape ()")(lambda first, second, chunks: streamed()(first, second, chunks)[-1])


@right("11.5")
def _(first, second, chunks):  # handed out as they come
    last, state = np.zeros(64, "float32"), [ops.zeros((1, 128))] * 2
    for chunk in chunks:
        p, *state = second([first(ops.concatenate([last, chunk, ops.flip(chunk[447:511])])[None, None]), *state])
        last = chunk[448:]
        yield float(p[0, 0, 0])


@right("11.5")
def _(first, second, chunks):  # one compiled step, as the lesson has it afterwards
    step = tf.function(lambda window, h, c: second([first(window), h, c]))
    last, h, c, answers = np.zeros(64, "float32"), tf.zeros((1, 128)), tf.zeros((1, 128)), np.zeros(0)
    for chunk in chunks:
        p, h, c = step(np.r_[last, chunk, chunk[-2:-66:-1]][None, None], h, c)
        answers, last = np.append(answers, p), chunk[-64:]
    return answers


@right("11.5")
def _(first, second, chunks):  # a cell with a state of its own, and `cut` on pairs of chunks
    class Ear:
        def __init__(self):
            self.before, self.state = np.zeros(512, "float32"), [np.zeros((1, 128), "float32")] * 2
            self.first, self.second = first.predict_on_batch, second.predict_on_batch

        def __call__(self, chunk):
            window = cut(np.stack([self.before, chunk])[None])[:, 1:]
            p, *self.state = self.second([self.first(window), *self.state])
            self.before = chunk
            return p.item()

    return list(map(Ear(), chunks))


@right("11.5")
def _(first, second, chunks):  # takes them itself
    answers, last, h, c = [], ops.zeros(64), ops.zeros((1, 128)), ops.zeros((1, 128))
    while (chunk := next(chunks, None)) is not None:
        z = first(ops.reshape(ops.concatenate([last, chunk, chunk[::-1][1:65]]), (1, 1, 640)))
        p, h, c = second([z, h, c])
        answers.append(ops.squeeze(p))
        last = chunk[-64:]
    return ops.stack(answers)


@wrong("11.5", "must read one chunk at a time")
def _(first, second, chunks):  # the whole at once
    z = first(cut(np.stack(list(chunks))[None]))
    return np.asarray(second([z, ops.zeros((1, 128)), ops.zeros((1, 128))])[0])[0, :, 0]


KEPT = {}


@wrong("11.5", "3 chunks: the answers are off by up to")
def _(first, second, chunks):  # the state outlives the recording
    last, h, c = np.zeros(64, "float32"), *KEPT.get("state", (ops.zeros((1, 128)), ops.zeros((1, 128))))
    answers = []
    for chunk in chunks:
        p, h, c = second([first(np.concatenate([last, chunk, chunk[-2:-66:-1]])[None, None]), h, c])
        answers.append(float(p[0, 0, 0]))
        last, KEPT["state"] = chunk[-64:], (h, c)
    return answers




@wrong("11.5", "StopIteration")
def _(first, second, chunks):  # as many as in the first test
    last, h, c, answers = np.zeros(64, "float32"), ops.zeros((1, 128)), ops.zeros((1, 128)), []
    for _ in range(6):
        chunk = next(chunks)
        p, h, c = second([first(np.concatenate([last, chunk, chunk[-2:-66:-1]])[None, None]), h, c])
        answers.append(float(p[0, 0, 0]))
        last = chunk[-64:]
    return answers


wrong("11.5", "before you have answered the one before")(lambda first, second, chunks: streamed()(first, second, list(chunks)))
wrong("11.5", "NaN")(streamed(keep=lambda answers: [np.nan for _ in answers]))


@wrong("11.5", "once each will do")
def _(first, second, chunks):  # reads the past again for every chunk
    past, answers = [], []
    for chunk in chunks:
        past.append(chunk)
        answers.append(streamed()(first, second, past)[-1])
    return answers


@right("11.5")
def _(first, second, chunks):  # the functions of the models
    last, h, c, answers = np.zeros(64, "float32"), ops.zeros((1, 128)), ops.zeros((1, 128)), []
    for chunk in chunks:
        window = ops.convert_to_tensor(np.r_[last, chunk, chunk[-2:-66:-1]][None, None])
        p, h, c = second.call([first.call(window), h, c])
        answers.append(float(p[0, 0, 0]))
        last = chunk[-64:]
    return answers


wrong("11.5", "has the shape (6, 1)")(streamed(keep=lambda answers: np.array(answers)[:, None]))
