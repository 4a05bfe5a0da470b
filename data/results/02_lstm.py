"""Train the tables of lesson 02: several seeds of every model, with the lesson's own definitions.

    python data/results/02_lstm.py           # all of it: about an hour on two quiet cores
    python data/results/02_lstm.py --times   # measure the times again, keep the scores
    python data/results/02_lstm.py --quick   # every step at toy size, into a temporary folder

In `02_wait_10`, `02_wait_80` and `02_wait_180` a marked symbol is to be recalled after so many steps. In
`02_pulses` a small LSTM says which way the last pulse of a sequence went; then parts of it are cut. Every
network of a table gets the same sequences, the same number of batches and the same tuning (see common.py).
"""

from functools import cache, partial

from common import Study, definitions_of, main

LESSON = "02_lstm"
RECALL = ["readers", "train_to_recall", "recalled", "marked", "WITHIN", "BATCHES"]
USES = {
    "02_wait_10": RECALL,
    "02_wait_80": RECALL,
    "02_wait_180": RECALL,
    "02_pulses": ["STARTS", "pulse_reader", "pulses", "wins", "forget_gates", "BATCHES"],
}


@cache
def definitions(table):
    return definitions_of(LESSON, USES[table])


def wait_of(table):
    return int(table.rpartition("_")[2])


def rows_of(table, quick):
    """Row -> what trains the network, given the peak and the number of batches."""
    names = definitions(table)
    if table == "02_pulses":
        return {row: partial(names["pulse_reader"], start) for row, start in names["STARTS"].items()}
    wait = wait_of(table)
    rows = names["readers"](names["WITHIN"] + wait)
    few = ["LSTM", "Plain cell"][: 2 if table == "02_wait_10" else 1]
    kept = few if quick else rows
    return {row: lambda *how, row=row: names["train_to_recall"](rows[row], wait, *how)[0] for row in kept}


def few_batches(table):
    """To be quick: one part of a training; of the longer waits, whose training is the same, nothing."""
    return 50 if table == "02_wait_10" else 1


def pulse_scores(names, model, part):
    """Games won by a reader of pulses: whole, and with parts that no longer read h; where its gates stand."""
    x, y = names["pulses"](2000, 30, {"validation": 1, "test": 3}[part])
    found = {"right": names["wins"](model, x, y)}
    if part == "test":
        found["over_200"] = names["wins"](model, *names["pulses"](1000, 200, 3))
        for without in ("g", "i", "f", "o", "ifo", "ifgo"):
            found[f"no_h_in_{without}"] = names["wins"](model, x, y, without)
        stands = names["forget_gates"](model, x)
        found["kept"] = float((stands["silence"] ** 10).mean())
        found["swing"] = float(abs(stands["up"] - stands["down"]).max())
    return found


def measure(table, row, seed, peak, part, quick):
    """Train one row with one seed; its score on the validation or the test sequences."""
    import keras

    names = definitions(table)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = rows_of(table, quick)[row](peak, few_batches(table) if quick else names["BATCHES"])
    found = {"parameters": model.count_params(), "peak": peak}
    if table == "02_pulses":
        return found | pulse_scores(names, model, part)
    count, seed = {"validation": (500, 1), "test": (2000, 3)}[part]
    sequences = names["marked"](100 if quick else count, wait_of(table), seed)
    return found | {"right": names["recalled"](model, *sequences)}


def ready(table, row, quick):
    """The network of a row, some batches, and how many of them one training takes."""
    import keras

    names = definitions(table)
    keras.utils.set_random_seed(0)
    model = rows_of(table, quick)[row](5e-3, 1)
    if table == "02_pulses":
        x, y = names["pulses"](160, 30, 2)
    else:
        x, y = names["marked"](160, wait_of(table), 2)
    batches = [(x[at : at + 32], y[at : at + 32]) for at in range(0, 160, 32)]
    return model, batches, names["BATCHES"]


STUDY = Study(
    lesson=LESSON,
    seeds=dict.fromkeys(USES, 5),
    uses=USES,
    peaks=tuple(1e-3 * 2**n for n in range(7)),  # wide: at some waits, most rates do no better than a guess
    scores=("right",),
    rows_of=rows_of,
    measure=measure,
    ready=ready,
    traced=True,  # some parts of a training have 50 batches
)

if __name__ == "__main__":
    main(STUDY, __doc__)
