"""What goes on inside the nodes, over HTTP: one operation for each request that nodes know.

`?nodes=` says who is asked: this node when it is empty, `all`, or names with commas between. Each
answers of itself, and those that do not are told beside the others.
"""

import asyncio
import math
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aiex.cluster import Answer, Cluster, Failure, Reason, RequestKind
from aiex.cluster import Request as CallRequest
from aiex.node.admin.answers import error_answer, json_answer
from aiex.node.admin.body import body_as
from aiex.node.admin.operation import operation
from aiex.node.views.performance import AskedView, NodeAnswerView, NodeFailureView
from aiex.performance import PERFORMANCE_REQUESTS

ALL = "all"
DEADLINE_S = 30.0
DEADLINE_S_MAX = 600.0
# What of a failure is the asking one's own fault, and what is the node's.
STATUSES = {Reason.REFUSED: 400, Reason.DEADLINE: 504}


class PerformanceOperations:
    """Its operations are made of `PERFORMANCE_REQUESTS`, below."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def _ask(self, kind: RequestKind, request: Request) -> Response:
        asked = await body_as(request, kind.request)
        names = self._names(request.query_params.get("nodes", ""))
        deadline_s = _deadline_s(request.query_params.get("deadline_s", ""))
        came = await self._came(names, asked, deadline_s)
        answers = [one for one in came if isinstance(one, Answer)]
        failures = [self._told(one) for one in came if isinstance(one, Failure)]
        if len(names) == 1 and failures:
            return error_answer(STATUSES.get(failures[0].reason, 502), failures[0].text)
        view: AskedView[object] = AskedView(
            [NodeAnswerView(one.node, one.value) for one in answers],
            [NodeFailureView(one.node, one.reason, one.text) for one in failures],
        )
        return json_answer(view)

    async def _came[A](
        self, names: Sequence[str], asked: CallRequest[A], deadline_s: float
    ) -> list[Answer[A] | Failure]:
        """In the order of `names`."""
        calls = [self._cluster.call(name, asked, deadline_s=deadline_s) for name in names]
        return list(await asyncio.gather(*calls))

    def _told(self, failure: Failure) -> Failure:
        """A name that no member has is most likely a slip: then the members are said."""
        known = self._cluster.expected_names() or [self._cluster.own_name]
        if failure.reason is not Reason.DOWN or failure.node in known:
            return failure
        text = f"{failure.text}; the members are {', '.join(sorted(known))}"
        return Failure(failure.node, failure.reason, text)

    def _names(self, text: str) -> list[str]:
        if text == ALL:
            return self._cluster.expected_names() or [self._cluster.own_name]
        # Asked twice, a node would count twice in a profile that is merged.
        names = dict.fromkeys(filter(None, map(str.strip, text.split(","))))
        return list(names) or [self._cluster.own_name]


def _deadline_s(text: str) -> float:
    try:
        deadline_s = float(text) if text else DEADLINE_S
    except ValueError:
        deadline_s = math.nan
    if not 0 < deadline_s <= DEADLINE_S_MAX:
        raise HTTPException(
            400, f"deadline_s: '{text[:40]}' is no number of seconds up to {DEADLINE_S_MAX:g}."
        )
    return deadline_s


def _add_operation(kind: RequestKind) -> None:
    async def endpoint(self: PerformanceOperations, request: Request) -> Response:
        return await self._ask(kind, request)

    endpoint.__name__ = kind.name
    described = operation(
        "POST",
        f"/admin/v1/performance/{kind.name}",
        f"{kind.text} ?nodes=all asks all nodes, ?nodes=n1,n2 these.",
        AskedView[kind.answer],  # type: ignore[name-defined]
        takes=kind.request,
    )
    setattr(PerformanceOperations, kind.name, described(endpoint))


for _kind in PERFORMANCE_REQUESTS:
    _add_operation(_kind)
