"""LiteLLM's configuration to settings: what maps, what has to be given, what is lost.

Pure: the file's content and the environment in, a tree of settings and a report out. No secret of
the file gets into either.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from aiex.litellm.deployment import Deployment, ProviderDraft, Timeouts, deployment
from aiex.litellm.fallbacks import (
    EVERY,
    Fallback,
    default_fallbacks,
    fallbacks_of,
    listed_fallbacks,
)
from aiex.litellm.provider_names import provider_names
from aiex.litellm.reasons import GENERAL, LITELLM, ROUTER, TOP, UNKNOWN
from aiex.litellm.report import Loss, Report
from aiex.litellm.section import Section, is_text, reference
from aiex.settings import SECONDS_MAX

PORT = 4000  # where LiteLLM listens when nobody says otherwise
RETRIES_MAX = 5  # of the setting `retries_max`
_MEBIBYTE = 1024 * 1024
_CHOICES = {"least-busy": "least_busy", "latency-based-routing": "latency"}
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class SecretNeeded(msgspec.Struct, frozen=True):
    """A secret to give beside the file: the setting, and the variable LiteLLM reads it from."""

    setting: str  # providers.openai.api_key
    variable: str  # empty when the configuration has it literally

    @property
    def aiex_variable(self) -> str:
        return "AIEX_" + self.setting.upper().replace("-", "_").replace(".", "__")


class Conversion(msgspec.Struct, frozen=True):
    """`settings` has only what differs from the defaults, in the order to write it."""

    settings: dict[str, Any]
    secrets: list[SecretNeeded]
    losses: list[Loss]


def converted(content: object, environment: Mapping[str, str]) -> Conversion:
    """The settings that `content`, a configuration's YAML, means; never raises."""
    report = Report()
    top = Section(content, "", report, environment)
    general = top.section("general_settings")
    router, library = top.section("router_settings"), top.section("litellm_settings")
    api, log, secrets = _api(general), _log(library), _master_key(general)
    deployments = _deployments(top, _usual_timeouts(router, library))
    wildcards = [one for one in deployments if "*" in one.name or "*" in one.model]
    plain = [one for one in deployments if one not in wildcards]
    chosen = _chosen_names(wildcards, report)
    drafts = [one.provider for one in deployments if one in plain or one.provider in chosen]
    names = provider_names(drafts, chosen)
    models = _models(plain, names, report)
    aliases = _aliases(router, models)
    _fall_back(router, library, models, aliases)
    _choose(router, models)
    retries_max = _retries(router, library)
    general.leave(GENERAL, UNKNOWN)
    router.leave(ROUTER, UNKNOWN)
    library.leave(LITELLM, UNKNOWN)
    top.leave(TOP, UNKNOWN)
    providers = {name: _provider(draft, retries_max) for draft, name in names.items()}
    for one in wildcards:
        if one.prices:
            report.add(one.path, "a price is for one model: see the setting `prices`")
    prices = {f"{names[one.provider]}/{one.model}": dict(one.prices) for one in plain if one.prices}
    secrets += [
        SecretNeeded(f"providers.{name}.api_key", draft.key_variable)
        for draft, name in names.items()
        if draft.key
    ]
    sections = {"api": api, "log": log, "providers": providers, "models": models}
    sections["prices"] = prices
    return Conversion(
        {name: section for name, section in sections.items() if section}, secrets, report.losses()
    )


def _api(general: Section) -> dict[str, Any]:
    api: dict[str, Any] = {"port": PORT}
    in_flight = general.number("global_max_parallel_requests", most=1e9)
    if in_flight is not None and in_flight >= 1:
        api["in_flight_max"] = int(in_flight)
    megabytes = general.number("max_request_size_mb", most=1e6)
    if megabytes is not None and megabytes * _MEBIBYTE >= 1024:
        api["body_bytes_max"] = int(megabytes * _MEBIBYTE)
    if general.has("master_key"):
        # As LiteLLM does: on every address, and nobody gets in without a key.
        return {"host": "0.0.0.0", **api, "auth": "required"}  # noqa: S104
    general.report.add(
        "general_settings",
        "without a master_key the API listens on 127.0.0.1 only: elsewhere it needs keys",
    )
    return api


def _log(library: Section) -> dict[str, Any]:
    log: dict[str, Any] = {}
    if library.take("set_verbose") is True:
        log["level"] = "debug"
    if library.take("json_logs") is True:
        log["format"] = "json"
    return log


def _master_key(general: Section) -> list[SecretNeeded]:
    if not general.has("master_key"):
        return []
    return [SecretNeeded("api.key", reference(general.take("master_key")))]


def _usual_timeouts(router: Section, library: Section) -> Timeouts:
    of_library = library.number("request_timeout", most=SECONDS_MAX)
    of_router = router.number("timeout", most=SECONDS_MAX)
    first_byte = router.number("stream_timeout", most=SECONDS_MAX)
    return Timeouts(of_router or of_library, first_byte)


def _deployments(top: Section, usual: Timeouts) -> list[Deployment]:
    credentials: dict[str, Mapping[str, object]] = {}
    for entry in top.sections("credential_list"):
        name = entry.text("credential_name")
        values = entry.take("credential_values")
        if name and isinstance(values, dict):
            credentials[name] = {str(key): value for key, value in values.items()}
        else:
            entry.report.add(entry.path, "expected a credential_name and credential_values")
        entry.section("credential_info")
        entry.leave({}, UNKNOWN)
    found = [deployment(entry, credentials, usual) for entry in top.sections("model_list")]
    return [one for one in found if one is not None]


def _chosen_names(wildcards: list[Deployment], report: Report) -> dict[ProviderDraft, str]:
    """Providers whose name clients write: `openai/*` is every model of the provider `openai`."""
    chosen: dict[ProviderDraft, str] = {}
    for one in wildcards:
        name = one.name.removesuffix("/*")
        path = f"{one.path}.model_name"
        if one.model != "*" or name == one.name or not _NAME.fullmatch(name):
            report.add(
                path,
                "of patterns only PREFIX/* to all models of one provider can be; list the models",
            )
        elif name in chosen.values() or one.provider in chosen:
            report.add(path, "a pattern goes to one provider; list the models to share them out")
        else:
            chosen[one.provider] = name
    return chosen


def _models(
    deployments: list[Deployment], names: Mapping[ProviderDraft, str], report: Report
) -> dict[str, dict[str, Any]]:
    by_name: dict[str, list[Deployment]] = {}
    for one in deployments:
        by_name.setdefault(one.name, []).append(one)
    return {
        name: {"targets": _targets(name, entries, names, report)}
        for name, entries in by_name.items()
    }


def _targets(
    name: str, entries: list[Deployment], names: Mapping[ProviderDraft, str], report: Report
) -> list[dict[str, Any]]:
    weights: dict[tuple[str, str], float] = {}
    # LiteLLM shares requests by weights if there are any, else by rpm, else by tpm.
    has_weights = any(one.weight is not None for one in entries)
    has_shares = has_weights or any(one.rate is not None for one in entries)
    for one in entries:
        place = (names[one.provider], one.model)
        weight = one.weight if has_weights else one.rate
        if has_shares and weight is None:
            report.add(one.path, "others of this name have a weight or rpm, this one counts as 1")
        weights[place] = weights.get(place, 0) + (weight or 1)
    targets: list[dict[str, Any]] = []
    for (provider, model), weight in weights.items():
        target: dict[str, Any] = {"provider": provider}
        if model != name:
            target["model"] = model
        if len(set(weights.values())) > 1:
            target["weight"] = min(weight, 1e9)
        targets.append(target)
    return targets


def _aliases(router: Section, models: dict[str, dict[str, Any]]) -> dict[str, str]:
    """`model_group_alias`: other names, added to the models; which one each of them means."""
    found: dict[str, str] = {}
    aliases = router.section("model_group_alias")
    for alias in aliases.names():
        meant = aliases.take(alias)
        if isinstance(meant, dict):
            if meant.get("hidden"):
                aliases.lose(alias, "a model cannot be hidden from the list")
            meant = meant.get("model")
        if not is_text(alias) or not isinstance(meant, str) or meant not in models:
            aliases.lose(alias, "this is not the name of a model here")
        elif alias not in models:
            models[alias] = {"targets": _copied(meant, models[meant]["targets"])}
            found[alias] = meant
    return found


def _copied(meant: str, targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"provider": one["provider"], "model": one.get("model", meant), **one} for one in targets
    ]


def _fall_back(
    router: Section,
    library: Section,
    models: dict[str, dict[str, Any]],
    aliases: Mapping[str, str],
) -> None:
    listed: list[Fallback] = []
    for section in (library, router):
        listed += default_fallbacks(section, "default_fallbacks")
        listed += listed_fallbacks(section, "fallbacks")
        for key, why in (
            ("context_window_fallbacks", "too long a request is refused, not asked elsewhere"),
            ("content_policy_fallbacks", "a filtered request is refused, not asked elsewhere"),
        ):
            if section.has(key):
                section.take(key)
                section.lose(key, f"{why}; let clients ask for the other model")
    for one in listed:
        if one.other not in models or (one.model != EVERY and one.model not in models):
            router.report.add(one.path, "this is not the name of a model here")
    for name, model in models.items():
        if names := fallbacks_of(aliases.get(name, name), models, listed):
            model["fallbacks"] = names


def _choose(router: Section, models: dict[str, dict[str, Any]]) -> None:
    """How a model's target is chosen, where there is a choice."""
    strategy = router.take("routing_strategy")
    choice = _CHOICES.get(strategy) if isinstance(strategy, str) else None
    if choice is None and strategy not in (None, "simple-shuffle"):
        router.lose("routing_strategy", "targets are chosen by weight, load or latency")
    for model in models.values():
        if choice is not None and len(model["targets"]) > 1:
            model["choice"] = choice


def _retries(router: Section, library: Section) -> int | None:
    """How often the same target is asked again; None where nobody says so."""
    found: int | None = None
    for section in (library, router):  # the latter wins
        if section.is_zero("num_retries"):
            section.take("num_retries")
            found = 0
        elif (count := section.number("num_retries", most=1e9)) is not None:
            found = min(int(count), RETRIES_MAX)
            if found < count:
                section.lose("num_retries", f"a target is asked again {RETRIES_MAX} times at most")
    return found


def _provider(draft: ProviderDraft, retries_max: int | None) -> dict[str, Any]:
    provider: dict[str, Any] = {"kind": draft.kind}
    if draft.base_url:
        provider["base_url"] = draft.base_url
    if draft.api_version:
        provider["api_version"] = draft.api_version
    if draft.headers:
        provider["headers"] = dict(draft.headers)
    timeouts = draft.timeouts
    if timeouts.first_byte_s is not None:
        provider["first_byte_timeout_s"] = timeouts.first_byte_s
    if timeouts.total_s is not None:
        provider["total_timeout_s"] = timeouts.total_s
    if retries_max is not None:
        provider["retries_max"] = retries_max
    return provider
