"""Everything you do with the course from a terminal: `python course.py help` lists it.

Needs nothing but Python itself. All it makes lies in this folder: `.venv` (the packages),
`.jupyter` (JupyterLab's settings) and `work` (your copies of the lessons).
"""

import argparse
import concurrent.futures
import datetime
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "course-stamp"  # tells from which lock the packages in .venv were installed
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2"]
LOCK = ROOT / "requirements.lock"
NOTEBOOKS = ROOT / "notebooks"
WORK = ROOT / "work"
HANDOUT = ROOT / "handout"
JUPYTER = ROOT / ".jupyter"
OLDEST, NEWEST = (3, 11), (3, 13)
GIGABYTES = 3  # free disk the installation needs: .venv takes 2.1, the rest passes through
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Problem(Exception):
    """Something that the person at the keyboard can mend; the message says how."""


# ---------------------------------------------------------------- the environment


def environment(**more):
    """Variables under which everything of the course runs, whatever the shell around it holds."""
    env = {
        k: v
        for k, v in os.environ.items()
        if k not in {"PYTHONHOME", "MPLBACKEND", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "COURSE_PROGRESS"}
    }
    env["PATH"] = str(PYTHON.parent) + os.pathsep + env.get("PATH", "")
    env["VIRTUAL_ENV"] = str(VENV)
    env["PYTHONPATH"] = str(ROOT)
    env["JUPYTER_CONFIG_DIR"] = str(JUPYTER)
    env["JUPYTER_DATA_DIR"] = str(JUPYTER / "data")
    env["JUPYTER_RUNTIME_DIR"] = str(JUPYTER / "runtime")
    env["IPYTHONDIR"] = str(JUPYTER / "ipython")
    env["KERAS_HOME"] = str(JUPYTER / "keras")  # a keras.json at home could turn the axes around
    env.update(more)
    return env


def run(command, **more):
    """Run a command in the course's environment and folder; return its exit status."""
    return subprocess.call([str(part) for part in command], cwd=str(ROOT), env=environment(**more))


def answer(command, env=None):
    """What a command prints, or None if it cannot be run."""
    try:
        done = subprocess.run(
            [str(part) for part in command], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def fits(version):
    """Whether the course's packages exist for this version of Python."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def find_python():
    """A Python that fits: the one running this, or another one found on this machine."""
    if fits(sys.version_info):
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        for command in ([f"python3.{minor}"], ["py", f"-3.{minor}"]):
            found = answer([*command, "-c", "import sys; print(sys.executable)"])
            if found:
                return found
    raise Problem(
        f"The course needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}, and {sys.executable} is Python "
        f"{platform.python_version()}. Install one that fits, for instance from "
        "https://www.python.org/downloads/, then run this command again; it will be found by itself."
    )


def find_uv():
    """The fast installer, if there is a working one: on the path, or in .venv from an earlier time."""
    for candidate in (shutil.which("uv"), shutil.which("uv", path=str(PYTHON.parent))):
        if candidate and answer([candidate, "--version"]):
            return candidate
    return None


def check_machine():
    """Stop early, with a sentence, where the installation could not succeed."""
    if sys.maxsize < 2**32:
        raise Problem("This Python is a 32-bit one; TensorFlow needs the 64-bit Python of the same version.")
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise Problem(
            "TensorFlow is no longer made for Macs with Intel processors; README.md tells of Binder. "
            "If yours is a newer Mac, this Python is an Intel one: install the one for Apple silicon."
        )
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < GIGABYTES:
        raise Problem(
            f"There is too little disk space: the packages need about {GIGABYTES} GB, and {free:.1f} GB are "
            f"free at {ROOT}. Make room, or move the course's folder to another disk."
        )


def stamp():
    """What .venv must have been made from to be used as it is."""
    parts = [LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def create_venv():
    """Make .venv anew, without anything in it."""
    python, uv = find_python(), find_uv()
    shutil.rmtree(str(VENV), ignore_errors=True)
    if uv:
        made = run([uv, "venv", "--quiet", "--python", python, VENV])
    elif answer([python, "-c", "import venv, ensurepip"]) is None:
        raise Problem(
            f"{python} lacks the venv module. On Debian and Ubuntu: sudo apt install python3-venv. "
            "Elsewhere: install Python from https://www.python.org/downloads/. Then run this again."
        )
    else:
        made = run([python, "-m", "venv", VENV])
    if made != 0:
        raise Problem(f"The folder {VENV} could not be made; the lines above say why.")


def fetch_uv():
    """Get uv with pip, by the lock's own hashes, for it installs the rest six times as fast."""
    block = re.search(r"^uv==.*(?:\n[ ]+--hash.*)+", LOCK.read_text(encoding="utf-8"), re.M)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "uv.txt"
        wanted.write_text(block.group(), encoding="utf-8")
        run([*PIP, "--quiet", "--only-binary", ":all:", "--require-hashes", "-r", wanted])
    return find_uv()


def installers():
    """The ways to install, the fast one first: uv does not know of a mirror that only pip's settings name."""
    uv = find_uv() or fetch_uv()
    if uv:
        yield [uv, "pip", "install", "--python", PYTHON]
        print("That did not work with uv; trying pip.", flush=True)
    if answer([PYTHON, "-m", "pip", "--version"]) is None:
        run([PYTHON, "-m", "ensurepip"])
    yield PIP


def install():
    """Install what the lock names, with hashes required, and then the course itself."""
    # The lock has setuptools, so the course's own package needs nothing fetched and nothing unhashed.
    course = ["--no-deps", "--no-build-isolation", "--quiet", "--editable", ROOT]
    for pip in installers():
        if run([*pip, "--require-hashes", "-r", LOCK]) == 0 and run([*pip, *course]) == 0:
            return
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    raise Problem(
        "The packages could not be installed; the lines above say why. If it was the network: check the "
        "connection (behind a proxy, set HTTPS_PROXY) and run this command again; what has arrived is kept. "
        f"Free disk space: {free:.1f} GB."
    )


def prepare():
    """Make .venv, or bring it up to date with the lock; nothing to do takes no time."""
    JUPYTER.mkdir(exist_ok=True)  # IPython complains where it cannot make its folder in there
    wanted = stamp()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return
    check_machine()
    version = answer([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"])
    if version is None or not fits([int(number) for number in version.split()]):
        print("Making .venv (once; takes from ten seconds to a few minutes)", flush=True)
        create_venv()
    else:
        print("Bringing .venv up to date with requirements.lock", flush=True)
    install()
    STAMP.write_text(wanted)


def settings(paired):
    """Lay JupyterLab's settings: no news, no update checks, and jupytext only for authors."""
    folder = JUPYTER / "labconfig"
    folder.mkdir(parents=True, exist_ok=True)
    disabled = {"@jupyterlab/apputils-extension:announcements": True, "jupyterlab-jupytext": not paired}
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    # jupyter_lsp would look for language servers with npm, which leaves a folder at home.
    server = {"ServerApp": {"jpserver_extensions": {"jupytext": paired, "jupyter_lsp": False}}}
    for path, content in (
        (folder / "page_config.json", {"disabledExtensions": disabled}),
        (folder / "default_setting_overrides.json", quiet),
        (JUPYTER / "jupyter_server_config.json", server),
    ):
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    profile = JUPYTER / "ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 40\n")


# ---------------------------------------------------------------- lessons


def lessons():
    """The notebooks of the course, in their order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def find_lesson(name):
    """The one notebook meant by 4, 04 or 04_cnn_lstm_video."""
    found = [path for path in lessons() if name and path.stem.startswith(name.zfill(2))]
    if len(found) != 1:
        known = ", ".join(path.stem for path in lessons())
        raise Problem(f"Name one lesson, for instance 04; {name!r} is not one. There are: {known}.")
    return found[0]


def read(path):
    """Read a notebook."""
    return json.loads(path.read_text(encoding="utf-8"))


def text_of(nb):
    """A hash over what a notebook says; what it printed does not count."""
    said = json.dumps([[cell["cell_type"], "".join(cell["source"])] for cell in nb["cells"]])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def copy(source, target, without=None):
    """Copy a notebook: not paired with any source, and without the cells that carry one tag."""
    nb = read(source)
    nb["metadata"].pop("jupytext", None)
    nb["metadata"]["copy_of"] = text_of(nb)
    nb["cells"] = [cell for cell in nb["cells"] if without not in cell["metadata"].get("tags", [])]
    target.parent.mkdir(exist_ok=True)
    part = target.with_suffix(".part")  # a full disk must not leave half a lesson behind
    part.write_text(json.dumps(nb, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(target)


def lay_copies():
    """Copy each lesson that is not in work/ yet; what is there stays. Returns those that changed since."""
    changed = []
    for source in lessons():
        target = WORK / source.name
        if not target.exists():
            copy(source, target)
            continue
        try:
            copied = read(target)["metadata"].get("copy_of")
        except (ValueError, KeyError):
            continue  # JupyterLab will say what is wrong with it
        if copied != text_of(read(source)):
            changed.append(source.stem)
    return changed


def reset(options):
    """Set your copy of a lesson aside under a dated name and lay a new one: reset 04."""
    source = find_lesson(options.lesson)
    target = WORK / source.name
    if target.exists():
        now = datetime.datetime.now().strftime("%Y-%m-%d_%H%M%S")
        aside = target.with_name(f"{source.stem}_{now}.ipynb")
        if aside.exists():
            raise Problem(f"{source.stem} was set aside a moment ago; try again in a second.")
        target.rename(aside)
        print(f"Your copy is now work/{aside.name}.")
    copy(source, target)
    print(f"work/{target.name} is a new copy. If it is open in JupyterLab, close it there and open it again.")


def handout(options):
    """Write the lessons without their solutions into handout/, to give to a class."""
    for source in lessons():
        copy(source, HANDOUT / source.name, without="solution")
        print(f"handout/{source.name}")


# ---------------------------------------------------------------- JupyterLab


def check_port(port):
    """Say so if another program has the port that was asked for."""
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise Problem(
                f"Port {port} cannot be used, most likely because another program has it. "
                "Leave --port out and a free one is found, or name another one."
            ) from None


def jupyterlab(page, options, paired):
    """Open JupyterLab on a page and stay until it is stopped."""
    command = [PYTHON, "-m", "jupyterlab", "--log-level=ERROR", "--LabApp.log_level=ERROR"]
    command += ["--ServerApp.answer_yes=True", "--LabApp.extension_manager=readonly"]
    command += [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{page}"]
    if options.port:
        check_port(options.port)
        command += [f"--ServerApp.port={options.port}", "--ServerApp.port_retries=0"]
    if options.no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container
    settings(paired)
    print("JupyterLab opens in your browser, or at the address below. Ctrl-C here stops it.", flush=True)
    server = subprocess.Popen([str(part) for part in command], cwd=str(ROOT), env=environment())
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:
            continue  # the server got it too, and is closing its kernels


def lab(options):
    """Open the course: set up what is missing, lay your copies into work/, start JupyterLab."""
    prepare()
    if not lessons():
        raise Problem("There are no lessons in notebooks/. Is this the whole course? Clone it again.")
    for name in lay_copies():
        print(f"{name} has changed since. To get the new one, with yours set aside: reset {name[:2]}")
    return jupyterlab(f"work/{lessons()[0].name}", options, paired=False)


def edit(options):
    """Open the originals in notebooks/, paired with their sources (for authors)."""
    prepare()
    run([PYTHON, NOTEBOOKS / "build.py", "--align"])
    return jupyterlab("notebooks", options, paired=True)


# ---------------------------------------------------------------- checks


def lint(options=None):
    """Check the style of all code; takes a second."""
    prepare()
    return run([PYTHON, "-m", "ruff", "check", "--quiet", "."])


def pytest(*arguments, **more):
    """Run pytest; a learner's progress is out of its reach."""
    with tempfile.TemporaryDirectory() as folder:
        progress = str(Path(folder) / "progress.json")
        return run(
            [PYTHON, "-m", "pytest", "-q", *arguments], MPLBACKEND="Agg", COURSE_PROGRESS=progress, **more
        )


def check_notebook(path, claims_only=False, **variables):
    """Run one notebook strictly: it must print what is stored. Returns ok, seconds, gigabytes, report.

    With `claims_only`, what it prints may differ, but no cell may fail, and so every claim must hold.
    """
    command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no"]
    command += ["--nbval-lax" if claims_only else "--nbval"]
    command += ["--nbval-current-env", "--nbval-cell-timeout=300"]
    command += [f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval.cfg'}", path]
    started, gigabytes = time.time(), float("nan")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.txt"
        with report.open("wb") as out:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=str(ROOT),
                env=environment(COURSE_PROGRESS=str(Path(folder) / "progress.json"), **variables),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            if hasattr(os, "wait4"):  # tells the most memory that it or its kernel took
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = status
                gigabytes = used.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
            else:
                status = process.wait()
        return (
            status == 0,
            time.time() - started,
            gigabytes,
            report.read_text(encoding="utf-8", errors="replace"),
        )


def check_notebooks():
    """Run all notebooks, two at a time, the longest first, each with a progress file of its own."""
    todo = sorted(lessons(), key=lambda path: -read(path)["metadata"].get("course", {}).get("seconds", 0))
    failed, turn = [], threading.Lock()

    def one(path):
        ok, seconds, gigabytes, report = check_notebook(path)
        with turn:
            print(
                f"  {path.stem:32} {'ok' if ok else 'FAILED':6} {seconds:4.0f} s  {gigabytes:.1f} GB",
                flush=True,
            )
            if not ok:
                failed.append(path)
                print(report, flush=True)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(one, todo))
    return len(failed)


def check_browser():
    """Open lessons in a real browser; where there is none, say so (with CI=true that is a failure)."""
    found = os.environ.get("COURSE_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found:
        return pytest("tests/browser", COURSE_CHROMIUM=found)
    print("No Chromium here, so the browser tests did not run. Install it (Debian: apt install chromium),")
    print("or let COURSE_CHROMIUM name the program.", flush=True)
    return 1 if os.environ.get("CI") == "true" else None


def test(options):
    """Check everything: style, units, hygiene, every notebook, and lessons in a browser."""
    units = [
        "tests",
        "--ignore=tests/browser",
        "--ignore=tests/test_notebooks.py",
        "-n",
        "2",
        "--dist",
        "loadfile",
    ]
    stages = [
        ("lint", lint),
        ("units", lambda: pytest(*units)),
        ("hygiene", lambda: pytest("tests/test_notebooks.py")),
        ("notebooks", check_notebooks),
        ("browser", check_browser),
    ]
    prepare()
    rows = []
    for name, stage in stages:
        print(f"== {name}", flush=True)
        started = time.time()
        state = {None: "not run", 0: "ok"}.get(stage(), "FAILED")
        rows.append((name, state, time.time() - started))
    rows.append(("together", "", sum(seconds for _, _, seconds in rows)))
    print()
    for name, state, seconds in rows:
        print(f"{name:10} {state:8} {seconds:5.0f} s", flush=True)
    return int(any(state == "FAILED" for _, state, _ in rows))


def portable(options):
    """Check that the lessons hold on other processors and with other seeds (over an hour; resumable)."""
    prepare()
    return run([PYTHON, ROOT / "tests" / "portable.py", *options.rest])


# ---------------------------------------------------------------- for authors


def notebooks(options):
    """Build the notebooks that changed; `notebooks 04 --force` builds lesson 04 in any case."""
    prepare()
    return run([PYTHON, NOTEBOOKS / "build.py", *options.rest])


def results(options):
    """Train the models of the tables again and keep their numbers (long); `results 04` for one lesson."""
    found = sorted((ROOT / "data" / "results").glob("[0-9][0-9]_*.py"))
    chosen = [path for path in found if path.stem.startswith(tuple(options.lessons or [""]))]
    if not chosen:
        raise Problem(f"There are no such results. There are: {', '.join(path.stem for path in found)}.")
    prepare()
    only = ["--times"] if options.times else []
    return sum(run([PYTHON, path, *only]) != 0 for path in chosen)


def lock(options):
    """Bring requirements.lock up to date with pyproject.toml."""
    prepare()
    command = [
        PYTHON,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--all-extras",
        "-o",
        LOCK.name,
        "--quiet",
    ]
    command += ["--universal", "--python-version", f"{OLDEST[0]}.{OLDEST[1]}"]
    return run([*command, "--generate-hashes", "--no-emit-index-url", "--no-header"])


def show_help(options=None):
    """List the commands."""
    print("python course.py COMMAND     (or, where there is make: make COMMAND)\n")
    for name, command in COMMANDS.items():
        print(f"  {name:10} {command.__doc__}")
    print(
        "\nlab and edit take --no-browser and --port N. With make, the lesson goes so: make reset LESSON=04"
    )


COMMANDS = {
    "lab": lab,
    "reset": reset,
    "test": test,
    "lint": lint,
    "handout": handout,
    "portable": portable,
    "notebooks": notebooks,
    "edit": edit,
    "results": results,
    "lock": lock,
    "help": show_help,
}


def parse(arguments):
    """Turn the command line into a command and its options."""
    name, rest = (arguments or ["help"])[0], arguments[1:]
    if name in ("-h", "--help"):
        name = "help"
    if name not in COMMANDS:
        raise Problem(f"There is no command {name!r}. There are: {', '.join(COMMANDS)}.")
    parser = argparse.ArgumentParser(prog=f"python course.py {name}", description=COMMANDS[name].__doc__)
    if name in ("lab", "edit"):
        parser.add_argument("--no-browser", action="store_true", help="print the address only")
        parser.add_argument("--port", type=int, help="the port to use; default: a free one")
    elif name == "reset":
        parser.add_argument("lesson", nargs="?", default="", help="the lesson, such as 04")
    elif name == "results":
        parser.add_argument("lessons", nargs="*", help="the lessons, such as 04; default: all")
        parser.add_argument("--times", action="store_true", help="measure the times again, keep the scores")
    elif name in ("notebooks", "portable"):
        return COMMANDS[name], argparse.Namespace(rest=rest)
    return COMMANDS[name], parser.parse_args(rest)


def main(arguments):
    """Do what the command line asks for; return the exit status."""
    try:
        command, options = parse(arguments)
        return command(options) or 0
    except Problem as problem:
        told = str(problem)
    except KeyboardInterrupt:
        told = "Stopped. Run the same command again to go on."
    except OSError as error:
        if error.errno == errno.ENOSPC:
            told = f"The disk is full ({error.filename}). Make room and run this command again."
        elif isinstance(error, PermissionError):
            told = f"{error.filename} cannot be written. Move the course to a folder of your own."
        else:
            raise
    print(f"\n{told}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
