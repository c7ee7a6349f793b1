"""A node with guests: `python -m examples.trouble.node PLAN DIRECTORY`.

This is all it takes to run services of your own in a node: a class with a `name` and an
`async def run(ready)`, handed to `run_node`. They are supervised like the node's own, and whatever
looks inside the node sees them like its own.
"""

import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from aiex.node import run_node
from aiex.service import Service
from aiex.settings import load
from examples.trouble.plan import Plan, Planting


def main() -> None:
    plan_file, directory = Path(sys.argv[1]), Path(sys.argv[2])
    plan = msgspec.json.decode(plan_file.read_bytes(), type=Plan)
    flags = {name: json.dumps(section) for name, section in plan.settings.items() if section}
    flags |= {
        "node.name": "trouble",
        "api.port": "0",
        "admin.port": "0",
        "log.format": "json",
        "log.access": "false",
        "node.drain_deadline_s": "1",
    }
    run_node(
        load(None, {}, flags).settings,
        data_dir=directory / "data",
        runtime_dir=directory,
        meeting_dir=directory / "meeting",
        version=version("aiex"),
        guests=guests(plan.plantings, directory),
    )


def guests(plantings: tuple[Planting, ...], directory: Path) -> list[Service]:
    """The services of these modules, which are written to disk, as tracebacks and editors like."""
    modules = directory / "modules"
    modules.mkdir()
    for one in plantings:
        (modules / f"{one.module}.py").write_text(one.source)
    sys.path.insert(0, str(modules))
    made: list[Service] = []
    for one in plantings:
        guest = getattr(importlib.import_module(one.module), one.class_name)
        made.append(guest(one.service, directory, **one.arguments))
    return made


if __name__ == "__main__":
    main()
