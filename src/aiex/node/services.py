"""A node's supervision tree: who is looked after with whom, and how often is too often.

node (rest for one)
├── process                only where the node is process 1, as in a container
│   └── node.orphans           takes ended processes that nobody waits for
├── performance            looks inside; never gives up, and nothing waits for it
│   ├── performance.loop       how busy and late the loop is
│   ├── performance.stall_watch    a thread that sees what the loop stands still in
│   ├── performance.sentinel   a process that sees it from outside
│   ├── performance.thread_use     CPU by thread, of the last minutes
│   ├── performance.collector  the garbage collector's pauses
│   ├── performance.cpu_sampler  has the signal SIGPROF; its stop gives it back
│   ├── performance.tasks      a census of all tasks, and whether some wait in a circle
│   ├── performance.memory     how it grows, and whether it leaks
│   └── performance.tracer     the sessions that trace calls, and their time limits
├── formation              says what seat the node has in the engine, once it is not on its own
│   └── cluster.formation
├── engine                 never gives up: what needs no state is answered meanwhile
│   ├── engine.server      nats-server, a child process (embedded only)
│   ├── engine.connection  goes on without the own server: in a cluster there are others
│   ├── engine.replicas    sees that all servers keep what they should (external only)
│   ├── engine.state        moves the state into a cluster, looks after it (embedded only)
│   ├── store.memory_tables says when a table in memory lost its rows
│   ├── store.view.<table> fills this node's own copy of a table
│   ├── assistant.keys     follows the keys in the engine
│   ├── fastglobal         follows the hot values there
│   └── assistant.usage    writes who used what to the engine; its stop writes the rest
├── cluster                nor does this; its stop says goodbye, while the engine still runs
│   ├── cluster.calls      answers other nodes; before it is announced, and until after goodbye
│   ├── cluster.membership
│   └── cluster.leases     its stop gives away what is held
├── assistant              never gives up either
│   ├── assistant.local_model
│   ├── assistant.housekeeper  works on the node that holds the lease
│   ├── assistant.limits    borrows of the limits that nodes share; its stop gives all back
│   └── node.canaries          the hot values that are tried from here
├── guests                 what whoever runs the node brought, if anything
└── http
    ├── assistant.http_client  fails when providers cannot be called any more, so that the node ends
    ├── http.admin
    └── http.api           stops first: its stop is the drain
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from aiex.clock import Clock
from aiex.events import Emit
from aiex.node.supervision import Child, Intensity, Strategy
from aiex.node.supervisor import Supervisor
from aiex.service import Service
from aiex.settings import Settings

# A node restarts a part of itself only so often: three failures of a listener in a minute are a
# bug, and the process above (systemd, Kubernetes) is the better one to start afresh.
HTTP_INTENSITY = Intensity(restarts_max=3, within_s=60.0)
TIRELESS = Intensity(restarts_max=None, within_s=60.0)
# What a listener needs beyond its drain to cut off the rest and unwind.
CUT_OFF_S = 5.0
# Child processes have a grace of their own to end in; the supervisor waits a little longer.
STOP_S = 15.0
# Binding two sockets takes milliseconds, on a machine at its limit seconds.
HTTP_START_S = 10.0
# What runs within this process and waits for no other.
SHORT_S = 5.0


class Branches(NamedTuple):
    """The services of each branch of the tree drawn above, in start order."""

    process: Sequence[Service]
    performance: Sequence[Service]
    formation: Sequence[Service]
    engine: Sequence[Service]
    cluster: Sequence[Service]
    assistant: Sequence[Service]
    guests: Sequence[Service]
    http: Sequence[Service]


def supervised(
    settings: Settings,
    services: Branches,
    *,
    drain_s: Callable[[], float],
    clock: Clock,
    random: Random,
    emit: Emit,
) -> Supervisor:
    """The tree drawn above; a branch without services is left out.

    `drain_s` is what each listener may take for its drain, asked when it begins.
    """
    branches = [
        _Branch("process", services.process),
        _Branch("performance", services.performance),
        _Branch("formation", services.formation),
        _Branch("engine", services.engine, settings.engine.start_timeout_s, STOP_S),
        _Branch("cluster", services.cluster),
        _Branch("assistant", services.assistant, stop_timeout_s=STOP_S),
        _Branch("guests", services.guests),
        _Branch("http", services.http, HTTP_START_S, CUT_OFF_S, HTTP_INTENSITY, drain_s),
    ]
    return Supervisor(
        "node",
        [one.child(clock, random, emit) for one in branches if one.services],
        strategy=Strategy.REST_FOR_ONE,
        clock=clock,
        random=random,
        emit=emit,
    )


class _Branch(NamedTuple):
    name: str
    services: Sequence[Service]
    start_timeout_s: float = SHORT_S
    stop_timeout_s: float = SHORT_S
    intensity: Intensity = TIRELESS
    drain_s: Callable[[], float] = lambda: 0.0

    def child(self, clock: Clock, random: Random, emit: Emit) -> Child:
        """A supervisor for the branch, which may take as long as all of its services together."""
        children = [
            Child(
                one,
                start_timeout_s=self.start_timeout_s,
                stop_timeout_s=self.stop_timeout_s,
                drain_s=self.drain_s,
            )
            for one in self.services
        ]
        return Child(
            Supervisor(
                self.name,
                children,
                intensity=self.intensity,
                clock=clock,
                random=random,
                emit=emit,
            ),
            start_timeout_s=sum(one.start_timeout_s for one in children) + 1,
            stop_timeout_s=sum(one.stop_timeout_s for one in children) + 1,
            drain_s=lambda: sum(one.drain_s() for one in children),
        )
