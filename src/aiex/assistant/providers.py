"""From settings to providers: one of each configured kind, with its own connections."""

from collections.abc import Mapping

from aiex.assistant.dialect import Dialect, OpenAIDialect
from aiex.assistant.dialect_azure import AzureDialect
from aiex.assistant.dialect_gemini import BASE_URL as GEMINI_URL
from aiex.assistant.dialect_gemini import GeminiDialect
from aiex.assistant.local_model import LocalModel
from aiex.assistant.local_model_claim import LocalAddress
from aiex.assistant.provider import Provider
from aiex.assistant.provider_anthropic import BASE_URL as ANTHROPIC_URL
from aiex.assistant.provider_anthropic import AnthropicProvider
from aiex.assistant.provider_local import LocalProvider
from aiex.assistant.provider_mock import MockProvider
from aiex.assistant.provider_openai import OpenAIProvider
from aiex.assistant.upstream_pyreqwest import PyreqwestUpstream
from aiex.clock import Clock
from aiex.settings import ProviderSettings


def build_providers(
    providers: Mapping[str, ProviderSettings], *, local_model: LocalModel | None, clock: Clock
) -> dict[str, Provider]:
    """A provider for each name; `local_model` is there whenever one is of that kind."""
    return {
        name: _provider(name, settings, local_model, clock) for name, settings in providers.items()
    }


def _provider(
    name: str, settings: ProviderSettings, local_model: LocalModel | None, clock: Clock
) -> Provider:
    match settings.kind:
        case "mock":
            return MockProvider(settings, clock)
        case "local":
            assert local_model is not None, "the root builds one when a provider is local"
            return LocalProvider(local_model, lambda address: _at(name, settings, address))
        case "openai":
            return _openai(name, settings, OpenAIDialect())
        case "azure":
            return _openai(name, settings, AzureDialect(settings.api_version))
        case "gemini":
            return _openai(name, settings, GeminiDialect())
        case "anthropic":
            return _anthropic(name, settings)


def _openai(name: str, settings: ProviderSettings, dialect: Dialect) -> OpenAIProvider:
    headers = dict(settings.headers)
    if settings.api_key is not None:
        key = settings.api_key.reveal()
        if settings.kind == "azure":
            headers["api-key"] = key
        else:
            headers["authorization"] = f"Bearer {key}"
    base_url = settings.base_url or (GEMINI_URL if settings.kind == "gemini" else "")
    upstream = PyreqwestUpstream(settings)
    return OpenAIProvider(name, upstream, base_url=base_url, headers=headers, dialect=dialect)


def _anthropic(name: str, settings: ProviderSettings) -> AnthropicProvider:
    headers = {header.lower(): value for header, value in settings.headers.items()}
    if settings.api_key is not None:
        headers["x-api-key"] = settings.api_key.reveal()
    return AnthropicProvider(
        name,
        PyreqwestUpstream(settings),
        base_url=settings.base_url or ANTHROPIC_URL,
        headers=headers,
        max_tokens=settings.max_tokens,
    )


def _at(name: str, settings: ProviderSettings, address: LocalAddress) -> OpenAIProvider:
    headers = {"authorization": f"Bearer {address.api_key}"}
    return OpenAIProvider(
        name, PyreqwestUpstream(settings), base_url=address.base_url, headers=headers
    )
