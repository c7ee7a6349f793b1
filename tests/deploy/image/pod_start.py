"""Becomes a program as a container under Pod Security `restricted` starts it; run by `unshare`.

    unshare --mount --pid --fork python pod_start.py ROOT UID GID NAME=VALUE… -- program argument…

The root is read-only, the data directory an empty tmpfs of the user; there are no capabilities and
no way to get any. What is started is process 1.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

PR_CAPBSET_DROP = 24  # linux/prctl.h
PR_SET_NO_NEW_PRIVS = 38
DEVICES = ("null", "zero", "full", "random", "urandom")


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def main() -> None:
    top, uid, gid, *rest = sys.argv[1:]
    split = rest.index("--")
    environment = dict(one.split("=", 1) for one in rest[:split])
    argv = rest[split + 1 :]
    root = Path(top)
    mount("--bind", top, top)
    for name in ("proc", "dev"):
        (root / name).mkdir(exist_ok=True)
    mount("-t", "proc", "proc", f"{top}/proc")
    mount("-t", "tmpfs", "-o", "mode=755", "dev", f"{top}/dev")
    for name in DEVICES:
        (root / "dev" / name).touch()
        mount("--bind", f"/dev/{name}", f"{top}/dev/{name}")
    (root / "dev" / "fd").symlink_to("/proc/self/fd")
    data = f"mode=0700,uid={uid},gid={gid}"
    mount("-t", "tmpfs", "-o", data, "data", f"{top}/var/lib/aiex")
    mount("-o", "remount,bind,ro", top)
    os.chroot(top)
    os.chdir("/var/lib/aiex")
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability)
    os.setgroups([])
    os.setresgid(int(gid), int(gid), int(gid))
    os.setresuid(int(uid), int(uid), int(uid))  # with it go all capabilities
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.environ.clear()
    os.environ["PATH"] = environment["PATH"]  # where the program is looked for
    os.execvpe(argv[0], argv, environment)


main()
