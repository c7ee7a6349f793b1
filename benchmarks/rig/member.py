"""Light members of a cluster: its cluster part over a real engine, several in one process.

    python member.py <plan file>

The plan is a `MemberPlan` as JSON. Each member is a client of the engine, as a node is that carries
none. Every change in who is up or down goes to the plan's log as one JSON line, with the clock all
processes of a machine have in common; SIGUSR1 writes what each member sees now. With `calls` the
first member calls `callee` so often, one call at a time, and writes how long each took. Runs until
SIGTERM.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any, TextIO

import msgspec
import uvloop

from aiex.clock import SystemClock
from aiex.cluster import (
    Answer,
    Caller,
    Cluster,
    Condition,
    MemberDown,
    MemberUp,
    Own,
    Page,
    Request,
    RequestKind,
    meeting_secret,
)
from aiex.cluster.calls.requests import REQUESTS
from aiex.engine import CarrierAddress, Client, ClusterAccess, Engine
from aiex.settings import ClusterSettings, EngineSettings, Secret
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.running import running

PAYLOAD = bytes(1024)
WARM_UP_CALLS = 200
CALL_DEADLINE_S = 5.0
SEEN_S = 30.0
LOOK_S = 0.01
NOTED: dict[type[Any], str] = {MemberUp: "up", MemberDown: "down"}


class MemberPlan(msgspec.Struct, frozen=True):
    """Members `names` at the carriers of a cluster that meets in `meeting`, or at `url`."""

    names: tuple[str, ...]
    directory: str
    log: str
    cluster: str = "aiex"
    meeting: str = ""
    carriers: tuple[CarrierAddress, ...] = ()
    url: str = ""
    user: str = ""
    password: str = ""
    calls: int = 0
    callee: str = ""


class Echo(Request["Echoed"], frozen=True):
    data: bytes


class Echoed(msgspec.Struct, frozen=True):
    data: bytes


PAGE = Page((*REQUESTS, RequestKind("echo", Echo, Echoed, "What was sent, back.")))


async def echo(request: Echo, _: Caller) -> Echoed:
    return Echoed(request.data)


class LightMember:
    def __init__(self, name: str, plan: MemberPlan, log: TextIO) -> None:
        self.name = name
        self._log = log
        directory = Path(plan.directory) / name
        directory.mkdir(parents=True)
        password = Secret(plan.password) if plan.password else None
        access = (
            ClusterAccess(plan.cluster, meeting_secret(Path(plan.meeting)))
            if plan.meeting
            else None
        )
        clock = SystemClock()
        self.engine = Engine(
            EngineSettings(url=plan.url, user=plan.user, password=password),
            directory,
            access=access,
            clock=clock,
            emit=lambda _: None,
        )
        if plan.meeting:
            self.engine.take_seat(Client(plan.carriers))
        self.cluster = Cluster(
            ClusterSettings(name=plan.cluster),
            Own(name, version="bench"),
            self.engine.connection,
            directory,
            leases=MemoryBucket(),
            condition=lambda: Condition("up"),
            handlers={Echo: echo},
            page=PAGE,
            clock=clock,
            random=Random(),
            emit=self._note,
        )

    def _note(self, event: Any) -> None:
        if what := NOTED.get(type(event)):
            self.say(what, event.name)

    def say(self, what: str, of: Any) -> None:
        line = {"at_s": time.monotonic(), "observer": self.name, "what": what, "of": of}
        self._log.write(json.dumps(line) + "\n")
        self._log.flush()

    def views(self) -> dict[str, str]:
        return {one.name: one.state for one in self.cluster.view().members}


async def call_ms(member: LightMember, callee: str, count: int) -> Sequence[float]:
    """How long each of so many calls took, all of them answered as they should be."""
    async with asyncio.timeout(SEEN_S):
        while member.views().get(callee) != "up":
            await asyncio.sleep(LOOK_S)
    took_ms = []
    for number in range(WARM_UP_CALLS + count):
        began_s = time.perf_counter()
        answer = await member.cluster.call(callee, Echo(PAYLOAD), deadline_s=CALL_DEADLINE_S)
        if number >= WARM_UP_CALLS:
            took_ms.append((time.perf_counter() - began_s) * 1000)
        assert isinstance(answer, Answer), answer
        assert answer.value.data == PAYLOAD
    return took_ms


async def live(plan: MemberPlan, log: TextIO) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    members = [LightMember(name, plan, log) for name in plan.names]

    def tell() -> None:
        for member in members:
            member.say("views", member.views())

    loop.add_signal_handler(signal.SIGUSR1, tell)
    async with AsyncExitStack() as stack:
        for member in members:
            services = [*member.engine.services(), *member.cluster.services()]
            await stack.enter_async_context(running(services))
        if plan.calls:
            members[0].say("calls_ms", await call_ms(members[0], plan.callee, plan.calls))
        await stopped.wait()


def main() -> None:
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=MemberPlan)
    with Path(plan.log).open("a") as log:
        uvloop.run(live(plan, log))


if __name__ == "__main__":
    main()
