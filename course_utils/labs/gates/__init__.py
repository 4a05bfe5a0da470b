"""The gate lab (lesson 02): the gates and the memory of one LSTM, step by step."""

from course_utils.labs.gates.lab import GateLab

__all__ = ["GateLab"]
