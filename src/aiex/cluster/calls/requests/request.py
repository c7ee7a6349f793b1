"""What every request is, and the bounds of what is in one and in its answer."""

from typing import Annotated

import msgspec
from msgspec import Meta

LISTED_MAX = 64

type Text = Annotated[str, Meta(max_length=512)]
type Texts = Annotated[tuple[Text, ...], Meta(max_length=LISTED_MAX)]


class Request[A](msgspec.Struct, frozen=True):
    """A request whose answer is an `A`."""
