"""`x-ratelimit-*`: how a key's rates stand, in the headers that OpenAI's clients read.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from aiex.assistant.account import Standing

_MS_NS = 1_000_000


def limit_headers(standing: Standing) -> list[tuple[str, str]]:
    """Three headers for each rate that has a limit."""
    headers: list[tuple[str, str]] = []
    if standing.requests_limit:
        headers = [
            ("x-ratelimit-limit-requests", str(standing.requests_limit)),
            ("x-ratelimit-remaining-requests", str(standing.requests_remaining)),
            ("x-ratelimit-reset-requests", duration_text(standing.requests_reset_ns)),
        ]
    if standing.tokens_limit:
        headers += [
            ("x-ratelimit-limit-tokens", str(standing.tokens_limit)),
            ("x-ratelimit-remaining-tokens", str(standing.tokens_remaining)),
            ("x-ratelimit-reset-tokens", duration_text(standing.tokens_reset_ns)),
        ]
    return headers


def duration_text(duration_ns: int) -> str:
    """A duration as OpenAI writes it: `12ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`.

    Whole milliseconds, rounded up: whoever waits that long does not come too early.
    """
    duration_ms = -(-duration_ns // _MS_NS)
    if 0 < duration_ms < 1000:
        return f"{duration_ms}ms"
    seconds, ms = divmod(duration_ms, 1000)
    fraction = f".{ms:03d}".rstrip("0") if ms else ""
    if seconds < 60:
        return f"{seconds}{fraction}s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{seconds}{fraction}s"
    return f"{minutes // 60}h{minutes % 60}m{seconds}{fraction}s"
