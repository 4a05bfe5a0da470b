"""Plays a sound below a picture with a time axis; the picture can be pointed at."""

from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent


class Player(anywidget.AnyWidget):
    """A sound with its controls, and a picture (`value`, SVG) over which a line shows what is heard.

    `left` and `right` say between which shares of the picture's width time goes from 0 to `seconds`. With
    `mode` "listen", a click or drag moves the line; with "silence", a drag gives `picked`, from and to in
    seconds; with "reset", a click gives `picked`, that moment twice. `turn` counts what was picked.
    """

    _esm, _css = HERE / "player.js", HERE / "player.css"
    sound = traitlets.Bytes(b"").tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)
    seconds = traitlets.Float(1.0).tag(sync=True)
    left = traitlets.Float(0.0).tag(sync=True)
    right = traitlets.Float(1.0).tag(sync=True)
    step = traitlets.Float(0.032).tag(sync=True)
    mode = traitlets.Unicode("listen").tag(sync=True)
    picked = traitlets.List(traitlets.Float(), default_value=[]).tag(sync=True)
    turn = traitlets.Int(0).tag(sync=True)
