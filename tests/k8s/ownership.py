"""Whose is a namespace? One that these tests did not make is never touched. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.k8s.manifests import OWNER, OWNER_LABEL


class NamespaceForeign(Exception):
    """The namespace is somebody else's; the message says which, and what to do."""


def refuse_foreign(names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
    """Raises `NamespaceForeign` when one of these names is taken by somebody else."""
    for one in found:
        name, labels = one["metadata"]["name"], one["metadata"].get("labels", {})
        if name in names and labels.get(OWNER_LABEL) != OWNER:
            raise NamespaceForeign(
                f"The namespace {name} exists and was not made by `make test-k8s`. Nothing was "
                "touched. Choose a name that is free with NAMESPACE=…"
            )
