"""NetBox as a server of the site: in a container on the management network, kept between runs.

start(site)       build, make, start and seed what is missing; wait until it serves
variables(site)   what the program needs to reach it
"""

import hashlib
import json
import secrets
import ssl
import string
import time
import urllib.request

from lab.certificates import ensure_certificates
from lab.commands import last_words, progress
from lab.container_spec import ContainerSpec, Nic
from lab.containers import Containers
from lab.credentials import secret
from lab.errors import LabError
from lab.processes import Processes
from lab.services import gateway
from lab.services.netbox_image import SEED, image
from lab.site import BRIDGES, Site

VMID = 9031
ADDRESS = "192.168.10.31"
PORT = 8443
READER = "reader"
LOGIN = (READER, "reader")
"""User name and password of the read-only login that `make lab` shows."""
PROJECT = "wireguard-vpn"
START_SECONDS = 180.0
HOME = "/opt/netbox"
_AS_NETBOX = ["setpriv", "--reuid", "netbox", "--regid", "netbox", "--init-groups"]
_DJANGO = [f"NETBOX_ROOT={HOME}", "PYTHONWARNINGS=ignore", "DJANGO_SETTINGS_MODULE=netbox.settings"]


def start(site: Site) -> None:
    """Bring NetBox up, whatever state it is in; quick when it runs. Raises LabError."""
    containers = Containers(site)
    if not containers.exists(VMID):
        archive = image(site).archive(site)
        progress("Making NetBox's container")
        containers.create(_spec(site), archive)
    if not containers.running(VMID):
        containers.start(VMID)
    _start_gateway(site)
    _install_certificate(site, containers)
    _wait(site)
    seed(site)


def seed(site: Site) -> None:
    """Make site, cluster, the program's least-privilege token and the read-only login, if missing."""
    marker = site.state / "netbox-seeded"
    if marker.exists() and marker.read_text() == _seed_digest(site):
        return
    wanted = {"project": PROJECT, "program_token": token(site), "admin_token": admin_token(site)}
    containers = Containers(site)
    _execute(containers, ["tee", f"{HOME}/seed.py"], SEED.read_bytes())
    python = [*_AS_NETBOX, "env", *_DJANGO, f"{HOME}/venv/bin/python", f"{HOME}/seed.py"]
    _execute(containers, python, json.dumps(wanted).encode())
    marker.write_text(_seed_digest(site))


def url(site: Site) -> str:
    """Return where NetBox is reached from this machine."""
    return f"https://localhost:{site.port('netbox')}"


def token(site: Site) -> str:
    """Return the program's API token: it may look, and change what carries the project's tags."""
    return secret(site, "netbox_token", _new_token)


def admin_token(site: Site) -> str:
    """Return an administrator's API token, for tests."""
    return secret(site, "netbox_admin_token", _new_token)


def variables(site: Site) -> dict[str, str]:
    """Return the environment of a shell that works with the lab."""
    return {"NETBOX_URL": url(site), "NETBOX_TOKEN": token(site)}


def _spec(site: Site) -> ContainerSpec:
    router = BRIDGES["vmbr0"].partition("/")[0]
    mac = f"02:00:00:{site.hash[0:2]}:{site.hash[2:4]}:31"
    nic = Nic("eth0", "vmbr0", mac, f"{ADDRESS}/16", router)
    return ContainerSpec(VMID, "netbox", 2048, 0, 2, 8, (nic,))


def _start_gateway(site: Site) -> None:
    gateway.start(site, "netbox", ADDRESS, PORT)
    Processes(site).wait("netbox-gateway")


def _install_certificate(site: Site, containers: Containers) -> None:
    """Give NetBox the site's certificate; the first time, NetBox has started without and starts again."""
    files = ensure_certificates(site)
    if containers.execute(VMID, ["test", "-s", f"{HOME}/conf/tls.key"]).returncode == 0:
        return
    for name, path in (("tls.pem", files.certificate), ("tls.key", files.key)):
        script = f"umask 077; cat > {HOME}/conf/{name} && chown netbox: {HOME}/conf/{name}"
        _execute(containers, ["sh", "-c", script], path.read_bytes())
    _execute(containers, ["systemctl", "restart", "netbox.service"])


def _wait(site: Site) -> None:
    """Wait until NetBox shows its login page."""
    context = ssl.create_default_context(cafile=str(ensure_certificates(site).ca))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url(site)}/login/", timeout=10, context=context).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    said = Containers(site).execute(VMID, ["journalctl", "-u", "netbox", "-n", "5", "--no-pager", "-o", "cat"])
    raise LabError(f"NetBox does not serve: {last_words(said)}")


def _execute(containers: Containers, argv: list[str], stdin: bytes = b"") -> None:
    done = containers.execute(VMID, argv, stdin)
    if done.returncode:
        raise LabError(f"NetBox's container: {' '.join(argv[:2])}: {last_words(done)}")


def _seed_digest(site: Site) -> str:
    return hashlib.sha256(SEED.read_bytes() + token(site).encode()).hexdigest()


def _new_token() -> str:
    """Return a token in NetBox's v2 form: nbt_, 12 characters of key, 40 of secret."""
    alphabet = string.ascii_letters + string.digits
    key, plain = ("".join(secrets.choice(alphabet) for _ in range(length)) for length in (12, 40))
    return f"nbt_{key}.{plain}"
