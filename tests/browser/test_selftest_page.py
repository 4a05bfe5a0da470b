"""The self-test of a lesson, in a page as the book has it: by keyboard, read aloud, kept, and on a phone."""

import re
import shutil

import pytest
from jupyter import COURSE
from pages import collect_errors, served
from playwright.sync_api import expect
from test_screen import LOOKS

from book import selftest

PAGE = """<!doctype html>
<html lang="en" data-theme="auto"><head><meta charset="utf-8"><title>A lesson</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="selftest.css">
<script type="module" src="selftest.js"></script>
<style>
  body { margin: 0; padding: 0 16px; font: 16px/1.5 sans-serif; background: #fff; color: #222; }
  @media (prefers-color-scheme: dark) {
    html:not([data-theme="light"]) body { background: #121212; color: #ddd; }
  }
</style></head><body><h1>A lesson</h1><h2>Self-test</h2>
BLOCK
</body></html>"""
NAMES = sorted(path.stem for path in selftest.FOLDER.glob("*.toml"))
LESSON = "08_convlstm"
KEY = f"selftest {LESSON}"
expect.set_options(timeout=30_000)  # a busy machine may need more than the usual 5 seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a folder with a page for each lesson."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("selftest.js", "selftest.css"):
        shutil.copy(COURSE / "book" / "static" / name, folder)
    for name in NAMES:
        page = PAGE.replace("BLOCK", selftest.html_of(name))
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    with served(folder) as address:
        yield address


@pytest.fixture
def visit(site, chrome):
    """Opens the page of a lesson in a fresh browser; at the end, nothing must have gone wrong in it."""
    opened, problems = [], []

    def opener(name=LESSON, script=None, **more):
        context = chrome.new_context(**more)
        opened.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        collect_errors(page, problems.append)
        page.goto(f"{site}{name}.html")
        return page

    yield opener
    for context in opened:
        context.close()
    assert problems == []


def question(page, number):
    return page.locator("fieldset").nth(number - 1)


def answer(page, number, right=True):
    """Check the right choice of a question, or the first wrong one."""
    choices = selftest.questions_of(LESSON)[number - 1]["choices"]
    question(page, number).get_by_role("radio").nth(
        [choice["right"] for choice in choices].index(right)
    ).check()
    question(page, number).get_by_role("button", name="Check").click()


def told(page, number):
    return question(page, number).get_by_role("status")


def count(page):
    return page.locator(".selftest-count")


def test_it_is_answered_by_keyboard_alone(visit):
    page = visit()
    first = selftest.questions_of(LESSON)[0]["choices"]
    page.keyboard.press("Tab")  # to the first radio button, as nothing else is before it
    page.keyboard.press("ArrowDown")
    expect(question(page, 1).get_by_role("radio").nth(1)).to_be_focused()
    expect(told(page, 1)).to_be_empty()  # on the way through the choices, nothing is given away
    page.keyboard.press("Enter")
    expect(told(page, 1)).to_contain_text("✓ Right." if first[1]["right"] else "✗ Not right.")
    page.keyboard.press("Tab")
    expect(question(page, 1).get_by_role("button")).to_be_focused()
    outline = "node => getComputedStyle(node).outlineStyle + getComputedStyle(node).outlineWidth"
    assert question(page, 1).get_by_role("button").evaluate(outline) == "solid3px"
    page.keyboard.press("Tab")
    expect(told(page, 1).get_by_role("link")).to_be_focused()
    page.keyboard.press("Tab")
    expect(question(page, 2).get_by_role("radio").first).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the button
    expect(told(page, 2)).not_to_be_empty()


def test_what_is_told_is_announced(visit):
    page = visit()
    region = told(page, 1)
    # A live region is announced only if it was there, and not hidden, before its words came.
    before = region.element_handle()
    assert before.evaluate("node => getComputedStyle(node).display + getComputedStyle(node).visibility") == (
        "blockvisible"
    )
    answer(page, 1, right=False)
    why = next(c["why"] for c in selftest.questions_of(LESSON)[0]["choices"] if not c["right"])
    expect(region).to_contain_text("✗ Not right.")
    expect(region).to_contain_text(why.partition(" (")[0].replace("*", "").replace("`", ""))
    assert before.evaluate("node => node.isConnected && node.textContent.length > 20")
    expect(count(page)).to_have_attribute("role", "status")


def test_each_question_and_choice_has_a_name(visit):
    page = visit()
    asked = selftest.questions_of(LESSON)[1]
    group = page.get_by_role("group", name="Question 2 of 5 You want to see ten frames ahead.")
    expect(group).to_have_count(1)
    for choice in asked["choices"]:
        expect(group.get_by_role("radio", name=choice["say"], exact=True)).to_have_count(1)
    expect(group.get_by_role("button")).to_have_accessible_description("Question 2 of 5")


def test_an_answer_can_be_changed(visit):
    page = visit()
    answer(page, 1, right=False)
    expect(count(page)).to_have_text("0 of 5 right. Not answered yet: 4.")
    question(page, 1).get_by_role("radio").last.check()
    expect(told(page, 1)).to_be_empty()  # what was told belonged to another choice
    answer(page, 1)
    expect(told(page, 1)).to_contain_text("✓ Right.")
    expect(count(page)).to_have_text("1 of 5 right, 0 at the first try. Not answered yet: 4.")
    answer(page, 1, right=False)  # to read why it is wrong, costs nothing
    expect(told(page, 1)).to_contain_text("✗ Not right.")
    expect(count(page)).to_have_text("1 of 5 right, 0 at the first try. Not answered yet: 4.")
    for number in (2, 3, 4, 5):
        answer(page, number)
    expect(count(page)).to_have_text("5 of 5 right, 4 at the first try.")


def test_check_without_a_choice_asks_for_one(visit):
    page = visit()
    question(page, 3).get_by_role("button", name="Check").click()
    expect(told(page, 3)).to_have_text("Choose an answer first.")
    expect(count(page)).to_have_text("0 of 5 right.")


def test_answers_outlast_a_reload_lesson_by_lesson_and_can_be_cleared(visit, site):
    page = visit()
    answer(page, 1)
    answer(page, 2, right=False)
    page.reload()
    expect(told(page, 1)).to_contain_text("✓ Right.")
    expect(told(page, 2)).to_contain_text("✗ Not right.")
    expect(question(page, 2).get_by_role("radio", checked=True)).to_have_count(1)
    expect(count(page)).to_have_text("1 of 5 right, 1 at the first try. Not answered yet: 3.")
    page.goto(f"{site}06_attention.html")
    expect(count(page)).to_have_text("0 of 5 right.")
    page.goto(f"{site}{LESSON}.html")
    page.get_by_role("button", name="Clear my answers").click()
    expect(count(page)).to_have_text("Cleared. 0 of 5 right.")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    expect(told(page, 1)).to_be_empty()
    expect(page.get_by_role("button", name="Clear my answers")).to_be_focused()
    assert page.evaluate("localStorage.length") == 0
    page.reload()
    expect(count(page)).to_have_text("0 of 5 right.")


@pytest.mark.parametrize(
    "stored", ["{", "[]", "5", '{"KEY": 7}', '{"KEY": [9, "length", null]}', '{"x": [0]}']
)
def test_what_else_is_stored_does_no_harm(visit, stored):
    key = re.search(r'"key": "(\w+)"', selftest.html_of(LESSON))[1]
    text = stored.replace("KEY", key)
    page = visit(script=f"localStorage.setItem({KEY!r}, {text!r})")
    expect(count(page)).to_have_text("0 of 5 right.")
    answer(page, 1)
    expect(count(page)).to_have_text("1 of 5 right, 1 at the first try. Not answered yet: 4.")


def test_without_storage_it_works_as_long_as_the_page(visit):
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})"
    page = visit(script=refuse)
    answer(page, 1)
    expect(count(page)).to_have_text("1 of 5 right, 1 at the first try. Not answered yet: 4.")
    page.get_by_role("button", name="Clear my answers").click()
    expect(count(page)).to_have_text("Cleared. 0 of 5 right.")


def test_without_a_script_it_can_be_read(visit):
    page = visit(java_script_enabled=False)
    expect(page.locator("fieldset")).to_have_count(0)
    answers = page.get_by_text("is right.", exact=False).and_(page.locator("p"))
    expect(answers).to_have_count(5)
    expect(answers.first).to_be_hidden()
    page.get_by_text("Five questions, with their answers").click()
    expect(answers.first).to_be_hidden()
    page.get_by_text("Answer", exact=True).first.click()
    expect(answers.first).to_be_visible()


CHECK_ALL = """() => document.querySelectorAll('form').forEach((form, number) => {
    const radios = form.querySelectorAll('input');
    radios[number % radios.length].checked = true;
    form.requestSubmit();
})"""  # right choices and wrong ones
TOO_WIDE = """() => [...document.querySelectorAll('.selftest-place *, html')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
    .map(one => one.outerHTML.slice(0, 80))"""


def test_nothing_scrolls_sideways_on_a_phone(visit, site):
    page = visit(viewport={"width": 320, "height": 800})
    for name in NAMES:
        page.goto(f"{site}{name}.html")
        page.evaluate(CHECK_ALL)
        expect(page.locator(".selftest-told:empty")).to_have_count(0)
        for width in (320, 400, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(TOO_WIDE) == [], (name, width)


@pytest.mark.parametrize(
    ("theme", "prefers", "dark"),
    [("auto", "light", False), ("auto", "dark", True), ("light", "dark", False), ("dark", "light", True)],
)
def test_it_can_be_read_in_the_light_and_in_the_dark(visit, theme, prefers, dark):
    page = visit("03_joining", color_scheme=prefers)
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    page.evaluate(CHECK_ALL)
    ground = "node => getComputedStyle(node).backgroundColor"
    assert question(page, 1).evaluate(ground) == ("rgb(28, 33, 39)" if dark else "rgb(246, 247, 249)")
    for number in range(1, 6):
        question(page, number).scroll_into_view_if_needed()
        assert question(page, number).evaluate(LOOKS) == []
