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


def supervised(
    settings: Settings,
    *,
    process: Sequence[Service],
    performance: Sequence[Service],
    formation: Sequence[Service],
    engine: Sequence[Service],
    cluster: Sequence[Service],
    assistant: Sequence[Service],
    guests: Sequence[Service],
    http: Sequence[Service],
    drain_s: Callable[[], float],
    clock: Clock,
    random: Random,
    emit: Emit,
) -> Supervisor:
    """The tree drawn above, each argument one branch of it in start order.

    `drain_s` is what each listener may take for its drain, asked when it begins.
    """

    def branch(
        name: str,
        services: Sequence[Service],
        *,
        intensity: Intensity = TIRELESS,
        start_timeout_s: float,
        stop_timeout_s: float,
        drain_s: Callable[[], float] = lambda: 0.0,
    ) -> Child:
        children = [
            Child(
                one,
                start_timeout_s=start_timeout_s,
                stop_timeout_s=stop_timeout_s,
                drain_s=drain_s,
            )
            for one in services
        ]
        supervisor = Supervisor(
            name,
            children,
            intensity=intensity,
            clock=clock,
            random=random,
            emit=emit,
        )
        return Child(
            supervisor,
            start_timeout_s=sum(one.start_timeout_s for one in children) + 1,
            stop_timeout_s=sum(one.stop_timeout_s for one in children) + 1,
            drain_s=lambda: sum(one.drain_s() for one in children),
        )

    branches = [
        branch("performance", performance, start_timeout_s=5, stop_timeout_s=5),
        branch(
            "engine",
            engine,
            start_timeout_s=settings.engine.start_timeout_s,
            stop_timeout_s=STOP_S,
        ),
        branch("cluster", cluster, start_timeout_s=5, stop_timeout_s=5),
        branch("assistant", assistant, start_timeout_s=5, stop_timeout_s=STOP_S),
        branch(
            "http",
            http,
            intensity=HTTP_INTENSITY,
            start_timeout_s=10,
            stop_timeout_s=CUT_OFF_S,
            drain_s=drain_s,
        ),
    ]
    if guests:
        branches.insert(-1, branch("guests", guests, start_timeout_s=5, stop_timeout_s=5))
    if formation:
        branches.insert(1, branch("formation", formation, start_timeout_s=5, stop_timeout_s=5))
    if process:
        branches.insert(0, branch("process", process, start_timeout_s=5, stop_timeout_s=5))
    return Supervisor(
        "node",
        branches,
        strategy=Strategy.REST_FOR_ONE,
        clock=clock,
        random=random,
        emit=emit,
    )
