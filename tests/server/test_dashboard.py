"""A lab as a page: `course.py dashboard gate` in a real browser, which lets no request out to other hosts."""

import re
import sys

from jupyter import free_port
from pages import collect_errors, stay_at
from playwright.sync_api import expect
from serving import serving

import course


def test_the_gate_lab_is_a_page_that_follows_its_dials(browser, tmp_path):
    address = f"http://127.0.0.1:{free_port()}/"
    command = [sys.executable, course.ROOT / "course.py", "dashboard", "gate", "--no-browser"]
    command += ["--port", address.strip("/").rpartition(":")[2]]
    page, problems = browser.new_page(viewport={"width": 1400, "height": 1000}), []
    stay_at(address, page, problems.append)
    collect_errors(page, problems.append)
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
        assert page.get_by_text("from course_utils").count() == 0  # no code
        kernels = [one for one in server.children(recursive=True) if "ipykernel_launcher" in one.cmdline()]
        assert len(kernels) == 1  # one for each visitor
        page.close()
    assert not problems, "\n".join(problems)
