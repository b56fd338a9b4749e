"""wg0.conf: what is rendered is what is meant, and what the server's own tools make of it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.pure.support import NOW, TEAM, ledger, network, private_key, public_key, ring, settings, team
from vpn import rendering, wgconf
from vpn.canonical import canonical_text, interface_line
from vpn.errors import ParseError
from vpn.network import resolve
from vpn.wgconf import WgConf, WgPeer

Golden = Callable[[str, str], None]
AWK = rendering.TEMPLATES / "server" / "canonical.awk"
KEY, OTHER = private_key("server"), public_key("peer")

CONTAINER_NETWORK = """ip link add eth0 type veth peer name far
ip addr add 192.168.20.90/24 dev eth0
ip link set eth0 up
ip link set far up"""
SHOW_WAYS = "{ ip route; ip -6 route; } | grep via || true"

keys = st.sampled_from([private_key(str(number)) for number in range(20)])
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True)
networks = st.one_of(
    st.ip_addresses(v=4).flatmap(lambda ip: st.integers(0, 32).map(lambda n: ip_network((ip, n), strict=False))),
    st.ip_addresses(v=6).flatmap(lambda ip: st.integers(0, 128).map(lambda n: ip_network((ip, n), strict=False))),
)
interfaces = st.one_of(
    st.ip_addresses(v=4).flatmap(lambda ip: st.integers(1, 32).map(lambda n: ip_interface((ip, n)))),
    st.ip_addresses(v=6).flatmap(lambda ip: st.integers(1, 128).map(lambda n: ip_interface((ip, n)))),
)
hosts = st.one_of(st.just("vpn.example"), st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"))
endpoints = st.tuples(hosts, st.integers(1, 65535)).map(lambda each: f"{each[0]}:{each[1]}")
commands = st.from_regex(r"[a-z][a-z0-9 %/.=-]{0,30}[a-z0-9]", fullmatch=True)
wg_peers = st.builds(
    WgPeer,
    public_key=keys,
    allowed_ips=st.lists(networks, max_size=4).map(tuple),
    preshared_key=st.none() | keys,
    endpoint=st.none() | endpoints,
    keepalive=st.integers(0, 65535),
    name=st.just("") | names,
)
confs = st.builds(
    WgConf,
    private_key=keys,
    addresses=st.lists(interfaces, max_size=3).map(tuple),
    listen_port=st.none() | st.integers(0, 65535),
    mtu=st.none() | st.integers(576, 65535),
    table=st.none() | st.sampled_from(["off", "auto", "1234"]),
    save_config=st.booleans(),
    post_up=st.lists(commands, max_size=2).map(tuple),
    post_down=st.lists(commands, max_size=2).map(tuple),
    peers=st.lists(wg_peers, max_size=4).map(tuple),
)


@given(confs)
def test_parsing_what_was_rendered_is_the_identity(conf: WgConf) -> None:
    assert wgconf.parse(wgconf.render(conf)) == conf


@given(confs)
def test_the_runtime_form_is_what_wg_itself_understands(conf: WgConf) -> None:
    bare = wgconf.strip(conf)
    left = (bare.addresses, bare.mtu, bare.table, bare.save_config, bare.post_up, bare.post_down)
    assert left == ((), None, None, False, (), ())
    assert (bare.private_key, bare.listen_port, bare.peers) == (conf.private_key, conf.listen_port, conf.peers)


@given(confs)
def test_a_configuration_and_its_text_mean_the_same(conf: WgConf) -> None:
    text = wgconf.render(conf)
    assert wgconf.canonical(conf) == wgconf.canonical(text)
    assert wgconf.digest(conf) == wgconf.digest(text)


def test_the_server_file_is_as_shown(golden: Golden) -> None:
    golden("wg0.conf", wgconf.render_server(team()))


def test_the_smallest_server_file_is_as_shown(golden: Golden) -> None:
    golden("wg0-alone.conf", wgconf.render_server(network(save_config=False, mtu=1420, listen_port=443)))


@pytest.mark.parametrize(("config", "rendered"), [({}, 1420), ({"mtu": 1380}, 1380)])
def test_the_servers_mtu_is_always_said_and_a_clients_only_where_it_was_given(
    config: dict[str, Any], rendered: int
) -> None:
    """Without one wg-quick asks for the route to every endpoint, tens of seconds for a crowd."""
    found = network(peers=[{"name": "alice"}], **config)
    assert f"\nMTU = {rendered}\n" in wgconf.render_server(found)
    assert (found.interface.mtu, found.peers[0].mtu) == (config.get("mtu"), config.get("mtu"))


def test_the_runtime_file_is_as_shown(golden: Golden) -> None:
    golden("runtime.conf", wgconf.render(wgconf.strip(wgconf.of_network(team()))))


@pytest.mark.skipif(shutil.which("wg-quick") is None, reason="wireguard-tools are not installed")
def test_wg_quick_strips_the_file_to_our_runtime_file(tmp_path: Path) -> None:
    path = tmp_path / "wg0.conf"
    path.touch(0o600)
    path.write_text(wgconf.render_server(team()))
    told = subprocess.run(["wg-quick", "strip", path], capture_output=True, text=True, check=True).stdout
    runtime = wgconf.render(wgconf.strip(wgconf.of_network(team())))
    assert wgconf.canonical(told) == wgconf.canonical(runtime)


def test_only_active_peers_stand_in_the_file() -> None:
    text = wgconf.render_server(team())
    assert re.findall("^# Name = (.*)$", text, re.MULTILINE) == [peer.name for peer in team().active]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace")
def test_the_kernel_keeps_every_way_to_a_network_and_loses_it_with_the_interface() -> None:
    ways = [
        ("192.168.0.0/16", "192.168.20.254", None),
        ("10.30.0.0/16", "192.168.20.2", 10),
        ("10.30.0.0/16", "192.168.20.3", None),
        ("10.30.1.0/24", "192.168.20.4", None),
        ("fd00:9::/64", "fe80::1", None),
        ("fd00:9::/64", "fe80::2", 2000),
    ]
    routes = [dict(zip(("destination_network", "gateway", "metric"), way, strict=True)) for way in ways]
    conf = wgconf.of_network(network(ip_address="192.168.20.90/24", address_ipv6="fd00:8::1/64", routes=routes))
    up = [line for line in conf.post_up if not line.startswith("ip -batch")]
    script = "\n".join([CONTAINER_NETWORK, *up, SHOW_WAYS, "echo gone:", *conf.post_down, SHOW_WAYS])
    command = ["unshare", "--net", "sh", "-ec", script]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, told.stderr) == (0, "")
    kept, _, left = told.stdout.partition("gone:\n")
    assert sorted(line.split(" dev ")[0] for line in kept.splitlines()) == sorted(
        f"{to} via {by}" for to, by, _ in ways
    )
    assert left == ""


def test_order_of_peers_in_the_configuration_means_nothing() -> None:
    backwards = {**TEAM, "peers": TEAM["peers"][::-1]}
    assert wgconf.render_server(network(**backwards)) == wgconf.render_server(team())


def test_site_networks_are_routed_by_a_file_so_that_a_new_site_restarts_nothing() -> None:
    with_site, without = team(), network(address_ipv6="fd00:8::1/64", dns=["x"], peers=[{"name": "a"}])
    assert wgconf.render_routes(with_site) == "route replace 10.20.0.0/16 dev wg0\n"
    assert wgconf.render_routes(without) == ""
    assert interface_line(wgconf.render_server(with_site)) == interface_line(wgconf.render_server(without))


def test_routes_of_sites_stand_in_order_ipv4_first() -> None:
    sites = [
        {"name": "a", "site_networks": ["fd00:30::/64", "10.30.0.0/16"]},
        {"name": "b", "site_networks": ["10.20.0.0/16"]},
    ]
    assert wgconf.render_routes(network(address_ipv6="fd00:8::1/64", peers=sites)) == (
        "route replace 10.20.0.0/16 dev wg0\nroute replace 10.30.0.0/16 dev wg0\nroute replace fd00:30::/64 dev wg0\n"
    )


def test_a_route_without_a_metric_leaves_it_to_the_kernel() -> None:
    conf = wgconf.of_network(network(routes=[{"destination_network": "10.30.0.0/16", "gateway": "192.168.10.1"}]))
    assert conf.post_up[1:] == ("ip route replace 10.30.0.0/16 via 192.168.10.1 || true",)


@pytest.mark.parametrize(
    ("network_", "gateway", "metric", "way"),
    [
        ("10.30.0.0/16", "192.168.10.1", 0, "10.30.0.0/16 via 192.168.10.1"),
        ("10.30.0.0/16", "192.168.10.1", 1024, "10.30.0.0/16 via 192.168.10.1 metric 1024"),
        ("fd09::/64", "fd07::1", 0, "fd09::/64 via fd07::1"),
        ("fd09::/64", "fd07::1", 1024, "fd09::/64 via fd07::1"),
    ],
)
def test_a_metric_that_the_kernel_gives_by_itself_is_not_said(
    network_: str, gateway: str, metric: int, way: str
) -> None:
    route = {"destination_network": network_, "gateway": gateway, "metric": metric}
    assert wgconf.static_routes(network(address_ipv6="fd00:8::1/64", routes=[route])) == (way,)


def test_routers_beyond_are_set_up_and_taken_down() -> None:
    conf = wgconf.of_network(
        network(routes=[{"destination_network": "10.30.0.0/16", "gateway": "192.168.10.1", "metric": 5}])
    )
    assert conf.post_up[1:] == ("ip route replace 10.30.0.0/16 via 192.168.10.1 metric 5 || true",)
    assert conf.post_down == ("ip route del 10.30.0.0/16 via 192.168.10.1 metric 5 || true",)


def test_a_router_by_its_link_local_address_is_looked_for_on_the_container_s_own_link() -> None:
    route = {"destination_network": "fd09::/64", "gateway": "fe80::1", "metric": 5}
    conf = wgconf.of_network(network(address_ipv6="fd00:8::1/64", routes=[route]))
    assert conf.post_up[1:] == ("ip route replace fd09::/64 via fe80::1 dev eth0 metric 5 || true",)
    assert conf.post_down == ("ip route del fd09::/64 via fe80::1 dev eth0 metric 5 || true",)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "exactly one"),
        (f"[Interface]\nPrivateKey = {KEY}\n[Interface]\nPrivateKey = {KEY}\n", 0, "exactly one"),
        ("[Interface]\nListenPort = 1\n", 1, "no private key"),
        (f"PrivateKey = {KEY}\n[Interface]\n", 1, "before any section"),
        (f"[Interface]\nPrivateKey = {KEY}\n\n[Peer]\nAllowedIPs = 10.0.0.1/32\n", 4, "no public key"),
        (f"[Interface]\nPrivateKey = {KEY[:-2]}\n", 2, "not valid"),
        (f"[Interface]\nPrivateKey = {KEY}\nListenPort = 65536\n", 3, "not valid"),
        *(
            (f"[Interface]\nPrivateKey = {KEY}\nListenPort = {port}\n", 3, "not valid")
            for port in ("+1", "1_0", "\N{ARABIC-INDIC DIGIT FIVE}", "0x1")
        ),
        (f"[Interface]\nPrivateKey = {KEY}\nAddress = 10.8.0.1/33\n", 3, "not valid"),
        (f"[Interface]\nPrivateKey = {KEY}\nAddress = fd00::1%x/64\n", 3, "not valid"),
        (f"[Interface]\nPrivateKey = {KEY}\nSaveConfig = maybe\n", 3, "not valid"),
        (f"[Interface]\nPrivateKey = {KEY}\nPostUp =\n", 3, "not valid"),
        (f"[Interface]\nPrivateKey = {KEY}\nListenPort = 1\nListenPort = 1\n", 4, "twice"),
        (f"[Interface]\nPrivateKey = {KEY}\nColour = red\n", 3, "unknown key"),
        (f"[Interface]\nPrivateKey = {KEY}\n[Pier]\n", 3, "unknown section"),
        (f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {OTHER}\nEndpoint = x\n", 5, "not valid"),
        (f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {OTHER}\nPersistentKeepalive = -1\n", 5, "not valid"),
        (
            f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {OTHER}\nPersistentKeepalive = 65536\n",
            5,
            "not valid",
        ),
        (f"[Interface]\nPrivateKey = {KEY}\njust words\n", 3, "neither"),
    ],
)
def test_what_breaks_the_format_is_refused_by_line_without_being_quoted(text: str, line: int, words: str) -> None:
    with pytest.raises(ParseError, match=words) as refusal:
        wgconf.parse(text)
    assert refusal.value.line == line
    assert KEY not in str(refusal.value)


def test_the_format_is_read_as_wg_reads_it() -> None:
    text = (
        f"# top\n[interface]\r\n  privatekey={KEY}\nADDRESS = 10.8.0.1/24,fd00::1/64\nAddress = 10.9.0.1/24\n"
        f"SaveConfig = true # kept\n[PEER]\nPublicKey = {OTHER}\nAllowedIPs = 10.8.0.7/24, fd00::7\n"
        "PersistentKeepalive = off\n"
    )
    conf = wgconf.parse(text)
    assert [str(each) for each in conf.addresses] == ["10.8.0.1/24", "fd00::1/64", "10.9.0.1/24"]
    assert conf.save_config
    assert [str(each) for each in conf.peers[0].allowed_ips] == ["10.8.0.0/24", "fd00::7/128"]
    assert conf.peers[0].keepalive == 0


@pytest.mark.parametrize(("word", "seconds"), [("0", 0), ("OFF", 0), ("1", 1), ("65535", 65535)])
def test_a_keepalive_is_read_from_none_to_the_longest(word: str, seconds: int) -> None:
    head = f"[Interface]\nPrivateKey = {KEY}\nSaveConfig = false\nListenPort = 0\n"
    conf = wgconf.parse(f"{head}[Peer]\nPublicKey = {OTHER}\nPersistentKeepalive = {word}\n")
    assert (conf.save_config, conf.listen_port, conf.peers[0].keepalive) == (False, 0, seconds)


def saved(text: str) -> str:
    """Rewrite a file as `wg-quick save` does: no comments, roaming endpoints, another order, a link-local address."""
    head, *rest = text.split("\n[Peer]\n")
    head = head.replace(", ", "\nAddress = ").replace("[Interface]", "[Interface]\nAddress = fe80::1/64")
    body = [re.sub(r"\nEndpoint = .*", "", each) + "Endpoint = 203.0.113.9:1234\n" for each in reversed(rest)]
    return re.sub("(?m)^#.*\n", "", "\n[Peer]\n".join([head, *body]))


def test_what_saveconfig_does_reads_as_no_change() -> None:
    text = wgconf.render_server(team())
    assert saved(text) != text
    assert wgconf.digest(saved(text)) == wgconf.digest(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ListenPort = 51820", "ListenPort = 51821"),
        ("10.8.0.2/32", "10.8.0.22/32"),
        ("PersistentKeepalive = 25", "PersistentKeepalive = 15"),
        ("SaveConfig = true\n", ""),
        ("[Peer]\n# Name = bob", "[Pier]\n# Name = bob"),
        (public_key("peer/bob"), public_key("peer/mallory")),
        (private_key("psk/alice-laptop"), private_key("psk/mallory")),
        ("PostUp = ip", "PostUp = curl evil; ip"),
    ],
)
def test_what_matters_reads_as_a_change(old: str, new: str) -> None:
    text = wgconf.render_server(team())
    assert old in text
    assert wgconf.digest(text.replace(old, new, 1)) != wgconf.digest(text)


def on_the_server(text: str) -> str:
    """Return the canonical form as the server's own script makes it."""
    environ = {**os.environ, "LC_ALL": "C"}
    lines = subprocess.run(["mawk", "-f", AWK, "-"], input=text.encode(), capture_output=True, check=True, env=environ)
    return subprocess.run(["sort"], input=lines.stdout, capture_output=True, check=True, env=environ).stdout.decode()


loose_lines = st.one_of(
    st.sampled_from(["[Interface]", "[Peer]", " [ peer ] ", "[other]", "", "# x", "Endpoint = 1.2.3.4:5"]),
    st.tuples(
        st.sampled_from(["Address", "AllowedIPs", "DNS", "PublicKey", "ListenPort", "PersistentKeepalive", "FwMark"]),
        st.sampled_from([" = ", "=", " =\t"]),
        st.sampled_from(
            ["10.0.0.2/32, fd00::2", "FD00::1/64,,10.0.0.1", "fe80::1/64", "off", "0", "0x0", "", "Ab+/=", "x # y"]
        ),
    ).map("".join),
)  # fmt: skip


@pytest.mark.skipif(shutil.which("mawk") is None, reason="mawk is not installed")
@hypothesis_settings(max_examples=40)
@given(st.one_of(confs.map(wgconf.render), st.lists(loose_lines, max_size=12).map("\n".join)))
@example("[Interface]\nPrivateKey = x\nAddress = 10.8.0.1/24, fe80::1/64\n")
@example("[Interface]\nDNS = 0\nDNS = 0x0")
def test_the_servers_script_makes_the_same_canonical_form(text: str) -> None:
    assert on_the_server(text) == canonical_text(text)


def test_an_expired_peer_leaves_the_file_with_the_next_up() -> None:
    of = settings(peers=[{"name": "a", "expires_at": "2027-01-31T18:00:00Z"}])
    before = resolve(of, ring(of), ledger(of), NOW)
    after = resolve(of, ring(of), ledger(of), NOW.replace(year=2028))
    assert "# Name = a\n" in wgconf.render_server(before)
    assert "[Peer]" not in wgconf.render_server(after)
