"""The labs: dials that alter a network inside the notebook, with a picture that follows."""

from course_utils.labs.architecture import PRESETS, ArchitectureLab, LabState
from course_utils.labs.attention import AttentionLab
from course_utils.labs.gates import GateLab
from course_utils.labs.kernel import KernelLab
from course_utils.labs.sentence import SentenceLab

__all__ = ["PRESETS", "ArchitectureLab", "AttentionLab", "GateLab", "KernelLab", "LabState", "SentenceLab"]
