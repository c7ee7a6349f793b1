"""The program of the local model's child: llama.cpp's own OpenAI-compatible server.

    python -P local_model_child.py <weights> <alias> <threads> <context tokens> <parallel>

The API key comes in `AIEX_LOCAL_MODEL_KEY`, since arguments can be read by every user of the
machine. Writes `listening <base url>` among llama.cpp's own log once the model answers. Run as a
script, so that nothing of Aiex is imported here.
"""

import http.client
import os
import signal
import socket
import sys
import time

READY_PREFIX = "listening "


def main() -> None:
    # Imported here: the node reads this module's constant and must not load llama.cpp itself.
    import xllamacpp

    weights, alias, threads, context_tokens, parallel = sys.argv[1:]
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {alias}
    params.cpuparams.n_threads = int(threads)
    params.cpuparams_batch.n_threads = int(threads)
    params.n_parallel = int(parallel)
    # llama.cpp divides its context among the requests it answers at once.
    params.n_ctx = int(context_tokens) * int(parallel)
    params.hostnames = ["127.0.0.1"]
    params.port = _free_port()
    params.api_keys = [os.environ.pop("AIEX_LOCAL_MODEL_KEY")]
    server = xllamacpp.Server(params)
    _wait_until_well(server.listening_address)
    # One write that begins its own line: llama.cpp's threads log to the same pipe, piece by piece.
    os.write(sys.stdout.fileno(), f"\n{READY_PREFIX}{server.listening_address}/v1\n".encode())
    # The server has threads of its own; this one only waits for the signal that ends the process.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        signal.pause()


def _wait_until_well(address: str) -> None:
    """The server listens before it has its routes and its model: until then it says 404 or 503."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=5)
    while True:
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
        except (OSError, http.client.HTTPException):
            connection.close()
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


if __name__ == "__main__":
    main()
