"""The sentence lab (lesson 05): how trained networks read a sentence that a learner types."""

from course_utils.labs.sentence.lab import SentenceLab

__all__ = ["SentenceLab"]
