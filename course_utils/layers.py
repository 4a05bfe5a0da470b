"""Layers that Keras does not have. There is one: `PerFrame`."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="course_utils")
class PerFrame(keras.layers.Layer):
    """Apply any Keras network to every frame of a clip, by folding time into the batch.

    `(batch, time, 24, 24, 1)` becomes `(batch * time, 24, 24, 1)`, the network runs once over all
    those frames, and each of its outputs is unfolded again. Read `call`: that is all.

    Parameters
    ----------
    network : keras.Layer
        What one frame goes through: a Model, a Sequential or a single layer, with one output or
        several. It sees frames `(batch * time, *frame)`, all at once and never the time axis. So it
        can neither be stateful nor have a batch size of its own.
    **kwargs
        Passed on to `keras.layers.Layer`, for instance `name`.

    Raises
    ------
    ValueError
        If `network` is no Keras layer or is stateful; when called, if the clips or the mask have
        the wrong shape, or frames that the network cannot take.

    Notes
    -----
    Input: one tensor `(batch, time, *frame)`. Any size may be `None` if the network allows it.

    Output: `(batch, time, *features)`; from a network with several outputs the same structure
    (list, tuple, dict), each tensor with batch and time in front.

    Mask: `(batch, time)`, True where a frame is real, passed as `mask=` or attached by a layer in
    front. It is handed on to the LSTM that follows. The network does not see it, but reads padded
    frames as well. A mask within frames belongs into the network: `Sequential([Masking(), LSTM(8)])`.

    Compared with `keras.layers.TimeDistributed(network)`, the outputs are equal, except

    - in training with `BatchNormalization`. Folded, it normalises over all frames of the batch. From
      `TimeDistributed` it gets one time step after the other, normalises each by itself, and mixes
      their statistics for use after training: good in training and poor afterwards, if the steps
      differ. `LayerNormalization` does not depend on the batch, and gives the same in both.
    - where TensorFlow does not know the number of time steps when it prepares the computation. Then
      `TimeDistributed` of Keras 3.15 goes over as many steps as the *batch* has clips (by
      `vectorized_map`), and loses the others or fails. Where it does know, `TimeDistributed` writes
      the network down once for each step, which is slower than folding.

    A saved model needs this class when it is loaded. Import `course_utils.layers` first, or copy this
    file beside the model and import the copy. To do without, put layers of Keras in its place before
    saving: `TimeDistributed(layer.network)` shares the trained weights (give `Input` the number of
    frames), and a `Conv3D` with a (1, k, k) kernel takes those of a `Conv2D`.

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
        for layer in network._flatten_layers():
            if getattr(layer, "stateful", False):
                raise ValueError(
                    f"PerFrame(network={network.name!r}) cannot be: {layer.name!r} is stateful, but all "
                    "frames go through the network at once, so that none comes before another. "
                    "Set stateful=False, or put the layer that remembers behind PerFrame."
                )
        super().__init__(**kwargs)
        self.network = network
        self.supports_masking = True

    def build(self, input_shape):
        check_clips(input_shape)
        outputs = getattr(self.network, "outputs", None)  # a model that is built knows them
        if outputs is None:
            outputs = self.compute_output_spec(keras.KerasTensor(input_shape, self.compute_dtype))
        self.outputs = len(keras.tree.flatten(outputs))

    def call(self, clips, training=None, mask=None):
        check_clips(clips, mask)
        batch, time, *frame = ops.shape(clips)
        try:
            outputs = self.network(ops.reshape(clips, (-1, *frame)), training=training)
        except Exception as error:
            raise ValueError(
                f"{EXPECTS} It received {tuple(clips.shape)}: each frame would be {tuple(clips.shape[2:])}, "
                f"and {self.network.name!r} cannot take that. Is an axis missing, or was it built for frames "
                f"of another size? {error}"
            ) from error
        return keras.tree.map_structure(lambda y: ops.reshape(y, (batch, time, *ops.shape(y)[1:])), outputs)

    def compute_mask(self, clips, previous_mask):
        return [previous_mask] * self.outputs  # each of them has the frames' time axis

    def compute_output_spec(self, *args, **kwargs):
        # Trace `call`, so that shapes and types are those of the real outputs.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        spec = self.compute_output_spec(keras.KerasTensor(input_shape, self.compute_dtype))
        return keras.tree.map_structure(lambda y: y.shape, spec)

    def get_config(self):
        return {**super().get_config(), "network": keras.saving.serialize_keras_object(self.network)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


EXPECTS = "PerFrame expects clips (batch, time, *frame), for instance (None, None, 24, 24, 1)."


def check_clips(clips, mask=None):
    """Raise a ValueError unless this tensor, or shape, is one of clips and the mask fits it."""
    shape = getattr(clips, "shape", clips)
    if getattr(clips, "ragged_rank", None):
        raise ValueError(f"{EXPECTS} It received a ragged tensor: pad it with to_tensor(), and pass a mask.")
    try:
        batch, time, _, *_ = (None if size is None else int(size) for size in shape)
    except (TypeError, ValueError):
        raise ValueError(f"{EXPECTS} It received {shape!r}. Is an axis missing? Pass one tensor.") from None
    given = tuple(getattr(mask, "shape", ()))
    unlike = [a for a, b in zip(given, (batch, time), strict=False) if None not in (a, b) and a != b]
    if mask is not None and (len(given) != 2 or unlike):
        raise ValueError(
            f"PerFrame expects a mask (batch, time) = {(batch, time)}, True where a frame is real. "
            f"It received one of shape {given}. Make it from the number of frames of each clip: "
            "np.arange(time) < lengths[:, np.newaxis]."
        )
