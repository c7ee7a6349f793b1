"""Three leaks and three look-alikes of real objects in real processes, by a clock in a hurry."""

import asyncio
import sys
from typing import Any

import msgspec
import pytest

# A process looks for 40 s at most; three share two cores with whatever else runs.
GIVEN_UP_S = 120


async def said_by(kind: str) -> list[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "aiex.testing.memory_leaker",
        kind,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(GIVEN_UP_S):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    return [msgspec.json.decode(line) for line in out.splitlines()]


async def all_said(*kinds: str) -> dict[str, list[dict[str, Any]]]:
    return dict(zip(kinds, await asyncio.gather(*map(said_by, kinds)), strict=True))


@pytest.mark.slow
async def test_leaks_are_suspected_with_kind_holder_and_site() -> None:
    said = await all_said("dict", "cache", "native")
    found = {kind: events[0]["leak"] for kind, events in said.items()}
    assert [found[kind]["kind"] for kind in found] == ["container", "cache", "malloc"]
    assert found["dict"]["holder"].endswith("attribute sessions of __main__:Shop")
    assert found["dict"]["site"].startswith("__main__:Shop.open (testing/memory_leaker.py:")
    assert found["dict"]["type"] == "dict of __main__:Session"
    assert found["cache"]["holder"] == "the cache of __main__:price"
    for leak in found.values():
        # 10 MB/s are made; the rate is of the look, and the limit 150 MB above the start.
        assert 3e6 < leak["rate_bytes_s"] < 25e6
        assert 0 <= leak["limit_in_s"] < 15
        assert leak["confidence"] >= 0.6
        assert leak["advice"]
        assert leak["command"].startswith("aiex ")


@pytest.mark.slow
async def test_lookalikes_are_not_suspected() -> None:
    assert await all_said("capped", "saw", "warm-up") == {"capped": [], "saw": [], "warm-up": []}
