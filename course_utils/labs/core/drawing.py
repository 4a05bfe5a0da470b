"""What pictures are made of: shapes and words as SVG, arrays as images, numbers as they are read, colours."""

import base64
import html
import io
from math import sqrt

import numpy as np
from PIL import Image

CARD = "var(--jp-layout-color1, #fff)"
INK = "var(--jp-ui-font-color1, #1f1f1f)"
SOFT = "var(--jp-ui-font-color2, #5b5b5b)"
DARK = "#1f1f1f"
LINE = "var(--cl-line)"
BAND = "color-mix(in srgb, var(--cl-other) 22%, transparent)"
CNN, LSTM, ATTENTION = "#0072B2", "#D55E00", "#009E73"
BLUE, VERMILLION = (0, 114, 178), (213, 94, 0)  # of CNN and LSTM, to mix
BROWN = (140, 81, 10)  # below zero
FULL = 760  # units that a picture is wide which takes the whole width of a lab
LETTERS = 13.2  # size of `write`: in a picture that is made narrow it is still 11 pixels


def number(value, digits=2, sign=""):
    """A number as it is read: with a real minus, and never a zero below zero."""
    return f"{round(float(value), digits) + 0.0:{sign}.{digits}f}".replace("-", "−")


def signed(value, digits=2):
    return number(value, digits, "+")


def tint(values, above, below=BROWN, scale=None, strength=1.0):
    """Colours for numbers: white at 0, `above` at `scale` (the largest of all, or one for each channel)."""
    scale = np.abs(values).max() if scale is None else scale
    share = (values / np.maximum(scale, 1e-9)).clip(-1, 1)[..., None] * strength
    ends = np.where(share < 0, below, above)
    return (255 + np.abs(share) * (ends - 255.0)).astype("uint8")


def uri(pixels):
    """A PNG of an array (height, width, 3 or 4) of bytes."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def grey(frame):
    """The bytes of a frame (height, width, 1 or 3) of numbers from 0 to 1."""
    return np.broadcast_to((frame.clip(0, 1) * 255).astype("uint8"), (*frame.shape[:2], 3))


def svg(width, height, words, parts, more=""):
    """A whole picture, with what it says in words for those who cannot see it."""
    label = html.escape(words, quote=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}"{more}'
    return f'{head} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def full_width(height, words, parts):
    """A whole picture that takes the width of the lab."""
    return svg(FULL, height, words, parts, ' style="max-width:880px"')


def text(x, y, words, size=12, anchor="middle", fill=INK, weight=400, extra=""):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f'style="fill:{fill}" {extra}>{html.escape(str(words))}</text>'
    )


def write(x, y, words, anchor="start", fill=INK, weight=400):
    """Words in the one size that a picture has."""
    return text(x, y, words, LETTERS, anchor, fill, weight)


def rect(x, y, w, h, fill, line="none", radius=0, extra=""):
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius}" '
        f'style="fill:{fill};stroke:{line}" {extra}/>'
    )


def path(d, line=SOFT, width=1.2, fill="none", extra=""):
    return f'<path d="{d}" style="fill:{fill};stroke:{line};stroke-width:{width}" {extra}/>'


def through(points):
    """The course of a `path` through points (x, y)."""
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def image(x, y, wide, tall, source, more="", digits=2):
    """An image of hard pixels; `source` is a data URI."""
    x, y, wide, tall = (f"{value:.{digits}f}" for value in (x, y, wide, tall))
    where = f'x="{x}" y="{y}" width="{wide}" height="{tall}"{more}'
    style = 'preserveAspectRatio="none" style="image-rendering:pixelated"'
    return f'<image {where} {style} href="{source}"/>'


def arrow(x1, y1, x2, y2, line=SOFT, width=1.4):
    """A straight arrow, its head included."""
    dx, dy = x2 - x1, y2 - y1
    length = max(sqrt(dx * dx + dy * dy), 1e-6)
    ux, uy = dx / length, dy / length
    bx, by = x2 - 5 * ux, y2 - 5 * uy
    wx, wy = 3.2 * uy, 3.2 * ux
    head = f"M{x2:.1f},{y2:.1f} L{bx - wx:.1f},{by + wy:.1f} L{bx + wx:.1f},{by - wy:.1f} Z"
    return path(f"M{x1:.1f},{y1:.1f} L{bx:.1f},{by:.1f}", line, width) + path(head, line, 0.5, line)


def sentences(parts):
    """Parts as sentences, each with a capital letter and a full stop."""
    return f"{'. '.join(f'{part[:1].upper()}{part[1:]}' for part in parts)}."


def number_table(x, y, wide, rows, columns=()):
    """Lines of numbers under the heading "In numbers"; what is drawn, and the height of the last line.

    `rows` holds (label, values), and `columns` the names of the values, if they have any.
    """
    at = [x + wide - 2 - 52 * i for i in reversed(range(len(rows[0][1])))]
    drawn = [write(x, y, "In numbers", weight=600)]
    drawn += [write(right, y, name, "end", SOFT) for right, name in zip(at, columns)]
    for label, values in rows:
        y += 22
        drawn += [path(f"M{x},{y - 16} h{wide}", LINE, 1), write(x, y, label)]
        drawn += [write(right, y, value, "end", weight=600) for right, value in zip(at, values)]
    return drawn, y
