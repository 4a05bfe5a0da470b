"""The mathematics of the attention lab: softmax over steps, and a trained network taken apart around it."""

import numpy as np

from course_utils.labs.core.arguments import diverged


class Network:
    """One trained network, taken apart at its layers `features`, `scores` and `answer`."""

    def __init__(self, name, model, sample):
        import keras

        self.name = name
        if not isinstance(model, keras.Model):
            raise self._wrong(f"is {type(model).__name__}, but must be a Keras model")
        if broken := diverged(model.weights):
            raise self._wrong(broken)
        there = {layer.name: layer for layer in model.layers}
        for layer, what in (("features", "(batch, steps, units)"), ("scores", "(batch, steps, heads)")):
            shape = there[layer].output.shape if layer in there else None
            if shape is None or len(shape) != 3:
                got = f"has no layer '{layer}'" if shape is None else f"has '{layer}' of shape {shape}"
                raise self._wrong(f'{got}; name the layer that gives {what} with name="{layer}"')
        answer = there.get("answer")
        if not isinstance(answer, keras.layers.Dense) or answer.activation is not keras.activations.softmax:
            raise self._wrong(
                "has no softmax layer 'answer'; end it with "
                'layers.Dense(classes, activation="softmax", name="answer")'
            )
        shape = tuple(model.input_shape) if isinstance(model.input_shape, tuple) else ()
        fits = len(shape) == sample.ndim + 1 and all(
            a in (None, b) for a, b in zip(shape[1:], sample.shape, strict=True)
        )
        if not fits:
            raise self._wrong(f"takes {model.input_shape}, but must take (batch, *{sample.shape})")
        outputs = [there["features"].output, there["scores"].output, model.output]
        self._inner = keras.Model(model.input, outputs)
        self.kernel, self.bias = (np.asarray(w) for w in [*answer.get_weights(), 0.0][:2])
        self._compare(sample)

    def _wrong(self, words):
        return ValueError(f"networks: '{self.name}' {words}")

    def _compare(self, sample):
        """Whether the answer is made as the lab takes it to be."""
        features, scores, said = self.trace(sample)
        (self.steps, units), self.heads = features.shape, scores.shape[1]
        if len(scores) != self.steps:
            raise self._wrong(
                f"has {self.steps} steps in 'features' but {len(scores)} in 'scores'; score each step"
            )
        if len(self.kernel) != self.heads * units:
            raise self._wrong(
                f"has an 'answer' of {len(self.kernel)} inputs, but {self.heads} heads of {units} features "
                f"make {self.heads * units}; concatenate the heads' weighted sums, and give it nothing else"
            )
        weights = attend(scores, 1.0, np.full(self.steps, True))
        ours = self.answer(features, weights)
        if said.shape != ours.shape or np.abs(said - ours).max() > 1e-3:
            raise self._wrong(
                f"answers {np.round(said, 3).tolist()} to the first input, but softmax(scores), weighted "
                f"sums of 'features' and 'answer' give {np.round(ours, 3).tolist()}; put nothing else between"
            )

    def trace(self, x):
        """Features (steps, units), scores (steps, heads) and the answer (classes,) for one input."""
        made = [values[0] for values in self._inner.predict_on_batch(x[None].astype("float32"))]
        for layer, values in zip(("features", "scores", "answer"), made, strict=True):
            if not np.isfinite(values).all():
                raise self._wrong(f"gives NaN or infinite numbers at its layer '{layer}'; train it anew")
        return tuple(made)

    def answer(self, features, weights):
        """The shares of the classes that follow from these weights (steps, heads)."""
        logits = (weights.T @ features).ravel() @ self.kernel + self.bias
        shares = np.exp(logits - logits.max())
        return shares / shares.sum()

    def looks_ahead(self, clip):
        """Whether features or scores of the first frames depend on the frames that follow."""
        half = max(len(clip) // 2, 1)
        cut = np.where(np.arange(len(clip)).reshape(-1, 1, 1, 1) < half, clip, 0)
        pairs = zip(self.trace(clip)[:2], self.trace(cut)[:2])
        return any(np.abs(whole[:half] - part[:half]).max() > 1e-4 for whole, part in pairs)


def attend(scores, temperature, visible, uniform=False):
    """Softmax over the visible steps of scores (steps, heads) by temperature; 0 where nothing is visible."""
    weights = np.zeros(scores.shape)
    if visible.any():
        seen = np.zeros_like(scores[visible]) if uniform else scores[visible].astype(float) / temperature
        seen = np.exp(seen - seen.max(0))
        weights[visible] = seen / seen.sum(0)
    return weights


def effective(weights):
    """On how many steps the weight lies: the exponential of its entropy."""
    some = weights[weights > 0]
    return float(np.exp(-(some * np.log(some)).sum())) if len(some) else 0.0
