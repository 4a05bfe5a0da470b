"""The voice lab (lesson 11): a detector of speech, heard and seen chunk by chunk."""

from course_utils.labs.voice.lab import VoiceLab
from course_utils.labs.voice.microphone import Microphone

__all__ = ["Microphone", "VoiceLab"]
