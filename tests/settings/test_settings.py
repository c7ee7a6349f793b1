"""The page of settings: each one described, each number with its unit, each default in bounds."""

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from aiex.settings import Secret, Settings

# What a number's name ends in when it measures or counts something.
UNITS = ("_s", "_ms", "_bytes_max", "_tokens", "_ratio", "_max", "_per_s", "_per_minute")
MONEY = ("_usd", "_usd_per_million")
# Plural nouns count; these others are no amounts, or their unit is themselves.
COUNTS = ("threads", "parallel", "concurrency")
NOT_AMOUNTS = ("port", "shared_port", "route_port", "client_port", "seed", "weight")


def fields(shape: Any = Settings, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting there is, with its annotation; `*` stands for a name or position."""
    for name, hint in get_type_hints(shape, include_extras=True).items():
        sections = _sections(hint)
        here = f"{path}.{name}".lstrip(".")
        if not sections or _description(hint):
            yield here, hint
        for section in sections:
            is_one = _plain(hint) is section
            yield from fields(section, here if is_one else f"{here}.*")


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if hasattr(hint, "__metadata__") else hint


def _sections(hint: Any) -> list[Any]:
    """The section types anywhere in an annotation."""
    plain = _plain(hint)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return [plain]
    return [section for one in get_args(plain) for section in _sections(one)]


def _description(hint: Any) -> str:
    metas = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, msgspec.Meta)]
    return next((one.description for one in metas if one.description), "")


FIELDS = dict(fields())


def test_the_page_has_what_a_node_is_made_of() -> None:
    assert {"api.port", "providers.*.faults.cut_ratio", "models.*.targets.*.weight"} <= set(FIELDS)


@pytest.mark.parametrize("path", FIELDS)
def test_a_setting_is_described_in_a_sentence(path: str) -> None:
    description = _description(FIELDS[path])
    assert description.endswith("."), f"{path} needs Meta(description=…)"
    assert len(description) > 10


NUMBERS = [path for path, hint in FIELDS.items() if _plain(hint) in (int, float)]


@pytest.mark.parametrize("path", NUMBERS)
def test_a_number_has_its_unit_or_count_in_its_name(path: str) -> None:
    name = path.rpartition(".")[2]
    assert name.endswith((*UNITS, *MONEY, *COUNTS)) or name in NOT_AMOUNTS


@pytest.mark.parametrize("path", [path for path in NUMBERS if not path.endswith("seed")])
def test_a_number_has_a_least_value(path: str) -> None:
    metas = [one for one in FIELDS[path].__metadata__ if isinstance(one, msgspec.Meta)]
    assert any(one.ge is not None or one.gt is not None for one in metas)


def test_what_sounds_secret_is_one() -> None:
    words = ("key", "token", "password", "secret")
    for path, hint in FIELDS.items():
        if path.rpartition(".")[2].removeprefix("api_") in words:
            assert Secret in get_args(_plain(hint)), path


def test_the_defaults_are_within_their_own_bounds() -> None:
    plain = msgspec.to_builtins(Settings())
    assert msgspec.convert(plain, Settings) == Settings()
