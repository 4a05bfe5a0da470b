"""A class of twenty hands in lesson 04: prints the table of grades, and the time it took.

PYTHONPATH=. .teach/bin/python tests/grading/class_of_20.py
"""

import random
import tempfile
import time
from pathlib import Path

from attacks import ANSWERS, NOTHING
from classroom import hand_in, solutions

from teaching.grading.autograde import grade, make

LESSON = "04_cnn_lstm_video"
KINDS = ["good"] * 8 + ["partial"] * 6 + ["empty"] * 2 + ["endless"] * 2 + ["hostile"] * 2
WRONG = {
    "04-2": "def lstm_weights(features, units):\n    return 4 * units * (features + units)",
    "04-3": "def broken_bridge():\n    return keras.Sequential([layers.Dense(1)])",
    "04-4": "def step(frame, state):\n    return reader(frame), state",
    "04-6": "def first_layer():\n    return layers.Conv3D(16, 3, padding='same')",
    "04-7": "def prepare(features, labels):\n    return features[::-1], labels[::-1]",
}
ONE_BLANK_WRONG = '\nshapes["every"] = (None, 20)'


def answers(kind, number, right, folder):
    """What a student of this kind hands in: exercise -> answer."""
    draw = random.Random(number)
    if kind == "good":
        return right
    if kind == "partial":
        known = set(draw.sample(sorted(WRONG), draw.randint(1, 4)))
        tried = {exercise: right[exercise] if exercise in known else code for exercise, code in WRONG.items()}
        return {"04-1": right["04-1"] + ONE_BLANK_WRONG, **tried}
    if kind == "endless":
        return right | {"04-2": "while True: pass" + NOTHING, "04-7": "while True: print('x' * 10**6)"}
    if kind == "hostile":
        names = ("delete what others handed in", "patch `course_utils.check`")
        return right | {"04-2": ANSWERS[names[number % 2]]["04-2"].replace("FOLDER", str(folder))}
    return {}


def main():
    """Make the assignment, let everybody hand in, grade."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, LESSON)
        make(LESSON, folder)
        right = solutions(folder)
        for number, kind in enumerate(KINDS):
            hand_in(folder, f"{number + 1:02}-{kind}", answers(kind, number, right, folder))
        began = time.monotonic()
        rows = grade(LESSON, folder)
        minutes = (time.monotonic() - began) / 60
    columns = list(rows[0])
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        values = [row[column] for column in columns]
        print("| " + " | ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values) + " |")
    computing = sum(row["seconds"] for row in rows) / 60
    print(f"\n{len(rows)} submissions in {minutes:.1f} minutes, with {computing:.1f} minutes of computing")


if __name__ == "__main__":
    main()
