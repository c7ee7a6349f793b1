"""`[engine]`: the NATS server that keeps the node's state, embedded or external."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.settings.secret import Secret
from aiex.settings.sections.bounds import Seconds


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
