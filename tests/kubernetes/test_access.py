"""Which API is asked, and as whom: files, contexts, a pod's service account, plugins."""

import json
import os
import stat
from pathlib import Path

import pytest

from aiex.errors import KubernetesAccessMissing
from aiex.kubernetes import IN_CLUSTER, access
from aiex.testing.kubernetes_api import kubeconfig

URL = "http://127.0.0.1:1"


def no_pod(tmp_path: Path) -> Path:
    return tmp_path / "no-service-account"


def test_a_named_file_gives_server_user_and_namespace(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, URL, {"token": "t"})
    found = access(str(file), "", {})
    assert (found.server, found.namespace, found.context) == (URL, "aiex", "test")
    assert found.source == str(file)


def test_of_several_files_the_first_with_the_context_counts(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = kubeconfig(tmp_path / "other", "http://127.0.0.1:2", {})
    other.write_text(other.read_text().replace('"test"', '"other"'))
    file = kubeconfig(tmp_path, URL, {})
    both = os.pathsep.join([str(tmp_path / "missing"), str(other), str(file)])
    assert access(both, "", {}).server == "http://127.0.0.1:2"
    assert access(both, "test", {}).server == URL


def test_in_a_pod_its_service_account_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (("token", "t"), ("namespace", "there"), ("ca.crt", "")):
        (tmp_path / name).write_text(content)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = access("", "", {}, service_account=tmp_path)
    assert (found.source, found.namespace) == (IN_CLUSTER, "there")
    assert found.server == "https://[fd00::1]:443"


def test_outside_of_a_pod_the_home_directory_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube", URL, {}).rename(tmp_path / ".kube" / "config")
    home = {"HOME": str(tmp_path)}
    assert access("", "", home, service_account=no_pod(tmp_path)).server == URL


def test_without_any_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(KubernetesAccessMissing) as told:
        access("", "", {"HOME": str(tmp_path)}, service_account=no_pod(tmp_path))
    assert f"no KUBECONFIG, no {tmp_path}/.kube/config" in str(told.value)


def test_an_unknown_context_is_told_with_those_there_are(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, URL, {})
    with pytest.raises(
        KubernetesAccessMissing, match=r"no context 'prod' in .*; those there are: t"
    ):
        access(str(file), "prod", {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no YAML"),
        ("- 1", "is no kubeconfig: it is not a map"),
        ("clusters: [{name: a}]", "is no kubeconfig"),
        ("clusters: null\ncontexts: null", "has no current context"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: x}}]",
            "context 'a' names no cluster it has",
        ),
        (
            "current-context: a\nclusters: [{name: x, cluster: {server: 'http://x'}}]\n"
            "contexts: [{name: a, context: {cluster: x, user: u}}]",
            "context 'a' names no user it has",
        ),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_told_in_words(
    content: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(content)
    with pytest.raises(KubernetesAccessMissing, match=said):
        access(str(file), "", {})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KubernetesAccessMissing, match="cannot be read: No such file"):
        access(str(tmp_path / "none"), "", {})


def test_the_token_of_the_old_oidc_provider_is_used(tmp_path: Path) -> None:
    provider = {"name": "oidc", "config": {"id-token": "of-oidc"}}
    found = access(str(kubeconfig(tmp_path, URL, {"auth-provider": provider})), "", {})
    assert found.config.user is not None
    assert found.config.user.token == "of-oidc"


def test_a_provider_that_nobody_reads_any_more_is_refused(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, URL, {"auth-provider": {"name": "gcp"}})
    with pytest.raises(KubernetesAccessMissing, match="credential plugin"):
        access(str(file), "", {})


def plugin(tmp_path: Path, script: str, version: str = "v1") -> Path:
    program = tmp_path / "log-in"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    called = {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "command": "./log-in",
        "args": ["an-argument"],
        "env": [{"name": "GIVEN", "value": "yes"}],
        "installHint": "Install log-in.",
    }
    return kubeconfig(tmp_path, URL, {"exec": called})


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_credential_plugin_is_run_and_told_who_asks(version: str, tmp_path: Path) -> None:
    script = (
        f'echo "$1 $GIVEN $KUBERNETES_EXEC_INFO" > {tmp_path}/told\n'
        'echo \'{"kind":"ExecCredential","status":{"token":"fresh"}}\''
    )
    found = await access(str(plugin(tmp_path, script, version)), "", {}).with_credential()
    assert found.config.user is not None
    assert found.config.user.token == "fresh"
    argument, given, told = (tmp_path / "told").read_text().split(maxsplit=2)
    assert (argument, given) == ("an-argument", "yes")
    assert json.loads(told)["apiVersion"] == f"client.authentication.k8s.io/{version}"


async def test_a_credential_plugin_may_answer_a_certificate(tmp_path: Path) -> None:
    answer = {"status": {"clientCertificateData": "CERT", "clientKeyData": "KEY"}}
    file = plugin(tmp_path, f"echo '{json.dumps(answer)}'")
    user = (await access(str(file), "", {}).with_credential()).config.user
    assert user is not None
    assert (user.client_cert_data, user.client_key_data) == ("Q0VSVA==", "S0VZ")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "failed with status 3"),
        ("echo no JSON", "answered no ExecCredential"),
        ("echo '{\"status\": {}}'", "answered neither a token nor a certificate"),
    ],
)
async def test_a_plugin_that_fails_is_told(script: str, said: str, tmp_path: Path) -> None:
    found = access(str(plugin(tmp_path, script)), "", {})
    with pytest.raises(KubernetesAccessMissing, match=said):
        await found.with_credential()


async def test_a_plugin_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    file = plugin(tmp_path, "")
    (tmp_path / "log-in").unlink()
    with pytest.raises(
        KubernetesAccessMissing, match=r"No such file or directory\. Install log-in"
    ):
        await access(str(file), "", {}).with_credential()


async def test_a_plugin_of_another_protocol_is_refused(tmp_path: Path) -> None:
    file = plugin(tmp_path, "")
    file.write_text(file.read_text().replace("client.authentication.k8s.io/", "other/"))
    with pytest.raises(KubernetesAccessMissing, match="speaks other/v1"):
        await access(str(file), "", {}).with_credential()
