"""Where the providers find what the config names."""

from pathlib import Path

import pytest

from providers import credentials, netbox
from providers.connections import PROJECT, trust


@pytest.mark.parametrize(
    ("configured", "meant"),
    [
        ("ca.pem", PROJECT / "ca.pem"),
        ("~/ca.pem", Path("/home/somebody/ca.pem")),
        ("/etc/ca.pem", Path("/etc/ca.pem")),
        ("", None),
    ],
)
def test_a_ca_file_is_found_as_the_commands_find_it(
    configured: str, meant: Path | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(credentials, "_lookup", {"wireguard-vpn:pbs_ca_file": configured}.get)
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.chdir(tmp_path)
    assert trust("pbs").ca_file == meant
    assert (PROJECT / "Pulumi.yaml").exists()


def test_a_token_goes_to_the_address_it_is_configured_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a move the state still has the old address, and the config the token of the new."""
    monkeypatch.delenv("NETBOX_URL", raising=False)
    config = {"wireguard-vpn:netbox_token": "new", "wireguard-vpn:netbox_url": "https://new/"}
    known = netbox.Common(url="https://old", mark="pulumi: a/b/c")
    for kept, address in (config, "https://new"), ({"wireguard-vpn:netbox_token": "new"}, "https://old"):
        monkeypatch.setattr(credentials, "_lookup", kept.get)
        with netbox.connect(known) as connected:
            assert connected.url == address
