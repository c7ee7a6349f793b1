"""Ray: three nodes on this machine, formed and called. Run by the Python of Ray's environment.

    python peer_ray.py <calls> <result file>

Ray's own `cluster_utils.Cluster` starts the nodes, which is how Ray forms several on one machine;
its clock runs from before the first of them, after Ray was imported. Writes one JSON object and
then stays, so that its memory can be read, until SIGTERM.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

# Everything on loopback, nothing told to anybody, nothing left in /tmp; read by Ray while it is
# imported. Its sockets lie below that directory, so its path has to be a short one.
os.environ["RAY_TMPDIR"] = str(Path(sys.argv[2]).parent)
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.cluster_utils import Cluster

NAMES = ("n1", "n2", "n3")
PAYLOAD = bytes(1024)
WARM_UP_CALLS = 200
POLL_S = 0.005
# The least that Ray takes for its store.
STORE_BYTES = 80_000_000


class Echo:
    def echo(self, payload: bytes) -> bytes:
        return payload


def node_settings(name: str) -> dict[str, object]:
    return {
        "num_cpus": 1,
        "resources": {name: 1},
        "object_store_memory": STORE_BYTES,
        "include_log_monitor": False,
        "node_ip_address": "127.0.0.1",
        "dashboard_agent_listen_port": 0,
    }


def form() -> Cluster:
    """Three nodes that all know each other, and this program connected to the first."""
    head = {**node_settings(NAMES[0]), "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for name in NAMES[1:]:
        cluster.add_node(wait=False, **node_settings(name))
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    while sum(node["Alive"] for node in ray.nodes()) < len(NAMES):
        time.sleep(POLL_S)
    # What counts for ours too: something replicated can be written.
    ray.get(ray.put(PAYLOAD))
    return cluster


def call_ms(count: int) -> list[float]:
    """How long each of so many calls to an actor on another node took."""
    actor = ray.remote(num_cpus=0, resources={NAMES[1]: 0.1})(Echo)
    echo = actor.remote()
    took_ms = []
    for number in range(WARM_UP_CALLS + count):
        began_s = time.perf_counter()
        answer = ray.get(echo.echo.remote(PAYLOAD))
        if number >= WARM_UP_CALLS:
            took_ms.append((time.perf_counter() - began_s) * 1000)
        assert answer == PAYLOAD
    ray.kill(echo)
    return took_ms


def main() -> None:
    count, result = int(sys.argv[1]), Path(sys.argv[2])
    began_s = time.perf_counter()
    cluster = form()
    form_s = time.perf_counter() - began_s
    text = json.dumps({"form_s": form_s, "call_ms": call_ms(count)})
    partial = result.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(result)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.pause()
    ray.shutdown()
    cluster.shutdown()


if __name__ == "__main__":
    main()
