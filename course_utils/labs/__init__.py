"""The labs: dials in a notebook, with a picture that follows."""

from course_utils.labs.architecture import ArchitectureLab
from course_utils.labs.base import Lab
from course_utils.labs.training import TrainingLab
from course_utils.labs.video import OURS, POOLED, TEXTBOOK, VideoState

__all__ = ["OURS", "POOLED", "TEXTBOOK", "ArchitectureLab", "Lab", "TrainingLab", "VideoState"]
