"""The environment of the image, /opt/aiex: locked packages first, Aiex itself last.

    python3 -m deploy.docker.packages install deploy/docker/requirements/node.txt
    python3 -m deploy.docker.packages aiex

Run in the build by the base's Python, which need not have pip. pip is told where to look by the
build's arguments (PIP_INDEX_URL, …) or by `deploy/docker/pip.conf`; when `deploy/docker/wheels` has
wheels, nothing else is asked. Every package is checked against the hash in its list.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from deploy.docker import elf

ENVIRONMENT = Path("/opt/aiex")
TOOLS = Path("/build/tools")  # pip and the build back end, in an environment of their own
HERE = Path(__file__).parent
WHEELS = HERE / "wheels"
SETTINGS = HERE / "pip.conf"
# Without it a stall inside of a call to C is told by time alone.
NOT_FOR_MUSL = frozenset({"py-spy"})
BUILD_REQUIREMENTS = HERE / "requirements" / "build.txt"


class PackagesFailed(Exception):
    """The environment cannot be made; the sentence says why."""


def install(requirements: Path) -> None:
    """Put what the list names into the environment, which is made if need be."""
    _make(ENVIRONMENT)
    loader = elf.loader(Path(sys.executable).read_bytes())
    chosen = TOOLS / requirements.name
    chosen.write_text(for_libc(requirements.read_text(), is_musl="musl" in loader))
    _pip(ENVIRONMENT, "--no-deps", "--require-hashes", "-r", str(chosen))


def for_libc(requirements: str, *, is_musl: bool) -> str:
    """The list without what is not built for a C library, if Aiex can do without."""
    return "".join(
        block
        for block in blocks(requirements)
        if not (is_musl and block.partition("==")[0] in NOT_FOR_MUSL)
    )


def blocks(requirements: str) -> list[str]:
    """A list cut into its requirements, each with its hashes."""
    found: list[str] = []
    for line in requirements.splitlines(keepends=True):
        if line.startswith(" "):
            found[-1] += line
        else:
            found.append(line)
    return found


def install_aiex() -> None:
    """Build Aiex's wheel from the source in this directory and install it."""
    built = Path("/build/dist")
    _run([
        *[str(_program(TOOLS)), "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"],
        *["--no-build-isolation", "--wheel-dir", str(built), "."],
    ])  # fmt: skip
    (wheel,) = built.glob("aiex-*.whl")
    _pip(ENVIRONMENT, "--no-deps", "--no-index", str(wheel))


def find_pip(python: str, *, has_pip: bool, folders: Sequence[Path]) -> list[str]:
    """The arguments that run some pip: the base's own, else a wheel of it, which runs as it is."""
    if has_pip:
        return [python, "-m", "pip"]
    for folder in folders:
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            return [python, str(wheel / "pip")]
    raise PackagesFailed(
        "The base has no pip. Make a folder of wheels, which brings one: scripts/image wheels"
    )


def pip_command(
    pip: Sequence[str], environment: Path, wheels: Path, arguments: Sequence[str]
) -> list[str]:
    """What installs into an environment: built packages only, from `wheels` if there are any."""
    return [
        *[*pip, "--python", str(_program(environment)), "install", "--quiet", "--no-compile"],
        *["--no-cache-dir", "--only-binary", ":all:", "--disable-pip-version-check"],
        *(["--no-index", "--find-links", str(wheels)] if any(wheels.glob("*.whl")) else []),
        *arguments,
    ]  # fmt: skip


def _make(environment: Path) -> None:
    if not (TOOLS / "pyvenv.cfg").exists():
        _run([sys.executable, "-m", "venv", "--without-pip", str(TOOLS)])
        has_pip = _runs([sys.executable, "-m", "pip", "--version"])
        pip = find_pip(sys.executable, has_pip=has_pip, folders=(WHEELS, *_bundles()))
        arguments = ["--require-hashes", "-r", str(BUILD_REQUIREMENTS)]
        _run(pip_command(pip, TOOLS, WHEELS, arguments))
    if not (environment / "pyvenv.cfg").exists():
        _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])


def _bundles() -> list[Path]:
    """Where Pythons keep a wheel of pip for their environments; Debian has its own place."""
    found = [Path("/usr/share/python-wheels")]
    if spec := find_spec("ensurepip"):
        found += [Path(place) / "_bundled" for place in spec.submodule_search_locations or ()]
    return found


def _pip(environment: Path, *arguments: str) -> None:
    _run(pip_command([str(_program(TOOLS)), "-m", "pip"], environment, WHEELS, arguments))


def _program(environment: Path) -> Path:
    return environment / "bin" / "python"


def _run(argv: list[str]) -> None:
    environment = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
    environment["PATH"] = f"{TOOLS}/bin:{environment['PATH']}"  # the back end calls its program
    if SETTINGS.exists():
        environment["PIP_CONFIG_FILE"] = str(SETTINGS)
    status = subprocess.run(argv, env=environment, check=False).returncode
    if status:
        raise PackagesFailed(f"`{' '.join(argv)}` ended with status {status}.")


def _runs(argv: list[str]) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    step = parser.add_subparsers(dest="step", required=True)
    step.add_parser("install").add_argument("requirements", type=Path)
    step.add_parser("aiex")
    given = parser.parse_args()
    try:
        if given.step == "install":
            install(given.requirements.absolute())
        else:
            install_aiex()
    except PackagesFailed as error:
        print(f"The image's packages could not be installed. {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
