"""Requests and providers' answers made up by a generator, sent over real sockets to a real node.

Whatever comes in, the node answers in the form of the API asked and never with a 500; a provider's
nonsense is the provider's failure. Afterwards nothing is left of it: no request, no place taken at
a target, no task, no memory. Each test is seeded and says how much it sent.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aiex.testing.http_server import Scripted, ScriptedServer, http_answer, http_stream
from aiex.testing.node_process import NodeProcess, wait_until
from aiex.testing.prometheus_text import MetricFamily, metric_families

pytestmark = pytest.mark.fault

SEED = 20261
PATIENCE_S = 20.0
GROWN_BYTES_MAX = 40 * 2**20
# Always the same examples, whatever failed before; smaller ones would take minutes on a real wire.
FUZZ = settings(
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What the page for status 500 says; a provider's own 500 is passed on as its error.
CRASHED = b"The server failed on this request"
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"

QUESTION = [{"role": "user", "content": "echo a b"}]
TOOL = {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":"y"}'}}
GOOD_REQUESTS: dict[str, list[dict[str, Any]]] = {
    CHAT: [
        {"model": "mock", "messages": QUESTION, "max_tokens": 9, "temperature": 0.5, "n": 1},
        {
            "model": "mock",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "see"}, IMAGE]},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "7"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "tools": [{"type": "function", "function": TOOL}],
            "tool_choice": "auto",
        },
    ],
    MESSAGES: [
        {"model": "mock", "max_tokens": 9, "messages": QUESTION, "system": "Be brief."},
        {
            "model": "mock",
            "max_tokens": 2000,
            "stream": True,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "see"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": "y"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "7"}],
                },
            ],
        },
    ],
    "/v1/messages/count_tokens": [{"model": "mock", "messages": QUESTION, "system": "x"}],
    RESPONSES: [
        {"model": "mock", "input": "echo a b", "max_output_tokens": 9, "metadata": {"a": "b"}},
        {
            "model": "mock",
            "stream": True,
            "store": False,
            "instructions": "Be brief.",
            "tools": [{"type": "function", **TOOL, "strict": True}],
            "tool_choice": {"type": "function", "name": "f"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}},
            "reasoning": {"effort": "low"},
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "see"},
                        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
                    ],
                },
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "7"},
            ],
        },
    ],
    "/v1/conversations": [
        {"metadata": {"a": "b"}, "items": [{"role": "user", "content": "hi"}]},
    ],
    "/v1/embeddings": [{"model": "mock", "input": ["a", "b"], "dimensions": 8}],
    "/v1/completions": [
        {"model": "mock", "prompt": "echo a", "max_tokens": 9, "stop": ["x"]},
        {"model": "mock", "prompt": ["echo a"], "stream": True},
    ],
}

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hi", "tool_calls": [CALL]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": "y"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 1},
}
CHUNKS: list[Any] = [
    {"id": "c1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **CALL}]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": None},
    {"choices": [], "usage": USAGE},
    "[DONE]",
]
EVENTS: list[Any] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"x":"y"}'},
    },
    {"type": "content_block_stop", "index": 1},
    {"type": "ping"},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]

# The types of the last events, where there is no mark.
ENDS = {
    "message_stop",
    "error",
    "response.completed",
    "response.incomplete",
    "response.failed",
}
# Numbers that nobody can hold are among them, as are texts that no header takes.
NUMBERS = st.sampled_from([-1, 0, 2**53 + 1, 2**63, -(2**64), 10**40, 1e308, -0.0, 1e-320])
SCALARS = st.none() | st.booleans() | NUMBERS | st.integers() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
)


class Heard(NamedTuple):
    status: int
    media_type: str
    body: bytes


class Wire:
    """One connection to the node after another, and what came over them."""

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._port = urlsplit(url).port or 0
        self._headers = headers or {}
        self._connection: HTTPConnection | None = None
        self.statuses: Counter[int] = Counter()

    def ask(self, method: str, path: str, body: bytes = b"") -> Heard:
        """Raises `AssertionError` when there is no answer, or one that says that we failed."""
        heard = self._asked(method, path, body) if self._connection is not None else None
        if heard is None:
            # A connection at rest may be closed at any time (the generator thinks for seconds on a
            # busy machine); a request that is never answered fails on a new one too.
            heard = self._asked(method, path, body)
        assert heard is not None, f"no answer to {method} {path} {body!r}"
        self.statuses[heard.status] += 1
        assert CRASHED not in heard.body, heard
        return heard

    def _asked(self, method: str, path: str, body: bytes) -> Heard | None:
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            return Heard(answer.status, answer.headers.get_content_type(), answer.read())
        except (ConnectionError, HTTPException):
            self._close()
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Rig(NamedTuple):
    node: NodeProcess
    provider: ScriptedServer

    def metrics(self) -> dict[str, MetricFamily]:
        with Wire(self.node.admin_url) as wire:
            return metric_families(wire.ask("GET", "/metrics").body)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with ScriptedServer(http_answer(b"{}")) as provider:
        # A breaker, or a wish to wait, would keep most examples away from the provider.
        there = {
            "base_url": f"{provider.url}/v1",
            "api_key": "sk-there",
            "breaker_failures_max": 0,
            "retries_max": 0,
            "retry_after_max_s": 0,
            "first_byte_timeout_s": 5,
        }
        kinds = ("openai", "anthropic", "gemini", "azure")
        providers = {"mock": {"kind": "mock"}, **{kind: {"kind": kind, **there} for kind in kinds}}
        prices = {"openai": {"input_usd_per_million": 1.5, "output_usd_per_million": 2}}
        models = {name: {"targets": [{"provider": name}]} for name in providers}
        arguments = [
            f"--set=providers={json.dumps(providers)}",
            f"--set=models={json.dumps(models)}",
            f"--set=prices={json.dumps(prices)}",
            "--set=api.auth=open",  # the keys that the admin API makes must not shut others out
        ]
        with NodeProcess(tmp_path_factory.mktemp("node"), arguments) as node:
            yield Rig(node.ready(), provider)
            crashed = [line for line in node.log() if line.get("outcome") == "crashed"]
            assert not crashed


@pytest.fixture
def nothing_is_left(rig: Rig) -> Iterator[None]:
    """Around a test: no request, place, body, task or memory is kept of what it sent."""

    def held() -> dict[str, float]:
        names = ("aiex_requests_in_flight", "aiex_streams_open", "aiex_request_body_bytes_held")
        page = rig.metrics()
        found = {name: page[name].value() for name in names}
        return found | {"places": sum(page["aiex_target_in_flight"].samples.values())}

    def memory() -> int:
        return int(rig.node.admin("/admin/v1/status")["memory"]["rss_bytes"])

    with Wire(rig.node.api_url) as wire:
        wire.ask("POST", CHAT, json.dumps(GOOD_REQUESTS[CHAT][0]).encode())
    tasks, bytes_before = rig.metrics()["aiex_tasks"].value(), memory()
    yield
    wait_until(lambda: not any(held().values()), PATIENCE_S, lambda: f"still held: {held()}")
    wait_until(
        lambda: rig.metrics()["aiex_tasks"].value() <= tasks + 2,
        PATIENCE_S,
        lambda: f"{rig.metrics()['aiex_tasks'].value()} tasks, {tasks} before",
    )
    assert memory() - bytes_before < GROWN_BYTES_MAX


@st.composite
def damaged(draw: st.DrawFn, good: Any) -> Any:
    """JSON like `good`, but for up to three places where something else stands, or nothing."""
    whole = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(0, 3))):
        holder, place = draw(st.sampled_from(list(_places(whole))))
        deed = draw(st.sampled_from(("replace", "remove", "repeat")))
        if deed == "replace":
            holder[place] = draw(JSON)
        elif deed == "remove":
            del holder[place]
        elif isinstance(holder, list):
            holder.append(holder[place])
        else:
            holder[draw(st.text(max_size=8))] = holder[place]
        if not list(_places(whole)):
            break
    return whole


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys = range(len(node)) if isinstance(node, list) else list(node)
    for key in keys:
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


@st.composite
def scratched(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with a cut, a stretch of noise, or neither."""
    match draw(st.sampled_from(("whole", "whole", "cut", "noise"))):
        case "cut":
            return whole[: draw(st.integers(0, len(whole)))]
        case "noise":
            at = draw(st.integers(0, len(whole)))
            return whole[:at] + draw(st.binary(max_size=30)) + whole[at:]
    return whole


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    path = draw(st.sampled_from(sorted(GOOD_REQUESTS)))
    good = draw(st.sampled_from(GOOD_REQUESTS[path]))
    body = draw(damaged(good) | JSON if draw(st.integers(0, 9)) == 0 else damaged(good))
    return path, draw(
        scratched(
            json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
        )
    )


@st.composite
def answers(draw: st.DrawFn) -> Scripted:
    """What a provider may send: whole or as a stream, in either form, right or damaged."""
    if draw(st.booleans()):
        good = draw(st.sampled_from([COMPLETION, MESSAGE]))
        body = draw(scratched(json.dumps(draw(damaged(good))).encode()))
        status = draw(st.sampled_from([200, 200, 200, 204, 302, 400, 401, 429, 500, 503, 529, 999]))
        return draw(scratched_answer(http_answer(body, status)))
    events = [draw(damaged(one)) if isinstance(one, dict) else one for one in draw(streams())]
    parts = [b"data: " + _text(event) + b"\n\n" for event in events]
    body = draw(scratched(b"".join(parts)))
    cut = draw(st.integers(0, len(body)))
    return http_stream(body[:cut], body[cut:])


@st.composite
def scratched_answer(draw: st.DrawFn, answer: bytes) -> bytes:
    """Also in its head, now and then."""
    extra = draw(
        st.sampled_from(
            [
                b"",
                b"",
                b"Retry-After: \xff\r\n",
                b"Retry-After: -5\r\n",
                b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n",
                b"Content-Type: \xfe\xff\r\n",
                b"Content-Encoding: gzip\r\n",
                b"Transfer-Encoding: chunked\r\n",
                b"Content-Length: 3\r\n",
                b"X: " + b"y" * 20_000 + b"\r\n",
                b"".join(b"X-%d: y\r\n" % number for number in range(150)),
            ]
        )
    )
    head, _, rest = answer.partition(b"\r\n")
    whole = head + b"\r\n" + extra + rest
    return draw(scratched(whole)) if draw(st.integers(0, 5)) == 0 else whole


@st.composite
def streams(draw: st.DrawFn) -> list[Any]:
    """Events in their order, or some left out or said twice."""
    events = draw(st.sampled_from([CHUNKS, EVENTS]))
    picked = [one for one in events for _ in range(draw(st.sampled_from([1, 1, 1, 0, 2])))]
    return picked if draw(st.booleans()) else list(events)


def _text(event: Any) -> bytes:
    return event.encode() if isinstance(event, str) else json.dumps(event).encode()


def check_form(path: str, heard: Heard) -> None:
    """An answer is JSON or a stream that ends; an error has the form of the API asked."""
    if heard.media_type == "text/event-stream":
        assert heard.status == 200
        assert _has_end(path, heard.body), heard
        return
    assert heard.media_type == "application/json"
    content = json.loads(heard.body)
    if heard.status >= 400:
        assert isinstance(content, dict), heard
        if path.startswith(MESSAGES):
            assert content["type"] == "error", heard


def _has_end(path: str, stream: bytes) -> bool:
    last = stream.rstrip().rpartition(b"\n\n")[2].rpartition(b"data:")[2].strip()
    if last == b"[DONE]":
        return True
    with suppress(ValueError):
        content = json.loads(last)
        return "error" in content or content.get("type") in ENDS
    return False


@pytest.mark.usefixtures("nothing_is_left")
def test_no_request_makes_the_node_fail(rig: Rig) -> None:
    wire = Wire(rig.node.api_url)

    @seed(SEED)
    @settings(FUZZ, max_examples=1500)
    @given(requests())
    def ask(request: tuple[str, bytes]) -> None:
        path, body = request
        heard = wire.ask("POST", path, body)
        assert heard.status < 500, heard
        check_form(path, heard)

    with wire:
        ask()
    print(f"seed {SEED}: {wire.statuses.total()} requests, {dict(wire.statuses)}")
    assert wire.statuses[200] > 100
    assert wire.statuses[400] > 100


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini", "azure"])
def test_no_answer_of_a_provider_makes_the_node_fail(rig: Rig, kind: str) -> None:
    wire = Wire(rig.node.api_url)

    @seed(SEED)
    @settings(FUZZ, max_examples=400)
    @given(answers(), st.sampled_from([CHAT, MESSAGES, RESPONSES]), st.booleans())
    def ask(answer: Scripted, path: str, is_stream: bool) -> None:
        rig.provider.answer_from_now_on(answer)
        body = {"model": kind, "stream": is_stream}
        asked = {"input": QUESTION} if path == RESPONSES else {"messages": QUESTION}
        body |= asked if path == RESPONSES else {"max_tokens": 9, **asked}
        check_form(path, wire.ask("POST", path, json.dumps(body).encode()))

    with wire:
        ask()
    print(f"seed {SEED}, {kind}: {wire.statuses.total()} answers, {dict(wire.statuses)}")
    assert wire.statuses[200] > 20
    assert wire.statuses[502] > 20


KEPT = [
    "/v1/responses/{response}",
    "/v1/responses/{response}/cancel",
    "/v1/responses/{response}/input_items",
    "/v1/conversations/{conversation}",
    "/v1/conversations/{conversation}/items",
    "/v1/conversations/{conversation}/items/{item}",
]
KEPT_BODIES = st.sampled_from([{"metadata": {"a": "b"}}, {"items": QUESTION}]).flatmap(damaged)


@st.composite
def looks(draw: st.DrawFn) -> tuple[str, str, dict[str, str], bytes]:
    """A method, a path with places for ids, ids in place of the right ones, and a body."""
    path = draw(st.sampled_from(KEPT))
    fields = st.sampled_from(["limit", "order", "after", "include", "stream", "x"])
    values = st.text(max_size=8) | st.sampled_from(["1", "100", "asc", "desc", "true"])
    query = draw(st.dictionaries(fields, values, max_size=3))
    asked = "&".join(f"{name}={quote(text)}" for name, text in query.items())
    wrong = {
        name: draw(st.text(min_size=1, max_size=12))
        for name in ("response", "conversation", "item")
        if draw(st.integers(0, 3)) == 0
    }
    body = draw(scratched(json.dumps(draw(KEPT_BODIES | JSON)).encode()))
    method = draw(st.sampled_from(["GET", "GET", "POST", "DELETE", "PUT"]))
    return method, f"{path}?{asked}" if asked else path, wrong, body


@pytest.mark.usefixtures("nothing_is_left")
def test_no_look_at_what_is_kept_makes_the_node_fail(rig: Rig) -> None:
    wire = Wire(rig.node.api_url)

    def made(path: str, body: dict[str, Any]) -> Any:
        heard = wire.ask("POST", path, json.dumps(body).encode())
        assert heard.status == 200, heard
        return json.loads(heard.body)

    @seed(SEED)
    @settings(FUZZ, max_examples=400)
    @given(looks())
    def ask(look: tuple[str, str, dict[str, str], bytes]) -> None:
        method, path, wrong, body = look
        conversation = made("/v1/conversations", {})["id"]
        request = {"model": "mock", "input": "echo a", "conversation": conversation}
        response = made(RESPONSES, request)
        ids = {
            "conversation": conversation,
            "response": response["id"],
            "item": response["output"][0]["id"],
        } | {name: quote(text, safe="") for name, text in wrong.items()}
        path, mark, query = path.partition("?")
        heard = wire.ask(method, f"{path.format(**ids)}{mark}{query}", body)
        assert heard.status in (200, 400, 404, 405), heard
        assert isinstance(json.loads(heard.body), dict)

    with wire:
        ask()
    print(f"seed {SEED}: {wire.statuses.total()} requests, {dict(wire.statuses)}")
    assert min(wire.statuses[status] for status in (400, 404, 405)) > 10


# What stops the node, or has it form a cluster, ends the test: other tests ask for it.
ENDS_THE_NODE = {"drain", "cluster_join"}


# By the schema's type; one without any allows everything.
PLAIN = {
    "": JSON,
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "null": st.none(),
}


def fitting(schema: dict[str, Any], shapes: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema of the admin API's requests allows, of the parts of JSON Schema they use."""
    if "$ref" in schema:
        return fitting(shapes[schema["$ref"].rpartition("/")[2]], shapes)
    if "anyOf" in schema:
        return st.one_of([fitting(one, shapes) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    plain = PLAIN.get(schema.get("type", ""))
    if plain is not None:
        return plain
    match schema["type"]:
        case "object" if "properties" not in schema:
            values = fitting(schema.get("additionalProperties") or {}, shapes)
            return st.dictionaries(st.text(max_size=10), values, max_size=3)
        case "object":
            fields = {name: fitting(one, shapes) for name, one in schema["properties"].items()}
            needed = {name: fields.pop(name) for name in schema.get("required", ())}
            return st.fixed_dictionaries(needed, optional=fields)
        case "array":
            items = fitting(schema.get("items", {}), shapes)
            return st.lists(items, min_size=schema.get("minItems", 0), max_size=5)
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "string":
            return fitting_text(schema)
    raise AssertionError(f"a kind of schema that is new here: {schema}")


def fitting_text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" not in schema:
        return st.text(max_size=30)
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", 99)
    texts = st.from_regex(schema["pattern"], fullmatch=True)
    return texts.filter(lambda text: shortest <= len(text) <= longest)


@pytest.mark.usefixtures("nothing_is_left")
def test_the_admin_api_keeps_to_its_own_document(rig: Rig) -> None:
    token = {"authorization": f"Bearer {rig.node.admin_token}"}
    wire = Wire(rig.node.admin_url, token)
    with wire:
        document = json.loads(wire.ask("GET", "/openapi.json").body)
        made = wire.ask("POST", "/admin/v1/keys", b'{"name": "one"}')
    key_ids = st.just(json.loads(made.body)["id"]) | st.text(min_size=1, max_size=20)
    components = document["components"]
    operations = [
        (method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if described["operationId"] not in ENDS_THE_NODE
    ]
    # Half of them change something, as few of the operations do.
    changes = [one for one in operations if one[0] != "GET"]

    @st.composite
    def calls(draw: st.DrawFn) -> tuple[str, str, bytes, dict[str, Any]]:
        method, path, described = draw(st.sampled_from(operations) | st.sampled_from(changes))
        query = draw(st.dictionaries(st.sampled_from(["since", "key", "model", "x"]), st.text()))
        for parameter in ("{key_id}", "{name}"):
            path = path.replace(parameter, quote(draw(key_ids), safe=""))
        if path.startswith("/admin/v1/performance/"):  # some look for as long as they are told
            query["deadline_s"] = "0.3"
        asked = "&".join(f"{name}={quote(text)}" for name, text in query.items())
        body = b""
        if "requestBody" in described:
            reference = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            shape = components["schemas"][reference.rpartition("/")[2]]
            content = (
                draw(fitting(shape, components["schemas"]))
                if draw(st.integers(0, 3))
                else draw(JSON)
            )
            body = draw(scratched(json.dumps(content).encode()))
        return method, f"{path}?{asked}" if asked else path, body, described

    @seed(SEED)
    @settings(FUZZ, max_examples=400)
    @given(calls())
    def ask(call: tuple[str, str, bytes, dict[str, Any]]) -> None:
        method, path, body, described = call
        heard = wire.ask(method, path, body)
        documented = described["responses"].get(str(heard.status))
        if documented is None:
            assert heard.status in (400, 404, 405, 409, 502, 503, 504), heard
            assert json.loads(heard.body)["error"]["message"]
        elif media := documented["content"].get("application/json"):
            schema = {**media["schema"], "components": components}
            Draft202012Validator(schema).validate(json.loads(heard.body))

    with wire:
        ask()
    print(f"seed {SEED}: {wire.statuses.total()} calls, {dict(wire.statuses)}")
    assert wire.statuses[200] > 50
    assert wire.statuses[400] > 10


def test_the_admin_api_takes_no_body_that_only_wants_to_harm(rig: Rig) -> None:
    deep = b'{"name":"n","x":' + b"[" * 40_000 + b"]" * 40_000 + b"}"
    with Wire(rig.node.admin_url, {"authorization": f"Bearer {rig.node.admin_token}"}) as wire:
        assert wire.ask("POST", "/admin/v1/keys", deep).status == 400
        assert wire.ask("POST", "/admin/v1/keys", b" " * 3_000_000 + b"{}").status == 413
