"""The lab's commands: `python -m lab VERB`."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab import images, lifecycle, lxc, namespaces
from lab.commands import environment, progress
from lab.containers import Containers
from lab.errors import LabError
from lab.network import HOSTS, Network
from lab.peers import Peers
from lab.site import Site
from lab.summary import summarize

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
peers_app = typer.Typer(help="Connect and disconnect real VPN clients.", no_args_is_help=True)
app.add_typer(peers_app, name="peers")


@app.command()
def start(
    services: Annotated[str, typer.Option(help="real services it shall have, as netbox,zabbix")] = "",
) -> None:
    """Bring the site up; heals whatever is broken, changes nothing when all runs."""
    lifecycle.start(Site.of(), [name for name in services.split(",") if name])
    progress("The lab is up: `. lab/env` sets a shell up for it.")


@app.command()
def stop() -> None:
    """Halt containers and servers, keep their state."""
    lifecycle.stop(Site.of())


@app.command()
def down() -> None:
    """Remove the site with everything in it."""
    lifecycle.down(Site.of())


@app.command()
def status() -> None:
    """Show networks, servers, containers and peers."""
    table = Table("what", "name", "state", box=None)
    for row in lifecycle.describe(Site.of()):
        table.add_row(*row)
    Console().print(table)


@app.command()
def shell(where: str = typer.Argument("", help="a VMID, node, mgmt, dmz or a peer's name")) -> None:
    """Open a shell in a container (by default the first), on a host or on a peer."""
    site = Site.of()
    os.execvpe("nsenter", _shell(site, where), environment({"TERM": os.environ.get("TERM", "linux")}))


def _shell(site: Site, where: str) -> list[str]:
    vmids = Containers(site).vmids()
    if where.isdigit() or not where:
        if not (where or vmids):
            raise LabError("the site has no container yet")
        return lxc.command(site, lxc.attach(int(where or vmids[0]), ["/bin/bash", "-l"]))
    if where == "node" or where in HOSTS:
        return namespaces.inside(site.namespace(where), ["/bin/bash"])
    peer = Peers(site).get(where)
    if peer is None:
        raise LabError(f"there is no container, host or peer {where}")
    return namespaces.inside(peer.namespace, ["/bin/bash"])


@app.command()
def logs(
    what: str = typer.Argument("", help="a server's name, or a VMID for its journal"),
    follow: Annotated[bool, typer.Option("--follow", "-f", help="keep showing what is added")] = False,  # noqa: FBT002
) -> None:
    """Show the last lines of a log; without a name, list the logs there are."""
    site = Site.of()
    if not what:
        names = [path.stem for path in site.logs.glob("*.log")] + list(map(str, Containers(site).vmids()))
        typer.echo("\n".join(sorted(names)))
        return
    options = ["-n", "50", *(["-f"] if follow else [])]
    argv = ["tail", *options, str(site.logs / f"{what}.log")]
    if what.isdigit():
        argv = lxc.command(site, lxc.attach(int(what), ["journalctl", "--no-pager", *options]))
    os.execvpe(argv[0], argv, environment())


@app.command("images")
def ensure_images() -> None:
    """Build the container template and the services' images, as far as they are not in the cache."""
    images.ensure(Site.of())


@app.command()
def forward(address: str) -> None:
    """Let the router hand WireGuard's packets from the internet to another address."""
    Network(Site.of()).forward(address)


@peers_app.command()
def connect(
    source: Annotated[str, typer.Option("--from", help="JSON file: name to configuration text")] = "-",
) -> None:
    """Connect peers from their client configurations, all at once."""
    text = sys.stdin.read() if source == "-" else Path(source).read_text()
    for name, peer in Peers(Site.of()).connect_all(json.loads(text)).items():
        typer.echo(f"{name}: handshake in {peer.handshake_ms:.0f} ms")


@peers_app.command()
def disconnect(names: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Disconnect the peers named, or all."""
    peers = Peers(Site.of())
    for name in names or peers.names():
        peers.disconnect(name)


@app.command()
def summary() -> None:
    """Connect the stack's peers, measure, and show what there is now and where to go next."""
    summarize(Site.of())


def main() -> None:
    """Run a command; a failure of the lab is one line and exit status 1."""
    if os.geteuid():
        sys.exit(f"The lab needs root: sudo {shlex.join([sys.executable, '-m', 'lab', *sys.argv[1:]])}")
    try:
        app()
    except LabError as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()
