"""Make the pictures that stand in for the labs, and the picture of the README.

    python tests/browser/screenshots.py                  # previews of the labs of all lessons
    python tests/browser/screenshots.py 04               # of lesson 04, and notebooks/images/lab_04.png

Only cells tagged `setup`, `definition`, `lab-data` and `lab` are run, and the lab as it stands without
any lesson. A preview carries the lab's state and a fingerprint of its picture: `test_previews.py`, which
makes the fingerprints, notices a stale one.
"""

import io
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from jupyter import COURSE, Notebook, browser, server, write
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from course_utils.labs.core.lab import PREVIEWS

sys.path.insert(0, str(COURSE / "tests"))
from test_previews import look

PLAIN = [
    "from course_utils import check\ncheck.setup()\nfrom course_utils import labs",
    "labs.ArchitectureLab('ours')",
]
TAGS = {"setup", "definition", "lab", "lab-data"}
BANNER = "Run this cell to use the lab"


def labs_only(lesson, folder):
    """A copy of a lesson with no more than its labs need; None when it has no lab."""
    notebook = jupytext.read(lesson)
    cells = [cell for cell in notebook.cells if TAGS & set(cell.metadata.get("tags", ()))]
    if not any("lab" in cell.metadata.get("tags", ()) for cell in cells):
        return None
    notebook.cells = cells
    name = f"{lesson.stem}.ipynb"
    nbformat.write(notebook, folder / name)
    return name


def plain(folder):
    """A notebook with the lab as it is without any dial turned."""
    write(folder / "plain.ipynb", PLAIN)
    return "plain.ipynb"


def with_banner(png):
    """A screenshot under a bar that says what to do."""
    shot = Image.open(io.BytesIO(png)).convert("RGB")
    bar = 44
    made = Image.new("RGB", (shot.width, shot.height + bar), "white")
    made.paste(shot, (0, bar))
    draw = ImageDraw.Draw(made)
    draw.rounded_rectangle((2, 2, shot.width - 3, bar - 7), 6, fill="#0072B2")
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans:bold"), 18)
    draw.text((shot.width / 2, bar / 2 - 3), f"▶  {BANNER}", "white", font, "mm")
    return made


def save(png, marks):
    told = PngImagePlugin.PngInfo()
    told.add_text("state", marks["state"])
    told.add_text("hidden", marks["hidden"])
    told.add_text("picture", look(marks["preview"].split("-")[0], marks["state"]))
    file = PREVIEWS / f"{marks['preview']}.png"
    with_banner(png).quantize(96, dither=Image.Dither.NONE).save(file, optimize=True, pnginfo=told)
    print(f"{file.relative_to(COURSE)}: {file.stat().st_size / 1000:.0f} kB")


def main(wanted):
    sources = sorted((COURSE / "notebooks" / "source").glob("*.py"))
    lessons = [source for source in sources if source.name.startswith(wanted)]
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        folder = home / "lessons"
        folder.mkdir()
        names = [plain(folder), *(name for lesson in lessons if (name := labs_only(lesson, folder)))]
        with server(folder, home) as (address, token), browser() as made:
            for name in names:
                notebook = Notebook(made, address, token, name, width=1120, height=2400).run_all()
                labs = notebook.labs()
                for number in range(labs.count()):
                    lab = labs.nth(number)
                    lab.locator(".cl-picture svg:visible").first.wait_for()
                    marks = lab.locator("i[data-preview]").evaluate("mark => ({...mark.dataset})")
                    save(lab.screenshot(), marks)
                if name.startswith("04"):
                    readme(notebook)
                notebook.close()


def readme(notebook):
    """The top of lesson 04's lab as the README shows it."""
    file = COURSE / "notebooks" / "images" / "lab_04.png"
    file.parent.mkdir(exist_ok=True)
    notebook.page.set_viewport_size({"width": 1400, "height": 900})
    notebook.labs().first.evaluate("lab => lab.closest('.jp-Cell').scrollIntoView({block: 'start'})")
    shot = Image.open(io.BytesIO(notebook.page.screenshot())).convert("RGB")
    shot.quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file.relative_to(COURSE)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
