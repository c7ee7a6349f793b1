"""The client against a mock API: objects, pages, and each refusal as an error in words."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, Secret

from aiex.errors import (
    KubernetesAbsent,
    KubernetesConflict,
    KubernetesForbidden,
    KubernetesRefused,
    KubernetesUnreachable,
)
from aiex.kubernetes import KubernetesApi, access
from aiex.kubernetes.client import LISTED_MAX, PAGE_LEN
from aiex.kubernetes.right import Right, giving
from aiex.testing.certificates import Authority
from aiex.testing.kubernetes_api import Answer, KubernetesApiServer, Object, kubeconfig

SECRETS = "/api/v1/namespaces/aiex/secrets"


@pytest.fixture
def server() -> Iterator[KubernetesApiServer]:
    with KubernetesApiServer(token="right") as started:
        yield started


def api_of(
    server: KubernetesApiServer, tmp_path: Path, token: str = "right", answer_s: float = 10.0
) -> KubernetesApi:
    file = kubeconfig(tmp_path, server.url, {"token": token})
    return KubernetesApi(access(str(file), "", {}), answer_s=answer_s)


def a_secret(name: str = "aiex-secrets", version: str | None = None, **data: str) -> Secret:
    meta = ObjectMeta(name=name, namespace="aiex", resourceVersion=version)
    return Secret(metadata=meta, data=data, type="Opaque")


def a_pod(name: str, namespace: str = "aiex", **labels: str) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


async def test_a_secret_is_made_read_and_replaced(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    async with api_of(server, tmp_path) as api:
        assert await api.found(Secret, "aiex-secrets", "aiex") is None
        await api.create(a_secret(key="b25l"))
        made = await api.read(Secret, "aiex-secrets", "aiex")
        assert made.data == {"key": "b25l"}
        assert made.metadata is not None
        await api.replace(a_secret(version=made.metadata.resourceVersion, key="dHdv"))
    kept = server.kept("Secret", "aiex-secrets", "aiex")
    assert kept is not None
    assert kept["data"] == {"key": "dHdv"}
    assert kept["kind"] == "Secret"


async def test_what_is_there_already_is_a_conflict(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    async with api_of(server, tmp_path) as api:
        await api.create(a_secret())
        with pytest.raises(KubernetesConflict, match=r"'aiex-secrets' in namespace aiex: .*exists"):
            await api.create(a_secret())


async def test_what_was_changed_meanwhile_is_a_conflict(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    async with api_of(server, tmp_path) as api:
        made = await api.create(a_secret())
        assert made.metadata is not None
        await api.replace(a_secret())
        with pytest.raises(KubernetesConflict, match="has been modified"):
            await api.replace(a_secret(version=made.metadata.resourceVersion))


async def test_what_is_not_there_is_absent(server: KubernetesApiServer, tmp_path: Path) -> None:
    async with api_of(server, tmp_path) as api:
        with pytest.raises(KubernetesAbsent, match="no secrets 'other' in namespace aiex"):
            await api.read(Secret, "other", "aiex")
        with pytest.raises(KubernetesAbsent):
            await api.replace(a_secret())


async def test_a_missing_right_is_told_with_the_command_that_gives_it(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    server.deny("create", "secrets")
    async with api_of(server, tmp_path) as api:
        with pytest.raises(KubernetesForbidden) as told:
            await api.create(a_secret())
    assert told.value.right == "create secrets"
    assert "forbids to create secrets in namespace aiex. To allow it:" in str(told.value)
    assert "kubectl create role aiex-create-secrets --verb=create --resource=secrets -n aiex" in (
        str(told.value)
    )
    assert "--serviceaccount=aiex:doctor -n aiex" in str(told.value)


def test_a_right_over_the_whole_cluster_is_given_to_a_person_by_name() -> None:
    said = giving(Right("list", "nodes"), 'nodes is forbidden: User "ann" cannot list')
    assert said == (
        "kubectl create clusterrole aiex-list-nodes --verb=list --resource=nodes && kubectl create "
        "clusterrolebinding aiex-list-nodes --clusterrole=aiex-list-nodes --user=ann"
    )


async def test_credentials_that_are_not_accepted_are_told(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    async with api_of(server, tmp_path, token="wrong") as api:
        with pytest.raises(KubernetesRefused, match="does not accept the credentials"):
            await api.read(Secret, "any", "aiex")
        with pytest.raises(KubernetesRefused, match="does not accept the credentials"):
            await api.document("/version", Right("get", "/version"))


async def test_a_list_comes_in_pages_and_is_whole(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    names = [f"pod-{number:03}" for number in range(2 * PAGE_LEN + 1)]
    for name in names:
        server.put(a_pod(name, app="a"))
    server.put(a_pod("elsewhere", "other", app="a"))
    server.put(a_pod("unlike", app="b"))
    async with api_of(server, tmp_path) as api:
        found = await api.listed(Pod, "aiex", labels={"app": "a"})
    assert [one.metadata.name for one in found.items if one.metadata] == names
    assert found.is_whole
    assert len(server.asked) == 3


async def test_a_list_without_end_is_cut_and_says_so(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    for number in range(LISTED_MAX + 1):
        server.put(a_pod(f"pod-{number}"))
    async with api_of(server, tmp_path) as api:
        found = await api.listed(Pod, "aiex")
    assert len(found.items) == LISTED_MAX
    assert not found.is_whole


async def test_what_belongs_to_no_namespace_is_listed(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "aiex"}})
    async with api_of(server, tmp_path) as api:
        found = await api.listed_everywhere(Namespace)
    assert len(found.items) == 1


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(200, b"<html>"), KubernetesRefused, "what is no such object"),
        (Answer(200, b'{"items": 3}'), KubernetesRefused, "what is no such object"),
        (Answer(502, b"<html>", "text/html"), KubernetesRefused, "not as a Kubernetes API does"),
        (Answer(500, b"", ""), KubernetesRefused, "what is no such object"),
        (Answer(503, b'{"message": "etcd is away"}'), KubernetesRefused, "etcd is away"),
        (Answer(410, b'{"code": 410, "message": "too old"}'), KubernetesRefused, "too old"),
        (Answer(200, b"{}", after_s=60), KubernetesUnreachable, "did not answer in time"),
    ],
)
async def test_an_answer_that_is_none_is_told(
    answer: Answer,
    error: type[Exception],
    said: str,
    server: KubernetesApiServer,
    tmp_path: Path,
) -> None:
    server.answer(SECRETS, answer)
    patience_s = 0.5 if answer.after_s else 10.0
    async with api_of(server, tmp_path, answer_s=patience_s) as api:
        with pytest.raises(error, match=said):
            await api.listed(Secret, "aiex")


async def test_an_api_that_is_away_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    file = kubeconfig(tmp_path, f"http://127.0.0.1:{port}", {})
    async with KubernetesApi(access(str(file), "", {})) as api:
        with pytest.raises(KubernetesUnreachable, match=f"127.0.0.1:{port} cannot be reached"):
            await api.read(Secret, "any", "aiex")


async def test_documents_of_any_status_are_handed_on(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    proxied = "/api/v1/namespaces/aiex/pods/aiex-0:8080/proxy/readyz"
    server.answer(proxied, Answer(503, b"no", "text/plain"))
    async with api_of(server, tmp_path) as api:
        version = await api.document("/version", Right("get", "/version"))
        ready = await api.document(proxied, Right("get", "pods/proxy", "aiex"))
    assert b"v1.36.1" in version.body
    assert "GMT" in version.headers["date"]
    assert (ready.status, ready.body) == (503, b"no")


async def test_a_server_with_a_certificate_is_checked(authority: Authority, tmp_path: Path) -> None:
    context = authority.issue("kubernetes").server_context()
    with KubernetesApiServer(tls=context) as server:
        trusted = kubeconfig(tmp_path, server.url, {}, ca_file=authority.ca_file)
        async with KubernetesApi(access(str(trusted), "", {})) as api:
            assert await api.found(Secret, "any", "aiex") is None
        stranger = kubeconfig(tmp_path, server.url, {})
        async with KubernetesApi(access(str(stranger), "", {})) as api:
            with pytest.raises(KubernetesUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
                await api.found(Secret, "any", "aiex")
