"""No text of the configuration becomes structure of a rendered file: what could is refused before rendering."""

import base64
import io
import re
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pure.support import BASE, ZABBIX, network, team
from vpn import agent, bundle, client_config, nftables, wgconf
from vpn.errors import ConfigError
from vpn.settings import parse

HOSTILE = st.text(st.sampled_from("aZ0._-\n\r\t #=[];{}\"'$`\\|&<>/:,%\x00\x1b\u2028é"), min_size=1, max_size=20)
ZONED = st.builds(
    "{}%{}{}".format,
    st.sampled_from(["fe80::1", "fd00:8::5", "fd01::", "2001:db8::"]),
    HOSTILE,
    st.sampled_from(["", "/64", "/128"]),
)
IPV6 = {**BASE, "address_ipv6": "fd00:8::1/64"}
FIELDS: list[dict[str, Any]] = [
    {"peers": [{"name": ...}]},
    {"peers": [{"name": "a", "endpoint": ...}]},
    {"peers": [{"name": "a", "dns": [...]}]},
    {"peers": [{"name": "a", "public_key": ...}]},
    {"groups": {...: {"allow": []}}, "peers": [{"name": "a"}]},
    {"interface_name": ..., "file_path": ...},
    {"endpoint": ..., "peers": [{"name": "a"}]},
    {"dns": [...], "peers": [{"name": "a"}]},
    {"hostname": ..., "peers": [{"name": "a"}]},
]
ADDRESSES: list[dict[str, Any]] = [
    {"peers": [{"name": "a", "endpoint": ...}]},
    {"peers": [{"name": "a", "dns": [...]}]},
    {"peers": [{"name": "a", "allowed_ips": [...]}]},
    {"peers": [{"name": "a", "site_networks": [...]}]},
    {"peers": [{"name": "a", "client_routes": [...]}]},
    {"peers": [{"name": "a", "allow": [{"network": ...}]}]},
    {"routes": [{"destination_network": ...}]},
    {"routes": [{"destination_network": "fd09::/64", "gateway": ...}]},
    {"address_ipv6": ...},
    {"endpoint": ...},
    {"dmz_networks": [...]},
    {"listen_sources": [...]},
    {"ssh_sources": [...]},
    {**ZABBIX, "zabbix_server": ...},
]
CLIENT = {
    *("#", "[Interface]", "PrivateKey", "Address", "DNS", ""),
    *("[Peer]", "PublicKey", "Endpoint", "AllowedIPs", "PersistentKeepalive"),
}
COMMAND = re.compile(
    r"Post(Up|Down) = ip (-batch /[a-z/-]+|route (replace|del) [0-9a-f.:/]+ via [0-9a-f.:]+( dev eth0)?( .. true)?)"
)


def filled(template: Any, text: str) -> Any:
    """Return a template with the hostile text in its places."""
    if template is ...:
        return text
    if isinstance(template, dict):
        return {filled(key, text): filled(each, text) for key, each in template.items()}
    return [filled(each, text) for each in template] if isinstance(template, list) else template


def shape(text: str) -> list[str]:
    """Return what gives a file its structure: the first word of each line."""
    return [line.split(" ")[0].split("=")[0] for line in text.splitlines()]


def settled(server: str) -> list[str]:
    """Return the structure of the server's file without the lines that a configuration may add."""
    return [each for each in shape(server) if each not in {"Endpoint", "PostUp", "PostDown"}]


def check(changes: dict[str, Any]) -> None:
    """Hold that a configuration is refused, or that its files have our lines and no others."""
    try:
        of = parse({**IPV6, **changes})
    except ConfigError:
        return
    found = network(of)
    plain = network(parse({**IPV6, "peers": [{"name": "plain"}]}))
    server = wgconf.render_server(found)
    commands = [line for line in server.splitlines() if line.startswith("Post")]
    assert all(COMMAND.fullmatch(line) for line in commands)
    assert settled(server) == settled(wgconf.render_server(plain))
    client = client_config.render(found, found.peers[0].name)
    assert set(shape(client)) <= CLIENT
    assert all(line.startswith("route replace ") for line in wgconf.render_routes(found).splitlines())
    assert "%" not in nftables.render(found)
    assert found.agent is None or "%" not in agent.config(found.agent)


@pytest.mark.parametrize("template", FIELDS)
@given(text=HOSTILE)
def test_text_that_passes_changes_no_structure(template: dict[str, Any], text: str) -> None:
    check(filled(template, text))


@pytest.mark.parametrize("template", ADDRESSES)
@given(text=ZONED)
def test_what_follows_an_address_changes_no_structure(template: dict[str, Any], text: str) -> None:
    check({"peers": [{"name": "a"}], **filled(template, text)})


def test_members_read_line_by_line_have_the_lines_they_should() -> None:
    raw = base64.b64decode(bundle.pack(team(), epoch=1, instance="i"))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        texts = {
            name: handle.read().decode()
            for name in ("settings", "placement", "peers.tsv", "routes")
            if (handle := archive.extractfile(name))
        }
    assert all(line.count("=") >= 1 for line in texts["settings"].splitlines())
    assert all(len(line.split(" ")) == 3 for line in texts["placement"].splitlines())
    assert all(len(line.split("\t")) == 4 for line in texts["peers.tsv"].splitlines())
    assert all(line.startswith("route replace ") for line in texts["routes"].splitlines())
