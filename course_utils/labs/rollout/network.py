"""The mathematics of the rollout lab: clips, networks that read them, and edits of a recurrent kernel."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_utils.datasets.clips import MOTIONS, bounced, drawn, wrapped
from course_utils.labs.core.arguments import diverged, tried

GATES = ("input", "forget", "candidate", "output")  # in the order of Keras's kernels
FASTEST = 3  # pixels from frame to frame
SEEN = 0.1  # a darker pixel is no ink
ONE, FREE, TRAINED, SHIFT, COPY = "one step", "free running", "as trained", "shift", "copy last"


def compose(images, second, direction, speed, start, walls, frames, size, bar):
    """A clip (frames, size, size, 1) of one image, or of two.

    `images` is (1 or 2, height, width). The second starts at the opposite place and goes the opposite way.
    """
    room = size - np.array(images.shape[1:])
    starts, ways = np.array([start, room - start])[: 1 + second], np.array([[1], [-1]])[: 1 + second]
    velocity = ways * speed * np.array(MOTIONS[direction])
    fly = bounced if walls == "bounce" else wrapped
    places = fly(starts, velocity, frames, room if walls == "bounce" else size)
    return drawn(images[None], np.moveaxis(places, 0, 1)[None], size, bar)[0]


def edited(kernel, edit, gate="all", channel=None):
    """A recurrent kernel (rows, columns, channels, 4 * channels) of which some taps are changed.

    `edit` is "none", "centre" or where the taps are moved to; only what feeds `gate` in `channel` (from 0)
    is changed.
    """
    changed = np.array(kernel).reshape(*kernel.shape[:3], len(GATES), -1)
    gates = slice(None) if gate == "all" else GATES.index(gate)
    part = changed[..., gates, slice(None) if channel is None else channel]
    if edit in ("none", "centre"):
        rows, columns = ((side - 1) // 2 for side in kernel.shape[:2])
        centre = part[rows, columns].copy()
        part[:] = 0
        if edit == "centre":
            part[rows, columns] = centre
    elif edit in MOTIONS:
        part[:] = shifted(part, MOTIONS[edit])
    return changed.reshape(kernel.shape)


def shifted(image, by, wrap=False):
    """An image (rows, columns, ...) moved by whole pixels; zeros come in, or what leaves it."""
    moved = np.roll(image, by, (0, 1))
    if not wrap:
        for axis, far in enumerate(by):
            side = image.shape[axis]
            came = slice(0, far) if far >= 0 else slice(max(side + far, 0), side)
            moved[(slice(None),) * axis + (came,)] = 0
    return moved


def motion(before, after, wrap):
    """The step (rows, columns) that best takes one image to the next one, the smallest of equal ones."""
    around = np.pad(before, FASTEST, "wrap" if wrap else "constant")
    moved = np.lib.stride_tricks.sliding_window_view(around, before.shape)
    errors = np.square(moved - after).mean((2, 3)).round(9)
    steps = FASTEST - np.indices(errors.shape)
    best = np.lexsort((np.hypot(*steps).ravel(), errors.ravel()))[0]
    return tuple(steps.reshape(2, -1)[:, best].tolist())


class Network:
    """One network: the frames it predicts, and what its layer "memory" holds if that can be read.

    `channels` is 0 where no memory is shown, and `mixes` says that this is so because another layer mixes
    frames; `ahead` says whether predictions depend on frames to come.
    """

    def __init__(self, model, sample):
        import keras
        import tensorflow as tf

        if not isinstance(model, keras.Model):
            raise ValueError(f"is {type(model).__name__}, but must be a Keras model")
        if problem := diverged(model.weights):
            raise ValueError(problem)
        wanted = (None, None, *sample.shape[1:])
        shapes = [tuple(entry.shape) for entry in getattr(model, "inputs", None) or ()]
        if shapes != [wanted]:
            raise ValueError(
                f"takes {shapes}, but must take clips {wanted}, with any number of frames: "
                f"keras.Input((None, {', '.join(map(str, sample.shape[1:]))}))"
            )
        self._model, self.kernel, self.channels, self.mixes = model, None, 0, False
        run = tf.function(lambda clips: model(clips, training=False))
        self._whole = run.get_concrete_function(tf.TensorSpec(wanted, "float32"))
        made = self._try(sample)
        half = max(len(sample) // 2, 1)
        cut = np.where(np.arange(len(sample)).reshape(-1, 1, 1, 1) < half, sample, 0)
        self.ahead = bool(np.abs(made[:half] - self._try(cut)[:half]).max() > 1e-4)
        if (memory := _memory(model)) is not None:
            self._take_apart(memory, sample, made)

    def _try(self, clip):
        """What it makes of a clip, if that is as many frames of the same shape."""
        return tried(lambda: self._read(clip), f"for {len(clip)} frames")

    def _read(self, clip):
        import tensorflow as tf

        made = self._whole(tf.constant(clip[None], "float32"))
        shape = None if isinstance(made, list | tuple | dict) else tuple(made.shape[1:])
        if shape != clip.shape:
            what = f"{len(made)} outputs" if shape is None else f"{shape}"
            raise ValueError(
                f"gives {what} for {clip.shape}, but must give the next frame at every step, of the same "
                "shape: end it with one filter, return_sequences=True and padding='same'"
            )
        return _finite(np.asarray(made)[0])

    def _take_apart(self, memory, sample, made):
        """Read the network frame by frame, if it gives the same then."""
        import keras
        import tensorflow as tf

        layers = [layer for layer in self._model.layers if isinstance(layer, keras.layers.ConvLSTM2D)]
        self.kernel = np.asarray(memory.cell.recurrent_kernel)
        outputs = [layer.output for layer in layers]
        tensors = [*self._model.inputs, *outputs]
        parts = [_between(tensors[: i + 1], layer.input) for i, layer in enumerate(layers)]
        last = _between(tensors, self._model.outputs[0])
        zeros = [tf.zeros((1, *output.shape[2:])) for output in outputs for _ in "hc"]

        def loop(clip, given, kernel):
            def body(t, frame, states, kept):
                frame = tf.where(t < given, clip[t][None, None], frame)
                there, after = [frame], []
                for number, (part, layer) in enumerate(zip(parts, layers)):
                    recurrent = kernel if layer is memory else layer.cell.recurrent_kernel
                    arriving = part(there)[:, 0]
                    h, c = _step(layer.cell, arriving, *states[2 * number : 2 * number + 2], recurrent)
                    if layer is memory:
                        seen = h, c
                    there.append(h[:, None])
                    after += [h, c]
                frame = tf.ensure_shape(last(there), frame.shape)
                found = (frame[0, 0], seen[0][0], seen[1][0])
                return t + 1, frame, after, [one.write(t, value) for one, value in zip(kept, found)]

            count = tf.shape(clip)[0]
            kept = [tf.TensorArray("float32", count) for _ in range(3)]
            begin = [0, clip[0][None, None], zeros, kept]
            *_, kept = tf.while_loop(lambda t, *_: t < count, body, begin)
            return [one.stack() for one in kept]

        shapes = [(None, *sample.shape[1:]), (), self.kernel.shape]
        kinds = ("float32", "int32", "float32")
        signature = [tf.TensorSpec(*pair) for pair in zip(shapes, kinds)]
        self._loop = tf.function(loop).get_concrete_function(*signature)
        stepped = self._stepped(sample, len(sample), self.kernel)[0]
        self.mixes = bool(np.abs(stepped - made).max() > 1e-3)
        self.channels = 0 if self.mixes else memory.filters

    def _stepped(self, clip, given, kernel):
        import tensorflow as tf

        values = tf.constant(clip, "float32"), tf.constant(given), tf.constant(kernel, "float32")
        return [_finite(np.asarray(part)) for part in self._loop(*values)]

    def run(self, clip, given, kernel=None):
        """Read `given` frames of a clip (time, size, size, 1), and then what it has predicted itself.

        Returns
        -------
        made : array (time - 1, size, size)
            Frame 2, 3... as predicted from the frames before.
        states : array (2, time, size, size, channels), or None
            h and c of the memory after each frame.
        """
        if self.channels:
            made, *states = self._stepped(clip, given, self.kernel if kernel is None else kernel)
            return made[:-1, ..., 0], np.stack(states)
        read = clip[: min(given, len(clip) - 1)]
        made = self._read(clip)[:-1] if given >= len(clip) else self._read(read)
        while len(made) < len(clip) - 1:
            read = np.concatenate([read, made[-1:]])
            made = np.concatenate([made, self._read(read)[-1:]])
        return made[..., 0], None


def _memory(model):
    """The layer "memory" of a network, or None; a ValueError if the lab cannot read it."""
    import keras

    layer = next((layer for layer in model.layers if layer.name == "memory"), None)
    if layer is None:
        return None
    if not isinstance(layer, keras.layers.ConvLSTM2D):
        raise ValueError(
            f"has a layer 'memory' that is {type(layer).__name__}, but must be ConvLSTM2D: call it otherwise"
        )
    wanted = {"return_sequences": True, "return_state": False, "go_backwards": False, "stateful": False}
    wanted |= {"padding": "same", "strides": (1, 1), "data_format": "channels_last"}
    config = layer.get_config()
    for name, value in wanted.items():
        have = tuple(config[name]) if isinstance(config[name], list) else config[name]
        if have != value:
            raise ValueError(f"has a layer 'memory' with {name}={have!r}, but must have {name}={value!r}")
    return layer


def _between(tensors, output):
    """What makes the output of a network from these tensors of it."""
    import keras

    for number, tensor in enumerate(tensors):
        if tensor is output:
            return lambda there: there[number]
    inner = keras.Model(tensors, output)
    return lambda there: inner([*there], training=False)


def _step(cell, arriving, h, c, recurrent):
    """One step of a ConvLSTM2D, all four gates in one convolution."""
    import tensorflow as tf

    gates = cell.input_conv(arriving, cell.kernel, padding=cell.padding) + cell.recurrent_conv(h, recurrent)
    gates = gates + cell.bias if cell.use_bias else gates
    i, f, g, o = tf.split(gates, 4, -1)
    i, f, o = (cell.recurrent_activation(gate) for gate in (i, f, o))
    c = f * c + i * cell.activation(g)
    return o * cell.activation(c), c


def _finite(values):
    if not np.isfinite(values).all():
        raise ValueError("gives NaN or infinite numbers; train it anew, with a smaller learning rate")
    return values


@dataclass(frozen=True, eq=False)
class Rollout:
    """One clip and what a network makes of it; frames count from 1.

    `truth` is (time, size, size); `single`, `free` and `trained` are frames 2, 3... as predicted from the
    true frames, from `given` true ones and then their own predictions, and that without the edit (None
    without one). `states` is (time, size, size): one channel of h or c, or None. `hidden` are the columns
    behind the bar, if there is one. `scene`, `held` and `edit` are words: what moves, which channel is shown,
    what is changed ("" for nothing).
    """

    name: str
    scene: str
    truth: np.ndarray
    single: np.ndarray
    free: np.ndarray
    trained: np.ndarray | None
    states: np.ndarray | None
    given: int
    step: int
    wrap: bool
    hidden: slice | None
    digits: int
    held: str
    edit: str
    ahead: bool
    mixes: bool

    def __len__(self):
        return len(self.truth)

    @cached_property
    def motion(self):
        """The step that best takes the last but one of the given frames to the last one."""
        return motion(*self.truth[self.given - 2 : self.given], self.wrap)

    @cached_property
    def lines(self):
        """What is compared with the truth: name -> (number of its first frame, its frames)."""
        first, last = self.given + 1, self.truth[self.given - 1]
        lines = {ONE: (2, self.single), FREE: (first, self.free[self.given - 1 :])}
        if self.trained is not None:
            lines[TRAINED] = first, self.trained[self.given - 1 :]
        times = range(1, len(self) - self.given + 1)
        moved = [shifted(last, [k * step for step in self.motion], self.wrap) for k in times]
        return {**lines, SHIFT: (first, np.stack(moved)), COPY: (first, np.stack([last for _ in times]))}

    @cached_property
    def measured(self):
        """Name -> (error, pixels off, share of the ink), each an array with one value a frame.

        The error is the mean squared one. NaN stands where there is no ink.
        """
        return {name: self._measure(first, made) for name, (first, made) in self.lines.items()}

    def _measure(self, first, made):
        true, (ink, there) = self.truth[first - 1 :], (part[first - 1 :] for part in self.ink(self.truth))
        error = np.square(made.astype(float) - true).mean((1, 2))
        share, here = self.ink(made)
        apart = here - there
        if self.wrap:
            half = np.array(made.shape[1:]) / 2
            apart = (apart + half) % (2 * half) - half
        return error, np.hypot(*apart.T), share / np.where(ink, ink, np.nan)

    def errors(self, name):
        return self.measured[name][0]

    def at(self, name, step):
        """What is measured of a line at a frame, or None where it has none."""
        first, _ = self.lines[name]
        return [part[step - first] for part in self.measured[name]] if step >= first else None

    def ink(self, frames):
        """The ink of each frame, and the row and column of its middle (NaN without ink).

        Left out are pixels that are nearly black, and the columns of the bar.
        """
        ink = np.where(frames > SEEN, frames, 0.0)
        if self.hidden:
            ink[..., self.hidden] = 0
        whole, middle = ink.sum((1, 2)), []
        for axis, side in enumerate(ink.shape[1:]):
            along, places = ink.sum(2 - axis), np.arange(side)
            if self.wrap:  # the direction in which the ink lies on a circle
                middle.append(np.angle(along @ np.exp(2j * np.pi * places / side)) / (2 * np.pi) % 1 * side)
            else:
                middle.append(along @ places / np.where(whole, whole, np.nan))
        return whole, np.where(whole[:, None], np.stack(middle, 1), np.nan)

    @property
    def drift(self):
        """The first frame to come that is more than one pixel off, or has no ink; None if there is none."""
        _, off, share = self.measured[FREE]
        drifts = np.flatnonzero((off > 1) | (share == 0))
        return self.given + 1 + int(drifts[0]) if len(drifts) else None
