"""`aiex chat` in a pipe: what is asked, where, and how it ends; the conversation is chat_loop's."""

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from aiex.cli.chat import DEFAULT_URL, INPUT_BYTES_MAX, api_url, read_piped
from aiex.cli.node_lookup import NodeNotFound
from aiex.errors import AiexError
from aiex.node.data_directory import DataDirectory
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer, http_stream

MODELS = http_answer(b'{"data": [{"id": "first"}, {"id": "second"}]}')
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n'
DONE = b"data: [DONE]\n\n"


def event(content: str) -> bytes:
    return b'data: {"choices": [{"delta": {"content": %s}}]}\n\n' % json.dumps(content).encode()


def answer(*contents: str) -> list[bytes]:
    return http_stream(*map(event, contents), USAGE, DONE)


def test_a_prompt_is_answered_on_standard_output(tmp_path: Path) -> None:
    with ScriptedServer(MODELS, answer("co", "ld")) as server:
        said = run_aiex(tmp_path, "chat", "hot?", "--url", server.url)
    assert (said.exit_code, said.stdout, said.stderr) == (0, "cold\n", "")
    asked = json.loads(server.asked[1].body)
    assert asked["model"] == "first"
    assert asked["messages"] == [{"role": "user", "content": "hot?"}]


def test_what_is_piped_in_comes_below_the_prompt(tmp_path: Path) -> None:
    with ScriptedServer(answer("ok")) as server:
        run_aiex(tmp_path, "chat", "explain", "-m", "m", "--url", server.url, piped=b"l\xf6g\n\n")
        run_aiex(tmp_path, "chat", "-m", "m", "--url", server.url, piped="only this")
    contents = [json.loads(one.body)["messages"][0]["content"] for one in server.asked]
    assert contents == ["explain\n\nl�g", "only this"]


def test_options_and_the_key_go_along(tmp_path: Path) -> None:
    with ScriptedServer(answer("ok")) as server:
        run_aiex(
            tmp_path,
            *["chat", "x", "-m", "m", "-s", "be brief", "--temperature=0", "--max-tokens=5"],
            AIEX_URL=f"{server.url}/v1",
            AIEX_API_KEY="sk",
        )
    (asked,) = server.asked
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk")
    body = json.loads(asked.body)
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0, 5)
    assert body["messages"][0] == {"role": "system", "content": "be brief"}


def test_the_key_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-of-a-file\n")
    arguments = ["chat", "x", "-m", "m"]
    with ScriptedServer(answer("ok")) as server:
        run_aiex(tmp_path, *arguments, AIEX_URL=server.url, AIEX_API_KEY_FILE=str(tmp_path / "key"))
    assert server.asked[0].headers["authorization"] == "Bearer sk-of-a-file"
    said = run_aiex(tmp_path, *arguments, AIEX_API_KEY_FILE=str(tmp_path / "none"))
    assert said.exit_code == 1
    assert "(AIEX_API_KEY_FILE) cannot be read: No such file or directory." in said.stderr


@pytest.mark.parametrize("output", ["text", "json"])
def test_an_answer_that_is_not_the_one_expected_is_status_1(output: str, tmp_path: Path) -> None:
    arguments = ["chat", "hot?", "-m", "m", "-o", output, "--expect", "cold"]
    with ScriptedServer(answer("very co", "ld"), answer("co", "zy")) as server:
        right = run_aiex(tmp_path, *arguments, AIEX_URL=server.url)
        wrong = run_aiex(tmp_path, *arguments, AIEX_URL=server.url)
    assert (right.exit_code, right.stderr) == (0, "")
    assert (wrong.exit_code, wrong.stderr) == (1, "Error: The answer of m has no 'cold' in it.\n")
    assert "cozy" in wrong.stdout


def test_bytes_that_are_no_text_are_no_crash(tmp_path: Path) -> None:
    with ScriptedServer(answer("ok")) as server:
        said = run_aiex(tmp_path, "chat", "caf\udce9", "-m", "m", "--url", server.url)
    assert said.exit_code == 0
    assert json.loads(server.asked[0].body)["messages"][0]["content"] == "caf?"


def test_for_programs_the_answer_is_one_document(tmp_path: Path) -> None:
    with ScriptedServer(answer("co", "ld")) as server:
        said = run_aiex(tmp_path, "chat", "x", "-m", "m", "-o", "json", "--url", server.url)
    told = json.loads(said.stdout)
    assert (told["model"], told["text"]) == ("m", "cold")
    assert told["usage"] == {"prompt_tokens": 3, "completion_tokens": 4}


def test_into_a_pipe_the_answer_goes_as_it_is(tmp_path: Path) -> None:
    with ScriptedServer(answer("\x1b[31mred\n")) as server:
        said = run_aiex(tmp_path, "chat", "x", "-m", "m", "--url", server.url)
    assert said.stdout_bytes == b"\x1b[31mred\n"


def test_an_answer_that_breaks_off_ends_with_1_after_what_came(tmp_path: Path) -> None:
    with ScriptedServer(http_stream(event("half an"))) as server:
        said = run_aiex(tmp_path, "chat", "x", "-m", "m", "--url", server.url)
    assert (said.exit_code, said.stdout) == (1, "half an\n")
    assert said.stderr.startswith("Error: The answer broke off: ")


def test_no_answer_leaves_nothing_behind_in_a_file_it_goes_to(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(b"{}", 500)) as server:
        said = run_aiex(tmp_path, "chat", "x", "-m", "m", "--url", server.url)
    assert (said.exit_code, said.stdout) == (1, "")


def test_a_server_without_models_says_what_to_do(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(b'{"data": []}')) as server:
        said = run_aiex(tmp_path, "chat", "x", "--url", server.url)
    assert said.exit_code == 1
    assert "has no models. Add one to the node's settings." in said.stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "Nothing was piped in and there is no PROMPT."),
        (["x", "--temperature=-1"], "--temperature"),
        (["x", "--max-tokens=0"], "--max-tokens"),
        (["one", "two"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str], hint: str, tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "chat", *arguments)
    assert said.exit_code == 2
    assert hint in said.stderr


def test_more_than_a_request_can_carry_is_refused() -> None:
    assert read_piped(io.BytesIO(b"x" * INPUT_BYTES_MAX)) == "x" * INPUT_BYTES_MAX
    with pytest.raises(AiexError, match="More than 16 MiB were piped in"):
        read_piped(io.BytesIO(b"x" * (INPUT_BYTES_MAX + 1)))


def test_the_api_is_the_one_named_else_the_environments_else_the_nodes(tmp_path: Path) -> None:
    here = {"XDG_DATA_HOME": str(tmp_path)}
    assert api_url("", here) == DEFAULT_URL
    with closing(DataDirectory(tmp_path / "aiex" / "n")) as directory:
        directory.open()
        directory.announce_node(name="n", version="", api_url="http://node", admin_url="")
        assert api_url("", here) == "http://node"
        assert api_url("", {**here, "AIEX_URL": "http://variable"}) == "http://variable"
        assert api_url("http://flag", {**here, "AIEX_URL": "http://variable"}) == "http://flag"


def test_of_several_nodes_one_must_be_chosen_by_its_address(tmp_path: Path) -> None:
    with (
        closing(DataDirectory(tmp_path / "aiex" / "a")) as a,
        closing(DataDirectory(tmp_path / "aiex" / "b")) as b,
    ):
        for directory in (a, b):
            directory.open()
            name = directory.path.name
            directory.announce_node(name=name, version="", api_url="http://x", admin_url="")
        with pytest.raises(NodeNotFound, match=r"a, b\. Choose one with --url URL"):
            api_url("", {"XDG_DATA_HOME": str(tmp_path)})


def test_of_nodes_of_one_cluster_the_port_they_share_is_meant(tmp_path: Path) -> None:
    with (
        closing(DataDirectory(tmp_path / "aiex" / "a")) as a,
        closing(DataDirectory(tmp_path / "aiex" / "b")) as b,
    ):
        for directory in (a, b):
            directory.open()
            name = directory.path.name
            directory.announce_node(
                name=name,
                version="",
                api_url=f"http://{name}",
                admin_url="",
                cluster="aiex",
                shared_api_url="http://all",
            )
        assert api_url("", {"XDG_DATA_HOME": str(tmp_path)}) == "http://all"
