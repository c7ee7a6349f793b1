"""Versions as servers tell them, and which are new enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.engine.server_version import OLDEST, OLDEST_TEXT, version_in, version_text


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("nats-server: v2.15.1", (2, 15, 1)),
        ("2.9.10", (2, 9, 10)),
        ("2.15.1-RC.2", (2, 15, 1)),
        ("v2.14.0+build.7", (2, 14, 0)),
        ("", None),
        ("nats-server: dev", None),
        ("2.14", None),
    ],
)
def test_a_version_is_found_in_what_a_server_says(
    text: str, version: tuple[int, int, int] | None
) -> None:
    assert version_in(text) == version


@pytest.mark.parametrize(
    ("text", "is_new_enough"),
    [("2.9.10", False), ("2.13.99", False), ("2.14.0", True), ("2.100.0", True), ("3.0.0", True)],
)
def test_versions_compare_as_numbers_and_not_as_text(text: str, is_new_enough: bool) -> None:
    version = version_in(text)
    assert version is not None
    assert (version >= OLDEST) is is_new_enough


def test_what_people_are_told_is_what_is_checked() -> None:
    assert version_text(OLDEST).startswith(OLDEST_TEXT)


@given(version=st.tuples(*[st.integers(0, 10**6)] * 3))
def test_a_version_written_is_the_version_read(version: tuple[int, int, int]) -> None:
    assert version_in(version_text(version)) == version
