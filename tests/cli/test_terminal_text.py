"""A terminal shows what models and nodes say, and obeys none of it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.cli.terminal_text import SEQUENCE_CHARS_MAX, TerminalText, harmless

CONTROLS = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]
# Rich in what begins, continues and ends sequences, so that short texts hit every state.
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(CONTROLS),
        st.sampled_from(
            ["\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\x07", "\x9c", "31m", ";", "a", "é"]
        ),
        st.text(max_size=3),
    )
).map("".join)
# By the grammar of ECMA-48: whole, so that nothing of one may be seen.
SEQUENCE = st.one_of(
    st.from_regex(r"(\x1b\[|\x9b)[0-?]{0,9}[ -/]{0,2}[@-~]", fullmatch=True),
    st.from_regex(
        r"(\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[ -~é]{0,30}(\x07|\x9c|\x1b\\)", fullmatch=True
    ),
    st.from_regex(r"\x1b[ -/]{1,2}[0-~]", fullmatch=True),
    st.sampled_from(["\x1bc", "\x1b7", "\x1bM", "\x07", "\r", "\x08", "\x7f", "\x85"]),
)
PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=10)


def shown(*pieces: str) -> str:
    text = TerminalText()
    return "".join(map(text.feed, pieces))


@given(HOSTILE)
def test_nothing_that_a_terminal_obeys_gets_out(text: str) -> None:
    assert not set(shown(text)) & (set(CONTROLS) - {"\n", "\t"})


@given(HOSTILE, st.data())
def test_text_in_pieces_is_shown_as_the_same_text_in_one(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edges = [0, *cuts, len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert shown(*pieces) == shown(text)


@given(st.lists(st.tuples(PLAIN, SEQUENCE)), PLAIN)
def test_around_whole_sequences_every_character_is_kept(
    parts: list[tuple[str, str]], last: str
) -> None:
    text = "".join(plain + sequence for plain, sequence in parts) + last
    assert shown(text) == "".join(plain for plain, _ in parts) + last


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t")))
def test_text_without_controls_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;a new title\x07red",
        "\x1b]8;;http://evil\x1b\\red\x1b]8;;\x1b\\",
        "\x1b]52;c;cm0gLXJm\x07red",
        "\x1bPq#0\x1b\\red",
        "\x9b31mred",
        "\x9d0;title\x9cred",
        "\x1b(0red",
        "\x1b\x1b[31mred",
        "\x1b[3\x1b[31mred",
        "\x1b]0;title\x1b[31mred",
    ],
)
def test_colours_titles_links_and_the_clipboard_stay_as_they_are(text: str) -> None:
    assert shown(text) == "red"
    assert shown(*text) == "red"


def test_a_newline_ends_a_sequence_that_has_no_end() -> None:
    assert shown("a\x1b[31\nb\x1b]0;title\nc\x1b\nd") == "a\nb\nc\nd"


def test_a_sequence_without_an_end_hides_only_so_much() -> None:
    text = "\x1b]0;" + "x" * 2 * SEQUENCE_CHARS_MAX
    assert SEQUENCE_CHARS_MAX <= len(shown(text)) < 2 * SEQUENCE_CHARS_MAX


@given(HOSTILE)
def test_a_harmless_text_is_one_line(text: str) -> None:
    assert not set(harmless(text)) & set(CONTROLS)


def test_a_harmless_text_keeps_words_apart() -> None:
    assert harmless("one\ntwo\tthree") == "one two three"
