"""Three nodes share a key's limit while one of them is cut off: together they keep the bound."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from aiex.testing.api_traffic import ApiTraffic
from aiex.testing.lab_cluster import API_PORT, LabCluster, OwnEngines
from aiex.testing.lab_inspection import LabInspection, until_well
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.network_lab import NetworkLab

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(240)]

NAMES = ("n1", "n2", "n3")
FORM_S = 60.0
LIMIT = 60
# Of the guide: nodes * floor(limit / (10 * nodes)).
OVERSHOOT = 6
BURST_S, CUT_S, HEALED_S = 8.0, 25.0, 12.0
# An exchange with the engine takes half a second at most, on each node.
EXCHANGE = 3


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, lab_programs: None) -> Iterator[LabCluster]:
    directory = tmp_path_factory.mktemp("limits")
    try:
        lab = NetworkLab(directory / "machines", NAMES)
    except NamespacesUnavailable as error:
        pytest.skip(str(error))
    with lab, LabCluster(lab, directory / "nodes", OwnEngines(lab)) as made:
        made.start_all()
        troubles, _ = until_well(LabInspection(made).members, FORM_S)
        assert not troubles, troubles
        yield made


def new_key(cluster: LabCluster) -> str:
    """A key under the limit, once all nodes know it."""
    fields = {"name": "cut", "requests_per_minute": LIMIT}
    key: dict[str, str] = {}

    def is_made() -> list[str]:
        if not key:
            key.update(cluster.nodes["n1"].admin("/admin/v1/keys", "POST", fields))
        listed = [cluster.nodes[name].admin("/admin/v1/keys")["keys"] for name in NAMES]
        known = all(key["id"] in {one["id"] for one in keys} for keys in listed)
        return [] if known else ["the key is not known everywhere"]

    troubles, _ = until_well(is_made, FORM_S)
    assert not troubles, troubles
    return key["key"]


@pytest.mark.parametrize("cut_off", NAMES)
def test_a_cut_lets_through_a_share_more_and_no_more(cluster: LabCluster, cut_off: str) -> None:
    key = new_key(cluster)
    began_s = time.monotonic()
    with ApiTraffic(cluster.lab.machines, API_PORT, key=key, model="mock") as traffic:
        time.sleep(BURST_S)
        cluster.lab.cut_off(cut_off)
        cut_at_s = time.monotonic()
        time.sleep(CUT_S)
        cluster.lab.heal()
        healed_at_s = time.monotonic()
        time.sleep(HEALED_S)
        took_s = time.monotonic() - began_s
        answers = traffic.answers(began_s)
    answered = [answer for answer in answers if answer.outcome == "answered"]
    failed = [answer for answer in answers if answer.outcome == "failed"]
    assert not failed, failed[:3]
    # Two go on with all of the limit; the one cut off lets through its third of it as time goes by.
    # While a leader is chosen nobody can ask, and each may use its third at once.
    allowed = LIMIT + took_s * LIMIT / 60 + OVERSHOOT + EXCHANGE
    allowed += LIMIT + (healed_at_s - cut_at_s) * LIMIT / 60 / 3
    assert LIMIT <= len(answered) <= allowed, f"{len(answered)} of {allowed:.0f}"
    cut = Counter(answer.node for answer in answered if cut_at_s < answer.began_s < healed_at_s)
    assert cut[cut_off] >= 1, cut
    assert sum(cut.values()) > cut[cut_off], cut
    print(f"answered {len(answered)}, allowed {allowed:.0f}, during the cut {dict(cut)}")
