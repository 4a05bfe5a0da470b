"""Build the notebooks: run each source in a fresh kernel and keep what it printed and drew.

    python notebooks/build.py              # the lessons that changed, two at a time
    python notebooks/build.py 04 --force   # lesson 04, changed or not

`notebooks/source/NN_name.py` is what we edit; `notebooks/NN_name.ipynb` is written here and nowhere else.
"""

import argparse
import ast
import concurrent.futures
import hashlib
import multiprocessing
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "notebooks" / "source"
BUILD_KEY = "build"  # where a notebook's metadata keeps the digest of what it was built from
ASSETS = {".mplstyle", ".png", ".js", ".css"}  # what helpers read besides code
LIVE = "live"  # the name of the files of labs that are live in the book: no notebook shows them
# What the table of progress shows of a lesson: its title and exercises.
LISTED = re.compile(r"^#\s+title:.*|^@check\.exercise\(\s*\S+", re.MULTILINE)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def notebook_of(source):
    """The notebook that belongs to a source: one folder up, another ending."""
    return source.parents[1] / f"{source.stem}.ipynb"


def select(names, sources=SOURCES):
    """The sources whose names start with one of `names`; all of them if there are no names."""
    found = sorted(sources.glob("[0-9][0-9]_*.py"))
    chosen = [source for source in found if not names or any(source.stem.startswith(n) for n in names)]
    for name in names:
        if not any(source.stem.startswith(name) for source in chosen):
            known = ", ".join(source.stem for source in found) or "none yet"
            raise SystemExit(f"No lesson starts with {name!r}. The lessons are: {known}.")
    return chosen


def helpers_of(code, root=ROOT):
    """The files of course_utils that `code` imports, and those that they import in turn.

    A package that looks its names up when they are asked for (`__getattr__`) may hand out anything below it.
    """
    package, found, waiting = root / "course_utils", set(), [(code, "")]
    while waiting:
        text, inside = waiting.pop()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                parent = inside.rsplit(".", node.level - 1)[0] if node.level > 1 else inside
                base = ".".join(filter(None, (parent if node.level else "", node.module)))
                names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                if name.split(".")[0] != package.name:
                    continue
                stem = root.joinpath(*name.split("."))
                for path in (stem.with_suffix(".py"), stem / "__init__.py"):
                    if path.is_file() and path not in found:
                        found.add(path)
                        inner = ".".join(path.parent.relative_to(root).parts)
                        waiting.append((path.read_text(encoding="utf-8"), inner))
                        if path.name == "__init__.py" and "\ndef __getattr__(" in waiting[-1][0]:
                            below = (part.relative_to(root).with_suffix("") for part in stem.rglob("*.py"))
                            waiting += [(f"import {'.'.join(part.parts)}", "") for part in below]
    return found


def assets_of(helpers, root=ROOT):
    """What these helpers read besides code: the files beside them, and the previews of their labs."""
    folders, code = {path.parent for path in helpers}, "".join(path.read_text("utf-8") for path in helpers)
    for path in (root / "course_utils").rglob("*"):
        lab = f"class {path.stem.partition('-')[0].capitalize()}Lab("
        mine = lab in code if path.parent.name == "previews" else path.parent in folders
        if mine and path.suffix in ASSETS and path.stem != LIVE:
            yield path


def digest_of(source, root=ROOT):
    """One hash over all that a notebook's outputs depend on, as far as it lies in this project."""
    helpers = helpers_of(source.read_text(encoding="utf-8"), root)
    inputs = {source, *helpers, *assets_of(helpers, root), root / "data" / "manifest.toml"}
    for kept in ("json", "h5"):  # tables, and weights of networks
        inputs.update((root / "data" / "results").glob(f"{source.stem[:2]}_*.{kept}"))
    whole = hashlib.sha256()
    if "check.progress()" in source.read_text(encoding="utf-8"):  # it lists the exercises of all lessons
        for lesson in sorted(source.parent.glob("[0-9][0-9]_*.py")):
            shown = LISTED.findall(lesson.read_text(encoding="utf-8"))
            whole.update("\n".join([lesson.stem, *shown]).encode())
    for path in sorted(path for path in inputs if path.is_file()):
        whole.update(path.relative_to(root).as_posix().encode())
        whole.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return whole.hexdigest()[:16]


def is_current(source, root=ROOT):
    """Whether the notebook on disk was built from just what lies there now."""
    path = notebook_of(source)
    return path.exists() and nbformat.read(path, 4).metadata.get(BUILD_KEY) == digest_of(source, root)


def tidy(nb, digest):
    """Take out of an executed notebook what would be stale, random or dead in a committed file."""
    seen = {}
    for cell in nb.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[name] = seen.get(name, -1) + 1
        cell.id = f"{name}-{seen[name]}" if seen[name] else name
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
        cell.metadata.pop("lines_to_next_cell", None)  # jupytext's own note
    nb.metadata.get("language_info", {}).pop("version", None)
    nb.metadata.pop("widgets", None)
    nb.metadata.pop("jupytext", None)
    nb.metadata[BUILD_KEY] = digest
    return nb


def run(source):
    """Run one source from the top in a fresh kernel; return the notebook, tidied."""
    digest = digest_of(source, source.parents[2])
    nb = jupytext.read(source)
    cells = sum(cell.cell_type == "code" for cell in nb.cells)
    started = told = time.perf_counter()
    done = 0

    def progress(cell, cell_index, execute_reply):
        nonlocal told, done
        done += 1
        if time.perf_counter() - told > 10:
            told = time.perf_counter()
            print(f"{source.stem}: {done} of {cells} cells, {told - started:.0f} s", flush=True)

    client = NotebookClient(
        nb,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(source.parents[1])}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        on_cell_executed=progress,
    )
    client.execute()
    return tidy(nb, digest)


def build(source):
    """Build one notebook. Returns True, or False after telling what went wrong; then the old one stays."""
    started = time.perf_counter()
    print(f"{source.stem}: running", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_PROGRESS"] = str(Path(folder) / "progress.json")
        try:
            nb = run(source)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            print(f"{source.stem}: FAILED, the old notebook stays as it was\n{error}", flush=True)
            return False
    path = notebook_of(source)
    fresh = path.with_suffix(".ipynb.new")
    nbformat.write(nb, fresh)
    os.replace(fresh, path)
    align(source)
    noisy = sum(o.get("name") == "stderr" for cell in nb.cells for o in cell.get("outputs", []))
    note = f", {noisy} outputs on stderr" if noisy else ""
    seconds = time.perf_counter() - started
    print(f"{source.stem}: built in {seconds:.0f} s, {path.stat().st_size / 1e6:.2f} MB{note}", flush=True)
    return True


def align(source):
    """Give a notebook that says what its source says the source's time.

    After a checkout the times mean nothing, and jupytext refuses to open a notebook newer than its source.
    """
    path = notebook_of(source)
    if path.exists():
        pair = [
            [(cell.cell_type, cell.source) for cell in jupytext.read(file).cells] for file in (source, path)
        ]
        if pair[0] == pair[1]:
            times = source.stat()
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def main(arguments=None):
    """Build what is asked for; the number of notebooks that failed is the answer."""
    parser = argparse.ArgumentParser(description="Build the notebooks whose source, helpers or data changed.")
    parser.add_argument("names", nargs="*", help="the first letters of lessons, such as 04; default: all")
    parser.add_argument("--force", action="store_true", help="build them even if nothing changed")
    parser.add_argument("--jobs", type=int, default=2, help="how many to build at a time (default: 2)")
    parser.add_argument(
        "--align", action="store_true", help="build nothing; make pairs fit to open in JupyterLab"
    )
    options = parser.parse_args(arguments)
    sources = select(options.names)
    if options.align:
        for source in sources:
            align(source)
        return 0
    todo = [source for source in sources if options.force or not is_current(source)]
    print(f"{len(todo)} of {len(sources)} notebooks to build", flush=True)
    # The kernels find course_utils here, whatever folder this was started from.
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.pop("MPLBACKEND", None)
    with concurrent.futures.ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        return sum(not built for built in pool.map(build, todo))


if __name__ == "__main__":
    sys.exit(main())
