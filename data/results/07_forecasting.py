"""Train the tables of lesson 07: several seeds of every model, with the lesson's own definitions.

    python data/results/07_forecasting.py           # all of it: about two and a half hours on two quiet cores
    python data/results/07_forecasting.py --times   # measure the times again, keep the scores
    python data/results/07_forecasting.py --quick   # every step at toy size, into a temporary folder

Every network of a table gets the same windows, the same epochs and the same tuning (see common.py). In
`07_with_calendar` everybody knows the calendar of the hours to come, in `07_without_calendar` nobody does;
`07_longer` trains a few of the first, and two controls, for three times as long.
Errors are in vehicles per hour: over all hours to come, at some of them, and in each week of the test; those
that begin with "told" are of decoders that are handed the true hour before. `covered` is the share of hours
between the outer quantiles, `share` that of the attention on steps with the same hour of the day.
"""

import dataclasses
from functools import cache

import numpy as np
from common import Study, definitions_of, main, needs_network

LESSON = "07_forecasting"
NAMES = ["rules", "networks", "forecaster", "train", "errors", "inputs", "first", "traffic"]
NAMES += ["EPOCHS", "BATCH", "BATCHES"]
USES = {"07_with_calendar": NAMES, "07_without_calendar": NAMES, "07_longer": [*NAMES, "longer"]}
HOURS = (1, 2, 3, 6, 12, 18, 24)


@cache
def definitions():
    return definitions_of(LESSON, USES["07_longer"])


@cache
def data_of(quick):
    """The traffic; a few windows of each part, from its beginning to its end, suffice to be quick."""
    data = definitions()["traffic"]
    if quick:
        few = {part: thinned(getattr(data, part)) for part in ("train", "validation", "test")}
        return dataclasses.replace(data, compose=lambda part, epoch=0: few[part], **few)
    return data


def thinned(split):
    """About a hundred windows of a part."""
    each = slice(None, None, len(split) // 100)
    y = {"volume": split.y["volume"][each]}
    future, start = split.future[each], split.start[each]
    return dataclasses.replace(split, x=split.x[each], y=y, future=future, start=start)


def rows_of(table, quick):
    """Row -> (decode, share of hours told in training); for a row without a network, its rule."""
    names = definitions()
    if table == "07_longer":
        rows = names["longer"]()
        return {"Dense layers on all lags": rows["Dense layers on all lags"]} if quick else rows
    rows = {f"No network: {name}": rule for name, rule in names["rules"]().items()} | names["networks"]()
    few = ["No network: linear regression", "Encoder-decoder fed back, trained on both"]
    return {row: rows[row] for row in few} if quick else rows


def epochs_of(table, quick):
    return 1 if quick else definitions()["EPOCHS"] * (3 if table == "07_longer" else 1)


def numbers(errors, start):
    """Mean errors over all hours to come, at some of them, and in each week of the test."""
    week = (start - start[0]).astype(int) // 168
    by_week = {f"week {n + 1}": float(errors[week == n].mean()) for n in range(week.max() + 1)}
    by_hour = {f"h{n}": float(errors[:, n - 1].mean()) for n in HOURS}
    return {"error": float(errors.mean())} | by_hour | by_week


def same_hour(model, split):
    """The share of attention on steps that contain the same hour of the day as the hour to come."""
    import keras

    looking = keras.Model(model.input, model.get_layer("weights").output)
    weights = looking.predict(definitions()["inputs"](looking, split), batch_size=256, verbose=0)
    step, hour = np.arange(weights.shape[-1]), np.arange(weights.shape[1])[:, np.newaxis]
    a_day = weights.shape[-1] // 7
    return float((weights * (step % a_day == hour * a_day // 24)).sum(axis=-1).mean())


def network(table, row, seed, quick):
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    decode, share = rows_of(table, quick)[row]
    return definitions()["forecaster"](decode, table != "07_without_calendar"), share


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its error on the validation or the test hours."""
    names, data = definitions(), data_of(quick)
    split = getattr(data, part)
    if not needs_network(row):
        parameters, volume = rows_of(table, quick)[row](data, table == "07_with_calendar")
        return {"parameters": parameters} | numbers(1000 * np.abs(volume - split.y["volume"]), split.start)
    model, share = network(table, row, seed, quick)
    names["train"](model, data, peak, epochs_of(table, quick), share)
    errors = names["errors"](model, split)
    found = {"parameters": model.count_params(), "peak": peak}
    if part == "validation":
        return found | {"good": -float(errors.mean())}
    quantiles = model.predict(names["inputs"](model, split), batch_size=256, verbose=0)
    volume = split.y["volume"]
    within = (quantiles[..., 0] <= volume) & (volume <= quantiles[..., 2])
    found |= numbers(errors, split.start) | {"covered": float(within.mean())}
    found |= {f"covered h{n}": float(within[:, n - 1].mean()) for n in (1, 24)}
    if any(layer.name == "weights" for layer in model.layers):
        found["share"] = same_hour(model, split)
    if len(model.inputs) == 3:
        told = numbers(names["errors"](model, split, 1), split.start)
        found |= {f"told {key}": told[key] for key in ("error", *(f"h{n}" for n in HOURS))}
    return found


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    names, data = definitions(), data_of(quick)
    model, share = network(table, row, 0, quick)
    names["train"](model, data, epochs=1, share=share)
    part, size = names["first"](data.train, 160), names["BATCH"]
    given, volume = names["inputs"](model, part, share(0), 0), part.y["volume"][..., np.newaxis]
    batches = [([x[at : at + size] for x in given], volume[at : at + size]) for at in range(0, 128, size)]
    return model, batches, names["BATCHES"] * epochs_of(table, quick)


STUDY = Study(
    lesson=LESSON,
    seeds={"07_with_calendar": 5, "07_without_calendar": 5, "07_longer": 3},
    uses=USES,
    peaks=(3e-3, 6e-3, 12e-3),
    scores=("good",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
)

if __name__ == "__main__":
    main(STUDY, __doc__)
