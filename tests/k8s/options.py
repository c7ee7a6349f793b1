"""What `make test-k8s` was told: images, namespace, steps. Arguments and variables come in."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHART = "deploy/helm/aiex"


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image as the chart's values want it; `digest` is as it comes after the @."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def values(self) -> dict[str, str]:
        return {"repository": self.repository, "tag": self.tag, "digest": self.digest}

    @property
    def name(self) -> str:
        """As the chart writes it: a digest wins over a tag."""
        version = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{self.repository}{version}"


@dataclass(frozen=True, slots=True)
class Options:
    kubeconfig: str
    image: ImageName
    image_next: ImageName
    nats_image: ImageName
    namespace: str
    release: str
    chart: str
    storage_class: str
    values_files: tuple[str, ...]
    registry_config: str
    helm: str
    kubectl: str
    steps: tuple[str, ...]
    kill_by: str
    askers: int
    is_json: bool
    is_kept: bool

    @property
    def outside(self) -> str:
        """The namespace of those who are not let in."""
        return f"{self.namespace}-outside"

    @property
    def host(self) -> str:
        """The namespace of the pod that kills from the host."""
        return f"{self.namespace}-host"


def image_name(text: str) -> ImageName:
    """`registry:5000/name:tag@sha256:…` in its parts. A colon before a slash is a port's."""
    rest, _, digest = text.partition("@")
    head, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return ImageName(f"{head}{slash}{name}", tag, digest)


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """Every option is a variable too: `make test-k8s IMAGE=…` is `--image …`."""
    found = argparse.ArgumentParser(
        prog="make test-k8s",
        description="Installs the chart in a real cluster, breaks what can break, and counts.",
    )

    def option(flag: str, default: str, meaning: str, **more: Any) -> None:
        variable = flag.removeprefix("--").replace("-", "_").upper()
        default = environment.get(variable) or default
        found.add_argument(flag, default=default, help=f"{meaning} ({variable})", **more)

    option("--kubeconfig", "", "the cluster; no default, so that none is hit unasked")
    option("--image", "", "image of aiex, with its registry; wanted")
    option("--image-next", "", "image to upgrade to; else the same with other annotations")
    option("--nats-image", "", "image of NATS; without it the chart's")
    option("--namespace", "aiex-acceptance", "a namespace to make and to delete again")
    option("--release", "aiex", "name of the Helm release")
    option("--chart", CHART, "directory or archive of the chart")
    option("--storage-class", "", "for the volumes of NATS; without it the cluster's default")
    option("--values", "", "files of further values, with commas between them")
    option("--registry-config", "", "a docker config.json with what the registry wants")
    option("--helm", "helm", "the program helm")
    option("--kubectl", "kubectl", "the program kubectl")
    option("--steps", "", "which steps, with commas; without it all")
    option("--kill-by", "host", "how a pod dies unannounced")
    option("--askers", "12", "clients that ask at once")
    found.add_argument("--output", "-o", default=environment.get("OUTPUT") or "text")
    found.add_argument("--keep", action="store_true", default=bool(environment.get("KEEP")))
    return found


def options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Raises `SystemExit(2)` with a sentence when something is wrong or missing."""
    found = parser(environment)
    given = found.parse_args(arguments)
    if not given.kubeconfig or not given.image:
        found.error("KUBECONFIG and IMAGE are wanted: make test-k8s KUBECONFIG=… IMAGE=…")
    for image in filter(None, (given.image, given.image_next, given.nats_image)):
        if not (parts := image_name(image)).tag and not parts.digest:
            found.error(f"{image} has neither a tag nor a digest")
    if not Path(given.kubeconfig).is_file():
        found.error(f"KUBECONFIG names no file: {given.kubeconfig}")
    if given.kill_by not in ("host", "delete"):
        found.error("KILL_BY is host or delete")
    if given.registry_config and not Path(given.registry_config).is_file():
        found.error(f"REGISTRY_CONFIG names no file: {given.registry_config}")
    if given.output not in ("text", "json"):
        found.error("OUTPUT is text or json")
    return Options(
        kubeconfig=given.kubeconfig,
        image=image_name(given.image),
        image_next=image_name(given.image_next or given.image),
        nats_image=image_name(given.nats_image),
        namespace=given.namespace,
        release=given.release,
        chart=given.chart,
        storage_class=given.storage_class,
        values_files=_words(given.values),
        registry_config=given.registry_config,
        helm=given.helm,
        kubectl=given.kubectl,
        steps=_words(given.steps),
        kill_by=given.kill_by,
        askers=int(given.askers),
        is_json=given.output == "json",
        is_kept=given.keep,
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)
