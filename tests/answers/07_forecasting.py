# ---- 07.1, windows that keep to their part


def cutting(start=lambda past, begin: max(begin, past), stop=lambda ahead, end: end - ahead + 1, gap=0, back=0):
    """The solution as a loop: its first origin, the one after its last, what lies between x and y."""

    def cut(series, past, ahead, begin, end):
        origins = range(start(past, begin), stop(ahead, end))
        x = [series[origin - past - back : origin - back] for origin in origins]
        return np.array(x), np.array([series[origin + gap : origin + gap + ahead, 0] for origin in origins])

    return cut


right("07.1")(cutting())


@right("07.1")
def _(series, past, ahead, begin, end):
    pairs = []
    for first in range(len(series)):
        target = np.arange(first, first + ahead)
        if first >= past and target[0] >= begin and target[-1] < end:
            pairs.append([series[first - past : first], series[target, 0]])
    x, y = zip(*pairs)
    return [list(x), list(y)]


@right("07.1")
def _(series, past, ahead, begin, end):
    first, count = max(begin, past), end - ahead + 1 - max(begin, past)
    seen = np.lib.stride_tricks.sliding_window_view(series, past, axis=0).swapaxes(1, 2)
    told = np.lib.stride_tricks.sliding_window_view(series[:, 0], ahead)
    return seen[first - past :][:count], told[first:][:count]


@right("07.1")
def _(series, past, ahead, begin, end):  # whole windows, then taken apart
    rows = np.arange(len(series) - past - ahead + 1)[:, None] + np.arange(past + ahead)
    rows = rows[(rows[:, past] >= begin) & (rows[:, -1] < end)]
    return series[rows[:, :past]], series[rows[:, past:]][..., 0]


wrong("07.1", "you cut 17 windows, but 18 fit")(cutting(stop=lambda ahead, end: end - ahead))  # the last is missing
wrong("07.1", "a target is hour 40, which is not before the end")(cutting(stop=lambda ahead, end: end - ahead + 2))
wrong("07.1", "a target is hour 41, which is not before the end")(cutting(stop=lambda ahead, end: end))
wrong("07.1", "you cut 13 windows, but 18 fit: one for each hour with enough past, which may reach before")(
    cutting(start=lambda past, begin: begin + past)
)
wrong("07.1", "a target is hour 5, before the part begins")(cutting(start=lambda past, begin: past))
wrong("07.1", "you cut 17 windows, but 18 fit")(cutting(start=lambda past, begin: max(begin, past) + 1))
wrong("07.1", "a target is hour 40")(cutting(gap=1))  # an hour between x and y
wrong("07.1", "the hour right after the last hour of x")(cutting(back=1))
wrong("07.1", "the hour right after the last hour of x")(cutting(back=-1))  # x holds its first target
wrong("07.1", "a target is hour 19, before the part begins")(cutting(gap=-1))
wrong("07.1", "y has the shape (18, 5, 2)")(lambda *given: cutting()(*given)[::-1])


@wrong("07.1", "with 30 hours, past 4, ahead 1, part 2 to 30: you cut 28 windows, but 26 fit")
def _(series, past, ahead, begin, end):  # the past of the first comes from the end of the series
    origins = np.arange(begin, end - ahead + 1)[:, np.newaxis]
    return series[origins + np.arange(-past, 0)], series[origins + np.arange(ahead), 0]


@wrong("07.1", "y has the shape (18, 3, 2)")
def _(series, past, ahead, begin, end):
    origins = np.arange(max(begin, past), end - ahead + 1)[:, np.newaxis]
    return series[origins + np.arange(-past, 0)], series[origins + np.arange(ahead)]


@wrong("07.1", "y should hold feature 0")
def _(series, past, ahead, begin, end):
    origins = np.arange(max(begin, past), end - ahead + 1)[:, np.newaxis]
    return series[origins + np.arange(-past, 0)], series[origins + np.arange(ahead), -1]


@wrong("07.1", "y has the shape (18, 4)")
def _(series, past, ahead, begin, end):
    origins = np.arange(max(begin, past), end - ahead + 1)[:, np.newaxis]
    return series[origins + np.arange(-past, 0)], series[origins + np.arange(ahead + 1), 0]


@wrong("07.1", "x has the shape (18, 5)")
def _(series, past, ahead, begin, end):  # feature 0 alone
    x, y = cutting()(series, past, ahead, begin, end)
    return x[..., 0], y


@wrong("07.1", "x has the shape (18, 2, 5)")
def _(series, past, ahead, begin, end):
    x, y = cutting()(series, past, ahead, begin, end)
    return x.swapaxes(1, 2), y


@wrong("07.1", "the hour right after the last hour of x")
def _(series, past, ahead, begin, end):
    x, y = cutting()(series, past, ahead, begin, end)
    return x[:, ::-1], y


@wrong("07.1", "you cut 6 windows, but 18 fit")
def _(series, past, ahead, begin, end):  # one a day, as it were
    origins = np.arange(max(begin, past), end - ahead + 1, ahead)[:, np.newaxis]
    return series[origins + np.arange(-past, 0)], series[origins + np.arange(ahead), 0]


wrong("07.1", "return two arrays")(lambda *given: cutting()(*given)[0])
wrong("07.1", "right so far; still to fill in: x")(lambda *given: (..., cutting()(*given)[1]))
wrong("07.1", "right so far; still to fill in: y")(lambda *given: (cutting()(*given)[0], ...))
wrong("07.1", "y has the shape (0,)")(lambda *given: ([], []))
wrong("07.1", "x is [array(")(lambda *given: ([part[n % 2 :] for n, part in enumerate(cutting()(*given)[0])], cutting()(*given)[1]))


@wrong("07.1", "x is off by")
def _(series, past, ahead, begin, end):  # scales what it was given, in place, with all hours
    series[:, 1:] = (series[:, 1:] - series[:, 1:].mean(axis=0)) / series[:, 1:].std(axis=0)
    return cutting()(series, past, ahead, begin, end)


@wrong("07.1", "x has the shape (7, 7, 2), but should have (7, 7, 3)")
def _(series, past, ahead, begin, end):  # two features, whatever comes
    return cutting()(series[:, :2], past, ahead, begin, end)


# ---- 07.2, what leaks the future


def forward(series, split):
    """Fill each gap from the hour before."""
    for t in range(1, len(series)):
        if np.isnan(series[t]):
            series[t] = series[t - 1]
    return series


def backward(series, split):
    return forward(series[::-1], split)[::-1]


def a_line(series, split):
    hours, measured = np.arange(len(series)), ~np.isnan(series)
    return np.interp(hours, hours[measured], series[measured])


def with_mean(of):
    """Fill each gap with one number: the mean of some hours."""
    return lambda series, split: np.where(np.isnan(series), np.nanmean(series[of(split)]), series)


def by_training(series, split):
    return (series - np.nanmean(series[:split])) / np.nanstd(series[:split])


def by_all(series, split):
    return (series - np.nanmean(series)) / np.nanstd(series)


def each_by_itself(series, split):
    return np.concatenate([(part - np.nanmean(part)) / np.nanstd(part) for part in (series[:split], series[split:])])


def in_order(origins, split):
    return origins[origins < split], origins[origins >= split]


def shuffled_first(origins, split):
    origins, count = np.random.default_rng(0).permutation(origins), (origins < split).sum()
    return origins[:count], origins[count:]


def preparing(fill=forward, scale=by_training, divide=in_order, ends=0, targets=None):
    """The solution, with one part exchanged."""

    def prepare(series, past, split):
        measured = ~np.isnan(series)
        series = scale(fill(series, split), split)
        origins = np.arange(past, len(series))
        origins = origins[measured[past:] if targets is None else targets(series)[past:]]
        made = []
        for part in divide(origins, split):
            made += [series[part[:, np.newaxis] + np.arange(-past, 0) + ends], series[part]]
        return made

    return prepare


right("07.2")(preparing())
right("07.2")(preparing(fill=with_mean(lambda split: slice(split))))  # of training: computed from training data
right("07.2")(preparing(fill=lambda series, split: series, scale=lambda series, split: forward(by_training(series, split), split)))
right("07.2")(preparing(scale=lambda series, split: (series - np.median(series[:split])) / series[:split].std()))


@right("07.2")
def _(series, past, split):  # scaled as it was measured, then 0, which is the mean of training
    measured = np.isfinite(series)
    seen = series[:split][measured[:split]]
    series = np.nan_to_num((series - seen.mean()) / seen.std(), nan=0.0)
    windows = np.lib.stride_tricks.sliding_window_view(series, past)[:-1]
    x, y, hours = windows[measured[past:]], series[past:][measured[past:]], np.arange(past, len(series))[measured[past:]]
    return x[hours < split], y[hours < split], x[hours >= split], y[hours >= split]


@right("07.2")
def _(series, past, split):
    hours, measured = np.arange(len(series)), ~np.isnan(series)
    series = series[np.maximum.accumulate(np.where(measured, hours, 0))].astype("float32")
    origins = hours[past:][measured[past:]]
    count = (origins < split).sum()
    x, y = series[origins[:, np.newaxis] + np.arange(-past, 0)], series[origins]
    mean, std = y[:count].mean(), y[:count].std()
    x, y = (x - mean) / std, (y - mean) / std
    return x[:count], y[:count], x[count:], y[count:]


@right("07.2")
def _(series, past, split):  # the mean of what was measured up to then
    hours, measured = np.arange(len(series)), ~np.isnan(series)
    for t in hours[~measured]:
        series[t] = series[:t].mean()
    series = (series - series[:split].mean()) / series[:split].std()
    origins = hours[past:][measured[past:]]
    return tuple(
        array
        for part in (origins[origins < split], origins[origins >= split])
        for array in (np.array([series[t - past : t] for t in part]), series[part])
    )


wrong("07.2", "in order of time: what is in the test now?")(preparing(a_line, by_all, shuffled_first))  # as it was found
wrong("07.2", "in order of time: what is in the test now?")(preparing(divide=shuffled_first))
wrong("07.2", "training x changes when hours of the test change")(preparing(scale=by_all))
wrong("07.2", "training x changes when hours of the test change")(preparing(fill=a_line, scale=by_all))
wrong("07.2", "hour 66 was not measured, and what fills it depends on hour 67")(preparing(fill=a_line))
wrong("07.2", "hour 66 was not measured, and what fills it depends on hour 67")(preparing(fill=backward))
wrong("07.2", "training x changes when hours of the test change")(preparing(fill=with_mean(lambda split: slice(None))))
wrong("07.2", "training x changes when hours of the test change")(preparing(fill=with_mean(lambda split: slice(split, None))))
wrong("07.2", "fill its gaps from hours before")(
    preparing(fill=lambda series, split: np.concatenate([np.where(np.isnan(part), np.nanmean(part), part) for part in np.split(series, [split])]))
)
wrong("07.2", "scale the test with the numbers of training")(preparing(scale=each_by_itself))
wrong("07.2", "hour 66 was not measured, and what fills it depends on hour 67")(
    preparing(fill=lambda series, split: np.concatenate([a_line(part, split) for part in np.split(series, [split])]))
)
wrong("07.2", "scaled to mean 0 and standard deviation 1")(preparing(scale=lambda series, split: series))
wrong("07.2", "scaled to mean 0 and standard deviation 1")(preparing(scale=lambda series, split: series - series[:split].mean()))
wrong("07.2", "training x has hours that were not measured: fill them")(preparing(fill=lambda series, split: series))
wrong("07.2", "leave the line marked")(preparing(targets=np.isfinite))
wrong("07.2", "training x is NaN throughout")(
    preparing(lambda series, split: series, lambda series, split: forward(series - series[:split].mean(), split))
)
wrong("07.2", "training y should be the targets before hour 60, in order of time")(
    preparing(divide=lambda origins, split: (np.random.default_rng(0).permutation(origins[origins < split]), origins[origins >= split]))
)
wrong("07.2", "training x should be the 8 hours before each target")(preparing(ends=1))  # the target among them
wrong("07.2", "training x changes when hours of the test change")(preparing(ends=-1))  # series[-1] is the last hour
wrong("07.2", "in order of time: what is in the test now?")(preparing(divide=lambda *given: [part[::-1] for part in in_order(*given)]))
wrong("07.2", "training x has the shape (50, 8), but should have (49, 8)")(
    preparing(divide=lambda origins, split: (origins[origins <= split], origins[origins > split]))
)
wrong("07.2", "training x has the shape (52, 8)")(
    preparing(divide=lambda origins, split: (origins[: split - 8], origins[split - 8 :]))
)
wrong("07.2", "training x has the shape (19, 8)")(preparing(divide=lambda *given: in_order(*given)[::-1]))


@wrong("07.2", "training x has the shape (33, 8)")
def _(series, past, split):  # only windows without a gap
    series = by_training(series, split)
    whole = np.arange(past, len(series))
    whole = whole[[np.isfinite(series[t - past : t + 1]).all() for t in whole]]
    x, y = np.array([series[t - past : t] for t in whole]), series[whole]
    return x[whole < split], y[whole < split], x[whole >= split], y[whole >= split]


@wrong("07.2", "training x has hours that were not measured: fill them")
def _(series, past, split):  # hour 21 gets what hour 20 has, and that is nothing
    def fill(series, split):
        gaps = np.flatnonzero(np.isnan(series))
        series[gaps] = series[gaps - 1]
        return series

    return preparing(fill=fill, scale=by_training)(series, past, split)


@wrong("07.2", "scale the test with the numbers of training")
def _(series, past, split):
    x, y, test_x, test_y = preparing()(series, past, split)
    return x, y, (test_x - test_x.mean()) / test_x.std(), test_y


wrong("07.2", "return four arrays")(lambda *given: preparing()(*given)[:2])


def line_in_training(series, split):
    """A line through the gaps of training; what is filled in later is computed from training alone."""
    hours, measured = np.arange(len(series)), ~np.isnan(series)
    seen = measured & (hours < split)
    return np.where(measured, series, np.interp(hours, hours[seen], series[seen]))


wrong("07.2", "hour 47 was not measured, and what fills it depends on hour 48")(preparing(fill=line_in_training))
wrong("07.2", "hour 47 was not measured, and what fills it depends on hour 48")(
    preparing(fill=lambda series, split: np.concatenate([a_line(series[:split], split), forward(series, split)[split:]]))
)
wrong("07.2", "hour 47 was not measured, and what fills it depends on hour 48")(
    preparing(fill=lambda series, split: np.concatenate([backward(series[:split].copy(), split), forward(series, split)[split:]]))
)


@wrong("07.2", "test x has another scale than training x")
def _(series, past, split):  # the test stays as it was measured
    raw = preparing(scale=lambda series, split: series)(series.copy(), past, split)
    return [*preparing()(series, past, split)[:2], *raw[2:]]


@wrong("07.2", "test y has another scale than training y")
def _(series, past, split):
    raw = preparing(scale=lambda series, split: series)(series.copy(), past, split)
    return [*preparing()(series, past, split)[:3], raw[3]]


@wrong("07.2", "training x should be scaled to mean 0")
def _(series, past, split):  # only the targets are scaled
    raw = preparing(scale=lambda series, split: series)(series.copy(), past, split)
    made = preparing()(series, past, split)
    return raw[0], made[1], raw[2], made[3]


@wrong("07.2", "test x has another scale than training x")
def _(series, past, split):  # nothing in the test at all
    x, y, test_x, test_y = preparing()(series, past, split)
    return x, y, 0 * test_x, 0 * test_y


@wrong("07.2", "test x has another scale than training x")
def _(series, past, split):  # upside down
    x, y, test_x, test_y = preparing()(series, past, split)
    return x, y, -test_x, -test_y


@right("07.2")
def _(series, past, split):  # each column by itself, as scikit-learn's StandardScaler does
    x, y, test_x, test_y = preparing(scale=lambda series, split: series)(series, past, split)
    means, spreads = x.mean(axis=0), x.std(axis=0)
    return (x - means) / spreads, (y - y.mean()) / y.std(), (test_x - means) / spreads, (test_y - y.mean()) / y.std()


# ---- 07.4, truth, own answers, and both


def running(before=None, feature=lambda future, k: future[k], hand_on=True, give=lambda answers: answers, hours=len):
    """The solution, with one part exchanged."""

    def chosen(k, last, truth, is_told, answers):
        return last if k == 0 else truth[k - 1] if is_told[k] else answers[k - 1]

    def run(step, state, last, future, truth, is_told):
        answers = []
        for k in range(hours(future)):
            answer, after = step(feature(future, k), (before or chosen)(k, last, truth, is_told, answers), state)
            state = after if hand_on else state
            answers.append(answer)
        return give(answers)

    return run


right("07.4")(running())
right("07.4")(running(give=np.array))


@right("07.4")
def _(step, state, last, future, truth, is_told):  # decided at the end of each turn, for the next
    answers, before = [], last
    for k, known_of_hour in enumerate(future):
        answer, state = step(known_of_hour, before, state)
        answers.append(answer)
        if k + 1 < len(future):
            before = truth[k] if is_told[k + 1] else answer
    return tuple(answers)


@right("07.4")
def _(step, state, last, future, truth, is_told):
    told, own, answers = [last, *truth[:-1]], last, np.zeros(len(future))
    for k in range(len(future)):
        before = np.where(is_told[k], told[k], own)
        answers[k], state = step(known_of_hour=future[k], before=before, state=state)
        own = answers[k]
    return answers


@right("07.4")
def _(step, state, last, future, truth, is_told):  # as the layer of the lesson mixes them
    def turns():
        nonlocal state
        answer = last
        for known_of_hour, volume, share in zip(future, np.append(last, truth), is_told.astype(float)):
            answer, state = step(known_of_hour, share * volume + (1 - share) * answer, state)
            yield answer

    return list(turns())


wrong("07.4", "all told, k = 0: it is told its own target, truth[0]")(running(lambda k, last, truth, is_told, answers: truth[k]))
wrong("07.4", "all told, k = 1: it is told its own target, truth[1]: tell it the hour *before*")(
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[k] if is_told[k] else answers[k - 1])
)
wrong("07.4", "all told, k = 1: it should read truth[0], 10, and reads 1001")(
    running(lambda k, last, truth, is_told, answers: last if k == 0 else answers[k - 1] if is_told[k] else truth[k - 1])
)
wrong("07.4", "all told, k = 0: it should read the last volume measured, 50, and reads 15")(
    running(lambda k, last, truth, is_told, answers: truth[k - 1] if is_told[k] else answers[k - 1])
)
wrong("07.4", "all told, k = 0: it should read the last volume measured, 50, and reads 0")(
    running(lambda k, last, truth, is_told, answers: 0.0 if k == 0 else truth[k - 1] if is_told[k] else answers[k - 1])
)
wrong("07.4", "all told, k = 2: it should read truth[1], 11, and reads 10")(
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[max(k - 2, 0)] if is_told[k] else answers[k - 1])
)
wrong("07.4", "none told, k = 1: it should read its own answer for hour 0, 1001, and reads 10")(
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[k - 1])  # forced throughout
)
wrong("07.4", "all told, k = 1: it should read truth[0], 10, and reads 1001")(
    running(lambda k, last, truth, is_told, answers: answers[-1] if k else last)  # free throughout
)
wrong("07.4", "some told, k = ")(  # what is said of the hour before
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[k - 1] if is_told[k - 1] else answers[k - 1])
)
wrong("07.4", "some told, k = ")(  # all or nothing
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[k - 1] if is_told.any() else answers[k - 1])
)
wrong("07.4", "none told, k = 2: it should read its own answer for hour 1, 1002, and reads 1001")(
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[k - 1] if is_told[k] else answers[0])
)
wrong("07.4", "all told, k = 1: it should read truth[0], 10, and reads 50")(
    running(lambda k, last, truth, is_told, answers: last)
)
wrong("07.4", "all told, k = 1: the step should get the state that the step before returned")(running(hand_on=False))
wrong("07.4", "all told, k = 0: the step should get future[0]")(running(feature=lambda future, k: future))
wrong("07.4", "all told, k = 0: the step should get future[0]")(running(feature=lambda future, k: future[k - 1]))
wrong("07.4", "all told: the decoder takes 5 steps for 6 hours")(running(hours=lambda future: len(future) - 1))
wrong("07.4", "your code raised IndexError")(running(hours=lambda future: len(future) + 1))
wrong("07.4", "all told: the decoder takes 0 steps for 6 hours")(lambda *given: [])
wrong("07.4", "all told: what you return has the shape ()")(running(give=lambda answers: answers[-1]))
wrong("07.4", "all told: what you return has the shape (5,)")(running(give=lambda answers: answers[1:]))
wrong("07.4", "all told: what you return is ")(running(give=lambda answers: (answers, 13)))
wrong("07.4", "all told, k = 0: still to fill in: before")(running(lambda k, last, truth, is_told, answers: ...))
wrong("07.4", "your code raised IndexError")(
    running(lambda k, last, truth, is_told, answers: last if k == 0 else truth[k - 1] if is_told[k + 1] else answers[k - 1])
)


@wrong("07.4", "all told, k = 1: the step should get the state that the step before returned")
def _(step, state, last, future, truth, is_told):  # the state stays in what step returns
    answers = []
    for k in range(len(future)):
        before = last if k == 0 else truth[k - 1] if is_told[k] else answers[k - 1]
        answers.append(step(future[k], before, state))
    return answers


@wrong("07.4", "none told, k = 1: the hour before should be one number (a step returns two things: answer and state)")
def _(step, state, last, future, truth, is_told):
    given = []
    for k in range(len(future)):
        before = last if k == 0 else truth[k - 1] if is_told[k] else given[k - 1]
        given.append(step(future[k], before, state))
        state = given[-1][1]
    return [answer for answer, _ in given]


@wrong("07.4", "all told, k = 0: the step should get the state that `run` was given")
def _(step, state, last, future, truth, is_told):  # begins anew
    return running()(step, np.zeros(2), last, future, truth, is_told)


@wrong("07.4", "all told, k = 0: the step should get the state that `run` was given")
def _(step, state, last, future, truth, is_told):  # in another order
    return running()(lambda u, before, s: step(u, s, before), state, last, future, truth, is_told)


@wrong("07.4", "all told: the decoder takes 12 steps for 6 hours")
def _(step, state, last, future, truth, is_told):  # a step for the answer, and one for the state
    answers = []
    for k in range(len(future)):
        before = last if k == 0 else truth[k - 1] if is_told[k] else answers[k - 1]
        answers.append(step(future[k], before, state)[0])
        state = step(future[k], before, state)[1]
    return answers


@right("07.4")
def _(step, state, last, future, truth, is_told):  # shifts the truth in place
    truth[1:], truth[0] = truth[:-1].copy(), last
    return running(lambda k, last, truth, is_told, answers: truth[k] if k == 0 or is_told[k] else answers[-1])(
        step, state, last, future, truth, is_told
    )


wrong("07.4", "all told, k = 1: still to fill in: before")(running(lambda k, last, truth, is_told, answers: None if k else last))


# ---- 07.3, how good is an interval


def costs(true, told, levels=QUANTILES):
    off, q = true[..., None] - told, np.array(levels)
    return np.maximum(q * off, (q - 1) * off)


JUDGED = {
    "covered": lambda true, told: ((told[..., 0] <= true) & (true <= told[..., 2])).mean(axis=0),
    "width": lambda true, told: (told[..., 2] - told[..., 0]).mean(axis=0),
    "loss": lambda true, told: costs(true, told).mean(axis=(0, 2)),
}


def judging(**parts):
    """The solution, with some parts exchanged."""
    return lambda true, told: {name: part(true, told) for name, part in (JUDGED | parts).items()}


right("07.3")(judging())
right("07.3")(judging(loss=lambda true, told: np.asarray(pinball(true[..., None], told)).mean(axis=0)))
right("07.3")(judging(covered=lambda true, told: 1 - ((true < told[..., 0]) | (true > told[..., -1])).mean(axis=0)))
right("07.3")(
    judging(
        covered=lambda true, told: ops.mean(ops.cast((told[..., 0] <= true) & (true <= told[..., 2]), "float32"), axis=0),
        width=lambda true, told: np.diff(told[..., ::2]).mean(axis=0)[:, 0],
    )
)


@right("07.3")
def _(true, told):
    windows, hours = true.shape
    covered, width, loss = np.zeros(hours), np.zeros(hours), np.zeros(hours)
    for y, (low, middle, high) in zip(true, np.moveaxis(told, 2, 1)):
        covered += (y >= low) * (y <= high) / windows
        width += (high - low) / windows
        for q, guess in zip(QUANTILES, (low, middle, high)):
            loss += np.where(y > guess, q * (y - guess), (1 - q) * (guess - y)) / windows / 3
    return {"loss": list(loss), "width": list(width), "covered": list(covered)}


wrong("07.3", "the ends are included")(judging(covered=lambda true, told: ((told[..., 0] < true) & (true < told[..., 2])).mean(axis=0)))
wrong("07.3", "the ends are included")(judging(covered=lambda true, told: ((told[..., 0] <= true) & (true < told[..., 2])).mean(axis=0)))
wrong("07.3", "the ends are included")(judging(covered=lambda true, told: ((told[..., 0] < true) & (true <= told[..., 2])).mean(axis=0)))
wrong("07.3", "covered is off by")(judging(covered=lambda true, told: 100 * JUDGED["covered"](true, told)))
wrong("07.3", "covered is off by")(judging(covered=lambda true, told: 1 - JUDGED["covered"](true, told)))
wrong("07.3", "covered is off by")(judging(covered=lambda true, told: (true <= told[..., 2]).mean(axis=0)))
wrong("07.3", "covered is off by")(judging(covered=lambda true, told: len(true) * JUDGED["covered"](true, told)))
wrong("07.3", "covered is off by")(judging(covered=lambda true, told: np.full(true.shape[1], 0.8)))
wrong("07.3", "covered has the shape ()")(judging(covered=lambda true, told: JUDGED["covered"](true, told).mean()))
wrong("07.3", "covered has the shape (50,), but should have (24,)")(
    judging(covered=lambda true, told: ((told[..., 0] <= true) & (true <= told[..., 2])).mean(axis=1))
)
wrong("07.3", "covered has the shape (50, 24)")(judging(covered=lambda true, told: (told[..., 0] <= true) & (true <= told[..., 2])))
wrong("07.3", "width has the shape (50,)")(judging(width=lambda true, told: (told[..., 2] - told[..., 0]).mean(axis=1)))
wrong("07.3", "width is off by")(judging(width=lambda true, told: (told[..., 2] - told[..., 1]).mean(axis=0)))
wrong("07.3", "width is off by")(judging(width=lambda true, told: (told[..., 0] - told[..., 2]).mean(axis=0)))
wrong("07.3", "width is off by")(judging(width=lambda true, told: np.median(told[..., 2] - told[..., 0], axis=0)))
wrong("07.3", "the loss is turned round")(judging(loss=lambda true, told: costs(true, told, QUANTILES[::-1]).mean(axis=(0, 2))))
wrong("07.3", "the loss is turned round")(judging(loss=lambda true, told: costs(-true, -told).mean(axis=(0, 2))))
wrong("07.3", "loss is off by")(judging(loss=lambda true, told: costs(true, told).sum(axis=(0, 2))))
wrong("07.3", "loss is off by")(judging(loss=lambda true, told: costs(true, told).mean(axis=0).sum(axis=-1)))
wrong("07.3", "loss is off by")(judging(loss=lambda true, told: np.abs(true - told[..., 1]).mean(axis=0)))
wrong("07.3", "loss is off by")(judging(loss=lambda true, told: np.abs(true[..., None] - told).mean(axis=(0, 2))))
wrong("07.3", "loss is off by")(judging(loss=lambda true, told: costs(true, told)[..., 1].mean(axis=0)))
wrong("07.3", "loss has the shape (24, 3)")(judging(loss=lambda true, told: costs(true, told).mean(axis=0)))
wrong("07.3", "loss has the shape (3,)")(judging(loss=lambda true, told: costs(true, told).mean(axis=(0, 1))))
wrong("07.3", "loss has the shape ()")(judging(loss=lambda true, told: costs(true, told).mean()))
wrong("07.3", "loss has the shape (50,)")(judging(loss=lambda true, told: costs(true, told).mean(axis=(1, 2))))
wrong("07.3", "your code raised ValueError")(judging(loss=lambda true, told: (true - told).mean(axis=0)))
wrong("07.3", "give a dict with covered, width, loss")(lambda true, told: tuple(judging()(true, told).values()))
wrong("07.3", "right so far; still to fill in: width, loss")(judging(width=lambda *_: ..., loss=lambda *_: ...))


@wrong("07.3", "loss is off by")
def _(true, told):  # the minimum, where the formula has the maximum
    off, q = true[..., None] - told, np.array(QUANTILES)
    return judging()(true, told) | {"loss": np.minimum(q * off, (q - 1) * off).mean(axis=(0, 2))}


@wrong("07.3", "your code raised IndexError")
def _(true, told):  # 24 hours, whatever comes
    return {name: [part(true[:, k : k + 1], told[:, [k]])[0] for k in range(24)] for name, part in JUDGED.items()}


@right("07.3")
def _(true, told):  # subtracts in place
    told -= true[..., np.newaxis]
    return judging()(np.zeros_like(true), told)


@wrong("07.3", "width is off by")
def _(true, told):  # in vehicles, where it was given thousands of them
    true *= 1000
    told *= 1000
    return judging()(true, told)


wrong("07.3", "loss contains NaN")(judging(loss=lambda true, told: np.full(true.shape[1], np.nan)))


# ---- 07.5, score attention against the rhythm


def hits(steps, hours_a_step, by=0, days=None):
    """Which steps contain the same hour: (24, steps); by some hours off, on some of the days."""
    found = np.zeros((24, steps), bool)
    for k in range(24):
        for t in range(steps * hours_a_step):
            if t % 24 == k + by and (days is None or t // 24 in days(steps * hours_a_step // 24)):
                found[k, t // hours_a_step] = True
    return found


def scored(steps=hits, share=None, chance=lambda found: found.mean()):
    """The solution, with one part exchanged."""

    def score(weights, hours_a_step):
        found = steps(weights.shape[-1], hours_a_step)
        share_of = share or (lambda weights, found: (weights * found).sum(axis=-1).mean())
        return share_of(weights, found), chance(found)

    return score


right("07.5")(scored())
right("07.5")(scored(share=lambda weights, found: np.einsum("wks,ks->", weights, found) / weights.shape[0] / 24))
right("07.5")(scored(chance=lambda found: found[0].sum() / found.shape[1]))


@right("07.5")
def _(weights, hours_a_step):  # through days and steps of a day
    hours = weights.shape[1]
    by_day = weights.reshape(len(weights), hours, -1, 24 // hours_a_step).sum(axis=2)
    share = np.mean([by_day[:, k, k // hours_a_step].mean() for k in range(hours)])
    return np.array([share, hours_a_step / 24])


@right("07.5")
def _(weights, hours_a_step):  # counted back from the origin
    found, steps = np.zeros(weights.shape[1:]), weights.shape[-1]
    for k in range(24):
        for ago in range(24 - k, steps * hours_a_step + 1, 24):
            found[k, (steps * hours_a_step - ago) // hours_a_step] = 1
    equal = np.full(weights.shape, 1 / steps)
    return [float((given * found).sum(axis=2).mean()) for given in (weights, equal)]


wrong("07.5", "your hours are one off: hour to come 0 goes with the past hours 0, 24 and so on")(scored(lambda *given: hits(*given, by=1)))
wrong("07.5", "your hours are one off")(scored(lambda *given: hits(*given, by=-1)))
wrong("07.5", "with 42 steps of 4 hours, the share is off by")(scored(lambda *given: hits(*given, days=lambda count: [count - 1])))  # yesterday
wrong("07.5", "with 42 steps of 4 hours, the share is off by")(scored(lambda *given: hits(*given, days=lambda count: [0])))  # last week
wrong("07.5", "with 42 steps of 4 hours, the share is off by")(scored(lambda *given: hits(*given, days=lambda count: range(1, count))))
wrong("07.5", "chance is off by")(scored(chance=lambda found: 1 / found.shape[1]))
wrong("07.5", "chance is off by")(scored(chance=lambda found: 1 / 24))
wrong("07.5", "chance is off by")(scored(chance=lambda found: found.sum() / len(found)))
wrong("07.5", "chance has the shape (24,)")(scored(chance=lambda found: found.mean(axis=1)))
wrong("07.5", "share is off by")(scored(share=lambda weights, found: (weights * found).mean()))
wrong("07.5", "share is off by")(scored(share=lambda weights, found: (weights * found).sum() / len(weights)))
wrong("07.5", "share is off by")(scored(share=lambda weights, found: (weights * found).sum(axis=1).mean()))
wrong("07.5", "share is off by")(scored(share=lambda weights, found: weights[:, found].mean()))
wrong("07.5", "share is off by")(scored(share=lambda weights, found: found[np.arange(24), weights.argmax(axis=-1)].mean()))
wrong("07.5", "share has the shape (5, 24)")(scored(share=lambda weights, found: (weights * found).sum(axis=-1)))
wrong("07.5", "share has the shape (24,)")(scored(share=lambda weights, found: (weights * found).sum(axis=-1).mean(axis=0)))
wrong("07.5", "return two numbers")(lambda *given: scored()(*given)[0])
wrong("07.5", "return two numbers")(lambda *given: dict(zip(("share", "chance"), scored()(*given))))
wrong("07.5", "right so far; still to fill in: chance")(lambda *given: (scored()(*given)[0], ...))
wrong("07.5", "right so far; still to fill in: share")(lambda *given: (..., scored()(*given)[1]))


@wrong("07.5", "with 56 steps of 3 hours, the share is off by")
def _(weights, hours_a_step):  # steps of four hours, whatever comes
    found = np.arange(weights.shape[-1]) % 6 == np.arange(24)[:, np.newaxis] // 4
    return (weights * found).sum(axis=-1).mean(), found.mean()


@wrong("07.5", "the share is off by")
def _(weights, hours_a_step):  # step k for hour k: hours and steps confused
    found = np.arange(weights.shape[-1]) % 24 == np.arange(24)[:, np.newaxis]
    return (weights * found).sum(axis=-1).mean(), found.mean()


@wrong("07.5", "your hours are one off")
def _(weights, hours_a_step):  # hours counted from 1
    steps_of_day = np.arange(weights.shape[-1]) % (24 // hours_a_step)
    found = steps_of_day == np.arange(1, 25)[:, np.newaxis] // hours_a_step
    return (weights * found).sum(axis=-1).mean(), found.mean()


@wrong("07.5", "your hours are one off")
def _(weights, hours_a_step):  # 24 hours before k, 48 before, and one more: t = -1 is the last step
    found = np.zeros(weights.shape[1:])
    for k in range(24):
        for day in range(weights.shape[-1] * hours_a_step // 24):
            found[k, (24 * day + k - 1) // hours_a_step] = 1
    return (weights * found).sum(axis=-1).mean(), found.mean()


@wrong("07.5", "the share is off by")
def _(weights, hours_a_step):  # from the end, as if the origin were hour 24
    found = hits(weights.shape[-1], hours_a_step)[:, ::-1]
    return (weights * found).sum(axis=-1).mean(), found.mean()


@wrong("07.5", "your code raised IndexError")
def _(weights, hours_a_step):  # seven days, whatever comes
    found = np.zeros(weights.shape[1:])
    for k in range(24):
        found[k, (np.arange(7) * 24 + k) // hours_a_step] = 1
    return (weights * found).sum(axis=-1).mean(), found.mean()


@right("07.5")
def _(weights, hours_a_step):  # the same array for the weights and then for equal ones
    found = hits(weights.shape[-1], hours_a_step)
    share = (weights * found).sum(axis=-1).mean()
    weights[...] = 1 / weights.shape[-1]
    return share, (weights * found).sum(axis=-1).mean()


@wrong("07.5", "the share is off by")
def _(weights, hours_a_step):  # in place, and of the last day only
    weights *= hits(weights.shape[-1], hours_a_step, days=lambda count: [count - 1])
    return weights.sum(axis=-1).mean(), hours_a_step / 24


@wrong("07.5", "the share is off by")
def _(weights, hours_a_step):  # made to add up to 1 over the hours to come, not over the steps
    weights /= weights.sum(axis=1, keepdims=True)
    return scored()(weights, hours_a_step)


wrong("07.5", "return two numbers")(lambda *given: np.array(scored()(*given)[0]))
