"""What kind a stall is, by its clocks."""

import pytest

from aiex.performance import StallKind
from aiex.performance.loop.stall_kind import StallClocks

AFTER_S = 0.15


@pytest.mark.parametrize(
    ("clocks", "kind"),
    [
        (StallClocks(1.0, cpu_s=0.0, queued_s=0.0, held_s=0.0), "waits"),
        (StallClocks(1.0, cpu_s=0.9, queued_s=0.0, held_s=0.02), "runs"),
        (StallClocks(1.0, cpu_s=0.9, queued_s=0.0, held_s=0.95), "holds"),
        (StallClocks(1.0, cpu_s=0.0, queued_s=0.0, held_s=0.95), "stood_still"),
        (StallClocks(1.0, cpu_s=0.0, queued_s=0.0, held_s=0.95, others_cpu_s=0.9), "kept_out"),
        (
            StallClocks(1.0, 0.0, 0.0, held_s=0.95, is_loop_idle=True, has_other=True),
            "kept_out",
        ),
        (StallClocks(1.0, cpu_s=0.05, queued_s=0.9, held_s=0.9), "starved"),
        (StallClocks(1.0, 0.1, 0.0, held_s=0.0, major_faults=50), "paging"),
        (StallClocks(1.0, 0.1, 0.4, held_s=0.95, major_faults=5000), "paging"),
        (StallClocks(1.0, 0.9, 0.0, held_s=0.95, kernel_s=0.8, major_faults=5000), "paging"),
        (StallClocks(1.0, 0.9, 0.0, held_s=0.95, kernel_s=0.8, pressed_s=0.7), "paging"),
    ],
)
def test_each_kind_by_its_clocks(clocks: StallClocks, kind: StallKind) -> None:
    assert clocks.kind(AFTER_S) == kind


def test_a_full_machine_is_not_to_blame_for_what_had_been_a_stall_without_it() -> None:
    crowded = StallClocks(2.0, cpu_s=0.6, queued_s=1.3, held_s=1.9)
    assert crowded.kind(AFTER_S) == "holds"


def test_a_short_wait_for_a_cpu_does_not_make_a_short_stall_starved() -> None:
    assert StallClocks(0.16, cpu_s=0.0, queued_s=0.02, held_s=0.0).kind(AFTER_S) == "waits"


@pytest.mark.parametrize(
    ("clocks", "kind"),
    [
        # A call that waited met a page or two.
        (StallClocks(1.0, 0.1, 0.0, held_s=0.0, major_faults=2), "waits"),
        # It computed, and met many.
        (StallClocks(1.0, 0.9, 0.0, held_s=0.0, kernel_s=0.1, major_faults=50), "runs"),
        # It waited, or computed, while others had to wait for memory.
        (StallClocks(1.0, 0.0, 0.0, held_s=0.0, pressed_s=1.0), "waits"),
        (StallClocks(1.0, 0.9, 0.0, held_s=0.95, kernel_s=0.1, pressed_s=1.0), "holds"),
        # Calls to the kernel, and nobody wants for memory.
        (StallClocks(1.0, 0.9, 0.0, held_s=0.0, kernel_s=0.8), "runs"),
    ],
)
def test_a_little_of_it_does_not_excuse_a_line(clocks: StallClocks, kind: StallKind) -> None:
    assert clocks.kind(AFTER_S) == kind
