"""Asks nodes for snapshots, and for more about one row. Blocks: it is called in a thread."""

import time
from typing import Any, NamedTuple

from aiex.cli.admin_client import AdminClient
from aiex.cli.asked_nodes import NodeAnswer, NodeFailure, answers_of
from aiex.cli.node_lookup import AdminAccess
from aiex.cli.node_options import LookUp
from aiex.cluster import Request
from aiex.errors import AiexError
from aiex.performance import Snapshot, TakeSnapshot

LOOK_S = 5.0
# A detail looks through a heap, or an hour of samples.
DETAIL_S = 20.0
# For the way back of an answer that came just in time.
SPARE_S = 3.0


class Look(NamedTuple):
    """What came of one question to one node or several; `byte_count` is of the whole answer."""

    answers: tuple[NodeAnswer[Snapshot], ...]
    failures: tuple[NodeFailure, ...] = ()
    byte_count: int = 0
    took_s: float = 0.0


class Feed:
    """A node that is lost is looked up anew: it may come back elsewhere, or another one be here."""

    def __init__(self, look_up: LookUp, nodes: str) -> None:
        self._look_up = look_up
        self._nodes = nodes
        self._admin: AdminClient | None = None

    def look(self, request: TakeSnapshot) -> Look:
        """Raises an `AiexError` when nobody answers."""
        began_s = time.monotonic()
        came = self._ask(request, self._nodes, LOOK_S + request.count_s)
        took_s = time.monotonic() - began_s
        return Look(came.asked.answers, came.asked.failures, len(came.document), took_s)

    def ask(self, request: Request[Any], node: str) -> Any:
        """What that node answers; raises an `AiexError` when it does not."""
        return self._ask(request, node, DETAIL_S).asked.answers[0].answer

    def access(self) -> AdminAccess:
        """Raises `NodeNotFound`."""
        return self._client().access

    def _ask(self, request: Request[Any], nodes: str, deadline_s: float) -> Any:
        try:
            return answers_of(
                self._client(), request, nodes, deadline_s=deadline_s, spare_s=SPARE_S
            )
        except AiexError:
            self._admin = None
            raise

    def _client(self) -> AdminClient:
        admin = self._admin or self._look_up()
        self._admin = admin
        return admin
