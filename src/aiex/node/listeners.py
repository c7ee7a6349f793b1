"""The two doors of a node: what each listens on, and what has to be in order before it opens."""

from aiex.node.admin import Admin
from aiex.node.credentials import check_credentials
from aiex.node.listener import Listener
from aiex.node.parts import Parts
from aiex.node.tls import check_ca_files, tls_files
from aiex.settings import AdminSettings, ApiSettings

# What an operator asks is answered in milliseconds; nothing there is worth waiting longer for.
ADMIN_DRAIN_S = 1.0


def build_admin_listener(settings: AdminSettings, admin: Admin) -> Listener:
    """The operators' door."""
    return Listener(
        "http.admin",
        admin.app(),
        interface="asgi",
        host=settings.host,
        port=settings.port,
        drain_s=lambda: ADMIN_DRAIN_S,
        tls=tls_files("admin", settings),
    )


def build_api_listener(settings: ApiSettings, parts: Parts) -> Listener:
    """The clients' door, which stays shut while nobody could be told from anybody."""

    def check() -> None:
        # Else the cluster, or an external engine that was not heard yet, has the keys.
        is_elsewhere = parts.settings.engine.url and not parts.keys.is_known
        if not parts.cluster.is_formed_here and not is_elsewhere:
            check_credentials(settings, active_key_count=parts.keys.active_count)
        check_ca_files(parts.catalogue.providers)

    return Listener(
        "http.api",
        parts.api.respond,
        interface="rsgi",
        host=settings.host,
        port=settings.port,
        shared_port=settings.shared_port,
        drain_s=lambda: parts.hot.ns.drain_deadline_s,
        connections_max=settings.connections_max,
        keep_alive_s=settings.keep_alive_s,
        cut_off=parts.api.cut_off,
        check=check,
        tls=tls_files("api", settings),
    )
