"""`[api]`: the listener that clients talk to."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.settings.secret import Secret
from aiex.settings.sections.bounds import SECONDS_MAX, Port, Seconds


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
