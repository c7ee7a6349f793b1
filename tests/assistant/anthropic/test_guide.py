"""The guide says of every field what becomes of it."""

from pathlib import Path

import msgspec
import pytest

from aiex.assistant.anthropic.message_form import MessagesBody
from aiex.assistant.chat_form import ChatBody

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "anthropic.md"
# What needs no word: it is the same on both sides.
PLAIN = {"model", "messages", "stream"}


@pytest.mark.parametrize("body", [ChatBody, MessagesBody])
def test_every_field_has_a_word_in_the_guide(body: type[msgspec.Struct]) -> None:
    text = GUIDE.read_text()
    fields = {field.name for field in msgspec.structs.fields(body)} - PLAIN
    assert [name for name in sorted(fields) if f"`{name}" not in text] == []
