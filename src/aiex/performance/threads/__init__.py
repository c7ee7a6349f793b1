"""The threads of the node's process."""

from aiex.performance.threads.threads import Thread, ThreadCpu, threads

__all__ = ["Thread", "ThreadCpu", "threads"]
