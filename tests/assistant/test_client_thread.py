"""Whether calls can be made at all, as its supervisors see it."""

import asyncio

import pytest

from aiex.assistant.client_thread import ClientThread
from aiex.errors import HttpClientGone


async def test_it_runs_while_there_is_a_thread_and_fails_once_there_is_none() -> None:
    one, ready = ClientThread(), asyncio.Event()
    running = asyncio.create_task(one.run(ready.set))
    await ready.wait()
    assert not running.done()
    one.gone()
    with pytest.raises(HttpClientGone):
        await running


async def test_it_does_not_start_again_since_the_thread_does_not() -> None:
    one = ClientThread()
    one.gone()
    with pytest.raises(HttpClientGone):
        await one.run(pytest.fail)
