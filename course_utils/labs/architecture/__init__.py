"""The architecture lab: compose CNN, LSTM and attention in any order, train what comes out, look inside."""

from course_utils.labs.architecture.lab import ArchitectureLab
from course_utils.labs.architecture.state import PRESETS, LabState

__all__ = ["PRESETS", "ArchitectureLab", "LabState"]
