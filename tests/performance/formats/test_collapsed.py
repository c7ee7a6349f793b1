"""Collapsed stacks: what `flamegraph.pl` reads, whatever the names are."""

import re

from aiex.performance import Frame, Labels, ProfileBuilder
from aiex.performance.formats import FORMATS, Difference
from aiex.testing.profiles import hostile_profile, small_profile

# As flamegraph.pl takes a line apart: the last number is the weight, the stack is before it.
LINE = re.compile(r"^(.*)\s+?(\d+)$")
WRITE = FORMATS["collapsed"].write
WRITE_DIFFERENCE = FORMATS["collapsed"].write_difference


def test_a_line_is_a_stack_and_its_weight_heaviest_first() -> None:
    assert WRITE(small_profile(lost=5)).decode().splitlines() == [
        "pkg.mod:main 30",
        "pkg.mod:main;pkg.mod:work;pkg.mod:work 30",
        "pkg.mod:main;pkg.mod:work 20",
        "pkg.mod:main;pkg.mod:work;pkg.mod:leaf 20",
        "(lost) 5",
    ]


def test_stacks_that_differ_by_labels_alone_are_one_line() -> None:
    builder = ProfileBuilder()
    for node in ("n1", "n2"):
        builder.add([Frame("f")], Labels(node=node), 4)
    assert WRITE(builder.profile("cpu", began_at_s=0, seconds=1)) == b"f 8\n"


def test_no_name_can_end_a_frame_or_a_line() -> None:
    profile = hostile_profile()
    lines = WRITE(profile).decode().splitlines()
    taken = [LINE.match(line) for line in lines]
    assert len(lines) == len(profile.samples) + 1
    assert sum(int(one[2]) for one in taken if one) == profile.weight
    assert {one[1].count(";") for one in taken if one} == {0, 1}


def test_two_profiles_are_two_columns_with_the_first_one_scaled() -> None:
    assert WRITE_DIFFERENCE is not None
    difference = Difference(small_profile(seconds=5), small_profile(3, seconds=10), "seconds")
    assert WRITE_DIFFERENCE(difference).decode().splitlines()[0] == "pkg.mod:main 60 90"
