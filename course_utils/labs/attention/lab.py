"""The attention lab: scrub through a clip, or move an object, and watch where attention goes."""

import dataclasses
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets
import numpy as np

from course_utils.labs.attention import pictures
from course_utils.labs.attention.network import Network, attend
from course_utils.labs.core.arguments import described, each, keyed, named, real_numbers
from course_utils.labs.core.dials import Dial, Several, State, brief, dial
from course_utils.labs.core.drawing import grey, uri
from course_utils.labs.core.lab import Lab, cards, classed, group, remark, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import note

TEMPERATURES = {t: f"{t:g}" for t in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0)}
EXAMPLE = "{'additive': model}"
STYLE = Path(__file__).with_name("lab.css")


class AttentionState(State):
    """What an attention lab is set to. Each lab makes a subclass whose dials fit its networks and clips."""

    version = "att1"
    heads: ClassVar = {}  # of each network by its name in the string

    def __post_init__(self):
        super().__post_init__()
        if self.head > self.heads[self.network]:
            has = "one head" if self.heads[self.network] == 1 else f"{self.heads[self.network]} heads"
            raise ValueError(f"Head cannot be {self.head}: network '{self.network}' has {has}.")

    def turn(self, path, value):
        if path == "network" and self.head > self.heads[value]:
            return replace(self, network=value, head=0)
        return super().turn(path, value)


def state_class(scene, networks, steps, counts):
    """The states of one lab.

    `networks` is key -> (name, network), `counts` says what each scene can be set to.
    """
    heads = {key: network.heads for key, (_, network) in networks.items()}
    names = {key: name for key, (name, _) in networks.items()}
    most = max(heads.values())
    shown = {0: "all heads", **{h: f"head {h}" for h in range(1, most + 1)}}
    step = Dial("A hidden step", tuple(range(1, steps + 1)))
    dials = {
        "scene": dial(scene, "Scene", (scene,)),
        "network": dial(next(iter(names)), "Score", names, shown=names),
        **counts,
        "head": dial(0, "Head", shown if most > 1 else (0,), shown=shown),
        "temperature": dial(1.0, "Temperature", TEMPERATURES, shown=TEMPERATURES, slider=True),
        "uniform": dial(False, "Uniform weights: a plain average", (False, True)),
        "hidden": dial((), "Hidden", kind=Several, number=step, separator=".", once=True),
    }
    return AttentionState.having(dials, heads=heads, spelled=("scene", "network", *counts))


class AttentionLab(Lab):
    """Look where trained attention goes, and meddle with it: temperature, mask, heads, kind of score.

    Give either `clips` (attention over frames) or `scene` (attention over the places of an image).

    Parameters
    ----------
    networks : dict of str to keras.Model
        Trained, with layers named "features" (batch, steps, units), "scores" (batch, steps, heads; before
        the softmax) and "answer" (Dense with softmax). The answer must be that of the heads' weighted sums
        of the features, side by side.
    clips : array (clip, time, height, width, 1), optional
        Each frame is a step.
    labels : array (clip,) of int, optional
        The true class of each clip.
    shown : array (clip, time) of bool, optional
        On which frames the digit truly shows.
    scene : callable, optional
        `scene(row, column, seed)` gives an image (height, width, 1), the place (row, column) of its object in
        pixels, and if you like its class. The steps are the cells of a square grid, row by row.
    classes : sequence of str, optional
        Names of the classes; 0, 1, 2... if left out.

    Raises
    ------
    ValueError
        If networks, clips or scene do not fit together; the message says how to fix it.

    Examples
    --------
    >>> lab = AttentionLab({"additive": model}, clips=data.test.x[:40], labels=y, shown=data.test.shown[:40])
    >>> lab                                  # in a notebook: the lab itself
    >>> lab.state = "att1;scene=frames;network=additive;clip=3;temperature=0.1"
    """

    title = "Attention lab"

    def __init__(self, networks, clips=None, labels=None, shown=None, scene=None, classes=None):
        if (clips is None) == (scene is None) or (scene and not (labels is None and shown is None)):
            raise ValueError(
                "AttentionLab takes either clips, with labels and shown if you like, or a scene, which gives "
                "its class itself"
            )
        self._scene, self._clips = scene, None if clips is None else _clips(clips)
        kind, self._unit = ("places", "cell") if scene else ("frames", "frame")
        sample = self._clips[0] if scene is None else self._first(named("networks", networks, EXAMPLE))
        self._networks = keyed(each("networks", networks, lambda model: Network(model, sample), EXAMPLE))
        _, first = next(iter(self._networks.values()))
        self._steps, self._side = first.steps, round(first.steps**0.5)  # cells in a row
        self._classes, self._labels, self._shown = self._checked(len(first.bias), classes, labels, shown)
        if not scene:
            self._ahead = {key for key, (_, network) in self._networks.items() if network.looks_ahead(sample)}
        self._trace = lru_cache(400)(self._trace)
        self._drawn = lru_cache(40)(self._drawn)
        self.state_class = state_class(kind, self._networks, self._steps, self._counts(sample))
        super().__init__(self.state_class())
        self._lay_out()
        self.state = self.state

    # What is given

    def _first(self, networks):
        """The first image of the scene, as large as the first network takes it."""
        shape = getattr(next(iter(networks.values())), "input_shape", None)
        if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:3]:
            raise ValueError(
                f"networks take {shape}, but a scene needs (batch, height, width, 1): say the size in Input"
            )
        tall, wide = self._size = shape[1:3]
        for place in product((0, tall - 1), (0, wide - 1)):
            self._composed(*place, 0)
        return self._composed(tall // 2, wide // 2, 0)[0]

    def _composed(self, *which):
        """Image, place and perhaps class, as the scene gives them, if that is an image with a place."""
        called = f"scene{which}"
        try:
            image, place, *label = self._scene(*which)
            image, place = np.asarray(image, "float32"), tuple(np.asarray(place, float).tolist())
        except Exception as problem:
            raise ValueError(
                f"{called} fails with {type(problem).__name__}: {problem}. It must take row, column and seed "
                "and give an image, the place (row, column) of its object, and if you like its class"
            ) from problem
        if image.shape != (*self._size, 1) or len(place) != 2:
            raise ValueError(
                f"{called} gives an image of {image.shape} and the place {brief(place)}, but must give "
                f"{(*self._size, 1)} and (row, column), even at the edge: keep the object inside"
            )
        if not (np.isfinite(image).all() and np.isfinite(place).all()):
            raise ValueError(f"{called} gives NaN or infinity in its image or place: fill what is missing")
        return image, place, *label[:1]

    def _checked(self, count, classes, labels, shown):
        """Classes, labels and shown, if they fit to networks of `count` classes and to clips."""
        classes = tuple(map(str, range(count) if classes is None else classes))
        steps = self._clips.shape[1] if self._scene is None else self._side**2
        for name, network in self._networks.values():
            if (network.steps, len(network.bias)) != (steps, len(classes)):
                raise ValueError(
                    f"networks: '{name}' has {network.steps} steps and {len(network.bias)} classes, but must "
                    f"have {steps} (one for each frame, or a square grid) and {len(classes)} (as in classes)"
                )
        if labels is not None:
            clips, given, labels = len(self._clips), labels, real_numbers(labels)
            if labels.shape != (clips,) or not set(labels.tolist()) <= set(range(count)):
                raise ValueError(
                    f"labels is {described(given)}, but must be {clips} whole numbers from 0 to {count - 1}"
                )
        if shown is not None:
            given, shown = shown, real_numbers(shown).astype(bool)
            if shown.shape != self._clips.shape[:2]:
                raise ValueError(
                    f"shown is {described(given)}, but must say of each frame whether the digit shows: "
                    f"{self._clips.shape[:2]}"
                )
        return classes, labels, shown

    def _counts(self, sample):
        """The dials that choose what the networks look at."""
        if self._scene:
            tall, wide, _ = sample.shape
            return {
                "row": dial(tall // 3, "Row", range(tall), slider=True),
                "column": dial(2 * wide // 3, "Column", range(wide), slider=True),
                "seed": dial(0, "Scene", range(1000)),
            }
        n, time = self._clips.shape[:2]
        return {
            "clip": dial(1, "Clip", range(1, n + 1), slider=n > 1),
            "read": dial(time, "Frames read", range(1, time + 1), slider=time > 1),
        }

    # Controls

    def _lay_out(self):
        controls, unit = self.controls, self._unit
        for name in [f.name for f in dataclasses.fields(self.state) if f.name not in ("scene", "hidden")]:
            control = self.add_control(name)
            if name != "uniform":
                control.style.description_width = "84px"
        self._heads = controls["head"].options
        self.hide_top = widgets.Button(description=f"Hide the most attended {unit}")
        self.hide_top.on_click(lambda _: self._hide_top())
        self.show_all = widgets.Button(description="Show all again")
        self.show_all.on_click(lambda _: self._turned("hidden", ()))
        self.hidden_now = widgets.HTML()
        if self._scene:
            self.another = widgets.Button(description="Another scene")
            self.another.on_click(lambda _: self._turned("seed", (self.state.seed + 1) % 1000))
            controls["seed"].layout.flex = "1 1 auto"
            seed = widgets.HBox([controls["seed"], self.another])
            entry = group("other", "Image", "move the object", controls["row"], controls["column"], seed)
        else:
            entry = group("other", "Clip", "scrub through it", controls["clip"], controls["read"])
        ends = f"Scores are divided by it. Low: picks one {unit}. 1: as trained. High: a plain average."
        attention = [controls[name] for name in ("network", "head", "temperature")]
        attention += [widgets.HTML(remark(ends)), controls["uniform"]]
        buttons = classed(widgets.HBox([self.hide_top, self.show_all]), "ca-buttons")
        top = cards(
            "ca-cards",
            entry=entry,
            attention=group("attention", "Attention", "softmax of the scores", *attention),
            mask=group("other", "Mask", f"{unit}s hidden from attention", self.hidden_now, buttons),
        )
        self.picture, self.below, self.remarks = (widgets.HTML() for _ in range(3))
        self.toggles, film = [], [self.picture]
        if not self._scene:
            self.toggles = [self._toggle(step) for step in range(1, self._steps + 1)]
            columns = {"grid_template_columns": f"repeat({self._steps}, minmax(0, 1fr))"}
            word = classed(widgets.HTML("hide"), "ca-word")
            row = classed(widgets.GridBox([word, *self.toggles], layout=columns), "ca-hide")
            film += [row, self.below]
        self.film = classed(widgets.VBox(film), "cl-picture", "ca-picture")
        parts = [style(STYLE), self.mark, top, self.film, self.remarks, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def _toggle(self, step):
        """A box under a frame that hides it."""
        words = f'<span class="cl-sr">Hide frame {step}</span>'
        toggle = widgets.Checkbox(indent=False, description=words, description_allow_html=True)
        toggle.observe(lambda _: self._turned("hidden", self._switched(step)), "value")
        return toggle

    def _hide_top(self):
        with LOCK:
            if self._seen and self._seen.strongest:
                self._turned("hidden", self._switched(self._seen.strongest[0] + 1))

    def _switched(self, step):
        """The hidden steps with this one among them if it was not, and the other way round."""
        return tuple({*self.state.hidden} ^ {step})

    def mirror(self):
        state = self.state
        _, network = self._networks[state.network]
        head = self.controls["head"]
        offered = self._heads[: network.heads + 1]
        if head.options != offered:
            head.options = offered
        head.layout.display = None if network.heads > 1 else "none"
        super().mirror()
        for step, toggle in enumerate(self.toggles, 1):
            toggle.value = step in state.hidden
        hidden = ", ".join(map(str, state.hidden))
        if self._scene:
            cells = (divmod(step - 1, self._side) for step in state.hidden)
            hidden = "; ".join(f"cell row {row + 1}, column {column + 1}" for row, column in cells)
        self.hidden_now.value = remark(f"Hidden: {hidden}." if hidden else "Nothing is hidden.")
        self.show_all.disabled = not hidden

    # Picture

    def _trace(self, key, *which):
        name, network = self._networks[key]
        x = self._drawn(*which)[0]
        return each("networks", {name: network}, lambda network: network.trace(x), EXAMPLE)[name]

    def _drawn(self, *which):
        """(input, images to show, place of the object, its class) of a clip, or of a scene."""
        if self._scene:
            image, place, *label = self._composed(*which)
            if label and label[0] not in range(len(self._classes)):
                raise ValueError(
                    f"its class is {brief(label[0])}, but there are 0 to {len(self._classes) - 1}"
                )
            return image, (uri(grey(_stretched(image))),), place, int(label[0]) if label else None
        number = which[0] - 1
        clip, truth = self._clips[number], None if self._labels is None else int(self._labels[number])
        return clip, tuple(uri(grey(frame)) for frame in _stretched(clip)), None, truth

    def seen(self):
        """What attention does now: weights (steps, heads), answers before and after, and their measures."""
        state = self.state
        name, network = self._networks[state.network]
        which = (state.row, state.column, state.seed) if self._scene else (state.clip,)
        features, scores, before = self._trace(state.network, *which)
        entry, images, place, truth = self._drawn(*which)
        hidden, steps = tuple(step - 1 for step in state.hidden), np.arange(self._steps)
        visible = ~np.isin(steps, hidden) & (steps < (self._steps if self._scene else state.read))
        weights = attend(scores, state.temperature, visible, state.uniform)
        common = {
            "name": name, "weights": weights, "visible": visible, "before": before,
            "after": network.answer(features, weights) if visible.any() else None,
            "classes": self._classes, "truth": truth, "head": state.head, "images": images,
            "temperature": state.temperature, "uniform": state.uniform, "hidden": hidden,
        }  # fmt: skip
        if self._scene:
            return pictures.Places(where=f"scene {state.seed}", shape=entry.shape[:2], place=place, **common)
        shown = None if self._shown is None else self._shown[state.clip - 1]
        return pictures.Frames(where=f"clip {state.clip}", read=state.read, shown=shown, **common)

    def show(self):
        self._seen = None
        try:
            seen = self._seen = self.seen()
        except Exception as problem:  # the scene is somebody else's code: the learner reads it here
            self.picture.value = self.below.value = ""
            words = f"This {'scene' if self._scene else 'clip'} cannot be shown: {problem}"
            self.remarks.value = note("broken", words, "✕ No picture.")
            return
        self.picture.value, self.below.value = pictures.draw(seen)
        notes = pictures.notes(seen)
        if not self._scene and self.state.read < self._steps and self.state.network in self._ahead:
            words = (
                "This network scores a frame with those after it in mind: the cut comes after its look ahead."
            )
            notes.append(("warning", "▲ Watch out.", words))
        self.remarks.value = "".join(note(level, words, title) for level, title, words in notes)
        self.mark.value = self.tag()

    @property
    def alt(self):
        """What the lab shows, without any trained number: those differ from machine to machine."""
        dials = "Dials set the kind of score, the temperature of the softmax and a mask"
        if self._scene:
            cells = f"{self._side} by {self._side} cells"
            return (
                f"An image with the attention weights of {cells} laid over it, its centre and the object "
                f"marked; beside it the answer and the distance. {dials} and move the object."
            )
        return (
            f"A film strip of {self._steps} frames with a bar of attention weight under each; below it the "
            f"answer as the network is and as it is set, and the weights in numbers. {dials} and "
            "scrub through the clip."
        )


def _clips(given):
    clips = real_numbers(given)
    if clips.ndim != 5 or not clips.size:
        raise ValueError(f"clips is {described(given)}, but must be (clip, time, height, width, 1)")
    if not np.isfinite(clips).all():
        clip, frame, *_ = np.argwhere(~np.isfinite(clips))[0]
        raise ValueError(f"clips[{clip}, {frame}] holds NaN or infinity: leave this clip out, or fill it")
    return clips


def _stretched(values):
    """Grey values as they are shown: as they are where they fit 0 to 1, otherwise stretched to it."""
    low, high = float(values.min()), float(values.max())
    return values if low >= 0 and high <= 1 else (values - low) / max(high - low, 1e-9)
