"""Does `make up` answer a newcomer? Tried where nothing is set up: a copy, an empty home.

Copies what a clone would hold to a temporary directory, runs `make up` there with next to no
environment, asks the model one question over the API, and stops it with Ctrl-C. Prints how long
that took, or what `make up` said. Needs the package index, and fetches everything anew.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 600.0  # a slow network fetches 150 MB
ANSWER_TIMEOUT_S = 120.0  # the model's first answer on two busy cores
STOP_TIMEOUT_S = 60.0
# What a machine behind a proxy with its own certificates cannot do without.
KEPT = (
    "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "PIP_INDEX_URL", "UV_DEFAULT_INDEX",
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


def main() -> int:
    scratch = Path(tempfile.mkdtemp(prefix="aiex-fresh-"))
    try:
        copy_tree(scratch / "clone")
        return try_clone(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def copy_tree(clone: Path) -> None:
    """Committed files and those not yet added, so that a change can be tried before its commit."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    for name in filter(None, listing.stdout.decode().split("\0")):
        source, copy = ROOT / name, clone / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def try_clone(scratch: Path) -> int:
    home, output = scratch / "home", scratch / "output"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    environment |= {name: os.environ[name] for name in KEPT if os.environ.get(name)}
    began_s = time.monotonic()
    with output.open("wb") as sink:
        up = subprocess.Popen(
            ["make", "up"], cwd=scratch / "clone", env=environment, stdin=subprocess.DEVNULL,
            stdout=sink, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        answer = ask(ready_url(home, up))
        print(f"A fresh clone answered after {time.monotonic() - began_s:.0f} s: {answer!r}")
        return 0
    except (OSError, LookupError, ValueError) as failure:
        print(f"`make up` gave no answer in a fresh clone: {failure}. It printed:", file=sys.stderr)
        for text in [output, *home.rglob("node.log")]:
            print(text.read_text(errors="replace"), file=sys.stderr)
        if isinstance(failure, urllib.error.HTTPError):
            print(failure.read().decode(errors="replace"), file=sys.stderr)
        return 1
    finally:
        stop(up)


def ready_url(home: Path, up: subprocess.Popen[bytes]) -> str:
    """Where the API is, as a node noted once it served; LookupError if it was never ready."""
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline_s:
        for record in home.rglob("node.json"):
            url = str(json.loads(record.read_text())["api_url"])
            if is_ready(url):
                return url
        if up.poll() is not None:
            raise LookupError(f"it ended with status {up.returncode}")
        time.sleep(0.2)
    raise LookupError(f"it was not ready within {READY_TIMEOUT_S:.0f} s")


def is_ready(api_url: str) -> bool:
    """Whether the node takes requests: of several the first one waits for the others."""
    try:
        with urllib.request.urlopen(f"{api_url}/readyz", timeout=ANSWER_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def ask(api_url: str) -> str:
    """The model's answer; OSError when refused, ValueError or LookupError when it is no answer."""
    base = api_url.rstrip("/").removesuffix("/v1")
    with urllib.request.urlopen(f"{base}/v1/models", timeout=ANSWER_TIMEOUT_S) as response:
        model = json.load(response)["data"][0]["id"]
    question = {
        "model": model,
        "messages": [{"role": "user", "content": "What is the opposite of hot?"}],
        "max_tokens": 24,
        "temperature": 0,
    }
    request = urllib.request.Request(
        f"{base}/v1/chat/completions",
        data=json.dumps(question).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as response:
        answer = str(json.load(response)["choices"][0]["message"]["content"])
    if "cold" not in answer:
        raise ValueError(f"a wrong answer: {answer!r}")
    return answer


def stop(up: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, as a terminal would send it to all of them; what is left after a while is killed."""
    if up.poll() is None:
        os.killpg(up.pid, signal.SIGINT)
    try:
        up.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(up.pid, signal.SIGKILL)
        up.wait()


if __name__ == "__main__":
    sys.exit(main())
