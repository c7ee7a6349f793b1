"""What is recorded of a node: metrics, logs."""

from aiex.telemetry.log_writer import LogWriter, log_encoder, log_to, standard_output
from aiex.telemetry.loop_lag import LoopLag
from aiex.telemetry.telemetry import Telemetry, resident_bytes

__all__ = [
    "LogWriter",
    "LoopLag",
    "Telemetry",
    "log_encoder",
    "log_to",
    "resident_bytes",
    "standard_output",
]
