"""Which models a node has, and where each name leads."""

from time import process_time

import pytest

from aiex.assistant.catalogue import Catalogue, Model, Target
from aiex.assistant.refusal import Refusal
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings

OPENAI = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1")
MOCK = ProviderSettings(kind="mock")
LOCAL = ProviderSettings(kind="local")
PROVIDERS = {"openai": OPENAI, "mock": MOCK, "local": LOCAL}


def catalogue(*names: str) -> Catalogue:
    """Models of these names, all at the provider `openai`."""
    model = ModelSettings(targets=(TargetSettings("openai"),))
    return Catalogue(Settings(providers=PROVIDERS, models=dict.fromkeys(names, model)))


def refused(models: Catalogue, name: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        models.model(name)
    return caught.value


def test_with_nothing_configured_there_are_the_small_model_and_the_mock() -> None:
    models = Catalogue(Settings())
    assert [model.name for model in models.models()] == ["smollm2", "mock"]
    assert models.model("smollm2").targets == (Target("local", "smollm2", 1.0),)
    assert models.model("mock").targets == (Target("mock", "mock", 1.0),)
    assert {name: one.kind for name, one in models.providers.items()} == {
        "local": "local",
        "mock": "mock",
    }


def test_who_configures_a_provider_gets_none_of_the_defaults() -> None:
    models = Catalogue(Settings(providers={"openai": OPENAI}))
    assert models.models() == []
    assert list(models.providers) == ["openai"]
    assert not models.has_local


def test_a_local_provider_of_any_name_is_noticed() -> None:
    assert Catalogue(Settings()).has_local
    assert Catalogue(Settings(providers={"mine": LOCAL})).has_local


def test_models_keep_the_order_of_the_settings() -> None:
    assert [model.name for model in catalogue("z", "a", "m").models()] == ["z", "a", "m"]


def test_a_target_has_the_models_own_name_unless_it_says_another() -> None:
    targets = (TargetSettings("openai"), TargetSettings("mock", model="other", weight=3.0))
    settings = ModelSettings(targets=targets, fallbacks=("spare",))
    models = Catalogue(Settings(providers=PROVIDERS, models={"x": settings}))
    expected = (Target("openai", "x", 1.0), Target("mock", "other", 3.0))
    assert models.model("x") == Model("x", expected, ("spare",))
    assert [target.name for target in expected] == ["openai/x", "mock/other"]


@pytest.mark.parametrize("model_there", ["gpt-9", "org/name", "a:b", "/"])
def test_any_model_of_an_openai_provider_is_reached_without_settings(model_there: str) -> None:
    name = f"openai/{model_there}"
    model = catalogue("x").model(name)
    assert model == Model(name, (Target("openai", model_there, 1.0),), ())


def test_a_configured_name_goes_before_an_address() -> None:
    models = catalogue("openai/x")
    assert models.model("openai/x").targets == (Target("openai", "openai/x", 1.0),)


@pytest.mark.parametrize(
    "name", ["", "/", "openai", "openai/", "/gpt-9", "mock/x", "local/smollm2", "nobody/gpt-9"]
)
def test_any_other_name_is_refused(name: str) -> None:
    refusal = refused(catalogue("x"), name)
    assert (refusal.status, refusal.code, refusal.param) == (404, "model_not_found", "model")


def test_a_misspelled_name_is_answered_with_the_nearest() -> None:
    models = catalogue("sonnet", "haiku")
    assert "'sonet' does not exist here. Did you mean 'sonnet'?" in str(refused(models, "sonet"))
    assert "Did you mean 'haiku'?" in str(refused(models, "haiky"))


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    assert "Did you mean" not in str(refused(catalogue("sonnet"), "qwertz"))


def test_a_name_as_long_as_a_body_is_neither_repeated_nor_compared() -> None:
    models = catalogue(*(f"model-{number}" for number in range(50)))
    name = "model-" * 3_000_000
    begun_s = process_time()
    assert len(str(refused(models, name))) < 400
    assert process_time() - begun_s < 0.2  # comparing all of it takes seconds


def test_weights_that_change_are_those_of_the_next_request_and_0_takes_a_target_out() -> None:
    targets = (TargetSettings("openai", "m", 3.0), TargetSettings("mock", "m", 1.0))
    models = Catalogue(
        Settings(providers=PROVIDERS, models={"smart": ModelSettings(targets=targets)})
    )
    before = models.model("smart")
    models.reweigh({"smart": {"mock/m": 0, "openai/m": 2.0}})
    assert models.model("smart").targets == (Target("openai", "m", 2.0),)
    assert [one.weight for one in models.weighed()[0].targets] == [2.0, 0]
    assert models.configured() == [before]
    models.reweigh({})
    assert models.models() == models.weighed() == [before]
