"""The rollout lab (lesson 08): networks that predict the next frame, and then read their own predictions."""

from course_utils.labs.rollout.lab import RolloutLab

__all__ = ["RolloutLab"]
