"""The book, and what makes it: folded, linked and live as it should be, in a browser that is offline.

Run by `make test-more` with the packages of .teach.
"""

import hashlib
import html.parser
import json
import re
import shutil
from contextlib import contextmanager
from urllib.parse import unquote, urljoin

import pytest
from jupyter import browser
from pages import audited, collect_errors, served, stay_at
from playwright.sync_api import expect

from book import __main__ as making
from book import api, lessons, selftest

# What MyST and the theme use, and Sphinx will drop, is theirs to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

NAMES = sorted(path.stem for path in making.ROOT.glob("notebooks/[0-9][0-9]_*.ipynb"))
VIEWS = [(width, scheme) for width in (400, 1400) for scheme in ("light", "dark")]
MATHJAX = "0a6ded5abbce13331658dd239f34382abd06492c74b71b61e8caa8112ec55fa5"


@pytest.fixture(scope="session")
def site():
    """The folder of the whole book, made as `make book` does it."""
    assert making.main([]) == 0
    return making.BUILD / "book"


@pytest.fixture(scope="session")
def chromium():
    with browser() as made:
        yield made


@contextmanager
def opened(chromium, folder, problems, **more):
    """A function that opens a page of a folder; an error in it, or a call of another site, is a problem."""
    with served(folder) as address:
        context = chromium.new_context(**more)
        context.set_default_timeout(120_000)  # for machines that do other things, too
        stay_at(address, context, problems.append)

        def visit(path, width=1400, scheme="light"):
            page = context.new_page()
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            collect_errors(page, lambda problem: problems.append(f"{path}: {problem}"))
            page.goto(address + path)
            page.evaluate("window.MathJax?.startup.promise.then(() => true)")
            return page

        yield visit
        context.close()


@pytest.fixture
def visit(chromium, site):
    problems = []
    with opened(chromium, site, problems) as visit:
        yield visit
    assert problems == []


def unfold(page):
    """Open all folds of a page, and let it take note."""
    page.evaluate(
        """() => {
            document.querySelectorAll('details').forEach(fold => { fold.open = true; });
            return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        }"""
    )


# ---------------------------------------------------------------- in the browser


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_home_leads_to_every_lesson(visit, width, scheme):
    page = visit("index.html", width, scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("CNN meets LSTM"))
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    for name in NAMES:
        expect(page.locator(f'.lesson-map a[href="notebooks/{name}.html"]')).to_be_visible()
    page.get_by_role("link", name="Read the first lesson").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("00 · Start here"))


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_search_finds_a_word_and_opens_its_page(visit, width, scheme):
    page = visit("index.html", width, scheme)
    page.locator("button.search-button:visible, button.search-button-field:visible").first.click()
    page.locator("#pst-search-dialog input[type=search]").fill("receptive")
    page.keyboard.press("Enter")
    page.locator("#search-results a", has_text="01 · Convolution").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("01 · Convolution"))
    assert "receptive field" in page.locator("article").inner_text()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_lesson_shows_formulas_and_pictures(visit, width, scheme):
    page = visit("notebooks/02_lstm.html", width, scheme)
    assert page.locator("mjx-container").count() == page.locator(".math").count() > 50
    assert page.locator("mjx-merror").count() == 0
    assert not re.search(r"\\[(\[]|\$", page.locator("article").inner_text())
    broken = page.evaluate(
        """() => [...document.querySelectorAll('article img')]
            .filter(img => !img.complete || !img.naturalWidth || !img.alt.trim()).map(img => img.outerHTML)"""
    )
    assert broken == []
    assert page.locator("article img").count() > 5


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_solution_is_folded_and_opens(visit, width, scheme):
    page = visit("notebooks/01_convolution.html", width, scheme)
    solution = page.locator(".tag_solution details").first
    expect(solution).to_contain_text("[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]")
    expect(solution.locator("pre")).not_to_be_visible()
    expect(solution.locator("summary")).to_have_accessible_name("Show the solution")
    solution.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(solution.locator("pre")).to_be_visible()
    expect(solution).to_contain_text("passes its check")
    expect(solution.locator("summary")).to_have_accessible_name("Hide the solution")
    hint = page.locator("details", has=page.get_by_text("Hint", exact=True)).first
    expect(hint.get_by_text("the weights must sum to 0")).not_to_be_visible()
    hint.locator("summary").click()
    expect(hint.get_by_text("the weights must sum to 0")).to_be_visible()
    assert page.get_by_text("Show how 01.1 is checked").is_visible()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_kernel_lab_is_moved_with_keyboard_and_mouse(visit, width, scheme):
    lab = visit("notebooks/01_convolution.html", width, scheme).locator("figure.lab")
    line, output = lab.get_by_label("State", exact=True), lab.locator("svg[role=img]").nth(1)
    expect(line).to_have_value(re.compile("^ker1;image=digit;kernel=vertical;.*row=12;column=12$"))
    lab.get_by_label("Output row", exact=True).press("ArrowRight")
    expect(line).to_have_value(re.compile("row=13;column=12$"))
    expect(output).to_have_accessible_name(re.compile("Row 13, column 12 is"))
    image = lab.locator("canvas").first
    box = image.bounding_box()
    image.click(position={"x": box["width"] * 3.5 / 24, "y": box["height"] * 7.5 / 24}, force=True)
    expect(line).to_have_value(re.compile("row=7;column=3$"))
    expect(output).to_have_accessible_name(re.compile("Row 7, column 3 is"))


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_gate_lab_is_moved_with_keyboard_and_mouse(visit, width, scheme):
    lab = visit("notebooks/02_lstm.html", width, scheme).locator("figure.lab").first
    line, course = lab.get_by_label("State", exact=True), lab.locator("svg[role=img]").first
    expect(line).to_have_value(re.compile("^gat1;.*step=5$"))
    lab.get_by_label("Time step", exact=True).press("ArrowRight")
    expect(line).to_have_value(re.compile("step=6$"))
    expect(course).to_have_accessible_name(re.compile("step 6 of 16"))
    lab.get_by_label("Forget gate f", exact=True).press("ArrowDown")
    expect(course).to_have_accessible_name(re.compile("Forget gate held shut"))
    box = course.bounding_box()
    course.click(position={"x": box["width"] * 0.8, "y": box["height"] * 0.3}, force=True)
    expect(course).to_have_accessible_name(re.compile(r"step 1\d of 16"))


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_self_test_is_answered(visit, width, scheme):
    page = visit("notebooks/03_joining.html", width, scheme)
    first = page.locator(".selftest-question").first
    choices = [choice["right"] for choice in selftest.questions_of("03_joining")[0]["choices"]]
    first.get_by_role("radio").nth(choices.index(False)).check()
    first.get_by_role("button", name="Check").click()
    expect(first.get_by_role("status")).to_contain_text("✗ Not right.")
    first.get_by_role("radio").nth(choices.index(True)).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(first.get_by_role("status")).to_contain_text("✓ Right.")
    expect(page.locator(".selftest-count")).to_contain_text("1 of 5 right, 0 at the first try.")
    first.get_by_role("status").get_by_role("link").click()
    assert page.evaluate("document.querySelector(':target') !== null")


def test_nothing_sticks_out_of_a_phone(visit, site):
    for path in sorted(site.rglob("*.html")):
        if path.parent.name not in ("_static", "notebooks"):  # lessons are looked at below
            page = visit(path.relative_to(site).as_posix(), 400)
            unfold(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, path.name
            page.close()


# The colour of a word of code depends on its kind and its ground: one of each is enough, and much faster.
ONE_OF_EACH = """() => {
    const words = [...document.querySelectorAll('.highlight span')];
    const kinds = words.map(word => word.className + getComputedStyle(word.closest('pre')).backgroundColor);
    words.forEach((word, n) => kinds.indexOf(kinds[n]) < n && word.remove());
}"""


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1400, "light")])
@pytest.mark.parametrize(
    "name", ["index", *(f"notebooks/{name}" for name in NAMES), "api/datasets", "teaching/README", "search"]
)
def test_axe_finds_nothing_serious(visit, name, width, scheme):
    page = visit(f"{name}.html", width, scheme)
    expect(page.locator("figure[data-lab] img, .selftest-folded")).to_have_count(0)  # live and open by now
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(ONE_OF_EACH)
    assert audited(page) == []


def test_axe_finds_what_is_serious(visit):
    page = visit("notebooks/00_start_here.html")
    page.evaluate("document.querySelector('article img').removeAttribute('alt')")
    page.evaluate(
        "document.querySelectorAll('.highlight .k').forEach(word => { word.style.color = '#eee'; })"
    )
    page.evaluate(ONE_OF_EACH)
    assert {rule for rule, *_ in audited(page)} == {"image-alt", "color-contrast"}


# ---------------------------------------------------------------- links


class Links(html.parser.HTMLParser):
    """The ids of a page, and the addresses that it names."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.named = {"top", ""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        self.named += [attributes[key] for key in ("href", "src") if attributes.get(key)]


def test_every_address_in_the_book_exists(site):
    read = {path: Links(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    for path, links in read.items():
        for address in links.named:
            if not re.match(r"(https?|data|mailto):", address):
                file, _, word = (
                    unquote(urljoin(path.as_uri(), address)).removeprefix("file://").partition("#")
                )
                target = path.__class__(file.partition("?")[0])
                assert target.is_file(), (path.name, address)
                assert target not in read or word in read[target].ids, (path.name, address)


GOOD = "# Home\n\nTo [one section](other.md#word) and [another](other.md#By-its-heading).\n"
OTHER = '---\norphan: true\n---\n# Other\n\n<a id="word"></a>\n\n## First\n\n## By its heading\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD, None),
        (GOOD + "\nTo [nowhere](other.md#wrod).\n", "'wrod'"),
        (GOOD + "\nTo [nowhere](nothing.md).\n", "'nothing.md'"),
        (GOOD + "\n![A picture](nothing.png)\n", "nothing.png"),
    ],
)
def test_a_broken_link_fails_the_build_and_the_next_one_too(tmp_path, capfd, text, told):
    making.lay(
        {"index.md": text.encode(), "other.md": OTHER.encode(), "_static/x.js": b""}, tmp_path / "pages"
    )
    for _ in range(2):
        assert bool(making.make(tmp_path / "pages", tmp_path / "site")) == bool(told)
        assert (told or "") in capfd.readouterr().err


def test_links_to_other_sites_are_checked_on_request(tmp_path, capfd):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "there.html").write_text("<p>Here.</p>")
    with served(tmp_path / "site") as address:
        for name, status in (("there", 0), ("gone", 1)):
            text = f"# Home\n\nTo [a site]({address}{name}.html).\n"
            making.lay({"index.md": text.encode(), "_static/x.js": b""}, tmp_path / "pages")
            assert making.make(tmp_path / "pages", tmp_path / "links", "linkcheck") == status
    assert "gone.html" in capfd.readouterr().err


def test_links_out_of_the_notebooks_lead_to_pages_or_copies():
    cases = {
        "[a](../README.md)": "[a](../index.md)",
        "[b](../course_utils/labs/kernel/lab.py)": "[b](../api/labs.rst)",
        "[c](../LICENSE)": "[c](../LICENSE)",
        "[d](01_convolution.ipynb#idea)": "[d](01_convolution.ipynb#idea)",
        "[e](https://example.org/README.md)": "[e](https://example.org/README.md)",
        "[f](../nothing.md), [g](#here)": "[f](../nothing.md), [g](#here)",
    }
    made, known = {}, {"notebooks/01_convolution.ipynb"}
    led = {text: making._lead_on(text, "notebooks/00_start_here.ipynb", known, made) for text in cases}
    assert led == cases
    assert made == {"LICENSE": (making.ROOT / "LICENSE").read_bytes()}


# ---------------------------------------------------------------- pages


def markdown(*texts):
    cells = enumerate(texts)
    return {
        "cells": [{"id": f"{n}", "cell_type": "markdown", "metadata": {}, "source": [t]} for n, t in cells]
    }


def test_a_link_by_name_belongs_to_its_cell():
    names = markdown("[x][one], [one]\n\n[one]: a.md#b\n", "[one] | [two][one]\n\n[one]: c.md\n[two]: d.md\n")
    first, second = (cell["source"] for cell in lessons.prepare(names, "91_glossary")["cells"])
    assert first == "[x](a.md#b), [one](a.md#b)\n\n"
    assert second == "[one](c.md) | [two](c.md)\n\n"


def test_no_heading_is_two_levels_below_another():
    cells = markdown("# A\n\n## B\n\n#### C", "#### D\n\n```\n# no heading\n```\n\n## E")
    first, second = (cell["source"] for cell in lessons.prepare(cells, "90_x")["cells"])
    assert first == "# A\n\n## B\n\n### C"
    assert second == "#### D\n\n```\n# no heading\n```\n\n## E"


def test_the_reference_has_all_that_lessons_call(site):
    code = "\n".join(
        "".join(cell["source"])
        for path in making.ROOT.glob("notebooks/*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    )
    used = re.findall(r"\b(check|datasets|plotting|results)\.([A-Za-z]\w*)\(", code)
    used += [("labs", name) for name in re.findall(r"\b(\w+Lab)\(", code)]
    assert len(set(used)) > 25
    for module, name in set(used):
        page = (site / "api" / f"{module}.html").read_text(encoding="utf-8")
        assert f'id="course_utils.{module}.{name}"' in page, name
    assert "function:: claim(sentence, value, *, above=None, below=None, " in api.page(making.ROOT, "check")


def test_mathjax_is_what_its_authors_published(site):
    """The package that carries it is somebody else's; this is the file of mathjax@3.2.2."""
    published = (site / "_static" / "mathjax" / "tex-chtml.js").read_bytes()
    assert hashlib.sha256(published).hexdigest() == MATHJAX


# ---------------------------------------------------------------- live labs

STUB = "export function mount(root, { state, data }) { root.textContent = `${data.word}: ${state}`; }"


@pytest.fixture(scope="module")
def live_site(tmp_path_factory):
    """A book of one page with the lab of lesson 01, which a stub makes live."""
    folder = tmp_path_factory.mktemp("live")
    notebook = json.loads((making.ROOT / "notebooks" / "01_convolution.ipynb").read_text(encoding="utf-8"))
    lab = [cell for cell in notebook["cells"] if "lab" in cell["metadata"].get("tags", [])]
    notebook["cells"] = markdown("# One lab")["cells"] + lab
    page = lessons.prepare(notebook, "01_convolution")
    files = {
        "index.md": b"# Home\n\n```{toctree}\nnotebooks/01_convolution\n```\n",
        "notebooks/01_convolution.ipynb": json.dumps(page).encode(),
        "_static/labs/kernel/live.css": b"",
        "_static/labs/kernel/live.json": b'{"word": "alive"}',
        "_static/labs/kernel/live.js": STUB.encode(),
    }
    making.lay(files, folder / "pages")
    assert making.make(folder / "pages", folder / "site") == 0
    return folder / "site"


def test_a_live_lab_takes_the_place_of_its_picture(chromium, live_site):
    problems = []
    with opened(chromium, live_site, problems) as visit:
        figure = visit("notebooks/01_convolution.html").locator("figure.lab")
        expect(figure).to_have_text(
            re.compile("^alive: ker1;image=digit;kernel=vertical;size=3;.*column=12$")
        )
        expect(figure.locator("img")).to_have_count(0)
    assert problems == []


@pytest.mark.parametrize("fault", ["no script", "no module", "an error"])
def test_where_a_live_lab_does_not_work_its_picture_stays(chromium, live_site, tmp_path, fault):
    folder, problems = tmp_path / "site", []
    shutil.copytree(live_site, folder)
    module = folder / "_static" / "labs" / "kernel" / "live.js"
    if fault == "no module":
        module.unlink()
    elif fault == "an error":
        module.write_text("export function mount() { throw new Error('broken'); }")
    with opened(chromium, folder, problems, java_script_enabled=fault != "no script") as visit:
        figure = visit("notebooks/01_convolution.html").locator("figure.lab")
        expect(figure.locator("img")).to_be_visible()
        expect(figure).to_contain_text("To use it, run make lab and open lesson 01.")
    assert bool(problems) == (fault != "no script")
