"""A small Proxmox VE API over HTTP: a few guests, one token, and errors in the real one's form."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "wgdeploy@pve!pulumi=1b9f3a52-0c1d-4c56-9a55-3a1f0e8f6a7b"


@dataclass
class Pve:
    """The cluster's guests: VMID → {type, name, node, status, description, hidden, config}."""

    guests: dict[int, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=lambda: {"pve": "online"})
    requests: list[str] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["Pve"]:
        """Serve until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, str, Any]:
        """Return status, reason phrase and data or errors for GET `path`."""
        if path == "/version":
            return 200, "OK", {"version": "9.1.2"}
        if path == "/nodes":
            return 200, "OK", [{"node": name, "status": status} for name, status in self.nodes.items()]
        if path == "/cluster/nextid":
            vmid = int(query["vmid"][0])
            if vmid not in self.guests:
                return 200, "OK", str(vmid)
            return 400, "Parameter verification failed.", {"vmid": f"VM {vmid} already exists"}
        if path == "/cluster/resources":
            seen = {vmid: guest for vmid, guest in self.guests.items() if not guest.get("hidden")}
            return 200, "OK", [{"vmid": vmid, "id": f"{g['type']}/{vmid}", **g} for vmid, g in seen.items()]
        return self._guest(path.split("/"))

    def change(self, method: str, parts: list[str]) -> tuple[int, str, Any]:
        """Shut a guest down or remove it; returns a task's id, whose task has ended."""
        vmid = int(parts[6])
        if method == "DELETE":
            del self.guests[vmid]
        else:
            self.guests[vmid]["status"] = "stopped"
        return 200, "OK", f"UPID:pve:{vmid}:"

    def _guest(self, parts: list[str]) -> tuple[int, str, Any]:
        if parts[3] == "tasks":
            return 200, "OK", {"status": "stopped", "exitstatus": "OK", "type": "vzdestroy"}
        _, _, node, _, vmid, what, *_ = parts
        guest = self.guests.get(int(vmid))
        if guest is None or guest["type"] != "lxc" or guest["node"] != node:
            return 500, f"Configuration file 'nodes/{node}/lxc/{vmid}.conf' does not exist", None
        if what == "config":
            config = {"description": guest.get("description", ""), "hostname": guest["name"], "unprivileged": 1}
            return 200, "OK", {**config, **guest.get("config", {})}
        return 200, "OK", {"status": guest["status"], "vmid": int(vmid)}


def guest(name: str, description: str = "", kind: str = "lxc", status: str = "running", **more: Any) -> dict[str, Any]:
    """Return a guest, on node pve unless told otherwise; `config` is more of its configuration."""
    return {"type": kind, "name": name, "node": "pve", "status": status, "description": description, **more}


def _handler(pve: Pve) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.do_GET()

        def do_DELETE(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            pve.requests.append(f"{self.command} {parts.path}")
            if self.headers.get("Authorization") != f"PVEAPIToken={TOKEN}":
                self._send(401, "No ticket", None)
            elif self.command != "GET":
                self._send(*pve.change(self.command, parts.path.split("/")))
            else:
                self._send(*pve.answer(parts.path.removeprefix("/api2/json"), parse_qs(parts.query)))

        def _send(self, status: int, reason: str, data: Any) -> None:
            good = status == 200
            body = {"data": data} if good else {"data": None, "message": f"{reason}\n", "errors": data}
            text = json.dumps(body).encode()
            self.send_response(status, reason)
            self.send_header("Content-Type", "application/json;charset=UTF-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
