"""The voice lab's mathematics and picture: an LSTM as Keras runs it, silence, a state that is emptied."""

import io
import wave

import numpy as np
import pytest
import small_labs

from course_utils import datasets
from course_utils.labs.voice import Microphone, VoiceLab, pictures
from course_utils.labs.voice.reading import CHUNK, Ear, held, scene, shares

RECORDING = datasets.recordings("test")[0]
MODEL = small_labs.detector()
EAR = Ear(MODEL)


def windows(chunks):
    before = np.concatenate([np.zeros_like(chunks[:, :1, -64:]), chunks[:, :-1, -64:]], axis=1)
    return np.concatenate([before, chunks, chunks[:, :, -2:-66:-1]], axis=2)


def test_the_parts_of_a_detector_answer_like_the_whole():
    chunks = scene(RECORDING, "hiss", 5).chunks[:, :50]
    answers, hidden = EAR.listen(EAR.features(chunks))
    np.testing.assert_allclose(answers, np.asarray(MODEL(windows(chunks)))[0, :, 0], atol=1e-5)
    assert hidden.shape == (50, EAR.units)


def test_an_emptied_state_begins_anew():
    features = EAR.features(scene(RECORDING, "none", 0).chunks[:, :40])
    whole, _ = EAR.listen(features)
    emptied, hidden = EAR.listen(features, 15)
    np.testing.assert_allclose(emptied[:15], whole[:15])
    np.testing.assert_allclose(hidden[15:], EAR.listen(features[15:])[1])
    assert np.abs(emptied[15:] - whole[15:]).max() > 1e-3


def test_silence_is_drawn_and_told():
    there = scene(RECORDING, "music", 0, (10, 20))
    assert not there.chunks[0, 10:20].any()
    assert not there.spoken[10:20].any()
    assert np.abs(there.chunks[0, [9, 20]]).max(axis=1).min() > 0
    assert scene(RECORDING, "music", 0, (10, 10**6)).silence[1] == there.chunks.shape[1]


def test_a_scene_is_heard_as_it_is_seen():
    there = scene(RECORDING, "babble", 0)
    with wave.open(io.BytesIO(there.wav)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getnframes()) == (
            16_000,
            1,
            len(there.samples),
        )
        heard = np.frombuffer(sound.readframes(10**9), "<i2")
    assert np.corrcoef(heard, there.samples)[0, 1] > 0.9999
    assert there.spectrogram.shape[0] == 64
    assert 0 <= there.spectrogram.min() <= there.spectrogram.max() <= 1


@pytest.mark.parametrize(("hold", "joined"), [(0, "0110100"), (1, "0111100"), (9, "0111100")])
def test_a_hold_over_joins_speech_and_nothing_else(hold, joined):
    says = np.array([0, 1, 1, 0, 1, 0, 0], bool)
    assert "".join(map(str, held(says, hold).astype(int))) == joined
    assert says.sum() == 3


def test_shares_are_of_speech_and_of_pauses():
    says, spoken = np.array([1, 0, 1, 0], bool), np.array([1, 1, 0, 0], bool)
    assert shares(says, spoken) == (0.5, 0.5)
    assert shares(says, np.ones(4, bool)) == (0.5, None)


def test_time_is_one_axis_for_all_rows():
    lab = small_labs.voice()
    drawn = lab.player.value
    assert drawn.count("<image") == 1
    assert pictures.across(0, 100) == pictures.LEFT
    assert pictures.across(100, 100) == pictures.RIGHT
    assert lab.player.seconds == pytest.approx(lab.seen().scene.chunks.shape[1] * CHUNK / 16_000)
    assert len(drawn) < 250_000


def test_pointing_at_the_picture_sets_the_state():
    lab = small_labs.voice()
    lab.modes.value = "Draw silence"
    lab.player.picked, lab.player.turn = [1.0, 2.0], 1
    assert (lab.state.silent, lab.state.until) == (31, 63)
    lab.modes.value = "Empty the state"
    lab.player.picked, lab.player.turn = [3.2, 3.2], 2
    assert lab.state.reset == 100
    lab.whole.click()
    assert lab.state == lab.state_class()
    sound = lab.player.sound
    lab.controls["threshold"].value = 80
    assert lab.player.sound is sound, "what is heard stays, so it plays on"


def test_a_sound_of_ones_own_is_heard_without_a_truth():
    sound = datasets.Sound(RECORDING.samples[:80_000], "mine.wav")
    there = scene(sound, "hiss", 0)
    assert there.spoken is None
    voice = sound.samples[: len(there.samples)]
    noise = there.samples - there.samples @ voice / (voice @ voice) * voice
    assert (noise**2).sum() == pytest.approx((there.samples**2).sum() / 2, rel=0.1), "0 dB: half of it"
    lab = VoiceLab(MODEL, [sound])
    assert "misses – of the speech" in lab.player.value
    assert ">speech<" not in lab.player.value


def sent_to(microphone, monkeypatch, rate, pcm):
    told = []
    monkeypatch.setattr(microphone, "send", lambda content: told.append(content["said"]))
    microphone._received(microphone, {"rate": rate}, [pcm])
    return told.pop()


def test_a_microphone_keeps_what_is_a_recording(monkeypatch):
    microphone = Microphone()
    tone = (np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000) * 8000).astype("<i2")
    for rate, pcm in [("48", tone), (48_000, b""), (48_000, b"abc"), (10, tone), (8_000, bytes(2**20))]:
        assert "no recording" in sent_to(microphone, monkeypatch, rate, bytes(pcm))
    assert microphone.sound is None
    assert "Used: 1.0 s. Now" in sent_to(microphone, monkeypatch, 48_000, tone.tobytes())
    assert np.abs(np.fft.rfft(microphone.sound.samples)).argmax() == 440
    assert "muted?" in sent_to(microphone, monkeypatch, 48_000, bytes(9600))
