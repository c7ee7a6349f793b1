"""The environment: which pip is used, and that nothing unlocked gets in."""

import zipfile
from pathlib import Path

import pytest

from deploy.docker import packages


def fake_pip(folder: Path, version: str) -> Path:
    wheel = folder / f"pip-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("pip/__main__.py", "")
    return wheel


def test_a_base_with_pip_uses_its_own() -> None:
    assert packages.find_pip("python3", has_pip=True, folders=()) == ["python3", "-m", "pip"]


def test_a_base_without_pip_runs_one_from_a_wheel(tmp_path: Path) -> None:
    wheel = fake_pip(tmp_path, "26.3")
    found = packages.find_pip("python3", has_pip=False, folders=(tmp_path / "none", tmp_path))
    assert found == ["python3", str(wheel / "pip")]


def test_without_any_pip_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(packages.PackagesFailed, match="scripts/image wheels"):
        packages.find_pip("python3", has_pip=False, folders=(tmp_path,))


def test_packages_are_hashed_and_built_ones_only(tmp_path: Path) -> None:
    argv = packages.pip_command(["pip"], Path("/opt/aiex"), tmp_path, ["-r", "list.txt"])
    assert argv[-2:] == ["-r", "list.txt"]
    assert {"--no-compile", "--no-cache-dir", "--only-binary"} <= set(argv)
    assert "--no-index" not in argv


def test_with_wheels_nobody_else_is_asked(tmp_path: Path) -> None:
    fake_pip(tmp_path, "26.3")
    argv = packages.pip_command(["pip"], Path("/opt/aiex"), tmp_path, [])
    assert argv[argv.index("--no-index") :][:3] == ["--no-index", "--find-links", str(tmp_path)]


def test_for_musl_what_is_not_built_for_it_is_left_out() -> None:
    listed = "py-spy==0.4 \\\n    --hash=sha256:aa\nclick==8.5 \\\n    --hash=sha256:bb\n"
    assert packages.for_libc(listed, is_musl=False) == listed
    assert packages.for_libc(listed, is_musl=True) == "click==8.5 \\\n    --hash=sha256:bb\n"
