"""The steps themselves: what they say, and that each of them can fail."""

from pathlib import Path

import pytest
import yaml

from scripts.chart.check import Outcome, Step, broken, grouped, told, unknown_rules, unneeded
from scripts.chart.matrix import Row
from scripts.chart.objects import Objects
from scripts.chart.policy import Catalogue, Rule
from scripts.chart.policy.rules import of_kind
from scripts.chart.readme import page
from scripts.chart.renderings import Rendering, differences, lint_faults, parsed, render
from scripts.chart.tools import ToolFailed
from tests.deploy.checks.test_rules import sound

GREEDY = Catalogue(
    "ours",
    "a test",
    (
        Rule(
            "no-services",
            of_kind("Service")(lambda _one, _all: "is a Service"),
            spared={"nats": "a reason"},
        ),
    ),
)


def rendering(row: Row, first: str = "", second: str = "", again: str = "") -> Rendering:
    objects = Objects(tuple(sound()), "models")
    return Rendering(row, {"helm": first, "helm3": second}, again or first, objects)


def test_each_step_is_told_with_its_verdict_and_what_it_found() -> None:
    steps = [
        Step("good", lambda: Outcome("3 things")),
        Step("bad", lambda: Outcome("1 thing", ("it is broken",))),
    ]
    lines: list[str] = []
    assert told(steps, lines.append) == ["bad"]
    assert lines[0].startswith("good")
    assert lines[0].endswith("s  3 things")
    assert "FAILED" in lines[1]
    assert lines[2] == "    it is broken"


def test_a_step_whose_program_says_no_has_failed_and_the_others_go_on() -> None:
    def refuse() -> Outcome:
        raise ToolFailed("no such chart")

    lines: list[str] = []
    assert told([Step("package", refuse), Step("next", lambda: Outcome(""))], lines.append) == [
        "package"
    ]
    assert lines[1] == "    no such chart"
    assert lines[2].startswith("next")


def test_a_fault_of_many_rows_is_told_once() -> None:
    faults = [("default", "no tls"), ("scaling.hpa", "no tls"), ("default", "no port")]
    assert grouped(faults) == ["default and 1 more: no tls", "default: no port"]


def test_a_rule_that_is_broken_is_told_unless_the_row_says_so() -> None:
    told = dict(broken(GREEDY, rendering(Row("default"))))
    assert told == {"default": "Service shop: is a Service (ours/no-services)"}
    allowed = Row("open", breaks={"ours/no-services": "it needs one"})
    assert list(broken(GREEDY, rendering(allowed))) == []


def test_a_row_that_says_it_breaks_a_rule_and_does_not_is_told() -> None:
    row = Row("open", breaks={"ours/no-pods": "stale"})
    faults = [fault for _, fault in broken(GREEDY, rendering(row))]
    assert any("says that it breaks ours/no-pods, and it does not" in one for one in faults)


def test_a_rule_that_no_catalogue_has_is_told() -> None:
    row = Row("open", breaks={"kube-score/no-such-rule": "misspelt"})
    assert list(unknown_rules([row])) == ["open: no catalogue has a rule kube-score/no-such-rule"]


def test_a_component_that_is_spared_for_nothing_is_told() -> None:
    objects = Objects(tuple(sound()), "models")
    assert list(unneeded(GREEDY, [objects])) == []
    without = Objects(tuple(one for one in objects if one["kind"] != "Service"), "models")
    assert list(unneeded(GREEDY, [without])) == [
        "ours/no-services spares nats, which does not break it"
    ]


def test_another_text_the_second_time_or_with_another_helm_is_told() -> None:
    one = "kind: Secret\nmetadata: {name: a}\ndata: {x: one}\n"
    other = one.replace("one", "two")
    assert list(differences(rendering(Row("default"), one, one, one))) == []
    assert list(differences(rendering(Row("default"), one, one, other))) == [
        ("default", "rendered again, as an upgrade, it is another text")
    ]
    assert list(differences(rendering(Row("default"), one, other, one))) == [
        ("default", "Secret a is not the same with helm and with helm3")
    ]


def test_a_key_that_is_there_twice_is_no_object() -> None:
    with pytest.raises(yaml.YAMLError, match="name twice in the mapping at line 2"):
        parsed("metadata:\n  name: a\n  name: b\n")


def test_values_that_the_chart_refuses_are_told_by_lint_and_by_rendering(
    kubernetes_tools: Path, tmp_path: Path
) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("replica: 3\n")
    row = Row("broken", (file,))
    assert len(list(lint_faults([row]))) == 2
    (only,) = render([row])
    assert "replica" in only.refusal


def test_the_readme_has_every_value_with_its_default_and_meaning(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text(
        "{name: shop, description: Sells., version: 1.2.3, appVersion: 4.5.6, "
        "kubeVersion: '>=1.30.0-0'}"
    )
    (tmp_path / "values.yaml").write_text(
        "# -- How many.\nreplicas: 3\nimage:\n  # -- Where | it is.\n  repository: aiex\n"
    )
    text = page(tmp_path)
    assert "Chart 1.2.3, aiex 4.5.6. Needs Kubernetes >=1.30.0 and" in text
    assert "| `replicas` | `3` | How many. |" in text
    assert "### image" in text
    assert '| `image.repository` | `"aiex"` | Where \\| it is. |' in text
