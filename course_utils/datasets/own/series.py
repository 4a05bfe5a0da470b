"""Series of your own: a table with a column of times, to predict what comes, or to name what goes on."""

import re
from dataclasses import dataclass, replace

import numpy as np

from course_utils.datasets.base import SPLITS, Dataset, Split, whole_number
from course_utils.datasets.own.folders import checked_path
from course_utils.datasets.own.splitting import alike, by_group, class_names, told, told_of_split
from course_utils.datasets.own.tables import read_table

SHARES = (0.6, 0.8)  # of the time: where validation begins, and where test does
DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?")
SECONDS = re.compile(r"\d+(\.\d+)?")
MISSING = {"", "-", "?", "na", "n/a", "#n/a", "nan", "null", "none"}
NOT_A_TIME = "is no time such as 2026-11-28, 2026-11-28T13:00 (without a time zone) or 12.5 (seconds)"


def read_series(path, values, time="time", groups=None, label=None, before=24, ahead=1, seed=0):
    """Windows of a series in a CSV file.

    Without `label`, the first column is predicted, `ahead` steps from the `before` steps gone by. The last
    fifth of the time is for test, the fifth before for validation. Windows are cut after that: one belongs
    where its steps to come are. With `label`, each window of `before` steps that has one label is named by
    it; windows follow one another. They are split by group or, without one, by time.

    All columns are standardised with mean and deviation of the training steps, which the card keeps. Windows
    that would reach over a gap are left out, and the card says how many.

    Parameters
    ----------
    path : str or Path
        A CSV file whose first line names the columns. Rows may stand in any order.
    values : str or sequence of str
        The columns to read.
    time : str
        The column of times, such as 2026-11-28T13:00 or seconds, all equally far apart.
    groups : str or None
        The column that says whose series it is: of several persons, machines or places. Each has its own
        times.
    label : str or None
        The column with the class of each step.
    before, ahead : int
        Steps in x, and steps to come in y (of use without `label` only).
    seed : int
        The same seed gives the same split by group.

    Returns
    -------
    Dataset
        x is (window, step, feature), standardised. `y[values[0]]` is (window, step), standardised, too; or
        `y["class"]` is (window,). `start` is the first step to come, or the window's first.

    Raises
    ------
    ValueError
        If an argument cannot be, or no window fits into one of the parts.

    Examples
    --------
    >>> data = read_series("meter.csv", ["kWh", "temperature"], time="hour", before=48, ahead=24)
    >>> data.train.x.shape, data.train.y["kWh"].shape
    ((5183, 48, 2), (5183, 24))
    >>> data = read_series("steps.csv", ["x", "y", "z"], groups="person", label="activity", before=128)
    """
    file = checked_path(path)
    names = (values,) if isinstance(values, str) else tuple(values)
    if not names:
        raise ValueError(f"values={values!r} cannot be: name at least one column, which is predicted.")
    before = whole_number("before", before, 1, 10_000, "With hours, 168 are a week.")
    ahead = 0 if label else whole_number("ahead", ahead, 1, 10_000, "1 is the next step.")
    rows, skipped, number = _rows(file, time, names, groups, label)
    series = _Series(
        *map(np.concatenate, zip(*(_on_a_grid(time, *row) for row in rows.items()), strict=True))
    )
    if (series.times == series.times.astype("datetime64[s]")).all():
        series = replace(series, times=series.times.astype("datetime64[s]"))
    start, left_out = _starts(series, before, ahead, label)
    left_out = [f"rows: {told(skipped, number, 10)}"] * bool(skipped) + left_out
    missing = int(np.isnan(series.steps).any(axis=1).sum())
    left_out = [f"{missing:,} of {len(series.steps):,} steps, which are missing"] * bool(missing) + left_out
    start, part = _parts(series, start, before, ahead, label, label and groups, seed, "; ".join(left_out))
    classes = class_names(series.labels[start].tolist()) if label else ()
    seen = series.steps[_covered(start[part == 0], before + ahead, len(series.steps))]
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    deviation[deviation <= 1e-9 * np.abs(mean)] = 1  # a constant column
    scaled = ((series.steps - mean) / deviation).astype("float32")

    def compose(split, epoch=0):
        own = start[part == SPLITS.index(split)]
        if split == "train":
            own = np.random.default_rng(epoch).permutation(own)
        x = _windows(scaled, before)[own].swapaxes(1, 2)
        if label:
            numbers = np.array([classes.index(name) for name in series.labels[own]])
            return Split(x, {"class": numbers}, start=series.times[own])
        return Split(
            x, {names[0]: _windows(scaled[:, 0], ahead)[own + before]}, start=series.times[own + before]
        )

    splits = [compose(split) for split in SPLITS]
    step = np.median(np.diff(series.times[series.owner == series.owner[0]]) / np.timedelta64(1, "s"))
    scales = (f"{name} {m:.6g} and {d:.6g}" for name, m, d in zip(names, mean, deviation, strict=True))
    ranges = (f"{split} from {each.start.min()} to {each.start.max()}" for split, each in zip(SPLITS, splits))
    numbers = [classes.index(name) for name in series.labels[start]] if label else []
    by_whom = told_of_split(classes, numbers, part, series.owner[start].tolist()) if label else ""
    card = {
        "x": f"(window, step, feature), float32, standardised: {', '.join(names)}",
        "source": str(file.resolve()),
        "content": f"{len(series.steps):,} steps of {step:g} s, of {len(rows):,} series",
        "scale": f"mean and deviation: {'; '.join(scales)}",
        "skipped": "; ".join(left_out) or "nothing",
        "split": by_whom if label and groups else f"by time: {'; '.join(ranges)}",
    }
    if not label:
        card[f"y[{names[0]!r}]"] = "(window, step), float32, standardised: the steps to come"
    return Dataset(file.stem, *splits, {"class": classes} if label else {}, card, compose, names)


@dataclass(frozen=True)
class _Series:
    """All series one after another: (step,), (step, feature), (step,) and (step,)."""

    times: np.ndarray
    steps: np.ndarray
    labels: np.ndarray
    owner: np.ndarray


def _rows(file, time, names, groups, label):
    """Whose series -> {time in microseconds: (numbers, label)}; rows that are skipped -> why; all rows."""
    wanted = {"time": time} | {f"values[{n}]": name for n, name in enumerate(names)}
    wanted |= {key: name for key, name in (("groups", groups), ("label", label)) if name}
    rows, skipped = read_table(file, wanted)
    number, found = len(rows) + len(skipped), {}
    for place, (moment, *cells) in rows:
        kind = cells.pop() if label else ""
        whose = alike(cells.pop()) if groups else ""
        if groups and not whose:
            skipped[place] = "the column of groups= is empty"
            continue
        try:
            at, numbers = _microseconds(moment), [_number(cell) for cell in cells]
        except ValueError as problem:
            skipped[place] = str(problem)
            continue
        own = found.setdefault(whose, {})
        if at in own:
            skipped[place] = f"{moment} stands there twice; the first counts"
        elif np.isinf(numbers).any():
            skipped[place] = "it holds an infinite number"
        else:
            own[at] = numbers, kind
    short = [whose for whose, own in found.items() if len(own) < 3]
    skipped |= {f"all of {whose}": "it has fewer than three rows" for whose in short if whose}
    found = {whose: own for whose, own in found.items() if whose not in short}
    if not found:
        raise ValueError(
            f"path={str(file)!r} has too few rows that can be read. Left out: {told(skipped, number, 3)}."
        )
    return found, skipped, number


def _microseconds(moment):
    if DATE.fullmatch(moment):
        return int(np.datetime64(moment.replace(" ", "T"), "us").astype(int))
    if SECONDS.fullmatch(moment):
        if float(moment) > 1e11:
            raise ValueError(f"{moment!r} is too much for seconds: divide milliseconds by 1,000")
        return round(float(moment) * 1e6)
    raise ValueError(f"{moment!r} {NOT_A_TIME}")


def _number(cell):
    """A cell as a number; NaN if it says that there is none."""
    if cell.casefold() in MISSING:
        return np.nan
    try:
        return float(cell)
    except ValueError:
        told = "is no number such as -1234.5: use a decimal point, and neither thousands nor units"
        raise ValueError(f"{cell!r} {told}") from None


def _on_a_grid(time, whose, rows):
    """All steps of one series from its first to its last: times, values, labels and whose, as in `_Series`.

    Where a step is missing, its value is NaN. A time may be off by a fifth of a step.
    """
    times = np.array(sorted(rows))
    apart = np.diff(times)
    step = np.median(apart)
    places = np.rint(apart / step)
    odd = np.flatnonzero((np.abs(apart / step - places) > 0.2) | (places < 1))
    named = f"time={time!r}{f', {whose}' if whose else ''}"
    if len(odd):
        at = np.datetime64(int(times[odd[0] + 1]), "us")
        raise ValueError(
            f"{named}: most rows are {step / 1e6:,g} s apart, but {at} comes {apart[odd[0]] / 1e6:,g} s "
            "after the row before: round the times, or take the mean of each step."
        )
    place = np.append(0, np.cumsum(places)).astype(int)
    if place[-1] + 1 > 2 * len(times):
        far = np.array([times[apart.argmax()], times[apart.argmax() + 1]], "datetime64[us]")
        raise ValueError(
            f"{named}: more than half of the steps of {step / 1e6:,g} s are missing. The largest gap is from "
            f"{far[0]} to {far[1]}: if one of them is a mistake, correct it; else take one stretch."
        )
    every = np.interp(np.arange(place[-1] + 1), place, times).astype("datetime64[us]")
    steps = np.full((len(every), len(next(iter(rows.values()))[0])), np.nan)
    labels = np.full(len(every), "", object)
    for at, moment in zip(place, times, strict=True):
        steps[at], labels[at] = rows[moment]
    return every, steps, labels, np.full(len(every), whose, object)


def _windows(array, long):
    """All windows of so many steps, as a view: (window, step) or (window, feature, step)."""
    return np.lib.stride_tricks.sliding_window_view(array, long, axis=0)


def _covered(start, long, number):
    """Which of so many steps lie in a window."""
    edges = np.zeros(number + 1, int)
    np.add.at(edges, start, 1)
    np.add.at(edges, start + long, -1)
    return np.cumsum(edges)[:-1] > 0


def _starts(series, before, ahead, label):
    """Where windows begin that have no gap, one series and one label; what was left out, in words."""
    long, number = before + ahead, len(series.steps)
    start = np.arange(0, number - long + 1)
    if label:  # windows that follow one another, in each series from its first step
        first = np.flatnonzero(np.append(True, series.owner[1:] != series.owner[:-1]))
        start = start[(start - first[np.searchsorted(first, start, side="right") - 1]) % before == 0]
    start = start[series.owner[start] == series.owner[start + long - 1]]
    whole = (
        _windows(~np.isnan(series.steps).any(axis=1), long)[start].all(axis=1)
        if len(start)
        else np.zeros(0, bool)
    )
    left_out = [f"{np.sum(~whole):,} windows that reach over a gap"] * (not whole.all())
    start = start[whole]
    if label and len(start):
        inside = _windows(series.labels, long)[start]
        same = (inside == inside[:, :1]).all(axis=1) & (inside[:, 0] != "")
        left_out += [f"{np.sum(~same):,} windows with several labels or none"] * (not same.all())
        start = start[same]
    return start, left_out


def _parts(series, start, before, ahead, label, groups, seed, left_out):
    """The windows that lie in one part, and that part: 0 (train), 1 (validation) or 2 (test)."""
    labels = series.labels[start]
    classes = class_names(labels.tolist())
    if label and len(classes) < 2:
        raise ValueError(
            f"label={label!r} gives windows of {len(classes)} classes, and two are needed. Left out: "
            f"{left_out}."
        )
    if groups:
        return start, by_group(labels.tolist(), series.owner[start].tolist(), seed)
    times = series.times
    whole = (times.max() - times.min()).astype("timedelta64[us]").astype(int)
    cuts = [times.min() + np.timedelta64(int(share * whole), "us") for share in SHARES]
    part = np.searchsorted(cuts, times[start + (0 if label else before)], side="right")
    same = part == np.searchsorted(cuts, times[start + before + ahead - 1], side="right")
    start, part, labels = start[same], part[same], labels[same]
    for number, split in enumerate(SPLITS):
        if number not in part:
            raise ValueError(
                f"before={before}{'' if label else f' and ahead={ahead}'} cannot be: no window of "
                f"{before + ahead} steps without a gap fits into {split}. Use shorter ones, or more data. "
                f"Left out: {left_out or 'nothing'}."
            )
        missing = set(labels.tolist()) - set(labels[part == number].tolist())
        if missing:
            raise ValueError(
                f"label={label!r}: {split} would have no window of {', '.join(sorted(missing))}, as time is "
                "divided into 60, 20 and 20 percent. Name groups= to divide by, or reorder the recordings."
            )
    return start, part
