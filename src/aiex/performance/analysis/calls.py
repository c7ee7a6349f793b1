"""What kind of call keeps a function, by the names in its source and the library's frames. Pure."""

from collections.abc import Iterable

from aiex.performance.analysis.evidence import Evidence, Line
from aiex.performance.analysis.finding import Cause
from aiex.performance.profile import Frame

# Methods of compiled patterns, and functions of `re`. `split` and `match` are others' too, so those
# count only where the source shows that a pattern is meant.
REGEX_METHODS = ("fullmatch", "finditer", "findall", "subn", "search", "match", "sub")
REGEX_MODULES = ("re:", "re._", "regex.")
SERIALISING = (
    "json:", "json.", "pickle:", "_pickle", "copy:", "xml.", "csv:", "plistlib:", "base64:",
    "zlib", "gzip:", "tomllib", "yaml.", "msgspec.", "orjson",
)  # fmt: skip
SERIALISING_CALLS = (
    "json.dumps", "json.loads", "json.dump", "json.load", "pickle.dumps", "pickle.loads",
    "copy.deepcopy", "deepcopy", "orjson.dumps", "orjson.loads", "yaml.dump", "yaml.load",
    "yaml.safe_load", "msgspec.json.encode", "msgspec.json.decode", "msgspec.to_builtins",
)  # fmt: skip
LOGGING = ("logging:", "logging.", "traceback:", "warnings:")
LOGGING_CALLS = (
    "log.debug", "log.info", "log.warning", "log.error", "log.exception", "logging.info",
    "logging.debug", "logging.warning", "logging.error", "logger.info", "logger.debug",
    "logger.warning", "logger.error", "print",
)  # fmt: skip
# What waits, by what it waits for: the last name of the call, or the library's frame.
WAITS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("sleeps", ("time.sleep", "sleep")),
    ("waits for a process", ("subprocess.", "communicate", "check_output", "check_call", "Popen",
                             "os.system", "waitpid", "os.wait", "os.popen")),
    ("waits for a name to be looked up", ("getaddrinfo", "gethostbyname", "gethostbyaddr",
                                          "getfqdn", "gethostbyname_ex")),
    ("waits for a socket", ("recv", "recv_into", "sendall", "connect", "accept", "urlopen",
                            "getresponse", "create_connection", "socket:", "ssl:", "http.client",
                            "urllib.", "requests.", "select.select", "poll", "readinto")),
    ("waits for a lock of a thread", ("acquire", "Lock", "wait", "join", "threading:", "result",
                                      "queue:", "Condition", "concurrent.futures")),
    ("waits for a file", ("open", "read", "write", "fsync", "os.fsync", "flush", "readline",
                          "read_text", "write_text", "read_bytes", "write_bytes", "flock",
                          "lockf", "readlines", "fdatasync", "sync", "pathlib", "shutil.")),
    ("waits for a database", ("execute", "executemany", "commit", "fetchall", "fetchone")),
)  # fmt: skip


WAITS_ONLY = "waits"
# What can do nothing but wait, whatever a clock says that was itself kept waiting.
WAITING_ONLY = frozenset((
    "time.sleep", "recv", "recv_into", "recvfrom", "sendall", "accept", "connect",
    "create_connection", "getaddrinfo", "gethostbyname", "urlopen", "fsync", "fdatasync", "flock",
    "lockf", "communicate", "check_output", "check_call", "waitpid", "acquire", "getresponse",
    "subprocess.run", "subprocess.call", "os.system",
))  # fmt: skip


def can_only_wait(line: Line) -> bool:
    """Whether the line calls nothing but what waits, or things that take no time beside it."""
    return any(
        call in WAITING_ONLY or call.rpartition(".")[2] in WAITING_ONLY for call in line.calls
    )


def only_awaits(line: Line | None, inner: str) -> bool:
    """Whether all it calls is awaited: that leaves the loop to others, however long it takes.

    A library that was awaited may block all the same, asyncio does not.
    """
    if inner:
        return inner.startswith("asyncio.")
    return line is not None and bool(line.calls) and set(line.calls) <= set(line.awaited)


def line_of(evidence: Evidence, frame: Frame) -> Line:
    """What is called on the line it stood at; of all of the function, where that is not known."""
    at_line = evidence.lines.get(f"{frame.file}:{frame.line}")
    return at_line or evidence.lines.get(frame.function, Line())


def matches_for_sure(line: Line, inner: str) -> bool:
    """Whether a pattern is matched: the module says so, where else names alone do, and a client of
    an index has a `search`, too.
    """
    is_named = any(call.startswith("re.") for call in line.calls)
    return inner.startswith(REGEX_MODULES) or line.is_regex or is_named


def computing(line: Line, inner: str) -> Cause | None:
    """What a call that uses the CPU is; None where nothing says more than that it computes."""
    if inner.startswith(REGEX_MODULES) or line.is_regex or _is_regex(line.calls):
        return "slow_regex"
    if inner.startswith(LOGGING):
        return "logging"
    if inner.startswith(SERIALISING):
        return "serialisation"
    if not inner and len(line.calls) <= 3:
        if any(call.endswith(SERIALISING_CALLS) for call in line.calls):
            return "serialisation"
        if any(call.endswith(LOGGING_CALLS) for call in line.calls):
            return "logging"
    return None


def waits(calls: Iterable[str], inner: str) -> str:
    """What it waits for, in words; `WAITS_ONLY` where nothing says."""
    calls = tuple(calls)
    for words, names in WAITS:
        for name in names:
            if inner and name.endswith((":", ".")) and inner.startswith(name):
                return words
            if any(_fits(call, name) for call in calls):
                return words
    for words, names in WAITS:
        if inner and inner.rpartition(":")[2].rpartition(".")[2] in names:
            return words
    return WAITS_ONLY


def _fits(call: str, name: str) -> bool:
    if "." in name:
        return call.startswith(name) or call == name
    return call.rpartition(".")[2] == name


def _is_regex(calls: Iterable[str]) -> bool:
    return any(
        (
            call.rpartition(".")[2] in REGEX_METHODS
            and (
                "re." in call
                or "pattern" in call.lower()
                or "regex" in call.lower()
                or call.isupper()
            )
        )
        or call.startswith("re.")
        or (call.rpartition(".")[2] in ("fullmatch", "finditer", "findall", "subn"))
        or (call.rpartition(".")[2] in ("search", "match", "sub") and "." in call)
        for call in calls
    )
