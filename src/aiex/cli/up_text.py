"""What `aiex up` shows; pure."""

import json
import shlex

from aiex.cli.admin_answers import Status
from aiex.cli.status_text import bytes_text, duration_text, request_text
from aiex.cli.terminal_text import harmless

QUESTION = "What is the opposite of hot?"


def places(api_url: str, admin_url: str, log_file: str) -> list[str]:
    """Where to go."""
    return [
        f"  API    {api_url}/v1",
        f"  Admin  {admin_url}  (status, metrics, keys)",
        f"  Log    {log_file}",
    ]


def curl_snippet(api_url: str, model: str, *, needs_key: bool) -> list[str]:
    """A request to paste into a shell."""
    key = ' -H "Authorization: Bearer $AIEX_API_KEY"' if needs_key else ""
    body = _literal({"model": model, "messages": [{"role": "user", "content": QUESTION}]})
    return [
        f"  curl {shlex.quote(f'{api_url}/v1/chat/completions')}{key} \\",
        "    -H 'Content-Type: application/json' \\",
        f"    -d {shlex.quote(body)}",
    ]


def python_snippet(api_url: str, model: str, *, needs_key: bool) -> list[str]:
    """The same with the official client."""
    key = 'os.environ["AIEX_API_KEY"]' if needs_key else '"unused"'
    return [
        *(["  import os"] if needs_key else []),
        "  from openai import OpenAI  # pip install openai",
        f'  client = OpenAI(base_url="{api_url}/v1", api_key={key})',
        f"  answer = client.chat.completions.create(model={_literal(model)},",
        f"      messages={_literal([{'role': 'user', 'content': QUESTION}])})",
        "  print(answer.choices[0].message.content)",
    ]


def status_line(status: Status) -> str:
    """The node in one line."""
    unwell = [check for check in status.checks if check.status != "ok"]
    worst = next((check for check in unwell if check.status == "failed"), next(iter(unwell), None))
    health = f"{worst.status}: {worst.reason}" if worst else "all well"
    uptime = duration_text(status.node.uptime_s)
    memory = bytes_text(status.memory.rss_bytes)
    return harmless(f"up {uptime} · {request_text(status)} · {memory} · {health}")


def _literal(content: object) -> str:
    """JSON, whose texts and lists are Python's too."""
    return json.dumps(content, ensure_ascii=False)
