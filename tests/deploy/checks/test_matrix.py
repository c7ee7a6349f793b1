from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from scripts.chart.matrix import DEFAULT, LONG, breaks, covering, features, rows

LEVELS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.integers(2, 4).map(lambda count: tuple(str(number) for number in range(count))),
    min_size=2,
)


@given(LEVELS)
def test_any_two_levels_of_two_features_meet_in_a_row(levels: dict[str, tuple[str, ...]]) -> None:
    found = covering(levels)
    for one, other in combinations(levels, 2):
        met = {(row[one], row[other]) for row in found}
        assert met == {(here, there) for here in levels[one] for there in levels[other]}


@given(LEVELS)
def test_the_same_levels_give_the_same_rows(levels: dict[str, tuple[str, ...]]) -> None:
    assert covering(levels) == covering(levels)


def test_far_fewer_rows_than_all_combinations() -> None:
    assert len(covering(dict.fromkeys("abcdefgh", ("0", "1", "2")))) < 25


def test_a_feature_has_its_default_and_a_level_for_each_file() -> None:
    assert features(["scaling.hpa", "scaling.keda", "mesh.istio"]) == {
        "scaling": (DEFAULT, "hpa", "keda"),
        "mesh": (DEFAULT, "istio"),
    }


def test_a_file_says_which_rules_it_breaks_and_why() -> None:
    text = "# One node.\n# breaks kube-score/deployment-replicas: it is asked for\nreplicas: 1\n"
    assert breaks(text) == {"kube-score/deployment-replicas": "it is asked for"}


def test_the_charts_matrix_has_each_file_alone_and_all_pairs_under_the_longest_name() -> None:
    found = rows()
    alone = {one.name for one in found if one.is_alone}
    assert {"default", "scaling.hpa", "scaling.keda", "engine.external", "pods.big"} <= alone
    paired = [one for one in found if not one.is_alone]
    assert {one.release for one in paired} == {LONG}
    assert len(LONG.name) == 53
    together = [{file.name for file in one.files} for one in paired]
    assert any({"scaling.keda.yaml", "mesh.istio.yaml"} <= names for names in together)
