"""A series: the hourly traffic on a motorway, the weather and the calendar."""

import csv
import zipfile
from functools import cache

import numpy as np

from course_utils.datasets.base import Split, assemble, installed_files, whole_number

WEATHER = {  # feature -> the words of the file that set it to 1
    "rain": ("Rain", "Drizzle", "Thunderstorm"),
    "snow": ("Snow",),
    "mist": ("Mist", "Fog", "Haze", "Smoke"),
}
CALENDAR = ("hour sine", "hour cosine", "weekday sine", "weekday cosine", "weekend")
FEATURES = ("volume", "temperature", "clouds", *WEATHER, *CALENDAR)

# Public holidays of the United States within the series, as they were observed: 5 U.S.C. 6103 (a holiday on a
# Saturday is observed on the Friday before) and Executive Order 11582 (one on a Sunday, on the Monday after).
HOLIDAYS = np.array(
    [
        "2016-10-10",
        "2016-11-11",
        "2016-11-24",
        "2016-12-26",
        "2017-01-02",
        "2017-01-16",
        "2017-02-20",
        "2017-05-29",
        "2017-07-04",
        "2017-09-04",
        "2017-10-09",
        "2017-11-10",
        "2017-11-23",
        "2017-12-25",
        "2018-01-01",
        "2018-01-15",
        "2018-02-19",
        "2018-05-28",
        "2018-07-04",
        "2018-09-03",
    ],
    "datetime64[D]",
)


def traffic(days=7, ahead=24, seed=0):
    """Hourly traffic on a motorway: from the hours gone by, tell the volume of the hours to come.

    Volume is in thousands of vehicles per hour, so a mean absolute error times 1,000 is vehicles per
    hour. Temperature and clouds are standardised with mean and deviation of the training hours;
    rain, snow and mist are 0 or 1. The last 2,000 hours are for test, the 2,000 before for validation.
    A window belongs where its hours to come are; its hours gone by may reach back into the part before.

    Parameters
    ----------
    days : int
        Days gone by that x shows: 24 hours each.
    ahead : int
        Hours to come, in y and in `future`.
    seed : int
        The same seed always gives the training windows in the same order. Validation and test keep to time.

    Returns
    -------
    Dataset
        One window for each hour, except where an hour to come was not measured. In the past, a missing
        volume is that of the week before (in the first week: of the day before), missing weather that of
        the hour before. Nothing of a window's past is filled from its future.

    Examples
    --------
    >>> data = traffic(days=7, ahead=24)
    >>> data.test.x.shape, data.test.y["volume"].shape, data.test.future.shape      # (window, hour, feature)
    ((1927, 168, 11), (1927, 24), (1927, 24, 5))
    >>> data.feature_names[:3]
    ('volume', 'temperature', 'clouds')
    """
    days = whole_number("days", days, 1, 14, "With 7, the same hour of last week is in sight.")
    ahead = whole_number("ahead", ahead, 1, 48, "24 is the day to come.")
    seed = whole_number("seed", seed, 0, 2**32 - 1, "Any of them will do.")
    hours, table, measured = _traffic()
    validation, test, end = len(hours) - 4000, len(hours) - 2000, len(hours)
    parts = {"train": (24 * days, validation), "validation": (validation, test), "test": (test, end)}

    def compose(split, epoch=0):
        start = np.arange(parts[split][0], parts[split][1] - ahead + 1)
        start = start[measured[start[:, None] + np.arange(ahead)].all(axis=1)]
        if split == "train":
            start = np.random.default_rng((seed, epoch)).permutation(start)
        after = table[start[:, None] + np.arange(ahead)]
        before = table[start[:, None] + np.arange(-24 * days, 0)]
        volume, future = after[..., 0].copy(), after[..., -len(CALENDAR) :].copy()
        return Split(before, {"volume": volume}, future=future, start=hours[start])

    return assemble("traffic", compose, {}, FEATURES)


@cache
def _traffic():
    """The hours (datetime64), the table of features (hour, feature) without gaps, and what was measured."""
    with zipfile.ZipFile(installed_files("traffic")[0]["path"]) as archive:
        rows = list(csv.DictReader(archive.read("traffic_hourly.zip").decode("ascii").splitlines()))
    hours = np.array([row["datetime"] for row in rows], "datetime64[h]")
    volume, temperature, clouds = (
        np.array([row[name] or "nan" for row in rows], "float64")
        for name in ("traffic_volume", "temp", "clouds_all")
    )
    sky = np.array([row["weather_main"] for row in rows])
    measured = ~np.isnan(volume)
    for hour in np.flatnonzero(~measured):
        volume[hour] = volume[hour - 168 if hour >= 168 else hour - 24]
        for weather in (temperature, clouds, sky):
            weather[hour] = weather[hour - 1]
    columns = [volume / 1000]
    columns += [(values - values[:-4000].mean()) / values[:-4000].std() for values in (temperature, clouds)]
    columns += [np.isin(sky, words) for words in WEATHER.values()]
    day = (hours.astype("datetime64[D]").astype(int) + 3) % 7  # Monday is 0
    for turn in (hours.astype(int) % 24 / 24, day / 7):
        columns += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
    return hours, np.stack([*columns, day >= 5], axis=1).astype("float32"), measured
