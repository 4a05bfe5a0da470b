"""A convolution of one channel in NumPy: how its window moves, what it gives, and kernels to begin with."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """How a window moves along one axis of an image: `n` pixels, `size` numbers of the kernel."""

    n: int
    size: int
    stride: int
    padding: str
    dilation: int

    @property
    def span(self):
        """How many pixels the kernel stretches over."""
        return self.dilation * (self.size - 1) + 1

    @property
    def length(self):
        """How many outputs there are; 0 when the kernel does not fit."""
        if self.padding == "same":
            return -(-self.n // self.stride)
        return max((self.n - self.span) // self.stride + 1, 0)

    @property
    def zeros(self):
        """The padding (before, after): as TensorFlow puts it, an odd one comes after."""
        if self.padding == "valid":
            return 0, 0
        total = max((self.length - 1) * self.stride + self.span - self.n, 0)
        return total // 2, total - total // 2

    @property
    def unseen(self):
        """How many pixels at the end no window reaches."""
        return self.n + sum(self.zeros) - (self.length - 1) * self.stride - self.span if self.length else 0

    def first(self, place):
        """The pixel (from 0; below 0 in the padding) under the first number of the kernel."""
        return (place - 1) * self.stride - self.zeros[0]

    def taps(self, place):
        """The pixels under the numbers of the kernel when output `place` (from 1) is computed."""
        return self.first(place) + self.dilation * np.arange(self.size)

    @property
    def formula(self):
        inside = f"{self.n} + {sum(self.zeros)} − {self.dilation}·({self.size} − 1) − 1"
        return f"⌊({inside}) / {self.stride}⌋ + 1"


def convolve(image, kernel, stride=1, padding="valid", dilation=1, bias=0.0, relu=False):
    """What `keras.layers.Conv2D` makes of one channel: the kernel is laid on the image, not flipped."""
    kernel = np.asarray(kernel)
    rows, columns = axes = [Axis(n, len(kernel), stride, padding, dilation) for n in np.shape(image)]
    if not rows.length or not columns.length:
        raise ValueError(
            f"a kernel that reaches over {rows.span} pixels does not fit into an image of {np.shape(image)}: "
            "use padding 'same', a smaller kernel or less dilation"
        )
    padded = np.pad(image, [axis.zeros for axis in axes])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows.span, columns.span))
    taken = windows[::stride, ::stride, ::dilation, ::dilation]
    output = np.einsum("rcij,ij->rc", taken, kernel) + bias
    return np.maximum(output, 0) if relu else output


def ready_made(name, size):
    """The numbers of a kernel in the list. Those of 5 by 5 are halved where they would be too large."""
    if name == "mean":
        return np.full((size, size), 1 / size**2)
    kernel = np.zeros((size, size))
    middle = size // 2
    if name in ("vertical", "horizontal"):
        smooth, differ = ([1, 2, 1], [-1, 0, 1]) if size == 3 else ([0.5, 2, 3, 2, 0.5], [-1, -2, 0, 2, 1])
        kernel = np.outer(smooth, differ)
        return kernel if name == "vertical" else kernel.T
    if name == "left":
        kernel[middle, middle + 1] = 1
        return kernel
    kernel[middle, middle] = 1
    if name == "identity":
        return kernel
    far = np.add.outer(*[np.abs(np.arange(size) - middle)] * 2)
    weigh = {1: 1} if size == 3 else {1: 1, 2: 0.5}
    laplace = sum(weight * (far == distance) for distance, weight in weigh.items())
    laplace = laplace - laplace.sum() * kernel
    return laplace if name == "laplace" else kernel - laplace
