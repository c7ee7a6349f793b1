"""Names of a release's Services, asked of DNS as a pod would."""

import ipaddress

import dns.asyncresolver
import dns.exception
import dns.resolver

from aiex.kubernetes.facts import NameSeen

ANSWER_S = 3.0
CLUSTER_DOMAIN = "cluster.local"


class Names:
    """Asks the system's DNS server, or `server` (`10.96.0.10`, `127.0.0.1:5353`)."""

    def __init__(self, server: str = "") -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not server)
        except dns.resolver.NoResolverConfiguration:  # asking tells so, where there is need to ask
            self._resolver = dns.asyncresolver.Resolver(configure=False)
        if server:
            address, _, port = server.partition(":")
            self._resolver.nameservers = [str(ipaddress.ip_address(address))]
            self._resolver.port = int(port or 53)
        self._resolver.lifetime = ANSWER_S
        self._resolver.cache = None

    @property
    def own_namespace(self) -> str:
        """The namespace of the pod this runs in; empty when it is no pod."""
        return next((first for first, _ in self._search()), "")

    @property
    def domain(self) -> str:
        return next((domain for _, domain in self._search()), CLUSTER_DOMAIN)

    async def seen(self, service: str, namespace: str, component: str) -> NameSeen:
        """All addresses of a Service's name."""
        name = f"{service}.{namespace}.svc.{self.domain}"
        addresses: list[str] = []
        try:
            for kind in ("A", "AAAA"):
                addresses += await self._addresses(name, kind)
        except dns.resolver.LifetimeTimeout:
            servers = ", ".join(map(str, self._resolver.nameservers))
            said = f"{servers} said nothing that could be used within {ANSWER_S:g} s"
            return NameSeen(name, component, trouble=said)
        except (dns.exception.DNSException, OSError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            return NameSeen(name, component, trouble=said)
        return NameSeen(name, component, tuple(sorted(set(addresses))))

    async def _addresses(self, name: str, kind: str) -> list[str]:
        try:
            answer = await self._resolver.resolve(f"{name}.", kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        return [record.to_text() for record in answer]

    def _search(self) -> list[tuple[str, str]]:
        """Namespace and domain of search domains like `aiex.svc.cluster.local`."""
        domains = (one.to_text(omit_final_dot=True) for one in self._resolver.search)
        parts = (one.partition(".svc.") for one in domains)
        return [(first, last) for first, middle, last in parts if middle and "." not in first]
