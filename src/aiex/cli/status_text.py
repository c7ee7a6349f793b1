"""A node's state in words for people; pure."""

from collections.abc import Iterator

from aiex.cli.answers.node import LocalModelFacts, Status, SupervisedService
from aiex.cli.terminal_text import harmless

LABEL_WIDTH = 9


def status_lines(status: Status) -> list[str]:
    """The node at a glance, one fact a line, its checks last."""
    node, api, engine = status.node, status.api, status.engine
    lines = [
        _line("node", f"{node.name}, {node.state} for {duration_text(node.uptime_s)}"),
        _line("version", f"{node.version}, pid {node.pid}"),
        _line("API", f"{api.url or status.urls.api}, {_auth(api.auth)}"),
        _line("requests", request_text(status)),
        _line("admin", status.urls.admin),
        _line("engine", _joined(engine.state, engine.mode, engine.server_version, engine.reason)),
    ]
    if status.local_model is not None:
        lines.append(_line("model", _model_text(status.local_model)))
    lines += [
        _line("keys", f"{status.keys.active} active"),
        _line("memory", bytes_text(status.memory.rss_bytes)),
        _line("data", node.data_dir),
        "",
        "checks",
    ]
    return lines + [
        harmless(f"  {check.status:<10}{check.name}{f': {check.reason}' if check.reason else ''}")
        for check in status.checks
    ]


def request_text(status: Status) -> str:
    """The API's counters: in flight, answered, failed."""
    api = status.api
    return f"{api.in_flight} in flight, {api.requests_total} answered, {api.errors_total} failed"


def tree_lines(service: SupervisedService) -> list[str]:
    """The supervision tree, one service a line."""
    return [harmless(line) for line in _tree(service, "", "")]


def _tree(service: SupervisedService, first: str, rest: str) -> Iterator[str]:
    yield first + _service_text(service)
    for index, child in enumerate(service.children):
        is_last = index == len(service.children) - 1
        yield from _tree(
            child, rest + ("└── " if is_last else "├── "), rest + ("    " if is_last else "│   ")
        )


def _service_text(service: SupervisedService) -> str:
    facts = [
        f"{service.state} for {duration_text(service.state_age_s)}",
        (service.strategy or "").replace("_", " "),
        f"pid {service.pid}" if service.pid else "",
        _restart_text(service.restart_count),
        f"last error: {service.last_error}" if service.last_error else "",
    ]
    return f"{service.name}  {_joined(*facts)}"


def _restart_text(count: int) -> str:
    return "" if not count else "1 restart" if count == 1 else f"{count} restarts"


def duration_text(duration_s: float) -> str:
    """A duration in the two units a person would say it in."""
    whole_s = int(duration_s)
    if whole_s < 60:
        return f"{whole_s} s"
    if whole_s < 3600:
        return f"{whole_s // 60} min {whole_s % 60} s"
    if whole_s < 86_400:
        return f"{whole_s // 3600} h {whole_s % 3600 // 60} min"
    return f"{whole_s // 86_400} d {whole_s % 86_400 // 3600} h"


def bytes_text(count: int) -> str:
    """A size in whole mebibytes."""
    return f"{count / 2**20:.0f} MiB"


def _model_text(model: LocalModelFacts) -> str:
    return _joined(model.state, model.detail, f"pid {model.pid}" if model.pid else "")


def _auth(auth: str) -> str:
    return "open to this machine without a key" if auth == "open" else "asks for an API key"


def _joined(*facts: str) -> str:
    return ", ".join(fact for fact in facts if fact)


def _line(label: str, text: str) -> str:
    return harmless(f"{label:<{LABEL_WIDTH}} {text}")
