"""What is in force for a key: its own limits over the defaults, and the models it may ask for."""

import msgspec
import pytest

from aiex.assistant.keys import KeyRecord
from aiex.assistant.limits import NO_LIMITS, KeyLimits, Limits, default_limits
from aiex.settings import LimitsSettings

DEFAULTS = Limits(requests_per_minute=60, models=("a",), budget_micro_usd=5)


def test_what_is_not_set_for_a_key_is_the_default() -> None:
    own = KeyLimits(tokens_per_minute=7, models=("b*",))
    assert own.over(DEFAULTS) == Limits(60, 7, 0, ("b*",), 5)


def test_a_key_can_be_lifted_over_a_default() -> None:
    own = KeyLimits(requests_per_minute=0, models=("a", "*"), budget_micro_usd=0)
    assert own.over(DEFAULTS) is NO_LIMITS


def test_the_defaults_come_from_the_settings() -> None:
    settings = LimitsSettings(requests_per_minute=9, models=("m",), budget_usd=0.15)
    assert default_limits(settings) == Limits(9, 0, 0, ("m",), 150_000)
    assert default_limits(LimitsSettings()) is NO_LIMITS


@pytest.mark.parametrize(
    ("model", "is_allowed"),
    [("gpt-4o", True), ("gpt-", True), ("gpt", False), ("sonnet", True), ("sonnet2", False)],
)
def test_a_model_is_allowed_by_its_name_or_by_a_prefix(model: str, is_allowed: bool) -> None:
    assert Limits(models=("sonnet", "gpt-*")).allows(model) is is_allowed
    assert NO_LIMITS.allows(model)


@pytest.mark.parametrize(
    "wrong",
    ['{"models":[]}', '{"models":["a*b"]}', '{"models":[""]}', '{"concurrency":-1}'],
)
def test_limits_that_make_no_sense_are_refused(wrong: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(wrong, type=KeyLimits)


def test_a_record_of_a_key_made_before_there_were_limits_is_read() -> None:
    old = b'{"id":"i","name":"n","digest":"d","created_at":"t"}'
    assert msgspec.json.decode(old, type=KeyRecord).limits == KeyLimits()
