"""PerFrame against TimeDistributed or a loop, and in every place where a Keras layer has to work."""

import importlib.util
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import course_utils.layers
from course_utils.layers import PerFrame


def frame_cnn():
    return keras.Sequential([layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(5)])


def clips(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def functional(height, width, channels):
    frame = keras.Input((height, width, channels))
    edges = layers.Conv2D(channels, 3, padding="same")(frame)
    return keras.Model(frame, layers.Flatten()(layers.Add()([frame, edges])))


NETWORKS = {
    "dense": lambda *frame: layers.Dense(4),
    "conv": lambda *frame: layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"),
    "pool": lambda *frame: layers.GlobalMaxPooling2D(),
    "norm": lambda *frame: layers.LayerNormalization(),
    "nested": lambda *frame: keras.Sequential([frame_cnn(), layers.Dense(2)]),
    "functional": functional,
}


def by_loop(network, x):
    """The outputs of the network for one time step after the other, stacked along time."""
    steps = [network(x[:, t]) for t in range(x.shape[1])]
    return keras.tree.map_structure(lambda *outputs: np.stack(outputs, axis=1), *steps)


def assert_equal(got, wanted):
    """The same structure, and in it the same numbers."""
    keras.tree.assert_same_structure(got, wanted)
    for a, b in zip(keras.tree.flatten(got), keras.tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@given(
    kind=st.sampled_from([*NETWORKS]),
    batch=st.integers(1, 4),
    time=st.integers(1, 7),
    frame=st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_equals_time_distributed(kind, batch, time, frame, seed):
    keras.utils.set_random_seed(seed)
    network = NETWORKS[kind](*frame)
    x = clips(batch, time, *frame, seed=seed)
    ours = PerFrame(network)
    got = ours(x)
    assert got.shape == ours.compute_output_shape(x.shape)
    # TimeDistributed needs the number of frames it was built for; PerFrame was given none.
    np.testing.assert_allclose(got, layers.TimeDistributed(network)(x), atol=1e-5)


def test_gradients_equal_those_of_time_distributed():
    network, x = frame_cnn(), tf.constant(clips(3, 4, 8, 8, 1))
    gradients = []
    for layer in (PerFrame(network), layers.TimeDistributed(network)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.sin(layer(x)))
        gradients.append(tape.gradient(loss, [x, *network.trainable_variables]))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def nested():
    """A network with the outputs {"maps": maps, "summaries": [average, (maximum, label)]}."""
    frame = keras.Input((8, 8, 1))
    maps = layers.Conv2D(3, 3)(frame)
    average, maximum = layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)
    label = layers.Dense(2, activation="softmax", dtype="float32")(average)
    return keras.Model(frame, {"maps": maps, "summaries": [average, (maximum, label)]})


GAPS = np.array([[True, False, True, True, False], [False, True, True, False, True]])


class TwiceInFloat32(keras.layers.Layer):
    """A layer of a learner: two outputs, and no compute_output_shape."""

    def call(self, x):
        return keras.ops.cast(2 * x, "float32"), x


SEVERAL = {
    "nested": (nested, (8, 8, 1)),
    "states": (lambda: layers.LSTM(4, return_state=True), (6, 3)),
    "steps and states": (lambda: layers.LSTM(4, return_sequences=True, return_state=True), (6, 3)),
    "own layer": (TwiceInFloat32, (3,)),
}


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("kind", SEVERAL)
def test_each_of_several_outputs_is_unfolded_and_gets_the_mask(kind):
    make, frame = SEVERAL[kind]
    network, x = make(), clips(2, 5, *frame)
    layer = PerFrame(network)
    wanted = by_loop(network, x)
    assert_equal(layer(x), wanted)
    masked = layer(x, mask=GAPS)
    assert_equal(masked, wanted)  # the network has not seen it
    for output in keras.tree.flatten(masked):
        np.testing.assert_array_equal(output._keras_mask, GAPS)
    assert_equal(tf.function(layer, input_signature=[tf.TensorSpec((None, None, *frame))])(x), wanted)
    inputs = keras.Input((None, *frame))
    assert_equal(keras.Model(inputs, layer(inputs)).predict(x, verbose=0), wanted)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"], indirect=True)
@pytest.mark.parametrize("kind", SEVERAL)
def test_symbolic_shapes_and_types_are_those_of_the_outputs(kind, policy):
    make, frame = SEVERAL[kind]
    layer = PerFrame(make())
    for batch, time in ((2, 4), (None, None), (None, 4)):
        specs = layer(keras.Input(batch_shape=(batch, time, *frame)))
        outputs = layer(clips(batch or 2, time or 4, *frame))
        shapes = keras.tree.map_structure(lambda spec: spec.shape, specs)
        assert layer.compute_output_shape((batch, time, *frame)) == shapes
        keras.tree.assert_same_structure(specs, outputs)
        for spec, output in zip(keras.tree.flatten(specs), keras.tree.flatten(outputs), strict=True):
            assert spec.shape == (batch, time, *output.shape[2:])
            assert spec.dtype == keras.backend.standardize_dtype(output.dtype)


def test_several_outputs_are_trained_saved_and_loaded(tmp_path):
    inputs = keras.Input((None, 8, 8, 1))
    outputs = PerFrame(nested())(inputs)
    average, (maximum, label) = outputs["summaries"]
    seen = layers.Concatenate()([average, maximum, label])
    model = keras.Model(inputs, layers.Dense(1)(layers.LSTM(3)(seen)))
    model.compile("adam", "mse")
    x = clips(8, 3, 8, 8, 1)
    losses = model.fit(x, np.ones(8), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")  # no custom_objects needed
    for time in (5, 2):
        x = clips(2, time, 8, 8, 1)
        np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def any_size():
    """A network for frames of every size, and the vectors it gives for each frame."""
    return keras.Sequential([layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(), layers.Dense(4)])


@pytest.mark.parametrize("network", [any_size, lambda: layers.Conv2D(2, 3)], ids=["vectors", "maps"])
def test_predict_and_call_take_two_sizes_and_two_lengths(network):
    images = keras.Input((None, None, None, 1))
    layer = PerFrame(network())
    model = keras.Model(images, layer(images))
    assert model.output_shape[:2] == (None, None)
    for shape in ((2, 3, 8, 6, 1), (2, 5, 7, 9, 1), (1, 1, 12, 12, 1), (3, 2, 8, 6, 1)):
        x = clips(*shape)
        wanted = by_loop(layer.network, x)
        assert_equal(model.predict(x, verbose=0), wanted)
        assert_equal(model(x), wanted)


def test_sizes_that_a_data_set_does_not_tell():
    images = keras.Input((None, None, None, 1))
    model = keras.Model(images, layers.Dense(1)(layers.LSTM(4)(PerFrame(any_size())(images))))
    batches = [clips(2, 3, 8, 6, 1), clips(3, 5, 9, 7, 1)]
    specs = (tf.TensorSpec((None, None, None, None, 1)), tf.TensorSpec((None, 1)))
    data = tf.data.Dataset.from_generator(
        lambda: ((x, np.ones((len(x), 1), "float32")) for x in batches), output_signature=specs
    )
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(data.repeat(), epochs=2, steps_per_epoch=2, verbose=0).history["loss"]).all()
    got = model.predict(data, verbose=0)
    np.testing.assert_allclose(got, np.concatenate([model(x) for x in batches]), atol=1e-5)


def test_time_distributed_of_this_keras_loses_frames_whose_number_it_does_not_know():
    """What the docstring and lesson 03 say of Keras 3.15. Once this fails, both are to be changed."""
    x = keras.Input((None, 3))
    network = layers.Dense(2)
    steps = {}
    for layer in (layers.TimeDistributed(network), PerFrame(network)):
        run = tf.function(keras.Model(x, layer(x)), input_signature=[tf.TensorSpec((None, None, 3))])
        steps[type(layer).__name__] = run(clips(2, 5, 3)).shape[1]
    assert steps == {"TimeDistributed": 2, "PerFrame": 5}


def test_a_saved_model_is_loaded_without_the_course_in_the_two_ways_of_the_docstring(tmp_path, monkeypatch):
    frames = keras.Input((5, 8, 8, 1))
    model = keras.Model(frames, layers.LSTM(3)(PerFrame(frame_cnn())(frames)))
    plain = keras.models.clone_model(
        model,
        clone_function=lambda layer: (
            layers.TimeDistributed(layer.network) if isinstance(layer, PerFrame) else layer
        ),
    )
    model.save(tmp_path / "folded.keras")
    plain.save(tmp_path / "plain.keras")
    x = clips(2, 5, 8, 8, 1)

    monkeypatch.delitem(keras.saving.get_custom_objects(), "course_utils>PerFrame")
    monkeypatch.setitem(sys.modules, "course_utils.layers", None)  # it cannot be imported
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "plain.keras")(x), model(x), atol=1e-5)
    with pytest.raises(TypeError, match="PerFrame"):
        keras.models.load_model(tmp_path / "folded.keras")
    own = importlib.util.spec_from_file_location("own_layers", course_utils.layers.__file__)
    own.loader.exec_module(importlib.util.module_from_spec(own))  # `import own_layers`, a copy of the file
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "folded.keras")(x), model(x), atol=1e-5)


def test_weights_are_tracked_and_trained_and_can_be_frozen():
    layer = PerFrame(frame_cnn())
    model = keras.Sequential([keras.Input((None, 8, 8, 1)), layer, layers.LSTM(2), layers.Dense(1)])
    assert layer.count_params() == layer.network.count_params() == 3 * 9 + 3 + 108 * 5 + 5
    before = [weight.numpy() for weight in layer.trainable_weights]
    model.compile("sgd", "mse")
    model.fit(clips(4, 3, 8, 8, 1), np.ones(4), verbose=0)
    assert all(
        np.any(weight.numpy() != old) for weight, old in zip(layer.trainable_weights, before, strict=True)
    )
    layer.trainable = False
    assert not layer.trainable_weights


def test_batch_normalization_is_folded_over_all_frames_and_time_distributed_goes_step_by_step():
    x = clips(16, 4, 3) + 10 * np.arange(4, dtype="float32")[:, np.newaxis]  # brighter with every step
    folded, steps = (
        wrap(layers.BatchNormalization(momentum=0)) for wrap in (PerFrame, layers.TimeDistributed)
    )
    folded(x, training=False)
    np.testing.assert_array_equal(folded.network.moving_mean, 0)
    apart = (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    np.testing.assert_allclose(folded(x, training=True), apart, atol=1e-2)
    np.testing.assert_allclose(folded(x), apart, atol=1e-2)  # momentum 0: what it saw last
    np.testing.assert_allclose(steps(x, training=True), (x - x.mean(axis=0)) / x.std(axis=0), atol=1e-2)
    assert np.abs(np.mean(steps(x), axis=(0, 2))).max() > 10  # after training, the steps lie far apart


def test_dropout_drops_in_training_only_and_anew_for_each_frame():
    layer, x = PerFrame(layers.Dropout(0.5, seed=1)), np.ones((2, 3, 6, 6, 1), "float32")
    np.testing.assert_array_equal(layer(x), x)
    dropped = np.array(layer(x, training=True))
    assert 0.2 < (dropped == 0).mean() < 0.8
    assert np.any(dropped[:, 0] != dropped[:, 1])


def test_a_mask_with_gaps_in_the_call_is_handed_on():
    """The LSTM behind skips what the mask leaves out, in every way to call it."""
    x = clips(2, 5, 8, 8, 1)
    frames, real = keras.Input((None, 8, 8, 1)), keras.Input((None,), dtype="bool")
    network, lstm = frame_cnn(), layers.LSTM(4)
    model = keras.Model([frames, real], lstm(PerFrame(network)(frames, mask=real)))
    wanted = np.concatenate([model.layers[-1](by_loop(network, x[i : i + 1, GAPS[i]])) for i in range(2)])
    np.testing.assert_allclose(lstm(PerFrame(network)(x, mask=GAPS)), wanted, atol=1e-5)
    np.testing.assert_allclose(model([x, GAPS]), wanted, atol=1e-5)
    np.testing.assert_allclose(model.predict([x, GAPS], verbose=0), wanted, atol=1e-5)
    assert np.abs(lstm(PerFrame(network)(x)) - wanted).max() > 1e-3
    masking = keras.Sequential([layers.Masking(), PerFrame(layers.Dense(3)), layers.LSTM(4)])
    x = clips(1, 5, 6)
    padded = np.where(np.arange(5)[:, None] < 3, x, 0)
    np.testing.assert_allclose(masking(padded), masking(x[:, :3]), atol=1e-6)


def test_a_mask_within_frames_belongs_into_the_network():
    x = clips(2, 4, 6, 3)
    x[:, :, 4:] = 0
    layer = PerFrame(keras.Sequential([layers.Masking(), layers.LSTM(4)]))
    np.testing.assert_allclose(layer(x), layer(x[:, :, :4]), atol=1e-6)


def test_a_config_is_left_as_it_was():
    layer = PerFrame(layers.Dense(3), name="eyes")
    config = layer.get_config()
    before = {**config}
    for _ in range(2):
        copy = PerFrame.from_config(config)
    assert config == before
    assert (copy.name, copy.network.units) == ("eyes", 3)
