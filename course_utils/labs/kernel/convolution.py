"""A convolution of one channel in NumPy, and kernels to begin with."""

import numpy as np

from course_utils.labs.core.window import Axis

KERNELS = {
    "identity": "identity",
    "mean": "mean blur",
    "vertical": "vertical edge (Sobel)",
    "horizontal": "horizontal edge (Sobel)",
    "laplace": "Laplace",
    "sharpen": "sharpen",
    "left": "shift left",
    "own": "your own",
}


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
    if name in ("vertical", "horizontal"):
        smooth, differ = ([1, 2, 1], [-1, 0, 1]) if size == 3 else ([0.5, 2, 3, 2, 0.5], [-1, -2, 0, 2, 1])
        return np.outer(smooth, differ) if name == "vertical" else np.outer(differ, smooth)
    far = np.abs(np.arange(size) - size // 2)
    far = far[:, None] + far  # steps from the centre
    identity = (far == 0).astype(float)
    laplace = (far == 1) + 0.5 * (far == 2) * (size == 5)
    laplace -= laplace.sum() * identity
    left = np.roll(identity, 1, axis=1)
    return {"identity": identity, "laplace": laplace, "sharpen": identity - laplace, "left": left}[name]
