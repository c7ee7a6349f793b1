"""What happened between two looks at a cluster, as events with a sentence each. Pure."""

from collections.abc import Iterator

import msgspec

from aiex.cli.answers.cluster import SeenCluster, SeenMember
from aiex.cli.answers.node import EngineFacts


class Look(msgspec.Struct, frozen=True):
    """What the asked node said at one moment."""

    cluster: SeenCluster
    engine: EngineFacts


class Change(msgspec.Struct, frozen=True):
    """`what` is condition, member, charter, engine, outsider or watch; `text` is for people."""

    what: str
    name: str
    before: str
    after: str
    reason: str = ""

    @property
    def text(self) -> str:
        came = f"{self.before} -> {self.after}" if self.before else self.after
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.what} {self.name}: {came}{why}" if self.name else f"{self.what}: {came}{why}"


NOTHING = Look(SeenCluster(condition=""), EngineFacts())


def changes(before: Look, after: Look) -> list[Change]:
    """In the order in which one looks: the whole, the engine, the members."""
    return [
        *_turned("condition", "", before.cluster.condition, after.cluster),
        *_engine(before.engine, after.engine),
        *_charter(before.cluster, after.cluster),
        *_members(before.cluster, after.cluster),
        *_outsiders(before.cluster, after.cluster),
    ]


def _turned(what: str, name: str, before: str, after: SeenCluster) -> Iterator[Change]:
    if before != after.condition:
        yield Change(what, name, before, after.condition, after.reason)


def _engine(before: EngineFacts, after: EngineFacts) -> Iterator[Change]:
    if before.state != after.state:
        yield Change("engine", "", before.state, after.state, after.reason)


def _charter(before: SeenCluster, after: SeenCluster) -> Iterator[Change]:
    if before.epoch != after.epoch:
        carriers = f"carried by {', '.join(after.carriers)}"
        yield Change("charter", "", _epoch(before.epoch), _epoch(after.epoch), carriers)


def _epoch(epoch: int) -> str:
    return f"epoch {epoch}" if epoch else ""


def _members(before: SeenCluster, after: SeenCluster) -> Iterator[Change]:
    known = {one.name: one for one in before.members}
    for member in after.members:
        was = known.pop(member.name, None)
        if was is None or was.state != member.state:
            state = was.state if was is not None else ""
            yield Change("member", member.name, state, member.state, member.reason)
        elif _is_new_life(was, member):
            yield Change("member", member.name, was.state, member.state, "it was started anew")
    for name, was in known.items():
        yield Change("member", name, was.state, "forgotten")


def _is_new_life(was: SeenMember, member: SeenMember) -> bool:
    return bool(was.incarnation) and was.incarnation != member.incarnation


def _outsiders(before: SeenCluster, after: SeenCluster) -> Iterator[Change]:
    known = {one.name for one in before.outsiders}
    for outsider in after.outsiders:
        if outsider.name not in known:
            yield Change("outsider", outsider.name, "", "kept out", outsider.reason)
