"""Calls to a node's admin API: what comes back, and what each failure says to do next."""

import json
import socket

import pytest

from aiex.cli.admin_client import (
    ANSWER_BYTES_MAX,
    AdminClient,
    AdminRefused,
    AdminUnreachable,
    decoded,
    error_message,
)
from aiex.cli.answers.keys import KeyList
from aiex.cli.answers.node import Status
from aiex.cli.node_lookup import AdminAccess
from aiex.testing.http_server import Scripted, ScriptedServer, http_answer


def refusal(message: str) -> bytes:
    return json.dumps({"error": {"message": message}}).encode()


def sentence(
    answer: Scripted, *, token: str = "", source: str = "", timeout_s: float = 10.0
) -> str:
    """What a GET that fails says."""
    with ScriptedServer(answer) as server:
        client = AdminClient(AdminAccess(server.url, token, source), timeout_s=timeout_s)
        with pytest.raises((AdminRefused, AdminUnreachable)) as caught:
            client.get("/x")
    return str(caught.value).replace(server.url, "URL")


def test_a_call_brings_the_token_and_gives_the_answer() -> None:
    with ScriptedServer(http_answer(b'{"a": 1}')) as server:
        assert AdminClient(AdminAccess(server.url, "secret")).get("/admin/v1/status") == b'{"a": 1}'
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/admin/v1/status")
    assert asked.headers["authorization"] == "Bearer secret"


def test_without_a_token_no_authorization_is_sent() -> None:
    with ScriptedServer(http_answer(b"{}")) as server:
        AdminClient(AdminAccess(server.url)).get("/x")
    assert "authorization" not in server.asked[0].headers


def test_what_is_posted_goes_as_json() -> None:
    with ScriptedServer(http_answer(b"{}", 201)) as server:
        assert AdminClient(AdminAccess(server.url)).post("/keys", {"name": "é"}) == b"{}"
    (asked,) = server.asked
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert json.loads(asked.body) == {"name": "é"}


def test_an_answer_that_nobody_may_send_is_refused_with_what_to_do() -> None:
    said = sentence(http_answer(b'"' + b"x" * ANSWER_BYTES_MAX))
    assert said == "The answer of URL is larger than 16 MiB. Ask for less, or fewer nodes at once."


def test_a_deletion_has_no_body() -> None:
    with ScriptedServer(http_answer(b"{}")) as server:
        AdminClient(AdminAccess(server.url)).delete("/keys/1")
    assert (server.asked[0].method, server.asked[0].body) == ("DELETE", b"")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_path_in_the_address_comes_before_the_calls(slash: str) -> None:
    with ScriptedServer(http_answer(b"{}")) as server:
        AdminClient(AdminAccess(f"{server.url}/node-3{slash}")).get("/x")
    assert server.asked[0].path == "/node-3/x"


def test_401_without_a_token_says_where_it_is() -> None:
    text = sentence(http_answer(refusal("who are you?"), 401))
    assert "needs its admin token. It is in admin.token in the node's data directory" in text
    assert "AIEX_ADMIN__TOKEN_FILE" in text


def test_401_with_a_token_says_which_one_was_wrong() -> None:
    text = sentence(http_answer(b"", 401), token="wrong", source="/data/admin.token")
    assert "does not accept the admin token from /data/admin.token" in text
    assert "wrong" not in text


def test_a_refusal_is_told_in_the_nodes_own_words() -> None:
    text = sentence(http_answer(refusal("There is no key 'x'."), 404))
    assert text == "The node at URL refused: There is no key 'x'."


def test_who_is_told_that_it_cannot_be_done_now_is_told_where_to_look() -> None:
    answer = http_answer(refusal("The stream T_keys_0 has no leader now."), 503)
    assert sentence(answer).endswith("no leader now. `aiex cluster explain` says what is wrong.")
    named = "Wait, then `aiex keys list`."
    assert sentence(http_answer(refusal(named), 503)).endswith(f"refused: {named}")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "x"}', b"\xff"])
def test_a_refusal_without_a_reason_tells_the_status(body: bytes) -> None:
    assert "it answered HTTP 502" in sentence(http_answer(body, 502))


def test_a_redirect_is_not_followed_with_the_token() -> None:
    moved = b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert "it answered HTTP 302" in sentence(moved)


def test_the_status_of_a_refusal_can_be_told_from_others() -> None:
    with ScriptedServer(http_answer(b"", 409)) as server, pytest.raises(AdminRefused) as caught:
        AdminClient(AdminAccess(server.url)).get("/x")
    assert caught.value.status == 409


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_something_else_that_listens_there_is_not_taken_for_a_node(garbage: bytes) -> None:
    assert sentence(garbage) == "What answers at URL is not a node's admin API. Check --admin-url."


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"name": "\xff"}'])
def test_an_answer_that_is_no_json_is_not_taken_for_one(body: bytes) -> None:
    assert "The node's answer is not understood" in sentence(http_answer(body))


def test_an_answer_cut_off_is_not_taken_for_whole() -> None:
    cut = b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\n{}"
    assert "closed the connection before it had answered" in sentence(cut)


def test_a_connection_closed_without_a_word_is_told() -> None:
    said = sentence(b"")
    assert said.startswith("The node at URL closed the connection before it had answered")
    assert "`aiex status` tells whether it is back" in said


def test_nobody_there_says_how_to_start_a_node() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(AdminUnreachable) as caught:
        AdminClient(AdminAccess(url)).get("/x")
    assert str(caught.value) == (
        f"No node answers at {url}. Start one with `aiex up`, or name another with --admin-url."
    )


def test_a_silent_node_is_given_up_after_the_timeout() -> None:
    text = sentence(None, timeout_s=0.1)
    assert "URL does not answer within 0.1 s. It may be stopped or overloaded" in text


@pytest.mark.parametrize("url", ["127.0.0.1:8081", "ftp://x", "http://", "http://x:port", "x", ""])
def test_what_is_no_address_is_answered_with_one(url: str) -> None:
    with pytest.raises(AdminUnreachable, match=r"it looks like http://127\.0\.0\.1:8081\."):
        AdminClient(AdminAccess(url)).get("/x")


@pytest.mark.parametrize("token", ["two\nlines", "“quoted”", "trailing\r"])
def test_a_token_that_cannot_be_sent_is_named_not_shown(token: str) -> None:
    text = sentence(http_answer(b"{}"), token=token, source="AIEX_ADMIN__TOKEN")
    assert "The admin token from AIEX_ADMIN__TOKEN has characters" in text
    assert token not in text


def test_an_answer_of_a_newer_node_is_understood_as_far_as_known() -> None:
    status = decoded(b'{"node": {"name": "n", "mood": "good"}, "weather": []}', Status)
    assert status.node.name == "n"
    assert status.api.auth == "open"


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"keys": [{"id": "\xff"}]}'])
def test_an_answer_of_another_shape_says_to_compare_versions(answer: bytes) -> None:
    with pytest.raises(AdminRefused, match="compare `aiex version` on both"):
        decoded(answer, KeyList)


def test_the_sentence_of_an_error_is_found() -> None:
    assert error_message(refusal("why")) == "why"
    assert error_message(b'{"error": {"message": 7}}') == ""
