"""Do the nodes take each other for members: by the cluster's name, secret, TLS, protocol, names?"""

from aiex.cluster.diagnosis.evidence import Evidence
from aiex.cluster.diagnosis.finding import Found


def other_cluster(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for contact in witness.contacts:
            if contact.cluster and contact.cluster != formation.cluster:
                yield (
                    f"The node at {contact.host} is of the cluster {contact.cluster!r}, "
                    f"{witness.name} of {formation.cluster!r}.",
                    "Give all nodes of one cluster the same cluster.name, or take the other one "
                    "out of the seeds.",
                )


def tls_on_one_side(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for contact in witness.contacts:
            if contact.server and contact.has_tls != formation.has_tls:
                one, other = (
                    (contact.host, witness.name)
                    if contact.has_tls
                    else (witness.name, contact.host)
                )
                yield (
                    f"The engine of {one} speaks TLS and that of {other} does not.",
                    "Set cluster.tls_certificate_file, tls_key_file and tls_ca_file on all nodes, "
                    "or on none.",
                )


def wrong_secret(evidence: Evidence) -> Found:
    step = (
        "Give all nodes the same cluster.secret (AIEX_CLUSTER__SECRET_FILE) and restart the one "
        "that had another."
    )
    told = set()
    for witness, contact in evidence.contacts():
        if "cluster.secret" in contact.refusal:
            told.add(witness.name)
            yield f"{contact.host} and {witness.name} have different secrets.", step
    for witness, formation in evidence.formations():
        if witness.name not in told:
            for address in sorted(
                {
                    one.address.rpartition(":")[0] if one.is_own else one.address
                    for one in formation.refusals
                    if "cluster.secret" in one.reason
                }
            ):
                yield f"{address} and {witness.name} have different secrets.", step


def certificate_refused(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for refusal in formation.refusals:
            if "cluster.tls_ca_file" in refusal.reason or "extendedKeyUsage" in refusal.reason:
                yield (
                    f"{witness.name} and {refusal.address} do not take each other's certificates: "
                    f"{refusal.reason}.",
                    "Issue the certificates of all nodes from the authority in "
                    "cluster.tls_ca_file, for serverAuth and clientAuth.",
                )


def name_twice(evidence: Evidence) -> Found:
    for name in sorted(
        {w.name for w, formation in evidence.formations() if formation.has_twin}
        | {one.name for _, f in evidence.formations() for one in f.outsiders if one.is_twin}
    ):
        yield (
            f"Two processes call themselves {name}; only the one that began later is a member.",
            "Stop one of them, or give each its own node.name.",
        )


def protocol_apart(evidence: Evidence) -> Found:
    step = "Upgrade in steps: nodes of one cluster may be one release apart, not more."
    for _, formation in evidence.formations():
        for outsider in formation.outsiders:
            if not outsider.is_twin:
                yield (
                    f"{outsider.name} does not understand the members: {outsider.reason}.",
                    step,
                )
    for silence in evidence.silences:
        if silence.reason == "too old":
            yield f"{silence.node} does not understand {evidence.asked}: {silence.text}.", step
