"""A container of a built image, as a cluster under Pod Security `restricted` would run it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from aiex.testing.node_process import http_status, wait_until
from aiex.testing.process_one import first_child

START = Path(__file__).parent / "pod_start.py"
START_S = 60
STOP_S = 60


class Pod:
    """Runs what the image's settings say, with other arguments for its command if given."""

    def __init__(
        self, root: Path, settings: dict[str, Any], output: Path, command: Sequence[str] = ()
    ) -> None:
        self._output = output
        uid, gid = settings["User"].split(":")
        argv = [*settings["Entrypoint"], *(command or settings["Cmd"])]
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [
                    *["unshare", "--mount", "--pid", "--fork", "--kill-child", "--"],
                    *[sys.executable, str(START), str(root), uid, gid, *settings["Env"]],
                    *["--", *argv],
                ],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(STOP_S)

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Process 1 of the container, as seen from here."""
        return first_child(self.process.pid)

    def ready(self, url: str) -> Self:
        """Wait until it takes requests; raises `AssertionError` with its output."""
        wait_until(lambda: self._is_ready(url), START_S, lambda: f"not ready: {self.output}")
        return self

    def _is_ready(self, url: str) -> bool:
        assert self.process.poll() is None, f"it ended: {self.output}"
        try:
            return http_status(f"{url}/readyz") == 200
        except OSError:
            return False

    def status(self) -> dict[str, str]:
        """What the kernel says of process 1: user, capabilities, privileges."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def ask(url: str, model: str, question: str) -> str:
    """What a model answers."""
    body = {
        "model": model, "messages": [{"role": "user", "content": question}], "max_tokens": 16,
    }  # fmt: skip
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content: str = json.load(answer)["choices"][0]["message"]["content"]
    return content
