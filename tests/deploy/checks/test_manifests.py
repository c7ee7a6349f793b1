from pathlib import Path

import yaml

from scripts.chart.manifests import pages, plain, variants
from scripts.chart.objects import Object, name_of
from scripts.chart.renderings import parsed


def item(name: str, **annotations: str) -> Object:
    return {
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": {
                "helm.sh/chart": "aiex-0.1.0",
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/instance": "aiex",
            },
            "annotations": {
                f"helm.sh/{key.replace('_', '-')}": one for key, one in annotations.items()
            },
        },
        "spec": {"volumes": [{"name": "data", "emptyDir": {}}]},
    }


HOOK = item("late", hook="pre-install,pre-upgrade", hook_weight="1")
EARLY = item("early", hook="pre-install", hook_weight="-5")
TEST = item("ask", hook="test")
REMOVAL = item("remove", hook="post-delete")
ORDINARY = item("ordinary")


def test_objects_of_hooks_come_first_by_weight_and_only_those_that_install() -> None:
    names = [name_of(one) for one in plain((ORDINARY, HOOK, TEST, REMOVAL, EARLY))]
    assert names == ["early", "late", "ordinary"]


def test_nothing_says_that_helm_made_it() -> None:
    (made,) = plain((HOOK,))
    assert made["metadata"] == {
        "name": "late",
        "labels": {
            "app.kubernetes.io/managed-by": "kubectl",
            "app.kubernetes.io/instance": "aiex",
        },
    }


def test_what_is_empty_and_means_something_stays() -> None:
    (made,) = plain((ORDINARY,))
    assert made["spec"]["volumes"] == [{"name": "data", "emptyDir": {}}]


def test_each_variant_has_its_values_a_base_and_a_head_that_tells_what_it_is(
    kubernetes_tools: Path,
) -> None:
    texts = pages()
    assert len(texts) == len(variants()) == 3
    for file, text in texts.items():
        assert (file.parent / "kustomization.yaml").is_file()
        assert "kubectl apply --namespace aiex -f aiex.yaml" in text
        about = (file.parent / "values.yaml").read_text().splitlines()[0]
        assert about in text
        assert {one["metadata"]["namespace"] for one in parsed(text)} == {"aiex"}
        assert "helm.sh" not in text


def test_texts_of_several_lines_stay_readable(kubernetes_tools: Path) -> None:
    text = next(iter(pages().values()))
    assert "aiex.toml: |" in text
    assert yaml.safe_load_all(text)
