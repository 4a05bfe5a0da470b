"""The rollout lab: compose a clip, and watch networks predict it, from true frames and from their own."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.datasets.clips import MOTIONS, behind_bar
from course_utils.labs.core.arguments import described, each, keyed, named, real_numbers
from course_utils.labs.core.dials import State, dial
from course_utils.labs.core.lab import Lab, cards, classed, group, remark, style
from course_utils.labs.rollout import pictures
from course_utils.labs.rollout.network import FASTEST, GATES, Network, Rollout, compose, edited

EXAMPLE = "{'ConvLSTM': model}"
STYLE = Path(__file__).with_name("lab.css")
GIVEN, AHEAD = range(2, 9), range(1, 11)
WALLS = {"bounce": "it bounces off them", "wrap": "none: out right, in left"}
PARTS = {"h": "hidden state", "c": "cell state"}
EDITS = {
    "trained": "as trained",
    "none": "all taps zero: no look back",
    "centre": "only the centre tap",
    "right": "shifted one pixel right",
    "left": "shifted one pixel left",
    "up": "shifted one pixel up",
    "down": "shifted one pixel down",
}
EDITED_IN = {"all": "all gates", **{gate: f"{gate} gate" for gate in GATES}, "candidate": "candidate"}
CLIP = ("digit", "second", "direction", "speed", "row", "column", "walls", "bar")
ROLLOUT = ("network", "given", "ahead")
MEMORY = ("part", "channel", "edit", "gate", "alone")  # dials for networks with a memory


class RolloutState(State):
    """What a rollout lab is set to. Each lab makes a subclass whose dials fit its networks and images."""

    version = "rol1"
    spelled: ClassVar = ("network", "digit")
    decides: ClassVar = ("given", "ahead")
    channels: ClassVar = {}  # of each network by its name in the string; 0 without memory

    def __post_init__(self):
        super().__post_init__()
        if self.step > self.given + self.ahead:
            raise ValueError(f"Step cannot be {self.step}: there are {self.given + self.ahead} frames.")
        if self.channel > (self.channels[self.network] or self.channel):
            has = pictures.plural(self.channels[self.network], "channel")
            raise ValueError(f"Channel cannot be {self.channel}: network '{self.network}' has {has}.")

    @classmethod
    def default(cls, given=5, ahead=7):
        return cls(given=given, ahead=ahead, step=min(9, given + ahead))

    def turn(self, path, value):
        if path in ("given", "ahead"):
            other = self.ahead if path == "given" else self.given
            return replace(self, **{path: value, "step": min(self.step, value + other)})
        if path == "network":
            channel = min(self.channel, self.channels[value] or self.channel)
            return replace(self, network=value, channel=channel)
        return super().turn(path, value)


def state_class(networks, count, room):
    """The states of one lab; `networks` is key -> (name, network), `room` the last start row and column."""
    names = {key: name for key, (name, _) in networks.items()}
    channels = {key: network.channels for key, (_, network) in networks.items()}
    shown = {"none": "none", **{n: f"image {n}" for n in range(count)}}
    most = max(*channels.values(), 1)
    dials = {
        "network": dial(next(iter(names)), "Network", names, shown=names),
        "digit": dial(0, "Digit", range(count), shown=shown),
        "second": dial("none", "Second digit", shown, shown=shown),
        "direction": dial("down right", "Direction", MOTIONS),
        "speed": dial(2, "Speed", range(1, FASTEST + 1), slider=True),
        "row": dial(room[0] // 3, "Start row", range(room[0] + 1), slider=True),
        "column": dial(room[1] // 2, "Start column", range(room[1] + 1), slider=True),
        "walls": dial("bounce", "Walls", WALLS, shown=WALLS),
        "bar": dial(False, "A grey bar in front", (False, True)),
        "given": dial(5, "Frames given", GIVEN, slider=True),
        "ahead": dial(7, "Frames to come", AHEAD, slider=True),
        "step": dial(9, "Frame looked at", range(1, GIVEN[-1] + AHEAD[-1] + 1), slider=True),
        "part": dial("h", "Shown", PARTS, shown=PARTS),
        "channel": dial(1, "Channel", range(1, most + 1), slider=True),
        "edit": dial("trained", "Recurrent kernel", EDITS, shown=EDITS),
        "gate": dial("all", "Edited in", EDITED_IN, shown=EDITED_IN),
        "alone": dial(False, "Edit the shown channel alone", (False, True)),
    }
    return RolloutState.having(dials, channels=channels)


class RolloutLab(Lab):
    """Watch networks predict a clip frame by frame, first from true frames, then from their own predictions.

    Parameters
    ----------
    networks : dict of str to keras.Model
        Trained. Each takes clips (batch, time, size, size, 1) with any number of frames and gives the next
        frame at every step, in the same shape. If it has a `ConvLSTM2D` layer named "memory" (with
        return_sequences, "same" padding and stride 1), and all layers but those of this kind treat each frame
        alone, the lab shows its states h and c, and can change its recurrent kernel.
    images : array (digit, height, width)
        Handwritten digits from 0 to 1, at least two, and 3 pixels smaller than the frames or more. The lab
        composes its clips of them; in the order 0 to 9, digit and number of an image are the same.

    Raises
    ------
    ValueError
        If networks and images do not fit together; the message says how to fix it.

    Notes
    -----
    The rival "shift" moves the last given frame on, by the step that best takes the frame before to it. It
    knows nothing of walls; without walls, what leaves comes in on the other side.

    Examples
    --------
    >>> lab = RolloutLab({"ConvLSTM": model}, images)       # images (10, 12, 12), for frames of 24x24
    >>> lab                                  # in a notebook: the lab itself
    >>> lab.state = "rol1;network=convlstm;digit=3;given=5;ahead=7;step=10;edit=centre"
    """

    title = "Rollout lab"

    def __init__(self, networks, images):
        self._size = _size(named("networks", networks, EXAMPLE))
        self._images = _images(images, self._size)
        room = [self._size - side for side in self._images.shape[1:]]
        start = [most // 2 for most in room]
        sample = compose(self._images[:1], False, "right", 1, start, "bounce", 6, self._size, False)
        made = each("networks", networks, lambda model: Network(model, sample), EXAMPLE)
        self._networks = keyed(made)
        self._clip, self._run = lru_cache(100)(self._clip), lru_cache(100)(self._run)
        self.state_class = state_class(self._networks, len(self._images), room)
        super().__init__(self.state_class())
        self._lay_out()
        self.state = self.state

    # Controls

    def _lay_out(self):
        controls = self.controls
        for name in (*CLIP, *ROLLOUT, *MEMORY, "step"):
            if hasattr((control := self.add_control(name)).style, "description_width"):
                control.style.description_width = "118px"
        self.taps, self.remarks = classed(widgets.HTML(), "cl-picture"), widgets.HTML()
        clip, entry, inside = ([controls[name] for name in names] for names in (CLIP, ROLLOUT, MEMORY))
        self.memory = group("lstm", "Memory", "look inside, change it", *inside, self.taps)
        dials = cards(
            "cr-cards",
            clip=group("other", "Clip", "what moves", *clip),
            rollout=group("cnn", "Rollout", "what the network gets", *entry),
            memory=self.memory,
        )
        self.picture, self.below = (classed(widgets.HTML(), "cl-picture") for _ in range(2))
        time = classed(widgets.VBox([controls["step"]]), "cr-time")
        drawn = classed(widgets.VBox([self.picture, self.below]), "cr-drawn")
        screen = cards("cr-screen", dials=dials, time=time, pictures=drawn, notes=self.remarks)
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def mirror(self):
        state, (_, network) = self.state, self._networks[self.state.network]
        self.controls["step"].max = state.given + state.ahead
        if network.channels and self.controls["channel"].max != network.channels:
            self.controls["channel"].max = network.channels
        for widget in (self.memory, *(self.controls[name] for name in MEMORY)):
            widget.layout.display = None if network.channels else "none"
        super().mirror()
        self.taps.value = ""
        if network.channels:
            kernel = edited(network.kernel, *self._edit)
            part = kernel.reshape(*kernel.shape[:3], len(GATES), -1)[..., state.channel - 1]
            drawn = pictures.taps(part, f"channel {state.channel}, {self._edit_words()}")
            say = "What the gates of this channel see of h around a pixel: mean size of weights, tap by tap."
            self.taps.value = f'<div class="cr-taps">{drawn}{remark(say)}</div>'

    # Picture

    @property
    def _edit(self):
        """What is done to the recurrent kernel, as `edited` takes it."""
        return self.state.edit, self.state.gate, self.state.channel - 1 if self.state.alone else None

    def _edit_words(self):
        state = self.state
        if state.edit == "trained":
            return EDITS[state.edit]
        gate = "" if state.gate == "all" else f", {EDITED_IN[state.gate]} alone"
        return f"{EDITS[state.edit]}{gate}{f', channel {state.channel} alone' * state.alone}"

    def _clip(self, digit, second, *which):
        numbers = [digit] if second == "none" else [digit, second]
        return compose(self._images[numbers], second != "none", *which)

    def _run(self, key, clip, given, *edit):
        """What a network makes of a clip, with its kernel as trained or with an edit."""
        name, network = self._networks[key]
        kernel = edited(network.kernel, *edit) if edit else None
        run = lambda one: one.run(self._clip(*clip), given, kernel)  # noqa: E731
        return each("networks", {name: network}, run, EXAMPLE)[name]

    def seen(self):
        """The clip as it is set, and what the network makes of it."""
        state = self.state
        name, network = self._networks[state.network]
        count, start = state.given + state.ahead, (state.row, state.column)
        clip = (state.digit, state.second, state.direction, state.speed, start, state.walls)
        clip = (*clip, count, self._size, state.bar)
        changed = network.channels and state.edit != "trained"
        edit = self._edit if changed else ()
        single, _ = self._run(state.network, clip, count, *edit)
        free, states = self._run(state.network, clip, state.given, *edit)
        trained = self._run(state.network, clip, state.given)[0] if changed else None
        held = None if states is None else states["hc".index(state.part), ..., state.channel - 1]
        return Rollout(
            name, self._scene(), self._clip(*clip)[..., 0], single, free, trained, held, state.given,
            state.step, wrap=state.walls == "wrap", hidden=behind_bar(self._size) if state.bar else None,
            digits=1 + (state.second != "none"), held=f"{PARTS[state.part]}, channel {state.channel}",
            edit=self._edit_words() if changed else "", ahead=network.ahead, mixes=network.mixes,
        )  # fmt: skip

    def _scene(self):
        """What moves and where, in words."""
        state = self.state
        what = f"image {state.digit}" + ("" if state.second == "none" else f" and image {state.second}")
        from_where = f"from row {state.row}, column {state.column}"
        way = f"{state.direction} by {pictures.plural(state.speed, 'pixel')} a frame"
        ends = "bounces" if state.walls == "bounce" else "no walls"
        return f"{what} {from_where}, {way}, {ends}{', bar' * state.bar}"

    def show(self):
        self.show_seen(pictures, "clip")

    @property
    def alt(self):
        """What the lab shows, without any trained number: those differ from machine to machine."""
        return (
            "Rows of frames over time: the true clip of a moving digit; each frame as predicted from true "
            "frames; predictions from given frames and then from the network's own ones; the last frame "
            "shifted and copied; one channel of the memory. Below, the error of each frame. Dials choose "
            "network and clip, what is given and what comes, and change the memory's recurrent kernel."
        )


def _size(networks):
    """Height and width of the frames, as the first network takes them."""
    name, model = next(iter(networks.items()))
    shape = getattr(model, "input_shape", None)
    if (
        not isinstance(shape, tuple)
        or len(shape) != 5
        or shape[2] is None
        or shape[2:] != (shape[2], shape[2], 1)
    ):
        raise ValueError(
            f"networks: '{name}' takes {shape}, but must take square clips (batch, time, size, size, 1): say "
            "their size, as in keras.Input((None, 24, 24, 1))"
        )
    return shape[2]


def _images(given, size):
    """The digits, if these are at least two images that have room in frames of this size."""
    array = real_numbers(given).astype("float32")
    if array.ndim != 3 or len(array) < 2 or not array.size:
        raise ValueError(
            f"images is {described(given)}, but must be an array (digit, height, width), two or more"
        )
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise ValueError(
            f"images is {described(given)}, but must be numbers from 0 to 1: divide bytes by 255"
        )
    most = size - FASTEST
    if max(array.shape[1:]) > most:
        raise ValueError(
            f"images has digits of {array.shape[1]}x{array.shape[2]} pixels, but in frames of {size}x{size} "
            f"those of at most {most}x{most} have room to move: make them smaller"
        )
    return array
