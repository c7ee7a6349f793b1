"""What `aiex up` shows; pure."""

import json
import shlex
from collections.abc import Mapping, Sequence

from aiex.cli.answers.cluster import SeenCluster
from aiex.cli.answers.node import Check, Status
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


def node_lines(urls: Mapping[str, tuple[str, str]]) -> list[str]:
    """Every node with the addresses of its own API and admin API."""
    width = max(map(len, ["Node", *urls]))
    apis = {name: f"{api}/v1" for name, (api, _) in urls.items()}
    api_width = max(map(len, ["own API", *apis.values()]))
    lines = [f"  {'Node':<{width}}  {'own API':<{api_width}}  admin API"]
    return lines + [
        harmless(f"  {name:<{width}}  {apis[name]:<{api_width}}  {admin}")
        for name, (_, admin) in urls.items()
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
    worst = _worst(status)
    health = f"{worst.status}: {worst.reason}" if worst else "all well"
    uptime = duration_text(status.node.uptime_s)
    memory = bytes_text(status.memory.rss_bytes)
    return harmless(f"up {uptime} · {request_text(status)} · {memory} · {health}")


def cluster_line(
    names: Sequence[str], statuses: Sequence[Status | None], views: Sequence[SeenCluster | None]
) -> str:
    """The whole cluster in one line; None stands for a node that does not answer."""
    answers = [status for status in statuses if status is not None]
    up_counts = [_up_count(view) for view in views if view is not None]
    in_flight, answered, failed = (
        sum(getattr(status.api, field) for status in answers)
        for field in ("in_flight", "requests_total", "errors_total")
    )
    facts = [
        f"{min(up_counts, default=0)} of {len(names)} members up",
        f"{in_flight} in flight, {answered} answered, {failed} failed",
        bytes_text(sum(status.memory.rss_bytes for status in answers)),
        _cluster_health(names, statuses),
    ]
    return harmless(" · ".join(facts))


def missing_text(names: Sequence[str], views: Sequence[SeenCluster | None]) -> str:
    """Which node does not see all as up, and how many it sees; empty when all see all."""
    for name, view in zip(names, views, strict=True):
        if view is None:
            return f"{name} does not answer"
        if _up_count(view) < len(names):
            reason = f" ({view.reason})" if view.reason else ""
            return f"{name} sees {_up_count(view)} of {len(names)} members up{reason}"
        if view.condition != "whole":
            return f"{name} is {view.condition}: {view.reason}"
    return ""


def _up_count(view: SeenCluster) -> int:
    return sum(member.state == "up" for member in view.members)


def _cluster_health(names: Sequence[str], statuses: Sequence[Status | None]) -> str:
    silent = [name for name, status in zip(names, statuses, strict=True) if status is None]
    if silent:
        return f"no answer from {', '.join(silent)}"
    for name, status in zip(names, statuses, strict=True):
        if status is not None and (worst := _worst(status)):
            return f"{name} {worst.status}: {worst.reason}"
    return "all well"


def _worst(status: Status) -> Check | None:
    unwell = [check for check in status.checks if check.status != "ok"]
    return next((check for check in unwell if check.status == "failed"), next(iter(unwell), None))


def _literal(content: object) -> str:
    """JSON, whose texts and lists are Python's too."""
    return json.dumps(content, ensure_ascii=False)
