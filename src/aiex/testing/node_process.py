"""A real node as a process of its own, for tests that need one whole."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from aiex.testing.machine import THIS_MACHINE, Machine, url_opener

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 30.0
POLL_S = 0.02
MODEL = ("--set", 'models={"mock": {"targets": [{"provider": "mock"}]}}')
MOCK = ("--set", 'providers={"mock": {"kind": "mock"}}')
# A node without the local model: what most tests need, and light.
MOCK_ONLY = (*MOCK, *MODEL)


class AdminRefused(Exception):
    """The admin API answered with an error."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status


class NodeProcess:
    """`aiex serve` on free ports with a data directory; use it in a `with` block.

    `data_dir` is below `directory` unless it is given; it is a place of `machine`.
    """

    def __init__(
        self,
        directory: Path,
        arguments: Sequence[str] = MOCK_ONLY,
        environment: Mapping[str, str] | None = None,
        *,
        data_dir: Path | None = None,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.data_dir = data_dir or directory / "data"
        self.output_file = directory / f"output-{time.monotonic_ns()}"
        self._machine = machine
        self._opener = url_opener(machine)
        self.api_url = self.admin_url = ""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("AIEX_")}
        command = [sys.executable, "-m", "aiex", "serve", "--data-dir", str(self.data_dir)]
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                machine.command(
                    [*command, "--port=0", "--admin-port=0", "--set=log.format=json", *arguments]
                ),
                env={**clean, "XDG_RUNTIME_DIR": str(directory), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def announced_pid(self) -> int:
        """The process id as the node itself sees it."""
        return self.pid

    @property
    def output(self) -> str:
        """What the node wrote so far."""
        return self.output_file.read_text(errors="replace")

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log so far."""
        lines = self.output.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def ready(self) -> Self:
        """Wait until it serves; raises `AssertionError` with its output when it does not."""
        wait_until(self._is_announced, START_TIMEOUT_S, lambda: f"no node: {self.output}")
        return self

    def until_ready(self) -> Self:
        """Wait until it is announced and tells load balancers that it takes requests."""
        self.ready()
        wait_until(self._takes_requests, START_TIMEOUT_S, lambda: f"not ready: {self.output}")
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)

    def admin(self, path: str, method: str = "GET", content: object = None) -> Any:
        """The admin API's answer to a call with the token; raises `AdminRefused`."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.admin_url + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"authorization": f"Bearer {self.admin_token}"},
        )
        try:
            with self._opener.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AdminRefused(error.code, error.read().decode()) from None

    def metric(self, name: str) -> float:
        """A metric without labels, as it is now."""
        # On loopback no token is asked for.
        with self._opener.open(self.admin_url + "/metrics", timeout=ANSWER_TIMEOUT_S) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(f"{name} "):
                    return float(line.split()[1])
        raise LookupError(f"there is no metric {name}")

    @property
    def admin_token(self) -> str:
        return self._machine.path(self.data_dir / "admin.token").read_text().strip()

    def check(self, name: str) -> dict[str, Any]:
        """One of the node's health checks."""
        checks: list[dict[str, Any]] = self.admin("/admin/v1/status")["checks"]
        return next(check for check in checks if check["name"] == name)

    def service_pid(self, name: str) -> int | None:
        """The process id of a supervised service that has one."""
        pid: int | None = self.service(name)["pid"]
        return pid

    def service(self, name: str) -> dict[str, Any]:
        """A supervised service as the supervision tree shows it."""
        return _find(self.admin("/admin/v1/supervision"), name)

    def _takes_requests(self) -> bool:
        try:
            with self._opener.open(self.admin_url + "/readyz", timeout=ANSWER_TIMEOUT_S):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False

    def _is_announced(self) -> bool:
        assert self.process.poll() is None, f"it ended: {self.output}"
        try:
            node = json.loads(self._machine.path(self.data_dir / "node.json").read_text())
        except FileNotFoundError:
            return False
        self.api_url, self.admin_url = node["api_url"], node["admin_url"]
        return bool(node["pid"] == self.announced_pid)


def http_status(url: str, key: str = "") -> int:
    """What a GET is answered with."""
    request = urllib.request.Request(url)  # noqa: S310 - our own address
    if key:
        request.add_header("authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_until(
    is_true: Callable[[], object], timeout_s: float, what: Callable[[], str] | str
) -> None:
    """Poll until true; raises `AssertionError` saying `what` was waited for."""
    deadline_s = time.monotonic() + timeout_s
    while not is_true():
        if time.monotonic() > deadline_s:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {timeout_s:g} s: {text}")
        time.sleep(POLL_S)


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children, grandchildren included."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children_of(child)]
    return found


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _find(service: dict[str, Any], name: str) -> dict[str, Any]:
    pending = [service]
    while pending:
        one = pending.pop()
        if one["name"] == name:
            return one
        pending += one["children"]
    raise LookupError(f"there is no service {name}")
