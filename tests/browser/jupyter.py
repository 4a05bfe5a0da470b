"""A real JupyterLab in a real Chromium: what the browser tests and the screenshot tools stand on."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import nbformat
from pages import collect_errors
from playwright.sync_api import sync_playwright

COURSE = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream",  # a microphone that beeps twice a second
]  # fmt: skip
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "apputils-extension/themes": {"adaptive-theme": True},  # dark where the page prefers it: emulate_media
}


def chromium():
    """The path of a Chromium on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("COURSE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def server(folder, home):
    """JupyterLab serving `folder` on a free port, all settings under `home`; yields address and token."""
    for name, value in SETTINGS.items():
        file = home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "COURSE_PROGRESS": str(home / "progress.json"),
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(COURSE), str(COURSE / "tests"), os.environ.get("PYTHONPATH")])
        ),
    }
    port, token, log = free_port(), secrets.token_hex(16), home / "server.log"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=home)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_up(f"{address}/api?token={token}", process, log)
            yield address, token
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port():
    """The number of a port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until_up(url, process, log, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def browser():
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield made
        finally:
            made.close()


def write(file, cells):
    """A notebook of code cells."""
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    made = [nbformat.v4.new_code_cell(source) for source in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=spec), file)


def message(frame):
    """Channel, header, parent header and content of a message between page and kernel."""
    if isinstance(frame, str):
        told = json.loads(frame)
        return told["channel"], told["header"], told["parent_header"], told["content"]
    words = [int.from_bytes(frame[at : at + 8], "little") for at in range(0, 64, 8)]
    channel, *parts = [frame[start:end] for start, end in pairwise(words[1 : words[0] + 1])][:5]
    header, parent, _, content = map(json.loads, parts)
    return channel.decode(), header, parent, content


class Notebook:
    """One notebook, open in JupyterLab.

    `problems` collects what the page's console calls an error, what nobody caught in the page, and what a
    widget's callback raised in the kernel.
    """

    def __init__(self, made, address, token, name, width=1400, height=1000, **more):
        self.watch(made.new_page(viewport={"width": width, "height": height}, **more), name)
        self.page.goto(f"{address}/lab/tree/{name}?token={token}&reset")
        self.panel.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        self.close_sidebar()
        self.wait_for_kernel()

    def watch(self, page, name):
        """Take a page, which is yet to show the notebook, and collect its problems."""
        self.page, self.name, self.problems, self._unanswered = page, name, [], set()
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        collect_errors(page, lambda problem: self.problems.append(problem))
        self.page.on("websocket", self._listen)
        self.panel = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def wait_for_kernel(self):
        """Wait until there is a kernel; the indicator alone says idle even before."""
        self.page.locator(".jp-StatusBar-Left").get_by_text("| Idle").wait_for(timeout=120_000)

    def _listen(self, socket):
        if "/channels" in socket.url:
            socket.on("framesent", self._sent)
            socket.on("framereceived", self._received)

    def _sent(self, frame):
        channel, header, _, _ = message(frame)
        if channel == "shell":
            self._unanswered.add(header["msg_id"])

    def _received(self, frame):
        _, header, parent, content = message(frame)
        if header["msg_type"] == "status" and content["execution_state"] == "idle":
            self._unanswered.discard(parent.get("msg_id"))
        if header["msg_type"] == "error" and parent.get("msg_type") != "execute_request":  # no cell shows it
            self.problems.append("\n".join([f"{content['ename']} in the kernel", *content["traceback"]]))

    def settle(self, seconds=30):
        """Wait until the kernel has dealt with all that the page told it, and the answer is drawn."""
        end, quiet = time.monotonic() + seconds, 0
        while quiet < 2:
            self.page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))")
            quiet = 0 if self._unanswered else quiet + 1
            if time.monotonic() > end:
                raise TimeoutError(f"The kernel has not answered within {seconds} s: {self._unanswered}")

    def new_problems(self):
        """What went wrong since this was asked last."""
        self.page.evaluate("0")  # what the console told before has arrived by then
        problems, self.problems = self.problems, []
        return problems

    def close_sidebar(self):
        open_tab = self.page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab.lm-mod-current")
        if open_tab.count():
            open_tab.first.click()
            open_tab.first.wait_for(state="detached", timeout=10_000)

    def run_all(self, seconds=1200):
        """Run All Cells, and wait until all have been executed, or one has failed, and the kernel is idle."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')]
                    .filter(cell => cell.querySelector('.cm-content')?.textContent.trim())
                    .map(cell => cell.querySelector('.jp-InputPrompt').textContent);
                const status = document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status;
                const kind = '[data-mime-type="application/vnd.jupyter.error"]';
                const error = document.querySelector(`.jp-Notebook ${kind}`);
                const over = error // the cells below it do not run
                    ? !prompts.some(prompt => prompt.includes('*'))
                    : prompts.every(prompt => /\\d/.test(prompt));
                return status === 'idle' && prompts.length > 0 && over;
            }""",
            timeout=seconds * 1000,
            polling=250,
        )
        return self

    def run_in_cell(self, number, code="", paste=False):
        """Write `code` (or what the clipboard holds) into a cell, run it, and give what it shows as text."""
        cell = self.panel.locator(".jp-Notebook .jp-Cell").nth(number)
        before = cell.locator(".jp-InputPrompt").inner_text()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        if paste:
            self.page.keyboard.press("ControlOrMeta+V")
        else:
            self.page.keyboard.insert_text(code)
        self.page.keyboard.press("ControlOrMeta+Enter")
        self.page.wait_for_function(
            """([cell, before]) => {
                const prompt = cell.querySelector('.jp-InputPrompt').textContent;
                return /\\d/.test(prompt) && prompt.trim() !== before.trim();
            }""",
            arg=[cell.element_handle(), before],
            timeout=60_000,
        )
        return "\n".join(cell.locator(".jp-OutputArea-output").all_inner_texts()).strip()

    def errors(self):
        """What a learner would see as an error: tracebacks, messages on stderr, widgets that did not show."""
        found = []
        for kind in (
            '[data-mime-type="application/vnd.jupyter.error"]',
            '[data-mime-type="application/vnd.jupyter.stderr"]',
        ):
            found += self.panel.locator(f".jp-OutputArea-output{kind}").all_inner_texts()
        broken = self.panel.get_by_text(
            re.compile("Error displaying widget|Loading widget|Error creating widget")
        )
        return found + broken.all_inner_texts()

    def pictures_without_words(self):
        """Pictures in the notebook that a screen reader could not describe."""
        return self.panel.evaluate(
            """panel => [
                ...[...panel.querySelectorAll('.jp-OutputArea img, .jp-MarkdownOutput img')]
                    .filter(img => !img.getAttribute('alt')?.trim()),
                ...[...panel.querySelectorAll('.jp-OutputArea svg')].filter(svg =>
                    svg.closest('.jp-OutputArea-output') && !svg.closest('button, select, [class*="icon"]')
                    && !(svg.getAttribute('role') === 'img' && svg.getAttribute('aria-label')?.trim())
                    && svg.getAttribute('aria-hidden') !== 'true'),
            ].map(el => el.outerHTML.slice(0, 200))"""
        )

    def labs(self):
        """The views of all labs of the notebook."""
        return self.panel.locator(".course-lab")

    def lab_with(self, heading):
        """The view of the first lab that has a card of this heading."""
        card = self.page.locator(".cl-head", has_text=re.compile(f"^{heading} "))
        return self.labs().filter(has=card).first

    def close(self):
        """Shut the kernel down and close the page, saving nothing."""
        self.page.evaluate(
            """async name => {
                const base = JSON.parse(document.getElementById('jupyter-config-data').textContent);
                const get = (path, method) => fetch(`${base.baseUrl}${path}`,
                    {method, headers: {Authorization: `token ${base.token}`}});
                for (const session of await (await get('api/sessions', 'GET')).json())
                    if (session.path === name) await get(`api/sessions/${session.id}`, 'DELETE');
            }""",
            self.name,
        )
        self.page.close()
