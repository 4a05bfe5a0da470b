"""The course's data, read from installed packages: images put in motion, movie reviews, traffic.
Sentences in noise lie beside the course itself, in data/sounds.

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
from course_utils.datasets.own.sounds import Sound, read_sound
from course_utils.datasets.series import CALENDAR, HOLIDAYS, traffic
from course_utils.datasets.sounds import (
    NOISES,
    SNRS,
    Recording,
    mix,
    noise,
    recordings,
    speech,
    voice_detector,
)
from course_utils.datasets.texts import reviews

__all__ = [
    "CALENDAR",
    "HOLIDAYS",
    "MOTIONS",
    "MOVES",
    "NOISES",
    "SNRS",
    "SPLITS",
    "DataError",
    "Dataset",
    "Recording",
    "Sound",
    "Split",
    "bouncing_digits",
    "camera_moves",
    "from_folder",
    "hidden_digit",
    "mix",
    "moving_digits",
    "noise",
    "read_sound",
    "recordings",
    "reviews",
    "speech",
    "traffic",
    "voice_detector",
]
