"""A lesson's exercises as an nbgrader assignment, and grading that trusts no submission; see ../grading.md.

`assignment.py` makes the notebooks; `judge.py` judges answers, behind the limits of `limits.py`. These run in
the course's own environment. `autograde.py` and `__main__.py` run nbgrader, in .teach.
"""
