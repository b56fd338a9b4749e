"""Every rule of the configuration, with a case on each side of it."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.pure.support import BASE, private_key, public_key
from vpn import login_key
from vpn.errors import ConfigError
from vpn.settings import KNOWN_KEYS, parse

KEY = public_key("someone")
SECRET = private_key("someone")
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqTZzLb4yoLs3KjzW1Lq3yV8v1jC9mJ4c0b1v5m7Q2x"
PBS = {
    "pbs_enabled": True,
    "pbs_url": "https://pbs.infra.local:8007",
    "pbs_token": "wg@pbs!pulumi:11111111-2222-3333-4444-555555555555",
    "pbs_datastore": "backup",
    "pbs_storage": "pbs",
}
LOCKED = (
    Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"words"))
    .decode()
)
KEEPS = ("keep_daily", "keep_weekly", "keep_monthly")
FINGERPRINT = ":".join(["AB"] * 32)


def problems(**changes: Any) -> dict[str, str]:
    """Return the broken rules by key path, none for a valid configuration."""
    raw = {key: value for key, value in {**BASE, **changes}.items() if value is not ...}
    try:
        parse(raw)
    except ConfigError as error:
        return {each.key: each.rule for each in error.problems}
    return {}


def peers(*people: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": f"p{index}", **each} for index, each in enumerate(people)]


# key, values that hold, values that break the rule, words of the rule
SINGLE: list[tuple[str, list[Any], list[Any], str]] = [
    ("container_id", [100, "2090", 2090.0, 999_999_999], [99, 1_000_000_000, "x", True, 2090.5, -1], "from 100"),
    ("hostname", ["wireguard", "w", "a" * 63], ["", "-w", "w-", "a.b", "a_b", "a" * 64, "w\n"], "host name label"),
    ("domain", ["infra.local", "x"], ["", ".", "a..b", "-a.b", "a" * 254, "a b"], "DNS name"),
    ("ip_address", ["dhcp", "192.168.20.90/16"], ["192.168.20.90", "192.168.0.0/16", "192.168.255.255/16"], "dhcp"),
    ("dns_servers", [[], ["192.168.10.53", "fd00::53"], '["192.168.10.53"]'], ["x", ["a.b"], [1]], "must be"),
    ("bridge", ["vmbr0", "vmbr0.100"], ["", "0bridge", "a" * 16, "a b"], "interface name"),
    ("vlan", [1, 4094], [0, 4095], "from 1 to 4094"),
    ("memory_mb", [512, 1024, "2048"], [511, 0, -1, "much"], "at least 512"),
    ("cpu_cores", [1, 2], [0, 8193], "at least 1"),
    ("disk_gb", [2, 8], [1, 8193], "from 2"),
    ("swap_mb", [0, 512], [-1], "from 0"),
    ("storage_pool", ["local-lvm"], ["", "a b", "-x", "a/b"], "identifier"),
    ("pool", ["wireguard"], ["a b"], "identifier"),
    ("unprivileged", [True, "true"], [False, "false", 0, "yes"], "must be true"),
    ("nesting", [True], [False], "must be true"),
    ("onboot", [True, "false"], ["maybe", 2, "True!"], "true or false"),
    ("proxmox_endpoint", ["https://pve:8006/"], ["http://pve", "pve", "https://", "https://u:p@pve"], "https://"),
    ("proxmox_api_token", ["u@pve!t=s"], ["u@pve", "t=s", "u@pve!t", "", " "], "must"),
    ("proxmox_node", ["pve"], ["pve.local", ""], "host name label"),
    ("proxmox_fingerprint", [FINGERPRINT], [FINGERPRINT[:-3], "zz" + FINGERPRINT[2:]], "SHA-256"),
    ("template_checksum", ["a" * 128], ["a" * 127, "A" * 128], "SHA-512"),
    ("template_file_name", ["debian-12.tar.zst"], ["../x", "a/b", ""], "plain file name"),
    ("address", ["10.8.0.1/24", "172.31.255.1/30"], ["8.8.8.1/24", "172.32.0.1/24"], "RFC 1918"),
    ("address", ["10.8.0.2/24"], ["10.8.0.0/24", "10.8.0.255/24"], "host part"),
    ("address", ["10.8.0.1/30"], ["10.8.0.1/31", "10.8.0.1/32"], "room for peers"),
    ("address", ["10.8.0.1/24"], ["10.8.0.1", "fd00::1/64", "x", 5], "IPv4 address with prefix"),
    ("address_ipv6", ["fd00:8::1/64", "fd00::5/120"], ["2001:db8::1/64", "fe80::1/64"], "unique local"),
    ("address_ipv6", ["fd00:8::1/120"], ["fd00:8::1/121"], "host bits"),
    ("address_ipv6", ["fd00:8::1/64"], ["10.8.0.1/24", "fd00:8::1", "fd00:8::/64"], "must"),
    ("listen_port", [1, 51820, 65535], [0, 65536, -1, "51820x", 1.5], "from 1 to 65535"),
    ("private_key", [SECRET], ["x", SECRET[:-1], "A" * 43 + "="], "canonical base64"),
    ("save_config", [True, False], ["perhaps"], "true or false"),
    ("mtu", [1280, 1420], [1279, 65536], "1280"),
    ("implementation", ["kernel", "userspace"], ["boringtun", 1], "one of"),
    (
        "endpoint",
        ["vpn.example", "198.51.100.1:51820", "[2001:db8::1]:1", "2001:db8::1"],
        ["a b", "300.1.1.1", "x:70000"],
        "host or host:port",
    ),
    ("dns", [[], ["192.168.10.53", "infra.local"]], [["a b"], ["x\ny"], 5], "must"),
    ("dmz_networks", [["172.16.10.0/24"], ["10.99.0.0/24"]], [[], "[]"], "the list takes the place of"),
    ("dmz_networks", ['["172.16.10.0/24"]'], [["172.16.10.1/24"], ["x"], "172.16.10.0/24"], "must be"),
    ("listen_sources", [["0.0.0.0/0"]], [[]], "at least one"),
    ("ssh_sources", [["192.168.10.0/24"]], [[]], "at least one"),
    ("dns_servers", [["fe80::1"]], [["fe80::1%eth0"], ["fe80::1%x\nPostUp = id"]], "without a zone"),
    ("ssh_host_key", [HOST_KEY], ["ssh-dss AAAA", "AAAA", HOST_KEY + "\nx"], "authorized_keys form"),
    ("ssh_jump_host", [], ["a b", "1.2.3", 5], "DNS name (RFC 1123) or an IP address"),
    ("ssh_jump_user", ["root"], ["Root!", ""], "login name"),
    ("ssh_jump_port", [22], [0], "TCP port"),
    ("rotation_policy", ["manual", "automatic"], ["never"], "one of"),
    ("max_key_age_days", [1, 365], [0], "days"),
    ("key_generation", [1, 2], [0], "raise it"),
    ("zabbix_psk_generation", [1, 2], [0], "raise it"),
    ("given_keys", [{}, {"server": SECRET, "peer/a": SECRET}], [{"a": SECRET}, {"server": "x"}, 5], "must"),
    ("given_keys", [{"ssh": login_key.generate()}], [{"ssh": SECRET}, {"ssh": LOCKED}], "without a passphrase"),
    ("quarantine_days", [0, 30], [-1, 3651], "days"),
    ("zabbix_host_group", ["VPN", "VPN servers/Linux"], ["", "a\nb"], "printable"),
    ("pbs_namespace", ["", "team/vpn"], ["/x", "a//b", "a/" * 8], "PBS namespace"),
    ("backup_schedule", ["daily", "mon..fri 02:30", "*-*-* 03:00"], ["", "x" * 129, "a;b"], "[HH:MM[:SS]]"),
    ("keep_daily", [0, 7], [-1], "backups"),
    ("backup_job", ["own"], ["none"], "one of"),
    ("backup_job", ["own"], ["pool"], "needs pool"),
    ("peers_file", ["team.yaml"], ["a\nb"], "path"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, good) for key, goods, _, _ in SINGLE for good in goods])
def test_a_value_that_holds_is_accepted(key: str, value: Any) -> None:
    assert problems(**{key: value}) == {}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [(key, bad, words) for key, _, bads, words in SINGLE for bad in bads],
)
def test_a_value_that_breaks_its_rule_is_named(key: str, value: Any, words: str) -> None:
    found = problems(**{key: value})
    paths = {path for path in found if path == key or path.startswith(f"{key}[")}
    assert paths, found
    assert any(words in found[path] for path in paths), found


def ways(network: str, *ways: tuple[str | None, int | None]) -> list[dict[str, Any]]:
    """Return a route to a network for each gateway and metric."""
    return [{"destination_network": network, "gateway": gateway, "metric": metric} for gateway, metric in ways]


SEVERAL_WAYS = [
    [*ways("192.168.0.0/16", (None, None)), *ways("192.168.1.0/24", (None, None))],
    [*ways("10.30.0.0/16", ("192.168.10.1", None)), *ways("10.30.1.0/24", ("192.168.10.2", None))],
    ways("10.30.0.0/16", ("192.168.10.1", 10), ("192.168.10.2", 20), ("192.168.10.3", None)),
    ways("fd00:9::/64", ("fd00:1::1", None), ("fd00:1::2", 2000)),
]
TWICE = [
    ways("192.168.0.0/16", (None, None), (None, None)),
    ways("10.30.0.0/16", ("192.168.10.1", None), ("192.168.10.2", None)),
    ways("10.30.0.0/16", ("192.168.10.1", 0), ("192.168.10.2", None)),
    ways("10.30.0.0/16", ("192.168.10.1", 5), ("192.168.10.1", 5)),
    ways("fd00:9::/64", ("fd00:1::1", None), ("fd00:1::2", 1024)),
    ways("fd00:9::/64", ("fd00:1::1", 0), ("fd00:1::2", None)),
]
# what changes, the key path that is to blame or none, words of the rule
NARROW = {"listen_sources": ["203.0.113.0/24"]}
ACROSS: list[tuple[dict[str, Any], str | None, str]] = [
    ({"interface_name": "wg1", "file_path": "/etc/wireguard/wg1.conf"}, None, ""),
    ({"interface_name": "wg1"}, "file_path", "wg1.conf"),
    ({"file_path": "/etc/wireguard/wg0"}, "file_path", "wg0.conf"),
    ({"file_path": "/srv/wireguard/wg0.conf"}, "file_path", "must be /etc/wireguard/wg0.conf"),
    ({"interface_name": "lo", "file_path": "/etc/wireguard/lo.conf"}, "interface_name", "already: lo, eth0"),
    ({"interface_name": "eth0", "file_path": "/etc/wireguard/eth0.conf"}, "interface_name", "already: lo, eth0"),
    *(
        ({"interface_name": name, "file_path": f"/etc/wireguard/{name}.conf"}, "interface_name", "used on the server")
        for name in ("wgvpn-probe", "all", "default")
    ),
    ({"private_key": SECRET, "public_key": KEY}, None, ""),
    ({"private_key": private_key("else"), "public_key": KEY}, "public_key", "does not belong"),
    ({"public_key": KEY}, None, ""),
    ({"given_keys": {"server": SECRET}, "public_key": KEY}, None, ""),
    ({"given_keys": {"server": private_key("else")}, "public_key": KEY}, "public_key", "belong to given_keys.server"),
    ({"given_keys": {"server": private_key("else")}, "private_key": SECRET, "public_key": KEY}, None, ""),
    (
        {"given_keys": {"server": SECRET}, "private_key": private_key("else"), "public_key": KEY},
        "public_key",
        "belong to private_key",
    ),
    *(
        ({"gateway": gateway}, "gateway", "another host")
        for gateway in ("192.168.20.90", "10.0.0.1", "192.168.0.0", "192.168.255.255")
    ),
    ({"ip_address": "192.168.20.90/31", "gateway": "192.168.20.91"}, None, ""),
    ({"ip_address": "192.168.20.90/30", "gateway": "192.168.20.91"}, "gateway", "another host"),
    ({"gateway": "192.168.10.1"}, None, ""),
    ({"gateway": "fd00::1"}, "gateway", "IPv4"),
    ({"ip_address": "dhcp", "gateway": "192.168.10.1"}, "gateway", "left out"),
    ({"dmz_networks": ["10.8.0.128/25"]}, "address", "DMZ"),
    ({"dmz_networks": ["10.0.0.0/8"]}, "address", "DMZ"),
    ({"dmz_networks": ["fd00::/16"], "address_ipv6": "fd00:8::1/64"}, "address_ipv6", "DMZ"),
    ({"address": "192.168.20.1/24"}, "address", "container's network"),
    ({"dmz_networks": ["192.168.20.0/24"], "routes": []}, "ip_address", "DMZ"),
    ({"template_url": "http://mirror.example/own.tar.zst"}, "template_checksum", "required"),
    ({"template_url": "http://mirror.example/own.tar.zst", "template_checksum": "a" * 128}, None, ""),
    ({"template_url": "ftp://mirror.example/own.tar.zst"}, "template_url", "address of a file"),
    ({"routes": []}, None, ""),
    ({"routes": [{"destination_network": "10.8.0.0/25"}]}, "routes[0].destination_network", "VPN subnet"),
    ({"routes": [{"destination_network": "10.0.0.0/8"}]}, "routes[0].destination_network", "VPN subnet"),
    ({"routes": [{"destination_network": "172.16.10.64/26"}]}, "routes[0].destination_network", "DMZ"),
    ({"routes": [{"destination_network": "172.16.0.0/12"}]}, "routes[0].destination_network", "DMZ"),
    ({"routes": [{"destination_network": "0.0.0.0/0"}]}, "routes[0].destination_network", "DMZ"),
    ({"routes": [{"destination_network": "172.17.0.0/16"}]}, None, ""),
    *(
        (
            {"routes": [{"destination_network": network}], "address_ipv6": "fd00:8::1/64"},
            "routes[0].destination_network",
            f"DMZ 172.16.10.0/24, for which {form} stands",
        )
        for network, form in (
            ("64:ff9b::ac10:a05/128", "64:ff9b::ac10:a00/120"),
            ("64:ff9b::/96", "64:ff9b::ac10:a00/120"),
            ("::ffff:172.16.10.0/120", "::ffff:ac10:a00/120"),
            ("2002:ac10:a05::/48", "2002:ac10:a00::/40"),
        )
    ),
    ({"routes": [{"destination_network": "64:ff9b::c0a8:0/112"}], "address_ipv6": "fd00:8::1/64"}, None, ""),
    *(({"address_ipv6": "fd00:8::1/64", "routes": each}, None, "") for each in SEVERAL_WAYS),
    *(
        ({"address_ipv6": "fd00:8::1/64", "routes": each}, "routes[1].destination_network", "metric than routes[0]")
        for each in TWICE
    ),
    (
        {"routes": [{"destination_network": "192.168.0.0/17"}, {"destination_network": "192.168.128.0/17"}]},
        None,
        "",
    ),
    ({"routes": [{"destination_network": "fd00:9::/64"}]}, "routes[0].destination_network", "address_ipv6"),
    ({"routes": [{"destination_network": "fd00:9::/64"}], "address_ipv6": "fd00:8::1/64"}, None, ""),
    (
        {"address_ipv6": "fd00:8::1/64", "peers": peers({"allowed_ips": ["10.9.0.7/32"]})},
        "peers[0].allowed_ips[0]",
        "must be inside the VPN subnet 10.8.0.0/24, fd00:8::/64",
    ),
    (
        {"routes": [{"destination_network": "192.168.0.0/16", "source_network": "10.9.0.0/24"}]},
        "routes[0].source_network",
        "VPN subnet",
    ),
    ({"routes": [{"destination_network": "192.168.0.0/16", "source_network": "10.8.0.0/24"}]}, None, ""),
    (
        {
            "routes": [{"destination_network": "192.168.0.0/16", "source_network": "fd00:8::/64"}],
            "address_ipv6": "fd00:8::1/64",
        },
        "routes[0].source_network",
        "family",
    ),
    ({"peers": peers({"allowed_ips": ["10.8.0.254/31"]})}, "peers[0].allowed_ips[0]", "broadcast"),
    ({"peers": peers({"allowed_ips": ["10.8.0.252/31"]})}, None, ""),
    ({"routes": [{"destination_network": "192.168.0.0/16", "gateway": "10.8.0.1"}]}, None, ""),
    (
        {
            "routes": [{"destination_network": "fd00:9::/64", "gateway": "fd00:8::1"}],
            "address_ipv6": "fd00:8::1/64",
        },
        None,
        "",
    ),
    (
        {"routes": [{"destination_network": "192.168.0.0/16", "gateway": "10.8.0.2"}]},
        "routes[0].gateway",
        "own VPN address",
    ),
    (
        {"routes": [{"destination_network": "192.168.0.0/16", "gateway": "192.168.10.1"}]},
        "routes[0].gateway",
        "left out",
    ),
    ({"routes": [{"destination_network": "10.30.0.0/16", "gateway": "192.168.10.1"}]}, None, ""),
    *(
        ({"ip_address": "192.168.20.90/24", "routes": ways(network, ("192.168.20.254", None))}, key, "left out")
        for network, key in (
            ("192.168.0.0/16", None),
            ("192.168.20.0/24", "routes[0].gateway"),
            ("192.168.20.128/25", "routes[0].gateway"),
        )
    ),
    ({"routes": [{"destination_network": "10.30.0.0/16", "gateway": "10.31.0.1"}]}, "routes[0].gateway", "reached"),
    *(
        ({"routes": ways("10.30.0.0/16", (gateway, None))}, "routes[0].gateway", "another host")
        for gateway in ("192.168.20.90", "192.168.255.255")
    ),
    (
        {"routes": [{"destination_network": "10.30.0.0/16", "gateway": "fd00::1"}]},
        "routes[0].gateway",
        "same family",
    ),
    ({"routes": [{"gateway": "10.8.0.1"}]}, "routes[0].destination_network", "required"),
    ({"routes": [{"destination_network": "192.168.0.0/16", "metric": -1}]}, "routes[0].metric", "ip-route"),
    ({"routes": [{"destination_network": "192.168.0.0/16", "route_type": "bgp"}]}, "routes[0].route_type", "one of"),
    ({"proxmox_endpoint": ...}, "proxmox_endpoint", "required"),
    ({"proxmox_api_token": ...}, "proxmox_api_token", "required"),
    ({"ssh_jump_host": "pve"}, "ssh_jump_host_key", "required"),
    ({"ssh_jump_host": "pve", "ssh_jump_host_key": HOST_KEY}, "ssh_jump_private_key", "required"),
    ({"ssh_jump_host": "pve", "ssh_jump_host_key": HOST_KEY, "ssh_jump_private_key_file": "~/.ssh/id"}, None, ""),
    *(
        ({"address_ipv6": "fd00:8::1/64", key: value}, path, "must not be in the VPN subnet " + subnet)
        for key, value, path, subnet in (
            ("dns_servers", ["192.168.10.53", "10.8.0.1"], "dns_servers[1]", "10.8.0.0/24: there are only"),
            ("dns_servers", ["fd00:8::53"], "dns_servers[0]", "fd00:8::/64"),
            ("ssh_jump_host", "10.8.0.9", "ssh_jump_host", "10.8.0.0/24"),
            ("zabbix_server", "10.8.0.2", "zabbix_server", "10.8.0.0/24"),
            ("zabbix_server", "::ffff:10.8.0.2", "zabbix_server", "10.8.0.0/24"),
            ("zabbix_server", "fd00:8::2", "zabbix_server", "fd00:8::/64"),
            ("proxmox_endpoint", "https://10.8.0.2:8006", "proxmox_endpoint", "10.8.0.0/24"),
            ("template_url", "http://[fd00:8::2]/t.tar.zst", "template_url", "fd00:8::/64"),
            ("netbox_url", "https://[fd00:8::2]", "netbox_url", "fd00:8::/64"),
            ("zabbix_url", "https://10.8.0.2/zabbix", "zabbix_url", "10.8.0.0/24"),
            ("zabbix_backup_url", "https://10.8.0.255", "zabbix_backup_url", "10.8.0.0/24"),
            ("pbs_url", "https://10.8.0.0:8007", "pbs_url", "10.8.0.0/24"),
            ("endpoint", "10.8.0.1", "endpoint", "10.8.0.0/24"),
            ("endpoint", "[fd00:8::1]:51820", "endpoint", "fd00:8::/64"),
        )
    ),
    (
        {
            "dns_servers": ["10.8.1.1", "fd00:9::1"],
            "zabbix_server": "10.7.255.255",
            "endpoint": "[fd00:9::1]",
            "netbox_url": "https://10.8.1.2",
            "pbs_url": "https://pbs-10.8.0.2.infra.local",
            "address_ipv6": "fd00:8::1/64",
            "zabbix_url": "https://[fd00:9::1]:443",
        },
        None,
        "",
    ),
    ({"zabbix_server": "fd00:8::2"}, None, ""),
    # What clients use, and those who manage the server through the tunnel, may be in the VPN.
    ({"dns": ["10.8.0.1"], "ssh_sources": ["192.168.10.0/24", "10.8.0.0/24"]}, None, ""),
    (
        {"dns": ["infra.local", "172.16.10.53"]},
        "dns[1]",
        "must not be in the DMZ 172.16.10.0/24: no tunnel leads there",
    ),
    ({"dns": ["64:ff9b::ac10:a35"]}, "dns[0]", "for which 64:ff9b::ac10:a00/120 stands"),
    ({"dns": ["172.16.11.53", "infra.local"]}, None, ""),
    ({"netbox_enabled": True}, "netbox_url", "unless netbox_enabled"),
    ({"zabbix_enabled": True}, "zabbix_server", "unless zabbix_enabled"),
    ({"pbs_enabled": True}, "pbs_datastore", "unless pbs_enabled"),
    ({"backup_job": "pool", "pool": "wireguard"}, None, ""),
    ({**PBS, "keep_daily": 0, "keep_weekly": 0, "keep_monthly": 0}, "keep_daily", "keeps every backup"),
    ({**PBS, "keep_daily": 0, "keep_weekly": 0, "keep_monthly": 0, "keep_last": 3}, None, ""),
    *(({**PBS, **dict.fromkeys(KEEPS, 0), key: 1}, None, "") for key in KEEPS),
    ({"keep_daily": 0, "keep_weekly": 0, "keep_monthly": 0}, None, ""),
    (NARROW | {"peers": peers({"endpoint": "203.0.113.9:1"}, {"endpoint": "a.example:1"})}, None, ""),
    (NARROW | {"peers": peers({"endpoint": "198.51.100.9:1"})}, "peers[0].endpoint", "must be in listen_sources"),
]


@pytest.mark.parametrize(("changes", "key", "words"), ACROSS)
def test_rules_across_values(changes: dict[str, Any], key: str | None, words: str) -> None:
    found = problems(**changes)
    assert (key in found and words in found[key]) if key else found == {}, found


SITE = {"site_networks": ["10.20.0.0/16"]}
PEERS: list[tuple[list[dict[str, Any]], str | None, str]] = [
    (peers({}, {}), None, ""),
    ([{"name": "a"}, {"name": "A"}], "peers[1].name", "unique"),
    ([{}], "peers[0].name", "required"),
    ([{"name": "x" * 63}], None, ""),
    *(
        ([{"name": bad}], "peers[0].name", "letter or digit")
        for bad in ("", "x" * 64, "-a", ".a", "a b", "a\n[Peer]", "a#b", "a=b", "a;b", 'a"b', "ä", "a/b", 5)
    ),
    (peers({"public_key": KEY}), None, ""),
    (peers({"public_key": "x"}), "peers[0].public_key", "canonical base64"),
    (peers({"public_key": KEY}, {"public_key": KEY}), "peers[1].public_key", "peers[0] has it"),
    (peers({"dns": ["192.168.10.53"]}, {"dns": ["172.16.10.53"]}), "peers[1].dns[0]", "DMZ"),
    (peers({"public_key": KEY}, {"private_key": SECRET}), "peers[1].private_key", "peers[0] has it"),
    (peers({"private_key": SECRET}, {"public_key": KEY}), "peers[1].public_key", "peers[0] has it"),
    (peers({"public_key": KEY, "private_key": SECRET}), None, ""),
    (peers({"public_key": KEY, "private_key": private_key("else")}), "peers[0].public_key", "does not belong"),
    (peers({"private_key": "x"}), "peers[0].private_key", "canonical base64"),
    (peers({"preshared_key": "none"}, {"preshared_key": "generated"}, {"preshared_key": SECRET}), None, ""),
    (peers({"preshared_key": "yes"}), "peers[0].preshared_key", "'none', 'generated' or a key"),
    (peers({"allowed_ips": ["10.8.0.7/32"]}), None, ""),
    (peers({"allowed_ips": ["10.8.0.7"]}), None, ""),
    (peers({"allowed_ips": ["10.8.0.7/24"]}), "peers[0].allowed_ips[0]", "without host bits"),
    (peers({"allowed_ips": ["10.9.0.7/32"]}), "peers[0].allowed_ips[0]", "inside the VPN subnet"),
    (peers({"allowed_ips": ["10.0.0.0/8"]}), "peers[0].allowed_ips[0]", "inside the VPN subnet"),
    (peers({"allowed_ips": ["0.0.0.0/0"]}), "peers[0].allowed_ips[0]", "wildcard"),
    (peers({"allowed_ips": ["::/0"]}), "peers[0].allowed_ips[0]", "wildcard"),
    (peers({"allowed_ips": ["10.8.0.1/32"]}), "peers[0].allowed_ips[0]", "server's own"),
    (peers({"allowed_ips": ["10.8.0.0/28"]}), "peers[0].allowed_ips[0]", "server's own"),
    (peers({"allowed_ips": ["10.8.0.255/32"]}), "peers[0].allowed_ips[0]", "broadcast"),
    (peers({"allowed_ips": ["10.8.0.7/32"]}, {"allowed_ips": ["10.8.0.7/32"]}), "peers[1].allowed_ips[0]", "unique"),
    (peers({"allowed_ips": ["10.8.0.64/26"]}, {"allowed_ips": ["10.8.0.70/32"]}), "peers[1].allowed_ips[0]", "overlap"),
    (peers({"allowed_ips": ["10.8.0.64/26"]}, {"allowed_ips": ["10.8.0.128/26"]}), None, ""),
    (peers({"allowed_ips": ["fd00:8::2/128"]}), "peers[0].allowed_ips[0]", "inside the VPN subnet"),
    (peers({"endpoint": "vpn.example:51820"}, {"endpoint": "[2001:db8::1]:1"}, {"endpoint": None}), None, ""),
    *(
        (peers({"endpoint": bad}), "peers[0].endpoint", "host:port")
        for bad in ("vpn.example", "x:0", "x:65536", "2001:db8::1:51820", "[2001:db8::1]", ":51820", "", 5)
    ),
    (peers({"persistent_keepalive": 0}, {"persistent_keepalive": 65535}), None, ""),
    (peers({"persistent_keepalive": 65536}), "peers[0].persistent_keepalive", "from 0 to 65535"),
    (peers({"persistent_keepalive": -1}), "peers[0].persistent_keepalive", "from 0 to 65535"),
    (peers(SITE), None, ""),
    (peers(SITE, {"site_networks": ["10.20.30.0/24"]}), "peers[1].site_networks[0]", "overlap"),
    (peers({"site_networks": ["10.8.0.0/16"]}), "peers[0].site_networks[0]", "VPN subnet"),
    (peers({"site_networks": ["172.16.0.0/16"]}), "peers[0].site_networks[0]", "DMZ"),
    (peers({"site_networks": ["192.168.7.0/24"]}), "peers[0].site_networks[0]", "must not overlap"),
    (peers({"site_networks": ["0.0.0.0/0"]}), "peers[0].site_networks[0]", "overlap"),
    *(
        ([{"name": "a", "site_networks": [network]}], key, words)
        for network, key, words in (
            ("64.0.0.0/2", "peers[0].site_networks[0]", "wildcard, wider than a /8"),
            ("32.0.0.0/5", "peers[0].site_networks[0]", "wildcard, wider than a /8"),
            ("12.0.0.0/7", "peers[0].site_networks[0]", "wildcard, wider than a /8"),
            ("12.0.0.0/8", None, ""),
        )
    ),
    (peers({**SITE, "endpoint": "10.20.0.1:51820"}), "peers[0].site_networks[0]", "endpoint 10.20.0.1"),
    (peers({"endpoint": "10.8.0.9:51820"}), "peers[0].endpoint", "VPN subnet"),
    (peers({**SITE, "endpoint": "10.21.0.1:51820"}, {"endpoint": "10.20.0.1:51820"}), None, ""),
    (peers({"site_networks": ["fd00:9::/64"]}), "peers[0].site_networks[0]", "address_ipv6"),
    (peers({"group": "sales"}), None, ""),
    (peers({"group": "nobody"}), "peers[0].group", "one of the groups"),
    (peers({"tunnel": "half"}), "peers[0].tunnel", "one of"),
    (peers({"client_routes": ["192.168.10.0/24", "10.8.0.0/24"]}), None, ""),
    (peers({"client_routes": ["172.20.0.0/16"]}), "peers[0].client_routes[0]", "inside the routes"),
    (peers({"expires_at": "2027-01-31T18:00:00Z"}, {"expires_at": "2027-01-31T18:00:00+01:00"}), None, ""),
    (peers({"expires_at": "2027-01-31"}), "peers[0].expires_at", "offset"),
    (peers({"expires_at": "soon"}), "peers[0].expires_at", "RFC 3339"),
    (peers({"expires_at": "2261-12-31T23:59:59Z"}, {"expires_at": "2261-12-31T23:59:59-12:00"}), None, ""),
    *(
        (peers({"expires_at": bad}), "peers[0].expires_at", "1970 to 2261")
        for bad in (
            *("2262-01-01T00:00:00Z", "2600-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00"),
            *("0001-01-01T00:00:00+05:00", "1969-12-31T00:00:00Z"),
        )
    ),
    (peers({"allow": []}, {"allow": [{"network": "192.168.10.0/24"}]}), None, ""),
    (peers({"allow": [{"network": "10.8.0.9/32"}]}), None, ""),
    (peers({"allow": [{"network": "0.0.0.0/0", "protocol": "tcp", "ports": [443]}]}), None, ""),
    (peers({"allow": [{"network": "198.51.100.0/24"}]}), None, ""),
    (peers({"allow": [{"network": "172.16.10.5/32"}]}), "peers[0].allow[0].network", "DMZ"),
    (peers({"allow": [{"network": "172.16.0.0/12"}]}), "peers[0].allow[0].network", "DMZ"),
    (peers({"allow": [{"network": "64:ff9b::ac10:a05/128"}]}), "peers[0].allow[0].network", "DMZ"),
    (peers({"allow": [{"network": "10.99.0.0/16"}]}), "peers[0].allow[0].network", "inside the routes"),
    *(
        (peers({"allow": [{"network": network}]}), "peers[0].allow[0].network", "inside the routes")
        for network in ("198.18.0.0/15", "192.0.0.8/32", "64:ff9b::c0a8:a14/128", "2002:c0a8:a14::/48")
    ),
    (peers({"allow": [{}]}), "peers[0].allow[0].network", "required"),
    (peers({"allow": [{"network": "192.168.1.0/24", "ports": [80]}]}), "peers[0].allow[0].ports", "tcp or udp"),
    (peers({"allow": [{"network": "192.168.1.0/24", "protocol": "gre"}]}), "peers[0].allow[0].protocol", "one of"),
    *(
        (
            peers({"allow": [{"network": "192.168.1.0/24", "protocol": "tcp", "ports": [bad]}]}),
            "peers[0].allow[0].ports[0]",
            "port 1-65535",
        )
        for bad in (0, 65536, "a", "9-8", "1-2-3", -1, True)
    ),
    (peers({"allow": [{"network": "192.168.1.0/24", "protocol": "udp", "ports": [53, "60-70", 5353.0]}]}), None, ""),
    (peers({"key_generation": 2}), None, ""),
    (peers({"key_generation": 2, "public_key": KEY}), "peers[0].key_generation", "change public_key"),
    (peers({"key_generation": 2, "private_key": SECRET}), "peers[0].key_generation", "change private_key"),
    (peers({"rotation_policy": "automatic"}), None, ""),
    (peers({"rotation_policy": "automatic", "public_key": KEY}), "peers[0].rotation_policy", "cannot be automatic"),
    (peers({"mtu": 1000}), "peers[0].mtu", "1280"),
    (peers({"disabled": "perhaps"}), "peers[0].disabled", "true or false"),
    (peers(*[{}] * 253), None, ""),
    (peers(*[{}] * 254), "peers", "at most 253"),
]


@pytest.mark.parametrize(("people", "key", "words"), PEERS)
def test_rules_of_peers(people: list[dict[str, Any]], key: str | None, words: str) -> None:
    found = problems(peers=people, groups={"sales": {}})
    assert (key in found and words in found[key]) if key else found == {}, found


@pytest.mark.parametrize(
    ("group", "key", "words"),
    [
        ({"tunnel": "full", "mtu": 1380, "dns": ["192.168.1.1"], "preshared_key": "generated"}, None, ""),
        ({"tunnel": "x"}, "groups.g.tunnel", "one of"),
        ({"preshared_key": SECRET}, "groups.g.preshared_key", "do not share"),
        ({"allow": [{"network": "172.16.10.0/24"}]}, "groups.g.allow[0].network", "DMZ"),
        ({"dns": ["172.16.10.53"]}, "groups.g.dns[0]", "DMZ"),
        ({"client_routes": ["172.20.0.0/16"]}, "groups.g.client_routes[0]", "inside the routes"),
        ({"name": "x"}, "groups.g.name", "not a known key"),
        (["tunnel"], "groups.g", "must be a mapping"),
    ],
)
def test_rules_of_groups(group: object, key: str | None, words: str) -> None:
    found = problems(groups={"g": group})
    assert (key in found and words in found[key]) if key else found == {}, found


def test_a_site_of_ipv6_is_no_wildcard() -> None:
    wide, fair = (peers({"site_networks": [network]}) for network in ("2400::/6", "2400::/7"))
    found = problems(address_ipv6="fd00:8::1/64", peers=wide)
    assert found == {"peers[0].site_networks[0]": "must not be a wildcard, wider than a /7 (access control)"}
    assert problems(address_ipv6="fd00:8::1/64", peers=fair) == {}


def test_a_site_is_not_the_ipv6_that_stands_for_the_dmz() -> None:
    found = problems(address_ipv6="fd00:8::1/64", peers=peers({"site_networks": ["64:ff9b::ac10:a40/122"]}))
    rule = "must not overlap the DMZ 172.16.10.0/24, for which 64:ff9b::ac10:a00/120 stands"
    assert found == {"peers[0].site_networks[0]": rule}


def test_all_of_the_ipv6_internet_is_no_way_to_the_dmz() -> None:
    """The packet filter cuts out of it what stands for the DMZ."""
    internet = {"routes": [{"destination_network": "2000::/3"}], "peers": peers({"allow": [{"network": "2000::/3"}]})}
    assert problems(address_ipv6="fd00:8::1/64", **internet) == {}
    assert problems(address_ipv6="fd00:8::1/64", peers=peers({"site_networks": ["2000::/7"]})) == {}


@pytest.mark.parametrize(("host", "refused"), [("10.20.0.9", True), ("10.21.0.9", False), ("pve.infra.local", False)])
def test_the_way_in_is_no_peer_s_site(host: str, refused: bool) -> None:
    jump = {"ssh_jump_host": host, "ssh_jump_host_key": HOST_KEY, "ssh_jump_private_key_file": "~/.ssh/id"}
    found = problems(**jump, peers=peers(SITE))
    assert [key for key in found if "ssh_jump_host 10.20.0.9" in found[key]] == ["peers[0].site_networks[0]"] * refused
    assert bool(found) == refused


def test_server_and_peer_do_not_share_a_key() -> None:
    found = problems(private_key=SECRET, peers=peers({"public_key": KEY}))
    assert "the server has it" in found["peers[0].public_key"]


@pytest.mark.parametrize(
    ("changes", "key", "owner"),
    [
        ({"given_keys": {"peer/p0": SECRET, "peer/p1": SECRET}}, 'given_keys["peer/p1"]', "peers[0]"),
        ({"given_keys": {"peer/p1": SECRET, "server": SECRET}}, 'given_keys["peer/p1"]', "the server"),
        ({"given_keys": {"peer/p1": SECRET}, "private_key": SECRET}, 'given_keys["peer/p1"]', "the server"),
        (
            {"given_keys": {"peer/p0": SECRET}, "peers": peers({}, {"public_key": KEY})},
            "peers[1].public_key",
            "peers[0]",
        ),
    ],
)
def test_a_given_key_is_nobody_else_s(changes: dict[str, Any], key: str, owner: str) -> None:
    found = problems(**{"peers": peers({}, {}), **changes})
    assert found == {key: f"must be unique: {owner} has it"}
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "peers": peers({}, {}), **changes})
    assert SECRET not in str(refusal.value)


def test_a_given_key_that_counts_for_nothing_may_be_another_s() -> None:
    """The private key beside a peer goes before the one in `given_keys`, and so does the public one of its admin."""
    other = private_key("else")
    people = peers({}, {"private_key": other}, {"public_key": public_key("admin")})
    assert problems(given_keys={"peer/p0": SECRET, "peer/p1": SECRET, "peer/p2": SECRET}, peers=people) == {}


@pytest.mark.parametrize("key", ["dmz_networks", "listen_sources", "ssh_sources"])
def test_a_network_that_is_none_is_not_told_as_an_empty_list_too(key: str) -> None:
    assert list(problems(**{key: ["x"]})) == [f"{key}[0]"]


def test_every_key_has_a_rule_that_can_be_broken() -> None:
    """A list, a mapping or a control character breaks each key: no key takes whatever it is given."""
    accepting = [key for key in KNOWN_KEYS if not any(key in path for path in problems(**{key: {"x\n": ["\n"]}}))]
    assert accepting == []


def test_problems_show_the_value_unless_it_is_secret() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse({**BASE, "memory_mb": 1, "private_key": "hunter2", "proxmox_api_token": "hunter2"})
    shown = {each.key: each.value for each in refusal.value.problems}
    assert shown == {"memory_mb": "1", "private_key": None, "proxmox_api_token": None}
    assert "hunter2" not in str(refusal.value)
