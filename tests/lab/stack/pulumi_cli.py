"""The real `pulumi` on the stacks of one checkout."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

TIMEOUT = 600.0
"""Seconds any command may take."""


class PulumiError(AssertionError):
    """A command failed; the message holds everything it printed."""


@dataclass(frozen=True)
class Run:
    """What one command printed and how it ended."""

    code: int
    out: str


@dataclass(frozen=True)
class Stack:
    """One stack of a checkout, in a shell with the variables `environ`."""

    name: str
    root: Path
    environ: dict[str, str]

    def run(self, *args: str, check: bool = True, timeout: float = TIMEOUT, **extra: str) -> Run:
        """Run `pulumi ARGS` on the stack; `extra` are environment variables on top."""
        done = subprocess.run(
            ["pulumi", *args, "--stack", self.name, "--non-interactive", "--color", "never"],
            cwd=self.root,
            env={**self.environ, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise PulumiError(f"pulumi {' '.join(args)} ended with {done.returncode}\n{done.stdout}")
        return Run(done.returncode, done.stdout)

    def up(self, *args: str, check: bool = True, **extra: str) -> Run:
        """Run `up` without questions and without a preview of its own."""
        return self.run("up", "--yes", "--skip-preview", *args, check=check, timeout=TIMEOUT, **extra)

    def preview(self, *args: str, check: bool = True, **extra: str) -> Run:
        """Run `preview`."""
        return self.run("preview", *args, check=check, timeout=TIMEOUT, **extra)

    def destroy(self, *args: str, check: bool = True) -> Run:
        """Run `destroy` without questions and without a preview of its own."""
        return self.run("destroy", "--yes", "--skip-preview", *args, check=check)

    def planned(self) -> dict[str, str]:
        """Return what `preview` would do: resource name → operation, unchanged ones left out."""
        text = self.run("preview", "--json").out
        steps = json.loads(text[text.index("{") :]).get("steps", [])
        return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in steps if step["op"] != "same"}

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in the clear."""
        found: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--show-secrets").out)
        return found

    def clients(self) -> dict[str, str]:
        """Return the client configurations by peer name."""
        return dict(self.outputs()["client_configs"])

    def export(self) -> str:
        """Return the state as it is stored."""
        return self.run("stack", "export").out

    def resources(self) -> list[str]:
        """Return the names of the resources in the state."""
        found = json.loads(self.export())["deployment"].get("resources", [])
        return [each["urn"].rsplit("::", 1)[1] for each in found]

    def set(self, path: str, value: str, *flags: str) -> None:
        """Set one config value; `path` may go into lists, as in `peers[3].name`."""
        self.run("config", "set", "--path", f"wireguard-vpn:{path}", value, *flags)

    def set_all(self, values: Mapping[str, str]) -> None:
        """Set config values by path, in one run: each takes most of a second to begin."""
        pairs = (("--plaintext", f"wireguard-vpn:{path}={value}") for path, value in values.items())
        self.run("config", "set-all", "--path", *chain.from_iterable(pairs))

    def unset(self, path: str) -> None:
        """Remove one config value."""
        self.run("config", "rm", "--path", f"wireguard-vpn:{path}")
