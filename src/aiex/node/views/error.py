"""What every operation answers when it cannot."""

import msgspec


class ErrorView(msgspec.Struct, frozen=True):
    message: str
    type: str
    code: str


class ErrorBody(msgspec.Struct, frozen=True):
    error: ErrorView
