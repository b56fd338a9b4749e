"""What of the lab's site needs neither root nor network: names, ports, packages kept, client configurations read."""

import io
import os
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from lab import client_config
from lab.aptcache import FRESH, MissingError, Store
from lab.errors import PeerError
from lab.firewall import Accept, Filter, remember
from lab.peers import Peers
from lab.site import Site

DEB = "http://deb.debian.org/debian/pool/main/w/wg_1%2bb1_amd64.deb"
INDEX = "http://deb.debian.org/debian/dists/bookworm/InRelease"


class Upstream:
    """Debian's mirrors: what they have, what was asked of them, and whether they answer."""

    def __init__(self) -> None:
        self.files = {DEB: b"package", INDEX: b"index"}
        self.asked: list[str] = []
        self.answers = True

    def open(self, url: str, timeout: float) -> io.BytesIO:
        self.asked.append(url)
        if not self.answers:
            raise TimeoutError(f"nothing within {timeout} s")
        if url not in self.files:
            raise urllib.error.HTTPError(url, 404, "Not Found", Message(), None)
        return io.BytesIO(self.files[url])


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Upstream:
    mirrors = Upstream()
    monkeypatch.setattr(urllib.request, "urlopen", mirrors.open)
    return mirrors


def test_a_package_is_fetched_once(upstream: Upstream, tmp_path: Path) -> None:
    assert Store(tmp_path).get(DEB).read_bytes() == b"package"
    upstream.answers = False
    assert Store(tmp_path).get(DEB).read_bytes() == b"package"
    assert upstream.asked == [DEB]


def test_an_old_index_is_asked_for_again_but_better_than_none(upstream: Upstream, tmp_path: Path) -> None:
    store = Store(tmp_path)
    index = store.get(INDEX)
    old = time.time() - FRESH - 1
    os.utime(index, (old, old))
    upstream.answers = False
    assert store.get(INDEX).read_bytes() == b"index"
    upstream.answers, upstream.files[INDEX] = True, b"newer"
    assert store.get(INDEX).read_bytes() == b"newer"


def test_a_package_that_is_gone_makes_the_index_old(upstream: Upstream, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(INDEX)
    del upstream.files[DEB]
    with pytest.raises(MissingError) as missing:
        store.get(DEB)
    assert missing.value.status == 404
    store.get(INDEX)
    assert upstream.asked == [INDEX, DEB, INDEX]


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1/debian/x.deb", "https://deb.debian.org/x.deb", "http://deb.debian.org/../x.deb", "/etc/passwd"],
)
def test_the_cache_is_no_way_out(upstream: Upstream, tmp_path: Path, url: str) -> None:
    with pytest.raises(MissingError) as refused:
        Store(tmp_path).get(url)
    assert refused.value.status == 403
    assert upstream.asked == []


def test_sites_of_different_checkouts_share_no_name(tmp_path: Path) -> None:
    one, other = Site.of(tmp_path / "a b"), Site.of(tmp_path / "a c")
    assert one == Site.of(tmp_path / "x" / ".." / "a b")
    assert one.prefix != other.prefix
    assert one.node.startswith(one.prefix)


def test_a_client_configuration_is_told_apart() -> None:
    text = (
        "[Interface]\nPrivateKey = cHJpdmF0ZQ==\nAddress = 10.8.0.2/32, fd00::2/128\nDNS = 10.0.0.1 # ours\n"
        "MTU = 1380\n"
        "PostUp = touch /never\n[Peer]\nPublicKey = cHVibGlj\nAllowedIPs = 10.8.0.0/24,fd00::/64\n"
        "Endpoint = 198.51.100.1:51820\nPersistentKeepalive = 25\n"
    )
    config = client_config.read(text)
    assert config.addresses == ["10.8.0.2/32", "fd00::2/128"]
    assert config.allowed_ips == ["10.8.0.0/24", "fd00::/64"]
    assert (config.mtu, config.keepalive) == (1380, True)
    assert "PrivateKey = cHJpdmF0ZQ==" in config.wg
    assert not any(word in config.wg for word in ("Address", "DNS", "MTU", "PostUp"))


@pytest.mark.parametrize(("value", "usable"), [("cHJpdmF0ZQ==", True), ("<private key of bob>", False), ("", False)])
def test_a_file_without_its_private_key_is_told_apart(value: str, usable: bool) -> None:
    assert client_config.has_private_key(f"# bob\n[Interface]\nPrivateKey = {value}\nAddress = 10.8.0.2\n") is usable


def test_a_client_configuration_without_routes_is_refused() -> None:
    with pytest.raises(PeerError, match="AllowedIPs"):
        client_config.read("[Interface]\nAddress = 10.8.0.2/32\n[Peer]\nPublicKey = x\n")


def test_a_forgotten_filter_leaves_the_others(tmp_path: Path) -> None:
    remember(tmp_path, 0, Filter((Accept("tcp", "22"),)))
    remember(tmp_path, 1, Filter(()))
    before = (tmp_path / "firewall.json").read_text()
    remember(tmp_path, 2, Filter((Accept("udp"),)))
    remember(tmp_path, 2, None)
    assert (tmp_path / "firewall.json").read_text() == before


def test_a_peer_that_goes_while_all_are_listed_is_no_error(tmp_path: Path) -> None:
    directory = Site.of(tmp_path).state / "peers"
    directory.mkdir(parents=True)
    (directory / "gone.json").symlink_to(directory / "removed meanwhile")
    assert Peers(Site.of(tmp_path)).names() == []
