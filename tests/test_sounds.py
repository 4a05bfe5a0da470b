"""Sound: WAV and FLAC files are read as they are, noise and mixtures are what they are said to be."""

import io

import av
import numpy as np
import pytest
from scipy.io import wavfile

from course_utils import datasets
from course_utils.datasets import sounds
from course_utils.datasets.own import flac


def encoded(samples, rate, **options):
    """A FLAC file of samples (sample, channel), int16, as FFmpeg writes it."""
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate, layout=layout)
        stream.codec_context.options = options
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


RNG = np.random.default_rng(0)
WAVES = {
    "noise": RNG.integers(-32768, 32768, 9_000),
    "tone": (20_000 * np.sin(np.arange(9_001) / 20) + RNG.normal(0, 30, 9_001)).astype(int),
    "constant": np.full(9_000, -7),
    "silence, then something": np.r_[np.zeros(5_000, int), RNG.integers(-5, 5, 5_000)],
    "few bits": RNG.integers(-100, 100, 9_000) * 64,
}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "options", [{"lpc_type": "fixed"}, {"compression_level": "0"}, {"compression_level": "12"}]
)
@pytest.mark.parametrize("wave", WAVES)
def test_flac_is_read_to_the_bit(wave, options, channels):
    other = np.roll(WAVES[wave], 3) // 2 + RNG.integers(-3, 3, len(WAVES[wave]))
    samples = np.stack([WAVES[wave], other][:channels], axis=1).astype("int16")
    data = encoded(samples, 44_100, **options)
    read, rate, bits = flac.read(data)
    assert (rate, bits) == (44_100, 16)
    np.testing.assert_array_equal(read, samples)
    np.testing.assert_array_equal(flac.read(data, 5_000, 600)[0], samples[5_000:5_600])


def test_a_damaged_flac_file_is_told_or_read_and_never_breaks():
    data = encoded(WAVES["tone"][:, np.newaxis].astype("int16"), 16_000)
    told = 0
    for n in range(60):
        broken = bytearray(data[: len(data) - n])
        broken[RNG.integers(4, len(broken))] ^= 1 << RNG.integers(8)
        try:
            flac.read(bytes(broken))
        except datasets.DataError:
            told += 1
    assert told > 50


@pytest.mark.parametrize(("kind", "scale"), [("int16", 32767), ("int32", 2**31 - 1), ("float32", 1)])
def test_wav_is_read(tmp_path, kind, scale):
    wave = np.sin(np.arange(16_000) / 10)
    wavfile.write(tmp_path / "a.wav", 16_000, (wave * scale).astype(kind))
    sound = datasets.read_sound(tmp_path / "a.wav")
    assert sound.told == ()
    assert sound.seconds == 1
    np.testing.assert_allclose(sound.samples, wave, atol=1e-4)
    part = datasets.read_sound(str(tmp_path / "a.wav"), start=0.25, seconds=0.5).samples
    np.testing.assert_allclose(part, wave[4_000:12_000], atol=1e-4)


def test_what_is_changed_is_told(tmp_path):
    def told(rate, samples):
        wavfile.write(tmp_path / "a.wav", rate, samples)
        return datasets.read_sound(tmp_path / "a.wav")

    tone = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    both = told(44_100, np.stack([tone, -0.5 * tone], axis=1).astype("float32"))
    assert both.told == ("2 channels, mixed into one", "44,100 samples a second, made 16,000")
    assert repr(both) == "a.wav: 1.0 s at 16,000 samples a second\n  " + "\n  ".join(both.told)
    middle = slice(1_000, -1_000)
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(both.samples[middle], expected[middle], atol=2e-3)
    assert "8 bits a sample" in told(16_000, (tone * 100 + 128).astype("uint8")).told[0]
    assert "nothing above 4,000 Hz" in told(8_000, (tone * 1000).astype("int16")).told[1]
    assert told(16_000, np.full(16_000, 3, "float32")).told == ("louder than 1 (up to 3), cut off there",)
    assert "was the microphone on?" in told(16_000, np.zeros(16_000, "int16")).told[0]


def test_a_file_that_breaks_off_and_channels_that_cancel_are_told(tmp_path):
    tone = (8_000 * np.sin(np.arange(32_000) / 20)).astype("int16")
    wavfile.write(tmp_path / "cut.wav", 16_000, tone)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:32_044])
    cut = datasets.read_sound(tmp_path / "cut.wav")
    assert cut.seconds == pytest.approx(1, abs=0.01)
    assert any("breaks off after 1.0 s" in each for each in cut.told)
    wavfile.write(tmp_path / "against.wav", 16_000, np.stack([tone, -tone], axis=1))
    assert any("cancel each other" in each for each in datasets.read_sound(tmp_path / "against.wav").told)


def test_an_hour_is_read_in_parts(tmp_path):
    hour = np.arange(3600 * 1_000, dtype="int16")
    wavfile.write(tmp_path / "hour.wav", 1_000, hour)
    assert datasets.read_sound(tmp_path / "hour.wav", start=3_000, seconds=600).seconds == 600
    assert datasets.read_sound(tmp_path / "hour.wav", start=3_599).seconds == 1


def test_recordings_have_their_sentences_and_parts_share_nothing():
    import tomllib

    told = tomllib.loads(
        (sounds.installed_files("speech")[0]["path"].parent / "sentences.toml").read_text("utf-8")
    )
    found = {part: datasets.recordings(part) for part in datasets.SPLITS}
    for part, speakers in found.items():
        assert {each.name for each in speakers} == {name for name, who in told.items() if who["part"] == part}
        for each in speakers:
            assert len(each.sentences) == len(told[each.name]["sentences"])
            spoken = np.concatenate([np.arange(*sentence) for sentence in each.sentences])
            assert not np.delete(each.samples, spoken).any(), "silence between sentences is digital silence"
    languages = {part: {each.name[:2] for each in speakers} for part, speakers in found.items()}
    assert sum(map(len, languages.values())) == len(set().union(*languages.values())) == 14
    sentences = [text for who in told.values() for text in who["sentences"]]
    assert len(sentences) == len(set(sentences)) == 73


@pytest.mark.parametrize("kind", datasets.NOISES)
def test_noise_is_of_one_loudness_and_seeded(kind):
    made = datasets.noise(kind, 32_000, seed=1)
    assert made.dtype == np.float32
    assert np.sqrt(np.mean(made**2)) == pytest.approx(1, abs=1e-2)
    np.testing.assert_array_equal(made, datasets.noise(kind, 32_000, seed=1))
    assert np.abs(made - datasets.noise(kind, 32_000, seed=2)).max() > 0.1


@pytest.mark.parametrize("snr", [20, 0, -10])
def test_a_mixture_has_the_ratio_that_is_asked_for(snr):
    voice = np.r_[np.zeros(8_000), np.sin(np.arange(8_000) / 5)].astype("float32")
    spoken, sound = np.arange(16_000) >= 8_000, datasets.noise("hiss", 16_000)
    mixed = datasets.mix(voice, spoken, sound, snr)
    alone = mixed[:8_000]
    both = np.sqrt(np.mean(mixed[8_000:] ** 2) - np.mean(alone**2))
    assert 20 * np.log10(both / np.sqrt(np.mean(alone**2))) == pytest.approx(snr, abs=1.5)
    assert np.sqrt(np.mean(mixed**2)) == pytest.approx(0.05, rel=0.01)


def test_the_time_since_a_clip_began_says_nothing():
    spoken = datasets.speech().train.y["speech"]
    often = spoken.mean(axis=0)
    assert np.abs(often - often.mean()).max() < 4 * np.sqrt(0.25 / len(spoken))


def test_the_voice_in_front_does_not_babble(monkeypatch):
    def hums(name, pitch):
        tone = np.sin(np.arange(32_000) * 2 * np.pi * pitch / 16_000).astype("float32")
        return datasets.Recording(name, "test", tone, [(0, 32_000)])

    monkeypatch.setattr(sounds, "recordings", lambda part: [hums("a", 500), hums("b", 1500)])
    everyone, others = (
        np.abs(np.fft.rfft(datasets.noise("babble", 16_000, 0, "test", without))) for without in (None, "a")
    )
    assert min(everyone[500], everyone[1500], others[1500]) > 100 * others[500]


def test_clips_are_balanced_seeded_and_true():
    data = datasets.speech(clips=(36, 12, 12), seconds=(2, 2, 2))
    assert data.train.x.shape == (36, 62, 512)
    assert data.train.x.dtype == np.float32
    assert np.abs(data.train.x).max() <= 1
    pairs = set(zip(data.train.y["noise"].tolist(), data.train.y["snr"].tolist()))
    assert len(pairs) == 36
    again = datasets.speech(clips=(36, 12, 12), seconds=(2, 2, 2))
    np.testing.assert_array_equal(again.train.x, data.train.x)
    assert np.abs(data.recompose(1).x - data.train.x).max() > 0.1
    loud = datasets.speech(clips=(1, 1, 30), seconds=(1, 1, 5), noises=("hiss",), snrs=(40,)).test
    level = np.log10((loud.x**2).mean(axis=2))
    middle = (level.max(axis=1) + level.min(axis=1))[:, np.newaxis] / 2
    assert np.mean((level > middle) == loud.y["speech"]) > 0.85


def test_the_detectors_weights_are_all_there():
    weights = datasets.voice_detector()
    assert len(weights) == 15
    assert sum(array.size for array in weights.values()) == 309_633
    assert {array.dtype for array in weights.values()} == {np.dtype("float32")}
