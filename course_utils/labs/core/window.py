"""Which pixels the window of a convolution or a pooling covers, and what lies under it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """How a window moves along one axis of an image: `n` pixels, `size` numbers of the kernel.

    Pixels and places of outputs are counted from 0; pixels below 0 and from `n` on are padding.
    """

    n: int
    size: int
    stride: int = 1
    padding: str = "valid"
    dilation: int = 1

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
        if self.padding != "same":
            return 0, 0
        total = max((self.length - 1) * self.stride + self.span - self.n, 0)
        return total // 2, total - total // 2

    @property
    def unseen(self):
        """How many pixels at the end no window reaches."""
        return self.n + sum(self.zeros) - (self.length - 1) * self.stride - self.span if self.length else 0

    def first(self, place):
        """The pixel under the first number of the kernel when output `place` is computed."""
        return place * self.stride - self.zeros[0]

    def taps(self, place):
        """The pixels under all numbers of the kernel."""
        return self.first(place) + self.dilation * np.arange(self.size)

    def covers(self, first, last):
        """The first and the last pixel that the outputs from `first` to `last` depend on."""
        ends = self.first(first), self.first(last) + self.span - 1
        return tuple(min(max(end, 0), self.n - 1) for end in ends)

    @property
    def formula(self):
        inside = f"{self.n} + {sum(self.zeros)} − {self.dilation}·({self.size} − 1) − 1"
        return f"⌊({inside}) / {self.stride}⌋ + 1"


def under(image, window, place):
    """What lies under a window.

    Parameters
    ----------
    image : array (rows, columns, ...)
        Channels may follow.
    window : sequence of Axis
        Of the rows and of the columns.
    place : (int, int)
        Row and column of the output.

    Returns
    -------
    patch : array (size, size, ...)
        0 on padding.
    inside : array (size, size) of bool
        False on padding.
    """
    taps = [axis.taps(at) for axis, at in zip(window, place)]
    rows, columns = ((at >= 0) & (at < axis.n) for axis, at in zip(window, taps))
    inside = rows[:, None] & columns
    patch = image[np.ix_(*(at.clip(0, axis.n - 1) for axis, at in zip(window, taps)))]
    return np.where(inside.reshape(*inside.shape, *[1] * (image.ndim - 2)), patch, 0), inside
