"""Strangers at a real cluster are kept out, and both sides are told why."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from aiex.engine import (
    Carrier,
    CarrierAddress,
    Client,
    ClusterAccess,
    EngineTls,
    RefusedAsStranger,
    StrangerRefused,
)
from aiex.testing.certificates import Authority
from aiex.testing.engine_cluster import (
    SECRET,
    ClusterEngine,
    access,
    addresses,
    cluster_of,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.fault]

type Need = Callable[[str, str], str]


@asynccontextmanager
async def two_of_three(
    directory: Path, carriers: tuple[CarrierAddress, ...], access: ClusterAccess
) -> AsyncIterator[list[ClusterEngine]]:
    """Two carriers that wait for the third, which may be a stranger."""
    async with cluster_of(directory, carriers, access, running=carriers[:2]) as engines:
        for one in engines:
            await until(lambda one=one: one.engine.status().state == "forming")  # type: ignore[misc]
        yield engines


def told(one: ClusterEngine, event_type: type[StrangerRefused] | type[RefusedAsStranger]) -> str:
    return " ".join(event.reason for event in one.heard(event_type))


@pytest.mark.parametrize(
    ("stranger", "word"),
    [
        (ClusterAccess("test", "another secret"), "cluster.secret"),
        (ClusterAccess("other", SECRET), "cluster.name"),
    ],
)
async def test_a_server_with_another_secret_or_name_is_kept_out_and_both_sides_say_why(
    tmp_path: Path, stranger: ClusterAccess, word: str
) -> None:
    carriers = addresses("a", "b", "c")
    async with two_of_three(tmp_path, carriers, access()) as (a, b):
        intruder = ClusterEngine("c", tmp_path / "c", stranger)
        async with intruder.running(Carrier(carriers[2], carriers[:2])):
            await until(lambda: bool(a.heard(StrangerRefused) or b.heard(StrangerRefused)))
            await until(lambda: bool(intruder.heard(RefusedAsStranger)))
            assert word in told(a, StrangerRefused) + told(b, StrangerRefused)
            assert word in told(intruder, RefusedAsStranger)
            await until(lambda: word in intruder.engine.status().reason)
            assert intruder.engine.status().state == "no quorum"
        events = a.heard(StrangerRefused)
        assert len({event.reason for event in events}) == len(events), "told more than once"


async def test_a_client_with_another_secret_is_kept_out_and_both_sides_say_why(
    tmp_path: Path,
) -> None:
    (carrier,) = addresses("a")
    node = ClusterEngine("a", tmp_path / "a", access())
    stranger = ClusterEngine("b", tmp_path / "b", access(secret="another secret"))
    async with node.running(Carrier(carrier, ())), stranger.running(Client((carrier,))):
        await until(lambda: "cluster.secret" in stranger.engine.status().reason)
        await until(lambda: bool(node.heard(StrangerRefused)))
        assert "a client has the wrong user or password" in told(node, StrangerRefused)


async def test_with_certificates_a_stranger_who_knows_the_secret_is_still_kept_out(
    tmp_path: Path, authority: Authority, need: Need
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", need("openssl", "openssl"))
    ours, theirs = certificates(authority, "ours"), certificates(other, "theirs")
    carriers = addresses("a", "b", "c")
    async with two_of_three(tmp_path, carriers, access(tls=ours)) as (a, b):
        server = ClusterEngine("c", tmp_path / "c", access(tls=theirs))
        client = ClusterEngine("d", tmp_path / "d", access(tls=theirs))
        plain = ClusterEngine("e", tmp_path / "e", access())
        seat = Client(carriers[:1])
        async with (
            server.running(Carrier(carriers[2], carriers[:2])),
            client.running(seat),
            plain.running(seat),
        ):
            await until(lambda: "cluster.tls_ca_file" in told(a, StrangerRefused))
            await until(lambda: client.engine.status().state == "down")
            await until(lambda: plain.engine.status().state == "down")
            print(client.engine.status(), plain.engine.status())
            assert "certificate" in client.engine.status().reason
        shutil.rmtree(tmp_path / "c")
        friend = ClusterEngine("c", tmp_path / "c", access(tls=ours))
        async with (
            friend.running(Carrier(carriers[2], carriers[:2])),
            ClusterEngine("d", tmp_path / "f", access(tls=ours)).running(seat) as node,
        ):
            for one in (a, b, friend, node):
                await one.until("up")
            await node.engine.bucket("any").put("key", b"value")


def certificates(authority: Authority, name: str) -> EngineTls:
    issued = authority.issue(name)
    return EngineTls(str(issued.certificate), str(issued.key), str(authority.ca_file))


async def test_no_password_and_no_secret_is_in_any_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        for one in engines:
            await one.until("up")
        await engines[0].engine.bucket("any").put("key", b"value")
    for hidden in (SECRET, *(one.password for one in (access().node, access().route))):
        assert hidden not in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files)
    assert msgspec.structs.astuple(access().system)[1] not in caplog.text
