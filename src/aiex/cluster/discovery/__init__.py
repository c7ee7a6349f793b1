"""Who is to carry the engine: this user's nodes on this machine, the seeds, or a DNS name."""

from aiex.cluster.discovery.discovery import Discovery, Found, follow
from aiex.cluster.discovery.discovery_dns import DnsDiscovery
from aiex.cluster.discovery.discovery_local import LocalDiscovery
from aiex.cluster.discovery.discovery_static import StaticDiscovery
from aiex.cluster.discovery.meeting import Meeting, meeting_secret
from aiex.cluster.discovery.name_lookup import DnsLookup

__all__ = [
    "Discovery",
    "DnsDiscovery",
    "DnsLookup",
    "Found",
    "LocalDiscovery",
    "Meeting",
    "StaticDiscovery",
    "follow",
    "meeting_secret",
]
