"""What is hot: by function with its own lines and all below, by whose work, by coroutine."""

from aiex.performance.profile import Frame, Labels, ProfileBuilder
from aiex.performance.sampling.hot import hottest
from aiex.performance.sampling.requests import Hot
from aiex.performance.sampling.totals import coroutine

OUTER, MIDDLE, INNER = Frame("m:outer", "m.py", 1), Frame("m:middle"), Frame("m:inner")
API = Labels(service="http.api", route="/v1/models")
ENGINE = Labels(service="engine")


def built(lost_us: int = 0) -> ProfileBuilder:
    builder = ProfileBuilder()
    builder.add([OUTER, MIDDLE, INNER], API, 3_000_000)
    builder.add([OUTER, MIDDLE], API, 1_000_000)
    builder.add([OUTER, MIDDLE, OUTER], ENGINE, 4_000_000)
    return builder


PROFILE = built().profile("cpu", began_at_s=1.0, seconds=60.0, notes=["a note"])


def test_functions_come_by_their_own_lines_and_say_what_they_called_once() -> None:
    found = hottest(PROFILE, "function", 10)
    assert found.hot == (
        Hot("m:outer", 4.0, 8.0, 0.5, "m.py", 1),
        Hot("m:inner", 3.0, 3.0, 0.375),
        Hot("m:middle", 1.0, 8.0, 0.125),
    )
    assert (found.cpu_s, found.seconds, found.notes) == (8.0, 60.0, ("a note",))


def test_services_routes_and_coroutines_have_all_of_their_stacks() -> None:
    assert hottest(PROFILE, "service", 1).hot == (Hot("http.api", 4.0, 4.0, 0.5),)
    assert [one.key for one in hottest(PROFILE, "route", 5).hot] == ["/v1/models", "(none)"]
    assert hottest(PROFILE, "coroutine", 5).hot == (Hot("m:outer", 8.0, 8.0, 1.0, "m.py", 1),)


def test_shares_are_of_all_that_was_used_and_not_of_what_is_told() -> None:
    profile = built().profile("cpu", began_at_s=1.0, seconds=60.0, lost=8_000_000)
    assert [one.share for one in hottest(profile, "function", 3).hot] == [0.25, 0.1875, 0.0625]


def test_of_nothing_nothing_is_hot() -> None:
    empty = ProfileBuilder().profile("cpu", began_at_s=1.0, seconds=60.0)
    assert hottest(empty, "function", 10).hot == ()


def test_a_server_s_wrapper_is_not_the_coroutine_that_is_meant() -> None:
    wrapper = "granian._futures:_future_watcher_wrapper.<locals>.future_watcher"
    assert coroutine([wrapper, "aiex.assistant.api:Api.respond", "m:f"]).endswith("Api.respond")
    assert coroutine([wrapper]) == wrapper


def test_a_service_is_not_told_as_the_supervisor_that_waits_for_it() -> None:
    above = ["aiex.node.process:_main", "asyncio.tasks:wait", "aiex.node.supervisor:Supervisor.run"]
    waiting = ["asyncio.tasks:wait", "asyncio.tasks:_wait"]
    service = ["a.service:Service.run", "asyncio.tasks:sleep"]
    assert coroutine([*above, *waiting, above[-1], *waiting, *service]) == "a.service:Service.run"
    assert coroutine([*above, *waiting]) == above[-1]
