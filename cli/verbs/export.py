"""`export`: the server as wg0.conf, or the configuration without its keys."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import exporting, output, writing
from cli.stack import Stack
from vpn.errors import StackError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Write the server or its configuration.")
Target = Annotated[Path | None, typer.Option("--output", "-o", help="write it here; wg0.conf for you alone")]


@app.command("wg0")
def wg0(context: typer.Context, target: Target = None) -> None:
    """Print the server as one wg-quick file, every key in it: the way to leave. Importing it gives the same again."""
    stack: Stack = context.obj
    text = exporting.server_file(stack.configured.settings(), stack.deployed, dt.datetime.now(dt.UTC))
    if target is None:
        typer.echo(text, nl=False)
    else:
        writing.write_private(target, text.encode())
        output.note(f"{target}: the server, with its keys")


@app.command("config")
def config(
    context: typer.Context,
    target: Target = None,
    json: output.Json = False,
) -> None:
    """Print the configuration without any key, for version control: settings, peers, public keys, addresses."""
    stack: Stack = context.obj
    try:
        outputs = stack.deployed.outputs
    except StackError:
        outputs = {}
    found = exporting.without_keys(stack.configured, outputs)
    text = output.json_text(found) if json else _yaml(found)
    if target is None:
        typer.echo(text, nl=False)
    else:
        writing.replace_text(target, text)
        output.note(f"{target}: the configuration, without keys")


def _yaml(value: Any) -> str:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only here

    text = io.StringIO()
    YAML().dump(value, text)
    return text.getvalue()
