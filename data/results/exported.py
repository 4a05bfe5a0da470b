"""Networks for the table of exports of lesson 13, and what each format makes of them.

What was exported is loaded by its own runtime and asked about clips of several lengths, one and three at a
time; Keras, called directly, is what it is compared with.
"""

import functools
import os
import tempfile

import numpy as np

FIXED = 8  # frames, where the length is fixed
ROWS = (
    "PerFrame -> LSTM, any length",
    "PerFrame -> LSTM, 8 frames, unroll=True",
    "PerFrame -> LSTM with a mask, 8 frames",
    "TimeDistributed -> LSTM, any length",
    "TimeDistributed -> LSTM, 8 frames",
    "Conv3D (1, k, k) -> LSTM, any length",
    "PerFrame -> GRU, any length",
    "PerFrame -> attention, any length",
    "ConvLSTM, any length",
    "ConvLSTM, 8 frames",
    "one step: frame, h and c",
)


def network(row, frame_cnn):
    """The network of a row, with random weights; `frame_cnn` is the lesson's."""
    import keras
    from keras import layers, ops

    from course_utils.layers import PerFrame

    fixed = FIXED if f"{FIXED} frames" in row else None
    frames = keras.Input((fixed, 32, 32, 1), name="clips")
    inputs, lstm = frames, functools.partial(layers.LSTM, 64)
    if row.startswith("one step"):
        frame, h, c = (
            keras.Input(shape, name=name)
            for name, shape in (("frame", (32, 32, 1)), ("h", (64,)), ("c", (64,)))
        )
        inputs = [frame, h, c]
        x, states = layers.LSTMCell(64)(frame_cnn()(frame), [h, c])
        return keras.Model(inputs, [layers.Dense(2, activation="softmax")(x), *states])
    if row.startswith("ConvLSTM"):
        x = layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(16, 5, strides=2, padding="same")(frames))
    elif row.startswith("Conv3D"):
        x = frames
        for filters, size in ((16, 5), (32, 3), (64, 3)):
            x = layers.Conv3D(filters, (1, size, size), (1, 2, 2), padding="same", activation="relu")(x)
        x = lstm()(layers.Dense(64)(layers.Reshape((-1, 1024))(x)))
    else:
        each = layers.TimeDistributed if row.startswith("TimeDistributed") else PerFrame
        x = each(frame_cnn())(frames)
        if "attention" in row:
            x = ops.sum(layers.Softmax(axis=1)(layers.Dense(1)(x)) * x, axis=1)
        elif "mask" in row:
            inputs = [frames, keras.Input((fixed,), dtype="bool", name="real")]
            x = lstm()(x, mask=inputs[1])
        else:
            x = layers.GRU(64)(x) if "GRU" in row else lstm(unroll="unroll" in row)(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


def asked(model, clips, frames):
    """Random inputs of every kind that the model takes: so many clips of so many frames."""
    rng, inputs = np.random.default_rng((clips, frames)), []
    for tensor in model.inputs:
        if tensor.dtype == "bool":
            inputs.append(np.arange(frames) < rng.integers(1, frames + 1, (clips, 1)))
        else:
            size = (frames, *tensor.shape[2:]) if len(tensor.shape) == 5 else tensor.shape[1:]
            inputs.append(rng.random((clips, *size)).astype("float32"))
    return inputs


def saved_model(model, folder, signature):
    import tensorflow as tf

    model.export(folder, verbose=False, input_signature=signature)
    loaded = tf.saved_model.load(folder)
    return lambda inputs: loaded.serve(inputs if len(inputs) > 1 else inputs[0])


def onnx(model, folder, signature):
    import onnxruntime

    path = os.path.join(folder, "model.onnx")
    model.export(path, format="onnx", verbose=False, input_signature=signature)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return lambda inputs: session.run(None, dict(zip(names, inputs, strict=True)))


def litert(model, folder, signature):
    import tensorflow as tf

    path = os.path.join(folder, "model.tflite")
    model.export(path, format="litert", verbose=False, input_signature=signature)

    def run(inputs):
        reader = tf.lite.Interpreter(path)
        if any(each["op_name"].startswith("Flex") for each in reader._get_ops_details()):
            raise RuntimeError(
                "it needs operations of TensorFlow, which a LiteRT runtime does not have by itself"
            )
        (signature,) = reader.get_signature_list().values()
        own = [tensor.name for tensor in model.inputs]  # kept, or args_0, args_0_1, ...
        names = (
            own
            if set(own) == set(signature["inputs"])
            else sorted(signature["inputs"], key=lambda n: (len(n), n))
        )
        told = reader.get_signature_runner()(**dict(zip(names, inputs, strict=True)))
        return [told[name] for name in sorted(told)]

    return run


def always(model, clips):
    """A signature that fixes how many clips come at a time."""
    import keras

    specs = [keras.InputSpec(shape=(clips, *t.shape[1:]), dtype=t.dtype, name=t.name) for t in model.inputs]
    return specs if len(specs) == 1 else [specs]


def error(model, convert, clips, fixed, signature=None):
    """The largest difference from Keras; NaN if it cannot be converted or asked."""
    off = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = convert(model, folder, signature)
            for count in clips:
                for frames in fixed:
                    inputs = asked(model, count, frames)
                    told, right = run(inputs), model(inputs if len(inputs) > 1 else inputs[0])
                    told, right = (list(x) if isinstance(x, list | tuple) else [x] for x in (told, right))
                    off += [float(np.abs(np.asarray(a) - b).max()) for a, b in zip(told, right, strict=True)]
    except Exception:  # of three libraries, with errors of their own
        return float("nan")
    return max(off)


def errors(row, frame_cnn):
    """Parameters of the network, and for each format how far off its answers are."""
    model = network(row, frame_cnn)
    rng = np.random.default_rng(0)
    for weight in model.weights:  # no bias that is 0 by chance
        weight.assign(weight + 0.05 * rng.normal(size=weight.shape))
    lengths = (1,) if row.startswith("one step") else (FIXED,) if f"{FIXED} frames" in row else (FIXED, 5, 12)
    first = asked(model, 1, lengths[0])
    model(first if len(first) > 1 else first[0])  # without a call, export to ONNX says "has never called"
    return {
        "parameters": model.count_params(),
        "error SavedModel": error(model, saved_model, (1, 3), lengths),
        "error ONNX": error(model, onnx, (1, 3), lengths),
        "error LiteRT": error(model, litert, (1, 3), lengths),
        "error LiteRT, always 1": error(model, litert, (1,), lengths, always(model, 1)),
        "error LiteRT, always 3": error(model, litert, (3,), lengths, always(model, 3)),
    }
