"""How far a change got: which nodes have it, which refuse it, which did not say so. Pure."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from aiex.cluster import Answer, Failure, HotApplied

type Wait = Literal["all", "quorum", "none"]

NOT_AWAITED = "it was not waited for"


class Said(msgspec.Struct, frozen=True):
    """Why a node does not have a value."""

    node: str
    why: str


class Spread(msgspec.Struct, frozen=True):
    """What became of a change: it is in the engine at `revision` whatever the nodes say."""

    key: str
    revision: int
    applied: tuple[str, ...] = ()
    refused: tuple[Said, ...] = ()
    behind: tuple[Said, ...] = ()

    @property
    def is_everywhere(self) -> bool:
        return not self.refused and not self.behind

    def after(self, came: Answer[HotApplied] | Failure) -> "Spread":
        """With what one more node said."""
        replace = msgspec.structs.replace
        if isinstance(came, Failure):
            return replace(self, behind=(*self.behind, Said(came.node, came.text)))
        if came.value.refusal:
            return replace(self, refused=(*self.refused, Said(came.node, came.value.refusal)))
        return replace(self, applied=(*self.applied, came.node))

    def is_enough(self, wait: Wait, names: Iterable[str]) -> bool:
        """Whether there is nothing more to wait for."""
        count = len(tuple(names))
        if wait == "quorum":
            return len(self.applied) * 2 > count
        return len(self.applied) + len(self.refused) + len(self.behind) >= count

    def ended(self, names: Iterable[str]) -> "Spread":
        """With those who were not heard among the ones behind, everybody by name."""
        heard = {*self.applied, *(one.node for one in (*self.refused, *self.behind))}
        unheard = [Said(name, NOT_AWAITED) for name in names if name not in heard]
        return msgspec.structs.replace(
            self,
            applied=tuple(sorted(self.applied)),
            refused=tuple(sorted(self.refused, key=_name)),
            behind=tuple(sorted((*self.behind, *unheard), key=_name)),
        )


def _name(said: Said) -> str:
    return said.node
