"""Chromium without a screen, driven through a pipe by its own protocol.

https://chromedevtools.github.io/devtools-protocol/: JSON messages that end with a zero byte, read
by the browser from descriptor 3 and written to descriptor 4. No port, no driver program.
"""

import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEADLINE_S = 30.0
# Above any descriptor that is moved to 3 or 4.
_FREE_FROM = 10
# Windows' numbers for keys that are no characters, as the protocol wants them.
_KEYS = {
    "Backspace": 8,
    "Enter": 13,
    "Escape": 27,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


class BrowserFailed(Exception):
    """The browser is silent or gone, or the page raised something."""


class Browser:
    """One page of a running browser; `problems` are what it told of errors and broken rules."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._received = b""
        self._last_id = 0
        self._session = ""
        self.problems: list[str] = []

    def open(self, url: str, *, width: int = 1400, height: int = 900) -> None:
        """Load a page and wait until it is there."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size)
        self._call("Page.navigate", {"url": url})
        self._until("Page.loadEventFired")

    def attach(self) -> None:
        """Open the page that everything else is about."""
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def value(self, expression: str) -> Any:
        """What an expression is in the page, as JSON has it; raises `BrowserFailed`."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        came = self._call("Runtime.evaluate", asked)
        if "exceptionDetails" in came:
            raise BrowserFailed(came["exceptionDetails"]["exception"].get("description", came))
        return came["result"].get("value")

    def press(self, *keys: str) -> None:
        """Type keys, one after the other: characters, or names such as `Enter`."""
        for key in keys:
            code = _KEYS.get(key, 0)
            event: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code}
            text = {"text": key} if len(key) == 1 else {}
            self._call("Input.dispatchKeyEvent", {"type": "keyDown", **event, **text})
            self._call("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def click(self, selector: str) -> None:
        """Press the left button in the middle of an element."""
        found = f"document.querySelector({json.dumps(selector)})"
        at = json.loads(self.value(f"JSON.stringify({found}.getBoundingClientRect())"))
        place = {"x": at["x"] + at["width"] / 2, "y": at["y"] + at["height"] / 2}
        for what in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = {} if what == "mouseMoved" else {"button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", {"type": what, **place, **button})

    def media(self, **features: str) -> None:
        """What the page is told of its user: `scheme="dark"`, or `medium="print"`."""
        wanted = [{"name": "prefers-color-scheme", "value": features.get("scheme", "light")}]
        asked = {"media": features.get("medium", ""), "features": wanted}
        self._call("Emulation.setEmulatedMedia", asked)

    def picture(self) -> str:
        """What is seen, as a PNG in base64."""
        return str(self._call("Page.captureScreenshot", {"format": "png"})["data"])

    def _call(self, method: str, asked: Any = None) -> Any:
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": asked or {}}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        came = self._until(self._last_id)
        if "error" in came:
            raise BrowserFailed(f"{method}: {came['error']['message']}")
        return came["result"]

    def _until(self, wanted: int | str) -> Any:
        """The answer with this id or the event of this name; others are noted."""
        ends_at_s = time.monotonic() + DEADLINE_S
        while True:
            message = self._message(ends_at_s)
            self._note(message)
            if wanted in (message.get("id"), message.get("method")):
                return message

    def _message(self, ends_at_s: float) -> Any:
        while b"\0" not in self._received:
            left_s = ends_at_s - time.monotonic()
            if left_s <= 0 or not select.select([self._from], [], [], left_s)[0]:
                raise BrowserFailed(f"the browser was silent for {DEADLINE_S:g} s")
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise BrowserFailed("the browser ended")
            self._received += piece
        first, _, self._received = self._received.partition(b"\0")
        return json.loads(first)

    def _note(self, message: Any) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(str(told["exceptionDetails"]))
            case "Log.entryAdded" if told["entry"]["level"] in ("warning", "error"):
                self.problems.append(f"{told['entry']['level']}: {told['entry']['text']}")
            case "Network.requestWillBeSent":
                url = told["request"]["url"]
                if not url.startswith("file:"):
                    self.problems.append(f"it asked for {url[:200]}")


@contextmanager
def running_browser(program: str, directory: Path) -> Iterator[Browser]:
    """A browser whose profile is in `directory`; it is gone after the block."""
    their_in, to_browser = (_moved(one) for one in os.pipe())
    from_browser, their_out = (_moved(one) for one in os.pipe())
    command = [
        program,
        "--headless",
        "--remote-debugging-pipe",
        # As root, and in containers, it cannot make its sandbox; it shows only our own page.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        f"--user-data-dir={directory}",
    ]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(directory / "log"), os.O_WRONLY | os.O_CREAT, 0o600),
        (os.POSIX_SPAWN_DUP2, their_in, 3),
        (os.POSIX_SPAWN_DUP2, their_out, 4),
    ]
    pid = os.posix_spawn(program, command, os.environ, file_actions=actions, setpgroup=0)
    os.close(their_in)
    os.close(their_out)
    try:
        browser = Browser(to_browser, from_browser)
        browser.attach()
        yield browser
    finally:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(to_browser)
        os.close(from_browser)


def _moved(descriptor: int) -> int:
    """The same, but with a number that nothing is moved to."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FREE_FROM)
    os.close(descriptor)
    return moved
