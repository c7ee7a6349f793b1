"""Who has all of the state, while others write: by what leaders say, and by what is on discs."""

from aiex.engine.stream_info import Follower, StreamInfo, StreamServers, StreamState
from aiex.engine.stream_replicas import HEADS_LAST_S, Heads, doubted, lacking


def stream(last: int, *followers: Follower, name: str = "T_a", created: str = "noon") -> StreamInfo:
    servers = StreamServers("n1", followers)
    return StreamInfo(created, {"name": name}, StreamState(last, 1, last), servers)


def follower(name: str, lag: int = 0, *, current: bool = True) -> Follower:
    return Follower(name, current, lag)


def stores(**last: int) -> dict[str, dict[str, StreamState]]:
    return {server: {"T_a": StreamState(seq, 1, seq)} for server, seq in last.items()}


def seen(last: int, at_s: float = 10.0) -> Heads:
    return Heads.of([stream(last)], at_s)


def test_who_lags_by_less_than_was_written_since_the_last_look_is_not_doubted() -> None:
    streams = [stream(150, follower("n2", 50), follower("n3", 3, current=False))]
    assert doubted(streams, seen(100)) == set()
    assert doubted(streams, seen(101)) == {"n2"}
    assert doubted(streams, Heads()) == {"n2", "n3"}, "at the first look nobody is excused"


def test_who_is_not_current_with_nothing_to_get_is_doubted() -> None:
    assert doubted([stream(150, follower("n2", current=False))], seen(100)) == {"n2"}


def test_who_has_on_its_disc_what_the_last_look_saw_lacks_nothing() -> None:
    streams = [stream(150, follower("n2"), follower("n3"))]
    assert lacking(streams, stores(n1=150, n2=149, n3=100), seen(100)) == set()
    assert lacking(streams, stores(n1=150, n2=149, n3=99), seen(100)) == {"n3"}
    assert lacking(streams, stores(n1=150, n2=149, n3=150), Heads()) == {"n2"}


def test_who_does_not_answer_or_has_nothing_of_a_stream_lacks_it() -> None:
    streams = [stream(0, follower("n2"), follower("n3"))]
    assert lacking(streams, stores(n1=0, n2=0), seen(0)) == {"n3"}
    assert lacking(streams, {**stores(n1=0, n2=0), "n3": {}}, seen(0)) == {"n3"}


def test_a_leader_is_held_to_what_it_says_too() -> None:
    assert lacking([stream(9, follower("n2"))], stores(n1=7, n2=9), seen(9)) == {"n1"}


def test_a_stream_of_another_name_or_making_was_not_seen_before() -> None:
    new = [stream(150, follower("n2"), created="later")]
    assert lacking(new, stores(n1=150, n2=120), seen(100)) == {"n2"}
    other = [stream(150, follower("n2"), name="T_b")]
    assert lacking(other, {}, seen(100)) == {"n1", "n2"}


def test_a_stream_that_is_shorter_than_before_asks_for_no_more_than_it_has() -> None:
    assert lacking([stream(5, follower("n2"))], stores(n1=5, n2=5), seen(100)) == set()


def test_old_heads_excuse_nobody() -> None:
    streams = [stream(150, follower("n2", 50))]
    assert doubted(streams, seen(100, at_s=10.0).still(10.0 + HEADS_LAST_S)) == set()
    assert doubted(streams, seen(100, at_s=10.0).still(10.1 + HEADS_LAST_S)) == {"n2"}
