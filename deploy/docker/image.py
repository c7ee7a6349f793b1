"""`scripts/image`: build the image with whatever builder is there, look at the result, and prepare
for places without a network.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.docker import requirements, wheels
from deploy.docker.packages import WHEELS
from deploy.docker.requirements import ROOT

BUILDERS = ("docker", "buildah")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
LOCAL_TARGET = "aiex-local"
INDEX_ARGUMENTS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def image() -> None:
    """Build and check the image of Aiex; docs/guides/image.md."""


@image.command()
@click.option("--base", default="", help="Any with Python >= 3.12; python:3.13-slim otherwise.")
@click.option("--target", default="aiex", type=click.Choice(["aiex", LOCAL_TARGET]))
@click.option("--tag", default="", help="Name of the image; the target's otherwise.")
@click.option("--builder", default="", type=click.Choice(["", *BUILDERS]), help="Found otherwise.")
@click.option("-o", "--output", default="text", type=click.Choice(["text", "json"]))
def build(base: str, target: str, tag: str, builder: str, output: str) -> None:
    """Build the image, then check its root."""
    builder = builder or found_builder()
    # Slim images lack libgomp, which the local model needs.
    base = base or ("python:3.13" if target == LOCAL_TARGET else "python:3.13-slim")
    if (
        builder == "buildah"
        and os.geteuid() != 0
        and not os.environ.get("_CONTAINERS_USERNS_CONFIGURED")
    ):
        # Without rights its storage can be looked into only from a user namespace of its own.
        os.execvp("buildah", ["buildah", "unshare", sys.executable, *sys.orig_argv[1:]])
    tag = tag or target
    _run(
        build_command(builder, base, target, tag, labels(), os.environ), stdout=sys.stderr.fileno()
    )
    with exported(builder, tag) as root, exported(builder, base) as base_root:
        size = ["--base", str(base_root), *(["--no-size-max"] if target == LOCAL_TARGET else [])]
        check = [sys.executable, "-m", "deploy.docker.root_check", "-o", output, *size, str(root)]
        sys.exit(subprocess.run(check, cwd=ROOT, check=False).returncode)


@image.command("wheels")
@click.option("--python", default="3.13", show_default=True, help="Python of the base.")
@click.option("--platform", "machine", default="", help="linux/amd64 or linux/arm64; this one's.")
@click.option("--libc", default="glibc", type=click.Choice(["glibc", "musl"]), help="Of the base.")
@click.option("--no-local", is_flag=True, help="Leave out the local model (two thirds of it).")
def fetch_wheels(python: str, machine: str, libc: str, no_local: bool) -> None:
    """Fill deploy/docker/wheels, from which the image is then built without a network."""
    architecture = machine.removeprefix("linux/") or ARCHITECTURES[platform.machine()]
    if architecture not in wheels.MACHINES:
        raise click.UsageError(f"Platforms are linux/{' and linux/'.join(wheels.MACHINES)}.")
    if libc == "musl":
        no_local = True
        click.echo("The local model is not built for musl; it is left out.", err=True)
    lists = tuple(one for one in wheels.LISTS if not (no_local and one == "local.txt"))
    interpreter = _output([str(ROOT / "scripts" / "find-python")])
    try:
        count = wheels.download([interpreter, "-m", "pip"], python, architecture, libc, lists)
    except subprocess.CalledProcessError as error:
        raise click.ClickException(
            "pip could not fetch all wheels; it says above which. Nothing can be built from a part."
        ) from error
    click.echo(f"{count} wheels for Python {python}, linux/{architecture}, {libc}: {WHEELS}")


@image.command("requirements")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; 1 when one is stale.")
@click.option("--build", "and_build", is_flag=True, help="Resolve the build back end anew, too.")
def renew_requirements(only_check: bool, and_build: bool) -> None:
    """Make the lists of packages what uv.lock says."""
    if only_check:
        if stale := requirements.stale(requirements.expected()):
            raise click.ClickException(
                f"{', '.join(stale)} in {requirements.FOLDER.relative_to(ROOT)} is not what uv.lock"
                " says. `scripts/image requirements` renews it."
            )
        return
    requirements.renew()
    if and_build:
        requirements.renew_build()


def found_builder() -> str:
    """A builder of this machine: docker when it answers, else buildah."""
    docker = ["docker", "info", "--format", "{{.ServerVersion}}"]
    if (
        shutil.which("docker")
        and subprocess.run(docker, capture_output=True, check=False).returncode == 0
    ):
        return "docker"
    if shutil.which("buildah"):
        return "buildah"
    raise click.ClickException(
        "There is no builder: docker does not answer, and buildah is not installed."
        " On Debian: apt-get install buildah"
    )


def build_command(
    builder: str,
    base: str,
    target: str,
    tag: str,
    labels: Mapping[str, str],
    environment: Mapping[str, str],
) -> list[str]:
    """What is typed to build the image; where packages are looked for is taken along."""
    verb = ["docker", "build"] if builder == "docker" else ["buildah", "bud", "--layers"]
    given = {"BASE": base, **labels}
    arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
    passed = [f"--build-arg={name}" for name in INDEX_ARGUMENTS if environment.get(name)]
    where = ["-f", "deploy/docker/Dockerfile", "--target", target, "-t", tag, "."]
    return [*verb, *arguments, *passed, *where]


def labels() -> dict[str, str]:
    """What the image says of itself: version, revision, and when that was committed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = _output(["git", "log", "-1", "--format=%H %ct"], default="unknown 0").split()
    created = datetime.fromtimestamp(int(said[1]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"VERSION": project["version"], "REVISION": said[0], "CREATED": created}


@contextmanager
def exported(builder: str, tag: str) -> Iterator[Path]:
    """The image's root, as a directory or a tar, as long as the block lasts."""
    if builder == "buildah":
        container = _output(["buildah", "from", "--pull-never", tag])
        try:
            yield Path(_output(["buildah", "mount", container]))
        finally:
            _run(["buildah", "rm", container], stdout=subprocess.DEVNULL)
        return
    # It is never started; an image without a command of its own needs some word.
    container = _output(["docker", "create", tag, "none"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "root.tar")
            _run(["docker", "export", "-o", str(archive), container], stdout=subprocess.DEVNULL)
            yield archive
    finally:
        _run(["docker", "rm", container], stdout=subprocess.DEVNULL)


def _run(argv: list[str], stdout: int) -> None:
    if status := subprocess.run(argv, cwd=ROOT, stdout=stdout, check=False).returncode:
        raise click.ClickException(f"`{' '.join(argv[:2])}` ended with status {status}; see above.")


def _output(argv: list[str], default: str | None = None) -> str:
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode and default is None:
        raise click.ClickException(f"`{' '.join(argv[:2])}` ended with status {done.returncode}.")
    return done.stdout.strip() if not done.returncode else str(default)


if __name__ == "__main__":
    image(prog_name="scripts/image")
