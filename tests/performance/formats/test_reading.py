"""What was written can be read again, and what is no profile is refused in words."""

import json
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.performance import Frame, Labels, Profile, ProfileBuilder
from aiex.performance.formats import FORMATS, ProfileUnreadable, read_profile
from aiex.testing.profiles import hostile_profile, small_profile

FRAMES = st.builds(Frame, st.text(max_size=8), st.text(max_size=4), st.integers(0, 99))
LABELS = st.builds(Labels, st.sampled_from(["", "n1"]), route=st.sampled_from(["", "/v1/x"]))
ADDED = st.lists(
    st.tuples(st.lists(FRAMES, max_size=6), LABELS, st.integers(0, 10**12), st.integers(1, 1000)),
    max_size=12,
)
type Added = list[tuple[list[Frame], Labels, int, int]]


def said(profile: Profile) -> object:
    """Everything it says, whatever the order of its frames, labels and samples."""
    samples = {
        (tuple(profile.frames[place] for place in one.stack), profile.labels[one.labels]): (
            one.weight,
            one.count,
        )
        for one in profile.samples
    }
    return (
        (profile.kind, profile.began_at_s, profile.seconds, profile.lost, profile.notes),
        samples,
    )


@pytest.mark.parametrize("name", ["json", "speedscope"])
@given(
    ADDED,
    st.sampled_from(["cpu", "wall", "memory"]),
    st.integers(0, 99),
    st.lists(st.text(max_size=9), max_size=2),
)
def test_what_was_written_is_read_as_it_was(
    name: str, added: Added, kind: Literal["cpu", "wall", "memory"], lost: int, notes: list[str]
) -> None:
    builder = ProfileBuilder()
    for stack, labels, weight, count in added:
        builder.add(stack, labels, weight, count)
    profile = builder.profile(kind, began_at_s=1.5, seconds=2.0, lost=lost, notes=notes)
    assert said(read_profile(FORMATS[name].write(profile), "x")) == said(profile)


def test_answers_of_several_nodes_are_read_as_one() -> None:
    answers = [{"node": name, "answer": msgspec.to_builtins(small_profile())} for name in "ab"]
    document = json.dumps({"answers": answers, "failures": []}).encode()
    assert read_profile(document, "x").weight == 2 * small_profile().weight


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"answers": []}',
        b'{"aiex_profile": 2, "profile": {"kind": "cpu", "began_at_s": 0, "seconds": 1}}',
        b'{"kind": "cpu", "began_at_s": 0, "seconds": 1, "frames": [["f"]], "labels": [[]], '
        b'"samples": [[[1], 0, 5]]}',
        b'{"kind": "cpu", "began_at_s": 0, "seconds": 1, "frames": [["f"]], "labels": [], '
        b'"samples": [[[0], -1, 5]]}',
        "{}".encode("utf-16"),
        FORMATS["html"].write(hostile_profile()),
        FORMATS["pprof"].write(hostile_profile()),
    ],
)
def test_what_is_no_profile_is_refused_with_what_can_be_read(document: bytes) -> None:
    with pytest.raises(ProfileUnreadable, match=r"x\.y .*\.speedscope\.json"):
        read_profile(document, "x.y")
