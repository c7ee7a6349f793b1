"""The threads of the node's process."""

from aiex.performance.threads.threads import Thread, ThreadCpu, Threads, threads

__all__ = ["Thread", "ThreadCpu", "Threads", "threads"]
