"""`teaching/jupyterhub_config.py` in a real browser, with two learners and one who is none."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import accounts
import pytest
from conftest import cannot
from jupyter import Notebook, free_port
from playwright.sync_api import expect
from serving import serving

import course

VENV = course.PYTHON.parent.parent
LESSON = "work/00_start_here.ipynb"
SETTINGS = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
import course

course.JUPYTER = Path({folder!r}, "jupyter")
load_subconfig({root!r} + "/teaching/jupyterhub_config.py")
c = get_config()
c.JupyterHub.bind_url, c.JupyterHub.hub_port = "http://127.0.0.1:{ports[0]}", {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
"""


@pytest.fixture(scope="module")
def hub():
    """The address of a hub, and the folder that has its own files and the homes of its learners."""
    unshare = ["unshare", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        cannot(
            "The hub was not tried: its accounts can only be made by root on Linux; in a container, with the"
            " capability SYS_ADMIN."
        )
    ports = [free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory(prefix="hub-") as name:  # pytest's own paths are too long for sockets
        folder = Path(name)
        folder.chmod(0o755)
        settings, log = folder / "config.py", folder / "hub.log"
        settings.write_text(
            SETTINGS.format(root=str(course.ROOT), folder=name, ports=ports), encoding="utf-8"
        )
        address = f"http://127.0.0.1:{ports[0]}"
        command = [*unshare, sys.executable, accounts.__file__, name]
        command += [sys.executable, "-m", "jupyterhub", "--config", settings]
        with serving(command, f"{address}/hub/health", log, cwd=name):
            yield address, folder
        print(log.read_text(encoding="utf-8"))  # pytest shows it if a test failed


def log_in(page, address, name, password=accounts.PASSWORD):
    """Fill in the form."""
    page.goto(address)
    page.get_by_label("Username:").fill(name)
    page.get_by_label("Password:").fill(password)
    page.get_by_role("button", name="Sign in").click()


class Learner(Notebook):
    """A learner who has logged in and sees lesson 00."""

    def __init__(self, made, address, name):
        self.watch(made.new_context(viewport={"width": 1400, "height": 1000}).new_page(), LESSON)
        self.page.set_default_timeout(180_000)  # a server starts, and its JupyterLab for the first time
        log_in(self.page, address, name)
        self.page.wait_for_url(f"**/user/{name}/lab/tree/{LESSON}")
        self.panel.locator(".jp-Notebook .jp-Cell").first.wait_for()
        self.wait_for_kernel()


@pytest.fixture(scope="module")
def learners(hub, browser):
    """Name -> learner; Ada came first."""
    return {name: Learner(browser, hub[0], name) for name in ("ada", "bob")}


def visit(notebook, address):
    """Status and text of a page that a learner opens beside the notebook."""
    page = notebook.page.context.new_page()
    try:
        return page.goto(address).status, page.content()
    finally:
        page.close()


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("eve", accounts.PASSWORD)])
def test_only_learners_come_in_and_only_with_their_password(hub, browser, name, password):
    page = browser.new_page()
    log_in(page, hub[0], name, password)
    expect(page.get_by_text("Invalid username or password")).to_be_visible(timeout=30_000)
    page.close()


def test_each_learner_runs_a_copy_of_the_lesson(hub, learners):
    sources = ["".join(cell["source"]) for cell in course.read(course.lessons()[0])["cells"]]
    setup = [number for number, source in enumerate(sources) if source.startswith(("from", "import"))]
    for name, notebook in learners.items():
        assert "Ready: Keras on TensorFlow" in notebook.run_in_cell(setup[0], sources[setup[0]])
        assert notebook.run_in_cell(setup[1], sources[setup[1]]) == ""
        where = "import sys, os\nprint(sys.prefix, os.getcwd(), os.getuid())"
        work = hub[1] / name / "cnn-meets-lstm" / "work"
        assert notebook.run_in_cell(setup[1], where) == f"{VENV} {work} {accounts.NUMBERS[name]}"
        assert {path.name for path in work.glob("*.ipynb")} == {path.name for path in course.lessons()}
        assert (work.parent / "data" / "README.md").exists()  # lessons link to it
        assert work.stat().st_mode & 0o077 == 0
        # JupyterLab asks for language servers, which are switched off.
        assert [problem for problem in notebook.new_problems() if "404 (Not Found)" not in problem] == []


def test_a_learner_has_no_extension_of_instructors(hub, learners):
    data = learners["ada"].page.evaluate("document.getElementById('jupyter-config-data').textContent")
    theirs = {extension["name"] for extension in json.loads(data)["federated_extensions"]}
    folder = VENV / "share" / "jupyter" / "labextensions"
    packages = [*folder.glob("[!@]*/package.json"), *folder.glob("@*/*/package.json")]
    assert theirs == {json.loads(path.read_text(encoding="utf-8"))["name"] for path in packages}
    for path in ("formgrader", "voila/tree", "assignments", "nbgrader_version"):
        assert visit(learners["ada"], f"{hub[0]}/user/ada/{path}")[0] == 404


def test_neither_learner_sees_what_the_other_has(hub, learners):
    diary = hub[1] / "ada" / "cnn-meets-lstm" / "work" / "diary.txt"
    learners["ada"].run_in_cell(1, f"open({str(diary)!r}, 'w').write('mine')")
    assert "mine" in visit(learners["ada"], f"{hub[0]}/user/ada/files/work/diary.txt")[1]
    assert visit(learners["bob"], f"{hub[0]}/user/bob/files/work/diary.txt")[0] == 404
    for path in ("files/work/diary.txt", "api/contents/work/diary.txt", "lab"):
        status, text = visit(learners["bob"], f"{hub[0]}/user/ada/{path}")
        assert status == 403
        assert "mine" not in text
    tried = [(str(diary), os.R_OK), (str(hub[1] / "jupyter" / "hub"), os.R_OK)]
    tried += [(course.__file__, os.W_OK), (course.__file__, os.R_OK)]
    allowed = learners["bob"].run_in_cell(1, f"import os\n[os.access(*one) for one in {tried}]")
    assert allowed == "[False, False, False, True]"


MUCH = """
import numpy, subprocess, tensorflow
def four_gigabytes_of_numpy(): numpy.ones(5 * 10**8)
def four_gigabytes_of_tensorflow(): tensorflow.ones([10**9])
def many_processes():
    for _ in range(1000): started.append(subprocess.Popen(["sleep", "600"]))
started = []
for take in (four_gigabytes_of_numpy, four_gigabytes_of_tensorflow, many_processes):
    try: take()
    except Exception as error: print(type(error).__name__, len(started) > 800)
for one in started: one.kill()
"""


def test_who_takes_too_much_is_stopped_and_the_others_go_on(learners):
    told = ["MemoryError False", "ResourceExhaustedError False", "BlockingIOError True"]
    assert learners["ada"].run_in_cell(1, MUCH).splitlines() == told
    for notebook in learners.values():
        assert notebook.run_in_cell(1, "6 * 7") == "42"
