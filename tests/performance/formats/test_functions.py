"""How much each function took, itself and with what it called."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.performance import Frame, Labels, ProfileBuilder
from aiex.performance.formats import function_weights
from aiex.testing.profiles import small_profile


def test_a_function_that_calls_itself_is_counted_once_a_stack() -> None:
    weights = {
        one.frame.function: (one.own, one.total) for one in function_weights(small_profile())
    }
    assert weights == {
        "pkg.mod:work": (50, 70),
        "pkg.mod:main": (30, 100),
        "pkg.mod:leaf": (20, 20),
    }


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), st.integers(0, 9)))
)
def test_what_functions_took_themselves_is_all_there_is(added: list[tuple[list[str], int]]) -> None:
    builder = ProfileBuilder()
    for stack, weight in added:
        builder.add([Frame(name) for name in stack], Labels(), weight)
    profile = builder.profile("cpu", began_at_s=0, seconds=1, lost=3)
    weights = function_weights(profile)
    assert sum(one.own for one in weights) == profile.weight
    assert all(one.own <= one.total <= profile.weight for one in weights)
