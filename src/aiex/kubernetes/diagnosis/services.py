"""Do the Services lead to pods, and does DNS publish who is there?"""

from aiex.kubernetes.diagnosis.finding import Found, Seen, Trouble
from aiex.kubernetes.facts import Facts, Labels, PodSeen, ServiceSeen


def selector_matches_nothing(facts: Facts) -> Found:
    if not facts.knows("pods"):
        return
    for service in facts.services:
        if not service.selector or facts.selected(service.selector):
            continue
        near = _nearest(facts, service)
        if near is None:
            continue  # there are no pods that it could mean; why they are missing is told elsewhere
        differing = {
            label: near.labels.get(label, "none")
            for label, value in service.selector.items()
            if near.labels.get(label) != value
        }
        wrong = ", ".join(f"{label}={service.selector[label]}" for label in differing)
        mended = ",".join(f"{k}={near.labels[k]}" for k in service.selector if k in near.labels)
        yield Trouble(
            f"The Service {service.name} selects {wrong}, which no pod has: it leads nowhere.",
            "Give the Service the labels that the pods have; `helm upgrade` writes them anew.",
            service.component,
            (
                Seen(f"service/{service.name}", "spec.selector", _text(service.selector)),
                *(
                    Seen(f"pod/{near.name}", f"labels.{label}", value)
                    for label, value in differing.items()
                ),
            ),
            (facts.kubectl(f"set selector service {service.name} {mended}"),),
        )


def target_port_unknown(facts: Facts) -> Found:
    for service in facts.services:
        pods = facts.selected(service.selector) if service.selector else ()
        for port in service.ports:
            known = {
                *(name for pod in pods for one in pod.containers for name in one.ports),
                *(str(n) for pod in pods for one in pod.containers for n in one.ports.values()),
            }
            if not pods or not known or port.target in known:
                continue
            yield Trouble(
                f"Port {port.port} of the Service {service.name} leads to the port {port.target} "
                "of its pods, which they do not have.",
                f"Let it lead to one that they have: {', '.join(sorted(known))}.",
                service.component,
                (
                    Seen(f"service/{service.name}", f"ports.{port.name}.targetPort", port.target),
                    Seen(f"pod/{pods[0].name}", "containers.ports", ", ".join(sorted(known))),
                ),
                (facts.kubectl(f"edit service {service.name}"),),
            )


def unready_unpublished(facts: Facts) -> Found:
    """Servers of NATS find each other before they are ready: without that they never become so."""
    for service in facts.services:
        if service.is_headless and not service.publishes_unready and service.selector:
            yield Trouble(
                f"The headless Service {service.name} does not publish addresses of pods that are "
                "not ready: those cannot find each other, and so never become ready.",
                "Set publishNotReadyAddresses: true, as the chart has it.",
                service.component,
                (Seen(f"service/{service.name}", "spec.publishNotReadyAddresses", "false"),),
                (
                    facts.kubectl(
                        f"patch service {service.name} -p "
                        '\'{"spec":{"publishNotReadyAddresses":true}}\''
                    ),
                ),
            )


def addresses_unpublished(facts: Facts) -> Found:
    if not facts.knows("pods", "endpointslices.discovery.k8s.io"):
        return
    for service in facts.services:
        if not service.selector or (service.is_headless and not service.publishes_unready):
            continue
        missing = [
            pod
            for pod in facts.selected(service.selector)
            if pod.is_ready and pod.ip and not pod.is_deleting and pod.ip not in service.addresses
        ]
        if missing:
            names = ", ".join(pod.name for pod in missing)
            yield Trouble(
                f"The Service {service.name} does not publish the address of {names}, which is "
                "ready: nobody is led there.",
                "The cluster's own controllers write EndpointSlices: see whether they run, and "
                "whether somebody keeps slices by hand.",
                service.component,
                tuple(
                    Seen(f"endpointslices of service/{service.name}", "addresses lack", pod.ip)
                    for pod in missing
                ),
                (
                    facts.kubectl(
                        f"get endpointslices -l kubernetes.io/service-name={service.name}"
                    ),
                ),
            )


def _nearest(facts: Facts, service: ServiceSeen) -> PodSeen | None:
    """The pod of the Service's component with most of the labels that it selects."""
    return max(
        facts.pods_of(service.component),
        key=lambda pod: len(service.selector.items() & pod.labels.items()),
        default=None,
    )


def _text(labels: Labels) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())
