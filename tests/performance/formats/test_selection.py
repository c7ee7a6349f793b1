"""The samples of one service, route, model or thread."""

import pytest

from aiex.performance import Frame, Labels, ProfileBuilder
from aiex.performance.formats import Selection, label_weights, labelled, selected
from aiex.testing.profiles import small_profile


@pytest.mark.parametrize(
    ("selection", "weight"),
    [
        (Selection(), 105),
        (Selection(service="http.api"), 50),
        (Selection(service="http"), 50),
        (Selection(service="htt"), 0),
        (Selection(service="http.api", model="other"), 0),
    ],
)
def test_a_service_is_meant_with_all_below_it(selection: Selection, weight: int) -> None:
    assert selected(small_profile(lost=5), selection).weight == weight


def test_every_label_asked_for_must_be_the_samples() -> None:
    builder = ProfileBuilder()
    builder.add([Frame("f")], Labels(route="/a", model="m", thread="t"), 1)
    builder.add([Frame("f")], Labels(route="/a", model="n", thread="t"), 2)
    profile = builder.profile("cpu", began_at_s=0, seconds=1)
    assert selected(profile, Selection(route="/a", model="n", thread="t")).weight == 2
    assert label_weights(profile, "model") == {"m": 1, "n": 2}


def test_samples_that_do_not_say_their_node_are_of_the_one_that_answered() -> None:
    builder = ProfileBuilder()
    builder.add([Frame("f")], Labels(), 1)
    builder.add([Frame("f")], Labels(node="n2"), 1)
    profile = labelled(builder.profile("cpu", began_at_s=0, seconds=1), node="n1")
    assert [one.node for one in profile.labels] == ["n1", "n2"]
