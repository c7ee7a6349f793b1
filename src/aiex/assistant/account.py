"""The seam to counting: what a key may still use, asked before a request and settled after it.

A node alone counts in its own memory (`account_local`); in a cluster it borrows blocks of what all
nodes share and spends those (`account_borrowing`). That is why taking is awaited, although it
hardly ever waits, and settling is not. `aiex.testing.accounts` has the double.
"""

from enum import Enum
from typing import Protocol

import msgspec

from aiex.assistant.limits import Limits


class Limit(Enum):
    """Which limit it was; the value is what OpenAI calls the type of such an error."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"
    BUDGET = "insufficient_quota"
    UNKNOWN = "limits_unavailable"  # what is left cannot be asked for, and is not guessed


class Shortage(msgspec.Struct, frozen=True):
    """Why nothing was taken. `wait_ns` until it can be: None when waiting alone does not help."""

    limit: Limit
    allowed: int  # in micro-dollars for a budget
    used: int  # of the same; for tokens what the request asks
    wait_ns: int | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How the rates stand now; a rate without a limit has a limit of 0."""

    requests_limit: int = 0
    requests_remaining: int = 0
    requests_reset_ns: int = 0
    tokens_limit: int = 0
    tokens_remaining: int = 0
    tokens_reset_ns: int = 0


class Hold(Protocol):
    """What a request has taken of its account until it is settled."""

    def settle(self, tokens: int | None) -> None:
        """Put what was used in the place of what was taken; None: leave what was taken.

        Called once, at the request's end. Never waits and never fails: an account that has to tell
        others does so later.
        """


class Account(Protocol):
    """One key's account."""

    async def take(self, tokens: int) -> Hold | Shortage:
        """Take one request of about `tokens` tokens: all that is needed, or nothing.

        Cancelled, it has taken nothing.
        """

    def standing(self) -> Standing:
        """How the rates stand, as far as this node knows; costs nothing."""


class Accounts(Protocol):
    def account(self, key_id: str, limits: Limits) -> Account:
        """The key's account under `limits`; what was used under older limits still counts."""
