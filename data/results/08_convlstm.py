"""Train the tables of lesson 08: several seeds of every model, with the lesson's own definitions.

    python data/results/08_convlstm.py           # all of it
    python data/results/08_convlstm.py --times   # measure the times again, keep the scores
    python data/results/08_convlstm.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, the same epochs and the same tuning (see common.py).
`08_camera_moves` names what the camera does, after 10 epochs; `08_camera_longer` gives the hybrid that
reads frame by frame 30. `08_camera_flat` is a control: an LSTM reads the maps of the ConvLSTM as lists.

`08_next_frame` predicts frames. "next" is the squared error one step ahead, from true frames. The numbers
with a step are of a network that reads its own frames, from six true ones on: squared error ("error"),
structural similarity ("similar"), pixels between the centres of brightness ("off"). "named" is the share of
clips whose digit the network of lesson 04, trained there on digits of this size, names from the ten predicted
frames; "named, true" from the true ones. "last" is the error of the next frame when no more than the last
few frames before it are read. The networks of seed 0 that the lesson loads are kept beside it.
"""

import dataclasses
from functools import cache, lru_cache

import numpy as np
from common import Study, definitions_of, main, needs_network, weights_of

LESSON = "08_convlstm"
CAMERA = ["cameras", "camera", "train_camera", "moves_by_rule"]
FRAMES = [
    "convlstm",
    "causal3d",
    "flat",
    "train_frames",
    "mixed",
    "next_by_rule",
    "quality",
    "rolled_out",
    "worlds",
]
USES = {
    "08_camera_moves": CAMERA,
    "08_camera_longer": CAMERA,
    "08_camera_flat": ["flattened", "camera", "train_camera"],
    "08_next_frame": FRAMES,
}
STEPS, LAST = (1, 2, 5, 10), (1, 2, 3, 6)
NETWORKS = {"ConvLSTM": "convlstm", "Conv3D, causal": "causal3d", "CNN -> LSTM -> CNN": "flat"}
KEPT = ("ConvLSTM", "Conv3D, causal")  # networks whose weights the lesson loads


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


def is_camera(table):
    return table.startswith("08_camera")


@cache
def moves_of(quick):
    from course_utils import datasets

    data = datasets.camera_moves(clips=(64, 32, 32)) if quick else datasets.camera_moves()
    return dataclasses.replace(data, compose=lru_cache(10)(data.compose))  # composing takes time


@cache
def worlds_of(quick):
    """Clips to train on, and longer ones to predict."""
    worlds = definitions("08_next_frame")["worlds"]
    short = worlds(10, (32, 16, 16) if quick else (800, 100, 200))
    return short, worlds(16, (10, 16, 16) if quick else (10, 100, 200))


@cache
def reader(quick):
    """The hybrid of lesson 04, trained to name digits that move; here it reads predicted frames."""
    import keras

    from course_utils import datasets

    names = definitions_of("04_cnn_lstm_video", ["hybrid", "train"])
    keras.utils.set_random_seed(0)
    model = names["hybrid"]()
    data = datasets.moving_digits(digit_size=12, clips=(32, 16, 16) if quick else (3200, 400, 800))
    names["train"](model, data, **({"epochs": 1} if quick else {}))
    return model


def rows_of(table, quick):
    """Row -> a function that builds the network; for a row without one, its rule."""
    names = definitions(table)
    if table == "08_camera_flat":
        return {"LSTM, flattened maps": lambda: names["camera"](names["flattened"])}
    if is_camera(table):
        rows = {"No network: flow": names["moves_by_rule"]}
        rows |= {
            name: lambda summarise=summarise: names["camera"](summarise)
            for name, summarise in names["cameras"]().items()
        }
        if table == "08_camera_longer":
            rows = {"CNN -> LSTM": rows["CNN -> LSTM"]}
        few = list(rows)[:2]
    else:
        rows = {f"No network: {name}": rule for name, rule in names["next_by_rule"]().items()}
        rows |= {name: names[function] for name, function in NETWORKS.items()}
        few = ["No network: shift and bounce", "ConvLSTM"]
    return {row: rows[row] for row in few} if quick else rows


def epochs_of(table, quick):
    return 1 if quick else {"08_camera_longer": 30, "08_next_frame": 6}.get(table, 10)


def train(table, model, peak, quick, epochs):
    names = definitions(table)
    if is_camera(table):
        names["train_camera"](model, moves_of(quick), peak, epochs)
    else:
        names["train_frames"](model, worlds_of(quick)[0], peak, epochs)


def drawn_well(next_frames, one_step, part, quick):
    """How good predicted frames are, in each kind of clip; both functions go from clips to frames."""
    quality, found = definitions("08_next_frame")["quality"], {}
    for kind, data in worlds_of(quick)[1].items():
        split = getattr(data, part)
        given, true = split.x[:, :6], split.x[:, 6:]
        found[f"{kind}: next"] = float(((one_step(split.x)[:, 5:] - true) ** 2).mean())
        drawn = next_frames(given, true.shape[1])
        for name, values in zip(("error", "similar", "off"), quality(true, drawn), strict=True):
            found |= {f"{kind}: {name} {step}": float(values[step - 1]) for step in STEPS}
        if kind == "one digit":
            for name, frames in (("named", drawn), ("named, true", true)):
                named = reader(quick).predict(frames, batch_size=100, verbose=0)["digit"].argmax(axis=-1)
                found[name] = float((named == split.y["digit"]).mean())
    return found


def by_rule(rule, part, quick):
    """The scores of a rule that predicts frames, a function of given clips and the number of frames ahead."""

    def one_step(clips):
        steps = range(6, clips.shape[1])
        return np.concatenate([clips[:, :5], *(rule(clips[:, :step], 1) for step in steps)], axis=1)

    return {"parameters": 0} | drawn_well(rule, one_step, part, quick)


def from_last(next_frames, part, quick):
    """Squared error of the next frame, if no more than the last few frames before it are read."""
    found = {}
    for kind, data in worlds_of(quick)[1].items():
        clips = getattr(data, part).x
        for count in LAST:
            pairs = [(next_frames(clips[:, at - count : at], 1)[:, 0], clips[:, at]) for at in (6, 9, 12, 15)]
            found[f"{kind}: last {count}"] = float(
                np.mean([((drawn - true) ** 2).mean() for drawn, true in pairs])
            )
    return found


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    if not needs_network(row):
        rule = rows_of(table, quick)[row]
        return rule(moves_of(quick)) if is_camera(table) else by_rule(rule, part, quick)
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = rows_of(table, quick)[row]()
    names = definitions(table)
    train(table, model, peak, quick, epochs_of(table, quick))
    found = {"parameters": model.count_params(), "peak": peak}
    if is_camera(table):
        split = getattr(moves_of(quick), part)
        answer = model.predict(split.x, batch_size=200, verbose=0).argmax(axis=-1)
        return found | {"move": float((answer == split.y["move"]).mean())}

    def one_step(clips):
        return model.predict(clips[:, :-1], batch_size=100, verbose=0)

    def next_frames(given, ahead):
        return names["rolled_out"](model, given, ahead)

    if part == "validation":
        splits = [data.validation.x for data in worlds_of(quick)[0].values()]
        errors = [((one_step(clips)[:, 5:] - clips[:, 6:]) ** 2).mean() for clips in splits]
        return found | {"good": -float(np.mean(errors))}
    if seed == 0 and row in KEPT:
        found["files"] = {f"{table}_{NETWORKS[row]}.weights.h5": weights_of(model)}
    return found | drawn_well(next_frames, one_step, part, quick) | from_last(next_frames, part, quick)


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    import keras

    keras.utils.set_random_seed(0)
    model = rows_of(table, quick)[row]()
    if is_camera(table):
        part = moves_of(quick).train
        train(table, model, 4e-3, True, 1)
        batches = [(part.x[at : at + 32], part.y["move"][at : at + 32]) for at in range(0, len(part), 32)]
    else:
        clips = definitions(table)["mixed"](worlds_of(quick)[0], 0)
        train(table, model, 4e-3, True, 1)
        batches = [(clips[at : at + 16, :-1], clips[at : at + 16, 1:]) for at in range(0, len(clips), 16)]
    return model, batches, len(batches) * epochs_of(table, quick)


STUDY = Study(
    lesson=LESSON,
    seeds={"08_camera_moves": 5, "08_camera_longer": 3, "08_camera_flat": 3, "08_next_frame": 5},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("move", "good"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
