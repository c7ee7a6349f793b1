"""What a cluster lives with for a while and should not: clocks, settings, certificates, silence."""

from aiex.cluster.diagnosis.evidence import Evidence, odd_ones
from aiex.cluster.diagnosis.finding import Found
from aiex.cluster.wording import listed

# Leases, limits by the minute and logs of several nodes are compared by their clocks.
CLOCK_SKEW_S = 1.0
# Time to renew a certificate in working hours, holidays included.
CERTIFICATE_ENDS_IN_S = 14 * 24 * 3600.0


def clock_skewed(evidence: Evidence) -> Found:
    ahead = {witness.name: witness.clock_ahead_s for witness in evidence.witnesses}
    # The asked node's own clock may be the wrong one.
    middle_s = sorted(ahead.values())[len(ahead) // 2] if len(ahead) > 2 else 0.0
    for witness in evidence.witnesses:
        skew_s = witness.clock_ahead_s - middle_s
        if abs(skew_s) - witness.clock_doubt_s > CLOCK_SKEW_S:
            way = "ahead of" if skew_s > 0 else "behind"
            yield (
                f"The clock of {witness.name} is {abs(skew_s):.1f} s {way} that of the others.",
                f"Let {witness.name} take its time from a server (chrony, systemd-timesyncd).",
            )


def settings_differ(evidence: Evidence) -> Found:
    names = {name for _, f in evidence.formations() for name in f.shared_settings}
    for setting in sorted(names):
        values = {
            w.name: f.shared_settings[setting]
            for w, f in evidence.formations()
            if setting in f.shared_settings
        }
        for nodes, _ in odd_ones(values):
            yield (
                f"{setting} of {listed(nodes)} is not that of the others.",
                "Give all nodes the same; compare `aiex config show` on both.",
            )


def hot_value_refused(evidence: Evidence) -> Found:
    for witness in evidence.witnesses:
        hot = witness.description.hot
        for reason in hot.refusals.values() if hot is not None else ():
            yield (
                f"{witness.name} does not take a hot value: {reason.rstrip('.')}.",
                "Set one that all releases and settings here know, or upgrade that node.",
            )


def hot_values_behind(evidence: Evidence) -> Found:
    told = {w.name: w.description.hot for w in evidence.witnesses if w.description.hot is not None}
    newest = max((one.revision for one in told.values()), default=0)
    for name, hot in told.items():
        if hot.revision < newest:
            yield (
                f"{name} has the hot values of revision {hot.revision}, others those of {newest}.",
                f"Look again in a moment; if it stays so look at the engine of {name}.",
            )


def certificate_ends(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for setting, ends_at_s in sorted(formation.certificates.items()):
            left_s = ends_at_s - evidence.now_s
            if left_s < CERTIFICATE_ENDS_IN_S:
                when = f"ends in {left_s / 86400:.0f} days" if left_s > 0 else "has ended"
                yield (
                    f"The certificate in {setting} of {witness.name} {when}.",
                    "Renew it and restart the node: files are read when it starts.",
                )


def member_silent(evidence: Evidence) -> Found:
    gone = evidence.missed_names()
    for silence in evidence.silences:
        if silence.node not in gone:
            yield (
                f"{silence.node} does not answer: {silence.text}.",
                f"Look at {silence.node} itself: aiex cluster explain there.",
            )
