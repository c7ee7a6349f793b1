"""An answer of the node's own, as JSON."""

from aiex.assistant.exchange import Exchange
from aiex.assistant.trail import Trail


def give_json(trail: Trail, body: bytes, exchange: Exchange) -> None:
    """Answer with status 200."""
    trail.status = 200
    trail.response_bytes = len(body)
    headers = [
        ("content-type", "application/json"),
        ("x-request-id", trail.request_id),
        *trail.extra_headers,
    ]
    exchange.response_bytes(200, headers, body)
