"""Secrets of the site's services, made at first use and kept in `.lab/credentials.json`."""

import json
from collections.abc import Callable
from uuid import uuid4

from lab.site import Site, write_atomically

PVE_TOKEN_ID = "wgdeploy@pve!pulumi"
"""The API token the lab stack deploys with; its secret is `secret(site, "pve_token")`."""


def new_uuid() -> str:
    """Return a random UUID, the form of Proxmox VE's and PBS's token secrets."""
    return str(uuid4())


def secret(site: Site, name: str, make: Callable[[], str] = new_uuid) -> str:
    """Return the site's secret `name`, made by `make` when it is asked for the first time."""
    with site.lock("credentials"):
        path = site.state / "credentials.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            known[name] = make()
            write_atomically(path, json.dumps(known, indent=2) + "\n")
        return known[name]
