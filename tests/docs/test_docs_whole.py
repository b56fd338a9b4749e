"""What the documentation lists is whole: all that a preview demands, every file on the server."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.components.test_project_files import given, stack
from tests.docs.blocks import ROOT, blocks
from tests.pure.support import ZABBIX, network
from vpn import files
from vpn.settings import parse

FILLED_IN = {
    "proxmox_api_token": "wgdeploy@pve!pulumi=00000000-0000-0000-0000-000000000000",
    "pbs_token": "wgdeploy@pbs!pulumi:00000000-0000-0000-0000-000000000000",
    "zabbix_backup_token": "zabbix@pbs!monitor:00000000-0000-0000-0000-000000000000",
    "netbox_token": "token-of-netbox",
    "zabbix_token": "token-of-zabbix",
    "ssh_jump_host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "pbs_fingerprint": ":".join(["AA"] * 32),
}
"""What people fill in where the production page shows a secret or a placeholder."""


def configured(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the config keys that a page sets, and their values."""
    for words in (shlex.split(line) for block in blocks(page) for line in block.commands):
        if words[:3] == ["pulumi", "config", "set"]:
            key = words[-1] if "--secret" in words else words[-2]
            yield key, FILLED_IN.get(key) or words[-1]


def test_what_the_production_page_sets_is_all_that_a_preview_demands() -> None:
    told = dict(configured(ROOT / "docs/howto-production.md"))
    assert set(FILLED_IN) <= told.keys()
    found = parse(given(stack("prod")) | told, environ={})
    assert (found.netbox.netbox_enabled, found.zabbix.zabbix_enabled, found.pbs.pbs_enabled) == (True, True, True)
    assert found.ssh.ssh_jump_host


def test_every_file_a_bundle_places_on_the_server_is_told() -> None:
    text = (ROOT / "templates/server/README.md").read_text()
    told = set(re.findall(r"^    (\d{4}\S* /\S+ \S+)$", text, re.MULTILINE))
    static = set(files.static_placements("kernel"))
    placed = {each for each in files.collect(network(**ZABBIX)).placements if each not in static}
    assert told == {f"{each.mode} {each.target} {each.member}" for each in placed}
