"""The vocabulary of blocks: one small class for each, from which model, diagram and controls follow.

A block holds its dials (see `base.dial`) and says in `stages` which Keras layers it stands for. Where one
cannot be applied, `obstacle` says why and `repairs` offers other positions of the dials.
"""

from dataclasses import dataclass

import numpy as np

from course_utils.labs.base import Block, dial

SIZES = (8, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128)
WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
UNITS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True)
class Stage:
    """What is drawn as one volume: `layers` are applied one after another.

    `window` is the (size, stride) with which it looks at its input, None where it looks at all of it.
    """

    title: str
    detail: str
    layers: tuple
    window: tuple | None = (1, 1)


class Seeds:
    """A row of seeds for initialisers, the same for the same first number."""

    def __init__(self, seed):
        self._source = np.random.default_rng(seed)

    def __call__(self):
        return int(self._source.integers(2**31))

    def glorot(self):
        from keras import initializers

        return initializers.GlorotUniform(seed=self())

    def orthogonal(self):
        from keras import initializers

        return initializers.Orthogonal(seed=self())


@dataclass(frozen=True)
class Clip(Block):
    """What comes in: frames, each square."""

    frames: int = dial(8, "Frames", range(1, 33), "f", slider=True)
    size: int = dial(24, "Frame size", SIZES, "s", slider=True, shown={n: f"{n} px" for n in SIZES})
    channels: int = dial(1, "Channels", (1, 3), "c", shown={1: "1 (grey)", 3: "3 (colour)"})

    spelled = 2

    @property
    def shape(self):
        return (self.frames, self.size, self.size, self.channels)


@dataclass(frozen=True)
class Convolution(Block):
    """A convolution with ReLU, and a max pooling after it if asked for."""

    filters: int = dial(16, "Filters", WIDTHS, "f")
    kernel: int = dial(
        3, "Kernel", (1, 2, 3, 4, 5, 7, 9, 11), "k", shown={n: f"{n}×{n}" for n in range(1, 12)}
    )
    stride: int = dial(1, "Stride", (1, 2, 3, 4), "s")
    pool: int = dial(1, "Max pool", (1, 2, 3, 4), "p", shown={1: "none", 2: "2×2", 3: "3×3", 4: "4×4"})
    padding: str = dial("same", "Padding", ("same", "valid"))

    kind = "cnn"
    spelled = 2

    def stages(self, seeds):
        from keras import layers

        conv = layers.Conv2D(
            self.filters,
            self.kernel,
            strides=self.stride,
            padding=self.padding,
            activation="relu",
            kernel_initializer=seeds.glorot(),
        )
        detail = f"{self.kernel}×{self.kernel}" + (f", stride {self.stride}" if self.stride > 1 else "")
        yield Stage(f"Conv {self.filters}", detail, (conv,), (self.kernel, self.stride))
        if self.pool > 1:
            pool = layers.MaxPooling2D(self.pool)
            yield Stage("Max pool", f"{self.pool}×{self.pool}", (pool,), (self.pool, self.pool))

    def obstacle(self, shape, stage):
        """Why `stage` cannot be applied to maps of `shape` (height, width, channels)."""
        window, what = (self.pool, "pooling") if stage.title == "Max pool" else (self.kernel, "kernel")
        axes = [name for name, size in zip(("height", "width"), shape, strict=False) if size < window]
        left = " by ".join(f"{shape[i]}" for i in range(2))
        axes = " and ".join(axes)
        return (
            f"the {what} needs {window}×{window} pixels, and only {left} are left: it does not fit in {axes}."
        )

    def repairs(self, shape, stage):
        side = min(shape[:2])
        if stage.title == "Max pool":
            fitting = [p for p in self.dials()["pool"].choices if p <= side]
            yield (
                "pool",
                max(fitting),
                "no pooling" if max(fitting) == 1 else f"pool {max(fitting)}×{max(fitting)}",
            )
        else:
            kernel = max(k for k in self.dials()["kernel"].choices if k <= side and (k % 2 or side < 3))
            yield ("kernel", kernel, f"a {kernel}×{kernel} kernel")


JOINTS = {
    "flatten": "flatten",
    "dense": "flatten + dense",
    "max": "global max pooling",
    "average": "global average pooling",
}


@dataclass(frozen=True)
class Joint(Block):
    """How a frame's feature maps become one vector, the LSTM's input at that step."""

    kind_of: str = dial("dense", "Joint", tuple(JOINTS), shown=JOINTS)
    units: int = dial(96, "Units", UNITS, "u", slider=True, needs=lambda joint: joint.kind_of == "dense")
    normalise: bool = dial(
        True, "LayerNormalization", (False, True), "n", needs=lambda joint: joint.kind_of == "dense"
    )

    kind = "other"

    def stages(self, seeds):
        from keras import layers

        if self.kind_of == "max":
            yield Stage("Global max", "over the maps", (layers.GlobalMaxPooling2D(),), None)
        elif self.kind_of == "average":
            yield Stage("Global mean", "over the maps", (layers.GlobalAveragePooling2D(),), None)
        else:
            yield Stage("Flatten", "one vector", (layers.Flatten(),), None)
        if self.kind_of == "dense":
            dense = layers.Dense(self.units, kernel_initializer=seeds.glorot())
            norm = (layers.LayerNormalization(),) if self.normalise else ()
            yield Stage(
                f"Dense {self.units}", "norm, ReLU" if norm else "ReLU", (dense, *norm, layers.ReLU()), None
            )


@dataclass(frozen=True)
class Memory(Block):
    """The LSTM layers that read the vectors in order; the last one hands on its last state."""

    units: int = dial(96, "Units", UNITS, "u", slider=True)
    layers: int = dial(1, "Layers", (1, 2, 3), "l")
    both: bool = dial(False, "Both directions", (False, True), "b")

    kind = "lstm"

    def stages(self, seeds):
        from keras import layers

        for number in range(1, self.layers + 1):
            lstm = layers.LSTM(
                self.units,
                return_sequences=number < self.layers,
                kernel_initializer=seeds.glorot(),
                recurrent_initializer=seeds.orthogonal(),
            )
            if not self.both:
                yield Stage(f"LSTM {self.units}", "one direction", (lstm,), None)
                continue
            back = layers.LSTM(
                self.units,
                return_sequences=number < self.layers,
                go_backwards=True,
                kernel_initializer=seeds.glorot(),
                recurrent_initializer=seeds.orthogonal(),
            )
            yield Stage(
                f"LSTM {self.units}",
                "both directions",
                (layers.Bidirectional(lstm, backward_layer=back),),
                None,
            )


ANSWERS = {"digit+motion": {"digit": 10, "motion": 8}, "move": {"move": 8}}


@dataclass(frozen=True)
class Answer(Block):
    """One softmax for each question about the clip."""

    labels: str = dial(
        "digit+motion",
        "Answer",
        tuple(ANSWERS),
        shown={"digit+motion": "digit 10 + motion 8", "move": "move 8"},
    )

    kind = "other"

    @property
    def classes(self):
        return ANSWERS[self.labels]

    def heads(self, seeds):
        """A softmax layer for each label."""
        from keras import layers

        return {
            label: layers.Dense(count, activation="softmax", name=label, kernel_initializer=seeds.glorot())
            for label, count in self.classes.items()
        }


@dataclass(frozen=True)
class Budget(Block):
    """How long a training lasts."""

    epochs: int = dial(14, "Epochs", range(1, 31), "e", slider=True)
    share: str = dial(
        "all", "Clips", ("quarter", "half", "all"), shown={"quarter": "a quarter", "half": "half"}
    )

    @property
    def fraction(self):
        return {"quarter": 0.25, "half": 0.5, "all": 1.0}[self.share]
