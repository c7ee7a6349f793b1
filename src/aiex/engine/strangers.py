"""Who was refused at the embedded server, and where it was refused itself, read from its log.

A server tells a refusal only there, several times a second and on both sides. Each becomes one
event with one sentence that says what to check, once a minute for each peer and reason.
"""

import re

import msgspec

from aiex.clock import Clock
from aiex.engine.events import RefusedAsStranger, StrangerRefused
from aiex.events import Emit

QUIET_S = 60.0
# Whoever tries from many addresses makes no more than so many events a minute.
PEERS_MAX = 64

# 127.0.0.1:45036 - rid:33 - what happened; a route is another server, a cid is a client.
_LINE = re.compile(r"^(?P<host>\S+):(?P<port>\d+) - (?P<kind>[rc]id):\d+ - (?P<what>.*)$")
_OTHER_NAME = re.compile(
    r'Rejecting connection, cluster name "(?P<one>.*)" does not match "(?P<other>.*)"'
)

# Passwords are made of both.
CHECK_SECRET = "cluster.secret and cluster.name must be the same on all nodes of a cluster"  # noqa: S105 - advice
CHECK_CERTIFICATE = (
    "all certificates of a cluster must be signed by the authority in cluster.tls_ca_file, and "
    "either all nodes use TLS or none"
)
CHECK_KEY_USAGE = (
    "a certificate of the cluster is for servers only; its extendedKeyUsage must name serverAuth "
    "and clientAuth"
)


class Refusal(msgspec.Struct, frozen=True):
    """`is_own`: another server refused ours. Of who comes to us only the host means anything."""

    reason: str
    address: str
    is_own: bool


def refusal_in(text: str) -> Refusal | None:
    """What a line of the server's log says of a refusal; None when it says nothing of one."""
    found = _LINE.match(text)
    if found is None:
        return None
    what, is_server = found["what"], found["kind"] == "rid"
    is_own = what.startswith("Route Error ")
    reason = _reason(what, is_server=is_server, is_own=is_own)
    if not reason:
        return None
    address = f"{found['host']}:{found['port']}" if is_own else found["host"]
    return Refusal(reason, address, is_own)


def _reason(what: str, *, is_server: bool, is_own: bool) -> str:
    if names := _OTHER_NAME.search(what):
        theirs, ours = names["one"], names["other"]
        theirs, ours = (theirs, ours) if not is_own else (ours, theirs)
        if theirs.partition("/")[0] == ours.partition("/")[0]:
            return (
                ""  # it was away while the cluster was founded anew, and hears of that in a moment
            )
        theirs, ours = theirs.partition("/")[0], ours.partition("/")[0]
        return f"that server is of the cluster {theirs!r}, this one of {ours!r}: check cluster.name"
    if is_own:
        return (
            f"it does not take this node's login: {CHECK_SECRET}" if "Authorization" in what else ""
        )
    if "authentication error" in what:
        who = "another server" if is_server else "a client"
        return f"{who} has the wrong user or password: {CHECK_SECRET}"
    if "handshake error" in what:
        return CHECK_KEY_USAGE if "incompatible key usage" in what else CHECK_CERTIFICATE
    return ""


class Strangers:
    """Turns refusals into events, each once a minute."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        self._clock = clock
        self._emit = emit
        self._told_at_s: dict[Refusal, float] = {}
        self._own: tuple[str, float] = ("", 0.0)

    @property
    def own_refusal(self) -> str:
        """Why other servers refused ours within the last minute; empty when none did."""
        reason, at_s = self._own
        return reason if reason and self._clock.monotonic_s() - at_s < QUIET_S else ""

    def lately(self) -> tuple[Refusal, ...]:
        """Those of the last minute, both ways."""
        now_s = self._clock.monotonic_s()
        return tuple(one for one, at_s in self._told_at_s.items() if now_s - at_s < QUIET_S)

    def note(self, text: str) -> bool:
        """Whether the line tells of a refusal; then it need not be told otherwise."""
        refusal = refusal_in(text)
        if refusal is None:
            return False
        now_s = self._clock.monotonic_s()
        if refusal.is_own:
            self._own = (refusal.reason, now_s)
        self._told_at_s = {
            known: at_s for known, at_s in self._told_at_s.items() if now_s - at_s < QUIET_S
        }
        if refusal not in self._told_at_s and len(self._told_at_s) < PEERS_MAX:
            self._told_at_s[refusal] = now_s
            event = RefusedAsStranger if refusal.is_own else StrangerRefused
            self._emit(event(refusal.reason, refusal.address))
        return True
