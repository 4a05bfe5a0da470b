"""Layers that Keras does not have. There is one: `PerFrame`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="course_utils")
class PerFrame(keras.layers.Layer):
    """Apply any Keras network to every frame of a clip, by folding time into the batch.

    `(batch, time, 24, 24, 1)` becomes `(batch * time, 24, 24, 1)`, the network runs once over all
    those frames, and its answers are unfolded again. What comes out equals
    `keras.layers.TimeDistributed(network)`, which loops over time and is slower.

    Parameters
    ----------
    network : keras.Layer
        What one frame goes through: a Model, a Sequential or a single layer. It sees frames
        `(batch * time, *frame)`, never the time axis.
    **kwargs
        Passed on to `keras.layers.Layer`, for instance `name`.

    Input shape: `(batch, time, *frame)`; batch and time may be `None`.

    Output shape: `(batch, time, *features)`. A frame mask `(batch, time)` is handed on unchanged,
    to the LSTM that follows.

    Examples
    --------
    >>> frame_cnn = keras.Sequential([keras.layers.Conv2D(16, 5, strides=2), keras.layers.Flatten()])
    >>> clips = keras.Input((None, 24, 24, 1))   # (batch, time, height, width, channels)
    >>> PerFrame(frame_cnn)(clips).shape         # 16 maps of 10x10 for every frame
    (None, None, 1600)
    """

    def __init__(self, network, **kwargs):
        if not isinstance(network, keras.Layer):
            raise ValueError(
                f"PerFrame(network={network!r}) cannot be: network is a Keras model or layer, "
                "for instance keras.Sequential([...]) or keras.layers.Conv2D(8, 3)."
            )
        super().__init__(**kwargs)
        self.network = network
        self.supports_masking = True

    def build(self, input_shape):
        frame = tuple(input_shape[2:])
        try:
            if not frame:
                raise ValueError("There is nothing left after batch and time.")
            if not self.network.built:
                self.network.build((None, *frame))
            self.network.compute_output_spec(keras.KerasTensor((None, *frame), self.compute_dtype))
        except Exception as error:
            raise ValueError(
                "PerFrame expects clips (batch, time, *frame), for instance (None, None, 24, 24, 1). "
                f"It received {tuple(input_shape)}: each frame would be {frame}, and "
                f"{self.network.name!r} cannot take that. Is an axis missing? {error}"
            ) from error

    def call(self, clips, training=None):
        batch, time, *frame = ops.shape(clips)
        features = self.network(ops.reshape(clips, (-1, *frame)), training=training)
        return ops.reshape(features, (batch, time, *features.shape[1:]))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], *self.network.compute_output_shape((None, *input_shape[2:]))[1:])

    def get_config(self):
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config.pop("network"))
        return cls(network, **config)
