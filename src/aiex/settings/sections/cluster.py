"""`[cluster]`: how nodes find each other, and who of them carries the engine."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.settings.secret import Secret
from aiex.settings.sections.bounds import Port, Seconds


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
