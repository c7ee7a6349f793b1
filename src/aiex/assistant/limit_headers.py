"""`x-ratelimit-*`: how a key's rates stand, in the headers that OpenAI's clients read.

https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from aiex.assistant.account import Standing


def limit_headers(standing: Standing) -> list[tuple[str, str]]:
    """Three headers for each rate that has a limit."""
    headers: list[tuple[str, str]] = []
    if standing.requests_limit:
        headers = [
            ("x-ratelimit-limit-requests", f"{standing.requests_limit}"),
            ("x-ratelimit-remaining-requests", f"{standing.requests_remaining}"),
            ("x-ratelimit-reset-requests", duration_text(standing.requests_reset_ns)),
        ]
    if standing.tokens_limit:
        headers += [
            ("x-ratelimit-limit-tokens", f"{standing.tokens_limit}"),
            ("x-ratelimit-remaining-tokens", f"{standing.tokens_remaining}"),
            ("x-ratelimit-reset-tokens", duration_text(standing.tokens_reset_ns)),
        ]
    return headers


def duration_text(duration_ns: int) -> str:
    """A duration as OpenAI writes it: `12ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`.

    Whole milliseconds, rounded up: whoever waits that long does not come too early.
    """
    duration_ms = (duration_ns + 999_999) // 1_000_000
    if duration_ms < 60_000:
        if 0 < duration_ms < 1_000:
            return f"{duration_ms}ms"
        return f"{duration_ms / 1_000:g}s"  # at most five digits, so all of them are right
    minutes, duration_ms = divmod(duration_ms, 60_000)
    seconds = f"{duration_ms / 1_000:g}s"
    if minutes < 60:
        return f"{minutes}m{seconds}"
    return f"{minutes // 60}h{minutes % 60}m{seconds}"
