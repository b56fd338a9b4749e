"""Real VPN clients: hosts on "the internet", configured from client configuration files alone."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from ipaddress import ip_network
from pathlib import Path
from subprocess import CompletedProcess

from lab import client_config, namespaces, wireguard
from lab.commands import progress, run
from lab.errors import PeerError
from lab.network import WAN_ADDRESS, Network
from lab.site import Site, write_atomically

PATIENCE = 20.0
"""How long a peer is waited for, in seconds: a handshake is tried again after 5 (WireGuard whitepaper, section 6.1)."""
FIRST, LAST = 4, 255
"""Last numbers of the peers' internet addresses, 198.51.100.0/24: those below are the router's and the bare ends'."""


@dataclass(frozen=True)
class Connection:
    """A connected peer: where it lives and how long its first handshake took, in milliseconds."""

    name: str
    number: int
    namespace: str
    interface: str
    digest: str
    handshake_ms: float


@dataclass(frozen=True)
class Peers:
    """The VPN clients of one site."""

    site: Site

    def connect(self, name: str, text: str) -> Connection:
        """Connect the peer `name` with its client configuration and wait for the handshake.

        A peer that is connected with the same configuration stays as it is. Raises PeerError
        when there is no handshake within PATIENCE seconds.
        """
        digest = hashlib.sha256(text.encode()).hexdigest()
        known = self.get(name)
        if known and known.digest == digest and self._fresh(known):
            return known
        config = client_config.read(text)
        self.disconnect(name)
        draft = self._allot(name, digest)
        self._build(draft, config)
        connection = Connection(**(asdict(draft) | {"handshake_ms": self._shake(draft, config)}))
        self._remember(connection)
        return connection

    def connect_all(self, configs: Mapping[str, str]) -> dict[str, Connection]:
        """Connect all peers at once; raises the first PeerError after all have been tried.

        Leaves out, and says so, whom nobody but the owner of the private key can connect.
        """
        ready = {name: text for name, text in configs.items() if client_config.has_private_key(text)}
        for name in sorted(configs.keys() - ready.keys()):
            progress(f"{name}: left out, its private key is not in its file")
        with ThreadPoolExecutor(max_workers=max(1, len(ready))) as pool:
            pending = {name: pool.submit(self.connect, name, text) for name, text in ready.items()}
        return {name: future.result() for name, future in pending.items()}

    def disconnect(self, name: str) -> None:
        """Remove the peer and its host; nothing to do for an unknown one."""
        known = self.get(name)
        if known:
            wireguard.remove(self.site, known.interface)
            namespaces.remove(known.namespace)
            self._file(name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Forget all peers, whose hosts are gone."""
        for path in self._directory.glob("*.json"):
            path.unlink(missing_ok=True)

    def get(self, name: str) -> Connection | None:
        """Return the peer's connection as last made, None for an unknown peer."""
        return _read(self._file(name))

    def names(self) -> list[str]:
        """Return the names of all connected peers."""
        return sorted(peer.name for peer in self._known())

    def execute(self, name: str, argv: list[str], timeout: float = 60) -> CompletedProcess[bytes]:
        """Run `argv` on the peer's host."""
        peer = self._need(name)
        return run(namespaces.inside(peer.namespace, argv), timeout=timeout, check=False)

    def ping(self, name: str, address: str, count: int = 5) -> float | None:
        """Return the median round trip to `address` in milliseconds, None without an answer."""
        argv = ["ping", "-n", "-c", str(count), "-i", "0.05", "-W", "2", address]
        done = self.execute(name, argv)
        times = sorted(float(t) for t in re.findall(rb"time=([\d.]+)", done.stdout))
        return times[len(times) // 2] if times else None

    def handshake_age(self, name: str) -> float | None:
        """Return the seconds since the peer's last handshake, None before the first."""
        peer = self._need(name)
        at = wireguard.handshake(peer.namespace, peer.interface)
        return time.time() - at if at else None

    def _fresh(self, peer: Connection) -> bool:
        # 180 s: REJECT_AFTER_TIME, past which the session's keys are gone (WireGuard whitepaper, section 6.2).
        with suppress(Exception):
            return time.time() - wireguard.handshake(peer.namespace, peer.interface) < 180
        return False

    def _need(self, name: str) -> Connection:
        peer = self.get(name)
        if peer is None:
            raise PeerError(f"no peer {name} is connected")
        return peer

    def _allot(self, name: str, digest: str) -> Connection:
        with self.site.lock("peers"):
            used = {peer.number for peer in self._known()}
            number = next((n for n in range(FIRST, LAST) if n not in used), None)
            if number is None:
                raise PeerError(f"there is no room for more than {LAST - FIRST} peers")
            space = self.site.namespace(f"peer{number}")
            draft = Connection(name, number, space, f"wg{self.site.hash}{number}", digest, 0.0)
            self._remember(draft)
            return draft

    def _build(self, peer: Connection, config: client_config.ClientConfig) -> None:
        address = WAN_ADDRESS.rpartition(".")[0] + f".{peer.number}/24"
        namespaces.remove(peer.namespace)
        Network(self.site).add_host(peer.namespace, f"p{peer.number}", "wan0", address, WAN_ADDRESS)
        wireguard.add(self.site, peer.namespace, peer.interface)
        wireguard.raise_interface(peer.namespace, peer.interface, config.addresses, config.allowed_ips, config.mtu)

    def _shake(self, peer: Connection, config: client_config.ClientConfig) -> float:
        """Give the interface its keys and wait for the handshake; returns milliseconds."""
        wireguard.configure(peer.namespace, peer.interface, config.wg)
        begun = time.monotonic()
        if not config.keepalive:
            self._speak(peer, config)
        while not wireguard.handshake(peer.namespace, peer.interface):
            if time.monotonic() - begun > PATIENCE:
                raise PeerError(f"{peer.name}: no handshake within {PATIENCE:.0f} s")
            time.sleep(0.005)
        return round((time.monotonic() - begun) * 1000, 1)

    def _speak(self, peer: Connection, config: client_config.ClientConfig) -> None:
        """Send one packet into the tunnel: WireGuard is silent until there is something to say."""
        target = str(ip_network(config.allowed_ips[0], strict=False).network_address + 1)
        argv = namespaces.inside(peer.namespace, ["ping", "-n", "-c", "1", "-W", "1", target])
        run(argv, check=False)

    def _known(self) -> list[Connection]:
        return [peer for path in self._directory.glob("*.json") if (peer := _read(path))]

    def _remember(self, peer: Connection) -> None:
        self._directory.mkdir(exist_ok=True)
        write_atomically(self._file(peer.name), json.dumps(asdict(peer)) + "\n")

    @property
    def _directory(self) -> Path:
        return self.site.state / "peers"

    def _file(self, name: str) -> Path:
        return self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> Connection | None:
    # Peers come and go side by side: a file that was listed may be gone when it is read.
    with suppress(FileNotFoundError, ValueError, TypeError):
        return Connection(**json.loads(path.read_text()))
    return None
