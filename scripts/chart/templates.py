"""What may not be in a template, and whether templates and values.yaml know the same values."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.chart.tools import CHART
from scripts.chart.values import Value, Values

# Gives something else at each rendering, or asks the cluster, which `helm template` and Argo CD do
# not have: secrets and certificates would change under pods that run.
_CHANGING = re.compile(
    r"(?<![.$])\b(lookup|rand(AlphaNum|Alpha|Numeric|Ascii|Bytes|Int)|uuidv4|shuffle|genCA(WithKey)?"
    r"|gen(SelfSignedCert|SignedCert)(WithKey)?|genPrivateKey|htpasswd|bcrypt|encryptAES"
    r"|now|ago|date|unixEpoch|env|expandenv|getHostByName)\b"
    r"|\.Release\.(IsInstall|IsUpgrade|Revision)\b"
)
_ACTION = re.compile(r"\{\{-?\s*(?!/\*)(.*?)-?\}\}", re.DOTALL)
_COMMENT = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)
_TEXT = re.compile(r'"(\\.|[^"\\])*"|`[^`]*`')
_USE = re.compile(r"\.Values((?:\.[A-Za-z0-9_]+)+)")
_FIELD = re.compile(r"\.([A-Za-z0-9_]+)")


class Templates:
    def __init__(self, texts: dict[str, str]) -> None:
        self._actions = {
            name: [_TEXT.sub('""', action) for action in _ACTION.findall(_COMMENT.sub("", text))]
            for name, text in texts.items()
        }

    @classmethod
    def load(cls, chart: Path = CHART) -> "Templates":
        files = [one for one in (chart / "templates").rglob("*") if one.is_file()]
        return cls({str(one.relative_to(chart)): one.read_text() for one in sorted(files)})

    def changing(self) -> Iterator[str]:
        for name, actions in self._actions.items():
            for action in actions:
                for found in _CHANGING.finditer(action):
                    yield f"{name}: {found.group(0)} gives something else at another rendering"

    def _uses(self) -> Iterator[tuple[str, tuple[str, ...], str]]:
        """File, path below `.Values`, and the action it is in."""
        for name, actions in self._actions.items():
            for action in actions:
                for found in _USE.finditer(action):
                    yield name, tuple(found.group(1).removeprefix(".").split(".")), action

    def unknown(self, values: Values) -> Iterator[str]:
        """Values that a template reads and values.yaml does not have."""
        known = {one.path: one for one in values.all}
        for name, path, _ in self._uses():
            if path not in known and not _is_in_free_mapping(path, known):
                yield f"{name}: .Values.{'.'.join(path)} is not in values.yaml"

    def unused(self, values: Values) -> Iterator[str]:
        """Values that no template reads."""
        uses = {path: action for _, path, action in self._uses()}
        whole = {
            path for _, path, action in self._uses() if re.search(r"\b(toYaml|range)\b", action)
        }
        fields = {
            field
            for actions in self._actions.values()
            for action in actions
            for field in _FIELD.findall(_USE.sub("", action))
        }
        for one in values.leaves:
            prefixes = [one.path[:length] for length in range(1, len(one.path) + 1)]
            is_below = any(
                prefix in uses and (prefix in whole or one.path[-1] in fields)
                for prefix in prefixes
            )
            is_above = any(path[: len(one.path)] == one.path for path in uses)
            if not is_below and not is_above:
                yield f"values.yaml: {one.name} is used in no template"


def _is_in_free_mapping(path: tuple[str, ...], known: dict[tuple[str, ...], Value]) -> bool:
    above = (known.get(path[:length]) for length in range(1, len(path)))
    return any(one is not None and one.is_leaf and one.default == {} for one in above)
