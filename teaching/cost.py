"""What learners cost a server, measured on this machine: the table of servers.md.

    .venv/bin/python teaching/cost.py

Each learner is a JupyterLab process and a kernel. First all kernels run the first two cells of lesson 00, and
rest; then all of them run a whole lesson at once. Takes about ten minutes on two cores.
"""

import concurrent.futures
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from jupyter_client import KernelManager

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import course  # noqa: E402

LESSON = "04"
LEARNERS = 1, 2, 4
REST = 30  # seconds
HEADS = (
    "Learners at once", "GB at rest", "% of a core at rest", f"GB in lesson {LESSON}",
    "seconds of a core for it, each", "data of the largest kernel, GB", "its threads",
)  # fmt: skip


class Learner:
    """A JupyterLab process, and a kernel as it would start one."""

    def __init__(self, folder):
        places = {
            name: str(Path(folder, name.lower())) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")
        }
        env = {**course.environment(), **places, "COURSE_PROGRESS": str(Path(folder, "progress.json"))}
        env["IPYTHONDIR"] = str(Path(folder, "ipython"))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.port=0"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": env}
        self.server = psutil.Popen(command, **quiet)
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(**quiet)
        self.kernel = psutil.Process(self.manager.provisioner.pid)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=300)

    def run(self, cells):
        """Run cells one after the other."""
        for cell in cells:
            reply = self.client.execute_interactive(cell, output_hook=lambda message: None, timeout=3600)
            if reply["content"]["status"] != "ok":
                raise RuntimeError("\n".join(reply["content"]["traceback"]))

    def seconds(self):
        """Processor time that both processes have used so far."""
        return sum(sum(process.cpu_times()[:2]) for process in (self.server, self.kernel))

    def close(self):
        """End both processes."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.server.terminate()
        self.server.wait()


def read(process, file, field):
    """A number that Linux tells of a process; sizes are in bytes."""
    told = Path(f"/proc/{process.pid}/{file}").read_text()
    number, *unit = re.search(rf"^{field}:(.*)", told, re.M)[1].split()
    return int(number) * (1024 if unit else 1)


def memory(learners):
    """Bytes that learners take: what each process has for itself, and once the libraries that all share."""
    total = 0
    for processes in ([learner.server for learner in learners], [learner.kernel for learner in learners]):
        own = [read(process, "smaps_rollup", "Anonymous") for process in processes]
        whole = [read(process, "smaps_rollup", "Rss") for process in processes]
        total += sum(own) + max(all_of_it - part for all_of_it, part in zip(whole, own))
    return total


def at_once(learners, lesson, cells=None):
    """Let all learners run the first cells of a lesson; the most memory, data and threads seen."""
    source = course.read(course.find_lesson(lesson))["cells"]
    code = ["".join(cell["source"]) for cell in source if cell["cell_type"] == "code"][:cells]
    highest = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(len(learners)) as pool:
        runs = [pool.submit(learner.run, code) for learner in learners]
        while not all(run.done() for run in runs):
            kernels = [learner.kernel for learner in learners]
            data, threads = (
                max(read(k, "status", field) for k in kernels) for field in ("VmData", "Threads")
            )
            highest = [max(both) for both in zip(highest, (memory(learners), data, threads))]
            time.sleep(0.5)
    for run in runs:
        run.result()
    return highest


def measure(count):
    """A row of the table, for so many learners at once."""
    with contextlib.ExitStack() as stack:
        learners = []
        for _ in range(count):
            learners.append(Learner(stack.enter_context(tempfile.TemporaryDirectory())))
            stack.callback(learners[-1].close)
        at_once(learners, "00", cells=2)
        time.sleep(REST)
        before = sum(learner.seconds() for learner in learners)
        time.sleep(REST)
        after, resting = sum(learner.seconds() for learner in learners), memory(learners)
        peak, data, threads = at_once(learners, LESSON)
        busy = (sum(learner.seconds() for learner in learners) - after) / count
    rest = [f"{resting / 1e9:.1f}", f"{100 * (after - before) / REST:.0f}"]
    return [count, *rest, f"{peak / 1e9:.1f}", f"{busy:.0f}", f"{data / 1e9:.1f}", threads]


if __name__ == "__main__":
    print(f"| {' | '.join(HEADS)} |\n|{'--:|' * len(HEADS)}")
    for count in LEARNERS:
        print(f"| {' | '.join(map(str, measure(count)))} |", flush=True)
