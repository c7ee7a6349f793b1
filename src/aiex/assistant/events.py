"""What the assistant says of itself."""

import msgspec

from aiex.assistant.attempted import Attempted


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
    is_usage_estimated: bool = False  # the answer broke off, or its provider counts no tokens
    cost_nano_usd: int = 0
    attempts: tuple[Attempted, ...] = ()  # calls and targets passed over, the first sixteen


class RequestShed(msgspec.Struct, frozen=True):
    """A request was turned away because the node has too much in hand.

    Turned away at the door (`in_flight`, `loop_lag`) it costs as little as can be: it gets no
    request id, no line in the access log, and no `RequestFinished`.
    """

    reason: str  # in_flight, body_bytes, loop_lag


class LoadTurned(msgspec.Struct, frozen=True):
    """The node began or ceased to turn requests away because its loop is late."""

    state: str  # ok, shedding, shut
    lag_s: float


class KeysChanged(msgspec.Struct, frozen=True):
    """The set of API keys known to this node changed."""

    active_count: int
    revision: int


class LocalModelTurned(msgspec.Struct, frozen=True):
    """The local model's child came up or went away."""

    state: str  # starting, up, down
    detail: str


class BreakerTurned(msgspec.Struct, frozen=True):
    """A target's breaker opened, lets one call try, or closed again."""

    target: str
    state: str  # closed, half open, open
    reason: str


class AttemptRetried(msgspec.Struct, frozen=True):
    """A request that was not answered elsewhere, or not soon enough, was sent to this target."""

    target: str


class AttemptHedged(msgspec.Struct, frozen=True):
    """A second call raced a slow first one; `target` got the second."""

    target: str
    has_won: bool


class TargetPassedOver(msgspec.Struct, frozen=True):
    """A request did not go to a target: `reason` says which rule kept it away."""

    target: str
    reason: str


class UsageMerged(msgspec.Struct, frozen=True):
    """Pages of usage whose time is over became parts of others, by this node for all."""

    page_count: int


class BlocksDealt(msgspec.Struct, frozen=True):
    """An account dealt with the rows all nodes share: `dealt`, or `short` of what was needed."""

    outcome: str


class LimitsTurned(msgspec.Struct, frozen=True):
    """What is left of limits is asked for in the engine again (`shared`), or cannot be (`away`)."""

    state: str
    reason: str


class QueueLeft(msgspec.Struct, frozen=True):
    """A request came to the end of its wait for a place at a target."""

    target: str
    outcome: str  # taken, full, timeout
    waited_us: int


class TurnBegun(msgspec.Struct, frozen=True):
    """A question is being answered, and its place among what is kept is claimed."""

    kind: str  # conversation, response (kept without one)


class TurnConflicted(msgspec.Struct, frozen=True):
    """A question was turned away, since its conversation had a turn in progress."""

    kind: str


class TurnEnded(msgspec.Struct, frozen=True):
    """A turn that had begun is over.

    Committed: question and answer are kept. Overtaken: it was cancelled, deleted or taken over by
    another, and is not kept. Cancelled: the same, noticed at once. Given up: there was no answer,
    or its client left. Unkept: the engine did not take it.
    """

    kind: str
    outcome: str  # committed, overtaken, cancelled, given_up, unkept
