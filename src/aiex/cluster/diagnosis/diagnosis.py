"""What is wrong with a cluster, by its evidence: small rules, each with its sentence. Pure.

A rule looks at one thing; the modules beside this one have them, by what they look at.
"""

from aiex.cluster.diagnosis import discovery, engine, network, trust, upkeep
from aiex.cluster.diagnosis.evidence import Evidence
from aiex.cluster.diagnosis.finding import Finding, Rule

FINDINGS_MAX = 64

# What keeps nodes apart: most of what follows from it is not worth a sentence beside it.
_APART = (
    Rule("other_cluster", trust.other_cluster),
    Rule("tls_on_one_side", trust.tls_on_one_side),
    Rule("wrong_secret", trust.wrong_secret, unless=("other_cluster", "tls_on_one_side")),
    Rule("certificate_refused", trust.certificate_refused, unless=("tls_on_one_side",)),
    Rule("name_twice", trust.name_twice),
    Rule("protocol_apart", trust.protocol_apart),
    Rule("seeds_differ", discovery.seeds_differ),
    Rule(
        "seed_is_nobody",
        discovery.seed_is_nobody,
        unless=("other_cluster", "tls_on_one_side", "wrong_secret", "seeds_differ"),
    ),
    Rule("dns_gives_too_few", discovery.dns_gives_too_few),
    Rule("discovery_troubled", discovery.discovery_troubled),
    Rule("port_blocked", network.port_blocked),
    Rule("one_way", network.one_way, unless=("port_blocked", "name_twice")),
    Rule("partial_cut", network.partial_cut, unless=("port_blocked", "name_twice", "one_way")),
    Rule("two_states", engine.two_states),
    Rule("disk_full", engine.disk_full),
)
_APART_NAMES = tuple(rule.name for rule in _APART)
_CARRIERS_AWAY_NAMES = (*_APART_NAMES, "no_quorum", "carrier_away")
RULES = (
    *_APART,
    Rule("no_quorum", engine.no_quorum, unless=_APART_NAMES),
    Rule("carrier_away", engine.carrier_away, unless=(*_APART_NAMES, "no_quorum")),
    Rule("member_missing", engine.member_missing, unless=_APART_NAMES),
    Rule("engine_ill", engine.engine_ill, unless=_CARRIERS_AWAY_NAMES),
    Rule("not_formed", engine.not_formed, unless=(*_CARRIERS_AWAY_NAMES, "engine_ill")),
    Rule("clock_skewed", upkeep.clock_skewed),
    Rule("settings_differ", upkeep.settings_differ),
    Rule("hot_value_refused", upkeep.hot_value_refused),
    Rule("hot_values_behind", upkeep.hot_values_behind, unless=(*_APART_NAMES, "no_quorum")),
    Rule("certificate_ends", upkeep.certificate_ends),
    Rule("member_silent", upkeep.member_silent, unless=_CARRIERS_AWAY_NAMES),
)


def diagnosed(evidence: Evidence) -> tuple[Finding, ...]:
    """All that is wrong, causes before what follows from them; nothing for a healthy cluster."""
    findings: dict[Finding, None] = {}
    for rule in RULES:
        names = {one.rule for one in findings}
        if names.isdisjoint(rule.unless):
            findings |= {Finding(rule.name, *found): None for found in rule.find(evidence)}
    return tuple(findings)[:FINDINGS_MAX]
