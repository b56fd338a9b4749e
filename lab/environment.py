"""What a shell needs to work with the lab: written to `.lab/env.sh`, sourced by `lab/env`."""

import os
import shlex
from pathlib import Path

from lab import services
from lab.certificates import ensure_certificates
from lab.servers import present
from lab.site import Site, write_atomically
from lab.templates import checksum, ensure_template

PASSPHRASE = "wireguard-vpn lab"
"""Passphrase of the stack `lab`, the same in every checkout: Pulumi.lab.yaml carries its salt,
and the lab's state holds the lab's keys alone."""


def variables(site: Site) -> dict[str, str]:
    """Return every variable `. lab/env` sets, PATH apart."""
    certificates = ensure_certificates(site)
    template = ensure_template(site)
    found = {
        "PULUMI_HOME": str(site.state / "pulumi-home"),
        # Without what Pulumi would write beside the state, not in one piece: killed then, it could not read the state.
        "PULUMI_BACKEND_URL": f"file://{site.state / 'backend'}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(site.state / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONDONTWRITEBYTECODE": "",  # a machine that sets it would compile the program anew at every preview
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "SSL_CERT_FILE": str(certificates.bundle),
        "WIREGUARD_VPN_LAB_CA": str(certificates.ca),
        "WIREGUARD_VPN_TEMPLATE_CHECKSUM": checksum(template),
    }
    for server in present():
        found |= server.variables(site)
    return found | services.variables(site)


def path(site: Site) -> str:
    """Return the directories `. lab/env` puts before PATH: toolchain and virtual environment."""
    return f"{toolchain(site)}:{site.root / '.venv/bin'}"


def toolchain(site: Site) -> Path:
    """Return the directory of the toolchain's commands, which tools/setup links to."""
    return site.state / "toolchain" / "bin"


def write(site: Site) -> None:
    """Write `.lab/env.sh`, and the files its variables name."""
    (site.state / "backend").mkdir(exist_ok=True)
    write_atomically(site.state / "passphrase", PASSPHRASE)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables(site).items()]
    directories = shlex.quote(path(site))
    lines.append(f'case ":$PATH:" in *:{directories}:*) ;; *) PATH={directories}:$PATH; export PATH ;; esac')
    write_atomically(site.state / "env.sh", "\n".join(lines) + "\n")


def process_environment(site: Site) -> dict[str, str]:
    """Return this process's environment as it would be after `. lab/env`."""
    return {**os.environ, **variables(site), "PATH": f"{path(site)}:{os.environ.get('PATH', '')}"}
