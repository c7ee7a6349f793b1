"""Accounts that answer by a script and remember what was taken and settled.

They let the loop turn once before they answer, as accounts do that borrow from others: a caller
that passes its tests with these can be given such accounts.
"""

import asyncio
from collections import deque

from aiex.assistant.account import Account, Hold, Shortage, Standing
from aiex.assistant.limits import Limits


class MemoryAccounts:
    """Gives the scripted shortages in order, and everything once they are used up."""

    def __init__(self, *script: Shortage | None, standing: Standing | None = None) -> None:
        self.script = deque(script)
        self.standing = standing or Standing()
        self.taken: list[tuple[str, int]] = []
        self.settled: list[tuple[str, int | None]] = []

    def account(self, key_id: str, limits: Limits) -> Account:
        return _MemoryAccount(self, key_id)


class _MemoryAccount:
    def __init__(self, accounts: MemoryAccounts, key_id: str) -> None:
        self._accounts = accounts
        self._key_id = key_id

    async def take(self, tokens: int) -> Hold | Shortage:
        await asyncio.sleep(0)
        accounts = self._accounts
        shortage = accounts.script.popleft() if accounts.script else None
        if shortage is not None:
            return shortage
        accounts.taken.append((self._key_id, tokens))
        return _MemoryHold(accounts, self._key_id)

    def standing(self) -> Standing:
        return self._accounts.standing


class _MemoryHold:
    def __init__(self, accounts: MemoryAccounts, key_id: str) -> None:
        self._accounts = accounts
        self._key_id = key_id

    def settle(self, tokens: int | None) -> None:
        self._accounts.settled.append((self._key_id, tokens))
