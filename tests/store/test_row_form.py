"""Rows are kept as JSON with their version, and read over the versions of a release or two."""

from typing import Any

import msgspec
import pytest

from aiex.engine import StreamMessage
from aiex.errors import RowUnreadable
from aiex.store import Table
from aiex.store.row_form import VERSION, Beside, RowForm


class Note(msgspec.Struct, frozen=True):
    book: str
    text: str = ""


class NoteOfTomorrow(msgspec.Struct, frozen=True):
    book: str
    text: str = ""
    colour: str = "black"


NOTES = Table("notes", row=Note, key=("book",))
NOTES_OF_TOMORROW = Table("notes", row=NoteOfTomorrow, key=("book",), version=2)


def kept(form: RowForm[Any], row: Any, beside: Beside | None = None) -> StreamMessage:
    data, headers = form.encoded(row, beside)
    return StreamMessage("subject", 1, 0.0, headers, data)


def test_a_row_is_json_with_its_version_in_a_header() -> None:
    message = kept(RowForm(NOTES), Note("diary", "Monday"))
    assert message.data == b'{"book":"diary","text":"Monday"}'
    assert message.headers == {VERSION: "1"}
    assert RowForm(NOTES).decoded(message) == Note("diary", "Monday")


def test_an_older_row_is_upgraded_when_it_is_read() -> None:
    def upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
        return {"book": fields["title"], "text": f"of version {version}"}

    table = Table("notes", row=Note, key=("book",), version=3, upgrade=upgrade)
    message = StreamMessage("subject", 1, 0.0, {VERSION: "2"}, b'{"title":"diary"}')
    assert RowForm(table).decoded(message) == Note("diary", "of version 2")
    assert RowForm(table).beside(message) is None


def test_a_newer_row_is_read_as_far_as_it_is_known() -> None:
    message = kept(RowForm(NOTES_OF_TOMORROW), NoteOfTomorrow("diary", "Monday", "red"))
    assert RowForm(NOTES).decoded(message) == Note("diary", "Monday")


def test_what_a_newer_release_added_survives_a_change_by_an_older_one() -> None:
    form, form_of_tomorrow = RowForm(NOTES), RowForm(NOTES_OF_TOMORROW)
    written = kept(form_of_tomorrow, NoteOfTomorrow("diary", "Monday", "red"))
    changed = kept(form, Note("diary", "Tuesday"), form.beside(written))
    assert form_of_tomorrow.decoded(changed) == NoteOfTomorrow("diary", "Tuesday", "red")
    assert changed.headers == {VERSION: "2"}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"book":5}', b"\xff", b'{"text":"x"}'])
def test_what_cannot_be_read_says_which_table_and_version(data: bytes) -> None:
    message = StreamMessage("subject", 1, 0.0, {VERSION: "7"}, data)
    with pytest.raises(RowUnreadable, match=r"table notes.*version 7, we know 1"):
        RowForm(NOTES).decoded(message)
    assert not RowForm(NOTES).beside(message) or data == b'{"book":5}'


def test_a_row_that_somebody_wrote_by_hand_has_the_first_version() -> None:
    message = StreamMessage("subject", 1, 0.0, {}, b'{"book":"diary"}')
    assert RowForm(NOTES).decoded(message) == Note("diary")
