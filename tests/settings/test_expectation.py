"""What a setting may be is said in an operator's words, not in those of the library that checks."""

from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import Meta

from aiex.settings import Secret, Settings
from aiex.settings.expectation import expectation, meant


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (bool, "true or false"),
        (int, "a whole number"),
        (Annotated[int, Meta(ge=0, le=65535)], "a whole number from 0 to 65,535"),
        (Annotated[float, Meta(ge=0)], "a number of at least 0"),
        (Annotated[float, Meta(gt=0, le=10)], "a number above 0 and at most 10"),
        (Annotated[float, Meta(gt=0)], "a number above 0"),
        (Annotated[float, Meta(ge=0.5, le=2000.0)], "a number from 0.5 to 2,000"),
        (Literal["a", "b", "c"], "a, b or c"),  # in alphabetical order
        (Literal["a"], "a"),
        (str, "a text"),
        (Annotated[str, Meta(min_length=1)], "a text that is not empty"),
        (Annotated[str, Meta(max_length=9)], "a text of at most 9 characters"),
        (Annotated[str, Meta(pattern="^x$")], "a text that matches ^x$"),
        (tuple[str, ...], "a list of texts"),
        (Annotated[tuple[int, ...], Meta(min_length=1)], "a list of at least 1"),
        (Annotated[float | None, Meta(description="may be left out")], "a number"),
    ],
)
def test_a_shape_in_words(shape: Any, words: str) -> None:
    assert expectation(shape) == words


def test_only_a_choice_has_a_nearest_word() -> None:
    assert meant(Literal["debug", "info"], "debgu") == "debug"
    assert meant(Literal["debug", "info"], "zzz") == ""
    assert meant(int, "8o80") == ""


def leaves(section: type[msgspec.Struct]) -> list[Any]:
    """The shapes of all settings that are no section themselves."""
    shapes: list[Any] = []
    for shape in get_type_hints(section, include_extras=True).values():
        plain = get_args(shape)[0] if get_origin(shape) is Annotated else shape
        inside = [one for one in (plain, *get_args(plain)) if one not in (str, Ellipsis)]
        sections = [one for one in inside if isinstance(one, type) and is_section(one)]
        shapes += [one for below in sections for one in leaves(below)]
        if not sections and Secret not in get_args(plain):
            shapes.append(shape)
    return shapes


def is_section(shape: type) -> bool:
    return issubclass(shape, msgspec.Struct)


def test_every_setting_has_words() -> None:
    shapes = [shape for shape in leaves(Settings) if "dict" not in str(shape)]
    assert len(shapes) > 50
    assert all(expectation(shape) for shape in shapes)
