"""Secrets made at a mock API: once, without a change to what is there, and removed again."""

import asyncio
import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiex.errors import KubernetesForbidden, KubernetesRefused
from aiex.kubernetes import KubernetesApi, access
from aiex.kubernetes.release_secrets import Change, Wanted, made_secrets
from aiex.kubernetes.secret_upkeep import keep_up, remove
from aiex.testing.kubernetes_api import KubernetesApiServer, Object, kubeconfig

ALL = Wanted(
    "r", nodes=True, engine_login=True, nats=True, nats_names=("r-nats", "r-nats-0.r-nats-headless")
)


@pytest.fixture
def server() -> Iterator[KubernetesApiServer]:
    with KubernetesApiServer(token="right") as started:
        yield started


def api_of(server: KubernetesApiServer, tmp_path: Path) -> KubernetesApi:
    file = kubeconfig(tmp_path, server.url, {"token": "right"})
    return KubernetesApi(access(str(file), "", {}))


async def kept_up(server: KubernetesApiServer, tmp_path: Path) -> list[Change]:
    async with api_of(server, tmp_path) as api:
        return await keep_up(api, "aiex", ALL, time.time)


def all_of(server: KubernetesApiServer) -> dict[str, Object | None]:
    return {name: server.kept("Secret", name, "aiex") for name in made_secrets("r")}


def strangers(name: str, **data: bytes) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "aiex"},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


async def test_they_are_made_once(server: KubernetesApiServer, tmp_path: Path) -> None:
    made = await kept_up(server, tmp_path)
    assert [one.secret for one in made] == list(made_secrets("r"))
    before = all_of(server)
    assert all(before.values())
    assert await kept_up(server, tmp_path) == []
    assert all_of(server) == before


async def test_two_at_once_make_one_set(server: KubernetesApiServer, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    both = await asyncio.gather(kept_up(server, tmp_path / "a"), kept_up(server, tmp_path / "b"))
    made = [one.secret for which in both for one in which if one.is_new]
    assert sorted(made) == sorted(made_secrets("r"))
    for one in (change for which in both for change in which):
        kept = server.kept("Secret", one.secret, "aiex")
        assert kept is not None
        assert {key: base64.b64decode(value) for key, value in kept["data"].items()} == one.data


async def test_keys_that_somebody_made_stay(server: KubernetesApiServer, tmp_path: Path) -> None:
    server.put(strangers("r-secrets", **{"api-key": b"mine"}))
    await kept_up(server, tmp_path)
    kept = server.kept("Secret", "r-secrets", "aiex")
    assert kept is not None
    assert base64.b64decode(kept["data"]["api-key"]) == b"mine"
    assert {"admin-token", "engine-user", "engine-password"} < set(kept["data"])


async def test_what_was_made_is_removed_and_nothing_else(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    server.put(strangers("r-nats-auth"))
    server.put(strangers("other"))
    await kept_up(server, tmp_path)
    async with api_of(server, tmp_path) as api:
        gone, left = await remove(api, "aiex", "r")
        assert await remove(api, "aiex", "r") == ([], ["r-nats-auth"])
    assert gone == ["r-secrets", "r-nats-ca", "r-nats-tls"]
    assert left == ["r-nats-auth"]
    assert server.kept("Secret", "other", "aiex") is not None


async def test_a_right_that_is_missing_is_named(
    server: KubernetesApiServer, tmp_path: Path
) -> None:
    server.deny("create", "secrets")
    with pytest.raises(KubernetesForbidden, match="create secrets"):
        await kept_up(server, tmp_path)


async def test_it_gives_up_where_others_change_all_the_time(
    server: KubernetesApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api_of(server, tmp_path) as api:
        server.put(strangers("r-secrets"))

        async def never_there(*_: object) -> None:
            """As a cache that is behind: nothing is there, and making it conflicts."""

        monkeypatch.setattr(api, "found", never_there)
        with pytest.raises(KubernetesRefused, match="try again later"):
            await keep_up(api, "aiex", ALL, time.time)
