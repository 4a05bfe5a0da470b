"""What labs refuse to be made of: a table with a row for each rule."""

import keras
import numpy as np
import pytest
from keras import layers
from small_labs import CLASSES, SIZE, TIME, Attend, bright_clips, over_frames, over_places, scene

from course_utils.labs import AttentionLab, GateLab, KernelLab

CLIPS, LABELS, SHOWN = bright_clips()
FLAT = np.zeros((9, 9))


def lstm(units=3, features=1, scale=1, **options):
    layer = layers.LSTM(units, **options)
    layer.build((None, None, features))
    layer.set_weights([w if w.ndim == 1 else w * scale for w in layer.get_weights()])
    return layer


def network(missing=None, between=None, beside=None):
    """Attention over frames, without a layer's name, with a layer before the softmax, or beside the sums."""
    names = {name: None if name == missing else name for name in ("features", "scores", "answer")}
    inputs = keras.Input((TIME, SIZE, SIZE, 1))
    features = layers.Dense(4, name=names["features"])(layers.Reshape((TIME, SIZE * SIZE))(inputs))
    scores = layers.Dense(1, name=names["scores"])(features)
    sums = Attend()(features, between(scores) if between else scores)
    if beside:
        sums = layers.Concatenate()([sums, beside(features)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name=names["answer"])(sums))


def spoiled(model, layer):
    """The network with an infinite weight in a layer."""
    weight = model.get_layer(layer).weights[0]
    weight.assign(weight + np.inf)
    return model


def with_hole():
    clips = CLIPS.copy()
    clips[2, 4, 5, 6] = np.nan
    return clips


NETWORK, OVER_PLACES = {"a": over_frames()}, {"a": over_places()}

DICTS = {  # argument -> a lab made with it
    "images": KernelLab,
    "layers": GateLab,
    "inputs": lambda given: GateLab(inputs=given),
    "networks": lambda given: AttentionLab(given, CLIPS),
}


@pytest.mark.parametrize("argument", DICTS)
def test_what_is_no_dict_of_names_is_refused(argument):
    for given, told in (
        ({}, f"^{argument} is {{}}, but must be a dict of names, such as {{'"),
        ([1], f"^{argument} is .1., but must be a dict"),
        ({3: FLAT}, f"^{argument} has the name 3, but a name must be a str"),
        ({"a": "picture"}, f"^{argument}: 'a' is ('picture'|str), but must be"),
    ):
        with pytest.raises(ValueError, match=told):
            DICTS[argument](given)


REFUSED = {  # lab -> (how it is made, what is told)
    "kernel": [
        (lambda: KernelLab({"a": FLAT[:7]}), r"'a' is of shape \(7, 9\).* each 8 to 32"),
        (lambda: KernelLab({"a": FLAT[..., None]}), r"shape \(9, 9, 1\).*must be an array \(height, width\)"),
        (lambda: KernelLab({"a": [[0, 1], [0]]}), r"'a' is \[\[0, 1\], \[0\]\], but must be an array"),
        (lambda: KernelLab({"a": FLAT + 1j}), "'a' is array.*numbers from 0 to 1"),
        (lambda: KernelLab({"a": FLAT + 255}), "from 255 to 255, but must be .*numbers from 0 to 1"),
        (lambda: KernelLab({"a": FLAT * np.nan}), "from nan to nan, but must be"),
        (lambda: KernelLab({"a": FLAT}, "sharpen"), "start is 'sharpen', which is no state of this lab"),
    ],
    "gate": [
        (lambda: GateLab({"a": layers.GRU(3)}), "'a' is GRU, but must be a keras.layers.LSTM.*get_layer"),
        (lambda: GateLab({"a": layers.LSTM(3)}), "must be a keras.layers.LSTM that is built"),
        (lambda: GateLab({"a": lstm(features=2)}), "built on one feature"),
        (lambda: GateLab({"a": lstm(activation="relu")}), 'another activation .*leave out "activation"'),
        (lambda: GateLab({"a": lstm(recurrent_activation="relu")}), 'leave out "recurrent_activation"'),
        (lambda: GateLab({"a": lstm(go_backwards=True)}), 'leave out "go_backwards"'),
        (
            lambda: GateLab({"good": lstm(), "a": lstm(scale=np.nan)}),
            "'a' has weights that are NaN or infinite, in 'lstm.*/kernel', '.*recurrent_kernel'.*clipnorm=1",
        ),
        (
            lambda: GateLab(inputs={"a": [0, 1]}),
            r"'a' is of shape \(2,\), from 0 to 1, .* 4 to 40",
        ),
        (lambda: GateLab(inputs={"a": np.zeros((8, 1))}), r"'a' is of shape \(8, 1\), .*must be a list"),
        (lambda: GateLab(inputs={"a": [0, 1, 4, 0]}), "from 0 to 4, but must be .* from -1 to 1"),
        (lambda: GateLab(inputs={"a": [0, 1, np.nan, 0]}), "from nan to nan, but must be"),
        (lambda: GateLab(inputs={"a": [0] * 4}, start="gat1;step=9"), "start is 'gat1;step=9'.*has 4 steps"),
    ],
    "attention": [
        (lambda: AttentionLab(NETWORK), "either clips, .*or a scene"),
        (lambda: AttentionLab(OVER_PLACES, CLIPS, scene=scene), "either clips, .*or a scene"),
        (lambda: AttentionLab(OVER_PLACES, labels=LABELS, scene=scene), "which gives its class itself"),
        (lambda: AttentionLab({"a": network("features")}, CLIPS), "'a' has no layer 'features'.*name="),
        (lambda: AttentionLab({"a": network("scores")}, CLIPS), "'a' has no layer 'scores'.*name="),
        (lambda: AttentionLab({"a": network("answer")}, CLIPS), "no softmax layer 'answer'.*Dense"),
        (
            lambda: AttentionLab({"a": network(between=layers.Rescaling(30.0))}, CLIPS),
            "'a' answers .*put nothing else between",
        ),
        (
            lambda: AttentionLab({"a": network(beside=layers.GlobalMaxPooling1D())}, CLIPS),
            r"features \(6, 4\), scores \(6, 1\) and an 'answer' of 8 inputs",
        ),
        (
            lambda: AttentionLab({"a": spoiled(over_frames(), "answer")}, CLIPS),
            "networks: 'a' has weights .* in 'answer/kernel'",
        ),
        (lambda: AttentionLab(OVER_PLACES, CLIPS), r"must take \(batch, \*\(6, 12, 12, 1\)\)"),
        (
            lambda: AttentionLab(NETWORK, CLIPS[0]),
            r"clips is of shape \(6, 12, 12, 1\).*\(clip, time",
        ),
        (lambda: AttentionLab(NETWORK, "film"), "clips is 'film', but must be"),
        (lambda: AttentionLab(NETWORK, with_hole()), r"clips\[2, 4\] holds NaN"),
        (lambda: AttentionLab(NETWORK, CLIPS, LABELS + 1), "labels is .* but must be 4 whole numbers from 0"),
        (lambda: AttentionLab(NETWORK, CLIPS, LABELS[:2]), r"labels is of shape \(2,\)"),
        (lambda: AttentionLab(NETWORK, CLIPS, LABELS, SHOWN[:, :2]), r"shown is of .* each frame .*\(4, 6\)"),
        (lambda: AttentionLab(NETWORK, CLIPS, classes=CLASSES[:2]), "6 steps and 3 classes, but .*6 .* 2"),
        (lambda: AttentionLab(NETWORK, scene=scene), "a scene needs"),
        (lambda: AttentionLab(OVER_PLACES, scene=5), r"scene\(0, 0, 0\) fails with TypeError"),
        (lambda: AttentionLab(OVER_PLACES, scene=lambda *_: (CLIPS[0, 0, :3], (0, 0))), "even at the edge"),
        (lambda: AttentionLab(OVER_PLACES, scene=lambda *_: (CLIPS[0, 0] * np.nan, (0, 0))), "gives NaN"),
    ],
}


@pytest.mark.parametrize(
    ("make", "told"),
    [pytest.param(*row, id=f"{lab}-{i}") for lab in REFUSED for i, row in enumerate(REFUSED[lab])],
)
def test_what_cannot_be_used_is_told(make, told):
    with pytest.raises(ValueError, match=told):
        make()
