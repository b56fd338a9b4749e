"""The style the project promises, of all code but the tests: short functions, short files, all typed, all told."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("vpn", "clients", "providers", "components", "cli", "policy", "lab", "bench", "chaos", "tools")
LONGEST_FUNCTION, LONGEST_FILE = 50, 250
FILES = [
    *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))),
    ROOT / "__main__.py",
]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function))


def length(function: Function) -> int:
    """Return a function's lines without its docstring: what must be held in mind."""
    first = function.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if told else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_and_functions_are_short(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines"
    assert [(each.name, length(each)) for each in functions(path) if length(each) > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_everything_is_annotated(path: Path) -> None:
    bare = []
    for function in functions(path):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        arguments += [each for each in (function.args.vararg, function.args.kwarg) if each]
        untyped = [each.arg for each in arguments if each.annotation is None and each.arg not in {"self", "cls"}]
        if untyped or function.returns is None:
            bare.append((function.name, untyped))
    assert bare == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_public_names_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, "the module"
    assert list(untold(tree)) == []


def untold(holder: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in holder.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            if not ast.get_docstring(node) and not is_overload(node):
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from untold(node)


def is_overload(node: ast.ClassDef | Function) -> bool:
    return any("overload" in ast.dump(each) for each in node.decorator_list)


def test_half_of_all_functions_are_tiny() -> None:
    lengths = sorted(length(each) for path in FILES for each in functions(path))
    assert lengths[len(lengths) // 2] < 10
    assert lengths[len(lengths) * 9 // 10] <= 25
