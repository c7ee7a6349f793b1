"""Questions to DNS: addresses and services behind a name.

With dnspython, imported at the first question: 5 MB and 40 ms that only nodes with `dns` discovery
pay. The system's own resolver knows no SRV records, and cannot tell a name that does not exist yet
from a server that does not answer.
"""

from typing import Any, NamedTuple, Protocol

from aiex.errors import AiexError

LOOKUP_TIMEOUT_S = 4.0
# What a name of a headless service may have; more is cut off.
RECORDS_MAX = 256


class LookupFailed(AiexError):
    """DNS gave no answer; ask again later."""


class Service(NamedTuple):
    """An SRV record: the host in lower case without the last dot."""

    host: str
    port: int


class NameLookup(Protocol):
    """Answers are sorted; empty when there is no such name. Raises `LookupFailed` with why."""

    async def addresses(self, name: str) -> tuple[str, ...]:
        """The name's IPv4 and IPv6 addresses."""

    async def services(self, name: str) -> tuple[Service, ...]:
        """The name's SRV records."""


class DnsLookup:
    """Asks the servers of /etc/resolv.conf, relative names in its search domains too."""

    def __init__(
        self,
        *,
        servers: tuple[str, ...] = (),
        port: int = 53,
        timeout_s: float = LOOKUP_TIMEOUT_S,
    ) -> None:
        self._servers = servers
        self._port = port
        self._timeout_s = timeout_s
        self._resolver: Any = None

    async def addresses(self, name: str) -> tuple[str, ...]:
        # One after the other: where one family has answers the other often has none, quickly.
        found = [
            record.address for kind in ("A", "AAAA") for record in await self._records(name, kind)
        ]
        return tuple(sorted(found[:RECORDS_MAX]))

    async def services(self, name: str) -> tuple[Service, ...]:
        records = await self._records(name, "SRV")
        found = {
            Service(record.target.to_text(omit_final_dot=True).lower(), record.port)
            for record in records[:RECORDS_MAX]
        }
        # The root as target says that there is no such service.
        return tuple(sorted(one for one in found if one.host and one.host != "."))

    async def _records(self, name: str, kind: str) -> list[Any]:
        import dns.asyncresolver
        import dns.exception
        import dns.resolver

        if self._resolver is None:
            self._resolver = self._configured()
        try:
            answer = await self._resolver.resolve(
                name, kind, search=True, lifetime=self._timeout_s, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.Timeout:
            raise LookupFailed(f"no DNS server answers for {name}") from None
        except dns.resolver.NoNameservers:
            raise LookupFailed(f"the DNS servers cannot answer for {name}") from None
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"{name} cannot be looked up: {error}") from error
        return list(answer.rrset or ())

    def _configured(self) -> Any:
        import dns.asyncresolver
        import dns.resolver

        if not self._servers:
            try:
                return dns.asyncresolver.Resolver()
            except dns.resolver.NoResolverConfiguration as error:
                raise LookupFailed("/etc/resolv.conf names no DNS server") from error
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = list(self._servers)
        resolver.port = self._port
        return resolver
