"""The folder lab: a folder of clips, looked at before anything is trained."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import ipywidgets as widgets

from course_utils.datasets.base import SPLITS, DataError
from course_utils.labs.core.arguments import keyed
from course_utils.labs.core.dials import State, dial
from course_utils.labs.core.lab import Lab, cards, classed, group, style
from course_utils.labs.core.lock import LOCK
from course_utils.labs.core.notes import Note, note
from course_utils.labs.folder import pictures
from course_utils.labs.folder.reading import Folder

UNREADABLE = (ValueError, DataError, OSError)  # what reading and dividing a folder may raise
STYLE = Path(__file__).with_name("lab.css")
FRAMES, SIZES = (4, 8, 16, 32), ("16x16", "32x32", "48x48", "64x64")
LOOK, READ, SPLIT = ("part", "label", "clip"), ("frames", "size", "fit", "channels"), ("groups", "seed")
FIT = {"pad": "pad: black beside it", "crop": "crop: its middle"}
COLOUR = {1: "1 (grey)", 3: "3 (colour)"}


class FolderState(State):
    """What a folder lab is set to. Each folder makes a subclass whose dials fit its classes."""

    version = "fol1"
    spelled: ClassVar = LOOK
    folder: ClassVar = None
    ways: ClassVar = {}  # to divide, in words
    names: ClassVar = {}  # of the classes, each by its name in the string; the first is all of them

    def __post_init__(self):
        super().__post_init__()
        try:
            most = len(self.chosen) or 1
        except UNREADABLE:  # the lab says why
            return
        object.__setattr__(self, "clip", min(self.clip, most))

    @property
    def division(self):
        """The folder, read and divided as the dials stand."""
        height, width = map(int, self.size.split("x"))
        how = self.frames, height, width, self.fit, self.channels
        return self.folder.divided(how, self.groups == "pattern", self.seed)

    @property
    def chosen(self):
        """The places of the clips among which `clip` chooses."""
        label = None if self.label == "all" else list(self.names).index(self.label) - 1
        return self.division.chosen(SPLITS.index(self.part), label)


def state_class(folder):
    """The states of a lab over this folder.

    Raises
    ------
    ValueError, DataError
        If the folder cannot be read as it was asked for.
    """
    how = folder.how
    clips = folder.read(how["frames"], how["height"], how["width"], how["fit"], how["channels"])
    classes = keyed({name: name for name in clips.classes}, taken=("all",))
    names = {"all": "all", **{key: name for key, (name, _) in classes.items()}}
    given = f"{how['height']}x{how['width']}"
    sizes = sorted({given, *SIZES}, key=lambda size: [*map(int, size.split("x"))])
    ways = {"each": "each clip on its own"}
    if folder.groups is not None:
        ways["pattern"] = f"by the pattern {pictures.cut(str(folder.groups), 40)}"
    most = len(clips.abouts) + len(clips.skipped)
    dials = {
        "part": dial("train", "Part", SPLITS),
        "label": dial("all", "Class", names, shown=names),
        "clip": dial(1, "Clip", range(1, most + 1), slider=True),
        "frames": dial(how["frames"], "Frames", sorted({*FRAMES, how["frames"]})),
        "size": dial(given, "Size", sizes, shown={size: size.replace("x", " × ") for size in sizes}),
        "fit": dial(how["fit"], "Fit", FIT, shown=FIT),
        "channels": dial(how["channels"], "Channels", COLOUR, shown=COLOUR),
        "groups": dial(list(ways)[-1], "Groups", ways, shown=ways),
        "seed": dial(folder.seed, "Seed", sorted({*range(10), folder.seed}), slider=True),
    }
    return FolderState.having(dials, folder=folder, names=names, ways=ways)


class FolderLab(Lab):
    r"""Look at a folder of clips before anything is trained: clips, lengths, split, and what is left out.

    Nothing is shown that `datasets.from_folder` does not give: the same clips, and the same split.

    Parameters
    ----------
    path : str or Path
        A folder that has a folder for each class, as `datasets.from_folder` reads it. Another one can be read
        from the lab itself; what cannot be read is explained there, and the last folder stays.
    kind : {"video", "frames"}
        Whether each clip is a file, or a folder of images.
    **options
        Those of `datasets.from_folder` for clips, but for `features`. The dials begin as `frames`, `size`,
        `fit`, `channels`, `groups` and `seed` say; the others hold for whatever is read.

    Raises
    ------
    ValueError
        If an option cannot be, or the folder has too few classes or clips for three parts.
    DataError
        If no clip of a class can be read, or the cache cannot be written.

    Notes
    -----
    The state has all dials, and neither the path nor `groups`: a string shows the same in a lab over the same
    folder. Reading another folder begins anew, and nothing before it can be undone.

    Examples
    --------
    >>> lab = FolderLab("gestures", "video", frames=16, size=(48, 64), groups=r"/([^\W\d_]+)")
    >>> lab                                  # in a notebook: the lab itself
    >>> lab.state = "fol1;part=test;label=all;clip=2;frames=8;groups=each;seed=3"
    """

    title = "Folder lab"

    def __init__(self, path, kind="video", **options):
        self._kind, self._options = kind, options
        self._folder = Folder(path, kind, options)
        self.state_class = state_class(self._folder)
        start = self.state_class()
        _ = start.division  # says now what cannot be divided
        super().__init__(start)
        self._lay_out()
        self.state = self.state

    # Controls

    def _lay_out(self):
        for name in (*LOOK, *READ, *SPLIT):
            self.add_control(name).style.description_width = "74px"
        self.path = widgets.Text(value=str(self._folder.path), description="Folder")
        self.path.style.description_width = "44px"
        button = widgets.Button(description="Read", tooltip="Read this folder")
        button.on_click(lambda _: self._read_path())
        self.answer, self.counts, self.files = (widgets.HTML() for _ in range(3))
        path = classed(widgets.HBox([self.path, button]), "co-path")
        look, read, split = ([self.controls[name] for name in names] for names in (LOOK, READ, SPLIT))
        turned = cards(
            "co-cards",
            folder=group("other", "Folder", "a folder for each class", path, self.answer),
            look=group("other", "Clip", "which one is shown", *look),
            read=group("other", "Reading", "what a clip becomes", *read),
            split=group("other", "Split", "who is in which part", *split),
        )
        self.picture, self.split, self.below = (classed(widgets.HTML(), "cl-picture") for _ in range(3))
        screen = cards(
            "co-screen",
            dials=turned,
            film=self.picture,
            notes=self.notes.view,
            split=self.split,
            counts=widgets.VBox([self.counts, self.below]),
            files=self.files,
        )
        parts = [style(STYLE), self.mark, screen, self.share_row(), self.message]
        self.view = classed(widgets.VBox(parts), "course-lab")

    def _read_path(self):
        """Read the folder that was typed; where that fails, say why and keep the one that is shown."""
        with LOCK:
            self.answer.value = note("hint", "This takes a while for many clips.", "● Reading.")
            kept = {name: getattr(self.state, name) for name in (*READ, *SPLIT)}
            try:
                folder = Folder(self.path.value, self._kind, self._options)
                states = state_class(folder)
                start = states(**kept)
                read = len(start.division.names)
            except UNREADABLE as problem:
                stays = f"{problem} The lab still shows {self._folder.path}."
                self.answer.value = note("broken", stays, "✕ Not read.")
                return
            self._folder, self.state_class = folder, states
            self._state, self._begin, self._past, self._future = start, states(), [], []
            self._draw()
            told = f"{pictures.plural(read, 'clip')} of {len(start.names) - 1} classes."
            self.answer.value = note("fine", told, "✓ Read.")

    def _turned(self, path, value):
        if path in READ and not self._quiet:
            self.answer.value = note("hint", "Each setting is read once, and kept.", "● Reading.")
            super()._turned(path, value)
            self.answer.value = ""
        else:
            super()._turned(path, value)

    def mirror(self):
        state, label, clip = self.state, self.controls["label"], self.controls["clip"]
        options = tuple((name, key) for key, name in state.names.items())
        if label.options != options:  # of another folder
            label.options = options
        try:
            count = len(state.chosen)
        except UNREADABLE:
            count = 0
        clip.max = max(count, state.clip, 2)  # a slider of one place breaks the page
        clip.disabled = count < 2
        super().mirror()

    # Picture

    def seen(self):
        """The folder as it is divided, and the clip that is looked at."""
        state, division, chosen = self.state, self.state.division, self.state.chosen
        try:
            at = chosen[state.clip - 1]
            images = division.clips.cache.clip(division.clips.keys[division.names[at]])
        except (IndexError, OSError):
            raise DataError("The folder, or its cache, has changed since it was read: press Read.") from None
        dealt = f"{state.ways[state.groups]}, seed {state.seed}"
        return pictures.Seen(division, at, images, (state.clip, len(chosen)), state.part, dealt)

    def show(self):
        try:
            seen = self.seen()
        except UNREADABLE as problem:
            for part in (self.picture, self.split, self.below, self.counts, self.files):
                part.value = ""
            fix, apart = (), replace(self.state, groups="each")
            with contextlib.suppress(*UNREADABLE):
                fix = ("Each clip on its own", apart) if apart.division and apart != self.state else ()
            self.notes.show([Note("broken", str(problem), *fix)])
        else:
            self.picture.value, self.split.value, self.below.value = pictures.draw(seen)
            self.counts.value, self.files.value = pictures.table(seen), pictures.left_out(seen)
            self.notes.show(self._notes(seen.division))
        self.mark.value = self.tag()

    def _notes(self, division):
        """What a learner should know of the split and of the lengths."""
        groups, clips = len(division.spread), len(division.part)
        if self._folder.groups is None:
            told = "No groups= was given, so each clip is on its own. If some show the same person or "
            told += "recording, give the pattern that tells which, or the test shows who was trained on."
            yield Note("hint", told)
        elif division.misfit:
            yield Note("hint", f"{division.misfit} So the lab cannot tell whether a group is in two parts.")
        elif division.leaking:
            told = f"Each clip is on its own, although the pattern finds {groups} groups: "
            told += f"{len(division.leaking)} of them are in more than one part. {division.known} of the "
            told += f"{(division.part == 2).sum()} test clips belong to a group that is trained on, too: "
            told += "a good test score may only mean that the network recognises it."
            yield Note("warning", told, "Keep groups together", replace(self.state, groups="pattern"))
        elif self.state.groups == "each":
            yield Note("hint", "No group happens to be in two parts. Another seed may divide some.")
        else:
            told = f"Each of the {groups} groups is whole in one part: none that is tested is trained on."
            yield Note("fine", told)
        for told in division.warned:
            yield Note("warning", f"{told[:1].upper()}{told[1:]}.")
        frames = division.clips.how["frames"]
        if short := int((division.lengths < frames).sum()):
            told = f"{short} of {clips} clips {'has' if short == 1 else 'have'} fewer than {frames} frames. "
            yield Note("hint", f"{told}Zeros follow, and the mask tells them from real frames.")

    @property
    def alt(self):
        """What the lab shows."""
        try:
            return pictures.words(self.seen())
        except UNREADABLE as problem:
            return str(problem)
