"""Make the recordings of this folder: espeak-ng speaks the sentences of sentences.toml.

    apt-get install espeak-ng          # 1.51; learners do not need it: the recordings are committed
    python data/sounds/speak.py        # needs what data of your own needs (`make own`): PyAV writes FLAC

For each sentence it runs `espeak-ng -v VOICE OPTIONS --stdout SENTENCE`, resamples the 22,050 Hz to 16,000,
makes each sentence as loud as the others, keeps 12 bits of 16, and writes one FLAC file a speaker, the
sentences 0.25 s apart. That is all: no noise, no silence cut out. Prints what the manifest needs.
"""

import hashlib
import shlex
import subprocess
import tomllib
from pathlib import Path

import av
import numpy as np
import scipy.signal

HERE = Path(__file__).resolve().parent
RATE, GAP = 16_000, 4_000


def spoken(voice, options, sentence):
    """One sentence, -1 to 1 at 16,000 Hz, without the silence before and after it."""
    command = ["espeak-ng", "-v", voice, *shlex.split(options), "--stdout", sentence]
    sound = subprocess.run(command, capture_output=True, check=True).stdout
    samples = (
        np.frombuffer(sound[44:], "<i2") / 32768
    )  # a WAV whose header, in a pipe, does not know its length
    samples = scipy.signal.resample_poly(samples, 320, 441)  # from 22,050 Hz
    loud = np.flatnonzero(np.abs(samples) > 1e-3)
    samples = samples[loud[0] : loud[-1] + 1]
    return samples * 0.08 / np.sqrt(np.mean(samples**2))


def write(path, samples):
    """A FLAC file of 16 bits, of which the lowest four are 0."""
    whole = (np.round(samples.clip(-0.99, 0.99) * 2048) * 16).astype("int16")
    with av.open(path, "w") as file:
        stream = file.add_stream("flac", rate=RATE, layout="mono")
        stream.codec_context.options = {
            "compression_level": "12",
            "lpc_type": "fixed",
        }  # quick to read in NumPy
        frame = av.AudioFrame.from_ndarray(whole[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)


def main():
    """Write a file for each speaker, and print the manifest's lines."""
    gap = np.zeros(GAP)
    for name, who in tomllib.loads((HERE / "sentences.toml").read_text(encoding="utf-8")).items():
        parts = [gap]
        for sentence in who["sentences"]:
            parts += [spoken(who["voice"], who["options"], sentence), gap]
        path = HERE / f"{name}.flac"
        write(path, np.concatenate(parts))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        shows = f"{len(who['sentences'])} sentences, voice {who['voice']}"
        print(f'\n[[speech.files]]\npath = "sounds/{name}.flac"\nsha256 = "{digest}"')
        print(f'split = "{who["part"]}"\nshows = "{shows}"')


if __name__ == "__main__":
    main()
