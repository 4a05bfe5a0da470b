"""A recording in noise, and how detectors of speech read it."""

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from course_utils import datasets
from course_utils.labs.core.dials import brief
from course_utils.labs.core.lstm import run_lstm
from course_utils.plotting import wav

RATE, CHUNK, CONTEXT = 16_000, 512, 64
PARTS = ("chunks", "memory", "speech")  # layers of a detector


@dataclass(frozen=True, eq=False)
class Scene:
    """What is heard: a recording, mixed with noise, with silence drawn into it.

    `samples` are those of whole chunks; `spoken` says in which chunks somebody speaks, and is None where
    nobody knows; `silence` are the first chunk that was silenced and the one after the last.
    """

    samples: np.ndarray
    spoken: np.ndarray | None
    silence: tuple

    @property
    def chunks(self):
        return self.samples.reshape(1, -1, CHUNK)

    @property
    def wav(self):
        """The bytes of a WAV file, loud enough to be heard."""
        return wav(self.samples, RATE)

    @property
    def spectrogram(self):
        """Logarithms of the magnitudes (pitch, frame), the highest pitch first; 0 to 1."""
        views = np.lib.stride_tricks.sliding_window_view(np.pad(self.samples, (0, 128)), 256)[::256]
        power = np.abs(np.fft.rfft(views * np.hanning(256)))[:, :128].reshape(-1, 64, 2).max(axis=2)
        return ((np.log10(power + 1e-3) + 2) / 3.5).clip(0, 1).T[::-1]


def scene(recording, noise, snr, silence=(0, 0)):
    """A recording as it is heard.

    Parameters
    ----------
    recording : datasets.Recording or datasets.Sound
        A recording gets pauses of 0.3 to 1.8 s between its sentences. A sound is heard as it is; the
        loudness of its voice is that of all its samples, as nobody has said where somebody speaks.
    noise : str
        Out of `datasets.NOISES`, or "none".
    snr : number
        In decibels.
    silence : (int, int)
        The first chunk to silence, and the one after the last.
    """
    told = isinstance(recording, datasets.Recording)
    voice, spoken = _talk(recording) if told else (recording.samples, np.ones(len(recording.samples), bool))
    count = len(voice) // CHUNK
    voice, spoken = voice[: count * CHUNK].copy(), spoken[: count * CHUNK].copy()
    samples = voice
    if noise != "none":
        sound = datasets.noise(noise, len(voice), 0, "test", recording.name)
        samples = datasets.mix(voice, spoken, sound, snr)
    first, last = (min(max(at, 0), count) * CHUNK for at in silence)
    samples[first:last] = 0
    spoken[first:last] = False
    chunks = spoken.reshape(-1, CHUNK).mean(axis=1) > 0.5
    return Scene(samples, chunks if told else None, (first // CHUNK, last // CHUNK))


@lru_cache(20)
def _talk(recording):
    """A recording with the pauses of the lesson's clips, 0.3 to 1.8 s; and where somebody speaks."""
    rng, pieces = np.random.default_rng(0), []
    for first, last in recording.sentences:
        pieces += [np.zeros(int(rng.uniform(0.3, 1.8) * RATE), "float32"), recording.samples[first:last]]
    pieces.append(np.zeros(RATE // 2, "float32"))
    spoken = np.repeat(np.arange(len(pieces)) % 2 == 1, [len(piece) for piece in pieces])
    return np.concatenate(pieces), spoken


def lasts(recording):
    """How many chunks a recording has in the lab."""
    told = isinstance(recording, datasets.Recording)
    return len(_talk(recording)[0] if told else recording.samples) // CHUNK


class Ear:
    """A detector taken apart: windows -> features -> states and answers."""

    def __init__(self, model):
        layers = {layer.name: layer for layer in getattr(model, "layers", ())}
        if missing := [name for name in PARTS if name not in layers]:
            raise ValueError(
                f"model is {brief(model)}, but must be a Keras model with layers named {', '.join(PARTS)}; "
                f"it lacks {', '.join(missing)}. Build it as lesson 11 does."
            )
        self._cnn = layers["chunks"]
        self._lstm = [np.asarray(each, float) for each in layers["memory"].get_weights()]
        self._last = [np.asarray(each, float) for each in layers["speech"].get_weights()]
        if len(self._lstm) != 3 or self._last[0].shape != (self.units, 1):
            raise ValueError("model must have an LSTM named memory, and a Dense(1) named speech after it")

    @property
    def units(self):
        return len(self._lstm[1])

    def features(self, chunks):
        """Chunks (1, chunk, 512) -> what the CNN gives the LSTM (chunk, features)."""
        before = np.concatenate([np.zeros_like(chunks[:, :1, -CONTEXT:]), chunks[:, :-1, -CONTEXT:]], axis=1)
        mirrored = chunks[:, :, -2 : -CONTEXT - 2 : -1]
        return np.asarray(self._cnn(np.concatenate([before, chunks, mirrored], axis=2)))[0]

    def listen(self, features, reset=0):
        """Answers (chunk,) and hidden states (chunk, units); the state is emptied before chunk `reset`."""
        parts = [part for part in (features[:reset], features[reset:]) if len(part)]
        hidden = np.concatenate([run_lstm("memory", part, *self._lstm).hidden for part in parts])
        kernel, bias = self._last
        return 1 / (1 + np.exp(-(np.maximum(hidden, 0) @ kernel[:, 0] + bias[0]))), hidden


def held(says, hold):
    """Where it counts as speech, if pauses of up to `hold` chunks between speech do."""
    says, at = says.copy(), np.flatnonzero(says)
    for one, other in itertools.pairwise(at):
        if other - one - 1 <= hold:
            says[one:other] = True
    return says


def shares(says, spoken):
    """Speech that is missed, and pauses that are taken for speech; None where none is known."""
    if spoken is None:
        return None, None
    missed = None if not spoken.any() else float((~says[spoken]).mean())
    return missed, None if spoken.all() else float(says[~spoken].mean())


@dataclass(frozen=True, eq=False)
class Heard:
    """All that the lab shows of one state. `others` is name -> (scores from 0 to 1, threshold, decisions)."""

    scene: Scene
    about: str
    answers: np.ndarray
    threshold: float
    says: np.ndarray
    hidden: np.ndarray
    units: tuple
    reset: int
    hold: int
    others: dict
