"""Train the tables of lesson 13: several seeds of every model, with the lesson's own definitions.

    python data/results/13_your_own_data.py           # all of it
    python data/results/13_your_own_data.py --times   # measure the times again, keep the scores
    python data/results/13_your_own_data.py --quick   # every step at toy size, into a temporary folder

Clips of 3 s, 16 frames of 32 x 32, unless a row says otherwise; five clips of each person who counts. "right"
is the share of new people's clips (or videos) whose direction is named. Each seed trains on other people.
The people of the validation, which only chooses learning rates, share drawings and photographs with those
of the training; the people of the test share none with anybody.

`13_reader` trains the CNN that names digits, on other people's drawings; its weights are kept beside it, and
all other tables read them. `13_20`, `13_100`, `13_500` have that many labelled clips. `13_split` leaves out
a fifth of 200 clips, by clip or by recording ("told" is the score on that fifth). `13_frames` and
`13_videos` (30 s) ask how much of a recording to show ("carried": the state through all 30 s; "after
another": through 15 s of another person, then 3 s; "the other's": how often it then says that one's
direction), `13_augment` how clips may be altered, `13_files` what compression costs ("kB": of a clip),
`13_rare` what helps when a class has 10 of 200 clips (recall and precision if it were as rare among the new
people), `13_export` how far off exported networks are (exported.py; NaN: no answer), and `13_batchnorm` how
batch normalisation fares ("training mode" and "inference mode": on the clips that it was trained on).
"""

import tempfile
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import exported
import numpy as np
from common import Study, definitions_of, main, weights_of

LESSON = "13_your_own_data"
COMMON = ["counting", "shrunk", "reader", "on_features", "train"]
EPOCHS = {20: 60, 100: 40, 500: 16}  # by the number of labelled clips
HEAD_PEAK = {20: 8e-3, 100: 8e-3, 500: 4e-3}  # what the tuning found for the LSTM on probabilities
FROZEN_PEAK = 3.2e-2  # and for the LSTM on a frozen CNN with batch normalisation
USES = {
    "13_reader": ["counting", "shrunk", "reader", "train"],
    **{f"13_{count}": [*COMMON, "hybrid", "pairs", "by_rule", "turned_pairs"] for count in EPOCHS},
    "13_split": [*COMMON, "hybrid"],
    "13_batchnorm": [*COMMON, "hybrid"],
    "13_frames": [*COMMON, "pairs", "by_rule"],
    "13_videos": [*COMMON, "pairs", "by_rule"],
    "13_augment": COMMON,
    "13_files": [*COMMON, "write_video", "by_rule"],
    "13_rare": COMMON,
    "13_export": ["frame_cnn"],
}
MOMENTUM = {"CNN": None, "CNN, batch normalisation": 0.9}  # of the two readers
CODED = {  # how clips are kept -> ending, codec and its options
    "no file": None,
    "mp4, H.264, crf 18": ("mp4", "libx264", {"crf": "18"}),
    "mp4, H.264, crf 35": ("mp4", "libx264", {"crf": "35"}),
    "mp4, H.264, crf 45": ("mp4", "libx264", {"crf": "45"}),
    "mp4, H.264, crf 51": ("mp4", "libx264", {"crf": "51"}),
    "webm, VP9, crf 50": ("webm", "libvpx-vp9", {"crf": "50", "b": "0", "speed": "6"}),
}
AUGMENTED = ("as they are", "shifted", "mirrored", "backwards, same label", "backwards, other label")


@cache
def names(table):
    return definitions_of(LESSON, USES[table])


@cache
def trained_reader(table, quick, which="CNN"):
    """One of the two networks that name digits, and the part of it that makes 64 features."""
    from course_utils import results

    model = names(table)["reader"](MOMENTUM[which])
    if not quick:
        model.load_weights(results.FOLDER / f"{file_of(which)}.weights.h5")
    return model


def file_of(which):
    return "13_reader" if which == "CNN" else "13_reader_batchnorm"


@cache
def world(table, part, people, clips, seconds, frames, quick):
    """Clips (clip, time, 32, 32, 1), their directions, and what digits they show."""
    known = names(table)
    x, up, digit = known["counting"](part, min(people, 6) if quick else people, clips, seconds, frames)
    small = known["shrunk"](x.reshape(-1, *x.shape[2:]))
    return small, np.repeat(up, clips), digit.reshape(-1, frames)


def own(table, part, quick, people=100, clips=5, seconds=3, frames=16):
    return world(table, part, people, clips, seconds, frames, quick)


def tested(table, part, quick, **how):
    """The people whom a network is scored on: to tune it, or at the end."""
    people, clips = (100, 2) if part == "test" else (32, 5)
    return own(table, part, quick, **({"people": people, "clips": clips} | how))


def features(table, x, quick, kind="probabilities"):
    """What a frozen CNN makes of each frame: ten probabilities, or the 64 features of one of three CNNs."""
    import keras

    if kind == "probabilities":
        model = trained_reader(table, quick)
    else:
        makers = {"features": trained_reader, "untrained": untrained, "places": trained_on_places}
        model = makers[kind](table, quick).layers[0]
    frames = model.predict(x.reshape(-1, *x.shape[2:]), batch_size=256, verbose=0)
    return keras.ops.convert_to_numpy(frames).reshape(*x.shape[:2], -1)


@cache
def untrained(table, quick):
    import keras

    keras.utils.set_random_seed(12345)
    return names(table)["reader"]()


@cache
def trained_on_places(table, quick):
    """The network of the reader, trained on the same frames with another question: where is the digit?"""
    import keras

    x, _, _ = own(table, "elsewhere", quick, people=1200, clips=1, frames=10)
    ink = np.clip(x[..., 0] - x[..., 0].min(axis=1, keepdims=True) - 0.1, 0, None)  # behind it, the wall
    across = np.arange(32)
    middles = [ink.sum(axis=axis) @ across / ink.sum(axis=(2, 3)).clip(1e-6) for axis in (3, 2)]
    row, column = (np.digitize(middle, np.quantile(middle, (1 / 3, 2 / 3))) for middle in middles)
    keras.utils.set_random_seed(12345)
    model = names(table)["reader"]()
    place = (3 * row + column).ravel()  # of nine
    names(table)["train"](model, x.reshape(-1, *x.shape[2:]), place, 4e-3, 1 if quick else 15, 64)
    return model


@cache
def featured(table, part, quick, kind="probabilities", **how):
    x, *labels = (tested if part != "train" else own)(table, part, quick, **how)
    return features(table, x, quick, kind), *labels


def some_people(y, count, seed, quick, clips=5):
    """Numbers of `count` clips: all those of some people, others for each seed, of both directions."""
    up, rng = y[::clips], np.random.default_rng(seed)
    while True:
        people = rng.permutation(len(up))[: len(up) if quick else count // clips]
        if len(set(up[people])) == 2:
            return (people[:, None] * clips + np.arange(clips)).ravel()


def epochs_of(count, quick):
    return 1 if quick else EPOCHS[count]


# ----------------------------------------------------------------------------------------- the tables' tasks
# A task: what to train (x, y, epochs, batch), `build`, which makes the network, and `score`, network ->
# numbers. `build` is called once the random generators are set: no network depends on what ran before it.


def from_scratch(table):
    return names(table)["hybrid"](names(table)["frame_cnn"]())


def right(model, x, y):
    return float((model.predict(x, batch_size=64, verbose=0).argmax(axis=-1) == y).mean())


def reading(table, row, seed, part, quick):
    """Name digits in single frames."""
    x, _, digit = own(table, "elsewhere", quick, people=1200, clips=1, frames=10)
    still, _, number = tested(table, part, quick, clips=1)
    stills = x.reshape(-1, *x.shape[2:])

    def score(model):
        found = {"right": right(model, still.reshape(-1, *still.shape[2:]), number.ravel())}
        if part == "test" and seed == 0:
            found["files"] = {f"{file_of(row)}.weights.h5": weights_of(model)}
        return found

    return SimpleNamespace(
        build=lambda: names(table)["reader"](MOMENTUM[row]), x=stills, y=digit.ravel(),
        epochs=1 if quick else 15, batch=64, score=score,
    )  # fmt: skip


LABELLED = (
    "No network: steps counted, no labels",
    "No network: regression on pairs",
    "No network: regression on turned pairs, 64 features of the CNN that names digits",
    "No network: regression on turned pairs, 64 features of a CNN that finds places",
    "Average of probabilities",
    "LSTM on probabilities",
    "LSTM on probabilities, also backwards",
    "LSTM on 64 features of the CNN that names digits",
    "LSTM on 64 features of the CNN that names digits, also backwards",
    "LSTM on 64 features of a CNN that finds places",
    "LSTM on 64 features of an untrained CNN",
    "LSTM on probabilities, then all fine-tuned",
    "CNN -> LSTM from scratch",
)


def labelled(table, row, seed, part, quick):
    """So many labelled clips: which network?"""
    count = int(table.removeprefix("13_"))
    known = names(table)
    if row.startswith("CNN") or "fine-tuned" in row:
        x, y, _ = own(table, "train", quick)
        there = tested(table, part, quick)[:2]
        at = some_people(y, count, seed, quick)
        if "fine-tuned" in row:
            p, _, _ = featured(table, "train", quick)
            build = partial(tuned_before, table, p[at], y[at], count, quick)
        else:
            build = partial(from_scratch, table)
    else:
        x, y, _ = featured(table, "train", quick, kind_of(row))
        there = featured(table, part, quick, kind_of(row))[:2]
        at = some_people(y, count, seed, quick)
        build = partial(known["on_features"], x.shape[-1], order=not row.startswith("Average"))
    x, y, epochs = x[at], y[at], epochs_of(count, quick)
    if row.endswith("backwards"):  # as many steps as without
        x, y, epochs = np.concatenate([x, x[:, ::-1]]), np.concatenate([y, 1 - y]), max(1, epochs // 2)
    return SimpleNamespace(
        build=build, x=x, y=y, epochs=epochs, batch=16, score=lambda model: {"right": right(model, *there)}
    )


def kind_of(row):
    """What the networks of a row read of each frame, as `features` calls it."""
    kinds = {"untrained": "untrained", "finds places": "places", "64 features": "features"}
    return next((kind for words, kind in kinds.items() if words in row), "probabilities")


def tuned_before(table, p, y, count, quick):
    """CNN -> LSTM, of which the LSTM was trained while the CNN was frozen; from here on all of it learns."""
    known = names(table)
    head = known["on_features"](10)
    known["train"](head, p, y, HEAD_PEAK[count], epochs_of(count, quick))
    model = known["hybrid"](trained_copy(table, quick))
    for layer, trained in zip(model.layers[-2:], head.layers[-2:], strict=True):
        layer.set_weights(trained.get_weights())
    return model


def trained_copy(table, quick, which="CNN"):
    """A network that names digits, with trained weights of its own."""
    copy = names(table)["reader"](MOMENTUM[which])
    copy.set_weights(trained_reader(table, quick, which).get_weights())
    return copy


def without_network(table, row, seed, quick):
    if table == "13_split":
        return nearest(table, row, seed, quick)
    if table == "13_files":
        p, true, size = coded(table, "test", row.rsplit("; ", 1)[1], quick)
        return {"right": float((names(table)["by_rule"](p) == true).mean()), "kB": size / 1000}
    known, kind = names(table), kind_of(row)
    count, clips, people, how = 100, 5, 100, {}
    if table == "13_frames":
        how = {"frames": frames_in(row)}
    elif table == "13_videos":
        count, clips, people, how = 120, 1, 200, {"seconds": 30, "frames": 160, "clips": 1}
    else:
        count = int(table.removeprefix("13_"))
    seen = {part: featured(table, part, quick, kind, **how)[:2] for part in ("validation", "test")}
    seen["train"] = featured(table, "train", quick, kind, people=people, **how)[:2]
    if table == "13_videos":
        seen = {part: (shown_of(row, p), y) for part, (p, y) in seen.items()}
    if "counted" in row:
        furthest = 3 if "1 to 3" in row else 4 if "1 to 4" in row else 1
        new, true = seen["test"]
        return {"right": float((known["by_rule"](new, furthest) == true).mean())}
    at = some_people(seen["train"][1], count, seed, quick, clips)
    seen["train"] = [part[at] for part in seen["train"]]
    seen = {
        part: (known["turned_pairs" if "turned" in row else "pairs"](p), y) for part, (p, y) in seen.items()
    }
    strengths = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
    fits = [logistic(*seen["train"], strength, intercept="turned" not in row) for strength in strengths]
    fitted = max(fits, key=lambda fit: fit.score(*seen["validation"]))
    weights = fitted.coef_.size + fitted.fit_intercept
    return {"parameters": weights, "right": fitted.score(*seen["test"])}


def logistic(x, y, strength, intercept):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, fit_intercept=intercept, max_iter=3000).fit(x, y)


# --- the split


SPLITS = ("by clip", "by recording")
SPLIT_ROWS = (
    "No network: nearest mean frame",
    "No network: nearest mean of 64 features",
    "LSTM on probabilities",
    "CNN -> LSTM from scratch",
)


def parted(y, seed, how, quick):
    """Numbers of the clips of 40 people to train on, and of the fifth that is left out.

    By clip: one clip of each person. By recording: all clips of four who count up and of four who count down.
    """
    ways = [np.flatnonzero(y[::5] == way)[: 3 if quick else 20] for way in (0, 1)]
    clips = np.concatenate(ways)[:, None] * 5 + np.arange(5)  # (person, clip)
    out = np.zeros(clips.shape, bool)
    if how == "by clip":
        out[:, seed % 5] = True
    else:
        out[np.arange(len(out)) % 5 == seed % 5] = True
    return clips[~out], clips[out]


def nearest(table, row, seed, quick):
    """Answer with the direction of the clip whose mean frame, or mean of features, is nearest."""
    if "features" in row:
        (x, y, _), (new, true, _) = (featured(table, part, quick, "features") for part in ("train", "test"))
    else:
        (x, y, _), (new, true, _) = own(table, "train", quick), tested(table, "test", quick)
    kept, out = parted(y, seed, row.split(", ")[-1], quick)
    mean = [clips.mean(axis=1).reshape(len(clips), -1) for clips in (x[kept], x[out], new)]

    def found(seen):
        distance = (seen**2).sum(axis=1)[:, None] - 2 * seen @ mean[0].T + (mean[0] ** 2).sum(axis=1)
        return y[kept][distance.argmin(axis=1)]

    return {"told": float((found(mean[1]) == y[out]).mean()), "right": float((found(mean[2]) == true).mean())}


def split(table, row, seed, part, quick):
    name, how = row.rsplit(", ", 1)
    known = names(table)
    if name.startswith("CNN"):
        (x, y, _), there = own(table, "train", quick), tested(table, part, quick)[:2]
        build = partial(from_scratch, table)
    else:
        (x, y, _), there = featured(table, "train", quick), featured(table, part, quick)[:2]
        build = partial(known["on_features"], 10)
    kept, out = parted(y, seed, how, quick)
    return SimpleNamespace(
        build=build, x=x[kept], y=y[kept], epochs=epochs_of(100, quick), batch=16,
        score=lambda model: {"told": right(model, x[out], y[out]), "right": right(model, *there)},
    )  # fmt: skip


# --- batch normalisation


NORMALIZED = {  # row -> momentum, and what of a trained CNN learns on
    "from scratch, momentum 0.99": (0.99, None),
    "from scratch, momentum 0.9": (0.9, None),
    "fine-tuned, momentum 0.99": (0.99, "all"),
    "fine-tuned, momentum 0.9": (0.9, "all"),
    "fine-tuned, normalisation frozen": (0.9, "all but normalisation"),
    "fine-tuned, after the LSTM alone": (0.9, "all, later"),
    "CNN frozen": (0.9, "nothing"),
}


def normalized(table, row, seed, part, quick):
    known, (momentum, learning) = names(table), NORMALIZED[row]
    x, y, _ = own(table, "train", quick)
    there = tested(table, part, quick)[:2]
    at = some_people(y, 100, seed, quick)
    trained_reader(table, quick, "CNN, batch normalisation")

    def build():
        if learning is None:
            return known["hybrid"](known["frame_cnn"](momentum))
        cnn = trained_copy(table, quick, "CNN, batch normalisation").layers[0]
        cnn.trainable = learning != "nothing"
        for layer in cnn.layers:
            if "batch_normalization" in layer.name:
                layer.momentum = momentum
                layer.trainable = learning in ("all", "all, later")
        model = known["hybrid"](cnn)
        if learning == "all, later":
            cnn.trainable = False
            known["train"](model, x[at], y[at], FROZEN_PEAK, epochs_of(100, quick))
            cnn.trainable = True
        return model

    def score(model):
        found = {"right": right(model, *there), "inference mode": right(model, x[at], y[at])}
        batches = [at[n : n + 16] for n in range(0, len(at), 16)]
        answers = np.concatenate([model(x[batch], training=True) for batch in batches]).argmax(axis=-1)
        return found | {"training mode": float((answers == y[at]).mean())}

    return SimpleNamespace(build=build, x=x[at], y=y[at], epochs=epochs_of(100, quick), batch=16, score=score)


# --- how much of a recording


FRAMES = (16, 8, 4, 2)
SPREAD = np.linspace(0, 159, 16).round().astype(int)  # 16 of the 160 frames of a video


def frames_in(row):
    """How many frames a row reads: "LSTM, 4 frames of 3 s" -> 4."""
    return int(row.rsplit(", ", 1)[1].split()[0])


def shown_of(row, p):
    """Of 160 frames of a video, those that a row reads."""
    return p[:, :16] if "first 3 s" in row else p[:, SPREAD] if ", 16 frames" in row else p


def fewer(table, row, seed, part, quick):
    frames = frames_in(row)
    x, y, _ = featured(table, "train", quick, frames=frames)
    at = some_people(y, 100, seed, quick)
    there = featured(table, part, quick, frames=frames)[:2]
    return SimpleNamespace(
        build=partial(names(table)["on_features"], 10), x=x[at], y=y[at],
        epochs=epochs_of(100, quick), batch=16,
        score=lambda model: {"right": right(model, *there)},
    )  # fmt: skip


VIDEOS = (
    "No network: steps of 1 to 4 counted, 16 frames of 30 s",
    "No network: steps counted, first 3 s alone",
    "No network: steps counted, 160 frames of 30 s",
    "No network: regression on pairs, 16 frames of 30 s",
    "No network: regression on pairs, first 3 s alone",
    "No network: regression on pairs, 160 frames of 30 s",
    "LSTM, 16 frames of 30 s",
    "LSTM, 160 frames of 30 s",
    "LSTM, first 3 s alone",
    "LSTM, ten clips of 3 s, mean of answers",
    "LSTM, ten clips of 3 s, majority",
)


def videos(table, row, seed, part, quick):
    """120 labelled videos of 30 s, of which 160 frames are read; a clip of 3 s is 16 of them."""
    how = {"seconds": 30, "frames": 160, "clips": 1}
    x, y, _ = featured(table, "train", quick, people=200, **how)
    new, true, _ = featured(table, part, quick, **how)
    at = some_people(y, 120, seed, quick, clips=1)
    x, y, cut = x[at], y[at], lambda p: p.reshape(-1, 16, 10)
    film = new
    if "ten clips" in row:
        x, y, new = cut(x), np.repeat(y, 10), cut(new)
    else:
        x, new = shown_of(row, x), shown_of(row, new)

    def score(model):
        answers = model.predict(new, batch_size=64, verbose=0)
        if "mean" in row:
            answers = answers.reshape(-1, 10, 2).mean(axis=1)
        elif "majority" in row:
            answers = np.eye(2)[answers.argmax(axis=-1)].reshape(-1, 10, 2).mean(axis=1)
        found = {"right": float((answers.argmax(axis=-1) == true).mean())}
        if "first" in row:  # the state carried: through 30 s, and from one person to the next
            after = np.concatenate([np.roll(film, 1, axis=0)[:, :80], new], axis=1)
            found |= {"carried": right(model, film, true), "after another": right(model, after, true)}
            found["the other's"] = right(model, after, np.roll(true, 1))
        return found

    epochs = 1 if quick else 8 if "ten clips" in row else 40
    build = partial(names(table)["on_features"], 10)
    return SimpleNamespace(build=build, x=x, y=y, epochs=epochs, batch=16, score=score)


# --- altered clips


def augmented(table, row, seed, part, quick):
    """Four copies of each clip, altered; where the label changes with the clip, so does that of the copy."""
    x, y, _ = own(table, "train", quick)
    at = some_people(y, 100, seed, quick)
    x, y, rng = x[at], y[at], np.random.default_rng(seed)
    copies = [features(table, x, quick)]
    for _ in range(3):
        if row == "shifted":
            offsets = rng.integers(-3, 4, (len(x), 2))
            moved = [np.roll(clip, offset, axis=(1, 2)) for clip, offset in zip(x, offsets, strict=True)]
            copies.append(features(table, np.stack(moved), quick))
        elif row == "mirrored" and len(copies) % 2:
            copies.append(features(table, x[:, :, :, ::-1], quick))
        elif row.startswith("backwards") and len(copies) % 2:
            copies.append(copies[0][:, ::-1])
        else:
            copies.append(copies[0])
    other = row == "backwards, other label"
    labels = [1 - y if other and n % 2 else y for n in range(4)]
    there = featured(table, part, quick)[:2]
    return SimpleNamespace(
        build=partial(names(table)["on_features"], 10), x=np.concatenate(copies), y=np.concatenate(labels),
        epochs=1 if quick else 20, batch=16, score=lambda model: {"right": right(model, *there)},
    )  # fmt: skip


# --- files


@cache
def coded(table, part, how, quick):
    """Probabilities of clips that went through a file, their directions, and bytes of a file."""
    from PIL import Image

    from course_utils.datasets.own.decoder import to_array
    from course_utils.datasets.own.decoding import Decoder

    people, clips = {"train": (100, 5), "validation": (32, 5), "test": (100, 2)}[part]
    x, up, _ = names(table)["counting"](part, 6 if quick else people, clips, 3, 72)
    x, y = x.reshape(-1, *x.shape[2:]), np.repeat(up, clips)
    read, sizes = [], []
    to = {"height": 32, "width": 32, "fit": "pad", "channels": 1}
    with tempfile.TemporaryDirectory() as folder, Decoder(60, 2**31) as decoder:
        for clip in x:
            if CODED[how] is None:
                images = np.rint(255 * clip[np.linspace(0, 71, 16).round().astype(int), ..., 0]).astype(
                    "uint8"
                )
                sizes.append(clip.size)
                read.append(np.stack([to_array(Image.fromarray(image), **to) for image in images]))
            else:
                ending, codec, options = CODED[how]
                path = Path(folder, f"clip.{ending}")
                names(table)["write_video"](path, clip, codec, **options)
                sizes.append(path.stat().st_size)
                read.append(decoder.read(str(path), frames=16, rate=None, **to)[0])
    return features(table, np.stack(read).astype("float32") / 255, quick), y, float(np.mean(sizes))


def files(table, row, seed, part, quick):
    """Train on clips from files, score on clips from the same kind of file; or train on no files."""
    how, trained_on = row.split("; trained on ")
    x, y, _ = coded(table, "train", how if trained_on == "the same" else trained_on, quick)
    new, true, size = coded(table, part, how, quick)
    at = some_people(y, 100, seed, quick)
    return SimpleNamespace(
        build=partial(names(table)["on_features"], 10), x=x[at], y=y[at],
        epochs=epochs_of(100, quick), batch=16,
        score=lambda model: {"right": right(model, new, true), "kB": size / 1000},
    )  # fmt: skip


# --- a rare class


RARE = {"all clips count alike": None, "each rare clip counts 19 times": {0: 1, 1: 19}}


def rare(table, row, seed, part, quick):
    """190 clips of people who count down, 10 of ten who count up; for new people, as if up were as rare."""
    p, y, _ = featured(table, "train", quick)
    new, true, _ = featured(table, part, quick)
    rng = np.random.default_rng(seed)
    down, up = (rng.permutation(np.flatnonzero(y == way)) for way in (0, 1))
    firsts = np.unique(up // 5, return_index=True)[1]  # one clip of each person
    at = np.concatenate([down[:190], up[rng.permutation(firsts)[:10]]])

    def build():
        model = names(table)["on_features"](10)
        model.fit = partial(model.fit, class_weight=RARE[row])
        return model

    def score(model):
        said, found = model.predict(new, batch_size=64, verbose=0)[:, 1], {}
        for least in (0.5, 0.1, 0.02, 0.005):
            recall, alarms = ((said[true == way] > least).mean() for way in (1, 0))
            found[f"recall from {least}"] = float(recall)
            found[f"precision from {least}"] = float(recall / max(recall + 19 * alarms, 1e-9))
        fits = right(model, p[at], y[at])
        return {"right": right(model, new, true), "fits": fits} | found

    return SimpleNamespace(build=build, x=p[at], y=y[at], epochs=epochs_of(100, quick), batch=16, score=score)


# ------------------------------------------------------------------------------------------------- the study


TASKS = {
    "13_reader": reading,
    **dict.fromkeys(("13_20", "13_100", "13_500"), labelled),
    "13_split": split,
    "13_batchnorm": normalized,
    "13_frames": fewer,
    "13_videos": videos,
    "13_augment": augmented,
    "13_files": files,
    "13_rare": rare,
}


def rows_of(table, quick):
    every = list(CODED)
    rows = {
        "13_reader": MOMENTUM,
        **dict.fromkeys(("13_20", "13_100", "13_500"), LABELLED),
        "13_split": [f"{name}, {how}" for name in SPLIT_ROWS for how in SPLITS],
        "13_batchnorm": NORMALIZED,
        "13_frames": [
            f"{what}, {n} frames of 3 s"
            for n in FRAMES
            for what in (
                "No network: steps counted",
                "No network: steps of 1 to 3 counted",
                "No network: regression on pairs",
                "LSTM",
            )
        ],
        "13_videos": VIDEOS,
        "13_augment": AUGMENTED,
        "13_rare": RARE,
        "13_files": [f"No network: steps counted; {how}" for how in every]
        + [f"{every[0]}; trained on the same"]
        + [f"{how}; trained on {what}" for how in every[1:] for what in (every[0], "the same")],
        "13_export": [f"No training: {row}" for row in exported.ROWS[-1 if quick else 0 :]],
    }[table]
    return dict.fromkeys(list(rows)[:: max(1, len(rows) // 2)][:2] if quick else rows)


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test people."""
    import keras

    if row.startswith("No network"):
        return {"parameters": 0} | without_network(table, row, seed, quick)
    keras.backend.clear_session()
    if table == "13_export":
        keras.utils.set_random_seed(seed)
        return exported.errors(row.removeprefix("No training: "), names(table)["frame_cnn"])
    task = TASKS[table](table, row, seed, part, quick)
    keras.utils.set_random_seed(seed)
    model = task.build()
    names(table)["train"](model, task.x, task.y, peak, task.epochs, task.batch)
    return {"parameters": model.count_params(), "peak": peak} | task.score(model)


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    import keras

    task = TASKS[table](table, row, 0, "validation", quick)
    keras.utils.set_random_seed(0)
    model = task.build()
    names(table)["train"](model, task.x[:16], task.y[:16], 4e-3, 1, task.batch)
    starts = range(0, len(task.x), task.batch)
    batches = [(task.x[at : at + task.batch], task.y[at : at + task.batch]) for at in starts]
    return model, batches, len(batches) * task.epochs


STUDY = Study(
    lesson=LESSON,
    seeds={**dict.fromkeys(USES, 5), "13_reader": 1, "13_export": 1},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("right",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
