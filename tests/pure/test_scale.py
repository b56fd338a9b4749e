"""Ten thousand peers: work grows as they do, and no faster.

Time is counted in processor seconds and compared between sizes, best of several, so that a busy machine does not
decide.
"""

import functools
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.pure.support import BASE, NOW, ledger, private_key, public_key
from vpn import bundle, client_config, nftables, plan, wgconf
from vpn.keyring import SERVER, KeyEntry, Keyring
from vpn.network import Network, resolve
from vpn.settings import Settings, parse

SIZES = (500, 2000)
SECRET = private_key("one for all")
MADE: Final = (NOW.isoformat(), 1, "generated")


def raw(count: int) -> dict[str, Any]:
    people = [{"name": f"peer-{number}", "group": "g"} for number in range(count)]
    groups = {"g": {"allow": [{"network": "192.168.1.0/24"}]}}
    return {**BASE, "address": "10.0.0.1/16", "address_ipv6": "fd00:8::1/64", "peers": people, "groups": groups}


def prepared(count: int) -> tuple[Settings, Network]:
    """Return settings and network of so many peers; making keys is not what is measured."""
    of = parse(raw(count))
    names = [SERVER, *(f"peer/{peer.name}" for peer in of.peers)]
    ring = Keyring({name: KeyEntry("wireguard", SECRET, public_key(name), *MADE) for name in names})
    return of, resolve(of, ring, ledger(of), NOW)


def whole(of: Settings, found: Network) -> None:
    """Plan and render everything."""
    first = bundle.fingerprints(found)
    plan.classify(first, first)
    wgconf.render_server(found)
    nftables.render(found)
    ledger(of)


WORK: dict[str, Callable[[Settings, Network], object]] = {
    "validate": lambda of, _: parse(raw(len(of.peers))),
    "allocate": lambda of, _: ledger(of, ledger(of)),
    "plan and render": whole,
    "canonical form": lambda _, found: wgconf.digest(wgconf.of_network(found)),
    "parse": lambda _, found: wgconf.parse(wgconf.render_server(found)),
    "client files": lambda _, found: client_config.render_all(found),
}


def seconds(work: Callable[[], object]) -> float:
    """Return the least processor time of two runs."""
    times = []
    for _ in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


@pytest.fixture(scope="module")
def teams() -> dict[int, tuple[Settings, Network]]:
    return {count: prepared(count) for count in SIZES}


@pytest.mark.parametrize("name", WORK)
def test_work_grows_linearly(name: str, teams: dict[int, tuple[Settings, Network]]) -> None:
    spent = [seconds(functools.partial(WORK[name], *teams[count])) for count in (SIZES[0], SIZES[-1])]
    # Four times the peers: linear work takes 4 times as long, quadratic 16 times.
    assert spent[1] / spent[0] < 8, spent
