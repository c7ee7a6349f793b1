"""`[admin]`: the listener that operators talk to."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.settings.secret import Secret
from aiex.settings.sections.bounds import Port


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
