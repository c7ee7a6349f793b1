"""What a provider's server says, told from what only looks like an answer."""

import pytest

from aiex.assistant.answer_check import check_answer
from aiex.assistant.provider import ProviderRefusedUs
from aiex.assistant.upstream import UpstreamAnswer
from aiex.errors import ProviderError


def check(status: int, body: bytes, *, is_key_refused: bool = False) -> None:
    answer = UpstreamAnswer(status, "application/json", "", body)
    check_answer("there", answer, is_key_refused=is_key_refused)


@pytest.mark.parametrize("body", [b"{}", b' {"a": [1e999]}\n', '{"a":"ü"}'.encode()])
def test_an_object_is_an_answer(body: bytes) -> None:
    check(200, body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"choices":[{"message"', id="half of one"),
        pytest.param(b"{} {}", id="two"),
        pytest.param(b'{"a":"\xff"}', id="no UTF-8"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep"),
        pytest.param(b"\x1f\x8b\x08\x00", id="packed, which nobody asked for"),
    ],
)
def test_garbage_is_a_failure_that_another_target_may_make_good(body: bytes) -> None:
    with pytest.raises(ProviderError, match="'there' answered with something else than JSON"):
        check(200, body)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 599])
def test_an_error_is_an_answer_whatever_it_holds(status: int) -> None:
    check(status, b"<html>")


@pytest.mark.parametrize("status", [100, 199, 201, 204, 302, 399, 600, 999])
def test_a_status_that_is_neither_is_a_failure(status: int) -> None:
    with pytest.raises(ProviderError, match=f"answered with status {status}"):
        check(status, b"{}")


def test_refused_credentials_are_our_own_affair() -> None:
    for status in (401, 403):
        with pytest.raises(ProviderRefusedUs):
            check(status, b"{}")
    with pytest.raises(ProviderRefusedUs, match="status 400"):
        check(400, b"{}", is_key_refused=True)
