"""The certificates of a cluster's engine: servers and clients show each other one."""

import ssl

import msgspec


class ClusterTls(msgspec.Struct, frozen=True):
    """Files in PEM form; one authority signs all certificates of a cluster.

    A carrier's certificate names the host it is reached at, for both uses: it is a server, and a
    client of the other servers.
    """

    certificate_file: str
    key_file: str
    ca_file: str

    def client_context(self) -> ssl.SSLContext:
        """What it takes to trust a server and to be trusted; raises `OSError` (`SSLError` is one).

        Reads files: not for the loop's thread.
        """
        context = ssl.create_default_context(cafile=self.ca_file)
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context
