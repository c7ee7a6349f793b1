"""Which core does what.

The measured gateway has one core to itself; the load generator and the upstream have others, so
that neither steals time from what is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.errors import RigError


@dataclass(frozen=True, slots=True)
class Cores:
    measured: int
    generator: int
    upstream: int  # the generator's core when there are only two

    @property
    def driving(self) -> frozenset[int]:
        return frozenset((self.generator, self.upstream))


def divide_cores(available: Sequence[int]) -> Cores:
    """Who gets which of the `available` cores; raises `RigError` when there is only one."""
    if len(available) < 2:
        raise RigError("A benchmark needs two cores: one to measure on, one to drive from.")
    ordered = sorted(available)
    return Cores(measured=ordered[-1], generator=ordered[0], upstream=ordered[-2])
