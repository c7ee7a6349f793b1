"""`aiex chat`: a conversation at the terminal, or one prompt and its answer in a pipe."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from typing import BinaryIO

import click

from aiex.cli.api_key import api_key
from aiex.cli.certificate_authority import ca_file_of, ca_file_option
from aiex.cli.chat_answer import Answer, receive
from aiex.cli.chat_loop import ChatLoop, terminal_interrupts
from aiex.cli.chat_session import ChatSession, valid_text
from aiex.cli.chat_stream import ChatApi
from aiex.cli.node_lookup import data_home, only_directory, running_nodes
from aiex.cli.output import Output, output_option, print_json
from aiex.cli.terminal_text import TerminalText, harmless
from aiex.errors import AiexError

DEFAULT_URL = "http://127.0.0.1:8080"
# What a node takes at most by default is 20 MiB, and JSON needs some of it for itself.
INPUT_BYTES_MAX = 16 * 1024 * 1024


@click.command()
@click.argument("prompt", required=False, default="")
@click.option("-m", "--model", default="", help="The model; the node's default one if not given.")
@click.option("-s", "--system", default="", metavar="TEXT", help="The system text.")
@click.option("--temperature", type=click.FloatRange(min=0), help="0 for the likeliest answer.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option(
    "--url",
    default="",
    help=f"The API; the node that runs here, else {DEFAULT_URL}, if not given.  [env: AIEX_URL; "
    "the key in AIEX_API_KEY, or in the file AIEX_API_KEY_FILE names]",
)
@click.option(
    "--expect",
    default="",
    metavar="TEXT",
    help="End with status 1 unless the answer has TEXT in it; for checks by programs.",
)
@ca_file_option
@output_option
def chat(
    prompt: str,
    model: str,
    system: str,
    temperature: float | None,
    max_tokens: int | None,
    url: str,
    expect: str,
    ca_file: str,
    output: Output,
) -> None:
    """Talk to a model, or send it one PROMPT.

    With a PROMPT, or with something piped in, the answer is printed and that was it. Otherwise
    a conversation begins; /help in it lists its commands.

    \b
    Examples:
      aiex chat
      aiex chat "What is the opposite of hot?"
      cat error.log | aiex chat "explain"
      git diff | aiex chat --temperature 0 "write a commit message" > message
    """
    asked = _whole_prompt(valid_text(prompt))
    session = ChatSession(
        valid_text(model),
        system=valid_text(system),
        temperature=temperature,
        max_tokens=max_tokens,
    )
    if not asked and output == "json":
        raise click.UsageError("-o json needs a PROMPT, or one piped in.")
    if not asked and expect:
        raise click.UsageError("--expect needs a PROMPT, or one piped in.")
    api = ChatApi(api_url(url, os.environ), api_key(os.environ), ca_file=ca_file_of(ca_file))
    if not asked:
        asyncio.run(_converse(api, session))
        return
    answer = asyncio.run(_answer_once(api, session, asked, output))
    if expect not in answer.text:
        raise AiexError(f"The answer of {answer.model} has no '{harmless(expect)}' in it.")


def api_url(url: str, environment: Mapping[str, str]) -> str:
    """Which API is meant: the one named, else the environment's, else that of the node here.

    Raises `NodeNotFound` when several nodes run here and none has the host's name.
    """
    if chosen := url or environment.get("AIEX_URL", ""):
        return chosen
    nodes = running_nodes(data_home(environment))
    if not nodes:
        return DEFAULT_URL
    node = nodes[only_directory(nodes, socket.gethostname(), flag="--url URL")]
    return node.shared_api_url or node.api_url


def _whole_prompt(prompt: str) -> str:
    """The prompt with what was piped in below it; empty when there is neither."""
    if sys.stdin is None or sys.stdin.isatty():
        return prompt
    piped = read_piped(sys.stdin.buffer).strip()
    whole = "\n\n".join(part for part in (prompt, piped) if part)
    if not whole:
        raise click.UsageError("Nothing was piped in and there is no PROMPT.")
    return whole


def read_piped(stream: BinaryIO) -> str:
    """All of `stream` as text; raises when it is more than a request can carry."""
    content = stream.read(INPUT_BYTES_MAX + 1)
    if len(content) > INPUT_BYTES_MAX:
        raise AiexError(
            f"More than {INPUT_BYTES_MAX // 2**20} MiB were piped in; send a part of it."
        )
    return content.decode(errors="replace")


async def _answer_once(api: ChatApi, session: ChatSession, prompt: str, output: Output) -> Answer:
    """Ask and print; the answer as it was printed."""
    async with api:
        session.model = session.model or await _default_model(api)
        answer = Answer(session.model)
        if output == "json":
            await receive(api, session.request(prompt), answer, lambda _: None)
            print_json(answer)
            return answer
        text = TerminalText() if sys.stdout.isatty() else None
        try:
            await receive(
                api,
                session.request(prompt),
                answer,
                # `color` keeps click from taking sequences out of what goes into a pipe.
                lambda piece: click.echo(text.feed(piece) if text else piece, nl=False, color=True),
            )
        finally:
            if answer.text and not answer.text.endswith("\n"):
                click.echo()
        return answer


async def _converse(api: ChatApi, session: ChatSession) -> None:
    # Imported here: the line editor takes longer to import than a short answer to print.
    from aiex.cli.line_editor import LineEditor, history_file, open_history

    async with api:
        session.model = session.model or await _default_model(api)
        click.echo(f"Talking to {session.model} at {api.url}. /help for help, Ctrl-D to leave.")
        editor = LineEditor(open_history(history_file(os.environ)))
        loop = ChatLoop(
            session,
            api,
            read_line=editor.read,
            write=lambda text: click.echo(text, nl=False),
            interrupts=terminal_interrupts,
        )
        await loop.run()


async def _default_model(api: ChatApi) -> str:
    models = await api.models()
    if not models:
        raise AiexError(f"{api.url} has no models. Add one to the node's settings.")
    return models[0]
