"""An operator at the admin API of a node in memory: asks with its token, reads what is answered."""

import json
from typing import Any

from aiex.testing.asgi import Answer, ask
from aiex.testing.node_parts import MemoryNode

TOKEN = "the operator's token"  # noqa: S105 - of tests


class Operator:
    """`app` is the node's admin API; `ask` brings the token."""

    def __init__(self, node: MemoryNode, *, is_metrics_open: bool = True) -> None:
        self.app = node.admin(TOKEN, is_metrics_open=is_metrics_open).app()

    async def ask(
        self, method: str, path: str, content: object = None, *, body: bytes | None = None
    ) -> Answer:
        """The answer; `content` is sent as JSON, `body` as it is."""
        raw = body if body is not None else b"" if content is None else json.dumps(content).encode()
        return await ask(self.app, method, path, headers=[bearer(TOKEN)], body=raw)


def bearer(token: str) -> tuple[bytes, bytes]:
    """The header that brings a token."""
    return b"authorization", f"Bearer {token}".encode()


def refusal(answer: Answer) -> str:
    """What an error says, in the form that every error has."""
    assert answer.headers["content-type"] == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == str(answer.status)
    assert error["type"] == ("server_error" if answer.status >= 500 else "invalid_request_error")
    assert isinstance(error["message"], str)
    return str(error["message"])
