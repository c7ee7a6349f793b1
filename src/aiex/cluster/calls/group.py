"""A named set of members. Who is in it travels in the heartbeats (`aiex.cluster.membership`).

So a group needs no messages of its own: whoever hears a node hears which groups it is in, late
joiners hear all, and a member that is gone is in none.
"""

from random import Random
from typing import Protocol

from aiex.cluster.calls.answer import Answers
from aiex.cluster.calls.calls import Calls
from aiex.cluster.calls.requests import Request
from aiex.cluster.membership import Member, MemberState


class Groups(Protocol):
    """Who is in which group, as this node sees it."""

    def join(self, group: str) -> None: ...

    def leave(self, group: str) -> None: ...

    def members_of(self, group: str) -> list[Member]: ...


class Group:
    """One group as this node sees it and takes part in it."""

    def __init__(self, name: str, groups: Groups, calls: Calls, random: Random) -> None:
        self.name = name
        self._groups = groups
        self._calls = calls
        self._random = random

    def join(self) -> None:
        """Be in it; others see it within a tenth of a second. Raises `GroupRefused`."""
        self._groups.join(self.name)

    def leave(self) -> None:
        """Be in it no more; nothing when this node is not."""
        self._groups.leave(self.name)

    def members(self) -> list[Member]:
        """Who is in it, this node included, by name; those that are gone are not."""
        return self._groups.members_of(self.name)

    def pick(self) -> Member | None:
        """One of its members that are up, each as likely; None when there is none."""
        up = [member for member in self.members() if member.state is MemberState.UP]
        return self._random.choice(up) if up else None

    async def broadcast[A](
        self, request: Request[A], *, deadline_s: float, traceparent: str = ""
    ) -> Answers[A]:
        """What all of its members answer; who did not is among the failures."""
        names = [member.name for member in self.members()]
        return await self._calls.gather(
            request, deadline_s=deadline_s, nodes=names, traceparent=traceparent
        )
