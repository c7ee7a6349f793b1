"""A real DNS server, on loopback by default: it answers over UDP what it was told, and when."""

import asyncio
import socket
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rrset

HOST = "127.0.0.1"
TTL_S = 0


class DnsServer(asyncio.DatagramProtocol):
    """Use it in an `async with` block. Names are absolute, without the last dot."""

    port: int

    def __init__(self, bound: socket.socket | None = None) -> None:
        """`bound` is where it listens instead of a free port of loopback."""
        self._bound = bound
        self.is_silent = False
        self.is_failing = False
        self.asked: list[tuple[str, str]] = []
        self._records: dict[str, dict[str, list[str]]] = {}

    def put(self, name: str, kind: str, *values: str) -> None:
        """From now on `name` has these records of that kind; without values it is forgotten."""
        if values:
            self._records.setdefault(name, {})[kind] = list(values)
        else:
            self._records.pop(name, None)

    def addresses(self, name: str) -> list[str]:
        """What it answers when asked for a name's addresses."""
        return list(self._records.get(name, {}).get("A", ()))

    @property
    def names(self) -> list[str]:
        return list(self._records)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        address = None if self._bound else (HOST, 0)
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=address, sock=self._bound
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if not self.is_silent:
            self._transport.sendto(self._answer(dns.message.from_wire(data)).to_wire(), address)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        self.asked.append((name, kind))
        if self.is_failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self._records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif values := self._records[name].get(kind):
            answer.answer.append(
                dns.rrset.from_text_list(question.name, TTL_S, dns.rdataclass.IN, kind, values)
            )
        return answer
