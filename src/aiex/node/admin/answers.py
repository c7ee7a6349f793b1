"""What the admin API answers with: JSON, or an error in the form that every error has."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from aiex.node.views.error import ErrorBody, ErrorView


def json_answer(content: object, status: int = 200) -> Response:
    """`content` as JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What cannot be done, and why."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    answer = json_answer(ErrorBody(ErrorView(message, kind, str(status))), status)
    answer.headers.update(headers or {})
    return answer
