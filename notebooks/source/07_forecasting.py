# ---
# jupyter:
#   course:
#     minutes: 120
#     needs:
#     - 06_attention
#     objectives:
#     - exercise: '07.1'
#       say: Cut a series into windows whose targets never cross a split
#     - exercise: '07.2'
#       say: Find what leaks the future into a forecast
#     - exercise: '07.3'
#       say: Forecast an interval, and measure how often it is right
#     - exercise: '07.4'
#       say: Run a decoder on the truth, on its own answers, and on both
#     - exercise: '07.5'
#       say: Score attention against the rhythm that you know
#     question: What comes in the next 24 hours, and how sure are we?
#     seconds: 80
#     title: Forecasting from sequence to sequence
#   jupytext:
#     notebook_metadata_filter: kernelspec,course,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Forecasting from sequence to sequence
#
# **What comes in the next 24 hours, and how sure are we?**
#
# So far a network read a sequence and gave one answer. A forecast is a sequence itself: 24 numbers for the next day, from
# those of the past week. In this lesson you cut a series into windows without leaking the future, build an **encoder and a
# decoder** from a CNN and two LSTMs, let them attend to the past, and forecast intervals. You compare all of it with
# models that need no recurrence, and one of these is as good as the best. It builds on [lesson 06](06_attention.ipynb), on attention. You
# will need about 120 minutes; running all of it takes about a minute and a half.
#
# | You will be able to | Exercise |
# |---|---|
# | cut a series into windows whose targets never cross a split | 07.1 |
# | find what leaks the future into a forecast | 07.2 |
# | forecast an interval, and measure how often it is right | 07.3 |
# | run a decoder on the truth, on its own answers, and on both | 07.4 |
# | score attention against the rhythm that you know | 07.5 |

# %% tags=["setup"]
from course_utils import check

check.setup()

# %% tags=["definition", "setup"]
import dataclasses
import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

from course_utils import datasets, plotting, results
from course_utils.labs.forecast import ForecastLab

# %% [markdown]
# ## 1 · The question
#
# How many vehicles drive west on this motorway, hour by hour? Below is a week of July 2018. Every hour of it was measured, by
# a detector in the road between Minneapolis and St Paul. What will the next 24 hours bring?

# %% tags=["definition", "lab-data"]
AHEAD, WEEK, QUANTILES = 24, 168, (0.1, 0.5, 0.9)
traffic = datasets.traffic(days=7, ahead=AHEAD)
MEAN, SPREAD = (float(measure(traffic.train.x[:, -1, 0])) for measure in (np.mean, np.std))

# %% tags=["question"] jupyter={"source_hidden": true}
def week_and_day(axes, split, window):
    """Draw the week before a forecast origin, and the day after it; the origin is hour 0."""
    axes.plot(np.arange(-WEEK, 0), 1000 * split.x[window, :, 0], color=plotting.INK)
    days = split.start[window].astype("datetime64[D]") + np.arange(-7, 2)
    at = (days - split.start[window]).astype("timedelta64[h]").astype(int)
    names = [f"{day.astype(object):%a %-d}" for day in days]
    axes.set(xlim=(-WEEK, AHEAD), xticks=at[at >= -WEEK], ylabel="vehicles per hour", ylim=(0, 7600))
    axes.set_xticklabels([name for name, hour in zip(names, at) if hour >= -WEEK], ha="left")
    axes.axvspan(0, AHEAD, color=plotting.LSTM, alpha=0.12)


fig, axes = plt.subplots(figsize=(9.8, 3), layout="constrained")
week_and_day(axes, traffic.test, 168)
axes.text(12, 3500, "?", ha="center", fontsize=30)
plotting.Picture(fig, "A week of traffic, hour by hour, then a shaded day with a question mark. On working days there is a "
                 "peak in the morning and one in the afternoon, each of about 6,000 vehicles; nights have a few hundred. "
                 "Saturday and Sunday have one broad, lower hill.")  # fmt: skip

# %% [markdown]
# **Predict before you go on.** Which part of the picture would you copy into the shaded day? What would you want to know
# besides these numbers?
#
# Most people look at the *same weekday of last week*, and ask whether the day is a holiday. Keep both ideas: they will be
# hard to beat.
#
# <a id="idea"></a>
#
# ## 2 · The idea
#
# At the **forecast origin**, the moment at which we forecast, we know the past: $T = 168$ hours of volume, weather and calendar. We
# also know something about each of the $H = 24$ hours to come: what day and hour it is. One network reads the past, the **encoder**;
# another goes over the hours to come, the **decoder**. It starts with the state that the encoder ends with.

# %% jupyter={"source_hidden": true}
def box(axes, x, y, word, colour):
    axes.text(x, y, word, ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "fc": "white", "ec": colour, "lw": 2})


def arrow(axes, start, end, colour=plotting.INK):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 15, "shrinkB": 15})

# %% jupyter={"source_hidden": true}
steps = {0: "$z_1$", 1.3: "$z_2$", 2.6: "…", 3.9: "$z_{42}$"}
hours = {6.2: "1", 7.7: "2", 9.2: "…", 10.7: "{24}"}
fig, axes = plt.subplots(figsize=(9.8, 3.5), layout="constrained")
for places in (steps, hours):
    encoder = places is steps
    for x, word in places.items():
        box(axes, x, 1, word if encoder else "…" if word == "…" else f"$s_{word}$", plotting.LSTM)
        if "…" not in word:
            box(axes, x, 0, "four hours" if encoder else f"$u_{word}$", plotting.CNN if encoder else plotting.INK)
            arrow(axes, (x, 0), (x, 1))
        if "…" not in word and not encoder:
            box(axes, x, 2, rf"$\hat y_{word}$", plotting.INK)
            arrow(axes, (x, 1), (x, 2))
for x, after in itertools.pairwise([*steps, *hours]):
    arrow(axes, (x, 1), (after, 1), plotting.LSTM)
axes.text(4.55, 1.15, "h, c", ha="center", color=plotting.LSTM)
for x, word in ((1.95, "encoder: Conv1D, LSTM"), (5.05, "forecast origin"), (9.2, "decoder: LSTM, dense layers")):
    axes.text(x, 2.45, word, ha="center")
axes.axvline(5.05, 0.32, 0.88, color=plotting.INK, linestyle=":")
axes.set(xlim=(-0.8, 11.5), ylim=(-0.4, 2.7))
axes.axis("off")
plotting.Picture(fig, "Encoder and decoder. Left of the forecast origin, pieces of four hours each go into the steps of an LSTM, z 1 to z 42. Its last "
                 "h and c start a second LSTM, with the steps s 1 to s 24. Each of these gets what is known of its hour, u 1 to u 24, from "
                 "below, and gives a forecast above.")  # fmt: skip

# %% [markdown]
# A simpler way is *direct*: one summary of the past, repeated beside each hour to come. Written down:
#
# $$\text{direct:} \quad \bar h = \mathrm{encode}(x_{1..T}), \qquad \hat y_k = \mathrm{dense}(\bar h, u_k)$$
#
# $$\text{encoder-decoder:} \quad s_0 = \mathrm{encode}(x_{1..T}), \qquad s_k = \mathrm{LSTM}(u_k, s_{k-1}), \qquad \hat y_k = \mathrm{dense}(h_k, u_k)$$
#
# | Symbol | Meaning | Shape here |
# |---|---|---|
# | $x_t$ | features of a past hour: 11 of the data, and whether it is a holiday | (12,) |
# | $u_k$ | what is known about the $k$-th hour to come: its number $k$ (24 columns, one of them 1), 5 of the calendar, holiday | (30,) |
# | $\bar h$ | summary of the past | (units,) |
# | $s_k = (h_k, c_k)$ | state of the decoder: hidden state and cell state of an LSTM | two of (units,) |
# | $z_t$ | state of the encoder after its step $t$; a step is four hours, so there are 42 | (units,) |
# | $\hat y_k$ | forecast of hour $k$ | three numbers: section 6 |
#
# Attention comes in as in lesson 06, with one difference: **the query changes**. Each hour to come asks the past anew, and gets
# scores $e$ and weights $\alpha$ of its own, (24, 42):
#
# $$e_{kt} = \frac{(W h_k) \cdot (U z_t)}{\sqrt{32}}, \qquad \alpha_{k} = \mathrm{softmax}_t(e_{k}), \qquad \hat y_k = \mathrm{dense}\Big(h_k, \sum_t \alpha_{kt} z_t, u_k\Big)$$
#
# $W$ and $U$ have the shape (32, 32). That is the core of what Bahdanau, Cho and Bengio (2015) translated sentences with: one row of weights
# for each word written; here, one for each hour to come.
#
# <a id="windows"></a>
#
# ## 3 · Windows
#
# A network needs examples: a **window** has the $T$ hours before the origin as input, (samples, time steps, features), and the $H$
# hours after it as target. Two rules decide whether the test is honest:
#
# - **Split by time, by the targets.** Training comes first, then validation, then test; every *target* hour belongs to one
#   part. The *past* of a window may reach back into the part before: at the forecast origin, you do know it.
# - **Numbers for scaling come from training data, and gaps are filled with what was known by then**: earlier hours.

# %% jupyter={"source_hidden": true}
fig, axes = plt.subplots(figsize=(9.8, 1.9), layout="constrained")
for begin, end, word in ((0, 10, "training"), (10, 16, "validation"), (16, 29, "test")):
    axes.axvline(end, color=plotting.INK)
    axes.text((begin + end) / 2, 3.1, word, ha="center")
windows_shown = ((2, 4, "belongs to training"), (1, 16, "belongs to the test: its past may reach back"), (0, 9.5, "belongs to no part"))
for y, origin, word in windows_shown:
    axes.plot((origin - 4, origin), (y, y), color=plotting.CNN, lw=9, solid_capstyle="butt")
    axes.plot((origin, origin + 1.2), (y, y), color=plotting.LSTM, lw=9, solid_capstyle="butt")
    left = y == 0
    axes.text(origin - 4.2 if left else origin + 1.4, y, word, ha="right" if left else "left", va="center")
axes.set(ylim=(-0.6, 3.8), xlim=(-0.5, 29))
axes.axis("off")
plotting.Picture(fig, "A line of time with three parts: training, validation, test, and three windows; past blue, targets orange. One window lies in training. One has its targets at the beginning of "
                 "the test, and its past in validation: it belongs to the test. One has targets on both sides of a border: to no part.")  # fmt: skip

# %% [markdown]
# Why not shuffle the windows and split them then? Neighbours share almost all of their hours:

# %%
hours_of = traffic.train.start[:, np.newaxis] + np.arange(AHEAD)  # the target hours of each window
shuffled = np.random.default_rng(0).permutation(len(hours_of))
held, kept = hours_of[shuffled[:2000]], hours_of[shuffled[2000:]]
shared = np.isin(held, kept).mean()
print(f"shuffled: {shared:.0%} of the target hours that were held out are targets in training as well")
split = np.isin(traffic.test.start[:, np.newaxis] + np.arange(AHEAD), hours_of).mean()
print(f"split by time: {split:.0%}")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("After a shuffle, nearly every target held out is a target of training", shared, above=0.99)
check.claim("After a split by time none is", split, equals=0)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("07.1", "Windows that keep to their part")
def check_windows(cut):
    rng = np.random.default_rng(0)
    for length, past, ahead, begin, end in ((60, 5, 3, 20, 40), (30, 4, 1, 2, 30), (50, 7, 6, 0, 19)):
        series = np.stack([np.arange(length), *(100 + rng.random((1 + (past == 7), length)))], axis=-1)
        result = cut(series.copy(), past, ahead, begin, end)
        pair = isinstance(result, (tuple, list)) and len(result) == 2
        check.expect(pair, "return two arrays: x and y")
        origins = np.arange(max(begin, past), end - ahead + 1)
        case = f"with {length} hours, past {past}, ahead {ahead}, part {begin} to {end}: "
        for name, part in check.filled({"y": result[1], "x": result[0]}, ("y", "x")):
            check.expect_shape(f"{case}{name}", part, (None, ahead) if name == "y" else (len(origins), past, series.shape[1]))
            part = np.asarray(part, dtype=float)
            if name == "y":
                first, last = part.min(initial=end), part.max(initial=0)
                check.expect(last < 100, f"{case}y should hold feature 0, the one to be forecast")
                check.expect(last < end, f"{case}a target is hour {last:g}, which is not before the end of the part")
                check.expect(first >= begin, f"{case}a target is hour {first:g}, before the part begins")
                check.expect(len(part) == len(origins), f"{case}you cut {len(part)} windows, but {len(origins)} fit: one for each hour "
                             "with enough past, which may reach before the part, and with all its targets in the part")  # fmt: skip
                check.expect_close(f"{case}y", part, origins[:, np.newaxis] + np.arange(ahead))
            else:
                check.expect(part[:, -1, 0] + 1 == origins, f"{case}the first target should be the hour right after the last hour of x")
                check.expect_close(f"{case}x", part, series[origins[:, np.newaxis] + np.arange(-past, 0)])

# %% [markdown]
# ### 07.1 · Windows that keep to their part
#
# (In each exercise, write your answer in place of each `...` and run the cell: its last line checks it. A hint is
# folded under the exercise, a solution in the cell after it.)
#
# Write `windows(series, past, ahead, begin, end)` for a `series` of shape (hour, features) whose feature 0 is to be
# forecast. Return x, (window, past, features), and y, (window, ahead), in order of time, for **every** hour at which a forecast can be made
# such that all its *targets* are hours from `begin` up to, not including, `end`. The past may reach before `begin`, but
# not before hour 0.
#
# <details><summary>Hint</summary>
#
# First find the origins, the number of the first target hour of each window: from `max(begin, past)` to `end - ahead`.
# `series[origins[:, np.newaxis] + np.arange(-past, 0)]` takes all pasts at once.
#
# </details>

# %% tags=["exercise"]
def windows(series, past, ahead, begin, end):
    x = ...
    y = ...
    return x, y


check_windows(windows)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def windows_solution(series, past, ahead, begin, end):
    origins = np.arange(max(begin, past), end - ahead + 1)[:, np.newaxis]
    return series[origins + np.arange(-past, 0)], series[origins + np.arange(ahead), 0]


check_windows(windows_solution, record=False)

# %% tags=["check"] jupyter={"source_hidden": true}
SPLIT_PARTS = ("training x", "training y", "test x", "test y")


def four_parts(prepared, values, hours):
    """What `prepared` makes of a series, split at hour 60: four arrays, or an error that says what they lack."""
    result = prepared(values.copy(), 8, 60)
    four = isinstance(result, (tuple, list)) and len(result) == 4
    check.expect(four, "return four arrays: x and y of training, x and y of the test")
    for name, part in zip(SPLIT_PARTS, result):
        check.expect_shape(name, part, (None, 8) if name.endswith("x") else (None,))
    found = [np.asarray(part, dtype=float) for part in result]
    check.expect(len(found[1]) + len(found[3]) < 80 - 8, "some targets were not measured: leave the line marked \"right\" as it is")
    for number, (name, part) in enumerate(zip(SPLIT_PARTS, found)):
        check.expect_shape(name, part, (len(hours[number // 2]), *part.shape[1:]))
        check.expect(not np.isnan(part).all(), f"{name} is NaN throughout: a mean over hours that were not measured is NaN, so fill first")
        check.expect(np.isfinite(part), f"{name} has hours that were not measured: fill them, from hours before them")
    return found


def lines(part, at, values):
    """Slope and intercept of each column of a part, from what was measured in its hours; NaN where there is no such line."""
    part, at, found = part.reshape(len(part), -1), at.reshape(len(at), -1), []
    for column, hour in zip(part.T, at.T):
        true, column = values[hour][~np.isnan(values[hour])], column[~np.isnan(values[hour])]
        line = np.polyfit(true, column, 1)
        found.append(line if np.abs(np.polyval(line, true) - column).max() < 1e-5 else [np.nan, np.nan])
    return np.array(found)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("07.2", "Find the bug: what leaks the future")
def check_leaks(prepared):
    series = np.random.default_rng(1).normal(3, 2, 80)
    series[[20, 21, 47, 66]] = np.nan
    hours = np.flatnonzero(~np.isnan(series))
    hours = np.split(hours[hours >= 8], [(hours[hours >= 8] < 60).sum()])  # the targets of training, and of the test
    pasts = [at[:, np.newaxis] + np.arange(-8, 0) for at in hours]
    found = four_parts(prepared, series, hours)

    def changed(hour, name):
        """The largest change of each window of a part when the series from this hour on is another one."""
        other, part = np.where(np.arange(80) < hour, series, series * 1.5 + 9), SPLIT_PARTS.index(name)
        return np.abs(four_parts(prepared, other, hours)[part] - found[part]).reshape(len(found[part]), -1).max(axis=1)

    check.expect(np.isfinite(lines(found[3], hours[1], series)), "the targets of the test should be those of hours 60 and later, in order "
                 "of time: what is in the test now?")  # fmt: skip
    for name in SPLIT_PARTS[:2]:
        check.expect(changed(60, name) < 1e-9, f"{name} changes when hours of the test change: what is computed from all hours?")
    for name, part in zip(SPLIT_PARTS[:2], found):
        scale = abs(part.mean()) < 0.2 and 0.8 < part.std() < 1.25
        check.expect(scale, f"{name} should be scaled to mean 0 and standard deviation 1, or nearly")
    for name, what in (("test y", "a target"), ("test x", "a past")):
        check.expect(changed(75, name)[:14] < 1e-9, f"{what} of the test changes when a later hour of the test changes: scale the "
                     "test with the numbers of training, and fill its gaps from hours before")  # fmt: skip
    check.expect(np.isfinite(lines(found[1], hours[0], series)), "training y should be the targets before hour 60, in order of time")
    for name, part, at in zip(SPLIT_PARTS[::2], found[::2], pasts):
        check.expect(np.isfinite(lines(part, at, series)), f"{name} should be the 8 hours before each target of its part")
    for number, (before, after) in enumerate((pasts, hours)):
        same = np.abs(lines(found[number], before, series) - lines(found[number + 2], after, series)) < 1e-4
        check.expect(same, f"{SPLIT_PARTS[number + 2]} has another scale than {SPLIT_PARTS[number]}: scale both with the numbers of training")
    check.expect(changed(67, "test x")[:7] < 1e-9, "hour 66 was not measured, and what fills it depends on hour 67, which is not known yet: "
                 "fill it from hours before")  # fmt: skip
    fills = []
    for values in (series, series + 8 * (np.arange(80) == 48)):
        x = four_parts(prepared, values, hours)[0]
        slope, shift = lines(x, pasts[0], values)[-1]
        fills.append((x[hours[0] == 48, -1].item() - shift) / slope)
    check.expect(abs(fills[1] - fills[0]) < 1, "hour 47 was not measured, and what fills it depends on hour 48, the target of that very "
                 "window: fill it from hours before")  # fmt: skip

# %% [markdown]
# ### 07.2 · Find the bug: what leaks the future
#
# `prepare` cuts windows with a single target hour from a `series` (hour,), with NaN where nothing was measured. Targets before
# hour `split` are for training, the others for the test. The results look splendid and are worthless: in **three** places
# the future gets into what is known. Repair it. Keep the windows of each part in order of time, and leave the line marked
# "right" as it is: nobody should be scored on an hour that was filled in.
#
# <details><summary>Hint</summary>
#
# Ask of each line: at the forecast origin, could I have computed this? For a gap: `series[t] = series[t - 1]`, hour by hour,
# copies the hour before. Hour 0 is measured.
#
# </details>

# %% tags=["exercise"]
def prepare(series, past, split):
    hours, measured = np.arange(len(series)), ~np.isnan(series)
    series = np.interp(hours, hours[measured], series[measured])  # a line through each gap
    series = (series - series.mean()) / series.std()
    origins = hours[past:][measured[past:]]  # right: no target that was filled in
    count = (origins < split).sum()
    origins = np.random.default_rng(0).permutation(origins)[:, np.newaxis]
    x, y = series[origins + np.arange(-past, 0)], series[origins[:, 0]]
    return x[:count], y[:count], x[count:], y[count:]


check_leaks(prepare)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def prepare_solution(series, past, split):
    hours, measured = np.arange(len(series)), ~np.isnan(series)
    for t in hours[1:][~measured[1:]]:
        series[t] = series[t - 1]
    series = (series - series[:split].mean()) / series[:split].std()
    origins = hours[past:][measured[past:]]
    count = (origins < split).sum()
    x, y = series[origins[:, np.newaxis] + np.arange(-past, 0)], series[origins]
    return x[:count], y[:count], x[count:], y[count:]


check_leaks(prepare_solution, record=False)

# %% [markdown]
# In training you may shuffle as you like, *after* the split.
#
# <a id="data"></a>
#
# ## 4 · The data, and forecasts without a network
#
# Two years, hour by hour. The last 2,000 hours are for the test, the 2,000 before for validation.

# %%
lost = 2000 - AHEAD + 1 - len(traffic.test)  # origins that the test would have if every hour was measured
traffic

# %% [markdown]
# **What is missing, and what we do about it.** Of the 17,520 hours, 104 were not measured. In a *past*, a missing volume is
# that of the week before (closer than that of the hour before: traffic changes fast). A window with a missing *target* is left out:
# nobody is scored on a number that we made up. So 50 of 1,977 origins are missing from the test.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("50 origins are left out of the test", lost, equals=50)

# %% [markdown]
# **Holidays** are known years ahead. Our copy of the data has no holiday column (the original has one), so here is a list: the
# federal holidays of the United States as they were observed (5 U.S.C. 6103, and Executive Order 11582 for Sundays). Below is the one of the test, Labor Day. *Predict*:
# how will the forecasts for that day look, if they copy the Monday before?

# %% jupyter={"source_hidden": true}
labor_day = int(np.flatnonzero(traffic.test.start == np.datetime64("2018-09-03T00"))[0])
fig, axes = plt.subplots(figsize=(9.8, 3), layout="constrained")
week_and_day(axes, traffic.test, labor_day)
hours = np.arange(AHEAD)
axes.plot(hours, 1000 * traffic.test.x[labor_day, :AHEAD, 0], "--", color="#555555")
axes.plot(hours, 1000 * traffic.test.y["volume"][labor_day], color=plotting.LSTM, lw=2.5)
axes.annotate("last Monday", (6, 5700), (-30, 7000), arrowprops={"arrowstyle": "-", "color": "#555555"})
axes.text(13, 1700, "Labor\nDay", ha="center", va="center")
plotting.Picture(fig, "The week before Labor Day, 3 September 2018, and that Monday itself, shaded. A dashed line copies the Monday "
                 "before: a morning peak of nearly 6,000 vehicles. On Labor Day there is none; traffic rises slowly to about 4,500 "
                 "in the afternoon.")  # fmt: skip

# %% [markdown]
# The forecast would have a morning peak that did not come.
#
# Now, what does each model know at the origin? All models of this lesson get **the same two arrays**: the past week
# (volume, weather, calendar, holiday), and of each hour to come its number from 1 to 24 (as 24 columns, one of them 1), the
# calendar, and whether it is a holiday. The second version leaves out calendar and holidays on both sides: to separate what the
# *calendar* contributes from what a *network* contributes.

# %% tags=["definition", "lab-data"]
def known(split, calendar=True):
    """What is known when a forecast is made: past (window, 168, features), hours to come (window, 24, features)."""
    hours = split.start[:, np.newaxis] + np.arange(-WEEK, AHEAD)
    holiday = np.isin(hours.astype("datetime64[D]"), datasets.HOLIDAYS)[..., np.newaxis]
    lead = np.broadcast_to(np.eye(AHEAD), (len(split), AHEAD, AHEAD))  # how far ahead: 1 of 24
    if calendar:
        past = np.concatenate([split.x, holiday[:, :WEEK]], axis=-1)
        future = np.concatenate([lead, split.future, holiday[:, WEEK:]], axis=-1)
    else:
        past, future = split.x[..., :6], lead  # volume and weather alone
    return [past.astype("float32"), future.astype("float32")]

# %%
for calendar in (False, True):
    past, future = known(traffic.test, calendar)
    print(f"calendar {'known' if calendar else 'left out'}: past {past.shape}, hours to come {future.shape}")

# %% [markdown]
# **Five forecasts without a network.** Three copy: the last hour, yesterday, last week. A linear regression reads all 168
# hours, the weather, 168 columns of which one is 1 (weekday and hour of the origin), and the holidays to come. And gradient
# boosting, which is hard to beat on tables (Grinsztajn and others, 2022), gets a row for each hour to come: the same hour of the seven days before, the
# last six hours, the weather, and what is known of that hour.

# %% tags=["definition", "lab-data"] jupyter={"source_hidden": true}
def first(split, count):
    """The first windows of a split."""
    y = {"volume": split.y["volume"][:count]}
    return dataclasses.replace(split, x=split.x[:count], y=y, future=split.future[:count], start=split.start[:count])

# %% tags=["definition"] jupyter={"source_hidden": true}
def gradient_boosting(data, calendar):
    """A row for each hour to come: the same hour of seven days, the last six hours, the weather, what is known of it."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    def rows(split):
        past, future = known(split, calendar)
        days = np.stack([past[:, at : at + AHEAD, 0] for at in range(0, WEEK, AHEAD)], axis=-1)
        now = np.concatenate([past[:, -6:, 0], past[:, -1, 1:6]], axis=1)
        lead = future[..., :AHEAD].argmax(axis=-1, keepdims=True)  # as one number: trees divide a column
        columns = [lead, future[..., AHEAD:], days, np.repeat(now[:, np.newaxis], AHEAD, axis=1)]
        return np.concatenate(columns, axis=-1).reshape(len(split) * AHEAD, -1)

    model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=300, random_state=0)
    part = first(data.train, 4000)  # a third of the windows, which overlap: more of them change nothing
    model.fit(rows(part), part.y["volume"].reshape(-1))
    nodes = sum(len(tree.nodes) for stage in model._predictors for tree in stage)
    return nodes, model.predict(rows(data.test)).reshape(-1, AHEAD)

# %% tags=["definition"] jupyter={"source_hidden": true}
def linear_regression(data, calendar):
    """All 24 hours at once from all hours of the week, the weather now and one column for each hour of the week."""
    from sklearn.linear_model import Ridge

    def columns(split):
        past, future = known(split)
        turn = np.eye(WEEK)[(split.start.astype(int) + 96) % WEEK]  # 0 is Monday, 0:00
        return np.concatenate([past[..., 0], past[:, -1, 1:6], *([turn, future[..., -1]] if calendar else [])], axis=1)

    model = Ridge(1.0).fit(columns(data.train), data.train.y["volume"])
    return model.coef_.size + AHEAD, model.predict(columns(data.test))


def rules():
    """Name -> function from data and calendar to (parameters, forecast for the test hours)."""
    return {
        "last hour": lambda data, calendar: (0, np.repeat(data.test.x[:, -1:, 0], AHEAD, axis=1)),
        "same hour yesterday": lambda data, calendar: (0, data.test.x[:, -AHEAD:, 0]),
        "same hour last week": lambda data, calendar: (0, data.test.x[:, :AHEAD, 0]),
        "linear regression": linear_regression,
        "gradient boosting": gradient_boosting,
    }

# %%
truth = traffic.test.y["volume"]
simple = {}
for name, rule in list(rules().items())[:4]:  # gradient boosting takes longer: see the table in section 7
    simple[name] = 1000 * np.abs(rule(traffic, True)[1] - truth)  # (window, 24), vehicles per hour
    print(f"{name}: mean absolute error {round(simple[name].mean(), -1):,.0f} vehicles per hour")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("The same hour last week is far ahead of yesterday", simple["same hour last week"].mean() - 0.6 * simple["same hour yesterday"].mean(),
            below=0)  # fmt: skip
check.claim("A linear regression that knows the calendar is ahead of both", simple["linear regression"].mean()
            - 0.85 * simple["same hour last week"].mean(), below=0)  # fmt: skip

# %% [markdown]
# A mean absolute error of 240 vehicles per hour, where 3,400 drive on average: that is what you get for nothing. A linear
# regression is far ahead of it. Each network must be measured against both.
#
# **Stop here if you like** (about 35 minutes so far).
#
# <a id="build"></a>
#
# ## 5 · Build it
#
# One function makes every network: `decode` builds the part between the inputs and the answers.

# %% tags=["definition", "lab-data"]
def forecaster(decode, calendar=True):
    """A network from what is known to three quantiles an hour: (batch, 24, 3), thousands of vehicles."""
    past_features, future_features = (12, AHEAD + 6) if calendar else (6, AHEAD)
    past, future = keras.Input((None, past_features)), keras.Input((AHEAD, future_features))
    rest = past_features - 1
    scaled = layers.Rescaling([1 / SPREAD] + [1.0] * rest, [-MEAN / SPREAD] + [0.0] * rest)(past)
    told = [keras.Input((AHEAD, 2))] if decode.__name__ == "fed_back" else []
    hours = decode(scaled, future, *told)
    return keras.Model([past, future, *told], layers.Rescaling(SPREAD, MEAN)(hours))


def answer(hours):
    """The same dense layers for every hour to come: (batch, 24, features) -> (batch, 24, 3)."""
    for _ in range(2):
        hours = layers.Dense(64, activation="relu")(hours)
    return layers.Dense(len(QUANTILES))(hours)

# %% [markdown]
# The volume is scaled by mean and spread of training hours *within* the network, so nobody can forget it. **The encoder** is
# the hybrid of lesson 03: a convolution turns 168 hours into 42 steps of four hours each, an LSTM follows the steps. (The numbers of units are
# chosen so that all networks but the smallest have about 31,000 parameters.)

# %% tags=["definition", "lab-data"]
def convolved(past):
    """Steps of four hours each: (batch, 168, features) -> (batch, 42, 32)."""
    return layers.Conv1D(32, 6, strides=4, padding="same", activation="relu")(past)


def encode(past, units):
    """A convolution makes steps of four hours, an LSTM follows them: all its h, the last h, the last c."""
    return layers.LSTM(units, return_sequences=True, return_state=True)(convolved(past))


def direct(summarise):
    """All hours at once: a summary of the past is repeated beside what is known of each hour to come."""

    def decode(past, future):
        repeated = layers.RepeatVector(AHEAD)(summarise(past))
        return answer(layers.Concatenate()([repeated, future]))

    return decode

# %% tags=["definition", "lab-data"]
def stepwise(past, future, units=37):
    """Encoder and decoder: a second LSTM starts with the state of the first and goes over the hours to come."""
    _, h, c = encode(past, units)
    hours = layers.LSTM(units, return_sequences=True)(future, initial_state=[h, c])  # (batch, 24, units)
    return answer(layers.Concatenate()([hours, future]))


def attentive(past, future, units=32):
    """The same, and each hour to come asks the steps of the encoder: its own query, weights and context."""
    steps, h, c = encode(past, units)
    hours = layers.LSTM(units, return_sequences=True)(future, initial_state=[h, c])  # (batch, 24, units)
    query, key = (layers.Dense(32, use_bias=False)(z) for z in (hours, steps))
    scores = layers.Rescaling(1 / np.sqrt(32))(layers.Dot((2, 2))([query, key]))  # (batch, 24, 42)
    weights = layers.Softmax(name="weights")(scores)
    context = layers.Dot((2, 1))([weights, steps])  # (batch, 24, units)
    return answer(layers.Concatenate()([hours, context, future]))

# %% [markdown]
# (`Dot((2, 2))` multiplies each of the 24 queries with each of the 42 keys; `Dot((2, 1))` adds up the steps by their
# weights. Each hour's softmax runs over the steps.)
#
# **A simple network gets the same care.** It is given three **lags** by hand: the volume of the *same hour* last week, as you found in
# section 1, and yesterday's and the day before's. Over them stand dense layers, and nothing else.

# %% tags=["definition"]
def lags(past):
    """Volume at the same hour one week, one day and two days before each hour to come: (batch, 24, 3)."""
    return layers.Concatenate()([past[:, at : at + AHEAD, :1] for at in (0, WEEK - 24, WEEK - 48)])


def by_lags(past, future):
    """No recurrence, no convolution: three numbers of the past and what is known of the hour."""
    return answer(layers.Concatenate()([future, lags(past)]))


def stepwise_with_lags(past, future):
    return stepwise(past, layers.Concatenate()([future, lags(past)]))

# %% [markdown]
# **The other models of the tables** are folded here: *DLinear* (Zeng and others, 2023) has one matrix for the trend, a moving average over
# 25 hours, and one for the rest. Its authors found that such linear models beat the Transformers they compared with in nearly every long
# forecast. (Ours also gets dense layers on the hours to come.) Then the parts alone: a dilated convolutional network without an LSTM,
# and an LSTM without a convolution. And two for the last table of section 7. One is a **control**: it also gets three past volumes for each hour to
# come, but from hours half a day off. The other is the simple network, enlarged, and given everything that the boosted trees are given.

# %% tags=["definition"] jupyter={"source_hidden": true}
def linear_parts(past, future):
    """DLinear: one matrix for the trend, one for what is left; and dense layers on the hours to come."""
    volume = layers.Reshape((WEEK, 1))(past[..., :1])
    trend = layers.AveragePooling1D(25, 1, padding="same")(volume)
    parts = [layers.Dense(AHEAD * 3)(layers.Flatten()(part)) for part in (trend, volume - trend)]
    return layers.Add()([*(layers.Reshape((AHEAD, 3))(part) for part in parts), answer(future)])

# %% tags=["definition"] jupyter={"source_hidden": true}
def dilated(past):
    """In place of the LSTM causal convolutions, each over twice the time: the last step would see 63 steps, and there are 42."""
    x = convolved(past)
    for n in range(5):
        wider = layers.Conv1D(37, 3, dilation_rate=2**n, padding="causal", activation="relu")(x)
        x = wider if n == 0 else layers.Add()([x, wider])
    return x[:, -1]


def unconvolved(past):
    """In place of the convolution four hours side by side: (batch, 168, features) -> (batch, 42, 4 * features)."""
    units = 53 if past.shape[-1] == 12 else 58  # as many parameters as the others have
    return layers.LSTM(units)(layers.Reshape((-1, 4 * past.shape[-1]))(past))

# %% tags=["definition"] jupyter={"source_hidden": true}
def stepwise_with_other_hours(past, future):
    """A control: three numbers of the past for each hour to come, as with the lags, but half a day off."""
    other = [past[:, at : at + AHEAD, :1] for at in (12, WEEK - 36, WEEK - 60)]
    return stepwise(past, layers.Concatenate()([future, *other]))


def by_all_lags(past, future, units=152):
    """Dense layers on what boosted trees get: the same hour of seven days, the last six hours, the weather now."""
    days = [past[:, at : at + AHEAD, :1] for at in range(0, WEEK, AHEAD)]
    now = layers.Concatenate()([layers.Reshape((6,))(past[:, -6:, 0]), past[:, -1, 1:6]])
    hours = layers.Concatenate()([future, *days, layers.RepeatVector(AHEAD)(now)])
    for _ in range(2):
        hours = layers.Dense(units, activation="relu")(hours)
    return layers.Dense(len(QUANTILES))(hours)

# %% [markdown]
# **Stop here if you like** (about 40 minutes so far).
#
# <a id="quantiles"></a>
#
# ## 6 · Three numbers an hour
#
# One number hides how sure the network is. So each hour gets three **quantiles**: with $q = 0.1$, the truth should be below it
# in one case out of ten; with $q = 0.5$, the *median*, in half of them; with $q = 0.9$, in nine of ten. Between the outer two lies
# an interval that should hold the truth in 80 percent of the hours. The loss that makes a number a quantile is the **pinball
# loss**:
#
# $$\ell_q(y, \hat y) = \max\big(q\,(y - \hat y),\ (q - 1)(y - \hat y)\big)$$
#
# For $q = 0.9$, a truth *above* $\hat y$ costs nine times as much as one that is as far *below*. So $\hat y$ moves up until only
# a tenth of the truths are above it. And $\ell_{0.5}$ is half the absolute error: so the median has the smallest mean absolute error, which is our
# measure.

# %% tags=["definition", "lab-data"]
EPOCHS, BATCH, BATCHES = 15, 64, 50


def pinball(true, quantiles):
    """Quantile loss; true (batch, 24, 1), quantiles (batch, 24, 3)."""
    below, q = true - quantiles, ops.array(QUANTILES)
    return ops.mean(ops.maximum(q * below, (q - 1) * below), axis=-1)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("07.3", "How good is an interval?")
def check_interval(judge):
    rng = np.random.default_rng(4)
    for windows, hours in ((50, 24), (7, 3)):
        true = rng.normal(3, 1, (windows, hours))
        middle = rng.normal(3, 1, (windows, hours))
        told = np.stack([middle - rng.random((windows, hours)), middle, middle + 2 * rng.random((windows, hours))], axis=-1)
        told[0, 0] = true[0, 0]  # an interval of no width
        true[1, 1], true[2, 2] = told[1, 1, 0], told[2, 2, 2]  # on its ends
        result = judge(true.copy(), told.copy())
        for name, value in check.filled(result, ("covered", "width", "loss")):
            check.expect_shape(name, value, (hours,))
            value = np.asarray(value, dtype=float)
            if name == "covered":
                low, high = told[..., 0], told[..., 2]
                without = [(low < true) & (true < high), (low <= true) & (true < high), (low < true) & (true <= high)]
                ends = [np.abs(value - inside.mean(axis=0)).max() < 1e-6 for inside in without]
                check.expect(not any(ends), "covered leaves out a truth that is exactly on an end of the interval: the ends are included")
                check.expect_close("covered", value, ((low <= true) & (true <= high)).mean(axis=0), tolerance=1e-6)
            elif name == "width":
                check.expect_close("width", value, (told[..., 2] - told[..., 0]).mean(axis=0), tolerance=1e-6)
            else:
                off = true[..., np.newaxis] - told
                right = np.maximum(np.array(QUANTILES) * off, (np.array(QUANTILES) - 1) * off).mean(axis=(0, 2))
                turned = np.maximum((np.array(QUANTILES) - 1) * -off, np.array(QUANTILES) * -off).mean(axis=(0, 2))
                check.expect(not np.abs(value - turned).max() < 1e-6, "the loss is turned round: a truth above the 0.9 quantile should cost more "
                             "than one as far below it")  # fmt: skip
                check.expect_close("loss", value, right, tolerance=1e-6)

# %% [markdown]
# ### 07.3 · How good is an interval?
#
# Write `judge(true, quantiles)` in NumPy, for `true` (window, hour) and `quantiles` (window, hour, 3), the quantiles 0.1, 0.5 and 0.9.
# Return a dict of three arrays of shape (hour,), so that **each hour to come** is judged: `covered`, the share of the windows in which the truth lies
# in the interval (its ends included); `width`, the mean width of the interval; and `loss`, the pinball loss, a mean over the windows and the
# three quantiles.
#
# Why all three? An interval from 0 to 10,000 covers everything and says nothing. The pinball loss is low only if the interval is
# narrow *and* in the right place.
#
# <details><summary>Hint</summary>
#
# `true[..., np.newaxis] - quantiles` has the shape (window, hour, 3), and `np.array(QUANTILES)` multiplies its last axis.
#
# </details>

# %% tags=["exercise"]
def judge(true, quantiles):
    return {"covered": ..., "width": ..., "loss": ...}


check_interval(judge)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def judge_solution(true, quantiles):
    low, _, high = np.moveaxis(quantiles, -1, 0)
    above, q = true[..., np.newaxis] - quantiles, np.array(QUANTILES)
    loss = np.where(above > 0, q * above, (q - 1) * above)
    inside = (low <= true) & (true <= high)
    return {"covered": inside.mean(axis=0), "width": (high - low).mean(axis=0), "loss": loss.mean(axis=(0, 2))}


check_interval(judge_solution, record=False)

# %% [markdown]
# <a id="train"></a>
#
# ## 7 · Train and compare
#
# Every network trains in the same way: batches of 64 windows, 50 batches an epoch, drawn anew each time; clipped gradients, a
# warm-up, a rate that falls to zero (lesson 04).

# %% tags=["definition", "lab-data"] jupyter={"source_hidden": true}
def told(split, share, seed):
    """Volume of the hour before each hour to come, told in this share of the hours; else 0. And whether it is told."""
    before = np.concatenate([split.x[:, -1:, 0], split.y["volume"][:, :-1]], axis=1)
    coin = np.random.default_rng(seed).random(before.shape) < share
    return np.stack([(before - MEAN) / SPREAD * coin, coin], axis=-1).astype("float32")


def inputs(model, split, share=0, seed=0):
    """What a network of this kind is given."""
    given = known(split, calendar=model.inputs[1].shape[-1] > AHEAD)
    return given if len(model.inputs) == 2 else [*given, told(split, share, seed)]


def errors(model, split, share=0):
    """How far the median is off, in vehicles: (window, 24)."""
    quantiles = model.predict(inputs(model, split, share), batch_size=256, verbose=0)
    return 1000 * np.abs(quantiles[..., 1] - split.y["volume"])

# %% tags=["definition", "lab-data"] jupyter={"source_hidden": true}
def train(model, data=traffic, peak=4e-3, epochs=EPOCHS, share=lambda done: 0.0):
    """50 batches an epoch, each time of other windows; `share` of the hours told, by the part of the training done."""
    schedule = keras.optimizers.schedules.CosineDecay(0.0, epochs * BATCHES, warmup_target=peak, warmup_steps=BATCHES)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), pinball)
    history = {"loss": []}
    for epoch in range(epochs):
        part = first(data.recompose(epoch), BATCH * BATCHES)
        given = inputs(model, part, share(epoch / epochs), epoch)
        volume = part.y["volume"][..., np.newaxis]
        history["loss"] += model.fit(given, volume, batch_size=BATCH, shuffle=False, verbose=0).history["loss"]
    return history

# %% [markdown]
# Here you train the encoder and decoder with attention and without, for 8 epochs (in the table below: 15), and the small network on three
# lags as in the table, which takes a few seconds. *Predict*: which is ahead on the test?

# %% tags=["lab-data"]
live, histories = {}, {}
for name, decode, peak, epochs in (("attention", attentive, 6e-3, 8), ("no attention", stepwise, 6e-3, 8), ("three lags", by_lags, 0.048, EPOCHS)):
    keras.utils.set_random_seed(0)
    live[name] = forecaster(decode)
    histories[name] = train(live[name], peak=peak, epochs=epochs)

# %% tags=["nbval-ignore-output"]
off = {name: errors(model, traffic.test) for name, model in live.items()}
for name, error in off.items():
    print(f"{name}: {live[name].count_params():,} parameters, {error.mean():.0f} vehicles per hour off")
ends = [history["loss"][-1] for history in histories.values()]
plotting.curves(histories, "loss", ylabel="pinball loss on the training windows")

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("On the training windows all three end at nearly the same loss", max(ends) - min(ends), below=0.015)
check.claim("On the test the small network is ahead of both", [off[name].mean() - off["three lags"].mean() for name in ("attention", "no attention")],
            above=3)  # fmt: skip

# %% [markdown]
# On the training windows all three end at nearly the same loss. On the *test*, the small network is ahead of both: the loss on training
# windows says little about weeks that a network has not seen. But one training with one seed is no proof; the table below has five of each.
#
# Here is the question of section 1, with the answer of your network. Where is the interval wide?

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
def forecast(axes, window, names):
    """Draw the truth of a day and the forecasts for it; the first with its interval."""
    hours = np.arange(1, AHEAD + 1)
    for name, colour, line in zip(names, (plotting.LSTM, plotting.CNN, "#777777"), ("-", "--", ":")):
        low, middle, high = np.moveaxis(told_by[name][window], -1, 0)
        if name == names[0]:
            axes.fill_between(hours, 1000 * low, 1000 * high, color=colour, alpha=0.2, lw=0)
        axes.plot(hours, 1000 * middle, line, color=colour, label=name)
    axes.plot(hours, 1000 * truth[window], color=plotting.INK, label="truth", marker=".")
    axes.set(xlabel="hour to come", ylabel="vehicles per hour", ylim=(0, 7600), xlim=(1, AHEAD), xticks=(1, 6, 12, 18, 24))


told_by = {name: model.predict(inputs(model, traffic.test), batch_size=256, verbose=0) for name, model in live.items()}
fig, axes = plt.subplots(figsize=(9.8, 3.4), layout="constrained")
forecast(axes, 168, ["attention"])
axes.legend(loc="upper center")
inside = ((told_by["attention"][168, :, 0] <= truth[168]) & (truth[168] <= told_by["attention"][168, :, 2])).sum()
plotting.Picture(fig, f"The shaded day of section 1, forecast by the network with attention: the median and, shaded, the interval. {inside} of 24 hours "
                 "lie in the interval. It is narrow at night and wide at the peaks.")  # fmt: skip

# %% tags=["nbval-ignore-output"]
for name, quantiles in told_by.items():
    low, _, high = np.moveaxis(quantiles, -1, 0)
    covered, width = ((low <= truth) & (truth <= high)).mean(), 1000 * (high - low).mean()
    print(f"{name}: {covered:.2f} of the hours lie in the interval, which is {width:.0f} vehicles wide; should be 0.80")

# %% [markdown]
# Now all of them, five seeds each, 15 epochs, each with the learning rate that gave it the lowest validation error. All tables come
# from `data/results`; `make results` trains them again. `hour 1` and `hour 24` are the errors of the first and the last hour
# to come; `in interval` is the share of hours between the outer quantiles, which should be 0.80. (The trees have no parameters; counted are
# their nodes.) The last three rows are the subject of section 8.

# %% jupyter={"source_hidden": true}
table = results.load("07_with_calendar")
without = results.load("07_without_calendar")
late = results.load("07_longer")

def in_rows(table):
    """The rows of a table, rounded."""
    for row in table.rows:
        whole = {name: plotting.over_seeds(row[key], "{:,.0f}") for key, name in (("error", "vehicles off"), ("h1", "hour 1"), ("h24", "hour 24"))}
        inside = plotting.over_seeds(row.get("covered", []) or [np.nan], "{:.2f}").replace("nan", "–")
        yield {"model": row["model"], **whole, "in interval": inside, "parameters": row["parameters"], "seconds": f"{np.mean(row['seconds']):.0f}"}


print(table)
columns = ["model", "vehicles off", "hour 1", "hour 24", "in interval", "parameters", "seconds"]
plotting.table(list(in_rows(table)), columns, "The calendar of the hours to come is known")

# %% [markdown]
# **What is a difference?** The test has twelve weeks, and all models had trouble with the same days. So compare two models
# *week by week*: the mean of the twelve differences, and its standard error, to which that of the seeds is added. (Overlapping
# windows are not independent. Weeks in a row resemble each other, too, so even this is optimistic.) Below two standard errors we call it
# no difference.

# %% jupyter={"source_hidden": true}
def ahead_of(table, better, worse, other=None):
    """By how much a model is ahead of another, of this table or another; standard error over weeks and seeds. Vehicles per hour."""
    rows = table.row(better), (other or table).row(worse)
    by_week = np.array([np.mean(rows[1][week]) - np.mean(rows[0][week]) for week in rows[0] if week.startswith("week ")])
    seeds = sum(np.var(row["error"], ddof=1) / len(row["error"]) for row in rows)
    return by_week.mean(), np.sqrt(by_week.var(ddof=1) / len(by_week) + seeds)


def apart(table, better, worse, other=None):
    """The same in standard errors: below 2 we call it no difference."""
    mean, error = ahead_of(table, better, worse, other)
    return mean / error

# %% jupyter={"source_hidden": true}
smallest, hybrid = (table.row(name)["model"] for name in ("Dense layers on three lags", "Encoder-decoder, three lags"))
pairs = [
    (hybrid, "Encoder-decoder"),
    (hybrid, smallest),
    (hybrid, "No network: gradient boosting"),
    (smallest, "No network: gradient boosting"),
    (smallest, "Encoder-decoder"),
    ("Encoder-decoder, attention", "Encoder-decoder"),
    ("Encoder-decoder", "CNN -> LSTM"),
    ("Encoder-decoder", "No network: linear regression"),
]
rows = [{"model": a, "compared with": b} | dict(zip(("ahead by", "standard error"), map("{:.1f}".format, ahead_of(table, a, b)))) for a, b in pairs]
plotting.table(rows, ["model", "compared with", "ahead by", "standard error"], "Vehicles per hour; the calendar is known")

# %% [markdown]
# With the calendar:
#
# - **Tell the network what you know.** The same encoder and decoder with three lags, the numbers that you would have copied yourself, is
#   25 vehicles per hour ahead of the one without: more than four standard errors.
# - **Three numbers do as much as a whole encoder.** The *smallest* network, which has nothing but lags, is in every seed ahead of every
#   network that has to find them in the past: LSTM, CNN, both, with and without attention. But nearly all of the
#   difference comes from the last six weeks, and on the weeks of validation some of the large ones were ahead of it.
# - **With lags, networks and boosted trees are close.** *Encoder-decoder, three lags* is ahead of the trees by two and a half standard
#   errors, and of the small network by less than two, which we call no difference.
# - **Attention brings no gain over the day**, and at hour 1 it is even behind. The decoder brings none against *CNN -> LSTM*, which answers
#   all hours at once from one summary. Without lags, no network is clearly ahead of a linear regression in this test.
# - **The intervals** should hold 80 percent of the hours. Those of *LSTM* are far too narrow (two thirds), those of DLinear and the
#   small network too wide (nine tenths). An interval is a claim about the future, too; measure it.

# %% tags=["claim"] jupyter={"source_hidden": true}
smallest, hybrid = (table.row(name)["model"] for name in ("Dense layers on three lags", "Encoder-decoder, three lags"))
found = [row["model"] for row in table.rows if not row["model"].startswith("No network") and "lags" not in row["model"] and row["model"] != "DLinear"]
check.claim("With the three lags the encoder and decoder are ahead of those without", apart(table, hybrid, "Encoder-decoder"), above=4, stored=True)
check.claim("In every seed, the smallest network, given three lags, is ahead of every seed of each network that has to find them",
            min(table.low(name, "error") for name in found) - table.high(smallest, "error"), above=3, stored=True)  # fmt: skip
late_weeks = [np.mean([table.mean("Encoder-decoder", f"week {week}") - table.mean(smallest, f"week {week}") for week in weeks])
              for weeks in (range(1, 7), range(7, 13))]  # fmt: skip
check.claim("nearly all of it in the last six weeks", late_weeks[1] - 8 * late_weeks[0], above=0, stored=True)
validation = {name: -max(scores.values()) for name, scores in table.provenance["tuning"].items()}
check.claim("On validation some large ones were ahead of it", validation[smallest] - min(validation[name] for name in found), above=3,
            stored=True)  # fmt: skip
check.claim("The small network was trained above as in the table", np.subtract(table.row(smallest)["peak"], 0.048), equals=0, stored=True)
check.claim("With lags they are ahead of boosted trees", apart(table, hybrid, "No network: gradient boosting"), within=(2, 3), stored=True)
check.claim("and of the smallest by less than two standard errors", apart(table, hybrid, smallest), within=(0, 2), stored=True)
check.claim("The smallest network and boosted trees are no different", apart(table, smallest, "No network: gradient boosting"),
            within=(-2, 2), stored=True)  # fmt: skip
check.claim("Attention brings no gain over the day", apart(table, "Encoder-decoder, attention", "Encoder-decoder"), within=(-2, 2), stored=True)
check.claim("at hour 1 it is behind", table.mean("Encoder-decoder, attention", "h1") - table.mean("Encoder-decoder", "h1"), above=10, stored=True)
check.claim("A decoder brings none over all hours at once", apart(table, "Encoder-decoder", "CNN -> LSTM"), within=(-2, 2), stored=True)
check.claim("Without lags no network is clearly ahead of a linear regression", [apart(table, name, "No network: linear regression")
            for name in found], within=(-2, 2), stored=True)  # fmt: skip
check.claim("Two are far too sure", [table.mean(name, "covered") for name in ("LSTM", "Encoder-decoder fed back, trained on truth")],
            within=(0.63, 0.68), stored=True)  # fmt: skip
check.claim("and the two simplest not sure enough", [table.mean(name, "covered") for name in ("DLinear", smallest)], within=(0.88, 0.92),
            stored=True)  # fmt: skip

# %% [markdown]
# Now without the calendar: only volume and weather of the past week, and the number of the hour to come. Each network has to find out by
# itself what time it is. *Predict*: which models lose most? Does attention help now?

# %%
print(without)
plotting.table(list(in_rows(without)), columns, "Calendar and holidays are left out, of the past and of the hours to come")

# %% [markdown]
# - **Every model that learns is worse** without calendar and holidays, by 34 to 108 vehicles per hour. For the encoder and decoder it is 41;
#   the lags bring 25 to 30. (We did not separate the hours from the holidays.)
# - **No network without lags** is then clearly better than a copy of last week.
# - **Attention still brings no gain.** The decoder may: it is 22 ahead of *CNN -> LSTM*, but one of five seeds makes most of that.
# - **With lags**, encoder and decoder are still ahead of those without, and of the small network by two standard errors. Two thirds of the
#   latter come from the two weeks that follow a holiday: there the lags copy a day that was not like others, and no list of holidays was
#   given.

# %% tags=["claim"] jupyter={"source_hidden": true}
smallest, hybrid = (table.row(name)["model"] for name in ("Dense layers on three lags", "Encoder-decoder, three lags"))
found = [row["model"] for row in table.rows if not row["model"].startswith("No network") and "lags" not in row["model"]]
learn = [row["model"] for row in without.rows if "last" not in row["model"] and "yesterday" not in row["model"]]
losses = [without.mean(name, "error") - table.mean(name, "error") for name in learn]
check.claim("Without the calendar every model that learns is worse", losses, within=(33, 109), stored=True)
parts = [ahead_of(without, hybrid, "Encoder-decoder")[0], ahead_of(table, hybrid, "Encoder-decoder")[0]]
check.claim("The encoder and decoder lose more than the lags bring", without.mean("Encoder-decoder", "error") - table.mean("Encoder-decoder", "error")
            - max(parts), above=5, stored=True)  # fmt: skip
copied = without.row("No network: same hour last week")["model"]
check.claim("No network without lags is clearly better than a copy of last week", [apart(without, name, copied) for name in found],
            below=2, stored=True)  # fmt: skip
check.claim("Attention brings no gain", apart(without, "Encoder-decoder, attention", "Encoder-decoder"), within=(-2, 2), stored=True)
check.claim("The decoder may", apart(without, "Encoder-decoder", "CNN -> LSTM"), within=(0, 2), stored=True)
middle = np.median(without.row("CNN -> LSTM")["error"]) - np.median(without.row("Encoder-decoder")["error"])
check.claim("but one seed makes most of it", middle - 0.67 * ahead_of(without, "Encoder-decoder", "CNN -> LSTM")[0], below=0, stored=True)
check.claim("Lags do", apart(without, hybrid, "Encoder-decoder"), above=2, stored=True)
check.claim("With them it is ahead of the small network", apart(without, hybrid, smallest), above=2, stored=True)
after = [without.mean(smallest, week) - without.mean(hybrid, week) for week in ("week 1", "week 9")]
check.claim("two thirds of it in two weeks of twelve", sum(after) / 12 - 2 / 3 * ahead_of(without, hybrid, smallest)[0], within=(-2, 2), stored=True)

# %% [markdown]
# **Is it a matter of time, or of the right hours?** Two doubts are left. Networks with more to learn may need longer; and three numbers
# more may help whatever hours they are from. The last table has three times the budget, three seeds, and both answers. In *three other
# hours* the numbers come from half a day off. *All lags* is the small network enlarged to as many parameters as the others have, with
# all that the boosted trees are given.

# %%
print(late)
plotting.table(list(in_rows(late)), columns, "Three times the budget; the calendar is known")

# %% [markdown]
# - **It is the right hours.** With three *other* hours the encoder and decoder are where they are without any (176 and 177).
# - **Longer does not help the recurrent ones.** *Encoder-decoder, three lags* gets worse (163 instead of 152), and its intervals narrower; it was
#   slightly worse on the validation part, too, which chose its learning rate. Attention stays where it was.
# - **No memory is needed.** Dense layers on *all lags* reach 152, level with the best hybrid at its best. At this budget, they are two standard errors ahead of it,
#   in a third of its time, and two and a half ahead of the boosted trees; 79 percent of the hours lie in their intervals. If you know the
#   calendar and need one model for this series, choose dense layers on lags, all or three: as good as the best hybrid, and without recurrence.

# %% tags=["claim"] jupyter={"source_hidden": true}
hybrid, control, all_lags = (late.row(name)["model"] for name in (
    "Encoder-decoder, three lags", "Encoder-decoder, three other hours", "Dense layers on all lags"))  # fmt: skip


check.claim("Three other hours bring nothing", apart(late, control, "Encoder-decoder", table), within=(-2, 2), stored=True)
check.claim("The right ones do", apart(late, hybrid, control), above=2, stored=True)
check.claim("Three times the budget makes the encoder and decoder with lags worse", apart(late, hybrid, hybrid, table), below=-2, stored=True)
worse = max(table.provenance["tuning"][hybrid].values()) - max(late.provenance["tuning"][hybrid].values())
check.claim("on validation a little", worse, within=(0, 10), stored=True)
check.claim("and its intervals narrower", table.low(hybrid, "covered") - late.high(hybrid, "covered"), above=0.05, stored=True)
check.claim("Attention stays where it was", apart(late, "Encoder-decoder, attention", "Encoder-decoder, attention", table), within=(-2, 2), stored=True)
check.claim("Dense layers on all lags are as good as the best hybrid", apart(late, all_lags, hybrid, table), within=(-2, 2), stored=True)
check.claim("ahead of it at the same budget", apart(late, all_lags, hybrid), above=2, stored=True)
check.claim("and of boosted trees", apart(late, all_lags, "No network: gradient boosting", table), above=2, stored=True)
check.claim("Their intervals hold", late.row(all_lags)["covered"], within=(0.77, 0.82), stored=True)
check.claim("It trains in about a third of the time", late.mean(hybrid, "seconds") - 2 * late.mean(all_lags, "seconds"), above=0, stored=True)
numbers = [late.mean(control, "error"), table.mean("Encoder-decoder", "error"), late.mean(hybrid, "error"), table.mean(hybrid, "error"),
           late.mean(all_lags, "error")]  # fmt: skip
check.claim("The numbers of the text are those of the tables", np.abs(np.array(numbers) - (176, 177, 163, 152, 152)).max(), below=0.6, stored=True)

# %% [markdown]
# **Stop here if you like** (about 60 minutes so far).
#
# <a id="fed-back"></a>
#
# ## 8 · Fed its own answers
#
# So far each hour to come got what is known of it, and no more. A decoder can also read the *volume of the hour before*:
#
# $$\text{fed back:} \quad s_k = \mathrm{LSTM}([u_k, \tilde y_{k-1}], s_{k-1}), \qquad \hat y_k = \mathrm{dense}(h_k)$$
#
# The first, $\tilde y_0$, is the last volume measured. Later, $\tilde y_{k-1}$ is the truth or $\hat y_{k-1}$, the network's own answer. To feed
# the truth in training is called **teacher forcing**. When you forecast there is no truth yet, so the network reads its own answers: it
# is **free running**.
#
# <a id="by-hand"></a>
#
# ### By hand
#
# In Keras, one step of such a decoder is a *cell*, which `keras.layers.RNN` repeats. Its state has three parts: $h$, $c$ and the last
# answer, the middle one of its three numbers.

# %% tags=["definition"]
class FedBack(layers.Layer):
    """One step of a decoder that reads the hour before: the true one if it is told, else its own answer."""

    def __init__(self, units):
        super().__init__()
        self.state_size, self.output_size = [units, units, 1], 3
        self.lstm = layers.LSTMCell(units)
        self.dense = [layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(3)]

    def build(self, shape):  # a layer within a layer makes its weights here
        self.lstm.build((None, shape[-1] - 1))
        for layer, size in zip(self.dense, (self.lstm.units, 64, 64)):
            layer.build((None, size))

    def call(self, inputs, states):
        future, volume, is_told = inputs[:, :-2], inputs[:, -2:-1], inputs[:, -1:]  # known of the hour; (batch, 1); 0 or 1
        h, c, answered = states
        before = is_told * volume + (1 - is_told) * answered
        hour, (h, c) = self.lstm(ops.concatenate([future, before], axis=-1), [h, c])
        for layer in self.dense:
            hour = layer(hour)
        return hour, [h, c, hour[:, 1:2]]  # the median goes back in

# %% [markdown]
# The inputs of a step end with a volume and a flag: 1 if the step reads this volume, 0 if it reads its own last answer. So one
# network can be fed the truth, its own answers, or some of both. By hand, with teacher forcing:

# %%
def lstm_step(x, h, c, kernel, recurrent_kernel, bias):
    """x (features,), h and c (units,) -> the next h and c."""
    i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4)
    i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c


def decode_by_hand(cell, h, c, last, future, truth):
    """Teacher forcing: hour k is told the truth of hour k - 1, the first hour the last volume measured."""
    answers = []
    for known_of_hour, before in zip(future, [last, *truth[:-1]]):
        h, c = lstm_step(np.append(known_of_hour, before), h, c, *cell.lstm.get_weights())
        z = h
        for layer in cell.dense:
            kernel, bias = layer.get_weights()
            z = z @ kernel + bias if layer is cell.dense[-1] else np.maximum(z @ kernel + bias, 0)
        answers.append(z)
    return np.array(answers)  # (24, 3)

# %% [markdown]
# We compare with Keras on random numbers: 6 past steps of 3 features, 4 units, 24 hours to come with 5 known features each.

# %% jupyter={"source_hidden": true}
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
past, future, truth_ahead = (rng.normal(size=shape).astype("float32") for shape in ((6, 3), (24, 5), (24,)))
reader, cell = layers.LSTM(4, return_state=True), FedBack(4)
_, h, c = reader(past[np.newaxis])
before = np.concatenate([past[-1:, 0], truth_ahead[:-1]])
forced = np.concatenate([future, before[:, np.newaxis], np.ones((24, 1))], axis=1, dtype="float32")
start = [h, c, past[np.newaxis, -1, :1]]
by_keras = np.asarray(layers.RNN(cell, return_sequences=True)(forced[np.newaxis], initial_state=start))[0]

state = np.zeros(4), np.zeros(4)
for x in past:
    state = lstm_step(x, *state, *reader.get_weights())
by_hand = decode_by_hand(cell, *state, past[-1, 0], future, truth_ahead)
print("hour 1, by hand:", by_hand[0].round(2), " by Keras:", by_keras[0].round(2))

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("The encoder's state, by hand, equals Keras", np.abs(np.stack(state) - np.stack([h[0], c[0]])).max(), below=1e-5)
check.claim("So do the 24 answers with teacher forcing", np.abs(by_hand - by_keras).max(), below=1e-5)

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("07.4", "Truth, own answers, and both")
def check_run(run):
    rng = np.random.default_rng(3)
    hours, last = 6, 50.0
    future, truth = 100 + np.arange(hours), 10.0 + np.arange(hours)
    cases = {"all told": np.ones(hours, bool), "none told": np.zeros(hours, bool), "some told": rng.random(hours) < 0.5}
    for name, is_told in cases.items():
        read = []

        def step(known_of_hour, before, state, read=read):
            read.append((known_of_hour, before, state))
            return 1000.0 + len(read), 7 + len(read)

        result = run(step, 7, last, future.copy(), truth.copy(), is_told.copy())
        check.expect(len(read) == hours, f"{name}: the decoder takes {len(read)} steps for {hours} hours")
        answers = [1001.0 + k for k in range(hours)]
        for k, (known_of_hour, before, state) in enumerate(read):
            hour = f"{name}, k = {k}: "
            check.expect(known_of_hour == future[k], f"{hour}the step should get future[{k}]")
            whose = "that the step before returned" if k else "that `run` was given"
            check.expect(state == 7 + k, f"{hour}the step should get the state {whose}")
            check.expect(before is not ... and before is not None, f"{hour}still to fill in: before")
            check.expect(np.shape(before) == (), f"{hour}the hour before should be one number (a step returns two things: answer and state)")
            check.expect(before != truth[k], f"{hour}it is told its own target, truth[{k}]: tell it the hour *before*")
            own = f"truth[{k - 1}]" if is_told[k] else f"its own answer for hour {k - 1}"
            right = last if k == 0 else truth[k - 1] if is_told[k] else answers[k - 1]
            what = own if k else "the last volume measured"
            check.expect(np.isclose(before, right), f"{hour}it should read {what}, {right:g}, and reads {before:g}")
        check.expect_close(f"{name}: what you return", result, answers)

# %% [markdown]
# ### 07.4 · Truth, own answers, and both
#
# Write `run(step, state, last, future, truth, is_told)`, the loop of a decoder. `step(known_of_hour, before, state)` returns
# (answer, next state). The first hour reads `last`, the last volume measured, whatever `is_told` says. Hour k reads the
# *truth* of the hour before if `is_told[k]` holds, and otherwise *its own answer* for the hour before. Return the list
# of answers.
#
# (If every hour is told, that is teacher forcing; if none is, free running. To draw `is_told` at random, and ever less often
# true, is called **scheduled sampling**: Bengio and others, 2015.)
#
# <details><summary>Hint</summary>
#
# There are three cases: k is 0; `is_told[k]` holds; neither. `answers[k - 1]` is the answer for the hour before.
#
# </details>

# %% tags=["exercise"]
def run(step, state, last, future, truth, is_told):
    answers = []
    for k in range(len(future)):
        before = ...
        answer, state = step(future[k], before, state)
        answers.append(answer)
    return answers


check_run(run)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def run_solution(step, state, last, future, truth, is_told):
    answers = []
    for k in range(len(future)):
        before = last if k == 0 else truth[k - 1] if is_told[k] else answers[k - 1]
        answer, state = step(future[k], before, state)
        answers.append(answer)
    return answers


check_run(run_solution, record=False)

# %% [markdown]
# ### Trained on the truth, or on its own answers?
#
# The last three rows of the first table in section 7 are one network, trained in three ways: it was told the *truth* of the hour before (teacher forcing), it
# read its *own answers*, or *both*: told all at the beginning, ever fewer hours later, and none in the last two fifths (scheduled sampling).

# %% tags=["definition"]
TELLING = {"truth": lambda done: 1.0, "own answers": lambda done: 0.0, "both": lambda done: max(0.0, 1 - done / 0.6)}

# %% tags=["definition"]
def fed_back(past, future, told, units=38):
    """Encoder and decoder; each hour to come also reads the volume of the hour before."""
    _, h, c = encode(past, units)
    decoder = layers.RNN(FedBack(units), return_sequences=True)
    return decoder(layers.Concatenate()([future, told]), initial_state=[h, c, past[:, -1, :1]])

# %% tags=["definition"] jupyter={"source_hidden": true}
def networks():
    """Name -> (decode, share of the hours told in training)."""
    usual = TELLING["own answers"]
    plain = {
        "DLinear": linear_parts,
        "Dense layers on three lags": by_lags,
        "LSTM": direct(unconvolved),
        "Dilated CNN": direct(dilated),
        "CNN -> LSTM": direct(lambda past: encode(past, 54)[1]),
        "Encoder-decoder": stepwise,
        "Encoder-decoder, attention": attentive,
        "Encoder-decoder, three lags": stepwise_with_lags,
    }
    fed = {f"Encoder-decoder fed back, trained on {name}": (fed_back, share) for name, share in TELLING.items()}
    return {name: (decode, usual) for name, decode in plain.items()} | fed

# %% tags=["definition"] jupyter={"source_hidden": true}
def longer():
    """The same for the table of three times the budget."""
    plain = {"Encoder-decoder, three other hours": stepwise_with_other_hours, "Dense layers on all lags": by_all_lags}
    usual = {name: (decode, TELLING["own answers"]) for name, decode in plain.items()}
    names = ("Dense layers on three lags", "Encoder-decoder, attention", "Encoder-decoder, three lags")
    return {name: networks()[name] for name in names} | usual

# %%
sizes = {name: forecaster(decode).count_params() for name, (decode, _) in (networks() | longer()).items()}
alike = [size for name, size in sizes.items() if name != "Dense layers on three lags"]

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("All but the smallest have as many parameters, within 5 percent", max(alike) - 1.05 * min(alike), below=0)
check.claim("The smallest has a fifth of them", 5 * sizes["Dense layers on three lags"] - min(alike), within=(-3000, 3000))

# %% [markdown]
# When it forecasts, it reads its own answers. As an experiment we can also measure how good it is when the test *tells* it the true hour
# before. *Predict* for the one trained on the truth: how do its errors grow from hour 1 to hour 24?

# %% jupyter={"source_hidden": true}
def by_horizon(axes, table, title):
    """Draw the errors of the decoder that is fed back, hour by hour, on its own answers and told the truth."""
    hours = [int(key[1:]) for key in table.row("Encoder-decoder") if key.startswith("h")]
    for training, colour, marker in (("truth", plotting.LSTM, "o"), ("own answers", plotting.CNN, "s")):
        row = f"Encoder-decoder fed back, trained on {training}"
        for key, line, reads in (("h", "-", "reads its own answers"), ("told h", ":", "is told the truth")):
            values = [table.mean(row, f"{key}{hour}") for hour in hours]
            axes.plot(hours, values, line, color=colour, marker=marker, label=f"trained on {training}, {reads}")
    axes.set(title=title, xlabel="hour to come", xticks=hours[2:], ylim=(0, 380))


fig, both = plt.subplots(1, 2, figsize=(9.8, 4), layout="constrained", sharey=True)
by_horizon(both[0], table, "The calendar is known")
by_horizon(both[1], without, "The calendar is left out")
both[0].set(ylabel="vehicles per hour off")
both[0].legend(loc="upper left", fontsize=8.5)
words = [f"Trained on {name}: from {kept.mean(row, 'h1'):.0f} at hour 1 to {kept.mean(row, 'h24'):.0f} at hour 24 on its own answers, "
         f"{kept.mean(row, 'told h24'):.0f} at hour 24 if told the truth." for kept in (table, without) for name in ("truth", "own answers")
         for row in (f"Encoder-decoder fed back, trained on {name}",)]  # fmt: skip
plotting.Picture(fig, f"Error by hour to come. With the calendar. {' '.join(words[:2])} Without it. {' '.join(words[2:])}")

# %% [markdown]
# A network that was trained on the truth is far worse on its own answers than when it is told the truth. Such a gap is often blamed on
# **exposure bias**: in training it never met its own mistakes (Ranzato and others, 2016). But the gap has two parts. At the origin, nobody knows the
# later hours; to lose that information costs *every* network. What is due to the training shows only against a **control**, the
# network that was trained on its own answers.
#
# - **With the calendar** the medians show no cost over the day: what training on the truth wins in the first hours (it has learned to use
#   the last hour that was measured), it may lose later. But its **intervals** pay: they hold 67 percent of the hours, those of the
#   control 77. Its errors grow for about six hours, then no more.
# - **Without the calendar** it drifts, from 142 to 354 vehicles per hour. The control grows much less, from 177 to 245; over the day it is
#   60 ahead, three standard errors. So what exposure bias costs depends on what else a step knows: here, what time it is.
# - **Scheduled sampling** keeps about half of the good start. Without the calendar it is far ahead of training on the truth, and level with
#   own answers.
# - The mismatch also works the other way. Trained on its own answers and suddenly *told the truth*, the network gets **worse** with the
#   calendar. We did not test why; it may have learned how far its own answers can be trusted, and the truth looks like one of them.

# %% tags=["claim"] jupyter={"source_hidden": true}
truth_row, own_row, both_row = (table.row(f"Encoder-decoder fed back, trained on {name}")["model"] for name in ("truth", "own answers", "both"))
check.claim("Trained on the truth, the error on its own answers is far above that when told the truth",
            table.mean(truth_row, "error") - 1.2 * table.mean(truth_row, "told error"), above=0, stored=True)  # fmt: skip
check.claim("Over the day, training on own answers makes no difference", apart(table, own_row, truth_row), within=(-2, 2), stored=True)
check.claim("At hour 1 every seed trained on the truth is ahead", table.low(own_row, "h1") - table.high(truth_row, "h1"), above=15, stored=True)
check.claim("Trained on its own answers it gets worse when told the truth, in every seed",
            np.subtract(table.row(own_row)["told error"], table.row(own_row)["error"]), above=5, stored=True)  # fmt: skip
check.claim("Scheduled sampling is between the two at hour 1", [table.mean(own_row, "h1") - table.mean(both_row, "h1"),
            table.mean(both_row, "h1") - table.mean(truth_row, "h1")], above=5, stored=True)  # fmt: skip
check.claim("and no better over the day", apart(table, both_row, truth_row), within=(-2, 2), stored=True)
check.claim("With the calendar, its intervals are too narrow in every seed", table.low(own_row, "covered") - table.high(truth_row, "covered"),
            above=0.05, stored=True)  # fmt: skip
check.claim("its errors grow for about six hours", table.mean(truth_row, "h24") - table.mean(truth_row, "h6"), within=(-5, 8), stored=True)
check.claim("Without the calendar, training on the truth costs much", apart(without, own_row, truth_row), above=2.5, stored=True)
numbers = [without.mean(row, hour) for row in (truth_row, own_row) for hour in ("h1", "h24")]
check.claim("The numbers of the text are those of the table", np.abs(np.array(numbers) - (142, 354, 177, 245)).max(), below=0.6, stored=True)
check.claim("It drifts in every seed", without.low(truth_row, "h24") - 1.7 * without.high(truth_row, "h1"), above=0, stored=True)
check.claim("The control grows less", without.mean(own_row, "h24") - 1.5 * without.mean(own_row, "h1"), below=0, stored=True)
check.claim("Scheduled sampling is then far ahead of training on the truth", apart(without, both_row, truth_row), above=3, stored=True)
check.claim("and level with own answers", apart(without, both_row, own_row), within=(-2, 2), stored=True)
starts = [each.mean(both_row, "h1") - (each.mean(own_row, "h1") + each.mean(truth_row, "h1")) / 2 for each in (table, without)]
check.claim("It keeps about half of the good start", starts, within=(-5, 5), stored=True)

# %% [markdown]
# **Stop here if you like** (about 75 minutes so far).
#
# <a id="look"></a>
#
# ## 9 · Look inside
#
# Which past hours does attention look at? Each row below is an hour to come of one window, each column a step of four hours of
# the past week. (What is weighted is the *state* of the encoder after that step, which may hold what came before it:
# lesson 06.) Where would you look, at 5 o'clock in the afternoon of a Tuesday?

# %% tags=["lab-data"] jupyter={"source_hidden": true}
def weights_of(model, split):
    """Attention weights of a trained network: (window, 24, 42)."""
    looking = keras.Model(model.input, model.get_layer("weights").output)
    return looking.predict(inputs(model, split), batch_size=256, verbose=0)

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
weights = weights_of(live["attention"], traffic.test)
window = int(np.flatnonzero(traffic.test.start == np.datetime64("2018-08-14T00"))[0])  # a Tuesday, midnight
fig, axes = plt.subplots(figsize=(9.8, 4), layout="constrained")
shown = axes.imshow(weights[window], cmap="Greens", aspect="auto", extent=(-WEEK, 0, AHEAD + 0.5, 0.5))
axes.set(xlabel="hours before the forecast origin", ylabel="hour to come", xticks=np.arange(-WEEK, 1, 24), yticks=(1, 6, 12, 18, 24))
fig.colorbar(shown, label="weight")
top = weights[window].argmax(axis=1)
plotting.Picture(fig, "Attention weights as a map: 24 rows for the hours to come, 42 columns for steps of four hours of the past week. "
                 f"The heaviest step of hours 1, 9 and 17 begins {', '.join(str(WEEK - 4 * top[k]) for k in (0, 8, 16))} hours "
                 "before the forecast origin.")  # fmt: skip

# %% tags=["check"] jupyter={"source_hidden": true}
@check.exercise("07.5", "Score attention against the rhythm")
def check_rhythm(score):
    rng = np.random.default_rng(5)
    for hours_a_step, days in ((4, 7), (3, 7), (6, 2)):
        steps = 24 * days // hours_a_step
        weights = rng.random((5, AHEAD, steps)) ** 4
        weights /= weights.sum(axis=-1, keepdims=True)
        result = score(weights.copy(), hours_a_step)
        pair = (isinstance(result, (tuple, list)) or np.ndim(result) == 1) and len(result) == 2
        check.expect(pair, "return two numbers: the share, and that of chance")
        right = np.zeros((AHEAD, steps), bool)
        for k in range(AHEAD):
            for day in range(days):
                right[k, (24 * day + k) // hours_a_step] = True
        share = (weights * right).sum(axis=-1).mean()
        case = f"with {steps} steps of {hours_a_step} hours, "
        for name, value in check.filled(dict(zip(("share", "chance"), result)), ("share", "chance")):
            check.expect_shape(f"{case}{name}", value, ())
            if name == "share":
                shifted = [np.roll(right, by, axis=0) for by in (1, -1)]
                shifted += [shifted[0] & (np.arange(AHEAD) > 0)[:, np.newaxis], shifted[1] & (np.arange(AHEAD) < AHEAD - 1)[:, np.newaxis]]
                close = [abs(value - (weights * other).sum(axis=-1).mean()) < 1e-6 for other in shifted]
                check.expect(not any(close), f"{case}your hours are one off: hour to come 0 goes with the past hours 0, 24 and so on")
                check.expect_close(f"{case}the share", value, share, tolerance=1e-6)
            else:
                check.expect_close(f"{case}chance", value, right.mean(), tolerance=1e-6)

# %% [markdown]
# ### 07.5 · Score attention against the rhythm
#
# One map proves nothing. How much of the weight lies on steps that contain *the same hour of the day*? The past has whole
# days, and ends at the origin; so for hour to come number k (from 0), these are the past hours k, 24 + k, 48 + k and so on, counted from
# the beginning of the past. Write `same_hour(weights, hours_a_step)` for weights (window, 24, steps): return the mean share of
# the weight on the steps that contain such an hour, and the share that *equal* weights would have.
#
# <details><summary>Hint</summary>
#
# Past hour t is in step `t // hours_a_step`. Build `right`, a bool array (24, steps), with two loops, or compare
# `np.arange(24)[:, np.newaxis] // hours_a_step` with the number of each step within its day.
#
# </details>

# %% tags=["exercise"]
def same_hour(weights, hours_a_step):
    return ..., ...


check_rhythm(same_hour)

# %% tags=["solution"] jupyter={"source_hidden": true}
# Solution
def same_hour_solution(weights, hours_a_step):
    a_day = 24 // hours_a_step
    step_of_day = np.arange(weights.shape[-1]) % a_day
    right = step_of_day == np.arange(24)[:, np.newaxis] // hours_a_step  # (24, steps)
    return (weights * right).sum(axis=-1).mean(), right.mean()


check_rhythm(same_hour_solution, record=False)

# %% tags=["nbval-ignore-output"]
shares = [share for kept in (table, without, late) for share in kept.row("Encoder-decoder, attention")["share"]]
right = np.arange(42) % 6 == np.arange(AHEAD)[:, np.newaxis] // 4  # (24, 42), as in the exercise
share, chance = (weights * right).sum(axis=-1).mean(), right.mean()
print(f"on the same hour of the day: {share:.2f} of the weight; if all steps had equal weights: {chance:.2f}")
spread = np.exp(-(weights * np.log(weights + 1e-9)).sum(axis=-1)).mean()
print(f"so evenly spread as over {spread:.0f} of 42 steps with equal weights")

# %% [markdown]
# Were you convinced by the map? The score is at most slightly above chance, and the weights are spread nearly evenly: the context is little more than an
# average of the week. In every training of the three tables the share lies between 0.15 and 0.20, where chance is 0.17.
# **This attention did not find the rhythm** that everybody sees in the first picture, at least not at these steps; handed over as three
# lags, it was worth 25 vehicles per hour. A map of weights always looks like an explanation. Score it.

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("In every seed of both tables attention is near chance", shares, within=(0.15, 0.2), stored=True)
check.claim("Here, too, it is spread over most of the week", spread, above=25)

# %% [markdown]
# ### Where it fails
#
# Each point below is the forecast of one whole day, made at midnight. *Predict*: which day is the worst? And which model will
# still be wrong a week after it?

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
at_midnight = traffic.test.start.astype(int) % 24 == 0
days = traffic.test.start[at_midnight].astype("datetime64[D]")
by_day = {name: error[at_midnight].mean(axis=1) for name, error in off.items()}
by_day["last week"] = simple["same hour last week"][at_midnight].mean(axis=1)
fig, axes = plt.subplots(figsize=(9.8, 3.6), layout="constrained")
for name, colour, line in (("last week", "#777777", ":"), ("three lags", plotting.CNN, "-"), ("attention", plotting.LSTM, "-")):
    axes.plot(days, by_day[name], line, color=colour, label=name, marker=".")
labels = {"2018-07-11": ("a week after Independence Day", 6), "2018-09-03": ("Labor Day", -28), "2018-09-10": ("a week later", 4),
          "2018-09-20": ("20 September", -10)}  # fmt: skip
for date, (label, side) in labels.items():
    day = np.datetime64(date)
    highest = max(error[days == day].item() for error in by_day.values())
    axes.annotate(label, (day, highest), (side, 6), textcoords="offset points")
axes.set(ylabel="vehicles per hour off", ylim=(0, 2150), xlim=(days[0] - 1, days[-1] + 4))
axes.legend(loc="upper center")
worst = {name: days[error.argmax()] for name, error in by_day.items()}
plotting.Picture(fig, "Error of each day of the test. Most days lie between 100 and 300. " + " ".join(f"The worst day of {name} is "
                 f"{day}, with {by_day[name].max():.0f}." for name, day in worst.items()))  # fmt: skip

# %% tags=["claim"] jupyter={"source_hidden": true}
labor, later = (days == np.datetime64(date) for date in ("2018-09-03", "2018-09-10"))
for name in ("attention", "three lags"):
    check.claim(f"On Labor Day, {name} is far better than last week", by_day[name][labor] - 0.7 * by_day["last week"][labor], below=0)
    check.claim("and far worse than on its median day", by_day[name][labor] - 1.8 * np.median(by_day[name]), above=0)
check.claim("A week later a copy is far worse than on its median day", by_day["last week"][later] - 5 * np.median(by_day["last week"]), above=0)
check.claim("The network that was given the lags is worse than on its median day", by_day["three lags"][later]
            - 1.3 * np.median(by_day["three lags"]), above=0)  # fmt: skip
check.claim("but far better than a copy", by_day["three lags"][later] - 0.4 * by_day["last week"][later], below=0)
smallest = table.row("Dense layers on three lags")["model"]
holiday = {name: [source.mean(smallest, week) - source.mean("Encoder-decoder", week) for week in ("week 1", "week 9")]
           for name, source in (("known", table), ("unknown", without))}  # fmt: skip
check.claim("Without calendar and holidays the small network is far behind in both weeks after a holiday", holiday["unknown"], above=50, stored=True)
check.claim("With them it is not", holiday["known"], below=0, stored=True)

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
fig, both = plt.subplots(1, 2, figsize=(9.8, 3.4), layout="constrained", sharey=True)
for axes, date, title in zip(both, ("2018-09-03T00", "2018-09-10T00"), ("Labor Day", "a week later")):
    forecast(axes, int(np.flatnonzero(traffic.test.start == np.datetime64(date))[0]), ["attention", "three lags", "no attention"])
    axes.set(title=title, ylabel=None if axes is both[1] else "vehicles per hour")
both[0].legend(loc="upper left")
far = [", ".join(f"{name} {error[chosen].item():.0f}" for name, error in by_day.items()) for chosen in (labor, later)]
plotting.Picture(fig, "Forecasts made at midnight for Labor Day and for the Monday after it, beside the truth. Vehicles per hour off on Labor Day: "
                 f"{far[0]}; a week later: {far[1]}.")  # fmt: skip

# %% [markdown]
# - **Labor Day** has no morning peak. The networks know that it is a holiday, and still expect a part of it. The training part has 17
#   holidays, and they are of very different kinds: on Columbus Day nearly everybody drives to work, at Christmas few do. The networks
#   know *that* a day is a holiday, not *which*.
# - **A week later** the lag is the holiday, and a copy is as wrong as on the day itself. The small network has learned when not to copy: it is at
#   about twice its median day. (Stop its training early, and it still copies: after 8 epochs at the rate of the others, it is off by
#   about 800. Try it.) A feature made by hand fails where its rule fails; it needs something else to tell when. In the table without
#   calendar and holidays the small network is far behind in both weeks that follow a holiday; with them it is not.
# - **20 September**: it rained, and from 6 in the morning to 8 in the evening mostly hundreds of vehicles fewer per hour came than the
#   week before. At midnight nobody could know.
# - **Gaps.** On 7 and 23 August some hours were not measured (three, and one). No forecast that would have them as targets is scored, so
#   these days have no point. Of an outage in operation you would see the opposite: a past full of made-up numbers. Mark them, with
#   one more feature, if they are frequent.

# %% [markdown]
# <a id="lab"></a>
#
# ## 10 · The lab
#
# Your two networks, over the whole test. Move the forecast origin, ask for the attention of an hour to come, shorten the past,
# or **clamp** an hour of it to a volume that you choose. Things to try:
#
# 1. Find Labor Day (3 September). What does each network forecast at midnight? And at noon of that day? And a week later?
# 2. *Predict*, then do: clamp the last hour before the origin to 0. How far ahead does the forecast change?
# 3. Clamp the same hour of last week instead. Which network cares more?
# 4. Shorten the past to one day. (The networks were trained on seven.) What is lost?
# 5. Find an hour that lies outside its interval. What happened there?

# %% tags=["lab"]
lab = ForecastLab({name: live[name] for name in ("attention", "no attention")}, *known(traffic.test), traffic.test.y["volume"], traffic.test.start)
lab

# %% [markdown]
# <a id="questions"></a>
#
# ## 11 · Optional: questions that people ask
#
# About 2 minutes.
#
# **RepeatVector, or the encoder's state as the start?** Both hand the past to every hour. `RepeatVector` copies $h$ beside each
# hour to come (our *direct* networks); an initial state hands $h$ and $c$ to the first step of the decoder. With the calendar,
# there was no clear difference between them (section 7). `RepeatVector` needs no second LSTM.
#
# **One step many times, or many steps at once?** One step many times is a decoder fed back: it needs its own answers, and
# errors can add up (section 8 measures when). Many steps at once have nothing to feed back.
#
# **Stateful?** `stateful=True` keeps $h$ and $c$ from one batch to the next. Use it to read a series piece by piece.
# Windows that carry their own past, in any order, must *not* share a state. It computes the same function:

# %%
keras.utils.set_random_seed(0)
whole, pieces = layers.LSTM(8), layers.LSTM(8, stateful=True)
series = known(first(traffic.test, 1))[0]  # (1, 168, 12)
whole(series), pieces(series[:, :24])
pieces.set_weights(whole.get_weights())
pieces.reset_state()
for day in np.split(series, 7, axis=1):
    h = pieces(day)  # one day after the other
stateful = np.abs(h - whole(series)).max()

# %% tags=["claim"] jupyter={"source_hidden": true}
check.claim("Seven days, one after the other with stateful=True, end as the whole week at once", stateful, below=1e-5)

# %% [markdown]
# **How must the array look?** (samples, time steps, features). A series of 17,520 hours is not one sample with 17,520 steps, and
# not 17,520 samples with one step (with one step, an LSTM has nothing to remember): cut windows.
#
# <a id="breaks"></a>
#
# ## 12 · Where it breaks
#
# Choose something else, or take care, when
#
# - **the rhythm is known.** Hand over the lags and the calendar; then dense layers are as good as the best hybrid, in seconds.
# - **there is one short series.** The 80 weeks of our training part are few windows, however they overlap.
# - **something happens for the first time.** Nobody forecasts an accident. Watch the error by week, and say where the interval
#   failed.
# - **the world changes.** An interval is as good as the past it was fitted to; measure its coverage anew.
# - **weather to come matters.** Ours knows the weather up to the origin. A weather forecast would be one more column of $u_k$; the
#   weather that *came* would be a leak.
# - **the horizon is long.** A decoder that reads its own answers may drift. Answer all at once, or give each step something to hold on to.
#
# ## 13 · Summary
#
# - **Windows**: split by time, by the targets; the past may reach back. Scale and fill with what was known.
# - **Encoder and decoder**: the state of one LSTM starts another, which goes over the hours to come. *Fed back*, it reads the hour before:
#   the truth in training (teacher forcing), its own answers when it forecasts (free running).
# - **Baselines first**: the same hour last week, a linear regression, boosted trees, a small network on lags. With the calendar, all
#   of the best get the lags, one of the two best has no recurrence, and attention brings no gain.
# - **Hand over what you know**, the calendar and the lags. Then look where that fails, such as a week after a holiday.
# - **Forecast quantiles**, and measure how often the interval holds.
# - **Compare by weeks**, with a standard error: hours, and windows, are not independent.
#
# **Next**: [lesson 08](08_convlstm.ipynb) asks what happens if the memory of the LSTM is an image.
#
# ## Sources
#
# - Sutskever, Vinyals & Le 2014, *Sequence to Sequence Learning with Neural Networks*, NIPS, section 2: [arXiv
#   1409.3215](https://arxiv.org/abs/1409.3215). Bahdanau, Cho & Bengio 2015, *Neural Machine Translation by Jointly Learning to
#   Align and Translate*, ICLR, section 3: [arXiv 1409.0473](https://arxiv.org/abs/1409.0473). (Its score is additive, it asks with the state
#   before the step, and the context enters the decoder. Ours is a scaled dot product after the step, closer to Luong and others.)
# - Williams & Zipser 1989, *A Learning Algorithm for Continually Running Fully Recurrent Neural Networks*, Neural Computation 1(2):
#   teacher forcing: [doi 10.1162/neco.1989.1.2.270](https://doi.org/10.1162/neco.1989.1.2.270). Bengio, Vinyals, Jaitly & Shazeer
#   2015, *Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks*, NIPS, section 2.4: [arXiv
#   1506.03099](https://arxiv.org/abs/1506.03099).
# - Luong, Pham & Manning 2015, *Effective Approaches to Attention-based Neural Machine Translation*, EMNLP, section 3: [arXiv
#   1508.04025](https://arxiv.org/abs/1508.04025). Ranzato, Chopra, Auli & Zaremba 2016, *Sequence Level Training with Recurrent Neural
#   Networks*, ICLR: exposure bias: [arXiv 1511.06732](https://arxiv.org/abs/1511.06732).
# - Zeng, Chen, Zhang & Xu 2023, *Are Transformers Effective for Time Series Forecasting?*, AAAI, section 4: DLinear: [arXiv
#   2205.13504](https://arxiv.org/abs/2205.13504).
# - Wen, Torkkola, Narayanaswamy & Madeka 2017, *A Multi-Horizon Quantile Recurrent Forecaster*, section 3: quantiles, all hours at
#   once, what is known of the hours to come: [arXiv 1711.11053](https://arxiv.org/abs/1711.11053).
# - Grinsztajn, Oyallon & Varoquaux 2022, *Why do tree-based models still outperform deep learning on typical tabular data?*, NeurIPS
#   Datasets and Benchmarks: [arXiv 2207.08815](https://arxiv.org/abs/2207.08815).
# - Bai, Kolter & Koltun 2018, *An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling*,
#   section 3: dilated causal convolutions: [arXiv 1803.01271](https://arxiv.org/abs/1803.01271).
# - Koenker & Bassett 1978, *Regression Quantiles*, Econometrica 46(1): the loss now called pinball: [doi
#   10.2307/1913643](https://doi.org/10.2307/1913643).
# - Holidays: United States Code, title 5, section 6103; Executive Order 11582 of 1971.
# - Data: Hogue 2019, *Metro Interstate Traffic Volume*, UCI Machine Learning Repository ([doi 10.24432/C5X60B](https://doi.org/10.24432/C5X60B)), as shipped by autots; see the [data
#   cards](../data/README.md).
