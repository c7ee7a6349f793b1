"""From settings to providers: one of each configured kind, with its own connections."""

from collections.abc import Callable, Mapping

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
from aiex.assistant.upstream import Upstream
from aiex.assistant.upstream_pyreqwest import PyreqwestUpstream
from aiex.clock import Clock
from aiex.settings import ProviderSettings


def build_providers(
    providers: Mapping[str, ProviderSettings],
    *,
    local_model: LocalModel | None,
    clock: Clock,
    thread_gone: Callable[[], None],
) -> dict[str, Provider]:
    """A provider for each name; `local_model` is there whenever one is of that kind.

    `thread_gone` is called once nothing can be called from this process any more.
    """

    def upstream(settings: ProviderSettings) -> Upstream:
        return PyreqwestUpstream(settings, thread_gone=thread_gone)

    return {
        name: _provider(name, settings, local_model, clock, upstream)
        for name, settings in providers.items()
    }


type _UpstreamTo = Callable[[ProviderSettings], Upstream]


def _provider(
    name: str,
    settings: ProviderSettings,
    local_model: LocalModel | None,
    clock: Clock,
    upstream: _UpstreamTo,
) -> Provider:
    match settings.kind:
        case "mock":
            return MockProvider(settings, clock)
        case "local":
            assert local_model is not None, "the root builds one when a provider is local"
            return LocalProvider(
                local_model, lambda address: _at(name, upstream(settings), address)
            )
        case "openai":
            return _openai(name, settings, OpenAIDialect(), upstream)
        case "azure":
            return _openai(name, settings, AzureDialect(settings.api_version), upstream)
        case "gemini":
            return _openai(name, settings, GeminiDialect(), upstream)
        case "anthropic":
            return _anthropic(name, settings, upstream)


def _openai(
    name: str, settings: ProviderSettings, dialect: Dialect, upstream: _UpstreamTo
) -> OpenAIProvider:
    headers = dict(settings.headers)
    if settings.api_key is not None:
        key = settings.api_key.reveal()
        if settings.kind == "azure":
            headers["api-key"] = key
        else:
            headers["authorization"] = f"Bearer {key}"
    base_url = settings.base_url or (GEMINI_URL if settings.kind == "gemini" else "")
    return OpenAIProvider(
        name, upstream(settings), base_url=base_url, headers=headers, dialect=dialect
    )


def _anthropic(name: str, settings: ProviderSettings, upstream: _UpstreamTo) -> AnthropicProvider:
    headers = {header.lower(): value for header, value in settings.headers.items()}
    if settings.api_key is not None:
        headers["x-api-key"] = settings.api_key.reveal()
    return AnthropicProvider(
        name,
        upstream(settings),
        base_url=settings.base_url or ANTHROPIC_URL,
        headers=headers,
        max_tokens=settings.max_tokens,
    )


def _at(name: str, upstream: Upstream, address: LocalAddress) -> OpenAIProvider:
    headers = {"authorization": f"Bearer {address.api_key}"}
    return OpenAIProvider(name, upstream, base_url=address.base_url, headers=headers)
