"""Limits, prices and usage of one node, put together."""

import time
from collections.abc import Callable, Mapping

import msgspec

from aiex.assistant.account_local import LocalAccounts
from aiex.assistant.admission import Admission
from aiex.assistant.bookkeeper import Bookkeeper
from aiex.assistant.ledger import Ledger, Span
from aiex.assistant.limits import Limits
from aiex.assistant.prices import Prices
from aiex.clock import Clock
from aiex.engine import Bucket
from aiex.settings import Settings


class Metering(msgspec.Struct, frozen=True):
    """`admission` is asked by requests, `bookkeeper` is a service, `ledger` is between them.

    `pages` are the buckets of usage, which all nodes share.
    """

    admission: Admission
    bookkeeper: Bookkeeper
    ledger: Ledger
    pages: Mapping[Span, Bucket]


def build_metering(
    settings: Settings,
    limits_of: Callable[[str], Limits],
    bucket: Callable[[str], Bucket],
    *,
    writer: str,
    clock: Clock,
) -> Metering:
    """`writer` names this node in the engine, the same after a restart: letters and digits."""
    ledger = Ledger(clock.wall_s)
    accounts = LocalAccounts(time.monotonic_ns, ledger)
    admission = Admission(limits_of, accounts, Prices(settings.prices), ledger, wall_s=clock.wall_s)
    buckets = {span: bucket(span.value) for span in Span}
    bookkeeper = Bookkeeper(ledger, buckets, writer=writer, clock=clock)
    return Metering(admission, bookkeeper, ledger, buckets)
