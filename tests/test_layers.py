"""PerFrame against TimeDistributed, and in every place where a Keras layer has to work."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from course_utils.layers import PerFrame


def frame_cnn():
    return keras.Sequential([layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(5)])


def clips(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


NETWORKS = {
    "dense": lambda: layers.Dense(4),
    "conv": lambda: layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"),
    "pool": lambda: layers.GlobalMaxPooling2D(),
    "norm": lambda: layers.LayerNormalization(),
    "sequential": frame_cnn,
    "nested": lambda: keras.Sequential(
        [keras.Sequential([layers.Conv2D(2, 3)]), layers.GlobalAveragePooling2D()]
    ),
}


def functional(height, width, channels):
    frame = keras.Input((height, width, channels))
    edges = layers.Conv2D(channels, 3, padding="same")(frame)
    return keras.Model(frame, layers.Flatten()(layers.Add()([frame, edges])))


@given(
    kind=st.sampled_from([*NETWORKS, "functional"]),
    batch=st.integers(1, 4),
    time=st.integers(1, 7),
    frame=st.tuples(st.integers(4, 9), st.integers(4, 9), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_equals_time_distributed(kind, batch, time, frame, seed):
    keras.utils.set_random_seed(seed)
    network = functional(*frame) if kind == "functional" else NETWORKS[kind]()
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


@pytest.mark.parametrize("style", ["functional", "sequential"])
def test_one_model_takes_any_number_of_frames(style):
    if style == "functional":
        frames = keras.Input((None, 8, 8, 1))
        features = PerFrame(frame_cnn())(frames)
        assert features.shape == (None, None, 5)
        model = keras.Model(frames, layers.LSTM(6)(features))
    else:
        model = keras.Sequential([keras.Input((None, 8, 8, 1)), PerFrame(frame_cnn()), layers.LSTM(6)])
    for time in (1, 4, 9):
        assert model.predict(clips(2, time, 8, 8, 1), verbose=0).shape == (2, 6)


def test_height_and_width_may_be_unknown_too():
    images = keras.Input((None, None, None, 1))
    model = keras.Model(images, PerFrame(layers.Conv2D(2, 3))(images))
    assert model.output_shape == (None, None, None, None, 2)
    assert model(clips(2, 3, 8, 6, 1)).shape == (2, 3, 6, 4, 2)


def test_works_in_a_model_that_was_never_built():
    model = keras.Sequential([PerFrame(frame_cnn()), layers.LSTM(6)])
    assert model(clips(2, 3, 8, 8, 1)).shape == (2, 6)


def test_saved_and_loaded_it_says_the_same(tmp_path):
    frames = keras.Input((None, 8, 8, 1))
    model = keras.Model(frames, layers.LSTM(3)(PerFrame(frame_cnn(), name="eyes")(frames)))
    x = clips(2, 5, 8, 8, 1)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")  # no custom_objects needed
    assert isinstance(loaded.get_layer("eyes"), PerFrame)
    np.testing.assert_array_equal(loaded(x), model(x))


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


def test_batch_normalization_learns_in_training_only():
    layer = PerFrame(layers.BatchNormalization())
    x = 5 + clips(8, 4, 6, 6, 2)
    layer(x, training=False)
    np.testing.assert_array_equal(layer.network.moving_mean, 0)
    out = layer(x, training=True)
    assert np.abs(np.mean(out)) < 0.01
    assert np.all(layer.network.moving_mean.numpy() > 0.01)
    assert len(layer.non_trainable_weights) == 2


def test_dropout_drops_in_training_only_and_anew_for_each_frame():
    layer, x = PerFrame(layers.Dropout(0.5, seed=1)), np.ones((2, 3, 6, 6, 1), "float32")
    np.testing.assert_array_equal(layer(x), x)
    dropped = np.array(layer(x, training=True))
    assert 0.2 < (dropped == 0).mean() < 0.8
    assert np.any(dropped[:, 0] != dropped[:, 1])


def test_a_frame_mask_is_passed_on_to_the_lstm():
    model = keras.Sequential(
        [keras.Input((None, 6)), layers.Masking(), PerFrame(layers.Dense(3)), layers.LSTM(4)]
    )
    x = clips(1, 5, 6)
    padded = x.copy()
    padded[:, 3:] = 0
    np.testing.assert_allclose(model(padded), model(x[:, :3]), atol=1e-6)
    assert np.abs(model(padded) - model(x)).max() > 1e-3


@pytest.mark.parametrize("shape", [(None, 4), (None, None), (24, 24, 1), (None, 24, 1), (None, 4, 24, 24, 1)])
def test_a_wrong_shape_is_explained(shape):
    with pytest.raises(ValueError, match=r"PerFrame expects clips \(batch, time, \*frame\)") as info:
        PerFrame(layers.Conv2D(4, 3))(keras.Input(shape))
    assert str((None, *shape)) in str(info.value)


def test_frames_that_do_not_fit_a_built_network_are_explained():
    layer = PerFrame(functional(8, 8, 1))
    with pytest.raises(ValueError, match=r"each frame would be \(12, 12, 1\)"):
        layer(clips(2, 3, 12, 12, 1))


@pytest.mark.parametrize("network", [None, layers.Conv2D, "conv", [layers.Flatten()]])
def test_only_a_network_can_be_applied(network):
    with pytest.raises(ValueError, match="network is a Keras model or layer"):
        PerFrame(network)
