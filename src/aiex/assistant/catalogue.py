"""Which models there are and where each one goes: names resolved once, before any request."""

from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from aiex.assistant.refusal import model_unknown
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings

# Providers of these kinds have models of their own that nobody listed here.
REMOTE_KINDS = frozenset({"openai", "azure", "gemini", "anthropic"})

# What a node offers when nobody configured anything: a real small model, and the stand-in.
DEFAULT_PROVIDERS: Mapping[str, ProviderSettings] = {
    "local": ProviderSettings(kind="local"),
    "mock": ProviderSettings(kind="mock"),
}
DEFAULT_MODELS: Mapping[str, ModelSettings] = {
    "smollm2": ModelSettings(targets=(TargetSettings(provider="local"),)),
    "mock": ModelSettings(targets=(TargetSettings(provider="mock"),)),
}

# Comparing takes as long as the name is, and a body may be one name of 20 MB.
NAME_LEN_COMPARED_MAX = 200


class Target(msgspec.Struct, frozen=True):
    """Where a request can go: a model at a provider."""

    provider: str
    model: str
    weight: float

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


class Model(msgspec.Struct, frozen=True):
    """What a client asks for: its targets by weight, then the models to fall back to."""

    name: str
    targets: tuple[Target, ...]
    fallbacks: tuple[str, ...]
    choice: str = "weighted"  # weighted, least_busy, latency
    hedge_after_s: float = 0.0  # 0: never


class Catalogue:
    """The models and providers of one node.

    Besides the configured names, `provider/model` reaches any model of an `openai` provider
    without further configuration, and likewise of one of kind `azure`, `gemini` or `anthropic`.
    """

    def __init__(self, settings: Settings) -> None:
        is_empty = not settings.providers and not settings.models
        self.providers = dict(DEFAULT_PROVIDERS if is_empty else settings.providers)
        models = DEFAULT_MODELS if is_empty else settings.models
        self._configured = {name: _model(name, model) for name, model in models.items()}
        self._weighed = self._models = self._configured

    @property
    def has_local(self) -> bool:
        """Whether any provider is the small model of this machine."""
        return any(provider.kind == "local" for provider in self.providers.values())

    def models(self) -> list[Model]:
        """The configured models, in order; the first one is the default of the command line."""
        return list(self._models.values())

    def configured(self) -> list[Model]:
        """The same as the settings have them, whatever weights are in force."""
        return list(self._configured.values())

    def weighed(self) -> list[Model]:
        """The same with all their targets, those too that get no requests: their weight is 0."""
        return list(self._weighed.values())

    def reweigh(self, weights: Mapping[str, Mapping[str, float]]) -> None:
        """From now on weigh targets so, by model and target; 0 takes a target out.

        Those that are left out are as configured. Requests in progress go on as they began.
        """
        self._weighed = {
            name: _reweighed(model, weights.get(name, {}))
            for name, model in self._configured.items()
        }
        self._models = {name: _in_use(model) for name, model in self._weighed.items()}

    def model(self, name: str) -> Model:
        """The model called `name`; raises `Refusal` (404) with the nearest name there is."""
        model = self._models.get(name)
        if model is not None:
            return model
        provider, slash, model_there = name.partition("/")
        settings = self.providers.get(provider)
        if slash and model_there and settings is not None and settings.kind in REMOTE_KINDS:
            return Model(name, (Target(provider, model_there, 1.0),), ())
        near = get_close_matches(name[:NAME_LEN_COMPARED_MAX], self._models, n=1)
        raise model_unknown(name, near[0] if near else "")


def _model(name: str, settings: ModelSettings) -> Model:
    targets = tuple(
        Target(target.provider, target.model or name, target.weight) for target in settings.targets
    )
    return Model(name, targets, settings.fallbacks, settings.choice, settings.hedge_after_ms / 1000)


def _reweighed(model: Model, weights: Mapping[str, float]) -> Model:
    targets = tuple(
        msgspec.structs.replace(target, weight=weights.get(target.name, target.weight))
        for target in model.targets
    )
    return msgspec.structs.replace(model, targets=targets)


def _in_use(model: Model) -> Model:
    """With the targets that get requests."""
    targets = tuple(target for target in model.targets if target.weight > 0)
    assert targets, "weights that leave nobody are refused before"
    return msgspec.structs.replace(model, targets=targets)
