"""What the engine says of itself."""

import msgspec


class EngineUp(msgspec.Struct, frozen=True):
    """The engine answers and can keep state."""

    server_version: str


class EngineDown(msgspec.Struct, frozen=True):
    """The engine stopped answering, or never did; `reason` is a phrase for people.

    `is_planned`: this node itself stopped using it, as when it shuts down.
    """

    reason: str
    is_planned: bool = False


class EngineFroze(msgspec.Struct, frozen=True):
    """The embedded server gave no answer for so long that it was killed, to be restarted."""

    silent_s: float
