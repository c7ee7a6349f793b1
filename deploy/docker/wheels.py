"""The folder of wheels from which the image can be built without a network.

Made on a machine that reaches a package index, for another Python and machine than its own, then
carried over with the source. The build takes what is in it and asks nobody.
"""

import subprocess
import tempfile
from pathlib import Path

from packaging.markers import default_environment

from deploy.docker import packages, requirements
from deploy.docker.packages import WHEELS

LISTS = ("build.txt", "node.txt", "local.txt")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# A wheel for an older C library runs on every newer one. The newest that packages are built for;
# Debian 13 has 2.41.
GLIBC_MINOR_MAX = 41
MUSL_MINOR_MAX = 2
DOWNLOAD_S = 1800.0


def platforms(architecture: str, libc: str) -> list[str]:
    """The names by which wheels say that they run on this machine, newest first."""
    machine = MACHINES[architecture]
    if libc == "musl":
        return [f"musllinux_1_{minor}_{machine}" for minor in range(MUSL_MINOR_MAX, -1, -1)]
    numbered = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR_MAX, 4, -1)]
    return [
        *numbered,
        f"manylinux2014_{machine}",
        f"manylinux2010_{machine}",
        f"manylinux1_{machine}",
    ]


def wanted(blocks: list[str], python: str, architecture: str) -> str:
    """The list for a Python and a machine: markers decided here, since pip would ask its own."""
    environment = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES[architecture],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen = []
    for block in blocks:
        pin = requirements.pin(block)
        if pin.marker is None or pin.marker.evaluate(environment):
            _, _, hashes = block.partition("--hash")
            chosen.append(f"{pin.name}{pin.specifier} \\\n    --hash{hashes}")
    return "".join(chosen)


def download(
    pip: list[str],
    python: str,
    architecture: str,
    libc: str,
    lists: tuple[str, ...],
    folder: Path = WHEELS,
) -> int:
    """Fetch every wheel of `lists` into the folder; how many it has then."""
    folder.mkdir(exist_ok=True)
    listed = "".join(block for name in lists for block in requirements.blocks(name))
    blocks = packages.blocks(packages.for_libc(listed, is_musl=libc == "musl"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
        chosen.write(wanted(blocks, python, architecture))
        chosen.flush()
        abi = f"cp{python.replace('.', '')}"
        subprocess.run(
            [
                *[*pip, "download", "--quiet", "--disable-pip-version-check", "--no-deps"],
                *["--require-hashes", "--only-binary", ":all:", "--dest", str(folder)],
                *["--implementation", "cp", "--python-version", python],
                *[f"--abi={name}" for name in (abi, "abi3", "none")],
                *[f"--platform={name}" for name in platforms(architecture, libc)],
                *["-r", chosen.name],
            ],
            check=True,
            timeout=DOWNLOAD_S,
        )  # fmt: skip
    return len(list(folder.glob("*.whl")))
