"""Make an assignment, or grade it: python -m teaching.grading 04_cnn_lstm_video [--grade]; runs in .teach."""

import sys

from teaching.grading.autograde import ROOT, grade, make

lesson, *options = sys.argv[1:]
folder = ROOT / "assignment" / lesson
shown = folder.relative_to(ROOT)
if "--grade" in options:
    grade(lesson, folder)
    print(
        f"\nThe table is {shown}/points.csv. For a page for each student, with what was said to each answer:"
    )
    print(f"  source .teach/bin/activate; cd {shown}; nbgrader generate_feedback {lesson}")
else:
    make(lesson, folder)
    print(f"For your students: {shown}/release/{lesson}/. The answers: {shown}/solution/.")
    print(f"Put what they hand in at {shown}/submitted/STUDENT/{lesson}/, and grade it:")
    print(f"  python course.py assignment {lesson[:2]} --grade")
