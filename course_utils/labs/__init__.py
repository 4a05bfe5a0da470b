"""The labs: dials that alter a network inside the notebook, with a picture that follows.

- `core`: what all labs share: dials and states, the view around them, drawing, pointing.
- `architecture`: `ArchitectureLab` (lessons 00, 03 and 04) composes, trains and looks into networks.
- `kernel`: `KernelLab` (lesson 01) computes one convolution, number by number.
- `gates`: `GateLab` (lesson 02) shows the gates and the memory of one LSTM, step by step.
- `sentence`: `SentenceLab` (lesson 05) shows how trained networks read a sentence that a learner types.
- `attention`: `AttentionLab` (lesson 06) shows where trained networks look, in a clip or in an image.
- `forecast`: `ForecastLab` (lesson 07) shows forecasts of traffic, and what a change in the past does.
- `rollout`: `RolloutLab` (lesson 08) shows networks that predict frames, and then read their own predictions.
- `folder`: `FolderLab` (lesson 13) shows a folder of one's own clips, before anything is trained.
- `voice`: `VoiceLab` (lesson 11) lets a detector of speech be heard and seen, chunk by chunk.
- `previews`: the pictures that stand in for the labs where nothing runs.

Lessons import a lab from its folder, so that they depend on that folder and the core alone:
`from course_utils.labs.gates import GateLab`. The names of all labs can be imported from here, too, as older
copies of the lessons do.
"""

from importlib import import_module

FOLDERS = {
    "ArchitectureLab": "architecture",
    "AttentionLab": "attention",
    "FolderLab": "folder",
    "ForecastLab": "forecast",
    "GateLab": "gates",
    "KernelLab": "kernel",
    "LabState": "architecture",
    "PRESETS": "architecture",
    "RolloutLab": "rollout",
    "SentenceLab": "sentence",
    "VoiceLab": "voice",
}


def __getattr__(name):
    if name not in FOLDERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FOLDERS[name]}"), name)
