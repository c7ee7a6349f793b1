"""Durations in cells fine enough for a percentile, and merged over nodes by adding up. Pure.

A cell is a quarter of an octave: its bounds are apart by a fifth at most, so a percentile is known
to a tenth. Prometheus' histograms are three to ten times as coarse, and stay as they are.
"""

from collections.abc import Mapping

type Cells = Mapping[int, int]

# A quarter of an octave: two bits after the leading one.
_BITS = 2
_MASK = (1 << _BITS) - 1


def cell_of(duration_us: int) -> int:
    """The cell that a duration falls into; cells grow with it."""
    if duration_us <= _MASK:
        return max(duration_us, 0)
    shift = duration_us.bit_length() - 1 - _BITS
    return ((shift + 1) << _BITS) | ((duration_us >> shift) & _MASK)


def floor_us(cell: int) -> int:
    """The shortest duration in that cell."""
    octave, quarter = cell >> _BITS, cell & _MASK
    return quarter if not octave else (quarter | (1 << _BITS)) << (octave - 1)


def merged(*of_nodes: Cells) -> dict[int, int]:
    """The cells of several nodes, or of several times, as one."""
    total: dict[int, int] = {}
    for cells in of_nodes:
        for cell, count in cells.items():
            total[cell] = total.get(cell, 0) + count
    return total


def since(before: Cells, after: Cells) -> dict[int, int]:
    """What was added between two readings of one process."""
    grown = {cell: count - before.get(cell, 0) for cell, count in after.items()}
    return {cell: count for cell, count in grown.items() if count > 0}


def percentile_us(cells: Cells, percent: float) -> float:
    """The middle of the cell that so many percent do not go beyond; 0 without any."""
    wanted = sum(cells.values()) * percent / 100
    seen = 0
    for cell in sorted(cells):
        seen += cells[cell]
        if seen >= wanted:
            return (floor_us(cell) + floor_us(cell + 1)) / 2
    return 0.0


def count_above(cells: Cells, duration_us: float) -> int:
    """How many took longer, by cells: those of the cell that the duration is in are not."""
    own = cell_of(int(duration_us))
    return sum(count for cell, count in cells.items() if cell > own)
