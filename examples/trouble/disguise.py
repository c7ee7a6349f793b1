"""A fault's source under other names, without comments: what is found in it was not read there.

A fault is an ordinary module. Its classes, functions and methods get drawn names; what the node
calls (`run`, `name`) and what Python calls (`__init__`) keep theirs.
"""

import ast

KEPT = frozenset({"run", "name"})

type Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def defined_classes(source: str) -> list[str]:
    """In the order of the source."""
    return [one.name for one in ast.walk(ast.parse(source)) if isinstance(one, ast.ClassDef)]


def defined_functions(source: str) -> list[str]:
    """Functions and methods that may be renamed, in the order of the source."""
    return [
        one.name
        for one in ast.walk(ast.parse(source))
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and _may_change(one.name)
    ]


def guest_class(source: str) -> str:
    """The one that a node runs."""
    for one in ast.parse(source).body:
        if isinstance(one, ast.ClassDef):
            methods = [each for each in one.body if isinstance(each, ast.AsyncFunctionDef)]
            if any(each.name == "run" for each in methods):
                return one.name
    raise LookupError("no class of this module has an `async def run`")


def disguised(source: str, names: dict[str, str]) -> str:
    """The source with `names` (old to new) in place, without comments and docstrings."""
    tree = _Renaming(names).visit(ast.parse(source))
    return ast.unparse(tree) + "\n"


def renamed(function: str, names: dict[str, str]) -> str:
    """`Class.method` under its new names."""
    return ".".join(names.get(part, part) for part in function.split("."))


class _Renaming(ast.NodeTransformer):
    """Of methods those are meant that are called on `self`: others belong to somebody else."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._bare(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._definition(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._names.get(node.id, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            node.attr = self._names.get(node.attr, node.attr)
        return self.generic_visit(node)

    def _definition(self, node: Definition) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        return self._bare(node)

    def _bare(self, node: "Definition | ast.Module") -> ast.AST:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)


def _may_change(name: str) -> bool:
    return name not in KEPT and not name.startswith("__")
