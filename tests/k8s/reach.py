"""Which of these addresses can be reached from here? Runs as a Pod, on the standard library alone.

`reach.py host:port …` prints one JSON object, `{"host:port": "open" | "closed"}`. `reach.py
--listen PORT` takes connections until it is stopped. Closed: refused or silent, as plugins differ.
"""

import json
import signal
import socket
import sys

# Twice the time after which a first SYN is sent again, so that one lost packet closes nothing.
TIMEOUT_S = 3.0


def reached(address: str) -> str:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S):
            return "open"
    except OSError:
        return "closed"


def listen(port: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.create_server(("", port)) as listener:
        while True:
            connection, _ = listener.accept()
            connection.close()


if __name__ == "__main__":
    if sys.argv[1] == "--listen":
        listen(int(sys.argv[2]))
    print(json.dumps({address: reached(address) for address in sys.argv[1:]}), flush=True)
