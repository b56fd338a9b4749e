"""What provider tests share: Pulumi's plugin, and a Proxmox VE node without a socket."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from clients.proxmox import Proxmox
from lab.credentials import PVE_PROGRAM
from tests.lab_api.stand_ins import CT, SECRET, Pve
from tests.providers.host import Host


@pytest.fixture
def host() -> Iterator[Host]:
    """A plugin process of its own, with empty config: it keeps the first config it is given."""
    with Host() as running:
        running.configure({})
        yield running


@pytest.fixture
def node(tmp_path: Path) -> Pve:
    """A node with the container of the data model, as Proxmox VE makes it when nothing else is asked."""
    stand_in = Pve(tmp_path)
    stand_in.container()
    return stand_in


@pytest.fixture
def written() -> list[str]:
    """What was written to the node, as method and path."""
    return []


@pytest.fixture
def connect(node: Pve, written: list[str]) -> Callable[[], Proxmox]:
    """Return what makes a client of the stand-in."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api2/json")
        if request.method != "GET":
            written.append(f"{request.method} {path.removeprefix(CT)}")
        said = node.call(request.method, path, **dict(request.url.params), **dict(parse_qsl(request.content.decode())))
        return httpx.Response(said.status, content=said.body, extensions={"reason_phrase": said.message.encode()})

    return lambda: Proxmox("https://pve", f"{PVE_PROGRAM.id}={SECRET}", transport=httpx.MockTransport(answer))


@pytest.fixture
def api(connect: Callable[[], Proxmox]) -> Iterator[Proxmox]:
    """The client."""
    with connect() as client:
        yield client
