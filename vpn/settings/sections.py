"""The sections of the configuration, flat keys grouped by what they are about (data model sections 1, 2, 5, 6, 7, 8).

A field's name is its config key. Defaults are the data model's.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from vpn.settings import ip, names
from vpn.settings import types as t


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)
    environment: ClassVar[dict[str, str]] = {}
    """Config key → environment variable that supplies it when the configuration does not."""


NIC: Final = "eth0"
"""The container's own network interface, as Proxmox VE is told to name it."""


class Container(Section):
    """The LXC container (data model 1). Sizes in MB and GB as Proxmox VE counts them (MiB, GiB)."""

    container_id: Annotated[int, t.integer(100, 999_999_999, "Proxmox VE: VMID range")] = 2090
    hostname: names.Hostname = "wireguard"
    domain: names.Domain = "infra.local"
    ip_address: names.ContainerAddress = "dhcp"
    gateway: t.Address4 | None = None
    dns_servers: t.Addresses = ()
    bridge: names.InterfaceName = "vmbr0"
    vlan: Annotated[int, t.integer(1, 4094, "IEEE 802.1Q")] | None = None
    memory_mb: Annotated[int, t.integer(512, 1_048_576, "data model 1: at least 512")] = 1024
    cpu_cores: Annotated[int, t.integer(1, 8192, "data model 1: at least 1")] = 1
    disk_gb: Annotated[int, t.integer(2, 8192, "room for Debian and its packages")] = 8
    swap_mb: Annotated[int, t.integer(0, 1_048_576, "Proxmox VE: swap")] = 512
    storage_pool: names.Identifier = "local-lvm"
    unprivileged: t.OnlyTrue = True
    onboot: t.Bool = True
    nesting: t.OnlyTrue = True
    pool: names.Identifier | None = None
    protect: t.Bool = True
    allow_replacement: t.Bool = False


DEBIAN_12 = "http://download.proxmox.com/images/system/debian-12-standard_12.7-1_amd64.tar.zst"
PINNED = {
    DEBIAN_12: "39f6d06e082d6a418438483da4f76092ebd0370a91bad30b82ab6d0f442234d6"
    "3fe27a15569895e34d6d1e5ca50319f62637f7fb96b98dbde4f6103cf05bff6d",
}
"""SHA-512 of the templates known here, by address."""


class Proxmox(Section):
    """The Proxmox VE API and where the container's template comes from."""

    environment: ClassVar[dict[str, str]] = {
        "proxmox_endpoint": "PROXMOX_VE_ENDPOINT",
        "proxmox_api_token": "PROXMOX_VE_API_TOKEN",
        "template_checksum": "WIREGUARD_VPN_TEMPLATE_CHECKSUM",
    }
    proxmox_endpoint: names.Url | None = None
    proxmox_api_token: t.SecretText | None = None
    proxmox_node: names.Hostname = "pve"
    proxmox_ca_file: names.LocalPath | None = None
    proxmox_fingerprint: names.Fingerprint | None = None
    template_storage: names.Identifier = "local"
    template_url: names.DownloadUrl = DEBIAN_12
    template_checksum: names.Sha512 | None = None
    template_file_name: names.FileName | None = None

    @property
    def pinned_checksum(self) -> str | None:
        """The checksum given, or the one known here for the address; None leaves the file unverified."""
        return self.template_checksum or PINNED.get(self.template_url)

    @property
    def file_name(self) -> str:
        """The template's name in its storage: the one given, or the last part of the address."""
        return self.template_file_name or self.template_url.rpartition("/")[2]


class Interface(Section):
    """The WireGuard interface and its file (data model 2, 5)."""

    interface_name: names.InterfaceName = "wg0"
    file_path: names.AbsolutePath = "/etc/wireguard/wg0.conf"
    address: t.Interface4 = ip.interface4("10.8.0.1/24")
    address_ipv6: t.Interface6 | None = None
    listen_port: Annotated[int, t.integer(1, 65535, "data model 2")] = 51820
    private_key: t.SecretKey | None = None
    public_key: t.PublicKey | None = None
    save_config: t.Bool = True
    mtu: Annotated[int, t.integer(1280, 65535, "IPv6 needs 1280")] | None = None
    implementation: Annotated[str, t.choice("kernel", "userspace")] = "kernel"
    endpoint: names.PublicEndpoint | None = None
    dns: Annotated[tuple[names.DnsEntry, ...], BeforeValidator(t.as_list)] = ()


class Route(Section):
    """One network that VPN clients reach through the server (data model 7)."""

    destination_network: t.Network
    source_network: t.Network | None = None
    gateway: t.Address | None = None
    route_type: Annotated[str, t.choice("static", "dynamic")] = "static"
    metric: Annotated[int, t.integer(0, 4_294_967_295, "ip-route(8)")] | None = None


class Routing(Section):
    """What lies behind the server, and what must never be reached (data model 7).

    A list of your own takes the place of the default, it is not added: `dmz_networks` names all of the DMZ.
    """

    routes: Annotated[tuple[Route, ...], BeforeValidator(t.as_list)] = (Route(destination_network="192.168.0.0/16"),)
    dmz_networks: Annotated[
        tuple[t.Network, ...], t.not_empty("the list takes the place of the default, and no DMZ would be cut off")
    ] = (ip.network("172.16.10.0/24"),)
    masquerade: t.Bool = True
    peer_to_peer: t.Bool = False


class Firewall(Section):
    """Who may talk to the server itself."""

    proxmox_firewall: t.Bool = True
    listen_sources: Annotated[tuple[t.Network, ...], t.not_empty("else no peer can connect")] = (
        ip.network("0.0.0.0/0"),
        ip.network("::/0"),
    )
    ssh_sources: Annotated[tuple[t.Network, ...], t.not_empty("else the server cannot be configured")] = (
        ip.network("192.168.0.0/16"),
    )


class Ssh(Section):
    """The way to the container: its host key and the jump host."""

    environment: ClassVar[dict[str, str]] = {
        "ssh_jump_host": "WIREGUARD_VPN_SSH_JUMP_HOST",
        "ssh_jump_port": "WIREGUARD_VPN_SSH_JUMP_PORT",
        "ssh_jump_user": "WIREGUARD_VPN_SSH_JUMP_USER",
        "ssh_jump_private_key_file": "WIREGUARD_VPN_SSH_JUMP_PRIVATE_KEY_FILE",
        "ssh_jump_host_key": "WIREGUARD_VPN_SSH_JUMP_HOST_KEY",
    }
    ssh_host_key: names.HostKey | None = None
    ssh_jump_host: names.Host | None = None
    ssh_jump_port: Annotated[int, t.integer(1, 65535, "TCP port")] = 22
    ssh_jump_user: Annotated[str, t.matching(r"[a-z_][a-z0-9_-]{0,31}", "must be a login name")] = "root"
    ssh_jump_private_key: t.SecretText | None = None
    ssh_jump_private_key_file: names.LocalPath | None = None
    ssh_jump_host_key: names.HostKey | None = None


GIVEN_KEYS_RULE: Final = "must map server, peer/NAME, psk/NAME or ssh to a key"
_GIVEN_NAME = re.compile(r"server|ssh|(peer|psk)/[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def _given_keys(value: object) -> dict[str, SecretStr]:
    """Secrets by the keyring's names. The rule alone is told: neither names nor values of what is wrong."""
    found = t.as_mapping(value)
    if not isinstance(found, dict) or not all(_GIVEN_NAME.fullmatch(str(name)) for name in found):
        raise ValueError(GIVEN_KEYS_RULE)
    return {str(name): (t.login_key if name == "ssh" else t.secret_key)(key) for name, key in found.items()}


class Keys(Section):
    """When keys are renewed (data model 6). Ages in days.

    `given_keys` holds keys that come from elsewhere by name (server, peer/NAME, psk/NAME), for peers whose file is no
    place for secrets, and the login to the container (ssh) that `wgvpn keys login` made. Once an `up` has taken them
    into the keyring they may be removed here: keys stay. Age rotates none of them, then or later; once they are removed
    here, a raised generation does.
    """

    rotation_policy: Annotated[str, t.choice("manual", "automatic")] = "manual"
    max_key_age_days: Annotated[int, t.integer(1, 36_500, "days")] = 365
    key_generation: Annotated[int, t.integer(1, 1_000_000, "raise it to rotate the server's key")] = 1
    given_keys: Annotated[dict[str, SecretStr], t.checked(_given_keys)] | None = None
