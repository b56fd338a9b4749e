"""The command line: global options, and verbs that are loaded when they are called.

A verb's module brings in what it needs (settings, SSH, cryptography); the others stay unloaded, so that
every command starts at once.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from cli.stack import Stack

VERBS: Final = {
    "show": "Show the tunnels: each peer's state, address, last handshake, traffic.",
    "client": "Print a peer's client file, or write it readable for you alone.",
    "qr": "Show a peer's client file as a QR code.",
    "peer": "Add, change, list and remove peers.",
    "rotate": "Renew keys at the next up: the server's, a peer's, a preshared key, or all.",
    "import": "Take over the configuration of another WireGuard server, keys kept.",
    "export": "Write the server as wg0.conf, or the configuration without its keys.",
    "doctor": "Run every health check, and a handshake from outside.",
    "probe": "Make one WireGuard handshake with nothing but a client file.",
    "backup": "Make, list and date backups.",
    "restore": "Bring the server back from a backup, and prove that it works.",
    "drill": "Restore a copy beside the server, isolated; compare it and remove it.",
    "keys": "Back up the stack's keys, restore them on a new machine, renew the login to the container.",
}
PROJECT: Final = Path(__file__).resolve().parent.parent


def load(verb: str) -> Any:
    """Return the command of a verb, from its module."""
    module = import_module(f"cli.verbs.{verb}_" if verb == "import" else f"cli.verbs.{verb}")
    command = typer.main.get_command(module.app)
    command.name = verb
    return command


class Verbs(TyperGroup):
    """The verbs by name; a list of them needs their one line of help only."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in the order help shows them."""
        del ctx
        return [*VERBS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what help needs to know of a verb."""
        del ctx
        return TyperCommand(cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb that is called, loaded now."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, load(str(name)) if known else None, rest


app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they would print the values of variables
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def target(
    context: typer.Context,
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="the stack; by default the selected one")] = None,
    directory: Annotated[
        Path, typer.Option("--directory", "-C", help="where Pulumi.yaml is; by default this checkout")
    ] = PROJECT,
) -> None:
    """Operate a WireGuard VPN server made by Pulumi.

    Exit codes: 0 in order, 1 a check failed, 2 wrong usage, 3 refused, 4 a system failed or the
    command was done in part, 5 not all could be checked.
    """
    context.obj = Stack(directory.resolve(), stack)
