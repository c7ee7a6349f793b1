"""Where a request goes first, and where next."""

from collections import Counter
from random import Random

import pytest

from aiex.assistant.catalogue import Catalogue
from aiex.assistant.refusal import Refusal
from aiex.assistant.routing import ATTEMPTS_MAX, attempts
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings

OPENAI = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1")


def catalogue(**models: ModelSettings) -> Catalogue:
    providers = {"a": OPENAI, "b": OPENAI, "m": ProviderSettings(kind="mock")}
    return Catalogue(Settings(providers=providers, models=models))


def model(*targets: tuple[str, float], fallbacks: tuple[str, ...] = ()) -> ModelSettings:
    return ModelSettings(
        targets=tuple(TargetSettings(provider, weight=weight) for provider, weight in targets),
        fallbacks=fallbacks,
    )


def order(models: Catalogue, name: str, seed: int = 0) -> list[str]:
    chosen = models.model(name)
    return [target.name for target in attempts(chosen, models, Random(seed))]


def test_first_attempts_follow_the_weights() -> None:
    models = catalogue(x=model(("a", 3.0), ("b", 1.0)))
    random = Random(7)
    first = Counter(next(attempts(models.model("x"), models, random)).provider for _ in range(4000))
    assert 2850 <= first["a"] <= 3150


def test_every_target_is_tried_once_before_the_fallbacks() -> None:
    models = catalogue(x=model(("a", 1.0), ("b", 1.0), fallbacks=("y",)), y=model(("m", 1.0)))
    for seed in range(20):
        tried = order(models, "x", seed)
        assert sorted(tried[:2]) == ["a/x", "b/x"]
        assert tried[2:] == ["m/y"]


def test_a_target_shared_with_a_fallback_is_not_asked_again() -> None:
    shared = ModelSettings(targets=(TargetSettings("a", model="same"),), fallbacks=("y",))
    models = catalogue(x=shared, y=ModelSettings(targets=(TargetSettings("a", model="same"),)))
    assert order(models, "x") == ["a/same"]


def test_attempts_are_limited() -> None:
    targets = tuple(TargetSettings("a", model=str(number)) for number in range(20))
    models = catalogue(x=ModelSettings(targets=targets))
    assert len(order(models, "x")) == ATTEMPTS_MAX


def test_any_model_of_an_openai_provider_is_reached_by_its_path() -> None:
    assert order(catalogue(), "a/gpt-9") == ["a/gpt-9"]
    assert order(catalogue(), "a/org/name") == ["a/org/name"]


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Refusal, match="Did you mean 'sonnet'") as refused:
        catalogue(sonnet=model(("a", 1.0))).model("sonet")
    assert refused.value.status == 404
    with pytest.raises(Refusal):
        catalogue().model("m/anything")


def test_without_settings_there_is_a_real_model_and_the_mock() -> None:
    models = Catalogue(Settings())
    assert [one.name for one in models.models()] == ["smollm2", "mock"]
    assert models.has_local
