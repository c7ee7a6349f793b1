"""One node: built in one place, supervised, started, drained, reported on."""

from aiex.node.data_directory import data_path, meeting_path, runtime_path
from aiex.node.node import node_name
from aiex.node.process import run_node

__all__ = ["data_path", "meeting_path", "node_name", "run_node", "runtime_path"]
