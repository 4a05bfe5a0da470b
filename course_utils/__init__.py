"""Helpers of the course: data, pictures, checks and labs. The architectures stand in the notebooks."""
