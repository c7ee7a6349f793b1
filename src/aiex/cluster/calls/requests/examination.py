"""What a node finds at the others' ports, looking now."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.calls.requests.request import LISTED_MAX, Request, Text
from aiex.cluster.membership import Word


class Examine(Request["Examination"], frozen=True):
    pass


class DescribedContact(msgspec.Struct, frozen=True):
    """A carrier's ports as found by the node that answers: open, closed, silent, unknown.

    `server`, `cluster` and `has_tls` are what the server there says of itself, `refusal` what it
    says to our login.
    """

    carrier: Text
    host: Text
    route_port: int
    client_port: int
    route: Word
    client: Word
    server: Text = ""
    cluster: Text = ""
    has_tls: bool = False
    refusal: Text = ""


class Examination(msgspec.Struct, frozen=True):
    """What the node finds when it looks around now: at each carrier but itself."""

    contacts: Annotated[tuple[DescribedContact, ...], Meta(max_length=LISTED_MAX)]
