"""What is wrong between settings that are each right, or needs more than a type to see."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches
from urllib.parse import urlsplit

from aiex.settings.engine_url import engine_url_problem
from aiex.settings.loopback import is_loopback
from aiex.settings.sections import ClusterSettings, EngineSettings, ProviderSettings
from aiex.settings.seed import parse_seed
from aiex.settings.settings import Settings
from aiex.settings.sources import TreePath

SECRET_LEN_MIN = 16

type Conflict = tuple[TreePath, str]


def conflicts(settings: Settings, wrong: Sequence[TreePath] = ()) -> list[Conflict]:
    """Each with the setting to change.

    Settings that are `wrong` by themselves are at their defaults here, or missing: what depends on
    those cannot be judged yet.
    """

    def are_right(*sections: str) -> bool:
        return not any(path[0] in sections for path in wrong)

    return [
        *_provider_conflicts(settings),
        *_model_conflicts(settings, wrong),
        *(_listener_conflicts(settings) if are_right("api", "admin") else ()),
        *(_engine_conflicts(settings) if are_right("engine") else ()),
        *(_money_conflicts(settings) if are_right("limits", "prices") else ()),
        *(_load_conflicts(settings) if are_right("api") else ()),
        *(_cluster_conflicts(settings) if are_right("cluster", "engine") else ()),
    ]


def _provider_conflicts(settings: Settings) -> Iterator[Conflict]:
    for name, provider in settings.providers.items():
        path = ("providers", name)
        if provider.kind == "openai" and not provider.base_url.startswith(("http://", "https://")):
            yield (*path, "base_url"), "an openai provider needs http(s)://…/v1"
        if provider.kind == "anthropic" and provider.base_url and not _is_http(provider.base_url):
            yield (*path, "base_url"), "empty means Anthropic's own; else http(s)://…"
        yield from _preset_conflicts(name, provider)
        if any(
            header.lower() in ("authorization", "x-api-key", "api-key")
            for header in provider.headers
        ):
            yield (*path, "headers"), "put the secret into api_key instead"


def _preset_conflicts(name: str, provider: ProviderSettings) -> Iterator[Conflict]:
    """Of the kinds that make an address of their own: what they cannot make one of."""
    url, path = provider.base_url, ("providers", name, "base_url")
    if provider.kind == "azure" and (not _is_http(url) or "/openai" in urlsplit(url).path):
        yield (
            path,
            "an azure provider needs its resource's address alone: https://NAME.openai.azure.com",
        )
    if provider.kind == "gemini" and url and not _is_http(url):
        yield path, "a gemini provider's is empty (Google's own) or http(s)://…"
    if provider.api_version and provider.kind != "azure":
        yield ("providers", name, "api_version"), "only an azure provider has one"


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _model_conflicts(settings: Settings, wrong: Sequence[TreePath]) -> Iterator[Conflict]:
    if ("providers",) in wrong or ("models",) in wrong:
        return
    # What is there and wrong is no missing name.
    names = {*settings.providers, *(path[1] for path in wrong if path[0] == "providers")}
    models = {*settings.models, *(path[1] for path in wrong if path[0] == "models")}
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
            if fallback not in models:
                near = get_close_matches(fallback, models, n=1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield ("models", name, "fallbacks"), f"'{fallback}' is not a model{hint}"


def _load_conflicts(settings: Settings) -> Iterator[Conflict]:
    api = settings.api
    if api.body_bytes_in_flight_max < api.body_bytes_max:
        yield (
            ("api", "body_bytes_in_flight_max"),
            f"a body of api.body_bytes_max ({api.body_bytes_max:,}) would never find room",
        )
    if api.shed_all_lag_s <= api.shed_from_lag_s:
        yield ("api", "shed_all_lag_s"), "it has to be more than api.shed_from_lag_s"


def _listener_conflicts(settings: Settings) -> Iterator[Conflict]:
    if settings.api.auth == "open" and not is_loopback(settings.api.host):
        yield ("api", "auth"), "'open' is possible on loopback only"
    for section, listener in (("api", settings.api), ("admin", settings.admin)):
        if bool(listener.tls_certificate_file) != bool(listener.tls_key_file):
            missing = "tls_key_file" if listener.tls_certificate_file else "tls_certificate_file"
            yield (section, missing), "TLS needs a certificate and its key; one of them is missing"
    shared_port = settings.api.shared_port
    if shared_port and shared_port == settings.api.port:
        yield ("api", "shared_port"), "api.port is the node's own; it cannot be shared too"
    same_host = settings.api.host == settings.admin.host
    if same_host and settings.api.port == settings.admin.port != 0:
        yield ("admin", "port"), "the API is on this port already"
    if same_host and shared_port and shared_port == settings.admin.port:
        yield ("admin", "port"), "api.shared_port is this one already"


def _engine_conflicts(settings: Settings) -> Iterator[Conflict]:
    url = settings.engine.url
    if url and (problem := engine_url_problem(url)):
        yield ("engine", "url"), f"no address of an engine: {problem}"
    if url and settings.engine.server_path:
        yield ("engine", "server_path"), "an external engine (engine.url) has no program here"
    yield from _engine_tls_conflicts(settings.engine)


def _engine_tls_conflicts(engine: EngineSettings) -> Iterator[Conflict]:
    if bool(engine.tls_certificate_file) != bool(engine.tls_key_file):
        missing = "tls_key_file" if engine.tls_certificate_file else "tls_certificate_file"
        yield ("engine", missing), "a certificate needs its key; one of them is missing"
    for name in ("tls_ca_file", "tls_certificate_file", "tls_key_file"):
        if getattr(engine, name) and not engine.url.startswith("tls://"):
            yield ("engine", name), "it is for an external engine at tls://…; set engine.url so"


def _money_conflicts(settings: Settings) -> Iterator[Conflict]:
    amounts: list[tuple[TreePath, float | None]] = [
        (("limits", "budget_usd"), settings.limits.budget_usd)
    ]
    for name, price in settings.prices.items():
        amounts += [
            (("prices", name, field), getattr(price, field)) for field in price.__struct_fields__
        ]
    for path, usd in amounts:
        # Money is counted in whole millionths; a seventh decimal would silently be lost.
        if usd is not None and Decimal(repr(usd)).scaleb(6) % 1:
            yield path, "an amount has at most six decimals"
    if any("*" in pattern[:-1] or not pattern for pattern in settings.limits.models):
        yield ("limits", "models"), "a model is its name, or the name's begin followed by one '*'"


def _cluster_conflicts(settings: Settings) -> Iterator[Conflict]:
    cluster, discovery = settings.cluster, settings.cluster.discovery
    if settings.engine.url and discovery != "none":
        yield (
            ("cluster", "discovery"),
            "nodes at an external engine (engine.url) meet there; it has to be 'none'",
        )
    if cluster.secret is not None and len(cluster.secret.reveal()) < SECRET_LEN_MIN:
        yield ("cluster", "secret"), f"a secret has at least {SECRET_LEN_MIN} characters"
    if cluster.secret is None and discovery in ("static", "dns"):
        yield (
            ("cluster", "secret"),
            f"'{discovery}' discovery needs one, the same on all nodes: AIEX_CLUSTER__SECRET_FILE",
        )
    if discovery in ("none", "local") and not is_loopback(cluster.host):
        yield (
            ("cluster", "host"),
            f"with '{discovery}' discovery nobody comes from elsewhere; it has to be loopback",
        )
    if cluster.carries != "auto" and discovery in ("none", "static"):
        why = "the seeds carry the engine" if cluster.seeds else "there is nobody to choose from"
        yield ("cluster", "carries"), f"with '{discovery}' discovery {why}; leave it 'auto'"
    yield from _place_conflicts(cluster)
    yield from _seed_conflicts(cluster)
    yield from _cluster_port_conflicts(settings)
    tls_files = ("tls_certificate_file", "tls_key_file", "tls_ca_file")
    missing = [name for name in tls_files if not getattr(cluster, name)]
    if 0 < len(missing) < len(tls_files):
        for name in missing:
            yield ("cluster", name), "TLS between nodes needs certificate, key and authority"


def _place_conflicts(cluster: ClusterSettings) -> Iterator[Conflict]:
    """Where others are looked for, said for the one discovery that looks there."""
    if cluster.discovery == "dns" and not cluster.dns_name:
        yield ("cluster", "dns_name"), "'dns' discovery needs the name to ask for"
    if cluster.discovery != "dns" and cluster.dns_name:
        yield ("cluster", "dns_name"), "only 'dns' discovery asks for it; set cluster.discovery"
    if cluster.discovery == "static" and len(cluster.seeds) not in (1, 3, 5):
        yield (
            ("cluster", "seeds"),
            f"'static' discovery needs 1, 3 or 5 seeds, and these are {len(cluster.seeds)}; an "
            "engine needs more than half of its carriers, so an even number gains nothing",
        )
    if cluster.discovery != "static" and cluster.seeds:
        yield ("cluster", "seeds"), "only 'static' discovery uses them; set cluster.discovery"


def _seed_conflicts(cluster: ClusterSettings) -> Iterator[Conflict]:
    hosts: set[str] = set()
    for text in cluster.seeds:
        try:
            host, _ = parse_seed(text, cluster.route_port)
        except ValueError as error:
            yield ("cluster", "seeds"), str(error)
            continue
        if host in hosts:
            # All carriers have the same client port, so one host has room for one of them.
            yield ("cluster", "seeds"), f"'{host}' is there twice; a seed is a host of its own"
        hosts.add(host)


def _cluster_port_conflicts(settings: Settings) -> Iterator[Conflict]:
    cluster = settings.cluster
    ports = {"route_port": cluster.route_port, "client_port": cluster.client_port}
    if cluster.discovery == "none":
        return
    for name, port in ports.items():
        if cluster.discovery != "local" and port == 0:
            yield ("cluster", name), "others have to know it; only 'local' discovery may find one"
        for section, listener in (("api", settings.api), ("admin", settings.admin)):
            if port and port == listener.port and _is_one_place(cluster.host, listener.host):
                yield ("cluster", name), f"{section}.port is this one already"
    if cluster.route_port == cluster.client_port != 0:
        yield ("cluster", "client_port"), "cluster.route_port is this one already"


def _is_one_place(host: str, other: str) -> bool:
    """Whether two listeners there need two ports; the two wildcards take all addresses."""
    wildcards = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on
    return host == other or host in wildcards or other in wildcards
