"""A life of additions, removals, rotations, expiries and reorderings, against a model that only remembers."""

import datetime as dt
import random

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from tests.pure.support import BASE, MONTH, NOW
from vpn import addresses, keyring, wgconf
from vpn.addresses import Ledger
from vpn.keyring import Keyring
from vpn.network import Network, resolve
from vpn.settings import IPAddress, parse

NAMES = [f"peer-{letter}" for letter in "abcdefghijkl"]


class Peers(RuleBasedStateMachine):
    """Each rule is one `up`; the checks after it compare with what was before."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.people: list[dict[str, object]] = []
        self.ring, self.ledger = Keyring(), Ledger()
        self.left: dict[IPAddress, tuple[str, dt.datetime]] = {}
        self.up({})

    def up(self, touched: dict[str, str]) -> None:
        """Run the core once, and compare: only `touched` peers may change, in what they were touched."""
        before_ledger = self.ledger
        before = {name: self.section(name) for name in self.present() & before_ledger.leases.keys()}
        settings = parse({**BASE, "address_ipv6": "fd00:8::1/64", "peers": self.people})
        self.ring, _ = keyring.evolve(keyring.requests(settings), keyring.given(settings), self.ring, self.now)
        self.ledger = addresses.allocate(
            addresses.claims(settings),
            settings.vpn_networks,
            addresses.reserved(settings),
            self.ledger,
            self.now,
            MONTH,
        )
        self.network: Network = resolve(settings, self.ring, self.ledger, self.now)
        self.remember(before_ledger)
        for name, section in before.items():
            assert self.ledger.leases[name] == before_ledger.leases[name], "a peer keeps its address"
            if name not in touched:
                assert self.section(name) == section, "other peers' bytes are untouched"

    def remember(self, before: Ledger) -> None:
        """Check new leases against the model's memory of who left what when, and note who left now."""
        for name, lease in self.ledger.leases.items():
            for ip in lease.addresses:
                who, when = self.left.get(ip, (name, self.now))
                assert who == name or self.now >= when + MONTH, "a released address rests"
        for name, lease in before.leases.items():
            if name not in self.ledger.leases:
                self.left |= dict.fromkeys(lease.addresses, (name, self.now))

    def present(self) -> set[str]:
        return {str(each["name"]) for each in self.people}

    def section(self, name: str) -> str:
        text = wgconf.render_server(self.network)
        return next((part.strip() for part in text.split("\n\n") if f"# Name = {name}\n" in part), "")

    def of(self, name: str) -> dict[str, object]:
        return next(each for each in self.people if each["name"] == name)

    @rule(target=names, name=st.sampled_from(NAMES), place=st.integers(0, 20))
    def add(self, name: str, place: int) -> object:
        if name in self.present():
            return multiple()
        self.people.insert(place, {"name": name, "preshared_key": "generated"})
        self.up({name: "added"})
        return name

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.people = [each for each in self.people if each["name"] != name]
        self.up({name: "removed"})
        assert self.section(name) == ""

    @rule(name=names, what=st.sampled_from(["key_generation", "preshared_key_generation"]))
    def rotate(self, name: str, what: str) -> None:
        if name not in self.present():
            return
        old = self.section(name)
        peer = self.of(name)
        peer[what] = int(str(peer.get(what, 1))) + 1
        self.up({name: what})
        assert old == "" or self.section(name) != old

    @rule(name=names)
    def disable_or_enable(self, name: str) -> None:
        if name in self.present():
            peer = self.of(name)
            peer["disabled"] = not peer.get("disabled", False)
            self.up({name: "disabled"})

    @rule(name=names, days=st.integers(-2, 40))
    def expire(self, name: str, days: int) -> None:
        if name in self.present():
            self.of(name)["expires_at"] = (self.now + dt.timedelta(days=days)).isoformat()
            self.up({name: "expires"})

    @rule(seed=st.integers(0, 999))
    def reorder(self, seed: int) -> None:
        random.Random(seed).shuffle(self.people)  # noqa: S311 - an order, no secret
        text = wgconf.render_server(self.network)
        self.up({})
        assert wgconf.render_server(self.network) == text, "order means nothing"

    @rule(days=st.integers(0, 20))
    def wait(self, days: int) -> None:
        ledger = self.ledger
        self.now += dt.timedelta(days=days)
        self.up(dict.fromkeys(self.present(), "may expire"))
        assert self.ledger == ledger, "time alone changes no address"

    @invariant()
    def addresses_are_unique_and_in_place(self) -> None:
        ips = [ip for lease in self.ledger.leases.values() for ip in lease.addresses]
        assert len(ips) == len(set(ips))
        assert self.ledger.leases.keys() == self.present()
        assert not {str(ip) for ip in ips} & {"10.8.0.1", "fd00:8::1", "10.8.0.0", "10.8.0.255"}

    @invariant()
    def only_active_peers_are_configured(self) -> None:
        for peer in self.network.peers:
            own = self.of(peer.name)
            expires = own.get("expires_at")
            over = expires is not None and dt.datetime.fromisoformat(str(expires)) <= self.now
            assert (peer.state == "active") == (not own.get("disabled") and not over)
            assert bool(self.section(peer.name)) == (peer.state == "active")


TestPeers = Peers.TestCase
TestPeers.settings = hypothesis_settings(max_examples=30, stateful_step_count=25, deadline=None)
