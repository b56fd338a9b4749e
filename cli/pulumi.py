"""The `pulumi` command of one stack. Secrets travel on pipes alone: never in arguments, environment or files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vpn.errors import StackError

NAMESPACE: Final = "wireguard-vpn"
QUIET: Final = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
_ARGUMENT: Final = 128 * 1024
"""What one argument of a command holds with its end, in bytes (execve(2))."""
_AROUND: Final = 1024
"""What stands around a value in its argument, at most."""
_KEY_SHAPE = re.compile(r"[A-Za-z0-9+/]{43}=")
_LAST_WORDS = 600


@dataclass(frozen=True)
class Pulumi:
    """`pulumi` in a project's directory on one stack, the selected one when `stack` is None.

    Every method raises StackError with pulumi's own words when it refuses.
    """

    directory: Path
    stack: str | None = None

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Return what a command prints; `stdin` may hold secrets."""
        if not self.directory.is_dir():
            raise StackError(f"{self.directory} is no directory (--directory)")
        chosen = ["--stack", self.stack] if self.stack else []
        try:
            done = subprocess.run(
                ["pulumi", *arguments, *chosen, "--non-interactive", "--color", "never"],
                cwd=self.directory,
                env={**os.environ, **QUIET},
                input=stdin or "",
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise StackError("pulumi is not on PATH (in the lab: . lab/env)") from None
        if done.returncode and "passphrase must be set" in done.stderr:
            raise StackError(
                "the stack's passphrase is needed, and pulumi cannot ask here: "
                "set PULUMI_CONFIG_PASSPHRASE_FILE to a file of yours alone that holds it"
            )
        if done.returncode:
            raise StackError(f"pulumi {arguments[0]}: {_said(done.stderr)}")
        return done.stdout

    def name(self) -> str:
        """Return the stack's name."""
        if self.stack:
            return self.stack
        stacks = json.loads(self.run("stack", "ls", "--json"))
        found = next((each["name"] for each in stacks if each.get("current")), None)
        if found is None:
            raise StackError("no stack is selected: name one with --stack")
        return str(found)

    def config(self) -> dict[str, dict[str, Any]]:
        """Return every config value of our namespace by plain key: `value`, `objectValue`, `secret`."""
        found = json.loads(self.run("config", "--json", "--show-secrets"))
        prefix = f"{NAMESPACE}:"
        return {key.removeprefix(prefix): each for key, each in found.items() if key.startswith(prefix)}

    def set_plain(self, values: Mapping[str, str]) -> None:
        """Set values by key path, as `peers[4].name`, all at once. None of them is a secret."""
        pairs = [part for path, value in values.items() for part in ("--plaintext", f"{NAMESPACE}:{path}={value}")]
        if pairs:
            self.run("config", "set-all", "--path", *pairs)

    def set_structured(self, key: str, value: Any) -> None:
        """Set a whole list or mapping that `fits`, exactly, an empty one included. It holds no secret."""
        # Pulumi takes `value`; `objectValue` only says that it is no text. Twice the peers might not fit an argument.
        entry = {"value": json.dumps(value), "objectValue": {}, "secret": False}
        self.run("config", "set-all", "--json", json.dumps({f"{NAMESPACE}:{key}": entry}))

    def set_secret(self, path: str, value: str) -> None:
        """Set one encrypted value by key path."""
        self.run("config", "set", "--secret", "--path", f"{NAMESPACE}:{path}", stdin=value)

    def remove(self, path: str) -> None:
        """Remove a value by key path; what follows in a list moves up."""
        self.run("config", "rm", "--path", f"{NAMESPACE}:{path}")

    def export(self) -> dict[str, Any]:
        """Return the stack's state, secrets in the clear."""
        found: dict[str, Any] = json.loads(self.run("stack", "export", "--show-secrets"))
        return found

    def import_(self, deployment: Mapping[str, Any]) -> None:
        """Replace the stack's state; its secrets are encrypted by this stack's passphrase."""
        self.run("stack", "import", stdin=json.dumps(deployment))


def fits(value: Any) -> bool:
    """Whether a list, mapping or text fits an argument, in which Pulumi takes what is not secret."""
    text = value if isinstance(value, str) else json.dumps(value)
    return len(json.dumps(text)) < _ARGUMENT - _AROUND


def _said(stderr: str) -> str:
    """Return pulumi's last words, without its ornaments and without anything that looks like a key."""
    lines = [line.removeprefix("error: ").strip() for line in stderr.splitlines() if line.strip()]
    return _KEY_SHAPE.sub("[key]", " ".join(lines)[-_LAST_WORDS:]) or "failed without a word"
