"""The way back: an imported configuration as one wg-quick file, which `parse` reads to the same."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network
from typing import Any

from vpn.foreign.conf import DISABLED
from vpn.foreign.imported import Imported
from vpn.wgconf import WgConf, WgPeer, render


def export(imported: Imported) -> str:
    """Return the server's wg-quick file. It holds the server's secrets; those of clients have no place in it.

    Disabled peers stand in it commented out, with the mark that pivpn uses.
    """
    config = imported.config
    conf = WgConf(
        private_key=imported.secrets["private_key"],
        addresses=tuple(ip_interface(config[key]) for key in ("address", "address_ipv6") if key in config),
        listen_port=config.get("listen_port"),
        mtu=config.get("mtu"),
        save_config=config.get("save_config", False),
    )
    blocks = [_block(conf, peer, imported.secrets, f"peers[{index}]") for index, peer in enumerate(config["peers"])]
    return render(conf) + "".join(blocks)


def _block(conf: WgConf, peer: Mapping[str, Any], secrets: Mapping[str, str], prefix: str) -> str:
    """Render one peer by the same template as all, and cut its section out."""
    networks = (*peer.get("allowed_ips", ()), *peer.get("site_networks", ()))
    wg_peer = WgPeer(
        public_key=peer["public_key"],
        allowed_ips=tuple(ip_network(each) for each in networks),
        preshared_key=secrets.get(f"{prefix}.preshared_key"),
        endpoint=peer.get("endpoint"),
        keepalive=peer["persistent_keepalive"],
        name=peer["name"],
    )
    whole = render(WgConf(conf.private_key, peers=(wg_peer,)))
    section = whole[whole.index("\n[Peer]") :]
    if "expires_at" in peer:
        section += f"# Expires = {peer['expires_at']}\n"
    if not peer.get("disabled"):
        return section
    return "\n" + "".join(f"{DISABLED}{line}\n" for line in section.strip().split("\n"))
