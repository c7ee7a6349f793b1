"""Listeners that speak TLS, and those who ask them: OpenAI's client and the command line."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from aiex.testing.certificates import Authority, Issued
from aiex.testing.node_process import MOCK_ONLY, NodeProcess

pytestmark = pytest.mark.integration


def tls_arguments(issued: Issued, *sections: str) -> list[str]:
    return [
        f"--set={section}.{name}={file}"
        for section in sections
        for name, file in (
            ("tls_certificate_file", issued.certificate),
            ("tls_key_file", issued.key),
        )
    ]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[NodeProcess]:
    arguments = [*MOCK_ONLY, *tls_arguments(authority.issue("listener"), "api", "admin")]
    with NodeProcess(tmp_path_factory.mktemp("node"), arguments) as process:
        yield process.ready()


def aiex(*arguments: str, ca_file: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AIEX_")}
    if ca_file:
        environment["AIEX_CA_FILE"] = ca_file
    command = [sys.executable, "-m", "aiex", *arguments]
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_addresses_shown_are_https(node: NodeProcess) -> None:
    assert node.api_url.startswith("https://127.0.0.1:")
    assert node.admin_url.startswith("https://127.0.0.1:")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_that_trusts_the_authority_is_answered(
    node: NodeProcess, authority: Authority, version: ssl.TLSVersion
) -> None:
    context: Any = ssl.create_default_context(cafile=str(authority.ca_file))
    context.maximum_version = version
    with openai.OpenAI(
        base_url=f"{node.api_url}/v1",
        api_key="unused",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=context, trust_env=False),
    ) as client:
        question: Any = [{"role": "user", "content": "echo a b"}]
        whole = client.chat.completions.create(model="mock", messages=question)
        assert whole.choices[0].message.content == "a b"
        stream = client.chat.completions.create(model="mock", messages=question, stream=True)
        texts = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        assert "".join(texts) == "a b"


def test_a_client_that_does_not_trust_it_is_not(node: NodeProcess) -> None:
    with (
        openai.OpenAI(
            base_url=f"{node.api_url}/v1",
            api_key="unused",
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        ) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.models.list()


def test_the_command_line_trusts_the_authority_it_is_given(
    node: NodeProcess, authority: Authority
) -> None:
    here = ("--data-dir", str(node.data_dir))
    by_flag = aiex("status", *here, "-o", "json", "--ca-file", str(authority.ca_file))
    assert by_flag.returncode == 0, by_flag.stderr
    assert json.loads(by_flag.stdout)["api"]["url"] == node.api_url
    by_variable = aiex("models", *here, ca_file=str(authority.ca_file))
    assert by_variable.returncode == 0, by_variable.stderr
    chat = ("chat", "--url", node.api_url, "echo hello")
    assert aiex(*chat, ca_file=str(authority.ca_file)).stdout == "hello\n"


def test_the_command_line_says_that_a_certificate_is_not_trusted(node: NodeProcess) -> None:
    for command in (
        ("status", "--data-dir", str(node.data_dir)),
        ("chat", "--url", node.api_url, "hello"),
    ):
        refused = aiex(*command)
        assert refused.returncode == 1
        assert "is not trusted" in refused.stderr
        assert "AIEX_CA_FILE" in refused.stderr


def test_a_file_of_authorities_that_is_none_is_said(node: NodeProcess, tmp_path: Path) -> None:
    for command in (
        ("status", "--data-dir", str(node.data_dir)),
        ("chat", "--url", node.api_url, "hello"),
    ):
        missing = aiex(*command, "--ca-file", str(tmp_path / "none"))
        assert "cannot be read: No such file" in missing.stderr
        (tmp_path / "text").write_text("no certificate")
        assert "no certificate" in aiex(*command, "--ca-file", str(tmp_path / "text")).stderr


@pytest.mark.parametrize("section", ["api", "admin"])
def test_a_node_does_not_start_with_a_key_that_does_not_fit(
    authority: Authority, tmp_path: Path, section: str
) -> None:
    wrong = Issued(authority.issue("one").certificate, authority.issue("two").key)
    with NodeProcess(tmp_path, [*MOCK_ONLY, *tls_arguments(wrong, section)]) as process:
        assert process.process.wait(30) == 1
        assert f"{section}.tls_key_file: the key in" in process.output
