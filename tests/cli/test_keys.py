"""`aiex keys`: made for scripts and people, listed, revoked by the beginning of an id."""

import json
from pathlib import Path

import msgspec
import pytest

from aiex.cli.answers.keys import Key
from aiex.cli.keys import KeyNotFound, key_by_prefix
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

LAPTOP = Key("3f9a01", "laptop", "2026-11-24T03:04:05.678+00:00", "admin")
PHONE = Key("3f0b02", "phone", "2026-11-23T01:02:03.000+00:00", "admin", "2026-11-24T00:00:00Z")
MADE = {"id": "3f9a01", "name": "laptop", "key": "sk-aiex-new", "created_at": "", "more": 1}


def listed(*keys: Key) -> bytes:
    return http_answer(msgspec.json.encode({"keys": keys}))


def made() -> bytes:
    return http_answer(json.dumps(MADE).encode(), 201)


def test_a_new_key_alone_goes_to_standard_output(tmp_path: Path) -> None:
    with ScriptedServer(made()) as server:
        said = run_aiex(tmp_path, "keys", "create", "laptop", "--admin-url", server.url)
    assert (said.exit_code, said.stdout) == (0, "sk-aiex-new\n")
    assert "'laptop' (id 3f9a01). It is shown only now" in said.stderr
    assert (server.asked[0].method, server.asked[0].path) == ("POST", "/admin/v1/keys")
    assert json.loads(server.asked[0].body) == {"name": "laptop"}


def test_for_programs_a_new_key_has_all_that_the_node_says(tmp_path: Path) -> None:
    with ScriptedServer(made()) as server:
        said = run_aiex(tmp_path, "keys", "create", "x", "-o", "json", "--admin-url", server.url)
    assert json.loads(said.stdout) == MADE
    assert said.stderr == ""


def test_a_name_that_the_node_refuses_is_told(tmp_path: Path) -> None:
    refused = http_answer(b'{"error": {"message": "A key has a name."}}', 400)
    with ScriptedServer(refused) as server:
        said = run_aiex(tmp_path, "keys", "create", "", "--admin-url", server.url)
    assert said.exit_code == 1
    assert "refused: A key has a name." in said.stderr


def test_models_that_name_none_are_wrong_usage(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        said = run_aiex(
            *(tmp_path, "keys", "create", "ci", "--models", " , ", "--admin-url", server.url)
        )
    assert said.exit_code == 2
    assert "--models names none; 'none' lifts the limit" in said.stderr


def test_keys_are_listed_with_their_state(tmp_path: Path) -> None:
    with ScriptedServer(listed(LAPTOP, PHONE)) as server:
        said = run_aiex(tmp_path, "keys", "list", "--admin-url", server.url)
    assert said.stdout.splitlines() == [
        "ID       NAME     CREATED            BY      STATE                      LIMITS",
        "3f9a01   laptop   2026-11-24 03:04   admin   active                     none",
        "3f0b02   phone    2026-11-23 01:02   admin   revoked 2026-11-24 00:00   none",
    ]


def test_without_keys_it_says_how_to_make_one(tmp_path: Path) -> None:
    with ScriptedServer(listed()) as server:
        said = run_aiex(tmp_path, "keys", "list", "--admin-url", server.url)
        as_json = run_aiex(tmp_path, "keys", "list", "-o", "json", "--admin-url", server.url)
    assert said.stdout == "There are no API keys. Make one with `aiex keys create NAME`.\n"
    assert json.loads(as_json.stdout) == {"keys": []}


def test_the_beginning_of_an_id_is_enough_to_revoke_a_key(tmp_path: Path) -> None:
    with ScriptedServer(listed(LAPTOP, PHONE), http_answer(b"{}")) as server:
        said = run_aiex(tmp_path, "keys", "revoke", "3f9", "--admin-url", server.url)
    assert said.stdout == "The key 'laptop' (id 3f9a01) is revoked.\n"
    assert [(one.method, one.path) for one in server.asked] == [
        ("GET", "/admin/v1/keys"),
        ("DELETE", "/admin/v1/keys/3f9a01"),
    ]


@pytest.mark.parametrize("prefix", ["3f", "ff", "laptop"])
def test_when_it_is_not_clear_which_key_none_is_revoked(prefix: str, tmp_path: Path) -> None:
    with ScriptedServer(listed(LAPTOP, PHONE)) as server:
        said = run_aiex(tmp_path, "keys", "revoke", prefix, "--admin-url", server.url)
    assert said.exit_code == 1
    assert [one.method for one in server.asked] == ["GET"]


def test_a_whole_id_is_meant_even_if_another_begins_with_it() -> None:
    longer = Key("3f9a0177")
    assert key_by_prefix([longer, LAPTOP], "3f9a01") is LAPTOP


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("3f", r"Several keys begin with '3f': 3f9a01 \(laptop\), 3f0b02 \(phone\)\. Give more"),
        ("phone", "'phone' is a key's name, .*: give the id"),
        ("zz", "No key has an id that begins with 'zz'. `aiex keys list` shows them"),
        ("", "No key has an id that begins with ''"),
    ],
)
def test_an_id_that_is_no_keys_is_answered_with_what_helps(prefix: str, sentence: str) -> None:
    with pytest.raises(KeyNotFound, match=sentence):
        key_by_prefix([LAPTOP, PHONE], prefix)
