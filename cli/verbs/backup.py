"""`backup`: make, list and date the container's backups."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from cli import backups, exits, output
from cli.backups import Backup
from cli.recovery import Place
from cli.stack import Stack
from vpn.errors import Unfinished

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make, list and date backups.")
Storage = Annotated[str | None, typer.Option(help="the storage that holds them; by default pbs_storage")]


@app.command()
def now(context: typer.Context, storage: Storage = None, json: output.Json = False) -> None:
    """Back the running container up now, and wait."""
    stack: Stack = context.obj
    place, configured = Place.of(stack.deployed), stack.configured
    target = backups.storage(configured, storage)
    with configured.proxmox() as api:
        before = {each.volume for each in backups.of_container(api, place.node, target, place.vmid)}
        api.vzdump(place.node, place.vmid, target)
        after = backups.of_container(api, place.node, target, place.vmid)
    made = next((each for each in after if each.volume not in before), None)
    if made is None:
        raise Unfinished(f"the backup was made, but {target} does not list it")
    if json:
        output.emit(made.to_dict())
    else:
        output.say(f"{made.volume}, {output.size(made.size)}")


@app.command("list")
def list_(context: typer.Context, storage: Storage = None, json: output.Json = False) -> None:
    """List the container's backups, newest first."""
    found = _found(context.obj, storage)
    if json:
        output.emit([each.to_dict() for each in found])
        return
    rows = [(each.volume, f"{each.made:%Y-%m-%d %H:%M} UTC", output.size(each.size), each.verified) for each in found]
    output.show(("backup", "made", "size", "verified"), rows)


@app.command()
def age(
    context: typer.Context,
    storage: Storage = None,
    limit: Annotated[float, typer.Option("--max-hours", help="older than this is a failure (exit code 1)")] = 26.0,
    json: output.Json = False,
) -> None:
    """Tell how old the last backup is; exit 1 when it is too old or there is none.

    One whose verification has failed does not count, nor one that is dated in the future.
    """
    moment = dt.datetime.now(dt.UTC)
    newest = backups.latest(_found(context.obj, storage), moment)
    seconds = int(newest.age(moment).total_seconds()) if newest else None
    fresh = seconds is not None and seconds <= limit * 3600
    if json:
        output.emit({"seconds": seconds, "fresh": fresh, "backup": newest.volume if newest else None})
    else:
        output.say(f"the last backup is {output.age(seconds)} old" if newest else "there is no sound backup")
    raise typer.Exit(exits.FINE if fresh else exits.FAILED)


def _found(stack: Stack, storage: str | None) -> tuple[Backup, ...]:
    place, configured = Place.of(stack.deployed), stack.configured
    with configured.proxmox() as api:
        return backups.known(configured, api, place.node, backups.storage(configured, storage), place.vmid)
