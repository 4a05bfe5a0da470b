"""Sentences that a synthesiser speaks, noise made of random numbers, and both mixed."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from course_utils.datasets.base import SPLITS, Split, assemble, installed_files, whole_number

RATE, CHUNK = 16_000, 512  # samples in a second, and in a chunk of 32 ms
NOISES = ("hiss", "hum", "rain", "clicks", "music", "babble")
SNRS = (20, 10, 5, 0, -5, -10)  # dB: how much louder the voice is than the noise
GAP = 0.2  # seconds of digital silence, at least, between two sentences of a recording


@dataclass(frozen=True, eq=False)
class Recording:
    """Sentences of one speaker, one after the other.

    Attributes
    ----------
    name, part : str
        Such as "en_m" and "test"; no voice, language or sentence is in two parts.
    samples : array (sample,), float32
        From -1 to 1, 16,000 a second.
    sentences : list of (int, int)
        First sample of each, and the one after its last.
    """

    name: str
    part: str
    samples: np.ndarray
    sentences: list

    def __repr__(self):
        return f"{self.name} ({self.part}): {len(self.sentences)} sentences, {len(self.samples) / RATE:.1f} s"


def recordings(part):
    """The recordings of one part: sentences of our own, spoken by espeak-ng.

    Parameters
    ----------
    part : str
        "train", "validation" or "test".

    Returns
    -------
    list of Recording

    Examples
    --------
    >>> recordings("test")[0]
    fr_f (test): 5 sentences, 11.0 s
    """
    if part not in SPLITS:
        raise ValueError(f'part={part!r} cannot be: use "train", "validation" or "test".')
    return _recordings(part)


@cache
def _recordings(part):
    from course_utils.datasets.own import flac

    found = []
    for file in installed_files("speech"):
        if file["split"] == part:
            samples, _, bits = flac.read(file["path"].read_bytes())
            loud = np.flatnonzero(samples[:, 0])
            pauses = np.flatnonzero(np.diff(loud) > GAP * RATE)
            ends = zip([loud[0], *loud[pauses + 1]], [*loud[pauses] + 1, loud[-1] + 1])
            sentences = [(int(first), int(last)) for first, last in ends]
            samples = (samples[:, 0] / (1 << bits - 1)).astype("float32")
            found.append(Recording(file["path"].stem, part, samples, sentences))
    return found


def voice_detector():
    """The weights of a deployed voice detector, Silero's, as they were published (MIT).

    Returns
    -------
    dict
        Name -> array, in PyTorch's order of axes: kernels (filter, channel, place), the LSTM's matrices
        (4 * unit, input) with the gates in the order input, forget, candidate, output, and two biases.

    Examples
    --------
    >>> voice_detector()["conv1.weight"].shape
    (128, 129, 3)
    """
    with np.load(installed_files("voice_detector")[0]["path"]) as file:
        return dict(file)


# ---------------------------------------------------------------------------------------------- noise


def noise(kind, samples, seed=0, part="train", without=None):
    """Noise of one kind, with a mean square of 1.

    Parameters
    ----------
    kind : str
        "hiss", "hum" (of the mains), "rain", "clicks" (of keys), "music" (of tones) or "babble" (eight
        voices at once, each of any speaker of one part).
    samples : int
        How many, at 16,000 a second.
    seed : int
        Each gives another noise.
    part : str
        Whose voices babble.
    without : str, optional
        The name of a speaker who does not babble, since that is the voice in front; any other name leaves
        nobody out.

    Returns
    -------
    array (sample,), float32

    Examples
    --------
    >>> noise("rain", 32_000, seed=1).shape
    (32000,)
    """
    if kind not in NOISES:
        raise ValueError(f"kind={kind!r} cannot be: use one of {', '.join(NOISES)}.")
    samples = whole_number("samples", samples, 1, 3600 * RATE, "One second has 16,000.")
    rng = np.random.default_rng(
        (whole_number("seed", seed, 0, 2**32 - 1, "Any will do."), NOISES.index(kind))
    )
    if kind == "babble":
        speakers = [each for each in recordings(part) if each.name != without]
        made = sum(_talk(rng, samples, speakers) for _ in range(8))
    else:
        made = {"hiss": _hiss, "hum": _hum, "rain": _rain, "clicks": _clicks, "music": _music}[kind](
            rng, samples
        )
    return (made / np.sqrt(np.mean(made**2) + 1e-12)).astype("float32")


def _hiss(rng, samples, slope=0.0):
    """Random numbers; with a slope, softer the higher the pitch."""
    white = rng.standard_normal(samples)
    if not slope:
        return white
    pitch = np.fft.rfftfreq(samples, 1 / RATE)
    return np.fft.irfft(np.fft.rfft(white) * np.maximum(pitch, 60) ** -slope, samples)


def _hum(rng, samples):
    time = np.arange(samples) / RATE
    turn = 2 * np.pi * rng.choice([50, 60]) * (time + 0.002 * np.sin(2 * np.pi * 0.3 * time) / 2)
    tones = (rng.uniform(0.2, 1) / k * np.sin(k * turn + rng.uniform(0, 6)) for k in range(1, 21))
    return sum(tones) + 0.02 * rng.standard_normal(samples)


def _rain(rng, samples):
    drops = np.zeros(samples)
    count = rng.poisson(samples * 300 / RATE)
    drops[rng.integers(0, samples, count)] = rng.exponential(1, count) * rng.choice([-1, 1], count)
    ring = np.exp(-np.arange(160) / 25) * np.sin(np.arange(160) * rng.uniform(0.8, 1.6))
    drops = np.convolve(drops, ring)[:samples]
    rush = _hiss(rng, samples, 0.4)
    return drops / drops.std() + rush / rush.std() if count else rush


def _clicks(rng, samples):
    made, at = 1e-3 * rng.standard_normal(samples), int(rng.exponential(0.1) * RATE)
    fade = np.exp(-np.arange(640) / 90)
    while at < samples:
        key = rng.standard_normal(640) + 2 * np.sin(np.arange(640) * rng.uniform(0.3, 1.2))
        end = min(at + 640, samples)
        made[at:end] += (rng.uniform(0.3, 1) * fade * key)[: end - at]
        at += int((0.06 + rng.exponential(0.12)) * RATE)
    return made


def _music(rng, samples):
    """Chords of a few tones with overtones, which are struck, sing with some vibrato, and fade."""
    made, at, scale = np.zeros(samples), 0, np.array([0, 2, 4, 5, 7, 9, 11, 12])
    key = 110 * 2 ** (rng.integers(0, 12) / 12)
    while at < samples:
        length = min(int(rng.choice([0.2, 0.4, 0.4, 0.8]) * RATE), samples - at)
        time = np.arange(length) / RATE
        for step in rng.choice(scale, rng.integers(1, 4), replace=False) + 12 * rng.integers(0, 3):
            turn = 2 * np.pi * key * 2 ** (step / 12) * (time + 0.0004 * np.sin(2 * np.pi * 5 * time))
            tone = sum(np.sin(k * turn) / k**1.3 for k in range(1, 7))
            made[at : at + length] += tone * np.minimum(time / 0.01, 1) * np.exp(-time / 0.5)
        at += length
    floor = 0.02 * np.sqrt(np.mean(made**2))  # without it, whatever is heard between two tones is a voice
    return made + floor * rng.standard_normal(samples)


def _talk(rng, samples, speakers):
    """One voice that goes on and on."""
    speaker, parts, have = speakers[rng.integers(len(speakers))], [], 0
    while have < samples + RATE:
        first, last = speaker.sentences[rng.integers(len(speaker.sentences))]
        parts += [speaker.samples[first:last], np.zeros(rng.integers(800, 6400), "float32")]
        have += len(parts[-2]) + len(parts[-1])
    begin = rng.integers(0, RATE)
    return np.concatenate(parts)[begin : begin + samples]


# ---------------------------------------------------------------------------------------------- mixing


def mix(voice, spoken, sound, snr, loudness=0.05):
    """A voice and a noise, at a given signal-to-noise ratio.

    Parameters
    ----------
    voice, spoken : array (sample,), bool array (sample,)
        A voice, and where somebody speaks: the loudness of the voice is that of these samples.
    sound : array (sample,)
        The noise; its loudness is that of all its samples.
    snr : number
        How much louder the voice is, in decibels: 20 is ten times the amplitude, 0 as loud, -10 a third.
    loudness : number
        The root of the mean square of the mixture.

    Returns
    -------
    array (sample,), float32
        From -1 to 1; samples beyond are cut off.
    """
    level = np.sqrt(np.mean(voice[spoken] ** 2)) if spoken.any() else 1.0
    mixed = voice + sound * level / np.sqrt(np.mean(sound**2)) * 10 ** (-snr / 20)
    return (mixed * loudness / np.sqrt(np.mean(mixed**2) + 1e-12)).clip(-1, 1).astype("float32")


def speech(clips=(360, 72, 180), seconds=(4, 4, 6), noises=NOISES, snrs=SNRS, seed=0):
    """Sentences in noise: for each chunk of 32 ms, does somebody speak?

    A clip is cut out of a longer talk, at any place: sentences of one speaker with pauses of 0.3 to 1.8
    seconds between them, every seventh of 3 to 6 seconds. So the time since a clip began says nothing. It
    has a noise and a signal-to-noise ratio; in each part every noise comes as often as any other, and at
    every ratio.

    Parameters
    ----------
    clips : (int, int, int)
        How many in train, validation and test.
    seconds : (int, int, int)
        How long they are in each part.
    noises : tuple of str
        Out of `NOISES`.
    snrs : tuple of numbers
        In decibels.
    seed : int
        The same seed always gives the same clips.

    Returns
    -------
    Dataset
        x (clip, chunk, 512): chunks of sound; `y["speech"]` (clip, chunk): 1 where more than half of a chunk
        lies within a sentence; `y["noise"]` and `y["snr"]` (clip,): which of `noises` and `snrs`.

    Examples
    --------
    >>> data = speech(clips=(12, 6, 6))
    >>> data.train.x.shape, data.train.y["speech"].shape
    ((12, 125, 512), (12, 125))
    """
    clips, seconds = _three("clips", clips, 1, 4000), _three("seconds", seconds, 1, 60)
    if isinstance(noises, str) or not noises or set(noises) - set(NOISES):
        raise ValueError(f"noises={noises!r} cannot be: use a tuple out of {', '.join(NOISES)}.")
    real = all(isinstance(snr, (int, float)) and -60 <= snr <= 60 for snr in snrs) and len(snrs)
    if not real:
        raise ValueError(f"snrs={snrs!r} cannot be: use a tuple of decibels from -60 to 60, such as (20, 0).")
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")

    def compose(split, epoch=0):
        number = SPLITS.index(split)
        made = [
            _clip(
                (seed, number, epoch, n),
                split,
                seconds[number],
                noises[n % len(noises)],
                snrs[n // len(noises) % len(snrs)],
            )
            for n in range(clips[number])
        ]
        n = np.arange(clips[number])
        y = {"speech": np.stack([truth for _, truth in made]), "noise": n % len(noises)}
        return Split(np.stack([x for x, _ in made]), y | {"snr": n // len(noises) % len(snrs)})

    names = {
        "speech": ("nobody speaks", "speech"),
        "noise": tuple(noises),
        "snr": tuple(f"{snr} dB" for snr in snrs),
    }
    data = assemble("speech", compose, names)
    data.card["x"] = "(clip, chunk, sample), float32 from -1 to 1; a chunk is 32 ms"
    return data


def _three(name, values, low, high):
    if not isinstance(values, (tuple, list)) or len(values) != 3:
        raise ValueError(f"{name}={values!r} cannot be: use three numbers, for train, validation and test.")
    return [
        whole_number(f"{name}[{n}]", value, low, high, "One for each part.") for n, value in enumerate(values)
    ]


def _clip(seeds, part, seconds, kind, snr):
    """Chunks (chunk, 512), and in which of them somebody speaks (chunk,)."""
    rng = np.random.default_rng(seeds)
    chunks = seconds * RATE // CHUNK
    voice, spoken = np.zeros(chunks * CHUNK, "float32"), np.zeros(chunks * CHUNK, bool)
    everyone = recordings(part)
    speaker = everyone[rng.integers(len(everyone))]
    at = -int(rng.uniform(8, 16) * RATE)  # somebody has talked for a while when the clip begins
    while at < len(voice):
        first, last = speaker.sentences[rng.integers(len(speaker.sentences))]
        sentence = speaker.samples[first:last]
        if part == "train":  # a little faster or slower, and higher or lower with it
            places = np.arange(0, len(sentence) - 1, rng.uniform(0.88, 1.14))
            sentence = np.interp(places, np.arange(len(sentence)), sentence)
        end = at + len(sentence)
        here = slice(max(at, 0), max(min(end, len(voice)), 0))
        voice[here], spoken[here] = sentence[here.start - at :][: here.stop - here.start], True
        at = end + int(rng.uniform(*((3, 6) if rng.random() < 1 / 7 else (0.3, 1.8))) * RATE)
    sound = noise(kind, len(voice), int(rng.integers(2**31)), part, speaker.name)
    mixed = mix(voice, spoken, sound, snr, 10 ** rng.uniform(-1.9, -0.8))
    return mixed.reshape(chunks, CHUNK), (spoken.reshape(chunks, CHUNK).mean(axis=1) > 0.5).astype(int)
