"""What the nodes' user may do at a real clustered server, and what it may not."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from aiex.engine.address import EngineAddress
from aiex.engine.server_plan import carrier_address, system_addresses
from aiex.engine.session import Session
from aiex.errors import EngineUnavailable
from aiex.testing.engine_cluster import access, addresses, cluster_of

pytestmark = [pytest.mark.integration, pytest.mark.fault]

TIMEOUT_S = 3.0
REFUSED_S = 0.3


@asynccontextmanager
async def session_at(address: EngineAddress) -> AsyncIterator[Session]:
    session = await Session.open(address, TIMEOUT_S)
    try:
        yield session
    finally:
        await session.close()


async def asked(session: Session, subject: str, body: Mapping[str, object] | None = None) -> str:
    """What is answered; nothing where the server does not pass on the question."""
    payload = b"" if body is None else json.dumps(body).encode()
    with contextlib.suppress(EngineUnavailable):
        return (await session.request(subject, payload, timeout_s=REFUSED_S)).data.decode()
    return ""


async def test_nodes_keep_state_and_cannot_touch_servers_other_clusters_or_what_is_stored(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        for one in engines:
            await one.until("up")
        await engines[0].engine.bucket("keys").put("key", b"value")
        (system,) = system_addresses(carriers[:1], access())
        async with (
            session_at(carrier_address(carriers[0], access())) as node,
            session_at(system) as administrator,
        ):
            # The questions are real: who may ask them is answered.
            assert "meta_cluster" in await asked(administrator, "$SYS.REQ.SERVER.PING.JSZ")
            assert "error" not in await asked(node, "$JS.API.STREAM.INFO.KV_keys")
            for subject, body in (
                ("$JS.API.SERVER.REMOVE", {"peer": "c"}),
                ("$JS.API.META.LEADER.STEPDOWN", None),
                ("$JS.API.ACCOUNT.PURGE.NODES", None),
                ("$JS.API.ACCOUNT.STREAM.MOVE.NODES.KV_keys", {"server": "b"}),
                ("$SYS.REQ.SERVER.PING.JSZ", None),
                ("$SYS.REQ.ACCOUNT.NODES.INFO", None),
                ("$JS.API.STREAM.PURGE.KV_keys", None),
                ("$JS.API.STREAM.MSG.DELETE.KV_keys", {"seq": 1}),
                ("aiex.other.members", None),
                ("anything", None),
            ):
                assert not await asked(node, subject, body), subject
            async with node.subscribed("aiex.other.>", "$SYS.>", timeout_s=TIMEOUT_S) as heard:
                await node.publish("aiex.other.members", b"hello", timeout_s=TIMEOUT_S)
                with pytest.raises(TimeoutError):
                    await heard.next(REFUSED_S)
            entry = await engines[0].engine.bucket("keys").get("key")
            assert entry is not None
            # The administrator sees servers; the state is in another account.
            told = await asked(administrator, "$JS.API.STREAM.INFO.KV_keys")
            assert "JetStream not enabled for account" in told
            assert not node.has_ended, node.end_reason
            assert msgspec.json.decode(await asked(node, "$JS.API.INFO"))["streams"] >= 1
