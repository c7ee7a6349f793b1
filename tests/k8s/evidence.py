"""What an engineer needs when a step failed: pods, events, logs, what `aiex k8s doctor` says."""

import sys
from contextlib import suppress

from tests.k8s.pods import is_ready, name_of
from tests.k8s.runner import Unfulfilled
from tests.k8s.stage import Stage

LOG_LINES = 40
EVENTS_SHOWN = 40
DOCTOR_S = 60.0


def evidence(stage: Stage) -> str:
    """All of it as text. What cannot be had is said and left out; nothing here raises."""
    events = _told(stage, "get", "events", "--sort-by=.lastTimestamp")
    parts = [
        ("pods", _told(stage, "get", "pods", "-o", "wide")),
        ("claims", _told(stage, "get", "persistentvolumeclaims")),
        ("events", "\n".join(events.splitlines()[-EVENTS_SHOWN:])),
        *_logs(stage),
        ("aiex k8s doctor", _doctor(stage)),
    ]
    return "\n".join(f"--- {title}\n{text.strip()}" for title, text in parts if text.strip())


def _logs(stage: Stage) -> list[tuple[str, str]]:
    """Of every pod the end of its log, and of one that was started again also the end before."""
    logs = []
    with suppress(Unfulfilled):
        for pod in [*stage.pods("node"), *stage.pods("nats"), *stage.pods("secrets")]:
            name, state = name_of(pod), "ready" if is_ready(pod) else "not ready"
            tail = f"--tail={LOG_LINES}"
            logs.append((f"log of {name}, {state}", _told(stage, "logs", name, tail)))
            before = stage.kubectl.tried("logs", name, tail, "--previous")
            if before.status == 0:
                logs.append((f"log of {name} before it was started again", before.out))
    return logs


def _told(stage: Stage, *arguments: str) -> str:
    done = stage.kubectl.tried(*arguments)
    return done.out if done.status == 0 else f"cannot be had: {done.err}"


def _doctor(stage: Stage) -> str:
    options = stage.options
    where = (f"--kubeconfig={options.kubeconfig}", f"--namespace={options.namespace}")
    release = f"--release={options.release}"
    command = (sys.executable, "-m", "aiex", "k8s", "doctor", *where, release)
    done = stage.runner.run(command, "", DOCTOR_S)
    return done.out or done.err
