"""What there is to tell of tables: each as the engine has it, and the copies that nodes have."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiex.cluster import Cluster, DescribeCopies, DescribedCopy, Failure, VerifyCopies
from aiex.node.views.cluster import FailureView
from aiex.node.views.store import (
    CopyView,
    CountsView,
    FragmentView,
    TablesView,
    TableView,
    VerificationView,
    VerifiedView,
)
from aiex.store import FragmentFacts, FragmentLogs, Table, TableCounts, ViewCounts

# An operator waits; a healthy node answers in milliseconds, one on a busy machine within a second.
ASK_S = 2.0
# A table of a million rows is read twice and compared.
VERIFY_S = 300.0


class StoreReport:
    """Answers questions about the tables; `cluster` is asked for the copies of all nodes."""

    def __init__(
        self,
        tables: Mapping[str, Table[Any]],
        logs: FragmentLogs,
        cluster: Cluster,
        *,
        counts: Callable[[], Mapping[str, TableCounts]],
        view_counts: ViewCounts,
    ) -> None:
        self._tables = tables
        self._logs = logs
        self._cluster = cluster
        self._counts = counts
        self._view_counts = view_counts

    async def tables(self) -> TablesView:
        """All tables; raises `EngineUnavailable`."""
        tables = list(self._tables.values())
        facts = await asyncio.gather(*(self._facts(table) for table in tables))
        copies, failures = await self._copies()
        return TablesView(
            [
                _table_view(table, of_fragments, copies)
                for table, of_fragments in zip(tables, facts, strict=True)
            ],
            failures,
        )

    def counts(self) -> CountsView:
        """How the tables were used through this node."""
        reads = sorted(self._view_counts.by_table(), key=lambda one: -one.duration_us)
        return CountsView(
            self._cluster.own_name, dict(self._counts()), reads, self._view_counts.by_shape()
        )

    async def verification(self, names: Sequence[str]) -> VerificationView:
        """How the copies of these tables compare with the engine, on every node."""
        verified: list[VerifiedView] = []
        failures: list[FailureView] = []
        asked = VerifyCopies(tuple(names))
        async for came in self._cluster.call_all(asked, deadline_s=VERIFY_S):
            if isinstance(came, Failure):
                failures.append(FailureView(came.node, came.reason, came.text))
                continue
            for one in came.value.copies:
                verified.append(
                    VerifiedView(
                        one.table,
                        came.node,
                        one.rows,
                        one.missing,
                        one.extra,
                        one.different,
                        list(one.damages),
                        list(one.examples),
                    )
                )
                if one.trouble:
                    failures.append(FailureView(came.node, "error", f"{one.table}: {one.trouble}"))
        verified.sort(key=lambda one: (one.table, one.node))
        return VerificationView(verified, failures)

    async def _facts(self, table: Table[Any]) -> list[FragmentFacts]:
        numbers = range(table.fragments)
        return list(await asyncio.gather(*(self._logs.facts(table, one) for one in numbers)))

    async def _copies(self) -> tuple[dict[str, list[tuple[str, DescribedCopy]]], list[FailureView]]:
        """The nodes' copies by table."""
        copies: dict[str, list[tuple[str, DescribedCopy]]] = {}
        failures: list[FailureView] = []
        async for came in self._cluster.call_all(DescribeCopies(), deadline_s=ASK_S):
            if isinstance(came, Failure):
                failures.append(FailureView(came.node, came.reason, came.text))
            else:
                for one in came.value.copies:
                    copies.setdefault(one.table, []).append((came.node, one))
        return copies, failures


def _table_view(
    table: Table[Any],
    facts: Sequence[FragmentFacts],
    copies: Mapping[str, list[tuple[str, DescribedCopy]]],
) -> TableView:
    heads = [one.sequence for one in facts]
    return TableView(
        table.name,
        table.key,
        table.version,
        table.storage,
        table.replicas,
        table.view,
        table.history,
        table.sensitive,
        sum(one.row_count for one in facts),
        sum(one.size_bytes for one in facts),
        [
            FragmentView(
                number, one.sequence, one.row_count, one.size_bytes, one.replica_count, one.leader
            )
            for number, one in enumerate(facts)
        ],
        [
            CopyView(node, copy.state, copy.sequences, lag(heads, copy.sequences))
            for node, copy in sorted(copies.get(table.name, ()), key=lambda one: one[0])
        ],
    )


def lag(heads: Sequence[int], sequences: Sequence[int]) -> int:
    """How many changes a copy has yet to apply; what came since the heads were read is none."""
    return sum(max(0, head - at) for head, at in zip(heads, sequences, strict=False))
