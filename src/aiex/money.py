"""Money as whole numbers: budgets in millionths of a dollar, costs in billionths.

Nothing here rounds but where it says so, and no float is ever added up. It is no part's own, so
that a command about keys need not load what answers requests.
"""

from decimal import Decimal, InvalidOperation
from typing import Final

MICRO: Final = 1_000_000
NANO: Final = 1_000_000_000
NANO_PER_MICRO: Final = 1_000
# Beyond this a budget is a slip of the keyboard; sums stay within 64 bits.
BUDGET_USD_MAX: Final = 1_000_000_000


def micro_of(usd: str | float) -> int:
    """Millionths of a dollar; raises `ValueError` for what is none, or needs a seventh decimal."""
    try:
        # A float is taken as it is written: 0.15 means 15 hundredths, not the nearest binary.
        scaled = Decimal(repr(usd) if isinstance(usd, float) else usd).scaleb(6)
    except InvalidOperation:
        raise ValueError(f"{usd!r} is not an amount of dollars like 50 or 12.50") from None
    if not scaled.is_finite() or scaled < 0 or scaled > BUDGET_USD_MAX * MICRO:
        raise ValueError(f"an amount is between 0 and {BUDGET_USD_MAX:,} USD")
    if scaled != int(scaled):
        raise ValueError("an amount has at most six decimals")
    return int(scaled)


def usd_text(nano_usd: int) -> str:
    """Dollars with all nine decimals, exact."""
    if nano_usd < 0:
        return f"-{usd_text(-nano_usd)}"
    return f"{nano_usd // NANO}.{nano_usd % NANO:09d}"


def short_usd_text(nano_usd: int) -> str:
    """Dollars for people: exact, two decimals or as many as it needs."""
    whole, _, part = usd_text(nano_usd).partition(".")
    return f"{whole}.{part[:2]}{part[2:].rstrip('0')}"
