"""The real `pulumi` on stacks of this checkout's lab, for tests."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_CONFIG = {"stack", "state", "config"}
"""Commands that know no --config-file, or (config) take it themselves."""


class PulumiError(AssertionError):
    """A command failed; the message holds everything it printed."""


def lab_environment(root: Path = ROOT) -> dict[str, str]:
    """Return the environment of a shell that has sourced `lab/env`."""
    script = f'cd "{root}" && . lab/env && env -0'
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, text=True)
    return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if "=" in pair)


@dataclass(frozen=True)
class Run:
    """What one command printed and how it ended."""

    code: int
    out: str


@dataclass(frozen=True)
class Stack:
    """One stack of the lab: its name, its own config file (None: Pulumi.NAME.yaml), its shell."""

    name: str
    environ: dict[str, str]
    config_file: Path | None = None
    root: Path = ROOT

    def run(self, *args: str, check: bool = True, timeout: float = 600, **extra: str) -> Run:
        """Run `pulumi ARGS` on the stack; `extra` are environment variables on top."""
        command = ["pulumi", *args, "--stack", self.name, "--non-interactive", "--color", "never"]
        if self.config_file and args[0] not in WITHOUT_CONFIG - {"config"}:
            command += ["--config-file", str(self.config_file)]
        done = subprocess.run(
            command,
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
            said = f"pulumi {' '.join(args)} ended with {done.returncode}\n{done.stdout}"
            raise PulumiError(said)
        return Run(done.returncode, done.stdout)

    def up(self, *args: str, check: bool = True) -> Run:
        """Run `up` without questions and without a preview of its own."""
        return self.run("up", "--yes", "--skip-preview", *args, check=check)

    def preview(self, *args: str, check: bool = True) -> Run:
        """Run `preview`."""
        return self.run("preview", *args, check=check)

    def operations(self, *args: str) -> dict[str, str]:
        """Return what `preview` would do: resource name → operation, unchanged ones left out."""
        text = self.run("preview", "--json", *args).out
        steps = json.loads(text[text.index("{") :]).get("steps", [])
        return {s["urn"].rsplit("::", 1)[1]: s["op"] for s in steps if s["op"] != "same"}

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in the clear."""
        found: dict[str, Any] = json.loads(
            self.run("stack", "output", "--json", "--show-secrets").out
        )
        return found

    def state(self) -> str:
        """Return the exported state as it is stored, secrets encrypted."""
        return self.run("stack", "export").out

    def set(self, path: str, value: str, *flags: str) -> None:
        """Set one config value; `path` may go into lists, as in `peers[3].name`."""
        self.run("config", "set", "--path", f"wireguard-vpn:{path}", value, *flags)
