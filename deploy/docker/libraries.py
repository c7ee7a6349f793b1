"""Which shared libraries a program needs, asked of the loader that will load them.

`ldd` is a shell script or missing; the loader itself answers, glibc's and musl's much alike, and
what it says takes run paths, its cache and its environment into account.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.docker import elf

# Loaded by name while the program runs, so that no file says it needs them: threads that are
# cancelled, and name service where that is not in the C library itself.
OPENED_BY_LIBC = ("libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")
LIST_S = 60.0
_STOPPED = "error while loading shared libraries: "


@dataclass(frozen=True, slots=True)
class Needs:
    """What one file needs: paths of libraries, and names of those that are nowhere."""

    paths: tuple[Path, ...]
    missing: tuple[str, ...]


def loader_of(program: Path) -> Path | None:
    """The loader of a program; None for one that is static."""
    name = elf.loader(program.read_bytes())
    return Path(name) if name else None


def needs(loader: Path, file: Path) -> Needs:
    """What `loader` would load for `file`, which is a program or a library."""
    if not elf.is_elf(file) or not elf.is_dynamic(file.read_bytes()):
        return Needs((), ())
    # Asked by its option, glibc's stops at the first library that is missing and names no others;
    # musl's knows nothing else, and would start the program.
    option = ["--list"] if loader.name.startswith("ld-musl") else []
    done = subprocess.run(
        [loader, *option, file],
        env={**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"},
        capture_output=True, text=True, timeout=LIST_S, check=False,
    )  # fmt: skip
    return parsed(done.stdout + done.stderr)


def parsed(listing: str) -> Needs:
    """The answer of a loader; musl names what is missing in an error, glibc in its place."""
    paths, missing = [], []
    for line in listing.splitlines():
        name, arrow, place = line.strip().partition(" => ")
        place = place if arrow else name
        if line.startswith("Error loading shared library "):
            missing.append(line.removeprefix("Error loading shared library ").partition(":")[0])
        elif _STOPPED in line:
            missing.append(line.partition(_STOPPED)[2].partition(":")[0])
        elif arrow and place.startswith("not found"):
            missing.append(name)
        elif place.startswith("/") and line[:1].isspace():
            paths.append(Path(place.partition(" (")[0]))
    return Needs(tuple(paths), tuple(missing))


def opened_by(libc: Path) -> list[Path]:
    """What the C library at this path opens by itself, of what is there beside it."""
    return [path for name in OPENED_BY_LIBC if (path := libc.parent / name).exists()]
