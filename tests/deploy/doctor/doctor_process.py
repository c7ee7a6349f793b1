"""`aiex k8s doctor` as a process of its own, against a mock of the Kubernetes API."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aiex.testing.kubernetes_api import KubernetesApiServer, kubeconfig

TIMEOUT_S = 50


class Said(NamedTuple):
    status: int
    stdout: str
    stderr: str

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Of `-o json`."""
        findings: list[dict[str, Any]] = msgspec.json.decode(self.stdout)["findings"]
        return findings


def doctor(home: Path, *arguments: str, **variables: str) -> Said:
    """What it says in an empty home; nothing of this environment's settings reaches it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIEX_", "KUBE", "XDG_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "aiex", "k8s", "doctor", *arguments],
        env={**kept, "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def doctor_of(api: KubernetesApiServer, home: Path, *arguments: str) -> Said:
    """The same with a kubeconfig for the mock."""
    return doctor(home, "--kubeconfig", str(kubeconfig(home, api.url, {})), *arguments)
