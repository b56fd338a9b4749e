"""Client files: complete where the stack has the key, with a marked place for it where not."""

from collections.abc import Callable

import pytest

from tests.pure.support import network, private_key, team
from vpn import client_config
from vpn.errors import RenderError

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", ["alice-laptop", "bob", "frank", "office-b"])
def test_client_files_are_as_shown(golden: Golden, name: str) -> None:
    golden(f"client-{name}.conf", client_config.render(team(), name))


def test_all_that_may_connect_get_a_file() -> None:
    found = team()
    assert client_config.render_all(found) == {
        peer.name: client_config.render(found, peer.name) for peer in found.active
    }


def test_a_peer_with_its_own_key_finds_the_place_for_it() -> None:
    text = client_config.render(team(), "frank")
    assert "PrivateKey = <private key of frank>\n" in text
    assert team().peer("frank").public_key in text


def test_every_single_address_stands_in_the_file() -> None:
    found = network(peers=[{"name": "a", "allowed_ips": ["10.8.0.2/32", "10.8.0.9/32"]}])
    assert "\nAddress = 10.8.0.2/32, 10.8.0.9/32\n" in client_config.render(found, "a")


def test_no_other_peers_secret_is_in_a_file() -> None:
    text = client_config.render(team(), "alice-laptop")
    assert private_key("peer/alice-laptop") in text
    for name in ("server", "peer/bob", "psk/bob"):
        assert private_key(name) not in text


def test_without_an_endpoint_there_is_no_file() -> None:
    with pytest.raises(RenderError, match="endpoint is not known"):
        client_config.render(network(ip_address="dhcp", peers=[{"name": "a"}]), "a")


def test_nobody_is_made_up() -> None:
    with pytest.raises(RenderError, match="no peer 'mallory'"):
        client_config.render(team(), "mallory")
