"""What plain controls cannot do: point at a pixel with the mouse, and put text on the clipboard."""

from pathlib import Path

import anywidget
import traitlets

HERE = Path(__file__).parent


class MapPicker(anywidget.AnyWidget):
    """A map on which a pixel is selected: where the mouse rests, by a click or a drag, or by arrow keys.

    After a click the mouse may wander, and the selection stays; another click on it lets it follow again.
    `image` is a data URI; `aspect` is its width by its height where its pixels are not square.
    """

    _esm, _css = HERE / "pointer.js", HERE / "pointer.css"
    image = traitlets.Unicode().tag(sync=True)
    rows = traitlets.Int(1).tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    aspect = traitlets.Float(0.0).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)


class CopyButton(anywidget.AnyWidget):
    """A button that puts `text` on the clipboard and says so."""

    _esm, _css = HERE / "copy.js", HERE / "copy.css"
    text = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode("Copy").tag(sync=True)
