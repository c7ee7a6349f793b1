"""What helm says after an install."""

import subprocess

import pytest

from tests.deploy.chart.rendering import CHART, as_yaml


@pytest.fixture(scope="session")
def helm(helms: dict[str, str]) -> str:
    return helms["helm"]  # helm 3 wants a cluster before it shows any


def notes(helm: str, **values: object) -> str:
    command = [helm, "install", "r", str(CHART), "--dry-run=client", "-n", "models", "-f", "-"]
    done = subprocess.run(
        command, input=as_yaml(values), capture_output=True, text=True, check=True
    )
    return done.stdout.partition("\nNOTES:\n")[2]


def test_they_say_how_to_ask_and_where_the_key_is(helm: str) -> None:
    said = notes(helm)
    assert 'kubectl -n models exec deployment/r-aiex -- aiex chat "echo it works"' in said
    assert "kubectl -n models get secret r-aiex-secrets -o go-template=" in said
    assert '{{index .data "api-key" | base64decode}}' in said
    assert "helm -n models test r" in said


def test_they_say_that_the_mock_is_one_and_how_to_get_a_real_model(helm: str) -> None:
    said = notes(helm)
    assert "THE MODEL `mock` IS NO MODEL" in said
    assert "There is no other yet." in said
    assert "{setting: providers.openai.api_key, secret: provider-keys, key: openai}" in said


def test_with_a_provider_and_without_the_mock_they_are_short(helm: str) -> None:
    settings = {"providers": {"openai": {"kind": "openai", "base_url": "http://x"}}}
    said = notes(helm, mockModel={"enabled": False}, settings=settings)
    assert "mock" not in said
    assert "NO PROVIDER" not in said
    assert "THERE IS NO PROVIDER" in notes(helm, mockModel={"enabled": False})


def test_they_warn_of_a_single_node(helm: str) -> None:
    assert "ONE NODE is not enough" in notes(helm, replicas=1)
    assert "ONE NODE" not in notes(helm)
