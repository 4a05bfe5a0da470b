"""The self-test of a lesson: five questions, kept in `book/selftest/NN_name.toml`, as a block of HTML.

A file has five times this, with 3 or 4 choices, of which one is right:

    [[questions]]
    ask = "What is `x[:, 0]`?"

    [[questions.choices]]
    say = "The first frame of each clip"
    right = true
    why = "The second axis is time ([section 3](#shape))."

Words may hold `code`, *emphasis*, and links to places of the lesson; `ask` also blocks of code, fenced by
three backticks. `why` is shown once its choice was taken, and links to where the lesson says more: to an
`<a id="shape"></a>`, or to a heading, by the name that Sphinx gives it.

Each page of the book loads `static/selftest.css` and, as a module, `static/selftest.js`, which puts the
questions in the place of the folded ones that are there without it.
"""

import hashlib
import html
import json
import re
import tomllib
import unicodedata
from pathlib import Path

FOLDER = Path(__file__).with_name("selftest")
LESSONS = Path(__file__).resolve().parents[1] / "notebooks"
QUESTIONS, CHOICES = 5, (3, 4)
FENCE = re.compile(r"^```\w*\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]*)`")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]*)\)")


def html_of(lesson):
    """Give the block for the page of a lesson.

    It has no empty line, so Markdown takes it as one block of HTML.

    Parameters
    ----------
    lesson : str
        Its name, such as "01_convolution".

    Returns
    -------
    str
        The questions as JSON, for `selftest.js`, and folded ones for readers without JavaScript.

    Raises
    ------
    ValueError
        If the file is not as it should be; names file, question, and what is allowed.
    """
    questions = [_rendered(question) for question in questions_of(lesson)]
    data = json.dumps({"lesson": lesson, "questions": questions}, ensure_ascii=False)
    for sign in "<>&":  # nothing in it may end the script
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    folded = "".join(map(_folded, questions))
    return (
        '<div class="selftest-place">\n'
        f'<script type="application/json" class="selftest">{data}</script>\n'
        '<details class="selftest-folded"><summary>Five questions, with their answers</summary>'
        f"<ol>{folded}</ol></details>\n"
        "</div>"
    )


def _rendered(question):
    """Give a question with HTML for words, and a key for the answers that a browser keeps.

    The key changes with the wording: an answer belongs to the question that was asked.
    """
    asked = json.dumps([question["ask"], [choice["say"] for choice in question["choices"]]])
    choices = [
        {"say": _inline(choice["say"]), "right": choice["right"], "why": _inline(choice["why"])}
        for choice in question["choices"]
    ]
    key = hashlib.sha256(asked.encode()).hexdigest()[:8]
    return {"key": key, "ask": _blocks(question["ask"]), "choices": choices}


def questions_of(lesson):
    """Read and check the questions of a lesson: a list of dicts, as in its file."""
    path = FOLDER / f"{lesson}.toml"
    if not path.is_file():
        there = ", ".join(sorted(path.stem for path in FOLDER.glob("*.toml")))
        raise ValueError(f"There is no book/selftest/{lesson}.toml. There are: {there}")
    return checked(path.read_text(encoding="utf-8"), f"book/selftest/{lesson}.toml", places_of(lesson))


def places_of(lesson):
    """Name -> number of its section ("" if it has none), for all places of a lesson that a link finds."""
    notebook = json.loads((LESSONS / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    places, number, fenced = {}, "", False
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    for line in "\n".join(texts).split("\n"):
        fenced ^= line.startswith("```")
        if fenced:
            continue
        if anchor := re.match(r'<a id="([^"]+)"></a>', line):
            places[anchor[1]] = None  # that of the heading below it
        if heading := re.match(r"(#+) +(.*)", line):
            if len(heading[1]) == 2:
                number = (re.match(r"\d+(?= ·)", heading[2]) or [""])[0]
            places.setdefault(_name(heading[2]), None)
            places = {name: number if at is None else at for name, at in places.items()}
    return places


def _name(heading):
    """The name that docutils gives to a heading."""
    text = unicodedata.normalize("NFKD", heading.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"^[-\d]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", text))


def checked(text, file, places):
    """Read questions from the text of a file, and raise ValueError where something is not as it should be."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{file} is no TOML: {error}") from None
    _fields(data, {"questions": list}, file)
    questions = data["questions"]
    if len(questions) != QUESTIONS:
        raise ValueError(f"{file} has {len(questions)} questions; it must have {QUESTIONS}.")
    for number, question in enumerate(questions, 1):
        _check(question, f"{file}, question {number}", places)
    return questions


def _check(question, where, places):
    _fields(question, {"ask": str, "choices": list}, where)
    _words(FENCE.sub("", question["ask"]), f"{where}, ask", places)
    choices = question["choices"]
    if len(choices) not in CHOICES:
        raise ValueError(f"{where} has {len(choices)} choices; {' or '.join(map(str, CHOICES))} are allowed.")
    for number, choice in enumerate(choices, 1):
        at = f"{where}, choice {number}"
        _fields(choice, {"say": str, "right": bool, "why": str}, at)
        for field in ("say", "why"):
            _words(choice[field], f"{at}, {field}", places)
        if LINK.search(choice["say"]):
            raise ValueError(f"{at}, say: no links here; they belong into why.")
        if not LINK.search(choice["why"]):
            raise ValueError(
                f"{at}, why: must say where to look, such as [section 3](#{next(iter(places))})."
            )
    right = sum(choice["right"] for choice in choices)
    if right != 1:
        raise ValueError(f"{where} has {right} right choices; exactly one is allowed.")
    if len({choice["say"] for choice in choices}) < len(choices):
        raise ValueError(f"{where} offers the same choice twice; each must say something else.")


def _fields(table, kinds, where):
    """Refuse a table that lacks a field, has another one, or one of another kind."""
    if not isinstance(table, dict) or table.keys() != kinds.keys():
        found = ", ".join(table) if isinstance(table, dict) else repr(table)
        raise ValueError(f"{where} has {found or 'nothing'}; allowed, and needed: {', '.join(kinds)}.")
    names = {str: "words in quotes", list: "tables in [[double brackets]]", bool: "true or false"}
    for field, kind in kinds.items():
        if not isinstance(table[field], kind):
            raise ValueError(f"{where}: {field} is {table[field]!r}; allowed: {names[kind]}.")


def _words(text, where, places):
    """Refuse words that are empty, that are marked up by halves, or that link to where nothing is."""
    if not text.strip():
        raise ValueError(f"{where}: is empty; it must say something.")
    if "```" in text:
        what = "a block of code is not closed" if where.endswith("ask") else "blocks of code belong into ask"
        raise ValueError(f"{where}: {what}.")
    if text.count("`") % 2:
        raise ValueError(f"{where}: a ` is alone; code stands between two of them.")
    text = CODE.sub("", text)
    if text.count("*") % 2:
        raise ValueError(f"{where}: a * is alone; what is stressed stands between two of them.")
    for label, target in LINK.findall(text):
        name = target.removeprefix("#")
        if not target.startswith("#") or name not in places:
            there = ", #".join(places)
            raise ValueError(f"{where}: {target} is no place of the lesson. There are: #{there}.")
        section = re.fullmatch(r"section (\d+)", label)
        if section and section[1] != places[name]:
            raise ValueError(f"{where}: {target} is in section {places[name]}, not in section {section[1]}.")


def _blocks(text):
    """Words and blocks of code as HTML, without an empty line."""
    parts = FENCE.split(text)  # words and code take turns
    words = [f"<p>{_inline(' '.join(part.split()))}</p>" if part.strip() else "" for part in parts[::2]]
    code = [f"<pre><code>{_code(part.rstrip())}</code></pre>" for part in parts[1::2]]
    return "".join(part for pair in zip(words, [*code, ""]) for part in pair)


def _code(text):
    return html.escape(text, quote=False).replace("\n", "&#10;")


def _inline(text):
    """Words of one paragraph as HTML: `code`, *emphasis* and links."""
    codes = [f"<code>{html.escape(code, quote=False)}</code>" for code in CODE.findall(text)]
    text = html.escape(CODE.sub("\0", text), quote=False)  # what is code is not marked up any further
    text = LINK.sub(r'<a href="\2">\1</a>', text)
    text = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
    return re.sub("\0", lambda _: codes.pop(0), text)


def _folded(question):
    """A question with its answer folded."""
    choices = "".join(f"<li>{choice['say']}</li>" for choice in question["choices"])
    letters = dict(zip("ABCD", question["choices"]))
    right = next(letter for letter, choice in letters.items() if choice["right"])
    reasons = "".join(f"<li>{choice['why']}</li>" for choice in letters.values())
    answer = f'<summary>Answer</summary><p>{right} is right.</p><ol type="A">{reasons}</ol>'
    return f'<li>{question["ask"]}<ol type="A">{choices}</ol><details>{answer}</details></li>'
