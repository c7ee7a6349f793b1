"""What is recorded of a node: metrics, logs."""

from aiex.telemetry.log_writer import LogWriter, log_to, standard_output
from aiex.telemetry.telemetry import Telemetry, resident_bytes

__all__ = ["LogWriter", "Telemetry", "log_to", "resident_bytes", "standard_output"]
