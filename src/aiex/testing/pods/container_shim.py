"""Becomes a container's first process; run as a script, never for its functions.

    python -I -S -E container_shim.py <file with the container as JSON> <report descriptor>

It enters the pod's network, makes the other namespaces, forks, and the child, process 1 in there,
builds the root, gives up what it may not keep and becomes the program. The parent waits and ends as
the child did. To the report descriptor goes `pid N`, and `error …` when the program cannot start.

The kernel kills the child with its parent, as it does the parent with whoever started it.
"""

import ctypes
import json
import os
import signal
import sys
import warnings  # noqa: F401 - `os.execvpe` imports it, when the library is out of sight
from typing import Any

# linux/mount.h, linux/prctl.h
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
CAPABILITY_LAST = 40
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
EXIT_NOT_STARTED = 127
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}

libc = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    with open(sys.argv[1], "rb") as file:  # noqa: PTH123 - it imports as little as it can
        container = json.load(file)
    report = int(sys.argv[2])
    os.set_inheritable(report, False)
    enter(container["network"])
    os.unshare(os.CLONE_NEWNS | os.CLONE_NEWPID | os.CLONE_NEWUTS | os.CLONE_NEWIPC)
    pid = os.fork()
    if pid == 0:
        return become(container, report)
    os.write(report, f"pid {pid}\n".encode())
    os.close(report)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def enter(network: str) -> None:
    descriptor = os.open(network, os.O_RDONLY)
    os.setns(descriptor, os.CLONE_NEWNET)
    os.close(descriptor)


def become(container: dict[str, Any], report: int) -> int:
    try:
        build_root(container)
        confine(container)
        argv = container["argv"]
        os.execvpe(argv[0], argv, container["environment"])  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(report, f"error {container['argv'][0]}: {error}\n".encode())
    return EXIT_NOT_STARTED


def build_root(container: dict[str, Any]) -> None:
    root = container["root"]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("root", root, "tmpfs", 0, "mode=755")
    if base := container["base"]:
        for part in ("over", "work", "merged"):
            os.mkdir(f"{root}/{part}")  # noqa: PTH102
        layers = f"lowerdir={base},upperdir={root}/over,workdir={root}/work"
        root = f"{root}/merged"
        mount("root", root, "overlay", 0, layers)
    for name, text in container["files"].items():
        write(root + name, text)
    for name, target in container["links"].items():
        os.makedirs(os.path.dirname(root + name), exist_ok=True)  # noqa: PTH103, PTH120
        os.symlink(target, root + name)  # noqa: PTH211
    for one in container["mounts"]:
        bind(one["source"], root + one["target"], one["is_read_only"])
    build_kernel_views(root)
    pivot(root, container["is_root_read_only"])
    set_hostname(container["hostname"])
    os.chdir(container["directory"])


def build_kernel_views(root: str) -> None:
    for name in ("proc", "dev", "sys"):
        os.makedirs(f"{root}/{name}", exist_ok=True)  # noqa: PTH103
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("sysfs", f"{root}/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    mount("dev", f"{root}/dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k")
    for name in DEVICES:
        bind(f"/dev/{name}", f"{root}/dev/{name}", False)
    for name, target in LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")  # noqa: PTH211
    shared = f"{root}/dev/shm"  # noqa: S108 - the container's own
    os.mkdir(shared)  # noqa: PTH102
    mount("shm", shared, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=65536k")


def pivot(root: str, is_read_only: bool) -> None:
    os.chdir(root)
    number = SYS_PIVOT_ROOT[os.uname().machine]
    check(libc.syscall(number, b".", b"."), "pivot_root")
    check(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    if is_read_only:
        mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)


def confine(container: dict[str, Any]) -> None:
    os.umask(0o022)
    for number in range(CAPABILITY_LAST + 1):
        if number not in container["capabilities"]:
            check(libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "PR_CAPBSET_DROP")
    os.setgroups(container["groups"])
    os.setresgid(*[container["gid"]] * 3)
    os.setresuid(*[container["uid"]] * 3)
    if not container["may_gain"]:
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    # Last of all: becoming another user takes it back.
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")
    # Python ignores these two for itself, and what is ignored stays so across exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "w") as file:  # noqa: PTH123
        file.write(text)


def bind(source: str, target: str, is_read_only: bool) -> None:
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    elif not os.path.exists(target):  # noqa: PTH110
        write(target, "")
    mount(source, target, None, MS_BIND | MS_REC)
    if is_read_only:
        mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    made = libc.mount(
        source.encode(), target.encode(), kind and kind.encode(), flags, data.encode() or None
    )
    check(made, f"mount of {source} on {target}")


def set_hostname(name: str) -> None:
    check(libc.sethostname(name.encode(), len(name)), "sethostname")


def check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    sys.exit(main())
