"""`tools/setup --venv`, the first command of every page, over a stand-in of Python."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.docs.blocks import ROOT

STAND_IN = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 0
mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/pip"
"""


def test_an_environment_left_without_pip_is_made_again(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    left = tmp_path / ".venv/bin/python"  # as python3.11 leaves it where python3.11-venv is missing
    left.parent.mkdir(parents=True)
    shutil.copy(python, left)
    for _ in range(2):
        environ = os.environ | {"PYTHON": str(python)}
        subprocess.run([tmp_path / "tools/setup", "--venv"], env=environ, check=True, capture_output=True)
        assert (left.parent / "pip").exists()
