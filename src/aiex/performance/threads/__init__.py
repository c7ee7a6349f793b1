"""The threads of the node's process."""

from aiex.performance.threads.threads import Thread, ThreadCpu, Threads, cpu_by_thread, threads

__all__ = ["Thread", "ThreadCpu", "Threads", "cpu_by_thread", "threads"]
