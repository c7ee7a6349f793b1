"""Lives of nodes, by names that their claims carry: a node that starts again is another one."""

from aiex.assistant import Talk
from aiex.cluster import GONE, BreakOff, BrokenOff, Cluster, View

# Who cancelled a turn waits so long for its node; not to hear of it in time only costs tokens.
BREAK_OFF_S = 1.0


class MemberLives:
    """The lives of the cluster's members, as this node knows them."""

    def __init__(self, name: str, cluster: Cluster) -> None:
        self._name = name
        self._cluster = cluster

    def own(self) -> str:
        return life_of(self._name, self._cluster.incarnation())

    def is_over(self, life: str) -> bool:
        return is_over(life, self._cluster.view())

    async def break_off(self, life: str, thread: str, part: str) -> None:
        name, _, _ = life.rpartition("/")
        await self._cluster.call(name, BreakOff(thread, part), deadline_s=BREAK_OFF_S)


async def broken_off(asked: BreakOff, talk: Talk) -> BrokenOff:
    """What this node answers when another one cancelled a turn."""
    talk.break_off(asked.thread, asked.part)
    return BrokenOff()


def life_of(name: str, incarnation: int) -> str:
    """How the life is called that a node has in this incarnation."""
    return f"{name}/{incarnation}"


def is_over(life: str, view: View) -> bool:
    """Whether the members know that it ended; one that nobody knows may just have begun."""
    name, _, incarnation = life.rpartition("/")
    for member in view.members:
        if member.name == name:
            is_earlier = member.incarnation > int(incarnation)
            return is_earlier or (member.incarnation == int(incarnation) and member.state in GONE)
    return False
