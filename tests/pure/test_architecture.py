"""Data flows one way: the import contracts of pyproject.toml hold, and the core stands alone."""

import subprocess
import sys
from pathlib import Path

from vpn import errors

ROOT = Path(__file__).parents[2]


def test_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_core_needs_neither_pulumi_nor_a_network_library() -> None:
    """Import the whole core in a fresh interpreter and look at what came along."""
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted((ROOT / "vpn").rglob("*.py"))]
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}]\n"
        "banned = {'pulumi', 'httpx', 'requests', 'paramiko', 'pynetbox', 'pyzabbix', 'grpc'}\n"
        "print(*sorted(banned & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


def test_errors_are_one_tree_drawn_in_its_module() -> None:
    classes = {
        name: each for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)
    }
    assert all(issubclass(each, errors.VpnError) for each in classes.values())
    assert errors.__doc__
    drawn = {word for line in errors.__doc__.splitlines() for word in line.split()[:4]}
    assert classes.keys() <= drawn
