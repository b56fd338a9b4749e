"""The site's accounts, and their secrets, made at first use and kept in `.lab/credentials.json`."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from lab.site import Site, write_atomically


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


@dataclass(frozen=True)
class Token:
    """An API token of Proxmox VE or PBS: its id, and the name of its secret among the site's."""

    id: str
    name: str

    @property
    def user(self) -> str:
        """The user it belongs to."""
        return self.id.partition("!")[0]

    def secret(self, site: Site) -> str:
        """Return its secret."""
        return secret(site, self.name)


PVE_PROGRAM = Token("wgdeploy@pve!pulumi", "pve_token")
"""What the lab's stack deploys with."""
PBS_PROGRAM = Token("wgdeploy@pbs!pulumi", "pbs_token")
"""What the lab's stack keeps its prune and verify jobs with."""
PBS_NODE = Token("pve@pbs!backup", "pbs_backup_token")
"""What the Proxmox VE node backs up with."""
PBS_MONITOR = Token("zabbix@pbs!monitor", "pbs_monitor_token")
"""What Zabbix lists backups with."""
PVE_ROOT_PASSWORD, ZABBIX_ADMIN_PASSWORD = "pve_root_password", "zabbix_admin_password"
"""Names of the secrets of root@pam and of Zabbix's administrator."""
