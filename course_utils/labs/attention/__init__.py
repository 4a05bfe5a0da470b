"""The attention lab (lesson 06): where trained networks look, in a clip or in an image."""

from course_utils.labs.attention.lab import AttentionLab

__all__ = ["AttentionLab"]
