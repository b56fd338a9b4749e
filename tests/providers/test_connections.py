"""Where the providers find what the config names, and what they say when it is not there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers import connections, credentials
from vpn.errors import ConfigError
from vpn.settings.parse import ENVIRONMENT

Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Give this process a config, and the environment no part of one."""
    for variable in ENVIRONMENT.values():
        monkeypatch.delenv(variable, raising=False)
    yield lambda **config: credentials.remember({f"{credentials.NAMESPACE}:{k}": v for k, v in config.items()}.get)
    credentials.remember(lambda _: None)


@pytest.mark.parametrize(
    ("configured", "meant"),
    [
        ("Pulumi.yaml", connections.PROJECT / "Pulumi.yaml"),  # any file will do
        ("~/Pulumi.yaml", connections.PROJECT / "Pulumi.yaml"),
        ("/dev/null", Path("/dev/null")),
        ("", None),
    ],
)
def test_a_ca_file_is_found_as_the_commands_find_it(
    configure: Configure, configured: str, meant: Path | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(pbs_ca_file=configured)
    monkeypatch.setenv("HOME", str(connections.PROJECT))
    monkeypatch.chdir(tmp_path)
    assert connections.trust("pbs").ca_file == meant
    assert (connections.PROJECT / "Pulumi.yaml").exists()


@pytest.mark.parametrize("system", ["proxmox", "pbs", "netbox", "zabbix"])
@pytest.mark.parametrize("name", ["~no-such-user/ca.pem", "/nowhere/ca.pem"])
def test_a_ca_file_that_is_not_there_is_told_by_its_key(configure: Configure, system: str, name: str) -> None:
    configure(**{f"{system}_ca_file": name})
    with pytest.raises(ConfigError, match=rf"{system}_ca_file: .*{name}: cannot be read: No such file"):
        connections.trust(system)
    configure(**{f"{system}_ca_file": name, f"{system}_fingerprint": "pinned"})
    assert connections.trust(system).fingerprint == "pinned"


def test_a_token_goes_to_the_address_it_is_configured_with(configure: Configure) -> None:
    """After a move the state still has the old address, and the config the token of the new."""
    for config, address in ({"netbox_url": "https://new/"}, "https://new"), ({}, "https://old"):
        configure(netbox_token="new", **config)
        with connections.netbox("https://old") as connected:
            assert connected.url == address


@pytest.mark.parametrize(
    ("connect", "keys"),
    [
        (connections.proxmox, ["proxmox_endpoint", "proxmox_api_token"]),
        (connections.pbs, ["pbs_url", "pbs_token"]),
        (lambda: connections.netbox("https://old"), ["netbox_token"]),
        (connections.zabbix, ["zabbix_url", "zabbix_token"]),
    ],
)
def test_what_is_not_configured_is_told_by_every_key_it_lacks(
    configure: Configure, connect: Callable[[], object], keys: list[str]
) -> None:
    configure()
    with pytest.raises(ConfigError) as refusal:
        connect()
    assert [each.key for each in refusal.value.problems] == keys
    assert all(ENVIRONMENT[each.key] in each.rule for each in refusal.value.problems)


@pytest.mark.parametrize(
    ("connect", "key", "token"),
    [
        (connections.proxmox, "proxmox_endpoint", "proxmox_api_token"),
        (connections.pbs, "pbs_url", "pbs_token"),
        (lambda: connections.netbox("https://old"), "netbox_url", "netbox_token"),
        (connections.zabbix, "zabbix_url", "zabbix_token"),
    ],
)
def test_no_token_goes_to_an_address_of_the_environment_in_the_clear(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, connect: Callable[[], object], key: str, token: str
) -> None:
    """`refresh` and `destroy` run no program that would refuse it."""
    configure(
        **{token: "wg@pbs!id:0b7e3a52-1c1d-4f6a-9f5e-000000000001" if key == "pbs_url" else "name@realm!id=secret"}
    )
    monkeypatch.setenv(ENVIRONMENT[key], "http://192.168.10.9:8006")
    with pytest.raises(ConfigError, match=f"environment variable {ENVIRONMENT[key]}: {key}: must be an https://"):
        connect()
    monkeypatch.setenv(ENVIRONMENT[key], "https://192.168.10.9:8006")
    connect()
