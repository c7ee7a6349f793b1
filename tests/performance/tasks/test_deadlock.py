"""Who is stuck: arithmetic on who needs whom."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.performance.tasks.deadlock import Need, circles, stuck_tasks

TASKS = st.integers(1, 12)
NEEDS = st.dictionaries(
    TASKS,
    st.builds(Need, st.lists(TASKS, max_size=4).map(tuple), st.booleans()),
    max_size=12,
)


def test_two_that_need_each_other_are_a_circle() -> None:
    (found,) = circles({1: Need((2,)), 2: Need((1,))})
    assert (found.tasks, found.behind) == ((1, 2), 0)


def test_of_three_in_a_circle_each_waits_for_the_next() -> None:
    (found,) = circles({1: Need((3,)), 3: Need((2,)), 2: Need((1,)), 4: Need((2,)), 5: Need((4,))})
    assert found.tasks == (1, 3, 2)
    assert found.behind == 2


def test_one_that_needs_itself_is_a_circle_of_one() -> None:
    assert [one.tasks for one in circles({7: Need((7,), any_of=True)})] == [(7,)]


def test_a_chain_that_ends_at_one_who_goes_on_is_none() -> None:
    assert circles({1: Need((2,)), 2: Need((3,)), 3: Need(())}) == []


def test_where_one_of_several_is_enough_all_must_be_stuck() -> None:
    """Two holders of a semaphore: the one that goes on gives it back."""
    needs = {1: Need((2, 3), any_of=True), 2: Need((1,))}
    assert circles(needs) == []
    both = {**needs, 3: Need((1,))}
    assert stuck_tasks(both) == {1, 2, 3}
    assert circles(both)[0].tasks == (1, 2)


def test_where_all_are_needed_one_that_is_stuck_is_enough() -> None:
    """A gather of which one part waits for who gathers."""
    (found,) = circles({1: Need((2, 3)), 2: Need((1,))})
    assert found.tasks == (1, 2)


def test_separate_circles_are_told_separately() -> None:
    needs = {1: Need((2,)), 2: Need((1,)), 8: Need((9,)), 9: Need((8,)), 3: Need((8,))}
    assert [(one.tasks, one.behind) for one in circles(needs)] == [((8, 9), 1), ((1, 2), 0)]


def test_a_long_chain_needs_no_recursion() -> None:
    needs = {task: Need((task + 1,)) for task in range(20_000)}
    needs[20_000] = Need((0,))
    (found,) = circles(needs)
    assert len(found.tasks) == 20_001


@given(NEEDS)
def test_who_is_stuck_is_stuck_by_those_who_are(needs: dict[int, Need]) -> None:
    stuck = stuck_tasks(needs)
    for task in stuck:
        need = needs[task]
        assert (all if need.any_of else any)(one in stuck for one in need.of)


@given(NEEDS)
def test_no_greater_set_could_be_stuck(needs: dict[int, Need]) -> None:
    """Whoever is not stuck goes on at last, when all who can go on do."""
    free = set(range(1, 13)) - stuck_tasks(needs)
    done: set[int] = set()
    for _ in range(13):
        for task in free - done:
            need = needs.get(task, Need(()))
            goes_on = any(one in done for one in need.of) if need.any_of else set(need.of) <= done
            if not need.of or goes_on:
                done.add(task)
    assert done == free


@given(NEEDS)
def test_every_circle_leads_round(needs: dict[int, Need]) -> None:
    for circle in circles(needs):
        following = [*circle.tasks[1:], circle.tasks[0]]
        for task, other in zip(circle.tasks, following, strict=True):
            assert other in needs[task].of
        assert len(set(circle.tasks)) == len(circle.tasks)
