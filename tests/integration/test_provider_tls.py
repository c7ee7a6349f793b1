"""Calls to providers: through the environment's proxy, and only to those that are trusted."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from aiex.testing.certificates import Authority, Issued
from aiex.testing.connect_proxy import ConnectProxy
from aiex.testing.http_server import ScriptedServer, http_answer
from aiex.testing.node_process import NodeProcess

pytestmark = pytest.mark.integration

# No name server knows it; only a proxy leads there.
HOST = "provider.test"
# What the environment of the tests may have said.
PROXY_VARIABLES = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")
NO_PROXIES = {name: "" for one in PROXY_VARIABLES for name in (one, one.upper())}
BODY = json.dumps({"model": "far/m", "messages": []}).encode()


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("provider", names=f"DNS:{HOST},IP:127.0.0.1")


def node(
    directory: Path,
    url: str,
    ca_file: Path | None = None,
    environment: dict[str, str] | None = None,
) -> NodeProcess:
    provider = {"kind": "openai", "base_url": f"{url}/v1", "ca_file": str(ca_file or "")}
    settings = [f"--set=providers={json.dumps({'far': provider})}"]
    return NodeProcess(directory, settings, {**NO_PROXIES, **(environment or {})})


def ask(process: NodeProcess) -> tuple[int, str]:
    request = urllib.request.Request(f"{process.api_url}/v1/chat/completions", BODY)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_provider_is_asked_through_the_proxy_of_the_environment(
    tmp_path: Path, authority: Authority, issued: Issued
) -> None:
    with (
        ScriptedServer(http_answer(b'{"id":"far"}'), tls=issued.server_context()) as server,
        ConnectProxy(server.port) as proxy,
        node(
            tmp_path, f"https://{HOST}", authority.ca_file, {"HTTPS_PROXY": proxy.url}
        ).ready() as process,
    ):
        assert ask(process) == (200, '{"id":"far"}')
        assert proxy.asked == [f"{HOST}:443"]
        assert server.asked[0].headers["host"] == HOST


def test_what_no_proxy_names_is_asked_directly(
    tmp_path: Path, authority: Authority, issued: Issued
) -> None:
    with (
        ScriptedServer(http_answer(b"{}"), tls=issued.server_context()) as server,
        ConnectProxy(server.port) as proxy,
        node(
            tmp_path,
            f"https://{HOST}",
            authority.ca_file,
            {"HTTPS_PROXY": proxy.url, "NO_PROXY": f"other.example,{HOST}"},
        ).ready() as process,
    ):
        status, body = ask(process)
        assert (status, proxy.asked) == (502, [])
        assert "cannot be reached" in body


def test_this_machine_is_never_asked_through_a_proxy(
    tmp_path: Path, authority: Authority, issued: Issued
) -> None:
    with (
        ScriptedServer(http_answer(b'{"id":"near"}'), tls=issued.server_context()) as server,
        ConnectProxy(server.port) as proxy,
        node(
            tmp_path, server.url, authority.ca_file, {"HTTPS_PROXY": proxy.url}
        ).ready() as process,
    ):
        assert ask(process) == (200, '{"id":"near"}')
        assert proxy.asked == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, issued: Issued) -> None:
    with (
        ScriptedServer(http_answer(b"{}"), tls=issued.server_context()) as server,
        node(tmp_path, server.url).ready() as process,
    ):
        status, body = ask(process)
        assert (status, server.asked) == (502, [])
        assert "certificate is not trusted" in body


def test_a_certificate_of_another_name_is_refused(tmp_path: Path, authority: Authority) -> None:
    other = authority.issue("another", names="DNS:another.example")
    with (
        ScriptedServer(http_answer(b"{}"), tls=other.server_context()) as server,
        node(tmp_path, server.url, authority.ca_file).ready() as process,
    ):
        status, body = ask(process)
        assert (status, server.asked) == (502, [])
        assert "certificate is not trusted" in body


def test_a_node_does_not_start_without_its_providers_authorities(tmp_path: Path) -> None:
    with node(tmp_path, "https://127.0.0.1:1", tmp_path / "none.pem") as process:
        assert process.process.wait(30) == 1
        assert "providers.far.ca_file: " in process.output
