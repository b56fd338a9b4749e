"""A pretended server: a directory as its root, stand-ins as its tools, bundles to apply to it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).with_name("tools.sh")
SCRIPTS = Path(__file__).parents[2] / "templates/server"
UNITS = "wg-quick@{0}.service wireguard-vpn-firewall.service wireguard-vpn-watch@{0}.service"
AGENT = "zabbix-agent2.service"
AGENT_FILES = {"agent2.conf": "/etc/zabbix/zabbix_agent2.conf", "agent2.psk": "/etc/zabbix/zabbix_agent2.psk"}
PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
PUBLIC = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
RULES = "table inet wireguard_vpn\ndelete table inet wireguard_vpn\ntable inet wireguard_vpn { }\n"


@dataclass(frozen=True)
class Version:
    """What a bundle says: peers (name → public key), and settings as README.md lists them."""

    peers: Mapping[str, str] = field(default_factory=dict)
    port: int = 51820
    address: str = "10.8.0.1/24"
    rules: str = RULES
    routes: str = ""
    static_routes: str = ""
    post_up: tuple[str, ...] = ()
    implementation: str = "kernel"
    endpoints: Mapping[str, str] = field(default_factory=dict)
    preshared: Mapping[str, str] = field(default_factory=dict)
    save_config: bool = True
    public_key: str = PUBLIC
    interface: str = "wg0"
    agent: bool = False
    packages: str = "wireguard-tools nftables qrencode"

    def config(self) -> str:
        """Return the rendered configuration."""
        save = "SaveConfig = true\n" if self.save_config else ""
        head = f"[Interface]\nAddress = {self.address}\nListenPort = {self.port}\nPrivateKey = {PRIVATE}\n{save}"
        head += "".join(f"PostUp = {command}\n" for command in self.post_up)
        return head + "".join(self._peer(*item) for item in enumerate(sorted(self.peers.items())))

    def _peer(self, index: int, peer: tuple[str, str]) -> str:
        endpoint = f"Endpoint = {self.endpoints[peer[0]]}\n" if peer[0] in self.endpoints else ""
        endpoint += f"PresharedKey = {self.preshared[peer[0]]}\n" if peer[0] in self.preshared else ""
        address = f"10.8.{index // 250}.{index % 250 + 2}/32"
        return f"\n# {peer[0]}\n[Peer]\nPublicKey = {peer[1]}\nAllowedIPs = {address}\n{endpoint}"

    def settings(self, runtime_digest: str) -> str:
        """Return the settings of the bundle."""
        values = {
            "interface": self.interface,
            "config": f"/etc/wireguard/{self.interface}.conf",
            "listen_port": self.port,
            "public_key": self.public_key,
            "implementation": self.implementation,
            "epoch": 1,
            "instance": "BC:24:11:00:00:01",
            "runtime_digest": runtime_digest,
            "packages": self.packages,
            "units": UNITS.format(self.interface) + f" {AGENT}" * self.agent,
            "sysctls": "net.ipv4.ip_forward=1",
            "routes": self.routes,
            "static_routes": self.static_routes,
            "restarts": f"/usr/local/lib/wireguard-vpn/watch:wireguard-vpn-watch@{self.interface}.service"
            + f" {AGENT_FILES['agent2.conf']}:{AGENT}" * self.agent,
        }
        return "".join(f"{key}={value}\n" for key, value in values.items())

    def write(self, directory: Path) -> None:
        """Write the bundle's files, as the bootstrap would unpack them."""
        shutil.copytree(SCRIPTS, directory, ignore=shutil.ignore_patterns("README.md", "bootstrap"))
        peers = sorted(self.peers.items())
        files = {
            f"{self.interface}.conf": self.config(),
            "runtime.conf": strip(self.config()),
            "nftables.conf": self.rules,
            "sysctl.conf": "net.ipv4.ip_forward = 1\n",
            "peers.tsv": "".join(f"{name}\t{key}\t{fingerprint(key)}\n" for name, key in peers),
            "routes": "".join(f"route replace {each} dev {self.interface}\n" for each in self.routes.split()),
            "placement": self._placement((SCRIPTS / "placement").read_text()),
            **dict.fromkeys(AGENT_FILES if self.agent else (), "# of the agent\n"),
        }
        for name, text in files.items():
            (directory / name).write_text(text)
        (directory / "settings").write_text(self.settings(digest(directory, directory / "runtime.conf")))
        members = [path for path in directory.rglob("*") if path.is_file()]
        lines = [f"{sha256(p.read_bytes()).hexdigest()}  {p.relative_to(directory)}\n" for p in members]
        (directory / "manifest").write_text("".join(sorted(lines)))

    def _placement(self, static: str) -> str:
        lines = [line.split() for line in static.splitlines()]
        kept = [line[:3] for line in lines if line[3:] in ([], [self.implementation])]
        kept += [
            ["0600", f"/etc/wireguard/{self.interface}.conf", f"{self.interface}.conf"],
            ["0600", "/etc/wireguard-vpn/nftables.conf", "nftables.conf"],
            ["0644", "/etc/sysctl.d/90-wireguard-vpn.conf", "sysctl.conf"],
            ["0600", "/var/lib/wireguard-vpn/peers.tsv", "peers.tsv"],
            ["0600", "/etc/wireguard-vpn/routes", "routes"],
        ]
        kept += [["0600", target, member] for member, target in AGENT_FILES.items() if self.agent]
        return "".join(" ".join(line) + "\n" for line in kept)

    def but(self, **changes: Any) -> "Version":
        """Return a copy with other values."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Outcome:
    """How a script ended: its report, exit status and what it said."""

    report: dict[str, Any]
    status: int
    said: str


class Machine:
    """The pretended server under `home`."""

    def __init__(self, home: Path) -> None:
        self.place, self._count = home, 0
        self.home, self.root, self.bin = home / "state", home / "root", home / "bin"
        self.session = ""
        """What sshd says of the session (SSH_CONNECTION): addresses and ports of both ends."""
        if not self.bin.exists():
            self._make()

    def _make(self) -> None:
        for path in ("running", "units", "sysctl"):
            (self.home / path).mkdir(parents=True)
        for path in ("sys/class/net", "run/lock", "etc/wireguard", "dev/net", "var/lib", "run/wireguard-vpn-watch"):
            (self.root / path).mkdir(parents=True)
        self.bin.mkdir()
        for name in re.findall(r"^tool_([a-z-]+)\(", TOOLS.read_text(), re.MULTILINE):
            (self.bin / name).symlink_to(TOOLS)
        for name in ("calls", "broken", "packages", "addresses", "journal", "hosts"):
            (self.home / name).write_text("")

    def copy(self, home: Path) -> "Machine":
        """Return a machine in the same state, to be changed on its own."""
        shutil.copytree(self.place, home, symlinks=True)
        return Machine(home)

    @property
    def config(self) -> Path:
        """The configuration file on the server."""
        return self.root / "etc/wireguard/wg0.conf"

    @property
    def state(self) -> Path:
        """What apply remembers."""
        return self.root / "var/lib/wireguard-vpn"

    def unit(self, name: str) -> list[str]:
        """Return whether a unit is active and enabled, as words."""
        path = self.home / "units" / name
        return path.read_text().split() if path.exists() else []

    @property
    def running(self) -> Path:
        """What the interface has loaded."""
        return self.home / "running/wg0"

    def calls(self) -> list[str]:
        """Return the calls that changed something since the last time this was asked."""
        path = self.home / "calls"
        lines = path.read_text().splitlines()
        path.write_text("")
        return lines

    def journal(self) -> list[str]:
        """Return what went to the journal."""
        return (self.home / "journal").read_text().splitlines()

    def break_(self, *words: str) -> None:
        """Make calls that begin with one of `words` fail from now on, or the next one after `once`; none repairs."""
        (self.home / "broken").write_text("".join(f"{word}\n" for word in words))

    def bundle(self, version: Version) -> Path:
        """Unpack a bundle of `version` into a directory of its own."""
        self._count += 1
        directory = self.place / f"bundle{self._count}-{len(list(self.place.iterdir()))}"
        version.write(directory)
        return directory

    def apply(self, version: Version) -> Outcome:
        """Apply `version`."""
        return self.run(self.bundle(version) / "apply")

    def observe(self, version: Version) -> dict[str, Any]:
        """Return the facts as seen with the settings of `version`."""
        return self.run(self.bundle(version) / "observe").report

    def run(self, script: Path, *arguments: str) -> Outcome:
        """Run a script on the machine."""
        environ = {
            **os.environ,
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "MACHINE": str(self.home),
            "SSH_CONNECTION": self.session,
            "WIREGUARD_VPN_ROOT": str(self.root),
        }
        done = subprocess.run(
            ["bash", str(script), *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        last = (done.stdout.splitlines() or [""])[-1]
        report = json.loads(last) if last.startswith("{") else {}
        return Outcome(report, done.returncode, done.stdout + done.stderr)


def fingerprint(key: str) -> str:
    """Return something that stands for a key."""
    return "SHA256:" + sha256(key.encode()).hexdigest()[:16]


def key(number: int) -> str:
    """Return a public key of its own for every number."""
    from base64 import b64encode

    return b64encode(sha256(str(number).encode()).digest()).decode()


def strip(text: str) -> str:
    """Return what wg itself takes of a configuration."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith(("Address", "SaveConfig", "PostUp", "#"))
    )


def digest(directory: Path, config: Path) -> str:
    """Return the digest of the canonical form, made by the script itself."""
    form = subprocess.run(
        ["mawk", "-f", str(directory / "canonical.awk"), str(config)],
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    ).stdout
    return sha256(b"".join(sorted(form.splitlines(keepends=True)))).hexdigest()


def lasting(calls: list[str]) -> list[str]:
    """Leave out the probe for a kernel implementation."""
    return [call for call in calls if "wgvpn-probe" not in call]


TEAM = Version({"alice": key(1), "bob": key(2)})
"""What the tests begin with."""
