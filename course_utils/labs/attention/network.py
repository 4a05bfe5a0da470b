"""The mathematics of the attention lab: softmax over steps, and a trained network taken apart around it."""

import numpy as np

from course_utils.labs.core.arguments import diverged


class Network:
    """One trained network, taken apart at its layers `features`, `scores` and `answer`."""

    def __init__(self, model, sample):
        import keras

        if not isinstance(model, keras.Model):
            raise ValueError(f"is {type(model).__name__}, but must be a Keras model")
        if problem := diverged(model.weights):
            raise ValueError(problem)
        found = {layer.name: layer for layer in model.layers}
        for layer, what in (("features", "(batch, steps, units)"), ("scores", "(batch, steps, heads)")):
            if layer not in found or len(found[layer].output.shape) != 3:
                raise ValueError(f"has no layer '{layer}' that gives {what}; name one with name=\"{layer}\"")
        answer = found.get("answer")
        if not isinstance(answer, keras.layers.Dense) or answer.activation is not keras.activations.softmax:
            raise ValueError(
                "has no softmax layer 'answer'; end it with "
                'layers.Dense(classes, activation="softmax", name="answer")'
            )
        shape = model.input_shape if isinstance(model.input_shape, tuple) else ()
        if len(shape) != sample.ndim + 1 or any(a not in (None, b) for a, b in zip(shape[1:], sample.shape)):
            raise ValueError(f"takes {model.input_shape}, but must take (batch, *{sample.shape})")
        outputs = [found["features"].output, found["scores"].output, model.output]
        self._inner = keras.Model(model.input, outputs)
        self.kernel = np.asarray(answer.kernel)
        self.bias = np.asarray(answer.bias) if answer.use_bias else np.zeros(answer.units)
        self._compare(sample)

    def _compare(self, sample):
        """Whether the answer is made as the lab takes it to be."""
        features, scores, theirs = self.trace(sample)
        (self.steps, units), self.heads = features.shape, scores.shape[1]
        if len(scores) != self.steps or len(self.kernel) != self.heads * units:
            raise ValueError(
                f"has features {features.shape}, scores {scores.shape} and an 'answer' of {len(self.kernel)} "
                f"inputs; score each step, and give 'answer' the weighted sums of the heads, side by side"
            )
        ours = self.answer(features, attend(scores, 1.0, np.full(self.steps, True)))
        if theirs.shape != ours.shape or np.abs(theirs - ours).max() > 1e-3:
            raise ValueError(
                f"answers {np.round(theirs, 3).tolist()} to the first input, but softmax(scores), weighted "
                f"sums of 'features' and 'answer' give {np.round(ours, 3).tolist()}; put nothing else between"
            )

    def trace(self, x):
        """Features (steps, units), scores (steps, heads) and the answer (classes,) for one input."""
        outputs = [values[0] for values in self._inner.predict_on_batch(x[None].astype("float32"))]
        for layer, values in zip(("features", "scores", "answer"), outputs, strict=True):
            if not np.isfinite(values).all():
                raise ValueError(f"gives NaN or infinite numbers at its layer '{layer}'; train it anew")
        return tuple(outputs)

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
