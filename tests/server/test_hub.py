"""`teaching/jupyterhub_config.py`, with two learners in a real browser.

Settings of the test's own replace what needs root: learners log in with any password, and all servers run as
the account that runs the test, each with a home of its own. So this tests what the hub keeps apart; that
accounts are apart, the system sees to.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

import pytest
from jupyter import Notebook, free_port
from serving import serving

import course

LESSON = "work/00_start_here.ipynb"
SETTINGS = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
import course

course.PYTHON, course.JUPYTER = Path({python!r}), Path({folder!r})
load_subconfig({config!r})
c = get_config()
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {folder!r} + "/{{username}}"
# Whoever runs the test has other processes, too.
c.Spawner.cmd = [part for part in c.Spawner.cmd if not part.startswith("--nproc")]
c.Spawner.args = [*c.Spawner.args, "--allow-root"]
c.JupyterHub.bind_url, c.JupyterHub.hub_port = "http://127.0.0.1:{ports[0]}", {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
"""


@pytest.fixture(scope="module")
def hub(python):
    """The address of a hub, and the folder that has the homes of its learners."""
    config, ports = course.ROOT / "teaching" / "jupyterhub_config.py", [free_port() for _ in range(3)]
    with tempfile.TemporaryDirectory(prefix="hub-") as name:  # pytest's own paths are too long for sockets
        names = {"root": str(course.ROOT), "python": str(python), "folder": name, "config": str(config)}
        settings, log = Path(name, "config.py"), Path(name, "hub.log")
        settings.write_text(SETTINGS.format(**names, ports=ports), encoding="utf-8")
        address = f"http://127.0.0.1:{ports[0]}"
        command = [sys.executable, "-m", "jupyterhub", "--config", settings]
        with serving(command, f"{address}/hub/health", log, cwd=name):
            yield address, Path(name)
        print(log.read_text(encoding="utf-8"))  # pytest shows it if a test failed


class Learner(Notebook):
    """A learner who has logged in and sees lesson 00."""

    def __init__(self, made, address, name):
        self.watch(made.new_context(viewport={"width": 1400, "height": 1000}).new_page(), LESSON)
        self.page.set_default_timeout(180_000)  # a server starts, and its JupyterLab for the first time
        self.page.goto(address)
        self.page.get_by_label("Username:").fill(name)
        self.page.get_by_label("Password:").fill("any")
        self.page.get_by_role("button", name="Sign in").click()
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


def test_each_learner_runs_a_copy_of_the_lesson(hub, learners, python):
    sources = ["".join(cell["source"]) for cell in course.read(course.lessons()[0])["cells"]]
    setup = [number for number, source in enumerate(sources) if source.startswith(("from", "import"))]
    for name, notebook in learners.items():
        assert "Ready: Keras on TensorFlow" in notebook.run_in_cell(setup[0], sources[setup[0]])
        assert notebook.run_in_cell(setup[1], sources[setup[1]]) == ""
        where = notebook.run_in_cell(setup[1], "import sys, os\nprint(sys.prefix, os.getcwd())").split()
        work = hub[1] / name / "cnn-meets-lstm" / "work"
        assert where == [str(python.parent.parent), str(work)]
        assert {path.name for path in work.glob("*.ipynb")} == {path.name for path in course.lessons()}
        assert (work.parent / "data" / "README.md").exists()  # lessons link to it
        assert work.stat().st_mode & 0o077 == 0
        # JupyterLab asks for language servers, which are switched off.
        assert [problem for problem in notebook.new_problems() if "404 (Not Found)" not in problem] == []


def test_a_learner_has_no_extension_of_instructors(hub, learners, python):
    data = learners["ada"].page.evaluate("document.getElementById('jupyter-config-data').textContent")
    theirs = {extension["name"] for extension in json.loads(data)["federated_extensions"]}
    folder = python.parent.parent / "share" / "jupyter" / "labextensions"
    packages = [*folder.glob("[!@]*/package.json"), *folder.glob("@*/*/package.json")]
    assert theirs == {json.loads(path.read_text(encoding="utf-8"))["name"] for path in packages}
    for path in ("formgrader", "voila/tree", "assignments", "nbgrader_version"):
        assert visit(learners["ada"], f"{hub[0]}/user/ada/{path}")[0] == 404


def test_neither_learner_sees_what_the_other_has(hub, learners):
    (hub[1] / "ada" / "cnn-meets-lstm" / "work" / "diary.txt").write_text("mine")
    assert "mine" in visit(learners["ada"], f"{hub[0]}/user/ada/files/work/diary.txt")[1]
    assert visit(learners["bob"], f"{hub[0]}/user/bob/files/work/diary.txt")[0] == 404
    for path in ("files/work/diary.txt", "api/contents/work/diary.txt", "lab"):
        status, text = visit(learners["bob"], f"{hub[0]}/user/ada/{path}")
        assert status == 403
        assert "mine" not in text


def test_who_takes_too_much_memory_is_stopped_and_the_others_go_on(learners):
    too_much = "import numpy\nnumpy.ones(5 * 10**8)  # 4 GB"
    assert re.search("MemoryError: Unable to allocate 3.73 GiB", learners["ada"].run_in_cell(1, too_much))
    for notebook in learners.values():
        assert notebook.run_in_cell(1, "6 * 7") == "42"
