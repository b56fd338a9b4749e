"""The dashboard as a person sees it, in a real browser, with the lab's read-only login."""

from html import escape
from pathlib import Path

from lab.services import zabbix
from tests.browser import browse, picture
from tests.lab.monitoring.conftest import Watched
from tests.lab.waiting import eventually

ERROR_BOX = "msg-bad"
"""Class of the boxes in which Zabbix complains."""
SHOWN = ("Active peers", "Newest handshake", "UDP port 51820 reachability", "Traffic")


def test_dashboard_shows_the_server(watched: Watched, tmp_path: Path) -> None:
    watched.rehearsal.peers.connect_all(watched.stack.clients())
    eventually(lambda: watched.values().get("wireguard.peers.active") == "4", timeout=150)
    page = tmp_path / "login.html"
    page.write_text(_login(watched))
    text = browse(page.as_uri(), tmp_path, "--dump-dom")
    assert [words for words in SHOWN if words not in text] == []
    assert ERROR_BOX not in text
    assert picture(page.as_uri(), tmp_path, "zabbix.png").stat().st_size > 20_000


def _login(watched: Watched) -> str:
    """Return a page that logs in and goes on to the server's dashboard, as a person would."""
    wanted = f"zabbix.php?action=host.dashboard.view&hostid={watched.host_id()}"
    fields = {"name": zabbix.READER, "password": zabbix.READER_PASSWORD, "enter": "Sign in", "request": wanted}
    inputs = "".join(f'<input name="{name}" value="{escape(value)}">' for name, value in fields.items())
    action = f"{zabbix.url(watched.rehearsal.site)}/index.php"
    return f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()</script>'
