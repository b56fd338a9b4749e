"""Where chaos happens: a checkout of its own with a lab of its own, every way out of it through a gate."""

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from chaos.gate import Gate
from chaos.relay import Relay
from lab.certificates import ensure_certificates
from lab.lifecycle import mounted_below
from lab.services import present
from lab.site import Site
from tests.lab.stack.pulumi_cli import TIMEOUT, Stack
from tests.lab.stack.rehearsal import Rehearsal

STACK: Final = "chaos"
URLS: Final = {
    "proxmox": "PROXMOX_VE_ENDPOINT",
    "pbs": "PBS_URL",
    "netbox": "NETBOX_URL",
    "zabbix": "ZABBIX_URL",
}
"""The HTTP systems, each with the variable that says where it is."""
JUMP_PORT: Final = "WIREGUARD_VPN_SSH_JUMP_PORT"
SERVICES: Final = ("netbox", "zabbix")
"""Systems that a lab may do without."""
NEWCOMER: Final = {"name": "erin-laptop", "preshared_key": "generated"}


@dataclass(frozen=True)
class Ran:
    """How a command went: exit status, everything printed, seconds."""

    code: int
    out: str
    seconds: float


@dataclass
class Arena:
    """One checkout with its lab, its gates and the stack `chaos`."""

    lab: Rehearsal
    gates: dict[str, Gate] = field(default_factory=dict)
    relay: Relay | None = None

    @property
    def site(self) -> Site:
        """The lab's site."""
        return self.lab.site

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """The systems that the stack can work with here."""
        return systems(module.__name__.rpartition(".")[2] for module in present(self.site))

    @cached_property
    def environ(self) -> dict[str, str]:
        """The environment of a shell of the lab, with every address replaced by its gate's."""
        found = dict(self.lab.environ) | {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self.site.state / "passphrase")}
        found |= {URLS[name]: gate.url for name, gate in self.gates.items()}
        return found | {JUMP_PORT: str(self._relay.port)}

    @property
    def _relay(self) -> Relay:
        if self.relay is None:
            raise RuntimeError("the arena has no relay")
        return self.relay

    def configure(self, **changes: Any) -> None:
        """Write the stack's configuration: the lab's, the services there are, and `changes` (None removes)."""
        text = yaml.safe_load((self.lab.root / "Pulumi.lab.yaml").read_text())
        own = text["config"]
        for name in SERVICES:
            own[_key(f"{name}_enabled")] = str(name in self.systems).lower()
        if changes.pop("newcomer", False):
            own[_key("peers")].append(NEWCOMER)
        for name, value in changes.items():
            if value is None:
                own.pop(_key(name), None)
            else:
                own[_key(name)] = str(value).lower() if isinstance(value, bool) else value
        (self.lab.root / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(text, sort_keys=False))

    @cached_property
    def stack(self) -> Stack:
        """The stack, made if need be."""
        (self.site.state / "backend").mkdir(exist_ok=True)
        stack = Stack(STACK, self.lab.root, self.environ)
        if not self.checkpoint.exists():
            stack.run("stack", "init")
        return stack

    def pulumi(self, *args: str, **extra: str) -> Ran:
        """Run a command on the stack, whatever comes of it."""
        begun = time.monotonic()
        done = self.stack.run(*args, check=False, timeout=TIMEOUT, **extra)
        return Ran(done.code, done.out, time.monotonic() - begun)

    def up(self, *args: str, **extra: str) -> Ran:
        """Run `up` as a script would."""
        return self.pulumi("up", "--yes", "--skip-preview", *args, **extra)

    def destroy(self) -> Ran:
        """Run `destroy` as a script would."""
        return self.pulumi("destroy", "--yes", "--skip-preview")

    def refresh(self) -> Ran:
        """Run `refresh` as a script would."""
        return self.pulumi("refresh", "--yes", "--skip-preview")

    @property
    def checkpoint(self) -> Path:
        """The file that Pulumi keeps the stack's state in."""
        return self.site.state / "backend" / ".pulumi" / "stacks" / "wireguard-vpn" / f"{STACK}.json"

    def state(self) -> dict[str, Any]:
        """Return the deployment as stored; empty before the first."""
        if not self.checkpoint.exists():
            return {}
        found = json.loads(self.checkpoint.read_text())["checkpoint"]
        return dict(found.get("latest") or found.get("deployment") or {})

    def export(self) -> dict[str, Any]:
        """Return the deployment with its secrets shown, as `pulumi stack export` has it."""
        return dict(json.loads(self.stack.run("stack", "export", "--show-secrets").out))

    def resources(self) -> list[dict[str, Any]]:
        """Return the stack's resources as stored, the stack's own record left out."""
        found = self.state().get("resources", [])
        return [each for each in found if each["type"] != "pulumi:pulumi:Stack"]

    def outputs(self) -> dict[str, Any]:
        """Return the outputs as stored: secrets are encrypted."""
        stacks = [r for r in self.state().get("resources", []) if r["type"] == "pulumi:pulumi:Stack"]
        return dict(stacks[0].get("outputs", {})) if stacks else {}

    def heal(self) -> int:
        """Repair every gate; return how many requests and connections were broken."""
        return sum(gate.mend() for gate in self.gates.values()) + self._relay.heal()


def systems(services: Iterable[str]) -> tuple[str, ...]:
    """Return the systems of a site that has these of SERVICES."""
    return ("proxmox", "ssh", "pbs", *sorted(services))


def _key(name: str) -> str:
    return f"wireguard-vpn:{name}"


@contextmanager
def gated(lab: Rehearsal) -> Iterator[Arena]:
    """Make an arena of a lab that is up; its gates are open."""
    arena = Arena(lab)
    files = ensure_certificates(arena.site)
    with ExitStack() as stack:
        for name, variable in URLS.items():
            if variable in lab.environ:
                gate = Gate(lab.environ[variable], files.certificate, files.key, files.ca)
                arena.gates[name] = stack.enter_context(gate)
        arena.relay = Relay(int(lab.environ[JUMP_PORT]))
        stack.callback(arena.relay.close)
        arena.configure()
        try:
            yield arena
        finally:
            arena.heal()


def discard(place: Path) -> None:
    """Remove a copy whose lab is down; while anything is mounted below, it stays."""
    if mounted_below(place.resolve()):
        raise RuntimeError(f"something is mounted below {place}: unmount it, then remove {place}")
    shutil.rmtree(place)
