"""`[providers.NAME]`: who answers, how they are reached, and when they are left alone."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.settings.secret import Secret
from aiex.settings.sections.bounds import SECONDS_MAX, Milliseconds, Seconds


class MockFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    error_ratio: Annotated[float, Meta(ge=0, le=1, description="Share answered with a 500.")] = 0.0
    rate_limit_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share answered with a 429.")
    ] = 0.0
    hang_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share that never gets an answer.")
    ] = 0.0
    cut_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share of streams that end half way.")
    ] = 0.0


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Annotated[
        Literal["openai", "azure", "gemini", "anthropic", "local", "mock"],
        Meta(
            description="`openai`: any OpenAI-compatible server; `azure`: Azure OpenAI; `gemini`: "
            "Google's Gemini through its OpenAI-compatible endpoint; `anthropic`: Anthropic's "
            "Messages API; `local`: the small model of this machine; `mock`: a deterministic "
            "stand-in for load tests and drills."
        ),
    ]
    base_url: Annotated[
        str,
        Meta(
            description="`openai`: up to and including `/v1`; `azure`: of the resource, "
            "`https://NAME.openai.azure.com`; `gemini`: empty means Google's; `anthropic`: empty "
            "means https://api.anthropic.com."
        ),
    ] = ""
    api_version: Annotated[
        str,
        Meta(
            description="`azure`: a date (`2024-10-21`) asks the deployment named by the target's "
            "model; empty or `preview` uses the newer `/openai/v1`."
        ),
    ] = ""
    api_key: Annotated[
        Secret | None,
        Meta(
            description="Sent as `Authorization: Bearer`, to `azure` as `api-key`, to `anthropic` "
            "as `x-api-key`."
        ),
    ] = None
    max_tokens: Annotated[
        int,
        Meta(
            ge=1,
            description="`anthropic`: bound of an answer, in tokens, for clients of OpenAI's API "
            "that set none; Anthropic wants one.",
        ),
    ] = 8192
    headers: Annotated[
        dict[str, str], Meta(description="Further headers for every call; no secrets here.")
    ] = {}
    ca_file: Annotated[
        str,
        Meta(
            description="PEM file of private authorities whose certificates are trusted besides "
            "the system's; certificates are always verified."
        ),
    ] = ""
    connect_timeout_s: Annotated[Seconds, Meta(description="Until the connection stands.")] = 5.0
    first_byte_timeout_s: Annotated[
        Seconds,
        Meta(
            description="From sending the request, connecting included, until the first byte of "
            "the answer; for a stream, of its first event."
        ),
    ] = 120.0
    idle_timeout_s: Annotated[
        Seconds, Meta(description="Longest silence between two parts of an answer.")
    ] = 60.0
    total_timeout_s: Annotated[Seconds, Meta(description="For the whole answer.")] = 600.0
    concurrency_max: Annotated[
        int, Meta(ge=0, description="Calls in flight at each target of it; 0 means no limit.")
    ] = 0
    queue_len_max: Annotated[
        int,
        Meta(
            ge=0, le=10_000, description="Requests that may wait at each target for a free place."
        ),
    ] = 32
    queue_wait_ms: Annotated[
        Milliseconds, Meta(description="How long one waits there before the next target is tried.")
    ] = 1000.0
    retries_max: Annotated[
        int,
        Meta(
            ge=0,
            le=5,
            description="How often one request asks the same target again when all others failed "
            "too, after a jittered delay.",
        ),
    ] = 1
    retry_after_max_s: Annotated[
        Seconds, Meta(description="A `Retry-After` is honoured, up to this long.")
    ] = 60.0
    breaker_failures_max: Annotated[
        int,
        Meta(
            ge=0,
            description="A target is left alone after so many failures within half a minute; 0 "
            "means never. The local model's supervisor restarts it: it is never left alone.",
        ),
    ] = 5
    breaker_failure_ratio: Annotated[
        float, Meta(ge=0, le=1, description="… and when failures are this share of its calls.")
    ] = 0.5
    breaker_open_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=60,
            description="How long it is left alone before one call tries it; doubled each time "
            "that fails, up to 60.",
        ),
    ] = 5.0
    latency_ms: Annotated[
        float, Meta(ge=0, le=SECONDS_MAX * 1000, description="`mock`: time to the first byte.")
    ] = 0.0
    tokens_per_s: Annotated[
        float, Meta(ge=0, le=1e9, description="`mock`: pace of a stream; 0 means at once.")
    ] = 0.0
    answer_tokens: Annotated[
        int, Meta(ge=1, description="`mock`: tokens of an answer unless the request asks fewer.")
    ] = 16
    seed: Annotated[int, Meta(description="`mock`: seed of the faults drawn.")] = 0
    faults: Annotated[MockFaults, Meta(description="`mock`: faults by share of requests.")] = (
        MockFaults()
    )
