"""The programs that `scripts/kubernetes-tools` fetched."""

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / ".make" / "kubernetes"
CHART = ROOT / "deploy" / "helm" / "aiex"
# The newest version that all of the chart's features were looked up for; helm would take its own.
KUBERNETES_VERSION = "1.36.0"
LIMIT_S = 60.0


class ToolFailed(Exception):
    """A program said no; the text is what it said."""


def run(program: str, *arguments: str | Path, limit_s: float = LIMIT_S) -> str:
    """What a fetched program prints, run without the user's settings; raises `ToolFailed`."""
    nowhere = Path(tempfile.gettempdir()) / "aiex-chart-check-has-no-settings"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(nowhere),
        "KUBECONFIG": str(nowhere / "kubeconfig"),
    }
    command = [str(TOOLS / "bin" / program), *map(str, arguments)]
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=limit_s, check=False
    )
    if ended.returncode != 0:
        raise ToolFailed(f"{ended.stdout}{ended.stderr}".strip() or f"exit {ended.returncode}")
    return ended.stdout


@dataclass(frozen=True)
class Release:
    """Under which name, and where, a chart is rendered."""

    name: str
    namespace: str


def lint(program: str, values: Sequence[Path] = (), chart: Path = CHART) -> str:
    return run(program, "lint", "--strict", *_given(values), chart)


def template(
    program: str,
    release: Release,
    values: Sequence[Path] = (),
    *flags: str,
    chart: Path = CHART,
) -> str:
    """The rendering's text; raises `ToolFailed` with the chart's or the schema's refusal."""
    where = ("--namespace", release.namespace, "--kube-version", KUBERNETES_VERSION)
    return run(program, "template", release.name, chart, *where, *_given(values), *flags)


def notes(release: Release, values: Sequence[Path] = (), chart: Path = CHART) -> str:
    """What an installation tells its user. Helm 3 asks a cluster for that, so Helm 4 is taken."""
    where = ("--namespace", release.namespace, "--dry-run=client", "--hide-secret")
    text = run("helm", "install", release.name, chart, *where, *_given(values))
    return text.rpartition("\nNOTES:\n")[2]


def package(target: Path, chart: Path = CHART) -> list[str]:
    """The names of the files in the chart's archive, which is put into a directory."""
    run("helm", "package", chart, "--destination", target)
    (archive,) = target.glob("*.tgz")
    with tarfile.open(archive) as files:
        return sorted(one.partition("/")[2] for one in files.getnames())


def _given(values: Sequence[Path]) -> list[str]:
    return [part for one in values for part in ("-f", str(one))]
