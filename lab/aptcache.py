"""A cache of Debian's packages that containers without NAT or DNS can reach.

An HTTP proxy for apt: it listens on the node's management address, inside the node's
network namespace, and fetches from the machine's own network. What was fetched once is kept
in the cache all checkouts share, so that a second cold lab needs no upstream. Files named
by their version or their hash never change; the others (InRelease) are asked for again
after FRESH seconds, and served old when upstream does not answer.
"""

import shutil
import time
import urllib.error
import urllib.request
from fcntl import LOCK_EX, flock
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_interface
from pathlib import Path
from socket import socket
from urllib.parse import unquote, urlsplit

from lab import namespaces
from lab.processes import Processes
from lab.site import BRIDGES, Site

ADDRESS = str(ip_interface(BRIDGES["vmbr0"]).ip)
PORT = 3142
FRESH = 12 * 3600
"""How long an index is served without asking for it again, in seconds."""
MIRRORS = ("deb.debian.org", "security.debian.org")
"""Hosts the cache fetches from; it is no way out of the lab for anything else."""


class MissingError(Exception):
    """Upstream has no such file; `status` is the HTTP status to pass on."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Store:
    """Files fetched from Debian's mirrors, kept under `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def get(self, url: str) -> Path:
        """Return the file of `url`, fetched if need be; raises MissingError.

        Several processes may ask at once: one fetches, the others wait for it.
        """
        path = self._path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(path.name + ".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not _fresh(path):
                self._fetch(url, path)
        return path

    def _path(self, url: str) -> Path:
        parts = urlsplit(url)
        segments = [unquote(s) for s in parts.path.split("/") if s]
        if parts.scheme != "http" or parts.hostname not in MIRRORS or ".." in segments:
            raise MissingError(403, "not a Debian mirror")
        return self.directory.joinpath(parts.hostname, *segments)

    def _fetch(self, url: str, path: Path) -> None:
        partial = path.with_name(path.name + ".partial")
        try:
            with urllib.request.urlopen(url, timeout=60) as answer, partial.open("wb") as file:
                shutil.copyfileobj(answer, file)
        except urllib.error.HTTPError as error:
            self._forget_indexes(path)
            raise MissingError(error.code, error.reason) from error
        except OSError as error:
            if not path.exists():
                raise MissingError(504, f"upstream does not answer: {error}") from error
            return
        partial.replace(path)

    def _forget_indexes(self, path: Path) -> None:
        """Ask for the indexes again next time: what upstream no longer has, an old one named."""
        if path.suffix == ".deb":
            for index in self.directory.glob("*/*/dists/*/InRelease"):
                index.unlink(missing_ok=True)


def _fresh(path: Path) -> bool:
    if not path.exists():
        return False
    immutable = path.suffix == ".deb" or path.parent.parent.name == "by-hash"
    return immutable or time.time() - path.stat().st_mtime < FRESH


class Handler(BaseHTTPRequestHandler):
    """Answers apt's requests, whose target is the whole URL (RFC 9112, section 3.2.2)."""

    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def do_GET(self) -> None:
        """Send the file the request names."""
        try:
            path = self.server.store.get(self.path)
        except MissingError as error:
            self.send_error(error.status, str(error))
            return
        with path.open("rb") as file:
            self.send_response(200)
            self.send_header("Content-Length", str(path.stat().st_size))
            self.send_header("Last-Modified", self.date_time_string(int(path.stat().st_mtime)))
            self.end_headers()
            shutil.copyfileobj(file, self.wfile)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet about what went well; errors are logged."""


class Proxy(ThreadingHTTPServer):
    """The proxy on a socket that listens already, in whatever namespace it was made."""

    daemon_threads = True

    def __init__(self, listening: socket, store: Store) -> None:
        super().__init__(listening.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.store = store


def store_of(site: Site) -> Store:
    """Return the packages all checkouts share."""
    return Store(site.cache / "apt")


if __name__ == "__main__":
    _site = Site.of()
    _proxy = Proxy(namespaces.listen(_site.node, ADDRESS, PORT), store_of(_site))
    Processes(_site).ready_file("aptcache").touch()
    _proxy.serve_forever()
