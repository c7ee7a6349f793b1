"""Each thing that can be wrong with a cluster has a sentence of its own; a healthy one has none."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from aiex.cluster import (
    RULES,
    DescribedContact,
    DescribedEngine,
    DescribedFormation,
    DescribedHot,
    DescribedMember,
    DescribedOutsider,
    DescribedRefusal,
    Description,
    Evidence,
    Silence,
    Witness,
    diagnosed,
)
from aiex.cluster.diagnosis.upkeep import CERTIFICATE_ENDS_IN_S
from aiex.engine import BOTH_HAVE_STATE
from aiex.engine.strangers import CHECK_CERTIFICATE, CHECK_SECRET

NAMES = ("n1", "n2", "n3")
HOSTS = {"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3", "n4": ""}
CARRIERS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
NOW_S = 1.8e9
GIB = 1024**3
replace = msgspec.structs.replace

type Plant = Callable[[Evidence], Evidence]


def contact(host: str, **more: Any) -> DescribedContact:
    told = DescribedContact(
        host, host, 6222, 4222, "open", "open", server=host, cluster="aiex", has_tls=False
    )
    return replace(told, **more)


def witness(name: str) -> Witness:
    formation = DescribedFormation(
        "aiex",
        "static",
        "carrier",
        carrier=HOSTS[name],
        epoch=1,
        is_in_force=True,
        carriers=CARRIERS,
        seeds=CARRIERS,
        found=CARRIERS,
        servers=dict.fromkeys(CARRIERS, True),
        shared_settings={"cluster.carriers": "a", "models": "b"},
        certificates={"cluster.tls_certificate_file": NOW_S + 90 * 86400},
        disk_free_bytes=50 * GIB,
        disk_bytes=100 * GIB,
    )
    members = tuple(DescribedMember(one, 7, "up", carrier=HOSTS[one]) for one in NAMES)
    description = Description(
        name,
        7,
        "1.0",
        1,
        "3.13",
        "ready",
        NOW_S,
        NOW_S,
        {},
        DescribedEngine("embedded", "up"),
        members,
        formation=formation,
    )
    others = tuple(contact(HOSTS[one]) for one in NAMES if one != name)
    return Witness(description, others, clock_doubt_s=0.005)


HEALTHY = Evidence("n1", tuple(map(witness, NAMES)), now_s=NOW_S)


def changed(
    evidence: Evidence,
    name: str,
    *,
    engine: DescribedEngine | None = None,
    hot: DescribedHot | None = None,
    members: tuple[DescribedMember, ...] | None = None,
    contacts: tuple[DescribedContact, ...] | None = None,
    clock_ahead_s: float = 0.0,
    **formation: Any,
) -> Evidence:
    """The same with one node telling something else."""

    def told(one: Witness) -> Witness:
        if one.name != name:
            return one
        assert one.formation is not None
        description = replace(
            one.description,
            engine=engine or one.description.engine,
            hot=hot or one.description.hot,
            members=one.description.members if members is None else members,
            formation=replace(one.formation, **formation),
        )
        return replace(
            one,
            description=description,
            contacts=one.contacts if contacts is None else contacts,
            clock_ahead_s=clock_ahead_s,
        )

    return replace(evidence, witnesses=tuple(map(told, evidence.witnesses)))


def seeing(evidence: Evidence, name: str, **states: str) -> Evidence:
    """The same with one node seeing others in these states."""
    one = next(one for one in evidence.witnesses if one.name == name)
    members = tuple(
        replace(member, state=states.get(member.name, member.state))
        for member in one.description.members
    )
    return changed(evidence, name, members=members)


def without(evidence: Evidence, *names: str) -> Evidence:
    """The same with nobody to ask there, and missed by the others."""
    left = tuple(one for one in evidence.witnesses if one.name not in names)
    evidence = replace(
        evidence,
        witnesses=left,
        silences=tuple(Silence(one, "down", f"{one} is down") for one in names),
    )
    for one in left:
        evidence = seeing(evidence, one.name, **dict.fromkeys(names, "down"))
    return evidence


def alone(evidence: Evidence, **formation: Any) -> Evidence:
    """The asked node before anything is formed: it knows what it was told and what it reaches."""
    own = next(one for one in evidence.witnesses if one.name == "n1")
    joining = (DescribedMember("n1", 7, "joining"),)
    return changed(
        replace(evidence, witnesses=(own,)),
        "n1",
        members=joining,
        engine=DescribedEngine("embedded", "no quorum", "too few servers"),
        contacts=formation.pop("contacts", own.contacts),
        is_in_force=False,
        servers=None,
        waiting_for="waits for a quorum of the carriers 10.0.0.1, 10.0.0.2 and 10.0.0.3",
        **formation,
    )


def refused(reason: str, address: str, *, is_own: bool = False) -> Any:
    return (DescribedRefusal(reason, address, is_own),)


SHUT = {"route": "silent", "client": "silent", "server": "", "cluster": ""}
SECRET = f"another server has the wrong user or password: {CHECK_SECRET}"


def cut(evidence: Evidence, one: str, other: str) -> Evidence:
    """The same with these two finding nothing at each other's ports, as is seen from both."""
    for name, there in ((one, other), (other, one)):
        seen = tuple(
            contact(HOSTS[third], **(SHUT if third == there else {}))
            for third in NAMES
            if third != name
        )
        evidence = changed(evidence, name, contacts=seen)
    return evidence


# What is planted, the rule that must name it, and what its sentence must say.
PLANTED: dict[str, tuple[Plant, str, str]] = {
    "a wrong secret, refused here": (
        lambda e: alone(e, refusals=refused(SECRET, "10.0.0.3")),
        "wrong_secret",
        "10.0.0.3 and n1 have different secrets.",
    ),
    "a wrong secret, refused there": (
        lambda e: alone(e, contacts=(contact("10.0.0.2", refusal=f"no; {CHECK_SECRET}"),)),
        "wrong_secret",
        "10.0.0.2 and n1 have different secrets.",
    ),
    "a wrong cluster name": (
        lambda e: alone(
            e,
            contacts=(contact("10.0.0.3", cluster="other", refusal=f"no; {CHECK_SECRET}"),),
            refusals=refused(SECRET, "10.0.0.3"),
        ),
        "other_cluster",
        "The node at 10.0.0.3 is of the cluster 'other', n1 of 'aiex'.",
    ),
    "TLS on one node only": (
        lambda e: alone(
            e,
            contacts=(contact("10.0.0.2", has_tls=True),),
            refusals=refused(CHECK_CERTIFICATE, "10.0.0.2"),
        ),
        "tls_on_one_side",
        "The engine of 10.0.0.2 speaks TLS and that of n1 does not.",
    ),
    "a certificate of another authority": (
        lambda e: alone(e, refusals=refused(CHECK_CERTIFICATE, "10.0.0.2")),
        "certificate_refused",
        "n1 and 10.0.0.2 do not take each other's certificates",
    ),
    "a seed that nobody is": (
        lambda e: alone(e, contacts=(contact("10.0.0.2"), contact("10.0.0.3", **SHUT))),
        "seed_is_nobody",
        "The seed 10.0.0.3 is nobody: nothing answers at its ports 6222 and 4222",
    ),
    "a seed where nobody listens": (
        lambda e: alone(
            e, contacts=(contact("10.0.0.3", **SHUT | {"route": "closed", "client": "closed"}),)
        ),
        "seed_is_nobody",
        "The seed 10.0.0.3 is nobody: its machine is there, and nobody listens",
    ),
    "seeds that differ": (
        lambda e: changed(e, "n3", seeds=("10.0.0.1", "10.0.0.2", "10.0.0.9")),
        "seeds_differ",
        "The seeds of n3 (10.0.0.1, 10.0.0.2 and 10.0.0.9) are not those of the others.",
    ),
    "two nodes with one name, seen by a third": (
        lambda e: changed(e, "n1", outsiders=(DescribedOutsider("n2", 3, "later", is_twin=True),)),
        "name_twice",
        "Two processes call themselves n2",
    ),
    "two nodes with one name, this one is the earlier": (
        lambda e: alone(e, has_twin=True),
        "name_twice",
        "Two processes call themselves n1",
    ),
    "a protocol too far apart, by what is heard": (
        lambda e: changed(e, "n1", outsiders=(DescribedOutsider("n9", 3, "it speaks 7"),)),
        "protocol_apart",
        "n9 does not understand the members: it speaks 7.",
    ),
    "a protocol too far apart, by a call": (
        lambda e: replace(e, silences=(Silence("n9", "too old", "n9 speaks 7"),)),
        "protocol_apart",
        "n9 does not understand n1: n9 speaks 7.",
    ),
    "a clock that is ahead": (
        lambda e: changed(e, "n2", clock_ahead_s=4.0),
        "clock_skewed",
        "The clock of n2 is 4.0 s ahead of that of the others.",
    ),
    "the asked node's own clock": (
        lambda e: changed(changed(e, "n2", clock_ahead_s=-4.0), "n3", clock_ahead_s=-4.0),
        "clock_skewed",
        "The clock of n1 is 4.0 s ahead of that of the others.",
    ),
    "a one-way cut": (
        lambda e: seeing(e, "n2", n1="down"),
        "one_way",
        "n1 hears n2, and n2 does not hear n1.",
    ),
    "a partial cut": (
        lambda e: seeing(seeing(e, "n1", n2="down"), "n2", n1="down"),
        "partial_cut",
        "n1 and n2 do not reach each other; n3 reaches both.",
    ),
    "a partial cut, asked at one of the two": (
        lambda e: seeing(
            replace(
                e,
                witnesses=tuple(one for one in e.witnesses if one.name != "n2"),
                silences=(Silence("n2", "down", "n2 is down"),),
            ),
            "n1",
            n2="down",
        ),
        "partial_cut",
        "n1 and n2 do not reach each other; n3 reaches both.",
    ),
    "a partial cut, of a node that is connected at a third one's server": (
        lambda e: cut(e, "n1", "n2"),
        "partial_cut",
        "n1 and n2 do not reach each other; n3 reaches both.",
    ),
    "a partial cut, which disturbs the engine's elections": (
        lambda e: changed(
            cut(e, "n1", "n2"), "n2", engine=DescribedEngine("embedded", "no quorum", "too few")
        ),
        "partial_cut",
        "n1 and n2 do not reach each other; n3 reaches both.",
    ),
    "a firewall between two nodes": (
        lambda e: changed(
            seeing(seeing(e, "n1", n2="down"), "n2", n1="down"),
            "n1",
            contacts=(contact("10.0.0.2", route="silent"), contact("10.0.0.3")),
        ),
        "port_blocked",
        "n1 does not get through to port 6222 of 10.0.0.2, and does to its other port.",
    ),
    "no quorum": (
        lambda e: changed(
            without(e, "n2", "n3"),
            "n1",
            engine=DescribedEngine("embedded", "no quorum", "too few servers"),
            contacts=(contact("10.0.0.2", **SHUT), contact("10.0.0.3", **SHUT)),
            servers=None,
        ),
        "no_quorum",
        "of its 3 carriers n2 (10.0.0.2) and n3 (10.0.0.3) are away.",
    ),
    "one carrier of three": (
        lambda e: without(e, "n3"),
        "carrier_away",
        "n3 (10.0.0.3) is away, of the 3 that carry the engine.",
    ),
    "a member that carries nothing": (
        lambda e: changed(
            e,
            "n1",
            members=(
                *e.witnesses[0].description.members,
                DescribedMember("n4", 7, "down", "silent"),
            ),
        ),
        "member_missing",
        "n4 is missing without a goodbye",
    ),
    "DNS that gives too few": (
        lambda e: alone(
            e,
            discovery="dns",
            seeds=(),
            found=("10.0.0.1",),
            found_waits_for="2 more behind aiex (a headless service needs …)",
        ),
        "dns_gives_too_few",
        "DNS names 1 of the carriers to n1",
    ),
    "a place that cannot be found": (
        lambda e: alone(e, found_trouble="several seeds are this machine: a, b"),
        "discovery_troubled",
        "n1 does not find its place: several seeds are this machine: a, b.",
    ),
    "models that differ": (
        lambda e: changed(e, "n2", shared_settings={"cluster.carriers": "a", "models": "x"}),
        "settings_differ",
        "models of n2 is not that of the others.",
    ),
    "a number of carriers that differs": (
        lambda e: changed(e, "n3", shared_settings={"cluster.carriers": "x", "models": "b"}),
        "settings_differ",
        "cluster.carriers of n3 is not that of the others.",
    ),
    "a full disk": (
        lambda e: changed(
            e,
            "n2",
            engine=DescribedEngine("embedded", "down", "the disk that holds /d is full; free some"),
        ),
        "disk_full",
        "The disk under the engine of n2 is full.",
    ),
    "a disk that is almost full": (
        lambda e: changed(e, "n2", disk_free_bytes=GIB),
        "disk_full",
        "The disk under the engine of n2 has 1024 MiB left.",
    ),
    "two nodes with state of their own": (
        lambda e: alone(e, state_trouble=f"the nodes n1, n2 {BOTH_HAVE_STATE}"),
        "two_states",
        "Two nodes have state of their own",
    ),
    "a certificate that ends soon": (
        lambda e: changed(e, "n2", certificates={"api.tls_certificate_file": NOW_S + 86400}),
        "certificate_ends",
        "The certificate in api.tls_certificate_file of n2 ends in 1 days.",
    ),
    "a hot value that is refused": (
        lambda e: changed(e, "n2", hot=DescribedHot(7, True, {"x": "x: expected 1."})),
        "hot_value_refused",
        "n2 does not take a hot value: x: expected 1.",
    ),
    "hot values that are behind": (
        lambda e: changed(
            changed(e, "n1", hot=DescribedHot(9, True)), "n2", hot=DescribedHot(7, True)
        ),
        "hot_values_behind",
        "n2 has the hot values of revision 7, others those of 9.",
    ),
    "an engine that is down": (
        lambda e: changed(e, "n2", engine=DescribedEngine("embedded", "down", "it ended")),
        "engine_ill",
        "The engine at n2 is down: it ended.",
    ),
    "a cluster that is forming": (
        lambda e: changed(
            alone(e),
            "n1",
            engine=DescribedEngine("embedded", "connecting"),
        ),
        "not_formed",
        "n1 does not take part yet: waits for a quorum",
    ),
    "a node that does not answer": (
        lambda e: replace(e, silences=(Silence("n3", "deadline", "no answer within 2 s"),)),
        "member_silent",
        "n3 does not answer: no answer within 2 s.",
    ),
}


def test_nothing_is_wrong_with_a_healthy_cluster() -> None:
    assert diagnosed(HEALTHY) == ()


def test_a_node_on_its_own_is_healthy() -> None:
    own = changed(
        replace(HEALTHY, witnesses=HEALTHY.witnesses[:1]),
        "n1",
        members=(DescribedMember("n1", 7, "up"),),
        contacts=(),
        seat="alone",
        discovery="none",
        is_in_force=False,
        carriers=(),
        seeds=(),
        found=(),
        carrier="",
    )
    assert diagnosed(own) == ()


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_wrong_is_named_by_its_own_sentence_alone(what: str) -> None:
    plant, rule, text = PLANTED[what]
    findings = diagnosed(plant(HEALTHY))
    assert {one.rule for one in findings} == {rule}, findings
    assert text in findings[0].text
    assert all(one.text.endswith(".") and one.next_step.endswith(".") for one in findings)


def test_every_rule_is_planted_here() -> None:
    assert {rule for _, rule, _ in PLANTED.values()} == {rule.name for rule in RULES}


def test_rules_give_way_only_to_rules_before_them() -> None:
    names = [rule.name for rule in RULES]
    for position, rule in enumerate(RULES):
        assert set(rule.unless) <= set(names[:position])


def test_two_things_that_have_nothing_to_do_with_each_other_are_both_named() -> None:
    both = changed(without(HEALTHY, "n3"), "n2", clock_ahead_s=9.0)
    assert [one.rule for one in diagnosed(both)] == ["carrier_away", "clock_skewed"]


def test_an_old_release_that_tells_little_is_not_taken_for_ill() -> None:
    old = replace(HEALTHY.witnesses[2].description, formation=None)
    evidence = replace(HEALTHY, witnesses=(*HEALTHY.witnesses[:2], Witness(old)))
    assert diagnosed(evidence) == ()


def test_what_only_one_of_two_does_not_reach_is_no_cut() -> None:
    """One that is busy finds nothing in time; and a way in one direction is enough for a route."""
    seen = cut(HEALTHY, "n1", "n2")
    own = next(one for one in HEALTHY.witnesses if one.name == "n2")
    assert diagnosed(changed(seen, "n2", contacts=own.contacts)) == ()


def test_ports_where_nobody_listens_are_no_cut() -> None:
    """The machine answers: a server is being restarted there."""
    evidence = HEALTHY
    for name, other in (("n1", "n2"), ("n2", "n1")):
        closed = contact(HOSTS[other], **SHUT | {"route": "closed", "client": "closed"})
        evidence = changed(evidence, name, contacts=(closed, contact(HOSTS["n3"])))
    assert diagnosed(evidence) == ()


def test_two_that_nobody_else_reaches_are_no_cut_between_them() -> None:
    assert not [
        one
        for one in diagnosed(cut(cut(HEALTHY, "n1", "n2"), "n3", "n2"))
        if "n1 and n2" in one.text
    ]


def test_a_certificate_is_told_two_weeks_ahead() -> None:
    def told(left_s: float) -> list[str]:
        ends = {"api.tls_certificate_file": NOW_S + left_s}
        return [one.text for one in diagnosed(changed(HEALTHY, "n1", certificates=ends))]

    assert told(CERTIFICATE_ENDS_IN_S + 1) == []
    assert told(CERTIFICATE_ENDS_IN_S - 1) != []
    assert told(-1.0) == ["The certificate in api.tls_certificate_file of n1 has ended."]
