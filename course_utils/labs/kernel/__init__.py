"""The kernel lab (lesson 01): one convolution, number by number."""

from course_utils.labs.kernel.lab import KernelLab

__all__ = ["KernelLab"]
