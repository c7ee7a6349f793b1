"""The image's root, put together in the build: an interpreter, what it loads, and Aiex. No more.

    python3 -m deploy.docker.root /assembled/node
    python3 -m deploy.docker.root /assembled/local --beyond /assembled/node

Run by the base's own Python, with the environment in /opt/aiex made (packages.py). Each file keeps
its place, with the links that lead to it, so it works for any base: glibc or musl, Python under
/usr, /usr/local or elsewhere. `--beyond` leaves out what another root has already.

The root is tried before it is handed over: chroot, and everything Aiex starts is started.
"""

import argparse
import compileall
import filecmp
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from deploy.docker import elf, libraries
from deploy.docker.packages import ENVIRONMENT, NOT_FOR_MUSL
from deploy.docker.system_files import (
    CERTIFICATES,
    certificate_bundle,
    write_system_files,
)

# Of the standard library: suites of tests, what has a window, what installs, and what links.
LEFT_OUT = frozenset({
    *("test", "tests", "idle_test", "idlelib", "tkinter", "turtledemo", "turtle.py"),
    *("ensurepip", "venv", "lib2to3", "pydoc_data", "site-packages", "dist-packages"),
    *("__pycache__", "EXTERNALLY-MANAGED", "sitecustomize.py"),
})  # fmt: skip
LEFT_OUT_PREFIXES = ("config-", "_test", "_ctypes_test", "_tkinter", "xxlimited", "xxsubtype")
# What the environment's `bin` is for; the rest are command lines of libraries.
PROGRAMS = ("aiex", "nats-server", "py-spy", "python", "python3")
TRIED = (
    ("aiex", "version"),
    ("nats-server", "--version"),
    ("py-spy", "--version"),
    ("python", "-c", "import ssl, sqlite3, ctypes, zlib, uvloop, granian, aiex.node"),
)
TRY_S = 120.0


class RootFailed(Exception):
    """The root cannot be put together; the sentence says why."""


class Root:
    """A directory that becomes the image's `/`."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def inside(self, path: Path) -> Path:
        """Where the root has what the base has at `path`."""
        return self.top / path.relative_to("/")

    def bring(self, path: Path) -> Path:
        """Copy the file at `path`, with every link on the way to it; its real path."""
        real = self._bring_way(path)
        target = self.inside(real)
        if not target.exists():
            shutil.copyfile(real, target)
            target.chmod(0o755 if os.access(real, os.X_OK) else 0o644)
        return real

    def bring_tree(
        self,
        directory: Path,
        left_out: frozenset[str] = frozenset(),
        left_out_prefixes: tuple[str, ...] = (),
    ) -> None:
        """Copy all files below, but not what is called like one of `left_out` or begins so."""
        self._bring_way(directory)
        for path in sorted(directory.iterdir()):
            if path.name in left_out or path.name.startswith(left_out_prefixes):
                continue
            if path.is_dir() and not path.is_symlink():
                self.bring_tree(path, left_out, left_out_prefixes)
            elif path.is_file():
                self.bring(path)

    def files(self) -> Iterator[Path]:
        """Every file in the root, no links."""
        for where, _, names in os.walk(self.top):
            for name in names:
                path = Path(where, name)
                if not path.is_symlink():
                    yield path

    def _bring_way(self, path: Path) -> Path:
        """Make directories and links as they are on the way to `path`; where it really is."""
        at, ahead = Path("/"), list(path.parts[1:])
        while ahead:
            part = ahead.pop(0)
            step = at.parent if part == ".." else at / part
            if step.is_symlink():
                link = step.readlink()
                if not self.inside(step).is_symlink():
                    self.inside(step).symlink_to(link)
                ahead = [*(link.parts[1:] if link.is_absolute() else link.parts), *ahead]
                at = Path("/") if link.is_absolute() else at
                continue
            at = step
            if at.is_dir():
                self.inside(at).mkdir(mode=0o755, exist_ok=True)
        return at


def assemble(root: Root) -> None:
    """Fill the root; raises `RootFailed` when something that is needed is not there."""
    root.top.mkdir(parents=True)
    root.top.chmod(0o755)
    interpreter = root.bring(Path(sys.executable))
    for name in ("stdlib", "platstdlib"):
        root.bring_tree(Path(sysconfig.get_path(name)), LEFT_OUT, LEFT_OUT_PREFIXES)
    _bring_environment(root)
    _bring_libraries(root, interpreter)
    write_system_files(root.top)
    bundle = certificate_bundle()
    if bundle is None:
        raise RootFailed("The base has no bundle of certificates: no provider could be trusted.")
    (root.top / CERTIFICATES).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bundle, root.top / CERTIFICATES)
    zones = Path("/usr/share/zoneinfo")
    if zones.is_dir():
        root.bring_tree(zones, frozenset({"posix", "right", "localtime"}))
    for path in root.files():
        _shrink(path)


def leave_out(root: Root, other: Path) -> None:
    """Remove from the root what `other` has in the same place and the same."""
    for where, directories, names in os.walk(root.top, topdown=False):
        for name in [*names, *directories]:
            path = Path(where, name)
            twin = other / path.relative_to(root.top)
            if path.is_symlink() or not path.is_dir():
                if _is_same(path, twin):
                    path.unlink()
            elif not any(path.iterdir()):
                path.rmdir()


def try_out(root: Root) -> None:
    """Start in the root what Aiex starts; raises `RootFailed` with what one of them says."""
    for argv in TRIED:
        if argv[0] in NOT_FOR_MUSL and not (ENVIRONMENT / "bin" / argv[0]).exists():
            continue
        done = subprocess.run(
            [sys.executable, "-B", "-c", _IN_ROOT, str(root.top), str(ENVIRONMENT / "bin"), *argv],
            capture_output=True, text=True, timeout=TRY_S, check=False,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise RootFailed(f"`{' '.join(argv)}` does not run in the root:\n{said}")


def compile_modules(root: Root) -> None:
    """Bytecode that is never checked: times of files do not survive every way to copy an image."""
    compileall.compile_dir(
        root.top, maxlevels=30, quiet=2, force=True, stripdir=str(root.top), prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, workers=0,
    )  # fmt: skip


# The interpreter is the base's until exec, with the base's environment; then all is the root's.
_IN_ROOT = """
import os, sys, warnings  # the last by os.exec…, when it would be the root's
_, root, path, *argv = sys.argv
os.chroot(root)
os.chdir("/")
os.execvpe(argv[0], argv, {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1"})
"""


def _bring_environment(root: Root) -> None:
    """The packages, and of the programs those that Aiex starts."""
    root.bring(ENVIRONMENT / "pyvenv.cfg")
    for name in PROGRAMS:
        if (ENVIRONMENT / "bin" / name).exists():
            root.bring(ENVIRONMENT / "bin" / name)
    packages = sysconfig.get_path("purelib", "venv", vars=_environment_paths())
    root.bring_tree(Path(packages), frozenset({"__pycache__"}))


def _environment_paths() -> dict[str, str]:
    return {"base": str(ENVIRONMENT), "platbase": str(ENVIRONMENT)}


def _bring_libraries(root: Root, interpreter: Path) -> None:
    """Every library that some file of the root needs, and the loader's list of their places."""
    loader = libraries.loader_of(interpreter)
    if loader is None:
        raise RootFailed("The base's Python is a static program, which can load no package.")
    root.bring(loader)
    found: set[Path] = set()
    for file in [*root.files()]:
        path = Path("/") / file.relative_to(root.top)
        needs = libraries.needs(loader, path)
        if needs.missing and path.is_relative_to(ENVIRONMENT):
            raise RootFailed(
                f"{path} needs {', '.join(needs.missing)}, which the base lacks. Take a base that"
                " has it; nothing else of it gets into the image."
            )
        if needs.missing:  # an optional part of the standard library, no use in the base either
            file.unlink()
            continue
        found.update(needs.paths)
    for libc in [path for path in found if path.name == "libc.so.6"]:
        found.update(libraries.opened_by(libc))
    for path in sorted(found):
        root.bring(path)
    _write_library_places(root, loader, {path.parent for path in found})


def _write_library_places(root: Root, loader: Path, places: set[Path]) -> None:
    """Tell the loader where libraries are; the base may have told it in other ways."""
    outside = sorted(str(place) for place in places if not place.is_relative_to(ENVIRONMENT))
    etc = root.top / "etc"
    etc.mkdir(exist_ok=True)
    if loader.name.startswith("ld-musl"):
        (etc / f"{loader.name.removesuffix('.so.1')}.path").write_text("\n".join(outside) + "\n")
        return
    (etc / "ld.so.conf").write_text("\n".join(outside) + "\n")
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if ldconfig is None:
        if Path("/etc/ld.so.cache").exists():
            shutil.copyfile("/etc/ld.so.cache", etc / "ld.so.cache")
        return
    subprocess.run([ldconfig, "-X", "-r", root.top], check=True, timeout=TRY_S)


def _shrink(path: Path) -> None:
    if elf.is_elf(path):
        content = path.read_bytes()
        smaller = elf.without_debug(content)
        if len(smaller) < len(content):
            path.write_bytes(smaller)


def _is_same(path: Path, twin: Path) -> bool:
    if path.is_symlink() or twin.is_symlink():
        return path.is_symlink() and twin.is_symlink() and path.readlink() == twin.readlink()
    return twin.is_file() and filecmp.cmp(path, twin, shallow=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("top", type=Path)
    parser.add_argument("--beyond", type=Path, help="leave out what this root has")
    given = parser.parse_args()
    root = Root(given.top)
    try:
        assemble(root)
        try_out(root)
        if given.beyond:
            leave_out(root, given.beyond)
        compile_modules(root)
    except (RootFailed, OSError) as error:
        print(f"The image's root could not be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
