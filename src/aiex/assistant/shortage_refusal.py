"""A key's limit as the error its client gets: which limit, and when it frees."""

from datetime import UTC, datetime

from aiex.assistant.account import Limit, Shortage
from aiex.assistant.gcra import NANOSECONDS
from aiex.assistant.limit_headers import duration_text
from aiex.assistant.refusal import Refusal
from aiex.money import NANO_PER_MICRO, short_usd_text

# Nobody knows when an answer in progress ends; most do within seconds.
CONCURRENCY_WAIT_S = 1
UNKNOWN_WAIT_S = 1
_DO_NOT_RETRY = ("x-should-retry", "false")  # OpenAI's clients heed it
_RATE = "rate_limit_exceeded"


def shortage_refusal(shortage: Shortage, *, wall_s: float) -> Refusal:
    """429, with OpenAI's codes: `insufficient_quota` for a budget, else `rate_limit_exceeded`."""
    wait_ns = shortage.wait_ns
    match shortage.limit:
        case Limit.CONCURRENCY:
            return Refusal(
                429,
                _RATE,
                f"This API key may have {shortage.allowed:,} requests in progress, and has as "
                "many. Try again when one of them has ended.",
                kind="requests",
                retry_after_s=CONCURRENCY_WAIT_S,
            )
        case Limit.UNKNOWN:
            return Refusal(
                503,
                shortage.limit.value,
                "What this API key may still use cannot be asked for now, since the engine does "
                "not answer. Try again in a second.",
                kind="server_error",
                retry_after_s=UNKNOWN_WAIT_S,
            )
        case Limit.BUDGET:
            assert wait_ns is not None, "months end"
            return _budget_refusal(shortage, wait_ns, wall_s)
        case _ if wait_ns is None:
            return Refusal(
                429,
                _RATE,
                f"The request needs about {shortage.used:,} tokens, more than the "
                f"{shortage.allowed:,} a minute of this API key. Shorten it, or ask for fewer with "
                "max_tokens.",
                kind="tokens",
                headers=(_DO_NOT_RETRY,),
            )
    what = shortage.limit.value
    asked = f"; this request needs about {shortage.used:,}" if what == "tokens" else ""
    return Refusal(
        429,
        _RATE,
        f"This API key may use {shortage.allowed:,} {what} a minute{asked}. Try again in "
        f"{duration_text(wait_ns)}.",
        kind=what,
        retry_after_s=-(-wait_ns // NANOSECONDS),
        headers=(("retry-after-ms", str(-(-wait_ns // 1_000_000))),),
    )


def model_not_allowed(model: str, allowed: tuple[str, ...]) -> Refusal:
    """403: the model exists, but not for this key."""
    return Refusal(
        403,
        "model_not_allowed",
        f"This API key may not use the model '{model[:200]}'; it may use {', '.join(allowed)}.",
        kind="permission_error",
        param="model",
    )


def _budget_refusal(shortage: Shortage, wait_ns: int, wall_s: float) -> Refusal:
    wait_s = -(-wait_ns // NANOSECONDS)
    at = datetime.fromtimestamp(round(wall_s + wait_ns / NANOSECONDS), UTC)
    return Refusal(
        429,
        "insufficient_quota",
        f"This API key has used {short_usd_text(shortage.used * NANO_PER_MICRO)} of its "
        f"{short_usd_text(shortage.allowed * NANO_PER_MICRO)} USD for this month. The budget "
        f"begins anew at {at:%Y-%m-%dT%H:%M:%SZ}; an operator can raise it.",
        kind=shortage.limit.value,
        retry_after_s=wait_s,
        headers=(_DO_NOT_RETRY,),
    )
