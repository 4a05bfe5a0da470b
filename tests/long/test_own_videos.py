"""Videos of one's own: containers, times, orientation, what is broken; features, memory, a cluster."""

import os
import re
import signal
import struct
import subprocess
import sys
from fractions import Fraction

import av
import keras
import numpy as np
import pytest
from clusters import ONE
from corrupted_videos import CONTAINERS, HOW, bar, corruptions, write_video
from lessons import ROOT
from test_own import parts_of

from course_utils.datasets import DataError, from_folder
from course_utils.datasets.own.cache import Cache
from course_utils.datasets.own.decoder import Unreadable
from course_utils.datasets.own.decoding import Decoder


@pytest.fixture(scope="module")
def decoder():
    with Decoder(seconds=60, memory=2**31) as child:
        yield child


@pytest.fixture
def videos(tmp_path):
    """Two classes, six people with two takes each, in all containers; and what lies about in real folders."""
    root = tmp_path / "my videos é 数"
    for name in ("left", "right"):
        (root / name).mkdir(parents=True)
        for person in range(6):
            for take in (1, 2):
                clip = bar(18 + take, down=person)
                clip = clip[:, :, ::-1] if name == "left" else clip
                write_video(root / name / f"p{person} take {take}{CONTAINERS[person]}", clip)
    return root


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_container_gives_frames_evenly_in_time(tmp_path, decoder, suffix):
    write_video(tmp_path / f"a{suffix}", bar())
    frames, sizes, notes = decoder.read(tmp_path / f"a{suffix}", **HOW)
    assert (frames.shape, sizes, notes) == ((8, 24, 32, 1), [(64, 48)], [])
    np.testing.assert_allclose(frames[:, 12, :, 0].argmax(axis=1), np.linspace(0, 19, 8), atol=2.1)
    at_rate, _, notes = decoder.read(tmp_path / f"a{suffix}", **HOW | {"rate": 5})
    assert (len(at_rate), notes) == (4, [])
    _, _, notes = decoder.read(tmp_path / f"a{suffix}", **HOW | {"rate": 50})
    assert notes == ["it has 25 frames a second, fewer than rate=50: some are repeated"]


def test_an_uneven_video_is_sampled_by_its_times(tmp_path, decoder):
    write_video(tmp_path / "a.mkv", bar(), times=[t * t for t in range(20)])
    frames, _, notes = decoder.read(tmp_path / "a.mkv", **HOW)
    shown = [int((361 * k / 7) ** 0.5) for k in range(8)]  # frame t comes at t squared
    np.testing.assert_allclose(frames[:, 12, :, 0].argmax(axis=1), shown, atol=1.1)
    assert "apart" in notes[0]


@pytest.mark.parametrize(
    ("matrix", "upright"),
    [
        ((0, 1, -1, 0), lambda clip: np.rot90(clip, -1, axes=(1, 2))),
        ((0, -1, 1, 0), lambda clip: np.rot90(clip, 1, axes=(1, 2))),
        ((-1, 0, 0, -1), lambda clip: clip[:, ::-1, ::-1]),
        ((-1, 0, 0, 1), lambda clip: clip[:, :, ::-1]),
        ((0, 1, 1, 0), lambda clip: clip.transpose(0, 2, 1)),
    ],
    ids=["right", "left", "over", "mirrored", "lying"],
)
def test_a_turned_phone_video_is_set_upright(tmp_path, decoder, matrix, upright):
    write_video(tmp_path / "plain.mp4", bar())
    raw = bytearray((tmp_path / "plain.mp4").read_bytes())
    at = raw.index(b"tkhd") + 44  # ISO 14496-12: the matrix of a track header, in 16.16 numbers
    a, b, c, d = (number << 16 for number in matrix)
    raw[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(raw)
    how = HOW | {"height": 64, "width": 64}
    turned, _, notes = decoder.read(tmp_path / "turned.mp4", **how)
    write_video(tmp_path / "upright.mp4", np.ascontiguousarray(upright(bar())))
    expected, _, _ = decoder.read(tmp_path / "upright.mp4", **how)
    assert np.mean((turned > 128) == (expected > 128)) > 0.98
    assert notes == ["it was recorded turned, and is set upright"]


def test_pixels_that_are_not_square_are_made_so(tmp_path, decoder):
    write_video(tmp_path / "a.mkv", bar(), aspect=Fraction(2))
    assert decoder.read(tmp_path / "a.mkv", **HOW)[1] == [(128, 48)]


def test_a_folder_of_videos_becomes_a_dataset_and_tells_what_is_wrong(videos):
    whole = (videos / "left" / "p0 take 1.mp4").read_bytes()
    (videos / "left" / "empty.mp4").write_bytes(b"")
    (videos / "left" / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    webm = (videos / "left" / "p4 take 1.webm").read_bytes()
    (videos / "left" / "cut.webm").write_bytes(webm[: int(0.7 * len(webm))])
    (videos / "left" / "text.mp4").write_text("hello")
    (videos / "left" / "notes.docx").write_text("about")
    (videos / "left" / "link.mp4").symlink_to(videos / "nowhere.mp4")
    (videos / "left" / "folder.mp4").mkdir()
    os.mkfifo(videos / "left" / "pipe.mp4")
    (videos / "left" / ".hidden.mp4").write_text("hello")
    write_video(videos / "left" / "p9 one frame.mp4", bar(1, down=9))
    with av.open(str(videos / "left" / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "float32"), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = from_folder(videos, "video", frames=8, size=(24, 32), groups=r"/(p\d)|/")
    assert sum(map(len, parts_of(data))) == 25
    told = data.card["skipped"]
    assert told.startswith("9 of 34: ")
    for name, why in {
        "empty.mp4": "it is empty",
        "cut.mp4": "it ",
        "cut.webm": "it breaks off after",
        "text.mp4": "it cannot be decoded",
        "notes.docx": "it is none of .mp4",
        "link.mp4": "it is a link that leads nowhere",
        "folder.mp4": "it is a folder",
        "pipe.mp4": "it is no file",
        "sound.mp4": "it has no video",
    }.items():
        assert re.search(rf"left/{name}[^:]*: {why}", told), name
    assert data.card["noted"] == "1 of 25: left/p9 one frame.mp4: it has a single frame"
    for split in parts_of(data):
        right = split.y["class"] == data.class_names["class"].index("right")
        goes = split.x[:, 7].sum(axis=(1, 3)).argmax(axis=1) > split.x[:, 0].sum(axis=(1, 3)).argmax(axis=1)
        moves = split.lengths > 1
        np.testing.assert_array_equal(goes[moves], right[moves])


def test_a_random_corruption_ends_in_frames_or_in_a_sentence():
    outcomes, _ = corruptions(60)
    assert sum(outcomes.values()) == 60
    assert 0 < outcomes.pop("read") < 60
    assert all(": " in said for said in outcomes)  # what is wrong, and what to do


def test_a_decoder_with_too_little_memory_says_so_and_goes_on(tmp_path):
    write_video(tmp_path / "large.mp4", np.zeros((3, 2160, 3840), "uint8"))
    write_video(tmp_path / "small.mp4", bar())
    with Decoder(seconds=60, memory=2**28) as decoder:
        with pytest.raises(Unreadable, match=r"more memory|ends the decoder|Cannot allocate"):
            decoder.read(tmp_path / "large.mp4", **HOW)
        assert len(decoder.read(tmp_path / "small.mp4", **HOW)[0]) == 8


# ------------------------------------------------------------------------------------------ features of a CNN


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((24, 32, 1)), keras.layers.Conv2D(4, 3), keras.layers.GlobalMaxPooling2D()]
    model = keras.Sequential(layers)
    path = tmp_path_factory.mktemp("model") / "cnn.keras"
    model.save(path)
    return path, model


def test_features_are_those_of_the_model_frame_by_frame(videos, cnn):
    path, model = cnn
    frames = from_folder(videos, "video", frames=30, size=(24, 32))
    features = from_folder(videos, "video", frames=30, size=(24, 32), features=path)
    for seen, made in zip(parts_of(frames), parts_of(features), strict=True):
        np.testing.assert_array_equal(made.y["class"], seen.y["class"])
        np.testing.assert_array_equal(made.mask, seen.mask)
        expected = model(seen.x.reshape(-1, 24, 32, 1)).numpy().reshape(*seen.x.shape[:2], 4)
        np.testing.assert_allclose(made.x, expected * seen.mask[..., np.newaxis], atol=1e-5)


def test_a_model_that_cannot_read_the_frames_is_refused(videos, cnn, tmp_path):
    with pytest.raises(ValueError, match=r"features=.* cannot read the frames of left/p"):
        from_folder(videos, "video", frames=8, size=(16, 16), channels=3, features=cnn[0])
    with pytest.raises(DataError, match=r"features=.*none.keras.* cannot be read"):
        from_folder(videos, "video", frames=8, size=(24, 32), features=tmp_path / "none.keras")


# ----------------------------------------------------------------------------------------------------- memory

PEAK = """
import sys
from course_utils.datasets import from_folder
data = from_folder(sys.argv[1], "video", frames=64, size=(96, 96), channels=3, cache=sys.argv[2])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # in kB
print(sum(split.x.nbytes for split in (data.train, data.validation, data.test)), 1024 * int(peak.split()[1]))
"""


def test_memory_does_not_grow_with_the_folder(tmp_path):
    measured = []
    for number in (5, 25):
        for name in ("left", "right"):
            (tmp_path / str(number) / name).mkdir(parents=True)
            for n in range(number):
                clip, place = np.zeros((64, 64, 64), "uint8"), 2 * n + (name == "left")
                clip[:, 8 * (place // 8) % 64 :, 8 * (place % 8) :] = 100 + place
                write_video(tmp_path / str(number) / name / f"{n}.mp4", clip)
        command = [sys.executable, "-c", PEAK, tmp_path / str(number), tmp_path / "cache"]
        done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, text=True)
        measured.append([int(number) for number in done.stdout.splitlines()[-1].split()])
    (few, peak_of_few), (many, peak_of_many) = measured
    assert many == 5 * few > 3e8
    assert peak_of_many - peak_of_few < (many - few) / 10


# ------------------------------------------------------------------------------------------ on a Dask cluster


def same(one, other):
    for mine, theirs in zip(parts_of(one), parts_of(other), strict=True):
        np.testing.assert_array_equal(mine.x, theirs.x)
        np.testing.assert_array_equal(mine.y["class"], theirs.y["class"])
        np.testing.assert_array_equal(mine.lengths, theirs.lengths)
    assert one.card == other.card


def test_a_cluster_reads_the_same_though_a_worker_was_killed(videos, cnn, cluster, tmp_path, monkeypatch):
    (videos / "left" / "text.mp4").write_text("hello")
    how = {"frames": 8, "size": (24, 32), "groups": r"/(p\d)|/", "features": cnn[0]}
    here = from_folder(videos, "video", cache=tmp_path / "here", **how)
    with cluster.workers(2, *ONE):
        keep, kept = Cache.keep, []

        def end_a_worker(self, *clip):
            keep(self, *clip)
            kept.append(clip)
            if len(kept) == 3:  # in the middle of reading
                ended = sorted(cluster.client.nthreads())[0]
                os.kill(cluster.client.run(os.getpid, workers=[ended])[ended], signal.SIGKILL)

        monkeypatch.setattr(Cache, "keep", end_a_worker)
        there = from_folder(videos, "video", cache=tmp_path / "there", client=cluster.address, **how)
        assert len(cluster.client.nthreads()) == 1
    same(here, there)


def test_a_read_that_was_interrupted_goes_on(videos, cluster, tmp_path, monkeypatch):
    keep, kept = Cache.keep, []

    def interrupted(self, *clip):
        if len(kept) == 5:
            raise KeyboardInterrupt
        keep(self, *clip)
        kept.append(clip)

    with cluster.workers(1, *ONE):
        monkeypatch.setattr(Cache, "keep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            from_folder(videos, "video", cache=tmp_path / "there", client=cluster.address)
        read = []
        monkeypatch.setattr(Cache, "keep", lambda self, *clip: keep(self, *clip) or read.append(clip))
        from_folder(videos, "video", cache=tmp_path / "there", client=cluster.client)
    assert (len(kept), len(read)) == (5, 19)


def test_what_a_cluster_lacks_is_said_in_a_sentence(videos, cluster, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=rf"^The cluster at {cluster.address} has no workers"):
        from_folder(videos, "video", client=cluster.address)
    with pytest.raises(DataError, match=r"^client='tcp://127.0.0.1:1' does not answer .*dask scheduler"):
        from_folder(videos, "video", client="tcp://127.0.0.1:1")
    with cluster.workers(1, *ONE):
        monkeypatch.chdir(videos)  # the workers run in another folder, where this path leads elsewhere
        with pytest.raises(DataError, match="all machines of a cluster must see the folder under the same"):
            from_folder("/proc/self/cwd", "video", cache=tmp_path / "there", client=cluster.address)
    no_course = tmp_path / "no course" / "course_utils"
    no_course.mkdir(parents=True)
    (no_course / "__init__.py").touch()
    with cluster.workers(1, *ONE, course=no_course.parent):
        said = "cannot import the course: start it with PYTHONPATH="
        with pytest.raises(DataError, match=said):
            from_folder(videos, "video", client=cluster.address)
