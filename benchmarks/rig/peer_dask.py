"""Dask: a scheduler and three workers, formed and called. Run by the Python of its environment.

    python peer_dask.py <calls> <result file> <port of the scheduler>

All four are started at once by Dask's own command line, its clock runs from before the first of
them, after Dask was imported. Writes one JSON object and then stays, so that its memory can be
read, until SIGTERM.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from distributed import Client

NAMES = ("n1", "n2", "n3")
PAYLOAD = bytes(1024)
WARM_UP_CALLS = 200
FORM_S = 60
STOP_S = 10
DASK = Path(sys.executable).parent / "dask"


class Echo:
    def echo(self, payload: bytes) -> bytes:
        return payload


def start(stack: ExitStack, *arguments: str) -> None:
    """`dask …` on loopback, ended by SIGTERM with the stack."""
    command = [str(DASK), *arguments, "--host", "127.0.0.1", "--no-dashboard"]
    process = subprocess.Popen(command)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)


def form(stack: ExitStack, address: str, directory: Path) -> Client:
    """Three workers that the scheduler knows, each able to do something."""
    start(stack, "scheduler", "--port", address.rpartition(":")[2])
    for name in NAMES:
        worker = ("--name", name, "--nthreads", "1", "--local-directory", str(directory))
        start(stack, "worker", address, *worker)
    client = stack.enter_context(Client(address, timeout=FORM_S))
    client.wait_for_workers(len(NAMES), timeout=FORM_S)
    # What counts for ours too: all of them can be used.
    assert sorted(client.run(lambda: 1).values()) == [1, 1, 1]
    return client


def call_ms(client: Client, count: int) -> list[float]:
    """How long each of so many calls to an actor on another node took."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    place = next(address for address, one in workers.items() if one["name"] == NAMES[1])
    echo = client.submit(Echo, actor=True, workers=[place]).result()
    took_ms = []
    for number in range(WARM_UP_CALLS + count):
        began_s = time.perf_counter()
        answer = echo.echo(PAYLOAD).result()
        if number >= WARM_UP_CALLS:
            took_ms.append((time.perf_counter() - began_s) * 1000)
        assert answer == PAYLOAD
    return took_ms


def main(arguments: Sequence[str]) -> None:
    count, result, port = int(arguments[0]), Path(arguments[1]), arguments[2]
    with ExitStack() as stack:
        began_s = time.perf_counter()
        client = form(stack, f"tcp://127.0.0.1:{port}", result.parent)
        form_s = time.perf_counter() - began_s
        text = json.dumps({"form_s": form_s, "call_ms": call_ms(client, count)})
        partial = result.with_suffix(".partial")
        partial.write_text(text)
        partial.rename(result)
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
