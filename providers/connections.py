"""Connections to Proxmox VE and Proxmox Backup Server with the credentials of this process."""

from pathlib import Path

from clients.pbs import SYSTEM as PBS
from clients.pbs import Pbs
from clients.proxmox import SYSTEM as PROXMOX
from clients.proxmox import Proxmox
from clients.tls import Trust
from providers.credentials import setting
from vpn.errors import Unauthorized

PROJECT = Path(__file__).resolve().parents[1]
"""Where Pulumi.yaml is, whatever directory the plugin runs in."""


def proxmox() -> Proxmox:
    """Return a client for the cluster. Raises Unauthorized when address or token are not configured."""
    endpoint = _needed(PROXMOX, "proxmox_endpoint", "PROXMOX_VE_ENDPOINT")
    token = _needed(PROXMOX, "proxmox_api_token", "PROXMOX_VE_API_TOKEN")
    return Proxmox(endpoint, token, trust=trust("proxmox"))


def pbs() -> Pbs:
    """Return a client for the backup server. Raises Unauthorized when address or token are not configured."""
    return Pbs.connect(_needed(PBS, "pbs_url", "PBS_URL"), _needed(PBS, "pbs_token", "PBS_TOKEN"), trust("pbs"))


def trust(system: str) -> Trust:
    """Return what a system's certificate is held against, from `<system>_ca_file` and `<system>_fingerprint`."""
    return Trust.configured(PROJECT, setting(f"{system}_ca_file"), setting(f"{system}_fingerprint"))


def _needed(system: str, key: str, variable: str) -> str:
    value = setting(key, variable)
    if value is None:
        raise Unauthorized(system, f"neither the config key {key} nor {variable} is set")
    return value
