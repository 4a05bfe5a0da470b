"""What the live kernel lab of the book needs; it is drawn by `live.js`."""

import numpy as np

from course_utils import datasets
from course_utils.labs.core.live import settings
from course_utils.labs.kernel.convolution import KERNELS, ready_made
from course_utils.labs.kernel.lab import SIZES, KernelLab
from course_utils.labs.kernel.pictures import SEES


def export(lab=None):
    """The data of a live kernel lab: its states, images and ready-made kernels, and what these show.

    Parameters
    ----------
    lab : KernelLab, optional
        That of lesson 01, if left out.

    Returns
    -------
    dict
        For JSON. Images are lists of rows, kernels too, by their name and then their size.
    """
    lab = lab or _of_the_lesson()
    images = {key: {"name": name, "pixels": image.tolist()} for key, (name, image) in lab._images.items()}
    kernels = {
        name: {size: ready_made(name, size).tolist() for size in SIZES} for name in KERNELS if name != "own"
    }
    return {**settings(lab), "images": images, "kernels": kernels, "sees": SEES}


def _of_the_lesson():
    """The lab of lesson 01. A test compares the images with those that the lesson makes."""
    digit = datasets.hidden_digit(visible=1, frames=1, clutter=0).train.x[0, 0, ..., 0]
    photo = datasets.camera_moves(frames=1, size=64, clips=(24, 1, 1)).train.x[21, 0]
    stones = np.clip((photo[20:52, 16:48, 0] + 1.3) / 4.5, 0, 1)
    return KernelLab({"digit": digit, "photograph": stones, "square": np.pad(np.ones((8, 8)), 8)})
