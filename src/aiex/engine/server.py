"""The embedded engine: nats-server as a child process, as the node's seat wants it, or none."""

import asyncio
import importlib
import logging
import shutil
from pathlib import Path
from types import ModuleType

from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.events import EngineFroze
from aiex.engine.left_stores import put_left_stores_aside
from aiex.engine.name_word import name_of
from aiex.engine.seat import Alone, Client, Seat
from aiex.engine.server_config import EngineFiles, load_credentials
from aiex.engine.server_log import is_disk_full, lost_server, parse_line
from aiex.engine.server_plan import ServerPlan, server_plan
from aiex.engine.server_port import free_port
from aiex.engine.server_process import ServerProcess
from aiex.engine.server_program import find_server_program
from aiex.engine.silence import Silence
from aiex.engine.standalone_store import holds_state
from aiex.engine.strangers import Refusal, Strangers
from aiex.errors import DataDirectoryError, EngineUnavailable
from aiex.events import Emit
from aiex.service import Ready
from aiex.settings import EngineSettings

PROBE_EVERY_S_MAX = 1.0
PROBES_UNTIL_FROZEN = 5
# Enough for the server to write again for a while; below that it would only stop once more.
ROOM_BYTES_MIN = 16 * 1024 * 1024
# A server has several routes to each of at most four others; nobody may be there to be told.
LOST_LEN_MAX = 64

_log = logging.getLogger("aiex.engine.server")


class EngineServer:
    """Runs nats-server and watches over it. Its port and password outlive its restarts."""

    name = "engine.server"

    def __init__(
        self,
        settings: EngineSettings,
        data_dir: Path,
        *,
        access: ClusterAccess | None = None,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._settings = settings
        self._files = EngineFiles.below(data_dir)
        self._access = access
        self._clock = clock
        self._emit = emit
        self._seat: Seat = Alone()
        self._seat_changed = asyncio.Event()
        self._process: ServerProcess | None = None
        self._own_port = 0
        self._plan: ServerPlan | None = None
        self._is_disk_full = False
        self._strangers = Strangers(clock, emit)
        self._lost: asyncio.Queue[str] = asyncio.Queue(LOST_LEN_MAX)

    @property
    def pid(self) -> int | None:
        """Of nats-server; None while none runs."""
        return self._process.pid if self._process is not None else None

    @property
    def address(self) -> EngineAddress:
        """Where the server is; raises `EngineUnavailable` before its first start."""
        if self._plan is None:
            raise EngineUnavailable("The embedded engine was not started yet.")
        return self._plan.address

    @property
    def trouble(self) -> str:
        """What keeps a running server from its work, as a phrase; empty when nothing does."""
        if not self._is_disk_full or self._plan is None:
            return ""
        return f"the disk that holds {self._plan.store} is full; free some space"

    @property
    def refusal(self) -> str:
        """Why the cluster's other servers refuse ours, as a phrase; empty when they do not."""
        return self._strangers.own_refusal

    def refusals(self) -> tuple[Refusal, ...]:
        """Whom this server let out, and who let it out, in the last minute."""
        return self._strangers.lately()

    @property
    def holds_state(self) -> bool:
        """Whether the standalone store has anything in it."""
        return holds_state(self._files.store)

    def admit(self, access: ClusterAccess) -> None:
        """The cluster's logins, for seats to come."""
        self._access = access

    async def next_lost(self) -> str:
        """The carrier whose server ours lost touch with next; it may be back in a moment."""
        return await self._lost.get()

    def take_seat(self, seat: Seat) -> None:
        """Run the server of this seat, or none; one that runs is ended first."""
        self._seat = seat
        self._plan = None
        self._seat_changed.set()

    def learn(self, seat: Seat) -> None:
        """The seat is the same and the others are not: the server goes on and meets them too."""
        self._seat = seat
        if self._process is not None and not isinstance(seat, Client):
            self._plan = self._planned(seat)
            self._process.reload(self._plan)

    async def run(self, ready: Ready) -> None:
        """Start the server, say so once it answers, watch over it, end it by SIGTERM.

        When the seat changes the next server is started, without a restart of this service: what a
        node was told to do is no failure. Raises `EngineRefused` without a usable program,
        `DataDirectoryError` when its files cannot be written, and `EngineUnavailable` with the
        cause when it does not start, ends, freezes or needs a restart to write again.
        """
        while True:
            self._seat_changed.clear()
            seat = self._seat
            if not isinstance(seat, Alone):
                await asyncio.to_thread(self._put_left_stores_aside, seat)
            if isinstance(seat, Client):
                ready()
                self._preload_client()
                await self._seat_changed.wait()
            else:
                await self._serve(self._planned(seat), ready)
            ready = _is_ready_already

    async def _serve(self, plan: ServerPlan, ready: Ready) -> None:
        """Until the seat changes."""
        self._plan = plan
        self._is_disk_full = False
        program = await find_server_program(self._settings.server_path)
        process = self._process = await ServerProcess.start(
            program.path, plan, clock=self._clock, on_line=self._note_line
        )
        try:
            preload = self._preload_client()
            await process.until_it_answers(self._settings.start_timeout_s)
            await preload
            ready()
            await self._watch_over(process)
        finally:
            if process.is_port_taken:
                self._own_port = 0  # the next start chooses another
            try:
                await process.stop()
            finally:
                self._process = None

    def _preload_client(self) -> "asyncio.Future[ModuleType]":
        # The client library takes 0.2 s to import: in a thread, while the server starts, or while
        # it is found out where the others' are.
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(None, importlib.import_module, "nats.aio.client")

    def _planned(self, seat: Seat) -> ServerPlan:
        assert not isinstance(seat, Client), "a client has no server"
        try:
            self._files.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            credentials = load_credentials(self._files.credentials)
        except OSError as error:
            raise DataDirectoryError(
                f"The engine's files in {self._files.root} cannot be used: {error.strerror}. Mend "
                "that, or choose another data directory with --data-dir."
            ) from error
        self._own_port = self._own_port or free_port()
        return server_plan(
            seat, self._files, access=self._access, own=credentials, own_port=self._own_port
        )

    def _put_left_stores_aside(self, seat: Seat) -> None:
        try:
            put_left_stores_aside(self._files, seat)
        except OSError as error:
            raise DataDirectoryError(
                f"An old store in {self._files.root} cannot be put aside: {error.strerror}."
            ) from error

    async def _watch_over(self, process: ServerProcess) -> None:
        """Return when the seat changed; raise when the server ended or has to be restarted."""
        frozen_after_s = self._settings.frozen_after_s
        every_s = min(PROBE_EVERY_S_MAX, max(0.1, frozen_after_s / PROBES_UNTIL_FROZEN))
        silence = Silence(self._clock.monotonic_s())
        while not await self._is_over(process, every_s):
            is_alive = await process.answers(timeout_s=every_s)
            now_s = self._clock.monotonic_s()
            silence = Silence(now_s) if is_alive else silence.missed()
            if silence.is_frozen(now_s, frozen_after_s):
                raise self._freeze(process, now_s - silence.heard_at_s)
            self._check_room()
        if not self._seat_changed.is_set():
            raise process.end()

    async def _is_over(self, process: ServerProcess, within_s: float) -> bool:
        """Whether, within that time, the server ended or the seat changed."""
        changed = asyncio.create_task(self._seat_changed.wait(), name="engine.server seat")
        try:
            done, _ = await asyncio.wait(
                {changed, process.ended}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()
        return bool(done)

    def _freeze(self, process: ServerProcess, silent_s: float) -> EngineUnavailable:
        process.kill()
        self._emit(EngineFroze(silent_s))
        return EngineUnavailable(
            f"The embedded engine gave no answer for {silent_s:.0f} s; it was killed."
        )

    def _check_room(self) -> None:
        # A server that once found no room for a stream refuses its writes until it is restarted,
        # however much room there is by then.
        if self._is_disk_full and shutil.disk_usage(self._files.root).free >= ROOM_BYTES_MIN:
            raise EngineUnavailable(
                "The disk was full and has room again; the engine restarts to write again."
            )

    def _note_line(self, line: str) -> None:
        level, text = parse_line(line)
        if is_disk_full(text):
            self._is_disk_full = True
        if (lost := lost_server(text)) and not self._lost.full():
            self._lost.put_nowait(name_of(lost))
        if self._strangers.note(text):
            level = logging.DEBUG
        _log.log(level, "%s", text)


def _is_ready_already() -> None:
    """A service says that it is ready once, however often its seat changes."""
