"""Who makes a turn now, and whether others still have to wait for it."""

from collections.abc import Callable
from typing import Final

from aiex.assistant.conversations.thread_form import Claim
from aiex.clock import Clock

# Longer than an answer takes; that a node died is known long before.
CLAIM_S: Final = 15 * 60.0


class Claims:
    """The claims of this node, and its judgement of others'.

    A claim only says who waits for whom. That a turn is written once, and not by one who was
    overtaken, is ensured by the sequences of the rows, whatever anybody takes a claim for.
    """

    def __init__(
        self, node: Callable[[], str], is_gone: Callable[[str], bool], clock: Clock
    ) -> None:
        """`node` names this life of this node; `is_gone` knows of others' lives that are over."""
        self._node = node
        self._is_gone = is_gone
        self._clock = clock
        self._held: dict[Claim, Callable[[], None]] = {}

    def make(self, part: str, cancel: Callable[[], None]) -> Claim:
        """A claim of this node, live until `drop`; `cancel` breaks its turn off."""
        claim = Claim(part, self._node(), self._clock.wall_s() + CLAIM_S)
        self._held[claim] = cancel
        return claim

    def drop(self, claim: Claim) -> None:
        """Its turn is over here, even if nobody else could be told."""
        self._held.pop(claim, None)

    def is_live(self, claim: Claim | None) -> bool:
        """Whether a turn is being made under this claim."""
        if claim is None or self._clock.wall_s() >= claim.until_s:
            return False
        if claim.node == self._node():
            return claim in self._held
        return not self._is_gone(claim.node)

    def cancel(self, claim: Claim) -> None:
        """Break the turn off, if it is made here."""
        if cancel := self._held.get(claim):
            cancel()
