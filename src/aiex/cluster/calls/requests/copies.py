"""How far a node's views are, and whether they hold what the engine has."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.calls.requests.request import LISTED_MAX, Request, Text, Texts
from aiex.cluster.membership import Number, Word


class DescribeCopies(Request["DescribedCopies"], frozen=True):
    pass


class DescribedCopy(msgspec.Struct, frozen=True):
    """The node's view of a table: complete, stale or catching up; how far it is by fragment."""

    table: Word
    state: Word
    sequences: Annotated[tuple[Number, ...], Meta(max_length=LISTED_MAX)] = ()
    trouble: Text = ""


class DescribedCopies(msgspec.Struct, frozen=True):
    copies: Annotated[tuple[DescribedCopy, ...], Meta(max_length=LISTED_MAX)]


class VerifyCopies(Request["VerifiedCopies"], frozen=True):
    """Compare the views of these tables with the engine."""

    tables: Annotated[tuple[Word, ...], Meta(max_length=LISTED_MAX)]


class VerifiedCopy(msgspec.Struct, frozen=True):
    """How many rows were compared, and what differs; `trouble` is why it could not be found out."""

    table: Word
    rows: Number = 0
    missing: Number = 0
    extra: Number = 0
    different: Number = 0
    damages: Texts = ()
    examples: Texts = ()
    trouble: Text = ""


class VerifiedCopies(msgspec.Struct, frozen=True):
    copies: Annotated[tuple[VerifiedCopy, ...], Meta(max_length=LISTED_MAX)]
