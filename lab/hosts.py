"""What the answering hosts of the site answer: TCP echo on port 7, HTTP on port 80.

Run as a process of its own; ping they answer by being there.
"""

import asyncio
from functools import partial
from ipaddress import ip_interface

from lab import namespaces
from lab.network import HOSTS
from lab.processes import Processes
from lab.site import Site


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes in (RFC 862)."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def greet(role: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer any HTTP request with the host's role."""
    await reader.readuntil(b"\r\n\r\n")
    body = f"{role} host of the lab\n".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


async def serve(site: Site) -> None:
    """Answer for every host until ended."""
    for role, (_, address) in HOSTS.items():
        where = site.namespace(role), str(ip_interface(address).ip)
        await asyncio.start_server(echo, sock=namespaces.listen(*where, 7))
        await asyncio.start_server(partial(greet, role), sock=namespaces.listen(*where, 80))
    Processes(site).ready_file("hosts").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Site.of()))
