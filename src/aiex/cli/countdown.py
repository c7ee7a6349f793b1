"""How much longer a node looks, painted over on a terminal while its answer is waited for."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aiex.cli.store_progress import EVERY_S, Progress


@contextmanager
def countdown(what: str, seconds: float, *, is_quiet: bool = False) -> Iterator[None]:
    """In the block somebody waits for `what`, for about so many seconds; nothing in a pipe."""
    progress, is_over = Progress(is_quiet=is_quiet), threading.Event()
    began_s = time.monotonic()

    def tell() -> None:
        while not is_over.wait(EVERY_S):
            passed_s = time.monotonic() - began_s
            progress.tell(f"{what}: {_text(passed_s, seconds)} (Ctrl-C ends it)")

    # The call blocks this thread, and a signal must still reach it: so another one paints.
    painter = threading.Thread(target=tell, name="countdown", daemon=True)
    painter.start()
    try:
        yield
    finally:
        is_over.set()
        painter.join()
        progress.end()


def _text(passed_s: float, seconds: float) -> str:
    if passed_s < seconds:
        return f"{passed_s:.0f} of {seconds:g} s"
    return "its answer is on the way"
