"""Where the providers find what the config names."""

from pathlib import Path

import pytest

from providers import credentials
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
