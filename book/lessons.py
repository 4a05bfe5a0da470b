"""A notebook as a page of the book: what is folded, what stands for a lab, links that lead on."""

import base64
import html
import re

from book import selftest

LIVE = {"01_convolution": "kernel", "02_lstm": "gates"}  # lessons whose first lab runs in the page
DEFINITION = re.compile(r"^\[([^\]]+)\]: +(\S+)\n?", re.M)
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)")
EXERCISE = re.compile(r'^@check\.exercise\("([\d.]+)"', re.M)


def slug(title):
    """What a link to a heading without an anchor of its own says, as JupyterLab has it."""
    return title.replace(" ", "-")


def prepare(notebook, name):
    """Change a notebook so that MyST-NB shows it as the book should.

    Parameters
    ----------
    notebook : dict
        As the file holds it; changed in place.
    name : str
        Of the lesson, such as "01_convolution".

    Returns
    -------
    dict
        The same notebook.
    """
    level, live = 0, LIVE.get(name)
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"], level = _without_gaps(_linked(cell["source"]), level)
        else:
            _fold(cell)
            if "lab" in cell["metadata"].get("tags", []):
                for output in cell["outputs"]:
                    output["data"]["text/html"] = _lab(output["data"], name[:2], live)
                live = None
    if (selftest.FOLDER / f"{name}.toml").is_file():
        last = f"## Self-test\n\n{selftest.html_of(name)}"
        notebook["cells"].append({"id": "last", "cell_type": "markdown", "metadata": {}, "source": last})
    return notebook


def leading(text, lead):
    """Send each link in Markdown that leads to a file where `lead`, a function of its path, says."""
    return LINK.sub(lambda link: lead(link[1]), text)


def pictures(notebook, tag=None):
    """The pictures of a notebook: alt text and bytes of each, the first frame of those that move.

    With a `tag`, those of the cells that carry it.
    """
    for cell in notebook["cells"]:
        if tag is None or tag in cell["metadata"].get("tags", []):
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    alt = re.search(r'<img alt="([^"]*)"', "".join(output["data"]["text/html"]))[1]
                    yield html.unescape(alt), base64.b64decode("".join(output["data"]["image/png"]))


def _linked(text):
    """Put each link's address where the link is: a name given to it holds in its own cell alone."""
    for label, address in DEFINITION.findall(text):
        name = rf"\[{re.escape(label)}\]"
        text = re.sub(rf"(?<=\]){name}", f"({address})", text)
        text = re.sub(rf"(?<!\]){name}(?![\[(:])", f"[{label}]({address})", text)
    return DEFINITION.sub("", text)


def _without_gaps(text, level):
    """Raise headings that are more than one level below the one before, which was of this level."""
    lines, fenced = text.split("\n"), False
    for number, line in enumerate(lines):
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"(#+) ", line)
        if heading:
            level = min(len(heading[1]), level + 1)
            lines[number] = f"{'#' * level} {line[heading.end() :]}"
    return "\n".join(lines), level


def _fold(cell):
    """Fold a solution with its output, and every other source that JupyterLab shows folded."""
    tags = cell["metadata"].setdefault("tags", [])
    exercise = EXERCISE.search(cell["source"])
    if "solution" in tags:
        folded, what = "hide-cell", "the solution"
    elif not cell["metadata"].get("jupyter", {}).get("source_hidden"):
        return
    else:
        folded, what = "hide-input", f"how {exercise[1]} is checked" if exercise else "the code"
    tags.append(folded)
    cell["metadata"]["mystnb"] = {"code_prompt_show": f"Show {what}", "code_prompt_hide": f"Hide {what}"}


def _lab(data, number, live):
    """The picture of a lab, with a sentence on how to use it; around it, what `live.js` has to know."""
    picture, attributes, before = "".join(data["text/html"]), "", ""
    if live:
        folder = f"../_static/labs/{live}/"
        state = html.escape(_state(base64.b64decode("".join(data["image/png"]))))
        attributes = f' data-lab="{folder}" data-state="{state}"'
        before = f'<link rel="stylesheet" href="{folder}live.css">'
    words = f"A picture of the lab. To use it, run <code>make lab</code> and open lesson {number}."
    caption = f"<figcaption>{words}</figcaption>"
    return f'{before}<figure class="lab"{attributes}>{picture}{caption}</figure>'


def _state(png):
    """The state of the lab that a preview shows, which the picture carries as a text."""
    at = 8
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        text = png[at + 8 : at + 8 + size]
        if kind == b"tEXt" and text.startswith(b"state\0"):
            return text[6:].decode("latin-1")
        at += size + 12
    raise ValueError("the picture of this lab carries no state")
