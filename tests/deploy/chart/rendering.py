"""The chart as helm renders it: objects to look at, or the words it is refused with.

Each set of values is rendered once a session, by helm 3 and by helm 4, and they have to agree.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).parents[3] / "deploy" / "helm" / "aiex"
NAME = "r-aiex"
NAMESPACE = "models"

type Object = dict[str, Any]


# What JSON leaves as it is and YAML does not take so.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Refused(Exception):
    """What helm says when it does not render."""


class Ended(NamedTuple):
    """One run of helm."""

    status: int
    text: str
    error: str


class Rendering:
    """The objects of one set of values."""

    def __init__(self, documents: list[Object]) -> None:
        self.objects = {(one["kind"], one["metadata"]["name"]): one for one in documents}
        assert len(self.objects) == len(documents), "two objects have one name"

    def __getitem__(self, kind: str) -> Object:
        """The object of a kind that is named as the release is."""
        return self.objects[kind, NAME]

    def named(self, kind: str, suffix: str) -> Object:
        return self.objects[kind, f"{NAME}-{suffix}"]

    def of(self, kind: str) -> list[Object]:
        return [one for (its_kind, _), one in self.objects.items() if its_kind == kind]

    @property
    def pod(self) -> Object:
        """The template of nodes' pods."""
        template: Object = self["Deployment"]["spec"]["template"]
        return template

    @property
    def node(self) -> Object:
        """The container of a node."""
        (container,) = self.pod["spec"]["containers"]
        assert container["name"] == "aiex"
        return dict(container)

    @property
    def environment(self) -> dict[str, Any]:
        names = [one["name"] for one in self.node["env"]]
        assert len(names) == len(set(names)), "a variable is there twice"
        return {one["name"]: one.get("value", one.get("valueFrom")) for one in self.node["env"]}

    @property
    def settings(self) -> Object:
        """What is in aiex.toml."""
        return tomllib.loads(self["ConfigMap"]["data"]["aiex.toml"])


class Chart:
    """Renders `directory` with each of the programs in `helms`, in that order."""

    def __init__(self, helms: Mapping[str, str], directory: Path = CHART) -> None:
        self._helms = helms
        self._directory = directory
        self._rendered: dict[str, Rendering] = {}

    def __call__(self, **values: Any) -> Rendering:
        """The rendering of these values over the chart's own; raises `Refused`."""
        key = as_yaml(values)
        if key not in self._rendered:
            ended = self._ended(key)
            for one in ended.values():
                if one.status:
                    raise Refused(one.error)
            first, *others = [one.text for one in ended.values()]
            assert all(one == first for one in others), f"{' and '.join(ended)} render unlike"
            documents = [one for one in yaml.load_all(first, yaml.CSafeLoader) if one is not None]
            self._rendered[key] = Rendering(documents)
        return self._rendered[key]

    def refusal(self, **values: Any) -> dict[str, str]:
        """What each helm says to values that are refused."""
        said = {name: one.error for name, one in self._ended(as_yaml(values)).items() if one.status}
        assert said.keys() == self._helms.keys(), f"only {list(said)} refused {values}"
        return said

    def _ended(self, values: str) -> dict[str, Ended]:
        """How each helm ended, which do it at the same time."""
        with ThreadPoolExecutor(len(self._helms)) as pool:
            ended = pool.map(lambda helm: self._run(helm, values), self._helms.values())
            return dict(zip(self._helms, ended, strict=True))

    def _run(self, helm: str, values: str) -> Ended:
        command = [helm, "template", "r", str(self._directory), "-n", NAMESPACE, "-f", "-"]
        done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)


def as_yaml(values: Mapping[str, Any]) -> str:
    """JSON that is YAML too, which has no pairs of surrogates."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
