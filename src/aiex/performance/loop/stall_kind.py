"""What kind a stall is, by three clocks: arithmetic, nothing here can wait or look."""

from dataclasses import dataclass

from aiex.performance.loop.stall import StallKind

# More than half of the stall decides; what is left may be another thing.
MOST = 0.5


@dataclass(frozen=True, slots=True)
class StallClocks:
    """All seconds, within one stall."""

    seconds: float
    cpu_s: float  # of the loop's thread
    queued_s: float  # that thread was ready and had no CPU
    held_s: float  # the watch wanted to look and could not: something kept the interpreter
    others_cpu_s: float = 0.0  # CPU of the thread that used most, of those that are not the loop's

    def kind(self) -> StallKind:
        """The order matters: a thread without CPU cannot let others run either."""
        most_s = MOST * self.seconds
        if self.queued_s > most_s:
            return "starved"
        if self.held_s <= most_s:
            return "runs" if self.cpu_s > most_s else "waits"
        if self.cpu_s > most_s:
            return "holds"
        return "kept_out" if self.others_cpu_s > most_s else "stood_still"
