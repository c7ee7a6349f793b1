"""Services, policies, claims and the other objects of a release, as facts. Pure."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from lightkube.models.autoscaling_v2 import MetricSpec
from lightkube.models.meta_v1 import LabelSelector
from lightkube.models.networking_v1 import NetworkPolicyPeer, NetworkPolicyPort
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import (
    ConfigMap,
    Event,
    Node,
    PersistentVolumeClaim,
    Service,
)
from lightkube.resources.discovery_v1 import EndpointSlice
from lightkube.resources.networking_v1 import NetworkPolicy
from lightkube.resources.policy_v1 import PodDisruptionBudget
from lightkube.resources.storage_v1 import StorageClass

from aiex.kubernetes.collection.pods import NAMELESS, age_s
from aiex.kubernetes.facts import (
    COMPONENT_LABEL,
    NATS,
    NODE,
    RELEASE_LABEL,
    AllowanceSeen,
    BudgetSeen,
    ClaimSeen,
    ClassSeen,
    ConditionSeen,
    EventSeen,
    MachineSeen,
    PeerSeen,
    PolicySeen,
    PortSeen,
    ScalerSeen,
    ServiceSeen,
    SettingsSeen,
)

SETTINGS_FILES = {"aiex.toml": NODE, "nats.conf": NATS}
SERVICE_LABEL = "kubernetes.io/service-name"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
ZONE_LABEL = "topology.kubernetes.io/zone"
# Conditions of a machine that are trouble when they are true.
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def service_seen(service: Service, slices: Iterable[EndpointSlice]) -> ServiceSeen:
    meta, spec = service.metadata or NAMELESS, service.spec
    of_it = (
        one
        for one in slices
        if ((one.metadata or NAMELESS).labels or {}).get(SERVICE_LABEL) == meta.name
    )
    addresses = {
        address for one in of_it for end in one.endpoints or () for address in end.addresses
    }
    return ServiceSeen(
        name=meta.name or "",
        component=(meta.labels or {}).get(COMPONENT_LABEL, ""),
        selector=(spec.selector if spec else None) or {},
        is_headless=bool(spec and spec.clusterIP == "None"),
        publishes_unready=bool(spec and spec.publishNotReadyAddresses),
        ports=tuple(
            PortSeen(one.name or "", one.port, str(one.targetPort or one.port))
            for one in (spec.ports if spec else None) or ()
        ),
        addresses=frozenset(addresses),
    )


def policy_seen(policy: NetworkPolicy) -> PolicySeen:
    meta, spec = policy.metadata or NAMELESS, policy.spec
    if spec is None:
        return PolicySeen(meta.name or "", is_decided=False)
    kinds = spec.policyTypes or ["Ingress", *(["Egress"] if spec.egress else [])]
    ingress = tuple(
        AllowanceSeen(_ports(one.ports), _peers(one.from_)) for one in spec.ingress or ()
    )
    egress = tuple(AllowanceSeen(_ports(one.ports), _peers(one.to)) for one in spec.egress or ())
    selector = spec.podSelector
    return PolicySeen(
        meta.name or "",
        (selector.matchLabels if selector else None) or {},
        is_decided=not (selector and selector.matchExpressions),
        ingress=ingress if "Ingress" in kinds else None,
        egress=egress if "Egress" in kinds else None,
    )


def claim_seen(claim: PersistentVolumeClaim, now_s: float) -> ClaimSeen:
    meta = claim.metadata or NAMELESS
    return ClaimSeen(
        meta.name or "",
        (meta.labels or {}).get(COMPONENT_LABEL, ""),
        (claim.status.phase if claim.status else None) or "",
        claim.spec.storageClassName if claim.spec else None,
        age_s(meta.creationTimestamp, now_s),
    )


def class_seen(one: StorageClass) -> ClassSeen:
    meta = one.metadata or NAMELESS
    return ClassSeen(meta.name or "", (meta.annotations or {}).get(DEFAULT_CLASS) == "true")


def event_seen(event: Event, now_s: float) -> EventSeen:
    last = event.series.lastObservedTime if event.series else None
    moment = last or event.lastTimestamp or event.eventTime or event.metadata.creationTimestamp
    return EventSeen(
        event.involvedObject.kind or "",
        event.involvedObject.name or "",
        event.reason or "",
        (event.message or "").strip(),
        age_s(moment, now_s),
    )


def scaler_seen(scaler: HorizontalPodAutoscaler) -> ScalerSeen:
    meta, spec, status = scaler.metadata or NAMELESS, scaler.spec, scaler.status
    target = spec.scaleTargetRef if spec else None
    return ScalerSeen(
        meta.name or "",
        f"{target.kind.lower()}/{target.name}" if target else "",
        tuple(_metric(one) for one in (spec.metrics if spec else None) or ()),
        tuple(
            ConditionSeen(one.type, one.status == "True", one.reason or "", one.message or "")
            for one in (status.conditions if status else None) or ()
        ),
    )


def budget_seen(budget: PodDisruptionBudget) -> BudgetSeen:
    meta, spec, status = budget.metadata or NAMELESS, budget.spec, budget.status
    return BudgetSeen(
        meta.name or "",
        (meta.labels or {}).get(COMPONENT_LABEL, ""),
        _number(spec.minAvailable if spec else None),
        _number(spec.maxUnavailable if spec else None),
        (status.disruptionsAllowed if status else None) or 0,
        (status.currentHealthy if status else None) or 0,
        (status.expectedPods if status else None) or 0,
    )


def machine_seen(machine: Node, leases: Mapping[str, Lease], now_s: float) -> MachineSeen:
    meta, status = machine.metadata or NAMELESS, machine.status
    conditions = {one.type: one for one in (status.conditions if status else None) or ()}
    ready = conditions.get("Ready")
    troubles = [
        name for name in PRESSURES if name in conditions and conditions[name].status == "True"
    ]
    if ready is not None and ready.status != "True":
        troubles.insert(0, f"not ready: {ready.message or ready.reason or 'it says no more'}")
    lease = leases.get(meta.name or "")
    spec = lease.spec if lease else None
    return MachineSeen(
        meta.name or "",
        (meta.labels or {}).get(ZONE_LABEL, ""),
        ready is not None and ready.status == "True",
        ", ".join(troubles),
        age_s(spec.renewTime, now_s) if spec and spec.renewTime else None,
        float((spec.leaseDurationSeconds if spec else None) or 40),
    )


def settings_seen(settings: ConfigMap) -> SettingsSeen | None:
    """None for a ConfigMap that holds no settings of a node or of NATS."""
    meta, data = settings.metadata or NAMELESS, settings.data or {}
    file = next((one for one in SETTINGS_FILES if one in data), "")
    if not file:
        return None
    text = data[file]
    try:
        tree = tomllib.loads(text) if SETTINGS_FILES[file] == NODE else {}
    except tomllib.TOMLDecodeError:
        tree = {}  # the node says so itself, when it starts
    node, cluster, engine = (_section(tree, name) for name in ("node", "cluster", "engine"))
    return SettingsSeen(
        name=meta.name or "",
        component=SETTINGS_FILES[file],
        release=(meta.labels or {}).get(RELEASE_LABEL, ""),
        file=file,
        hashes=frozenset(_hash(one) for one in (text, text.rstrip("\n"))),
        cluster=str(cluster.get("name", "aiex")),
        engine_url=str(engine.get("url", "")),
        propagation_delay_s=_seconds(node.get("propagation_delay_s"), 0.0),
        drain_deadline_s=_seconds(node.get("drain_deadline_s"), 30.0),
    )


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = tree.get(name)
    return section if isinstance(section, dict) else {}


def _seconds(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _metric(metric: MetricSpec) -> str:
    if metric.containerResource:
        return metric.containerResource.name
    if metric.resource:
        return metric.resource.name
    other = metric.pods or metric.object or metric.external
    return other.metric.name if other else metric.type


def _number(value: int | str | None) -> str:
    return "" if value is None else str(value)


def _ports(ports: Iterable[NetworkPolicyPort] | None) -> tuple[str, ...]:
    """Empty for all ports; ranges and rules without a number are not decided, and count as all."""
    named = []
    for one in ports or ():
        if one.port is None or one.endPort:
            return ()
        named.append(f"{one.port}/UDP" if one.protocol == "UDP" else str(one.port))
    return tuple(named)


def _peers(peers: Iterable[NetworkPolicyPeer] | None) -> tuple[PeerSeen, ...]:
    return tuple(_peer(one) for one in peers or ())


def _peer(peer: NetworkPolicyPeer) -> PeerSeen:
    pods: LabelSelector | None = peer.podSelector
    if pods is None or peer.namespaceSelector or peer.ipBlock or pods.matchExpressions:
        return PeerSeen(is_other=True)
    return PeerSeen(is_pods=True, labels=pods.matchLabels or {})
