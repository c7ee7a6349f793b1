"""What has the most of a metric, or grew the most: `rank` in text for people. Pure."""

from aiex.cli.asked_nodes import NodeAnswer
from aiex.cli.hot_options import METRICS
from aiex.cli.memory_text import size_text
from aiex.cli.output import fitted_lines
from aiex.cli.table import Column
from aiex.cli.task_text import age_text
from aiex.cli.terminal_text import harmless
from aiex.performance import Ranking


def ranking_lines(
    one: NodeAnswer[Ranking], metric: str, by: str, seconds: float, said: str = ""
) -> list[str]:
    """`seconds` is the window, 0 for now; `said` stands behind the first line."""
    ranking, known = one.answer, METRICS[metric]
    rows = [
        (
            amount_text(each.value, metric),
            *([f"{each.share:.1%}"] if known.has_total else []),
            *(each.key.partition(" ")[::2] if by == "task" else (each.key,)),
        )
        for each in ranking.ranked
    ]
    whose = [Column("ID"), Column("NAME", "name")] if by == "task" else [Column(by.upper(), "name")]
    share = [Column("SHARE")] if known.has_total else []
    total = f", {amount_text(ranking.total, metric)} in all" if known.has_total else ""
    more = ranking.key_count - len(ranking.ranked)
    return [
        f"{one.node}: {metric} by {by}{total}, {_when(metric, seconds)}{said}",
        *fitted_lines([Column(metric.upper()), *share, *whose], rows),
        *([f"{more:,} more; `-n` shows more."] if more > 0 else []),
        *map(harmless, ranking.notes),
    ]


def amount_text(value: float, metric: str) -> str:
    """`1.25 s`, `20.00 ms`, `3 h` of an age, `4.2 KiB`, `1,234`."""
    if metric == "age":
        return age_text(value)
    match METRICS[metric].unit:
        case "s":
            return f"{value:,.2f} s" if value >= 1 else f"{value * 1e3:,.2f} ms"
        case "bytes":
            return size_text(value)
        case _:
            return f"{value:,.0f}"


def _when(metric: str, seconds: float) -> str:
    if not seconds:
        return "since its start" if METRICS[metric].grows else "now"
    known = METRICS[metric]
    return f"in {seconds:g} s" if known.grows or not known.kept else f"grown in {seconds:g} s"
