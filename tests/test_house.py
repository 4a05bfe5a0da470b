"""The house: what course.py, the build and the lists of packages promise to a newcomer."""

import ast
import contextlib
import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import cases
import nbformat
import psutil
import pytest
import yaml
from lessons import ROOT
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from small_course import notebook

import course
import course_utils.labs

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIRECT = [
    Requirement(line)
    for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in group
]
POSIX = pytest.mark.skipif(os.name == "nt", reason="processes and folders of packages are others on Windows")


# ---------------------------------------------------------------- working copies


def test_copies_are_unpaired_not_run_and_never_overwritten(house):
    assert house.lay_copies() == []
    mine = house.WORK / "00_start_here.ipynb"
    nb = nbformat.read(mine, 4)
    assert "jupytext" not in nb.metadata
    assert nb.metadata.copy_version == house.version()
    assert [cell.source for cell in nb.cells] == ["print(1)", "print(2)", "print(42)"]
    assert [len(cell.outputs) for cell in nb.cells] == [0, 1, 0]  # only what poses the question
    assert not any(cell.execution_count for cell in nb.cells)

    nb.cells[0].source = "my own answer"
    nbformat.write(nb, mine)
    before = mine.read_bytes()
    assert house.lay_copies() == []  # edited by the learner: not a new version
    assert mine.read_bytes() == before


def change(house, source="print(5)"):
    """A new version of lesson 04, built again."""
    nbformat.write(notebook(source, build="built again"), house.NOTEBOOKS / "04_clips.ipynb")


@pytest.mark.parametrize("began", ["an answer", "a run"])
def test_lab_tells_what_has_changed_in_a_lesson_that_was_begun(house, began):
    house.lay_copies()
    mine = house.WORK / "04_clips.ipynb"
    nb = nbformat.read(mine, 4)
    if began == "an answer":
        nb.metadata.copy_version = "0.1.0"
        nb.cells[0].source = "print('mine')"
    else:
        del nb.metadata["copy_version"]  # from before there were versions: counts as the first
        nb.cells[0].execution_count = 1
    nbformat.write(nb, mine)
    before = mine.read_bytes()
    change(house, "print(4)")
    assert house.lay_copies() == []  # only built again, says the same
    change(house)
    (sentence,) = house.lay_copies()
    assert sentence == (
        "04_clips has changed since you began it. Five clips. "
        "To get the new one, with yours set aside: python course.py reset 04"
    )
    assert mine.read_bytes() == before


def test_a_copy_that_nobody_has_touched_follows_the_lesson(house):
    house.lay_copies()
    change(house)
    assert house.lay_copies() == []
    assert nbformat.read(house.WORK / "04_clips.ipynb", 4).cells[0].source == "print(5)"


@pytest.mark.parametrize(
    "text",
    [b"{ half a noteb", b"[]", b'{"metadata": null}', b"\xff", b"[" * 100_000],
    ids=lambda text: repr(text[:20]),
)
def test_a_broken_copy_is_left_to_its_owner(house, text):
    house.lay_copies()
    broken = house.WORK / "04_clips.ipynb"
    broken.write_bytes(text)
    (sentence,) = house.lay_copies()
    assert sentence.startswith("work/04_clips.ipynb cannot be read")
    assert broken.read_bytes() == text


def test_a_folder_with_the_name_of_a_lesson_is_set_aside(house):
    folder = house.WORK / "04_clips.ipynb"
    folder.mkdir(parents=True)
    assert house.lay_copies()[0].startswith("work/04_clips.ipynb cannot be read")
    assert house.main(["reset", "04"]) == 0
    assert folder.is_file()


@pytest.mark.parametrize(("code", "who", "words"), cases.read("commands")[0])
def test_a_command_that_cannot_work_says_what_to_do(ready, monkeypatch, capsys, code, who, words):
    *_, command = eval(code, {"course": ready, "setattr": monkeypatch.setattr})
    assert ready.main(command.split()) == 1
    assert re.match(cases.pattern(words), capsys.readouterr().err.strip())
    assert not ready.VENV.exists()
    for path in (ready.WORK, ready.HANDOUT, ready.JUPYTER):
        assert path.is_dir() or not path.exists() or path.read_text() == "mine"


@pytest.mark.parametrize("name", ["4", "04", "04_clips"])
def test_reset_sets_the_old_copy_aside(house, name, capsys):
    house.lay_copies()
    mine = house.WORK / "04_clips.ipynb"
    mine.write_text("my answers")
    assert house.main(["reset", name]) == 0
    (aside,) = house.WORK.glob("04_clips_*.ipynb")
    assert re.fullmatch(r"04_clips_\d{4}-\d\d-\d\d_\d{6}\.ipynb", aside.name)
    assert aside.read_text() == "my answers"
    assert aside.name in capsys.readouterr().out
    assert nbformat.read(mine, 4).cells[0].source == "print(4)"


def test_reset_loses_nothing_when_it_is_called_twice_at_once(house, monkeypatch, capsys):
    now = house.datetime.datetime(2026, 1, 2, 3, 4, 5)
    monkeypatch.setattr(house.datetime, "datetime", type("Clock", (), {"now": staticmethod(lambda: now)}))
    house.lay_copies()
    mine = house.WORK / "04_clips.ipynb"
    for text, status in (("first", 0), ("second", 1)):
        mine.write_text(text)
        assert house.main(["reset", "04"]) == status
    assert (house.WORK / "04_clips_2026-01-02_030405.ipynb").read_text() == "first"
    assert mine.read_text() == "second"
    assert "again in a second" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_lesson(ready, monkeypatch, capsys):
    def full(path, *args, **more):
        with open(path, "w") as file:
            file.write("{")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)
    assert ready.main(["lab"]) == 1
    assert "disk is full" in capsys.readouterr().err
    assert not list(ready.WORK.glob("*.ipynb"))


def test_a_page_without_code_is_copied_and_reset_but_not_run(ready):
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 91 · Words")])
    nbformat.write(page, ready.NOTEBOOKS / "91_words.ipynb")
    assert ready.lay_copies() == ready.lay_copies() == []
    assert ready.main(["reset", "91"]) == 0
    assert len(list(ready.WORK.glob("91_words*.ipynb"))) == 2
    assert [path.stem for path in ready.lessons_to_run()] == ["00_start_here", "04_clips"]


# ---------------------------------------------------------------- a machine where something is missing


def test_course_py_is_read_by_an_old_python():
    ast.parse((ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_versions_are_those_of_pyproject():
    assert PROJECT["requires-python"] == f">=3.{course.OLDEST[1]},<3.{course.NEWEST[1] + 1}"


def test_another_python_is_found_where_this_one_does_not_fit(house, monkeypatch):
    monkeypatch.setattr(house.sys, "version_info", (3, 14, 0))
    monkeypatch.setattr(house, "answer", lambda command: {"python3.12": "/opt/python3.12"}.get(command[0]))
    assert house.find_python() == "/opt/python3.12"


def test_a_failed_download_is_told_and_tried_again(house, monkeypatch, capsys):
    tries = house.ROOT / "tries"
    fail = f"open({str(tries)!r}, 'a').write('x'); raise SystemExit(1)"
    monkeypatch.setattr(house, "create_venv", lambda: None)
    house.PYTHON, house.STAMP = Path(sys.executable), house.ROOT / "stamp"
    monkeypatch.setattr(house, "installers", lambda python: [[sys.executable, "-c", fail]] * 2)
    for count in (2, 4):
        assert house.main(["lab"]) == 1
        assert "check the connection" in capsys.readouterr().err
        assert len(tries.read_text()) == count
        assert not house.STAMP.exists()


PACKAGE = {
    "tiny/__init__.py": "NAME = 'tiny'\n",
    "tiny/part.py": "ANSWER = 42\n",  # no import of tiny shows that it is missing
    "tiny/data.csv": "1,2\n",
}


@pytest.fixture
def tiny(request, house, tmp_path, monkeypatch):
    """The small course with one tiny package in its lock, which a real installer takes from a folder."""
    wheel = tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    info = {
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files = PACKAGE | info
    record = "".join(f"{name},,{len(text)}\n" for name, text in files.items())
    files["tiny-1.0.dist-info/RECORD"] = f"{record}tiny-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    data = hashlib.sha256(PACKAGE["tiny/data.csv"].encode()).hexdigest()
    (house.ROOT / "data" / "manifest.toml").write_text(
        f'[numbers]\npackage = "tiny"\nmodule = "tiny"\nfiles = [{{path = "data.csv", sha256 = "{data}"}}]\n'
    )
    hashes = [hashlib.sha256(each).hexdigest() for each in (b"for another machine", wheel.read_bytes())]
    house.LOCK.write_text(
        " \\\n    ".join(["tiny==1.0", *(f"--hash=sha256:{each}" for each in hashes)]) + "\n"
    )
    house.IMPORTS = ("tiny",)
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(wheel.parent))
        monkeypatch.setenv(f"{tool}_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    monkeypatch.setattr(house, "find_uv", lambda: uv if getattr(request, "param", "uv") == "uv" else None)
    house.prepare()
    return house


def contents(house):
    """What lies in .venv of the tiny package."""
    (folder,) = house.VENV.rglob("site-packages")
    return {name: (folder / name).read_text() if (folder / name).exists() else None for name in PACKAGE}


def spoil(house, name, text):
    """Overwrite a file in place, which changes it in uv's cache as well, or remove it."""
    (path,) = house.VENV.rglob(f"site-packages/{name}")
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


@pytest.mark.parametrize(("tiny", "text"), [("uv", None), ("uv", "ANS"), ("pip", None)], indirect=["tiny"])
def test_a_half_package_is_repaired_though_it_was_stamped(tiny, text):
    """So older versions left it after an interruption; the installers count it as there."""
    spoil(tiny, "tiny/part.py", text)
    tiny.STAMP.write_text("of an older version")
    tiny.prepare()
    assert contents(tiny) == PACKAGE
    assert tiny.STAMP.read_text() == tiny.stamp()


def test_after_an_interruption_everything_is_installed_anew(tiny):
    folder = tiny.VENV / "left over"
    folder.mkdir()
    spoil(tiny, "tiny-1.0.dist-info/RECORD", None)
    spoil(tiny, "tiny/part.py", "ANS")
    tiny.UNDER_WAY.touch()
    tiny.prepare()
    assert contents(tiny) == PACKAGE
    assert not folder.exists()
    assert not tiny.UNDER_WAY.exists()


def test_a_damaged_data_file_is_repaired(tiny, capsys):
    spoil(tiny, "tiny/data.csv", "1")
    tiny.prepare()
    assert contents(tiny) == PACKAGE
    assert "Installing tiny again: data files are damaged." in capsys.readouterr().out


def test_an_environment_in_order_is_not_touched_and_an_outdated_one_is(tiny, monkeypatch):
    calls, run = [], tiny.run
    monkeypatch.setattr(tiny, "run", lambda command, **more: calls.append(command) or run(command, **more))
    tiny.prepare()
    assert calls == []
    tiny.LOCK.write_text(tiny.LOCK.read_text() + "# a new lock\n")
    tiny.prepare()
    assert calls
    assert all("--require-hashes" in command for command in calls)
    before = len(calls)
    tiny.prepare()
    assert len(calls) == before


def test_packages_that_do_not_work_are_told_and_not_stamped(tiny, capsys):
    tiny.IMPORTS = ("tiny", "no_such_module")
    tiny.LOCK.write_text(tiny.LOCK.read_text() + "# a new lock\n")
    for _ in range(2):
        assert tiny.main(["lint"]) == 1
        assert "No module named 'no_such_module'" in capsys.readouterr().err
        assert tiny.UNDER_WAY.exists()


def test_the_course_waits_for_an_installer_that_a_killed_run_left_behind(house):
    fcntl = pytest.importorskip("fcntl", reason="Windows has no such locks")
    house.JUPYTER.mkdir()
    installer = "import sys; print('begun', flush=True); sys.stdin.read(); open('ended', 'w').close()"
    code = f"import course, sys\nwith course.alone():\n    course.run([sys.executable, '-c', {installer!r}])"
    pipe = subprocess.PIPE
    run = subprocess.Popen([sys.executable, "-c", code], cwd=house.ROOT, stdin=pipe, stdout=pipe, text=True)
    assert run.stdout.readline() == "begun\n"
    run.kill()
    run.wait()
    with (house.JUPYTER / "install-lock").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    run.stdin.close()
    with house.alone():
        assert (house.ROOT / "ended").exists()
    run.stdout.close()


@POSIX
def test_an_environment_of_conda_is_used_as_it_is(tiny, monkeypatch, capsys):
    python = tiny.PYTHON
    monkeypatch.setenv("CONDA_PREFIX", str(tiny.VENV))
    for name, imports, used in (
        ("base", ("tiny",), False),
        ("other", ("no_such_module",), False),
        ("course", ("tiny",), True),
        ("course", ("no_such_module",), True),  # checked already
    ):
        tiny.PYTHON, tiny.IMPORTS = Path("of .venv"), imports
        monkeypatch.setenv("CONDA_DEFAULT_ENV", name)
        assert tiny.use_conda() == used, name
        assert (python if used else Path("of .venv")) == tiny.PYTHON
    assert "No module named 'no_such_module'" in capsys.readouterr().out
    spoil(tiny, "tiny/data.csv", "1")
    assert tiny.use_conda()
    assert "pip install --force-reinstall --no-cache-dir --no-deps tiny==1.0" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["lab", "edit"])
def test_a_port_that_cannot_be_had(ready, capsys, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert ready.main([command, "--port", str(port), "--no-browser"]) == 1
    assert f"Port {port} cannot be used" in capsys.readouterr().err


def test_the_shell_around_does_not_get_in(monkeypatch):
    names = "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "MPLBACKEND", "KERAS_HOME"
    for name in (*names, "JUPYTER_PATH", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, "/somewhere/else")
    assert not [name for name, value in course.environment().items() if value == "/somewhere/else"]


def test_an_old_console_shows_arrows_and_ticks_as_well_as_it_can(house, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    assert house.run([sys.executable, "-c", "print('→ ✓')"]) == 0
    (house.NOTEBOOKS / "04_clips.ipynb").rename(house.NOTEBOOKS / "04_cnn→lstm.ipynb")
    command = [sys.executable, "course.py", "reset", "04"]
    done = subprocess.run(command, cwd=house.ROOT, capture_output=True, check=True)
    assert done.stdout.decode("cp1252").startswith("work/04_cnn?lstm.ipynb is a new copy")


@POSIX
def test_binder_lays_the_copies(house):
    shutil.copy(ROOT / "postBuild", house.ROOT)
    env = os.environ | {"PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]}
    subprocess.run(["./postBuild"], cwd=house.ROOT, env=env, check=True)
    assert sorted(path.name for path in house.WORK.iterdir()) == ["00_start_here.ipynb", "04_clips.ipynb"]


# ---------------------------------------------------------------- JupyterLab, for real


def test_the_kernel_in_teach_changes_no_other_environment(house, tmp_path, monkeypatch):
    """An installer links what it installs to its cache: writing into such a file changes it everywhere."""
    cached = tmp_path / "kernel.json"
    cached.write_text("that of ipykernel")
    kernel = house.TEACH / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"

    def install(lock, python):
        kernel.parent.mkdir(parents=True)
        kernel.hardlink_to(cached)

    house.JUPYTER.mkdir()
    house.TEACH_LOCK.write_text("")
    monkeypatch.setattr(house, "prepare", lambda own: None)
    monkeypatch.setattr(house, "create_venv", lambda venv: None)
    monkeypatch.setattr(house, "install", install)
    house.prepare_teach()
    assert json.loads(kernel.read_text())["argv"][0] == str(house.PYTHON)
    assert cached.read_text() == "that of ipykernel"


@pytest.fixture
def server(house, tmp_path):
    """`course.py lab` running in the packages of this environment, as if it were one of conda.

    Gives the process, the address of its page, and its home.
    """
    home = tmp_path / "home"
    home.mkdir()
    house.JUPYTER.mkdir()
    (house.JUPYTER / "conda-stamp").write_text(f"{house.stamp()} {sys.prefix}")  # all was imported before
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON", "KERAS", "PYTHON"))}
    env.update(HOME=str(home), CONDA_PREFIX=sys.prefix, CONDA_DEFAULT_ENV="course")
    process = subprocess.Popen(
        [sys.executable, "course.py", "lab", "--no-browser", "--port", "0"],  # 0 is a free one
        cwd=house.ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    for line in process.stderr:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:(\d+)\S*\?token=\S+", line)
        if found:
            break
    else:
        pytest.fail("JupyterLab did not start:\n" + "".join(said))
    deadline = time.monotonic() + 30
    while True:  # it prints the address a moment before it listens
        try:
            socket.create_connection(("127.0.0.1", int(found.group(1))), timeout=5).close()
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield process, found.group(), home
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode is not None


def fetch(address, path, data=None):
    """What the server answers under another path than that of its page."""
    url = re.sub(r"/lab/tree/[^?]*", path, address)
    with urllib.request.urlopen(url, data, timeout=30) as reply:
        return reply.read().decode()


def running(process):
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@POSIX
@pytest.mark.parametrize("kind", ["SIGINT", "SIGKILL"])
def test_lab_opens_the_first_lesson_quietly_and_leaves_nothing_when_it_is_stopped(house, server, kind):
    process, address, home = server
    assert process.stdout.readline() == f"CNN meets LSTM, version {PROJECT['version']}\n"
    assert process.stdout.readline() == "JupyterLab is at the address below. Ctrl-C here stops it.\n"
    assert "/lab/tree/work/00_start_here.ipynb?" in address
    page = fetch(address, "/lab/tree/work/00_start_here.ipynb")
    config = json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])
    extensions = {"@jupyterlab/apputils-extension:announcements", "jupyterlab-jupytext"}
    assert extensions <= set(config["disabledExtensions"])
    news = json.loads(fetch(address, "/lab/api/settings/@jupyterlab/apputils-extension:notification"))
    assert news["schema"]["properties"]["fetchNews"]["default"] == "false"
    lesson = json.loads(fetch(address, "/api/contents/work/00_start_here.ipynb"))
    assert [cell["source"] for cell in lesson["content"]["cells"]] == ["print(1)", "print(2)", "print(42)"]

    fetch(address, "/api/kernels", b"{}")
    kernels = psutil.Process(process.pid).children()
    assert kernels
    process.send_signal(getattr(signal, kind))
    process.wait(timeout=120)
    deadline = time.monotonic() + 120
    while any(map(running, kernels)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with pytest.raises(OSError, match="refused"):
        fetch(address, "/api")
    assert list(home.iterdir()) == []
    assert not house.VENV.exists()


# ---------------------------------------------------------------- checks


def test_all_stages_run_and_one_failure_is_enough(ready, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(ready, "lint", lambda: ran.append("lint") or 1)
    monkeypatch.setattr(ready, "pytest", lambda *arguments, **more: ran.append(arguments[0]) or 0)
    monkeypatch.setattr(ready, "run", lambda command: ran.append(command[1].name) or 0)
    monkeypatch.setenv("COURSE_CHROMIUM", "/a/browser")
    assert ready.main(["test"]) == 1
    assert ran == ["lint", "tests", "tests/test_notebooks.py", "check_lessons.py", "tests/browser"]
    told = capsys.readouterr().out
    assert re.search(r"lint +FAILED", told)
    assert len(re.findall(r" ok +\d+ s", told)) == 4


@pytest.mark.parametrize("name", ["test-more", "test_more"])
def test_what_instructors_have_is_tested_with_their_packages(ready, monkeypatch, capsys, name):
    ran = []
    monkeypatch.setattr(ready, "prepare_teach", lambda: ran.append("prepared"))
    monkeypatch.setattr(ready, "run", lambda command: ran.append(command) or 0)
    monkeypatch.setattr(
        ready, "pytest", lambda *arguments, python=None, **more: ran.append([python, *arguments])
    )
    monkeypatch.setenv("COURSE_CHROMIUM", "/a/browser")
    assert ready.main([name]) == 0
    tested = [["-m", "book"], ["tests/book"], ["-rs", "tests/server"], ["tests/grading"]]
    long = [None, "tests/long", "--numprocesses=2", "--dist=worksteal"]
    assert ran == ["prepared", long, *([ready.TEACH_PYTHON, *arguments] for arguments in tested)]
    assert re.search(r"^book +ok", capsys.readouterr().out, re.M)


@pytest.mark.parametrize(("ci", "status"), [("", None), ("true", 1)])
def test_without_a_browser(ready, monkeypatch, capsys, ci, status):
    monkeypatch.delenv("COURSE_CHROMIUM", raising=False)
    monkeypatch.setattr(ready.shutil, "which", lambda name: None)
    monkeypatch.setenv("CI", ci)
    assert ready.check_browser() == status
    assert "No Chromium" in capsys.readouterr().out


def test_results_runs_the_scripts_and_counts_failures(ready):
    folder = ready.ROOT / "data" / "results"
    folder.mkdir(parents=True)
    (folder / "04_clips.py").write_text("open('done', 'w').close()")
    (folder / "05_text.py").write_text("raise SystemExit(3)")
    assert ready.main(["results", "04"]) == 0
    assert (ready.ROOT / "done").exists()
    assert ready.main(["results"]) == 1
    (folder / "04_clips.py").write_text("import sys; open('told', 'w').write(' '.join(sys.argv[1:]))")
    assert ready.main(["results", "04", "--times"]) == 0
    assert (ready.ROOT / "told").read_text() == "--times"
    assert ready.main(["results", "04", "--cluster", "tcp://host:8786"]) == 0
    assert (ready.ROOT / "told").read_text() == "--cluster tcp://host:8786"
    assert ready.main(["results", "04", "--table", "04_clips"]) == 0
    assert (ready.ROOT / "told").read_text() == "--table 04_clips"
    for bad in ("--tiems", "--cluster", "--times --cluster tcp://host:8786"):
        with pytest.raises(SystemExit):
            ready.main(["results", *bad.split()])


# ---------------------------------------------------------------- the helpers as a package


def python(code, folder, **environment):
    """What a Python of its own prints, the helpers of `folder` before all others."""
    run = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(folder), **environment}
    done = subprocess.run(run, env=environment, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_lab_is_imported_when_it_is_asked_for():
    """Learners' copies of earlier versions take all names from `course_utils.labs`."""
    told = python("import sys, course_utils.labs; print(*sys.modules)", ROOT)
    assert [name for name in told if name.startswith("course_utils")] == ["course_utils", "course_utils.labs"]
    assert not {"keras", "tensorflow", "ipywidgets", "numpy"} & set(told)
    for name, folder in course_utils.labs.FOLDERS.items():
        assert getattr(course_utils.labs, name) is getattr(
            importlib.import_module(f"course_utils.labs.{folder}"), name
        )
    with pytest.raises(ImportError, match="cannot import name 'Lab'"):
        exec("from course_utils.labs import Lab")


def test_an_installation_that_cannot_be_edited_has_all_files(tmp_path):
    source, installed = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(
        ROOT / "course_utils", source / "course_utils", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (wheel,) = python("from setuptools import build_meta; print(build_meta.build_wheel('.'))", source)[-1:]
    zipfile.ZipFile(source / wheel).extractall(installed)

    def files(folder):
        return {path.relative_to(folder) for path in (folder / "course_utils").rglob("*") if path.is_file()}

    assert files(installed) == files(source)
    code = (
        "import course_utils, numpy; from course_utils.labs import GateLab, KernelLab; "
        "lab = KernelLab({'a dot': numpy.eye(9)}); "
        "print(course_utils.__file__, GateLab().state, lab.preview.parent.is_dir())"
    )
    where, state, there = python(code, installed)
    assert Path(where).parent == installed / "course_utils"
    assert state.startswith("gat1;")
    assert there == "True"


# ---------------------------------------------------------------- one list of packages


LOCKS = "requirements.lock", "requirements-own.lock", "requirements-teach.lock"


def locked():
    """The requirements of all locks, each with its hashes."""
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in LOCKS).replace("\\\n", " ")
    rows = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return [(Requirement(row.split(" --hash")[0]), row.count("--hash=sha256:")) for row in rows]


def test_the_lock_is_hashed_and_names_no_registry():
    assert all(hashes for _, hashes in locked())
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in LOCKS)
    assert not re.search(r"https?:|--index-url|--extra-index-url|--find-links| @ ", text)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("platform", "machine"),
    [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")],
)
def test_the_lock_satisfies_pyproject_everywhere(python, platform, machine):
    here = default_environment() | {
        "python_version": python,
        "python_full_version": python + ".1",
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[platform],
        "sys_platform": platform,
        "platform_machine": machine,
        "os_name": "nt" if platform == "win32" else "posix",
    }
    versions = {
        canonicalize_name(row.name): next(iter(row.specifier)).version
        for row, _ in locked()
        if row.marker is None or row.marker.evaluate(here)
    }
    needed = [row for row in DIRECT if row.marker is None or row.marker.evaluate(here)]
    assert sum(row.name.startswith("tensorflow") for row in needed) == 1
    for row in needed:
        assert row.specifier.contains(versions[canonicalize_name(row.name)]), row


def test_what_is_imported_is_listed():
    """Nothing is used that only happens to come along with another package."""
    own = {"course", "build", "book", "course_utils", "teaching"}
    own |= {path.stem for folder in ("tests", "data") for path in (ROOT / folder).rglob("*.py")}
    folders = "course_utils", "tests", "notebooks", "data", "book"
    files = [ROOT / "course.py"] + [path for name in folders for path in (ROOT / name).rglob("*.py")]
    imported = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    providers = importlib.metadata.packages_distributions()
    listed = {canonicalize_name(row.name) for row in DIRECT}
    for name in sorted(imported - own - sys.stdlib_module_names):
        found = providers.get(name, [name])  # those of .teach are not here
        assert {canonicalize_name(package) for package in found} & listed, f"{name} is not in pyproject.toml"


def test_conda_takes_python_and_nothing_else_from_conda():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert listed[1:] == ["pip", {"pip": ["-e ."]}]
    version = [int(part) for part in listed[0].removeprefix("python=").split(".")]
    assert course.fits(version)


# ---------------------------------------------------------------- what is written down


def test_there_is_one_version():
    versions = re.findall(r"^## (\S+) ", course.CHANGES.read_text(encoding="utf-8"), re.M)
    assert versions[0] == course.version() == PROJECT["version"]
    assert versions == sorted(set(versions), key=course.numbers, reverse=True)
    assert (
        yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == PROJECT["version"]
    )
    assert f"Version {PROJECT['version']}," in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_change_log_tells_of_lessons_that_exist():
    told = set(re.findall(r"^- (\d+):", course.CHANGES.read_text(encoding="utf-8"), re.M))
    assert told
    assert told <= {path.stem[:2] for path in course.lessons()}
    assert course.changes("00", "0.1.0")
    assert course.changes("00", course.version()) == []


def test_the_workflow_tries_each_python_that_fits():
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"]
    minors = range(course.OLDEST[1], course.NEWEST[1] + 1)
    assert jobs["others"]["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in minors]


def test_make_only_calls_course_py():
    def make(*arguments):
        command = ["make", "PYTHON=py", *arguments]
        return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)

    shown = make("-n", "LESSON=04", *course.COMMANDS).stdout
    assert re.findall(r"^py course\.py (.+?) *$", shown, re.M) == [f"{name} 04" for name in course.COMMANDS]
    shown = make("-n", "check", "SEEDS=5", "ARGS=--x 0", "NAME=n").stdout
    assert re.search(r"^py course\.py check +n +--seeds 5 +--x 0$", shown, re.M)
    wrong = make("check", "LESSONS=04")
    assert wrong.returncode != 0
    assert "no setting LESSONS. There are: PYTHON LESSON LAB" in wrong.stderr
    without = make("PYTHON=", "lab")
    assert without.returncode != 0
    assert "no Python here" in without.stdout


def test_help_lists_every_command(capsys):
    assert course.main([]) == 0
    told = capsys.readouterr().out
    for name, command in course.COMMANDS.items():
        assert name == "help" or re.search(rf"^  {name} +{re.escape(command.__doc__)}$", told, re.M)


def test_every_dependency_has_its_reason():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Packages")[2]
    for row in DIRECT:
        assert re.search(rf"^\| `{re.escape(row.name)}`[^|]*\| *\S[^|]{{10,}}\|", text, re.M), row.name
    named = re.findall(r"^\| `([\w-]+)`", text, re.M)
    assert set(named) <= {row.name for row in DIRECT}, "a reason for a package that is no dependency any more"


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "teaching/servers.md",
        ".github/workflows/tests.yml",
        ".pre-commit-config.yaml",
    ],
)
def test_commands_that_are_named_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for command in re.findall(r"(?:make|course\.py) ([a-z]+)", text):
        assert command in course.COMMANDS, command


def test_the_map_of_the_readme_is_that_of_the_lessons():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(len(alt) > 20 for alt in re.findall(r"!\[([^\]]*)\]", text))
    rows = re.findall(r"^\| \[(.+?)\]\(notebooks/(\w+)\.ipynb\) \| (.+?) \| (\d+|–) \|$", text, re.M)
    listed = {name: (title, question, minutes) for title, name, question, minutes in rows}
    headers = {path.stem: nbformat.read(path, 4).metadata.course for path in course.lessons()}
    expected = {name: (h.title, h.question, str(h.get("minutes", "–"))) for name, h in headers.items()}
    assert listed == expected
