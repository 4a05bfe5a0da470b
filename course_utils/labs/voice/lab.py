"""The voice lab: a detector of speech, heard and seen chunk by chunk."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils import datasets
from course_utils.labs.core.arguments import keyed
from course_utils.labs.core.dials import State, brief, dial
from course_utils.labs.core.drawing import FULL
from course_utils.labs.core.lab import Lab, cards, classed, group, remark, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note
from course_utils.labs.voice import pictures
from course_utils.labs.voice.player import Player
from course_utils.labs.voice.reading import CHUNK, RATE, Ear, Heard, held, lasts, scene, shares

STYLE = Path(__file__).with_name("lab.css")
SNRS = tuple(range(-10, 25, 5))
LONGEST = 60  # seconds of a recording, on one time axis
MODES = {"Listen": "listen", "Draw silence": "silence", "Empty the state": "reset"}
SAID = {
    "listen": "Click or drag in the picture: the line shows what is heard. Arrow keys move it, too.",
    "silence": "Drag over the picture: what lies under it becomes silent.",
    "reset": "Click into the picture: there the memory begins anew, with h and c full of zeros.",
}


class VoiceState(State):
    """What a voice lab is set to. Each lab makes a subclass whose dials fit its recordings and detectors."""

    version = "voi1"
    spelled: ClassVar = ("voice", "noise", "snr")

    @property
    def units(self):
        return self.unit1, self.unit2, self.unit3, self.unit4


def state_class(voices, others, chunks, units, chosen):
    """The states of one lab: keys of recordings and detectors with their names, the most chunks, units."""
    noises = {kind: kind for kind in ("none", *datasets.NOISES)}
    names = {"none": "no other"} | {key: name for key, (name, _) in others.items()}
    dials = {
        "voice": dial(
            next(iter(voices)), "Voice", voices, shown={key: name for key, (name, _) in voices.items()}
        ),
        "noise": dial("hiss", "Noise", noises, shown=noises),
        "snr": dial(5, "SNR in dB", SNRS, slider=True),
        "threshold": dial(
            50,
            "Threshold",
            range(5, 100, 5),
            shown={n: f"{n / 100:g}" for n in range(5, 100, 5)},
            slider=True,
        ),
        "hold": dial(0, "Hold-over", range(31), slider=True),
        "reset": dial(0, "Emptied at", range(chunks), slider=True),
        "silent": dial(0, "Silent from", range(chunks + 1), slider=True),
        "until": dial(0, "to", range(chunks + 1), slider=True),
        "other": dial("none", "Compare", names, shown=names),
    }
    for n, unit in enumerate(chosen, 1):
        dials[f"unit{n}"] = dial(int(unit), f"Unit {n}", range(units))
    return VoiceState.having(dials)


class VoiceLab(Lab):
    """Hear a recording in noise, and see what a detector of speech makes of it, chunk by chunk.

    Parameters
    ----------
    model : keras.Model
        The detector, as lesson 11 builds it: windows (1, chunk, 640) -> probabilities (1, chunk, 1). Its
        layers "chunks" (windows to features), "memory" (an LSTM) and "speech" (Dense(1), after a ReLU) are
        found by their names.
    recordings : list of datasets.Recording or datasets.Sound
        What can be heard. In a sound of one's own nobody knows where somebody speaks: no errors are shown.
    others : dict of str to (callable, low, high, threshold), optional
        Detectors to compare with: from chunks (1, chunk, 512) to scores (1, chunk), drawn from low to high.

    Raises
    ------
    ValueError
        If one of them does not fit; the message says how to mend it.

    Examples
    --------
    >>> lab = VoiceLab(model, datasets.recordings("test"), {"energy": (energy, 0, 40, 6)})
    >>> lab                                  # in a notebook: the lab itself
    >>> lab.state = "voi1;voice=en_m;noise=babble;snr=0;hold=8"
    """

    title = "Voice lab"

    def __init__(self, model, recordings, others=None):
        self._ear = Ear(model)
        self._voices = keyed({each.name: each for each in _recordings(recordings)})
        self._others = keyed(
            {name: _other(name, given) for name, given in (others or {}).items()}, taken=("none",)
        )
        self._features = lru_cache(40)(self._features)
        self._heard = lru_cache(40)(self._heard)
        self._scored = lru_cache(40)(self._scored)
        self._scene = lru_cache(40)(self._scene)
        most = max(lasts(each) for _, each in self._voices.values())
        chosen = self._telling(next(iter(self._voices)))
        self.state_class = state_class(self._voices, self._others, most, self._ear.units, chosen)
        super().__init__(self.state_class())
        self._lay_out()
        self.state = self.state

    def _telling(self, voice):
        """The two units that rise most with speech, and the two that fall most."""
        where = voice, "hiss", 5, 0, 0
        answers, hidden = self._heard(*where, 0)
        spoken = self._scene(*where).spoken
        if spoken is None:  # then the half with the higher answers stands for speech
            spoken = answers.argsort().argsort() >= len(answers) // 2
        order = np.argsort(hidden[spoken].mean(axis=0) - hidden[~spoken].mean(axis=0), kind="stable")
        return *order[:-3:-1], *order[:2]

    # Controls

    def _lay_out(self):
        for name in ("voice", "noise", "snr", "threshold", "hold", "other", "reset", "silent", "until"):
            self.add_control(name).style.description_width = "82px"
        units = [self.add_control(f"unit{n}") for n in range(1, 5)]
        for control in units:
            control.style.description_width = "44px"
        controls = self.controls
        self.player = Player(left=pictures.LEFT / FULL, right=pictures.RIGHT / FULL, step=CHUNK / RATE)
        self.player.observe(self._picked, "turn")
        self.modes = widgets.ToggleButtons(options=list(MODES), tooltips=list(SAID.values()))
        self.modes.style.button_width = "auto"
        self.modes.observe(self._mode_turned, "value")
        self.said, self.table = widgets.HTML(remark(SAID["listen"])), widgets.HTML()
        self.whole = widgets.Button(description="As it was", tooltip="No silence drawn, no state emptied")
        self.whole.on_click(lambda _: self._turned_to(silent=0, until=0, reset=0))
        sound = [controls[name] for name in ("voice", "noise", "snr", "silent", "until")]
        memory = [controls["reset"], classed(widgets.GridBox(units), "cv-units")]
        dials = cards(
            "cv-cards",
            sound=group("other", "Sound", "silence counts chunks", *sound),
            answer=group(
                "lstm", "Answer", "from a number to speech or not", controls["threshold"], controls["hold"]
            ),
            memory=group("lstm", "Memory", f"{self._ear.units} units; four are drawn", *memory),
            compare=group("other", "Compare", "another detector", controls["other"], self.table),
        )
        modes = classed(widgets.HBox([self.modes, self.whole, self.said]), "cv-modes")
        film = widgets.VBox([modes, self.player])
        screen = cards("cv-screen", dials=dials, film=film, notes=self.notes.view)
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def _mode_turned(self, change):
        self.player.mode = MODES[change["new"]]
        self.said.value = remark(SAID[self.player.mode])

    def _picked(self, change):
        """A place or a stretch of the picture was pointed at."""
        first, last = self.player.picked or (0.0, 0.0)
        count = self.seen().scene.chunks.shape[1]
        first, last = int(first * RATE / CHUNK), int(np.ceil(last * RATE / CHUNK))
        if self.player.mode == "reset":
            self._turned_to(reset=min(first, count - 1))
        elif self.player.mode == "silence":
            self._turned_to(silent=min(first, count), until=min(last, count))

    def _turned_to(self, **values):
        with LOCK:
            self.state = replace(self.state, **values)

    # Picture

    def _scene(self, voice, noise, snr, silent, until):
        return scene(self._voices[voice][1], noise, snr, (silent, until))

    def _features(self, *where):
        return self._ear.features(self._scene(*where).chunks)

    def _heard(self, *where):
        *where, reset = where
        return self._ear.listen(self._features(*where), reset)

    def _scored(self, other, *where):
        name, (score, low, high, threshold) = self._others[other]
        chunks = self._scene(*where).chunks
        try:
            scores = np.asarray(score(chunks), float)[0]
        except Exception as problem:
            raise ValueError(f"others[{name!r}] fails on {chunks.shape}: {brief(str(problem))}") from None
        if scores.shape != (chunks.shape[1],) or not np.isfinite(scores).all():
            raise ValueError(f"others[{name!r}] must give a number for each of {chunks.shape[1]} chunks")
        return (scores - low) / (high - low), (threshold - low) / (high - low)

    def seen(self):
        """What the state means."""
        state = self.state
        where = state.voice, state.noise, state.snr, state.silent, state.until
        there, (answers, hidden) = self._scene(*where), self._heard(*where, state.reset)
        others = {}
        if state.other != "none":
            scores, line = self._scored(state.other, *where)
            others[self._others[state.other][0]] = scores, line, held(scores > line, state.hold)
        noise = (
            "without noise"
            if state.noise == "none"
            else f"in {state.noise} at {state.snr} dB".replace("-", "−")
        )
        about = f"{self._voices[state.voice][0]} {noise}"
        threshold = state.threshold / 100
        says = held(answers > threshold, state.hold)
        return Heard(
            there, about, answers, threshold, says, hidden, state.units, state.reset, state.hold, others
        )

    def show(self):
        heard = self.seen()
        picture, self.table.value = pictures.draw(heard)
        sound = heard.scene.wav
        self.player.seconds = len(heard.scene.samples) / RATE
        if sound != self.player.sound:
            self.player.sound = sound
        self.player.value = picture
        self.notes.show(self._notes(heard))
        self.mark.value = self.tag()

    def _notes(self, heard):
        """What is worth knowing of this state."""
        state, scene = self.state, heard.scene
        missed, false = shares(heard.says, scene.spoken)
        if state.reset:
            whole, _ = self._heard(state.voice, state.noise, state.snr, state.silent, state.until, 0)
            after = np.abs(whole - heard.answers)[state.reset :]
            if after.size and after.max() > 0.05:
                last = int(np.flatnonzero(after > 0.05)[-1]) + 1
                yield Note(
                    "hint",
                    f"Emptied before chunk {state.reset}, its answers differ by over 0.05 for up to {last} "
                    f"chunks ({last * CHUNK / RATE:.1f} s).",
                )
            else:
                yield Note(
                    "hint", f"Emptied before chunk {state.reset}, no answer changes by more than 0.05."
                )
        if scene.silence[1] > scene.silence[0]:
            yield Note(
                "hint",
                "Digital silence has no noise at all: no microphone gives that. Do the units stay as they "
                "were before it?",
            )
        if missed is not None and missed > 0.5:
            yield Note(
                "warning", "More than half of the speech is missed. Lower the threshold, or raise the SNR."
            )
        elif false is not None and false > 0.5:
            longer = "Most pauses count as speech: raise the threshold, or lower the hold-over."
            if state.noise == "babble":
                longer = "Most pauses count as speech. In babble there is speech in the pauses, too: the "
                longer += "detector cannot know whose."
            yield Note("warning", longer)

    @property
    def alt(self):
        """What the lab shows, without any trained number: those differ from machine to machine."""
        return (
            "A recording in noise as waveform and spectrogram; below, on the same time axis, a detector's "
            "answer with its threshold, and four units of its memory. Dials choose voice, noise, ratio, "
            "threshold and hold-over; in the picture silence is drawn and the state emptied."
        )


def _recordings(given):
    found = list(given) if isinstance(given, (list, tuple)) else []
    if not found or not all(isinstance(each, (datasets.Recording, datasets.Sound)) for each in found):
        raise ValueError(
            f"recordings is {brief(given)}, but must be a list of recordings, such as "
            'datasets.recordings("test") or [datasets.read_sound("voice.wav")]'
        )
    if short := [each.name for each in found if len(each.samples) < 10 * CHUNK]:
        raise ValueError(f"recordings: {', '.join(short)} is shorter than {10 * CHUNK:,} samples")
    if long := [each.name for each in found if len(each.samples) > LONGEST * RATE]:
        raise ValueError(
            f"recordings: {', '.join(long)} is longer than {LONGEST} s: give a part, such as "
            f"datasets.read_sound(path, start=0, seconds={LONGEST})"
        )
    return found


def _other(name, given):
    if not (isinstance(given, tuple) and len(given) == 4 and callable(given[0])):
        raise ValueError(
            f"others[{name!r}] is {brief(given)}, but must be (function, low, high, threshold), such as "
            "(energy, 0, 40, 6)"
        )
    low, high, threshold = given[1:]
    if not low < threshold < high:
        raise ValueError(f"others[{name!r}]: its threshold {threshold} must lie between {low} and {high}")
    return given
