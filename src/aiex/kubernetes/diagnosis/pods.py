"""Do the pods start, stay up, and take requests?"""

from collections.abc import Iterator
from itertools import chain

from aiex.kubernetes.diagnosis.finding import Found, Seen, Trouble
from aiex.kubernetes.facts import NODE, ContainerSeen, Facts, PodSeen
from aiex.kubernetes.quantity import number_of

# Time to pull an image and start; what is not ready after it will not become so by waiting.
STARTING_S = 90.0
# Events older than this tell of what may be over.
RECENT_S = 600.0
# One end for lack of memory is worth a thought for a day.
LONG_AGO_S = 24 * 3600.0
# Between two ends of a container that always ends it runs for a while.
RESTARTS_OF_A_LOOP = 3
# A node alone is about 80 MB and under load up to 200; bodies in flight come on top of it.
MEMORY_BYTES_MIN = 256 * 1024**2
CPU_MIN = 0.5

PULL_REASONS = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
MISSING_KEY, MISSING_SECRET = "couldn't find key", "not found"


def image_not_pulled(facts: Facts) -> Found:
    for pod, container in _containers(facts):
        if container.waiting in PULL_REASONS:
            yield Trouble(
                f"The image of {pod.name} is not pulled: {_last(container.waiting_text)}",
                "Correct image.repository, image.tag or image.pullSecrets, or load the image into "
                "the registry.",
                pod.component,
                (
                    Seen(f"pod/{pod.name}", "image", container.image),
                    Seen(f"pod/{pod.name}", "state.waiting.reason", container.waiting),
                ),
                (facts.kubectl(f"describe pod {pod.name}"),),
            )


def secret_missing(facts: Facts) -> Found:
    for pod in facts.own_pods():
        texts = [one.waiting_text for one in pod.containers if _is_about_secret(one.waiting_text)]
        texts += [
            event.text
            for event in facts.events_of("Pod", pod.name, "FailedMount", "Failed")
            if event.age_s < RECENT_S and not pod.is_ready and _is_about_secret(event.text)
        ]
        if texts:
            yield Trouble(
                f"{pod.name} waits for a Secret or one of its keys: {_last(texts[0])}",
                "Make the Secret with that key, or let the chart make it: its Job runs before each "
                "install and upgrade.",
                pod.component,
                (Seen(f"pod/{pod.name}", "event", texts[0]),),
                (facts.kubectl("get secrets"),),
            )
    for secret in facts.secrets:
        missing = ", ".join(secret.missing_keys)
        if not secret.is_there or missing:
            yield Trouble(
                f"The Secret {secret.name} lacks {missing}."
                if secret.is_there
                else f"There is no Secret {secret.name}.",
                "Make it whole, or run `helm upgrade` again: the chart's Job makes it.",
                NODE,
                (Seen(f"secret/{secret.name}", "data lacks", missing or "everything"),),
                (facts.kubectl(f"describe secret {secret.name}"),),
            )


def out_of_memory(facts: Facts) -> Found:
    for pod, container in _containers(facts):
        if container.ended == "OOMKilled" and container.ended_age_s < LONG_AGO_S:
            limit = container.limits.get("memory", "none")
            yield Trouble(
                f"{pod.name} was killed because its memory reached the limit of {limit}; it was "
                f"started anew {container.restart_count} times.",
                "Raise the memory limit; `aiex memory --types` says what uses it.",
                pod.component,
                (
                    Seen(f"pod/{pod.name}", "lastState.terminated.reason", container.ended),
                    Seen(f"pod/{pod.name}", "limits.memory", limit),
                ),
                (facts.kubectl(f"exec {pod.name} -- aiex memory --types"),)
                if pod.component == "node"
                else (),
            )


def crash_loop(facts: Facts) -> Found:
    for pod, container in _containers(facts):
        if _loops(container) and container.ended != "OOMKilled":
            words = container.last_words or "it left no last words"
            yield Trouble(
                f"{pod.name} ends again and again, with status {container.exit_code}: {words}",
                "Mend what its last words say.",
                pod.component,
                (
                    Seen(f"pod/{pod.name}", "lastState.terminated.reason", container.ended),
                    Seen(f"pod/{pod.name}", "restartCount", str(container.restart_count)),
                ),
                (facts.kubectl(f"logs {pod.name} -c {container.name} --previous"),),
            )


def unschedulable(facts: Facts) -> Found:
    for pod in facts.own_pods():
        if pod.unschedulable and pod.age_s > STARTING_S:
            yield Trouble(
                f"No machine takes {pod.name}: {pod.unschedulable}",
                "Add a machine that fits, or ask for less: resources.requests, nodeSelector, "
                "tolerations, affinity.",
                pod.component,
                (Seen(f"pod/{pod.name}", "conditions.PodScheduled", pod.unschedulable),),
                (facts.kubectl(f"describe pod {pod.name}"),),
            )


def pod_refused(facts: Facts) -> Found:
    for workload in facts.workloads:
        text = workload.failure or _creation_failure(facts, workload.name, workload.kind)
        if not text:
            continue
        if "PodSecurity" in text:
            reason, advice = "Pod Security", "Keep podSecurityContext and securityContext as the "
            advice += "chart has them, or label the namespace for what you need."
        elif "quota" in text:
            reason, advice = "a quota", "Raise the ResourceQuota, or ask for less."
        else:
            reason, advice = "the API", "Mend what it says."
        yield Trouble(
            f"The pods of {workload.reference} are refused by {reason}: {text}",
            advice,
            workload.component,
            (Seen(workload.reference, "FailedCreate", text),),
            (facts.kubectl(f"describe {workload.kind} {workload.name}"),),
        )


def job_failed(facts: Facts) -> Found:
    for job in facts.jobs:
        if job.failure:
            yield Trouble(
                f"The Job {job.name} failed: {job.failure}",
                "Read its log; an install or upgrade waits for it.",
                job.component,
                (Seen(f"job/{job.name}", "conditions.Failed", job.failure),),
                (facts.kubectl(f"logs job/{job.name}"),),
            )


def probe_fails(facts: Facts) -> Found:
    """A pod that is not ready, or was started anew, for its probes."""
    for pod in facts.own_pods():
        killing = next(facts.events_of("Pod", pod.name, "Killing"), None)
        if killing is not None and killing.age_s < RECENT_S and "failed" in killing.text:
            yield Trouble(
                f"The kubelet started {pod.name} anew: {killing.text}",
                "A loop that stands still too long is one cause: see `aiex loop --stalls`; too "
                "little CPU is another.",
                pod.component,
                (Seen(f"pod/{pod.name}", "event Killing", killing.text),),
                (facts.kubectl(f"describe pod {pod.name}"),),
            )
            continue
        for event in facts.events_of("Pod", pod.name, "Unhealthy"):
            if event.age_s > RECENT_S or pod.is_ready or pod.age_s < STARTING_S:
                continue
            if "connection refused" in event.text:
                why = "nobody listens at that port"
            elif "deadline exceeded" in event.text or "imeout" in event.text:
                why = (
                    "nothing comes back: the process hangs, or a policy drops what the kubelet asks"
                )
            else:
                continue  # it answered, and said no: `node_not_ready` asks it why
            yield Trouble(
                f"A probe of {pod.name} fails, {why}: {event.text}",
                "Look at the pod's log; its ports are api 8080 and admin 8081, on 0.0.0.0.",
                pod.component,
                (Seen(f"pod/{pod.name}", "event Unhealthy", event.text),),
                (facts.kubectl(f"logs {pod.name} --tail=20"),),
            )
            break


def node_not_ready(facts: Facts) -> Found:
    """By Kubernetes, or by the node's own answer where its pod is not known."""
    own = {pod.name: pod for pod in facts.own_pods()}
    for pod in own.values():
        if pod.phase == "Running" and not pod.is_ready and pod.age_s >= STARTING_S:
            yield _unready(facts, pod.name, pod.component)
    for answer in facts.answers:
        if answer.is_ready is False and answer.pod not in own:
            yield _unready(facts, answer.pod, NODE)


def _unready(facts: Facts, name: str, component: str) -> Trouble:
    answer = next((one for one in facts.answers if one.pod == name), None)
    event = next(facts.events_of("Pod", name, "Unhealthy"), None)
    if answer is not None and answer.failing:
        why = "; ".join(answer.failing)
    elif event is not None:
        why = event.text
    else:
        why = "it does not say why"
    command = (
        facts.kubectl(f"exec {name} -- aiex status")
        if component == NODE
        else facts.kubectl(f"logs {name} --tail=20")
    )
    return Trouble(
        f"{name} runs and takes no requests: {why.rstrip('.')}.",
        "Mend what it says; it becomes ready by itself.",
        component,
        (Seen(f"pod/{name}", "readiness", why),),
        (command,),
    )


def limits_small(facts: Facts) -> Found:
    told = set()
    for pod, container in _containers(facts):
        if pod.component != "node" or container.name != "aiex":
            continue
        limits = ("memory", MEMORY_BYTES_MIN, "256Mi"), ("cpu", CPU_MIN, "500m")
        for name, least, text in limits:
            given = container.limits.get(name, "")
            value = number_of(given)
            if value is None or value >= least or name in told:
                continue
            told.add(name)
            yield Trouble(
                f"The {name} limit of nodes is {given}; a node needs at least {text}.",
                f"Raise resources.limits.{name}.",
                "node",
                (Seen(f"pod/{pod.name}", f"limits.{name}", given),),
            )


def rollout_stuck(facts: Facts) -> Found:
    for workload in facts.workloads:
        if workload.stuck:
            yield Trouble(
                f"The rollout of {workload.reference} does not get on: {workload.stuck}",
                "See why its new pods do not become ready, or go back.",
                workload.component,
                (Seen(workload.reference, "conditions.Progressing", workload.stuck),),
                (facts.kubectl(f"rollout undo {workload.reference}"),),
            )


def scaled_to_nothing(facts: Facts) -> Found:
    for workload in facts.workloads:
        if workload.replicas == 0:
            yield Trouble(
                f"{workload.reference} is scaled to 0.",
                "Scale it to what the release has.",
                workload.component,
                (Seen(workload.reference, "spec.replicas", "0"),),
                (facts.kubectl(f"scale {workload.reference} --replicas=3"),),
            )


def _containers(facts: Facts) -> Iterator[tuple[PodSeen, ContainerSeen]]:
    return chain.from_iterable(
        ((pod, container) for container in pod.containers) for pod in facts.own_pods()
    )


def _loops(container: ContainerSeen) -> bool:
    if container.waiting == "CrashLoopBackOff":
        return True
    has_ended_now = bool(container.ended) and container.ended_age_s < RECENT_S
    is_failure = container.exit_code != 0 and container.restart_count >= RESTARTS_OF_A_LOOP
    return has_ended_now and is_failure


def _is_about_secret(text: str) -> bool:
    is_secret = "ecret" in text
    return is_secret and (
        MISSING_KEY in text or MISSING_SECRET in text or "non-existent secret key" in text
    )


def _creation_failure(facts: Facts, name: str, kind: str) -> str:
    """Why pods of a workload are not made; for a Deployment its ReplicaSets say it."""
    for event in sorted(facts.events, key=lambda one: one.age_s):
        if event.reason != "FailedCreate" or event.age_s > RECENT_S:
            continue
        if kind == "statefulset" and (event.kind, event.name) == ("StatefulSet", name):
            return event.text
        if event.kind == "ReplicaSet" and event.name.rpartition("-")[0] == name:
            return event.text
    return ""


def _last(text: str) -> str:
    """The end of a chain of causes is what happened; the whole of it is among the evidence."""
    return text.strip().splitlines()[-1][:300] if text.strip() else "no reason is given"
