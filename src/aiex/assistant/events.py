"""What the assistant says of itself."""

import msgspec


class RequestFinished(msgspec.Struct, frozen=True, gc=False):
    """One API request came to its end, whichever.

    Durations are whole microseconds; a phase that did not happen is 0. Carries no message content
    and no secret: `key_id` is the public id of the API key, empty when none was needed.
    """

    request_id: str
    trace_id: str
    method: str
    route: str  # the pattern (`/v1/chat/completions`), never the raw path; `unknown` otherwise
    status: int
    outcome: str  # ok, refused, provider_failed, client_gone, cut_off, crashed
    error_code: str
    model: str  # asked for and known; empty otherwise, so that labels stay bounded
    provider: str
    target: str  # `provider/model` that answered
    key_id: str
    is_stream: bool
    attempt_count: int
    at_s: float  # wall clock, start of the request
    duration_us: int
    parse_us: int
    auth_us: int
    route_us: int
    provider_us: int  # until the answer's headers
    first_byte_us: int  # from start to the first byte handed to the client
    request_bytes: int
    response_bytes: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int


class KeysChanged(msgspec.Struct, frozen=True):
    """The set of API keys known to this node changed."""

    active_count: int
    revision: int


class LocalModelTurned(msgspec.Struct, frozen=True):
    """The local model's child came up or went away."""

    state: str  # starting, up, down
    detail: str
