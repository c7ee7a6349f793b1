"""`aiex k8s secrets`, as the chart's Jobs run it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aiex.cli.main import root
from aiex.testing.kubernetes_api import KubernetesApiServer, kubeconfig

ALL = ("--nodes", "--engine-login", "--nats", "--nats-tls", "--dns-name=r-nats")


@pytest.fixture
def server() -> Iterator[KubernetesApiServer]:
    with KubernetesApiServer(token="right") as started:
        yield started


def run(server: KubernetesApiServer, directory: Path, *arguments: str) -> Result:
    file = kubeconfig(directory, server.url, {"token": "right"})
    verb, *others = arguments
    place = ("--kubeconfig", str(file), "-n", "models", "--release", "r")
    return CliRunner().invoke(root, ["k8s", "secrets", verb, *place, *others])


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_it_says_what_it_made_and_never_what_is_in_it(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    result = run(server, tmp_path, "make", *ALL, "-o", "json")
    assert [one["secret"] for one in told(result)] == [
        "r-secrets",
        "r-nats-auth",
        "r-nats-ca",
        "r-nats-tls",
    ]
    kept = server.kept("Secret", "r-secrets", "models")
    assert kept is not None
    for value in kept["data"].values():
        assert len(value) < 12 or base64.b64decode(value).decode() not in result.output
    assert run(server, tmp_path, "make", *ALL).output == "Nothing is missing.\n"


def test_it_removes_them(server: KubernetesApiServer, tmp_path: Path) -> None:
    run(server, tmp_path, "make", "--nodes")
    assert told(run(server, tmp_path, "remove", "-o", "json")) == {
        "gone": ["r-secrets"],
        "left": [],
    }
    assert run(server, tmp_path, "remove").output == "Removed: nothing.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Say what to make"),
        (("--nats-tls",), "--nats-tls and --dns-name belong together"),
        (("--dns-name=a",), "--nats-tls and --dns-name belong together"),
        (("--engine-login",), "give both"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    server: KubernetesApiServer, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = run(server, tmp_path, "make", *arguments)
    assert result.exit_code == 2
    assert words in result.output
