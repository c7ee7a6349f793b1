"""The folder of wheels: for which machine, by which names, with markers decided beforehand."""

import sys
from pathlib import Path

from deploy.docker import wheels

BLOCK = "package==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"


def test_old_and_new_names_of_a_machine_are_known() -> None:
    names = wheels.platforms("amd64", "glibc")
    assert names[0] == "manylinux_2_41_x86_64"
    assert {"manylinux_2_5_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"} <= set(names)
    assert wheels.platforms("arm64", "musl") == [
        "musllinux_1_2_aarch64", "musllinux_1_1_aarch64", "musllinux_1_0_aarch64",
    ]  # fmt: skip


def test_markers_are_decided_for_the_other_python() -> None:
    marked = BLOCK.replace("1.0 ", "1.0 ; python_full_version < '3.13' ")
    assert wheels.wanted([marked], "3.13", "amd64") == ""
    assert wheels.wanted([marked], "3.12", "amd64") == BLOCK


def test_markers_are_decided_for_the_other_machine() -> None:
    marked = BLOCK.replace("1.0 ", "1.0 ; platform_machine == 'aarch64' ")
    assert wheels.wanted([marked], "3.13", "amd64") == ""
    assert wheels.wanted([marked], "3.13", "arm64") == BLOCK
    other = BLOCK.replace("1.0 ", "1.0 ; sys_platform == 'darwin' ")
    assert wheels.wanted([other, BLOCK], "3.13", "arm64") == BLOCK


def test_pip_is_asked_for_the_other_machine_and_its_hashes(tmp_path: Path) -> None:
    told = tmp_path / "told"
    pip = tmp_path / "pip.py"
    pip.write_text(
        "import pathlib, sys\n"
        "given = pathlib.Path(sys.argv[sys.argv.index('-r') + 1]).read_text()\n"
        f"pathlib.Path({str(told)!r}).write_text(' '.join(sys.argv[1:]) + '\\n' + given)\n"
        "pathlib.Path(sys.argv[sys.argv.index('--dest') + 1], 'a-1-py3-none-any.whl').touch()\n"
    )
    count = wheels.download(
        [sys.executable, str(pip)], "3.12", "arm64", "glibc", wheels.LISTS, tmp_path / "wheels"
    )
    assert count == 1
    argv, _, given = told.read_text().partition("\n")
    assert "download" in argv
    for word in ("--require-hashes", "--no-deps", "--python-version 3.12", "--abi=cp312"):
        assert word in argv
    assert "--platform=manylinux_2_17_aarch64" in argv
    for name in ("granian==", "xllamacpp==", "uv-build==", "pip=="):
        assert name in given
    assert ";" not in given
