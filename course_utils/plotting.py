"""Pictures of the course. Each carries alt text, says it in words, and never by colour alone."""

import base64
import html
import io
import sys
import wave
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from PIL import Image, ImageDraw, ImageFont

CNN, LSTM, ATTENTION, INK = "#0072B2", "#D55E00", "#009E73", "#222222"
OTHERS = (INK, "#CC79A7", "#E69F00", "#56B4E9")  # the rest of Okabe and Ito that shows on white
MARKERS = "osD^vPX*"
LINES = ("-", "--", "-.", (0, (5, 1)), ":", (0, (3, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))


def use_style():
    """Apply the course's figure style: Okabe-Ito colours, white background, 11 pt text."""
    matplotlib.style.use(Path(__file__).with_name("course.mplstyle"))


class Picture:
    """A figure with alt text, which a notebook shows wherever it is opened.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Drawn once, then closed.
    alt : str
        What the picture shows, not what it is, for readers who do not see it.

    Examples
    --------
    As the last line of a cell:

    >>> fig, ax = plt.subplots()
    >>> ax.plot([0, 1, 2], [0, 1, 4])
    >>> plotting.Picture(fig, "The curve gets steeper: 0, 1, 4.")
    """

    def __init__(self, fig, alt):
        if not isinstance(fig, Figure):
            raise TypeError(f"fig is a {type(fig).__name__}, but must be a matplotlib Figure")
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError(f"alt is {alt!r}, but must say in words what the picture shows")
        self.figure, self.alt, self.gif = fig, " ".join(alt.split()), None
        file, small = io.BytesIO(), io.BytesIO()
        fig.savefig(file, format="png")
        drawn = Image.open(file).convert("RGB")
        drawn = drawn.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        drawn.save(small, "PNG", optimize=True)
        self.png = small.getvalue()
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close(fig)

    def __repr__(self):
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        png = base64.b64encode(self.png).decode()
        source = f"gif;base64,{base64.b64encode(self.gif).decode()}" if self.gif else f"png;base64,{png}"
        image = f'<img alt="{html.escape(self.alt)}" src="data:image/{source}" style="max-width:100%">'
        return {"image/png": png, "text/html": image, "text/plain": self.alt}


def wav(samples, rate):
    """The bytes of a WAV file of samples (sample,), made as loud as fits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, len(samples), "NONE", "not compressed"))
        loud = samples / max(np.abs(samples).max(), 1e-9)
        sound.writeframes(np.round(loud * 29_000).astype("<i2").tobytes())
    return file.getvalue()


class Listen:
    """A sound with a play button, which a notebook keeps: it plays on GitHub's mirrors and in the book, too.

    Parameters
    ----------
    samples : array (sample,)
        From -1 to 1; made as loud as fits.
    rate : int
        Samples a second.
    says : str
        What there is to hear, for those who do not hear it.

    Examples
    --------
    >>> plotting.Listen(samples, 16_000, "Two sentences in hiss.")
    """

    def __init__(self, samples, rate, says):
        if not isinstance(says, str) or not says.strip():
            raise ValueError(f"says is {says!r}, but must say in words what there is to hear")
        self.says, self.wav = " ".join(says.split()), wav(_numbers("samples", samples, (1,)), rate)

    def __repr__(self):
        return self.says

    def _repr_mimebundle_(self, include=None, exclude=None):
        source = f"data:audio/wav;base64,{base64.b64encode(self.wav).decode()}"
        player = f'<audio controls aria-label="{html.escape(self.says)}" src="{source}"></audio>'
        return {"text/html": f"{player}<div>{html.escape(self.says)}</div>", "text/plain": self.says}


def strip(clips, titles=None, alt=None):
    """Show clips as strips of film: a row for each clip, a column for each frame.

    Parameters
    ----------
    clips : array (clip, time, height, width, channel)
        A single clip without the first axis will do, and grey clips without the last.
        Values outside 0 to 1 are stretched, clip by clip, from black to white.
    titles : list of str, optional
        One for each clip.
    alt : str, optional
        In place of the sentence made from the titles.
    """
    clips = _clips(clips)
    count, frames, height, width = clips.shape[:4]
    titles = _titles(titles, count)
    gap = max(1, width // 12)
    inches = min(1.1, 8.6 / frames)
    fig = _figure(frames * inches, count * (inches * height / width + 0.3) + 0.4)
    apart = np.pad(clips, [(0, 0)] * 3 + [(0, gap), (0, 0)], constant_values=1)
    for axes, film, title in zip(fig.subplots(count, squeeze=False)[:, 0], apart, titles or [""] * count):
        axes.imshow(np.hstack(film)[:, :-gap])
        axes.set(yticks=[], xticks=[], title=title)
        axes.spines[:].set_visible(False)
    shown = np.arange(0, frames, 1 if frames <= 16 else 4)
    axes.set_xticks(shown * (width + gap) + (width - 1) / 2, shown + 1)
    axes.tick_params(length=0)
    axes.set_xlabel("frame")
    named = f": {'; '.join(titles)}" if titles else ""
    return Picture(fig, alt or f"{_count(count, 'clip')} of {_count(frames, 'frame')}{named}.")


def animate(clips, titles=None):
    """Play clips side by side; the animation stops by itself within five seconds.

    It shows four frames a second, or more if it would not end in time. Where animations are not shown,
    the same clips appear as a :func:`strip`.

    Parameters
    ----------
    clips, titles
        As in :func:`strip`; at most eight clips.
    """
    clips = _clips(clips)
    count, frames, height, width = clips.shape[:4]
    titles = _titles(titles, count) or [""] * count
    if count > 8:
        raise ValueError(f"clips holds {count} clips, but at most 8 fit side by side")
    milliseconds = int(1000 / max(4, frames / 5) / 10) * 10  # GIFs count in hundredths of a second
    plays = max(1, 5000 // (milliseconds * frames))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 15)
    zoom = max(1, min(144 // height, 880 // (count * (width + 2))))
    cells = [max(width * zoom, int(font.getlength(title))) + 12 for title in titles]
    film = []
    for t in range(frames):
        sheet = Image.new("RGB", (max(sum(cells), 150), height * zoom + 48), "white")
        pen = ImageDraw.Draw(sheet)
        for row, left in enumerate(np.cumsum([0, *cells[:-1]]).tolist()):
            frame = Image.fromarray(np.uint8(np.round(clips[row, t] * 255)))
            sheet.paste(frame.resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (left, 24))
            pen.text((left, 2), titles[row], fill=INK, font=font)
        pen.text((0, height * zoom + 27), f"frame {t + 1} of {frames}", fill=INK, font=font)
        film.append(sheet.quantize(32, dither=Image.Dither.NONE))
    file = io.BytesIO()
    again = {"loop": plays - 1} if plays > 1 else {}  # browsers play once, and then loop
    film[0].save(file, "GIF", save_all=True, append_images=film[1:], duration=milliseconds, **again)
    picture = strip(clips, titles if any(titles) else None)
    picture.gif = file.getvalue()
    return picture


def feature_maps(maps, titles=None, alt=None, label="activation"):
    """Show what each filter answers, on one colour scale.

    Parameters
    ----------
    maps : array (height, width, channel)
        What the filters answer, or the kernels themselves.
    titles : list of str, optional
        One for each channel; otherwise they are numbered.
    alt : str, optional
        In place of the sentence made from the values.
    label : str
        What the colours mean; "weight" for kernels.
    """
    maps = _numbers("maps", maps, (3,))
    height, width, channels = maps.shape
    titles = _titles(titles, channels) or [str(channel) for channel in range(channels)]
    columns = min(channels, 8)
    rows = -(-channels // columns)
    fig = _figure(1.0 * columns + 0.9, (1.0 * height / width + 0.3) * rows)
    grid = fig.subplots(rows, columns, squeeze=False)
    low, high = min(maps.min(), 0.0), maps.max()
    scale = {"cmap": "viridis", "vmin": low, "vmax": high}
    if low < 0:
        scale = {"cmap": "RdBu_r", "vmin": -max(-low, high), "vmax": max(-low, high)}
    for axes in grid.flat:
        axes.axis("off")
    for axes, channel, title in zip(grid.flat, np.moveaxis(maps, -1, 0), titles):
        shown = axes.imshow(channel, **scale)
        axes.set_title(title)
    fig.colorbar(shown, ax=grid, shrink=0.8, label=label)
    strongest = titles[maps.max(axis=(0, 1)).argmax()]
    words = f"{_count(channels, 'feature map')}, with values from {maps.min():.2f} to {high:.2f}; "
    return Picture(fig, alt or f"{words}the strongest answer is that of {strongest}.")


def curves(histories, metric, ylabel=None):
    """Draw one metric over the epochs, each run labelled at its end.

    Parameters
    ----------
    histories : dict
        Name of a run -> what ``model.fit`` returned, or a dict metric -> numbers; at most eight.
    metric : str
        Such as "val_accuracy".
    ylabel : str, optional
        In place of the metric's name.
    """
    if not isinstance(histories, dict) or not 1 <= len(histories) <= len(MARKERS):
        raise ValueError("histories must be a dict name -> history, with 1 to 8 runs")
    runs = {}
    for name, history in histories.items():
        history = getattr(history, "history", history)
        if metric not in history:
            raise ValueError(f"metric is {metric!r}, but histories[{name!r}] has {', '.join(history)}")
        runs[name] = np.asarray(history[metric], dtype=float)
        if runs[name].ndim != 1 or not np.isfinite(runs[name]).any():
            raise ValueError(f"histories[{name!r}][{metric!r}] must be a list of numbers, one for each epoch")
    ylabel = ylabel or metric.replace("_", " ")
    fig = _figure(8, 3.8)
    axes = fig.subplots()
    colours = _colours(runs)
    ends = []
    for (name, values), marker, line in zip(runs.items(), MARKERS, LINES):
        look = {"marker": marker, "markevery": max(1, len(values) // 8), "linestyle": line}
        axes.plot(range(1, len(values) + 1), values, color=colours[name], label=name, **look)
        last = int(np.flatnonzero(np.isfinite(values))[-1])
        ends.append((last + 1, values[last]))
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y")
    low, high = axes.get_ylim()
    places = _spread([(y - low) / (high - low) for _, y in ends], 0.075)
    for name, end, place in zip(runs, ends, places):
        line = {"arrowstyle": "-", "color": colours[name], "shrinkB": 5, "relpos": (0, 0.5)}
        axes.annotate(name, end, (1.04, place), "data", "axes fraction", line, False, va="center")
    facts = [f"{name} ends at {y:.3g} after {_count(x, 'epoch')}" for name, (x, y) in zip(runs, ends)]
    return Picture(fig, f"{ylabel}: {'; '.join(facts)}.")


def compare(rows, score="digit"):
    """Compare models: a row for each; scores, parameters and seconds side by side.

    A dot is the mean over the seeds, the line through it goes from the lowest to the highest;
    the best score is bold. Each axis shows the range in which the scores lie, so it need not begin at 0.

    Parameters
    ----------
    rows : list of dict
        ``{"model": str, "parameters": int, "seconds": [...], "digit": [...]}``, a number for each seed.
    score : str or list of str
        Which scores to show, such as ``["digit", "motion"]``.
    """
    scores = [score] if isinstance(score, str) else list(score)
    panels = [*scores, "parameters", "seconds"]
    _check_rows(rows, ["model", *panels])
    data = {p: [_numbers(f"rows[...][{p!r}]", np.atleast_1d(row[p]), (1,)) for row in rows] for p in panels}
    names = [str(row["model"]) for row in rows]
    fig = _figure(9.2, 0.45 * len(rows) + 1.1)
    facts = []
    for axes, panel in zip(fig.subplots(1, len(panels), sharey=True), panels):
        means, low, high = (np.array([f(seeds) for seeds in data[panel]]) for f in (np.mean, np.min, np.max))
        words = [f"{mean:.3f}" if panel in scores else _short(mean) for mean in means]
        marker = "o" if panel in scores else "s"
        reach = np.maximum([means - low, high - means], 0)  # the mean of equal numbers may be a hair off
        spread = {"xerr": reach, "ecolor": INK, "elinewidth": 1.5, "capsize": 5}
        axes.errorbar(means, range(len(rows)), fmt=marker, color=CNN, markersize=5, **spread)
        for y, (mean, word) in enumerate(zip(means, words)):
            weight = "bold" if panel in scores and word == words[means.argmax()] else "normal"
            axes.annotate(word, (mean, y), (0, 7), textcoords="offset points", ha="center", weight=weight)
        axes.set_title(panel)
        axes.grid(axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if panel not in scores and low.min() > 0:
            axes.set(xscale="log", xlim=(low.min() / 2.5, high.max() * 2.5))
            narrow = high.max() < 30 * low.min()
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if narrow else (1,), numticks=4))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(lambda value, _: _short(value))
        elif panel in scores:  # zoom to the scores, with room for the words beside the outermost dots
            room = 0.25 * max(high.max() - low.min(), 0.04)
            axes.set_xlim(low.min() - room, high.max() + room)
            axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        few, most = means.argmin(), means.argmax()
        facts.append(f"{panel} from {words[few]} ({names[few]}) to {words[most]} ({names[most]})")
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.5, -0.7)
    fig.supxlabel(
        "dot: mean; line: lowest to highest seed; bold: best; axes zoomed, for sizes logarithmic", fontsize=11
    )
    return Picture(fig, f"{_count(len(rows), 'model')}: {'; '.join(facts)}.")


def confusion(true, predicted, names):
    """Show which class is taken for which: per cent of the clips of each true class.

    Parameters
    ----------
    true, predicted : int arrays of equal length
        Class numbers.
    names : sequence of str
        Of the classes, in the order of their numbers.
    """
    true, predicted, names = np.asarray(true), np.asarray(predicted), [str(name) for name in names]
    for name, values in (("true", true), ("predicted", predicted)):
        if values.ndim != 1 or values.dtype.kind not in "iu" or values.size == 0:
            raise ValueError(f"{name} must be class numbers, not {values.dtype} of shape {values.shape}")
        if values.min() < 0 or values.max() >= len(names):
            raise ValueError(f"{name} has classes {values.min()} to {values.max()}, names has {len(names)}")
    if len(true) != len(predicted):
        raise ValueError(f"true has {len(true)} entries, predicted {len(predicted)}; they must be as many")
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (true, predicted), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 0.5 * len(names)
    fig = _figure(size + 1.8, size + 1.4)
    axes = fig.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
        if counts[row, column]:
            ink = "white" if value > 0.5 else INK
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink)
    turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 3 else {}
    axes.set_xticks(range(len(names)), names, **turn)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true", title="per cent of each row")
    right = np.where(counts.any(axis=1), np.diag(share), 1)
    least = right.argmin()
    words = f"Of {len(true)} clips, {np.mean(true == predicted):.0%} are named correctly"
    if right[least] < 1:
        np.fill_diagonal(counts, 0)
        other = counts[least].argmax()
        words += f"; least often {names[least]} ({right[least]:.0%}), which is most often taken for "
        words += f"{names[other]} ({share[least, other]:.0%})"
    return Picture(fig, f"{words}.")


class Table:
    """Rows of text cells under headings, as HTML and as plain text."""

    def __init__(self, headings, cells, numeric, caption):
        self.headings, self.cells, self.numeric, self.caption = headings, cells, numeric, caption

    def __repr__(self):
        lines = [self.headings, *self.cells]
        widths = [max(map(len, column)) for column in zip(*lines)]
        just = [str.rjust if numeric else str.ljust for numeric in self.numeric]
        text = ["  ".join(j(c, w) for j, c, w in zip(just, line, widths)).rstrip() for line in lines]
        return "\n".join([self.caption] * bool(self.caption) + text)

    def _repr_html_(self):
        sides = ["right" if numeric else "left" for numeric in self.numeric]

        def line(cells, tag):
            inner = (f'<{tag} style="text-align:{s}">{html.escape(c)}</{tag}>' for c, s in zip(cells, sides))
            return f"<tr>{''.join(inner)}</tr>"

        caption = f'<caption style="text-align:left">{html.escape(self.caption)}</caption>'
        body = "".join(line(cells, "td") for cells in self.cells)
        return f"<table>{caption}<thead>{line(self.headings, 'th')}</thead><tbody>{body}</tbody></table>"


def table(rows, columns, caption=""):
    """Set out rows of results; numbers are aligned, seeds given as mean (lowest to highest).

    Parameters
    ----------
    rows : list of dict
        As in :func:`compare`; "" leaves a cell empty.
    columns : list of str, or dict key -> heading
        What to show, in this order.
    caption : str
        A sentence above the table.
    """
    headings = columns if isinstance(columns, dict) else {key: key for key in columns}
    _check_rows(rows, headings)
    cells = [[_cell(row[key]) for key in headings] for row in rows]
    numeric = [not any(isinstance(row[key], str) and row[key] for row in rows) for key in headings]
    return Table([str(heading) for heading in headings.values()], cells, numeric, caption)


def answers(true, found, caption=""):
    """Set out how well models answer: accuracy, mean recall of the classes, and what the accuracy can tell.

    Parameters
    ----------
    true : array (example,), int
        The right classes.
    found : dict of lists of arrays
        Model -> its answers (example,), one array for each seed.
    caption : str
        A sentence above the table.

    Notes
    -----
    "95 %" is the interval of Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953: where the
    accuracy on all such examples lies, if those of the test do not depend on one another.

    Examples
    --------
    >>> answers([0, 0, 1, 1], {"most frequent class": [[0, 0, 0, 0]]})  # accuracy 0.500, 0.15 to 0.85
    """
    from scipy.stats import binomtest

    true, rows = np.asarray(true), []
    for model, each in found.items():
        right = [np.asarray(told) == true for told in each]
        recalls = [float(np.mean([one[true == label].mean() for label in np.unique(true)])) for one in right]
        interval = binomtest(round(np.mean(right) * len(true)), len(true)).proportion_ci(method="wilson")
        accuracies = [float(one.mean()) for one in right]
        between = f"{interval.low:.2f} to {interval.high:.2f}"
        rows.append({"model": model, "accuracy": accuracies, "mean recall": recalls, "95 %": between})
    return table(rows, ["model", "accuracy", "mean recall", "95 %"], caption)


def over_seeds(values, form="{:.3f}"):
    """One score in words: mean and, if the seeds differ, lowest and highest.

    Parameters
    ----------
    values : list of float
        One for each seed.
    form : str
        How each number is written. Seeds that are written alike count as equal.

    Examples
    --------
    >>> over_seeds([12.14, 12.36], "{:.1f}")
    '12.2 (12.1 to 12.4)'
    >>> over_seeds([0.5, 0.5])
    '0.500'
    """
    mean, low, high = (form.format(number) for number in (np.mean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def _figure(width, height):
    use_style()
    return Figure(figsize=(width, height), layout="constrained")


def _numbers(name, values, axes):
    values = np.asarray(values, dtype=float)
    if values.ndim not in axes or values.size == 0:
        wanted = f"{axes[0]} to {axes[-1]}" if len(axes) > 1 else axes[0]
        raise ValueError(f"{name} has the shape {values.shape}, but must have {wanted} axes, none empty")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return values


def _clips(clips):
    """As red, green and blue in 0 to 1, with the shape (clip, time, height, width, 3)."""
    clips = _numbers("clips", clips, (3, 4, 5))
    if clips.ndim == 3 or (clips.ndim == 4 and clips.shape[-1] not in (1, 3)):
        clips = clips[..., np.newaxis]
    clips = clips.reshape(-1, *clips.shape[-4:])
    if clips.shape[-1] not in (1, 3):
        raise ValueError(f"clips has {clips.shape[-1]} channels, but must have 1 (grey) or 3 (colour)")
    if clips.min() < 0 or clips.max() > 1:
        low, high = (f(clips, axis=(1, 2, 3, 4), keepdims=True) for f in (np.min, np.max))
        clips = (clips - low) / np.maximum(high - low, 1e-12)
    return np.broadcast_to(clips, (*clips.shape[:-1], 3))


def _titles(titles, count):
    if titles is None:
        return None
    titles = [titles] if isinstance(titles, str) else [str(title) for title in titles]
    if len(titles) != count:
        raise ValueError(f"titles has {len(titles)} entries, but {count} are needed")
    return titles


def _check_rows(rows, keys):
    if not isinstance(rows, (list, tuple)) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("rows must be a list of dicts, one for each model, and not empty")
    if not keys:
        raise ValueError("columns is empty, but must name what to show")
    for number, row in enumerate(rows):
        missing = [key for key in keys if key not in row]
        if missing:
            raise ValueError(f"rows[{number}] has {', '.join(row)}, but lacks {', '.join(missing)}")


def _colours(names):
    """A colour for each run: blue for a CNN, vermillion for an LSTM, green for attention, once each."""
    chosen = {}
    for name in names:
        words = name.lower()
        parts = ["cnn" in words or "conv" in words, "lstm" in words, "attention" in words]
        own = {(1, 0, 0): CNN, (0, 1, 0): LSTM}.get(tuple(parts), ATTENTION if parts[2] else INK)
        free = [colour for colour in (own, *OTHERS) if colour not in chosen.values()]
        chosen[name] = free[0] if free else INK
    return chosen


def _spread(places, gap):
    """Move places as little as needed to be ``gap`` apart; their order stays."""
    order = np.argsort(places, kind="stable")
    apart = np.array(places, dtype=float)[order]
    steps = gap * np.arange(len(apart))
    for _ in range(200):  # push neighbours apart, each by half
        push = np.append(np.clip(gap - np.diff(apart), 0, None) / 2, 0)
        apart += np.roll(push, 1) - push
    apart = np.maximum.accumulate(apart - steps) + steps
    return apart[np.argsort(order)]


def _count(number, thing):
    return f"{number} {thing}" + "s" * (number != 1)


def _short(value):
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _cell(value):
    if isinstance(value, (int, np.integer, str)):
        return value if isinstance(value, str) else f"{value:,}"
    seeds = np.atleast_1d(np.asarray(value, dtype=float))
    digits = 3 if abs(seeds.mean()) < 10 else 1
    mean, low, high = (f"{number:,.{digits}f}" for number in (seeds.mean(), seeds.min(), seeds.max()))
    return f"{mean} ({low} to {high})" if seeds.size > 1 else mean
