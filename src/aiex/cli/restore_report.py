"""What became of a restore, or would: by table, and row by row where one was refused."""

from typing import Literal

import msgspec

type How = Literal["empty-only", "merge", "replace"]


class RestoredTable(msgspec.Struct):
    """What became of the rows of one table."""

    table: str
    chosen: int = 0
    written: int = 0
    kept: int = 0
    ended: int = 0
    refused: int = 0
    cleared: int = 0
    gaps: int = 0


class RestoreReport(msgspec.Struct):
    file: str
    cluster: str
    how: str
    at: str
    is_dry_run: bool
    tables: list[RestoredTable]
    values: int = 0
    refusals: list[str] = []

    @property
    def refused_count(self) -> int:
        return sum(table.refused for table in self.tables)


def report_lines(report: RestoreReport) -> list[str]:
    """What was restored, or would be, for people."""
    of = f"the cluster {report.cluster}" + (f" as it was at {report.at}" if report.at else "")
    if report.is_dry_run:
        rows = [
            f"{one.table:<20} {one.chosen:>12,} rows" + _also(("not as far back", one.gaps))
            for one in report.tables
        ]
        return [*rows, f"{report.file} is whole; it has {of}. Nothing was written."]
    rows = [
        f"{one.table:<20} {one.written:>12,} written"
        + _also(
            ("there already", one.kept),
            ("over by their time", one.ended),
            ("refused", one.refused),
            ("deleted, as they are not in it", one.cleared),
            ("not as far back", one.gaps),
        )
        for one in report.tables
    ]
    if report.values:
        rows.append(f"{'hot values':<20} {report.values:>12,} written")
    return [*rows, *report.refusals, f"{report.file} is restored: {of}."]


def _also(*counts: tuple[str, int]) -> str:
    told = [f"{count:,} {what}" for what, count in counts if count]
    return f" ({', '.join(told)})" if told else ""
