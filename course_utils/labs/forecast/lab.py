"""The forecast lab: choose from when and from what a network forecasts, and change an hour of its past."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.labs.core.arguments import described, each, keyed, real_numbers
from course_utils.labs.core.dials import State, brief, dial
from course_utils.labs.core.lab import Lab, cards, classed, group, remark, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.forecast import pictures
from course_utils.labs.forecast.network import DAY, Forecast, Network, clamped
from course_utils.labs.forecast.pictures import clock, day, vehicles, when

STEP = 10  # vehicles by which an arrow key changes a volume
EXAMPLE = "{'CNN+LSTM': model}"
STYLE = Path(__file__).with_name("lab.css")


class ForecastState(State):
    """What a forecast lab is set to. Each lab makes a subclass whose dials fit its networks and windows."""

    version = "for1"
    spelled: ClassVar = ("network", "origin")

    def __post_init__(self):
        super().__post_init__()
        if self.hour > self.horizon:
            raise ValueError(f"Hour cannot be {self.hour}: the horizon is {self.horizon}.")

    def turn(self, path, value):
        if path == "horizon":
            return replace(self, horizon=value, hour=min(self.hour, value))
        return super().turn(path, value)


def state_class(networks, windows, hours, ahead, most):
    """The states of one lab; `networks` is key -> (name, network), `most` the largest volume, in vehicles."""
    names = {key: name for key, (name, _) in networks.items()}
    given = {h: f"{h} h" for h in range(DAY, hours + 1, DAY)}
    dials = {
        "network": dial(next(iter(names)), "Network", names, shown=names),
        "origin": dial(1, "Forecast origin", range(1, windows + 1), slider=True),
        "horizon": dial(ahead, "Horizon", range(1, ahead + 1), slider=True),
        "hour": dial(1, "Hour to come", range(1, ahead + 1), slider=True),
        "window": dial(hours, "Past window", given, shown=given, slider=len(given) > 1),
        "ago": dial(0, "Hours ago", range(hours + 1), slider=True),
        "volume": dial(0, "Its volume", range(most + 1), slider=True),
    }
    return ForecastState.having(dials)


class ForecastLab(Lab):
    """Watch trained networks forecast from any hour, and change what they are told of the past.

    Parameters
    ----------
    networks : dict of str to keras.Model
        Trained. Each takes [past (batch, hours, features), future (batch, ahead, features)], with any number
        of past hours, and answers (batch, ahead, 1), or (batch, ahead, 3) with the quantiles 0.1, 0.5 and
        0.9. If it has a layer named "weights" that gives (batch, ahead, steps), a softmax over steps of whole
        hours, the lab shows it as attention.
    past : array (window, hours, features)
        Hours gone by, a multiple of 24; feature 0 is the volume in thousands of vehicles per hour.
    future : array (window, ahead, features)
        What is known of the hours to come.
    truth : array (window, ahead)
        The volume that came.
    start : array (window,) of datetime64
        The first hour to come of each window, in order of time; some can be missing.

    Raises
    ------
    ValueError
        If networks and arrays do not fit together; the message says how to fix it.

    Notes
    -----
    Attention says where the network looked, not what made the forecast: through the encoder's LSTM, a step
    knows of all hours before it, too. What one hour makes of the forecast shows when it is clamped.

    Examples
    --------
    >>> test = datasets.traffic(days=7, ahead=24).test
    >>> lab = ForecastLab({"CNN+LSTM": model}, test.x, test.future, test.y["volume"], test.start)
    >>> lab                                  # in a notebook: the lab itself
    >>> lab.state = "for1;network=cnn-lstm;origin=900;horizon=6;hour=3;ago=168;volume=500"
    """

    title = "Forecast lab"

    def __init__(self, networks, past, future, truth, start):
        self._past_hours = _numbers("past", past, ("windows", "hours", "features"))
        windows, hours, _ = self._past_hours.shape
        volumes = self._past_hours[..., 0]
        if hours % DAY:
            raise ValueError(f"past has {hours} hours, but must have a multiple of {DAY}: whole days")
        if volumes.min() < 0 or volumes.max() > 100:
            raise ValueError(
                f"past has volumes (feature 0) from {volumes.min():g} to {volumes.max():g}, but they must be "
                "thousands of vehicles per hour, from 0 to 100: leave them unscaled, and scale in the network"
            )
        self._future_hours = _numbers("future", future, (windows, "ahead", "features"))
        self._truth = _numbers("truth", truth, (windows, self._future_hours.shape[1]))
        self._starts = _times(start, windows)
        sample = self._past_hours[0], self._future_hours[0]
        self._networks = keyed(each("networks", networks, lambda model: Network(model, *sample), EXAMPLE))
        ahead, most = self._truth.shape[1], max(round(1000 * float(volumes.max())), 1)
        self.state_class = state_class(self._networks, windows, hours, ahead, most)
        self._run = lru_cache(400)(self._run)
        super().__init__(self.state_class())
        self._lay_out()
        self.state = self.state

    # Controls

    def _lay_out(self):
        controls = self.controls
        for name in ("network", "horizon", "hour", "window", "ago", "volume", "origin"):
            self.add_control(name).style.description_width = "104px"
        controls["volume"].step = STEP
        self.there, self.when, self.remarks = (widgets.HTML() for _ in range(3))
        self.restore = widgets.Button(description="Restore it")
        self.restore.on_click(lambda _: self._turned("ago", 0))
        self.earlier, self.later = (
            widgets.Button(description=f"A day {word}") for word in ("earlier", "later")
        )
        self.earlier.on_click(lambda _: self._move(-1))
        self.later.on_click(lambda _: self._move(1))
        look = "The network always forecasts all hours; the horizon says how many are drawn and scored."
        entry = [controls[name] for name in ("network", "horizon", "hour")]
        change = [controls[name] for name in ("window", "ago", "volume")]
        dials = cards(
            "cf-cards",
            entry=group("lstm", "Forecast", "what is looked at", *entry, widgets.HTML(remark(look))),
            clamp=group("other", "Past", "shorten it, clamp an hour", *change, self.there, self.restore),
        )
        parts = [controls["origin"], classed(self.when, "cf-when"), self.earlier, self.later]
        time = classed(widgets.HBox(parts), "cf-time")
        self.picture, self.below = (classed(widgets.HTML(), "cl-picture") for _ in range(2))
        drawn = widgets.VBox([self.picture, self.below])
        screen = cards("cf-screen", dials=dials, time=time, pictures=drawn, notes=self.remarks)
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def _beyond(self, days):
        """The window that begins some days later (or earlier), or next beyond; None if there is none."""
        there = self._starts[self.state.origin - 1] + days * DAY
        at = int(np.searchsorted(self._starts, there, "left" if days > 0 else "right")) - (days < 0)
        return at + 1 if 0 <= at < len(self._starts) else None

    def _move(self, days):
        with LOCK:
            if (there := self._beyond(days)) is not None:
                self._turned("origin", there)

    def mirror(self):
        state, start = self.state, self._starts[self.state.origin - 1]
        self.controls["hour"].max = state.horizon
        super().mirror()
        self.controls["volume"].disabled = self.restore.disabled = not state.ago
        self.earlier.disabled, self.later.disabled = (self._beyond(days) is None for days in (-1, 1))
        self.when.value = f"{day(start)} {start.astype(object).year}, {clock(start)}"
        there = "0 hours ago: nothing is clamped."
        if state.ago:
            real = self._past_hours[state.origin - 1, -state.ago, 0]
            there = f"{when(start - state.ago)}: really {vehicles(real)} vehicles. Page keys go faster."
        self.there.value = remark(there)

    # Picture

    def _run(self, key, origin, window, ago, volume):
        """Forecasts without and with the clamp, and the attention with it."""
        name, network = self._networks[key]
        past = self._past_hours[origin - 1, -window:]
        pasts = [past, clamped(past, ago, volume / 1000)] if 0 < ago <= window else [past]
        future = self._future_hours[origin - 1]
        made = each("networks", {name: network}, lambda one: one.run(np.stack(pasts), future), EXAMPLE)
        answers, weights = made[name]
        return answers[0], answers[-1], None if weights is None else weights[-1]

    def seen(self):
        """The forecast as it is set, and what it is compared with."""
        state, at = self.state, self.state.origin - 1
        before, after, weights = self._run(state.network, state.origin, state.window, state.ago, state.volume)
        return Forecast(
            self._networks[state.network][0], self._starts[at], self._past_hours[at, :, 0], self._truth[at],
            before, after, weights, state.window, state.horizon, state.hour, state.ago, state.volume / 1000,
        )  # fmt: skip

    def show(self):
        self.show_seen(pictures, "window")

    @property
    def alt(self):
        """What the lab shows, without any trained number: those differ from machine to machine."""
        return (
            "A week of hourly traffic with bars of attention below it; then the hours to come: what came, "
            "the forecast with its interval, the same hour last week and yesterday, and their mean errors. "
            "Dials choose network, forecast origin and horizon, shorten the past and clamp one of its hours."
        )


def _numbers(argument, given, shape):
    """The given array, if it has this shape (numbers, or words for any) and no hole."""
    array = real_numbers(given).astype("float32")
    pairs = zip(shape, array.shape)
    fits = array.ndim == len(shape) and all(isinstance(want, str) or want == have for want, have in pairs)
    if not array.size or not fits:
        wanted = ", ".join(map(str, shape))
        raise ValueError(f"{argument} is {described(given)}, but must be an array ({wanted})")
    if not np.isfinite(array).all():
        where = ", ".join(map(str, np.argwhere(~np.isfinite(array))[0]))
        raise ValueError(f"{argument}[{where}] is NaN or infinite: leave this window out, or fill it")
    return array


def _times(given, windows):
    """The first hours to come, if there is one for each window and they are in order."""
    try:
        times = np.asarray(given)
    except ValueError:  # rows of unequal length
        times = np.zeros(0)
    if times.dtype.kind != "M" or times.shape != (windows,) or np.isnat(times).any():
        what = f"{times.dtype} of shape {times.shape}" if isinstance(given, np.ndarray) else brief(given)
        raise ValueError(
            f"start is {what}, but must be an array of {windows} times (datetime64, no NaT), one a window"
        )
    times = times.astype("datetime64[h]")
    late = np.flatnonzero(np.diff(times) <= np.timedelta64(0, "h"))
    if len(late):
        at = int(late[0])
        raise ValueError(
            f"start[{at + 1}] is {times[at + 1]}, not after start[{at}], {times[at]}: sort all by start"
        )
    return times
