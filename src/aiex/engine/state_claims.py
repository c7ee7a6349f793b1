"""The carriers of a cluster tell each other whether they have state from before the cluster."""

import asyncio
from collections.abc import Mapping

import msgspec

from aiex.engine.connection import EngineConnection
from aiex.engine.name_word import name_word
from aiex.engine.seat import Carrier
from aiex.errors import EngineUnavailable

ASK_TIMEOUT_S = 2.0
LISTEN_S = 60.0


class Claim(msgspec.Struct, frozen=True):
    """What a carrier has: `holds_state` not yet in the cluster; `brings_home` what was there."""

    name: str
    holds_state: bool
    brings_home: bool


class Claims(msgspec.Struct, frozen=True):
    """What the other carriers said; `silent` are those who said nothing."""

    heard: tuple[Claim, ...]
    silent: tuple[str, ...]

    @property
    def holders(self) -> tuple[str, ...]:
        return tuple(claim.name for claim in self.heard if claim.holds_state)


def claim_subject(cluster: str, name: str) -> str:
    """Where a carrier is asked."""
    return f"aiex.{cluster}.engine.{name_word(name)}"


async def ask_claims(connection: EngineConnection, cluster: str, seat: Carrier) -> Claims:
    """Ask all other carriers at once."""
    async with asyncio.TaskGroup() as tasks:
        asked = {
            other.name: tasks.create_task(_ask(connection, claim_subject(cluster, other.name)))
            for other in seat.others
        }
    answers: Mapping[str, Claim | None] = {name: task.result() for name, task in asked.items()}
    return Claims(
        heard=tuple(answer for answer in answers.values() if answer is not None),
        silent=tuple(name for name, answer in answers.items() if answer is None),
    )


async def _ask(connection: EngineConnection, subject: str) -> Claim | None:
    try:
        answer = await connection.request(subject, timeout_s=ASK_TIMEOUT_S)
        return msgspec.json.decode(answer.data, type=Claim)
    except (EngineUnavailable, msgspec.DecodeError):
        return None
