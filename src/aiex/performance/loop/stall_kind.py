"""What kind a stall is, by some clocks: arithmetic, nothing here can wait or look."""

from dataclasses import dataclass

from aiex.performance.loop.stall import StallKind

# More than half of the stall decides; what is left may be another thing.
MOST = 0.5
# What a page from a disc may take; that of a slow one over the network, with others in front.
FAULT_S_MAX = 0.02


@dataclass(frozen=True, slots=True)
class StallClocks:
    """All seconds, within one stall."""

    seconds: float
    cpu_s: float  # of the loop's thread
    queued_s: float  # that thread was ready and had no CPU
    held_s: float  # the watch wanted to look and could not: something kept the interpreter
    others_cpu_s: float = 0.0  # of the thread that used most, of those that are not the loop's
    is_loop_idle: bool = False  # its thread was in no callback at all
    has_other: bool = False  # another thread was in a call that is no waiting
    kernel_s: float = 0.0  # of `cpu_s`, in the kernel
    major_faults: int = 0  # pages that the loop's thread waited for until they came from disc
    pressed_s: float = 0.0  # something had to wait for memory

    def kind(self, stall_after_s: float) -> StallKind:
        """A machine that is full makes every stall longer; it is to blame when it made it one."""
        active_s = self.seconds - self.queued_s
        if self.queued_s > MOST * self.seconds and active_s <= stall_after_s:
            return "starved"
        if self._waited_for_memory():
            return "paging"
        is_busy = self.cpu_s > MOST * active_s
        if self.held_s <= MOST * self.seconds:
            return "runs" if is_busy else "waits"
        if is_busy:
            return "holds"
        is_other_busy = self.others_cpu_s > MOST * active_s
        return (
            "kept_out" if is_other_busy or (self.is_loop_idle and self.has_other) else "stood_still"
        )

    def _waited_for_memory(self) -> bool:
        """Most of it was not spent in the code, and pages account for most of that.

        A call that waits for something else may meet a page or two, which explain a few
        hundredths of a second. Freeing memory is work of the kernel in the thread's own name: that
        much of it, while something waits for memory as long, is no system call's.
        """
        lost_s = self.seconds - (self.cpu_s - self.kernel_s)
        is_lost = lost_s > MOST * self.seconds
        by_disc = is_lost and self.major_faults * FAULT_S_MAX >= MOST * lost_s
        by_freeing = min(self.kernel_s, self.pressed_s) > MOST * self.seconds
        return by_disc or by_freeing
