"""A server of the machine as the site's networks reach it: the opposite of a gateway.

    python -m lab.services.inlet NAME PORT

Listens on the node's management address at PORT and joins every connection to the site's loopback
port of NAME, as a backup server of the management network would be reached.
"""

import asyncio
import sys
from ipaddress import ip_interface

from lab import namespaces
from lab.services.gateway import forward
from lab.site import BRIDGES, Site

ADDRESS = str(ip_interface(BRIDGES["vmbr0"]).ip)


async def serve(site: Site, name: str, port: int) -> None:
    """Join connections until the process ends."""
    listening = namespaces.listen(site.node, ADDRESS, port)
    await forward(site, f"{name}-inlet", listening, ("127.0.0.1", site.port(name)))


if __name__ == "__main__":
    asyncio.run(serve(Site.of(), sys.argv[1], int(sys.argv[2])))
