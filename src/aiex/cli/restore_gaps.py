"""Rows that a restore to a moment cannot have, since nothing of that time is kept of them."""

from aiex.cli.store_instant import instant_text
from aiex.errors import AiexError
from aiex.store.restore_plan import RestorePlan


class GapsFound(AiexError):
    """Some rows are not kept as they were at that moment."""


def check_gaps(plan: RestorePlan, *, may_have_gaps: bool) -> None:
    """Raises `GapsFound` with the rows, unless they may be left out."""
    counts, forgetful = plan.gap_counts(), plan.forgetful()
    if may_have_gaps or plan.at_s is None or not (counts or forgetful):
        return
    told = []
    if counts:
        by_table = "; ".join(f"{count:,} of {table}" for table, count in counts.items())
        named = ", ".join(f"{gap.table} {list(gap.key)}" for gap in plan.gaps())
        told.append(
            f"Of some rows nothing is kept from before {instant_text(plan.at_s)}; they may have "
            f"been others then, or not there: {by_table}. The first are {named}."
        )
    if forgetful:
        since = instant_text(plan.head.began_at_s - plan.head.deletions_kept_s)
        told.append(f"Rows of {', '.join(forgetful)} deleted before {since} left no trace.")
    raise GapsFound(f"{' '.join(told)} Leave them out with --allow-gaps, or choose a later time.")
