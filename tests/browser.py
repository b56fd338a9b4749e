"""Debian's chromium without a window, as tests use it to see a page as a person does."""

import shutil
import subprocess
from pathlib import Path

import pytest

WINDOW = "1600,1500"


def browse(url: str, home: Path, *options: str) -> str:
    """Open the page and return what the browser printed; `home` keeps its profile."""
    if not shutil.which("chromium"):
        pytest.skip("pages are opened in Debian's chromium, which is not installed")
    plain = ["--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--hide-scrollbars"]
    profile = [f"--user-data-dir={home / 'profile'}", "--virtual-time-budget=30000"]
    argv = ["chromium", *plain, *profile, *options, url]
    return subprocess.run(argv, capture_output=True, text=True, timeout=180, check=True).stdout


def picture(url: str, home: Path, name: str) -> Path:
    """Take a picture of the page; kept as NAME in `.lab/screenshots` of this checkout too."""
    taken = home / name
    browse(url, home, f"--screenshot={taken}", f"--window-size={WINDOW}")
    keep = Path(__file__).parents[1] / ".lab" / "screenshots"
    keep.mkdir(parents=True, exist_ok=True)
    shutil.copy(taken, keep)
    return taken
