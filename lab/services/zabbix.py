"""Zabbix as a server of the site: in a container on the management network, kept between runs.

start(site)       build, make, start and prepare what is missing; wait until it serves
variables(site)   what the program needs to reach it
"""

import json
import os
import sys
import time
from pathlib import Path

from lab.certificates import ensure_certificates
from lab.commands import last_words, progress
from lab.container_spec import ContainerSpec, Nic
from lab.containers import Containers
from lab.credentials import PBS_MONITOR, ZABBIX_ADMIN_PASSWORD, secret
from lab.errors import LabError
from lab.processes import Processes
from lab.services import gateway
from lab.services.inlet import ADDRESS as NODE
from lab.services.zabbix_api import ADMINISTRATOR, FIRST_PASSWORD, Api, deploy_token, ensure_groups, ensure_viewer
from lab.services.zabbix_image import image
from lab.site import BRIDGES, Site, write_atomically

VMID = 9032
ADDRESS = "192.168.10.32"
WEB_PORT = 80
PBS_PORT = 8007
"""Where Zabbix reaches the backup server, at the node's management address."""
PBS_NAME = "pbs.lab.internal"
GROUP = "VPN"
READER = "reader"
READER_PASSWORD = "look-only-please"
"""Zabbix 7.0 refuses a password that contains the user name."""
LOGIN = (READER, READER_PASSWORD)
"""The read-only login that `make lab` shows."""
VERSION_VARIABLE = "WIREGUARD_VPN_LAB_ZABBIX"
"""Environment variable that chooses the release at the container's first start: 7.0 or 6.0."""
NEWEST = "7.0"
START_SECONDS = 180.0


def start(site: Site) -> None:
    """Bring Zabbix up, whatever state it is in; quick when it runs. Raises LabError."""
    containers = Containers(site)
    if not containers.exists(VMID):
        _create(site, containers)
    if not containers.running(VMID):
        containers.start(VMID)
    _start_ways(site)
    api = Api(url(site), version(site), cafile=str(ensure_certificates(site).ca))
    _wait(site, api)
    _trust_the_site(site, containers)
    _prepare(site, api)


def url(site: Site) -> str:
    """Return where the frontend is reached from this machine."""
    return f"https://localhost:{site.port('zabbix')}"


def version(site: Site) -> str:
    """Return the release of the site's Zabbix, chosen when its container was made."""
    path = _version_file(site)
    return path.read_text().strip() if path.exists() else os.environ.get(VERSION_VARIABLE, NEWEST)


def variables(site: Site) -> dict[str, str]:
    """Return the environment of a shell that works with the lab; the token once Zabbix was prepared."""
    known = _token_file(site)
    token = json.loads(known.read_text())["token"] if known.exists() else ""
    backup_token = f"{PBS_MONITOR.id}:{PBS_MONITOR.secret(site)}"
    return {"ZABBIX_URL": url(site), "ZABBIX_TOKEN": token, "ZABBIX_BACKUP_TOKEN": backup_token}


def admin(site: Site) -> Api:
    """Return the API as the administrator, for tests."""
    api = Api(url(site), version(site), cafile=str(ensure_certificates(site).ca))
    api.login(ADMINISTRATOR, secret(site, ZABBIX_ADMIN_PASSWORD))
    return api


def _create(site: Site, containers: Containers) -> None:
    chosen = version(site)
    archive = image(chosen).archive(site)
    progress(f"Making Zabbix {chosen}'s container")
    router = BRIDGES["vmbr0"].partition("/")[0]
    mac = f"02:00:00:{site.hash[0:2]}:{site.hash[2:4]}:32"
    nic = Nic("eth0", "vmbr0", mac, f"{ADDRESS}/16", router)
    containers.create(ContainerSpec(VMID, "zabbix", 1536, 0, 2, 8, (nic,)), archive)
    write_atomically(_version_file(site), chosen + "\n")
    _token_file(site).unlink(missing_ok=True)


def _start_ways(site: Site) -> None:
    """Lead the machine to the frontend, and Zabbix to the backup server."""
    processes = Processes(site)
    gateway.start(site, "zabbix", ADDRESS, WEB_PORT, "tls")
    processes.start("pbs-inlet", [sys.executable, "-m", "lab.services.inlet", "pbs", str(PBS_PORT)])
    for name in ("zabbix-gateway", "pbs-inlet"):
        processes.wait(name)


def _wait(site: Site, api: Api) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            api("apiinfo.version", [])
        except (OSError, ValueError):
            time.sleep(0.3)
        else:
            return
    said = Containers(site).execute(VMID, ["systemctl", "--failed", "--no-legend", "--plain"])
    raise LabError(f"Zabbix does not serve: {last_words(said)}")


def _trust_the_site(site: Site, containers: Containers) -> None:
    """Let Zabbix trust the site's authority and know the backup server by name."""
    authority = ensure_certificates(site).ca.read_bytes()
    line = f"{NODE} {PBS_NAME}"
    target = "/usr/local/share/ca-certificates/lab.crt"
    script = (
        f"grep -q '{line}' /etc/hosts || echo '{line}' >> /etc/hosts; "
        f"cat > /tmp/ca; cmp -s /tmp/ca {target} || {{ mv /tmp/ca {target}; update-ca-certificates; }}"
    )
    done = containers.execute(VMID, ["sh", "-c", script], authority)
    if done.returncode:
        raise LabError(f"Zabbix's container: {last_words(done)}")


def _prepare(site: Site, api: Api) -> None:
    """Do what an administrator would: own password, groups, the program's token, a read-only login."""
    password = secret(site, ZABBIX_ADMIN_PASSWORD)
    known = _token_file(site)
    if known.exists():
        return
    _login(api, password)
    groups = ensure_groups(api, GROUP)
    ensure_viewer(api, groups, READER, READER_PASSWORD)
    write_atomically(known, json.dumps({"token": deploy_token(api, groups)}) + "\n")


def _login(api: Api, password: str) -> None:
    """Log in as the administrator, whose first password is replaced."""
    try:
        api.login(ADMINISTRATOR, password)
    except LabError:
        api.login(ADMINISTRATOR, FIRST_PASSWORD)
        user = api("user.get", {"filter": {"username": ADMINISTRATOR}, "output": ["userid"]})[0]
        change = {"userid": user["userid"], "passwd": password}
        api("user.update", change if api.version == "6.0" else {**change, "current_passwd": FIRST_PASSWORD})
        api.login(ADMINISTRATOR, password)


def _token_file(site: Site) -> Path:
    return site.state / "zabbix-token.json"


def _version_file(site: Site) -> Path:
    return site.containers / str(VMID) / "zabbix-version"
