"""Run a command, as root, on a machine where Ada, Bob and Eve have accounts.

    unshare --mount python accounts.py FOLDER COMMAND...

For this command alone, other files are laid over those that list the accounts, so that nothing has to be
removed from the machine. FOLDER exists, is open to all, and gets the homes.
"""

import os
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
NUMBERS = {"ada": 60001, "bob": 60002, "eve": 60003}
PASSWORD = "secret"
HASH = (  # openssl passwd -6 secret
    "$6$XrjzBR4iFtQklju5$UOlL8nr605NRnnbRmMRwvIiHWlr.hvQwvP3.qXYUOaNCB13Ow1hpStX70bHOqF/CyNGn9IHHRd6KnAWQvC7Md0"
)


def mount(*arguments):
    """Call mount(8)."""
    subprocess.run(["mount", *arguments], check=True)


def add_accounts(folder):
    """Give each an account with a home; Ada and Bob are learners, Eve is not."""
    passwd, shadow, group = [], [], ["learners:x:60000:ada,bob"]
    for name, number in NUMBERS.items():
        home = folder / name
        home.mkdir()
        os.chown(home, number, number)
        passwd.append(f"{name}:x:{number}:{number}::{home}:/bin/bash")
        shadow.append(f"{name}:{HASH}:19000:0:99999:7:::")
        group.append(f"{name}:x:{number}:")
    there = {name: Path("/etc", name).read_text().splitlines() for name in ("passwd", "group")}
    for name, lines in {"passwd": passwd, "group": group, "shadow": shadow}.items():
        file = folder / name
        file.write_text("\n".join([*lines, *there.get(name, []), ""]))
        file.chmod(0o600 if name == "shadow" else 0o644)
        mount("--bind", str(file), f"/etc/{name}")


def open_the_way(path, folder):
    """Let all accounts pass to a path: what is closed above it, such as /root, gets an open cover."""
    for above in reversed(path.parents):
        mode = above.stat().st_mode
        if not mode & 0o001:
            changed, work = (folder / f"{above.name}-{name}" for name in ("changed", "work"))
            changed.mkdir()
            work.mkdir()
            folders = f"lowerdir={above},upperdir={changed},workdir={work}"
            mount("-t", "overlay", "-o", folders, "overlay", str(above))
            above.chmod(mode | 0o001)


if __name__ == "__main__":
    folder, command = Path(sys.argv[1]), sys.argv[2:]
    add_accounts(folder)
    covers = folder / "covers"
    covers.mkdir()
    mount("-t", "tmpfs", "covers", str(covers))
    for path in (COURSE, Path(sys.base_prefix)):
        open_the_way(path, covers)
    os.execv(command[0], command)
