"""Keys: made, kept as a digest, recognised, revoked."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.keys import PREFIX, KeyCheck, key_in, new_key

AT = "2026-01-01T00:00:00.000+00:00"


def test_a_new_key_is_recognised_by_its_record() -> None:
    key, record = new_key("ci", at=AT, by="admin")
    assert KeyCheck({record.id: record}, None).key_id(key) == record.id


def test_the_record_holds_nothing_of_the_secret() -> None:
    key, record = new_key("ci", at=AT, by="admin")
    secret = key.removeprefix(f"{PREFIX}{record.id}-")
    assert len(secret) >= 43
    assert secret not in repr(record)


def test_a_revoked_key_is_a_stranger() -> None:
    key, record = new_key("ci", at=AT, by="admin")
    assert KeyCheck({record.id: record.revoked(AT)}, None).key_id(key) == ""


def test_the_right_id_with_another_secret_is_a_stranger() -> None:
    key, record = new_key("ci", at=AT, by="admin")
    check = KeyCheck({record.id: record}, None)
    assert check.key_id(key[:-1] + ("A" if key[-1] != "A" else "B")) == ""
    assert check.key_id(f"{PREFIX}{record.id}-") == ""


def test_the_key_from_the_settings_works_beside_the_others() -> None:
    key, record = new_key("ci", at=AT, by="admin")
    check = KeyCheck({record.id: record}, "from-a-file")
    assert check.key_id("from-a-file") == "setting"
    assert check.key_id(key) == record.id
    assert check.key_id("from-another-file") == ""


@given(st.text())
def test_no_text_opens_a_ring_without_it(text: str) -> None:
    _, record = new_key("ci", at=AT, by="admin")
    assert KeyCheck({record.id: record}, None).key_id(text) == ""
    assert KeyCheck({}, None).key_id(text) == ""


def test_a_key_comes_as_openais_or_as_anthropics_clients_send_it() -> None:
    assert key_in("Bearer k", None) == "k"
    assert key_in("bearer k", None) == "k"
    assert key_in(None, "k") == "k"
    assert key_in("Basic eA==", None) == ""
    assert key_in(None, None) == ""
