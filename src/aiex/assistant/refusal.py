"""Errors as OpenAI's clients expect them: a status and `{"error": {message, type, param, code}}`.

Reference: https://platform.openai.com/docs/guides/error-codes and the official clients, which map
the status to an exception class and show `message`.
"""

import msgspec

from aiex.assistant.load_gate import Verdict
from aiex.errors import RequestRefused


class _Error(msgspec.Struct, frozen=True):
    message: str
    type: str
    param: str | None
    code: str | None


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error


class Refusal(RequestRefused):
    """A request that gets an error instead of an answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        retry_after_s: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        is_ours: bool = False,
    ) -> None:
        """`is_ours`: not the provider's failure, although it had answered."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.kind = kind
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers = headers
        self.is_ours = is_ours

    def body(self) -> bytes:
        """The error as a JSON document."""
        return msgspec.json.encode(_ErrorBody(_Error(str(self), self.kind, self.param, self.code)))

    def frame(self) -> bytes:
        """The error as a server-sent event, for a stream that has begun."""
        return b"data: " + self.body() + b"\n\n"


def keys_unknown() -> Refusal:
    return Refusal(
        503,
        "not_ready",
        "This node does not know its cluster's API keys yet; try again in a moment.",
        kind="server_error",
        retry_after_s=1,
    )


def key_missing() -> Refusal:
    return Refusal(
        401,
        "missing_api_key",
        "This server needs an API key: send it as 'Authorization: Bearer <key>'. "
        "An operator makes one with 'aiex keys create NAME'.",
        kind="authentication_error",
    )


def key_wrong() -> Refusal:
    return Refusal(
        401,
        "invalid_api_key",
        "This API key is not known here, or it was revoked.",
        kind="authentication_error",
    )


def path_unknown(method: str, path: str) -> Refusal:
    return Refusal(
        404,
        "unknown_url",
        f"There is no {method} {path[:200]} here; see /v1/models and /v1/chat/completions.",
    )


def method_wrong(method: str, path: str, allowed: str) -> Refusal:
    text = f"{method} is not possible on {path[:200]}; use {allowed}."
    return Refusal(405, "method_not_allowed", text, headers=(("allow", allowed),))


def model_unknown(model: str, near: str) -> Refusal:
    hint = f" Did you mean '{near}'?" if near else ""
    return Refusal(
        404,
        "model_not_found",
        f"The model '{model[:200]}' does not exist here.{hint} GET /v1/models lists what does.",
        param="model",
    )


def body_too_large(bytes_max: int) -> Refusal:
    return Refusal(413, "body_too_large", f"The request's body is larger than {bytes_max:,} bytes.")


def body_too_slow(timeout_s: float) -> Refusal:
    return Refusal(408, "body_too_slow", f"The request's body did not come within {timeout_s:g} s.")


_OVERLOAD = {
    "in_flight": "The server has as many requests in progress as it takes",
    "body_bytes": "The server holds as much of request bodies as it takes",
    "loop_lag": "The server has more to do than it can",
}


def overloaded(verdict: Verdict) -> Refusal:
    return Refusal(
        503,
        "overloaded",
        f"{_OVERLOAD[verdict.reason]}; try again in {verdict.retry_after_s} s.",
        kind="server_error",
        retry_after_s=verdict.retry_after_s,
    )


def draining() -> Refusal:
    return Refusal(
        503,
        "draining",
        "This node is stopping; try again, another one will answer.",
        kind="server_error",
        retry_after_s=1,
    )


def crashed(request_id: str) -> Refusal:
    return Refusal(
        500,
        "internal_error",
        f"The server failed on this request; its log has the reason under {request_id}.",
        kind="server_error",
    )
