"""The lists of packages that the image is built from, made of uv.lock and pyproject.toml.

The build itself has neither uv nor the lock's reader, so the lists are kept beside the Dockerfile,
and a check compares them with the lock. `build.txt` has what builds Aiex's wheel, which the lock
does not know: it is resolved anew only by `scripts/image requirements --build`.
"""

import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import Requirement

from deploy.docker import packages

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "requirements"
# The override in pyproject.toml leaves packages in the lock that are never installed.
_NEVER = "sys_platform == 'never'"
UV_S = 120.0


def expected() -> dict[str, str]:
    """What `node.txt` and `local.txt` must be for the lock as it is."""
    node = _blocks(_export("--all-extras", "--no-extra", "local"))
    local = _blocks(_export("--extra", "local", "--group", "weights"))
    return {
        "node.txt": "".join(node),
        "local.txt": "".join(block for block in local if block not in node),
    }


def stale(wanted: Mapping[str, str], folder: Path = FOLDER) -> list[str]:
    """Which lists of the folder are not what is wanted, or do not build Aiex; empty if all do."""
    wrong = [name for name, text in wanted.items() if (folder / name).read_text() != text]
    pins = {
        one.name: one
        for block in _blocks((folder / "build.txt").read_text())
        for one in [pin(block)]
    }
    for needed in _build_requirements():
        version = str(pins[needed.name].specifier).removeprefix("==") if needed.name in pins else ""
        if not version or not needed.specifier.contains(version):
            wrong.append("build.txt")
    return wrong


def renew() -> None:
    """Write the lists that follow from the lock."""
    for name, text in expected().items():
        (FOLDER / name).write_text(text)


def renew_build() -> None:
    """Resolve what the build needs anew, to its newest versions."""
    wanted = "".join(f"{one}\n" for one in [Requirement("pip"), *_build_requirements()])
    options = ("--generate-hashes", "--no-annotate", "--no-header", "--quiet", "-")
    (FOLDER / "build.txt").write_text(_uv("pip", "compile", *options, given=wanted))


def pin(block: str) -> Requirement:
    """The requirement of one block of a list: its name, version and marker."""
    return Requirement(block.partition("--hash")[0].replace("\\\n", "").strip())


def blocks(name: str) -> list[str]:
    """The requirements of a list with their hashes, each as it stands."""
    return _blocks((FOLDER / name).read_text())


def _blocks(text: str) -> list[str]:
    return [block for block in packages.blocks(text) if _NEVER not in block]


def _build_requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    # The name as lists write it.
    return [Requirement(one.replace("_", "-", 1)) for one in project["build-system"]["requires"]]


def _export(*options: str) -> str:
    plain = ("--no-emit-project", "--no-annotate", "--no-header", "--format", "requirements-txt")
    return _uv("export", "--locked", "--quiet", "--no-default-groups", *options, *plain)


def _uv(*arguments: str, given: str = "") -> str:
    done = subprocess.run(
        [ROOT / "scripts" / "uv", *arguments],
        cwd=ROOT, input=given, capture_output=True, text=True, timeout=UV_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
