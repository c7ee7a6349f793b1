"""Faults planted into the process of a real node: blocking calls, and services that crash.

The node's interpreter reads a `sitecustomize` at its start that obeys orders, each given by a file
and a signal; so what is tested is the node as it is, and not one built for the test.
"""

import os
import signal
from pathlib import Path

_CODE = """
import asyncio, ctypes, pathlib, re, signal, threading, time

ORDER = pathlib.Path(__file__).with_name("order")

def planted_sleep(seconds):
    time.sleep(float(seconds))

def planted_c_call(seconds):
    ctypes.PyDLL(None).usleep(int(float(seconds) * 1e6))

def planted_regex(seconds):
    end_s = time.monotonic() + float(seconds)
    count = 16
    while time.monotonic() < end_s:
        count += 1
        re.match("(a+)+$", "a" * count + "b")

def planted_thread(seconds):
    threading.Thread(target=planted_c_call, args=(seconds,), name="planted", daemon=True).start()

def planted_secret_c_call(seconds):
    PR_SET_DUMPABLE = 4  # linux/prctl.h; 0: only who has capabilities may read this process
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)
    planted_c_call(seconds)

def crash(name):
    for task in asyncio.all_tasks():
        if task.get_name() == name:
            task.cancel()

def obey(*_):
    what, _, argument = ORDER.read_text().partition(" ")
    globals()[what](argument)

signal.signal(signal.SIGUSR1, obey)
"""


class Meddler:
    """Start a node with `environment`; orders then are carried out on its loop's thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "meddler"
        self._directory.mkdir()
        (self._directory / "sitecustomize.py").write_text(_CODE)
        self.environment = {"PYTHONPATH": str(self._directory)}

    def crash(self, pid: int, service: str) -> None:
        """Let the task of a service end where it waits."""
        self._order(pid, f"crash {service}")

    def block(self, pid: int, function: str, seconds: float) -> None:
        """`planted_sleep`, `planted_regex`, `planted_c_call` (waits and keeps the interpreter),
        `planted_thread` (does the same in another thread), or `planted_secret_c_call` (lets nobody
        read the process any more, its own user neither, and does the same).
        """
        self._order(pid, f"{function} {seconds}")

    def _order(self, pid: int, text: str) -> None:
        (self._directory / "order").write_text(text)
        os.kill(pid, signal.SIGUSR1)
