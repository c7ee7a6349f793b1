"""What is recorded of a node: metrics, logs."""

from aiex.telemetry.latency import count_above, merged, percentile_us, since
from aiex.telemetry.log_writer import (
    LogWriter,
    log_encoder,
    log_from,
    log_to,
    standard_output,
)
from aiex.telemetry.telemetry import Telemetry, resident_bytes

__all__ = [
    "LogWriter",
    "Telemetry",
    "count_above",
    "log_encoder",
    "log_from",
    "log_to",
    "merged",
    "percentile_us",
    "resident_bytes",
    "since",
    "standard_output",
]
