"""Lay out the pages of the book, and have Sphinx make a site of them, in which every link is checked.

    python -m book            # build/book/index.html
    python -m book --links    # whether the addresses of other sites answer

Nothing is run and nothing downloaded: the notebooks are committed with their outputs.
"""

import argparse
import importlib.util
import json
import posixpath
import re
import shutil
import sys
import time
from pathlib import Path

from sphinx.cmd.build import build_main

import course
from book import api, lessons

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TEXTS = ("data/README.md", "CHANGELOG.md", "CONTRIBUTING.md")
HERO = ("04_cnn_lstm_video", "Four frames of a clip")  # a lesson, and how a picture's alt text begins
MATHJAX = ("tex-chtml.js", "output/chtml/fonts/woff-v2/*.woff")


def pages():
    """All that Sphinx is given: a dict of path and bytes, laid out as in the repository."""
    made = {}
    notebooks = {path.stem: _read(path) for path in sorted(ROOT.glob("notebooks/[0-9][0-9]_*.ipynb"))}
    texts = [ROOT / name for name in TEXTS] + sorted(ROOT.glob("teaching/*.md"))
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in texts}
    texts["index.md"] = _home(notebooks, made)
    known = {*texts, *(f"notebooks/{name}.ipynb" for name in notebooks)}
    for name, text in texts.items():
        made[name] = _lead_on(text, name, known, made).encode()
    for name, notebook in notebooks.items():
        page = f"notebooks/{name}.ipynb"
        for cell in lessons.prepare(notebook, name)["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = _lead_on(cell["source"], page, known, made)
        made[page] = json.dumps(notebook).encode()
    for module in api.MODULES:
        made[f"api/{module}.rst"] = api.page(ROOT, module).encode()
    for lab in lessons.LIVE.values():
        made[f"_static/labs/{lab}/live.json"] = _data(lab)
    for path in ROOT.glob("course_utils/labs/*/live.*s"):  # style and script
        made[f"_static/labs/{path.parent.name}/{path.name}"] = path.read_bytes()
    mathjax = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for path in (path for pattern in MATHJAX for path in mathjax.glob(pattern)):
        made[f"_static/mathjax/{path.relative_to(mathjax).as_posix()}"] = path.read_bytes()
    return made


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def _home(notebooks, made):
    """The home page: index.md, with what is said elsewhere put in the place of its marks."""
    lesson, begin = HERO
    shown = [(alt, png) for alt, png in lessons.pictures(notebooks[lesson]) if alt.startswith(begin)]
    if not shown:
        raise SystemExit(
            f"The home page shows a picture of {lesson} whose alt text begins {begin!r}: none does."
        )
    alt, made["pictures/home.png"] = shown[0]
    cards = [_card(name, notebook, made) for name, notebook in notebooks.items()]
    parts = {
        "picture": f"![{alt}](pictures/home.png)",
        "aims": _from_readme(r"^(After the course .*?)\n\n[A-Z]"),
        "start": _from_readme(r"^## Start\n(.*?)^## "),
        "map": "\n".join(["{.lesson-map}", *cards]),
    }
    text = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    return re.sub(r"^<!-- (\w+) -->$", lambda mark: parts[mark[1]], text, flags=re.M)


def _from_readme(pattern):
    """What README.md says, so that it is said once."""
    found = re.search(pattern, (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    if not found:
        raise SystemExit(f"The home page of the book shows what README.md has no longer: {pattern}")
    return found[1]


def _card(name, notebook, made):
    """A lesson on the map: its first picture, best one that asks the question; title, question, minutes."""
    header = notebook["metadata"]["course"]
    lines = [f"[{name[:2]} · {header['title']}](notebooks/{name}.ipynb)", header["question"]]
    lines += [f"{header['minutes']} minutes"] if "minutes" in header else []
    shown = [*lessons.pictures(notebook, "question"), *lessons.pictures(notebook)]
    if shown:
        _, made[f"pictures/{name}.png"] = shown[0]
        lines.insert(0, f"![](pictures/{name}.png)")  # its words stand in the lesson
    return "- " + "\n\n  ".join(lines)


def _lead_on(text, name, known, made):
    """Let the links of a page lead to pages of the book, or else to a copy of the file they name."""
    here = posixpath.dirname(name)

    def lead(address):
        path = posixpath.normpath(posixpath.join(here, address))
        module = re.match(r"course_utils/(\w+)", path)
        if path == "README.md":
            path = "index.md"
        elif module and module[1] in api.MODULES:
            path = f"api/{module[1]}.rst"
        elif path not in known and (ROOT / path).is_file():
            made[path] = (ROOT / path).read_bytes()
        return posixpath.relpath(path, here or ".")  # if that is nowhere, Sphinx says so

    return lessons.leading(text, lead)


def _data(lab):
    """What a live lab has of its lesson, computed by the course's own Python: that of .teach has no NumPy."""
    code = f"import json; from course_utils.labs.{lab}.live import export; print(json.dumps(export()))"
    told = course.answer([course.PYTHON, "-c", code])
    if told is None:
        raise SystemExit(f"course_utils.labs.{lab}.live.export() failed; to see why, call it in .venv.")
    return told.encode()


def lay(files, folder):
    """Make a folder hold just these files; whether others were removed.

    What is the same keeps its time, so that Sphinx does not read it again.
    """
    old = [path for path in folder.rglob("*") if path.is_file()]
    gone = [path for path in old if path.relative_to(folder).as_posix() not in files]
    for path in gone:
        path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return bool(gone)


def make(folder, site, builder="html"):
    """Run Sphinx; the answer is its exit status, 0 if there was not a single warning."""
    trees = site.with_name(f"{site.name}-trees")
    options = ["--quiet", "--fail-on-warning", "--builder", builder, "--conf-dir", str(ROOT / "book")]
    status = build_main([*options, "--doctree-dir", str(trees), str(folder), str(site)])
    if status:
        shutil.rmtree(trees, ignore_errors=True)  # a page that is not read again would not warn again
    return status


def main(arguments=None):
    """Make the book, or check where its links lead to."""
    parser = argparse.ArgumentParser(
        prog="python course.py book", description="Make the book of the lessons."
    )
    parser.add_argument("--links", action="store_true", help="check that links to other sites lead somewhere")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    files = pages()
    if lay(files, BUILD / "book-pages"):
        shutil.rmtree(BUILD / "book", ignore_errors=True)  # Sphinx would leave pages there that are no more
    if options.links:
        return make(BUILD / "book-pages", BUILD / "book-links", "linkcheck")
    status = make(BUILD / "book-pages", BUILD / "book")
    if status == 0:
        count = sum(name.endswith((".md", ".rst", ".ipynb")) for name in files)
        print(f"build/book/index.html: {count} pages in {time.perf_counter() - started:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
