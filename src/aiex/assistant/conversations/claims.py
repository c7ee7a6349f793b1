"""Who makes a turn now, and whether others still have to wait for it."""

from collections.abc import Callable
from typing import Final, Protocol

from aiex.assistant.conversations.thread_form import Claim
from aiex.clock import Clock

# Longer than an answer takes; that a node died is known long before.
CLAIM_S: Final = 15 * 60.0


class Lives(Protocol):
    """The nodes, by lives: one that starts again is another."""

    def own(self) -> str:
        """What this life of this node is called."""

    def is_over(self, life: str) -> bool:
        """Whether another life is known to have ended."""

    async def break_off(self, life: str, thread: str, part: str) -> None:
        """Have that node break off a turn it makes; done soon, or not at all, without a word."""


class Claims:
    """The claims of this node, and its judgement of others'.

    A claim only says who waits for whom. That a turn is written once, and not by one who was
    overtaken, is ensured by the sequences of the rows, whatever anybody takes a claim for.
    """

    def __init__(self, lives: Lives, clock: Clock) -> None:
        self._lives = lives
        self._clock = clock
        self._held: dict[tuple[str, str], tuple[Claim, Callable[[], None]]] = {}

    def make(self, thread: str, part: str, cancel: Callable[[], None]) -> Claim:
        """A claim of this node, live until `drop`; `cancel` breaks its turn off."""
        claim = Claim(thread, part, self._lives.own(), self._clock.wall_s() + CLAIM_S)
        self._held[thread, part] = claim, cancel
        return claim

    def drop(self, claim: Claim) -> None:
        """Its turn is over here, even if nobody else could be told."""
        if self._holds(claim):
            del self._held[claim.thread, claim.part]

    def is_live(self, claim: Claim | None) -> bool:
        """Whether a turn is being made under this claim."""
        if claim is None or self._clock.wall_s() >= claim.until_s:
            return False
        if claim.node == self._lives.own():
            return self._holds(claim)
        return not self._lives.is_over(claim.node)

    def break_off(self, thread: str, part: str) -> bool:
        """Break off the turn, if it is made here."""
        held = self._held.get((thread, part))
        if held is not None:
            _, cancel = held
            cancel()
        return held is not None

    async def break_off_anywhere(self, claim: Claim) -> None:
        """Break off the claim's turn, wherever it is made, if its node can be reached."""
        if claim.node == self._lives.own():
            self.break_off(claim.thread, claim.part)
        else:
            await self._lives.break_off(claim.node, claim.thread, claim.part)

    def _holds(self, claim: Claim) -> bool:
        held = self._held.get((claim.thread, claim.part))
        return held is not None and held[0] == claim
