"""A loopback port of the machine that leads to a server inside the site's networks.

    python -m lab.services.gateway NAME ADDRESS PORT [tls]

Listens on the site's loopback port of NAME and joins every connection to ADDRESS:PORT, reached
from inside the node's network namespace. Nothing is read or changed on the way; with `tls` the
connection is encrypted up to here, with the site's certificate, for a server that speaks plainly.
"""

import asyncio
import socket
import ssl
import sys
from contextlib import suppress

from lab import namespaces
from lab.certificates import ensure_certificates
from lab.processes import Processes
from lab.site import Site

CHUNK = 65536


def start(site: Site, name: str, address: str, port: int, *options: str) -> None:
    """Start the gateway of `name` unless it runs, on another port when a stranger has taken its own."""
    processes, process = Processes(site), f"{name}-gateway"
    if processes.pid(process) is None:
        site.claim(name)
        processes.start(process, [sys.executable, "-m", "lab.services.gateway", name, address, str(port), *options])


async def serve(site: Site, name: str, address: str, port: int, *, tls: bool = False) -> None:
    """Join connections until the process ends."""
    listening = namespaces.listening("127.0.0.1", site.port(name))
    context = tls_context(site) if tls else None
    namespaces.enter(site.node)  # what listens stays where it was; what connects is inside
    await forward(site, f"{name}-gateway", listening, (address, port), context)


async def forward(
    site: Site, process: str, listening: socket.socket, target: tuple[str, int], context: ssl.SSLContext | None = None
) -> None:
    """Join what arrives at `listening` to `target` until the process ends; mark the process ready."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection(*target)
            await asyncio.gather(_pass_on(reader, other_writer), _pass_on(other_reader, writer))
        writer.close()

    server = await asyncio.start_server(join, sock=listening, ssl=context)
    Processes(site).ready_file(process).touch()
    await server.serve_forever()


def tls_context(site: Site) -> ssl.SSLContext:
    """Return how a server of the site shows who it is."""
    files = ensure_certificates(site)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(Site.of(), sys.argv[1], sys.argv[2], int(sys.argv[3]), tls="tls" in sys.argv[4:]))
