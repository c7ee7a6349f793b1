"""Plain manifests for those who do not use Helm, rendered from the chart with fixed values.

`deploy/manifests/<variant>/values.yaml` is what a variant is made with; its comments tell what it
is for. `kubectl` knows no hooks, so the objects of hooks that install are ordinary ones
here, in front.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.chart.objects import Object, at, title
from scripts.chart.renderings import HELMS, parsed
from scripts.chart.tools import ROOT, Release, run, template

DIRECTORY = ROOT / "deploy" / "manifests"
RELEASE = Release("aiex", "aiex")
_INSTALLS = {"pre-install", "post-install"}
_HEAD = """\
# Made by `make reference` from deploy/helm/aiex and the values.yaml beside this file; do not edit.
{about}
#
#   kubectl create namespace {namespace}
#   kubectl apply --namespace {namespace} -f aiex.yaml
#
# To change something, use it as a base of Kustomize (the kustomization.yaml beside this file), or
# render the chart with values of your own.
"""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are written by people."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def variants(directory: Path = DIRECTORY) -> list[Path]:
    return sorted(one.parent for one in directory.glob("*/values.yaml"))


def pages(directory: Path = DIRECTORY) -> dict[Path, str]:
    """The text of each variant's aiex.yaml by its file; raises `ToolFailed`."""
    return {one / "aiex.yaml": _page(one) for one in variants(directory)}


def _page(variant: Path) -> str:
    values = variant / "values.yaml"
    about = [line for line in values.read_text().splitlines() if line.startswith("#")]
    head = _HEAD.format(about="\n".join(about), namespace=RELEASE.namespace)
    items = plain(parsed(template(HELMS[0], RELEASE, [values])))
    texts = [
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
        for one in items
    ]
    return head + "---\n" + "---\n".join(texts)


def plain(items: tuple[Object, ...]) -> list[Object]:
    """The objects as `kubectl apply` takes them: those of hooks first, by weight.

    Hooks that are not for an installation (tests, what runs after an uninstallation) are left out.
    """
    hooks = [one for one in items if _INSTALLS & set(str(_note(one, "hook")).split(","))]
    hooks.sort(key=lambda one: int(_note(one, "hook-weight") or 0))
    others = [one for one in items if _note(one, "hook") is None]
    return [_without_helm(one) for one in [*hooks, *others]]


def _note(item: Object, name: str) -> str | None:
    value = at(item, "metadata", "annotations", f"helm.sh/{name}")
    return None if value is None else str(value)


def _without_helm(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_helm(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, below in value.items():
        if str(key).startswith("helm.sh/"):
            continue
        if key == "app.kubernetes.io/managed-by":
            kept[key] = "kubectl"
            continue
        made = _without_helm(below)
        if made != {} or below == {}:
            kept[key] = made
    return kept


def faults(directory: Path = DIRECTORY) -> Iterator[str]:
    """Where a file is not what the chart gives, or Kustomize does not take it."""
    for file, text in pages(directory).items():
        name = file.relative_to(ROOT)
        if not file.is_file() or file.read_text() != text:
            yield f"{name} is not what the chart says. Run `make reference`."
            continue
        built = parsed(run("kubectl", "kustomize", file.parent))
        missing = {title(one) for one in parsed(text)} - {title(one) for one in built}
        for one in sorted(missing):
            yield f"{name}: `kubectl kustomize` leaves out {one}"
