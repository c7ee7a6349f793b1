"""What JetStream answers, turned into values and into errors a caller can act on."""

import base64
from collections.abc import Mapping
from typing import cast

import msgspec
import pytest

from aiex.engine.connection import EngineConnection
from aiex.engine.jetstream import INFO_TIMEOUTS_S, TIMEOUT_S, JetStream
from aiex.engine.jetstream_refusal import Repeated, StreamMissing, WrongSequence
from aiex.engine.session import Message, NoAnswer, NobodyAnswers, NotDone
from aiex.engine.stream import Kept, StreamMessage
from aiex.engine.stream_info import REPLICA_MAX, StreamInfo, StreamState
from aiex.errors import AiexError, Conflict, EngineRefused, EngineUnavailable


class ScriptedConnection:
    """Answers each request with the next of the script; remembers what was asked."""

    def __init__(self, *script: object) -> None:
        self._script = list(script)
        self.asked: list[str] = []
        self.sent: list[bytes] = []

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Message:
        self.asked.append(subject)
        self.sent.append(payload)
        answer = self._script.pop(0)
        if isinstance(answer, AiexError):
            raise answer
        return Message(subject, "", {}, msgspec.json.encode(answer))


def jetstream(connection: ScriptedConnection) -> JetStream:
    return JetStream(cast("EngineConnection", connection))


def fault(code: int, err_code: int, description: str = "the words of the server") -> object:
    return {"error": {"code": code, "err_code": err_code, "description": description}}


STREAM = {
    "created": "2026-11-23T18:03:08Z",
    "config": {"name": "KV_a"},
    "state": {"messages": 1, "first_seq": 1, "last_seq": 1},
}


@pytest.mark.parametrize(
    ("code", "err_code", "error", "words"),
    [
        (400, 10071, Conflict, "changed the value"),
        (400, 10164, Conflict, "changed the value"),
        (404, 10059, StreamMissing, "no such stream"),
        (503, 10008, EngineUnavailable, "the words of the server"),
        (400, 10025, EngineRefused, "the words of the server"),
        (500, 0, EngineRefused, "the words of the server"),
    ],
)
async def test_a_fault_becomes_the_error_that_says_what_to_do(
    code: int, err_code: int, error: type[AiexError], words: str
) -> None:
    with pytest.raises(error, match=words):
        await jetstream(ScriptedConnection(fault(code, err_code))).write("$KV.a.b", b"")


async def test_a_write_nobody_takes_says_that_the_stream_is_missing() -> None:
    with pytest.raises(StreamMissing, match=r"\$KV\.a\.b"):
        await jetstream(ScriptedConnection(NobodyAnswers())).write("$KV.a.b", b"")


async def test_a_call_nobody_takes_is_an_engine_that_is_not_there_yet() -> None:
    with pytest.raises(EngineUnavailable):
        await jetstream(ScriptedConnection(NobodyAnswers())).stream("KV_a")


async def test_a_write_gives_the_sequence_and_whether_it_was_there_before() -> None:
    answer = {"stream": "KV_a", "seq": 17, "duplicate": True}
    kept = await jetstream(ScriptedConnection(answer)).write("$KV.a.b", b"")
    assert kept == Kept(17, is_repeat=True)


async def test_a_subject_without_a_message_has_no_last_one() -> None:
    connection = ScriptedConnection(fault(404, 10037))
    assert await jetstream(connection).last_message("KV_a", "$KV.a.b") is None


async def test_the_last_message_comes_with_its_bytes_and_headers() -> None:
    block = b"NATS/1.0\r\nKV-Operation: DEL\r\nLink: http://x:1\r\n\r\n"
    answer = {
        "message": {
            "subject": "$KV.a.b",
            "seq": 4,
            "time": "2026-11-23T18:03:08.123456789Z",
            "data": base64.b64encode(b"\x00value").decode(),
            "hdrs": base64.b64encode(block).decode(),
        }
    }
    found = await jetstream(ScriptedConnection(answer)).last_message("KV_a", "$KV.a.b")
    headers = {"KV-Operation": "DEL", "Link": "http://x:1"}
    assert found == StreamMessage("$KV.a.b", 4, 1795456988.123456, headers, b"\x00value")


async def test_a_stream_that_is_there_is_not_made_again() -> None:
    connection = ScriptedConnection(STREAM)
    assert (await jetstream(connection).ensure_stream("KV_a", {})).state.last_seq == 1
    assert connection.asked == ["$JS.API.STREAM.INFO.KV_a"]


async def test_a_stream_that_has_no_leader_yet_is_asked_for_again() -> None:
    connection = ScriptedConnection(NoAnswer("silent"), NoAnswer("silent"), STREAM)
    assert (await jetstream(connection).stream("KV_a")).config == {"name": "KV_a"}


async def test_a_stream_that_stays_silent_is_given_up() -> None:
    connection = ScriptedConnection(*(NoAnswer("silent") for _ in INFO_TIMEOUTS_S))
    with pytest.raises(NoAnswer):
        await jetstream(connection).stream("KV_a")
    assert sum(INFO_TIMEOUTS_S) == TIMEOUT_S


async def test_the_leader_of_all_servers_says_which_streams_there_are() -> None:
    for streams, is_known in ((["KV_a", "KV_b"], True), (["KV_b"], False), (None, False)):
        connection = ScriptedConnection(
            {"total": 0, "offset": 0, "limit": 1024, "streams": streams}
        )
        assert await jetstream(connection).is_known("KV_a", "$KV.a.>") is is_known
        assert connection.asked == ["$JS.API.STREAM.NAMES"]


async def test_a_stream_that_is_missing_is_made() -> None:
    connection = ScriptedConnection(fault(404, 10059), STREAM)
    await jetstream(connection).ensure_stream("KV_a", {})
    assert connection.asked[-1] == "$JS.API.STREAM.CREATE.KV_a"


async def test_a_stream_that_another_node_made_meanwhile_is_taken() -> None:
    connection = ScriptedConnection(fault(404, 10059), fault(400, 10058), STREAM)
    assert (await jetstream(connection).ensure_stream("KV_a", {})).config == {"name": "KV_a"}


async def test_a_stream_that_cannot_be_made_tells_the_servers_words() -> None:
    no_room = fault(500, 10047, "insufficient storage resources available")
    connection = ScriptedConnection(fault(404, 10059), no_room, fault(404, 10059))
    with pytest.raises(EngineRefused, match="insufficient storage"):
        await jetstream(connection).ensure_stream("KV_a", {})


@pytest.mark.parametrize(
    ("servers", "metadata", "replicas"),
    [
        (1, {}, 1),
        (3, {}, 3),
        (5, {}, 3),
        (5, {REPLICA_MAX: "5"}, 5),
        (5, {REPLICA_MAX: "1"}, 1),
        (3, {REPLICA_MAX: "5"}, 3),
    ],
)
async def test_a_stream_is_kept_by_three_servers_unless_there_are_fewer_or_it_says_otherwise(
    servers: int, metadata: dict[str, str], replicas: int
) -> None:
    connection = ScriptedConnection(fault(404, 10059), STREAM)
    asked = JetStream(cast("EngineConnection", connection), server_count=lambda: servers)
    await asked.ensure_stream("T_a", {"metadata": metadata})
    assert msgspec.json.decode(connection.sent[-1])["num_replicas"] == replicas


@pytest.mark.parametrize("code", [10176, 10210])
async def test_a_batch_that_can_be_sent_again_was_not_done(code: int) -> None:
    with pytest.raises(NotDone, match="the words of the server"):
        await jetstream(ScriptedConnection(fault(400, code))).write("$KV.a.b", b"")


async def test_a_batch_whose_messages_were_there_before_says_so() -> None:
    with pytest.raises(Repeated):
        await jetstream(ScriptedConnection(fault(400, 10201))).write("$KV.a.b", b"")


@pytest.mark.parametrize(
    ("words", "newest"), [("wrong last sequence: 17", 17), ("wrong last sequence", 0)]
)
async def test_a_refused_expectation_tells_what_whoever_refused_it_has(
    words: str, newest: int
) -> None:
    with pytest.raises(WrongSequence) as refusal:
        await jetstream(ScriptedConnection(fault(400, 10071, words))).write("$KV.a.b", b"")
    assert refusal.value.newest == newest


def test_a_stream_is_known_by_the_move_that_brought_it_or_else_by_when_it_was_made() -> None:
    empty = StreamState(0, 1, 0)
    made = {"name": "T_notes_0", "metadata": {"aiex.replica_max": "3"}}
    brought = {"name": "T_notes_0", "metadata": {"aiex.move": "a1"}}
    assert StreamInfo("noon", made, empty).identity == "noon"
    assert StreamInfo("noon", {"name": "T_notes_0"}, empty).identity == "noon"
    told = {StreamInfo(created, brought, empty).identity for created in ("noon", "later")}
    assert told == {"a1"}
