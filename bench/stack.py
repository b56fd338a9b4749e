"""The lab's stack under a benchmark: the same server, with as many peers as a measurement wants."""

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.figures import Cost, measure

NAME = "lab"
VPN_ADDRESS = "10.8.0.1/16"
"""Room for thousands; the lab's own peers keep their addresses."""


class BenchError(Exception):
    """A measured command failed."""


@dataclass(frozen=True)
class Stack:
    """The stack `lab` of a checkout, run with a config file of its own under `.lab/bench`."""

    root: Path

    @property
    def directory(self) -> Path:
        """Where the benchmark keeps its files."""
        return self.root / ".lab" / "bench"

    def prepare(self) -> None:
        """Write the config: the lab's, with peers from a file and a subnet with room for them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = yaml.safe_load((self.root / "Pulumi.lab.yaml").read_text())
        own = config["config"]
        own["wireguard-vpn:address"] = VPN_ADDRESS
        own["wireguard-vpn:quarantine_days"] = "0"
        own["wireguard-vpn:peers_file"] = str(self.directory / "peers.yaml")
        own.pop("wireguard-vpn:peers")
        (self.directory / "config.yaml").write_text(yaml.safe_dump(config))
        self.peers(())

    def set(self, key: str, value: str) -> None:
        """Change one value of the benchmark's config."""
        path = self.directory / "config.yaml"
        config = yaml.safe_load(path.read_text())
        config["config"][f"wireguard-vpn:{key}"] = value
        path.write_text(yaml.safe_dump(config))

    def peers(self, extra: Iterable[dict[str, Any]]) -> None:
        """Let the stack have the lab's peers and these."""
        config = yaml.safe_load((self.root / "Pulumi.lab.yaml").read_text())
        lab = config["config"]["wireguard-vpn:peers"]
        (self.directory / "peers.yaml").write_text(json.dumps({"peers": [*lab, *extra]}))

    def up(self, *options: str) -> Cost:
        """Run `pulumi up` and return what it took."""
        return measure(lambda: self.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", *options))

    def preview(self, *options: str) -> Cost:
        """Run `pulumi preview` and return what it took."""
        return measure(lambda: self.pulumi("preview", *options))

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets among them."""
        return dict(json.loads(self._run("stack", "output", "--json", "--show-secrets")))

    def state(self, *options: str) -> dict[str, Any]:
        """Return the exported state, secrets encrypted unless `--show-secrets` is asked for."""
        return dict(json.loads(self._run("stack", "export", *options)))

    def restore(self) -> None:
        """Bring the server back to what Pulumi.lab.yaml says.

        The peers that were added go first: a file that is gone, and peers with it, would stop the run.
        """
        self.peers(())
        self.up()
        self._run("up", "--yes", "--skip-preview", "--suppress-outputs")

    def pulumi(self, *args: str) -> str:
        """Run pulumi with the benchmark's config and return what it printed; raises BenchError."""
        return self._run(*args, "--config-file", str(self.directory / "config.yaml"))

    def _run(self, *args: str) -> str:
        argv = ["pulumi", "--stack", NAME, "--non-interactive", *args]
        done = subprocess.run(argv, cwd=self.root, env=os.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"pulumi {' '.join(args[:2])}: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout


def team(count: int) -> list[dict[str, Any]]:
    """Return so many peers, as a stack's config has them."""
    return [{"name": f"bench-{number:05d}"} for number in range(count)]
