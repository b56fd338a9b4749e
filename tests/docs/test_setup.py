"""`tools/setup`, the first command of every page: what it installs for whom, over a stand-in of Python."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

OURS = ("vpn", "clients", "providers", "components", "cli", "policy")
STAND_IN = """#!/bin/sh
echo "$*" >>"$LOG"
[ "$1 $2" = "-m venv" ] || exit 0
mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/pip"
"""


@pytest.mark.parametrize(("option", "wanted"), [("--runtime", "requirements.txt"), ("--venv", "requirements-dev.txt")])
def test_an_environment_left_without_pip_is_made_again(tmp_path: Path, option: str, wanted: str) -> None:
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    left = tmp_path / ".venv/bin/python"  # as python3.11 leaves it where python3.11-venv is missing
    left.parent.mkdir(parents=True)
    shutil.copy(python, left)
    log = tmp_path / "log"
    for _ in range(2):
        environ = os.environ | {"PYTHON": str(python), "LOG": str(log)}
        subprocess.run([tmp_path / "tools/setup", option], env=environ, check=True, capture_output=True)
        assert (left.parent / "pip").exists()
    installs = [line for line in log.read_text().splitlines() if " install " in line]
    assert [line.split()[-1] for line in installs] == [wanted]


def test_what_runs_needs_no_package_of_the_developers() -> None:
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    wanted, brings = set(map(_normal, names)), packages_distributions()
    assert not {name for name in _imported() if wanted.isdisjoint(map(_normal, brings.get(name, [])))}


def _normal(name: str) -> str:
    """Spell a package's name as PyPI compares them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported() -> Iterator[str]:
    """Yield the packages of others that the program, the commands and the policy pack import."""
    files = [ROOT / "__main__.py", *(file for package in OURS for file in (ROOT / package).rglob("*.py"))]
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for name in {module.partition(".")[0] for module in modules}:
            if name not in (*OURS, *sys.stdlib_module_names):
                yield name
