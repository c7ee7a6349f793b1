"""A node whose loop stands still is told of by what its sentinel left in its directory."""

from pathlib import Path
from typing import Any

import msgspec

from aiex.performance import stuck_analysis
from aiex.performance.analysis.stuck import module_of_file

SOURCE = """
class Orders:
    def settle(self):
        with self._lock:
            self.count += 1
"""
PID = 4711


def seen(directory: Path, **changes: Any) -> Path:
    """A stall of twelve seconds at 1000 s, in a package that is there to be read."""
    package = directory / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "orders.py").write_text(SOURCE)
    file = str(package / "orders.py")
    report = {
        "pid": PID,
        "began_at_s": 1000.0,
        "silent_s": 4.0,
        "state": "S",
        "wchan": "futex_wait_queue",
        "stack": [["Orders.run", file, 2], ["Orders.settle", file, 4]],
    }
    (directory / "stall.json").write_bytes(msgspec.json.encode(report | changes))
    return directory


def test_where_the_loop_stands_is_named_with_its_cause(tmp_path: Path) -> None:
    found = stuck_analysis(seen(tmp_path), PID, 1012.0)
    assert found is not None
    (finding,) = found.findings
    assert (finding.cause, finding.function) == ("blocking_call", "shop.orders:Orders.settle")
    assert (finding.line, found.seconds) == (4, 12.0)
    assert "stood still for 12 s" in found.text


def test_code_that_runs_for_good_is_no_wait(tmp_path: Path) -> None:
    running = seen(tmp_path, state="R", has_interpreter=True)
    found = stuck_analysis(running, PID, 1012.0)
    assert found is not None
    assert [one.cause for one in found.findings] == ["long_computation"]


def test_a_process_that_was_stopped_is_nobodys_doing(tmp_path: Path) -> None:
    found = stuck_analysis(seen(tmp_path, state="T"), PID, 1012.0)
    assert found is not None
    assert found.findings == ()
    assert "stopped" in found.text


def test_a_loop_that_turns_and_what_another_process_left_say_nothing(tmp_path: Path) -> None:
    assert stuck_analysis(tmp_path, PID) is None
    assert stuck_analysis(seen(tmp_path), PID + 1) is None


def test_a_module_has_the_packages_of_its_file(tmp_path: Path) -> None:
    file = seen(tmp_path) / "shop" / "orders.py"
    assert module_of_file(str(file)) == "shop.orders"
    assert module_of_file(str(file.with_name("__init__.py"))) == "shop"
    assert module_of_file("<string>") == ""
