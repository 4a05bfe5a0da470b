"""The forecast lab (lesson 07): what trained networks make of a week of traffic, and of a change in it."""

from course_utils.labs.forecast.lab import ForecastLab

__all__ = ["ForecastLab"]
