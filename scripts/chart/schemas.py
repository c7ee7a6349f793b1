"""Is an object what Kubernetes' API takes? Unknown fields are refused, for each version by itself.

Kubernetes' own kinds are held to the API's definitions of four versions, which
`scripts/kubernetes-tools` fetches; kinds of others to `custom_kinds.yaml`.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from scripts.chart.objects import Object, at, kind_of, title
from scripts.chart.tools import TOOLS

VERSIONS = ("1.34", "1.35", "1.36", "1.37")
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Definitions:
    """The API of one version of Kubernetes."""

    def __init__(self, version: str, text: dict[str, Any]) -> None:
        self.version = version
        self._shapes = text["$defs"]
        self._uri = text["$id"]
        self._registry: Registry[Any] = Registry().with_resource(
            self._uri, Resource.from_contents(text)
        )
        self._names = {
            ("/".join(filter(None, (one["group"], one["version"]))), one["kind"]): name
            for name, shape in self._shapes.items()
            for one in shape.get("x-kubernetes-group-version-kind", ())
        }

    @classmethod
    def load(cls, version: str, directory: Path = TOOLS / "schemas") -> "Definitions":
        return cls(version, json.loads((directory / f"{version}.json").read_text()))

    def faults(self, item: Object) -> Iterator[str]:
        """What is wrong with an object of Kubernetes' own or of another's kind, in words."""
        version, kind = str(item.get("apiVersion", "")), kind_of(item)
        name = self._names.get((version, kind))
        if name is not None:
            yield from self._told(item, self._validator(name), item)
            return
        validator = _custom_kinds().get((version, kind))
        if validator is None:
            yield f"{title(item)}: Kubernetes {self.version} has no {kind} of {version}"
            return
        yield from self._told(item, self._validator(_METADATA), item.get("metadata"), "metadata")
        yield from self._told(item, validator, item.get("spec"), "spec")
        for key in sorted(set(item) - {"apiVersion", "kind", "metadata", "spec"}):
            yield f"{title(item)}: {key} is no field of a {kind}"

    def _validator(self, name: str) -> Draft202012Validator:
        return _validator(self._uri, name, self._registry)

    def _told(
        self, item: Object, validator: Draft202012Validator, part: Any, place: str = ""
    ) -> Iterator[str]:
        for error in validator.iter_errors(part):
            inner = _innermost(error)
            path = ".".join(filter(None, (place, *map(str, inner.absolute_path))))
            text = inner.message if len(inner.message) < 300 else inner.message[:300] + " ..."
            yield f"{title(item)}: {path or 'the object'}: {text} (Kubernetes {self.version})"


def _innermost(error: ValidationError) -> ValidationError:
    best = best_match([error])
    return error if best is None else best


_VALIDATORS: dict[tuple[int, str], Draft202012Validator] = {}


def _validator(uri: str, name: str, registry: Registry[Any]) -> Draft202012Validator:
    key = (id(registry), name)
    if key not in _VALIDATORS:
        _VALIDATORS[key] = Draft202012Validator({"$ref": f"{uri}#/$defs/{name}"}, registry=registry)
    return _VALIDATORS[key]


@cache
def _custom_kinds() -> dict[tuple[str, str], Draft202012Validator]:
    """Validators of `spec` by apiVersion and kind."""
    text = closed(yaml.safe_load((Path(__file__).parent / "custom_kinds.yaml").read_text()))
    shared = {"$defs": text.pop("$defs")}
    return {
        (version, kind): Draft202012Validator({**shared, **shape})
        for version, kinds in text.items()
        for kind, shape in kinds.items()
    }


def closed(schema: Any) -> Any:
    """The schema in which an object with `properties` of its own takes no other key.

    Conditions (`if`, `then`, `else`) speak of some keys and are left open.
    """
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    below = {
        key: one if key in ("if", "then", "else") else closed(one) for key, one in schema.items()
    }
    is_object = schema.get("type") == "object" and isinstance(at(schema, "properties"), dict)
    return {"additionalProperties": False, **below} if is_object else below
