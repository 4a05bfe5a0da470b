"""JupyterHub for a class on one Linux machine; servers.md, beside this file, says how to set it up.

    sudo .teach/bin/jupyterhub --config teaching/jupyterhub_config.py

Learners have accounts on the machine, in the group `learners`. Each gets a JupyterLab from `.teach` with the
extensions of a learner, kernels that run in `.venv`, and copies of the lessons in `~/cnn-meets-lstm/work`.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
import course  # noqa: E402

MEMORY = 3 * 2**30  # bytes of data of one process, such as a kernel
PROCESSES = 1000  # processes and threads of one learner
IDLE = 2 * 3600  # seconds without computing after which a kernel is stopped; later its server, too
PATIENCE = 300  # seconds that a server may take to start, when a whole class logs in

HUB = ROOT / "teaching" / "hub"
STATE = course.JUPYTER / "hub"  # the hub's own files
SETTINGS = course.JUPYTER / "learners"  # Jupyter's settings for all learners
VENV = course.PYTHON.parent.parent

c = get_config()  # noqa: F821

# ---- the hub and its proxy

STATE.mkdir(parents=True, exist_ok=True)
STATE.chmod(0o700)  # the secret that signs cookies is in there
c.JupyterHub.db_url = f"sqlite:///{STATE / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # the proxy knows no TLS: another server stands before it
proxy = [str(course.TEACH_PYTHON), str(HUB / "proxy.py"), f"--proxy-timeout={1000 * PATIENCE}"]
c.ConfigurableHTTPProxy.command = proxy
c.ConfigurableHTTPProxy.pid_file = str(STATE / "proxy.pid")

# ---- who may come in: with the password of an account on this machine

c.JupyterHub.authenticator_class = "pam"
c.LocalAuthenticator.allowed_groups = {"learners"}

# ---- a learner's JupyterLab, which runs as the learner


def extensions(environment):
    """The extensions of Jupyter Server that the packages of an environment switch on."""
    files = (environment / "etc" / "jupyter" / "jupyter_server_config.d").glob("*.json")
    return {
        name for file in files for name in json.loads(file.read_text())["ServerApp"]["jpserver_extensions"]
    }


course.JUPYTER = SETTINGS
course.settings(paired=False)
unwanted = dict.fromkeys(extensions(course.TEACH) - extensions(VENV), False)
(SETTINGS / "jupyter_server_config.d").mkdir(exist_ok=True)
teaching = {"ServerApp": {"jpserver_extensions": unwanted}}
(SETTINGS / "jupyter_server_config.d" / "teaching.json").write_text(json.dumps(teaching))

c.JupyterHub.spawner_class = "jupyterhub.spawner.LocalProcessSpawner"
c.Spawner.start_timeout = c.Spawner.http_timeout = PATIENCE
c.Spawner.cmd = [
    # The spawner enforces no limits. Linux does: data for each process, nproc for each account.
    "prlimit", f"--data={MEMORY}", f"--nproc={PROCESSES}", "--core=0",
    # If memory runs out all the same, Linux ends a learner's process rather than the hub.
    "choom", "--adjust", "500", "--",
    str(course.TEACH_PYTHON), str(HUB / "learner.py"),
]  # fmt: skip
c.Spawner.args = [
    f"--LabApp.labextensions_path={VENV / 'share' / 'jupyter' / 'labextensions'}",  # not those of .teach
    "--LabApp.extension_manager=readonly",
    "--KernelManager.transport=ipc",  # over TCP, every account of the machine could listen
    f"--MappingKernelManager.cull_idle_timeout={IDLE}",
    "--MappingKernelManager.cull_connected=True",  # even where the page was left open
    f"--TerminalManager.cull_inactive_timeout={IDLE}",
    f"--ServerApp.shutdown_no_activity_timeout={IDLE}",
]
c.Spawner.environment = {
    "JUPYTER_CONFIG_PATH": str(SETTINGS),
    "PATH": f"{course.PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "2",  # NumPy would take all cores of the machine for each learner
}
c.Spawner.notebook_dir = "~/cnn-meets-lstm"
c.Spawner.default_url = "/lab/tree/work/00_start_here.ipynb"
