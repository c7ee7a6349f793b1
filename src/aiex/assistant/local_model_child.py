"""The program of the local model's child: llama.cpp's own OpenAI-compatible server.

    python -P local_model_child.py <weights> <alias> <threads> <context tokens> <parallel>

The API key comes in `AIEX_LOCAL_MODEL_KEY`, since arguments can be read by every user of the
machine. Prints `listening <base url>` once it answers, after that llama.cpp's own log. Run as a
script, so that nothing of Aiex is imported here.
"""

import os
import signal
import socket
import sys

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
    print(f"{READY_PREFIX}{server.listening_address}/v1", flush=True)
    # The server has threads of its own; this one only waits for the signal that ends the process.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        signal.pause()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


if __name__ == "__main__":
    main()
