"""What is known of a release of Aiex in a namespace at one moment, as rules read it.

Of each object just what a rule looks at; whatever could not be read is a gap, and rules that
conclude from something's absence ask `knows` first. A *machine* is what Kubernetes calls a node.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from aiex.errors import KubernetesError, KubernetesForbidden

type Labels = Mapping[str, str]

NODE, NATS, SECRETS = "node", "nats", "secrets"
COMPONENT_LABEL = "app.kubernetes.io/component"
RELEASE_LABEL = "app.kubernetes.io/instance"


class Gap(msgspec.Struct, frozen=True):
    """What could not be looked at, and why or how it can be."""

    what: str
    why: str


def unread(what: str, error: KubernetesError) -> Gap:
    """What could not be read: with the right that is missing, if that is all."""
    if isinstance(error, KubernetesForbidden):
        return Gap(what, f"forbidden; give `{error.right}`")
    return Gap(what, str(error))


class ContainerSeen(msgspec.Struct, frozen=True):
    """`waiting` and `ended` are reasons in Kubernetes' words; `last_words` what it wrote last.

    `ended` is about its last end, `ended_age_s` ago.
    """

    name: str
    image: str = ""
    is_ready: bool = False
    restart_count: int = 0
    waiting: str = ""
    waiting_text: str = ""
    ended: str = ""
    exit_code: int = 0
    ended_age_s: float = 0.0
    last_words: str = ""
    requests: Mapping[str, str] = {}
    limits: Mapping[str, str] = {}
    ports: Mapping[str, int] = {}


class PodSeen(msgspec.Struct, frozen=True):
    name: str
    component: str = ""
    release: str = ""
    labels: Labels = {}
    annotations: Mapping[str, str] = {}
    machine: str = ""
    ip: str = ""
    phase: str = ""
    is_ready: bool = False
    is_deleting: bool = False
    unschedulable: str = ""
    grace_s: int = 30
    age_s: float = 0.0
    containers: tuple[ContainerSeen, ...] = ()


class PortSeen(msgspec.Struct, frozen=True):
    """`target` is a number or the name of a container's port."""

    name: str
    port: int
    target: str


class ServiceSeen(msgspec.Struct, frozen=True):
    name: str
    component: str = ""
    selector: Labels = {}
    is_headless: bool = False
    publishes_unready: bool = False
    ports: tuple[PortSeen, ...] = ()
    addresses: frozenset[str] = frozenset()  # as its EndpointSlices have them, ready or not


class WorkloadSeen(msgspec.Struct, frozen=True):
    """A Deployment or StatefulSet; `kind` as `kubectl` takes it."""

    kind: Literal["deployment", "statefulset"]
    name: str
    component: str = ""
    replicas: int = 1
    ready_count: int = 0
    updated_count: int = 0
    is_observed: bool = True
    annotations: Mapping[str, str] = {}  # of its pods' template
    pre_stop_s: int = 0
    grace_s: int = 30
    stuck: str = ""  # Progressing is False
    failure: str = ""  # ReplicaFailure is True

    @property
    def reference(self) -> str:
        return f"{self.kind}/{self.name}"


class ClaimSeen(msgspec.Struct, frozen=True):
    name: str
    component: str = ""
    phase: str = ""
    class_name: str | None = None
    age_s: float = 0.0


class ClassSeen(msgspec.Struct, frozen=True):
    name: str
    is_default: bool = False


class EventSeen(msgspec.Struct, frozen=True):
    """The newest of its reason and object is looked at; `age_s` since it came last."""

    kind: str
    name: str
    reason: str
    text: str
    age_s: float = 0.0


class ConditionSeen(msgspec.Struct, frozen=True):
    kind: str
    is_true: bool
    reason: str = ""
    text: str = ""


class ScalerSeen(msgspec.Struct, frozen=True):
    """A HorizontalPodAutoscaler; `metrics` are `cpu`, `memory` or the names of others."""

    name: str
    target: str = ""
    metrics: tuple[str, ...] = ()
    conditions: tuple[ConditionSeen, ...] = ()


class BudgetSeen(msgspec.Struct, frozen=True):
    name: str
    component: str = ""
    min_available: str = ""
    max_unavailable: str = ""
    allowed_count: int = 0
    healthy_count: int = 0
    expected_count: int = 0


class PeerSeen(msgspec.Struct, frozen=True):
    """From or to whom; `is_pods` means pods of the namespace with the labels."""

    is_pods: bool = False
    labels: Labels = {}
    is_other: bool = False  # addresses, other namespaces, or an expression: not decided here


class AllowanceSeen(msgspec.Struct, frozen=True):
    """A rule of a policy: empty `ports` or `peers` mean all of them."""

    ports: tuple[
        str, ...
    ] = ()  # numbers or names, `4222` or `api`, TCP's as `4222`, UDP's `53/UDP`
    peers: tuple[PeerSeen, ...] = ()


class PolicySeen(msgspec.Struct, frozen=True):
    """A NetworkPolicy; None: it says nothing of that direction."""

    name: str
    selector: Labels = {}
    is_decided: bool = True  # its selector is labels alone
    ingress: tuple[AllowanceSeen, ...] | None = None
    egress: tuple[AllowanceSeen, ...] | None = None


class MachineSeen(msgspec.Struct, frozen=True):
    name: str
    zone: str = ""
    is_ready: bool = True
    trouble: str = ""
    lease_age_s: float | None = None  # since the kubelet renewed its lease, by the API's clock
    lease_s: float = 40.0


class SettingsSeen(msgspec.Struct, frozen=True):
    """A ConfigMap that pods take their settings from, and what rules look at of a node's."""

    name: str
    component: str = NODE
    release: str = ""
    file: str = "aiex.toml"
    hashes: frozenset[str] = frozenset()
    cluster: str = "aiex"
    engine_url: str = ""
    propagation_delay_s: float = 0.0
    drain_deadline_s: float = 30.0


class JobSeen(msgspec.Struct, frozen=True):
    name: str
    component: str = ""
    failure: str = ""


class SecretSeen(msgspec.Struct, frozen=True):
    """Read only when asked to, and then for its keys, not their values."""

    name: str
    is_there: bool = True
    missing_keys: tuple[str, ...] = ()


class CertificateSeen(msgspec.Struct, frozen=True):
    """`wanted` are names by which clients know who has it; of empty `names` nothing is known."""

    where: str
    component: str = NATS
    ends_at_s: float | None = None
    names: frozenset[str] = frozenset()
    wanted: tuple[str, ...] = ()
    refusal: str = ""  # what a client that trusts the authority says to it


type DoorState = Literal["open", "refused", "silent", "unknown"]


class DoorSeen(msgspec.Struct, frozen=True):
    """A port that was knocked at; `needed` when whoever looks has to get through."""

    host: str
    port: int
    component: str
    purpose: str
    state: DoorState
    needed: bool = False
    text: str = ""


class AnswerSeen(msgspec.Struct, frozen=True):
    """What a node said of itself when it was asked."""

    pod: str
    is_ready: bool | None = None
    failing: tuple[str, ...] = ()  # its checks that fail, with their reasons
    version: str = ""
    clock_ahead_s: float | None = None
    clock_doubt_s: float = 0.0
    engine: str = ""
    engine_reason: str = ""


class EngineSeen(msgspec.Struct, frozen=True):
    """What a NATS server says of its cluster."""

    server: str
    version: str = ""
    has_leader: bool | None = None
    size: int = 0
    offline: tuple[str, ...] = ()


class NameSeen(msgspec.Struct, frozen=True):
    """A name that DNS was asked for; `trouble` when it gave no answer at all."""

    name: str
    component: str
    addresses: tuple[str, ...] = ()
    trouble: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`read` are the kinds of objects that were read, by their resource (`pods`)."""

    namespace: str
    release: str
    full_name: str
    now_s: float
    server_version: str = ""
    api_groups: frozenset[str] | None = None
    read: frozenset[str] = frozenset()
    gaps: tuple[Gap, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    services: tuple[ServiceSeen, ...] = ()
    workloads: tuple[WorkloadSeen, ...] = ()
    claims: tuple[ClaimSeen, ...] = ()
    classes: tuple[ClassSeen, ...] = ()
    events: tuple[EventSeen, ...] = ()
    scalers: tuple[ScalerSeen, ...] = ()
    budgets: tuple[BudgetSeen, ...] = ()
    policies: tuple[PolicySeen, ...] = ()
    machines: tuple[MachineSeen, ...] = ()
    settings: tuple[SettingsSeen, ...] = ()  # of every release in the namespace
    jobs: tuple[JobSeen, ...] = ()
    secrets: tuple[SecretSeen, ...] = ()
    certificates: tuple[CertificateSeen, ...] = ()
    doors: tuple[DoorSeen, ...] = ()
    answers: tuple[AnswerSeen, ...] = ()
    engines: tuple[EngineSeen, ...] = ()
    names: tuple[NameSeen, ...] = ()

    def knows(self, *resources: str) -> bool:
        return self.read.issuperset(resources)

    def kubectl(self, words: str) -> str:
        """A command about the release's namespace, as it can be typed."""
        return f"kubectl -n {self.namespace} {words}"

    def pods_of(self, component: str) -> tuple[PodSeen, ...]:
        """The release's own, those that are going away not among them."""
        return tuple(
            one
            for one in self.pods
            if (one.release, one.component) == (self.release, component) and not one.is_deleting
        )

    def own_pods(self) -> Iterator[PodSeen]:
        return (one for one in self.pods if one.release == self.release and not one.is_deleting)

    def workload_of(self, component: str) -> WorkloadSeen | None:
        return next((one for one in self.workloads if one.component == component), None)

    def own_settings(self, component: str = NODE) -> SettingsSeen | None:
        return next(
            (
                one
                for one in self.settings
                if (one.release, one.component) == (self.release, component)
            ),
            None,
        )

    def events_of(self, kind: str, name: str, *reasons: str) -> Iterator[EventSeen]:
        """Newest first."""
        found = (one for one in self.events if (one.kind, one.name) == (kind, name))
        return iter(sorted((e for e in found if e.reason in reasons), key=lambda e: e.age_s))

    def selected(self, selector: Labels) -> tuple[PodSeen, ...]:
        return tuple(one for one in self.pods if selector.items() <= one.labels.items())
