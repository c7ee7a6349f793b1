"""What a build of the image needs, without a registry: a base, wheels, a builder's own storage.

The base is made of this machine's Python, in /usr/local and without pip but for ensurepip's, with
what an image must not keep: a shell, a program that runs as its owner, a way to install.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.docker import libraries, requirements, wheels
from deploy.docker.image import build_command
from deploy.docker.root import Root
from deploy.docker.system_files import certificate_bundle

BUILD_S = 400
# By name of the base's image; nothing is pulled.
BASE = "localhost/base:latest"
# What programs that others built expect of every system with glibc.
GLIBC_LIBRARIES = (
    *("libpthread.so.0", "librt.so.1", "libdl.so.2", "libutil.so.1", "libm.so.6"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1"),
)
CONTEXT = ("pyproject.toml", "README.md", "LICENSE", "src", "deploy", ".dockerignore")


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder in which images are built; `environment` keeps the builder's storage in it."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def at(cls, folder: Path) -> "Stage":
        settings = folder / "storage.conf"
        driver = "overlay" if _may_overlay(folder) else "vfs"
        settings.write_text(
            f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/storage"\n'
            f'runroot = "{folder}/run"\n'
        )
        given = {"CONTAINERS_STORAGE_CONF": str(settings), "BUILDAH_ISOLATION": "chroot"}
        return cls(folder, {**os.environ, **given})

    def buildah(self, *arguments: str, within: Path | None = None) -> str:
        done = subprocess.run(
            ["buildah", *arguments],
            env=self.environment, cwd=within or self.folder, timeout=BUILD_S,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stdout[-4000:]}{done.stderr}"
        return done.stdout.strip()

    def make_base(self) -> None:
        """An image with Python that nothing else is known of."""
        container = self.buildah("from", "scratch")
        fill_base(Path(self.buildah("mount", container)))
        # Some bases tell the loader in this way where libraries are; an image must not need it.
        for one in ("PATH=/usr/local/bin:/usr/bin:/bin", "LD_LIBRARY_PATH=/usr/local/lib"):
            self.buildah("config", "--env", one, container)
        self.buildah("commit", "--quiet", "--rm", container, BASE)

    def make_context(self) -> None:
        """The source, and beside it every wheel for this machine."""
        context = self.folder / "context"
        context.mkdir()
        ignored = shutil.ignore_patterns("__pycache__", "wheels", "pip.conf")
        for name in CONTEXT:
            source = requirements.ROOT / name
            if source.is_dir():
                shutil.copytree(source, context / name, ignore=ignored)
            else:
                shutil.copy(source, context / name)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        machine = {name: known for known, name in wheels.MACHINES.items()}[os.uname().machine]
        pip = [base_python(), "-m", "pip"]
        folder = context / "deploy" / "docker" / "wheels"
        wheels.download(pip, python, machine, "glibc", wheels.LISTS, folder)

    def build(self, target: str) -> None:
        """Build one target from nothing but base and context."""
        labels = {"VERSION": "1.2.3", "REVISION": "abc", "CREATED": "2026-01-02T03:04:05Z"}
        argv = build_command("buildah", BASE, target, target, labels, {})
        self.buildah("bud", "--pull-never", *argv[2:], within=self.folder / "context")

    def settings_of(self, image: str) -> dict[str, Any]:
        """What the image says of itself, as `docker inspect` would."""
        told: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))
        config: dict[str, Any] = told["Docker"]["config"]
        return config

    def mounted(self, image: str) -> Path:
        """The root of a container of the image, which can be written to."""
        return Path(self.buildah("mount", self.buildah("from", "--pull-never", image)))

    def remove(self) -> None:
        """Forget everything built: mounts lie in the folder, which could not be removed."""
        self.buildah("rm", "--all")
        self.buildah("rmi", "--all", "--force")


def base_python() -> str:
    """This machine's Python, outside of the environment the tests run in."""
    return str(Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name)


def fill_base(top: Path) -> None:
    """Put a base's files below `top`."""
    python, root = Path(base_python()), Root(top)
    (top / "usr" / "local" / "bin").mkdir(parents=True)
    shutil.copy(python, top / "usr" / "local" / "bin")
    (top / "usr" / "local" / "bin" / "python3").symlink_to(python.name)
    library = Path(sysconfig.get_path("stdlib"))
    lacks = shutil.ignore_patterns(
        "test", "site-packages", "dist-packages", "config-3*", "__pycache__"
    )
    shutil.copytree(library, top / "usr" / "local" / "lib" / library.name, ignore=lacks)
    for shared in Path(sys.base_prefix, "lib").glob("libpython3.*"):
        shutil.copy(shared, top / "usr" / "local" / "lib", follow_symlinks=False)
    _fill_system(root, python)
    shutil.copy(root.bring(Path("/bin/sh")), top / "usr" / "bin" / "su")
    (top / "usr" / "bin" / "su").chmod(0o4755)


def _fill_system(root: Root, python: Path) -> None:
    """What every Linux with glibc has: its libraries, ldconfig, certificates, /tmp."""
    loader = libraries.loader_of(python)
    assert loader is not None
    root.bring(loader)
    files = [*root.files(), python]
    needed = {one for file in files for one in libraries.needs(loader, file).paths}
    for path in needed:
        if not path.is_relative_to(sys.base_prefix) or sys.base_prefix == "/usr":
            root.bring(path)
    libc = next(path for path in needed if path.name == "libc.so.6")
    for name in GLIBC_LIBRARIES:
        root.bring(libc.parent / name)
    bundle = certificate_bundle()
    assert bundle is not None
    root.bring(bundle)
    root.bring(Path("/sbin/ldconfig"))
    (root.top / "tmp").mkdir(exist_ok=True)
    (root.top / "tmp").chmod(0o1777)


def _may_overlay(folder: Path) -> bool:
    """Whether layers can lie over each other here; if not they are copied, which takes longer."""
    parts = [folder / name for name in ("lower", "upper", "work", "merged")]
    for part in parts:
        part.mkdir()
    lower, upper, work, merged = map(str, parts)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    command = ["mount", "-t", "overlay", "-o", options, "overlay", merged]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return False
    subprocess.run(["umount", merged], check=True)
    return True
