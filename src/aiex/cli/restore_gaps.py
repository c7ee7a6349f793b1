"""Rows that a restore to a moment cannot have, since nothing of that time is kept of them."""

from aiex.cli.store_instant import instant_text
from aiex.errors import AiexError
from aiex.store.restore_plan import RestorePlan


class GapsFound(AiexError):
    """Some rows are not kept as they were at that moment."""


def check_gaps(plan: RestorePlan, *, may_have_gaps: bool) -> None:
    """Raises `GapsFound` with the rows, unless they may be left out."""
    counts = plan.gap_counts()
    if may_have_gaps or not counts:
        return
    assert plan.at_s is not None, "of the newest rows none is missing"
    told = "; ".join(f"{count:,} of {table}" for table, count in counts.items())
    named = ", ".join(f"{gap.table} {list(gap.key)}" for gap in plan.gaps())
    raise GapsFound(
        f"Of some rows nothing is kept from before {instant_text(plan.at_s)}; they may have been "
        f"others then, or not there: {told}. The first are {named}. Leave them out with "
        "--allow-gaps, or choose a later time."
    )
