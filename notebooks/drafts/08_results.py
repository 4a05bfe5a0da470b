"""Train the tables of lesson 08: several seeds of every model, with the lesson's own definitions.

    python data/results/08_convlstm.py           # all of it
    python data/results/08_convlstm.py --times   # measure the times again, keep the scores
    python data/results/08_convlstm.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same clips, the same epochs and the same tuning (see common.py).
`08_camera_moves` names what the camera does, after 10 epochs; `08_camera_longer` after 30. `08_next_frame`
draws the next frame: "next" is the squared error one step ahead, from true frames; the numbers with a step
are of a network that reads its own frames, from six true ones on: squared error ("error"), structural
similarity ("similar"), pixels between the centres of brightness ("off"). "named" is the share of clips whose
digit the network of lesson 04 names from the ten predicted frames.
"""

import dataclasses
from functools import cache, lru_cache

import numpy as np
from common import Study, definitions_of, main, needs_network

LESSON = "08_convlstm"
CAMERA = ["cameras", "camera", "train_camera", "moves_by_rule"]
FRAMES = ["convlstm", "causal3d", "flat", "train_frames", "mixed", "next_by_rule", "quality", "worlds"]
USES = {"08_camera_moves": CAMERA, "08_camera_longer": CAMERA, "08_next_frame": FRAMES}
STEPS = (1, 2, 5, 10)
NETWORKS = {"ConvLSTM": "convlstm", "Conv3D, causal": "causal3d", "CNN -> LSTM -> CNN": "flat"}


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


def is_camera(table):
    return table.startswith("08_camera")


@cache
def moves_of(quick):
    from course_utils import datasets

    data = datasets.camera_moves(clips=(64, 32, 32)) if quick else datasets.camera_moves()
    return dataclasses.replace(data, compose=lru_cache(10)(data.compose))  # all models train on the same epochs


@cache
def worlds_of(quick):
    """Clips to train on, and longer ones to predict."""
    names = definitions("08_next_frame")
    return names["worlds"](12, (32, 16, 16) if quick else (800, 100, 200)), names["worlds"](16, (10, 16, 16) if quick else (10, 100, 200))


@cache
def reader(quick):
    """The hybrid of lesson 04, trained there to name digits that move; here it reads frames that were predicted."""
    import keras

    from course_utils import datasets

    names = definitions_of("04_cnn_lstm_video", ["hybrid", "train"])
    keras.utils.set_random_seed(0)
    model = names["hybrid"]()
    data = datasets.moving_digits(clips=(32, 16, 16)) if quick else datasets.moving_digits()
    names["train"](model, data, epochs=1) if quick else names["train"](model, data)
    return model


def rows_of(table, quick):
    """Row -> a function that builds the network; for a row without one, its rule."""
    names = definitions(table)
    if is_camera(table):
        rows = {"No network: flow": names["moves_by_rule"]}
        rows |= {name: lambda summarise=summarise: names["camera"](summarise) for name, summarise in names["cameras"]().items()}
        few = ["No network: flow", "ConvLSTM"]
    else:
        rows = {f"No network: {name}": rule for name, rule in names["next_by_rule"]().items()}
        rows |= {name: names[function] for name, function in NETWORKS.items()}
        few = ["No network: shift and bounce", "ConvLSTM"]
    return {row: rows[row] for row in few} if quick else rows


def epochs_of(table, quick):
    return 1 if quick else {"08_camera_moves": 10, "08_camera_longer": 30, "08_next_frame": 20}[table]


def train(table, model, peak, quick, epochs):
    names = definitions(table)
    if is_camera(table):
        names["train_camera"](model, moves_of(quick), peak, epochs)
    else:
        names["train_frames"](model, worlds_of(quick)[0], peak, epochs)


def roll(model, given, ahead):
    """Frames predicted from the network's own: exercise 08.3."""
    clip = given
    for _ in range(ahead):
        clip = np.concatenate([clip, model.predict(clip, batch_size=100, verbose=0)[:, -1:]], axis=1)
    return clip[:, -ahead:]


def drawn_well(next_frames, one_step, part, quick):
    """How good predicted frames are, in each kind of clip; the two functions take clips and answer with frames."""
    found = {}
    for kind, data in worlds_of(quick)[1].items():
        split = getattr(data, part)
        given, true = split.x[:, :6], split.x[:, 6:]
        found[f"{kind}: next"] = float(((one_step(split.x)[:, 5:] - true) ** 2).mean())
        drawn = next_frames(given, true.shape[1])
        for name, values in zip(("error", "similar", "off"), definitions("08_next_frame")["quality"](true, drawn)):
            found |= {f"{kind}: {name} {step}": float(values[step - 1]) for step in STEPS}
        if kind == "one digit":
            named = reader(quick).predict(drawn, batch_size=100, verbose=0)["digit"].argmax(axis=-1)
            found["named"] = float((named == split.y["digit"]).mean())
    return found


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its scores on the validation or the test clips."""
    if not needs_network(row):
        rule = rows_of(table, quick)[row]
        if is_camera(table):
            return rule(moves_of(quick))
        steps = range(1, worlds_of(quick)[1]["one digit"].test.x.shape[1])
        one_step = lambda clips: np.concatenate([rule(clips[:, :step], 1) if step > 1 else clips[:, :1] for step in steps], axis=1)  # noqa: E731
        return {"parameters": 0} | drawn_well(rule, one_step, "test", quick)
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = rows_of(table, quick)[row]()
    train(table, model, peak, quick, epochs_of(table, quick))
    found = {"parameters": model.count_params(), "peak": peak}
    if is_camera(table):
        split = getattr(moves_of(quick), part)
        answer = model.predict(split.x, batch_size=200, verbose=0).argmax(axis=-1)
        return found | {"move": float((answer == split.y["move"]).mean())}
    one_step = lambda clips: model.predict(clips[:, :-1], batch_size=100, verbose=0)  # noqa: E731
    if part == "validation":
        errors = [((one_step(data.validation.x)[:, 5:] - data.validation.x[:, 6:]) ** 2).mean() for data in worlds_of(quick)[0].values()]
        return found | {"good": -float(np.mean(errors))}
    return found | drawn_well(lambda given, ahead: roll(model, given, ahead), one_step, part, quick)


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
        batches = [(clips[at : at + 32, :-1], clips[at : at + 32, 1:]) for at in range(0, len(clips), 32)]
    return model, batches, len(batches) * epochs_of(table, quick)


STUDY = Study(
    lesson=LESSON,
    seeds={"08_camera_moves": 5, "08_camera_longer": 3, "08_next_frame": 5},
    uses=USES,
    peaks=(2e-3, 4e-3, 8e-3),
    scores=("move", "good"),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
