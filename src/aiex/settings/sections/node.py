"""`[node]`: who the node is and how it stops."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.settings.sections.bounds import Seconds


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
