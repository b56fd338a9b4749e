"""The bundle: whole, deterministic, and telling the server and its observer the same."""

import base64
import contextlib
import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from tests.pure.support import (
    TEAM,
    ZABBIX,
    network,
    private_key,
    public_key,
    ring,
    settings,
    team,
    unclamped_key,
)
from vpn import bundle, files, rendering, wgconf
from vpn.bundle import Expectation, Fingerprints
from vpn.errors import ConfigError, RenderError
from vpn.network import Network


def unpack(of: Network, epoch: int = 1, instance: str = "BC:24:11:00:00:01") -> dict[str, bytes]:
    raw = base64.b64decode(bundle.pack(of, epoch=epoch, instance=instance))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = archive.getmembers()
        assert all(each.isfile() and each.mode == 0o600 and each.mtime == 0 for each in members)
        found = {each.name: archive.extractfile(each) for each in members}
        return {name: handle.read() for name, handle in found.items() if handle}


def lines(text: bytes, separator: str) -> dict[str, str]:
    return dict(line.split(separator, 1) for line in text.decode().splitlines())


def test_the_same_content_is_the_same_bytes() -> None:
    assert bundle.pack(team(), epoch=1, instance="a") == bundle.pack(team(), epoch=1, instance="a")
    others = {bundle.pack(team(), epoch=epoch, instance=name) for epoch, name in ((1, "a"), (2, "a"), (1, "b"))}
    assert len(others) == 3


def test_the_manifest_vouches_for_every_member() -> None:
    members = unpack(team())
    told = {line[66:]: line[:64] for line in members.pop("manifest").decode().splitlines()}
    assert told == {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}


def test_all_scripts_are_carried_and_the_bootstrap_is_one_line() -> None:
    members = unpack(team())
    assert {"apply", "observe", "retire", "canonical.awk"} <= members.keys()
    assert members["apply"] == rendering.static("server/apply")
    assert not members.keys() & {"README.md", "bootstrap"}
    assert "\n" not in bundle.bootstrap()


def test_no_interface_is_named_as_another_member() -> None:
    names = {name.removesuffix(".conf") for name in unpack(network(**ZABBIX)) if name.endswith(".conf")}
    allowed = []
    for name in names - {"wg0"}:
        with contextlib.suppress(ConfigError):
            allowed.append(settings(interface_name=name, file_path=f"/etc/wireguard/{name}.conf"))
    assert {"runtime", "nftables", "sysctl"} < names
    assert allowed == []


def test_every_placement_has_its_member_and_files_with_secrets_are_roots_alone() -> None:
    members = unpack(network(**TEAM, **ZABBIX))
    placed = {line.split()[1]: line.split() for line in members["placement"].decode().splitlines()}
    assert all(member in members for _, _, member in placed.values())
    modes = {target: mode for target, (mode, _, _) in placed.items()}
    assert modes["/etc/wireguard/wg0.conf"] == "0600"
    assert modes["/var/lib/wireguard-vpn/peers.tsv"] == "0600"
    assert modes["/etc/wireguard-vpn/zabbix.psk"] == "0640:zabbix"
    secrets = [entry.secret.encode() for name, entry in ring(settings(**TEAM, **ZABBIX)).items() if name != "owner"]
    for mode, _, member in placed.values():
        if any(secret in members[member] for secret in secrets):
            assert mode in ("0600", "0640:zabbix"), member


def test_userspace_needs_its_package_and_drop_in() -> None:
    kernel, userspace = unpack(network()), unpack(network(implementation="userspace"))
    assert b"userspace.conf" not in kernel["placement"]
    assert b"units/userspace.conf" in userspace["placement"]
    assert "wireguard-go" in lines(userspace["settings"], "=")["packages"].split()
    assert "wireguard-go" not in lines(kernel["settings"], "=")["packages"].split()


def test_the_settings_say_what_the_scripts_need() -> None:
    routers = [{"destination_network": f"10.3{n}.0.0/16", "gateway": f"192.168.10.{n + 1}"} for n in range(2)]
    routes = [{"destination_network": "192.168.0.0/16"}, *routers]
    found = lines(unpack(network(**TEAM, routes=routes), epoch=7, instance="x")["settings"], "=")
    assert found["interface"] == "wg0"
    assert found["config"] == "/etc/wireguard/wg0.conf"
    assert found["listen_port"] == "51820"
    assert found["public_key"] == team().interface.public_key
    assert found["epoch"] == "7"
    assert found["instance"] == "x"
    assert found["routes"] == "10.20.0.0/16"
    assert found["static_routes"] == "10.30.0.0/16 via 192.168.10.1,10.31.0.0/16 via 192.168.10.2"
    assert found["sysctls"].split() == [
        "net.ipv4.ip_forward=1",
        "net.ipv6.conf.eth0.accept_ra=2",
        "net.ipv6.conf.all.forwarding=1",
    ]
    assert found["units"].split()[0] == "wg-quick@wg0.service"
    assert "wireguard" not in found["packages"].split(), "the package would pull a kernel into the container"


def test_script_and_unit_of_the_watch_restart_it() -> None:
    watch = "wireguard-vpn-watch@wg0.service"
    restarts = lines(unpack(team())["settings"], "=")["restarts"].split()
    assert f"/usr/local/lib/wireguard-vpn/watch:{watch}" in restarts
    assert f"/etc/systemd/system/wireguard-vpn-watch@.service:{watch}" in restarts
    placed = unpack(team())["placement"].decode()
    assert all(f" {each.partition(':')[0]} " in placed for each in restarts)


def test_a_router_of_ipv6_keeps_its_own_way_out() -> None:
    """The kernel drops the default route it was advertised, and hears of no other, unless this is set before."""
    settings = unpack(team())["sysctl.conf"].decode().splitlines()
    assert settings.index("net.ipv6.conf.eth0.accept_ra = 2") < settings.index("net.ipv6.conf.all.forwarding = 1")
    assert bundle.expectation(team()).sysctls["net.ipv6.conf.eth0.accept_ra"] == "2"


def test_ipv6_is_forwarded_only_where_it_is_routed() -> None:
    assert lines(unpack(network())["settings"], "=")["sysctls"] == "net.ipv4.ip_forward=1"


def test_names_and_ends_go_with_the_peers_for_journal_and_monitoring() -> None:
    rows = [line.split("\t") for line in unpack(team())["peers.tsv"].decode().splitlines()]
    assert [row[0] for row in rows] == [peer.name for peer in team().active]
    assert all(row[2].startswith("SHA256:") for row in rows)
    ends = {row[0]: int(row[3]) for row in rows}
    assert {name: end for name, end in ends.items() if end} == {"carol.phone": 1801418400}


@pytest.mark.parametrize("how", [{"private_key": unclamped_key("x")}, {"given_keys": {"server": unclamped_key("x")}}])
def test_a_given_key_is_expected_as_the_interface_shows_it(how: dict[str, Any]) -> None:
    of = network(**how)
    members = unpack(of)
    shown = f"[Interface]\nListenPort = 51820\nPrivateKey = {private_key('x')}\n"
    told = lines(members["settings"], "=")
    assert (told["runtime_digest"], told["public_key"]) == (wgconf.digest(shown), public_key("x"))
    assert bundle.fingerprints(of) == bundle.fingerprints(network(private_key=private_key("x")))


def test_the_settings_hold_no_secret() -> None:
    text = unpack(team())["settings"].decode()
    assert not [name for name, entry in ring(settings(**TEAM)).items() if entry.secret in text]


def test_the_expectation_is_of_what_the_bundle_places() -> None:
    of = network(**TEAM, **ZABBIX)
    members, expected = unpack(of), bundle.expectation(of)
    found = lines(members["settings"], "=")
    assert expected.runtime_digest == found["runtime_digest"] == wgconf.digest(members["runtime.conf"].decode())
    assert expected.config_digest == wgconf.digest(members["wg0.conf"].decode())
    assert list(expected.units) == found["units"].split()
    assert list(expected.packages) == found["packages"].split()
    for row in members["placement"].decode().splitlines():
        mode, target, member = row.split()
        own = expected.files[target]
        assert own.mode == mode[:4]
        assert own.owner == ("root:zabbix" if mode.endswith(":zabbix") else "root:root")
        digest = None if target == "/etc/wireguard/wg0.conf" else hashlib.sha256(members[member]).hexdigest()
        assert own.digest == digest


def floats(value: Any) -> Any:
    """Return JSON-able data as a dynamic provider gets it: numbers are floats, what is None is gone."""
    if isinstance(value, dict):
        return {key: floats(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [floats(each) for each in value]
    return float(value) if isinstance(value, int) else value


def test_expectation_and_fingerprints_survive_json_with_floats() -> None:
    expected, prints = bundle.expectation(team()), bundle.fingerprints(team())
    assert Expectation.from_dict(floats(json.loads(json.dumps(expected.to_dict())))) == expected
    assert Fingerprints.from_dict(floats(json.loads(json.dumps(prints.to_dict())))) == prints


def test_expectation_and_fingerprints_hold_no_secret() -> None:
    text = json.dumps([bundle.expectation(team()).to_dict(), bundle.fingerprints(team()).to_dict()])
    assert private_key("server") not in text
    assert not [name for name, entry in ring(settings(**TEAM)).items() if entry.secret in text]


def test_a_template_that_lacks_a_value_is_an_error_of_ours() -> None:
    with pytest.raises(RenderError, match="client"):
        rendering.render("client.conf.j2")


def test_one_rendering_serves_bundle_and_expectation() -> None:
    of = team()
    assert files.collect(of) is files.collect(of)


def test_a_tool_gets_what_it_reads_and_nothing_secret() -> None:
    of = team()
    expected = bundle.expectation(of)
    raw = gzip.decompress(base64.b64decode(bundle.pack_tool("observe", expected)))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = {name: handle.read() for name in archive.getnames() if (handle := archive.extractfile(name))}
    found, applied = lines(members["settings"], "="), lines(unpack(of)["settings"], "=")
    assert {key: applied[key] for key in found} == found
    assert members["observe"] == rendering.static("server/observe")
    assert "apply" not in members
    assert [line.split()[1] for line in members["placement"].decode().splitlines()] == list(expected.files)
    assert not [name for name, entry in ring(settings(**TEAM)).items() if entry.secret.encode() in raw]
    assert bundle.bootstrap("observe") == bundle.bootstrap().replace("apply", "observe")
