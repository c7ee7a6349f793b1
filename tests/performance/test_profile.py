"""Profiles: what was added is in them, and those of several nodes are one without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.performance import Frame, Labels, Profile, ProfileBuilder, merged

FRAMES = st.sampled_from([Frame(f"pkg.mod:f{number}", "mod.py", number) for number in range(4)])
STACKS = st.lists(FRAMES, max_size=5)
LABELS = st.sampled_from([Labels(), Labels(node="n1"), Labels(node="n2", service="http.api")])
ADDED = st.lists(st.tuples(STACKS, LABELS, st.integers(0, 1000)), max_size=20)
type Added = list[tuple[list[Frame], Labels, int]]


def profile_of(added: Added, lost: int = 0) -> Profile:
    builder = ProfileBuilder()
    for stack, labels, weight in added:
        builder.add(stack, labels, weight)
    return builder.profile("cpu", began_at_s=10.0, seconds=1.0, lost=lost)


def weights(profile: Profile) -> dict[tuple[tuple[Frame, ...], Labels], tuple[int, int]]:
    return {
        (
            tuple(profile.frames[place] for place in one.stack),
            profile.labels[one.labels],
        ): (one.weight, one.count)
        for one in profile.samples
    }


@given(ADDED, ADDED)
def test_merged_profiles_have_what_both_had(one: Added, other: Added) -> None:
    together = merged([profile_of(one, lost=3), profile_of(other, lost=4)])
    assert weights(together) == weights(profile_of(one + other))
    assert together.weight == sum(weight for *_, weight in one + other) + 7
    assert together.lost == 7


@given(ADDED)
def test_a_stack_under_the_same_labels_is_one_sample(added: Added) -> None:
    profile = profile_of(added)
    keys = [(one.stack, one.labels) for one in profile.samples]
    assert len(keys) == len(set(keys))
    assert sum(one.count for one in profile.samples) == len(added)


def test_kinds_are_not_merged_and_none_is_no_profile() -> None:
    cpu = profile_of([])
    memory = ProfileBuilder().profile("memory", began_at_s=0.0, seconds=1.0)
    assert (cpu.unit, memory.unit) == ("us", "bytes")
    with pytest.raises(ValueError, match=r"cpu.*memory"):
        merged([cpu, memory])
    with pytest.raises(ValueError, match="none"):
        merged([])
