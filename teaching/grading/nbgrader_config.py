"""nbgrader's settings for one assignment; lies in its folder as nbgrader_config.py."""

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    ComputeChecksums,
    LimitOutput,
    LockCells,
    SaveAutoGrades,
    SaveCells,
)

from teaching.grading.autograde import JudgeAnswers

c = get_config()  # noqa: F821

# Without ClearSolutions: what stands in source/ are the stubs of the lesson already.
c.GenerateAssignment.preprocessors = [
    LockCells,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    SaveCells,
    CheckCellMetadata,
]

# A graded cell that was deleted comes back.
c.OverwriteCells.add_missing_cells = True
# JudgeAnswers takes the place of Execute, which runs a submission as it is, unguarded.
c.Autograde.autograde_preprocessors = [
    JudgeAnswers,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
