"""The flame graph's page as a text: whole by itself, small, and safe whatever is in the profile."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from aiex.performance import Profile
from aiex.performance.formats import FORMATS, Difference
from aiex.testing.profiles import HOSTILE, hostile_profile, small_profile, wide_profile

PAGE = FORMATS["html"]
PAGE_BYTES_MAX = 60_000


class Elements(HTMLParser):
    """Every element with its attributes, and what is in scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def data(page: bytes) -> Any:
    return json.loads(Elements(page).scripts[0])


def samples(content: Any) -> dict[tuple[tuple[int, ...], int], int]:
    """Of the page's first profile, its stacks put together again."""
    stack: list[int] = []
    found = {}
    for shared, rest, labels, weight, _ in content["profiles"][0]["samples"]:
        stack = stack[:shared] + rest
        found[tuple(stack), labels] = weight
    return found


@pytest.mark.parametrize("profile", [small_profile(), wide_profile(500)])
def test_every_stack_is_in_the_page(profile: Profile) -> None:
    expected = {(one.stack, one.labels): one.weight for one in profile.samples}
    assert samples(data(PAGE.write(profile))) == expected


def test_the_page_without_data_is_small() -> None:
    page = PAGE.write(small_profile())
    assert len(page) - len(Elements(page).scripts[0]) < PAGE_BYTES_MAX


def test_the_page_asks_for_nothing_and_may_not() -> None:
    page = PAGE.write(hostile_profile())
    elements = Elements(page)
    assert not {"src", "href", "action", "srcset"} & {
        name for _, attributes in elements.found for name in attributes
    }
    assert b"@import" not in page
    assert b"url(" not in page
    policy = next(
        one["content"] for _, one in elements.found if "Content-Security-Policy" in one.values()
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")


def test_only_the_pages_own_script_may_run() -> None:
    elements = Elements(PAGE.write(hostile_profile()))
    assert [one.get("type") for tag, one in elements.found if tag == "script"] == [
        "application/json",
        None,
    ]
    digest = base64.b64encode(hashlib.sha256(elements.scripts[1].encode()).digest()).decode()
    policy = next(one["content"] for tag, one in elements.found if "content" in one)
    assert policy is not None
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_hostile_names_are_data_and_nothing_else() -> None:
    page = PAGE.write(hostile_profile())
    plain = Elements(PAGE.write(small_profile()))
    assert [tag for tag, _ in Elements(page).found] == [tag for tag, _ in plain.found]
    names = {frame[0] for frame in data(page)["profiles"][0]["frames"]}
    assert names >= set(HOSTILE)
    assert not re.search(r"[<>&]", Elements(page).scripts[0])


def test_two_profiles_are_both_there_with_the_factor_between_them() -> None:
    assert PAGE.write_difference is not None
    difference = Difference(small_profile(seconds=5), small_profile(3), "seconds")
    content = data(PAGE.write_difference(difference))
    assert [one["seconds"] for one in content["profiles"]] == [10, 5]
    assert (content["factor"], content["by"].split(":")[0]) == (2.0, "compared by seconds")
