"""From the stack's config, the peers file and the environment to settings, or to all problems."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi.runtime
import pytest

from components import stack_config
from providers.credentials import NAMESPACE
from vpn.errors import ConfigError
from vpn.settings import Settings

BASE = {
    "proxmox_endpoint": "https://pve.infra.local:8006",
    "netbox_enabled": "false",
    "zabbix_enabled": "false",
    "pbs_enabled": "false",
}
KEY = "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack prod, with a token in its environment."""
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    monkeypatch.setenv("PROXMOX_VE_API_TOKEN", "wg@pve!pulumi=00000000-0000-0000-0000-000000000000")


def load(directory: Path, config: Mapping[str, Any], secret: tuple[str, ...] = ()) -> Settings:
    """Load settings as the running program does: Pulumi hands over text, JSON for structures."""
    own = {f"{NAMESPACE}:{key}": value for key, value in {**BASE, **config}.items()}
    text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in own.items()}
    pulumi.runtime.set_all_config(
        text | {"proxmoxve:insecure": "true"},
        [f"{NAMESPACE}:{key}" for key in secret],
    )
    return stack_config.load(directory)


def problems(directory: Path, config: Mapping[str, Any], secret: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(directory, config, secret)
    return [problem.key for problem in caught.value.problems]


def test_text_becomes_typed_and_other_namespaces_are_left_alone(tmp_path: Path) -> None:
    settings = load(tmp_path, {"memory_mb": "2048", "peers": [{"name": "alice"}]})
    assert settings.container.memory_mb == 2048
    assert [peer.name for peer in settings.peers] == ["alice"]


def test_an_empty_value_is_not_set(tmp_path: Path) -> None:
    settings = load(tmp_path, {"gateway": "", "vlan": "", "private_key": "", "endpoint": ""})
    assert settings.container.gateway is None
    assert settings.container.vlan is None
    assert settings.interface.private_key is None


def test_an_empty_list_of_dmz_networks_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, {"dmz_networks": []}) == ["dmz_networks"]


def test_the_environment_stands_in_for_credentials_that_config_leaves_out(tmp_path: Path) -> None:
    own = "wg@pve!other=11111111-1111-1111-1111-111111111111"
    from_environment = load(tmp_path, {}).proxmox.proxmox_api_token
    from_config = load(tmp_path, {"proxmox_api_token": own}, ("proxmox_api_token",))
    assert from_environment is not None
    assert from_environment.get_secret_value().startswith("wg@pve!pulumi=")
    assert from_config.proxmox.proxmox_api_token is not None
    assert from_config.proxmox.proxmox_api_token.get_secret_value() == own


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"private_key": KEY}, "private_key"),
        ({"peers": [{"name": "a"}, {"name": "b", "private_key": KEY}]}, "peers[1].private_key"),
        ({"peers": [{"name": "a", "preshared_key": KEY}]}, "peers[0].preshared_key"),
        ({"peers": "\n" + json.dumps([{"name": "a", "preshared_key": KEY}])}, "peers[0].preshared_key"),
    ],
)
def test_a_readable_secret_in_the_stack_file_is_refused(tmp_path: Path, config: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, config)
    assert [problem.key for problem in caught.value.problems] == [where]
    assert "--secret" in str(caught.value)
    assert KEY not in str(caught.value)


def test_an_encrypted_secret_hides_no_readable_one_beside_it(tmp_path: Path) -> None:
    """Pulumi calls the whole list secret then."""
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  wireguard-vpn:peers:\n    - {name: a, preshared_key: {secure: v1:xyz}}\n"
        f"    - {{name: b, preshared_key: {KEY}}}\n  wireguard-vpn:given_keys:\n    server: {{secure: v1:abc}}\n"
        f"    peer/a: {KEY}\n"
    )
    peers = [{"name": "a", "preshared_key": KEY}, {"name": "b", "preshared_key": KEY}]
    given = {"server": KEY, "peer/a": KEY}
    found = problems(tmp_path, {"peers": peers, "given_keys": given}, ("peers", "given_keys"))
    assert {'given_keys["peer/a"]', "peers[1].preshared_key"} <= {*found}
    assert not {"given_keys.server", "peers[0].preshared_key"} & {*found}


def test_what_is_encrypted_as_a_whole_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  wireguard-vpn:peers: {secure: v1:xyz}\n  wireguard-vpn:given_keys: {secure: v1:xyz}\n"
    )
    config = {"peers": [{"name": "a", "preshared_key": KEY}], "given_keys": {"server": KEY}}
    assert load(tmp_path, config, ("peers", "given_keys")).peers[0].preshared_key


def test_a_readable_secret_in_the_peers_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "peers.yaml").write_text(
        f"peers:\n  - name: a\n    private_key: {KEY}\n  - name: b\n    preshared_key: {KEY}\n"
        "  - {name: c, preshared_key: generated}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {})
    assert [each.where for each in caught.value.problems] == ["peers.yaml:3", "peers.yaml:5"]
    assert "given_keys as peer/NAME" in str(caught.value)
    assert "given_keys as psk/NAME" in str(caught.value)
    assert KEY not in str(caught.value)


def test_peers_as_json_text_in_the_peers_file_hide_no_secret(tmp_path: Path) -> None:
    (tmp_path / "peers.yaml").write_text(f'peers: \'[{{"name": "a", "private_key": "{KEY}"}}]\'\n')
    assert problems(tmp_path, {}) == ["peers[0].private_key"]


@pytest.mark.parametrize("value", [["x"], {"a": "b"}, 5])
def test_a_secret_that_is_no_text_is_a_problem_as_any_other(tmp_path: Path, value: object) -> None:
    found = problems(tmp_path, {"peers": [{"name": "a", "preshared_key": value}]})
    assert set(found) == {"peers[0].preshared_key"}


def test_an_encrypted_secret_is_accepted(tmp_path: Path) -> None:
    assert load(tmp_path, {"private_key": KEY}, ("private_key",)).interface.private_key
    peers = [{"name": "a", "preshared_key": KEY, "private_key": KEY}]
    assert load(tmp_path, {"peers": peers}, ("peers",)).peers[0].private_key
    assert load(tmp_path, {"peers": [{"name": "a", "preshared_key": "generated"}]})


def test_peers_come_from_the_file_beside_the_project(tmp_path: Path) -> None:
    (tmp_path / "peers.yaml").write_text("peers:\n  - name: alice\ngroups:\n  staff: {}\n")
    settings = load(tmp_path, {"peers": [], "groups": {}})
    assert [peer.name for peer in settings.peers] == ["alice"]
    assert "staff" in settings.groups


def test_peers_in_both_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "peers.yaml").write_text("peers:\n  - name: alice\n")
    assert problems(tmp_path, {"peers": [{"name": "bob"}]}) == ["peers"]


def test_a_problem_in_the_file_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "peers.yaml").write_text("peers:\n  - name: alice\n    persistent_keepalive: 70000\n")
    with pytest.raises(ConfigError, match=r"peers\.yaml:3: peers\[0\]\.persistent_keepalive"):
        load(tmp_path, {})


def test_a_file_that_is_no_yaml_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "peers.yaml").write_text("peers: [")
    assert problems(tmp_path, {}) == ["peers_file"]


def test_a_peers_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"peers_file: people\.yaml: cannot be read: No such file"):
        load(tmp_path, {"peers_file": "people.yaml"})
    assert load(tmp_path, {"peers_file": "peers.yaml"}).peers == ()


def test_a_key_file_in_nobody_s_home_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, {"ssh_jump_private_key_file": "~no-such-user/id"}) == ["ssh_jump_private_key_file"]


@pytest.mark.parametrize("key", ["peers_file", "ssh_jump_private_key_file"])
def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path, key: str) -> None:
    (tmp_path / "file").write_bytes("peers: [{name: Zoë}]".encode("latin-1"))
    with pytest.raises(ConfigError, match=f"{key}: file: cannot be read: it is no UTF-8 text"):
        load(tmp_path, {key: "file"})


@pytest.mark.parametrize("name", ["PROXMOX_VE_INSECURE", "PM_VE_INSECURE"])
def test_a_certificate_that_would_not_be_verified_is_a_problem_among_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for value in ("true", "1"):
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigError, match=f"{name}: {value}: must not be set: .* SSL_CERT_FILE"):
            load(tmp_path, {})
    assert problems(tmp_path, {"memory_mb": "128"}) == [name, "memory_mb"]
    for value in ("false", "0", ""):
        monkeypatch.setenv(name, value)
        assert load(tmp_path, {})


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {
            "container_id": "99",
            "memory_mb": "128",
            "cpu_cores": "0",
            "unprivileged": "false",
            "address": "8.8.8.1/24",
            "listen_port": "0",
            "private_key": "short",
            "dmz_network": [],
            "routes": [{"destination_network": "172.16.0.0/12"}],
            "peers": [{"name": "a", "public_key": "x", "allowed_ips": ["0.0.0.0/0"]}],
        },
    )
    assert {
        "container_id",
        "memory_mb",
        "cpu_cores",
        "unprivileged",
        "address",
        "listen_port",
        "private_key",
        "dmz_network",
        "routes[0].destination_network",
        "peers[0].public_key",
        "peers[0].allowed_ips[0]",
    } <= set(found)
