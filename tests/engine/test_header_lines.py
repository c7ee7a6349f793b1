"""Headers are read as the client library reads them, and sooner."""

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from aiex.engine.header_lines import header_lines

NAMES_AND_SIGNS = [b"Nats-Msg-Id", b"a", b"5", b"_", b"-", b":", b": ", b"\0", b"\xff"]
SPACES = [
    b" ",
    b"\t",
    b"\r\n",
    b"\n",
    b"\r",
    b"\x0b",
    b"\x1c",
    b"\x85",
    b"\xa0",
    "ü\u2003".encode(),
]
PIECES = st.sampled_from([*NAMES_AND_SIGNS, *SPACES])


@given(st.lists(PIECES, max_size=30).map(b"".join) | st.binary(max_size=60))
@example(b"Nats-Msg-Id: abc\r\nAiex-Row-Version:1\r\n\r\n")
@example(b": no name\r\nno line\r\ntwo words: x\r\n twice: a\r\ntwice : b\r\n")
def test_they_are_what_the_library_makes_of_them(raw: bytes) -> None:
    assert header_lines(raw) == Client._parse_header_lines(raw)


def test_the_library_has_what_is_put_in_its_place() -> None:
    assert callable(Client._parse_header_lines)
