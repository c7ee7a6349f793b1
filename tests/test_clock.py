"""How an instant is written: the same as Python does, and faster."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from aiex.clock import instant


def test_an_instant_is_written_in_utc_to_the_millisecond() -> None:
    assert instant(0.0) == "1970-01-01T00:00:00.000+00:00"
    assert instant(1_700_000_000.9994) == "2023-11-14T22:13:20.999+00:00"


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_every_instant_is_read_back_as_it_was(millisecond: int) -> None:
    written = instant(millisecond / 1000)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    apart_s = (datetime.fromisoformat(written) - epoch).total_seconds() - millisecond / 1000
    assert abs(apart_s) < 0.002
