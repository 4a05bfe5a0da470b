"""A lab as a page: `course.py dashboard gate` in a real browser, which lets no request out to other hosts."""

import re
import sys

from jupyter import free_port
from playwright.sync_api import expect
from serving import serving

import course

# The command as an instructor runs it, without the preparation: this test runs in what that makes.
DASHBOARD = """
import sys, pathlib, course
course.PYTHON, course.prepare_teach = pathlib.Path(sys.argv[1]), lambda: None
sys.exit(course.main(sys.argv[2:]))
"""


def test_the_gate_lab_is_a_page_that_follows_its_dials(browser, python, tmp_path):
    address = f"http://127.0.0.1:{free_port()}/"
    command = [sys.executable, "-c", DASHBOARD, python, "dashboard", "gate", "--no-browser"]
    command += ["--port", address.strip("/").rpartition(":")[2]]
    page, problems = browser.new_page(viewport={"width": 1400, "height": 1000}), []

    def stay_here(route):
        if route.request.url.startswith(address):
            route.continue_()
        else:
            problems.append(f"the page asked for {route.request.url}")
            route.abort()

    page.route(re.compile("^https?:"), stay_here)
    page.on("pageerror", lambda error: problems.append(f"{error}\n{error.stack}"))
    page.on("console", lambda told: problems.append(told.text) if told.type == "error" else None)
    ready = f"{address}voila/templates/lab/static/voila.js"  # the page itself would start a kernel
    with serving(command, ready, tmp_path / "voila.log", cwd=course.ROOT) as server:
        page.goto(address, timeout=180_000)  # it arrives while its cells run
        lab = page.locator(".course-lab").first
        picture = lab.locator(".cl-picture svg").first
        expect(picture).to_have_attribute("aria-label", re.compile("step 5 of 16"), timeout=60_000)
        lab.get_by_label("Time step", exact=True).press("ArrowRight")
        expect(picture).to_have_attribute("aria-label", re.compile("step 6 of 16"), timeout=30_000)
        lab.get_by_label("Cell", exact=True).press("ArrowDown")
        expect(picture).to_have_attribute("aria-label", re.compile("^Leaky counter"), timeout=30_000)
        assert page.get_by_text("import keras").count() == 0
        kernels = [one for one in server.children(recursive=True) if "ipykernel_launcher" in one.cmdline()]
        assert len(kernels) == 1  # one for each visitor
        page.close()
    assert not problems, "\n".join(problems)
