"""Services that die, and are started again for as long as that may help."""

from collections.abc import Iterator
from math import inf

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding

# A service that fails again. The supervisor's wait doubles from 0.05 s on with every failure in a
# row, so this is the fourth; once is no "again and again".
AGAIN_COUNT = 2
AGAIN_WAIT_S = 0.3


def restarts(evidence: Evidence) -> Iterator[Finding]:
    """Services that fail again and again, or were given up."""
    for name, count in evidence.traffic.failures.items():
        wait_s = evidence.traffic.restart_waits_s.get(name, 0.0)
        if count < AGAIN_COUNT and wait_s < AGAIN_WAIT_S:
            continue
        is_given_up = wait_s == inf
        yield Finding(
            cause="service_restarts",
            text=f"The service {name} failed and is not started again."
            if is_given_up
            else f"The service {name} fails again and again, and is started again each time.",
            function=name,
            service=name,
            confidence=0.9,
            weight=0.5,
            cost="What it does was not done meanwhile.",
            evidence=(
                f"{count} {'failure' if count == 1 else 'failures'} within "
                f"{evidence.seconds:.0f} s"
                + ("." if is_given_up else f"; the last wait for a restart was {wait_s:.1f} s."),
            ),
            advice="The log says why.",
            commands=("aiex status",),
        )
