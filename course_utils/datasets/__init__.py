"""The course's data, read from installed packages: images put in motion, movie reviews, traffic.

Every loader returns a `Dataset`: train, validation and test (each a `Split` of x and y), the names of
the classes, and a card that says where the data comes from. Everything runs offline and is seeded.
`python -m course_utils.datasets` writes data/README.md from data/manifest.toml.
"""

from course_utils.datasets.base import SPLITS, DataError, Dataset, Split
from course_utils.datasets.clips import (
    MOTIONS,
    MOVES,
    bouncing_digits,
    camera_moves,
    hidden_digit,
    moving_digits,
)
from course_utils.datasets.own import from_folder
from course_utils.datasets.series import CALENDAR, HOLIDAYS, traffic
from course_utils.datasets.texts import reviews

__all__ = [
    "CALENDAR",
    "HOLIDAYS",
    "MOTIONS",
    "MOVES",
    "SPLITS",
    "DataError",
    "Dataset",
    "Split",
    "bouncing_digits",
    "camera_moves",
    "from_folder",
    "hidden_digit",
    "moving_digits",
    "reviews",
    "traffic",
]
