"""What the API has in hand now, and the door it opens or shuts by that (`admission.py` decides)."""

from random import Random

from aiex.assistant.events import LoadTurned
from aiex.assistant.load_gate import LagGate, LoadLimits, Verdict, body_verdict, entry_verdict
from aiex.events import Emit


class Intake:
    """Counts streams and bytes of bodies, knows how late the loop is."""

    def __init__(self, limits: LoadLimits, *, random: Random, emit: Emit) -> None:
        self.limits = limits
        self.gate = LagGate()
        self.stream_count = 0
        self.body_bytes = 0
        self._random = random
        self._emit = emit

    def loop_was_late(self, lag_s: float) -> None:
        """The newest probe of the loop, many times a second."""
        before, gate = self.gate, self.gate.probed(lag_s, self.limits)
        self.gate = gate
        if (before.is_shedding, before.is_shut) != (gate.is_shedding, gate.is_shut):
            state = "shut" if gate.is_shut else "shedding" if gate.is_shedding else "ok"
            self._emit(LoadTurned(state, gate.lag_s))

    def verdict(self, in_flight_count: int) -> Verdict | None:
        """Why the next request is turned away; None when it may come in."""
        ratio = self.gate.shed_ratio
        if not ratio and in_flight_count < self.limits.in_flight_max:
            return None  # as nearly always
        drawn = self._random.random() if ratio else 1.0
        return entry_verdict(
            self.limits,
            self.gate,
            in_flight_count=in_flight_count,
            stream_count=self.stream_count,
            drawn=drawn,
        )

    def stream_began(self) -> None:
        self.stream_count += 1

    def stream_ended(self) -> None:
        self.stream_count -= 1

    def hold_body(self, more_bytes: int) -> Verdict | None:
        """Take so many bytes more; a verdict, and nothing taken, when there is no room."""
        verdict = body_verdict(self.limits, held_bytes=self.body_bytes, more_bytes=more_bytes)
        if verdict is None:
            self.body_bytes += more_bytes
        return verdict

    def release_body(self, held_bytes: int) -> None:
        """The request that held them is over."""
        self.body_bytes -= held_bytes
        assert self.body_bytes >= 0, "more was released than held"
