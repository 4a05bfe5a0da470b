"""A page of the book with one live lab, as small as such a page can be; no server is needed."""

import json
import re
from urllib.parse import urlsplit

from jupyter import COURSE
from pages import collect_errors

LABS = COURSE / "course_utils" / "labs"
BOOK = "https://book.test"  # nothing is fetched
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A live lab</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/{name}/live.css"></head>
<body><main><h1>A live lab</h1><div id="lab"><p>A picture of the lab.</p></div></main>
<script type="module">
import {{ mount }} from "/{name}/live.js";
mount(document.getElementById("lab"), {{ state: {state}, data: {data} }});
window.mounted = true;
</script></body></html>"""


class LivePage:
    """The live lab `name`, open in a page; `problems` collects what its console calls an error."""

    def __init__(self, made, name, data, state=None, theme="light", width=1400, height=1000, **more):
        self.name, self.data, self.problems = name, data, []
        self.page = made.new_page(viewport={"width": width, "height": height}, **more)
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        collect_errors(self.page, lambda problem: self.problems.append(problem))
        begin, data = json.dumps(state), json.dumps(data)
        self.body = PAGE.format(name=name, theme=theme, state=begin, data=data.replace("</", "<\\/"))
        self.page.route(re.compile(re.escape(BOOK)), self._serve)
        self.page.goto(f"{BOOK}/")
        self.page.wait_for_function("window.mounted")
        self.lab = self.page.locator("#lab")

    def _serve(self, route):
        path = urlsplit(route.request.url).path
        if path == "/":
            route.fulfill(body=self.body, content_type="text/html")
        else:
            route.fulfill(path=LABS / path[1:])

    def module(self, code, *given):
        """What JavaScript gives that knows the module as `lab`, its data as `data`, and what is `given`."""
        call = f"async ([data, ...given]) => {{ const lab = await import('/{self.name}/live.js'); {code} }}"
        return self.page.evaluate(call, [self.data, *given])

    def words(self):
        """What the lab's pictures say."""
        return [one.get_attribute("aria-label") for one in self.lab.locator("svg[role=img]").all()]

    def set(self, state):
        """Write a state into the line, and press Enter."""
        line = self.lab.get_by_label("State", exact=True)
        line.fill(state)
        line.press("Enter")

    def new_problems(self):
        """What went wrong since this was asked last."""
        self.page.evaluate("0")  # what the console told before has arrived by then
        problems, self.problems = self.problems, []
        return problems

    def close(self):
        self.page.close()
