"""Large answers are held while somebody fetches them, and only so many bytes of them."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.cluster.calls.call_messages import CHUNK_BYTES
from aiex.cluster.calls.held_answers import HELD_S, HeldAnswers

KEY, OTHER = ("n1", 7, "a"), ("n2", 7, "a")


def test_an_answer_is_given_in_chunks() -> None:
    held = HeldAnswers()
    body = bytes(range(256)) * (CHUNK_BYTES // 256) + b"end"
    assert held.hold(KEY, body, 0.0)
    assert held.chunk(KEY, 0, 0.0) == body[:CHUNK_BYTES]
    assert held.chunk(KEY, CHUNK_BYTES, 0.0) == b"end"
    assert held.chunk(KEY, len(body), 0.0) is None
    assert held.chunk(OTHER, 0, 0.0) is None


def test_what_nobody_asks_for_is_let_go() -> None:
    held = HeldAnswers()
    held.hold(KEY, b"abc", 0.0)
    held.tidy(HELD_S)
    assert held.chunk(KEY, 1, HELD_S) == b"bc"
    held.tidy(2 * HELD_S)
    assert held.held_bytes == 3
    held.tidy(2 * HELD_S + 0.1)
    assert (held.held_bytes, held.chunk(KEY, 0, 0.0)) == (0, None)


def test_what_is_too_much_is_not_held() -> None:
    held = HeldAnswers(bytes_max=5)
    assert held.hold(KEY, b"abc", 0.0)
    assert not held.hold(OTHER, b"abc", 0.0)
    held.release(KEY)
    assert held.hold(OTHER, b"abc", 0.0)


def test_with_a_caller_goes_all_that_it_waited_for() -> None:
    held = HeldAnswers()
    for key in (KEY, OTHER, ("n1", 8, "a"), ("n1", 7, "b")):
        held.hold(key, b"x", 0.0)
    held.release_of("n1", 7)
    assert held.held_bytes == 2
    assert held.chunk(OTHER, 0, 0.0) == b"x"


@given(st.lists(st.tuples(st.sampled_from(["hold", "release", "tidy", "gone"]), st.integers(0, 3))))
def test_whatever_is_done_the_bytes_are_counted_right(steps: list[tuple[str, int]]) -> None:
    held = HeldAnswers(bytes_max=10)
    for at_s, (step, number) in enumerate(steps):
        key = (f"n{number % 2}", 1, f"c{number}")
        match step:
            case "hold":
                held.hold(key, b"x" * (number + 1), float(at_s))
            case "release":
                held.release(key)
            case "tidy":
                held.tidy(float(at_s))
            case _:
                held.release_of(key[0], 1)
        assert held.held_bytes == sum(len(one.body) for one in held._held.values()) <= 10
