"""Limits, prices and usage of one node, put together."""

import time
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from aiex.assistant.account_borrowing import BorrowingAccounts
from aiex.assistant.account_local import LocalAccounts
from aiex.assistant.admission import Admission
from aiex.assistant.bookkeeper import Bookkeeper
from aiex.assistant.borrower import BUDGETS, LIMITS, Borrower
from aiex.assistant.ledger import Ledger
from aiex.assistant.limits import Limits
from aiex.assistant.prices import Prices
from aiex.assistant.usage_pages import PAGES, Pages, pages_in
from aiex.clock import Clock
from aiex.events import Emit
from aiex.settings import Settings
from aiex.store import Store, Table

METERING_TABLES: tuple[Table[Any], ...] = (LIMITS, BUDGETS, *PAGES.values())


class Metering(msgspec.Struct, frozen=True):
    """`admission` is asked by requests; `bookkeeper` and `borrower` are services.

    `ledger` is between requests and the bookkeeper, whose `pages` all nodes share.
    """

    admission: Admission
    bookkeeper: Bookkeeper
    borrower: Borrower
    ledger: Ledger
    pages: Pages


def build_metering(
    settings: Settings,
    limits_of: Callable[[str], Limits],
    store: Store,
    *,
    writer: str,
    company: Callable[[], int],
    clock: Clock,
    random: Random,
    emit: Emit,
) -> Metering:
    """`writer` names this node in the tables, the same after a restart.

    `company` counts the nodes that share the limits, those that are missing included.
    """
    ledger, pages = Ledger(clock.wall_s), pages_in(store)
    bookkeeper = Bookkeeper(ledger, pages, writer=writer, clock=clock)
    accounts = BorrowingAccounts(
        LocalAccounts(time.monotonic_ns, ledger),
        lambda: borrower,
        writer=writer,
        spending=ledger,
        clock=clock,
        without_engine=settings.limits.without_engine,
    )
    borrower = Borrower(
        accounts,
        store.rows(LIMITS),
        store.rows(BUDGETS),
        company=company,
        spent_before=bookkeeper.spent,
        clock=clock,
        random=random,
        emit=emit,
    )
    admission = Admission(limits_of, accounts, Prices(settings.prices), ledger, wall_s=clock.wall_s)
    return Metering(admission, bookkeeper, borrower, ledger, pages)
