"""What there is in every system, so that two moments can be compared: duplicates, orphans, foreign things."""

import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from chaos.arena import Arena
from clients.netbox.kinds import KINDS
from lab.services import netbox, zabbix

NETBOX_KINDS: Final = (*(kind.path for kind in KINDS), "extras/tags", "dcim/sites", "virtualization/clusters")
"""What the program writes, and what it only refers to."""
PASSING: Final = frozenset(
    {"id", "url", "display_url", "created", "last_updated", "digest", "hwaddr", "upid", "object_id", "lock"}
    | {"hostid", "templateid", "groupid", "interfaceid", "parentTemplates_id", "mac_address", "primary_mac_address"}
    | {"assigned_object_id", "termination_id", "parent_object_id"}
)
"""What differs between two makings of the same thing."""
DEFAULTS: Final = {"cpulimit": 0}
"""Options that Proxmox's plugin writes out when it makes a container, and leaves out when it changes one."""
ABOUT_SERVER: Final = (
    "wg show wg0 listen-port; wg show wg0 allowed-ips | cut -f 2 | sort; "
    "systemctl is-active wg-quick@wg0; systemctl is-enabled wg-quick@wg0; ls /etc/wireguard"
)
"""What a server made anew shows as well: no keys."""
OWNER: Final = re.compile(r"(wireguard-vpn/chaos/|wireguard-vpn-chaos-)[0-9a-f-]+")
NUMBERED: Final = re.compile(r"(?<=Termination )\d+$|(?<=hwaddr=)[0-9A-Fa-f:]+")
"""Numbers inside of texts that every making gives anew."""

Facts = dict[str, str]


def look(arena: Arena, *, made: bool) -> Facts:
    """Return every fact by a name that says where it holds; `made` if the server should be there."""
    facts = dict(_stand_ins(arena))
    if "netbox" in arena.systems:
        facts |= _netbox(arena)
    if "zabbix" in arena.systems:
        facts |= _zabbix(arena)
    if made:
        facts["server"] = arena.lab.sh(f"{{ {ABOUT_SERVER}; }} 2>&1 || true")
        facts["keys"] = _text(public_keys(arena))
    return facts


def public_keys(arena: Arena) -> dict[str, str]:
    """Return the public keys of server and peers by name, as the stack gives them out."""
    outputs = arena.outputs()
    peers: Mapping[str, Mapping[str, str]] = outputs.get("peers", {})
    return {"server": outputs.get("public_key", "")} | {name: peer["public_key"] for name, peer in peers.items()}


def differences(before: Facts, after: Facts) -> list[str]:
    """Return what is more, less or other than it was."""
    names = sorted(before.keys() | after.keys())
    return [
        f"{name}: {_change(before.get(name), after.get(name))}" for name in names if before.get(name) != after.get(name)
    ]


def _change(before: str | None, after: str | None) -> str:
    if before is None:
        return f"is more than there was: {(after or '')[:160]}"
    if after is None:
        return "is gone"
    start = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    return f"…{before[max(0, start - 40) : start + 80]} became …{after[max(0, start - 40) : start + 80]}"


def await_node(arena: Arena) -> None:
    """Wait until the node works at no guest any more, a minute at most."""
    give_up = time.monotonic() + 60.0
    while any(guest["lock"] for guest in _node(arena)["guests"].values()) and time.monotonic() < give_up:
        time.sleep(0.5)


def _node(arena: Arena) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((arena.site.state / "pve/state.json").read_text())
    return state


def _stand_ins(arena: Arena) -> Iterator[tuple[str, str]]:
    pve = _node(arena)
    for vmid, guest in pve["guests"].items():
        if int(vmid) not in (netbox.VMID, zabbix.VMID):
            yield f"Proxmox guest {vmid}", _text(guest)
            yield f"Proxmox firewall {vmid}", _text(pve["guest_firewalls"].get(vmid))
    for kind in ("pools", "storages", "jobs", "acl", "users", "tokens", "roles", "volumes", "firewall"):
        yield f"Proxmox {kind}", _text(pve[kind])
    pbs = json.loads((arena.site.state / "pbs/state.json").read_text())
    for kind in ("prune", "verify"):
        for job, value in pbs[kind].items():
            yield f"PBS {kind} job {job}", _text(value)


def _netbox(arena: Arena) -> Facts:
    client = httpx.Client(
        base_url=f"{netbox.url(arena.site)}/api/",
        headers={"Authorization": f"Bearer {netbox.admin_token(arena.site)}"},
        verify=ssl.create_default_context(cafile=arena.environ["SSL_CERT_FILE"]),
        timeout=60,
    )
    facts: Facts = {}
    with client:
        for kind in NETBOX_KINDS:
            found = client.get(f"{kind}/", params={"limit": 500}).raise_for_status().json()["results"]
            for item in found:
                add(facts, f"NetBox {kind} {NUMBERED.sub('', item['display'])}", _text(item))
    return facts


def _zabbix(arena: Arena) -> Facts:
    api = zabbix.admin(arena.site)
    facts: Facts = {}
    wanted = {"selectTags": "extend", "selectInterfaces": ["ip", "port"], "selectParentTemplates": ["host"]}
    shown = ["host", "status", "description", "tls_connect", "tls_psk_identity"]
    for host in api("host.get", {"output": shown, **wanted}):
        add(facts, f"Zabbix host {host['host']}", _text(host))
    for template in api(
        "template.get", {"output": ["host"], "selectTags": "extend", "tags": [{"tag": "pulumi", "operator": 4}]}
    ):
        add(facts, f"Zabbix template {template['host']}", _text(template))
    for kind in ("hostgroup", "templategroup"):
        if kind == "hostgroup" or api.version != "6.0":
            for group in api(f"{kind}.get", {"output": ["name"]}):
                add(facts, f"Zabbix {kind} {group['name']}", "")
    return facts


def add(facts: Facts, name: str, text: str) -> None:
    """Count things of one name, whoever owns them, so that a duplicate shows."""
    name = OWNER.sub(r"\1OWNER", name)
    number = sum(1 for known in facts if known == name or known.startswith(f"{name} (copy "))
    facts[f"{name} (copy {number})" if number else name] = text


def _text(value: Any) -> str:
    return OWNER.sub(r"\1OWNER", json.dumps(_lasting(value), sort_keys=True))


def _lasting(value: Any) -> Any:
    """Leave out what differs between two makings; of a related object only its name counts."""
    if isinstance(value, dict):
        if "display" in value and "url" in value and "id" in value and "created" not in value:
            return value["display"]
        kept = {k: v for k, v in value.items() if k not in PASSING and not k.startswith("last_")}
        return {k: _lasting(v) for k, v in kept.items() if DEFAULTS.get(k) != v}
    if isinstance(value, list):
        words = all(isinstance(each, str) for each in value)  # in no order that NetBox would keep
        return sorted(value) if words else [_lasting(each) for each in value]
    return value if not isinstance(value, str) else NUMBERED.sub("", value)
