"""The configuration as a whole: all problems at once, where they stand, and what is never shown."""

from typing import Any

import pytest

from tests.pure.support import BASE, TEAM, private_key, settings
from vpn import peers_file
from vpn.errors import ConfigError, Problem
from vpn.settings import PeerSettings, Settings, parse

CANARY = private_key("canary")


def refused(raw: dict[str, Any], **more: Any) -> ConfigError:
    with pytest.raises(ConfigError) as refusal:
        parse(raw, **more)
    return refusal.value


def test_defaults_are_the_data_models() -> None:
    found = settings()
    container, interface = found.container, found.interface
    assert (container.container_id, container.hostname, container.domain) == (2090, "wireguard", "infra.local")
    assert (container.memory_mb, container.cpu_cores, container.disk_gb, container.swap_mb) == (1024, 1, 8, 512)
    assert (container.bridge, container.storage_pool) == ("vmbr0", "local-lvm")
    assert (container.unprivileged, container.onboot, container.nesting) == (True, True, True)
    assert (interface.interface_name, str(interface.address), interface.listen_port) == ("wg0", "10.8.0.1/24", 51820)
    assert (interface.file_path, interface.save_config) == ("/etc/wireguard/wg0.conf", True)
    assert [str(each) for each in found.destinations] == ["192.168.0.0/16"]
    assert [str(each) for each in found.routing.dmz_networks] == ["172.16.10.0/24"]
    assert parse({key: value for key, value in BASE.items() if key != "ip_address"}).container.ip_address == "dhcp"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings().interface.listen_port = 1  # type: ignore[misc]


def test_ten_errors_are_told_together_whatever_else_is_wrong() -> None:
    error = refused(
        {
            **BASE,
            "memory_mb": 256,
            "unprivileged": False,
            "memroy_mb": 1,
            "address": "8.8.8.1/24",
            "file_path": "/etc/wireguard/wg1.conf",
            "routes": [{"destination_network": "172.16.10.0/25"}, {"destination_network": "x"}, {}],
            "peers": [
                {"name": "a b", "public_key": "x", "private_key": "y"},
                {"name": "c", "allowed_ips": ["0.0.0.0/0"], "endpoint": "nowhere"},
                "d",
                {"name": "e", "allow": [{"network": "172.16.10.1/32"}, {"protocol": "gre"}, 5]},
                {"name": "e", "grup": "x"},
            ],
        }
    )
    assert {each.key for each in error.problems} == {
        "memroy_mb",
        "memory_mb",
        "unprivileged",
        "address",
        "file_path",
        "routes[0].destination_network",
        "routes[1].destination_network",
        "routes[2].destination_network",
        "peers[0].name",
        "peers[0].public_key",
        "peers[0].private_key",
        "peers[1].allowed_ips[0]",
        "peers[1].endpoint",
        "peers[2]",
        "peers[3].allow[0].network",
        "peers[3].allow[1].network",
        "peers[3].allow[1].protocol",
        "peers[3].allow[2]",
        "peers[4].grup",
        "peers[4].name",
    }
    assert str(error).startswith("the configuration has 20 problems:\n  - ")
    assert len(str(error).splitlines()) == 21


def test_one_problem_is_told_in_the_singular() -> None:
    error = refused({**BASE, "memory_mb": 1})
    rule = "must be a whole number from 512 to 1048576 (data model 1: at least 512)"
    assert error.problems == (Problem("memory_mb", "1", rule),)
    assert str(error) == f"the configuration has 1 problem:\n  - memory_mb: 1: {rule}"


@pytest.mark.parametrize(
    ("raw", "key", "near"),
    [
        ({"memroy_mb": 1}, "memroy_mb", "'memory_mb'"),
        ({"peer": []}, "peer", "'peers'"),
        ({"peers": [{"name": "a", "publik_key": "x"}]}, "peers[0].publik_key", "'public_key'"),
        ({"groups": {"g": {"tunel": "x"}}}, "groups.g.tunel", "'tunnel'"),
        ({"routes": [{"destination": "10.0.0.0/8"}]}, "routes[0].destination", "'destination_network'"),
        ({"peers": [{"name": "a", "allow": [{"prot": 1}]}]}, "peers[0].allow[0].prot", "'protocol'"),
        ({"qqqq": 1}, "qqqq", ""),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_known_one(raw: dict[str, Any], key: str, near: str) -> None:
    rules = {each.key: each.rule for each in refused({**BASE, **raw}).problems}
    assert rules[key].startswith("is not a known key")
    assert near in rules[key]
    assert near or "did you mean" not in rules[key]


def test_no_secret_is_shown_in_any_problem() -> None:
    raw = {
        **BASE,
        "private_key": f"{CANARY}x",
        "proxmox_api_token": CANARY,
        "netbox_token": [CANARY],
        "privat_key": CANARY,
        "proxmox_endpoint": f"https://root:{CANARY}@pve",
        "peers": [
            {"name": "a", "private_key": f"{CANARY}x", "preshared_key": f"{CANARY}x", "presharedkey": CANARY},
            CANARY,
            [CANARY],
        ],
        "groups": {"g": {"preshared_key": CANARY}},
        "ssh_jump_private_key": {"key": CANARY},
    }
    error = refused(raw)
    assert len(error.problems) == 12
    # A whole entry that stands where a peer should is shown as little as a key that stands in a peer.
    assert CANARY not in str(error)
    assert CANARY not in repr(error.problems)


def test_no_secret_is_shown_by_settings() -> None:
    people = [{"name": "a", "private_key": CANARY, "preshared_key": CANARY}]
    found = settings(private_key=private_key("server"), peers=people)
    assert CANARY not in repr(found)
    assert private_key("server") not in repr(found)


def test_values_in_messages_stay_on_one_line() -> None:
    error = refused({**BASE, "hostname": "x\n  - forged: problem", "domain": "y" * 500})
    assert len(str(error).splitlines()) == 3
    assert len(str(error.problems[1].value)) == 80


def test_pulumi_may_hand_over_text() -> None:
    as_text = settings(
        container_id="2091",
        onboot="false",
        dns_servers='["192.168.10.53"]',
        routes='[{"destination_network": "192.168.0.0/16"}]',
        peers='[{"name": "a"}]',
        groups='{"g": {"mtu": 1300.0}}',
    )
    as_data = settings(
        container_id=2091,
        onboot=False,
        dns_servers=["192.168.10.53"],
        routes=[{"destination_network": "192.168.0.0/16"}],
        peers=[{"name": "a"}],
        groups={"g": {"mtu": 1300}},
    )
    assert as_text == as_data


@pytest.mark.parametrize("broken", ["[", "[1", "{"])
def test_broken_json_is_a_problem_of_its_key(broken: str) -> None:
    assert [each.key for each in refused({**BASE, "peers": broken}).problems] == ["peers"]


ENVIRONMENT = {
    "PROXMOX_VE_ENDPOINT": "https://pve.example:8006",
    "PROXMOX_VE_API_TOKEN": "u@pve!t=s",
    "NETBOX_URL": "https://netbox.example",
    "NETBOX_TOKEN": "n",
    "ZABBIX_URL": "https://zabbix.example",
    "ZABBIX_TOKEN": "z",
    "PBS_URL": "https://pbs.example:8007",
    "PBS_TOKEN": "p",
    "WIREGUARD_VPN_SSH_JUMP_HOST": "127.0.0.1",
    "WIREGUARD_VPN_SSH_JUMP_PORT": "2222",
    "WIREGUARD_VPN_SSH_JUMP_USER": "jump",
    "WIREGUARD_VPN_SSH_JUMP_PRIVATE_KEY_FILE": "/keys/jump",
    "WIREGUARD_VPN_SSH_JUMP_HOST_KEY": "ssh-ed25519 " + "A" * 68,
}
SITE = {
    "netbox_site": "hq",
    "netbox_cluster": "pve",
    "zabbix_server": "192.168.10.5",
    "pbs_datastore": "main",
    "pbs_storage": "pbs",
}


def test_the_environment_supplies_credentials() -> None:
    found = parse(SITE, environ=ENVIRONMENT)
    assert found.proxmox.proxmox_endpoint == "https://pve.example:8006"
    assert found.pbs.pbs_token
    assert found.pbs.pbs_token.get_secret_value() == "p"
    assert (found.ssh.ssh_jump_host, found.ssh.ssh_jump_port, found.ssh.ssh_jump_user) == ("127.0.0.1", 2222, "jump")


def test_the_configuration_comes_before_the_environment() -> None:
    found = parse({**SITE, "proxmox_endpoint": "https://own.example"}, environ=ENVIRONMENT)
    assert found.proxmox.proxmox_endpoint == "https://own.example"


def test_problems_name_the_environment_variable() -> None:
    error = refused(SITE, environ={**ENVIRONMENT, "WIREGUARD_VPN_SSH_JUMP_PORT": "0", "NETBOX_URL": ""})
    told = {each.key: each for each in error.problems}
    assert told["ssh_jump_port"].where == "environment variable WIREGUARD_VPN_SSH_JUMP_PORT"
    assert "NETBOX_URL" in told["netbox_url"].rule


PEERS_YAML = """\
groups:
  sales:
    tunnel: half

peers:
  - name: alice
    public_key: nonsense
  - {name: bob, allowed_ips: [10.8.0.9/32]}
  - name: carol
    allowed_ips:
      - 10.8.0.7/32
      - 10.8.0.9/32
    allow:
      - protocol: tcp
"""


def test_problems_of_the_peers_file_name_its_lines() -> None:
    people = peers_file.load(PEERS_YAML)
    error = refused(BASE, peers_file=people.content, peers_lines=people.lines)
    assert {each.key: each.where for each in error.problems} == {
        "groups.sales.tunnel": "peers.yaml:3",
        "peers[0].public_key": "peers.yaml:7",
        "peers[2].allowed_ips[1]": "peers.yaml:12",
        "peers[2].allow[0].network": "peers.yaml:14",
    }
    assert "peers.yaml:7: peers[0].public_key: nonsense: must be" in str(error)


def test_peers_come_from_config_or_file_alike() -> None:
    people = {"peers": TEAM["peers"], "groups": TEAM["groups"]}
    raw = {**BASE, "address_ipv6": "fd00:8::1/64"}
    from_file = parse(raw, peers_file=people)
    assert from_file.model_copy(update={"peers_file": ""}) == parse({**raw, **people})


@pytest.mark.parametrize("text", ["", "# all gone", "peers:", "groups: {}"])
def test_peers_stand_in_a_file_only_where_it_lists_them(text: str) -> None:
    """A file that was cut short is no wish to remove everybody; `peers: []` is."""
    assert parse(BASE, peers_file=peers_file.load(text).content).peers_file == ""
    assert parse(BASE, peers_file=peers_file.load("peers: []").content).peers_file == "peers.yaml"


def test_peers_in_both_places_are_an_error() -> None:
    error = refused({**BASE, "peers": [{"name": "a"}], "peers_file": "team.yaml"}, peers_file={"peers": []})
    assert [(each.key, "team.yaml" in each.rule) for each in error.problems] == [("peers", True)]


def test_a_peers_file_holds_nothing_else() -> None:
    error = refused(BASE, peers_file={"peers": None, "groups": None, "peerz": []})
    assert [(each.key, each.rule) for each in error.problems] == [
        ("peerz", "is not a known key; did you mean 'peers'?")
    ]


def test_groups_are_looked_up() -> None:
    found = settings(**TEAM)
    by_name = {peer.name: peer for peer in found.peers}
    assert found.group_of(by_name["alice-laptop"]).mtu == 1380
    assert found.group_of(by_name["dave"]).mtu is None
    assert isinstance(found, Settings)
    assert all(isinstance(peer, PeerSettings) for peer in found.peers)


def test_the_default_template_is_pinned() -> None:
    proxmox = settings().proxmox
    assert proxmox.pinned_checksum
    assert (len(proxmox.pinned_checksum), proxmox.file_name) == (128, "debian-12-standard_12.7-1_amd64.tar.zst")
    own = settings(template_url="https://x.example/a/b.tar.zst", template_checksum="a" * 128).proxmox
    assert (own.pinned_checksum, own.file_name) == ("a" * 128, "b.tar.zst")
