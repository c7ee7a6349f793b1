"""One entry of `model_list`: a model's name for clients, and the provider and model behind it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from aiex.litellm.endpoints import ENDPOINTS, Endpoint, known_kinds, split_model
from aiex.litellm.reasons import MODEL_INFO, PARAMETERS, REQUEST_DEFAULT
from aiex.litellm.section import Section, is_text, reference
from aiex.settings import SECONDS_MAX

WEIGHT_MAX = 1e9
USD_PER_TOKEN_MAX = 1e3
_PRICES = {
    "input_cost_per_token": "input_usd_per_million",
    "output_cost_per_token": "output_usd_per_million",
    "cache_read_input_token_cost": "cached_usd_per_million",
    "output_cost_per_reasoning_token": "reasoning_usd_per_million",
}
_NEEDED_PRICES = {"input_usd_per_million", "output_usd_per_million"}
# What people write where a server of their own wants no key.
_NO_KEY = frozenset({"", "none", "empty", "null", "dummy", "fake", "fake-key", "anything", "na"})
_NO_KEY_PATTERN = re.compile(r"(sk-)?(no|not)-?(key)?-?(needed|required)")
# A header whose name says so may hold a secret.
_SECRET_NAME = re.compile(
    r"auth|key|token|secret|cookie|password|credential|signature", re.IGNORECASE
)
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds; None where the settings' default is good."""

    total_s: float | None = None
    first_byte_s: float | None = None


class ProviderDraft(msgspec.Struct, frozen=True):
    """A provider as one entry needs it; equal drafts become one provider."""

    prefix: str
    kind: str
    base_url: str
    api_version: str
    key: str  # only compared: `$NAME`, a literal of the file, or empty for none
    headers: tuple[tuple[str, str], ...]
    timeouts: Timeouts

    @property
    def key_variable(self) -> str:
        """The variable that LiteLLM reads the key from; empty for a literal or none."""
        return self.key[1:] if self.key.startswith("$") else ""


class Deployment(msgspec.Struct, frozen=True):
    name: str
    model: str
    provider: ProviderDraft
    weight: float | None
    rate: float | None  # rpm, else tpm: LiteLLM shares requests by it when there are no weights
    prices: tuple[tuple[str, float], ...]  # as the settings have them; empty for none
    path: str


def deployment(
    entry: Section, credentials: Mapping[str, Mapping[str, object]], usual: Timeouts
) -> Deployment | None:
    """The entry, or None with the reason reported."""
    name = entry.text("model_name")
    if not name:
        entry.lose("model_name", "there is none, so nobody can ask for this entry")
    parameters = _with_credentials(entry, credentials)
    model = parameters.text("model")
    if not model:
        parameters.lose("model", "there is none, so nothing is known of where requests would go")
    described = entry.section("model_info")
    prices = _prices(parameters, described)
    described.leave({}, MODEL_INFO)
    entry.leave({}, "there is no such thing here")
    if not (name and model) or _is_switched_off(parameters):
        return None
    provider = _provider(parameters, model, usual)
    if provider is None:
        return None
    made = Deployment(
        name=name,
        model=_model_there(model, provider),
        provider=provider,
        weight=parameters.number("weight", most=WEIGHT_MAX),
        rate=_rate(parameters),
        prices=prices,
        path=entry.path,
    )
    parameters.leave(PARAMETERS, REQUEST_DEFAULT)
    return made


def _model_there(model: str, provider: ProviderDraft) -> str:
    name = split_model(model, provider.prefix)[1]
    # LiteLLM's own marks between prefix and deployment.
    for mark in ("o_series/", "gpt5_series/") if provider.kind == "azure" else ():
        name = name.removeprefix(mark)
    return name


def _is_switched_off(parameters: Section) -> bool:
    if not parameters.is_zero("weight"):
        return False
    parameters.lose("weight", "with 0 it gets no requests; left out")
    return True


def _with_credentials(entry: Section, credentials: Mapping[str, Mapping[str, object]]) -> Section:
    raw = entry.take("litellm_params")
    content: dict[Any, object] = dict(raw) if isinstance(raw, dict) else {}
    path = entry.at("litellm_params")
    if not isinstance(raw, dict):
        entry.report.add(path, "expected keys with values here")
    name = content.pop("litellm_credential_name", None)
    if isinstance(name, str) and name in credentials:
        content = {**credentials[name], **content}
    elif name is not None:
        entry.report.add(f"{path}.litellm_credential_name", "credential_list has no such name")
    return Section(content, path, entry.report, entry.environment)


def _prices(parameters: Section, described: Section) -> tuple[tuple[str, float], ...]:
    """Dollars for a million tokens; LiteLLM has them for one, in either of two places."""
    prices: dict[str, float] = {}
    for key, setting in _PRICES.items():
        for section in (described, parameters):  # the latter wins
            if section.is_zero(key):
                section.take(key)
                prices[setting] = 0.0
            elif (price := section.number(key, most=USD_PER_TOKEN_MAX)) is not None:
                prices[setting] = round(price * 1e6, 6)
    if prices and not prices.keys() >= _NEEDED_PRICES:
        parameters.lose("input_cost_per_token", "a price needs that of input and that of output")
        return ()
    return tuple(prices.items())


def _rate(parameters: Section) -> float | None:
    """Requests or tokens a minute; as limits they are not kept, and that is told."""
    rates: list[float] = []
    for key in ("rpm", "tpm"):
        rate = parameters.number(key, most=WEIGHT_MAX)
        if rate is not None:
            rates.append(rate)
            parameters.lose(key, "a target has no limit of its own; it counts as a weight only")
    return rates[0] if rates else None


def _provider(parameters: Section, model: str, usual: Timeouts) -> ProviderDraft | None:
    prefix, _ = split_model(model, parameters.text("custom_llm_provider"))
    endpoint = ENDPOINTS.get(prefix)
    if endpoint is None or endpoint.kind not in known_kinds():
        shown = prefix if prefix.replace("_", "").replace("-", "").isalnum() else "this"
        parameters.lose("model", f"there is no kind of provider for '{shown}' here; left out")
        return None
    base_url = _base_url(parameters, endpoint, prefix)
    if base_url is None:
        return None
    api_version = parameters.text("api_version")
    if api_version and endpoint.kind != "azure":
        parameters.lose("api_version", "only Azure has versions")
        api_version = ""
    if endpoint.kind == "azure" and not api_version:
        parameters.lose("api_version", "there is none: requests go to Azure's /openai/v1")
    return ProviderDraft(
        prefix=prefix,
        kind=endpoint.kind,
        base_url=base_url,
        api_version=api_version,
        key=_key(parameters, endpoint),
        headers=_headers(parameters),
        timeouts=_timeouts(parameters, usual),
    )


def _base_url(parameters: Section, endpoint: Endpoint, prefix: str) -> str | None:
    """None when there is none to ask."""
    key = "api_base" if parameters.has("api_base") else "base_url"
    if not parameters.has(key):
        if endpoint.base_url or endpoint.kind in ("gemini", "anthropic"):
            return endpoint.base_url
        parameters.lose("api_base", f"'{prefix}' needs one; left out")
        return None
    given = parameters.text(key)
    try:
        parts = urlsplit(given)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_usable = False
    if not is_usable or not given.isprintable() or " " in given:
        if given:
            parameters.lose(key, "this is no http(s) address; left out")
        return None
    if parts.username or parts.password or parts.query or parts.fragment:
        parameters.lose(key, "only host and path are kept: what else is in it may be a secret")
    path = parts.path.rstrip("/")
    if endpoint.kind == "azure":
        path = path.partition("/openai")[0]
    if endpoint.suffix and not path.endswith(endpoint.suffix):
        path += endpoint.suffix
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _key(parameters: Section, endpoint: Endpoint) -> str:
    if not parameters.has("api_key"):
        return f"${endpoint.key_variable}" if endpoint.key_variable else ""
    value = parameters.take("api_key")
    if name := reference(value):
        return f"${name}"
    if not is_text(value) or not isinstance(value, str):
        parameters.lose("api_key", "expected a text here")
        return ""
    folded = value.strip().lower()
    if folded in _NO_KEY or _NO_KEY_PATTERN.fullmatch(folded):
        return ""
    # Cannot be mistaken for a variable's name; it is compared with others and never written.
    return f"={value}"


def _headers(parameters: Section) -> tuple[tuple[str, str], ...]:
    headers: dict[str, str] = {}
    for key in ("headers", "extra_headers"):
        section = parameters.section(key)
        for name in section.names():
            if _SECRET_NAME.search(name):
                section.take(name)
                section.lose(name, "it may be a secret, and headers hold none here")
            elif not _HEADER_NAME.fullmatch(name):
                section.take(name)
                section.lose(name, "this is no name of a header")
            elif (text := section.text(name)) and text.isprintable():
                headers[name] = text
    organization = parameters.take("organization")
    if isinstance(organization, str) and _ORGANIZATION.fullmatch(organization):
        headers["OpenAI-Organization"] = organization
    elif organization is not None:
        parameters.lose("organization", "give it as the provider's header OpenAI-Organization")
    return tuple(sorted(headers.items()))


def _timeouts(parameters: Section, usual: Timeouts) -> Timeouts:
    total = parameters.number("timeout", most=SECONDS_MAX)
    first_byte = parameters.number("stream_timeout", most=SECONDS_MAX)
    return Timeouts(total or usual.total_s, first_byte or usual.first_byte_s)
