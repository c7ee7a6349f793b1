"""What every test gets: a time limit by its tier, no task left behind, no silent skip in CI."""

import asyncio
import inspect
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from aiex.testing.certificates import Authority

# Seconds a test may take, by its most expensive marker. Limits, not expectations: a tenth is usual,
# but two cores are shared with whatever else runs.
TIMEOUT_S = {"slow": 600, "fault": 180, "local_model": 180, "integration": 60}
UNIT_TIMEOUT_S = 60

# How long an example takes says how busy the machine is; each test has its own limit.
settings.register_profile("aiex", deadline=None)
settings.load_profile("aiex")

type Need = Callable[[str, str], str]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-tools",
        action="store_true",
        default=os.environ.get("CI", "").lower() in ("1", "true", "yes"),
        help="a skipped test fails unless it is marked platform_specific (default when CI=true)",
    )


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "small_disc" in item.fixturenames:
            item.add_marker("needs_root")
        if os.geteuid() != 0 and item.get_closest_marker("needs_root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_timeout_s(item)))
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "no_task_left")  # first in, so it looks last


def _timeout_s(item: pytest.Item) -> int:
    tiers = (limit for tier, limit in TIMEOUT_S.items() if item.get_closest_marker(tier))
    return next(tiers, UNIT_TIMEOUT_S)


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fails a test whose tasks outlive it: nobody would ever see their errors."""
    yield
    own = asyncio.current_task()
    for _ in range(10):  # what was cancelled needs a few turns of the loop to end
        left = [task for task in asyncio.all_tasks() if task is not own]
        if not left:
            return
        await asyncio.sleep(0)
    pytest.fail("tasks outlived the test: " + ", ".join(repr(task) for task in left))


@pytest.fixture(scope="session")
def need() -> Need:
    """`need("setpriv", "util-linux")` is the program's path.

    Without the program the test is skipped with what to install; with --strict-tools it fails.
    """

    def path_of(program: str, package: str) -> str:
        path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
        found = shutil.which(program, path=path)
        if found is None:
            pytest.skip(f"{program} is not installed; apt-get install {package}")
        return found

    return path_of


@pytest.fixture
def small_disc(tmp_path: Path, need: Need) -> Iterator[Callable[[int], Path]]:
    """`small_disc(size_bytes)` is a directory on a file system of that size; needs root."""
    mount, umount = need("mount", "mount"), need("umount", "mount")
    mounted: list[Path] = []

    def disc(size_bytes: int) -> Path:
        directory = tmp_path / f"disc-{len(mounted)}"
        directory.mkdir()
        command = [mount, "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(directory)]
        if (
            done := subprocess.run(command, capture_output=True, text=True, check=False)
        ).returncode:
            pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
        mounted.append(directory)
        return directory

    yield disc
    for directory in mounted:
        subprocess.run([umount, "--lazy", str(directory)], check=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    is_excused = hasattr(report, "wasxfail") or item.get_closest_marker("platform_specific")
    if item.config.getoption("--strict-tools") and report.skipped and not is_excused:
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.getoption("--strict-tools") and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"{reason}\nA skipped test counts as failed here (CI=true or --strict-tools)."


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Authority:
    """A private certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"), need("openssl", "openssl"))
