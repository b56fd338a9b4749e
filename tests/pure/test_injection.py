"""No text of the configuration becomes structure of a rendered file: what could is refused before rendering."""

import base64
import io
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pure.support import BASE, network, team
from vpn import bundle, client_config, wgconf
from vpn.errors import ConfigError
from vpn.settings import parse

HOSTILE = st.text(st.sampled_from("aZ0._-\n\r\t #=[];{}\"'$`\\|&<>/:,%\x00\x1b\u2028é"), min_size=1, max_size=20)
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


@pytest.mark.parametrize("template", FIELDS)
@given(text=HOSTILE)
def test_text_that_passes_changes_no_structure(template: dict[str, Any], text: str) -> None:
    try:
        of = parse({**BASE, **filled(template, text)})
    except ConfigError:
        return
    found = network(of)
    plain = network(parse({**BASE, **filled(FIELDS[0], "plain")}))
    server = wgconf.render_server(found)
    assert [each for each in shape(server) if each != "Endpoint"] == shape(wgconf.render_server(plain))
    assert len(wgconf.parse(server).peers) == 1
    client = client_config.render(found, found.peers[0].name)
    known = {"#", "[Interface]", "PrivateKey", "Address", "DNS", "", "[Peer]", "PublicKey", "Endpoint", "AllowedIPs"}
    assert set(shape(client)) <= known | {"PersistentKeepalive"}


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
    assert all(len(line.split("\t")) == 3 for line in texts["peers.tsv"].splitlines())
    assert all(line.startswith("route replace ") for line in texts["routes"].splitlines())
