"""Network namespaces held by this process: made, entered and set up; nothing of them has a name.

A namespace is a descriptor here. It ends with the last descriptor and the last process inside, so
whatever becomes of a test run, none outlives it. Linux as root only.
"""

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence

# For the commands that build and cut: they take milliseconds.
COMMAND_S = 20.0
_SEARCH_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


class NamespacesUnavailable(Exception):
    """Namespaces cannot be made here; the message says what is missing."""


def in_thread[Result](work: Callable[[], Result]) -> Result:
    """What `work` gives in a thread of its own, so that the namespaces it makes are not ours."""
    results: list[Result] = []
    errors: list[OSError | NamespacesUnavailable] = []

    def note() -> None:
        try:
            results.append(work())
        except (OSError, NamespacesUnavailable) as error:
            errors.append(error)

    thread = threading.Thread(target=note, name="namespaces")
    thread.start()
    thread.join()
    if errors:
        reason = f"network namespaces need root on Linux: {errors[0]}"
        raise NamespacesUnavailable(reason) from errors[0]
    return results[0]


def new_network() -> int:
    """A network of its own for this thread; use it with `in_thread`."""
    os.unshare(os.CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


@contextlib.contextmanager
def inside(network: int) -> Iterator[None]:
    """This thread, and no other, is in that network until the block ends."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        os.setns(network, os.CLONE_NEWNET)
        try:
            yield
        finally:
            os.setns(own, os.CLONE_NEWNET)
    finally:
        os.close(own)


def ip(network: int, *lines: str) -> None:
    """Commands of `ip`, all in one process: it takes them one after the other at once."""
    batch = [program("ip"), "-batch", "-"]
    run([program("nsenter"), f"--net={held(network)}", *batch], "\n".join(lines))


def run(command: Sequence[str], text: str = "") -> None:
    """Run a command with that input; raises `NamespacesUnavailable` with what it complained of."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=COMMAND_S, check=False
    )
    if done.returncode:
        raise NamespacesUnavailable(f"`{' '.join(command)}`: {done.stderr.strip()} {text}")


def program(name: str) -> str:
    """Where it is, also for those whose PATH leaves out sbin."""
    found = shutil.which(name, path=_SEARCH_PATH)
    if found is None:
        raise NamespacesUnavailable(f"network namespaces need `{name}`")
    return found


def held(descriptor: int) -> str:
    """A namespace that this process holds, as a path for any other."""
    return f"/proc/{os.getpid()}/fd/{descriptor}"
