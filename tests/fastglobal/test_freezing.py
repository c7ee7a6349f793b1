"""Only what nobody can change is a hot value; mappings are made so."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from aiex.fastglobal.freezing import freezing, frozen, objection


class Frozen(msgspec.Struct, frozen=True):
    names: tuple[str, ...] = ()
    weights: Mapping[str, Mapping[str, float]] = {}


class Loose(msgspec.Struct):
    limit: int = 0


class Nested(msgspec.Struct, frozen=True):
    inner: tuple[Loose, ...] = ()


class Tree(msgspec.Struct, frozen=True):
    below: "tuple[Tree, ...]" = ()


@pytest.mark.parametrize(
    "shape",
    [
        int, bool, float, str, bytes, int | None, Literal["a", "b"], tuple[int, ...],
        tuple[int, str], frozenset[str], Mapping[str, int], dict[str, tuple[int, ...]], Frozen,
        Annotated[int, Meta(ge=1)], Tree,
    ],
)  # fmt: skip
def test_what_stays_as_it_is_may_be_a_hot_value(shape: Any) -> None:
    assert objection(shape) == ""


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        (list[int], "list can change"),
        (set[int], "set can change"),
        (Sequence[int], "list can change"),
        (tuple[list[int], ...], "list can change"),
        (Mapping[str, list[int]], "list can change"),
        (Any, "any can change"),
        (msgspec.Raw, "raw can change"),
        (bytearray, "bytearray can change"),
        (Loose, "Loose is not frozen"),
        (Nested, "Loose is not frozen"),
        (int | list[int], "list can change"),
    ],
)
def test_what_a_reader_could_change_is_named(shape: Any, what: str) -> None:
    assert what in objection(shape)


def test_mappings_are_read_only_however_deep() -> None:
    value = msgspec.json.decode(b'{"weights": {"m": {"a/b": 2.0}}}', type=Frozen)
    made = freezing(Frozen)(value)
    assert made.weights["m"]["a/b"] == 2.0
    for mapping in (made.weights, made.weights["m"]):
        assert type(mapping) is MappingProxyType
    assert isinstance(frozen(({"a": 1},))[0], MappingProxyType)


def test_what_has_no_mapping_is_not_looked_through() -> None:
    value = (1, 2)
    assert freezing(tuple[int, ...])(value) is value
