"""The dashboard as a person sees it, in a real browser, with the lab's read-only login."""

import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from lab.services import zabbix
from tests.lab.monitoring.conftest import Watched
from tests.lab.stack.rehearsal import eventually

SHOWN = ("Active peers", "Newest handshake", "UDP port 51820 reachability", "Traffic")
WINDOW = "1600,1500"


def test_dashboard_shows_the_server(watched: Watched, tmp_path: Path) -> None:
    if not shutil.which("chromium"):
        pytest.skip("the dashboard is opened in Debian's chromium, which is not installed")
    eventually(lambda: "wireguard.rx.rate" in watched.values(), 120)
    page = tmp_path / "login.html"
    page.write_text(_login(watched))
    picture = tmp_path / "zabbix.png"
    text = browse(page, tmp_path, "--dump-dom")
    assert [words for words in SHOWN if words not in text] == []
    browse(page, tmp_path, f"--screenshot={picture}", f"--window-size={WINDOW}")
    assert picture.stat().st_size > 20_000
    keep = watched.rehearsal.site.root / ".lab" / "screenshots"
    keep.mkdir(exist_ok=True)
    shutil.copy(picture, keep)


def _login(watched: Watched) -> str:
    """Return a page that logs in and goes on to the server's dashboard, as a person would."""
    wanted = f"zabbix.php?action=host.dashboard.view&hostid={watched.host_id()}"
    fields = {"name": zabbix.READER, "password": zabbix.READER_PASSWORD, "enter": "Sign in", "request": wanted}
    inputs = "".join(f'<input name="{name}" value="{escape(value)}">' for name, value in fields.items())
    action = f"{zabbix.url(watched.rehearsal.site)}/index.php"
    return f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()</script>'


def browse(page: Path, home: Path, *options: str) -> str:
    """Open the page without a window and return what the browser printed."""
    plain = ["--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", "--hide-scrollbars"]
    argv = [
        "chromium",
        *plain,
        f"--user-data-dir={home / 'profile'}",
        "--virtual-time-budget=30000",
        *options,
        page.as_uri(),
    ]
    return subprocess.run(argv, capture_output=True, text=True, timeout=180, check=True).stdout
