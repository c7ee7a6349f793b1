"""LiteLLM's prefixes (`openai/gpt-4o`) and what they are here: a kind, an address, a variable.

Those without an entry speak no OpenAI (`bedrock/`, `vertex_ai/`, `cohere/` …) and cannot be asked.
"""

from collections.abc import Mapping
from typing import get_args, get_type_hints

import msgspec

from aiex.settings import ProviderSettings


class Endpoint(msgspec.Struct, frozen=True):
    kind: str
    base_url: str = ""  # when the file names none; empty: it must
    key_variable: str = (
        ""  # where LiteLLM looks when the file names no key; not if it can do without
    )
    suffix: str = ""  # what LiteLLM's api_base leaves out


def _openai(base_url: str, key_variable: str = "") -> Endpoint:
    return Endpoint("openai", base_url, key_variable)


_OLLAMA = Endpoint("openai", "http://127.0.0.1:11434/v1", suffix="/v1")

ENDPOINTS: Mapping[str, Endpoint] = {
    "openai": _openai("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "text-completion-openai": _openai("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "custom_openai": _openai("", "OPENAI_API_KEY"),
    "azure": Endpoint("azure", key_variable="AZURE_API_KEY"),
    "gemini": Endpoint("gemini", key_variable="GEMINI_API_KEY"),
    "anthropic": Endpoint("anthropic", key_variable="ANTHROPIC_API_KEY"),
    "ollama": _OLLAMA,
    "ollama_chat": _OLLAMA,
    "hosted_vllm": _openai(""),
    "vllm": _openai(""),
    "litellm_proxy": _openai("", "LITELLM_PROXY_API_KEY"),
    "llamafile": _openai("http://127.0.0.1:8080/v1"),
    "lm_studio": _openai(""),
    "xinference": _openai(""),
    "cerebras": _openai("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepinfra": _openai("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "deepseek": _openai("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "fireworks_ai": _openai("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "groq": _openai("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": _openai("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "nvidia_nim": _openai("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "openrouter": _openai("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": _openai("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "sambanova": _openai("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "together_ai": _openai("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    "xai": _openai("https://api.x.ai/v1", "XAI_API_KEY"),
}

# Names that LiteLLM knows without a prefix, by how they begin.
_BARE = (("claude", "anthropic"), ("gemini", "vertex_ai"))


def known_kinds() -> frozenset[str]:
    """The kinds of provider that the settings of this release know."""
    hint = get_type_hints(ProviderSettings)["kind"]
    return frozenset(get_args(hint))


def split_model(model: str, provider: str) -> tuple[str, str]:
    """Prefix and model of `litellm_params.model`; `provider` is its `custom_llm_provider`."""
    prefix, slash, rest = model.partition("/")
    if provider:
        return provider, rest if rest and prefix == provider else model
    if slash and rest and (prefix in ENDPOINTS or prefix.replace("_", "").isalnum()):
        return prefix, rest
    bare = next((name for start, name in _BARE if model.startswith(start)), "openai")
    return bare, model
