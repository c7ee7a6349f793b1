"""The keys there are, what each takes, and what is said when it is something else."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from aiex.errors import HotKeyUnknown, HotValueInvalid
from aiex.fastglobal.schema import VALUE_BYTES_MAX, Schema, plain, shown

BIG = VALUE_BYTES_MAX + 1


class Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    per_minute: Annotated[int, Meta(ge=0)] = 0
    burst: int = 1


class Values(msgspec.Struct, frozen=True):
    log_level: Annotated[
        Literal["debug", "info", "error"],
        Meta(description="Least severe level.", extra={"setting": "log.level"}),
    ] = "info"
    wait_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    note: str = ""
    rates: Rates = Rates()
    weights: Mapping[str, float] = {}


def no_zero(key: str, value: Any) -> str:
    return "all weights are 0" if key == "weights" and value and not any(value.values()) else ""


SCHEMA = Schema(Values, check=no_zero)


def test_a_key_is_told_with_its_meaning_and_the_setting_it_overrides() -> None:
    key = SCHEMA.key("log_level")
    assert (key.default, key.meaning, key.setting) == ("info", "Least severe level.", "log.level")


def test_defaults_may_be_given() -> None:
    assert Schema(Values, Values(wait_s=9.0)).defaults()["wait_s"] == 9.0
    assert SCHEMA.defaults()["wait_s"] == 1.0


@pytest.mark.parametrize(
    ("name", "hint"),
    [("log_levle", "Did you mean 'log_level'?"), ("zzz", "There are log_level, wait_s, note")],
)
def test_a_key_there_is_not_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(HotKeyUnknown, match="There is no hot value") as raised:
        SCHEMA.encoded(name, 1)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "log_level",
            "debgu",
            "log_level: expected debug, error or info (it is \"debgu\"); did you mean 'debug'",
        ),
        ("wait_s", 61, "wait_s: expected a number from 0 to 60 (it is 61)"),
        ("wait_s", "soon", "wait_s: expected a number from 0 to 60 (it is \"soon\")"),
        ("note", None, "note: expected a text (it is null)"),
        ("rates", {"per_minute": -1}, "rates: expected int >= 0 (at per_minute)"),
        ("rates", {"per_minut": 1}, "rates: object contains unknown field per_minut"),
        ("weights", {"a": "x"}, "weights: expected float, got str"),
        ("weights", {"a": 0.0}, "weights: all weights are 0"),
        ("note", "x" * BIG, "a table is for such"),
        ("note", object(), "cannot be a hot value"),
        ("note", b"\xff", "note: "),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_words(name: str, value: Any, words: str) -> None:
    if isinstance(value, bytes):
        with pytest.raises(HotValueInvalid):
            SCHEMA.value(name, value)
        return
    with pytest.raises(HotValueInvalid) as raised:
        SCHEMA.encoded(name, value)
    assert words in str(raised.value)


def test_a_value_may_be_given_as_it_is_read_or_as_json_has_it() -> None:
    for value in (Rates(5, 2), {"per_minute": 5, "burst": 2}):
        assert SCHEMA.value("rates", SCHEMA.encoded("rates", value)) == Rates(5, 2)
    weights = SCHEMA.value("weights", b'{"a": 2}')
    assert SCHEMA.encoded("weights", weights) == b'{"a":2.0}'
    assert plain(weights) == {"a": 2.0}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("log_level", "debug", "debug"),
        ("wait_s", "2.5", 2.5),
        ("note", "20", "20"),
        ("note", "", ""),
        ("rates", '{"burst": 3}', {"burst": 3}),
        ("wait_s", "soon", "soon"),
    ],
)
def test_text_of_a_command_line_means_what_its_key_takes(name: str, text: str, value: Any) -> None:
    assert SCHEMA.of_text(name, text) == value


def test_broken_json_is_told_as_that() -> None:
    with pytest.raises(HotValueInvalid, match="rates: no JSON"):
        SCHEMA.of_text("rates", "{burst: 3}")


def test_one_part_of_a_value_is_replaced() -> None:
    assert SCHEMA.with_part("rates", Rates(5, 2), "burst", 9) == {"per_minute": 5, "burst": 9}
    assert SCHEMA.with_part("weights", {"a": 1.0}, "gpt-4.1", 2) == {"a": 1.0, "gpt-4.1": 2}
    with pytest.raises(HotValueInvalid, match=r"it has no 'brust'; did you mean 'burst'\?"):
        SCHEMA.with_part("rates", Rates(), "brust", 9)
    with pytest.raises(HotValueInvalid, match=r"it has no 'x'; there are per_minute, burst\."):
        SCHEMA.with_part("rates", Rates(), "x", 9)
    with pytest.raises(HotValueInvalid, match="it has no parts"):
        SCHEMA.with_part("wait_s", 1.0, "x", 9)


def test_a_field_that_could_change_under_its_readers_is_refused() -> None:
    class Changeable(msgspec.Struct, frozen=True):
        names: list[str] = []

    with pytest.raises(TypeError, match=r"Changeable\.names: list can change"):
        Schema(Changeable)


def test_a_long_value_is_shown_by_its_beginning() -> None:
    assert shown("x" * 200) == "x" * 79 + "…"
    assert shown(Rates(1, 2)) == '{"per_minute":1,"burst":2}'


@given(st.binary(max_size=40), st.sampled_from(list(SCHEMA.keys)))
def test_any_bytes_are_a_value_or_are_refused(raw: bytes, name: str) -> None:
    try:
        value = SCHEMA.value(name, raw)
    except HotValueInvalid:
        return
    assert SCHEMA.value(name, SCHEMA.encoded(name, value)) == value
