"""What is wrong between settings that are each right."""

from collections.abc import Iterator
from difflib import get_close_matches

from aiex.settings.loopback import is_loopback
from aiex.settings.settings import Settings
from aiex.settings.sources import TreePath

type Conflict = tuple[TreePath, str]


def conflicts(settings: Settings) -> list[Conflict]:
    """Each with the setting to change."""
    return [
        *_provider_conflicts(settings),
        *_model_conflicts(settings),
        *_listener_conflicts(settings),
    ]


def _provider_conflicts(settings: Settings) -> Iterator[Conflict]:
    for name, provider in settings.providers.items():
        path = ("providers", name)
        if provider.kind == "openai" and not provider.base_url.startswith(("http://", "https://")):
            yield (*path, "base_url"), "an openai provider needs http(s)://…/v1"
        if provider.kind == "anthropic" and provider.base_url and not _is_http(provider.base_url):
            yield (*path, "base_url"), "empty means Anthropic's own; else http(s)://…"
        if any(header.lower() in ("authorization", "x-api-key") for header in provider.headers):
            yield (*path, "headers"), "put the secret into api_key instead"


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _model_conflicts(settings: Settings) -> Iterator[Conflict]:
    names = settings.providers.keys()
    for name, model in settings.models.items():
        for target in model.targets:
            if target.provider not in names:
                near = get_close_matches(target.provider, names, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield (
                    ("models", name, "targets"),
                    f"there is no provider '{target.provider}'{hint}",
                )
        for fallback in model.fallbacks:
            if fallback not in settings.models:
                yield ("models", name, "fallbacks"), f"'{fallback}' is not a model"


def _listener_conflicts(settings: Settings) -> Iterator[Conflict]:
    if settings.api.auth == "open" and not is_loopback(settings.api.host):
        yield ("api", "auth"), "'open' is possible on loopback only"
    same_host = settings.api.host == settings.admin.host
    if same_host and settings.api.port == settings.admin.port != 0:
        yield ("admin", "port"), "the API is on this port already"
    if settings.engine.url and settings.engine.server_path:
        yield ("engine", "server_path"), "an external engine (engine.url) has no program here"
