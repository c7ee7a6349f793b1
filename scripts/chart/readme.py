"""The chart's README.md, made of Chart.yaml and of the comments in values.yaml."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from scripts.chart.tools import CHART
from scripts.chart.values import Value, Values

_LONG = 60
_HEAD = """\
<!-- Made by `make reference` from Chart.yaml and values.yaml. -->

# {name}

{description}

Chart {version}, aiex {app}. Needs Kubernetes {kubernetes} and Helm 3 or 4.

    helm install {name} deploy/helm/{name} --namespace {name} --create-namespace -f my-values.yaml

A fresh install has three nodes and three NATS servers, secrets and certificates of its own, and a
model `mock` that answers without any provider. Pods fit Pod Security `restricted`. Unknown values
are refused, and so is what contradicts itself. Rendering the chart again gives the same text, so
`helm template`, Argo CD and Flux see no drift; nothing outside of the release's namespace is made.

Without Helm: [deploy/manifests](../../manifests/README.md). What is checked of the chart:
[chart-checks.md](../../../docs/internals/chart-checks.md).

## Values
"""


def page(chart: Path = CHART) -> str:
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    head = _HEAD.format(
        name=about["name"],
        description=about["description"],
        version=about["version"],
        app=about["appVersion"],
        kubernetes=about["kubeVersion"].removesuffix("-0"),
    )
    return "\n".join([head, *_tables(Values.load(chart).leaves)]).rstrip() + "\n"


def _tables(leaves: Sequence[Value]) -> Iterator[str]:
    """Values that stand alone first, then a table for each section."""
    alone = [one for one in leaves if len(one.path) == 1]
    yield from _table(alone)
    below = [one for one in leaves if len(one.path) > 1]
    for section, found in groupby(below, lambda one: one.path[0]):
        yield from ("", f"### {section}", "")
        yield from _table(list(found))


def _table(values: Sequence[Value]) -> Iterator[str]:
    yield "| value | default | meaning |"
    yield "|---|---|---|"
    for one in values:
        cells = (f"`{one.name}`", _shown(one.default), one.meaning)
        yield f"| {' | '.join(_cell(text) for text in cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _shown(default: Any) -> str:
    if default == "":
        return ""
    text = json.dumps(default, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _LONG else "see values.yaml"
