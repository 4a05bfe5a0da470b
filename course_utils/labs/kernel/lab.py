"""The kernel lab: what a two-dimensional convolution computes, number by number."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.labs.core.arguments import described, each, keyed, real_numbers
from course_utils.labs.core.dials import Real, Several, State, dial
from course_utils.labs.core.lab import Lab, cards, classed, group, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note, observed
from course_utils.labs.core.window import Axis
from course_utils.labs.kernel import pictures
from course_utils.labs.kernel.convolution import KERNELS, convolve, ready_made

SIDES = range(8, 33)  # of an image
SIZES = (3, 5)
LARGEST = 9.99  # the largest number of a kernel
STYLE = Path(__file__).with_name("lab.css")


# ---------------------------------------------------------------------------------------------------
# The state


@dataclass(frozen=True)
class Own(Several):
    """The numbers of a learner's own kernel, row by row, always 5 by 5, so that a change of size loses none.

    A kernel of 3 by 3 is the middle of it; 9 numbers are taken for that.
    """

    def check(self, value):
        values = super().check(value)
        if len(values) == 9:
            values = tuple(np.pad(np.reshape(values, (3, 3)), 1).ravel().tolist())
        return values

    def write(self, value):
        grid = np.reshape(value, (5, 5)) if value else np.zeros((0, 0))
        if np.count_nonzero(grid) == np.count_nonzero(grid[1:-1, 1:-1]):
            grid = grid[1:-1, 1:-1]
        return super().write(grid.ravel())


class KernelState(State):
    """What a kernel lab is set to. Each lab makes a subclass whose dials fit its images."""

    version = "ker1"
    spelled = ("image", "kernel", "size", "stride", "padding", "dilation", "row", "column")
    shapes: ClassVar = {}  # of each image by its name in the string

    def __post_init__(self):
        super().__post_init__()
        if self.kernel == "own" and not self.own:
            raise ValueError("Kernel 'own' needs its numbers: add own= with 9 or 25 numbers.")
        for name, axis in zip(("row", "column"), self.axes):
            if axis.length:  # the window stays where there is output
                object.__setattr__(self, name, min(getattr(self, name), axis.length))

    @property
    def axes(self):
        """Rows and columns, and how the window moves along them."""
        return [Axis(n, self.size, self.stride, self.padding, self.dilation) for n in self.shapes[self.image]]

    @property
    def numbers(self):
        """The kernel (size, size)."""
        return self._own(self.size) if self.kernel == "own" else ready_made(self.kernel, self.size)

    def _own(self, size):
        edge = (5 - size) // 2
        return np.reshape(self.own, (5, 5))[edge : 5 - edge, edge : 5 - edge]

    def turn(self, path, value):
        if path == "kernel" and value == "own" and not self.own:
            return self.edited(self.numbers)
        return super().turn(path, value)

    def edited(self, numbers):
        """With these numbers (size, size) as a kernel of one's own."""
        whole = np.zeros((5, 5)) if self.kernel != "own" else self._own(5).copy()
        edge = (5 - self.size) // 2
        whole[edge : 5 - edge, edge : 5 - edge] = numbers
        return replace(self, kernel="own", own=whole.ravel().tolist())


def state_class(images):
    """The states of one lab; `images` is key -> (name, image)."""
    names = {key: name for key, (name, _) in images.items()}
    shapes = {key: image.shape for key, (_, image) in images.items()}
    tall, wide = next(iter(shapes.values()))
    most = max(max(shape) for shape in shapes.values())
    number = Real("A number", (-LARGEST, LARGEST))
    dials = {
        "image": dial(next(iter(names)), "Image", names, shown=names),
        "kernel": dial("vertical", "Kernel", KERNELS, shown=KERNELS),
        "size": dial(3, "Kernel size", SIZES, shown={size: f"{size} × {size}" for size in SIZES}),
        "stride": dial(1, "Stride", (1, 2, 3)),
        "padding": dial("valid", "Padding", ("valid", "same")),
        "dilation": dial(1, "Dilation", (1, 2)),
        "activation": dial("none", "Activation", ("none", "relu"), shown={"relu": "ReLU"}),
        "row": dial(tall // 2, "Output row", range(1, most + 1), slider=True),
        "column": dial(wide // 2, "Output column", range(1, most + 1), slider=True),
        "bias": dial(0.0, "Bias", (-LARGEST, LARGEST), kind=Real),
        "own": dial((), "Own", kind=Own, number=number, counts=(0, 9, 25)),
    }
    return KernelState.having(dials, shapes=shapes)


# ---------------------------------------------------------------------------------------------------
# The lab


class KernelLab(Lab):
    """See what a two-dimensional convolution computes: every pixel, every product, every choice.

    Parameters
    ----------
    images : dict of str to array (height, width)
        Grey images, 8 to 32 pixels on each side, with values from 0 to 1.
    start : str, optional
        The state to begin with, as the lab's line of state gives it.

    Raises
    ------
    ValueError
        If images or start are not as described; the message says how to fix it.

    Examples
    --------
    >>> lab = KernelLab({"a bar": bar, "a digit": digit}, start="ker1;kernel=sharpen;size=5")
    >>> lab                                  # in a notebook: the lab itself
    >>> lab.state = "ker1;kernel=own;own=0,0,0,-1,0,1,0,0,0"
    """

    title = "Kernel lab"

    def __init__(self, images, start=None):
        self._images = keyed(each("images", images, _image, "{'a digit': image}"))
        self.state_class = state_class(self._images)
        super().__init__(self.state_class() if start is None else start)
        self._lay_out()
        self.state = self.state

    # Controls

    def _lay_out(self):
        layer = ("size", "stride", "padding", "dilation")
        for name in ("image", "row", "column", "kernel", "activation", *layer):
            self.add_control(name).style.description_width = "100px"
        controls = self.controls
        controls["bias"] = bias = widgets.FloatText(
            description="Bias", step=0.5, layout={"width": "auto"}, style={"description_width": "100px"}
        )
        bias.observe(lambda change: self._typed("bias", change["new"]), "value")
        self.fields = [classed(widgets.FloatText(step=0.5), "cl-bare") for _ in range(25)]
        for number, field in enumerate(self.fields):
            field.observe(lambda change, number=number: self._typed(number, change["new"]), "value")
        self.grid = classed(widgets.GridBox(self.fields), "ck-fields")
        place = controls["image"], controls["row"], controls["column"]
        kernel = controls["kernel"], self.grid, bias, controls["activation"]
        top = cards(
            "ck-cards",
            place=group("other", "Image", "and the window", *place),
            kernel=group("cnn", "Kernel", f"numbers from −{LARGEST} to {LARGEST}", *kernel),
            layer=group("cnn", "Convolution", "how the window moves", *(controls[name] for name in layer)),
        )
        self.picture, self.output = (classed(widgets.HTML(), "cl-picture") for _ in range(2))
        drawn = classed(widgets.GridBox([self.picture, self.output]), "ck-pictures")
        self.remarks, self.sum, self.costs = (widgets.HTML() for _ in range(3))
        seen = widgets.VBox([drawn, self.notes.view, self.remarks, self.sum])
        screen = cards("ck-screen", dials=top, seen=seen, costs=self.costs)
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def _typed(self, where, value):
        """A number was typed into the field `where` of the kernel, or as the bias."""
        with LOCK:
            if self._quiet:
                return
            state, value = self.state, min(max(value, -LARGEST), LARGEST)
            if math.isnan(value):
                self.state = state  # the field shows again what it was
            elif where == "bias":
                self.state = state.change("bias", value)
            else:
                numbers = np.array(state.numbers, float)
                numbers.flat[where] = value
                self.state = state.edited(numbers.round(2))

    def mirror(self):
        state = self.state
        for name, axis in zip(("row", "column"), state.axes):
            slider = self.controls[name]
            slider.max = max(axis.length, getattr(state, name), 2)  # a slider of one place breaks the page
            slider.disabled = axis.length < 2
        super().mirror()
        size = state.size
        self.grid.layout.grid_template_columns = f"repeat({size}, minmax(0, 1fr))"
        numbers = state.numbers.ravel().round(2).tolist()
        for number, field in enumerate(self.fields):
            field.layout.display = None if number < len(numbers) else "none"
            if number < len(numbers):
                row, column = divmod(number, size)
                field.description = f"Kernel row {row + 1} column {column + 1}"
                field.value = numbers[number]

    # Picture

    def seen(self):
        """What the convolution does now: image, kernel, output, and the cell that is looked at."""
        state, plain = self.state, None
        name, image = self._images[state.image]
        if all(axis.length for axis in state.axes):
            how = state.stride, state.padding, state.dilation, state.bias
            plain = convolve(image, state.numbers, *how)
        return pictures.FeatureMap(state, name, image, plain)

    def show(self):
        seen = self.seen()
        self.picture.value = pictures.input_picture(seen)
        self.output.value = pictures.output_picture(seen)
        self.sum.value = pictures.arithmetic(seen)
        self.costs.value = pictures.costs(seen)
        if seen.fits:
            self.notes.show([])
            self.remarks.value = observed(pictures.what_is_seen(seen), pictures.hints(seen))
        else:
            padded = self.state.turn("padding", "same")
            self.notes.show([Note("broken", pictures.no_fit(seen), "Use padding same", padded)])
            self.remarks.value = ""
        self.mark.value = self.tag()

    @property
    def alt(self):
        """What the lab shows."""
        seen = self.seen()
        return (
            f"{pictures.input_words(seen)} {pictures.output_words(seen)} Below, the pixels under the window "
            "times the numbers of the kernel, their sum, and what the layer costs beside a dense one."
        )


def _image(given):
    image = real_numbers(given)
    fits = image.ndim == 2 and all(side in SIDES for side in image.shape)
    if not fits or not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(
            f"is {described(given)}, but must be an array (height, width), each {SIDES[0]} to {SIDES[-1]}, "
            "of numbers from 0 to 1"
        )
    return image.astype(float)
