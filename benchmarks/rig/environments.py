"""Programs of others from PyPI, each the newest there and in an environment of its own."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rig.errors import RigError

UV = Path(__file__).parents[2] / "scripts" / "uv"
FRESH_S = 24 * 3600.0
INSTALL_S = 600.0


def package_environment(
    cache: Path, package: str, extra: str = "", beside: Sequence[str] = ()
) -> Path:
    """The environment that `package` lives in, with others beside it; up to date once a day.

    Without network an older one does; raises `RigError` when there is none at all.
    """
    environment = cache / package
    stamp = environment / ".installed"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_S:
        return environment
    print(f"Installing the newest {package} into .make/bench ...", file=sys.stderr)
    try:
        _install(environment, package + extra, *beside)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if not stamp.exists():
            raise RigError(
                f"{package} could not be installed; is a package index reachable?"
            ) from error
        print(f"No newer {package} to be had; measuring what is there.", file=sys.stderr)
        return environment
    stamp.touch()
    return environment


def package_version(environment: Path, package: str) -> str:
    """Such as `1.106.2`."""
    program = f"import importlib.metadata as m; print(m.version('{package}'))"
    command = (str(python_of(environment)), "-c", program)
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return answer.stdout.strip()


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def _install(environment: Path, *requirements: str) -> None:
    python = python_of(environment)
    if not python.exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(environment))
    _uv(
        *("pip", "install", "--quiet", "--upgrade", "--compile-bytecode"),
        *("--python", str(python), *requirements),
    )


def _uv(*arguments: str) -> None:
    subprocess.run((str(UV), *arguments), check=True, timeout=INSTALL_S, stdout=sys.stderr)
