"""The guess at a request's tokens: of the right size, whatever is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.token_estimate import answer_tokens, broken_off, prompt_tokens
from aiex.assistant.usage import Usage


def test_four_bytes_are_a_token() -> None:
    assert prompt_tokens(b"x" * 400) == 100
    assert prompt_tokens(b"x" * 401) == 101


def test_a_picture_counts_by_the_piece_and_not_by_its_bytes() -> None:
    picture = b'{"url":"data:image/png;base64,' + b"A" * 1_000_000 + b'"}'
    assert 1_000 < prompt_tokens(picture) < 1_020
    assert 2_000 < prompt_tokens(b"[" + picture + b"," + picture + b"]") < 2_040


def test_a_picture_in_anthropics_form_counts_by_the_piece_too() -> None:
    source = b'{"type":"base64","media_type":"image/png","data": "' + b"A" * 1_000_000 + b'"}'
    assert 1_000 < prompt_tokens(source) < 1_020


@given(st.binary(max_size=9_000), st.integers(0, 3))
def test_any_body_has_an_estimate(body: bytes, count: int) -> None:
    assert prompt_tokens(body + b";base64," * count) >= 0


@pytest.mark.parametrize(
    ("max_tokens", "choices", "expected"),
    [
        (50, None, 50),
        (50, 3, 150),
        (None, 3, 0),
        ("50", 1, 0),
        (-1, 1, 0),
        (True, 1, 0),
        (9.5, 1, 0),
    ],
)
def test_the_answers_bound_is_what_the_request_says(
    max_tokens: object, choices: object, expected: int
) -> None:
    assert answer_tokens(max_tokens, choices) == expected


def test_an_answer_without_usage_is_guessed_from_its_bytes() -> None:
    assert broken_off(400, 2_000, is_stream=True) == Usage(100, 10)
    assert broken_off(400, 2_000, is_stream=False) == Usage(100, 500)
