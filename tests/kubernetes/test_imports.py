"""The client of Kubernetes is for commands about Kubernetes; whoever runs a node never loads it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "src" / "aiex"


@pytest.mark.parametrize(
    "module",
    ["aiex.node.node", "aiex.cli.main", "aiex.cli.serve", "aiex.cli.up", "aiex.cli.status"],
)
def test_nothing_else_loads_the_client(module: str) -> None:
    program = (
        f"import sys, {module}; "
        "sys.exit(bool({'lightkube', 'httpx2', 'aiex.kubernetes'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_it_is_imported_by_its_part_and_the_commands_about_kubernetes_alone() -> None:
    importing = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if any(one.startswith(("lightkube", "aiex.kubernetes")) for one in _imports(path))
    }
    strangers = {
        path
        for path in importing
        if not path.startswith(("kubernetes/", "cli/k8s", "cli/kubernetes_options"))
    }
    assert importing
    assert strangers == set()


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
