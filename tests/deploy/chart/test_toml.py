"""Any settings in values arrive in the node as they were written."""

import subprocess
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deploy.chart.rendering import CHART, Chart, Refused

TREES = """
{{- range $index, $tree := .Values.trees }}
---
kind: Tree
metadata:
  name: tree-{{ $index }}
text: |
  {{- include "aiex.toml.table" (dict "tree" $tree "path" "") | nindent 2 }}
{{- end }}
"""
EXACT = 2**53 - 1  # one more may have been another number

# What YAML and JSON can carry: no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.one_of(
    st.from_regex(r"\A[A-Za-z0-9_-]{1,8}\Z"),
    st.sampled_from(["", "a b", "gpt-4.1", "é", '"', "[a]", "a#", "a\n"]),
    TEXTS,
)
SCALARS = st.one_of(
    TEXTS,
    st.sampled_from(
        ['"', "\\", "'''", '"""', "\n", "\r\n", "\t", "\x00", "\x7f", "\u2028", "😀", "#"]
    ),
    st.booleans(),
    st.integers(-EXACT, EXACT),
    st.floats(-1e6, 1e6),
    st.sampled_from([0.1, 1e-7, -0.0, 3.0, float(EXACT), 86400, 31_536_000]),
)
VALUES = st.recursive(
    st.one_of(SCALARS, st.none()),
    lambda below: st.one_of(
        st.lists(below.filter(lambda value: value is not None), max_size=4),
        st.dictionaries(KEYS, below, max_size=4),
    ),
    max_leaves=12,
)
# As long as one rendering takes for one tree or for forty.
BATCHES = st.lists(st.dictionaries(KEYS, VALUES, max_size=6), min_size=1, max_size=40)
FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="session")
def printer(helms: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """A chart that prints what is in its values, each tree as TOML."""
    directory = tmp_path_factory.mktemp("printer")
    (directory / "templates").mkdir()
    (directory / "Chart.yaml").write_text("{apiVersion: v2, name: printer, version: 0.0.1}")
    (directory / "templates" / "_toml.tpl").write_text((CHART / "templates/_toml.tpl").read_text())
    (directory / "templates" / "trees.yaml").write_text(TREES)
    return Chart(helms, directory)


def printed(printer: Chart, trees: list[Any]) -> list[Any]:
    rendering = printer(trees=trees)
    texts = (rendering.objects["Tree", f"tree-{index}"]["text"] for index in range(len(trees)))
    return [tomllib.loads(text) for text in texts]


def as_toml_has_it(value: Any) -> Any:
    """Without nulls, and whole numbers as such."""
    match value:
        case dict():
            return {key: as_toml_has_it(one) for key, one in value.items() if one is not None}
        case list():
            return [as_toml_has_it(one) for one in value]
        case float() if value.is_integer():
            return int(value)
    return value


def typed(value: Any) -> Any:
    """The same with types, since 3 == 3.0 and 1 == True."""
    match value:
        case dict():
            return {key: typed(one) for key, one in value.items()}
        case list():
            return [typed(one) for one in value]
    return type(value).__name__, value


@FEW
@given(trees=BATCHES)
def test_any_tree_comes_out_as_it_went_in(printer: Chart, trees: list[Any]) -> None:
    assert typed(printed(printer, trees)) == typed(as_toml_has_it(trees))


def test_whole_numbers_are_whole_however_helm_was_told(helms: dict[str, str]) -> None:
    """From a file they come as floats, from `--set` as integers."""
    for helm in helms.values():
        done = subprocess.run(
            [helm, "template", "r", str(CHART), "--set", "settings.api.in_flight_max=12"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "\n    in_flight_max = 12\n" in done.stdout


@pytest.mark.parametrize("number", [EXACT + 1, EXACT + 2, -EXACT - 1, 10**19])
def test_a_whole_number_that_yaml_would_change_is_refused(printer: Chart, number: int) -> None:
    with pytest.raises(Refused, match=r"settings\.limits\.tokens: -?\d+ is not below 2\^53"):
        printer(trees=[{"limits": {"tokens": number}}])


def test_a_null_in_a_list_is_refused(printer: Chart) -> None:
    with pytest.raises(Refused, match=r"settings\.a\.b\[1\]: TOML has no null"):
        printer(trees=[{"a": {"b": [1, None]}}])
