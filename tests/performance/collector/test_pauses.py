"""Pauses: counted by generation, told by the moment, forgotten after a quarter of an hour."""

import gc

from hypothesis import given
from hypothesis import strategies as st

from aiex.performance.collector import Pauses, PauseTime
from aiex.performance.collector.pauses import KEPT_S, SLOT_S

MS = 1_000_000
S = 1_000 * MS


class Hand:
    """A clock in nanoseconds that a test sets."""

    def __init__(self) -> None:
        self.ns = 7 * S

    def __call__(self) -> int:
        return self.ns


def paused(pauses: Pauses, hand: Hand, generation: int, ms: float, collected: int = 0) -> None:
    info = {"generation": generation, "collected": collected, "uncollectable": 0}
    pauses.seen("start", info)
    hand.ns += int(ms * MS)
    pauses.seen("stop", info)


def test_each_generation_has_its_own_count_and_longest() -> None:
    hand = Hand()
    pauses = Pauses(hand)
    paused(pauses, hand, 0, 1)
    paused(pauses, hand, 0, 3, collected=5)
    paused(pauses, hand, 2, 40)
    youngest, middle, oldest = pauses.generations()
    assert (youngest.collections, youngest.pause_s, youngest.pause_max_s) == (2, 0.004, 0.003)
    assert youngest.collected == 5
    assert middle.collections == 0
    assert (oldest.collections, oldest.pause_s) == (1, 0.04)


def test_the_p99_is_of_moments_and_not_of_collections() -> None:
    hand = Hand()
    pauses = Pauses(hand)
    for second in range(100):  # a long one every ten seconds, short ones all the time
        for _ in range(10):
            paused(pauses, hand, 0, 1)
            hand.ns += 99 * MS
        if second % 10 == 0:
            paused(pauses, hand, 2, 50)
            hand.ns += 50 * MS
    window = pauses.last(60)
    assert window.pause_max_ms >= 50
    assert window.pause_p99_ms < 50
    assert 9 <= window.youngest_per_s <= 10.5
    assert window.oldest_count == 6
    assert 0.01 <= window.share <= 0.02


def test_what_is_long_ago_is_in_no_window_and_stays_in_the_totals() -> None:
    hand = Hand()
    pauses = Pauses(hand)
    paused(pauses, hand, 2, 30)
    hand.ns += int(KEPT_S * S)
    assert pauses.last(KEPT_S).pause_max_ms == 0
    assert pauses.generations()[2].collections == 1


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 2), st.floats(0.001, 30)), max_size=40))
def test_a_window_of_all_time_has_every_pause_once(steps: list[tuple[float, int, float]]) -> None:
    hand = Hand()
    pauses = Pauses(hand)
    for wait_s, generation, ms in steps:
        hand.ns += int(wait_s * S)
        paused(pauses, hand, generation, ms)
    hand.ns += int(SLOT_S * S)
    window = pauses.last(KEPT_S)
    taken_s = sum(int(ms * MS) // 1000 for *_, ms in steps) / 1e6
    # The part of a slot that had begun before the watch is not in the window.
    assert window.share * window.seconds <= taken_s + 1e-6
    assert window.seconds <= KEPT_S


def test_real_collections_are_seen_while_watching_and_only_then() -> None:
    pauses = Pauses()
    with pauses.watching():
        gc.collect()
        seen = pauses.generations()[2].collections
    gc.collect()
    assert seen >= 1
    assert pauses.generations()[2].collections == seen


async def test_a_ranking_names_the_generations_as_all_else_does() -> None:
    ranked = await PauseTime(Pauses(Hand())).values()
    assert ranked == {"youngest": 0.0, "middle": 0.0, "oldest": 0.0}
