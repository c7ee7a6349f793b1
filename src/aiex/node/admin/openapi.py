"""The admin API as an OpenAPI document, made of the table of operations."""

import re
from typing import Any

import msgspec

from aiex.node.admin.operation import Operation
from aiex.node.admin.operations import OPERATIONS
from aiex.node.views.error import ErrorBody

type References = dict[Any, dict[str, Any]]

_PARAMETER = re.compile(r"{(\w+)}")


def openapi(version: str) -> dict[str, object]:
    """The admin API as an OpenAPI 3.1 document."""
    shapes = [shape for op in OPERATIONS for shape in (op.answer, op.takes) if shape is not None]
    known = [*dict.fromkeys(shapes), ErrorBody]
    references, components = msgspec.json.schema_components(
        known, ref_template="#/components/schemas/{name}"
    )
    reference_of = dict(zip(known, references, strict=True))
    paths: dict[str, dict[str, object]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, reference_of
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Aiex admin API", "version": version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation, reference_of: References) -> dict[str, object]:
    answers: dict[str, object] = {
        str(operation.status): _content(
            reference_of.get(operation.answer), "The answer.", operation.media_type
        )
    }
    if operation.needs_token:
        answers["401"] = _content(reference_of[ErrorBody], "The admin token is missing or wrong.")
    described: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": answers,
    }
    if operation.needs_token:
        described["security"] = [{"token": []}]
    if operation.takes is not None:
        described["requestBody"] = {"required": True, **_content(reference_of[operation.takes], "")}
    if names := _PARAMETER.findall(operation.path):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    return described


def _content(
    reference: dict[str, Any] | None, description: str, media_type: str = "text/plain"
) -> dict[str, object]:
    if reference is None:
        media: dict[str, object] = {media_type: {"schema": {"type": "string"}}}
    else:
        media = {"application/json": {"schema": reference}}
    return {"description": description, "content": media} if description else {"content": media}
